"""Key policies: every key has exactly one, called `default`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import keys, permission
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t


@kms.op(needs=permission.on_key("GetKeyPolicy"))
def get_key_policy(call: Call, req: t.GetKeyPolicyRequest) -> t.GetKeyPolicyResponse:
    if req.get("PolicyName", "default") != "default":
        raise AwsError("NotFoundException", "No such policy exists")
    return {"Policy": keys.find(call, req["KeyId"]).policy, "PolicyName": "default"}


@kms.op(needs=permission.on_key("ListKeyPolicies"))
def list_key_policies(call: Call, req: t.ListKeyPoliciesRequest) -> t.ListKeyPoliciesResponse:
    keys.find(call, req["KeyId"])
    return {"PolicyNames": ["default"], "Truncated": False}


def _bypass(call: Call, req: Any) -> dict[str, Any]:
    return {"kms:BypassPolicyLockoutSafetyCheck": req.get("BypassPolicyLockoutSafetyCheck", False)}


@kms.op(needs=permission.on_key("PutKeyPolicy", context=_bypass))
def put_key_policy(call: Call, req: t.PutKeyPolicyRequest) -> None:
    key = keys.find(call, req["KeyId"])
    keys.owned(key)
    keys.not_pending(key)
    if req.get("PolicyName", "default") != "default":
        raise AwsError("NotFoundException", "No such policy exists")
    permission.check_policy(call, key.arn, req["Policy"], req.get("BypassPolicyLockoutSafetyCheck", False))
    keys.change(call, key, policy=req["Policy"])
