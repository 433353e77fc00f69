"""Uploads in parts: each part is kept by itself until the upload is completed, then all are joined into one file by the system.

Part and upload are rows; the joined file exists before the step that names it, the parts' files go after it.
"""
from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64decode
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, Need
from cloche.wire import checksums

from . import bodies, encryption, errors, locks, rows
from . import service as s3
from .access import about_object, admitting, need
from .buckets import Bucket, find, owner_of
from .cipher import Cipher
from .listing import behind, encoder, most_of
from .objects import check_writable, draft, enter, expiring, may_put
from .reading import SUM_MEMBERS, sums_shown
from .rows import About, Version, name_of, path_of

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

SMALLEST_PART = 5 * 1024**2
MOST_PARTS = 10_000
LARGEST_OBJECT = 50 * 1024**4  # since December 2025

s3.table("""
CREATE TABLE IF NOT EXISTS s3_upload (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, started REAL NOT NULL, initiator TEXT NOT NULL, owner TEXT NOT NULL,
    class TEXT NOT NULL, kind TEXT NOT NULL, whole INTEGER NOT NULL, about BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS s3_uploads ON s3_upload (bucket, key, started, id);
CREATE TABLE IF NOT EXISTS s3_part (upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, md5 BLOB NOT NULL, sums BLOB NOT NULL, modified REAL NOT NULL,
    file TEXT, body BLOB, PRIMARY KEY (upload, number));
CREATE UNIQUE INDEX IF NOT EXISTS s3_part_file ON s3_part (file) WHERE file IS NOT NULL;
""")


class Upload(msgspec.Struct):
    id: str
    bucket: str
    key: str
    started: float
    initiator: str
    owner: str
    storage_class: str
    kind: str    # of checksum, "" for none
    whole: bool
    about: About


def upload_of(call: Call, req: Any) -> Upload:
    row = call.row("SELECT * FROM s3_upload WHERE id=?", req["UploadId"])
    if row is None or (row[1], row[2]) != (req["Bucket"], req["Key"]):
        raise errors.no_such_upload(req["UploadId"])
    return Upload(*row[:8], bool(row[8]), msgspec.msgpack.decode(row[9], type=About))


@s3.op(needs=may_put)
def create_multipart_upload(call: Call, req: t.CreateMultipartUploadRequest) -> t.CreateMultipartUploadOutput:
    bucket = find(call, req["Bucket"], req)
    v = draft(call, bucket, req)
    kind, type_ = req.get("ChecksumAlgorithm", ""), req.get("ChecksumType")
    if kind and kind not in bodies.KINDS:
        raise errors.invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
    if type_ and not kind:
        raise errors.invalid("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
    if type_ == "FULL_OBJECT" and kind in ("SHA1", "SHA256", "SHA512", "MD5"):
        raise errors.invalid(f"The FULL_OBJECT checksum type cannot be used with the {kind.lower()} checksum algorithm.")
    if type_ == "COMPOSITE" and kind == "CRC64NVME":
        raise errors.invalid("The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.")
    if not type_ and kind:
        type_ = "FULL_OBJECT" if kind == "CRC64NVME" else "COMPOSITE"
    id_ = call.pick(rows.ALPHABET, 64)
    whole = type_ != "COMPOSITE"
    call.sql("INSERT INTO s3_upload VALUES (?,?,?,?,?,?,?,?,?,?)", id_, bucket.name, v.key, call.now, call.principal.arn or "", v.owner, v.storage_class,
             bodies.KINDS.get(kind, ""), whole, rows.encode(v.about))
    return {"Bucket": bucket.name, "Key": v.key, "UploadId": id_, **encryption.shown(v.about)} | ({"ChecksumAlgorithm": kind, "ChecksumType": type_} if kind else {})


# --- parts --------------------------------------------------------------------------------------------------------------------

def may_upload(call: Call, req: Any) -> list[Need]:
    return [need(call, find(call, req["Bucket"], req), "s3:PutObject", req["Key"])]


def _number(req: Any) -> int:
    number = req["PartNumber"]
    if not 1 <= number <= MOST_PARTS:
        raise errors.argument(f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive", "partNumber", number)
    return number


def _open(call: Call, req: Any) -> tuple[Upload, bodies.Promise, Cipher | None]:
    """The upload, what is promised of the part, and what to seal it with: the key that the upload began with, which the caller must be able to open."""
    bucket = find(call, req["Bucket"], req)
    _number(req)
    upload = upload_of(call, req)
    cipher = encryption.opened(call, bucket, upload.about, req) if upload.about.nonce else None
    promise = bodies.promised(call, req, upload.kind or ("crc64nvme" if checksums.fast() else ""))
    if upload.kind and promise.kind != upload.kind:
        raise errors.invalid(f"Checksum Type mismatch occurred, expected checksum Type: {upload.kind}, actual checksum Type: {promise.kind}")
    return upload, promise, cipher


@s3.op(needs=may_upload)
def upload_part(call: Call, req: t.UploadPartRequest) -> t.UploadPartOutput:
    upload, promise, cipher = _open(call, req)
    body = req.get("Body", b"")
    if not isinstance(body, bytes):
        return _upload_stream(call, req, promise, body, cipher)
    return _enter_part(call, upload, req["PartNumber"], bodies.kept(call, promise, body, cipher, req["PartNumber"]))


async def _upload_stream(call: Call, req: Any, promise: bodies.Promise, stream: Any, cipher: Cipher | None) -> Any:
    stored = await bodies.streamed(call, promise, stream, cipher, req["PartNumber"])
    try:
        with call.step():
            return _enter_part(call, upload_of(call, req), req["PartNumber"], stored)
    except BaseException:
        bodies.discard(stored)
        raise


def _enter_part(call: Call, upload: Upload, number: int, stored: bodies.Stored) -> dict[str, Any]:
    old = call.row("SELECT file FROM s3_part WHERE upload=? AND number=?", upload.id, number)
    if old and old[0]:
        call.drop([path_of(call, old[0])])
    call.sql("INSERT OR REPLACE INTO s3_part VALUES (?,?,?,?,?,?,?,?)", upload.id, number, stored.size, stored.md5, msgspec.msgpack.encode(stored.sums), call.now,
             stored.file, stored.body)
    return {"ETag": f'"{stored.md5.hex()}"', **encryption.shown(upload.about)} | {SUM_MEMBERS[kind]: value for kind, value in stored.sums.items()}


def by_initiator(action: str) -> Any:
    """Who began an upload may look at it and end it, and so may his account."""
    def needs(call: Call, req: Any) -> list[Need]:
        bucket = find(call, req["Bucket"], req)
        question = about_object(call, bucket, action, req["Key"])
        row = call.row("SELECT initiator FROM s3_upload WHERE id=? AND bucket=? AND key=?", req["UploadId"], bucket.name, req["Key"])
        if not row or not row[0] or (call.principal.kind == "root" and call.principal.account == bucket.owner):
            return [question]
        return [admitting(question, [row[0], f"arn:aws:iam::{row[0].split(':')[4]}:root"])]
    needs.action = action  # type: ignore[attr-defined]
    return needs


@s3.op(needs=by_initiator("s3:ListMultipartUploadParts"))
def list_parts(call: Call, req: t.ListPartsRequest) -> t.ListPartsOutput:
    find(call, req["Bucket"], req)
    upload = upload_of(call, req)
    asked, after = most_of(req, "MaxParts", "max-parts"), int(req.get("PartNumberMarker", 0) or 0)
    most = min(asked, 1000)
    found = call.sql("SELECT number, size, md5, sums, modified FROM s3_part WHERE upload=? AND number>? ORDER BY number LIMIT ?", upload.id, after, most + 1)
    page = found[:most]
    answer: dict[str, Any] = {
        "Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id, "PartNumberMarker": str(after), "MaxParts": asked, "IsTruncated": len(found) > len(page),
        "StorageClass": upload.storage_class, "Owner": owner_of(upload.owner), "Initiator": _initiator(upload.initiator),
        "NextPartNumberMarker": str(page[-1][0] if page else 0),
        "Parts": [{"PartNumber": number, "Size": size, "ETag": f'"{md5.hex()}"', "LastModified": float(int(modified))} | _sums(sums) for number, size, md5, sums, modified in page]}
    if upload.kind:
        answer |= {"ChecksumAlgorithm": upload.kind.upper(), "ChecksumType": "FULL_OBJECT" if upload.whole else "COMPOSITE"}
    return answer


def _initiator(arn: str) -> dict[str, str]:
    """A user by ARN and name; an account's root by the account's canonical id."""
    return owner_of(arn.split(":")[4]) if arn.endswith(":root") else {"ID": arn, "DisplayName": arn.rpartition("/")[2]}


def _sums(packed: bytes) -> dict[str, str]:
    return {SUM_MEMBERS[kind]: value for kind, value in msgspec.msgpack.decode(packed).items()}


@s3.op(needs=by_initiator("s3:AbortMultipartUpload"))
def abort_multipart_upload(call: Call, req: t.AbortMultipartUploadRequest) -> t.AbortMultipartUploadOutput:
    find(call, req["Bucket"], req)
    forget(call, upload_of(call, req).id)
    return {}


def forget(call: Call, id_: str) -> None:
    call.drop([path_of(call, file) for (file,) in call.sql("SELECT file FROM s3_part WHERE upload=? AND file IS NOT NULL", id_)])
    call.sql("DELETE FROM s3_part WHERE upload=?", id_)
    call.sql("DELETE FROM s3_upload WHERE id=?", id_)


def forget_all(call: Call, bucket: str) -> None:
    for (id_,) in call.sql("SELECT id FROM s3_upload WHERE bucket=?", bucket):
        forget(call, id_)


# --- the end of an upload -----------------------------------------------------------------------------------------------------

def _may_complete(call: Call, req: Any) -> list[Need]:
    context = {key: req[member] for member, key in (("IfNoneMatch", "s3:if-none-match"), ("IfMatch", "s3:if-match")) if member in req}
    return [need(call, find(call, req["Bucket"], req), "s3:PutObject", req["Key"], context | {"s3:ObjectCreationOperation": True})]


@s3.op(needs=_may_complete)
async def complete_multipart_upload(call: Call, req: t.CompleteMultipartUploadRequest) -> t.CompleteMultipartUploadOutput:
    bucket = find(call, req["Bucket"], req)
    done = call.row("SELECT answer FROM s3_completed WHERE id=?", req["UploadId"])
    if done is not None:  # once more, because the first answer was lost
        return msgspec.msgpack.decode(done[0])
    upload = upload_of(call, req)
    parts = _chosen(call, upload, req)
    seen = check_writable(call, bucket, req)
    size = sum(part[1] for part in parts)
    if (said := req.get("MpuObjectSize")) is not None and said != size:
        raise errors.invalid(f"The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: {size}")
    sums = _joined_sums(upload, req, parts)
    stored = bodies.Stored(size, b"", sums)
    if size <= rows.INLINE:
        stored.body = b"".join([part[5] if part[5] is not None else path_of(call, part[4]).read_bytes() for part in parts])
    else:
        stored.path = call.file("s3")
        stored.file = name_of(call, stored.path)
        await asyncio.to_thread(_join, stored.path, [(path_of(call, part[4]) if part[4] else None, part[5]) for part in parts])
    try:
        with call.step():
            upload_of(call, req)
            check_writable(call, find(call, req["Bucket"], req), req, seen)
            return _finish(call, find(call, req["Bucket"], req), upload, parts, stored)
    except BaseException:
        bodies.discard(stored)
        raise


s3.table("CREATE TABLE IF NOT EXISTS s3_completed (id TEXT PRIMARY KEY, at REAL NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID")
s3.table("CREATE INDEX IF NOT EXISTS s3_completed_at ON s3_completed (at)")


def _chosen(call: Call, upload: Upload, req: Any) -> list[tuple[int, int, bytes, dict[str, str], str | None, bytes | None]]:
    """The parts that were listed: (number, size, md5, sums, file, body), in order, each as it was uploaded."""
    wanted = (req.get("MultipartUpload") or {}).get("Parts") or []
    if not wanted:
        raise errors.malformed_xml()
    if len(wanted) > MOST_PARTS:
        raise errors.malformed_xml()
    numbers = [part.get("PartNumber", 0) for part in wanted]
    if any(a >= b for a, b in pairwise(numbers)):
        raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", extra={"UploadId": upload.id})
    chosen = []
    for at, (number, part) in enumerate(zip(numbers, wanted, strict=True), 1):
        row = call.row("SELECT number, size, md5, sums, file, body FROM s3_part WHERE upload=? AND number=?", upload.id, number)
        etag = part.get("ETag", "").strip('"')
        if row is None or row[2].hex() != etag:
            raise AwsError("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match "
                           "the part's entity tag.", extra={"UploadId": upload.id, "PartNumber": str(number), "ETag": etag})
        sums = msgspec.msgpack.decode(row[3])
        for member, kind in bodies.MEMBERS.items():
            if member in part and part[member] != sums.get(kind):
                raise AwsError("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match "
                               "the part's entity tag.", extra={"UploadId": upload.id, "PartNumber": str(number), "ETag": etag})
        if row[1] < SMALLEST_PART and at < len(wanted):
            raise errors.too_small(row[1], SMALLEST_PART, PartNumber=str(number), ETag=etag)
        if upload.kind and not upload.whole and not any(member in part for member in bodies.MEMBERS):
            raise errors.invalid(f"The upload was created using a {upload.kind} checksum. The complete request must include the checksum for each part. "
                                 f"It was missing for part {number} in the request.")
        chosen.append((*row[:3], sums, *row[4:]))
    return chosen


def _joined_sums(upload: Upload, req: Any, parts: list[Any]) -> dict[str, str]:
    kind = upload.kind or next(iter(parts[0][3]), "")
    if not kind or any(kind not in part[3] for part in parts):
        return {}
    digests = [(b64decode(part[3][kind]), part[1]) for part in parts]
    if upload.whole:
        value = checksums.text(checksums.join(kind, digests))
    else:
        value = bodies._sum(kind, b"".join(digest for digest, _ in digests)) + f"-{len(parts)}"
    for member, named in bodies.MEMBERS.items():
        if member in req:
            if named != kind:
                raise errors.invalid(f"The upload was created using the {(upload.whole and 'FULL_OBJECT') or 'COMPOSITE'} checksum mode with {kind}.")
            if req[member].partition("-")[0] != value.partition("-")[0]:
                raise errors.bad_sum(kind)
    return {kind: value}


def _join(path: Any, parts: list[Any]) -> None:
    """In a thread: the system copies files to the end of the new one (and shares the blocks where the file system can)."""
    with path.open("wb", buffering=0) as whole:
        for file, body in parts:
            if file is None:
                whole.write(body)
                continue
            with file.open("rb") as part:
                left = os.fstat(part.fileno()).st_size
                while left:
                    try:
                        left -= os.copy_file_range(part.fileno(), whole.fileno(), left)
                    except OSError:  # not on this file system
                        while piece := part.read(1 << 20):
                            whole.write(piece)
                        left = 0


def _finish(call: Call, bucket: Bucket, upload: Upload, parts: list[Any], stored: bodies.Stored) -> Any:
    about = upload.about
    about.whole = upload.whole
    about.parts = [(number, size, sums if upload.kind and not upload.whole else {}) for number, size, _, sums, _, _ in parts]
    if not about.lock_mode and not about.hold:
        locks.describe(call, bucket, {}, about)
    etag = f"{hashlib.md5(b''.join(part[2] for part in parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
    v = Version(0, bucket.name, upload.key, "null", 1, 0, 0, etag, 0.0, upload.storage_class, "", upload.owner, about, None)
    enter(call, bucket, v, stored, "ObjectCreated:CompleteMultipartUpload")
    forget(call, upload.id)
    answer = {"Location": f"http://{call.host}/{bucket.name}/{upload.key}", "Bucket": bucket.name, "Key": upload.key, "ETag": f'"{etag}"', **encryption.shown(about),
              **sums_shown(v), **expiring(bucket, v)} | ({"VersionId": v.version} if bucket.versioning else {})
    call.sql("DELETE FROM s3_completed WHERE at < ?", call.now - 3600)
    call.sql("INSERT OR REPLACE INTO s3_completed VALUES (?,?,?)", upload.id, call.now, msgspec.msgpack.encode(answer))
    return answer


# --- listing ------------------------------------------------------------------------------------------------------------------

@s3.op(needs=lambda call, req: [need(call, find(call, req["Bucket"], req), "s3:ListBucketMultipartUploads", None)])
def list_multipart_uploads(call: Call, req: t.ListMultipartUploadsRequest) -> t.ListMultipartUploadsOutput:
    bucket = find(call, req["Bucket"], req)
    encode, asked = encoder(req), most_of(req, "MaxUploads", "max-uploads")
    prefix, delimiter, key_marker, id_marker = req.get("Prefix", ""), req.get("Delimiter", ""), req.get("KeyMarker", ""), req.get("UploadIdMarker", "")
    most, shown, prefixes, last = min(asked, 1000), [], [], None
    at, end = max(prefix, key_marker), behind(prefix) if prefix else behind("")
    passed = not (key_marker and id_marker)
    for key, started, id_, initiator, owner, storage_class, kind, whole in call.each(
            "SELECT key, started, id, initiator, owner, class, kind, whole FROM s3_upload WHERE bucket=? AND key>=? AND key<? ORDER BY key, started, id", bucket.name, at, end):
        if key_marker and key == key_marker and (not id_marker or not passed):
            passed = passed or id_ == id_marker
            continue
        common = key[: cut + len(delimiter)] if delimiter and (cut := key.find(delimiter, len(prefix))) >= 0 else None
        if common is not None and (common in prefixes or common <= key_marker):
            continue
        if len(shown) + len(prefixes) == most:
            last = shown[-1] if shown and (not prefixes or shown[-1]["Key"] > prefixes[-1]) else {"Key": prefixes[-1]} if prefixes else {"Key": ""}
            break
        if common is not None:
            prefixes.append(common)
        else:
            shown.append({"Key": key, "UploadId": id_, "Initiated": float(int(started)), "StorageClass": storage_class, "Owner": owner_of(owner),
                          "Initiator": _initiator(initiator)}
                         | ({"ChecksumAlgorithm": kind.upper(), "ChecksumType": "FULL_OBJECT" if whole else "COMPOSITE"} if kind else {}))
    answer: dict[str, Any] = {"Bucket": bucket.name, "KeyMarker": encode(key_marker), "UploadIdMarker": id_marker, "MaxUploads": asked, "IsTruncated": last is not None,
                              "Prefix": encode(prefix), "Uploads": [one | {"Key": encode(one["Key"])} for one in shown], "CommonPrefixes": [{"Prefix": encode(p)} for p in prefixes]}
    if delimiter:
        answer["Delimiter"] = encode(delimiter)
    if "EncodingType" in req:
        answer["EncodingType"] = req["EncodingType"]
    if last is not None:
        answer |= {"NextKeyMarker": encode(last["Key"]), "NextUploadIdMarker": last.get("UploadId", "")}
    elif shown:
        answer |= {"NextKeyMarker": encode(shown[-1]["Key"]), "NextUploadIdMarker": shown[-1]["UploadId"]}
    return answer


