"""Who is told when something happens to an object: queues, topics, functions, and EventBridge.

What happened is an event in the outbox of the same step; its listener sends the messages in S3's own name, so that only the
destination's policy decides. A destination is tried when it is configured, with the message that S3 sends for that.
"""
from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from cloche.kernel import AwsError, AwsEvent, Call, Event

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, canonical_id, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

    from .rows import Version

KINDS = {"TopicConfigurations": ("TopicArn", "sns"), "QueueConfigurations": ("QueueArn", "sqs"), "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda")}
EVENTS = {"s3:ReducedRedundancyLostObject", "s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy",
          "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectRestore:*",
          "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete", "s3:Replication:*", "s3:Replication:OperationFailedReplication",
          "s3:Replication:OperationNotTracked", "s3:Replication:OperationMissedThreshold", "s3:Replication:OperationReplicatedAfterThreshold",
          "s3:LifecycleTransition", "s3:IntelligentTiering", "s3:ObjectAcl:Put", "s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete",
          "s3:LifecycleExpiration:DeleteMarkerCreated", "s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete"}
BRIDGE = {"ObjectCreated": "Object Created", "ObjectRemoved": "Object Deleted", "LifecycleExpiration": "Object Deleted", "ObjectTagging:Put": "Object Tags Added",
          "ObjectTagging:Delete": "Object Tags Deleted", "ObjectRestore:Post": "Object Restore Initiated", "ObjectRestore:Completed": "Object Restore Completed",
          "ObjectRestore:Delete": "Object Restore Expired", "LifecycleTransition": "Object Storage Class Changed", "ObjectAcl:Put": "Object ACL Updated"}
REASONS = {"Put": "PutObject", "Post": "POST Object", "Copy": "CopyObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}


class Happened(Event, frozen=True):
    """Something happened to an object, and the bucket says that somebody wants to know."""

    kind = "s3.happened"

    bucket: str
    name: str
    record: dict[str, Any]


def tell(call: Call, bucket: Bucket, name: str, v: Version, more: dict[str, Any] | None = None) -> None:
    """Part of the step in which it happened; `more` is what records of its kind have besides."""
    configured = bucket.settings["notification"]
    there = call.at(bucket.owner, bucket.region)
    sequencer = f"{int(call.now * 1e6):016X}{call.id(digits=2).upper()}"
    if "EventBridgeConfiguration" in configured and (detail_type := BRIDGE.get(name) or BRIDGE.get(name.partition(":")[0])):
        there.emit(AwsEvent("aws.s3", detail_type, _detail(call, bucket, name, v, sequencer), [bucket.arn]))
    if any(kind in configured for kind in KINDS):
        there.emit(Happened(bucket.name, name, _record(call, bucket, name, v, sequencer) | (more or {})))


def _detail(call: Call, bucket: Bucket, name: str, v: Version, sequencer: str) -> dict[str, Any]:
    thing: dict[str, Any] = {"key": v.key}
    if not name.startswith("ObjectRemoved"):
        thing |= {"size": v.size, "etag": v.etag}
    elif v.etag and name.endswith("DeleteMarkerCreated") is False:
        thing |= {"etag": v.etag} if bucket.versioning else {}
    if bucket.versioning:
        thing["version-id"] = v.version
    detail: dict[str, Any] = {"version": "0", "bucket": {"name": bucket.name}, "object": thing | {"sequencer": sequencer}, "request-id": call.request_id,
                              "requester": call.principal.account or "s3.amazonaws.com"}
    if name.startswith("ObjectCreated"):
        detail |= {"source-ip-address": call.source_ip, "reason": REASONS[name.partition(":")[2]]}
    elif name.startswith("ObjectRemoved"):
        detail |= {"source-ip-address": call.source_ip, "reason": "DeleteObject",
                   "deletion-type": "Delete Marker Created" if name.endswith("DeleteMarkerCreated") else "Permanently Deleted"}
    elif name.startswith("LifecycleExpiration"):
        detail |= {"requester": "s3.amazonaws.com", "reason": "Lifecycle Expiration",
                   "deletion-type": "Delete Marker Created" if name.endswith("DeleteMarkerCreated") else "Permanently Deleted"}
    return detail


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(call: Call, bucket: Bucket, name: str, v: Version, sequencer: str) -> dict[str, Any]:
    thing: dict[str, Any] = {"key": quote_plus(v.key, safe="/*")}
    if not v.marker and not name.startswith("ObjectRemoved"):
        thing |= {"size": v.size, "eTag": v.etag}
    elif v.marker:
        thing["eTag"] = "d41d8cd98f00b204e9800998ecf8427e"
    if bucket.versioning:
        thing["versionId"] = v.version
    from cloche.wire.codec.rest_xml import host_id
    return {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": bucket.region, "eventTime": iso(call.now), "eventName": name,
        "userIdentity": {"principalId": f"AWS:{call.principal.id}" if call.principal.account else "AmazonCustomer:ANONYMOUS"},
        "requestParameters": {"sourceIPAddress": call.source_ip}, "responseElements": {"x-amz-request-id": call.request_id, "x-amz-id-2": host_id(call.request_id)},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "",
               "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": canonical_id(bucket.owner)}, "arn": bucket.arn}, "object": thing | {"sequencer": sequencer}}}


@s3.on(Happened)
def spread(call: Call, event: Happened) -> None:
    """Send what happened to everybody whose configuration fits."""
    bucket = call.get(Bucket, event.bucket)
    if bucket is None:
        return
    from urllib.parse import unquote_plus
    key = unquote_plus(event.record["s3"]["object"]["key"])
    for kind, (arn_name, service) in KINDS.items():
        for configuration in bucket.settings.get("notification", {}).get(kind, ()):
            if fits(configuration, event.name, key):
                record = event.record | {"s3": event.record["s3"] | {"configurationId": configuration["Id"]}}
                call.wake(deliver, json.dumps([bucket.name, service, configuration[arn_name], json.dumps({"Records": [record]})]))


@s3.worker
async def deliver(call: Call, key: str) -> None:
    """One message to one destination. One that refuses now had its chance: S3 tells nobody."""
    name, service, arn, message = json.loads(key)
    bucket = call.get(Bucket, name)
    if bucket is None:
        return
    try:
        await send(call, bucket, service, arn, message)
    except AwsError:
        return
    except LookupError:
        return  # the service is not there


def fits(configuration: dict[str, Any], name: str, key: str) -> bool:
    full = "s3:" + name
    if not any(event == full or (event.endswith("*") and full.startswith(event[:-1])) for event in configuration["Events"]):
        return False
    for rule in _rules(configuration):
        if (rule["Name"].lower() == "prefix" and not key.startswith(rule["Value"])) or (rule["Name"].lower() == "suffix" and not key.endswith(rule["Value"])):
            return False
    return True


def _rules(configuration: dict[str, Any]) -> list[dict[str, str]]:
    return ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []


async def send(call: Call, bucket: Bucket, service: str, arn: str, message: str, dry: bool = False) -> None:
    """In S3's name, for this bucket: the destination's policy must allow it."""
    _, _, _, region, account, name = arn.split(":", 5)
    there = call.at(account, region).as_service("s3.amazonaws.com", bucket.arn, bucket.owner)
    if service == "sqs":
        answer = there.do("sqs", "SendMessage", QueueUrl=f"http://{call.host}/{account}/{name}", MessageBody=message)
    elif service == "sns":
        answer = there.do("sns", "Publish", TopicArn=arn, Message=message, Subject="Amazon S3 Notification")
    else:
        answer = there.do("lambda", "Invoke", FunctionName=arn, InvocationType="DryRun" if dry else "Event", Payload=message.encode())
    if inspect.isawaitable(answer):
        await answer


# --- the configuration --------------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutBucketNotification"))
async def put_bucket_notification_configuration(call: Call, req: t.PutBucketNotificationConfigurationRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    configuration = _checked(call, bucket, req["NotificationConfiguration"])
    if not req.get("SkipDestinationValidation"):
        from cloche.wire.codec.rest_xml import host_id
        old = bucket.settings.get("notification", {})
        for kind, (arn_name, service) in KINDS.items():
            known = {one[arn_name] for one in old.get(kind, ())}
            for one in configuration.get(kind, ()):
                test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": iso(call.now), "Bucket": bucket.name, "RequestId": call.request_id,
                        "HostId": host_id(call.request_id)}
                try:
                    if one[arn_name] not in known:
                        known.add(one[arn_name])
                        await send(call, bucket, service, one[arn_name], json.dumps(test), dry=True)
                except (AwsError, LookupError):
                    raise errors.argument("Unable to validate the following destination configurations", one[arn_name],
                                          "Not authorized to invoke function [" + one[arn_name] + "]" if service == "lambda" else
                                          "The destination queue does not exist or its policy does not let S3 send to it" if service == "sqs" else
                                          "The destination topic does not exist or its policy does not let S3 publish to it") from None
    with call.step():
        call.put(find(call, req["Bucket"], req).having(notification=configuration or None))


def _checked(call: Call, bucket: Bucket, wanted: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    ids: set[str] = set()
    everything: list[dict[str, Any]] = []
    for kind, (arn_name, service) in KINDS.items():
        for one in wanted.get(kind) or ():
            arn = one[arn_name].split(":")
            if len(arn) < 6 or arn[2] != service or (service == "sqs" and arn[-1].endswith(".fifo")):
                raise errors.argument("The ARN could not be parsed" if len(arn) < 6 or arn[2] != service else "FIFO SQS queues are not supported as event notification destinations",
                                      arn_name, one[arn_name])
            if arn[3] != bucket.region:
                raise errors.argument("The notification destination service region is not valid for the bucket location constraint", arn_name, one[arn_name])
            if unknown := [event for event in one["Events"] if event not in EVENTS]:
                raise errors.argument("The event is not supported for notifications", "Event", unknown[0])
            kept = {arn_name: one[arn_name], "Id": one.get("Id") or call.uuid(), "Events": list(one["Events"])}
            if kept["Id"] in ids:
                raise errors.argument("Same ID used for multiple configurations. IDs must be unique", "Id", kept["Id"])
            ids.add(kept["Id"])
            rules = [{"Name": rule["Name"].capitalize(), "Value": rule.get("Value", "")} for rule in _rules(one)]
            if unknown := [rule["Name"] for rule in rules if rule["Name"] not in ("Prefix", "Suffix")]:
                raise errors.argument("filter rule name must be either prefix or suffix", "FilterRule.Name", unknown[0])
            if len({rule["Name"] for rule in rules}) < len(rules):
                raise errors.argument("Cannot specify more than one prefix rule in a filter.", "FilterRule.Name", "prefix")
            if rules:
                kept["Filter"] = {"Key": {"FilterRules": rules}}
            if any(_overlap(kept, other) for other in everything):
                raise errors.argument("Configurations overlap. Configurations on the same bucket cannot share a common event type.", "Event", kept["Events"][0])
            everything.append(kept)
            out.setdefault(kind, []).append(kept)
    if wanted.get("EventBridgeConfiguration") is not None:
        out["EventBridgeConfiguration"] = {}
    return out


def _overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
    shared = any(x == y or (x.endswith("*") and y.startswith(x[:-1])) or (y.endswith("*") and x.startswith(y[:-1])) for x in a["Events"] for y in b["Events"])
    def value(one: dict[str, Any], name: str) -> str:
        return next((rule["Value"] for rule in _rules(one) if rule["Name"] == name), "")
    return shared and _nested(value(a, "Prefix"), value(b, "Prefix")) and _nested(value(a, "Suffix")[::-1], value(b, "Suffix")[::-1])


def _nested(a: str, b: str) -> bool:
    return a.startswith(b) or b.startswith(a)


@s3.op(needs=on_bucket("s3:GetBucketNotification"))
def get_bucket_notification_configuration(call: Call, req: t.GetBucketNotificationConfigurationRequest) -> t.NotificationConfiguration:
    return find(call, req["Bucket"], req).settings.get("notification", {})
