"""Versioning of a bucket: never, Enabled, Suspended; once enabled it is never off again. `rows.add` is where it acts."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t


@s3.op(needs=on_bucket("s3:PutBucketVersioning"))
def put_bucket_versioning(call: Call, req: t.PutBucketVersioningRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    configuration = req["VersioningConfiguration"]
    status = configuration.get("Status")
    if status not in ("Enabled", "Suspended"):
        raise errors.AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified") if status is None else errors.malformed_xml()
    if configuration.get("MFADelete") == "Enabled":
        raise errors.not_implemented("x-amz-mfa", "MFA Delete is not built in Cloche")
    if status == "Suspended" and "object_lock" in bucket.settings:
        raise errors.bad_state("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
    if status == "Suspended" and "replication" in bucket.settings:
        raise errors.bad_state("A replication configuration is present on this bucket, so you cannot change the versioning state. "
                               "To change the versioning state, first delete the replication configuration.")
    call.put(bucket.but(versioning=status))


@s3.op(needs=on_bucket("s3:GetBucketVersioning"))
def get_bucket_versioning(call: Call, req: t.GetBucketVersioningRequest) -> t.GetBucketVersioningOutput:
    versioning = find(call, req["Bucket"], req).versioning
    return {"Status": versioning} if versioning else {}
