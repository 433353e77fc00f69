"""Parquet, as far as S3 Select reads it: columns in plain or dictionary pages, as they are or packed by Snappy or GZIP. Pure: bytes are asked for by (offset, length).

A row group's columns are read whole, one after the other, and put together into records. Of a repeated field the last value counts, as S3 Select has it.
"""
from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from .errors import Invalid
from .moments import Moment

BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED = range(8)
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
TEXTS, DECIMAL, DATE, MILLIS, MICROS = (0, 4, 19), 5, 6, 9, 10  # converted types
UNSIGNED = {11: 0xFF, 12: 0xFFFF, 13: 0xFFFFFFFF, 14: 0xFFFFFFFFFFFFFFFF}
REFUSED = (1, 2, 3, 7, 8, 20, 21)                                # maps and lists as leaves, times of the day, BSON, intervals
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_BYTES = 1 << 28                                              # of a page, unpacked
DEEPEST = 64

Fetch = Callable[[int, int], bytes]


def broken() -> Invalid:
    return Invalid("ParquetParsingError", "Error parsing Parquet file. Please check the file and try again.")


class Column(NamedTuple):
    path: tuple[str, ...]
    defined: tuple[int, ...]     # for each step of the path: from which definition level on it is there
    most: int                    # definition level of a value that is there
    repeats: int                 # repetition level; 0: one value a record
    type: int
    length: int
    kind: int                    # converted type, -1: none
    scale: int
    nanos: bool


# --- Thrift's compact protocol ------------------------------------------------------------------------------------------------

class Thrift:
    """Structures as {field id: value}."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > DEEPEST:
            raise broken()
        fields: dict[int, Any] = {}
        last = 0
        while (head := self.data[self.at]) != 0:
            self.at += 1
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            fields[last] = self.value(head & 15, depth + 1)
        self.at += 1
        return fields

    def value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            self.at += 1
            return self.data[self.at - 1]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size:self.at]
        if kind in (9, 10):
            head = self.data[self.at]
            self.at += 1
            size = head >> 4 if head >> 4 != 15 else self.varint()
            if size > len(self.data):
                raise broken()
            if head & 15 in (1, 2):  # booleans of a list have a byte each
                self.at += size
                return [byte == 1 for byte in self.data[self.at - size:self.at]]
            return [self.value(head & 15, depth + 1) for _ in range(size)]
        if kind == 12:
            return self.struct(depth)
        raise broken()


# --- the file -----------------------------------------------------------------------------------------------------------------

def rows(fetch: Fetch, size: int, start: int = 0, end: int | None = None) -> Iterator[dict[str, Any]]:
    """The records of a file of `size` bytes: of the row groups that begin in the range."""
    try:
        if size < 12 or fetch(size - 4, 4) != b"PAR1":
            raise broken()
        length = int.from_bytes(fetch(size - 8, 4), "little")
        if length > size - 8:
            raise broken()
        meta = Thrift(fetch(size - 8 - length, length)).struct()
        columns = _columns(meta[2])
        for group in meta.get(4, ()):
            if start <= _begin(group[1][0][3]) <= (size if end is None else end):
                yield from _group(fetch, columns, group)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, zlib.error, MemoryError, UnicodeDecodeError, OverflowError, RuntimeError) as error:
        if isinstance(error, Invalid):
            raise
        raise broken() from None


def _begin(meta: dict[int, Any]) -> int:
    return min(meta[9], meta[11]) if meta.get(11) else meta[9]  # type: ignore[no-any-return]


def _columns(elements: list[dict[int, Any]]) -> dict[tuple[str, ...], Column]:
    """The leaves of the schema, which lies flat, parents first."""
    found: dict[tuple[str, ...], Column] = {}
    rest = iter(elements[1:])

    def below(count: int, path: tuple[str, ...], defined: tuple[int, ...], most: int, repeats: int) -> None:
        for _ in range(count):
            one = next(rest)
            repetition = one.get(3, 0)
            here, again = most + (repetition > 0), repeats + (repetition == 2)
            steps, levels = (*path, one[4].decode()), (*defined, here)
            if len(steps) > DEEPEST:
                raise broken()
            if one.get(5):
                below(one[5], steps, levels, here, again)
            else:
                unit = (one.get(10) or {}).get(8, {}).get(2, {})  # a logical timestamp's unit
                found[steps] = Column(steps, levels, here, again, one[1], one.get(2, 0), one.get(6, MILLIS if 1 in unit else MICROS if 2 in unit else -1), one.get(7, 0), 3 in unit)

    below(elements[0][5], (), (), 0, 0)
    return found


def _group(fetch: Fetch, columns: dict[tuple[str, ...], Column], group: dict[int, Any]) -> Iterator[dict[str, Any]]:
    count = group[3]
    records: list[dict[str, Any]] = [{} for _ in range(count)]
    for chunk in group[1]:
        meta = chunk[3]
        column = columns[tuple(part.decode() for part in meta[3])]
        if column.kind in REFUSED:
            raise Invalid("UnsupportedParquetType", "The specified Parquet type is not supported.")
        number = 0
        for number, (level, value) in enumerate(_last(_chunk(fetch, meta, column)), 1):
            _put(records[number - 1], column, level, value)
        if number != count:
            raise broken()
    yield from records


def _put(record: dict[str, Any], column: Column, level: int, value: Any) -> None:
    for name, needed in zip(column.path[:-1], column.defined, strict=False):
        if level < needed:
            record.setdefault(name, None)
            return
        inner = record.get(name)
        if inner is None:
            inner = record[name] = {}
        record = inner
    record[column.path[-1]] = value


def _last(values: Iterator[tuple[int, int, Any]]) -> Iterator[tuple[int, Any]]:
    """One value a record: the last, where there are more."""
    kept: tuple[int, Any] | None = None
    for repetition, level, value in values:
        if repetition == 0 and kept is not None:
            yield kept
        kept = (level, value)
    if kept is not None:
        yield kept


# --- pages --------------------------------------------------------------------------------------------------------------------

def _chunk(fetch: Fetch, meta: dict[int, Any], column: Column) -> Iterator[tuple[int, int, Any]]:
    """(repetition level, definition level, value) of each value of a column chunk."""
    data, at, left = fetch(_begin(meta), meta[7]), 0, meta[5]
    dictionary: list[Any] = []
    while left > 0:
        reader = Thrift(data, at)
        head = reader.struct()
        body, at = data[reader.at:reader.at + head[3]], reader.at + head[3]
        if head[2] > MOST_BYTES or len(body) != head[3]:
            raise broken()
        if head[1] == DICTIONARY_PAGE:
            dictionary = _plain(_unpacked(body, meta[4], head[2]), column, head[7][1])
        elif head[1] == DATA_PAGE:
            about = head[5]
            yield from _page(_unpacked(body, meta[4], head[2]), column, about[1], about[2], dictionary)
            left -= about[1]
        elif head[1] == DATA_PAGE_V2:
            about = head[8]
            levels = about[6] + about[5]
            packed = body[levels:]
            rest = _unpacked(packed, meta[4], head[2] - levels) if about.get(7, True) else packed
            yield from _values(_levels(body[:about[6]], column.repeats, about[1]), _levels(body[about[6]:levels], column.most, about[1]), rest, column, about[4], dictionary)
            left -= about[1]


def _page(data: bytes, column: Column, count: int, encoding: int, dictionary: list[Any]) -> Iterator[tuple[int, int, Any]]:
    at, found = 0, []
    for most in (column.repeats, column.most):
        size = int.from_bytes(data[at:at + 4], "little") if most else 0
        found.append(_levels(data[at + 4:at + 4 + size], most, count))
        at += 4 + size if most else 0
    yield from _values(found[0], found[1], data[at:], column, encoding, dictionary)


def _levels(data: bytes, most: int, count: int) -> list[int]:
    return _hybrid(data, most.bit_length(), count) if most else [0] * count


def _values(repeats: list[int], levels: list[int], data: bytes, column: Column, encoding: int, dictionary: list[Any]) -> Iterator[tuple[int, int, Any]]:
    there = sum(level == column.most for level in levels)
    if encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY):
        values = [dictionary[index] for index in _hybrid(data[1:], data[0], there)] if there else []
    elif encoding == PLAIN:
        values = _plain(data, column, there)
    elif encoding == RLE and column.type == BOOLEAN:
        values = [bool(bit) for bit in _hybrid(data[4:], 1, there)]
    else:
        raise broken()
    following = iter(values)
    for repetition, level in zip(repeats, levels, strict=True):
        yield repetition, level, next(following) if level == column.most else None


def _hybrid(data: bytes, width: int, count: int) -> list[int]:
    """Runs of one value, and values packed bit by bit, by eights."""
    if width > 32:
        raise broken()
    reader, out = Thrift(data), []
    while len(out) < count:
        if width == 0 and reader.at >= len(data):
            return [0] * count
        head = reader.varint()
        if head & 1:
            groups = head >> 1
            packed = int.from_bytes(data[reader.at:reader.at + groups * width], "little")
            reader.at += groups * width
            mask = (1 << width) - 1
            wanted = min(groups * 8, count - len(out))
            # a large number is taken apart a stretch at a time: shifting all of it for each value would be its square
            for first in range(0, wanted, 512):
                part = (packed >> (first * width)) & ((1 << (512 * width)) - 1)
                out += [(part >> (n * width)) & mask for n in range(min(512, wanted - first))]
        else:
            size = (width + 7) // 8
            value = int.from_bytes(data[reader.at:reader.at + size], "little")
            reader.at += size
            out += [value] * min(head >> 1, count - len(out))
    return out


FORMATS = {INT32: ("i", 4), INT64: ("q", 8), FLOAT: ("f", 4), DOUBLE: ("d", 8)}


def _plain(data: bytes, column: Column, count: int) -> list[Any]:
    raw: list[Any]
    if column.type in FORMATS:
        letter, size = FORMATS[column.type]
        raw = list(struct.unpack_from(f"<{count}{letter}", data))
    elif column.type == BOOLEAN:
        return [bool(data[n >> 3] >> (n & 7) & 1) for n in range(count)]
    elif column.type in (INT96, FIXED):
        size = 12 if column.type == INT96 else column.length
        if size * count > len(data):
            raise broken()
        raw = [data[n * size:(n + 1) * size] for n in range(count)]
    else:
        raw, at = [], 0
        for _ in range(count):
            size = int.from_bytes(data[at:at + 4], "little")
            if at + 4 + size > len(data):
                raise broken()
            raw.append(data[at + 4:at + 4 + size])
            at += 4 + size
    return [_meant(value, column) for value in raw]


def _meant(value: Any, column: Column) -> Any:
    if column.type == INT96:  # nanoseconds of a Julian day
        nanos, day = struct.unpack("<qi", value)
        return Moment(EPOCH + timedelta(days=day - 2440588, microseconds=nanos // 1000), 7)
    if column.kind == DECIMAL:
        number = value if isinstance(value, int) else int.from_bytes(value, "big", signed=True)
        return Decimal(number).scaleb(-column.scale)
    if column.kind == DATE:
        return Moment(EPOCH + timedelta(days=value), 3)
    if column.kind == MILLIS:
        return Moment(EPOCH + timedelta(milliseconds=value), 7)
    if column.kind == MICROS or column.nanos:
        return Moment(EPOCH + timedelta(microseconds=value // 1000 if column.nanos else value), 7)
    if isinstance(value, float):
        return _number(value, column.type == FLOAT)
    if column.kind in UNSIGNED:
        return value & UNSIGNED[column.kind]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _number(value: float, single: bool) -> Any:
    """A floating point number with as few digits as tell it from its neighbours; what is no number is text."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    text = next(text for digits in range(6, 10) if struct.pack("<f", float(text := f"{value:.{digits}g}")) == struct.pack("<f", value)) if single else repr(value)
    return Decimal(text)


# --- compression --------------------------------------------------------------------------------------------------------------

def _unpacked(data: bytes, codec: int, size: int) -> bytes:
    if codec == 0:
        return data
    if codec == 2:
        opened = zlib.decompressobj(31)
        out = opened.decompress(data, size)
    elif codec == 1:
        out = snappy(data, size)
    else:
        raise Invalid("ParquetUnsupportedCompressionCodec", "The specified Parquet compression codec is not supported.")
    if len(out) != size:
        raise broken()
    return out


def snappy(data: bytes, most: int) -> bytes:
    """Snappy's raw format: stretches as they are, and copies of what is already there."""
    reader, out = Thrift(data), bytearray()
    if reader.varint() > most:
        raise broken()
    at, end = reader.at, len(data)
    while at < end:
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            size = (tag >> 2) + 1
            if size > 60:
                width = size - 60
                size = int.from_bytes(data[at:at + width], "little") + 1
                at += width
            out += data[at:at + size]
            at += size
        else:
            if tag & 3 == 1:
                size, back = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | data[at]
                at += 1
            else:
                width = 2 if tag & 3 == 2 else 4
                size, back = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
                at += width
            if not 0 < back <= len(out):
                raise broken()
            start = len(out) - back
            if back >= size:
                out += out[start:start + size]
            else:
                out += (out[start:] * (size // back + 1))[:size]
        if len(out) > most:
            raise broken()
    return bytes(out)
