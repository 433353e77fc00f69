"""The world as the server sees it: one socket to the holder, orders and answers in JSON, files and sockets beside them as descriptors.

Every order has a number and its answer comes when it comes: the holder answers what is quick at once and what it had to start when that has ended.
What a command reads and writes are files in memory that this side makes, so that nothing long goes through the holder.
"""
from __future__ import annotations

import array
import asyncio
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..run.cgroups import Cgroups

HOLDER = Path(__file__).with_name("inside") / "holder.py"
START_SECONDS = 20.0
RUN_SECONDS = 60.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
log = logging.getLogger("cloche")


class WorldError(Exception):
    """The world could not do something; the text says why. `.errno` is the kernel's number where it was the kernel."""

    def __init__(self, text: str, errno: int = 0) -> None:
        super().__init__(text)
        self.errno = errno


class Unavailable(WorldError):
    """This machine cannot hold a world; the text says what to do."""


class World:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.rootless = os.geteuid() != 0
        self.names: set[str] = set()
        self.pid = 0  # the holder's, as the host counts
        self.on_end: list[Callable[[], None]] = []  # called when the holder is gone though nobody closed it
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started: asyncio.Future[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[dict[str, Any], list[int]]]] = {}
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self._number = 0

    # its life
    async def start(self) -> None:
        """Once is enough; who comes second waits for the first. After the holder's death it starts a new, empty world."""
        if self._started is None or (self._started.done() and self._control is None):
            self._started = asyncio.ensure_future(self._start())
        await asyncio.shield(self._started)

    async def _start(self) -> None:
        if reason := lacking():
            raise Unavailable(reason)
        self.loop = asyncio.get_running_loop()
        self.names.clear()
        self.cgroups = Cgroups()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        groups = ",".join(map(str, self.cgroups.bases.values()))
        argv = [sys.executable, "-I", "-S", str(HOLDER), str(theirs.fileno()), "rootless" if self.rootless else "root", groups]
        self._process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={})
        theirs.close()
        ours.setblocking(False)
        while True:
            text = await asyncio.wait_for(self.loop.sock_recv(ours, 1 << 16), START_SECONDS)
            said = json.loads(text) if text else {"error": "it ended at once", "errno": 0}
            if "error" in said:
                ours.close()
                await asyncio.to_thread(self._process.wait)
                raise Unavailable(advice(said["error"], self.rootless), said["errno"])
            self.pid = said.get("pid", self.pid)
            if "hello" in said:
                break
        self._control = ours
        self.loop.add_reader(ours, self._heard)

    @property
    def running(self) -> bool:
        return self._control is not None

    async def close(self) -> None:
        """End all of it; when this returns nothing is left."""
        if self._control is not None:
            self._gone(expected=True)
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
            self._process = None

    def _gone(self, expected: bool = False) -> None:
        assert self._control is not None
        self.loop.remove_reader(self._control)
        self.loop.remove_writer(self._control)
        self._control.close()
        self._control = None
        self.names.clear()
        self._unsent.clear()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(WorldError("The world has ended."))
        if not expected:
            log.error("the holder of the world ended; namespaces, machines and volumes are gone")
            for tell in self.on_end:
                tell()

    # orders and answers
    async def ask(self, do: str, fds: Iterable[int] = (), **order: Any) -> tuple[dict[str, Any], list[int]]:
        """One order to the holder; the descriptors are duplicated on the way. Raises WorldError with the kernel's reason."""
        number = self._send(do, fds, order)
        return await self._waiting[number]

    def _send(self, do: str, fds: Iterable[int], order: dict[str, Any]) -> int:
        if self._control is None:
            raise WorldError("The world is not running.")
        self._number += 1
        self._waiting[self._number] = self.loop.create_future()
        message = json.dumps({"n": self._number, "do": do, **order}).encode()
        self._unsent.append((message, [os.dup(fd) for fd in fds]))
        if len(self._unsent) == 1:
            self._flush()
        return self._number

    def _flush(self) -> None:
        assert self._control is not None
        while self._unsent:
            message, fds = self._unsent[0]
            try:
                socket.send_fds(self._control, [message], fds)
            except BlockingIOError:
                self.loop.add_writer(self._control, self._flush)
                return
            except OSError:
                pass  # it is gone: the reader hears it
            for fd in fds:
                os.close(fd)
            self._unsent.popleft()
        self.loop.remove_writer(self._control)

    def _heard(self) -> None:
        assert self._control is not None
        for _ in range(64):
            try:
                message, ancillary, _, _ = self._control.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 16))
            except BlockingIOError:
                return
            except OSError:
                message, ancillary = b"", []
            if not message:
                return self._gone()
            fds = array.array("i")
            for _, _, data in ancillary:
                fds.frombytes(data[: len(data) - len(data) % 4])
            self._answered(json.loads(message), list(fds))
        return None

    def _answered(self, said: dict[str, Any], fds: list[int]) -> None:
        future = self._waiting.pop(said["n"], None)
        if future is None or future.done():  # nobody waits any more
            for fd in fds:
                os.close(fd)
        elif "error" in said:
            future.set_exception(WorldError(said["error"], said["errno"]))
        else:
            future.set_result((said, fds))

    # network namespaces
    async def namespace(self, name: str) -> None:
        """A network namespace of that name, with nothing but loopback; it may be there already."""
        if not NAME.fullmatch(name):
            raise WorldError(f"{name!r} is no name for a namespace")
        await self.ask("namespace", name=name)
        self.names.add(name)

    async def drop(self, name: str) -> None:
        """Forget it. The kernel removes it, with its links, when no process and no socket made in it is left."""
        self.names.discard(name)
        await self.ask("drop", name=name)

    async def run(self, name: str, argv: list[str], stdin: bytes = b"", timeout: float = RUN_SECONDS) -> tuple[int, bytes, bytes]:
        """A command of the host inside a network namespace ("" is the holder's own, which is connected with nothing). Other namespaces are known
        to `ip` by their names. After `timeout` it is killed: code -9."""
        files = [os.memfd_create(what) for what in ("stdin", "stdout", "stderr")]
        try:
            view = memoryview(stdin)
            while view:
                view = view[os.write(files[0], view):]
            os.lseek(files[0], 0, os.SEEK_SET)
            number = self._send("run", files, {"name": name, "argv": argv})
            waiting = self._waiting[number]
            try:
                said, _ = await asyncio.wait_for(asyncio.shield(waiting), timeout)
            except (TimeoutError, asyncio.CancelledError) as over:
                if self._control is not None:
                    self._send("kill", (), {"order": number})
                if isinstance(over, asyncio.CancelledError):
                    raise
                said, _ = await waiting
            return said["code"], whole(files[1]), whole(files[2])
        finally:
            for fd in files:
                os.close(fd)

    async def sysctl(self, name: str, **values: str | int) -> None:
        """`await world.sysctl("vpc-1", **{"net/ipv4/ip_forward": 1})`: written inside the namespace, without a process."""
        await self.ask("sysctl", name=name, values=values)

    async def move(self, link: str, origin: str, to: str) -> None:
        """A link from one namespace to another; it keeps its name and loses its addresses."""
        code, _, err = await self.run(origin, ["ip", "link", "set", "dev", link, "netns", to or "/proc/1/ns/net"])
        if code:
            raise WorldError(err.decode(errors="replace").strip())

    async def socket(self, name: str, kind: str, address: str = "", port: int = 0, **options: Any) -> socket.socket:
        """A socket that lives in the namespace, to be served by this loop: "tcp" listens (backlog=0: only bound, for a connection outwards), "udp",
        "raw" and "netlink" (protocol=). What else can be said is in inside/sockets.py. The namespace lives as long as the socket does: close it first."""
        _, fds = await self.ask("socket", name=name, kind=kind, address=address, port=port, options=options)
        return socket.socket(fileno=fds[0])


def whole(fd: int) -> bytes:
    parts, offset = [], 0
    while part := os.pread(fd, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def lacking() -> str:
    """What this machine has not, as a sentence that says what to do; "" if nothing is known to be wrong."""
    if os.uname().sysname != "Linux":
        return "Networks and instances are made of Linux namespaces, and this machine has none: start with `cloche up --compute none`, or run Cloche on Linux."
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for command, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(command, path=path) is None:
            return f"`{command}` is not installed: apt-get install {package} (or start with `cloche up --compute none`)."
    return ""


def advice(error: str, rootless: bool) -> str:
    if rootless:
        return (f"This kernel gives no namespaces to ordinary users ({error}): allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu "
                "kernel.apparmor_restrict_unprivileged_userns=0), run Cloche as root, or start with `cloche up --compute none`.")
    return f"Namespaces could not be made ({error}): Cloche needs CAP_SYS_ADMIN and CAP_NET_ADMIN here (in a container: --privileged), or `cloche up --compute none`."
