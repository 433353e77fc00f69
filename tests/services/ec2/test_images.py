"""Images: the published ones, those made of instances, and AWS's table of what a copy's encryption is."""
import pytest

from .instances import AL2, AL2023, launch, one, refused


def image(cloud, name="mine", instance=None, **more):
    id_ = cloud.client("ec2").create_image(InstanceId=instance or launch(cloud), Name=name, **more)["ImageId"]
    cloud.advance(20)
    return id_


def test_the_latest_amazon_linux_of_the_parameter_store_is_an_image_of_amazons(cloud):
    ec2, ssm = cloud.client("ec2"), cloud.client("ssm")
    id_ = ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]
    shown = ec2.describe_images(ImageIds=[id_])["Images"][0]
    assert shown["ImageOwnerAlias"] == "amazon" and shown["Public"] and shown["ImdsSupport"] == "v2.0" and shown["Name"].startswith("al2023-ami-2023")
    old = ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2")["Parameter"]["Value"]
    assert "ImdsSupport" not in ec2.describe_images(ImageIds=[old])["Images"][0]
    found = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023-ami-2023*"]}, {"Name": "architecture", "Values": ["x86_64"]}])["Images"]
    assert id_ in [i["ImageId"] for i in found]
    assert ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["ubuntu/images/*jammy*"]}])["Images"]


def test_published_images_are_regional_too_and_there_are_some_for_each_architecture(cloud):
    here, away = cloud.client("ssm"), cloud.client("ssm", region="eu-west-1")
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
    ids = [client.get_parameter(Name=name + arch)["Parameter"]["Value"] for client in (here, away) for arch in ("x86_64", "arm64")]
    assert len(set(ids)) == 4
    refused("InvalidAMIID.NotFound", cloud.client("ec2", region="eu-west-1").describe_images, ImageIds=ids[:1])
    assert cloud.client("ec2", region="eu-west-1").describe_images(ImageIds=[ids[3]])["Images"][0]["Architecture"] == "arm64"
    refused("InvalidParameterValue", cloud.client("ec2").run_instances, ImageId=ids[1], InstanceType="t3.micro", MinCount=1, MaxCount=1)
    launch(cloud, image=ids[1], kind="t4g.micro")
    launch(cloud, image=ids[2], region="eu-west-1")


def test_an_instance_of_an_image_for_v2_metadata_wants_tokens_with_two_hops(cloud):
    ec2 = cloud.client("ec2")
    new, old = one(ec2, launch(cloud, image=AL2023))["MetadataOptions"], one(ec2, launch(cloud, image=AL2))["MetadataOptions"]
    assert (new["HttpTokens"], new["HttpPutResponseHopLimit"]) == ("required", 2) and (old["HttpTokens"], old["HttpPutResponseHopLimit"]) == ("optional", 1)
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=5)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"]["HttpPutResponseHopLimit"] == 5
    assert one(ec2, launch(cloud, image=AL2))["MetadataOptions"]["HttpTokens"] == "required"
    chosen = one(ec2, launch(cloud, image=AL2023, MetadataOptions={"HttpTokens": "optional"}))["MetadataOptions"]
    assert (chosen["HttpTokens"], chosen["HttpPutResponseHopLimit"]) == ("optional", 5)


def test_an_image_of_an_instance_has_snapshots_of_its_volumes_and_launches_instances(cloud):
    ec2 = cloud.client("ec2")
    instance = launch(cloud, UserData="#!/bin/sh\n", BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3}}])
    id_ = ec2.create_image(InstanceId=instance, Name="mine")["ImageId"]
    assert ec2.describe_images(ImageIds=[id_])["Images"][0]["State"] == "pending"
    refused("InvalidAMIID.Unavailable", ec2.run_instances, ImageId=id_, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    cloud.advance(20)
    shown = ec2.describe_images(Owners=["self"])["Images"][0]
    assert shown["ImageId"] == id_ and shown["State"] == "available" and shown["SourceInstanceId"] == instance and not shown["Public"]
    assert [m["Ebs"]["VolumeSize"] for m in shown["BlockDeviceMappings"]] == [8, 3]
    made = launch(cloud, image=id_)
    assert len(one(ec2, made)["BlockDeviceMappings"]) == 2 and "Value" not in ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"]
    error = refused("InvalidSnapshot.InUse", ec2.delete_snapshot, SnapshotId=shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])
    assert id_ in error["Message"]


def test_names_of_images_are_unique(cloud):
    ec2 = cloud.client("ec2")
    instance = launch(cloud)
    image(cloud, instance=instance)
    refused("InvalidAMIName.Duplicate", ec2.create_image, InstanceId=instance, Name="mine")
    refused("InvalidAMIName.Malformed", ec2.create_image, InstanceId=instance, Name="a*b")


def test_images_are_regional_and_copies_have_ids_of_their_own(cloud):
    away = cloud.client("ec2", region="eu-west-1")
    id_ = image(cloud)
    refused("InvalidAMIID.NotFound", away.describe_images, ImageIds=[id_])
    copy = away.copy_image(Name="copied", SourceImageId=id_, SourceRegion="us-east-1")["ImageId"]
    cloud.advance(20)
    shown = away.describe_images(ImageIds=[copy])["Images"][0]
    assert copy != id_ and shown["State"] == "available" and shown["SourceImageId"] == id_
    launch(cloud, image=copy, region="eu-west-1")


@pytest.mark.parametrize("source, asked, result", [(False, None, False), (False, True, True), (True, None, True), (True, True, True), (True, False, "refused"), (False, False, False)])
def test_what_a_copy_of_an_image_is_encrypted(cloud, source, asked, result):
    ec2 = cloud.client("ec2")
    instance = launch(cloud, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}] if source else [])
    id_ = image(cloud, instance=instance)
    what = {"Name": "copied", "SourceImageId": id_, "SourceRegion": "us-east-1", **({} if asked is None else {"Encrypted": asked})}
    if result == "refused":
        refused("InvalidParameterValue", ec2.copy_image, **what)
        return
    copy = ec2.copy_image(**what)["ImageId"]
    assert ec2.describe_images(ImageIds=[copy])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is result


def test_who_may_launch_an_image_is_its_owners_to_say(cloud):
    ec2, other = cloud.client("ec2"), cloud.other()
    theirs = other.client("ec2")
    id_ = image(cloud)
    refused("InvalidAMIID.NotFound", theirs.describe_images, ImageIds=[id_])
    ec2.modify_image_attribute(ImageId=id_, LaunchPermission={"Add": [{"UserId": other.account}]})
    assert ec2.describe_image_attribute(ImageId=id_, Attribute="launchPermission")["LaunchPermissions"] == [{"UserId": other.account}]
    assert [i["ImageId"] for i in theirs.describe_images(ExecutableUsers=["self"])["Images"]] == [id_]
    launch(other, image=id_)
    refused("AuthFailure", theirs.deregister_image, ImageId=id_)
    theirs.cancel_image_launch_permission(ImageId=id_)
    refused("InvalidAMIID.NotFound", theirs.describe_images, ImageIds=[id_])
    refused("OperationNotPermitted", ec2.modify_image_attribute, ImageId=id_, LaunchPermission={"Add": [{"Group": "all"}]})
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(ImageId=id_, LaunchPermission={"Add": [{"Group": "all"}]})
    assert theirs.describe_images(ImageIds=[id_])["Images"][0]["Public"]
    ec2.reset_image_attribute(ImageId=id_, Attribute="launchPermission")
    refused("InvalidAMIID.NotFound", theirs.describe_images, ImageIds=[id_])
    assert ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")["ImageBlockPublicAccessState"] == ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"]


def test_a_deregistered_image_launches_no_more_and_its_snapshots_stay(cloud):
    ec2 = cloud.client("ec2")
    id_ = image(cloud)
    snapshot = ec2.describe_images(ImageIds=[id_])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.enable_image_deregistration_protection(ImageId=id_)
    refused("OperationNotPermitted", ec2.deregister_image, ImageId=id_)
    ec2.disable_image_deregistration_protection(ImageId=id_)
    ec2.deregister_image(ImageId=id_)
    refused("InvalidAMIID.Unavailable", ec2.run_instances, ImageId=id_, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[id_])
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_only_some_attributes_of_an_image_can_be_changed(cloud):
    ec2 = cloud.client("ec2")
    id_ = image(cloud)
    ec2.modify_image_attribute(ImageId=id_, Description={"Value": "new"})
    ec2.modify_image_attribute(ImageId=id_, ImdsSupport={"Value": "v2.0"})
    assert ec2.describe_image_attribute(ImageId=id_, Attribute="description")["Description"]["Value"] == "new"
    assert ec2.describe_image_attribute(ImageId=id_, Attribute="imdsSupport")["ImdsSupport"]["Value"] == "v2.0"
    refused("MissingParameter", ec2.modify_image_attribute, ImageId=id_)
    refused("AuthFailure", ec2.modify_image_attribute, ImageId=AL2023, Description={"Value": "new"})


def test_disabled_and_deprecated_images(cloud):
    ec2 = cloud.client("ec2")
    id_ = image(cloud)
    ec2.disable_image(ImageId=id_)
    refused("InvalidAMIID.Unavailable", ec2.run_instances, ImageId=id_, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    ec2.enable_image(ImageId=id_)
    ec2.enable_image_deprecation(ImageId=id_, DeprecateAt=cloud.now + 86400)
    assert "DeprecationTime" in ec2.describe_images(ImageIds=[id_])["Images"][0]
    ec2.disable_image_deprecation(ImageId=id_)
    assert "DeprecationTime" not in ec2.describe_images(ImageIds=[id_])["Images"][0]


def test_an_image_is_registered_from_a_snapshot(cloud):
    ec2 = cloud.client("ec2")
    root = one(ec2, launch(cloud))["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=root)["SnapshotId"]
    cloud.advance(10)
    id_ = ec2.register_image(Name="made", Architecture="x86_64", RootDeviceName="/dev/xvda", VirtualizationType="hvm", BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}])["ImageId"]
    launch(cloud, image=id_)
    refused("InvalidBlockDeviceMapping", ec2.register_image, Name="none", RootDeviceName="/dev/xvda")
