"""What clients meet at an API's door."""
import json


def test_a_mock_answers_at_its_host_and_at_its_path(api):
    api.mock("/pets/{id}", template='{"id": "$input.params(\'id\')", "stage": "$context.stage"}')
    api.deploy()
    got = api.call("/pets/7")
    assert (got.status, got.json, got.headers["content-type"]) == (200, {"id": "7", "stage": "dev"}, "application/json")
    assert got.headers["x-amzn-RequestId"] and got.headers["x-amz-apigw-id"]
    from .conftest import call

    assert call(api.cloud, api.id, f"/restapis/{api.id}/dev/_user_request_/pets/8", host="127.0.0.1").json["id"] == "8"
    assert call(api.cloud, api.id, "/dev/pets/9", host=f"{api.id}.execute-api.localhost:4566").json["id"] == "9"


def test_what_a_client_sees_where_there_is_nothing(api):
    api.mock("/pets")
    api.deploy()
    for path, method in (("/nothing", "GET"), ("/pets", "POST"), ("/", "GET")):
        got = api.call(path, method)
        assert (got.status, got.body, got.headers["x-amzn-ErrorType"]) == (403, b'{"message":"Missing Authentication Token"}', "MissingAuthenticationTokenException")
    got = api.call("/pets", stage="none")
    assert (got.status, got.body, got.headers["x-amzn-ErrorType"]) == (403, b'{"message":"Forbidden"}', "ForbiddenException")
    api.gw.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}])
    assert (api.call("/pets").status, api.call("/pets").body) == (403, b'{"message":"Forbidden"}')


def test_names_win_over_variables_and_variables_over_greedy_ones(api):
    for path in ("/a/b", "/a/{x}", "/{proxy+}"):
        api.mock(path, "ANY", template="$context.resourcePath")
    api.deploy()
    for path, found in (("/a/b", "/a/b"), ("/a/c", "/a/{x}"), ("/a/b/c", "/{proxy+}"), ("/z", "/{proxy+}"), ("/a/", "/{proxy+}"), ("/a/b/", "/a/b")):
        assert api.call(path, "PUT").body.decode() == found, path


def test_a_deployment_does_not_change_with_the_api(api):
    where = api.mock("/a", template="one")
    first = api.deploy()
    api.gw.update_integration_response(**where, statusCode="200", patchOperations=[{"op": "replace", "path": "/responseTemplates/application~1json", "value": "two"}])
    assert api.call("/a").body == b"one"
    second = api.deploy()
    assert api.call("/a").body == b"two"
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/deploymentId", "value": first}])
    assert api.call("/a").body == b"one"
    api.gw.delete_deployment(restApiId=api.id, deploymentId=second)


def test_stage_variables_and_overrides_reach_templates(api):
    api.mock("/a", template="$stageVariables.color#set($context.responseOverride.status = 418)#set($context.responseOverride.header.X-Tea = 'pot')")
    api.deploy(variables={"color": "red"})
    got = api.call("/a")
    assert (got.status, got.body, got.headers["x-tea"]) == (418, b"red", "pot")


def test_a_mock_chooses_its_answer_by_status(api):
    api.method("/a", integration={"type": "MOCK", "requestTemplates": {"application/json": '#if($input.params("bad") == "1"){"statusCode": 404}#else{"statusCode": 200}#end'}},
               responses={"200": {}, "404": {"selectionPattern": "4\\d\\d", "responseTemplates": {"application/json": '{"gone": true}'},
                                            "responseParameters": {"method.response.header.X-Why": "'not here'", "method.response.header.X-Q": "method.request.querystring.bad"}}})
    api.deploy()
    assert (api.call("/a").status, api.call("/a").body) == (200, b"")
    got = api.call("/a?bad=1")
    assert (got.status, got.json, got.headers["x-why"], got.headers["x-q"]) == (404, {"gone": True}, "not here", "1")


def test_passthrough_behavior_decides_about_unknown_content_types(api):
    for name in ("NEVER", "WHEN_NO_TEMPLATES", "WHEN_NO_MATCH"):
        api.method(f"/{name}", "POST", integration={"type": "MOCK", "passthroughBehavior": name, "requestTemplates": {"application/json": '{"statusCode": 200}'}})
    api.deploy()
    for name in ("NEVER", "WHEN_NO_TEMPLATES"):
        got = api.call(f"/{name}", "POST", body="<a/>", headers={"Content-Type": "text/xml"})
        assert (got.status, got.json) == (415, {"message": "Unsupported Media Type"})
    assert api.call("/WHEN_NO_MATCH", "POST", body='{"statusCode": 200}', headers={"Content-Type": "text/xml"}).status == 200
    assert api.call("/NEVER", "POST", body="{}", headers={"Content-Type": "application/json; charset=utf-8"}).status == 200


def test_requests_are_validated_before_anything_is_asked(api):
    gw, kw = api.gw, {"restApiId": api.id}
    gw.create_model(**kw, name="Tag", contentType="application/json", schema='{"type": "string", "maxLength": 3}')
    gw.create_model(**kw, name="Pet", contentType="application/json", schema=json.dumps({
        "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "tag": {"$ref": f"https://apigateway.amazonaws.com/restapis/{api.id}/models/Tag"}}}))
    validator = gw.create_request_validator(**kw, name="all", validateRequestBody=True, validateRequestParameters=True)["id"]
    api.mock("/pets", "POST", template="ok", requestValidatorId=validator, requestModels={"application/json": "Pet"},
             requestParameters={"method.request.querystring.q": True, "method.request.header.X-Need": True, "method.request.querystring.maybe": False})
    api.deploy()
    good = {"X-Need": "1"}
    assert api.call("/pets?q=1", "POST", body='{"name": "a", "tag": "abc"}', headers=good).body == b"ok"
    for body in ('{"name": 1}', "{}", "not json", '{"name": "a", "tag": "abcd"}'):
        got = api.call("/pets?q=1", "POST", body=body, headers=good)
        assert (got.status, got.body, got.headers["x-amzn-ErrorType"]) == (400, b'{"message":"Invalid request body"}', "BadRequestException")
    assert api.call("/pets", "POST", body="{}", headers=good).json == {"message": "Missing required request parameters: [q]"}
    assert api.call("/pets?maybe=1", "POST", body="{}").json == {"message": "Missing required request parameters: [q, X-Need]"}


def test_a_body_over_ten_megabytes_is_refused(api):
    api.mock("/a", "POST")
    api.deploy()
    got = api.call("/a", "POST", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (got.status, got.json) == (413, {"message": "Request Too Long"})


def test_gateway_responses_are_rewritten(api):
    api.mock("/a")
    gw, kw = api.gw, {"restApiId": api.id}
    gw.put_gateway_response(**kw, responseType="MISSING_AUTHENTICATION_TOKEN", statusCode="404",
                            responseTemplates={"application/json": '{"oops": $context.error.messageString, "type": "$context.error.responseType"}'},
                            responseParameters={"gatewayresponse.header.X-A": "'b'", "gatewayresponse.header.X-Path": "context.path"})
    api.deploy()
    got = api.call("/none")
    assert (got.status, got.json) == (404, {"oops": "Missing Authentication Token", "type": "MISSING_AUTHENTICATION_TOKEN"})
    assert (got.headers["x-a"], got.headers["x-path"]) == ("b", "/dev/none")
    gw.delete_gateway_response(**kw, responseType="MISSING_AUTHENTICATION_TOKEN")
    gw.put_gateway_response(**kw, responseType="DEFAULT_4XX", responseTemplates={"application/json": "four"})
    assert gw.get_gateway_response(**kw, responseType="UNAUTHORIZED")["responseTemplates"] == {"application/json": "four"}
    assert api.call("/none").status == 404, "gateway responses are part of the deployment"
    api.deploy()
    assert (api.call("/none").status, api.call("/none").body) == (403, b"four")


def test_an_http_proxy_passes_everything_on(api, backend):
    api.method("/p/{proxy+}", "ANY", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "ANY", "uri": backend + "/base/{proxy}",
               "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy", "integration.request.header.X-Stage": "context.stage"}},
               requestParameters={"method.request.path.proxy": True})
    api.deploy()
    got = api.call("/p/a/b?x=1&x=2", "POST", body="hi", headers={"X-Mine": "yes", "Content-Type": "text/plain"})
    assert (got.status, got.headers["x-backend"]) == (200, "yes")
    said = got.json
    assert (said["method"], said["path"], said["body"]) == ("POST", "/base/a/b?x=1&x=2", "hi")
    assert (said["headers"]["X-Mine"], said["headers"]["X-Stage"], said["headers"]["X-Forwarded-Proto"]) == ("yes", "dev", "https")


def test_an_http_integration_maps_both_ways(api, backend):
    api.method("/h", "POST", integration={
        "type": "HTTP", "integrationHttpMethod": "PUT", "uri": backend + "/status/${stageVariables.code}",
        "requestTemplates": {"application/json": '{"got": $input.json(\'$.a\'), "who": "$util.escapeJavaScript($input.path(\'$.b\'))"}'},
        "requestParameters": {"integration.request.querystring.q": "method.request.querystring.from", "integration.request.header.X-Fix": "'fixed'"}},
        responses={"200": {"responseTemplates": {"application/json": "$input.path('$.body')|$input.path('$.path')|$input.path('$.headers.X-Fix')"}},
                   "500": {"selectionPattern": "5\\d{2}", "responseParameters": {"method.response.header.X-B": "integration.response.header.X-Backend"}}},
        requestParameters={"method.request.querystring.from": False})
    api.deploy(variables={"code": "200"})
    got = api.call("/h?from=me", "POST", body='{"a": [1, 2], "b": "it\'s"}')
    assert got.body.decode() == '{"got": [1,2], "who": "it\\\'s"}|/status/200?q=me|fixed'
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/variables/code", "value": "503"}])
    got = api.call("/h", "POST", body="{}")
    assert (got.status, got.headers["x-b"], json.loads(got.body)["method"]) == (500, "yes", "PUT")


def test_an_endpoint_nobody_listens_at_is_a_504(api):
    api.method("/h", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:9/"})
    api.deploy()
    got = api.call("/h")
    assert (got.status, got.json) == (504, {"message": "Network error communicating with endpoint"})


def test_binary_bodies_pass_through_a_template(api):
    api.mock("/a", "POST", request='{"statusCode": 200}', template="$util.base64Encode('ab')|$util.base64Decode('YWI=')|$util.urlEncode('a b&')|$util.urlDecode('a%20b')|$util.parseJson('{\"a\": [1]}').a[0]")
    api.deploy()
    assert api.call("/a", "POST", body="{}").body == b"YWI=|ab|a+b%26|a b|1"


def test_a_canary_takes_its_share(api):
    where = api.mock("/a", template="stable $stageVariables.v")
    api.deploy(variables={"v": "1"})
    api.gw.update_integration_response(**where, statusCode="200", patchOperations=[{"op": "replace", "path": "/responseTemplates/application~1json", "value": "canary $stageVariables.v"}])
    api.deploy(canarySettings={"percentTraffic": 100, "stageVariableOverrides": {"v": "2"}})
    assert api.call("/a").body == b"canary 2"
    def patch(*ops):
        return api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=list(ops))
    patch({"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"})
    assert api.call("/a").body == b"stable 1"
    stage = patch({"op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId"},
                  {"op": "copy", "path": "/variables", "from": "/canarySettings/stageVariableOverrides"}, {"op": "remove", "path": "/canarySettings"})
    assert "canarySettings" not in stage and stage["variables"] == {"v": "2"}
    assert api.call("/a").body == b"canary 2"


def test_a_stage_throttles_on_the_virtual_clock(api):
    api.mock("/a")
    api.deploy()
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.01"}, {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"}])
    got = [api.call("/a") for _ in range(3)]
    assert [g.status for g in got] == [200, 200, 429]
    assert (got[2].json, got[2].headers["x-amzn-ErrorType"]) == ({"message": "Too Many Requests"}, "TooManyRequestsException")
    api.cloud.advance(101)
    assert [api.call("/a").status for _ in range(2)] == [200, 429]


def test_a_cache_keeps_answers_for_their_time(api):
    api.mock("/a", template="$context.requestId", requestParameters={"method.request.querystring.q": False})
    api.gw.update_integration(restApiId=api.id, resourceId=api.place("/a"), httpMethod="GET", patchOperations=[{"op": "add", "path": "/cacheKeyParameters/method.request.querystring.q", "value": ""}])
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    assert api.gw.get_stage(restApiId=api.id, stageName="dev")["cacheClusterStatus"] == "CREATE_IN_PROGRESS"
    api.cloud.advance(minutes=5)
    assert api.gw.get_stage(restApiId=api.id, stageName="dev")["cacheClusterStatus"] == "AVAILABLE"
    assert api.call("/a").body != api.call("/a").body
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}])
    first = api.call("/a?q=1").body
    assert api.call("/a?q=1").body == first != api.call("/a?q=2").body
    assert api.call("/a?q=1&other=2").body == first
    api.cloud.advance(301)
    second = api.call("/a?q=1").body
    assert second != first
    api.gw.flush_stage_cache(restApiId=api.id, stageName="dev")
    assert api.call("/a?q=1").body != second


def test_a_method_is_tried_before_it_is_deployed(api):
    where = api.mock("/a/{id}", "POST", template="$input.params('id')|$stageVariables.v|$input.params('q')", auth="AWS_IAM")
    got = api.gw.test_invoke_method(**where, pathWithQueryString="/a/7?q=2", body="{}", stageVariables={"v": "1"})
    assert (got["status"], got["body"]) == (200, "7|1|2") and "Method completed with status: 200" in got["log"]


def test_long_answers_are_compressed_for_who_accepts_it(cloud):
    import gzip

    from .conftest import Api

    api = Api(cloud, minimumCompressionSize=20)
    api.mock("/long", template="x" * 100)
    api.mock("/short", template="x" * 10)
    api.deploy()
    got = api.call("/long", headers={"Accept-Encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip" and gzip.decompress(got.body) == b"x" * 100
    api.mock("/in", "POST", request='{"statusCode": $input.path("$.code")}')
    api.deploy()
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert api.call("/in", "POST", body=gzip.compress(b'{"code": 200}'), headers=packed).status == 200, "the template reads the opened body"
    for bad, status in ((b"nonsense", 400), (gzip.compress(b'{"code": 200}')[:-9], 400), (gzip.compress(b"x" * ((10 << 20) + 1)), 413)):
        assert api.call("/in", "POST", body=bad, headers=packed).status == status
    assert api.call("/long").body == b"x" * 100 and api.call("/short", headers={"Accept-Encoding": "gzip"}).body == b"x" * 10


def test_why_a_call_was_denied_can_be_asked(api):
    from .test_auth import signed, url, user

    api.mock("/a", auth="AWS_IAM")
    api.deploy()
    got = api.call("/a", headers=signed(api.cloud, url(api, "/a"), **user(api.cloud, {"Sid": "No", "Effect": "Deny", "Action": "execute-api:*", "Resource": "*"})))
    told = api.cloud.control(f"why/{got.headers['x-amzn-RequestId']}")
    assert got.status == 403 and told["principal"].endswith("user/u0") and "No" in json.dumps(told["why"])


def test_what_a_template_changes_in_the_document_is_shown(api):
    api.method("/echo", "POST", integration={"type": "MOCK", "requestTemplates": {"application/json": "#set($root = $input.path('$'))#set($root.statusCode = 404)$input.json('$')"}},
               responses={"200": {}, "404": {"selectionPattern": "404"}})
    api.deploy()
    assert api.call("/echo", "POST", body='{"statusCode": 200}').status == 404


def test_an_api_may_proxy_another_without_leaving_the_machine(cloud):
    from .conftest import Api

    first, second = Api(cloud), Api(cloud)
    second.mock("/inner", template="$context.path|$input.params('q')|$context.identity.userAgent")
    second.deploy()
    first.method("/outer", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"https://{second.id}.execute-api.us-east-1.amazonaws.com/dev/inner"})
    first.deploy()
    got = first.call("/outer?q=1", headers={"User-Agent": "me"})
    assert (got.status, got.body) == (200, b"/dev/inner|1|me")
    first.method("/circle", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"https://{first.id}.execute-api.us-east-1.amazonaws.com/dev/circle"})
    first.deploy()
    assert first.call("/circle").status == 504, "a circle ends"
