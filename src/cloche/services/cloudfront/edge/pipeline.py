"""The way of a request: web ACL, behaviour, protocol, method, signature, viewer's function; then the cache or the origin; then error pages, headers, function, log.

    X-Cache: Hit | Miss | RefreshHit | Error | Redirect | LambdaGeneratedResponse | FunctionGeneratedResponse ... from cloudfront
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call, Request, Response
from cloche.services.wafv2 import public as wafv2

from .. import cache_policies, field_encryption, origin_request_policies, response_headers_policies
from ..things import items
from . import choosing, functions, keeping, lambdas, logging, pages, sending, signed, viewer_headers
from .exchange import Exchange
from .origins import Answer, Trouble

POP = "IAD89-C1"     # there is one edge, and it is at home


class Stop(Exception):
    """The edge itself answers."""

    def __init__(self, response: Response, result: str = "Error") -> None:
        super().__init__(result)
        self.response, self.result = response, result


async def answer(call: Call, one: Any, request: Request) -> Response:
    x = Exchange(call, one, request)
    try:
        response = await respond(x)
        if x.config["WebACLId"] and x.method == "POST":
            await wafv2.heard(x.call, x.distribution.arn, x.request, x.client, response)
    except Stop as stop:
        response, x.result = stop.response, stop.result
        if x.behaviour and x.result == "Error":
            response = await pictured(x, response)
            response = policed(x, response)
    return finished(x, response)


async def respond(x: Exchange) -> Response:
    call, request = x.call, x.request
    if not x.config["Enabled"]:
        raise Stop(pages.page(403, pages.NOBODY, x.id))
    if len(request.target) > 8192:
        raise Stop(pages.page(414, "The request's URL is longer than 8192 bytes.", x.id))
    meets(x, x.uri)
    await weighed(x)
    protocol(x)
    if x.method not in items(x.behaviour["AllowedMethods"]):
        raise Stop(pages.page(403, pages.METHOD, x.id))
    if x.method in ("GET", "HEAD") and (request.stream is not None or request.body):
        raise Stop(pages.page(403, "Bad request: a GET request has no body.", x.id))
    # GeoRestriction: who is in no country that can be told is served, as AWS does it; that is everybody on one's own machine
    if groups := items(x.behaviour["TrustedKeyGroups"]):
        try:
            signed.check(call, groups, signed.Asked(urls(x), x.query, x.cookies, x.client))
        except signed.Refused as refused:
            raise Stop(pages.xml(refused.code, refused.message)) from None
        x.query = signed.stripped(x.query)
        x.headers = [(name, value) for name, value in x.headers if name != "cookie"] + [
            ("cookie", "; ".join(text for name, text in choosing.cookies(x.headers) if not name.startswith("CloudFront-")))] if x.cookies else x.headers
    made = await before(x)
    if made is not None:
        return policed(x, made)                     # nothing that comes later sees it
    if x.uri == "/" and x.config["DefaultRootObject"]:
        x.uri = "/" + x.config["DefaultRootObject"]
    if x.behaviour["FieldLevelEncryptionId"] and x.method in ("POST", "PUT", "PATCH"):
        await field_encryption.sealed(x)
    response = await fetched(x)
    response = await pictured(x, response)
    return await after(x, policed(x, response))


def meets(x: Exchange, path: str) -> None:
    x.behaviour = one = choosing.behaviour(x.config, path)
    cache = cache_policies.find(x.call, one["CachePolicyId"]).config if one.get("CachePolicyId") else None
    origin = origin_request_policies.find(x.call, one["OriginRequestPolicyId"]).config if one.get("OriginRequestPolicyId") else None
    x.rules = choosing.rules(one, cache, origin)


async def weighed(x: Exchange) -> None:
    if not x.config["WebACLId"]:
        return
    said, insert = await wafv2.judge(x.call, x.distribution.arn, x.request, x.client)
    if said is None:
        x.headers = wafv2.placed(x.headers, [(name.lower(), value) for name, value in insert])
        return
    raise Stop(pages.page(403, pages.BLOCKED, x.id) if isinstance(said, str) else said)


def protocol(x: Exchange) -> None:
    if x.scheme == "https" or x.behaviour["ViewerProtocolPolicy"] == "allow-all":
        return
    if x.behaviour["ViewerProtocolPolicy"] == "https-only":
        raise Stop(pages.page(403, pages.HTTPS, x.id))
    where = f"https://{x.host}{x.request.target}"
    raise Stop(pages.redirect(301 if x.method in ("GET", "HEAD") else 307, where), "Redirect")


def urls(x: Exchange) -> list[str]:
    """The names under which the viewer may have signed what it asks for."""
    hosts = [x.request.headers.get("host", ""), x.host, x.distribution.domain]
    return [f"{x.scheme}://{host}{x.request.target}" for host in dict.fromkeys(hosts)]


# -- functions of the viewer's two events -----------------------------------------------------------------------------------------

async def before(x: Exchange) -> Response | None:
    """An answer that a function gives instead of all that follows."""
    if (name := associated(x, "FunctionAssociations", "viewer-request")) is not None:
        return await functions.on_request(x, name)
    if (one := lambdas.associated(x, "viewer-request")) is not None:
        return await lambdas.on_viewer_request(x, one)
    return None


async def after(x: Exchange, response: Response) -> Response:
    """A viewer's response: not told of errors, nor of pages for them, whose answers no function may touch."""
    if response.status >= 400 or x.result == "Error":
        return response
    if (name := associated(x, "FunctionAssociations", "viewer-response")) is not None:
        return await functions.on_response(x, name, response)
    if (one := lambdas.associated(x, "viewer-response")) is not None:
        return await lambdas.on_viewer_response(x, one, response)
    return response


def associated(x: Exchange, kind: str, event: str) -> str | None:
    return next((one["FunctionARN"] for one in items(x.behaviour[kind]) if one["EventType"] == event), None)


# -- cache and origin -------------------------------------------------------------------------------------------------------------

async def fetched(x: Exchange) -> Response:
    try:
        if x.rules.caches and x.request.tunnel is None and x.method in items(x.behaviour["AllowedMethods"]["CachedMethods"]):
            return await keeping.through(x)
        return passed(x, await sending.ask(x, False, []))
    except Trouble as trouble:
        x.result, x.detail = "Error", trouble.why
        return pages.page(trouble.status, pages.SLOW if trouble.status == 504 else pages.ORIGIN, x.id)
    except lambdas.Broken as broken:
        x.result = broken.result
        return pages.page(broken.status, broken.text, x.id)


def passed(x: Exchange, said: Answer) -> Response:
    if said.status >= 400:
        x.result = "Error"
    return Response(said.status, list(said.headers), said.body)


async def pictured(x: Exchange, response: Response) -> Response:
    """The distribution's own page for an error, under the status that it says."""
    one = next((one for one in items(x.config["CustomErrorResponses"]) if one["ErrorCode"] == response.status), None)
    if one is None or not one.get("ResponsePagePath") or x.result.startswith(("Function", "LambdaGenerated")):
        return response
    inner = Exchange(x.call, x.distribution, x.request)
    inner.id, inner.method, inner.uri, inner.query = x.id, "GET", one["ResponsePagePath"], ""
    inner.headers = [(name, value) for name, value in inner.headers if name not in sending.CONDITIONS]
    meets(inner, inner.uri)
    page = await fetched(inner)
    x.result = "Error"
    if page.status >= 400:
        return response
    return Response(int(one["ResponseCode"]), [(name, value) for name, value in page.headers if name != "age"], page.body)


# -- the answer -------------------------------------------------------------------------------------------------------------------

def policed(x: Exchange, response: Response) -> Response:
    id_ = x.behaviour.get("ResponseHeadersPolicyId")
    config = response_headers_policies.find(x.call, id_).config if id_ else None
    timing = ""
    if config and (measured := config.get("ServerTimingHeadersConfig")) and measured["Enabled"] and x.call.cloud.dice.random() * 100 < measured.get("SamplingRate", 0.0):
        word = {"Hit": "hit", "RefreshHit": "refresh"}.get(x.result, "miss")
        timing = f'cdn-cache-{word},cdn-pop;desc="{POP}",cdn-rid;desc="{x.id}"' + (f",cdn-upstream-fbl;dur={x.origin_seconds * 1000:.0f}" if x.origin_seconds else "")
    response.headers = viewer_headers.policed(config, response.headers, x.header("origin"), x.method, timing)
    return response


def finished(x: Exchange, response: Response) -> Response:
    own = {"x-cache", "via", "x-amz-cf-pop", "x-amz-cf-id", "connection", "transfer-encoding"}
    before = next((value for name, value in response.headers if name.lower() == "via"), "")
    headers = [(name, value) for name, value in response.headers if name.lower() not in own]
    told = f"{before}, {sending.via(x)}" if before else sending.via(x)
    response.headers = [*headers, ("X-Cache", f"{x.result} from cloudfront"), ("Via", told), ("X-Amz-Cf-Pop", POP), ("X-Amz-Cf-Id", x.id)]
    if response.status == 101:
        response.headers += [("upgrade", "websocket"), ("connection", "upgrade")]
    if x.method == "HEAD" and isinstance(response.body, bytes):
        if response.body and not any(name.lower() == "content-length" for name, _ in response.headers):
            response.headers.append(("content-length", str(len(response.body))))
        response.body = b""
    logging.done(x, response)
    return response
