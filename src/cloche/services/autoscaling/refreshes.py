"""Instance refresh: every instance is replaced by one made as the group is now configured, a few at a time.

It dooms as many as MinHealthyPercentage lets go, waits until their successors are in service and warm, and goes on.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, launching
from . import service as autoscaling
from .groups import Group, by_name, find, page, tags_context
from .instances import Instance, of_group

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

OPEN = ("Pending", "InProgress", "Cancelling", "RollbackInProgress")
MIN_HEALTHY = 90
REFUSED = ("CheckpointPercentages", "CheckpointDelay", "AlarmSpecification", "BakeTime", "AutoRollback")


class Refresh(Record, frozen=True):
    kind = "autoscaling.refresh"

    id: str
    group: str
    started: float
    status: str = "Pending"
    reason: str = ""
    ended: float = 0.0
    preferences: dict[str, Any] = {}
    desired: dict[str, Any] = {}         # the configuration asked for
    before: dict[str, Any] = {}          # the configuration it had, to roll back to
    total: int = 0
    left: list[str] = []                 # instances still to be replaced
    waiting: float = 0.0

    @property
    def key(self) -> str:
        return self.id


def active(call: Call, group: str) -> Refresh | None:
    return next((one for one in call.all(Refresh) if one.group == group and one.status in OPEN), None)


def forget(call: Call, group: str) -> None:
    for one in call.all(Refresh):
        if one.group == group:
            call.delete(one)


@autoscaling.op(resource=by_name, context=tags_context, partly="checkpoints, bake time, alarms and automatic rollback are refused; instances are ended before their successors start")
async def start_instance_refresh(call: Call, req: t.StartInstanceRefreshType) -> t.StartInstanceRefreshAnswer:
    from . import reconciling
    group, preferences = find(call, req["AutoScalingGroupName"]), dict(req.get("Preferences") or {})
    if req.get("Strategy", "Rolling") != "Rolling":
        raise errors.not_built("an instance refresh that replaces root volumes")
    for name in REFUSED:
        if preferences.get(name):
            raise errors.not_built(f"an instance refresh with {name}")
    if not 0 <= preferences.get("MinHealthyPercentage", MIN_HEALTHY) <= 100:
        raise errors.invalid("MinHealthyPercentage must be between 0 and 100.")
    if active(call, group.name):
        raise errors.refresh_in_progress(group.name)
    wanted = dict(req.get("DesiredConfiguration") or {})
    if wanted:
        await launching.check(call, wanted)
    with call.step():
        group = find(call, group.name)
        if active(call, group.name):
            raise errors.refresh_in_progress(group.name)
        members = [one for one in of_group(call, group.name) if one.lifecycle == "InService" and not one.warm]
        before = {key: group.config[key] for key in ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy") if key in group.config}
        made = call.put(Refresh(call.uuid(), group.name, call.now, preferences=preferences, desired=wanted, before=before, total=len(members), left=[one.id for one in members]))
        if wanted:
            rest = {key: value for key, value in group.config.items() if key not in before}
            call.put(group.but(config=rest | wanted))
        reconciling.soon(call, group.name)
    return {"InstanceRefreshId": made.id}


def advance(call: Call, group: Group) -> None:
    """One look at the refresh of the group, if there is one; inside a step of its worker."""
    from . import reconciling
    one = active(call, group.name)
    if one is None or "InstanceRefresh" in group.suspended:
        return
    members = {m.id: m for m in of_group(call, group.name) if not m.warm}
    left = [id_ for id_ in one.left if id_ in members and members[id_].lifecycle == "InService" and not skipped(one, group, members[id_])]
    warm = one.preferences.get("InstanceWarmup", group.config.get("DefaultInstanceWarmup", group.grace))
    ready = [m for m in members.values() if m.lifecycle == "InService" and (m.id in one.left or call.now >= m.in_service + max(warm, 0))]
    busy = len(ready) < group.desired or len(members) != group.desired
    if one.status == "Cancelling":
        call.put(one.but(status="Cancelled", ended=call.now, left=left, reason="Cancelled due to user request."))
        return
    if not left:
        if not busy:
            status = "RollbackSuccessful" if one.status == "RollbackInProgress" else "Successful"
            call.put(one.but(status=status, ended=call.now, left=[]))
        elif left != one.left or one.status == "Pending":
            call.put(one.but(left=[], status="InProgress" if one.status == "Pending" else one.status))
        return
    floor = math.ceil(group.desired * one.preferences.get("MinHealthyPercentage", MIN_HEALTHY) / 100)
    free = max(len(ready) - floor, 0)
    if not busy:
        free = max(free, 1)  # it must go on, however small the group is
    for id_ in left[:free]:
        reconciling.doom(call, group, members[id_], f"instance {id_} was taken out of service in response to an instance refresh.")
        left = [other for other in left if other != id_]
    call.put(one.but(left=left, status="InProgress" if one.status == "Pending" else one.status))


def skipped(one: Refresh, group: Group, member: Instance) -> bool:
    if member.protected and one.preferences.get("ScaleInProtectedInstances", "Wait") == "Ignore":
        return True
    from .reconciling import current
    return bool(one.preferences.get("SkipMatching")) and member.note == current(group, [member])


@autoscaling.op(resource=lambda call, req: "*")
def describe_instance_refreshes(call: Call, req: t.DescribeInstanceRefreshesType) -> t.DescribeInstanceRefreshesAnswer:
    group, ids = find(call, req["AutoScalingGroupName"]), req.get("InstanceRefreshIds")
    found = sorted((one for one in call.all(Refresh) if one.group == group.name and (not ids or one.id in ids)), key=lambda one: -one.started)
    shown, token = page(found, req)
    return {"InstanceRefreshes": [view(one) for one in shown]} | token  # type: ignore[return-value]


def view(one: Refresh) -> Any:
    out: dict[str, Any] = {
        "InstanceRefreshId": one.id, "AutoScalingGroupName": one.group, "Status": one.status, "StartTime": one.started, "InstancesToUpdate": len(one.left), "Strategy": "Rolling",
        "PercentageComplete": 100 if one.status == "Successful" or not one.total else round(100 * (one.total - len(one.left)) / one.total), "Preferences": {"MinHealthyPercentage": MIN_HEALTHY} | one.preferences,
    }
    if one.status == "InProgress" and not one.left and out["PercentageComplete"] == 100:
        out["PercentageComplete"] = 99
    for member, value in (("EndTime", one.ended), ("StatusReason", one.reason), ("DesiredConfiguration", one.desired)):
        if value:
            out[member] = value
    return out


@autoscaling.op(resource=by_name, context=tags_context)
def cancel_instance_refresh(call: Call, req: t.CancelInstanceRefreshType) -> t.CancelInstanceRefreshAnswer:
    from . import reconciling
    group = find(call, req["AutoScalingGroupName"])
    one = active(call, group.name)
    if one is None:
        raise errors.no_refresh(group.name)
    call.put(one.but(status="Cancelling"))
    reconciling.soon(call, group.name)
    return {"InstanceRefreshId": one.id}


@autoscaling.op(resource=by_name, context=tags_context)
def rollback_instance_refresh(call: Call, req: t.RollbackInstanceRefreshType) -> t.RollbackInstanceRefreshAnswer:
    """Back to the configuration before: what was replaced already is replaced again."""
    from . import reconciling
    group = find(call, req["AutoScalingGroupName"])
    one = active(call, group.name)
    if one is None:
        raise errors.no_refresh(group.name)
    if not one.desired:
        raise errors.invalid("The instance refresh has no DesiredConfiguration to roll back from.")
    rest = {key: value for key, value in group.config.items() if key not in ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy")}
    call.put(group.but(config=rest | one.before))
    fresh = [m.id for m in of_group(call, group.name) if m.id not in one.left and not m.warm and m.lifecycle == "InService"]
    call.put(one.but(status="RollbackInProgress", left=fresh, total=max(len(fresh), 1), reason="Rollback due to user request."))
    reconciling.soon(call, group.name)
    return {"InstanceRefreshId": one.id}
