"""Requests written down: to a log group at once, to a bucket every five minutes."""
import gzip
import json

import pytest

from cloche.testing.people import refused

from ..apigateway.conftest import Api
from .conftest import contains, named, rule


@pytest.fixture
def site(cloud, waf):
    api = Api(cloud)
    api.mock("/", template="mine")
    api.deploy()
    acl = waf.acl(rule("bad", contains("attack")))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api.id}/stages/dev")
    return api, acl


def test_a_log_group_gets_a_line_for_each_request_that_the_filter_keeps(cloud, waf, site):
    api, acl = site
    logs, place = cloud.client("logs"), f"arn:aws:logs:us-east-1:{cloud.account}:log-group:aws-waf-logs-x"
    put = lambda **more: waf.client.put_logging_configuration(LoggingConfiguration={"ResourceArn": acl["ARN"], "LogDestinationConfigs": [place]} | more)
    refused("WAFLogDestinationPermissionIssueException", put)
    refused("WAFInvalidParameterException", put, LogDestinationConfigs=[place.replace("aws-waf-logs-x", "other")])
    logs.create_log_group(logGroupName="aws-waf-logs-x")
    put(RedactedFields=[{"SingleHeader": {"Name": "x-secret"}}])
    assert waf.client.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"]["LogDestinationConfigs"] == [place]
    assert [c["ResourceArn"] for c in waf.client.list_logging_configurations(Scope="REGIONAL")["LoggingConfigurations"]] == [acl["ARN"]]
    api.call("/?q=attack", headers={"x-secret": "s3cret"})
    api.call("/?q=fine")
    lines = lambda: [json.loads(e["message"]) for e in logs.filter_log_events(logGroupName="aws-waf-logs-x")["events"]]
    first, second = lines()
    assert (first["action"], first["terminatingRuleId"], first["responseCodeSent"], first["httpSourceName"], first["httpRequest"]["args"]) == ("BLOCK", "bad", 403, "APIGW", "q=attack")
    assert {h["name"].lower(): h["value"] for h in first["httpRequest"]["headers"]}["x-secret"] == "REDACTED"
    assert (second["action"], second["terminatingRuleId"]) == ("ALLOW", "Default_Action")
    assert logs.describe_log_streams(logGroupName="aws-waf-logs-x")["logStreams"][0]["logStreamName"] == "us-east-1_acl_0"
    put(LoggingFilter={"DefaultBehavior": "DROP", "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}]}]})
    api.call("/?q=fine")
    api.call("/?q=attack")
    assert [one["action"] for one in lines()] == ["BLOCK", "ALLOW", "BLOCK"]
    waf.client.delete_logging_configuration(ResourceArn=acl["ARN"])
    refused("WAFNonexistentItemException", waf.client.get_logging_configuration, ResourceArn=acl["ARN"])
    api.call("/?q=attack")
    assert len(lines()) == 3 and named(acl)


def test_a_bucket_gets_a_file_every_five_minutes(cloud, waf, site):
    api, acl = site
    bucket, s3 = f"aws-waf-logs-{cloud.account}", cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    waf.client.put_logging_configuration(LoggingConfiguration={"ResourceArn": acl["ARN"], "LogDestinationConfigs": [f"arn:aws:s3:::{bucket}"]})
    api.call("/?q=attack")
    api.call("/?q=fine")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    cloud.advance(301)
    key = s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
    assert key.startswith(f"AWSLogs/{cloud.account}/WAFLogs/us-east-1/acl/") and key.endswith(".log.gz")
    lines = [json.loads(text) for text in gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).splitlines()]
    assert [one["action"] for one in lines] == ["BLOCK", "ALLOW"]
