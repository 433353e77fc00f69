"""Reading: an iterator is a place in a shard, good for five minutes; GetRecords gives what follows it and the next iterator, until the shard's end."""
from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cloche.kernel import AwsError, Call

from . import encryption, errors, limits, metering, records, shards
from . import service as kinesis
from .records import Row
from .shards import Shard
from .streams import Stream, by_stream, find, policy, shard_of

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

ITERATOR_SECONDS = 300
MOST_RECORDS, MOST_BYTES = 10_000, 10 * 2**20


class Place(NamedTuple):
    """After this place of this shard; `made` is when the iterator was."""

    arn: str
    number: int  # of the stream: another of the name is another stream
    shard: int
    after: int
    made: float

    def text(self) -> str:
        return base64.b64encode(msgspec.msgpack.encode(self)).decode()


decode = msgspec.msgpack.Decoder(Place).decode


def place_of(text: str) -> Place:
    try:
        place = decode(base64.b64decode(text, validate=True))
        if place.arn.count(":") != 5 or ":stream/" not in place.arn:
            raise errors.bad_iterator()
        return place
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise errors.bad_iterator() from None


def start(call: Call, stream: Stream, shard: Shard, kind: str, number: str | None, moment: float | None) -> int:
    """The place after which a reader begins."""
    if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        if number is None:
            raise errors.sequence_missing(kind)
        place = shard.place(number)
        if place is None:
            raise errors.foreign_sequence(number, shard.id, stream.name, stream.account)
        return place - (kind == "AT_SEQUENCE_NUMBER")
    if number is not None:
        raise errors.sequence_not_wanted(kind)
    if kind == "AT_TIMESTAMP":
        if moment is None:
            raise errors.timestamp_missing()
        if moment > call.now + 0.001:
            raise errors.timestamp_in_future(moment, call.now)
        return records.before(call, shard, moment)
    return 0 if kind == "TRIM_HORIZON" else records.end(call, shard)


@kinesis.op(resource=by_stream, policy=policy)
def get_shard_iterator(call: Call, req: t.GetShardIteratorInput) -> t.GetShardIteratorOutput:
    call, stream = find(call, req)
    shard = shard_of(call, stream, req["ShardId"])
    after = start(call, stream, shard, req["ShardIteratorType"], req.get("StartingSequenceNumber"), req.get("Timestamp"))
    if req.get("DryRun"):
        raise errors.would_succeed()
    limits.admit_iterator(call, stream, shard)
    return {"ShardIterator": Place(stream.arn, stream.number, shard.index, max(0, after), call.now).text()}


def by_iterator(call: Call, req: Any) -> str:
    try:
        return place_of(req["ShardIterator"]).arn
    except AwsError:
        return call.arn("stream/*")  # who may do nothing need not learn that it is garbage


@kinesis.op(resource=by_iterator, policy=policy)
def get_records(call: Call, req: t.GetRecordsInput) -> t.GetRecordsOutput:
    place = place_of(req["ShardIterator"])
    if call.now > place.made + ITERATOR_SECONDS:
        raise errors.expired_iterator(place.made, call.now, ITERATOR_SECONDS)
    call, stream = find(call, {"StreamARN": place.arn})
    shard = stream.shard(call.now, shards.name_of(place.shard))
    if shard is None or stream.number != place.number:
        raise errors.no_shard(shards.name_of(place.shard), stream.name, stream.account)
    if req.get("DryRun"):
        raise errors.would_succeed()
    limits.admit_read(call, stream, shard)
    rows, more = records.read(call, stream, shard, place.after, min(req.get("Limit", MOST_RECORDS), MOST_RECORDS), MOST_BYTES)
    found = [shown(call, stream, shard, row) for row in rows]
    size = sum(len(one["Data"]) for one in found)
    limits.count_read(call, stream, shard, size)
    late = behind(call, rows, more)
    metering.given(call, stream, shard, len(rows), size, late)
    out: Any = {"Records": found, "MillisBehindLatest": late}
    if shard.closed and not more:
        if children := children_of(stream, shard):
            out["ChildShards"] = children
    else:
        out["NextShardIterator"] = place._replace(after=rows[-1].place if rows else place.after, made=call.now).text()
    return out  # type: ignore[no-any-return]


def shown(call: Call, stream: Stream, shard: Shard, row: Row) -> dict[str, Any]:
    out = {"SequenceNumber": shard.sequence(row.place), "ApproximateArrivalTimestamp": row.at / 1000, "Data": encryption.open_(call, stream, row), "EncryptionType": "KMS" if row.sealed else "NONE"}
    if row.key is not None:
        out["PartitionKey"] = row.key
    return out


def behind(call: Call, rows: list[Row], more: bool) -> int:
    """How far the last record that was read is from the shard's tip."""
    return max(0, int(call.now * 1000) - rows[-1].at) if rows and more else 0


def children_of(stream: Stream, shard: Shard) -> list[dict[str, object]]:
    return [shards.child(one) for one in stream.shards if shard.index in (one.parent, one.adjacent)]
