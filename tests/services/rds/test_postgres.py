"""Instances of PostgreSQL, asked by the real psql."""
import os
import pathlib
import time

import pytest

from cloche.testing.people import Person, allow, refused


@pytest.fixture(scope="module")
def first(databases):
    databases.create("first", BackupRetentionPeriod=1, EnableIAMDatabaseAuthentication=True)
    return databases


def test_an_instance_is_available_when_it_answers(first):
    told = first.one("first")
    assert told["Endpoint"]["Port"] == 5432 and told["Engine"] == "postgres" and told["StorageEncrypted"] is False and told["MultiAZ"] is False
    assert first.psql("first", "CREATE TABLE t (a int); INSERT INTO t VALUES (7); SELECT a FROM t") == (0, "7")
    code, version = first.psql("first", "SHOW server_version")
    assert code == 0 and version.startswith(told["EngineVersion"])
    assert first.psql("first", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", mode="disable")[0] == 0
    code, why = first.psql("first", "SELECT 1", password="wrong")
    assert code == 2 and "password authentication failed" in why


def test_the_master_is_no_superuser_but_has_rds_superuser(first):
    assert first.psql("first", "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user") == (0, "f|t|t")
    assert first.psql("first", "SELECT pg_has_role('boss', 'rds_superuser', 'member')") == (0, "t")
    assert first.psql("first", "SELECT count(*) FROM pg_roles WHERE rolname IN ('rds_superuser', 'rds_iam', 'rds_replication', 'rdsadmin')") == (0, "4")
    code, why = first.psql("first", "COPY t TO '/tmp/stolen'")
    assert code and "42501" in why
    code, why = first.psql("first", "SELECT 1", user="rdsadmin")
    assert code == 2 and "pg_hba.conf rejects" in why


def test_a_token_opens_the_door_to_whom_iam_lets_in(first):
    first.psql("first", "CREATE USER ann LOGIN; GRANT rds_iam TO ann")
    told = first.one("first")
    arn = f"arn:aws:rds-db:us-east-1:{first.cloud.account}:dbuser:{told['DbiResourceId']}/ann"
    ann, bob = Person(first.cloud, "ann", allow("rds-db:connect", arn)), Person(first.cloud, "bob", allow("rds-db:connect", arn.replace("/ann", "/bob")))
    token = lambda person: person.client("rds").generate_db_auth_token(told["Endpoint"]["Address"], 5432, "ann")
    assert first.psql("first", "SELECT current_user", "ann", token(ann)) == (0, "ann")
    for password in (token(bob), token(ann)[:-1], "anything", first.password):
        code, why = first.psql("first", "SELECT 1", "ann", password)
        assert code == 2 and "PAM authentication failed" in why
    assert first.psql("first", "SELECT 1", "ann", token(ann), mode="disable")[0] == 2     # TLS is asked of tokens
    old = token(ann)
    first.cloud.advance(minutes=16)
    assert first.psql("first", "SELECT 1", "ann", old)[0] == 2


def test_a_replica_streams_and_refuses_to_be_written_until_it_is_promoted(first):
    rds = first.rds
    rds.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="first")
    told = first.available("copy")
    assert told["ReadReplicaSourceDBInstanceIdentifier"] == "first" and first.one("first")["ReadReplicaDBInstanceIdentifiers"] == ["copy"]
    assert first.psql("first", "CREATE TABLE IF NOT EXISTS streamed (a int); INSERT INTO streamed VALUES (1); SELECT pg_current_wal_lsn()")[0] == 0
    for _ in range(100):
        seen = first.psql("copy", "SELECT count(*) FROM streamed")
        if seen == (0, "1"):
            break
        first.cloud.advance(1)
    assert seen == (0, "1")
    code, why = first.psql("copy", "INSERT INTO streamed VALUES (2)")
    assert code and "25006" in why
    rds.promote_read_replica(DBInstanceIdentifier="copy")
    told = first.available("copy")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in told and first.one("first")["ReadReplicaDBInstanceIdentifiers"] == []
    assert first.psql("copy", "INSERT INTO streamed VALUES (2); SELECT count(*) FROM streamed") == (0, "2")
    assert first.psql("first", "SELECT count(*) FROM streamed") == (0, "1")
    refused("InvalidDBInstanceState", rds.promote_read_replica, DBInstanceIdentifier="copy")
    rds.delete_db_instance(DBInstanceIdentifier="copy", SkipFinalSnapshot=True)


def test_a_snapshot_becomes_another_instance_with_the_same_data(first):
    rds = first.rds
    first.psql("first", "CREATE TABLE kept (a int); INSERT INTO kept VALUES (3)")
    rds.create_db_snapshot(DBSnapshotIdentifier="shot", DBInstanceIdentifier="first", Tags=[{"Key": "a", "Value": "b"}])
    told = first.snapshot("shot")
    assert (told["SnapshotType"], told["Encrypted"], told["Engine"], told["PercentProgress"]) == ("manual", False, "postgres", 100)
    refused("DBSnapshotAlreadyExists", rds.create_db_snapshot, DBSnapshotIdentifier="shot", DBInstanceIdentifier="first")
    first.psql("first", "DROP TABLE kept")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="shot")
    first.available("again")
    assert first.psql("again", "SELECT a FROM kept") == (0, "3")
    assert [one["SnapshotType"] for one in rds.describe_db_snapshots(DBInstanceIdentifier="first", SnapshotType="automated")["DBSnapshots"]] == ["automated"]
    rds.delete_db_instance(DBInstanceIdentifier="again", FinalDBSnapshotIdentifier="final")
    assert first.snapshot("final")["DBInstanceIdentifier"] == "again"
    rds.delete_db_snapshot(DBSnapshotIdentifier="final")
    refused("DBSnapshotNotFound", rds.describe_db_snapshots, DBSnapshotIdentifier="final")
    for _ in range(20):
        if "again" not in [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]:
            break
        first.cloud.advance(1)
    refused("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier="again")


def test_dynamic_parameters_hold_at_once_and_static_ones_after_a_reboot(first):
    rds = first.rds
    family = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    rds.create_db_parameter_group(DBParameterGroupName="mine", DBParameterGroupFamily=family, Description="d")
    refused("DBParameterGroupAlreadyExists", rds.create_db_parameter_group, DBParameterGroupName="mine", DBParameterGroupFamily=family, Description="d")
    said = refused("InvalidParameterCombination", rds.modify_db_parameter_group, DBParameterGroupName="mine", Parameters=[{"ParameterName": "max_connections", "ParameterValue": "50", "ApplyMethod": "immediate"}])
    assert "cannot use immediate apply method for static parameter" in said
    rds.modify_db_instance(DBInstanceIdentifier="first", DBParameterGroupName="mine")
    assert first.available("first")["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier="first")
    assert first.available("first")["DBParameterGroups"] == [{"DBParameterGroupName": "mine", "ParameterApplyStatus": "in-sync"}]
    rds.modify_db_parameter_group(DBParameterGroupName="mine", Parameters=[{"ParameterName": "log_min_duration_statement", "ParameterValue": "0", "ApplyMethod": "immediate"}])
    first.cloud.advance(1)
    assert first.one("first")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert first.psql("first", "SHOW log_min_duration_statement") == (0, "0")
    rds.modify_db_parameter_group(DBParameterGroupName="mine", Parameters=[{"ParameterName": "max_connections", "ParameterValue": "{DBInstanceClassMemory/20000000}", "ApplyMethod": "pending-reboot"}])
    first.cloud.advance(1)
    assert first.one("first")["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot" and first.psql("first", "SHOW max_connections") != (0, "53")
    rds.reboot_db_instance(DBInstanceIdentifier="first")
    first.available("first")
    assert first.psql("first", "SHOW max_connections") == (0, "53")     # 1 GiB of a db.t3.micro
    mine = {one["ParameterName"]: one for page in rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName="mine", Source="user") for one in page["Parameters"]}
    assert set(mine) == {"log_min_duration_statement", "max_connections"} and (mine["max_connections"]["ApplyType"], mine["log_min_duration_statement"]["ApplyType"]) == ("static", "dynamic")
    refused("InvalidDBParameterGroupState", rds.delete_db_parameter_group, DBParameterGroupName="mine")
    refused("InvalidParameterValue", rds.modify_db_parameter_group, DBParameterGroupName="mine", Parameters=[{"ParameterName": "no_such", "ParameterValue": "1", "ApplyMethod": "immediate"}])
    log = rds.describe_db_log_files(DBInstanceIdentifier="first", FilenameContains="error/")["DescribeDBLogFiles"][0]
    text, marker = "", "0"
    while True:
        part = rds.download_db_log_file_portion(DBInstanceIdentifier="first", LogFileName=log["LogFileName"], Marker=marker)
        text, marker = text + part["LogFileData"], part["Marker"]
        if not part["AdditionalDataPending"]:
            break
    assert "SHOW max_connections" in text      # slower than nothing
    refused("DBLogFileNotFoundFault", rds.download_db_log_file_portion, DBInstanceIdentifier="first", LogFileName="error/none.log")


def test_a_stopped_instance_starts_by_itself_after_seven_days(first):
    rds = first.rds
    first.create("rest")
    refused("InvalidDBInstanceState", rds.start_db_instance, DBInstanceIdentifier="rest")
    rds.stop_db_instance(DBInstanceIdentifier="rest")
    first.until("rest", "stopped")
    assert first.psql("rest", "SELECT 1")[0] == 2
    refused("InvalidDBInstanceState", rds.stop_db_instance, DBInstanceIdentifier="rest")
    rds.start_db_instance(DBInstanceIdentifier="rest")
    first.available("rest")
    assert first.psql("rest", "SELECT 1") == (0, "1")
    rds.stop_db_instance(DBInstanceIdentifier="rest")
    first.until("rest", "stopped")
    first.cloud.advance(days=7.1)
    first.available("rest")
    assert first.psql("rest", "SELECT 1") == (0, "1")
    rds.modify_db_instance(DBInstanceIdentifier="rest", MasterUserPassword="another-one", DeletionProtection=True, ApplyImmediately=True)
    first.available("rest")
    assert first.psql("rest", "SELECT 1", password="another-one") == (0, "1") and first.psql("rest", "SELECT 1")[0] == 2
    refused("InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier="rest", SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier="rest", DeletionProtection=False)
    refused("InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier="rest")
    rds.delete_db_instance(DBInstanceIdentifier="rest", SkipFinalSnapshot=True)


def test_a_failover_swaps_the_zones_and_keeps_endpoint_and_data(first):
    rds = first.rds
    said = refused("InvalidParameterCombination", rds.create_db_instance, DBInstanceIdentifier="two", DBInstanceClass="db.t3.micro", Engine="postgres", MasterUsername="boss", MasterUserPassword="correct-horse",
                   AllocatedStorage=20, MultiAZ=True, AvailabilityZone="us-east-1a")
    assert said == "Requesting a specific availability zone is not valid for Multi-AZ instances."
    before = first.create("two", MultiAZ=True)
    first.psql("two", "CREATE TABLE t AS SELECT 5 AS a")
    rds.reboot_db_instance(DBInstanceIdentifier="two", ForceFailover=True)
    after = first.available("two")
    assert (after["AvailabilityZone"], after["SecondaryAvailabilityZone"]) == (before["SecondaryAvailabilityZone"], before["AvailabilityZone"]) and after["Endpoint"] == before["Endpoint"]
    assert first.psql("two", "SELECT a FROM t") == (0, "5")
    messages = [one["Message"] for one in rds.describe_events(SourceType="db-instance", SourceIdentifier="two")["Events"]]
    assert "Multi-AZ instance failover started." in messages and "Multi-AZ instance failover completed" in messages
    refused("InvalidParameterCombination", rds.reboot_db_instance, DBInstanceIdentifier="first", ForceFailover=True)
    rds.delete_db_instance(DBInstanceIdentifier="two", SkipFinalSnapshot=True)


def test_a_kill_loses_nothing_that_was_committed_and_leaves_no_server(process):
    from .conftest import Databases
    cloud = process()
    databases = Databases(cloud)
    databases.create("kept")
    assert databases.psql("kept", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")[0] == 0
    place = databases.one("kept")["Endpoint"]
    assert databases_running(cloud.data) or os.geteuid()
    cloud.kill()
    for _ in range(100):
        if databases_running(cloud.data) == []:
            break
        time.sleep(0.05)
    assert databases_running(cloud.data) == []
    cloud.start()
    databases = Databases(cloud)
    for _ in range(100):
        if databases.psql("kept", "SELECT a FROM t") == (0, "1"):
            break
        time.sleep(0.1)
    assert databases.psql("kept", "SELECT a FROM t") == (0, "1") and databases.one("kept")["Endpoint"] == place


def databases_running(data):
    """The processes that live in a space into which something of this data directory is mounted, as servers do."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if f"{data}/rds/" in text:
            found.append(path.parent.name)
    return found
