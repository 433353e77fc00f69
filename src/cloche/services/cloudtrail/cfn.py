"""CloudTrail in templates: Trail, EventDataStore."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, tag_map

SETTINGS = ("S3BucketName", "S3KeyPrefix", "SnsTopicName", "IncludeGlobalServiceEvents", "IsMultiRegionTrail", "EnableLogFileValidation", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn",
            "IsOrganizationTrail")
EMPTY = {"S3KeyPrefix": "", "SnsTopicName": "", "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": "", "KmsKeyId": "", "EnableLogFileValidation": False, "IsMultiRegionTrail": False,
         "IsOrganizationTrail": False, "IncludeGlobalServiceEvents": True}


def settings(r: Resource) -> dict[str, Any]:
    if r.get("AggregationConfigurations"):
        raise AwsError("NotImplemented", "Cloche does not aggregate events: AggregationConfigurations is not built yet")
    given = {name: r.properties[name] for name in SETTINGS if name in r.properties}
    return given | ({"KmsKeyId": r.properties["KMSKeyId"]} if "KMSKeyId" in r.properties else {})


async def create(r: Resource) -> str:
    name = r.properties["TrailName"]
    tags = [{"Key": key, "Value": value} for key, value in tag_map(r.get("Tags")).items()]
    made = await r.do("cloudtrail", "CreateTrail", Name=name, TagsList=tags or None, **settings(r))
    r.attributes |= {"Arn": made["TrailARN"], "SnsTopicArn": made.get("SnsTopicARN", "")}
    await rest(r, str(name))
    return str(name)


async def rest(r: Resource, name: str) -> None:
    if r.changed("EventSelectors", "AdvancedEventSelectors"):
        if advanced := r.get("AdvancedEventSelectors"):
            await r.do("cloudtrail", "PutEventSelectors", TrailName=name, AdvancedEventSelectors=advanced)
        else:
            await r.do("cloudtrail", "PutEventSelectors", TrailName=name, EventSelectors=r.get("EventSelectors") or [{}])
    if r.changed("InsightSelectors"):
        await r.do("cloudtrail", "PutInsightSelectors", TrailName=name, InsightSelectors=r.get("InsightSelectors") or [])
    if r.changed("IsLogging"):
        on = str(r.get("IsLogging")).lower() == "true"
        if on or r.old:
            await r.do("cloudtrail", "StartLogging" if on else "StopLogging", Name=name)


async def update(r: Resource) -> None:
    new = settings(r)
    old = {name: value for name, value in EMPTY.items() if name not in new and ("KMSKeyId" if name == "KmsKeyId" else name) in r.old}
    made = await r.do("cloudtrail", "UpdateTrail", Name=r.physical, **(old | new))
    r.attributes |= {"Arn": made["TrailARN"], "SnsTopicArn": made.get("SnsTopicARN", "")}
    await rest(r, r.physical)
    before, after = tag_map(r.old.get("Tags")), tag_map(r.get("Tags"))
    if gone := [{"Key": key} for key in before if key not in after]:
        await r.do("cloudtrail", "RemoveTags", ResourceId=made["TrailARN"], TagsList=gone)
    if fresh := [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]:
        await r.do("cloudtrail", "AddTags", ResourceId=made["TrailARN"], TagsList=fresh)


STORES = ("Name", "AdvancedEventSelectors", "MultiRegionEnabled", "OrganizationEnabled", "RetentionPeriod", "TerminationProtectionEnabled", "KmsKeyId", "BillingMode")


def kept(r: Resource) -> dict[str, Any]:
    if odd := [name for name in ("InsightSelectors", "InsightsDestination", "FederationEnabled", "FederationRoleArn", "ContextKeySelectors", "MaxEventSize") if r.get(name)]:
        raise AwsError("NotImplemented", f"Cloche's event data stores know no {', '.join(odd)}")
    return {name: r.properties[name] for name in STORES if name in r.properties}


async def create_store(r: Resource) -> str:
    tags = [{"Key": key, "Value": value} for key, value in tag_map(r.get("Tags")).items()]
    made = await r.do("cloudtrail", "CreateEventDataStore", TagsList=tags or None, StartIngestion=None if r.get("IngestionEnabled") is None else str(r.get("IngestionEnabled")).lower() == "true", **kept(r))
    r.attributes |= {"EventDataStoreArn": made["EventDataStoreArn"]}
    return str(made["EventDataStoreArn"])


async def update_store(r: Resource) -> None:
    await r.do("cloudtrail", "UpdateEventDataStore", EventDataStore=r.physical, **kept(r))
    if r.changed("IngestionEnabled"):
        await r.do("cloudtrail", "StopEventDataStoreIngestion" if str(r.get("IngestionEnabled")).lower() == "false" else "StartEventDataStoreIngestion", EventDataStore=r.physical)


async def read_store(r: Resource) -> None:
    found = await r.do("cloudtrail", "GetEventDataStore", EventDataStore=r.physical)
    r.attributes |= {"EventDataStoreArn": found["EventDataStoreArn"], "Status": found["Status"], "CreatedTimestamp": str(found["CreatedTimestamp"]), "UpdatedTimestamp": str(found["UpdatedTimestamp"])}


TYPES = {
    "AWS::CloudTrail::Trail": Type(name="TrailName", limit=128, create=create, update=update, delete=op("cloudtrail", "DeleteTrail", Name="{id}"), gone=("TrailNotFoundException",)),
    "AWS::CloudTrail::EventDataStore": Type(name="Name", limit=128, create=create_store, update=update_store, read=read_store, delete=op("cloudtrail", "DeleteEventDataStore", EventDataStore="{id}"),
                                            gone=("EventDataStoreNotFoundException", "InactiveEventDataStoreException")),
}
