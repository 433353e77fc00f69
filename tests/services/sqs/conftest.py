import pytest
from botocore.exceptions import ClientError


class Queues:
    """A queue of the test's own, and the few words that tests of queues need."""

    def __init__(self, cloud):
        self.cloud, self.sqs = cloud, cloud.client("sqs")

    def make(self, name="q", **attributes):
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true"} | attributes
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, url):
        return self.attribute(url, "QueueArn")

    def attribute(self, url, name):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name]).get("Attributes", {}).get(name)

    def send(self, url, body="x", **more):
        return self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)

    def receive(self, url, **more):
        return self.sqs.receive_message(**{"QueueUrl": url, "MaxNumberOfMessages": 10} | more).get("Messages", [])

    def bodies(self, url, **more):
        return [m["Body"] for m in self.receive(url, **more)]

    def delete(self, url, message):
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def queues(cloud):
    return Queues(cloud)


@pytest.fixture
def refused():
    """Call it and give back (code, message) of the refusal."""
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
    return call
