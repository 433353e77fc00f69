"""The services' scheduler: a worker per service that looks at all of its tasks and takes no hints. It starts what lacks, stops what is too much, rolls from one deployment to the next
within minimumHealthyPercent and maximumPercent, and gives a deployment up whose tasks fail.
"""
from __future__ import annotations

import math
from typing import Any

import msgspec

from cloche.kernel import AwsError, AwsEvent, Call

from . import balancers, launch, names, placement, services, tasks
from . import service as ecs
from .definitions import Definition
from .index import index
from .services import Deployment, ServiceRecord
from .tasks import Task

HEALTHY_SECONDS = 40.0
LOOK_SECONDS = 5.0
FIRST_WAIT, LONGEST_WAIT = 5.0, 27 * 60.0
LEAST, MOST = 3, 200
FAILING = ("TaskFailedToStart", "EssentialContainerExited")
PAST = 20


@ecs.worker
async def reconcile(call: Call, key: str) -> None:
    with call.step():
        one = call.get(ServiceRecord, key)
        if one is not None and one.status != "INACTIVE":
            after = step(call, one)
            if after != call.get(ServiceRecord, key):
                call.put(after)


@ecs.timer
def poke(call: Call, key: str) -> None:
    """Something may be different now."""
    call.wake(reconcile, key)


@ecs.timer
def look_at_service(call: Call, key: str) -> None:
    call.wake(reconcile, key)


def step(call: Call, one: ServiceRecord) -> ServiceRecord:
    if one.controller != "ECS":
        from . import task_sets
        one = task_sets.step(call, one)
        return drained(call, one)
    if not one.deployments:
        return drained(call, one)
    living = [task for task in index(call).tasks_of_service(one.cluster, one.name) if task.living]
    one, living = watched(call, one, living)
    one = breaker(call, one)
    primary = one.deployments[0]
    mine = [task for task in living if task.deployment == primary.id and not leaving(call, task)]
    others = [task for task in living if task not in mine]
    wanted = daemons(call, one, primary) if one.scheduling == "DAEMON" else one.desired
    if one.scheduling == "DAEMON" and one.status == "ACTIVE" and wanted != one.desired:
        one = one.but(desired=wanted)
        one = with_primary(one, desired=wanted)
        primary = one.deployments[0]
    most = max(math.floor(wanted * one.configuration["maximumPercent"] / 100), wanted)
    least = math.ceil(wanted * one.configuration["minimumHealthyPercent"] / 100)
    well = {task.id for task in living if healthy(call, one, task)}
    if primary.rollout != "FAILED" and one.status == "ACTIVE":
        one, started = start(call, one, primary, wanted - len(mine), most - len(living))
        mine, primary = mine + started, one.deployments[0]
        living = living + started
    one = stop_others(call, one, others, well, least, wanted)
    if len(mine) > wanted:
        one = stop_extra(call, one, mine, len(mine) - wanted)
    one = settled(call, one, mine, others, well, wanted)
    return drained(call, one)


def with_primary(one: ServiceRecord, **more: Any) -> ServiceRecord:
    return one.but(deployments=(msgspec.structs.replace(one.deployments[0], **more), *one.deployments[1:]))


def leaving(call: Call, task: Task) -> bool:
    """Its instance is being drained, or is gone."""
    from .container_instances import Instance
    one = call.get(Instance, task.instance) if task.instance else None
    return one is not None and one.status != "ACTIVE"


def daemons(call: Call, one: ServiceRecord, primary: Deployment) -> int:
    """One for each ACTIVE instance that meets the constraints."""
    return sum(_eligible(call, one, each) for each in index(call).instances_of(one.cluster))


def _eligible(call: Call, one: ServiceRecord, instance: Any) -> bool:
    from cloche.languages import cluster_query
    return instance.status == "ACTIVE" and instance.connected and all(
        constraint["type"] != "memberOf" or cluster_query.parse(constraint["expression"])(placement.facts(call, instance)) for constraint in one.constraints)


# -- health -----------------------------------------------------------------------------------------------------------------

def healthy(call: Call, one: ServiceRecord, task: Task) -> bool:
    if task.status != "RUNNING":
        return False
    if task.health == "UNHEALTHY":
        return False
    deployment = next((each for each in one.deployments if each.id == task.deployment), None)
    definition = call.get(Definition, task.definition)
    checks = definition is not None and any(each.get("healthCheck") for each in definition.containers)
    if checks and task.health != "HEALTHY":
        return False
    if deployment is not None and deployment.balancers:
        return bool(task.watched) and all(state == "healthy" for _, state in balancers.states(call, deployment.balancers, task))
    if checks:
        return True
    if task.started + HEALTHY_SECONDS > call.now:
        call.due(task.started + HEALTHY_SECONDS, poke, f"{one.key} {task.id}", key=one.key)
        return False
    return True


def watched(call: Call, one: ServiceRecord, living: list[Task]) -> tuple[ServiceRecord, list[Task]]:
    """Tasks that run become targets; targets that stay unhealthy after the grace period are replaced."""
    if not balancers.used(one):
        return one, living
    out, looking = [], False
    for task in living:
        deployment = next((each for each in one.deployments if each.id == task.deployment), None)
        if deployment is None or not deployment.balancers or task.status != "RUNNING":
            out.append(task)
            continue
        looking = True
        if not task.watched:
            try:
                groups = balancers.register(call, deployment.balancers, task)
            except AwsError as error:
                one = services.say(call, one, f"(task {task.id}) failed to register targets: {error.message}")
                out.append(task)
                continue
            task = call.put(task.but(watched="registered"))
            for group in groups:
                one = services.say(call, one, f"registered 1 targets in (target-group {group})")
            out.append(task)
            continue
        bad = [group for group, state in balancers.states(call, deployment.balancers, task) if state == "unhealthy"]
        if bad and call.now >= task.started + (one.grace or 0):
            one = services.say(call, one, f"(port {deployment.balancers[0].get('containerPort')}) is unhealthy in (target-group {bad[0]}) due to (reason Health checks failed).")
            tasks.stop(call, task, "ServiceSchedulerInitiated", f"Task failed ELB health checks in (target-group {bad[0]})")
            one = failed(call, one, task)
        else:
            out.append(task)
    if looking or living:
        call.again(LOOK_SECONDS, look_at_service, one.key, key=one.key)
    return one, out


# -- starting and stopping ----------------------------------------------------------------------------------------------------

def start(call: Call, one: ServiceRecord, primary: Deployment, lacking: int, room: int) -> tuple[ServiceRecord, list[Task]]:
    count = min(lacking, max(room, 0))
    if count <= 0:
        return one, []
    if primary.retry > call.now:
        call.due(primary.retry, poke, f"{one.key} retry", key=one.key)
        return one, []
    definition = call.get(Definition, primary.definition)
    if definition is None:
        return one, []
    plan = plan_of(call, one, primary, definition)
    try:
        made, failures = on_each(call, one, plan, definition, count) if one.scheduling == "DAEMON" else launch.begin(call, plan, count)
    except AwsError as error:
        return _cannot(call, one, f"was unable to place a task. Reason: {error.message}"), []
    if made:
        one = services.say(call, one, f"has started {len(made)} tasks: {' '.join(f'(task {task.id})' for task in made)}.")
        one = one.but(steady=False)
    if (not made and failures) or (len(made) < count and one.launch == "EC2"):
        reason = f"was unable to place a task because no container instance met all of its requirements. {_why(failures)}" if failures or index(call).instances_of(one.cluster) else \
            "was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."
        one = _cannot(call, one, reason)
    return one, made


def plan_of(call: Call, one: ServiceRecord, each: Deployment, definition: Definition) -> launch.Plan:
    tags = dict(definition.tags) if one.propagate == "TASK_DEFINITION" else dict(one.tags) if one.propagate == "SERVICE" else {}
    if one.managed_tags:
        tags |= {"aws:ecs:clusterName": one.cluster, "aws:ecs:serviceName": one.name}
    return launch.Plan(cluster=one.cluster, definition=each.definition, launch=each.launch, strategy=each.strategy, network=each.network, group=f"service:{one.name}", started_by=each.id, exec=one.exec,
                       tags=tags, platform=each.platform, constraints=one.constraints, placement=one.placement, service=one.name, deployment=each.id)


def _why(failures: list[Any]) -> str:
    said = {"RESOURCE:CPU": "has insufficient CPU units available", "RESOURCE:MEMORY": "has insufficient memory available", "RESOURCE:PORTS": "is already using a port required by your task",
            "AGENT": "encountered error \"AGENT\"", "ATTRIBUTE": "is missing an attribute required by your task"}
    if not failures:
        return ""
    one = failures[-1]
    return f"The closest matching (container-instance {names.last(one['arn'])}) {said.get(one['reason'], 'encountered error ' + repr(one['reason']))}."


def _cannot(call: Call, one: ServiceRecord, text: str) -> ServiceRecord:
    """Said once, and tried again."""
    call.due(call.now + 60, poke, f"{one.key} place", key=one.key)
    if one.events and one.events[0]["message"] == f"(service {one.name}) {text}":
        return one
    call.emit(AwsEvent("aws.ecs", "ECS Service Action", {"eventType": "WARN", "eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "clusterArn": names.arn(call, "cluster", one.cluster),
                                                         "reason": "RESOURCE", "createdAt": tasks.moment(call.now)}, [services.arn_of(call, one)]))
    return services.say(call, one, text)


def on_each(call: Call, one: ServiceRecord, plan: launch.Plan, definition: Definition, count: int) -> tuple[list[Task], list[Any]]:
    made: list[Task] = []
    failures: list[Any] = []
    for instance in index(call).instances_of(one.cluster):
        if not _eligible(call, one, instance) or any(task.living and task.deployment == plan.deployment for task in index(call).tasks_on(instance.id) if task.service == one.name):
            continue
        if why := placement.refuses(call, instance, definition, plan):
            failures.append({"arn": names.arn(call, "container-instance", one.cluster, instance.id), "reason": why})
        elif len(made) < count:
            made.append(launch.make(call, plan, definition, instance.id))
    return made, failures


def stop_others(call: Call, one: ServiceRecord, others: list[Task], well: set[str], least: int, wanted: int) -> ServiceRecord:
    """Of deployments before this one, and on instances that are drained: as many as the least allows, the sick first."""
    well = well | {task.id for task in others if task.status == "RUNNING" and task.health != "UNHEALTHY" and task.started + HEALTHY_SECONDS > call.now}    # young is not sick
    left = len(well)
    gone = []
    primary = one.deployments[0]
    if primary.rollout == "FAILED":
        others = [task for task in others if leaving(call, task)]
    for task in sorted(others, key=lambda task: (task.id in well, task.created)):
        if task.protected > call.now and one.status == "ACTIVE":
            continue
        if task.id in well:
            if left - 1 < least:
                continue
            left -= 1
        gone.append(task)
        tasks.stop(call, task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {primary.id})")
    if gone:
        one = services.say(call, one, f"has stopped {len(gone)} running tasks: {' '.join(f'(task {task.id})' for task in gone)}.")
    return one


def stop_extra(call: Call, one: ServiceRecord, mine: list[Task], count: int) -> ServiceRecord:
    rest, gone = [task for task in mine if task.protected <= call.now or one.status != "ACTIVE"], []
    for _ in range(min(count, len(rest))):
        waiting = [task for task in rest if task.status != "RUNNING"]
        chosen = placement.first_to_go(call, waiting or rest, one.placement)
        rest.remove(chosen)
        gone.append(chosen)
        tasks.stop(call, chosen, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {one.deployments[0].id})")
    return services.say(call, one, f"has stopped {len(gone)} running tasks: {' '.join(f'(task {task.id})' for task in gone)}.") if gone else one


# -- deployments come to their end --------------------------------------------------------------------------------------------

def settled(call: Call, one: ServiceRecord, mine: list[Task], others: list[Task], well: set[str], wanted: int) -> ServiceRecord:
    primary = one.deployments[0]
    ready = len(mine) == wanted and all(task.id in well for task in mine) and not [task for task in others if call.get(Task, task.id) and call.get(Task, task.id).living]  # type: ignore[union-attr]
    kept = tuple(each for each in one.deployments if each is primary or any(task.deployment == each.id and task.status != "STOPPED" for task in index(call).tasks_of_service(one.cluster, one.name)))
    if primary.rollout == "IN_PROGRESS" and ready and one.status == "ACTIVE":
        one = with_primary(one, rollout="COMPLETED", why=f"ECS deployment {primary.id} completed.", updated=call.now, finished=call.now, streak=0)
        primary = one.deployments[0]
        kept = (primary, *kept[1:])
        tell_deployment(call, one, primary, "SERVICE_DEPLOYMENT_COMPLETED", primary.why)
        one = services.say(call, one, f"(deployment {primary.id}) deployment completed.")
    gone = [each for each in one.deployments if each.id not in {k.id for k in kept}]
    if gone:
        one = one.but(deployments=tuple(each for each in one.deployments if each not in gone), past=(*(msgspec.structs.replace(each, status="INACTIVE", finished=each.finished or call.now) for each in gone), *one.past)[:PAST])
    if ready and not one.steady and one.status == "ACTIVE" and primary.rollout == "COMPLETED":
        one = services.say(call, one, "has reached a steady state.").but(steady=True)
        call.emit(AwsEvent("aws.ecs", "ECS Service Action", {"eventType": "INFO", "eventName": "SERVICE_STEADY_STATE", "clusterArn": names.arn(call, "cluster", one.cluster),
                                                             "createdAt": tasks.moment(call.now)}, [services.arn_of(call, one)]))
    elif not ready and one.steady:
        one = one.but(steady=False)
    return one


def tell_deployment(call: Call, one: ServiceRecord, each: Deployment, name: str, why: str) -> None:
    call.emit(AwsEvent("aws.ecs", "ECS Deployment State Change", {
        "eventType": "ERROR" if name.endswith("FAILED") else "INFO", "eventName": name, "deploymentId": each.id, "updatedAt": tasks.moment(call.now), "reason": why}, [services.arn_of(call, one)]))


def stopped(call: Call, task: Task) -> None:
    """A task of a service has come to its end: of its own, it is a failure, and the next one waits a while."""
    one = services.find(call, task.cluster, task.service)
    if one is None:
        return
    if task.stop_code in FAILING or "health checks" in task.reason:
        after = failed(call, one, task) if "ELB" not in task.reason else one
        if after != one:
            call.put(after)
    call.wake(reconcile, one.key)


def failed(call: Call, one: ServiceRecord, task: Task) -> ServiceRecord:
    lived = bool(task.started) and call.now - task.started >= HEALTHY_SECONDS
    out = []
    for each in one.deployments:
        if each.id == task.deployment:
            streak = 0 if lived else each.streak + 1
            each = msgspec.structs.replace(each, failed=each.failed + 1 if each.rollout == "IN_PROGRESS" else each.failed, streak=streak,
                                           retry=call.now + min(FIRST_WAIT * 2 ** (streak - 1), LONGEST_WAIT) if streak else 0.0)
            if streak == LEAST + 1:
                one = services.say(call, one, "is unable to consistently start tasks successfully.")
                call.emit(AwsEvent("aws.ecs", "ECS Service Action", {"eventType": "WARN", "eventName": "SERVICE_TASK_START_IMPAIRED", "clusterArn": names.arn(call, "cluster", one.cluster),
                                                                     "createdAt": tasks.moment(call.now)}, [services.arn_of(call, one)]))
        out.append(each)
    return one.but(deployments=tuple(out))


def threshold(one: ServiceRecord) -> int:
    settings = one.configuration["deploymentCircuitBreaker"].get("thresholdConfiguration") or {}
    value = settings.get("value")
    if settings.get("type") == "COUNT" and value:
        return int(value)
    share = value if settings.get("type") == "BOUNDED_PERCENT" and value else 50
    return min(max(math.ceil(one.desired * share / 100), LEAST), MOST)


def breaker(call: Call, one: ServiceRecord) -> ServiceRecord:
    """Too many failures, an alarm, or somebody's wish: the deployment has failed, and the one before it comes back where that is wanted."""
    primary = one.deployments[0]
    if primary.rollout != "IN_PROGRESS":
        return one
    settings = one.configuration["deploymentCircuitBreaker"]
    alarms = one.configuration.get("alarms") or {}
    back, text = False, ""
    if settings.get("enable") and primary.failed >= threshold(one):
        back, text = bool(settings.get("rollback")), "tasks failed to start."
    elif alarms.get("enable") and (rung := alarmed(call, alarms.get("alarmNames") or [])):
        back, text = bool(alarms.get("rollback")), f"alarm detected ({rung})."
    elif primary.asked:
        back, text = primary.asked == "ROLLBACK_REQUESTED", "it was stopped."
    if alarms.get("enable"):
        call.again(LOOK_SECONDS, look_at_service, one.key, key=one.key)
    if not text:
        return one
    one = services.say(call, one, f"(deployment {primary.id}) deployment failed: {text}")
    one = with_primary(one, rollout="FAILED", why=f"ECS deployment circuit breaker: {text}" if "tasks" in text else f"ECS deployment failed: {text}", updated=call.now, finished=call.now, breaker="tasks" in text, asked="")
    primary = one.deployments[0]
    tell_deployment(call, one, primary, "SERVICE_DEPLOYMENT_FAILED", primary.why)
    before = next((each for each in (*one.deployments[1:], *one.past) if each.rollout == "COMPLETED"), None)
    if not back or before is None:
        return one
    one = services.say(call, one, f"rolling back to deployment {before.id}.")
    again = msgspec.structs.replace(before, status="PRIMARY", rollout="IN_PROGRESS", desired=one.desired, updated=call.now, finished=0.0, failed=0, streak=0, retry=0.0, source=primary.id,
                                    why=f"ECS deployment circuit breaker: rolling back to deploymentId {before.id}.")
    rest = tuple(msgspec.structs.replace(each, status="ACTIVE", desired=0) for each in one.deployments if each.id != before.id)
    return one.but(deployments=(again, *rest), past=tuple(each for each in one.past if each.id != before.id), definition=before.definition, launch=before.launch, strategy=before.strategy, network=before.network,
                   balancers=before.balancers)


def alarmed(call: Call, wanted: list[str]) -> str:
    from . import capacity_providers
    if not wanted:
        return ""
    found = capacity_providers.linked(call).do("cloudwatch", "DescribeAlarms", AlarmNames=wanted, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return next((one["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for one in found.get(kind, ()) if one["StateValue"] == "ALARM"), "")


def drained(call: Call, one: ServiceRecord) -> ServiceRecord:
    """A service that is deleted stops what it has, and is INACTIVE when that is done."""
    if one.status != "DRAINING":
        return one
    there = [task for task in index(call).tasks_of_service(one.cluster, one.name) if task.status != "STOPPED"]
    for task in there:
        tasks.stop(call, task, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment " + (task.deployment or "-") + ")")
    if there:
        return one
    call.cancel(look_at_service, one.key)
    call.after(services.FORGOTTEN_SECONDS, services.service_forgotten, one.key, key=one.key)
    return one.but(status="INACTIVE", deployments=())


