"""Resharding: shards split and merged, one by one or to a number; and the capacity mode.

A shard that is split or merged is closed: it takes nothing more, keeps what it has until that expires, and its children take over its range.
"""
from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, records, shards
from . import service as kinesis
from .shards import Shard
from .streams import Stream, by_stream, check_limit, find_active, mode, policy, topic

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

DAY = 86400.0
SCALINGS_A_DAY, MODES_A_DAY = 10, 2


def by_arn(call: Call, req: Any) -> str:
    return req.get("StreamARN") or by_stream(call, req)


# -- on the list of shards ------------------------------------------------------------------------------------------------------

def close(call: Call, stream: Stream, closing: list[Shard], opening: list[tuple[int, int]]) -> Stream:
    """Close these shards and open others in their place; forget those that expired long ago."""
    last = max(max(records.end(call, shard) for shard in closing) + 1, shards.place_at(call.now))
    ended = {shard.index: msgspec.structs.replace(shard, closed=call.now, last=last) for shard in closing}
    kept = [ended.get(shard.index, shard) for shard in stream.shards]
    index = kept[-1].index + 1
    parent, adjacent = closing[0].index, closing[1].index if len(closing) > 1 else -1
    for start, end in opening:
        kept.append(Shard(index, records.number(call), str(start), str(end), call.now, last, parent, adjacent))
        index += 1
    present = {shard.index for shard in stream.present(call.now)}
    return stream.but(shards=[shard for shard in kept if shard.open or shard.index in present or shard.index in ended])


def split(call: Call, stream: Stream, shard: Shard, at: int) -> Stream:
    return close(call, stream, [shard], [(int(shard.start), at - 1), (at, int(shard.end))])


def merge(call: Call, stream: Stream, one: Shard, other: Shard) -> Stream:
    starts, ends = (int(one.start), int(other.start)), (int(one.end), int(other.end))
    return close(call, stream, [one, other], [(min(starts), max(ends))])


def scale(call: Call, stream: Stream, count: int) -> Stream:
    """So many shards of the same size: split where a border is to be, then merge across those that are not."""
    wanted = shards.ranges(count)
    for start, _ in wanted:
        shard = next(s for s in stream.open() if int(s.start) <= start <= int(s.end))
        if int(shard.start) != start:
            stream = split(call, stream, shard, start)
    borders = {start for start, _ in wanted}
    while True:
        open_ = sorted(stream.open(), key=lambda s: int(s.start))
        pair = next(((a, b) for a, b in pairwise(open_) if int(b.start) not in borders), None)
        if pair is None:
            return stream
        stream = merge(call, stream, *pair)


# -- operations -----------------------------------------------------------------------------------------------------------------

def to_change(call: Call, stream: Stream, name: str) -> Shard:
    shard = stream.shard(call.now, name)
    if shard is None:
        raise errors.no_shard_to_change(name, stream.name, call.account)
    return shard


def changed(call: Call, stream: Stream) -> None:
    call.put(stream.updating(call.now))
    call.signal(topic(stream.arn))


@kinesis.op(resource=by_stream, policy=policy)
def split_shard(call: Call, req: t.SplitShardInput) -> None:
    call, stream = find_active(call, req)
    if stream.on_demand:
        raise errors.on_demand(stream.name, call.account)
    shard, at = to_change(call, stream, req["ShardToSplit"]), int(req["NewStartingHashKey"])
    if not shard.open:
        raise errors.shard_closed(shard.id, stream.name, call.account)
    if not int(shard.start) + 1 < at < int(shard.end):
        raise errors.split_out_of_range(str(at), shard.id, stream.name, call.account, int(shard.start), int(shard.end))
    check_limit(call, 1)
    changed(call, split(call, stream, shard, at))


@kinesis.op(resource=by_stream, policy=policy)
def merge_shards(call: Call, req: t.MergeShardsInput) -> None:
    call, stream = find_active(call, req)
    if stream.on_demand:
        raise errors.on_demand(stream.name, call.account)
    one, other = (to_change(call, stream, req[member]) for member in ("ShardToMerge", "AdjacentShardToMerge"))  # type: ignore[literal-required]
    for shard in (one, other):
        if not shard.open:
            raise errors.shard_closed(shard.id, stream.name, call.account)
    if int(one.end) + 1 != int(other.start) and int(other.end) + 1 != int(one.start):
        raise errors.not_adjacent(one.id, other.id, stream.name, call.account)
    changed(call, merge(call, stream, one, other))


@kinesis.op(resource=by_stream, policy=policy)
def update_shard_count(call: Call, req: t.UpdateShardCountInput) -> t.UpdateShardCountOutput:
    call, stream = find_active(call, req)
    if stream.on_demand:
        raise errors.on_demand(stream.name, call.account)
    count, wanted = len(stream.open()), req["TargetShardCount"]
    if wanted > count * 2:
        raise errors.more_than_double(count, wanted)
    if wanted * 2 < count:
        raise errors.less_than_half(count, wanted)
    recent = [moment for moment in stream.scaled if moment > call.now - DAY]
    if len(recent) >= SCALINGS_A_DAY:
        raise errors.scaled_too_often(stream.name, call.account)
    check_limit(call, max(0, wanted - count))
    changed(call, scale(call, stream.but(scaled=[*recent, call.now]), wanted))
    return {"StreamName": stream.name, "StreamARN": stream.arn, "CurrentShardCount": count, "TargetShardCount": wanted}


@kinesis.op(resource=by_arn)
def update_stream_mode(call: Call, req: t.UpdateStreamModeInput) -> None:
    from .accounts import warm_shards
    call, stream = find_active(call, req)
    on_demand = mode(req) == "ON_DEMAND"
    warm = req.get("WarmThroughputMiBps", 0)
    if warm and not on_demand:
        raise errors.provisioned(stream.name, call.account)
    count = max(len(stream.open()), warm_shards(call, warm))
    recent = [moment for moment in stream.moded if moment > call.now - DAY]
    if on_demand != stream.on_demand:
        if len(recent) >= MODES_A_DAY:
            raise errors.mode_changed_too_often()
        recent.append(call.now)
    if not on_demand:
        stream = stream.but(strategy="USER_PARTITION_KEY", warm=0)
    changed(call, scale(call, stream, count).but(on_demand=on_demand, moded=recent, warm=warm) if warm else stream.but(on_demand=on_demand, moded=recent))


@kinesis.op(resource=by_stream)
def update_stream_warm_throughput(call: Call, req: t.UpdateStreamWarmThroughputInput) -> t.UpdateStreamWarmThroughputOutput:
    from .accounts import warm_shards
    call, stream = find_active(call, req)
    if not stream.on_demand:
        raise errors.provisioned(stream.name, call.account)
    warm, before = req["WarmThroughputMiBps"], stream.warm
    count = max(len(stream.open()), warm_shards(call, warm))
    changed(call, scale(call, stream, count).but(warm=warm))
    return {"StreamName": stream.name, "StreamARN": stream.arn, "WarmThroughput": {"TargetMiBps": warm, "CurrentMiBps": before}}


@kinesis.op(resource=by_arn)
def update_stream_record_distribution_strategy(call: Call, req: t.UpdateStreamRecordDistributionStrategyInput) -> None:
    call, stream = find_active(call, req)
    if not stream.on_demand:
        raise errors.strategy_of_provisioned(stream.name, call.account)
    call.put(stream.but(strategy=req["RecordDistributionStrategy"]))
