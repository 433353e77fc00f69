"""ECS's door: running a task for a rule or a schedule, and talking with a container for a session."""
from __future__ import annotations

import json
from typing import Any

from cloche.engines.world import WorldError, containers
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from .clusters import Cluster
from .pods import pods

MEMBERS = {"TaskCount": "count", "LaunchType": "launchType", "PlatformVersion": "platformVersion", "Group": "group", "EnableECSManagedTags": "enableECSManagedTags", "ReferenceId": "referenceId",
           "EnableExecuteCommand": "enableExecuteCommand", "PropagateTags": "propagateTags"}


def lower(value: Any) -> Any:
    """EventBridge's AssignPublicIp is ECS's assignPublicIp, all the way down."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: lower(each) for name, each in value.items()}
    return [lower(each) for each in value] if isinstance(value, list) else value


def run(role: Call, cluster_arn: str, settings: Any, text: str, started_by: str) -> None:
    """RunTask as a target says it; the target's input are the overrides. What cannot be placed has failed."""
    there = role.of("ecs", region=cluster_arn.split(":")[3])
    about: dict[str, Any] = {member: settings[name] for name, member in MEMBERS.items() if settings.get(name) is not None}
    for name in ("CapacityProviderStrategy", "PlacementConstraints", "PlacementStrategy"):
        if settings.get(name):
            about[name[:1].lower() + name[1:]] = lower(settings[name])
    if network := settings.get("NetworkConfiguration"):
        about["networkConfiguration"] = {"awsvpcConfiguration": lower(network.get("awsvpcConfiguration") or network.get("AwsvpcConfiguration"))}
    if settings.get("Tags"):
        about["tags"] = [{"key": one.get("Key") or one.get("key"), "value": one.get("Value") or one.get("value", "")} for one in settings["Tags"]]
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if isinstance(said, dict) and (over := {name: said[name] for name in ("containerOverrides", "cpu", "memory", "taskRoleArn", "executionRoleArn", "ephemeralStorage") if name in said}):
        about["overrides"] = over
    answer = there.do("ecs", "RunTask", cluster=cluster_arn, taskDefinition=settings["TaskDefinitionArn"], startedBy=started_by[:128], **about)
    if answer["failures"]:
        raise AwsError("ThrottlingException", f"The task could not be placed: {answer['failures'][0]['reason']}")


async def talk(call: Call, target: str, argv: list[str], *, terminal: bool, environment: dict[str, str]) -> Any:
    """A command in a container that one talks with: `ecs:CLUSTER_TASK_RUNTIMEID`. Raises ec2's MachineError."""
    runtime = target.rpartition("_")[2]
    held = ec2.running_world(call)
    for pod in pods(call).values():
        for live in pod.lives.values():
            if live.runtime == runtime and live.state == "running" and held is not None:
                try:
                    return await containers.talk(held, live.machine, argv, containers.Person(directory=live.person.directory), terminal, environment)
                except WorldError as error:
                    raise ec2.MachineError(str(error)) from None
    raise ec2.MachineError("The container does not run.")


def keeps_role(call: Call) -> list[str]:
    """What keeps the service-linked role from being deleted: clusters."""
    return [one.name for one in call.of("ecs").all(Cluster) if one.status == "ACTIVE"]
