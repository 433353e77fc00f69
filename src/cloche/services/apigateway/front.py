"""The door: `API.execute-api.REGION.amazonaws.com/STAGE/PATH`, or `/restapis/API/STAGE/_user_request_/PATH`.

REST and HTTP APIs share their hosts; whose API it is says a record of the whole cloud. At a custom domain its rules and mappings say it.
"""
from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cloche.kernel import Call, Request, Response

from . import mappings
from . import service as apigateway
from .apis import Endpoint, RestApi
from .domains import Domain
from .invoke import pipeline, refusals


@apigateway.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if "host" in match:
        return await at_domain(call.at(match["account"], match["region"]), request, match["host"])
    endpoint = call.get(Endpoint, named(request, match))
    if endpoint is None or match.get("region") not in (None, endpoint.region):
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    here = call.at(endpoint.account, endpoint.region)
    stage, path = match.get("stage"), match.get("path") or ""
    if stage is None:
        stage, _, path = request.path.lstrip("/").partition("/")
        if endpoint.type == "HTTP":
            path = request.path
    else:
        path = "/" + path
    if endpoint.type != "REST" and "aws:SourceVpce" in request.via:
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    if endpoint.type == "WEBSOCKET":
        return await websocket(here, request, endpoint.id, stage, "/" + path)
    if endpoint.type == "HTTP":
        from cloche.services.apigatewayv2 import public as http_apis
        call.cloud.service("apigatewayv2")
        return await http_apis.answer(here.of("apigatewayv2"), request, endpoint.id, match.get("stage"), path)
    api = here.get(RestApi, endpoint.id)
    if api is None:
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    return await pipeline.answer(here, request, api, stage, "/" + path.lstrip("/"), f"/{stage}")


def named(request: Request, match: dict[str, str]) -> str:
    """The API's id. A private API may also be called at its VPC endpoint's own names: `API-VPCE.execute-api...`, or any with `x-apigw-api-id`."""
    if "api" not in match:
        return request.headers.get("x-apigw-api-id", "")
    api, dash, endpoint = match["api"].partition("-vpce-")
    return api if not dash or request.via.get("aws:SourceVpce") == "vpce-" + endpoint else ""


async def websocket(call: Call, request: Request, api: str, stage: str, path: str) -> Response:
    """A handshake, or a word to a connection that is open."""
    from cloche.services.apigatewayv2 import public as websocket_apis
    call.cloud.service("apigatewayv2")
    if path.startswith("/@connections/"):
        return await websocket_apis.manage(call.of("apigatewayv2"), request, api, stage, path)
    return await websocket_apis.connect(call.of("apigatewayv2"), request, api, stage)


async def at_domain(call: Call, request: Request, host: str) -> Response:
    domain = call.get(Domain, host)
    if domain is None or (domain.truststore and not (request.tls is not None and request.tls.getpeercert())):
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    found = way(domain, request)
    if found is None:
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    base, api_id, stage, stripped = found
    whole = request.target.partition("?")[0]
    path = whole[len(base):] if stripped else whole
    if not stage:                                                  # a mapping without a stage: the client names it
        stage, _, rest = path.lstrip("/").partition("/")
        base, path = f"{base}/{stage}", "/" + rest
    endpoint = call.get(Endpoint, api_id)
    api = call.get(RestApi, api_id)
    if api is not None:
        return await pipeline.answer(call, request, api, stage, "/" + path.lstrip("/"), base if stripped else "", by_default_host=False)
    if endpoint is None:
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    if endpoint.type == "WEBSOCKET":
        return await websocket(call, request, api_id, stage, "/" + path.lstrip("/"))
    from cloche.services.apigatewayv2 import public as http_apis
    call.cloud.service("apigatewayv2")
    return await http_apis.answer(call.of("apigatewayv2"), request, api_id, stage, "/" + path.lstrip("/"), by_default_host=False)


def way(domain: Domain, request: Request) -> tuple[str, str, str, bool] | None:
    """(base path with its slash, API, stage, whether the API sees the path without it)."""
    mode, path = domain.values.get("routingMode", "BASE_PATH_MAPPING_ONLY"), request.target.partition("?")[0]
    if mode != "BASE_PATH_MAPPING_ONLY":
        for rule in sorted(domain.rules.values(), key=lambda r: r["Priority"]):
            if (base := holds(rule["Conditions"], path, request.headers)) is not None:
                to = rule["Actions"][0]["InvokeApi"]
                return base, to["ApiId"], to["Stage"], bool(to.get("StripBasePath"))
        if mode == "ROUTING_RULE_ONLY":
            return None
    found = mappings.fitting(domain, path)
    if found is None:
        return None
    key, mapping = found
    return "/" + key if key else "", mapping["api"], mapping.get("stage") or "", True


def holds(conditions: list[dict[str, Any]], path: str, headers: dict[str, str]) -> str | None:
    """The base path that fits ("" where none is asked for), if all conditions hold."""
    base = ""
    for condition in conditions:
        if "MatchBasePaths" in condition:
            fitting = [b for b in condition["MatchBasePaths"]["AnyOf"] if path == f"/{b}" or path.startswith(f"/{b}/")]
            if not fitting:
                return None
            base = "/" + max(fitting, key=len)
        if "MatchHeaders" in condition and not any(
                fnmatchcase(headers.get(one["Header"].lower(), ""), one["ValueGlob"]) for one in condition["MatchHeaders"]["AnyOf"] if one["Header"].lower() in headers):
            return None
    return base
