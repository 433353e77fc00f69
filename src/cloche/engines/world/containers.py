"""Containers as the server sees them: an image's root with a disk of its own above it, in a network that somebody else made, and one process that is what the container is.

    await world.boot(Container(id="ecs-1", root=..., disk=..., network="eni-1", ...)); main = await containers.start(world, "ecs-1", ["/app"], said)
"""
from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .interactive import Process
from .line import Line, WorldError

if TYPE_CHECKING:
    from .world import World


class Volume(msgspec.Struct, frozen=True):
    """A directory at a place in the container: of the server's, or of a machine ("" is none)."""

    source: str
    target: str
    read_only: bool = False
    machine: str = ""


class Container(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    root: Path                    # of the image; shared, never written
    disk: Path                    # of its own writings
    network: str                  # the namespace
    hostname: str = "localhost"
    environment: dict[str, str] = {}
    files: dict[str, str] = {}    # written into it before it starts
    mounts: tuple[Volume, ...] = ()
    read_only: bool = False
    memory_mb: int = 512
    cpus: float = 0
    volumes: tuple[()] = ()       # block devices: containers have none


class Person(msgspec.Struct, frozen=True):
    uid: int = 0
    gid: int = 0
    home: str = "/root"
    directory: str = "/"

    def order(self) -> dict[str, Any]:
        return {"uid": self.uid, "gid": self.gid, "home": self.home, "directory": self.directory}


class Main:
    """The container's own process. `process.ended` is resolved with its code (negative: the signal) once all that it said has been heard."""

    def __init__(self, line: Line, number: int, process: Process) -> None:
        self.line, self.number, self.process = line, number, process

    def signal(self, number: int) -> None:
        if self.line.open:
            self.line.send("kill", order=self.number, signal=number)


def order(world: World, one: Container) -> dict[str, Any]:
    """For the holder; its disk is made."""
    for part, mode in (("root", 0o755), ("root.work", 0o700)):
        path = one.disk / part
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(mode)
            if world.shift:
                os.chown(path, world.shift, world.shift)
    return {
        "container": True, "name": one.id, "network": one.network, "hostname": one.hostname, "root": str(one.root), "disk": str(one.disk), "environment": one.environment, "files": one.files,
        "read_only": one.read_only, "volumes": [{"source": v.source, "target": v.target, "read_only": v.read_only, "machine": v.machine} for v in one.mounts],
    }


def volume(world: World, path: Path) -> Path:
    """A directory for a volume, the containers' root's."""
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o755)
        if world.shift:
            os.chown(path, world.shift, world.shift)
    return path


async def start(world: World, id_: str, argv: list[str], said: Callable[[bool, bytes], None], person: Person, init: bool = False) -> Main:
    """Run the process. Raises WorldError with `.errno` where it cannot be run."""
    line = world.machines.get(id_).line
    assert line
    stdin = os.open(os.devnull, os.O_RDONLY)
    (stdout, inner_out), (stderr, inner_err) = os.pipe(), os.pipe()
    try:
        started = line.expect()
        number = line.send("main", (stdin, inner_out, inner_err), argv=argv, init=init, **{"with": started}, **person.order())
        code = line.answer(number)
    finally:
        for fd in (stdin, inner_out, inner_err):
            os.close(fd)
    process = Process(-1, stdout, stderr, code)
    process.listen(said)
    try:
        await line.answer(started)
    except WorldError:
        process.hang_up()
        raise
    return Main(line, number, process)


async def execute(world: World, id_: str, argv: list[str], person: Person, timeout: float) -> tuple[int, bytes, bytes]:
    return await world.execute(id_, argv, user="root", timeout=timeout, **person.order())


async def talk(world: World, id_: str, argv: list[str], person: Person, terminal: bool, environment: dict[str, str]) -> Process:
    return await world.machines.open(id_, argv, "root", terminal, environment=environment, **person.order())


def number_of(name: str) -> int:
    """A signal by its name or number."""
    if name.isdigit():
        return int(name)
    return int(getattr(signal, name if name.startswith("SIG") else "SIG" + name, signal.SIGTERM))


def remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
