"""The two values that everything passes around: a request and a response.

A body of known, small size is collected before anybody sees the request; a larger or chunked one is a stream that its
reader pulls. Header names are lower case; a header that came twice is joined by a comma, as RFC 9110 allows.
"""
from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple


class TooLarge(Exception):
    """The body is longer than its reader was willing to take."""


def inflated(body: bytes, limit: int = 64 << 20) -> bytes:
    """A gzip'ed body, opened; never more than `limit` bytes of it. ValueError if it is none."""
    out = b""
    while True:  # gzips may follow one another
        unpack = zlib.decompressobj(31)
        try:
            out += unpack.decompress(body, limit + 1 - len(out))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(out) > limit:
            raise TooLarge(limit)
        if not unpack.eof:
            raise ValueError("the compressed body ends too early")
        body = unpack.unused_data
        if not body:
            return out


class FileBody(NamedTuple):
    """A stretch of a file, sent without passing through Python where the system can; or what a cipher makes of it."""

    path: str
    offset: int
    length: int
    cipher: Any = None  # has reader(offset), that has update(bytes) -> bytes

    def pieces(self, size: int = 1 << 18) -> Iterator[bytes]:
        """The bytes meant, in order. Blocks on the disk. Raises OSError if the file is shorter than it was."""
        opened = self.cipher.reader(self.offset) if self.cipher is not None else None
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.offset)
            left = self.length
            while left:
                piece = file.read(min(left, size))
                if not piece:
                    raise OSError(f"{self.path} is shorter than it was")
                left -= len(piece)
                yield piece if opened is None else opened.update(piece)

    def read(self, limit: int) -> bytes:
        """At most so many bytes from its start."""
        return b"".join(self._replace(length=min(self.length, limit)).pieces())


class Request:
    __slots__ = ("body", "gone", "headers", "host", "method", "path", "peer", "port", "query", "raw", "secure", "stream", "target", "tls", "tunnel", "via")

    def __init__(
        self, method: str, target: str, headers: dict[str, str], body: bytes = b"", stream: AsyncIterator[bytes] | None = None, secure: bool = False, peer: str = ""
    ) -> None:
        self.method, self.target, self.headers, self.body, self.stream, self.secure, self.peer = method, target, headers, body, stream, secure, peer
        self.path, _, self.query = target.partition("?")
        self.host = headers.get("host", "").lower()
        self.raw: list[tuple[bytes, bytes]] = []  # the headers as they came, for those who must pass them on (API Gateway)
        self.tunnel: AsyncIterator[bytes] | None = None  # of a request to become a websocket: what the client says after a 101, whose body is what it hears
        self.gone: Callable[[Callable[[], None]], None] | None = None  # call back when the client hangs up
        self.port, self.tls = 0, None  # of the peer; what its TLS came to (an ssl.SSLObject), where the socket speaks it
        self.via: dict[str, str] = {}  # condition keys of the way it came: aws:SourceVpc and its like

    async def read(self, limit: int = 64 << 20) -> bytes:
        """The whole body, collected once; afterwards it is in `body`."""
        if self.stream is not None:
            parts, size = [], 0
            async for part in self.stream:
                size += len(part)
                if size > limit:
                    raise TooLarge(limit)
                parts.append(part)
            self.body, self.stream = b"".join(parts), None
        if len(self.body) > limit:
            raise TooLarge(limit)
        return self.body

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


class Response:
    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]] | None = None, body: bytes | AsyncIterator[bytes] | FileBody = b"") -> None:
        self.status, self.headers, self.body = status, [] if headers is None else headers, body

    def __repr__(self) -> str:
        return f"<Response {self.status}>"
