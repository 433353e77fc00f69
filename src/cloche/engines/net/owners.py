"""The namespace of who owns an interface, as its operating system would configure it from DHCP; and what a NAT gateway does in its own."""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from . import names
from .nft import Ruleset
from .plan import ADDR, ROUTE, ROUTE6, RULE, Line, Space
from .topology import Interface, Topology

SYSCTLS = frozenset({("net/ipv4/conf/all/accept_redirects", "0"), ("net/ipv4/conf/default/accept_redirects", "0"), ("net/ipv6/conf/default/accept_ra", "0"),
                     ("net/ipv6/conf/default/accept_dad", "0"), ("net/ipv4/conf/all/promote_secondaries", "1")})
NAT_SYSCTLS = SYSCTLS | {("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/send_redirects", "0"), ("net/ipv4/conf/default/send_redirects", "0"),
                         ("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"), ("net/netfilter/nf_conntrack_tcp_timeout_established", "350")}


def device(one: Interface) -> str:
    return f"eth{one.device}"


def space(topology: Topology, plugged: tuple[Interface, ...], before: tuple[tuple[Any, ...], Space] | None) -> tuple[tuple[Any, ...], Space]:
    """What it is made of, and the owner's space."""
    made_of = (plugged, *(topology.subnets[one.subnet] for one in plugged), *(topology.vpcs[one.vpc].cidrs for one in plugged if one.kind == "nat_gateway"))
    if before is not None and before[0] == made_of:
        return before
    nat = next((one for one in plugged if one.kind == "nat_gateway"), None)
    return made_of, Space(frozenset(lines(topology, plugged)), NAT_SYSCTLS if nat else SYSCTLS, masquerade(nat, topology.vpcs[nat.vpc].cidrs) if nat else Ruleset())


def lines(topology: Topology, plugged: tuple[Interface, ...]) -> Iterator[Line]:
    """Addresses and routes; further interfaces answer by themselves through a table of their own, as Amazon Linux sets them up."""
    for one in plugged:
        dev, subnet = device(one), topology.subnets[one.subnet]
        bits = ipaddress.ip_network(subnet.cidr).prefixlen
        first = one is plugged[0]
        for address in one.addresses:
            yield Line(ADDR, "addr", f"{address.private}/{bits} dev {dev}", dev)
            if not first:
                yield Line(RULE, "rule", f"pref {10000 + one.device} from {address.private} lookup {10000 + one.device}")
        for six in one.addresses6:
            yield Line(ADDR, "addr", f"{six}/128 dev {dev} nodad", dev)
        if first:
            yield Line(ROUTE, "route", f"default via {subnet.router} dev {dev}", dev)
            if one.addresses6:
                yield Line(ROUTE6, "route", f"::/0 via {names.HOP6} dev {dev}", dev)
        else:
            yield Line(ROUTE, "route", f"default via {subnet.router} dev {dev} table {10000 + one.device}", dev)


def masquerade(one: Interface, cidrs: tuple[str, ...]) -> Ruleset:
    """Many behind one address; nothing begins from the other side."""
    addresses = [a.private for a in one.addresses]
    to = addresses[0] if len(addresses) == 1 else f"{addresses[0]}-{addresses[-1]}"
    dev = device(one)
    return Ruleset({
        "forward": ("type filter hook forward priority filter; policy drop;", "ct state established,related accept", "ct state invalid drop", f'iifname "{dev}" ct state new accept'),
        "input": ("type filter hook input priority filter; policy drop;",),
        "output": ("type filter hook output priority filter; policy drop;",),
        "nat": ("type nat hook postrouting priority srcnat; policy accept;", f'oifname "{dev}" meta l4proto {{ tcp, udp }} snat ip to {to}:1024-65535', f'oifname "{dev}" snat ip to {to}'),
    })
