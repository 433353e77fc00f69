"""May this principal do this: gathers what counts (identity policies, boundary, session, resource policy) and asks `iam`.

Unmapped means denied: an operation without a declared question does not exist. The decision travels with the call, so the timeline
can say why.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import iam
from ..iam import explain
from ..iam.decide import ROOT_DECISION
from ..iam.policy import parse
from . import doors
from .authenticate import refuse
from .errors import AwsError
from .service import Entry, Need

if TYPE_CHECKING:
    from .call import Call


def check(call: Call, entry: Entry, req: Any) -> None:
    """Ask everything the operation declared; the first refusal is raised."""
    principal = call.principal
    if principal.issued and principal.barred(entry.service.name, entry.op.name):
        raise refuse("unknown", entry.service.model)
    if principal.kind == "anonymous" and not entry.unsigned and entry.service.name != "s3":
        raise refuse("missing", entry.service.model)
    if entry.open:
        return
    for need in entry.questions(call, req):
        require(call, need)


def require(call: Call, need: Need) -> None:
    if is_roots(call, need):
        call.decision = ROOT_DECISION
        return
    asked = question(call, need)
    call.decision = decision = iam.decide(asked)
    if not decision.allowed:
        decision.story = explain.story(asked)          # a denial is rare, and somebody will ask why
        raise denied(call, need, decision)


def decide(call: Call, need: Need) -> Any:
    return ROOT_DECISION if is_roots(call, need) else iam.decide(question(call, need))


def is_roots(call: Call, need: Need) -> bool:
    """Root of the resource's own account, and no policy on the resource: nobody else is to be asked."""
    principal = call.principal
    if principal.kind != "root" or need.policy is not None or need.rule != "normal" or principal.session_policies is not None:
        return False
    if (need.account or owner_of(need.resource) or call.account) != principal.account:
        return False
    if call.request is not None and call.request.via and endpoint(call) is not None:
        return False
    above = organization(call, principal.account)
    return above is None or (above.scps is None and above.rcps is None) or principal.inside


MEMBERS = ("organizations.membership", "", "")


def organization(call: Call, account: str) -> Any:
    """What the account's organization says about it; None where there is none. Asked by every request: one look into a table, mostly empty."""
    members = call.cloud.store.cache.get(MEMBERS)
    if members is not None and account not in members:
        return None
    return doors.controls(call.cloud, account)


def service_controls(call: Call, principal: iam.Principal) -> Any:
    """The service control policies over a principal, level by level."""
    above = organization(call, principal.account) if principal.account and not principal.inside else None
    return above.scps if above else None


def resource_controls(call: Call, account: str, action: str) -> Any:
    above = organization(call, account)
    return doors.over_resource(above, action) if above is not None and above.rcps is not None else None


def question(call: Call, need: Need) -> iam.Question:
    held = doors.policies(call.cloud, call.principal)
    principal, owner = call.principal, need.account or owner_of(need.resource) or call.account
    return iam.Question(
        principal=principal, action=need.action, resource=need.resource, resource_account=owner, scps=service_controls(call, principal),
        rcps=None if principal.inside else resource_controls(call, owner, need.action),
        now=call.now, context=lambda: context(call, need), identity=held.identity, boundary=held.boundary, session=held.session, rule=need.rule,
        resource_policy=("the resource's policy", parse(need.policy)) if need.policy else None, endpoint=endpoint(call),
    )


def endpoint(call: Call) -> Any:
    """The policy of the VPC endpoint that the request came through; None where it came another way, or everything passes."""
    if call.request is None or call.principal.kind == "service" or not (id_ := call.request.via.get("aws:SourceVpce")):
        return None
    return doors.endpoint_policy(call.cloud, id_)


def owner_of(arn: str) -> str:
    """The account in an ARN; "" where there is none, or AWS itself (its managed policies are everybody's)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4].isdigit() else ""


def context(call: Call, need: Need) -> dict[str, Any]:
    """The condition keys of the request; those that follow from the principal and the time are `iam`'s."""
    keys: dict[str, Any] = {"aws:RequestedRegion": call.region}
    if call.request is not None and call.principal.kind != "service":
        # The plain endpoint on loopback stands for AWS's HTTPS endpoint: the bucket that the SAM CLI makes for itself denies anything else.
        keys["aws:SourceIp"], keys["aws:SecureTransport"] = call.request.peer, True
        if call.request.via:                 # through a VPC endpoint (the address is a private one, and has another name) or an access point
            keys.update(call.request.via)
            if "aws:SourceVpc" in keys:
                del keys["aws:SourceIp"]
        if agent := call.user_agent:
            keys["aws:UserAgent"] = agent
    for account, whose in ((call.principal.account, "Principal"), (need.account or owner_of(need.resource) or call.account, "Resource"), (call.principal.source_account, "Source")):
        if account and (above := organization(call, account)):
            keys[f"aws:{whose}OrgID"], keys[f"aws:{whose}OrgPaths"] = above.organization, [above.path]
    keys.update(need.context)
    return keys


def kin(call: Call, one: str, other: str) -> bool:
    """Are these the same account, or two of one organization? Only they hear each other's policies by name."""
    if one == other:
        return True
    a, b = organization(call, one) if one else None, organization(call, other)
    return a is not None and b is not None and a.organization == b.organization


def denied(call: Call, need: Need, decision: Any) -> AwsError:
    """AWS's sentence, under the code that the service's clients know."""
    model = call.service.model
    message = decision.message(call.principal, need.action, f'"{need.resource}"' if model.name == "s3" else need.resource,   # S3 alone quotes
                               named=decision.explicit and kin(call, call.principal.account, need.account or owner_of(need.resource) or call.account))
    protocol = model.protocols[0]
    if model.name == "ec2":
        blob = doors.encoded(call, decision, need.action, need.resource, context(call, need))
        return AwsError("UnauthorizedOperation", f"You are not authorized to perform this operation. {message}. Encoded authorization failure message: {blob}", 403)
    if model.name == "sns":
        return AwsError("AuthorizationError", message, 403)
    if model.name in ("sqs", "cloudwatch"):  # once spoken to in query, and old clients still read its code
        return AwsError("AccessDeniedException", message, 403, query_code="AccessDenied")
    if protocol in ("query", "rest-xml"):
        return AwsError("AccessDenied", message if call.principal.kind != "anonymous" else "Access Denied", 403)
    return AwsError("AccessDeniedException", message, 403 if protocol == "rest-json" else 400)
