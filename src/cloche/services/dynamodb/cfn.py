"""DynamoDB in templates: Table. Indexes are changed one at a time, as UpdateTable wants it."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, strings

INDEX = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")


def indexes(value: Any) -> list[dict[str, Any]] | None:
    return [{k: v for k, v in one.items() if k in INDEX} for one in value] if value else None


def stream(value: Any) -> dict[str, Any] | None:
    return {"StreamEnabled": True, "StreamViewType": value["StreamViewType"]} if value else None


def sse(value: Any) -> dict[str, Any] | None:
    return {{"SSEEnabled": "Enabled"}.get(k, k): v for k, v in value.items()} if value else None


async def create(r: Resource) -> str:
    await r.do("dynamodb", "CreateTable", TableName=r.properties["TableName"], KeySchema=r.properties["KeySchema"], AttributeDefinitions=r.get("AttributeDefinitions"),
               BillingMode=r.get("BillingMode"), ProvisionedThroughput=r.get("ProvisionedThroughput"), OnDemandThroughput=r.get("OnDemandThroughput"),
               GlobalSecondaryIndexes=indexes(r.get("GlobalSecondaryIndexes")), LocalSecondaryIndexes=r.get("LocalSecondaryIndexes"),
               StreamSpecification=stream(r.get("StreamSpecification")), SSESpecification=sse(r.get("SSESpecification")), TableClass=r.get("TableClass"),
               DeletionProtectionEnabled=r.get("DeletionProtectionEnabled"), WarmThroughput=r.get("WarmThroughput"), Tags=r.get("Tags"),
               ResourcePolicy=(r.get("ResourcePolicy") or {}).get("PolicyDocument"))
    return r.properties["TableName"]


async def read(r: Resource) -> None:
    table = (await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]
    r.attributes |= {"Arn": table["TableArn"]} | ({"StreamArn": table["LatestStreamArn"]} if table.get("LatestStreamArn") else {})


async def ready(r: Resource) -> bool:
    """Active, and then the settings that only an active table takes."""
    table = (await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]
    if table["TableStatus"] != "ACTIVE" or any(x["IndexStatus"] != "ACTIVE" for x in table.get("GlobalSecondaryIndexes", [])):
        return False
    await settings(r)
    return True


async def settings(r: Resource) -> None:
    new, old = r.get("TimeToLiveSpecification"), r.old.get("TimeToLiveSpecification")
    if new != old:
        there = (await r.do("dynamodb", "DescribeTimeToLive", TableName=r.physical))["TimeToLiveDescription"]
        wanted = bool(new) and strings(new.get("Enabled", False)) == "true"
        if wanted != (there["TimeToLiveStatus"] in ("ENABLED", "ENABLING")):
            name = (new or {}).get("AttributeName") or there.get("AttributeName")
            await r.do("dynamodb", "UpdateTimeToLive", TableName=r.physical, TimeToLiveSpecification={"Enabled": wanted, "AttributeName": name})
    if r.changed("PointInTimeRecoverySpecification"):
        value = r.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
        await r.do("dynamodb", "UpdateContinuousBackups", TableName=r.physical, PointInTimeRecoverySpecification=value)
    if r.changed("KinesisStreamSpecification"):
        if gone := r.old.get("KinesisStreamSpecification"):
            await r.do("dynamodb", "DisableKinesisStreamingDestination", TableName=r.physical, StreamArn=gone["StreamArn"])
        if wanted := r.get("KinesisStreamSpecification"):
            await r.do("dynamodb", "EnableKinesisStreamingDestination", TableName=r.physical, StreamArn=wanted["StreamArn"])


async def update(r: Resource) -> None:
    change: dict[str, Any] = {}
    if r.changed("BillingMode", "ProvisionedThroughput"):
        change["BillingMode"] = r.get("BillingMode", "PROVISIONED")
        change["ProvisionedThroughput"] = r.get("ProvisionedThroughput")
    for name in ("OnDemandThroughput", "TableClass", "DeletionProtectionEnabled", "WarmThroughput"):
        if r.changed(name):
            change[name] = r.get(name, {"TableClass": "STANDARD", "DeletionProtectionEnabled": False}.get(name))
    if r.changed("SSESpecification"):
        change["SSESpecification"] = sse(r.get("SSESpecification")) or {"Enabled": False}
    if {k: v for k, v in change.items() if v is not None}:
        await r.do("dynamodb", "UpdateTable", TableName=r.physical, **change)
    if r.changed("StreamSpecification"):
        if "StreamSpecification" in r.old:
            await r.do("dynamodb", "UpdateTable", TableName=r.physical, StreamSpecification={"StreamEnabled": False})
        if "StreamSpecification" in r.properties:
            await r.do("dynamodb", "UpdateTable", TableName=r.physical, StreamSpecification=stream(r.get("StreamSpecification")))
        r.attributes.pop("StreamArn", None)
    await reindex(r)
    if r.changed("ResourcePolicy"):
        if policy := r.get("ResourcePolicy"):
            await r.do("dynamodb", "PutResourcePolicy", ResourceArn=r.attributes["Arn"], Policy=policy["PolicyDocument"])
        else:
            await r.do("dynamodb", "DeleteResourcePolicy", ResourceArn=r.attributes["Arn"])


async def reindex(r: Resource) -> None:
    new = {x["IndexName"]: x for x in indexes(r.get("GlobalSecondaryIndexes")) or []}
    old = {x["IndexName"]: x for x in indexes(r.old.get("GlobalSecondaryIndexes")) or []}
    for name in old:
        if name not in new:
            await r.do("dynamodb", "UpdateTable", TableName=r.physical, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])
    for name, one in new.items():
        if name not in old:
            await r.do("dynamodb", "UpdateTable", TableName=r.physical, AttributeDefinitions=r.get("AttributeDefinitions"), GlobalSecondaryIndexUpdates=[{"Create": one}])
        elif one.get("ProvisionedThroughput") != old[name].get("ProvisionedThroughput") and one.get("ProvisionedThroughput"):
            await r.do("dynamodb", "UpdateTable", TableName=r.physical,
                       GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": name, "ProvisionedThroughput": one["ProvisionedThroughput"]}}])


TYPES = {
    "AWS::DynamoDB::Table": Type(
        name="TableName", limit=255, create=create, read=read, ready=ready, replaces=("KeySchema", "LocalSecondaryIndexes"),
        update=steps(update, retag("dynamodb", "TagResource", "UntagResource", ResourceArn="{.Arn}")), delete=op("dynamodb", "DeleteTable", TableName="{id}")),
}
