"""The pairs of key value stores: a table, and of each store a version that every change renews."""
from __future__ import annotations

from cloche.kernel import Call

from .. import service as cloudfront
from .. import things

MOST_BYTES, MOST_KEY, MOST_VALUE = 5 << 20, 512, 1024

cloudfront.table("""
CREATE TABLE IF NOT EXISTS cloudfront_pair (store TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (store, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cloudfront_store (store TEXT PRIMARY KEY, etag TEXT NOT NULL, modified REAL NOT NULL, items INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
""")


def begin(call: Call, store: str, pairs: dict[str, str]) -> None:
    call.sql("INSERT INTO cloudfront_store VALUES (?,?,?,0,0)", store, "KV" + call.pick(things.LETTERS, 12), call.now)
    if pairs:
        write(call, store, pairs, [])


def state(call: Call, store: str) -> tuple[str, float, int, int]:
    """ETag, last change, number of pairs, their bytes."""
    return call.row("SELECT etag, modified, items, size FROM cloudfront_store WHERE store=?", store)  # type: ignore[no-any-return]


def get(call: Call, store: str, key: str) -> str | None:
    row = call.row("SELECT value FROM cloudfront_pair WHERE store=? AND key=?", store, key)
    return row[0] if row else None


def page(call: Call, store: str, after: str, most: int) -> list[tuple[str, str]]:
    return call.sql("SELECT key, value FROM cloudfront_pair WHERE store=? AND key>? ORDER BY key LIMIT ?", store, after, most)


def weight(key: str, value: str) -> int:
    return len(key.encode()) + len(value.encode())


def write(call: Call, store: str, puts: dict[str, str], deletes: list[str]) -> None:
    """Inside a step."""
    _, _, count, size = state(call, store)
    for key in [*deletes, *puts]:
        old = get(call, store, key)
        if old is not None:
            count, size = count - 1, size - weight(key, old)
            call.sql("DELETE FROM cloudfront_pair WHERE store=? AND key=?", store, key)
    for key, value in puts.items():
        count, size = count + 1, size + weight(key, value)
        call.sql("INSERT INTO cloudfront_pair VALUES (?,?,?)", store, key, value)
    call.sql("UPDATE cloudfront_store SET etag=?, modified=?, items=?, size=? WHERE store=?", "KV" + call.pick(things.LETTERS, 12), call.now, count, size, store)


def forget(call: Call, store: str) -> None:
    call.sql("DELETE FROM cloudfront_pair WHERE store=?", store)
    call.sql("DELETE FROM cloudfront_store WHERE store=?", store)


def version(call: Call, store: str) -> str:
    row = call.row("SELECT etag FROM cloudfront_store WHERE store=?", store)
    return row[0] if row else ""
