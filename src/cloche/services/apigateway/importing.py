"""ImportRestApi, PutRestApi and GetExport: definitions that come and go as OpenAPI documents."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, openapi
from . import service as apigateway
from .access import asked, filled
from .apis import RestApi, described, find, new
from .deployments import find_deployment
from .stages import find_stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


@apigateway.op(needs=asked)
def import_rest_api(call: Call, req: t.ImportRestApiRequest) -> t.RestApi:
    document = openapi.parse(filled(call, req["body"]))
    parameters = req.get("parameters") or {}
    values: dict[str, Any] = {"name": str((document.get("info") or {}).get("title") or "api")}
    if kind := parameters.get("endpointConfigurationTypes"):
        values["endpointConfiguration"] = {"types": kind.split(","), "ipAddressType": "ipv4"}
    api, warnings = openapi.apply(call, new(call, values), document, "overwrite", parameters, bool(req.get("failOnWarnings")))
    return described(api) | ({"warnings": warnings} if warnings else {})


@apigateway.op(needs=asked)
def put_rest_api(call: Call, req: t.PutRestApiRequest) -> t.RestApi:
    api, warnings = openapi.apply(call, find(call, req), req["body"], req.get("mode") or "merge", req.get("parameters") or {}, bool(req.get("failOnWarnings")))
    return described(api) | ({"warnings": warnings} if warnings else {})


@apigateway.op(needs=asked, partly="Documentation parts and the extension postman are not exported.")
def get_export(call: Call, req: t.GetExportRequest) -> t.ExportResponse:
    api = find(call, req)
    stage = find_stage(call, api, req["stageName"])
    if req["exportType"] not in ("swagger", "oas30"):
        raise errors.bad_request("Invalid Export Type specified, must be one of: swagger, oas30")
    definition = find_deployment(call, api, stage.values["deploymentId"]).definition
    wanted = (req.get("parameters") or {}).get("extensions", "")
    document = exported(call, api, stage.name, definition, req["exportType"] == "oas30", {w.strip() for w in wanted.split(",")})
    name = f'attachment; filename="{req["exportType"]}_{api.created:.0f}.json"'
    if (req.get("accepts") or "application/json") == "application/yaml":
        import yaml
        return {"contentType": "application/yaml", "contentDisposition": name.replace(".json", ".yaml"), "body": yaml.safe_dump(document, sort_keys=False).encode()}
    return {"contentType": "application/json", "contentDisposition": name, "body": json.dumps(document, indent=2).encode()}


def exported(call: Call, api: RestApi, stage: str, definition: Any, new_form: bool, extensions: set[str]) -> dict[str, Any]:
    host = f"{api.id}.execute-api.{call.region}.amazonaws.com"
    info = {"title": api.values["name"], "version": str(api.values.get("version") or "1.0")} | ({"description": api.values["description"]} if api.values.get("description") else {})
    if new_form:
        document: dict[str, Any] = {"openapi": "3.0.1", "info": info, "servers": [{"url": f"https://{host}/{{basePath}}", "variables": {"basePath": {"default": stage}}}]}
    else:
        document = {"swagger": "2.0", "info": info, "host": host, "basePath": f"/{stage}", "schemes": ["https"]}
    document["paths"] = {}
    for resource in sorted(definition.resources.values(), key=lambda r: r.path):
        if resource.methods:
            document["paths"][resource.path] = {
                "x-amazon-apigateway-any-method" if verb == "ANY" else verb.lower(): operation(method, new_form, bool(extensions & {"integrations", "apigateway"}))
                for verb, method in resource.methods.items()
            }
    schemas = {name: local(json.loads(m["schema"])) for name, m in definition.models.items() if m.get("schema")}
    if new_form:
        document["components"] = {"schemas": schemas}
    else:
        document["definitions"] = schemas
    return document


def local(schema: Any) -> Any:
    if isinstance(schema, list):
        return [local(s) for s in schema]
    if isinstance(schema, dict):
        return {k: f"#/definitions/{v.rpartition('/')[2]}" if k == "$ref" and isinstance(v, str) else local(v) for k, v in schema.items() if k != "$schema"}
    return schema


def operation(method: dict[str, Any], new_form: bool, extended: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if method.get("operationName"):
        out["operationId"] = method["operationName"]
    places = {"path": "path", "querystring": "query", "header": "header"}
    parameters = []
    for name, required in (method.get("requestParameters") or {}).items():
        _, _, where, key = name.split(".", 3)
        kind = {"schema": {"type": "string"}} if new_form else {"type": "string"}
        parameters.append({"name": key, "in": places.get(where, "query"), "required": required or where == "path", **kind})
    ref = "#/components/schemas/" if new_form else "#/definitions/"
    models = method.get("requestModels") or {}
    if models and new_form:
        out["requestBody"] = {"content": {media: {"schema": {"$ref": ref + model}} for media, model in models.items()}, "required": True}
    elif models:
        parameters.append({"in": "body", "name": next(iter(models.values())), "required": True, "schema": {"$ref": ref + next(iter(models.values()))}})
    if parameters:
        out["parameters"] = parameters
    out["responses"] = {}
    for status, response in (method.get("methodResponses") or {}).items():
        out["responses"][status] = {"description": f"{status} response"}
        if response.get("responseModels"):
            found = {media: {"schema": {"$ref": ref + model}} for media, model in response["responseModels"].items()}
            out["responses"][status] |= {"content": found} if new_form else next(iter(found.values()))
    if extended and (it := method.get("methodIntegration")):
        responses = {r.get("selectionPattern") or "default": {k: v for k, v in r.items() if k != "selectionPattern"} for r in (it.get("integrationResponses") or {}).values()}
        shown = {k: v for k, v in it.items() if k not in ("integrationResponses", "cacheNamespace", "cacheKeyParameters", "timeoutInMillis") or (k == "timeoutInMillis" and v != 29000)}
        out["x-amazon-apigateway-integration"] = shown | {"type": it["type"].lower(), "passthroughBehavior": it["passthroughBehavior"].lower()} | ({"responses": responses} if responses else {})
    return out
