"""Live tail: what arrives in some groups, as it arrives, in updates a second apart."""
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages import log_filter

from . import errors, groups, sealing, subscriptions
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

PER_UPDATE, LONGEST = 500, 3 * 3600


def by_identifiers(call: Call, req: Any) -> list[str]:
    return [groups.arn(call, groups._identified({"logGroupIdentifier": one})) for one in req["logGroupIdentifiers"]]


@logs.op(by_identifiers)
def start_live_tail(call: Call, req: t.StartLiveTailRequest) -> t.StartLiveTailResponse:
    names, prefixes = req.get("logStreamNames") or [], req.get("logStreamNamePrefixes") or []
    if (names or prefixes) and len(req["logGroupIdentifiers"]) > 1:
        raise errors.invalid("logStreamNames and logStreamNamePrefixes can be used with exactly one log group.")
    if names and prefixes:
        raise errors.invalid("LogStream name prefix and LogStream names are mutually exclusive parameters.")
    if any(not one.startswith("arn:") for one in req["logGroupIdentifiers"]):
        raise errors.invalid("The log group identifiers of a live tail session must be ARNs.")
    found = {groups.find(call, groups.named({"logGroupIdentifier": one})).number: one for one in req["logGroupIdentifiers"]}
    pattern = subscriptions._pattern(req.get("logEventFilterPattern", ""))
    after = call.row("SELECT coalesce(max(id), 0) FROM logs_event")[0]
    return {"responseStream": _session(call, req, found, pattern, after, names, tuple(prefixes))}


async def _session(call: Call, req: Any, found: dict[int, str], pattern: log_filter.Pattern, after: int, names: list[str], prefixes: tuple[str, ...]) -> AsyncIterator[dict[str, Any]]:
    start = {"requestId": call.request_id, "sessionId": call.uuid(), "logGroupIdentifiers": req["logGroupIdentifiers"]}
    yield {"sessionStart": start | {k: req[k] for k in ("logStreamNames", "logStreamNamePrefixes", "logEventFilterPattern") if k in req}}
    end = call.now + LONGEST
    while call.now < end:
        await call.wait([("logs", number) for number in found], min(call.now + 1, end))
        marks = ",".join("?" * len(found))
        rows = call.sql(f"SELECT e.id, e.grp, s.name, e.ts, e.ingested, e.message FROM logs_event e JOIN logs_stream s ON s.id=e.stream WHERE e.id>? AND e.grp IN ({marks}) ORDER BY e.id", after, *found)
        results: list[Any] = []
        for id_, number, stream, ts, ingested, kept in rows:
            after, message = id_, sealing.open_(call, kept)
            if (not names or stream in names) and (not prefixes or stream.startswith(prefixes)) and pattern.match(message) is not None:
                results.append({"logStreamName": stream, "logGroupIdentifier": found[number], "message": message, "timestamp": ts, "ingestionTime": ingested})
        yield {"sessionUpdate": {"sessionMetadata": {"sampled": len(results) > PER_UPDATE}, "sessionResults": results[:PER_UPDATE]}}
    raise AwsError("SessionTimeoutException", "The Live Tail session has reached the maximum length of three hours.")
