"""What other services do with streams behind the curtain: read a shard, wait for one, put as themselves.

`call.cloud.work.watch(public.topic(arn), f)` calls f whenever the stream has something new, shards included.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import reading, records
from .consumers import Consumer, by_arn
from .shards import Shard
from .streams import Stream, owner, topic


def at(call: Call, arn: str) -> tuple[Call, Stream] | None:
    """The call standing in Kinesis where the stream (or the consumer's stream) lives, and the stream; None if there is none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "kinesis" or not parts[5].startswith("stream/"):
        return None
    account, region, name = owner(arn)
    there = call.of("kinesis", account, region)
    stream = there.get(Stream, name)
    return None if stream is None or stream.gone(call.now) else (there, stream)


def consumer(call: Call, arn: str) -> Consumer | None:
    return by_arn(call.of("kinesis"), arn)


def stream_arn(arn: str) -> str:
    """The stream's ARN, also from a consumer's."""
    return arn.partition("/consumer/")[0]


def position(call: Call, stream: Stream, shard: Shard, kind: str, moment: float | None = None, sequence: str | None = None) -> int:
    """The place after which a reader begins."""
    return reading.start(call, stream, shard, kind, sequence, moment)


def read(call: Call, stream: Stream, shard: Shard, after: int, limit: int, most_bytes: int = 6 * 2**20) -> tuple[list[tuple[int, dict[str, Any]]], bool]:
    """(place, record as in GetRecords) of what comes after a place, and whether the shard has nothing after them for ever. As this call's principal: KMS asks it."""
    rows, more = records.read(call, stream, shard, after, limit, most_bytes)
    return [(row.place, reading.shown(call, stream, shard, row)) for row in rows], bool(shard.closed) and not more


__all__ = ["AwsError", "Consumer", "Shard", "Stream", "at", "consumer", "position", "read", "stream_arn", "topic"]
