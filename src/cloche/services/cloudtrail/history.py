"""The history of ninety days: management events by one of their attributes, newest first.

The journal is indexed by the attributes that somebody asks for, and only once somebody does: a call looks up what came since the last one, in one statement.
"""
from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.kernel.journal import KEPT_SECONDS, MANAGEMENT, Line

from . import errors, records, resources
from . import service as cloudtrail

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_attribute (
    account TEXT, region TEXT, attribute TEXT, value TEXT, id INTEGER, PRIMARY KEY (account, region, attribute, value, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cloudtrail_indexed (attribute TEXT PRIMARY KEY, id INTEGER NOT NULL, first INTEGER NOT NULL) WITHOUT ROWID;
""")

MOST = 50
PER_SECOND, BURST = 2.0, 10.0
COLUMNS = {"EventName": "name", "EventSource": "source", "Username": "username", "AccessKeyId": "access_key", "ReadOnly": "CASE reads WHEN 0 THEN 'false' ELSE 'true' END"}
LINE = "j.id, j.at, j.account, j.region, j.category, j.source, j.name, j.reads, j.username, j.access_key, j.body"


@cloudtrail.op(resource=ANY, partly="no insight events: what is looked up are management events")
async def lookup_events(call: Call, req: t.LookupEventsRequest) -> t.LookupEventsResponse:
    attribute, value = wanted(req)
    since, until = req.get("StartTime"), req.get("EndTime")
    if since is not None and until is not None and since > until:
        raise errors.bad_time_range()
    meter(call)
    below = last_told(req)
    if req.get("EventCategory") == "insight":
        return {"Events": []}
    call.cloud.journal.flush()
    with call.step():
        most = req.get("MaxResults") or MOST
        lines = find(call, attribute, value, max(since or 0.0, call.now - KEPT_SECONDS), until, below, most + 1)
        out: t.LookupEventsResponse = {"Events": [event(call, line) for line in lines[:most]]}
        if len(lines) > most:
            out["NextToken"] = token(req, lines[most - 1][0])
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


def find(call: Call, attribute: str, value: str, since: float, until: float | None, below: int, most: int) -> list[Line]:
    end = 1e18 if until is None else until
    if attribute == "EventId":
        number = records.number_of(call.cloud, value)
        return call.sql(f"SELECT {LINE} FROM journal j WHERE id = ? AND id < ? AND account = ? AND region = ? AND category = ? AND at BETWEEN ? AND ?",
                        number, below, call.account, call.region, MANAGEMENT, since, end)
    if not attribute:
        return call.sql(f"SELECT {LINE} FROM journal j WHERE account = ? AND region = ? AND id < ? AND category = ? AND at BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
                        call.account, call.region, below, MANAGEMENT, since, end, most)
    catch_up(call, attribute)
    return call.sql(f"SELECT {LINE} FROM cloudtrail_attribute a JOIN journal j ON j.id = a.id WHERE a.account = ? AND a.region = ? AND a.attribute = ? AND a.value = ? AND a.id < ? "
                    "AND j.at BETWEEN ? AND ? ORDER BY a.id DESC LIMIT ?", call.account, call.region, attribute, value, below, since, end, most)


def catch_up(call: Call, attribute: str) -> None:
    """Index by this attribute what was told since it was last asked for, and forget what the journal has forgotten."""
    at, first = call.row("SELECT id, first FROM cloudtrail_indexed WHERE attribute = ?", attribute) or (0, 0)
    oldest, newest = call.row("SELECT min(id), max(id) FROM journal")
    if newest is None or newest <= at:
        return
    if oldest > first and at:
        call.sql("DELETE FROM cloudtrail_attribute WHERE attribute = ? AND id < ?", attribute, oldest)
    if attribute in COLUMNS:
        column = COLUMNS[attribute]
        call.sql(f"INSERT OR IGNORE INTO cloudtrail_attribute SELECT account, region, ?, {column}, id FROM journal WHERE id > ? AND category = ? AND {column} <> ''", attribute, at, MANAGEMENT)
    else:
        which = 0 if attribute == "ResourceType" else 1
        for id_, account, region, raw in call.sql("SELECT id, account, region, body FROM journal WHERE id > ? AND category = ?", at, MANAGEMENT):
            for one in resources.mentioned(records.decode(raw)):
                call.sql("INSERT OR IGNORE INTO cloudtrail_attribute VALUES (?,?,?,?,?)", account, region, attribute, one[which], id_)
    call.sql("INSERT OR REPLACE INTO cloudtrail_indexed VALUES (?,?,?)", attribute, newest, oldest)


def event(call: Call, line: Line) -> t.Event:
    number, at, _, _, _, source, name, reads, username, key, raw = line
    out: t.Event = {
        "EventId": records.event_id(call.cloud, number), "EventName": name, "ReadOnly": "true" if reads else "false", "EventTime": float(int(at)), "EventSource": source,
        "Resources": [{"ResourceType": type_, "ResourceName": named} for type_, named in resources.mentioned(records.decode(raw))],
        "CloudTrailEvent": json.dumps(records.record(call.cloud, line), separators=(",", ":")),
    }
    if username:
        out["Username"] = username
    if key:
        out["AccessKeyId"] = key
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
