"""Choice rules: comparisons of a value with a constant or with what a path leads to, and And, Or, Not of them, which stop as soon as they know."""
from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from cloche.languages import jsonpath

from .failure import StateError
from .paths import Nowhere, Scope, find, read

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_COMPARISON = re.compile(r"(String|Numeric|Boolean|Timestamp)(Equals|LessThan|GreaterThan|LessThanEquals|GreaterThanEquals|Matches)(Path)?")
TESTS = ("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")


def is_comparison(name: str) -> bool:
    return name in TESTS or _COMPARISON.fullmatch(name) is not None


def stamp(value: Any) -> float | None:
    if not isinstance(value, str) or _STAMP.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def holds(rule: dict[str, Any], scope: Scope) -> bool:
    if "And" in rule:
        return all(holds(one, scope) for one in rule["And"])
    if "Or" in rule:
        return any(holds(one, scope) for one in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], scope)
    try:
        value, there = find(rule["Variable"], scope), True
    except (Nowhere, jsonpath.InvalidPath):
        value, there = None, False
    name = next(one for one in rule if is_comparison(one))
    wanted = rule[name]
    if name == "IsPresent":
        return there == wanted
    if not there:
        raise StateError("States.Runtime", f"Invalid path '{rule['Variable']}': The choice state's condition path references an invalid value.")
    if name in TESTS:
        return _is(name, value) == wanted
    kind, comparison, path = _COMPARISON.fullmatch(name).groups()  # type: ignore[union-attr]
    return compare(kind, comparison, value, read(wanted, scope, "") if path else wanted)


def _is(name: str, value: Any) -> bool:
    if name == "IsNull":
        return value is None
    if name == "IsNumeric":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "IsString":
        return isinstance(value, str)
    return isinstance(value, bool) if name == "IsBoolean" else stamp(value) is not None


def compare(kind: str, comparison: str, value: Any, other: Any) -> bool:
    """False where one of the two is not of the kind."""
    if kind == "Timestamp":
        value, other = stamp(value), stamp(other)
        if value is None or other is None:
            return False
    elif kind == "Numeric":
        if not (_is("IsNumeric", value) and _is("IsNumeric", other)):
            return False
    elif not all(isinstance(one, str if kind == "String" else bool) for one in (value, other)):
        return False
    if comparison == "Equals":
        return bool(value == other)
    if comparison == "Matches":
        return pattern(other).fullmatch(value) is not None
    if comparison.startswith("LessThan"):
        return bool(value < other or (comparison.endswith("Equals") and value == other))
    return bool(value > other or (comparison.endswith("Equals") and value == other))


@lru_cache(maxsize=256)
def pattern(text: str) -> re.Pattern[str]:
    """`*` is any text; `\\*` is a star, `\\\\` a backslash. The stars are atomic: no pattern costs more than a walk through the text."""
    pieces, at = [""], 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1:at + 2] in ("*", "\\"):
            at += 1
            pieces[-1] += re.escape(text[at])
        elif text[at] == "*":
            pieces.append("")
        else:
            pieces[-1] += re.escape(text[at])
        at += 1
    first, *rest = pieces
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in rest[:-1]) + (f".*{rest[-1]}" if rest else ""), re.S)
