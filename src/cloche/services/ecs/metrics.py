"""CPUUtilization and MemoryUtilization of services and clusters, each minute, of what the kernel has counted against what the definitions reserve."""
from __future__ import annotations

from cloche.engines.world import usage as used
from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch
from cloche.services.ec2 import public as ec2

from . import placement
from . import service as ecs
from .definitions import Definition
from .pods import pods
from .tasks import Task

SECONDS = 60.0


def begin(call: Call) -> None:
    """A task runs: somebody looks from now on."""
    call.again(SECONDS, measure, "all")


@ecs.timer
def measure(call: Call) -> None:
    held = ec2.running_world(call)
    if held is None:
        return
    found: dict[tuple[tuple[str, str], ...], list[float]] = {}     # dimensions -> processor used and reserved, memory used and reserved
    for id_, pod in pods(call).items():
        task = call.get(Task, id_) if (pod.account, pod.region) == (call.account, call.region) else None
        definition = call.get(Definition, task.definition) if task else None
        if task is None or definition is None or task.status != "RUNNING":
            continue
        units, mib, _ = placement.takes(definition)
        processor = memory = 0.0
        for live in pod.lives.values():
            if live.state == "running" and (now := used.of(held, live.machine)) is not None:
                spent = now.cpu_seconds or 0.0
                processor += max(spent - live.used, 0.0) / SECONDS * 1024
                live.used = spent
                memory += (held.cgroups.used("m-" + live.machine) or 0) / (1 << 20)
        dims = [(("ClusterName", task.cluster),)] + ([(("ClusterName", task.cluster), ("ServiceName", task.service))] if task.service else [])
        for each in dims:
            row = found.setdefault(each, [0.0, 0.0, 0.0, 0.0])
            for i, value in enumerate((processor, units, memory, mib)):
                row[i] += value
    for each, (processor, units, memory, mib) in found.items():
        if units:
            cloudwatch.put(call, "AWS/ECS", "CPUUtilization", each, processor / units * 100, "Percent")
        if mib:
            cloudwatch.put(call, "AWS/ECS", "MemoryUtilization", each, memory / mib * 100, "Percent")
    reserved(call)
    if found:
        call.again(SECONDS, measure, "all")


def reserved(call: Call) -> None:
    """Of a cluster's instances: how much is taken."""
    from .container_instances import Instance
    totals: dict[str, list[float]] = {}
    for one in call.all(Instance):
        if one.status == "ACTIVE":
            cpu, memory, _, _ = placement.left(call, one)
            row = totals.setdefault(one.cluster, [0.0, 0.0, 0.0, 0.0])
            for i, value in enumerate((one.cpu - cpu, one.cpu, one.memory - memory, one.memory)):
                row[i] += value
    for cluster, (cpu, all_cpu, memory, all_memory) in totals.items():
        cloudwatch.put(call, "AWS/ECS", "CPUReservation", (("ClusterName", cluster),), cpu / all_cpu * 100, "Percent")
        cloudwatch.put(call, "AWS/ECS", "MemoryReservation", (("ClusterName", cluster),), memory / all_memory * 100, "Percent")
