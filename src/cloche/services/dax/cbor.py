"""CBOR as DAX's clients speak it: with decimal and big numbers, sets under tags of DynamoDB's, and maps without a length.

Reading asks for more by `Incomplete`, so that a connection can wait for the rest. Numbers come as text, values of sets as attribute values.
"""
from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

POSITIVE_BIG, NEGATIVE_BIG, DECIMAL = 2, 3, 4
STRING_SET, NUMBER_SET, BINARY_SET, ORDINAL = 3321, 3322, 3323, 3324
SETS = {STRING_SET: "SS", NUMBER_SET: "NS", BINARY_SET: "BS"}
MAX_DEPTH = 100
BREAK: Any = object()


class Incomplete(Exception):
    """More bytes are needed: at least up to `.args[0]`."""


class Bad(ValueError):
    pass


class Number(str):
    """A number that is no plain int: its text."""

    __slots__ = ()


class Set:
    __slots__ = ("kind", "members")

    def __init__(self, kind: str, members: list[Any]) -> None:
        self.kind, self.members = kind, members


class Ordinal(int):
    """A place in a list, within a document path."""


def item(data: bytes | bytearray | memoryview, at: int = 0, depth: int = 0) -> tuple[Any, int]:
    """(value, where the next begins)."""
    if depth > MAX_DEPTH:
        raise Bad("too deep")
    if at >= len(data):
        raise Incomplete(at + 1)
    first = data[at]
    major, minor = first >> 5, first & 31
    at += 1
    if major == 7:
        return _simple(data, at, minor)
    if minor == 31:
        return _stream(data, at, major, depth)
    if minor < 24:
        size = minor
    elif minor < 28:
        width = 1 << (minor - 24)
        if at + width > len(data):
            raise Incomplete(at + width)
        size = int.from_bytes(data[at:at + width], "big")
        at += width
    else:
        raise Bad("a reserved length")
    match major:
        case 0:
            return size, at
        case 1:
            return -1 - size, at
        case 2 | 3:
            if at + size > len(data):
                raise Incomplete(at + size)
            raw = bytes(data[at:at + size])
            return raw if major == 2 else raw.decode(), at + size
        case 4:
            values = []
            for _ in range(size):
                value, at = item(data, at, depth + 1)
                values.append(value)
            return values, at
        case 5:
            out: dict[Any, Any] = {}
            for _ in range(size):
                key, at = item(data, at, depth + 1)
                out[key], at = item(data, at, depth + 1)
            return out, at
    value, at = item(data, at, depth + 1)
    return tagged(size, value), at


def _simple(data: Any, at: int, minor: int) -> tuple[Any, int]:
    if minor in (20, 21):
        return minor == 21, at
    if minor in (22, 23):
        return None, at
    if minor == 31:
        return BREAK, at
    width = {25: 2, 26: 4, 27: 8}.get(minor)
    if width is None:
        raise Bad("an unknown simple value")
    if at + width > len(data):
        raise Incomplete(at + width)
    return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[width], bytes(data[at:at + width]))[0], at + width


def _stream(data: Any, at: int, major: int, depth: int) -> tuple[Any, int]:
    parts: list[Any] = []
    while True:
        value, at = item(data, at, depth + 1)
        if value is BREAK:
            break
        parts.append(value)
    if major == 2:
        return b"".join(parts), at
    if major == 3:
        return "".join(parts), at
    if major == 4:
        return parts, at
    if major == 5 and len(parts) % 2 == 0:
        return dict(zip(parts[::2], parts[1::2], strict=True)), at
    raise Bad("an endless value of a kind that has an end")


def tagged(tag: int, value: Any) -> Any:
    if tag == POSITIVE_BIG:
        return int.from_bytes(value, "big")
    if tag == NEGATIVE_BIG:
        return -1 - int.from_bytes(value, "big")
    if tag == DECIMAL:
        exponent, mantissa = value
        return Number(str(Decimal(mantissa).scaleb(exponent)) if abs(mantissa) < 10**40 and abs(exponent) < 1000 else f"{mantissa}E{exponent}")
    if tag in SETS:
        return Set(SETS[tag], value)
    if tag == ORDINAL:
        return Ordinal(value)
    return value


# -- writing ------------------------------------------------------------------------------------------------------------

def head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes((major << 5 | size,))
    for minor, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if size < 1 << (8 * width):
            return bytes((major << 5 | minor,)) + size.to_bytes(width, "big")
    raise Bad("too long")


def tag(number: int) -> bytes:
    return head(6, number)


def integer(value: int) -> bytes:
    if -(1 << 64) <= value < 1 << 64:
        return head(0, value) if value >= 0 else head(1, -1 - value)
    rest = value if value >= 0 else -1 - value
    return tag(POSITIVE_BIG if value >= 0 else NEGATIVE_BIG) + binary(rest.to_bytes((rest.bit_length() + 7) // 8, "big"))


def number(text: str) -> bytes:
    """A number of DynamoDB's: an int if it is one, else a decimal."""
    value = Decimal(text)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
    if exponent >= 0 and exponent + len(digits) < 40:
        return integer(mantissa * 10**exponent)
    return tag(DECIMAL) + head(4, 2) + integer(exponent) + integer(mantissa)


def binary(raw: bytes) -> bytes:
    return head(2, len(raw)) + raw


def text(value: str) -> bytes:
    raw = value.encode()
    return head(3, len(raw)) + raw


def real(value: float) -> bytes:
    return b"\xfb" + struct.pack(">d", value)


def array(parts: list[bytes]) -> bytes:
    return head(4, len(parts)) + b"".join(parts)


def mapping(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return head(5, len(pairs)) + b"".join(key + value for key, value in pairs)


NULL, TRUE, FALSE = b"\xf6", b"\xf5", b"\xf4"
MAP_STREAM, END = b"\xbf", b"\xff"
EMPTY_ARRAY = b"\x80"
