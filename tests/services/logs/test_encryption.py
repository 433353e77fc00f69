"""Log groups under a KMS key: the service's own permission, a key that closes, events that keep the key they came in under."""
import json

import pytest

from cloche.testing.people import refused


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def logs(cloud):
    return cloud.client("logs")


def policy(cloud, group="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
         "Resource": "*", "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:{group}"}}}]})


def put(cloud, message, group="g"):
    cloud.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": int(cloud.now * 1000), "message": message}])


def read(logs):
    return [e["message"] for e in logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]]


def test_the_keys_policy_must_let_the_service_in_for_this_group(cloud, kms, logs):
    closed, other = kms.create_key()["KeyMetadata"]["Arn"], kms.create_key(Policy=policy(cloud, "other"))["KeyMetadata"]["Arn"]
    for key in (closed, other, f"{closed[:-4]}0000"):
        assert "is not allowed to be used with Arn" in refused("InvalidParameterException", logs.create_log_group, logGroupName="g", kmsKeyId=key)
    logs.create_log_group(logGroupName="other", kmsKeyId=other)
    assert logs.describe_log_groups(logGroupNamePrefix="other")["logGroups"][0]["kmsKeyId"] == other


def test_a_disabled_key_is_not_associated(cloud, kms, logs):
    logs.create_log_group(logGroupName="g")
    key = kms.create_key(Policy=policy(cloud))["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key)
    refused("InvalidParameterException", logs.associate_kms_key, logGroupName="g", kmsKeyId=key)


def test_a_disabled_key_closes_the_group_within_five_minutes(cloud, kms, logs):
    key = kms.create_key(Policy=policy(cloud))["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="g", kmsKeyId=key)
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    put(cloud, "one")
    kms.disable_key(KeyId=key)
    assert read(logs) == ["one"]
    cloud.advance(minutes=5)
    refused("AccessDeniedException", read, logs)
    refused("AccessDeniedException", logs.filter_log_events, logGroupName="g")
    refused("AccessDeniedException", put, cloud, "two")
    kms.enable_key(KeyId=key)
    assert read(logs) == ["one"]


def test_an_event_keeps_the_key_it_came_in_under(cloud, kms, logs):
    first, second = (kms.create_key(Policy=policy(cloud))["KeyMetadata"]["Arn"] for _ in "12")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    put(cloud, "open")
    for key in (first, second):
        logs.associate_kms_key(logGroupName="g", kmsKeyId=key)
        put(cloud, key)
    logs.disassociate_kms_key(logGroupName="g")
    put(cloud, "open again")
    assert read(logs) == ["open", first, second, "open again"]
    kms.disable_key(KeyId=second)
    cloud.advance(minutes=6)
    put(cloud, "and again")
    refused("AccessDeniedException", read, logs)


def test_sizes_are_those_of_the_messages(cloud, kms, logs):
    logs.create_log_group(logGroupName="g", kmsKeyId=kms.create_key(Policy=policy(cloud))["KeyMetadata"]["Arn"])
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    put(cloud, "x" * 10)
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 36
    logs.delete_log_stream(logGroupName="g", logStreamName="s")
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 0
