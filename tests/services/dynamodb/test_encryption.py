"""Tables under a KMS key: who may, what a lost key closes, what changes with the key."""
import pytest

from cloche.testing.people import Person, allow, refused

KEY = {"pk": {"S": "1"}}
ITEM = KEY | {"value": {"S": "text"}}


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


def make(cloud, key=None, name="sealed", **more):
    sse = {"SSESpecification": {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key != "aws" else {})} if key else {}
    ddb = cloud.client("dynamodb")
    ddb.create_table(TableName=name, AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                     BillingMode="PAY_PER_REQUEST", **sse, **more)
    ddb.put_item(TableName=name, Item=ITEM)
    return ddb


def read(ddb, name="sealed"):
    return ddb.get_item(TableName=name, Key=KEY)["Item"]


def described(ddb, name="sealed"):
    return ddb.describe_table(TableName=name)["Table"]


def test_a_disabled_key_closes_the_table_within_five_minutes_and_opens_it_again(cloud, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ddb = make(cloud, key)
    kms.disable_key(KeyId=key)
    assert read(ddb) == ITEM  # the table key is still remembered
    cloud.advance(minutes=5)
    for ask in (lambda: read(ddb), lambda: ddb.put_item(TableName="sealed", Item=ITEM), lambda: ddb.scan(TableName="sealed")):
        message = refused("AccessDeniedException", ask)
        assert message.startswith("KMS key access denied error: ") and "DisabledException" in message
    assert described(ddb)["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    kms.enable_key(KeyId=key)
    assert read(ddb) == ITEM and described(ddb)["TableStatus"] == "ACTIVE"


def test_a_reader_and_a_writer_need_the_key_as_well(cloud, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    make(cloud, key)
    poor = Person(cloud, "poor", allow("dynamodb:*")).client("dynamodb")
    assert "KMS key access denied" in refused("AccessDeniedException", read, poor)
    assert "KMS key access denied" in refused("AccessDeniedException", poor.put_item, TableName="sealed", Item=ITEM)
    via = {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
    rich = Person(cloud, "rich", allow("dynamodb:*"), allow("kms:Decrypt", key, Condition=via)).client("dynamodb")
    rich.put_item(TableName="sealed", Item=ITEM)
    assert read(rich) == ITEM


def test_the_key_that_aws_manages_asks_nobody_for_permission(cloud, kms):
    ddb = make(cloud, "aws")
    aliases = {a["AliasName"]: a.get("TargetKeyId") for a in kms.list_aliases()["Aliases"]}
    assert described(ddb)["SSEDescription"] == {
        "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": f"arn:aws:kms:us-east-1:{cloud.account}:key/{aliases['alias/aws/dynamodb']}"}
    assert read(Person(cloud, "reader", allow("dynamodb:*")).client("dynamodb")) == ITEM


def test_whoever_makes_a_table_under_a_key_must_be_allowed_to_grant_it(cloud, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    poor = Person(cloud, "poor", allow("dynamodb:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"])).client("dynamodb")
    table = {"TableName": "new", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
             "BillingMode": "PAY_PER_REQUEST", "SSESpecification": {"Enabled": True, "KMSMasterKeyId": key}}
    assert "kms:CreateGrant" in refused("AccessDeniedException", poor.create_table, **table)
    make(cloud, key)
    [grant] = kms.list_grants(KeyId=key)["Grants"]
    assert grant["GranteePrincipal"] == "dynamodb.amazonaws.com" and grant["Constraints"]["EncryptionContextSubset"]["aws:dynamodb:tableName"] == "sealed"


def test_a_table_names_only_keys_that_there_are(cloud):
    assert "KMS validation error" in refused("ValidationException", make, cloud, f"arn:aws:kms:us-east-1:{cloud.account}:key/00000000-0000-0000-0000-000000000000")


def test_a_table_may_get_a_key_another_key_and_none_again(cloud, kms):
    first, second = (kms.create_key()["KeyMetadata"]["Arn"] for _ in "12")
    ddb = make(cloud, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    for spec in ({"Enabled": True, "KMSMasterKeyId": first}, {"Enabled": True, "KMSMasterKeyId": second}):
        ddb.update_table(TableName="sealed", SSESpecification=spec)
        assert described(ddb)["SSEDescription"]["KMSMasterKeyArn"] == spec["KMSMasterKeyId"] and read(ddb) == ITEM
        ddb.put_item(TableName="sealed", Item={"pk": {"S": spec["KMSMasterKeyId"]}})
    kms.disable_key(KeyId=first)
    cloud.advance(minutes=6)
    assert read(ddb) == ITEM  # the first locks nothing any more
    ddb.update_table(TableName="sealed", SSESpecification={"Enabled": False})
    kms.disable_key(KeyId=second)
    cloud.advance(minutes=6)
    assert read(ddb) == ITEM and "SSEDescription" not in described(ddb)
    assert ddb.scan(TableName="sealed")["Count"] == 3
    streams = cloud.client("dynamodbstreams")
    arn = described(ddb)["LatestStreamArn"]
    at = streams.get_shard_iterator(StreamArn=arn, ShardId=streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"], ShardIteratorType="TRIM_HORIZON")
    assert len(streams.get_records(ShardIterator=at["ShardIterator"])["Records"]) == 3


def test_a_backup_and_a_restored_table_are_sealed_each_under_its_own(cloud, kms):
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in "12")
    ddb = make(cloud, key)
    backup = ddb.create_backup(TableName="sealed", BackupName="before")["BackupDetails"]["BackupArn"]
    ddb.restore_table_from_backup(TargetTableName="same", BackupArn=backup)
    ddb.restore_table_from_backup(TargetTableName="else", BackupArn=backup, SSESpecificationOverride={"Enabled": True, "KMSMasterKeyId": other})
    ddb.restore_table_from_backup(TargetTableName="none", BackupArn=backup, SSESpecificationOverride={"Enabled": False})
    cloud.advance(1)
    kms.disable_key(KeyId=key)
    cloud.advance(minutes=6)
    refused("AccessDeniedException", read, ddb, "same")
    assert read(ddb, "else") == read(ddb, "none") == ITEM


def test_what_dynamodb_does_by_itself_it_does_under_its_grant(cloud, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ddb = make(cloud, key)
    ddb.update_time_to_live(TableName="sealed", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    ddb.put_item(TableName="sealed", Item={"pk": {"S": "2"}, "until": {"N": str(int(cloud.now) + 3600)}, "g": {"S": "g"}})
    ddb.update_table(TableName="sealed", AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[
        {"Create": {"IndexName": "late", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}}])
    cloud.advance(1)
    found = ddb.query(TableName="sealed", IndexName="late", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "g"}})
    assert found["Count"] == 1
    kms.disable_key(KeyId=key)
    cloud.advance(hours=2)
    kms.enable_key(KeyId=key)
    assert ddb.scan(TableName="sealed")["Count"] == 2  # expired, but nobody could open it
    cloud.advance(hours=2)
    assert ddb.scan(TableName="sealed")["Count"] == 1


def test_a_replica_lies_under_a_key_of_its_own_region(cloud, kms):
    there = cloud.client("kms", region="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    ddb = make(cloud, kms.create_key()["KeyMetadata"]["Arn"])
    ddb.update_table(TableName="sealed", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1", "KMSMasterKeyId": there}}])
    cloud.advance(1)
    ddb.put_item(TableName="sealed", Item=ITEM | {"more": {"S": "x"}})
    far = cloud.client("dynamodb", region="eu-west-1")
    assert read(far)["more"] == {"S": "x"} and described(far)["SSEDescription"]["KMSMasterKeyArn"] == there


def test_the_grant_of_a_deleted_table_is_retired(cloud, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ddb = make(cloud, key)
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1
    ddb.delete_table(TableName="sealed")
    assert kms.list_grants(KeyId=key)["Grants"] == []
