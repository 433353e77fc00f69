"""The world as the server sees it: a line to the holder, and the machines that run in it."""
from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..run.cgroups import Cgroups
from . import uplink
from .containers import Container
from .line import Line, WorldError, command
from .machines import Machine, Machines

HOLDER = Path(__file__).with_name("inside") / "holder.py"
START_SECONDS = 20.0
RUN_SECONDS = 60.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
log = logging.getLogger("cloche")


class Unavailable(WorldError):
    """This machine cannot hold a world; the text says what to do."""


class World:
    """`data` is a directory of the server's, made when it is needed; `trust` a file of certificates that the programs of all machines believe."""

    def __init__(self, data: Path, trust: Path | None = None) -> None:
        self.data, self.trust = data, trust
        self.rootless = os.geteuid() != 0
        self.names: set[str] = set()
        self.pid = 0  # the holder's, as the host counts
        self.shift = 0  # what uid 0 of a machine is on disk
        self.lacks = ""  # what machines cannot have here, if anything
        self.on_end: list[Callable[[], None]] = []  # called when the holder is gone though nobody closed it
        self.line: Line | None = None
        self.machines = Machines(self)
        self._mounting: set[asyncio.Task[None]] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._started: asyncio.Future[None] | None = None

    # its life
    async def start(self) -> None:
        """Once is enough; who comes second waits for the first. After the holder's death it starts a new, empty world."""
        if self._started is None or (self._started.done() and not self.running):
            self._started = asyncio.ensure_future(self._start())
        await asyncio.shield(self._started)

    async def _start(self) -> None:
        if reason := lacking():
            raise Unavailable(reason)
        self.names.clear()
        self.cgroups = Cgroups()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        groups = ",".join(map(str, self.cgroups.bases.values()))
        argv = [sys.executable, "-I", "-S", str(HOLDER), str(theirs.fileno()), "rootless" if self.rootless else "root", groups]
        self._process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={})
        theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            text = await asyncio.wait_for(loop.sock_recv(ours, 1 << 16), START_SECONDS)
            said = json.loads(text) if text else {"error": "it ended at once", "errno": 0}
            if "error" in said:
                ours.close()
                await asyncio.to_thread(self._process.wait)
                raise Unavailable(advice(said["error"], self.rootless), said["errno"])
            self.pid = said.get("pid", self.pid)
            if "hello" in said:
                break
        self.shift, self.lacks = said["shift"], said["lacks"]
        self.line = Line(ours, self._news, self._gone)

    @property
    def running(self) -> bool:
        return self.line is not None and self.line.open

    async def close(self) -> None:
        """End all of it; when this returns nothing is left."""
        if self.line is not None:
            self.line.close()
        self.names.clear()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
            self._process = None
            self.machines.lost()

    def _gone(self) -> None:
        self.names.clear()
        log.error("the holder of the world ended; namespaces, machines and volumes are gone")
        self.machines.lost()
        for tell in self.on_end:
            tell()

    def _news(self, said: dict[str, Any], _: list[int]) -> None:
        if said["event"] == "mount":
            self._mounting.add(task := asyncio.ensure_future(self.machines.mount(said)))
            task.add_done_callback(self._mounting.discard)
        else:
            self.machines.ended(said["machine"], said["code"])

    async def ask(self, do: str, fds: tuple[int, ...] = (), **order: Any) -> tuple[dict[str, Any], list[int]]:
        """One order to the holder. Raises WorldError with the kernel's reason."""
        return await self._line().ask(do, fds, **order)

    def _line(self) -> Line:
        if self.line is None or not self.line.open:
            raise WorldError("The world is not running.")
        return self.line

    # network namespaces
    async def namespace(self, name: str) -> None:
        """A network namespace of that name, with nothing but loopback; it may be there already. One for an instance (`i-...`) belongs to the
        machines' root, who may then set addresses and filters in it."""
        if not NAME.fullmatch(name):
            raise WorldError(f"{name!r} is no name for a namespace")
        await self.ask("namespace", name=name, guest=name.startswith("i-"))
        self.names.add(name)

    async def drop(self, name: str) -> None:
        """Forget it. The kernel removes it, with its links, when no process and no socket made in it is left."""
        self.names.discard(name)
        await self.ask("drop", name=name)

    async def descriptor(self, name: str) -> int:
        """The namespace itself, for who puts a process of another kind into it (only as root). Whoever gets it closes it."""
        _, fds = await self.ask("descriptor", name=name)
        return fds[0]

    async def run(self, name: str, argv: list[str], stdin: bytes = b"", timeout: float = RUN_SECONDS) -> tuple[int, bytes, bytes]:
        """A command of the host inside a network namespace ("" is the holder's own, which is connected with nothing). Other namespaces are known
        to `ip` by their names. After `timeout` it is killed: code -9."""
        return await command(self._line(), "run", stdin, timeout, name=name, argv=argv)

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

    async def uplink(self, wanted: str) -> None:
        """The host's way to Cloche's own public addresses; raises WorldError where there is none, with the reason."""
        await uplink.join(self, wanted)

    # machines
    async def boot(self, machine: Machine | Container) -> None:
        """When this returns its first process runs, under its limits, in its network; user data has begun."""
        await self.machines.boot(machine)

    async def execute(self, machine: str, argv: list[str], stdin: bytes = b"", user: str = "root", timeout: float = RUN_SECONDS, **more: Any) -> tuple[int, bytes, bytes]:
        """A command in a machine, whatever its network says; `environment` and `directory` may be given."""
        return await self.machines.execute(machine, argv, stdin, user, timeout, **more)

    def console(self, machine: str) -> bytes:
        """The last 64 KiB that it said on its console, also after its end."""
        return self.machines.console(machine)

    async def halt(self, machine: str, how: str = "halt") -> None:
        """Ask it to end ("halt", "reboot"); it is ended when it has not within some seconds. Returns when nothing of it is left."""
        await self.machines.halt(machine, how)


def lacking() -> str:
    """What this machine has not, as a sentence that says what to do; "" if nothing is known to be wrong."""
    if os.uname().sysname != "Linux":
        return "Networks and instances are made of Linux namespaces, and this machine has none: start with `cloche up --compute none`, or run Cloche on Linux."
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for name, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(name, path=path) is None:
            return f"`{name}` is not installed: apt-get install {package} (or start with `cloche up --compute none`)."
    return ""


def advice(error: str, rootless: bool) -> str:
    if rootless:
        return (f"This kernel gives no namespaces to ordinary users ({error}): allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu "
                "kernel.apparmor_restrict_unprivileged_userns=0), run Cloche as root, or start with `cloche up --compute none`.")
    return f"Namespaces could not be made ({error}): Cloche needs CAP_SYS_ADMIN and CAP_NET_ADMIN here (in a container: --privileged), or `cloche up --compute none`."
