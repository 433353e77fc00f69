"""What the policies along a path come to, for the kinds that are merged: tag policies and their like.

Values are set with `@@assign`, `@@append` and `@@remove`; what is nearer to the account is applied to what is above it.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as organizations
from .policies import of_type
from .records import Node, about, account, home, node, root

if TYPE_CHECKING:
    from cloche.shapes import organizations as t


def merged(above: Any, below: Any) -> Any:
    """A document applied to what is inherited. Pure."""
    if not isinstance(below, dict):
        return below
    if "@@assign" in below:
        return below["@@assign"]
    if "@@append" in below or "@@remove" in below:
        kept = [x for x in _listed(above) if x not in _listed(below.get("@@remove"))]
        return kept + [x for x in _listed(below.get("@@append")) if x not in kept]
    out = dict(above) if isinstance(above, dict) else {}
    for key, value in below.items():
        if not key.startswith("@@"):
            out[key] = merged(out.get(key), value)
    return out


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@organizations.op(needs=about("TargetId"), partly="@@operators_allowed_for_child_policies is not heeded")
def describe_effective_policy(call: Call, req: t.DescribeEffectivePolicyRequest) -> t.DescribeEffectivePolicyResponse:
    there, organization = home(call)
    type_, target = req["PolicyType"], req.get("TargetId", call.account)
    if target != call.account and organization.management != call.account and not account(there, call.account).delegated:
        raise errors.no_permission()
    one = node(there, target)
    if one is None:
        raise errors.no_target()
    if type_ not in root(there, organization.root).types:
        raise errors.no_effective_policy()
    way: list[Node] = [one]
    while way[-1].parent:
        way.append(node(there, way[-1].parent))  # type: ignore[arg-type]
    policies = [policy for each in reversed(way) for policy in of_type(there, each, type_)]
    if not policies:
        raise errors.no_effective_policy()
    content: Any = {}
    for policy in policies:
        content = merged(content, json.loads(policy.content))
    return {"EffectivePolicy": {"PolicyContent": json.dumps(content), "LastUpdatedTimestamp": call.now, "TargetId": target, "PolicyType": type_}}
