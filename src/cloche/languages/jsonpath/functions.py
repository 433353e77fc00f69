"""The functions at the end of a path: `$.list.length()`."""
from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from typing import Any

from .nowhere import NoSuchPath
from .scan import InvalidPath

INTEGER = re.compile(r"-?\d+")


def aggregate(name: str, argument: str) -> Callable[[Any], Any]:
    def numbers(value: Any) -> list[float]:
        found = [v for v in value if isinstance(v, (int, float)) and not isinstance(v, bool)] if isinstance(value, list) else []
        if not found:
            raise NoSuchPath("Aggregation function attempted to calculate value using empty array")
        return found

    match name:
        case "length" | "size":
            return lambda v: len(v) if isinstance(v, (list, dict, str)) else None
        case "keys":
            return lambda v: list(v) if isinstance(v, dict) else None
        case "min":
            return lambda v: float(min(numbers(v)))
        case "max":
            return lambda v: float(max(numbers(v)))
        case "sum":
            return lambda v: float(sum(numbers(v)))
        case "avg":
            return lambda v: sum(ns := numbers(v)) / len(ns)
        case "stddev":
            return lambda v: statistics.pstdev(numbers(v))
        case "first":
            return lambda v: picked(v, 0)
        case "last":
            return lambda v: picked(v, -1)
        case "index":
            if not INTEGER.fullmatch(argument.strip()):
                raise InvalidPath("index() needs a number")
            return lambda v: picked(v, int(argument))
        case "append":
            try:
                more = json.loads(argument)
            except ValueError:
                raise InvalidPath(f"append() cannot read {argument}") from None
            return lambda v: [*v, more] if isinstance(v, list) else v
        case _:
            return lambda v: "".join(x for x in v if isinstance(x, str)) + argument.strip().strip("'\"") if isinstance(v, list) else v


def picked(value: Any, index: int) -> Any:
    if isinstance(value, list) and -len(value) <= index < len(value):
        return value[index]
    raise NoSuchPath("the array has no such element")
