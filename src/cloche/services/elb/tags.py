"""Tags of Classic Load Balancers."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors
from . import service as elb
from .balancers import by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t

MOST = 50


def given(req: Any) -> dict[str, str]:
    pairs = req.get("Tags") or ()
    keys = [one["Key"] for one in pairs]
    if len(set(keys)) < len(keys):
        raise errors.duplicate_tag_keys()
    if len(keys) > MOST:
        raise errors.too_many_tags()
    return {one["Key"]: one.get("Value", "") for one in pairs}


@elb.op(resource=by_name, context=facts)
def add_tags(call: Call, req: t.AddTagsInput) -> None:
    fresh = given(req)
    for name in req["LoadBalancerNames"]:
        one = find(call, name)
        if len(one.tags | fresh) > MOST:
            raise errors.too_many_tags()
        call.put(one.but(tags=one.tags | fresh))


@elb.op(resource=by_name, context=facts)
def remove_tags(call: Call, req: t.RemoveTagsInput) -> None:
    gone = {one.get("Key") for one in req["Tags"]}
    for name in req["LoadBalancerNames"]:
        one = find(call, name)
        call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in gone}))


@elb.op(resource=ANY)
def describe_tags(call: Call, req: t.DescribeTagsInput) -> t.DescribeTagsOutput:
    return {"TagDescriptions": [{"LoadBalancerName": name, "Tags": [{"Key": k, "Value": v} for k, v in find(call, name).tags.items()]} for name in req["LoadBalancerNames"]]}
