"""DynamoDB in templates: Table, and GlobalTable, which is a table in the stack's region that has replicas.

Indexes are changed one at a time, as UpdateTable wants it.
"""
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
    if source := r.get("ImportSourceSpecification"):
        table = {"TableName": r.properties["TableName"], "KeySchema": r.properties["KeySchema"], "AttributeDefinitions": r.get("AttributeDefinitions"), "BillingMode": r.get("BillingMode"),
                 "ProvisionedThroughput": r.get("ProvisionedThroughput"), "OnDemandThroughput": r.get("OnDemandThroughput"), "SSESpecification": sse(r.get("SSESpecification")),
                 "GlobalSecondaryIndexes": indexes(r.get("GlobalSecondaryIndexes"))}
        await r.do("dynamodb", "ImportTable", TableCreationParameters={k: v for k, v in table.items() if v is not None}, **source)
        return str(r.properties["TableName"])
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
    if r.changed("ContributorInsightsSpecification"):
        value = r.get("ContributorInsightsSpecification") or {}
        await r.do("dynamodb", "UpdateContributorInsights", TableName=r.physical, ContributorInsightsMode=value.get("Mode"),
                   ContributorInsightsAction="ENABLE" if strings(value.get("Enabled", False)) == "true" else "DISABLE")
    if r.get("ImportSourceSpecification") and not r.old and r.get("Tags"):  # an import makes a table without tags
        await r.do("dynamodb", "TagResource", ResourceArn=(await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]["TableArn"], Tags=r.properties["Tags"])
    if r.changed("KinesisStreamSpecification"):
        if gone := r.old.get("KinesisStreamSpecification"):
            await r.do("dynamodb", "DisableKinesisStreamingDestination", TableName=r.physical, StreamArn=gone["StreamArn"])
        if wanted := r.get("KinesisStreamSpecification"):
            await r.do("dynamodb", "EnableKinesisStreamingDestination", TableName=r.physical, StreamArn=wanted["StreamArn"],
                       EnableKinesisStreamingConfiguration={k: v for k, v in wanted.items() if k == "ApproximateCreationDateTimePrecision"} or None)


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


# -- global tables --------------------------------------------------------------------------------------------------------

SHARED = ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "LocalSecondaryIndexes", "StreamSpecification", "SSESpecification", "TimeToLiveSpecification", "WarmThroughput")
OWN = ("TableClass", "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "Tags", "ResourcePolicy", "KinesisStreamSpecification")


def here(properties: dict[str, Any], region: str) -> dict[str, Any]:
    """What the template says of the replica in the stack's own region."""
    return next((x for x in properties.get("Replicas", []) if x["Region"] == region), {})


def units(write: Any, read: Any) -> dict[str, Any]:
    """Capacity: a fixed number, or the least that auto scaling may go down to."""
    scaled = (write or {}).get("WriteCapacityAutoScalingSettings") or {}
    reading = (read or {}).get("ReadCapacityAutoScalingSettings") or {}
    return {"WriteCapacityUnits": scaled.get("SeedCapacity", scaled.get("MinCapacity")),
            "ReadCapacityUnits": (read or {}).get("ReadCapacityUnits", reading.get("SeedCapacity", reading.get("MinCapacity")))}


def as_table(properties: dict[str, Any], region: str) -> dict[str, Any]:
    """The same table in the words of AWS::DynamoDB::Table."""
    own = here(properties, region)
    provisioned = properties.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    out = {k: properties[k] for k in SHARED if k in properties} | {k: own[k] for k in OWN if k in own}
    if key := (own.get("SSESpecification") or {}).get("KMSMasterKeyId"):
        out["SSESpecification"] = {**properties.get("SSESpecification", {}), "KMSMasterKeyId": key}
    if provisioned:
        out["ProvisionedThroughput"] = units(properties.get("WriteProvisionedThroughputSettings"), own.get("ReadProvisionedThroughputSettings"))
    reading = {x["IndexName"]: x.get("ReadProvisionedThroughputSettings") for x in own.get("GlobalSecondaryIndexes", [])}
    if found := properties.get("GlobalSecondaryIndexes"):
        out["GlobalSecondaryIndexes"] = [
            {k: v for k, v in x.items() if k in INDEX}
            | ({"ProvisionedThroughput": units(x.get("WriteProvisionedThroughputSettings"), reading.get(x["IndexName"]))} if provisioned else {}) for x in found]
    return out


def view(r: Resource) -> Resource:
    """The resource as a plain table; what is learned of it is learned of both."""
    plain = Resource(r.call, r.stack_id, r.logical, r.type, as_table(r.properties, r.call.region), old=as_table(r.old, r.call.region) if r.old else None, physical=r.physical)
    plain.attributes = r.attributes
    return plain


async def create_global(r: Resource) -> str:
    return await create(view(r))


async def ready_global(r: Resource) -> bool:
    plain = view(r)
    if not await ready(plain):
        return False
    if (here(r.properties, r.call.region).get("ContributorInsightsSpecification") or {}).get("Enabled"):
        await r.do("dynamodb", "UpdateContributorInsights", TableName=r.physical, ContributorInsightsAction="ENABLE")
    return await replicas(r)


async def replicas(r: Resource) -> bool:
    """Add and remove replicas until they are those of the template, and all of them active."""
    table = (await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]
    there = {x["RegionName"]: x["ReplicaStatus"] for x in table.get("Replicas", [])}
    wanted = {x["Region"] for x in r.properties["Replicas"]} - {r.call.region}
    for region in sorted(wanted ^ there.keys()):
        await r.do("dynamodb", "UpdateTable", TableName=r.physical, ReplicaUpdates=[{"Create" if region in wanted else "Delete": {"RegionName": region}}])
    return wanted == there.keys() and all(status == "ACTIVE" for status in there.values())


async def update_global(r: Resource) -> None:
    plain = view(r)
    await update(plain)
    await retag("dynamodb", "TagResource", "UntagResource", ResourceArn="{.Arn}")(plain)
    await replicas(r)


async def delete_global(r: Resource) -> None:
    for one in r.properties["Replicas"]:
        if one["Region"] != r.call.region:
            await r.do("dynamodb", "UpdateTable", TableName=r.physical, ReplicaUpdates=[{"Delete": {"RegionName": one["Region"]}}])
    await r.do("dynamodb", "DeleteTable", TableName=r.physical)


async def read_global(r: Resource) -> None:
    await read(r)
    r.attributes["TableId"] = (await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]["TableId"]


async def live(r: Resource) -> dict[str, Any]:
    table = (await r.do("dynamodb", "DescribeTable", TableName=r.physical))["Table"]
    out = {x: table[x] for x in ("KeySchema", "AttributeDefinitions") if x in table} | {"BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")}
    if throughput := table.get("ProvisionedThroughput"):
        out["ProvisionedThroughput"] = {x: throughput[x] for x in ("ReadCapacityUnits", "WriteCapacityUnits")}
    out["DeletionProtectionEnabled"] = table.get("DeletionProtectionEnabled", False)
    return out


TYPES = {
    "AWS::DynamoDB::GlobalTable": Type(
        name="TableName", limit=255, create=create_global, read=read_global, ready=ready_global, replaces=("KeySchema", "LocalSecondaryIndexes"), update=update_global, delete=delete_global),
    "AWS::DynamoDB::Table": Type(
        name="TableName", limit=255, create=create, read=read, live=live, ready=ready, replaces=("KeySchema", "LocalSecondaryIndexes"),
        update=steps(update, retag("dynamodb", "TagResource", "UntagResource", ResourceArn="{.Arn}")), delete=op("dynamodb", "DeleteTable", TableName="{id}")),
}
