"""AssumeRole. The role's trust policy is the resource policy of the question, and without an allow in it there is none."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

from ..iam import public as iam
from . import carried, errors, public, sessions
from . import service as sts

if TYPE_CHECKING:
    from cloche.shapes import sts as t

HOUR = 3600


def _questions(call: Call, req: Any) -> list[Need]:
    who, arn = call.principal, req["RoleArn"]
    if who.kind == "root":
        raise errors.by_root()
    role = iam.role(call, arn)
    provided = contexts(call, req)
    context = carried.asked(req) | provided | {
        "sts:ExternalId": req.get("ExternalId"), "sts:RoleSessionName": req["RoleSessionName"], "sts:SourceIdentity": req.get("SourceIdentity"),
        "sts:TransitiveTagKeys": req.get("TransitiveTagKeys") or None, "sts:DurationSeconds": req.get("DurationSeconds"),
    }
    if role is not None:
        context |= {f"{prefix}:ResourceTag/{key}": value for key, value in role.tags.items() for prefix in ("aws", "iam")}
    if iam.verified_mfa(call, req):
        context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if req.get("Tags") else []), *(["sts:SetSourceIdentity"] if "SourceIdentity" in req else []), *(["sts:SetContext"] if req.get("ProvidedContexts") else [])]
    text = iam.trust_policy(role).text if role is not None else None
    return [Need(action, arn, context, text, rule="trust") for action in actions]


PROVIDERS = ("arn:aws:iam::aws:contextProvider/IdentityCenter",)


def contexts(call: Call, req: Any) -> dict[str, str]:
    """What provided contexts say of the person for whom the session will act: condition keys, of the trust policy and of the session."""
    found: dict[str, str] = {}
    for one in req.get("ProvidedContexts") or ():
        if one.get("ProviderArn") not in PROVIDERS:
            raise errors.no_context(f"{one.get('ProviderArn')} is not a context provider.")
        from cloche.services.sso_oidc import public as center
        said = center.identity_context(call.of("sso-oidc"), one.get("ContextAssertion", ""))
        if said is None:
            raise errors.no_context("The context assertion is not valid or has expired.")
        found |= said
    return found


@sts.op(needs=_questions)
def assume_role(call: Call, req: t.AssumeRoleRequest) -> t.AssumeRoleResponse:
    who, arn, name = call.principal, req["RoleArn"], req["RoleSessionName"]
    role = iam.role(call, arn)
    assert role is not None                            # the trust policy has just allowed it
    seconds = req.get("DurationSeconds", HOUR)
    if who.kind == "role" and seconds > HOUR:
        raise errors.beyond_chaining()
    if seconds > role.max_session:
        raise errors.beyond_role()
    identity = req.get("SourceIdentity", who.source_identity)
    if who.source_identity and identity != who.source_identity:
        raise errors.source_identity_set()
    policies, packed = carried.policies(call, req, arn.split(":")[4])
    tags = carried.tags(req)
    inherited = {key: value for key, value in who.tags.items() if key in who.transitive_tags}
    for key in tags:
        if key.lower() in {one.lower() for one in inherited}:
            raise errors.transitive_override(key)
    transitive = req.get("TransitiveTagKeys", [])
    if {key.lower() for key in transitive} - {key.lower() for key in tags}:
        raise errors.transitive_missing()
    marked = [key for key in tags if key.lower() in {one.lower() for one in transitive}]
    session = public.session_of(call, role, arn, name, tags=carried.over(carried.over(role.tags, inherited), tags), session_policies=policies, claims=contexts(call, req),
                                source_identity=identity, transitive_tags=(*inherited, *marked))
    credentials, principal = sessions.begin(call, session, seconds)
    answer: t.AssumeRoleResponse = {"Credentials": credentials, "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn}}
    if packed:
        answer["PackedPolicySize"] = packed
    if identity:
        answer["SourceIdentity"] = identity
    return answer
