"""TimeToLive: a row for every item that has the attribute, in the order of time, and one timer a table for the first of them.

AWS deletes an item some time after it expired (usually within days); here it is a minute. Until then it can be read.
"""
from __future__ import annotations

from decimal import Decimal
from typing import Any

from cloche.kernel import Call
from cloche.languages.dynamodb.values import Item

from . import errors, op, sealing, strong
from . import service as dynamodb
from .layouts import Layout, layout
from .tables import Table, by_table, find_named, policy

LAG_SECONDS = 60
OLDEST_SECONDS = 5 * 365 * 86400  # what expired longer ago is left alone
ROWS = 500
BY = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_expiry (tbl INTEGER, at INTEGER, pk BLOB, sk BLOB, PRIMARY KEY (tbl, at, pk, sk)) WITHOUT ROWID;
""")


@op(resource=by_table, policy=policy)
def update_time_to_live(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    strong.refuse_expiry(table)
    wanted = req["TimeToLiveSpecification"]
    switch(call, table, wanted)
    for region in table.replicas:  # a setting of the whole global table
        at = call.at(call.account, region)
        if (there := at.get(Table, table.name)) is not None and bool(there.ttl) != wanted["Enabled"]:
            switch(at, there, wanted)
    return {"TimeToLiveSpecification": wanted}


def switch(call: Call, table: Table, wanted: Any) -> None:
    name = wanted["AttributeName"]
    if wanted["Enabled"]:
        if table.ttl == name:
            raise errors.ttl_already("enabled")
        if table.ttl:
            raise errors.ttl_elsewhere(table.ttl)
        call.put(table.but(ttl=name))
        call.wake(gather, f"{table.name}/{table.number}")
    else:
        if not table.ttl:
            raise errors.ttl_already("disabled")
        if table.ttl != name:
            raise errors.ttl_elsewhere(table.ttl)
        call.put(table.but(ttl=""))
        call.sql("DELETE FROM dynamodb_expiry WHERE tbl=?", table.number)


@op(resource=by_table, policy=policy)
def describe_time_to_live(call: Call, req: Any) -> Any:
    call, table = find_named(call, req["TableName"])
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl} if table.ttl else {"TimeToLiveStatus": "DISABLED"}}


def moment(item: Item | None, name: str) -> int | None:
    """When an item expires: the attribute must be a number."""
    if item is None or "N" not in item.get(name, {}):
        return None
    at = int(Decimal(item[name]["N"]))
    return at if 0 <= at < 2**62 else None


def follow(call: Call, table: Layout, key: tuple[bytes, bytes], old: Item | None, new: Item | None) -> None:
    was, now = moment(old, table.table.ttl), moment(new, table.table.ttl)
    if was == now:
        return
    if was is not None:
        call.sql("DELETE FROM dynamodb_expiry WHERE tbl=? AND at=? AND pk=? AND sk=?", table.number, was, *key)
    if now is not None and now > call.now - OLDEST_SECONDS:
        first = call.row("SELECT at FROM dynamodb_expiry WHERE tbl=? ORDER BY at LIMIT 1", table.number)
        call.sql("INSERT OR IGNORE INTO dynamodb_expiry VALUES (?,?,?,?)", table.number, now, *key)
        if first is None or now < first[0]:
            plan(call.at(table.account, table.region), table.table, now)


def plan(call: Call, table: Table, at: float) -> None:
    call.due(max(at, call.now) + LAG_SECONDS, expire, f"{table.number}", table=table.name, number=table.number)


@dynamodb.timer
def expire(call: Call, table: str, number: int) -> None:
    """Delete what has expired, a few hundred at a time, and come back for the next."""
    from . import rows
    found = call.get(Table, table)
    if found is None or found.number != number or not found.ttl:
        return
    where = layout(call, found)
    if where.sealed:
        call = sealing.background(call)
        if sealing.inaccessible(call, found):
            call.due(call.now + 3600, expire, f"{number}", table=table, number=number)
            return
    gone = call.sql("SELECT at, pk, sk FROM dynamodb_expiry WHERE tbl=? AND at<=? ORDER BY at LIMIT ?", number, int(call.now), ROWS)
    for at, pk, sk in gone:
        row = rows.read(call, where, (pk, sk))
        if row is not None:
            rows.delete(call, where, (pk, sk), row, by=BY)
        call.sql("DELETE FROM dynamodb_expiry WHERE tbl=? AND at=? AND pk=? AND sk=?", number, at, pk, sk)
    first = call.row("SELECT at FROM dynamodb_expiry WHERE tbl=? ORDER BY at LIMIT 1", number)
    if first:
        if len(gone) == ROWS:
            call.due(call.now, expire, f"{number}", table=table, number=number)
        else:
            plan(call, found, first[0])


@dynamodb.worker
async def gather(call: Call, key: str) -> None:
    """Look through the items that were there before expiry was switched on."""
    from .rows import decode
    name, number = key.rsplit("/", 1)
    at = (b"", b"")
    while True:
        with call.step():
            table = call.get(Table, name)
            if table is None or str(table.number) != number or not table.ttl:
                return
            found = call.sql("SELECT pk, sk, body FROM dynamodb_item WHERE tbl=? AND (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?", table.number, *at, ROWS)
            for pk, sk, body in found:
                at = (pk, sk)
                when = moment(decode(sealing.open_(sealing.background(call), layout(call, table), body) if table.table_key else body), table.ttl)
                if when is not None and when > call.now - OLDEST_SECONDS:
                    call.sql("INSERT OR IGNORE INTO dynamodb_expiry VALUES (?,?,?,?)", table.number, when, pk, sk)
            if len(found) < ROWS:
                first = call.row("SELECT at FROM dynamodb_expiry WHERE tbl=? ORDER BY at LIMIT 1", table.number)
                if first:
                    plan(call, table, first[0])
                return
        await call.turn()
