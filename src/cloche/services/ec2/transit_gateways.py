"""Transit gateways: a router of the region to which VPCs, VPN connections and other transit gateways are attached, with route tables of its own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_hybrid, links, names, network, route_tables, tags, vpn_gateways
from . import service as ec2
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5
SWITCHES = {"AutoAcceptSharedAttachments": "disable", "DefaultRouteTableAssociation": "enable", "DefaultRouteTablePropagation": "enable", "VpnEcmpSupport": "enable", "DnsSupport": "enable",
            "SecurityGroupReferencingSupport": "disable", "MulticastSupport": "disable"}


class TransitGateway(Record, frozen=True):
    kind = "ec2.transit-gateway"

    id: str
    made: float
    description: str = ""
    asn: int = vpn_gateways.DEFAULT_ASN
    switches: dict[str, str] = {}
    association_table: str = ""
    propagation_table: str = ""
    cidrs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.id


def shared(call: Call) -> dict[str, Call]:
    """Those that other accounts share with this one: id -> where it is."""
    from cloche.services.ram import public as ram
    return {arn.rpartition("/")[2]: call.at(arn.split(":")[4], call.region) for arn in ram.shared(call, "ec2:TransitGateway")}


def _owner(call: Call, id_: str) -> str:
    return "" if call.get(TransitGateway, id_) else there.account if (there := shared(call).get(id_)) else ""


names.SHARED["transit-gateway"] = _owner


def usable(call: Call, id_: str) -> tuple[Call, TransitGateway]:
    """The account's own, or one that is shared with it, and where it is."""
    if call.get(TransitGateway, id_) is None and (there := shared(call).get(id_)) and (found := there.get(TransitGateway, id_)):
        return there, found
    return call, find(call, id_)


def find(call: Call, id_: str) -> TransitGateway:
    """The account's own; what is shared with it it may not change."""
    found = call.get(TransitGateway, id_)
    if found is None:
        if id_ in shared(call):
            raise errors.AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
        raise errors.AwsError("InvalidTransitGatewayID.NotFound", f"Transit Gateway {id_} was deleted or does not exist.")
    return found


tags.FINDERS["tgw"] = find


def put(call: Call, one: TransitGateway) -> TransitGateway:
    network.changed(call)
    return call.put(one)


def shown(call: Call, one: TransitGateway, state: str = "available") -> t.TransitGateway:
    options: Any = {"AmazonSideAsn": one.asn, **one.switches}
    if one.association_table:
        options["AssociationDefaultRouteTableId"] = one.association_table
    if one.propagation_table:
        options["PropagationDefaultRouteTableId"] = one.propagation_table
    if one.cidrs:
        options["TransitGatewayCidrBlocks"] = list(one.cidrs)
    return {"TransitGatewayId": one.id, "TransitGatewayArn": names.arn(call, "transit-gateway", one.id), "State": state, "OwnerId": call.account, "Description": one.description,  # type: ignore[typeddict-item]
            "CreationTime": one.made, "Options": options, "Tags": tags.shown(call, one.id)}


@ec2.op(**names.making("transit-gateway"), partly="multicast, Connect attachments and policy tables are not built")
def create_transit_gateway(call: Call, req: t.CreateTransitGatewayRequest) -> t.CreateTransitGatewayResult:
    from . import transit_gateway_route_tables as tables
    options = req.get("Options") or {}
    if options.get("MulticastSupport") == "enable":
        raise errors.unsupported("Cloche does not build multicast")
    if len(call.all(TransitGateway)) >= MOST:
        raise errors_hybrid.transit_limit()
    made = put(call, TransitGateway(call.id("tgw-"), call.now, req.get("Description") or "", vpn_gateways.private_asn(options.get("AmazonSideAsn") or vpn_gateways.DEFAULT_ASN),
                                    SWITCHES | {k: v for k, v in options.items() if k in SWITCHES}, cidrs=tuple(options.get("TransitGatewayCidrBlocks") or ())))
    tags.take(call, req, "transit-gateway", made.id)
    answer = shown(call, made, "pending")
    associates, propagates = (made.switches[f"DefaultRouteTable{word}"] == "enable" for word in ("Association", "Propagation"))
    if associates or propagates:
        table = tables.enter(call, made.id).id
        made = put(call, made.but(association_table=table if associates else "", propagation_table=table if propagates else ""))
        answer = shown(call, made, "pending")
    return {"TransitGateway": answer}


FACETS: describe.Facets = {
    "transit-gateway-id": lambda g: g.id, "state": lambda g: "available", "owner-id": lambda call, g: call.account, "options.amazon-side-asn": lambda g: g.asn,
    "options.association-default-route-table-id": lambda g: g.association_table or None, "options.propagation-default-route-table-id": lambda g: g.propagation_table or None,
    "options.auto-accept-shared-attachments": lambda g: g.switches["AutoAcceptSharedAttachments"], "options.default-route-table-association": lambda g: g.switches["DefaultRouteTableAssociation"],
    "options.default-route-table-propagation": lambda g: g.switches["DefaultRouteTablePropagation"], "options.dns-support": lambda g: g.switches["DnsSupport"],
    "options.vpn-ecmp-support": lambda g: g.switches["VpnEcmpSupport"],
}


@ec2.op(**names.LOOK)
def describe_transit_gateways(call: Call, req: t.DescribeTransitGatewaysRequest) -> t.DescribeTransitGatewaysResult:
    ids = req.get("TransitGatewayIds")
    guests = {id_: there for id_, there in shared(call).items() if not ids or id_ in ids}
    found = [find(call, id_) for id_ in dict.fromkeys(ids) if id_ not in guests] if ids else call.all(TransitGateway)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    theirs: list[t.TransitGateway] = [{**shown(there, one), "Tags": []} for id_, there in guests.items() if (one := there.get(TransitGateway, id_))  # type: ignore[typeddict-item]
                                      and describe.matching(there, [one], req.get("Filters"), FACETS)]
    return describe.page(req, [*(shown(call, one) for one in found), *theirs], "TransitGateways")


@ec2.op(**names.on("transit-gateway", "TransitGatewayId"))
def modify_transit_gateway(call: Call, req: t.ModifyTransitGatewayRequest) -> t.ModifyTransitGatewayResult:
    from . import transit_gateway_route_tables as tables
    one, options = find(call, req["TransitGatewayId"]), req.get("Options") or {}
    if "Description" in req:
        one = one.but(description=req["Description"])
    one = one.but(switches=one.switches | {k: v for k, v in options.items() if k in SWITCHES}, asn=vpn_gateways.private_asn(options.get("AmazonSideAsn") or one.asn))
    for word, field in (("Association", "association_table"), ("Propagation", "propagation_table")):
        given = options.get(f"{word}DefaultRouteTableId")
        if given:
            tables.find(call, given)
        on = one.switches[f"DefaultRouteTable{word}"] == "enable"
        if on and not given and not getattr(one, field):
            raise errors.missing(f"{word}DefaultRouteTableId")
        one = one.but(**{field: (given or getattr(one, field)) if on else ""})
    gone = options.get("RemoveTransitGatewayCidrBlocks") or []
    one = one.but(cidrs=tuple(dict.fromkeys([*(x for x in one.cidrs if x not in gone), *(options.get("AddTransitGatewayCidrBlocks") or [])])))
    return {"TransitGateway": shown(call, put(call, one), "modifying")}


@ec2.op(**names.on("transit-gateway", "TransitGatewayId"))
def delete_transit_gateway(call: Call, req: t.DeleteTransitGatewayRequest) -> t.DeleteTransitGatewayResult:
    """Its default route table goes along; attachments and other tables keep it."""
    from . import transit_gateway_route_tables as tables
    one = find(call, req["TransitGatewayId"])
    own = {one.association_table, one.propagation_table}
    for what, prefix in (("VPN Attachments", "vpn-"), ("Transit Gateway Attachments", "tgw-attach-"), ("Transit Gateway Route Tables", "tgw-rtb-")):
        if there := [id_ for id_ in links.users(call, one.id, prefix) if id_ not in own]:
            raise errors_hybrid.transit_has(one.id, [f"{what}: {', '.join(there)}."])
    if links.users(call, one.id, "dxgw-"):
        raise errors_hybrid.transit_has(one.id, ["Direct Connect gateway associations."])
    for table in sorted(own - {""}):
        tables.drop(call, tables.find(call, table))
    answer = shown(call, one, "deleting")
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)
    return {"TransitGateway": answer}


# -- routes of VPCs to it ------------------------------------------------------------------------------------------------------------------

def _check(call: Call, id_: str, table: route_tables.RouteTable) -> None:
    usable(call, id_)
    if not _alive(call, id_, table.vpc_id):
        raise errors.AwsError("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{id_}' does not exist")    # not in this VPC: it is to be attached first


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    from . import transit_gateway_attachments as attachments
    return any(one.resource == vpc_id and one.state == "available" for one in attachments.of(call, id_))


TARGETS["tgw"] = Target("TransitGatewayId", _check, _alive)
