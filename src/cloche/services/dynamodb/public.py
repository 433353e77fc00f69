"""What DynamoDB shows to its neighbours: the streams, for `dynamodbstreams`, and the topic that a reader may wait on.

`call.wait(public.topic(arn), until)` returns when the stream has something new.
"""
from __future__ import annotations

from cloche.kernel import Call
from cloche.services.kms import public as kms

from . import sealing
from .capacities import gauges
from .contributors import contributions, insight_rules
from .streams import RETENTION_SECONDS, SEQUENCE, SHARD_SECONDS, Stream, complete, topic

__all__ = ["RETENTION_SECONDS", "SEQUENCE", "SHARD_SECONDS", "Stream", "contributions", "gauges", "insight_rules", "last", "policy_of", "records", "stream_of", "streams", "topic"]


def streams(call: Call) -> list[Stream]:
    return [s for s in call.of("dynamodb").all(Stream) if not s.gone(call.now)]


def stream_of(call: Call, arn: str) -> Stream | None:
    """The stream of this name, wherever it lives; a stream disabled a day ago is gone."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or "/stream/" not in parts[5]:
        return None
    table, _, label = parts[5].removeprefix("table/").partition("/stream/")
    stream = call.of("dynamodb", parts[4], parts[3]).get(Stream, f"{table}/{label}")
    return None if stream is None or stream.gone(call.now) else stream


def records(call: Call, stream: Stream, shard: int, after: int, limit: int) -> list[tuple[int, bytes]]:
    """(number, record as JSON) of one shard, as old as a day at most."""
    found = call.sql("SELECT seq, body FROM dynamodb_record WHERE stream=? AND shard=? AND seq>? AND at>? ORDER BY seq LIMIT ?",
                     stream.number, shard, after, call.now - RETENTION_SECONDS, limit)
    if found and stream.table_key:
        _, _, _, region, account, _ = stream.arn.split(":", 5)
        key = sealing.key_of(sealing.background(call, account, region), account, region, stream.table, stream.table_key)
        found = [(seq, kms.unseal(key, body)) for seq, body in found]
    return [(seq, complete(shard, seq, body)) for seq, body in found]


def last(call: Call, stream: Stream, shard: int) -> int:
    """The number of the shard's last record; 0 when it has none."""
    return call.row("SELECT max(seq) FROM dynamodb_record WHERE stream=? AND shard=?", stream.number, shard)[0] or 0



def policy_of(call: Call, arn: str) -> str | None:
    """The resource policy of a stream, for IAM."""
    stream = stream_of(call, arn)
    return stream.policy or None if stream else None
