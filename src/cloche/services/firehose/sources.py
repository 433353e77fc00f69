"""Kinesis as the source: one more reader of the stream, from the moment on at which the delivery stream was made.

The place in each shard is written with the records that were read, so none is read twice into the buffer and none is left out.
"""
from __future__ import annotations

import json
import logging
from typing import Any

from cloche.kernel import AwsError, Call

from . import buffering, destinations, errors
from . import service as firehose
from .putting import tell
from .streams import FROM_KINESIS, DeliveryStream

AT_ONCE = 500
AGAIN_SECONDS = 60.0
log = logging.getLogger("cloche")

firehose.table("CREATE TABLE IF NOT EXISTS firehose_place (stream INTEGER, shard INTEGER, after INTEGER NOT NULL, PRIMARY KEY (stream, shard)) WITHOUT ROWID")


def begin(call: Call, stream: DeliveryStream) -> None:
    from cloche.services.kinesis import public as kinesis
    call.pass_role(stream.source["RoleARN"], "firehose.amazonaws.com")
    destinations.acting(call, stream.source["RoleARN"])
    found = kinesis.at(call, stream.source["KinesisStreamARN"])
    if found is None:
        raise errors.no_such_source(stream.source["KinesisStreamARN"])
    there, source = found
    for shard in source.present(there.now):
        call.sql("INSERT INTO firehose_place VALUES (?,?,?)", stream.number, shard.number, kinesis.position(there, source, shard, "LATEST"))
    call.cloud.store.then(listen, call, stream.name, stream.source["KinesisStreamARN"])


def listen(call: Call, name: str, source: str) -> None:
    """From now on, read whenever the source has something new."""
    from cloche.services.kinesis import public as kinesis
    watched: dict[Any, Any] = call.cloud.memory.setdefault("firehose.watched", {})
    cloud, service, where = call.cloud, call.of("firehose").service, (call.account, call.region, name)
    if where not in watched:
        def arrived() -> None:
            with cloud.store:
                cloud.work.wake(service, "read", *where)

        cloud.work.watch(kinesis.topic(source), arrived)
        watched[where] = (kinesis.topic(source), arrived)


def end(call: Call, stream: DeliveryStream) -> None:
    watched: dict[Any, Any] = call.cloud.memory.setdefault("firehose.watched", {})
    if found := watched.pop((call.account, call.region, stream.name), None):
        call.cloud.work.unwatch(*found)


@firehose.boot
def listen_again(call: Call) -> None:
    for where in call.cloud.store.scopes(DeliveryStream.kind):
        there = call.at(*where)
        for stream in there.all(DeliveryStream):
            if stream.type == FROM_KINESIS and not stream.deleted:
                there.cloud.store.then(listen, there, stream.name, stream.source["KinesisStreamARN"])
                there.wake(read, stream.name)


@firehose.timer
def read_again(call: Call, stream: str) -> None:
    call.wake(read, stream)


@firehose.worker
async def read(call: Call, key: str) -> None:
    """All that is new in the source, into the buffer."""
    try:
        while (stream := call.get(DeliveryStream, key)) is not None and not stream.deleted and some(call, stream):
            await call.turn()
    except AwsError as error:
        log.info("firehose %s: %s", key, error.message)
        with call.step():
            call.after(AGAIN_SECONDS, read_again, name=key, stream=key)


def some(call: Call, stream: DeliveryStream) -> bool:
    """A piece of each shard; is there more? Children are read after their parents."""
    from cloche.services.kinesis import public as kinesis
    role = destinations.acting(call, stream.source["RoleARN"])
    found = kinesis.at(role, stream.source["KinesisStreamARN"])
    if found is None:
        raise errors.no_such_source(stream.source["KinesisStreamARN"])
    there, source = found
    there.require("kinesis:GetRecords", source.arn, policy=source.policy or None)
    places = dict(call.sql("SELECT shard, after FROM firehose_place WHERE stream=?", stream.number))
    unread: set[int] = set()
    got = 0
    with call.step():
        first = buffering.state(call, stream) is None
        for shard in source.present(there.now):
            if shard.parent in unread or shard.adjacent in unread:
                unread.add(shard.index)
                continue
            records, ended = kinesis.read(there, source, shard, places.get(shard.number, 0), AT_ONCE)
            for _, record in records:
                about = {"shardId": shard.id, "partitionKey": record.get("PartitionKey", ""), "approximateArrivalTimestamp": int(record["ApproximateArrivalTimestamp"] * 1000),
                         "sequenceNumber": record["SequenceNumber"], "subsequenceNumber": 0}
                buffering.add(call, stream, record["Data"], json.dumps(about, separators=(",", ":")))
            if records:
                call.sql("INSERT OR REPLACE INTO firehose_place VALUES (?,?,?)", stream.number, shard.number, records[-1][0])
                got += len(records)
            if shard.closed and not ended:
                unread.add(shard.index)
        if got:
            buffering.schedule(call, stream, first)
            tell(call, stream, "DataReadFromKinesisStream.Records", got)
            tell(call, stream, "IncomingRecords", got)
    return got > 0
