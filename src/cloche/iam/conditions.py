"""Conditions: every operator, its prefixes and suffix, and what a missing key means.

A condition is compiled to one function of the request's context. Operators of a block and keys of an operator are joined by AND, values of a
key by OR (NOR for the negated operators).
"""
from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from .globs import Template, Unresolved, glob, variables

Values = list[str]


class Lowered(dict[str, Any]):
    """A layer whose keys are lower case already."""


class Context:
    """The request's condition keys, gathered at the first question and each made text at the first question about it.

    Layers are mappings or functions that give one; the first to know a key wins. What none knows, `beneath` may: it has `get(key)` and `names()`.
    """

    __slots__ = ("_beneath", "_known", "_layers")

    def __init__(self, *layers: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None, beneath: Any = None) -> None:
        self._layers, self._beneath = layers, beneath
        self._known: dict[str, Any] | None = None

    def get(self, key: str) -> Values | None:
        """The values of a lower-cased key; None when the request has none."""
        known = self._known if self._known is not None else self._gather()
        value = known.get(key, _UNASKED)
        if value is _UNASKED:
            value = self._beneath.get(key) if self._beneath is not None else None
        elif value is None or type(value) is list:
            return value  # type: ignore[no-any-return]
        value = known[key] = _texts(value() if callable(value) else value)
        return value

    def items(self) -> Iterable[tuple[str, Values]]:
        known = self._known if self._known is not None else self._gather()
        names = dict.fromkeys([*known, *(self._beneath.names() if self._beneath is not None else ())])
        return [(key, values) for key in names if (values := self.get(key)) is not None]

    def _gather(self) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for layer in reversed(self._layers):
            found = layer() if callable(layer) else layer
            if type(found) is Lowered:
                known.update(found)
            elif found:
                for key, value in found.items():
                    if value is not None:
                        known[key.lower()] = value
        self._known = known
        return known


_UNASKED: Any = object()


def _texts(value: Any) -> Values | None:
    if value is None:
        return None
    if type(value) is str:
        return [value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text for one in value for text in _texts(one) or ()]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [value.decode("latin-1") if isinstance(value, bytes) else str(value)]


# Each maker takes the policy's value and gives a test for one value of the request.
def _equals(value: str) -> Callable[[str], bool]:
    return value.__eq__


def _equals_fold(value: str) -> Callable[[str], bool]:
    wanted = value.lower()
    return lambda given: given.lower() == wanted


def _like(value: str) -> Callable[[str], bool]:
    return glob(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@lru_cache(4096)
def moment(text: str) -> float | None:
    """ISO 8601 or seconds since the epoch."""
    number = _number(text)
    if number is not None and not re.fullmatch(r"\d{4}", text):
        return number
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _compare(read: Callable[[str], float | None], holds: Callable[[float, float], bool]) -> Callable[[str], Callable[[str], bool]]:
    def make(value: str) -> Callable[[str], bool]:
        wanted = read(value)

        def test(given: str) -> bool:
            found = read(given)
            return wanted is not None and found is not None and holds(found, wanted)
        return test
    return make


def _bool(value: str) -> Callable[[str], bool]:
    wanted = value.lower()
    return lambda given: given.lower() == wanted


def _binary(value: str) -> Callable[[str], bool]:
    wanted = _decoded(value)
    return lambda given: wanted is not None and _decoded(given) == wanted


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


@lru_cache(4096)
def _address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(4096)
def network(text: str) -> Any:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _inside(value: str) -> Callable[[str], bool]:
    net = network(value)

    def test(given: str) -> bool:
        address = _address(given)
        return net is not None and address is not None and address.version == net.version and address in net
    return test


def _arn(value: str) -> Callable[[str], bool]:
    """Six parts, compared one by one; a shorter pattern that ends in `*` covers the rest."""
    parts = value.split(":", 5)
    if len(parts) < 6:
        return glob(value) if value.endswith("*") else value.__eq__
    tests = [glob(part) for part in parts]

    def test(given: str) -> bool:
        found = given.split(":", 5)
        return len(found) == 6 and all(test(part) for test, part in zip(tests, found))
    return test


_MAKERS: dict[str, Callable[[str], Callable[[str], bool]]] = {
    "StringEquals": _equals, "StringEqualsIgnoreCase": _equals_fold, "StringLike": _like,
    "NumericEquals": _compare(_number, lambda a, b: a == b), "NumericLessThan": _compare(_number, lambda a, b: a < b),
    "NumericLessThanEquals": _compare(_number, lambda a, b: a <= b), "NumericGreaterThan": _compare(_number, lambda a, b: a > b),
    "NumericGreaterThanEquals": _compare(_number, lambda a, b: a >= b),
    "DateEquals": _compare(moment, lambda a, b: a == b), "DateLessThan": _compare(moment, lambda a, b: a < b),
    "DateLessThanEquals": _compare(moment, lambda a, b: a <= b), "DateGreaterThan": _compare(moment, lambda a, b: a > b),
    "DateGreaterThanEquals": _compare(moment, lambda a, b: a >= b),
    "Bool": _bool, "BinaryEquals": _binary, "IpAddress": _inside, "ArnEquals": _arn, "ArnLike": _arn,
}
_NEGATED = {
    "StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals", "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}
_SPELLING = {name.lower(): name for name in (*_MAKERS, *_NEGATED, "Null")}


def split(operator: str) -> tuple[str, str, bool] | None:
    """`ForAllValues:StringLikeIfExists` -> ("forallvalues", "StringLike", True); None for no operator of AWS's."""
    prefix, colon, name = operator.rpartition(":")
    prefix = prefix.lower()
    if colon and prefix not in ("forallvalues", "foranyvalue"):
        return None
    if_exists = name.lower().endswith("ifexists")
    plain = _SPELLING.get(name[:-8].lower() if if_exists else name.lower())
    return None if plain is None or (if_exists and plain == "Null") else (prefix, plain, if_exists)


class Condition:
    """One key under one operator."""

    __slots__ = ("_if_exists", "_key", "_name", "_negated", "_set", "_templates", "_tests", "key", "operator", "values")

    def __init__(self, operator: str, key: str, values: list[str], templates: bool) -> None:
        found = split(operator)
        if found is None:
            raise ValueError(f"Invalid Condition type : {operator}.")
        self.operator, self.key, self.values = operator, key, values
        self._key = key.lower()
        self._set, name, self._if_exists = found
        self._negated = name in _NEGATED
        self._name = name
        if name == "Null":
            self._templates, self._tests = [], None
            return
        make = _MAKERS[_NEGATED.get(name, name)]
        filled = [value for value in values if not (templates and "${" in value)]
        self._tests = [make(value) for value in filled]
        self._templates = [Template(value) for value in values if templates and "${" in value]

    def holds(self, context: Context) -> bool:
        given = context.get(self._key)
        if self._tests is None:                       # Null: true wants the key absent
            absent = not given
            return any((value.lower() == "true") == absent for value in self.values)
        if not given or (self._set == "forallvalues" and given == [""]):
            if self._set == "forallvalues":
                return True
            if self._set:
                return self._if_exists
            return self._if_exists or (self._negated and self._resolves(context))
        tests = self._tests
        if self._templates:
            try:
                tests = tests + [self._made(template, context) for template in self._templates]
            except Unresolved:
                return False
        if self._negated:
            if self._set == "foranyvalue":
                return any(not any(test(one) for test in tests) for one in given)
            return not any(test(one) for one in given for test in tests)
        if self._set == "forallvalues":
            return all(any(test(one) for test in tests) for one in given)
        return any(test(one) for one in given for test in tests)

    def asks(self) -> set[str]:
        """The condition keys it asks for, variables included, as the policy spells them."""
        return {self.key} | {name for value in self.values for name in variables(value)}

    def _made(self, template: Template, context: Context) -> Callable[[str], bool]:
        base = _NEGATED.get(self._name, self._name)
        if base == "StringLike":
            return template.test(context)
        if base in ("ArnEquals", "ArnLike"):
            return _arn_filled(template, context)
        return _MAKERS[base](template.plain(context))

    def _resolves(self, context: Context) -> bool:
        try:
            for template in self._templates:
                template.fill(context)
        except Unresolved:
            return False
        return True


def _arn_filled(template: Template, context: Context) -> Callable[[str], bool]:
    """Values of variables are literal in an ARN pattern too: each part is a template of its own."""
    parts = re.split(r":(?![^{]*\})", template.text, maxsplit=5)
    if len(parts) < 6:
        return template.test(context)
    tests = [Template(part).test(context) if "${" in part else glob(part) for part in parts]

    def test(given: str) -> bool:
        found = given.split(":", 5)
        return len(found) == 6 and all(test(part) for test, part in zip(tests, found))
    return test


def compile_block(block: Mapping[str, Mapping[str, Any]], templates: bool) -> tuple[Condition, ...]:
    conditions = []
    for operator, keys in block.items():
        for key, values in keys.items():
            conditions.append(Condition(operator, key, _texts(values) or [], templates))
    return tuple(conditions)
