"""Methods of a resource, and the responses they declare."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors
from . import service as apigateway
from .access import asked
from .apis import Resource, RestApi, edit, find, without
from .patch import BOOLEAN, ITEM, TEXT, apply
from .resources import find_resource

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

VERBS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY")
REQUEST = re.compile(r"method\.request\.(path|querystring|header|multivaluequerystring|multivalueheader)\.[\w.$!*'\-]+")
RESPONSE = re.compile(r"method\.response\.header\.[\w\-.]+")
PATCHABLE = {
    "/authorizationType": TEXT, "/authorizerId": TEXT, "/apiKeyRequired": BOOLEAN, "/operationName": TEXT, "/requestValidatorId": TEXT,
    "/requestParameters/*": BOOLEAN, "/requestModels/*": TEXT, "/authorizationScopes/*": ITEM,
}
RESPONSE_PATCHABLE = {"/responseParameters/*": BOOLEAN, "/responseModels/*": TEXT}


def place(call: Call, req: Any) -> tuple[RestApi, Resource, dict[str, Any]]:
    """The API, the resource and the method a request speaks about."""
    api = find(call, req)
    resource = find_resource(api, req["resourceId"])
    if method := resource.methods.get(req["httpMethod"]):
        return api, resource, method
    raise errors.no_such("Method")


def keep(call: Call, api: RestApi, resource: Resource, verb: str, method: dict[str, Any] | None) -> None:
    methods = without(resource.methods, verb) if method is None else {**resource.methods, verb: method}
    edit(call, api, resources={**api.definition.resources, resource.id: msgspec.structs.replace(resource, methods=methods)})


def check(api: RestApi, method: dict[str, Any]) -> None:
    definition = api.definition
    if method["authorizationType"] not in ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"):
        raise errors.bad_request("Invalid authorization type specified. Must be one of: [NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS]")
    if method["authorizationType"] in ("CUSTOM", "COGNITO_USER_POOLS") and method.get("authorizerId") not in definition.authorizers:
        raise errors.needs_authorizer()
    if (validator := method.get("requestValidatorId")) and validator not in definition.validators:
        raise errors.bad_request("Invalid Request Validator identifier specified")
    for model in (method.get("requestModels") or {}).values():
        if model not in definition.models:
            raise errors.bad_request(f"Invalid model identifier specified: {model}")
    for name in method.get("requestParameters") or {}:
        if not REQUEST.fullmatch(name):
            raise errors.bad_parameter(name)


@apigateway.op(needs=asked)
def put_method(call: Call, req: t.PutMethodRequest) -> t.Method:
    api = find(call, req)
    resource = find_resource(api, req["resourceId"])
    verb = req["httpMethod"]
    if verb not in VERBS:
        raise errors.bad_request("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY")
    if verb in resource.methods:
        raise errors.method_exists()
    method = {"httpMethod": verb, "authorizationType": req["authorizationType"], "apiKeyRequired": req.get("apiKeyRequired", False)}
    for name in ("authorizerId", "operationName", "requestParameters", "requestModels", "requestValidatorId", "authorizationScopes"):
        if req.get(name) is not None:
            method[name] = req[name]
    check(api, method)
    keep(call, api, resource, verb, method)
    return method


@apigateway.op(needs=asked)
def get_method(call: Call, req: t.GetMethodRequest) -> t.Method:
    return place(call, req)[2]


@apigateway.op(needs=asked)
def update_method(call: Call, req: t.UpdateMethodRequest) -> t.Method:
    api, resource, method = place(call, req)
    changed = apply(method, req.get("patchOperations"), PATCHABLE)
    check(api, changed)
    keep(call, api, resource, req["httpMethod"], changed)
    return changed


@apigateway.op(needs=asked)
def delete_method(call: Call, req: t.DeleteMethodRequest) -> None:
    api, resource, _ = place(call, req)
    keep(call, api, resource, req["httpMethod"], None)


# method responses
def response(method: dict[str, Any], status: str) -> dict[str, Any]:
    if found := (method.get("methodResponses") or {}).get(status):
        return found
    raise errors.no_status()


def check_response(api: RestApi, answer: dict[str, Any]) -> None:
    for name in answer.get("responseParameters") or {}:
        if not RESPONSE.fullmatch(name):
            raise errors.bad_parameter(name)
    for model in (answer.get("responseModels") or {}).values():
        if model not in api.definition.models:
            raise errors.bad_request(f"Invalid model identifier specified: {model}")


@apigateway.op(needs=asked)
def put_method_response(call: Call, req: t.PutMethodResponseRequest) -> t.MethodResponse:
    api, resource, method = place(call, req)
    responses, status = method.get("methodResponses") or {}, req["statusCode"]
    if status in responses:
        raise errors.response_exists()
    answer = {"statusCode": status} | {name: req[name] for name in ("responseParameters", "responseModels") if req.get(name) is not None}
    check_response(api, answer)
    keep(call, api, resource, req["httpMethod"], {**method, "methodResponses": {**responses, status: answer}})
    return answer


@apigateway.op(needs=asked)
def get_method_response(call: Call, req: t.GetMethodResponseRequest) -> t.MethodResponse:
    return response(place(call, req)[2], req["statusCode"])


@apigateway.op(needs=asked)
def update_method_response(call: Call, req: t.UpdateMethodResponseRequest) -> t.MethodResponse:
    api, resource, method = place(call, req)
    changed = apply(response(method, req["statusCode"]), req.get("patchOperations"), RESPONSE_PATCHABLE)
    check_response(api, changed)
    keep(call, api, resource, req["httpMethod"], {**method, "methodResponses": {**method["methodResponses"], req["statusCode"]: changed}})
    return changed


@apigateway.op(needs=asked)
def delete_method_response(call: Call, req: t.DeleteMethodResponseRequest) -> None:
    api, resource, method = place(call, req)
    response(method, req["statusCode"])
    keep(call, api, resource, req["httpMethod"], {**method, "methodResponses": without(method["methodResponses"], req["statusCode"])})
