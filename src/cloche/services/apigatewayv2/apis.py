"""HTTP and WebSocket APIs: settings, and the definition of routes, integrations and authorizers that deployments freeze."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record
from cloche.services.apigateway.public import LETTERS, Endpoint, asked

from . import errors
from . import service as apigatewayv2

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

VERBS = ("ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ROUTE_KEY = re.compile(rf"(?:{'|'.join(VERBS)}) (/.*)")


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    routes: dict[str, dict[str, Any]] = {}
    integrations: dict[str, dict[str, Any]] = {}
    authorizers: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    route_responses: dict[str, dict[str, Any]] = {}        # WebSocket APIs'
    integration_responses: dict[str, dict[str, Any]] = {}


class Api(Record, frozen=True):
    kind = "apigatewayv2.api"

    id: str
    created: float
    values: dict[str, Any]
    definition: Definition

    @property
    def key(self) -> str:
        return self.id

    @property
    def websocket(self) -> bool:
        return self.values.get("ProtocolType") == "WEBSOCKET"


def find(call: Call, req: Any) -> Api:
    if api := call.get(Api, req["ApiId"]):
        return api
    raise errors.no_api(req["ApiId"])


def edit(call: Call, api: Api, **changes: Any) -> Api:
    """Put the API back with parts of its definition exchanged; stages with auto-deploy follow."""
    from . import stages
    api = call.put(api.but(definition=msgspec.structs.replace(api.definition, **changes)))
    stages.auto_deploy(call, api)
    return api


def without(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k not in keys}


def given(req: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: req[name] for name in names if req.get(name) is not None}


def described(call: Call, api: Api) -> dict[str, Any]:
    if api.websocket:
        return {"ApiId": api.id, "ApiEndpoint": f"wss://{api.id}.execute-api.{call.region}.amazonaws.com", "CreatedDate": api.created, "DisableExecuteApiEndpoint": False,
                "ApiKeySelectionExpression": "$request.header.x-api-key", "IpAddressType": "ipv4", "Tags": {}, **api.values}
    return {
        "ApiId": api.id, "ApiEndpoint": f"https://{api.id}.execute-api.{call.region}.amazonaws.com", "CreatedDate": api.created, "ProtocolType": "HTTP",
        "ApiKeySelectionExpression": "$request.header.x-api-key", "RouteSelectionExpression": "${request.method} ${request.path}", "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4", "Tags": {}, **api.values,
    }


SETTINGS = ("Name", "Description", "Version", "CorsConfiguration", "DisableExecuteApiEndpoint", "IpAddressType", "Tags")
WEBSOCKET_SETTINGS = (*SETTINGS, "RouteSelectionExpression", "ApiKeySelectionExpression", "DisableSchemaValidation")


def check(values: dict[str, Any]) -> None:
    cors = values.get("CorsConfiguration") or {}
    if values.get("ProtocolType") == "WEBSOCKET":
        if not values.get("RouteSelectionExpression"):
            raise errors.bad_request("RouteSelectionExpression is a required parameter for WEBSOCKET protocol type APIs")
        if cors:
            raise errors.bad_request("CORS configuration is supported for HTTP APIs only.")
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or []):
        raise errors.bad_request("CORS: allow-credentials cannot be used with allow-origins *")
    for origin in cors.get("AllowOrigins") or []:
        if origin != "*" and not re.match(r"[a-z][a-z0-9+.\-]*://", origin):
            raise errors.bad_request(f"Invalid format for origin {origin}. Origins should be in the form scheme://host")


def new(call: Call, values: dict[str, Any]) -> Api:
    check(values)
    api = call.put(Api(call.pick(LETTERS, 10), call.now, values, Definition()))
    call.put(Endpoint(api.id, call.account, call.region, "WEBSOCKET" if api.websocket else "HTTP"))
    return api


@apigatewayv2.op(needs=asked)
def create_api(call: Call, req: t.CreateApiRequest) -> t.CreateApiResponse:
    if req["ProtocolType"] == "WEBSOCKET":
        if req.get("Target"):
            raise errors.bad_request("Quick create is supported for HTTP APIs only.")
        return described(call, new(call, {"ProtocolType": "WEBSOCKET", **given(req, WEBSOCKET_SETTINGS)}))
    api = new(call, given(req, SETTINGS))
    if target := req.get("Target"):
        api = quick_create(call, api, req, target)
    return described(call, api)


def quick_create(call: Call, api: Api, req: Any, target: str) -> Api:
    """One integration, one route, and a $default stage that deploys itself; all three managed by API Gateway."""
    from . import integrations, routes, stages
    if target.startswith("arn:"):
        it = {"IntegrationType": "AWS_PROXY", "IntegrationUri": target, "PayloadFormatVersion": "2.0"}
    else:
        it = {"IntegrationType": "HTTP_PROXY", "IntegrationUri": target, "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0"}
    if req.get("CredentialsArn"):
        it["CredentialsArn"] = req["CredentialsArn"]
    api, integration = integrations.add(call, api, it, managed=True)
    api, _ = routes.add(call, api, {"RouteKey": req.get("RouteKey") or "$default", "Target": f"integrations/{integration['IntegrationId']}"}, managed=True)
    stages.new(call, api, "$default", {"AutoDeploy": True, "ApiGatewayManaged": True})
    return api


@apigatewayv2.op(needs=asked)
def get_api(call: Call, req: t.GetApiRequest) -> t.GetApiResponse:
    return described(call, find(call, req))


@apigatewayv2.op(needs=asked)
def get_apis(call: Call, req: t.GetApisRequest) -> t.GetApisResponse:
    return page(req, call.all(Api), lambda a: a.id, lambda a: described(call, a))


def page(req: Any, items: Any, key: Any, show: Any) -> dict[str, Any]:
    """MaxResults is a string here; a token is the last key that was seen."""
    limit = req.get("MaxResults")
    if limit is not None and not (limit.isdigit() and int(limit) > 0):
        raise errors.bad_request("Invalid maxResults value")
    ordered = [i for i in sorted(items, key=key) if key(i) > (req.get("NextToken") or "")]
    shown = ordered[:int(limit)] if limit else ordered
    answer: dict[str, Any] = {"Items": [show(i) for i in shown]}
    if len(shown) < len(ordered):
        answer["NextToken"] = key(shown[-1])
    return answer


@apigatewayv2.op(needs=asked)
def update_api(call: Call, req: t.UpdateApiRequest) -> t.UpdateApiResponse:
    from . import integrations, routes
    api = find(call, req)
    values = {**api.values, **given(req, without(dict.fromkeys(WEBSOCKET_SETTINGS if api.websocket else SETTINGS), "Tags"))}  # type: ignore[arg-type]
    check(values)
    api = call.put(api.but(values=values))
    if target := req.get("Target"):
        found = next((i for i in api.definition.integrations.values() if i.get("ApiGatewayManaged")), None)
        if found is None:
            raise errors.bad_request("Only an API made by quick create has a target.")
        integrations.change(call, api, found["IntegrationId"], {"IntegrationUri": target})
        api = find(call, req)
    if key := req.get("RouteKey"):
        found = next((r for r in api.definition.routes.values() if r.get("ApiGatewayManaged")), None)
        if found is None:
            raise errors.bad_request("Only an API made by quick create has a managed route.")
        routes.change(call, api, found["RouteId"], {"RouteKey": key})
    return described(call, find(call, req))


@apigatewayv2.op(needs=asked)
def delete_cors_configuration(call: Call, req: t.DeleteCorsConfigurationRequest) -> None:
    api = find(call, req)
    call.put(api.but(values=without(api.values, "CorsConfiguration")))


@apigatewayv2.op(needs=asked)
def delete_api(call: Call, req: t.DeleteApiRequest) -> None:
    from .stages import Deployment, Stage
    api = find(call, req)
    for type_ in (Deployment, Stage):
        for record in call.all(type_):
            if record.api == api.id:
                call.delete(record)
    if endpoint := call.get(Endpoint, api.id):
        call.delete(endpoint)
    call.delete(api)
