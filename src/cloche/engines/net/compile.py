"""Topology -> Plan: namespaces, links, addresses, routes and one table of nftables each. Pure; a VPC whose part of the topology is unchanged is not compiled again.

A VPC's namespace is its router. Each interface that is up has a veth straight into it; the router answers ARP for everything, so the owner sees its
subnet on the link and the router at +1. A packet is marked with its source's subnet before it is routed (that chooses the route table) and judged once,
where it is forwarded:

    egress of the source's groups -> same subnet? then ingress of the target's groups, else ACL out -> ACL in -> ingress of the target's groups

The internet gateway rewrites addresses without connection tracking, at the outermost hooks, so that groups, ACLs and flow logs see the private ones.
What ends in the router itself (DNS at base + 2, metadata, time) is let in by address and is judged by nothing else.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from . import acls, flows, groups, names, owners, routes, transit
from .groups import Sets
from .nft import Ruleset, Set
from .plan import ADDR, NEIGH, ROUTE, ROUTE6, RULE, RULE6, End, Line, Link, Plan, Space
from .topology import INTERNET, METADATA, METADATA6, PUBLIC, RESOLVER, RESOLVER6, SERVICES, TIME, FlowLog, Interface, Subnet, Topology, Vpc

PASSIVE = frozenset({"nat_gateway", "vpc_endpoint", "efs"})      # they answer, they do not ask: alone they make no network
NO_PUBLIC = "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16 }"
ROUTER_SYSCTLS = frozenset({
    ("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"), ("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/proxy_arp", "1"), ("net/ipv4/conf/all/send_redirects", "0"), ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"), ("net/ipv6/conf/default/accept_ra", "0"),
})


class Part(Struct, frozen=True):
    """What one VPC contributes, and what it was made of."""
    made_of: tuple[Any, ...]
    space: Space
    links: frozenset[Link]
    owners: Mapping[str, tuple[Interface, ...]]


class Compiled(Struct, frozen=True):
    plan: Plan = Plan()
    parts: Mapping[str, Part] = {}
    owners: Mapping[str, tuple[tuple[Any, ...], Space]] = {}


def compile(topology: Topology, before: Compiled | None = None) -> Compiled:
    """The plan for a whole topology; `before` is what was compiled last, to take over what is unchanged."""
    before = before or Compiled()
    running = live(topology)
    parts = {vpc: part(topology, topology.vpcs[vpc], running, before.parts.get(vpc)) for vpc in sorted(running)}
    spaces = {vpc: one.space for vpc, one in parts.items()}
    links = {link for one in parts.values() for link in one.links}
    plugged: dict[str, list[Interface]] = {}
    for one in parts.values():
        for owner, theirs in one.owners.items():
            plugged.setdefault(owner, []).extend(theirs)
    made = {owner: owners.space(topology, tuple(sorted(theirs, key=lambda one: one.device)), before.owners.get(owner)) for owner, theirs in plugged.items()}
    spaces |= {owner: space for owner, (_, space) in made.items()}
    for id, space, feet in transit.spaces(topology, running):
        spaces[id] = space
        links |= feet
    if running or INTERNET in before.plan.spaces:      # once there it stays: the host's way to it is not ours to make again
        spaces[INTERNET] = internet(topology, running)
    return Compiled(Plan(spaces, frozenset(links)), parts, made)


def live(topology: Topology) -> frozenset[str]:
    """The VPCs that have a network: where something runs, and what can be reached from there over peerings and transit gateways."""
    found = {one.vpc for one in topology.interfaces.values() if one.up and one.kind not in PASSIVE and one.vpc in topology.vpcs}
    answering = {one.vpc for one in topology.interfaces.values() if one.up} - found
    for peering in topology.peerings.values() if answering else ():
        if peering.active and found & {peering.requester, peering.accepter}:
            found |= answering & {peering.requester, peering.accepter}
    for gateway in topology.transits.values() if answering else ():
        reached = {one.vpc for one in gateway.attachments if one.active}
        if found & reached:
            found |= answering & reached
    return frozenset(found)


def part(topology: Topology, vpc: Vpc, running: frozenset[str], before: Part | None) -> Part:
    """One VPC. Everything it depends on is gathered first; the same values give the same part without another look."""
    interfaces = topology.vpc_interfaces.get(vpc.id, [])
    plugged = [one for one in interfaces if one.up]
    subnets = topology.vpc_subnets.get(vpc.id, [])
    peerings = [one for one in topology.vpc_peerings.get(vpc.id, ()) if one.active and {one.requester, one.accepter} <= running]
    used = sorted({group for one in plugged for group in one.groups})
    mine = [topology.groups[one] for one in used if one in topology.groups]
    named = sorted({rule.peer for one in mine for rule in (*one.ingress, *one.egress) if rule.peer.startswith("sg-")})
    near = {vpc.id} | {side for one in peerings if one.same_region for side in (one.requester, one.accepter)}
    members = [[one for one in topology.members.get(group, ()) if one.vpc in near] for group in named]
    made_of = (vpc, interfaces, subnets, peerings, mine, named, members, topology.vpc_gateways.get(vpc.id), topology.vpc_transits.get(vpc.id),
               [topology.tables.get(one.table) for one in subnets], [topology.acls.get(one.acl) for one in subnets], list(topology.lists.values()),
               [one for one in topology.nats.values() if one.vpc == vpc.id], [one for one in topology.endpoints.values() if one.vpc == vpc.id],
               [one for one in topology.tables.values() if one.vpc == vpc.id and one.gateway], list(topology.logs.values()))
    if before is not None and before.made_of == made_of:
        return before
    links = links_of(vpc, plugged, topology, peerings)
    there = frozenset(end.name for link in links for end in (link.one, link.two) if end.space == vpc.id)
    there |= {names.link(foot.id) for _, foot in topology.vpc_transits.get(vpc.id, ()) if foot.active}
    rules = ruleset(topology, vpc, plugged, subnets, mine, dict(zip(named, members)), there)
    space = Space(frozenset(lines(topology, vpc, plugged, subnets, peerings, there)), ROUTER_SYSCTLS, rules)
    by: dict[str, list[Interface]] = {}
    for one in plugged:
        by.setdefault(one.owner or one.id, []).append(one)
    return Part(made_of, space, links, {owner: tuple(theirs) for owner, theirs in by.items()})


def links_of(vpc: Vpc, plugged: Iterable[Interface], topology: Topology, peerings: Iterable[Any]) -> frozenset[Link]:
    out = {Link(End(vpc.id, names.link(one.id), names.mac("router", one.id)), End(one.owner or one.id, owners.device(one), one.mac)) for one in plugged}
    for name, prefix in ((names.IGW, "igw-"), (names.EGRESS_ONLY, "eigw-")):
        if topology.gateway(vpc.id, prefix):
            out.add(Link(End(vpc.id, name, names.mac(vpc.id, name)), End(INTERNET, names.public_side(vpc.id, name), names.mac(INTERNET, vpc.id, name))))
    for one in peerings:
        dev = names.link(one.id)
        out.add(Link(End(one.requester, dev, names.mac(one.requester, one.id)), End(one.accepter, dev, names.mac(one.accepter, one.id))))
    return frozenset(out)


def hop(dev: str, far: str, six: bool) -> Iterator[Line]:
    """The far end of a link between routers is known, not asked for."""
    yield Line(NEIGH, "neigh", f"{names.HOP} lladdr {far} dev {dev} nud permanent", dev)
    if six:
        yield Line(NEIGH, "neigh", f"{names.HOP6} lladdr {far} dev {dev} nud permanent", dev)


def lines(topology: Topology, vpc: Vpc, plugged: list[Interface], subnets: list[Subnet], peerings: Iterable[Any], there: frozenset[str]) -> Iterator[Line]:
    for address in (vpc.resolver, RESOLVER, METADATA, TIME):
        yield Line(ADDR, "addr", f"{address}/32 dev lo")
    if vpc.cidrs6:
        for address in (RESOLVER6, METADATA6):
            yield Line(ADDR, "addr", f"{address}/128 dev lo")
    yield from routes.main(vpc, plugged)
    used = {one.subnet for one in plugged}
    routers = {one.id: one for one in subnets}
    for one in plugged:
        dev = names.link(one.id)
        yield Line(ADDR, "addr", f"{routers[one.subnet].router}/32 dev {dev}", dev)
        if one.addresses6:
            yield Line(ADDR, "addr", f"{names.HOP6}/64 dev {dev} nodad", dev)
    tables = {one.table for one in subnets if one.id in used}
    ruled = [(one.id, one.table) for one in subnets if one.id in used]
    for table in topology.tables.values():
        if table.vpc == vpc.id and table.gateway and topology.gateway(vpc.id) is not None:
            ruled.append((table.gateway, table.id))
            tables.add(table.id)
    for id in tables:
        if id in topology.tables:
            yield from routes.lines(topology, vpc, topology.tables[id], there)
    for id, of in ruled:
        yield Line(RULE, "rule", f"pref 100 fwmark {names.mark(id)} lookup {names.table(of)}")
        if vpc.cidrs6:
            yield Line(RULE6, "rule", f"pref 100 fwmark {names.mark(id)} lookup {names.table(of)}")
    six = bool(vpc.cidrs6)
    for name in (names.IGW, names.EGRESS_ONLY):
        if name in there:
            yield from hop(name, names.mac(INTERNET, vpc.id, name), six)
    for peering in peerings:
        other = peering.accepter if peering.requester == vpc.id else peering.requester
        yield from hop(names.link(peering.id), names.mac(other, peering.id), six)
    for gateway, foot in topology.vpc_transits.get(vpc.id, ()):
        if foot.active and names.link(foot.id) in there:
            yield from hop(names.link(foot.id), names.mac(gateway.id, foot.id), six)


def ruleset(topology: Topology, vpc: Vpc, plugged: list[Interface], subnets: list[Subnet], mine: list[Any], named: Mapping[str, list[Interface]], there: frozenset[str]) -> Ruleset:
    """The table of a VPC's namespace."""
    six = bool(vpc.cidrs6)
    dev = {one.id: names.link(one.id) for one in plugged}
    made: dict[str, dict[str, Sets]] = {way: {one.id: groups.sets(topology, one, way) for one in mine} for way in "io"}
    sets: dict[str, Set] = {name: one for way in "io" for theirs in made[way].values() for name, one in theirs.of.items()}
    for group, members in named.items():
        sets[f"m4_{group}"] = Set("ipv4_addr", {a.private: "" for one in members for a in one.addresses})
        sets[f"m6_{group}"] = Set("ipv6_addr", {a: "" for one in members for a in one.addresses6})
    chains: dict[str, tuple[str, ...]] = {}
    profiles = {one.id: groups.profile(one.groups) for one in plugged if one.groups}
    for name, theirs in {profiles[one.id]: one.groups for one in plugged if one.groups}.items():
        for way in "io":
            chains[f"{way}_{name}"] = groups.chain(theirs, way, made)
    for way in "io":
        sets[f"groups_{way}"] = Set("ifname : verdict", {f'"{dev[one.id]}"': f"jump {way}_{profiles[one.id]}" for one in plugged if one.groups})
    # subnets: whose mark, whose ACL
    used = [one for one in subnets if any(iface.subnet == one.id for iface in plugged)]
    marks = {one.id: names.mark(one.id) for one in used}
    closed: dict[str, dict[str, str]] = {"i": {}, "o": {}}
    for subnet in used:
        acl = topology.acls.get(subnet.acl)
        for way in "io":
            if acl is not None and not acls.open_to_all(acl, way, six):
                chains[f"acl_{way}_{acl.id}"] = acls.chain(acl, way)
                closed[way][subnet.id] = f"jump acl_{way}_{acl.id}"
    place = {f'"{dev[one.id]}"': marks[one.subnet] for one in plugged}
    for table in topology.tables.values():
        if table.vpc == vpc.id and table.gateway and names.IGW in there:
            place[f'"{names.IGW}"'] = names.mark(table.gateway)
    sets["place"] = Set("ifname : mark", place)
    sets["within"] = Set("mark . ifname", {f'{marks[one.subnet]} . "{dev[one.id]}"': "" for one in plugged})
    sets["acl_o"] = Set("mark : verdict", {marks[id]: verdict for id, verdict in closed["o"].items()})
    sets["acl_i"] = Set("ifname : verdict", {f'"{dev[one.id]}"': closed["i"][one.subnet] for one in plugged if one.subnet in closed["i"]})
    # whose addresses are whose
    sets["own"] = Set("ifname . ipv4_addr", {f'"{dev[one.id]}" . {address}': "" for one in plugged for address in held(one)})
    sets["own6"] = Set("ifname . ipv6_addr", {f'"{dev[one.id]}" . {address}': "" for one in plugged for address in (*one.addresses6, *([link_local(one.mac)] if one.addresses6 else ()))})
    sets["checked"] = Set("ifname", {f'"{dev[one.id]}"': "" for one in plugged if one.source_dest_check and one.kind != "nat_gateway"})
    answers = routes.services(topology, vpc)
    sets["locals"] = Set("ipv4_addr . inet_proto . inet_service", dict.fromkeys(
        [f"{METADATA} . 6 . 80", f"{TIME} . 17 . 123"] + [f"{a} . {p} . 53" for a in (vpc.resolver, RESOLVER) for p in (6, 17) if vpc.dns_support], ""))
    sets["locals6"] = Set("ipv6_addr . inet_proto . inet_service", dict.fromkeys(
        [f"{METADATA6} . 6 . 80"] + [f"{RESOLVER6} . {p} . 53" for p in (6, 17) if vpc.dns_support], "") if six else {})
    first = ["type filter hook prerouting priority raw; policy accept;"]
    last = ["type filter hook postrouting priority 300; policy accept;"]
    if names.IGW in there:
        pairs = [a for one in plugged for a in one.addresses if a.public]
        sets["inward"] = Set("ipv4_addr : ipv4_addr", {a.public: a.private for a in pairs})
        sets["outward"] = Set("ipv4_addr : ipv4_addr", {a.private: a.public for a in pairs})
        first.append(f'iifname "{names.IGW}" ip daddr set ip daddr map @inward')
        last += [f'oifname "{names.IGW}" ip saddr set ip saddr map @outward accept', f'oifname "{names.IGW}" meta nfproto ipv4 drop']
    first += ["iifname @checked iifname . ip saddr != @own drop", *(["iifname @checked iifname . ip6 saddr != @own6 drop"] if six else []), "meta mark set iifname map @place"]
    counts = counters({one.id: logs for one in plugged if (logs := list(topology.logged(one)))}, {one.id: one for one in plugged}, dev, sets, chains)
    chains["first"] = tuple(first)
    if len(last) > 1:
        chains["last"] = tuple(last)
    chains["tracked_o"] = ("ct direction original ct mark set ct mark or 0x1",)
    chains["tracked_i"] = ("ct direction original ct mark set ct mark or 0x2",)
    chains["refused_o"] = (*(["iifname vmap @reject_o"] if counts else []), "drop")
    chains["refused_i"] = (*(["oifname vmap @reject_i"] if counts else []), "drop")
    count_o, count_i = (["iifname vmap @accept_o"], ["oifname vmap @accept_i"]) if counts else ([], [])
    egress_only = [f'iifname "{names.EGRESS_ONLY}" ct state != {{ established, related }} drop'] if names.EGRESS_ONLY in there else []
    chains["forward"] = ("type filter hook forward priority filter; policy drop;", *egress_only, "iifname vmap @groups_o", "meta mark . oifname @within goto near",
                         "meta mark vmap @acl_o", *count_o, 'oifname "lo" drop', *([f'oifname "{names.IGW}" ip daddr {NO_PUBLIC} drop'] if names.IGW in there else []),
                         *(["oifname @checked oifname . ip daddr != @own drop"] if unchecked_routes(topology, vpc) else []), "oifname vmap @acl_i", "goto inside")
    chains["near"] = (*count_o, "goto inside")
    chains["inside"] = ("oifname vmap @groups_i", *count_i, "accept")
    neighbours = ["icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept"] if six else []
    local = ["iifname . ip saddr @own ip daddr . meta l4proto . th dport @locals accept", *(["iifname . ip6 saddr @own6 ip6 daddr . meta l4proto . th dport @locals6 accept"] if six else []), *neighbours]
    answer = ["ip saddr . meta l4proto . th sport @locals accept", *(["ip6 saddr . meta l4proto . th sport @locals6 accept"] if six else []), *neighbours]
    if answers:
        sets["services"] = Set("ipv4_addr", dict.fromkeys(answers, ""), ("flags interval",))
        local += ["ip daddr @services tcp dport { 80, 443 } goto to_service"]
        answer += ["ip saddr @services tcp sport { 80, 443 } ct state established,related goto from_service"]
        chains["to_service"] = ("iifname vmap @groups_o", "meta mark vmap @acl_o", *count_o, "accept")
        chains["from_service"] = ("oifname vmap @acl_i", "oifname vmap @groups_i", *count_i, "accept")
    chains["input"] = ("type filter hook input priority filter; policy drop;", *local)
    chains["output"] = ("type filter hook output priority filter; policy drop;", *answer)
    return Ruleset(chains, sets)


def held(one: Interface) -> Iterator[str]:
    """The addresses an interface may send from."""
    import ipaddress
    for address in one.addresses:
        yield address.private
    for prefix in one.prefixes:
        yield from map(str, ipaddress.ip_network(prefix))


def link_local(mac: str) -> str:
    import ipaddress
    part = bytes.fromhex(mac.replace(":", ""))
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([part[0] ^ 2]) + part[1:3] + b"\xff\xfe" + part[3:]))


def unchecked_routes(topology: Topology, vpc: Vpc) -> bool:
    """Whether any route of the VPC leads to an interface: only then can a packet reach one that is not for it."""
    return any(route.target.startswith("eni-") for table in topology.tables.values() if table.vpc == vpc.id for route in table.routes)


def counters(logged: Mapping[str, list[FlowLog]], plugged: Mapping[str, Interface], dev: Mapping[str, str], sets: dict[str, Set], chains: dict[str, tuple[str, ...]]) -> bool:
    """Flow logs: for each interface that has one, sets of flows with counters, filled by its packets; `flows` reads them."""
    if not logged:
        return False
    dynamic = ("flags dynamic,timeout", "timeout 1h", "size 65536")
    verdicts: dict[str, dict[str, str]] = {kind: {} for kind in flows.KINDS}
    for id, logs in logged.items():
        for kind, found in verdicts.items():
            rules = []
            for of in (4, 6) if plugged[id].addresses6 else (4,):
                ip, address = groups.IP[of], groups.ADDRESS[of]
                sets[f"{kind}{of}_{id}"] = Set(f"{address} . {address} . inet_proto . inet_service . inet_service", {}, (*dynamic, "counter"))
                rules.append(f"update @{kind}{of}_{id} {{ {ip} saddr . {ip} daddr . meta l4proto . th sport . th dport }}")
                for flag, matching in flows.FLAGS.items() if kind.startswith("accept") and any(log.flags for log in logs) else ():
                    name = f"flag{flag}_{kind[-1]}{of}_{id}"
                    sets[name] = Set(f"{address} . {address} . inet_service . inet_service", {}, dynamic)
                    rules.append(f"{matching} update @{name} {{ {ip} saddr . {ip} daddr . tcp sport . tcp dport }}")
            chains[f"{kind}_{id}"] = tuple(rules)
            found[f'"{dev[id]}"'] = f"jump {kind}_{id}"
    for kind, found in verdicts.items():
        sets[kind] = Set("ifname : verdict", found)
    return True


def internet(topology: Topology, running: frozenset[str]) -> Space:
    """The public side: each public address by the way to its VPC, the services' addresses here, everything else nowhere."""
    out = [Line(ROUTE, "route", f"local {SERVICES} dev lo"), Line(ROUTE, "route", f"blackhole {PUBLIC}"), Line(ROUTE, "route", "blackhole default metric 4000000")]
    for vpc in running:
        links = [name for name, prefix in ((names.IGW, "igw-"), (names.EGRESS_ONLY, "eigw-")) if topology.gateway(vpc, prefix)]
        six = topology.vpcs[vpc].cidrs6
        for name in links:
            dev = names.public_side(vpc, name)
            out += hop(dev, names.mac(vpc, name), bool(six))
        if links:
            dev = names.public_side(vpc, links[0])
            out += [Line(ROUTE6, "route", f"{cidr} via {names.HOP6} dev {dev} onlink", dev) for cidr in six]
        if names.IGW in links:
            for one in topology.vpc_interfaces.get(vpc, ()):
                out += [Line(ROUTE, "route", f"{a.public}/32 via {names.HOP} dev {dev} onlink", dev) for a in one.addresses if one.up and a.public]
    chains = {"input": ("type filter hook input priority filter; policy drop;", 'iifname "lo" accept', f"ip daddr {SERVICES} accept", "ct state established,related accept"),
              "output": ("type filter hook output priority filter; policy accept;", "ip protocol icmp icmp type { destination-unreachable, time-exceeded, redirect } drop")}
    return Space(frozenset(out), ROUTER_SYSCTLS - {("net/ipv4/conf/all/proxy_arp", "1")}, Ruleset(chains))
