"""Authorizers of HTTP APIs: a JWT's issuer, or a function that answers yes, no or a policy."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("Name", "AuthorizerType", "AuthorizerUri", "AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "EnableSimpleResponses",
          "IdentitySource", "IdentityValidationExpression", "JwtConfiguration")
WEBSOCKET_SOURCE = re.compile(r"route\.request\.(header|querystring)\.[\w\-.]+|context\.[\w.\-]+|stageVariables\.\w+")
SOURCE = re.compile(r"\$request\.(header|querystring)\.[\w\-.]+|\$context\.[\w.\-]+|\$stageVariables\.\w+")


def find_authorizer(api: Api, id_: str) -> dict[str, Any]:
    if it := api.definition.authorizers.get(id_):
        return it
    raise errors.no_such("Authorizer", id_)


def check(api: Api, it: dict[str, Any]) -> None:
    if any(a["Name"] == it["Name"] and a["AuthorizerId"] != it["AuthorizerId"] for a in api.definition.authorizers.values()):
        raise errors.bad_request(f"Authorizer name must be unique. Authorizer {it['Name']} already exists in this API.")
    sources = it.get("IdentitySource") or []
    for source in sources:
        if not (WEBSOCKET_SOURCE if api.websocket else SOURCE).fullmatch(source):
            raise errors.bad_request(f"Invalid identity source: {source}")
    if it["AuthorizerType"] == "JWT":
        config = it.get("JwtConfiguration") or {}
        if not re.match(r"https?://", config.get("Issuer") or ""):
            raise errors.bad_request("Invalid issuer: JWT authorizers need an issuer URL.")
        if len(sources) != 1:
            raise errors.bad_request("A JWT authorizer has exactly one identity source.")
        return
    if "AuthorizerUri" not in it:
        raise errors.bad_request("AuthorizerUri is a required parameter for REQUEST authorizers")
    if api.websocket:
        return
    if it.get("AuthorizerPayloadFormatVersion") not in ("1.0", "2.0"):
        raise errors.bad_request("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
    if it.get("EnableSimpleResponses") and it["AuthorizerPayloadFormatVersion"] != "2.0":
        raise errors.bad_request("Simple responses need the payload format version 2.0.")
    if not 0 <= it.get("AuthorizerResultTtlInSeconds", 0) <= 3600:
        raise errors.bad_request("Authorizer result TTL must be between 0 and 3600")
    if it.get("AuthorizerResultTtlInSeconds") and not sources:
        raise errors.bad_request("Identity sources are required where answers are cached.")


def add(call: Call, api: Api, values: dict[str, Any]) -> tuple[Api, dict[str, Any]]:
    it = {"AuthorizerId": call.pick(LETTERS, 6), **values}
    check(api, it)
    if it.get("AuthorizerCredentialsArn"):
        call.pass_role(it["AuthorizerCredentialsArn"], "apigateway.amazonaws.com")
    return edit(call, api, authorizers={**api.definition.authorizers, it["AuthorizerId"]: it}), it


@apigatewayv2.op(needs=asked)
def create_authorizer(call: Call, req: t.CreateAuthorizerRequest) -> t.CreateAuthorizerResponse:
    return add(call, find(call, req), given(req, FIELDS))[1]


@apigatewayv2.op(needs=asked)
def get_authorizer(call: Call, req: t.GetAuthorizerRequest) -> t.GetAuthorizerResponse:
    return find_authorizer(find(call, req), req["AuthorizerId"])


@apigatewayv2.op(needs=asked)
def get_authorizers(call: Call, req: t.GetAuthorizersRequest) -> t.GetAuthorizersResponse:
    return page(req, find(call, req).definition.authorizers.values(), lambda a: a["AuthorizerId"], dict)


@apigatewayv2.op(needs=asked)
def update_authorizer(call: Call, req: t.UpdateAuthorizerRequest) -> t.UpdateAuthorizerResponse:
    api = find(call, req)
    it = {**find_authorizer(api, req["AuthorizerId"]), **given(req, FIELDS)}
    check(api, it)
    edit(call, api, authorizers={**api.definition.authorizers, it["AuthorizerId"]: it})
    return it


@apigatewayv2.op(needs=asked)
def delete_authorizer(call: Call, req: t.DeleteAuthorizerRequest) -> None:
    api, id_ = find(call, req), req["AuthorizerId"]
    find_authorizer(api, id_)
    for route in api.definition.routes.values():
        if route.get("AuthorizerId") == id_:
            raise errors.conflict(f"Cannot delete authorizer, is referenced in route: {route['RouteKey']}")
    edit(call, api, authorizers=without(api.definition.authorizers, id_))
