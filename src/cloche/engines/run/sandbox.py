"""Sandboxes as the server sees them: a socket to the sandbox's init, a pidfd, its listeners, and that it ends for certain.

`Host` owns the warden and the zygotes. Starting a sandbox is one message to a zygote and one answer with file descriptors; the server then puts the
sandbox under its limits before it says go, so that no foreign code ever runs without them.
"""
from __future__ import annotations

import array
import asyncio
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import root
from .cgroups import Cgroups
from .interpreters import Interpreter

START_SECONDS = 20.0
log = logging.getLogger("cloche")


class SandboxError(Exception):
    """A sandbox could not be made; the text says why."""


class Sandbox:
    """A running sandbox. `ended` is resolved with {"exit": n}, {"signal": n} or {} once nothing of it is left."""

    def __init__(self, host: Host, name: str, control: socket.socket) -> None:
        self.host, self.name, self.control = host, name, control
        self.pid = 0
        self.pidfd = -1
        self.listeners: list[socket.socket] = []
        self.named = False                     # the last three listeners are those of names.py
        self.serial = 0
        self.report: dict[str, int] = {}
        self.out_of_memory = False
        self.ended: asyncio.Future[dict[str, int]] = host.loop.create_future()
        self.hello: asyncio.Future[None] = host.loop.create_future()
        self.on_end: Callable[[], None] = lambda: None
        self.on_process: Callable[[str, dict[str, int]], None] = lambda name, report: None  # one of several has ended
        self.connecting: dict[int, asyncio.Future[socket.socket]] = {}
        control.setblocking(False)
        host.loop.add_reader(control.fileno(), self._heard)

    def _heard(self) -> None:
        try:
            message, ancillary, _, _ = self.control.recvmsg(1 << 16, socket.CMSG_SPACE(12) + socket.CMSG_SPACE(64))
        except BlockingIOError:
            return
        except OSError:
            message, ancillary = b"", []
        if not message:
            return self._gone()
        said = json.loads(message)
        sockets: list[socket.socket] = []
        for _, kind, data in ancillary:
            if kind == socket.SCM_RIGHTS:
                fds = array.array("i", data[: len(data) - len(data) % 4])
                sockets = [socket.socket(fileno=fd) for fd in fds]
            elif kind == socket.SCM_CREDENTIALS:
                self.pid = struct.unpack("3i", data)[0]
        if "hello" in said:
            self.pidfd = os.pidfd_open(self.pid)  # init waits for our go: the pid cannot have been reused
            self.listeners = sockets
            self.hello.set_result(None)
        elif "ended" in said:
            self.on_process(said.pop("ended"), said)
        elif "connected" in said:
            self._connected(self.connecting.pop(said["connected"]), sockets, said.get("why", ""))
        elif "error" in said:
            if not self.hello.done():
                self.hello.set_exception(SandboxError(said["error"]))
            else:
                log.error("sandbox %s: %s", self.name, said["error"])
        else:
            self.report = said
        return None

    def go(self, memory_mb: int) -> None:
        self.host.cgroups.enter(self.name, self.pid, memory_mb)
        self.control.send(b"go")

    def order(self, **what: Any) -> None:
        """To the init of a sandbox with several processes."""
        if not self.ended.done():
            self.control.send(json.dumps(what).encode())

    async def connect(self, port: int) -> socket.socket:
        """A connection to who listens on that port inside; OSError if nobody does."""
        if self.ended.done():
            raise ConnectionRefusedError("the sandbox has ended")
        self.serial += 1
        waiting = self.connecting[self.serial] = self.host.loop.create_future()
        self.order(connect=self.serial, port=port)
        return await waiting

    @staticmethod
    def _connected(waiting: asyncio.Future[socket.socket], sockets: list[socket.socket], why: str) -> None:
        if waiting.done():  # nobody waits any more
            for s in sockets:
                s.close()
        elif sockets:
            sockets[0].setblocking(False)
            waiting.set_result(sockets[0])
        else:
            waiting.set_exception(ConnectionRefusedError(why))

    def kill(self) -> None:
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass
        elif not self.ended.done():
            self.control.shutdown(socket.SHUT_RDWR)  # it waits for our go and finds the end instead
            self._gone()

    def _gone(self) -> None:
        if self.ended.done():
            return
        self.host.loop.remove_reader(self.control.fileno())
        self.control.close()
        for s in self.listeners:
            s.close()
        if not self.hello.done():
            self.hello.set_exception(SandboxError("The sandbox ended while it was being made."))
        self.out_of_memory = self.host.cgroups.killed(self.name)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self.host.sandboxes.discard(self)
        self.host.leave(self.name)
        self.ended.set_result(self.report)
        for waiting in self.connecting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionRefusedError("the sandbox has ended"))
        self.on_end()

    def memory(self) -> int:
        """Bytes in use by everything in it; without a control group what processes share is counted for each."""
        if (used := self.host.cgroups.used(self.name)) is not None:
            return used
        total, todo = 0, children(self.pid)
        while todo:
            pid = todo.pop()
            todo += children(pid)
            try:
                with open(f"/proc/{pid}/statm", "rb") as f:
                    total += int(f.read().split()[1])
            except OSError:
                continue
        return total * 4096


def children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


class Host:
    """The warden and the zygotes of one server."""

    def __init__(self, code: Path, cache: Path, shared: Path | None = None) -> None:
        self.code, self.cache, self.shared = code, cache, shared
        self.loop = asyncio.get_running_loop()
        self.rootless = os.geteuid() != 0
        self.cgroups = Cgroups()
        self.net = can_unshare_net(self.rootless)
        self.sandboxes: set[Sandbox] = set()
        self.zygotes: dict[str, asyncio.Task[Zygote]] = {}
        self.serial = 0
        self.leaving: set[str] = set()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        self.control = ours
        groups = ",".join(map(str, self.cgroups.bases.values()))
        self.warden = subprocess.Popen([sys.executable, "-I", "-S", str(root.INSIDE / "warden.py"), str(theirs.fileno()), groups],
                                       pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={})
        theirs.close()

    def zygote(self, key: str, interpreter: Interpreter, others: dict[str, str], preload: bool) -> asyncio.Task[Zygote]:
        """The zygote of that name, started if it is not there (or has died)."""
        task = self.zygotes.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() or task.result().dead)):
            task = self.zygotes[key] = self.loop.create_task(self._start_zygote(key, interpreter, others, preload))
        return task

    async def _start_zygote(self, key: str, interpreter: Interpreter, others: dict[str, str], preload: bool) -> Zygote:
        pyc = self.cache / "pyc"
        for directory in (self.code, pyc, *([self.shared] if self.shared else [])):
            directory.mkdir(parents=True, exist_ok=True)
        order = root.describe(interpreter, self.code, pyc, others, rootless=self.rootless, net=self.net, preload=preload, counted="pids" in self.cgroups.bases or self.cgroups.unified,
                              shared=self.shared)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(self.control, [json.dumps(order).encode()], [theirs.fileno()])
        theirs.close()
        ours.setblocking(False)
        said = await asyncio.wait_for(self.loop.sock_recv(ours, 1 << 16), START_SECONDS)
        answer = json.loads(said) if said else {"error": "it ended at once"}
        if "error" in answer:
            ours.close()
            raise SandboxError(f"The sandbox for {key} could not be prepared: {answer['error']}")
        return Zygote(ours, answer)

    async def start(self, zygote: Zygote, order: dict[str, Any], logs: list[int], channel: socket.socket | None, network: int = -1) -> Sandbox:
        """A new sandbox, prepared and under its limits but not yet let go: call `.go()`."""
        self.serial += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sandbox = Sandbox(self, f"env-{self.serial}", ours)
        self.sandboxes.add(sandbox)
        nothing = os.open(os.devnull, os.O_RDWR) if channel is None else -1
        fds = [theirs.fileno(), channel.fileno() if channel else nothing, *logs, *([network] if network >= 0 else [])]
        try:
            await zygote.send(json.dumps(order).encode(), fds)
        except OSError as error:
            sandbox.kill()
            raise SandboxError(f"The zygote is gone: {error}") from error
        finally:
            theirs.close()
            if nothing >= 0:
                os.close(nothing)
        try:
            await asyncio.wait_for(asyncio.shield(sandbox.hello), START_SECONDS)
        except BaseException:
            sandbox.kill()
            raise
        return sandbox

    def leave(self, name: str) -> None:
        """Remove the sandbox's cgroups; dying processes may keep them for a moment."""
        if not self.cgroups.leave(name):
            self.leaving.add(name)
            self.loop.call_later(0.05, self._leave_late)

    def _leave_late(self) -> None:
        self.leaving = {name for name in self.leaving if not self.cgroups.leave(name)}

    async def close(self) -> None:
        for sandbox in list(self.sandboxes):
            sandbox.kill()
        for sandbox in list(self.sandboxes):
            await sandbox.ended
        for task in self.zygotes.values():
            if not task.done():
                task.cancel()
            elif not task.cancelled() and not task.exception():
                task.result().close()
        self.control.close()  # the warden sees it, ends the zygotes, removes the cgroups and goes
        await asyncio.to_thread(self.warden.wait)


class Zygote:
    def __init__(self, control: socket.socket, about: dict[str, Any]) -> None:
        self.control, self.about = control, about
        self.dead = False
        asyncio.get_running_loop().add_reader(control.fileno(), self._heard)

    def _heard(self) -> None:
        try:
            if self.control.recv(1):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close()

    async def send(self, message: bytes, fds: list[int]) -> None:
        while True:
            try:
                socket.send_fds(self.control, [message], fds)
                return
            except BlockingIOError:  # sixty others ask at the same moment; it forks as fast as it can
                await asyncio.sleep(0.002)

    def close(self) -> None:
        if not self.dead:
            self.dead = True
            asyncio.get_running_loop().remove_reader(self.control.fileno())
            self.control.close()


def can_unshare_net(rootless: bool) -> bool:
    """Ask the kernel, in a process of its own."""
    ask = f"import sys; sys.path.insert(0, {str(root.INSIDE)!r}); import syscalls as s; s.unshare({'s.NEWUSER |' if rootless else ''} s.NEWNET)"
    return subprocess.run([sys.executable, "-I", "-S", "-c", ask], capture_output=True, check=False).returncode == 0
