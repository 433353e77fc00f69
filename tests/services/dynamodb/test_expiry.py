"""TimeToLive, on the cloud's clock."""
from .conftest import item


def enable(ddb, name="ttl"):
    return ddb.update_time_to_live(TableName="table", TimeToLiveSpecification={"Enabled": True, "AttributeName": name})


def left(ddb):
    return sorted(i["p"]["S"] for i in ddb.scan(TableName="table")["Items"])


def test_expiry_is_switched_on_and_off(ddb, make, refuses):
    make()
    assert ddb.describe_time_to_live(TableName="table")["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    with refuses("ValidationException", "TimeToLive is already disabled"):
        ddb.update_time_to_live(TableName="table", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    enable(ddb)
    assert ddb.describe_time_to_live(TableName="table")["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    with refuses("ValidationException", "TimeToLive is already enabled"):
        enable(ddb)
    with refuses("ValidationException", "TimeToLive is active on a different AttributeName: current AttributeName is ttl"):
        enable(ddb, "other")


def test_an_item_is_deleted_some_time_after_it_expired(ddb, make, cloud):
    make()
    enable(ddb)
    now = int(cloud.now)
    for name, at in (("soon", now + 100), ("later", now + 5000), ("past", now - 10), ("ancient", now - 6 * 365 * 86400)):
        ddb.put_item(TableName="table", Item=item(name, ttl=at))
    ddb.put_item(TableName="table", Item=item("text", ttl=str(now)))
    assert left(ddb) == ["ancient", "later", "past", "soon", "text"]  # expired, and still there to be read
    cloud.advance(minutes=5)
    assert left(ddb) == ["ancient", "later", "text"]
    ddb.update_item(TableName="table", Key=item("later"), UpdateExpression="SET #t = :t", ExpressionAttributeNames={"#t": "ttl"}, ExpressionAttributeValues={":t": {"N": str(now + 90000)}})
    cloud.advance(hours=2)
    assert left(ddb) == ["ancient", "later", "text"]  # it was given more time
    cloud.advance(hours=24)
    assert left(ddb) == ["ancient", "text"]


def test_items_from_before_expiry_was_switched_on_expire_too(ddb, make, cloud):
    make()
    now = int(cloud.now)
    for n in range(5):
        ddb.put_item(TableName="table", Item=item(f"k{n}", ttl=now + 10 + n))
    enable(ddb)
    cloud.advance(minutes=10)
    assert left(ddb) == []


def test_an_expired_items_record_names_the_service(ddb, make, cloud):
    make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"})
    enable(ddb)
    ddb.put_item(TableName="table", Item=item("a", ttl=int(cloud.now) + 5))
    cloud.advance(minutes=5)
    streams = cloud.client("dynamodbstreams")
    arn = ddb.describe_table(TableName="table")["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    record = streams.get_records(ShardIterator=iterator)["Records"][-1]
    assert record["eventName"] == "REMOVE" and record["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    assert record["dynamodb"]["OldImage"]["p"] == {"S": "a"}
