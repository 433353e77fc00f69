"""Global tables: one table in several regions."""
import pytest

from .conftest import item


@pytest.fixture
def regions(cloud, ddb, make):
    """The table, with a replica in eu-west-1; clients of both regions."""
    make()
    ddb.put_item(TableName="table", Item=item("early"))
    ddb.update_table(TableName="table", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    cloud.advance(1)
    return ddb, cloud.client("dynamodb", region="eu-west-1")


def keys(client):
    return sorted(i["p"]["S"] for i in client.scan(TableName="table")["Items"])


def test_a_replica_begins_with_what_is_there_and_writes_go_both_ways(regions):
    here, there = regions
    assert keys(there) == ["early"]
    here.put_item(TableName="table", Item=item("a"))
    there.put_item(TableName="table", Item=item("b"))
    there.update_item(TableName="table", Key=item("a"), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"S": "theirs"}})
    here.delete_item(TableName="table", Key=item("early"))
    assert keys(here) == keys(there) == ["a", "b"]
    assert here.get_item(TableName="table", Key=item("a"))["Item"] == item("a", x="theirs")


def test_each_region_describes_the_others(regions):
    here, there = regions
    mine, theirs = here.describe_table(TableName="table")["Table"], there.describe_table(TableName="table")["Table"]
    assert mine["Replicas"] == [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}] and theirs["Replicas"] == [{"RegionName": "us-east-1", "ReplicaStatus": "ACTIVE"}]
    assert mine["GlobalTableVersion"] == "2019.11.21" and mine["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert ":eu-west-1:" in theirs["TableArn"] and theirs["ItemCount"] == 1


def test_a_third_region_joins_and_one_leaves(regions, cloud, refuses):
    here, there = regions
    there.update_table(TableName="table", ReplicaUpdates=[{"Create": {"RegionName": "ap-south-1"}}])
    cloud.advance(1)
    third = cloud.client("dynamodb", region="ap-south-1")
    third.put_item(TableName="table", Item=item("far"))
    assert keys(here) == keys(there) == keys(third) == ["early", "far"]
    here.update_table(TableName="table", ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    with refuses("ResourceNotFoundException"):
        there.scan(TableName="table")
    assert [r["RegionName"] for r in third.describe_table(TableName="table")["Table"]["Replicas"]] == ["us-east-1"]
    third.delete_table(TableName="table")
    assert "Replicas" not in here.describe_table(TableName="table")["Table"] and keys(here) == ["early", "far"]


def test_a_replicas_stream_has_the_writes_of_others(regions, cloud):
    here, there = regions
    here.put_item(TableName="table", Item=item("a"))
    streams = cloud.client("dynamodbstreams", region="eu-west-1")
    arn = there.describe_table(TableName="table")["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    [record] = streams.get_records(ShardIterator=iterator)["Records"]
    assert record["eventName"] == "INSERT" and record["awsRegion"] == "eu-west-1"


def test_indexes_and_expiry_are_settings_of_the_whole(regions, cloud, index):
    here, there = regions
    here.put_item(TableName="table", Item=item("a", g="x"))
    here.update_table(TableName="table", AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[{"Create": index("byg", "g")}])
    here.update_time_to_live(TableName="table", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    cloud.advance(1)
    assert there.query(TableName="table", IndexName="byg", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "x"}})["Count"] == 1
    assert there.describe_time_to_live(TableName="table")["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    there.put_item(TableName="table", Item=item("short", ttl=int(cloud.now) + 5))
    cloud.advance(minutes=5)
    assert keys(here) == keys(there) == ["a", "early"]


def test_replica_updates_that_make_no_sense_are_refused(regions, make, cloud, refuses):
    here, _ = regions
    with refuses("ValidationException", "Cannot add, delete, or update the local region through ReplicaUpdates"):
        here.update_table(TableName="table", ReplicaUpdates=[{"Create": {"RegionName": "us-east-1"}}])
    with refuses("ValidationException", "already existed as tables"):
        here.update_table(TableName="table", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    with refuses("ValidationException", "not part of the global table"):
        here.update_table(TableName="table", ReplicaUpdates=[{"Delete": {"RegionName": "sa-east-1"}}])


# -- strong consistency ---------------------------------------------------------------------------------------------------

CREATE = {"Create": {"RegionName": "us-east-2"}}


def test_strong_consistency_wants_three_regions_or_two_and_a_witness(cloud, ddb, make):
    make()
    ddb.update_table(TableName="table", MultiRegionConsistency="STRONG", ReplicaUpdates=[CREATE], GlobalTableWitnessUpdates=[{"Create": {"RegionName": "us-west-2"}}])
    cloud.advance(1)
    told = ddb.describe_table(TableName="table")["Table"]
    assert told["MultiRegionConsistency"] == "STRONG" and told["GlobalTableWitnesses"] == [{"RegionName": "us-west-2", "WitnessStatus": "ACTIVE"}]
    assert [r["RegionName"] for r in told["Replicas"]] == ["us-east-2"] and "StreamSpecification" not in told
    there = cloud.client("dynamodb", region="us-east-2")
    assert there.describe_table(TableName="table")["Table"]["GlobalTableWitnesses"] == told["GlobalTableWitnesses"]
    there.put_item(TableName="table", Item=item("a", n=1))
    assert ddb.get_item(TableName="table", Key=item("a"), ConsistentRead=True)["Item"] == item("a", n=1)
    witness = cloud.client("dynamodb", region="us-west-2")
    assert witness.list_tables()["TableNames"] == []  # it holds no table that anybody could read
    ddb.update_table(TableName="table", ReplicaUpdates=[{"Delete": {"RegionName": "us-east-2"}}], GlobalTableWitnessUpdates=[{"Delete": {"RegionName": "us-west-2"}}])
    cloud.advance(1)
    assert "Replicas" not in ddb.describe_table(TableName="table")["Table"] and there.list_tables()["TableNames"] == []


@pytest.mark.parametrize("wanted", [
    {"ReplicaUpdates": [CREATE]},
    {"ReplicaUpdates": [CREATE, {"Create": {"RegionName": "eu-west-1"}}]},
    {"ReplicaUpdates": [CREATE], "GlobalTableWitnessUpdates": [{"Create": {"RegionName": "us-east-2"}}]},
    {"ReplicaUpdates": [CREATE, {"Create": {"RegionName": "us-west-2"}}], "GlobalTableWitnessUpdates": [{"Create": {"RegionName": "us-west-2"}}]}])
def test_other_sets_of_regions_are_refused(ddb, make, refuses, wanted):
    make()
    with refuses("ValidationException"):
        ddb.update_table(TableName="table", MultiRegionConsistency="STRONG", **wanted)
    assert "Replicas" not in ddb.describe_table(TableName="table")["Table"]


def test_strong_consistency_begins_empty_and_knows_no_transactions_and_no_expiry(cloud, ddb, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a"))
    wanted = {"TableName": "table", "MultiRegionConsistency": "STRONG", "ReplicaUpdates": [CREATE, {"Create": {"RegionName": "us-west-2"}}]}
    with refuses("ValidationException", "empty"):
        ddb.update_table(**wanted)
    ddb.delete_item(TableName="table", Key=item("a"))
    ddb.update_table(**wanted)
    cloud.advance(1)
    for region in ("us-east-2", "us-west-2"):
        assert len(cloud.client("dynamodb", region=region).describe_table(TableName="table")["Table"]["Replicas"]) == 2
    with refuses("ValidationException", "Transactions are not supported"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a")}}])
    with refuses("ValidationException", "Transactions are not supported"):
        ddb.transact_get_items(TransactItems=[{"Get": {"TableName": "table", "Key": item("a")}}])
    with refuses("ValidationException", "Time To Live is not supported"):
        ddb.update_time_to_live(TableName="table", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    with refuses("ValidationException", "one by one"):
        ddb.update_table(TableName="table", ReplicaUpdates=[{"Delete": {"RegionName": "us-west-2"}}])


def test_of_two_regions_writes_the_last_wins(regions):
    here, there = regions
    here.put_item(TableName="table", Item=item("a", x="first"))
    there.put_item(TableName="table", Item=item("a", x="second"))
    assert here.get_item(TableName="table", Key=item("a"))["Item"] == there.get_item(TableName="table", Key=item("a"))["Item"] == item("a", x="second")
