"""Instances of groups: their life in the group, and what one may do with a single one.

`NEXT` is that life; hooks put a wait between two of its states.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import activities, errors
from . import service as autoscaling
from .groups import Group, ask, by_name, find, page, tags_context

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

NEXT = {
    "Pending": "InService", "Pending:Wait": "Pending:Proceed", "Pending:Proceed": "InService", "InService": "Terminating", "Terminating": "Terminated", "Terminating:Wait": "Terminating:Proceed",
    "Terminating:Proceed": "Terminated", "EnteringStandby": "Standby", "Standby": "Pending", "Detaching": "Detached",
}
COMING = ("Pending", "Pending:Wait", "Pending:Proceed")
GOING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")
COUNTED = (*COMING, "InService")


class Instance(Record, frozen=True):
    kind = "autoscaling.instance"

    id: str
    group: str
    zone: str
    type: str
    image: str
    launched: float
    lifecycle: str = "Pending"
    health: str = "Healthy"
    protected: bool = False
    note: dict[str, Any] = {}        # launch template or configuration
    activity: str = ""
    in_service: float = 0.0
    token: str = ""                  # of the lifecycle action that is waited for
    hook: str = ""
    done_hooks: list[str] = []
    result: str = ""                 # of the last lifecycle action: CONTINUE, ABANDON
    heartbeat: float = 0.0
    registered: bool = False         # with the target groups and load balancers
    warm: bool = False               # in the warm pool
    ended: bool = False              # TerminateInstances was said
    subnet: str = ""
    cause: str = ""                  # of its end
    draining: float = 0.0

    @property
    def key(self) -> str:
        return self.id


def of_group(call: Call, name: str) -> list[Instance]:
    return sorted((one for one in call.all(Instance) if one.group == name), key=lambda one: (one.launched, one.id))


def shown_state(one: Instance) -> str:
    if not one.warm:
        return one.lifecycle
    return f"Warmed:{one.lifecycle}"


def brief(one: Instance) -> Any:
    return {"InstanceId": one.id, "InstanceType": one.type, "AvailabilityZone": one.zone, "LifecycleState": shown_state(one), "HealthStatus": one.health,
            "ProtectedFromScaleIn": one.protected} | one.note


@autoscaling.op(resource=lambda call, req: "*")
def describe_auto_scaling_instances(call: Call, req: t.DescribeAutoScalingInstancesType) -> t.AutoScalingInstancesType:
    ids = req.get("InstanceIds")
    found = sorted((one for one in call.all(Instance) if not ids or one.id in ids), key=lambda one: (one.group, one.id))
    shown, token = page(found, req, 50, 50)
    return {"AutoScalingInstances": [brief(one) | {"AutoScalingGroupName": one.group, "ImageId": one.image, "HealthStatus": one.health.upper()} for one in shown]} | token


def group_of(call: Call, req: Any) -> str:
    """IAM is asked about the group of the instance."""
    found = call.get(Instance, req.get("InstanceId") or "")
    return by_name(call, {"AutoScalingGroupName": found.group if found else None})


def group_tags(call: Call, req: Any) -> dict[str, Any]:
    found = call.get(Instance, req.get("InstanceId") or "")
    return tags_context(call, {"AutoScalingGroupName": found.group if found else ""})


def members(call: Call, group: Group, ids: Any) -> list[Instance]:
    found = []
    for id_ in ids or ():
        one = call.get(Instance, id_)
        if one is None or one.group != group.name:
            raise errors.not_in_group(id_, group.name)
        found.append(one)
    return found


@autoscaling.op(resource=group_of, context=group_tags)
def set_instance_health(call: Call, req: t.SetInstanceHealthQuery) -> None:
    from . import reconciling
    one = call.get(Instance, req["InstanceId"])
    if one is None:
        raise errors.no_such_instance(req["InstanceId"])
    if req["HealthStatus"] not in ("Healthy", "Unhealthy"):
        raise errors.invalid("Valid instance health states are: [Healthy, Unhealthy].")
    group = find(call, one.group)
    if req["HealthStatus"] == "Unhealthy" and req.get("ShouldRespectGracePeriod", True) and one.in_service and call.now < one.in_service + group.grace:
        return
    call.put(one.but(health=req["HealthStatus"]))
    reconciling.soon(call, one.group)


@autoscaling.op(resource=by_name, context=tags_context)
def set_instance_protection(call: Call, req: t.SetInstanceProtectionQuery) -> None:
    for one in members(call, find(call, req["AutoScalingGroupName"]), req["InstanceIds"]):
        call.put(one.but(protected=req["ProtectedFromScaleIn"]))


@autoscaling.op(resource=group_of, context=group_tags)
def terminate_instance_in_auto_scaling_group(call: Call, req: t.TerminateInstanceInAutoScalingGroupType) -> t.ActivityType:
    from . import reconciling
    if "InstanceIds" in req or "InstanceId" not in req:
        raise errors.not_built("TerminateInstanceInAutoScalingGroup of several instances")
    one = call.get(Instance, req["InstanceId"])
    if one is None or one.lifecycle in GOING:
        raise errors.no_such_instance(req["InstanceId"])
    group = find(call, one.group)
    cause = f"instance {one.id} was taken out of service in response to a user request."
    if req["ShouldDecrementDesiredCapacity"]:
        if group.desired - 1 < group.least:
            raise errors.too_few(group.name)
        cause = f"instance {one.id} was taken out of service in response to a user request, shrinking the capacity from {group.desired} to {group.desired - 1}."
        group = call.put(group.but(desired=group.desired - 1))
    one = reconciling.doom(call, group, one, cause)
    reconciling.soon(call, group.name)
    return {"Activity": activities.one(call, one.activity)}


# -- standby ----------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=tags_context)
async def enter_standby(call: Call, req: t.EnterStandbyQuery) -> t.EnterStandbyAnswer:
    from . import reconciling, targets
    group = find(call, req["AutoScalingGroupName"])
    chosen = members(call, group, req.get("InstanceIds"))
    for one in chosen:
        if one.lifecycle != "InService":
            raise errors.wrong_state(one.id, one.lifecycle, "InService")
    less = len(chosen) if req["ShouldDecrementDesiredCapacity"] else 0
    if group.desired - less < group.least:
        raise errors.too_few(group.name)
    await targets.leave(call, group, chosen)
    done = []
    with call.step():
        group = find(call, group.name)
        for one in chosen:
            cause = f"instance {one.id} was moved to standby in response to a user request" + (f", shrinking the capacity from {group.desired} to {group.desired - 1}." if less else ".")
            id_ = activities.begin(call, group, f"Moving EC2 instance to Standby: {one.id}", cause)
            call.put(one.but(lifecycle="Standby", registered=False))
            if less:
                group = call.put(group.but(desired=group.desired - 1))
            activities.end(call, id_)
            done.append(activities.one(call, id_))
        reconciling.soon(call, group.name)
    return {"Activities": done}


@autoscaling.op(resource=by_name, context=tags_context)
def exit_standby(call: Call, req: t.ExitStandbyQuery) -> t.ExitStandbyAnswer:
    from . import reconciling
    group = find(call, req["AutoScalingGroupName"])
    chosen = members(call, group, req.get("InstanceIds"))
    for one in chosen:
        if one.lifecycle != "Standby":
            raise errors.wrong_state(one.id, one.lifecycle, "Standby")
    if group.desired + len(chosen) > group.most:
        raise errors.no_room(group.name, len(chosen))
    done = []
    for one in chosen:
        cause = f"instance {one.id} was moved out of standby in response to a user request, increasing the capacity from {group.desired} to {group.desired + 1}."
        id_ = activities.begin(call, group, f"Moving EC2 instance out of Standby: {one.id}", cause)
        call.put(one.but(lifecycle="Pending", activity=id_, health="Healthy", done_hooks=[], result=""))
        group = call.put(group.but(desired=group.desired + 1))
        done.append(activities.one(call, id_))
    reconciling.soon(call, group.name)
    return {"Activities": done}


# -- attaching and detaching ------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=tags_context)
async def attach_instances(call: Call, req: t.AttachInstancesQuery) -> None:
    """Running instances of one's own join; the desired capacity grows by them."""
    from . import reconciling
    from .groups import acting
    group, ids = find(call, req["AutoScalingGroupName"]), req.get("InstanceIds") or []
    if group.desired + len(ids) > group.most:
        raise errors.no_room(group.name, len(ids))
    found = await ask(acting(call, group), "ec2", "DescribeInstances", InstanceIds=list(ids))
    there = {one["InstanceId"]: one for r in found.get("Reservations") or () for one in r["Instances"]}
    for id_ in ids:
        if id_ not in there or there[id_]["State"]["Name"] != "running":
            raise errors.invalid(f"Invalid Instance ID(s): {id_}. The instance must be in the running state.")
        if call.get(Instance, id_):
            raise errors.invalid(f"Instance {id_} is already part of an Auto Scaling group.")
        if there[id_]["Placement"]["AvailabilityZone"] not in group.zones:
            raise errors.invalid(f"The instance {id_} is not in an Availability Zone of the Auto Scaling group.")
    with call.step():
        group = find(call, group.name)
        for id_ in ids:
            one = there[id_]
            cause = f"an instance was attached in response to a user request, increasing the capacity from {group.desired} to {group.desired + 1}."
            activity = activities.begin(call, group, f"Attaching an existing EC2 instance: {id_}", cause)
            call.put(Instance(id_, group.name, one["Placement"]["AvailabilityZone"], one["InstanceType"], one["ImageId"], call.now, activity=activity, subnet=one.get("SubnetId", "")))
            group = call.put(group.but(desired=group.desired + 1))
        reconciling.soon(call, group.name)


@autoscaling.op(resource=by_name, context=tags_context)
async def detach_instances(call: Call, req: t.DetachInstancesQuery) -> t.DetachInstancesAnswer:
    """They leave and go on running."""
    from . import reconciling, targets
    group = find(call, req["AutoScalingGroupName"])
    chosen = members(call, group, req.get("InstanceIds"))
    for one in chosen:
        if one.lifecycle not in ("InService", "Standby"):
            raise errors.wrong_state(one.id, one.lifecycle, "InService or Standby")
    less = sum(one.lifecycle == "InService" for one in chosen) if req["ShouldDecrementDesiredCapacity"] else 0
    if group.desired - less < group.least:
        raise errors.too_few(group.name)
    await targets.leave(call, group, chosen)
    done = []
    with call.step():
        group = find(call, group.name)
        for one in chosen:
            shrink = less and one.lifecycle == "InService"
            cause = f"instance {one.id} was detached in response to a user request" + (f", shrinking the capacity from {group.desired} to {group.desired - 1}." if shrink else ".")
            id_ = activities.begin(call, group, f"Detaching EC2 instance: {one.id}", cause)
            if shrink:
                group = call.put(group.but(desired=group.desired - 1))
            activities.end(call, id_)
            call.delete(one)
            done.append(activities.one(call, id_))
        reconciling.soon(call, group.name)
    return {"Activities": done}
