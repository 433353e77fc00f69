"""ImportApi and ReimportApi: HTTP APIs from OpenAPI 3.0 documents."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import documents
from cloche.services.apigateway.public import asked, filled

from . import authorizers, errors, integrations, routes, stages
from . import service as apigatewayv2
from .apis import Api, Definition, described, find, new

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method")
INTEGRATION = {"uri": "IntegrationUri", "httpMethod": "IntegrationMethod", "payloadFormatVersion": "PayloadFormatVersion", "timeoutInMillis": "TimeoutInMillis", "credentials": "CredentialsArn",
               "connectionType": "ConnectionType", "connectionId": "ConnectionId", "requestParameters": "RequestParameters", "integrationSubtype": "IntegrationSubtype", "tlsConfig": "TlsConfig"}
CORS = {"allowOrigins": "AllowOrigins", "allowMethods": "AllowMethods", "allowHeaders": "AllowHeaders", "exposeHeaders": "ExposeHeaders", "maxAge": "MaxAge", "allowCredentials": "AllowCredentials"}


def parse(body: str | dict[str, Any]) -> dict[str, Any]:
    try:
        document = body if isinstance(body, dict) else documents.read(body)
    except documents.Unreadable:
        raise errors.bad_request("Unable to parse API definition because of a malformed document") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise errors.bad_request("Only OpenAPI 3.0 definitions can be imported as HTTP APIs")
    return document


def settings(document: dict[str, Any]) -> dict[str, Any]:
    info = document.get("info") or {}
    values = {"Name": str(info.get("title") or "api")} | {name: str(info[key]) for key, name in (("description", "Description"), ("version", "Version")) if info.get(key)}
    if cors := document.get("x-amazon-apigateway-cors"):
        values["CorsConfiguration"] = {CORS[k]: v for k, v in cors.items() if k in CORS}
    tags = {t["name"]: t["x-amazon-apigateway-tag-value"] for t in document.get("tags") or [] if "x-amazon-apigateway-tag-value" in t}
    return values | ({"Tags": tags} if tags else {})


def resolved(document: dict[str, Any], value: Any) -> Any:
    for _ in range(20):
        if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
            return value
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        value = found
    raise errors.bad_request("A reference refers to itself.")


class Reader:
    """One document being read into one API."""

    def __init__(self, call: Call, api: Api, document: dict[str, Any]) -> None:
        self.call, self.api, self.document = call, api, document
        self.security: dict[str, dict[str, Any]] = {}
        self.shared: dict[str, str] = {}

    def read(self) -> Api:
        try:
            return self.read_all()
        except (RecursionError, TypeError, AttributeError, LookupError):
            raise errors.bad_request("The API definition is malformed") from None    # a part is not of the kind that OpenAPI says

    def read_all(self) -> Api:
        for name, scheme in ((self.document.get("components") or {}).get("securitySchemes") or {}).items():
            self.read_scheme(name, resolved(self.document, scheme))
        for path, item in (self.document.get("paths") or {}).items():
            for verb, operation in (resolved(self.document, item) or {}).items():
                if verb.lower() in VERBS and isinstance(operation, dict):
                    self.read_operation(path, verb.lower(), operation)
        return self.api

    def read_scheme(self, name: str, scheme: dict[str, Any]) -> None:
        it = scheme.get("x-amazon-apigateway-authorizer")
        if scheme.get("x-amazon-apigateway-authtype", "").lower() == "awssigv4":
            self.security[name] = {"AuthorizationType": "AWS_IAM"}
        if not it:
            return
        sources = it.get("identitySource") or "$request.header.Authorization"
        sources = sources if isinstance(sources, list) else [s.strip() for s in sources.split(",")]
        if it.get("type") == "jwt" or "jwtConfiguration" in it:
            config = it.get("jwtConfiguration") or {}
            values = {"Name": name, "AuthorizerType": "JWT", "IdentitySource": sources, "JwtConfiguration": {"Issuer": config.get("issuer"), "Audience": config.get("audience") or []}}
        else:
            values = {"Name": name, "AuthorizerType": "REQUEST", "AuthorizerUri": it.get("authorizerUri"), "AuthorizerPayloadFormatVersion": str(it.get("authorizerPayloadFormatVersion", "2.0")),
                      "EnableSimpleResponses": bool(it.get("enableSimpleResponses", False))}
            if it.get("identitySource"):
                values["IdentitySource"] = sources
            if it.get("authorizerResultTtlInSeconds") is not None:
                values["AuthorizerResultTtlInSeconds"] = int(it["authorizerResultTtlInSeconds"])
            if it.get("authorizerCredentials"):
                values["AuthorizerCredentialsArn"] = it["authorizerCredentials"]
        self.api, made = authorizers.add(self.call, self.api, values)
        self.security[name] = {"AuthorizationType": "JWT" if made["AuthorizerType"] == "JWT" else "CUSTOM", "AuthorizerId": made["AuthorizerId"]}

    def read_operation(self, path: str, verb: str, operation: dict[str, Any]) -> None:
        key = "$default" if path in ("/$default", "$default") else f"{'ANY' if verb.startswith('x-') else verb.upper()} {path}"
        route: dict[str, Any] = {"RouteKey": key}
        if operation.get("operationId"):
            route["OperationName"] = operation["operationId"]
        for requirement in operation.get("security", self.document.get("security")) or []:
            for name, scopes in requirement.items():
                route |= self.security.get(name, {})
                if scopes and route.get("AuthorizationType") == "JWT":
                    route["AuthorizationScopes"] = scopes
        if it := operation.get("x-amazon-apigateway-integration"):
            route["Target"] = f"integrations/{self.integration(it)}"
        self.api, _ = routes.add(self.call, self.api, route)

    def integration(self, given: dict[str, Any]) -> str:
        """A shared one (`$ref` to components) is made once."""
        ref = given.get("$ref")
        if ref and ref in self.shared:
            return self.shared[ref]
        given = resolved(self.document, given)
        values = {name: given[key] for key, name in INTEGRATION.items() if given.get(key) is not None}
        values["IntegrationType"] = str(given.get("type", "")).upper()
        if "TimeoutInMillis" in values:
            values["TimeoutInMillis"] = int(values["TimeoutInMillis"])
        values["PayloadFormatVersion"] = str(values.get("PayloadFormatVersion", "1.0"))
        if responses := given.get("responseParameters"):
            values["ResponseParameters"] = responses
        self.api, made = integrations.add(self.call, self.api, values)
        if ref:
            self.shared[ref] = made["IntegrationId"]
        return made["IntegrationId"]  # type: ignore[no-any-return]


@apigatewayv2.op(needs=asked)
def import_api(call: Call, req: t.ImportApiRequest) -> t.ImportApiResponse:
    document = parse(filled(call, req["Body"]))
    api = Reader(call, new(call, settings(document)), document).read()
    return described(call, api)


@apigatewayv2.op(needs=asked)
def reimport_api(call: Call, req: t.ReimportApiRequest) -> t.ReimportApiResponse:
    """The document takes the place of everything that was there."""
    document = parse(filled(call, req["Body"]))
    api = find(call, req)
    api = call.put(api.but(values={**api.values, **settings(document)}, definition=Definition()))
    api = Reader(call, api, document).read()
    stages.auto_deploy(call, api)
    return described(call, api)
