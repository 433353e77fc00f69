"""Datasets and their records. Every change of a dataset has a number, and a record bears that of its last change: who knows one number asks for what came after it.

A session begins with ListRecords and ends with one UpdateRecords; a patch that names another number than the record bears is a conflict, and nothing of the update is done.
"""
from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, pages
from cloche.services.cognito_identity import public as identities

from . import errors
from . import service as sync

if TYPE_CHECKING:
    from cloche.shapes import cognito_sync as t

MOST_RECORDS, MOST_DATASETS, MOST_BYTES = 1024, 20, 1 << 20

sync.table("""
CREATE TABLE IF NOT EXISTS cognito_sync_dataset (
    pool TEXT, identity TEXT, name TEXT, count INTEGER NOT NULL, created REAL NOT NULL, modified REAL NOT NULL, modifier TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pool, identity, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cognito_sync_record (
    pool TEXT, identity TEXT, dataset TEXT, key TEXT, value TEXT, count INTEGER NOT NULL, modified REAL NOT NULL, modifier TEXT NOT NULL, device REAL NOT NULL,
    PRIMARY KEY (pool, identity, dataset, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_sync_changes ON cognito_sync_record (pool, identity, dataset, count);
""")


def asked(call: Call, req: Any) -> str:
    """The resource that IAM is asked about."""
    path = f"identitypool/{req['IdentityPoolId']}"
    if "IdentityId" in req:
        path += f"/identity/{req['IdentityId']}"
    return call.arn(path + (f"/dataset/{req['DatasetName']}" if "DatasetName" in req else ""))


def identity(call: Call, req: Any) -> tuple[str, str]:
    pool, id = req["IdentityPoolId"], req["IdentityId"]
    if not identities.has_pool(call, pool):
        raise errors.no_pool(pool)
    if not identities.has_identity(call, pool, id):
        raise errors.no_identity(id)
    return pool, id


COLUMNS = "name, count, created, modified, modifier, deleted"


def dataset(call: Call, pool: str, id: str, name: str) -> Any:
    return call.row(f"SELECT {COLUMNS} FROM cognito_sync_dataset WHERE pool = ? AND identity = ? AND name = ?", pool, id, name)


def view(call: Call, pool: str, id: str, row: Any) -> Any:
    name, _, created, modified, modifier, _ = row
    size, number = call.row("SELECT COALESCE(SUM(LENGTH(key) + LENGTH(value)), 0), COUNT(*) FROM cognito_sync_record WHERE pool = ? AND identity = ? AND dataset = ? AND value IS NOT NULL", pool, id, name)
    return {"IdentityId": id, "DatasetName": name, "CreationDate": created, "LastModifiedDate": modified, "LastModifiedBy": modifier, "DataStorage": size, "NumRecords": number}


def session_token(call: Call, pool: str, id: str, name: str, count: int) -> str:
    """Good for one update of the dataset as it is now."""
    key = call.cloud.store.meta("cognito-sync.key")
    made = hmac.digest(bytes(key), f"{pool}/{id}/{name}/{count}".encode(), hashlib.sha256).hex()
    return f"{count}.{made}"


@sync.boot
def make_key(call: Call) -> None:
    if call.cloud.store.meta("cognito-sync.key") is None:
        call.cloud.store.set_meta("cognito-sync.key", call.secret(32).encode())


@sync.op(resource=asked)
def list_records(call: Call, req: t.ListRecordsRequest) -> t.ListRecordsResponse:
    pool, id = identity(call, req)
    name, since = req["DatasetName"], req.get("LastSyncCount", 0)
    row = dataset(call, pool, id, name)
    count, there = (row[1], not row[5]) if row else (0, False)
    rows = call.sql("SELECT key, value, count, modified, modifier, device FROM cognito_sync_record WHERE pool = ? AND identity = ? AND dataset = ? AND count > ? ORDER BY count, key", pool, id, name, since)
    found, more = pages.page(rows, req, lambda each: f"{each[2]:012}/{each[0]}", MOST_RECORDS, errors.bad_token)
    answer = {"Records": [record(each) for each in found], "Count": len(found), "DatasetSyncCount": count, "DatasetExists": there, "MergedDatasetNames": [],
              "DatasetDeletedAfterRequestedSyncCount": bool(row and row[5] and since), "SyncSessionToken": session_token(call, pool, id, name, count), **more}
    return answer | ({"LastModifiedBy": row[4]} if row else {})  # type: ignore[return-value]


def record(row: Any) -> Any:
    key, value, count, modified, modifier, device = row
    return {"Key": key, "SyncCount": count, "LastModifiedDate": modified, "LastModifiedBy": modifier, "DeviceLastModifiedDate": device} | ({"Value": value} if value is not None else {})


@sync.op(resource=asked, partly="no push to devices, streams or Lambda triggers")
def update_records(call: Call, req: t.UpdateRecordsRequest) -> t.UpdateRecordsResponse:
    pool, id = identity(call, req)
    name, who = req["DatasetName"], req.get("DeviceId", id)
    row = dataset(call, pool, id, name)
    count = row[1] if row else 0
    if not hmac.compare_digest(req["SyncSessionToken"], session_token(call, pool, id, name, count)):
        raise errors.bad_session()
    patches = req.get("RecordPatches", [])
    if len({patch["Key"] for patch in patches}) < len(patches):
        raise errors.invalid("A key is named twice.")
    here = "pool = ? AND identity = ? AND dataset = ?"
    if not patches:
        return {"Records": []}
    if row is None and call.row("SELECT COUNT(*) FROM cognito_sync_dataset WHERE pool = ? AND identity = ? AND deleted = 0", pool, id)[0] >= MOST_DATASETS:
        raise errors.limit(f"{MOST_DATASETS} datasets of an identity")
    count += 1
    changed = []
    for patch in patches:
        known = call.row(f"SELECT count FROM cognito_sync_record WHERE {here} AND key = ?", pool, id, name, patch["Key"])
        if patch["SyncCount"] != (known[0] if known else 0):
            raise errors.conflict(patch["Key"], known[0] if known else 0)
        value = patch.get("Value", "") if patch["Op"] == "replace" else None
        call.sql("INSERT OR REPLACE INTO cognito_sync_record VALUES (?,?,?,?,?,?,?,?,?)", pool, id, name, patch["Key"], value, count, call.now, who, patch.get("DeviceLastModifiedDate", call.now))
        changed.append(record((patch["Key"], value, count, call.now, who, patch.get("DeviceLastModifiedDate", call.now))))
    size, number = call.row(f"SELECT COALESCE(SUM(LENGTH(key) + LENGTH(value)), 0), COUNT(*) FROM cognito_sync_record WHERE {here} AND value IS NOT NULL", pool, id, name)
    if number > MOST_RECORDS or size > MOST_BYTES:
        raise errors.limit(f"{MOST_RECORDS} records or {MOST_BYTES} bytes of a dataset")
    call.sql("INSERT OR REPLACE INTO cognito_sync_dataset VALUES (?,?,?,?,?,?,?,0)", pool, id, name, count, row[2] if row and not row[5] else call.now, call.now, who)
    return {"Records": changed}


@sync.op(resource=asked)
def describe_dataset(call: Call, req: t.DescribeDatasetRequest) -> t.DescribeDatasetResponse:
    pool, id = identity(call, req)
    row = dataset(call, pool, id, req["DatasetName"])
    if row is None or row[5]:
        raise errors.no_dataset(req["DatasetName"])
    return {"Dataset": view(call, pool, id, row)}


@sync.op(resource=asked)
def list_datasets(call: Call, req: t.ListDatasetsRequest) -> t.ListDatasetsResponse:
    pool, id = identity(call, req)
    rows = call.sql(f"SELECT {COLUMNS} FROM cognito_sync_dataset WHERE pool = ? AND identity = ? AND deleted = 0 ORDER BY name", pool, id)
    found, more = pages.page(rows, req, lambda row: row[0], 60, errors.bad_token)
    return {"Datasets": [view(call, pool, id, row) for row in found], "Count": len(found), **more}


@sync.op(resource=asked)
def delete_dataset(call: Call, req: t.DeleteDatasetRequest) -> t.DeleteDatasetResponse:
    """Other devices learn of it: the dataset's number goes on."""
    pool, id = identity(call, req)
    row = dataset(call, pool, id, req["DatasetName"])
    if row is None or row[5]:
        raise errors.no_dataset(req["DatasetName"])
    shown = view(call, pool, id, row)
    call.sql("DELETE FROM cognito_sync_record WHERE pool = ? AND identity = ? AND dataset = ?", pool, id, row[0])
    call.sql("UPDATE cognito_sync_dataset SET deleted = 1, count = count + 1, modified = ? WHERE pool = ? AND identity = ? AND name = ?", call.now, pool, id, row[0])
    return {"Dataset": shown}


# -- usage ------------------------------------------------------------------------------------------------------------------

def usage(call: Call, pool: str, id: str | None = None) -> tuple[int, int, float]:
    """(datasets, bytes, last change)"""
    where, args = ("pool = ? AND identity = ?", [pool, id]) if id else ("pool = ?", [pool])
    number, last = call.row(f"SELECT COUNT(*), COALESCE(MAX(modified), 0) FROM cognito_sync_dataset WHERE deleted = 0 AND {where}", *args)
    size = call.row(f"SELECT COALESCE(SUM(LENGTH(key) + LENGTH(value)), 0) FROM cognito_sync_record WHERE value IS NOT NULL AND {where}", *args)[0]
    return number, size, last


@sync.op(resource=asked)
def describe_identity_usage(call: Call, req: t.DescribeIdentityUsageRequest) -> t.DescribeIdentityUsageResponse:
    pool, id = identity(call, req)
    number, size, last = usage(call, pool, id)
    return {"IdentityUsage": {"IdentityId": id, "IdentityPoolId": pool, "DatasetCount": number, "DataStorage": size} | ({"LastModifiedDate": last} if last else {})}  # type: ignore[typeddict-item]


def of_pool(call: Call, pool: str) -> Any:
    _, size, last = usage(call, pool)
    sessions = call.row("SELECT COALESCE(SUM(count), 0) FROM cognito_sync_dataset WHERE pool = ?", pool)[0]
    return {"IdentityPoolId": pool, "SyncSessionsCount": sessions, "DataStorage": size} | ({"LastModifiedDate": last} if last else {})


@sync.op(resource=asked)
def describe_identity_pool_usage(call: Call, req: t.DescribeIdentityPoolUsageRequest) -> t.DescribeIdentityPoolUsageResponse:
    if not identities.has_pool(call, req["IdentityPoolId"]):
        raise errors.no_pool(req["IdentityPoolId"])
    return {"IdentityPoolUsage": of_pool(call, req["IdentityPoolId"])}


@sync.op(resource=lambda call, req: call.arn("identitypool/*"))
def list_identity_pool_usage(call: Call, req: t.ListIdentityPoolUsageRequest) -> t.ListIdentityPoolUsageResponse:
    found, more = pages.page(identities.pools(call), req, str, 60, errors.bad_token)
    return {"IdentityPoolUsages": [of_pool(call, pool) for pool in found], "Count": len(found), "MaxResults": req.get("MaxResults", 60), **more}
