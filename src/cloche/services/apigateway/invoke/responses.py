"""From what the integration said to what the client gets: the rules of proxy answers, and mapped integration responses."""
from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, NamedTuple

import regex

from cloche.kernel import Response
from cloche.languages import jsonpath, vtl

from .exchange import Exchange, read_json
from .live import media_matches
from .refusals import Refused, mapped
from .templates import render

PROXY_KEYS = {"isBase64Encoded", "statusCode", "headers", "multiValueHeaders", "body"}
# headers the door keeps for itself: what an integration says there arrives under another name, or not at all
REMAPPED = {"connection", "content-length", "date", "server", "www-authenticate", "x-amzn-requestid", "x-amz-apigw-id"}
DROPPED = {"transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "proxy-authenticate", "proxy-connection"}


TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
OWN = {"content-length", "transfer-encoding", "connection"}


def clean(response: Response) -> None:
    """Whatever a backend said, what leaves is HTTP: the server frames it, names are tokens, a 204 has no body."""
    response.headers = [(n, v.encode("utf-8", "replace").decode()) for n, v in response.headers if TOKEN.fullmatch(n) and n.lower() not in OWN]
    if response.status in (204, 304):
        response.body = b""


class Answer(NamedTuple):
    """An integration's: `subject` is what selection patterns are held against."""

    subject: str
    headers: dict[str, list[str]]
    body: bytes
    status: int = 200


def proxy(x: Exchange, payload: bytes, failed: str | None) -> Response:
    """A proxy function's answer: exactly AWS's shape, or 502."""
    try:
        it = read_json(payload)
    except (ValueError, RecursionError):
        it = None
    if failed:
        raise Refused("DEFAULT_5XX", status=502, why="Lambda execution failed: " + payload.decode("utf-8", "replace")[:1000])
    if not isinstance(it, dict) or it.keys() - PROXY_KEYS:
        raise malformed()
    try:
        status = it["statusCode"]
        status = int(status) if isinstance(status, (int, str)) and not isinstance(status, bool) else 0
        headers = list(pairs(it))
        body = it.get("body")
        body = "" if body is None else body
        packed = it.get("isBase64Encoded") or False
        if not 200 <= status <= 599 or not isinstance(body, str) or not isinstance(packed, bool):
            raise ValueError
        content = body.encode("utf-8", "replace")
        if packed and wants_binary(x):
            content = base64.b64decode(body, validate=True)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise malformed() from None
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Response(status, headers, content)


def malformed() -> Refused:
    return Refused("DEFAULT_5XX", status=502, why="Execution failed due to configuration error: Malformed Lambda proxy response")


def pairs(it: dict[str, Any]) -> Any:
    """Headers as (name, value): multiValueHeaders first, `headers` adds what it does not have."""
    many = it.get("multiValueHeaders") or {}
    seen = set()
    for name, values in many.items():
        for value in values:
            yield from passed(name, value)
            seen.add((name.lower(), text(value)))
    for name, value in (it.get("headers") or {}).items():
        if (name.lower(), text(value)) not in seen:
            yield from passed(name, value)


def text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("a header is no object")
    return value if isinstance(value, str) else "" if value is None else vtl.text(value)


def passed(name: str, value: Any) -> Any:
    lower = name.lower()
    if lower not in DROPPED:
        yield (f"x-amzn-Remapped-{lower}" if lower in REMAPPED else name), text(value)


def wants_binary(x: Exchange) -> bool:
    """The first type of Accept decides whether bytes leave as bytes."""
    accept = (x.header("accept") or "*/*").split(",")[0].partition(";")[0].strip().lower()
    return any(t == "*/*" or media_matches(t, accept) for t in x.live.binary)


def http_proxy(x: Exchange, answer: Answer) -> Response:
    headers = [pair for name, values in answer.headers.items() for value in values for pair in passed(name, value)]
    return Response(answer.status, headers, answer.body)


# mapped answers
def select(responses: dict[str, dict[str, Any]], subject: str) -> dict[str, Any] | None:
    """The first whose pattern matches all of the subject; else the one without a pattern."""
    default = None
    for status in sorted(responses):
        rule = responses[status]
        pattern = rule.get("selectionPattern")
        if not pattern:
            default = default or rule
            continue
        try:
            if regex.fullmatch(pattern, subject, flags=regex.DOTALL if pattern == ".*" else 0, timeout=0.2):
                return rule
        except (regex.error, TimeoutError):
            continue
    return default


def mapped_response(x: Exchange, it: dict[str, Any], answer: Answer, *, mock: bool = False) -> Response:
    rule = select(it.get("integrationResponses") or {}, answer.subject)
    if rule is None:
        raise Refused("DEFAULT_5XX", status=500, why="Execution failed due to configuration error: No match for output mapping and no default output mapping configured")
    status, content = int(rule["statusCode"]), answer.body
    x.context["responseOverride"] = {"header": {}}
    media = "application/json"
    templates = rule.get("responseTemplates") or {}
    if templates:
        source_media = next((vs[-1] for n, vs in answer.headers.items() if n.lower() == "content-type"), "application/json").partition(";")[0].strip().lower()
        media = source_media if source_media in templates else "application/json" if "application/json" in templates else next(iter(templates))
        if templates[media]:
            try:
                content = render(x, templates[media], answer.body.decode("utf-8", "replace"), hide_body=mock).encode("utf-8", "replace")
            except vtl.VtlError as error:
                raise Refused("DEFAULT_5XX", status=500, why=f"Execution failed due to configuration error: Unable to transform response: {error}") from None
        elif mock:
            content = b""
    elif mock:
        content = b""
    content = converted(x, rule.get("contentHandling"), content, answer)
    headers = {"Content-Type": media}
    for target, source in (rule.get("responseParameters") or {}).items():
        value = source_value(x, source, answer)
        name = target.removeprefix("method.response.header.")
        if value is not None:
            headers = {n: v for n, v in headers.items() if n.lower() != name.lower()} | {name: value}
    override = x.context["responseOverride"]
    for name, value in (override.get("header") or {}).items():
        headers = {n: v for n, v in headers.items() if n.lower() != name.lower()} | {name: vtl.text(value)}
    if str(override.get("status") or "").isdigit() and 200 <= int(override["status"]) <= 599:
        status = int(override["status"])
    return Response(status, list(headers.items()), content)


def converted(x: Exchange, handling: str | None, content: bytes, answer: Answer) -> bytes:
    if handling == "CONVERT_TO_TEXT":
        return base64.b64encode(content)
    if handling == "CONVERT_TO_BINARY":
        try:
            return base64.b64decode(content, validate=True)
        except ValueError:
            raise Refused("DEFAULT_5XX", status=500, why="Unable to base64 decode the body") from None
    return content


def source_value(x: Exchange, source: str, answer: Answer) -> str | None:
    """`integration.response.header.X`, `integration.response.body.PATH`, or anything a request may be mapped from."""
    if source.startswith("integration.response.header."):
        name = source.removeprefix("integration.response.header.").lower()
        return next((vs[-1] for n, vs in answer.headers.items() if n.lower() == name), None)
    if source.startswith("integration.response.multivalueheader."):
        name = source.removeprefix("integration.response.multivalueheader.").lower()
        return next((",".join(vs) for n, vs in answer.headers.items() if n.lower() == name), None)
    if source.startswith("integration.response.body"):
        path = "$" + source.removeprefix("integration.response.body")
        try:
            found = jsonpath.compile(path).find(read_json(answer.body))
        except (ValueError, LookupError):
            return None
        return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))
    return mapped(x, source)
