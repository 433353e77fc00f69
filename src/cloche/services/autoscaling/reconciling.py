"""Making a group's instances what the group wishes: one worker for each group, woken by changes and by a tick while there is something to watch.

Each turn looks at what EC2 and the load balancers say, moves every instance one step along its life, then launches what is lacking and
dooms what is too much. It can be stopped anywhere and begin again: what it did is in the records.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import activities, choosing, hooks, launching, notifications, refreshes, targets, warm_pools
from . import service as autoscaling
from .activities import stamp
from .groups import Group, acting, ask
from .instances import COMING, COUNTED, GOING, Instance, of_group

BUSY_SECONDS, CALM_SECONDS = 10, 60
LONGEST_DRAIN = 3_600
FIRST_RETRY, LONGEST_RETRY = 60, 3_600
ROUNDS = 20
DEAD = ("stopping", "stopped", "shutting-down", "terminated", None)


def soon(call: Call, group: str) -> None:
    call.wake(reconcile, group)


@autoscaling.timer
def tick(call: Call, group: str) -> None:
    call.wake(reconcile, group)


@autoscaling.worker
async def reconcile(call: Call, key: str) -> None:
    for _ in range(ROUNDS):
        if call.get(Group, key) is None or not await turn(call, key):
            break
    group = call.get(Group, key)
    if group is None:
        return
    with call.step():
        if group.status and not of_group(call, key):
            from .groups import remove
            remove(call, group)
        else:
            plan(call, group)


def plan(call: Call, group: Group) -> None:
    """When to look again: often while something is on its way, every minute while there is anybody, else not at all."""
    members = of_group(call, group.name)
    moving = any(one.lifecycle in ("Pending", "Pending:Proceed", "Terminating", "Terminating:Proceed") or (one.lifecycle == "InService" and not one.registered and (group.target_groups or group.balancers))
                 for one in members)
    have = sum(one.lifecycle in COUNTED and not one.warm for one in members)
    short = (have < group.desired and "Launch" not in group.suspended) or (have > group.desired and "Terminate" not in group.suspended)
    if not members and not short and not warm_pools.size(group):
        return
    busy = moving or (short and group.retry <= call.now) or refreshes.active(call, group.name)
    due = call.now + BUSY_SECONDS if busy else call.now // CALM_SECONDS * CALM_SECONDS + CALM_SECONDS  # calm groups look together
    if short and call.now < group.retry < due:
        due = group.retry
    call.due(due, tick, name=group.name, group=group.name)


# -- one turn ---------------------------------------------------------------------------------------------------------

async def turn(call: Call, name: str) -> bool:
    """True if something happened that asks for another look at once."""
    group = call.get(Group, name)
    assert group is not None
    members = of_group(call, name)
    try:
        states = await seen(call, group, members)
        health = await targets.health(call, group) if members and (group.target_groups or group.balancers) and ("ELB" in group.health or any(one.draining for one in members)) else {}
    except AwsError as error:
        call.cloud.memory["autoscaling.blind"] = (name, error.code, error.message)
        return False
    with call.step():
        group = call.get(Group, name)
        if group is None:
            return False
        moved = False
        for one in of_group(call, name):
            moved |= step(call, group, one, states.get(one.id, {}), health.get(one.id, []))
        group = call.get(Group, name) or group
        refreshes.advance(call, group)
        warm_pools.advance(call, group)
        lacking = balance(call, group)
    moved |= await register(call, name)
    moved |= await let_go(call, name, health)
    if lacking:
        moved |= await launch(call, name, lacking)
    return moved or await warm_pools.work(call, name, states)


async def seen(call: Call, group: Group, members: list[Instance]) -> dict[str, Any]:
    """What EC2 says of each instance; one that it does not know any more is not in the answer."""
    if not members:
        return {}
    answer = await ask(acting(call, group), "ec2", "DescribeInstances", Filters=[{"Name": "instance-id", "Values": [one.id for one in members]}])
    return {one["InstanceId"]: one for r in answer.get("Reservations") or () for one in r["Instances"]}


def step(call: Call, group: Group, one: Instance, there: dict[str, Any], health: list[str]) -> bool:
    """Move one instance along; True if it moved."""
    state = there.get("State", {}).get("Name")
    if one.warm:
        return False
    if one.lifecycle in ("Pending", "Pending:Proceed"):
        if one.result == "ABANDON":
            doom(call, group, one, f"instance {one.id} was abandoned by its lifecycle hook.", "Abandoned")
            return True
        if state in DEAD and not (state is None and call.now < one.launched + BUSY_SECONDS):
            lost(call, group, one, there)
            return True
        if state != "running":
            return False
        if hook := hooks.next_of(call, group, one, hooks.LAUNCHING):
            hooks.begin(call, group, one, hook, "Pending:Wait")
        else:
            arrive(call, group, one)
        return True
    if one.lifecycle == "InService":
        return check(call, group, one, state, health)
    if one.lifecycle in ("Terminating", "Terminating:Proceed"):
        if not one.ended and state not in DEAD[2:] and one.result != "ABANDON" and (hook := hooks.next_of(call, group, one, hooks.TERMINATING)):
            hooks.begin(call, group, one, hook, "Terminating:Wait")
            return True
        if state in ("terminated", None) and (one.ended or state == "terminated" or state is None):
            finish(call, group, one)
            return True
    if one.lifecycle in ("Terminating:Wait", "Pending:Wait") and state in ("terminated", None):
        finish(call, group, one)
        return True
    return False


def check(call: Call, group: Group, one: Instance, state: str | None, health: list[str]) -> bool:
    """Is it alive? One that is not is replaced; so is one that has lived too long."""
    why = ""
    if one.health != "Healthy":
        why = "a user health-check"
    if "HealthCheck" not in group.suspended:
        if state in DEAD:
            why = "an EC2 health check indicating it has been terminated or stopped"
        elif "ELB" in group.health and "unhealthy" in health and call.now >= one.in_service + group.grace and "AddToLoadBalancer" not in group.suspended:
            why = "an ELB system health check failure"
    if why and one.health == "Healthy":
        one = call.put(one.but(health="Unhealthy"))
    life = group.config.get("MaxInstanceLifetime")
    if not why and life and call.now > one.launched + life:
        why = "a max instance lifetime being reached"
    if not why or ("ReplaceUnhealthy" in group.suspended and one.health != "Healthy") or "Terminate" in group.suspended:
        return False
    doom(call, group, one, f"an instance was taken out of service in response to {why}.")
    return True


def arrive(call: Call, group: Group, one: Instance) -> None:
    one = call.put(one.but(lifecycle="InService", in_service=call.now, hook="", token=""))
    activities.end(call, one.activity)
    call.put(group.but(failures=0) if group.failures else group)
    notifications.tell(call, group, "EC2_INSTANCE_LAUNCH", one, one.activity)


def lost(call: Call, group: Group, one: Instance, there: dict[str, Any]) -> None:
    """It never came up."""
    reason = there.get("StateReason", {}).get("Message") or "Instance failed to start"
    activities.end(call, one.activity, "Failed", f"{reason}. Launching EC2 instance failed.")
    notifications.tell(call, group, "EC2_INSTANCE_LAUNCH_ERROR", one, one.activity)
    call.delete(one)
    failed(call, group)


def failed(call: Call, group: Group) -> None:
    group = call.get(Group, group.name) or group
    call.put(group.but(failures=group.failures + 1, retry=call.now + min(FIRST_RETRY * 2 ** group.failures, LONGEST_RETRY)))


def doom(call: Call, group: Group, one: Instance, cause: str, status: str = "") -> Instance:
    if one.lifecycle in COMING and one.activity:
        activities.end(call, one.activity, "Cancelled" if not status else "Failed", "Launch was abandoned." if status else "")
    id_ = activities.begin(call, group, f"Terminating EC2 instance: {one.id}", cause, f'{{"Subnet ID":"{one.subnet}","Availability Zone":"{one.zone}"}}')
    hooks.cancel(call, one)
    return call.put(one.but(lifecycle="Terminating", activity=id_, done_hooks=[], hook="", token="", result="", cause=cause))


def finish(call: Call, group: Group, one: Instance) -> None:
    hooks.cancel(call, one)
    if one.lifecycle in GOING:
        activities.end(call, one.activity)
        notifications.tell(call, group, "EC2_INSTANCE_TERMINATE", one, one.activity)
    call.delete(one)


def balance(call: Call, group: Group) -> int:
    """Doom what is too much; how many are lacking."""
    members = [one for one in of_group(call, group.name) if not one.warm]
    counted = [one for one in members if one.lifecycle in COUNTED]
    surplus = len(counted) - group.desired
    if surplus > 0 and "Terminate" not in group.suspended and not (group.rebalancing and surplus == 1 and any(one.lifecycle in COMING for one in counted)):
        for one in choosing.victims(members, surplus, group.policies or ["Default"], current(group, counted), call.now):
            now = len([x for x in of_group(call, group.name) if x.lifecycle in COUNTED and not x.warm])
            cause = f"{group.cause}  At {stamp(call.now)} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from {now} to {now - 1}."
            doom(call, group, one, cause.lstrip())
        if group.rebalancing:
            call.put(group.but(rebalancing=False))
        return 0
    if surplus < 0:
        return 0 if "Launch" in group.suspended or call.now < group.retry or group.status else -surplus
    if not group.status and "AZRebalance" not in group.suspended and "Launch" not in group.suspended and not group.rebalancing and surplus == 0 \
            and all(one.lifecycle == "InService" for one in counted) and choosing.uneven(group.subnets, members):
        call.put(group.but(rebalancing=True, cause="instances were out of balance between Availability Zones."))
        return 1
    return 0


def current(group: Group, members: list[Instance]) -> dict[str, Any]:
    """What the group launches now, as its instances remember it: of the newest one, if nothing else tells."""
    if "LaunchConfigurationName" in group.config:
        return {"LaunchConfigurationName": group.config["LaunchConfigurationName"]}
    template = launching.template_of(group.config) or {}
    if str(template.get("Version", "")).isdigit():
        return {"LaunchTemplate": {key: template[key] for key in ("LaunchTemplateId", "LaunchTemplateName", "Version")}}
    return max(members, key=lambda one: one.launched).note if members else {}


# -- waiting for others -----------------------------------------------------------------------------------------------

async def register(call: Call, name: str) -> bool:
    group = call.get(Group, name)
    fresh = [one for one in of_group(call, name) if one.lifecycle == "InService" and not one.registered]
    if group is None or not fresh or not (group.target_groups or group.balancers) or "AddToLoadBalancer" in group.suspended:
        return False
    refused = await targets.join(call, group, fresh)
    with call.step():
        for old in fresh:
            if (one := call.get(Instance, old.id)) and not refused:
                call.put(one.but(registered=True))
    return False


async def let_go(call: Call, name: str, health: dict[str, list[str]]) -> bool:
    """Doomed instances without a hook to wait for: out of the load balancers, drained, ended."""
    group = call.get(Group, name)
    ready = [one for one in of_group(call, name) if one.lifecycle in ("Terminating", "Terminating:Proceed") and not one.ended]
    if group is None or not ready:
        return False
    ready = [one for one in ready if one.result == "ABANDON" or hooks.next_of(call, group, one, hooks.TERMINATING) is None]
    if leaving := [one for one in ready if one.registered]:
        await targets.leave(call, group, leaving)
        with call.step():
            for old in leaving:
                if one := call.get(Instance, old.id):
                    call.put(one.but(registered=False, draining=call.now))
                    activities.move(call, one.activity, "WaitingForELBConnectionDraining", 40)
        return True
    over = [one for one in ready if not (one.draining and "draining" in health.get(one.id, []) and call.now < one.draining + LONGEST_DRAIN)]
    if not over:
        return False
    try:
        await ask(acting(call, group), "ec2", "TerminateInstances", InstanceIds=[one.id for one in over])
    except AwsError as error:
        call.cloud.memory["autoscaling.terminate"] = (name, error.code, error.message)
        if "NotFound" not in error.code:
            return False
    with call.step():
        for old in over:
            if one := call.get(Instance, old.id):
                call.put(one.but(ended=True))
                activities.move(call, one.activity, "InProgress", 60)
    return False


async def launch(call: Call, name: str, count: int) -> bool:
    group = call.get(Group, name)
    assert group is not None
    count -= await warm_pools.take(call, group, count)
    if count <= 0:
        return True
    try:
        request, note = await launching.request(call, group)
    except AwsError as error:
        with call.step():
            id_ = activities.begin(call, group, "Launching a new EC2 instance", group.cause)
            activities.end(call, id_, "Failed", f"{error.message} Launching EC2 instance failed.")
            failed(call, group)
            notifications.tell(call, group, "EC2_INSTANCE_LAUNCH_ERROR", None, id_)
        return False
    batches: dict[str, int] = {}
    for subnet in choosing.spread(group.subnets, of_group(call, name), count):
        batches[subnet] = batches.get(subnet, 0) + 1
    for subnet, number in batches.items():
        await batch(call, group, request, note, subnet, number)
    return False


async def batch(call: Call, group: Group, request: dict[str, Any], note: dict[str, Any], subnet: str, number: int, warm: bool = False) -> None:
    """So many in one subnet: all, or (after a refusal) none, and later again."""
    details = f'{{"Subnet ID":"{subnet}","Availability Zone":"{group.subnets[subnet]}"}}'
    with call.step():
        have = len([one for one in of_group(call, group.name) if one.lifecycle in COUNTED and not one.warm])
        ids = []
        for i in range(number):
            cause = f"{group.cause}  At {stamp(call.now)} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {have + i} to {have + i + 1}."
            ids.append(activities.begin(call, group, "Launching a new EC2 instance", cause.lstrip(), details, "PreInService"))
    try:
        answer = await ask(acting(call, group), "ec2", "RunInstances", **launching.placed(request, subnet, number), ClientToken=ids[0])
    except AwsError as error:
        with call.step():
            for id_ in ids:
                activities.end(call, id_, "Failed", f"{error.message} Launching EC2 instance failed.")
                notifications.tell(call, group, "EC2_INSTANCE_LAUNCH_ERROR", None, id_)
            failed(call, group)
        return
    with call.step():
        for id_, one in zip(ids, answer["Instances"], strict=True):
            activities.name_instance(call, id_, one["InstanceId"])
            activities.move(call, id_, "InProgress", 30)
            call.put(Instance(one["InstanceId"], group.name, group.subnets[subnet], one.get("InstanceType", ""), one.get("ImageId", ""), call.now, note=note, activity=id_, subnet=subnet,
                              protected=group.config.get("NewInstancesProtectedFromScaleIn", False), warm=warm))
