"""What a hosted zone answers: names, wildcards, delegations, aliases, and routing policies.

An answer's records are (name, type, ttl, value). A CNAME is followed within its zone; one that leads out, or an alias to a name of AWS's, is left to
whoever asked (`public.lookup`), for it is another's to answer.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from cloche.kernel import Call

from . import health_checks, names, record_sets, routing
from .zones import HostedZone

ALIAS_TTL = 60
DEEPEST = 16
Row = tuple[str, str, int, str]


class Answer(NamedTuple):
    code: str                                          # NOERROR | NXDOMAIN | SERVFAIL | REFUSED
    records: list[Row]
    onward: str = ""                                   # the name to ask for next, of another zone
    flatten: str = ""                                  # ... whose answers are to be told under this name (an alias)
    cut: str = ""                                      # the name below which other servers are asked
    servers: tuple[str, ...] = ()


class Asker(NamedTuple):
    """From where: latency and geolocation routing look at that."""

    region: str


def answer(call: Call, zone: HostedZone, account: str, name: str, type_: str, asker: Asker, depth: int = 0) -> Answer:
    """`account` owns the zone: its health checks count."""
    if depth > DEEPEST:
        return Answer("SERVFAIL", [])
    owner = call.at(account, call.region)
    if cut := _cut(call, zone, name, type_):
        return cut
    sets = record_sets.at(call, zone.id, name)
    if not sets:
        if record_sets.below(call, zone.id, name):
            return Answer("NOERROR", [])
        sets = _wild(call, zone, name)
        if not sets:
            return Answer("NXDOMAIN", [])
    for wanted in (type_, "CNAME"):
        if found := [one for one in sets if one["Type"] == wanted]:
            break
    else:
        return Answer("NOERROR", [])
    def healthy(one: dict[str, Any]) -> bool:
        return _healthy(owner, zone, one)
    records: list[Row] = []
    for one in routing.choose(found, healthy, asker.region, call.cloud.dice):
        if "AliasTarget" in one:
            target = one["AliasTarget"]["DNSName"]
            if one["AliasTarget"]["HostedZoneId"] != zone.id:
                return Answer("NOERROR", records, target, name)
            inner = answer(call, zone, account, target, type_, asker, depth + 1)
            records += [(name if row[0] == target else row[0], *row[1:]) for row in inner.records]
            if inner.onward:
                return inner._replace(records=records, flatten=name if inner.flatten else "")
            continue
        records += [(name, one["Type"], one["TTL"], x["Value"]) for x in one["ResourceRecords"]]
    if wanted == "CNAME" and type_ != "CNAME" and records:
        target = names.full(records[-1][3])
        if not names.within(target, zone.name):
            return Answer("NOERROR", records, target)
        inner = answer(call, zone, account, target, type_, asker, depth + 1)
        return inner._replace(records=records + inner.records)
    return Answer("NOERROR", records)


def _cut(call: Call, zone: HostedZone, name: str, type_: str) -> Answer | None:
    """A name at or below an NS record that is not the zone's own is other servers' to answer."""
    over = [x for x in names.above(name) if names.within(x, zone.name) and x != zone.name]
    for one in reversed(over):
        if one == name and type_ == "DS":
            return None
        if found := record_sets.get(call, zone.id, (names.place(one), "NS", "")):
            values = [x["Value"] for x in found["ResourceRecords"]]
            return Answer("NOERROR", [(one, "NS", found["TTL"], value) for value in values], cut=one, servers=tuple(values))
    return None


def _wild(call: Call, zone: HostedZone, name: str) -> list[dict[str, Any]]:
    """The asterisk under the closest name that exists."""
    for over in names.above(name)[1:]:
        if not names.within(over, zone.name):
            return []
        if found := record_sets.at(call, zone.id, "\\052." + over):
            return found
        if over == zone.name or record_sets.at(call, zone.id, over) or record_sets.below(call, zone.id, over):
            return []
    return []


def _healthy(owner: Call, zone: HostedZone, one: dict[str, Any], depth: int = 0) -> bool:
    if "HealthCheckId" in one and not health_checks.status(owner, one["HealthCheckId"]):
        return False
    target = one.get("AliasTarget")
    if target and target["EvaluateTargetHealth"] and target["HostedZoneId"] == zone.id and depth < DEEPEST:
        behind = [x for x in record_sets.at(owner, zone.id, target["DNSName"]) if x["Type"] == one["Type"]]
        return any(_healthy(owner, zone, x, depth + 1) for x in behind)
    return True
