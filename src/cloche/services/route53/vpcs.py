"""Which VPCs see a private zone. A VPC of another account needs an authorization by the zone's owner, and is associated by its own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call

from . import changes, errors, names, pages, zones
from . import service as route53
from .zones import HostedZone

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST_AUTHORIZATIONS = 100


def owned(call: Call, region: str, vpc: str) -> bool:
    """Is it a VPC of the caller's account?"""
    from cloche.services.ec2 import public
    try:
        return bool(region) and bool(public.vpc(call.at(call.account, region), vpc))
    except AwsError:
        return False


def wanted(call: Call, vpc: Any) -> tuple[str, str]:
    """The VPC of a request, which must be the caller's own."""
    region, id_ = vpc.get("VPCRegion", ""), vpc.get("VPCId", "")
    if not owned(call, region, id_):
        raise errors.no_such_vpc(id_, region)
    return region, id_


def view(vpc: tuple[str, str]) -> dict[str, str]:
    return {"VPCRegion": vpc[0], "VPCId": vpc[1]}


def check_free(call: Call, zone: HostedZone, vpc: tuple[str, str]) -> None:
    """A VPC sees one zone of a name."""
    if row := call.row("SELECT zone FROM route53_vpc WHERE vpc=? AND name=?", vpc[1], zone.name):
        raise errors.vpc_conflict(vpc[1], vpc[0], row[0])


def link(call: Call, zone: HostedZone, vpc: tuple[str, str]) -> None:
    call.sql("INSERT INTO route53_vpc VALUES (?,?,?,?,?)", vpc[1], zone.id, zone.name, vpc[0], call.account)


def any_zone(call: Call, id_: str) -> HostedZone:
    found = zones.of(call, names.bare(id_))
    if found is None:
        raise errors.no_such_zone(names.bare(id_))
    return found


def facts(call: Call, req: Any) -> dict[str, Any]:
    return zones.vpc_facts(req)


@route53.op(resource=zones.by_id, context=facts)
def associate_vpc_with_hosted_zone(call: Call, req: t.AssociateVPCWithHostedZoneRequest) -> t.AssociateVPCWithHostedZoneResponse:
    zone, vpc = any_zone(call, req["HostedZoneId"]), wanted(call, req["VPC"])
    mine = zone.id in {one.id for one in call.all(HostedZone)}
    if not zone.private:
        raise errors.public_zone() if mine else errors.not_yours(call.principal.arn)
    if not mine and vpc not in zone.authorized:
        raise errors.vpc_not_authorized(vpc[1])
    check_free(call, zone, vpc)
    if len(zone.vpcs) >= zones.MOST_VPCS:
        raise errors.limits_exceeded("The hosted zone has reached the limit of VPCs that can be associated with it.")
    link(call, zone, vpc)
    put(call, zone.but(vpcs=(*zone.vpcs, vpc)))
    return {"ChangeInfo": changes.made(call, req.get("Comment", ""))}  # type: ignore[typeddict-item]


def put(call: Call, zone: HostedZone) -> None:
    """Changed where it is kept, in its owner's account."""
    call.at(zones.whose(call, zone.id) or call.account, call.region).put(zone)


@route53.op(resource=zones.by_id, context=facts)
def disassociate_vpc_from_hosted_zone(call: Call, req: t.DisassociateVPCFromHostedZoneRequest) -> t.DisassociateVPCFromHostedZoneResponse:
    """By the zone's owner or by the VPC's."""
    zone = any_zone(call, req["HostedZoneId"])
    vpc = (req["VPC"].get("VPCRegion", ""), req["VPC"].get("VPCId", ""))
    if call.account != zones.whose(call, zone.id) and not owned(call, *vpc):
        raise errors.not_yours(call.principal.arn)
    if vpc not in zone.vpcs:
        raise errors.vpc_not_associated(vpc[1], zone.id)
    if len(zone.vpcs) == 1:
        raise errors.last_vpc()
    call.sql("DELETE FROM route53_vpc WHERE vpc=? AND zone=?", vpc[1], zone.id)
    put(call, zone.but(vpcs=tuple(one for one in zone.vpcs if one != vpc)))
    return {"ChangeInfo": changes.made(call, req.get("Comment", ""))}  # type: ignore[typeddict-item]


@route53.op(ANY)
def list_hosted_zones_by_vpc(call: Call, req: t.ListHostedZonesByVPCRequest) -> t.ListHostedZonesByVPCResponse:
    size, after = pages.size(req, 100), req.get("NextToken")
    if not owned(call, req["VPCRegion"], req["VPCId"]):
        raise errors.not_yours(call.principal.arn)
    rows = call.sql("SELECT v.zone, v.name, z.account FROM route53_vpc v JOIN route53_zone z ON z.id = v.zone WHERE v.vpc=?", req["VPCId"])
    rows.sort(key=lambda row: (names.place(row[1]), row[0]))
    if after is not None:
        rows = rows[next((at for at, row in enumerate(rows) if row[0] == after), len(rows)):]
        if not rows:
            raise errors.bad_token()
    out = {"HostedZoneSummaries": [{"HostedZoneId": id_, "Name": name, "Owner": {"OwningAccount": account}} for id_, name, account in rows[:size]], "MaxItems": str(size)}
    return out | ({"NextToken": rows[size][0]} if len(rows) > size else {})  # type: ignore[return-value]


# -- authorizations -----------------------------------------------------------------------------------------------------------------

def private(call: Call, id_: str) -> HostedZone:
    zone = zones.find(call, id_)
    if not zone.private:
        raise errors.public_zone()
    return zone


@route53.op(resource=zones.by_id, context=facts)
def create_vpc_association_authorization(call: Call, req: t.CreateVPCAssociationAuthorizationRequest) -> t.CreateVPCAssociationAuthorizationResponse:
    zone, vpc = private(call, req["HostedZoneId"]), (req["VPC"].get("VPCRegion", ""), req["VPC"].get("VPCId", ""))
    if not vpc[0] or not vpc[1]:
        raise errors.no_such_vpc(vpc[1], vpc[0])
    if vpc not in zone.authorized:
        if len(zone.authorized) >= MOST_AUTHORIZATIONS:
            raise errors.too_many_authorizations()
        call.put(zone.but(authorized=(*zone.authorized, vpc)))
    return {"HostedZoneId": zone.id, "VPC": view(vpc)}  # type: ignore[typeddict-item]


@route53.op(resource=zones.by_id)
def list_vpc_association_authorizations(call: Call, req: t.ListVPCAssociationAuthorizationsRequest) -> t.ListVPCAssociationAuthorizationsResponse:
    zone, size = private(call, req["HostedZoneId"]), pages.size({"MaxItems": req["MaxResults"]} if "MaxResults" in req else {}, 50)
    found = list(zone.authorized)
    if token := req.get("NextToken"):
        at = next((at for at, vpc in enumerate(found) if vpc[1] == token), None)
        if at is None:
            raise errors.invalid_input("Invalid NextToken")
        found = found[at:]
    out = {"HostedZoneId": zone.id, "VPCs": [view(one) for one in found[:size]]}
    return out | ({"NextToken": found[size][1]} if len(found) > size else {})  # type: ignore[return-value]


@route53.op(resource=zones.by_id, context=facts)
def delete_vpc_association_authorization(call: Call, req: t.DeleteVPCAssociationAuthorizationRequest) -> None:
    """What was associated stays so."""
    zone, vpc = private(call, req["HostedZoneId"]), (req["VPC"].get("VPCRegion", ""), req["VPC"].get("VPCId", ""))
    if vpc not in zone.authorized:
        raise errors.no_such_authorization(vpc[1], zone.id)
    call.put(zone.but(authorized=tuple(one for one in zone.authorized if one != vpc)))
