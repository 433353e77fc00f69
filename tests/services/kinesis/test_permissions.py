"""Kinesis: who may, of this account and another."""
import json

from cloche.testing.people import Person, allow

FIRST = "shardId-000000000000"


def policy(principal, actions, resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": resource}]})


def test_a_user_may_what_its_policy_names(streams, cloud, refused):
    streams.make()
    streams.make("t")
    user = Person(cloud, "u", allow(["kinesis:PutRecord", "kinesis:GetRecords", "kinesis:GetShardIterator"], streams.arn()))
    theirs = user.client("kinesis")
    theirs.put_record(StreamName="s", Data=b"x", PartitionKey="k")
    said = refused("AccessDeniedException", theirs.put_record, StreamName="t", Data=b"x", PartitionKey="k")
    assert f"{user.arn} is not authorized to perform: kinesis:PutRecord on resource: {streams.arn('t')}" in said
    iterator = theirs.get_shard_iterator(StreamName="s", ShardId=FIRST, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert [r["Data"] for r in theirs.get_records(ShardIterator=iterator)["Records"]] == [b"x"]
    refused("AccessDeniedException", theirs.get_records, ShardIterator=streams.iterator(name="t"))
    refused("AccessDeniedException", theirs.list_streams)


def test_tags_at_creation_need_their_own_permission(streams, cloud, refused):
    theirs = Person(cloud, "u", allow("kinesis:CreateStream")).client("kinesis")
    theirs.create_stream(StreamName="s", ShardCount=1)
    refused("AccessDeniedException", theirs.create_stream, StreamName="t", ShardCount=1, Tags={"a": "1"})


def test_a_streams_policy_lets_another_account_in(streams, cloud, refused):
    arn, client = streams.make(), streams.client
    other = cloud.other()
    theirs = Person(other, "u", allow("kinesis:*")).client("kinesis")
    refused("AccessDeniedException", theirs.put_record, StreamARN=arn, Data=b"x", PartitionKey="k")
    refused("ResourceNotFoundException", client.get_resource_policy, ResourceARN=arn)
    text = policy(f"arn:aws:iam::{other.account}:root", ["kinesis:PutRecord", "kinesis:DescribeStreamSummary", "kinesis:GetShardIterator", "kinesis:GetRecords"], arn)
    client.put_resource_policy(ResourceARN=arn, Policy=text)
    assert json.loads(client.get_resource_policy(ResourceARN=arn)["Policy"]) == json.loads(text)
    theirs.put_record(StreamARN=arn, Data=b"x", PartitionKey="k")
    assert theirs.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]["StreamARN"] == arn
    iterator = theirs.get_shard_iterator(StreamARN=arn, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert [r["Data"] for r in theirs.get_records(ShardIterator=iterator, StreamARN=arn)["Records"]] == [b"x"]
    client.delete_resource_policy(ResourceARN=arn)
    refused("AccessDeniedException", theirs.put_record, StreamARN=arn, Data=b"x", PartitionKey="k")
    refused("ResourceNotFoundException", client.delete_resource_policy, ResourceARN=arn)
    refused("InvalidArgumentException", client.put_resource_policy, ResourceARN=arn, Policy="{")


def test_a_consumers_policy_lets_another_account_subscribe(streams, cloud, refused):
    arn = streams.make()
    consumer = streams.client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    cloud.advance(1)
    streams.put(b"x")
    other = cloud.other()
    theirs = Person(other, "u", allow("kinesis:*")).client("kinesis")
    position = {"Type": "TRIM_HORIZON"}
    refused("AccessDeniedException", theirs.subscribe_to_shard, ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position)
    streams.client.put_resource_policy(ResourceARN=consumer, Policy=policy(f"arn:aws:iam::{other.account}:root", ["kinesis:SubscribeToShard", "kinesis:DescribeStreamConsumer"], consumer))
    assert theirs.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerName"] == "c"
    event = next(iter(theirs.subscribe_to_shard(ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position)["EventStream"]))
    assert [r["Data"] for r in event["SubscribeToShardEvent"]["Records"]] == [b"x"]
