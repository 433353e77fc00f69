"""Streams: made, found, described, listed, deleted.

What takes time on AWS (making, resharding, encrypting) is done at once here, and the stream says for a moment that it is being done: the status is a comparison with the clock.
"""
from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, records, shards
from . import service as kinesis
from .shards import Shard

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

CREATING_SECONDS, UPDATING_SECONDS, DELETING_SECONDS = 0.5, 1.0, 0.5
FIRST_ON_DEMAND = 4
RETENTION_HOURS = 24
DEFAULT_RECORD_KIB = 1024
MOST_ON_DEMAND = 50
SHARD_LIMITS = {"us-east-1": 20000, "us-west-2": 20000, "eu-west-1": 20000}
SHARD_LIMIT = 6000
PAGE = 100
NO_LIMITS = ("cloche:limits", "off")  # a stream with this tag has shards without bounds


class Stream(Record, frozen=True, omit_defaults=True):
    kind = "kinesis.stream"

    name: str
    arn: str
    number: int
    created: float
    shards: list[Shard]
    on_demand: bool = False
    retention: int = RETENTION_HOURS
    gone_before: float = 0.0   # what was dropped when the retention was shorter does not come back
    busy: str = "CREATING"
    until: float = 0.0         # as long it is busy
    record_kib: int = DEFAULT_RECORD_KIB
    strategy: str = "USER_PARTITION_KEY"
    warm: int = 0
    key_id: str = ""           # the KMS key, as it was named
    metrics: list[str] = []
    scaled: list[float] = []   # when UpdateShardCount was called
    moded: list[float] = []    # when the mode was changed
    tags: dict[str, str] = {}
    policy: str = ""

    @property
    def key(self) -> str:
        return self.name

    @property
    def account(self) -> str:
        return self.arn.split(":", 5)[4]

    def status(self, now: float) -> str:
        return self.busy if now < self.until else "ACTIVE"

    def gone(self, now: float) -> bool:
        return self.busy == "DELETING" and now >= self.until

    def horizon(self, now: float) -> float:
        """What is older has left the stream."""
        return max(self.gone_before, now - self.retention * 3600.0)

    def open(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.open]

    def present(self, now: float) -> list[Shard]:
        """Open shards, and closed ones whose records may still be there."""
        horizon = self.horizon(now)
        return [shard for shard in self.shards if shard.open or shard.closed >= horizon]

    def shard(self, now: float, name: str) -> Shard | None:
        if name.startswith("shardId-") and name[8:].isdecimal():
            index = int(name[8:])
            for shard in self.present(now):
                if shard.index == index:
                    return shard
        return None

    def updating(self, now: float, **changes: Any) -> Stream:
        return self.but(busy="UPDATING", until=now + UPDATING_SECONDS, **changes)


# -- finding ------------------------------------------------------------------------------------------------------------------

@lru_cache(4096)
def owner(arn: str) -> tuple[str, str, str]:
    """Account, region and stream of an ARN: a stream's or a consumer's."""
    parts = arn.split(":", 5)
    return parts[4], parts[3], parts[5].split("/")[1]


def by_stream(call: Call, req: Any) -> str:
    return req.get("StreamARN") or call.arn(f"stream/{req.get('StreamName', '*')}")  # type: ignore[no-any-return]


def policy(call: Call, arn: str) -> str | None:
    """The resource policy of a stream."""
    if ":stream/" not in arn or "/consumer/" in arn:
        return None
    account, region, name = owner(arn)
    stream = call.at(account, region).get(Stream, name) if account != call.account or region != call.region else call.get(Stream, name)
    return stream.policy or None if stream else None


def find(call: Call, req: Any) -> tuple[Call, Stream]:
    """The stream that a request names, and the call standing where it lives."""
    arn, name = req.get("StreamARN"), req.get("StreamName")
    if arn:
        account, region, named = owner(arn)
        if name and name != named:
            raise errors.two_streams()
        name = named
        if account != call.account or region != call.region:
            call = call.at(account, region)
    elif not name:
        raise errors.no_stream_named()
    stream = call.get(Stream, name)
    if stream is None or stream.gone(call.now):
        raise errors.no_stream(name, call.account)
    return call, stream


def find_active(call: Call, req: Any) -> tuple[Call, Stream]:
    call, stream = find(call, req)
    if (status := stream.status(call.now)) != "ACTIVE":
        raise errors.not_active(stream.name, call.account, status)
    return call, stream


def shard_of(call: Call, stream: Stream, name: str) -> Shard:
    shard = stream.shard(call.now, name)
    if shard is None:
        raise errors.no_shard(name, stream.name, call.account)
    return shard


def topic(arn: str) -> tuple[str, str]:
    return ("kinesis", arn)


# -- operations -----------------------------------------------------------------------------------------------------------------

def creating(call: Call, req: Any) -> dict[str, Any]:
    tags = req.get("Tags") or {}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


@kinesis.op(resource=by_stream, context=creating)
def create_stream(call: Call, req: t.CreateStreamInput) -> None:
    name, on_demand, count = req["StreamName"], mode(req) == "ON_DEMAND", req.get("ShardCount")
    if on_demand and count is not None:
        raise errors.shard_count_not_wanted()
    if not on_demand and count is None:
        raise errors.shard_count_missing()
    strategy = req.get("RecordDistributionStrategy", "USER_PARTITION_KEY")
    if strategy == "AUTO" and not on_demand:
        raise errors.strategy_of_provisioned(name, call.account)
    there = call.get(Stream, name)
    if there is not None and not there.gone(call.now):
        raise errors.stream_exists(name, call.account)
    if on_demand:
        from .accounts import warm_shards
        if sum(s.on_demand for s in living(call)) >= MOST_ON_DEMAND:
            raise errors.too_many_on_demand(call.account, MOST_ON_DEMAND)
        count = max(FIRST_ON_DEMAND, warm_shards(call, req.get("WarmThroughputMiBps")))
    elif req.get("WarmThroughputMiBps"):
        raise errors.provisioned(name, call.account)
    assert count is not None, "said by the request or by the mode"
    check_limit(call, count)
    tags = dict(req.get("Tags") or {})
    if tags:
        from .tags import checked
        call.require("kinesis:AddTagsToStream", call.arn(f"stream/{name}"), creating(call, req))
        checked(call, name, tags, {})
    made = [Shard(index, records.number(call), str(start), str(end), call.now, shards.place_at(call.now) - 1) for index, (start, end) in enumerate(shards.ranges(count))]
    call.put(Stream(name, call.arn(f"stream/{name}"), made[0].number, call.now, made, on_demand, until=call.now + CREATING_SECONDS, strategy=strategy, tags=tags,
                    record_kib=req.get("MaxRecordSizeInKiB", DEFAULT_RECORD_KIB), warm=req.get("WarmThroughputMiBps", 0)))


def mode(req: Any) -> str:
    return str((req.get("StreamModeDetails") or {}).get("StreamMode", "PROVISIONED"))


def living(call: Call) -> list[Stream]:
    return [stream for stream in call.all(Stream) if not stream.gone(call.now)]


def check_limit(call: Call, more: int) -> None:
    """So many shards more, if the account may have them. On-demand streams do not count."""
    limit, current = SHARD_LIMITS.get(call.region, SHARD_LIMIT), open_shards(call)
    if current + more > limit:
        raise errors.too_many_shards(call.account, call.region, current, limit, more)


def open_shards(call: Call) -> int:
    return sum(len(stream.open()) for stream in living(call))


def about(stream: Stream, now: float) -> dict[str, Any]:
    """What DescribeStream and DescribeStreamSummary have in common."""
    out: dict[str, Any] = {
        "StreamName": stream.name, "StreamARN": stream.arn, "StreamStatus": stream.status(now), "RetentionPeriodHours": stream.retention, "StreamCreationTimestamp": stream.created,
        "StreamModeDetails": {"StreamMode": "ON_DEMAND" if stream.on_demand else "PROVISIONED"}, "EnhancedMonitoring": [{"ShardLevelMetrics": stream.metrics}],
        "EncryptionType": "KMS" if stream.key_id else "NONE",
    }
    return out | {"KeyId": stream.key_id} if stream.key_id else out


@kinesis.op(resource=by_stream, policy=policy)
def describe_stream(call: Call, req: t.DescribeStreamInput) -> t.DescribeStreamOutput:
    call, stream = find(call, req)
    shown = [] if stream.status(call.now) == "CREATING" else stream.present(call.now)
    if after := req.get("ExclusiveStartShardId"):
        shown = [shard for shard in shown if shard.id > after]
    limit = min(req.get("Limit", PAGE), PAGE)
    return {"StreamDescription": about(stream, call.now) | {"Shards": [shards.describe(shard) for shard in shown[:limit]], "HasMoreShards": len(shown) > limit}}  # type: ignore[typeddict-item]


@kinesis.op(resource=by_stream, policy=policy)
def describe_stream_summary(call: Call, req: t.DescribeStreamSummaryInput) -> t.DescribeStreamSummaryOutput:
    from .consumers import consumers_of
    call, stream = find(call, req)
    out = about(stream, call.now) | {
        "OpenShardCount": 0 if stream.status(call.now) == "CREATING" else len(stream.open()), "ConsumerCount": len(consumers_of(call, stream)),
        "MaxRecordSizeInKiB": stream.record_kib, "RecordDistributionStrategy": stream.strategy,
    }
    if stream.warm:
        out["WarmThroughput"] = {"TargetMiBps": stream.warm, "CurrentMiBps": stream.warm}
    return {"StreamDescriptionSummary": out}  # type: ignore[typeddict-item]


@kinesis.op(ANY)
def list_streams(call: Call, req: t.ListStreamsInput) -> t.ListStreamsOutput:
    after = req.get("NextToken") or req.get("ExclusiveStartStreamName") or ""
    found = sorted((stream for stream in living(call) if stream.name > after), key=lambda stream: stream.name)
    limit = min(req.get("Limit", PAGE), PAGE)
    shown, more = found[:limit], len(found) > limit
    out: Any = {
        "StreamNames": [stream.name for stream in shown], "HasMoreStreams": more,
        "StreamSummaries": [{k: v for k, v in about(stream, call.now).items() if k in ("StreamName", "StreamARN", "StreamStatus", "StreamModeDetails", "StreamCreationTimestamp")} for stream in shown],
    }
    return out | {"NextToken": shown[-1].name} if more else out  # type: ignore[no-any-return]


@kinesis.op(resource=by_stream, policy=policy)
def delete_stream(call: Call, req: t.DeleteStreamInput) -> None:
    from .consumers import consumers_of
    call, stream = find(call, req)
    if stream.status(call.now) == "DELETING":
        raise errors.not_active(stream.name, call.account, "DELETING")
    there = consumers_of(call, stream)
    if there and not req.get("EnforceConsumerDeletion"):
        raise errors.has_consumers(stream.name, call.account)
    for consumer in there:
        call.delete(consumer)
    call.put(stream.but(busy="DELETING", until=call.now + DELETING_SECONDS))
    call.after(DELETING_SECONDS, end, name=stream.name, stream=stream.name)
    call.signal(topic(stream.arn))


@kinesis.timer
def end(call: Call, stream: str) -> None:
    found = call.get(Stream, stream)
    if found is not None and found.busy == "DELETING":
        call.delete(found)
        for shard in found.shards:
            call.after(0, sweep, number=shard.number)


@kinesis.timer
def sweep(call: Call, number: int) -> None:
    """Remove what a shard that nobody has any more left behind, some at a time."""
    if records.sweep(call, number):
        call.after(0.02, sweep, number=number)


@kinesis.op(resource=by_stream)
def update_max_record_size(call: Call, req: t.UpdateMaxRecordSizeInput) -> None:
    call, stream = find_active(call, req)
    call.put(stream.updating(call.now, record_kib=req["MaxRecordSizeInKiB"]))
