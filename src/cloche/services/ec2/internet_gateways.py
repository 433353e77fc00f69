"""Internet gateways: of the region, not of a zone; each attached to one VPC at most, and a VPC to one gateway."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call, Record
from cloche.services.service_quotas import public as quotas

from . import describe, errors, errors_vpc, links, names, network, route_tables, tags, vpcs
from . import service as ec2
from .route_tables import RouteTable
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

QUOTA = "vpc/L-A4707A72"  # per region


class InternetGateway(Record, frozen=True):
    kind = "ec2.internet-gateway"

    id: str
    vpc_id: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> InternetGateway:
    return describe.find(call, InternetGateway, id_, "InvalidInternetGatewayID.NotFound", "internetGateway ID")


tags.FINDERS["igw"] = find


def of_vpc(call: Call, vpc_id: str) -> InternetGateway | None:
    found = links.users(call, vpc_id, "igw-")
    return call.get(InternetGateway, found[0]) if found else None


def _vpc_of(call: Call, id_: str) -> str:
    return find(call, id_).vpc_id


def _check(call: Call, id_: str, table: RouteTable) -> None:
    if find(call, id_).vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, id_)


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    one = call.get(InternetGateway, id_)
    return one is not None and one.vpc_id == vpc_id


TARGETS["igw"] = Target("GatewayId", _check, _alive)
route_tables.GATEWAYS["igw"] = _vpc_of


def put(call: Call, one: InternetGateway) -> InternetGateway:
    links.tie(call, one.id, one.vpc_id)
    network.changed(call)
    return call.put(one)


def enter(call: Call, vpc_id: str = "") -> InternetGateway:
    return put(call, InternetGateway(call.id("igw-"), vpc_id))


def shown(call: Call, one: InternetGateway) -> t.InternetGateway:
    # AWS says "available" where its own model lists "attached"
    attachments: list[t.InternetGatewayAttachment] = [{"State": "available", "VpcId": one.vpc_id}] if one.vpc_id else []  # type: ignore[typeddict-item]
    return {"InternetGatewayId": one.id, "OwnerId": call.account, "Attachments": attachments, "Tags": tags.shown(call, one.id)}


@ec2.op(**names.making("internet-gateway"))
def create_internet_gateway(call: Call, req: t.CreateInternetGatewayRequest) -> t.CreateInternetGatewayResult:
    if len(call.all(InternetGateway)) >= quotas.value(call, QUOTA):
        raise errors_vpc.internet_gateway_limit()
    one = enter(call)
    tags.take(call, req, "internet-gateway", one.id)
    return {"InternetGateway": shown(call, one)}


FACETS: describe.Facets = {
    "internet-gateway-id": lambda g: g.id, "owner-id": lambda call, g: call.account, "attachment.vpc-id": lambda g: g.vpc_id or None,
    "attachment.state": lambda g: "available" if g.vpc_id else None,
}


@ec2.op(**names.LOOK)
def describe_internet_gateways(call: Call, req: t.DescribeInternetGatewaysRequest) -> t.DescribeInternetGatewaysResult:
    from . import shared_network
    ids = req.get("InternetGatewayIds")
    mine, theirs = shared_network.rows(call, req, InternetGateway, ids, FACETS, shown)
    found = describe.matching(call, describe.several(call, InternetGateway, mine, "InvalidInternetGatewayID.NotFound", "internetGateway ID") if mine != [] else (), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "InternetGateways", ids=ids)


@ec2.op(**names.on("internet-gateway", "InternetGatewayId", vpc="VpcId"))
def attach_internet_gateway(call: Call, req: t.AttachInternetGatewayRequest) -> None:
    one, vpc = find(call, req["InternetGatewayId"]), vpcs.find(call, req["VpcId"])
    if one.vpc_id:
        raise errors_vpc.already_associated(f"resource {one.id} is already attached to network {one.vpc_id}")
    if of_vpc(call, vpc.id):
        raise errors_vpc.has_gateway(vpc.id)
    put(call, one.but(vpc_id=vpc.id))


@ec2.op(**names.on("internet-gateway", "InternetGatewayId", vpc="VpcId"))
def detach_internet_gateway(call: Call, req: t.DetachInternetGatewayRequest) -> None:
    from . import network_interfaces
    one, vpc = find(call, req["InternetGatewayId"]), vpcs.find(call, req["VpcId"])
    if one.vpc_id != vpc.id:
        raise errors_vpc.not_attached(one.id, vpc.id)
    if any(interface.public_addresses for interface in network_interfaces.of(call, vpc.id)):
        raise errors_vpc.mapped_addresses(vpc.id)
    put(call, one.but(vpc_id=""))


@ec2.op(**names.on("internet-gateway", "InternetGatewayId"))
def delete_internet_gateway(call: Call, req: t.DeleteInternetGatewayRequest) -> None:
    """Routes to it stay and are blackholes; an association with a table keeps it."""
    one = find(call, req["InternetGatewayId"])
    if one.vpc_id or route_tables.associations(call, one.id):
        raise errors.dependency("internetGateway", one.id)
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)
