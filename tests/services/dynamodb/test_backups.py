"""Backups on demand, and point-in-time recovery, on the cloud's clock."""
import pytest

from .conftest import item


def items(ddb, name):
    return sorted((i["p"]["S"], i.get("n", {}).get("N")) for i in ddb.scan(TableName=name)["Items"])


@pytest.fixture
def restored(ddb, cloud):
    """Wait until a restored table is active."""
    def wait(name="copy"):
        cloud.advance(1)
        assert ddb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        return items(ddb, name)
    return wait


def test_a_backup_is_the_table_at_one_moment_and_outlives_it(ddb, make, index, restored, refuses):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g", projection="KEYS_ONLY")])
    ddb.put_item(TableName="table", Item=item("a", n=1, g="x"))
    made = ddb.create_backup(TableName="table", BackupName="first")["BackupDetails"]
    assert made["BackupStatus"] == "CREATING" and made["BackupType"] == "USER" and "/backup/" in made["BackupArn"]
    ddb.put_item(TableName="table", Item=item("b", n=2, g="x"))
    ddb.delete_table(TableName="table")
    told = ddb.describe_backup(BackupArn=made["BackupArn"])["BackupDescription"]
    assert told["BackupDetails"]["BackupStatus"] == "AVAILABLE" and told["SourceTableDetails"]["ItemCount"] == 1
    assert told["SourceTableFeatureDetails"]["GlobalSecondaryIndexes"][0]["IndexName"] == "byg"
    answer = ddb.restore_table_from_backup(TargetTableName="copy", BackupArn=made["BackupArn"])["TableDescription"]
    assert answer["TableStatus"] == "CREATING" and answer["RestoreSummary"]["SourceBackupArn"] == made["BackupArn"]
    assert restored() == [("a", "1")]
    found = ddb.query(TableName="copy", IndexName="byg", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "x"}})
    assert found["Items"] == [item("a", g="x")]
    with refuses("TableAlreadyExistsException", "Table already exists: copy"):
        ddb.restore_table_from_backup(TargetTableName="copy", BackupArn=made["BackupArn"])


def test_a_restore_may_choose_billing_and_indexes(ddb, make, index, restored):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    arn = ddb.create_backup(TableName="table", BackupName="first")["BackupDetails"]["BackupArn"]
    ddb.restore_table_from_backup(TargetTableName="copy", BackupArn=arn, BillingModeOverride="PROVISIONED", GlobalSecondaryIndexOverride=[],
                                  ProvisionedThroughputOverride={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4})
    restored()
    table = ddb.describe_table(TableName="copy")["Table"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 4 and "GlobalSecondaryIndexes" not in table


def test_backups_are_listed_and_deleted(ddb, make, refuses):
    make()
    make("other")
    with refuses("TableNotFoundException"):
        ddb.create_backup(TableName="nobody", BackupName="first")
    arns = [ddb.create_backup(TableName=t, BackupName=n)["BackupDetails"]["BackupArn"] for t, n in (("table", "one"), ("table", "two"), ("other", "three"))]
    assert {b["BackupName"] for b in ddb.list_backups(TableName="table")["BackupSummaries"]} == {"one", "two"}
    page = ddb.list_backups(Limit=2)
    rest = ddb.list_backups(ExclusiveStartBackupArn=page["LastEvaluatedBackupArn"])
    assert len(page["BackupSummaries"]) == 2 and len(rest["BackupSummaries"]) == 1
    assert ddb.delete_backup(BackupArn=arns[0])["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED"
    with refuses("BackupNotFoundException"):
        ddb.describe_backup(BackupArn=arns[0])


def recovery(ddb, on=True, **more):
    return ddb.update_continuous_backups(TableName="table", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on, **more})["ContinuousBackupsDescription"]


def test_recovery_is_off_until_it_is_switched_on(ddb, make, refuses):
    make()
    told = ddb.describe_continuous_backups(TableName="table")["ContinuousBackupsDescription"]
    assert told == {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}
    with refuses("PointInTimeRecoveryUnavailableException"):
        ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="copy", UseLatestRestorableTime=True)
    told = recovery(ddb, RecoveryPeriodInDays=7)["PointInTimeRecoveryDescription"]
    assert told["PointInTimeRecoveryStatus"] == "ENABLED" and told["RecoveryPeriodInDays"] == 7
    assert recovery(ddb, on=False)["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_a_table_comes_back_as_it_was_at_any_second(ddb, make, cloud, restored, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("kept", n=1))
    ddb.put_item(TableName="table", Item=item("changed", n=1))
    ddb.put_item(TableName="table", Item=item("gone", n=1))
    recovery(ddb)
    cloud.advance(minutes=10)
    moment = cloud.now
    cloud.advance(minutes=10)
    ddb.update_item(TableName="table", Key=item("changed"), UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    ddb.update_item(TableName="table", Key=item("changed"), UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "3"}})
    ddb.delete_item(TableName="table", Key=item("gone"))
    ddb.put_item(TableName="table", Item=item("new", n=1))
    with refuses("InvalidRestoreTimeException"):
        ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="copy", RestoreDateTime=cloud.now)
    with refuses("InvalidRestoreTimeException"):
        ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="copy", RestoreDateTime=moment - 86400)
    cloud.advance(minutes=10)
    ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="copy", RestoreDateTime=moment)
    assert restored() == [("changed", "1"), ("gone", "1"), ("kept", "1")]
    ddb.restore_table_to_point_in_time(SourceTableName="table", TargetTableName="late", UseLatestRestorableTime=True)
    assert restored("late") == [("changed", "3"), ("kept", "1"), ("new", "1")]


def test_a_deleted_table_with_recovery_leaves_a_backup_for_35_days(ddb, make, cloud):
    make()
    ddb.put_item(TableName="table", Item=item("a"))
    recovery(ddb)
    ddb.delete_table(TableName="table")
    [backup] = ddb.list_backups(BackupType="SYSTEM")["BackupSummaries"]
    assert backup["BackupName"] == "table$DeletedTableBackup" and "BackupExpiryDateTime" in backup
    cloud.advance(days=36)
    assert ddb.list_backups(BackupType="ALL")["BackupSummaries"] == []


def test_a_restored_table_knows_how_large_its_collections_are(ddb, make, index, restored, cloche_server, refuses):
    make(range="N", types={"l": "S"}, LocalSecondaryIndexes=[index("byl", "p", "l")])
    for n in range(4):
        ddb.put_item(TableName="table", Item=item("a", n, l="l", x="x" * (5_000 if n else 1)))
    arn = ddb.create_backup(TableName="table", BackupName="first")["BackupDetails"]["BackupArn"]
    ddb.restore_table_from_backup(TargetTableName="copy", BackupArn=arn)
    restored()
    memory = cloche_server.bell.cloud.memory
    memory["dynamodb.collection_bytes"] = 31_000  # three items of 5 KB, each in the table and in the index
    try:
        ddb.put_item(TableName="copy", Item=item("a", 8, x="x" * 700))
        with refuses("ItemCollectionSizeLimitExceededException"):
            ddb.put_item(TableName="copy", Item=item("a", 9, x="x" * 700))
    finally:
        del memory["dynamodb.collection_bytes"]
