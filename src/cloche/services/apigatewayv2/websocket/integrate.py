"""Ask the integration behind a route: a function, an HTTP endpoint, an AWS service, or nobody (MOCK)."""
from __future__ import annotations

import asyncio
import base64
import json
from types import SimpleNamespace
from typing import Any, NamedTuple

from cloche.engines.fetch import Unreachable
from cloche.languages import vtl
from cloche.services.apigateway.public import functions, reach, read_json, render
from cloche.services.apigateway.public import service_of as aws_service

from .events import Exchange, proxy


class Failed(Exception):
    """The integration did not answer, or not as it should; a client sees an internal server error."""


class Answer(NamedTuple):
    status: int
    body: bytes


async def run(x: Exchange, definition: Any, it: dict[str, Any]) -> Answer:
    try:
        async with asyncio.timeout(it["TimeoutInMillis"] / 1000):
            return await KINDS[it["IntegrationType"]](x, it)
    except (TimeoutError, functions.TimedOut):
        raise Failed("the integration took too long") from None
    except (functions.Failed, Unreachable, vtl.VtlError) as error:
        raise Failed(str(error)) from None


def source_arn(x: Exchange) -> str:
    return x.call.arn(f"{x.connection.api}/{x.stage.name}/{x.context['routeKey']}", service="execute-api")


def uri_of(x: Exchange, it: dict[str, Any]) -> str:
    uri = it.get("IntegrationUri") or ""
    for name, value in x.variables.items():
        uri = uri.replace("${stageVariables." + name + "}", value)
    return uri


def body_of(x: Exchange, it: dict[str, Any]) -> bytes:
    """What the request template makes of the message: the one that the selection expression names, else `$default`."""
    templates = it.get("RequestTemplates") or {}
    wanted = (it.get("TemplateSelectionExpression") or "$default").lstrip("\\")
    source = templates.get(wanted) or templates.get("$default")
    if source is None:
        if it.get("PassthroughBehavior") == "NEVER":
            raise Failed("no template, and nothing may pass without one")
        return x.body
    return render(x, source, x.text()).encode("utf-8", "replace")


async def function(x: Exchange, it: dict[str, Any], payload: Any) -> bytes:
    said, failed = await functions.ask(x.call, uri_of(x, it), payload, source_arn=source_arn(x), credentials=it.get("CredentialsArn"), seconds=it["TimeoutInMillis"] / 1000)
    if failed:
        raise Failed("Lambda execution failed: " + said.decode("utf-8", "replace")[:1000])
    return said


async def lambda_proxy(x: Exchange, it: dict[str, Any]) -> Answer:
    said = await function(x, it, proxy(x))
    try:
        answer = read_json(said or b"null")
    except ValueError:
        answer = None
    if answer is None:
        return Answer(200, b"")
    if not isinstance(answer, dict) or not isinstance(answer.get("statusCode", 200), int):
        if x.kind == "CONNECT":
            raise Failed("malformed Lambda proxy response")
        return Answer(200, said)
    if x.kind == "CONNECT" and "statusCode" not in answer:
        raise Failed("malformed Lambda proxy response")
    body = answer.get("body")
    body = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    return Answer(answer.get("statusCode", 200), base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode("utf-8", "replace"))


async def service(x: Exchange, it: dict[str, Any]) -> Answer:
    uri = uri_of(x, it)
    if functions.URI.fullmatch(uri):
        return Answer(200, await function(x, it, body_of(x, it) or b"{}"))
    out = SimpleNamespace(query={}, headers=mapped(x, it))
    answer = await aws_service(x, {"credentials": it.get("CredentialsArn"), "httpMethod": it.get("IntegrationMethod") or "POST"}, uri, body_of(x, it), out)
    return Answer(answer.status, answer.body)


def mapped(x: Exchange, it: dict[str, Any]) -> dict[str, list[str]]:
    """Headers by RequestParameters: `integration.request.header.X` from `'text'`, `context.y`, `stageVariables.z`."""
    found = {}
    for target, source in (it.get("RequestParameters") or {}).items():
        value = source[1:-1] if source[:1] == source[-1:] == "'" else at(x, source)
        if target.startswith("integration.request.header.") and value is not None:
            found[target.removeprefix("integration.request.header.")] = [value]
    return found


def at(x: Exchange, source: str) -> str | None:
    kind, _, name = source.partition(".")
    if kind == "stageVariables":
        return x.variables.get(name)
    value: Any = x.context if kind == "context" else None
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else vtl.text(value)


async def http(x: Exchange, it: dict[str, Any]) -> Answer:
    body = x.body if it["IntegrationType"] == "HTTP_PROXY" else body_of(x, it)
    headers = [("content-type", "application/json"), *[(name, values[0]) for name, values in mapped(x, it).items()]]
    got = await reach(x.call, it.get("IntegrationMethod") or "POST", uri_of(x, it), headers, body)
    return Answer(got.status, got.body)


async def mock(x: Exchange, it: dict[str, Any]) -> Answer:
    try:
        return Answer(int(read_json(body_of(x, it))["statusCode"]), b"")
    except (ValueError, KeyError, TypeError):
        raise Failed("Unable to parse statusCode. It should be an integer and defined in request template") from None


KINDS = {"AWS_PROXY": lambda_proxy, "AWS": service, "HTTP": http, "HTTP_PROXY": http, "MOCK": mock}
