"""The organization's resource policy, by which the management account lets members manage policies, or look around, in its place."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.iam.globs import glob
from cloche.iam.policy import texts
from cloche.kernel import Call

from . import errors, tags
from . import service as organizations
from .records import DELEGABLE, LETTERS, Organization, ResourcePolicy, about, managing, reading

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

LONGEST = 40_000
KNOWN = [f"organizations:{name}".lower() for name in DELEGABLE]


def view(organization: Organization, found: ResourcePolicy) -> t.ResourcePolicy:
    arn = f"arn:aws:organizations::{organization.management}:resourcepolicy/{organization.id}/{found.id}"
    return {"ResourcePolicySummary": {"Id": found.id, "Arn": arn}, "Content": found.content}


def checked(content: str) -> str:
    try:
        grammar.resource(content)
    except MalformedPolicy:
        raise errors.bad_resource_policy() from None
    raw: Any = json.loads(content)["Statement"]
    for statement in [raw] if isinstance(raw, dict) else raw:
        if "NotAction" in statement or "NotPrincipal" in statement:
            raise errors.bad_resource_policy()
        for action in texts(statement["Action"]):
            if "*" in action or not any(glob(action.lower())(name) for name in KNOWN):
                raise errors.bad_resource_policy_action(action)
        if not isinstance(statement["Principal"], dict) or statement["Principal"].keys() != {"AWS"}:
            raise errors.bad_resource_policy_principal()
    return content


@organizations.op(needs=about())
def put_resource_policy(call: Call, req: t.PutResourcePolicyRequest) -> t.PutResourcePolicyResponse:
    there, organization = managing(call)
    if organization.features != "ALL":
        raise errors.needs_all_features()
    if len(req["Content"]) > LONGEST:
        raise errors.too_large()
    old = there.get(ResourcePolicy, "resource-policy")
    content, given = checked(req["Content"]), tags.given(call, req)
    made = there.put(old.but(content=content, tags=old.tags | given) if old else ResourcePolicy(f"rp-{call.pick(LETTERS, 8)}", content, given))
    return {"ResourcePolicy": view(organization, made)}


@organizations.op(needs=about())
def describe_resource_policy(call: Call, req: Any) -> t.DescribeResourcePolicyResponse:
    there, organization = reading(call)
    found = there.get(ResourcePolicy, "resource-policy")
    if found is None:
        raise errors.no_resource_policy()
    return {"ResourcePolicy": view(organization, found)}


@organizations.op(needs=about())
def delete_resource_policy(call: Call, req: Any) -> None:
    there, _ = managing(call)
    found = there.get(ResourcePolicy, "resource-policy")
    if found is None:
        raise errors.no_resource_policy()
    there.delete(found)
