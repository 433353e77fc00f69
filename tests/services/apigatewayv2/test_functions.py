"""Functions behind HTTP APIs: payload formats, inference, authorizers, and AWS operations."""
import base64
import json

from ..apigateway.test_functions import AS_TOLD, Functions, role_for, uri
from .test_http_apis import Api

ECHO = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps(event), 'cookies': ['a=1', 'b=2'], 'headers': {'X-One': '1', 'content-type': 'application/json'}}\n"


def function(api, key, arn, version="2.0", route=None):
    it = api.gw.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion=version)["IntegrationId"]
    return api.gw.create_route(ApiId=api.id, RouteKey=key, Target=f"integrations/{it}", **(route or {}))["RouteId"]


def test_payload_2_is_given_and_cookies_are_set(cloud):
    api = Api(cloud, stage="dev")
    arn = Functions(cloud).make("echo", ECHO, api.id)
    function(api, "POST /pets/{id}", arn)
    api.gw.update_stage(ApiId=api.id, StageName="dev", StageVariables={"v": "1"})
    got = api.call("/dev/pets/7?q=1&q=2&r=x%20y", "POST", body='{"a": 1}', headers={"Content-Type": "application/json", "Cookie": "c=1; d=2", "X-Mine": ["one", "two"], "User-Agent": "me"})
    assert (got.status, got.headers["x-one"], got.headers.get_all("set-cookie")) == (200, "1", ["a=1", "b=2"])
    event = got.json
    assert (event["version"], event["routeKey"], event["rawPath"], event["rawQueryString"]) == ("2.0", "POST /pets/{id}", "/dev/pets/7", "q=1&q=2&r=x%20y")
    assert (event["cookies"], event["queryStringParameters"], event["pathParameters"], event["stageVariables"]) == (["c=1", "d=2"], {"q": "1,2", "r": "x y"}, {"id": "7"}, {"v": "1"})
    assert (event["headers"]["x-mine"], event["headers"]["x-forwarded-proto"], "cookie" in event["headers"], event["body"], event["isBase64Encoded"]) == ("one,two", "https", False, '{"a": 1}', False)
    context = event["requestContext"]
    assert context["http"] == {"method": "POST", "path": "/dev/pets/7", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "me"}
    assert (context["routeKey"], context["stage"], context["apiId"], context["accountId"], context["domainPrefix"]) == ("POST /pets/{id}", "dev", api.id, cloud.account, api.id)
    assert "authorizer" not in context and context["timeEpoch"] > 1e12
    function(api, "GET /plain", arn)
    event = api.call("/dev/plain").json
    assert not {"cookies", "queryStringParameters", "pathParameters", "body"} & event.keys()
    function(api, "PUT /form", arn)
    event = api.call("/dev/form", "PUT", body="a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}).json
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, b"a=1")


def test_payload_1_is_given(cloud):
    api = Api(cloud)
    arn = Functions(cloud).make("echo", ECHO.replace("'cookies': ['a=1', 'b=2'], ", "'multiValueHeaders': {'X-Many': ['a', 'b']}, "), api.id)
    function(api, "ANY /pets/{proxy+}", arn, "1.0")
    got = api.call("/pets/a/b?q=1&q=2")
    event = got.json
    assert got.headers.get_all("x-many") == ["a", "b"]
    assert (event["version"], event["resource"], event["path"], event["httpMethod"], event["pathParameters"]) == ("1.0", "/pets/{proxy+}", "/pets/a/b", "GET", {"proxy": "a/b"})
    assert (event["queryStringParameters"], event["multiValueQueryStringParameters"], event["body"]) == ({"q": "2"}, {"q": ["1", "2"]}, None)
    assert (event["requestContext"]["resourceId"], event["requestContext"]["stage"]) == ("ANY /pets/{proxy+}", "$default")


def test_what_has_no_status_is_the_body_of_a_200(cloud):
    api = Api(cloud)
    arn = Functions(cloud).make("told", AS_TOLD, api.id)
    function(api, "POST /new", arn)
    function(api, "POST /old", arn, "1.0")

    def say(answer, path="/new"):
        return api.call(path, "POST", body=json.dumps(answer), headers={"Content-Type": "application/json"})

    got = say({"hello": "you"})
    assert (got.status, got.json, got.headers["content-type"]) == (200, {"hello": "you"}, "application/json")
    assert (say("text").body, say({"statusCode": 201, "body": "x"}).status) == (b"text", 201)
    assert say({"statusCode": 200, "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True}).body == b"\x00\xff"
    for bad in (say("raise"), say({"statusCode": "abc"}), say({"hello": 1}, "/old"), say({"statusCode": 200, "body": {}}, "/old")):
        assert (bad.status, bad.json) == (500, {"message": "Internal Server Error"})
    other = Api(cloud)
    function(other, "POST /new", arn)
    assert other.call("/new", "POST", body="1").status == 500, "the function's policy names another API"


def test_a_function_authorizes_with_a_yes_or_a_policy(cloud):
    api, functions = Api(cloud), Functions(cloud)
    code = "def handler(event, context):\n    token = event['identitySource'][0]\n    if token == 'broken':\n        raise Exception(token)\n    return {'isAuthorized': token == 'yes', 'context': {'who': 'ann', 'n': 1}}\n"
    arn = functions.make("auth", code)
    functions.allow("auth", api.id, "authorizers/*")
    echo = functions.make("echo", ECHO, api.id)
    auth = api.gw.create_authorizer(ApiId=api.id, Name="s", AuthorizerType="REQUEST", AuthorizerUri=uri(arn), AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True,
                                    IdentitySource=["$request.header.Authorization"])["AuthorizerId"]
    function(api, "GET /a", echo, route={"AuthorizationType": "CUSTOM", "AuthorizerId": auth})
    assert api.call("/a", headers={"Authorization": "yes"}).json["requestContext"]["authorizer"] == {"lambda": {"who": "ann", "n": 1}}
    for headers, status, message in (({}, 401, "Unauthorized"), ({"Authorization": "no"}, 403, "Forbidden"), ({"Authorization": "broken"}, 500, "Internal Server Error")):
        got = api.call("/a", headers=headers)
        assert (got.status, got.json) == (status, {"message": message})
    policy = "def handler(event, context):\n    return {'principalId': 'p', 'policyDocument': {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow' if event['authorizationToken'] == 'yes' else 'Deny', 'Action': 'execute-api:Invoke', 'Resource': event['methodArn']}]}}\n"
    arn = functions.make("old", policy)
    functions.allow("old", api.id, "authorizers/*")
    auth = api.gw.create_authorizer(ApiId=api.id, Name="p", AuthorizerType="REQUEST", AuthorizerUri=uri(arn), AuthorizerPayloadFormatVersion="1.0", IdentitySource=["$request.querystring.t"],
                                    AuthorizerResultTtlInSeconds=60)["AuthorizerId"]
    function(api, "GET /b", echo, route={"AuthorizationType": "CUSTOM", "AuthorizerId": auth})
    assert (api.call("/b?t=yes").status, api.call("/b?t=no").status, api.call("/b").status) == (200, 403, 401)


def test_aws_operations_are_first_class(cloud):
    api = Api(cloud)
    queue = cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    role = role_for(cloud, {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"})
    it = api.gw.create_integration(ApiId=api.id, IntegrationType="AWS_PROXY", IntegrationSubtype="SQS-SendMessage", PayloadFormatVersion="1.0", CredentialsArn=role,
                                   RequestParameters={"QueueUrl": queue, "MessageBody": "$request.body.text"})["IntegrationId"]
    api.gw.create_route(ApiId=api.id, RouteKey="POST /q", Target=f"integrations/{it}")
    got = api.call("/q", "POST", body='{"text": "hi"}')
    [message] = cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert (got.status, got.json["MessageId"], message["Body"]) == (200, message["MessageId"], "hi")
