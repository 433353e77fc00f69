"""Who speaks for a Redis server: what clients send passes as it is, but for commands that ElastiCache does not have.

Such a command's name goes on with zero bytes at its end (how many, `redis.py` finds out of the server), so that the server itself answers `ERR unknown command` in its place among the answers: what it says ends at
the zero.
"""
from __future__ import annotations

import asyncio

from . import passing
from .process import Socket

WITHHELD = {b"PSYNC", b"SYNC", b"REPLCONF", b"MODULE"}     # and of ACL:
ACL = {b"SETUSER", b"DELUSER", b"LOAD", b"SAVE", b"LOG"}
MOST = 64 * 1024       # bytes of a line, and of a name


class Filter:
    """A client's bytes, command by command (https://redis.io/docs/latest/develop/reference/protocol-spec). `end`: what makes a name unknown. ValueError for what is no protocol of Redis'."""

    def __init__(self, end: bytes) -> None:
        self.end = end
        self.kept = b""                          # what cannot be told yet
        self.left = 0                            # arguments of the command under way that are still to come
        self.head: list[bytes] | None = None     # its first ones, until it is known whether it is withheld
        self.bulk = 0                            # bytes of an argument that are still to come

    def pass_on(self, data: bytes) -> bytes:
        """What goes to the server of all that has come."""
        text, at, out = self.kept + data, 0, []
        while at < len(text):
            if self.bulk:
                part = text[at:at + self.bulk]
                at, self.bulk = at + len(part), self.bulk - len(part)
                out.append(part)
                continue
            end = text.find(b"\n", at) + 1
            if not end:
                break
            line = text[at:end]
            if not self.left:
                at = end
                if line[:1] != b"*":
                    out.append(self.inline(line))
                elif (count := int(line[1:])) > 0:
                    self.left, self.head = count, []
                continue
            size = int(line[1:])
            if line[:1] != b"$" or size < 0:
                raise ValueError("a bulk string is expected")
            if self.head is None:
                at, self.left, self.bulk = end, self.left - 1, size + 2
                out.append(line)
                continue
            if size > MOST:
                raise ValueError("too long a name")
            if len(text) < end + size + 2:
                break
            at, self.left = end + size + 2, self.left - 1
            self.head.append(text[end:end + size])
            if not self.left or len(self.head) == 2 or self.head[0].upper() != b"ACL":
                out.append(b"*%d\r\n" % (len(self.head) + self.left) + self.named(self.head))
                self.head = None
        self.kept = text[at:]
        if len(self.kept) > 2 * MOST:
            raise ValueError("a line without end")
        return b"".join(out)

    def withheld(self, head: list[bytes]) -> bool:
        name = head[0].upper()
        return name in WITHHELD or (name == b"ACL" and len(head) > 1 and head[1].upper() in ACL)

    def named(self, head: list[bytes]) -> bytes:
        """The first words of a command, its name unknown if it is withheld."""
        words = [head[0] + self.end, *head[1:]] if self.withheld(head) else head
        return b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def inline(self, line: bytes) -> bytes:
        """A command of one line; a zero cannot stand in one, so a withheld one goes on as the array that it means."""
        words = line.split()
        return b"*%d\r\n" % len(words) + self.named(words) if words and self.withheld(words) else line


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Socket, end: bytes) -> None:
    """One client, until either side has ended."""
    try:
        behind = await asyncio.open_unix_connection(sock=server.connect())
    except OSError:
        writer.close()
        return
    try:
        await passing.both(reader, writer, *behind, change=Filter(end).pass_on)
    finally:
        behind[1].close()
        writer.close()
