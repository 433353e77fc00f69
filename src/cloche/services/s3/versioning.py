"""Versioning of a bucket: never, Enabled, Suspended; once enabled it is never off again. `rows.add` is where it acts."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.iam import public as iam

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t


@s3.op(needs=on_bucket("s3:PutBucketVersioning"))
def put_bucket_versioning(call: Call, req: t.PutBucketVersioningRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    configuration = req["VersioningConfiguration"]
    status = configuration.get("Status")
    if status not in ("Enabled", "Suspended"):
        raise errors.AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified") if status is None else errors.malformed_xml()
    wanted = configuration.get("MFADelete")
    if wanted not in (None, "Enabled", "Disabled"):
        raise errors.malformed_xml()
    if wanted == "Enabled" or "mfa_delete" in bucket.settings:
        check_mfa(call, bucket, req)
    if wanted == "Enabled" and "lifecycle" in bucket.settings:
        raise errors.bad_state("MFA delete cannot be enabled on a bucket with a lifecycle configuration.")
    if wanted == "Enabled" and "object_lock" in bucket.settings:
        raise errors.bad_state("MFA delete cannot be enabled on a bucket with an Object Lock configuration.")
    if status == "Suspended" and "object_lock" in bucket.settings:
        raise errors.bad_state("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
    if status == "Suspended" and "replication" in bucket.settings:
        raise errors.bad_state("A replication configuration is present on this bucket, so you cannot change the versioning state. "
                               "To change the versioning state, first delete the replication configuration.")
    bucket = bucket.but(versioning=status)
    call.put(bucket if wanted is None else bucket.having(mfa_delete=wanted == "Enabled" or None, mfa_known=True))


@s3.op(needs=on_bucket("s3:GetBucketVersioning"))
def get_bucket_versioning(call: Call, req: t.GetBucketVersioningRequest) -> t.GetBucketVersioningOutput:
    bucket = find(call, req["Bucket"], req)
    if not bucket.versioning:
        return {}
    return {"Status": bucket.versioning} | ({"MFADelete": "Enabled" if "mfa_delete" in bucket.settings else "Disabled"} if "mfa_known" in bucket.settings else {})  # type: ignore[return-value, typeddict-item]


def check_mfa(call: Call, bucket: Bucket, req: Any) -> None:
    """What MFA Delete guards is for the owner's root user alone, with the device's serial number and a code of it."""
    serial, _, code = (req.get("MFA") or "").strip().rpartition(" ")
    if not serial:
        raise errors.access_denied("Mfa Authentication must be used for this request")
    if call.principal.kind != "root" or call.principal.account != bucket.owner:
        raise errors.access_denied("This operation may only be performed by the bucket owner")
    if not iam.root_mfa(call, bucket.owner, serial.strip(), code):
        raise errors.access_denied("The MFA serial number and/or token code you provided is not valid.")
