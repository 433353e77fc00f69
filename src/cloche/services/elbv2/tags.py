"""Tags of load balancers, target groups, listeners and rules; each record holds its own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, names
from . import service as elbv2

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

MOST = 50


def given(call: Call, req: Any) -> dict[str, str]:
    pairs = req.get("Tags") or ()
    keys = [one["Key"] for one in pairs]
    if len(set(keys)) < len(keys):
        raise errors.duplicate_tag_keys()
    if call.reserves(keys):
        raise errors.reserved_tag()
    if len(keys) > MOST:
        raise errors.too_many_tags()
    return {one["Key"]: one.get("Value", "") for one in pairs}


def find(call: Call, arn: str) -> Any:
    """The record that an ARN names, whatever it is."""
    from . import balancers, listeners, rules, target_groups
    kind = arn.split(":", 5)[-1].split("/")[0]
    finders: dict[str, Any] = {"loadbalancer": balancers.find, "listener": listeners.find, "listener-rule": rules.find, "targetgroup": target_groups.find}
    if kind not in finders:
        raise errors.not_an_arn(arn, "resource")
    return finders[kind](call, arn)


def arns(call: Call, req: Any) -> list[str]:
    return list(req["ResourceArns"]) or ["*"]


@elbv2.op(resource=arns, context=lambda call, req: names.asked(req))
def add_tags(call: Call, req: t.AddTagsInput) -> None:
    fresh = given(call, req)
    for arn in req["ResourceArns"]:
        one = find(call, arn)
        if len(one.tags | fresh) > MOST:
            raise errors.too_many_tags()
        call.put(one.but(tags=one.tags | fresh))


@elbv2.op(resource=arns, context=lambda call, req: names.asked(req))
def remove_tags(call: Call, req: t.RemoveTagsInput) -> None:
    for arn in req["ResourceArns"]:
        one = find(call, arn)
        call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))


@elbv2.op(resource=ANY)
def describe_tags(call: Call, req: t.DescribeTagsInput) -> t.DescribeTagsOutput:
    return {"TagDescriptions": [{"ResourceArn": arn, "Tags": [{"Key": k, "Value": v} for k, v in find(call, arn).tags.items()]} for arn in req["ResourceArns"]]}
