"""Functions behind an Application Load Balancer, over real HTTP."""
import base64

import pytest
from botocore.exceptions import ClientError

from .conftest import forward

ECHO = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'headers': {'content-type': 'application/json'}, 'body': json.dumps(event)}\n"


@pytest.fixture
def echo(lb):
    """A load balancer before a function that tells its event."""
    group = lb.group(TargetType="lambda")
    balancer = lb.balancer()
    lb.listener(balancer, forward(group))
    lb.function("echo", ECHO, group)
    balancer["group"] = group
    return balancer


def test_alb_lambda_target(lb, echo):
    said = lb.ask(echo, "/some/path?a=1&b=x%20y&a=2", headers={"X-Custom": "Yes", "User-Agent": "tester"})
    assert said.status == 200 and said.headers["content-type"] == "application/json"
    event = said.json
    assert event["requestContext"] == {"elb": {"targetGroupArn": echo["group"]}}
    assert event["httpMethod"] == "GET" and event["path"] == "/some/path"
    assert event["queryStringParameters"] == {"a": "2", "b": "x%20y"}
    assert event["headers"]["x-custom"] == "Yes" and event["headers"]["host"] == echo["DNSName"]
    assert event["headers"]["x-forwarded-proto"] == "http" and event["headers"]["x-forwarded-port"] == "80"
    assert event["headers"]["x-forwarded-for"] and event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert event["body"] == "" and event["isBase64Encoded"] is False


def test_a_body_is_text_for_text_and_json_and_base64_for_the_rest(lb, echo):
    plain = lb.ask(echo, "/", "POST", {"Content-Type": "application/json"}, '{"a": 1}').json
    assert plain["body"] == '{"a": 1}' and plain["isBase64Encoded"] is False
    raw = lb.ask(echo, "/", "POST", {"Content-Type": "application/octet-stream"}, b"\x00\xff").json
    assert base64.b64decode(raw["body"]) == b"\x00\xff" and raw["isBase64Encoded"] is True
    packed = lb.ask(echo, "/", "POST", {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, b"\x1f\x8b").json
    assert packed["isBase64Encoded"] is True


def test_alb_lambda_multi_value(lb, echo):
    lb.client.modify_target_group_attributes(TargetGroupArn=echo["group"], Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}])
    said = lb.ask(echo, "/?a=1&a=2", headers=[("X-Two", "one"), ("X-Two", "two")])
    event = said.json
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]} and event["multiValueHeaders"]["x-two"] == ["one", "two"]
    assert "headers" not in event and "queryStringParameters" not in event


def test_with_multi_value_headers_a_function_answers_in_them(lb):
    group = lb.group(TargetType="lambda")
    lb.client.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}])
    balancer = lb.balancer()
    lb.listener(balancer, forward(group))
    lb.function("many", "def handler(event, context):\n    return {'statusCode': 200, 'multiValueHeaders': {'Set-Cookie': ['a=1', 'b=2'], 'content-type': ['text/plain']}, 'body': 'x'}\n", group)
    assert lb.ask(balancer).headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("answer", ["'text'", "{}", "{'statusCode': 'abc'}", "{'statusCode': 200, 'body': {'a': 1}}", "1 / 0"])
def test_alb_lambda_bad_answer(lb, answer):
    group = lb.group(TargetType="lambda")
    balancer = lb.balancer()
    lb.listener(balancer, forward(group))
    lb.function("bad", f"def handler(event, context):\n    return {answer}\n", group)
    said = lb.ask(balancer)
    assert said.status == 502 and "502 Bad Gateway" in said.text and said.headers["server"] == "awselb/2.0"


def test_a_body_over_one_megabyte_is_refused(lb, echo):
    assert lb.ask(echo, "/", "POST", {"Content-Type": "text/plain"}, b"x" * (1 << 20 | 1)).status == 413


def test_alb_lambda_needs_permission(lb):
    from tests.services.lambda_.conftest import Bench
    group = lb.group(TargetType="lambda")
    arn = Bench(lb.cloud).deploy("f", ECHO)["FunctionArn"]
    with pytest.raises(ClientError) as refused:
        lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert "elasticloadbalancing principal does not have permission to invoke" in refused.value.response["Error"]["Message"]


def test_a_lambda_group_takes_one_function_and_no_network(lb):
    group = lb.group(TargetType="lambda")
    lb.function("one", ECHO, group)
    from tests.services.lambda_.conftest import Bench
    other = Bench(lb.cloud).deploy("two", ECHO)["FunctionArn"]
    with pytest.raises(ClientError, match="TooManyTargets"):
        lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": other}])
    with pytest.raises(ClientError, match="ValidationError"):
        lb.client.create_target_group(Name="bad", TargetType="lambda", Protocol="HTTP", Port=80, VpcId=lb.vpc)


def test_health_checks_of_functions_are_off_until_they_are_switched_on(lb, echo):
    health = lambda: lb.client.describe_target_health(TargetGroupArn=echo["group"])["TargetHealthDescriptions"][0]["TargetHealth"]
    assert health() == {"State": "unavailable", "Reason": "Target.HealthCheckDisabled", "Description": "Health checks are disabled for this target"}
    group = lb.client.modify_target_group(TargetGroupArn=echo["group"], HealthCheckEnabled=True, HealthCheckPath="/check")["TargetGroups"][0]
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"], group["Matcher"]) == (35, 30, {"HttpCode": "200"})
    assert health()["State"] == "initial"
    lb.cloud.advance(40)
    assert health() == {"State": "healthy"}
