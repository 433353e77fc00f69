"""Container instances: EC2 instances whose agent has registered them with a cluster, what they have, and how they are drained."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.kernel.pages import page
from cloche.languages import cluster_query
from cloche.services.ec2 import public as ec2

from . import clusters, errors, names
from . import service as ecs
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

AGENT, AGENT_HASH, DOCKER = "1.86.3", "a4a7f2ad", "DockerVersion: 25.0.6"
PORTS = (22, 2375, 2376, 51678, 51679)
CAPABILITIES = (
    *(f"com.amazonaws.ecs.capability.docker-remote-api.1.{n}" for n in range(17, 45)), "com.amazonaws.ecs.capability.ecr-auth", "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host", "com.amazonaws.ecs.capability.privileged-container", "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.json-file", "com.amazonaws.ecs.capability.logging-driver.none", "ecs.capability.task-eni", "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull", "ecs.capability.container-health-check", "ecs.capability.container-ordering", "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables", "ecs.capability.efs", "ecs.capability.efsAuth", "ecs.capability.task-cpu-mem-limit", "ecs.capability.docker-plugin.local",
    "ecs.capability.execute-command")


class Instance(Record, frozen=True):
    kind = "ecs.instance"

    id: str
    cluster: str
    ec2: str
    zone: str
    registered: float
    cpu: int                                   # units that it has
    memory: int                                # MiB
    interfaces: int                            # for tasks
    attributes: dict[str, dict[str, str]] = {}
    status: str = "ACTIVE"
    connected: bool = True
    agent: str = AGENT
    agent_hash: str = AGENT_HASH
    docker: str = DOCKER
    provider: str = ""
    reserved_ports: tuple[int, ...] = PORTS
    tags: dict[str, str] = {}
    version: int = 1

    @property
    def key(self) -> str:
        return self.id


def arn_of(call: Call, one: Instance) -> str:
    return names.arn(call, "container-instance", one.cluster, one.id)


def find(call: Call, cluster: str, given: str) -> Instance | None:
    one = call.get(Instance, names.last(given))
    return one if one is not None and one.cluster == cluster else None


def put(call: Call, one: Instance) -> Instance:
    before = call.get(Instance, one.id)
    if before == one:
        return one
    one = call.put(one.but(version=one.version + 1) if before else one)
    detail = shown(call, one)
    detail |= {"registeredAt": _moment(one.registered), "updatedAt": _moment(call.now)}
    detail.pop("tags", None)
    call.emit(AwsEvent("aws.ecs", "ECS Container Instance State Change", detail, [arn_of(call, one)]))
    call.signal(f"ecs.instance.{one.id}")
    return one


def _moment(seconds: float) -> str:
    from . import tasks
    return tasks.moment(seconds)


def resources(cpu: int, memory: int, ports: Any) -> list[dict[str, Any]]:
    return [{"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": cpu}, {"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": memory},
            {"name": "PORTS", "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0, "stringSetValue": [str(port) for port in sorted({n for n, p in ports if p == "tcp"})]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0, "stringSetValue": [str(port) for port in sorted({n for n, p in ports if p == "udp"})]}]


def shown(call: Call, one: Instance, include: Any = ()) -> Any:
    from . import placement
    cpu, memory, ports, _ = placement.left(call, one)
    there = index(call).tasks_on(one.id)
    out: dict[str, Any] = {
        "containerInstanceArn": arn_of(call, one), "ec2InstanceId": one.ec2, "version": one.version, "status": one.status, "agentConnected": one.connected, "registeredAt": one.registered,
        "versionInfo": {"agentVersion": one.agent, "agentHash": one.agent_hash, "dockerVersion": one.docker}, "attachments": [], "tags": names.shown_tags(one.tags) if "TAGS" in (include or ()) else [],
        "registeredResources": resources(one.cpu, one.memory, {(port, "tcp") for port in one.reserved_ports}), "remainingResources": resources(cpu, memory, ports),
        "runningTasksCount": sum(task.status == "RUNNING" for task in there), "pendingTasksCount": sum(task.status in ("PROVISIONING", "PENDING", "ACTIVATING") for task in there),
        "attributes": [{"name": name, **value} for name, value in sorted(one.attributes.items())]}
    if one.provider:
        out["capacityProviderName"] = one.provider
    if "CONTAINER_INSTANCE_HEALTH" in (include or ()):
        out["healthStatus"] = {"overallStatus": "OK" if one.connected else "IMPAIRED", "details": [{"type": "CONTAINER_RUNTIME", "status": "OK" if one.connected else "IMPAIRED"}]}
    return out


# -- coming and going -----------------------------------------------------------------------------------------------------

@ecs.op(names.on_cluster(), partly="the signature of the identity document is not looked at: the instance must be there")
def register_container_instance(call: Call, req: t.RegisterContainerInstanceRequest) -> t.RegisterContainerInstanceResponse:
    """What the agent does. Once more by the same instance: it is the same, connected again."""
    cluster = clusters.active(call, req.get("cluster"))
    try:
        document = json.loads(req.get("instanceIdentityDocument") or "")
        instance = ec2.instance(call, document["instanceId"])
    except (ValueError, KeyError, TypeError):
        raise errors.client("The instance identity document is not valid.") from None
    except AwsError as error:
        raise errors.client(error.message) from None
    kind = ec2.type_of(instance.type)
    figures = {one["name"]: one for one in req.get("totalResources") or ()}
    attributes = built_in(instance) | {one["name"]: {"value": one["value"]} if one.get("value") else {} for one in req.get("attributes") or ()}
    version = req.get("versionInfo") or {}
    there = next((one for one in index(call).instances_of(cluster.name) if one.ec2 == instance.id), None)
    one = put(call, Instance(
        there.id if there else call.id("", 32), cluster.name, instance.id, instance.zone, there.registered if there else call.now, figures.get("CPU", {}).get("integerValue") or kind.vcpus * 1024,
        figures.get("MEMORY", {}).get("integerValue") or usable(kind.mib), max(kind.interfaces - 1, 0), attributes, there.status if there else "ACTIVE", True, version.get("agentVersion", AGENT),
        version.get("agentHash", AGENT_HASH), version.get("dockerVersion", DOCKER), provider_of(call, cluster, instance), tags=names.tags_of(req.get("tags")), version=there.version if there else 1))
    capacity_changed(call, cluster.name)
    return {"containerInstance": shown(call, one, ["TAGS"])}


def usable(mib: int) -> int:
    """What the agent finds: some of a machine's memory is the system's."""
    return mib - max(100, mib * 3 // 100)


def built_in(instance: Any) -> dict[str, dict[str, str]]:
    said = {"ecs.ami-id": instance.image, "ecs.availability-zone": instance.zone, "ecs.instance-type": instance.type, "ecs.os-type": "linux", "ecs.os-family": "LINUX",
            "ecs.cpu-architecture": instance.architecture, "ecs.vpc-id": instance.vpc, "ecs.subnet-id": instance.subnet}
    return {name: {"value": value} for name, value in said.items() if value} | {name: {} for name in CAPABILITIES}


def provider_of(call: Call, cluster: Any, instance: Any) -> str:
    """The capacity provider whose group launched it."""
    from .capacity_providers import Provider
    group = ec2.tags_of(call, instance.id).get("aws:autoscaling:groupName")
    return next((name for name in cluster.providers if group and (one := call.get(Provider, name)) and one.group == group), "")


def capacity_changed(call: Call, cluster: str) -> None:
    """Tasks that wait may be placed now; services may have more to do."""
    from . import capacity_providers, scheduler
    capacity_providers.followed(call)
    for one in index(call).services_of(cluster):
        if one.status == "ACTIVE" and one.launch != "FARGATE":
            call.wake(scheduler.reconcile, one.key)


@ecs.op(names.on_cluster())
def deregister_container_instance(call: Call, req: t.DeregisterContainerInstanceRequest) -> t.DeregisterContainerInstanceResponse:
    cluster = clusters.find(call, req.get("cluster"))
    one = find(call, cluster.name, req["containerInstance"])
    if one is None or one.status == "INACTIVE":
        raise errors.parameter("The referenced container instance was not found.")
    running = [task for task in index(call).tasks_on(one.id) if task.status != "STOPPED"]
    if running and not req.get("force"):
        raise errors.parameter("Found running tasks on the instance.")
    one = gone(call, one, "The container instance was deregistered.", end=False)
    return {"containerInstance": shown(call, one)}


def gone(call: Call, one: Instance, why: str, end: bool = True) -> Instance:
    """It is a cluster's no more. Its tasks end with its machine; those of one that was deregistered run on, nobody's."""
    from . import tasks
    there = index(call).tasks_on(one.id)
    one = put(call, one.but(status="INACTIVE", connected=False))
    for task in there:
        if task.status != "STOPPED" and (end or task.service):
            tasks.stop(call, task, "TerminationNotice" if end else "ServiceSchedulerInitiated", why)
    call.after(3600, instance_forgotten, one.id, id=one.id)
    capacity_changed(call, one.cluster)
    return one


@ecs.timer
def instance_forgotten(call: Call, id: str) -> None:
    if one := call.get(Instance, id):
        call.delete(one)


# -- described ------------------------------------------------------------------------------------------------------------

@ecs.op(names.on_instances, context=names.in_cluster)
def describe_container_instances(call: Call, req: t.DescribeContainerInstancesRequest) -> t.DescribeContainerInstancesResponse:
    cluster = clusters.find(call, req.get("cluster"))
    if not req["containerInstances"]:
        raise errors.parameter("Container instances cannot be empty.")
    out: Any = {"containerInstances": [], "failures": []}
    for given in req["containerInstances"]:
        one = find(call, cluster.name, given)
        if one is None:
            out["failures"].append({"arn": given if given.startswith("arn:") else names.arn(call, "container-instance", cluster.name, given), "reason": "MISSING"})
        else:
            out["containerInstances"].append(shown(call, one, req.get("include")))
    return out  # type: ignore[no-any-return]


@ecs.op(names.on_cluster())
def list_container_instances(call: Call, req: t.ListContainerInstancesRequest) -> t.ListContainerInstancesResponse:
    from . import placement
    cluster = clusters.find(call, req.get("cluster"))
    found = list(index(call).instances_of(cluster.name))
    if status := req.get("status"):
        found = [one for one in found if one.status == status]
    if text := req.get("filter"):
        try:
            test = cluster_query.parse(text)
        except cluster_query.Invalid as error:
            raise errors.parameter(f"Invalid expression: {error}") from None
        found = [one for one in found if test(placement.facts(call, one))]
    part, more = page(sorted(arn_of(call, one) for one in found), req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"containerInstanceArns": part, **more}  # type: ignore[typeddict-item]


@ecs.op(names.on_instances, context=names.in_cluster)
def update_container_instances_state(call: Call, req: t.UpdateContainerInstancesStateRequest) -> t.UpdateContainerInstancesStateResponse:
    """DRAINING: nothing new is placed there, services replace what runs there, other tasks finish."""
    cluster = clusters.active(call, req.get("cluster"))
    if req["status"] not in ("ACTIVE", "DRAINING"):
        raise errors.parameter("Container instance status should be one of [ACTIVE, DRAINING].")
    if not 1 <= len(req["containerInstances"]) <= 10:
        raise errors.parameter("Between 1 and 10 container instances must be named.")
    out: Any = {"containerInstances": [], "failures": []}
    for given in req["containerInstances"]:
        one = find(call, cluster.name, given)
        if one is None:
            out["failures"].append({"arn": given, "reason": "MISSING"})
        elif one.status == "INACTIVE":
            out["failures"].append({"arn": arn_of(call, one), "reason": "INACTIVE"})
        else:
            out["containerInstances"].append(shown(call, put(call, one.but(status=req["status"]))))
    capacity_changed(call, cluster.name)
    return out  # type: ignore[no-any-return]


@ecs.op(names.on_instance, context=names.in_cluster)
def update_container_agent(call: Call, req: t.UpdateContainerAgentRequest) -> t.UpdateContainerAgentResponse:
    cluster = clusters.active(call, req.get("cluster"))
    one = find(call, cluster.name, req["containerInstance"])
    if one is None:
        raise errors.parameter("The referenced container instance was not found.")
    raise AwsError("NoUpdateAvailableException", "There is no update available for your container agent.")
