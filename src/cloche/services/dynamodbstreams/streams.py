"""Streams and their shards, described.

A shard is four hours of a stream: which there are follows from when the stream began, when it was disabled, and now.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import ANY, Call
from cloche.services.dynamodb import public
from cloche.services.dynamodb.public import SEQUENCE, SHARD_SECONDS, Stream

from . import errors
from . import service as dynamodbstreams

PAGE = 100


def by_stream(call: Call, req: Any) -> str:
    return str(req["StreamArn"])


def find(call: Call, arn: str) -> Stream:
    if not arn.startswith("arn:") or "/stream/" not in arn:
        raise errors.invalid_arn()
    stream = public.stream_of(call, arn)
    if stream is None:
        raise errors.no_stream(arn)
    return stream


@dynamodbstreams.op(resource=ANY)
def list_streams(call: Call, req: Any) -> Any:
    streams = sorted((s for s in public.streams(call) if req.get("TableName", s.table) in (s.table, s.arn.split("/stream/")[0])), key=lambda s: s.arn)
    if after := req.get("ExclusiveStartStreamArn"):
        if not after.startswith("arn:") or "/stream/" not in after:
            raise errors.invalid_arn()
        streams = [s for s in streams if s.arn > after]
    limit = req.get("Limit", PAGE)
    if limit > PAGE:
        raise errors.limit(limit, PAGE)
    out: dict[str, Any] = {"Streams": [{"StreamArn": s.arn, "TableName": s.table, "StreamLabel": s.label} for s in streams[:limit]]}
    if len(streams) > limit:
        out["LastEvaluatedStreamArn"] = streams[limit - 1].arn
    return out


@dynamodbstreams.op(resource=by_stream, policy=public.policy_of)
def describe_stream(call: Call, req: Any) -> Any:
    stream = find(call, req["StreamArn"])
    shards = present(stream, call.now)
    if after := req.get("ExclusiveStartShardId"):
        shards = [n for n in shards if shard_id(stream, n) > after]
    if (chosen := req.get("ShardFilter")) is not None:
        if not chosen.get("Type") or not chosen.get("ShardId"):
            raise errors.shard_filter()
        shards = [n for n in shards if shard_id(stream, n - 1) == chosen["ShardId"]]
    limit = req.get("Limit", PAGE)
    out: dict[str, Any] = {
        "StreamArn": stream.arn, "StreamLabel": stream.label, "StreamStatus": "DISABLED" if stream.disabled else "ENABLED", "StreamViewType": stream.view,
        "CreationRequestDateTime": stream.created, "TableName": stream.table, "KeySchema": stream.schema, "Shards": [describe(call, stream, n) for n in shards[:limit]]}
    if len(shards) > limit:
        out["LastEvaluatedShardId"] = shard_id(stream, shards[limit - 1])
    return {"StreamDescription": out}


def present(stream: Stream, now: float) -> list[int]:
    """The shards that may still hold a record less than a day old."""
    return list(range(stream.shard(now - public.RETENTION_SECONDS), stream.shard(stream.disabled or now) + 1))


def closed(stream: Stream, shard: int, now: float) -> bool:
    return bool(stream.disabled) or stream.shard(now) > shard


def shard_id(stream: Stream, shard: int) -> str:
    return f"shardId-{int(stream.created * 1000) + shard * SHARD_SECONDS * 1000:020d}-{stream.number:08x}"


def shard_of(call: Call, stream: Stream, name: str) -> int:
    for shard in present(stream, call.now):
        if shard_id(stream, shard) == name:
            return shard
    raise errors.no_shard(name, stream.arn)


def describe(call: Call, stream: Stream, shard: int) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": str((shard + 1) * SEQUENCE)}
    if closed(stream, shard, call.now):
        numbers["EndingSequenceNumber"] = str((shard + 1) * SEQUENCE + public.last(call, stream, shard))
    out: dict[str, Any] = {"ShardId": shard_id(stream, shard), "SequenceNumberRange": numbers}
    if shard:
        out["ParentShardId"] = shard_id(stream, shard - 1)
    return out
