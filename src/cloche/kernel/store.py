"""Durable state: records (the control plane) and each service's own tables (the data plane), in one SQLite file.

A record is a frozen struct; the only way to change one is to put a new value, so a failed handler leaves nothing behind.
What one turn of the event loop writes is one commit, and whatever must not be seen before it (answers, wake-ups) waits in
`after`. A step that fails rolls back alone: its savepoint opens at its first write, so reads and refusals cost nothing.
"""
from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from .sealing import Seal

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT, account TEXT, region TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, account, region, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timer (
    id INTEGER PRIMARY KEY, due REAL NOT NULL, fn TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT, body BLOB NOT NULL, look REAL);
CREATE INDEX IF NOT EXISTS timer_due ON timer (due, id);
CREATE INDEX IF NOT EXISTS timer_due_but_looks ON timer (due) WHERE look IS NULL;
CREATE INDEX IF NOT EXISTS timer_look ON timer (look) WHERE look IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS timer_name ON timer (fn, account, region, name) WHERE name IS NOT NULL;
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS awake (
    fn TEXT, account TEXT, region TEXT, key TEXT, PRIMARY KEY (fn, account, region, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (service TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, service TEXT NOT NULL, medium TEXT NOT NULL, recipient TEXT NOT NULL,
    sender TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mail_recipient ON mail (recipient, id);
CREATE TABLE IF NOT EXISTS journal (last INTEGER PRIMARY KEY, at REAL NOT NULL, lines BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal_text (id INTEGER PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
"""

R = TypeVar("R", bound="Record")
Key = tuple[str, str, str, str]  # kind, account, region, key
_NOTHING: Any = object()
# How a step is taken back: by its savepoint; or, as the first of its turn to write, by the whole transaction, which saves making one
SAVED, ALONE = 1, 2


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource. `kind` names the family, `key` the member within its scope: a region, an account, or the whole cloud."""

    kind: ClassVar[str]
    scope: ClassVar[str] = "region"

    @property
    def key(self) -> str:
        raise NotImplementedError

    def but(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        return msgspec.structs.replace(self, **changes)


class Store:
    """`schedule(f)` runs f at the next turn of the loop; without a loop every outermost step commits by itself."""

    def __init__(self, path: str | Path = ":memory:", schedule: Callable[[Callable[[], None]], Any] | None = None) -> None:
        self.path, self.schedule = str(path), schedule
        self.pack: Callable[[], tuple[Any, ...] | None] = lambda: None  # the journal's: one row of the lines that wait
        self.lost: Callable[[list[tuple[Callable[..., Any], tuple[Any, ...]]]], None] = lambda after: None  # told what will not happen
        self.seal = Seal(None if self.path == ":memory:" else Path(path).parent / "master.key")
        self._encode = msgspec.msgpack.Encoder(enc_hook=self.seal.encode).encode
        self.open_file()

    def open_file(self) -> None:
        self.db = sqlite3.connect(self.path, isolation_level=None, cached_statements=1024, check_same_thread=False)
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL", "cache_size=-8000", "temp_store=MEMORY", "wal_autocheckpoint=2000"):
            self.db.execute("PRAGMA " + pragma)
        columns = [row[1] for row in self.db.execute("PRAGMA table_info(timer)")]
        if columns and "look" not in columns:  # a data directory from before there were looks
            self.db.execute("ALTER TABLE timer ADD COLUMN look REAL")
        self.db.executescript(SCHEMA)
        self.run = self.db.execute
        self.cache: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.version = 0  # grows with every change of a record; caches of derived things compare it
        self.open = False  # has this turn written anything?
        self.after: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []  # to do once the turn is on disk
        self.lines: list[Any] = []  # of the journal (`kernel/journal.py`), and its texts, that go to disk with the next commit
        self.texts: list[tuple[int, float, bytes]] = []
        self._undo: list[tuple[Any, ...]] = []
        self._dirty: dict[Key, Record | None] = {}
        self._steps: list[list[int]] = []  # open steps: [undo mark, after mark, how it is taken back]

    # -- steps --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Store:
        self._steps.append([len(self._undo), len(self.after), 0])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        undo, after, saved = self._steps.pop()
        depth = len(self._steps)
        if kind is not None:
            if saved == ALONE:
                self.run("ROLLBACK")
            elif saved:
                self.run(f"ROLLBACK TO s{depth}")
                self.run(f"RELEASE s{depth}")
            del self.after[after:]
            while len(self._undo) > undo:
                self._take_back(self._undo.pop())
        elif saved == SAVED:
            self.run(f"RELEASE s{depth}")
        if not depth:
            self._undo.clear()
            if self.schedule is None:
                self.flush()

    def _take_back(self, entry: tuple[Any, ...]) -> None:
        if len(entry) == 1:  # something outside the store, such as a file just written
            entry[0]()
            return
        table, key, old, name, written = entry
        self.version += 1
        if old is None:
            table.pop(key, None)
        else:
            table[key] = old
        if written is _NOTHING:
            self._dirty.pop(name, None)
        else:
            self._dirty[name] = written

    def on_rollback(self, undo: Callable[[], Any]) -> None:
        self._undo.append((undo,))

    def then(self, function: Callable[..., Any], *args: Any) -> None:
        """Run it once what was written so far is on disk; forget it if the step fails."""
        self._begin()
        self.after.append((function, args))

    def _begin(self) -> None:
        if not self.open:
            self.open = True
            if self.schedule is not None:
                self.schedule(self.flush)

    def write(self, text: str, args: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a statement that changes something, as part of the innermost step."""
        self._begin()
        if not self.db.in_transaction:
            self.run("BEGIN IMMEDIATE")
            if self._steps:
                self._steps[0][2] = ALONE
        for depth, step in enumerate(self._steps):
            if not step[2]:
                self.run(f"SAVEPOINT s{depth}")
                step[2] = SAVED
        return self.run(text, args)

    def flush(self) -> None:
        """End of the turn: everything written goes to disk at once, then answers leave."""
        if not (self.open or self.lines) or self._steps:
            return
        try:
            if self.lines:
                if not self.db.in_transaction:
                    self.run("BEGIN IMMEDIATE")
                if row := self.pack():
                    self.run("INSERT INTO journal VALUES (?,?,?)", row)
                if self.texts:
                    self.db.executemany("INSERT INTO journal_text VALUES (?,?,?)", self.texts)
                    self.texts.clear()
                self.lines.clear()
            if self._dirty:
                if not self.db.in_transaction:
                    self.run("BEGIN IMMEDIATE")
                for name, record in self._dirty.items():
                    if record is None:
                        self.run("DELETE FROM record WHERE kind=? AND account=? AND region=? AND key=?", name)
                    else:
                        self.run("INSERT OR REPLACE INTO record VALUES (?,?,?,?,?)", (*name, self._encode(record)))
            if self.db.in_transaction:
                self.run("COMMIT")
        except sqlite3.Error:
            # Disk full or gone: nothing of this turn is true. Whoever waits for it is not answered as if it were.
            if self.db.in_transaction:
                self.run("ROLLBACK")
            for table in self.cache.values():
                table.clear()  # whoever kept one to see whether an answer made from it is still good, sees that it is not
            self.cache.clear()
            self._dirty.clear()
            self.lines.clear()
            self.texts.clear()
            lost, self.after, self.open = self.after, [], False
            self.version += 1
            self.lost(lost)
            raise
        self._dirty.clear()
        self.open = False
        after, self.after = self.after, []
        for function, args in after:
            function(*args)

    # -- records ------------------------------------------------------------------------------------------------------

    def table(self, type_: type[R], account: str, region: str) -> dict[str, R]:
        scope = (type_.kind, account, region)
        table = self.cache.get(scope)
        if table is None:
            decode = msgspec.msgpack.Decoder(type_, dec_hook=self.seal.decode).decode
            rows = self.run("SELECT key, body FROM record WHERE kind=? AND account=? AND region=?", scope)
            table = self.cache[scope] = {key: decode(body) for key, body in rows}
        return table

    def scopes(self, kind: str) -> list[tuple[str, str]]:
        """The accounts and regions in which records of a kind exist."""
        self.settle_dirty()
        return self.run("SELECT DISTINCT account, region FROM record WHERE kind=? ORDER BY account, region", (kind,)).fetchall()

    def settle_dirty(self) -> None:
        for name in [n for n in self._dirty]:
            record = self._dirty[name]
            if record is None:
                self.write("DELETE FROM record WHERE kind=? AND account=? AND region=? AND key=?", name)
            else:
                self.write("INSERT OR REPLACE INTO record VALUES (?,?,?,?,?)", (*name, self._encode(record)))

    def change(self, record: Record, new: Record | None, account: str, region: str) -> None:
        if not self._steps:
            raise RuntimeError(f"{record.kind} changed outside a step")
        table: dict[str, Any] = self.table(type(record), account, region)
        key = record.key
        name = (record.kind, account, region, key)
        self._begin()
        self.version += 1
        self._undo.append((table, key, table.get(key), name, self._dirty.get(name, _NOTHING)))
        if new is None:
            table.pop(key, None)
        else:
            table[key] = new
        self._dirty[name] = new

    # -- small facts about the cloud itself -----------------------------------------------------------------------------

    def meta(self, name: str, default: Any = None) -> Any:
        row = self.run("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return msgspec.msgpack.decode(row[0]) if row else default

    def set_meta(self, name: str, value: Any) -> None:
        self.write("INSERT OR REPLACE INTO meta VALUES (?,?)", (name, self._encode(value)))

    def close(self) -> None:
        self.flush()
        self.db.close()
