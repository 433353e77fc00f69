"""ExportApi: an HTTP API as an OpenAPI 3.0 document; with the extensions, what is imported again is the same API."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from cloche.kernel import Call
from cloche.services.apigateway.public import asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, Definition, find
from .importing import CORS, INTEGRATION
from .stages import find_deployment, find_stage

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

ANY = "x-amazon-apigateway-any-method"
SIGNED = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}


@apigatewayv2.op(needs=asked)
def export_api(call: Call, req: t.ExportApiRequest) -> t.ExportApiResponse:
    api = find(call, req)
    if api.websocket:
        raise errors.bad_request("Export is not supported for WEBSOCKET protocol type APIs.")
    if req["Specification"] != "OAS30":
        raise errors.bad_request(f"Unsupported specification {req['Specification']}. Only OAS30 is supported.")
    if req["OutputType"] not in ("JSON", "YAML"):
        raise errors.bad_request(f"Unsupported output type {req['OutputType']}. Valid values are JSON and YAML.")
    if req.get("ExportVersion", "1.0") != "1.0":
        raise errors.bad_request(f"Unsupported export version {req['ExportVersion']}.")
    definition = api.definition
    if name := req.get("StageName"):
        stage = find_stage(call, api, name)
        if not stage.values.get("DeploymentId"):
            raise errors.bad_request(f"The stage {name} has no deployment.")
        definition = find_deployment(call, api, stage.values["DeploymentId"]).definition
    document = Writer(call, api, definition, req.get("IncludeExtensions", True)).document(req.get("StageName"))
    text = json.dumps(document, indent=2) if req["OutputType"] == "JSON" else yaml.safe_dump(document, sort_keys=False)
    return {"body": text.encode()}


class Writer:
    def __init__(self, call: Call, api: Api, definition: Definition, extended: bool) -> None:
        self.call, self.api, self.definition, self.extended = call, api, definition, extended
        self.schemes: dict[str, Any] = {}

    def document(self, stage: str | None) -> dict[str, Any]:
        values = self.api.values
        info = {"title": values["Name"], "version": str(values.get("Version") or "1.0")} | ({"description": values["Description"]} if values.get("Description") else {})
        server = {"url": f"https://{self.api.id}.execute-api.{self.call.region}.amazonaws.com/{{basePath}}", "variables": {"basePath": {"default": "" if stage in (None, "$default") else stage}}}
        out: dict[str, Any] = {"openapi": "3.0.1", "info": info, "servers": [server], "paths": {}}
        if values.get("Tags"):
            out["tags"] = [{"name": name, "x-amazon-apigateway-tag-value": value} for name, value in values["Tags"].items()]
        for route in sorted(self.definition.routes.values(), key=lambda one: one["RouteKey"]):
            verb, _, path = route["RouteKey"].partition(" ")
            place = out["paths"].setdefault("/$default" if verb == "$default" else path, {})
            place[ANY if verb in ("$default", "ANY") else verb.lower()] = self.operation(route, verb == "$default", path)
        if self.schemes:
            out["components"] = {"securitySchemes": self.schemes}
        if self.extended:
            if cors := values.get("CorsConfiguration"):
                names = {theirs: ours for ours, theirs in CORS.items()}
                out["x-amazon-apigateway-cors"] = {names[name]: value for name, value in cors.items()}
            out["x-amazon-apigateway-importexport-version"] = "1.0"
        return out

    def operation(self, route: dict[str, Any], default: bool, path: str) -> dict[str, Any]:
        out: dict[str, Any] = {"operationId": route["OperationName"]} if route.get("OperationName") else {}
        if names := [part.strip("{}").rstrip("+") for part in path.split("/") if part.startswith("{")]:
            out["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        out["responses"] = {"default": {"description": f"Default response for {route['RouteKey']}"}}
        if security := self.security(route):
            out["security"] = [security]
        if default:
            out["isDefaultRoute"] = True
        it = self.definition.integrations.get((route.get("Target") or "").removeprefix("integrations/"))
        if it is not None and self.extended:
            shown = {ours: it[theirs] for ours, theirs in INTEGRATION.items() if it.get(theirs) is not None}
            out["x-amazon-apigateway-integration"] = shown | {"type": it["IntegrationType"].lower()} | ({"responseParameters": it["ResponseParameters"]} if it.get("ResponseParameters") else {})
        return out

    def security(self, route: dict[str, Any]) -> dict[str, list[str]]:
        if route.get("AuthorizationType") == "AWS_IAM":
            self.schemes["sigv4"] = SIGNED
            return {"sigv4": []}
        it = self.definition.authorizers.get(route.get("AuthorizerId") or "")
        if it is None:
            return {}
        self.schemes[it["Name"]] = self.scheme(it)
        return {it["Name"]: list(route.get("AuthorizationScopes") or [])}

    def scheme(self, it: dict[str, Any]) -> dict[str, Any]:
        sources = it.get("IdentitySource") or []
        if it["AuthorizerType"] == "JWT":
            config = it["JwtConfiguration"]
            kind, shown = {"type": "oauth2", "flows": {}}, {"type": "jwt", "jwtConfiguration": {"issuer": config.get("Issuer"), "audience": config.get("Audience") or []}, "identitySource": sources[0] if sources else None}
        else:
            kind = {"type": "apiKey", "name": sources[0].rpartition(".")[2] if sources else "Authorization", "in": "header"}
            shown = {"type": "request", "identitySource": ",".join(sources) or None, "authorizerUri": it.get("AuthorizerUri"), "authorizerPayloadFormatVersion": it.get("AuthorizerPayloadFormatVersion"),
                     "authorizerResultTtlInSeconds": it.get("AuthorizerResultTtlInSeconds"), "enableSimpleResponses": it.get("EnableSimpleResponses"), "authorizerCredentials": it.get("AuthorizerCredentialsArn")}
        return kind | ({"x-amazon-apigateway-authorizer": {k: v for k, v in shown.items() if v is not None}} if self.extended else {})
