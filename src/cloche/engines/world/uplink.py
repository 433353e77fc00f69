"""The way from the host to the public side: a veth from the host's network to the `internet` namespace, and one route. Only as root.

The host is a client on that internet and nothing more: connections go in, none comes out, so that no instance reaches what the host listens at. The kernel
takes link and route away with the namespace. A range whose route another Cloche of this machine has is not taken from it: then its half is tried, and so on,
and in the end there is no way, which is said.
"""
from __future__ import annotations

import asyncio
import ipaddress
import itertools
import json
import os
import subprocess
from typing import TYPE_CHECKING

from .line import WorldError

if TYPE_CHECKING:
    from .world import World

INTERNET = "internet"
HOSTS = [ipaddress.ip_network(one) for one in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24")]  # for the link itself: RFC 5737, which nobody routes either
RULES = """\
add table inet uplink
delete table inet uplink
table inet uplink {
  chain forward { type filter hook forward priority -200; oifname "uplink" ct state != { established, related } drop; }
  chain output { type filter hook output priority -200; oifname "uplink" ct state != { established, related } drop; }
}
"""
_count = itertools.count(1)


async def join(world: World, wanted: str) -> None:
    """From now on the host reaches that range. Raises WorldError with the reason where there is no way."""
    if world.rootless:
        raise WorldError("The host reaches public addresses only where Cloche runs as root; balancers and APIs are reached by their names on Cloche's own port.")
    await world.namespace(INTERNET)
    taken = await asyncio.to_thread(routes)
    if any(ipaddress.IPv4Network(wanted).overlaps(route) for route in taken):
        raise WorldError(f"The host's routes to {wanted} belong to others, other Cloches perhaps: public addresses are not reached from the host.")
    link = f"cloche{os.getpid()}.{next(_count)}"[-15:]
    here, there = ends(taken)
    await asyncio.to_thread(ip, f"link add dev {link} type veth peer name uplink netns {world.pid}\n")
    try:
        await world.move("uplink", "", INTERNET)
        for command in (["ip", "-batch", "-"], ["nft", "-f", "-"]):
            text = f"addr add {there}/31 dev uplink\nlink set dev uplink up\n" if command[0] == "ip" else RULES
            code, _, err = await world.run(INTERNET, command, text.encode())
            if code:
                raise WorldError(err.decode(errors="replace").strip())
        await asyncio.to_thread(ip, f"addr add {here}/31 dev {link}\nlink set dev {link} up\nroute add {wanted} via {there} dev {link} src {here}\n")
    except WorldError:
        await asyncio.to_thread(subprocess.run, ["ip", "link", "del", "dev", link], capture_output=True, check=False)
        raise

def first(pool: str, bits: int = 20) -> str:
    return str(next(ipaddress.IPv4Network(pool).subnets(new_prefix=bits)))


def free(pool: str, bits: int = 20) -> str:
    """A part of the pool to which the host has no route: for a new Cloche's own public addresses. Any part, if all are taken: then there is no way to it."""
    taken = routes()
    parts = list(ipaddress.IPv4Network(pool).subnets(new_prefix=bits))
    return str(next((one for one in parts if not any(one.overlaps(route) for route in taken)), parts[0]))


def ends(taken: list[ipaddress.IPv4Network]) -> tuple[str, str]:
    """Two addresses for a link that no other link of the host has."""
    for pair in (pair for net in HOSTS for pair in net.subnets(new_prefix=31)):
        if not any(pair.overlaps(route) for route in taken):
            return str(pair[0]), str(pair[1])
    raise WorldError("There are too many Cloches on this machine: no address is left for another link.")


def routes() -> list[ipaddress.IPv4Network]:
    """To where the host has routes, the default one aside."""
    said = subprocess.run(["ip", "-j", "-4", "route", "show", "table", "main"], capture_output=True, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).stdout
    return [ipaddress.IPv4Network(one["dst"], strict=False) for one in json.loads(said or "[]") if one["dst"] != "default"]


def ip(text: str) -> None:
    done = subprocess.run(["ip", "-batch", "-"], input=text.encode(), capture_output=True, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode:
        raise WorldError(done.stderr.decode(errors="replace").strip())
