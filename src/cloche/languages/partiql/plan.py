"""What a WHERE clause asks of a key: which equalities it must have, and what is left to be a condition or filter."""
from __future__ import annotations

from typing import Any

from cloche.languages.dynamodb.composite import Composite
from cloche.languages.dynamodb.keyconditions import OPERATORS, Conditions
from cloche.languages.dynamodb.keys import Schema

from . import errors

Node = tuple[Any, ...]


def terms(node: Node | None) -> list[Node]:
    """What is joined by AND at the top."""
    if node is None:
        return []
    return terms(node[1]) + terms(node[2]) if node[0] == "and" else [node]


def joined(nodes: list[Node]) -> Node | None:
    tree: Node | None = None
    for node in nodes:
        tree = node if tree is None else ("and", tree, node)
    return tree


def equality(node: Node, name: str) -> Any:
    """The value, if the term says that this attribute equals it."""
    if node[0] == "cmp" and node[1] == "=":
        for path, value in ((node[2], node[3]), (node[3], node[2])):
            if path == ("literal-path", (name,)) and value[0] == "literal":
                return value[1]
    return None


def one_item(where: Node, schema: Schema) -> tuple[dict[str, Any], Node | None]:
    """(key, rest) of an UPDATE or DELETE."""
    key: dict[str, Any] = {}
    rest: list[Node] = []
    for term in terms(where):
        for name in schema.names:
            if name not in key and (value := equality(term, name)) is not None:
                key[name] = value
                break
        else:
            rest.append(term)
    if len(key) < len(schema.names):
        raise errors.key_equality()
    return key, joined(rest)


def partitions(where: Node | None, schema: Schema) -> tuple[list[Conditions], Node | None] | None:
    """(a key condition for each partition, rest) of a SELECT; None if it must look at the whole table, as it must in an index with a key of many attributes."""
    if isinstance(schema, Composite):
        return None
    found: list[Any] | None = None
    narrow: tuple[str, list[Any]] | None = None
    rest: list[Node] = []
    for term in terms(where):
        if found is None and (value := equality(term, schema.hash)) is not None:
            found = [value]
        elif found is None and term[0] == "in" and term[1] == ("literal-path", (schema.hash,)) and all(m[0] == "literal" for m in term[2]):
            found = [m[1] for m in term[2]]
        elif narrow is None and schema.range and (one := sort_condition(term, schema)) is not None:
            narrow = one
        else:
            rest.append(term)
    if found is None:
        return None
    return [{schema.hash: ("EQ", [value])} | ({schema.range: narrow} if narrow and schema.range else {}) for value in found], joined(rest)


def sort_condition(term: Node, schema: Schema) -> tuple[str, list[Any]] | None:
    """The term as a condition of the sort key, if an index can be asked for it."""
    path, kind = ("literal-path", (schema.range,)), schema.range_type
    match term:
        case ("cmp", op, left, ("literal", value)) if left == path and op in OPERATORS and kind in value:
            return OPERATORS[op], [value]
        case ("between", left, ("literal", low), ("literal", high)) if left == path and kind in low and kind in high:
            return "BETWEEN", [low, high]
        case ("call", "begins_with", (left, ("literal", value))) if left == path and kind in value and kind != "N":
            return "BEGINS_WITH", [value]
    return None
