"""EBS volumes: their types, their attachment, what may be detached when, growing, and keys."""
import json

import pytest

from .instances import launch, one, refused

ZONE = "us-east-1a"


def volume(cloud, **more):
    id_ = cloud.client("ec2").create_volume(**{"AvailabilityZone": ZONE, "Size": 8, "VolumeType": "gp3", **more})["VolumeId"]
    cloud.advance(5)
    return id_


def look(ec2, id_):
    return ec2.describe_volumes(VolumeIds=[id_])["Volumes"][0]


def test_a_volume_is_creating_available_in_use_and_available_again(cloud):
    ec2 = cloud.client("ec2")
    made = ec2.create_volume(AvailabilityZone=ZONE, Size=8)
    assert made["State"] == "creating" and made["VolumeType"] == "gp2" and made["Iops"] == 100
    cloud.advance(5)
    id_, instance = made["VolumeId"], launch(cloud, Placement={"AvailabilityZone": ZONE})
    assert look(ec2, id_)["State"] == "available"
    assert ec2.attach_volume(VolumeId=id_, InstanceId=instance, Device="/dev/sdf")["State"] == "attaching"
    cloud.advance(5)
    now = look(ec2, id_)
    assert now["State"] == "in-use" and now["Attachments"][0]["State"] == "attached" and now["Attachments"][0]["DeleteOnTermination"] is False
    assert [m["DeviceName"] for m in one(ec2, instance)["BlockDeviceMappings"]] == ["/dev/xvda", "/dev/sdf"]
    refused("VolumeInUse", ec2.delete_volume, VolumeId=id_)
    refused("VolumeInUse", ec2.attach_volume, VolumeId=id_, InstanceId=launch(cloud, Placement={"AvailabilityZone": ZONE}), Device="/dev/sdf")
    refused("InvalidParameterValue", ec2.attach_volume, VolumeId=volume(cloud), InstanceId=instance, Device="/dev/sdf")
    assert ec2.detach_volume(VolumeId=id_)["State"] == "detaching"
    cloud.advance(5)
    assert look(ec2, id_)["State"] == "available"
    refused("IncorrectState", ec2.detach_volume, VolumeId=id_)
    ec2.delete_volume(VolumeId=id_)
    refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=[id_])


def test_a_volume_attaches_only_within_its_zone(cloud):
    ec2 = cloud.client("ec2")
    refused("InvalidVolume.ZoneMismatch", ec2.attach_volume, VolumeId=volume(cloud), InstanceId=launch(cloud, Placement={"AvailabilityZone": "us-east-1b"}), Device="/dev/sdf")


def test_the_root_volume_leaves_only_a_stopped_instance_which_then_does_not_start(cloud):
    ec2 = cloud.client("ec2")
    instance = launch(cloud)
    root = one(ec2, instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    error = refused("OperationNotPermitted", ec2.detach_volume, VolumeId=root)
    assert error["Message"].startswith("Unable to detach root volume")
    ec2.stop_instances(InstanceIds=[instance])
    cloud.advance(5)
    ec2.detach_volume(VolumeId=root)
    cloud.advance(5)
    assert "does not have a volume attached at root" in refused("InvalidParameterValue", ec2.start_instances, InstanceIds=[instance])["Message"]
    ec2.attach_volume(VolumeId=root, InstanceId=instance, Device="/dev/xvda")
    ec2.start_instances(InstanceIds=[instance])
    cloud.advance(5)
    assert one(ec2, instance)["State"]["Name"] == "running"


def test_what_was_attached_later_outlives_the_instance_and_the_root_does_not(cloud):
    ec2 = cloud.client("ec2")
    instance, id_ = launch(cloud, Placement={"AvailabilityZone": ZONE}), volume(cloud)
    root = one(ec2, instance)["BlockDeviceMappings"][0]
    assert root["Ebs"]["DeleteOnTermination"] is True
    ec2.attach_volume(VolumeId=id_, InstanceId=instance, Device="/dev/sdg")
    ec2.terminate_instances(InstanceIds=[instance])
    cloud.advance(5)
    assert look(ec2, id_)["State"] == "available"
    refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=[root["Ebs"]["VolumeId"]])
    kept = launch(cloud, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}])
    root = one(ec2, kept)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2.terminate_instances(InstanceIds=[kept])
    cloud.advance(5)
    assert look(ec2, root)["State"] == "available"


@pytest.mark.parametrize("request_, code", [
    ({"Size": 20000, "VolumeType": "gp2"}, "InvalidParameterValue"), ({"Size": 8, "VolumeType": "io1"}, "MissingParameter"), ({"Size": 8, "VolumeType": "io1", "Iops": 10000}, "InvalidParameterValue"),
    ({"Size": 8, "VolumeType": "gp2", "Iops": 100}, "InvalidParameterCombination"), ({"Size": 8, "VolumeType": "gp2", "Throughput": 125}, "InvalidParameterCombination"),
    ({"Size": 8, "VolumeType": "gp3", "Throughput": 1000}, "InvalidParameterValue"), ({"Size": 8, "VolumeType": "st1"}, "InvalidParameterValue"), ({"VolumeType": "gp3"}, "MissingParameter"),
    ({"Size": 8, "MultiAttachEnabled": True, "VolumeType": "gp3"}, "InvalidParameterValue"), ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
    ({"Size": 8, "AvailabilityZone": "eu-west-1a"}, "InvalidZone.NotFound"), ({"Size": 8, "KmsKeyId": "alias/none", "Encrypted": True}, "InvalidKMSKey.NotFound"),
])
def test_what_volumes_cannot_be(cloud, request_, code):
    refused(code, cloud.client("ec2").create_volume, **{"AvailabilityZone": ZONE, **request_})


def test_multi_attach_is_for_io1_and_io2(cloud):
    ec2 = cloud.client("ec2")
    id_ = volume(cloud, VolumeType="io2", Iops=100, MultiAttachEnabled=True)
    for _ in range(2):
        ec2.attach_volume(VolumeId=id_, InstanceId=launch(cloud, Placement={"AvailabilityZone": ZONE}), Device="/dev/sdf")
    cloud.advance(5)
    assert len(look(ec2, id_)["Attachments"]) == 2


def test_a_volume_grows_and_never_shrinks_and_changes_four_times_a_day(cloud):
    ec2 = cloud.client("ec2")
    id_ = volume(cloud)
    assert ec2.modify_volume(VolumeId=id_, Size=10)["VolumeModification"]["ModificationState"] == "modifying"
    refused("IncorrectModificationState", ec2.modify_volume, VolumeId=id_, Size=11)
    cloud.advance(minutes=2)
    row = ec2.describe_volumes_modifications(VolumeIds=[id_])["VolumesModifications"][0]
    assert (row["ModificationState"], row["Progress"], row["OriginalSize"], row["TargetSize"]) == ("completed", 100, 8, 10) and look(ec2, id_)["Size"] == 10
    assert refused("InvalidParameterValue", ec2.modify_volume, VolumeId=id_, Size=9)["Message"] == "New size cannot be smaller than existing size"
    for size in (11, 12, 13):
        ec2.modify_volume(VolumeId=id_, Size=size, VolumeType="gp3")
        cloud.advance(minutes=2)
    refused("VolumeModificationRateExceeded", ec2.modify_volume, VolumeId=id_, Size=14)
    cloud.advance(hours=24)
    ec2.modify_volume(VolumeId=id_, VolumeType="io2", Iops=500)
    cloud.advance(minutes=2)
    assert look(ec2, id_)["Iops"] == 500


def test_encryption_asks_the_key_and_a_disabled_key_keeps_the_volume_off(cloud):
    ec2, kms = cloud.client("ec2"), cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    id_ = volume(cloud, Encrypted=True, KmsKeyId=key["KeyId"])
    assert look(ec2, id_)["Encrypted"] and look(ec2, id_)["KmsKeyId"] == key["Arn"]
    kms.disable_key(KeyId=key["KeyId"])
    refused("InvalidKMSKey.InvalidState", ec2.attach_volume, VolumeId=id_, InstanceId=launch(cloud, Placement={"AvailabilityZone": ZONE}), Device="/dev/sdf")
    refused("InvalidKMSKey.InvalidState", ec2.create_volume, AvailabilityZone=ZONE, Size=1, Encrypted=True, KmsKeyId=key["KeyId"])


def test_encryption_by_default_is_a_regional_setting(cloud):
    ec2 = cloud.client("ec2")
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False and ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    ec2.enable_ebs_encryption_by_default()
    assert look(ec2, volume(cloud))["Encrypted"] and cloud.client("ec2", region="eu-west-1").get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    instance = launch(cloud)
    assert look(ec2, one(ec2, instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"])["Encrypted"]
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)["KmsKeyId"] == key and look(ec2, volume(cloud))["KmsKeyId"] == key
    assert ec2.reset_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False and not look(ec2, volume(cloud))["Encrypted"]


def test_a_user_who_may_not_use_the_key_makes_no_volume_with_it(cloud):
    kms, iam = cloud.client("kms"), cloud.client("iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}))
    pair = iam.create_access_key(UserName="u")["AccessKey"]
    ec2 = cloud.client("ec2", key=pair["AccessKeyId"], secret=pair["SecretAccessKey"])
    ec2.create_volume(AvailabilityZone=ZONE, Size=1)
    refused("UnauthorizedOperation", ec2.create_volume, AvailabilityZone=ZONE, Size=1, Encrypted=True, KmsKeyId=key)


def test_attributes_and_status_of_volumes(cloud):
    ec2 = cloud.client("ec2")
    id_ = volume(cloud)
    ec2.modify_volume_attribute(VolumeId=id_, AutoEnableIO={"Value": True})
    assert ec2.describe_volume_attribute(VolumeId=id_, Attribute="autoEnableIO")["AutoEnableIO"]["Value"] is True
    ec2.enable_volume_io(VolumeId=id_)
    assert ec2.describe_volume_status(VolumeIds=[id_])["VolumeStatuses"][0]["VolumeStatus"]["Status"] == "ok"
    assert [v["VolumeId"] for v in ec2.describe_volumes(Filters=[{"Name": "status", "Values": ["available"]}, {"Name": "size", "Values": ["8"]}])["Volumes"]] == [id_]


def test_an_instance_whose_disk_has_a_disabled_key_starts_and_falls_back(cloud):
    ec2, kms = cloud.client("ec2"), cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    id_ = launch(cloud, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": key}}])
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(5)
    kms.disable_key(KeyId=key)
    assert ec2.start_instances(InstanceIds=[id_])["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
    cloud.advance(5)
    assert one(ec2, id_)["State"]["Name"] == "stopped" and one(ec2, id_)["StateReason"]["Code"] == "Client.InvalidKMSKey.InvalidState"
    kms.enable_key(KeyId=key)
    ec2.start_instances(InstanceIds=[id_])
    cloud.advance(5)
    assert one(ec2, id_)["State"]["Name"] == "running"
