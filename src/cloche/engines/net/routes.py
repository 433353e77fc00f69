"""Route tables as the kernel's: a rule leads packets with a subnet's mark into that subnet's table, and what the table does not know into the main one.

The main table knows the VPC's own interfaces and nothing else: that is the `local` route, and why nothing passes through a VPC from one gateway to
another. A table says `throw` for the VPC's CIDRs, so that longest prefix decides between local and the rest as AWS has it. What is lost (no route, a
blackhole) is routed to `lo`, where the filter drops it in silence: the kernel's own blackholes are not asked by proxy ARP, and AWS's router answers for
every address.
"""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from . import names
from .plan import NEIGH, ROUTE, ROUTE6, Line
from .topology import Interface, Route, RouteTable, Topology, Vpc


def main(vpc: Vpc, plugged: list[Interface]) -> Iterator[Line]:
    for one in plugged:
        dev = names.link(one.id)
        for address in addresses(one):
            yield Line(ROUTE, "route", f"{address}/32 dev {dev}", dev)
            yield Line(NEIGH, "neigh", f"{address} lladdr {one.mac} dev {dev} nud permanent", dev)
        for six in one.addresses6:
            yield Line(ROUTE6, "route", f"{six}/128 dev {dev}", dev)
            yield Line(NEIGH, "neigh", f"{six} lladdr {one.mac} dev {dev} nud permanent", dev)
        for prefix in one.prefixes:
            yield Line(ROUTE, "route", f"{prefix} via {one.private} dev {dev} onlink", dev)
    yield Line(ROUTE, "route", f"default dev {names.VOID}")
    if vpc.cidrs6:
        yield Line(ROUTE6, "route", f"::/0 dev {names.VOID} metric 2000")


def addresses(one: Interface) -> list[str]:
    return [a.private for a in one.addresses]


def in_force(topology: Topology, vpc: Vpc, table: RouteTable) -> dict[str, Route]:
    """CIDR -> the route that decides: static before propagated, CIDRs before prefix lists."""
    chosen: dict[str, Route] = {}
    static = [one for one in table.routes if not one.propagated]
    local = [Route(cidr, "local") for cidr in (*vpc.cidrs, *vpc.cidrs6)]
    for route in (*(one for one in static if not one.destination.startswith("pl-")), *local, *static, *table.routes):
        for cidr in topology.cidrs(route.destination):
            chosen.setdefault(cidr, route)
    return chosen


def lines(topology: Topology, vpc: Vpc, table: RouteTable, links: frozenset[str]) -> Iterator[Line]:
    """The table as the kernel's. `links`: those of the VPC's namespace that are there."""
    number = names.table(table.id)
    for cidr, route in in_force(topology, vpc, table).items():
        six = ":" in cidr
        rank = ROUTE6 if six else ROUTE
        if route.target == "local":
            yield Line(rank, "route", f"throw {cidr} table {number}")
            continue
        where, dev = leads(topology, vpc, route, links, six)
        if where == "local":
            yield Line(rank, "route", f"local {cidr} dev lo table {number}")
        else:
            yield Line(rank, "route", f"{cidr} {where} table {number}".replace("0.0.0.0/0", "default"), dev)


def leads(topology: Topology, vpc: Vpc, route: Route, links: frozenset[str], six: bool) -> tuple[str, str]:
    """Where a route leads: the words for `ip route` and the link; `local` where Cloche itself answers."""
    lost = f"dev {names.VOID}", ""
    hop = names.HOP6 if six else names.HOP
    target, kind = route.target, route.target.split("-", 1)[0]
    if not route.active:
        return lost
    if kind in ("nat", "eni"):
        interface = topology.interfaces.get(topology.nats[target].interface if target in topology.nats else target)
        dev = names.link(interface.id) if interface else ""
        if interface is None or dev not in links or (six and not interface.addresses6):
            return lost
        return f"via {interface.addresses6[0] if six else interface.private} dev {dev} onlink", dev
    if kind == "vpce":
        endpoint = topology.endpoints.get(target)
        return ("local", "") if endpoint is not None and endpoint.kind == "Gateway" else lost
    if kind == "tgw":
        dev = next((names.link(one.id) for transit, one in topology.vpc_transits.get(vpc.id, ()) if transit.id == target and one.active), "")
    elif kind == "pcx":
        dev = names.link(target)
    elif kind == "igw":
        dev = names.IGW
    elif kind == "eigw":
        dev = names.EGRESS_ONLY
    else:                                # vgw: no device ever answers there
        dev = ""
    return (f"via {hop} dev {dev} onlink", dev) if dev in links else lost


def services(topology: Topology, vpc: Vpc) -> list[str]:
    """The addresses at which gateway endpoints answer in this VPC."""
    found = {cidr for one in topology.endpoints.values() if one.vpc == vpc.id and one.kind == "Gateway" for cidr in topology.cidrs(one.prefix_list)}
    return [str(one) for one in ipaddress.collapse_addresses(ipaddress.ip_network(cidr) for cidr in found)]  # type: ignore[type-var]
