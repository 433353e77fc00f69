"""Tags by ARN, of access points and of buckets."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need
from cloche.services.s3 import public as s3

from . import errors
from . import service as control
from .access_points import own

if TYPE_CHECKING:
    from cloche.shapes import s3control as t


def on_resource(action: str) -> Any:
    return lambda call, req: [Need(action, req["ResourceArn"], account=req["AccountId"])]


def find(call: Call, req: Any) -> s3.Bucket | s3.Point:
    own(call, req)
    arn = req["ResourceArn"]
    found: s3.Bucket | s3.Point | None
    if ":accesspoint/" in arn:
        found = call.get(s3.Point, f"{call.account}/{call.region}/{arn.rpartition('/')[2]}")
    else:
        found = call.get(s3.Bucket, arn.rpartition(":")[2])
    if found is None or found.arn != arn or call.account != (found.owner if isinstance(found, s3.Bucket) else found.account):
        raise errors.no_such_resource()
    return found


def keep(call: Call, found: s3.Bucket | s3.Point, tags: dict[str, str]) -> None:
    listed = s3.shown(tags)
    s3.checked(call, [tag for tag in listed if not tag["Key"].startswith("aws:")], s3.MOST_ON_BUCKET)
    call.put(found.having(tagging=listed or None) if isinstance(found, s3.Bucket) else found.but(tags=tags))


@control.op(needs=on_resource("s3:TagResource"))
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResult:
    found = find(call, req)
    keep(call, found, {**found.tags, **s3.checked(call, req["Tags"], s3.MOST_ON_BUCKET)})  # type: ignore[arg-type]
    return {}


@control.op(needs=on_resource("s3:ListTagsForResource"))
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResult:
    return {"Tags": s3.shown(find(call, req).tags)}  # type: ignore[typeddict-item]


@control.op(needs=on_resource("s3:UntagResource"))
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResult:
    found = find(call, req)
    keep(call, found, {key: value for key, value in found.tags.items() if key not in req["TagKeys"]})
    return {}
