"""What the kernel counted, flow by flow: the sets that the compiler made for interfaces with a flow log, read, and what has come since they were read last."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from .nft import TABLE, Ruleset

KINDS = ("accept_o", "accept_i", "reject_o", "reject_i")
FLAGS = {1: "tcp flags & fin == fin", 2: "tcp flags & (syn | ack) == syn", 4: "tcp flags & rst == rst", 18: "tcp flags & (syn | ack) == syn | ack"}
NAME = re.compile(r"\bset (?:(accept|reject)_([io])[46]|flag(\d+)_([io])[46])_(eni-\w+) \{")
FLOW = re.compile(r"([\w.:]+) \. ([\w.:]+) \. (\d+) \. (\d+) \. (\d+) counter packets (\d+) bytes (\d+)")
FLAGGED = re.compile(r"([\w.:]+) \. ([\w.:]+) \. (\d+) \. (\d+)(?= expires)")


class Flow(Struct, frozen=True):
    """One direction of a conversation at one interface. For ICMP the ports are 0."""
    interface: str
    action: str                  # ACCEPT or REJECT
    way: str                     # "i" into the interface, "o" out of it
    source: str
    destination: str
    protocol: int
    source_port: int
    port: int


class Count(Struct, frozen=True):
    packets: int = 0
    bytes: int = 0
    flags: int = 0


# one listing of the table: nft 1.0 cannot list several sets at once
QUESTION = ["nft", "-nn", "list", "table", *TABLE.split()]


def counting(rules: Ruleset) -> bool:
    return "accept_o" in rules.sets


def heard(text: str) -> dict[Flow, Count]:
    """Its answer to QUESTION. Counts are since the set was made (or since an hour of silence)."""
    found: dict[Flow, Count] = {}
    flagged: dict[tuple[str, str, str, str, int, int], int] = {}
    parts = list(NAME.finditer(text))
    for part, end in zip(parts, [*(one.start() for one in parts[1:]), len(text)]):
        action, way, flag, flag_way, interface = part.groups()
        body = text[part.end():end]
        if flag:
            for source, destination, source_port, port in FLAGGED.findall(body):
                key = (interface, flag_way, source, destination, int(source_port), int(port))
                flagged[key] = flagged.get(key, 0) | int(flag)
            continue
        for source, destination, protocol, source_port, port, packets, size in FLOW.findall(body):
            ported = int(protocol) in (6, 17)
            flow = Flow(interface, action.upper(), way, source, destination, int(protocol), int(source_port) if ported else 0, int(port) if ported else 0)
            before = found.get(flow, Count())
            found[flow] = Count(before.packets + int(packets), before.bytes + int(size))
    for flow, count in found.items():
        if flags := flagged.get((flow.interface, flow.way, flow.source, flow.destination, flow.source_port, flow.port)):
            found[flow] = Count(count.packets, count.bytes, flags)
    return found


def since(before: Mapping[Flow, Count], now: Mapping[Flow, Count]) -> dict[Flow, Count]:
    """What is new; a flow that was forgotten meanwhile counts from nothing."""
    out: dict[Flow, Count] = {}
    for flow, count in now.items():
        old = before.get(flow, Count())
        if count.packets < old.packets:
            old = Count()
        if count.packets > old.packets:
            out[flow] = Count(count.packets - old.packets, count.bytes - old.bytes, count.flags & ~old.flags if old.packets else count.flags)
    return out


def added(*parts: Iterable[tuple[Flow, Count]]) -> dict[Flow, Count]:
    out: dict[Flow, Count] = {}
    for part in parts:
        for flow, count in part:
            old = out.get(flow, Count())
            out[flow] = Count(old.packets + count.packets, old.bytes + count.bytes, old.flags | count.flags)
    return out
