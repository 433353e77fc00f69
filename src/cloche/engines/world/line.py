"""A line to somebody inside: numbered orders in JSON with descriptors beside them, answered in any order, and news that nobody asked for."""
from __future__ import annotations

import array
import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

SMALL = 64 << 10  # bytes of an order that go in one piece
Answer = tuple[dict[str, Any], list[int]]


class WorldError(Exception):
    """The world could not do something; the text says why. `.errno` is the kernel's number where it was the kernel."""

    def __init__(self, text: str, errno: int = 0) -> None:
        super().__init__(text)
        self.errno = errno


class Line:
    """`news(said, fds)` hears what has no number, `gone()` that the other end is no more (not after `close`). Whoever gets descriptors owns them."""

    def __init__(self, sock: socket.socket, news: Callable[[dict[str, Any], list[int]], None], gone: Callable[[], None], credentials: bool = False) -> None:
        self.socket, self.news, self.gone = sock, news, gone
        self.open = True
        self.peer = 0  # with `credentials`: the pid of who spoke last
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self._number = 0
        self._loop = asyncio.get_running_loop()
        sock.setblocking(False)
        if credentials:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._loop.add_reader(sock, self._heard)

    def send(self, do: str, fds: Iterable[int] = (), **order: Any) -> int:
        """The number under which the answer can be awaited. The descriptors are duplicated on the way."""
        number = self.expect()
        self._put(json.dumps({"n": number, "do": do, **order}).encode(), fds)
        return number

    def expect(self) -> int:
        """A number for an answer of its own, to be named in an order."""
        if not self.open:
            raise WorldError("It is not running.")
        self._number += 1
        self._waiting[self._number] = self._loop.create_future()
        return self._number

    def answer(self, number: int) -> asyncio.Future[Answer]:
        return self._waiting[number]

    async def ask(self, do: str, fds: Iterable[int] = (), **order: Any) -> Answer:
        """Raises WorldError with the reason that the other side gives."""
        return await self._waiting[self.send(do, fds, **order)]

    def say(self, text: bytes) -> None:
        self._put(text, ())

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self.socket)
        self._loop.remove_writer(self.socket)
        self.socket.close()
        for _, fds in self._unsent:
            for fd in fds:
                os.close(fd)
        self._unsent.clear()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(WorldError("It has ended."))
                future.exception()  # seen, whether somebody waits or not

    def _put(self, message: bytes, fds: Iterable[int]) -> None:
        copies = [os.dup(fd) for fd in fds]
        if len(message) > SMALL:  # a socket takes only so much in one piece: the rest is a file in memory
            copies.append(os.memfd_create("order"))
            whole_of(copies[-1], message)
            message = b'{"long": true}'
        self._unsent.append((message, copies))
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._unsent:
            message, fds = self._unsent[0]
            try:
                socket.send_fds(self.socket, [message], fds)
            except BlockingIOError:
                self._loop.add_writer(self.socket, self._flush)
                return
            except OSError:
                self._loop.call_soon(self._lost)
            for fd in fds:
                os.close(fd)
            self._unsent.popleft()
        self._loop.remove_writer(self.socket)

    def _lost(self) -> None:
        if self.open:
            self.close()
            self.gone()

    def _heard(self) -> None:
        for _ in range(64):
            try:
                message, ancillary, _, _ = self.socket.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 16) + socket.CMSG_SPACE(12))
            except BlockingIOError:
                return
            except OSError:
                message, ancillary = b"", []
            if not message:
                return self._lost()
            fds = array.array("i")
            for _, kind, data in ancillary:
                if kind == socket.SCM_RIGHTS:
                    fds.frombytes(data[: len(data) - len(data) % 4])
                elif kind == socket.SCM_CREDENTIALS:
                    self.peer = int.from_bytes(data[:4], "little")
            self._answered(json.loads(message), list(fds))
            if not self.open:
                return None
        return None

    def _answered(self, said: dict[str, Any], fds: list[int]) -> None:
        if not said.get("n"):
            return self.news(said, fds)
        future = self._waiting.pop(said["n"], None)
        if future is None or future.done():  # nobody waits any more
            for fd in fds:
                os.close(fd)
        elif "error" in said:
            future.set_exception(WorldError(said["error"], said["errno"]))
        else:
            future.set_result((said, fds))
        return None


class Files:
    """Input and outputs of a command, as files in memory: `with Files(stdin) as files: ... files.fds ... files.read()`."""

    def __init__(self, stdin: bytes) -> None:
        self.fds = [os.memfd_create(what) for what in ("stdin", "stdout", "stderr")]
        whole_of(self.fds[0], stdin)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.fds:
            os.close(fd)

    def read(self) -> tuple[bytes, bytes]:
        return whole(self.fds[1]), whole(self.fds[2])


def whole_of(fd: int, text: bytes) -> None:
    """All of it into a file, to be read from its beginning."""
    view = memoryview(text)
    while view:
        view = view[os.write(fd, view):]
    os.lseek(fd, 0, os.SEEK_SET)


def whole(fd: int) -> bytes:
    parts, offset = [], 0
    while part := os.pread(fd, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


async def command(line: Line, do: str, stdin: bytes, timeout: float, **order: Any) -> tuple[int, bytes, bytes]:
    """An order that starts a process: its code and what it said. After `timeout` it is killed: code -9."""
    with Files(stdin) as files:
        number = line.send(do, files.fds, **order)
        waiting = line.answer(number)
        try:
            said, _ = await asyncio.wait_for(asyncio.shield(waiting), timeout)
        except (TimeoutError, asyncio.CancelledError) as over:
            if line.open:
                line.send("kill", order=number)
            if isinstance(over, asyncio.CancelledError):
                raise
            said, _ = await waiting
        return said["code"], *files.read()
