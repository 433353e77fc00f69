"""Compressed requests, as CloudWatch's clients send them: any service opens them, after their signature was checked."""
from __future__ import annotations

import gzip

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def compressing(cloud, service, operation, pack=gzip.compress):
    client = cloud.client(service, config=Config())  # one of its own: the hook below stays on it

    def squeeze(request, **_):
        from botocore.utils import percent_encode_sequence

        body = percent_encode_sequence(request.data) if isinstance(request.data, dict) else request.data
        request.data = pack(body if isinstance(body, bytes) else body.encode())
        request.headers["Content-Encoding"] = "gzip"

    client.meta.events.register_first(f"before-sign.{service}.{operation}", squeeze)
    return client


def test_a_compressed_json_request_is_read(cloud):
    cloud.client("logs").create_log_group(logGroupName="g")
    found = compressing(cloud, "logs", "DescribeLogGroups").describe_log_groups(logGroupNamePrefix="g")["logGroups"]
    assert [g["logGroupName"] for g in found] == ["g"]


def test_gzips_may_follow_one_another(cloud):
    cloud.client("logs").create_log_group(logGroupName="g")
    found = compressing(cloud, "logs", "DescribeLogGroups", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])).describe_log_groups(logGroupNamePrefix="g")["logGroups"]
    assert [g["logGroupName"] for g in found] == ["g"]


def test_a_compressed_query_is_read(cloud):
    assert compressing(cloud, "sts", "GetCallerIdentity").get_caller_identity()["Account"] == cloud.account


def test_what_is_not_gzip_is_refused(cloud):
    with pytest.raises(ClientError) as error:
        compressing(cloud, "logs", "DescribeLogGroups", lambda body: b"nonsense").describe_log_groups()
    assert error.value.response["Error"]["Code"] == "SerializationException"


def test_a_bomb_is_refused(cloud):
    with pytest.raises(ClientError) as error:
        compressing(cloud, "logs", "DescribeLogGroups", lambda body: gzip.compress(b"\0" * (65 << 20), 9)).describe_log_groups()
    assert error.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
