"""EventBridge in templates: Rule, EventBus, EventBusPolicy."""
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


TYPES = {
    "AWS::Events::Rule": Type(
        name="Name", limit=64, create=create, delete=delete, replaces=("EventBusName",), update=steps(update, retag("events", "TagResource", "UntagResource", ResourceARN="{.Arn}"))),
    "AWS::Events::EventBus": Type(
        create=create_bus, update=steps(update_bus, retag("events", "TagResource", "UntagResource", ResourceARN="{.Arn}")), delete=op("events", "DeleteEventBus", Name="{id}"),
        attributes=("Name", "Policy")),
    "AWS::Events::EventBusPolicy": Type(
        create=permit, update=permit, replaces=("StatementId", "EventBusName"),
        delete=op("events", "RemovePermission", EventBusName="{EventBusName}", StatementId="{StatementId}")),
}
