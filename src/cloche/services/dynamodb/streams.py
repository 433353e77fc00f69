"""Streams: a record for every change of an item, kept for 24 hours.

A shard is four hours of a stream. Which shard a moment belongs to is arithmetic from the stream's creation, so shards
open and close without anybody doing anything; a sequence number is the shard's number followed by the record's.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call, Record
from cloche.languages.dynamodb import values
from cloche.languages.dynamodb.values import Item

from . import errors, sealing
from . import service as dynamodb
from .layouts import Layout
from .tables import Table

RETENTION_SECONDS = 86400
SHARD_SECONDS = 4 * 3600
SEQUENCE = 10**20  # times (shard + 1), plus the record's own number

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_record (seq INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, shard INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS dynamodb_record_next ON dynamodb_record (stream, shard, seq);
""")


encode = msgspec.json.Encoder().encode


class Stream(Record, frozen=True, omit_defaults=True):
    """It outlives its table by a day."""

    kind = "dynamodb.stream"

    arn: str
    number: int
    table: str
    label: str
    view: str
    created: float
    schema: list[dict[str, str]]
    disabled: float = 0
    policy: str = ""
    policy_revision: str = ""
    table_key: bytes = b""  # as the table's

    @property
    def key(self) -> str:
        return f"{self.table}/{self.label}"

    def gone(self, now: float) -> bool:
        return bool(self.disabled) and now >= self.disabled + RETENTION_SECONDS

    def shard(self, moment: float) -> int:
        return max(0, int((moment - self.created) // SHARD_SECONDS))


def enable(call: Call, table: Table, wanted: Any) -> Table:
    label = stamp(call.now)
    stream = Stream(arn=f"{call.arn(f'table/{table.name}')}/stream/{label}", number=call.row("INSERT INTO dynamodb_number DEFAULT VALUES RETURNING id")[0], table=table.name,
                    label=label, view=wanted["StreamViewType"], created=call.now, schema=table.schema, table_key=table.table_key)
    call.put(stream)
    return table.but(stream_view=stream.view, stream_label=label)


def disable(call: Call, table: Table) -> Table:
    stream = call.get(Stream, f"{table.name}/{table.stream_label}")
    if stream is not None:
        call.put(stream.but(disabled=call.now))
        call.after(RETENTION_SECONDS, forget, name=stream.key, key=stream.key)
    return table.but(stream_view="")


@dynamodb.timer
def forget(call: Call, key: str) -> None:
    stream = call.get(Stream, key)
    if stream is not None:
        call.delete(stream)
        call.sql("DELETE FROM dynamodb_record WHERE stream=?", stream.number)


def stamp(moment: float) -> str:
    """A label is the moment of creation, to the millisecond."""
    from datetime import UTC, datetime
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def change(call: Call, table: Table, wanted: Any) -> Table:
    """UpdateTable's StreamSpecification."""
    if wanted["StreamEnabled"]:
        if table.stream_view:
            raise errors.stream_already(table.name)
        return enable(call, table, wanted)
    if not table.stream_view:
        raise errors.no_stream(table.name)
    return disable(call, table)


def record(call: Call, layout: Layout, old: Item | None, new: Item | None, before: int, after: int, by: dict[str, str] | None) -> None:
    """Write down one change; `before` and `after` are the item's sizes."""
    table, now = layout.table, call.now
    stream = call.cloud.store.table(Stream, layout.account, layout.region)[f"{table.name}/{table.stream_label}"]
    keys = layout.schema.take(new if new is not None else old or {})
    change: dict[str, Any] = {"ApproximateCreationDateTime": int(now), "Keys": keys}
    size = values.measure_item(keys)
    if new is not None and stream.view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        change["NewImage"] = new
        size += after
    if old is not None and stream.view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        change["OldImage"] = old
        size += before
    change |= {"SizeBytes": size, "StreamViewType": stream.view}
    event: dict[str, Any] = {"eventID": call.id(digits=32), "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY", "eventVersion": "1.1",
                             "eventSource": "aws:dynamodb", "awsRegion": layout.region}
    if by:
        event["userIdentity"] = by
    event["dynamodb"] = change
    # the sequence number is only known once the row is there: `complete` puts it at the end, where the braces are left off
    body = encode(event)[:-2]
    if layout.sealed:
        body = sealing.close(call, layout, body)
    seq = call.cloud.store.write("INSERT INTO dynamodb_record (stream, shard, at, body) VALUES (?,?,?,?)", (stream.number, stream.shard(now), now, body)).lastrowid or 0
    if seq % 500 == 0:
        call.sql("DELETE FROM dynamodb_record WHERE stream=? AND shard<?", stream.number, stream.shard(now - RETENTION_SECONDS))
    call.signal(topic(stream.arn))


def complete(shard: int, seq: int, body: bytes) -> bytes:
    """A stored record as JSON."""
    return b'%b,"SequenceNumber":"%d"}}' % (body, (shard + 1) * SEQUENCE + seq)


def topic(arn: str) -> str:
    return f"dynamodb.stream/{arn}"
