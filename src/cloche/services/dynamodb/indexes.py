"""Secondary indexes: an entry for each item that has the index's key, in the order of that key, pointing at the item's row.

A query reads a range of entries and the rows they point to; what the index does not project is cut away on reading. The
size kept with an entry is that of the projected attributes, which is what capacity is counted from.
"""
from __future__ import annotations

import os
from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages.dynamodb import capacity, values
from cloche.languages.dynamodb.errors import Invalid
from cloche.languages.dynamodb.values import Item

from . import errors, sealing
from . import service as dynamodb
from .layouts import IndexLayout, Layout, layout
from .tables import Index, Table

BACKFILL_ROWS = 500
COLLECTION_BYTES = int(os.environ.get("CLOCHE_DYNAMODB_COLLECTION_BYTES", 10 * 2**30))  # nobody can write 10 GB to see the limit

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_entry (
    idx INTEGER NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, bpk BLOB NOT NULL, bsk BLOB NOT NULL, item INTEGER NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (idx, pk, sk, bpk, bsk)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS dynamodb_entry_in AFTER INSERT ON dynamodb_entry BEGIN
    UPDATE dynamodb_count SET items = items + 1, bytes = bytes + new.size WHERE id = new.idx; END;
CREATE TRIGGER IF NOT EXISTS dynamodb_entry_changed AFTER UPDATE OF size ON dynamodb_entry WHEN new.size <> old.size BEGIN
    UPDATE dynamodb_count SET bytes = bytes + new.size - old.size WHERE id = new.idx; END;
CREATE TRIGGER IF NOT EXISTS dynamodb_entry_out AFTER DELETE ON dynamodb_entry BEGIN
    UPDATE dynamodb_count SET items = items - 1, bytes = bytes - old.size WHERE id = old.idx; END;
CREATE TABLE IF NOT EXISTS dynamodb_collection (tbl INTEGER, pk BLOB, bytes INTEGER NOT NULL, PRIMARY KEY (tbl, pk)) WITHOUT ROWID;
""")


def follow(call: Call, index: IndexLayout, key: tuple[bytes, bytes], row_id: int, old: Item | None, new: Item | None, size: int) -> tuple[int, int]:
    """Make the index say what the item says now: (write units taken, bytes grown)."""
    was = None if old is None else index.schema.of_entry(old)
    now = None if new is None else index.schema.of_entry(new)
    if was is None and now is None:
        return 0, 0
    before = 0 if was is None or old is None else size_in(index, old)
    after = 0 if now is None or new is None else size if index.whole else size_in(index, new)
    if was == now:
        assert old is not None and new is not None
        if index.shows(old) == index.shows(new):
            return 0, 0
        if before != after:
            call.sql("UPDATE dynamodb_entry SET size=? WHERE idx=? AND pk=? AND sk=? AND bpk=? AND bsk=?", after, index.number, *now, *key)
        return capacity.write_units(max(before, after)), after - before
    units = 0
    if was is not None:
        call.sql("DELETE FROM dynamodb_entry WHERE idx=? AND pk=? AND sk=? AND bpk=? AND bsk=?", index.number, *was, *key)
        units += capacity.write_units(before)
    if now is not None:
        enter(call, index, now, key, row_id, after)
        units += capacity.write_units(after)
    return units, after - before


def enter(call: Call, index: IndexLayout, place: tuple[bytes, bytes], key: tuple[bytes, bytes], row_id: int, size: int) -> None:
    call.sql("INSERT INTO dynamodb_entry VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET item=excluded.item, size=excluded.size", index.number, *place, *key, row_id, size)


def size_in(index: IndexLayout, item: Item) -> int:
    return values.measure_item(index.shows(item))


# -- item collections ---------------------------------------------------------------------------------------------------

def grow(call: Call, table: Layout, partition: bytes, delta: int) -> None:
    """All of one partition key, in the table and its local indexes, may weigh 10 GB together."""
    if delta:
        size = call.row("INSERT INTO dynamodb_collection VALUES (?,?,?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes RETURNING bytes", table.number, partition, delta)[0]
        if delta > 0 and size > call.cloud.memory.get("dynamodb.collection_bytes", COLLECTION_BYTES):
            raise errors.collection_too_large()


def weigh_collections(call: Call, table: Layout) -> None:
    """From scratch, once, for a table that was copied."""
    call.sql("DELETE FROM dynamodb_collection WHERE tbl=?", table.number)
    call.sql("INSERT INTO dynamodb_collection SELECT tbl, pk, sum(size) FROM dynamodb_item WHERE tbl=? GROUP BY pk", table.number)
    for index in table.indexes:
        if index.local:
            call.sql("INSERT INTO dynamodb_collection SELECT ?, bpk, sum(size) FROM dynamodb_entry WHERE idx=? GROUP BY bpk"
                     " ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes", table.number, index.number)


def collection_metrics(call: Call, table: Layout, item: Item, partition: bytes) -> dict[str, Any]:
    row = call.row("SELECT bytes FROM dynamodb_collection WHERE tbl=? AND pk=?", table.number, partition)
    low = float((row[0] if row else 0) // 2**30)
    return {"ItemCollectionKey": {table.schema.hash: item[table.schema.hash]}, "SizeEstimateRangeGB": [low, low + 1]}


# -- made and dropped while the table lives -----------------------------------------------------------------------------

@dynamodb.worker
async def backfill(call: Call, key: str) -> None:
    """Enter every item that is there already, a few at a time. `key` is TABLE/INDEX/INDEX-NUMBER."""
    from .rows import decode
    name, index_name, number = key.rsplit("/", 2)
    at = (b"", b"")
    while True:
        with call.step():
            table = call.get(Table, name)
            index = table and table.index(index_name)
            if table is None or index is None or str(index.number) != number or index.status != "CREATING":
                return
            found = layout(call, table)
            wanted = found.by_name[index_name]
            rows = call.sql("SELECT id, pk, sk, body FROM dynamodb_item WHERE tbl=? AND (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?", table.number, *at, BACKFILL_ROWS)
            for row_id, pk, sk, body in rows:
                item = decode(sealing.open_(sealing.background(call), found, body) if found.sealed else body)
                if (place := misfit(wanted, item)) is not None:
                    enter(call, wanted, place, (pk, sk), row_id, size_in(wanted, item))
                at = (pk, sk)
            if len(rows) < BACKFILL_ROWS:
                change_index(call, table, index, status="ACTIVE", backfilling=False)
                return
        await call.turn()


def misfit(index: IndexLayout, item: Item) -> tuple[bytes, bytes] | None:
    """Where an older item stands in a new index. One whose attribute has another type stays out of it."""
    try:
        return index.schema.of_entry(item)
    except Invalid:
        return None


def change_index(call: Call, table: Table, index: Index, **changes: Any) -> Table:
    new = msgspec.structs.replace(index, **changes)
    return call.put(table.but(indexes=[new if i.name == index.name else i for i in table.indexes]))
