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

LEGACY = ("AttributesToGet", "Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter", "ConditionalOperator")
MODERN = ("ProjectionExpression", "ConditionExpression", "UpdateExpression", "KeyConditionExpression", "FilterExpression")
NOTHING: dict[str, Any] = {}


class Bound:
    __slots__ = ("condition", "filter", "keys", "projection", "update", "values")

    condition: Compiled | None
    filter: Compiled | None
    keys: keyconditions.Conditions | None
    projection: Compiled | None
    update: updates.Update | None

    def __init__(self) -> None:
        self.condition = self.filter = self.keys = self.projection = self.update = None
        self.values: dict[str, Any] = NOTHING


_NONE = Bound()


def bind(req: dict[str, Any], kinds: tuple[str, ...]) -> Bound:
    """`kinds` are the expressions this operation takes, in the order its complaints name them."""
    modern = [kind for kind in kinds if kind in req]
    old = [name for name in LEGACY if name in req]
    if old:
        if modern:
            raise errors.mixed_parameters(old, modern)
        return bind_legacy(req, old)
    names, values = req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues")
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
    bound.values = values or NOTHING
    used: list[Compiled] = []
    for kind in modern:
        text = req[kind]
        if kind == "ProjectionExpression":
            compiled = bound.projection = projections.compile(text, names)
        elif kind == "UpdateExpression":
            compiled = bound.update = updates.compile(text, names)
        elif kind == "KeyConditionExpression":
            compiled = keyconditions.compile(text, names)
        else:
            compiled = conditions.compile(kind, text, names)
            if kind == "FilterExpression":
                bound.filter = compiled
            else:
                bound.condition = compiled
        for check in compiled.checks:
            check(bound.values)
        used.append(compiled)
        if kind == "KeyConditionExpression":
            bound.keys = compiled.run(bound.values)
    if names is not None and (extra := [n for n in names if not any(n in c.names for c in used)]):
        raise errors.unused("ExpressionAttributeNames", extra)
    if values is not None and (extra := [n for n in values if not any(n in c.values for c in used)]):
        raise errors.unused("ExpressionAttributeValues", extra)
    return bound


def check_names(names: dict[str, str]) -> None:
    if not names:
        raise errors.placeholders_empty("ExpressionAttributeNames")
    for key, name in names.items():
        if not _NAME.fullmatch(key):
            raise errors.placeholder_key("ExpressionAttributeNames", key)
        if not name:
            raise errors.Invalid(f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {key}")


def check_values(values: dict[str, Any], modern: list[str], kinds: tuple[str, ...]) -> None:
    takers = tuple(k for k in kinds if k != "ProjectionExpression")
    if not any(k in takers for k in modern):
        raise errors.values_without_expression(takers)
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
