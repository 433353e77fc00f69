"""What expressions come to, over a row or a group of rows."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

AGGREGATES = ("count", "sum", "min", "max", "avg", "approx_distinct")


Node = tuple[Any, ...]


class Refused(ValueError):
    """What is wrong with a statement."""


def in_order(given: Any) -> Any:
    """NULL comes last."""
    return (given is None, "" if given is None else given if isinstance(given, int | float) and not isinstance(given, bool) else "", shown(given) or "")


def shown(given: Any) -> str | None:
    """A value as a result has it."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given == int(given) and abs(given) < 1e15:
        return f"{given:.1f}"
    return json.dumps(given, separators=(",", ":")) if isinstance(given, dict | list) else str(given)


# -- what a statement is made of ------------------------------------------------------------------------------------------------

def aggregated(node: Node) -> bool:
    return (node[0] == "call" and node[1] in AGGREGATES) or any(aggregated(each) for each in parts(node))


def parts(node: Node) -> list[Node]:
    out: list[Node] = []
    for each in node[1:]:
        if isinstance(each, tuple) and each and isinstance(each[0], str) and each[0] in KINDS:
            out.append(each)
        elif isinstance(each, list):
            out += [one for one in each if isinstance(one, tuple) and one and one[0] in KINDS]
    return out


KINDS = ("value", "path", "call", "and", "or", "not", "compare", "like", "in", "null", "math", "case")


def settled(node: Node, grouped: list[Node]) -> bool:
    """Is it the same for all rows of a group?"""
    if node in grouped or node[0] == "value" or (node[0] == "call" and node[1] in AGGREGATES):
        return True
    return node[0] != "path" and all(settled(each, grouped) for each in parts(node))


def value(node: Node, row: Any, rows: list[Any] | None) -> Any:
    match node[0]:
        case "value":
            return node[1]
        case "path":
            return member(row, node[1])
        case "call":
            return call(node[1], node[2], node[3], row, rows)
        case "and" | "or":
            said = [value(each, row, rows) for each in node[1]]
            stop = node[0] == "or"
            return stop if stop in said else None if None in said else not stop
        case "not":
            inner = value(node[1], row, rows)
            return None if inner is None else not inner
        case "compare":
            return compared(node[1], value(node[2], row, rows), value(node[3], row, rows))
        case "like":
            text, pattern = value(node[1], row, rows), value(node[2], row, rows)
            return None if text is None or pattern is None else like(str(pattern), node[3])(str(text)) is not None
        case "in":
            one = value(node[1], row, rows)
            said = [compared("=", one, value(each, row, rows)) for each in node[2]]
            return True if True in said else None if None in said else False
        case "null":
            return value(node[1], row, rows) is None
        case "case":
            for test, result in node[1]:
                if value(test, row, rows) is True:
                    return value(result, row, rows)
            return value(node[2], row, rows)
        case _:
            return reckoned(node[1], value(node[2], row, rows), value(node[3], row, rows))


def member(row: Any, path: list[str]) -> Any:
    found = row
    for place, name in enumerate(path):
        if place == 0 and name == "eventJson":
            return json.dumps(row, separators=(",", ":"))
        if isinstance(found, list):
            return None
        if not isinstance(found, dict):
            return None
        found = found[name] if name in found else next((one for key, one in found.items() if key.lower() == name.lower()), None)
    return moment(found) if path == ["eventTime"] and isinstance(found, str) else found


def moment(text: str) -> str:
    """`2026-11-25T14:00:00Z` and its like as they are compared: `2026-11-25 14:00:00.000`."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?Z?)?", text)
    return f"{found[1]} {found[2] or '00:00:00'}.{(found[3] or '').ljust(3, '0')}" if found else text


def compared(sign: str, one: Any, other: Any) -> bool | None:
    if one is None or other is None:
        return None
    if isinstance(one, bool) != isinstance(other, bool):
        one, other = shown(one), shown(other)
    elif isinstance(one, str) != isinstance(other, str):
        raise Refused(f"'{sign}' cannot be applied to {kind(one)}, {kind(other)}")
    elif isinstance(one, str):
        one, other = moment(one), moment(other)
    elif isinstance(one, dict | list) or isinstance(other, dict | list):
        one, other = json.dumps(one, sort_keys=True), json.dumps(other, sort_keys=True)
    return bool({"=": one == other, "<>": one != other}[sign] if sign in ("=", "<>") else {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign])  # type: ignore[operator]


def kind(given: Any) -> str:
    return "varchar" if isinstance(given, str) else "boolean" if isinstance(given, bool) else "bigint" if isinstance(given, int) else "double" if isinstance(given, float) else "row"


def reckoned(sign: str, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return None
    if sign == "||":
        return f"{shown(one)}{shown(other)}"
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other)):
        raise Refused(f"'{sign}' cannot be applied to {kind(one)}, {kind(other)}")
    if sign in "/%" and other == 0:
        raise Refused("Division by zero")
    if sign == "/":
        return one / other if isinstance(one, float) or isinstance(other, float) else int(one / other)
    return one + other if sign == "+" else one - other if sign == "-" else one * other if sign == "*" else one % other


@lru_cache(maxsize=256)
def like(pattern: str, escape: str) -> Any:
    out, index = "", 0
    while index < len(pattern):
        letter = pattern[index]
        if escape and letter == escape and index + 1 < len(pattern):
            index += 1
            out += re.escape(pattern[index])
        else:
            out += ".*" if letter == "%" else "." if letter == "_" else re.escape(letter)
        index += 1
    return re.compile(out, re.DOTALL).fullmatch


# -- functions ------------------------------------------------------------------------------------------------------------------

def _scalar(json_text: Any, path: str) -> Any:
    try:
        found = json.loads(json_text) if isinstance(json_text, str) else json_text
    except ValueError:
        return None
    for name in path.removeprefix("$").strip(".").split(".") if path.strip("$.") else ():
        found = found.get(name) if isinstance(found, dict) else None
    return found if not isinstance(found, dict | list) else None


def _trunc(unit: str, at: str) -> Any:
    keep = {"year": 4, "month": 7, "day": 10, "hour": 13, "minute": 16, "second": 19}.get(unit.lower())
    if keep is None:
        raise Refused(f"'{unit}' is not a valid unit of date_trunc")
    return moment(at)[:keep] + "0000-01-01 00:00:00.000"[keep:]


SCALARS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "lower": (1, 1, lambda a: str(a).lower()), "upper": (1, 1, lambda a: str(a).upper()), "length": (1, 1, lambda a: len(str(a))), "trim": (1, 1, lambda a: str(a).strip()),
    "concat": (1, 20, lambda *a: "".join(shown(each) or "" for each in a)), "substr": (2, 3, lambda a, start, n=None: str(a)[int(start) - 1:][:n]), "replace": (2, 3, lambda a, old, new="": str(a).replace(old, new)),
    "element_at": (2, 2, lambda a, key: a.get(key) if isinstance(a, dict) else a[int(key) - 1] if isinstance(a, list) and isinstance(key, int) and 0 < key <= len(a) else None),
    "json_extract_scalar": (2, 2, _scalar), "date_trunc": (2, 2, _trunc), "round": (1, 2, lambda a, n=0: round(a, n) if n else float(round(a))), "abs": (1, 1, abs),
    "cardinality": (1, 1, lambda a: len(a) if isinstance(a, list | dict) else None), "starts_with": (2, 2, lambda a, b: str(a).startswith(b)), "strpos": (2, 2, lambda a, b: str(a).find(b) + 1),
}


def call(name: str, arguments: list[Node], distinct: bool, row: Any, rows: list[Any] | None) -> Any:
    if name in AGGREGATES:
        given = [] if not arguments else [one for each in rows or () if (one := value(arguments[0], each, None)) is not None]
        if name == "count":
            return len(rows or ()) if not arguments else len({shown(one) for one in given}) if distinct else len(given)
        if name == "approx_distinct":
            return len({shown(one) for one in given})
        if not given:
            return None
        if name in ("sum", "avg"):
            if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in given):
                raise Refused(f"Unexpected parameters (varchar) for function {name}")
            return sum(given) if name == "sum" else sum(given) / len(given)
        return (min if name == "min" else max)(given, key=in_order)
    if name == "coalesce":
        return next((found for each in arguments if (found := value(each, row, rows)) is not None), None)
    given = [value(each, row, rows) for each in arguments]
    return None if any(one is None for one in given) else SCALARS[name][2](*given)
