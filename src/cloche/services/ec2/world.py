"""The one world of a cloud: started at the first word that needs it, ended with the cloud. Everything real of EC2 and its neighbours is in it.

    held = await world.start(call)        raises world.Unavailable, whose text says what to do
    held = world.running(call)            None where it does not run (yet)
"""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from cloche.engines.world import Unavailable, World, lacking
from cloche.kernel import Call

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
    fresh = not held.running
    await held.start()
    if fresh:
        for tell in STARTED:
            tell(call)
    return held


def lacks(call: Call) -> str:
    """Why there can be no world here, with what to do; "" if nothing is known to be wrong."""
    if running(call):
        return ""
    return str(call.cloud.memory.get("world.unavailable") or lacking())
