"""Bytes and datagrams passed on as they are: what a Network Load Balancer does. Both ways, with back pressure, until both sides have ended or are silent too long."""
from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Awaitable, Callable
from typing import Any

Connect = Callable[[Any], Awaitable[tuple[Any, str, int, bytes]]]   # of (client's address) -> socket, address, port, what goes first; raises OSError


class Half(asyncio.Protocol):
    """One side of a pipe. What it hears, its peer says."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.peer: Half | None = None
        self.transport: Any = None
        self.kept = b""
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.pipe.made(self)

    def data_received(self, data: bytes) -> None:
        self.pipe.heard(len(data), self)
        if self.peer is None or self.peer.transport is None:
            self.kept += data
        else:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        peer = self.peer
        if peer is not None and peer.transport is not None:
            if peer.transport.can_write_eof() and not peer.transport.is_closing():
                peer.transport.write_eof()
                return not peer.ended
            peer.transport.close()
        return False

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.pipe.lost(self, error)


class Pipe:
    """A client's connection, and the one to a target that answers it."""

    def __init__(self, connect: Connect, idle: float, seconds: float, ssl: tls.SSLContext | None = None, on_end: Callable[[Pipe], None] | None = None) -> None:
        self.connect, self.idle, self.seconds, self.ssl, self.on_end = connect, idle, seconds, ssl, on_end
        self.client, self.target = Half(self), Half(self)
        self.client.peer, self.target.peer = self.target, self.client
        self.counts = {id(self.client): 0, id(self.target): 0}
        self.timer: asyncio.TimerHandle | None = None
        self.began = asyncio.get_running_loop().time()
        self.task: asyncio.Future[None] | None = None
        self.where: tuple[str, int] = ("", 0)
        self.over = False

    def made(self, half: Half) -> None:
        if half is self.client:
            half.transport.pause_reading()
            self.task = asyncio.ensure_future(self._dial())
        self._restart()

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sock, address, port, first = await self.connect(self.client.transport.get_extra_info("peername"))
            self.where = (address, port)
            async with asyncio.timeout(self.seconds):
                await loop.sock_connect(sock, (address, port))
                await loop.create_connection(lambda: self.target, sock=sock, ssl=self.ssl, server_hostname=address if self.ssl else None)
        except (OSError, TimeoutError):
            self.client.transport.abort()                  # a reset, as AWS answers for a target that does not
            return
        if first or self.client.kept:
            self.target.transport.write(first + self.client.kept)
        if not self.client.transport.is_closing():
            self.client.transport.resume_reading()

    def heard(self, count: int, half: Half) -> None:
        self.counts[id(half)] += count
        self._restart()

    def _restart(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if not self.over:
            self.timer = asyncio.get_running_loop().call_later(self.idle, self.abort)

    def abort(self) -> None:
        for half in (self.client, self.target):
            if half.transport is not None:
                half.transport.abort()

    def lost(self, half: Half, error: Exception | None) -> None:
        other = self.target if half is self.client else self.client
        if other.transport is not None and not other.transport.is_closing():
            other.transport.abort() if error else other.transport.close()
        if half is self.client and not self.over:
            self.over = True
            if self.timer is not None:
                self.timer.cancel()
            if self.task is not None and not self.task.done():
                self.task.cancel()
            if self.on_end is not None:
                self.on_end(self)

    @property
    def received(self) -> int:
        return self.counts[id(self.client)]

    @property
    def sent(self) -> int:
        return self.counts[id(self.target)]


class Datagrams(asyncio.DatagramProtocol):
    """A UDP listener: each client's flow has a socket of its own towards its target, and what comes back there goes to that client."""

    def __init__(self, connect: Connect, idle: float) -> None:
        self.connect, self.idle = connect, idle
        self.transport: Any = None
        self.flows: dict[Any, Flow] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, client: Any) -> None:
        flow = self.flows.get(client)
        if flow is None:
            flow = self.flows[client] = Flow(self, client)
        flow.send(data)

    def close(self) -> None:
        for flow in list(self.flows.values()):
            flow.end()
        if self.transport is not None:
            self.transport.close()


class Flow(asyncio.DatagramProtocol):
    def __init__(self, owner: Datagrams, client: Any) -> None:
        self.owner, self.client = owner, client
        self.kept: list[bytes] = []
        self.transport: Any = None
        self.timer: asyncio.TimerHandle | None = None
        self.task = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sock, address, port, _ = await self.owner.connect(self.client)
            await loop.sock_connect(sock, (address, port))
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except OSError:
            self.end()
            return
        for data in self.kept:
            self.transport.sendto(data)
        self.kept.clear()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, data: bytes) -> None:
        self._restart()
        if self.transport is None:
            if len(self.kept) < 100:
                self.kept.append(data)
        else:
            self.transport.sendto(data)

    def datagram_received(self, data: bytes, _: Any) -> None:
        self._restart()
        self.owner.transport.sendto(data, self.client)

    def _restart(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(self.owner.idle, self.end)

    def end(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.transport is not None:
            self.transport.close()
        if self.task is not asyncio.current_task():
            self.task.cancel()
        self.owner.flows.pop(self.client, None)
