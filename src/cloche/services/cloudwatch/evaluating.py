"""From datapoints to a state.

A metric alarm looks at windows that end with the last whole minute. Of the range it sees (a little longer than EvaluationPeriods) the most
recent real datapoints count; only what is then still missing is made up, as TreatMissingData says. A composite alarm follows its
children in the same step in which they change.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import alarm_rule

from . import acting, datapoints, gauges, history, pending, queries, statistics, watching
from . import service as cloudwatch

if TYPE_CHECKING:
    from .alarms import Alarm

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
LOOK_BACK = 2  # periods beyond EvaluationPeriods in which real datapoints are sought
COMPARE = {
    "GreaterThanThreshold": (lambda a, b: a > b, "greater than"), "GreaterThanOrEqualToThreshold": (lambda a, b: a >= b, "greater than or equal to"),
    "LessThanThreshold": (lambda a, b: a < b, "less than"), "LessThanOrEqualToThreshold": (lambda a, b: a <= b, "less than or equal to"),
}
Datapoint = tuple[int, float]


def period_of(config: Any) -> int:
    return int(config["Period"]) if "Period" in config else queries.period_of(config["Metrics"])


def step_of(config: Any) -> int:
    """How often it looks: every minute; every ten seconds with a shorter period; every hour if it looks back over more than a day."""
    period = period_of(config)
    return 10 if period < 60 else 3600 if period * config["EvaluationPeriods"] > 86_400 else 60


@cloudwatch.timer
def evaluate(call: Call, alarm: str) -> None:
    from .alarms import Alarm
    watching.planned(call).pop((call.account, call.region, alarm), None)
    found = call.get(Alarm, alarm)
    if found is None or found.composite:
        return
    config = found.config
    step, period = step_of(config), period_of(config)
    end = int(call.now + 1e-3) // step * step
    pending.flush(call)
    for key in queries.metrics_of(config):
        gauges.sample(call, key, end - 1)
    start = end - period * (config["EvaluationPeriods"] + LOOK_BACK)
    points = seen(call, config, start, end, period)
    state, reason, used = judge(config, points, found.state, end, found.config.get("Namespace") == "AWS/DynamoDB")
    enter(call, found, state, reason, json.dumps(evidence(call, config, period, used, points)))
    if points or (state == ALARM and acting.repeats(found)):
        if state == ALARM == found.state:
            acting.again(call, found)
        watching.at(call, alarm, end + step)
    else:
        ahead = [at for key in queries.metrics_of(config) if (at := datapoints.next_after(call, key, end)) is not None]
        if ahead:
            watching.at(call, alarm, min(ahead) // step * step + step)


def seen(call: Call, config: Any, start: int, end: int, period: int) -> list[Datapoint]:
    """The datapoints of the range, oldest first."""
    if "Metrics" in config:
        found = queries.run(call, config["Metrics"], start, end)
        return sorted(found[0].points.items()) if found else []
    statistic = config.get("Statistic") or config["ExtendedStatistic"]
    key = (config["Namespace"], config["MetricName"], datapoints.dims_of(config.get("Dimensions")))
    cells: dict[int, datapoints.Cell] = {}
    for (slot, _), cell in datapoints.read(call, key, start, end, period, config.get("Unit"), statistic not in statistics.SIMPLE).items():
        if slot in cells:
            cells[slot].merge(cell)
        else:
            cells[slot] = cell
    if config.get("EvaluateLowSampleCountPercentile") == "ignore" and statistic.startswith("p"):
        wanted = float(statistic[1:]) / 100  # a percentile of few samples says little: AWS wants 10/(1-p) above the median, 10/p below
        cells = {slot: cell for slot, cell in cells.items() if cell.n >= 10 / max(1e-9, 1 - wanted if wanted >= 0.5 else wanted)}
    return sorted((slot, value) for slot, cell in cells.items() if (value := statistics.value(cell, statistic, period)) is not None)


def judge(config: Any, points: list[Datapoint], state: str, end: int, always_ignore: bool = False) -> tuple[str, str, list[Datapoint]]:
    """The state, why, and the datapoints that decided."""
    number, threshold = config["EvaluationPeriods"], config["Threshold"]
    wanted, (breaches, words) = config.get("DatapointsToAlarm") or number, COMPARE[config["ComparisonOperator"]]
    treat = "ignore" if always_ignore else config.get("TreatMissingData", "missing")
    real = points[-number:]
    lacking = number - len(real)
    bad = [point for point in real if breaches(point[1], threshold)]
    good = len(real) - len(bad)
    if not points and treat in ("missing", "ignore"):
        if treat == "ignore" and state != UNKNOWN:
            return state, "", []
        return UNKNOWN, f"Insufficient Data: {number} datapoint{'s were' if number > 1 else ' was'} unknown.", []
    filled = lacking if treat == "breaching" else 0
    if len(bad) + filled >= wanted:
        return ALARM, sentence(config, "Threshold Crossed", real, bad, wanted, number, words, len(bad), filled), real
    if treat in ("missing", "ignore") and not good and lacking:
        # Only breaching ones, but too few. They alarm if the oldest is as old as would be needed and nothing since spoke against it.
        if treat == "missing" and (end - bad[0][0]) // period_of(config) >= wanted:
            return ALARM, sentence(config, "Threshold Crossed", real, bad, wanted, number, words, len(bad), 0), real
        return state, "", real
    return OK, sentence(config, "Threshold Crossed", real, [p for p in real if p not in bad], number - wanted + 1, number, "not " + words, good, lacking if treat == "notBreaching" else 0), real


def sentence(config: Any, head: str, real: list[Datapoint], shown: list[Datapoint], wanted: int, number: int, words: str, count: int, filled: int) -> str:
    threshold = config["Threshold"]
    if not shown:
        return f"{head}: no datapoints were received for {number} period{'s' if number > 1 else ''} and {filled} missing datapoint{'s were' if filled != 1 else ' was'} treated as " + (
            "[NonBreaching]." if words.startswith("not") else "[Breaching].")
    texts = ", ".join(f"{value} ({moment(at)})" for at, value in reversed(shown[-5:]))
    if number == 1:
        return f"{head}: 1 datapoint [{texts}] was {words} the threshold ({threshold})."
    plural = "s" if count != 1 else ""
    if words.startswith("not"):
        return f"{head}: {count} datapoint{plural} [{texts}] {'were' if plural else 'was'} {words} the threshold ({threshold})" + (
            f" and {filled} missing datapoint{'s were' if filled != 1 else ' was'} treated as [NonBreaching]." if filled else ".")
    return f"{head}: {count} out of the last {number} datapoints [{texts}] {'were' if plural else 'was'} {words} the threshold ({threshold}) (minimum {wanted} datapoint{'s' if wanted > 1 else ''} for OK -> ALARM transition)."


def moment(at: float) -> str:
    from datetime import UTC, datetime
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def evidence(call: Call, config: Any, period: int, used: list[Datapoint], points: list[Datapoint]) -> dict[str, Any]:
    out: dict[str, Any] = {"version": "1.0", "queryDate": history.moment(call.now), "period": period, "recentDatapoints": [value for _, value in used], "threshold": config["Threshold"]}
    if used:
        out["startDate"] = history.moment(used[0][0])
    if "Statistic" in config:
        out["statistic"] = config["Statistic"]
    out["evaluatedDatapoints"] = [{"timestamp": history.moment(at), "value": value} for at, value in reversed(used[-10:])]
    return out


# -- entering a state -------------------------------------------------------------------------------------------------

def enter(call: Call, alarm: Alarm, state: str, reason: str, data: str = "") -> None:
    """A change is told to whoever has to know; the same state again is nothing."""
    if state == alarm.state:
        return
    new = call.put(alarm.but(state=state, reason=reason, reason_data=data, updated=call.now, changed=call.now))
    history.add(call, new, "StateUpdate", f"Alarm updated from {alarm.state} to {state}", {
        "oldState": {"stateValue": alarm.state, "stateReason": alarm.reason}, "newState": {"stateValue": state, "stateReason": reason} | ({"stateReasonData": json.loads(data)} if data else {})})
    acting.told_state(call, new, alarm)
    acting.act(call, new, alarm.state)
    follow(call, new)


def follow(call: Call, alarm: Alarm) -> None:
    """The composites that speak of this alarm, and those whose actions it holds back."""
    from .alarms import Alarm, bare, children
    for parent in call.all(Alarm):
        if parent.composite and alarm.name in children(call, parent.config["AlarmRule"]):
            composite(call, parent)
        elif parent.composite and bare(parent.config.get("ActionsSuppressor", "")) == alarm.name:
            acting.suppressor_changed(call, parent, alarm)


def composite(call: Call, alarm: Alarm) -> None:
    from .alarms import Alarm, bare, children
    current = call.get(Alarm, alarm.name) or alarm
    rule = alarm_rule.parse(current.config["AlarmRule"])
    states = {name: one.state for name in children(call, current.config["AlarmRule"]) if (one := call.get(Alarm, name))}
    state = alarm_rule.state(rule, lambda name: states.get(bare(name), UNKNOWN))
    triggers = [name for name, value in states.items() if value == ALARM] or list(states)
    reason = f"{current.arn} was created and its alarm rule evaluates to {state}" if current.state == UNKNOWN and current.updated == current.created and not triggers else (
        f"{call.arn('alarm:' + triggers[0])} transitioned to {states[triggers[0]]} at {call_day(call)}" if triggers else f"{current.arn} rule evaluates to {state}")
    data = {"triggeringAlarms": [{"arn": call.arn(f"alarm:{name}"), "state": {"value": states[name], "timestamp": history.moment(call.now)}} for name in triggers]}
    enter(call, current, state, reason, json.dumps(data))


def call_day(call: Call) -> str:
    from datetime import UTC, datetime
    return datetime.fromtimestamp(call.now, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
