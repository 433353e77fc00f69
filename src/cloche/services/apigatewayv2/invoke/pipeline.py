"""The steps of a request to an HTTP API: stage, preflight, route, authorization, throttle, integration, CORS."""
from __future__ import annotations

import logging
import re
from urllib.parse import unquote

from cloche.kernel import AwsError, Call, Request, Response
from cloche.services.apigateway.public import clean, log_access, take
from cloche.services.cloudwatch import public as cloudwatch
from cloche.wire.http import TooLarge

from ..apis import Api
from ..stages import Deployment, Stage
from . import authorize, cors, integrate
from .exchange import Exchange, Refused, not_found, plain
from .live import live
from .mapping import selected

LIMIT = 10 << 20
log = logging.getLogger("cloche.apigateway")


async def answer(call: Call, request: Request, api_id: str, stage_name: str | None, path: str, *, by_default_host: bool = True) -> Response:
    api = call.get(Api, api_id)
    if api is None or (by_default_host and api.values.get("DisableExecuteApiEndpoint")):
        return plain(404, "Not Found")
    stage, below = stage_of(call, api, stage_name, path)
    raw = unquote(f"/{stage.name}{below}" if stage and stage.name != "$default" else below)
    x = Exchange(call, request, api, stage, unquote(below), raw)
    error = None
    began = call.now
    try:
        response = cors.preflight(x) or await steps(x)
    except Refused as refused:
        if refused.why:
            log.info("%s %s %s: %s", api.id, x.method, x.path, refused.why)
        error = AwsError(refused.message.replace(" ", ""), refused.why or refused.message, refused.status)
        response = plain(refused.status, refused.message, refused.headers)
    clean(response)
    if response.status != 204 or x.method != "OPTIONS":
        cors.add(x, response)
    response.headers.append(("apigw-requestid", x.request_id))
    x.status = response.status
    if x.method == "HEAD":
        response.body = b""
    write_log(x)
    meter(x, api.id, response.status, began)
    call.cloud.timeline.add(x.caller, response.status, error)
    return response


def meter(x: Exchange, api: str, status: int, began: float) -> None:
    one = ("ApiId", api)
    for dims in ((one,), (one, ("Stage", x.stage.name))) if x.stage else ((one,),):
        cloudwatch.put(x.call, "AWS/ApiGateway", "Count", dims, 1, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "4xx", dims, 1 if 400 <= status < 500 else 0, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "5xx", dims, 1 if status >= 500 else 0, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "Latency", dims, round((x.call.now - began) * 1000), "Milliseconds")


def stage_of(call: Call, api: Api, name: str | None, path: str) -> tuple[Stage | None, str]:
    """A stage named by the first segment, else `$default`."""
    if name is not None:
        return call.get(Stage, f"{api.id}/{name}"), path
    first, _, rest = path.lstrip("/").partition("/")
    if first and (stage := call.get(Stage, f"{api.id}/{first}")):
        return stage, "/" + rest
    return call.get(Stage, f"{api.id}/$default"), path or "/"


async def steps(x: Exchange) -> Response:
    try:
        x.body = await x.request.read(LIMIT)
    except TooLarge:
        raise Refused(413, "Request Entity Too Large") from None
    deployment = x.call.get(Deployment, f"{x.api.id}/{x.stage.values.get('DeploymentId')}") if x.stage else None
    if deployment is None:
        raise not_found()
    x.live = live(x.call, deployment)
    found = x.live.match(x.path, x.method)
    if found is None:
        raise not_found()
    x.route, x.params = found
    await authorize.check(x)
    throttle(x)
    x.integration = x.live.definition.integrations.get((x.route.get("Target") or "").removeprefix("integrations/"))
    if x.integration is None:
        raise Refused(500, "Internal Server Error", why="the route has no integration")
    return await integrate.run(x)


def throttle(x: Exchange) -> None:
    settings = {**(x.stage.values.get("DefaultRouteSettings") or {}), **((x.stage.values.get("RouteSettings") or {}).get(x.route["RouteKey"]) or {})}
    rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
    if (rate or burst) and not take(x.call, ("route", x.stage.key, x.route["RouteKey"]), float(rate or 10_000), float(burst or 5_000)):
        raise Refused(429, "Too Many Requests")
    if not take(x.call, ("account", x.call.account, x.call.region), 10_000.0, 5_000):
        raise Refused(429, "Too Many Requests")


def write_log(x: Exchange) -> None:
    settings = (x.stage.values.get("AccessLogSettings") or {}) if x.stage else {}
    if settings.get("DestinationArn") and settings.get("Format"):
        line = re.sub(r"\$context\.([\w.\-]+)", lambda m: selected(x, f"context.{m[1]}") or "-", settings["Format"])
        log_access(x.call, settings["DestinationArn"].partition(":log-group:")[2].removesuffix(":*"), f"{x.api.id}-{x.stage.name.lstrip('$')}", [line])
