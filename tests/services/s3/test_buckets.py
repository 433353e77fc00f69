"""Buckets: names, owners, regions, and how they go."""
from __future__ import annotations

import pytest

from .refusals import refused


def test_a_bucket_is_made_found_listed_and_deleted(cloud, s3):
    name = f"made-{cloud.account}"
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [name]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    s3.delete_bucket(Bucket=name)
    assert refused(s3.head_bucket, Bucket=name) == ("404", 404)
    assert refused(s3.delete_bucket, Bucket=name) == ("NoSuchBucket", 404)
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("name", ["Upper", "ab", "a" * 64, "192.168.0.1", "-begins", "ends-", "two..dots", "xn--x", "x-s3alias", "under_score"])
def test_names_follow_the_rules(cloud, name):
    import botocore.session
    session = botocore.session.get_session()
    session.get_component("event_emitter").unregister("before-parameter-build.s3")
    from botocore.config import Config
    from botocore.handlers import validate_bucket_name
    client = cloud.client("s3", config=Config(parameter_validation=False))
    client.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    assert refused(client.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_a_name_belongs_to_the_first_in_all_accounts(cloud, s3, bucket):
    other = cloud.other().client("s3")
    assert refused(other.create_bucket, Bucket=bucket) == ("BucketAlreadyExists", 409)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.create_bucket(Bucket=bucket)  # us-east-1, by its owner: nothing happens
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    ireland = cloud.client("s3", region="eu-west-1")
    assert refused(ireland.create_bucket, Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}) == ("BucketAlreadyOwnedByYou", 409)


def test_a_bucket_is_in_the_region_of_its_constraint(cloud, s3):
    ireland = cloud.client("s3", region="eu-west-1")
    name = f"ie-{cloud.account}"
    assert refused(ireland.create_bucket, Bucket=name) == ("IllegalLocationConstraintException", 400)
    assert refused(ireland.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}) == ("IllegalLocationConstraintException", 400)
    assert refused(s3.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": "nowhere"}) == ("InvalidLocationConstraint", 400)
    ireland.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert ireland.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    ireland.put_object(Bucket=name, Key="k", Body=b"x")
    # boto3 is told where the bucket is, and goes there
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_buckets_are_listed_page_by_page(cloud, s3):
    names = sorted(f"page{i}-{cloud.account}" for i in range(5))
    for name in names:
        s3.create_bucket(Bucket=name)
    first = s3.list_buckets(MaxBuckets=3)
    rest = s3.list_buckets(MaxBuckets=3, ContinuationToken=first["ContinuationToken"])
    assert [b["Name"] for b in first["Buckets"] + rest["Buckets"]] == names and "ContinuationToken" not in rest
    assert [b["Name"] for b in s3.list_buckets(Prefix="page1")["Buckets"]] == [names[1]]


def test_a_bucket_with_anything_in_it_stays(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_object(Bucket=bucket, Key="k")
    assert refused(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)


def test_the_expected_owner_must_be_the_owner(cloud, s3, bucket):
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account)
    assert refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="999999999999") == ("AccessDenied", 403)


def test_settings_that_wait_for_a_use(s3, bucket):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "log/"}})
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetPrefix"] == "log/"
    assert refused(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "none", "TargetPrefix": ""}}) == (
        "InvalidTargetBucketForLogging", 400)
    assert refused(s3.get_bucket_replication, Bucket=bucket) == ("ReplicationConfigurationNotFoundError", 404)
