"""Tags of buckets and of versions."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from cloche.kernel import Call

from . import errors, rows
from . import service as s3
from .access import on_bucket, on_object
from .buckets import find
from .notifications import tell

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

MOST_ON_OBJECT, MOST_ON_BUCKET = 10, 50
ALLOWED = re.compile(r"[\w\s+\-=.:/@]*\Z")


def checked(call: Call, tags: list[dict[str, str]], most: int) -> dict[str, str]:
    if len(tags) > most:
        raise errors.AwsError("BadRequest", f"Object tags cannot be greater than {most}") if most == MOST_ON_OBJECT else errors.AwsError("BadRequest", f"Bucket tag count cannot be greater than {most}")
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag["Key"], tag.get("Value", "")
        if not key or len(key) > 128 or not ALLOWED.match(key):
            raise errors.bad_tag("The TagKey you have provided is invalid", key)
        if len(value) > 256 or not ALLOWED.match(value):
            raise errors.bad_tag("The TagValue you have provided is invalid", key)
        if call.reserves([key]):
            raise errors.bad_tag("Your TagKey cannot be prefixed with aws:" if most == MOST_ON_OBJECT else "System tags cannot be added/updated by requester", key)
        if key in found:
            raise errors.bad_tag("Cannot provide multiple Tags with the same key", key)
        found[key] = value
    return found


def read_header(call: Call, text: str) -> dict[str, str]:
    """x-amz-tagging: tags as URL query parameters."""
    pairs = [part.partition("=") for part in text.split("&") if part]
    try:
        return checked(call, [{"Key": unquote_plus(key), "Value": unquote_plus(value)} for key, _, value in pairs], MOST_ON_OBJECT)
    except errors.AwsError as error:
        if error.code != "BadRequest":
            raise
        raise errors.argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates." if error.code != "BadRequest"
                              else error.message, "x-amz-tagging", text) from None


def shown(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


@s3.op(needs=on_bucket("s3:PutBucketTagging"))
def put_bucket_tagging(call: Call, req: t.PutBucketTaggingRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    call.put(bucket.having(tagging=shown(checked(call, req["Tagging"]["TagSet"], MOST_ON_BUCKET))))


@s3.op(needs=on_bucket("s3:GetBucketTagging"))
def get_bucket_tagging(call: Call, req: t.GetBucketTaggingRequest) -> t.GetBucketTaggingOutput:
    bucket = find(call, req["Bucket"], req)
    if not bucket.settings.get("tagging"):
        raise errors.lacking("NoSuchTagSet", "The TagSet does not exist", bucket.name)
    return {"TagSet": bucket.settings["tagging"]}


@s3.op(needs=on_bucket("s3:PutBucketTagging"))
def delete_bucket_tagging(call: Call, req: t.DeleteBucketTaggingRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(tagging=None))


def _change(call: Call, req: Any, tags: dict[str, str], event: str) -> dict[str, Any]:
    from .objects import seek
    bucket = find(call, req["Bucket"], req)
    v = seek(call, bucket, req)
    v.about.tags = tags
    rows.describe(call, v)
    if "replication" in bucket.settings:
        from . import replicas
        replicas.changed(call, bucket, v)
    if "notification" in bucket.settings:
        tell(call, bucket, event, v)
    return {"VersionId": v.version} if bucket.versioning else {}


@s3.op(needs=on_object("s3:PutObjectTagging", "s3:PutObjectVersionTagging"))
def put_object_tagging(call: Call, req: t.PutObjectTaggingRequest) -> t.PutObjectTaggingOutput:
    return _change(call, req, checked(call, req["Tagging"]["TagSet"], MOST_ON_OBJECT), "ObjectTagging:Put")


@s3.op(needs=on_object("s3:GetObjectTagging", "s3:GetObjectVersionTagging"))
def get_object_tagging(call: Call, req: t.GetObjectTaggingRequest) -> t.GetObjectTaggingOutput:
    from .objects import seek
    bucket = find(call, req["Bucket"], req)
    v = seek(call, bucket, req)
    return {"TagSet": shown(v.about.tags)} | ({"VersionId": v.version} if bucket.versioning else {})


@s3.op(needs=on_object("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"))
def delete_object_tagging(call: Call, req: t.DeleteObjectTaggingRequest) -> t.DeleteObjectTaggingOutput:
    return _change(call, req, {}, "ObjectTagging:Delete")
