"""The messages themselves: schema, rows, and every statement that touches them.

A message is visible when `visible_at <= now`: delay, visibility timeout and redelivery are one comparison and one index, so a
receive costs the same from ten messages and from a million. A FIFO queue has a row for every group that is not empty, with
the moment from which the group may be served: a group is closed while one of its messages is out.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import Call

from . import service as sqs

if TYPE_CHECKING:
    from .queues import Queue

VISIBLE, IN_FLIGHT, DELAYED = range(3)
SWEPT_AT_ONCE = 2000
TAKEN_AT_ONCE = 10  # a group's messages that can be out together: they are always its first

sqs.table("""
CREATE TABLE IF NOT EXISTS sqs_number (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS sqs_message (
    seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL, visible_at REAL NOT NULL, receives INTEGER NOT NULL, taken REAL NOT NULL, first_taken REAL NOT NULL,
    grp INTEGER, id TEXT NOT NULL, sent REAL NOT NULL, md5 TEXT NOT NULL, sender TEXT NOT NULL, group_name TEXT, dedup TEXT, trace TEXT, source TEXT,
    attributes BLOB, sealed BLOB, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sqs_visible ON sqs_message (queue, visible_at, receives);
CREATE INDEX IF NOT EXISTS sqs_in_group ON sqs_message (grp, seq) WHERE grp IS NOT NULL;
CREATE TABLE IF NOT EXISTS sqs_group (grp INTEGER PRIMARY KEY, queue INTEGER NOT NULL, name TEXT NOT NULL, open_at REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS sqs_group_name ON sqs_group (queue, name);
CREATE INDEX IF NOT EXISTS sqs_group_open ON sqs_group (queue, open_at);
CREATE TABLE IF NOT EXISTS sqs_dedup (queue INTEGER, scope TEXT, id TEXT, until REAL NOT NULL, message TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (queue, scope, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_dedup_until ON sqs_dedup (until);
CREATE TABLE IF NOT EXISTS sqs_attempt (queue INTEGER, id TEXT, until REAL NOT NULL, handles TEXT NOT NULL, PRIMARY KEY (queue, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sqs_attempt_until ON sqs_attempt (until);
""")

COLUMNS = "seq, visible_at, receives, taken, first_taken, grp, id, sent, md5, sender, group_name, dedup, trace, source, attributes, sealed, body"


class Message(NamedTuple):
    seq: int
    visible_at: float
    receives: int
    taken: float        # when it was last received, 0 if never
    first_taken: float
    grp: int | None
    id: str
    sent: float
    md5: str
    sender: str
    group_name: str | None
    dedup: str | None
    trace: str | None
    source: str | None  # the queue it is a dead letter of
    attributes: bytes | None
    sealed: bytes | None  # the data key under which the body is, if it is
    body: str


def number(call: Call) -> int:
    return call.row("INSERT INTO sqs_number DEFAULT VALUES RETURNING number")[0]  # type: ignore[no-any-return]


# -- in -------------------------------------------------------------------------------------------------------------

def put(call: Call, queue: Queue, visible_at: float, id_: str, md5: str, sender: str, group: str | None, dedup: str | None, trace: str | None,
        attributes: bytes | None, body: str | bytes, sealed: bytes | None = None) -> int:
    seq, grp = next_place(call), group_of(call, queue, group or "", visible_at) if queue.fifo else None
    call.sql(
        "INSERT INTO sqs_message (seq, queue, visible_at, receives, taken, first_taken, grp, id, sent, md5, sender, group_name, dedup, trace, attributes, sealed, body)"
        " VALUES (?,?,?,0,0,0,?,?,?,?,?,?,?,?,?,?,?)", seq, queue.number, visible_at, grp, id_, call.now, md5, sender, group, dedup, trace, attributes, sealed, body)
    changed(call, queue.number, 1)
    return seq


def next_place(call: Call) -> int:
    """Microseconds, but always growing: later than all there is, and (the clock having gone on) than all there ever was."""
    memory = call.cloud.memory
    last: int | None = memory.get("sqs.place")
    if last is None:
        last = call.row("SELECT max(seq) FROM sqs_message")[0] or 0
    memory["sqs.place"] = place = max(last + 1, int(call.now * 1_000_000))
    return place


def group_of(call: Call, queue: Queue, name: str, open_at: float) -> int:
    """The group's row; a new one is open when its first message is visible."""
    row = call.row("SELECT grp FROM sqs_group WHERE queue=? AND name=?", queue.number, name)
    if row is None:
        row = call.row("INSERT INTO sqs_group (queue, name, open_at) VALUES (?,?,?) RETURNING grp", queue.number, name, open_at)
    return row[0]  # type: ignore[no-any-return]


def move(call: Call, message: Message, queue: Queue, to: Queue, **changes: Any) -> None:
    """Into another queue, to the end of its group there. What may change on the way: its id, its times, where it came from."""
    grp = None
    if to.fifo:  # its place there is that of its arrival
        grp, changes["seq"] = group_of(call, to, message.group_name or "", call.now), next_place(call)
    sets = "".join(f", {name} = ?" for name in changes)
    call.sql(f"UPDATE sqs_message SET queue = ?, grp = ?, visible_at = ?, receives = 0, taken = 0, first_taken = 0{sets} WHERE seq = ?",
             to.number, grp, call.now, *changes.values(), message.seq)
    changed(call, queue.number, -1)
    changed(call, to.number, 1)
    if message.grp is not None:
        reopen(call, message.grp)


# -- out ------------------------------------------------------------------------------------------------------------

def visible(call: Call, queue: Queue, count: int) -> list[Message]:
    """The next messages of a standard queue, longest visible first."""
    return [Message(*row) for row in call.sql(
        f"SELECT {COLUMNS} FROM sqs_message WHERE queue = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?", queue.number, call.now, count)]


def open_groups(call: Call, queue: Queue, count: int) -> list[int]:
    return [grp for grp, in call.sql("SELECT grp FROM sqs_group WHERE queue = ? AND open_at <= ? ORDER BY open_at, grp LIMIT ?", queue.number, call.now, count)]


def in_order(call: Call, grp: int, count: int) -> list[Message]:
    """A group's next messages, as far as they are visible."""
    messages = []
    for row in call.sql(f"SELECT {COLUMNS} FROM sqs_message WHERE grp = ? ORDER BY seq LIMIT ?", grp, count):
        message = Message(*row)
        if message.visible_at > call.now:  # a delayed one holds up what comes after it
            break
        messages.append(message)
    return messages


def take(call: Call, messages: list[Message], until: float) -> float:
    """Hide them: they are in flight from the moment that is returned."""
    now, seqs = call.now, [m.seq for m in messages]
    call.sql(f"UPDATE sqs_message SET visible_at = ?, receives = receives + 1, taken = ?, first_taken = iif(receives = 0, ?, first_taken)"
             f" WHERE seq IN ({','.join('?' * len(seqs))})", until, now, now, *seqs)
    for grp in {m.grp for m in messages if m.grp is not None}:
        reopen(call, grp)
    return now


def hide(call: Call, message: Message, until: float) -> None:
    call.sql("UPDATE sqs_message SET visible_at = ? WHERE seq = ?", until, message.seq)
    if message.grp is not None:
        reopen(call, message.grp)


def remove(call: Call, queue: Queue, message: Message) -> None:
    call.sql("DELETE FROM sqs_message WHERE seq = ?", message.seq)
    changed(call, queue.number, -1)
    if message.grp is not None:
        reopen(call, message.grp)


def forget(call: Call, queue: Queue, seq: int, id_: str) -> None:
    """Remove a message of a standard queue, unseen."""
    gone = call.cloud.store.write("DELETE FROM sqs_message WHERE seq = ? AND queue = ? AND id = ?", (seq, queue.number, id_)).rowcount
    changed(call, queue.number, -gone)


def reopen(call: Call, grp: int) -> None:
    """When may the group be served again: once none of its messages is out, and its first is visible."""
    rows = call.sql("SELECT visible_at, receives FROM sqs_message WHERE grp = ? ORDER BY seq LIMIT ?", grp, TAKEN_AT_ONCE)
    if not rows:
        call.sql("DELETE FROM sqs_group WHERE grp = ?", grp)
        return
    now = call.now
    out = [at for at, receives in rows if receives and at > now]
    call.sql("UPDATE sqs_group SET open_at = ? WHERE grp = ?", max(out) if out else rows[0][0], grp)


def find(call: Call, queue: Queue, seq: int, id_: str) -> Message | None:
    row = call.row(f"SELECT {COLUMNS} FROM sqs_message WHERE seq = ? AND queue = ? AND id = ?", seq, queue.number, id_)
    return Message(*row) if row else None


def next_visible(call: Call, queue: Queue) -> float | None:
    """When time alone will bring something to receive."""
    if queue.fifo:
        row = call.row("SELECT min(open_at) FROM sqs_group WHERE queue = ? AND open_at > ?", queue.number, call.now)
    else:
        row = call.row("SELECT min(visible_at) FROM sqs_message WHERE queue = ? AND visible_at > ?", queue.number, call.now)
    return row[0]  # type: ignore[no-any-return]


def in_flight(call: Call, queue: Queue) -> int:
    return call.row("SELECT count(*) FROM sqs_message WHERE queue = ? AND visible_at > ? AND receives > 0", queue.number, call.now)[0]  # type: ignore[no-any-return]


# -- counting ---------------------------------------------------------------------------------------------------------

def counts(call: Call, queue: Queue) -> tuple[int, int, int]:
    """How many are visible, in flight, delayed. Only what is hidden is counted; the total is known from the last time."""
    expire(call, queue)
    out, delayed = call.row("SELECT count(*) FILTER (WHERE receives > 0), count(*) FILTER (WHERE receives = 0) FROM sqs_message"
                            " WHERE queue = ? AND visible_at > ?", queue.number, call.now)
    totals: dict[int, int] = call.cloud.memory.setdefault("sqs.totals", {})
    total = totals.get(queue.number)
    if total is None:
        total = totals[queue.number] = call.row("SELECT count(*) FROM sqs_message WHERE queue = ?", queue.number)[0]
    return total - out - delayed, out, delayed


def oldest_age(call: Call, queue: Queue) -> float:
    """Seconds since the oldest message was sent; 0 in an empty queue."""
    row = call.row("SELECT min(sent) FROM sqs_message WHERE queue = ?", queue.number)
    return max(0.0, call.now - row[0]) if row and row[0] is not None else 0.0


def changed(call: Call, number: int, by: int) -> None:
    """Keep the total of a queue that was ever counted; a step that fails takes it back."""
    totals: dict[int, int] | None = call.cloud.memory.get("sqs.totals")
    if totals is not None and number in totals and by:
        totals[number] += by
        call.cloud.store.on_rollback(lambda: totals.update({number: totals[number] - by}))


def expire(call: Call, queue: Queue) -> None:
    """Remove what is past its retention and was not received lately: such messages come first in the index. Others go when they are met."""
    oldest = call.now - queue.seconds("MessageRetentionPeriod")
    for row in call.sql(f"SELECT {COLUMNS} FROM sqs_message WHERE queue = ? AND visible_at <= ? LIMIT ?", queue.number, oldest, SWEPT_AT_ONCE):
        remove(call, queue, Message(*row))


def expire_sometimes(call: Call, queue: Queue) -> None:
    """Once a minute, so that a queue which nobody reads does not grow for ever."""
    seen: dict[int, float] = call.cloud.memory.setdefault("sqs.expired", {})
    if abs(call.now - seen.get(queue.number, 0.0)) > 60:
        seen[queue.number] = call.now
        expire(call, queue)


# -- deduplication ----------------------------------------------------------------------------------------------------

def seen(call: Call, queue: Queue, scope: str, id_: str) -> tuple[str, int] | None:
    """The message that this deduplication id already stands for, and its sequence number."""
    return call.row("SELECT message, seq FROM sqs_dedup WHERE queue=? AND scope=? AND id=? AND until > ?", queue.number, scope, id_, call.now)  # type: ignore[no-any-return]


def remember(call: Call, queue: Queue, scope: str, id_: str, until: float, message: str, seq: int) -> None:
    clear_old(call)
    call.sql("INSERT OR REPLACE INTO sqs_dedup VALUES (?,?,?,?,?,?)", queue.number, scope, id_, until, message, seq)


def attempt(call: Call, queue: Queue, id_: str) -> str | None:
    row = call.row("SELECT handles FROM sqs_attempt WHERE queue=? AND id=? AND until > ?", queue.number, id_, call.now)
    return row and row[0]  # type: ignore[no-any-return]


def remember_attempt(call: Call, queue: Queue, id_: str, until: float, handles: str) -> None:
    clear_old(call)
    call.sql("INSERT OR REPLACE INTO sqs_attempt VALUES (?,?,?,?)", queue.number, id_, until, handles)


def clear_old(call: Call) -> None:
    """Once a minute, what no longer needs remembering."""
    if abs(call.now - call.cloud.memory.get("sqs.cleared", 0.0)) > 60:
        call.cloud.memory["sqs.cleared"] = call.now
        call.sql("DELETE FROM sqs_dedup WHERE until <= ?", call.now)
        call.sql("DELETE FROM sqs_attempt WHERE until <= ?", call.now)


def sweep(call: Call, number: int) -> bool:
    """Is there more to remove?"""
    call.sql("DELETE FROM sqs_message WHERE seq IN (SELECT seq FROM sqs_message WHERE queue = ? LIMIT ?)", number, SWEPT_AT_ONCE)
    if call.row("SELECT 1 FROM sqs_message WHERE queue = ? LIMIT 1", number):
        return True
    call.sql("DELETE FROM sqs_group WHERE queue = ?", number)
    call.sql("DELETE FROM sqs_dedup WHERE queue = ?", number)
    call.sql("DELETE FROM sqs_attempt WHERE queue = ?", number)
    return False
