"""Instances and what belongs to them in CloudFormation's templates."""
import json

from .instances import AL2, one, refused


def stack(cloud, resources, name="s", outputs=None, update=False):
    cfn = cloud.client("cloudformation")
    template = json.dumps({"Resources": resources, "Outputs": {k: {"Value": v} for k, v in (outputs or {}).items()}})
    what = {"StackName": name, "TemplateBody": template, "Capabilities": ["CAPABILITY_IAM"]}
    (cfn.update_stack if update else cfn.create_stack)(**what)
    for _ in range(20):
        cloud.advance(5)
        found = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            break
    events = [e["ResourceStatusReason"] for e in cfn.describe_stack_events(StackName=name)["StackEvents"] if "FAILED" in e["ResourceStatus"]]
    assert found["StackStatus"] == ("UPDATE_COMPLETE" if update else "CREATE_COMPLETE"), events
    return {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}


def gone(cloud, name="s"):
    cfn = cloud.client("cloudformation")
    id_ = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    for _ in range(20):
        cloud.advance(5)
        status = cfn.describe_stacks(StackName=id_)["Stacks"][0]["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            break
    assert status == "DELETE_COMPLETE"


def test_a_stack_with_an_instance_its_template_and_its_volume(cloud):
    ec2 = cloud.client("ec2")
    resources = {
        "T": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": AL2, "InstanceType": "t3.micro"}}},
        "I": {"Type": "AWS::EC2::Instance", "Properties": {
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "T"}, "Version": {"Fn::GetAtt": ["T", "LatestVersionNumber"]}}, "AvailabilityZone": "us-east-1a", "KeyName": {"Ref": "K"},
            "UserData": {"Fn::Base64": "#!/bin/sh\n"}, "Tags": [{"Key": "Name", "Value": "web"}]}},
        "K": {"Type": "AWS::EC2::KeyPair", "Properties": {"KeyName": "pair"}},
        "V": {"Type": "AWS::EC2::Volume", "Properties": {"AvailabilityZone": {"Fn::GetAtt": ["I", "AvailabilityZone"]}, "Size": 3, "VolumeType": "gp3"}},
        "A": {"Type": "AWS::EC2::VolumeAttachment", "Properties": {"InstanceId": {"Ref": "I"}, "VolumeId": {"Ref": "V"}, "Device": "/dev/sdf"}},
    }
    out = stack(cloud, resources, outputs={"Id": {"Ref": "I"}, "Ip": {"Fn::GetAtt": ["I", "PrivateIp"]}, "Public": {"Fn::GetAtt": ["I", "PublicIp"]}, "Volume": {"Ref": "V"},
                                           "Key": {"Fn::GetAtt": ["K", "KeyPairId"]}, "Template": {"Ref": "T"}})
    shown = one(ec2, out["Id"])
    assert shown["State"]["Name"] == "running" and shown["PrivateIpAddress"] == out["Ip"] and shown["PublicIpAddress"] == out["Public"] and shown["KeyName"] == "pair"
    assert "web" in [t["Value"] for t in shown["Tags"]] and [m["DeviceName"] for m in shown["BlockDeviceMappings"]] == ["/dev/xvda", "/dev/sdf"]
    assert "PRIVATE KEY" in cloud.client("ssm").get_parameter(Name=f"/ec2/keypair/{out['Key']}", WithDecryption=True)["Parameter"]["Value"]

    resources["T"]["Properties"]["LaunchTemplateData"]["InstanceType"] = "t3.small"
    resources["I"]["Properties"]["LaunchTemplate"]["Version"] = "1"
    resources["I"]["Properties"]["DisableApiTermination"] = False
    resources["I"]["Properties"]["Tags"] = [{"Key": "Name", "Value": "new"}]
    resources["V"]["Properties"]["Size"] = 5
    stack(cloud, resources, outputs={"Id": {"Ref": "I"}}, update=True)
    assert ec2.describe_launch_template_versions(LaunchTemplateId=out["Template"], Versions=["$Latest"])["LaunchTemplateVersions"][0]["LaunchTemplateData"]["InstanceType"] == "t3.small"
    assert ec2.describe_volumes(VolumeIds=[out["Volume"]])["Volumes"][0]["Size"] == 5
    gone(cloud)
    assert one(ec2, out["Id"])["State"]["Name"] == "terminated"
    refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=[out["Volume"]])
    refused("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["pair"])


def test_a_new_type_stops_the_instance_and_starts_it_again(cloud):
    ec2 = cloud.client("ec2")
    resources = {"I": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": AL2, "InstanceType": "t3.micro"}}}
    id_ = stack(cloud, resources, outputs={"Id": {"Ref": "I"}})["Id"]
    resources["I"]["Properties"]["InstanceType"] = "t3.small"
    assert stack(cloud, resources, outputs={"Id": {"Ref": "I"}}, update=True)["Id"] == id_
    assert one(ec2, id_)["InstanceType"] == "t3.small" and one(ec2, id_)["State"]["Name"] == "running"


def test_places_in_templates(cloud):
    ec2 = cloud.client("ec2")
    out = stack(cloud, {
        "G": {"Type": "AWS::EC2::PlacementGroup", "Properties": {"Strategy": "spread"}},
        "H": {"Type": "AWS::EC2::Host", "Properties": {"AvailabilityZone": "us-east-1a", "InstanceType": "m5.large"}},
        "C": {"Type": "AWS::EC2::CapacityReservation", "Properties": {"AvailabilityZone": "us-east-1a", "InstanceCount": 1, "InstancePlatform": "Linux/UNIX", "InstanceType": "m5.large"}},
    }, outputs={"G": {"Ref": "G"}, "H": {"Ref": "H"}, "C": {"Ref": "C"}})
    assert ec2.describe_placement_groups(GroupNames=[out["G"]])["PlacementGroups"][0]["Strategy"] == "spread"
    assert ec2.describe_hosts(HostIds=[out["H"]])["Hosts"][0]["State"] == "available" and out["C"].startswith("cr-")
    gone(cloud)
    assert ec2.describe_hosts(HostIds=[out["H"]])["Hosts"][0]["State"] == "released"


def test_an_instance_with_a_creation_policy_is_made_when_it_has_signalled(cloud):
    cfn = cloud.client("cloudformation")

    def body(timeout):
        instance = {"Type": "AWS::EC2::Instance", "CreationPolicy": {"ResourceSignal": {"Timeout": timeout}}, "Properties": {"ImageId": AL2, "InstanceType": "t3.micro"}}
        return json.dumps({"Resources": {"I": instance}, "Outputs": {"Ip": {"Value": {"Fn::GetAtt": ["I", "PrivateIp"]}}, "Id": {"Value": {"Ref": "I"}}}})

    def state(name):
        return cfn.describe_stacks(StackName=name)["Stacks"][0]

    cfn.create_stack(StackName="signals", TemplateBody=body("PT10M"))
    cloud.advance(minutes=2)
    assert state("signals")["StackStatus"] == "CREATE_IN_PROGRESS"  # it runs, and has said nothing yet
    id_ = cfn.describe_stack_resource(StackName="signals", LogicalResourceId="I")["StackResourceDetail"]["PhysicalResourceId"]
    cfn.signal_resource(StackName="signals", LogicalResourceId="I", UniqueId=id_, Status="SUCCESS")
    cloud.advance(5)
    found = state("signals")
    outputs = {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}
    assert found["StackStatus"] == "CREATE_COMPLETE" and outputs == {"Id": id_, "Ip": one(cloud.client("ec2"), id_)["PrivateIpAddress"]}
    cfn.create_stack(StackName="fails", TemplateBody=body("PT10M"))
    cloud.advance(30)
    cfn.signal_resource(StackName="fails", LogicalResourceId="I", UniqueId="i-x", Status="FAILURE")
    cfn.create_stack(StackName="late", TemplateBody=body("PT3M"))
    for _ in range(20):
        cloud.advance(15)
        if {state(x)["StackStatus"] for x in ("fails", "late")} == {"ROLLBACK_COMPLETE"}:
            break
    said = {x: [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=x)["StackEvents"]] for x in ("fails", "late")}
    assert "Received FAILURE signal with UniqueId i-x" in said["fails"] and "Failed to receive 1 resource signal(s) within the specified duration" in said["late"]
    assert {state(x)["StackStatus"] for x in ("fails", "late")} == {"ROLLBACK_COMPLETE"}


def test_a_snapshot_is_taken_of_a_volume_before_it_goes(cloud):
    ec2, cfn = cloud.client("ec2"), cloud.client("cloudformation")
    volume = {"Type": "AWS::EC2::Volume", "Properties": {"AvailabilityZone": "us-east-1a", "Size": 1}}
    out = stack(cloud, {"Kept": {**volume, "DeletionPolicy": "Snapshot"}, "Gone": volume}, outputs={"Kept": {"Ref": "Kept"}})
    gone(cloud)
    assert [v["State"] for v in ec2.describe_volumes()["Volumes"]] in ([], ["deleting"])
    [snapshot] = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert (snapshot["VolumeId"], snapshot["State"]) == (out["Kept"], "completed")
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Snapshot"}
    assert "does not support deletion policy Snapshot" in refused("ValidationError", cfn.create_stack, StackName="q", TemplateBody=json.dumps({"Resources": {"Q": queue}}))["Message"]
