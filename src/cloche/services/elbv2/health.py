"""Health of targets: what DescribeTargetHealth says, and the checks it comes from, every interval on the virtual clock.

A new target is `initial` and healthy after one passed check; from then on it takes a threshold of checks in a row to change its state. Checks go out
from the load balancer's own interfaces, so the target's security group must admit the load balancer's.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import ANY, AwsError, Call

from . import network, target_groups, targets
from . import service as elbv2
from .balancers import LoadBalancer
from .index import index
from .target_groups import TargetGroup
from .targets import Target

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

FIRST_SECONDS = 5.0  # after registration; no later than an interval
SENTENCES = {
    "Elb.RegistrationInProgress": "Target registration is in progress", "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Elb.InternalError": "Health checks failed due to an internal error", "Target.ResponseCodeMismatch": "Health checks failed with these codes: [{}]",
    "Target.Timeout": "Request timed out", "Target.FailedHealthChecks": "Health checks failed", "Target.NotRegistered": "Target is not registered to the target group",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer", "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.InvalidState": "Target is in the {} state", "Target.IpUnusable": "The IP address cannot be used as a target, as it is in use by a load balancer", "Target.HealthCheckDisabled": "Health checks are disabled for this target",
}
OTHER_ZONE = "Target is in an Availability Zone that is not enabled for the load balancer"


class Found(NamedTuple):
    """What one check found: passed, or the reason code, and what fills its sentence."""

    passed: bool
    reason: str = ""
    said: str = ""


# -- told -------------------------------------------------------------------------------------------------------------------------

def balancer_of(call: Call, group: TargetGroup) -> LoadBalancer | None:
    for name in sorted(index(call).users.get(group.arn, ())):
        if found := call.get(LoadBalancer, name):
            return found
    return None


def reachable_zone(balancer: LoadBalancer, target: Target) -> bool:
    return target.zone in ("all", "") or any(zone.zone == target.zone for zone in balancer.zones)


def used(call: Call, group: TargetGroup, target: Target) -> bool:
    balancer = balancer_of(call, group)
    return balancer is not None and reachable_zone(balancer, target) and not (group.type == "ip" and target.id in balancers_addresses(call))


def state(call: Call, group: TargetGroup, target: Target, instance: Any = None) -> tuple[str, str, str]:
    """(state, reason code, description)"""
    if target.draining:
        return _said("draining", "Target.DeregistrationInProgress")
    balancer = balancer_of(call, group)
    if instance is not None and instance["State"]["Name"] not in ("running", "pending"):
        return _said("unused", "Target.InvalidState", instance["State"]["Name"])
    if group.type == "ip" and target.id in balancers_addresses(call):
        return _said("unused", "Target.IpUnusable")
    if balancer is None:
        return _said("unused", "Target.NotInUse")
    if not reachable_zone(balancer, target):
        return "unused", "Target.NotInUse", OTHER_ZONE
    if not group.check["HealthCheckEnabled"]:
        return _said("unavailable", "Target.HealthCheckDisabled")
    if target.state == "healthy":
        return "healthy", "", ""
    if target.state == "unused":                               # it runs again, and has not been looked at yet
        return _said("initial", "Elb.InitialHealthChecking")
    return _said(target.state, target.reason, target.said)


def balancers_addresses(call: Call) -> set[str]:
    from . import nodes
    return {one.private for one in call.all(nodes.Node)}


def _said(state_: str, reason: str, more: str = "") -> tuple[str, str, str]:
    return state_, reason, SENTENCES[reason].format(more)


@elbv2.op(resource=ANY)
def describe_target_health(call: Call, req: t.DescribeTargetHealthInput) -> t.DescribeTargetHealthOutput:
    group = target_groups.find(call, req["TargetGroupArn"])
    there = index(call).targets.get(group.arn, [])
    out: list[Any] = []
    if wanted := req.get("Targets"):
        chosen: list[Any] = []
        for one in wanted:
            mine = [target for target in there if target.id == one["Id"] and one.get("Port") in (None, target.port)]
            chosen += mine or [one]
    else:
        chosen = list(there)
    instances = network.instances(call, [one.id for one in chosen if isinstance(one, Target)]) if group.type == "instance" else {}
    for target in chosen:
        if not isinstance(target, Target):
            out.append({"Target": {k: target[k] for k in ("Id", "Port") if k in target}, "TargetHealth": _shown(_said("unused", "Target.NotRegistered"))})
            continue
        shown: dict[str, Any] = {"Target": {"Id": target.id} | ({"Port": target.port} if target.port else {}), "TargetHealth": _shown(state(call, group, target, instances.get(target.id)))}
        if group.type in ("ip", "lambda"):
            shown["Target"]["AvailabilityZone"] = target.zone
        if group.type != "lambda":
            port = group.check["HealthCheckPort"]
            shown["HealthCheckPort"] = str(target.port) if port == "traffic-port" else port
        out.append(shown)
    return {"TargetHealthDescriptions": out}


def _shown(found: tuple[str, str, str]) -> Any:
    return {"State": found[0]} | ({"Reason": found[1], "Description": found[2]} if found[1] else {})


# -- who is checked -----------------------------------------------------------------------------------------------------------------

def follow(call: Call, group: TargetGroup) -> None:
    """After anything that changes who is used: checks begin for targets that a load balancer uses now, and end for others."""
    for target in list(index(call).targets.get(group.arn, ())):
        wanted = not target.draining and bool(group.check["HealthCheckEnabled"]) and used(call, group, target)
        if wanted and not target.checking:
            call.put(target.but(checking=True, state="initial", reason="Elb.RegistrationInProgress", said="", passed=0, failed=0))
            call.again(min(FIRST_SECONDS, group.check["HealthCheckIntervalSeconds"]), check, target.key, target=target.key)
        elif not wanted and target.checking:
            stop(call, target)


def follow_arns(call: Call, arns: set[str]) -> None:
    for arn in sorted(arns):
        if found := call.get(TargetGroup, arn.split("/")[1]):
            follow(call, found)


def soon(call: Call, balancer: LoadBalancer) -> None:
    """A load balancer has just become active: its targets have waited long enough."""
    for arn, users in index(call).users.items():
        for target in index(call).targets.get(arn, ()) if balancer.name in users else ():
            if target.checking:
                call.after(1.0, check, target.key, target=target.key)


def stop(call: Call, target: Target) -> None:
    call.cancel(check, target.key)
    if (found := call.get(Target, target.key)) and found.checking:
        call.put(found.but(checking=False, state="initial", reason="Elb.RegistrationInProgress", said="", passed=0, failed=0))


@elbv2.timer
def check(call: Call, target: str) -> None:
    found = call.get(Target, target)
    group = call.get(TargetGroup, target.split("/")[0])
    if found is None or group is None or not found.checking:
        return
    call.again(group.check["HealthCheckIntervalSeconds"], check, target, target=target)
    call.wake(probe, target)


@elbv2.worker
async def probe(call: Call, target: str) -> None:
    """One check of one target; what it found is written down in a step of its own."""
    from .traffic import metrics, probing
    found, group = call.get(Target, target), call.get(TargetGroup, target.split("/")[0])
    balancer = balancer_of(call, group) if group else None
    if found is None or group is None or balancer is None or not found.checking or balancer.state != "active":
        return
    if group.type == "instance":
        instance = network.instances(call, [found.id]).get(found.id)
        if instance is None or instance["State"]["Name"] in ("terminated", "shutting-down"):
            with call.step():
                if there := call.get(Target, target):
                    targets.forget(call, there)            # AWS deregisters what is terminated
            return
        if instance["State"]["Name"] != "running":             # nothing is sent to it until it runs again
            with call.step():
                asleep = found.but(state="unused", reason="Target.InvalidState", said=instance["State"]["Name"], passed=0, failed=0)
                if asleep != call.get(Target, target):
                    call.put(asleep)
            return
        found = found.but(address=instance.get("PrivateIpAddress", found.address))
    try:
        seen = await probing.probe(call, balancer, group, found)
    except AwsError as error:
        seen = Found(False, "Target.FailedHealthChecks", error.message)
    with call.step():
        there = call.get(Target, target)
        if there is not None and there.checking and there.registered == found.registered:
            if there.state == "unused":
                there = there.but(state="initial", reason="Elb.InitialHealthChecking", said="")
            after = judged(there.but(address=found.address), group.check, seen, call.now)
            if after != call.get(Target, target):
                call.put(after)
            metrics.hosts(call, balancer, group)


def judged(target: Target, check_: Any, seen: Found, now: float) -> Target:
    """The target after one more check. Counts stop at their thresholds, so that a steady state changes nothing."""
    if seen.passed:
        passed = min(target.passed + 1, check_["HealthyThresholdCount"])
        if target.state == "healthy":
            return target.but(failed=0, passed=passed)
        if target.state == "initial" or passed >= check_["HealthyThresholdCount"]:
            return target.but(state="healthy", reason="", said="", failed=0, passed=passed, since=now)
        return target.but(failed=0, passed=passed)
    failed = min(target.failed + 1, check_["UnhealthyThresholdCount"])
    if target.state == "unhealthy" or failed >= check_["UnhealthyThresholdCount"]:
        return target.but(state="unhealthy", reason=seen.reason, said=seen.said, failed=failed, passed=0)
    if target.state == "initial":
        return target.but(reason="Elb.InitialHealthChecking", said="", failed=failed, passed=0)
    return target.but(failed=failed, passed=0)
