"""The door: `API.execute-api.REGION.amazonaws.com/STAGE/PATH`, or `/restapis/API/STAGE/_user_request_/PATH`.

REST and HTTP APIs share their hosts; whose API it is says a record of the whole cloud.
"""
from __future__ import annotations

from cloche.kernel import Call, Request, Response

from . import service as apigateway
from .apis import Endpoint, RestApi
from .invoke import pipeline, refusals


@apigateway.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    endpoint = call.get(Endpoint, match["api"])
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
    if endpoint.type == "HTTP":
        from cloche.services.apigatewayv2 import public as http_apis
        call.cloud.service("apigatewayv2")
        return await http_apis.answer(here.of("apigatewayv2"), request, endpoint.id, match.get("stage"), path)
    api = here.get(RestApi, endpoint.id)
    if api is None:
        return refusals.plain(call.request_id, 403, "Forbidden", "ForbiddenException")
    return await pipeline.answer(here, request, api, stage, "/" + path.lstrip("/"), f"/{stage}")
