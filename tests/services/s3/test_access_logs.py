"""Server access logs: what a line says, where it goes, and who must let it in."""
from __future__ import annotations

import re

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.testing.people import Person, allow, document

from .refusals import refused

PART = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')


@pytest.fixture
def logs(cloud, s3, bucket):
    name = f"logs-{cloud.account}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=document(allow("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal={"Service": "logging.s3.amazonaws.com"}, Condition={
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}, "StringEquals": {"aws:SourceAccount": cloud.account}})))
    return name


def enable(s3, bucket, logs, **more):
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": "log/"} | more})


def delivered(cloud, s3, logs):
    cloud.advance(hours=1)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=logs).get("Contents", ())]
    text = "".join(s3.get_object(Bucket=logs, Key=key)["Body"].read().decode() for key in keys)
    return keys, [PART.findall(line) for line in text.splitlines()]


def test_each_request_to_a_bucket_is_a_line_in_another(cloud, s3, bucket, logs):
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    enable(s3, bucket, logs)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    s3.get_object(Bucket=bucket, Key="a b")
    ann = Person(cloud, "ann")
    refused(ann.client("s3").get_object, Bucket=bucket, Key="a b")
    refused(cloud.client("s3", config=Config(signature_version=UNSIGNED)).list_objects_v2, Bucket=bucket)
    keys, lines = delivered(cloud, s3, logs)
    assert len(keys) == 1 and re.fullmatch(r"log/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", keys[0])
    owner = s3.list_buckets()["Owner"]["ID"]
    assert all(line[:2] == [owner, bucket] and re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", line[2]) and len(line) == 26 for line in lines)
    # requester, operation, key, status, error
    assert [(line[4], line[6], line[7], line[9], line[10]) for line in lines if line[6] != "REST.PUT.LOGGING_STATUS"] == [
        (owner, "REST.PUT.OBJECT", "a%20b", "200", "-"), (owner, "REST.GET.OBJECT", "a%20b", "200", "-"),
        (ann.arn, "REST.GET.OBJECT", "a%20b", "403", "AccessDenied"), ("-", "REST.GET.BUCKET", "-", "403", "AccessDenied")]
    put, got = (next(line for line in lines if line[6] == f"REST.{verb}.OBJECT") for verb in ("PUT", "GET"))
    assert (put[12], got[11], got[12]) == ("5", "5", "5")  # object size; bytes sent, object size
    assert got[8].startswith(f'"GET /{bucket}/a%20b') and got[19] == "SigV4" and got[21] == "AuthHeader" and "Boto3" in got[16]
    assert delivered(cloud, s3, logs)[0] == keys  # nothing happened since


def test_logs_may_lie_in_partitions(cloud, s3, bucket, logs):
    enable(s3, bucket, logs, TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "EventTime"}})
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetObjectKeyFormat"] == {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    s3.list_objects_v2(Bucket=bucket)
    [key], _ = delivered(cloud, s3, logs)
    assert re.fullmatch(rf"log/{cloud.account}/us-east-1/{bucket}/\d{{4}}/\d\d/\d\d/\d{{4}}(-\d\d){{5}}-[0-9A-F]{{16}}", key)


def test_the_target_must_let_the_log_service_in(cloud, s3, bucket, logs):
    s3.delete_bucket_policy(Bucket=logs)
    enable(s3, bucket, logs)
    s3.list_objects_v2(Bucket=bucket)
    assert delivered(cloud, s3, logs) == ([], [])
    s3.put_bucket_ownership_controls(Bucket=logs, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_bucket_acl(Bucket=logs, ACL="log-delivery-write")  # the older way
    s3.list_objects_v2(Bucket=bucket)
    assert len(delivered(cloud, s3, logs)[0]) == 1


def test_logging_ends_when_it_is_switched_off(cloud, s3, bucket, logs):
    enable(s3, bucket, logs)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)
    assert delivered(cloud, s3, logs) == ([], [])
    assert refused(enable, s3, bucket, "none") == ("InvalidTargetBucketForLogging", 400)
    assert refused(enable, s3, bucket, logs, TargetGrants=[{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}]) == ("InvalidRequest", 400)
