"""Exports to S3: the table as it was at a second of its recovery window, or what changed between two of them.

What is exported is set aside when the export is asked for; half a minute later a worker writes it as its caller, the manifests last.
"""
from __future__ import annotations

from typing import Any

from cloche.iam import Principal
from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page

from . import errors, op, recovery, restoring, tables
from . import errors_transfers as words
from . import service as dynamodb
from .tables import Table, discard, new_number, owner

SECONDS = 30          # that an export takes
TOKEN_SECONDS = 8 * 3600
LEAST, MOST = 15 * 60, 24 * 3600  # of an increment
PAGE = 25
SAME = ("S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseAlgorithm", "S3SseKmsKeyId", "ExportFormat", "ExportType", "IncrementalExportSpecification")

dynamodb.table("""
CREATE TABLE IF NOT EXISTS dynamodb_increment (export INTEGER NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, at REAL NOT NULL, old BLOB, new BLOB, PRIMARY KEY (export, pk, sk)) WITHOUT ROWID;
""")


class Export(Record, frozen=True, omit_defaults=True):
    kind = "dynamodb.export"

    arn: str
    number: int                # under which the rows lie
    table: Table
    principal: Principal
    settings: dict[str, Any]   # what the request says of bucket, format and kind
    token: str
    started: float
    moment: float              # of the snapshot
    ended: float = 0.0
    status: str = "IN_PROGRESS"
    manifest: str = ""
    items: int = 0
    billed: int = 0
    failure: tuple[str, str] = ("", "")

    @property
    def key(self) -> str:
        return self.arn

    @property
    def increment(self) -> dict[str, Any] | None:
        return self.settings.get("IncrementalExportSpecification")


def by_arn(call: Call, req: Any) -> str:
    return str(req["TableArn"])


def policy(call: Call, arn: str) -> str | None:
    """The table's, if it is one of a table at all: permission is asked before the ARN is read."""
    return tables.policy(call, arn) if ":table/" in arn else None


@op(resource=by_arn, policy=policy, partly="no FilterSpecification")
def export_table_to_point_in_time(call: Call, req: Any) -> Any:
    account, region, name = owner(req["TableArn"])
    call = call.at(account, region)
    table = call.get(Table, name)
    if table is None:
        raise errors.table_not_found(name)
    if req.get("FilterSpecification"):
        raise words.not_built("An export with a FilterSpecification")
    if not table.recovery:
        raise errors.no_recovery(name)
    settings = {"ExportFormat": "DYNAMODB_JSON", "ExportType": "FULL_EXPORT", "S3SseAlgorithm": "AES256", **{k: req[k] for k in SAME if k in req}}
    if (old := repeated(call, req)) is not None:
        if old.settings | {"IncrementalExportSpecification": None} != settings | {"IncrementalExportSpecification": None} or old.table.name != name:
            raise words.export_conflict()
        return {"ExportDescription": describe(old)}
    number, moment = new_number(call), req.get("ExportTime", call.now)
    earliest, _ = recovery.window(call, table)
    if (settings["ExportType"] == "INCREMENTAL_EXPORT") != ("IncrementalExportSpecification" in req):
        raise words.increment_specification("IncrementalExportSpecification" not in req)
    if settings["ExportType"] == "FULL_EXPORT":
        if not int(earliest) <= moment <= call.now:
            raise words.export_time()
        restoring.copy(call, table.number, number)
        restoring.rewind(call, table.number, number, moment)
    else:
        settings["IncrementalExportSpecification"] = increment(call, table, number, req, earliest)
    arn = f"{call.arn(f'table/{name}')}/export/{int(call.now * 1000):014d}-{call.id(digits=8)}"
    made = call.put(Export(arn, number, table, call.principal, settings, req.get("ClientToken") or call.uuid(), call.now, moment))
    call.after(SECONDS, begin_export, arn, arn=arn)
    return {"ExportDescription": describe(made)}


def repeated(call: Call, req: Any) -> Export | None:
    token = req.get("ClientToken")
    return next((one for one in call.all(Export) if one.token == token and call.now < (one.ended or call.now) + TOKEN_SECONDS), None) if token else None


def increment(call: Call, table: Table, number: int, req: Any, earliest: float) -> dict[str, Any]:
    """Set aside what each item that changed was at the first moment, and at the last."""
    given = req["IncrementalExportSpecification"] or {}
    if "ExportTime" in req:
        raise words.export_time_with_increment()
    end = given.get("ExportToTime", call.now)
    begin = given.get("ExportFromTime", end - MOST)
    if not LEAST <= end - begin <= MOST:
        raise words.increment_window()
    if not int(earliest) <= begin or end > call.now:
        raise words.export_time()
    for pk, sk, old, at in call.sql("SELECT pk, sk, body, (SELECT max(at) FROM dynamodb_past l WHERE l.tbl=p.tbl AND l.pk=p.pk AND l.sk=p.sk AND l.at>=? AND l.at<?) FROM "
                                    "(SELECT tbl, pk, sk, body, min(seq) FROM dynamodb_past WHERE tbl=? AND at>=? AND at<? GROUP BY pk, sk) p", begin, end, table.number, begin, end):
        later = call.row("SELECT body FROM dynamodb_past WHERE tbl=? AND pk=? AND sk=? AND at>=? ORDER BY seq LIMIT 1", table.number, pk, sk, end)
        now = later or call.row("SELECT body FROM dynamodb_item WHERE tbl=? AND pk=? AND sk=?", table.number, pk, sk)
        call.sql("INSERT INTO dynamodb_increment VALUES (?,?,?,?,?,?)", number, pk, sk, at, old, now[0] if now else None)
    return {"ExportFromTime": begin, "ExportToTime": end, "ExportViewType": given.get("ExportViewType", "NEW_AND_OLD_IMAGES")}


@dynamodb.timer
def begin_export(call: Call, arn: str) -> None:
    call.wake(write_export, arn)


@dynamodb.worker
async def write_export(call: Call, key: str) -> None:
    """Files, then the manifests that name them. A crash writes them anew; no manifest names the files of before."""
    from . import exporting
    one = call.get(Export, key)
    if one is None or one.status != "IN_PROGRESS":
        return
    try:
        manifest, items, billed = await exporting.write(call, one)
        done = one.but(status="COMPLETED", manifest=manifest, items=items, billed=billed, ended=call.now)
    except AwsError as error:
        code = {"NoSuchBucket": "S3NoSuchBucket", "AccessDenied": "S3AccessDenied"}.get(error.code, error.code)
        done = one.but(status="FAILED", failure=(code, f"{error.message} (Service: Amazon S3; Status Code: {error.status}; Error Code: {error.code})"), ended=call.now)
    with call.step():
        call.put(done)
        call.sql("DELETE FROM dynamodb_increment WHERE export=?", one.number)
        discard(call, [one.number])


# -- looking --------------------------------------------------------------------------------------------------------------


@op(resource=lambda call, req: str(req["ExportArn"]), policy=policy)
def describe_export(call: Call, req: Any) -> Any:
    account, region, _ = owner(req["ExportArn"])
    found = call.at(account, region).get(Export, req["ExportArn"])
    if found is None:
        raise words.no_export(req["ExportArn"])
    return {"ExportDescription": describe(found)}


@op(resource=lambda call, req: f"{req['TableArn']}/export/*" if req.get("TableArn") else call.arn("table/*/export/*"))
def list_exports(call: Call, req: Any) -> Any:
    wanted = req.get("TableArn", "")
    found = sorted((one for one in call.all(Export) if one.arn.startswith(f"{wanted}/export/" if wanted else "")), key=lambda one: one.arn)
    chosen, more = page(found, req, lambda one: one.arn, PAGE, words.bad_token)
    return {"ExportSummaries": [{"ExportArn": one.arn, "ExportStatus": one.status, "ExportType": one.settings["ExportType"]} for one in chosen], **more}


def describe(one: Export) -> dict[str, Any]:
    out: dict[str, Any] = {"ExportArn": one.arn, "ExportStatus": one.status, "StartTime": one.started, "TableArn": one.arn.partition("/export/")[0], "TableId": one.table.id,
                           "ClientToken": one.token, **one.settings}
    if one.increment is None:
        out["ExportTime"] = one.moment
    if one.ended:
        out["EndTime"] = one.ended
    if one.status == "COMPLETED":
        out |= {"ExportManifest": one.manifest, "ItemCount": one.items, "BilledSizeBytes": one.billed}
    if one.failure[0]:
        out |= {"FailureCode": one.failure[0], "FailureMessage": one.failure[1]}
    return out
