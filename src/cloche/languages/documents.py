"""JSON or YAML that somebody wrote, as plain values: bounded, so that aliases in aliases cannot eat the machine."""
from __future__ import annotations

import json
from typing import Any

import yaml

NODES = 500_000


class Unreadable(ValueError):
    """Neither JSON nor YAML, or more than can be taken."""


def read(text: str | bytes) -> Any:
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    try:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return json.loads(text)
            except ValueError:
                pass                                    # YAML may begin so as well
        value = yaml.load(text, Loader=Loader)
        count(value)
        return value
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Dates stay what they look like: `2010-09-09` is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"] for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def count(value: Any) -> None:
    """Walk the document as if every alias were written out."""
    waiting, seen = [value], 0
    while waiting:
        here = waiting.pop()
        seen += 1
        if seen > NODES:
            raise Unreadable("the document is too large")
        if isinstance(here, dict):
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
