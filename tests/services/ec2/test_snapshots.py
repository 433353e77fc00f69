"""Snapshots: at the moment of the call, regional, copied, shared, in use by images."""
from .instances import launch, one, refused
from .test_volumes import ZONE, look, volume


def snapshot(cloud, volume_id, **more):
    id_ = cloud.client("ec2").create_snapshot(VolumeId=volume_id, **more)["SnapshotId"]
    cloud.advance(10)
    return id_


def test_a_snapshot_is_pending_and_then_completed_and_makes_volumes_in_any_zone(cloud):
    ec2 = cloud.client("ec2")
    made = ec2.create_snapshot(VolumeId=volume(cloud), Description="d")
    assert made["State"] == "pending" and made["VolumeSize"] == 8
    refused("IncorrectState", ec2.create_volume, AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"])
    cloud.advance(10)
    shown = ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])["Snapshots"][0]
    assert (shown["State"], shown["Progress"], shown["Description"]) == ("completed", "100%", "d")
    other = volume(cloud, AvailabilityZone="us-east-1c", Size=10, SnapshotId=made["SnapshotId"])
    assert look(ec2, other)["SnapshotId"] == made["SnapshotId"] and look(ec2, other)["Size"] == 10
    refused("InvalidParameterValue", ec2.create_volume, AvailabilityZone=ZONE, SnapshotId=made["SnapshotId"], Size=4)
    ec2.delete_snapshot(SnapshotId=made["SnapshotId"])
    refused("InvalidSnapshot.NotFound", ec2.describe_snapshots, SnapshotIds=[made["SnapshotId"]])


def test_snapshots_are_regional_until_copied(cloud):
    ec2, away = cloud.client("ec2"), cloud.client("ec2", region="eu-west-1")
    id_ = snapshot(cloud, volume(cloud))
    refused("InvalidSnapshot.NotFound", away.describe_snapshots, SnapshotIds=[id_])
    copy = away.copy_snapshot(SourceSnapshotId=id_, SourceRegion="us-east-1", Description="from afar")["SnapshotId"]
    cloud.advance(10)
    assert copy != id_ and away.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]["State"] == "completed"
    assert not away.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]["Encrypted"]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["SnapshotId"] == id_


def test_what_is_encrypted_stays_encrypted(cloud):
    ec2, kms = cloud.client("ec2"), cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    id_ = snapshot(cloud, volume(cloud, Encrypted=True, KmsKeyId=key))
    assert ec2.describe_snapshots(SnapshotIds=[id_])["Snapshots"][0]["KmsKeyId"] == key
    assert look(ec2, volume(cloud, SnapshotId=id_))["KmsKeyId"] == key
    refused("InvalidParameterValue", ec2.create_volume, AvailabilityZone=ZONE, SnapshotId=id_, Encrypted=False)
    refused("InvalidParameterValue", ec2.copy_snapshot, SourceSnapshotId=id_, SourceRegion="us-east-1", Encrypted=False)
    plain = snapshot(cloud, volume(cloud))
    copy = ec2.copy_snapshot(SourceSnapshotId=plain, SourceRegion="us-east-1", Encrypted=True)["SnapshotId"]
    assert ec2.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]["Encrypted"]
    refused("InvalidParameterDependency", ec2.copy_snapshot, SourceSnapshotId=plain, SourceRegion="us-east-1", KmsKeyId=key)


def test_a_shared_snapshot_is_usable_by_the_account_it_was_shared_with(cloud):
    ec2, other = cloud.client("ec2"), cloud.other()
    theirs = other.client("ec2")
    id_ = snapshot(cloud, volume(cloud))
    refused("InvalidSnapshot.NotFound", theirs.create_volume, AvailabilityZone=ZONE, SnapshotId=id_)
    ec2.modify_snapshot_attribute(SnapshotId=id_, Attribute="createVolumePermission", OperationType="add", UserIds=[other.account])
    assert ec2.describe_snapshot_attribute(SnapshotId=id_, Attribute="createVolumePermission")["CreateVolumePermissions"] == [{"UserId": other.account}]
    theirs.create_volume(AvailabilityZone=ZONE, SnapshotId=id_)
    refused("AuthFailure", theirs.delete_snapshot, SnapshotId=id_)
    ec2.reset_snapshot_attribute(SnapshotId=id_, Attribute="createVolumePermission")
    refused("InvalidSnapshot.NotFound", theirs.create_volume, AvailabilityZone=ZONE, SnapshotId=id_)
    ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
    refused("OperationNotPermitted", ec2.modify_snapshot_attribute, SnapshotId=id_, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
    ec2.disable_snapshot_block_public_access()
    ec2.modify_snapshot_attribute(SnapshotId=id_, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
    assert theirs.describe_snapshots(SnapshotIds=[id_])["Snapshots"][0]["OwnerId"] == cloud.account


def test_snapshots_of_all_volumes_of_an_instance(cloud):
    ec2 = cloud.client("ec2")
    instance = launch(cloud, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3}}])
    assert sorted(s["VolumeSize"] for s in ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})["Snapshots"]) == [3, 8]
    assert [s["VolumeSize"] for s in ec2.create_snapshots(InstanceSpecification={"InstanceId": instance, "ExcludeBootVolume": True})["Snapshots"]] == [3]
    assert len(one(ec2, instance)["BlockDeviceMappings"]) == 2


def test_fast_restore_is_by_zone(cloud):
    ec2 = cloud.client("ec2")
    id_ = snapshot(cloud, volume(cloud))
    assert ec2.enable_fast_snapshot_restores(SourceSnapshotIds=[id_], AvailabilityZones=[ZONE])["Successful"][0]["State"] == "enabling"
    assert ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"][0]["State"] == "enabled"
    assert look(ec2, volume(cloud, SnapshotId=id_))["FastRestored"] is True and "FastRestored" not in look(ec2, volume(cloud, SnapshotId=id_, AvailabilityZone="us-east-1b"))
    ec2.disable_fast_snapshot_restores(SourceSnapshotIds=[id_], AvailabilityZones=[ZONE])
    assert ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"] == []


def test_a_locked_snapshot_is_not_deleted(cloud):
    ec2 = cloud.client("ec2")
    id_ = snapshot(cloud, volume(cloud))
    ec2.lock_snapshot(SnapshotId=id_, LockMode="governance", LockDuration=1)
    assert ec2.describe_locked_snapshots()["Snapshots"][0]["LockState"] == "governance"
    refused("OperationNotPermitted", ec2.delete_snapshot, SnapshotId=id_)
    ec2.unlock_snapshot(SnapshotId=id_)
    ec2.delete_snapshot(SnapshotId=id_)
