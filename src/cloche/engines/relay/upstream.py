"""HTTP/1.1 as a client, on sockets made by somebody else: a request goes out, the answer's head comes back with its body still on the way.

Bodies are never collected: what the target sends is held back while its reader is slow, and a request's body is drawn from its writer part by part.
A connection whose answer has been read to its end is kept for the next request.
"""
from __future__ import annotations

import asyncio
import socket
import ssl as tls
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import httptools

AHEAD = 256 << 10
HEAD_LIMIT = 1 << 17
KEEP_SECONDS = 60.0
NO_BODY = (204, 304)


class Failed(Exception):
    """`why`: refused (nobody listens), silent (no answer to the call), closed (before its answer was whole), garbage (not HTTP), slow (no answer in time)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Answer(NamedTuple):
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: Body


class Body:
    """A body on its way: `async for part in body`. Raises Failed if it breaks off."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.parts, self.size = connection, deque[bytes](), 0
        self.ended = False
        self.trouble = ""
        self.waiter: asyncio.Future[None] | None = None
        self.on_end: Callable[[], None] | None = None

    def feed(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)
        if self.size > AHEAD:
            self.connection.pause()
        self.wake()

    def end(self, trouble: str = "") -> None:
        if not self.ended:
            self.ended, self.trouble = True, trouble
            self.wake()
            if self.on_end is not None:
                self.on_end()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self.parts:
            if self.ended:
                if self.trouble:
                    raise Failed(self.trouble)
                raise StopAsyncIteration
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self.connection.idle):
                    await self.waiter
            except TimeoutError:
                self.connection.drop()
                raise Failed("slow") from None
        part = self.parts.popleft()
        self.size -= len(part)
        if self.size <= AHEAD // 2:
            self.connection.resume()
        return part

    def at_once(self) -> bytes | None:
        """All of it, if it has come whole already."""
        if not self.ended or self.trouble:
            return None
        out = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        self.size = 0
        return out

    async def whole(self, limit: int) -> bytes:
        out = b""
        async for part in self:
            out += part
            if len(out) > limit:
                self.connection.drop()
                raise Failed("garbage")
        return out


class Connection(asyncio.Protocol):
    """One connection to a target. `ask` once at a time."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.idle = KEEP_SECONDS
        self.open, self.used = True, 0
        self.paused = self.upgraded = False
        self.body: Body | None = None
        self.head: asyncio.Future[Answer] | None = None
        self.drained: asyncio.Future[None] | None = None
        self.on_free: Callable[[], None] | None = None
        self._again()

    def _again(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status, self.reason, self.headers, self.size = 0, b"", [], 0
        self.complete = False

    # -- the socket -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self.resume_writing()
        if self.head is not None and not self.head.done():
            self.head.set_exception(Failed("closed"))
        if self.body is not None and not self.body.ended:
            # an answer without a length ends with its connection; any other is cut short
            self.body.end("" if self.upgraded or self._until_closed() else "closed")
        if self.on_free is not None:
            self.on_free()

    def _until_closed(self) -> bool:
        names = {name.lower() for name, _ in self.headers}
        return not names & {b"content-length", b"transfer-encoding"}

    def pause(self) -> None:
        if not self.paused and self.open:
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.paused and self.open:
            self.paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self.drained is not None and not self.drained.done():
            self.drained.set_result(None)
        self.drained = None

    def drop(self) -> None:
        self.open = False
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.upgraded and self.body is not None:
            self.body.feed(data)
            return
        if self.head is None and self.body is None:
            self.drop()                                    # nobody asked
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded = True
            if rest := data[upgrade.args[0]:]:
                assert self.body is not None
                self.body.feed(rest)
        except (httptools.HttpParserError, ValueError):
            self.open = False
            if self.head is not None and not self.head.done():
                self.head.set_exception(Failed("garbage"))
            elif self.body is not None:
                self.body.end("garbage")
            self.transport.abort()

    # -- the answer, as httptools finds it --------------------------------------------------------------------------------

    def on_status(self, status: bytes) -> None:
        self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self.size += len(name) + len(value)
        if self.size > HEAD_LIMIT:
            raise ValueError("head too large")
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        self.status = status
        self.keep = self.parser.should_keep_alive()
        self.body = Body(self)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        if self.head is not None and not self.head.done():
            self.head.set_result(Answer(status, self.reason.decode("latin-1"), headers, self.body))
        if self.bodiless or status in NO_BODY:
            self.finish()

    def on_body(self, part: bytes) -> None:
        if self.body is not None and not self.complete:
            self.body.feed(part)

    def on_message_complete(self) -> None:
        if 100 <= self.parser.get_status_code() < 200 and self.parser.get_status_code() != 101:
            self.reason, self.headers, self.size = b"", [], 0
            return
        if self.status != 101:
            self.finish()

    def finish(self) -> None:
        """The answer is whole; the connection is free when the reader has been told."""
        if self.complete:
            return
        self.complete = True
        if self.body is not None:
            self.body.end()
        asyncio.get_running_loop().call_soon(self._free)

    def _free(self) -> None:
        self.head = self.body = None
        if not self.keep or not self.sent:
            self.drop()
        if self.on_free is not None:
            self.on_free()

    # -- the request ------------------------------------------------------------------------------------------------------

    async def ask(self, method: str, head: bytes, body: bytes | AsyncIterator[bytes] | None, chunked: bool, idle: float) -> Answer:
        """`head` is everything up to the empty line. The answer's head; raises Failed."""
        loop = asyncio.get_running_loop()
        if self.used:
            self._again()
        self.idle, self.bodiless, self.sent = idle, method == "HEAD", True
        self.used += 1
        self.head = waiting = loop.create_future()
        pump: asyncio.Future[None] | None = None

        def late() -> None:
            nonlocal timer
            if pump is not None and not pump.done():           # the request itself is still on its way
                timer = loop.call_later(idle, late)
            elif not waiting.done():
                waiting.set_exception(Failed("slow"))

        timer = loop.call_later(idle, late)
        if body is None or isinstance(body, bytes):
            self.transport.write(head + (body or b""))
        else:
            self.transport.write(head)
            self.sent = False
            pump = asyncio.ensure_future(self._pump(body, chunked))
        try:
            return await waiting
        except BaseException:
            if pump is not None:
                pump.cancel()
            self.drop()
            raise
        finally:
            timer.cancel()

    def abandon(self, why: str) -> None:
        """Whoever asked does not want the answer any more."""
        if self.head is not None and not self.head.done():
            self.head.set_exception(Failed(why))

    async def _pump(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        try:
            async for part in body:
                if not self.open:
                    return
                if part:
                    self.transport.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                if self.drained is not None:
                    await self.drained
            if chunked and self.open:
                self.transport.write(b"0\r\n\r\n")
            self.sent = True
        except ConnectionError:                            # the client went away in the middle
            self.drop()

    async def tunnel(self, incoming: AsyncIterator[bytes]) -> None:
        """After 101: what the client sends, until it ends."""
        try:
            async for part in incoming:
                if not self.open:
                    return
                self.transport.write(part)
                if self.drained is not None:
                    await self.drained
        except ConnectionError:
            pass
        if self.open:
            self.transport.close()


Dial = Callable[[], Awaitable[socket.socket]]


async def connect(sock: socket.socket, address: str, port: int, seconds: float, ssl: tls.SSLContext | None = None, name: str | None = None) -> Connection:
    """A connection on an unconnected socket. Raises Failed: refused, or silent after so many seconds."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            await loop.sock_connect(sock, (address, port))
            _, made = await loop.create_connection(Connection, sock=sock, ssl=ssl, server_hostname=(name or address) if ssl else None)
            return made
    except TimeoutError:
        sock.close()
        raise Failed("silent") from None
    except OSError as error:
        sock.close()
        raise Failed("silent" if isinstance(error, TimeoutError) else "refused") from None


class Pool:
    """Connections that wait for another request, by where they lead."""

    def __init__(self) -> None:
        self.free: dict[Any, list[Connection]] = {}

    def take(self, key: Any) -> Connection | None:
        waiting = self.free.get(key)
        while waiting:
            found = waiting.pop()
            if found.open:
                return found
        return None

    def follow(self, key: Any, connection: Connection) -> None:
        """Keep the connection whenever its answer is whole."""
        def freed() -> None:
            waiting = self.free.setdefault(key, [])
            if connection.open and connection not in waiting:
                waiting.append(connection)
                asyncio.get_running_loop().call_later(KEEP_SECONDS, self._old, key, connection, connection.used)
            elif not connection.open and connection in waiting:
                waiting.remove(connection)
            if not waiting:
                self.free.pop(key, None)
        connection.on_free = freed

    def _old(self, key: Any, connection: Connection, used: int) -> None:
        if connection.used == used and connection in self.free.get(key, ()):
            connection.drop()

    def leave(self, which: Callable[[Any], bool]) -> None:
        for key in [one for one in self.free if which(one)]:
            for connection in list(self.free.pop(key, ())):
                connection.drop()

    def close(self) -> None:
        for waiting in list(self.free.values()):
            for connection in list(waiting):
                connection.drop()
        self.free.clear()
