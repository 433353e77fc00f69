"""Queries of Lake: one SELECT over a store's events, run at once; its results are kept for a week, and written to a bucket where that is asked for."""
from __future__ import annotations

import csv
import gzip
import inspect
import io
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, pages
from cloche.languages import lake_sql

from . import errors, event_data_stores
from . import service as cloudtrail
from .event_data_stores import EventDataStore

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

KEPT_SECONDS = 7 * 86_400
PAGE = 1000
STATUSES = ("QUEUED", "RUNNING", "FINISHED", "FAILED", "CANCELLED", "TIMED_OUT")

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_query (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, store TEXT NOT NULL, at REAL NOT NULL, statement TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL,
    scanned INTEGER NOT NULL, bytes INTEGER NOT NULL, names TEXT NOT NULL, rows TEXT NOT NULL, uri TEXT NOT NULL, delivery TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cloudtrail_query_store ON cloudtrail_query (account, region, store, at);
""")
COLUMNS = ("id", "store", "at", "statement", "status", "message", "scanned", "bytes", "names", "rows", "uri", "delivery")


def parsed(statement: str) -> lake_sql.Query:
    try:
        return lake_sql.parse(statement)
    except lake_sql.Refused as why:
        raise errors.bad_statement(str(why)) from None


def of_statement(call: Call, req: Any) -> list[Need]:
    try:
        store = lake_sql.parse(req.get("QueryStatement", "")).store
    except lake_sql.Refused:
        store = "*"
    return [Need("cloudtrail:StartQuery", call.arn(f"eventdatastore/{store}"))]


def of_query(call: Call, req: Any) -> list[Need]:
    found = row(call, req["QueryId"]) if req.get("QueryId") else None
    return [Need(f"cloudtrail:{call.op}", found["store"] if found else call.arn("eventdatastore/*"))]


def row(call: Call, id_: str) -> dict[str, Any] | None:
    found = call.row(f"SELECT {', '.join(COLUMNS)} FROM cloudtrail_query WHERE id = ? AND account = ? AND region = ? AND at >= ?", id_, call.account, call.region, call.now - KEPT_SECONDS)
    return dict(zip(COLUMNS, found, strict=True)) if found else None


def find(call: Call, req: Any) -> dict[str, Any]:
    found = row(call, req.get("QueryId", ""))
    if found is None:
        raise errors.no_query(req.get("QueryId", ""))
    return found


@cloudtrail.op(needs=of_statement, partly="one SELECT over one store: no joins, subqueries, WITH or window functions, no templates")
async def start_query(call: Call, req: t.StartQueryRequest) -> t.StartQueryResponse:
    if not req.get("QueryStatement"):
        raise errors.bad_parameter("QueryStatement is needed: saved queries are not built in Cloche.")
    if req.get("QueryAlias") or req.get("QueryParameters"):
        raise errors.bad_parameter("Query templates are not built in Cloche.")
    query = parsed(req["QueryStatement"])
    uri = req.get("DeliveryS3Uri", "")
    with call.step():
        store = event_data_stores.active(call, query.store)
        id_, status, message, names, rows = call.uuid(), "FINISHED", "", list[str](), list[list[str | None]]()
        texts = [text for (text,) in call.sql("SELECT body FROM cloudtrail_lake WHERE store = ? AND at >= ? ORDER BY id", store.id, call.now - store.days * 86_400)]
        try:
            names, rows = query.run(json.loads(text) for text in texts)
        except lake_sql.Refused as why:
            status, message = "FAILED", str(why)
        call.sql("DELETE FROM cloudtrail_query WHERE account = ? AND region = ? AND at < ?", call.account, call.region, call.now - KEPT_SECONDS)
        call.sql(f"INSERT INTO cloudtrail_query (account, region, {', '.join(COLUMNS)}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", call.account, call.region, id_, store.arn, call.now, req["QueryStatement"],
                 status, message, len(texts), sum(map(len, texts)), json.dumps(names), json.dumps(rows), uri, "")
    if uri:
        said = await deliver(call, uri, id_, names, rows)
        with call.step():
            call.sql("UPDATE cloudtrail_query SET delivery = ? WHERE id = ?", said, id_)
    return {"QueryId": id_}


async def deliver(call: Call, uri: str, id_: str, names: list[str], rows: list[list[str | None]]) -> str:
    """A compressed table of values, as CloudTrail itself puts it; how that went."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *rows])
    from .delivery import stamp
    key = f"{prefix.strip('/') + '/' if prefix.strip('/') else ''}AWSLogs/{call.account}/CloudTrail-Lake/Query/{stamp(call.now, '%Y/%m/%d')}/{id_}/result_1.csv.gz"
    try:
        with call.step():
            result: Any = call.as_service("cloudtrail.amazonaws.com", call.arn("eventdatastore/*")).do("s3", "PutObject", Bucket=bucket, Key=key, Body=gzip.compress(text.getvalue().encode(), mtime=0),
                                                                                                       ACL="bucket-owner-full-control")
        if inspect.isawaitable(result):
            await result
    except AwsError as error:
        return "RESOURCE_NOT_FOUND" if error.code == "NoSuchBucket" else "ACCESS_DENIED"
    return "SUCCESS"


def statistics(found: dict[str, Any]) -> dict[str, Any]:
    return {"EventsMatched": len(json.loads(found["rows"])), "EventsScanned": found["scanned"], "BytesScanned": found["bytes"]}


@cloudtrail.op(needs=of_query)
def describe_query(call: Call, req: t.DescribeQueryRequest) -> t.DescribeQueryResponse:
    found = find(call, req)
    out: dict[str, Any] = {"QueryId": found["id"], "QueryString": found["statement"], "QueryStatus": found["status"],
                           "QueryStatistics": {**statistics(found), "ExecutionTimeInMillis": 0, "CreationTime": found["at"]}}
    for member, name in (("ErrorMessage", "message"), ("DeliveryS3Uri", "uri"), ("DeliveryStatus", "delivery")):
        if found[name]:
            out[member] = found[name]
    return out  # type: ignore[return-value]


@cloudtrail.op(needs=of_query)
def get_query_results(call: Call, req: t.GetQueryResultsRequest) -> t.GetQueryResultsResponse:
    found = find(call, req)
    names, rows = json.loads(found["names"]), list(enumerate(json.loads(found["rows"])))
    page, more = pages.page(rows, req, lambda each: f"{each[0]:09d}", PAGE, errors.bad_token, size="MaxQueryResults")
    counts = statistics(found)
    return {"QueryStatus": found["status"], "QueryStatistics": {"ResultsCount": len(page), "TotalResultsCount": len(rows), "BytesScanned": counts["BytesScanned"]},
            "QueryResultRows": [[{name: "" if text is None else text} for name, text in zip(names, one, strict=True)] for _, one in page],
            **({"ErrorMessage": found["message"]} if found["message"] else {}), **more}  # type: ignore[typeddict-item]


@cloudtrail.op(needs=event_data_stores.by_arn)
def list_queries(call: Call, req: t.ListQueriesRequest) -> t.ListQueriesResponse:
    store: EventDataStore = event_data_stores.active(call, req["EventDataStore"])
    since, until = req.get("StartTime"), req.get("EndTime")
    if since is not None and until is not None and since > until:
        raise errors.bad_date_range()
    rows = call.sql("SELECT id, status, at FROM cloudtrail_query WHERE account = ? AND region = ? AND store = ? AND at >= ? AND at <= ? ORDER BY at DESC, id", call.account, call.region, store.arn,
                    max(since or 0.0, call.now - KEPT_SECONDS), 1e18 if until is None else until)
    found, more = pages.page([one for one in rows if req.get("QueryStatus") in (None, one[1])], req, lambda one: f"{1e11 - one[2]:020.6f}{one[0]}", 1000, errors.bad_token)
    return {"Queries": [{"QueryId": id_, "QueryStatus": status, "CreationTime": at} for id_, status, at in found], **more}  # type: ignore[typeddict-item]


@cloudtrail.op(needs=of_query)
def cancel_query(call: Call, req: t.CancelQueryRequest) -> t.CancelQueryResponse:
    """None is ever under way: a query has run when its id is told."""
    find(call, req)
    raise errors.inactive_query()
