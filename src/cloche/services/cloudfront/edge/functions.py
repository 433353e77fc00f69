"""CloudFront Functions at work: a viewer's request or the answer to it as an event object, and what the function made of it."""
from __future__ import annotations

import base64
from typing import Any

from cloche.kernel import AwsError, Response
from cloche.services.cloudwatch import public as cloudwatch

from .. import functions
from . import choosing, engine, pages
from .exchange import Exchange

READ_ONLY = frozenset(("content-length", "host", "transfer-encoding", "via", "warning", "expect", "te", "trailer", "upgrade", "connection"))
FORBIDDEN = ("x-amz-cf-", "x-amzn-", "x-cache", "x-edge-", "keep-alive", "proxy-", "x-accel-")


def event(x: Exchange, kind: str, response: Response | None = None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html"""
    out: dict[str, Any] = {
        "version": "1.0", "context": {"distributionDomainName": x.distribution.domain, "distributionId": x.distribution.id, "eventType": kind, "requestId": x.id}, "viewer": {"ip": x.client},
        "request": {"method": x.method, "uri": x.uri, "querystring": values(choosing.parameters(x.query)), "headers": headers([*((n, v) for n, v in x.headers if n not in ("cookie", "x-cloche-hops")),
                                                                                                                               *x.own.items()]),
                    "cookies": values(choosing.cookies(x.headers))}}
    if response is not None:
        out["response"] = {"statusCode": response.status, "statusDescription": "", "headers": headers([(n.lower(), v) for n, v in response.headers if n.lower() != "set-cookie"]),
                           "cookies": set_cookies([v for n, v in response.headers if n.lower() == "set-cookie"])}
    return out


def values(pairs: choosing.Pairs) -> dict[str, Any]:
    """`name=value` texts by name; of several the last, and all in multiValue."""
    out: dict[str, Any] = {}
    for name, text in pairs:
        _put(out, name, text.partition("=")[2])
    return out


def headers(pairs: choosing.Pairs) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in pairs:
        _put(out, name.lower(), value)
    return out


def _put(out: dict[str, Any], name: str, value: str) -> None:
    if name in out:
        out[name]["multiValue"] = [*out[name].get("multiValue", [{"value": out[name]["value"]}]), {"value": value}]
        out[name]["value"] = value
    else:
        out[name] = {"value": value}


def set_cookies(texts: list[str]) -> dict[str, Any]:
    out = {}
    for text in texts:
        first, _, rest = text.partition(";")
        name, _, value = first.strip().partition("=")
        out[name] = {"value": value, **({"attributes": rest.strip()} if rest.strip() else {})}
    return out


def flat(given: Any) -> list[tuple[str, str]]:
    """The pairs of such an object; ValueError for anything else."""
    out = []
    for name, one in (given or {}).items():
        if not isinstance(one, dict) or "value" not in one:
            raise ValueError(f"{name} has no value")
        out += [(str(name), str(each["value"])) for each in one.get("multiValue") or [one]]
    return out


class Broken(Exception):
    """The function failed, or answered what is neither a request nor a response."""


async def said(x: Exchange, arn: str, kind: str, response: Response | None = None) -> dict[str, Any]:
    function = functions.live(x.call, arn)
    if function is None or function.live is None:
        raise Broken("there is no such function")
    dimensions = (("FunctionName", function.name), ("Region", "Global"))
    cloudwatch.put(x.call, "AWS/CloudFront", "FunctionInvocations", dimensions, 1, "None")
    try:
        ran = await engine.run(x.call, function, function.live, function.live_config, event(x, kind, response))
    except AwsError as error:
        raise Broken(error.message) from None
    with x.call.step():
        logged(x, function, ran)
    cloudwatch.put(x.call, "AWS/CloudFront", "FunctionComputeUtilization", dimensions, ran.utilization, "Percent")
    if ran.error:
        cloudwatch.put(x.call, "AWS/CloudFront", "FunctionExecutionErrors", dimensions, 1, "None")
        raise Broken(ran.error)
    return ran.value


def logged(x: Exchange, function: Any, ran: engine.Ran) -> None:
    """console.log goes to /aws/cloudfront/function/NAME in us-east-1."""
    from cloche.services.logs import public as logs
    lines = [f"{x.id} START DistributionID: {x.distribution.id}", *(f"{x.id} {line}" for line in ran.logs), *([f"{x.id} {ran.error}"] if ran.error else []), f"{x.id} END"]
    if ran.logs or ran.error:
        day = x.call.now - x.call.now % 86400
        logs.write(x.call.as_root(), f"/aws/cloudfront/function/{function.name}", f"{int(day)}/{function.name}", [(int(x.call.now * 1000), line) for line in lines])


def failed(x: Exchange) -> Exception:
    from .pipeline import Stop
    return Stop(pages.page(503, pages.FUNCTION, x.id), "FunctionExecutionError")


async def on_request(x: Exchange, arn: str) -> Response | None:
    try:
        made = await said(x, arn, "viewer-request")
        if "statusCode" in made:
            x.result = "FunctionGeneratedResponse"
            return response_of(made)
        uri = made["uri"]
        if not isinstance(uri, str) or not uri.startswith("/") or made.get("method") != x.method:
            raise ValueError("the uri must begin with /, the method cannot be changed")
        fixed = [(name, value) for name, value in x.headers if name in READ_ONLY]
        given = [(name.lower(), value) for name, value in flat(made.get("headers")) if name.lower() not in READ_ONLY and name.lower() not in x.own]
        if any(name.startswith(FORBIDDEN) for name, _ in given):
            raise ValueError("a header that a function may not write")
        cookies = [f"{name}={value}" for name, value in flat(made.get("cookies"))]
        query = "&".join(f"{name}={value}" if value else name for name, value in flat(made.get("querystring"))) if isinstance(made.get("querystring", {}), dict) else str(made["querystring"])
    except (Broken, ValueError, KeyError, TypeError, AttributeError):
        raise failed(x) from None
    x.headers = [*fixed, *given, *([("cookie", "; ".join(cookies))] if cookies else [])]
    x.uri, x.query = uri, query
    return None


def response_of(made: dict[str, Any]) -> Response:
    status = int(made["statusCode"])
    if not 100 <= status < 600:
        raise ValueError("not a status")
    pairs = [(name.lower(), value) for name, value in flat(made.get("headers")) if name.lower() not in READ_ONLY]
    for name, one in (made.get("cookies") or {}).items():
        pairs.append(("set-cookie", f"{name}={one['value']}" + (f"; {one['attributes']}" if one.get("attributes") else "")))
    body: Any = made.get("body", "")
    if isinstance(body, dict):
        data = base64.b64decode(body.get("data", "")) if body.get("encoding") == "base64" else str(body.get("data", "")).encode()
    else:
        data = str(body or "").encode()
    if any(set(name + value) & set("\r\n\0") for name, value in pairs):
        raise ValueError("a header of several lines")
    return Response(status, [(name, value.encode().decode("latin-1")) for name, value in pairs], data)


async def on_response(x: Exchange, arn: str, response: Response) -> Response:
    """Headers and status may be changed; of the body it may put another in its place, of a generated one at least."""
    try:
        made = await said(x, arn, "viewer-response", response)
        if "statusCode" not in made:
            raise ValueError("no response")
        changed = response_of(made)
    except (Broken, ValueError, KeyError, TypeError, AttributeError):
        raise failed(x) from None
    kept = [(name, value) for name, value in response.headers if name.lower() in ("content-length",)]
    if "body" in made:
        return Response(changed.status, changed.headers, changed.body)
    return Response(changed.status, [*changed.headers, *kept], response.body)


