"""Shards: a range of hash keys each, and how a record finds its own. Values and arithmetic only.

A partition key's MD5, read as a number of 128 bits, falls into the range of exactly one open shard. A sequence number is made of
the second in which its shard was made, the record's place in the shard, and the shard's number in the stream: it grows along a shard and from a parent to its child.
"""
from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import NamedTuple

import msgspec

TOP = 2**128
FIRST = 1_577_836_800_000  # 2020-01-01 in milliseconds: places in a shard count from here, one a millisecond at least
PLACE_BITS = 41


class Shard(msgspec.Struct, frozen=True, omit_defaults=True):
    index: int
    number: int          # of all shards of the cloud: which records are its
    start: str           # hash keys are too long for msgpack's numbers
    end: str
    created: float
    opened: int          # the place before its first record
    parent: int = -1
    adjacent: int = -1
    closed: float = 0.0
    last: int = 0        # the place of its end

    @property
    def id(self) -> str:
        return name_of(self.index)

    @property
    def open(self) -> bool:
        return not self.closed

    def sequence(self, place: int) -> str:
        return f"49{int(self.created):012d}{place:032d}{self.index:010d}"

    def place(self, sequence: str) -> int | None:
        """The place that a sequence number means; None if it is no number of this shard."""
        if len(sequence) != 56 or not sequence.startswith(f"49{int(self.created):012d}") or int(sequence[46:]) != self.index:
            return None
        return int(sequence[14:46])


def name_of(index: int) -> str:
    return f"shardId-{index:012d}"


def place_at(moment: float) -> int:
    """The first place that a record of this moment can have."""
    return max(0, int(moment * 1000) - FIRST)


def hash_of(partition_key: str) -> int:
    return int.from_bytes(hashlib.md5(partition_key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest())


def ranges(count: int) -> list[tuple[int, int]]:
    """All hash keys divided into so many ranges of the same size."""
    starts = [n * TOP // count for n in range(count)]
    return list(zip(starts, [start - 1 for start in starts[1:]] + [TOP - 1], strict=True))


class Route(NamedTuple):
    """The open shards in the order of their ranges."""

    starts: list[int]
    shards: list[Shard]

    def find(self, key: int) -> Shard:
        return self.shards[bisect_right(self.starts, key) - 1]


def route(shards: list[Shard]) -> Route:
    open_ = sorted((shard for shard in shards if shard.open), key=lambda shard: int(shard.start))
    return Route([int(shard.start) for shard in open_], open_)


def describe(shard: Shard) -> dict[str, object]:
    numbers = {"StartingSequenceNumber": shard.sequence(shard.opened)}
    if shard.closed:
        numbers["EndingSequenceNumber"] = shard.sequence(shard.last)
    out: dict[str, object] = {"ShardId": shard.id, "HashKeyRange": {"StartingHashKey": shard.start, "EndingHashKey": shard.end}, "SequenceNumberRange": numbers}
    if shard.parent >= 0:
        out["ParentShardId"] = name_of(shard.parent)
    if shard.adjacent >= 0:
        out["AdjacentParentShardId"] = name_of(shard.adjacent)
    return out


def child(shard: Shard) -> dict[str, object]:
    """As readers at a closed shard's end are told of it."""
    return {"ShardId": shard.id, "ParentShards": [name_of(p) for p in (shard.parent, shard.adjacent) if p >= 0],
            "HashKeyRange": {"StartingHashKey": shard.start, "EndingHashKey": shard.end}}
