"""Services: so many copies of a definition, kept running. What is wanted is here; `scheduler` makes it so."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record
from cloche.kernel.pages import page
from cloche.services.iam import public as iam

from . import balancers, clusters, definitions, errors, launch, names, placement, tokens
from . import service as ecs
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

EVENTS = 100
FORGOTTEN_SECONDS = 3600.0
SPREAD = ({"type": "spread", "field": "attribute:ecs.availability-zone"},)


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One definition on its way to be all of the service, or (a task set) a share of it."""
    id: str
    definition: str
    status: str = "PRIMARY"
    created: float = 0
    updated: float = 0
    launch: str = ""
    strategy: tuple[dict[str, Any], ...] = ()
    network: dict[str, Any] = {}
    platform: str = ""
    desired: int = 0
    rollout: str = "IN_PROGRESS"
    why: str = ""
    failed: int = 0                    # tasks of it that failed while it was on its way
    streak: int = 0                    # in a row
    retry: float = 0
    balancers: tuple[dict[str, Any], ...] = ()
    scale: float = 100.0               # percent, of a task set
    external: str = ""
    stable: float = 0
    tags: dict[str, str] = {}
    number: str = ""                   # of the service deployment and revision that it is
    finished: float = 0
    source: str = ""                   # the deployment before it
    breaker: bool = False              # it was ended by the circuit breaker
    asked: str = ""                    # STOP_REQUESTED, ROLLBACK_REQUESTED


class ServiceRecord(Record, frozen=True):
    kind = "ecs.service"

    cluster: str
    name: str
    created: float
    by: str
    desired: int
    status: str = "ACTIVE"
    definition: str = ""
    launch: str = ""
    strategy: tuple[dict[str, Any], ...] = ()
    network: dict[str, Any] = {}
    platform: str = ""
    configuration: dict[str, Any] = {}
    controller: str = "ECS"
    scheduling: str = "REPLICA"
    balancers: tuple[dict[str, Any], ...] = ()
    grace: int | None = None
    constraints: tuple[dict[str, Any], ...] = ()
    placement: tuple[dict[str, Any], ...] = ()
    deployments: tuple[Deployment, ...] = ()
    past: tuple[Deployment, ...] = ()          # of the last days, newest first
    events: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = {}
    propagate: str = "NONE"
    managed_tags: bool = False
    exec: bool = False
    rebalancing: str = "ENABLED"
    role: str = ""
    steady: bool = False

    @property
    def key(self) -> str:
        return f"{self.cluster}/{self.name}"

    @property
    def definitions(self) -> list[str]:
        return [one.definition for one in self.deployments]


def find(call: Call, cluster: str, given: str) -> ServiceRecord | None:
    return call.get(ServiceRecord, f"{cluster}/{names.service_name(given)}")


def existing(call: Call, cluster: str, given: str) -> ServiceRecord:
    one = find(call, cluster, given)
    if one is None:
        raise errors.no_service()
    return one


def active(call: Call, cluster: str, given: str) -> ServiceRecord:
    one = existing(call, cluster, given)
    if one.status != "ACTIVE":
        raise errors.inactive_service()
    return one


def arn_of(call: Call, one: ServiceRecord) -> str:
    return names.arn(call, "service", one.cluster, one.name)


def say(call: Call, one: ServiceRecord, text: str) -> ServiceRecord:
    """An event, the newest first."""
    return one.but(events=({"id": call.uuid(), "createdAt": call.now, "message": f"(service {one.name}) {text}"}, *one.events)[:EVENTS])


def counts(call: Call, one: ServiceRecord, deployment: str = "") -> tuple[int, int]:
    """Running and pending."""
    there = [task for task in index(call).tasks_of_service(one.cluster, one.name) if not deployment or task.deployment == deployment]
    return sum(task.status == "RUNNING" and task.desired == "RUNNING" for task in there), sum(task.status in ("PROVISIONING", "PENDING", "ACTIVATING") and task.desired == "RUNNING" for task in there)


def deployment_shown(call: Call, one: ServiceRecord, each: Deployment) -> Any:
    running, pending = counts(call, one, each.id)
    out: dict[str, Any] = {"id": each.id, "status": each.status, "taskDefinition": definitions.arn_of(call, each.definition), "desiredCount": each.desired, "pendingCount": pending, "runningCount": running,
                           "failedTasks": each.failed, "createdAt": each.created, "updatedAt": each.updated, "rolloutState": each.rollout, "rolloutStateReason": each.why}
    return out | _how(each)


def _how(each: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"launchType": each.launch} if each.launch else {"capacityProviderStrategy": list(each.strategy)} if each.strategy else {}
    if launch.fargate(each.launch, each.strategy):
        out |= {"platformVersion": each.platform or launch.PLATFORM, "platformFamily": "Linux"}
    if each.network:
        out["networkConfiguration"] = {"awsvpcConfiguration": each.network}
    return out


def shown(call: Call, one: ServiceRecord, tags: bool = False) -> Any:
    from . import task_sets
    running, pending = counts(call, one)
    out: dict[str, Any] = {
        "serviceArn": arn_of(call, one), "serviceName": one.name, "clusterArn": names.arn(call, "cluster", one.cluster), "loadBalancers": [dict(each) for each in one.balancers], "serviceRegistries": [],
        "status": one.status, "desiredCount": one.desired, "runningCount": running, "pendingCount": pending, "deploymentConfiguration": one.configuration,
        "deployments": [deployment_shown(call, one, each) for each in one.deployments] if one.controller == "ECS" else [], "events": [dict(each) for each in one.events],
        "createdAt": one.created, "createdBy": one.by, "placementConstraints": list(one.constraints), "placementStrategy": list(one.placement), "schedulingStrategy": one.scheduling,
        "deploymentController": {"type": one.controller}, "enableECSManagedTags": one.managed_tags, "propagateTags": one.propagate, "enableExecuteCommand": one.exec, "roleArn": one.role,
        "availabilityZoneRebalancing": one.rebalancing, "tags": names.shown_tags(one.tags) if tags else [], **_how(one)}
    if one.definition:
        out["taskDefinition"] = definitions.arn_of(call, one.definition)
    if one.grace is not None:
        out["healthCheckGracePeriodSeconds"] = one.grace
    if one.controller != "ECS":
        out["taskSets"] = [task_sets.shown(call, one, each) for each in one.deployments]
    elif one.deployments:
        from . import service_deployments
        out |= service_deployments.current(call, one)
    return out


# -- what may be asked for --------------------------------------------------------------------------------------------------

def configuration(given: Any, daemon: bool, before: dict[str, Any] | None = None) -> dict[str, Any]:
    usual = {"maximumPercent": 100 if daemon else 200, "minimumHealthyPercent": 0 if daemon else 100, "deploymentCircuitBreaker": {"enable": False, "rollback": False}, "strategy": "ROLLING", "bakeTimeInMinutes": 0}
    out = (before or usual) | {key: value for key, value in (given or {}).items() if value is not None}
    if out["strategy"] != "ROLLING":
        raise errors.not_built(f"the deployment strategy {out['strategy']}")
    if out.get("lifecycleHooks"):
        raise errors.not_built("lifecycle hooks of deployments")
    least, most = out["minimumHealthyPercent"], out["maximumPercent"]
    if not 0 <= least <= 100:
        raise errors.parameter("minimumHealthyPercent must be between 0 and 100.")
    if most < 100 or most > 200 * 100:
        raise errors.parameter("maximumPercent must be at least 100.")
    if daemon and most != 100 and most > 200:
        raise errors.parameter("maximumPercent is too large for a DAEMON service.")
    if least == 100 and most == 100:
        raise errors.parameter("The specified deployment configuration leaves no room for a deployment: maximumPercent must be above minimumHealthyPercent.")
    return out


def refuse(req: Any) -> None:
    for name, what in (("serviceRegistries", "service discovery (Cloud Map)"), ("volumeConfigurations", "EBS volumes of tasks"), ("vpcLatticeConfigurations", "VPC Lattice"), ("gatewayConnectors", "gateways")):
        if req.get(name):
            raise errors.not_built(what)
    if (req.get("serviceConnectConfiguration") or {}).get("enabled"):
        raise errors.not_built("Service Connect")


@ecs.op(lambda call, req: names.arn(call, "service", names.cluster_name(req.get("cluster")), req["serviceName"]), context=lambda call, req: launch.context(call, req) | {
    "ecs:task-definition": definitions.arn_of(call, names.last(req.get("taskDefinition") or ""))},
    partly="Service Connect, service discovery, EBS volumes, VPC Lattice, and blue/green, linear and canary strategies are not built")
def create_service(call: Call, req: t.CreateServiceRequest) -> t.CreateServiceResponse:
    refuse(req)
    cluster = clusters.active(call, req.get("cluster"))
    name = req["serviceName"]
    if not names.NAME.fullmatch(name):
        raise errors.bad_name("Service name")
    there = find(call, cluster.name, name)
    if there is not None and there.status != "INACTIVE":
        if there.status == "DRAINING":
            raise errors.parameter("Unable to Start a service that is still Draining.")
        if (token := req.get("clientToken")) and tokens.seen(call, "CreateService", token) == (there.key,):
            return {"service": shown(call, there, True)}
        raise errors.not_idempotent()
    controller, daemon = (req.get("deploymentController") or {}).get("type") or "ECS", req.get("schedulingStrategy") == "DAEMON"
    if daemon and controller != "ECS":
        raise errors.parameter("The DAEMON scheduling strategy is supported by the ECS deployment controller only.")
    if daemon and req.get("desiredCount") is not None:
        raise errors.parameter("The daemon scheduling strategy does not support a desired count for services. Remove the desired count and try again.")
    if not daemon and req.get("desiredCount") is None and controller != "EXTERNAL":
        raise errors.parameter("Expected a desired count.")
    if (req.get("desiredCount") or 0) < 0:
        raise errors.parameter("Desired count must not be negative.")
    kind, strategy = launch.kind_of(call, cluster, req)
    on_fargate = launch.fargate(kind, strategy)
    if daemon and on_fargate:
        raise errors.parameter("The DAEMON scheduling strategy is not supported for Fargate.")
    definition = None
    if req.get("taskDefinition"):
        definition = definitions.to_run(call, req["taskDefinition"])
        launch.pass_roles(call, definition, None)
    elif controller != "EXTERNAL":
        raise errors.parameter("TaskDefinition cannot be null or empty.")
    network = launch.check(call, definition, kind, strategy, req.get("networkConfiguration"), req.get("platformVersion") or "") if definition else {}
    balanced = balancers.checked(call, definition, req.get("loadBalancers"), controller)
    if req.get("healthCheckGracePeriodSeconds") is not None and not balanced:
        raise errors.parameter("Health check grace period is only valid for services configured to use load balancers")
    if daemon and req.get("placementStrategy"):
        raise errors.parameter("The DAEMON scheduling strategy does not support placement strategies.")
    role = iam.ensure_linked(call, "ecs.amazonaws.com")
    one = ServiceRecord(
        cluster.name, name, call.now, call.principal.arn, req.get("desiredCount") or 0, definition=definition.key if definition else "", launch=kind, strategy=strategy, network=network,
        platform=req.get("platformVersion") or "", configuration=configuration(req.get("deploymentConfiguration"), daemon), controller=controller, scheduling="DAEMON" if daemon else "REPLICA",
        balancers=balanced, grace=req.get("healthCheckGracePeriodSeconds", 0 if balanced else None), constraints=placement.constraints(req.get("placementConstraints"), definition) if definition else (),
        placement=placement.strategies(req.get("placementStrategy"), on_fargate) or (() if on_fargate or daemon else SPREAD), tags=names.tags_of(req.get("tags")), propagate=req.get("propagateTags") or "NONE",
        managed_tags=bool(req.get("enableECSManagedTags")), exec=bool(req.get("enableExecuteCommand")), rebalancing=req.get("availabilityZoneRebalancing") or "ENABLED",
        role=call.arn(f"role{role.path}{role.name}", service="iam", region=""))
    if definition and controller in ("ECS", "CODE_DEPLOY"):
        one = deploy(call, one)
    call.put(one)
    if token := req.get("clientToken"):
        tokens.keep(call, "CreateService", token, [one.key])
    changed(call, one)
    return {"service": shown(call, one, True)}


def deploy(call: Call, one: ServiceRecord) -> ServiceRecord:
    """A new PRIMARY deployment of what the service says now; those before it are on their way out."""
    from . import scheduler
    made = Deployment(id=f"ecs-svc/{call.pick('0123456789', 19)}", definition=one.definition, created=call.now, updated=call.now, launch=one.launch, strategy=one.strategy, network=one.network, platform=one.platform,
                      desired=one.desired, balancers=one.balancers, number=call.pick("0123456789", 16), source=one.deployments[0].id if one.deployments else "")
    made = msgspec.structs.replace(made, why=f"ECS deployment {made.id} in progress.")
    before = tuple(msgspec.structs.replace(each, status="ACTIVE", desired=0) for each in one.deployments)
    one = one.but(deployments=(made, *before), steady=False)
    scheduler.tell_deployment(call, one, made, "SERVICE_DEPLOYMENT_IN_PROGRESS", made.why)
    return one


def changed(call: Call, one: ServiceRecord) -> None:
    from . import scheduler
    call.wake(scheduler.reconcile, one.key)


@ecs.op(names.on_service(), context=lambda call, req: launch.context(call, req) | ({"ecs:task-definition": definitions.arn_of(call, names.last(req["taskDefinition"]))} if req.get("taskDefinition") else {}))
def update_service(call: Call, req: t.UpdateServiceRequest) -> t.UpdateServiceResponse:
    """Another count is only that; another definition, network or strategy is a new deployment."""
    refuse(req)
    cluster = clusters.active(call, req.get("cluster"))
    one = active(call, cluster.name, req["service"])
    before = one
    if one.controller == "CODE_DEPLOY" and any(req.get(name) for name in ("taskDefinition", "forceNewDeployment", "loadBalancers", "networkConfiguration", "platformVersion", "capacityProviderStrategy")):
        raise errors.parameter("Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.")
    if one.controller == "EXTERNAL" and any(req.get(name) for name in ("taskDefinition", "forceNewDeployment")):
        raise errors.parameter("Unable to update task definition on services with a EXTERNAL deployment controller.")
    if (wanted := (req.get("deploymentController") or {}).get("type")) and wanted != one.controller:
        raise errors.not_built("a change of the deployment controller")
    if (count := req.get("desiredCount")) is not None:
        if one.scheduling == "DAEMON":
            raise errors.parameter("The daemon scheduling strategy does not support a desired count for services. Remove the desired count and try again.")
        if count < 0:
            raise errors.parameter("Desired count must not be negative.")
        one = one.but(desired=count)
    if req.get("taskDefinition"):
        found = definitions.to_run(call, req["taskDefinition"])
        launch.pass_roles(call, found, None)
        one = one.but(definition=found.key)
    if req.get("capacityProviderStrategy") is not None:
        if one.launch and not req.get("forceNewDeployment"):
            raise errors.parameter("When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, "
                                   "you must force a new deployment.")
        one = one.but(launch="", strategy=clusters.strategy_of(call, req["capacityProviderStrategy"], cluster.providers))
    if req.get("platformVersion"):
        one = one.but(platform=req["platformVersion"])
    definition = call.get(definitions.Definition, one.definition) if one.definition else None
    if definition and (req.get("networkConfiguration") or req.get("taskDefinition") or req.get("platformVersion")):
        given = req.get("networkConfiguration") or ({"awsvpcConfiguration": one.network} if one.network else None)
        one = one.but(network=launch.check(call, definition, one.launch, one.strategy, given, one.platform))
    if req.get("loadBalancers") is not None:
        one = one.but(balancers=balancers.checked(call, definition, req["loadBalancers"], one.controller))
    elif req.get("taskDefinition") and one.balancers:
        balancers.checked(call, definition, one.balancers, one.controller)
    if req.get("deploymentConfiguration"):
        one = one.but(configuration=configuration(req["deploymentConfiguration"], one.scheduling == "DAEMON", one.configuration))
    if req.get("healthCheckGracePeriodSeconds") is not None:
        one = one.but(grace=req["healthCheckGracePeriodSeconds"])
    if req.get("placementConstraints") is not None and definition:
        one = one.but(constraints=placement.constraints(req["placementConstraints"], definition))
    elif req.get("taskDefinition") and definition:
        one = one.but(constraints=placement.constraints([each for each in one.constraints if each not in (call.get(definitions.Definition, before.definition) or definition).document.get("placementConstraints", ())], definition))
    if req.get("placementStrategy") is not None:
        one = one.but(placement=placement.strategies(req["placementStrategy"], launch.fargate(one.launch, one.strategy)))
    for member, field in (("enableExecuteCommand", "exec"), ("enableECSManagedTags", "managed_tags"), ("propagateTags", "propagate"), ("availabilityZoneRebalancing", "rebalancing")):
        if req.get(member) is not None:
            one = one.but(**{field: req[member]})  # type: ignore[literal-required]
    rolling = ("definition", "network", "platform", "strategy", "launch", "balancers", "exec", "constraints", "placement")
    if one.controller == "ECS" and (req.get("forceNewDeployment") or any(getattr(one, name) != getattr(before, name) for name in rolling)):
        one = deploy(call, one)
    elif one.deployments and one.controller == "ECS":
        first = msgspec.structs.replace(one.deployments[0], desired=one.desired, updated=call.now if one.desired != before.desired else one.deployments[0].updated)
        one = one.but(deployments=(first, *one.deployments[1:]), steady=one.steady and one.desired == before.desired)
    call.put(one)
    changed(call, one)
    return {"service": shown(call, one, True)}


@ecs.op(names.on_service(), context=names.in_cluster)
def delete_service(call: Call, req: t.DeleteServiceRequest) -> t.DeleteServiceResponse:
    """DRAINING until its tasks are gone."""
    cluster = clusters.find(call, req.get("cluster"))
    one = existing(call, cluster.name, req["service"])
    if one.status == "INACTIVE":
        raise errors.no_service() if not req.get("force") else errors.inactive_service()
    if one.desired > 0 and not req.get("force") and one.scheduling == "REPLICA":
        raise errors.scaled_above_zero()
    if one.controller != "ECS" and one.deployments and not req.get("force"):
        raise errors.parameter("The service cannot be deleted while it has task sets. Delete them first, or use force.")
    one = one.but(status="DRAINING", desired=0, deployments=tuple(msgspec.structs.replace(each, desired=0, scale=0.0) for each in one.deployments))
    call.put(one)
    changed(call, one)
    return {"service": shown(call, one, True)}


@ecs.timer
def service_forgotten(call: Call, key: str) -> None:
    one = call.get(ServiceRecord, key)
    if one is not None and one.status == "INACTIVE":
        call.delete(one)


@ecs.op(names.on_services, context=names.in_cluster)
def describe_services(call: Call, req: t.DescribeServicesRequest) -> t.DescribeServicesResponse:
    cluster = clusters.find(call, req.get("cluster"))
    if not 1 <= len(req["services"]) <= 10:
        raise errors.parameter("Services cannot be empty." if not req["services"] else "You can describe up to 10 services at once.")
    out: Any = {"services": [], "failures": []}
    for given in req["services"]:
        one = find(call, cluster.name, given)
        if one is None:
            out["failures"].append({"arn": given if given.startswith("arn:") else names.arn(call, "service", cluster.name, given), "reason": "MISSING"})
        else:
            out["services"].append(shown(call, one, "TAGS" in (req.get("include") or ())))
    return out  # type: ignore[no-any-return]


@ecs.op(lambda call, req: names.arn(call, "service", names.cluster_name(req.get("cluster")), "*"), context=names.in_cluster)
def list_services(call: Call, req: t.ListServicesRequest) -> t.ListServicesResponse:
    cluster = clusters.find(call, req.get("cluster"))
    found = [one for one in index(call).services_of(cluster.name) if one.status != "INACTIVE"]
    if kind := req.get("launchType"):
        found = [one for one in found if one.launch == kind]
    if scheduling := req.get("schedulingStrategy"):
        found = [one for one in found if one.scheduling == scheduling]
    part, more = page(sorted(arn_of(call, one) for one in found), req, str, min(req.get("maxResults") or 10, 100), errors.bad_token, size="maxResults", token="nextToken")
    return {"serviceArns": part, **more}  # type: ignore[typeddict-item]
