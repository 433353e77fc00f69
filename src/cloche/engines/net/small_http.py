"""A small HTTP server for a socket in a namespace: whole requests, whole answers, and a say about the TTL of the packets that carry them.

The metadata service needs the last: with a TTL of 1 an answer reaches the machine that asked, and nobody behind it.
"""
from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

import httptools
from msgspec import Struct

BODY_LIMIT = 64 << 10
IDLE_SECONDS = 60.0
TTL = 64
REASONS = {200: "OK", 301: "Moved Permanently", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Not Allowed", 413: "Payload Too Large", 500: "Internal Server Error"}
log = logging.getLogger("cloche")


class Asked(Struct):
    method: str
    path: str
    headers: dict[str, str]
    peer: str                     # the address it came from


class Answer(Struct):
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    ttl: int = TTL


class Connection(asyncio.Protocol):
    def __init__(self, respond: Callable[[Asked], Awaitable[Answer]], date: Callable[[], str]) -> None:
        self.respond, self.date = respond, date
        self.waiting: asyncio.Queue[tuple[Asked, bool]] = asyncio.Queue()
        self.fresh()

    def fresh(self) -> None:
        self.target, self.headers, self.size = b"", {}, 0  # type: ignore[var-annotated]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.peer = transport.get_extra_info("peername")[0]
        self.parser = httptools.HttpRequestParser(self)
        self.task = asyncio.get_running_loop().create_task(self.work())

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.task.cancel()

    def on_message_begin(self) -> None:
        self.fresh()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        if self.size > BODY_LIMIT:
            self.transport.close()

    def on_message_complete(self) -> None:
        asked = Asked(self.parser.get_method().decode("latin-1"), self.target.decode("latin-1"), self.headers, self.peer)
        self.waiting.put_nowait((asked, bool(self.parser.should_keep_alive())))

    async def work(self) -> None:
        while True:
            try:
                asked, stay = await asyncio.wait_for(self.waiting.get(), IDLE_SECONDS)
            except TimeoutError:
                break
            try:
                answer = await self.respond(asked)
            except Exception:  # our bug: the client hears of it, the log has it whole
                log.exception("%s %s", asked.method, asked.path)
                answer = Answer(500)
            self.limit(answer.ttl)
            lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}", f"Date: {self.date()}", f"Content-Length: {len(answer.body)}",
                     *(f"{name}: {value}" for name, value in answer.headers), "Connection: " + ("keep-alive" if stay else "close")]
            self.transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if asked.method == "HEAD" else answer.body))
            if not stay:
                break
        self.transport.close()

    def limit(self, ttl: int) -> None:
        sock: socket.socket = self.transport.get_extra_info("socket")
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)


async def serve(sock: socket.socket, respond: Callable[[Asked], Awaitable[Answer]], date: Callable[[], str]) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Connection(respond, date), sock=sock)
