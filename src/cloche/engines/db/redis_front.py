"""Who speaks for a Redis server: what clients send passes as it is, but for commands that ElastiCache does not have.

Such a command's name goes on with zero bytes at its end, so that the server itself answers `ERR unknown command` in its place among the answers: its message ends at the zero. Once in some hundred
starts the longer name falls into the real one's place in the server's table, which compares up to the zero: then the access list refuses it (NOPERM); another connection sends another number of zeros.
"""
from __future__ import annotations

import asyncio
from itertools import count

from . import passing
from .process import Socket

WITHHELD = {b"PSYNC", b"SYNC", b"REPLCONF", b"MODULE"}
ACL = {b"SETUSER", b"DELUSER", b"LOAD", b"SAVE", b"LOG"}
MOST_LINE = 64 * 1024
CLIENTS = count()


class Filter:
    """A client's bytes, command by command."""

    def __init__(self) -> None:
        self.kept = b""
        self.left = 0          # arguments of the command under way that are still to come
        self.bulk = 0          # bytes of the argument under way
        self.first = b""       # the command's name, for its first argument
        self.end = b"\0" * (1 + next(CLIENTS) % 7)

    def pass_on(self, data: bytes) -> bytes:
        """What goes to the server of all that has come."""
        self.kept += data
        out: list[bytes] = []
        while self.kept:
            if self.bulk:
                part, self.kept = self.kept[:self.bulk], self.kept[self.bulk:]
                self.bulk -= len(part)
                out.append(part)
                continue
            end = self.kept.find(b"\n")
            if end < 0:
                if len(self.kept) > MOST_LINE:
                    raise ValueError("a line without end")
                break
            line = self.kept[:end + 1]
            if not self.left:
                self.kept = self.kept[end + 1:]
                if line[:1] == b"*":
                    self.left, self.first = max(int(line[1:]), 0), b""
                    self.fresh = True
                    out.append(line)
                else:
                    out.append(self.inline(line))
                continue
            if line[:1] != b"$":
                raise ValueError("a bulk string is expected")
            size = int(line[1:])
            if self.fresh or self.first == b"ACL":      # these are looked at whole
                if size > MOST_LINE:
                    raise ValueError("too long a name")
                if len(self.kept) < end + 1 + size + 2:
                    break
                name = self.kept[end + 1:end + 1 + size]
                self.kept = self.kept[end + 1 + size + 2:]
                self.left -= 1
                shown = name
                if self.fresh:
                    self.first, self.fresh = name.upper(), False
                    if self.first in WITHHELD:
                        shown = name + self.end
                    elif self.first == b"ACL" and self.left:
                        self.held = name
                        continue     # what it is to do decides
                    elif self.first == b"ACL":
                        self.first = b""
                else:
                    bad = name.upper() in ACL
                    self.first = b""
                    acl = self.held + (self.end if bad else b"")
                    out.append(b"$%d\r\n%s\r\n" % (len(acl), acl))
                out.append(b"$%d\r\n%s\r\n" % (len(shown), shown))
                continue
            self.kept = self.kept[end + 1:]
            self.left -= 1
            self.bulk = size + 2
            out.append(line)
        return b"".join(out)

    @staticmethod
    def inline(line: bytes) -> bytes:
        words = line.split()
        if words and (words[0].upper() in WITHHELD or (words[0].upper() == b"ACL" and len(words) > 1 and words[1].upper() in ACL)):
            return line.replace(words[0], words[0] + b"_", 1)
        return line

    fresh = False
    held = b""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Socket) -> None:
    """One client, until either side has ended."""
    try:
        behind = await asyncio.open_unix_connection(sock=server.connect())
    except OSError:
        writer.close()
        return
    try:
        await passing.both(reader, writer, *behind, change=Filter().pass_on)
    finally:
        behind[1].close()
        writer.close()
