"""Importing OpenAPI 2.0 (Swagger) and 3.0: a document becomes the definition of a REST API.

Pure until the last step: `read` gives values in AWS's own shapes, `apply` puts them into an API by merge or overwrite. What AWS
understands only through its extensions (`x-amazon-apigateway-*`) is read here as well.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages import documents

from . import authorizers as authorizer_nouns
from . import errors, integrations
from .access import filled
from .apis import LETTERS, MODELS, Definition, Resource, RestApi
from .gateway_responses import STATUS, TEMPLATE

VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"}
PLACES = {"path": "path", "query": "querystring", "header": "header"}
ANY = "x-amazon-apigateway-any-method"


def parse(body: bytes | str | dict[str, Any]) -> dict[str, Any]:
    """The document, from JSON or YAML."""
    try:
        document = body if isinstance(body, dict) else documents.read(body)
    except documents.Unreadable:
        raise errors.bad_openapi("Invalid OpenAPI input.") from None
    if not isinstance(document, dict) or not (str(document.get("swagger", "")).startswith("2") or str(document.get("openapi", "")).startswith("3.")):
        raise errors.bad_openapi("Invalid OpenAPI input.")
    return document


class Reader:
    """One document being read into the definition of one API."""

    def __init__(self, call: Call, api_id: str, document: dict[str, Any], base: Definition, root: str, basepath: str) -> None:
        self.call, self.api_id, self.document, self.root = call, api_id, document, root
        self.new = str(document.get("openapi", "")).startswith("3")
        self.warnings: list[str] = []
        self.resources, self.models, self.validators = dict(base.resources), dict(base.models), dict(base.validators)
        self.authorizers, self.responses = dict(base.authorizers), dict(base.responses)
        self.prefix = self.base_path(basepath)
        self.security: dict[str, dict[str, Any]] = {}

    def definition(self) -> Definition:
        self.read_models()
        self.read_validators()
        self.read_security()
        self.read_responses()
        for path, item in (self.document.get("paths") or {}).items():
            self.read_path(path, self.resolved(item) or {})
        return Definition(self.resources, self.models, self.validators, self.authorizers, self.responses)

    # the document's parts
    def base_path(self, mode: str) -> str:
        base = self.document.get("basePath") or ""
        if self.new:
            servers = self.document.get("servers") or [{}]
            first = servers[0] if isinstance(servers, list) else {}
            base = ((first.get("variables") or {}).get("basePath") or {}).get("default") or ""
        base = "/" + base.strip("/") if base.strip("/") else ""
        if mode == "prepend":
            return base
        if mode == "split" and base.count("/") > 1:
            return "/" + base.split("/", 2)[2]
        return ""

    def resolved(self, value: Any) -> Any:
        """A `$ref` inside the document, followed."""
        for _ in range(20):
            if not (isinstance(value, dict) and isinstance(value.get("$ref"), str) and value["$ref"].startswith("#/")):
                return value
            found: Any = self.document
            for part in value["$ref"][2:].split("/"):
                found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
            if found is None:
                raise errors.bad_openapi(f"Unable to resolve reference {value['$ref']}")
            value = found
        raise errors.bad_openapi("A reference refers to itself.")

    def read_models(self) -> None:
        schemas = (self.document.get("components") or {}).get("schemas") if self.new else self.document.get("definitions")
        for name, schema in (schemas or {}).items():
            self.add_model(name, schema)

    def add_model(self, name: str, schema: Any) -> str:
        if not (name.isascii() and name.isalnum()):
            self.warnings.append(f"Unable to create model for '{name}': model names must be alphanumeric. A name was generated.")
            name = "".join(c for c in name if c.isascii() and c.isalnum()) or "Model" + self.call.pick(LETTERS, 6)
        description = schema.get("description") if isinstance(schema, dict) else None
        text = json.dumps(self.rewritten(schema), separators=(",", ":"))
        old = self.models.get(name, {})
        self.models[name] = {"id": old.get("id") or self.call.pick(LETTERS, 6), "name": name, "contentType": "application/json", "schema": text} | ({"description": description} if description else {})
        return name

    def rewritten(self, schema: Any) -> Any:
        """References between schemas become API Gateway's own, and OpenAPI's own words are dropped."""
        if isinstance(schema, list):
            return [self.rewritten(v) for v in schema]
        if not isinstance(schema, dict):
            return schema
        out = {k: self.rewritten(v) for k, v in schema.items() if k not in ("example", "examples", "discriminator", "xml", "externalDocs", "nullable") or isinstance(v, dict)}
        ref = out.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/"):
            out["$ref"] = f"https://apigateway.amazonaws.com/restapis/{self.api_id}/models/{ref.rpartition('/')[2]}"
        if schema.get("nullable") is True and isinstance(schema.get("type"), str):
            out["type"] = [schema["type"], "null"]
        return out

    def read_validators(self) -> None:
        for name, rules in (self.document.get("x-amazon-apigateway-request-validators") or {}).items():
            old = next((v for v in self.validators.values() if v.get("name") == name), {})
            id_ = old.get("id") or self.call.pick(LETTERS, 6)
            self.validators[id_] = {"id": id_, "name": name, "validateRequestBody": bool(rules.get("validateRequestBody")), "validateRequestParameters": bool(rules.get("validateRequestParameters"))}

    def read_security(self) -> None:
        schemes = (self.document.get("components") or {}).get("securitySchemes") if self.new else self.document.get("securityDefinitions")
        for name, scheme in (schemes or {}).items():
            scheme = self.resolved(scheme)
            kind, it = scheme.get("x-amazon-apigateway-authtype", ""), scheme.get("x-amazon-apigateway-authorizer")
            if kind.lower() == "awssigv4":
                self.security[name] = {"authorizationType": "AWS_IAM"}
            elif it:
                self.security[name] = self.add_authorizer(name, scheme, it)
            elif scheme.get("type") == "apiKey" and scheme.get("name", "").lower() == "x-api-key":
                self.security[name] = {"apiKeyRequired": True}

    def add_authorizer(self, name: str, scheme: dict[str, Any], it: dict[str, Any]) -> dict[str, Any]:
        kind = str(it.get("type", "token")).upper()
        values = {"name": name, "type": kind, "authType": scheme.get("x-amazon-apigateway-authtype") or "custom"}
        for name_, key in (("authorizerUri", "authorizerUri"), ("authorizerCredentials", "authorizerCredentials"), ("identityValidationExpression", "identityValidationExpression"),
                           ("authorizerResultTtlInSeconds", "authorizerResultTtlInSeconds"), ("providerARNs", "providerARNs"), ("identitySource", "identitySource")):
            if it.get(key) is not None:
                values[name_] = it[key]
        if "authorizerResultTtlInSeconds" in values:
            values["authorizerResultTtlInSeconds"] = int(values["authorizerResultTtlInSeconds"])
        if kind != "REQUEST":
            values.setdefault("identitySource", f"method.request.header.{scheme.get('name') or 'Authorization'}")
        old = next((a for a in self.authorizers.values() if a["name"] == name), {})
        made = authorizer_nouns.made(self.call, values)
        made["id"] = old.get("id") or made["id"]
        self.authorizers[made["id"]] = made
        return {"authorizationType": "COGNITO_USER_POOLS" if kind == "COGNITO_USER_POOLS" else "CUSTOM", "authorizerId": made["id"]}

    def read_responses(self) -> None:
        for kind, rule in (self.document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            if kind not in STATUS:
                raise errors.bad_openapi(f"Invalid gateway response type: {kind}")
            it = {"responseType": kind, "responseParameters": rule.get("responseParameters") or {}, "responseTemplates": rule.get("responseTemplates") or TEMPLATE, "defaultResponse": False}
            if status := rule.get("statusCode") or STATUS[kind]:
                it["statusCode"] = str(status)
            self.responses[kind] = it

    # paths and operations
    def place(self, path: str) -> Resource:
        """The resource of a path, with all that is missing above it."""
        if path in ("", "/"):
            return self.resources[self.root]
        for resource in self.resources.values():
            if resource.path == path:
                return resource
        above, _, part = path.rpartition("/")
        parent = self.place(above)
        made = Resource(self.call.pick(LETTERS, 6), parent.id, part, f"{parent.path.rstrip('/')}/{part}")
        self.resources[made.id] = made
        return made

    def read_path(self, path: str, item: dict[str, Any]) -> None:
        resource = self.place(self.prefix + ("/" + path.strip("/") if path.strip("/") else "") or "/")
        methods = dict(resource.methods)
        for verb, operation in item.items():
            if verb.lower() in VERBS and isinstance(operation, dict):
                name = "ANY" if verb.lower() == ANY else verb.upper()
                methods[name] = self.method(name, operation, [*(item.get("parameters") or []), *(operation.get("parameters") or [])], resource)
        self.resources[resource.id] = msgspec.structs.replace(self.resources[resource.id], methods=methods)

    def method(self, verb: str, operation: dict[str, Any], parameters: list[Any], resource: Resource) -> dict[str, Any]:
        method: dict[str, Any] = {"httpMethod": verb, "authorizationType": "NONE", "apiKeyRequired": False, **self.protection(operation)}
        if operation.get("operationId"):
            method["operationName"] = operation["operationId"]
        given = {}
        for parameter in map(self.resolved, parameters):
            if parameter.get("in") in PLACES:
                given[f"method.request.{PLACES[parameter['in']]}.{parameter['name']}"] = bool(parameter.get("required"))
        if given:
            method["requestParameters"] = given
        if models := dict(self.bodies(operation, parameters)):
            method["requestModels"] = models
        wanted = operation.get("x-amazon-apigateway-request-validator") or self.document.get("x-amazon-apigateway-request-validator")
        if wanted:
            found = next((v["id"] for v in self.validators.values() if v.get("name") == wanted), None)
            if found is None:
                raise errors.bad_openapi(f"Invalid request validator: {wanted}")
            method["requestValidatorId"] = found
        responses = {}
        for status, response in (operation.get("responses") or {}).items():
            if str(status).isdigit():
                responses[str(status)] = self.response(str(status), self.resolved(response) or {})
        if responses:
            method["methodResponses"] = responses
        if it := self.resolved(operation.get("x-amazon-apigateway-integration")):
            method["methodIntegration"] = self.integration(it, resource)
            for status in method["methodIntegration"].get("integrationResponses") or {}:
                method.setdefault("methodResponses", {}).setdefault(status, {"statusCode": status})
        return method

    def protection(self, operation: dict[str, Any]) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        for requirement in operation.get("security", self.document.get("security")) or []:
            for name, scopes in requirement.items():
                found = self.security.get(name, {})
                chosen |= found
                if scopes and found.get("authorizationType") == "COGNITO_USER_POOLS":
                    chosen["authorizationScopes"] = scopes
        if auth := operation.get("x-amazon-apigateway-auth"):
            chosen |= {"authorizationType": auth.get("type", "NONE")}
        return chosen

    def bodies(self, operation: dict[str, Any], parameters: list[Any]) -> Iterator[tuple[str, str]]:
        """(content type, model) of the body."""
        if self.new:
            for media, content in ((self.resolved(operation.get("requestBody")) or {}).get("content") or {}).items():
                if schema := content.get("schema"):
                    yield media, self.model_of(schema)
            return
        for parameter in map(self.resolved, parameters):
            if parameter.get("in") == "body" and (schema := parameter.get("schema")):
                for media in operation.get("consumes") or self.document.get("consumes") or ["application/json"]:
                    yield media, self.model_of(schema)

    def model_of(self, schema: dict[str, Any]) -> str:
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/"):
            name = ref.rpartition("/")[2]
            name = name if name.isalnum() else "".join(c for c in name if c.isalnum())
            if name not in self.models:
                raise errors.bad_openapi(f"Unable to resolve reference {ref}")
            return name
        return self.add_model("MODEL" + self.call.pick(LETTERS, 6), schema)

    def response(self, status: str, response: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {"statusCode": status}
        if headers := response.get("headers"):
            answer["responseParameters"] = {f"method.response.header.{name}": False for name in headers}
        models = {}
        if self.new:
            for media, content in (response.get("content") or {}).items():
                if schema := content.get("schema"):
                    models[media] = self.model_of(schema)
        elif schema := response.get("schema"):
            models["application/json"] = self.model_of(schema)
        if models:
            answer["responseModels"] = models
        return answer

    def integration(self, given: dict[str, Any], resource: Resource) -> dict[str, Any]:
        values = {**given, "type": str(given.get("type", "")).upper(), "integrationHttpMethod": given.get("httpMethod")}
        if values["type"] not in ("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"):
            raise errors.bad_openapi(f"Invalid integration type: {given.get('type')}")
        if isinstance(values.get("passthroughBehavior"), str):
            values["passthroughBehavior"] = values["passthroughBehavior"].upper()
        it = integrations.made(values, resource.id)
        integrations.check(self.call, it)
        responses = {}
        for pattern, rule in (given.get("responses") or {}).items():
            answer = {"statusCode": str(rule.get("statusCode", "200"))} | {k: rule[k] for k in ("responseParameters", "responseTemplates", "contentHandling") if rule.get(k) is not None}
            if pattern != "default":
                answer["selectionPattern"] = str(pattern)
            responses[answer["statusCode"]] = answer
        if responses:
            it["integrationResponses"] = responses
        return it


def apply(call: Call, api: RestApi, body: Any, mode: str, parameters: dict[str, str], fail_on_warnings: bool) -> tuple[RestApi, list[str]]:
    """The API with the document merged into it, or put in the place of what it was."""
    document = parse(filled(call, body))
    root = api.definition.resources[api.root]
    if mode == "overwrite":
        kept = {name: api.definition.models[name] for name in MODELS if name in api.definition.models}
        base = Definition({root.id: msgspec.structs.replace(root, methods={})}, kept)
    else:
        base = api.definition
    try:
        reader = Reader(call, api.id, document, base, api.root, parameters.get("basepath", "ignore"))
        definition = reader.definition()
    except (RecursionError, TypeError, AttributeError, LookupError):
        raise errors.bad_openapi("Invalid OpenAPI input.") from None    # a part is not of the kind that OpenAPI says
    if reader.warnings and fail_on_warnings:
        raise errors.bad_openapi("Warnings found during import:\n\t" + "\n\t".join(reader.warnings))
    values = dict(api.values)
    info = document.get("info") or {}
    for key, name in (("title", "name"), ("description", "description"), ("version", "version")):
        if info.get(key):
            values[name] = str(info[key])
    for key, name in (("x-amazon-apigateway-binary-media-types", "binaryMediaTypes"), ("x-amazon-apigateway-api-key-source", "apiKeySource"),
                      ("x-amazon-apigateway-minimum-compression-size", "minimumCompressionSize")):
        if document.get(key) is not None:
            values[name] = document[key]
    if document.get("x-amazon-apigateway-policy"):
        values["policy"] = json.dumps(document["x-amazon-apigateway-policy"])
    if config := document.get("x-amazon-apigateway-endpoint-configuration"):
        values["endpointConfiguration"] = {**(values.get("endpointConfiguration") or {"types": ["EDGE"], "ipAddressType": "ipv4"}), **config}
    return call.put(api.but(values=values, definition=definition)), reader.warnings
