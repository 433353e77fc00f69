"""The world: one holder process in namespaces of its own, and in it everything real: networks, machines, volumes. When it ends, the kernel ends all.

    world = World(data); await world.start(); await world.namespace("vpc-1"); code, out, err = await world.run("vpc-1", ["ip", "-j", "link"])
"""
from . import containers, uplink
from .containers import Container
from .line import WorldError
from .machines import Attachment, Machine
from .world import Unavailable, World, lacking

__all__ = ["Attachment", "Container", "Machine", "Unavailable", "World", "WorldError", "containers", "lacking", "uplink"]
