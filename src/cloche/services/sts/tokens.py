"""GetCallerIdentity, GetSessionToken, GetFederationToken, GetAccessKeyInfo: what an account's own users and root ask for."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import Principal
from cloche.kernel import ANY, Call, Need

from ..iam import public as iam
from . import carried, errors, sessions
from . import service as sts

if TYPE_CHECKING:
    from cloche.shapes import sts as t

TWELVE_HOURS, ROOT_HOUR = 43200, 3600


@sts.op(open=True)
def get_caller_identity(call: Call, req: t.GetCallerIdentityRequest) -> t.GetCallerIdentityResponse:
    """Needs no permission, and no policy can take it away."""
    return {"UserId": call.principal.id, "Account": call.principal.account, "Arn": call.principal.arn}


def seconds(call: Call, req: Any) -> int:
    """Root's tokens live an hour at most, whatever it asks for."""
    wanted = req.get("DurationSeconds", TWELVE_HOURS)
    return min(wanted, ROOT_HOUR) if call.principal.kind == "root" else wanted


@sts.op(open=True)
def get_session_token(call: Call, req: t.GetSessionTokenRequest) -> t.GetSessionTokenResponse:
    if call.principal.kind not in ("user", "root") or call.principal.temporary:
        raise errors.not_with_session("GetSessionToken")
    mfa = iam.verified_mfa(call, req)
    principal = msgspec.structs.replace(call.principal, mfa=mfa, mfa_time=call.now if mfa else 0.0)
    credentials, _ = sessions.begin(call, principal, seconds(call, req))
    return {"Credentials": credentials}


def _federated_arn(call: Call, req: Any) -> str:
    return call.arn(f"federated-user/{req['Name']}", service="sts", region="")


def _federation(call: Call, req: Any) -> list[Need]:
    arn, context = _federated_arn(call, req), carried.asked(req)
    return [Need(action, arn, context) for action in ["sts:GetFederationToken", *(["sts:TagSession"] if req.get("Tags") else [])]]


@sts.op(needs=_federation)
def get_federation_token(call: Call, req: t.GetFederationTokenRequest) -> t.GetFederationTokenResponse:
    who = call.principal
    if who.kind not in ("user", "root") or who.temporary:
        raise errors.not_with_session("GetFederationToken")
    policies, packed = carried.policies(call, req, call.account)
    tags = carried.tags(req)
    arn = _federated_arn(call, req)
    id = f"{call.account}:{req['Name']}"
    principal = Principal(kind="federated", arn=arn, account=call.account, id=id, name=req["Name"], role_arn=who.arn, tags=carried.over(who.tags, tags),
                          session_policies=policies or (), mfa=False)
    credentials, _ = sessions.begin(call, principal, seconds(call, req))
    answer: t.GetFederationTokenResponse = {"Credentials": credentials, "FederatedUser": {"FederatedUserId": id, "Arn": arn}}
    if packed:
        answer["PackedPolicySize"] = packed
    return answer


@sts.op(resource=ANY)
def get_access_key_info(call: Call, req: t.GetAccessKeyInfoRequest) -> t.GetAccessKeyInfoResponse:
    found = iam.credential(call.cloud, req["AccessKeyId"])
    if found is None:
        raise errors.unknown_key(req["AccessKeyId"])
    return {"Account": found.principal.account}
