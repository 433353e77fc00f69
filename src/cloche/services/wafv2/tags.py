"""Tags of all that WAF has, by ARN."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

MOST = 50


def _on(call: Call, req: Any) -> str:
    return entities.own(call, req["ResourceARN"])


def _context(call: Call, req: Any) -> dict[str, Any]:
    tags = {one["Key"]: one["Value"] for one in req.get("Tags") or ()}
    entity = call.get(entities.Entity, _on(call, req))
    return {"aws:TagKeys": [*tags, *(req.get("TagKeys") or ())], **{f"aws:RequestTag/{k}": v for k, v in tags.items()}, **{f"aws:ResourceTag/{k}": v for k, v in (entity.tags if entity else {}).items()}}


@wafv2.op(_on)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    one = entities.by_arn(call, req["ResourceARN"])
    found, more = pages.page(sorted(one.tags), req, str, 100, errors.bad_token, size="Limit", token="NextMarker")
    return {"TagInfoForResource": {"ResourceARN": one.arn, "TagList": [{"Key": key, "Value": one.tags[key]} for key in found]}, **more}  # type: ignore[typeddict-item]


@wafv2.op(_on, context=_context)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    one = entities.by_arn(call, req["ResourceARN"])
    fresh = {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    if call.reserves(fresh):
        raise errors.reserved(next(key for key in fresh if key.lower().startswith("aws:")))
    tags = one.tags | fresh
    if len(tags) > MOST:
        raise errors.too_much()
    call.put(one.but(tags=tags))
    return {}


@wafv2.op(_on, context=_context)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    one = entities.by_arn(call, req["ResourceARN"])
    if call.reserves(req["TagKeys"]):
        raise errors.reserved(next(key for key in req["TagKeys"] if key.lower().startswith("aws:")))
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))
    return {}
