"""Routes. The local ones come from the VPC's ranges; whether any other is a blackhole is asked of its target each time, so that none can be forgotten.

A kind of target enters itself into TARGETS under the prefix of its ids; peering, endpoints, VPN and transit gateways do so in their own modules.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import addresses, errors, errors_vpc, links, names, network, route_tables, subnets, tags, vpcs
from . import service as ec2
from .route_tables import Route, RouteTable

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 500  # static routes of one table


class Target(msgspec.Struct, frozen=True):
    """`member`: where answers name it. `check(call, id, table)` raises unless a route of the table may lead there; `alive(call, id, vpc_id)`: does it carry packets?"""
    member: str
    check: Callable[[Call, str, RouteTable], None]
    alive: Callable[[Call, str, str], bool]


TARGETS: dict[str, Target] = {}
GIVEN = ("GatewayId", "EgressOnlyInternetGatewayId", "InstanceId", "NetworkInterfaceId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "VpcEndpointId",
         "CarrierGatewayId", "LocalGatewayId", "CoreNetworkArn", "OdbNetworkArn")
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def locals_(call: Call, table: RouteTable) -> list[Route]:
    """A local route for every range of the VPC, unless another target was put in its place."""
    vpc, own = vpcs.find(call, table.vpc_id), {route.destination for route in table.routes}
    return [Route(cidr, "local", "CreateRouteTable") for cidr in (*vpc.cidrs, *vpc.cidrs6) if cidr not in own]


def alive(call: Call, route: Route, vpc_id: str) -> bool:
    if route.target == "local":
        return True
    target = TARGETS.get(route.target.rpartition("-")[0])
    return target is not None and target.alive(call, route.target, vpc_id)


def all_of(call: Call, table: RouteTable) -> list[Route]:
    """What the table holds. Virtual private gateways would add what their devices announce, but no device ever connects: nothing is propagated."""
    return [*locals_(call, table), *table.routes]


def shown(call: Call, table: RouteTable) -> list[t.Route]:
    return [_shown(call, route, table) for route in all_of(call, table)]


def _shown(call: Call, route: Route, table: RouteTable) -> t.Route:
    out: Any = {"Origin": route.origin, "State": "active" if alive(call, route, table.vpc_id) else "blackhole"}
    out["DestinationPrefixListId" if route.destination.startswith("pl-") else "DestinationIpv6CidrBlock" if ":" in route.destination else "DestinationCidrBlock"] = route.destination
    prefix = route.target.rpartition("-")[0]
    out[TARGETS[prefix].member if prefix in TARGETS else "GatewayId"] = route.target
    if prefix == "eni":
        from .network_interfaces import NetworkInterface
        there = call.get(NetworkInterface, route.target)
        if there and there.attachment and there.attachment.instance_id:
            out |= {"InstanceId": there.attachment.instance_id, "InstanceOwnerId": call.account}
        elif route.instance and not there:  # a terminated instance is still named
            out |= {"InstanceId": route.instance, "InstanceOwnerId": call.account}
    return out  # type: ignore[no-any-return]


# -- what a request says -----------------------------------------------------------------------------------------------------------

def destination(call: Call, req: Any) -> str:
    """The one destination, in canonical form."""
    given = [name for name in DESTINATIONS if req.get(name)]
    if not given:
        raise errors.missing("destinationCidrBlock")
    if len(given) > 1:
        raise errors_vpc.one_target()
    value = req[given[0]]
    if given[0] == "DestinationPrefixListId":
        from . import prefix_lists
        return prefix_lists.find(call, value).id
    try:
        net = addresses.network(value)
    except ValueError:
        raise errors_vpc.bad_cidr(value, given[0][0].lower() + given[0][1:]) from None
    if (net.version == 6) != (given[0] == "DestinationIpv6CidrBlock"):
        raise errors_vpc.bad_cidr(value, given[0][0].lower() + given[0][1:])
    return str(net)


def target(call: Call, req: Any, table: RouteTable) -> tuple[str, str]:
    """(target, instance named) of a request; what it names must be there and fit the table."""
    given = [name for name in GIVEN if req.get(name)]
    if not given:
        raise errors.missing("gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, vpcEndpointId, transitGatewayId, egressOnlyInternetGatewayId or instanceId")
    if len(given) > 1:
        raise errors_vpc.one_target()
    member, value = given[0], req[given[0]]
    if member == "InstanceId":
        return _of_instance(call, value), value
    prefix = value.rpartition("-")[0]
    found = TARGETS.get(prefix)
    if found is None or (found.member != member and (member, prefix) not in (("VpcEndpointId", "vpce"), ("GatewayId", "vpce"))):
        if member in ("CarrierGatewayId", "LocalGatewayId", "CoreNetworkArn", "OdbNetworkArn"):
            raise errors.unsupported(f"Cloche has nothing that {member} could name")
        raise errors.AwsError(f"Invalid{member.removesuffix('Id')}ID.NotFound", f"The {member[0].lower()}{member[1:-2]} ID '{value}' does not exist")
    found.check(call, value, table)
    return value, ""


def _of_instance(call: Call, instance: str) -> str:
    if finder := tags.FINDERS.get("i"):
        finder(call, instance)
    else:
        raise errors.not_found("InvalidInstanceID.NotFound", "instance ID", instance)
    interfaces = links.users(call, instance, "eni-")
    if len(interfaces) != 1:
        raise errors.AwsError("InvalidInstanceID", f"There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the operation instead." if interfaces
                              else f"There is no interface attached to instance '{instance}'")
    return interfaces[0]


def _fits(call: Call, table: RouteTable, dest: str, to: str) -> None:
    """More specific than a local route: only for a whole subnet, and only toward something that looks at packets."""
    if dest.startswith("pl-"):
        return
    net = addresses.network(dest)
    for local in locals_(call, table):
        wide = addresses.network(local.destination)
        if net.version == wide.version and net != wide and net.subnet_of(wide):  # type: ignore[arg-type]
            whole = any(dest in (one.cidr, *(b.cidr for b in one.blocks6)) for one in subnets.of_vpc(call, table.vpc_id))
            if not whole or to.rpartition("-")[0] not in ("eni", "nat", "vpce"):
                raise errors_vpc.narrower_than_local(dest, local.destination)


# -- operations ------------------------------------------------------------------------------------------------------------------------

def add(call: Call, table: RouteTable, dest: str, to: str, origin: str = "CreateRoute", instance: str = "") -> RouteTable:
    """A route that must not be there yet."""
    if any(route.destination == dest for route in (*locals_(call, table), *table.routes)):
        raise errors_vpc.route_exists(dest)
    if len(table.routes) >= MOST:
        raise errors_vpc.route_limit()
    return route_tables.put(call, table.but(routes=[*table.routes, Route(dest, to, origin, instance)]))


def remove(call: Call, table: RouteTable, dest: str) -> RouteTable:
    return route_tables.put(call, table.but(routes=[route for route in table.routes if route.destination != dest]))


def add_default(call: Call, vpc_id: str, gateway_id: str) -> None:
    add(call, route_tables.main(call, vpc_id), "0.0.0.0/0", gateway_id)


@ec2.op(**names.on("route-table", "RouteTableId"))
def create_route(call: Call, req: t.CreateRouteRequest) -> t.CreateRouteResult:
    table = route_tables.find(call, req["RouteTableId"])
    dest = destination(call, req)
    to, instance = target(call, req, table)
    if to.startswith("eigw-") and "." in dest:
        raise errors.invalid_value(dest, "destinationCidrBlock", "An egress-only internet gateway takes IPv6 destinations only")
    _fits(call, table, dest, to)
    add(call, table, dest, to, instance=instance)
    return {"Return": True}


@ec2.op(**names.on("route-table", "RouteTableId"))
def replace_route(call: Call, req: t.ReplaceRouteRequest) -> None:
    """Another target for a destination there is. A local route may be led to an interface and back (`LocalTarget`)."""
    table = route_tables.find(call, req["RouteTableId"])
    dest = destination(call, req)
    local = dest in (*(vpc := vpcs.find(call, table.vpc_id)).cidrs, *vpc.cidrs6)
    if req.get("LocalTarget"):
        if not local:
            raise errors.invalid_value(dest, "destination", "Only the routes of the VPC's own CIDR blocks can have the local target")
        remove(call, table, dest)
        return
    if not local and not any(route.destination == dest for route in table.routes):
        raise errors_vpc.replace_route_not_found(dest, table.id)
    to, instance = target(call, req, table)
    if local and to.rpartition("-")[0] not in ("eni", "nat", "vpce"):
        raise errors_vpc.local_route(dest, table.id)
    _fits(call, table, dest, to)
    route = Route(dest, to, instance=instance)
    if any(one.destination == dest for one in table.routes):
        table = table.but(routes=[route if one.destination == dest else one for one in table.routes])
    else:
        table = table.but(routes=[*table.routes, route])
    route_tables.put(call, table)


@ec2.op(**names.on("route-table", "RouteTableId"))
def delete_route(call: Call, req: t.DeleteRouteRequest) -> None:
    table = route_tables.find(call, req["RouteTableId"])
    dest = destination(call, req)
    if any(route.destination == dest for route in locals_(call, table)):
        raise errors_vpc.local_route(dest, table.id)
    if not any(route.destination == dest for route in table.routes):
        raise errors_vpc.route_not_found(dest, table.id)
    if any(route.destination == dest and route.target.startswith("vpce-") and dest.startswith("pl-") for route in table.routes):
        raise errors.invalid(f"cannot remove VPC endpoint route {dest} in route table {table.id}")
    remove(call, table, dest)




@ec2.op(**names.on("route-table", "RouteTableId", vpn_gateway="GatewayId"))
def enable_vgw_route_propagation(call: Call, req: t.EnableVgwRoutePropagationRequest) -> None:
    table, gateway = route_tables.find(call, req["RouteTableId"]), req["GatewayId"]
    _virtual_gateway(call, table, gateway)
    if gateway not in table.propagating:
        route_tables.put(call, table.but(propagating=[*table.propagating, gateway]))
    network.changed(call)


@ec2.op(**names.on("route-table", "RouteTableId", vpn_gateway="GatewayId"))
def disable_vgw_route_propagation(call: Call, req: t.DisableVgwRoutePropagationRequest) -> None:
    table, gateway = route_tables.find(call, req["RouteTableId"]), req["GatewayId"]
    _virtual_gateway(call, table, gateway, attached=False)
    route_tables.put(call, table.but(propagating=[one for one in table.propagating if one != gateway]))


def _virtual_gateway(call: Call, table: RouteTable, gateway: str, attached: bool = True) -> None:
    finder = route_tables.GATEWAYS.get("vgw")
    if not gateway.startswith("vgw-") or finder is None:
        raise errors.not_found("InvalidVpnGatewayID.NotFound", "vpnGateway ID", gateway)
    if finder(call, gateway) != table.vpc_id and attached:
        raise errors_vpc.not_attached(gateway, table.vpc_id)
