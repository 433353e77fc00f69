"""SNS filter policies: event patterns over a message's attributes or its JSON body, with SNS's own limits."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from . import event_pattern
from .event_pattern import Invalid

ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"
MOST_KEYS, MOST_COMBINATIONS = 5, 150

Attributes = Mapping[str, Mapping[str, Any]]          # as SNS's Publish takes them
Filter = Callable[[Attributes, str], bool]            # (message attributes, message) -> deliver?


def compile_policy(text: str, scope: str = ATTRIBUTES) -> Filter:
    policy = parse(text)
    if not policy:
        return lambda attributes, message: True       # {} filters nothing
    check(policy, scope)
    matches = event_pattern.compile_object(policy)
    if scope == BODY:
        return lambda attributes, message: matches_body(matches, message)
    return lambda attributes, message: matches({name: attribute_value(a) for name, a in attributes.items()})


def parse(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("failed to parse JSON.") from None
    if not isinstance(policy, dict):
        raise Invalid("Filter is not an object")
    return policy


def check(policy: dict[str, Any], scope: str) -> None:
    """Limits and what the scope forbids; the pattern itself is checked when it is compiled."""
    if keys(policy) > MOST_KEYS:
        raise Invalid("Filter policy can not have more than 5 keys")
    if scope == ATTRIBUTES:
        refuse_nesting(policy)
    if combinations(policy, 1) > MOST_COMBINATIONS:
        raise Invalid("Filter policy is too complex")


def keys(policy: dict[str, Any]) -> int:
    """Leaf keys; below `$or` the names are counted once."""
    return len(set(leaf_paths(policy, "")))


def leaf_paths(policy: dict[str, Any], path: str) -> list[str]:
    found = []
    for key, value in policy.items():
        if key == "$or" and event_pattern.is_or(value):
            found += [leaf for branch in value for leaf in leaf_paths(branch, path)]
        elif isinstance(value, dict):
            found += leaf_paths(value, f"{path}{key}\n")
        else:
            found.append(path + key)
    return found


def refuse_nesting(policy: dict[str, Any]) -> None:
    for key, value in policy.items():
        if isinstance(value, dict):
            raise Invalid("Filter policy scope MessageAttributes does not support nested filter policy")
        if key == "$or" and event_pattern.is_or(value):
            for branch in value:
                refuse_nesting(branch)


def combinations(policy: dict[str, Any], depth: int) -> int:
    """AWS's measure of a policy: the product over its leaves of (values x nesting level)."""
    product = 1
    for key, value in policy.items():
        if key == "$or" and event_pattern.is_or(value):
            product *= sum(combinations(branch, depth) for branch in value)
        elif isinstance(value, dict):
            product *= combinations(value, depth + 1)
        elif isinstance(value, list):
            product *= max(1, len(value)) * depth
    return product


def matches_body(matches: event_pattern.Matcher, message: str) -> bool:
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and matches(body)


def attribute_value(attribute: Mapping[str, Any]) -> Any:
    """What a policy compares: numbers by value, String.Array by element; binary attributes match nothing."""
    kind, value = attribute["DataType"], attribute.get("StringValue")
    try:
        if kind.startswith("Number"):
            return json.loads(value or "")
        if kind.startswith("String.Array"):
            array = json.loads(value or "")
            return array if isinstance(array, list) else value
    except ValueError:
        return value
    return event_pattern.ABSENT if value is None else value
