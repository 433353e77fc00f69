"""EFS: file systems, mount targets, access points as records (no machine is needed)."""
import json

import pytest

from cloche.testing import Cloche
from cloche.testing.people import Person, allow, deny, document, refused


@pytest.fixture(scope="module")
def cloche_server():
    with Cloche(compute="none") as cloud:
        yield cloud


def made(cloud, token="one", **more):
    id_ = cloud.client("efs").create_file_system(CreationToken=token, **more)["FileSystemId"]
    cloud.advance(2)
    return id_


def subnets(cloud):
    """Zone -> default subnet."""
    return {one["AvailabilityZone"]: one for one in cloud.client("ec2").describe_subnets()["Subnets"]}


def test_a_file_system_is_creating_and_then_available(cloud):
    efs = cloud.client("efs")
    answer = efs.create_file_system(CreationToken="one", Tags=[{"Key": "Name", "Value": "shared"}])
    assert answer["LifeCycleState"] == "creating" and answer["FileSystemId"].startswith("fs-") and answer["Name"] == "shared" and answer["NumberOfMountTargets"] == 0
    assert answer["FileSystemArn"] == f"arn:aws:elasticfilesystem:us-east-1:{cloud.account}:file-system/{answer['FileSystemId']}"
    assert (answer["PerformanceMode"], answer["ThroughputMode"], answer["Encrypted"]) == ("generalPurpose", "bursting", False)
    cloud.advance(2)
    found = efs.describe_file_systems(FileSystemId=answer["FileSystemId"])["FileSystems"][0]
    assert found["LifeCycleState"] == "available" and found["SizeInBytes"]["Value"] == 6144


def test_the_creation_token_makes_it_idempotent(cloud):
    efs = cloud.client("efs")
    id_ = made(cloud)
    with pytest.raises(efs.exceptions.FileSystemAlreadyExists) as caught:
        efs.create_file_system(CreationToken="one")
    assert caught.value.response["FileSystemId"] == id_ and caught.value.response["ErrorCode"] == "FileSystemAlreadyExists"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert efs.describe_file_systems(CreationToken="one")["FileSystems"][0]["FileSystemId"] == id_
    efs.delete_file_system(FileSystemId=id_)
    refused("FileSystemNotFound", efs.describe_file_systems, FileSystemId=id_)
    assert made(cloud) != id_


@pytest.mark.parametrize("request_, code", [
    ({"ThroughputMode": "provisioned"}, "BadRequest"), ({"ProvisionedThroughputInMibps": 5}, "BadRequest"), ({"KmsKeyId": "alias/x"}, "BadRequest"),
    ({"AvailabilityZoneName": "eu-west-1a"}, "UnsupportedAvailabilityZone"), ({"PerformanceMode": "maxIO", "ThroughputMode": "elastic"}, "BadRequest"),
])
def test_what_is_refused(cloud, request_, code):
    refused(code, cloud.client("efs").create_file_system, CreationToken="x", **request_)


def test_one_mount_target_per_zone_in_one_vpc(cloud):
    efs, ec2 = cloud.client("efs"), cloud.client("ec2")
    id_ = made(cloud)
    first, second, *_ = subnets(cloud).values()
    group = ec2.create_security_group(GroupName="nfs", Description="nfs")["GroupId"]
    target = efs.create_mount_target(FileSystemId=id_, SubnetId=first["SubnetId"], SecurityGroups=[group])
    assert target["LifeCycleState"] == "creating" and target["AvailabilityZoneName"] == first["AvailabilityZone"] and target["VpcId"] == first["VpcId"]
    plug = ec2.describe_network_interfaces(NetworkInterfaceIds=[target["NetworkInterfaceId"]])["NetworkInterfaces"][0]
    assert plug["InterfaceType"] == "efs" and plug["PrivateIpAddress"] == target["IpAddress"] and plug["Description"] == f"EFS mount target for {id_} ({target['MountTargetId']})"
    assert plug["RequesterManaged"] and [one["GroupId"] for one in plug["Groups"]] == [group]
    refused("MountTargetConflict", efs.create_mount_target, FileSystemId=id_, SubnetId=first["SubnetId"])
    other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    elsewhere = ec2.create_subnet(VpcId=other, CidrBlock="10.0.0.0/24", AvailabilityZone=second["AvailabilityZone"])["Subnet"]["SubnetId"]
    refused("MountTargetConflict", efs.create_mount_target, FileSystemId=id_, SubnetId=elsewhere)
    refused("SubnetNotFound", efs.create_mount_target, FileSystemId=id_, SubnetId="subnet-00000000000000000")
    refused("SecurityGroupNotFound", efs.create_mount_target, FileSystemId=id_, SubnetId=second["SubnetId"], SecurityGroups=["sg-00000000000000000"])
    cloud.advance(5)
    assert efs.describe_mount_targets(MountTargetId=target["MountTargetId"])["MountTargets"][0]["LifeCycleState"] == "available"
    assert efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"] == [group]
    third = ec2.create_security_group(GroupName="nfs2", Description="nfs")["GroupId"]
    efs.modify_mount_target_security_groups(MountTargetId=target["MountTargetId"], SecurityGroups=[third])
    assert efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"] == [third]
    refused("FileSystemInUse", efs.delete_file_system, FileSystemId=id_)
    efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    refused("MountTargetNotFound", efs.describe_mount_targets, MountTargetId=target["MountTargetId"])
    refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[target["NetworkInterfaceId"]])
    efs.delete_file_system(FileSystemId=id_)


def test_a_one_zone_file_system_has_its_mount_target_there(cloud):
    efs = cloud.client("efs")
    places = subnets(cloud)
    id_ = made(cloud, AvailabilityZoneName="us-east-1a")
    refused("AvailabilityZonesMismatch", efs.create_mount_target, FileSystemId=id_, SubnetId=places["us-east-1b"]["SubnetId"])
    assert efs.create_mount_target(FileSystemId=id_, SubnetId=places["us-east-1a"]["SubnetId"])["MountTargetId"].startswith("fsmt-")


def test_access_points_are_made_once_per_token(cloud):
    efs = cloud.client("efs")
    id_ = made(cloud)
    root = {"Path": "/app", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "750"}}
    point = efs.create_access_point(ClientToken="t", FileSystemId=id_, PosixUser={"Uid": 1000, "Gid": 1000}, RootDirectory=root, Tags=[{"Key": "Name", "Value": "app"}])
    assert point["LifeCycleState"] == "available" and point["RootDirectory"] == root and point["Name"] == "app"
    refused("AccessPointAlreadyExists", efs.create_access_point, ClientToken="t", FileSystemId=id_)
    refused("ValidationException", efs.create_access_point, ClientToken="u", FileSystemId=id_, RootDirectory={"Path": "app"})
    assert [one["AccessPointId"] for one in efs.describe_access_points(FileSystemId=id_)["AccessPoints"]] == [point["AccessPointId"]]
    efs.delete_access_point(AccessPointId=point["AccessPointId"])
    refused("AccessPointNotFound", efs.describe_access_points, AccessPointId=point["AccessPointId"])


def test_policy_lifecycle_backup_protection_throughput(cloud):
    efs = cloud.client("efs")
    id_ = made(cloud)
    refused("PolicyNotFound", efs.describe_file_system_policy, FileSystemId=id_)
    text = document(deny("elasticfilesystem:ClientWrite", Principal="*"))
    efs.put_file_system_policy(FileSystemId=id_, Policy=text)
    assert json.loads(efs.describe_file_system_policy(FileSystemId=id_)["Policy"]) == json.loads(text)
    refused("InvalidPolicyException", efs.put_file_system_policy, FileSystemId=id_, Policy="{}")
    efs.delete_file_system_policy(FileSystemId=id_)
    wanted = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    assert efs.put_lifecycle_configuration(FileSystemId=id_, LifecyclePolicies=wanted)["LifecyclePolicies"] == wanted
    refused("BadRequest", efs.put_lifecycle_configuration, FileSystemId=id_, LifecyclePolicies=[wanted[0] | wanted[1]])
    assert efs.describe_lifecycle_configuration(FileSystemId=id_)["LifecyclePolicies"] == wanted
    assert efs.describe_backup_policy(FileSystemId=id_)["BackupPolicy"]["Status"] == "DISABLED"
    efs.put_backup_policy(FileSystemId=id_, BackupPolicy={"Status": "ENABLED"})
    assert efs.describe_backup_policy(FileSystemId=id_)["BackupPolicy"]["Status"] == "ENABLED"
    assert efs.update_file_system_protection(FileSystemId=id_, ReplicationOverwriteProtection="DISABLED")["ReplicationOverwriteProtection"] == "DISABLED"
    assert efs.update_file_system(FileSystemId=id_, ThroughputMode="elastic")["ThroughputMode"] == "elastic"
    refused("BadRequest", efs.update_file_system, FileSystemId=id_, ThroughputMode="provisioned")
    assert efs.describe_account_preferences()["ResourceIdPreference"]["ResourceIdType"] == "LONG_ID"


def test_tags_the_new_way_and_the_old(cloud):
    efs = cloud.client("efs")
    id_ = made(cloud)
    efs.tag_resource(ResourceId=id_, Tags=[{"Key": "a", "Value": "1"}])
    efs.create_tags(FileSystemId=id_, Tags=[{"Key": "b", "Value": "2"}])
    assert {one["Key"]: one["Value"] for one in efs.list_tags_for_resource(ResourceId=id_)["Tags"]} == {"a": "1", "b": "2"}
    efs.untag_resource(ResourceId=id_, TagKeys=["a"])
    efs.delete_tags(FileSystemId=id_, TagKeys=["b"])
    assert efs.describe_tags(FileSystemId=id_)["Tags"] == []


def test_permission_is_asked_for_the_file_system(cloud):
    one, other = made(cloud), made(cloud, "two")
    person = Person(cloud, "one", allow("elasticfilesystem:*", f"arn:aws:elasticfilesystem:us-east-1:{cloud.account}:file-system/{one}")).client("efs")
    assert person.describe_file_systems(FileSystemId=one)["FileSystems"]
    refused("AccessDeniedException", person.describe_file_systems, FileSystemId=other)
    refused("AccessDeniedException", person.describe_file_systems)


TEMPLATE = """
Resources:
  Files:
    Type: AWS::EFS::FileSystem
    Properties:
      FileSystemTags: [{Key: Name, Value: files}]
      LifecyclePolicies: [{TransitionToIA: AFTER_7_DAYS}]
  Target:
    Type: AWS::EFS::MountTarget
    Properties: {FileSystemId: !Ref Files, SubnetId: %s, SecurityGroups: [%s]}
  Point:
    Type: AWS::EFS::AccessPoint
    Properties: {FileSystemId: !Ref Files, RootDirectory: {Path: /app}}
Outputs:
  Files: {Value: !Ref Files}
  Arn: {Value: !GetAtt Files.Arn}
  Address: {Value: !GetAtt Target.IpAddress}
  Point: {Value: !GetAtt Point.Arn}
"""


def test_a_stack_makes_all_of_it(cloud):
    cfn, efs, ec2 = cloud.client("cloudformation"), cloud.client("efs"), cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="nfs", Description="nfs")["GroupId"]
    cfn.create_stack(StackName="files", TemplateBody=TEMPLATE % (subnet["SubnetId"], group))
    cloud.advance(30)
    stack = cfn.describe_stacks(StackName="files")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", [one.get("ResourceStatusReason") for one in cfn.describe_stack_events(StackName="files")["StackEvents"]]
    out = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    assert out["Arn"].endswith(out["Files"]) and out["Point"].startswith("arn:aws:elasticfilesystem")
    assert efs.describe_mount_targets(FileSystemId=out["Files"])["MountTargets"][0]["IpAddress"] == out["Address"]
    assert efs.describe_lifecycle_configuration(FileSystemId=out["Files"])["LifecyclePolicies"] == [{"TransitionToIA": "AFTER_7_DAYS"}]
    cfn.delete_stack(StackName="files")
    cloud.advance(30)
    assert not efs.describe_file_systems()["FileSystems"]
