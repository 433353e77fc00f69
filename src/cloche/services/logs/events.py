"""Log events: appended to a stream, read back in order of time, or searched across a group.

A position is (timestamp, id): every token and every page is one. Two indexes answer the two questions: a stream by time, a group by time.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import log_filter

from . import errors, groups, metrics, sealing, streams, subscriptions
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

logs.table("""CREATE TABLE IF NOT EXISTS logs_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, stream INTEGER NOT NULL, ts INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL)""")
logs.table("CREATE INDEX IF NOT EXISTS logs_event_stream ON logs_event (stream, ts, id)")
logs.table("CREATE INDEX IF NOT EXISTS logs_event_group ON logs_event (grp, ts, id)")

MAX_BATCH, MAX_EVENT, OVERHEAD = 1_048_576, 1_048_576, 26
HOUR = 3_600_000
SCANNED_AT_MOST = 10_000  # events that one FilterLogEvents looks at before it hands out a token

Line = tuple[int, str]


@logs.op(streams.by_stream)
def put_log_events(call: Call, req: t.PutLogEventsRequest) -> t.PutLogEventsResponse:
    group = groups.find(call, req["logGroupName"])
    stream = streams.find(call, group, req["logStreamName"])
    lines = [(event["timestamp"], event["message"]) for event in req["logEvents"]]
    _check(lines)
    good, rejected = _sort_out(call, group, lines)
    token = call.pick("0123456789", 56)
    if good:
        append(call, group, stream, req["logStreamName"], good, token)
    out: Any = {"nextSequenceToken": token}
    if rejected:
        out["rejectedLogEventsInfo"] = rejected
    return out


def _check(lines: list[Line]) -> None:
    size = 0
    for i, (moment, message) in enumerate(lines):
        if i and moment < lines[i - 1][0]:
            raise errors.unsorted()
        one = len(message.encode()) + OVERHEAD
        if one > MAX_EVENT + OVERHEAD:
            raise errors.too_large(one, MAX_EVENT, "Log event")
        size += one
    if size > MAX_BATCH:
        raise errors.too_large(size, MAX_BATCH)


def _sort_out(call: Call, group: groups.LogGroup, lines: list[Line]) -> tuple[list[Line], dict[str, int]]:
    """What is too old, expired or too far ahead is not taken; the rest is."""
    now = groups.milliseconds(call)
    old, expired, new = now - 14 * groups.DAY, groups.kept_since(call, group), now + 2 * HOUR
    rejected: dict[str, int] = {}
    good = []
    for i, (moment, message) in enumerate(lines):
        if moment > new:
            rejected.setdefault("tooNewLogEventStartIndex", i)
        elif moment < expired:
            rejected["expiredLogEventEndIndex"] = i + 1
        elif moment < old:
            rejected["tooOldLogEventEndIndex"] = i + 1
        else:
            good.append((moment, message))
    if good and good[-1][0] - good[0][0] > groups.DAY:
        raise errors.too_wide()
    return good, rejected


def append(call: Call, group: groups.LogGroup, stream: int, name: str, lines: list[Line], token: str) -> None:
    now, size = groups.milliseconds(call), 0
    ids = []
    for moment, message in lines:
        kept = sealing.close(call, group, message.encode("utf-8", "surrogatepass")) if group.data_key else message
        row = call.row("INSERT INTO logs_event (grp, stream, ts, ingested, message) VALUES (?,?,?,?,?) RETURNING id", group.number, stream, moment, now, kept)
        ids.append(row[0])
        size += len(message) + OVERHEAD
    first, last = lines[0][0], lines[-1][0]
    call.sql(
        "UPDATE logs_stream SET first=min(coalesce(first, ?), ?), last=max(coalesce(last, ?), ?), ingested=?, token=? WHERE id=?", first, first, last, last, now, token, stream
    )
    planned = call.row("INSERT INTO logs_size VALUES (?,?,NULL) ON CONFLICT (grp) DO UPDATE SET bytes=bytes+excluded.bytes RETURNING sweep", group.number, size)
    if group.retention and planned[0] is None:
        groups.plan_sweep(call, group)
    metrics.incoming(call, group, len(lines), size)
    if group.metrics:
        metrics.count(call, group, lines)
    metrics.embedded(call, lines)
    if group.subscriptions:
        subscriptions.offer(call, group, name, [(event_id(moment, id_), moment, message) for id_, (moment, message) in zip(ids, lines)])
    call.signal(("logs", group.number))


def event_id(moment: int, id_: int) -> str:
    """56 digits that sort as the events do."""
    return f"3{moment:019d}{id_:036d}"


# -- reading one stream -------------------------------------------------------------------------------------------------

_EVENT = "SELECT ts, id, message, ingested FROM logs_event WHERE stream=? AND ts>=? AND ts<?"
FOREVER = 1 << 62


@logs.op(streams.by_stream)
def get_log_events(call: Call, req: t.GetLogEventsRequest) -> t.GetLogEventsResponse:
    group = groups.find(call, groups.named(req))
    stream = streams.find(call, group, req["logStreamName"])
    limit = req.get("limit") or 10_000
    since, until = max(req.get("startTime", 0), groups.kept_since(call, group)), req.get("endTime", FOREVER)
    token = req.get("nextToken")
    way, at = _from_token(token) if token else ("f" if req.get("startFromHead") else "b", None)
    if way == "f":
        rows = call.sql(f"{_EVENT} AND (ts, id)>(?,?) ORDER BY ts, id LIMIT ?", stream, since, until, *(at or (-1, -1)), limit)
    else:
        rows = call.sql(f"{_EVENT} AND (ts, id)<(?,?) ORDER BY ts DESC, id DESC LIMIT ?", stream, since, until, *(at or (FOREVER, FOREVER)), limit)[::-1]
    rows = _fit([(ts, id_, sealing.open_(call, message), ingested) for ts, id_, message, ingested in rows], way)
    if rows:
        forward, backward = _token("f", rows[-1][:2]), _token("b", rows[0][:2])
    else:  # the end: the same token again says so
        forward, backward = _token("f", at or (0, 0)), _token("b", at or (0, 0))
    events = [{"timestamp": ts, "message": message, "ingestionTime": ingested} for ts, _, message, ingested in rows]
    return {"events": events, "nextForwardToken": forward, "nextBackwardToken": backward}


def _fit(rows: list[Any], way: str) -> list[Any]:
    """As many as fit into one megabyte."""
    size, n = 0, 0
    for row in rows if way == "f" else reversed(rows):
        size += len(row[2]) + OVERHEAD
        if size > MAX_BATCH and n:
            break
        n += 1
    return rows[:n] if way == "f" else rows[len(rows) - n :]


def _token(way: str, at: tuple[int, int]) -> str:
    return f"{way}/{event_id(*at)}/s"


def _from_token(token: str) -> tuple[str, tuple[int, int]]:
    parts = token.split("/")
    if len(parts) != 3 or parts[0] not in ("f", "b") or len(parts[1]) != 56 or not parts[1].isdigit():
        raise errors.bad_token()
    return parts[0], (int(parts[1][1:20]), int(parts[1][20:]))


# -- searching a group --------------------------------------------------------------------------------------------------


@logs.op(groups.by_name)
def filter_log_events(call: Call, req: t.FilterLogEventsRequest) -> t.FilterLogEventsResponse:
    group = groups.find(call, groups.named(req))
    try:
        pattern = log_filter.compile(req.get("filterPattern", ""))
    except log_filter.Invalid as error:
        raise errors.invalid(str(error)) from None
    chosen = _streams(call, group, req)
    since, until = max(req.get("startTime", 0), groups.kept_since(call, group)), req.get("endTime", FOREVER)
    limit = req.get("limit") or 10_000
    down = req.get("startFromHead") is False
    at = (FOREVER, FOREVER) if down else (-1, -1)
    if "nextToken" in req:
        at = _from_token(req["nextToken"])[1]
    sign, order = ("<", "DESC") if down else (">", "ASC")
    where, args = ("grp=?", [group.number]) if chosen is None else (f"stream IN ({','.join('?' * len(chosen))})", list(chosen))
    found: list[Any] = []
    names: dict[int, str] = {}
    size = scanned = 0
    chunk = min(limit + 1, SCANNED_AT_MOST)  # no more than could be shown, then in larger bites
    more = True
    while more and scanned < SCANNED_AT_MOST:
        rows = call.sql(
            f"SELECT ts, id, message, ingested, stream FROM logs_event WHERE {where} AND ts>=? AND ts<=? AND (ts, id){sign}(?,?) ORDER BY ts {order}, id {order} LIMIT ?",
            *args, since, until, *at, chunk,
        )
        more = len(rows) == chunk
        for ts, id_, kept, ingested, stream in rows:
            message = sealing.open_(call, kept)
            if pattern.match(message) is not None:
                size += len(message) + OVERHEAD
                if len(found) == limit or (found and size > MAX_BATCH):
                    return {"events": found, "searchedLogStreams": [], "nextToken": _token("b" if down else "f", at)}
                if stream not in names:
                    names[stream] = call.row("SELECT name FROM logs_stream WHERE id=?", stream)[0]
                found.append({"logStreamName": names[stream], "timestamp": ts, "message": message, "ingestionTime": ingested, "eventId": event_id(ts, id_)})
            at = (ts, id_)
        scanned += len(rows)
        chunk = 2000
    out: Any = {"events": found, "searchedLogStreams": []}  # AWS no longer says which
    if more:
        out["nextToken"] = _token("b" if down else "f", at)
    return out  # type: ignore[no-any-return]


def _streams(call: Call, group: groups.LogGroup, req: Any) -> list[int] | None:
    names, prefix = req.get("logStreamNames"), req.get("logStreamNamePrefix")
    if names and prefix:
        raise errors.invalid("LogStream name prefix and LogStream names are mutually exclusive parameters.")
    if names:
        return [streams.find(call, group, name) for name in names]
    if prefix:
        return [row[0] for row in call.sql("SELECT id FROM logs_stream WHERE grp=? AND name>=? AND name<?", group.number, prefix, prefix + "\U0010ffff")]
    return None
