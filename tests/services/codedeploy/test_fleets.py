"""Several machines: how many at a time, behind load balancers, in Auto Scaling groups, and one fleet after another."""
import base64

import pytest

from cloche.engines.world import lacking
from tests.services.ssm.machines import AL2023

from .machines import Machines, bundle, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())
MARKED = "#!/bin/sh\n[ ! -e /bad ]\n"
INSTALL = """#!/bin/sh
cd /root
python3 -c "import urllib.request; open('install', 'wb').write(urllib.request.urlopen('https://aws-codedeploy-us-east-1.s3.us-east-1.amazonaws.com/latest/install').read())"
chmod +x install
./install auto
"""


@pytest.fixture(scope="module")
def two(cloche_server):
    """An account with two machines that have the agent."""
    it = Machines(cloche_server.other())
    it.pair = sorted(it.launch(2))
    yield it
    it.close()


def states(it, id_):
    return [it.targets(id_)[one]["status"] for one in it.pair]


def test_one_at_a_time_goes_on_only_while_the_machines_before_are_well(two):
    first, last = two.pair
    two.group("one", "CodeDeployDefault.OneAtATime")
    two.over(two.deploy(bundle("a"), "one"), "Succeeded")
    two.run(first, "touch /bad")
    id_ = two.deploy(bundle("b", AfterInstall=MARKED), "one", key="b")
    told = two.over(id_, "Failed")
    assert told["errorInformation"]["code"] == "HEALTH_CONSTRAINTS" and states(two, id_) == ["Failed", "Skipped"]
    assert told["deploymentOverview"] == {"Pending": 0, "InProgress": 0, "Succeeded": 0, "Failed": 1, "Skipped": 1, "Ready": 0}
    two.run(first, "rm /bad")
    two.run(last, "touch /bad")
    id_ = two.deploy(bundle("b", AfterInstall=MARKED), "one", key="b")
    two.over(id_, "Succeeded")                         # only the last one has failed
    assert states(two, id_) == ["Succeeded", "Failed"]
    id_ = two.deploy(bundle("b", AfterInstall=MARKED), "one", key="b", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    two.over(id_, "Succeeded")                         # one well is enough
    assert states(two, id_) == ["Succeeded", "Failed"]
    two.run(last, "rm /bad")
    two.api.create_deployment_config(deploymentConfigName="both", minimumHealthyHosts={"type": "HOST_COUNT", "value": 2})
    id_ = two.deploy(bundle("c"), "one", key="c", deploymentConfigName="both")
    assert two.over(id_, "Failed")["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"      # none may be away
    id_ = two.deploy(bundle("b", AfterInstall=MARKED), "one", key="b", updateOutdatedInstancesOnly=True)
    two.over(id_, "Succeeded")
    assert two.api.list_deployment_targets(deploymentId=id_)["targetIds"] == [last]      # the first has this revision already
    assert two.api.list_deployment_targets(deploymentId=id_, targetFilters={"TargetStatus": ["Failed"]})["targetIds"] == []


def balanced(it, name):
    """A target group with the machines in it, and a load balancer that looks after them."""
    elb = it.cloud.client("elbv2")
    vpc = it.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [one["SubnetId"] for one in it.ec2.describe_subnets()["Subnets"]][:2]
    group = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, HealthCheckTimeoutSeconds=2)["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}])
    return elb, group, subnets


def test_traffic_is_blocked_before_and_allowed_after_each_machine(two):
    elb, group, _ = balanced(two, "web")
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": id_} for id_ in two.pair])
    two.group("web", deploymentStyle={"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, loadBalancerInfo={"targetGroupInfoList": [{"name": "web"}]})
    id_ = two.deploy(bundle("w", ValidateService="#!/bin/sh\necho $LIFECYCLE_EVENT >> /var/log/blocked\n", spec="version: 0.0\nos: linux\nhooks:\n", steps=("ValidateService",)), "web", key="w")
    two.over(id_, "Succeeded")
    assert two.events(id_, two.pair[0]) == [(event, "Succeeded") for event in (
        "BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic", "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart", "ValidateService",
        "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")]
    assert {one["Target"]["Id"] for one in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]} == set(two.pair)
    two.group("gone", deploymentStyle={"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, loadBalancerInfo={"targetGroupInfoList": [{"name": "none"}]})
    assert two.over(two.deploy(bundle("w"), "gone", key="w"), "Failed")["errorInformation"]["code"] == "ELASTIC_LOAD_BALANCING_INVALID"


BLUE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


def test_other_machines_take_the_traffic_over_when_somebody_says_so(two):
    elb, group, _ = balanced(two, "colours")
    blue, green = two.pair
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": blue}])
    for id_, colour in ((blue, "blue"), (green, "green")):
        two.ec2.create_tags(Resources=[id_], Tags=[{"Key": "colour", "Value": colour}])
    two.group("colours", ec2TagFilters=[{"Key": "colour", "Value": "blue", "Type": "KEY_AND_VALUE"}], deploymentStyle=BLUE, loadBalancerInfo={"targetGroupInfoList": [{"name": "colours"}]},
              blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 30},
                                                "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60}, "greenFleetProvisioningOption": {"action": "DISCOVER_EXISTING"}})
    wish = {"targetInstances": {"tagFilters": [{"Key": "colour", "Value": "green", "Type": "KEY_AND_VALUE"}]}}
    late = two.deploy(bundle("g"), "colours", key="g", fileExistsBehavior="OVERWRITE", **wish)
    until(lambda: two.info(late)["status"] == "Ready")
    assert {id_: (one["status"], one["instanceLabel"]) for id_, one in two.targets(late).items()} == {green: ("Ready", "Green"), blue: ("Pending", "Blue")}
    assert two.info(late)["deploymentOverview"]["Ready"] == 1
    two.cloud.advance(minutes=61)
    assert two.over(late, "Stopped")["errorInformation"]["code"] == "TIMEOUT"
    id_ = two.deploy(bundle("g"), "colours", key="g", fileExistsBehavior="OVERWRITE", **wish)
    until(lambda: two.info(id_)["status"] == "Ready")
    assert two.api.list_deployment_targets(deploymentId=id_, targetFilters={"ServerInstanceLabel": ["Blue"]})["targetIds"] == [blue]
    two.api.continue_deployment(deploymentId=id_, deploymentWaitType="READY_WAIT")
    until(lambda: two.info(id_)["instanceTerminationWaitTimeStarted"])
    assert [one["Target"]["Id"] for one in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]] == [green]
    assert dict(two.events(id_, green))["AfterAllowTraffic"] == "Succeeded" and dict(two.events(id_, blue))["BlockTraffic"] == "Succeeded" and two.info(id_)["status"] == "InProgress"
    two.api.skip_wait_time_for_instance_termination(deploymentId=id_)
    two.over(id_, "Succeeded")
    until(lambda: two.ec2.describe_instances(InstanceIds=[blue])["Reservations"][0]["Instances"][0]["State"]["Name"] in ("shutting-down", "terminated"))


def scaled(it, name, size=1):
    """An Auto Scaling group whose instances install the agent by their user data."""
    it.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={
        "ImageId": AL2023, "InstanceType": "t3.micro", "IamInstanceProfile": {"Name": "machine"}, "UserData": base64.b64encode(INSTALL.encode()).decode()})
    scaling = it.cloud.client("autoscaling")
    scaling.create_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=4, DesiredCapacity=size, LaunchTemplate={"LaunchTemplateName": name},
                                      AvailabilityZones=[it.ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]])
    return scaling


def members(it, scaling, name, state="InService"):
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return [one["InstanceId"] for one in found[0]["Instances"] if one["LifecycleState"] == state] if found else []


def pushed(it, true, seconds=60):
    """The clock goes on in small steps until it is so."""
    return until(lambda: (it.cloud.advance(5), true())[1], seconds)


def test_a_new_instance_of_a_group_gets_the_revision_before_it_is_in_service_and_a_fleet_is_copied(cloud):
    it = Machines(cloud)
    it.iam.put_role_policy(RoleName="deploys", PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:PassRole","ec2:RunInstances","ec2:CreateTags"],"Resource":"*"}]}')
    scaling = scaled(it, "fleet")
    (first,) = pushed(it, lambda: members(it, scaling, "fleet"))
    it.group(ec2TagFilters=[], autoScalingGroups=["fleet"], deploymentStyle=BLUE, loadBalancerInfo={"targetGroupInfoList": [{"name": "copied"}]}, blueGreenDeploymentConfiguration={
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5}, "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
        "greenFleetProvisioningOption": {"action": "COPY_AUTO_SCALING_GROUP"}})
    (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName="fleet")["LifecycleHooks"]
    info = it.api.get_deployment_group(applicationName="app", deploymentGroupName="dg")["deploymentGroupInfo"]
    assert info["autoScalingGroups"] == [{"name": "fleet", "hook": hook["LifecycleHookName"]}] and hook["LifecycleTransition"].endswith("LAUNCHING")
    elb, group, _ = balanced(it, "copied")
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": first}])
    id_ = it.deploy(bundle("fleet"))
    copy = f"CodeDeploy_dg_{id_}"
    pushed(it, lambda: it.info(id_)["instanceTerminationWaitTimeStarted"])
    (green,) = members(it, scaling, copy)
    assert [one["Target"]["Id"] for one in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]] == [green]
    cloud.advance(minutes=6)
    it.over(id_, "Succeeded")
    assert it.run(green, "cat /srv/web/index.html") == "fleet"
    info = it.api.get_deployment_group(applicationName="app", deploymentGroupName="dg")["deploymentGroupInfo"]
    assert [one["name"] for one in info["autoScalingGroups"]] == [copy]
    pushed(it, lambda: not members(it, scaling, "fleet"))
    scaling.set_desired_capacity(AutoScalingGroupName=copy, DesiredCapacity=2)
    both = pushed(it, lambda: len(found := members(it, scaling, copy)) == 2 and found)
    (new,) = set(both) - {green}
    (told,) = [one for one in it.api.batch_get_deployments(deploymentIds=it.api.list_deployments()["deployments"])["deploymentsInfo"] if one["creator"] == "autoscaling"]
    assert told["status"] == "Succeeded" and it.run(new, "cat /srv/web/index.html") == "fleet"
    it.api.delete_deployment_group(applicationName="app", deploymentGroupName="dg")
    assert scaling.describe_lifecycle_hooks(AutoScalingGroupName=copy)["LifecycleHooks"] == []
    scaling.delete_auto_scaling_group(AutoScalingGroupName=copy, ForceDelete=True)
