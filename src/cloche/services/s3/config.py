"""Settings of a bucket that change nothing for its objects: who pays for requests, acceleration."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t


@s3.op(needs=on_bucket("s3:PutBucketRequestPayment"), partly="x-amz-request-charged is answered by reads, writes and HEAD, not by lists")
def put_bucket_request_payment(call: Call, req: t.PutBucketRequestPaymentRequest) -> None:
    payer = req["RequestPaymentConfiguration"]["Payer"]
    if payer not in ("Requester", "BucketOwner"):
        raise errors.malformed_xml()
    call.put(find(call, req["Bucket"], req).having(payer=payer if payer == "Requester" else None))


@s3.op(needs=on_bucket("s3:GetBucketRequestPayment"))
def get_bucket_request_payment(call: Call, req: t.GetBucketRequestPaymentRequest) -> t.GetBucketRequestPaymentOutput:
    return {"Payer": find(call, req["Bucket"], req).settings.get("payer", "BucketOwner")}


@s3.op(needs=on_bucket("s3:PutAccelerateConfiguration"))
def put_bucket_accelerate_configuration(call: Call, req: t.PutBucketAccelerateConfigurationRequest) -> None:
    bucket, status = find(call, req["Bucket"], req), req["AccelerateConfiguration"].get("Status")
    if status not in ("Enabled", "Suspended"):
        raise errors.malformed_xml()
    if "." in bucket.name:
        raise errors.invalid("S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
    call.put(bucket.having(accelerate=status))


@s3.op(needs=on_bucket("s3:GetAccelerateConfiguration"))
def get_bucket_accelerate_configuration(call: Call, req: t.GetBucketAccelerateConfigurationRequest) -> t.GetBucketAccelerateConfigurationOutput:
    status = find(call, req["Bucket"], req).settings.get("accelerate")
    return {"Status": status} if status else {}
