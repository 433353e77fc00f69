"""Peering, endpoints, virtual private and transit gateways as values of the network that is compiled and explained (`network_map`)."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloche.engines.net import topology as net
from cloche.kernel import Call

from . import links, network_map, prefix_lists, vpc_endpoint_services
from . import transit_gateway_attachments as attachments
from . import transit_gateway_route_tables as tables
from .transit_gateways import TransitGateway
from .vpc_endpoints import VpcEndpoint
from .vpc_peering_connections import Peering, Seat, mine
from .vpn_gateways import VpnGateway


def peerings(call: Call) -> list[Peering]:
    found = (call.get(Peering, seat.id) for seat in call.all(Seat))
    return [one for one in found if one and one.state == "active"]


def values(call: Call) -> Iterable[Any]:
    for one in peerings(call):
        yield net.Peering(one.id, one.requester.vpc, one.accepter.vpc, True, one.requester.region == one.accepter.region)
    for held in call.all(VpcEndpoint):
        if held.state != "available":
            continue
        # an endpoint to a customer's service leads to a load balancer, not to AWS's doors
        kind = "PrivateLink" if held.provider else held.type
        listed = prefix_lists.own_id(call.region, held.short) if held.type == "Gateway" else ""
        yield net.Endpoint(held.id, held.vpc_id, held.provider or held.short, kind, listed, held.interfaces)
    for gateway in call.all(VpnGateway):
        if gateway.vpc_id and gateway.state != "deleted":
            yield net.Gateway(gateway.id, gateway.vpc_id)
    for transit in call.all(TransitGateway):
        yield transit_gateway(call, transit.id)


def transit_gateway(call: Call, id_: str) -> net.TransitGateway:
    """Its VPCs and tables. What leads to a VPN or to another transit gateway leads nowhere."""
    held = attachments.of(call, id_)
    feet = tuple(net.Attachment(one.id, one.resource, one.subnets, one.association) for one in held if one.type == "vpc" and one.state == "available")
    mine = {one.id for one in feet}
    rows = []
    for table in links.users(call, id_, "tgw-rtb-"):
        routes = tables.routes(call, tables.find(call, table))
        rows.append((table, tuple(net.TransitRoute(x.destination, x.attachment if x.attachment in mine else "", x.attachment in mine) for x in routes)))
    return net.TransitGateway(id_, feet, tuple(rows))


def reaches(call: Call) -> Iterable[network_map.Scope]:
    for one in peerings(call):
        for side in one.sides:
            if not mine(call, side):
                yield side.account, side.region
    for foot in call.all(attachments.Attachment):
        if foot.type == "vpc" and foot.peer:
            yield foot.peer["account"], call.region
    for held in call.all(VpcEndpoint):
        if held.provider and (home := vpc_endpoint_services.home(call, held.provider)):
            yield home.account, home.region


network_map.SOURCES.append(values)
network_map.REACHES.append(reaches)
