"""Tables: made, described, listed, changed, tagged, protected, deleted."""
import json

import pytest


def described(ddb, name="table"):
    return ddb.describe_table(TableName=name)["Table"]


def test_a_new_table_is_creating_in_the_answer_and_active_at_the_next_look(ddb, make, cloud):
    answer = ddb.create_table(TableName="table", AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}], KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                              ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})["TableDescription"]
    assert answer["TableStatus"] == "CREATING"
    assert answer["TableArn"] == f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/table"
    table = described(ddb)
    assert table["TableStatus"] == "ACTIVE" and table["ItemCount"] == 0 and table["TableSizeBytes"] == 0
    assert table["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    assert "BillingModeSummary" not in table and table["DeletionProtectionEnabled"] is False and len(table["TableId"]) == 36


def test_an_on_demand_table_has_no_provisioned_capacity(ddb, make):
    make()
    table = described(ddb)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert table["WarmThroughput"]["ReadUnitsPerSecond"] == 12000 and table["WarmThroughput"]["WriteUnitsPerSecond"] == 4000


def test_a_name_is_taken_once(make, refuses):
    make()
    with refuses("ResourceInUseException", "Table already exists: table"):
        make()


P, R, A, B = ({"AttributeName": n, "KeyType": k} for n, k in (("p", "HASH"), ("r", "RANGE"), ("a", "HASH"), ("b", "RANGE")))
DEFS = {n: {"AttributeName": n, "AttributeType": "S"} for n in "prab"}
ALL = {"ProjectionType": "ALL"}


@pytest.mark.parametrize(("change", "words"), [
    ({"TableName": "ab"}, "TableName must be at least 3 characters long and at most 255 characters long"),
    ({"TableName": "abc;"}, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
    ({"KeySchema": [R]}, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    ({"KeySchema": [P, A]}, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"),
    ({"KeySchema": [P, {"AttributeName": "p", "KeyType": "RANGE"}]}, "Both the Hash Key and the Range Key element in the KeySchema have the same name"),
    ({"AttributeDefinitions": [DEFS["r"]]}, "Some index key attributes are not defined in AttributeDefinitions. Keys: [p], AttributeDefinitions: [r]"),
    ({"AttributeDefinitions": [DEFS["p"], DEFS["r"]]}, "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"),
    ({"AttributeDefinitions": [DEFS["p"], DEFS["p"]]}, "Duplicate definition of attribute: p"),
    ({"BillingMode": "PROVISIONED"}, "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    ({"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
     "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ({"LocalSecondaryIndexes": []}, "List of LocalSecondaryIndexes is empty"), ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
    ({"LocalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [P], "Projection": ALL}]},
     "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"),
    ({"GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [A], "Projection": ALL}]}, "Some index key attributes are not defined in AttributeDefinitions"),
    ({"GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [P], "Projection": {}}]}, "Unknown ProjectionType: null"),
    ({"GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [P], "Projection": {"ProjectionType": "INCLUDE"}}]},
     "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ({"GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [P], "Projection": {"ProjectionType": "ALL", "NonKeyAttributes": ["x"]}}]},
     "ProjectionType is ALL, but NonKeyAttributes is specified"),
    ({"GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [P], "Projection": ALL}] * 2}, "Duplicate index name: idx"),
    ({"StreamSpecification": {"StreamEnabled": True}}, "StreamViewType is required")])
def test_a_table_that_makes_no_sense_is_refused(ddb, refuses, change, words):
    good = {"TableName": "table", "AttributeDefinitions": [DEFS["p"]], "KeySchema": [P], "BillingMode": "PAY_PER_REQUEST"}
    with refuses("ValidationException", words):
        ddb.create_table(**good | change)
    assert ddb.list_tables()["TableNames"] == []


def test_a_local_index_shares_the_tables_hash_key(make, index, refuses):
    with refuses("ValidationException", "Index KeySchema does not have the same leading hash key as table KeySchema for index: idx. index hash key: a, table hash key: p"):
        make(range="S", types={"a": "S", "b": "S"}, LocalSecondaryIndexes=[index("idx", "a", "b")])
    with refuses("ValidationException", "Number of LocalSecondaryIndexes exceeds per-table limit of 5"):
        make(range="S", types={"b": "S"}, LocalSecondaryIndexes=[index(f"idx{i}", "p", "b") for i in range(6)])


def test_a_table_that_is_not_there(ddb, refuses):
    with refuses("ResourceNotFoundException", "Requested resource not found: Table: nobody not found"):
        ddb.describe_table(TableName="nobody")
    with refuses("ResourceNotFoundException", "Requested resource not found: Table: nobody not found"):
        ddb.delete_table(TableName="nobody")


def test_a_table_can_be_named_by_its_arn(ddb, make):
    make()
    assert described(ddb, described(ddb)["TableArn"])["TableName"] == "table"


def test_tables_are_listed_page_by_page_in_order(ddb, make):
    for name in ("ccc", "aaa", "bbb"):
        make(name)
    first = ddb.list_tables(Limit=2)
    assert first["TableNames"] == ["aaa", "bbb"] and first["LastEvaluatedTableName"] == "bbb"
    rest = ddb.list_tables(Limit=2, ExclusiveStartTableName="bbb")
    assert rest["TableNames"] == ["ccc"] and "LastEvaluatedTableName" not in rest


def test_regions_do_not_share_tables(cloud, make):
    make()
    assert cloud.client("dynamodb", region="eu-west-1").list_tables()["TableNames"] == []


def test_a_deleted_table_is_gone_and_its_name_is_free_and_empty(ddb, make, item, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a"))
    assert ddb.delete_table(TableName="table")["TableDescription"]["TableStatus"] == "DELETING"
    with refuses("ResourceNotFoundException", "Requested resource not found"):
        ddb.get_item(TableName="table", Key=item("a"))
    make()
    assert ddb.scan(TableName="table")["Count"] == 0


def test_a_protected_table_is_not_deleted(ddb, make, refuses):
    make(DeletionProtectionEnabled=True)
    with refuses("ValidationException", "Resource cannot be deleted as it is currently protected against deletion"):
        ddb.delete_table(TableName="table")
    ddb.update_table(TableName="table", DeletionProtectionEnabled=False)
    ddb.delete_table(TableName="table")


def test_items_are_counted_and_weighed(ddb, make, item):
    make()
    for name in ("a", "b", "a"):
        ddb.put_item(TableName="table", Item=item(name, x="12345"))
    assert described(ddb)["ItemCount"] == 2 and described(ddb)["TableSizeBytes"] == 2 * (1 + 1 + 1 + 5)
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="REMOVE x")
    ddb.delete_item(TableName="table", Key=item("b"))
    assert described(ddb)["ItemCount"] == 1 and described(ddb)["TableSizeBytes"] == 2


def test_tags(ddb, make, refuses):
    make(Tags=[{"Key": "a", "Value": "1"}])
    arn = described(ddb)["TableArn"]
    ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    ddb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with refuses("ResourceNotFoundException"):
        ddb.tag_resource(ResourceArn=arn + "x", Tags=[{"Key": "b", "Value": "2"}])


def test_a_table_has_fifty_tags_at_most_of_plain_characters(ddb, make, refuses):
    make(Tags=[{"Key": f"k{i:02}", "Value": ""} for i in range(50)])
    arn = described(ddb)["TableArn"]
    assert len(ddb.list_tags_of_resource(ResourceArn=arn)["Tags"]) == 50
    with refuses("ValidationException", "Too many Tags"):
        ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "more", "Value": ""}])
    with refuses("ValidationException", "Tag keys and values may hold"):
        ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "k00", "Value": "100%"}])


def test_throughput_is_changed_and_remembers_when(ddb, make, refuses):
    make(read=5, write=5)
    up = ddb.update_table(TableName="table", ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 5})["TableDescription"]
    assert up["TableStatus"] == "UPDATING" and up["ProvisionedThroughput"]["ReadCapacityUnits"] == 9
    assert "LastIncreaseDateTime" in described(ddb)["ProvisionedThroughput"]
    with refuses("ValidationException", "The provisioned throughput for the table will not change. The requested value equals the current value."):
        ddb.update_table(TableName="table", ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 5})
    with refuses("ValidationException", "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled"):
        ddb.update_table(TableName="table")


def test_after_four_decreases_a_day_they_are_an_hour_apart(ddb, make, refuses):
    make(read=9, write=9)
    for n in (8, 7, 6, 5):
        ddb.update_table(TableName="table", ProvisionedThroughput={"ReadCapacityUnits": n, "WriteCapacityUnits": 9})
    assert described(ddb)["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 4
    with refuses("LimitExceededException", "Provisioned throughput decreases are limited within a given UTC day"):
        ddb.update_table(TableName="table", ProvisionedThroughput={"ReadCapacityUnits": 4, "WriteCapacityUnits": 9})


def test_the_billing_mode_goes_both_ways(ddb, make, refuses):
    make(read=5, write=5)
    ddb.update_table(TableName="table", BillingMode="PAY_PER_REQUEST")
    assert described(ddb)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    with refuses("ValidationException", "must both be specified when BillingMode is PROVISIONED"):
        ddb.update_table(TableName="table", BillingMode="PROVISIONED")
    ddb.update_table(TableName="table", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 3})
    table = described(ddb)
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED" and table["ProvisionedThroughput"]["WriteCapacityUnits"] == 3


def test_class_and_encryption_are_described(ddb, make):
    make(TableClass="STANDARD", SSESpecification={"Enabled": True})
    assert described(ddb)["TableClassSummary"]["TableClass"] == "STANDARD"
    assert described(ddb)["SSEDescription"]["SSEType"] == "KMS"
    ddb.update_table(TableName="table", TableClass="STANDARD_INFREQUENT_ACCESS")
    assert described(ddb)["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


def test_facts_about_the_account_and_the_service(ddb, make, cloud):
    make()
    assert ddb.describe_limits()["TableMaxReadCapacityUnits"] == 40000
    assert ddb.describe_endpoints()["Endpoints"][0]["Address"] == cloud.url.removeprefix("http://")


def test_a_resource_policy_has_a_revision(ddb, make, cloud, refuses):
    make()
    arn = described(ddb)["TableArn"]
    with refuses("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=arn)
    text = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"dynamodb:GetItem","Resource":"*"}]}'
    revision = ddb.put_resource_policy(ResourceArn=arn, Policy=text)["RevisionId"]
    assert ddb.get_resource_policy(ResourceArn=arn) | {"ResponseMetadata": 0} == {"Policy": text, "RevisionId": revision, "ResponseMetadata": 0}
    with refuses("PolicyNotFoundException"):
        ddb.put_resource_policy(ResourceArn=arn, Policy=text, ExpectedRevisionId="other")
    ddb.delete_resource_policy(ResourceArn=arn)
    with refuses("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=arn)


def test_a_resource_policy_lets_another_account_in(ddb, make, cloud, item, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a"))
    arn = described(ddb)["TableArn"]
    other = cloud.other()
    with refuses("AccessDeniedException"):
        other.client("dynamodb").get_item(TableName=arn, Key=item("a"))
    ddb.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "dynamodb:GetItem", "Resource": "*"}]}))
    assert other.client("dynamodb").get_item(TableName=arn, Key=item("a"))["Item"] == item("a")
    with refuses("AccessDeniedException"):
        other.client("dynamodb").put_item(TableName=arn, Item=item("a"))


def test_an_indexs_throughput_is_changed_by_itself(ddb, make, index, refuses):
    units = lambda n: {"ReadCapacityUnits": n, "WriteCapacityUnits": n}
    make(read=5, write=5, types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g", ProvisionedThroughput=units(2))])
    ddb.update_table(TableName="table", GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "byg", "ProvisionedThroughput": units(3)}}])
    assert described(ddb)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 3
    with refuses("ValidationException", "The provisioned throughput for the index byg will not change."):
        ddb.update_table(TableName="table", GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "byg", "ProvisionedThroughput": units(3)}}])
    with refuses("ValidationException", "ProvisionedThroughput is not specified for index: other"):
        ddb.update_table(TableName="table", AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[{"Create": index("other", "g")}])
