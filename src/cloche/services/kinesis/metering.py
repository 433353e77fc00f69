"""What streams tell CloudWatch, and which of it per shard: enhanced monitoring."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import service as kinesis
from .shards import Shard
from .streams import Stream, by_stream, find_active, policy

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

SPACE = "AWS/Kinesis"
PER_SHARD = ["IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords", "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"]


def tell(call: Call, stream: Stream, name: str, value: float, unit: str, shard: Shard | None = None) -> None:
    dims = (("StreamName", stream.name),)
    if shard is None:
        cloudwatch.put(call, SPACE, name, dims, value, unit)
    elif name in stream.metrics:
        cloudwatch.put(call, SPACE, name, (*dims, ("ShardId", shard.id)), value, unit)


def came(call: Call, stream: Stream, shard: Shard, size: int) -> None:
    dims = (("StreamName", stream.name),)
    cloudwatch.put(call, SPACE, "IncomingRecords", dims, 1, "Count")
    cloudwatch.put(call, SPACE, "IncomingBytes", dims, size, "Bytes")
    if stream.metrics:
        tell(call, stream, "IncomingRecords", 1, "Count", shard)
        tell(call, stream, "IncomingBytes", size, "Bytes", shard)


def put_one(call: Call, stream: Stream, size: int) -> None:
    tell(call, stream, "PutRecord.Success", 1, "Count")
    tell(call, stream, "PutRecord.Bytes", size, "Bytes")


def put_many(call: Call, stream: Stream, total: int, done: int, size: int) -> None:
    tell(call, stream, "PutRecords.Success", 1 if done else 0, "Count")
    tell(call, stream, "PutRecords.Records", done, "Count")
    tell(call, stream, "PutRecords.Bytes", size, "Bytes")
    tell(call, stream, "PutRecords.TotalRecords", total, "Count")
    tell(call, stream, "PutRecords.SuccessfulRecords", done, "Count")
    tell(call, stream, "PutRecords.ThrottledRecords", total - done, "Count")


def write_refused(call: Call, stream: Stream, shard: Shard) -> None:
    tell(call, stream, "WriteProvisionedThroughputExceeded", 1, "Count")
    tell(call, stream, "WriteProvisionedThroughputExceeded", 1, "Count", shard)


def read_refused(call: Call, stream: Stream, shard: Shard) -> None:
    tell(call, stream, "ReadProvisionedThroughputExceeded", 1, "Count")
    tell(call, stream, "ReadProvisionedThroughputExceeded", 1, "Count", shard)
    tell(call, stream, "GetRecords.Success", 0, "Count")


def given(call: Call, stream: Stream, shard: Shard, count: int, size: int, age_ms: float) -> None:
    tell(call, stream, "GetRecords.Success", 1, "Count")
    tell(call, stream, "GetRecords.Records", count, "Count")
    tell(call, stream, "GetRecords.Bytes", size, "Bytes")
    tell(call, stream, "GetRecords.IteratorAgeMilliseconds", age_ms, "Milliseconds")
    out(call, stream, shard, count, size)
    tell(call, stream, "IteratorAgeMilliseconds", age_ms, "Milliseconds", shard)


def out(call: Call, stream: Stream, shard: Shard, count: int, size: int) -> None:
    tell(call, stream, "OutgoingRecords", count, "Count", shard)
    tell(call, stream, "OutgoingBytes", size, "Bytes", shard)


def pushed(call: Call, stream: Stream, shard: Shard, consumer: str, count: int, size: int, behind_ms: float) -> None:
    dims = (("StreamName", stream.name), ("ConsumerName", consumer))
    for name, value, unit in (("Success", 1.0, "Count"), ("Records", count, "Count"), ("Bytes", size, "Bytes"), ("MillisBehindLatest", behind_ms, "Milliseconds")):
        cloudwatch.put(call, SPACE, f"SubscribeToShardEvent.{name}", dims, value, unit)
    out(call, stream, shard, count, size)


# -- operations -----------------------------------------------------------------------------------------------------------------

def named(wanted: list[str]) -> list[str]:
    return PER_SHARD if "ALL" in wanted else [name for name in PER_SHARD if name in wanted]


def changed(call: Call, stream: Stream, desired: list[str]) -> Any:
    call.put(stream.updating(call.now, metrics=desired))
    return {"StreamName": stream.name, "StreamARN": stream.arn, "CurrentShardLevelMetrics": stream.metrics, "DesiredShardLevelMetrics": desired}


@kinesis.op(resource=by_stream, policy=policy)
def enable_enhanced_monitoring(call: Call, req: t.EnableEnhancedMonitoringInput) -> t.EnhancedMonitoringOutput:
    call, stream = find_active(call, req)
    return changed(call, stream, [name for name in PER_SHARD if name in stream.metrics or name in named(req["ShardLevelMetrics"])])  # type: ignore[no-any-return]


@kinesis.op(resource=by_stream, policy=policy)
def disable_enhanced_monitoring(call: Call, req: t.DisableEnhancedMonitoringInput) -> t.EnhancedMonitoringOutput:
    call, stream = find_active(call, req)
    return changed(call, stream, [name for name in stream.metrics if name not in named(req["ShardLevelMetrics"])])  # type: ignore[no-any-return]
