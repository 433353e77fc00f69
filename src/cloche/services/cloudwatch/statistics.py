"""Statistics: from a cell of values to `Average`, `p99`, `tm90`, `PR(10:200)`; and GetMetricStatistics.

Percentiles and trimmed statistics need the values themselves; where only statistic sets are known, there is no answer.
"""
from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import datapoints, errors, gauges, pending
from . import service as cloudwatch
from .datapoints import Cell

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

SIMPLE = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
MOST_DATAPOINTS = 1_440
MOST_ROWS = 50_850
SHORT_PERIODS = (1, 5, 10, 20, 30)
BOUND = r"(\d{1,16}(?:\.\d{1,10})?)(%?)"


# -- one cell ---------------------------------------------------------------------------------------------------------

def value(cell: Cell, statistic: str, period: int) -> float | None:
    """None: the cell cannot tell."""
    if statistic == "Average":
        return cell.total / cell.n if cell.n else None
    if statistic == "Sum":
        return cell.total
    if statistic == "SampleCount":
        return cell.n
    if statistic == "Minimum":
        return cell.low
    if statistic == "Maximum":
        return cell.high
    found = parse(statistic)
    if found is None or cell.vals is None or not cell.n:
        return None
    kind, low, high = found
    return percentile(cell, high) if kind == "p" else trimmed(cell, kind, low, high)


Bounds = tuple[float, bool] | None  # (number, is a percentage)


@lru_cache(1024)
def parse(statistic: str) -> tuple[str, Any, Any] | None:
    """(kind, low, high) of an extended statistic; None if it is none. `p99` is ("p", None, 99.0)."""
    if found := re.fullmatch(r"p(\d{1,2}(?:\.\d{1,10})?|100)", statistic):
        return "p", None, float(found[1])
    if statistic.upper() == "IQM":
        return "tm", (25.0, True), (75.0, True)
    if found := re.fullmatch(r"(tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)", statistic, re.IGNORECASE):
        return found[1].lower(), None, (float(found[2]), True)
    found = re.fullmatch(rf"(TM|WM|TC|TS|PR)\((?:{BOUND})?:(?:{BOUND})?\)", statistic, re.IGNORECASE)
    if not found:
        return None
    low = (float(found[2]), bool(found[3])) if found[2] else None
    high = (float(found[4]), bool(found[5])) if found[4] else None
    if (low is None and high is None) or (low and high and low[1] != high[1]):
        return None
    if any(bound and bound[1] and (bound[0] > 100 or found[1].upper() == "PR") for bound in (low, high)):
        return None
    return found[1].lower(), low, high


def percentile(cell: Cell, wanted: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    assert cell.vals is not None
    rank, seen, last = max(wanted / 100 * cell.n, 1e-12), 0.0, 0.0
    for last, count in sorted(cell.vals.items()):
        seen += count
        if seen >= rank - 1e-9:
            return last
    return last


def trimmed(cell: Cell, kind: str, low: Bounds, high: Bounds) -> float | None:
    """Trimmed mean, sum and count, winsorized mean, percentile rank: what is left between two bounds."""
    assert cell.vals is not None
    first = -math.inf if low is None else low[0] if not low[1] else None
    last = math.inf if high is None else high[0] if not high[1] else None
    begin = low[0] / 100 * cell.n if low and low[1] else 0.0
    end = high[0] / 100 * cell.n if high and high[1] else cell.n
    count, total, seen, cut_low, cut_high, least, most = 0.0, 0.0, 0.0, 0.0, 0.0, math.inf, -math.inf
    for one, weight in sorted(cell.vals.items()):
        from_, to = max(seen, begin), min(seen + weight, end)
        inside = max(0.0, to - from_) if (first is None or one > first or low is None) and (last is None or one <= last) else 0.0
        if inside > 1e-9:
            count, total, least, most = count + inside, total + one * inside, min(least, one), max(most, one)
        below = min(weight, max(0.0, begin - seen)) if first is None else weight if low and one <= first else 0.0
        cut_low, cut_high = cut_low + below, cut_high + max(0.0, weight - inside - below)
        seen += weight
    if kind == "tc":
        return count
    if kind == "ts":
        return total
    if kind == "pr":
        return 100 * count / cell.n
    if not count:
        return None
    return total / count if kind == "tm" else (total + cut_low * least + cut_high * most) / cell.n


def check(statistic: str, parameter: str) -> None:
    if statistic not in SIMPLE and parse(statistic) is None:
        raise errors.invalid_value(statistic, parameter)


def check_period(period: int) -> None:
    if period not in SHORT_PERIODS and period % 60:
        raise errors.bad_period()


def rounded(start: float, period: int, now: float) -> int:
    """AWS looks from a whole minute on (of older times from five, or an hour), of short periods from a whole period."""
    age = now - start
    step = period if period < 60 else 60 if age < 15 * datapoints.DAY else 300 if age < 63 * datapoints.DAY else 3600
    return int(start) // step * step


# -- the operation ----------------------------------------------------------------------------------------------------

@cloudwatch.op(resource=ANY)
def get_metric_statistics(call: Call, req: t.GetMetricStatisticsInput) -> t.GetMetricStatisticsOutput:
    period, simple, extended = req["Period"], req.get("Statistics") or [], req.get("ExtendedStatistics") or []
    check_period(period)
    if req["StartTime"] >= req["EndTime"]:
        raise errors.not_before()
    if not simple and not extended:
        raise errors.no_statistic()
    for number, name in enumerate(extended, 1):
        if name in SIMPLE or parse(name) is None:
            raise errors.invalid_value(name, f"ExtendedStatistics.member.{number}")
    start = rounded(req["StartTime"], period, call.now)
    end = math.ceil(req["EndTime"])
    if (asked := math.ceil((end - start) / period)) > MOST_DATAPOINTS:
        raise errors.too_many_datapoints(asked, MOST_DATAPOINTS)
    pending.flush(call)
    key = (req["Namespace"], req["MetricName"], datapoints.dims_of(req.get("Dimensions")))
    gauges.sample(call, key, call.now)
    found = datapoints.read(call, key, start, end, period, req.get("Unit"), bool(extended))
    points: list[Any] = []
    for (slot, unit), cell in found.items():
        point: dict[str, Any] = {"Timestamp": float(slot), "Unit": unit} | {name: value(cell, name, period) for name in simple}
        if more := {name: got for name in extended if (got := value(cell, name, period)) is not None}:
            point["ExtendedStatistics"] = more
        elif extended and not simple:
            continue
        points.append(point)
    return {"Label": req["MetricName"], "Datapoints": points}
