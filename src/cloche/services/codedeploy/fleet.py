"""EC2 and on premises, in place: so many machines at a time that enough stay well, each one lifecycle event after the other.

What the agent does is a command for it; blocking and allowing traffic is done from here. A machine that fails is left as it is.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import commands, configs, lifecycle, machines, notices, traffic
from . import service as codedeploy
from .groups import Group, acting
from .lifecycle import Failure
from .records import Deployment, Happening, Target, closed, happened, targets
from .revisions import mark

BASE = ("ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart", "ValidateService")
BLOCK, ALLOW = ("BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic"), ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
STOPPING = ("ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic")  # scripts of the revision before: their failure may be overlooked
OURS = ("BlockTraffic", "AllowTraffic")
NOBODY = ("The deployment failed because no instances were found for your deployment group. Check your deployment group settings to make sure the tags for your Amazon EC2 instances or "
          "Auto Scaling groups correctly identify the instances you want to deploy to, and then try again.")
TOO_MANY = ("The overall deployment failed because too many individual instances failed deployment, too few healthy instances are available for deployment, or some instances in your "
            "deployment group are experiencing problems.")


def events(one: Deployment) -> tuple[str, ...]:
    if one.creator == "autoscalingTermination":
        return ("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop")
    return (*BLOCK, *BASE, *ALLOW) if traffic.given(one) and not one.fleet.get("lifecycle") else BASE


async def turn(call: Call, one: Deployment) -> bool:
    from . import green
    if one.style.get("deploymentType") == "BLUE_GREEN" and not one.fleet.get("lifecycle"):
        return await green.turn(call, one)
    with call.step():
        group = known(call, one)
        if not one.targets:
            begin(call, group, one)
        else:
            go_on(call, group, one, targets(call, one))
    return not one.targets


lifecycle.TURNS["Server"] = turn


def known(call: Call, one: Deployment) -> Group:
    group = lifecycle.group_of(call, one)
    if group is None:
        raise Failure("DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} does not exist.")
    return group


def begin(call: Call, group: Group, one: Deployment) -> None:
    role = acting(call, group, one.id)
    waits = one.fleet.get("lifecycle")
    found = [(waits["instance"], machines.arn(call, waits["instance"]))] if waits else machines.chosen(role, group)
    if one.asked.get("updateOutdatedInstancesOnly"):
        found = [(id_, arn) for id_, arn in found if commands.host(call, id_).holds.get(group.id) != mark(one.revision)]
    if not found:
        raise Failure("NO_INSTANCES", NOBODY)
    enter(call, one, found, events(one))


def enter(call: Call, one: Deployment, found: list[tuple[str, str]], names: tuple[str, ...], label: str = "") -> Deployment:
    for id_, arn in found:
        call.put(Target(one.id, id_, "InstanceTarget", [Happening(event) for event in names], call.now, label=label, info={"arn": arn}))
    return call.put(one.but(targets=[*one.targets, *(id_ for id_, _ in found)]))


# -- how many -----------------------------------------------------------------------------------------------------------------

def pace(hosts: dict[str, Any], total: int) -> tuple[int, int]:
    """(how many must be well at the end, how many may be away at a time)"""
    kind, value = hosts.get("type"), int(hosts.get("value", 0))
    if kind == "MOST_CONCURRENCY":                     # one at a time: the last one may fail, unless it is the only one
        return max(total - value, 1), value
    least = value if kind == "HOST_COUNT" else -(-total * value // 100)
    away = total - least
    return max(least, 1), max(away, 1) if kind == "FLEET_PERCENT" else away


def go_on(call: Call, group: Group, one: Deployment, mine: list[Target]) -> None:
    """Move who is at work, begin with who may, and see whether it is over. Inside a step."""
    mine = [advance(call, group, one, target) if target.status == "InProgress" else target for target in mine]
    least, away = pace(configs.find(call, one.config).hosts, len(mine))
    for number, target in enumerate(mine):
        failed, busy = sum(each.status == "Failed" for each in mine), sum(each.status == "InProgress" for each in mine)
        if target.status == "Pending" and busy + failed < away:
            mine[number] = advance(call, group, one, started(call, group, one, target))
    if sum(each.status == "Failed" for each in mine) > len(mine) - least:
        raise Failure("HEALTH_CONSTRAINTS", TOO_MANY)
    if all(each.over for each in mine):
        lifecycle.succeed(call, call.get(Deployment, one.id) or one)
    elif not any(each.status == "InProgress" for each in mine):
        raise Failure("HEALTH_CONSTRAINTS", TOO_MANY)  # those that failed are as many as may be away: nobody else can begin


def started(call: Call, group: Group, one: Deployment, target: Target) -> Target:
    target = call.put(target.but(status="InProgress", updated=call.now))
    notices.moved_target(call, group, one, target)
    return target


# -- one machine ----------------------------------------------------------------------------------------------------------------

def advance(call: Call, group: Group, one: Deployment, target: Target, until: str = "") -> Target:
    """As far as it goes now; not into the event `until`. Inside a step."""
    role = acting(call, group, one.id)
    while (event := target.current) is not None and event.name != until:
        if event.name not in OURS:
            if event.status == "Pending":
                commands.send(call, one, target, event.name)
                target = happened(call, target, event.name, "InProgress")
            return target
        if event.status == "Pending":
            (traffic.block if event.name == "BlockTraffic" else traffic.allow)(role, one, target)
            target = happened(call, target, event.name, "InProgress")
        if not (traffic.blocked if event.name == "BlockTraffic" else traffic.allowed)(role, one, target):
            call.after(traffic.LOOK_SECONDS, look, target.key, deployment=one.id)
            return target
        target = happened(call, target, event.name, "Succeeded", code="Success", message="Succeeded")
    if target.current is None:
        target = call.put(target.but(status="Succeeded", updated=call.now))
        if target.label != "Blue":
            commands.keep(call, target.id, group.id, mark(one.revision))
        notices.moved_target(call, group, one, target)
    return target


@codedeploy.timer
def look(call: Call, deployment: str) -> None:
    call.wake(lifecycle.carry, deployment)


def told(call: Call, id_: str, host: str, event: str, code: str, script: str, message: str, log: str) -> None:
    """What an agent says of an event (or its silence). Inside a step."""
    one, target = call.get(Deployment, id_), call.get(Target, f"{id_}/{host}")
    if one is None or target is None or one.over or target.over:
        return
    good = code == "Success"
    target = happened(call, target, event, "Succeeded" if good else "Failed", code=code, script=script, message=message or ("Succeeded" if good else ""), log=log)
    if not good and not (event in STOPPING and one.asked.get("ignoreApplicationStopFailures")):
        target = closed(call, target, "Failed")
        notices.moved_target(call, lifecycle.group_of(call, one), one, target)
    call.wake(lifecycle.carry, id_)
