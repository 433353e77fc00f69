"""Private integrations of REST APIs: over a VPC link to a Network Load Balancer, or over one with interfaces of its own (`apigatewayv2`) to either kind."""
from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

from cloche.engines.fetch import Unreachable
from cloche.engines.world import WorldError
from cloche.services.ec2 import public as ec2
from cloche.services.elbv2 import public as elbv2

from ..vpc_links import VpcLink
from .exchange import Exchange
from .templates import interpolated

CONNECT_SECONDS = 5.0


async def connect(x: Exchange, it: dict[str, Any], url: str) -> socket.socket:
    """A connected socket; the URL says only the port, and what the Host header shall be."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Unreachable(str(error)) from None
    link_id = interpolated(it.get("connectionId") or "", x.variables)
    if target := it.get("integrationTarget"):
        from cloche.services.apigatewayv2 import public as http_apis
        balancer = elbv2.find(x.call, interpolated(target, x.variables))
        if balancer is None:
            raise Unreachable(f"{target} is no load balancer")
        at = elbv2.port_of(x.call, target)
        return await http_apis.dial(x.call, link_id, balancer, at[0] if at else port)
    link = x.call.get(VpcLink, link_id)
    balancer = elbv2.find(x.call, link.values["targetArns"][0]) if link is not None and link.status == "AVAILABLE" else None
    if balancer is None:
        raise Unreachable(f"VPC link {link_id} is not available")
    return await over_private_link(x, balancer, port)


async def over_private_link(x: Exchange, balancer: Any, port: int) -> socket.socket:
    for node in await elbv2.doors(x.call, balancer):
        try:
            world = await ec2.plugged_in(x.call.as_root(), node.interface)
            sock: socket.socket = await world.socket(node.interface, "tcp", node.private, 0, backlog=0)
        except (ec2.Unavailable, WorldError) as lacking:
            raise Unreachable(str(lacking)) from None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (node.private, port))
        except (OSError, TimeoutError):
            sock.close()
            continue
        return sock
    raise Unreachable(f"no node of {balancer.name} answers at port {port}")
