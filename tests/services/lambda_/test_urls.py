"""Function URLs: made, called through their host, closed by default."""
import http.client
import json

import pytest

from .conftest import refused

SHOW = "def handler(event, context): return event"


def call(bench, url, method="GET", path="/", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", bench.cloud.port)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": url.removeprefix("https://").rstrip("/"), "Content-Length": str(len(body or b"")), **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer, answer.read()


def opened(bench, **more):
    url = bench.client.create_function_url_config(FunctionName="f", AuthType="NONE", **more)["FunctionUrl"]
    for action in ("InvokeFunctionUrl", "InvokeFunction"):
        extra = {"FunctionUrlAuthType": "NONE"} if action == "InvokeFunctionUrl" else {"InvokedViaFunctionUrl": True}
        bench.client.add_permission(FunctionName="f", StatementId=action, Action=f"lambda:{action}", Principal="*", **extra, **({"Qualifier": more["Qualifier"]} if "Qualifier" in more else {}))
    return url


def test_a_url_is_made_described_changed_and_deleted(bench):
    bench.deploy()
    client = bench.client
    made = client.create_function_url_config(FunctionName="f", AuthType="NONE", Cors={"AllowOrigins": ["*"]})
    assert made["FunctionUrl"].startswith("https://") and made["FunctionUrl"].endswith(".lambda-url.us-east-1.on.aws/") and made["InvokeMode"] == "BUFFERED"
    refused(client.create_function_url_config, "ResourceConflictException", FunctionName="f", AuthType="NONE")
    assert client.update_function_url_config(FunctionName="f", InvokeMode="RESPONSE_STREAM")["InvokeMode"] == "RESPONSE_STREAM"
    assert client.get_function_url_config(FunctionName="f")["Cors"] == {"AllowOrigins": ["*"]}
    assert [u["FunctionUrl"] for u in client.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]] == [made["FunctionUrl"]]
    client.delete_function_url_config(FunctionName="f")
    refused(client.get_function_url_config, "ResourceNotFoundException", "The resource you requested does not exist.", FunctionName="f")
    assert call(bench, made["FunctionUrl"])[0].status == 404


def test_a_url_needs_both_permissions(bench):
    bench.deploy()
    url = bench.client.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    bench.client.add_permission(FunctionName="f", StatementId="a", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    answer, body = call(bench, url)
    assert answer.status == 403 and answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert json.loads(body) == {"Message": "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}
    bench.client.add_permission(FunctionName="f", StatementId="b", Action="lambda:InvokeFunction", Principal="*", InvokedViaFunctionUrl=True)
    assert call(bench, url)[0].status == 200


def test_the_function_sees_the_request_in_format_two(bench):
    bench.deploy(code=SHOW)
    url = opened(bench)
    answer, body = call(bench, url, "POST", "/a%20b/c?x=1&x=2&y=%26", b"hello", {"Content-Type": "text/plain", "X-Mine": "m", "Cookie": "a=1; b=2", "User-Agent": "me"})
    event = json.loads(body)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert (event["version"], event["routeKey"], event["rawPath"], event["rawQueryString"]) == ("2.0", "$default", "/a b/c", "x=1&x=2&y=%26")
    assert event["queryStringParameters"] == {"x": "1,2", "y": "&"} and event["cookies"] == ["a=1", "b=2"] and event["body"] == "hello" and event["isBase64Encoded"] is False
    assert event["headers"]["x-mine"] == "m" and event["requestContext"]["http"]["method"] == "POST" and event["requestContext"]["http"]["userAgent"] == "me"
    assert event["requestContext"]["domainName"] + "/" == url.removeprefix("https://") and event["requestContext"]["accountId"] == "anonymous"
    _, body = call(bench, url, "POST", "/", b"\xff\x00", {"Content-Type": "application/octet-stream"})
    assert json.loads(body)["body"] == "/wA=" and json.loads(body)["isBase64Encoded"] is True


@pytest.mark.parametrize(("code", "status", "body"), [
    ("return {'statusCode': 201, 'headers': {'X-A': 'b'}, 'body': 'hi', 'cookies': ['c=d']}", 201, b"hi"),
    ("return {'statusCode': 200, 'body': '/wA=', 'isBase64Encoded': True}", 200, b"\xff\x00"),
    ("return {'any': 1}", 200, b'{"any": 1}'),
    ("return 'text'", 200, b"text"),
    ("raise ValueError", 502, b'{"Message":"Internal Server Error"}'),
    ("return {'statusCode': 200, 'headers': {'a': 'b\\r\\nc: d'}}", 502, b'{"Message":"Internal Server Error"}'),
    ("return {'statusCode': 200, 'headers': {'a': '\\u2603'}, 'body': 'snow'}", 200, b"snow"),
    ("return {'statusCode': 'many', 'cookies': 7}", 502, b'{"Message":"Internal Server Error"}'),
])
def test_what_the_function_returns_becomes_the_answer(bench, code, status, body):
    bench.deploy(code=f"def handler(e, c):\n    {code}")
    answer, said = call(bench, opened(bench))
    assert (answer.status, said) == (status, body)
    if status == 201:
        assert answer.headers["x-a"] == "b" and answer.headers["set-cookie"] == "c=d"


def test_cors_is_answered_for_the_function(bench):
    bench.deploy(code="def handler(e, c): return 1")
    url = opened(bench, Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60})
    answer, _ = call(bench, url, "OPTIONS", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"})
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "https://a.example" and answer.headers["access-control-max-age"] == "60"
    assert call(bench, url, headers={"Origin": "https://a.example"})[0].headers["access-control-allow-origin"] == "https://a.example"
    assert call(bench, url, headers={"Origin": "https://b.example"})[0].headers["access-control-allow-origin"] is None


def test_a_url_with_iam_wants_a_signature(bench):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    bench.deploy(code="def handler(e, c): return e['requestContext']['authorizer']['iam']['accountId']")
    url = bench.client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    assert call(bench, url)[0].status == 403
    request = AWSRequest("GET", url, headers={"Host": url.removeprefix("https://").rstrip("/")})
    SigV4Auth(Credentials(bench.cloud.account, "test"), "lambda", "us-east-1").add_auth(request)
    answer, body = call(bench, url, headers=dict(request.headers))
    assert answer.status == 200 and body.decode() == bench.cloud.account


def test_an_alias_has_its_own_url(bench):
    bench.deploy(code="import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_FUNCTION_VERSION']", Publish=True)
    bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert call(bench, opened(bench, Qualifier="live"))[1] == b"1"
    refused(bench.client.create_function_url_config, "ValidationException", FunctionName="f", Qualifier="1", AuthType="NONE")


def test_a_streaming_url_answers_what_the_function_streams(bench):
    from cloche.engines.run import interpreters
    if interpreters.node("20") is None:
        pytest.skip("no Node.js 20 here")
    code = "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream = awslambda.HttpResponseStream.from(stream, { statusCode: 207, headers: { 'X-A': 'b' } }); stream.write('one '); stream.write('two'); stream.end(); });"
    bench.deploy(code={"index.js": code}, Runtime="nodejs20.x", Timeout=10)
    answer, body = call(bench, opened(bench, InvokeMode="RESPONSE_STREAM"))
    assert (answer.status, answer.headers["x-a"], body) == (207, "b", b"one two")


def test_a_url_has_a_name_that_browsers_resolve_by_themselves(bench):
    bench.deploy(code="def handler(e, c): return e['rawPath']")
    name = opened(bench).removeprefix("https://").split(".")[0]
    assert call(bench, f"https://{name}.lambda-url.localhost:{bench.cloud.port}/", path="/x")[1] == b"/x"
