import http.server
import json
import threading

import pytest
from botocore.exceptions import ClientError


class Topics:
    """Topics of the test's own, and the few words that tests of topics need."""

    def __init__(self, cloud):
        self.cloud, self.sns, self.sqs = cloud, cloud.client("sns"), cloud.client("sqs")

    def make(self, name="t", **attributes):
        if name.endswith(".fifo"):
            attributes = {"FifoTopic": "true"} | attributes
        return self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]

    def queue(self, name="q", open_to_sns=True, **attributes):
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true"} | attributes
        if open_to_sns:
            attributes["Policy"] = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{self.cloud.account}:{name}"

    def subscribe(self, topic, endpoint, protocol="sqs", **attributes):
        return self.sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"]

    def bodies(self, url):
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [m["Body"] for m in messages]

    def notices(self, url):
        return [json.loads(body) for body in self.bodies(url)]


@pytest.fixture
def topics(cloud):
    return Topics(cloud)


@pytest.fixture
def refused():
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
    return call


@pytest.fixture
def endpoint():
    """A web server that writes down what it is sent: `.got` is [(headers, body)], `.status` what it answers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            server.got.append((dict(self.headers), body))
            self.send_response(server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
