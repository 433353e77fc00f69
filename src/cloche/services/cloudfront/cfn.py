"""CloudFront in templates. Where the API has Quantity and Items a template has a plain list, and a few members are called otherwise; `sent` makes the one of the other."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, tag_map
from cloche.wire import model

SERVICE = "cloudfront"
NAMES = {"OriginCustomHeaders": "CustomHeaders", "IPV6Enabled": "IsIPV6Enabled", "Locations": "Items", "KVSAssociations": "KeyValueStoreAssociations"}


def sent(shape: Any, value: Any) -> Any:
    """A template's value in the API's form."""
    if shape.type == "list":
        return [sent(shape.item, one) for one in value]
    if shape.type != "structure":
        return value
    members = shape.members
    if "Quantity" in members and isinstance(value, list):
        value = {"Items": value}
        if "Enabled" in members:
            value["Enabled"] = bool(value["Items"])
    if not isinstance(value, Mapping):
        raise AwsError("ValidationError", f"Value of property {shape.name} must be an object")
    value = dict(value)
    if "CachedMethods" in value and "AllowedMethods" in members:
        allowed = value.setdefault("AllowedMethods", ["GET", "HEAD"])
        value["AllowedMethods"] = {"Items": allowed, "CachedMethods": {"Items": value.pop("CachedMethods")}} if isinstance(allowed, list) else allowed
    out = {}
    for name, one in value.items():
        known = NAMES.get(name, name)
        member = known if known in members else next((x for x in members if x.lower() == known.lower()), None)
        if member is None:
            raise AwsError("ValidationError", f"Properties validation failed: extraneous key [{name}] is not permitted")
        out[member] = sent(members[member][0], one)
    if "Quantity" in members:
        out["Quantity"] = len(out.get("Items") or ())
        if not out["Quantity"]:
            out.pop("Items", None)
    return out


def shape(name: str) -> Any:
    return model.load(SERVICE).shape(name)


def config(r: Resource, prop: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {**sent(shape(name or prop), r.properties[prop]), **more}


def reference(r: Resource) -> str:
    return f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"


# -- distributions ----------------------------------------------------------------------------------------------------------------

def distribution_config(r: Resource, caller: str) -> dict[str, Any]:
    given = dict(r.properties["DistributionConfig"])
    if "CNAMEs" in given:
        given["Aliases"] = given.pop("CNAMEs")
    given["Origins"] = [bare(one) for one in given.get("Origins") or ()]
    given.setdefault("Comment", "")
    return {**sent(shape("DistributionConfig"), given), "CallerReference": caller}


def bare(origin: Any) -> dict[str, Any]:
    """A template may leave out what the API wants said."""
    out = dict(origin)
    if "S3OriginConfig" in out:
        out["S3OriginConfig"] = {"OriginAccessIdentity": "", **out["S3OriginConfig"]}
    if "CustomOriginConfig" in out:
        out["CustomOriginConfig"] = {"HTTPPort": 80, "HTTPSPort": 443, **out["CustomOriginConfig"]}
    return out


async def create_distribution(r: Resource) -> str:
    tags = [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()]
    wanted = distribution_config(r, reference(r))
    if tags:
        one = (await r.do(SERVICE, "CreateDistributionWithTags", DistributionConfigWithTags={"DistributionConfig": wanted, "Tags": {"Items": tags}}))["Distribution"]
    else:
        one = (await r.do(SERVICE, "CreateDistribution", DistributionConfig=wanted))["Distribution"]
    r.physical = one["Id"]
    r.attributes |= {"DomainName": one["DomainName"], "Id": one["Id"]}
    return r.physical


async def deployed(r: Resource) -> bool:
    one = (await r.do(SERVICE, "GetDistribution", Id=r.physical))["Distribution"]
    r.attributes |= {"DomainName": one["DomainName"], "Id": one["Id"]}
    return bool(one["Status"] == "Deployed")


async def update_distribution(r: Resource) -> None:
    if r.changed("DistributionConfig"):
        found = await r.do(SERVICE, "GetDistributionConfig", Id=r.physical)
        await r.do(SERVICE, "UpdateDistribution", Id=r.physical, IfMatch=found["ETag"], DistributionConfig=distribution_config(r, found["DistributionConfig"]["CallerReference"]))
    await retagged(r, f"arn:aws:cloudfront::{r.call.account}:distribution/{r.physical}")


async def delete_distribution(r: Resource) -> None:
    """First off, then, when that is everywhere, away."""
    found = await r.do(SERVICE, "GetDistribution", Id=r.physical)
    wanted = found["Distribution"]["DistributionConfig"]
    if wanted["Enabled"]:
        await r.do(SERVICE, "UpdateDistribution", Id=r.physical, IfMatch=found["ETag"], DistributionConfig={**wanted, "Enabled": False})
        return r.not_yet("off")
    if found["Distribution"]["Status"] != "Deployed":
        return r.not_yet("off")
    await r.do(SERVICE, "DeleteDistribution", Id=r.physical, IfMatch=found["ETag"])
    return None


async def retagged(r: Resource, arn: str) -> None:
    old, new = tag_map(r.old.get("Tags")), tag_map(r.get("Tags"))
    if gone := [key for key in old if key not in new]:
        await r.do(SERVICE, "UntagResource", Resource=arn, TagKeys={"Items": gone})
    if fresh := [{"Key": k, "Value": v} for k, v in new.items() if old.get(k) != v]:
        await r.do(SERVICE, "TagResource", Resource=arn, Tags={"Items": fresh})


# -- things with a configuration and an ETag ------------------------------------------------------------------------------------------

def thing(noun: str, prop: str = "", attributes: tuple[str, ...] = ("Id",), caller: bool = False) -> Type:
    """`noun` as in operations: CreateCachePolicy; its configuration is CachePolicyConfig."""
    prop, name, member = prop or f"{noun}Config", prop or f"{noun}Config", noun

    def wanted(r: Resource, known: str = "") -> dict[str, Any]:
        return config(r, prop, name, **({"CallerReference": r.properties[prop].get("CallerReference") or known or reference(r)} if caller else {}))

    async def create(r: Resource) -> str:
        r.physical = (await r.do(SERVICE, f"Create{noun}", **{name: wanted(r)}))[member]["Id"]
        return r.physical

    async def update(r: Resource) -> None:
        found = await r.do(SERVICE, f"Get{noun}Config", Id=r.physical)
        await r.do(SERVICE, f"Update{noun}", Id=r.physical, IfMatch=found["ETag"], **{name: wanted(r, found[f"{member}Config"].get("CallerReference", ""))})

    async def delete(r: Resource) -> None:
        found = await r.do(SERVICE, f"Get{noun}", Id=r.physical)
        await r.do(SERVICE, f"Delete{noun}", Id=r.physical, IfMatch=found["ETag"])

    async def read(r: Resource) -> None:
        one = (await r.do(SERVICE, f"Get{noun}", Id=r.physical))[member]
        r.attributes |= {"Id": r.physical, **{key: one[key] for key in ("LastModifiedTime", "S3CanonicalUserId", "CreatedTime") if key in one}}

    return Type(create=create, update=update, delete=delete, read=read, attributes=attributes, gone=(f"NoSuch{noun}", "NoSuchResource"))


# -- functions and stores -----------------------------------------------------------------------------------------------------------

async def function_made(r: Resource) -> str:
    made = await r.do(SERVICE, "CreateFunction", Name=r.get("Name"), FunctionConfig=config(r, "FunctionConfig"), FunctionCode=r.get("FunctionCode", "").encode(),
                      Tags={"Items": [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()]} if r.get("Tags") else None)
    r.physical = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    if str(r.get("AutoPublish", False)).lower() == "true":
        await r.do(SERVICE, "PublishFunction", Name=r.get("Name"), IfMatch=made["ETag"])
    return r.physical


async def function_changed(r: Resource) -> None:
    found = await r.do(SERVICE, "DescribeFunction", Name=r.get("Name"))
    if r.changed("FunctionConfig", "FunctionCode"):
        found = await r.do(SERVICE, "UpdateFunction", Name=r.get("Name"), IfMatch=found["ETag"], FunctionConfig=config(r, "FunctionConfig"), FunctionCode=r.get("FunctionCode", "").encode())
    if str(r.get("AutoPublish", False)).lower() == "true":
        await r.do(SERVICE, "PublishFunction", Name=r.get("Name"), IfMatch=found["ETag"])
    await retagged(r, r.physical)


async def function_read(r: Resource) -> None:
    r.attributes |= {"FunctionARN": r.physical, "FunctionMetadata.FunctionARN": r.physical, "Stage": "LIVE" if str(r.get("AutoPublish", False)).lower() == "true" else "DEVELOPMENT"}


async def function_deleted(r: Resource) -> None:
    name = r.physical.rpartition("/")[2]
    found = await r.do(SERVICE, "DescribeFunction", Name=name)
    await r.do(SERVICE, "DeleteFunction", Name=name, IfMatch=found["ETag"])


async def store_made(r: Resource) -> str:
    await r.do(SERVICE, "CreateKeyValueStore", Name=r.get("Name"), Comment=r.get("Comment"), ImportSource=sent(shape("ImportSource"), {"SourceType": r.get("ImportSource")["SourceType"],
               "SourceARN": r.get("ImportSource")["SourceArn"]}) if r.get("ImportSource") else None)
    r.physical = str(r.get("Name"))
    return r.physical


async def store_changed(r: Resource) -> None:
    found = await r.do(SERVICE, "DescribeKeyValueStore", Name=r.physical)
    await r.do(SERVICE, "UpdateKeyValueStore", Name=r.physical, Comment=r.get("Comment") or "", IfMatch=found["ETag"])


async def store_ready(r: Resource) -> bool:
    one = (await r.do(SERVICE, "DescribeKeyValueStore", Name=r.physical))["KeyValueStore"]
    r.attributes |= {"Arn": one["ARN"], "Id": one["Id"], "Status": one["Status"]}
    return bool(one["Status"] == "READY")


async def store_deleted(r: Resource) -> None:
    found = await r.do(SERVICE, "DescribeKeyValueStore", Name=r.physical)
    await r.do(SERVICE, "DeleteKeyValueStore", Name=r.physical, IfMatch=found["ETag"])


# -- logs and metrics ---------------------------------------------------------------------------------------------------------------

def ends(r: Resource) -> list[dict[str, Any]]:
    return [{"StreamType": one["StreamType"], "KinesisStreamConfig": {"RoleARN": one["KinesisStreamConfig"]["RoleArn"], "StreamARN": one["KinesisStreamConfig"]["StreamArn"]}} for one in r.get("EndPoints") or ()]


async def logs_made(r: Resource) -> str:
    r.physical = (await r.do(SERVICE, "CreateRealtimeLogConfig", Name=r.get("Name"), EndPoints=ends(r), Fields=r.get("Fields"), SamplingRate=r.get("SamplingRate")))["RealtimeLogConfig"]["ARN"]
    r.attributes["Arn"] = r.physical
    return r.physical


async def logs_changed(r: Resource) -> None:
    await r.do(SERVICE, "UpdateRealtimeLogConfig", ARN=r.physical, EndPoints=ends(r), Fields=r.get("Fields"), SamplingRate=r.get("SamplingRate"))


async def logs_deleted(r: Resource) -> None:
    await r.do(SERVICE, "DeleteRealtimeLogConfig", ARN=r.physical)


async def subscribed(r: Resource) -> str:
    await r.do(SERVICE, "CreateMonitoringSubscription", DistributionId=r.get("DistributionId"), MonitoringSubscription=r.get("MonitoringSubscription"))
    r.physical = str(r.get("DistributionId"))
    return r.physical


async def unsubscribed(r: Resource) -> None:
    await r.do(SERVICE, "DeleteMonitoringSubscription", DistributionId=r.physical)



TYPES = {
    "AWS::CloudFront::Distribution": Type(create=create_distribution, update=update_distribution, delete=delete_distribution, ready=deployed, attributes=("DomainName", "Id"), gone=("NoSuchDistribution",)),
    "AWS::CloudFront::CachePolicy": thing("CachePolicy", attributes=("Id", "LastModifiedTime")),
    "AWS::CloudFront::OriginRequestPolicy": thing("OriginRequestPolicy", attributes=("Id", "LastModifiedTime")),
    "AWS::CloudFront::ResponseHeadersPolicy": thing("ResponseHeadersPolicy", attributes=("Id", "LastModifiedTime")),
    "AWS::CloudFront::ContinuousDeploymentPolicy": thing("ContinuousDeploymentPolicy", attributes=("Id", "LastModifiedTime")),
    "AWS::CloudFront::OriginAccessControl": thing("OriginAccessControl"),
    "AWS::CloudFront::CloudFrontOriginAccessIdentity": thing("CloudFrontOriginAccessIdentity", attributes=("Id", "S3CanonicalUserId"), caller=True),
    "AWS::CloudFront::KeyGroup": thing("KeyGroup", attributes=("Id", "LastModifiedTime")),
    "AWS::CloudFront::PublicKey": thing("PublicKey", attributes=("Id", "CreatedTime"), caller=True),
    "AWS::CloudFront::Function": Type(create=function_made, update=function_changed, delete=function_deleted, read=function_read, attributes=("FunctionARN", "FunctionMetadata.FunctionARN", "Stage"),
                                      replaces=("Name",), gone=("NoSuchFunctionExists",)),
    "AWS::CloudFront::KeyValueStore": Type(create=store_made, update=store_changed, delete=store_deleted, ready=store_ready, attributes=("Arn", "Id", "Status"), replaces=("Name", "ImportSource"),
                                           gone=("EntityNotFound",)),
    "AWS::CloudFront::RealtimeLogConfig": Type(create=logs_made, update=logs_changed, delete=logs_deleted, attributes=("Arn",), replaces=("Name",), gone=("NoSuchRealtimeLogConfig",)),
    "AWS::CloudFront::MonitoringSubscription": Type(create=subscribed, delete=unsubscribed, gone=("NoSuchMonitoringSubscription", "NoSuchDistribution")),
}
