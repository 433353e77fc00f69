"""Tags of pipes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as pipes
from .pipes import MOST_TAGS, Pipe

if TYPE_CHECKING:
    from cloche.shapes import pipes as t


def by_arn(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def look(call: Call, arn: str) -> Pipe:
    name = arn.rpartition(":pipe/")[2]
    pipe = call.get(Pipe, name)
    if pipe is None or pipe.arn != arn:
        raise errors.no_resource(arn)
    return pipe


@pipes.op(resource=by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"tags": look(call, req["resourceArn"]).tags}


@pipes.op(resource=by_arn)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    pipe = look(call, req["resourceArn"])
    tags = pipe.tags | req["tags"]
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    call.put(pipe.but(tags=tags))
    return {}


@pipes.op(resource=by_arn)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    pipe = look(call, req["resourceArn"])
    call.put(pipe.but(tags={k: v for k, v in pipe.tags.items() if k not in req["tagKeys"]}))
    return {}
