"""What instances tell CloudWatch: every five minutes (basic monitoring) or every minute (detailed); the status checks every minute either way.

Measured are real machines: processor time against real time (a machine that burns shows it also while the clock is moved on), and the
bytes and packets of its interfaces. A record without a machine has nothing to measure, and no metrics.
"""
from __future__ import annotations

from typing import Any

from msgspec import Struct

from cloche.engines.world import usage
from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import instance_types, instances, life, tags, world
from . import service as ec2
from .instances import Instance

MINUTE, BASIC = 60, 300
LEAST_SECONDS = 0.02  # of real time between two looks; sooner, the last figure stands
CHECKS = ("StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System")
GROUP = "aws:autoscaling:groupName"
TRAFFIC = (("NetworkIn", "received", "Bytes"), ("NetworkOut", "sent", "Bytes"), ("NetworkPacketsIn", "packets_in", "Count"), ("NetworkPacketsOut", "packets_out", "Count"))


class Watch(Struct):
    """Of one machine: the last look, and what has come together since the last publication."""
    at: float
    seen: usage.Usage
    percent: float = 0.0
    percents: list[float] = []
    traffic: dict[str, int] = {}


def begin(call: Call, one: Instance) -> None:
    if one.state == "running" and not life.records_only(call):
        plan(call)


def plan(call: Call) -> None:
    call.due(call.now // MINUTE * MINUTE + MINUTE, measure, name="measure")


life.LISTENERS.append(begin)


@ec2.timer
def measure(call: Call) -> None:
    held = world.running(call)
    alive = [one for one in call.all(Instance) if one.state in ("pending", "running")]
    if not alive or life.records_only(call):
        return
    plan(call)
    minute = call.now // MINUTE * MINUTE
    for one in alive:
        if one.state == "running" and held is not None and (seen := usage.of(held, one.id)) is not None:
            look(call, one, seen, minute)


def look(call: Call, one: Instance, seen: usage.Usage, minute: float) -> None:
    kept: dict[str, Watch] = call.cloud.memory.setdefault("ec2.watches", {})
    real, watch = call.cloud.clock.real(), kept.get(one.id)
    if watch is None or (seen.cpu_seconds or 0.0) < (watch.seen.cpu_seconds or 0.0) or seen.received < watch.seen.received:
        watch = kept[one.id] = Watch(real, seen)  # a first look, or another boot: what was is forgotten
        if seen.cpu_seconds is not None:
            watch.percent = 0.0
    elif real - watch.at >= LEAST_SECONDS:
        if seen.cpu_seconds is not None and watch.seen.cpu_seconds is not None:
            vcpus = max(1, instance_types.find(one.type).vcpus)
            watch.percent = min(100.0, 100 * (seen.cpu_seconds - watch.seen.cpu_seconds) / (real - watch.at) / vcpus)
        for _, member, _unit in TRAFFIC:
            watch.traffic[member] = watch.traffic.get(member, 0) + getattr(seen, member) - getattr(watch.seen, member)
        watch.at, watch.seen = real, seen
    watch.percents.append(watch.percent)
    failed = 0 if instances.status(call, one)[0] in ("ok", "initializing") else 1
    dims = (("InstanceId", one.id),)
    for name in CHECKS:
        cloudwatch.write(call, "AWS/EC2", name, dims, failed, "Count", minute - MINUTE)
    if one.monitoring == "enabled":
        publish(call, one, watch, minute - MINUTE)
    elif minute % BASIC == 0:
        publish(call, one, watch, minute - BASIC)


def publish(call: Call, one: Instance, watch: Watch, at: float) -> None:
    figures: list[Any] = [(name, watch.traffic.get(member, 0), unit) for name, member, unit in TRAFFIC]
    if watch.seen.cpu_seconds is not None:
        figures.append(("CPUUtilization", sum(watch.percents) / len(watch.percents), "Percent"))
    watch.percents, watch.traffic = [], {}
    places: list[tuple[tuple[str, str], ...]] = [(("InstanceId", one.id),)]
    if group := tags.of(call, one.id).get(GROUP):
        places.append((("AutoScalingGroupName", group),))
    if one.monitoring == "enabled":  # only then AWS adds instances up by image, by type, and all together
        places += [(("ImageId", one.image),), (("InstanceType", one.type),), ()]
    for dims in places:
        for name, value, unit in figures:
            cloudwatch.write(call, "AWS/EC2", name, dims, value, unit, at)
