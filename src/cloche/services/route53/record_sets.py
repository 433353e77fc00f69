"""Resource record sets as they are kept: ordered by name (labels from right to left), type and identifier, which is the order they are told in."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, names, pages
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST_A_PAGE = 300

route53.table("""CREATE TABLE IF NOT EXISTS route53_rrset (
    zone TEXT NOT NULL, place TEXT NOT NULL, type TEXT NOT NULL, identifier TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (zone, place, type, identifier)) WITHOUT ROWID""")

Key = tuple[str, str, str]                             # place, type, identifier


def key(one: Any) -> Key:
    return names.place(one["Name"]), one["Type"], one.get("SetIdentifier", "")


def store(call: Call, zone: str, one: dict[str, Any]) -> None:
    call.sql("INSERT OR REPLACE INTO route53_rrset VALUES (?,?,?,?,?)", zone, *key(one), msgspec.msgpack.encode(one))


def remove(call: Call, zone: str, where: Key) -> None:
    call.sql("DELETE FROM route53_rrset WHERE zone=? AND place=? AND type=? AND identifier=?", zone, *where)


def get(call: Call, zone: str, where: Key) -> dict[str, Any] | None:
    row = call.row("SELECT body FROM route53_rrset WHERE zone=? AND place=? AND type=? AND identifier=?", zone, *where)
    return msgspec.msgpack.decode(row[0]) if row else None


def at(call: Call, zone: str, name: str) -> list[dict[str, Any]]:
    """All sets of a name."""
    return [msgspec.msgpack.decode(row[0]) for row in call.sql("SELECT body FROM route53_rrset WHERE zone=? AND place=? ORDER BY type, identifier", zone, names.place(name))]


def below(call: Call, zone: str, name: str) -> bool:
    """Is there anything under the name? Then it exists, though it has no records itself."""
    place = names.place(name)
    return call.row("SELECT 1 FROM route53_rrset WHERE zone=? AND place > ? AND place < ? LIMIT 1", zone, place, place[:-1] + "/") is not None


@route53.op(resource=lambda call, req: _zone(call, req))
def list_resource_record_sets(call: Call, req: t.ListResourceRecordSetsRequest) -> t.ListResourceRecordSetsResponse:
    from . import zones
    zone, size = zones.find(call, req["HostedZoneId"]), pages.size(req, MOST_A_PAGE)
    if "StartRecordType" in req and "StartRecordName" not in req:
        raise errors.invalid_input("The input is not valid: StartRecordType needs StartRecordName")
    if "StartRecordIdentifier" in req and "StartRecordType" not in req:
        raise errors.invalid_input("The input is not valid: StartRecordIdentifier needs StartRecordName and StartRecordType")
    start = names.place(_started(req["StartRecordName"])) if "StartRecordName" in req else ""
    rows = call.sql("SELECT body FROM route53_rrset WHERE zone=? AND (place, type, identifier) >= (?,?,?) ORDER BY place, type, identifier LIMIT ?",
                    zone.id, start, req.get("StartRecordType", ""), req.get("StartRecordIdentifier", ""), size + 1)
    found = [msgspec.msgpack.decode(row[0]) for row in rows]
    out = {"ResourceRecordSets": found[:size], "IsTruncated": len(found) > size, "MaxItems": str(size)}
    if len(found) > size:
        following = found[size]
        out |= {"NextRecordName": following["Name"], "NextRecordType": following["Type"]}
        out |= {"NextRecordIdentifier": following["SetIdentifier"]} if "SetIdentifier" in following else {}
    return out  # type: ignore[return-value]


def _zone(call: Call, req: Any) -> str:
    from . import zones
    return zones.by_id(call, req)


def _started(name: str) -> str:
    try:
        return names.full(name)
    except names.Bad as bad:
        raise errors.invalid_input(str(bad)) from None
