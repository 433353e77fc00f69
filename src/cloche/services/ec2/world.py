"""The one world of a cloud: started at the first word that needs it, ended with the cloud. Everything real of EC2 and its neighbours is in it.

    held = await world.start(call)        raises world.Unavailable, whose text says what to do
    held = world.running(call)            None where it does not run (yet)
"""
from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from cloche.engines.net.topology import PUBLIC
from cloche.engines.world import Unavailable, World, WorldError, lacking, uplink
from cloche.kernel import Call, Record

log = logging.getLogger("cloche")

__all__ = ["Unavailable", "World", "lacks", "none", "of", "running", "start"]

# Told when a world has been started, also after the death of an earlier one: whoever has something in it puts it there (again)
STARTED: list[Callable[[Call], None]] = []
# Asked before a machine boots: f(call, instance id) returns when the machine's namespace is as the records want it
READY: list[Callable[[Call, str], Awaitable[None]]] = []
# What every machine's processes find in their environment: f(call, instance id) -> variables
ENVIRONMENT: list[Callable[[Call, str], dict[str, str]]] = []


def none(call: Call) -> bool:
    """`cloche up --compute none`."""
    return call.cloud.memory.get("compute") == "none"


def of(call: Call) -> World:
    cloud = call.cloud
    found: World | None = cloud.memory.get("world")
    if found is None:
        found = cloud.memory["world"] = World(Path(cloud.data) / "world", trust=Path(cloud.data) / "ca.pem")
        cloud.closers.append(found.close)
    return found


def running(call: Call) -> World | None:
    found: World | None = call.cloud.memory.get("world")
    return found if found is not None and found.running else None


async def start(call: Call) -> World:
    if none(call):
        raise Unavailable("This cloud was started with `--compute none`: it has no networks and no machines.")
    held = of(call)
    if not held.running:
        async with call.cloud.memory.setdefault("world.starting", asyncio.Lock()):  # who comes second must not tell of a start that was the first one's
            if not held.running:
                await held.start()
                await _reached(call, held)
                for tell in STARTED:
                    tell(call)
    return held


class Range(Record, frozen=True):
    """Which public addresses are this cloud's own: two clouds on one machine do not have the same."""
    kind = "ec2.public-range"
    scope = "cloud"

    cidr: str

    @property
    def key(self) -> str:
        return "public"


def public_range(call: Call) -> ipaddress.IPv4Network:
    """Chosen once, where the host has no route yet; the first of all where nobody will ever ask the host."""
    found = call.get(Range, "public")
    if found is None:
        found = Range(uplink.free(PUBLIC) if os.geteuid() == 0 and not none(call) and not lacking() else uplink.first(PUBLIC))
        call.put(found)
    return ipaddress.IPv4Network(found.cidr)


async def _reached(call: Call, held: World) -> None:
    """The host's way to the public addresses; without it everything else works, and the log says so."""
    with call.step():
        wanted = str(public_range(call))
    try:
        await held.uplink(wanted)
        call.cloud.memory["world.uplink"] = wanted
    except WorldError as error:
        log.warning("%s", error)


def lacks(call: Call) -> str:
    """Why there can be no world here, with what to do; "" if nothing is known to be wrong."""
    if running(call):
        return ""
    return str(call.cloud.memory.get("world.unavailable") or lacking())
