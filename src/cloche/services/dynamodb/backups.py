"""Backups on demand: the rows of a table under a number of their own, and what the table was like.

The copy is one statement, so it is the table at one moment. It outlives its table.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import ANY, Call, Record

from . import errors, op, restoring
from . import service as dynamodb
from .tables import Table, by_table, counts, discard, new_number, place, policy, table_arn

MAX_LIST = 100
SYSTEM_SECONDS = 35 * 86400


class Backup(Record, frozen=True, omit_defaults=True):
    kind = "dynamodb.backup"

    arn: str
    name: str
    number: int
    created: float
    table: Table
    type: str = "USER"
    expires: float = 0

    @property
    def key(self) -> str:
        return self.arn


def by_backup(call: Call, req: Any) -> str:
    return str(req["BackupArn"])


def find(call: Call, arn: str) -> Backup:
    backup = call.get(Backup, arn)
    if backup is None:
        raise errors.no_backup(arn)
    return backup


@op(resource=by_table, policy=policy)
def create_backup(call: Call, req: Any) -> Any:
    call, name = place(call, req["TableName"])
    table = call.get(Table, name)
    if table is None:
        raise errors.table_not_found(name)
    if table.status != "ACTIVE":
        raise errors.table_busy(name, table.status)
    backup = keep(call, table, req["BackupName"])
    return {"BackupDetails": details(call, backup) | {"BackupStatus": "CREATING"}}


def keep(call: Call, table: Table, name: str, type_: str = "USER", expires: float = 0) -> Backup:
    number = new_number(call)
    restoring.copy(call, table.number, number)
    arn = f"{call.arn(f'table/{table.name}')}/backup/{int(call.now * 1000):014d}-{call.id(digits=8)}"
    return call.put(Backup(arn=arn, name=name, number=number, created=call.now, table=table, type=type_, expires=expires))


def keep_deleted(call: Call, table: Table) -> None:
    """A table that could be restored to any second leaves a last backup when it is deleted."""
    backup = keep(call, table, f"{table.name}$DeletedTableBackup", "SYSTEM", call.now + SYSTEM_SECONDS)
    call.after(SYSTEM_SECONDS, expire_backup, name=backup.arn, arn=backup.arn)


@dynamodb.timer
def expire_backup(call: Call, arn: str) -> None:
    backup = call.get(Backup, arn)
    if backup is not None:
        call.delete(backup)
        discard(call, [backup.number])


@op(resource=by_backup)
def describe_backup(call: Call, req: Any) -> Any:
    return {"BackupDescription": describe(call, find(call, req["BackupArn"]))}


@op(resource=ANY)
def list_backups(call: Call, req: Any) -> Any:
    backups = sorted(call.all(Backup), key=lambda b: b.arn)
    if name := req.get("TableName"):
        wanted = table_arn(call, name)
        backups = [b for b in backups if b.arn.split("/backup/")[0] == wanted]
    kind = req.get("BackupType", "USER")
    low, high = req.get("TimeRangeLowerBound", 0), req.get("TimeRangeUpperBound", float("inf"))
    backups = [b for b in backups if kind in ("ALL", b.type) and low <= b.created < high and b.arn > req.get("ExclusiveStartBackupArn", "")]
    limit = req.get("Limit", MAX_LIST)
    out: dict[str, Any] = {"BackupSummaries": [
        details(call, b) | {"TableName": b.table.name, "TableId": b.table.id, "TableArn": b.arn.split("/backup/")[0]} for b in backups[:limit]]}
    if len(backups) > limit:
        out["LastEvaluatedBackupArn"] = backups[limit - 1].arn
    return out


@op(resource=by_backup)
def delete_backup(call: Call, req: Any) -> Any:
    backup = find(call, req["BackupArn"])
    out = describe(call, backup)
    out["BackupDetails"]["BackupStatus"] = "DELETED"
    call.delete(backup)
    discard(call, [backup.number])
    return {"BackupDescription": out}


def details(call: Call, backup: Backup) -> dict[str, Any]:
    out: dict[str, Any] = {"BackupArn": backup.arn, "BackupName": backup.name, "BackupSizeBytes": counts(call, backup.number)[1], "BackupStatus": "AVAILABLE",
                           "BackupType": backup.type, "BackupCreationDateTime": backup.created}
    return out | ({"BackupExpiryDateTime": backup.expires} if backup.expires else {})


def describe(call: Call, backup: Backup) -> dict[str, Any]:
    table = backup.table
    items, size = counts(call, backup.number)
    read, write = table.throughput
    source: dict[str, Any] = {
        "TableName": table.name, "TableId": table.id, "TableArn": backup.arn.split("/backup/")[0], "TableSizeBytes": size, "KeySchema": table.schema,
        "TableCreationDateTime": table.created, "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write}, "ItemCount": items, "BillingMode": table.billing}
    features: dict[str, Any] = {}
    for member, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        found = [{"IndexName": i.name, "KeySchema": i.schema, "Projection": i.projection}
                 | ({} if local else {"ProvisionedThroughput": {"ReadCapacityUnits": i.throughput[0], "WriteCapacityUnits": i.throughput[1]}})
                 for i in table.indexes if i.local is local]
        if found:
            features[member] = found
    if table.stream_view:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream_view}
    if table.ttl:
        features["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}
    if table.sse:
        features["SSEDescription"] = table.sse
    return {"BackupDetails": details(call, backup), "SourceTableDetails": source, "SourceTableFeatureDetails": features}


def both(call: Call, req: Any) -> list[str]:
    return [req["BackupArn"], table_arn(call, req["TargetTableName"])]


@op(resource=both)
def restore_table_from_backup(call: Call, req: Any) -> Any:
    backup = find(call, req["BackupArn"])
    summary = {"SourceBackupArn": backup.arn, "SourceTableArn": backup.arn.split("/backup/")[0], "RestoreDateTime": backup.created}
    return restoring.begin(call, req, backup.table, backup.number, summary)


