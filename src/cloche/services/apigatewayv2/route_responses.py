"""Route responses: with one, what the integration says goes back to the client."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without
from .routes import find_route

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("RouteResponseKey", "ModelSelectionExpression", "ResponseModels", "ResponseParameters")


def find_response(api: Api, req: Any) -> dict[str, Any]:
    found = api.definition.route_responses.get(req["RouteResponseId"])
    if found is None or found["RouteId"] != req["RouteId"]:
        raise errors.no_such("RouteResponse", req["RouteResponseId"])
    return found


def described(response: dict[str, Any]) -> dict[str, Any]:
    return without(response, "RouteId")


@apigatewayv2.op(needs=asked)
def create_route_response(call: Call, req: t.CreateRouteResponseRequest) -> t.CreateRouteResponseResponse:
    api = find(call, req)
    find_route(api, req["RouteId"])
    if not api.websocket:
        raise errors.bad_request("RouteResponse is supported for WEBSOCKET protocol type APIs only.")
    if any(one["RouteId"] == req["RouteId"] and one["RouteResponseKey"] == req["RouteResponseKey"] for one in api.definition.route_responses.values()):
        raise errors.conflict("RouteResponse already exists")
    response = {"RouteResponseId": call.pick(LETTERS, 6), "RouteId": req["RouteId"], **given(req, FIELDS)}
    edit(call, api, route_responses={**api.definition.route_responses, response["RouteResponseId"]: response})
    return described(response)


@apigatewayv2.op(needs=asked)
def get_route_response(call: Call, req: t.GetRouteResponseRequest) -> t.GetRouteResponseResponse:
    return described(find_response(find(call, req), req))


@apigatewayv2.op(needs=asked)
def get_route_responses(call: Call, req: t.GetRouteResponsesRequest) -> t.GetRouteResponsesResponse:
    api = find(call, req)
    find_route(api, req["RouteId"])
    return page(req, [one for one in api.definition.route_responses.values() if one["RouteId"] == req["RouteId"]], lambda one: one["RouteResponseId"], described)


@apigatewayv2.op(needs=asked)
def update_route_response(call: Call, req: t.UpdateRouteResponseRequest) -> t.UpdateRouteResponseResponse:
    api = find(call, req)
    response = find_response(api, req) | given(req, FIELDS)
    edit(call, api, route_responses={**api.definition.route_responses, response["RouteResponseId"]: response})
    return described(response)


@apigatewayv2.op(needs=asked)
def delete_route_response(call: Call, req: t.DeleteRouteResponseRequest) -> None:
    api = find(call, req)
    find_response(api, req)
    edit(call, api, route_responses=without(api.definition.route_responses, req["RouteResponseId"]))
