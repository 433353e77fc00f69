"""Tags of policies, lists and resource sets, by ARN."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import admins, errors
from . import service as fms
from .lists import APPS, PROTOCOLS, Named
from .policies import Policy, tags_of
from .resource_sets import ResourceSet

if TYPE_CHECKING:
    from cloche.shapes import fms as t

MOST = 50


def tagged(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def find(call: Call, arn: str) -> Any:
    path, _, id_ = arn.split(":", 5)[5].partition("/") if arn.count(":") >= 5 else ("", "", "")
    found: Any = None
    if path == "policy":
        found = call.get(Policy, id_)
    elif path == "resource-set":
        found = call.get(ResourceSet, id_)
    else:
        for noun, own in (APPS, PROTOCOLS):
            if path == own:
                found = call.get(Named, f"{noun}/{id_}")
    if found is None:
        raise errors.missing(f"The resource {arn} does not exist.")
    return found


@fms.op(resource=tagged)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    admins.required(call, "ListTagsForResource")
    return {"TagList": [{"Key": key, "Value": value} for key, value in sorted(find(call, req["ResourceArn"]).tags.items())]}


@fms.op(resource=tagged, context=tags_of)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    admins.required(call, "TagResource")
    one = find(call, req["ResourceArn"])
    tags = {**one.tags, **{tag["Key"]: tag["Value"] for tag in req["TagList"]}}
    if len(tags) > MOST:
        raise errors.limit("tags")
    call.put(one.but(tags=tags))
    return {}


@fms.op(resource=tagged, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    admins.required(call, "UntagResource")
    one = find(call, req["ResourceArn"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))
    return {}
