"""Resource policies: which AWS services may send segments."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloche.iam import MalformedPolicy
from cloche.iam.grammar import resource as grammatical
from cloche.kernel import ANY, Call, Record, pages

from . import errors
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

MOST, MOST_BYTES = 5, 5120


class Policy(Record, frozen=True):
    kind = "xray.policy"

    name: str
    document: str
    revision: str
    updated: float

    @property
    def key(self) -> str:
        return self.name


def shown(one: Policy) -> t.ResourcePolicy:
    return {"PolicyName": one.name, "PolicyDocument": one.document, "PolicyRevisionId": one.revision, "LastUpdatedTime": one.updated}


@xray.op(resource=ANY)
def put_resource_policy(call: Call, req: t.PutResourcePolicyRequest) -> t.PutResourcePolicyResult:
    text, old = req["PolicyDocument"], call.get(Policy, req["PolicyName"])
    if len(text.encode()) > MOST_BYTES:
        raise errors.policy_too_long()
    try:
        grammatical(text)
    except MalformedPolicy as why:
        raise errors.malformed_policy(str(why)) from None
    if not req.get("BypassPolicyLockoutCheck") and _locks_out(text):
        raise errors.locks_out()
    given = req.get("PolicyRevisionId")
    if given is not None and given != (old.revision if old else "0"):
        raise errors.bad_revision()
    if old is None and len(call.all(Policy)) >= MOST:
        raise errors.too_many_policies()
    return {"ResourcePolicy": shown(call.put(Policy(req["PolicyName"], text, call.uuid(), call.now)))}


def _locks_out(text: str) -> bool:
    """It forbids everybody to put another one."""
    statements = json.loads(text)["Statement"]
    for one in statements if isinstance(statements, list) else [statements]:
        actions = one.get("Action", [])
        actions = [actions] if isinstance(actions, str) else actions
        if one.get("Effect") == "Deny" and one.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in one and {"*", "xray:*", "xray:PutResourcePolicy"} & set(actions):
            return True
    return False


@xray.op(resource=ANY)
def list_resource_policies(call: Call, req: t.ListResourcePoliciesRequest) -> t.ListResourcePoliciesResult:
    found, more = pages.page(sorted(call.all(Policy), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_token)
    return {"ResourcePolicies": [shown(one) for one in found], **more}  # type: ignore[typeddict-item]


@xray.op(resource=ANY)
def delete_resource_policy(call: Call, req: t.DeleteResourcePolicyRequest) -> t.DeleteResourcePolicyResult:
    old = call.get(Policy, req["PolicyName"])
    if old is None:
        raise errors.invalid(f"The policy {req['PolicyName']} does not exist")
    if req.get("PolicyRevisionId") not in (None, old.revision):
        raise errors.bad_revision()
    call.delete(old)
    return {}
