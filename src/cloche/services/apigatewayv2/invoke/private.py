"""Private integrations: a connection that begins at one of a VPC link's interfaces and ends at a node of a load balancer."""
from __future__ import annotations

import asyncio
import socket
from typing import Any

from cloche.engines.fetch import Unreachable
from cloche.engines.world import WorldError
from cloche.kernel import Call
from cloche.services.ec2 import public as ec2
from cloche.services.elbv2 import public as elbv2

from ..vpc_links import VpcLink

CONNECT_SECONDS = 5.0


async def connect(call: Call, link_id: str, balancer: Any, port: int) -> socket.socket:
    """Raises Unreachable: no such link, no network here, or nobody lets it in."""
    here = call.of("apigatewayv2")
    link = here.get(VpcLink, link_id)
    if link is None or link.status != "AVAILABLE":
        raise Unreachable(f"VPC link {link_id} is not available")
    nodes = await elbv2.doors(call, balancer)
    plugs = [ec2.interface(call.as_root(), id_) for id_ in link.interfaces]
    try:
        world = await ec2.plugged_in(call.as_root(), *link.interfaces)
    except ec2.Unavailable as lacking:
        raise Unreachable(str(lacking)) from None
    zones = {one.zone for one in plugs}
    for node in sorted(nodes, key=lambda node: node.zone not in zones):
        begin = next((one for one in plugs if one.zone == node.zone), plugs[0])
        if (made := await dialled(world, begin.id, begin.private, node.private, port)) is not None:
            return made
    raise Unreachable(f"no node of {balancer.name} answers at port {port}")


async def dialled(world: Any, space: str, origin: str, address: str, port: int) -> socket.socket | None:
    try:
        sock: socket.socket = await world.socket(space, "tcp", origin, 0, backlog=0)
    except WorldError:
        return None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except (OSError, TimeoutError):
        sock.close()
        return None
    return sock
