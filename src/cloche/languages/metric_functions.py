"""The functions and operators of metric math, over numbers, series and lists of series."""
from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


class Invalid(ValueError):
    """No expression, or not one for these values."""


class Series:
    """Points of one metric, by timestamp (seconds, the beginning of the period)."""

    __slots__ = ("label", "period", "points")

    def __init__(self, label: str, points: dict[int, float], period: int) -> None:
        self.label, self.points, self.period = label, points, period

    def mapped(self, change: Callable[[float], float | None]) -> Series:
        return Series(self.label, {at: new for at, value in self.points.items() if (new := change(value)) is not None}, self.period)


Value = float | str | Series | list[Any]


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


def _power(a: float, b: float) -> float | None:
    try:
        found = a ** b
    except (OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(found, complex) else found


OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "^": _power,
    "<": lambda a, b: float(a < b), ">": lambda a, b: float(a > b), "<=": lambda a, b: float(a <= b), ">=": lambda a, b: float(a >= b),
    "==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b), "&&": lambda a, b: float(bool(a) and bool(b)), "||": lambda a, b: float(bool(a) or bool(b)),
}


def combine(op: str, a: Value, b: Value) -> Value:
    if isinstance(a, str) or isinstance(b, str):
        raise Invalid(f"The operator {op} does not take text")
    if isinstance(a, list) and isinstance(b, list):
        raise Invalid(f"The operator {op} cannot be applied to two arrays")
    if isinstance(a, list):
        return [combine(op, one, b) for one in a]
    if isinstance(b, list):
        return [combine(op, a, one) for one in b]
    apply = OPERATORS[op]
    if isinstance(a, Series) and isinstance(b, Series):
        return Series(a.label, {at: found for at, x in a.points.items() if at in b.points and (found := apply(x, b.points[at])) is not None}, max(a.period, b.period))
    if isinstance(a, Series):
        return a.mapped(lambda x: apply(x, b))  # type: ignore[arg-type]
    if isinstance(b, Series):
        return b.mapped(lambda y: apply(a, y))
    found = apply(a, b)
    if found is None:
        raise Invalid("Division by zero")
    return found


# -- shapes of functions ----------------------------------------------------------------------------------------------

def each(change: Callable[[float], float | None]) -> Callable[..., Value]:
    """One value to one value."""
    def run(world: Any, x: Value) -> Value:
        if isinstance(x, list):
            return [run(world, one) for one in x]
        if isinstance(x, Series):
            return x.mapped(change)
        found = change(x)  # type: ignore[arg-type]
        if found is None:
            raise Invalid("No result")
        return found
    return run


def over(reduce: Callable[[list[float]], float]) -> Callable[..., Value]:
    """A series to its one number; a list of series to one series."""
    def run(world: Any, x: Value) -> Value:
        if isinstance(x, Series):
            if not x.points:
                return Series(x.label, {}, x.period)
            return reduce(list(x.points.values()))
        if isinstance(x, list):
            return across(x, reduce)
        raise Invalid("The function takes a time series, or an array of them")
    return run


def across(x: list[Any], reduce: Callable[[list[float]], float]) -> Value:
    if all(isinstance(one, float) for one in x) and x:
        return reduce(x)
    found: dict[int, list[float]] = {}
    numbers = [one for one in x if not isinstance(one, Series)]
    for one in x:
        if isinstance(one, Series):
            for at, value in one.points.items():
                found.setdefault(at, list(numbers)).append(value)
    return Series("", {at: reduce(values) for at, values in sorted(found.items())}, max((one.period for one in x if isinstance(one, Series)), default=60))


def along(change: Callable[[Series], dict[int, float]]) -> Callable[..., Value]:
    """A series to a series, looking at more than one point."""
    def run(world: Any, x: Value) -> Value:
        if isinstance(x, list):
            return [run(world, one) for one in x]
        return Series(x.label, change(x), x.period) if isinstance(x, Series) else _not_series()
    return run


def _not_series() -> Series:
    raise Invalid("The function takes a time series")


def ordered(x: Series) -> list[tuple[int, float]]:
    return sorted(x.points.items())


def pairs(x: Series, change: Callable[[int, float, int, float], float]) -> dict[int, float]:
    points = ordered(x)
    return {at: change(before, old, at, new) for (before, old), (at, new) in itertools.pairwise(points)}


def running(x: Series) -> dict[int, float]:
    total, out = 0.0, {}
    for at, value in ordered(x):
        total += value
        out[at] = total
    return out


def stamps(change: Callable[[datetime], int]) -> Callable[..., Value]:
    return along(lambda x: {at: float(change(datetime.fromtimestamp(at, UTC))) for at in x.points})


# -- functions with a form of their own -------------------------------------------------------------------------------

def fill(world: Any, x: Value, filler: Value) -> Value:
    if isinstance(x, list):
        return [fill(world, one, filler) for one in x]
    if not isinstance(x, Series):
        raise Invalid("FILL takes a time series")
    step, out = x.period, dict(x.points)
    known = ordered(x)
    for at in range(world.start, world.end, step):
        if at in out:
            continue
        if isinstance(filler, Series):
            value = filler.points.get(at)
        elif filler == "REPEAT":
            value = next((v for when, v in reversed(known) if when < at), None)
        elif filler == "LINEAR":
            before, after = next(((w, v) for w, v in reversed(known) if w < at), None), next(((w, v) for w, v in known if w > at), None)
            value = before[1] + (after[1] - before[1]) * (at - before[0]) / (after[0] - before[0]) if before and after else None
        elif isinstance(filler, str | list):
            raise Invalid("FILL takes a number, a time series, REPEAT or LINEAR")
        else:
            value = filler
        if value is not None:
            out[at] = value
    return Series(x.label, out, step)


def if_(world: Any, condition: Value, yes: Value, no: Value | None = None) -> Value:
    if isinstance(condition, list) or isinstance(yes, list) or isinstance(no, list):
        many = next(x for x in (condition, yes, no) if isinstance(x, list))
        return [if_(world, *(x[i] if isinstance(x, list) else x for x in (condition, yes, no))) for i in range(len(many))]  # type: ignore[arg-type]
    if not isinstance(condition, Series):
        return yes if condition else (no if no is not None else Series("", {}, 60))
    out = {}
    for at, truth in condition.points.items():
        chosen = yes if truth else no
        value = chosen.points.get(at) if isinstance(chosen, Series) else chosen
        if value is not None:
            out[at] = value
    return Series(condition.label, out, condition.period)  # type: ignore[arg-type]


def period(world: Any, x: Value) -> Value:
    return float(x.period) if isinstance(x, Series) else _not_series()


def time_series(world: Any, x: Value) -> Value:
    if isinstance(x, Series | list | str):
        raise Invalid("TIME_SERIES takes a number")
    return Series("", {at: float(x) for at in range(world.start, world.end, world.period)}, world.period)


def slice_(world: Any, x: Value, start: Value, end: Value | None = None) -> Value:
    if not isinstance(x, list):
        raise Invalid("SLICE takes an array of time series")
    return x[int(start):int(end)] if end is not None else x[int(start)]  # type: ignore[no-any-return,arg-type]


def sort(world: Any, x: Value, by: Value, order: Value = "DESC", number: Value | None = None) -> Value:
    if not isinstance(x, list) or by not in SORTS or order not in ("ASC", "DESC"):
        raise Invalid("SORT takes an array of time series, AVG, MIN, MAX or SUM, and ASC or DESC")
    found = sorted((one for one in x if isinstance(one, Series)), key=lambda one: SORTS[by](list(one.points.values())) if one.points else -math.inf, reverse=order == "DESC")  # type: ignore[index]
    return found if number is None else found[: int(number)]  # type: ignore[arg-type]


def first(world: Any, x: Value) -> Value:
    return x[0] if isinstance(x, list) and x else x


def last(world: Any, x: Value) -> Value:
    return x[-1] if isinstance(x, list) and x else x


def average(values: list[float]) -> float:
    return sum(values) / len(values)


SORTS: dict[Any, Callable[[list[float]], float]] = {"AVG": average, "MIN": min, "MAX": max, "SUM": sum}
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {  # least and most arguments, the function
    "ABS": (1, 1, each(abs)), "CEIL": (1, 1, each(lambda x: float(math.ceil(x)))), "FLOOR": (1, 1, each(lambda x: float(math.floor(x)))),
    "LOG": (1, 1, each(lambda x: math.log(x) if x > 0 else None)), "LOG10": (1, 1, each(lambda x: math.log10(x) if x > 0 else None)),
    "AVG": (1, 1, over(average)), "MAX": (1, 1, over(max)), "MIN": (1, 1, over(min)), "SUM": (1, 1, over(math.fsum)), "STDDEV": (1, 1, over(statistics.pstdev)),
    "DATAPOINT_COUNT": (1, 1, over(lambda values: float(len(values)))),
    "METRIC_COUNT": (1, 1, lambda world, x: float(len(x)) if isinstance(x, list) else 1.0),
    "DIFF": (1, 1, along(lambda x: pairs(x, lambda a, old, b, new: new - old))),
    "DIFF_TIME": (1, 1, along(lambda x: pairs(x, lambda a, old, b, new: float(b - a)))),
    "RATE": (1, 1, along(lambda x: pairs(x, lambda a, old, b, new: (new - old) / (b - a)))),
    "RUNNING_SUM": (1, 1, along(running)), "EPOCH": (1, 1, along(lambda x: {at: float(at) for at in x.points})),
    "MINUTE": (1, 1, stamps(lambda d: d.minute)), "HOUR": (1, 1, stamps(lambda d: d.hour)), "DAY": (1, 1, stamps(lambda d: d.isoweekday())), "DATE": (1, 1, stamps(lambda d: d.day)),
    "MONTH": (1, 1, stamps(lambda d: d.month)), "YEAR": (1, 1, stamps(lambda d: d.year)),
    "FILL": (2, 2, fill), "IF": (2, 3, if_), "PERIOD": (1, 1, period), "TIME_SERIES": (1, 1, time_series), "SLICE": (2, 3, slice_), "SORT": (2, 4, sort), "FIRST": (1, 1, first), "LAST": (1, 1, last),
    "REMOVE_EMPTY": (1, 1, lambda world, x: [one for one in x if not isinstance(one, Series) or one.points] if isinstance(x, list) else x),
}
