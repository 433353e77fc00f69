"""Kinesis: shards split, merged, counted anew; capacity modes."""
FIRST = "shardId-000000000000"
HALF = str(2**127)


def test_a_split_closes_the_parent_and_opens_two_children(streams, refused, cloud):
    client = streams.client
    streams.make()
    before = streams.put(b"before")
    client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    assert streams.about()["StreamStatus"] == "UPDATING"
    said = refused("ResourceInUseException", client.split_shard, StreamName="s", ShardToSplit="shardId-000000000001", NewStartingHashKey="9")
    assert said == f"Stream s under account {cloud.account} not ACTIVE, instead in state UPDATING"
    cloud.advance(1)
    parent, low, high = streams.shards()
    assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) > int(before["SequenceNumber"]) >= int(parent["SequenceNumberRange"]["StartingSequenceNumber"])
    assert low["ParentShardId"] == high["ParentShardId"] == FIRST and "AdjacentParentShardId" not in low
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)} and high["HashKeyRange"] == {"StartingHashKey": HALF, "EndingHashKey": str(2**128 - 1)}
    assert streams.about()["OpenShardCount"] == 2
    after = streams.put(b"after", ExplicitHashKey=HALF)
    assert after["ShardId"] == high["ShardId"] and int(after["SequenceNumber"]) > int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    said = refused("InvalidArgumentException", client.split_shard, StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    assert said == f"Shard {FIRST} in stream s under account {cloud.account} has already been merged or split, and thus is not eligible for merging or splitting."


def test_a_closed_shard_is_read_to_its_end_and_names_its_children(streams, cloud):
    streams.make()
    streams.put(b"1")
    streams.put(b"2")
    streams.client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    first = streams.read(limit=1)
    assert [r["Data"] for r in first["Records"]] == [b"1"] and "ChildShards" not in first
    cloud.advance(1)
    last = streams.client.get_records(ShardIterator=first["NextShardIterator"])
    assert [r["Data"] for r in last["Records"]] == [b"2"] and "NextShardIterator" not in last
    assert [(c["ShardId"], c["ParentShards"]) for c in last["ChildShards"]] == [("shardId-000000000001", [FIRST]), ("shardId-000000000002", [FIRST])]
    assert "NextShardIterator" not in streams.read(kind="LATEST")


def test_a_closed_shard_leaves_when_its_records_have(streams, cloud, refused):
    streams.make()
    streams.put(b"1")
    cloud.advance(hours=20)
    streams.client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    cloud.advance(hours=23)
    assert len(streams.shards()) == 3
    cloud.advance(hours=2)
    assert [s["ShardId"] for s in streams.shards()] == ["shardId-000000000001", "shardId-000000000002"]
    refused("ResourceNotFoundException", streams.iterator)


def test_a_split_wants_a_key_inside_the_shard(streams, refused, cloud):
    streams.make(shards=2)
    split = streams.client.split_shard
    for key in ("0", "1", HALF, str(2**127 - 1)):
        said = refused("InvalidArgumentException", split, StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=key)
        assert said == (f"NewStartingHashKey {key} used in SplitShard() on shard {FIRST} in stream s under account {cloud.account} is not both greater than one plus the shard's "
                        f"StartingHashKey 0 and less than the shard's EndingHashKey {2**127 - 2}.")
    said = refused("ResourceNotFoundException", split, StreamName="s", ShardToSplit="shardId-000000000009", NewStartingHashKey="5")
    assert said == f"Could not find shard shardId-000000000009 in stream s under account {cloud.account}."


def test_adjacent_shards_merge_and_others_do_not(streams, refused, cloud):
    streams.make(shards=3)
    merge = streams.client.merge_shards
    said = refused("InvalidArgumentException", merge, StreamName="s", ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000002")
    assert said == f"Shards {FIRST} and shardId-000000000002 in stream s under account {cloud.account} are not an adjacent pair of shards eligible for merging"
    merge(StreamName="s", ShardToMerge="shardId-000000000001", AdjacentShardToMerge=FIRST)
    cloud.advance(1)
    child = streams.shards()[-1]
    assert child["ShardId"] == "shardId-000000000003" and (child["ParentShardId"], child["AdjacentParentShardId"]) == ("shardId-000000000001", FIRST)
    assert len(streams.open()) == 2
    assert "has already been merged or split" in refused("InvalidArgumentException", merge, StreamName="s", ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000002")


def test_a_shard_count_is_at_most_doubled_at_least_halved_and_changed_ten_times_a_day(streams, refused, cloud):
    update = streams.client.update_shard_count
    streams.make(shards=2)
    answer = update(StreamName="s", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert (answer["CurrentShardCount"], answer["TargetShardCount"], answer["StreamARN"]) == (2, 4, streams.arn())
    refused("ResourceInUseException", update, StreamName="s", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    cloud.advance(1)
    refused("LimitExceededException", update, StreamName="s", TargetShardCount=9, ScalingType="UNIFORM_SCALING")
    refused("LimitExceededException", update, StreamName="s", TargetShardCount=1, ScalingType="UNIFORM_SCALING")
    for count in (3, 5, 8, 4, 2, 3, 2, 1, 2):
        update(StreamName="s", TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        cloud.advance(1)
        open_ = sorted((int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in streams.open())
        assert [start for start, _ in open_] == [n * 2**128 // count for n in range(count)] and open_[-1][1] == 2**128 - 1
    refused("LimitExceededException", update, StreamName="s", TargetShardCount=1, ScalingType="UNIFORM_SCALING")
    cloud.advance(hours=24)
    update(StreamName="s", TargetShardCount=1, ScalingType="UNIFORM_SCALING")


def test_shards_are_filtered_by_when_they_were_open(streams, cloud):
    streams.make()
    cloud.advance(minutes=10)
    middle = cloud.now
    cloud.advance(minutes=10)
    streams.client.split_shard(StreamName="s", ShardToSplit=FIRST, NewStartingHashKey=HALF)
    cloud.advance(minutes=10)

    def ids(kind, **more):
        return [int(s["ShardId"][8:]) for s in streams.shards(ShardFilter={"Type": kind, **more})]

    assert ids("AT_LATEST") == [1, 2] and ids("AT_TRIM_HORIZON") == [0] and ids("FROM_TRIM_HORIZON") == [0, 1, 2]
    assert ids("AT_TIMESTAMP", Timestamp=middle) == [0] and ids("FROM_TIMESTAMP", Timestamp=middle) == [0, 1, 2]
    assert ids("FROM_TIMESTAMP", Timestamp=cloud.now) == [1, 2] and ids("AFTER_SHARD_ID", ShardId="shardId-000000000001") == [2]


def test_an_on_demand_stream_is_not_resharded_by_hand(streams, refused, cloud):
    streams.make(shards=None)
    for call, more in ((streams.client.split_shard, {"ShardToSplit": FIRST, "NewStartingHashKey": "5"}), (streams.client.merge_shards, {"ShardToMerge": FIRST, "AdjacentShardToMerge": "shardId-000000000001"}),
                       (streams.client.update_shard_count, {"TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"})):
        assert refused("ValidationException", call, StreamName="s", **more) == f"Request is invalid. Stream s under account {cloud.account} is in On-Demand mode."


def test_an_on_demand_stream_grows_to_twice_its_peak(streams, cloud):
    streams.make(shards=None)
    for part in range(5):
        streams.client.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": f"{part}/{n}"} for n in range(450)])
    cloud.advance(1)
    assert streams.about()["OpenShardCount"] == 8
    parents = {s["ParentShardId"] for s in streams.open()}
    assert parents == {f"shardId-{n:012d}" for n in range(4)}


def test_a_mode_is_changed_twice_a_day(streams, refused, cloud):
    change = streams.client.update_stream_mode
    streams.make(shards=3)
    for mode in ("ON_DEMAND", "PROVISIONED"):
        change(StreamARN=streams.arn(), StreamModeDetails={"StreamMode": mode})
        cloud.advance(1)
        about = streams.about()
        assert about["StreamModeDetails"] == {"StreamMode": mode} and about["OpenShardCount"] == 3
    refused("LimitExceededException", change, StreamARN=streams.arn(), StreamModeDetails={"StreamMode": "ON_DEMAND"})


def test_records_are_spread_evenly_where_keys_do_not_count(streams, refused):
    client = streams.client
    refused("InvalidArgumentException", client.create_stream, StreamName="p", ShardCount=1, RecordDistributionStrategy="AUTO")
    streams.make(shards=None, RecordDistributionStrategy="AUTO")
    assert {streams.put(key="same")["ShardId"] for _ in range(4)} == {f"shardId-{n:012d}" for n in range(4)}
    assert client.put_record(StreamName="s", Data=b"no key")["ShardId"]
    client.update_stream_record_distribution_strategy(StreamARN=streams.arn(), RecordDistributionStrategy="USER_PARTITION_KEY")
    assert len({streams.put(key="same")["ShardId"] for _ in range(4)}) == 1
    refused("ValidationException", client.put_record, StreamName="s", Data=b"no key")
