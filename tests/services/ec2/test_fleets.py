"""EC2 fleets and Spot fleets: a target capacity out of pools, kept up."""
import json

from .instances import AL2, one, refused
from .test_instance_stacks import gone, stack


def template(cloud):
    return cloud.client("ec2").create_launch_template(LaunchTemplateName="tpl", LaunchTemplateData={"ImageId": AL2, "InstanceType": "m5.large"})["LaunchTemplate"]["LaunchTemplateId"]


def config(id_, *types):
    return [{"LaunchTemplateSpecification": {"LaunchTemplateId": id_, "Version": "$Latest"}, "Overrides": [{"InstanceType": kind} for kind in types]}]


def role(cloud):
    return cloud.client("iam").create_role(RoleName="fleet", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "spotfleet.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]


def test_an_instant_fleet_answers_with_its_instances(cloud):
    ec2 = cloud.client("ec2")
    answer = ec2.create_fleet(Type="instant", LaunchTemplateConfigs=config(template(cloud), "m5.large", "c5.large"), TargetCapacitySpecification={
        "TotalTargetCapacity": 3, "OnDemandTargetCapacity": 1, "DefaultTargetCapacityType": "spot"})
    assert sorted(i["Lifecycle"] for i in answer["Instances"]) == ["on-demand", "spot", "spot"] and answer["Errors"] == []
    assert {i["InstanceType"] for i in answer["Instances"] if i["Lifecycle"] == "on-demand"} == {"c5.large"}      # which is cheaper; spot's prices move with the clock, which tests share
    assert len({i["InstanceType"] for i in answer["Instances"] if i["Lifecycle"] == "spot"}) == 1
    assert ec2.describe_fleets()["Fleets"] == [] and ec2.describe_fleets(FleetIds=[answer["FleetId"]])["Fleets"][0]["FulfilledCapacity"] == 3


def test_a_maintained_fleet_replaces_what_goes(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.create_fleet(Type="maintain", LaunchTemplateConfigs=config(template(cloud), "m5.large"), TargetCapacitySpecification={
        "TotalTargetCapacity": 2, "DefaultTargetCapacityType": "on-demand"})["FleetId"]
    cloud.advance(5)
    first = [i["InstanceId"] for i in ec2.describe_fleet_instances(FleetId=id_)["ActiveInstances"]]
    assert len(first) == 2 and {"Key": "aws:ec2:fleet-id", "Value": id_} in one(ec2, first[0])["Tags"]
    ec2.terminate_instances(InstanceIds=first[:1])
    cloud.advance(10)
    after = [i["InstanceId"] for i in ec2.describe_fleet_instances(FleetId=id_)["ActiveInstances"]]
    assert len(after) == 2 and first[0] not in after and first[1] in after
    ec2.modify_fleet(FleetId=id_, TargetCapacitySpecification={"TotalTargetCapacity": 1})
    cloud.advance(10)
    assert len(ec2.describe_fleet_instances(FleetId=id_)["ActiveInstances"]) == 1
    assert ec2.describe_fleet_history(FleetId=id_, StartTime=0)["HistoryRecords"][0]["EventType"] == "instance-change"
    assert ec2.delete_fleets(FleetIds=[id_], TerminateInstances=True)["SuccessfulFleetDeletions"][0]["CurrentFleetState"] == "deleted_terminating"
    cloud.advance(10)
    assert ec2.describe_fleets(FleetIds=[id_])["Fleets"][0]["FleetState"] == "deleted"
    assert all(i["State"]["Name"] == "terminated" for r in ec2.describe_instances()["Reservations"] for i in r["Instances"])


def test_a_spot_fleet_holds_its_target(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.request_spot_fleet(SpotFleetRequestConfig={"IamFleetRole": role(cloud), "TargetCapacity": 2, "LaunchSpecifications": [{"ImageId": AL2, "InstanceType": "m5.large"}]})["SpotFleetRequestId"]
    cloud.advance(5)
    shown = ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[id_])["SpotFleetRequestConfigs"][0]
    assert (shown["SpotFleetRequestState"], shown["ActivityStatus"], shown["SpotFleetRequestConfig"]["FulfilledCapacity"]) == ("active", "fulfilled", 2)
    there = ec2.describe_spot_fleet_instances(SpotFleetRequestId=id_)["ActiveInstances"]
    assert len(there) == 2 and all(i["SpotInstanceRequestId"].startswith("sir-") for i in there)
    ec2.modify_spot_fleet_request(SpotFleetRequestId=id_, TargetCapacity=4)
    cloud.advance(5)
    assert len(ec2.describe_spot_fleet_instances(SpotFleetRequestId=id_)["ActiveInstances"]) == 4
    ec2.modify_spot_fleet_request(SpotFleetRequestId=id_, TargetCapacity=1)
    cloud.advance(5)
    assert len(ec2.describe_spot_fleet_instances(SpotFleetRequestId=id_)["ActiveInstances"]) == 1
    assert ec2.describe_spot_fleet_request_history(SpotFleetRequestId=id_, StartTime=0)["HistoryRecords"]
    assert ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[id_], TerminateInstances=True)["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"] == "cancelled_terminating"
    cloud.advance(5)
    assert ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[id_])["SpotFleetRequestConfigs"][0]["SpotFleetRequestState"] == "cancelled"
    refused("InvalidSpotFleetRequestId.NotFound", ec2.describe_spot_fleet_requests, SpotFleetRequestIds=["sfr-none"])


def test_application_auto_scaling_moves_a_spot_fleets_target(cloud):
    ec2, scaling = cloud.client("ec2"), cloud.client("application-autoscaling")
    id_ = ec2.request_spot_fleet(SpotFleetRequestConfig={"IamFleetRole": role(cloud), "TargetCapacity": 1, "LaunchSpecifications": [{"ImageId": AL2, "InstanceType": "m5.large"}]})["SpotFleetRequestId"]
    cloud.advance(5)
    about = {"ServiceNamespace": "ec2", "ResourceId": f"spot-fleet-request/{id_}", "ScalableDimension": "ec2:spot-fleet-request:TargetCapacity"}
    scaling.register_scalable_target(**about, MinCapacity=2, MaxCapacity=3)
    cloud.advance(5)
    assert len(ec2.describe_spot_fleet_instances(SpotFleetRequestId=id_)["ActiveInstances"]) == 2
    scaling.deregister_scalable_target(**about)
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[id_], TerminateInstances=True)
    cloud.advance(5)


def test_fleets_in_templates(cloud):
    ec2 = cloud.client("ec2")
    resources = {
        "T": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": AL2, "InstanceType": "m5.large"}}},
        "F": {"Type": "AWS::EC2::EC2Fleet", "Properties": {"Type": "maintain", "TargetCapacitySpecification": {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}, "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "T"}, "Version": "1"}}]}},
        "S": {"Type": "AWS::EC2::SpotFleet", "Properties": {"SpotFleetRequestConfigData": {"IamFleetRole": role(cloud), "TargetCapacity": 1, "LaunchSpecifications": [
            {"ImageId": AL2, "InstanceType": "m5.large"}]}}},
    }
    out = stack(cloud, resources, outputs={"F": {"Ref": "F"}, "S": {"Ref": "S"}})
    cloud.advance(5)
    assert ec2.describe_fleets(FleetIds=[out["F"]])["Fleets"][0]["FulfilledCapacity"] == 1 and out["S"].startswith("sfr-")
    gone(cloud)


def test_types_are_found_by_what_they_must_have(cloud):
    ec2 = cloud.client("ec2")
    wanted = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 8192, "Max": 8192}, "CpuManufacturers": ["intel"], "ExcludedInstanceTypes": ["m4.*"]}
    found = ec2.get_instance_types_from_instance_requirements(ArchitectureTypes=["x86_64"], VirtualizationTypes=["hvm"], InstanceRequirements=wanted)["InstanceTypes"]
    names = [each["InstanceType"] for each in found]
    assert "m5.large" in names and "m5a.large" not in names and "t3.large" not in names and "m4.large" not in names
    id_ = ec2.create_launch_template(LaunchTemplateName="any", LaunchTemplateData={"ImageId": AL2, "InstanceRequirements": wanted})["LaunchTemplate"]["LaunchTemplateId"]
    made = ec2.create_fleet(Type="instant", LaunchTemplateConfigs=[{"LaunchTemplateSpecification": {"LaunchTemplateId": id_, "Version": "1"}}], TargetCapacitySpecification={
        "TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"})["Instances"][0]
    assert made["InstanceType"] == names[0]
    refused("InvalidParameterCombination", ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": id_})
