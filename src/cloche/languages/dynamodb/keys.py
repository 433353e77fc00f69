"""Key values as bytes whose order is DynamoDB's order, so that SQLite's index is the sort key's index.

A partition key begins with a hash of itself: a scan goes in hash order as DynamoDB's does, and a segment of a parallel
scan is a range of hashes.
"""
from __future__ import annotations

import zlib
from typing import Any

from . import errors, numbers, values

MAX_HASH, MAX_RANGE = 2048, 1024


def encode(kind: str, x: str) -> bytes:
    if kind == "S":
        return x.encode()
    return numbers.order(numbers.canonical(x)[0]) if kind == "N" else values.binary(x)


def partition(raw: bytes) -> bytes:
    return zlib.crc32(raw).to_bytes(4, "big") + raw


def after(prefix: bytes) -> bytes | None:
    """The least bytes greater than everything that begins with this prefix; None when nothing is."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes((trimmed[-1] + 1,)) if trimmed else None


def segment(number: int, total: int) -> tuple[bytes, bytes | None]:
    """The hashes [from, to) that belong to one segment of a parallel scan."""
    low, high = number * 2**32 // total, (number + 1) * 2**32 // total
    return low.to_bytes(4, "big"), high.to_bytes(4, "big") if high < 2**32 else None


class Schema:
    """The key of a table or index: a hash attribute and perhaps a range attribute, each with its type."""

    __slots__ = ("hash", "hash_type", "index", "names", "range", "range_type")

    def __init__(self, hash_: str, hash_type: str, range_: str | None, range_type: str, index: str | None = None) -> None:
        self.hash, self.hash_type, self.range, self.range_type, self.index = hash_, hash_type, range_, range_type, index
        self.names = (hash_, range_) if range_ else (hash_,)

    def exact(self, key: dict[str, Any]) -> tuple[bytes, bytes]:
        """A Key as GetItem has it: these attributes, no others, of these types."""
        if len(key) != len(self.names) or self.hash not in key or (self.range and self.range not in key):
            raise errors.key_element()
        try:
            return self._pair(key)
        except KeyError:
            for name in self.names:  # a value with no type or two has its own complaint
                values.measure(key[name])
            raise errors.key_element() from None

    def of_item(self, item: dict[str, Any]) -> tuple[bytes, bytes]:
        """The key of an item that is to be written to the table (already made canonical)."""
        try:
            return self._pair(item)
        except KeyError:
            for name, kind in zip(self.names, (self.hash_type, self.range_type), strict=False):
                if name not in item:
                    raise errors.missing_key(name) from None
                if kind not in item[name]:
                    raise errors.key_type(name, kind, values.kind_of(item[name])) from None
            raise

    def _pair(self, item: dict[str, Any]) -> tuple[bytes, bytes]:
        value, kind = item[self.hash], self.hash_type
        if len(value) != 1:
            raise KeyError(kind)
        raw = value[kind].encode() if kind == "S" else encode(kind, value[kind])
        if not raw:
            raise errors.empty_key(self.hash, kind)
        if len(raw) > MAX_HASH:
            raise errors.hash_too_long()
        if self.range is None:
            return zlib.crc32(raw).to_bytes(4, "big") + raw, b""
        value, kind = item[self.range], self.range_type
        if len(value) != 1:
            raise KeyError(kind)
        raw2 = value[kind].encode() if kind == "S" else encode(kind, value[kind])
        if not raw2:
            raise errors.empty_key(self.range, kind)
        if len(raw2) > MAX_RANGE:
            raise errors.range_too_long()
        return zlib.crc32(raw).to_bytes(4, "big") + raw, raw2

    def of_entry(self, item: dict[str, Any]) -> tuple[bytes, bytes] | None:
        """Where an item stands in this index; None when it lacks the key. A key of the wrong type is refused."""
        value = item.get(self.hash)
        if value is None or (self.range is not None and self.range not in item):
            for name, kind in zip(self.names, (self.hash_type, self.range_type), strict=False):
                if name in item:
                    self._raw(name, kind, item[name])
            return None
        first = self._raw(self.hash, self.hash_type, value)
        if len(first) > MAX_HASH:
            raise errors.hash_too_long()
        if self.range is None:
            return partition(first), b""
        second = self._raw(self.range, self.range_type, item[self.range])
        if len(second) > MAX_RANGE:
            raise errors.range_too_long()
        return partition(first), second

    def _raw(self, name: str, kind: str, value: dict[str, Any]) -> bytes:
        if kind not in value:
            raise errors.index_key_type(name, kind, values.kind_of(value), self.index or "")
        raw = encode(kind, value[kind])
        if not raw:
            raise errors.empty_index_key(name, kind, self.index or "")
        return raw

    def take(self, item: dict[str, Any]) -> dict[str, Any]:
        """The key attributes of an item."""
        return {name: item[name] for name in self.names}
