"""Delivery: what is due is processed and written, and stays where it is until it has been. So a crash in between delivers it again, and loses nothing.

A destination that refuses is tried again, longer and longer apart: a bucket for a day, an endpoint as long as its RetryOptions say, and then the records go to
the bucket behind it.
"""
from __future__ import annotations

import base64
import gzip
import inspect
import io
import json
import logging
import zipfile
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import buffering, destinations, endpoints, naming, processing
from . import service as firehose
from .putting import tell
from .streams import DeliveryStream

if TYPE_CHECKING:
    from .buffering import Buffer, Row
    from .processing import Failure, Item

LONGEST_PAUSE = 120.0
log = logging.getLogger("cloche")


@firehose.timer
def when_due(call: Call, stream: str) -> None:
    call.wake(deliver, stream)


@firehose.worker
async def deliver(call: Call, key: str) -> None:
    """One delivery after another, until nothing is due."""
    while (stream := call.get(DeliveryStream, key)) is not None and not stream.deleted and (buffer := buffering.state(call, stream)) is not None:
        size, interval = buffering.hints(stream)
        due = max(call.now if buffer.size >= size else buffer.since + interval, buffer.again)
        if due > call.now:
            with call.step():
                call.due(due, when_due, name=key, stream=key)
            return
        rows: list[Row] = []
        try:
            rows = buffering.take(call, stream)
            items, failures = await processing.run(call, stream, rows)
            await (to_endpoint if stream.to == "http" else to_bucket)(call, stream, buffer, rows, items, failures)
        except AwsError as error:
            log.info("firehose %s: %s: %s", stream.name, error.code, error.message)
            with call.step():
                note(call, stream, error)
                if rows and buffer.failing and call.now > buffer.failing + buffering.KEPT_SECONDS:
                    buffering.done(call, stream, rows)
                else:
                    buffering.failed(call, stream, call.now + min(2.0 ** buffer.tries, LONGEST_PAUSE))
            continue
        with call.step():
            buffering.done(call, stream, rows)


async def to_bucket(call: Call, stream: DeliveryStream, buffer: Buffer, rows: list[Row], items: list[Item], failures: list[Failure]) -> None:
    destination = stream.destination
    if destination.get("S3BackupMode") == "Enabled":
        await write(call, stream, destination["S3BackupDescription"], rows[0].at, b"".join(row.data for row in rows), {})
    await failed(call, stream, failures)
    groups: dict[tuple[tuple[str, str], ...], list[Item]] = {}
    for item in items:
        groups.setdefault(tuple(sorted(item.keys.items())), []).append(item)
    for keys, group in groups.items():
        await write(call, stream, destination, group[0].row.at, b"".join(item.data for item in group), dict(keys))
        with call.step():
            tell(call, stream, "DeliveryToS3.Records", len(group))
            tell(call, stream, "DeliveryToS3.Bytes", sum(len(item.data) for item in group), "Bytes")
            tell(call, stream, "DeliveryToS3.Success", 1)
            tell(call, stream, "DeliveryToS3.DataFreshness", call.now - group[0].row.at, "Seconds")


async def to_endpoint(call: Call, stream: DeliveryStream, buffer: Buffer, rows: list[Row], items: list[Item], failures: list[Failure]) -> None:
    await failed(call, stream, failures)
    refusal = await endpoints.post(call, stream, [item.data for item in items]) if items else None
    if refusal is not None:
        patience = stream.destination["RetryOptions"]["DurationInSeconds"]
        if call.now < (buffer.failing or call.now) + patience:
            raise refusal
        tries = buffer.tries + 1
        await failed(call, stream, [processing.Failure(item.row, "http-endpoint-failed", refusal.code, refusal.message, tries) for item in items])
    else:
        with call.step():
            tell(call, stream, "DeliveryToHttpEndpoint.Records", len(items))
            tell(call, stream, "DeliveryToHttpEndpoint.Bytes", sum(len(item.data) for item in items), "Bytes")
            tell(call, stream, "DeliveryToHttpEndpoint.Success", 1)
    if stream.destination["S3BackupMode"] == "AllData":
        await write(call, stream, stream.s3, rows[0].at, b"".join(row.data for row in rows), {})


async def failed(call: Call, stream: DeliveryStream, failures: list[Failure]) -> None:
    """What could not be processed or delivered, as lines of JSON in an object of its kind."""
    for kind in dict.fromkeys(failure.kind for failure in failures):
        those = [failure for failure in failures if failure.kind == kind]
        lines = [json.dumps({
            "attemptsMade": one.attempts, "arrivalTimestamp": int(one.row.at * 1000), "errorCode": one.code, "errorMessage": one.message, "attemptEndingTimestamp": int(call.now * 1000),
            "rawData": base64.b64encode(one.row.data).decode(), **({"lambdaArn": one.function} if one.function else {})}) for one in those]
        await write(call, stream, stream.s3, those[0].row.at, "".join(line + "\n" for line in lines).encode(), {}, kind)
        with call.step():
            note(call, stream, AwsError(those[0].code, those[0].message))


async def write(call: Call, stream: DeliveryStream, s3: dict[str, Any], moment: float, body: bytes, keys: dict[str, str], error: str = "") -> None:
    timezone, random = s3.get("CustomTimeZone", ""), lambda: call.pick("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 11)
    format_ = s3["CompressionFormat"]
    name = naming.object_name(stream.name, stream.version, moment, call.uuid())
    end = s3.get("FileExtension") or naming.ENDS.get(format_, "")
    if error:
        key = naming.error_prefix_of(s3.get("ErrorOutputPrefix", ""), moment, error, random, timezone) + name + naming.ENDS.get(format_, "")
    else:
        key = naming.prefix_of(s3.get("Prefix", ""), moment, keys, random, timezone) + name + end
    sealed = (s3["EncryptionConfiguration"].get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN")
    more = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": sealed} if sealed else {}
    with call.step():
        answer = destinations.acting(call, s3["RoleARN"]).do("s3", "PutObject", Bucket=s3["BucketARN"].split(":::")[1], Key=key, Body=packed(format_, body, name),
                                                            ContentType="application/octet-stream", **more)
    if inspect.isawaitable(answer):
        await answer


def packed(format_: str, body: bytes, name: str) -> bytes:
    if format_ == "GZIP":
        return gzip.compress(body, mtime=0)
    if format_ == "ZIP":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
        return out.getvalue()
    return body


def note(call: Call, stream: DeliveryStream, error: AwsError) -> None:
    """What went wrong, to the log group that the destination names."""
    from cloche.services.logs import public as logs
    options = stream.destination.get("CloudWatchLoggingOptions") or {}
    if options.get("Enabled") and options.get("LogGroupName") and options.get("LogStreamName"):
        text = json.dumps({"deliveryStreamARN": stream.arn, "destination": stream.s3["BucketARN"], "deliveryStreamVersionId": stream.version, "message": error.message,
                           "errorCode": error.code if "." in error.code else f"S3.{error.code}"})
        try:
            logs.write(destinations.acting(call, stream.s3["RoleARN"]), options["LogGroupName"], options["LogStreamName"], [(int(call.now * 1000), text)])
        except AwsError as lost:
            log.info("firehose %s: nothing could be logged: %s", stream.name, lost.message)
