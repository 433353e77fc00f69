"""Scheduled actions: at(), rate() or cron() in a time zone; at their time they set the bounds, and so the value."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.languages import schedule

from . import activities, errors, targets
from . import service as scaling
from .targets import Target, by_target, context, page

if TYPE_CHECKING:
    from cloche.shapes import application_autoscaling as t

PER_TARGET = 200


class Action(Record, frozen=True):
    kind = "application-autoscaling.action"

    namespace: str
    resource: str
    dimension: str
    name: str
    arn: str
    expression: str
    created: float
    zone: str = "UTC"
    start: float | None = None
    end: float | None = None
    least: int | None = None
    most: int | None = None

    @property
    def key(self) -> str:
        return f"{self.resource}|{self.dimension}|{self.name}"


def of_target(call: Call, one: Target) -> list[Action]:
    return [action for action in call.all(Action) if (action.resource, action.dimension) == (one.resource, one.dimension)]


def forget(call: Call, one: Target) -> None:
    for action in of_target(call, one):
        drop(call, action)


def drop(call: Call, action: Action) -> None:
    call.cancel(fire, action.key)
    call.delete(action)


@scaling.op(resource=by_target, context=context)
def put_scheduled_action(call: Call, req: t.PutScheduledActionRequest) -> None:
    one = targets.find(call, req)
    old = call.get(Action, f"{one.key}|{req['ScheduledActionName']}")
    expression, zone = req.get("Schedule", old.expression if old else None), req.get("Timezone", old.zone if old else "UTC")
    if expression is None:
        raise errors.invalid("Schedule must be specified when creating a new scheduled action.")
    try:
        schedule.parse(expression, False)
    except schedule.Invalid:
        raise errors.invalid(f"Invalid schedule expression: {expression}") from None
    try:
        schedule.zone_of(zone)
    except schedule.Invalid:
        raise errors.invalid(f"Invalid timezone: {zone}") from None
    bounds = req.get("ScalableTargetAction") or ({} if old is None else {k: v for k, v in (("MinCapacity", old.least), ("MaxCapacity", old.most)) if v is not None})
    least, most = bounds.get("MinCapacity"), bounds.get("MaxCapacity")
    if least is None and most is None:
        raise errors.invalid("ScalableTargetAction must hold MinCapacity, MaxCapacity, or both.")
    if least is not None and most is not None and least > most:
        raise errors.min_over_max(least, most)
    start, end = req.get("StartTime", old.start if old else None), req.get("EndTime", old.end if old else None)
    if "StartTime" in req and start is not None and start < call.now:
        raise errors.invalid("StartTime must be in the future.")
    if end is not None and end <= max(call.now, start or 0.0):
        raise errors.invalid("EndTime must be later than now and than StartTime.")
    if old is None and len(of_target(call, one)) >= PER_TARGET:
        raise errors.limit("scheduled actions per scalable target")
    arn = old.arn if old else call.arn(f"scheduledAction:{call.uuid()}:resource/{one.namespace}/{one.resource}:scheduledActionName/{req['ScheduledActionName']}", service="autoscaling")
    action = Action(one.namespace, one.resource, one.dimension, req["ScheduledActionName"], arn, expression, old.created if old else call.now, zone, start, end, least, most)
    if expression.startswith("at(") and schedule.parse(expression, False).next(call.now, zone) is None:
        raise errors.invalid("Scheduled action must be in the future.")
    call.put(action)
    plan(call, action, call.now)


def plan(call: Call, action: Action, after: float) -> bool:
    call.cancel(fire, action.key)
    expression, begin = schedule.parse(action.expression, False), max(after, action.start or 0.0)
    due = action.start if isinstance(expression, schedule.Rate) and action.start is not None and action.start > after else expression.next(begin - (0.001 if begin > after else 0), action.zone)
    if due is None or (action.end is not None and due > action.end):
        return False
    call.due(due, fire, name=action.key, key=action.key, at=due)
    return True


@scaling.timer
def fire(call: Call, key: str, at: float) -> None:
    action = call.get(Action, key)
    one = call.get(Target, f"{action.resource}|{action.dimension}") if action else None
    if action is None or one is None:
        return
    if not plan(call, action, max(at, call.now - 60)):
        call.delete(action)
    if one.suspended.get("ScheduledScalingSuspended"):
        return
    least, most = one.least if action.least is None else action.least, one.most if action.most is None else action.most
    if least > most:
        least, most = (least, least) if action.most is None else (most, most)
    one = call.put(one.but(least=least, most=most))
    said = " and ".join(f"{word} capacity to {value}" for word, value in (("min", action.least), ("max", action.most)) if value is not None)
    id_ = activities.begin(call, one, f"Setting {said}", f"scheduled action name {action.name} was triggered")
    activities.end(call, id_, "Successful", f"Successfully set {said}")
    call.wake(settle, f"{one.key}|{action.name}")


@scaling.worker
async def settle(call: Call, key: str) -> None:
    """After the bounds the value."""
    target, _, name = key.rpartition("|")
    if one := call.get(Target, target):
        await targets.into_bounds(call, one, f"scheduled action name {name} was triggered")


@scaling.op(resource=by_target, context=context)
def delete_scheduled_action(call: Call, req: t.DeleteScheduledActionRequest) -> None:
    action = call.get(Action, f"{targets.key(req)}|{req['ScheduledActionName']}")
    if action is None:
        raise errors.no_such_action(req["ScheduledActionName"])
    drop(call, action)


@scaling.op(resource=lambda call, req: "*")
def describe_scheduled_actions(call: Call, req: t.DescribeScheduledActionsRequest) -> t.DescribeScheduledActionsResponse:
    names = req.get("ScheduledActionNames")
    found = sorted((a for a in call.all(Action) if targets.matches(a, req) and (not names or a.name in names)), key=lambda a: a.key)
    shown, token = page(found, req)
    return {"ScheduledActions": [view(a) for a in shown]} | token  # type: ignore[return-value]


def view(a: Action) -> dict[str, Any]:
    bounds = {name: value for name, value in (("MinCapacity", a.least), ("MaxCapacity", a.most)) if value is not None}
    out: dict[str, Any] = {"ScheduledActionName": a.name, "ScheduledActionARN": a.arn, "ServiceNamespace": a.namespace, "ResourceId": a.resource, "ScalableDimension": a.dimension,
                           "Schedule": a.expression, "Timezone": a.zone, "CreationTime": a.created, "ScalableTargetAction": bounds}
    return out | {name: value for name, value in (("StartTime", a.start), ("EndTime", a.end)) if value is not None}
