"""AWS's hosts by name, for environments whose own network holds nothing but Cloche: a resolver, and the doors that it leads to.

The sockets are made inside with the environment and handed out; the doors are opened when somebody first asks for a name, so that who asks for none pays nothing.
"""
from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from cloche.engines.net import dns

PORTS, RESOLVER = (80, 443), 53
OURS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".cloudfront.net", ".localhost")
Serve = Callable[[socket.socket], Awaitable[Any]]


class Names:
    def __init__(self, plain: socket.socket, secure: socket.socket, serve: Serve, serve_secure: Serve) -> None:
        self.doors: list[tuple[Serve, socket.socket]] = [(serve, plain), (serve_secure, secure)]
        self.opening: asyncio.Future[list[Any]] | None = None
        self.transport: Any = None

    async def listen(self, asked: socket.socket) -> Names:
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: dns.Datagrams(self.resolve), sock=asked)
        return self

    async def resolve(self, query: dns.Query, asker: str) -> dns.Reply:
        if not f".{query.name.lower().rstrip('.')}".endswith(OURS):
            return dns.Reply("NXDOMAIN")
        if query.type != "A":
            return dns.Reply()
        if self.opening is None:
            self.opening = asyncio.gather(*[serve(sock) for serve, sock in self.doors])
        await self.opening
        return dns.Reply(records=((query.name, "A", 60, "127.0.0.1"),))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
        if self.opening is None:
            for _, sock in self.doors:
                sock.close()
        elif self.opening.done() and not self.opening.cancelled() and self.opening.exception() is None:
            for served in self.opening.result():
                served.close()
