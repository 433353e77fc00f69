"""Point-in-time recovery: while it is on, every change keeps what was there before it, for as many days as were asked for.

The table at some moment is the table now, with every item that changed since then put back to what its first change found.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, op, restoring, sealing
from . import service as dynamodb
from .layouts import Layout
from .tables import Table, by_table, place, policy, table_arn

if TYPE_CHECKING:
    from .rows import Row

DEFAULT_DAYS = 35
LAG_SECONDS = 300  # the latest restorable moment is five minutes ago

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_past (
    seq INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, at REAL NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, size INTEGER NOT NULL, body BLOB);
CREATE INDEX IF NOT EXISTS dynamodb_past_at ON dynamodb_past (tbl, at);
""")


def remember(call: Call, layout: Layout, key: tuple[bytes, bytes], row: Row | None) -> None:
    body = row.body if row else None
    if layout.sealed and body is not None:
        body = sealing.close(call, layout, body)
    seq = call.cloud.store.write("INSERT INTO dynamodb_past (tbl, at, pk, sk, size, body) VALUES (?,?,?,?,?,?)",
                                 (layout.number, call.now, *key, row.size if row else 0, body)).lastrowid
    if (seq or 0) % 500 == 0:
        call.sql("DELETE FROM dynamodb_past WHERE tbl=? AND at<?", layout.number, call.now - layout.table.recovery_days * 86400)


@op(resource=by_table, policy=policy)
def update_continuous_backups(call: Call, req: Any) -> Any:
    call, table = found(call, req["TableName"])
    wanted = req["PointInTimeRecoverySpecification"]
    if wanted["PointInTimeRecoveryEnabled"]:
        table = table.but(recovery=table.recovery or call.now, recovery_days=wanted.get("RecoveryPeriodInDays", table.recovery_days if table.recovery else DEFAULT_DAYS))
    else:
        if "RecoveryPeriodInDays" in wanted:
            raise errors.invalid("RecoveryPeriodInDays cannot be specified when PointInTimeRecoveryEnabled is false")
        table = table.but(recovery=0)
        call.sql("DELETE FROM dynamodb_past WHERE tbl=?", table.number)
    call.put(table)
    return {"ContinuousBackupsDescription": describe(call, table)}


@op(resource=by_table, policy=policy)
def describe_continuous_backups(call: Call, req: Any) -> Any:
    call, table = found(call, req["TableName"])
    return {"ContinuousBackupsDescription": describe(call, table)}


def found(call: Call, name: str) -> tuple[Call, Table]:
    call, name = place(call, name)
    table = call.get(Table, name)
    if table is None:
        raise errors.table_not_found(name)
    return call, table


def describe(call: Call, table: Table) -> dict[str, Any]:
    if not table.recovery:
        return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}
    earliest, latest = window(call, table)
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {
        "PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": table.recovery_days, "EarliestRestorableDateTime": earliest, "LatestRestorableDateTime": latest}}


def window(call: Call, table: Table) -> tuple[float, float]:
    earliest = max(table.recovery, call.now - table.recovery_days * 86400)
    return earliest, max(earliest, call.now - LAG_SECONDS)


def both(call: Call, req: Any) -> list[str]:
    return [req.get("SourceTableArn") or table_arn(call, req.get("SourceTableName", "")), table_arn(call, req["TargetTableName"])]


@op(resource=both)
def restore_table_to_point_in_time(call: Call, req: Any) -> Any:
    _, table = found(call, req.get("SourceTableArn") or req.get("SourceTableName") or "")
    if not table.recovery:
        raise errors.no_recovery(table.name)
    if bool(req.get("UseLatestRestorableTime")) == ("RestoreDateTime" in req):
        raise errors.one_restore_time()
    earliest, latest = window(call, table)
    moment = req.get("RestoreDateTime", latest)
    if not int(earliest) <= moment <= latest:
        raise errors.restore_time()
    summary = {"SourceTableArn": call.arn(f"table/{table.name}"), "RestoreDateTime": moment}
    return restoring.begin(call, req, table, table.number, summary, moment)


