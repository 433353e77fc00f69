"""ChangeResourceRecordSets: a batch of changes that happens whole or not at all.

First each change must make sense by itself (InvalidInput); then the zone as it would be afterwards must be allowed, and everything that is wrong
with it is told at once (InvalidChangeBatch).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import changes, errors, health_checks, names, record_sets, values, zones
from . import service as route53
from .public import NamesChanged
from .record_sets import Key

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST_RECORDS, MOST_CHARACTERS, MOST_VALUES = 1000, 32_000, 400
ROUTING = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer", "GeoProximityLocation", "CidrRoutingConfig")
ROUTING_WORDS = "[Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig]"
KINDS = {"Weight": "weighted", "Region": "latency", "Failover": "failover", "GeoLocation": "geolocation", "MultiValueAnswer": "multivalue answer", "GeoProximityLocation": "geoproximity",
         "CidrRoutingConfig": "cidr"}
# Endings of names that belong to AWS's own hosted zones, to which an alias may lead
AWS_ENDINGS = ("amazonaws.com.", "amazonaws.com.cn.", "cloudfront.net.", "awsglobalaccelerator.com.", "elasticbeanstalk.com.", "on.aws.", "awsapprunner.com.", "vpce.amazonaws.com.")
CLOUDFRONT = "Z2FDTNDATAQYW2"
NO_ALIAS = ("NS", "SOA")


def facts(call: Call, req: Any) -> dict[str, Any]:
    given = req["ChangeBatch"]["Changes"]
    return {
        "route53:ChangeResourceRecordSetsActions": sorted({x["Action"] for x in given}),
        "route53:ChangeResourceRecordSetsRecordTypes": sorted({x["ResourceRecordSet"]["Type"] for x in given}),
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": sorted({x["ResourceRecordSet"]["Name"].lower().rstrip(".") for x in given}),
    }


@route53.op(resource=zones.by_id, context=facts, partly="traffic policies, CIDR collections and geoproximity are not built")
def change_resource_record_sets(call: Call, req: t.ChangeResourceRecordSetsRequest) -> t.ChangeResourceRecordSetsResponse:
    zone, batch = zones.find(call, req["HostedZoneId"]), req["ChangeBatch"]
    given = [(one["Action"], _sensible(one)) for one in batch["Changes"]]
    _measure(given)
    draft = Draft(call, zone)
    complaints = [x for action, one in given for x in _alone(call, zone, action, one)]
    if not complaints:
        complaints = draft.enter(given) or draft.check()
    if complaints:
        raise errors.invalid_change_batch(list(dict.fromkeys(complaints)))
    for where, one in draft.changed.items():
        if one is None:
            record_sets.remove(call, zone.id, where)
        else:
            record_sets.store(call, zone.id, one)
    if zone.count + draft.grown > zones.MOST_RECORDS:
        raise errors.batch_too_large(f"Number of records limit of {zones.MOST_RECORDS} exceeded.")
    call.put(zone.but(count=zone.count + draft.grown))
    if not zone.private:
        call.emit(NamesChanged(sorted({one["Name"] for _, one in given})))
    return {"ChangeInfo": changes.made(call, batch.get("Comment", ""))}  # type: ignore[typeddict-item]


# -- a change by itself -------------------------------------------------------------------------------------------------------------

def _sensible(change: Any) -> dict[str, Any]:
    """The set with its name as it is kept."""
    one = dict(change["ResourceRecordSet"])
    told = f"[Action={change['Action']}, Name={one['Name']}, Type={one['Type']}, SetIdentifier={one.get('SetIdentifier', 'null')}]"
    plain, alias = "TTL" in one and "ResourceRecords" in one, "AliasTarget" in one
    kinds = alias + ("TTL" in one or "ResourceRecords" in one) + ("TrafficPolicyInstanceId" in one)
    if kinds > 1 or not (plain or alias or "TrafficPolicyInstanceId" in one):
        raise errors.invalid_input(f"Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found "
                                   f"{'more than one' if kinds > 1 else 'none'} in Change with {told}")
    routing = [x for x in ROUTING if x in one and one[x] is not False]
    if len(routing) > 1 or ("SetIdentifier" in one and not routing):
        raise errors.invalid_input(f"Invalid request: Expected exactly one of {ROUTING_WORDS}, but found {'more than one' if routing else 'none'} in Change with {told}")
    if routing and "SetIdentifier" not in one:
        raise errors.invalid_input(f"Invalid request: Missing field 'SetIdentifier' in Change with {told}")
    if {"TrafficPolicyInstanceId", "CidrRoutingConfig", "GeoProximityLocation"} & one.keys():
        raise errors.invalid_input("Invalid request: traffic policies, CIDR collections and geoproximity are not built in Cloche.")
    one.pop("AZAffinity", None)
    try:
        one["Name"] = names.full(one["Name"])
        if alias:
            one["AliasTarget"] = one["AliasTarget"] | {"DNSName": names.full(one["AliasTarget"]["DNSName"]), "HostedZoneId": names.bare(one["AliasTarget"]["HostedZoneId"])}
    except names.Bad as bad:
        raise errors.invalid_change_batch([str(bad)]) from None
    return one


def _measure(given: list[tuple[str, dict[str, Any]]]) -> None:
    """An UPSERT counts twice."""
    records = sum(len(one.get("ResourceRecords", ())) * (1 + (action == "UPSERT")) for action, one in given)
    characters = sum(len(x["Value"]) * (1 + (action == "UPSERT")) for action, one in given for x in one.get("ResourceRecords", ()))
    if records > MOST_RECORDS:
        raise errors.batch_too_large(f"Number of records limit of {MOST_RECORDS} exceeded.")
    if characters > MOST_CHARACTERS:
        raise errors.batch_too_large(f"Number of characters in all Value elements exceeds the limit of {MOST_CHARACTERS}.")
    for _, one in given:
        if len(one.get("ResourceRecords", ())) > MOST_VALUES:
            raise errors.batch_too_large(f"Cannot have more than {MOST_VALUES} records in a RRSet.")


def _alone(call: Call, zone: zones.HostedZone, action: str, one: dict[str, Any]) -> list[str]:
    """What is wrong with a set, whatever else is in the zone."""
    name, type_ = one["Name"], one["Type"]
    if not names.within(name, zone.name):
        return [f"RRSet with DNS name {name} is not permitted in zone {zone.name}"]
    if action == "DELETE":
        return []
    out = [x for x in (values.complaint(type_, record["Value"]) for record in one.get("ResourceRecords", ())) if x]
    texts = [x["Value"] for x in one.get("ResourceRecords", ())]
    if len(texts) != len(set(texts)):
        out.append(f"Duplicate Resource Record: '{next(x for x in texts if texts.count(x) > 1)}'")
    if type_ == "CNAME" and name == zone.name:
        out.append(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}")
    if (type_ == "CNAME" and len(texts) > 1) or (type_ == "SOA" and len(texts) != 1):
        out.append(f"RRSet of type {type_} with DNS name {name} must have exactly one value")
    if type_ == "SOA" and name != zone.name:
        out.append(f"RRSet of type SOA with DNS name {name} is not permitted in zone {zone.name}: only at the apex")
    if type_ == "DS" and name == zone.name:
        out.append(f"RRSet of type DS with DNS name {name} is not permitted at apex in zone {zone.name}")
    if type_ in NO_ALIAS and ("AliasTarget" in one or "SetIdentifier" in one):
        out.append(f"RRSet of type {type_} with DNS name {name} can be neither an alias nor have a routing policy")
    if "HealthCheckId" in one and call.get(health_checks.HealthCheck, one["HealthCheckId"]) is None:
        raise errors.no_such_health_check(one["HealthCheckId"])
    return out


# -- the zone as it would be ----------------------------------------------------------------------------------------------------------

class Draft:
    """The zone with the batch in it: what changes, over what is kept."""

    def __init__(self, call: Call, zone: zones.HostedZone) -> None:
        self.call, self.zone = call, zone
        self.changed: dict[Key, dict[str, Any] | None] = {}
        self.grown = 0

    def get(self, where: Key) -> dict[str, Any] | None:
        return self.changed[where] if where in self.changed else record_sets.get(self.call, self.zone.id, where)

    def at(self, name: str) -> list[dict[str, Any]]:
        place = names.place(name)
        found = {record_sets.key(one): one for one in record_sets.at(self.call, self.zone.id, name)}
        for where, one in self.changed.items():
            if where[0] == place:
                if one is None:
                    found.pop(where, None)
                else:
                    found[where] = one
        return list(found.values())

    def enter(self, given: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """Deletions first, whatever their order: a set may be deleted and made anew in one batch."""
        out: list[str] = []
        seen: set[tuple[bool, Key]] = set()
        for action, one in sorted(given, key=lambda pair: pair[0] != "DELETE"):
            where = record_sets.key(one)
            if (action == "DELETE", where) in seen:
                out.append(f"The request contains an invalid set of changes for a resource record set '{one['Type']} {one['Name']}'")
                continue
            seen.add((action == "DELETE", where))
            old, called = self.get(where), _called(one)
            if action == "CREATE" and old is not None:
                out.append(f"Tried to create resource record set {called} but it already exists")
            elif action == "DELETE" and old is None:
                out.append(f"Tried to delete resource record set {called} but it was not found")
            elif action == "DELETE" and not _same(old or {}, one):
                out.append(f"Tried to delete resource record set {called} but the values provided do not match the current values")
            else:
                self.grown += (action != "DELETE" and old is None) - (action == "DELETE")
                self.changed[where] = None if action == "DELETE" else one
        return out

    def check(self) -> list[str]:
        out: list[str] = []
        for one in [x for x in self.changed.values() if x is not None]:
            beside = [x for x in self.at(one["Name"]) if x is not one]
            out += self._cname(one, beside) + self._routing(one, [x for x in beside if x["Type"] == one["Type"]]) + self._alias(one)
        apex = {one["Type"] for one in self.at(self.zone.name)} if any(where[0] == self.zone.place for where in self.changed) else {"NS", "SOA"}
        if "SOA" not in apex:
            out.append("A HostedZone must contain exactly one SOA record")
        if "NS" not in apex:
            out.append("A HostedZone must contain at least one NS record for the zone itself")
        return out

    def _cname(self, one: dict[str, Any], beside: list[dict[str, Any]]) -> list[str]:
        name, type_ = one["Name"], one["Type"]
        if type_ == "CNAME" and any(x["Type"] != "CNAME" for x in beside):
            return [f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {self.zone.name}"]
        if type_ != "CNAME" and any(x["Type"] == "CNAME" for x in beside):
            return [f"RRSet of type {type_} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {self.zone.name}"]
        return []

    def _routing(self, one: dict[str, Any], alike: list[dict[str, Any]]) -> list[str]:
        """Sets of one name and type are all of one kind, and no two of them say the same."""
        start = f"RRSet with DNS name {one['Name']}, type {one['Type']}"
        if not alike:
            return []
        mine = kind(one)
        if not mine:
            return [f"{start} cannot be created as other RRSets exist with the same name and type"]
        start += f", SetIdentifier {one['SetIdentifier']}"
        if any(kind(x) != mine for x in alike):
            return [f"{start} cannot be created because a non {KINDS[mine]} rrset exists with the same name and type"]
        if mine in ("Region", "Failover", "GeoLocation") and any(x[mine] == one[mine] for x in alike):
            if mine == "Region":
                return [f"{start}, and Region Name={one['Region']} cannot be created because a latency RRSet with the same name, type and region already exists"]
            if mine == "Failover":
                return [f"{start} cannot be created because a failover RRSet with the same name, type and failover role {one['Failover']} already exists"]
            where = ", ".join(f"{k}={v}" for k, v in one["GeoLocation"].items())
            return [f"{start}, and GeoLocation {where} cannot be created because a geolocation RRSet with the same name, type and location already exists"]
        return []

    def _alias(self, one: dict[str, Any]) -> list[str]:
        if "AliasTarget" not in one:
            return []
        target, zone_id = one["AliasTarget"]["DNSName"], one["AliasTarget"]["HostedZoneId"]
        start = f"Tried to create an alias that targets {target}, type {one['Type']} in zone {zone_id}, but "
        if zone_id == self.zone.id:
            if not names.within(target, self.zone.name):
                return [start + "the alias target name does not lie within the target zone"]
            if target == one["Name"]:
                return [start + "that target is the record itself"]
            return [] if any(x["Type"] == one["Type"] for x in self.at(target)) else [start + "that target was not found"]
        if zones.whose(self.call, zone_id):
            return [start + "the alias target must be in the same hosted zone"]
        if one["Type"] == "CNAME" or not target.endswith(AWS_ENDINGS):
            return [start + "that target was not found"]
        if zone_id == CLOUDFRONT and not target.endswith("cloudfront.net."):
            return [start + "the alias target name does not lie within the target zone"]
        return []


def kind(one: Any) -> str:
    return next((x for x in ROUTING if x in one and one[x] is not False), "")


def _called(one: dict[str, Any]) -> str:
    more = f", set-identifier='{one['SetIdentifier']}'" if "SetIdentifier" in one else ""
    return f"[name='{one['Name']}', type='{one['Type']}'{more}]"


def _same(old: dict[str, Any], one: dict[str, Any]) -> bool:
    def plain(x: dict[str, Any]) -> dict[str, Any]:
        return x | {"ResourceRecords": sorted(y["Value"] for y in x.get("ResourceRecords", ()))}
    return plain(old) == plain(one)
