"""Virtual private gateways: AWS's end of VPN and Direct Connect, one of a VPC."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_hybrid, errors_vpc, links, names, network, route_tables, tags, vpcs
from . import service as ec2
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5
SHOWN_SECONDS = 3600
DEFAULT_ASN = 64512


class VpnGateway(Record, frozen=True):
    kind = "ec2.vpn-gateway"

    id: str
    asn: int = DEFAULT_ASN
    zone: str = ""
    vpc_id: str = ""
    left: str = ""                                     # the VPC it was detached from last
    state: str = "available"

    @property
    def key(self) -> str:
        return self.id


def look(call: Call, id_: str) -> VpnGateway | None:
    found = call.get(VpnGateway, id_)
    return found if found and found.state != "deleted" else None


def find(call: Call, id_: str) -> VpnGateway:
    found = look(call, id_)
    if found is None:
        raise errors.not_found("InvalidVpnGatewayID.NotFound", "vpnGateway ID", id_)
    return found


tags.FINDERS["vgw"] = find


def of_vpc(call: Call, vpc_id: str) -> VpnGateway | None:
    found = links.users(call, vpc_id, "vgw-")
    return look(call, found[0]) if found else None


def private_asn(value: int) -> int:
    """An ASN that may be Amazon's side."""
    if not (64512 <= value <= 65534 or 4_200_000_000 <= value <= 4_294_967_294):
        raise errors.invalid_value(value, "AmazonSideAsn", "The ASN must be from 64512 to 65534 or from 4200000000 to 4294967294.")
    return value


def put(call: Call, one: VpnGateway) -> VpnGateway:
    links.tie(call, one.id, one.vpc_id)
    network.changed(call)
    return call.put(one)


def shown(call: Call, one: VpnGateway) -> t.VpnGateway:
    attached = [{"State": "attached", "VpcId": one.vpc_id}] if one.vpc_id else [{"State": "detached", "VpcId": one.left}] if one.left else []
    out: Any = {"VpnGatewayId": one.id, "State": one.state, "Type": "ipsec.1", "AmazonSideAsn": one.asn, "VpcAttachments": attached, "Tags": tags.shown(call, one.id)}
    return out | ({"AvailabilityZone": one.zone} if one.zone else {})  # type: ignore[no-any-return]


@ec2.op(**names.making("vpn-gateway"))
def create_vpn_gateway(call: Call, req: t.CreateVpnGatewayRequest) -> t.CreateVpnGatewayResult:
    if sum(one.state != "deleted" for one in call.all(VpnGateway)) >= MOST:
        raise errors_hybrid.vpn_gateway_limit()
    made = call.put(VpnGateway(call.id("vgw-"), private_asn(req.get("AmazonSideAsn") or DEFAULT_ASN), req.get("AvailabilityZone") or ""))
    tags.take(call, req, "vpn-gateway", made.id)
    return {"VpnGateway": shown(call, made)}


FACETS: describe.Facets = {
    "vpn-gateway-id": lambda g: g.id, "amazon-side-asn": lambda g: g.asn, "attachment.state": lambda g: "attached" if g.vpc_id else "detached" if g.left else None,
    "attachment.vpc-id": lambda g: g.vpc_id or g.left or None, "availability-zone": lambda g: g.zone or None, "state": lambda g: g.state, "type": lambda g: "ipsec.1",
}


@ec2.op(**names.LOOK)
def describe_vpn_gateways(call: Call, req: t.DescribeVpnGatewaysRequest) -> t.DescribeVpnGatewaysResult:
    found = describe.several(call, VpnGateway, req.get("VpnGatewayIds"), "InvalidVpnGatewayID.NotFound", "vpnGateway ID")
    return {"VpnGateways": [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)]}


@ec2.op(**names.on("vpn-gateway", "VpnGatewayId", vpc="VpcId"))
def attach_vpn_gateway(call: Call, req: t.AttachVpnGatewayRequest) -> t.AttachVpnGatewayResult:
    one, vpc = find(call, req["VpnGatewayId"]), vpcs.find(call, req["VpcId"])
    if one.vpc_id and one.vpc_id != vpc.id:
        raise errors_hybrid.gateway_attached(one.id, one.vpc_id)
    there = of_vpc(call, vpc.id)
    if there and there.id != one.id:
        raise errors_hybrid.vpc_has_gateway(vpc.id, there.id)
    put(call, one.but(vpc_id=vpc.id, left=""))
    return {"VpcAttachment": {"State": "attaching", "VpcId": vpc.id}}


@ec2.op(**names.on("vpn-gateway", "VpnGatewayId", vpc="VpcId"))
def detach_vpn_gateway(call: Call, req: t.DetachVpnGatewayRequest) -> None:
    one, vpc = find(call, req["VpnGatewayId"]), vpcs.find(call, req["VpcId"])
    if one.vpc_id != vpc.id:
        raise errors_hybrid.gateway_not_attached(one.id, vpc.id)
    put(call, one.but(vpc_id="", left=vpc.id))


@ec2.op(**names.on("vpn-gateway", "VpnGatewayId"))
def delete_vpn_gateway(call: Call, req: t.DeleteVpnGatewayRequest) -> None:
    one = find(call, req["VpnGatewayId"])
    if one.vpc_id:
        raise errors.incorrect_state(f"The virtual private gateway {one.id} is still attached to {one.vpc_id}.")
    if links.users(call, one.id, "vpn-"):
        raise errors.incorrect_state(f"The virtual private gateway {one.id} has VPN connections.")
    for other in links.users(call, one.id, "dxgw-"):
        raise errors.incorrect_state(f"The virtual private gateway {one.id} is associated with the Direct Connect gateway {other.removeprefix('dxgw-')}.")
    put(call, one.but(state="deleted", left=""))
    call.after(SHOWN_SECONDS, forget_vpn_gateway, one.id, gateway=one.id)


@ec2.timer
def forget_vpn_gateway(call: Call, gateway: str) -> None:
    if one := call.get(VpnGateway, gateway):
        links.untie(call, gateway)
        call.delete(one)
        tags.drop(call, gateway)


def _check(call: Call, id_: str, table: route_tables.RouteTable) -> None:
    if find(call, id_).vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, id_)


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    one = look(call, id_)
    return one is not None and one.vpc_id == vpc_id


def _vpc_of(call: Call, id_: str) -> str:
    return find(call, id_).vpc_id


TARGETS["vgw"] = Target("GatewayId", _check, _alive)
route_tables.GATEWAYS["vgw"] = _vpc_of
