"""The parameters from before expressions: Expected, QueryFilter, ScanFilter, KeyConditions, AttributeUpdates.

Each becomes the tree its expression would have, with literal paths and literal values.
"""
from __future__ import annotations

from typing import Any

from . import conditions, errors, parser, updates
from . import values as v
from .keyconditions import Conditions
from .scope import Compiled, Scope

ARGUMENTS = {"EQ": 1, "NE": 1, "LE": 1, "LT": 1, "GE": 1, "GT": 1, "NOT_NULL": 0, "NULL": 0, "CONTAINS": 1, "NOT_CONTAINS": 1,
             "BEGINS_WITH": 1, "BETWEEN": 2}
COMPARATORS = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
ORDERED = frozenset(("LE", "LT", "GE", "GT", "BETWEEN"))
SCALARS = ("S", "N", "B")
NO_PART = frozenset(("SS", "NS", "BS", "L", "M"))


def filter(kind: str, wanted: dict[str, Any], operator: str | None) -> Compiled:
    """QueryFilter and ScanFilter."""
    return joined(kind, [condition(name, c["ComparisonOperator"], c.get("AttributeValueList") or []) for name, c in wanted.items()], operator)


def expected(wanted: dict[str, Any], operator: str | None) -> Compiled:
    return joined("Expected", [expectation(name, e) for name, e in wanted.items()], operator)


def joined(kind: str, trees: list[parser.Node], operator: str | None) -> Compiled:
    tree = trees[0]
    for other in trees[1:]:
        tree = ("or" if operator == "OR" else "and", tree, other)
    return conditions.of_tree(kind, tree, {})


def expectation(name: str, e: dict[str, Any]) -> parser.Node:
    path = ("literal-path", (name,))
    if "ComparisonOperator" in e:
        if "Exists" in e:
            raise errors.parameter(f"Exists and ComparisonOperator cannot be used together for Attribute: {name}")
        if "Value" in e and "AttributeValueList" in e:
            raise errors.parameter(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
        return condition(name, e["ComparisonOperator"], [e["Value"]] if "Value" in e else e.get("AttributeValueList") or [])
    if "AttributeValueList" in e:
        raise errors.parameter(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if e.get("Exists", True):
        if "Value" not in e:
            if "Exists" in e:
                raise errors.parameter(f"Value must be provided when Exists is true for Attribute: {name}")
            raise errors.parameter(f"Value must be provided when Exists is null for Attribute: {name}")
        v.measure(e["Value"])
        return ("cmp", "=", path, ("literal", e["Value"]))
    if "Value" in e:
        raise errors.parameter(f"Value cannot be used when Exists is false for Attribute: {name}")
    return ("call", "attribute_not_exists", (path,))


def condition(name: str, operator: str, arguments: list[v.Value]) -> parser.Node:
    check(operator, arguments)
    path, operands = ("literal-path", (name,)), [("literal", a) for a in arguments]
    if operator in COMPARATORS:
        return ("cmp", COMPARATORS[operator], path, operands[0])
    match operator:
        case "NOT_NULL":
            return ("call", "attribute_exists", (path,))
        case "NULL":
            return ("call", "attribute_not_exists", (path,))
        case "CONTAINS":
            return ("call", "contains", (path, operands[0]))
        case "NOT_CONTAINS":  # of what is there
            return ("and", ("call", "attribute_exists", (path,)), ("not", ("call", "contains", (path, operands[0]))))
        case "BEGINS_WITH":
            return ("call", "begins_with", (path, operands[0]))
        case "BETWEEN":
            return ("between", path, *operands)
    return ("in", path, tuple(operands))


def check(operator: str, arguments: list[v.Value]) -> None:
    for argument in arguments:
        v.measure(argument)
    if len(arguments) != ARGUMENTS.get(operator, len(arguments)) or (operator == "IN" and not arguments):
        raise errors.argument_count(operator)
    for argument in arguments:
        kind = v.kind_of(argument)
        if (operator in ORDERED and kind not in SCALARS) or (operator == "BEGINS_WITH" and kind not in ("S", "B")) \
                or (operator in ("CONTAINS", "NOT_CONTAINS", "IN") and kind not in SCALARS and (operator == "IN" or kind in NO_PART)):
            raise errors.operator_type(operator, kind)
        if kind != v.kind_of(arguments[0]):
            raise errors.parameter("AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN" and v.less(arguments[1], arguments[0]):
        raise errors.range_reversed()


def key_conditions(wanted: dict[str, Any]) -> Conditions:
    found: Conditions = {}
    for name, c in wanted.items():
        operator, arguments = c["ComparisonOperator"], c.get("AttributeValueList") or []
        if operator in ("NE", "NOT_NULL", "NULL", "CONTAINS", "NOT_CONTAINS", "IN"):
            raise errors.not_indexable()
        check(operator, arguments)
        found[name] = (operator, arguments)
    return found


def attribute_updates(wanted: dict[str, Any]) -> updates.Update:
    """Unlike in expressions, a top-level list may be added to, and PUT is the default action."""
    actions: list[parser.Node] = []
    for name, change in wanted.items():
        if not 0 < len(name) <= v.MAX_NAME:
            raise errors.attribute_name(name)
        action, value, path = change.get("Action", "PUT"), change.get("Value"), ("literal-path", (name,))
        if value is None:
            if action != "DELETE":
                raise errors.parameter("Only DELETE action is allowed when no attribute value is specified")
            actions.append(("REMOVE", path))
            continue
        v.measure(value)
        kind = v.kind_of(value)
        if action == "ADD" and kind not in ("N", "L", *v.SETS):
            raise errors.parameter(f"ADD action is not supported for the type {v.LONG_NAMES[kind]}")
        if action == "DELETE" and kind not in v.SETS:
            raise errors.parameter(f"DELETE action with value is not supported for the type {v.LONG_NAMES[kind]}")
        actions.append(("SET" if action == "PUT" or kind == "L" else action, path, ("literal", value) if kind != "L" or action == "PUT" else
                        ("append", name, value)))
    return compile_updates(actions)


def compile_updates(actions: list[parser.Node]) -> updates.Update:
    """As for an expression, but a wrong type has the older sentence, and ADD of a list appends it."""
    lists = {a[1][1]: a[2][2] for a in actions if len(a) > 2 and a[2][0] == "append"}
    inner = updates.of_actions(tuple(a for a in actions if len(a) < 3 or a[2][0] != "append"), {})
    scope = Scope(updates.KIND, {})
    scope.paths.extend([a[1][1] for a in actions])

    def run(item: v.Item, values: Any) -> None:
        try:
            inner.run(item, values)
        except errors.Invalid as error:
            raise (errors.legacy_type_mismatch() if error.message == errors.wrong_operand().message else error) from None
        for (name,), value in lists.items():
            old = item.get(name)
            if old is not None and "L" not in old:
                raise errors.legacy_type_mismatch()
            item[name] = {"L": (old["L"] if old else []) + value["L"]}

    return updates.Update(run, scope, [a[1][1] for a in actions], inner.makes or bool(lists))
