"""Archived objects: asked back for some days, readable when the retrieval's hours are over. Everything is a moment that is compared.

How long a retrieval takes is within what AWS promises for its tier: minutes when expedited, hours else.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Response
from cloche.wire.codec.rest_xml import host_id

from . import errors, rows, tiers
from . import service as s3
from .access import on_object
from .buckets import Bucket, find
from .lifecycle import DAY, midnight
from .notifications import tell
from .objects import ARCHIVES, seek

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

# storage class -> tier -> seconds
TAKES = {"GLACIER": {"Expedited": 180, "Standard": 4 * 3600, "Bulk": 8 * 3600}, "DEEP_ARCHIVE": {"Standard": 11 * 3600, "Bulk": 40 * 3600}}


@s3.op(needs=on_object("s3:RestoreObject"), partly="restores archived objects; SELECT requests are refused")
def restore_object(call: Call, req: t.RestoreObjectRequest) -> Any:
    bucket = find(call, req["Bucket"], req)
    v, wanted = seek(call, bucket, req), req.get("RestoreRequest") or {}
    if wanted.get("Type") == "SELECT":
        raise errors.not_implemented("", "SELECT restores are not built in Cloche")
    if v.storage_class == "INTELLIGENT_TIERING":
        return _untiered(call, bucket, v, wanted)
    if v.storage_class not in ARCHIVES:
        raise AwsError("InvalidObjectState", "Restore is not allowed for the object's current storage class", 403, extra={"StorageClass": v.storage_class})
    if wanted.get("Days", 0) <= 0:
        raise errors.malformed_xml()
    tier = (wanted.get("GlacierJobParameters") or {}).get("Tier") or wanted.get("Tier") or "Standard"
    seconds = TAKES[v.storage_class].get(tier)
    if seconds is None:
        raise errors.argument(f"{tier} retrievals are not available for the storage class {v.storage_class}", "Tier", tier)
    about, now = v.about, call.now
    status = 202
    if now < about.restoring:
        if now + seconds >= about.restoring:  # only a faster tier changes what is under way
            raise AwsError("RestoreAlreadyInProgress", "Object restore is already in progress", 409)
        about.restoring = now + seconds
    elif now < about.restored:
        status = 200  # it is there already: only its end moves
    else:
        about.restoring = now + seconds
    about.restore_days = wanted["Days"]
    about.restored = midnight(max(about.restoring, now) + wanted["Days"] * DAY)
    rows.describe(call, v)
    there = call.at(bucket.owner, bucket.region)
    name = f"{bucket.name}/{v.id}"
    if status == 202:
        there.due(about.restoring, arrived, name=name, bucket=bucket.name, id=v.id)
        if "notification" in bucket.settings:
            tell(call, bucket, "ObjectRestore:Post", v)
    there.due(about.restored, ended, name=name, bucket=bucket.name, id=v.id)
    return Response(status, [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id))]) if call.wire else {}


def _untiered(call: Call, bucket: Bucket, v: rows.Version, wanted: Any) -> Any:
    """What lies in an archive tier of INTELLIGENT_TIERING comes back for good."""
    tier = tiers.of(call, v, bucket)
    if not tier:
        raise AwsError("InvalidObjectState", "Restore is not allowed for the object's current storage class", 403, extra={"StorageClass": v.storage_class})
    if "Days" in wanted:
        raise errors.malformed_xml()
    speed = (wanted.get("GlacierJobParameters") or {}).get("Tier") or wanted.get("Tier") or "Standard"
    seconds = tiers.TAKES[tier].get(speed)
    if seconds is None:
        raise errors.argument(f"{speed} retrievals are not available for the access tier {tier}", "Tier", speed)
    if call.now < v.about.restoring <= call.now + seconds:
        raise AwsError("RestoreAlreadyInProgress", "Object restore is already in progress", 409)
    v.about.restoring = call.now + seconds
    rows.describe(call, v)
    call.at(bucket.owner, bucket.region).due(v.about.restoring, arrived, name=f"{bucket.name}/{v.id}", bucket=bucket.name, id=v.id)
    if "notification" in bucket.settings:
        tell(call, bucket, "ObjectRestore:Post", v)
    return Response(202, [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id))]) if call.wire else {}


def _told(call: Call, bucket: str, id_: int, event: str) -> None:
    record = call.get(Bucket, bucket)
    v = rows.read(call.row(f"SELECT {rows.COLUMNS} FROM s3_object WHERE id=?", id_))
    if record is not None and v is not None and v.bucket == bucket and "notification" in record.settings:
        tell(call, record, event, v)


@s3.timer
def arrived(call: Call, bucket: str, id: int) -> None:
    _told(call, bucket, id, "ObjectRestore:Completed")


@s3.timer
def ended(call: Call, bucket: str, id: int) -> None:
    _told(call, bucket, id, "ObjectRestore:Delete")
