"""REQUEST authorizers: what they are told, and what counts as the caller's identity."""
import json

from .conftest import Api
from .test_apis import refused
from .test_functions import Functions, uri

TELLS = '''import json
def handler(event, context):
    print(json.dumps(event))
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}]},
            "context": {"event": json.dumps(event)}}
'''


def asking(cloud, sources, ttl=0):
    api, functions = Api(cloud), Functions(cloud)
    arn = functions.make("auth", TELLS)
    functions.bench.client.add_permission(FunctionName="auth", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    more = {"identitySource": sources} if sources else {}
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="REQUEST", authorizerUri=uri(arn), authorizerResultTtlInSeconds=ttl, **more)["id"]
    api.mock("/a/{id}", template="$context.authorizer.event", auth="CUSTOM", authorizerId=auth)
    api.deploy(variables={"color": "red"})
    return api


def calls(cloud):
    try:
        events = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/auth")["events"]
    except cloud.client("logs").exceptions.ResourceNotFoundException:
        return 0
    return sum('"methodArn"' in one["message"] for one in events)


def test_it_is_told_the_whole_request_without_its_body(cloud):
    api = asking(cloud, None)
    event = json.loads(api.call("/a/7?q=1&q=2", headers={"X-H": "v"}).body)
    assert event["type"] == "REQUEST" and event["methodArn"] == f"arn:aws:execute-api:us-east-1:{cloud.account}:{api.id}/dev/GET/a/7"
    assert (event["resource"], event["path"], event["httpMethod"], event["pathParameters"], event["stageVariables"]) == ("/a/{id}", "/a/7", "GET", {"id": "7"}, {"color": "red"})
    assert event["headers"]["X-H"] == "v" and event["queryStringParameters"] == {"q": "2"} and event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["requestContext"]["stage"] == "dev" and event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1" and "body" not in event


def test_a_missing_source_of_identity_is_a_401_without_a_call(cloud):
    api = asking(cloud, "method.request.header.X-H,method.request.querystring.q,stageVariables.color,context.identity.sourceIp")
    assert api.call("/a/7?q=1", headers={"X-H": "v"}).status == 200
    before = calls(cloud)
    for path, headers in (("/a/7?q=1", {}), ("/a/7", {"X-H": "v"}), ("/a/7?q=", {"X-H": "v"})):
        got = api.call(path, headers=headers)
        assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (401, {"message": "Unauthorized"}, "UnauthorizedException")
    api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "remove", "path": "/variables/color"}])
    assert api.call("/a/7?q=1", headers={"X-H": "v"}).status == 401
    assert calls(cloud) == before == 1


def test_an_answer_is_kept_300_seconds_if_nothing_else_is_said(cloud):
    api = asking(cloud, "method.request.header.X-H", ttl=300)
    [one] = api.gw.get_authorizers(restApiId=api.id)["items"]
    assert api.gw.update_authorizer(restApiId=api.id, authorizerId=one["id"], patchOperations=[{"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": "3600"}])["authorizerResultTtlInSeconds"] == 3600
    made = api.gw.create_authorizer(restApiId=api.id, name="b", type="REQUEST", authorizerUri=one["authorizerUri"], identitySource="method.request.header.X-H")
    assert made["authorizerResultTtlInSeconds"] == 300
    refused(api.gw.create_authorizer, "BadRequestException", None, restApiId=api.id, name="c", type="REQUEST", authorizerUri=one["authorizerUri"], authorizerResultTtlInSeconds=3601)
    refused(api.gw.create_authorizer, "BadRequestException", None, restApiId=api.id, name="c", type="REQUEST", authorizerUri=one["authorizerUri"])
    for _ in range(2):
        assert api.call("/a/1", headers={"X-H": "v"}).status == 200
    assert calls(cloud) == 1
    assert api.call("/a/1", headers={"X-H": "w"}).status == 200 and calls(cloud) == 2, "another identity is asked about anew"
    cloud.advance(299)
    assert api.call("/a/1", headers={"X-H": "v"}).status == 200 and calls(cloud) == 2
    cloud.advance(2)
    assert api.call("/a/1", headers={"X-H": "v"}).status == 200 and calls(cloud) == 3
