"""Route tables and what they are associated with. The main association is the VPC's own: a subnet without one falls back to it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import describe, errors, errors_vpc, idempotency, links, names, network, tags, vpcs
from . import service as ec2
from .vpcs import Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 200  # per VPC


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """`target` is an id whose prefix says what it is, or "local". The local routes of the VPC's ranges are not written down."""
    destination: str  # a CIDR in canonical form, or pl-...
    target: str
    origin: str = "CreateRoute"
    instance: str = ""  # the instance that was named, or that has the interface


class RouteTable(Record, frozen=True):
    kind = "ec2.route-table"

    id: str
    vpc_id: str
    routes: list[Route] = []
    propagating: list[str] = []  # virtual private gateways

    @property
    def key(self) -> str:
        return self.id


class Association(Record, frozen=True):
    """Of a table with a subnet, a gateway (for what comes in through it), or the VPC itself: the main one."""
    kind = "ec2.route-table-association"

    id: str
    table_id: str
    target: str

    @property
    def key(self) -> str:
        return self.id

    @property
    def main(self) -> bool:
        return self.target.startswith("vpc-")


def find(call: Call, id_: str) -> RouteTable:
    return describe.find(call, RouteTable, id_, "InvalidRouteTableID.NotFound", "routeTable ID")


tags.FINDERS["rtb"] = find


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(RouteTable, id_)
    return {"ec2:RouteTableID": id_, "ec2:Vpc": names.arn(call, "vpc", one.vpc_id)} if one else {}


names.ABOUT["route-table"] = _about


def put(call: Call, table: RouteTable) -> RouteTable:
    links.tie(call, table.id, table.vpc_id, *(route.target for route in table.routes), *(route.destination for route in table.routes if route.destination.startswith("pl-")),
              *(f"propagated:{vgw}" for vgw in table.propagating))
    network.changed(call)
    return call.put(table)


def associations(call: Call, id_: str) -> list[Association]:
    """Of a table, a subnet, a gateway, or (the main one) a VPC."""
    return [found for each in links.users(call, id_, "rtbassoc-") if (found := call.get(Association, each))]


def main(call: Call, vpc_id: str) -> RouteTable:
    return find(call, associations(call, vpc_id)[0].table_id)


def of_subnet(call: Call, subnet_id: str, vpc_id: str) -> RouteTable:
    """The table in force for a subnet."""
    own = associations(call, subnet_id)
    return find(call, own[0].table_id) if own else main(call, vpc_id)


def bind(call: Call, table: RouteTable, target: str) -> Association:
    one = Association(call.id("rtbassoc-"), table.id, target)
    links.tie(call, one.id, table.id, target)
    network.changed(call)
    return call.put(one)


def unbind(call: Call, one: Association) -> None:
    links.untie(call, one.id)
    call.delete(one)
    network.changed(call)


def forget(call: Call, target: str) -> None:
    """A subnet or gateway is gone."""
    for one in associations(call, target):
        unbind(call, one)


def make_main(call: Call, vpc: Vpc) -> RouteTable:
    table = put(call, RouteTable(call.id("rtb-"), vpc.id))
    bind(call, table, vpc.id)
    return table


def drop(call: Call, table: RouteTable) -> None:
    forget(call, table.id)
    links.untie(call, table.id)
    call.delete(table)
    tags.drop(call, table.id)
    network.changed(call)


def shown_association(one: Association) -> t.RouteTableAssociation:
    out: t.RouteTableAssociation = {"Main": one.main, "RouteTableAssociationId": one.id, "RouteTableId": one.table_id, "AssociationState": {"State": "associated"}}
    if one.target.startswith("subnet-"):
        out["SubnetId"] = one.target
    elif not one.main:
        out["GatewayId"] = one.target
    return out


def shown(call: Call, table: RouteTable) -> t.RouteTable:
    from . import routes
    return {"RouteTableId": table.id, "VpcId": table.vpc_id, "OwnerId": call.account, "Routes": routes.shown(call, table), "Tags": tags.shown(call, table.id),
            "Associations": [shown_association(one) for one in associations(call, table.id)], "PropagatingVgws": [{"GatewayId": vgw} for vgw in table.propagating]}


# -- operations ------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("route-table", vpc="VpcId"))
def create_route_table(call: Call, req: t.CreateRouteTableRequest) -> t.CreateRouteTableResult:
    vpc = vpcs.find(call, req["VpcId"])
    token = req.get("ClientToken") or ""
    if known := call.get(RouteTable, idempotency.made(call, req)):
        return {"RouteTable": shown(call, known), "ClientToken": token}
    if links.count(call, vpc.id, "rtb-") >= MOST:
        raise errors_vpc.table_limit()
    table = put(call, RouteTable(call.id("rtb-"), vpc.id))
    tags.take(call, req, "route-table", table.id)
    idempotency.remember(call, req, table.id)
    return {"RouteTable": shown(call, table), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


def _of(member: str) -> Any:
    def facet(call: Call, table: RouteTable) -> list[Any]:
        from . import routes
        return [value for route in routes.shown(call, table) if (value := route.get(member)) is not None]
    return facet


FACETS: describe.Facets = {
    "route-table-id": lambda r: r.id, "vpc-id": lambda r: r.vpc_id, "owner-id": lambda call, r: call.account,
    "association.main": lambda call, r: [one.main for one in associations(call, r.id)], "association.gateway-id": lambda call, r: [
        one.target for one in associations(call, r.id) if not one.main and not one.target.startswith("subnet-")],
    "association.route-table-association-id": lambda call, r: [one.id for one in associations(call, r.id)],
    "association.route-table-id": lambda call, r: [one.table_id for one in associations(call, r.id)],
    "association.subnet-id": lambda call, r: [one.target for one in associations(call, r.id) if one.target.startswith("subnet-")],
    "propagating-vgw.gateway-id": lambda r: r.propagating,
    "route.carrier-gateway-id": lambda r: None, "route.destination-cidr-block": _of("DestinationCidrBlock"), "route.destination-ipv6-cidr-block": _of("DestinationIpv6CidrBlock"),
    "route.destination-prefix-list-id": _of("DestinationPrefixListId"), "route.egress-only-internet-gateway-id": _of("EgressOnlyInternetGatewayId"),
    "route.gateway-id": _of("GatewayId"), "route.instance-id": _of("InstanceId"), "route.nat-gateway-id": _of("NatGatewayId"), "route.transit-gateway-id": _of("TransitGatewayId"),
    "route.origin": _of("Origin"), "route.state": _of("State"), "route.vpc-peering-connection-id": _of("VpcPeeringConnectionId"), "route.network-interface-id": _of("NetworkInterfaceId"),
}


@ec2.op(**names.LOOK)
def describe_route_tables(call: Call, req: t.DescribeRouteTablesRequest) -> t.DescribeRouteTablesResult:
    from . import shared_network
    ids = req.get("RouteTableIds")
    mine, theirs = shared_network.rows(call, req, RouteTable, ids, FACETS, shown)
    found = describe.matching(call, describe.several(call, RouteTable, mine, "InvalidRouteTableID.NotFound", "routeTable ID") if mine != [] else (), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "RouteTables", most=100, ids=ids)


@ec2.op(**names.on("route-table", "RouteTableId"))
def delete_route_table(call: Call, req: t.DeleteRouteTableRequest) -> None:
    table = find(call, req["RouteTableId"])
    if associations(call, table.id):
        raise errors.dependency("routeTable", table.id)
    drop(call, table)


GATEWAYS: dict[str, Any] = {}  # prefix -> f(call, id) giving the VPC it is attached to; the gateways' modules fill it


@ec2.op(**names.on("route-table", "RouteTableId", subnet="SubnetId", internet_gateway="GatewayId"))
def associate_route_table(call: Call, req: t.AssociateRouteTableRequest) -> t.AssociateRouteTableResult:
    from . import subnets
    table = find(call, req["RouteTableId"])
    subnet_id, gateway_id = req.get("SubnetId"), req.get("GatewayId")
    if bool(subnet_id) == bool(gateway_id):
        raise errors.combination("Exactly one of subnetId and gatewayId must be given")
    if subnet_id:
        vpc_id, target = subnets.find(call, subnet_id).vpc_id, subnet_id
    else:
        target = str(gateway_id)
        if (finder := GATEWAYS.get(target.rpartition("-")[0])) is None:
            raise errors.invalid_value(target, "gatewayId", "It is neither an internet gateway nor a virtual private gateway")
        vpc_id = finder(call, target)
    if vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, target)
    if there := associations(call, target):
        if there[0].table_id == table.id:
            return {"AssociationId": there[0].id, "AssociationState": {"State": "associated"}}
        raise errors_vpc.already_associated(f"the specified association for route table {table.id} conflicts with an existing association")
    return {"AssociationId": bind(call, table, target).id, "AssociationState": {"State": "associated"}}


def _association(call: Call, id_: str) -> Association:
    found = call.get(Association, id_)
    if found is None:
        raise errors_vpc.association_not_found("association ID", id_)
    return found


def _behind(call: Call, req: Any) -> list[Any]:
    found = call.get(Association, req["AssociationId"])
    return names.on("route-table", "T", subnet="S")["needs"](call, {"T": found.table_id if found else "*", "S": found.target if found and found.target.startswith("subnet-") else None,
                                                                    } | ({"T": [found.table_id, req["RouteTableId"]]} if found and "RouteTableId" in req else {}))


@ec2.op(needs=_behind)
def disassociate_route_table(call: Call, req: t.DisassociateRouteTableRequest) -> None:
    one = _association(call, req["AssociationId"])
    if one.main:
        raise errors_vpc.main_association(one.id)
    unbind(call, one)


@ec2.op(needs=_behind)
def replace_route_table_association(call: Call, req: t.ReplaceRouteTableAssociationRequest) -> t.ReplaceRouteTableAssociationResult:
    """Another table for the same subnet, or another main table for the VPC; the association is a new one."""
    one = _association(call, req["AssociationId"])
    table = find(call, req["RouteTableId"])
    if find(call, one.table_id).vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, one.table_id)
    unbind(call, one)
    return {"NewAssociationId": bind(call, table, one.target).id, "AssociationState": {"State": "associated"}}
