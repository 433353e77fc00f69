"""`cloche why --from i-1 --to 10.0.2.5 --port 443`: would this packet arrive, and if not, its obituary. For any account, from the graph that compiled the rules."""
from __future__ import annotations

import ipaddress
from typing import Any

from cloche.engines.net import explain
from cloche.engines.net.explain import Hop, Obstacle
from cloche.engines.net.match import Packet
from cloche.engines.net.topology import Entry, Interface, Route, Rule, Topology, TransitRoute
from cloche.kernel import Call

from . import addresses, network, network_reasons
from .network_interfaces import NetworkInterface

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}


class Unanswerable(ValueError):
    """The question cannot be answered as it was put; the text says why."""


def scope_of(call: Call, id_: str) -> tuple[str, str]:
    """Whose an instance or interface is."""
    for account, region in call.cloud.store.scopes(NetworkInterface.kind):
        for one in call.at(account, region).all(NetworkInterface):
            if id_ in (one.id, one.instance_id):
                return account, region
    raise Unanswerable(f"there is no interface of {id_}")


def why(call: Call, source: str, to: str, port: int, protocol: str, source_port: int = 0) -> dict[str, Any]:
    """The answer as data: open, the ways there and back as lines, what stands in the way."""
    if protocol not in PROTOCOLS:
        raise Unanswerable(f"the protocol is tcp, udp or icmp, not {protocol}")
    call = call.at(*scope_of(call, source))
    more = []
    if to.startswith(("i-", "eni-")):
        more.append(scope_of(call, to))
    elif (owner := addresses.public_owner(call, to)) is not None:
        more.append(owner)
    topology = network.topology(call, *more)
    begin = network_reasons.interface_of(topology, source)
    if begin is None:
        raise Unanswerable(f"{source} has no interface with an address")
    packet = Packet(begin.private, _address(topology, begin, to), PROTOCOLS[protocol], 8 * 256 if protocol == "icmp" else port, source_port or 40000)
    answer = explain.explain(topology, begin, packet) if source_port else explain.best(topology, begin, packet)
    return {
        "open": answer.open, "packet": said(answer.there.hops[0].packet if answer.there.hops else packet),
        "there": [line(hop) for hop in answer.there.hops], "back": [line(hop) for hop in answer.back.hops] if answer.back else [],
        "obstacles": [{"code": one.code, "text": sentence(one), **{key: _plain(value) for key, value in one.about.items()}} for one in answer.obstacles],
        "silent": not answer.open,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | list) else str(value)


def _address(topology: Topology, begin: Interface, to: str) -> str:
    if not to.startswith(("i-", "eni-")):
        try:
            return str(ipaddress.ip_address(to))
        except ValueError:
            raise Unanswerable(f"{to} is neither an address nor the id of an instance or interface") from None
    found = network_reasons.interface_of(topology, to)
    if found is None:
        raise Unanswerable(f"{to} has no interface with an address")
    if found.vpc == begin.vpc or network_reasons.joined(topology, begin.vpc, found.vpc):
        return found.private
    return next((one.public for one in found.addresses if one.public), found.private)


def said(packet: Packet) -> str:
    name = network_reasons.PROTOCOLS.get(packet.protocol, str(packet.protocol))
    if packet.protocol in (1, 58):
        return f"{name} {packet.source} -> {packet.destination}"
    return f"{name} {packet.source}:{packet.source_port} -> {packet.destination}:{packet.port}"


def line(hop: Hop) -> str:
    what = hop.what
    if isinstance(what, Rule):
        tail = f" {hop.direction}: {_rule(what)}"
    elif isinstance(what, Entry):
        tail = f" {hop.direction} of {hop.subnet}: {_entry(what)}"
    elif isinstance(what, Route | TransitRoute):
        tail = f": {hop.destination} -> {what.target if isinstance(what, Route) else what.attachment}"
    elif hop.direction:
        tail = f" {hop.direction}: the connection is known"
    else:
        tail = f"  {said(hop.packet)}" if hop.component.startswith(("eni-", "igw-", "nat-")) else ""
    return hop.component + tail


def _rule(rule: Rule) -> str:
    ports = "" if rule.protocol not in (6, 17) or (rule.low, rule.high) == (0, 65535) else f" {rule.low}" + (f"-{rule.high}" if rule.high != rule.low else "")
    return f"{network_reasons.PROTOCOLS.get(rule.protocol, rule.protocol)}{ports} {rule.peer}" + (f" ({rule.id})" if rule.id else "")


def _entry(entry: Entry) -> str:
    ports = f" {entry.low}-{entry.high}" if entry.protocol in (6, 17) and (entry.low, entry.high) != (0, 65535) else ""
    return f"rule {entry.number} {'allows' if entry.allow else 'denies'} {network_reasons.PROTOCOLS.get(entry.protocol, entry.protocol)}{ports} {entry.cidr}"


SENTENCES = {
    "ENI_SG_RULES_MISMATCH": "{securityGroups} of {networkInterface}: no {direction} rule lets it through",
    "SG_HAS_NO_RULES": "{securityGroups} of {networkInterface}: no {direction} rules at all",
    "SUBNET_ACL_RESTRICTION": "{acl} of {subnet}, {direction}: {aclRule}",
    "NO_ROUTE_TO_DESTINATION": "{routeTable} of {vpc}: no route to {destination}",
    "BAD_STATE_ROUTE": "{routeTable} of {vpc}: the route {routeTableRoute} is a blackhole",
    "BAD_STATE": "{component} does not run, or is not active",
    "BAD_STATE_ATTACHMENT": "{component}{transitGateway} is not attached to {vpc}",
    "BAD_STATE_VPN": "{component}: no tunnel is up",
    "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS": "{internetGateway}: {address} has no public address",
    "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": "{internetGateway}: {address} belongs to nothing that runs",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS": "{internetGateway}: {address} is private, the internet does not know it",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS": "{internetGateway}: {address} is shared address space, the internet does not know it",
    "ENI_SOURCE_DEST_CHECK_RESTRICTION": "{networkInterface}, {direction}: its source/destination check stops what is not its own",
    "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR": "{vpcPeeringConnection}: the address is not in {vpc}; peerings lead no further",
    "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION": "{transitGatewayAttachment} is associated with no route table",
    "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT": "{transitGatewayRouteTable}: no route",
    "TGW_RTB_BAD_STATE_ROUTE": "{transitGatewayRouteTable}: the route is a blackhole",
    "VPCE_GATEWAY_PROTOCOL_RESTRICTION": "{vpcEndpoint} takes TCP only",
    "NO_POSSIBLE_DESTINATION": "{component}{natGateway}: nothing there takes {destination}",
}


def sentence(one: Obstacle) -> str:
    class About(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return {"aclRule": "no rule is about it, so the last one (*) denies", "destination": "it"}.get(key, "")
    words = About()
    for key, value in one.about.items():
        if isinstance(value, Entry):
            words[key] = _entry(value)
        elif isinstance(value, tuple):
            words[key] = f"{value[0]} -> {value[1].target}"
        else:
            words[key] = ", ".join(value) if isinstance(value, list) else str(value)
    return SENTENCES.get(one.code, one.code).format_map(words)

