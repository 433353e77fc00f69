"""Network ACLs as chains: numbered entries in their order, first match decides; asked for every packet that crosses a subnet's edge, tracked or not."""
from __future__ import annotations

from .groups import IP, WORLD, family
from .topology import ALL, ICMP, ICMP6, TCP, UDP, Acl, Entry


def chain(acl: Acl, way: str) -> tuple[str, ...]:
    """The chain of one direction (`i`, `o`): ends by itself where the packet may pass, else goes to `refused_i` or `refused_o`."""
    side = "saddr" if way == "i" else "daddr"
    out = []
    for entry in entries(acl, way):
        verdict = "return" if entry.allow else f"goto refused_{way}"
        out.append(f"{match(entry, side)} {verdict}")
    return (*out, f"goto refused_{way}")


def entries(acl: Acl, way: str) -> tuple[Entry, ...]:
    return tuple(sorted(acl.ingress if way == "i" else acl.egress, key=lambda one: one.number))


def match(entry: Entry, side: str) -> str:
    of = family(entry.cidr)
    where = f"meta nfproto ipv{of}" if entry.cidr == WORLD[of] else f"{IP[of]} {side} {entry.cidr}"
    if entry.protocol == ALL:
        return where
    if entry.protocol in (TCP, UDP):
        word = "tcp" if entry.protocol == TCP else "udp"
        if (entry.low, entry.high) == (0, 65535):
            return f"{where} meta l4proto {word}"
        return f"{where} {word} dport {entry.low}" + (f"-{entry.high}" if entry.high != entry.low else "")
    if entry.protocol in (ICMP, ICMP6):
        word = "icmp" if entry.protocol == ICMP else "icmpv6"
        if entry.kind < 0:
            return f"{where} meta l4proto {entry.protocol}"
        return f"{where} {word} type {entry.kind}" + (f" {word} code {entry.code}" if entry.code >= 0 else "")
    return f"{where} meta l4proto {entry.protocol}"


def open_to_all(acl: Acl, way: str, six: bool) -> bool:
    """Everything passes: the first entry of each family says so. Such an ACL costs a packet nothing."""
    for of in (4, 6) if six else (4,):
        first = next((one for one in entries(acl, way) if family(one.cidr) == of), None)
        if first is None or not first.allow or first.protocol != ALL or first.cidr != WORLD[of]:
            return False
    return True
