"""Firehose in templates: DeliveryStream."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag

UPDATES = {"S3DestinationConfiguration": "S3DestinationUpdate", "ExtendedS3DestinationConfiguration": "ExtendedS3DestinationUpdate",
           "HttpEndpointDestinationConfiguration": "HttpEndpointDestinationUpdate"}
WITHIN = {"S3Configuration": "S3Update", "S3BackupConfiguration": "S3BackupUpdate"}


async def about(r: Resource) -> dict[str, Any]:
    return (await r.do("firehose", "DescribeDeliveryStream", DeliveryStreamName=r.physical))["DeliveryStreamDescription"]  # type: ignore[no-any-return]


async def ready(r: Resource) -> bool:
    there = await about(r)
    r.attributes["Arn"] = there["DeliveryStreamARN"]
    return there["DeliveryStreamStatus"] == "ACTIVE"  # type: ignore[no-any-return]


async def update(r: Resource) -> None:
    there = await about(r)
    for name, member in UPDATES.items():
        if r.changed(name) and (wanted := r.get(name)):
            change = {WITHIN.get(k, k): v for k, v in wanted.items()}
            await r.do("firehose", "UpdateDestination", DeliveryStreamName=r.physical, CurrentDeliveryStreamVersionId=there["VersionId"],
                       DestinationId=there["Destinations"][0]["DestinationId"], **{member: change})
    if r.changed("DeliveryStreamEncryptionConfigurationInput"):
        if wanted := r.get("DeliveryStreamEncryptionConfigurationInput"):
            await r.do("firehose", "StartDeliveryStreamEncryption", DeliveryStreamName=r.physical, DeliveryStreamEncryptionConfigurationInput=wanted)
        else:
            await r.do("firehose", "StopDeliveryStreamEncryption", DeliveryStreamName=r.physical)


async def changed(r: Resource) -> None:
    await update(r)
    await retag("firehose", "TagDeliveryStream", "UntagDeliveryStream", DeliveryStreamName="{id}")(r)


TYPES = {
    "AWS::KinesisFirehose::DeliveryStream": Type(
        name="DeliveryStreamName", limit=64, create=op("firehose", "CreateDeliveryStream", send=True, physical="{DeliveryStreamName}"), ready=ready, update=changed,
        delete=op("firehose", "DeleteDeliveryStream", DeliveryStreamName="{id}")),
}
