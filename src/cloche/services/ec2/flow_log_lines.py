"""The words of a flow log: what each field of a format says of a flow. Pure."""
from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from cloche.engines.net.flows import Count, Flow
from cloche.engines.net.topology import Interface, Topology

DEFAULT = ("${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}")
FIELD = re.compile(r"\$\{([a-z-]+)\}")
# field -> the version of the format that brought it
VERSIONS = {
    **dict.fromkeys(FIELD.findall(DEFAULT), 2),
    **dict.fromkeys(("vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr"), 3),
    **dict.fromkeys(("region", "az-id", "sublocation-type", "sublocation-id"), 4),
    **dict.fromkeys(("pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path"), 5),
    **dict.fromkeys(("ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn", "ecs-container-instance-id", "ecs-container-id", "ecs-second-container-id", "ecs-service-name",
                     "ecs-task-definition-arn", "ecs-task-arn", "ecs-task-id"), 7),
    "reject-reason": 8,
}


class Line(Struct, frozen=True):
    """A flow in its surroundings. Without a flow: there was no traffic."""
    topology: Topology
    interface: Interface
    start: int
    end: int
    zone_id: str
    version: int
    flow: Flow | None = None
    count: Count = Count()

    def own(self, address: str) -> bool:
        return any(address == one.private for one in self.interface.addresses) or address in self.interface.addresses6


def _src(line: Line) -> str:
    """Of what an interface passes on for others the line names the interface; the packet's own address is pkt-srcaddr."""
    assert line.flow is not None
    return line.interface.private if line.flow.way == "o" and not line.own(line.flow.source) and ":" not in line.flow.source else line.flow.source


def _dst(line: Line) -> str:
    assert line.flow is not None
    return line.interface.private if line.flow.way == "i" and not line.own(line.flow.destination) and ":" not in line.flow.destination else line.flow.destination


def _path(line: Line) -> str:
    """By what egress traffic left: 1 inside the VPC, 3 virtual private gateway, 4/5 peering in the region and between regions, 7 gateway endpoint, 8 internet gateway."""
    from cloche.engines.net import match
    flow = line.flow
    if flow is None or flow.way != "o":
        return "-"
    vpc, subnet = line.topology.vpcs[line.interface.vpc], line.topology.subnets[line.interface.subnet]
    found = match.route(line.topology, vpc, subnet.table, flow.destination)
    target = found[1].target if found else ""
    if target.startswith("pcx-"):
        peering = line.topology.peerings.get(target)
        return "4" if peering is None or peering.same_region else "5"
    return {"local": "1", "nat": "1", "eni": "1", "vgw": "3", "vpce": "7", "igw": "8", "eigw": "8"}.get(target.split("-", 1)[0], "-")


# what is said of the interface even where there was no traffic
ALWAYS: dict[str, Callable[[Line], object]] = {
    "version": lambda x: x.version, "account-id": lambda x: x.interface.account, "interface-id": lambda x: x.interface.id, "start": lambda x: x.start, "end": lambda x: x.end,
    "log-status": lambda x: "OK" if x.flow else "NODATA", "vpc-id": lambda x: x.interface.vpc, "subnet-id": lambda x: x.interface.subnet, "instance-id": lambda x: x.interface.instance or "-",
    "region": lambda x: x.topology.vpcs[x.interface.vpc].region, "az-id": lambda x: x.zone_id,
}
FLOWS: dict[str, Callable[[Line, Flow], object]] = {
    "srcaddr": lambda x, f: _src(x), "dstaddr": lambda x, f: _dst(x), "srcport": lambda x, f: f.source_port, "dstport": lambda x, f: f.port, "protocol": lambda x, f: f.protocol,
    "packets": lambda x, f: x.count.packets, "bytes": lambda x, f: x.count.bytes, "action": lambda x, f: f.action, "tcp-flags": lambda x, f: x.count.flags,
    "type": lambda x, f: "IPv6" if ":" in f.source else "IPv4", "pkt-srcaddr": lambda x, f: f.source, "pkt-dstaddr": lambda x, f: f.destination,
    "flow-direction": lambda x, f: "egress" if f.way == "o" else "ingress", "traffic-path": lambda x, f: _path(x),
}


def unknown(words: str) -> str:
    """The first thing in a format that is no field; "" if it is a good one."""
    if not FIELD.search(words):
        return words
    return next((name for name in FIELD.findall(words) if name not in VERSIONS), "") or FIELD.sub("", words).strip()


def version(words: str) -> int:
    return max(VERSIONS[name] for name in FIELD.findall(words))


def written(words: str, line: Line) -> str:
    def say(name: str) -> str:
        if name in ALWAYS:
            return str(ALWAYS[name](line))
        return str(FLOWS[name](line, line.flow)) if line.flow is not None and name in FLOWS else "-"
    return " ".join(say(name) for name in FIELD.findall(words))


def header(words: str) -> str:
    return " ".join(FIELD.findall(words))
