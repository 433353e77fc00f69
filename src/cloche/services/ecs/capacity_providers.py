"""Capacity providers: Fargate's two, and Auto Scaling groups that ECS sizes to what its tasks need (managed scaling).

A task that finds no instance of its provider's waits in PROVISIONING. Every look counts M, the instances that are wanted, against N, those that are there, tells
CapacityProviderReservation = M / N x 100, and sets the group's desired capacity so that it comes to the target.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.services.cloudwatch import public as cloudwatch
from cloche.services.iam import public as iam

from . import clusters, errors, names
from . import service as ecs
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

LOOK_SECONDS, IN_SECONDS = 60.0, 900.0
SCALING = {"status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1, "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300}


class Provider(Record, frozen=True):
    kind = "ecs.provider"

    name: str
    group: str
    group_arn: str
    scaling: dict[str, Any]
    protection: str = "DISABLED"
    draining: str = "ENABLED"
    status: str = "ACTIVE"
    update: str = ""
    tags: dict[str, str] = {}
    idle: float = 0                  # since when less is wanted than there is

    @property
    def key(self) -> str:
        return self.name


def in_use(name: str) -> AwsError:
    return AwsError("ResourceInUseException", f"The specified capacity provider is in use and cannot be removed: {name}")


def arn_of(call: Call, name: str) -> str:
    return names.arn(call, "capacity-provider", name)


def name_of(call: Call, given: str) -> str:
    name = names.last(given)
    if name not in clusters.FARGATE and ((one := call.get(Provider, name)) is None or one.status != "ACTIVE"):
        raise errors.no_provider()
    return name


def shown(call: Call, name: str, include: Any = ()) -> Any:
    if name in clusters.FARGATE:
        return {"capacityProviderArn": arn_of(call, name), "name": name, "status": "ACTIVE", "type": name, "tags": []}
    one = call.get(Provider, name)
    assert one is not None
    out = {"capacityProviderArn": arn_of(call, name), "name": name, "status": one.status, "type": "EC2_AUTOSCALING", "tags": names.shown_tags(one.tags) if "TAGS" in (include or ()) else [],
           "autoScalingGroupProvider": {"autoScalingGroupArn": one.group_arn, "managedScaling": one.scaling, "managedTerminationProtection": one.protection, "managedDraining": one.draining}}
    return out | ({"updateStatus": one.update} if one.update else {})


def _scaling(given: Any, before: dict[str, Any]) -> dict[str, Any]:
    out = before | {key: value for key, value in (given or {}).items()}
    if not 1 <= out["targetCapacity"] <= 100:
        raise errors.client("The managed scaling targetCapacity must be between 1 and 100.")
    if not 1 <= out["minimumScalingStepSize"] <= out["maximumScalingStepSize"] <= 10000:
        raise errors.client("The managed scaling minimumScalingStepSize must not be above the maximumScalingStepSize.")
    return out


def _on(call: Call, req: Any) -> str:
    return arn_of(call, names.last(req.get("name") or req.get("capacityProvider") or "*"))


@ecs.op(_on, partly="managed instances (managedInstancesProvider) are not built")
def create_capacity_provider(call: Call, req: t.CreateCapacityProviderRequest) -> t.CreateCapacityProviderResponse:
    name = req["name"]
    if req.get("managedInstancesProvider"):
        raise errors.not_built("managed instances")
    if not names.NAME.fullmatch(name) or name.lower().startswith(("aws", "ecs", "fargate")):
        raise errors.client("The specified capacity provider name is invalid. Up to 255 characters are allowed. It may contain letters (uppercase and lowercase), numbers, underscores (_), and hyphens (-). "
                            "The name can't be prefixed with \"aws\", \"ecs\", or \"fargate\".")
    if call.get(Provider, name):
        raise errors.provider_exists(name)
    given = req.get("autoScalingGroupProvider")
    if not given:
        raise errors.client("An autoScalingGroupProvider must be specified.")
    group = group_of(call, given["autoScalingGroupArn"])
    if any(one.group == group["AutoScalingGroupName"] for one in call.all(Provider)):
        raise errors.client("The specified Auto Scaling group is already used by a capacity provider. Specify another and try again.")
    scaling = _scaling(given.get("managedScaling"), SCALING)
    protection = given.get("managedTerminationProtection") or "DISABLED"
    if protection == "ENABLED" and scaling["status"] != "ENABLED":
        raise errors.client("The managed termination protection setting for the capacity provider is invalid. To enable managed termination protection for a capacity provider, managed scaling must be enabled.")
    if protection == "ENABLED" and not group.get("NewInstancesProtectedFromScaleIn"):
        raise errors.client("The managed termination protection setting for the capacity provider is invalid. To enable managed termination protection for a capacity provider, the Auto Scaling group must have "
                            "instance protection from scale in enabled.")
    iam.ensure_linked(call, "ecs.amazonaws.com")
    one = call.put(Provider(name, group["AutoScalingGroupName"], group["AutoScalingGroupARN"], scaling, protection, given.get("managedDraining") or "ENABLED", tags=names.tags_of(req.get("tags"))))
    return {"capacityProvider": shown(call, one.name, ["TAGS"])}


def group_of(call: Call, given: str) -> Any:
    name = given.rpartition("autoScalingGroupName/")[2]
    found = linked(call).do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        raise errors.client(f"The specified Auto Scaling group ARN is not valid or does not exist: {given}")
    return found[0]


def linked(call: Call) -> Call:
    """ECS under its service-linked role."""
    role = iam.ensure_linked(call, "ecs.amazonaws.com")
    return call.as_role(call.arn(f"role{role.path}{role.name}", service="iam", region=""), "ecs-managed-scaling", "ecs.amazonaws.com")


@ecs.op(ANY)
def describe_capacity_providers(call: Call, req: t.DescribeCapacityProvidersRequest) -> t.DescribeCapacityProvidersResponse:
    wanted = req.get("capacityProviders")
    out: Any = {"capacityProviders": [], "failures": []}
    everything = [*clusters.FARGATE, *sorted(one.name for one in call.all(Provider))]
    if wanted:
        for given in wanted:
            name = names.last(given)
            if name in everything:
                out["capacityProviders"].append(shown(call, name, req.get("include")))
            else:
                out["failures"].append({"arn": arn_of(call, name), "reason": "MISSING"})
        return out  # type: ignore[no-any-return]
    part, more = page(everything, req, str, 10 if req.get("maxResults") else 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"capacityProviders": [shown(call, name, req.get("include")) for name in part], "failures": [], **more}  # type: ignore[typeddict-item]


@ecs.op(_on)
def update_capacity_provider(call: Call, req: t.UpdateCapacityProviderRequest) -> t.UpdateCapacityProviderResponse:
    one = call.get(Provider, req["name"])
    if one is None:
        raise errors.no_provider()
    given = req.get("autoScalingGroupProvider") or {}
    one = call.put(one.but(scaling=_scaling(given.get("managedScaling"), one.scaling), protection=given.get("managedTerminationProtection") or one.protection,
                           draining=given.get("managedDraining") or one.draining, update="UPDATE_COMPLETE"))
    followed(call)
    return {"capacityProvider": shown(call, one.name)}


@ecs.op(_on)
def delete_capacity_provider(call: Call, req: t.DeleteCapacityProviderRequest) -> t.DeleteCapacityProviderResponse:
    name = names.last(req["capacityProvider"])
    if name in clusters.FARGATE:
        raise errors.client("The specified capacity provider is reserved and cannot be deleted.")
    one = call.get(Provider, name)
    if one is None:
        raise errors.no_provider()
    if any(name in each.providers for each in call.all(clusters.Cluster) if each.status == "ACTIVE"):
        raise in_use(name)
    answer = shown(call, name) | {"status": "INACTIVE", "updateStatus": "DELETE_COMPLETE"}
    call.delete(one)
    return {"capacityProvider": answer}


# -- managed scaling --------------------------------------------------------------------------------------------------------

def followed(call: Call) -> None:
    """Something has changed that a provider may have to answer."""
    if call.all(Provider):
        call.wake(scale, "")


@ecs.timer
def look_at_capacity(call: Call) -> None:
    call.wake(scale, "")


@ecs.worker
async def scale(call: Call, key: str) -> None:
    with call.step():
        again = False
        for cluster in call.all(clusters.Cluster):
            for name in cluster.providers:
                one = call.get(Provider, name)
                if one is not None:
                    place_waiting(call, cluster.name, one)
                    again = _sized(call, cluster.name, one) or again
        if again:
            call.again(LOOK_SECONDS, look_at_capacity, "all")


def waiting(call: Call, cluster: str, provider: str) -> list[Any]:
    return sorted((task for task in index(call).tasks_of(cluster) if task.status == "PROVISIONING" and task.desired == "RUNNING" and task.launch == "EC2" and not task.instance and task.provider == provider),
                  key=lambda task: task.created)


def place_waiting(call: Call, cluster: str, one: Provider) -> None:
    from . import launch, placement, running, tasks
    from .definitions import Definition
    for task in waiting(call, cluster, one.name):
        definition = call.get(Definition, task.definition)
        if definition is None:
            continue
        plan = launch.Plan(cluster=cluster, definition=task.definition, group=task.group, constraints=task.constraints, placement=task.strategy)
        chosen, _ = placement.choose(call, plan, definition, one.name)
        if chosen is not None:
            tasks.put(call, task.but(instance=chosen.id, zone=chosen.zone, status="PROVISIONING" if definition.network == "awsvpc" else "PENDING"))
            call.wake(running.carry, task.id)


def _sized(call: Call, cluster: str, one: Provider) -> bool:
    """Whether it is to be looked at again."""
    if one.scaling["status"] != "ENABLED":
        return False
    from . import placement
    from .definitions import Definition
    instances = [each for each in index(call).instances_of(cluster) if each.provider == one.name and each.status == "ACTIVE"]
    busy = [each for each in instances if any(task.status != "STOPPED" for task in index(call).tasks_on(each.id))]
    queue = waiting(call, cluster, one.name)
    extra = 0
    if queue:
        figures = [placement.takes(definition)[:2] for task in queue if (definition := call.get(Definition, task.definition))]
        room = instances[0] if instances else None
        cpu, memory = (room.cpu, room.memory) if room else (2048, 3800)
        extra = max(-(-sum(f[0] for f in figures) // max(cpu, 1)), -(-sum(f[1] for f in figures) // max(memory, 1)), 1)
    n, m = len(instances), len(busy) + extra
    reservation = 100.0 if n == m == 0 else 200.0 if n == 0 else m / n * 100
    cloudwatch.put(call, "AWS/ECS/ManagedScaling", "CapacityProviderReservation", (("CapacityProviderName", one.name), ("ClusterName", cluster)), reservation, "None")
    try:
        group = group_of(call, one.group_arn)
    except AwsError:
        return False
    wanted = min(max(-(-m * 100 // one.scaling["targetCapacity"]), group["MinSize"]), group["MaxSize"])
    there = group["DesiredCapacity"]
    if wanted > there:   # AWS's scaling plan does it, which the linked role's policy does not name: nobody is asked
        step = min(max(wanted - there, one.scaling["minimumScalingStepSize"]), one.scaling["maximumScalingStepSize"])
        call.as_root().do("autoscaling", "SetDesiredCapacity", AutoScalingGroupName=one.group, DesiredCapacity=min(there + step, group["MaxSize"]))
    elif wanted < there and not queue:
        if not one.idle:
            call.put(one.but(idle=call.now))
        elif call.now - one.idle >= IN_SECONDS:
            call.as_root().do("autoscaling", "SetDesiredCapacity", AutoScalingGroupName=one.group, DesiredCapacity=max(there - one.scaling["maximumScalingStepSize"], wanted))
        return True
    if one.idle and wanted >= there:
        call.put(one.but(idle=0.0))
    return bool(queue or instances)
