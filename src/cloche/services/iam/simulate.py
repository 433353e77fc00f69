"""The policy simulator: the same decision as everywhere, asked with the policies and the context that somebody supposes."""
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from cloche.iam import Bundle, Context, Decision, MalformedPolicy, Policy, Principal, Question, decide, grammar, parse, root
from cloche.iam.decide import context_of
from cloche.iam.policy import Named, positions
from cloche.kernel import ANY, Call
from cloche.services.organizations import public as organizations

from . import errors, groups, policies, roles, users
from . import service as iam
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t


BOUNDARY, SCP = frozenset(("permission-boundary",)), frozenset(("scp",))


class Supposed(msgspec.Struct):
    """What a simulation asks with. The kinds of the named policies are AWS's PolicySourceType."""

    principal: Principal
    identity: list[Named]
    boundary: Named | None
    scps: list[list[Named]] | None
    resource_policy: tuple[str, Policy] | None


def compiled(texts: Iterable[str], member: str, kind: str = "") -> list[Named]:
    found = []
    for i, text in enumerate(texts):
        try:
            found.append((f"{member}.{i + 1}", kind, grammar.identity(text)))
        except MalformedPolicy as error:
            raise errors.invalid(f"Policy {member}.{i + 1} is not valid: {error.message}") from None
    return found


def caller(call: Call, arn: str) -> Principal:
    """The principal with this ARN; it need not exist."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] not in ("iam", "sts"):
        raise errors.invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    account, name = parts[4], parts[5].rpartition("/")[2]
    if parts[5] == "root":
        return root(account)
    there = call.at(account, call.region)
    if parts[5].startswith("user/") and (user := there.get(users.User, name.lower())):
        return Principal(kind="user", arn=arn, account=account, id=user.id, name=user.name, tags=user.tags)
    if parts[5].startswith("role/"):
        role = there.get(roles.Role, name.lower())
        return Principal(kind="role", arn=arn, role_arn=arn, account=account, id=role.id if role else "", name=name, tags=role.tags if role else {})
    return Principal(kind="user", arn=arn, account=account, name=name)


def resource_policy(req: Any) -> tuple[str, Policy] | None:
    if "ResourcePolicy" not in req:
        return None
    if "CallerArn" not in req:
        raise errors.invalid("A caller must be specified with a resource policy.")
    try:
        return "ResourcePolicy", parse(req["ResourcePolicy"])
    except MalformedPolicy as error:
        raise errors.invalid(f"The resource policy is not valid: {error.message}") from None


MOST = ("allowed", "implicitDeny", "explicitDeny")     # the further right, the more restrictive
IAM_POLICY, RESOURCE_POLICY = "IAM Policy", "Resource Policy"
ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


def simulated(call: Call, req: Any, supposed: Supposed) -> dict[str, Any]:
    """One result an action; what each resource gets is told inside of it."""
    context = Context({entry["ContextKeyName"]: entry.get("ContextKeyValues", []) for entry in req.get("ContextEntries", []) if "ContextKeyName" in entry})
    for action in req["ActionNames"]:
        if ":" not in action:
            raise errors.invalid(f"Invalid action name: {action}. An action has the form service:action.")
    found, more = page(req, enumerate(req["ActionNames"]), key=lambda pair: str(pair[0]), ordered=True)
    return {"EvaluationResults": [_result(req, supposed, context, action) for _, action in found], **more}


def _result(req: Any, supposed: Supposed, context: Context, action: str) -> dict[str, Any]:
    resources = req.get("ResourceArns") or ["*"]
    asked = [_question(req, supposed, context, action, resource) for resource in resources]
    told = [_specific(question, supposed) for question in asked]
    matched: list[dict[str, Any]] = []
    decision = max((one["EvalResourceDecision"] for one in told), key=MOST.index)
    for one in told:
        if one["EvalResourceDecision"] == decision:
            matched += [statement for statement in one["MatchedStatements"] if statement not in matched]
    result: dict[str, Any] = {
        "EvalActionName": action, "EvalResourceName": resources[0] if len(resources) == 1 else "*", "EvalDecision": decision, "MatchedStatements": matched,
        "MissingContextValues": sorted({key for one in told for key in one["MissingContextValues"]}),
    }
    if supposed.boundary is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": all(one["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for one in told)}
    by_organization = True
    if supposed.scps is not None:
        by_organization = all(_lets(action, question.resource, question, level) for question in asked for level in supposed.scps)
        result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": by_organization}
    if resources != ["*"]:
        result["ResourceSpecificResults"] = told
        if by_organization:                            # where Organizations says no, nobody asks further
            details = [one.get("EvalDecisionDetails", {}) for one in told]
            result["EvalDecisionDetails"] = {kind: max((one[kind] for one in details if kind in one), key=MOST.index) for kind in {kind for one in details for kind in one}}
    return result


def _question(req: Any, supposed: Supposed, context: Context, action: str, resource: str) -> Question:
    owner = req.get("ResourceOwner", "")
    return Question(principal=supposed.principal, action=action, resource=resource, resource_account=owner.split(":")[4] if owner.count(":") >= 5 else owner,
                    context=context, identity=Bundle(supposed.identity), boundary=supposed.boundary, scps=supposed.scps, resource_policy=supposed.resource_policy)


def _specific(question: Question, supposed: Supposed) -> dict[str, Any]:
    decision = decide(question)
    told: dict[str, Any] = {
        "EvalResourceName": question.resource, "EvalResourceDecision": _word(decision), "MatchedStatements": _matched(question, decision),
        "MissingContextValues": _missing(question, context_of(question)),
    }
    if question.resource_account not in ("", question.principal.account):   # across accounts each side decides for itself
        told["EvalDecisionDetails"] = {IAM_POLICY: _side(question, identity=True), RESOURCE_POLICY: _side(question, identity=False)}
    if supposed.boundary is not None:
        told["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": _lets(question.action, question.resource, question, [supposed.boundary])}
    return told


def _side(question: Question, *, identity: bool) -> str:
    """What the caller's policies alone, or the resource's policy alone, would say."""
    if identity:
        return _word(decide(replace(question, resource_policy=None, resource_account="")))
    return _word(decide(replace(question, identity=Bundle((("everything", "", parse(ANYTHING)),)), boundary=None, scps=None)))


def _word(decision: Decision) -> str:
    return "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"


def _lets(action: str, resource: str, question: Question, policies_: Iterable[Named]) -> bool:
    nobody = Principal(kind="user", arn=question.principal.arn, account=question.principal.account, name=question.principal.name, tags=question.principal.tags)
    return decide(Question(principal=nobody, action=action, resource=resource, context=question.context, identity=Bundle(policies_))).allowed


def _sources(question: Question) -> list[tuple[Named, bool]]:
    """The policies whose statements and keys are told: the caller's and the resource's. And: do their statements name principals?"""
    found = [(named, False) for named in question.identity]
    if question.resource_policy is not None:
        found.append(((question.resource_policy[0], "resource", question.resource_policy[1]), True))
    return found


def _matched(question: Question, decision: Decision) -> list[dict[str, Any]]:
    """The statements that make the result: the denials, or else the allowances."""
    context, wanted = context_of(question), not decision.explicit
    return [_statement(named, s.index) for named, by_principal in _sources(question) for s in named[2].statements
            if s.allows == wanted and s.matches_action(question.action.lower()) and s.holds(question.resource, context)
            and (not by_principal or s.names(question.principal))]


def _statement(named: Named, index: int) -> dict[str, Any]:
    name, kind, policy = named
    start, end = positions(policy.text)[index]

    def place(at: int) -> dict[str, int]:
        before = policy.text[:at]
        return {"Line": before.count("\n") + 1, "Column": at - (before.rfind("\n") + 1) + 1}
    return {"SourcePolicyId": name, "SourcePolicyType": kind or "IAM Policy", "StartPosition": place(start), "EndPosition": place(end)}


def _missing(question: Question, context: Context) -> list[str]:
    """Condition keys that statements about the action ask for and nobody supposed."""
    known = context_of(question)
    keys = {key for named, _ in _sources(question) for s in named[2].statements if s.matches_action(question.action.lower()) for key in s.asks()}
    return sorted(key for key in keys if known.get(key.lower()) is None)


@iam.op(resource=ANY)
def simulate_custom_policy(call: Call, req: t.SimulateCustomPolicyRequest) -> t.SimulatePolicyResponse:
    boundary = compiled(req.get("PermissionsBoundaryPolicyInputList", []), "PermissionsBoundaryPolicyInputList")
    levels = [compiled(level.get("ServiceControlPolicyInputList", []), f"OrderedOrganizationPolicyInputList.{i + 1}")
              for i, level in enumerate(req.get("OrderedOrganizationPolicyInputList", []))]
    who = caller(call, req["CallerArn"]) if "CallerArn" in req else Principal(kind="user", arn=call.principal.arn, account=call.account)
    return simulated(call, req, Supposed(who, compiled(req["PolicyInputList"], "PolicyInputList"), boundary[0] if boundary else None, levels or None, resource_policy(req)))


def by_source(call: Call, req: Any) -> str:
    return req["PolicySourceArn"]


def held(call: Call, arn: str) -> tuple[list[Named], Named | None]:
    """The policies and the boundary of a user, group or role, named as the simulator names them."""
    parts = arn.split(":", 5)
    kind, _, name = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    name = name.rpartition("/")[2]
    if kind not in ("user", "group", "role") or not name:
        raise errors.invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    entity: Any = {"user": users.find, "group": groups.find, "role": roles.find}[kind](call, name)
    found = _named(call, entity, kind)
    if kind == "user":
        for group in entity.groups:
            found += _named(call, groups.find(call, group), "group")
    text = policies.document(call, entity.boundary) if getattr(entity, "boundary", "") else None
    return found, (entity.boundary, "user-managed", parse(text)) if text else None


def _named(call: Call, entity: Any, kind: str) -> list[Named]:
    found: list[Named] = [(name, kind, parse(text)) for name, text in entity.inline.items()]
    for arn in entity.attached:
        if text := policies.document(call, arn):
            found.append((arn.rpartition("/")[2], "aws-managed" if arn.split(":")[4] == "aws" else "user-managed", parse(text)))
    return found


def excluded(req: Any, named: Named, kinds: frozenset[str] = frozenset()) -> bool:
    """Is this one of the policies that the simulation is asked to leave out?"""
    name, kind, _ = named
    inline = kind in ("user", "group", "role")
    for one in req.get("PolicyExclusionList", []):
        asked = one.get("PolicyType", "")
        if (by_name := one.get("InlinePolicyIdentifier")) and inline and by_name["PolicyName"] == name and by_name["AttachmentType"] == kind:
            return True
        if (arn := one.get("PolicyArn")) and arn.rpartition("/")[2] == name.rpartition("/")[2] and not inline:
            return True
        if not by_name and not arn and (asked in kinds or asked == ("inline" if inline else kind)):
            return True
    return False


@iam.op(resource=by_source)
def simulate_principal_policy(call: Call, req: t.SimulatePrincipalPolicyRequest) -> t.SimulatePolicyResponse:
    own, boundary = held(call, req["PolicySourceArn"])
    own = [named for named in own if not excluded(req, named)]
    if boundary is not None and excluded(req, boundary, BOUNDARY):
        boundary = None
    if given := compiled(req.get("PermissionsBoundaryPolicyInputList", []), "PermissionsBoundaryPolicyInputList"):
        boundary = given[0]
    who = caller(call, req.get("CallerArn") or req["PolicySourceArn"])
    return simulated(call, req, Supposed(who, own + compiled(req.get("PolicyInputList", []), "PolicyInputList"), boundary, _control(call, req, who), resource_policy(req)))


def _control(call: Call, req: Any, who: Principal) -> list[list[Named]] | None:
    levels = binding(call, who.account)
    if levels is None:
        return None
    return [level for each in levels if (level := [named for named in each if not excluded(req, named, SCP)])] or None


def binding(call: Call, account: str) -> list[list[Named]] | None:
    """The service control policies over an account, level by level. The simulator leaves out those that have conditions."""
    above = organizations.controls(call.cloud, account)
    if above is None or not above.levels:
        return None
    return [[named for named in level if not any(s.conditions for s in named[2].statements)] for level in above.levels]


def keys_of(found: Iterable[Named]) -> list[str]:
    return sorted({key for named in found for s in named[2].statements for key in s.asks()})


@iam.op(resource=ANY)
def get_context_keys_for_custom_policy(call: Call, req: t.GetContextKeysForCustomPolicyRequest) -> t.GetContextKeysForPolicyResponse:
    return {"ContextKeyNames": keys_of(compiled(req["PolicyInputList"], "PolicyInputList"))}


@iam.op(resource=by_source)
def get_context_keys_for_principal_policy(call: Call, req: t.GetContextKeysForPrincipalPolicyRequest) -> t.GetContextKeysForPolicyResponse:
    return {"ContextKeyNames": keys_of(held(call, req["PolicySourceArn"])[0] + compiled(req.get("PolicyInputList", []), "PolicyInputList"))}
