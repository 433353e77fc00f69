"""HTTP/1.1 on one event loop: httptools parses, `handle(request, send)` answers, in the order in which requests came.

A body of at most `COLLECT` bytes is collected before anybody sees the request. A longer one is a stream with back pressure: the
socket is not read while its reader has more than `AHEAD` bytes waiting.
"""
from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

import httptools

from ..wire.http import FileBody, Request, Response

COLLECT = 1 << 20
AHEAD = 4 << 20
HEAD_LIMIT = 65536
PIPELINE = 32
IDLE_SECONDS = 120.0

STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}
Handle = Callable[[Request, Callable[[Response], None]], None]


_NAMES: dict[bytes, str] = {}


def _lower(name: bytes) -> str:
    """A header's name in lower case; clients send the same dozen again and again."""
    low = name.decode("latin-1").lower()
    if len(_NAMES) < 1000:
        _NAMES[name] = low
    return low


_HEADS: dict[tuple[Any, ...], tuple[str, bool, bool, int]] = {}


def _head(status: int, keep: bool, unsized: bool, *names: str) -> tuple[str, bool, bool, int]:
    """The head of an answer whose headers have these names: a template for their values, whether the date and the length follow, its lines."""
    known = {name.lower() for name in names}
    text = STATUS.get(status) or f"HTTP/1.1 {status} \r\n"
    text += "".join(["".join(name.split()).replace("%", "%%") + ": %s\r\n" for name in names])
    dated, sized = "date" not in known, False
    if dated:
        text += "date: %s\r\n"
    if "content-length" not in known and status >= 200 and status not in (204, 304):
        text += "transfer-encoding: chunked\r\n" if unsized else "content-length: %s\r\n"
        sized = not unsized
    if not keep and status != 101:
        text += "connection: close\r\n"
    text += "\r\n"
    made = text, dated, sized, text.count("\n")
    if len(_HEADS) >= 2000:  # names may be the client's own: x-amz-meta-*
        _HEADS.clear()
    _HEADS[status, keep, unsized, *names] = made
    return made


class Incoming:
    """A body on its way. `async for part in incoming`; raises ConnectionError if the client goes away before its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.parts, self.size = connection, deque[bytes](), 0
        self.ended = self.broken = self.unwanted = False
        self.waiter: asyncio.Future[None] | None = None
        self.expected = False  # the client waits for 100 Continue, which goes out when somebody reads

    def feed(self, part: bytes) -> None:
        if self.unwanted:
            return
        self.parts.append(part)
        self.size += len(part)
        if self.size > AHEAD:
            self.connection.hold("body")
        self._wake()

    def forgo(self) -> bool:
        """The answer is out before the body is in. True: it still comes, and is thrown away; False: the client was never told to send it."""
        if self.expected:
            return False
        self.unwanted, self.size = True, 0
        self.parts.clear()
        self.connection.unhold("body")
        return True

    def end(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.expected:
            self.expected = False
            self.connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.parts:
            if self.broken:
                raise ConnectionError("the client went away before the end of its body")
            if self.ended:
                raise StopAsyncIteration
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        part = self.parts.popleft()
        self.size -= len(part)
        if self.size <= AHEAD // 2:
            self.connection.unhold("body")
        return part


class Slot:
    """Room for one answer, in line."""

    __slots__ = ("connection", "file", "head", "incoming", "keep", "response")

    def __init__(self, connection: Connection, head: bool, keep: bool, incoming: Incoming | None) -> None:
        self.connection, self.head, self.keep, self.incoming, self.response = connection, head, keep, incoming, None
        self.file: Any = None

    def send(self, response: Response) -> None:
        if self.response is None:
            if type(response.body) is FileBody and not self.head and not self.connection.closing:
                try:
                    self.file = open(response.body.path, "rb")  # noqa: SIM115 - now: whoever comes next may replace and unlink it
                except OSError:
                    self.connection.server.trouble(f"the body of an answer is gone: {response.body.path}")
                    response = Response(500)
            self.response = response
            self.connection.pump()

    def done(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class Connection(asyncio.Protocol):
    """`handle` answers instead of the server's own where a listener has one; `idle` seconds of silence end the connection."""

    def __init__(self, server: Server, handle: Handle | None = None, idle: float = 0.0) -> None:
        self.server, self.handle, self.idle = server, handle or server.handle, idle
        self.tunnel: Incoming | None = None  # the connection is no longer HTTP: it asked to become something else
        self.mourners: list[Callable[[], None]] = []
        self.timer: asyncio.TimerHandle | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.slots: deque[Slot] = deque()
        self.holds: set[str] = set()
        self.sending: asyncio.Task[None] | None = None
        self.drained: asyncio.Future[None] | None = None
        self.closing = False
        self.incoming: Incoming | None = None
        self.request: Request | None = None

    # -- the socket -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        peer = transport.get_extra_info("peername")
        self.peer, self.port = (peer[0], peer[1]) if isinstance(peer, tuple) else ("127.0.0.1", 0)
        self.secure = transport.get_extra_info("sslcontext") is not None
        self.server.connections.add(self)
        self.rest()

    def rest(self) -> None:
        """Nothing more for so long: then it ends, unless an answer is still owed."""
        if self.idle:
            if self.timer is not None:
                self.timer.cancel()
            self.timer = asyncio.get_running_loop().call_later(self.idle, self.tired)

    def tired(self) -> None:
        if self.slots or self.sending is not None:
            self.rest()
        elif not self.closing:
            self.closing = True
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self)
        self.closing = True
        if self.timer is not None:
            self.timer.cancel()
        for tell in self.mourners:
            tell()
        if self.tunnel is not None:
            self.tunnel.broken = True
            self.tunnel._wake()
        for slot in self.slots:
            slot.done()
        if self.incoming is not None:
            self.incoming.broken = True
            self.incoming._wake()
        if self.sending is not None:
            self.sending.cancel()
        self.pause_over()

    def data_received(self, data: bytes) -> None:
        if self.idle:
            self.rest()
        if self.tunnel is not None:
            self.tunnel.feed(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.tunnel is None:
                self.refuse(501, "protocol upgrades are not served here")
            elif rest := data[upgrade.args[0]:]:
                self.tunnel.feed(rest)
        except httptools.HttpParserError:
            self.refuse(400, "not HTTP")

    def refuse(self, status: int, why: str) -> None:
        if not self.closing:
            self.closing = True
            body = f"<Error><Code>BadRequest</Code><Message>{why}</Message></Error>".encode()
            self.transport.write(f"{STATUS[status]}content-type: application/xml\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
            self.transport.close()

    def hold(self, why: str) -> None:
        if not self.holds:
            self.transport.pause_reading()
        self.holds.add(why)

    def unhold(self, why: str) -> None:
        if self.holds:
            self.holds.discard(why)
            if not self.holds and not self.closing:
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self.pause_over()

    def pause_over(self) -> None:
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None

    # -- the request, as httptools finds it ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url, self.headers, self.raw, self.size, self.parts = b"", {}, [], 0, []
        self.incoming = self.request = None
        if self.mourners:
            self.mourners = []

    def on_url(self, url: bytes) -> None:
        self.url += url
        self.size += len(url)
        if self.size > HEAD_LIMIT:
            raise ValueError("head too large")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.size += len(name) + len(value)
        if self.size > HEAD_LIMIT:
            raise ValueError("head too large")
        self.raw.append((name, value))
        key = _NAMES.get(name) or _lower(name)
        headers = self.headers
        if key in headers:
            headers[key] += "," + value.decode("latin-1")
        else:
            headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        headers = self.headers
        length = headers.get("content-length", "0")
        request = self.request = Request(self.parser.get_method().decode("ascii"), self.url.decode("latin-1"), headers, b"", None, self.secure, self.peer)
        request.raw, request.port = self.raw, self.port
        if self.secure:
            request.tls = self.transport.get_extra_info("ssl_object")
        request.gone = self.mourners.append
        if headers.get("upgrade", "").lower() == "websocket" and "upgrade" in headers.get("connection", "").lower():
            request.tunnel = self.tunnel = Incoming(self)
        # a body that waits to be wanted is not asked of a stranger before somebody wants it
        if "transfer-encoding" in headers or (length.isdigit() and int(length) > COLLECT) or ("expect" in headers and "authorization" not in headers):
            self.incoming = Incoming(self)
            self.incoming.expected = "expect" in headers
            request.stream = self.incoming
            self.dispatch(request)
        elif "expect" in headers:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if self.incoming is not None:
            self.incoming.feed(body)
        else:
            self.parts.append(body)

    def on_message_complete(self) -> None:
        if self.incoming is not None:
            self.incoming.end()
            return
        request = self.request
        assert request is not None
        parts = self.parts
        request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self.dispatch(request)

    def dispatch(self, request: Request) -> None:
        if self.closing:
            return
        slot = Slot(self, request.method == "HEAD", self.parser.should_keep_alive() and self.tunnel is None, self.incoming)
        self.slots.append(slot)
        if len(self.slots) >= PIPELINE:
            self.hold("pipeline")
        self.handle(request, slot.send)

    # -- the answer -----------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Write what stands first in line, as long as it is ready."""
        slots = self.slots
        while slots and slots[0].response is not None and self.sending is None and not self.closing:
            slot = slots.popleft()
            response = slot.response
            if slot.incoming is not None and not slot.incoming.ended and not slot.incoming.forgo():
                slot.keep = False
            body = response.body
            if type(body) is bytes:
                head = self.head(response, slot, len(body))
                self.transport.write(head if slot.head else head + body)
                self.sent(slot)
            else:
                self.sending = asyncio.get_running_loop().create_task(self.stream(slot, response))
        if "pipeline" in self.holds and len(slots) < PIPELINE // 2:
            self.unhold("pipeline")

    def sent(self, slot: Slot) -> None:
        if not slot.keep:
            self.closing = True
            self.transport.close()

    def head(self, response: Response, slot: Slot, length: int | None) -> bytes:
        headers = response.headers
        names = (response.status, slot.keep, length is None, *[name for name, _ in headers])
        template, dated, sized, lines = _HEADS.get(names) or _head(*names)
        values = [value for _, value in headers]
        if dated:
            values.append(self.server.date())
        if sized:
            values.append(str(length))
        text = template % (*values,)
        if text.count("\n") != lines or text.count("\r") != lines:  # a value that would break out of its line
            return self.head(Response(response.status, [(n, " ".join(str(v).splitlines())) for n, v in headers]), slot, length)
        return text.encode("ascii" if text.isascii() else "utf-8")

    async def stream(self, slot: Slot, response: Response) -> None:
        try:
            body = response.body
            if isinstance(body, FileBody):
                self.transport.write(self.head(response, slot, body.length))
                if not slot.head:
                    await self.send_file(body, slot.file)
            else:
                sized = response.status == 101 or any(n.lower() == "content-length" for n, _ in response.headers)
                self.transport.write(self.head(response, slot, None))
                async for part in body:  # type: ignore[union-attr]
                    if slot.head:
                        break
                    if part:
                        self.transport.write(part if sized else b"%x\r\n%b\r\n" % (len(part), part))
                        if self.drained is not None:
                            await self.drained
                if not sized and not slot.head:
                    self.transport.write(b"0\r\n\r\n")
        except Exception:
            # The head is out; all that is left to say is that this is not the whole. A client that hung up is no trouble of ours.
            if not self.closing:
                self.server.trouble("an answer broke off")
            self.closing = True
            self.transport.abort()
            return
        finally:
            self.sending = None
            slot.done()
            if (close := getattr(response.body, "aclose", None)) is not None:     # what a generator has to say at its end must not wait for the collector of garbage
                await close()
        self.sent(slot)
        self.pump()

    async def send_file(self, body: FileBody, file: Any) -> None:
        """File to socket inside the kernel where there is no TLS between, else in pieces."""
        while self.drained is not None or self.transport.get_write_buffer_size():
            await (self.drained or asyncio.sleep(0.0005))
        if self.secure or body.cipher is not None:
            opened = body.cipher.reader(body.offset) if body.cipher is not None else None
            file.seek(body.offset)
            left = body.length
            while left and (part := file.read(min(left, 1 << 18))):
                self.transport.write(part if opened is None else opened.update(part))
                left -= len(part)
                if self.drained is not None:
                    await self.drained
            return
        loop = asyncio.get_running_loop()
        out = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            offset, end = body.offset, body.offset + body.length
            while offset < end:
                try:
                    count = os.sendfile(out, file.fileno(), offset, min(end - offset, 4 << 20))
                except BlockingIOError:
                    ready = loop.create_future()
                    loop.add_writer(out, lambda f: f.done() or f.set_result(None), ready)
                    try:
                        await ready
                    finally:
                        loop.remove_writer(out)
                    continue
                if not count:
                    raise OSError(f"{body.path} is shorter than it was")
                offset += count
                await asyncio.sleep(0)
        finally:
            os.close(out)


class Server:
    """`handle(request, send)` gets every request; `date()` says what stands in the Date header."""

    def __init__(self, handle: Handle, date: Callable[[], str], trouble: Callable[[str], None]) -> None:
        self.handle, self.date, self.trouble = handle, date, trouble
        self.connections: set[Connection] = set()
        self.listeners: list[asyncio.Server] = []

    async def listen(self, host: str | None = None, port: int | None = None, *, sock: Any = None, ssl: Any = None, handle: Handle | None = None, idle: float = 0.0) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if sock is not None:
            listener = await loop.create_server(lambda: Connection(self, handle, idle), sock=sock, ssl=ssl, backlog=1024)
        else:
            listener = await loop.create_server(lambda: Connection(self, handle, idle), host, port, ssl=ssl, backlog=1024, reuse_address=True)
        self.listeners.append(listener)
        return listener

    def unlisten(self, listener: asyncio.Server) -> None:
        listener.close()
        if listener in self.listeners:
            self.listeners.remove(listener)

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        for connection in list(self.connections):
            connection.closing = True
            connection.transport.abort()
