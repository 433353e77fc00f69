"""What nobody knows is refused in the words of the protocol that asked."""
from __future__ import annotations

import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def ask(cloud, service, method="POST", path="/", body=b"", **headers):
    import requests

    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    request = AWSRequest(method, cloud.url + path, headers, body)
    SigV4Auth(Credentials(cloud.account, "test"), service, "us-east-1").add_auth(request)
    return requests.request(method, cloud.url + path, headers=dict(request.headers), data=body, timeout=10)


@pytest.mark.parametrize(("service", "headers", "body", "status", "parts"), [
    ("kms", {"x_amz_target": "TrentService.Nonsense"}, b"{}", 400, ['"__type":"UnknownOperationException"']),
    ("kms", {"x_amz_target": "TrentService.ListKeys"}, b"{", 400, ['"__type":"SerializationException"']),
    ("ecs", {"x_amz_target": "AmazonEC2ContainerServiceV20141113.ListDaemons"}, b"{}", 501, ['"__type":"NotImplemented"', "ecs:ListDaemons"]),
    ("sts", {"content_type": "application/x-www-form-urlencoded"}, b"Action=Nonsense&Version=2011-06-15", 400,
     ["<Code>InvalidAction</Code>", "Could not find operation Nonsense for version 2011-06-15", "<ErrorResponse", "<RequestId>"]),
    ("ec2", {"content_type": "application/x-www-form-urlencoded"}, b"Action=Nonsense&Version=2016-11-15", 400, ["<Errors><Error><Code>InvalidAction</Code>"]),
    ("ec2", {"content_type": "application/x-www-form-urlencoded"}, b"Action=PurchaseScheduledInstances&Version=2016-11-15", 501, ["<Code>NotImplemented</Code>", "ec2:PurchaseScheduledInstances"]),
])
def test_by_body_and_header(cloud, service, headers, body, status, parts):
    answer = ask(cloud, service, body=body, **headers)
    assert answer.status_code == status
    assert all(part in answer.text for part in parts), answer.text


def test_by_path(cloud):
    lambda_ = ask(cloud, "lambda", "PATCH", "/2015-03-31/nonsense")
    assert lambda_.status_code == 404 and lambda_.headers["x-amzn-errortype"] == "UnknownOperationException" and json.loads(lambda_.text)
    s3 = ask(cloud, "s3", "PATCH", "/bucket", x_amz_content_sha256="UNSIGNED-PAYLOAD")
    assert s3.status_code == 405 and "<Error><Code>MethodNotAllowed</Code>" in s3.text
