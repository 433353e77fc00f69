"""Who speaks for a PostgreSQL server: TLS, and tokens in place of passwords. Everything else passes through as it is.

https://www.postgresql.org/docs/current/protocol-message-formats.html. The server trusts members of `rds_iam` on its own socket; that it does is how a connection is known to need a token.
"""
from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable

from . import passing
from .process import Socket

TLS, GSS, CANCEL, VERSION_3 = 80877103, 80877104, 80877102, 196608
MOST = 10_000       # bytes of a startup message

Token = Callable[[str, str, str], Awaitable[bool]]     # of (user, token, the client's address): may they?


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Socket, context: ssl.SSLContext, token: Token, *, tls_only: bool = False) -> None:
    """One client, until either side has ended."""
    behind: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    secure = False
    try:
        while True:
            length, code = struct.unpack("!II", await reader.readexactly(8))
            if not 8 <= length <= MOST:
                return
            body = await reader.readexactly(length - 8)
            if code == TLS and not secure:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
                secure = True
            elif code == GSS:
                writer.write(b"N")
            else:
                break
        first = struct.pack("!II", length, code) + body
        said = {} if code == CANCEL else _parameters(body)
        user = said.get("user", "")
        if code != CANCEL and user == "rdsadmin":
            return _refuse(writer, "28000", f'pg_hba.conf rejects connection for host "{_peer(writer)}", user "rdsadmin", database "{said.get("database", user)}"')
        if code != CANCEL and tls_only and not secure:
            return _refuse(writer, "28000", f'no pg_hba.conf entry for host "{_peer(writer)}", user "{user}", database "{said.get("database", user)}", no encryption')
        try:
            behind = await asyncio.open_unix_connection(sock=server.connect())
        except OSError:
            return _refuse(writer, "57P03", "the database system is starting up")
        behind[1].write(first)
        if code == VERSION_3 and not await _admitted(reader, writer, behind, user, secure, token):
            return
        await passing.both(reader, writer, *behind)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, TimeoutError):
        pass
    finally:
        for each in (writer, behind and behind[1]):
            if each:
                each.close()


async def _admitted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: tuple[asyncio.StreamReader, asyncio.StreamWriter], user: str, secure: bool, token: Token) -> bool:
    """Pass the server's first message on, unless it lets somebody in without a password: then it is a token that is asked for."""
    kind, length = struct.unpack("!cI", await behind[0].readexactly(5))
    body = await behind[0].readexactly(length - 4)
    if (kind, body[:4]) == (b"R", b"\0\0\0\0"):
        if not secure:
            _refuse(writer, "28000", f'no pg_hba.conf entry for host "{_peer(writer)}", user "{user}", no encryption')
            return False
        writer.write(struct.pack("!cII", b"R", 8, 3))
        await writer.drain()
        answer, size = struct.unpack("!cI", await reader.readexactly(5))
        given = (await reader.readexactly(min(size, MOST) - 4)).rstrip(b"\0").decode(errors="replace")
        if answer != b"p" or not await token(user, given, _peer(writer)):
            _refuse(writer, "28000", f'PAM authentication failed for user "{user}"')
            return False
    writer.write(struct.pack("!cI", kind, length) + body)
    return True


def _parameters(body: bytes) -> dict[str, str]:
    parts = body.rstrip(b"\0").decode(errors="replace").split("\0")
    return dict(zip(parts[::2], parts[1::2]))


def _peer(writer: asyncio.StreamWriter) -> str:
    return str((writer.get_extra_info("peername") or ("",))[0])


def _refuse(writer: asyncio.StreamWriter, code: str, why: str) -> None:
    said = b"".join(field + text.encode() + b"\0" for field, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", why))) + b"\0"
    writer.write(struct.pack("!cI", b"E", len(said) + 4) + said)
