"""What IAM is asked: tables and their indexes, leading keys, attributes, and the single actions inside batches and transactions."""
import json

import pytest

from .conftest import item


@pytest.fixture
def user(cloud):
    """A client of a user with this one policy."""
    def make(*statements):
        iam = cloud.client("iam")
        iam.create_user(UserName="user")
        iam.put_user_policy(UserName="user", PolicyName="policy", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        key = iam.create_access_key(UserName="user")["AccessKey"]
        return cloud.client("dynamodb", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    return make


def allow(*actions, resource="*", **condition):
    return {"Effect": "Allow", "Action": [f"dynamodb:{a}" for a in actions], "Resource": resource} | ({"Condition": condition["condition"]} if condition else {})


def test_an_operation_is_asked_about_its_table(ddb, make, user, cloud, refuses):
    make()
    make("other")
    theirs = user(allow("PutItem", "GetItem", resource=f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/table"))
    theirs.put_item(TableName="table", Item=item("a"))
    assert theirs.get_item(TableName="table", Key=item("a"))["Item"] == item("a")
    with refuses("AccessDeniedException", f"is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:{cloud.account}:table/other"):
        theirs.put_item(TableName="other", Item=item("a"))
    with refuses("AccessDeniedException", "dynamodb:Scan"):
        theirs.scan(TableName="table")


def test_an_index_is_a_resource_of_its_own(ddb, make, index, user, cloud, refuses):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    theirs = user(allow("Query", resource=f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/table/index/byg"))
    assert theirs.query(TableName="table", IndexName="byg", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "x"}})["Count"] == 0
    with refuses("AccessDeniedException"):
        theirs.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "x"}})


def test_leading_keys_keep_users_in_their_own_partitions(ddb, make, user, refuses):
    make(range="S")
    theirs = user(allow("GetItem", "PutItem", "Query", "BatchGetItem", "UpdateItem", condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}))
    theirs.put_item(TableName="table", Item=item("mine", "1"))
    theirs.update_item(TableName="table", Key=item("mine", "1"), UpdateExpression="SET x = r")
    assert theirs.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "mine"}})["Count"] == 1
    assert len(theirs.batch_get_item(RequestItems={"table": {"Keys": [item("mine", "1")]}})["Responses"]["table"]) == 1
    for call in (lambda: theirs.put_item(TableName="table", Item=item("yours", "1")),
                 lambda: theirs.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "yours"}}),
                 lambda: theirs.batch_get_item(RequestItems={"table": {"Keys": [item("mine", "1"), item("yours", "1")]}})):
        with refuses("AccessDeniedException"):
            call()


def test_attributes_and_select_can_be_limited(ddb, make, user, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", open="1", secret="2"))
    theirs = user(allow("GetItem", "Scan", condition={"ForAllValues:StringEquals": {"dynamodb:Attributes": ["p", "open"]}, "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}}))
    assert theirs.get_item(TableName="table", Key=item("a"), ProjectionExpression="#o", ExpressionAttributeNames={"#o": "open"})["Item"] == {"open": {"S": "1"}}
    with refuses("AccessDeniedException"):
        theirs.get_item(TableName="table", Key=item("a"), ProjectionExpression="secret")
    with refuses("AccessDeniedException"):
        theirs.scan(TableName="table", Select="ALL_ATTRIBUTES")


def test_a_transaction_needs_the_single_actions_and_says_what_encloses_them(ddb, make, user, refuses):
    make()
    theirs = user(allow("PutItem", "ConditionCheckItem", condition={"StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}))
    theirs.transact_write_items(TransactItems=[
        {"Put": {"TableName": "table", "Item": item("a")}}, {"ConditionCheck": {"TableName": "table", "Key": item("b"), "ConditionExpression": "attribute_not_exists(p)"}}])
    with refuses("AccessDeniedException", "dynamodb:DeleteItem"):
        theirs.transact_write_items(TransactItems=[{"Delete": {"TableName": "table", "Key": item("a")}}])
    with refuses("AccessDeniedException", "dynamodb:PutItem"):
        theirs.put_item(TableName="table", Item=item("b"))


def test_a_batch_is_asked_about_each_table(ddb, make, user, cloud, refuses):
    make()
    make("other")
    theirs = user(allow("BatchWriteItem", resource=f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/table"))
    put = [{"PutRequest": {"Item": item("a")}}]
    theirs.batch_write_item(RequestItems={"table": put})
    with refuses("AccessDeniedException", "table/other"):
        theirs.batch_write_item(RequestItems={"table": put, "other": put})


def test_a_stream_is_read_with_its_own_permission(cloud, make, user, refuses):
    make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    arn = cloud.client("dynamodb").describe_table(TableName="table")["Table"]["LatestStreamArn"]
    user(allow("DescribeStream", resource=arn))
    iam = cloud.client("iam")
    key = iam.create_access_key(UserName="user")["AccessKey"]
    theirs = cloud.client("dynamodbstreams", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    shard = theirs.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    with refuses("AccessDeniedException", "dynamodb:GetShardIterator"):
        theirs.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")


def test_a_stream_has_a_policy_of_its_own(cloud, ddb, make, refuses):
    make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    table = ddb.describe_table(TableName="table")["Table"]
    arn, other = table["LatestStreamArn"], cloud.other()
    theirs = other.client("dynamodbstreams")
    with refuses("AccessDeniedException"):
        theirs.describe_stream(StreamArn=arn)
    ddb.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"], "Resource": arn}]}))
    shard = theirs.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = theirs.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert theirs.get_records(ShardIterator=iterator)["Records"] == []
    with refuses("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=table["TableArn"])


def test_another_accounts_items_expire_where_they_live(cloud, ddb, make):
    make()
    ddb.update_time_to_live(TableName="table", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    arn, other = ddb.describe_table(TableName="table")["Table"]["TableArn"], cloud.other()
    ddb.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "dynamodb:PutItem", "Resource": "*"}]}))
    other.client("dynamodb").put_item(TableName=arn, Item=item("a", ttl=int(cloud.now) + 5))
    cloud.advance(minutes=5)
    assert ddb.scan(TableName="table")["Count"] == 0
