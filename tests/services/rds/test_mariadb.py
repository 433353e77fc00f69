"""Instances of MariaDB, and of MySQL, which it answers for."""
import pytest

from cloche.testing.people import refused


@pytest.fixture(scope="module")
def maria(databases):
    rds = databases.rds
    family = rds.describe_db_engine_versions(Engine="mariadb")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    rds.create_db_parameter_group(DBParameterGroupName="slow", DBParameterGroupFamily=family, Description="d")
    rds.modify_db_parameter_group(DBParameterGroupName="slow", Parameters=[{"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"}
                                                                          for name, value in (("slow_query_log", "1"), ("long_query_time", "0"), ("log_output", "FILE"))])
    databases.create("maria", "mariadb", DBParameterGroupName="slow")
    return databases


def test_the_master_writes_and_has_neither_super_nor_file(maria):
    assert maria.one("maria")["Endpoint"]["Port"] == 3306
    assert maria.mariadb("maria", "CREATE TABLE t (a int); INSERT INTO t VALUES (7); SELECT a FROM t") == (0, "7")
    grants = maria.mariadb("maria", "SHOW GRANTS")[1]
    assert "SUPER" not in grants and "FILE" not in grants and "CREATE USER" in grants
    code, why = maria.mariadb("maria", "SELECT 1 INTO OUTFILE '/tmp/stolen'")
    assert code and "FILE privilege" in why
    assert maria.mariadb("maria", "SELECT 1", password="wrong")[0] == 1


def test_slow_statements_are_written_to_a_log_that_can_be_read(maria):
    maria.mariadb("maria", "SELECT 'this is slow'")
    log = maria.rds.describe_db_log_files(DBInstanceIdentifier="maria", FilenameContains="slow")["DescribeDBLogFiles"][0]
    assert log["LogFileName"] == "slowquery/mysql-slowquery.log"
    assert "this is slow" in maria.rds.download_db_log_file_portion(DBInstanceIdentifier="maria", LogFileName=log["LogFileName"], Marker="0")["LogFileData"]


def test_dynamic_settings_and_passwords_change_at_once(maria):
    maria.rds.modify_db_parameter_group(DBParameterGroupName="slow", Parameters=[{"ParameterName": "long_query_time", "ParameterValue": "5", "ApplyMethod": "immediate"}])
    maria.cloud.advance(1)
    assert maria.mariadb("maria", "SELECT @@global.long_query_time") == (0, "5.000000") and maria.one("maria")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    maria.rds.modify_db_instance(DBInstanceIdentifier="maria", MasterUserPassword="another-one")
    maria.available("maria")
    assert maria.mariadb("maria", "SELECT 1", password="another-one") == (0, "1")
    maria.rds.modify_db_instance(DBInstanceIdentifier="maria", MasterUserPassword=maria.password)
    maria.available("maria")


def test_a_snapshot_of_a_running_server_becomes_another(maria):
    maria.mariadb("maria", "CREATE TABLE kept (a int); INSERT INTO kept VALUES (3)")
    maria.rds.create_db_snapshot(DBSnapshotIdentifier="shot", DBInstanceIdentifier="maria")
    maria.snapshot("shot")
    maria.mariadb("maria", "DROP TABLE kept")
    maria.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="shot")
    maria.available("again")
    assert maria.mariadb("again", "SELECT a FROM kept") == (0, "3")
    maria.rds.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)


def test_mysql_is_answered_too(maria):
    maria.create("my", "mysql", EngineVersion="8.0")
    assert maria.one("my")["EngineVersion"] == "8.0" and maria.mariadb("my", "SELECT 1 + 1") == (0, "2")
    refused("InvalidParameterCombination", maria.rds.create_db_instance, DBInstanceIdentifier="old", DBInstanceClass="db.t3.micro", Engine="mysql", EngineVersion="5.6", MasterUsername="boss", MasterUserPassword="correct-horse", AllocatedStorage=20)
    maria.rds.delete_db_instance(DBInstanceIdentifier="my", SkipFinalSnapshot=True)
