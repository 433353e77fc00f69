"""The one door between the records and the network that carries packets.

Whatever changes what a packet may meet says `changed`. Nothing happens then as long as nobody has a machine (or another thing with a namespace): the first `ready`
starts the world. From then on the networks of those who asked are read, compiled and applied after every change. What is read is all that one account has in one region, never a hint.
"""
from __future__ import annotations

import asyncio
import logging
from typing import Any

from cloche.engines.net import flows
from cloche.engines.net.apply import Network, Refused
from cloche.engines.net.compile import Compiled, Part, compile
from cloche.engines.net.flows import Count, Flow
from cloche.engines.net.topology import Topology
from cloche.engines.world import Unavailable, World, WorldError
from cloche.kernel import Call

from . import service as ec2
from . import world

CHANGED = "ec2.network"            # signalled with every change of the records
SETTLED = "ec2.network.settled"    # rung when the kernel has what was wanted; namespaces may have come or gone
# What listens in namespaces (AWS's services, resolvers, metadata): f(world) -> something with `leave(spaces)` before, and `settle(call, topology, compiled)` after each change
DOORS: list[Any] = []
log = logging.getLogger("cloche")
__all__ = ["CHANGED", "SETTLED", "Unavailable", "changed", "ready", "spaces", "standing", "topology",]


def changed(call: Call) -> None:
    """Something that the data plane depends on is different now."""
    call.signal(CHANGED)
    engine: Engine | None = call.cloud.memory.get(CHANGED)
    if engine is not None and (call.account, call.region) in engine.parts:
        engine.stale.add((call.account, call.region))
        call.of("ec2").wake(settle)


def changed_beside(call: Call) -> None:
    """Something that other accounts may use, too (what is shared with them): theirs in this region is read anew."""
    engine = standing(call)
    for account, region in list(engine.parts) if engine is not None else ():
        if region == call.region and account != call.account:
            changed(call.at(account, region))


@ec2.worker
async def settle(call: Call, key: str) -> None:
    """Until the kernel has what the records say."""
    engine: Engine | None = call.cloud.memory.get(CHANGED)
    if engine is not None:
        await engine.settle(call)


async def ready(call: Call, *owners: str) -> None:
    """Until each of these has its namespace (named like it: an instance's id, an interface's id) with its interfaces in it and its rules around it. No workload starts
    before. Raises Unavailable where there is no network to be had, LookupError if the records do not want one of them."""
    found = await world.start(call)
    engine = standing(call)
    if engine is None:
        engine = call.cloud.memory[CHANGED] = Engine(found)
        call.cloud.closers.append(engine.close)
    engine.parts.setdefault((call.account, call.region), {})
    engine.stale.add((call.account, call.region))
    again = [one for one in owners if one in engine.network.plan.spaces]
    await engine.settle(call)
    for one in again:                    # a machine that boots once more finds its network as DHCP would set it up, whatever it did to it
        await engine.network.refresh(one)
    if absent := [one for one in owners if one not in engine.network.plan.spaces]:
        raise LookupError(f"no network is wanted for {', '.join(absent)}")


world.READY.append(ready)


def _again(call: Call) -> None:
    """The holder died and another was started: nothing stands. (Whoever else waited for the first start says so too.)"""
    if (engine := standing(call)) is not None and engine.holder != engine.world.pid:
        engine.close()
        call.cloud.memory.pop(CHANGED)


world.STARTED.append(_again)


def standing(call: Call) -> Engine | None:
    """What carries packets now; None while nobody needs it."""
    return call.cloud.memory.get(CHANGED)


def spaces(call: Call) -> set[str]:
    """The namespaces that stand."""
    engine = standing(call)
    return set(engine.network.plan.spaces) if engine is not None else set()


def topology(call: Call, *more: tuple[str, str]) -> Topology:
    """The network of this account and region (and of others), and of those that it reaches, as it is wanted now; for who explains it."""
    from . import network_map
    parts: dict[tuple[str, str], Any] = {}
    todo = [(call.account, call.region), *more]
    while todo:
        scope = todo.pop()
        if scope not in parts:
            there = call.at(*scope)
            parts[scope] = network_map.read(there, {})
            todo += network_map.reaches(there)
    return network_map.joined(parts.values())


class Engine:
    """What stands in the kernel, and which accounts and regions it was made for."""

    def __init__(self, held: World) -> None:
        self.world, self.holder = held, held.pid
        self.network = Network(held)
        self.compiled = Compiled()
        self.topology = Topology()
        self.parts: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        self.kept: dict[tuple[str, str], dict[str, tuple[Any, Any]]] = {}
        self.stale: set[tuple[str, str]] = set()
        self.lock = asyncio.Lock()
        self.doors = [make(held) for make in DOORS]
        self.seen: dict[str, dict[Flow, Count]] = {}       # VPC -> its counters when they were read last
        self.counted: dict[str, dict[Flow, Count]] = {}    # flow log -> what it has not written yet

    def close(self) -> None:
        for door in self.doors:
            door.leave(())

    async def settle(self, call: Call) -> None:
        from . import flow_log_delivery, network_map
        async with self.lock:
            while self.stale:
                stale, self.stale = self.stale, set()
                todo = list(stale)
                while todo:
                    scope = todo.pop()
                    there = call.of("ec2").at(*scope)
                    self.parts[scope] = network_map.read(there, self.kept.setdefault(scope, {}))
                    fresh = {other for other in network_map.reaches(there) if other not in stale and (other not in self.parts or scope in stale)}
                    todo += fresh - set(todo)       # the other side of a peering says the same of it, or has never been looked at
                topology = network_map.joined(self.parts.values())
                compiled = compile(topology, self.compiled)
                if any(self._forgets(part, compiled.parts.get(vpc)) for vpc, part in self.compiled.parts.items()):
                    await flow_log_delivery.count(self)
                self.topology, self.compiled = topology, compiled
                for door in self.doors:
                    door.leave(self.compiled.plan.spaces)
                try:
                    await self.network.become(self.compiled.plan)
                except Refused as trouble:
                    log.error("the network: %s", trouble)
                for scope in [scope for scope, part in self.parts.items() if scope not in self.stale and not any(one.up for one in part.get("interfaces", {}).values())]:
                    del self.parts[scope]            # nothing runs there any more: its changes are nobody's business until something does
                    self.kept.pop(scope, None)
                for door in self.doors:
                    try:
                        await door.settle(call, self.topology, self.compiled)
                    except (WorldError, OSError) as trouble:
                        log.error("the network's listeners: %s", trouble)
        call.cloud.work.ring(SETTLED)

    def _forgets(self, old: Part, new: Part | None) -> bool:
        """Whether counters are about to go."""
        return flows.counting(old.space.rules) and (new is None or (new is not old and not old.space.rules.sets.keys() <= new.space.rules.sets.keys()))
