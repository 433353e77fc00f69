"""The records themselves: schema, rows, and every statement that touches them.

A row's key is its shard's number and its place in the shard, in one integer: what is put goes to the end of its shard's range, and a read is a
walk along it, so neither grows with what else lies there. A place is a millisecond since 2020, or the one after the last: so "from this moment on" needs no second index.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cloche.kernel import Call

from . import service as kinesis
from .shards import PLACE_BITS, Shard, place_at

if TYPE_CHECKING:
    from .streams import Stream

SWEPT_AT_ONCE = 2000
LAST_PLACE = (1 << PLACE_BITS) - 1

kinesis.table("""
CREATE TABLE IF NOT EXISTS kinesis_number (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS kinesis_record (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL, key TEXT, sealed BLOB, data BLOB NOT NULL);
""")


class Row(NamedTuple):
    place: int
    at: int               # milliseconds, which is as exact as AWS is
    key: str | None
    sealed: bytes | None  # the data key under which the data is, if it is
    data: bytes


def number(call: Call) -> int:
    return call.row("INSERT INTO kinesis_number DEFAULT VALUES RETURNING number")[0]  # type: ignore[no-any-return]


def put(call: Call, shard: Shard, key: str | None, data: bytes, size: int, sealed: bytes | None) -> int:
    """The record's place."""
    now = call.now
    places: dict[int, int] = call.cloud.memory.setdefault("kinesis.places", {})
    last = places.get(shard.number)
    if last is None:
        last = end(call, shard)
    places[shard.number] = place = max(last + 1, place_at(now))
    call.cloud.store.write("INSERT INTO kinesis_record (id, at, size, key, sealed, data) VALUES (?,?,?,?,?,?)", (shard.number << PLACE_BITS | place, int(now * 1000), size, key, sealed, data))
    return place


def end(call: Call, shard: Shard) -> int:
    """The last place that is taken: what is put from now on comes after it."""
    places: dict[int, int] = call.cloud.memory.setdefault("kinesis.places", {})
    if shard.number not in places:
        base = shard.number << PLACE_BITS
        row = call.row("SELECT max(id) FROM kinesis_record WHERE id BETWEEN ? AND ?", base, base | LAST_PLACE)
        places[shard.number] = max(shard.opened, (row[0] or base) - base)
    return places[shard.number]


def read(call: Call, stream: Stream, shard: Shard, after: int, limit: int, most_bytes: int) -> tuple[list[Row], bool]:
    """The records after a place, as far as they are kept, and whether there are more."""
    horizon, base = stream.horizon(call.now), shard.number << PLACE_BITS
    first = base | max(after + 1, place_at(horizon))
    rows: list[Row] = []
    total = 0
    for id_, at, size, key, sealed, data in call.each("SELECT id, at, size, key, sealed, data FROM kinesis_record WHERE id BETWEEN ? AND ? ORDER BY id", first, base | LAST_PLACE):
        if at < horizon * 1000:  # it got a place after its moment, in a burst
            continue
        if len(rows) >= limit or (rows and total + size > most_bytes):
            return rows, True
        rows.append(Row(id_ - base, at, key, sealed, data))
        total += size
    return rows, False


def before(call: Call, shard: Shard, moment: float) -> int:
    """The place just before the first record of this moment or later."""
    base = shard.number << PLACE_BITS
    row = call.row("SELECT id FROM kinesis_record WHERE id BETWEEN ? AND ? AND at >= ? ORDER BY id LIMIT 1", base | place_at(moment), base | LAST_PLACE, int(moment * 1000))
    return row[0] - base - 1 if row else end(call, shard)


def has(call: Call, shard: Shard, after: int) -> bool:
    base = shard.number << PLACE_BITS
    return call.row("SELECT 1 FROM kinesis_record WHERE id BETWEEN ? AND ? LIMIT 1", base | after + 1, base | LAST_PLACE) is not None


def expire_sometimes(call: Call, stream: Stream, shard: Shard) -> None:
    """Once a minute, what is past its retention: it has the first places."""
    seen: dict[int, float] = call.cloud.memory.setdefault("kinesis.expired", {})
    if abs(call.now - seen.get(shard.number, 0.0)) > 60:
        seen[shard.number] = call.now
        base = shard.number << PLACE_BITS
        call.sql("DELETE FROM kinesis_record WHERE id IN (SELECT id FROM kinesis_record WHERE id BETWEEN ? AND ? AND at < ? LIMIT ?)", base, base | place_at(stream.horizon(call.now)),
                 stream.horizon(call.now) * 1000, SWEPT_AT_ONCE)


def sweep(call: Call, number: int) -> bool:
    """Remove what a shard that is gone left behind, some at a time. Is there more?"""
    base = number << PLACE_BITS
    call.sql("DELETE FROM kinesis_record WHERE id IN (SELECT id FROM kinesis_record WHERE id BETWEEN ? AND ? LIMIT ?)", base, base | LAST_PLACE, SWEPT_AT_ONCE)
    return call.row("SELECT 1 FROM kinesis_record WHERE id BETWEEN ? AND ? LIMIT 1", base, base | LAST_PLACE) is not None
