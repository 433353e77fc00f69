"""Keys of several attributes, as a global index may have: up to four that make its hash key, up to four that make its range key.

Each value is written so that it ends where no longer value goes on: 00 becomes 00 FF, and the end is 00 01. So the bytes of
a tuple are in the order of the tuples, and the first few attributes of a range key are a prefix an index can be asked for.
"""
from __future__ import annotations

from typing import Any

from . import errors, keys
from .keyconditions import KIND, Conditions, Range, encode

END = b"\0\1"
MOST = 4  # attributes of either kind


def stretched(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"\0\xff")


class Composite(keys.Schema):
    """The key of such an index. `hash` is its first attribute; there is no `range`."""

    __slots__ = ("hashes", "ranges")

    def __init__(self, hashes: list[tuple[str, str]], ranges: list[tuple[str, str]], index: str) -> None:
        super().__init__(*hashes[0], None, "", index)
        self.hashes, self.ranges = hashes, ranges
        self.names = tuple(name for name, _ in [*hashes, *ranges])  # type: ignore[assignment]

    def exact(self, key: dict[str, Any]) -> tuple[bytes, bytes]:
        if set(key) != set(self.names) or any(kind not in key[name] for name, kind in [*self.hashes, *self.ranges]):
            raise errors.key_element()
        place = self.of_entry(key)
        assert place is not None
        return place

    def of_entry(self, item: dict[str, Any]) -> tuple[bytes, bytes] | None:
        if any(name not in item for name in self.names):
            for name, kind in [*self.hashes, *self.ranges]:
                if name in item:
                    self._raw(name, kind, item[name])
            return None
        first = self._joined(self.hashes, item, keys.MAX_HASH, errors.hash_too_long)
        return keys.partition(first), self._joined(self.ranges, item, keys.MAX_RANGE, errors.range_too_long)

    def _joined(self, parts: list[tuple[str, str]], item: dict[str, Any], most: int, too_long: Any) -> bytes:
        raws = [self._raw(name, kind, item[name]) for name, kind in parts]
        if sum(map(len, raws)) > most:
            raise too_long()
        return b"".join(stretched(raw) + END for raw in raws)


def bounds(conditions: Conditions, schema: Composite) -> Range:
    """All of the hash key with EQ; of the range key the first few with EQ, the last of them with anything."""
    for name, _ in schema.hashes:
        if name not in conditions or conditions[name][0] != "EQ":
            raise errors.composite_hash(name)
    if extra := [name for name in conditions if name not in schema.names]:
        raise errors.key_condition_extra(extra[0])
    partition = b"".join(stretched(encode(name, kind, conditions[name][1][0])) + END for name, kind in schema.hashes)
    prefix, low, high = b"", None, None
    open_ = ""  # the attribute after which nothing more may be asked
    for name, kind in schema.ranges:
        if name not in conditions:
            open_ = open_ or name
            continue
        if open_:
            raise errors.composite_range(open_)
        operator, operands = conditions[name]
        if operator == "BEGINS_WITH" and kind == "N":
            raise errors.key_condition_type()
        raws = [stretched(encode(name, kind, o)) for o in operands]
        if operator == "EQ":
            prefix += raws[0] + END
            low, high = prefix, keys.after(prefix)
        else:
            low, high = narrowed(prefix, operator, raws, operands)
            open_ = name
    return Range(keys.partition(partition), low, high, conditions[schema.hash][1][0])


def narrowed(prefix: bytes, operator: str, raws: list[bytes], operands: list[Any]) -> tuple[bytes | None, bytes | None]:
    first, everything = prefix + raws[0] + END, keys.after(prefix)
    match operator:
        case "LT":
            return prefix, first
        case "LE":
            return prefix, keys.after(first)
        case "GT":
            return keys.after(first), everything
        case "GE":
            return first, everything
        case "BEGINS_WITH":
            return prefix + raws[0], keys.after(prefix + raws[0])
        case "BETWEEN":
            if raws[0] > raws[1]:
                raise errors.bounds_reversed(KIND, *operands)
            return first, keys.after(prefix + raws[1] + END)
    raise errors.key_condition_unsupported()


def schema_of(elements: list[dict[str, str]], types: dict[str, str], index: str | None = None) -> keys.Schema:
    """The schema that a KeySchema describes."""
    hashes = [(k["AttributeName"], types[k["AttributeName"]]) for k in elements if k["KeyType"] == "HASH"]
    ranges = [(k["AttributeName"], types[k["AttributeName"]]) for k in elements if k["KeyType"] == "RANGE"]
    if len(hashes) > 1 or len(ranges) > 1:
        return Composite(hashes, ranges, index or "")
    return keys.Schema(*hashes[0], *(ranges[0] if ranges else (None, "")), index)
