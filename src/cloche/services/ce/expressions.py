"""Filters and groups: dimensions and tags of a line of usage."""
from __future__ import annotations

from typing import Any

from . import errors
from .counting import Line

DIMENSIONS = {
    "SERVICE": lambda line: line.service, "LINKED_ACCOUNT": lambda line: line.account, "REGION": lambda line: line.region, "USAGE_TYPE": lambda line: line.usage,
    "INSTANCE_TYPE": lambda line: line.kind or "NoInstanceType", "RECORD_TYPE": lambda line: "Usage", "RESOURCE_ID": lambda line: line.resource or "NoResourceId",
    "PURCHASE_TYPE": lambda line: "On Demand Instances" if line.kind else "NoPurchaseType", "LEGAL_ENTITY_NAME": lambda line: "Amazon Web Services, Inc.", "BILLING_ENTITY": lambda line: "AWS",
}


def value(line: Line, kind: str, key: str, active: frozenset[str]) -> str:
    """What a line says to a dimension, or to a tag that is activated for costs."""
    if kind == "TAG":
        return f"{key}${line.tags.get(key, '') if key in active else ''}"
    if key not in DIMENSIONS:
        raise errors.invalid(f"Group Definition dimension {key} is not one that Cloche counts by: {', '.join(sorted(DIMENSIONS))}.")
    return DIMENSIONS[key](line)


def fits(line: Line, asked: Any, active: frozenset[str]) -> bool:
    if not asked:
        return True
    if len(asked) != 1:
        raise errors.invalid("Expression should have only one root.")
    [(word, what)] = asked.items()
    if word == "And":
        return all(fits(line, one, active) for one in what)
    if word == "Or":
        return any(fits(line, one, active) for one in what)
    if word == "Not":
        return not fits(line, what, active)
    if word == "Tags":
        return _matches(line.tags.get(what["Key"], "") if what["Key"] in active else "", what)
    if word == "Dimensions":
        return _matches(value(line, "DIMENSION", what["Key"], active), what)
    raise errors.invalid(f"Filters by {word} are not built in Cloche.")


def _matches(text: str, what: Any) -> bool:
    how, wanted = set(what.get("MatchOptions") or ()) or {"EQUALS"}, list(what.get("Values") or ())
    if "ABSENT" in how:
        return not text
    if "CASE_INSENSITIVE" in how:
        text, wanted = text.lower(), [one.lower() for one in wanted]
    if "STARTS_WITH" in how:
        return any(text.startswith(one) for one in wanted)
    if "ENDS_WITH" in how:
        return any(text.endswith(one) for one in wanted)
    return any(one in text for one in wanted) if "CONTAINS" in how else text in wanted
