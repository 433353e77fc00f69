"""Launching tasks: what RunTask, StartTask and the services' scheduler have in common. `plan` checks and changes nothing, `begin` makes the tasks."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import checks, clusters, definitions, errors, names, placement, running, tasks
from . import service as ecs
from .clusters import Cluster
from .definitions import Definition
from .index import index
from .tasks import Task

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

MOST = 10
PLATFORM = "1.4.0"
PLATFORMS = ("LATEST", "1.4.0", "1.3.0")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all tasks of a launch."""
    cluster: str
    definition: str
    launch: str = ""
    strategy: tuple[dict[str, Any], ...] = ()         # of capacity providers; "" launch then
    network: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    group: str = ""
    started_by: str = ""
    exec: bool = False
    tags: dict[str, str] = {}
    platform: str = ""
    constraints: tuple[dict[str, Any], ...] = ()
    placement: tuple[dict[str, Any], ...] = ()
    service: str = ""
    deployment: str = ""


# -- checks ---------------------------------------------------------------------------------------------------------------

def kind_of(call: Call, cluster: Cluster, req: Any) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Launch type, or a strategy of capacity providers."""
    if req.get("launchType") and req.get("capacityProviderStrategy"):
        raise errors.both_launch_and_strategy()
    if req.get("launchType"):
        return req["launchType"], ()
    if given := req.get("capacityProviderStrategy"):
        from . import capacity_providers
        for one in given:
            capacity_providers.name_of(call, one["capacityProvider"])
        return "", clusters.strategy_of(call, given, cluster.providers)
    return ("", cluster.strategy) if cluster.strategy else ("EC2", ())


def fargate(launch: str, strategy: Any) -> bool:
    return launch == "FARGATE" or (bool(strategy) and strategy[0]["capacityProvider"] in clusters.FARGATE)


def check(call: Call, definition: Definition, launch: str, strategy: Any, network: Any, platform: str) -> dict[str, Any]:
    """Whether the definition runs so, and the network it is to have."""
    if launch == "MANAGED_INSTANCES":
        raise errors.not_built("managed instances")
    on_fargate = fargate(launch, strategy)
    wanted = "FARGATE" if on_fargate else launch or "EC2"
    if wanted not in definition.document["compatibilities"] or wanted not in (definition.document.get("requiresCompatibilities") or [wanted]):
        raise errors.not_compatible(wanted)
    if platform and platform not in PLATFORMS:
        raise errors.parameter(f"The specified platform version does not exist: {platform}") if on_fargate else errors.parameter("The platform version must be null when specifying an EC2 launch type.")
    if platform and not on_fargate:
        raise errors.parameter("The platform version must be null when specifying an EC2 launch type.")
    given = (network or {}).get("awsvpcConfiguration")
    if definition.network != "awsvpc":
        if given:
            raise errors.network_not_wanted()
        return {}
    if not given:
        raise errors.no_network()
    return vpc(call, given, on_fargate)


def vpc(call: Call, given: Any, on_fargate: bool) -> dict[str, Any]:
    subnets, groups = given["subnets"], given.get("securityGroups") or []
    if not subnets:
        raise errors.parameter("subnets can not be empty.")
    if len(subnets) > 16:
        raise errors.parameter("subnets can have at most 16 items.")
    if len(groups) > 5:
        raise errors.parameter("securityGroups can have at most 5 items.")
    if given.get("assignPublicIp") == "ENABLED" and not on_fargate:
        raise errors.parameter("Assign public IP is not supported for this launch type.")
    try:
        vpcs = {ec2.subnet(call, one).vpc_id for one in subnets}
    except AwsError as error:
        raise errors.parameter(f"Error retrieving subnet information for {list(subnets)}: {error.message} (ErrorCode: {error.code})") from None
    if len(vpcs) > 1:
        raise errors.parameter("The subnets must all be in the same VPC.")
    try:
        theirs = {ec2.group(call, one).vpc_id for one in groups}
    except AwsError as error:
        raise errors.parameter(f"Error retrieving security group information for {list(groups)}: {error.message} (ErrorCode: {error.code})") from None
    if theirs - vpcs:
        raise errors.parameter("The security groups and the subnets must be in the same VPC.")
    return {"subnets": list(subnets), "securityGroups": list(groups), "assignPublicIp": given.get("assignPublicIp", "DISABLED")}


def overrides_of(call: Call, definition: Definition, given: Any, on_fargate: bool) -> dict[str, Any]:
    out = dict(given or {})
    known = [one["name"] for one in definition.containers]
    for one in out.get("containerOverrides") or ():
        if one.get("name") not in known:
            raise errors.parameter(f"Override for container named {one.get('name')} is not a container in the TaskDefinition.")
    for what in ("cpu", "memory"):
        if out.get(what):
            out[what] = checks.units(out[what], what)
    cpu, memory = (out.get(what) or definition.document.get(what) or "" for what in ("cpu", "memory"))
    if on_fargate and (out.get("cpu") or out.get("memory")) and int(memory or 0) not in checks.FARGATE.get(int(cpu or 0), ()):
        raise errors.not_fargate_pair(cpu, memory)
    for role in ("taskRoleArn", "executionRoleArn"):
        if arn := out.get(role):
            call.pass_role(arn, "ecs-tasks.amazonaws.com")
    return out


def pass_roles(call: Call, definition: Definition, overrides: Any) -> None:
    for role in ("taskRoleArn", "executionRoleArn"):
        if (arn := definition.document.get(role)) and not (overrides or {}).get(role):
            call.pass_role(arn, "ecs-tasks.amazonaws.com")


def count_of(req: Any) -> int:
    count = req.get("count", 1)
    if not 1 <= count <= MOST:
        raise errors.parameter(f"Count must be between 1 and {MOST}." if count else "count must be greater than 0")
    return int(count)


def group_of(definition: Definition, req: Any) -> str:
    group = req.get("group") or f"family:{definition.family}"
    if len(group) > 255:
        raise errors.parameter("Task group names must be at most 255 characters.")
    if (req.get("group") or "").startswith("service:"):
        raise errors.parameter("Invalid namespace for group.")
    return group


def needs(call: Call, req: Any) -> str:
    found = definitions.find(call, req["taskDefinition"])
    return definitions.arn_of(call, found.key if found else names.last(req["taskDefinition"]))


def context(call: Call, req: Any) -> dict[str, Any]:
    return names.in_cluster(call, req) | {f"aws:RequestTag/{k}": v for k, v in names.tags_of(req.get("tags")).items()} | {"ecs:enable-execute-command": str(bool(req.get("enableExecuteCommand"))).lower()}


# -- operations -----------------------------------------------------------------------------------------------------------

@ecs.op(needs, context=context, partly="EBS volumes at launch, GPUs and Windows are not built; a task's pull goes through Cloche, not through the task's own network")
def run_task(call: Call, req: t.RunTaskRequest) -> t.RunTaskResponse:
    cluster = clusters.active(call, req.get("cluster"))
    definition = definitions.to_run(call, req["taskDefinition"])
    count = count_of(req)
    if req.get("volumeConfigurations"):
        raise errors.not_built("EBS volumes of tasks")
    launch, strategy = kind_of(call, cluster, req)
    on_fargate = fargate(launch, strategy)
    network = check(call, definition, launch, strategy, req.get("networkConfiguration"), req.get("platformVersion") or "")
    if len(req.get("startedBy") or "") > 128:
        raise errors.parameter("startedBy can have at most 128 characters.")
    plan = Plan(
        cluster=cluster.name, definition=definition.key, launch=launch, strategy=strategy, network=network, overrides=overrides_of(call, definition, req.get("overrides"), on_fargate),
        group=group_of(definition, req), started_by=req.get("startedBy") or "", exec=bool(req.get("enableExecuteCommand")), tags=tags_of(call, definition, req),
        platform=req.get("platformVersion") or "", constraints=placement.constraints(req.get("placementConstraints"), definition), placement=placement.strategies(req.get("placementStrategy"), on_fargate))
    pass_roles(call, definition, req.get("overrides"))
    if token := req.get("clientToken"):
        from . import tokens
        if (again := tokens.seen(call, "RunTask", token)) is not None:
            return {"tasks": [tasks.shown(call, one) for id_ in again if (one := call.get(Task, id_))], "failures": []}
    if not strategy and launch == "EC2" and not index(call).instances_of(cluster.name):
        raise errors.no_instances()
    made, failures = begin(call, plan, count)
    if token:
        tokens.keep(call, "RunTask", token, [one.id for one in made])
    return {"tasks": [tasks.shown(call, one, True) for one in made], "failures": failures}


@ecs.op(needs, context=context)
def start_task(call: Call, req: t.StartTaskRequest) -> t.StartTaskResponse:
    """On instances that the caller names."""
    cluster = clusters.active(call, req.get("cluster"))
    definition = definitions.to_run(call, req["taskDefinition"])
    if not 1 <= len(req["containerInstances"]) <= MOST:
        raise errors.parameter(f"Between 1 and {MOST} container instances must be named.")
    network = check(call, definition, "EC2", (), req.get("networkConfiguration"), "")
    plan = Plan(cluster=cluster.name, definition=definition.key, launch="EC2", network=network, overrides=overrides_of(call, definition, req.get("overrides"), False),
                group=group_of(definition, req), started_by=req.get("startedBy") or "", exec=bool(req.get("enableExecuteCommand")), tags=tags_of(call, definition, req),
                constraints=placement.constraints((), definition))
    pass_roles(call, definition, req.get("overrides"))
    made, failures = [], []
    from .container_instances import Instance
    for given in req["containerInstances"]:
        one = call.get(Instance, names.last(given))
        if one is None or one.cluster != cluster.name or one.status == "INACTIVE":
            failures.append({"arn": given, "reason": "MISSING"})
            continue
        why = placement.refuses(call, one, definition, plan)
        if why:
            failures.append({"arn": names.arn(call, "container-instance", cluster.name, one.id), "reason": why})
        else:
            made.append(make(call, plan, definition, one.id))
    return {"tasks": [tasks.shown(call, one, True) for one in made], "failures": failures}  # type: ignore[typeddict-item]


def tags_of(call: Call, definition: Definition, req: Any) -> dict[str, str]:
    out = dict(definition.tags) if req.get("propagateTags") == "TASK_DEFINITION" else {}
    out |= names.tags_of(req.get("tags"))
    if req.get("enableECSManagedTags"):
        out["aws:ecs:clusterName"] = names.cluster_name(req.get("cluster"))
    return out


# -- making them ----------------------------------------------------------------------------------------------------------

def begin(call: Call, plan: Plan, count: int) -> tuple[list[Task], list[Any]]:
    """So many tasks, each where the plan lets it be; and why for those that could not be placed."""
    definition = call.get(Definition, plan.definition)
    assert definition is not None
    made: list[Task] = []
    failures: list[Any] = []
    for _ in range(count):
        provider = next_provider(call, plan)
        launch = plan.launch or ("FARGATE" if provider in clusters.FARGATE else "EC2")
        if launch in ("FARGATE", "EXTERNAL"):
            made.append(make(call, plan, definition, "", launch, provider))
            continue
        chosen, why = placement.choose(call, plan, definition, provider)
        if chosen is not None:
            made.append(make(call, plan, definition, chosen.id, launch, provider))
        elif provider and not plan.constraints:
            made.append(make(call, plan, definition, "", launch, provider))     # it waits for the provider to bring an instance
        else:
            failures += why
            break
    return made, failures


def next_provider(call: Call, plan: Plan) -> str:
    """The base first, then by weight: whoever lags behind its share."""
    if not plan.strategy:
        return ""
    there = [one for one in index(call).tasks_of(plan.cluster) if one.desired == "RUNNING" and one.group == plan.group]
    counts = {one["capacityProvider"]: sum(task.provider == one["capacityProvider"] for task in there) for one in plan.strategy}
    for one in plan.strategy:
        if counts[one["capacityProvider"]] < one["base"]:
            return str(one["capacityProvider"])
    weighted = [one for one in plan.strategy if one["weight"]]
    return str(min(weighted, key=lambda one: ((counts[one["capacityProvider"]] - one["base"] + 1) / one["weight"], weighted.index(one)))["capacityProvider"])


def make(call: Call, plan: Plan, definition: Definition, instance: str, launch: str = "EC2", provider: str = "") -> Task:
    id_ = call.id("", 32)
    own = {one["name"]: one for one in plan.overrides.get("containerOverrides") or ()}
    containers = []
    for one in definition.containers:
        said = own.get(one["name"], {})
        shown: dict[str, Any] = {"arn": names.arn(call, "container", plan.cluster, id_, call.uuid()), "name": one["name"], "image": one["image"], "lastStatus": "PENDING", "networkInterfaces": [],
                                 "healthStatus": "UNKNOWN", "cpu": str(said.get("cpu", one["cpu"]))}
        for what in ("memory", "memoryReservation"):
            if value := said.get(what, one.get(what)):
                shown[what] = str(value)
        if plan.exec:
            shown["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]
        containers.append(shown)
    attachments: tuple[dict[str, Any], ...] = ()
    zone, subnet = "", ""
    if definition.network == "awsvpc":
        subnet = subnet_for(call, plan, instance)
        zone = ec2.subnet(call, subnet).zone
        attachments = ({"id": call.uuid(), "type": "ElasticNetworkInterface", "status": "PRECREATED", "details": [{"name": "subnetId", "value": subnet}]},)
    if instance:
        from .container_instances import Instance
        found = call.get(Instance, instance)
        zone = found.zone if found else zone
    storage = (plan.overrides.get("ephemeralStorage") or definition.document.get("ephemeralStorage") or {}).get("sizeInGiB", 0)
    waits = launch == "EC2" and not instance
    one = Task(
        id_, plan.cluster, definition.key, launch, call.now, plan.group, status="PENDING" if definition.network != "awsvpc" and not waits else "PROVISIONING", containers=tuple(containers),
        attachments=attachments, overrides=plan.overrides, started_by=plan.started_by, cpu=plan.overrides.get("cpu") or definition.document.get("cpu") or "",
        memory=plan.overrides.get("memory") or definition.document.get("memory") or "", platform=(plan.platform or PLATFORM).replace("LATEST", PLATFORM) if launch == "FARGATE" else "",
        provider=provider, instance=instance, zone=zone, subnet=subnet, groups=tuple(plan.network.get("securityGroups", ())), public=plan.network.get("assignPublicIp") == "ENABLED",
        service=plan.service, deployment=plan.deployment, exec=plan.exec, tags=plan.tags, constraints=plan.constraints, strategy=plan.placement, storage=storage)
    tasks.put(call, one)
    if waits:
        from . import capacity_providers
        capacity_providers.followed(call)
    else:
        call.wake(running.carry, one.id)
    return one


def subnet_for(call: Call, plan: Plan, instance: str) -> str:
    """Zones in turn; an instance's own zone where it is on one."""
    subnets = plan.network["subnets"]
    if instance:
        from .container_instances import Instance
        found = call.get(Instance, instance)
        mine = [one for one in subnets if found and ec2.subnet(call, one).zone == found.zone]
        return str((mine or subnets)[0])
    there = [one.subnet for one in index(call).tasks_of(plan.cluster) if one.group == plan.group and one.desired == "RUNNING"]
    return str(min(subnets, key=lambda one: (there.count(one), subnets.index(one))))
