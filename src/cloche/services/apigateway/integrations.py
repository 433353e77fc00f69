"""Integrations: what stands behind a method, and how its answers become the client's."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as apigateway
from .access import asked
from .apis import without
from .methods import RESPONSE, keep, place
from .patch import BOOLEAN, INTEGER, ITEM, TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

TARGET = re.compile(r"integration\.request\.(path|querystring|header)\.[\w.\-$]+")
SOURCE = re.compile(r"(method\.request\.(path|querystring|header|multivaluequerystring|multivalueheader)\.[\w.\-$!*']+|method\.request\.body(\..+)?|context\.[\w.\-]+|stageVariables\.\w+|'.*')")
SERVICE_URI = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]+:([\w.-]+):(.+)", re.S)
PATCHABLE = {
    "/type": TEXT, "/httpMethod": TEXT, "/uri": TEXT, "/credentials": TEXT, "/passthroughBehavior": TEXT, "/contentHandling": TEXT, "/connectionType": TEXT, "/connectionId": TEXT,
    "/timeoutInMillis": INTEGER, "/cacheNamespace": TEXT, "/cacheKeyParameters/*": ITEM, "/requestParameters/*": TEXT, "/requestTemplates/*": TEXT,
    "/tlsConfig/insecureSkipVerification": BOOLEAN, "/integrationTarget": TEXT, "/responseTransferMode": TEXT,
}
RESPONSE_PATCHABLE = {"/selectionPattern": TEXT, "/contentHandling": TEXT, "/responseParameters/*": TEXT, "/responseTemplates/*": TEXT}


def integration(method: dict[str, Any]) -> dict[str, Any]:
    if found := method.get("methodIntegration"):
        return found
    raise errors.no_such("Integration")


def check(call: Call, it: dict[str, Any]) -> None:
    kind, uri = it["type"], it.get("uri", "")
    if not 50 <= it["timeoutInMillis"] <= 29000:
        raise errors.timeout_out_of_range()
    if kind != "MOCK" and not it.get("httpMethod"):
        raise errors.no_integration_method()
    if kind in ("AWS", "AWS_PROXY"):
        found = SERVICE_URI.fullmatch(uri)
        if found is None:
            raise errors.bad_arn()
        if not found[2].startswith(("path/", "action/")):
            raise errors.arn_without_action()
        if kind == "AWS_PROXY" and found[1] not in ("lambda", "firehose"):
            raise errors.only_lambda()
    elif kind in ("HTTP", "HTTP_PROXY") and it.get("connectionType") != "VPC_LINK" and not re.match(r"https?://|\$\{stageVariables", uri):
        raise errors.bad_endpoint()
    if it.get("connectionType") == "VPC_LINK":
        check_link(call, it)
    for target, source in (it.get("requestParameters") or {}).items():
        if not TARGET.fullmatch(target):
            raise errors.bad_parameter(target)
        if not SOURCE.fullmatch(source):
            raise errors.bad_parameter(source)
    credentials = it.get("credentials", "")
    if credentials.startswith("arn:") and ":role/" in credentials and "${" not in credentials:
        call.pass_role(credentials, "apigateway.amazonaws.com")


def check_link(call: Call, it: dict[str, Any]) -> None:
    """A link that is named must be there; a stage's variable may name it later."""
    from .vpc_links import VpcLink
    link = it.get("connectionId") or ""
    if it["type"] not in ("HTTP", "HTTP_PROXY"):
        raise errors.bad_request("VPC_LINK connections are supported for HTTP and HTTP_PROXY integrations only.")
    if not link:
        raise errors.bad_request("Connection id must be specified for a VPC_LINK connection.")
    if "${stageVariables." not in link and not it.get("integrationTarget") and call.get(VpcLink, link) is None:
        raise errors.bad_request(f"Invalid Vpc Link identifier specified: {link}")


def made(req: Any, resource_id: str) -> dict[str, Any]:
    """An Integration from a request or an OpenAPI extension that uses the same names."""
    it = {"type": req["type"], "passthroughBehavior": req.get("passthroughBehavior") or "WHEN_NO_MATCH", "timeoutInMillis": req.get("timeoutInMillis") or 29000,
          "cacheNamespace": req.get("cacheNamespace") or resource_id, "cacheKeyParameters": req.get("cacheKeyParameters") or []}
    if req.get("timeoutInMillis") is not None:
        it["timeoutInMillis"] = req["timeoutInMillis"]
    if verb := req.get("integrationHttpMethod"):
        it["httpMethod"] = verb
    for name in ("uri", "connectionType", "connectionId", "credentials", "requestParameters", "requestTemplates", "contentHandling", "tlsConfig", "responseTransferMode", "integrationTarget"):
        if req.get(name) is not None:
            it[name] = req[name]
    if it["type"] in ("HTTP", "HTTP_PROXY"):
        it.setdefault("connectionType", "INTERNET")
    return it


@apigateway.op(needs=asked, partly="Response streaming is kept, but answers come whole.")
def put_integration(call: Call, req: t.PutIntegrationRequest) -> t.Integration:
    api, resource, method = place(call, req)
    it = made(req, resource.id)
    check(call, it)
    if old := (method.get("methodIntegration") or {}).get("integrationResponses"):
        it["integrationResponses"] = old
    keep(call, api, resource, req["httpMethod"], {**method, "methodIntegration": it})
    return it


@apigateway.op(needs=asked)
def get_integration(call: Call, req: t.GetIntegrationRequest) -> t.Integration:
    return integration(place(call, req)[2])


@apigateway.op(needs=asked)
def update_integration(call: Call, req: t.UpdateIntegrationRequest) -> t.Integration:
    api, resource, method = place(call, req)
    changed = apply(integration(method), req.get("patchOperations"), PATCHABLE)
    check(call, changed)
    keep(call, api, resource, req["httpMethod"], {**method, "methodIntegration": changed})
    return changed


@apigateway.op(needs=asked)
def delete_integration(call: Call, req: t.DeleteIntegrationRequest) -> None:
    api, resource, method = place(call, req)
    integration(method)
    keep(call, api, resource, req["httpMethod"], without(method, "methodIntegration"))


# integration responses
def response(it: dict[str, Any], status: str) -> dict[str, Any]:
    if found := (it.get("integrationResponses") or {}).get(status):
        return found
    raise errors.no_status()


def check_response(method: dict[str, Any], answer: dict[str, Any]) -> None:
    declared = (method.get("methodResponses") or {}).get(answer["statusCode"])
    if declared is None:
        raise errors.no_status()
    for name in answer.get("responseParameters") or {}:
        if not RESPONSE.fullmatch(name) or name not in (declared.get("responseParameters") or {}):
            raise errors.bad_parameter(name)
    try:
        re.compile(answer.get("selectionPattern") or "")
    except re.error:
        raise errors.bad_request(f"Invalid selection pattern specified: {answer['selectionPattern']}") from None


@apigateway.op(needs=asked)
def put_integration_response(call: Call, req: t.PutIntegrationResponseRequest) -> t.IntegrationResponse:
    api, resource, method = place(call, req)
    it = integration(method)
    answer = {name: req[name] for name in ("statusCode", "selectionPattern", "responseParameters", "responseTemplates", "contentHandling") if req.get(name) is not None}
    check_response(method, answer)
    it = {**it, "integrationResponses": {**(it.get("integrationResponses") or {}), req["statusCode"]: answer}}
    keep(call, api, resource, req["httpMethod"], {**method, "methodIntegration": it})
    return answer


@apigateway.op(needs=asked)
def get_integration_response(call: Call, req: t.GetIntegrationResponseRequest) -> t.IntegrationResponse:
    return response(integration(place(call, req)[2]), req["statusCode"])


@apigateway.op(needs=asked)
def update_integration_response(call: Call, req: t.UpdateIntegrationResponseRequest) -> t.IntegrationResponse:
    api, resource, method = place(call, req)
    it = integration(method)
    changed = apply(response(it, req["statusCode"]), req.get("patchOperations"), RESPONSE_PATCHABLE)
    check_response(method, changed)
    it = {**it, "integrationResponses": {**it["integrationResponses"], req["statusCode"]: changed}}
    keep(call, api, resource, req["httpMethod"], {**method, "methodIntegration": it})
    return changed


@apigateway.op(needs=asked)
def delete_integration_response(call: Call, req: t.DeleteIntegrationResponseRequest) -> None:
    api, resource, method = place(call, req)
    it = integration(method)
    response(it, req["statusCode"])
    it = {**it, "integrationResponses": without(it["integrationResponses"], req["statusCode"])}
    keep(call, api, resource, req["httpMethod"], {**method, "methodIntegration": it})
