"""The work of a batch job: its manifest is read, each object dealt with under the job's role, and what came of it reported."""
from __future__ import annotations

import csv
import hashlib
import inspect
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

from cloche.kernel import AwsError, Call

from . import service as control
from .jobs import DAY, OVER, WAITS_DAYS, Job, ended, forget

SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
ENOUGH_TO_FAIL = 1000   # tasks; a job of which half have failed by then fails


@control.worker
async def work(call: Call, key: str) -> None:
    job = call.get(Job, key)
    if job is None or job.status in OVER or job.status == "Suspended":
        return
    try:
        role = call.as_role(job.role, f"s3-batch-{job.id}"[:64], service="batchoperations.s3.amazonaws.com")
        tasks = await _tasks(role, job)
    except AwsError as error:
        _fail(call, job, "ManifestNotReadable", f"Reading the manifest failed: {error.message}")
        return
    except (ValueError, UnicodeDecodeError):
        _fail(call, job, "InvalidManifest", "The manifest has a row without bucket and key, or no text")
        return
    with call.step():
        job = call.get(Job, key)
        if job is None or job.status in OVER:
            return
        if job.confirm and job.status == "New":
            call.after(WAITS_DAYS * DAY, forget, name=job.id, job=job.id)
            call.put(job.but(status="Suspended", suspended=call.now, total=len(tasks)))
            return
        job = call.put(job.but(status="Active", total=len(tasks)))
    for task in tasks[job.succeeded + job.failed:]:
        outcome = await _one(role, job, task)
        with call.step():
            job = call.get(Job, key)
            if job is None or job.status in OVER:
                return
            good = outcome[0] == "succeeded"
            keep = job.report["Enabled"] and (not good or job.report.get("ReportScope", "AllTasks") == "AllTasks")
            job = call.put(job.but(succeeded=job.succeeded + good, failed=job.failed + (not good), results=[*job.results, [*task, *outcome]] if keep else job.results))
        if job.succeeded + job.failed >= ENOUGH_TO_FAIL and job.failed * 2 > job.succeeded + job.failed:
            _fail(call, job, "TooManyFailures", "Job failure threshold exceeded: more than half of the tasks failed")
            break
    if job.report["Enabled"]:
        try:
            await _report(role, job)
        except AwsError as error:
            _fail(call, job, "ReportNotWritable", f"Writing the report failed: {error.message}")
    with call.step():
        job = call.get(Job, key)
        if job is not None and job.status == "Active":
            call.put(ended(call, job.but(status="Complete", results=[])))


def _fail(call: Call, job: Job, code: str, reason: str) -> None:
    with call.step():
        found = call.get(Job, job.id)
        if found is not None and found.status not in OVER:
            call.put(ended(call, found.but(status="Failed", failure=[code, reason])))


async def _tasks(role: Call, job: Job) -> list[tuple[str, str, str]]:
    """(bucket, key, version) of each row."""
    where = job.manifest["Location"]
    bucket, _, key = where["ObjectArn"].rpartition(":::")[2].partition("/")
    asked = {"Bucket": bucket, "Key": key} | ({"VersionId": where["ObjectVersionId"]} if "ObjectVersionId" in where else {})
    with role.step():
        found = role.do("s3", "GetObject", **asked)
    if found["ETag"].strip('"') != where["ETag"].strip('"'):
        raise AwsError("PreconditionFailed", "the manifest's ETag is another", 412)
    body = found["Body"]
    text = (body if isinstance(body, bytes) else b"".join([piece async for piece in body]) if isinstance(body, AsyncIterator) else body.read(1 << 30)).decode()
    fields = job.manifest["Spec"]["Fields"]
    version = fields.index("VersionId") if "VersionId" in fields else -1
    return [(row[0], unquote_plus(row[1]), row[version] if version >= 0 else "") for row in csv.reader(io.StringIO(text)) if row and _good(row, fields)]


def _good(row: list[str], fields: list[str]) -> bool:
    if len(row) != len(fields) or not row[0] or not row[1]:
        raise ValueError
    return True


async def _one(role: Call, job: Job, task: tuple[str, str, str]) -> tuple[str, str, str, str]:
    """TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage."""
    [(name, wanted)] = job.operation.items()
    try:
        with role.step():
            answer = _invoked(role, job, task, wanted) if name == "LambdaInvoke" else _asked(role, name, wanted, *task)
        if inspect.isawaitable(answer):
            answer = await answer
        return _said(answer) if name == "LambdaInvoke" else ("succeeded", "", "200", "Successful")
    except AwsError as error:
        return "failed", error.code, str(error.status), error.message
    except LookupError:
        return "failed", "ServiceNotFound", "500", "the service is not there"


def _asked(role: Call, name: str, wanted: Any, bucket: str, key: str, version: str) -> Any:
    about = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    match name:
        case "S3PutObjectTagging":
            return role.do("s3", "PutObjectTagging", **about, Tagging={"TagSet": wanted.get("TagSet") or []})
        case "S3DeleteObjectTagging":
            return role.do("s3", "DeleteObjectTagging", **about)
        case "S3InitiateRestoreObject":
            days = {"Days": wanted["ExpirationInDays"]} if "ExpirationInDays" in wanted else {}
            return role.do("s3", "RestoreObject", **about, RestoreRequest=days | {"GlacierJobParameters": {"Tier": wanted.get("GlacierJobTier", "STANDARD").capitalize()}})
        case "S3PutObjectLegalHold":
            return role.do("s3", "PutObjectLegalHold", **about, LegalHold=wanted["LegalHold"])
        case "S3PutObjectRetention":
            bypass = {"BypassGovernanceRetention": True} if wanted.get("BypassGovernanceRetention") else {}
            return role.do("s3", "PutObjectRetention", **about, **bypass, Retention=wanted["Retention"])
        case "S3PutObjectAcl":
            acl = wanted.get("AccessControlPolicy") or {}
            return role.do("s3", "PutObjectAcl", **about, **_acl(acl))
    return _copied(role, wanted, bucket, key, version)


def _acl(acl: Any) -> dict[str, Any]:
    if "CannedAccessControlList" in acl:
        return {"ACL": acl["CannedAccessControlList"]}
    given = acl.get("AccessControlList") or {}
    kinds = {"id": ("CanonicalUser", "ID"), "uri": ("Group", "URI"), "emailAddress": ("AmazonCustomerByEmail", "EmailAddress")}
    grants = []
    for one in given.get("Grants") or []:
        kind, member = kinds[one["Grantee"]["TypeIdentifier"]]
        grants.append({"Grantee": {"Type": kind, member: one["Grantee"]["Identifier"]}, "Permission": one["Permission"]})
    return {"AccessControlPolicy": {"Owner": {"ID": (given.get("Owner") or {}).get("ID", "")}, "Grants": grants}}


def _copied(role: Call, wanted: Any, bucket: str, key: str, version: str) -> Any:
    from urllib.parse import quote
    asked: dict[str, Any] = {"Bucket": wanted["TargetResource"].rpartition(":::")[2], "Key": wanted.get("TargetKeyPrefix", "").rstrip("/") + "/" * bool(wanted.get("TargetKeyPrefix")) + key,
                             "CopySource": quote(f"{bucket}/{key}") + (f"?versionId={version}" if version else "")}
    for ours, theirs in (("CannedAccessControlList", "ACL"), ("StorageClass", "StorageClass"), ("RedirectLocation", "WebsiteRedirectLocation"), ("MetadataDirective", "MetadataDirective"),
                         ("ObjectLockLegalHoldStatus", "ObjectLockLegalHoldStatus"), ("ObjectLockMode", "ObjectLockMode"), ("ObjectLockRetainUntilDate", "ObjectLockRetainUntilDate"),
                         ("BucketKeyEnabled", "BucketKeyEnabled"), ("ChecksumAlgorithm", "ChecksumAlgorithm"), ("ModifiedSinceConstraint", "CopySourceIfModifiedSince"),
                         ("UnModifiedSinceConstraint", "CopySourceIfUnmodifiedSince")):
        if ours in wanted:
            asked[theirs] = wanted[ours]
    if "SSEAwsKmsKeyId" in wanted:
        asked |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": wanted["SSEAwsKmsKeyId"]}
    if "NewObjectTagging" in wanted:
        asked |= {"TaggingDirective": "REPLACE", "Tagging": urlencode([(tag["Key"], tag["Value"]) for tag in wanted["NewObjectTagging"]])}
    if (new := wanted.get("NewObjectMetadata")) is not None:
        named = {"UserMetadata": "Metadata", "HttpExpiresDate": "Expires", "SSEAlgorithm": "ServerSideEncryption"}
        asked |= {"MetadataDirective": "REPLACE"} | {named.get(name, name): value for name, value in new.items() if name not in ("ContentLength", "ContentMD5", "RequesterCharged")}
    return role.do("s3", "CopyObject", **asked)


def _invoked(role: Call, job: Job, task: tuple[str, str, str], wanted: Any) -> Any:
    bucket, key, version = task
    schema = wanted.get("InvocationSchemaVersion", "1.0")
    told = {"taskId": hashlib.sha256("/".join(task).encode()).hexdigest()[:32], "s3Key": key, "s3VersionId": version or None}
    told |= {"s3Bucket": bucket} if schema == "2.0" else {"s3BucketArn": f"arn:aws:s3:::{bucket}"}
    about = {"id": job.id} | ({"userArguments": wanted.get("UserArguments") or {}} if schema == "2.0" else {})
    return role.do("lambda", "Invoke", FunctionName=wanted["FunctionArn"], Payload=json.dumps({"invocationSchemaVersion": schema, "invocationId": job.id, "job": about, "tasks": [told]}).encode())


def _said(answer: Any) -> tuple[str, str, str, str]:
    """What the function answered about its one task."""
    if answer.get("FunctionError"):
        return "failed", "LambdaFunctionError", "200", str(answer["FunctionError"])
    try:
        [result] = json.loads(answer["Payload"])["results"]
        code, text = result["resultCode"], str(result.get("resultString", ""))
    except (ValueError, KeyError, TypeError):
        return "failed", "LambdaInvalidResponse", "200", "The function's answer has no result of the task"
    return ("succeeded", "", "200", text) if code == "Succeeded" else ("failed", code, "200", text)


async def _report(role: Call, job: Job) -> None:
    bucket = job.report["Bucket"].rpartition(":::")[2]
    prefix = (job.report.get("Prefix", "").strip("/") + "/").lstrip("/") + f"job-{job.id}"
    results = []
    for status in ("succeeded", "failed"):
        rows = [row for row in job.results if row[3] == status]
        if not rows:
            continue
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        body = text.getvalue().encode()
        key = f"{prefix}/results/{hashlib.sha1(body, usedforsecurity=False).hexdigest()}.csv"
        await _put(role, bucket, key, body)
        results.append({"TaskExecutionStatus": status, "Bucket": bucket, "MD5Checksum": hashlib.md5(body, usedforsecurity=False).hexdigest(), "Key": key})
    made = datetime.fromtimestamp(role.now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = json.dumps({"Format": "Report_CSV_20180820", "ReportCreationDate": made, "Results": results, "ReportSchema": SCHEMA}).encode()
    await _put(role, bucket, f"{prefix}/manifest.json", body)
    await _put(role, bucket, f"{prefix}/manifest.json.md5", hashlib.md5(body, usedforsecurity=False).hexdigest().encode())


async def _put(role: Call, bucket: str, key: str, body: bytes) -> None:
    with role.step():
        answer = role.do("s3", "PutObject", Bucket=bucket, Key=key, Body=body)
    if inspect.isawaitable(answer):
        await answer
