"""Tags of keys."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, keys, permission
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t


def _tagging(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["TagKey"]: tag["TagValue"] for tag in req["Tags"]}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}


@kms.op(needs=permission.on_key("TagResource", context=_tagging))
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    key = keys.find(call, req["KeyId"])
    keys.owned(key)
    keys.not_pending(key)
    given = {tag["TagKey"]: tag["TagValue"] for tag in req["Tags"]}
    if call.reserves(given):
        raise errors.bad_tag("User-defined tag keys cannot start with aws:.")
    if len(given) < len(req["Tags"]):
        raise errors.bad_tag("Duplicate tag keys.")
    tags = key.tags | given
    if len(tags) > keys.MAX_TAGS:
        raise errors.too_many("Tag")
    keys.change(call, key, tags=tags)


@kms.op(needs=permission.on_key("UntagResource", context=lambda call, req: {"aws:TagKeys": req["TagKeys"]}))
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    key = keys.find(call, req["KeyId"])
    keys.owned(key)
    keys.not_pending(key)
    keys.change(call, key, tags={k: v for k, v in key.tags.items() if k not in req["TagKeys"]})


@kms.op(needs=permission.on_key("ListResourceTags"))
def list_resource_tags(call: Call, req: t.ListResourceTagsRequest) -> t.ListResourceTagsResponse:
    key = keys.find(call, req["KeyId"])
    shown, more = keys.page(sorted(key.tags.items()), req, lambda pair: pair[0], 50)
    out: Any = {"Tags": [{"TagKey": k, "TagValue": v} for k, v in shown]}
    return out | more
