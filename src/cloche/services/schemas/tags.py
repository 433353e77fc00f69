"""Tags of registries, schemas and discoverers."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as schemas
from .discoverers import Discoverer
from .registries import Registry, with_tags
from .schemas import Schema

if TYPE_CHECKING:
    from cloche.shapes import schemas as t

KINDS: dict[str, Any] = {"registry": Registry, "schema": Schema, "discoverer": Discoverer}


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def look(call: Call, arn: str) -> Any:
    kind, _, key = arn.rsplit(":", 1)[-1].partition("/")
    found = call.get(KINDS[kind], key) if kind in KINDS else None
    if found is None or found.arn != arn:
        raise errors.no_resource(arn)
    return found


@schemas.op(by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": look(call, req["ResourceArn"]).tags}


@schemas.op(by_arn, context=with_tags)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    one = look(call, req["ResourceArn"])
    call.put(one.but(tags=one.tags | req["Tags"]))


@schemas.op(by_arn, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = look(call, req["ResourceArn"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))
