"""Kinesis: streams and what is said of them."""
import hashlib
import itertools

FIRST = "shardId-000000000000"


def test_a_stream_is_creating_then_active_and_deleting_then_gone(streams, cloud, refused):
    client = streams.client
    client.create_stream(StreamName="s", ShardCount=2)
    assert streams.about()["StreamStatus"] == "CREATING"
    assert refused("ResourceInUseException", client.create_stream, StreamName="s", ShardCount=1) == f"Stream s under account {cloud.account} already exists."
    assert refused("ResourceNotFoundException", streams.put) == f"Stream s under account {cloud.account} not found."
    cloud.advance(1)
    about = streams.about()
    assert about["StreamStatus"] == "ACTIVE" and about["OpenShardCount"] == 2 and about["RetentionPeriodHours"] == 24 and about["StreamARN"] == streams.arn()
    assert about["StreamModeDetails"] == {"StreamMode": "PROVISIONED"} and about["EncryptionType"] == "NONE" and about["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert about["MaxRecordSizeInKiB"] == 1024 and about["ConsumerCount"] == 0
    client.delete_stream(StreamName="s")
    assert streams.about()["StreamStatus"] == "DELETING"
    refused("ResourceInUseException", client.create_stream, StreamName="s", ShardCount=1)
    cloud.advance(1)
    assert refused("ResourceNotFoundException", streams.about) == f"Stream s under account {cloud.account} not found."
    streams.make()
    assert streams.data() == []


def test_shards_divide_all_hash_keys(streams):
    streams.make(shards=3)
    described = streams.client.describe_stream(StreamName="s")["StreamDescription"]
    assert described["HasMoreShards"] is False and [s["ShardId"] for s in described["Shards"]] == [f"shardId-{n:012d}" for n in range(3)]
    ranges = [(int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"])) for s in described["Shards"]]
    assert ranges[0][0] == 0 and ranges[-1][1] == 2**128 - 1 and all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ranges))
    assert streams.shards() == described["Shards"]


def test_the_md5_of_the_partition_key_picks_the_shard_and_an_explicit_hash_key_overrides_it(streams, refused):
    streams.make(shards=4)
    for key in ("a", "é", "k" * 256, "7"):
        at = int.from_bytes(hashlib.md5(key.encode()).digest())
        there = streams.put(key=key)["ShardId"]
        [shard] = [s for s in streams.shards() if s["ShardId"] == there]
        assert int(shard["HashKeyRange"]["StartingHashKey"]) <= at <= int(shard["HashKeyRange"]["EndingHashKey"])
    assert streams.put(ExplicitHashKey="0")["ShardId"] == FIRST
    assert streams.put(ExplicitHashKey=str(2**128 - 1))["ShardId"] == "shardId-000000000003"
    assert "must be in the range: [0, 2^128-1]" in refused("InvalidArgumentException", streams.put, ExplicitHashKey=str(2**128))


def test_a_mode_says_whether_shards_are_counted(streams, refused):
    client = streams.client
    refused("ValidationException", client.create_stream, StreamName="s")
    refused("ValidationException", client.create_stream, StreamName="s", ShardCount=1, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    streams.make(shards=None)
    about = streams.about()
    assert about["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"} and about["OpenShardCount"] == 4


def test_streams_are_listed_page_by_page(streams):
    for n in range(5):
        streams.client.create_stream(StreamName=f"s{n}", ShardCount=1)
    first = streams.client.list_streams(Limit=2)
    assert first["StreamNames"] == ["s0", "s1"] and first["HasMoreStreams"] and [s["StreamStatus"] for s in first["StreamSummaries"]] == ["CREATING", "CREATING"]
    second = streams.client.list_streams(Limit=2, NextToken=first["NextToken"])
    assert second["StreamNames"] == ["s2", "s3"]
    third = streams.client.list_streams(ExclusiveStartStreamName="s3")
    assert third["StreamNames"] == ["s4"] and third["HasMoreStreams"] is False


def test_shards_are_listed_page_by_page_and_a_token_stands_alone(streams, refused, cloud):
    streams.make(shards=5)
    first = streams.client.list_shards(StreamName="s", MaxResults=2)
    second = streams.client.list_shards(NextToken=first["NextToken"], MaxResults=2)
    third = streams.client.list_shards(NextToken=second["NextToken"])
    assert [s["ShardId"][-1] for page in (first, second, third) for s in page["Shards"]] == list("01234") and "NextToken" not in third
    refused("InvalidArgumentException", streams.client.list_shards, StreamName="s", NextToken=first["NextToken"])
    refused("InvalidArgumentException", streams.client.list_shards, NextToken="garbage")
    assert [s["ShardId"][-1] for s in streams.shards(ExclusiveStartShardId="shardId-000000000003")] == ["4"]
    limited = streams.client.describe_stream(StreamName="s", Limit=3)["StreamDescription"]
    assert limited["HasMoreShards"] and len(limited["Shards"]) == 3
    rest = streams.client.describe_stream(StreamName="s", ExclusiveStartShardId=limited["Shards"][-1]["ShardId"])["StreamDescription"]
    assert [s["ShardId"][-1] for s in rest["Shards"]] == ["3", "4"]
    cloud.advance(301)
    refused("ExpiredNextTokenException", streams.client.list_shards, NextToken=first["NextToken"])


def test_an_account_has_so_many_shards(streams, refused, cloud):
    client = cloud.client("kinesis", region="eu-north-1")
    assert client.describe_limits() | {"ResponseMetadata": 0} == {"ShardLimit": 6000, "OpenShardCount": 0, "OnDemandStreamCount": 0, "OnDemandStreamCountLimit": 50, "ResponseMetadata": 0}
    client.create_stream(StreamName="s", ShardCount=3)
    client.create_stream(StreamName="o", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    limits = client.describe_limits()
    assert limits["OpenShardCount"] == 7 and limits["OnDemandStreamCount"] == 1
    said = refused("LimitExceededException", client.create_stream, StreamName="t", ShardCount=5994)
    assert said.startswith(f"This request would exceed the shard limit for the account {cloud.account} in eu-north-1. Current shard count for the account: 7. Limit: 6000.")


def test_a_stream_is_named_or_told_by_its_arn(streams, refused):
    streams.make()
    client = streams.client
    assert client.describe_stream_summary(StreamARN=streams.arn())["StreamDescriptionSummary"]["StreamName"] == "s"
    assert client.put_record(StreamARN=streams.arn(), Data=b"x", PartitionKey="k")["ShardId"] == FIRST
    refused("InvalidArgumentException", client.describe_stream_summary)
    refused("InvalidArgumentException", client.describe_stream_summary, StreamName="t", StreamARN=streams.arn())


def test_tags_are_added_replaced_listed_and_removed(streams, refused):
    client = streams.client
    streams.make(Tags={"a": "1"})
    client.add_tags_to_stream(StreamName="s", Tags={"b": "2", "a": "3"})
    assert client.list_tags_for_stream(StreamName="s")["Tags"] == [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    page = client.list_tags_for_stream(StreamName="s", Limit=1)
    assert page["HasMoreTags"] and client.list_tags_for_stream(StreamName="s", ExclusiveStartTagKey="a")["Tags"] == [{"Key": "b", "Value": "2"}]
    client.remove_tags_from_stream(StreamName="s", TagKeys=["a", "none"])
    client.tag_resource(ResourceARN=streams.arn(), Tags={"c": ""})
    assert client.list_tags_for_resource(ResourceARN=streams.arn())["Tags"] == [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}]
    client.untag_resource(ResourceARN=streams.arn(), TagKeys=["b"])
    assert client.list_tags_for_resource(ResourceARN=streams.arn())["Tags"] == [{"Key": "c", "Value": ""}]
    refused("InvalidArgumentException", client.add_tags_to_stream, StreamName="s", Tags={str(n): "" for n in range(50)})
    refused("InvalidArgumentException", client.tag_resource, ResourceARN=streams.arn(), Tags={"aws:x": ""})
    refused("ResourceNotFoundException", client.tag_resource, ResourceARN=streams.arn("t"), Tags={"x": ""})


def test_retention_is_a_day_to_a_year_and_shorter_drops_what_is_older(streams, refused, cloud):
    client = streams.client
    streams.make()
    said = refused("InvalidArgumentException", client.increase_stream_retention_period, StreamName="s", RetentionPeriodHours=23)
    assert said.startswith("Minimum allowed retention period is 24 hours.")
    refused("InvalidArgumentException", client.increase_stream_retention_period, StreamName="s", RetentionPeriodHours=8761)
    client.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=72)
    assert streams.about()["StreamStatus"] == "UPDATING"
    said = refused("ResourceInUseException", client.decrease_stream_retention_period, StreamName="s", RetentionPeriodHours=24)
    assert said == f"Stream s under account {cloud.account} not ACTIVE, instead in state UPDATING"
    cloud.advance(1)
    assert streams.about()["RetentionPeriodHours"] == 72
    said = refused("InvalidArgumentException", client.increase_stream_retention_period, StreamName="s", RetentionPeriodHours=24)
    assert said.startswith("Requested retention period (24 hours) for the stream can not be shorter than existing retention period (72 hours)")
    refused("InvalidArgumentException", client.decrease_stream_retention_period, StreamName="s", RetentionPeriodHours=73)
    streams.put(b"old")
    cloud.advance(hours=48)
    streams.put(b"new")
    assert streams.data() == [b"old", b"new"]
    client.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=24)
    cloud.advance(1)
    assert streams.data() == [b"new"]
    client.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=72)
    cloud.advance(1)
    assert streams.data() == [b"new"]
    cloud.advance(hours=73)
    assert streams.data() == []


def test_shard_level_metrics_are_enabled_and_disabled(streams, cloud):
    client = streams.client
    streams.make()
    answer = client.enable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["IncomingRecords", "OutgoingBytes"])
    assert answer["CurrentShardLevelMetrics"] == [] and answer["DesiredShardLevelMetrics"] == ["IncomingRecords", "OutgoingBytes"] and answer["StreamARN"] == streams.arn()
    cloud.advance(1)
    streams.put(b"four")
    streams.data()
    answer = client.disable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["ALL"])
    assert answer["CurrentShardLevelMetrics"] == ["IncomingRecords", "OutgoingBytes"] and answer["DesiredShardLevelMetrics"] == []
    cloud.advance(minutes=2)
    assert streams.about()["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]

    def total(name, **dims):
        found = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Kinesis", MetricName=name, Dimensions=[{"Name": k, "Value": v} for k, v in dims.items()], StartTime=cloud.now - 600, EndTime=cloud.now, Period=600, Statistics=["Sum"])
        return sum(point["Sum"] for point in found["Datapoints"])

    assert total("IncomingRecords", StreamName="s") == 1 and total("IncomingBytes", StreamName="s") == 5 and total("GetRecords.Records", StreamName="s") == 1
    assert total("IncomingRecords", StreamName="s", ShardId=FIRST) == 1 and total("OutgoingBytes", StreamName="s", ShardId=FIRST) == 4
    assert total("IncomingBytes", StreamName="s", ShardId=FIRST) == 0


def test_warm_throughput_needs_a_commitment_that_lasts_a_day(streams, refused, cloud):
    client = streams.client
    streams.make(shards=None)
    refused("ValidationException", client.update_stream_warm_throughput, StreamName="s", WarmThroughputMiBps=8)
    assert client.describe_account_settings()["MinimumThroughputBillingCommitment"] == {"Status": "DISABLED"}
    assert client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    assert client.update_stream_warm_throughput(StreamName="s", WarmThroughputMiBps=8)["WarmThroughput"] == {"TargetMiBps": 8, "CurrentMiBps": 0}
    cloud.advance(1)
    about = streams.about()
    assert about["OpenShardCount"] == 8 and about["WarmThroughput"] == {"TargetMiBps": 8, "CurrentMiBps": 8}
    refused("InvalidArgumentException", client.update_account_settings, MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    cloud.advance(hours=25)
    assert client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})["MinimumThroughputBillingCommitment"]["Status"] == "DISABLED"
