"""Object Lock: versions that may not be deleted before a date, or while they are held. Only with versioning, and only versions: a plain
DELETE still puts a marker on top."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

from . import errors, rows
from . import service as s3
from .access import about_object, on_bucket, on_object
from .buckets import Bucket, find
from .rows import About, Version

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

DAY = 86400


def enabled(bucket: Bucket) -> bool:
    return "object_lock" in bucket.settings


def describe(call: Call, bucket: Bucket, req: Any, about: About) -> None:
    """The lock of a new version: what the request says, else the bucket's default."""
    mode, until, hold = req.get("ObjectLockMode"), req.get("ObjectLockRetainUntilDate"), req.get("ObjectLockLegalHoldStatus")
    if not enabled(bucket):
        if mode or until or hold:
            raise errors.invalid("Bucket is missing Object Lock Configuration")
        return
    if (mode is None) != (until is None):
        raise errors.argument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                              "x-amz-object-lock-mode" if mode is None else "x-amz-object-lock-retain-until-date")
    if mode is not None:
        if mode not in ("GOVERNANCE", "COMPLIANCE"):
            raise errors.argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode)
        if until <= call.now:
            raise errors.argument("The retain until date must be in the future!", "x-amz-object-lock-retain-until-date")
        about.lock_mode, about.lock_until = mode, until
    elif (rule := (bucket.settings["object_lock"].get("Rule") or {}).get("DefaultRetention")) is not None:
        about.lock_mode = rule["Mode"]
        about.lock_until = call.now + DAY * (rule["Days"] if "Days" in rule else 365 * rule["Years"])
    if hold is not None:
        if hold not in ("ON", "OFF"):
            raise errors.argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", hold)
        about.hold = hold


def check_digest(call: Call, bucket: Bucket, req: Any) -> None:
    """What is locked for years must be known to have arrived whole."""
    if "ObjectLockMode" in req and call.wire and "ContentMD5" not in req and not any(name.startswith("Checksum") for name in req) \
            and "x-amz-trailer" not in call.request.headers:
        raise errors.invalid("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")


def check_deletable(call: Call, v: Version, bypass: bool) -> None:
    about = v.about
    if about.hold == "ON":
        raise errors.locked()
    if about.lock_mode and call.now < about.lock_until and not (about.lock_mode == "GOVERNANCE" and bypass):
        raise errors.locked()


def _locked_bucket(call: Call, req: Any) -> Bucket:
    bucket = find(call, req["Bucket"], req)
    if not enabled(bucket):
        raise errors.invalid("Bucket is missing Object Lock Configuration")
    return bucket


def _version(call: Call, bucket: Bucket, req: Any) -> Version:
    from .objects import seek
    return seek(call, bucket, req)


def _keep(call: Call, bucket: Bucket, v: Version) -> None:
    rows.describe(call, v)
    if "replication" in bucket.settings:
        from . import replicas
        replicas.changed(call, bucket, v)


@s3.op(needs=on_bucket("s3:PutBucketObjectLockConfiguration"))
def put_object_lock_configuration(call: Call, req: t.PutObjectLockConfigurationRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    configuration = req.get("ObjectLockConfiguration") or {}
    if configuration.get("ObjectLockEnabled") != "Enabled":
        raise errors.malformed_xml()
    if bucket.versioning != "Enabled":
        raise errors.bad_state("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    if "Rule" in configuration:
        rule = configuration["Rule"].get("DefaultRetention") or {}
        if ("Days" in rule) == ("Years" in rule) or rule.get("Mode") not in ("GOVERNANCE", "COMPLIANCE"):
            raise errors.malformed_xml()
        if rule.get("Days", rule.get("Years")) <= 0:
            raise errors.AwsError("InvalidRetentionPeriod", "Default retention period must be a positive integer value.")
        if rule.get("Days", 0) > 36500 or rule.get("Years", 0) > 100:
            raise errors.AwsError("InvalidRetentionPeriod", "Default retention period is too large.")
    call.put(bucket.having(object_lock=dict(configuration)))


@s3.op(needs=on_bucket("s3:GetBucketObjectLockConfiguration"))
def get_object_lock_configuration(call: Call, req: t.GetObjectLockConfigurationRequest) -> t.GetObjectLockConfigurationOutput:
    bucket = find(call, req["Bucket"], req)
    if not enabled(bucket):
        raise errors.lacking("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket", bucket.name)
    return {"ObjectLockConfiguration": bucket.settings["object_lock"]}


def _may_retain(call: Call, req: Any) -> list[Need]:
    bucket, version = find(call, req["Bucket"], req), req.get("VersionId")
    actions = ["s3:PutObjectRetention"] + (["s3:BypassGovernanceRetention"] if req.get("BypassGovernanceRetention") else [])
    return [about_object(call, bucket, action, req["Key"], version) for action in actions]


@s3.op(needs=_may_retain)
def put_object_retention(call: Call, req: t.PutObjectRetentionRequest) -> t.PutObjectRetentionOutput:
    bucket = _locked_bucket(call, req)
    v, wanted = _version(call, bucket, req), req.get("Retention") or {}
    mode, until = wanted.get("Mode"), wanted.get("RetainUntilDate")
    if (mode is None) != (until is None) or mode not in (None, "GOVERNANCE", "COMPLIANCE"):
        raise errors.malformed_xml()
    if until is not None and until <= call.now:
        raise errors.argument("The retain until date must be in the future!", "RetainUntilDate", "")
    about = v.about
    if about.lock_mode and call.now < about.lock_until:
        loosened = until is None or until < about.lock_until or (about.lock_mode == "COMPLIANCE" and mode != "COMPLIANCE")
        changed = loosened or mode != about.lock_mode
        if (about.lock_mode == "COMPLIANCE" and loosened) or (about.lock_mode == "GOVERNANCE" and changed and not req.get("BypassGovernanceRetention")):
            raise errors.locked()
    about.lock_mode, about.lock_until = mode or "", until or 0.0
    _keep(call, bucket, v)
    return {}


@s3.op(needs=on_object("s3:GetObjectRetention"))
def get_object_retention(call: Call, req: t.GetObjectRetentionRequest) -> t.GetObjectRetentionOutput:
    about = _version(call, _locked_bucket(call, req), req).about
    if not about.lock_mode:
        raise errors.AwsError("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration", 404)
    return {"Retention": {"Mode": about.lock_mode, "RetainUntilDate": about.lock_until}}


@s3.op(needs=on_object("s3:PutObjectLegalHold"))
def put_object_legal_hold(call: Call, req: t.PutObjectLegalHoldRequest) -> t.PutObjectLegalHoldOutput:
    bucket = _locked_bucket(call, req)
    status = (req.get("LegalHold") or {}).get("Status")
    if status not in ("ON", "OFF"):
        raise errors.malformed_xml()
    v = _version(call, bucket, req)
    v.about.hold = status
    _keep(call, bucket, v)
    return {}


@s3.op(needs=on_object("s3:GetObjectLegalHold"))
def get_object_legal_hold(call: Call, req: t.GetObjectLegalHoldRequest) -> t.GetObjectLegalHoldOutput:
    about = _version(call, _locked_bucket(call, req), req).about
    if not about.hold:
        raise errors.AwsError("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration", 404)
    return {"LegalHold": {"Status": about.hold}}
