"""Subscription filters into streams, and destinations for other accounts."""
import gzip
import json

import pytest
from botocore.exceptions import ClientError

from cloche.testing import people


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"]


def stream(cloud):
    """A stream, and a role with which Logs may write to it."""
    cloud.client("kinesis").create_stream(StreamName="s", ShardCount=1)
    cloud.advance(10)
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=people.trusting({"Service": "logs.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=people.document(people.allow("kinesis:PutRecord")))
    return f"arn:aws:kinesis:us-east-1:{cloud.account}:stream/s", role


def got(cloud):
    kinesis = cloud.client("kinesis")
    shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
    records = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"])["Records"]
    return [json.loads(gzip.decompress(record["Data"])) for record in records]


def test_a_destination_takes_in_other_accounts_logs_where_its_policy_lets_them(cloud):
    logs, other = cloud.client("logs"), cloud.other()
    arn, role = stream(cloud)
    assert refused(logs.put_destination, destinationName="d", targetArn=arn.replace(":kinesis:", ":sqs:"), roleArn=role) == "InvalidParameterException"
    made = logs.put_destination(destinationName="d", targetArn=arn, roleArn=role)["destination"]
    assert made["arn"] == f"arn:aws:logs:us-east-1:{cloud.account}:destination:d"
    theirs = other.client("logs")
    theirs.create_log_group(logGroupName="g")
    theirs.create_log_stream(logGroupName="g", logStreamName="l")
    subscribe = {"logGroupName": "g", "filterName": "f", "filterPattern": "ERROR", "destinationArn": made["arn"]}
    assert refused(theirs.put_subscription_filter, **subscribe) == "AccessDeniedException"
    policy = people.document({"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "logs:PutSubscriptionFilter", "Resource": made["arn"]})
    logs.put_destination_policy(destinationName="d", accessPolicy=policy)
    assert [d["accessPolicy"] for d in logs.describe_destinations(DestinationNamePrefix="d")["destinations"]] == [policy]
    theirs.put_subscription_filter(**subscribe)
    now = int(cloud.now * 1000)
    theirs.put_log_events(logGroupName="g", logStreamName="l", logEvents=[{"timestamp": now, "message": "ERROR one"}, {"timestamp": now, "message": "fine"}])
    cloud.advance(1)
    control, data = got(cloud)
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert (data["messageType"], data["owner"], data["logGroup"], [e["message"] for e in data["logEvents"]]) == ("DATA_MESSAGE", other.account, "g", ["ERROR one"])
    logs.delete_destination(destinationName="d")
    assert refused(logs.delete_destination, destinationName="d") == "ResourceNotFoundException"
    assert refused(logs.put_destination_policy, destinationName="d", accessPolicy=policy) == "ResourceNotFoundException"
