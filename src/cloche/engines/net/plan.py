"""The plan: what must be in the kernel, as values that can be compared; and the steps from one plan to another.

A space is a network namespace: its addresses, routes, rules and neighbours are lines that `ip -batch` reads after `add` or `del`, with the links they
stand on, since the kernel takes them away with their link.
"""
from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from . import nft
from .nft import Ruleset

MTU = 9001
DOOMED = 1984      # the group of links that are deleted together
ADDR, NEIGH, ROUTE, RULE, ROUTE6, RULE6 = 0, 1, 2, 3, 4, 5     # the ranks of lines


class End(Struct, frozen=True, order=True):
    space: str
    name: str
    mac: str


class Link(Struct, frozen=True, order=True):
    """A veth pair between two spaces."""
    one: End
    two: End
    mtu: int = MTU


class Line(Struct, frozen=True, order=True):
    """`ip VERB add|del TEXT`. Rank orders them (addresses before routes); link: what it stands on."""
    rank: int
    verb: str                            # "addr", "neigh", "route", "rule", with -6 before it where needed
    text: str
    link: str = ""


class Space(Struct, frozen=True):
    lines: frozenset[Line] = frozenset()
    sysctls: frozenset[tuple[str, str]] = frozenset()
    rules: Ruleset = Ruleset()


class Plan(Struct, frozen=True):
    spaces: Mapping[str, Space] = {}
    links: frozenset[Link] = frozenset()


class Step(Struct, frozen=True):
    """One step: `do` is space, drop, sysctl, link and ip (the same; links come first), ip6 (rules, which `ip` takes for IPv4's unless told) or nft."""
    do: str
    space: str
    text: str = ""
    values: tuple[tuple[str, str], ...] = ()


def steps(old: Plan, new: Plan, kept: frozenset[str] = frozenset()) -> list[Step]:
    """From one plan to another, in an order in which no packet passes that the new one forbids: spaces, filters, then links and what lies on them.
    Spaces in `kept` belong to somebody else, who makes and drops them."""
    out: list[Step] = []
    fresh = [name for name in new.spaces if name not in old.spaces]
    out += [Step("space", name) for name in fresh]
    away, come = old.links - new.links, new.links - old.links
    lost = {(end.space, end.name) for link in away for end in (link.one, link.two)}
    made = {(end.space, end.name): link for link in come for end in (link.one, link.two)}
    for name, space in new.spaces.items():
        before = old.spaces.get(name, Space())
        if space.rules is not before.rules and (text := nft.difference(before.rules, space.rules)):
            out.append(Step("nft", name, text))
        if values := space.sysctls - before.sysctls:
            out.append(Step("sysctl", name, values=tuple(sorted(values))))
    ip: dict[str, list[str]] = {}
    doomed: dict[str, list[str]] = {}
    six: list[Step] = []
    for link in sorted(away):
        # a namespace that goes may live a little longer, by a socket in it: whoever stays takes the link away
        end = link.one if link.one.space in new.spaces else link.two
        if end.space in new.spaces:
            doomed.setdefault(end.space, []).append(end.name)
    for name, devices in doomed.items():
        if len(devices) > 1:             # the kernel takes its time over each deletion, and no more over a group
            ip[name] = [*(f"link set dev {dev} group {DOOMED}" for dev in devices), f"link del group {DOOMED}"]
        else:
            ip[name] = [f"link del dev {devices[0]}"]
    for link in sorted(come):
        ip.setdefault(link.one.space, []).append(
            f"link add name {link.one.name} address {link.one.mac} mtu {link.mtu} type veth peer name {link.two.name} address {link.two.mac} mtu {link.mtu} netns {link.two.space}")
    first = {name: len(lines) for name, lines in ip.items()}
    for name, space in new.spaces.items():
        before = old.spaces.get(name, Space())
        lines = ip.setdefault(name, [])
        fallen = {line for line in before.lines if (name, line.link) in lost or (name, line.link) in made}
        stale = before.lines - space.lines - fallen
        lines += [f"{line.verb} del {line.text}" for line in sorted(stale, reverse=True) if line.rank != RULE6]
        lines += [f"link set dev {end} up" for place, end in sorted(made) if place == name]
        if name in fresh:
            lines.append("link set dev lo up")
        come_lines = sorted(space.lines - (before.lines - fallen))
        lines += [f"{line.verb} add {line.text}" for line in come_lines if line.rank != RULE6]
        rules = [f"rule del {line.text}" for line in stale if line.rank == RULE6] + [f"rule add {line.text}" for line in come_lines if line.rank == RULE6]
        if rules:
            six.append(Step("ip6", name, "\n".join(rules) + "\n"))
    # The makers of links first: the other end must be there before anything is put on it. One that puts things on its own links alone does it in one go.
    waits = {place for (place, _), link in made.items() if link.one.space != place}
    quick = [Step("sysctl", name, values=tuple((f"net/ipv4/neigh/{link.one.name}/proxy_delay", "0") for link in sorted(come) if link.one.space == name))
             for name in sorted(first) if any(link.one.space == name for link in come)]      # a router answers for others at once; the kernel would wait up to 0.8 s
    for name in sorted(first):
        if name not in waits:
            out.append(Step("link", name, "\n".join(ip.pop(name)) + "\n"))
        elif head := ip[name][: first[name]]:
            out.append(Step("link", name, "\n".join(head) + "\n"))
            ip[name] = ip[name][first[name]:]
    out += quick
    out += [Step("ip", name, "\n".join(lines) + "\n") for name, lines in sorted(ip.items()) if lines]
    out += six
    out += [Step("drop", name) for name in old.spaces if name not in new.spaces and name not in kept]
    return out
