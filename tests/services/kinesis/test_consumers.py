"""Kinesis: consumers with a throughput of their own."""
import pytest
from botocore.exceptions import EventStreamError

FIRST = "shardId-000000000000"
HALF = str(2**127)


@pytest.fixture
def consumer(streams, cloud):
    """The ARN of a consumer of a stream of one shard."""
    arn = streams.make()
    made = streams.client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    cloud.advance(1)
    return made["ConsumerARN"]


def subscribe(streams, consumer, kind="TRIM_HORIZON", shard=FIRST, **more):
    return streams.client.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": kind, **more})["EventStream"]


def events(stream):
    return (one["SubscribeToShardEvent"] for one in stream)


def test_a_consumer_is_creating_then_active_and_deleting_then_gone(streams, refused, cloud):
    client, arn = streams.client, streams.make()
    made = client.register_stream_consumer(StreamARN=arn, ConsumerName="c", Tags={"a": "1"})["Consumer"]
    assert made["ConsumerStatus"] == "CREATING" and made["ConsumerARN"].startswith(f"{arn}/consumer/c:")
    refused("ResourceInUseException", client.register_stream_consumer, StreamARN=arn, ConsumerName="c")
    cloud.advance(1)
    about = client.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
    assert about["ConsumerStatus"] == "ACTIVE" and about["StreamARN"] == arn
    assert client.describe_stream_consumer(StreamARN=arn, ConsumerName="c")["ConsumerDescription"] == about
    assert streams.about()["ConsumerCount"] == 1
    assert client.list_tags_for_resource(ResourceARN=made["ConsumerARN"])["Tags"] == [{"Key": "a", "Value": "1"}]
    client.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    assert client.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]["ConsumerStatus"] == "DELETING"
    cloud.advance(1)
    refused("ResourceNotFoundException", client.describe_stream_consumer, ConsumerARN=made["ConsumerARN"])
    refused("InvalidArgumentException", client.describe_stream_consumer, StreamARN=arn)


def test_a_stream_has_twenty_consumers_at_most_and_lists_them(streams, refused):
    client, arn = streams.client, streams.make()
    for n in range(20):
        client.register_stream_consumer(StreamARN=arn, ConsumerName=f"c{n:02d}")
    refused("LimitExceededException", client.register_stream_consumer, StreamARN=arn, ConsumerName="more")
    first = client.list_stream_consumers(StreamARN=arn, MaxResults=15)
    rest = client.list_stream_consumers(StreamARN=arn, NextToken=first["NextToken"])
    assert [c["ConsumerName"] for c in first["Consumers"] + rest["Consumers"]] == [f"c{n:02d}" for n in range(20)] and "NextToken" not in rest


def test_a_stream_with_consumers_is_deleted_only_with_them(streams, consumer, refused, cloud):
    refused("ResourceInUseException", streams.client.delete_stream, StreamName="s")
    streams.client.delete_stream(StreamName="s", EnforceConsumerDeletion=True)
    cloud.advance(1)
    refused("ResourceNotFoundException", streams.client.describe_stream_consumer, ConsumerARN=consumer)


def test_records_are_pushed_as_they_come_and_the_stream_ends_after_five_minutes(streams, consumer, cloud):
    one = streams.put(b"1")
    stream = subscribe(streams, consumer)
    told = events(stream)
    first = next(told)
    assert [r["Data"] for r in first["Records"]] == [b"1"] and first["ContinuationSequenceNumber"] == one["SequenceNumber"] and first["MillisBehindLatest"] == 0
    two = streams.put(b"2")
    second = next(told)
    assert [r["Data"] for r in second["Records"]] == [b"2"] and second["ContinuationSequenceNumber"] == two["SequenceNumber"]
    cloud.advance(301)
    assert all(not e["Records"] and e["ContinuationSequenceNumber"] == two["SequenceNumber"] for e in told)
    streams.put(b"3")
    third = next(events(subscribe(streams, consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=two["SequenceNumber"])))
    assert [r["Data"] for r in third["Records"]] == [b"3"]


def test_latest_tells_first_where_it_stands(streams, consumer):
    streams.put(b"1")
    told = events(subscribe(streams, consumer, "LATEST"))
    assert next(told)["Records"] == []
    streams.put(b"2")
    assert [r["Data"] for r in next(told)["Records"]] == [b"2"]


def test_a_second_subscription_within_five_seconds_is_refused_and_later_takes_over(streams, consumer, refused, cloud):
    first = subscribe(streams, consumer)
    told = events(first)
    next(told)
    said = refused("ResourceInUseException", streams.client.subscribe_to_shard, ConsumerARN=consumer, ShardId=FIRST, StartingPosition={"Type": "LATEST"})
    assert said == f"Another active subscription exists for this consumer: {cloud.account}:s:{FIRST}:c"
    cloud.advance(6)
    second = events(subscribe(streams, consumer, "LATEST"))
    next(second)
    with pytest.raises(EventStreamError, match="ResourceInUseException"):
        list(told)
    streams.put(b"x")
    assert [r["Data"] for r in next(second)["Records"]] == [b"x"]


def test_a_subscription_to_a_closed_shard_ends_with_its_children(streams, consumer, cloud):
    streams.put(b"1")
    told = events(subscribe(streams, consumer))
    next(told)
    streams.client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    last = list(told)[-1]
    assert [c["ShardId"] for c in last["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]


def test_fan_out_is_beside_the_shared_reads(streams, consumer, cloud):
    iterator = streams.iterator()
    for _ in range(5):
        streams.client.get_records(ShardIterator=iterator)
    streams.put(b"1")
    assert [r["Data"] for r in next(events(subscribe(streams, consumer)))["Records"]] == [b"1"]


def test_a_subscription_wants_an_active_consumer_and_a_shard(streams, consumer, refused):
    refused("ResourceNotFoundException", streams.client.subscribe_to_shard, ConsumerARN=consumer, ShardId="shardId-000000000005", StartingPosition={"Type": "LATEST"})
    refused("ResourceNotFoundException", streams.client.subscribe_to_shard, ConsumerARN=consumer[:-1] + "1", ShardId=FIRST, StartingPosition={"Type": "LATEST"})
    young = streams.client.register_stream_consumer(StreamARN=streams.arn(), ConsumerName="young")["Consumer"]["ConsumerARN"]
    refused("ResourceInUseException", streams.client.subscribe_to_shard, ConsumerARN=young, ShardId=FIRST, StartingPosition={"Type": "LATEST"})
    refused("DryRunOperationException", streams.client.subscribe_to_shard, ConsumerARN=consumer, ShardId=FIRST, StartingPosition={"Type": "LATEST"}, DryRun=True)
