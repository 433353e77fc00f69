"""Event streams between our side's `{EventName: {...}}` and framed messages.

An outgoing stream is an (async) iterable of one-key dicts; an incoming one becomes an async iterator of the same.
"""
from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

from ..http import Request
from ..model import Shape
from . import json, xml


def outgoing(shape: Shape, events: Any, protocol: str, initial: bytes | None = None) -> AsyncIterator[bytes]:
    """Frames of the events; an exception that the stream's shape names ends it as an exception event."""
    return _frames(shape, events, protocol, initial)


async def _frames(shape: Shape, events: Any, protocol: str, initial: bytes | None) -> AsyncIterator[bytes]:
    from .. import eventstream

    if initial is not None:
        head = {":message-type": "event", ":event-type": "initial-response", ":content-type": _TYPES[protocol]}
        yield eventstream.encode(head, initial)
    try:
        if hasattr(events, "__aiter__"):
            async for event in events:
                yield frame(shape, event, protocol)
        else:
            for event in events or ():
                if inspect.isawaitable(event):
                    event = await event
                yield frame(shape, event, protocol)
    except Exception as error:
        code = getattr(error, "code", None)
        if code is None:
            raise
        yield exception(shape, error, protocol)


_TYPES = {"rest-xml": "text/xml", "rest-json": "application/json", "json": "application/json", "rpc-v2-cbor": "application/cbor"}


def _encoder(protocol: str) -> Callable[[Shape, Any], bytes]:
    if protocol == "rest-xml":
        return lambda shape, value: f"<{shape.name}>{xml.writer(shape, xml.REST)(value)}</{shape.name}>".encode()
    if protocol == "rpc-v2-cbor":
        from . import cbor

        return cbor.to_bytes
    return json.to_bytes


def frame(shape: Shape, event: dict[str, Any], protocol: str) -> bytes:
    from .. import eventstream

    (name, value), *_ = event.items()
    target, _ = shape.members[name]
    value = value or {}
    headers: dict[str, Any] = {":message-type": "event", ":event-type": name}
    payload, content = b"", ""
    bodied = {}
    for member, (kind, ref) in target.members.items():
        item = value.get(member)
        if item is None:
            continue
        if ref.get("eventheader"):
            headers[member] = item
        elif ref.get("eventpayload"):
            if kind.type == "blob":
                payload, content = item, "application/octet-stream"
            elif kind.type == "string":
                payload, content = item.encode(), "text/plain"
            else:
                payload, content = _encoder(protocol)(kind, item), _TYPES[protocol]
        else:
            bodied[member] = item
    if bodied and not content:
        payload, content = _encoder(protocol)(target, bodied), _TYPES[protocol]
    elif not content and target.members and protocol != "rest-xml" and not any(r.get("eventpayload") or r.get("eventheader") for _, r in target.members.values()):
        payload, content = _encoder(protocol)(target, {}), _TYPES[protocol]
    if content:
        headers[":content-type"] = content
    return eventstream.encode(headers, payload)


def exception(shape: Shape, error: Any, protocol: str) -> bytes:
    from .. import eventstream

    for name, (target, _) in shape.members.items():
        if target.spec.get("exception") and target.code == error.code:
            key = json.message_key(shape.model, target)
            body = _encoder(protocol)(target, {key: error.message, **(error.extra or {})})
            return eventstream.encode({":message-type": "exception", ":exception-type": name, ":content-type": _TYPES[protocol]}, body)
    return eventstream.encode({":message-type": "error", ":error-code": error.code, ":error-message": error.message}, b"")


async def incoming(shape: Shape, request: Request, protocol: str) -> AsyncIterator[dict[str, Any]]:
    """Events as the client sends them."""
    from .. import eventstream

    decoder = eventstream.Decoder()

    async def chunks() -> AsyncIterator[bytes]:
        if request.stream is None:
            yield request.body
        else:
            async for chunk in request.stream:
                yield chunk

    async for chunk in chunks():
        for headers, payload in decoder.feed(chunk):
            name = headers.get(":event-type", "")
            if name not in shape.members:
                continue
            target, _ = shape.members[name]
            value: dict[str, Any] = {m: headers[m] for m, (_, ref) in target.members.items() if ref.get("eventheader") and m in headers}
            carried = next((m for m, (_, ref) in target.members.items() if ref.get("eventpayload")), None)
            if carried:
                kind = target.members[carried][0]
                value[carried] = payload if kind.type == "blob" else payload.decode() if kind.type == "string" else json.decoder(kind)(payload)
            elif payload:
                value |= json.decoder(target)(payload)
            yield {name: value}
