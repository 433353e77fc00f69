"""What others ask Route 53 behind the curtain: the answer to a name, in public or as a VPC sees it.

There is no registrar here. A name belongs to the shortest public zone that holds it, from there on delegations (NS records) lead to others, as in the
real DNS. Of several zones of one name the asking account's come first, then the oldest.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cloche.kernel import Call, Event

from . import answers, names, zones
from .answers import Answer, Asker, Row

DEEPEST = 16
# (name, type) -> records or None: who answers names that no hosted zone holds, such as AWS's own
Outside = Callable[[str, str], "Found | None"]


class NamesChanged(Event, frozen=True):
    """Records of these names were changed in a public zone. Listeners look for themselves."""

    kind = "route53.names_changed"

    names: list[str]


class Found(NamedTuple):
    code: str                                          # NOERROR | NXDOMAIN | SERVFAIL
    records: list[Row]                                 # (name, type, ttl, value)
    soa: Row | None = None                             # of the zone that says there is nothing


def healthy(call: Call, health_check: str) -> bool:
    """Is the health check well? One that is not there is not."""
    from . import health_checks
    there = call.of("route53")
    return there.get(health_checks.HealthCheck, health_check) is not None and health_checks.status(there, health_check)


def lookup(call: Call, name: str, type_: str, vpc: str | None = None, *, account: str = "", region: str = "", outside: Outside | None = None,
           special: Callable[[str], bool] | None = None) -> Found:
    """Within a VPC its private zones come first, and what they hold is theirs alone. `special` names are no public zone's: `outside` is asked at once."""
    call = call.of("route53")
    try:
        asked = names.full(name)
    except names.Bad:
        return Found("NXDOMAIN", [])
    records: list[Row] = []
    flatten = ""
    for _ in range(DEEPEST):
        zone, said = _ask(call, asked, type_, vpc, account, Asker(region or call.region), special is not None and special(asked))
        if zone is None:
            other = outside(asked, type_) if outside else None
            if other is None:
                return Found("NXDOMAIN" if not records else "NOERROR", records)
            return Found(other.code, records + [_named(row, asked, flatten) for row in other.records])
        records += [_named(row, asked, flatten) for row in said.records]
        if not said.onward:
            code = said.code if not records else "NOERROR"
            return Found(code, records, None if said.records else _soa(call, zone))
        if said.flatten:
            flatten = flatten or said.flatten
        asked = said.onward
    return Found("SERVFAIL", [])


def _named(row: Row, asked: str, flatten: str) -> Row:
    return (flatten, *row[1:]) if flatten and row[0] == asked else row


def _ask(call: Call, name: str, type_: str, vpc: str | None, account: str, asker: Asker, special: bool) -> tuple[zones.HostedZone | None, Answer]:
    if vpc and (held := private_zone(call, vpc, name)):
        return held[0], answers.answer(call, held[0], held[1], name, type_, asker)
    held = None if special else _top(call, name, account)
    while held:
        zone, owner = held
        said = answers.answer(call, zone, owner, name, type_, asker)
        if not said.cut:
            return zone, said
        held = _delegated(call, said)
        if held is None:                               # delegated to servers that are nobody's here
            if name == said.cut and type_ == "NS":
                return zone, Answer("NOERROR", said.records)
            return zone, Answer("SERVFAIL", [])
    return None, Answer("NXDOMAIN", [])


def private_zone(call: Call, vpc: str, name: str) -> tuple[zones.HostedZone, str] | None:
    """The most specific private zone of a VPC that holds the name."""
    for over in names.above(name):
        row = call.row("SELECT z.id, z.account FROM route53_vpc v JOIN route53_zone z ON z.id = v.zone WHERE v.vpc=? AND v.name=?", vpc, over)
        if row and (zone := call.at(row[1], call.region).get(zones.HostedZone, row[0])):
            return zone, row[1]
    return None


def _top(call: Call, name: str, account: str) -> tuple[zones.HostedZone, str] | None:
    """The shortest public zone over a name, of the account that asks if it has one."""
    wanted = names.above(name)
    rows = call.sql(f"SELECT id, account, name, made FROM route53_zone WHERE private=0 AND name IN ({','.join('?' * len(wanted))})", *wanted)
    if not rows:
        return None
    mine = [row for row in rows if row[1] == account]
    row = min(mine or rows, key=lambda row: (len(row[2]), row[3]))
    zone = call.at(row[1], call.region).get(zones.HostedZone, row[0])
    return (zone, row[1]) if zone else None


def _delegated(call: Call, said: Answer) -> tuple[zones.HostedZone, str] | None:
    """The zone of that name whose servers the delegation names."""
    servers = {x.rstrip(".").lower() for x in said.servers}
    for id_, account in call.sql("SELECT id, account FROM route53_zone WHERE private=0 AND name=?", said.cut):
        zone = call.at(account, call.region).get(zones.HostedZone, id_)
        if zone and servers & set(zone.servers):
            return zone, account
    return None


def _soa(call: Call, zone: zones.HostedZone) -> Row | None:
    from . import record_sets
    found = record_sets.get(call, zone.id, (zone.place, "SOA", ""))
    return (zone.name, "SOA", found["TTL"], found["ResourceRecords"][0]["Value"]) if found else None


def holds(call: Call, account: str, name: str, type_: str, value: str) -> bool:
    """Is there such a record in a public zone of the account?"""
    from . import record_sets
    at = call.of("route53", account=account)
    for over in names.above(names.full(name)):
        for (id_,) in at.sql("SELECT id FROM route53_zone WHERE private=0 AND name=? AND account=?", over, account):
            found = record_sets.get(at, id_, (names.place(names.full(name)), type_, ""))
            if found and any(x["Value"].lower().rstrip(".") == value.lower().rstrip(".") for x in found.get("ResourceRecords", ())):
                return True
    return False


def zone_of(call: Call, id_: str) -> Any:
    """The hosted zone with this id if it is the caller's, else None."""
    return call.of("route53").get(zones.HostedZone, names.bare(id_))


def domain(name: str) -> str | None:
    """A domain's name in Route 53's form, "." for the root; None if it is none."""
    if name == ".":
        return name
    try:
        return names.full(name)
    except names.Bad:
        return None
