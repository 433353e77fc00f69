"""Items and keys between DynamoDB's form and DAX's.

A key is bytes: of a hash key alone the value itself, else the hash key as CBOR and the range key's bytes after it. An item goes without its key, as the
values of a list of names that both sides know by a number.
"""
from __future__ import annotations

import base64
from typing import Any

from . import cbor, lexical
from .cbor import Number, Set

Value = dict[str, Any]
Schema = list[tuple[str, str]]  # (name, type), the hash key first


# -- attribute values ---------------------------------------------------------------------------------------------------

def value(given: Any) -> Value:
    """What CBOR said, as an attribute value. Binary is base64 text, as everywhere inside."""
    match given:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": given}
        case Set():
            return {given.kind: [plain(given.kind[0], m) for m in given.members]}
        case Number():
            return {"N": str(given)}
        case int() | float():
            return {"N": repr(given)}
        case str():
            return {"S": given}
        case bytes():
            return {"B": base64.b64encode(given).decode()}
        case list():
            return {"L": [value(x) for x in given]}
        case dict():
            return {"M": {name: value(x) for name, x in given.items()}}
    raise cbor.Bad("not a value")


def plain(kind: str, given: Any) -> str:
    """The text of a scalar of this type."""
    if kind == "B":
        return base64.b64encode(given).decode()
    return str(given)


def written(av: Value) -> bytes:
    [(kind, x)] = av.items()
    match kind:
        case "S" | "N" | "B":
            return scalar(kind, x)
        case "SS" | "NS" | "BS":
            return cbor.tag({"SS": cbor.STRING_SET, "NS": cbor.NUMBER_SET, "BS": cbor.BINARY_SET}[kind]) + cbor.array([scalar(kind[0], m) for m in x])
        case "M":
            return cbor.mapping([(cbor.text(name), written(v)) for name, v in sorted(x.items())])
        case "L":
            return cbor.array([written(v) for v in x])
        case "BOOL":
            return cbor.TRUE if x else cbor.FALSE
    return cbor.NULL


def scalar(kind: str, x: str) -> bytes:
    return cbor.text(x) if kind == "S" else cbor.number(x) if kind == "N" else cbor.binary(base64.b64decode(x))


# -- keys -----------------------------------------------------------------------------------------------------------------

def key(raw: bytes, schema: Schema) -> dict[str, Value]:
    (name, kind), *rest = schema
    if not rest:
        return {name: {kind: tail(kind, raw) if kind != "N" else str(cbor.item(raw)[0])}}
    given, at = cbor.item(raw)
    (range_, range_kind), = rest
    return {name: {kind: plain(kind, given)}, range_: {range_kind: tail(range_kind, raw[at:])}}


def tail(kind: str, raw: bytes) -> str:
    return raw.decode() if kind == "S" else lexical.decode(raw) if kind == "N" else base64.b64encode(raw).decode()


def key_bytes(item: dict[str, Value], schema: Schema) -> bytes:
    (name, kind), *rest = schema
    x = item[name][kind]
    if not rest:
        return x.encode() if kind == "S" else cbor.number(x) if kind == "N" else base64.b64decode(x)
    (range_, range_kind), = rest
    y = item[range_][range_kind]
    return scalar(kind, x) + (y.encode() if range_kind == "S" else lexical.encode(y) if range_kind == "N" else base64.b64decode(y))


def compound(item: dict[str, Value]) -> bytes:
    """A key with its names: where a page of an index ended."""
    return cbor.MAP_STREAM + b"".join(cbor.text(name) + written(v) for name, v in item.items()) + cbor.END


# -- items ----------------------------------------------------------------------------------------------------------------

def names(item: dict[str, Value], schema: Schema) -> tuple[str, ...]:
    keys = {name for name, _ in schema}
    return tuple(sorted(name for name in item if name not in keys))


def sequence(raw: bytes) -> tuple[int, list[Any]]:
    """(number of the list of names, the values after it)."""
    number, at = cbor.item(raw)
    found = []
    while at < len(raw):
        x, at = cbor.item(raw, at)
        found.append(x)
    return number, found


def row(item: dict[str, Value], number: int, listed: tuple[str, ...]) -> bytes:
    return cbor.integer(number) + b"".join(written(item[name]) for name in listed)
