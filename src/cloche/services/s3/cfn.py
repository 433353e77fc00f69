"""S3 in templates: Bucket and BucketPolicy. Each property of a bucket is a configuration of its own, put by its own operation."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op


def renamed(value: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(k, k): v for k, v in value.items()}


def acl(value: str) -> dict[str, Any]:
    return {"ACL": re.sub(r"(?<!^)(?=[A-Z])", "-", value).lower()}


def encryption(value: dict[str, Any]) -> dict[str, Any]:
    rules = [renamed(x, {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}) for x in value["ServerSideEncryptionConfiguration"]]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def cors(value: dict[str, Any]) -> dict[str, Any]:
    return {"CORSConfiguration": {"CORSRules": [renamed(x, {"ExposedHeaders": "ExposeHeaders", "Id": "ID", "MaxAge": "MaxAgeSeconds"}) for x in value["CorsRules"]]}}


def lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [lifecycle_rule(x) for x in value["Rules"]]}}


def lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"Status": rule["Status"]} | ({"ID": rule["Id"]} if "Id" in rule else {})
    parts: dict[str, Any] = {x: rule[x] for x in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan") if x in rule}
    tags = rule.get("TagFilters", [])
    if len(parts) + len(tags) > 1:
        out["Filter"] = {"And": parts | ({"Tags": tags} if tags else {})}
    else:
        out["Filter"] = parts or ({"Tag": tags[0]} if tags else {"Prefix": ""})
    expiration = {new: rule[old] for old, new in (("ExpirationInDays", "Days"), ("ExpirationDate", "Date"), ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker")) if old in rule}
    if expiration:
        out["Expiration"] = expiration
    moves = [*rule.get("Transitions", []), *([rule["Transition"]] if "Transition" in rule else [])]
    if moves:
        out["Transitions"] = [renamed(x, {"TransitionInDays": "Days", "TransitionDate": "Date"}) for x in moves]
    if "NoncurrentVersionExpirationInDays" in rule:
        out["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "NoncurrentVersionExpiration" in rule:
        out["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    old = [*rule.get("NoncurrentVersionTransitions", []), *([rule["NoncurrentVersionTransition"]] if "NoncurrentVersionTransition" in rule else [])]
    if old:
        out["NoncurrentVersionTransitions"] = [renamed(x, {"TransitionInDays": "NoncurrentDays"}) for x in old]
    if "AbortIncompleteMultipartUpload" in rule:
        out["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return out


def notification(value: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for ours, theirs, target, arn in (("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
                                      ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"), ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn")):
        if value.get(ours):
            out[theirs] = [{arn: x[target], "Events": [x["Event"]]} | ({"Filter": {"Key": {"FilterRules": x["Filter"]["S3Key"]["Rules"]}}} if x.get("Filter") else {})
                           for x in value[ours]]
    if "EventBridgeConfiguration" in value and str(value["EventBridgeConfiguration"].get("EventBridgeEnabled", True)).lower() == "true":
        out["EventBridgeConfiguration"] = {}
    return {"NotificationConfiguration": out}


def website(value: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if "IndexDocument" in value:
        out["IndexDocument"] = {"Suffix": value["IndexDocument"]}
    if "ErrorDocument" in value:
        out["ErrorDocument"] = {"Key": value["ErrorDocument"]}
    if "RedirectAllRequestsTo" in value:
        out["RedirectAllRequestsTo"] = value["RedirectAllRequestsTo"]
    if "RoutingRules" in value:
        out["RoutingRules"] = [renamed(x, {"RedirectRule": "Redirect", "RoutingRuleCondition": "Condition"}) for x in value["RoutingRules"]]
    return {"WebsiteConfiguration": out}


def logging(value: dict[str, Any]) -> dict[str, Any]:
    form = {"TargetObjectKeyFormat": value["TargetObjectKeyFormat"]} if "TargetObjectKeyFormat" in value else {}
    return {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": value.get("DestinationBucketName"), "TargetPrefix": value.get("LogFilePrefix", "")} | form} if value else {}}


def replication(value: dict[str, Any]) -> dict[str, Any]:
    return {"ReplicationConfiguration": {"Role": value["Role"], "Rules": [replication_rule(x) for x in value["Rules"]]}}


def replication_rule(rule: dict[str, Any]) -> dict[str, Any]:
    out = renamed(rule, {"Id": "ID"})
    if "Filter" in out:
        choice = renamed(out["Filter"], {"TagFilter": "Tag"})
        if "And" in choice:
            choice["And"] = renamed(choice["And"], {"TagFilters": "Tags"})
        out["Filter"] = choice
    return out


def chosen(value: dict[str, Any]) -> dict[str, Any]:
    """A filter by prefix and tags, as configurations have it."""
    tags, prefix = value.get("TagFilters", []), {"Prefix": value["Prefix"]} if "Prefix" in value else {}
    if len(tags) + len(prefix) > 1:
        return {"Filter": {"And": prefix | {"Tags": tags}}}
    return {"Filter": {"Tag": tags[0]}} if tags else {"Filter": prefix} if prefix else {}


def destination(value: dict[str, Any]) -> dict[str, Any]:
    return {"S3BucketDestination": renamed(value, {"BucketArn": "Bucket", "BucketAccountId": "AccountId"})}


def inventory(value: dict[str, Any]) -> dict[str, Any]:
    return {"Id": value["Id"], "IsEnabled": value["Enabled"], "IncludedObjectVersions": value["IncludedObjectVersions"], "Schedule": {"Frequency": value["ScheduleFrequency"]},
            "Destination": destination(value["Destination"])} | chosen(value) | (
        {"OptionalFields": value["OptionalFields"]} if "OptionalFields" in value else {})


def analytics(value: dict[str, Any]) -> dict[str, Any]:
    export = value["StorageClassAnalysis"].get("DataExport")
    return {"Id": value["Id"], "StorageClassAnalysis": {"DataExport": export | {"Destination": destination(export["Destination"])}} if export else {}} | chosen(value)


def metrics(value: dict[str, Any]) -> dict[str, Any]:
    return {"Id": value["Id"]} | ({"Filter": {"AccessPointArn": value["AccessPointArn"]}} if "AccessPointArn" in value else chosen(value))


def tiering(value: dict[str, Any]) -> dict[str, Any]:
    return {"Id": value["Id"], "Status": value["Status"], "Tierings": value["Tierings"]} | chosen(value)


# property that is a list of configurations, each put and taken away by its id -> (what operations are called after, what each of them takes)
LISTS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "InventoryConfigurations": ("InventoryConfiguration", inventory), "AnalyticsConfigurations": ("AnalyticsConfiguration", analytics),
    "MetricsConfigurations": ("MetricsConfiguration", metrics), "IntelligentTieringConfigurations": ("IntelligentTieringConfiguration", tiering)}


async def put_lists(r: Resource) -> None:
    for name, (kind, form) in LISTS.items():
        before, now = ({one["Id"]: one for one in properties.get(name, [])} for properties in (r.old, r.properties))
        for id_ in before.keys() - now.keys():
            await r.do("s3", f"DeleteBucket{kind}", Bucket=r.physical, Id=id_)
        for id_, one in now.items():
            if before.get(id_) != one:
                await r.do("s3", f"PutBucket{kind}", Bucket=r.physical, Id=id_, **{kind: form(one)})


def under(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


# property -> (operation that puts it, what it takes, operation that takes it away or what to put instead), in the order in which they must go
SETTINGS: dict[str, tuple[str, Callable[[Any], dict[str, Any]], str | dict[str, Any]]] = {
    "OwnershipControls": ("PutBucketOwnershipControls", under("OwnershipControls"), "DeleteBucketOwnershipControls"),
    "PublicAccessBlockConfiguration": ("PutPublicAccessBlock", under("PublicAccessBlockConfiguration"), "DeletePublicAccessBlock"),
    "AccessControl": ("PutBucketAcl", acl, {"ACL": "private"}),
    "VersioningConfiguration": ("PutBucketVersioning", under("VersioningConfiguration"), {"VersioningConfiguration": {"Status": "Suspended"}}),
    "BucketEncryption": ("PutBucketEncryption", encryption, "DeleteBucketEncryption"),
    "CorsConfiguration": ("PutBucketCors", cors, "DeleteBucketCors"),
    "LifecycleConfiguration": ("PutBucketLifecycleConfiguration", lifecycle, "DeleteBucketLifecycle"),
    "NotificationConfiguration": ("PutBucketNotificationConfiguration", notification, {"NotificationConfiguration": {}}),
    "WebsiteConfiguration": ("PutBucketWebsite", website, "DeleteBucketWebsite"),
    "LoggingConfiguration": ("PutBucketLogging", logging, {"BucketLoggingStatus": {}}),
    "ObjectLockConfiguration": ("PutObjectLockConfiguration", under("ObjectLockConfiguration"), {}),
    "AccelerateConfiguration": ("PutBucketAccelerateConfiguration", lambda v: {"AccelerateConfiguration": {"Status": v["AccelerationStatus"]}},
                                {"AccelerateConfiguration": {"Status": "Suspended"}}),
    "ReplicationConfiguration": ("PutBucketReplication", replication, "DeleteBucketReplication"),
    "Tags": ("PutBucketTagging", lambda v: {"Tagging": {"TagSet": v}}, "DeleteBucketTagging"),
}
CREATION = {"BucketName", "ObjectLockEnabled"}


async def create(r: Resource) -> str:
    unbuilt(r)
    name = r.properties["BucketName"]
    place = {"LocationConstraint": r.call.region} if r.call.region != "us-east-1" else None
    owners = r.get("OwnershipControls")
    await r.do("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=r.get("ObjectLockEnabled"),
               ObjectOwnership=owners["Rules"][0]["ObjectOwnership"] if owners else None, **(acl(r.properties["AccessControl"]) if "AccessControl" in r.properties else {}))
    r.physical = name
    await put_settings(r, {"AccessControl"})
    return name


def unbuilt(r: Resource) -> None:
    for name in r.properties:
        if name not in SETTINGS and name not in LISTS and name not in CREATION:
            raise AwsError("NotImplemented", f"Cloche does not build the property {name} of AWS::S3::Bucket yet")


async def put_settings(r: Resource, done: frozenset[str] | set[str] = frozenset()) -> None:
    for name, (put, form, gone) in SETTINGS.items():
        if name in done:
            continue
        if name in r.properties and r.changed(name):
            await r.do("s3", put, Bucket=r.physical, **form(r.properties[name]))
        elif name in r.old and name not in r.properties:
            if isinstance(gone, str):
                await r.do("s3", gone, Bucket=r.physical)
            elif gone:
                await r.do("s3", put, Bucket=r.physical, **gone)
    await put_lists(r)


async def update(r: Resource) -> None:
    unbuilt(r)
    await put_settings(r)


async def read(r: Resource) -> None:
    name, region = r.physical, r.call.region
    dash = "-" if region in ("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1") else "."
    r.attributes |= {"Arn": f"arn:aws:s3:::{name}", "DomainName": f"{name}.s3.amazonaws.com", "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
                     "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com", "WebsiteURL": f"http://{name}.s3-website{dash}{region}.amazonaws.com"}


async def put_policy(r: Resource) -> str:
    document = r.properties["PolicyDocument"]
    await r.do("s3", "PutBucketPolicy", Bucket=r.properties["Bucket"], Policy=document if isinstance(document, str) else json.dumps(document))
    return r.properties["Bucket"]


async def live(r: Resource) -> dict[str, Any]:
    versioning = await r.do("s3", "GetBucketVersioning", Bucket=r.physical)
    return {"BucketName": r.physical, "VersioningConfiguration": {"Status": versioning.get("Status", "Suspended")}}


# --- access points ------------------------------------------------------------------------------------------------------------

async def make_point(r: Resource) -> str:
    me = {"AccountId": r.call.account, "Name": r.properties["Name"]}
    given = {name: r.properties[name] for name in ("Bucket", "BucketAccountId", "PublicAccessBlockConfiguration", "VpcConfiguration", "Tags") if name in r.properties}
    await r.do("s3control", "CreateAccessPoint", **me, **given)
    r.physical = me["Name"]
    await change_point(r)
    return r.physical


async def change_point(r: Resource) -> None:
    me = {"AccountId": r.call.account, "Name": r.physical}
    policy = r.get("Policy")
    if policy and r.changed("Policy"):
        await r.do("s3control", "PutAccessPointPolicy", **me, Policy=policy if isinstance(policy, str) else json.dumps(policy))
    elif "Policy" in r.old and not policy:
        await r.do("s3control", "DeleteAccessPointPolicy", **me)


async def read_point(r: Resource) -> None:
    found = await r.do("s3control", "GetAccessPoint", AccountId=r.call.account, Name=r.physical)
    r.attributes |= {"Alias": found["Alias"], "Arn": found["AccessPointArn"], "Name": found["Name"], "NetworkOrigin": found["NetworkOrigin"]}


async def drop_point(r: Resource) -> None:
    await r.do("s3control", "DeleteAccessPoint", AccountId=r.call.account, Name=r.physical)


TYPES = {
    "AWS::S3::AccessPoint": Type(name="Name", limit=50, lower=True, create=make_point, update=change_point, read=read_point, delete=drop_point),
    "AWS::S3::Bucket": Type(name="BucketName", limit=63, lower=True, create=create, live=live, update=update, read=read, delete=op("s3", "DeleteBucket", Bucket="{id}")),
    "AWS::S3::BucketPolicy": Type(create=put_policy, update=put_policy, delete=op("s3", "DeleteBucketPolicy", Bucket="{Bucket}")),
}
