"""AWS's event streams: messages of typed headers and a payload, each length and each byte under a CRC.

Used by S3 Select, Lambda's response streams, Kinesis SubscribeToShard, Logs tail and Transcribe, in both directions.
"""
from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from zlib import crc32

LONGEST_HEADERS = 128 * 1024
LONGEST_MESSAGE = 24 * 1024 * 1024
_FIXED = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


class Corrupt(Exception):
    """Bytes that are no event stream."""


class Byte(int): ...
class Short(int): ...
class Long(int): ...


class Moment(int):
    """Milliseconds since the epoch."""


Value = bool | int | bytes | str | uuid.UUID


def encode(headers: dict[str, Value], payload: bytes) -> bytes:
    head = b"".join([_name(name) + _value(value) for name, value in headers.items()])
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return message + struct.pack(">I", crc32(message))


def event(kind: str, payload: bytes = b"", content_type: str | None = None, headers: dict[str, Value] | None = None) -> bytes:
    given: dict[str, Value] = {":message-type": "event", ":event-type": kind}
    if content_type is not None:
        given[":content-type"] = content_type
    return encode(given | (headers or {}), payload)


def exception(kind: str, payload: bytes, content_type: str = "application/json") -> bytes:
    """A modelled error in the middle of a stream."""
    return encode({":message-type": "exception", ":exception-type": kind, ":content-type": content_type}, payload)


def error(code: str, message: str) -> bytes:
    """An error that the model does not know."""
    return encode({":message-type": "error", ":error-code": code, ":error-message": message}, b"")


def write(stream: Any, values: Iterable[dict[str, Any]], content_type: str, body: Callable[[Any, Any], bytes]) -> Iterator[bytes]:
    """The messages of a modelled stream: `stream` is its union's Shape, `body(shape, value)` writes a structure in the protocol's language."""
    for value in values:
        yield write_one(stream, value, content_type, body)


def write_one(stream: Any, value: dict[str, Any], content_type: str, body: Callable[[Any, Any], bytes]) -> bytes:
    [(name, members)] = value.items()
    shape = stream.members[name][0]
    headers: dict[str, Value] = {}
    payload, kind, rest = b"", None, {}
    for member, item in members.items():
        target, ref = shape.members[member]
        if item is None:
            continue
        if ref.get("eventheader"):
            headers[member] = _typed(target.type, item)
        elif not ref.get("eventpayload"):
            rest[member] = item
        elif target.type == "blob":
            payload, kind = item, "application/octet-stream"
        elif target.type == "string":
            payload, kind = item.encode(), "text/plain"
        else:
            payload, kind = body(target, item), content_type
    if kind is None and (rest or not headers) and shape.members:
        payload, kind = body(shape, rest), content_type
    if shape.spec.get("exception"):
        return exception(name, payload, kind or content_type)
    return event(name, payload, kind, headers)


def _typed(kind: str, value: Any) -> Value:
    if kind == "timestamp":
        return Moment(round(value * 1000))
    return {"long": Long, "short": Short, "byte": Byte}.get(kind, lambda same: same)(value)


def _name(name: str) -> bytes:
    text = name.encode()
    return bytes((len(text),)) + text


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return b"\0" if value else b"\1"
        case Byte():
            return struct.pack(">Bb", 2, value)
        case Short():
            return struct.pack(">Bh", 3, value)
        case Long():
            return struct.pack(">Bq", 5, value)
        case Moment():
            return struct.pack(">Bq", 8, value)
        case int():
            return struct.pack(">Bi", 4, value)
        case bytes():
            return struct.pack(">BH", 6, len(value)) + value
        case str():
            text = value.encode()
            return struct.pack(">BH", 7, len(text)) + text
        case uuid.UUID():
            return b"\x09" + value.bytes
    raise TypeError(f"no event stream header holds a {type(value).__name__}")


class Decoder:
    """Bytes as they come in, messages as they are whole: (headers, payload)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[dict[str, Value], bytes]]:
        self._buffer += data
        messages = []
        while len(self._buffer) >= 12:
            length, head, crc = struct.unpack_from(">III", self._buffer)
            if crc32(self._buffer[:8]) != crc:
                raise Corrupt("the checksum of the prelude is wrong")
            if head > LONGEST_HEADERS or length > LONGEST_MESSAGE or length < head + 16:
                raise Corrupt("the lengths of a message are impossible")
            if len(self._buffer) < length:
                break
            message = bytes(self._buffer[:length])
            del self._buffer[:length]
            if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
                raise Corrupt("the checksum of a message is wrong")
            messages.append((_headers(message[12 : 12 + head]), message[12 + head : -4]))
        return messages

    def finish(self) -> None:
        if self._buffer:
            raise Corrupt("the stream ends inside a message")


def _headers(data: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    at = 0
    try:
        while at < len(data):
            size = data[at]
            name = data[at + 1 : at + 1 + size].decode()
            kind = data[at + 1 + size]
            at += size + 2
            if kind <= 1:
                value: Value = kind == 0
            elif kind in _FIXED:
                [number] = struct.unpack_from(_FIXED[kind], data, at)
                at += struct.calcsize(_FIXED[kind])
                value = {2: Byte, 3: Short, 5: Long, 8: Moment}.get(kind, int)(number)
            elif kind in (6, 7):
                [length] = struct.unpack_from(">H", data, at)
                raw = data[at + 2 : at + 2 + length]
                if len(raw) != length:
                    raise Corrupt("a header is cut off")
                at += 2 + length
                value = raw if kind == 6 else raw.decode()
            elif kind == 9:
                value, at = uuid.UUID(bytes=data[at : at + 16]), at + 16
            else:
                raise Corrupt(f"no header has type {kind}")
            found[name] = value
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as reason:
        raise Corrupt("a header is cut off") from reason
    return found
