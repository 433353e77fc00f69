"""What a shard takes and gives in a second, and what happens beyond.

Buckets on the virtual clock, in memory: 1,000 records and 1 MiB in, 5 reads and 2 MiB out, 5 iterators. A record larger than the bucket leaves it in debt; so does a large
read, which is why the next is refused. A stream tagged `cloche:limits` = `off` has none of them.
"""
from __future__ import annotations

from cloche.kernel import Call

from . import errors, metering
from .shards import Shard
from .streams import NO_LIMITS, Stream

RECORDS, BYTES = 1000.0, 1048576.0
READS, READ_BYTES = 5.0, 2097152.0
ITERATORS = 5.0


def unlimited(stream: Stream) -> bool:
    return bool(stream.tags) and stream.tags.get(NO_LIMITS[0]) == NO_LIMITS[1]


class Bucket:
    __slots__ = ("since", "tokens")

    def __init__(self, now: float, *depths: float) -> None:
        self.since, self.tokens = now, list(depths)

    def fill(self, now: float, *rates: float) -> list[float]:
        passed = now - self.since
        if passed > 0:
            for i, rate in enumerate(rates):
                self.tokens[i] = min(rate, self.tokens[i] + passed * rate)
        self.since = now
        return self.tokens


def bucket(call: Call, what: str, number: int, *rates: float) -> list[float]:
    buckets: dict[tuple[str, int], Bucket] = call.cloud.memory.setdefault("kinesis.buckets", {})
    now = call.cloud.clock.now()
    found = buckets.get((what, number))
    if found is None:
        found = buckets[what, number] = Bucket(now, *rates)
    return found.fill(now, *rates)


def take_write(call: Call, stream: Stream, shard: Shard, size: int) -> bool:
    """May a record of this size come in? Then it is counted."""
    tokens = bucket(call, "in", shard.number, RECORDS, BYTES)
    if tokens[0] < 1 or tokens[1] < min(size, BYTES):
        return False
    tokens[0] -= 1
    tokens[1] -= size
    return True


def admit_read(call: Call, stream: Stream, shard: Shard) -> None:
    if unlimited(stream):
        return
    reads, out = bucket(call, "reads", shard.number, READS), bucket(call, "out", shard.number, READ_BYTES)
    if reads[0] < 1 or out[0] <= 0:
        metering.read_refused(call, stream, shard)
        raise errors.rate_exceeded(shard.id, stream.name, stream.account)
    reads[0] -= 1


def count_read(call: Call, stream: Stream, shard: Shard, size: int) -> None:
    if size and not unlimited(stream):
        out = bucket(call, "out", shard.number, READ_BYTES)
        out[0] = min(out[0], READ_BYTES if size < READ_BYTES else 0.0) - size


def admit_iterator(call: Call, stream: Stream, shard: Shard) -> None:
    if unlimited(stream):
        return
    tokens = bucket(call, "iterators", shard.number, ITERATORS)
    if tokens[0] < 1:
        raise errors.rate_exceeded(shard.id, stream.name, stream.account)
    tokens[0] -= 1
