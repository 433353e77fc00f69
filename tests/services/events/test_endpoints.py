"""Global endpoints. botocore signs a request to one only with the CRT; the request is told by its EndpointId here, as it is on the wire."""
import json
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"]


def test_an_endpoint_leads_to_the_bus_whose_region_is_well(cloud):
    home, other, r53 = cloud.client("events"), cloud.client("events", region="eu-west-1"), cloud.client("route53")
    check = r53.create_health_check(CallerReference="r", HealthCheckConfig={"Type": "CALCULATED", "HealthThreshold": 0, "ChildHealthChecks": []})["HealthCheck"]["Id"]
    arns = [client.create_event_bus(Name="b")["EventBusArn"] for client in (home, other)]
    queues = {}
    for region, client in (("us-east-1", home), ("eu-west-1", other)):
        sqs = cloud.client("sqs", region=region)
        policy = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})
        url = sqs.create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]
        client.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps({"source": ["my.app"]}))
        client.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "t", "Arn": f"arn:aws:sqs:{region}:{cloud.account}:q"}])
        queues[region] = (sqs, url)
    routing = {"FailoverConfig": {"Primary": {"HealthCheck": f"arn:aws:route53:::healthcheck/{check}"}, "Secondary": {"Route": "eu-west-1"}}}
    about = {"Name": "e", "RoutingConfig": routing, "ReplicationConfig": {"State": "DISABLED"}, "EventBuses": [{"EventBusArn": arn} for arn in arns]}
    assert refused(home.create_endpoint, **about | {"EventBuses": [{"EventBusArn": arns[0]}] * 2}) == "ValidationException"
    assert home.create_endpoint(**about)["State"] == "CREATING" and refused(home.create_endpoint, **about) == "ResourceAlreadyExistsException"
    found = home.describe_endpoint(Name="e")
    assert found["State"] == "ACTIVE" and found["EndpointUrl"] == f"https://{found['EndpointId']}.endpoint.events.amazonaws.com"
    assert [one["Name"] for one in home.list_endpoints()["Endpoints"]] == ["e"] and other.list_endpoints()["Endpoints"] == []

    def put(n):
        """As PutEvents with an EndpointId goes over the wire."""
        body = {"EndpointId": found["EndpointId"], "Entries": [{"Source": "my.app", "DetailType": "d", "Detail": json.dumps({"n": n}), "EventBusName": "b"}]}
        request = AWSRequest("POST", cloud.url + "/", {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents"}, data=json.dumps(body).encode())
        SigV4Auth(Credentials(cloud.account, "test"), "events", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(request.url, request.data, dict(request.headers.items()))) as answer:
            return json.load(answer)

    def got(region):
        sqs, url = queues[region]
        cloud.advance(1)
        out = []
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            out.append(json.loads(message["Body"])["detail"]["n"])
        return out

    assert put(1)["FailedEntryCount"] == 0
    assert (got("us-east-1"), got("eu-west-1")) == ([1], [])
    r53.update_health_check(HealthCheckId=check, Inverted=True)
    put(2)
    assert (got("us-east-1"), got("eu-west-1")) == ([], [2])
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    assert refused(home.update_endpoint, Name="e", ReplicationConfig={"State": "ENABLED"}) == "ValidationException"
    assert home.update_endpoint(Name="e", ReplicationConfig={"State": "ENABLED"}, RoleArn=role)["ReplicationConfig"] == {"State": "ENABLED"}
    put(3)
    assert (got("us-east-1"), got("eu-west-1")) == ([3], [3])
    home.delete_endpoint(Name="e")
    assert refused(home.describe_endpoint, Name="e") == "ResourceNotFoundException"
