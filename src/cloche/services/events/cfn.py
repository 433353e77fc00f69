"""EventBridge in templates: Rule, EventBus, EventBusPolicy, Connection, ApiDestination, Archive."""
from __future__ import annotations

import json

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, strings

RULE = ("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")


async def put(r: Resource, tags: bool) -> str:
    name = r.properties["Name"]
    answer = await r.do("events", "PutRule", Name=name, Tags=r.get("Tags") if tags else None, **{x: r.get(x) for x in RULE})
    r.attributes["Arn"] = answer["RuleArn"]
    bus, targets = r.get("EventBusName"), r.get("Targets") or []
    if gone := [x["Id"] for x in r.old.get("Targets") or [] if x["Id"] not in {y["Id"] for y in targets}]:
        await r.do("events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=gone)
    if targets:
        failed = await r.do("events", "PutTargets", Rule=name, EventBusName=bus, Targets=targets)
        _raise(failed)
    # Ref: the name; with a bus of its own, bus|name
    return f"{bus.rsplit('/', 1)[-1]}|{name}" if bus and bus != "default" else name


def _raise(answer: dict) -> None:
    for entry in answer.get("FailedEntries") or []:
        raise AwsError(entry.get("ErrorCode", "ValidationException"), entry.get("ErrorMessage", "The target could not be put"))


async def create(r: Resource) -> str:
    return await put(r, True)


async def update(r: Resource) -> str:
    return await put(r, False)


async def delete(r: Resource) -> None:
    name, bus = r.properties["Name"], r.get("EventBusName")
    if ids := [x["Id"] for x in r.get("Targets") or []]:
        await r.do("events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=ids)
    await r.do("events", "DeleteRule", Name=name, EventBusName=bus)


async def create_bus(r: Resource) -> str:
    answer = await r.do("events", "CreateEventBus", **{k: v for k, v in r.properties.items() if k != "Policy"})
    r.attributes |= {"Arn": answer["EventBusArn"], "Name": r.properties["Name"]}
    if policy := r.get("Policy"):
        await r.do("events", "PutPermission", EventBusName=r.properties["Name"], Policy=json.dumps(policy))
    return r.properties["Name"]


async def update_bus(r: Resource) -> None:
    if r.changed("Description", "KmsKeyIdentifier", "DeadLetterConfig"):
        await r.do("events", "UpdateEventBus", Name=r.physical, **{k: r.get(k) for k in ("Description", "KmsKeyIdentifier", "DeadLetterConfig")})
    if r.changed("Policy") and r.get("Policy"):
        await r.do("events", "PutPermission", EventBusName=r.physical, Policy=json.dumps(r.properties["Policy"]))


async def permit(r: Resource) -> str:
    statement = r.get("Statement")
    sid = r.properties["StatementId"]
    if statement:
        policy = {"Version": "2012-10-17", "Statement": [{"Sid": sid} | statement]}
        await r.do("events", "PutPermission", EventBusName=r.get("EventBusName"), Policy=json.dumps(policy))
    else:
        await r.do("events", "PutPermission", EventBusName=r.get("EventBusName"), StatementId=sid, Action=strings(r.get("Action")), Principal=strings(r.get("Principal")),
                   Condition=r.get("Condition"))
    return f"{r.get('EventBusName', 'default')}|{sid}"


async def read_connection(r: Resource) -> None:
    found = await r.do("events", "DescribeConnection", Name=r.physical)
    r.attributes |= {"Arn": found["ConnectionArn"], "SecretArn": found["SecretArn"], "ArnForPolicy": found["ConnectionArn"].rpartition("/")[0]}


async def authorized(r: Resource) -> bool:
    """OAuth's first token is waited for."""
    found = await r.do("events", "DescribeConnection", Name=r.physical)
    if found["ConnectionState"] == "DEAUTHORIZED":
        raise AwsError("NotStabilized", found.get("StateReason") or "The connection could not be authorized")
    return bool(found["ConnectionState"] == "AUTHORIZED")


async def read_destination(r: Resource) -> None:
    arn = (await r.do("events", "DescribeApiDestination", Name=r.physical))["ApiDestinationArn"]
    r.attributes |= {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0]}


TYPES = {
    "AWS::Events::Rule": Type(
        name="Name", limit=64, create=create, delete=delete, replaces=("EventBusName",), update=steps(update, retag("events", "TagResource", "UntagResource", ResourceARN="{.Arn}"))),
    "AWS::Events::EventBus": Type(
        create=create_bus, update=steps(update_bus, retag("events", "TagResource", "UntagResource", ResourceARN="{.Arn}")), delete=op("events", "DeleteEventBus", Name="{id}"),
        attributes=("Name", "Policy")),
    "AWS::Events::EventBusPolicy": Type(
        create=permit, update=permit, replaces=("StatementId", "EventBusName"),
        delete=op("events", "RemovePermission", EventBusName="{EventBusName}", StatementId="{StatementId}")),
    "AWS::Events::Connection": Type(
        name="Name", limit=64, create=op("events", "CreateConnection", send=True, physical="{Name}"), read=read_connection, ready=authorized,
        update=op("events", "UpdateConnection", send=True), delete=op("events", "DeleteConnection", Name="{id}"), gone=("ResourceNotFoundException",)),
    "AWS::Events::ApiDestination": Type(
        name="Name", limit=64, create=op("events", "CreateApiDestination", send=True, physical="{Name}"), read=read_destination, update=op("events", "UpdateApiDestination", send=True),
        delete=op("events", "DeleteApiDestination", Name="{id}"), gone=("ResourceNotFoundException",)),
    "AWS::Events::Archive": Type(
        name="ArchiveName", limit=48, create=op("events", "CreateArchive", send=True, rename={"SourceArn": "EventSourceArn"}, physical="{ArchiveName}", attributes={"Arn": "ArchiveArn"}),
        update=op("events", "UpdateArchive", send=True, skip=("SourceArn",)), delete=op("events", "DeleteArchive", ArchiveName="{id}"), gone=("ResourceNotFoundException",)),
}
