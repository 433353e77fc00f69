"""Tags of parameters and documents."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import documents, errors, parameters
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

_PARTLY = "only parameters and documents are taggable: the other kinds are not built"


def by_resource(call: Call, req: Any) -> str:
    return documents.arn(call, req["ResourceId"]) if req["ResourceType"] == "Document" else parameters.arn(call, req["ResourceId"])


def _find(call: Call, req: Any) -> parameters.Parameter | documents.Document:
    if req["ResourceType"] == "Document":
        return documents.own(call, req["ResourceId"])
    if req["ResourceType"] != "Parameter":
        raise errors.bad_resource_type()
    found = call.get(parameters.Parameter, parameters.plain(call, req["ResourceId"]))
    if found is None:
        raise errors.no_resource()
    return found


def _tagging(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}


@ssm.op(by_resource, context=_tagging, partly=_PARTLY)
def add_tags_to_resource(call: Call, req: t.AddTagsToResourceRequest) -> None:
    found = _find(call, req)
    tags = found.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    if len(tags) > parameters.MAX_TAGS:
        raise errors.too_many_tags()
    call.put(found.but(tags=tags))


@ssm.op(by_resource, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]}, partly=_PARTLY)
def remove_tags_from_resource(call: Call, req: t.RemoveTagsFromResourceRequest) -> None:
    found = _find(call, req)
    call.put(found.but(tags={k: v for k, v in found.tags.items() if k not in req["TagKeys"]}))


@ssm.op(by_resource, partly=_PARTLY)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResult:
    return {"TagList": [{"Key": k, "Value": v} for k, v in _find(call, req).tags.items()]}
