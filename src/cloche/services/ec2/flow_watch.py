"""What another service (GuardDuty) reads of an account's traffic: the kernel's counters, as a flow log of its own for every VPC that nobody sees. Only where it was asked for."""
from __future__ import annotations

from collections.abc import Iterator

from cloche.engines.net import topology as net
from cloche.engines.net.flows import Count, Flow
from cloche.engines.net.topology import Interface
from cloche.kernel import Call, Record

from . import network, network_map
from .vpcs import Vpc

PREFIX = "watch:"


class Watch(Record, frozen=True):
    """The traffic of this account and region is looked at."""

    kind = "ec2.flow-watch"

    @property
    def key(self) -> str:
        return "watch"


def _wanted(call: Call) -> Iterator[net.FlowLog]:
    if call.get(Watch, "watch"):
        for vpc in call.all(Vpc):
            yield net.FlowLog(PREFIX + vpc.id, vpc.id)


network_map.SOURCES.append(_wanted)


def turn(call: Call, on: bool) -> None:
    there = call.get(Watch, "watch")
    if on != (there is not None):
        if there is None:
            call.put(Watch())
        else:
            call.delete(there)
        network.changed(call)


async def take(call: Call) -> list[tuple[Interface, Flow, Count]]:
    """What was carried and refused since it was asked last, at interfaces that stand."""
    from . import flow_log_delivery
    engine = network.standing(call)
    if engine is None:
        return []
    await flow_log_delivery.count(engine)
    out = []
    for vpc in call.all(Vpc):
        for flow, many in engine.counted.pop(PREFIX + vpc.id, {}).items():
            if interface := engine.topology.interfaces.get(flow.interface):
                out.append((interface, flow, many))
    return out
