"""The expressions of one request, together: old and new parameters do not mix, every placeholder is defined and used.

`Bound` holds what a handler runs. The common requests have few members, and pay for few checks.
"""
from __future__ import annotations

import re
from typing import Any

from . import conditions, errors, keyconditions, legacy, projections, updates
from . import values as v
from .scope import Compiled

_NAME = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")

LEGACY_ORDER = ("AttributesToGet", "Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter", "ConditionalOperator")
ALLOWED = ["KeyConditions"]  # may stand beside any expression but its own successor
MODERN = ("ProjectionExpression", "ConditionExpression", "UpdateExpression", "KeyConditionExpression", "FilterExpression")
LEGACY = frozenset(LEGACY_ORDER)
NOTHING: dict[str, Any] = {}


class Bound:
    condition: Compiled | None = None
    filter: Compiled | None = None
    keys: keyconditions.Conditions | None = None
    projection: Compiled | None = None
    update: updates.Update | None = None
    values: dict[str, Any] = NOTHING


_NONE = Bound()


def bind(req: dict[str, Any], kinds: tuple[str, ...]) -> Bound:
    """`kinds` are the expressions this operation takes, in the order its complaints name them."""
    modern = [kind for kind in kinds if kind in req]
    if not LEGACY.isdisjoint(req):
        old = [name for name in LEGACY_ORDER if name in req]
        if modern and (old != ALLOWED or "KeyConditionExpression" in modern):
            raise errors.mixed_parameters(old, modern)
        if modern:
            bound = bind({k: v_ for k, v_ in req.items() if k != "KeyConditions"}, kinds)
            bound.keys = legacy.key_conditions(req["KeyConditions"])
            return bound
        return bind_legacy(req, old)
    names, values = req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues")
    if values and names is None and len(modern) == 1 and (one := bind_one(modern[0], req[modern[0]], values)) is not None:
        return one
    if not modern:
        if names is not None:
            raise errors.names_without_expression()
        if values is not None:
            raise errors.values_without_expression(tuple(k for k in kinds if k != "ProjectionExpression"))
        return _NONE
    if names is not None:
        check_names(names)
    if values is not None:
        check_values(values, modern, kinds)
    bound = Bound()
    if values is not None:
        bound.values = values
    used_names: frozenset[str] = frozenset()
    used_values: frozenset[str] = frozenset()
    for kind in modern:
        compiled = attach(bound, kind, req[kind], names)
        compiled.check(bound.values)
        used_names |= compiled.names
        used_values |= compiled.values
        if kind == "KeyConditionExpression":
            bound.keys = compiled.run(bound.values)
    if names is not None and len(used_names) < len(names):
        raise errors.unused("ExpressionAttributeNames", [n for n in names if n not in used_names])
    if values is not None and len(used_values) < len(values):
        raise errors.unused("ExpressionAttributeValues", [n for n in values if n not in used_values])
    return bound


def attach(bound: Bound, kind: str, text: str, names: dict[str, str] | None) -> Compiled:
    if kind == "UpdateExpression":
        update = bound.update = updates.compile(text, names)
        return update
    if kind == "ProjectionExpression":
        compiled = bound.projection = projections.compile(text, names)
    elif kind == "KeyConditionExpression":
        compiled = keyconditions.compile(text, names)
    elif kind == "FilterExpression":
        compiled = bound.filter = conditions.compile(kind, text, names)
    else:
        compiled = bound.condition = conditions.compile(kind, text, names)
    return compiled


def bind_one(kind: str, text: str, values: dict[str, Any]) -> Bound | None:
    """One expression whose placeholders are exactly the values given: the common case. None: look more closely."""
    bound = Bound()
    compiled = attach(bound, kind, text, None)
    if compiled.values != values.keys():
        return None
    for key, value in values.items():
        try:
            v.measure(value)
        except errors.Invalid as error:
            raise errors.placeholder_value(key, error) from None
    for check in compiled.checks:
        check(values)
    bound.values = values
    if kind == "KeyConditionExpression":
        bound.keys = compiled.run(values)
    return bound


def check_names(names: dict[str, str]) -> None:
    if not names:
        raise errors.placeholders_empty("ExpressionAttributeNames")
    for key, name in names.items():
        if not _NAME.fullmatch(key):
            raise errors.placeholder_key("ExpressionAttributeNames", key)
        if not 0 < len(name) <= v.MAX_NAME:
            raise errors.placeholder_name(key, errors.attribute_name(name))


def check_values(values: dict[str, Any], modern: list[str], kinds: tuple[str, ...]) -> None:
    if modern == ["ProjectionExpression"]:
        raise errors.values_without_expression(tuple(k for k in kinds if k != "ProjectionExpression"))
    if not values:
        raise errors.placeholders_empty("ExpressionAttributeValues")
    for key, value in values.items():
        if not _VALUE.fullmatch(key):
            raise errors.placeholder_key("ExpressionAttributeValues", key)
        try:
            v.measure(value)
        except errors.Invalid as error:
            raise errors.placeholder_value(key, error) from None


def bind_legacy(req: dict[str, Any], old: list[str]) -> Bound:
    if "ExpressionAttributeNames" in req:
        raise errors.names_without_expression()
    if "ExpressionAttributeValues" in req:
        raise errors.values_without_expression(MODERN[1:2])
    bound, operator = Bound(), req.get("ConditionalOperator")
    if "AttributesToGet" in req:
        wanted = req["AttributesToGet"]
        for name in wanted:
            if not 0 < len(name) <= v.MAX_NAME:
                raise errors.attribute_name(name)
        if len(set(wanted)) != len(wanted):
            raise errors.parameter(f"Duplicate value in attribute name: {next(n for i, n in enumerate(wanted) if n in wanted[:i])}")
        bound.projection = projections.of_names(tuple(wanted))
    if req.get("Expected"):
        bound.condition = legacy.expected(req["Expected"], operator)
    if req.get("AttributeUpdates"):
        bound.update = legacy.attribute_updates(req["AttributeUpdates"])
    if "KeyConditions" in req:
        bound.keys = legacy.key_conditions(req["KeyConditions"])
    for member in ("QueryFilter", "ScanFilter"):
        if req.get(member):
            bound.filter = legacy.filter(member, req[member], operator)
    conditional = req.get("Expected") or req.get("QueryFilter") or req.get("ScanFilter")
    if operator and not conditional:
        raise errors.parameter("ConditionalOperator cannot be used without Filter or Expected")
    if operator and len(conditional) < 2:
        raise errors.parameter("ConditionalOperator can only be used when Filter or Expected has two or more elements")
    return bound
