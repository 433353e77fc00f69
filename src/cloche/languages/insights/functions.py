"""Values and functions of Insights. A value is a text, a number, a `Moment`, or None where a field is not there; nothing is ever an error, only None."""
from __future__ import annotations

import ipaddress
import json
import math
import re
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "mo": 2_592_000_000, "q": 7_776_000_000, "y": 31_536_000_000}
LONG = {"millisecond": "ms", "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "quarter": "q", "year": "y"}


class Moment(float):
    """Milliseconds since the epoch that are shown as a date."""


def number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            return None
        return found if math.isfinite(found) else None
    return None if value is None else float(value)


def text(value: Any) -> str:
    """As results show it."""
    if value is None:
        return ""
    if isinstance(value, Moment):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{int(value) % 1000:03d}"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)


def truth(value: Any) -> bool:
    return value is not None and value not in ("", "0", "false") and bool(value)


def milliseconds(period: Any) -> float | None:
    found = re.fullmatch(r"(\d+)\s*([a-z]+?)s?|(\d+)s", text(period))
    if found is None:
        return None
    unit = "s" if found[3] else LONG.get(found[2], found[2])
    return float(found[1] or found[3]) * UNITS[unit] if unit in UNITS else None


def floor(moment: Any, period: Any) -> Moment | None:
    at, step = number(moment), milliseconds(period)
    return None if at is None or not step else Moment(at // step * step)


def ceil(moment: Any, period: Any) -> Moment | None:
    at, step = number(moment), milliseconds(period)
    return None if at is None or not step else Moment(-(-at // step) * step)


def numeric(change: Callable[..., float]) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        numbers = [number(one) for one in values]
        try:
            return None if None in numbers else float(change(*numbers))
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
    return run


def textual(change: Callable[..., Any]) -> Callable[..., Any]:
    def run(first: Any, *rest: Any) -> Any:
        return None if first is None else change(text(first), *rest)
    return run


def substr(value: str, start: Any, length: Any = None) -> str:
    begin = max(int(number(start) or 0), 0)
    return value[begin:] if length is None else value[begin:begin + max(int(number(length) or 0), 0)]


def strip(side: Callable[[str, str | None], str]) -> Callable[..., Any]:
    return textual(lambda value, chars=None: side(value, None if chars is None else text(chars)))


def address(version: int) -> Callable[[Any], bool]:
    def run(value: Any) -> bool:
        try:
            return ipaddress.ip_address(text(value)).version in ((version,) if version else (4, 6))
        except ValueError:
            return False
    return run


def in_subnet(value: Any, network: Any) -> bool:
    try:
        return ipaddress.ip_address(text(value)) in ipaddress.ip_network(text(network), strict=False)
    except ValueError:
        return False


def json_text(value: Any) -> str | None:
    return None if value is None else json.dumps(text(value))


# name -> (least and most arguments, what it does)
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, numeric(abs)), "ceil": (1, 1, numeric(math.ceil)), "floor": (1, 1, numeric(math.floor)), "sqrt": (1, 1, numeric(math.sqrt)), "log": (1, 1, numeric(math.log)),
    "greatest": (1, 99, numeric(max)), "least": (1, 99, numeric(min)),
    "ispresent": (1, 1, lambda value: value is not None), "coalesce": (1, 99, lambda *values: next((one for one in values if one is not None), None)),
    "isempty": (1, 1, lambda value: value is None or text(value) == ""), "isblank": (1, 1, lambda value: value is None or not text(value).strip()),
    "concat": (1, 99, lambda *values: "".join(text(one) for one in values)), "strlen": (1, 1, textual(lambda value: float(len(value)))),
    "toupper": (1, 1, textual(str.upper)), "tolower": (1, 1, textual(str.lower)), "substr": (2, 3, textual(substr)),
    "replace": (3, 3, textual(lambda value, old, new: value.replace(text(old), text(new)))), "strcontains": (2, 2, lambda value, part: value is not None and text(part) in text(value)),
    "trim": (1, 2, strip(str.strip)), "ltrim": (1, 2, strip(str.lstrip)), "rtrim": (1, 2, strip(str.rstrip)), "jsonstringify": (1, 1, json_text),
    "datefloor": (2, 2, floor), "dateceil": (2, 2, ceil), "bin": (1, 2, floor), "now": (0, 0, lambda: None),
    "frommillis": (1, 1, lambda value: None if number(value) is None else Moment(number(value))), "tomillis": (1, 1, numeric(float)),
    "isvalidip": (1, 1, address(0)), "isvalidipv4": (1, 1, address(4)), "isvalidipv6": (1, 1, address(6)), "isipinsubnet": (2, 2, in_subnet), "isipv4insubnet": (2, 2, in_subnet),
    "isipv6insubnet": (2, 2, in_subnet),
}


# -- over many events: each gets the values of its first argument, those that are there, newest first ----------------------------------

def numbers(values: list[Any]) -> list[float]:
    return [found for one in values if (found := number(one)) is not None]


def over(reduce: Callable[[list[float]], float]) -> Callable[..., Any]:
    return lambda values: float(reduce(found)) if (found := numbers(values)) else None


def percentile(values: list[Any], percent: Any) -> float | None:
    found, share = sorted(numbers(values)), number(percent)
    return None if not found or share is None else found[max(0, math.ceil(min(share, 100) / 100 * len(found)) - 1)]


def extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    """The greatest or least number, or text where not all are numbers."""
    def run(values: list[Any]) -> Any:
        found = numbers(values)
        return None if not values else choose(found) if len(found) == len(values) else choose(values, key=text)
    return run


AGGREGATES: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "count": (0, 1, lambda values: float(len(values))), "count_distinct": (1, 2, lambda values, *_: float(len({text(one) for one in values}))),
    "sum": (1, 1, over(math.fsum)), "avg": (1, 1, over(statistics.fmean)), "min": (1, 1, extreme(min)), "max": (1, 1, extreme(max)), "stddev": (1, 1, over(statistics.pstdev)),
    "pct": (2, 2, percentile), "median": (1, 1, lambda values: percentile(values, 50)), "latest": (1, 1, lambda values: values[0] if values else None),
    "earliest": (1, 1, lambda values: values[-1] if values else None), "sortsfirst": (1, 1, lambda values: min(values, key=text) if values else None),
    "sortslast": (1, 1, lambda values: max(values, key=text) if values else None),
}
