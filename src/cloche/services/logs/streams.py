"""Log streams: one row each, because a function makes one per environment."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, groups, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

logs.table("""CREATE TABLE IF NOT EXISTS logs_stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER, token TEXT NOT NULL)""")
logs.table("CREATE UNIQUE INDEX IF NOT EXISTS logs_stream_name ON logs_stream (grp, name)")
logs.table("CREATE INDEX IF NOT EXISTS logs_stream_last ON logs_stream (grp, coalesce(last, 0), name)")


def by_stream(call: Call, req: Any) -> str:
    return call.arn(f"log-group:{req.get('logGroupName') or groups._identified(req)}:log-stream:{req['logStreamName']}")


def find(call: Call, group: groups.LogGroup, name: str) -> int:
    row = call.row("SELECT id FROM logs_stream WHERE grp=? AND name=?", group.number, name)
    if row is None:
        raise errors.no_stream()
    return int(row[0])


@logs.op(by_stream)
def create_log_stream(call: Call, req: t.CreateLogStreamRequest) -> None:
    create(call, groups.find(call, req["logGroupName"]), req["logStreamName"])


def create(call: Call, group: groups.LogGroup, name: str) -> None:
    if call.row("SELECT 1 FROM logs_stream WHERE grp=? AND name=?", group.number, name):
        raise errors.stream_exists()
    call.sql("INSERT INTO logs_stream (grp, name, created, token) VALUES (?,?,?,?)", group.number, name, groups.milliseconds(call), call.pick("0123456789", 56))


@logs.op(groups.by_name)
def describe_log_streams(call: Call, req: t.DescribeLogStreamsRequest) -> t.DescribeLogStreamsResponse:
    group = groups.find(call, groups.named(req))
    prefix, by_time, down = req.get("logStreamNamePrefix", ""), req.get("orderBy") == "LastEventTime", req.get("descending", False)
    if by_time and prefix:
        raise errors.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    order, sign = ("DESC", "<") if down else ("ASC", ">")
    where, args = "grp=?", [group.number]
    if prefix:
        where += " AND name>=? AND name<?"
        args += [prefix, prefix + "\U0010ffff"]
    if "nextToken" in req:
        last, name = _from_token(req["nextToken"])
        where += f" AND (coalesce(last, 0), name){sign}(?,?)" if by_time else f" AND name{sign}?"
        args += [last, name] if by_time else [name]
    limit = req.get("limit") or 50
    by = f"coalesce(last, 0) {order}, name {order}" if by_time else f"name {order}"
    rows = call.sql(f"SELECT name, created, first, last, ingested, token FROM logs_stream WHERE {where} ORDER BY {by} LIMIT ?", *args, limit + 1)
    out: Any = {"logStreams": [_describe(call, group, row) for row in rows[:limit]]}
    if len(rows) > limit:
        out["nextToken"] = base64.urlsafe_b64encode(f"{rows[limit - 1][3] or 0}/{rows[limit - 1][0]}".encode()).decode()
    return out


def _from_token(token: str) -> tuple[int, str]:
    try:
        last, _, name = base64.urlsafe_b64decode(token).decode().partition("/")
        return int(last), name
    except ValueError:
        raise errors.bad_token() from None


def _describe(call: Call, group: groups.LogGroup, row: Any) -> dict[str, Any]:
    name, created, first, last, ingested, token = row
    out = {"logStreamName": name, "creationTime": created, "arn": f"{groups.arn(call, group.name)}:log-stream:{name}", "storedBytes": 0}  # AWS says 0 since 2019
    if last is not None:
        out |= {"firstEventTimestamp": first, "lastEventTimestamp": last, "lastIngestionTime": ingested, "uploadSequenceToken": token}
    return out


@logs.op(by_stream)
def delete_log_stream(call: Call, req: t.DeleteLogStreamRequest) -> None:
    group = groups.find(call, req["logGroupName"])
    stream = find(call, group, req["logStreamName"])
    gone = call.row(f"SELECT coalesce(sum({sealing.SIZE}), 0) FROM logs_event WHERE stream=?", stream)[0]
    call.sql("DELETE FROM logs_event WHERE stream=?", stream)
    call.sql("DELETE FROM logs_stream WHERE id=?", stream)
    call.sql("UPDATE logs_size SET bytes=max(0, bytes-?) WHERE grp=?", gone, group.number)
