"""What waits to be delivered: rows, and one row a stream that knows how much it is and since when.

A delivery falls due when there is as much as the hint says, or the oldest record is as old as the interval; whichever is first.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import Call

from . import encryption
from . import service as firehose

if TYPE_CHECKING:
    from .streams import DeliveryStream

MB = 2**20
KEPT_SECONDS = 86400.0  # what cannot be delivered for a day is gone

firehose.table("""
CREATE TABLE IF NOT EXISTS firehose_number (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS firehose_record (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL, about TEXT, sealed INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS firehose_record_next ON firehose_record (stream, id);
CREATE TABLE IF NOT EXISTS firehose_buffer (
    stream INTEGER PRIMARY KEY, size INTEGER NOT NULL, since REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, failing REAL NOT NULL DEFAULT 0, again REAL NOT NULL DEFAULT 0);
""")


class Buffer(NamedTuple):
    size: int
    since: float
    tries: int
    failing: float  # since when the destination has refused
    again: float    # not to be tried before


class Row(NamedTuple):
    id: int
    at: float
    size: int
    about: str | None  # a Kinesis record's place, as JSON
    data: bytes


def number(call: Call) -> int:
    return call.row("INSERT INTO firehose_number DEFAULT VALUES RETURNING number")[0]  # type: ignore[no-any-return]


def hints(stream: DeliveryStream) -> tuple[int, float]:
    given = stream.destination["BufferingHints"]
    return given["SizeInMBs"] * MB, float(given["IntervalInSeconds"])


def add(call: Call, stream: DeliveryStream, data: bytes, about: str | None = None) -> int:
    """The record's id. Whoever adds wakes the delivery, or plans it, when that is due."""
    kept = encryption.close(call, stream, data)
    id_ = call.cloud.store.write("INSERT INTO firehose_record (stream, at, size, about, sealed, data) VALUES (?,?,?,?,?,?)",
                                 (stream.number, call.now, len(data), about, int(kept is not data), kept)).lastrowid or 0
    call.sql("INSERT INTO firehose_buffer (stream, size, since) VALUES (?,?,?) ON CONFLICT (stream) DO UPDATE SET size = size + excluded.size", stream.number, len(data), call.now)
    return id_


def schedule(call: Call, stream: DeliveryStream, first: bool) -> None:
    """After something was added: deliver now if there is enough, else when the interval is over."""
    from .delivering import deliver, when_due
    size, interval = hints(stream)
    buffer = state(call, stream)
    if buffer is None:
        return
    if buffer.size >= size or not interval:
        call.wake(deliver, stream.name)
    elif first:
        call.due(buffer.since + interval, when_due, name=stream.name, stream=stream.name)


def state(call: Call, stream: DeliveryStream) -> Buffer | None:
    row = call.row("SELECT size, since, tries, failing, again FROM firehose_buffer WHERE stream=?", stream.number)
    return Buffer(*row) if row else None


def take(call: Call, stream: DeliveryStream) -> list[Row]:
    """The oldest records, as many as one delivery holds. A record whose key is closed stays where it is, and all that come after it."""
    most, _ = hints(stream)
    rows: list[Row] = []
    total = 0
    for id_, at, size, about, sealed, data in call.each("SELECT id, at, size, about, sealed, data FROM firehose_record WHERE stream=? ORDER BY id", stream.number):
        if rows and total + size > most:
            break
        rows.append(Row(id_, at, size, about, encryption.open_(call, stream, data) if sealed else data))
        total += size
    return rows


def done(call: Call, stream: DeliveryStream, rows: list[Row]) -> None:
    """They are delivered, or given up. What is left counts from its own oldest record."""
    call.sql("DELETE FROM firehose_record WHERE stream=? AND id<=?", stream.number, rows[-1].id)
    left = call.row("SELECT at FROM firehose_record WHERE stream=? ORDER BY id LIMIT 1", stream.number)
    if left is None:
        call.sql("DELETE FROM firehose_buffer WHERE stream=?", stream.number)
    else:
        call.sql("UPDATE firehose_buffer SET size = size - ?, since = ?, tries = 0, failing = 0, again = 0 WHERE stream=?", sum(row.size for row in rows), left[0], stream.number)


def failed(call: Call, stream: DeliveryStream, again: float) -> None:
    call.sql("UPDATE firehose_buffer SET tries = tries + 1, failing = iif(failing = 0, ?, failing), again = ? WHERE stream=?", call.now, again, stream.number)


def forget(call: Call, number: int) -> None:
    call.sql("DELETE FROM firehose_record WHERE stream=?", number)
    call.sql("DELETE FROM firehose_buffer WHERE stream=?", number)
    call.sql("DELETE FROM firehose_place WHERE stream=?", number)


def oldest_age(call: Call, stream: DeliveryStream) -> float:
    buffer: Any = state(call, stream)
    return call.now - buffer.since if buffer else 0.0
