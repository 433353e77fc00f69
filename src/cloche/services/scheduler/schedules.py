"""Schedules: made, described, changed, deleted; and the timer by which each of them fires.

A schedule has one timer. It carries the moment that was meant, so a flexible window delays the call and not the rhythm.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.languages import schedule as language
from cloche.services.sts import public as sts

from . import calling, errors
from . import service as scheduler
from .groups import DEFAULT, find, page

if TYPE_CHECKING:
    from cloche.shapes import scheduler as t

LATE_SECONDS = 60  # a cloud that was down so long does not make up for every firing it slept through


class Schedule(Record, frozen=True):
    kind = "scheduler.schedule"

    group: str
    name: str
    arn: str
    expression: str
    target: dict[str, Any]
    window: dict[str, Any]
    created: float
    changed: float
    zone: str = "UTC"
    start: float | None = None
    end: float | None = None
    state: str = "ENABLED"
    description: str = ""
    after: str = "NONE"
    kms_key: str = ""

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"


# -- finding --------------------------------------------------------------------------------------------------------

def by_name(call: Call, req: Any) -> str:
    return call.arn(f"schedule/{req.get('GroupName') or DEFAULT}/{req['Name']}")


def by_group(call: Call, req: Any) -> str:
    return call.arn(f"schedule/{req.get('GroupName') or '*'}/*")


def look(call: Call, req: Any) -> Schedule:
    group = find(call, req.get("GroupName") or DEFAULT)
    found = call.get(Schedule, f"{group.name}/{req['Name']}")
    if found is None:
        raise errors.no_such("Schedule", req["Name"])
    return found


def schedules_of(call: Call, group: str) -> list[Schedule]:
    return [one for one in call.all(Schedule) if one.group == group]


# -- operations -----------------------------------------------------------------------------------------------------

@scheduler.op(resource=by_name, partly="templated targets: Lambda, SQS, SNS, EventBridge, Kinesis, Firehose; others through the universal target, where the service is built")
def create_schedule(call: Call, req: t.CreateScheduleInput) -> t.CreateScheduleOutput:
    group = find(call, req.get("GroupName") or DEFAULT)
    made = read(call, group.name, req, call.now)
    if call.get(Schedule, made.key):
        raise errors.exists("Schedule", made.name)
    plan(call, call.put(made))
    return {"ScheduleArn": made.arn}


def read(call: Call, group: str, req: Any, created: float) -> Schedule:
    """The schedule that a request describes, checked."""
    expression, zone, window, target = req["ScheduleExpression"], req.get("ScheduleExpressionTimezone") or "UTC", dict(req["FlexibleTimeWindow"]), dict(req["Target"])
    try:
        language.zone_of(zone)
    except language.Invalid:
        raise errors.bad_zone(zone) from None
    try:
        language.parse(expression, False)
    except language.Invalid:
        raise errors.bad_expression(expression) from None
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise errors.invalid("MaximumWindowInMinutes must be given with the FLEXIBLE mode of a FlexibleTimeWindow, and only with it.")
    start, end = req.get("StartDate"), req.get("EndDate")
    if start is not None and end is not None and end <= start:
        raise errors.invalid("The EndDate must be later than the StartDate.")
    if end is not None and end <= call.now:
        raise errors.invalid("The EndDate you specify cannot be earlier than the current time.")
    check_target(call, target)
    return Schedule(
        group, req["Name"], call.arn(f"schedule/{group}/{req['Name']}"), expression, target, window, created, call.now, zone, start, end, req.get("State") or "ENABLED",
        req.get("Description") or "", req.get("ActionAfterCompletion") or "NONE", req.get("KmsKeyArn") or "")


def check_target(call: Call, target: dict[str, Any]) -> None:
    calling.check(call, target)
    call.pass_role(target["RoleArn"], "scheduler.amazonaws.com")
    try:
        sts.role_principal(call, target["RoleArn"], "check", "scheduler.amazonaws.com")
    except AwsError:
        raise errors.no_trust() from None


@scheduler.op(resource=by_name)
def get_schedule(call: Call, req: t.GetScheduleInput) -> t.GetScheduleOutput:
    s = look(call, req)
    result: dict[str, Any] = {
        "Arn": s.arn, "GroupName": s.group, "Name": s.name, "ScheduleExpression": s.expression, "ScheduleExpressionTimezone": s.zone, "State": s.state, "Target": s.target,
        "FlexibleTimeWindow": s.window, "CreationDate": s.created, "LastModificationDate": s.changed, "ActionAfterCompletion": s.after,
    }
    for member, value in (("StartDate", s.start), ("EndDate", s.end), ("Description", s.description), ("KmsKeyArn", s.kms_key)):
        if value:
            result[member] = value
    return result


@scheduler.op(resource=by_group)
def list_schedules(call: Call, req: t.ListSchedulesInput) -> t.ListSchedulesOutput:
    group, prefix, state = req.get("GroupName"), req.get("NamePrefix") or "", req.get("State")
    if group:
        find(call, group)
    matching = [s for s in call.all(Schedule) if group in (None, s.group) and s.name.startswith(prefix) and state in (None, s.state)]
    found, token = page(sorted(matching, key=lambda s: (s.group, s.name)), req)
    result: dict[str, Any] = {"Schedules": [{
        "Arn": s.arn, "Name": s.name, "GroupName": s.group, "State": s.state, "CreationDate": s.created, "LastModificationDate": s.changed, "Target": {"Arn": s.target["Arn"]},
    } for s in found]}
    return result | {"NextToken": token} if token else result


@scheduler.op(resource=by_name)
def update_schedule(call: Call, req: t.UpdateScheduleInput) -> t.UpdateScheduleOutput:
    """All of it is replaced: what the request leaves out goes back to its default."""
    old = look(call, req)
    plan(call, call.put(read(call, old.group, req, old.created)))
    return {"ScheduleArn": old.arn}


@scheduler.op(resource=by_name)
def delete_schedule(call: Call, req: t.DeleteScheduleInput) -> None:
    forget(call, look(call, req))


def forget(call: Call, s: Schedule) -> None:
    call.delete(s)
    call.cancel(fire, s.key)


# -- time -------------------------------------------------------------------------------------------------------------

def plan(call: Call, s: Schedule) -> None:
    """The first firing: a rate begins at its StartDate, or one period from now; cron and at are where they are."""
    call.cancel(fire, s.key)
    if s.state != "ENABLED":
        return
    expression, begin = language.parse(s.expression, False), max(call.now, s.start or 0.0)
    due = s.start if isinstance(expression, language.Rate) and s.start is not None and s.start > call.now else expression.next(begin - 0.001, s.zone)
    set_timer(call, s, due)


def set_timer(call: Call, s: Schedule, due: float | None) -> bool:
    """False when there is nothing more to come."""
    if due is None or (s.end is not None and due > s.end):
        return False
    window = s.window.get("MaximumWindowInMinutes", 0) * 60
    call.due(due + (call.cloud.dice.random() * window if window else 0), fire, name=s.key, schedule=s.key, at=due)
    return True


@scheduler.timer
def fire(call: Call, schedule: str, at: float) -> None:
    s = call.get(Schedule, schedule)
    if s is None or s.state != "ENABLED":
        return
    following = language.parse(s.expression, False).next(at if call.now - at < LATE_SECONDS + s.window.get("MaximumWindowInMinutes", 0) * 60 else call.now, s.zone)
    more = set_timer(call, s, following)
    calling.begin(call, s, at)
    if not more and s.after == "DELETE":
        call.delete(s)


