"""What the explainer found, in the words of the API: for Network Insights, and for `cloche why`.

Where a path leaves something open (the client's port, which address outside, which port) any packet will do: those that the rules themselves name are tried.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cloche.engines.net import explain, match
from cloche.engines.net.explain import Answer, Hop, Obstacle
from cloche.engines.net.match import Packet
from cloche.engines.net.topology import ALL, PUBLIC, SERVICES, TCP, UDP, Entry, Interface, Route, Rule, Topology
from cloche.kernel import Call

from . import names, network, tags
from .network_insights_paths import NetworkInsightsPath

OUTSIDE = "192.0.2.1"        # somebody on the internet
PROTOCOLS = {TCP: "tcp", UDP: "udp", 1: "icmp", 58: "icmpv6", ALL: "all"}
MOST_TRIES = 60


class Said(NamedTuple):
    found: bool
    forward: list[Any] = []
    back: list[Any] = []
    explanations: list[Any] = []


def analysis(call: Call, path: NetworkInsightsPath, filter_in: list[str], filter_out: list[str]) -> Said:
    topology = network.topology(call)
    about = Writer(call, topology, path.destination)
    source = interface_of(topology, path.source, path.source_ip)
    outside = path.source if path.source.startswith("igw-") else ""
    if source is None and not outside:
        return Said(False, explanations=[{"ExplanationCode": "UNASSOCIATED_COMPONENT" if path.source[:2] == "i-" else "UNSUPPORTED_COMPONENT", "Component": about.component(path.source)}])
    from_vpc = source.vpc if source is not None else topology.gateways[outside].vpc if outside in topology.gateways else ""
    to_vpc = vpc_of(topology, path.destination)
    if to_vpc and from_vpc and to_vpc != from_vpc and not joined(topology, from_vpc, to_vpc):
        return Said(False, explanations=[{"ExplanationCode": "DISCONNECTED_VPCS", "SourceVpc": about.component(from_vpc), "DestinationVpc": about.component(to_vpc)}])
    target = interface_of(topology, path.destination, path.destination_ip)
    if target is None and path.destination[:2] in ("i-", "en"):
        return Said(False, explanations=[{"ExplanationCode": "UNASSOCIATED_COMPONENT", "Component": about.component(path.destination)}])
    through = path.destination if target is None or path.destination.startswith("vpce-") else ""
    address = path.destination_ip or path.at_source.get("DestinationAddress", "").split("/")[0] or destination(topology, path.destination, target, bool(outside))
    if not address:
        if outside and target is not None:
            return Said(False, explanations=[about.explanation(Obstacle("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", {
                "internetGateway": outside, "vpc": from_vpc, "networkInterface": target.id}))])
        return Said(False, explanations=[{"ExplanationCode": "NO_ROUTE_TO_DESTINATION", "Destination": about.component(path.destination), "Vpc": about.component(from_vpc)}])
    best: Answer | None = None
    for packet in candidates(topology, path, source, target, address):
        begin = source if source is not None else outside
        answer = explain.explain(topology, begin, packet, running=False) if path.at_source.get("SourcePortRange") else explain.best(topology, begin, packet, running=False)
        if through:
            answer = cut(answer, through)
        if best is None or answer.open or len(answer.obstacles) < len(best.obstacles):
            best = answer
        if answer.open:
            break
    assert best is not None
    missing = [arn for arn in filter_in if arn.rsplit("/", 1)[-1] not in {hop.component for hop in best.there.hops}]
    unwanted = [arn for arn in filter_out if arn.rsplit("/", 1)[-1] in {hop.component for hop in best.there.hops}]
    if best.open and (missing or unwanted):
        return Said(False, explanations=[{"ExplanationCode": "COMPONENT_FILTER_RESTRICTION", "Component": about.component(arn.rsplit("/", 1)[-1])} for arn in (*missing, *unwanted)])
    if best.open and (wrong := _misses(path.at_destination, best.there.packet)):
        return Said(False, explanations=[{"ExplanationCode": code} for code in wrong])
    found = best.open
    return Said(found, about.way(best.there.hops) if found else [], about.way(best.back.hops) if found and best.back else [], [] if found else [about.explanation(one) for one in best.obstacles])


def _misses(wanted: dict[str, Any], packet: Packet | None) -> list[str]:
    """What a path asks of the packet where it arrives, and the packet is not."""
    if packet is None:
        return []
    out = [f"FILTER_AT_DESTINATION_{code}" for member, code, have in (("SourceAddress", "SOURCE_ADDRESS", packet.source), ("DestinationAddress", "DESTINATION_ADDRESS", packet.destination))
           if wanted.get(member) and wanted[member].split("/")[0] != have]
    return out + [f"FILTER_AT_DESTINATION_{code}" for member, code, port in (("SourcePortRange", "SOURCE_PORT_RANGE", packet.source_port), ("DestinationPortRange", "DESTINATION_PORT_RANGE", packet.port))
                  if (span := wanted.get(member)) and not span.get("FromPort", 0) <= port <= span.get("ToPort", 65535)]


def interface_of(topology: Topology, id_: str, address: str = "") -> Interface | None:
    """An instance's first interface (or the one with the address), an interface, an interface endpoint's."""
    if id_.startswith("eni-"):
        return topology.interfaces.get(id_)
    if id_.startswith("i-"):
        mine = sorted((one for one in topology.interfaces.values() if one.instance == id_), key=lambda one: one.device)
        return next((one for one in mine if address and match.holds(one, address)), mine[0] if mine else None)
    if id_.startswith("vpce-") and id_ in topology.endpoints:
        return next((topology.interfaces[one] for one in topology.endpoints[id_].interfaces if one in topology.interfaces), None)
    return None


def vpc_of(topology: Topology, id_: str) -> str:
    found = interface_of(topology, id_)
    if found is not None:
        return found.vpc
    if id_ in topology.gateways:
        return topology.gateways[id_].vpc
    return topology.endpoints[id_].vpc if id_ in topology.endpoints else ""


def joined(topology: Topology, one: str, other: str) -> bool:
    """Whether two VPCs have a peering or a transit gateway in common, whatever is routed over it."""
    if any(other in (peering.requester, peering.accepter) and peering.active for peering in topology.vpc_peerings.get(one, ())):
        return True
    there = {gateway.id for gateway, foot in topology.vpc_transits.get(other, ()) if foot.active}
    return any(gateway.id in there and foot.active for gateway, foot in topology.vpc_transits.get(one, ()))


def destination(topology: Topology, id_: str, target: Interface | None, outside: bool) -> str:
    """An address that means the destination."""
    if target is not None:
        return next((a.public for a in target.addresses if a.public), "") if outside else target.private
    if id_.startswith("igw-"):
        return OUTSIDE
    if id_ in topology.peerings:
        peering = topology.peerings[id_]
        for vpc in (peering.accepter, peering.requester):
            if vpc in topology.vpcs:
                return str(match.network(topology.vpcs[vpc].cidrs[0])[10])
    if id_ in topology.endpoints:
        cidrs = topology.cidrs(topology.endpoints[id_].prefix_list)
        return str(match.network(cidrs[0])[1]) if cidrs else ""
    return next((str(match.network(cidr)[1]) for table in topology.tables.values() for one in table.routes if one.target == id_ for cidr in topology.cidrs(one.destination)), "")


def cut(answer: Answer, through: str) -> Answer:
    """A path that ends at a component: what comes after it is not asked."""
    place = next((n for n, hop in enumerate(answer.there.hops) if hop.component == through), None)
    if place is None:
        if not answer.there.obstacles:
            answer.there.obstacles.append(Obstacle("NO_ROUTE_TO_DESTINATION", {"destination": through}))
        return Answer(answer.there)
    if through.startswith("igw-") and answer.back is not None:
        return answer
    answer.there.hops = answer.there.hops[:place + 1]
    answer.there.obstacles = [one for one in answer.there.obstacles if one.about.get("vpc", "") in {hop.vpc for hop in answer.there.hops}]
    answer.there.end = through
    return Answer(answer.there)


def candidates(topology: Topology, path: NetworkInsightsPath, source: Interface | None, target: Interface | None, address: str) -> Iterator[Packet]:
    """Packets that fit the path; the rules of both ends say which are worth trying."""
    rules = [rule for one in (source, target) if one is not None for id_ in one.groups if (group := topology.groups.get(id_)) for rule in (*group.ingress, *group.egress)]
    at = path.at_source
    if path.port is not None:
        numbers = [path.port]
    elif span := at.get("DestinationPortRange") or path.at_destination.get("DestinationPortRange"):
        numbers = [span.get("FromPort", 0)]
    else:
        numbers = list(dict.fromkeys([80, *(rule.low for rule in rules if rule.protocol in (TCP, UDP) and rule.low > 0)]))
    if source is not None:
        sources = [path.source_ip or at.get("SourceAddress", "").split("/")[0] or source.private]
    elif path.source_ip or at.get("SourceAddress"):
        sources = [path.source_ip or at["SourceAddress"].split("/")[0]]
    else:
        named = [str(match.network(cidr)[0]) for rule in rules if not rule.peer.startswith("sg-") for cidr in topology.cidrs(rule.peer) if ":" not in cidr and not cidr.endswith("/0")]
        sources = list(dict.fromkeys([OUTSIDE, *(one for one in named if public(one))]))
    protocol = UDP if path.protocol == "udp" else TCP
    from_port = (at.get("SourcePortRange") or {}).get("FromPort", 40000)
    yield from [Packet(one, address, protocol, port, from_port) for one in sources for port in numbers][:MOST_TRIES]


def public(address: str) -> bool:
    return not any(match.within(address, cidr) for cidr in (*explain.PRIVATE, explain.SHARED, "169.254.0.0/16", "0.0.0.0/8", PUBLIC, SERVICES))


class Writer:
    """The explainer's values as the API's structures."""

    def __init__(self, call: Call, topology: Topology, destination: str = "") -> None:
        self.call, self.topology, self.destination = call, topology, destination

    def component(self, id_: str) -> dict[str, str]:
        out = {"Id": id_}
        if kind := names.kind(id_):
            out["Arn"] = names.arn(self.call, kind, id_)
        if name := tags.of(self.call, id_).get("Name"):
            out["Name"] = name
        return out

    def way(self, hops: Iterable[Hop]) -> list[Any]:
        out: list[Any] = []
        before: Packet | None = None
        for number, hop in enumerate(hops, 1):
            one: Any = {"SequenceNumber": number, "Component": self.component(hop.component), "OutboundHeader": header(hop.packet)}
            if before is not None:
                one["InboundHeader"] = header(before)
            before = hop.packet
            if hop.vpc:
                one["Vpc"] = self.component(hop.vpc)
            if hop.subnet:
                one["Subnet"] = self.component(hop.subnet)
            if hop.component.startswith("eni-") and (plug := self.topology.interfaces.get(hop.component)) is not None and plug.instance:
                one["AttachedTo"] = self.component(plug.instance)
            if isinstance(hop.what, Rule):
                one["SecurityGroupRule"] = rule(hop.what, hop.direction, hop.component)
            elif isinstance(hop.what, Entry):
                one["AclRule"] = entry(hop.what, hop.direction)
            elif isinstance(hop.what, Route):
                one["RouteTableRoute"] = route(hop.destination, hop.what)
            out.append(one)
        if out:
            out[-1].pop("OutboundHeader")
        return out

    def explanation(self, found: Obstacle) -> dict[str, Any]:
        out: dict[str, Any] = {"ExplanationCode": found.code}
        for key, value in found.about.items():
            member = key[0].upper() + key[1:]
            if key in ("direction", "address"):
                out[member] = value
            elif key == "destination":
                out[member] = self.component(self.destination or value)
            elif key == "aclRule":
                out[member] = entry(value, found.about.get("direction", ""))
            elif key == "routeTableRoute":
                out[member] = route(*value)
            elif isinstance(value, list):
                out[member] = [self.component(one) for one in value]
            else:
                out[member] = self.component(value)
        return out


def header(packet: Packet) -> dict[str, Any]:
    out: dict[str, Any] = {"SourceAddresses": [f"{packet.source}/32"], "DestinationAddresses": [f"{packet.destination}/32"], "Protocol": str(packet.protocol)}
    if packet.protocol in (TCP, UDP):
        out |= {"SourcePortRanges": [{"From": packet.source_port, "To": packet.source_port}], "DestinationPortRanges": [{"From": packet.port, "To": packet.port}]}
    return out


def rule(one: Rule, direction: str, group: str) -> dict[str, Any]:
    out: dict[str, Any] = {"Direction": direction, "Protocol": PROTOCOLS.get(one.protocol, str(one.protocol))}
    out["SecurityGroupId" if one.peer.startswith("sg-") else "PrefixListId" if one.peer.startswith("pl-") else "Cidr"] = one.peer
    if one.protocol in (TCP, UDP):
        out["PortRange"] = {"From": one.low, "To": one.high}
    return out


def entry(one: Entry, direction: str) -> dict[str, Any]:
    out: dict[str, Any] = {"Cidr": one.cidr, "Egress": direction == "egress", "Protocol": PROTOCOLS.get(one.protocol, str(one.protocol)), "RuleAction": "allow" if one.allow else "deny",
                           "RuleNumber": one.number}
    if one.protocol in (TCP, UDP):
        out["PortRange"] = {"From": one.low, "To": one.high}
    return out


TARGETS = {"nat": "NatGatewayId", "eni": "NetworkInterfaceId", "pcx": "VpcPeeringConnectionId", "tgw": "TransitGatewayId", "eigw": "EgressOnlyInternetGatewayId"}


def route(cidr: str, one: Route) -> dict[str, Any]:
    out: dict[str, Any] = {"DestinationPrefixListId": one.destination} if one.destination.startswith("pl-") else {"DestinationCidr": cidr}
    out[TARGETS.get(one.target.rpartition("-")[0], "GatewayId")] = one.target
    out["Origin"] = "createroutetable" if one.target == "local" else "enablevgwroutepropagation" if one.propagated else "createroute"
    out["State"] = "active" if one.active else "blackhole"
    return out
