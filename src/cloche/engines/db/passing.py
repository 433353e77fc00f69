"""Bytes between a client and a server, as they are."""
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from .process import Socket


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Socket) -> None:
    """One client, until either side has ended."""
    try:
        behind = await asyncio.open_unix_connection(sock=server.connect())
    except OSError:
        writer.close()
        return
    try:
        await both(reader, writer, *behind)
    finally:
        behind[1].close()
        writer.close()


async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other_reader: asyncio.StreamReader, other_writer: asyncio.StreamWriter, change: Callable[[bytes], bytes] | None = None) -> None:
    """Both ways, until one side is done; the other then has nothing to say it to. `change`: what goes on of what the client says; a ValueError ends it."""
    ways = [asyncio.ensure_future(_one(reader, other_writer, change)), asyncio.ensure_future(_one(other_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(ways, timeout=1.0)
    finally:
        for way in ways:
            way.cancel()


async def _one(source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes] | None = None) -> None:
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        while data := await source.read(1 << 16):
            sink.write(change(data) if change is not None else data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()
