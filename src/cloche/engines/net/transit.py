"""Transit gateways: a namespace each, a foot in every VPC that has a network; what comes out of a foot is routed by the foot's table."""
from __future__ import annotations

from collections.abc import Iterator

from . import names
from .nft import Ruleset
from .plan import NEIGH, ROUTE, ROUTE6, RULE, RULE6, End, Line, Link, Space
from .topology import Topology, TransitGateway


def spaces(topology: Topology, running: frozenset[str]) -> Iterator[tuple[str, Space, frozenset[Link]]]:
    from .compile import ROUTER_SYSCTLS
    for gateway in topology.transits.values():
        feet = [one for one in gateway.attachments if one.active and one.vpc in running]
        if not feet:
            continue
        chains = {"forward": ("type filter hook forward priority filter; policy accept;", 'oifname "lo" drop'),
                  "input": ("type filter hook input priority filter; policy drop;",), "output": ("type filter hook output priority filter; policy drop;",)}
        links = frozenset(Link(End(gateway.id, names.link(one.id), names.mac(gateway.id, one.id)), End(one.vpc, names.link(one.id), names.mac(one.vpc, one.id))) for one in feet)
        yield gateway.id, Space(frozenset(lines(topology, gateway, {one.id for one in feet})), ROUTER_SYSCTLS, Ruleset(chains)), links


def lines(topology: Topology, gateway: TransitGateway, there: set[str]) -> Iterator[Line]:
    yield Line(ROUTE, "route", f"default dev {names.VOID}")
    for one in gateway.attachments:
        if one.id in there:
            dev, six = names.link(one.id), bool(topology.vpcs[one.vpc].cidrs6)
            for hop in (names.HOP, names.HOP6) if six else (names.HOP,):
                yield Line(NEIGH, "neigh", f"{hop} lladdr {names.mac(one.vpc, one.id)} dev {dev} nud permanent", dev)
            if one.table:
                for rank in (RULE, RULE6) if six else (RULE,):
                    yield Line(rank, "rule", f"pref 100 iif {dev} lookup {names.table(one.table)}")
    for table, routes in gateway.tables:
        for route in routes:
            six = ":" in route.destination
            dev = names.link(route.attachment) if route.active and route.attachment in there else ""
            where = f"via {names.HOP6 if six else names.HOP} dev {dev} onlink" if dev else f"dev {names.VOID}"
            yield Line(ROUTE6 if six else ROUTE, "route", f"{route.destination} {where} table {names.table(table)}".replace("0.0.0.0/0", "default"), dev)
