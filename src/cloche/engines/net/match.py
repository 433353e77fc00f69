"""Whether a rule or a route is about a packet: what the sets and chains decide in the kernel, said in Python for those who explain it."""
from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec import Struct

from .acls import entries
from .groups import kinds, ports
from .topology import ALL, ICMP, ICMP6, TCP, UDP, Acl, Entry, Group, Interface, Route, Rule, Topology, Vpc


class Packet(Struct, frozen=True):
    """What a packet says of itself. For ICMP `port` is type * 256 + code."""
    source: str
    destination: str
    protocol: int = TCP
    port: int = 0
    source_port: int = 40000

    def back(self) -> Packet:
        """The answer: an echo's is an echo reply."""
        answer = {8 * 256: 0, 128 * 256: 129 * 256}.get(self.port, self.port)
        if self.protocol in (ICMP, ICMP6):
            return Packet(self.destination, self.source, self.protocol, answer, self.source_port)
        return Packet(self.destination, self.source, self.protocol, self.source_port, self.port)

    def but(self, **changes: str | int) -> Packet:
        import msgspec
        return msgspec.structs.replace(self, **changes)


@lru_cache(maxsize=65536)
def network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr)


@lru_cache(maxsize=65536)
def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


def within(text: str, cidr: str) -> bool:
    return address(text) in network(cidr)


def _protocol(rule: Rule, packet: Packet) -> bool:
    if rule.protocol == ALL:
        return True
    if rule.protocol != packet.protocol:
        return False
    low, high = kinds(rule) if rule.protocol in (ICMP, ICMP6) else ports(rule)
    return low <= packet.port <= high or rule.protocol not in (TCP, UDP, ICMP, ICMP6)


def rules(topology: Topology, vpc: str, groups: Iterable[str], way: str, packet: Packet) -> Iterator[tuple[Group, Rule]]:
    """The rules of these groups that let the packet pass (`i`, `o`); a group named as peer means its members' private addresses, here and over active peerings."""
    peer = packet.source if way == "i" else packet.destination
    for id in sorted(groups):
        group = topology.groups.get(id)
        if group is None:
            continue
        for rule in group.ingress if way == "i" else group.egress:
            if not _protocol(rule, packet):
                continue
            if rule.peer.startswith("sg-"):
                if any(one.vpc in near(topology, vpc) and peer in (*(a.private for a in one.addresses), *one.addresses6) for one in topology.members.get(rule.peer, ())):
                    yield group, rule
            elif any(within(peer, cidr) for cidr in topology.cidrs(rule.peer)):
                yield group, rule


def near(topology: Topology, vpc: str) -> set[str]:
    """The VPCs whose groups may be named in this one."""
    return {vpc} | {side for one in topology.vpc_peerings.get(vpc, ()) if one.active and one.same_region for side in (one.requester, one.accepter)}


def entry(acl: Acl, way: str, packet: Packet) -> Entry | None:
    """The first entry that is about the packet; None is the last `*`, which denies."""
    peer = packet.source if way == "i" else packet.destination
    for one in entries(acl, way):
        if not within(peer, one.cidr):
            continue
        if one.protocol == ALL:
            return one
        if one.protocol != packet.protocol:
            continue
        if one.protocol in (TCP, UDP):
            if one.low <= packet.port <= one.high:
                return one
        elif one.protocol in (ICMP, ICMP6):
            if one.kind in (-1, packet.port // 256) and (one.kind == -1 or one.code in (-1, packet.port % 256)):
                return one
        else:
            return one
    return None


def route(topology: Topology, vpc: Vpc, table: str, destination: str) -> tuple[str, Route] | None:
    """The longest prefix that holds the destination, and its route."""
    from .routes import in_force
    found = topology.tables.get(table)
    best: tuple[str, Route] | None = None
    for cidr, one in in_force(topology, vpc, found).items() if found else ():
        if within(destination, cidr) and (best is None or network(cidr).prefixlen > network(best[0]).prefixlen):
            best = cidr, one
    return best


def holds(one: Interface, text: str) -> bool:
    """Whether an address is one of the interface's own."""
    return text in one.addresses6 or any(a.private == text for a in one.addresses) or any(within(text, prefix) for prefix in one.prefixes if (":" in prefix) == (":" in text))
