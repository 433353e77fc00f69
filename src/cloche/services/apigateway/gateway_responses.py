"""Gateway responses: what the API itself answers when it refuses or fails, by kind, and how each may be rewritten."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as apigateway
from .access import asked
from .apis import RestApi, edit, find, without
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

# kind -> its own status, where it has one; the others take DEFAULT_4XX's or DEFAULT_5XX's and the status of the case
STATUS: dict[str, str | None] = {
    "ACCESS_DENIED": "403", "API_CONFIGURATION_ERROR": "500", "AUTHORIZER_CONFIGURATION_ERROR": "500", "AUTHORIZER_FAILURE": "500", "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400", "DEFAULT_4XX": None, "DEFAULT_5XX": None, "EXPIRED_TOKEN": "403", "INTEGRATION_FAILURE": "504", "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403", "INVALID_SIGNATURE": "403", "MISSING_AUTHENTICATION_TOKEN": "403", "QUOTA_EXCEEDED": "429", "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404", "THROTTLED": "429", "UNAUTHORIZED": "401", "UNSUPPORTED_MEDIA_TYPE": "415", "WAF_FILTERED": "403",
}
TEMPLATE = {"application/json": '{"message":$context.error.messageString}'}
PATCHABLE = {"/statusCode": TEXT, "/responseParameters/*": TEXT, "/responseTemplates/*": TEXT}


def default(kind: str) -> dict[str, Any]:
    shown = {"responseType": kind, "responseParameters": {}, "responseTemplates": TEMPLATE, "defaultResponse": True}
    return shown | ({"statusCode": STATUS[kind]} if STATUS[kind] else {})


def shown(api: RestApi, kind: str) -> dict[str, Any]:
    """A kind that is not customised itself follows a customised DEFAULT_4XX or DEFAULT_5XX."""
    if kind in api.definition.responses:
        return api.definition.responses[kind]
    status = STATUS[kind]
    family = api.definition.responses.get("DEFAULT_5XX" if status and status[0] == "5" else "DEFAULT_4XX")
    if family and status:
        return {**family, "responseType": kind, "defaultResponse": True, "statusCode": family.get("statusCode") or status}
    return default(kind)


@apigateway.op(needs=asked)
def put_gateway_response(call: Call, req: t.PutGatewayResponseRequest) -> t.GatewayResponse:
    api, kind = find(call, req), req["responseType"]
    it = {"responseType": kind, "responseParameters": req.get("responseParameters") or {}, "responseTemplates": req.get("responseTemplates") or TEMPLATE, "defaultResponse": False}
    if status := req.get("statusCode") or STATUS[kind]:
        it["statusCode"] = status
    check(it)
    edit(call, api, responses={**api.definition.responses, kind: it})
    return it


def check(it: dict[str, Any]) -> None:
    for name in it["responseParameters"]:
        if not name.startswith("gatewayresponse.header."):
            raise errors.bad_request(f"Invalid parameter mapping specified: {name}")


@apigateway.op(needs=asked)
def get_gateway_response(call: Call, req: t.GetGatewayResponseRequest) -> t.GatewayResponse:
    return shown(find(call, req), req["responseType"])


@apigateway.op(needs=asked)
def get_gateway_responses(call: Call, req: t.GetGatewayResponsesRequest) -> t.GatewayResponses:
    api = find(call, req)
    return {"items": [shown(api, kind) for kind in sorted(STATUS)]}


@apigateway.op(needs=asked)
def update_gateway_response(call: Call, req: t.UpdateGatewayResponseRequest) -> t.GatewayResponse:
    api, kind = find(call, req), req["responseType"]
    changed = {**apply(shown(api, kind), req.get("patchOperations"), PATCHABLE), "defaultResponse": False}
    check(changed)
    edit(call, api, responses={**api.definition.responses, kind: changed})
    return changed


@apigateway.op(needs=asked)
def delete_gateway_response(call: Call, req: t.DeleteGatewayResponseRequest) -> None:
    api, kind = find(call, req), req["responseType"]
    if kind not in api.definition.responses:
        raise errors.not_found("Gateway response type not defined on api")
    edit(call, api, responses=without(api.definition.responses, kind))
