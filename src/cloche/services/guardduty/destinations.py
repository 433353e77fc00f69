"""Publishing destinations: findings as lines of JSON in a bucket, sealed under a KMS key. GuardDuty writes in its own name: bucket and key must let it."""
from __future__ import annotations

import gzip
import inspect
import json
import time
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record, pages

from . import criteria, errors
from . import service as guardduty
from .detectors import arn, by_id, find

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

    from .findings import Finding

PRINCIPAL = "guardduty.amazonaws.com"


class Destination(Record, frozen=True):
    kind = "guardduty.destination"

    id: str
    bucket: str                                        # ARN, with a folder
    key_arn: str
    owner: str = ""
    failing: float = 0.0                               # since when
    tags: dict[str, str] = {}
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


def by_destination(call: Call, req: Any) -> str:
    return call.arn(f"detector/{req['DetectorId']}/publishingDestination/{req['DestinationId']}")


def named(call: Call, req: Any) -> Destination:
    find(call, req["DetectorId"])
    found = call.get(Destination, req["DestinationId"])
    if found is None:
        raise errors.bad("The request is rejected because the one or more input parameters have invalid values: destinationId.")
    return found


def writer(call: Call, detector: str) -> Call:
    return call.as_service(PRINCIPAL, arn(call, detector), call.account)


def _may(call: Call, detector: str, properties: Any) -> None:
    """Both must let GuardDuty in now; they are asked again at each finding."""
    bucket, key = properties.get("DestinationArn", ""), properties.get("KmsKeyArn", "")
    if not bucket.startswith("arn:aws:s3:::") or not key.startswith("arn:aws:kms:"):
        raise errors.bad("The request is rejected because the parameter destinationProperties must have a destinationArn of S3 and a kmsKeyArn.")
    name, folder = _split(bucket)
    here = writer(call, detector)
    try:
        policy = call.as_root().do("s3", "GetBucketPolicy", Bucket=name)["Policy"]
        here.do("s3", "GetBucketLocation", Bucket=name)
        here.do("kms", "GenerateDataKey", KeyId=key, KeySpec="AES_256")
    except AwsError:
        raise errors.no_destination() from None
    if not here.allowed("s3:PutObject", f"arn:aws:s3:::{name}/{folder}AWSLogs/{call.account}/GuardDuty/x", policy=policy):
        raise errors.no_destination()


def _split(bucket: str) -> tuple[str, str]:
    name, _, folder = bucket.removeprefix("arn:aws:s3:::").partition("/")
    return name, f"{folder.strip('/')}/" if folder.strip("/") else ""


@guardduty.op(by_id)
def create_publishing_destination(call: Call, req: t.CreatePublishingDestinationRequest) -> t.CreatePublishingDestinationResponse:
    find(call, req["DetectorId"])
    if (token := req.get("ClientToken")) and (there := next((one for one in call.all(Destination) if one.token == token), None)):
        return {"DestinationId": there.id}
    if call.all(Destination):
        raise errors.bad("The request is rejected because a publishing destination of the given type already exists.")
    given = req["DestinationProperties"]
    _may(call, req["DetectorId"], given)
    one = call.put(Destination(call.id(digits=32), given["DestinationArn"], given["KmsKeyArn"], given.get("ExpectedBucketOwner", ""), tags=req.get("Tags") or {}, token=token or ""))
    return {"DestinationId": one.id}


def status(one: Destination) -> str:
    return "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY" if one.failing else "PUBLISHING"


@guardduty.op(by_destination)
def describe_publishing_destination(call: Call, req: t.DescribePublishingDestinationRequest) -> t.DescribePublishingDestinationResponse:
    one = named(call, req)
    return {"DestinationId": one.id, "DestinationType": "S3", "Status": status(one), "PublishingFailureStartTimestamp": int(one.failing * 1000), "Tags": one.tags,  # type: ignore[typeddict-item]
            "DestinationProperties": {"DestinationArn": one.bucket, "KmsKeyArn": one.key_arn, **({"ExpectedBucketOwner": one.owner} if one.owner else {})}}


@guardduty.op(by_id)
def list_publishing_destinations(call: Call, req: t.ListPublishingDestinationsRequest) -> t.ListPublishingDestinationsResponse:
    find(call, req["DetectorId"])
    found, more = pages.page(call.all(Destination), req, lambda one: one.id, 50, errors.bad_token)
    return {"Destinations": [{"DestinationId": one.id, "DestinationType": "S3", "Status": status(one)} for one in found], **more}  # type: ignore[typeddict-item]


@guardduty.op(by_destination)
def update_publishing_destination(call: Call, req: t.UpdatePublishingDestinationRequest) -> t.UpdatePublishingDestinationResponse:
    one = named(call, req)
    given = {"DestinationArn": one.bucket, "KmsKeyArn": one.key_arn, **(req.get("DestinationProperties") or {})}
    _may(call, req["DetectorId"], given)
    call.put(one.but(bucket=given["DestinationArn"], key_arn=given["KmsKeyArn"], failing=0.0))
    return {}


@guardduty.op(by_destination)
def delete_publishing_destination(call: Call, req: t.DeletePublishingDestinationRequest) -> t.DeletePublishingDestinationResponse:
    call.delete(named(call, req))
    return {}


def send(call: Call, one: Finding) -> None:
    """A finding that was told goes to the bucket, too."""
    if call.all(Destination):
        call.wake(export, one.id)


@guardduty.worker
async def export(call: Call, key: str) -> None:
    from .findings import Finding, shown
    from .members import detector_of
    one, detector = call.get(Finding, key), detector_of(call)
    for each in call.all(Destination) if one and detector else ():
        assert one and detector
        bucket, folder = _split(each.bucket)
        day = time.strftime("%Y/%m/%d", time.gmtime(call.now))
        name = f"{folder}AWSLogs/{call.account}/GuardDuty/{call.region}/{day}/{call.uuid()}.jsonl.gz"
        body = gzip.compress((json.dumps(criteria.wire(shown(call, one, detector.id))) + "\n").encode(), mtime=0)
        try:
            with call.step():
                answer: Any = writer(call, detector.id).do("s3", "PutObject", Bucket=bucket, Key=name, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=each.key_arn)
            if inspect.isawaitable(answer):
                await answer
            failing = 0.0
        except AwsError:
            failing = each.failing or call.now
        with call.step():
            if (now := call.get(Destination, each.id)) is not None and now.failing != failing:
                call.put(now.but(failing=failing))
