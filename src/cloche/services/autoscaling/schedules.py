"""Scheduled actions: once at a time, or again and again by five-field cron in a time zone; they set min, max and desired."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.languages import schedule, unix_cron

from . import errors, reconciling
from . import service as autoscaling
from .groups import Group, by_name, find, page, resize, tags_context

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

PER_GROUP = 125


class Action(Record, frozen=True):
    kind = "autoscaling.action"

    group: str
    name: str
    arn: str
    start: float | None = None
    end: float | None = None
    recurrence: str = ""
    zone: str = ""
    least: int | None = None
    most: int | None = None
    desired: int | None = None
    ran: float = 0.0
    made: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"


def of_group(call: Call, group: str) -> list[Action]:
    return [one for one in call.all(Action) if one.group == group]


def forget(call: Call, group: str) -> None:
    for one in of_group(call, group):
        drop(call, one)


def drop(call: Call, one: Action) -> None:
    call.cancel(fire, one.key)
    call.delete(one)


def put(call: Call, group: Group, req: Any) -> None:
    name, start, end, text = req["ScheduledActionName"], req.get("StartTime", req.get("Time")), req.get("EndTime"), req.get("Recurrence", "")
    zone = req.get("TimeZone", "")
    if start is not None and start <= call.now:
        raise errors.past()
    if end is not None and end <= call.now:
        raise errors.invalid("Given end time is in the past")
    if start is not None and end is not None and end <= start:
        raise errors.invalid("Given end time is before the start time")
    if text:
        try:
            unix_cron.parse(text)
        except unix_cron.Invalid:
            raise errors.bad_recurrence(text) from None
    elif start is None:
        raise errors.invalid("Scheduled action must have a StartTime, a Recurrence, or both.")
    if zone:
        try:
            schedule.zone_of(zone)
        except schedule.Invalid:
            raise errors.invalid(f"The timeZone {zone} is not valid.") from None
    least, most, desired = (req.get(member) for member in ("MinSize", "MaxSize", "DesiredCapacity"))
    if least is None and most is None and desired is None:
        raise errors.invalid("At least one of MinSize, MaxSize or DesiredCapacity must be specified.")
    if any(value is not None and value < 0 for value in (least, most, desired)):
        raise errors.invalid("MinSize, MaxSize and DesiredCapacity must not be negative.")
    if least is not None and most is not None and least > most:
        raise errors.min_over_max(least, most)
    if desired is not None and ((least is not None and desired < least) or (most is not None and desired > most)):
        raise errors.outside(desired, least or 0, most if most is not None else desired)
    old = call.get(Action, f"{group.name}/{name}")
    others = [one for one in of_group(call, group.name) if one.name != name]
    if len(others) >= PER_GROUP:
        raise errors.limit("scheduled actions of an AutoScalingGroup")
    arn = old.arn if old else call.arn(f"scheduledUpdateGroupAction:{call.uuid()}:autoScalingGroupName/{group.name}:scheduledActionName/{name}")
    made = Action(group.name, name, arn, start, end, text, zone, least, most, desired, made=call.now)
    due = next_of(made, call.now)
    if due is not None and any(next_of(one, call.now) == due for one in others):
        raise AwsError("AlreadyExists", "Scheduled action with the same start time already exists for the AutoScalingGroup.")
    call.put(made)
    plan(call, made)


def next_of(one: Action, after: float) -> float | None:
    if not one.recurrence:
        return one.start if one.start is not None and one.start > after else None
    begin = max(after, (one.start or 0.0) - 0.001)
    return unix_cron.parse(one.recurrence).next(begin, one.zone or "UTC")


def plan(call: Call, one: Action) -> None:
    due = next_of(one, call.now)
    call.cancel(fire, one.key)
    if due is not None and (one.end is None or due <= one.end):
        call.due(due, fire, name=one.key, key=one.key)
    elif one.ran or one.recurrence:
        call.delete(one)  # nothing more to come: AWS takes it off the list


@autoscaling.timer
def fire(call: Call, key: str) -> None:
    one = call.get(Action, key)
    group = call.get(Group, one.group) if one else None
    if one is None or group is None:
        return
    one = call.put(one.but(ran=call.now))
    plan(call, one)
    if "ScheduledActions" in group.suspended or group.status:
        return
    least = group.least if one.least is None else one.least
    most = group.most if one.most is None else one.most
    if least > most:  # the one that was said wins
        least, most = (least, least) if one.most is None else (most, most)
    desired = min(max(group.desired if one.desired is None else one.desired, least), most)
    cause = f"scheduled action {one.name} update of AutoScalingGroup constraints to min: {least}, max: {most}, desired: {desired} changing the desired capacity from {group.desired} to {desired}."
    resize(call, call.put(group.but(least=least, most=most)), desired, cause)
    reconciling.soon(call, group.name)


# -- operations -------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=tags_context)
def put_scheduled_update_group_action(call: Call, req: t.PutScheduledUpdateGroupActionType) -> None:
    put(call, find(call, req["AutoScalingGroupName"]), req)


@autoscaling.op(resource=by_name, context=tags_context)
def batch_put_scheduled_update_group_action(call: Call, req: t.BatchPutScheduledUpdateGroupActionType) -> t.BatchPutScheduledUpdateGroupActionAnswer:
    group, failed = find(call, req["AutoScalingGroupName"]), []
    for one in req["ScheduledUpdateGroupActions"]:
        try:
            with call.step():
                put(call, group, one)
        except AwsError as error:
            failed.append({"ScheduledActionName": one["ScheduledActionName"], "ErrorCode": error.code, "ErrorMessage": error.message})
    return {"FailedScheduledUpdateGroupActions": failed}  # type: ignore[typeddict-item]


@autoscaling.op(resource=by_name, context=tags_context)
def delete_scheduled_action(call: Call, req: t.DeleteScheduledActionType) -> None:
    group = find(call, req["AutoScalingGroupName"])
    one = call.get(Action, f"{group.name}/{req['ScheduledActionName']}")
    if one is None:
        raise errors.no_such_action(req["ScheduledActionName"])
    drop(call, one)


@autoscaling.op(resource=by_name, context=tags_context)
def batch_delete_scheduled_action(call: Call, req: t.BatchDeleteScheduledActionType) -> t.BatchDeleteScheduledActionAnswer:
    group, failed = find(call, req["AutoScalingGroupName"]), []
    for name in req["ScheduledActionNames"]:
        if one := call.get(Action, f"{group.name}/{name}"):
            drop(call, one)
        else:
            failed.append({"ScheduledActionName": name, "ErrorCode": "ValidationError", "ErrorMessage": errors.no_such_action(name).message})
    return {"FailedScheduledActions": failed}  # type: ignore[typeddict-item]


@autoscaling.op(resource=lambda call, req: "*")
def describe_scheduled_actions(call: Call, req: t.DescribeScheduledActionsType) -> t.ScheduledActionsType:
    group, names = req.get("AutoScalingGroupName"), req.get("ScheduledActionNames")
    if group:
        find(call, group)
    out = []
    for one in sorted(call.all(Action), key=lambda a: (a.group, a.name)):
        due = next_of(one, call.now) or one.start
        if group not in (None, one.group) or (names and one.name not in names and one.arn not in names):
            continue
        if not names and due is not None and not req.get("StartTime", 0.0) <= due <= req.get("EndTime", 1e12):
            continue
        shown: dict[str, Any] = {"AutoScalingGroupName": one.group, "ScheduledActionName": one.name, "ScheduledActionARN": one.arn}
        for member, value in (("StartTime", due), ("Time", due), ("EndTime", one.end), ("Recurrence", one.recurrence or None), ("TimeZone", one.zone or None), ("MinSize", one.least),
                              ("MaxSize", one.most), ("DesiredCapacity", one.desired)):
            if value is not None:
                shown[member] = value
        out.append(shown)
    some, token = page(out, req)
    return {"ScheduledUpdateGroupActions": some} | token  # type: ignore[return-value]
