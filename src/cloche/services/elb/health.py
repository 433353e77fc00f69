"""Health of registered instances: out of service until so many checks in a row have passed (10, every 30 seconds, unless told otherwise), then in service."""
from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call
from cloche.services.elbv2 import public as elbv2

from . import errors, metrics, nodes
from . import service as elb
from .balancers import LoadBalancer, Member, by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t

TARGET = re.compile(r"(HTTP|HTTPS|TCP|SSL):(\d{1,5})(/.*)?", re.I)
REGISTERING = "Instance registration is still in progress."
NOT_YET = "Instance has not passed the configured HealthyThreshold number of health checks consecutively."
FAILED = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."


def target(text: str) -> tuple[str, int, str]:
    found = TARGET.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 65535 or (found[1].upper() in ("HTTP", "HTTPS")) != bool(found[3]):
        raise errors.bad_target(text)
    return found[1].upper(), int(found[2]), found[3] or ""


@elb.op(resource=by_name, context=facts)
def configure_health_check(call: Call, req: t.ConfigureHealthCheckInput) -> t.ConfigureHealthCheckOutput:
    one, check_ = find(call, req["LoadBalancerName"]), dict(req["HealthCheck"])
    target(check_["Target"])
    if check_["Timeout"] >= check_["Interval"]:
        raise errors.timeout_not_below_interval()
    call.put(one.but(check=check_))
    return {"HealthCheck": check_}  # type: ignore[typeddict-item]


@elb.op(resource=by_name, action="elasticloadbalancing:DescribeInstanceHealth")
def describe_instance_health(call: Call, req: t.DescribeEndPointStateInput) -> t.DescribeEndPointStateOutput:
    one = find(call, req["LoadBalancerName"])
    ids = [each.get("InstanceId", "") for each in req.get("Instances") or ()] or list(one.members)
    instances = elbv2.network.instances(call, ids)
    if missing := [id_ for id_ in ids if id_ not in instances and id_ not in one.members]:
        raise errors.no_such_instance(missing)
    return {"InstanceStates": [dict(zip(("InstanceId", "State", "ReasonCode", "Description"), (id_, *said(one, id_, instances.get(id_))))) for id_ in ids]}  # type: ignore[typeddict-item]


def said(one: LoadBalancer, id_: str, instance: Any) -> tuple[str, str, str]:
    member = one.members.get(id_)
    if member is None:
        return "OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer."
    if member.draining:
        return "InService", "N/A", "Instance deregistration currently in progress."
    if instance is not None and instance["State"]["Name"] not in ("running", "pending"):
        return "OutOfService", "Instance", f"Instance is in {instance['State']['Name']} state."
    if member.zone not in one.zones.values():
        return "OutOfService", "ELB", "The Availability Zone of the instance is not enabled for the LoadBalancer."
    if member.well:
        return "InService", "N/A", "N/A"
    if not member.seen:
        return "OutOfService", "ELB", REGISTERING
    return "OutOfService", "Instance", FAILED if member.failed >= one.check["UnhealthyThreshold"] else NOT_YET


# -- checks -----------------------------------------------------------------------------------------------------------------------

def begin(call: Call, one: LoadBalancer, instance: str) -> None:
    call.after(one.check["Interval"], check, f"{one.name}/{instance}", balancer=one.name, instance=instance)


@elb.timer
def check(call: Call, balancer: str, instance: str) -> None:
    one = call.get(LoadBalancer, balancer)
    if one is None or instance not in one.members or one.members[instance].draining:
        return
    begin(call, one, instance)
    call.wake(probe, f"{balancer}/{instance}")


@elb.worker
async def probe(call: Call, key: str) -> None:
    name, _, id_ = key.partition("/")
    one = call.get(LoadBalancer, name)
    member = one.members.get(id_) if one else None
    if one is None or member is None or member.draining:
        return
    instance = elbv2.network.instances(call, [id_]).get(id_)
    if instance is None or instance["State"]["Name"] in ("terminated", "shutting-down"):
        with call.step():                                      # AWS deregisters what is terminated
            if (one := call.get(LoadBalancer, name)) and id_ in one.members:
                call.cancel(check, key)
                call.put(one.but(members={k: v for k, v in one.members.items() if k != id_}))
        return
    address = instance.get("PrivateIpAddress", "")
    seen = await ask(call, one, member, address) if instance["State"]["Name"] == "running" else elbv2.Found(False)
    with call.step():
        one = call.get(LoadBalancer, name)
        there = one.members.get(id_) if one else None
        if one is None or there is None or there.registered != member.registered:
            return
        after = judged(msgspec.structs.replace(there, address=address or there.address), one.check, seen.passed)
        if after != there:
            one = call.put(one.but(members=one.members | {id_: after}))
        metrics.hosts(call, one)


async def ask(call: Call, one: LoadBalancer, member: Member, address: str) -> Any:
    protocol, port, path = target(one.check["Target"])
    sock = await elbv2.listening.outgoing(call, nodes.near(call, one, member.zone))
    if sock is None:
        return elbv2.Found(False)
    group: Any = SimpleNamespace(level="application", check={
        "HealthCheckTimeoutSeconds": one.check["Timeout"], "HealthCheckProtocol": "TCP" if protocol in ("TCP", "SSL") else protocol, "HealthCheckPath": path, "Matcher": {"HttpCode": "200"}})
    return await elbv2.probing.ask(sock, address, port, group)


def judged(member: Member, check_: Any, passed: bool) -> Member:
    if passed:
        count = min(member.passed + 1, check_["HealthyThreshold"])
        return msgspec.structs.replace(member, seen=True, failed=0, passed=count, well=member.well or count >= check_["HealthyThreshold"])
    count = min(member.failed + 1, check_["UnhealthyThreshold"])
    return msgspec.structs.replace(member, seen=True, passed=0, failed=count, well=member.well and count < check_["UnhealthyThreshold"])
