"""Values as Java has them: how they print, compare and add.

Arrays that came from JSON print as JSON (`["a","b"]`), maps print as Java prints a LinkedHashMap (`{a=1, b=2}`), and
lists a template wrote print as an ArrayList (`[a, b]`): what Jayway's json-smart provider makes visible on AWS.
"""
from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


class JsonList(list):
    """An array that came from JSON."""


class Missing(str):
    """Nothing at that path or under that name: prints as, and equals, the empty string, and is false in #if."""


MISSING = Missing()


class Native:
    """Something a template can talk to: methods by name, properties by name."""

    methods: Mapping[str, Callable[..., Any]] = {}
    fields: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return ""


def from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: from_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return JsonList(from_json(v) for v in value)
    return value


def text(value: Any) -> str:
    """`toString()`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double(value)
    if isinstance(value, JsonList):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=text)
    if isinstance(value, list):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(k)}={text(v)}" for k, v in value.items()) + "}"
    return str(value)


def double(value: float) -> str:
    """`Double.toString`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = repr(value)
        return plain if "e" not in plain else f"{value:f}".rstrip("0")
    digits, _, exponent = f"{value!r}".partition("e")
    if not exponent:                                  # 12345678.9 -> 1.23456789E7
        sign, number = ("-", digits[1:]) if value < 0 else ("", digits)
        whole, _, part = number.partition(".")
        if whole.strip("0"):
            exponent, all_digits = len(whole) - 1, whole + part
        else:
            zeros = len(part) - len(part.lstrip("0"))
            exponent, all_digits = -zeros - 1, part[zeros:]
        all_digits = all_digits.rstrip("0") or "0"
        return f"{sign}{all_digits[0]}.{all_digits[1:] or '0'}E{exponent}"
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def true(value: Any) -> bool:
    """Velocity 1: nothing and `false` are false, all else is true; the empty string too."""
    return value is not None and value is not False and not isinstance(value, Missing)


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(a: Any, b: Any) -> bool:
    """Numbers by value, the rest by equals(), and things of different kinds by how they print."""
    if a is None or b is None:
        other = b if a is None else a
        return other is None or isinstance(other, Missing)
    if number(a) and number(b):
        return bool(a == b)
    if type(a) is type(b):
        return bool(a == b)
    if (isinstance(a, (list, dict)) and isinstance(b, type(a))) or (isinstance(b, (list, dict)) and isinstance(a, type(b))):
        return bool(a == b)
    return text(a) == text(b)


def add(a: Any, b: Any) -> Any:
    if number(a) and number(b):
        return a + b
    if isinstance(a, str) or isinstance(b, str):
        return text(a) + text(b)
    if isinstance(a, list) and isinstance(b, list):
        return [*a, *b]
    return None


def subtract(a: Any, b: Any) -> Any:
    return a - b if number(a) and number(b) else None


def multiply(a: Any, b: Any) -> Any:
    return a * b if number(a) and number(b) and abs(a) < 1e300 and abs(b) < 1e300 else None


def divide(a: Any, b: Any) -> Any:
    if not (number(a) and number(b)) or b == 0:
        return None
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)                    # Java truncates towards zero
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


def remainder(a: Any, b: Any) -> Any:
    if not (number(a) and number(b)) or b == 0:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) % abs(b) * (-1 if a < 0 else 1)  # the sign of the dividend
    return math.fmod(a, b)
