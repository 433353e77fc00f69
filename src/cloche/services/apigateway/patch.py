"""JSON patches as API Gateway takes them: `{op, path, value}` on a few named places, each with a type.

A noun gives its places as a table, `{"/name": TEXT, "/binaryMediaTypes/*": ITEM}`; `*` is any one segment (with `~1` for a slash).
"""
from __future__ import annotations

import copy
from typing import Any

from . import errors

TEXT, BOOLEAN, INTEGER, FLOAT, ITEM, OBJECT = "text", "boolean", "integer", "float", "item", "object"
Rules = dict[str, str]


def split(path: str) -> list[str]:
    return [p.replace("~1", "/").replace("~0", "~") for p in path.strip("/").split("/")]


def apply(values: dict[str, Any], operations: list[dict[str, Any]] | None, rules: Rules) -> dict[str, Any]:
    """A changed copy of the values."""
    result = copy.deepcopy(values)
    for operation in operations or []:
        op, path, value = operation["op"], operation.get("path", ""), operation.get("value")
        parts = split(path)
        kind = find(rules, parts)
        if kind is None or op not in ("add", "replace", "remove", "copy") or (kind == OBJECT and op != "remove"):
            raise errors.bad_patch(op, path, list(rules))
        if op == "copy":
            value = at(result, split(operation.get("from", "")))
        change(result, parts, op, typed(kind, value, path) if op != "remove" else value, kind == ITEM)
    return result


def find(rules: Rules, parts: list[str]) -> str | None:
    for pattern, kind in rules.items():
        wanted = pattern.strip("/").split("/")
        if len(wanted) == len(parts) and all(w in ("*", p) for w, p in zip(wanted, parts)):
            return kind
    return None


def typed(kind: str, value: Any, path: str) -> Any:
    try:
        if kind == BOOLEAN and not isinstance(value, bool):
            if str(value).lower() not in ("true", "false"):
                raise ValueError(value)
            return str(value).lower() == "true"
        if kind == INTEGER:
            return int(value)
        if kind == FLOAT:
            return float(value)
    except (TypeError, ValueError):
        raise errors.bad_patch_value(path, value) from None
    return value


def at(values: Any, parts: list[str]) -> Any:
    for part in parts:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def change(values: dict[str, Any], parts: list[str], op: str, value: Any, item: bool) -> None:
    *way, last = parts
    if item:
        change_list(values, way, last, op, value)
        return
    here = values
    for part in way:
        here = here.setdefault(part, {})
    if op == "remove":
        here.pop(last, None)
    else:
        here[last] = value


def change_list(values: dict[str, Any], way: list[str], last: str, op: str, value: Any) -> None:
    """`/binaryMediaTypes/image~1png`: the segment is the item itself, or its place in the list."""
    *above, name = way
    here = values
    for part in above:
        here = here.setdefault(part, {})
    items = list(here.get(name) or [])
    place = int(last) if last.isdigit() and int(last) < len(items) else items.index(last) if last in items else None
    if op == "remove":
        if place is not None:
            del items[place]
    elif op == "replace" and place is not None:
        items[place] = value or last
    else:
        new = value if value and last in ("-", *map(str, range(len(items) + 1))) else last
        if new not in items:
            items.append(new)
    here[name] = items
