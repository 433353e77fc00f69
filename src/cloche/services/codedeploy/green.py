"""EC2, blue/green: other machines get the revision, then the load balancer goes over to them, then the old ones may be ended.

Stages, each begun when the one before it is over: copying (a fleet is made), installing (green machines up to ValidateService), waiting (Ready, until
somebody says so or the time is over), rerouting (traffic for green), blocking (none for blue), ending (the old ones' last minutes).
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import configs, copying, fleet, lifecycle, machines, scaling, traffic
from .fleet import ALLOW, BASE, BLOCK, NOBODY, TOO_MANY
from .groups import Group, acting
from .lifecycle import Failure
from .records import Deployment, Target, targets

MINUTE = 60.0
LOOK_SECONDS = 10.0


def option(one: Deployment, name: str) -> dict[str, Any]:
    found: dict[str, Any] = one.colours.get(name) or {}
    return found


async def turn(call: Call, one: Deployment) -> bool:
    if not one.colours:
        raise Failure("MISSING_BLUE_GREEN_DEPLOYMENT_CONFIGURATION", "The deployment group has no blue/green deployment configuration.")
    if not traffic.given(one):
        raise Failure("MISSING_ELB_INFORMATION", "The deployment group names no load balancer.")
    if one.stage == "" and option(one, "greenFleetProvisioningOption").get("action") == "COPY_AUTO_SCALING_GROUP" and not one.asked.get("targetInstances"):
        return await copy(call, one)
    with call.step():
        return STAGES[one.stage](call, fleet.known(call, one), one)


def stage(call: Call, one: Deployment, name: str, **memory: Any) -> bool:
    call.put(one.but(stage=name, fleet={**one.fleet, **memory}))
    return True


async def copy(call: Call, one: Deployment) -> bool:
    group = fleet.known(call, one)
    if len(group.scaling) != 1:
        raise Failure("AUTO_SCALING_CONFIGURATION", "An Auto Scaling group can be copied only where the deployment group names exactly one.")
    old = next(iter(group.scaling))
    new = f"CodeDeploy_{group.name}_{one.id}"
    await copying.copy(acting(call, group, one.id), old, new)
    with call.step():
        return stage(call, call.get(Deployment, one.id) or one, "copying", old=old, new=new)


def copied(call: Call, group: Group, one: Deployment) -> bool:
    """Until the new fleet is as large as the old one."""
    role = acting(call, group, one.id)
    found = role.do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[one.fleet["new"]])["AutoScalingGroups"]
    if not found:
        raise Failure("AUTO_SCALING_CONFIGURATION", f"The Auto Scaling group {one.fleet['new']} is gone.")
    there = [each["InstanceId"] for each in found[0].get("Instances") or () if each["LifecycleState"] == "InService"]
    if len(there) < found[0]["DesiredCapacity"]:
        call.after(LOOK_SECONDS, fleet.look, f"{one.id}:copy", deployment=one.id)
        return False
    return installed_on(call, group, one, [(id_, machines.arn(call, id_)) for id_ in there])


def discovered(call: Call, group: Group, one: Deployment) -> bool:
    return installed_on(call, group, one, machines.asked_for(acting(call, group, one.id), one.asked.get("targetInstances") or {}))


def installed_on(call: Call, group: Group, one: Deployment, green: list[tuple[str, str]]) -> bool:
    if not green:
        raise Failure("NO_INSTANCES", NOBODY)
    names = {id_ for id_, _ in green}
    blue = [(id_, arn) for id_, arn in machines.chosen(acting(call, group, one.id), group) if id_ not in names]
    one = fleet.enter(call, one, green, (*BASE, *ALLOW), "Green")
    one = fleet.enter(call, one, blue, BLOCK, "Blue")
    return stage(call, one, "installing")


def of(call: Call, one: Deployment, label: str) -> list[Target]:
    return [target for target in targets(call, one) if target.label == label]


def moved(call: Call, group: Group, one: Deployment, mine: list[Target], until: str = "") -> bool:
    """All of them up to an event (or their end), at the configuration's pace: True when they are there."""
    mine = [fleet.advance(call, group, one, target, until) if target.status == "InProgress" else target for target in mine]
    least, away = fleet.pace(configs.find(call, one.config).hosts, len(mine))

    def arrived(target: Target) -> bool:
        return target.over or (target.current is not None and target.current.name == until and target.current.status == "Pending")

    for number, target in enumerate(mine):
        busy = sum(each.status == "InProgress" and not arrived(each) for each in mine)
        if target.status in ("Pending", "Ready") and busy < away and not (until and arrived(target)):
            mine[number] = fleet.advance(call, group, one, fleet.started(call, group, one, target), until)
    if mine and sum(each.status == "Failed" for each in mine) > len(mine) - least:
        raise Failure("HEALTH_CONSTRAINTS", TOO_MANY)
    return all(arrived(each) for each in mine)


def installing(call: Call, group: Group, one: Deployment) -> bool:
    """The green machines have it, and wait for their traffic."""
    if not moved(call, group, one, of(call, one, "Green"), ALLOW[0]):
        return False
    for target in of(call, one, "Green"):
        if not target.over:
            call.put(target.but(status="Ready", updated=call.now))
    ready = option(one, "deploymentReadyOption")
    if ready.get("actionOnTimeout") != "STOP_DEPLOYMENT":
        return stage(call, one, "rerouting")
    due = call.now + float(ready.get("waitTimeInMinutes", 0)) * MINUTE
    stage(call, one, "waiting", due=due)
    lifecycle.put(call, call.get(Deployment, one.id) or one, "Ready")
    call.due(due, fleet.look, f"{one.id}:ready", deployment=one.id)
    return False


def waiting(call: Call, group: Group, one: Deployment) -> bool:
    if one.fleet.get("continued"):
        return stage(call, one, "rerouting")
    if call.now < one.fleet["due"]:
        return False
    lifecycle.stop(call, one, "TIMEOUT", "Nobody continued the deployment before its wait time was over.")
    return False


def rerouting(call: Call, group: Group, one: Deployment) -> bool:
    return moved(call, group, one, [each for each in of(call, one, "Green") if each.status != "Failed"]) and stage(call, one, "blocking")


def blocking(call: Call, group: Group, one: Deployment) -> bool:
    if not moved(call, group, one, of(call, one, "Blue")):
        return False
    ending_ = option(one, "terminateBlueInstancesOnDeploymentSuccess")
    if ending_.get("action") != "TERMINATE" or not of(call, one, "Blue"):
        return handed_over(call, group, one)
    due = call.now + float(ending_.get("terminationWaitTimeInMinutes", 0)) * MINUTE
    call.due(due, fleet.look, f"{one.id}:end", deployment=one.id)
    return stage(call, one.but(waiting=True), "ending", due=due)


def ending(call: Call, group: Group, one: Deployment) -> bool:
    if call.now < one.fleet["due"]:
        return False
    role, blue = acting(call, group, one.id), [each.id for each in of(call, one, "Blue") if each.id.startswith("i-")]
    if one.fleet.get("old"):
        role.do("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=one.fleet["old"], ForceDelete=True)
    elif blue:
        role.do("ec2", "TerminateInstances", InstanceIds=blue)
    return handed_over(call, group, one)


def handed_over(call: Call, group: Group, one: Deployment) -> bool:
    """The group is the new fleet's from now on."""
    if one.fleet.get("new"):
        call.put(scaling.hooked(call, group, [one.fleet["new"]]))
    lifecycle.succeed(call, call.get(Deployment, one.id) or one)
    return False


STAGES = {"": discovered, "copying": copied, "installing": installing, "waiting": waiting, "rerouting": rerouting, "blocking": blocking, "ending": ending}
