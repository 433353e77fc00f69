"""SubscribeToShard: a shard's records pushed to a consumer as they come, for five minutes by the clock.

A second subscription of the same consumer to the same shard is refused within five seconds of the first; later it takes over, and the first one ends.
"""
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, metering, reading, records
from . import service as kinesis
from .consumers import Consumer, consumer_policy, find_consumer
from .shards import Shard
from .streams import Stream, find, shard_of, topic

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

SECONDS, ALONE_SECONDS = 300.0, 5.0
HEARTBEAT_SECONDS = 5.0   # an event without records, so that a reader knows where it stands
MOST_RECORDS, MOST_BYTES = 10_000, 2**20


def by_arn(call: Call, req: Any) -> str:
    return str(req["ConsumerARN"])


@kinesis.op(resource=by_arn, policy=consumer_policy)
def subscribe_to_shard(call: Call, req: t.SubscribeToShardInput) -> Any:
    call, consumer = find_consumer(call, req)
    if (status := consumer.status(call.now)) != "ACTIVE":
        raise errors.consumer_not_active(consumer.arn, status)
    call, stream = find(call, {"StreamARN": consumer.stream})
    shard = shard_of(call, stream, req["ShardId"])
    position = req["StartingPosition"]
    after = reading.start(call, stream, shard, position["Type"], position.get("SequenceNumber"), position.get("Timestamp"))
    if req.get("DryRun"):
        raise errors.would_succeed()
    subscriptions: dict[tuple[str, int], float] = call.cloud.memory.setdefault("kinesis.subscriptions", {})
    place = (consumer.arn, shard.number)
    if call.now < subscriptions.get(place, -ALONE_SECONDS) + ALONE_SECONDS:
        raise errors.subscribed(stream.account, stream.name, shard.id, consumer.name)
    subscriptions[place] = call.now
    call.signal(("kinesis.subscription", place))
    return {"EventStream": push(call, consumer, stream, shard, max(0, after), call.now)}


async def push(call: Call, consumer: Consumer, stream: Stream, shard: Shard, after: int, since: float) -> AsyncIterator[dict[str, Any]]:
    place, until = (consumer.arn, shard.number), since + SECONDS
    subscriptions: dict[tuple[str, int], float] = call.cloud.memory["kinesis.subscriptions"]
    first = True
    try:
        while call.now < until:
            if subscriptions.get(place) != since:
                raise errors.subscribed(stream.account, stream.name, shard.id, consumer.name)
            _, stream = find(call, {"StreamARN": consumer.stream})
            if find_consumer(call, {"ConsumerARN": consumer.arn})[1].deleted:
                return
            shard = shard_of(call, stream, shard.id)
            rows, more = records.read(call, stream, shard, after, MOST_RECORDS, MOST_BYTES)
            ended = bool(shard.closed) and not more
            if rows or first or ended:
                yield event(call, consumer, stream, shard, after, rows, more, ended)
                first = False
            after = rows[-1].place if rows else after
            if ended:
                return
            if not more:
                beat = min(call.now + HEARTBEAT_SECONDS, until)
                await call.wait([topic(stream.arn), ("kinesis.subscription", place)], beat)
                first = call.now >= beat
    finally:
        if subscriptions.get(place) == since and call.now >= until:
            del subscriptions[place]


def event(call: Call, consumer: Consumer, stream: Stream, shard: Shard, after: int, rows: list[Any], more: bool, ended: bool) -> dict[str, Any]:
    found = [reading.shown(call, stream, shard, row) for row in rows]
    late = reading.behind(call, rows, more)
    if rows:
        with call.step():
            metering.pushed(call, stream, shard, consumer.name, len(rows), sum(len(one["Data"]) for one in found), late)
    out: dict[str, Any] = {"Records": found, "ContinuationSequenceNumber": shard.sequence(rows[-1].place if rows else max(after, shard.opened)), "MillisBehindLatest": late}
    if ended and (children := reading.children_of(stream, shard)):
        out["ChildShards"] = children
    return {"SubscribeToShardEvent": out}
