"""Many behind one interface of a VPC, as Lambda's Hyperplane does it: each gets a network of its own, with one way out, through the interface and under its address.

The interface's namespace forwards and translates. Nothing begins from the VPC's side, and none of those behind it reaches another, nor the metadata service.
"""
from __future__ import annotations

import asyncio
import logging

from ..world import World, WorldError
from .plan import MTU

PAIRS = 1 << 14      # /31s in 169.254.0.0/17: of addresses that no VPC has
SYSCTLS = {"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/send_redirects": 0, "net/ipv4/conf/default/send_redirects": 0, "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0}
RULES = """\
add table ip hyperplane
delete table ip hyperplane
table ip hyperplane {
  chain input { type filter hook input priority filter; policy drop; ct state established,related accept; icmp type { destination-unreachable, time-exceeded } accept; }
  chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; ip daddr 169.254.169.254 drop; iifname "fn*" oifname "eth*" accept; }
  chain nat { type nat hook postrouting priority srcnat; oifname "eth*" masquerade; }
}
"""
log = logging.getLogger("cloche")


class Hyperplane:
    def __init__(self) -> None:
        self.used: set[int] = set()
        self.next = 0
        self.serial = 0
        self.prepared: dict[tuple[int, str], asyncio.Future[None]] = {}  # (holder, interface)
        self.leaving: set[asyncio.Task[None]] = set()

    async def join(self, world: World, interface: str) -> Way:
        """A new network behind an interface that is plugged in. Raises WorldError."""
        key = (world.pid, interface)
        made = self.prepared.get(key)
        if made is None or (made.done() and made.exception()):
            made = self.prepared[key] = asyncio.ensure_future(self._prepare(world, interface))
        await asyncio.shield(made)
        if len(self.used) >= PAIRS:
            raise WorldError("There are too many environments in VPCs.")
        while self.next in self.used:
            self.next = (self.next + 1) % PAIRS
        number, self.next = self.next, (self.next + 1) % PAIRS
        self.serial += 1
        way = Way(self, world, f"fn-{self.serial}", number, interface)
        self.used.add(number)
        try:
            await self._connect(way, interface)
        except BaseException:
            way.leave()
            raise
        return way

    async def _prepare(self, world: World, interface: str) -> None:
        await world.sysctl(interface, **SYSCTLS)
        await said(world, interface, ["nft", "-f", "-"], RULES)

    async def _connect(self, way: Way, interface: str) -> None:
        world, name = way.world, way.name
        await world.namespace(name)
        outer, inner = address(way.number * 2), address(way.number * 2 + 1)
        link = name.replace("-", "")
        await said(world, interface, ["ip", "-batch", "-"],
                   f"link add name {link} mtu {MTU} type veth peer name eth0 mtu {MTU} netns {name}\naddr add {outer}/31 dev {link}\nlink set dev {link} up\n")
        await said(world, name, ["ip", "-batch", "-"], f"addr add {inner}/31 dev eth0\nlink set dev eth0 up\nroute add default via {outer}\n")

    def forget(self, interface: str) -> None:
        """It is gone: one of the same name would be another."""
        for key in [key for key in self.prepared if key[1] == interface]:
            del self.prepared[key]


class Way:
    """The network of one environment. It ends with `leave`, once no process is left in it."""

    def __init__(self, plane: Hyperplane, world: World, name: str, number: int, interface: str) -> None:
        self.plane, self.world, self.name, self.number, self.holder = plane, world, name, number, world.pid
        self.interface = interface

    @property
    def alive(self) -> bool:
        return self.world.running and self.world.pid == self.holder

    async def descriptor(self) -> int:
        return await self.world.descriptor(self.name)

    def leave(self) -> None:
        self.plane.leaving.add(task := asyncio.ensure_future(self._leave()))
        task.add_done_callback(self.plane.leaving.discard)

    async def _leave(self) -> None:
        try:
            if self.alive:
                await self.world.drop(self.name)
        except WorldError as error:
            log.warning("the network %s of a function: %s", self.name, error)
        finally:
            self.plane.used.discard(self.number)


def address(number: int) -> str:
    return f"169.254.{number >> 8}.{number & 255}"


async def said(world: World, name: str, argv: list[str], text: str) -> None:
    code, _, err = await world.run(name, argv, text.encode())
    if code:
        raise WorldError(f"{name}: {err.decode(errors='replace').strip()}")
