"""Insights: a minute in which far more calls were made (or failed) than in any before. An anomaly begins with such a minute and ends with the first that is none.

Calls are counted by the minute while a trail asks for insights; the minute is judged when it is over, against those of the last seven days. AWS judges by a model
that it does not tell, a day and a half after it began to watch at the earliest; here a minute is unusual with LEAST calls or more, and over TIMES those of the busiest before.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call, Record

from . import destinations, records
from . import service as cloudtrail

if TYPE_CHECKING:
    from .trails import Trail

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_rate (
    account TEXT, region TEXT, minute INTEGER, type TEXT, source TEXT, name TEXT, code TEXT, who TEXT, agent TEXT, n INTEGER NOT NULL,
    PRIMARY KEY (account, region, minute, type, source, name, code, who, agent)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cloudtrail_rate_call ON cloudtrail_rate (account, region, type, source, name, minute);
CREATE TABLE IF NOT EXISTS cloudtrail_insight (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, at REAL NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cloudtrail_insight_place ON cloudtrail_insight (account, region, id);
CREATE TABLE IF NOT EXISTS cloudtrail_insight_wanted (trail TEXT, account TEXT, region TEXT, id INTEGER, PRIMARY KEY (trail, account, region, id)) WITHOUT ROWID;
""")

CALLS, FAILURES = "ApiCallRateInsight", "ApiErrorRateInsight"
LEAST, TIMES = 10, 3
LEARNS_MINUTES, BASELINE_MINUTES = 36 * 60, 7 * 24 * 60
AFTER_SECONDS = 300
KEPT_SECONDS = 90 * 86_400
ATTRIBUTES = {"userIdentityArn": "who", "userAgent": "agent", "errorCode": "code"}


class Unusual(Record, frozen=True):
    """An anomaly that goes on."""

    kind = "cloudtrail.unusual"

    type: str
    source: str
    name: str
    shared: str            # the id that its beginning and its end share
    since: int             # minute
    usual: float
    baseline: int          # minutes

    @property
    def key(self) -> str:
        return f"{self.type}/{self.source}/{self.name}"


def kinds(trail: Trail) -> set[str]:
    return {each["InsightType"] for each in trail.insights}


def count(here: Call, record: dict[str, Any], wanted: set[str]) -> None:
    """One management event, within the step of its request."""
    minute = int(here.now // 60)
    who = record["userIdentity"].get("arn") or record["userIdentity"].get("invokedBy") or record["userIdentity"].get("principalId") or ""
    for type_ in ([CALLS] if CALLS in wanted and not record["readOnly"] else []) + ([FAILURES] if FAILURES in wanted and "errorCode" in record else []):
        if here.row("SELECT 1 FROM cloudtrail_rate WHERE account = ? AND region = ? AND minute = ? LIMIT 1", here.account, here.region, minute) is None:
            here.due((minute + 1) * 60, judge, name="minute", minute=minute)
        here.sql("INSERT INTO cloudtrail_rate VALUES (?,?,?,?,?,?,?,?,?,1) ON CONFLICT DO UPDATE SET n = n + 1",
                 here.account, here.region, minute, type_, record["eventSource"], record["eventName"], record.get("errorCode") or "null", who, record["userAgent"])


@cloudtrail.timer
def judge(call: Call, minute: int) -> None:
    """A minute is over: what was unusual in it, and what goes on no more."""
    from .trails import logging_for
    watching = [trail for trail in logging_for(call.cloud, call.account, call.region) if trail.insights]
    learned = minute - int(min((trail.insights_since for trail in watching), default=call.now) // 60)
    busy = {tuple(row[:3]): int(row[3]) for row in call.sql("SELECT type, source, name, sum(n) FROM cloudtrail_rate WHERE account = ? AND region = ? AND minute = ? GROUP BY 1, 2, 3",
                                                            call.account, call.region, minute)}
    going = {(one.type, one.source, one.name): one for one in call.all(Unusual)}
    for what in sorted({*busy, *going}):
        one, n = going.get(what), busy.get(what, 0)
        length = min(learned if one is None else one.baseline, BASELINE_MINUTES)
        end = minute if one is None else one.since
        most, total = call.row("SELECT coalesce(max(n), 0), coalesce(sum(n), 0) FROM (SELECT sum(n) AS n FROM cloudtrail_rate WHERE account = ? AND region = ? AND type = ? AND source = ? AND name = ? "
                               "AND minute >= ? AND minute < ? GROUP BY minute)", call.account, call.region, *what, end - length, end)
        unusual = n >= LEAST and n > TIMES * most
        if one is None and unusual and length >= LEARNS_MINUTES:
            one = call.put(Unusual(*what, call.uuid(), minute, total / length, length))
            tell(call, one, "Start", minute + 1, watching)
        elif one is not None and not unusual:
            call.delete(one)
            tell(call, one, "End", minute, watching)
    if call.all(Unusual):
        call.due((minute + 2) * 60, judge, name="minute", minute=minute + 1)
    call.sql("DELETE FROM cloudtrail_rate WHERE account = ? AND region = ? AND minute < ?", call.account, call.region, minute - BASELINE_MINUTES - 60)


def tell(call: Call, one: Unusual, state: str, until: int, watching: list[Trail]) -> None:
    lasts = until - one.since
    n = call.row("SELECT coalesce(sum(n), 0) FROM cloudtrail_rate WHERE account = ? AND region = ? AND type = ? AND source = ? AND name = ? AND minute >= ? AND minute < ?",
                 call.account, call.region, one.type, one.source, one.name, one.since, until)[0]
    id_, at = call.uuid(), until * 60
    body = {
        "eventVersion": "1.08", "eventTime": records.moment(at), "awsRegion": call.region, "eventID": id_, "eventType": "AwsCloudTrailInsight", "recipientAccountId": call.account,
        "sharedEventID": one.shared, "eventCategory": "Insight", "insightDetails": {
            "state": state, "eventSource": one.source, "eventName": one.name, "insightType": one.type, "insightContext": {
                "statistics": {"baseline": {"average": round(one.usual, 10)}, "insight": {"average": round(n / lasts, 10)}, "insightDuration": lasts, "baselineDuration": one.baseline},
                "attributions": [{"attribute": name, "insight": shares(call, one, column, one.since, until), "baseline": shares(call, one, column, one.since - one.baseline, one.since)}
                                 for name, column in ATTRIBUTES.items()]}},
    }
    call.sql("INSERT INTO cloudtrail_insight (account, region, at, type, source, name, event, body) VALUES (?,?,?,?,?,?,?,?)",
             call.account, call.region, at, one.type, one.source, one.name, id_, json.dumps(body, separators=(",", ":")))
    number = call.row("SELECT max(id) FROM cloudtrail_insight")[0]
    for trail in watching:
        if one.type in kinds(trail):
            call.sql("INSERT INTO cloudtrail_insight_wanted VALUES (?,?,?,?)", trail.arn, call.account, call.region, number)
            call.after(AFTER_SECONDS, due_insights, trail.arn, trail=trail.arn)
    call.emit(AwsEvent("aws.cloudtrail", "AWS Insight via CloudTrail", body))


def shares(call: Call, one: Unusual, column: str, since: int, until: int) -> list[dict[str, Any]]:
    rows = call.sql(f"SELECT {column}, sum(n) FROM cloudtrail_rate WHERE account = ? AND region = ? AND type = ? AND source = ? AND name = ? AND minute >= ? AND minute < ? GROUP BY 1 "
                    "ORDER BY 2 DESC, 1 LIMIT 5", call.account, call.region, one.type, one.source, one.name, since, until)
    return [{"value": value, "average": round(n / (until - since), 10)} for value, n in rows]


@cloudtrail.timer
def due_insights(call: Call, trail: str) -> None:
    call.wake(deliver_insights, trail)


@cloudtrail.worker
async def deliver_insights(call: Call, key: str) -> None:
    from . import delivery
    trail = delivery.trail_of(call, key)
    rows = call.sql("SELECT w.id, i.body FROM cloudtrail_insight_wanted w JOIN cloudtrail_insight i ON i.id = w.id WHERE w.trail = ? AND w.account = ? AND w.region = ? ORDER BY w.id",
                    key, call.account, call.region)
    if trail is None or not rows:
        return
    name = (f"{destinations.folder(trail, call.account)}/CloudTrail-Insight/{call.region}/{delivery.stamp(call.now, '%Y/%m/%d')}/"
            f"{call.account}_CloudTrail-Insight_{call.region}_{delivery.stamp(call.now)}_{call.pick(delivery.LETTERS, 16)}.json.gz")
    try:
        await delivery.put(call, trail, name, json.dumps({"Records": [json.loads(body) for _, body in rows]}, separators=(",", ":")).encode())
    except AwsError as error:
        with call.step():
            now = delivery.state(call, key)
            if now.error != error.code:
                call.put(now.but(error=error.code))
            call.again(AFTER_SECONDS, due_insights, key, trail=key)
        return
    with call.step():
        call.sql("DELETE FROM cloudtrail_insight_wanted WHERE trail = ? AND account = ? AND region = ? AND id <= ?", key, call.account, call.region, rows[-1][0])


def found(call: Call, attribute: str, value: str, since: float, until: float | None, below: int, most: int) -> list[tuple[int, dict[str, Any]]]:
    """LookupEvents of insight events: newest first."""
    column = {"": "''", "EventName": "name", "EventSource": "source", "EventId": "event"}[attribute]
    rows = call.sql(f"SELECT id, body FROM cloudtrail_insight WHERE account = ? AND region = ? AND id < ? AND at BETWEEN ? AND ? AND {column} = ? ORDER BY id DESC LIMIT ?",
                    call.account, call.region, below, max(since, call.now - KEPT_SECONDS), 1e18 if until is None else until, value, most)
    return [(id_, json.loads(body)) for id_, body in rows]
