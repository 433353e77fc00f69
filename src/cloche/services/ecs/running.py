"""Tasks in the world: a worker per task makes what runs agree with its record, and says in the record what has become of it.

`carry` is woken by whatever may change something: a launch, a stop, a container that ended, a check that found something. What this process holds of a task's
containers (`Pod`) is in memory; a task that should run and has none any more, after a crash, has stopped with its host.
"""
from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any

from cloche.engines.world import Container, Unavailable, World, WorldError, containers
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import awslogs, bridge, endpoint, health, images, metrics, names, resources, tasks
from . import service as ecs
from .definitions import Definition
from .pods import Failed, Live, Pod, pods
from .tasks import Task

STOP_SECONDS, MOST_ON_FARGATE = 30.0, 120.0
log = logging.getLogger("cloche")
GONE = "The host that ran the task has gone."


@ecs.worker
async def carry(call: Call, key: str) -> None:
    task, pod = call.get(Task, key), pods(call).get(key)
    if task is None or task.status == "STOPPED":
        return
    try:
        if task.desired == "STOPPED":
            await _end(call, task, pod)
        elif pod is None and task.status in ("ACTIVATING", "RUNNING", "DEACTIVATING"):
            with call.step():
                tasks.stop(call, task, "TaskFailedToStart" if task.status == "ACTIVATING" else "EssentialContainerExited", GONE)
        elif pod is None:
            await _begin(call, task)
        else:
            await _go_on(call, task, pod)
    except Failed as failed:
        with call.step():
            _failed(call, key, failed)
    except (WorldError, OSError, LookupError) as error:
        log.warning("task %s: %s", key, error)
        with call.step():
            _failed(call, key, Failed(f"ResourceInitializationError: {error}"))


def _failed(call: Call, key: str, failed: Failed) -> None:
    task = call.get(Task, key)
    if task is None or task.status == "STOPPED":
        return
    if failed.container:
        task = tasks.put(call, task.but(containers=_with(task, failed.container, reason=failed.reason)))
    tasks.stop(call, task, "TaskFailedToStart", failed.reason)


def _with(task: Task, name: str, **more: Any) -> tuple[dict[str, Any], ...]:
    return tuple({**one, **more} if one["name"] == name else one for one in task.containers)


# -- the beginning ----------------------------------------------------------------------------------------------------------

async def _begin(call: Call, task: Task) -> None:
    definition = call.get(Definition, task.definition)
    if definition is None:
        raise Failed("The task definition is gone.")
    if task.status == "PROVISIONING":
        with call.step():
            task = _interface(call, task)
    pod = Pod(task.id, call.account, call.region, definition)
    try:
        held = await _placed(call, task, pod)
    except Unavailable as error:
        raise Failed(f"ResourceInitializationError: {error}") from None
    role = resources.Execution(call, task, definition)
    with call.step():
        task = _now(call, task.id, pull_began=call.now)
    roots = {one["name"]: await images.pulled(call, held, role, one) for one in definition.containers}
    values = {one["name"]: await resources.environment(call, role, one, task) for one in definition.containers}
    for one in definition.containers:
        with call.step():
            awslogs.prepare(call, role, task, one)
    pod.mounts = await resources.mounts(call, held, task, definition, pod, role)
    with call.step():
        task = _now(call, task.id, pull_ended=call.now, connected=call.now)
        for one in definition.containers:
            root, config, digest = roots[one["name"]]
            pod.lives[one["name"]] = Live(one, resources.overridden(task, one), f"ecs-{task.id[:16]}-{len(pod.lives)}", call.id("", 32) + "-" + call.pick("0123456789", 10), root, config, values[one["name"]])
            task = task.but(containers=_with(task, one["name"], imageDigest=digest, runtimeId=pod.lives[one["name"]].runtime))
        task = bridge.bound(call, task, definition)
        if task.desired == "RUNNING":
            task = task.but(status="ACTIVATING")
        tasks.put(call, task)
    pods(call)[task.id] = pod
    if task.desired == "RUNNING":                 # else it was stopped meanwhile, and this worker has been woken for that
        await _go_on(call, task, pod)


def _now(call: Call, id_: str, **more: Any) -> Task:
    task = call.get(Task, id_)
    assert task is not None
    return tasks.put(call, task.but(**more))


def _interface(call: Call, task: Task) -> Task:
    """Its own interface in the customer's subnet."""
    attachment = task.attachments[0]
    try:
        made = ec2.make_interface(call, task.subnet, list(task.groups) or None, "interface", names.arn(call, "attachment", attachment["id"]), public=task.public, instance_owner="amazon-ecs")
    except AwsError as error:
        raise Failed(f"ResourceInitializationError: unable to make a network interface: {error.message}") from None
    details = [{"name": "subnetId", "value": task.subnet}, {"name": "networkInterfaceId", "value": made.id}, {"name": "macAddress", "value": made.mac},
               {"name": "privateDnsName", "value": f"ip-{made.private.replace('.', '-')}.{'ec2' if call.region == 'us-east-1' else call.region + '.compute'}.internal"},
               {"name": "privateIPv4Address", "value": made.private}]
    return tasks.put(call, task.but(
        status="PENDING", interface=made.id, attachments=({**attachment, "status": "ATTACHED", "details": details},),
        containers=tuple({**one, "networkInterfaces": [{"attachmentId": attachment["id"], "privateIpv4Address": made.private}]} for one in task.containers)))


async def _placed(call: Call, task: Task, pod: Pod) -> World:
    """The world, with the task's network in it."""
    mode = pod.definition.network
    if mode == "awsvpc":
        held: World = await ec2.plugged_in(call, task.interface)
        pod.network = task.interface
        pod.vpc = ec2.interface(call, task.interface).vpc_id
        pod.address = ec2.interface(call, task.interface).private
    else:
        instance = resources.instance_of(call, task)
        held = ec2.running_world(call)
        if instance is None or held is None or not held.machines.up(instance.ec2):
            raise Failed("The container instance does not run.")
        pod.host, pod.vpc = instance.ec2, ec2.place_of(call, instance.ec2)[0]
        pod.network = instance.ec2 if mode == "host" else ""
    _listen(call, held)
    if pod.network:
        await endpoint.open_(call, held, pod.network)
    return held


# -- containers, one after the other ----------------------------------------------------------------------------------------

async def _go_on(call: Call, task: Task, pod: Pod) -> None:
    """Start what may be started, and write down what has happened."""
    held = ec2.running_world(call)
    if held is None:
        raise Failed(GONE)
    while True:
        ready = [live for live in pod.lives.values() if live.state == "waiting" and _may(pod, live)]
        if not ready:
            break
        for live in ready:
            await _start(call, held, task, pod, live)
    for live in pod.lives.values():
        if live.state == "waiting" and (why := _never(pod, live)):
            raise Failed(f"Task failed to start: container {live.name} {why}")
    with call.step():
        _written(call, pod)


def _may(pod: Pod, live: Live) -> bool:
    return all(_met(pod.lives[need["containerName"]], need["condition"]) for need in live.said.get("dependsOn") or ())


def _met(other: Live, condition: str) -> bool:
    return {"START": other.state != "waiting", "COMPLETE": other.state == "ended", "SUCCESS": other.state == "ended" and other.code == 0,
            "HEALTHY": other.state == "running" and other.health == "HEALTHY"}[condition]


def _never(pod: Pod, live: Live) -> str:
    for need in live.said.get("dependsOn") or ():
        other = pod.lives[need["containerName"]]
        if need["condition"] == "SUCCESS" and other.state == "ended" and other.code != 0:
            return f"depends on {other.name}, which did not exit successfully"
        if need["condition"] == "HEALTHY" and (other.state == "ended" or other.health == "UNHEALTHY"):
            return f"depends on {other.name}, which is not healthy"
    return ""


async def _start(call: Call, held: World, task: Task, pod: Pod, live: Live) -> None:
    network = pod.network or await bridge.join(call, held, pod, live, task)
    variables = endpoint.variables(call, task, pod, live) | live.values
    files = resources.files(call, pod, live)
    limit = int(live.over.get("memory") or live.said.get("memory") or task.memory or 0) or 2048
    live.host = files.pop("", pod.task[:12])
    try:
        await held.boot(Container(
            id=live.machine, root=live.root, disk=place(call, pod) / "disks" / live.name, network=network, hostname=live.host, environment={"PATH": resources.PATH, "HOSTNAME": live.host, **live.config.env,
                                                                                                                                       **variables},
            files=files, mounts=tuple(pod.mounts.get(live.name, ())), read_only=bool(live.said.get("readonlyRootFilesystem")), memory_mb=limit))
        argv = images.argv(live)
        if not argv:
            raise Failed("CannotStartContainerError: Error response from daemon: no command specified", live.name)
        live.person = images.person(live)
        sink = awslogs.sink(call, pod, live)
        live.main = await containers.start(held, live.machine, argv, sink, live.person, bool((live.said.get("linuxParameters") or {}).get("initProcessEnabled")))
    except WorldError as error:
        live.state, live.code = "ended", 127 if error.errno == 2 else 126
        await held.halt(live.machine, "kill")
        what = "executable file not found in $PATH" if error.errno == 2 else str(error)
        raise Failed(f"CannotStartContainerError: Error response from daemon: failed to create task for container: exec: \"{(argv or [''])[0]}\": {what}: unknown", live.name) from None
    live.state, live.began, live.killed = "running", call.now, False
    live.main.process.ended.add_done_callback(lambda done: _ended(call, pod, live, done.result()))
    health.begin(call, pod, live)


def _ended(call: Call, pod: Pod, live: Live, code: int) -> None:
    """Its process is over; nothing else of it stays."""
    held = ec2.running_world(call)
    oom = held is not None and held.cgroups.killed("m-" + live.machine)
    live.code = 137 if oom else code if code >= 0 else 128 - code
    live.why = "OutOfMemoryError: Container killed due to memory usage" if oom else ""
    live.state = "ended"
    call.spawn(_cleared(call, held, pod, live))


async def _cleared(call: Call, held: World | None, pod: Pod, live: Live) -> None:
    if held is not None and held.running:
        await held.halt(live.machine, "kill")
    await bridge.leave(call, held, pod, live)
    with call.step():
        awslogs.rest(call, pod, live)
        call.wake(carry, pod.task)


def _written(call: Call, pod: Pod) -> None:
    task = call.get(Task, pod.task)
    if task is None or task.status == "STOPPED":
        return
    essential: Live | None = None
    for live in pod.lives.values():
        state = {"waiting": "PENDING", "running": "RUNNING", "ended": "STOPPED"}[live.state]
        more: dict[str, Any] = {"lastStatus": state, "healthStatus": live.health}
        if live.state == "ended":
            more["exitCode"] = live.code
            if live.why:
                more["reason"] = live.why
            if live.said["essential"] and not _again(call, pod, live):
                essential = essential or live
        if task.exec:
            more["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING" if live.state == "running" else "STOPPED" if live.state == "ended" else "PENDING", **(
                {"lastStartedAt": live.began} if live.began else {})}]
        task = task.but(containers=_with(task, live.name, **more))
    task = task.but(health=health.of_task(pod))
    if task.desired == "RUNNING":
        if task.status == "ACTIVATING" and all(live.state != "waiting" for live in pod.lives.values()):
            task = task.but(status="RUNNING", started=call.now)
            metrics.begin(call)
        task = tasks.put(call, task)
        if essential is not None:
            tasks.stop(call, task, "EssentialContainerExited", essential.why or "Essential container in task exited")
        elif task.health == "UNHEALTHY" and any(live.health == "UNHEALTHY" and live.said["essential"] for live in pod.lives.values()) and task.service:
            tasks.stop(call, task, "ServiceSchedulerInitiated", "Task failed container health checks")
    else:
        tasks.put(call, task)


def _again(call: Call, pod: Pod, live: Live) -> bool:
    """A container that its policy lets begin again."""
    policy = live.said.get("restartPolicy") or {}
    if not policy.get("enabled") or live.code in (policy.get("ignoredExitCodes") or ()) or call.now - live.began < (policy.get("restartAttemptPeriod") or 60):
        return False
    live.state, live.restarts = "waiting", live.restarts + 1
    call.wake(carry, pod.task)
    return True


# -- the end ------------------------------------------------------------------------------------------------------------------

async def _end(call: Call, task: Task, pod: Pod | None) -> None:
    """Asked to go, then made to; the last to leave gives the interface back."""
    living = [live for live in pod.lives.values() if live.state == "running"] if pod else []
    if pod and living:
        first = not pod.ending
        pod.ending = True
        with call.step():
            _written(call, pod)
            if first:
                _now(call, task.id, status="DEACTIVATING")
                task = _now(call, task.id, status="STOPPING")
        for live in living:
            if not live.asked and live.main and all(other.state != "running" for other in pod.lives.values() if any(need["containerName"] == live.name for need in other.said.get("dependsOn") or ())):
                live.asked = True
                live.main.signal(containers.number_of(live.config.stop_signal))
                seconds = live.said.get("stopTimeout", STOP_SECONDS)
                with call.step():
                    call.after(min(seconds, MOST_ON_FARGATE) if task.launch == "FARGATE" else seconds, force, f"{task.id}/{live.name}", id=task.id, container=live.name)
        return
    with call.step():
        if pod:
            for live in pod.lives.values():
                live.state = "ended" if live.state == "running" else live.state
            _written(call, pod)
            for live in pod.lives.values():
                call.cancel(force, f"{task.id}/{live.name}")
                health.over(call, pod, live)
        task = _now(call, task.id, status="DEPROVISIONING", execution_stopped=call.now if pod else 0.0)
        _stopped(call, task)
    if pod:
        pods(call).pop(task.id, None)
        held = ec2.running_world(call)
        endpoint.close(call, pod)
        for live in pod.lives.values():
            if held is not None and live.machine in held.machines.running:
                await held.halt(live.machine, "kill")
        call.spawn(images.removed(place(call, pod)))


def _stopped(call: Call, task: Task) -> None:
    from . import balancers, capacity_providers
    balancers.left(call, task)
    if task.interface:
        endpoint.shut(call, task.interface)
        ec2.release_interface(call, task.interface)
    tasks.put(call, task.but(
        status="STOPPED", stopped=call.now, interface="", attachments=tuple({**one, "status": "DELETED"} for one in task.attachments), protected=0.0,
        containers=tuple({**one, "lastStatus": "STOPPED"} for one in task.containers)))
    call.after(tasks.KEPT_SECONDS, tasks.task_forgotten, task.id, id=task.id)
    if task.service:
        from . import scheduler
        scheduler.stopped(call, call.get(Task, task.id) or task)
    capacity_providers.followed(call)


@ecs.timer
def force(call: Call, id: str, container: str) -> None:
    """It has not gone in time."""
    pod = pods(call).get(id)
    live = pod.lives.get(container) if pod else None
    if live and live.state == "running" and live.main:
        live.main.signal(signal.SIGKILL)


def place(call: Call, pod: Pod) -> Path:
    """What the containers of a task write is here."""
    return Path(call.cloud.data) / "ecs" / "tasks" / pod.task


# -- what happens to all of them --------------------------------------------------------------------------------------------

def _listen(call: Call, held: World) -> None:
    """Once per world: its end is the end of all that ran in it."""
    if call.cloud.memory.get("ecs.listening") is not held:
        call.cloud.memory["ecs.listening"] = held
        cloud = call.cloud
        held.on_end.append(lambda: cloud.memory.get("ecs.doors", {}).clear())


@ecs.boot
def recover(call: Call) -> None:
    """After a start nothing runs: what was being started is started, what ran has stopped."""
    for where in call.cloud.store.scopes(Task.kind):
        there = call.at(*where)
        for one in there.all(Task):
            if one.status != "STOPPED":
                there.wake(carry, one.id)
