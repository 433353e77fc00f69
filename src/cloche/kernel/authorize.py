"""May this principal do this: gathers what counts (identity policies, boundary, session, resource policy) and asks `iam`.

Unmapped means denied: an operation without a declared question does not exist. The decision travels with the call, so the timeline
can say why.
"""
from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..iam import decide as iam
from ..iam import policy as policies
from .errors import AwsError
from .service import Entry, Need

if TYPE_CHECKING:
    from .call import Call

_ROOT = iam.ROOT_DECISION


def check(call: Call, entry: Entry, req: Any) -> None:
    """Ask everything the operation declared; the first refusal is raised."""
    if entry.open:
        return
    if call.principal.kind == "anonymous" and not entry.unsigned and entry.service.name != "s3":
        from .authenticate import refuse
        raise refuse("missing", entry.service.model)
    for need in entry.questions(call, req):
        require(call, need)


def require(call: Call, need: Need) -> None:
    decision = decide(call, need)
    call.decision = decision
    if not decision.allowed:
        raise denied(call, need, decision)


def decide(call: Call, need: Need) -> Any:
    principal, resource = call.principal, need.resource
    owner = resource.split(":", 5)[4] if resource.startswith("arn:") else ""
    if not owner:
        owner = call.account
    if principal.kind == "root" and need.policy is None and owner == principal.account and need.rule == "normal":
        return _ROOT
    policy = policies.parse(need.policy) if need.policy else None
    held = held_by(call)
    return iam.decide(iam.Question(
        principal=principal, action=need.action, resource=resource, resource_account=owner, context=context(call, need),
        identity=held.identity, boundary=held.boundary, session=held.session, resource_policy=policy, resource_rule=need.rule,
    ))


def held_by(call: Call) -> Any:
    from ..services.iam import public
    return public.policies(call.cloud, call.principal)


def context(call: Call, need: Need) -> dict[str, Any]:
    """The global condition keys that make sense here, and the operation's own."""
    principal, now = call.principal, call.now
    keys: dict[str, Any] = {
        "aws:CurrentTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)), "aws:EpochTime": str(int(now)),
        "aws:SecureTransport": "true" if call.request is not None and call.request.secure else "false",
        "aws:RequestedRegion": call.region, "aws:PrincipalType": principal.kind.capitalize(),
        "aws:ViaAWSService": "true" if principal.via else "false",
    }
    if call.request is not None:
        keys["aws:SourceIp"] = call.request.peer
        if agent := call.user_agent:
            keys["aws:UserAgent"] = agent
    if principal.kind not in ("anonymous", "service"):
        keys["aws:PrincipalArn"] = principal.role_arn if principal.kind == "role" else principal.arn
        keys["aws:PrincipalAccount"], keys["aws:userid"] = principal.account, principal.id
        keys["aws:PrincipalIsAWSService"] = "false"
        if principal.kind == "user":
            keys["aws:username"] = principal.name
        for tag, value in principal.tags.items():
            keys[f"aws:PrincipalTag/{tag}"] = value
        if principal.temporary:
            keys["aws:TokenIssueTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(principal.issued))
            keys["aws:MultiFactorAuthPresent"] = "true" if principal.mfa else "false"
            if principal.mfa:
                keys["aws:MultiFactorAuthAge"] = str(int(now - principal.mfa_time))
        if principal.source_identity:
            keys["aws:SourceIdentity"] = principal.source_identity
    elif principal.kind == "service":
        keys["aws:PrincipalIsAWSService"], keys["aws:PrincipalServiceName"] = "true", principal.service
        if principal.source_arn:
            keys["aws:SourceArn"] = principal.source_arn
        if principal.source_account:
            keys["aws:SourceAccount"] = principal.source_account
    if principal.via:
        keys["aws:CalledVia"] = list(principal.via)
    keys.update(need.context)
    if need.resource.startswith("arn:") and (owner := need.resource.split(":", 5)[4]):
        keys.setdefault("aws:ResourceAccount", owner)
    return keys


def denied(call: Call, need: Need, decision: Any) -> AwsError:
    """AWS's sentence, under the code that the service's clients know."""
    model, message = call.service.model, decision.message(call.principal, need.action, need.resource)
    protocol = model.protocols[0]
    if model.name == "ec2":
        return AwsError("UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403)
    if model.name == "sns":
        return AwsError("AuthorizationError", message, 403)
    if model.name == "sqs":
        return AwsError("AccessDeniedException", message, 403, query_code="AccessDenied")
    if protocol in ("query", "rest-xml"):
        return AwsError("AccessDenied", message if call.principal.kind != "anonymous" else "Access Denied", 403)
    return AwsError("AccessDeniedException", message, 403 if protocol == "rest-json" else 400)
