"""Expressions as DAX's clients send them (trees, in CBOR) written again as text, every name and value behind a placeholder: so DynamoDB's own language checks them and runs them."""
from __future__ import annotations

from typing import Any

from . import cbor, values

COMPARED = {0: "=", 1: "<>", 2: "<", 3: ">=", 4: ">", 5: "<="}
AND, OR, NOT, BETWEEN, IN, VARIABLE, PATH = 6, 7, 8, 9, 10, 17, 18
FUNCTIONS = {11: "attribute_exists", 12: "attribute_not_exists", 13: "attribute_type", 14: "begins_with", 15: "contains", 16: "size", 23: "if_not_exists", 24: "list_append"}
ACTIONS = {19: "SET", 20: "ADD", 21: "DELETE", 22: "REMOVE"}
SUMS = {25: "+", 26: "-"}


class Writer:
    """The expressions of one request; `names` and `values` are what their placeholders stand for."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self._known: dict[str, str] = {}
        self._given: list[Any] = []
        self._first = 0

    def condition(self, raw: bytes) -> str:
        return self._tree(self._open(raw))

    def update(self, raw: bytes) -> str:
        clauses: dict[str, list[str]] = {}
        for action in self._open(raw):
            clause = ACTIONS[action[0]]
            parts = [self._tree(x) for x in action[1:]]
            clauses.setdefault(clause, []).append(" = ".join(parts) if clause == "SET" else " ".join(parts))
        return " ".join(f"{clause} {', '.join(parts)}" for clause, parts in clauses.items())

    def projection(self, raw: bytes) -> tuple[str, list[tuple[str | int, ...]]]:
        """The text, and the paths in their order."""
        trees = self._open(raw)
        return ", ".join(self._tree(t) for t in trees), [tuple(int(s) if isinstance(s, cbor.Ordinal) else s for s in tree[1:]) for tree in trees]

    def members(self) -> dict[str, Any]:
        return ({"ExpressionAttributeNames": self.names} if self.names else {}) | ({"ExpressionAttributeValues": self.values} if self.values else {})

    def _open(self, raw: bytes) -> Any:
        form, tree, *given = cbor.item(raw)[0]
        if form != 1:
            raise cbor.Bad("an unknown form of expressions")
        self._given, self._first = given[0] if given else [], len(self.values)
        for number, one in enumerate(self._given):
            self.values[f":v{self._first + number}"] = values.value(one)
        return tree

    def _name(self, name: str) -> str:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = f"#n{len(self._known)}"
            self.names[found] = name
        return found

    def _tree(self, tree: Any) -> str:
        kind, *given = tree
        if kind == PATH:
            out = ""
            for step in given:
                out += f"[{int(step)}]" if isinstance(step, cbor.Ordinal) else (f".{self._name(step)}" if out else self._name(step))
            return out
        if kind == VARIABLE:
            return f":v{self._first + given[0]}"
        if kind == IN:
            return f"{self._tree(given[0])} IN ({', '.join(self._tree(x) for x in given[1])})"
        parts = [self._tree(x) for x in given]
        if kind in COMPARED:
            return f"{parts[0]} {COMPARED[kind]} {parts[1]}"
        if kind in (AND, OR):
            return f"{self._inside(given[0], parts[0], kind)} {'AND' if kind == AND else 'OR'} {self._inside(given[1], parts[1], kind)}"
        if kind == NOT:
            return f"NOT ({parts[0]})"
        if kind == BETWEEN:
            return f"{parts[0]} BETWEEN {parts[1]} AND {parts[2]}"
        if kind in SUMS:
            return f"{parts[0]} {SUMS[kind]} {parts[1]}"
        if kind in FUNCTIONS:
            return f"{FUNCTIONS[kind]}({', '.join(parts)})"
        raise cbor.Bad("an unknown function")

    def _inside(self, tree: Any, text: str, around: int) -> str:
        """OR within AND needs its parentheses; DynamoDB refuses what is redundant."""
        return f"({text})" if tree[0] in (AND, OR) and tree[0] != around else text
