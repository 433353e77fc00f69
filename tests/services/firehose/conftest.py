"""Delivery streams made in a line, on a clock that stands still: seconds pass only when a test says so."""
import base64
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloche.testing.people import refused as refused_


@pytest.fixture(autouse=True)
def frozen(cloud):
    cloud.control("clock", {"freeze": True})
    yield
    cloud.control("clock", {"freeze": False})


class Hose:
    def __init__(self, cloud):
        self.cloud, self.client, self.s3 = cloud, cloud.client("firehose"), cloud.client("s3")
        self.bucket = f"bucket-{cloud.account}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.role = self.make_role("hose", {"Effect": "Allow", "Action": ["s3:PutObject", "lambda:InvokeFunction", "kinesis:*", "logs:PutLogEvents", "logs:CreateLogStream"], "Resource": "*"})

    def make_role(self, name, *statements, service="firehose.amazonaws.com"):
        iam = self.cloud.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        return arn

    def config(self, **more):
        return {"RoleARN": self.role, "BucketARN": f"arn:aws:s3:::{self.bucket}", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}} | more

    def make(self, name="d", source=None, **more):
        extra = {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": {"KinesisStreamARN": source, "RoleARN": self.role}} if source else {}
        self.client.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=self.config(**more), **extra)
        self.cloud.advance(1)
        return name

    def put(self, *data, name="d"):
        return [self.client.put_record(DeliveryStreamName=name, Record={"Data": d if isinstance(d, bytes) else d.encode()})["RecordId"] for d in data]

    def about(self, name="d"):
        return self.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]

    def objects(self, bucket=None):
        """{key: body} of all there is."""
        bucket = bucket or self.bucket
        keys = [o["Key"] for o in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@pytest.fixture
def hose(cloud):
    return Hose(cloud)


@pytest.fixture
def refused():
    return refused_


@pytest.fixture
def endpoint():
    """A server that takes Firehose's requests: `.got` what came, `.status` what it answers."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            said = json.loads(body)
            server.got.append((dict(self.headers), [base64.b64decode(r["data"]) for r in said["records"]]))
            answer = json.dumps({"requestId": said["requestId"], "timestamp": said["timestamp"]}).encode()
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/in"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)
