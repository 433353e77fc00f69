"""Tags of functions and event source mappings."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, names
from . import service as lambda_
from .code_signing import SigningConfig
from .mappings import Mapping
from .records import Function

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

MOST = 50


def tagged(call: Call, arn: str) -> Function | Mapping | SigningConfig:
    parts = arn.split(":")
    found: Any = None
    if len(parts) == 7 and parts[2] == "lambda":
        kind: Any = {"function": Function, "event-source-mapping": Mapping, "code-signing-config": SigningConfig}.get(parts[5])
        found = call.at(parts[4], parts[3]).get(kind, parts[6]) if kind else None
    elif len(parts) == 8 and parts[5] == "function":
        raise errors.invalid("Tags on function aliases and versions are not supported. Please specify either a function name or an unqualified function ARN.")
    if found is None:
        raise errors.no_such_function(arn) if ":function:" in arn else errors.not_found("The resource you requested does not exist.")
    return found  # type: ignore[no-any-return]


@lambda_.op(names.tagged, context=lambda call, req: {f"aws:RequestTag/{k}": v for k, v in req["Tags"].items()} | {"aws:TagKeys": list(req["Tags"])})
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    found = tagged(call, req["Resource"])
    if call.reserves(req["Tags"]):
        raise errors.reserved_tag()
    tags = found.tags | req["Tags"]
    if len(tags) > MOST:
        raise errors.too_many_tags()
    call.put(found.but(tags=tags))


@lambda_.op(names.tagged, context=lambda call, req: {"aws:TagKeys": list(req["TagKeys"])})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    found = tagged(call, req["Resource"])
    call.put(found.but(tags={k: v for k, v in found.tags.items() if k not in req["TagKeys"]}))


@lambda_.op(names.tagged)
def list_tags(call: Call, req: t.ListTagsRequest) -> t.ListTagsResponse:
    return {"Tags": tagged(call, req["Resource"]).tags}
