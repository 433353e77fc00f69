"""Tags: of streams in the old way and the new, of consumers in the new alone."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as kinesis
from .consumers import Consumer, by_arn
from .streams import Stream, by_stream, creating, find, owner
from .streams import policy as stream_policy

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

MOST = 50


def checked(call: Call, name: str, new: dict[str, str], have: dict[str, str]) -> dict[str, str]:
    """The tags there will be."""
    if call.reserves(new):
        raise errors.reserved_tag()
    tags = have | new
    if len(tags) > MOST:
        raise errors.too_many_tags(name, call.account)
    return tags


def without(tags: dict[str, str], keys: list[str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in keys}


@kinesis.op(resource=by_stream, context=creating)
def add_tags_to_stream(call: Call, req: t.AddTagsToStreamInput) -> None:
    call, stream = find(call, req)
    call.put(stream.but(tags=checked(call, stream.name, req["Tags"], stream.tags)))


@kinesis.op(resource=by_stream)
def remove_tags_from_stream(call: Call, req: t.RemoveTagsFromStreamInput) -> None:
    call, stream = find(call, req)
    call.put(stream.but(tags=without(stream.tags, req["TagKeys"])))


@kinesis.op(resource=by_stream, policy=stream_policy)
def list_tags_for_stream(call: Call, req: t.ListTagsForStreamInput) -> t.ListTagsForStreamOutput:
    call, stream = find(call, req)
    after, limit = req.get("ExclusiveStartTagKey", ""), req.get("Limit", MOST)
    found = sorted((key, value) for key, value in stream.tags.items() if key > after)
    return {"Tags": [{"Key": key, "Value": value} for key, value in found[:limit]], "HasMoreTags": len(found) > limit}


# -- by ARN -------------------------------------------------------------------------------------------------------------------------

def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceARN"])


def holder(call: Call, arn: str) -> tuple[Call, Stream | Consumer]:
    """A stream or a consumer."""
    if "/consumer/" in arn:
        consumer = by_arn(call, arn)
        if consumer is None:
            raise errors.no_resource(arn)
        account, region, _ = owner(arn)
        return call.at(account, region), consumer
    if ":stream/" not in arn:
        raise errors.no_resource(arn)
    return find(call, {"StreamARN": arn})


@kinesis.op(resource=by_resource, context=creating)
def tag_resource(call: Call, req: t.TagResourceInput) -> None:
    call, there = holder(call, req["ResourceARN"])
    call.put(there.but(tags=checked(call, there.name, req["Tags"], there.tags)))


@kinesis.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceInput) -> None:
    call, there = holder(call, req["ResourceARN"])
    call.put(there.but(tags=without(there.tags, req["TagKeys"])))


@kinesis.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    _, there = holder(call, req["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(there.tags.items())]}
