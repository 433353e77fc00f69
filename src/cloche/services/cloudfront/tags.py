"""Tags of distributions and of the few other things that have ARNs."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, things
from . import service as cloudfront

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

MOST = 50
ARN = re.compile(r"arn:aws:cloudfront::(\d{12}):([\w-]+)/([\w-]+)")


def given(tags: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in things.items(tags)}


def checked(call: Call, tags: dict[str, str]) -> dict[str, str]:
    if call.reserves(tags):
        raise errors.bad_tagging("Tags that begin with aws: are reserved.")
    if len(tags) > MOST:
        raise errors.bad_tagging(f"No more than {MOST} tags are allowed.")
    return tags


def find(call: Call, arn: str) -> Any:
    from .distributions import Distribution
    match = ARN.fullmatch(arn)
    if match is None:
        raise errors.invalid(f"Invalid ARN: {arn}")
    found = call.get(Distribution, match[3]) if match[2] == "distribution" else call.get(things.Thing, f"{match[2]}/{match[3]}")
    if found is None or match[1] != call.account:
        raise errors.missing("NoSuchResource", "resource")
    return found


def about(call: Call, req: Any) -> dict[str, Any]:
    from .distributions import Distribution
    match = ARN.fullmatch(req["Resource"])
    found = (call.get(Distribution, match[3]) or call.get(things.Thing, f"{match[2]}/{match[3]}")) if match else None
    asked = given(req.get("Tags"))
    names = [*asked] or things.items(req.get("TagKeys"))
    return things.tagged(found) | ({"aws:TagKeys": names} if names else {}) | {f"aws:RequestTag/{k}": v for k, v in asked.items()}


def own(call: Call, req: Any) -> str:
    """Another account's ARN names nothing here."""
    return ARN.sub(rf"arn:aws:cloudfront::{call.account}:\2/\3", req["Resource"])


@cloudfront.op(own, context=about)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    found = find(call, req["Resource"])
    call.put(found.but(tags=checked(call, {**found.tags, **given(req["Tags"])})))


@cloudfront.op(own, context=about)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    found, gone = find(call, req["Resource"]), things.items(req["TagKeys"])
    call.put(found.but(tags={k: v for k, v in found.tags.items() if k not in gone}))


@cloudfront.op(own, context=about)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResult:
    return {"Tags": {"Items": [{"Key": k, "Value": v} for k, v in find(call, req["Resource"]).tags.items()]}}
