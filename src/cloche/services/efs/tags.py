"""Tags of file systems and access points, by the new operations and by the old ones for file systems alone."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import access_points, errors, file_systems
from . import service as efs
from .access_points import AccessPoint
from .file_systems import FileSystem

if TYPE_CHECKING:
    from cloche.shapes import efs as t


def _thing(call: Call, id_: str) -> FileSystem | AccessPoint:
    return access_points.find(call, id_) if file_systems.bare(id_).startswith("fsap-") else file_systems.find(call, id_)


def by_resource(call: Call, req: Any) -> str:
    id_ = req["ResourceId"]
    return access_points.arn(call, id_) if file_systems.bare(id_).startswith("fsap-") else file_systems.arn(call, id_)


def asked(call: Call, req: Any) -> dict[str, Any]:
    tags = {pair["Key"]: pair["Value"] for pair in req.get("Tags") or ()}
    keys = list(tags) or list(req.get("TagKeys") or ())
    return {"aws:TagKeys": keys, **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}


def _merged(call: Call, one: Any, pairs: Any) -> None:
    both = one.tags | file_systems.checked_tags(call, pairs)
    if len(both) > 50:
        raise errors.bad("A resource can have at most 50 tags.")
    call.put(one.but(tags=both))


def _without(call: Call, one: Any, keys: Any) -> None:
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in keys}))


@efs.op(by_resource, context=asked)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    _merged(call, _thing(call, req["ResourceId"]), req["Tags"])


@efs.op(by_resource, context=asked)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    _without(call, _thing(call, req["ResourceId"]), req["TagKeys"])


@efs.op(by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": [{"Key": k, "Value": v} for k, v in _thing(call, req["ResourceId"]).tags.items()]}


@efs.op(file_systems.by_id, context=asked)
def create_tags(call: Call, req: t.CreateTagsRequest) -> None:
    _merged(call, file_systems.find(call, req["FileSystemId"]), req["Tags"])


@efs.op(file_systems.by_id, context=asked)
def delete_tags(call: Call, req: t.DeleteTagsRequest) -> None:
    _without(call, file_systems.find(call, req["FileSystemId"]), req["TagKeys"])


@efs.op(file_systems.by_id)
def describe_tags(call: Call, req: t.DescribeTagsRequest) -> t.DescribeTagsResponse:
    one = file_systems.find(call, req["FileSystemId"])
    return file_systems.paged(req, [{"Key": k, "Value": v} for k, v in one.tags.items()], "Tags")  # type: ignore[return-value]
