"""CloudWatch Logs Insights: queries that run beside the loop's other work, and definitions of queries that are kept.

A query is Scheduled until its worker takes it, then Running, then Complete; what it found is kept for seven days.
"""
from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record, pages
from cloche.languages import insights

from . import errors, groups, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

logs.table("CREATE TABLE IF NOT EXISTS logs_found (query TEXT PRIMARY KEY, rows TEXT NOT NULL)")
KEPT_SECONDS = 7 * 86400
MOST_GROUPS, MOST_EVENTS, PIECE = 50, 1_000_000, 5_000
OVER = ("Complete", "Failed", "Cancelled", "Timeout")


class LogQuery(Record, frozen=True):
    kind = "logs.query"

    id: str
    text: str
    groups: tuple[str, ...]
    start: int
    end: int
    created: float
    who: str
    limit: int = 0
    status: str = "Scheduled"
    statistics: dict[str, float] = {}
    took: int = 0

    @property
    def key(self) -> str:
        return self.id


class QueryDefinition(Record, frozen=True):
    kind = "logs.query_definition"

    id: str
    name: str
    text: str
    groups: tuple[str, ...]
    modified: int

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> LogQuery:
    if found := call.get(LogQuery, id_):
        return found
    raise AwsError("ResourceNotFoundException", f"Query with ID {id_} does not exist.")


def wanted(req: Any) -> list[str]:
    """The names of the groups that a query looks at."""
    given = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if req.get(name)]
    if len(given) != 1:
        raise errors.invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
    found = [req["logGroupName"]] if given == ["logGroupName"] else req[given[0]]
    names = list(dict.fromkeys(groups.named({"logGroupIdentifier": one}) for one in found))
    if len(names) > MOST_GROUPS:
        raise errors.invalid(f"A query looks at {MOST_GROUPS} log groups at most.")
    return names


def by_groups(call: Call, req: Any) -> list[str]:
    given = [req["logGroupName"]] if req.get("logGroupName") else req.get("logGroupNames") or req.get("logGroupIdentifiers") or ["*"]
    return [call.arn(f"log-group:{groups.named({'logGroupIdentifier': one})}:log-stream:") for one in given]


def malformed(fault: insights.Malformed) -> AwsError:
    told = {"message": fault.message, "location": {"startCharOffset": fault.start, "endCharOffset": fault.end}}
    return AwsError("MalformedQueryException", fault.message, extra={"queryCompileError": told})


@logs.op(by_groups, partly="the languages OpenSearch PPL and SQL, the SOURCE command and diff, pattern, unnest, anomaly and lookup are refused")
def start_query(call: Call, req: t.StartQueryRequest) -> t.StartQueryResponse:
    if req.get("queryLanguage", "CWLI") != "CWLI":
        raise AwsError("NotImplemented", f"Queries in {req['queryLanguage']} are not built in Cloche yet.", 501)
    names = wanted(req)
    start, end = (value // 1000 if value > 1 << 33 else value for value in (req["startTime"], req["endTime"]))        # milliseconds are taken as well
    if end < start:
        raise errors.invalid("End time should not be less than start time.")
    try:
        insights.parse(req["queryString"])
    except insights.Malformed as fault:
        raise malformed(fault) from None
    for name in names:
        groups.find(call, name)
    made = call.put(LogQuery(call.uuid(), req["queryString"], tuple(names), start * 1000, end * 1000 + 999, call.now, call.principal.arn, req.get("limit", 0)))
    call.wake(run_query, made.id)
    call.after(KEPT_SECONDS, forget_query, name=made.id, id=made.id)
    return {"queryId": made.id}


@logs.timer
def forget_query(call: Call, id: str) -> None:
    if found := call.get(LogQuery, id):
        call.delete(found)
        call.sql("DELETE FROM logs_found WHERE query=?", id)


@logs.worker
async def run_query(call: Call, key: str) -> None:
    query = call.get(LogQuery, key)
    if query is None or query.status in OVER:
        return
    with call.step():
        query = call.put(query.but(status="Running"))
    begun = call.now
    try:
        events, size = await gathered(call, query)
        rows, matched = await asyncio.to_thread(insights.run, insights.parse(query.text), events, query.limit or None, query.created * 1000)
        told, status = {"recordsMatched": float(matched), "recordsScanned": float(len(events)), "bytesScanned": float(size), "logGroupsScanned": float(len(query.groups)), "resultCount": float(len(rows))}, "Complete"
    except TimeoutError:
        rows, told, status = [], {}, "Timeout"
    except AwsError:                             # the key of a group is closed
        rows, told, status = [], {}, "Failed"
    with call.step():
        query = call.get(LogQuery, key)
        if query is not None and query.status == "Running":
            call.put(query.but(status=status, statistics=told, took=int((call.now - begun) * 1000)))
            call.sql("INSERT OR REPLACE INTO logs_found VALUES (?,?)", key, json.dumps(rows))


async def gathered(call: Call, query: LogQuery) -> tuple[list[insights.Event], int]:
    """The events of the time asked for, newest first; other work goes on between the pieces."""
    found: list[tuple[int, int, insights.Event]] = []
    for name in query.groups:
        group = call.get(groups.LogGroup, name)
        at, more = (1 << 62, 1 << 62), group is not None
        while more and group is not None and len(found) < MOST_EVENTS:
            rows = call.sql(
                "SELECT e.ts, e.id, e.message, e.ingested, s.name FROM logs_event e JOIN logs_stream s ON s.id=e.stream WHERE e.grp=? AND e.ts>=? AND e.ts<=? AND (e.ts, e.id)<(?,?) "
                "ORDER BY e.ts DESC, e.id DESC LIMIT ?", group.number, max(query.start, groups.kept_since(call, group)), query.end, *at, PIECE)
            opened = [(ts, id_, sealing.open_(call, kept), ingested, stream) for ts, id_, kept, ingested, stream in rows]
            found += await asyncio.to_thread(events_of, opened, f"{call.account}:{name}", group.number)
            more = len(rows) == PIECE
            at = rows[-1][:2] if rows else at
    found.sort(key=lambda one: one[:2], reverse=True)
    return [one for _, _, one in found], sum(len(one.message) for _, _, one in found)


def events_of(rows: list[Any], log: str, number: int) -> list[tuple[int, int, insights.Event]]:
    return [(ts, id_, insights.event(message, ts, ingested, stream, log, pointer(number, id_))) for ts, id_, message, ingested, stream in rows]


def pointer(group: int, id_: int) -> str:
    """`@ptr`: which event a row is."""
    return base64.urlsafe_b64encode(f"{group}:{id_}".encode()).decode()


@logs.op(ANY)
def get_query_results(call: Call, req: t.GetQueryResultsRequest) -> t.GetQueryResultsResponse:
    query = find(call, req["queryId"])
    row = call.row("SELECT rows FROM logs_found WHERE query=?", query.id)
    rows = json.loads(row[0]) if row else []
    start, most = int(req.get("nextToken") or 0) if str(req.get("nextToken") or 0).isdigit() else 0, req.get("maxItems") or 10_000
    shown = [[{"field": name, "value": value} for name, value in one] for one in rows[start:start + most]]
    out: Any = {"queryLanguage": "CWLI", "results": shown, "status": query.status,
                "statistics": {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0, "estimatedRecordsSkipped": 0.0, "estimatedBytesSkipped": 0.0, "logGroupsScanned": 0.0, **query.statistics}}
    return out | ({"nextToken": str(start + most)} if start + most < len(rows) else {})  # type: ignore[no-any-return]


@logs.op(ANY)
def stop_query(call: Call, req: t.StopQueryRequest) -> t.StopQueryResponse:
    query = find(call, req["queryId"])
    if query.status in OVER:
        raise errors.invalid(f"Query with ID {query.id} has already ended with status: {query.status}")
    call.put(query.but(status="Cancelled"))
    return {"success": True}


@logs.op(groups.by_any)
def describe_queries(call: Call, req: t.DescribeQueriesRequest) -> t.DescribeQueriesResponse:
    found = [one for one in call.all(LogQuery) if req.get("logGroupName") in (None, *one.groups) and req.get("status") in (None, one.status)]
    found.sort(key=lambda one: one.created, reverse=True)
    shown, token = pages.page(found, req, lambda one: one.id, 1000, errors.bad_token, size="maxResults", token="nextToken")
    rows = [{"queryLanguage": "CWLI", "queryId": one.id, "queryString": one.text, "status": one.status, "createTime": int(one.created * 1000), "logGroupName": one.groups[0],
             "queryDuration": one.took, "bytesScanned": one.statistics.get("bytesScanned", 0.0), "userIdentity": one.who} for one in shown]
    out: Any = {"queries": rows}
    return out | token  # type: ignore[no-any-return]


@logs.op(ANY)
def get_log_record(call: Call, req: t.GetLogRecordRequest) -> t.GetLogRecordResponse:
    try:
        number, id_ = (int(part) for part in base64.urlsafe_b64decode(req["logRecordPointer"]).decode().split(":"))
    except ValueError:
        raise errors.invalid("The specified log record pointer is invalid.") from None
    group = next((one for one in call.all(groups.LogGroup) if one.number == number), None)
    row = call.row("SELECT e.ts, e.message, e.ingested, s.name FROM logs_event e JOIN logs_stream s ON s.id=e.stream WHERE e.id=? AND e.grp=?", id_, number)
    if group is None or row is None:
        raise errors.no_resource()
    found = insights.event(sealing.open_(call, row[1]), row[0], row[2], row[3], f"{call.account}:{group.name}", req["logRecordPointer"]).fields()
    shown = {name: str(int(value)) if isinstance(value, float) else str(value) for name, value in found.items()}
    return {"logRecord": shown}


# -- definitions --------------------------------------------------------------------------------------------------------------------

@logs.op(ANY)
def put_query_definition(call: Call, req: t.PutQueryDefinitionRequest) -> t.PutQueryDefinitionResponse:
    id_ = req.get("queryDefinitionId") or call.uuid()
    if req.get("queryDefinitionId") and call.get(QueryDefinition, id_) is None:
        raise errors.no_resource()
    call.put(QueryDefinition(id_, req["name"], req["queryString"], tuple(req.get("logGroupNames") or ()), groups.milliseconds(call)))
    return {"queryDefinitionId": id_}


@logs.op(ANY)
def describe_query_definitions(call: Call, req: t.DescribeQueryDefinitionsRequest) -> t.DescribeQueryDefinitionsResponse:
    found = sorted((one for one in call.all(QueryDefinition) if one.name.startswith(req.get("queryDefinitionNamePrefix", ""))), key=lambda one: (one.name, one.id))
    shown, token = pages.page(found, req, lambda one: one.id, 1000, errors.bad_token, size="maxResults", token="nextToken")
    rows = [{"queryLanguage": "CWLI", "queryDefinitionId": one.id, "name": one.name, "queryString": one.text, "lastModified": one.modified, "logGroupNames": list(one.groups)} for one in shown]
    out: Any = {"queryDefinitions": rows}
    return out | token  # type: ignore[no-any-return]


@logs.op(ANY)
def delete_query_definition(call: Call, req: t.DeleteQueryDefinitionRequest) -> t.DeleteQueryDefinitionResponse:
    found = call.get(QueryDefinition, req["queryDefinitionId"])
    if found is None:
        raise errors.no_resource()
    call.delete(found)
    return {"success": True}
