"""The history of ninety days: management events by one of their attributes, newest first.

What the journal took down is made out into rows when somebody reads it, and indexed by an attribute when somebody first asks for it; a lookup begins with what
came since the last one.
"""
from __future__ import annotations

import base64
import binascii
import json
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call
from cloche.kernel.journal import KEPT_SECONDS, MANAGEMENT, Line, facts_of

from . import errors, insights, records, resources
from . import service as cloudtrail

log = logging.getLogger("cloche")

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_event (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, category TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
    reads INTEGER NOT NULL, username TEXT NOT NULL, access_key TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS cloudtrail_event_place ON cloudtrail_event (account, region, id);
CREATE INDEX IF NOT EXISTS cloudtrail_event_data ON cloudtrail_event (at) WHERE category <> 'Management';
CREATE TABLE IF NOT EXISTS cloudtrail_attribute (
    account TEXT, region TEXT, attribute TEXT, value TEXT, id INTEGER, PRIMARY KEY (account, region, attribute, value, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cloudtrail_indexed (attribute TEXT PRIMARY KEY, id INTEGER NOT NULL, first INTEGER NOT NULL) WITHOUT ROWID;
""")

AT_ONCE = 64                 # rows of the journal, each of one turn, made out in one step
DATA_KEPT_SECONDS = 2 * 86_400   # events of data only wait for the trails that asked for them
MOST = 50
PER_SECOND, BURST = 2.0, 10.0
COLUMNS = {"EventName": "name", "EventSource": "source", "Username": "username", "AccessKeyId": "access_key", "ReadOnly": "CASE reads WHEN 0 THEN 'false' ELSE 'true' END"}
LINE = "j.id, j.at, j.account, j.region, j.username, j.access_key, j.body"


@cloudtrail.op(resource=ANY)
async def lookup_events(call: Call, req: t.LookupEventsRequest) -> t.LookupEventsResponse:
    attribute, value = wanted(req)
    if not 1 <= req.get("MaxResults", MOST) <= MOST:
        raise errors.bad_limit()
    since, until = req.get("StartTime"), req.get("EndTime")
    if since is not None and until is not None and since > until:
        raise errors.bad_time_range()
    meter(call)
    below = last_told(req)
    most = req.get("MaxResults") or MOST
    if req.get("EventCategory") == "insight":
        return of_insights(call, req, attribute, value, since or 0.0, until, below, most)
    await catch_up(call)
    with call.step():
        found = find(call, attribute, value, max(since or 0.0, call.now - KEPT_SECONDS), until, below, most + 1)
        out: t.LookupEventsResponse = {"Events": [event(call, one) for one in found[:most]]}
        if len(found) > most:
            out["NextToken"] = token(req, found[most - 1].id)
        return out


def of_insights(call: Call, req: Any, attribute: str, value: str, since: float, until: float | None, below: int, most: int) -> t.LookupEventsResponse:
    if attribute not in ("", "EventId", "EventName", "EventSource"):
        raise errors.bad_attributes(f"The attribute {attribute} does not look up insight events.")
    found = insights.found(call, attribute, value, since, until, below, most + 1)
    out: t.LookupEventsResponse = {"Events": [{
        "EventId": body["eventID"], "EventName": body["insightDetails"]["eventName"], "EventSource": body["insightDetails"]["eventSource"], "EventTime": records.seconds(body["eventTime"]),
        "Resources": [], "CloudTrailEvent": json.dumps(body, separators=(",", ":"))} for _, body in found[:most]]}
    if len(found) > most:
        out["NextToken"] = token(req, found[most - 1][0])
    return out


def wanted(req: Any) -> tuple[str, str]:
    given = req.get("LookupAttributes") or []
    if len(given) > 1:
        raise errors.bad_attributes("Only one lookup attribute can be specified.")
    if not given:
        return "", ""
    name, value = given[0]["AttributeKey"], given[0]["AttributeValue"]
    if name == "ReadOnly" and value.lower() not in ("true", "false"):
        raise errors.bad_attributes("The value of the ReadOnly attribute must be true or false.")
    return name, value.lower() if name == "ReadOnly" else value


def meter(call: Call) -> None:
    """Two a second for an account in a region; a few more at once."""
    meters, now, place = call.cloud.memory.setdefault("cloudtrail.lookups", {}), call.now, (call.account, call.region)
    if call.cloud.clock.frozen is not None:   # then nobody could wait for the next
        return
    left, at = meters.get(place, (BURST, now))
    left = min(BURST, left + max(0.0, now - at) * PER_SECOND)
    if left < 1:
        raise errors.throttled()
    meters[place] = (left - 1, now)


def find(call: Call, attribute: str, value: str, since: float, until: float | None, below: int, most: int) -> list[records.Seen]:
    end = 1e18 if until is None else until
    if attribute == "EventId":
        rows = call.sql(f"SELECT {LINE} FROM cloudtrail_event j WHERE id = ? AND id < ? AND account = ? AND region = ? AND category = ? AND at BETWEEN ? AND ?",
                        records.number_of(call.cloud, value), below, call.account, call.region, MANAGEMENT, since, end)
    elif not attribute:
        rows = call.sql(f"SELECT {LINE} FROM cloudtrail_event j WHERE account = ? AND region = ? AND id < ? AND category = ? AND at BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
                        call.account, call.region, below, MANAGEMENT, since, end, most)
    else:
        index(call, attribute)
        rows = call.sql(f"SELECT {LINE} FROM cloudtrail_attribute a JOIN cloudtrail_event j ON j.id = a.id WHERE a.account = ? AND a.region = ? AND a.attribute = ? AND a.value = ? "
                        "AND a.id < ? AND j.at BETWEEN ? AND ? ORDER BY a.id DESC LIMIT ?", call.account, call.region, attribute, value, below, since, end, most)
    return [seen(*row) for row in rows]


def seen(id_: int, at: float, account: str, region: str, username: str, key: str, raw: bytes) -> records.Seen:
    body = records.decode(raw)
    return records.Seen(id_, at, account, region, facts_of(body.service, body.operation), username, key, body)


async def catch_up(call: Call) -> None:
    """Make out what the journal has taken down so far, a piece at a time; others have their turns between."""
    call.cloud.journal.flush()
    with call.step():
        if call.row("SELECT 1 FROM journal"):
            call.sql("DELETE FROM cloudtrail_event WHERE id < ?", call.row("SELECT min(id) FROM cloudtrail_event WHERE at >= ?", call.now - KEPT_SECONDS)[0] or 0)
            call.sql("DELETE FROM cloudtrail_event WHERE category <> 'Management' AND at < ?", call.now - DATA_KEPT_SECONDS)
    while True:
        with call.step():
            more = make_out(call)
        if not more:
            return
        await call.turn()


_lines = msgspec.msgpack.Decoder(list[Line]).decode


def make_out(call: Call) -> bool:
    rows = call.sql("SELECT last, lines FROM journal ORDER BY last LIMIT ?", AT_ONCE)
    for _, packed in rows:
        for line in _lines(packed):
            if line.at < call.now - KEPT_SECONDS:   # too old to tell, and what it refers to may be gone
                continue
            try:
                one = records.seen(call.cloud, line)
            except msgspec.DecodeError:     # one line that nobody can read must not hide all others
                log.exception("the record of request %s", line.request_id)
                continue
            call.sql("INSERT OR REPLACE INTO cloudtrail_event VALUES (?,?,?,?,?,?,?,?,?,?,?)", one.id, one.at, one.account, one.region, one.facts.category, one.facts.source, one.facts.name,
                     one.facts.reads, one.username, one.key, msgspec.msgpack.encode(one.body))
    if rows:
        call.sql("DELETE FROM journal WHERE last <= ?", rows[-1][0])
        call.cloud.store.set_meta("journal.last", rows[-1][0])
    return len(rows) == AT_ONCE


def index(call: Call, attribute: str) -> None:
    """Index by this attribute what was told since it was last asked for, and forget what the history has forgotten."""
    at, first = call.row("SELECT id, first FROM cloudtrail_indexed WHERE attribute = ?", attribute) or (0, 0)
    oldest, newest = call.row("SELECT min(id), max(id) FROM cloudtrail_event")
    if newest is None or newest <= at:
        return
    if oldest > first and at:
        call.sql("DELETE FROM cloudtrail_attribute WHERE attribute = ? AND id < ?", attribute, oldest)
    if attribute in COLUMNS:
        column = COLUMNS[attribute]
        call.sql(f"INSERT OR IGNORE INTO cloudtrail_attribute SELECT account, region, ?, {column}, id FROM cloudtrail_event WHERE id > ? AND category = ? AND {column} <> ''",
                 attribute, at, MANAGEMENT)
    else:
        which = 0 if attribute == "ResourceType" else 1
        for id_, account, region, raw in call.sql("SELECT id, account, region, body FROM cloudtrail_event WHERE id > ? AND category = ?", at, MANAGEMENT):
            for one in resources.mentioned(records.decode(raw)):
                call.sql("INSERT OR IGNORE INTO cloudtrail_attribute VALUES (?,?,?,?,?)", account, region, attribute, one[which], id_)
    call.sql("INSERT OR REPLACE INTO cloudtrail_indexed VALUES (?,?,?)", attribute, newest, oldest)


def event(call: Call, one: records.Seen) -> t.Event:
    out: t.Event = {
        "EventId": records.event_id(call.cloud, one.id), "EventName": one.facts.name, "ReadOnly": "true" if one.facts.reads else "false", "EventTime": float(int(one.at)),
        "EventSource": one.facts.source, "Resources": [{"ResourceType": type_, "ResourceName": named} for type_, named in resources.mentioned(one.body)],
        "CloudTrailEvent": json.dumps(records.record(call.cloud, one), separators=(",", ":")),
    }
    if one.username:
        out["Username"] = one.username
    if one.key:
        out["AccessKeyId"] = one.key
    return out


# -- pages --------------------------------------------------------------------------------------------------------------------

def asked(req: Any) -> list[Any]:
    """A token is good for the question that it was given for."""
    return [req.get("LookupAttributes") or [], req.get("StartTime"), req.get("EndTime"), req.get("EventCategory")]


def token(req: Any, last: int) -> str:
    return base64.b64encode(json.dumps([last, *asked(req)]).encode()).decode()


def last_told(req: Any) -> int:
    given = req.get("NextToken")
    if not given:
        return 1 << 62
    try:
        last, *question = json.loads(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise errors.bad_token() from None
    if question != asked(req) or type(last) is not int:
        raise errors.bad_token()
    return last
