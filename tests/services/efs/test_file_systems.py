"""EFS: file systems, mount targets in zones, access points, settings, and all of it in templates."""
import json

import pytest

from ..ec2.conftest import cloche_server  # noqa: F401 - records are enough: no machine runs
from ..ec2.instances import refused
from ..ec2.test_instance_stacks import gone, stack


@pytest.fixture
def efs(cloud):
    return cloud.client("efs")


def file_system(cloud, token="t", **more):
    id_ = cloud.client("efs").create_file_system(CreationToken=token, **more)["FileSystemId"]
    cloud.advance(5)
    return id_


def subnet(cloud, zone="us-east-1a"):
    return cloud.client("ec2").describe_subnets(Filters=[{"Name": "availability-zone", "Values": [zone]}])["Subnets"][0]


def test_one_file_system_for_each_creation_token(cloud, efs):
    where = subnet(cloud)["SubnetId"]
    made = efs.create_file_system(CreationToken="t", Tags=[{"Key": "Name", "Value": "data"}])
    assert made["LifeCycleState"] == "creating" and made["Name"] == "data" and made["NumberOfMountTargets"] == 0 and made["ThroughputMode"] == "bursting" and not made["Encrypted"]
    with pytest.raises(efs.exceptions.FileSystemAlreadyExists) as again:
        efs.create_file_system(CreationToken="t")
    assert again.value.response["FileSystemId"] == made["FileSystemId"] and again.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    refused("IncorrectFileSystemLifeCycleState", efs.create_mount_target, FileSystemId=made["FileSystemId"], SubnetId=where)
    cloud.advance(5)
    (shown,) = efs.describe_file_systems(CreationToken="t")["FileSystems"]
    assert shown["LifeCycleState"] == "available" and shown["FileSystemArn"] == f"arn:aws:elasticfilesystem:us-east-1:{cloud.account}:file-system/{made['FileSystemId']}"


def test_a_mount_target_a_zone_each_with_an_interface(cloud, efs):
    ec2 = cloud.client("ec2")
    id_, where = file_system(cloud), subnet(cloud)
    group = ec2.create_security_group(GroupName="nfs", Description="nfs", VpcId=where["VpcId"])["GroupId"]
    made = efs.create_mount_target(FileSystemId=id_, SubnetId=where["SubnetId"], SecurityGroups=[group])
    assert made["LifeCycleState"] == "creating" and made["AvailabilityZoneName"] == "us-east-1a" and made["VpcId"] == where["VpcId"]
    plug = ec2.describe_network_interfaces(NetworkInterfaceIds=[made["NetworkInterfaceId"]])["NetworkInterfaces"][0]
    assert plug["PrivateIpAddress"] == made["IpAddress"] and plug["Description"] == f"EFS mount target for {id_} ({made['MountTargetId']})" and plug["RequesterManaged"]
    assert efs.describe_mount_target_security_groups(MountTargetId=made["MountTargetId"])["SecurityGroups"] == [group]
    refused("MountTargetConflict", efs.create_mount_target, FileSystemId=id_, SubnetId=where["SubnetId"])
    other = efs.create_mount_target(FileSystemId=id_, SubnetId=subnet(cloud, "us-east-1b")["SubnetId"])
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    away = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1c")["Subnet"]["SubnetId"]
    refused("MountTargetConflict", efs.create_mount_target, FileSystemId=id_, SubnetId=away)
    cloud.advance(5)
    assert {t["LifeCycleState"] for t in efs.describe_mount_targets(FileSystemId=id_)["MountTargets"]} == {"available"}
    refused("FileSystemInUse", efs.delete_file_system, FileSystemId=id_)
    efs.modify_mount_target_security_groups(MountTargetId=other["MountTargetId"], SecurityGroups=[group])
    for target in (made, other):
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    cloud.advance(5)
    refused("MountTargetNotFound", efs.describe_mount_targets, MountTargetId=made["MountTargetId"])
    refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[made["NetworkInterfaceId"]])
    efs.delete_file_system(FileSystemId=id_)
    cloud.advance(5)
    refused("FileSystemNotFound", efs.describe_file_systems, FileSystemId=id_)
    file_system(cloud)


def test_what_mount_targets_cannot_be(cloud, efs):
    id_, where = file_system(cloud), subnet(cloud)["SubnetId"]
    refused("SubnetNotFound", efs.create_mount_target, FileSystemId=id_, SubnetId="subnet-0123456789abcdef0")
    refused("SecurityGroupNotFound", efs.create_mount_target, FileSystemId=id_, SubnetId=where, SecurityGroups=["sg-0123456789abcdef0"])
    refused("FileSystemNotFound", efs.create_mount_target, FileSystemId="fs-0123456789abcdef0", SubnetId=where)
    address = efs.create_mount_target(FileSystemId=id_, SubnetId=where)["IpAddress"]
    refused("IpAddressInUse", efs.create_mount_target, FileSystemId=file_system(cloud, "u"), SubnetId=where, IpAddress=address)
    refused("AvailabilityZonesMismatch", efs.create_mount_target, FileSystemId=file_system(cloud, "z", AvailabilityZoneName="us-east-1b"), SubnetId=where)


def test_access_points(cloud, efs):
    id_ = file_system(cloud)
    made = efs.create_access_point(ClientToken="c", FileSystemId=id_, PosixUser={"Uid": 1000, "Gid": 1000}, RootDirectory={"Path": "/app", "CreationInfo": {
        "OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0755"}}, Tags=[{"Key": "Name", "Value": "app"}])
    assert made["AccessPointId"].startswith("fsap-") and made["RootDirectory"]["Path"] == "/app" and made["Name"] == "app"
    refused("AccessPointAlreadyExists", efs.create_access_point, ClientToken="c", FileSystemId=id_)
    cloud.advance(5)
    assert efs.describe_access_points(FileSystemId=id_)["AccessPoints"][0]["LifeCycleState"] == "available"
    assert efs.create_access_point(ClientToken="d", FileSystemId=id_)["RootDirectory"] == {"Path": "/"}
    refused("ValidationException", efs.create_access_point, ClientToken="e", FileSystemId=id_, RootDirectory={"Path": "/a/b/c/d/e"})
    efs.delete_access_point(AccessPointId=made["AccessPointId"])
    refused("AccessPointNotFound", efs.describe_access_points, AccessPointId=made["AccessPointId"])


def test_settings_of_a_file_system(cloud, efs):
    id_ = file_system(cloud, Backup=True)
    assert efs.describe_backup_policy(FileSystemId=id_)["BackupPolicy"]["Status"] == "ENABLED"
    assert efs.put_backup_policy(FileSystemId=id_, BackupPolicy={"Status": "DISABLED"})["BackupPolicy"]["Status"] == "DISABLED"
    assert efs.describe_lifecycle_configuration(FileSystemId=id_)["LifecyclePolicies"] == []
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    assert efs.put_lifecycle_configuration(FileSystemId=id_, LifecyclePolicies=policies)["LifecyclePolicies"] == policies
    refused("BadRequest", efs.put_lifecycle_configuration, FileSystemId=id_, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS", "TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}])
    refused("PolicyNotFound", efs.describe_file_system_policy, FileSystemId=id_)
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientMount"}]})
    efs.put_file_system_policy(FileSystemId=id_, Policy=text)
    assert efs.describe_file_system_policy(FileSystemId=id_)["Policy"] == text
    refused("InvalidPolicyException", efs.put_file_system_policy, FileSystemId=id_, Policy='{"a":1}')
    efs.delete_file_system_policy(FileSystemId=id_)
    assert efs.update_file_system_protection(FileSystemId=id_, ReplicationOverwriteProtection="DISABLED")["ReplicationOverwriteProtection"] == "DISABLED"
    refused("BadRequest", efs.update_file_system, FileSystemId=id_, ThroughputMode="provisioned")
    assert efs.update_file_system(FileSystemId=id_, ThroughputMode="provisioned", ProvisionedThroughputInMibps=64)["ProvisionedThroughputInMibps"] == 64
    refused("TooManyRequests", efs.update_file_system, FileSystemId=id_, ThroughputMode="elastic")
    cloud.advance(days=1)
    assert efs.update_file_system(FileSystemId=id_, ThroughputMode="elastic")["ThroughputMode"] == "elastic"
    assert efs.put_account_preferences(ResourceIdType="LONG_ID")["ResourceIdPreference"] == efs.describe_account_preferences()["ResourceIdPreference"]


def test_tags(cloud, efs):
    id_ = file_system(cloud, Tags=[{"Key": "a", "Value": "1"}])
    efs.tag_resource(ResourceId=id_, Tags=[{"Key": "b", "Value": "2"}])
    efs.untag_resource(ResourceId=id_, TagKeys=["a"])
    efs.create_tags(FileSystemId=id_, Tags=[{"Key": "c", "Value": "3"}])
    assert efs.list_tags_for_resource(ResourceId=id_)["Tags"] == [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}] == efs.describe_tags(FileSystemId=id_)["Tags"]
    efs.delete_tags(FileSystemId=id_, TagKeys=["b"])
    assert efs.list_tags_for_resource(ResourceId=id_)["Tags"] == [{"Key": "c", "Value": "3"}]


def test_an_encrypted_file_system_has_a_key(cloud, efs):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    refused("BadRequest", efs.create_file_system, CreationToken="k", KmsKeyId=key)
    file_system(cloud, "k", Encrypted=True, KmsKeyId=key)
    file_system(cloud, "d", Encrypted=True)
    shown = {f["CreationToken"]: f for f in efs.describe_file_systems()["FileSystems"]}
    assert shown["k"]["KmsKeyId"] == key and shown["d"]["Encrypted"] and shown["d"]["KmsKeyId"] != key


def test_file_systems_are_listed_by_pages(cloud, efs):
    ids = [file_system(cloud, str(n)) for n in range(3)]
    first = efs.describe_file_systems(MaxItems=2)
    rest = efs.describe_file_systems(MaxItems=2, Marker=first["NextMarker"])
    assert [f["FileSystemId"] for f in first["FileSystems"] + rest["FileSystems"]] == ids and "NextMarker" not in rest


def test_a_user_needs_permission_for_the_file_system(cloud):
    iam, id_ = cloud.client("iam"), file_system(cloud)
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "elasticfilesystem:*", "Resource": f"arn:aws:elasticfilesystem:us-east-1:{cloud.account}:file-system/{id_}"}]}))
    pair = iam.create_access_key(UserName="u")["AccessKey"]
    efs = cloud.client("efs", key=pair["AccessKeyId"], secret=pair["SecretAccessKey"])
    assert efs.describe_file_systems(FileSystemId=id_)["FileSystems"]
    refused("AccessDeniedException", efs.create_file_system, CreationToken="x")


def test_file_systems_in_templates(cloud, efs):
    where = subnet(cloud)
    group = cloud.client("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [where["VpcId"]]}])["SecurityGroups"][0]["GroupId"]
    resources = {
        "F": {"Type": "AWS::EFS::FileSystem", "Properties": {"LifecyclePolicies": [{"TransitionToIA": "AFTER_30_DAYS"}], "FileSystemTags": [{"Key": "Name", "Value": "data"}]}},
        "M": {"Type": "AWS::EFS::MountTarget", "Properties": {"FileSystemId": {"Ref": "F"}, "SubnetId": where["SubnetId"], "SecurityGroups": [group]}},
        "P": {"Type": "AWS::EFS::AccessPoint", "Properties": {"FileSystemId": {"Ref": "F"}, "PosixUser": {"Uid": "1", "Gid": "1"}}},
    }
    out = stack(cloud, resources, outputs={"F": {"Ref": "F"}, "A": {"Fn::GetAtt": ["F", "Arn"]}, "Ip": {"Fn::GetAtt": ["M", "IpAddress"]}, "P": {"Ref": "P"}})
    assert efs.describe_lifecycle_configuration(FileSystemId=out["F"])["LifecyclePolicies"] and efs.describe_mount_targets(AccessPointId=out["P"])["MountTargets"][0]["IpAddress"] == out["Ip"]
    resources["F"]["Properties"]["FileSystemTags"] = [{"Key": "Name", "Value": "new"}]
    stack(cloud, resources, update=True)
    assert efs.describe_file_systems(FileSystemId=out["F"])["FileSystems"][0]["Name"] == "new"
    gone(cloud)
    refused("FileSystemNotFound", efs.describe_file_systems, FileSystemId=out["F"])
