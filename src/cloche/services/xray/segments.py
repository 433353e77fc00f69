"""Segments as they come, over the API, from the daemons and from services; kept for thirty days, under their trace.

A trace has a row of its own, which says when it was: by the moment in its ID where that is near the segment's own (X-Ray no longer minds what an ID says), else by its first segment.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cloche.kernel import ANY, Call

from . import documents
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

KEPT_SECONDS = 30 * 86_400
NEAR_SECONDS = 900

xray.table("""
CREATE TABLE IF NOT EXISTS xray_trace (
    account TEXT, region TEXT, id TEXT, born REAL NOT NULL, start REAL NOT NULL, end REAL NOT NULL, came REAL NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (account, region, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS xray_trace_born ON xray_trace (account, region, born);
CREATE INDEX IF NOT EXISTS xray_trace_start ON xray_trace (account, region, start);
CREATE INDEX IF NOT EXISTS xray_trace_came ON xray_trace (account, region, came);
CREATE TABLE IF NOT EXISTS xray_segment (
    account TEXT, region TEXT, trace TEXT, id TEXT, whole INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (account, region, trace, id)) WITHOUT ROWID;
""")


class Row(NamedTuple):
    id: str
    born: float
    start: float
    end: float
    came: float
    revision: int


def enter(call: Call, document: documents.Document, shift: float = 0.0) -> None:
    """Within a step. What is whole takes the place of what was in progress, not the other way round. `shift`: by so much its moments were moved, but not its ID."""
    trace, id_ = document["trace_id"], document["id"]
    whole = "in_progress" not in document
    found = call.row("SELECT whole FROM xray_segment WHERE account = ? AND region = ? AND trace = ? AND id = ?", call.account, call.region, trace, id_)
    if found is not None and found[0] and not whole:
        return
    call.sql("INSERT OR REPLACE INTO xray_segment VALUES (?,?,?,?,?,?)", call.account, call.region, trace, id_, whole, documents.dump(document))
    start = document["start_time"]
    end = document.get("end_time", start)
    said = int(trace[2:10], 16) + shift
    born = float(said) if abs(said - start) < NEAR_SECONDS else start
    call.sql("INSERT INTO xray_trace VALUES (?,?,?,?,?,?,?,1) ON CONFLICT DO UPDATE SET born = min(born, excluded.born), start = min(start, excluded.start), end = max(end, excluded.end), "
             "revision = revision + 1", call.account, call.region, trace, born, start, end, call.now)
    from . import groups
    groups.noticed(call)
    tidy(call)


def tidy(call: Call) -> None:
    """What is too old goes, a few traces at a time."""
    old = call.sql("SELECT id FROM xray_trace WHERE account = ? AND region = ? AND came < ? LIMIT 20", call.account, call.region, call.now - KEPT_SECONDS)
    for (id_,) in old:
        call.sql("DELETE FROM xray_trace WHERE account = ? AND region = ? AND id = ?", call.account, call.region, id_)
        call.sql("DELETE FROM xray_segment WHERE account = ? AND region = ? AND trace = ?", call.account, call.region, id_)


ROW = "id, born, start, end, came, revision"


def row(call: Call, id_: str) -> Row | None:
    found = call.row(f"SELECT {ROW} FROM xray_trace WHERE account = ? AND region = ? AND id = ? AND came >= ?", call.account, call.region, id_, call.now - KEPT_SECONDS)
    return Row(*found) if found else None


def between(call: Call, column: str, start: float, end: float) -> list[Row]:
    """Newest first. `column`: born (by ID) or start (by what happened: the trace has a part within the range)."""
    test = "born >= ? AND born < ?" if column == "born" else "end >= ? AND start < ?"
    return [Row(*each) for each in call.sql(f"SELECT {ROW} FROM xray_trace WHERE account = ? AND region = ? AND {test} AND came >= ? ORDER BY {column} DESC, id",
                                            call.account, call.region, start, end, call.now - KEPT_SECONDS)]


def that_came(call: Call, start: float, end: float) -> list[Row]:
    """Those first heard of between two moments."""
    return [Row(*each) for each in call.sql(f"SELECT {ROW} FROM xray_trace WHERE account = ? AND region = ? AND came >= ? AND came < ?", call.account, call.region, start, end)]


def of(call: Call, trace: str) -> list[documents.Document]:
    return [msgspec.json.decode(body) for (body,) in call.sql("SELECT body FROM xray_segment WHERE account = ? AND region = ? AND trace = ?", call.account, call.region, trace)]


@xray.op(resource=ANY)
def put_trace_segments(call: Call, req: t.PutTraceSegmentsRequest) -> t.PutTraceSegmentsResult:
    refused: list[Any] = []
    for text in req["TraceSegmentDocuments"]:
        try:
            enter(call, documents.read(text))
        except documents.Refused as why:
            refused.append({**({"Id": why.id} if why.id else {}), "ErrorCode": why.code, "Message": f"Invalid segment. ErrorCode: {why.code}"})
    return {"UnprocessedTraceSegments": refused}


def heard(call: Call, texts: list[str]) -> None:
    """What a daemon was sent: by a program beside the cloud, whose clock is the machine's. Where the cloud's was moved on since, its moments are moved along."""
    clock = call.cloud.clock
    real, offset = clock.real(), clock.now() - clock.real()
    for text in texts:
        try:
            one = documents.read(text)
        except documents.Refused:
            continue
        at = one.get("end_time", one["start_time"])
        shift = offset if abs(at - real) < abs(at - real - offset) else 0.0
        enter(call, documents.moved(one, shift) if shift else one, shift)


@xray.op(resource=ANY)
def put_telemetry_records(call: Call, req: t.PutTelemetryRecordsRequest) -> t.PutTelemetryRecordsResult:
    """A daemon's word about itself; AWS shows it to nobody either."""
    return {}
