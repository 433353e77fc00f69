"""The steps of a REST request, in AWS's order: WAF, method, policy, authorization, key, throttle, validation, cache, integration, answer."""
from __future__ import annotations

import gzip
import logging
import zlib
from urllib.parse import unquote

from cloche.kernel import AwsError, Call, Request, Response
from cloche.services.cloudwatch import public as cloudwatch
from cloche.wire.http import TooLarge

from ..apis import LETTERS, RestApi
from ..deployments import Deployment
from ..stages import Stage
from . import access_log, authorize, cache, integrate, refusals, throttle, tracing, validate
from .exchange import Exchange, clf, client_certificate, source_ip, trace
from .live import live, names_of
from .refusals import Refused
from .responses import clean

LIMIT = 10 << 20
log = logging.getLogger("cloche.apigateway")


async def answer(call: Call, request: Request, api: RestApi, stage_name: str, path: str, prefixed: str, *, by_default_host: bool = True) -> Response:
    """`path` is what follows the stage; `prefixed` what the client wrote before it."""
    stage = call.get(Stage, f"{api.id}/{stage_name}")
    if stage is None or (by_default_host and api.values.get("disableExecuteApiEndpoint")):
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    if by_default_host and private(api) != ("aws:SourceVpce" in request.via):      # and with a VPC endpoint's private DNS public APIs are out of reach
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    x = Exchange(call, request, api.id, path or "/")
    x.stage, x.prefixed = stage, prefixed
    x.based = "" if by_default_host else prefixed
    deployment = chosen(x, api)
    x.live = live(call, deployment)
    describe(x, deployment)
    tracing.begin(x, api)
    error = refusal = None
    began = call.now
    try:
        response = await steps(x)
    except Refused as refused:
        refusal = refused
        if refused.why:
            log.info("%s %s %s: %s", x.api, x.method, x.path, refused.why)
        error = AwsError(refused.error_type, refused.why or refused.message or "", refused.status)
        response = refusals.response(x, refused)
    finish(x, response, refusal)
    tracing.end(x, api, response.status)
    meter(x, api, response.status, began)
    call.cloud.timeline.add(x.caller, response.status, error)
    return response


def private(api: RestApi) -> bool:
    return (api.values.get("endpointConfiguration") or {}).get("types") == ["PRIVATE"]


def meter(x: Exchange, api: RestApi, status: int, began: float) -> None:
    one = ("ApiName", api.values["name"])
    for dims in ((one,), (one, ("Stage", x.stage.name))):
        cloudwatch.put(x.call, "AWS/ApiGateway", "Count", dims, 1, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "4XXError", dims, 1 if 400 <= status < 500 else 0, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "5XXError", dims, 1 if status >= 500 else 0, "Count")
        cloudwatch.put(x.call, "AWS/ApiGateway", "Latency", dims, round((x.call.now - began) * 1000), "Milliseconds")


def chosen(x: Exchange, api: RestApi) -> Deployment:
    """The stage's deployment, or its canary's for that share of the requests."""
    values = x.stage.values
    x.variables = dict(values.get("variables") or {})
    deployment = values["deploymentId"]
    canary = values.get("canarySettings")
    if canary and canary.get("percentTraffic", 0) > 0 and x.call.cloud.dice.random() * 100 < canary["percentTraffic"]:
        deployment = canary.get("deploymentId") or deployment
        x.variables |= canary.get("stageVariableOverrides") or {}
        x.context["isCanaryRequest"] = True
    found = x.call.get(Deployment, f"{api.id}/{deployment}")
    assert found is not None
    return found


def describe(x: Exchange, deployment: Deployment) -> None:
    """`$context`."""
    call, request = x.call, x.request
    x.context |= {
        "accountId": call.account, "apiId": x.api, "domainName": x.host, "domainPrefix": x.host.partition(".")[0], "extendedRequestId": call.pick(LETTERS, 11) + "=",
        "httpMethod": x.method, "path": x.prefixed + x.path, "protocol": "HTTP/1.1", "requestId": call.request_id, "requestTime": clf(x.started),
        "requestTimeEpoch": int(x.started * 1000), "stage": x.stage.name, "deploymentId": deployment.id,
        "identity": {"sourceIp": source_ip(request), "userAgent": x.header("user-agent")},
        "requestOverride": {"header": {}, "querystring": {}, "path": {}}, "responseOverride": {"header": {}}, "error": {},
    }
    if endpoint := request.via.get("aws:SourceVpce"):
        x.context["identity"] |= {"vpceId": endpoint, "vpcId": request.via.get("aws:SourceVpc")}
    if (certificate := client_certificate(request)) is not None:
        x.context["identity"]["clientCert"] = certificate


async def steps(x: Exchange) -> Response:
    try:
        x.body = await x.request.read(LIMIT)
    except TooLarge:
        raise Refused("REQUEST_TOO_LARGE") from None
    if x.live.settings.get("minimumCompressionSize") is not None:
        unpack(x)
    if (blocked := await inspected(x)) is not None:
        return blocked
    find_method(x)
    await authorize.check(x)
    authorize.key(x)
    throttle.check(x)
    if x.plan is not None:
        throttle.count(x)
    validate.check(x)
    kept, key = cache.lookup(x)
    if kept is not None:
        return kept
    if x.traced is None:
        response = await integrate.run(x)
    else:
        asked = x.call.now
        try:
            response = await integrate.run(x)
        finally:
            x.traced.asked = None if x.spec["methodIntegration"]["type"] == "MOCK" else (asked, x.call.now)
    if key is not None:
        cache.keep(x, key, response)
    return response


async def inspected(x: Exchange) -> Response | None:
    """A web ACL associated with the stage sees the request before anything else does; what it inserts goes on with the request."""
    from cloche.services.wafv2 import public as wafv2
    said, insert = await wafv2.judge(x.call, f"arn:aws:apigateway:{x.call.region}::/restapis/{x.api}/stages/{x.stage.name}", x.request, source_ip(x.request))
    if isinstance(said, str):
        raise Refused("WAF_FILTERED")
    for name, value in insert:
        x.headers = {key: values for key, values in x.headers.items() if key.lower() != name.lower()} | {name: [value]}
    return said


def find_method(x: Exchange) -> None:
    segments = [unquote(s) for s in x.path.strip("/").split("/")] if x.path.strip("/") else []
    found = x.live.match(segments, x.method)
    if found is None:
        raise Refused("MISSING_AUTHENTICATION_TOKEN")
    x.resource, x.spec, values = found
    x.params = dict(zip(names_of(x.resource.path), values))
    x.path = unquote(x.path)
    x.context |= {"resourceId": x.resource.id, "resourcePath": x.resource.path}


def finish(x: Exchange, response: Response, refusal: Refused | None) -> None:
    """The headers that every answer carries, and the line in the access log."""
    clean(response)
    response.headers[:0] = [("x-amzn-RequestId", x.call.request_id), ("x-amz-apigw-id", x.context["extendedRequestId"])]
    if x.spec is not None and x.spec["methodIntegration"]["type"] != "MOCK":
        response.headers.append(("X-Amzn-Trace-Id", trace(x)))
    response.headers += [("Warning", text) for text in x.warnings]
    x.context |= {"status": str(response.status), "responseLength": str(len(response.body)) if isinstance(response.body, bytes) else "-", "responseLatency": "0"}
    if x.method == "HEAD":
        response.body = b""
    else:
        compress(x, response)
    access_log.write(x, refusal)


def unpack(x: Exchange) -> None:
    """For such an API a compressed body is opened before anything looks at it."""
    kind = (x.header("content-encoding") or "").strip().lower()
    if kind not in ("gzip", "deflate") or not x.body:
        return
    opener = zlib.decompressobj(zlib.MAX_WBITS | 32 if kind == "gzip" else zlib.MAX_WBITS)
    try:
        content = opener.decompress(x.body, LIMIT + 1)
    except zlib.error:
        raise Refused("BAD_REQUEST_BODY", "Invalid request body", why="the body is not what Content-Encoding says") from None
    if len(content) > LIMIT:
        raise Refused("REQUEST_TOO_LARGE")
    if not opener.eof:
        raise Refused("BAD_REQUEST_BODY", "Invalid request body", why="the compressed body is cut short")
    x.body = content
    x.headers = {n: vs for n, vs in x.headers.items() if n.lower() not in ("content-encoding", "content-length")}


def compress(x: Exchange, response: Response) -> None:
    """For an API with a minimumCompressionSize: answers at least that long, to who accepts gzip or deflate."""
    least = x.live.settings.get("minimumCompressionSize")
    if least is None or not isinstance(response.body, bytes) or len(response.body) < least or any(n.lower() == "content-encoding" for n, _ in response.headers):
        return
    accepted = {part.partition(";")[0].strip().lower() for part in (x.header("accept-encoding") or "").split(",")}
    if accepted & {"gzip", "*"}:
        response.body, name = gzip.compress(response.body, mtime=0), "gzip"
    elif "deflate" in accepted:
        response.body, name = zlib.compress(response.body), "deflate"
    else:
        return
    response.headers.append(("Content-Encoding", name))
