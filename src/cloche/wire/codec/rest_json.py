"""rest-json: located members, and a JSON document (or one raw payload) in the body."""
from __future__ import annotations

from typing import Any

import msgspec

from ..http import Request, Response
from ..model import Model, Operation
from . import json, rest, stream
from .refusal import malformed
from .xml import LEAVES


def read(op: Operation, request: Request) -> dict[str, Any]:
    shape = op.input
    if shape is None:
        return {}
    where = rest.located(op)
    try:
        value = where.read(request)
    except rest.BadText as bad:
        raise rest.bad_text(op, bad) from None
    try:
        if where.payload:
            _payload(op, where.payload, request, value)
        elif where.body and request.body:
            value = json.decoder(shape)(request.body) | value
    except msgspec.DecodeError as error:
        raise malformed(op.model.name, "rest-json", str(error)) from None
    except UnicodeDecodeError:
        raise malformed(op.model.name, "rest-json", "Invalid UTF-8") from None
    except RecursionError:
        raise malformed(op.model.name, "rest-json", "Too deeply nested") from None
    return value


def _payload(op: Operation, member: str, request: Request, value: dict[str, Any]) -> None:
    target, _ = op.input.members[member]  # type: ignore[union-attr]
    if target.spec.get("eventstream"):
        value[member] = stream.incoming(target, request, "rest-json")
    elif target.type == "blob":
        if op.streaming_input and request.stream is not None:
            value[member] = request.stream
        elif request.body or op.streaming_input:
            value[member] = request.body
    elif target.type in ("string", "character"):
        if request.body:
            value[member] = request.body.decode()
    elif request.body:
        value[member] = json.decoder(target)(request.body)


def _head(model: Model, request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-requestid", request_id)]


def write(op: Operation, value: Any, request_id: str) -> Response:
    value = value or {}
    shape = op.output
    lead = rest.leaving(shape, op)
    headers = _head(op.model, request_id)
    lead.write(value, headers)
    body: Any = b""
    if lead.payload:
        target, _ = shape.members[lead.payload]  # type: ignore[union-attr]
        item = value.get(lead.payload)
        if target.spec.get("eventstream"):
            headers.append(("content-type", "application/vnd.amazon.eventstream"))
            body = stream.outgoing(target, item, "rest-json")
        elif target.type == "blob":
            body = rest.stream_body(item)
            _default_type(headers, "application/octet-stream")
        elif target.type in ("string", "character"):
            body = b"" if item is None else item.encode()
            _default_type(headers, "text/plain")
        else:
            body = json.to_bytes(target, item) if item is not None else b""
            _default_type(headers, "application/json")
    elif lead.body or (op.http.get("responseCode") not in (204, 202) and shape is not None and op.http["method"] != "HEAD"):
        body = json.to_bytes(shape, {k: v for k, v in value.items() if k in _bodied(op)} if lead.headers or lead.prefixes or lead.status else value)
        _default_type(headers, "application/json")
    return rest.finish(op, value, lead, headers, body)


def _bodied(op: Operation) -> set[str]:
    made = op.__dict__.get("_bodied")
    if made is None:
        made = op.__dict__["_bodied"] = {n for n, (_, ref) in op.output.members.items() if ref.get("location") not in LEAVES}  # type: ignore[union-attr]
    return made


def _default_type(headers: list[tuple[str, str]], kind: str) -> None:
    if not any(k.lower() == "content-type" for k, _ in headers):
        headers.append(("content-type", kind))


def write_error(model: Model, error: Any, request_id: str) -> Response:
    shape = model.errors.get(error.code)
    headers = [("x-amzn-requestid", request_id), ("x-amzn-errortype", error.code), ("content-type", "application/json")]
    out: dict[str, Any] = {}
    if error.extra:
        lead = rest.leaving(shape, shape) if shape is not None else None
        if lead:
            lead.write(error.extra, headers)
        convert = json.outgoing(shape) if shape is not None else None
        located = {n for n, (_, ref) in shape.members.items() if ref.get("location") in LEAVES} if shape is not None else set()
        rest_of = {k: v for k, v in error.extra.items() if k not in located}
        out |= convert(rest_of) if convert else rest_of
    out[json.message_key(model, shape) if shape is not None else ("Message" if model.name == "lambda" else "message")] = error.message
    headers.extend(dict(error.headers or {}).items())
    return Response(error.status, headers, json.encode(out))
