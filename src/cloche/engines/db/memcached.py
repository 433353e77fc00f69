"""Memcached: a node of its own, as many threads as its class has cores. The configuration of its cluster its front tells."""
from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path

from . import passing, process
from .process import HERE, ROOT, Process, Socket, own

SOCKET = "memcached.sock"
PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin")


def version() -> str | None:
    return process.version("memcached", r"(\d+\.\d+\.\d+)", *PLACES, flag="-V")


class Memcached:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = Socket(folder / "socket" / SOCKET)
        self.process: Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    async def start(self, megabytes: int, threads: int, more: list[str]) -> None:
        path = process.needed("memcached", "memcached", *PLACES)
        own(self.folder, self.folder / "socket")
        place = HERE if ROOT else str(self.folder)
        self.process = Process(self.folder, [path, "-s", f"{place}/socket/{SOCKET}", "-a", "700", "-m", str(megabytes), "-t", str(threads), *more], self.socket)
        await self.process.start()

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop(signal.SIGTERM)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Socket, nodes: Callable[[], tuple[int, str]]) -> None:
    """One client. `nodes`: the configuration's version and its nodes, as `config get cluster` tells them
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/mem-ug/AutoDiscovery.AddingToYourClientLibrary.html); a plain memcached does not know the command."""
    try:
        behind = await asyncio.open_unix_connection(sock=server.connect())
    except OSError:
        writer.close()
        return

    def change(data: bytes) -> bytes:
        if re.fullmatch(rb"config get cluster\r?\n", data) or re.fullmatch(rb"get AmazonElastiCache:cluster\r?\n", data):
            number, listed = nodes()
            body = f"{number}\n{listed}\n".encode()
            head = b"CONFIG cluster 0 %d" if data.startswith(b"config") else b"VALUE AmazonElastiCache:cluster 0 %d"
            writer.write((head + b"\r\n%s\r\nEND\r\n") % (len(body), body))
            return b""
        return data

    try:
        await passing.both(reader, writer, *behind, change=change)
    finally:
        behind[1].close()
        writer.close()
