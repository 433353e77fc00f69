"""Integrations of HTTP APIs: functions with payload formats 1.0 and 2.0, somebody's endpoint, and AWS operations."""
from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import AwsError, Response
from cloche.services.apigateway.public import functions, passed, reach, read_json
from cloche.services.elbv2 import public as elbv2

from ..integrations import SUBTYPES
from . import authorize, events, mapping, private
from .exchange import Exchange, Refused, internal, unavailable

HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect"}


async def run(x: Exchange) -> Response:
    it = x.integration
    try:
        async with asyncio.timeout(it["TimeoutInMillis"] / 1000):
            if it.get("IntegrationSubtype"):
                response = await aws(x, it)
            elif it["IntegrationType"] == "AWS_PROXY":
                response = await function(x, it)
            else:
                response = await http(x, it)
    except (TimeoutError, functions.TimedOut):
        raise unavailable("the integration took too long") from None
    except Unreachable as error:
        raise unavailable(str(error)) from None
    except functions.Failed as error:
        raise internal(str(error)) from None
    rules = (it.get("ResponseParameters") or {}).get(str(response.status))
    if rules:
        mapping.response(x, rules, response)
    return response


def interpolated(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace("${stageVariables." + name + "}", value)
    return text


# functions
async def function(x: Exchange, it: dict[str, Any]) -> Response:
    uri = interpolated(it["IntegrationUri"], x.variables)
    new = it["PayloadFormatVersion"] == "2.0"
    if uri.startswith("arn:") and ":lambda:path/" not in uri:
        uri = f"arn:aws:apigateway:{x.call.region}:lambda:path/2015-03-31/functions/{uri}/invocations"
    payload, failed = await functions.ask(x.call, uri, events.v2(x) if new else events.v1(x), source_arn=authorize.route_arn(x), credentials=it.get("CredentialsArn"),
                                          seconds=it["TimeoutInMillis"] / 1000, trace=x.full_headers()["x-amzn-trace-id"])
    if failed:
        raise internal("Lambda execution failed: " + payload.decode("utf-8", "replace")[:1000])
    return answer(payload, new)


def answer(payload: bytes, new: bool) -> Response:
    """Format 2.0 infers: what has no statusCode is the body of a 200."""
    try:
        it = read_json(payload)
    except (ValueError, RecursionError):
        it = None if not new else payload.decode("utf-8", "replace")
    if new and not (isinstance(it, dict) and "statusCode" in it):
        content = it if isinstance(it, str) else "" if it is None else payload.decode()
        return Response(200, [("Content-Type", "application/json")], content.encode("utf-8", "replace"))
    try:
        status = it["statusCode"]
        status = int(status) if isinstance(status, (int, str)) and not isinstance(status, bool) else 0
        headers = [pair for name, value in (it.get("headers") or {}).items() for pair in passed(name, value)]
        if not new:
            many = it.get("multiValueHeaders") or {}
            headers = [h for h in headers if h[0].lower() not in {n.lower() for n in many}] + [pair for n, vs in many.items() for v in vs for pair in passed(n, v)]
        headers += [("Set-Cookie", str(c)) for c in (it.get("cookies") or [])] if new else []
        body = it.get("body")
        body = "" if body is None else body if isinstance(body, str) else json.dumps(body) if new else 0
        if not 200 <= status <= 599 or not isinstance(body, str):
            raise ValueError
        content = base64.b64decode(body, validate=True) if it.get("isBase64Encoded") else body.encode("utf-8", "replace")
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise internal("the function's answer is malformed") from None
    if not any(n.lower() == "content-type" for n, _ in headers):
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    return Response(status, headers, content)


# endpoints
async def http(x: Exchange, it: dict[str, Any]) -> Response:
    if it.get("ConnectionType") == "VPC_LINK":
        return await behind_link(x, it)
    uri = interpolated(it["IntegrationUri"], x.variables)
    for name, value in x.params.items():
        uri = uri.replace("{" + name + "}", quote(value, safe="/~")).replace("{" + name + "+}", quote(value, safe="/~"))
    parts = urlsplit(uri)
    headers = {n: v for n, v in x.full_headers().items() if n not in HOP}
    query = {n: list(vs) for n, vs in x.query.items()}
    path = parts.path or "/"
    if x.route["RouteKey"] == "$default":
        path = path.rstrip("/") + x.path
    path = mapping.request(x, it.get("RequestParameters") or {}, headers, query, path)
    text = "&".join(q for q in (parts.query, urlencode(query, doseq=True)) if q)
    verb = x.method if it.get("IntegrationMethod", "ANY") == "ANY" else it["IntegrationMethod"]
    got = await reach(x.call, verb, urlunsplit((parts.scheme, parts.netloc, quote(path, safe="/%:@!$&'()*+,;=~"), text, "")), list(headers.items()), x.body)
    return Response(got.status, [pair for n, v in got.headers for pair in passed(n, v)], got.body)


async def behind_link(x: Exchange, it: dict[str, Any]) -> Response:
    """A private integration gets the path as the client wrote it, the stage's name included."""
    arn = interpolated(it["IntegrationUri"], x.variables)
    balancer, at = elbv2.find(x.call, arn), elbv2.port_of(x.call, arn)
    if balancer is None or at is None:
        raise unavailable(f"{arn} is no listener")
    port, protocol = at
    headers = {n: v for n, v in x.full_headers().items() if n not in HOP}
    query = {n: list(vs) for n, vs in x.query.items()}
    path = mapping.request(x, it.get("RequestParameters") or {}, headers, query, x.raw_path)
    verb = x.method if it["IntegrationMethod"] == "ANY" else it["IntegrationMethod"]
    secure, name = protocol in ("HTTPS", "TLS"), (it.get("TlsConfig") or {}).get("ServerNameToVerify")
    url = urlunsplit(("https" if secure else "http", f"{name or balancer.dns}:{port}", quote(path, safe="/%:@!$&'()*+,;=~"), urlencode(query, doseq=True), ""))
    headers.setdefault("host", name or balancer.dns)
    through = await private.connect(x.call, interpolated(it["ConnectionId"], x.variables), balancer, port)
    got = await fetch(verb, url, list(headers.items()), x.body, verify=bool(name), through=through)
    return Response(got.status, [pair for n, v in got.headers for pair in passed(n, v)], got.body)


# AWS operations
async def aws(x: Exchange, it: dict[str, Any]) -> Response:
    service, operation, _ = SUBTYPES[it["IntegrationSubtype"]]
    values: dict[str, Any] = {}
    region = x.call.region
    for name, expression in (it.get("RequestParameters") or {}).items():
        value = mapping.value_of(x, expression)
        if name == "Region":
            region = value or region
        elif value is not None:
            values[name] = value
    caller = x.call.at(x.call.account, region).as_role(it["CredentialsArn"], "BackplaneAssumeRoleSession", "apigateway.amazonaws.com")
    try:
        result = caller.do(service, operation, **shaped(it["IntegrationSubtype"], values))
        if asyncio.iscoroutine(result):
            result = await result
    except AwsError as error:
        return Response(error.status, [("Content-Type", "application/json")], json.dumps({"__type": error.code, "message": error.message}).encode())
    return Response(200, [("Content-Type", "application/json")], json.dumps(result or {}, separators=(",", ":"), default=str).encode())


def shaped(subtype: str, values: dict[str, Any]) -> dict[str, Any]:
    """Mapped texts in the shapes that the operation wants."""
    try:
        if subtype == "EventBridge-PutEvents":
            return {"Entries": [{n: read_json(v) if n == "Resources" else float(v) if n == "Time" else v for n, v in values.items()}]}
        if subtype == "Kinesis-PutRecord":
            return {**values, "Data": base64.b64decode(values["Data"])}
        if subtype.startswith("StepFunctions-Start"):
            return {n[0].lower() + n[1:]: v for n, v in values.items()}
        whole = {"DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"}
        lists = {"MessageAttributes", "MessageSystemAttributes", "AttributeNames", "MessageAttributeNames"}
        return {n: int(v) if n in whole else read_json(v) if n in lists else v for n, v in values.items()}
    except (ValueError, KeyError, binascii.Error) as error:
        raise Refused(400, "Bad Request", why=str(error)) from None
