"""Listings: they cost what they show. With a delimiter, each common prefix is one jump in the index to the first key behind it.

Text is built by hand for ListObjects and ListObjectsV2; the codec writes the rest.
"""
from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from cloche.kernel import Call, Need, Response
from cloche.wire.codec import times
from cloche.wire.codec.rest_xml import host_id
from cloche.wire.codec.xml import escape

from . import errors
from . import service as s3
from .access import need
from .buckets import Bucket, canonical_id, find, owner_of

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

MOST = 1000
CURRENT = "SELECT key, size, etag, modified, class, summed, owner FROM s3_object WHERE bucket=? AND current=1 AND marker=0 AND key>=? AND key<? ORDER BY key"
LAST = "\U0010ffff\U0010ffff"  # behind every key


def behind(prefix: str) -> str:
    """The least key behind all that begin with a prefix."""
    while prefix and prefix[-1] == "\U0010ffff":
        prefix = prefix[:-1]
    if not prefix:
        return LAST
    point = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if point == 0xD800 else point)


def walk(call: Call, bucket: str, prefix: str, delimiter: str, start: str, most: int) -> tuple[list[Any], list[str], str | None]:
    """Rows of current objects, common prefixes, and the last thing shown if there is more. `start` is the first key to look at."""
    rows: list[Any] = []
    prefixes: list[str] = []
    end, at, last = behind(prefix) if prefix else LAST, max(start, prefix), None
    while True:
        left = most - len(rows) - len(prefixes)
        jumped = False
        for row in call.each(CURRENT + " LIMIT ?", bucket, at, end, left + 1):
            key = row[0]
            if delimiter and (cut := key.find(delimiter, len(prefix))) >= 0:
                common = key[: cut + len(delimiter)]
                if not left:
                    return rows, prefixes, last
                prefixes.append(common)
                last, at, jumped = common, behind(common), True
                break
            if not left:
                return rows, prefixes, last
            rows.append(row)
            last = key
            left -= 1
        if not jumped:
            return rows, prefixes, None


def encoder(req: Any) -> Any:
    """How keys are written: as they are, or (encoding-type=url) as Java's URLEncoder would."""
    kind = req.get("EncodingType")
    if kind is None:
        return lambda text: text
    if kind != "url":
        raise errors.argument("Invalid Encoding Method specified in Request", "encoding-type", kind)
    return lambda text: quote_plus(text, safe="/*").replace("~", "%7E")


def most_of(req: Any, member: str = "MaxKeys", name: str = "max-keys") -> int:
    most = req.get(member, MOST)
    if most < 0:
        raise errors.argument(f"Argument {name} must be an integer between 0 and 2147483647", name, most)
    if most > 2147483647:
        raise errors.argument(f"Provided {name} not an integer or within integer range", name, most)
    return most


def may_list(action: str = "s3:ListBucket") -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        bucket = find(call, req["Bucket"], req)
        context: dict[str, Any] = {"s3:prefix": req.get("Prefix", ""), "s3:delimiter": req.get("Delimiter", ""), "s3:max-keys": req.get("MaxKeys", MOST)}
        return [need(call, bucket, action, None, context)]
    needs.action = action  # type: ignore[attr-defined]
    return needs


_plain = re.compile(r"[A-Za-z0-9_./*-]*\Z").match  # neither an encoding nor XML has anything to say about these


@lru_cache(maxsize=4096)
def _moment(second: int) -> str:
    return times.iso8601_ms(second)


@lru_cache(maxsize=64)
def _sum_elements(summed: str) -> str:
    kind, _, type_ = summed.partition(" ")
    return f"<ChecksumAlgorithm>{kind}</ChecksumAlgorithm><ChecksumType>{type_}</ChecksumType>" if summed else ""


def contents(rows: list[Any], encode: Any, owned: bool) -> str:
    out = []
    for key, size, etag, modified, storage_class, summed, owner in rows:
        name = key if _plain(key) else escape(encode(key))
        who = f"<Owner><ID>{canonical_id(owner)}</ID></Owner>" if owned else ""
        out.append(f"<Contents><Key>{name}</Key><LastModified>{_moment(int(modified))}</LastModified><ETag>&quot;{etag}&quot;</ETag>{_sum_elements(summed)}"
                   f"<Size>{size}</Size>{who}<StorageClass>{storage_class}</StorageClass></Contents>")
    return "".join(out)


def document(call: Call, parts: list[tuple[str, Any]], body: str, prefixes: list[str], encode: Any) -> Response:
    text = "".join([f"<{name}>{escape(str(value))}</{name}>" for name, value in parts if value is not None])
    common = "".join([f"<CommonPrefixes><Prefix>{escape(encode(prefix))}</Prefix></CommonPrefixes>" for prefix in prefixes])
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{text}{body}{common}</ListBucketResult>'
    headers = [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id)), ("Server", "AmazonS3"), ("content-type", "application/xml"),
               ("x-amz-bucket-region", call.region)]
    return Response(200, headers, xml.encode())


def _members(rows: list[Any], owned: bool) -> list[dict[str, Any]]:
    return [{"Key": key, "Size": size, "ETag": f'"{etag}"', "LastModified": float(int(modified)), "StorageClass": storage_class}
            | ({"ChecksumAlgorithm": [summed.partition(" ")[0]], "ChecksumType": summed.partition(" ")[2]} if summed else {}) | ({"Owner": owner_of(owner)} if owned else {})
            for key, size, etag, modified, storage_class, summed, owner in rows]


@s3.op(needs=may_list())
def list_objects_v2(call: Call, req: t.ListObjectsV2Request) -> t.ListObjectsV2Output:
    bucket = find(call, req["Bucket"], req)
    encode, asked, prefix, delimiter = encoder(req), most_of(req), req.get("Prefix", ""), req.get("Delimiter", "")
    token, after = req.get("ContinuationToken"), req.get("StartAfter", "")
    start = _next(_token(token) if token else after, prefix, delimiter)
    most = min(asked, MOST)
    rows, prefixes, last = walk(call, bucket.name, prefix, delimiter, start, most) if most else ([], [], None)
    onward = urlsafe_b64encode(last.encode()).decode() if last is not None else None
    owned = bool(req.get("FetchOwner"))
    if not call.wire:
        return {"Name": bucket.name, "Prefix": prefix, "KeyCount": len(rows) + len(prefixes), "MaxKeys": asked, "IsTruncated": last is not None,
                "Contents": _members(rows, owned), "CommonPrefixes": [{"Prefix": p} for p in prefixes]} | ({"NextContinuationToken": onward} if onward else {})
    parts = [("Name", bucket.name), ("Prefix", encode(prefix)), ("StartAfter", encode(after) if after else None), ("ContinuationToken", token),
             ("NextContinuationToken", onward), ("KeyCount", len(rows) + len(prefixes)), ("MaxKeys", asked), ("Delimiter", encode(delimiter) if delimiter else None),
             ("EncodingType", req.get("EncodingType")), ("IsTruncated", "true" if last is not None else "false")]
    return document(call, parts, contents(rows, encode, owned), prefixes, encode)  # type: ignore[return-value]


def _token(token: str) -> str:
    """The last thing that was shown."""
    try:
        last = urlsafe_b64decode(token.encode()).decode()
        if not last:
            raise ValueError
    except ValueError:
        raise errors.argument("The continuation token provided is incorrect", "continuation-token", token) from None
    return last


def _next(after: str, prefix: str, delimiter: str) -> str:
    """The first key behind a marker: if that lies inside a common prefix, AWS shows the prefix again unless the marker is the prefix itself."""
    if not after:
        return ""
    if delimiter and after.startswith(prefix) and (cut := after.find(delimiter, len(prefix))) >= 0:
        return behind(after[: cut + len(delimiter)])
    return after + "\0"


@s3.op(needs=may_list())
def list_objects(call: Call, req: t.ListObjectsRequest) -> t.ListObjectsOutput:
    bucket = find(call, req["Bucket"], req)
    encode, asked, prefix, delimiter, marker = encoder(req), most_of(req), req.get("Prefix", ""), req.get("Delimiter", ""), req.get("Marker", "")
    most = min(asked, MOST)
    rows, prefixes, last = walk(call, bucket.name, prefix, delimiter, _next(marker, prefix, delimiter), most) if most else ([], [], None)
    if not call.wire:
        return {"Name": bucket.name, "Prefix": prefix, "Marker": marker, "MaxKeys": asked, "IsTruncated": last is not None,
                "Contents": _members(rows, True), "CommonPrefixes": [{"Prefix": p} for p in prefixes]} | ({"NextMarker": last} if last and delimiter else {})
    # AWS leaves this one Prefix as it is (botocore does not decode it either)
    parts = [("Name", bucket.name), ("Prefix", prefix), ("Marker", encode(marker)), ("NextMarker", encode(last) if last is not None and delimiter else None),
             ("MaxKeys", asked), ("Delimiter", encode(delimiter) if delimiter else None), ("EncodingType", req.get("EncodingType")),
             ("IsTruncated", "true" if last is not None else "false")]
    return document(call, parts, contents(rows, encode, True), prefixes, encode)  # type: ignore[return-value]


# --- versions -----------------------------------------------------------------------------------------------------------------

SHOWN = "key, id, marker, size, etag, modified, class, summed, owner, version, current"
VERSIONS = (f"SELECT {SHOWN} FROM s3_object WHERE bucket=?1 AND current=1 AND key>=?2 AND key<?3"
            f" UNION ALL SELECT {SHOWN} FROM s3_object WHERE bucket=?1 AND current=0 AND key>=?2 AND key<?3 ORDER BY key, current DESC, id DESC LIMIT ?4")


@s3.op(needs=may_list("s3:ListBucketVersions"))
def list_object_versions(call: Call, req: t.ListObjectVersionsRequest) -> t.ListObjectVersionsOutput:
    bucket = find(call, req["Bucket"], req)
    encode, asked, prefix, delimiter = encoder(req), most_of(req), req.get("Prefix", ""), req.get("Delimiter", "")
    key_marker, id_marker = req.get("KeyMarker", ""), req.get("VersionIdMarker", "")
    if id_marker and not key_marker:
        raise errors.argument("A version-id marker cannot be specified without a key marker.", "version-id-marker", id_marker)
    shown, prefixes, last = _walk_versions(call, bucket, prefix, delimiter, key_marker, id_marker, min(asked, MOST)) if asked else ([], [], None)
    versions, markers = [], []
    for key, _, marker, size, etag, modified, storage_class, summed, owner, version, current in shown:
        one: dict[str, Any] = {"Key": encode(key), "VersionId": version, "IsLatest": bool(current), "LastModified": float(int(modified)), "Owner": owner_of(owner)}
        if marker:
            markers.append(one)
            continue
        one |= {"ETag": f'"{etag}"', "Size": size, "StorageClass": storage_class}
        if summed:
            one |= {"ChecksumAlgorithm": [summed.partition(" ")[0]], "ChecksumType": summed.partition(" ")[2]}
        versions.append(one)
    answer: dict[str, Any] = {"Name": bucket.name, "Prefix": encode(prefix), "KeyMarker": encode(key_marker), "VersionIdMarker": id_marker, "MaxKeys": asked,
                              "IsTruncated": last is not None, "Versions": versions, "DeleteMarkers": markers, "CommonPrefixes": [{"Prefix": encode(p)} for p in prefixes]}
    if delimiter:
        answer["Delimiter"] = encode(delimiter)
    if "EncodingType" in req:
        answer["EncodingType"] = req["EncodingType"]
    if last is not None:
        answer["NextKeyMarker"] = encode(last[0])
        if last[1]:
            answer["NextVersionIdMarker"] = last[1]
    return answer


def _walk_versions(call: Call, bucket: Bucket, prefix: str, delimiter: str, key_marker: str, id_marker: str, most: int) -> tuple[list[Any], list[str], Any]:
    shown: list[Any] = []
    prefixes: list[str] = []
    last: Any = None
    end, at = behind(prefix) if prefix else LAST, prefix
    skipping = ""
    if key_marker:
        if id_marker:
            at, skipping = max(prefix, key_marker), id_marker
        else:
            at = max(prefix, _next(key_marker, prefix, delimiter))
    while True:
        left, jumped, more = most - len(shown) - len(prefixes), False, False
        for row in call.each(VERSIONS, bucket.name, at, end, -1 if skipping else left + 1):
            key = row[0]
            if skipping:
                if key == key_marker:
                    if row[9] == skipping:
                        skipping = ""
                        at = key
                    continue
                skipping = ""
            if delimiter and (cut := key.find(delimiter, len(prefix))) >= 0:
                if not left:
                    return shown, prefixes, last
                common = key[: cut + len(delimiter)]
                prefixes.append(common)
                last, at, jumped = (common, ""), behind(common), True
                break
            if not left:
                return shown, prefixes, last
            shown.append(row)
            last = (key, row[9])
            left -= 1
        if not jumped and not more:
            return shown, prefixes, None
