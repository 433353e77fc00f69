"""Subscription filters to a real function."""
from __future__ import annotations

import base64
import gzip
import json
import time

import pytest

from tests.services.lambda_.conftest import Bench

CODE = """
def handler(event, context):
    print("GOT " + event["awslogs"]["data"])
"""


@pytest.fixture
def bench(cloud):
    return Bench(cloud)


def test_matching_events_reach_the_function_compressed(bench, cloud):
    logs = cloud.client("logs")
    arn = bench.deploy("sink", CODE)["FunctionArn"]
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=arn)
    bench.client.add_permission(
        FunctionName="sink", StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com", SourceArn=f"arn:aws:logs:us-east-1:{cloud.account}:log-group:g:*",
    )
    logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=arn)
    (found,) = logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"]
    assert (found["filterName"], found["filterPattern"], found["destinationArn"], found["distribution"]) == ("f", "ERROR", arn, "ByLogStream")
    now = int(cloud.now * 1000)
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": "ERROR one"}, {"timestamp": now, "message": "fine"}])
    cloud.advance(1)
    deadline, lines = time.monotonic() + 10, []
    while not lines and time.monotonic() < deadline:
        lines = [e["message"] for e in logs.filter_log_events(logGroupName="/aws/lambda/sink", filterPattern="GOT")["events"]]
    body = json.loads(gzip.decompress(base64.b64decode(lines[0].split()[1])))
    assert body["messageType"] == "DATA_MESSAGE" and body["owner"] == cloud.account and body["logGroup"] == "g" and body["logStream"] == "s" and body["subscriptionFilters"] == ["f"]
    assert [(e["timestamp"], e["message"]) for e in body["logEvents"]] == [(now, "ERROR one")]
    logs.delete_subscription_filter(logGroupName="g", filterName="f")
    assert logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"] == []
