"""What RDS knows of without a server: keys, groups, offers, tags; engines that are records here."""
import json

import pytest

from cloche.testing.people import Person, allow, refused

ASKED = {"DBInstanceClass": "db.t3.micro", "Engine": "sqlserver-ee", "MasterUsername": "boss", "MasterUserPassword": "correct-horse", "AllocatedStorage": 20}


@pytest.fixture
def rds(cloud):
    return cloud.client("rds")


def available(cloud, name):
    rds = cloud.client("rds")
    cloud.advance(1)
    told = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    assert told["DBInstanceStatus"] == "available"
    return told


def test_names_passwords_and_sizes_are_checked(rds):
    rds.create_db_instance(DBInstanceIdentifier="One", **ASKED)
    refused("DBInstanceAlreadyExists", rds.create_db_instance, DBInstanceIdentifier="one", **ASKED)
    for wrong in ({"DBInstanceIdentifier": "1a"}, {"DBInstanceIdentifier": "a--b"}, {"MasterUserPassword": "short"}, {"MasterUserPassword": "with/slash"}, {"AllocatedStorage": 5}, {"DBInstanceClass": "db.none"},
                  {"Engine": "nothing"}, {"BackupRetentionPeriod": 36}):
        refused("InvalidParameterValue", rds.create_db_instance, **{"DBInstanceIdentifier": "two", **ASKED, **wrong})
    refused("DBSubnetGroupNotFoundFault", rds.create_db_instance, DBInstanceIdentifier="two", DBSubnetGroupName="none", **ASKED)
    refused("DBParameterGroupNotFound", rds.create_db_instance, DBInstanceIdentifier="two", DBParameterGroupName="none", **ASKED)
    refused("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier="two")


def test_encryption_is_chosen_when_an_instance_is_made_and_follows_its_snapshots(cloud, rds):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    rds.create_db_instance(DBInstanceIdentifier="closed", StorageEncrypted=True, KmsKeyId=key, **ASKED)
    told = available(cloud, "closed")
    assert told["StorageEncrypted"] is True and told["KmsKeyId"] == key
    rds.create_db_instance(DBInstanceIdentifier="default", StorageEncrypted=True, **ASKED)
    assert available(cloud, "default")["KmsKeyId"].startswith("arn:aws:kms:")
    refused("KMSKeyNotAccessibleFault", rds.create_db_instance, DBInstanceIdentifier="x", StorageEncrypted=True, KmsKeyId="alias/none", **ASKED)
    refused("InvalidParameterCombination", rds.create_db_instance, **{"DBInstanceIdentifier": "x", **ASKED, "DBInstanceClass": "db.t2.micro", "StorageEncrypted": True})
    kms.disable_key(KeyId=key)
    assert rds.describe_db_instances(DBInstanceIdentifier="closed")["DBInstances"][0]["DBInstanceStatus"] == "inaccessible-encryption-credentials-recoverable"
    kms.enable_key(KeyId=key)
    rds.create_db_snapshot(DBSnapshotIdentifier="shot", DBInstanceIdentifier="closed")
    rds.create_db_instance(DBInstanceIdentifier="open", **ASKED)
    available(cloud, "open")
    rds.create_db_snapshot(DBSnapshotIdentifier="plain", DBInstanceIdentifier="open")
    cloud.advance(1)
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="shot")["DBSnapshots"][0]["KmsKeyId"] == key
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="plain", TargetDBSnapshotIdentifier="sealed", KmsKeyId=key)
    cloud.advance(1)
    told = rds.describe_db_snapshots(DBSnapshotIdentifier="sealed")["DBSnapshots"][0]
    assert told["Encrypted"] is True and told["SourceDBSnapshotIdentifier"].endswith(":snapshot:plain")
    west = cloud.client("rds", region="us-west-2")
    arn = told["DBSnapshotArn"]
    refused("InvalidParameterCombination", west.copy_db_snapshot, SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="there")
    west_key = cloud.client("kms", region="us-west-2").create_key()["KeyMetadata"]["Arn"]
    west.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="there", KmsKeyId=west_key)
    cloud.advance(1)
    assert west.describe_db_snapshots(DBSnapshotIdentifier="there")["DBSnapshots"][0]["KmsKeyId"] == west_key


def test_a_snapshot_is_shared_by_account_and_in_public_only_if_it_is_open(cloud, rds):
    for name, more in (("open", {}), ("closed", {"StorageEncrypted": True})):
        rds.create_db_instance(DBInstanceIdentifier=name, **ASKED, **more)
        available(cloud, name)
        rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=name)
    cloud.advance(1)
    other = cloud.other()
    arn = rds.describe_db_snapshots(DBSnapshotIdentifier="open")["DBSnapshots"][0]["DBSnapshotArn"]
    refused("DBSnapshotNotFound", other.client("rds").restore_db_instance_from_db_snapshot, DBInstanceIdentifier="mine", DBSnapshotIdentifier=arn)
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="open", AttributeName="restore", ValuesToAdd=[other.account])
    assert rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="open")["DBSnapshotAttributesResult"]["DBSnapshotAttributes"] == [{"AttributeName": "restore", "AttributeValues": [other.account]}]
    other.client("rds").restore_db_instance_from_db_snapshot(DBInstanceIdentifier="mine", DBSnapshotIdentifier=arn)
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="open", AttributeName="restore", ValuesToAdd=["all"])
    refused("InvalidParameterCombination", rds.modify_db_snapshot_attribute, DBSnapshotIdentifier="closed", AttributeName="restore", ValuesToAdd=["all"])
    refused("InvalidParameterCombination", rds.modify_db_snapshot_attribute, DBSnapshotIdentifier="closed", AttributeName="restore", ValuesToAdd=[other.account])     # under aws/rds


def test_a_replica_needs_backups_of_its_source(cloud, rds):
    rds.create_db_instance(DBInstanceIdentifier="source", BackupRetentionPeriod=0, **ASKED)
    available(cloud, "source")
    refused("InvalidDBInstanceState", rds.create_db_instance_read_replica, DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="source")


def test_tde_is_a_persistent_option_of_sql_server_enterprise_and_oracle(rds):
    options = lambda engine: {one["Name"]: one["Persistent"] for one in rds.describe_option_group_options(EngineName=engine)["OptionGroupOptions"]}
    assert options("sqlserver-ee")["TDE"] is True and options("oracle-ee")["TDE"] is True and "TDE" not in options("sqlserver-ex")
    rds.create_option_group(OptionGroupName="tde", EngineName="sqlserver-ee", MajorEngineVersion="15.00", OptionGroupDescription="d")
    refused("OptionGroupAlreadyExistsFault", rds.create_option_group, OptionGroupName="tde", EngineName="sqlserver-ee", MajorEngineVersion="15.00", OptionGroupDescription="d")
    rds.modify_option_group(OptionGroupName="tde", OptionsToInclude=[{"OptionName": "TDE"}], ApplyImmediately=True)
    assert rds.describe_option_groups(OptionGroupName="tde")["OptionGroupsList"][0]["Options"][0]["OptionName"] == "TDE"
    rds.create_db_instance(DBInstanceIdentifier="ms", OptionGroupName="tde", **ASKED)
    refused("InvalidOptionGroupStateFault", rds.modify_option_group, OptionGroupName="tde", OptionsToRemove=["TDE"])
    refused("InvalidOptionGroupStateFault", rds.delete_option_group, OptionGroupName="tde")
    refused("OptionGroupNotFoundFault", rds.describe_option_groups, OptionGroupName="none")


def test_a_subnet_group_covers_two_zones(cloud, rds):
    subnets = cloud.client("ec2").describe_subnets()["Subnets"]
    refused("DBSubnetGroupDoesNotCoverEnoughAZs", rds.create_db_subnet_group, DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=[subnets[0]["SubnetId"]])
    ids = [one["SubnetId"] for one in subnets[:2]]
    told = rds.create_db_subnet_group(DBSubnetGroupName="G", DBSubnetGroupDescription="d", SubnetIds=ids)["DBSubnetGroup"]
    assert told["DBSubnetGroupName"] == "g" and told["VpcId"] == subnets[0]["VpcId"]
    refused("DBSubnetGroupAlreadyExists", rds.create_db_subnet_group, DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=ids)
    rds.modify_db_subnet_group(DBSubnetGroupName="g", SubnetIds=[one["SubnetId"] for one in subnets[1:3]])
    rds.create_db_instance(DBInstanceIdentifier="in", DBSubnetGroupName="g", **ASKED)
    assert available(cloud, "in")["DBSubnetGroup"]["DBSubnetGroupName"] == "g"
    refused("InvalidDBSubnetGroupStateFault", rds.delete_db_subnet_group, DBSubnetGroupName="g")
    rds.delete_db_instance(DBInstanceIdentifier="in", SkipFinalSnapshot=True)
    cloud.advance(1)
    rds.delete_db_subnet_group(DBSubnetGroupName="g")
    refused("DBSubnetGroupNotFoundFault", rds.describe_db_subnet_groups, DBSubnetGroupName="g")


def test_an_engine_without_a_server_says_that_its_instances_are_records(cloud, rds):
    rds.create_db_instance(DBInstanceIdentifier="one", **ASKED)
    told = available(cloud, "one")
    assert "Endpoint" not in told and told["StatusInfos"][0]["StatusType"] == "Cloche.RecordOnly" and told["StatusInfos"][0]["Normal"] is False
    refused("InvalidParameterCombination", rds.create_db_instance, DBInstanceIdentifier="two", EnableIAMDatabaseAuthentication=True, **ASKED)


def test_offers_name_versions_classes_and_defaults(rds):
    assert rds.describe_orderable_db_instance_options(Engine="sqlserver-ee", DBInstanceClass="db.t2.micro")["OrderableDBInstanceOptions"][0]["SupportsStorageEncryption"] is False
    told = rds.describe_db_engine_versions(Engine="sqlserver-ee")["DBEngineVersions"][0]
    assert told["DBParameterGroupFamily"] == "sqlserver-ee-15.0"
    assert rds.describe_engine_default_parameters(DBParameterGroupFamily="sqlserver-ee-15.0")["EngineDefaults"]["DBParameterGroupFamily"] == "sqlserver-ee-15.0"


def test_parameter_groups_are_reset_and_deleted(rds):
    rds.create_db_parameter_group(DBParameterGroupName="pg", DBParameterGroupFamily="sqlserver-ee-15.0", Description="d")
    rds.reset_db_parameter_group(DBParameterGroupName="pg", ResetAllParameters=True)
    assert [one["DBParameterGroupName"] for one in rds.describe_db_parameter_groups()["DBParameterGroups"]] == ["pg"]
    rds.delete_db_parameter_group(DBParameterGroupName="pg")
    refused("DBParameterGroupNotFound", rds.describe_db_parameter_groups, DBParameterGroupName="pg")


def test_things_have_tags_that_policies_may_ask_for(cloud, rds):
    arn = rds.create_db_instance(DBInstanceIdentifier="tagged", Tags=[{"Key": "a", "Value": "1"}], **ASKED)["DBInstance"]["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "b", "Value": "2"}]
    refused("InvalidParameterValue", rds.list_tags_for_resource, ResourceName=arn.replace(":db:", ":what:"))
    small = Person(cloud, "small", allow("rds:CreateDBInstance", Condition={"StringEquals": {"rds:DatabaseClass": "db.t3.small"}})).client("rds")
    refused("AccessDenied", small.create_db_instance, DBInstanceIdentifier="large", **ASKED)
    small.create_db_instance(**{"DBInstanceIdentifier": "small", **ASKED, "DBInstanceClass": "db.t3.small"})


def test_a_stack_makes_an_instance_with_its_groups_and_waits_until_it_answers(cloud):
    cfn, subnets = cloud.client("cloudformation"), [one["SubnetId"] for one in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    template = {"Resources": {
        "Subnets": {"Type": "AWS::RDS::DBSubnetGroup", "Properties": {"DBSubnetGroupDescription": "d", "SubnetIds": subnets}},
        "Parameters": {"Type": "AWS::RDS::DBParameterGroup", "Properties": {"Family": "sqlserver-ee-15.0", "Description": "d"}},
        "Db": {"Type": "AWS::RDS::DBInstance", "Properties": {**{k: str(v) for k, v in ASKED.items()}, "DBSubnetGroupName": {"Ref": "Subnets"}, "DBParameterGroupName": {"Ref": "Parameters"}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Db", "DBInstanceArn"]}}, "Name": {"Value": {"Ref": "Db"}}}}
    cfn.create_stack(StackName="db", TemplateBody=json.dumps(template))
    for _ in range(20):
        told = cfn.describe_stacks(StackName="db")["Stacks"][0]
        if told["StackStatus"] != "CREATE_IN_PROGRESS":
            break
        cloud.advance(1)
    assert told["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName="db")["StackEvents"][:3]
    out = {one["OutputKey"]: one["OutputValue"] for one in told["Outputs"]}
    made = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=out["Name"])["DBInstances"][0]
    assert made["DBInstanceArn"] == out["Arn"] and made["DBInstanceStatus"] == "available"
    cfn.delete_stack(StackName="db")
    for _ in range(20):
        if cfn.describe_stacks(StackName=told["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE":
            break
        cloud.advance(1)
    assert cloud.client("rds").describe_db_instances()["DBInstances"] == [] and cloud.client("rds").describe_db_subnet_groups()["DBSubnetGroups"] == []
