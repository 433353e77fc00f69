"""VPN connections: IPsec over the internet between a customer gateway and a virtual private or transit gateway, always in two tunnels.

No device ever connects from outside Cloche, so the tunnels are DOWN, the telemetry says so, and nothing is propagated: a route table takes a VPN's
routes once a tunnel is up.
"""
from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import addresses, customer_gateways, describe, errors, errors_hybrid, links, names, network, tags, vpn_configuration, vpn_gateways
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 50
SHOWN_SECONDS = 3600
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
KEY = re.compile(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}")
INSIDE = ipaddress.ip_network("169.254.0.0/16")
TAKEN = tuple(ipaddress.ip_network(x) for x in ("169.254.0.0/30", "169.254.1.0/30", "169.254.2.0/30", "169.254.3.0/30", "169.254.4.0/30", "169.254.5.0/30", "169.254.169.252/30"))


class Tunnel(msgspec.Struct, frozen=True):
    outside: str
    inside: str
    key: str
    options: dict[str, Any] = {}


class VpnConnection(Record, frozen=True):
    kind = "ec2.vpn-connection"

    id: str
    customer: str
    gateway: str                                       # vgw-... or tgw-...
    made: float
    static: bool
    tunnels: tuple[Tunnel, ...]
    routes: tuple[str, ...] = ()
    local: str = "0.0.0.0/0"
    remote: str = "0.0.0.0/0"
    accelerated: bool = False
    attachment: str = ""                               # tgw-attach-...
    state: str = "available"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> VpnConnection:
    found = call.get(VpnConnection, id_)
    if found is None or found.state == "deleted":
        raise errors.not_found("InvalidVpnConnectionID.NotFound", "vpnConnection ID", id_)
    return found


tags.FINDERS["vpn"] = find


def put(call: Call, one: VpnConnection) -> VpnConnection:
    links.tie(call, one.id, one.customer, one.gateway)
    network.changed(call)
    return call.put(one)


def configuration(call: Call, one: VpnConnection) -> str:
    customer = call.get(customer_gateways.CustomerGateway, one.customer)
    asn = amazon_asn(call, one.gateway)
    tunnels = [vpn_configuration.Tunnel(x.outside, x.inside, x.key) for x in one.tunnels]
    return vpn_configuration.document(one.id, one.customer, one.gateway, customer.address if customer else "", customer.asn if customer else "", asn, one.static, tunnels)


def amazon_asn(call: Call, gateway: str) -> int:
    if gateway.startswith("tgw-"):
        from . import transit_gateways
        return transit_gateways.find(call, gateway).asn
    found = call.get(vpn_gateways.VpnGateway, gateway)
    return found.asn if found else vpn_gateways.DEFAULT_ASN


def shown_tunnel(one: Tunnel) -> dict[str, Any]:
    return {"OutsideIpAddress": one.outside, "TunnelInsideCidr": one.inside, "PreSharedKey": one.key, **one.options}


def shown(call: Call, one: VpnConnection, state: str = "") -> t.VpnConnection:
    out: Any = {
        "VpnConnectionId": one.id, "State": state or one.state, "Type": "ipsec.1", "Category": "VPN", "CustomerGatewayId": one.customer, "GatewayAssociationState": "associated",
        "TransitGatewayId" if one.gateway.startswith("tgw-") else "VpnGatewayId": one.gateway, "Tags": tags.shown(call, one.id),
        "Options": {"EnableAcceleration": one.accelerated, "StaticRoutesOnly": one.static, "LocalIpv4NetworkCidr": one.local, "RemoteIpv4NetworkCidr": one.remote,
                    "OutsideIpAddressType": "PublicIpv4", "TunnelInsideIpVersion": "ipv4", "TunnelOptions": [shown_tunnel(x) for x in one.tunnels]},
        "Routes": [{"DestinationCidrBlock": cidr, "Source": "Static", "State": "available"} for cidr in one.routes],
    }
    if one.state != "deleted":
        out["CustomerGatewayConfiguration"] = configuration(call, one)
        out["VgwTelemetry"] = [{"OutsideIpAddress": x.outside, "Status": "DOWN", "StatusMessage": "IPSEC IS DOWN", "AcceptedRouteCount": 0, "LastStatusChange": one.made} for x in one.tunnels]
    return out  # type: ignore[no-any-return]


# -- what a request says of tunnels ------------------------------------------------------------------------------------------------------

def inside_cidr(given: str, taken: set[str]) -> str:
    try:
        net = ipaddress.ip_network(given)
    except ValueError:
        net = None
    if net is None or net.version != 4 or net.prefixlen != 30 or not net.subnet_of(INSIDE):
        raise errors.invalid_value(given, "TunnelInsideCidr", "The inside CIDR must be a /30 of 169.254.0.0/16.")
    if any(net.overlaps(bad) for bad in TAKEN):
        raise errors.invalid_value(given, "TunnelInsideCidr", "The inside CIDR is reserved.")
    if given in taken:
        raise errors.invalid_value(given, "TunnelInsideCidr", "The inside CIDR is in use by another tunnel of the gateway.")
    return given


def free_cidr(call: Call, taken: set[str]) -> str:
    while True:
        number = int(call.id(digits=4), 16) & ~3
        found = f"{ipaddress.ip_address(int(INSIDE[0]) + number)}/30"
        if found not in taken and not any(ipaddress.ip_network(found).overlaps(bad) for bad in TAKEN):
            return found


OPTIONS = {"Phase1LifetimeSeconds": (900, 28800), "Phase2LifetimeSeconds": (900, 3600), "RekeyMarginTimeSeconds": (60, 14400), "RekeyFuzzPercentage": (0, 100),
           "ReplayWindowSize": (64, 2048), "DPDTimeoutSeconds": (30, 3600)}
ANSWERED = {"DPDTimeoutSeconds": "DpdTimeoutSeconds", "DPDTimeoutAction": "DpdTimeoutAction", "IKEVersions": "IkeVersions"}


def tunnel_options(given: Any) -> dict[str, Any]:
    """All but address and key, in the names that answers have."""
    out: dict[str, Any] = {}
    for name, value in given.items():
        if name in ("TunnelInsideCidr", "PreSharedKey", "TunnelInsideIpv6Cidr"):
            continue
        if name in OPTIONS and not OPTIONS[name][0] <= value <= OPTIONS[name][1]:
            raise errors.invalid_value(value, name, f"The value must be from {OPTIONS[name][0]} to {OPTIONS[name][1]}.")
        out[ANSWERED.get(name, name)] = value
    return out


def tunnels(call: Call, id_: str, given: Any, gateway: str) -> tuple[Tunnel, ...]:
    taken = {x.inside for other in call.all(VpnConnection) if other.gateway == gateway and other.state != "deleted" for x in other.tunnels}
    out = []
    for at in range(2):
        wanted = given[at] if at < len(given) else {}
        inside = inside_cidr(wanted["TunnelInsideCidr"], taken) if wanted.get("TunnelInsideCidr") else free_cidr(call, taken)
        taken.add(inside)
        out.append(Tunnel(addresses.take_public(call, id_), inside, shared_key(wanted["PreSharedKey"]) if wanted.get("PreSharedKey") else call.pick(LETTERS, 32), tunnel_options(wanted)))
    return tuple(out)


def shared_key(given: str) -> str:
    if not KEY.fullmatch(given):
        raise errors.invalid("The pre-shared key has 8 to 64 letters, digits, periods and underscores, and does not start with zero")
    return given


# -- a life -------------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("vpn-connection", customer_gateway="CustomerGatewayId", vpn_gateway="VpnGatewayId", transit_gateway="TransitGatewayId"),
        partly="tunnels never come up: no device reaches Cloche from outside; IPv6 tunnels, concentrators and private addresses are not built")
def create_vpn_connection(call: Call, req: t.CreateVpnConnectionRequest) -> t.CreateVpnConnectionResult:
    customer, options = customer_gateways.find(call, req["CustomerGatewayId"]), req.get("Options") or {}
    if req["Type"] != "ipsec.1":
        raise errors.invalid_value(req["Type"], "type", "The only type is ipsec.1.")
    gateway, transit = req.get("VpnGatewayId") or "", req.get("TransitGatewayId") or ""
    if gateway and transit:
        raise errors.combination("The parameters VpnGatewayId and TransitGatewayId cannot be used together")
    if gateway:
        vpn_gateways.find(call, gateway)
    elif transit:
        from . import transit_gateways
        transit_gateways.find(call, transit)
    else:
        raise errors.missing("VpnGatewayId or TransitGatewayId")
    if options.get("TunnelInsideIpVersion", "ipv4") != "ipv4" or options.get("OutsideIpAddressType", "PublicIpv4") != "PublicIpv4":
        raise errors.unsupported("Cloche builds VPN connections over public IPv4 addresses only")
    if options.get("EnableAcceleration") and not transit:
        raise errors.invalid("Acceleration is only for VPN connections to a transit gateway")
    if sum(one.state != "deleted" for one in call.all(VpnConnection)) >= MOST:
        raise errors_hybrid.vpn_connection_limit()
    id_ = call.id("vpn-")
    made = VpnConnection(id_, customer.id, gateway or transit, call.now, bool(options.get("StaticRoutesOnly")), tunnels(call, id_, options.get("TunnelOptions") or [], gateway or transit),
                         local=options.get("LocalIpv4NetworkCidr") or "0.0.0.0/0", remote=options.get("RemoteIpv4NetworkCidr") or "0.0.0.0/0", accelerated=bool(options.get("EnableAcceleration")))
    if transit:
        from . import transit_gateway_attachments
        made = made.but(attachment=transit_gateway_attachments.enter(call, transit, "vpn", id_).id)
    put(call, made)
    tags.take(call, req, "vpn-connection", made.id)
    return {"VpnConnection": shown(call, made, "pending")}


FACETS: describe.Facets = {
    "vpn-connection-id": lambda v: v.id, "customer-gateway-id": lambda v: v.customer, "vpn-gateway-id": lambda v: v.gateway if v.gateway.startswith("vgw-") else None,
    "transit-gateway-id": lambda v: v.gateway if v.gateway.startswith("tgw-") else None, "state": lambda v: v.state, "option.static-routes-only": lambda v: v.static,
    "route.destination-cidr-block": lambda v: v.routes, "type": lambda v: "ipsec.1", "customer-gateway-configuration": lambda call, v: configuration(call, v),
    "bgp-asn": lambda call, v: found.asn if (found := call.get(customer_gateways.CustomerGateway, v.customer)) else None,
}


@ec2.op(**names.LOOK)
def describe_vpn_connections(call: Call, req: t.DescribeVpnConnectionsRequest) -> t.DescribeVpnConnectionsResult:
    found = describe.several(call, VpnConnection, req.get("VpnConnectionIds"), "InvalidVpnConnectionID.NotFound", "vpnConnection ID")
    return {"VpnConnections": [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)]}


@ec2.op(**names.on("vpn-connection", "VpnConnectionId"))
def create_vpn_connection_route(call: Call, req: t.CreateVpnConnectionRouteRequest) -> None:
    one = find(call, req["VpnConnectionId"])
    if not one.static:
        raise errors.invalid(f"The VPN connection {one.id} does not have static routes: it uses BGP")
    try:
        cidr = str(addresses.network(req["DestinationCidrBlock"]))
    except ValueError:
        raise errors.invalid_value(req["DestinationCidrBlock"], "destinationCidrBlock", "This is not a valid CIDR block.") from None
    if cidr not in one.routes:
        put(call, one.but(routes=(*one.routes, cidr)))


@ec2.op(**names.on("vpn-connection", "VpnConnectionId"))
def delete_vpn_connection_route(call: Call, req: t.DeleteVpnConnectionRouteRequest) -> None:
    one, cidr = find(call, req["VpnConnectionId"]), req["DestinationCidrBlock"]
    if cidr not in one.routes:
        raise errors.AwsError("InvalidRoute.NotFound", f"The VPN connection {one.id} has no route to {cidr}")
    put(call, one.but(routes=tuple(x for x in one.routes if x != cidr)))


@ec2.op(**names.on("vpn-connection", "VpnConnectionId", vpn_gateway="VpnGatewayId", customer_gateway="CustomerGatewayId"))
def modify_vpn_connection(call: Call, req: t.ModifyVpnConnectionRequest) -> t.ModifyVpnConnectionResult:
    """Another gateway at one of its ends."""
    one = find(call, req["VpnConnectionId"])
    if customer := req.get("CustomerGatewayId"):
        one = one.but(customer=customer_gateways.find(call, customer).id)
    if req.get("VpnGatewayId") and req.get("TransitGatewayId"):
        raise errors.combination("The parameters VpnGatewayId and TransitGatewayId cannot be used together")
    if target := req.get("VpnGatewayId") or req.get("TransitGatewayId"):
        from . import transit_gateway_attachments, transit_gateways
        if target.startswith("tgw-"):
            transit_gateways.find(call, target)
        else:
            vpn_gateways.find(call, target)
        transit_gateway_attachments.leave(call, one.attachment)
        one = one.but(gateway=target, attachment=transit_gateway_attachments.enter(call, target, "vpn", one.id).id if target.startswith("tgw-") else "")
    return {"VpnConnection": shown(call, put(call, one), "modifying")}


@ec2.op(**names.on("vpn-connection", "VpnConnectionId"))
def modify_vpn_connection_options(call: Call, req: t.ModifyVpnConnectionOptionsRequest) -> t.ModifyVpnConnectionOptionsResult:
    one = find(call, req["VpnConnectionId"])
    one = one.but(local=req.get("LocalIpv4NetworkCidr") or one.local, remote=req.get("RemoteIpv4NetworkCidr") or one.remote)
    return {"VpnConnection": shown(call, put(call, one), "modifying")}


@ec2.op(**names.on("vpn-connection", "VpnConnectionId"))
def modify_vpn_tunnel_options(call: Call, req: t.ModifyVpnTunnelOptionsRequest) -> t.ModifyVpnTunnelOptionsResult:
    one, given = find(call, req["VpnConnectionId"]), req["TunnelOptions"]
    at = next((at for at, x in enumerate(one.tunnels) if x.outside == req["VpnTunnelOutsideIpAddress"]), None)
    if at is None:
        raise errors.invalid_value(req["VpnTunnelOutsideIpAddress"], "vpnTunnelOutsideIpAddress", "The VPN connection has no such tunnel.")
    old = one.tunnels[at]
    taken = {x.inside for x in one.tunnels if x is not old}
    new = Tunnel(old.outside, inside_cidr(given["TunnelInsideCidr"], taken) if given.get("TunnelInsideCidr") else old.inside,
                 shared_key(given["PreSharedKey"]) if given.get("PreSharedKey") else old.key, old.options | tunnel_options(given))
    return {"VpnConnection": shown(call, put(call, one.but(tunnels=tuple(new if x is old else x for x in one.tunnels))), "modifying")}


@ec2.op(**names.on("vpn-connection", "VpnConnectionId"))
def delete_vpn_connection(call: Call, req: t.DeleteVpnConnectionRequest) -> None:
    one = find(call, req["VpnConnectionId"])
    for tunnel in one.tunnels:
        addresses.release_public(call, tunnel.outside)
    if one.attachment:
        from . import transit_gateway_attachments
        transit_gateway_attachments.leave(call, one.attachment)
    links.untie(call, one.id)
    call.put(one.but(state="deleted"))
    call.after(SHOWN_SECONDS, forget_vpn_connection, one.id, connection=one.id)
    network.changed(call)


@ec2.timer
def forget_vpn_connection(call: Call, connection: str) -> None:
    if one := call.get(VpnConnection, connection):
        call.delete(one)
        tags.drop(call, connection)
