"""Peering, endpoints, virtual private and transit gateways as values of the network that is compiled and explained (`network_map`)."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloche.engines.net import topology as net
from cloche.kernel import Call

from . import network_map, prefix_lists
from .vpc_endpoints import VpcEndpoint
from .vpc_peering_connections import Peering, Seat, mine


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


def reaches(call: Call) -> Iterable[network_map.Scope]:
    for one in peerings(call):
        for side in one.sides:
            if not mine(call, side):
                yield side.account, side.region


network_map.SOURCES.append(values)
network_map.REACHES.append(reaches)
