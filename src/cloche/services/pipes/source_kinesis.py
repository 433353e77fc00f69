"""What the reader of streams must know of Kinesis. An event is the record itself, its data in base64; filters and templates look into data that is JSON."""
from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors

if TYPE_CHECKING:
    from .pipes import Pipe

INFO, MOST = "KinesisBatchInfo", 10_000


def topic(source: str) -> Any:
    from cloche.services.kinesis import public as kinesis
    return kinesis.topic(source)


def stream_of(there: Call, pipe: Pipe) -> tuple[Call, Any]:
    from cloche.services.kinesis import public as kinesis
    found = kinesis.at(there, pipe.source)
    if found is None:
        raise errors.no_resource(pipe.source)
    return found


def probe(there: Call, pipe: Pipe) -> None:
    inside, stream = stream_of(there, pipe)
    for action in ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"):
        inside.require(action, stream.arn, policy=stream.policy or None)


def shards(there: Call, pipe: Pipe) -> list[tuple[str, list[str]]]:
    inside, stream = stream_of(there, pipe)
    names = {shard.index: shard.id for shard in stream.shards}
    return [(shard.id, [names[p] for p in (shard.parent, shard.adjacent) if p in names]) for shard in stream.present(inside.now)]


def begin(call: Call, pipe: Pipe) -> list[tuple[str, str, bool]]:
    """LATEST and AT_TIMESTAMP are pinned now, before anything more arrives."""
    from cloche.services.kinesis import public as kinesis
    kind, moment = pipe.parameters["StartingPosition"], pipe.parameters.get("StartingPositionTimestamp")
    if kind == "TRIM_HORIZON" or kinesis.at(call, pipe.source) is None:
        return []
    inside, stream = stream_of(call, pipe)
    out = []
    for shard in stream.present(inside.now):
        over = bool(shard.closed) and (kind == "LATEST" or shard.closed <= (moment or 0.0))
        out.append((shard.id, shard.sequence(kinesis.position(inside, stream, shard, kind, min(moment or 0.0, inside.now) if kind == "AT_TIMESTAMP" else None)), over))
    return out


def read(there: Call, pipe: Pipe, shard: str, after: str, limit: int) -> tuple[list[Any], bool]:
    from cloche.services.kinesis import public as kinesis
    inside, stream = stream_of(there, pipe)
    inside.require("kinesis:GetRecords", stream.arn, policy=stream.policy or None)
    found = stream.shard(inside.now, shard)
    if found is None:
        return [], True
    records, ended = kinesis.read(inside, stream, found, (found.place(after) or 0) if after else 0, limit)
    return [event(there, pipe, shard, record) for _, record in records], ended


def event(there: Call, pipe: Pipe, shard: str, record: Any) -> dict[str, Any]:
    return {
        "kinesisSchemaVersion": "1.0", "partitionKey": record.get("PartitionKey", ""), "sequenceNumber": record["SequenceNumber"], "data": base64.b64encode(record["Data"]).decode(),
        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"], "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record", "invokeIdentityArn": pipe.role, "awsRegion": pipe.source.split(":")[3], "eventSourceARN": pipe.source,
    }


def sequence(record: Any) -> str:
    return str(record["sequenceNumber"])


def arrival(record: Any) -> float:
    return float(record["approximateArrivalTimestamp"])


def view(record: Any) -> Any:
    text = base64.b64decode(record["data"]).decode("utf-8", "replace")
    try:
        return record | {"data": json.loads(text)}
    except ValueError:
        return record | {"data": text}
