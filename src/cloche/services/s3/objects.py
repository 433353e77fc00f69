"""Objects: put, read, described, deleted. The current version of a key is one row; `rows` says how they are kept.

What is read and written most often (a plain GetObject or PutObject) is answered with a Response made by hand; `described` and the codec
say the same, and a test holds them together.
"""
from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Response, authorize
from cloche.wire import checksums
from cloche.wire.codec.rest_xml import host_id

from . import bodies, encryption, errors, locks, rows, tiers
from . import service as s3
from .access import about_object, acl_given, acls_count, admit_acl, need, object_owner
from .buckets import Bucket, find, pays
from .notifications import tell
from .reading import OVERRIDES, SUM_MEMBERS, check_conditions, described, http_date, part, part_sums, same, stretch, sums_shown
from .rows import About, Version
from .tagging import read_header as tags_of

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

CLASSES = {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"}
ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
SYSTEM = {"CacheControl": "Cache-Control", "ContentDisposition": "Content-Disposition", "ContentEncoding": "Content-Encoding",
          "ContentLanguage": "Content-Language", "ContentType": "Content-Type", "Expires": "Expires"}
LONGEST_KEY = 1024
MOST_METADATA = 2048
# what most PUTs say, and the settings that would make even those special
ORDINARY = {"Bucket", "Key", "Body", "ContentType", "ContentLength", "ContentMD5", "ChecksumAlgorithm", "IfMatch", "IfNoneMatch", "ExpectedBucketOwner", *bodies.MEMBERS}
SPECIAL = {"encryption", "object_lock"}
PLAIN = {"Bucket", "Key", "ChecksumMode"}
DEFAULT_TYPE = "binary/octet-stream"


# --- writing ------------------------------------------------------------------------------------------------------------------

def may_put(call: Call, req: Any) -> list[Need]:
    bucket = find(call, req["Bucket"], req)
    if bucket.policy is None and call.principal.kind == "root" and not acls_count(bucket):
        return [Need("s3:PutObject", f"{bucket.arn}/{req['Key']}", account=bucket.owner)]
    tags = tags_of(call, req["Tagging"]) if "Tagging" in req else {}
    context: dict[str, Any] = {f"s3:RequestObjectTag/{name}": value for name, value in tags.items()}
    if tags:
        context["s3:RequestObjectTagKeys"] = list(tags)
    if "IfNoneMatch" in req:
        context["s3:if-none-match"] = req["IfNoneMatch"]
    if "IfMatch" in req:
        context["s3:if-match"] = req["IfMatch"]
    if "ACL" in req and not call.wire:           # of a request on the wire its header says it
        context["s3:x-amz-acl"] = req["ACL"]
    actions = ["s3:PutObject"]
    if tags:
        actions.append("s3:PutObjectTagging")
    if acls_count(bucket) and call.principal.kind != "anonymous" and ("ACL" in req or any(name.startswith("Grant") for name in req)):
        actions.append("s3:PutObjectAcl")
    if "ObjectLockMode" in req:
        actions.append("s3:PutObjectRetention")
    if "ObjectLockLegalHoldStatus" in req:
        actions.append("s3:PutObjectLegalHold")
    return [need(call, bucket, action, req["Key"], context, writing=True) for action in actions]


def draft(call: Call, bucket: Bucket, req: Any) -> Version:
    """A version as the request describes it, without its body. Raises what is wrong with the description."""
    key = req["Key"]
    if len(key) > LONGEST_KEY // 4 and len(key.encode("utf-8", "surrogatepass")) > LONGEST_KEY:
        raise errors.key_too_long(key)
    if req.keys() <= ORDINARY and not bucket.settings.keys() & SPECIAL and not acls_count(bucket):
        about = About({"Content-Type": req.get("ContentType", DEFAULT_TYPE)})
        return Version(0, bucket.name, key, "null", 1, 0, 0, "", 0.0, "STANDARD", "", bucket.owner, about, None)
    storage_class = req.get("StorageClass", "STANDARD")
    if storage_class not in CLASSES:
        raise AwsError("InvalidStorageClass", "The storage class you specified is not valid", extra={"StorageClassRequested": storage_class})
    about = About()
    for member, name in SYSTEM.items():
        if (value := req.get(member)) is not None:
            about.headers[name] = value
    about.headers.setdefault("Content-Type", DEFAULT_TYPE)
    if "aws-chunked" in about.headers.get("Content-Encoding", ""):
        left = [part for part in map(str.strip, about.headers.pop("Content-Encoding").split(",")) if part and part != "aws-chunked"]
        if left:
            about.headers["Content-Encoding"] = ",".join(left)
    if meta := req.get("Metadata"):
        size = sum(len(name) + len(value.encode()) for name, value in meta.items())
        if size > MOST_METADATA:
            raise errors.metadata_too_large(size)
        about.meta = {name.lower(): value if value.isascii() else _plain(value) for name, value in meta.items()}
    if (redirect := req.get("WebsiteRedirectLocation")) is not None:
        if not redirect.startswith(("/", "http://", "https://")):
            raise errors.AwsError("InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
        about.redirect = redirect
    if "Tagging" in req:
        about.tags = tags_of(call, req["Tagging"])
    owner = object_owner(call, bucket, req)
    about.acl = admit_acl(call, bucket, req, acl_given(call, req, owner, bucket.owner))
    locks.describe(call, bucket, req, about)
    cipher = encryption.seal(call, bucket, req, about, f"{bucket.arn}/{key}")
    return Version(0, bucket.name, key, "null", 1, 0, 0, "", 0.0, storage_class, "", owner, about, None, cipher=cipher)


def _plain(text: str) -> str:
    """Metadata beyond ASCII goes back as RFC 2047 has it; what came were UTF-8 bytes, which headers show as latin-1."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return f"=?UTF-8?B?{b64encode(text.encode()).decode()}?="


def check_writable(call: Call, bucket: Bucket, req: Any, seen: int | None = None) -> int:
    """Conditional writes: only if nothing is there, or only over what the writer has seen. Looked at once more after a stream, with the row that was
    `seen` before: what was deleted meanwhile is a conflict, not a condition that does not hold."""
    match, none_match = req.get("IfMatch"), req.get("IfNoneMatch")
    if match is None and none_match is None:
        return 0
    if (match is not None and none_match is not None) or none_match not in (None, "*"):
        raise errors.not_implemented("If-None-Match" if none_match is not None else "If-Match")
    old = rows.current(call, bucket.name, req["Key"])
    there = old is not None and not old.marker
    if none_match is not None and there:
        raise errors.precondition("If-None-Match")
    if seen is not None and not there and seen != (old.id if old is not None else 0):
        raise errors.conflict(req["Key"])
    if match is not None:
        if not there:
            raise errors.no_such_key(req["Key"])
        if not same(match, old.etag):
            raise errors.precondition("If-Match")
    return old.id if old is not None else 0


def default_sum() -> str:
    """S3 makes a CRC64NVME of whatever comes without a checksum; without awscrt that would cost more than all the rest."""
    return "crc64nvme" if checksums.fast() else ""


def enter(call: Call, bucket: Bucket, v: Version, stored: bodies.Stored, event: str = "ObjectCreated:Put") -> Version:
    """Make the version real: one step, in which also whoever wants to know is told."""
    v.size, v.body, v.file, v.modified = stored.size, stored.body, stored.file, call.now
    if not v.etag:
        # ETags are MD5s unless the key is KMS's or the customer's: then S3 makes them up
        v.etag = stored.md5.hex() if v.about.sse == "AES256" else call.id(digits=32)
    if stored.sums:
        v.about.sums = stored.sums
        [kind] = stored.sums
        v.summed = f"{kind.upper()} {'FULL_OBJECT' if v.about.whole else 'COMPOSITE'}"
    if "replication" in bucket.settings:
        from . import replicas
        rules = replicas.chosen(bucket, v)
        v.about.replication = "PENDING" if rules else ""
        rows.add(call, bucket.versioning, v)
        if rules:
            replicas.send(call, bucket, v, rules, "object")
    else:
        rows.add(call, bucket.versioning, v)
    if "notification" in bucket.settings:
        tell(call, bucket, event, v)
    return v


@s3.op(needs=may_put)
def put_object(call: Call, req: t.PutObjectRequest) -> t.PutObjectOutput:
    bucket = find(call, req["Bucket"], req)
    if "WriteOffsetBytes" in req:
        raise errors.not_implemented("x-amz-write-offset-bytes")
    locks.check_digest(call, bucket, req)
    promise = bodies.promised(call, req, default_sum())
    body = req.get("Body", b"")
    if not isinstance(body, bytes):
        return _put_stream(call, bucket, req, promise, body)
    v = draft(call, bucket, req)
    check_writable(call, bucket, req)
    return _put(call, bucket, v, bodies.kept(call, promise, body, v.cipher))


async def _put_stream(call: Call, bucket: Bucket, req: Any, promise: bodies.Promise, stream: Any) -> Any:
    with call.step():
        begun = draft(call, bucket, req)
        seen = check_writable(call, bucket, req)  # nobody should send a gigabyte to learn this
    stored = await bodies.streamed(call, promise, stream, begun.cipher)
    try:
        with call.step():
            bucket = find(call, req["Bucket"], req)
            v = draft(call, bucket, req)
            encryption.as_sealed(v.about, begun.about)
            check_writable(call, bucket, req, seen)
            return _put(call, bucket, v, stored)
    except BaseException:
        bodies.discard(stored)
        raise


def _put(call: Call, bucket: Bucket, v: Version, stored: bodies.Stored) -> Any:
    enter(call, bucket, v, stored)
    if not call.wire or v.about.sse != "AES256" or "lifecycle" in bucket.settings or "payer" in bucket.settings:
        return {"ETag": f'"{v.etag}"', **encryption.shown(v.about), **sums_shown(v), **expiring(bucket, v), **charged(call, bucket)} | ({"VersionId": v.version} if bucket.versioning else {})
    headers = [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id)), ("Server", "AmazonS3"), ("ETag", f'"{v.etag}"'),
               ("x-amz-server-side-encryption", "AES256")]
    for kind, value in v.about.sums.items():
        headers += (f"x-amz-checksum-{kind}", value), ("x-amz-checksum-type", "FULL_OBJECT")
    if bucket.versioning:
        headers.append(("x-amz-version-id", v.version))
    return Response(200, headers, b"")


def charged(call: Call, bucket: Bucket) -> dict[str, str]:
    return {"RequestCharged": "requester"} if pays(call, bucket) else {}


def expiring(bucket: Bucket, v: Version) -> dict[str, str]:
    """When a rule of the bucket will end this version."""
    if "lifecycle" not in bucket.settings:
        return {}
    from .lifecycle import expiration
    text = expiration(bucket, v)
    return {} if text is None else {"Expiration": text}


# --- reading ------------------------------------------------------------------------------------------------------------------

def may_read(call: Call, req: Any) -> list[Need]:
    bucket = find(call, req["Bucket"], req)
    version = req.get("VersionId")
    question = about_object(call, bucket, "s3:GetObject" if version is None else "s3:GetObjectVersion", req["Key"], version)
    if acls_count(bucket) and not authorize.decide(call, question).allowed and rows.current(call, bucket.name, req["Key"]) is None \
            and _may_list(call, bucket, req["Key"]):
        return []  # there is no object whose ACL could allow: who may list learns that it is missing
    return [question]


def _may_list(call: Call, bucket: Bucket, key: str) -> bool:
    return authorize.decide(call, need(call, bucket, "s3:ListBucket", None, {"s3:prefix": key})).allowed


def seek(call: Call, bucket: Bucket, req: Any, body: bool = False, method: str = "GET") -> Version:
    """The version a request names; who may not list the bucket is not told that a key is missing."""
    key, version_id = req["Key"], req.get("VersionId")
    v = rows.current(call, bucket.name, key, body) if version_id is None else rows.numbered(call, bucket.name, key, version_id, body)
    if v is not None and not v.marker:
        return v
    at_home = call.principal.kind == "root" and call.principal.account == bucket.owner
    if not at_home and not _may_list(call, bucket, key):
        raise errors.access_denied()
    if v is None:
        raise errors.no_such_key(key) if version_id is None else errors.no_such_version(key, version_id)
    if version_id is None:
        raise errors.deleted(key, v.version)
    raise errors.is_marker(method, v.version, http_date(int(v.modified)))


def check_readable(call: Call, v: Version) -> None:
    if v.storage_class in ARCHIVES and not v.about.restoring <= call.now < v.about.restored:
        raise errors.archived(v.storage_class)
    if v.storage_class == "INTELLIGENT_TIERING":
        tiers.touch(call, v)


@s3.op(needs=may_read)
def get_object(call: Call, req: t.GetObjectRequest) -> t.GetObjectOutput:
    bucket = find(call, req["Bucket"], req)
    if call.wire:
        encryption.check_read(call.request.headers)
    v = seek(call, bucket, req, body=True)
    if req.keys() - PLAIN or v.about.sse != "AES256" or v.storage_class != "STANDARD" or not call.wire:
        return _read(call, bucket, v, req)
    headers = [("x-amz-request-id", call.request_id), ("x-amz-id-2", host_id(call.request_id)), ("Server", "AmazonS3"), ("Accept-Ranges", "bytes"),
               ("Last-Modified", http_date(int(v.modified))), ("ETag", f'"{v.etag}"'), ("x-amz-server-side-encryption", "AES256")]
    about = v.about
    headers += about.headers.items()
    if about.meta:
        headers += [("x-amz-meta-" + name, value) for name, value in about.meta.items()]
    if bucket.versioning:
        headers.append(("x-amz-version-id", v.version))
    if about.tags:
        headers.append(("x-amz-tagging-count", str(len(about.tags))))
    if about.redirect:
        headers.append(("x-amz-website-redirect-location", about.redirect))
    if about.replication:
        headers.append(("x-amz-replication-status", about.replication))
    if "ChecksumMode" in req and about.sums:
        headers += [("x-amz-checksum-" + kind, value) for kind, value in about.sums.items()]
        headers.append(("x-amz-checksum-type", "FULL_OBJECT" if about.whole else "COMPOSITE"))
    if about.lock_mode or about.hold or "lifecycle" in bucket.settings or "payer" in bucket.settings:
        return _read(call, bucket, v, req)
    return Response(200, headers, rows.content(call, v))


def _read(call: Call, bucket: Bucket, v: Version, req: Any) -> Any:
    encryption.unseal(call, bucket, v, req)
    check_conditions(v, req)
    check_readable(call, v)
    answer = _answer(call, bucket, v, req)
    offset, length = 0, v.size
    if (number := req.get("PartNumber")) is not None:
        if "Range" in req:
            raise errors.invalid("Cannot specify both Range header and partNumber query parameter.")
        found = part(v, number)
        answer |= {"PartsCount": len(v.about.parts)} if v.about.parts else {}
    else:
        found = stretch(req.get("Range"), v.size)
    if found is not None:
        offset, length = found
        answer["ContentRange"] = f"bytes {offset}-{offset + length - 1}/{v.size}"
        answer["ContentLength"] = length
    answer["Body"] = rows.content(call, v, offset, length)
    if not call.wire:
        return answer
    from cloche.wire import codec
    response = codec.write(call.entry.op, "rest-xml", answer, call.request_id)
    if found is not None:
        response.status = 206
    return response


def _answer(call: Call, bucket: Bucket, v: Version, req: Any) -> dict[str, Any]:
    answer = described(v, bool(bucket.versioning), req.get("ChecksumMode") == "ENABLED" and "Range" not in req and not ("PartNumber" in req and v.about.parts))
    if "PartNumber" in req and v.about.parts and req.get("ChecksumMode") == "ENABLED":
        answer |= part_sums(v, req["PartNumber"])
    overrides = [member for member in OVERRIDES if member in req]
    if overrides and call.principal.kind == "anonymous":
        raise errors.invalid("Request specific response headers cannot be used for anonymous GET requests.")
    for member in overrides:
        answer[OVERRIDES[member].replace("-", "")] = req[member] if member != "ResponseExpires" else http_date(int(req[member]))
    answer |= expiring(bucket, v) | charged(call, bucket)
    if v.storage_class == "INTELLIGENT_TIERING" and (tier := tiers.of(call, v, bucket)):
        answer |= {"ArchiveStatus": tier} | ({"Restore": 'ongoing-request="true"'} if call.now < v.about.restoring else {})
    elif v.about.restoring or v.about.restored:
        if call.now < v.about.restoring:
            answer["Restore"] = 'ongoing-request="true"'
        elif call.now < v.about.restored:
            answer["Restore"] = f'ongoing-request="false", expiry-date="{http_date(int(v.about.restored))}"'
    return answer


@s3.op(needs=may_read)
def head_object(call: Call, req: t.HeadObjectRequest) -> t.HeadObjectOutput:
    bucket = find(call, req["Bucket"], req)
    if call.wire:
        encryption.check_read(call.request.headers)
    v = seek(call, bucket, req, method="HEAD")
    encryption.unseal(call, bucket, v, req)
    check_conditions(v, req)
    answer = _answer(call, bucket, v, req)
    found = stretch(req.get("Range"), v.size)
    if (number := req.get("PartNumber")) is not None:
        found = part(v, number)
        answer |= {"PartsCount": len(v.about.parts)} if v.about.parts else {}
    if found is not None:
        answer["ContentLength"] = found[1]
        answer["ContentRange"] = f"bytes {found[0]}-{found[0] + found[1] - 1}/{v.size}"
    if not call.wire:
        return answer
    from cloche.wire import codec
    response = codec.write(call.entry.op, "rest-xml", answer, call.request_id)
    if found is not None:
        response.status = 206
    return response


@s3.op(needs=lambda call, req: [about_object(call, find(call, req["Bucket"], req), action, req["Key"], req.get("VersionId"))
                                for action in (("s3:GetObject", "s3:GetObjectAttributes") if "VersionId" not in req else ("s3:GetObjectVersion", "s3:GetObjectVersionAttributes"))])
def get_object_attributes(call: Call, req: t.GetObjectAttributesRequest) -> t.GetObjectAttributesOutput:
    bucket = find(call, req["Bucket"], req)
    v = seek(call, bucket, req)
    encryption.unseal(call, bucket, v, req)
    wanted = {one.strip() for text in req["ObjectAttributes"] for one in text.split(",")}
    if unknown := wanted - {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}:
        raise errors.argument("Invalid attribute name specified.", "x-amz-object-attributes", ",".join(sorted(unknown)))
    answer: dict[str, Any] = {"LastModified": float(int(v.modified))} | ({"VersionId": v.version} if bucket.versioning else {})
    if "ETag" in wanted:
        answer["ETag"] = v.etag
    if "StorageClass" in wanted:
        answer["StorageClass"] = v.storage_class
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = v.size
    if "Checksum" in wanted and v.about.sums:
        answer["Checksum"] = {name: value.partition("-")[0] if not v.about.whole else value for name, value in sums_shown(v).items()}
    if "ObjectParts" in wanted and v.about.parts:
        answer["ObjectParts"] = _parts_shown(v, req)
    return answer


def _parts_shown(v: Version, req: Any) -> dict[str, Any]:
    most, after = min(req.get("MaxParts", 1000), 1000), int(req.get("PartNumberMarker", 0))
    shown: dict[str, Any] = {"TotalPartsCount": len(v.about.parts)}
    if not any(sums for _, _, sums in v.about.parts):
        return shown
    later = [p for p in v.about.parts if p[0] > after]
    page = later[:most]
    return shown | {"PartNumberMarker": str(after), "NextPartNumberMarker": str(page[-1][0] if page else 0), "MaxParts": most, "IsTruncated": len(later) > len(page),
                    "Parts": [{"PartNumber": number, "Size": size} | {SUM_MEMBERS[kind]: value for kind, value in sums.items()} for number, size, sums in page]}


# --- deleting -----------------------------------------------------------------------------------------------------------------

def may_delete(call: Call, req: Any) -> list[Need]:
    bucket = find(call, req["Bucket"], req)
    version = req.get("VersionId")
    needs = [about_object(call, bucket, "s3:DeleteObject" if version is None else "s3:DeleteObjectVersion", req["Key"], version)]
    if req.get("BypassGovernanceRetention"):
        needs.append(about_object(call, bucket, "s3:BypassGovernanceRetention", req["Key"], version))
    return needs


@s3.op(needs=may_delete)
def delete_object(call: Call, req: t.DeleteObjectRequest) -> t.DeleteObjectOutput:
    bucket = find(call, req["Bucket"], req)
    if (match := req.get("IfMatch")) is not None:
        old = rows.current(call, bucket.name, req["Key"]) if "VersionId" not in req else rows.numbered(call, bucket.name, req["Key"], req["VersionId"])
        if old is None or old.marker:
            raise errors.no_such_key(req["Key"])
        if not same(match, old.etag):
            raise errors.precondition("If-Match")
    if "mfa_delete" in bucket.settings and "VersionId" in req:
        from .versioning import check_mfa
        check_mfa(call, bucket, req)
    return erase(call, bucket, req["Key"], req.get("VersionId"), bool(req.get("BypassGovernanceRetention")))


def erase(call: Call, bucket: Bucket, key: str, version_id: str | None, bypass: bool) -> dict[str, Any]:
    """Delete a version, or the current one as versioning has it; the answer's members."""
    if version_id is not None:
        v = rows.numbered(call, bucket.name, key, version_id)
        if v is None:
            return {"VersionId": version_id}
        locks.check_deletable(call, v, bypass)
        rows.remove(call, v)
        if "notification" in bucket.settings:
            tell(call, bucket, "ObjectRemoved:Delete", v)
        return {"VersionId": v.version} | ({"DeleteMarker": True} if v.marker else {})
    old = rows.current(call, bucket.name, key)
    if not bucket.versioning:
        if old is not None:
            rows.remove(call, old)
            if "notification" in bucket.settings:
                tell(call, bucket, "ObjectRemoved:Delete", old)
        return {}
    marker = Version(0, bucket.name, key, "", 1, 1, 0, "", call.now, "", "", bucket.owner, About(), None)
    rules: list[dict[str, Any]] = []
    if "replication" in bucket.settings:
        from . import replicas
        rules = replicas.chosen(bucket, marker)
        marker.about.replication = "PENDING" if rules else ""
    rows.add(call, bucket.versioning, marker)
    if rules:
        replicas.send(call, bucket, marker, rules, "marker")
    if "notification" in bucket.settings:
        tell(call, bucket, "ObjectRemoved:DeleteMarkerCreated", marker)
    return {"DeleteMarker": True, "VersionId": marker.version}


@s3.op(needs=lambda call, req: (find(call, req["Bucket"], req), [])[1])
def delete_objects(call: Call, req: t.DeleteObjectsRequest) -> t.DeleteObjectsOutput:
    """Each key is asked about and refused by itself; the others go."""
    bucket = find(call, req["Bucket"], req)
    targets = req["Delete"]["Objects"]
    if len(targets) > 1000:
        raise errors.malformed_xml()
    bodies.check_document(call, req)
    done, failed = [], []
    for target in targets:
        key, version = target["Key"], target.get("VersionId") or None
        about = {"Key": key} | ({"VersionId": version} if version else {})
        try:
            if not key:
                raise AwsError("UserKeyMustBeSpecified", "A key must be specified.")
            for question in may_delete(call, about | {"Bucket": bucket.name} | ({"BypassGovernanceRetention": True} if req.get("BypassGovernanceRetention") else {})):
                authorize.require(call, question)
            answer = delete_object(call, target | {"Bucket": bucket.name, "BypassGovernanceRetention": req.get("BypassGovernanceRetention"), "MFA": req.get("MFA")}
                                   if version else {k: v for k, v in target.items() if k != "VersionId"} | {"Bucket": bucket.name})
        except AwsError as error:
            failed.append(about | {"Code": error.code, "Message": error.message})
            continue
        if answer.get("DeleteMarker"):
            done.append(about | {"DeleteMarker": True, "DeleteMarkerVersionId": answer["VersionId"]})
        else:
            done.append(about)
    return {"Deleted": [] if req["Delete"].get("Quiet") else done, "Errors": failed}
