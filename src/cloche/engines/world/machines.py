"""Machines as the server sees them: what one is made of, booting it under its limits, commands in it, its console and its end."""
from __future__ import annotations

import asyncio
import base64
import errno
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from . import containers, disks, skeleton, user_data
from .containers import Container
from .interactive import Process
from .line import Line, WorldError, command

if TYPE_CHECKING:
    from .world import World

START_SECONDS = 20.0
END_SECONDS = 10.0
CONSOLE = 64 << 10
CONSOLES = 500  # that are kept, of machines that have ended too
log = logging.getLogger("cloche")


class Attachment(msgspec.Struct, frozen=True):
    """A volume in a machine: the image file and the names below /dev, the node first ("nvme1n1", "sdf")."""

    volume: str
    path: Path
    names: tuple[str, ...]
    read_only: bool = False


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a boot needs. `disk` is the directory of its own writings; `image` are directories of the same form, the topmost first, that lie
    above the host's programs. `environment` is every process's; `keys` are who may log in by ssh as `login`."""

    id: str
    disk: Path
    network: str = ""  # the namespace; "" is one named like the machine
    hostname: str = "localhost"
    domain: str = ""
    resolvers: tuple[str, ...] = ()
    image: tuple[Path, ...] = ()
    memory_mb: int = 1024
    cpus: float = 0
    user_data: bytes = b""
    keys: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    login: str = "ec2-user"
    address: str = ""
    volumes: tuple[Attachment, ...] = ()


class Running:
    """A machine that has been booted. `ended` is resolved with how it ended once nothing of it is left."""

    def __init__(self, machine: Machine | Container) -> None:
        self.machine = machine
        self.pid = 0
        self.line: Line | None = None
        self.hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.how = "killed"
        self.up = False  # under its limits, and told to go
        self.pidfd = -1

    def kill(self) -> None:
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Machines:
    def __init__(self, world: World) -> None:
        self.world = world
        self.running: dict[str, Running] = {}
        self.consoles: dict[str, bytearray] = {}
        self.on_end: list[Callable[[str, str], None]] = []  # (id, "halt" | "poweroff" | "reboot" | "killed"), for ends that nobody outside asked for too
        self.on_mount: Callable[[str, str, str], Awaitable[tuple[str, bool]]] | None = None  # (id, source, options) -> (directory, read-only), or OSError
        self._skeleton: asyncio.Future[skeleton.Skeleton] | None = None

    async def boot(self, machine: Machine | Container) -> None:
        if machine.id in self.running:
            raise WorldError(f"{machine.id} runs already")
        running = self.running[machine.id] = Running(machine)
        try:
            await self._boot(running)
        except BaseException:
            if self.running.get(machine.id) is running:
                if running.pidfd >= 0:
                    running.kill()
                else:
                    del self.running[machine.id]
            if running.line:
                running.line.close()
            raise

    async def _boot(self, running: Running) -> None:
        machine, world = running.machine, self.world
        order = containers.order(world, machine) if isinstance(machine, Container) else await self._order(machine)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        running.line = Line(ours, lambda said, fds: self._news(running, said, fds), lambda: None, credentials=True)
        try:
            await world.ask("boot", (theirs.fileno(),), **order)
        finally:
            theirs.close()
        await asyncio.wait_for(asyncio.shield(running.hello), START_SECONDS)
        for volume in machine.volumes:
            await self.attach(machine.id, volume)
        world.cgroups.enter("m-" + machine.id, running.pid, machine.memory_mb, machine.cpus)
        running.line.say(b"go")
        running.up = True

    async def _order(self, machine: Machine) -> dict[str, Any]:
        base = await self.skeleton()
        await asyncio.to_thread(disks.prepare, machine.disk, base, self.world.shift)
        return {
            "name": machine.id, "network": machine.network or machine.id, "hostname": machine.hostname, "disk": str(machine.disk),
            "parts": base.parts(machine.image), "binds": base.binds, "files": skeleton.files(machine),
            "environment": skeleton.variables(machine), "steps": user_data.steps(machine.user_data, machine.keys, machine.login),
            "user_data": base64.b64encode(machine.user_data).decode(), "daemon": base.daemon if machine.keys else None,
        }

    async def skeleton(self) -> skeleton.Skeleton:
        if self._skeleton is None or (self._skeleton.done() and self._skeleton.exception()):
            self._skeleton = asyncio.ensure_future(self._built())
        return await asyncio.shield(self._skeleton)

    async def _built(self) -> skeleton.Skeleton:
        """The skeleton, and the holder's knowledge of it: nobody boots before both."""
        base = await asyncio.to_thread(skeleton.build, self.world.data, self.world.shift, self.world.trust)
        for path in base.host:
            await self.world.ask("lower", path=path)
        return base

    def _news(self, running: Running, said: dict[str, Any], fds: list[int]) -> None:
        if "hello" in said:
            assert running.line
            running.pid = running.line.peer
            running.pidfd = os.pidfd_open(running.pid)  # it waits for our go: the number cannot have been reused
            self._listen(running.machine.id, fds[0])
            running.hello.set_result(None)
        elif "error" in said:
            if running.hello.done():
                log.error("machine %s: %s", running.machine.id, said["error"])
            else:
                running.hello.set_exception(WorldError(f"{running.machine.id} could not be booted: {said['error']}"))
        else:
            running.how = said["ended"]

    def _listen(self, machine: str, fd: int) -> None:
        """Its console, which is kept when it has ended."""
        loop = asyncio.get_running_loop()
        kept = self.consoles.pop(machine, bytearray())
        self.consoles[machine] = kept
        for old in [name for name in self.consoles if name not in self.running][:max(0, len(self.consoles) - CONSOLES)]:
            del self.consoles[old]

        def read() -> None:
            try:
                text = os.read(fd, 1 << 16)
            except BlockingIOError:
                return
            kept.extend(text)
            del kept[: max(0, len(kept) - CONSOLE)]
            if not text:
                loop.remove_reader(fd)
                os.close(fd)

        loop.add_reader(fd, read)

    def ended(self, machine: str, code: int) -> None:
        """The holder says so: all its processes are gone."""
        running = self.running.pop(machine, None)
        if running is None:
            return
        if running.line:
            running.line.close()
        if not running.hello.done():
            running.hello.set_exception(WorldError(f"{machine} ended while it was being booted"))
            running.hello.exception()
        if running.pidfd >= 0:
            os.close(running.pidfd)
        self.world.cgroups.leave("m-" + machine)
        running.ended.set_result(running.how)
        for tell in self.on_end:
            tell(machine, running.how)

    async def mount(self, said: dict[str, Any]) -> None:
        """A machine asked for a network file system: what it gets, or the error number that its `mount` hears."""
        try:
            if self.on_mount is None:
                raise OSError(errno.ENODEV, "no network file systems here")
            path, read_only = await self.on_mount(said["machine"], said["source"], said["options"])
            answer: dict[str, Any] = {"path": path, "read_only": read_only}
        except OSError as error:
            answer = {"error": error.errno or errno.EIO}
        except Exception:
            log.exception("mounting %s in %s", said["source"], said["machine"])
            answer = {"error": errno.EIO}
        if self.world.running:
            await self.world.ask("mounted", ask=said["ask"], **answer)

    def lost(self) -> None:
        """The world has ended, and all machines with it."""
        self._skeleton = None
        for machine in list(self.running):
            self.ended(machine, -9)

    def up(self, machine: str) -> bool:
        return machine in self.running and self.running[machine].up

    def get(self, machine: str) -> Running:
        if not self.up(machine):
            raise WorldError(f"{machine} does not run")
        return self.running[machine]

    async def execute(self, machine: str, argv: list[str], stdin: bytes, user: str, timeout: float, **more: Any) -> tuple[int, bytes, bytes]:
        line = self.get(machine).line
        assert line
        return await command(line, "exec", stdin, timeout, argv=argv, user=user, **more)

    async def open(self, machine: str, argv: list[str], user: str = "root", terminal: bool = True, **more: Any) -> Process:
        """A command that one talks with while it runs, on a terminal of the machine's own or with plain pipes."""
        line = self.get(machine).line
        assert line
        if terminal:
            number = line.expect()
            code = line.answer(line.send("terminal", argv=argv, user=user, **{"with": number}, **more))
            _, fds = await line.answer(number)
            return Process(fds[0], fds[0], -1, code)
        (inner_in, stdin), (stdout, inner_out), (stderr, inner_err) = os.pipe(), os.pipe(), os.pipe()
        try:
            number = line.send("exec", (inner_in, inner_out, inner_err), argv=argv, user=user, **more)
        finally:
            for fd in (inner_in, inner_out, inner_err):
                os.close(fd)
        return Process(stdin, stdout, stderr, line.answer(number))

    def console(self, machine: str) -> bytes:
        return bytes(self.consoles.get(machine, b""))

    async def halt(self, machine: str, how: str) -> None:
        running = self.running.get(machine)
        if running is None:
            return
        assert running.line
        if how != "kill":
            try:
                await running.line.ask("end", how=how)
                await asyncio.wait_for(asyncio.shield(running.ended), END_SECONDS)
                return
            except (WorldError, TimeoutError):
                pass  # it did not hear, or did not come to an end: it is ended
        if not running.ended.done():
            running.kill()
            await asyncio.shield(running.ended)

    # volumes of a running machine
    async def attach(self, machine: str, volume: Attachment) -> None:
        await self.world.ask("attach", machine=machine, volume=volume.volume, path=str(volume.path), names=volume.names, read_only=volume.read_only)

    async def detach(self, machine: str, volume: str) -> bool:
        """Whether it is busy: still mounted, and gone for good only when it is no more."""
        said, _ = await self.world.ask("detach", machine=machine, volume=volume)
        return bool(said["busy"])

    async def busy(self, volume: str) -> bool:
        """Whether a volume that was detached is still mounted somewhere."""
        said, _ = await self.world.ask("busy", volume=volume)
        return bool(said["busy"])

    async def pause(self, seconds: float) -> None:
        """For those who have to look again and again."""
        await asyncio.sleep(seconds)

    async def grow(self, volume: str) -> None:
        """Its file has become larger."""
        await self.world.ask("grow", volume=volume)

