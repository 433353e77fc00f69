"""Integrations of HTTP APIs: a function, somebody's HTTP endpoint, or one of a few AWS operations ("first-class integrations")."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.services.apigateway.public import LETTERS, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, edit, find, given, page, without
from .vpc_links import VpcLink

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("IntegrationType", "IntegrationUri", "IntegrationMethod", "IntegrationSubtype", "PayloadFormatVersion", "ConnectionType", "ConnectionId", "CredentialsArn", "Description",
          "RequestParameters", "ResponseParameters", "TimeoutInMillis", "TlsConfig", "PassthroughBehavior", "RequestTemplates", "TemplateSelectionExpression", "ContentHandlingStrategy")
# subtype -> (service, operation, parameters that must be mapped)
SUBTYPES = {
    "EventBridge-PutEvents": ("events", "PutEvents", ("Detail", "DetailType", "Source")), "SQS-SendMessage": ("sqs", "SendMessage", ("QueueUrl", "MessageBody")),
    "SQS-ReceiveMessage": ("sqs", "ReceiveMessage", ("QueueUrl",)), "SQS-DeleteMessage": ("sqs", "DeleteMessage", ("QueueUrl", "ReceiptHandle")),
    "SQS-PurgeQueue": ("sqs", "PurgeQueue", ("QueueUrl",)), "Kinesis-PutRecord": ("kinesis", "PutRecord", ("StreamName", "Data", "PartitionKey")),
    "StepFunctions-StartExecution": ("stepfunctions", "StartExecution", ("StateMachineArn",)),
    "StepFunctions-StartSyncExecution": ("stepfunctions", "StartSyncExecution", ("StateMachineArn",)),
    "StepFunctions-StopExecution": ("stepfunctions", "StopExecution", ("ExecutionArn",)),
    "AppConfig-GetConfiguration": ("appconfig", "GetConfiguration", ("Application", "Environment", "Configuration", "ClientId")),
}
FUNCTION = re.compile(r"arn:aws[\w-]*:(lambda:[\w-]+:\d{12}:function:.+|apigateway:[\w-]+:lambda:path/2015-03-31/functions/.+/invocations)")
LISTENER = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:listener/(app|net)/.+")
TARGET = re.compile(r"(append|overwrite|remove):(header|querystring)\.[\w\-.]+|overwrite:path|overwrite:statuscode")


def find_integration(api: Api, id_: str) -> dict[str, Any]:
    if it := api.definition.integrations.get(id_):
        return it
    raise errors.no_such("Integration", id_)


def check_websocket(call: Call, it: dict[str, Any]) -> None:
    kind, uri = it["IntegrationType"], it.get("IntegrationUri") or ""
    if not 50 <= it["TimeoutInMillis"] <= 29000:
        raise errors.bad_request("Timeout should be between 50 ms and 29000 ms")
    if kind in ("AWS", "AWS_PROXY") and not uri.startswith("arn:"):
        raise errors.bad_request("Invalid function ARN or invalid uri")
    if kind.startswith("HTTP") and not re.match(r"https?://|\$\{stageVariables", uri):
        raise errors.bad_request("HttpEndpoint must be specified, and it must be a URL")
    if (role := it.get("CredentialsArn")) and ":role/" in role:
        call.pass_role(role, "apigateway.amazonaws.com")


def check(call: Call, it: dict[str, Any]) -> None:
    kind, uri, subtype = it["IntegrationType"], it.get("IntegrationUri") or "", it.get("IntegrationSubtype")
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        raise errors.bad_request(f"Invalid Integration type {kind} for HTTP protocol type APIs. HTTP protocol type APIs only support AWS_PROXY and HTTP_PROXY integrations.")
    if not 50 <= it["TimeoutInMillis"] <= 30000:
        raise errors.bad_request("Timeout should be between 50 ms and 30000 ms")
    if subtype:
        if kind != "AWS_PROXY" or subtype not in SUBTYPES:
            raise errors.bad_request(f"Invalid integration subtype: {subtype}")
        missing = [p for p in SUBTYPES[subtype][2] if p not in (it.get("RequestParameters") or {})]
        if missing:
            raise errors.bad_request(f"Missing required request parameters for {subtype}: {', '.join(missing)}")
        if not it.get("CredentialsArn"):
            raise errors.bad_request("Credentials are required for an integration with an AWS service.")
    elif kind == "AWS_PROXY" and not FUNCTION.fullmatch(uri):
        raise errors.bad_request("Invalid function ARN or invalid uri")
    elif kind == "HTTP_PROXY" and it.get("ConnectionType", "INTERNET") == "INTERNET":
        if not re.match(r"https?://|\$\{stageVariables", uri):
            raise errors.bad_request("HttpEndpoint must be specified, and it must be a URL")
        if not it.get("IntegrationMethod"):
            raise errors.bad_request("HttpMethod must be specified for HTTP_PROXY integrations")
    elif kind == "HTTP_PROXY":
        check_private(call, it)
    if it["PayloadFormatVersion"] not in ("1.0", "2.0") or (it["PayloadFormatVersion"] == "2.0" and (kind == "HTTP_PROXY" or subtype)):
        raise errors.bad_request("Invalid payload format version: the integration supports " + ("1.0" if kind == "HTTP_PROXY" or subtype else "1.0 and 2.0"))
    if not subtype:
        for name in [*(it.get("RequestParameters") or {}), *(n for rules in (it.get("ResponseParameters") or {}).values() for n in rules)]:
            if not TARGET.fullmatch(name):
                raise errors.bad_request(f"Invalid mapping expression specified: {name}")
    if (role := it.get("CredentialsArn")) and ":role/" in role:
        call.pass_role(role, "apigateway.amazonaws.com")


def check_private(call: Call, it: dict[str, Any]) -> None:
    """A VPC link leads to a listener of a load balancer, by its ARN."""
    uri = it.get("IntegrationUri") or ""
    if not it.get("ConnectionId"):
        raise errors.bad_request("ConnectionId must be specified for VPC_LINK integrations")
    if "${stageVariables." not in it["ConnectionId"] and call.get(VpcLink, it["ConnectionId"]) is None:
        raise errors.bad_request(f"Unable to find VpcLink by key {it['ConnectionId']}")
    if not it.get("IntegrationMethod"):
        raise errors.bad_request("HttpMethod must be specified for HTTP_PROXY integrations")
    if ":servicediscovery:" in uri:
        raise AwsError("NotImplemented", "Private integrations with Cloud Map services are not built in Cloche yet.", 501)
    if not LISTENER.fullmatch(uri) and "${stageVariables." not in uri:
        raise errors.bad_request("For VpcLink integrations, the IntegrationUri must be the ARN of a load balancer's listener or of a Cloud Map service")


def add(call: Call, api: Api, values: dict[str, Any], managed: bool = False) -> tuple[Api, dict[str, Any]]:
    if api.websocket:
        it = {"IntegrationId": call.pick(LETTERS, 7), "ConnectionType": "INTERNET", "TimeoutInMillis": 29000, "PayloadFormatVersion": "1.0", "PassthroughBehavior": "WHEN_NO_MATCH",
              "IntegrationResponseSelectionExpression": "${integration.response.statuscode}", **values}
        check_websocket(call, it)
        return edit(call, api, integrations={**api.definition.integrations, it["IntegrationId"]: it}), it
    it = {"IntegrationId": call.pick(LETTERS, 7), "ConnectionType": "INTERNET", "TimeoutInMillis": 30000, "PayloadFormatVersion": "1.0", **values}
    if it["IntegrationType"] == "AWS_PROXY" and not it.get("IntegrationSubtype"):
        it.setdefault("IntegrationMethod", "POST")
        if "PayloadFormatVersion" not in values:
            raise errors.bad_request("PayloadFormatVersion is a required parameter for integration")
    if managed:
        it["ApiGatewayManaged"] = True
    check(call, it)
    return edit(call, api, integrations={**api.definition.integrations, it["IntegrationId"]: it}), it


@apigatewayv2.op(needs=asked, partly="Private integrations with Cloud Map services are refused.")
def create_integration(call: Call, req: t.CreateIntegrationRequest) -> t.CreateIntegrationResult:
    return add(call, find(call, req), given(req, FIELDS))[1]


@apigatewayv2.op(needs=asked)
def get_integration(call: Call, req: t.GetIntegrationRequest) -> t.GetIntegrationResult:
    return find_integration(find(call, req), req["IntegrationId"])


@apigatewayv2.op(needs=asked)
def get_integrations(call: Call, req: t.GetIntegrationsRequest) -> t.GetIntegrationsResponse:
    return page(req, find(call, req).definition.integrations.values(), lambda i: i["IntegrationId"], dict)


def change(call: Call, api: Api, id_: str, values: dict[str, Any]) -> dict[str, Any]:
    it = {**find_integration(api, id_), **values}
    for name in ("RequestParameters",):                 # an empty value takes a mapping away
        if name in values:
            merged = {**(find_integration(api, id_).get(name) or {}), **values[name]}
            it[name] = {k: v for k, v in merged.items() if v != ""}
    (check_websocket if api.websocket else check)(call, it)
    edit(call, api, integrations={**api.definition.integrations, id_: it})
    return it


@apigatewayv2.op(needs=asked)
def update_integration(call: Call, req: t.UpdateIntegrationRequest) -> t.UpdateIntegrationResult:
    return change(call, find(call, req), req["IntegrationId"], given(req, FIELDS))


@apigatewayv2.op(needs=asked)
def delete_integration(call: Call, req: t.DeleteIntegrationRequest) -> None:
    api, id_ = find(call, req), req["IntegrationId"]
    find_integration(api, id_)
    for route in api.definition.routes.values():
        if route.get("Target") == f"integrations/{id_}":
            raise errors.conflict(f"Cannot delete Integration with ID {id_}, since it is referenced by Route {route['RouteKey']}")
    responses = {key: one for key, one in api.definition.integration_responses.items() if one["IntegrationId"] != id_}
    edit(call, api, integrations=without(api.definition.integrations, id_), integration_responses=responses)
