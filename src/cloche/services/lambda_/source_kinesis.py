"""What the stream poller must know of Kinesis. `source_dynamodb` says the same of DynamoDB's streams.

A mapping reads as its role, asked for each batch, but takes nothing from the five reads a second of a shard: it is woken by what comes in, and does not poll.
A consumer's ARN as the source reads the consumer's stream, and asks for kinesis:SubscribeToShard.
"""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors_mappings
from .mappings import decoded

if TYPE_CHECKING:
    from .mappings import Mapping

INFO, MOST = "KinesisBatchInfo", 10_000


def topic(arn: str) -> Any:
    from cloche.services.kinesis import public as kinesis
    return kinesis.topic(kinesis.stream_arn(arn))


def stream_of(there: Call, arn: str) -> tuple[Call, Any]:
    from cloche.services.kinesis import public as kinesis
    found = kinesis.at(there, kinesis.stream_arn(arn))
    if found is None or ("/consumer/" in arn and kinesis.consumer(there, arn) is None):
        raise errors_mappings.no_such_stream(arn)
    return found


def shards(there: Call, mapping: Mapping) -> list[tuple[str, list[str]]]:
    inside, stream = stream_of(there, mapping.source)
    names = {shard.index: shard.id for shard in stream.shards}
    return [(shard.id, [names[p] for p in (shard.parent, shard.adjacent) if p in names]) for shard in stream.present(inside.now)]


def begin(call: Call, mapping: Mapping) -> list[tuple[str, str, bool]]:
    """LATEST and AT_TIMESTAMP are pinned now, before anything more arrives."""
    if mapping.position == "TRIM_HORIZON":
        return []
    from cloche.services.kinesis import public as kinesis
    inside, stream = stream_of(call, mapping.source)
    out = []
    for shard in stream.present(inside.now):
        over = bool(shard.closed) and (mapping.position == "LATEST" or shard.closed <= mapping.position_at)
        moment = min(mapping.position_at, inside.now) if mapping.position == "AT_TIMESTAMP" else None
        out.append((shard.id, shard.sequence(kinesis.position(inside, stream, shard, mapping.position, moment)), over))
    return out


def read(there: Call, mapping: Mapping, shard: str, after: str, limit: int) -> tuple[list[Any], bool]:
    from cloche.services.kinesis import public as kinesis
    inside, stream = stream_of(there, mapping.source)
    if "/consumer/" in mapping.source:
        consumer = kinesis.consumer(there, mapping.source)
        inside.require("kinesis:SubscribeToShard", mapping.source, policy=consumer.policy or None if consumer else None)
    else:
        inside.require("kinesis:GetRecords", stream.arn, policy=stream.policy or None)
    found = stream.shard(inside.now, shard)
    if found is None:
        return [], True
    records, ended = kinesis.read(inside, stream, found, (found.place(after) or 0) if after else 0, limit)
    return [event(there, mapping, shard, record) for _, record in records], ended


def event(there: Call, mapping: Mapping, shard: str, record: Any) -> dict[str, Any]:
    about = {
        "kinesisSchemaVersion": "1.0", "partitionKey": record.get("PartitionKey", ""), "sequenceNumber": record["SequenceNumber"],
        "data": base64.b64encode(record["Data"]).decode(), "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
    }
    return {
        "kinesis": about, "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"{shard}:{record['SequenceNumber']}", "eventName": "aws:kinesis:record",
        "invokeIdentityArn": there.principal.role_arn, "awsRegion": mapping.source.split(":")[3], "eventSourceARN": mapping.source,
    }


def sequence(record: Any) -> str:
    return str(record["kinesis"]["sequenceNumber"])


def arrival(record: Any) -> float:
    return float(record["kinesis"]["approximateArrivalTimestamp"])


def lane_key(record: Any) -> str:
    return str(record["kinesis"]["partitionKey"])


def view(record: Any) -> Any:
    """Filters look at `data` as JSON where it is JSON, and at what stands beside it."""
    data = decoded(base64.b64decode(record["kinesis"]["data"]).decode("utf-8", "replace"))
    return record | record["kinesis"] | {"data": data, "kinesis": record["kinesis"] | {"data": data}}
