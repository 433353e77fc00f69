"""Policies and what they are attached to.

Service control policies bind who is in an account, resource control policies what is in it; the others are documents for other services,
merged along the path by `effective`.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call

from . import errors, pages, tags
from . import service as organizations
from .records import LETTERS, Node, Organization, Policy, about, arn, managing, node, reading, root
from .types import MANAGED, nodes

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

CONTROL = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
# "Maximum size of a policy document" and "of policies attached to a root, OU or account" in the quotas of Organizations
SIZE = {"SERVICE_CONTROL_POLICY": 5120, "RESOURCE_CONTROL_POLICY": 5120, "AISERVICES_OPT_OUT_POLICY": 2500}
ATTACHED = {"SERVICE_CONTROL_POLICY": 5, "RESOURCE_CONTROL_POLICY": 5, "AISERVICES_OPT_OUT_POLICY": 5, "CHATBOT_POLICY": 5}


def find(there: Call, id_: str) -> Policy:
    found = MANAGED.get(id_) or there.get(Policy, id_)
    if found is None:
        raise errors.no_policy()
    return found


def own(there: Call, id_: str) -> Policy:
    """One that may be changed."""
    if id_ in MANAGED:
        raise errors.immutable()
    return find(there, id_)


def summary(organization: Organization, policy: Policy) -> t.PolicySummary:
    return {"Id": policy.id, "Arn": arn(organization, policy.id, policy.type), "Name": policy.name, "Description": policy.description, "Type": policy.type,  # type: ignore[typeddict-item]
            "AwsManaged": policy.id in MANAGED}


def view(organization: Organization, policy: Policy) -> t.Policy:
    return {"PolicySummary": summary(organization, policy), "Content": policy.content}


def checked(type_: str, content: str) -> str:
    if len(content) > SIZE.get(type_, 10_000):
        raise errors.too_large()
    try:
        document = json.loads(content)
        if not isinstance(document, dict):
            raise errors.malformed()
        if type_ == "SERVICE_CONTROL_POLICY":
            grammar.identity(content)
        elif type_ == "RESOURCE_CONTROL_POLICY":
            grammar.resource(content)
            _only_denies(document)
    except (ValueError, MalformedPolicy):
        raise errors.malformed() from None
    return content


def _only_denies(document: dict[str, Any]) -> None:
    """Resource control policies of one's own deny, to everybody, and name the services that they are about."""
    raw = document["Statement"]
    for statement in [raw] if isinstance(raw, dict) else raw:
        actions = statement.get("Action")
        wide = actions == "*" or (isinstance(actions, list) and "*" in actions)
        if statement["Effect"] != "Deny" or statement.get("Principal") not in ("*", {"AWS": "*"}) or wide or {"NotAction", "NotPrincipal"} & statement.keys():
            raise errors.malformed()


# -- their life -----------------------------------------------------------------------------------------------------------------

@organizations.op(needs=about())
def create_policy(call: Call, req: t.CreatePolicyRequest) -> t.CreatePolicyResponse:
    there, organization = managing(call)
    if organization.features != "ALL":
        raise errors.type_unavailable()
    content = checked(req["Type"], req["Content"])
    _fresh_name(there, req["Name"], req["Type"])
    made = there.put(Policy(f"p-{call.pick(LETTERS, 8)}", req["Name"], req["Type"], req["Description"], content, (), tags.given(call, req)))
    return {"Policy": view(organization, made)}


def _fresh_name(there: Call, name: str, type_: str, but: str = "") -> None:
    if any(one.name == name and one.type == type_ and one.id != but for one in [*MANAGED.values(), *there.all(Policy)]):
        raise errors.duplicate_policy()


@organizations.op(needs=about("PolicyId"))
def describe_policy(call: Call, req: t.DescribePolicyRequest) -> t.DescribePolicyResponse:
    there, organization = reading(call)
    return {"Policy": view(organization, find(there, req["PolicyId"]))}


@organizations.op(needs=about("PolicyId"))
def update_policy(call: Call, req: t.UpdatePolicyRequest) -> t.UpdatePolicyResponse:
    there, organization = managing(call)
    found = own(there, req["PolicyId"])
    name = req.get("Name", found.name)
    _fresh_name(there, name, found.type, found.id)
    content = checked(found.type, req["Content"]) if "Content" in req else found.content
    return {"Policy": view(organization, there.put(found.but(name=name, content=content, description=req.get("Description", found.description))))}


@organizations.op(needs=about("PolicyId"))
def delete_policy(call: Call, req: t.DeletePolicyRequest) -> None:
    there, _ = managing(call)
    found = own(there, req["PolicyId"])
    if found.targets:
        raise errors.policy_in_use()
    there.delete(found)


@organizations.op(needs=about())
def list_policies(call: Call, req: t.ListPoliciesRequest) -> t.ListPoliciesResponse:
    there, organization = reading(call)
    known = [*(MANAGED.values() if organization.features == "ALL" else ()), *there.all(Policy)]
    shown, more = pages.page(req, (one for one in known if one.type == req["Filter"]), key=lambda one: one.id)
    return {"Policies": [summary(organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- attachments ----------------------------------------------------------------------------------------------------------------

def target(there: Call, id_: str) -> Node:
    found = node(there, id_)
    if found is None:
        raise errors.no_target()
    return found


def of_type(there: Call, one: Node, type_: str) -> list[Policy]:
    return [policy for id_ in one.policies if (policy := find(there, id_)).type == type_]


@organizations.op(needs=about("PolicyId", "TargetId"))
def attach_policy(call: Call, req: t.AttachPolicyRequest) -> None:
    there, organization = managing(call)
    policy, one = find(there, req["PolicyId"]), target(there, req["TargetId"])
    if policy.type not in root(there, organization.root).types:
        raise errors.type_not_enabled()
    if policy.id in one.policies:
        raise errors.attached_already()
    if len(of_type(there, one, policy.type)) >= ATTACHED.get(policy.type, 10):
        raise errors.too_many_attached()
    there.put(one.but(policies=(*one.policies, policy.id)))
    if policy.id not in MANAGED:
        there.put(policy.but(targets=(*policy.targets, one.id)))


@organizations.op(needs=about("PolicyId", "TargetId"))
def detach_policy(call: Call, req: t.DetachPolicyRequest) -> None:
    there, _ = managing(call)
    policy, one = find(there, req["PolicyId"]), target(there, req["TargetId"])
    if policy.id not in one.policies:
        raise errors.not_attached()
    if policy.type == "RESOURCE_CONTROL_POLICY" and policy.id in MANAGED:
        raise errors.not_detachable()
    if policy.type == "SERVICE_CONTROL_POLICY" and len(of_type(there, one, policy.type)) == 1:
        raise errors.last_policy()
    there.put(one.but(policies=tuple(x for x in one.policies if x != policy.id)))
    if policy.id not in MANAGED:
        there.put(policy.but(targets=tuple(x for x in policy.targets if x != one.id)))


@organizations.op(needs=about("TargetId"))
def list_policies_for_target(call: Call, req: t.ListPoliciesForTargetRequest) -> t.ListPoliciesForTargetResponse:
    there, organization = reading(call)
    shown, more = pages.page(req, of_type(there, target(there, req["TargetId"]), req["Filter"]), key=lambda one: one.id)
    return {"Policies": [summary(organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("PolicyId"))
def list_targets_for_policy(call: Call, req: t.ListTargetsForPolicyRequest) -> t.ListTargetsForPolicyResponse:
    there, organization = reading(call)
    policy = find(there, req["PolicyId"])
    found = [one for one in nodes(there) if policy.id in one.policies] if policy.id in MANAGED else [target(there, id_) for id_ in policy.targets]
    shown, more = pages.page(req, found, key=lambda one: one.id)
    return {"Targets": [{"TargetId": one.id, "Arn": arn(organization, one.id), "Name": one.name, "Type": KINDS[one.kind]} for one in shown], **more}  # type: ignore[typeddict-item]


KINDS = {"organizations.root": "ROOT", "organizations.unit": "ORGANIZATIONAL_UNIT", "organizations.account": "ACCOUNT"}
