"""Connections, API destinations and archives in templates."""
import json

from tests.services.cloudformation.templates import outputs
from tests.services.cloudformation.test_types import deploy, gone


def test_a_template_makes_a_connection_an_api_destination_and_an_archive(cloud):
    cfn, events = cloud.client("cloudformation"), cloud.client("events")

    def body(user, days):
        return json.dumps({"Resources": {
            "C": {"Type": "AWS::Events::Connection", "Properties": {"AuthorizationType": "BASIC", "AuthParameters": {"BasicAuthParameters": {"Username": user, "Password": "p"}}}},
            "D": {"Type": "AWS::Events::ApiDestination", "Properties": {"ConnectionArn": {"Fn::GetAtt": ["C", "Arn"]}, "HttpMethod": "POST", "InvocationEndpoint": "https://example.com/*", "InvocationRateLimitPerSecond": 5}},
            "A": {"Type": "AWS::Events::Archive", "Properties": {"SourceArn": f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default", "EventPattern": {"source": ["my.app"]}, "RetentionDays": days}}},
            "Outputs": {"D": {"Value": {"Fn::GetAtt": ["D", "Arn"]}}, "S": {"Value": {"Fn::GetAtt": ["C", "SecretArn"]}}}})
    made = deploy(cfn, "e", body("ann", 3))
    found = events.describe_api_destination(Name=made["D"])
    assert found["ApiDestinationArn"] == outputs(cfn, "e")["D"] and found["InvocationRateLimitPerSecond"] == 5 and found["ApiDestinationState"] == "ACTIVE"
    assert events.describe_archive(ArchiveName=made["A"])["RetentionDays"] == 3 and outputs(cfn, "e")["S"] == events.describe_connection(Name=made["C"])["SecretArn"]
    assert deploy(cfn, "e", body("eve", 4)) == made
    assert events.describe_connection(Name=made["C"])["AuthParameters"]["BasicAuthParameters"] == {"Username": "eve"} and events.describe_archive(ArchiveName=made["A"])["RetentionDays"] == 4
    gone(cfn, "e")
    assert events.list_connections()["Connections"] == [] and events.list_archives()["Archives"] == []
