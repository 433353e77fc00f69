"""Security groups as sets: one lookup a group, however many rules it has.

A group's rules of one direction become up to four sets for each family: `w` what is open to the whole world, by protocol and port; `a` from whom
everything comes; `p` protocol, ports and addresses; `c` ICMP's types and codes; and for each group that it names one more, asked after that group's
member set. The kernel's interval sets take no overlap, rules do: `boxes` cuts rules into what does not.

A profile is the sorted groups of an interface. Its two chains ask the sets of its groups; interfaces of the same profile share them. Whether a flow is
tracked is decided with the first packet: bit 1 of the connection's mark says that the interface which began it tracks it, bit 2 that the one which
answers does. A tracked flow passes whatever the rules have become, an untracked one is asked for every packet.
"""
from __future__ import annotations

import hashlib
import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from .nft import Set
from .topology import ALL, ICMP, ICMP6, TCP, UDP, Group, Rule, Topology

WORLD = {4: "0.0.0.0/0", 6: "::/0"}
ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr"}
IP = {4: "ip", 6: "ip6"}
FAMILIES = (4, 6)
PORTS = (0, 65535)

_made: dict[tuple[str, str], tuple[Group, tuple[object, ...], Sets]] = {}


class Sets(Struct, frozen=True):
    """A group's sets of one direction, and the protocols (family * 1000 + number) in which everything may go that way, to the whole world and on every port."""
    of: Mapping[str, Set]
    open: frozenset[int] = frozenset()


def family(cidr: str) -> int:
    return 6 if ":" in cidr else 4


def ports(rule: Rule) -> tuple[int, int]:
    """The ports a rule of TCP or UDP names; every other protocol has all of them."""
    return (rule.low, rule.high) if rule.protocol in (TCP, UDP) and rule.low >= 0 else PORTS


def sets(topology: Topology, group: Group, way: str) -> Sets:
    """The sets of one group and direction (`i` or `o`); kept while the group and its prefix lists are the same values."""
    rules = group.ingress if way == "i" else group.egress
    lists = tuple(topology.lists.get(one.peer) for one in rules if one.peer.startswith("pl-"))
    kept = _made.get((group.id, way))
    if kept is not None and (kept[0] is group or kept[0] == group) and kept[1] == lists:
        return kept[2]
    if len(_made) > 20_000:
        _made.clear()
    made = Sets(_sets(topology, f"{way}_{group.id}", rules), _open(topology, rules))
    _made[group.id, way] = (group, lists, made)
    return made


def _sets(topology: Topology, name: str, rules: Iterable[Rule]) -> Mapping[str, Set]:
    world: dict[int, dict[int, list[tuple[int, int]]]] = {4: defaultdict(list), 6: defaultdict(list)}
    everything: dict[int, list[str]] = {4: [], 6: []}
    some: dict[int, list[tuple[int, int, int, str]]] = {4: [], 6: []}
    icmp: dict[int, list[tuple[int, int, int, str]]] = {4: [], 6: []}
    named: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule.peer.startswith("sg-"):
            named[rule.peer].append(rule)
            continue
        for cidr in topology.cidrs(rule.peer):
            of = family(cidr)
            if cidr == WORLD[of] and rule.protocol in (TCP, UDP, ALL):
                for protocol in (TCP, UDP) if rule.protocol == ALL else (rule.protocol,):
                    world[of][protocol].append(ports(rule))
            if rule.protocol == ALL:
                everything[of].append(cidr)
            elif rule.protocol in (ICMP, ICMP6):
                low, high = kinds(rule)
                icmp[of].append((rule.protocol, low, high, cidr))
            elif cidr != WORLD[of] or rule.protocol not in (TCP, UDP):
                some[of].append((rule.protocol, *ports(rule), cidr))
    made: dict[str, Set] = {}
    for of in FAMILIES:
        if world[of]:
            made[f"{name}_w{of}"] = Set("inet_proto . inet_service", {f"{protocol} . {span(*one)}": "" for protocol in sorted(world[of]) for one in merged(world[of][protocol])}, ("flags interval",))
        if everything[of]:
            nets = ipaddress.collapse_addresses(ipaddress.ip_network(one) for one in everything[of])  # type: ignore[type-var]
            made[f"{name}_a{of}"] = Set(ADDRESS[of], {str(one): "" for one in nets}, ("flags interval",))
        if some[of]:
            made[f"{name}_p{of}"] = Set(f"inet_proto . inet_service . {ADDRESS[of]}", dict.fromkeys(boxes(some[of], of), ""), ("flags interval",))
        if icmp[of]:
            made[f"{name}_c{of}"] = Set(f"{kind_type(of)} . {ADDRESS[of]}", dict.fromkeys(icmp_boxes(icmp[of], of), ""), ("flags interval",))
    for peer, theirs in named.items():
        spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        codes: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for rule in theirs:
            if rule.protocol == ALL:
                for protocol in range(256):
                    spans[protocol].append(PORTS)
            elif rule.protocol in (ICMP, ICMP6):
                codes[4 if rule.protocol == ICMP else 6].append(kinds(rule))
            else:
                spans[rule.protocol].append(ports(rule))
        if spans:
            made[f"{name}_{peer}"] = Set("inet_proto . inet_service", dict.fromkeys(grouped(spans), ""), ("flags interval",))
        for of in FAMILIES:
            if codes[of]:
                made[f"{name}_{peer}_c{of}"] = Set(kind_type(of), {kind_span(*one): "" for low, high in merged(codes[of]) for one in split(low, high)}, ("flags interval",))
    return made


def grouped(spans: Mapping[int, list[tuple[int, int]]]) -> Iterable[str]:
    """`protocols . ports`, neighbouring protocols with the same ports in one."""
    run: tuple[int, int, list[tuple[int, int]]] | None = None
    for protocol in [*sorted(spans), 1000]:
        mine = merged(spans[protocol]) if protocol < 1000 else []
        if run is not None and run[1] == protocol - 1 and run[2] == mine:
            run = (run[0], protocol, mine)
            continue
        if run is not None:
            for one in run[2]:
                yield f"{span(run[0], run[1])} . {span(*one)}"
        run = (protocol, protocol, mine)


def kinds(rule: Rule) -> tuple[int, int]:
    """ICMP's type and code as one number each way: type * 256 + code."""
    if rule.low < 0:
        return 0, 65535
    return (rule.low * 256, rule.low * 256 + 255) if rule.high < 0 else (rule.low * 256 + rule.high,) * 2


def kind_type(of: int) -> str:
    return "icmp_type . icmp_code" if of == 4 else "icmpv6_type . icmpv6_code"


def split(low: int, high: int) -> Iterable[tuple[int, int]]:
    """A run of type * 256 + code in pieces that are a rectangle of types and codes."""
    while low <= high:
        if low % 256 == 0 and high - low >= 255:
            end = low + (high - low + 1) // 256 * 256 - 1
        else:
            end = min(high, low | 255)
        yield low, end
        low = end + 1


def kind_span(low: int, high: int) -> str:
    return f"{span(low // 256, high // 256)} . {span(low % 256, high % 256)}"


def span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def _cut(rules: list[tuple[int, int, int, str]]) -> Iterable[tuple[int, int, int, int, int]]:
    """(protocol, low, high, first address, last address): what the rules cover, in boxes that do not overlap."""
    by: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    for protocol, low, high, cidr in rules:
        net = ipaddress.ip_network(cidr)
        by[protocol].append((low, high, int(net[0]), int(net[-1])))
    for protocol in sorted(by):
        edges = sorted({edge for low, high, _, _ in by[protocol] for edge in (low, high + 1)})
        at: dict[int, list[tuple[int, int]]] = {edge: [] for edge in edges[:-1]}
        place = {edge: n for n, edge in enumerate(edges)}
        for low, high, first, last in by[protocol]:
            for edge in edges[place[low]:place[high + 1]]:
                at[edge].append((first, last))
        start, same = edges[0], merged(at[edges[0]])
        for edge, end in itertools.pairwise(edges):
            mine = merged(at[edge])
            if mine != same:
                yield from ((protocol, start, edge - 1, *one) for one in same)
                start, same = edge, mine
            if end == edges[-1]:
                yield from ((protocol, start, end - 1, *one) for one in same)


def boxes(rules: list[tuple[int, int, int, str]], of: int) -> list[str]:
    return [f"{protocol} . {span(low, high)} . {addresses(first, last, of)}" for protocol, low, high, first, last in _cut(rules)]


def icmp_boxes(rules: list[tuple[int, int, int, str]], of: int) -> list[str]:
    return [f"{kind_span(*piece)} . {addresses(first, last, of)}" for _, low, high, first, last in _cut(rules) for piece in split(low, high)]


def addresses(first: int, last: int, of: int) -> str:
    make = ipaddress.IPv4Address if of == 4 else ipaddress.IPv6Address
    return str(make(first)) if first == last else f"{make(first)}-{make(last)}"


def profile(groups: Iterable[str]) -> str:
    return hashlib.sha1(" ".join(sorted(groups)).encode()).hexdigest()[:12]


def _open(topology: Topology, rules: Iterable[Rule]) -> frozenset[int]:
    found: set[int] = set()
    for rule in rules:
        if rule.protocol in (TCP, UDP, ALL) and ports(rule) == PORTS and not rule.peer.startswith("sg-"):
            for cidr in topology.cidrs(rule.peer):
                if cidr == WORLD[of := family(cidr)]:
                    found.update(of * 1000 + protocol for protocol in ((TCP, UDP) if rule.protocol == ALL else (rule.protocol,)))
    return frozenset(found)


def chain(groups: Iterable[str], way: str, made: Mapping[str, Mapping[str, Sets]]) -> tuple[str, ...]:
    """The chain of a profile: it ends by itself where the packet may pass, and goes to `refused_i` or `refused_o` where not. What everything may answer
    (in the other direction, to the whole world) is not tracked."""
    first, later = ("0x2", "0x1") if way == "i" else ("0x1", "0x2")
    out = [f"ct state established,related ct direction original ct mark and {first} == {first} return",
           f"ct state established,related ct direction reply ct mark and {later} == {later} return"]
    side = "saddr" if way == "i" else "daddr"
    other = made["o" if way == "i" else "i"]
    free = frozenset().union(*(other[group].open for group in groups if group in other))
    for group in sorted(groups):
        mine = made[way][group].of if group in made[way] else {}
        name = f"{way}_{group}"
        for of in FAMILIES:
            nf = f"meta nfproto ipv{of}"
            if f"{name}_w{of}" in mine:
                loose = sorted(one % 1000 for one in free if one // 1000 == of)
                if loose:
                    out.append(f"{nf} meta l4proto {{ {', '.join(map(str, loose))} }} meta l4proto . th dport @{name}_w{of} return")
                if len(loose) < 2:
                    out.append(f"{nf} meta l4proto . th dport @{name}_w{of} goto tracked_{way}")
            if f"{name}_a{of}" in mine:
                out.append(f"{IP[of]} {side} @{name}_a{of} goto tracked_{way}")
            if f"{name}_p{of}" in mine:
                out.append(f"meta l4proto . th dport . {IP[of]} {side} @{name}_p{of} goto tracked_{way}")
            if f"{name}_c{of}" in mine:
                out.append(f"{icmp(of)} . {IP[of]} {side} @{name}_c{of} goto tracked_{way}")
        for peer in sorted({key[len(name) + 1:].split("_")[0] for key in mine if key.startswith(f"{name}_sg-")}):
            for of in FAMILIES:
                member = f"{IP[of]} {side} @m{of}_{peer}"
                if f"{name}_{peer}" in mine:
                    out.append(f"{member} meta l4proto . th dport @{name}_{peer} goto tracked_{way}")
                if f"{name}_{peer}_c{of}" in mine:
                    out.append(f"{member} {icmp(of)} @{name}_{peer}_c{of} goto tracked_{way}")
    out.append(f"goto refused_{way}")
    return tuple(out)


def icmp(of: int) -> str:
    return "icmp type . icmp code" if of == 4 else "icmpv6 type . icmpv6 code"
