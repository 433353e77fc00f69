"""REST APIs: name and settings, and the definition that methods, models and authorizers are part of.

The definition is one value inside the API's record: a deployment is that value kept, and cannot change with the API.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import errors, pages
from . import service as apigateway
from .access import asked
from .patch import BOOLEAN, INTEGER, ITEM, TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MODELS = {
    "Empty": ("This is a default empty schema model", '{\n  "$schema": "http://json-schema.org/draft-04/schema#",\n  "title" : "Empty Schema",\n  "type" : "object"\n}'),
    "Error": (
        "This is a default error schema model",
        '{\n  "$schema" : "http://json-schema.org/draft-04/schema#",\n  "title" : "Error Schema",\n  "type" : "object",\n  "properties" : {\n'
        '    "message" : { "type" : "string" }\n  }\n}',
    ),
}
PATCHABLE = {
    "/name": TEXT, "/description": TEXT, "/apiKeySource": TEXT, "/policy": TEXT, "/minimumCompressionSize": INTEGER, "/disableExecuteApiEndpoint": BOOLEAN,
    "/binaryMediaTypes/*": ITEM, "/endpointConfiguration/types/*": ITEM, "/endpointConfiguration/vpcEndpointIds/*": ITEM, "/endpointConfiguration/ipAddressType": TEXT,
    "/securityPolicy": TEXT, "/version": TEXT,
}


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place in the tree; its methods are AWS's own Method shapes, integration and responses inside."""

    id: str
    parent: str
    part: str
    path: str
    methods: dict[str, dict[str, Any]] = {}


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a deployment freezes."""

    resources: dict[str, Resource]
    models: dict[str, dict[str, Any]] = {}
    validators: dict[str, dict[str, Any]] = {}
    authorizers: dict[str, dict[str, Any]] = {}
    responses: dict[str, dict[str, Any]] = {}


class RestApi(Record, frozen=True):
    kind = "apigateway.restapi"

    id: str
    created: float
    root: str
    values: dict[str, Any]
    definition: Definition

    @property
    def key(self) -> str:
        return self.id


class Endpoint(Record, frozen=True):
    """Whose API answers at a host: the one thing a request without account knows."""

    kind = "apigateway.endpoint"
    scope = "cloud"

    id: str
    account: str
    region: str
    type: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, req: Any) -> RestApi:
    api = call.get(RestApi, req["restApiId"])
    if api is None:
        raise errors.no_api(call.account, req["restApiId"])
    return api


def edit(call: Call, api: RestApi, **changes: Any) -> RestApi:
    """Put the API back with parts of its definition exchanged."""
    return call.put(api.but(definition=msgspec.structs.replace(api.definition, **changes)))


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k != key}


def described(api: RestApi) -> dict[str, Any]:
    shown = {"apiKeySource": "HEADER", "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"}, "disableExecuteApiEndpoint": False, **api.values}
    if "policy" in shown:
        shown["policy"] = json.dumps(shown["policy"])[1:-1]   # AWS escapes the quotes; Terraform counts on it
    return {"id": api.id, "createdDate": api.created, "rootResourceId": api.root, **shown}


def check(values: dict[str, Any]) -> None:
    if not values.get("name"):
        raise errors.bad_request("Invalid REST API name")
    types = (values.get("endpointConfiguration") or {}).get("types", [])
    if len(types) > 1:
        raise errors.bad_request("Cannot create an api with multiple Endpoint Types.")
    if values.get("policy"):
        try:
            json.loads(values["policy"])
        except ValueError:
            raise errors.bad_request("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.") from None
    size = values.get("minimumCompressionSize")
    if size is not None and not -1 <= size <= 10485760:
        raise errors.bad_request("Invalid minimum compression size, must be between 0 and 10485760")


def settings(req: Any) -> dict[str, Any]:
    """What CreateRestApi was given, as it will be shown."""
    names = ("name", "description", "version", "binaryMediaTypes", "minimumCompressionSize", "apiKeySource", "endpointConfiguration", "policy", "tags", "disableExecuteApiEndpoint",
             "securityPolicy", "endpointAccessMode")
    values = {name: req[name] for name in names if req.get(name) is not None}
    if "endpointConfiguration" in values:
        types = values["endpointConfiguration"].get("types") or ["EDGE"]
        values["endpointConfiguration"] = {"ipAddressType": "dualstack" if types == ["PRIVATE"] else "ipv4", **values["endpointConfiguration"], "types": types}
    return values


def new(call: Call, values: dict[str, Any]) -> RestApi:
    check(values)
    root = Resource(call.pick(LETTERS, 10), "", "", "/")
    models = {
        name: {"id": call.pick(LETTERS, 6), "name": name, "description": description, "contentType": "application/json", "schema": schema}
        for name, (description, schema) in MODELS.items()
    }
    api = call.put(RestApi(call.pick(LETTERS, 10), call.now, root.id, values, Definition({root.id: root}, models)))
    call.put(Endpoint(api.id, call.account, call.region, "REST"))
    return api


@apigateway.op(needs=asked)
def create_rest_api(call: Call, req: t.CreateRestApiRequest) -> t.RestApi:
    values = settings(req)
    if source := req.get("cloneFrom"):
        original = call.get(RestApi, source)
        if original is None:
            raise errors.no_api(call.account, source)
        copy = new(call, {**original.values, **values})
        root = msgspec.structs.replace(original.definition.resources[original.root], id=original.root)
        definition = msgspec.structs.replace(original.definition, resources={**original.definition.resources, original.root: root})
        return described(call.put(copy.but(root=original.root, definition=definition)))
    return described(new(call, values))


@apigateway.op(needs=asked)
def get_rest_api(call: Call, req: t.GetRestApiRequest) -> t.RestApi:
    return described(find(call, req))


@apigateway.op(needs=asked)
def get_rest_apis(call: Call, req: t.GetRestApisRequest) -> t.RestApis:
    return pages.page(req, call.all(RestApi), lambda api: api.id, described)


@apigateway.op(needs=asked)
def update_rest_api(call: Call, req: t.UpdateRestApiRequest) -> t.RestApi:
    api = find(call, req)
    start = {**api.values, "endpointConfiguration": described(api)["endpointConfiguration"]} if touches(req, "/endpointConfiguration") else api.values
    values = apply(start, req.get("patchOperations"), PATCHABLE)
    if values.get("minimumCompressionSize") == -1:
        values = without(values, "minimumCompressionSize")
    check(values)
    return described(call.put(api.but(values=values)))


def touches(req: Any, prefix: str) -> bool:
    return any(o.get("path", "").startswith(prefix) for o in req.get("patchOperations") or [])


@apigateway.op(needs=asked)
def delete_rest_api(call: Call, req: t.DeleteRestApiRequest) -> None:
    from cloche.services.wafv2 import public as wafv2

    from .deployments import Deployment
    from .documentation import Part, Version
    from .stages import Stage
    api = find(call, req)
    for type_ in (Deployment, Stage, Part, Version):
        for record in call.all(type_):
            if record.api == api.id:
                call.delete(record)
                if isinstance(record, Stage):
                    wafv2.forget(call, f"arn:aws:apigateway:{call.region}::/restapis/{api.id}/stages/{record.name}")
    if endpoint := call.get(Endpoint, api.id):
        call.delete(endpoint)
    call.delete(api)
