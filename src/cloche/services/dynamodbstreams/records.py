"""Reading a stream: an iterator is a place in a shard, good for 15 minutes; GetRecords gives what follows it and the next."""
from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

from cloche.kernel import Call
from cloche.services.dynamodb import public
from cloche.services.dynamodb.public import SEQUENCE

from . import errors
from . import service as dynamodbstreams
from .streams import by_stream, closed, find, shard_of

ITERATOR_SECONDS = 900
MAX_RECORDS, MAX_BYTES = 1000, 2**20


class Place(NamedTuple):
    """After this record of this shard; `made` is when the iterator was."""

    arn: str
    shard: int
    after: int
    made: float

    def text(self) -> str:
        return f"{self.arn}|1|{base64.urlsafe_b64encode(msgspec.json.encode(self[1:])).decode()}"


def place_of(text: str) -> Place:
    try:
        arn, _, rest = text.split("|")
        return Place(arn, *msgspec.json.decode(base64.urlsafe_b64decode(rest), type=tuple[int, int, float]))
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise errors.bad_iterator() from None


@dynamodbstreams.op(resource=by_stream, policy=public.policy_of)
def get_shard_iterator(call: Call, req: Any) -> Any:
    stream = find(call, req["StreamArn"])
    shard, kind = shard_of(call, stream, req["ShardId"]), req["ShardIteratorType"]
    if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        number = req.get("SequenceNumber", "")
        if not number.isdecimal() or int(number) // SEQUENCE != shard + 1:
            raise errors.no_sequence_number()
        after = int(number) % SEQUENCE - (kind == "AT_SEQUENCE_NUMBER")
    elif "SequenceNumber" in req:
        raise errors.sequence_number_not_wanted(kind)
    else:
        after = 0 if kind == "TRIM_HORIZON" else public.last(call, stream, shard)
    return {"ShardIterator": Place(stream.arn, shard, max(0, after), call.now).text()}


def by_iterator(call: Call, req: Any) -> str:
    return req["ShardIterator"].split("|")[0] if req["ShardIterator"].startswith("arn:") else "*"


@dynamodbstreams.op(resource=by_iterator, policy=public.policy_of)
def get_records(call: Call, req: Any) -> Any:
    place = place_of(req["ShardIterator"])
    if call.now > place.made + ITERATOR_SECONDS:
        raise errors.expired()
    stream = find(call, place.arn)
    if place.shard < stream.shard(call.now - public.RETENTION_SECONDS):
        raise errors.trimmed()
    limit = req.get("Limit", MAX_RECORDS)
    if limit > MAX_RECORDS:
        raise errors.limit(limit, MAX_RECORDS)
    found, taken, size = public.records(call, stream, place.shard, place.after, limit), [], 0
    for number, body in found:
        if size + len(body) > MAX_BYTES and taken:
            break
        taken.append(msgspec.Raw(body) if call.wire else msgspec.json.decode(body))
        size += len(body)
        place = place._replace(after=number)
    out: dict[str, Any] = {"Records": taken}
    if not (closed(stream, place.shard, call.now) and len(taken) == len(found) < limit):
        out["NextShardIterator"] = place._replace(made=call.now).text()
    return out
