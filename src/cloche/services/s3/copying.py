"""Copies: a whole object into a new one, or a stretch of one into a part of an upload. Files are copied by the system."""
from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cloche.kernel import Call, Need
from cloche.wire import checksums
from cloche.wire.http import FileBody

from . import bodies, encryption, errors, rows
from . import service as s3
from .access import about_object, need
from .buckets import Bucket, find
from .cipher import Cipher
from .objects import check_readable, check_writable, draft, enter, expiring, may_put, seek
from .reading import SUM_MEMBERS, check_conditions, sums_shown
from .rows import Version
from .uploads import _enter_part, _open, upload_of

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

POINT = re.compile(r"(arn:[^/]+:accesspoint/[^/]+)/object/(.+?)(?:\?versionId=([^?]*))?\Z", re.DOTALL)
CONDITIONS = ("CopySourceIfMatch", "CopySourceIfNoneMatch", "CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince")
SOURCE_KEYS = ("CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5")
DESCRIPTION = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires", "Metadata")


def source_of(req: Any) -> dict[str, str]:
    """x-amz-copy-source: [/]bucket/key[?versionId=...], URL-encoded."""
    text = req["CopySource"]
    if (found := POINT.match(unquote(text))) is not None:  # by access point: ARN/object/KEY
        return {"Bucket": found[1], "Key": found[2]} | ({"VersionId": found[3]} if found[3] else {})
    path, found, version = text.rpartition("?versionId=")
    if not found:
        path, version = text, ""
    bucket, slash, key = unquote(path).lstrip("/").partition("/")
    if not slash or not bucket or not key:
        raise errors.argument("Invalid copy source object key", "x-amz-copy-source", text)
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})


def _source_bucket(call: Call, source: dict[str, str]) -> Bucket:
    """Copies may reach into other regions."""
    from .buckets import Bucket as Type
    bucket = call.get(Type, source["Bucket"])
    if bucket is None:
        from .points import enter, resolve
        if (point := resolve(call, source["Bucket"])) is None:
            raise errors.no_such_bucket(source["Bucket"])
        bucket = enter(call, point, "GetObject", source["Key"], source.get("VersionId"))
    return bucket


def _may_read_source(call: Call, req: Any) -> list[Need]:
    source = source_of(req)
    bucket = _source_bucket(call, source)
    if (expected := req.get("ExpectedSourceBucketOwner")) is not None and expected != bucket.owner:
        raise errors.access_denied()
    version = source.get("VersionId")
    needs = [about_object(call, bucket, "s3:GetObject" if version is None else "s3:GetObjectVersion", source["Key"], version)]
    if req.get("TaggingDirective", "COPY") == "COPY" and "PartNumber" not in req and (v := rows.current(call, bucket.name, source["Key"])) is not None and v.about.tags:
        needs.append(about_object(call, bucket, "s3:GetObjectTagging" if version is None else "s3:GetObjectVersionTagging", source["Key"], version))
    return needs


def _read(call: Call, req: Any) -> tuple[Bucket, Version]:
    source = source_of(req)
    bucket = _source_bucket(call, source)
    v = seek(call, bucket, source, body=True)
    check_readable(call, v)
    encryption.unseal(call, bucket, v, req, SOURCE_KEYS)
    check_conditions(v, req, CONDITIONS, copying=True)
    return bucket, v


@s3.op(needs=lambda call, req: _may_read_source(call, req) + may_put(call, req))
async def copy_object(call: Call, req: t.CopyObjectRequest) -> t.CopyObjectOutput:
    with call.step():
        source_bucket, source = _read(call, req)
        bucket = find(call, req["Bucket"], req)
        v = _described(call, bucket, source, source_bucket, req)
        check_writable(call, bucket, req)
    if source.size > bodies.MOST_BYTES:
        raise errors.invalid(f"The specified copy source is larger than the maximum allowable size for a copy source: {bodies.MOST_BYTES}")
    stored = await _copy(call, rows.content(call, source), req, source, v.cipher)
    try:
        with call.step():
            check_writable(call, bucket, req)
            v.about.sums = {}
            enter(call, find(call, req["Bucket"], req), v, stored, "ObjectCreated:Copy")
    except BaseException:
        bodies.discard(stored)
        raise
    answer: dict[str, Any] = {"CopyObjectResult": {"ETag": f'"{v.etag}"', "LastModified": float(int(v.modified)), **sums_shown(v)}, **encryption.shown(v.about), **expiring(bucket, v)}
    if bucket.versioning:
        answer["VersionId"] = v.version
    if source_bucket.versioning:
        answer["CopySourceVersionId"] = source.version
    return answer


def _described(call: Call, bucket: Bucket, source: Version, source_bucket: Bucket, req: Any) -> Version:
    directive, tagging = req.get("MetadataDirective", "COPY"), req.get("TaggingDirective", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise errors.argument("Unknown metadata directive.", "x-amz-metadata-directive", directive)
    if tagging not in ("COPY", "REPLACE"):
        raise errors.argument("Unknown tagging directive.", "x-amz-tagging-directive", tagging)
    if "Tagging" in req and tagging == "COPY":
        req = {name: value for name, value in req.items() if name != "Tagging"}
    if directive == "COPY":
        req = {name: value for name, value in req.items() if name not in DESCRIPTION}
    v = draft(call, bucket, req)
    changed = directive == "REPLACE" or "StorageClass" in req or "WebsiteRedirectLocation" in req or any(member in req for member in encryption.ASKED) \
        or source.about.customer or v.about.sse != source.about.sse or "VersionId" in source_of(req)
    if (source.bucket, source.key) == (bucket.name, v.key) and not changed:
        raise errors.invalid("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, "
                             "website redirect location or encryption attributes.")
    if directive == "COPY":
        v.about.headers, v.about.meta = dict(source.about.headers), dict(source.about.meta)
    if tagging == "COPY":
        v.about.tags = dict(source.about.tags)
    return v


async def _copy(call: Call, content: bytes | FileBody, req: Any, source: Version, cipher: Cipher | None, part: int = 0) -> bodies.Stored:
    """The bytes once more, with their sums. One that is the whole source keeps the source's kind of checksum."""
    kind = bodies.KINDS.get(req.get("ChecksumAlgorithm", ""), "") or next(iter(source.about.sums), "") or ("crc64nvme" if checksums.fast() else "")
    if isinstance(content, bytes) and len(content) <= rows.INLINE:
        return bodies.kept(call, bodies.Promise(kind=kind), content, cipher, part)
    path = call.file("s3")
    md5, sums = await asyncio.to_thread(_duplicate, content, path, kind, cipher.writer(part) if cipher is not None else None)
    size = len(content) if isinstance(content, bytes) else content.length
    stored = bodies.Stored(size, md5, sums, None, rows.name_of(call, path), path)
    if size <= rows.INLINE:
        stored = bodies.Stored(size, md5, sums, path.read_bytes())
        path.unlink()
    return stored


def _duplicate(content: bytes | FileBody, path: Any, kind: str, sealing: Any) -> tuple[bytes, dict[str, str]]:
    """In a thread."""
    import hashlib
    md5, summing = hashlib.md5(usedforsecurity=False), bodies._new(kind) if kind else None
    with path.open("wb", buffering=0) as out:
        for piece in (content,) if isinstance(content, bytes) else content.pieces(1 << 20):
            out.write(piece if sealing is None else sealing.update(piece))
            md5.update(piece)
            if summing is not None:
                summing.update(piece)
    return md5.digest(), {kind: checksums.text(summing.digest())} if summing is not None else {}


@s3.op(needs=lambda call, req: [*_may_read_source(call, req), need(call, find(call, req["Bucket"], req), "s3:PutObject", req["Key"])])
async def upload_part_copy(call: Call, req: t.UploadPartCopyRequest) -> t.UploadPartCopyOutput:
    with call.step():
        upload, _, cipher = _open(call, req)
        source_bucket, source = _read(call, req)
    offset, length = _stretch(req.get("CopySourceRange"), source.size)
    if length > bodies.MOST_BYTES:
        raise errors.invalid(f"The specified copy source is larger than the maximum allowable size for a copy source: {bodies.MOST_BYTES}")
    stored = await _copy(call, rows.content(call, source, offset, length), {"ChecksumAlgorithm": upload.kind.upper()}, source, cipher, req["PartNumber"])
    try:
        with call.step():
            answer = _enter_part(call, upload_of(call, req), req["PartNumber"], stored)
    except BaseException:
        bodies.discard(stored)
        raise
    return {"CopyPartResult": {"ETag": answer["ETag"], "LastModified": float(int(call.now))} | {m: answer[m] for m in SUM_MEMBERS.values() if m in answer},
            **encryption.shown(upload.about)} | ({"CopySourceVersionId": source.version} if source_bucket.versioning else {})


def _stretch(text: str | None, size: int) -> tuple[int, int]:
    if text is None:
        return 0, size
    kind, _, bounds = text.partition("=")
    first, dash, last = bounds.partition("-")
    if kind != "bytes" or not dash or not first.isdigit() or not last.isdigit() or int(first) > int(last):
        raise errors.argument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                              "x-amz-copy-source-range", text)
    if int(last) >= size:
        raise errors.argument(f"Range specified is not valid for source object of size: {size}", "x-amz-copy-source-range", text)
    return int(first), int(last) - int(first) + 1


