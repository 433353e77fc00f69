"""Methods, their integrations and the responses of both."""
from .conftest import Api
from .test_apis import refused


def test_a_method_lives(api):
    gw = api.gw
    kw = {"restApiId": api.id, "resourceId": api.place("/a"), "httpMethod": "POST"}
    made = gw.put_method(**kw, authorizationType="NONE", requestParameters={"method.request.querystring.q": True}, operationName="op")
    assert made["apiKeyRequired"] is False and gw.get_method(**kw)["operationName"] == "op"
    refused(gw.put_method, "ConflictException", "Method already exists for this resource", **kw, authorizationType="NONE")
    changed = gw.update_method(**kw, patchOperations=[{"op": "replace", "path": "/apiKeyRequired", "value": "true"}, {"op": "add", "path": "/requestParameters/method.request.header.X", "value": "false"},
                                                      {"op": "remove", "path": "/requestParameters/method.request.querystring.q"}])
    assert changed["apiKeyRequired"] is True and changed["requestParameters"] == {"method.request.header.X": False}
    gw.delete_method(**kw)
    refused(gw.get_method, "NotFoundException", "Invalid Method identifier specified", **kw)


def test_a_method_names_only_what_exists(api):
    gw, kw = api.gw, {"restApiId": api.id, "resourceId": api.place("/a"), "httpMethod": "GET"}
    refused(gw.put_method, "BadRequestException", "requires a valid authorizer", **kw, authorizationType="CUSTOM")
    refused(gw.put_method, "BadRequestException", "Invalid Request Validator identifier", **kw, authorizationType="NONE", requestValidatorId="zzz")
    refused(gw.put_method, "BadRequestException", "Invalid model identifier specified: None", **kw, authorizationType="NONE", requestModels={"application/json": "None"})
    refused(gw.put_method, "BadRequestException", "Invalid mapping expression parameter specified: method.request.body.x", **kw, authorizationType="NONE", requestParameters={"method.request.body.x": True})
    refused(gw.put_method, "BadRequestException", "Invalid HttpMethod", **{**kw, "httpMethod": "FETCH"}, authorizationType="NONE")
    refused(gw.put_method, "NotFoundException", "Invalid Resource identifier specified", **{**kw, "resourceId": "zzz"}, authorizationType="NONE")


def test_an_integration_is_checked(api):
    gw, kw = api.gw, {"restApiId": api.id, "resourceId": api.place("/a"), "httpMethod": "GET"}
    gw.put_method(**kw, authorizationType="NONE")
    refused(gw.get_integration, "NotFoundException", "Invalid Integration identifier specified", **kw)
    for timeout in (49, 29001):
        refused(gw.put_integration, "BadRequestException", "Timeout should be between 50 ms and 29000 ms", **kw, type="MOCK", timeoutInMillis=timeout)
    refused(gw.put_integration, "BadRequestException", "Enumeration value for HttpMethod must be non-empty", **kw, type="HTTP", uri="http://a")
    refused(gw.put_integration, "BadRequestException", "Invalid ARN specified in the request", **kw, type="AWS", uri="nonsense", integrationHttpMethod="POST")
    refused(gw.put_integration, "BadRequestException", "AWS ARN for integration must contain path or action", **kw, type="AWS", uri="arn:aws:apigateway:us-east-1:sqs:queue", integrationHttpMethod="POST")
    refused(gw.put_integration, "BadRequestException", "only supports Lambda function", **kw, type="AWS_PROXY", uri="arn:aws:apigateway:us-east-1:sqs:path/x", integrationHttpMethod="POST")
    refused(gw.put_integration, "BadRequestException", "Invalid HTTP endpoint specified for URI", **kw, type="HTTP_PROXY", uri="ftp://a", integrationHttpMethod="GET")
    it = gw.put_integration(**kw, type="MOCK")
    assert (it["passthroughBehavior"], it["timeoutInMillis"], it["cacheNamespace"], it["cacheKeyParameters"]) == ("WHEN_NO_MATCH", 29000, kw["resourceId"], [])
    assert gw.update_integration(**kw, patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "50"}])["timeoutInMillis"] == 50
    gw.delete_integration(**kw)
    refused(gw.delete_integration, "NotFoundException", **kw)


def test_responses_belong_to_their_method(api):
    gw, kw = api.gw, {"restApiId": api.id, "resourceId": api.place("/a"), "httpMethod": "GET"}
    gw.put_method(**kw, authorizationType="NONE")
    gw.put_integration(**kw, type="MOCK")
    refused(gw.put_integration_response, "NotFoundException", "Invalid Response status code specified", **kw, statusCode="200")
    gw.put_method_response(**kw, statusCode="200", responseParameters={"method.response.header.X": False}, responseModels={"application/json": "Empty"})
    refused(gw.put_method_response, "ConflictException", "Response already exists for this resource", **kw, statusCode="200")
    assert gw.get_method_response(**kw, statusCode="200")["responseModels"] == {"application/json": "Empty"}
    assert gw.update_method_response(**kw, statusCode="200", patchOperations=[{"op": "replace", "path": "/responseModels/application~1json", "value": "Error"}])["responseModels"] == {"application/json": "Error"}
    refused(gw.put_integration_response, "BadRequestException", "Invalid mapping expression", **kw, statusCode="200", responseParameters={"method.response.header.Y": "'a'"})
    gw.put_integration_response(**kw, statusCode="200", selectionPattern="", responseParameters={"method.response.header.X": "'a'"})
    assert gw.get_integration_response(**kw, statusCode="200")["responseParameters"] == {"method.response.header.X": "'a'"}
    assert gw.update_integration_response(**kw, statusCode="200", patchOperations=[{"op": "replace", "path": "/selectionPattern", "value": "2.."}])["selectionPattern"] == "2.."
    gw.delete_integration_response(**kw, statusCode="200")
    refused(gw.get_integration_response, "NotFoundException", **kw, statusCode="200")
    gw.delete_method_response(**kw, statusCode="200")
    refused(gw.get_method_response, "NotFoundException", **kw, statusCode="200")


def test_models_and_validators_stay_while_they_are_used(cloud):
    api = Api(cloud)
    gw, kw = api.gw, {"restApiId": api.id}
    gw.create_model(**kw, name="Pet", contentType="application/json", schema="{}")
    refused(gw.create_model, "ConflictException", "Model name already exists for this REST API", **kw, name="Pet", contentType="application/json")
    refused(gw.create_model, "BadRequestException", "Model name must be alphanumeric: a_b", **kw, name="a_b", contentType="application/json")
    for schema in ("not json", '{"type": 7}'):
        refused(gw.create_model, "BadRequestException", "Invalid model specified", **kw, name="Bad", contentType="application/json", schema=schema)
    assert gw.update_model(**kw, modelName="Pet", patchOperations=[{"op": "replace", "path": "/description", "value": "d"}])["description"] == "d"
    validator = gw.create_request_validator(**kw, name="v", validateRequestBody=True)["id"]
    assert gw.update_request_validator(**kw, requestValidatorId=validator, patchOperations=[{"op": "replace", "path": "/validateRequestParameters", "value": "true"}])["validateRequestParameters"] is True
    assert [v["id"] for v in gw.get_request_validators(**kw)["items"]] == [validator] and gw.get_request_validator(**kw, requestValidatorId=validator)["name"] == "v"
    where = api.mock("/a", "POST", requestModels={"application/json": "Pet"}, requestValidatorId=validator)
    refused(gw.delete_model, "ConflictException", "Cannot delete model 'Pet', is referenced in method request: POST /a", **kw, modelName="Pet")
    refused(gw.delete_request_validator, "ConflictException", "Cannot delete Request Validator 'v'", **kw, requestValidatorId=validator)
    gw.delete_method(**where)
    gw.delete_model(**kw, modelName="Pet")
    gw.delete_request_validator(**kw, requestValidatorId=validator)
    refused(gw.get_model, "NotFoundException", **kw, modelName="Pet")


def test_authorizers_live(api):
    gw, kw = api.gw, {"restApiId": api.id}
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
    it = gw.create_authorizer(**kw, name="a", type="TOKEN", authorizerUri=uri, identitySource="method.request.header.Auth")
    assert (it["authType"], it["authorizerResultTtlInSeconds"]) == ("custom", 300)
    refused(gw.create_authorizer, "BadRequestException", "must be unique", **kw, name="a", type="TOKEN", authorizerUri=uri, identitySource="method.request.header.Auth")
    refused(gw.create_authorizer, "BadRequestException", "Invalid Authorizer URI", **kw, name="b", type="TOKEN", authorizerUri="x", identitySource="method.request.header.Auth")
    assert gw.update_authorizer(**kw, authorizerId=it["id"], patchOperations=[{"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": "0"}])["authorizerResultTtlInSeconds"] == 0
    assert gw.get_authorizer(**kw, authorizerId=it["id"])["name"] == "a" and len(gw.get_authorizers(**kw)["items"]) == 1
    where = api.mock("/a", auth="CUSTOM", authorizerId=it["id"])
    refused(gw.delete_authorizer, "ConflictException", "referenced in method", **kw, authorizerId=it["id"])
    gw.delete_method(**where)
    gw.delete_authorizer(**kw, authorizerId=it["id"])
    refused(gw.get_authorizer, "NotFoundException", "Invalid Authorizer identifier specified", **kw, authorizerId=it["id"])


def test_every_kind_of_gateway_response_has_a_default(api):
    gw, kw = api.gw, {"restApiId": api.id}
    items = {r["responseType"]: r for r in gw.get_gateway_responses(**kw)["items"]}
    assert {k for k, r in items.items() if r.get("statusCode") == "504"} == {"INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"}
    assert all(r["defaultResponse"] for r in items.values()) and "statusCode" not in items["DEFAULT_5XX"]
    changed = gw.update_gateway_response(**kw, responseType="THROTTLED", patchOperations=[{"op": "replace", "path": "/statusCode", "value": "420"}])
    assert (changed["statusCode"], changed["defaultResponse"]) == ("420", False)
    gw.put_gateway_response(**kw, responseType="DEFAULT_5XX", responseParameters={"gatewayresponse.header.X": "'y'"})
    assert gw.get_gateway_response(**kw, responseType="INTEGRATION_TIMEOUT")["responseParameters"] == {"gatewayresponse.header.X": "'y'"}
    gw.delete_gateway_response(**kw, responseType="THROTTLED")
    assert gw.get_gateway_response(**kw, responseType="THROTTLED")["statusCode"] == "429"
