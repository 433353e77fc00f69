"""Why a packet arrives or does not: its way there and the answer's way back, component by component, through the topology that the compiler reads.

The walk goes on after a rule that would have dropped the packet, so that everything in its way is found at once; it ends where nobody knows where the
packet would go. Codes are those of AWS's Reachability Analyzer. Groups are asked for the first packet only: its answer is of the same connection. ACLs
are asked both ways.
"""
from __future__ import annotations

from typing import Any

from msgspec import Struct

from . import match
from .match import Packet
from .topology import INTERNET, METADATA, METADATA6, PUBLIC, RESOLVER, RESOLVER6, SERVICES, TCP, TIME, UDP, Address, Interface, Subnet, Topology, Vpc

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
SHARED = "100.64.0.0/10"
MOST_HOPS = 40
EPHEMERAL = (32768, 60999)               # what Linux takes for the client's port


class Hop(Struct, frozen=True):
    """One component on the way. `what` it decided with: a Rule, an Entry or a Route; `packet` as it left the component."""
    component: str
    packet: Packet
    vpc: str = ""
    subnet: str = ""
    direction: str = ""                  # ingress or egress, of groups and ACLs
    what: Any = None
    destination: str = ""                # a route's CIDR


class Obstacle(Struct, frozen=True):
    """What stops the packet, by AWS's code; `about` names the components of it: {"acl": id, "subnet": id, ...}."""
    code: str
    about: dict[str, Any]


class Way(Struct):
    hops: list[Hop]
    obstacles: list[Obstacle]
    end: str = ""                        # the interface reached, "service", "internet" or ""
    packet: Packet | None = None         # as it arrives

    @property
    def open(self) -> bool:
        return not self.obstacles and bool(self.end)


class Answer(Struct):
    there: Way
    back: Way | None = None

    @property
    def open(self) -> bool:
        return self.there.open and (self.back is None or self.back.open)

    @property
    def obstacles(self) -> list[Obstacle]:
        return [*self.there.obstacles, *(self.back.obstacles if self.back else [])]


def explain(topology: Topology, source: Interface | str, packet: Packet, running: bool = True) -> Answer:
    """A packet's way from an interface (or from outside, through an internet gateway named by id), and its answer's. `running`: only what is up answers."""
    walk = Walk(topology, running)
    if isinstance(source, str):
        there = walk.start(packet, lambda: walk.from_internet(packet))
    else:
        there = walk.start(packet, lambda: walk.leave(source, packet))
    if not there.end or there.packet is None:
        return Answer(there)
    answer = there.packet.back()
    if there.end in topology.interfaces:
        back = walk.start(answer, lambda: walk.leave(topology.interfaces[there.end], answer), there)
    elif there.end.startswith("vpce-"):
        came = topology.by_address[topology.endpoints[there.end].vpc, answer.destination]
        back = walk.start(answer, lambda: walk.arrive(came, answer), there)
    elif there.end in ("internet", "service"):
        back = walk.start(answer, lambda: walk.from_internet(answer), there)
    else:
        return Answer(there)
    expected = source if isinstance(source, str) else source.id
    if not back.obstacles and (back.packet != packet.back() or (back.end != expected if not isinstance(source, str) else back.end != "internet")):
        back.obstacles.append(Obstacle("NO_POSSIBLE_DESTINATION", {"component": expected}))
    return Answer(there, back)


def best(topology: Topology, source: Interface | str, packet: Packet, running: bool = True) -> Answer:
    """The same for a client whose port is not known: the answer that finds a way with one of Linux's ephemeral ports, else the first."""
    if packet.protocol not in (TCP, UDP):
        return explain(topology, source, packet, running)
    low, high = EPHEMERAL
    edges = {low, high}
    for acl in topology.acls.values():
        for one in (*acl.ingress, *acl.egress):
            edges.update(port for port in (one.low - 1, one.low, one.high, one.high + 1) if low <= port <= high)
    answers = [explain(topology, source, packet.but(source_port=port), running) for port in sorted(edges)[:64]]
    return next((one for one in answers if one.open), answers[0])


class Walk:
    def __init__(self, topology: Topology, running: bool) -> None:
        self.topology = topology
        self.running = running
        self.translated: dict[str, Packet] = {}      # NAT gateway's interface -> the packet before translation
        self.way = Way([], [])
        self.there: Way | None = None

    def start(self, packet: Packet, step: Any, there: Way | None = None) -> Way:
        self.way, self.there = Way([], []), there
        end = step()
        if end is not None:
            self.way.end, self.way.packet = end
        return self.way

    def stop(self, code: str, **about: Any) -> tuple[str, Packet] | None:
        """Something in the way. Where nobody knows how the packet would go on, the answer (nowhere) is the walk's."""
        self.way.obstacles.append(Obstacle(code, {key: value for key, value in about.items() if value}))
        return None

    def hop(self, component: str, packet: Packet, **more: Any) -> None:
        self.way.hops.append(Hop(component, packet, **more))

    # leaving
    def leave(self, one: Interface, packet: Packet) -> tuple[str, Packet] | None:
        topology, vpc, subnet = self.topology, self.topology.vpcs[one.vpc], self.topology.subnets[one.subnet]
        if len(self.way.hops) > MOST_HOPS:
            return self.stop("NO_POSSIBLE_DESTINATION", component=one.id)
        if one.instance:
            self.hop(one.instance, packet, vpc=vpc.id, subnet=subnet.id)
        self.hop(one.id, packet, vpc=vpc.id, subnet=subnet.id)
        if self.running and not one.up:
            self.stop("BAD_STATE", component=one.id)
        if one.source_dest_check and one.kind != "nat_gateway" and not match.holds(one, packet.source):
            self.stop("ENI_SOURCE_DEST_CHECK_RESTRICTION", networkInterface=one.id, direction="egress")
        if match.holds(one, packet.destination):     # it never leaves the host
            return one.id, packet
        if packet.destination in (METADATA, METADATA6, TIME) or (vpc.dns_support and packet.port == 53 and packet.destination in (vpc.resolver, RESOLVER, RESOLVER6)):
            return "local", packet
        self.groups(one, "o", packet)
        target = topology.by_address.get((vpc.id, packet.destination))
        if target is not None and target.subnet == subnet.id and self.chosen(vpc, subnet.table, packet.destination):
            return self.arrive(target, packet, same=True)
        if not self.stays(vpc, subnet, packet):
            self.acl(subnet, "o", packet)
        return self.route(vpc, subnet.table, packet, subnet)

    def stays(self, vpc: Vpc, subnet: Subnet, packet: Packet) -> bool:
        """Whether the route leads to an interface of the same subnet."""
        found = match.route(self.topology, vpc, subnet.table, packet.destination)
        if found is None or not found[1].active:
            return False
        target = found[1].target
        interface = self.topology.interfaces.get(self.topology.nats[target].interface if target in self.topology.nats else target)
        return interface is not None and interface.subnet == subnet.id and (interface.up or not self.running)

    def chosen(self, vpc: Vpc, table: str, destination: str) -> bool:
        """Whether the local route decides."""
        found = match.route(self.topology, vpc, table, destination)
        return found is not None and found[1].target == "local"

    def groups(self, one: Interface, way: str, packet: Packet) -> None:
        """Asked where a connection begins; its answer is let through by tracking, or because everything may go the other way."""
        if not one.groups:
            return
        direction = "ingress" if way == "i" else "egress"
        found = next(match.rules(self.topology, one.vpc, one.groups, way, packet), None)
        if self.there is not None:
            self.hop(found[0].id if found else sorted(one.groups)[0], packet, vpc=one.vpc, direction=direction)
        elif found is not None:
            self.hop(found[0].id, packet, vpc=one.vpc, direction=direction, what=found[1])
        else:
            have = [group for id in one.groups if (group := self.topology.groups.get(id))]
            bare = all(not (group.ingress if way == "i" else group.egress) for group in have)
            self.stop("SG_HAS_NO_RULES" if bare else "ENI_SG_RULES_MISMATCH", securityGroups=sorted(one.groups), securityGroup=sorted(one.groups)[0] if bare else "",
                      networkInterface=one.id, direction=direction, vpc=one.vpc)

    def acl(self, subnet: Subnet, way: str, packet: Packet) -> None:
        acl = self.topology.acls.get(subnet.acl)
        if acl is None:
            return
        direction = "ingress" if way == "i" else "egress"
        entry = match.entry(acl, way, packet)
        if entry is not None and entry.allow:
            self.hop(acl.id, packet, vpc=subnet.vpc, subnet=subnet.id, direction=direction, what=entry)
        else:
            self.stop("SUBNET_ACL_RESTRICTION", acl=acl.id, aclRule=entry, subnet=subnet.id, direction=direction, vpc=subnet.vpc)

    # between
    def route(self, vpc: Vpc, table: str, packet: Packet, subnet: Subnet | None) -> tuple[str, Packet] | None:
        topology = self.topology
        found = match.route(topology, vpc, table, packet.destination)
        if found is None:
            return self.stop("NO_ROUTE_TO_DESTINATION", routeTable=table, vpc=vpc.id, destination=packet.destination, subnet=subnet.id if subnet else "")
        cidr, route = found
        if not route.active:
            return self.stop("BAD_STATE_ROUTE", routeTable=table, routeTableRoute=(cidr, route), vpc=vpc.id)
        self.hop(table, packet, vpc=vpc.id, what=route, destination=cidr)
        target, kind = route.target, route.target.split("-", 1)[0]
        if kind == "local":
            return self.local(vpc, packet, table)
        if kind == "igw":
            return self.to_internet(vpc, packet, target)
        if kind == "eigw":
            self.hop(target, packet, vpc=vpc.id)
            return self.outside(packet)
        if kind in ("nat", "eni"):
            interface = topology.interfaces.get(topology.nats[target].interface if target in topology.nats else target)
            if interface is None or (self.running and not interface.up):
                return self.stop("BAD_STATE", component=target, vpc=vpc.id)
            return self.arrive(interface, packet, same=subnet is not None and interface.subnet == subnet.id, through=target)
        if kind == "pcx":
            return self.peer(vpc, packet, target)
        if kind == "tgw":
            return self.transit(vpc, packet, target)
        if kind == "vpce":
            endpoint = topology.endpoints.get(target)
            if endpoint is None or endpoint.kind != "Gateway":
                return self.stop("NO_POSSIBLE_DESTINATION", component=target, vpc=vpc.id)
            self.hop(target, packet, vpc=vpc.id)
            if packet.protocol != TCP:
                self.stop("VPCE_GATEWAY_PROTOCOL_RESTRICTION", vpcEndpoint=target)
            return target, packet
        return self.stop("BAD_STATE_VPN" if kind == "vgw" else "NO_POSSIBLE_DESTINATION", component=target, vpc=vpc.id)

    def local(self, vpc: Vpc, packet: Packet, table: str = "") -> tuple[str, Packet] | None:
        """Inside the VPC: the interface that has the address."""
        target = self.topology.by_address.get((vpc.id, packet.destination))
        if target is None:
            target = next((one for one in self.topology.vpc_interfaces.get(vpc.id, ()) if match.holds(one, packet.destination)), None)
        if target is None:
            return self.stop("NO_POSSIBLE_DESTINATION", component=vpc.id, vpc=vpc.id, destination=packet.destination)
        return self.arrive(target, packet)

    def to_internet(self, vpc: Vpc, packet: Packet, target: str) -> tuple[str, Packet] | None:
        gateway = self.topology.gateways.get(target)
        if gateway is None or gateway.vpc != vpc.id:
            return self.stop("BAD_STATE_ATTACHMENT", component=target, vpc=vpc.id)
        if ":" not in packet.destination:
            for cidr, code in (*((one, "RFC1918") for one in PRIVATE), (SHARED, "RFC6598"), ("169.254.0.0/16", "RFC1918")):
                if match.within(packet.destination, cidr):
                    return self.stop(f"IGW_DESTINATION_ADDRESS_NOT_IN_{code}_EGRESS", internetGateway=target, vpc=vpc.id, address=packet.destination)
            public = self.public(vpc, packet.source)
            if not public:
                return self.stop("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", internetGateway=target, vpc=vpc.id, address=packet.source)
            packet = packet.but(source=public)
        self.hop(target, packet, vpc=vpc.id)
        return self.outside(packet)

    def public(self, vpc: Vpc, private: str) -> str:
        one = self.topology.by_address.get((vpc.id, private))
        return next((a.public for a in one.addresses if a.private == private), "") if one is not None and (one.up or not self.running) else ""

    def outside(self, packet: Packet) -> tuple[str, Packet] | None:
        """The public side."""
        if packet.destination in self.topology.by_public or ":" in packet.destination:
            return self.from_internet(packet)
        if match.within(packet.destination, SERVICES):
            return "service", packet
        if match.within(packet.destination, PUBLIC):     # Cloche's own range, and nobody has this one
            return self.stop("NO_POSSIBLE_DESTINATION", component=INTERNET, address=packet.destination)
        return "internet", packet

    def from_internet(self, packet: Packet) -> tuple[str, Packet] | None:
        pair: tuple[Interface, Address] | None = self.topology.by_public.get(packet.destination)
        if pair is None and ":" in packet.destination:
            one = next((one for one in self.topology.interfaces.values() if packet.destination in one.addresses6), None)
            if one is None:
                return "internet", packet
            pair = one, Address(packet.destination)
        if pair is None:
            return "internet", packet
        one, address = pair
        gateway = self.topology.gateway(one.vpc)
        if gateway is None and ":" in packet.destination and self.there is not None:
            gateway = self.topology.gateway(one.vpc, "eigw-")      # lets answers in
        if gateway is None or (self.running and not one.up):
            return self.stop("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", internetGateway=gateway.id if gateway else "", vpc=one.vpc, address=packet.destination)
        packet = packet.but(destination=address.private)
        self.hop(gateway.id, packet, vpc=one.vpc)
        table = next((table for table in self.topology.tables.values() if table.gateway == gateway.id), None)
        if table is not None:
            return self.route(self.topology.vpcs[one.vpc], table.id, packet, None)
        return self.arrive(one, packet)

    def peer(self, vpc: Vpc, packet: Packet, target: str) -> tuple[str, Packet] | None:
        peering = self.topology.peerings.get(target)
        if peering is None or not peering.active or vpc.id not in (peering.requester, peering.accepter):
            return self.stop("BAD_STATE", component=target, vpc=vpc.id)
        other = self.topology.vpcs[peering.accepter if peering.requester == vpc.id else peering.requester]
        self.hop(target, packet, vpc=vpc.id)
        if not any(match.within(packet.destination, cidr) for cidr in (*other.cidrs, *other.cidrs6)):
            return self.stop("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", vpcPeeringConnection=target, vpc=other.id)
        return self.local(other, packet)

    def transit(self, vpc: Vpc, packet: Packet, target: str) -> tuple[str, Packet] | None:
        gateway = self.topology.transits.get(target)
        foot = next((one for one in gateway.attachments if one.vpc == vpc.id), None) if gateway else None
        if gateway is None or foot is None or not foot.active:
            return self.stop("BAD_STATE_ATTACHMENT", transitGateway=target, vpc=vpc.id)
        self.hop(foot.id, packet, vpc=vpc.id)
        if not foot.table:
            return self.stop("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION", transitGatewayAttachment=foot.id)
        routes = next((routes for id, routes in gateway.tables if id == foot.table), ())
        fits = [one for one in routes if match.within(packet.destination, one.destination)]
        chosen = max(fits, key=lambda one: match.network(one.destination).prefixlen, default=None)
        if chosen is None:
            return self.stop("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", transitGatewayRouteTable=foot.table, transitGateway=target)
        to = next((one for one in gateway.attachments if one.id == chosen.attachment), None)
        if not chosen.active or to is None or not to.active:
            return self.stop("TGW_RTB_BAD_STATE_ROUTE", transitGatewayRouteTable=foot.table, transitGateway=target)
        self.hop(foot.table, packet, what=chosen, destination=chosen.destination)
        self.hop(to.id, packet, vpc=to.vpc)
        return self.local(self.topology.vpcs[to.vpc], packet)

    # arriving
    def arrive(self, one: Interface, packet: Packet, same: bool = False, through: str = "") -> tuple[str, Packet] | None:
        """`through`: the route led to the interface itself, whoever the packet is for."""
        topology, subnet = self.topology, self.topology.subnets[one.subnet]
        if not same:
            self.acl(subnet, "i", packet)
        if one.kind == "nat_gateway":
            return self.nat(one, packet, through)
        mine = match.holds(one, packet.destination)
        if not mine and one.source_dest_check:
            return self.stop("ENI_SOURCE_DEST_CHECK_RESTRICTION", networkInterface=one.id, direction="ingress")
        self.groups(one, "i", packet)
        self.hop(one.id, packet, vpc=one.vpc, subnet=subnet.id)
        if one.instance:
            self.hop(one.instance, packet, vpc=one.vpc, subnet=subnet.id)
        if self.running and not one.up:
            self.stop("BAD_STATE", component=one.id)
        return (one.id, packet) if mine else self.stop("NO_POSSIBLE_DESTINATION", component=one.id, vpc=topology.vpcs[one.vpc].id)

    def nat(self, one: Interface, packet: Packet, through: str) -> tuple[str, Packet] | None:
        """Outwards it takes the gateway's address; an answer takes the client's again; nothing else enters."""
        self.hop(through or next((nat.id for nat in self.topology.nats.values() if nat.interface == one.id), one.id), packet, vpc=one.vpc, subnet=one.subnet)
        if through:
            if self.there is not None:
                return self.stop("NO_POSSIBLE_DESTINATION", natGateway=through, vpc=one.vpc)
            if self.running and not one.up:
                return self.stop("BAD_STATE", natGateway=through)
            self.translated[one.id] = packet
            return self.leave(one, packet.but(source=one.private))
        before = self.translated.get(one.id)
        if self.there is None or before is None or before.destination != packet.source:
            return self.stop("NO_POSSIBLE_DESTINATION", component=one.id, vpc=one.vpc)
        return self.leave(one, packet.but(destination=before.source))
