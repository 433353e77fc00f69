"""May this principal do this: gathers what counts (identity policies, boundary, session, resource policy) and asks `iam`.

Unmapped means denied: an operation without a declared question does not exist. The decision travels with the call, so the timeline
can say why.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import iam
from ..iam.decide import ROOT_DECISION
from ..iam.policy import parse
from .errors import AwsError
from .service import Entry, Need

if TYPE_CHECKING:
    from .call import Call


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
    owner = need.account or (resource.split(":", 5)[4] if resource.startswith("arn:") else "") or call.account
    if principal.kind == "root" and need.policy is None and owner == principal.account and need.rule == "normal":
        return ROOT_DECISION
    held = held_by(call)
    return iam.decide(iam.Question(
        principal=principal, action=need.action, resource=resource, resource_account=owner, now=call.now, context=lambda: context(call, need),
        identity=held.identity, boundary=held.boundary, session=held.session, rule=need.rule,
        resource_policy=(resource, parse(need.policy)) if need.policy else None,
    ))


def held_by(call: Call) -> Any:
    from ..services.iam import public
    return public.policies(call.cloud, call.principal)


def context(call: Call, need: Need) -> dict[str, Any]:
    """The condition keys of the request; those that follow from the principal and the time are `iam`'s."""
    keys: dict[str, Any] = {"aws:RequestedRegion": call.region}
    if call.request is not None and call.principal.kind != "service":
        keys["aws:SourceIp"], keys["aws:SecureTransport"] = call.request.peer, call.request.secure
        if agent := call.user_agent:
            keys["aws:UserAgent"] = agent
    keys.update(need.context)
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
