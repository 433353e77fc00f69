"""A database server's process: begun in mount, PID and network spaces of its own as a user without rights, killed with Cloche.

Where Cloche does not run as root the server runs as Cloche's own user, in no space of its own.
"""
from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = os.geteuid() == 0
HERE = "/mnt"           # where a server of root's finds its folder
OTHER = "/media"        # and, for a replica, its source's


class Unavailable(Exception):
    """This machine has not what a server needs."""


class Failed(Exception):
    """A server that did not come up, or said no; with its own last words."""


def user() -> tuple[int, int]:
    """Whom a server runs as: never root."""
    if not ROOT:
        return os.getuid(), os.getgid()
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid


def program(name: str, *places: str) -> str | None:
    """The newest of what the packages brought."""
    found = shutil.which(name)
    if found:
        return found
    there = [path for place in places for path in Path("/").glob(f"{place.lstrip('/')}/{name}")]
    return str(max(there, key=lambda path: [int(part) if part.isdigit() else 0 for part in path.parts])) if there else None


@cache
def version(name: str, pattern: str, *places: str, flag: str = "--version") -> str | None:
    """Of a server that this machine has; None without one."""
    path = program(name, *places)
    if path is None:
        return None
    found = re.search(pattern, subprocess.run([path, flag], capture_output=True, text=True, check=False).stdout)
    return found and found.group(1)


def needed(name: str, package: str, *places: str) -> str:
    """The path of a program, or Unavailable with what brings it."""
    found = program(name, *places)
    if found is None:
        raise Unavailable(f"there is no {name} on this machine; Debian's package {package} brings it")
    return found


def own(*folders: Path) -> None:
    """The folders, made, and the server's own."""
    uid, gid = user()
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        if ROOT:
            os.chown(folder, uid, gid)
        folder.chmod(0o700)


def copy(source: Path, target: Path) -> None:
    """A folder with all in it, owners too; sockets and marks of running are not taken along."""
    shutil.copytree(source, target, symlinks=True, ignore=lambda _, names: [name for name in names if name.startswith(".s.") or name.endswith((".sock", ".pid"))])
    if ROOT:
        uid, gid = user()
        for folder, _, names in os.walk(target):
            os.chown(folder, uid, gid)
            for name in names:
                os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)
    target.chmod(0o700)


def within(folder: Path, argv: list[str], other: Path | None = None, network: bool = False) -> list[str]:
    """`argv` in spaces of its own, where the folder is HERE. `network`: it has the host's loopback, for others of its kind."""
    if not ROOT:
        return ["setpriv", "--pdeathsig", "KILL", *argv]
    uid, gid = user()
    binds = 'mount --bind "$1" /mnt && shift && if [ -n "$1" ]; then mount --bind "$1" /media; fi && shift && cd /mnt && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", *([] if network else ["--net"]), "--ipc", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private", "sh", "-c", binds, "sh",
            str(folder), str(other or ""), "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--pdeathsig", "KILL", *argv]  # said again: a change of user forgets it


class Socket:
    """A server's socket, whatever the length of its path: unix sockets' names are short, folders' are not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self) -> socket.socket:
        folder = os.open(self.path.parent, os.O_PATH)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(f"/proc/self/fd/{folder}/{self.path.name}")
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        finally:
            os.close(folder)
        return sock


class Process:
    """One server, from its start to its end."""

    def __init__(self, folder: Path, argv: list[str], ready: Socket, environment: dict[str, str] | None = None, other: Path | None = None, network: bool = False) -> None:
        self.folder, self.argv, self.ready, self.environment, self.other, self.network = folder, argv, ready, environment or {}, other, network
        self.process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, seconds: float = 20.0) -> None:
        """Returns when its socket answers; raises Failed with what it said last."""
        with contextlib.suppress(FileNotFoundError):
            self.ready.path.unlink()
        log = self.folder / "out.log"
        with log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(*within(self.folder, self.argv, self.other, self.network), stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                                                                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "HOME": HERE if ROOT else str(self.folder)} | self.environment)
        until = asyncio.get_running_loop().time() + seconds
        while True:
            with contextlib.suppress(OSError):
                self.ready.connect().close()
                return
            if not self.running or asyncio.get_running_loop().time() > until:
                await self.kill()
                raise Failed(log.read_text(errors="replace")[-2000:])
            await asyncio.sleep(0.02)

    def tree(self) -> list[int]:
        """All of its processes, parents first."""
        if self.process is None or self.process.returncode is not None:
            return []
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def send(self, number: int, pids: Iterable[int] | None = None) -> None:
        for pid in self.tree() if pids is None else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        """Nothing of it moves until `thaw`: what lies on disk is of one moment."""
        stopped: set[int] = set()
        while left := [pid for pid in self.tree() if pid not in stopped]:
            self.send(signal.SIGSTOP, left)
            stopped |= set(left)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    async def stop(self, number: int = signal.SIGINT, seconds: float = 15.0) -> None:
        """Ask the server itself, and kill what does not listen."""
        process, pids = self.process, self.tree()
        if process is None or process.returncode is not None:
            return
        servers = [pid for pid in pids if _name(pid) not in ("unshare", "setpriv", "sh")]
        self.send(number, servers[:1])
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.send(signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


async def run(argv: list[str], *, stdin: bytes = b"", environment: dict[str, str] | None = None, seconds: float = 60.0, pass_fds: tuple[int, ...] = ()) -> bytes:
    """A program's answer; raises Failed with what it said instead."""
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd="/", pass_fds=pass_fds,
                                                   env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"} | (environment or {}))
    try:
        out, error = await asyncio.wait_for(process.communicate(stdin), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Failed(f"{argv[0]} took too long") from None
    if process.returncode:
        raise Failed(error.decode(errors="replace")[-2000:] or out.decode(errors="replace")[-2000:])
    return out
