"""Queues, tables with streams, and pipes between them under a role of their own."""
import json

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "pipes.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


class Bench:
    def __init__(self, cloud):
        self.cloud, self.pipes, self.sqs, self.iam = cloud, cloud.client("pipes"), cloud.client("sqs"), cloud.client("iam")

    def role(self, name="pipe", actions="*", trust=TRUST):
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.allow(name, actions)
        return arn

    def allow(self, name, actions):
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))

    def queue(self, name="in", **attributes):
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{self.cloud.account}:{name}"

    def make(self, source, target, name="pipe", role="", wait=True, **more):
        made = self.pipes.create_pipe(Name=name, Source=source, Target=target, RoleArn=role or self.role(name), **more)
        if wait:
            self.cloud.advance(1)
        return made

    def state(self, name="pipe"):
        told = self.pipes.describe_pipe(Name=name)
        return told["CurrentState"], told.get("StateReason", "")

    def send(self, url, *bodies, **more):
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body), **more)
        self.cloud.advance(0.1)

    def bodies(self, url):
        out = []
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]).get("Messages"):
            for message in found:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            out += [m["Body"] for m in found]
        return out

    def got(self, url):
        return [json.loads(body) for body in self.bodies(url)]

    def left(self, url):
        told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(told["ApproximateNumberOfMessages"]), int(told["ApproximateNumberOfMessagesNotVisible"])

    def table(self, name="table"):
        return self.cloud.client("dynamodb").create_table(
            TableName=name, AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}], KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})["TableDescription"]["LatestStreamArn"]

    def put(self, *keys, table="table", **more):
        for key in keys:
            self.cloud.client("dynamodb").put_item(TableName=table, Item={"p": {"S": key}, **{k: {"S": v} for k, v in more.items()}})
        self.cloud.advance(0.1)

    def function(self, name, code):
        from ..lambda_.conftest import Bench as Functions
        functions = Functions(self.cloud)
        functions.deploy(name, code)
        return f"arn:aws:lambda:us-east-1:{self.cloud.account}:function:{name}"


@pytest.fixture
def bench(cloud):
    return Bench(cloud)


@pytest.fixture
def refused():
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
    return call
