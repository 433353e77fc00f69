"""smithy-rpc-v2-cbor: the protocol, and as much of CBOR as it speaks.

CBOR carries its own types, so reading needs the model only for forgiveness; writing needs it for timestamps (tag 1).
"""
from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..http import Request, Response
from ..model import Model, Operation, Shape
from . import json, stream
from .refusal import Invalid

MAX_DEPTH = 64


class Bad(ValueError):
    pass


# -- decoding ---------------------------------------------------------------------------------------------------------


def loads(data: bytes) -> Any:
    value, at = _item(data, 0, 0)
    if at != len(data):
        raise Bad("trailing bytes")
    return value


_BREAK: Any = object()


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise Bad("too deep")
    if at >= len(data):
        raise Bad("unexpected end")
    first = data[at]
    at += 1
    major, info = first >> 5, first & 31
    if major == 7:
        return _simple(data, at, info)
    if info < 24:
        size: int | None = info
    elif info == 24:
        size, at = _uint(data, at, 1)
    elif info == 25:
        size, at = _uint(data, at, 2)
    elif info == 26:
        size, at = _uint(data, at, 4)
    elif info == 27:
        size, at = _uint(data, at, 8)
    elif info == 31 and major in (2, 3, 4, 5):
        size = None
    else:
        raise Bad("malformed head")
    if major == 0:
        return size, at
    if major == 1:
        return -1 - size, at  # type: ignore[operator]
    if major in (2, 3):
        return _text(data, at, size, major, depth)
    if major == 4:
        return _array(data, at, size, depth)
    if major == 5:
        return _map(data, at, size, depth)
    return _tagged(data, at, size, depth)


def _uint(data: bytes, at: int, n: int) -> tuple[int, int]:
    if at + n > len(data):
        raise Bad("unexpected end")
    return int.from_bytes(data[at : at + n], "big"), at + n


def _simple(data: bytes, at: int, info: int) -> tuple[Any, int]:
    if info in (20, 21):
        return info == 21, at
    if info in (22, 23):
        return None, at
    if info == 31:
        return _BREAK, at
    if info in (25, 26, 27):
        n, code = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}[info]
        if at + n > len(data):
            raise Bad("unexpected end")
        return struct.unpack_from(code, data, at)[0], at + n
    raise Bad("unknown simple value")


def _text(data: bytes, at: int, size: int | None, major: int, depth: int) -> tuple[Any, int]:
    if size is None:
        parts = []
        while True:
            value, at = _item(data, at, depth + 1)
            if value is _BREAK:
                break
            if not isinstance(value, (str, bytes)):
                raise Bad("a chunk of another type")
            parts.append(value.encode() if isinstance(value, str) else value)
        raw = b"".join(parts)
    else:
        if at + size > len(data):
            raise Bad("unexpected end")
        raw, at = data[at : at + size], at + size
    if major == 2:
        return raw, at
    try:
        return raw.decode(), at
    except UnicodeDecodeError as error:
        raise Bad(str(error)) from None


def _array(data: bytes, at: int, size: int | None, depth: int) -> tuple[Any, int]:
    out: list[Any] = []
    while size is None or len(out) < size:
        value, at = _item(data, at, depth + 1)
        if value is _BREAK:
            if size is not None:
                raise Bad("unexpected break")
            break
        out.append(value)
    return out, at


def _map(data: bytes, at: int, size: int | None, depth: int) -> tuple[Any, int]:
    out: dict[Any, Any] = {}
    n = 0
    while size is None or n < size:
        key, at = _item(data, at, depth + 1)
        if key is _BREAK:
            if size is not None:
                raise Bad("unexpected break")
            break
        if not isinstance(key, str):
            raise Bad("a key that is not text")
        value, at = _item(data, at, depth + 1)
        if value is _BREAK:
            raise Bad("unexpected break")
        out[key] = value
        n += 1
    return out, at


def _tagged(data: bytes, at: int, tag: int | None, depth: int) -> tuple[Any, int]:
    value, at = _item(data, at, depth + 1)
    if tag == 1:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Bad("a timestamp that is no number")
        return float(value), at
    if tag in (2, 3) and isinstance(value, bytes):
        number = int.from_bytes(value, "big")
        return (number if tag == 2 else -1 - number), at
    return value, at


# -- encoding ---------------------------------------------------------------------------------------------------------


def _head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes(((major << 5) | n,))
    if n < 0x100:
        return bytes(((major << 5) | 24, n))
    if n < 0x10000:
        return struct.pack(">BH", (major << 5) | 25, n)
    if n < 0x100000000:
        return struct.pack(">BI", (major << 5) | 26, n)
    return struct.pack(">BQ", (major << 5) | 27, n)


def dumps(value: Any) -> bytes:
    """A value whose types say all: for errors' extra members and documents."""
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode()
        return _head(3, len(raw)) + raw
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join([dumps(k) + dumps(v) for k, v in value.items()])
    return _head(4, len(value)) + b"".join([dumps(v) for v in value])


def encoder(shape: Shape) -> Callable[[Any], bytes]:
    made = shape.__dict__.get("_cbor")
    if made is None:
        if "_cbor!" in shape.__dict__:
            return lambda value: shape.__dict__["_cbor"](value)
        shape.__dict__["_cbor!"] = True
        made = shape.__dict__["_cbor"] = _encoder(shape)
    return made


def _encoder(shape: Shape) -> Callable[[Any], bytes]:
    kind = shape.type
    if kind == "structure" and not shape.spec.get("document"):
        parts = {n: (dumps(n), encoder(s)) for n, (s, _) in shape.members.items()}

        def structure(value: dict[str, Any]) -> bytes:
            items = [(p[0] + p[1](v)) for n, v in value.items() if v is not None and (p := parts.get(n))]
            return _head(5, len(items)) + b"".join(items)

        return structure
    if kind == "list":
        one = encoder(shape.item)
        return lambda value: _head(4, len(value)) + b"".join([b"\xf6" if v is None else one(v) for v in value])
    if kind == "map":
        each = encoder(shape.value)
        return lambda value: _head(5, len(value)) + b"".join([dumps(k) + (b"\xf6" if v is None else each(v)) for k, v in value.items()])
    if kind == "timestamp":
        return lambda value: b"\xc1\xfb" + struct.pack(">d", value)
    if kind in ("float", "double"):
        return lambda value: b"\xfb" + struct.pack(">d", value)
    if kind == "blob":
        return lambda value: dumps(value.encode() if isinstance(value, str) else value)
    return dumps


def to_bytes(shape: Shape | None, value: Any) -> bytes:
    return encoder(shape)(value or {}) if shape is not None else b"\xa0"


# -- the protocol -----------------------------------------------------------------------------------------------------


def read(op: Operation, request: Request) -> dict[str, Any]:
    if op.input is None or not request.body:
        return {}
    try:
        value = loads(request.body)
    except (Bad, RecursionError) as error:
        raise Invalid("SerializationException", str(error)) from None
    return fit(op.input, value)


def fit(shape: Shape, value: Any) -> Any:
    """Known members of the right types; null is absent."""
    kind = shape.type
    if kind == "structure" and not shape.spec.get("document"):
        if not isinstance(value, dict):
            raise json._wrong(value, "structure")
        members = shape.members
        return {n: fit(members[n][0], v) for n, v in value.items() if v is not None and n in members}
    if kind == "list":
        if not isinstance(value, list):
            raise json._wrong(value, "list")
        sparse = shape.spec.get("sparse")
        return [None if v is None else fit(shape.item, v) for v in value if v is not None or sparse]
    if kind == "map":
        if not isinstance(value, dict):
            raise json._wrong(value, "map")
        sparse = shape.spec.get("sparse")
        return {k: None if v is None else fit(shape.value, v) for k, v in value.items() if v is not None or sparse}
    if kind == "blob":
        if not isinstance(value, bytes):
            raise json._wrong(value, "ByteBuffer")
        return value
    return json.lenient(shape, value, {}, "")


def _headers(request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-requestid", request_id), ("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]


def write(op: Operation, value: Any, request_id: str) -> Response:
    member = op.eventstream_output
    if member:
        shape = op.output.members[member][0]  # type: ignore[union-attr]
        initial = {k: v for k, v in (value or {}).items() if k != member}
        head = _headers(request_id)
        head[2] = ("content-type", "application/vnd.amazon.eventstream")
        return Response(200, head, stream.outgoing(shape, (value or {}).get(member), "rpc-v2-cbor", to_bytes(op.output, initial)))
    if op.output is None:
        return Response(200, _headers(request_id)[:2], b"")
    return Response(200, _headers(request_id), to_bytes(op.output, value))


def write_error(model: Model, error: Any, request_id: str) -> Response:
    shape = model.errors.get(error.code)
    name = shape.name if shape is not None else error.code
    out = {"__type": dumps(name), json.message_key(model, shape): dumps(error.message)}
    for key, value in (error.extra or {}).items():
        out[key] = encoder(shape.members[key][0])(value) if shape is not None and key in shape.members else dumps(value)
    body = _head(5, len(out)) + b"".join([dumps(k) + v for k, v in out.items()])
    headers = _headers(request_id)
    if "awsQueryCompatible" in model.meta:
        headers.append(("x-amzn-query-error", json.query_error(model, error)))
    headers.extend(dict(error.headers or {}).items())
    return Response(error.status, headers, body)
