"""Attribute values: checked, made canonical, measured; compared as conditions compare them.

An item stays in wire form throughout. `measure` walks it once: it refuses what is no value, rewrites numbers into the
form DynamoDB gives back, and returns the size that limits and capacity are counted from.
"""
from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Any

from . import errors, numbers

Value = dict[str, Any]
Item = dict[str, Value]

MAX_ITEM = 400 * 1024
MAX_DEPTH = 32
MAX_NAME = 65535
TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")
LONG_NAMES = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "SS": "STRING_SET", "NS": "NUMBER_SET", "BS": "BINARY_SET",
              "M": "MAP", "L": "LIST", "NULL": "NULL", "BOOL": "BOOLEAN"}
SETS = frozenset(("SS", "NS", "BS"))


def measure_item(item: Item) -> int:
    size = 0
    for name, value in item.items():
        length = len(name) if name.isascii() else len(name.encode())
        if not 0 < length <= MAX_NAME:
            raise errors.attribute_name(name)
        size += length + measure(value)
    return size


def measure_some(item: Item, names: Iterable[str]) -> int:
    """The size of these attributes of an item, as far as it has them."""
    size = 0
    for name in names:
        value = item.get(name)
        if value is not None:
            size += (len(name) if name.isascii() else len(name.encode())) + measure(value)
    return size


def measure(value: Value, depth: int = 0) -> int:
    """The size of one value, which is made canonical in place."""
    if len(value) != 1:
        raise errors.many_datatypes() if value else errors.no_datatype()
    for kind, x in value.items():  # the one
        if kind == "S":
            return len(x) if x.isascii() else len(x.encode())
        if kind == "N":
            text, size = numbers.canonical(x)
            if text != x:
                value["N"] = text
            return size
        return _MEASURES[kind](value, x, depth)
    raise AssertionError


def _binary(value: Value, x: str, depth: int) -> int:
    raw = binary(x)
    if x.endswith("="):
        value["B"] = text_of(raw)
    return len(raw)


def _constant(value: Value, x: bool, depth: int) -> int:
    if "NULL" in value and x is not True:
        raise errors.false_null()
    return 1


def _list(value: Value, x: list[Value], depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise errors.too_deep()
    return 3 + sum([1 + measure(v, depth + 1) for v in x])


def _map(value: Value, x: Item, depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise errors.too_deep()
    return 3 + sum([1 + (len(k) if k.isascii() else len(k.encode())) + measure(v, depth + 1) for k, v in x.items()])


def _set(value: Value, x: list[str], depth: int) -> int:
    (kind,) = value
    if not x:
        raise errors.empty_set(kind)
    if kind == "NS":
        pairs = [numbers.canonical(n) for n in x]
        x = value["NS"] = [text for text, _ in pairs]
        size = sum([n for _, n in pairs])
    elif kind == "SS":
        size = sum([len(s.encode()) for s in x])
    else:
        raws = [binary(b) for b in x]
        x = value["BS"] = [text_of(raw) for raw in raws]
        size = sum(map(len, raws))
    if len(set(x)) != len(x):
        raise errors.duplicates(kind, x)
    return size


_MEASURES = {"B": _binary, "NULL": _constant, "BOOL": _constant, "L": _list, "M": _map, "SS": _set, "NS": _set, "BS": _set}


def binary(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError) as error:
        raise errors.not_base64() from error


def text_of(raw: bytes) -> str:
    """Bytes as they are written; the last letter before = has bits to spare, and only one writing is kept."""
    return binascii.b2a_base64(raw, newline=False).decode()


def kind_of(value: Value) -> str:
    for kind in value:
        return kind
    raise errors.no_datatype()


def same(one: Value | None, two: Value | None) -> bool:
    """Equality of canonical values: members of sets have no order, and nothing equals what is not there."""
    if one is None or two is None:
        return False
    if one == two:
        return True
    kind = kind_of(one)
    if kind != kind_of(two):
        return False
    x, y = one[kind], two[kind]
    if kind in SETS:
        return len(x) == len(y) and set(x) == set(y)
    if kind == "L":
        return len(x) == len(y) and all(map(same, x, y))
    if kind == "M":
        return x.keys() == y.keys() and all(same(v, y[k]) for k, v in x.items())
    return False


def rank(kind: str, x: Any) -> Any:
    """What Python must compare to order two values of this type; code points sort as their UTF-8 does."""
    return numbers.compare(x) if kind == "N" else binary(x) if kind == "B" else x


def less(one: Value, two: Value) -> bool:
    """one < two; False for types without an order and for two types."""
    kind = kind_of(one)
    if kind not in ("S", "N", "B") or kind not in two:
        return False
    return bool(rank(kind, one[kind]) < rank(kind, two[kind]))


def contains(whole: Value, part: Value) -> bool:
    """A string in a string, bytes in bytes, a member of a set, an element of a list."""
    kind, piece = kind_of(whole), kind_of(part)
    if kind == "L":
        return any(same(v, part) for v in whole["L"])
    if kind in SETS:
        return piece == kind[0] and part[piece] in whole[kind]
    if kind != piece:
        return False
    if kind == "S":
        return part["S"] in whole["S"]
    return kind == "B" and binary(part["B"]) in binary(whole["B"])


def begins_with(whole: Value, prefix: Value) -> bool:
    if "S" in whole and "S" in prefix:
        return bool(whole["S"].startswith(prefix["S"]))
    return "B" in whole and "B" in prefix and binary(whole["B"]).startswith(binary(prefix["B"]))


def length(value: Value) -> int | None:
    """What the function size() says: UTF-16 units, bytes, or members; None for what has no size."""
    kind = kind_of(value)
    x = value[kind]
    if kind == "S":
        return len(x) if x.isascii() else len(x.encode("utf-16-le")) // 2
    if kind == "B":
        return len(binary(x))
    return len(x) if kind in SETS or kind in ("L", "M") else None
