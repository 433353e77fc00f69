"""A request as the event that a function behind a load balancer gets, and its answer as HTTP. Pure."""
from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

MOST = 1 << 20  # of a body, both ways
TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
DROPPED = ("connection", "transfer-encoding", "keep-alive", "upgrade", "content-length")


class Malformed(Exception):
    """The function's answer is none that a load balancer understands; the text is the access log's reason."""


class Said(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    description: str = ""


def event(group: str, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes, many: bool) -> dict[str, Any]:
    """Query strings are passed on as they came, not decoded. Without multi-value headers the last value of a name counts."""
    low = [(name.lower(), value) for name, value in headers]
    pairs = [part.partition("=")[::2] for part in query.split("&") if part] if query else []
    out: dict[str, Any] = {"requestContext": {"elb": {"targetGroupArn": group}}, "httpMethod": method, "path": path}
    if many:
        out["multiValueQueryStringParameters"], out["multiValueHeaders"] = _lists(pairs), _lists(low)
    else:
        out["queryStringParameters"], out["headers"] = dict(pairs), dict(low)
    plain = textual(dict(low))
    out["body"] = body.decode("utf-8", "replace") if plain or not body else base64.b64encode(body).decode()
    out["isBase64Encoded"] = bool(body) and not plain
    return out


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in pairs:
        out.setdefault(name, []).append(value)
    return out


def textual(headers: dict[str, str]) -> bool:
    return not headers.get("content-encoding") and headers.get("content-type", "").strip().lower().startswith(TEXTS)


def answer(payload: bytes, many: bool) -> Said:
    """What the function said. With multi-value headers it must speak in them, without it must not."""
    try:
        said = json.loads(payload)
    except ValueError:
        raise Malformed("LambdaInvalidResponse") from None
    if not isinstance(said, dict):
        raise Malformed("LambdaInvalidResponse")
    status, body = said.get("statusCode"), said.get("body")
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599 or not (body is None or isinstance(body, str)):
        raise Malformed("LambdaInvalidResponse")
    try:
        data = base64.b64decode(body or "", validate=True) if said.get("isBase64Encoded") else (body or "").encode()
    except (ValueError, binascii.Error):
        raise Malformed("LambdaInvalidResponse") from None
    if len(data) > MOST or len(payload) > MOST + 65536:
        raise Malformed("LambdaResponseTooLarge")
    given = said.get("multiValueHeaders" if many else "headers") or {}
    if not isinstance(given, dict):
        raise Malformed("LambdaInvalidResponse")
    headers: list[tuple[str, str]] = []
    for name, value in given.items():
        values = value if many and isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, (str, int, float, bool)) or set(str(name) + str(one)) & set("\r\n\0"):
                raise Malformed("LambdaInvalidResponse")
            if str(name).lower() not in DROPPED:
                headers.append((str(name), "true" if one is True else "false" if one is False else str(one)))
    description = said.get("statusDescription")
    return Said(status, headers, data, description if isinstance(description, str) else "")


def health_event(group: str, path: str, many: bool) -> dict[str, Any]:
    where, _, query = path.partition("?")
    return event(group, "GET", where, query, [("user-agent", "ELB-HealthChecker/2.0")], b"", many)
