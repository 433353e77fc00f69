"""What a rule's target gets instead of the event: a part of it (InputPath) or a text made from parts (InputTransformer).

In a template `<name>` stands for a value of the event. Outside quotes it becomes JSON (a string with its quotes), inside
quotes the bare text, escaped so that the string stays one.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MISSING = object()
_STEP = re.compile(r"\.([A-Za-z0-9_\-]+)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")
_VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")
RESERVED = ("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event", "aws.events.event.json", "aws.events.event.ingestion-time")


class Invalid(ValueError):
    """No JSON path, or a template with a variable that nothing defines."""


def parse_path(path: str) -> list[str | int]:
    """`$.detail.items[0]['a b']` -> ["detail", "items", 0, "a b"]; "*" is every element."""
    if not path.startswith("$"):
        raise Invalid(path)
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            raise Invalid(path)
        name, index, star, single, double = found.groups()
        steps.append(int(index) if index is not None else star or name or single or double)
        at = found.end()
    return steps


def extract(event: Any, path: str) -> Any:
    """The value at the path, or MISSING."""
    return walk(event, parse_path(path))


def walk(value: Any, steps: list[str | int]) -> Any:
    for at, step in enumerate(steps):
        if step == "*" and isinstance(value, list):
            found = [walk(element, steps[at + 1:]) for element in value]
            return [element for element in found if element is not MISSING]
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return MISSING
    return value


def check(template: str, paths: Mapping[str, str]) -> None:
    """Raises Invalid for a bad path, or a variable in the template that is neither in the map nor one of AWS's own."""
    for path in paths.values():
        parse_path(path)
    for name in _VARIABLE.findall(template):
        if name not in paths and name not in RESERVED:
            raise Invalid(name)


def transform(template: str, paths: Mapping[str, str], event: dict[str, Any], reserved: Mapping[str, Any]) -> str:
    values = dict(reserved)
    for name, path in paths.items():
        values[name] = extract(event, path)
    out, at, quoted = [], 0, False
    for found in _VARIABLE.finditer(template):
        if found[1] not in values:
            continue
        between = template[at:found.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', between)) % 2 == 1
        out += [between, in_quotes(values[found[1]]) if quoted else in_json(values[found[1]])]
        at = found.end()
    return "".join([*out, template[at:]])


def in_json(value: Any) -> str:
    return "null" if value is MISSING else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def in_quotes(value: Any) -> str:
    if value is MISSING:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False)[1:-1]
