"""GetExport: a deployed definition as an OpenAPI document, with API Gateway's own extensions where they are asked for.

`extensions=apigateway` asks for all of them; then what is imported again behaves as what was exported.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as apigateway
from .access import asked
from .apis import RestApi, find
from .deployments import Deployment, find_deployment
from .stages import find_stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

EVERYTHING = {"integrations", "authorizers", "validators", "gatewayresponses", "settings"}
KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}
SIGNED = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}


@apigateway.op(needs=asked, partly="Documentation parts and the extension postman are not exported.")
def get_export(call: Call, req: t.GetExportRequest) -> t.ExportResponse:
    api = find(call, req)
    stage = find_stage(call, api, req["stageName"])
    if req["exportType"] not in ("swagger", "oas30"):
        raise errors.bad_request("Invalid Export Type specified, must be one of: swagger, oas30")
    deployment = find_deployment(call, api, stage.values["deploymentId"])
    wanted = {w.strip() for w in (req.get("parameters") or {}).get("extensions", "").split(",")}
    document = Writer(call, api, deployment, req["exportType"] == "oas30", wanted).document(stage.name)
    name = f'attachment; filename="{req["exportType"]}_{api.created:.0f}.json"'
    if (req.get("accepts") or "application/json") == "application/yaml":
        import yaml
        return {"contentType": "application/yaml", "contentDisposition": name.replace(".json", ".yaml"), "body": yaml.safe_dump(document, sort_keys=False).encode()}
    return {"contentType": "application/json", "contentDisposition": name, "body": json.dumps(document, indent=2).encode()}


class Writer:
    """One deployment being written in one of the two forms."""

    def __init__(self, call: Call, api: RestApi, deployment: Deployment, new: bool, wanted: set[str]) -> None:
        self.api, self.definition, self.settings, self.new = api, deployment.definition, deployment.settings, new
        self.host = f"{api.id}.execute-api.{call.region}.amazonaws.com"
        self.wanted = EVERYTHING if "apigateway" in wanted else wanted
        self.schemes: dict[str, Any] = {}

    def document(self, stage: str) -> dict[str, Any]:
        values = self.api.values
        info = {"title": values["name"], "version": str(values.get("version") or "1.0")} | ({"description": values["description"]} if values.get("description") else {})
        if self.new:
            out: dict[str, Any] = {"openapi": "3.0.1", "info": info, "servers": [{"url": f"https://{self.host}/{{basePath}}", "variables": {"basePath": {"default": stage}}}]}
        else:
            out = {"swagger": "2.0", "info": info, "host": self.host, "basePath": f"/{stage}", "schemes": ["https"]}
        out["paths"] = {
            resource.path: {"x-amazon-apigateway-any-method" if verb == "ANY" else verb.lower(): self.operation(method) for verb, method in resource.methods.items()}
            for resource in sorted(self.definition.resources.values(), key=lambda r: r.path) if resource.methods
        }
        schemas = {name: local(json.loads(m["schema"]), self.new) for name, m in self.definition.models.items() if m.get("schema")}
        if self.new:
            out["components"] = {"schemas": schemas} | ({"securitySchemes": self.schemes} if self.schemes else {})
        else:
            out |= {"definitions": schemas} | ({"securityDefinitions": self.schemes} if self.schemes else {})
        return out | self.extensions()

    def extensions(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        validators = {v["name"]: {k: v[k] for k in ("validateRequestBody", "validateRequestParameters")} for v in self.definition.validators.values() if v.get("name")}
        if validators and "validators" in self.wanted:
            out["x-amazon-apigateway-request-validators"] = validators
        if self.definition.responses and "gatewayresponses" in self.wanted:
            out["x-amazon-apigateway-gateway-responses"] = {
                kind: {k: int(v) if k == "statusCode" else v for k, v in rule.items() if k in ("statusCode", "responseParameters", "responseTemplates") and v}
                for kind, rule in self.definition.responses.items()}
        if "settings" in self.wanted:
            for name, key in (("binaryMediaTypes", "binary-media-types"), ("minimumCompressionSize", "minimum-compression-size"), ("apiKeySource", "api-key-source")):
                if self.settings.get(name) is not None:
                    out[f"x-amazon-apigateway-{key}"] = self.settings[name]
            if self.settings.get("policy"):
                out["x-amazon-apigateway-policy"] = json.loads(self.settings["policy"])
        return out

    def security(self, method: dict[str, Any]) -> dict[str, list[str]]:
        """What a method asks for, each named in the document's list of schemes."""
        out: dict[str, list[str]] = {}
        it = self.definition.authorizers.get(method.get("authorizerId") or "")
        if method["authorizationType"] == "AWS_IAM":
            out["sigv4"], self.schemes["sigv4"] = [], SIGNED
        elif it is not None:
            out[it["name"]] = list(method.get("authorizationScopes") or [])
            self.schemes[it["name"]] = self.scheme(it)
        if method.get("apiKeyRequired"):
            out["api_key"], self.schemes["api_key"] = [], KEY
        return out

    def scheme(self, it: dict[str, Any]) -> dict[str, Any]:
        source = it.get("identitySource") or ""
        single = source.startswith("method.request.header.") and "," not in source
        out: dict[str, Any] = {"type": "apiKey", "name": source.removeprefix("method.request.header.") if single else "Unused", "in": "header",
                               "x-amazon-apigateway-authtype": it.get("authType") or "custom"}
        if "authorizers" in self.wanted:
            shown = {k: v for k, v in it.items() if k not in ("id", "name", "authType") and not (k == "identitySource" and it["type"] != "REQUEST")}
            out["x-amazon-apigateway-authorizer"] = shown | {"type": it["type"].lower()}
        return out

    def operation(self, method: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if method.get("operationName"):
            out["operationId"] = method["operationName"]
        places = {"path": "path", "querystring": "query", "header": "header"}
        parameters = []
        for name, required in (method.get("requestParameters") or {}).items():
            _, _, where, key = name.split(".", 3)
            kind = {"schema": {"type": "string"}} if self.new else {"type": "string"}
            parameters.append({"name": key, "in": places.get(where, "query"), "required": required or where == "path", **kind})
        ref = "#/components/schemas/" if self.new else "#/definitions/"
        models = method.get("requestModels") or {}
        if models and self.new:
            out["requestBody"] = {"content": {media: {"schema": {"$ref": ref + model}} for media, model in models.items()}, "required": True}
        elif models:
            parameters.append({"in": "body", "name": next(iter(models.values())), "required": True, "schema": {"$ref": ref + next(iter(models.values()))}})
        if parameters:
            out["parameters"] = parameters
        out["responses"] = {}
        for status, response in (method.get("methodResponses") or {}).items():
            out["responses"][status] = {"description": f"{status} response"}
            if names := [name.removeprefix("method.response.header.") for name in response.get("responseParameters") or {}]:
                out["responses"][status]["headers"] = {name: {"schema": {"type": "string"}} if self.new else {"type": "string"} for name in names}
            if response.get("responseModels"):
                found = {media: {"schema": {"$ref": ref + model}} for media, model in response["responseModels"].items()}
                out["responses"][status] |= {"content": found} if self.new else next(iter(found.values()))
        if security := self.security(method):
            out["security"] = [security]
        if (validator := self.definition.validators.get(method.get("requestValidatorId") or "")) and "validators" in self.wanted and validator.get("name"):
            out["x-amazon-apigateway-request-validator"] = validator["name"]
        if "integrations" in self.wanted and (it := method.get("methodIntegration")):
            responses = {r.get("selectionPattern") or "default": {k: v for k, v in r.items() if k != "selectionPattern"} for r in (it.get("integrationResponses") or {}).values()}
            shown = {k: v for k, v in it.items() if k not in ("integrationResponses", "cacheNamespace") and not (k == "timeoutInMillis" and v == 29000) and not (k == "cacheKeyParameters" and not v)}
            out["x-amazon-apigateway-integration"] = shown | {"type": it["type"].lower(), "passthroughBehavior": it["passthroughBehavior"].lower()} | ({"responses": responses} if responses else {})
        return out


def local(schema: Any, new: bool) -> Any:
    """References to the API's models as references inside the document."""
    if isinstance(schema, list):
        return [local(s, new) for s in schema]
    if isinstance(schema, dict):
        place = "#/components/schemas/" if new else "#/definitions/"
        return {k: place + v.rpartition("/")[2] if k == "$ref" and isinstance(v, str) else local(v, new) for k, v in schema.items() if k != "$schema"}
    return schema
