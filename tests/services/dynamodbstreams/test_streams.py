"""Streams: what is recorded, in which form, how it is read, how long it is kept."""
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ddb(cloud):
    return cloud.client("dynamodb")


@pytest.fixture
def streams(cloud):
    return cloud.client("dynamodbstreams")


@pytest.fixture
def make(ddb):
    def create(view="NEW_AND_OLD_IMAGES", name="table"):
        return ddb.create_table(TableName=name, AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}], KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                                BillingMode="PAY_PER_REQUEST", StreamSpecification={"StreamEnabled": True, "StreamViewType": view})["TableDescription"]["LatestStreamArn"]
    return create


def put(ddb, p, x):
    ddb.put_item(TableName="table", Item={"p": {"S": p}, "x": {"S": x}})


def shards(streams, arn):
    return streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


def iterator(streams, arn, kind="TRIM_HORIZON", shard=0, **more):
    return streams.get_shard_iterator(StreamArn=arn, ShardId=shards(streams, arn)[shard]["ShardId"], ShardIteratorType=kind, **more)["ShardIterator"]


def records(streams, arn, **more):
    return streams.get_records(ShardIterator=iterator(streams, arn, **more))["Records"]


def test_every_change_is_recorded_in_order_and_what_changes_nothing_is_not(ddb, streams, make):
    arn = make()
    put(ddb, "a", "1")
    put(ddb, "a", "1")
    put(ddb, "a", "2")
    ddb.update_item(TableName="table", Key={"p": {"S": "a"}}, UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"S": "2"}})
    ddb.delete_item(TableName="table", Key={"p": {"S": "a"}})
    ddb.delete_item(TableName="table", Key={"p": {"S": "a"}})
    found = records(streams, arn)
    assert [r["eventName"] for r in found] == ["INSERT", "MODIFY", "REMOVE"]
    modify = found[1]
    assert modify["eventSource"] == "aws:dynamodb" and modify["eventVersion"] == "1.1" and modify["awsRegion"] == "us-east-1"
    assert modify["dynamodb"]["Keys"] == {"p": {"S": "a"}}
    assert modify["dynamodb"]["OldImage"] == {"p": {"S": "a"}, "x": {"S": "1"}} and modify["dynamodb"]["NewImage"] == {"p": {"S": "a"}, "x": {"S": "2"}}
    assert modify["dynamodb"]["SizeBytes"] == 2 + 4 + 4
    numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in found]
    assert numbers == sorted(numbers) and "userIdentity" not in found[2]


@pytest.mark.parametrize(("view", "images"), [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"}), ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"})])
def test_a_view_says_which_images_there_are(ddb, streams, make, view, images):
    arn = make(view)
    put(ddb, "a", "1")
    put(ddb, "a", "2")
    change = records(streams, arn)[1]["dynamodb"]
    assert {k for k in change if k.endswith("Image")} == images and change["StreamViewType"] == view


def test_batches_and_transactions_are_recorded(ddb, streams, make):
    arn = make("KEYS_ONLY")
    ddb.batch_write_item(RequestItems={"table": [{"PutRequest": {"Item": {"p": {"S": "a"}}}}, {"PutRequest": {"Item": {"p": {"S": "b"}}}}]})
    ddb.transact_write_items(TransactItems=[{"Delete": {"TableName": "table", "Key": {"p": {"S": "a"}}}}, {"Put": {"TableName": "table", "Item": {"p": {"S": "c"}}}}])
    assert [(r["eventName"], r["dynamodb"]["Keys"]["p"]["S"]) for r in records(streams, arn)] == [("INSERT", "a"), ("INSERT", "b"), ("REMOVE", "a"), ("INSERT", "c")]


def test_iterators_begin_where_they_are_told(ddb, streams, make):
    arn = make()
    for x in "123":
        put(ddb, "a", x)
    found = records(streams, arn)
    second = found[1]["dynamodb"]["SequenceNumber"]
    assert records(streams, arn, kind="AT_SEQUENCE_NUMBER", SequenceNumber=second) == found[1:]
    assert records(streams, arn, kind="AFTER_SEQUENCE_NUMBER", SequenceNumber=second) == found[2:]
    latest = iterator(streams, arn, "LATEST")
    assert streams.get_records(ShardIterator=latest)["Records"] == []
    put(ddb, "a", "4")
    answer = streams.get_records(ShardIterator=latest)
    assert len(answer["Records"]) == 1
    assert streams.get_records(ShardIterator=answer["NextShardIterator"])["Records"] == []
    page = streams.get_records(ShardIterator=iterator(streams, arn), Limit=2)
    assert len(page["Records"]) == 2 and len(streams.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 2


def test_an_iterator_is_good_for_fifteen_minutes(ddb, streams, make, cloud):
    arn = make()
    old = iterator(streams, arn)
    cloud.advance(minutes=16)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        streams.get_records(ShardIterator=old)
    with pytest.raises(ClientError, match="Invalid ShardIterator"):
        streams.get_records(ShardIterator="rubbish")


def test_shards_follow_one_another_every_four_hours_and_a_closed_one_ends(ddb, streams, make, cloud):
    arn = make()
    put(ddb, "a", "1")
    cloud.advance(hours=5)
    put(ddb, "a", "2")
    first, second = shards(streams, arn)
    assert second["ParentShardId"] == first["ShardId"] and "EndingSequenceNumber" in first["SequenceNumberRange"] and "EndingSequenceNumber" not in second["SequenceNumberRange"]
    answer = streams.get_records(ShardIterator=iterator(streams, arn))
    assert len(answer["Records"]) == 1 and "NextShardIterator" not in answer
    assert len(records(streams, arn, shard=1)) == 1


def test_records_are_kept_for_a_day(ddb, streams, make, cloud):
    arn = make()
    put(ddb, "a", "1")
    cloud.advance(hours=23)
    assert len(records(streams, arn)) == 1
    cloud.advance(hours=2)
    assert all(records(streams, arn, shard=n) == [] for n in range(len(shards(streams, arn))))


def test_a_stream_is_described_and_listed(ddb, streams, make, cloud):
    arn = make("OLD_IMAGE")
    make(name="other")
    found = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert found["StreamStatus"] == "ENABLED" and found["TableName"] == "table" and found["StreamViewType"] == "OLD_IMAGE"
    assert found["KeySchema"] == [{"AttributeName": "p", "KeyType": "HASH"}] and arn.endswith(found["StreamLabel"])
    assert len(streams.list_streams()["Streams"]) == 2
    assert streams.list_streams(TableName="table")["Streams"] == [{"StreamArn": arn, "TableName": "table", "StreamLabel": found["StreamLabel"]}]
    page = streams.list_streams(Limit=1)
    assert len(streams.list_streams(ExclusiveStartStreamArn=page["LastEvaluatedStreamArn"])["Streams"]) == 1
    with pytest.raises(ClientError, match="Member must have value less than or equal to 100"):
        streams.list_streams(Limit=101)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        streams.describe_stream(StreamArn=arn.replace("table/table", "table/nobody"))


def test_a_disabled_stream_can_be_read_for_a_day(ddb, streams, make, cloud):
    arn = make()
    put(ddb, "a", "1")
    with pytest.raises(ClientError, match="ValidationException"):
        ddb.update_table(TableName="table", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    ddb.update_table(TableName="table", StreamSpecification={"StreamEnabled": False})
    put(ddb, "a", "2")
    assert streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    answer = streams.get_records(ShardIterator=iterator(streams, arn))
    assert len(answer["Records"]) == 1 and "NextShardIterator" not in answer
    with pytest.raises(ClientError, match="ValidationException"):
        ddb.update_table(TableName="table", StreamSpecification={"StreamEnabled": False})
    ddb.delete_table(TableName="table")
    assert len(records(streams, arn)) == 1
    cloud.advance(hours=25)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        streams.describe_stream(StreamArn=arn)
