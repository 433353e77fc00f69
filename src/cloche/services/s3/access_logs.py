"""Server access logs: a line for each request to a bucket that asks for it, some minutes later in an object of another bucket.

A witness in the kernel's timeline writes the lines, there only while some bucket is logged: without one a request pays nothing. What is not known
of an answer (the bytes of a listing, how long it took) is a hyphen.
"""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

from cloche.iam.principal import canonical_id
from cloche.kernel import AwsError, Call
from cloche.wire.codec.rest_xml import host_id

from . import errors, rows
from . import service as s3
from .access import LOG_DELIVERY, acls_count, on_bucket
from .buckets import Bucket, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

LATER_SECONDS = 300  # AWS promises hours
OPERATIONS = {
    "GetObject": "REST.GET.OBJECT", "PutObject": "REST.PUT.OBJECT", "HeadObject": "REST.HEAD.OBJECT", "DeleteObject": "REST.DELETE.OBJECT", "CopyObject": "REST.COPY.OBJECT",
    "ListObjects": "REST.GET.BUCKET", "ListObjectsV2": "REST.GET.BUCKET", "ListObjectVersions": "REST.GET.BUCKETVERSIONS", "HeadBucket": "REST.HEAD.BUCKET", "CreateBucket": "REST.PUT.BUCKET",
    "DeleteBucket": "REST.DELETE.BUCKET", "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE", "CreateMultipartUpload": "REST.POST.UPLOADS", "UploadPart": "REST.PUT.PART",
    "UploadPartCopy": "REST.COPY.PART", "CompleteMultipartUpload": "REST.POST.UPLOAD", "AbortMultipartUpload": "REST.DELETE.UPLOAD", "ListParts": "REST.GET.UPLOAD",
    "ListMultipartUploads": "REST.GET.UPLOADS", "GetBucketPolicy": "REST.GET.BUCKETPOLICY", "PutBucketPolicy": "REST.PUT.BUCKETPOLICY", "DeleteBucketPolicy": "REST.DELETE.BUCKETPOLICY",
    "GetBucketLogging": "REST.GET.LOGGING_STATUS", "PutBucketLogging": "REST.PUT.LOGGING_STATUS", "GetObjectTagging": "REST.GET.OBJECT_TAGGING", "PutObjectTagging": "REST.PUT.OBJECT_TAGGING",
    "SelectObjectContent": "REST.SELECT.OBJECT"}
SIZED = {"GetObject", "PutObject", "HeadObject", "CopyObject", "CompleteMultipartUpload", "SelectObjectContent"}

s3.table("CREATE TABLE IF NOT EXISTS s3_access_log (n INTEGER PRIMARY KEY, bucket TEXT NOT NULL, line TEXT NOT NULL)")
s3.table("CREATE INDEX IF NOT EXISTS s3_access_log_of ON s3_access_log (bucket, n)")


@s3.op(needs=on_bucket("s3:PutBucketLogging"), partly="requests to web sites and forms are not logged, nor bytes and times of what is not one object")
def put_bucket_logging(call: Call, req: t.PutBucketLoggingRequest) -> None:
    bucket, wanted = find(call, req["Bucket"], req), req["BucketLoggingStatus"].get("LoggingEnabled")
    if wanted is not None:
        target = call.get(Bucket, wanted["TargetBucket"])
        if target is None or target.owner != bucket.owner or target.region != bucket.region:
            raise errors.AwsError("InvalidTargetBucketForLogging", "The target bucket for logging does not exist", extra={"TargetBucket": wanted["TargetBucket"]})
        if "TargetGrants" in wanted and not acls_count(target):
            raise errors.invalid("Target grants are not supported for a bucket whose ACLs are disabled.")
        form = wanted.get("TargetObjectKeyFormat") or {}
        if len(form) > 1 or ("PartitionedPrefix" in form and form["PartitionedPrefix"].get("PartitionDateSource", "EventTime") not in ("EventTime", "DeliveryTime")):
            raise errors.malformed_xml()
    call.put(bucket.having(logging=wanted))
    watch(call)


@s3.op(needs=on_bucket("s3:GetBucketLogging"))
def get_bucket_logging(call: Call, req: t.GetBucketLoggingRequest) -> t.GetBucketLoggingOutput:
    wanted = find(call, req["Bucket"], req).settings.get("logging")
    return {"LoggingEnabled": wanted} if wanted else {}


@s3.boot
def watch(call: Call) -> None:
    """Be told of requests, if any bucket is logged."""
    witnesses = call.cloud.timeline.witnesses
    if witness not in witnesses and any("logging" in bucket.settings for bucket in call.all(Bucket)):
        witnesses.append(witness)


def witness(call: Call, status: int, error: Any, value: Any) -> None:
    if value is not None or call.service is not s3 or call.request is None or call.op == "":
        return
    bucket_name, _, path = call.request.path[1:].partition("/")
    bucket = call.get(Bucket, unquote(bucket_name))
    if bucket is None or "logging" not in bucket.settings:
        return
    here = Call(call.cloud, s3, bucket.owner, bucket.region, call.principal, call.request_id, call.request, call.entry)
    with call.cloud.store:
        if not here.row("SELECT 1 FROM s3_access_log WHERE bucket=? LIMIT 1", bucket.name):
            here.after(LATER_SECONDS, deliver_log, name=bucket.name, bucket=bucket.name)
        here.sql("INSERT INTO s3_access_log (bucket, line) VALUES (?,?)", bucket.name, line(here, call.op, bucket, unquote(path), status, error))


def line(call: Call, operation: str, bucket: Bucket, key: str, status: int, error: Any) -> str:
    request, principal = call.request, call.principal
    assert request is not None
    given = parse_qs(request.query)
    version = given.get("versionId", ["-"])[0]
    v = (rows.current(call, bucket.name, key) if version == "-" else rows.numbered(call, bucket.name, key, version)) if operation in SIZED and status < 400 else None
    who = "-" if principal.kind == "anonymous" else canonical_id(principal.account or bucket.owner) if principal.kind == "root" else principal.arn
    header, signed = request.headers.get("authorization", ""), "Signature" in request.query
    by = "AuthHeader" if header else "QueryString" if signed else "-"
    how = "-" if by == "-" else "SigV4" if header.startswith("AWS4") or "X-Amz-Signature" in request.query else "SigV2"
    name = OPERATIONS.get(operation) or f"REST.{request.method}.{(request.query.partition('&')[0].partition('=')[0] or ('OBJECT' if key else 'BUCKET')).upper()}"
    sent = str(v.size) if v is not None and operation == "GetObject" and status == 200 else "-"
    tls = request.tls if request.secure else None
    parts = [
        canonical_id(bucket.owner), bucket.name, f"[{datetime.fromtimestamp(call.now, UTC):%d/%b/%Y:%H:%M:%S} +0000]", call.source_ip or "-", who, call.request_id, name,
        quote(key, safe="/*-._~") or "-", f'"{request.method} {_quiet(request.target)} HTTP/1.1"', str(status), error.code if error is not None else "-", sent,
        str(v.size) if v is not None else "-", "-", "-", f'"{_quiet(request.headers.get("referer", "-"))}"', f'"{_quiet(call.user_agent or "-")}"', version, host_id(call.request_id), how,
        tls.cipher()[0] if tls is not None else "-", by, request.host or "-", tls.version() if tls is not None else "-", request.via.get("s3:DataAccessPointArn", "-"), "-"]
    return " ".join(parts)


def _quiet(text: str) -> str:
    """What a client says may not break the line."""
    return "".join(letter if letter.isprintable() and letter != '"' else quote(letter) for letter in text)


@s3.timer
def deliver_log(call: Call, bucket: str) -> None:
    """What is waiting goes into one object; where S3's log service is not let in, it is lost."""
    record = call.get(Bucket, bucket)
    waiting = [text for (text,) in call.sql("SELECT line FROM s3_access_log WHERE bucket=? ORDER BY n", bucket)]
    call.sql("DELETE FROM s3_access_log WHERE bucket=?", bucket)
    wanted = record.settings.get("logging") if record is not None else None
    target = call.get(Bucket, wanted["TargetBucket"]) if wanted else None
    if record is None or wanted is None or target is None or not waiting:
        return
    there = call.at(target.owner, target.region)
    grants = target.settings.get("acl") or () if acls_count(target) else ()
    if any(grant["Grantee"].get("URI") == LOG_DELIVERY and grant["Permission"] in ("WRITE", "FULL_CONTROL") for grant in grants):
        there = there.as_root()
    else:
        there = there.as_service("logging.s3.amazonaws.com", record.arn, record.owner)
    try:
        there.do("s3", "PutObject", Bucket=target.name, Key=_key(call, record, wanted), Body="".join(text + "\n" for text in waiting).encode(), ContentType="text/plain")
    except AwsError:
        return


def _key(call: Call, bucket: Bucket, wanted: dict[str, Any]) -> str:
    moment, prefix = datetime.fromtimestamp(call.now, UTC), wanted.get("TargetPrefix", "")
    name = f"{moment:%Y-%m-%d-%H-%M-%S}-{call.id(digits=16).upper()}"
    if "PartitionedPrefix" in (wanted.get("TargetObjectKeyFormat") or {}):
        return f"{prefix}{bucket.owner}/{bucket.region}/{bucket.name}/{moment:%Y/%m/%d}/{name}"
    return prefix + name
