"""WebSocket frames (RFC 6455), the server's side: the answer to a handshake, messages out of bytes, frames for messages. Pure."""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT = 1 << 20  # of one message


class Broken(Exception):
    """The other side does not speak WebSocket; the text says how."""


def accept(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def frame(kind: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | kind, size))
    elif size < 1 << 16:
        head = bytes((0x80 | kind, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | kind, 127)) + size.to_bytes(8, "big")
    return head + payload


class Reader:
    """`feed` bytes as they come, get messages: (kind, payload); fragments are put together, control frames come between them."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.kind = 0
        self.parts = bytearray()
        self.longest = 0  # the longest frame so far

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        self.buffer += data
        while (one := self._frame()) is not None:
            final, kind, payload = one
            if kind >= CLOSE:
                yield kind, payload
                continue
            if kind:
                self.kind, self.parts = kind, bytearray()
            self.parts += payload
            if len(self.parts) > LIMIT:
                raise Broken("a message is too long")
            if final:
                yield self.kind, bytes(self.parts)
                self.parts = bytearray()

    def _frame(self) -> tuple[bool, int, bytes] | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(buffer[2:10], "big"), 10
        if not buffer[1] & 0x80:
            raise Broken("a client's frame is not masked")
        if size > LIMIT:
            raise Broken("a frame is too long")
        if len(buffer) < at + 4 + size:
            return None
        mask, payload = buffer[at:at + 4], buffer[at + 4:at + 4 + size]
        long = int.from_bytes(payload, "big") ^ int.from_bytes((bytes(mask) * (size // 4 + 1))[:size], "big")
        final, kind = bool(buffer[0] & 0x80), buffer[0] & 0x0F
        self.longest = max(self.longest, size)
        del buffer[:at + 4 + size]
        return final, kind, long.to_bytes(size, "big")
