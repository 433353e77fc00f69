"""The six protocols behind three words: `read`, `write`, `write_error`; and `check`, the constraints alone.

Which protocol a client speaks is found out by `detect`; everything compiled is kept on the model's own objects.
"""
from __future__ import annotations

from typing import Any

from ..http import Request, Response
from ..model import Model, Operation
from . import cbor, ec2, json, query, refusal, rest_json, rest_xml
from .constraints import faults
from .refusal import Invalid

__all__ = ["PROTOCOLS", "Invalid", "check", "detect", "read", "write", "write_error"]

PROTOCOLS: dict[str, Any] = {"json": json, "query": query, "ec2": ec2, "rest-json": rest_json, "rest-xml": rest_xml, "rpc-v2-cbor": cbor}
_READ = {name: module.read for name, module in PROTOCOLS.items()}
_WRITE = {name: module.write for name, module in PROTOCOLS.items()}
_WRITE_ERROR = {name: module.write_error for name, module in PROTOCOLS.items()}


def detect(model: Model, request: Request) -> str:
    """The protocol of a request among those that the model lists; the model's first where nothing says otherwise."""
    offered = model.protocols
    if len(offered) == 1:
        return offered[0]
    headers = request.headers
    if "smithy-protocol" in headers and "rpc-v2-cbor" in offered:
        return "rpc-v2-cbor"
    if "x-amz-target" in headers and "json" in offered:
        return "json"
    kind = headers.get("content-type", "")
    if "query" in offered and (kind.startswith("application/x-www-form-urlencoded") or "Action=" in request.query):
        return "query"
    return next((p for p in offered if p != "rpc-v2-cbor" or "cbor" in kind), offered[0])


def read(op: Operation, protocol: str, request: Request) -> dict[str, Any]:
    """The operation's values, typed and checked; `Invalid` in AWS's words otherwise."""
    value = _READ[protocol](op, request)
    if op.input is not None and (found := faults(op, value)):
        raise refusal.refuse(op, protocol, found)
    return value


def write(op: Operation, protocol: str, value: Any, request_id: str) -> Response:
    return _WRITE[protocol](op, value, request_id)


def write_error(model: Model, protocol: str, error: Any, request_id: str) -> Response:
    return _WRITE_ERROR[protocol](model, error, request_id)


def check(op: Operation, value: dict[str, Any]) -> None:
    """The constraints alone, for a call from one service to another."""
    if found := faults(op, value):
        raise refusal.refuse(op, op.model.protocols[0], found)
