"""Application Auto Scaling in templates: ScalableTarget (with its scheduled actions), ScalingPolicy."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, tag_map


def parts(physical: str) -> dict[str, str]:
    resource, dimension, namespace = physical.split("|")
    return {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}


async def register(r: Resource) -> str:
    given = {name: r.properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace", "MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState") if name in r.properties}
    await r.do("application-autoscaling", "RegisterScalableTarget", **given, Tags=tag_map(r.get("Tags")) or None)
    r.physical = f"{r.properties['ResourceId']}|{r.properties['ScalableDimension']}|{r.properties['ServiceNamespace']}"
    r.attributes["Id"] = r.physical
    names = {one["ScheduledActionName"] for one in r.get("ScheduledActions") or ()}
    for one in r.old.get("ScheduledActions") or ():
        if one["ScheduledActionName"] not in names:
            await r.do("application-autoscaling", "DeleteScheduledAction", ScheduledActionName=one["ScheduledActionName"], **parts(r.physical))
    for one in r.get("ScheduledActions") or ():
        await r.do("application-autoscaling", "PutScheduledAction", **one, **parts(r.physical))
    return r.physical


async def again(r: Resource) -> None:
    await register(r)


async def deregister(r: Resource) -> None:
    await r.do("application-autoscaling", "DeregisterScalableTarget", **parts(r.physical))


def of_policy(r: Resource) -> dict[str, Any]:
    given = {name: value for name, value in r.properties.items() if name != "ScalingTargetId"}
    return (parts(r.properties["ScalingTargetId"]) if "ScalingTargetId" in r.properties else {}) | given


async def put_policy(r: Resource) -> str:
    answer = await r.do("application-autoscaling", "PutScalingPolicy", **of_policy(r))
    r.attributes["Arn"] = answer["PolicyARN"]
    return str(answer["PolicyARN"])


async def put_again(r: Resource) -> None:
    await put_policy(r)


async def delete_policy(r: Resource) -> None:
    given = of_policy(r)
    await r.do("application-autoscaling", "DeleteScalingPolicy", **{name: given[name] for name in ("PolicyName", "ResourceId", "ScalableDimension", "ServiceNamespace")})


TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Type(create=register, update=again, delete=deregister, gone=("ObjectNotFoundException",)),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Type(create=put_policy, update=put_again, delete=delete_policy, gone=("ObjectNotFoundException",)),
}
