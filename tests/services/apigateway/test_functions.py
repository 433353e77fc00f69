"""Functions behind REST APIs: what they are given, what their answers become, and functions that authorize."""
import base64
import json

import pytest

from ..lambda_.conftest import Bench
from .conftest import Api, call
from .test_auth import url, user

ECHO = '''import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"X-One": "1"}, "multiValueHeaders": {"X-Many": ["a", "b"]}}
'''
AS_TOLD = '''import json
def handler(event, context):
    told = json.loads(event["body"]) if isinstance(event, dict) and event.get("body") else event
    if told == "raise":
        raise ValueError("broken")
    return told
'''


def uri(arn):
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"


class Functions:
    def __init__(self, cloud):
        self.cloud, self.bench = cloud, Bench(cloud)

    def make(self, name, code, api=None):
        arn = self.bench.deploy(name, code)["FunctionArn"]
        if api:
            self.allow(name, api)
        return arn

    def allow(self, name, api, path="*"):
        self.bench.client.add_permission(FunctionName=name, StatementId="s" + api, Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
                                         SourceArn=f"arn:aws:execute-api:us-east-1:{self.cloud.account}:{api}/{path}")


def proxied(arn, **more):
    return {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri(arn), **more}


def test_a_proxy_function_is_given_the_whole_request(cloud):
    api = Api(cloud, binaryMediaTypes=["image/png"])
    functions = Functions(cloud)
    arn = functions.make("echo", ECHO, api.id)
    api.method("/pets/{id}/{rest+}", "ANY", integration=proxied(arn))
    deployment = api.deploy(variables={"color": "red"})
    got = api.call("/pets/7/a/b?q=1&q=2&r=x%20y", "POST", body='{"a": 1}', headers={"Content-Type": "application/json", "X-Mine": ["one", "two"], "User-Agent": "me"})
    assert (got.status, got.headers["x-one"], got.headers.get_all("x-many")) == (200, "1", ["a", "b"])
    event = got.json
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/pets/{id}/{rest+}", "/pets/7/a/b", "POST")
    assert (event["queryStringParameters"], event["multiValueQueryStringParameters"]) == ({"q": "2", "r": "x y"}, {"q": ["1", "2"], "r": ["x y"]})
    assert (event["pathParameters"], event["stageVariables"], event["body"], event["isBase64Encoded"]) == ({"id": "7", "rest": "a/b"}, {"color": "red"}, '{"a": 1}', False)
    assert (event["headers"]["X-Mine"], event["multiValueHeaders"]["X-Mine"]) == ("two", ["one", "two"])
    host = f"{api.id}.execute-api.us-east-1.amazonaws.com"
    assert (event["headers"]["Host"], event["headers"]["X-Forwarded-Proto"], event["headers"]["X-Forwarded-Port"], event["headers"]["X-Forwarded-For"]) == (host, "https", "443", "127.0.0.1")
    context = event["requestContext"]
    assert {k: context[k] for k in ("accountId", "apiId", "stage", "resourcePath", "httpMethod", "path", "protocol", "domainName", "domainPrefix", "deploymentId")} == {
        "accountId": cloud.account, "apiId": api.id, "stage": "dev", "resourcePath": "/pets/{id}/{rest+}", "httpMethod": "POST", "path": "/dev/pets/7/a/b", "protocol": "HTTP/1.1",
        "domainName": host, "domainPrefix": api.id, "deploymentId": deployment}
    assert (context["identity"]["sourceIp"], context["identity"]["userAgent"], context["identity"]["caller"]) == ("127.0.0.1", "me", None)
    assert context["requestId"] == got.headers["x-amzn-RequestId"] and context["requestTimeEpoch"] > 1e12 and "+0000" in context["requestTime"]
    event = api.call("/pets/7/a", "PUT", body=b"\x89PNG\xff", headers={"Content-Type": "image/png"}).json
    assert event["isBase64Encoded"] is True and base64.b64decode(event["body"]) == b"\x89PNG\xff"
    event = api.call("/pets/7/a").json
    assert [event[k] for k in ("body", "queryStringParameters", "multiValueQueryStringParameters")] == [None, None, None]


def test_only_a_well_formed_answer_of_a_proxy_function_passes(cloud):
    api = Api(cloud, binaryMediaTypes=["application/octet-stream"])
    api.method("/a", "POST", integration=proxied(Functions(cloud).make("told", AS_TOLD, api.id)))
    api.deploy()

    def say(answer, **headers):
        return api.call("/a", "POST", body=json.dumps(answer), headers=headers)

    for good, status, body in (({"statusCode": 201, "body": "x"}, 201, b"x"), ({"statusCode": 204}, 204, b""), ({"statusCode": "202", "body": None}, 202, b""),
                               ({"statusCode": 200, "headers": {"Content-Type": "text/xml"}, "body": "<a/>"}, 200, b"<a/>"), ({"statusCode": 200, "headers": None, "isBase64Encoded": False}, 200, b"")):
        got = say(good)
        assert (got.status, got.body) == (status, body), good
    assert say({"statusCode": 200, "body": "x"}).headers["content-type"] == "application/json"
    for bad in ({}, [], "text", 7, None, {"statusCode": 200, "body": {"a": 1}}, {"statusCode": "abc"}, {"statusCode": 200, "extra": 1}, {"body": "x"}, {"statusCode": 200, "headers": "x"}, "raise"):
        got = say(bad) if bad is not None else say({"statusCode": 0})
        assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (502, {"message": "Internal server error"}, "InternalServerErrorException"), bad
    packed = {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(b"\x00\xff").decode()}
    assert say(packed, Accept="application/octet-stream, text/html").body == b"\x00\xff"
    assert say(packed, Accept="text/html").body == b"AP8="
    assert say({"statusCode": 200, "headers": {"Server": "mine"}}).headers["x-amzn-Remapped-server"] == "mine"


def test_a_function_that_refuses_is_a_500_and_one_that_dawdles_a_504(cloud):
    api, functions = Api(cloud), Functions(cloud)
    arn = functions.make("told", AS_TOLD)
    slow = functions.make("slow", "import time\ndef handler(event, context):\n    time.sleep(0.7)\n", api.id)
    api.method("/refused", integration=proxied(arn))
    api.method("/slow", integration=proxied(slow, timeoutInMillis=100))
    api.deploy()
    got = api.call("/refused")
    assert (got.status, got.json) == (500, {"message": "Internal server error"})
    got = api.call("/slow")
    assert (got.status, got.json) == (504, {"message": "Endpoint request timed out"})
    functions.allow("told", api.id, "dev/GET/other")
    assert api.call("/refused").status == 500, "the permission is for another method"


def test_a_custom_integration_maps_the_request_and_chooses_by_error(cloud):
    api = Api(cloud)
    arn = Functions(cloud).make("told", "def handler(event, context):\n    if event.get('fail'):\n        raise Exception(event['fail'])\n    return {'seen': event}\n", api.id)
    api.method("/c", "POST", integration={"type": "AWS", "integrationHttpMethod": "POST", "uri": uri(arn), "requestTemplates": {"application/json": '{"fail": "$input.path(\'$.fail\')", "q": "$input.params(\'q\')"}'}},
               responses={"200": {"responseTemplates": {"application/json": "$input.json('$.seen.q')"}}, "404": {"selectionPattern": "NotFound.*", "responseTemplates": {"application/json": '{"why": "$input.path(\'$.errorMessage\')"}'}}})
    api.deploy()
    assert (api.call("/c?q=hi", "POST", body="{}").status, api.call("/c?q=hi", "POST", body="{}").body) == (200, b'"hi"')
    got = api.call("/c", "POST", body='{"fail": "NotFound: pet"}')
    assert (got.status, got.json) == (404, {"why": "NotFound: pet"})
    assert api.call("/c", "POST", body='{"fail": "other"}').status == 200, "no pattern matches: the default answers"


def test_a_custom_integration_may_leave_an_event(cloud):
    api = Api(cloud)
    arn = Functions(cloud).make("late", "def handler(event, context):\n    print('got', event['n'])\n", api.id)
    api.method("/e", "POST", integration={"type": "AWS", "integrationHttpMethod": "POST", "uri": uri(arn), "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}})
    api.deploy()
    got = api.call("/e", "POST", body='{"n": 42}')
    assert (got.status, got.body) == (200, b"")
    cloud.advance(5)
    assert any("got 42" in e["message"] for e in cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/late")["events"])


AUTHORIZER = '''import json
def handler(event, context):
    token = event.get("authorizationToken") or event["headers"].get("X-Token")
    if token == "nobody":
        raise Exception("Unauthorized")
    if token == "broken":
        raise Exception("broken")
    if token == "malformed":
        return {"principalId": "x"}
    effect = "Deny" if token == "deny" else "Allow"
    resource = event["methodArn"] if token != "all" else "arn:aws:execute-api:*:*:*"
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]},
            "context": {"n": 1, "yes": True, "s": "x", "count": COUNT()}}
calls = []
def COUNT():
    calls.append(1)
    return len(calls)
'''


@pytest.fixture
def guarded(cloud):
    api, functions = Api(cloud), Functions(cloud)
    arn = functions.make("auth", AUTHORIZER)
    functions.bench.client.add_permission(FunctionName="auth", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
                                          SourceArn=f"arn:aws:execute-api:us-east-1:{cloud.account}:{api.id}/authorizers/*")
    api.authorizer_uri = uri(arn)
    return api


def test_a_token_authorizer_answers_with_a_policy(guarded):
    api = guarded
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="TOKEN", authorizerUri=api.authorizer_uri, identitySource="method.request.header.Auth", identityValidationExpression="[a-z]+",
                                    authorizerResultTtlInSeconds=0)["id"]
    api.mock("/a", template="$context.authorizer.principalId|$context.authorizer.n|$context.authorizer.yes", auth="CUSTOM", authorizerId=auth)
    api.deploy()
    assert api.call("/a", headers={"auth": "fine"}).body == b"me|1|true"
    for headers in ({}, {"Auth": "NOT LOWER"}, {"Auth": "nobody"}):
        got = api.call("/a", headers=headers)
        assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (401, {"message": "Unauthorized"}, "UnauthorizedException")
    got = api.call("/a", headers={"Auth": "deny"})
    assert (got.status, got.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException") and got.json["Message"].startswith("User is not authorized to access this resource with an explicit deny")
    for token in ("broken", "malformed"):
        got = api.call("/a", headers={"Auth": token})
        assert (got.status, got.json) == (500, {"message": None}), token
    assert api.call("/a", headers={"Auth": "malformed"}).headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"


def test_a_token_authorizer_is_told_the_token_and_the_method(cloud):
    api, functions = Api(cloud), Functions(cloud)
    arn = functions.make("auth", "import json\ndef handler(event, context):\n    return {'principalId': 'p', 'policyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}, 'context': {'event': json.dumps(event)}}\n")
    functions.bench.client.add_permission(FunctionName="auth", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="TOKEN", authorizerUri=uri(arn), identitySource="method.request.header.Authorization")
    assert auth["authorizerResultTtlInSeconds"] == 300
    api.mock("/a/{id}", "POST", template="$context.authorizer.event", auth="CUSTOM", authorizerId=auth["id"])
    api.deploy()
    got = api.call("/a/7", "POST", body="{}", headers={"Authorization": "Bearer x.y.z"})
    assert got.json == {"type": "TOKEN", "authorizationToken": "Bearer x.y.z", "methodArn": f"arn:aws:execute-api:us-east-1:{cloud.account}:{api.id}/dev/POST/a/7"}


def test_an_authorizer_is_tried(guarded):
    gw, kw = guarded.gw, {"restApiId": guarded.id}
    auth = gw.create_authorizer(**kw, name="a", type="TOKEN", authorizerUri=guarded.authorizer_uri, identitySource="method.request.header.Auth")["id"]
    got = gw.test_invoke_authorizer(**kw, authorizerId=auth, headers={"Auth": "fine"})
    assert (got["clientStatus"], got["principalId"], json.loads(got["policy"])["Statement"][0]["Effect"]) == (200, "me", "Allow")
    assert gw.test_invoke_authorizer(**kw, authorizerId=auth, headers={})["clientStatus"] == 401


def test_an_authorizers_answer_is_kept_for_its_time_and_for_all_methods(guarded):
    api = guarded
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="REQUEST", authorizerUri=api.authorizer_uri, identitySource="method.request.header.X-Token", authorizerResultTtlInSeconds=60)["id"]
    for path in ("/a", "/b"):
        api.mock(path, template="$context.authorizer.count", auth="CUSTOM", authorizerId=auth)
    api.deploy()
    assert api.call("/a").status == 401, "no identity, no call"
    assert [api.call("/a", headers={"X-Token": "one"}).body for _ in range(2)] == [b"1", b"1"]
    assert api.call("/b", headers={"X-Token": "one"}).status == 403, "the kept policy is for /a alone"
    assert api.call("/a", headers={"X-Token": "all"}).body == api.call("/b", headers={"X-Token": "all"}).body == b"2"
    api.cloud.advance(61)
    assert api.call("/a", headers={"X-Token": "one"}).body == b"3"
    api.gw.flush_stage_authorizers_cache(restApiId=api.id, stageName="dev")
    assert api.call("/a", headers={"X-Token": "one"}).body == b"4"


def role_for(cloud, *statements):
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName="gw", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName="gw", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return arn


def test_services_are_reached_under_the_integrations_role(cloud):
    api = Api(cloud)
    queue = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    cloud.client("dynamodb").create_table(TableName="pets", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    cloud.client("s3").create_bucket(Bucket=f"bucket-{cloud.account}")
    topic = cloud.client("sns").create_topic(Name="n")["TopicArn"]
    role = role_for(cloud, {"Effect": "Allow", "Action": ["sqs:SendMessage", "dynamodb:PutItem", "dynamodb:GetItem", "s3:PutObject", "s3:GetObject", "sns:Publish"], "Resource": "*"})

    def service(target, **more):
        return {"type": "AWS", "integrationHttpMethod": more.pop("verb", "POST"), "uri": f"arn:aws:apigateway:us-east-1:{target}", "credentials": role, **more}

    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    api.method("/sqs", "POST", integration=service(f"sqs:path/{cloud.account}/q", requestParameters=form, requestTemplates={"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"}),
               responses={"200": {"responseTemplates": {"application/json": "$input.path('$.SendMessageResponse.SendMessageResult.MessageId')"}}})
    api.method("/ddb", "POST", integration=service("dynamodb:action/PutItem", requestTemplates={"application/json": '{"TableName": "pets", "Item": {"id": {"S": "$input.path(\'$.id\')"}}}'}),
               responses={"200": {}, "400": {"selectionPattern": "4\\d\\d"}})
    api.method("/ddb/{id}", "GET", integration=service("dynamodb:action/GetItem", requestTemplates={"application/json": '{"TableName": "pets", "Key": {"id": {"S": "$input.params(\'id\')"}}}'}),
               responses={"200": {"responseTemplates": {"application/json": "$input.path('$.Item.id.S')"}}})
    api.method("/s3/{key}", "PUT", integration=service(f"s3:path/bucket-{cloud.account}/{{key}}", verb="PUT", requestParameters={"integration.request.path.key": "method.request.path.key"}),
               requestParameters={"method.request.path.key": True})
    api.method("/s3/{key}", "GET", integration=service(f"s3:path/bucket-{cloud.account}/{{key}}", verb="GET", requestParameters={"integration.request.path.key": "method.request.path.key"}),
               requestParameters={"method.request.path.key": True}, responses={"200": {}, "404": {"selectionPattern": "40[34]"}})  # who may not list is told 403
    api.method("/sns", "POST", integration=service("sns:action/Publish", requestParameters={"integration.request.querystring.TopicArn": f"'{topic}'", "integration.request.querystring.Message": "method.request.body.text"}))
    api.method("/denied", "POST", integration=service("sqs:action/PurgeQueue", requestParameters={"integration.request.querystring.QueueUrl": f"'{queue}'"}),
               responses={"200": {}, "403": {"selectionPattern": "403"}})
    api.deploy()
    sent = api.call("/sqs", "POST", body='{"hello": "you & me"}')
    [message] = cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert (sent.status, sent.body.decode(), message["Body"]) == (200, message["MessageId"], '{"hello": "you & me"}')
    assert api.call("/ddb", "POST", body='{"id": "7"}').status == 200 and api.call("/ddb/7").body == b"7"
    assert api.call("/ddb", "POST", body="{}").status == 400, "an empty key"
    assert api.call("/s3/a.txt", "PUT", body="content", headers={"Content-Type": "text/plain"}).status == 200
    assert (api.call("/s3/a.txt").body, api.call("/s3/none").status) == (b"content", 404)
    assert "MessageId" in api.call("/sns", "POST", body='{"text": "hi"}').json["PublishResponse"]["PublishResult"]
    assert api.call("/denied", "POST", body="{}").status == 403


def test_an_event_bus_takes_events_from_a_template(cloud):
    api = Api(cloud)
    role = role_for(cloud, {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"})
    template = '#set($context.requestOverride.header.X-Amz-Target = "AWSEvents.PutEvents")#set($context.requestOverride.header.Content-Type = "application/x-amz-json-1.1"){"Entries": [{"Source": "me", "DetailType": "t", "Detail": "$util.escapeJavaScript($input.body)"}]}'
    api.method("/e", "POST", integration={"type": "AWS", "integrationHttpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:events:action/PutEvents", "credentials": role, "requestTemplates": {"application/json": template}})
    api.deploy()
    got = api.call("/e", "POST", body='{"a": 1}')
    if b"NotImplemented" in got.body:
        pytest.skip("EventBridge is not built yet")
    assert (got.status, got.json.get("FailedEntryCount")) == (200, 0), got.body


def test_access_logs_have_the_stages_format(cloud):
    api = Api(cloud)
    api.mock("/a")
    api.deploy()
    cloud.client("logs").create_log_group(logGroupName="access")
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:access"},
        {"op": "replace", "path": "/accessLogSettings/format", "value": "$context.httpMethod $context.resourcePath $context.status $context.identity.sourceIp $context.nothing"}])
    api.call("/a")
    api.call("/none")
    lines = [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName="access")["events"]]
    assert sorted(lines) == ["GET - 403 127.0.0.1 -", "GET /a 200 127.0.0.1 -"]


def test_the_steps_of_an_execution_are_logged_as_the_method_asks(cloud):
    api = Api(cloud)
    api.mock("/a")
    api.method("/broken", integration={"type": "MOCK", "requestTemplates": {"application/json": "nonsense"}})
    api.deploy()

    def lines():
        return [e["message"] for e in cloud.client("logs").filter_log_events(logGroupName=f"API-Gateway-Execution-Logs_{api.id}/dev")["events"]]

    def level(value):
        api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/*/*/logging/loglevel", "value": value}])

    level("INFO")
    got = api.call("/a")
    assert any(m == f"({got.headers['x-amzn-RequestId']}) Method completed with status: 200" for m in lines())
    level("ERROR")
    before = len(lines())
    api.call("/a")
    assert len(lines()) == before
    assert api.call("/broken").status == 500 and any("Unable to parse statusCode" in m for m in lines())


def test_cache_control_needs_a_permission(cloud):
    api = Api(cloud)
    api.mock("/a", template="$context.requestId", auth="AWS_IAM")
    api.deploy(cacheClusterEnabled=True)
    cloud.advance(minutes=5)
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}, {"op": "replace", "path": "/*/*/caching/unauthorizedCacheControlHeaderStrategy", "value": "FAIL_WITH_403"}])
    from .test_auth import signed

    invoke = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    plain, may = user(cloud, invoke), user(cloud, invoke, {"Effect": "Allow", "Action": "execute-api:InvalidateCache", "Resource": "*"})

    def get(who, **headers):
        return call(cloud, api.id, "/dev/a", headers={**signed(cloud, url(api, "/a"), **who), **headers})

    first = get(plain).body
    assert get(may).body == first and get(plain, **{"Cache-Control": "max-age=0"}).status == 403
    fresh = get(may, **{"Cache-Control": "max-age=0"}).body
    assert fresh != first and get(plain).body == fresh
