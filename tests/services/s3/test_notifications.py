"""Who is told about objects: queues, topics, functions, EventBridge."""
from __future__ import annotations

import json

import pytest

from .refusals import refused


@pytest.fixture
def queue(cloud, bucket):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:q"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
         "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}}}]})})
    return url, arn


def messages(cloud, url):
    found = []
    while batch := cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in batch:
            found.append(json.loads(message["Body"]))
            cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_queue_is_told_what_its_filter_lets_through(cloud, s3, bucket, queue):
    url, arn = queue
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]})
    [test] = messages(cloud, url)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    s3.put_object(Bucket=bucket, Key="in/a b.txt", Body=b"hello")
    s3.put_object(Bucket=bucket, Key="out/c", Body=b"hello")
    s3.delete_object(Bucket=bucket, Key="in/a b.txt")
    cloud.advance(1)
    records = [record for message in messages(cloud, url) for record in message["Records"]]
    assert [(r["eventName"], r["s3"]["object"]["key"]) for r in records] == [("ObjectCreated:Put", "in/a+b.txt"), ("ObjectRemoved:Delete", "in/a+b.txt")]
    assert (records[0]["s3"]["object"]["size"], records[0]["s3"]["bucket"]["name"], records[0]["eventSource"]) == (5, bucket, "aws:s3")
    assert records[0]["s3"]["object"]["sequencer"] < records[1]["s3"]["object"]["sequencer"]
    [kept] = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert kept["Id"] == records[0]["s3"]["configurationId"]


def test_a_destination_that_cannot_be_reached_is_refused(cloud, s3, bucket):
    def configure(**more):
        return refused(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=more)
    none = {"QueueArn": f"arn:aws:sqs:us-east-1:{cloud.account}:none", "Events": ["s3:ObjectCreated:*"]}
    assert configure(QueueConfigurations=[none]) == ("InvalidArgument", 400)
    cloud.client("sqs").create_queue(QueueName="closed")
    assert configure(QueueConfigurations=[none | {"QueueArn": f"arn:aws:sqs:us-east-1:{cloud.account}:closed"}]) == ("InvalidArgument", 400)
    assert configure(QueueConfigurations=[none | {"QueueArn": f"arn:aws:sqs:eu-west-1:{cloud.account}:q"}]) == ("InvalidArgument", 400)


def test_configurations_may_not_overlap(cloud, s3, bucket, queue):
    one = {"QueueArn": queue[1], "Events": ["s3:ObjectCreated:*"]}
    assert refused(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
        one, one | {"Events": ["s3:ObjectCreated:Put"]}]}) == ("InvalidArgument", 400)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
        one | {"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": suffix}]}}} for suffix in (".jpg", ".png")]})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_eventbridge_is_told_when_it_is_switched_on(cloud, s3, bucket):
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="bridge")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:bridge"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    cloud.advance(1)
    [event] = messages(cloud, url)
    assert (event["detail-type"], event["detail"]["object"]["key"], event["detail"]["reason"], event["resources"]) == (
        "Object Created", "k", "PutObject", [f"arn:aws:s3:::{bucket}"])


def test_a_topic_is_told(cloud, s3, bucket, queue):
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}]}))
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue[0], Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue[1]}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue[1], Attributes={"RawMessageDelivery": "true"})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:Copy"]}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    cloud.advance(1)
    found = messages(cloud, queue[0])
    assert [message.get("Event") or message["Records"][0]["eventName"] for message in found] == ["s3:TestEvent", "ObjectCreated:Copy"]


def test_kms_keys_seal_objects(cloud, s3, bucket):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(s3.put_object, Bucket=bucket, Key="n", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="11111111-2222-3333-4444-555555555555") == (
        "KMS.NotFoundException", 400)
    kms.disable_key(KeyId=key)
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("KMS.DisabledException", 400)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]})
    put = s3.put_object(Bucket=bucket, Key="m", Body=b"x" * 3_000_000)
    assert put["ServerSideEncryption"] == "aws:kms" and ":key/" in put["SSEKMSKeyId"]
