"""Putting records: one, or up to 500 that succeed or fail each by itself.

The stream never looks whether it has a record already: a producer that tries again after a lost answer puts a second one.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import demand, encryption, errors, limits, metering, records, shards
from . import service as kinesis
from .shards import TOP, Route, Shard
from .streams import Stream, by_stream, find, policy, topic

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

LARGEST_BATCH = 10 * 2**20


def route_of(call: Call, stream: Stream) -> Route:
    """The open shards, worked out once for each change of the stream."""
    routes: dict[int, tuple[Stream, Route]] = call.cloud.memory.setdefault("kinesis.routes", {})
    found = routes.get(stream.number)
    if found is None or found[0] is not stream:
        found = routes[stream.number] = (stream, shards.route(stream.shards))
    return found[1]


def writable(call: Call, req: Any) -> tuple[Call, Stream]:
    there, stream = find(call, req)
    if stream.until > there.now and stream.busy == "CREATING":
        raise errors.no_stream(stream.name, there.account)
    return there, stream


def shard_for(call: Call, stream: Stream, entry: Any, where: str = "partitionKey") -> Shard:
    open_ = route_of(call, stream)
    if stream.strategy == "AUTO":
        turns: dict[int, int] = call.cloud.memory.setdefault("kinesis.turns", {})
        turns[stream.number] = turn = turns.get(stream.number, 0) + 1
        return open_.shards[turn % len(open_.shards)]
    key = entry.get("PartitionKey")
    if key is None:
        raise errors.partition_key_missing(where)
    if (explicit := entry.get("ExplicitHashKey")) is None:
        return open_.find(shards.hash_of(key))
    if int(explicit) >= TOP:
        raise errors.hash_key_out_of_range(explicit)
    return open_.find(int(explicit))


def size_of(entry: Any) -> int:
    return len(entry["Data"]) + len(entry.get("PartitionKey", "").encode("utf-8", "surrogatepass"))


def put(call: Call, stream: Stream, shard: Shard, entry: Any, size: int) -> str:
    """The record's sequence number. Raises where the shard is full."""
    if not limits.unlimited(stream) and not limits.take_write(call, stream, shard, size):
        metering.write_refused(call, stream, shard)
        raise errors.rate_exceeded(shard.id, stream.name, stream.account)
    data, sealed = entry["Data"], None
    if stream.key_id:
        data, sealed = encryption.close(call, stream, data)
    place = records.put(call, shard, entry.get("PartitionKey"), data, size, sealed)
    metering.came(call, stream, shard, size)
    records.expire_sometimes(call, stream, shard)
    if stream.on_demand:
        demand.count(call, stream, size)
    return shard.sequence(place)


def encryption_of(stream: Stream) -> str:
    return "KMS" if stream.key_id else "NONE"


@kinesis.op(resource=by_stream, policy=policy)
def put_record(call: Call, req: t.PutRecordInput) -> t.PutRecordOutput:
    there, stream = writable(call, req)
    shard, size = shard_for(there, stream, req), size_of(req)
    if size > stream.record_kib * 1024:
        raise errors.record_too_large(stream.record_kib * 1024)
    if req.get("DryRun"):
        raise errors.would_succeed()
    number = put(there, stream, shard, req, size)
    metering.put_one(there, stream, size)
    there.signal(topic(stream.arn))
    return {"ShardId": shard.id, "SequenceNumber": number, "EncryptionType": encryption_of(stream)}  # type: ignore[typeddict-item]


@kinesis.op(resource=by_stream, policy=policy)
def put_records(call: Call, req: t.PutRecordsInput) -> t.PutRecordsOutput:
    there, stream = writable(call, req)
    most, chosen, total = stream.record_kib * 1024, [], 0
    for i, entry in enumerate(req["Records"], 1):
        size = size_of(entry)
        if size > most:
            raise errors.record_too_large(most, f"records.{i}.member.data")
        total += size
        chosen.append((shard_for(there, stream, entry, f"records.{i}.member.partitionKey"), entry, size))
    if total > LARGEST_BATCH:
        raise errors.batch_too_large(LARGEST_BATCH)
    if req.get("DryRun"):
        raise errors.would_succeed()
    out: list[Any] = []
    failed = written = 0
    for shard, entry, size in chosen:
        try:
            out.append({"ShardId": shard.id, "SequenceNumber": put(there, stream, shard, entry, size)})
            written += size
        except AwsError as error:
            if error.code != "ProvisionedThroughputExceededException":
                raise
            failed += 1
            out.append({"ErrorCode": error.code, "ErrorMessage": error.message})
    metering.put_many(there, stream, len(chosen), len(chosen) - failed, written)
    there.signal(topic(stream.arn))
    return {"FailedRecordCount": failed, "Records": out, "EncryptionType": encryption_of(stream)}  # type: ignore[typeddict-item]
