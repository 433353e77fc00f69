"""Kinesis: records put and read."""
import pytest

FIRST = "shardId-000000000000"


def test_records_come_back_in_order_with_growing_numbers(streams, cloud):
    streams.make()
    put = [streams.put(f"{n}".encode(), key=f"k{n}") for n in range(20)]
    numbers = [int(p["SequenceNumber"]) for p in put]
    assert numbers == sorted(set(numbers)) and {p["ShardId"] for p in put} == {FIRST} and put[0]["EncryptionType"] == "NONE"
    answer = streams.read()
    assert [r["Data"] for r in answer["Records"]] == [f"{n}".encode() for n in range(20)] and [r["PartitionKey"] for r in answer["Records"]] == [f"k{n}" for n in range(20)]
    assert [int(r["SequenceNumber"]) for r in answer["Records"]] == numbers and answer["MillisBehindLatest"] == 0
    assert abs(answer["Records"][0]["ApproximateArrivalTimestamp"].timestamp() - (cloud.now - 1)) < 0.01


def test_a_record_put_again_is_a_second_record(streams):
    streams.make()
    one, two = streams.put(b"same"), streams.put(b"same")
    assert int(two["SequenceNumber"]) > int(one["SequenceNumber"]) and streams.data() == [b"same", b"same"]


def test_a_consumer_that_dies_before_its_checkpoint_sees_records_again(streams, cloud):
    streams.make()
    checkpoint = streams.put(b"1")["SequenceNumber"]
    streams.put(b"2")
    for _ in range(2):  # read and worked at, but the checkpoint stays where it was
        assert streams.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=checkpoint) == [b"2"]


def test_iterators_begin_where_they_say(streams, cloud):
    streams.make()
    start = cloud.now
    one = streams.put(b"1")
    cloud.advance(10)
    between = cloud.now
    cloud.advance(10)
    two = streams.put(b"2")
    latest = streams.iterator(kind="LATEST")
    assert streams.client.get_records(ShardIterator=latest)["Records"] == []
    streams.put(b"3")
    assert [r["Data"] for r in streams.client.get_records(ShardIterator=latest)["Records"]] == [b"3"]
    assert streams.data() == [b"1", b"2", b"3"]
    assert streams.data(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=two["SequenceNumber"]) == [b"2", b"3"]
    assert streams.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=one["SequenceNumber"]) == [b"2", b"3"]
    assert streams.data(kind="AT_TIMESTAMP", Timestamp=between) == [b"2", b"3"]
    assert streams.data(kind="AT_TIMESTAMP", Timestamp=start) == [b"1", b"2", b"3"]
    begin = streams.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert streams.data(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=begin) == [b"1", b"2", b"3"]


def test_a_wrong_iterator_is_refused(streams, refused, cloud):
    streams.make()
    streams.make("t")
    foreign = streams.put(name="t")["SequenceNumber"]
    assert refused("InvalidArgumentException", streams.client.get_records, ShardIterator="garbage") == "Invalid ShardIterator."
    said = refused("ResourceNotFoundException", streams.iterator, "shardId-000000000007")
    assert said == f"Shard shardId-000000000007 in stream s under account {cloud.account} does not exist"
    assert "is invalid" in refused("InvalidArgumentException", streams.iterator, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber="12345")
    refused("InvalidArgumentException", streams.iterator, kind="AT_SEQUENCE_NUMBER")
    refused("InvalidArgumentException", streams.iterator, kind="LATEST", StartingSequenceNumber=foreign)
    refused("InvalidArgumentException", streams.iterator, kind="AT_TIMESTAMP")
    said = refused("InvalidArgumentException", streams.iterator, kind="AT_TIMESTAMP", Timestamp=cloud.now + 60)
    assert said.startswith("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.")
    refused("ValidationException", streams.client.get_records, ShardIterator=streams.iterator(), Limit=10001)


def test_an_iterator_is_good_for_five_minutes(streams, refused, cloud):
    streams.make()
    iterator = streams.iterator()
    cloud.advance(299)
    after = streams.client.get_records(ShardIterator=iterator)["NextShardIterator"]
    cloud.advance(2)
    said = refused("ExpiredIteratorException", streams.client.get_records, ShardIterator=iterator)
    assert said.startswith("Iterator expired. The iterator was created at time ") and said.endswith(" which is further in the future than the tolerated delay of 300000 milliseconds.")
    assert " while right now it is " in said
    assert streams.client.get_records(ShardIterator=after)["Records"] == []


def test_a_reader_behind_is_told_how_far(streams, cloud):
    streams.make()
    streams.put(b"1")
    cloud.advance(30)
    streams.put(b"2")
    answer = streams.read(limit=1)
    assert 30_900 <= answer["MillisBehindLatest"] <= 31_100
    cloud.advance(1)
    assert streams.client.get_records(ShardIterator=answer["NextShardIterator"])["MillisBehindLatest"] == 0


def test_put_records_answers_for_each(streams, refused):
    streams.make(shards=2)
    answer = streams.client.put_records(StreamName="s", Records=[{"Data": b"a", "PartitionKey": "k", "ExplicitHashKey": "0"}, {"Data": b"b", "PartitionKey": "k", "ExplicitHashKey": str(2**127)}])
    assert answer["FailedRecordCount"] == 0 and [r["ShardId"] for r in answer["Records"]] == [FIRST, "shardId-000000000001"]
    assert streams.data() == [b"a"] and streams.data("shardId-000000000001") == [b"b"]
    refused("ValidationException", streams.client.put_records, StreamName="s", Records=[{"Data": b"", "PartitionKey": "k"}] * 501)


def test_a_shard_takes_a_thousand_records_a_second(streams, refused, cloud):
    streams.make()
    answers = [streams.client.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500) for _ in range(3)]
    assert [a["FailedRecordCount"] for a in answers] == [0, 0, 500]
    said = f"Rate exceeded for shard {FIRST} in stream s under account {cloud.account}."
    assert answers[2]["Records"][0] == {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": said}
    assert refused("ProvisionedThroughputExceededException", streams.put) == said
    cloud.advance(0.5)
    again = streams.client.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
    assert again["FailedRecordCount"] == 0
    assert len(streams.data()) == 1500


def test_a_shard_takes_a_mebibyte_a_second(streams, refused, cloud):
    streams.make()
    streams.put(b"x" * 700_000)
    refused("ProvisionedThroughputExceededException", streams.put, b"x" * 700_000)
    streams.put(b"x" * 300_000)
    cloud.advance(1)
    streams.put(b"x" * 700_000)


def test_a_shard_is_read_five_times_a_second(streams, refused, cloud):
    streams.make()
    iterator = streams.iterator()
    for _ in range(5):
        streams.client.get_records(ShardIterator=iterator)
    assert refused("ProvisionedThroughputExceededException", streams.client.get_records, ShardIterator=iterator).startswith("Rate exceeded for shard")
    cloud.advance(0.21)
    streams.client.get_records(ShardIterator=iterator)
    cloud.advance(2)
    for _ in range(5):
        streams.iterator()
    refused("ProvisionedThroughputExceededException", streams.iterator)


def test_a_shard_gives_two_mebibytes_a_second_and_ten_at_once(streams, refused, cloud):
    streams.make()
    for _ in range(12):
        streams.put(b"x" * 1_000_000)
        cloud.advance(1)
    answer = streams.read()
    assert len(answer["Records"]) == 10 and answer["MillisBehindLatest"] > 0
    cloud.advance(4)
    refused("ProvisionedThroughputExceededException", streams.client.get_records, ShardIterator=answer["NextShardIterator"])
    cloud.advance(1)
    assert len(streams.client.get_records(ShardIterator=answer["NextShardIterator"])["Records"]) == 2


def test_a_tag_of_cloches_own_takes_the_limits_away(streams):
    streams.make(Tags={"cloche:limits": "off"})
    assert [streams.client.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)["FailedRecordCount"] for _ in range(4)] == [0] * 4
    iterator = streams.iterator()
    assert all(len(streams.client.get_records(ShardIterator=iterator)["Records"]) == 2000 for _ in range(8))


def test_a_record_is_a_mebibyte_at_most_or_as_large_as_the_stream_allows(streams, refused, cloud):
    streams.make()
    said = refused("ValidationException", streams.put, b"x" * 1048577)
    assert said == "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576"
    streams.client.update_max_record_size(StreamARN=streams.arn(), MaxRecordSizeInKiB=10240)
    cloud.advance(1)
    assert streams.about()["MaxRecordSizeInKiB"] == 10240
    streams.put(b"x" * 5_000_000)
    refused("ProvisionedThroughputExceededException", streams.put, b"small")  # the shard pays for it in the seconds that follow
    cloud.advance(6)
    streams.put(b"small")
    assert [len(d) for d in streams.data()] == [5_000_000, 5]
    refused("ValidationException", streams.client.update_max_record_size, StreamARN=streams.arn(), MaxRecordSizeInKiB=10241)


def test_a_batch_is_ten_mebibytes_at_most(streams, refused):
    streams.make(shards=2)
    refused("InvalidArgumentException", streams.client.put_records, StreamName="s", Records=[{"Data": b"x" * 1_000_000, "PartitionKey": f"{n}"} for n in range(11)])


def test_dry_runs_only_say_that_they_would_succeed(streams, refused):
    streams.make()
    iterator = streams.iterator()
    refused("DryRunOperationException", streams.put, DryRun=True)
    refused("DryRunOperationException", streams.client.get_records, ShardIterator=iterator, DryRun=True)
    refused("DryRunOperationException", streams.iterator, DryRun=True)
    refused("DryRunOperationException", streams.client.put_records, StreamName="s", Records=[{"Data": b"", "PartitionKey": "k"}], DryRun=True)
    assert streams.data() == []


def test_records_and_places_survive_kill_9(process):
    one = process()
    one.control("clock", {"freeze": True})
    client = one.client("kinesis")
    client.create_stream(StreamName="s", ShardCount=1)
    one.advance(1)
    first = client.put_record(StreamName="s", Data=b"1", PartitionKey="k")["SequenceNumber"]
    one.kill()
    one.start()
    client = one.client("kinesis")
    second = client.put_record(StreamName="s", Data=b"2", PartitionKey="k")["SequenceNumber"]
    assert int(second) > int(first)
    iterator = client.get_shard_iterator(StreamName="s", ShardId=FIRST, ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first)["ShardIterator"]
    assert [r["Data"] for r in client.get_records(ShardIterator=iterator)["Records"]] == [b"2"]


@pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
def test_an_iterator_of_a_stream_that_is_gone_is_not_one_of_its_namesake(streams, refused, cloud, kind):
    streams.make()
    iterator = streams.iterator(kind=kind)
    streams.client.delete_stream(StreamName="s")
    cloud.advance(1)
    streams.make()
    refused("ResourceNotFoundException", streams.client.get_records, ShardIterator=iterator)
