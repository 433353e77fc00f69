"""The rows of items, and everything that follows from changing one: index entries, counts, expiry, collections, stream records.

A rowid table with a unique index: for items of a kilobyte that is twice as fast as a table sorted by its key. The body is
the item as it goes over the wire.
"""
from __future__ import annotations

from typing import NamedTuple

import msgspec

from cloche.kernel import Call
from cloche.languages.dynamodb import capacity, values
from cloche.languages.dynamodb.values import Item

from . import expiry, indexes, kinesis_destinations, recovery, replicas, sealing, streams
from . import service as dynamodb
from .layouts import Layout

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_item (
    id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS dynamodb_item_key ON dynamodb_item (tbl, pk, sk);
CREATE TRIGGER IF NOT EXISTS dynamodb_item_in AFTER INSERT ON dynamodb_item BEGIN
    UPDATE dynamodb_count SET items = items + 1, bytes = bytes + new.size WHERE id = new.tbl; END;
CREATE TRIGGER IF NOT EXISTS dynamodb_item_changed AFTER UPDATE OF size ON dynamodb_item WHEN new.size <> old.size BEGIN
    UPDATE dynamodb_count SET bytes = bytes + new.size - old.size WHERE id = new.tbl; END;
CREATE TRIGGER IF NOT EXISTS dynamodb_item_out AFTER DELETE ON dynamodb_item BEGIN
    UPDATE dynamodb_count SET items = items - 1, bytes = bytes - old.size WHERE id = old.tbl; END;
""")

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode

Key = tuple[bytes, bytes]


class Row(NamedTuple):
    """An item as it is stored. Decode the body where its members are needed, and only there."""

    id: int
    size: int
    body: bytes


def read(call: Call, layout: Layout, key: Key) -> Row | None:
    row = call.cloud.store.run("SELECT id, size, body FROM dynamodb_item WHERE tbl=? AND pk=? AND sk=?", (layout.number, *key)).fetchone()
    if layout.sealed and row:
        return Row(row[0], row[1], sealing.open_(call, layout, row[2]))
    return Row._make(row) if row else None


def put_plainly(call: Call, layout: Layout, key: Key, item: Item, size: int) -> None:
    """An item of a table where nothing follows from a write and nobody asks what was there."""
    call.cloud.store.write("INSERT INTO dynamodb_item (tbl, pk, sk, size, body) VALUES (?,?,?,?,?)"
                           " ON CONFLICT (tbl, pk, sk) DO UPDATE SET size=excluded.size, body=excluded.body", (layout.number, *key, size, encode(item)))


def put(call: Call, layout: Layout, key: Key, row: Row | None, item: Item, size: int, old: Item | None = None, here: bool = True) -> dict[str, int]:
    """Write an item over what was there (`old` if that is decoded already); the units each index took. Not `here`: it came from a replica."""
    body = encode(item)
    if layout.sealed:
        body = sealing.close(call, layout, body)
    if row is None:
        number = call.cloud.store.write("INSERT INTO dynamodb_item (tbl, pk, sk, size, body) VALUES (?,?,?,?,?)", (layout.number, *key, size, body)).lastrowid
        row_id, before = int(number or 0), 0
    else:
        call.cloud.store.write("UPDATE dynamodb_item SET size=?, body=? WHERE id=?", (size, body, row.id))
        row_id, before = row.id, row.size
    if layout.plain:
        return NO_UNITS
    if layout.table.recovery:
        recovery.remember(call, layout, key, row)
    if layout.table.replicas and here:
        replicas.send(call, layout, key, item, size)
    if row is not None and old is None:
        old = decode(row.body)
    return follow(call, layout, key, row_id, old, item, before, size)


def delete(call: Call, layout: Layout, key: Key, row: Row, old: Item | None = None, by: dict[str, str] | None = None, here: bool = True) -> dict[str, int]:
    call.cloud.store.write("DELETE FROM dynamodb_item WHERE id=?", (row.id,))
    if layout.plain:
        return NO_UNITS
    if layout.table.recovery:
        recovery.remember(call, layout, key, row)
    if layout.table.replicas and here:
        replicas.send(call, layout, key, None, 0)
    return follow(call, layout, key, row.id, decode(row.body) if old is None else old, None, row.size, 0, by)


NO_UNITS: dict[str, int] = {}


def follow(call: Call, layout: Layout, key: Key, row_id: int, old: Item | None, new: Item | None, before: int, after: int, by: dict[str, str] | None = None) -> dict[str, int]:
    """What a change of one item brings with it."""
    table = layout.table
    units: dict[str, int] = {}
    grown = after - before
    for index in layout.indexes:
        taken, delta = indexes.follow(call, index, key, row_id, old, new, after)
        if taken:
            units[index.name] = taken
        if index.local:
            grown += delta
    if layout.has_local:
        indexes.grow(call, layout, key[0], grown)
    if table.ttl:
        expiry.follow(call, layout, key, old, new)
    if (table.stream_view or table.destinations) and not (old is not None and new is not None and values.same({"M": old}, {"M": new})):
        if table.stream_view:
            streams.record(call, layout, old, new, before, after, by)
        if table.destinations:
            kinesis_destinations.record(call, layout, old, new, before + after, by)
    return units


def write_units(before: int, after: int) -> int:
    return capacity.write_units(max(before, after))
