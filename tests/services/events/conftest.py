import json

import pytest
from botocore.exceptions import ClientError

ANYONE = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})


class Events:
    """Rules of the test's own with queues as targets, and the few words that tests of events need."""

    def __init__(self, cloud):
        self.cloud, self.events, self.sqs = cloud, cloud.client("events"), cloud.client("sqs")

    def queue(self, name="q", policy=ANYONE, **attributes):
        if policy:
            attributes["Policy"] = policy
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{self.cloud.account}:{name}"

    def rule(self, name="r", pattern=None, bus="default", **more):
        if pattern is not None:
            more["EventPattern"] = json.dumps(pattern)
        return self.events.put_rule(Name=name, EventBusName=bus, **more)["RuleArn"]

    def target(self, rule="r", arn=None, bus="default", id="t", **more):
        return self.events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": id, "Arn": arn, **more}])

    def put(self, source="my.app", detail_type="made", detail=None, bus="default", **more):
        return self.events.put_events(Entries=[{"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail or {}), "EventBusName": bus, **more}])["Entries"][0]

    def bodies(self, url):
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.last = messages
        return [m["Body"] for m in messages]

    def got(self, url):
        return [json.loads(body) for body in self.bodies(url)]


@pytest.fixture
def bridge(cloud):
    return Events(cloud)


@pytest.fixture
def refused():
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
    return call
