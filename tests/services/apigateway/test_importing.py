"""Definitions that come and go as OpenAPI documents."""
import json

import pytest

from .conftest import Api, call
from .test_apis import refused

MOCK = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}, "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "$context.resourcePath"}}}}
SWAGGER = {
    "swagger": "2.0", "info": {"title": "pets", "version": "1.2", "description": "d"}, "basePath": "/v1",
    "x-amazon-apigateway-binary-media-types": ["image/*"], "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}},
    "x-amazon-apigateway-request-validator": "all", "x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": {"responseTemplates": {"application/json": "nope"}}},
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}, "iam": {"type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"}},
    "paths": {
        "/pets": {
            "get": {"operationId": "list", "parameters": [{"in": "query", "name": "q", "required": True, "type": "string"}], "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Pets"}}}, "x-amazon-apigateway-integration": MOCK},
            "post": {"consumes": ["application/json"], "parameters": [{"in": "body", "name": "Pet", "schema": {"$ref": "#/definitions/Pet"}}], "responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK},
        },
        "/pets/{id}": {"x-amazon-apigateway-any-method": {"security": [{"iam": []}], "parameters": [{"in": "path", "name": "id", "required": True, "type": "string"}], "responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK}},
        "/keyed": {"get": {"security": [{"key": []}], "responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK}},
    },
    "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}, "Pets": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}},
}


def test_a_swagger_document_becomes_an_api(cloud):
    gw = cloud.client("apigateway")
    api = gw.import_rest_api(body=json.dumps(SWAGGER), parameters={"endpointConfigurationTypes": "REGIONAL"})
    assert (api["name"], api["version"], api["description"], api["binaryMediaTypes"], api["endpointConfiguration"]["types"]) == ("pets", "1.2", "d", ["image/*"], ["REGIONAL"])
    kw = {"restApiId": api["id"]}
    resources = {r["path"]: r for r in gw.get_resources(**kw, embed=["methods"])["items"]}
    assert {p: set(r.get("resourceMethods", ())) for p, r in resources.items()} == {"/": set(), "/pets": {"GET", "POST"}, "/pets/{id}": {"ANY"}, "/keyed": {"GET"}}
    pets = resources["/pets"]["resourceMethods"]
    assert pets["GET"]["operationName"] == "list" and pets["GET"]["requestParameters"] == {"method.request.querystring.q": True}
    assert pets["POST"]["requestModels"] == {"application/json": "Pet"} and pets["GET"]["methodResponses"]["200"]["responseModels"] == {"application/json": "Pets"}
    assert resources["/pets/{id}"]["resourceMethods"]["ANY"]["authorizationType"] == "AWS_IAM" and resources["/keyed"]["resourceMethods"]["GET"]["apiKeyRequired"] is True
    assert f"/restapis/{api['id']}/models/Pet" in gw.get_model(**kw, modelName="Pets")["schema"]
    gw.create_deployment(**kw, stageName="s")
    assert call(cloud, api["id"], "/s/pets?q=1").body == b"/pets"
    assert call(cloud, api["id"], "/s/pets").body == b"nope"
    assert (call(cloud, api["id"], "/s/pets", "POST", body="{}").status, call(cloud, api["id"], "/s/pets", "POST", body='{"name": "a"}').status) == (400, 200)
    assert call(cloud, api["id"], "/s/pets/1").status == 403


def test_an_openapi_3_document_is_merged_or_overwrites(cloud):
    api = Api(cloud)
    api.mock("/old", template="old")
    document = {
        "openapi": "3.0.1", "info": {"title": "three", "version": "1"}, "components": {"schemas": {"Pet": {"type": "object", "required": ["name"]}}},
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "paths": {"/new/{proxy+}": {"post": {"x-amazon-apigateway-request-validator": "body", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                  "responses": {"200": {"description": "ok", "headers": {"X-A": {"schema": {"type": "string"}}}, "content": {}}}, "x-amazon-apigateway-integration": MOCK}}},
    }
    api.gw.put_rest_api(restApiId=api.id, mode="merge", body=json.dumps(document))
    api.deploy()
    assert api.call("/old").body == b"old" and api.call("/new/a/b", "POST", body='{"name": 1}').body == b"/new/{proxy+}" and api.call("/new/a", "POST", body="{}").status == 400
    import yaml

    api.gw.put_rest_api(restApiId=api.id, mode="overwrite", body=yaml.safe_dump(document))
    api.deploy()
    assert api.call("/old").status == 403 and api.call("/new/a", "POST", body='{"name": 1}').status == 200


@pytest.mark.parametrize("body", ["", "{}", "not: [closed", '{"openapi": "4"}', json.dumps({**SWAGGER, "x-amazon-apigateway-request-validator": "none"}),
                                  json.dumps({**SWAGGER, "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "nonsense"}}}}}), json.dumps({**SWAGGER, "paths": [1]}), json.dumps({"openapi": "3.0.1", "servers": 7, "paths": 3}),
                                  json.dumps({**SWAGGER, "paths": {"/a": {"get": {"parameters": "x"}}}}), json.dumps({**SWAGGER, "definitions": {"A": {"$ref": "#/definitions/A"}}, "paths": {"/a": {"$ref": "#/paths/~1a"}}})])
def test_what_cannot_be_read_is_refused_and_leaves_nothing(cloud, body):
    gw = cloud.client("apigateway")
    refused(gw.import_rest_api, "BadRequestException", body=body or " ")
    assert gw.get_rest_apis()["items"] == []


def test_variables_of_the_account_are_filled_in(cloud):
    gw = cloud.client("apigateway")
    it = {**MOCK, "type": "aws", "httpMethod": "POST", "uri": "arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/q"}
    api = gw.import_rest_api(body=json.dumps({"swagger": "2.0", "info": {"title": "v", "version": "1"}, "paths": {"/": {"get": {"x-amazon-apigateway-integration": it}}}}))
    assert gw.get_integration(restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET")["uri"] == f"arn:aws:apigateway:us-east-1:sqs:path/{cloud.account}/q"


def test_a_stage_is_exported_and_imported_again(cloud):
    gw = cloud.client("apigateway")
    first = gw.import_rest_api(body=json.dumps(SWAGGER))["id"]
    gw.create_deployment(restApiId=first, stageName="s")
    for kind in ("oas30", "swagger"):
        got = gw.get_export(restApiId=first, stageName="s", exportType=kind, parameters={"extensions": "integrations"})
        document = json.loads(got["body"].read())
        assert set(document["paths"]) == {"/pets", "/pets/{id}", "/keyed"}
    again = gw.import_rest_api(body=json.dumps(document))["id"]
    gw.create_deployment(restApiId=again, stageName="s")
    assert call(cloud, again, "/s/pets?q=1").body == b"/pets"


def test_an_http_api_is_imported_and_imported_again(cloud, backend):
    gw = cloud.client("apigatewayv2")
    it = {"type": "http_proxy", "httpMethod": "GET", "uri": backend + "/x/{id}", "payloadFormatVersion": "1.0"}
    document = {
        "openapi": "3.0.1", "info": {"title": "h", "version": "1"}, "x-amazon-apigateway-cors": {"allowOrigins": ["*"]}, "tags": [{"name": "by", "x-amazon-apigateway-tag-value": "SAM"}],
        "components": {"securitySchemes": {"jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt", "identitySource": "$request.header.Authorization", "jwtConfiguration": {"issuer": "https://i", "audience": ["a"]}}}}},
        "paths": {"/a/{id}": {"get": {"x-amazon-apigateway-integration": it}}, "/b": {"x-amazon-apigateway-any-method": {"security": [{"jwt": ["s"]}], "x-amazon-apigateway-integration": {**it, "uri": backend}}},
                  "/$default": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": {**it, "uri": backend}}}},
    }
    api = gw.import_api(Body=json.dumps(document))
    assert (api["Name"], api["CorsConfiguration"], api["Tags"]) == ("h", {"AllowOrigins": ["*"]}, {"by": "SAM"})
    gw.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    routes = {r["RouteKey"]: r for r in gw.get_routes(ApiId=api["ApiId"])["Items"]}
    assert set(routes) == {"GET /a/{id}", "ANY /b", "$default"} and routes["ANY /b"]["AuthorizationScopes"] == ["s"]
    assert call(cloud, api["ApiId"], "/a/5").json["path"] == "/x/5" and call(cloud, api["ApiId"], "/b").status == 401
    del document["paths"]["/a/{id}"]
    gw.reimport_api(ApiId=api["ApiId"], Body=json.dumps(document))
    assert call(cloud, api["ApiId"], "/a/5").json["path"] == "/a/5"
    refused(gw.import_api, "BadRequestException", Body=json.dumps(SWAGGER))


def test_invalid_input_is_named_so_and_warnings_may_fail_it(cloud):
    gw = cloud.client("apigateway")
    for body in ("nonsense", "{}", '{"openapi": "4"}'):
        told = refused(gw.import_rest_api, "BadRequestException", body=body)
        assert told["Error"]["Message"] == "Invalid OpenAPI input."
    odd = {**SWAGGER, "definitions": {**SWAGGER["definitions"], "Not_Alnum": {"type": "object"}}}
    refused(gw.import_rest_api, "BadRequestException", "Warnings found during import", body=json.dumps(odd), failOnWarnings=True)
    assert gw.get_rest_apis()["items"] == []
    made = gw.import_rest_api(body=json.dumps(odd))
    assert len(made["warnings"]) == 1
    kw = {"restApiId": made["id"]}
    refused(gw.put_rest_api, "BadRequestException", "Warnings found during import", **kw, mode="overwrite", body=json.dumps(odd), failOnWarnings=True)
    refused(gw.put_rest_api, "BadRequestException", "Invalid OpenAPI input.", **kw, mode="merge", body="nonsense")


def test_what_was_exported_has_the_stages_address_and_its_extensions_if_asked_for(cloud):
    gw = cloud.client("apigateway")
    api = gw.import_rest_api(body=json.dumps(SWAGGER))["id"]
    gw.create_deployment(restApiId=api, stageName="s")
    new = json.loads(gw.get_export(restApiId=api, stageName="s", exportType="oas30")["body"].read())
    assert new["openapi"] == "3.0.1" and new["servers"][0]["url"] == f"https://{api}.execute-api.us-east-1.amazonaws.com/{{basePath}}" and new["servers"][0]["variables"]["basePath"]["default"] == "s"
    assert "x-amazon-apigateway-integration" not in new["paths"]["/pets"]["get"] and set(new["components"]["schemas"]) >= {"Pet", "Pets"}
    old = json.loads(gw.get_export(restApiId=api, stageName="s", exportType="swagger", parameters={"extensions": "apigateway"})["body"].read())
    assert (old["swagger"], old["host"], old["basePath"]) == ("2.0", f"{api}.execute-api.us-east-1.amazonaws.com", "/s")
    assert old["paths"]["/pets"]["get"]["x-amazon-apigateway-integration"]["type"] == "mock"
    assert old["paths"]["/keyed"]["get"]["security"] == [{"api_key": []}] and old["securityDefinitions"]["api_key"] == {"type": "apiKey", "name": "x-api-key", "in": "header"}
    assert old["paths"]["/pets/{id}"]["x-amazon-apigateway-any-method"]["security"] == [{"sigv4": []}] and old["securityDefinitions"]["sigv4"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert old["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]["responseTemplates"] == {"application/json": "nope"} and old["x-amazon-apigateway-binary-media-types"] == ["image/*"]
    assert old["paths"]["/pets"]["post"]["x-amazon-apigateway-request-validator"] == "all" and old["x-amazon-apigateway-request-validators"]["all"] == {"validateRequestBody": True, "validateRequestParameters": True}
    again = gw.import_rest_api(body=json.dumps(old))["id"]
    gw.create_deployment(restApiId=again, stageName="s")
    assert call(cloud, again, "/s/pets").body == b"nope" and call(cloud, again, "/s/keyed").status == 403 and call(cloud, again, "/s/pets/1").status == 403
    refused(gw.get_export, "BadRequestException", restApiId=api, stageName="s", exportType="raml")


def test_an_http_api_is_exported_and_imported_again(cloud, backend):
    gw = cloud.client("apigatewayv2")
    it = {"type": "http_proxy", "httpMethod": "GET", "uri": backend + "/x/{id}", "payloadFormatVersion": "1.0", "timeoutInMillis": 5000, "requestParameters": {"append:header.x-a": "1"}}
    document = {
        "openapi": "3.0.1", "info": {"title": "h", "version": "2"}, "x-amazon-apigateway-cors": {"allowOrigins": ["*"], "maxAge": 5},
        "components": {"securitySchemes": {"jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt", "identitySource": "$request.header.Authorization", "jwtConfiguration": {"issuer": "https://i", "audience": ["a"]}}},
                                           "iam": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}}},
        "paths": {"/a/{id}": {"get": {"operationId": "one", "x-amazon-apigateway-integration": it}}, "/b": {"x-amazon-apigateway-any-method": {"security": [{"jwt": ["s"]}], "x-amazon-apigateway-integration": {**it, "uri": backend}}},
                  "/c": {"put": {"security": [{"iam": []}], "x-amazon-apigateway-integration": {**it, "uri": backend}}}, "/$default": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": {**it, "uri": backend}}}},
    }
    first = gw.import_api(Body=json.dumps(document))["ApiId"]
    gw.create_stage(ApiId=first, StageName="s", AutoDeploy=True)

    def exported(api, **more):
        return gw.export_api(ApiId=api, Specification="OAS30", **{"OutputType": "JSON", **more})["body"].read()

    told = json.loads(exported(first, StageName="s"))
    assert told["openapi"] == "3.0.1" and told["servers"][0]["variables"]["basePath"]["default"] == "s" and told["x-amazon-apigateway-cors"] == {"allowOrigins": ["*"], "maxAge": 5}
    assert told["paths"]["/a/{id}"]["get"]["x-amazon-apigateway-integration"]["timeoutInMillis"] == 5000 and told["paths"]["/b"]["x-amazon-apigateway-any-method"]["security"] == [{"jwt": ["s"]}]
    assert "x-amazon-apigateway" not in exported(first, IncludeExtensions=False).decode().replace("x-amazon-apigateway-any-method", "").replace("x-amazon-apigateway-authtype", "")
    second = gw.import_api(Body=exported(first, OutputType="YAML").decode())["ApiId"]
    shape = lambda api: [{k: v for k, v in r.items() if k not in ("RouteId", "Target", "AuthorizerId")} for r in sorted(gw.get_routes(ApiId=api)["Items"], key=lambda r: r["RouteKey"])]
    assert shape(first) == shape(second) and gw.get_api(ApiId=second)["CorsConfiguration"] == {"AllowOrigins": ["*"], "MaxAge": 5}
    refused(gw.export_api, "BadRequestException", None, ApiId=first, Specification="OAS20", OutputType="JSON")
    refused(gw.export_api, "NotFoundException", None, ApiId=first, Specification="OAS30", OutputType="JSON", StageName="none")
