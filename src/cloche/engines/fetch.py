"""A small HTTP/1.1 client on the one loop: what API Gateway, SNS and others use to reach somebody's endpoint.

One request, one connection. Redirects are not followed: whoever asked passes the answer on.
"""
from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

from . import shown

LIMIT = 10 << 20
HEAD = 1 << 16


class Fetched(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Unreachable(Exception):
    """No connection, or no HTTP on it."""


async def fetch(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes = b"", *, limit: int = LIMIT, verify: bool = True, thumbprints: frozenset[str] = frozenset(),
    through: socket.socket | None = None, identity: tuple[str, str] | None = None
) -> Fetched:
    """The caller sets the time limit (`asyncio.timeout`). `thumbprints` (SHA-1, hex) names certificates to be trusted although no authority vouches for them.
    `through`: a connected socket to be used, and closed, instead of a connection to where the URL says."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        secure = None
        if parts.scheme == "https":
            secure = ssl.create_default_context()
            if not verify or (thumbprints and await thumbprint(parts.hostname, port) in thumbprints):
                secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
            if identity is not None:
                shown.show(secure, *identity)
        if through is None:
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=HEAD)
        else:
            reader, writer = await asyncio.open_connection(sock=through, ssl=secure, server_hostname=parts.hostname if secure else None, limit=HEAD)
    except (OSError, ValueError, UnicodeError) as error:
        raise Unreachable(str(error)) from None
    try:
        if thumbprints and secure is not None and secure.verify_mode == ssl.CERT_NONE and verify and hashlib.sha1(peer(writer)).hexdigest() not in thumbprints:
            raise ValueError("the certificate is another one now")
        writer.write(head(method, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, headers, len(body)) + body)
        await writer.drain()
        return await answer(reader, method, limit)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise Unreachable(str(error)) from None
    finally:
        writer.close()


def fetch_now(seconds: float, method: str, url: str, headers: list[tuple[str, str]], body: bytes = b"", limit: int = LIMIT) -> Fetched:
    """The same for who is in the middle of a step and cannot wait: everybody else does, so it must be rare and short."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(asyncio.wait_for(fetch(method, url, headers, body, limit=limit), seconds))).result()


def peer(writer: asyncio.StreamWriter) -> bytes:
    return writer.get_extra_info("ssl_object").getpeercert(True) or b""


async def thumbprint(host: str | None, port: int) -> str:
    """SHA-1 of the certificate that a server shows."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=blind)
    found = hashlib.sha1(peer(writer)).hexdigest()
    writer.close()
    return found


def head(method: str, host: str, path: str, query: str, headers: list[tuple[str, str]], size: int) -> bytes:
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {clean(value)}" for name, value in headers if name.lower() not in ("content-length", "transfer-encoding", "connection")]
    if size or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {size}")
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def clean(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


async def answer(reader: asyncio.StreamReader, method: str, limit: int) -> Fetched:
    status, headers = await top(reader)
    while 100 <= status < 200:
        status, headers = await top(reader)
    named = {name.lower(): value for name, value in headers}
    if method == "HEAD" or status in (204, 304):
        return Fetched(status, headers, b"")
    if "chunked" in named.get("transfer-encoding", "").lower():
        return Fetched(status, headers, await chunks(reader, limit))
    if "content-length" in named:
        size = int(named["content-length"])
        if not 0 <= size <= limit:
            raise ValueError("the answer is too long")
        return Fetched(status, headers, await reader.readexactly(size))
    body = await reader.read(limit + 1)
    while len(body) <= limit and (more := await reader.read(limit + 1 - len(body))):
        body += more
    if len(body) > limit:
        raise ValueError("the answer is too long")
    return Fetched(status, headers, body)


async def top(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
    first, *lines = text.rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP")
    headers = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
    return int(rest[:3]), headers


async def chunks(reader: asyncio.StreamReader, limit: int) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        if size < 0 or len(body) + size > limit:
            raise ValueError("the answer is too long")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return body
