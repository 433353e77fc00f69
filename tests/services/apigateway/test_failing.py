"""What clients are told when what stands behind an API fails, is slow or refuses; and the bounds of waiting."""
import json

from .conftest import Api
from .test_apis import refused
from .test_functions import Functions, proxied, uri

BROKEN = "def handler(event, context):\n    raise RuntimeError('no')\n"


def test_only_failures_and_timeouts_of_integrations_are_504s(api):
    gw, kw = api.gw, {"restApiId": api.id}
    kinds = {one["responseType"]: one.get("statusCode") for one in gw.get_gateway_responses(**kw, limit=500)["items"]}
    assert {kind for kind, status in kinds.items() if status == "504"} == {"INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"}
    api.method("/dead", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:9/"})
    gw.put_gateway_response(**kw, responseType="DEFAULT_5XX", responseTemplates={"application/json": '{"kind": "$context.error.responseType", "said": $context.error.messageString}'})
    api.deploy()
    got = api.call("/dead")
    assert (got.status, got.json) == (504, {"kind": "INTEGRATION_FAILURE", "said": "Network error communicating with endpoint"})
    assert gw.get_gateway_response(**kw, responseType="INTEGRATION_TIMEOUT")["responseTemplates"] == {"application/json": '{"kind": "$context.error.responseType", "said": $context.error.messageString}'}
    gw.put_gateway_response(**kw, responseType="INTEGRATION_FAILURE", statusCode="502", responseTemplates={"application/json": "$context.error.message"})
    api.deploy()
    got = api.call("/dead")
    assert (got.status, got.body) == (502, b"Network error communicating with endpoint")


def test_an_integration_waits_between_50_milliseconds_and_29_seconds(cloud):
    for kind in ("EDGE", "REGIONAL"):
        api = Api(cloud, endpointConfiguration={"types": [kind]})
        where = api.mock("/a")
        it = {"type": "MOCK"}
        assert api.gw.put_integration(**where, **it)["timeoutInMillis"] == 29000
        for good in (50, 29000):
            assert api.gw.put_integration(**where, **it, timeoutInMillis=good)["timeoutInMillis"] == good
        for bad in (0, 49, 29001, 30000):
            refused(api.gw.put_integration, "BadRequestException", "Timeout should be between 50 ms and 29000 ms", **where, **it, timeoutInMillis=bad)
        refused(api.gw.update_integration, "BadRequestException", "Timeout should be between 50 ms and 29000 ms", **where, patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "40"}])
    v2 = cloud.client("apigatewayv2")
    for protocol, most, more in (("HTTP", 30000, {}), ("WEBSOCKET", 29000, {"RouteSelectionExpression": "$request.body.action"})):
        kw = {"ApiId": v2.create_api(Name="a", ProtocolType=protocol, **more)["ApiId"], "IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://127.0.0.1:9/", "IntegrationMethod": "GET"}
        assert v2.create_integration(**kw, PayloadFormatVersion="1.0")["TimeoutInMillis"] == most
        for good in (50, most):
            assert v2.create_integration(**kw, PayloadFormatVersion="1.0", TimeoutInMillis=good)["TimeoutInMillis"] == good
        refused(v2.create_integration, "BadRequestException", None, **kw, PayloadFormatVersion="1.0", TimeoutInMillis=most + 1)


def test_a_throttled_function_is_a_500_and_never_a_504(cloud):
    api, functions = Api(cloud), Functions(cloud)
    arn = functions.make("none", BROKEN, api.id)
    lambdas = functions.bench.client
    lambdas.put_function_concurrency(FunctionName="none", ReservedConcurrentExecutions=0)
    told = refused(lambdas.invoke, "TooManyRequestsException", FunctionName="none")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 429 and told["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    api.method("/proxy", integration=proxied(arn))
    api.method("/mapped", integration={"type": "AWS", "integrationHttpMethod": "POST", "uri": uri(arn)})
    api.deploy()
    for path in ("/proxy", "/mapped"):
        got = api.call(path)
        assert (got.status, got.json) == (500, {"message": "Internal server error"}), path
    lambdas.delete_function_concurrency(FunctionName="none")
    got = api.call("/proxy")
    assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (502, {"message": "Internal server error"}, "InternalServerErrorException")
    got = api.call("/mapped")
    assert (got.status, got.json["errorMessage"]) == (200, "no"), "without a pattern for it a mapped answer is the default one"


def test_http_apis_have_words_of_their_own(cloud):
    v2, functions = cloud.client("apigatewayv2"), Functions(cloud)
    arn = functions.make("broken", BROKEN)
    api = v2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    it = v2.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0")["IntegrationId"]
    v2.create_route(ApiId=api, RouteKey="GET /a", Target=f"integrations/{it}")
    from .conftest import call

    got = call(cloud, api, "/a")
    assert (got.status, got.body) == (500, b'{"message":"Internal Server Error"}'), "the function does not let the API in"
    functions.allow("broken", api)
    got = call(cloud, api, "/a")
    assert (got.status, got.body) == (500, b'{"message":"Internal Server Error"}'), "the function fails"
    assert (call(cloud, api, "/b").status, call(cloud, api, "/b").body) == (404, b'{"message":"Not Found"}')


def test_a_wrong_signature_and_a_missing_key_are_403s_of_their_kind(api):
    from .test_auth import signed, url

    api.mock("/a", auth="AWS_IAM")
    api.deploy()
    good = signed(api.cloud, url(api, "/a"))
    got = api.call("/a", headers={**good, "Authorization": good["Authorization"][:-4] + "0000"})
    assert (got.status, got.headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException") and got.json["message"].startswith("The request signature we calculated does not match")
    got = api.call("/a", headers=signed(api.cloud, url(api, "/a"), key="AKIA" + "Z" * 16))
    assert got.status == 403 and "message" in got.json


def test_an_error_says_what_was_wrong_with_a_body_to_whom_the_api_tells_it(api):
    gw, kw = api.gw, {"restApiId": api.id}
    gw.create_model(**kw, name="Pet", contentType="application/json", schema=json.dumps({"type": "object", "required": ["name"]}))
    validator = gw.create_request_validator(**kw, name="b", validateRequestBody=True)["id"]
    api.mock("/pets", "POST", requestValidatorId=validator, requestModels={"application/json": "Pet"})
    gw.put_gateway_response(**kw, responseType="BAD_REQUEST_BODY", responseTemplates={"application/json": '{"message": $context.error.messageString, "why": "$context.error.validationErrorString"}'})
    api.deploy()
    got = api.call("/pets", "POST", body="{}")
    assert (got.status, got.json["message"]) == (400, "Invalid request body") and "name" in got.json["why"]
