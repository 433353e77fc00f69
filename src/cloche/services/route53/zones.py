"""Hosted zones: a name, four name servers, and the records that answer for it. A private zone belongs to VPCs instead of to everybody.

Zones are found by id and by name, in whichever account they are: `route53_zone` is the index for that, `route53_vpc` says which zones a VPC sees.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import changes, errors, names, pages, record_sets
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST_ZONES, MOST_RECORDS, MOST_VPCS = 500, 10_000, 300
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ENDINGS = ("com", "net", "org", "co.uk")
NS_TTL, SOA_TTL = 172_800, 900

route53.table("CREATE TABLE IF NOT EXISTS route53_zone (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, private INTEGER NOT NULL, made REAL NOT NULL) WITHOUT ROWID")
route53.table("CREATE INDEX IF NOT EXISTS route53_zone_name ON route53_zone (name, private)")
route53.table("CREATE TABLE IF NOT EXISTS route53_vpc (vpc TEXT NOT NULL, zone TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (vpc, zone)) WITHOUT ROWID")


class HostedZone(Record, frozen=True):
    kind = "route53.zone"
    scope = "account"

    id: str
    name: str
    reference: str
    made: float
    comment: str = ""
    private: bool = False
    servers: tuple[str, ...] = ()
    delegation_set: str = ""
    vpcs: tuple[tuple[str, str], ...] = ()             # (region, id)
    authorized: tuple[tuple[str, str], ...] = ()       # VPCs of other accounts that may be associated
    count: int = 2
    service: str = ""                                  # the service that made it, and alone may change it
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def place(self) -> str:
        return names.place(self.name)


def arn(call: Call, id_: str) -> str:
    return call.arn(f"hostedzone/{id_}", region="", account="")


def by_id(call: Call, req: Any) -> str:
    return arn(call, names.bare(req.get("HostedZoneId") or req.get("Id") or "*"))


def whose(call: Call, id_: str) -> str | None:
    """The account that owns a zone."""
    row = call.row("SELECT account FROM route53_zone WHERE id=?", id_)
    return row[0] if row else None


def find(call: Call, id_: str) -> HostedZone:
    """A zone of the caller's own account."""
    bare = names.bare(id_)
    if found := call.get(HostedZone, bare):
        return found
    if whose(call, bare):
        raise errors.not_yours(call.principal.arn)
    raise errors.no_such_zone(bare)


def of(call: Call, id_: str) -> HostedZone | None:
    """A zone, whoever owns it."""
    account = whose(call, id_)
    return call.at(account, call.region).get(HostedZone, id_) if account else None


def domain(name: str) -> str:
    try:
        made = names.full(name)
    except names.Bad as bad:
        raise errors.invalid_domain_name(str(bad)) from None
    if "\\052" in made:
        raise errors.invalid_domain_name(f"{made} is not a valid domain name: a hosted zone's name has no asterisk")
    return made


# -- make -------------------------------------------------------------------------------------------------------------------------

def create_facts(call: Call, req: Any) -> dict[str, Any]:
    return vpc_facts(req) if "VPC" in req else {}


def vpc_facts(req: Any) -> dict[str, Any]:
    vpc = req["VPC"]
    return {"route53:VPCs": [f"VPCId={vpc.get('VPCId', '')},VPCRegion={vpc.get('VPCRegion', '')}"]}


@route53.op(ANY, context=create_facts)
def create_hosted_zone(call: Call, req: t.CreateHostedZoneRequest) -> t.CreateHostedZoneResponse:
    from . import delegation_sets, vpcs
    name, config = domain(req["Name"]), req.get("HostedZoneConfig") or {}
    if any(one.reference == req["CallerReference"] for one in call.all(HostedZone)):
        raise errors.zone_exists()
    if len(call.all(HostedZone)) >= MOST_ZONES:
        raise errors.too_many_zones()
    if config.get("PrivateZone") and "VPC" not in req:
        raise errors.vpc_needed()
    id_ = "Z" + call.pick(LETTERS, 20)
    made = HostedZone(id_, name, req["CallerReference"], call.now, config.get("Comment", ""), "VPC" in req)
    if made.private:
        if "DelegationSetId" in req:
            raise errors.invalid_input("You can't use a reusable delegation set with a private hosted zone.")
        vpc = vpcs.wanted(call, req["VPC"])
        vpcs.check_free(call, made, vpc)
        made = made.but(servers=tuple(f"ns-{512 * at}.awsdns-00.{end}" for at, end in enumerate(ENDINGS)), vpcs=(vpc,))
        vpcs.link(call, made, vpc)
    elif "DelegationSetId" in req:
        held = delegation_sets.find(call, req["DelegationSetId"])
        made = made.but(servers=held.servers, delegation_set=held.id)
    else:
        made = made.but(servers=servers(call))
    call.sql("INSERT INTO route53_zone VALUES (?,?,?,?,?)", id_, call.account, name, made.private, call.now)
    call.put(made)
    record_sets.store(call, id_, {"Name": name, "Type": "NS", "TTL": NS_TTL, "ResourceRecords": [{"Value": f"{x}."} for x in made.servers]})
    soa = f"{made.servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
    record_sets.store(call, id_, {"Name": name, "Type": "SOA", "TTL": SOA_TTL, "ResourceRecords": [{"Value": soa}]})
    out = {"HostedZone": view(made), "ChangeInfo": changes.made(call, ""), "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{id_}"}
    if made.private:
        return out | {"VPC": vpcs.view(made.vpcs[0])}  # type: ignore[return-value]
    return out | {"DelegationSet": delegation(call, made)}  # type: ignore[return-value]


def servers(call: Call) -> tuple[str, ...]:
    """Four name servers, one under each ending, as AWS numbers them."""
    out = []
    for at, end in enumerate(ENDINGS):
        number = int(call.id(digits=4), 16) % 512
        out.append(f"ns-{512 * at + number}.awsdns-{number // 8:02d}.{end}")
    return tuple(out)


def delegation(call: Call, zone: HostedZone) -> dict[str, Any]:
    from . import delegation_sets
    if zone.delegation_set:
        return delegation_sets.view(delegation_sets.find(call, zone.delegation_set))
    return {"NameServers": list(zone.servers)}


def view(zone: HostedZone) -> dict[str, Any]:
    config = {"PrivateZone": zone.private, **({"Comment": zone.comment} if zone.comment else {})}
    out = {"Id": f"/hostedzone/{zone.id}", "Name": zone.name, "CallerReference": zone.reference, "Config": config, "ResourceRecordSetCount": zone.count}
    return out | ({"LinkedService": {"ServicePrincipal": zone.service}} if zone.service else {})


# -- told -------------------------------------------------------------------------------------------------------------------------

@route53.op(resource=by_id)
def get_hosted_zone(call: Call, req: t.GetHostedZoneRequest) -> t.GetHostedZoneResponse:
    from . import vpcs
    zone = find(call, req["Id"])
    more = {"VPCs": [vpcs.view(one) for one in zone.vpcs]} if zone.private else {"DelegationSet": delegation(call, zone)}
    return {"HostedZone": view(zone), **more}  # type: ignore[typeddict-item]


@route53.op(ANY)
def list_hosted_zones(call: Call, req: t.ListHostedZonesRequest) -> t.ListHostedZonesResponse:
    size, wanted = pages.size(req, 100), names.bare(req.get("DelegationSetId", ""))
    found = sorted((one for one in call.all(HostedZone) if (not wanted or one.delegation_set == wanted) and (req.get("HostedZoneType") != "PrivateHostedZone" or one.private)), key=lambda one: one.id)
    if marker := names.bare(req.get("Marker", "")):
        if whose(call, marker) is None:
            raise errors.no_such_zone(marker)
        found = [one for one in found if one.id >= marker]
    out = {"HostedZones": [view(one) for one in found[:size]], "Marker": req.get("Marker", ""), "IsTruncated": len(found) > size, "MaxItems": str(size)}
    return out | ({"NextMarker": found[size].id} if len(found) > size else {})  # type: ignore[return-value]


@route53.op(ANY)
def list_hosted_zones_by_name(call: Call, req: t.ListHostedZonesByNameRequest) -> t.ListHostedZonesByNameResponse:
    size, found = pages.size(req, 100), sorted(call.all(HostedZone), key=lambda one: (one.place, one.id))
    if "HostedZoneId" in req and "DNSName" not in req:
        raise errors.invalid_input("Can't specify hosted zone ID without specifying DNS name")
    echo = {name: req[name] for name in ("DNSName", "HostedZoneId") if name in req}  # type: ignore[literal-required]
    if "DNSName" in req:
        start = (names.place(domain(req["DNSName"])), names.bare(req.get("HostedZoneId", "")))
        found = [one for one in found if (one.place, one.id) >= start]
    out = {"HostedZones": [view(one) for one in found[:size]], **echo, "IsTruncated": len(found) > size, "MaxItems": str(size)}
    return out | ({"NextDNSName": found[size].name, "NextHostedZoneId": found[size].id} if len(found) > size else {})  # type: ignore[return-value]


@route53.op(ANY)
def get_hosted_zone_count(call: Call, req: Any) -> t.GetHostedZoneCountResponse:
    return {"HostedZoneCount": len(call.all(HostedZone))}


@route53.op(resource=by_id)
def get_hosted_zone_limit(call: Call, req: t.GetHostedZoneLimitRequest) -> t.GetHostedZoneLimitResponse:
    zone, kind = find(call, req["HostedZoneId"]), req["Type"]
    if kind == "MAX_VPCS_ASSOCIATED_BY_ZONE" and not zone.private:
        raise errors.zone_not_private()
    most, count = (MOST_RECORDS, zone.count) if kind == "MAX_RRSETS_BY_ZONE" else (MOST_VPCS, len(zone.vpcs))
    return {"Limit": {"Type": kind, "Value": most}, "Count": count}


@route53.op(ANY)
def get_account_limit(call: Call, req: t.GetAccountLimitRequest) -> t.GetAccountLimitResponse:
    from . import delegation_sets, health_checks
    kind = req["Type"]
    most, count = {
        "MAX_HOSTED_ZONES_BY_OWNER": (MOST_ZONES, len(call.all(HostedZone))),
        "MAX_HEALTH_CHECKS_BY_OWNER": (health_checks.MOST, len(call.all(health_checks.HealthCheck))),
        "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER": (delegation_sets.MOST, len(call.all(delegation_sets.DelegationSet))),
        "MAX_TRAFFIC_POLICIES_BY_OWNER": (50, 0), "MAX_TRAFFIC_POLICY_INSTANCES_BY_OWNER": (5, 0),
    }[kind]
    return {"Limit": {"Type": kind, "Value": most}, "Count": count}


@route53.op(resource=by_id, partly="zones are never signed: keys to sign with are not built")
def get_dnssec(call: Call, req: t.GetDNSSECRequest) -> t.GetDNSSECResponse:
    if find(call, req["HostedZoneId"]).private:
        raise errors.invalid_argument("DNSSEC is not supported for private hosted zones.")
    return {"Status": {"ServeSignature": "NOT_SIGNING"}, "KeySigningKeys": []}


# -- change, and the end ------------------------------------------------------------------------------------------------------------

@route53.op(resource=by_id)
def update_hosted_zone_comment(call: Call, req: t.UpdateHostedZoneCommentRequest) -> t.UpdateHostedZoneCommentResponse:
    return {"HostedZone": view(call.put(find(call, req["Id"]).but(comment=req.get("Comment", ""))))}  # type: ignore[typeddict-item]


@route53.op(resource=by_id)
def delete_hosted_zone(call: Call, req: t.DeleteHostedZoneRequest) -> t.DeleteHostedZoneResponse:
    zone = find(call, req["Id"])
    if zone.count > 2:
        raise errors.zone_not_empty()
    drop(call, zone)
    return {"ChangeInfo": changes.made(call, "")}  # type: ignore[typeddict-item]


def drop(call: Call, zone: HostedZone) -> None:
    for table, column in (("route53_rrset", "zone"), ("route53_vpc", "zone"), ("route53_zone", "id")):
        call.sql(f"DELETE FROM {table} WHERE {column}=?", zone.id)
    call.delete(zone)
