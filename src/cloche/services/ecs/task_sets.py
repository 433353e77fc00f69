"""Task sets: the shares of a service whose deployments somebody else leads (EXTERNAL, CODE_DEPLOY). Each is a definition and a scale in percent of the desired count."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import balancers, clusters, definitions, errors, launch, names, scheduler, services, tasks
from . import service as ecs
from .definitions import Definition
from .index import index
from .services import Deployment, ServiceRecord

if TYPE_CHECKING:
    from cloche.shapes import ecs as t


def arn_of(call: Call, one: ServiceRecord, each: Deployment) -> str:
    return names.arn(call, "task-set", one.cluster, one.name, each.id)


def computed(one: ServiceRecord, each: Deployment) -> int:
    return math.ceil(one.desired * each.scale / 100 - 1e-9) if one.status == "ACTIVE" else 0


def shown(call: Call, one: ServiceRecord, each: Deployment, tags: bool = False) -> Any:
    running, pending = services.counts(call, one, each.id)
    steady = running == computed(one, each) and not pending
    out: dict[str, Any] = {
        "id": each.id, "taskSetArn": arn_of(call, one, each), "serviceArn": services.arn_of(call, one), "clusterArn": names.arn(call, "cluster", one.cluster), "status": each.status,
        "taskDefinition": definitions.arn_of(call, each.definition), "computedDesiredCount": computed(one, each), "pendingCount": pending, "runningCount": running, "createdAt": each.created,
        "updatedAt": each.updated, "loadBalancers": [dict(b) for b in each.balancers], "serviceRegistries": [], "scale": {"value": each.scale, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if steady else "STABILIZING", "stabilityStatusAt": each.stable or each.created, "tags": names.shown_tags(each.tags) if tags else []}
    if each.launch:
        out["launchType"] = each.launch
    elif each.strategy:
        out["capacityProviderStrategy"] = list(each.strategy)
    if launch.fargate(each.launch, each.strategy):
        out |= {"platformVersion": each.platform or launch.PLATFORM, "platformFamily": "Linux"}
    if each.network:
        out["networkConfiguration"] = {"awsvpcConfiguration": each.network}
    if each.external:
        out |= {"externalId": each.external, "startedBy": "CODE_DEPLOY" if one.controller == "CODE_DEPLOY" else each.external}
    return out


def _on(call: Call, req: Any) -> str:
    return names.arn(call, "task-set", names.cluster_name(req.get("cluster")), names.service_name(req["service"]), names.last(req.get("taskSet") or req.get("primaryTaskSet") or "*"))


def _service(call: Call, req: Any) -> ServiceRecord:
    cluster = clusters.active(call, req["cluster"])
    one = services.active(call, cluster.name, req["service"])
    if one.controller == "ECS":
        raise errors.parameter("Task sets are supported for services that use the CODE_DEPLOY or EXTERNAL deployment controller only.")
    return one


def _set(one: ServiceRecord, given: str) -> Deployment:
    found = next((each for each in one.deployments if names.last(each.id) == names.last(given)), None)
    if found is None:
        raise errors.no_task_set()
    return found


def _scale(given: Any) -> float:
    value = float((given or {}).get("value", 100.0))
    if not 0 <= value <= 100:
        raise errors.parameter("The scale of a task set must be between 0 and 100.")
    return value


@ecs.op(_on, context=names.in_cluster)
def create_task_set(call: Call, req: t.CreateTaskSetRequest) -> t.CreateTaskSetResponse:
    one = _service(call, req)
    cluster = clusters.active(call, req["cluster"])
    if req.get("serviceRegistries"):
        raise errors.not_built("service discovery (Cloud Map)")
    definition = definitions.to_run(call, req["taskDefinition"])
    launch.pass_roles(call, definition, None)
    kind, strategy = launch.kind_of(call, cluster, req)
    network = launch.check(call, definition, kind, strategy, req.get("networkConfiguration"), req.get("platformVersion") or "")
    each = Deployment(id=f"ecs-svc/{call.pick('0123456789', 19)}", definition=definition.key, status="ACTIVE", created=call.now, updated=call.now, launch=kind, strategy=strategy, network=network,
                      platform=req.get("platformVersion") or "", balancers=balancers.checked(call, definition, req.get("loadBalancers"), one.controller), scale=_scale(req.get("scale")),
                      external=req.get("externalId") or "", tags=names.tags_of(req.get("tags")))
    if len(one.deployments) >= 5:
        raise errors.parameter("A service can have at most 5 task sets.")
    one = call.put(one.but(deployments=(*one.deployments, each)))
    services.changed(call, one)
    return {"taskSet": shown(call, one, each, True)}


@ecs.op(_on, context=names.in_cluster)
def update_task_set(call: Call, req: t.UpdateTaskSetRequest) -> t.UpdateTaskSetResponse:
    one = _service(call, req)
    each = msgspec.structs.replace(_set(one, req["taskSet"]), scale=_scale(req["scale"]), updated=call.now)
    return {"taskSet": shown(call, _replaced(call, one, each), each)}


def _replaced(call: Call, one: ServiceRecord, each: Deployment) -> ServiceRecord:
    one = call.put(one.but(deployments=tuple(each if other.id == each.id else other for other in one.deployments)))
    services.changed(call, one)
    return one


@ecs.op(_on, context=names.in_cluster)
def update_service_primary_task_set(call: Call, req: t.UpdateServicePrimaryTaskSetRequest) -> t.UpdateServicePrimaryTaskSetResponse:
    one = _service(call, req)
    each = msgspec.structs.replace(_set(one, req["primaryTaskSet"]), status="PRIMARY", updated=call.now)
    others = tuple(each if other.id == each.id else msgspec.structs.replace(other, status="ACTIVE") for other in one.deployments)
    one = call.put(one.but(deployments=others, definition=each.definition, launch=each.launch, strategy=each.strategy, network=each.network, balancers=each.balancers))
    services.changed(call, one)
    return {"taskSet": shown(call, one, each)}


@ecs.op(_on, context=names.in_cluster)
def delete_task_set(call: Call, req: t.DeleteTaskSetRequest) -> t.DeleteTaskSetResponse:
    """DRAINING until its tasks are gone; one that has a scale goes by force only."""
    one = _service(call, req)
    each = _set(one, req["taskSet"])
    if each.scale > 0 and not req.get("force"):
        raise errors.parameter("The task set cannot be deleted while its scale is above 0. Use force, or scale it down first.")
    each = msgspec.structs.replace(each, status="DRAINING", scale=0.0, updated=call.now)
    return {"taskSet": shown(call, _replaced(call, one, each), each)}


@ecs.op(_on, context=names.in_cluster)
def describe_task_sets(call: Call, req: t.DescribeTaskSetsRequest) -> t.DescribeTaskSetsResponse:
    cluster = clusters.find(call, req["cluster"])
    one = services.existing(call, cluster.name, req["service"])
    if one.controller == "ECS":
        raise errors.parameter("Task sets are supported for services that use the CODE_DEPLOY or EXTERNAL deployment controller only.")
    wanted, out = req.get("taskSets"), []
    failures: list[Any] = []
    for given in wanted or [each.id for each in one.deployments]:
        found = next((each for each in one.deployments if names.last(each.id) == names.last(given)), None)
        if found is None:
            failures.append({"arn": given, "reason": "MISSING"})
        else:
            out.append(shown(call, one, found, "TAGS" in (req.get("include") or ())))
    return {"taskSets": out, "failures": failures}  # type: ignore[typeddict-item]


def step(call: Call, one: ServiceRecord) -> ServiceRecord:
    """Each set has as many as its share says."""
    there = [task for task in index(call).tasks_of_service(one.cluster, one.name) if task.status != "STOPPED"]
    one, living = scheduler.watched(call, one, [task for task in there if task.living])
    for each in list(one.deployments):
        mine, wanted = [task for task in living if task.deployment == each.id], computed(one, each)
        if len(mine) < wanted:
            definition = call.get(Definition, each.definition)
            if definition is not None and each.retry <= call.now:
                made, _ = launch.begin(call, scheduler.plan_of(call, one, each, definition), wanted - len(mine))
                if made:
                    one = services.say(call, one, f"(task-set {each.id}) has started {len(made)} tasks: {' '.join(f'(task {task.id})' for task in made)}.")
            elif definition is not None:
                call.due(each.retry, scheduler.poke, f"{one.key} {each.id}", key=one.key)
        for task in sorted(mine, key=lambda task: -task.created)[:max(len(mine) - wanted, 0)]:
            tasks.stop(call, task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (task-set {each.id})")
        steady = sum(task.status == "RUNNING" for task in mine) == wanted == len(mine)
        if (steady and not each.stable) or (not steady and each.stable):
            one = one.but(deployments=tuple(msgspec.structs.replace(other, stable=call.now if steady else 0.0) if other.id == each.id else other for other in one.deployments))
    gone = [each for each in one.deployments if each.status == "DRAINING" and not any(task.deployment == each.id for task in there)]
    return one.but(deployments=tuple(each for each in one.deployments if each not in gone)) if gone else one
