"""Routes: `GET /pets/{id}` or `$default`, who may take them, and which integration they lead to."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import ROUTE_KEY, Api, edit, find, given, page, without

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("RouteKey", "Target", "AuthorizationType", "AuthorizerId", "AuthorizationScopes", "ApiKeyRequired", "OperationName", "RequestParameters", "RequestModels",
          "ModelSelectionExpression", "RouteResponseSelectionExpression")


def find_route(api: Api, id_: str) -> dict[str, Any]:
    if route := api.definition.routes.get(id_):
        return route
    raise errors.no_such("Route", id_)


def check(api: Api, route: dict[str, Any], me: str = "") -> None:
    key = route["RouteKey"]
    if key != "$default" and not api.websocket:
        found = ROUTE_KEY.fullmatch(key)
        parts = found[1].split("/") if found else []
        if found is None or any(p.endswith("+}") for p in parts[:-1]):
            raise errors.bad_route_key()
    if any(r["RouteKey"] == key and r["RouteId"] != me for r in api.definition.routes.values()):
        raise errors.route_exists(key)
    target = route.get("Target")
    if target and target.removeprefix("integrations/") not in api.definition.integrations:
        raise errors.bad_request(f"Unable to find Integration by key {target.removeprefix('integrations/')} within the provided RestApi")
    kind, authorizer = route.get("AuthorizationType", "NONE"), route.get("AuthorizerId")
    if kind in ("JWT", "CUSTOM"):
        found_authorizer = api.definition.authorizers.get(authorizer or "")
        if found_authorizer is None:
            raise errors.bad_request("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or JWT requires a valid authorizer.")
        if api.websocket and key != "$connect":
            raise errors.bad_request("Currently, authorization is restricted to the $connect route only")
        if found_authorizer["AuthorizerType"] != {"JWT": "JWT", "CUSTOM": "REQUEST"}[kind]:
            raise errors.bad_request(f"The authorizer's type does not match the authorization type {kind}.")
    if api.websocket and kind == "JWT":
        raise errors.bad_request("JWT authorizers are supported for HTTP APIs only.")
    if kind != "JWT" and route.get("AuthorizationScopes"):
        raise errors.bad_request("Authorization scopes are only supported with the authorization type JWT.")


def add(call: Call, api: Api, values: dict[str, Any], managed: bool = False) -> tuple[Api, dict[str, Any]]:
    route = {"RouteId": call.pick(LETTERS, 7), "ApiKeyRequired": False, "AuthorizationType": "NONE", **values}
    if managed:
        route["ApiGatewayManaged"] = True
    check(api, route, route["RouteId"])
    return edit(call, api, routes={**api.definition.routes, route["RouteId"]: route}), route


@apigatewayv2.op(needs=asked)
def create_route(call: Call, req: t.CreateRouteRequest) -> t.CreateRouteResult:
    return add(call, find(call, req), given(req, FIELDS))[1]


@apigatewayv2.op(needs=asked)
def get_route(call: Call, req: t.GetRouteRequest) -> t.GetRouteResult:
    return find_route(find(call, req), req["RouteId"])


@apigatewayv2.op(needs=asked)
def get_routes(call: Call, req: t.GetRoutesRequest) -> t.GetRoutesResponse:
    return page(req, find(call, req).definition.routes.values(), lambda r: r["RouteId"], dict)


def change(call: Call, api: Api, id_: str, values: dict[str, Any]) -> dict[str, Any]:
    route = {**find_route(api, id_), **values}
    check(api, route, id_)
    edit(call, api, routes={**api.definition.routes, id_: route})
    return route


@apigatewayv2.op(needs=asked)
def update_route(call: Call, req: t.UpdateRouteRequest) -> t.UpdateRouteResult:
    return change(call, find(call, req), req["RouteId"], given(req, FIELDS))


@apigatewayv2.op(needs=asked)
def delete_route(call: Call, req: t.DeleteRouteRequest) -> None:
    api = find(call, req)
    find_route(api, req["RouteId"])
    responses = {id_: one for id_, one in api.definition.route_responses.items() if one["RouteId"] != req["RouteId"]}
    edit(call, api, routes=without(api.definition.routes, req["RouteId"]), route_responses=responses)


@apigatewayv2.op(needs=asked)
def delete_route_request_parameter(call: Call, req: t.DeleteRouteRequestParameterRequest) -> None:
    api = find(call, req)
    route = find_route(api, req["RouteId"])
    parameters = route.get("RequestParameters") or {}
    if req["RequestParameterKey"] not in parameters:
        raise errors.no_such("RequestParameter", req["RequestParameterKey"])
    changed = route | {"RequestParameters": without(parameters, req["RequestParameterKey"])}
    edit(call, api, routes={**api.definition.routes, req["RouteId"]: changed})
