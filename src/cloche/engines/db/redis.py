"""Redis: a server of its own, replicas of it, and an administrator whom clients cannot be.

What ElastiCache withholds the server itself has under names that nobody knows but Cloche; what replicas need under its own name (PSYNC) the front keeps from clients.
"""
from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from . import process, redis_front
from .process import HERE, ROOT, Failed, Process, Socket, copy, own

ADMIN = "elasticache-admin"
SOCKET = "redis.sock"
PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin")
HIDDEN = ("CONFIG", "DEBUG", "SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN", "MIGRATE", "REPLICAOF", "SLAVEOF")
WITHHELD = "-psync -sync -replconf -acl|setuser -acl|deluser -acl|load -acl|save -acl|log -cluster|meet -module"


def version() -> str | None:
    return process.version("redis-server", r"v=(\d+\.\d+\.\d+)", *PLACES)


class Redis:
    """One node. `secret` hides the withheld commands and is the administrator's password; nodes of a group share it."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder, self.secret = folder, secret
        self.socket = Socket(folder / "socket" / SOCKET)
        self.end = b""     # see redis_front.py
        self.process: Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def hidden(self, command: str) -> str:
        return f"{command}-{self.secret}"

    async def start(self, settings: dict[str, str], users: list[str], *, port: int = 0, source: int | None = None) -> None:
        """`port`: on the loopback, for its replicas; `source`: the port that it is a replica of. `users`: lines of an access list."""
        path = process.needed("redis-server", "redis-server", *PLACES)
        own(self.folder, self.folder / "socket", self.folder / "data")
        place = HERE if ROOT else str(self.folder)
        begins = (self.folder / "data" / "dump.rdb").exists() and not (self.folder / "data" / "appendonlydir").exists()     # a snapshot is read only by who keeps no log yet
        (self.folder / "users.acl").write_text("\n".join([f"user {ADMIN} on >{self.secret} ~* &* +@all", *users]) + "\n")
        lines = [f"unixsocket {place}/socket/{SOCKET}", "unixsocketperm 700", f"port {port}", "bind 127.0.0.1", "daemonize no", f"dir {place}/data", f"appendonly {'no' if begins else 'yes'}", "appendfsync no", "save \"\"",
                 f"aclfile {place}/users.acl", f"masteruser {ADMIN}", f"masterauth {self.secret}", "protected-mode no", "repl-diskless-sync-delay 0", *(f"rename-command {name} {self.hidden(name)}" for name in HIDDEN),
                 *(f'{name} "{value}"' for name, value in settings.items())]
        if source is not None:
            lines.append(f"replicaof 127.0.0.1 {source}")
        (self.folder / "redis.conf").write_text("\n".join(lines) + "\n")
        self.process = Process(self.folder, [path, f"{place}/redis.conf"], self.socket, network=bool(port or source))
        await self.process.start()
        for _ in range(500):
            if not str(await self.ask("PING")).startswith("LOADING"):
                if begins:
                    await self.keep_log()
                self.end = await self.unknown()
                return
            await asyncio.sleep(0.02)
        raise Failed("the server goes on loading")

    async def unknown(self) -> bytes:
        """What makes a withheld name unknown. The server compares names up to a zero, but only with those of the same place in its table, which is chosen anew at every start:
        so the number of zeros is asked for."""
        names = [name.decode() for name in (*redis_front.WITHHELD, b"ACL")]
        for count in range(1, 100):
            end = "\0" * count
            if await self.ask("COMMAND", "INFO", *(name + end for name in names)) == [None] * len(names):
                return end.encode()
        raise Failed("every longer name is a command's")

    async def keep_log(self) -> None:
        """From now on; a server that still writes the beginning of its log does not end when it is asked to."""
        await self.ask(self.hidden("CONFIG"), "SET", "appendonly", "yes")
        for _ in range(250):
            said = str(await self.ask("INFO", "persistence"))
            if "aof_rewrite_in_progress:0" in said and "aof_rewrite_scheduled:0" in said:
                return
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop(signal.SIGTERM)

    async def ask(self, *command: str) -> str | int | list[object] | None:
        """The answer to one command, as the administrator; an error's text as it is."""
        reader, writer = await asyncio.open_unix_connection(sock=self.socket.connect())
        try:
            writer.write(packed("AUTH", ADMIN, self.secret) + packed(*command))
            await reply(reader)
            return await asyncio.wait_for(reply(reader), 20)
        finally:
            writer.close()

    async def lead(self) -> None:
        await self.ask(self.hidden("REPLICAOF"), "NO", "ONE")

    async def follow(self, port: int) -> None:
        """Become the replica of who listens there; returns when it has what that one has, or after four seconds."""
        await self.ask(self.hidden("REPLICAOF"), "127.0.0.1", str(port))
        for _ in range(200):
            role = await self.ask("ROLE")
            if isinstance(role, list) and role[0] == "slave" and role[3] == "connected":
                return
            await asyncio.sleep(0.02)

    async def saved(self, target: Path) -> None:
        """A snapshot: the file that a server begins with."""
        said = await self.ask(self.hidden("SAVE"))
        if said != "OK":
            raise Failed(str(said))
        target.mkdir(parents=True, exist_ok=True)
        (target / "dump.rdb").write_bytes((self.folder / "data" / "dump.rdb").read_bytes())

    def restored(self, source: Path) -> None:
        own(self.folder)
        copy(source, self.folder / "data")


def packed(*parts: str) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part.encode()), part.encode()) for part in parts)


async def reply(reader: asyncio.StreamReader) -> str | int | list[object] | None:
    line = (await reader.readline()).rstrip(b"\r\n")
    if not line:
        raise Failed("the server hung up")
    kind, rest = line[:1], line[1:]
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else (await reader.readexactly(int(rest) + 2))[:-2].decode(errors="replace")
    if kind == b"*":
        return [await reply(reader) for _ in range(int(rest))]
    return rest.decode(errors="replace")
