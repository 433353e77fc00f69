"""Input templates of EventBridge Pipes, and its dynamic parameters: `<$.path>` in a text, or `$.path` as a whole.

A source's payload that is JSON in a text (the body of a message, the data of a record) can be looked into as if it were part of the event.
"""
from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from .input_transformer import MISSING, Invalid, in_json, in_quotes, parse_path, walk

_VARIABLE = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.\-]+)>")
RESERVED = ("aws.pipes.pipe-arn", "aws.pipes.pipe-name", "aws.pipes.source-arn", "aws.pipes.enrichment-arn", "aws.pipes.target-arn", "aws.pipes.event.ingestion-time", "aws.pipes.event",
            "aws.pipes.event.json")


def check(template: str) -> None:
    """Raises Invalid for a path that is none, or a variable that AWS does not have."""
    for name in _VARIABLE.findall(template):
        if name.startswith("$"):
            parse_path(name)
        elif name not in RESERVED:
            raise Invalid(name)


def fill(template: str, event: Any, reserved: Mapping[str, Any]) -> str:
    """The template with the event's values: as JSON, or inside quotes as bare text."""
    out, at, quoted = [], 0, False
    for found in _VARIABLE.finditer(template):
        between = template[at:found.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', between)) % 2 == 1
        value = extract(event, found[1]) if found[1].startswith("$") else reserved.get(found[1], MISSING)
        out += [between, in_quotes(value) if quoted else in_json(value)]
        at = found.end()
    return "".join([*out, template[at:]])


def extract(event: Any, path: str) -> Any:
    return walk(opened(event), parse_path(path))


def parameter(text: str, event: Any) -> str:
    """A parameter of a target: itself, or what stands at its path in the event."""
    if not text.startswith("$."):
        return text
    value = extract(event, text)
    if value is MISSING:
        raise Invalid(text)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def opened(event: Any) -> Any:
    """The event with a body or data that is JSON as what it says."""
    if not isinstance(event, dict):
        return event
    return {name: decoded(unpacked(value) if name == "data" and "kinesisSchemaVersion" in event else value) if name in ("body", "data") and isinstance(value, str) else value
            for name, value in event.items()}


def unpacked(text: str) -> str:
    """A stream's record carries its data in base64."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return text


def decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
