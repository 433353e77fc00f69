"""Kinesis in templates: Stream, StreamConsumer, ResourcePolicy.

A stream changes one thing at a time and is busy meanwhile, so it is asked again and again what it still lacks of what the template says.
"""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, strings, tag_map


async def create(r: Resource) -> str:
    on_demand = mode(r) == "ON_DEMAND"
    await r.do("kinesis", "CreateStream", StreamName=r.properties["Name"], ShardCount=None if on_demand else r.get("ShardCount", 1), StreamModeDetails=r.get("StreamModeDetails"),
               MaxRecordSizeInKiB=r.get("MaxRecordSizeInKiB"), WarmThroughputMiBps=r.get("WarmThroughputMiBps"), RecordDistributionStrategy=r.get("RecordDistributionStrategy"), Tags=tag_map(r.get("Tags")) or None)
    return str(r.properties["Name"])


def mode(r: Resource) -> str:
    return str((r.get("StreamModeDetails") or {}).get("StreamMode", "PROVISIONED"))


async def about(r: Resource) -> dict[str, Any]:
    return (await r.do("kinesis", "DescribeStreamSummary", StreamName=r.physical))["StreamDescriptionSummary"]  # type: ignore[no-any-return]


async def ready(r: Resource) -> bool:
    """Active, and as the template says; what is not yet is asked for, one thing each time."""
    there = await about(r)
    return there["StreamStatus"] == "ACTIVE" and not await adjust(r, there)


async def adjust(r: Resource, there: dict[str, Any]) -> bool:
    """Has something been changed?"""
    name, hours = r.physical, int(strings(r.get("RetentionPeriodHours", 24)))
    if there["StreamModeDetails"]["StreamMode"] != mode(r):
        await r.do("kinesis", "UpdateStreamMode", StreamARN=there["StreamARN"], StreamModeDetails={"StreamMode": mode(r)})
        return True
    if mode(r) == "PROVISIONED" and there["OpenShardCount"] != (wanted := int(strings(r.get("ShardCount", 1)))):
        await r.do("kinesis", "UpdateShardCount", StreamName=name, TargetShardCount=wanted, ScalingType="UNIFORM_SCALING")
        return True
    if there["RetentionPeriodHours"] != hours:
        await r.do("kinesis", f"{'Increase' if hours > there['RetentionPeriodHours'] else 'Decrease'}StreamRetentionPeriod", StreamName=name, RetentionPeriodHours=hours)
        return True
    wanted_key = (r.get("StreamEncryption") or {}).get("KeyId")
    if there.get("KeyId") != wanted_key:
        if wanted_key:
            await r.do("kinesis", "StartStreamEncryption", StreamName=name, EncryptionType="KMS", KeyId=wanted_key)
        else:
            await r.do("kinesis", "StopStreamEncryption", StreamName=name, EncryptionType="KMS", KeyId=there["KeyId"])
        return True
    have, metrics = there["EnhancedMonitoring"][0]["ShardLevelMetrics"], r.get("DesiredShardLevelMetrics") or []
    if "ALL" not in metrics and (extra := [m for m in have if m not in metrics]):
        await r.do("kinesis", "DisableEnhancedMonitoring", StreamName=name, ShardLevelMetrics=extra)
        return True
    if (missing := [m for m in metrics if m not in have]) and not (missing == ["ALL"] and len(have) == 7):
        await r.do("kinesis", "EnableEnhancedMonitoring", StreamName=name, ShardLevelMetrics=missing)
        return True
    if there["MaxRecordSizeInKiB"] != (size := int(strings(r.get("MaxRecordSizeInKiB", 1024)))):
        await r.do("kinesis", "UpdateMaxRecordSize", StreamARN=there["StreamARN"], MaxRecordSizeInKiB=size)
        return True
    if r.changed("WarmThroughputMiBps") and (warm := int(strings(r.get("WarmThroughputMiBps", 0)))) != (there.get("WarmThroughput") or {}).get("TargetMiBps", 0):
        await r.do("kinesis", "UpdateStreamWarmThroughput", StreamARN=there["StreamARN"], WarmThroughputMiBps=warm)
        return True
    if there["RecordDistributionStrategy"] != (strategy := r.get("RecordDistributionStrategy", "USER_PARTITION_KEY")):
        await r.do("kinesis", "UpdateStreamRecordDistributionStrategy", StreamARN=there["StreamARN"], RecordDistributionStrategy=strategy)
        return True
    return False


async def read(r: Resource) -> None:
    r.attributes["Arn"] = (await about(r))["StreamARN"]


async def live(r: Resource) -> dict[str, Any]:
    there = await about(r)
    return {"RetentionPeriodHours": there["RetentionPeriodHours"], "ShardCount": there["OpenShardCount"], "StreamModeDetails": there["StreamModeDetails"]}


async def consumer_ready(r: Resource) -> bool:
    there = (await r.do("kinesis", "DescribeStreamConsumer", ConsumerARN=r.physical))["ConsumerDescription"]
    r.attributes |= {"ConsumerARN": there["ConsumerARN"], "ConsumerCreationTimestamp": str(int(there["ConsumerCreationTimestamp"])), "ConsumerStatus": there["ConsumerStatus"]}
    return there["ConsumerStatus"] == "ACTIVE"  # type: ignore[no-any-return]


TYPES = {
    "AWS::Kinesis::Stream": Type(
        name="Name", limit=128, create=create, ready=ready, read=read, live=live, update=retag("kinesis", "AddTagsToStream", "RemoveTagsFromStream", StreamName="{id}"),
        delete=op("kinesis", "DeleteStream", StreamName="{id}", EnforceConsumerDeletion=True)),
    "AWS::Kinesis::StreamConsumer": Type(
        name="ConsumerName", limit=128, create=op("kinesis", "RegisterStreamConsumer", send=True, physical="Consumer.ConsumerARN"), ready=consumer_ready,
        update=retag("kinesis", "TagResource", "UntagResource", ResourceARN="{id}"), delete=op("kinesis", "DeregisterStreamConsumer", ConsumerARN="{id}")),
    "AWS::Kinesis::ResourcePolicy": Type(
        create=op("kinesis", "PutResourcePolicy", ResourceARN="{ResourceArn}", send=("ResourcePolicy",), rename={"ResourcePolicy": "Policy"}, physical="{ResourceArn}"),
        update=op("kinesis", "PutResourcePolicy", ResourceARN="{ResourceArn}", send=("ResourcePolicy",), rename={"ResourcePolicy": "Policy"}),
        delete=op("kinesis", "DeleteResourcePolicy", ResourceARN="{id}")),
}
