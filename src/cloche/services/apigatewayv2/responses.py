"""Responses of WebSocket APIs: with a route response, what the integration says goes back to the client; an integration response has the template that makes a message of it."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without
from .integrations import find_integration
from .routes import find_route

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t


class Kind(NamedTuple):
    """Of what these are responses, and where they are kept: `place` in the definition, by `noun` + "Id", each with its `above` + "Id"."""

    place: str
    noun: str
    above: str
    find_above: Callable[[Api, str], Any]
    fields: tuple[str, ...]


ROUTE = Kind("route_responses", "RouteResponse", "Route", find_route, ("RouteResponseKey", "ModelSelectionExpression", "ResponseModels", "ResponseParameters"))
INTEGRATION = Kind("integration_responses", "IntegrationResponse", "Integration", find_integration,
                   ("IntegrationResponseKey", "ContentHandlingStrategy", "ResponseParameters", "ResponseTemplates", "TemplateSelectionExpression"))


def beside(kind: Kind, api: Api, req: Any) -> list[dict[str, Any]]:
    """All responses of the route or integration that the request names."""
    above = f"{kind.above}Id"
    kind.find_above(api, req[above])
    return [one for one in getattr(api.definition, kind.place).values() if one[above] == req[above]]


def named(kind: Kind, api: Api, req: Any) -> dict[str, Any]:
    id_ = f"{kind.noun}Id"
    for one in beside(kind, api, req):
        if one[id_] == req[id_]:
            return one
    raise errors.no_such(kind.noun, req[id_])


def keep(kind: Kind, call: Call, api: Api, response: dict[str, Any]) -> dict[str, Any]:
    edit(call, api, **{kind.place: {**getattr(api.definition, kind.place), response[f"{kind.noun}Id"]: response}})
    return shown(kind, response)


def shown(kind: Kind, response: dict[str, Any]) -> dict[str, Any]:
    return without(response, f"{kind.above}Id")


def create(kind: Kind, call: Call, req: Any) -> dict[str, Any]:
    api, key = find(call, req), f"{kind.noun}Key"
    if not api.websocket:
        raise errors.bad_request(f"{kind.noun} is supported for WEBSOCKET protocol type APIs only.")
    if any(one[key] == req[key] for one in beside(kind, api, req)):
        raise errors.conflict(f"{kind.noun} already exists")
    return keep(kind, call, api, {f"{kind.noun}Id": call.pick(LETTERS, 6), f"{kind.above}Id": req[f"{kind.above}Id"], **given(req, kind.fields)})


def update(kind: Kind, call: Call, req: Any) -> dict[str, Any]:
    api = find(call, req)
    return keep(kind, call, api, named(kind, api, req) | given(req, kind.fields))


def listed(kind: Kind, call: Call, req: Any) -> dict[str, Any]:
    return page(req, beside(kind, find(call, req), req), lambda one: one[f"{kind.noun}Id"], lambda one: shown(kind, one))  # type: ignore[no-any-return]


def drop(kind: Kind, call: Call, req: Any) -> None:
    api = find(call, req)
    edit(call, api, **{kind.place: without(getattr(api.definition, kind.place), named(kind, api, req)[f"{kind.noun}Id"])})


@apigatewayv2.op(needs=asked)
def create_route_response(call: Call, req: t.CreateRouteResponseRequest) -> t.CreateRouteResponseResponse:
    return create(ROUTE, call, req)


@apigatewayv2.op(needs=asked)
def get_route_response(call: Call, req: t.GetRouteResponseRequest) -> t.GetRouteResponseResponse:
    return shown(ROUTE, named(ROUTE, find(call, req), req))


@apigatewayv2.op(needs=asked)
def get_route_responses(call: Call, req: t.GetRouteResponsesRequest) -> t.GetRouteResponsesResponse:
    return listed(ROUTE, call, req)


@apigatewayv2.op(needs=asked)
def update_route_response(call: Call, req: t.UpdateRouteResponseRequest) -> t.UpdateRouteResponseResponse:
    return update(ROUTE, call, req)


@apigatewayv2.op(needs=asked)
def delete_route_response(call: Call, req: t.DeleteRouteResponseRequest) -> None:
    drop(ROUTE, call, req)


@apigatewayv2.op(needs=asked)
def create_integration_response(call: Call, req: t.CreateIntegrationResponseRequest) -> t.CreateIntegrationResponseResponse:
    return create(INTEGRATION, call, req)


@apigatewayv2.op(needs=asked)
def get_integration_response(call: Call, req: t.GetIntegrationResponseRequest) -> t.GetIntegrationResponseResponse:
    return shown(INTEGRATION, named(INTEGRATION, find(call, req), req))


@apigatewayv2.op(needs=asked)
def get_integration_responses(call: Call, req: t.GetIntegrationResponsesRequest) -> t.GetIntegrationResponsesResponse:
    return listed(INTEGRATION, call, req)


@apigatewayv2.op(needs=asked)
def update_integration_response(call: Call, req: t.UpdateIntegrationResponseRequest) -> t.UpdateIntegrationResponseResponse:
    return update(INTEGRATION, call, req)


@apigatewayv2.op(needs=asked)
def delete_integration_response(call: Call, req: t.DeleteIntegrationResponseRequest) -> None:
    drop(INTEGRATION, call, req)
