"""Load balancers of services: a task is a target of each target group as long as it runs, by its address (awsvpc) or its instance and port."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import capacity_providers, errors
from .definitions import Definition

if TYPE_CHECKING:
    from .services import ServiceRecord
    from .tasks import Task


def checked(call: Call, definition: Definition | None, given: Any, controller: str) -> tuple[dict[str, Any], ...]:
    out = []
    if len(given or ()) > 5:
        raise errors.parameter("A service can have at most five target groups.")
    for one in given or ():
        if one.get("loadBalancerName"):
            raise errors.not_built("Classic Load Balancers of services")
        if one.get("advancedConfiguration"):
            raise errors.not_built("load balancers of blue/green deployments")
        arn = one.get("targetGroupArn")
        if not arn:
            raise errors.parameter("targetGroupArn must be specified.")
        group = _group(call, arn)
        if not group["LoadBalancerArns"]:
            raise errors.parameter(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")
        if definition is not None:
            container = next((each for each in definition.containers if each["name"] == one.get("containerName")), None)
            if container is None:
                raise errors.parameter(f"The container {one.get('containerName')} does not exist in the task definition.")
            if not any(port["containerPort"] == one.get("containerPort") for port in container["portMappings"]):
                raise errors.parameter(f"The container {one['containerName']} did not have a container port {one.get('containerPort')} defined.")
            wanted = "ip" if definition.network == "awsvpc" else "instance"
            if group["TargetType"] != wanted:
                raise errors.parameter(f"The provided target group {arn} has target type {group['TargetType']}, which is incompatible with the {definition.network} network mode specified in the task definition.")
        out.append({key: one[key] for key in ("targetGroupArn", "containerName", "containerPort") if key in one})
    return tuple(out)


def _group(call: Call, arn: str) -> Any:
    try:
        return capacity_providers.linked(call).do("elbv2", "DescribeTargetGroups", TargetGroupArns=[arn])["TargetGroups"][0]
    except AwsError as error:
        raise errors.parameter(f"Unable to assume role and validate the specified targetGroupArn. {error.message}") from None


def targets(call: Call, wanted: Any, task: Task) -> list[tuple[str, dict[str, Any]]]:
    """(target group, target) for each."""
    out = []
    for one in wanted:
        shown = next((each for each in task.containers if each["name"] == one["containerName"]), None)
        if shown is None:
            continue
        if task.interface:
            out.append((one["targetGroupArn"], {"Id": ec2.interface(call, task.interface).private, "Port": one["containerPort"]}))
        else:
            from .container_instances import Instance
            instance = call.get(Instance, task.instance)
            binding = next((each for each in shown.get("networkBindings", ()) if each["containerPort"] == one["containerPort"]), None)
            if instance and binding:
                out.append((one["targetGroupArn"], {"Id": instance.ec2, "Port": binding["hostPort"]}))
    return out


def register(call: Call, wanted: Any, task: Task) -> list[str]:
    """The groups it is in now."""
    done = []
    for group, target in targets(call, wanted, task):
        capacity_providers.linked(call).do("elbv2", "RegisterTargets", TargetGroupArn=group, Targets=[target])
        done.append(group)
    return done


def left(call: Call, task: Task) -> None:
    """A task that goes is no target any more."""
    from . import services
    one = services.find(call, task.cluster, task.service) if task.service else None
    if one is None or not task.watched:
        return
    for deployment in one.deployments:
        if deployment.id == task.deployment:
            deregister(call, deployment.balancers, task)


def deregister(call: Call, wanted: Any, task: Task) -> None:
    for group, target in targets(call, wanted, task):
        try:
            capacity_providers.linked(call).do("elbv2", "DeregisterTargets", TargetGroupArn=group, Targets=[target])
        except AwsError:
            pass  # the group is gone, or somebody took the target out


def states(call: Call, wanted: Any, task: Task) -> list[tuple[str, str]]:
    """(group, state) of the task in each of its groups."""
    out = []
    for group, target in targets(call, wanted, task):
        try:
            found = capacity_providers.linked(call).do("elbv2", "DescribeTargetHealth", TargetGroupArn=group, Targets=[target])["TargetHealthDescriptions"]
        except AwsError:
            found = []
        out.append((group, found[0]["TargetHealth"]["State"] if found else "unused"))
    return out


def used(one: ServiceRecord) -> bool:
    return any(each.balancers for each in one.deployments)
