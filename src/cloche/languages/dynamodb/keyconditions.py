"""Key conditions: one partition and a range of sort keys, as bounds on bytes an index can be asked for.

Both ways of writing one (KeyConditionExpression, KeyConditions) become {attribute: (operator, [operand, ...])}.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import errors, keys, parser
from . import values as v
from .conditions import known
from .scope import Compiled, Scope, Values, remember

KIND = "KeyConditionExpression"
OPERATORS = {"=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

Conditions = dict[str, tuple[str, list[Any]]]  # attribute -> (operator, values)


class Range(NamedTuple):
    """One partition of an index and, of its sort keys, [low, high) with either end open."""

    partition: bytes
    low: bytes | None
    high: bytes | None
    value: dict[str, Any]  # the partition key as given


def compile(text: str, names: Mapping[str, str] | None = None) -> Compiled:
    """run(values) -> Conditions."""
    return _compile(text, names=names)  # type: ignore[no-any-return]


@remember
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> Compiled:
    scope = Scope(KIND, dict(names))
    found: dict[str, tuple[str, list[str]]] = {}
    for node in terms(parser.condition(KIND, text)):
        name, operator, placeholders = term(node, scope)
        if name in found:
            raise errors.key_condition_twice()
        found[name] = (operator, placeholders)
    return Compiled(lambda values: {name: (op, [values[p] for p in placeholders]) for name, (op, placeholders) in found.items()}, scope)


def terms(node: parser.Node) -> list[parser.Node]:
    if node[0] == "and":
        return terms(node[1]) + terms(node[2])
    if node[0] in ("or", "not", "in"):
        raise errors.key_condition_operator(node[0].upper())
    if node[0] == "cmp" and node[1] == "<>":
        raise errors.key_condition_operator("<>")
    return [node]


def term(node: parser.Node, scope: Scope) -> tuple[str, str, list[str]]:
    match node:
        case ("cmp", op, left, right):
            if left[0] != "path" and right[0] == "path":
                left, right, op = right, left, MIRRORED[op]
            operands, operator = (left, right), OPERATORS[op]
        case ("between", x, low, high):
            operands, operator = (x, low, high), "BETWEEN"
        case ("call", "begins_with", arguments):
            known("begins_with", arguments, scope)
            operands, operator = arguments, "BEGINS_WITH"
        case ("call", name, arguments):
            known(name, arguments, scope)
            raise errors.key_condition_operator(name)
        case _:
            raise AssertionError(node)
    for operand in operands:
        if operand[0] == "call":
            known(operand[1], operand[2], scope)
            raise errors.key_condition_nested_operations()
    paths = [o for o in operands if o[0] == "path"]
    if not paths:
        raise errors.key_condition_no_attribute()
    if len(paths) > 1:
        raise errors.key_condition_many_attributes()
    if operands[0][0] != "path":
        raise errors.key_condition_unsupported()
    path = scope.path(operands[0])
    if len(path) > 1:
        raise errors.key_condition_nested()
    for operand in operands[1:]:
        scope.value(operand[1])
    if operator == "BEGINS_WITH":
        typed(operands[1][1], ("S", "B"), "begins_with", scope)
    return str(path[0]), operator, [o[1] for o in operands[1:]]


def typed(name: str, types: tuple[str, ...], operator: str, scope: Scope) -> None:
    def check(values: Values) -> None:
        kind = v.kind_of(values[name])
        if kind not in types:
            raise errors.operand_type(KIND, operator, kind)

    scope.checks.append(check)


def bounds(conditions: Conditions, schema: keys.Schema, kind: str = KIND) -> Range:
    """What the conditions ask of this key; they must name the hash key with EQ and may name the range key."""
    names = set(conditions)
    if schema.hash not in names:
        raise errors.key_condition_missing(schema.hash)
    if extra := names - set(schema.names):
        if schema.range and schema.range not in names and len(names) == 2:
            raise errors.key_condition_missing(schema.range)
        raise errors.key_condition_unsupported() if kind == KIND or len(extra) < len(names) else errors.key_condition_missing(schema.hash)
    operator, operands = conditions[schema.hash]
    if operator != "EQ":
        raise errors.key_condition_unsupported()
    raw = encode(schema.hash, schema.hash_type, operands[0])
    if len(raw) > keys.MAX_HASH:
        raise errors.hash_too_long()
    partition = keys.partition(raw)
    if schema.range is None or schema.range not in conditions:
        return Range(partition, None, None, operands[0])
    operator, operands = conditions[schema.range]
    kind_ = schema.range_type
    if operator == "BEGINS_WITH" and kind_ == "N":
        raise errors.key_condition_type()
    encoded = [encode(schema.range, kind_, o) for o in operands]
    if any(len(e) > keys.MAX_RANGE for e in encoded):
        raise errors.range_too_long()
    first = encoded[0]
    match operator:
        case "EQ":
            return Range(partition, first, first + b"\0", conditions[schema.hash][1][0])
        case "LT":
            low, high = None, first
        case "LE":
            low, high = None, first + b"\0"
        case "GT":
            low, high = first + b"\0", None
        case "GE":
            low, high = first, None
        case "BEGINS_WITH":
            low, high = first, keys.after(first)
        case "BETWEEN":
            if encoded[0] > encoded[1]:
                if kind == KIND:
                    raise errors.bounds_reversed(KIND, *operands)
                raise errors.range_reversed()
            low, high = first, encoded[1] + b"\0"
        case _:
            raise errors.key_condition_unsupported()
    return Range(partition, low, high, conditions[schema.hash][1][0])


def encode(name: str, kind: str, value: dict[str, Any]) -> bytes:
    if kind not in value:
        raise errors.key_condition_type()
    raw = keys.encode(kind, value[kind])
    if not raw:
        raise errors.empty_key_condition(name, kind)
    return raw
