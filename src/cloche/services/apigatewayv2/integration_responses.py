"""Integration responses of WebSocket APIs: which template makes a message of what the integration said."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without
from .integrations import find_integration

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("IntegrationResponseKey", "ContentHandlingStrategy", "ResponseParameters", "ResponseTemplates", "TemplateSelectionExpression")


def find_response(api: Api, req: Any) -> dict[str, Any]:
    found = api.definition.integration_responses.get(req["IntegrationResponseId"])
    if found is None or found["IntegrationId"] != req["IntegrationId"]:
        raise errors.no_such("IntegrationResponse", req["IntegrationResponseId"])
    return found


def described(response: dict[str, Any]) -> dict[str, Any]:
    return without(response, "IntegrationId")


@apigatewayv2.op(needs=asked)
def create_integration_response(call: Call, req: t.CreateIntegrationResponseRequest) -> t.CreateIntegrationResponseResponse:
    api = find(call, req)
    find_integration(api, req["IntegrationId"])
    if not api.websocket:
        raise errors.bad_request("IntegrationResponse is supported for WEBSOCKET protocol type APIs only.")
    if any(one["IntegrationId"] == req["IntegrationId"] and one["IntegrationResponseKey"] == req["IntegrationResponseKey"] for one in api.definition.integration_responses.values()):
        raise errors.conflict("IntegrationResponse already exists")
    response = {"IntegrationResponseId": call.pick(LETTERS, 6), "IntegrationId": req["IntegrationId"], **given(req, FIELDS)}
    edit(call, api, integration_responses={**api.definition.integration_responses, response["IntegrationResponseId"]: response})
    return described(response)


@apigatewayv2.op(needs=asked)
def get_integration_response(call: Call, req: t.GetIntegrationResponseRequest) -> t.GetIntegrationResponseResponse:
    return described(find_response(find(call, req), req))


@apigatewayv2.op(needs=asked)
def get_integration_responses(call: Call, req: t.GetIntegrationResponsesRequest) -> t.GetIntegrationResponsesResponse:
    api = find(call, req)
    find_integration(api, req["IntegrationId"])
    return page(req, [one for one in api.definition.integration_responses.values() if one["IntegrationId"] == req["IntegrationId"]], lambda one: one["IntegrationResponseId"], described)


@apigatewayv2.op(needs=asked)
def update_integration_response(call: Call, req: t.UpdateIntegrationResponseRequest) -> t.UpdateIntegrationResponseResponse:
    api = find(call, req)
    response = find_response(api, req) | given(req, FIELDS)
    edit(call, api, integration_responses={**api.definition.integration_responses, response["IntegrationResponseId"]: response})
    return described(response)


@apigatewayv2.op(needs=asked)
def delete_integration_response(call: Call, req: t.DeleteIntegrationResponseRequest) -> None:
    api = find(call, req)
    find_response(api, req)
    edit(call, api, integration_responses=without(api.definition.integration_responses, req["IntegrationResponseId"]))
