"""How services tell their own metrics. Cheap: added up in memory, written once a minute.

    public.put(call, "AWS/Lambda", "Invocations", (("FunctionName", name),), 1, "Count")

Dimensions are a tuple of (name, value) pairs, always in the same order. `at` (seconds) writes at once, at that moment.
"""
from __future__ import annotations

from cloche.kernel import Call, Event

from . import pending as _pending


class AlarmMoved(Event, frozen=True):
    """An alarm has another state. Listeners look for themselves whether they follow it."""

    kind = "cloudwatch.alarm_moved"

    alarm: str
    state: str


def put(call: Call, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...], value: float, unit: str = "None", at: float | None = None) -> None:
    cloud = call.cloud
    if at is not None:
        write(call, namespace, name, dimensions, value, unit, at)
        return
    pending: _pending.Pending = cloud.memory.get("cloudwatch") or _pending.of(cloud)
    now = cloud.clock.now()
    if now >= pending.end:
        _pending.turn(cloud, now)
    place = (call.account, call.region, namespace, name, dimensions, unit)
    cell = pending.cells.get(place) or _pending.new_cell(cloud, place)
    cell.n += 1.0
    cell.total += value
    if value < cell.low:
        cell.low = value
    if value > cell.high:
        cell.high = value
    vals = cell.vals
    if vals is not None:
        vals[value] = vals.get(value, 0.0) + 1.0
        if len(vals) > 1000:
            from .datapoints import coarse
            cell.vals = coarse(vals)


def write(call: Call, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...], value: float, unit: str, at: float, res: int = 60) -> None:
    """One value at a moment of its own, into the table; inside a step."""
    from . import datapoints, watching
    there, key, cell = call.of("cloudwatch"), (namespace, name, datapoints.dims_text(dimensions)), datapoints.Cell()
    cell.add(value)
    datapoints.write(there, key, at, unit, cell, res)
    watching.tell(there, key)


def recent(call: Call, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...], statistic: str, seconds: int) -> float | None:
    """The statistic over the last so many whole seconds; None without data."""
    from . import datapoints, statistics
    there = call.of("cloudwatch")
    _pending.flush(there)
    end = int(there.now) // 60 * 60 + 60
    found = datapoints.read(there, (namespace, name, datapoints.dims_text(dimensions)), end - seconds, end, seconds, values=True)
    cell = datapoints.Cell()
    for one in found.values():
        cell.merge(one)
    return statistics.value(cell, statistic, seconds) if cell.n else None


def totals(call: Call, account: str, namespace: str, name: str, start: float, end: float) -> list[tuple[str, list[tuple[str, str]], float]]:
    """(region, dimensions, sum) of every metric of the name that an account has, over a stretch of time."""
    import json

    from . import datapoints as _  # noqa: F401  (the tables)
    there = call.of("cloudwatch")
    _pending.flush(there)
    rows = there.sql("SELECT m.region, m.dims, SUM(p.total) FROM cloudwatch_metric m JOIN cloudwatch_point p ON p.metric = m.id "
                     "WHERE m.account=? AND m.namespace=? AND m.name=? AND p.ts>=? AND p.ts<? GROUP BY m.id", account, namespace, name, int(start), int(end) + 1)
    return [(region, [tuple(pair) for pair in json.loads(dims)], total) for region, dims, total in rows]


def measured(call: Call, name: str) -> tuple[float, float] | None:
    """(the last datapoint that an alarm sees, its threshold); None if it sees none."""
    from . import evaluating
    from .alarms import Alarm
    there = call.of("cloudwatch")
    alarm = there.get(Alarm, name)
    if alarm is None or alarm.composite:
        return None
    _pending.flush(there)
    config = alarm.config
    step, period = evaluating.step_of(config), evaluating.period_of(config)
    end = int(there.now + 1e-3) // step * step
    points = evaluating.seen(there, config, end - period * (config["EvaluationPeriods"] + evaluating.LOOK_BACK), end, period)
    return (points[-1][1], config["Threshold"]) if points else None


def alarms_with(call: Call, action: str) -> list[str]:
    """The alarms that name this action."""
    from .alarms import Alarm
    return sorted(alarm.name for alarm in call.of("cloudwatch").all(Alarm) if any(action in arns for arns in alarm.actions.values()))
