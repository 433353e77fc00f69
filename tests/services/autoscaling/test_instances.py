"""Auto Scaling with instances: launching, replacing, ending, hooks, standby, refreshes, load balancers."""
import datetime
import json

import pytest

from cloche.testing.people import Person, allow, refused, trusting

from .help import activities, group, ids, image, look, running, settle, template


@pytest.fixture(autouse=True)
def no_group_is_left(cloud):
    yield
    client = cloud.client("autoscaling")
    for one in client.describe_auto_scaling_groups()["AutoScalingGroups"]:
        for hook in client.describe_lifecycle_hooks(AutoScalingGroupName=one["AutoScalingGroupName"])["LifecycleHooks"]:
            client.delete_lifecycle_hook(AutoScalingGroupName=one["AutoScalingGroupName"], LifecycleHookName=hook["LifecycleHookName"])
        client.resume_processes(AutoScalingGroupName=one["AutoScalingGroupName"])
        client.delete_auto_scaling_group(AutoScalingGroupName=one["AutoScalingGroupName"], ForceDelete=True)
    cloud.advance(60)


def states(cloud, found):
    answer = cloud.client("ec2").describe_instances(InstanceIds=sorted(ids(found)))
    return {i["InstanceId"]: i for r in answer["Reservations"] for i in r["Instances"]}


def test_a_group_launches_its_desired_capacity_spread_over_its_zones(cloud):
    found = running(cloud, MinSize=1, DesiredCapacity=4, MaxSize=4, Tags=[{"Key": "team", "Value": "x", "PropagateAtLaunch": True}, {"Key": "own", "Value": "y", "PropagateAtLaunch": False}])
    zones = [i["AvailabilityZone"] for i in found["Instances"]]
    assert sorted(zones) == ["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"]
    assert all(i["HealthStatus"] == "Healthy" and i["LaunchTemplate"]["Version"] == "1" and not i["ProtectedFromScaleIn"] for i in found["Instances"])
    for one in states(cloud, found).values():
        tags = {t["Key"]: t["Value"] for t in one["Tags"]}
        assert tags["aws:autoscaling:groupName"] == "g" and tags["team"] == "x" and "own" not in tags
    done = activities(cloud)
    assert len(done) == 4 and all(a["StatusCode"] == "Successful" and a["Progress"] == 100 and a["Description"].startswith("Launching a new EC2 instance: i-") for a in done)
    assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 4" in done[0]["Cause"]
    shown = cloud.client("autoscaling").describe_auto_scaling_instances(InstanceIds=sorted(ids(found)))["AutoScalingInstances"]
    assert {(i["AutoScalingGroupName"], i["LifecycleState"], i["HealthStatus"]) for i in shown} == {("g", "InService", "HEALTHY")}


def test_a_group_grows_and_shrinks(cloud):
    client = cloud.client("autoscaling")
    before = ids(running(cloud, MinSize=1, DesiredCapacity=1))

    def just_after(wish):
        """What states the instances are in a second after; time stands still while they are looked at."""
        cloud.control("clock", {"freeze": True})
        try:
            client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=wish)
            cloud.advance(1)
            return sorted(one["LifecycleState"] for one in look(cloud)["Instances"])
        finally:
            cloud.control("clock", {"freeze": False})
    assert just_after(3) == ["InService", "Pending", "Pending"]
    grown = settle(cloud)
    assert len(grown["Instances"]) == 3 and before < ids(grown)
    assert just_after(1) == ["InService", "Terminating", "Terminating"]
    cloud.advance(30)
    left = settle(cloud)
    assert len(left["Instances"]) == 1
    cause = [a["Cause"] for a in activities(cloud) if a["Description"].startswith("Terminating EC2 instance")]
    assert len(cause) == 2 and "shrinking the capacity from" in cause[0]
    gone = states(cloud, grown)
    assert sorted(i["State"]["Name"] for i in gone.values()) == ["running", "terminated", "terminated"]


def test_a_terminated_instance_is_replaced(cloud):
    [victim] = ids(running(cloud, MinSize=1))
    cloud.client("ec2").terminate_instances(InstanceIds=[victim])
    cloud.advance(90)
    found = settle(cloud)
    assert victim not in ids(found) and len(found["Instances"]) == 1
    assert any("EC2 health check" in a["Cause"] for a in activities(cloud))


def test_a_stopped_instance_is_replaced(cloud):
    [victim] = ids(running(cloud, MinSize=1))
    cloud.client("ec2").stop_instances(InstanceIds=[victim])
    cloud.advance(120)
    assert victim not in ids(settle(cloud))


def test_an_instance_that_is_said_to_be_unhealthy_is_replaced_after_its_grace(cloud):
    client = cloud.client("autoscaling")
    [victim] = ids(running(cloud, MinSize=1, HealthCheckGracePeriod=600))
    client.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    cloud.advance(30)
    assert ids(look(cloud)) == {victim} and look(cloud)["Instances"][0]["HealthStatus"] == "Healthy"
    client.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    cloud.advance(60)
    assert victim not in ids(settle(cloud))
    refused("ValidationError", client.set_instance_health, InstanceId=victim, HealthStatus="Unhealthy")


def test_suspended_processes_are_not_run(cloud):
    client = cloud.client("autoscaling")
    [victim] = ids(running(cloud, MinSize=1))
    client.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy"])
    client.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    cloud.advance(120)
    assert ids(look(cloud)) == {victim}
    client.resume_processes(AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy"])
    cloud.advance(60)
    assert victim not in ids(settle(cloud))


def test_a_group_with_instances_is_deleted_only_by_force(cloud):
    client = cloud.client("autoscaling")
    members = ids(running(cloud, MinSize=1))
    refused("ResourceInUse", client.delete_auto_scaling_group, AutoScalingGroupName="g")
    client.delete_auto_scaling_group(AutoScalingGroupName="g", ForceDelete=True)
    assert look(cloud)["Status"] == "Delete in progress"
    cloud.advance(120)
    assert client.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    answer = cloud.client("ec2").describe_instances(InstanceIds=sorted(members))
    assert [i["State"]["Name"] for r in answer["Reservations"] for i in r["Instances"]] == ["terminated"]


def test_an_instance_is_ended_with_or_without_a_successor(cloud):
    client = cloud.client("autoscaling")
    found = running(cloud, MinSize=1, DesiredCapacity=2)
    one, other = sorted(ids(found))
    activity = client.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)["Activity"]
    assert activity["Description"] == f"Terminating EC2 instance: {one}" and "shrinking the capacity from 2 to 1" in activity["Cause"]
    cloud.advance(60)
    assert ids(settle(cloud)) == {other}
    refused("ValidationError", client.terminate_instance_in_auto_scaling_group, InstanceId=other, ShouldDecrementDesiredCapacity=True)
    client.terminate_instance_in_auto_scaling_group(InstanceId=other, ShouldDecrementDesiredCapacity=False)
    cloud.advance(60)
    after = settle(cloud)
    assert len(after["Instances"]) == 1 and other not in ids(after)


def test_a_protected_instance_is_not_chosen_on_scale_in(cloud):
    client = cloud.client("autoscaling")
    found = running(cloud, MinSize=0, DesiredCapacity=2)
    keep, go = sorted(ids(found))
    client.set_instance_protection(InstanceIds=[keep], AutoScalingGroupName="g", ProtectedFromScaleIn=True)
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=0)
    cloud.advance(120)
    assert ids(look(cloud)) == {keep}
    assert go not in ids(look(cloud))


def test_the_oldest_or_the_newest_goes_first(cloud):
    client = cloud.client("autoscaling")
    first = ids(running(cloud, MinSize=1, AvailabilityZones=["us-east-1a"], TerminationPolicies=["NewestInstance"]))
    cloud.advance(60)
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    both = ids(settle(cloud))
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    cloud.advance(60)
    assert ids(settle(cloud)) == first
    client.update_auto_scaling_group(AutoScalingGroupName="g", TerminationPolicies=["OldestInstance"])
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    settle(cloud)
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    cloud.advance(60)
    assert not ids(settle(cloud)) & both


def test_standby_takes_an_instance_out_and_puts_it_back(cloud):
    client = cloud.client("autoscaling")
    [one] = ids(running(cloud, MinSize=0, DesiredCapacity=1))
    refused("ValidationError", client.exit_standby, InstanceIds=[one], AutoScalingGroupName="g")
    [activity] = client.enter_standby(InstanceIds=[one], AutoScalingGroupName="g", ShouldDecrementDesiredCapacity=True)["Activities"]
    assert activity["Description"] == f"Moving EC2 instance to Standby: {one}"
    found = look(cloud)
    assert (found["DesiredCapacity"], found["Instances"][0]["LifecycleState"]) == (0, "Standby")
    cloud.advance(120)
    assert ids(look(cloud)) == {one}
    client.exit_standby(InstanceIds=[one], AutoScalingGroupName="g")
    found = settle(cloud)
    assert (found["DesiredCapacity"], ids(found)) == (1, {one})


def test_a_detached_instance_runs_on_and_may_be_attached_again(cloud):
    client = cloud.client("autoscaling")
    [one] = ids(running(cloud, MinSize=0, DesiredCapacity=1))
    client.detach_instances(InstanceIds=[one], AutoScalingGroupName="g", ShouldDecrementDesiredCapacity=True)
    cloud.advance(60)
    assert look(cloud)["Instances"] == [] and look(cloud)["DesiredCapacity"] == 0
    answer = cloud.client("ec2").describe_instances(InstanceIds=[one])
    assert answer["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
    client.attach_instances(InstanceIds=[one], AutoScalingGroupName="g")
    found = settle(cloud)
    assert ids(found) == {one} and found["DesiredCapacity"] == 1
    refused("ValidationError", client.attach_instances, InstanceIds=[one], AutoScalingGroupName="g")


def events(cloud):
    """Auto Scaling's events, in a queue."""
    sqs, bus = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:events"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}, "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    bus.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    bus.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    return url


def read(cloud, url):
    return [json.loads(m["Body"]) for m in cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]


def test_a_launching_hook_makes_an_instance_wait_until_it_is_continued(cloud):
    client, url = cloud.client("autoscaling"), events(cloud)
    group(cloud, LaunchTemplate={"LaunchTemplateId": template(cloud)}, LifecycleHookSpecificationList=[
        {"LifecycleHookName": "boot", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "HeartbeatTimeout": 300, "NotificationMetadata": "hello"}])
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    cloud.advance(60)
    [one] = look(cloud)["Instances"]
    assert one["LifecycleState"] == "Pending:Wait"
    [event] = read(cloud, url)
    assert event["detail-type"] == "EC2 Instance-launch Lifecycle Action" and event["detail"]["EC2InstanceId"] == one["InstanceId"] and event["detail"]["NotificationMetadata"] == "hello"
    cloud.advance(200)
    client.record_lifecycle_action_heartbeat(AutoScalingGroupName="g", LifecycleHookName="boot", InstanceId=one["InstanceId"])
    cloud.advance(200)
    assert look(cloud)["Instances"][0]["LifecycleState"] == "Pending:Wait"
    client.complete_lifecycle_action(AutoScalingGroupName="g", LifecycleHookName="boot", LifecycleActionToken=event["detail"]["LifecycleActionToken"], LifecycleActionResult="CONTINUE")
    cloud.advance(1)
    assert look(cloud)["Instances"][0]["LifecycleState"] == "InService"
    assert "EC2 Instance Launch Successful" in [e["detail-type"] for e in read(cloud, url)]


def test_an_abandoned_launch_is_ended_and_another_begun(cloud):
    client = cloud.client("autoscaling")
    group(cloud, LaunchTemplate={"LaunchTemplateId": template(cloud)}, LifecycleHookSpecificationList=[
        {"LifecycleHookName": "boot", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "HeartbeatTimeout": 60, "DefaultResult": "ABANDON"}])
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    cloud.advance(30)
    [first] = ids(look(cloud))
    cloud.advance(150)
    assert first not in ids(look(cloud)) or look(cloud)["Instances"][0]["LifecycleState"].startswith("Terminating")


def test_a_terminating_hook_holds_the_end_up(cloud):
    client = cloud.client("autoscaling")
    [one] = ids(running(cloud, MinSize=0, DesiredCapacity=1))
    client.put_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="bye", LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING", HeartbeatTimeout=300)
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=0)
    cloud.advance(60)
    assert look(cloud)["Instances"][0]["LifecycleState"] == "Terminating:Wait"
    client.complete_lifecycle_action(AutoScalingGroupName="g", LifecycleHookName="bye", InstanceId=one, LifecycleActionResult="CONTINUE")
    cloud.advance(60)
    assert look(cloud)["Instances"] == []


def test_launches_and_ends_are_told_to_a_topic(cloud):
    client, sns, url = cloud.client("autoscaling"), cloud.client("sns"), events(cloud)
    topic = sns.create_topic(Name="t")["TopicArn"]
    group(cloud, LaunchTemplate={"LaunchTemplateId": template(cloud)})
    client.put_notification_configuration(AutoScalingGroupName="g", TopicARN=topic, NotificationTypes=["autoscaling:EC2_INSTANCE_LAUNCH"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{cloud.account}:events", Attributes={"RawMessageDelivery": "true"})
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    settle(cloud)
    assert "autoscaling:EC2_INSTANCE_LAUNCH" in [m.get("Event") for m in read(cloud, url)]


def test_a_new_template_version_reaches_instances_by_a_refresh(cloud):
    client, ec2 = cloud.client("autoscaling"), cloud.client("ec2")
    found = running(cloud, MinSize=2, DesiredCapacity=2)
    old, made = ids(found), found["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=made, SourceVersion="1", LaunchTemplateData={"ImageId": image(cloud), "InstanceType": "t3.small"})
    refresh = client.start_instance_refresh(AutoScalingGroupName="g", Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0})["InstanceRefreshId"]
    refused("InstanceRefreshInProgress", client.start_instance_refresh, AutoScalingGroupName="g")
    for _ in range(20):
        cloud.advance(30)
        [seen] = client.describe_instance_refreshes(AutoScalingGroupName="g", InstanceRefreshIds=[refresh])["InstanceRefreshes"]
        serving = [i for i in look(cloud)["Instances"] if i["LifecycleState"] == "InService"]
        assert len(serving) >= 1
        if seen["Status"] == "Successful":
            break
    assert seen["Status"] == "Successful" and seen["PercentageComplete"] == 100
    after = look(cloud)
    assert not ids(after) & old and {i["LaunchTemplate"]["Version"] for i in after["Instances"]} == {"2"}
    refused("ActiveInstanceRefreshNotFound", client.cancel_instance_refresh, AutoScalingGroupName="g")
    refused("ActiveInstanceRefreshNotFound", client.rollback_instance_refresh, AutoScalingGroupName="g")


def test_a_warm_pool_holds_stopped_instances_and_gives_them_when_the_group_grows(cloud):
    client = cloud.client("autoscaling")
    running(cloud, MinSize=0, DesiredCapacity=0, MaxSize=2)
    client.put_warm_pool(AutoScalingGroupName="g", MinSize=1, MaxGroupPreparedCapacity=1)
    for _ in range(6):
        cloud.advance(30)
    [one] = client.describe_warm_pool(AutoScalingGroupName="g")["Instances"]
    assert one["LifecycleState"] == "Warmed:Stopped" and look(cloud)["Instances"] == [] and look(cloud)["WarmPoolSize"] == 1
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=1)
    assert ids(settle(cloud)) == {one["InstanceId"]}
    refused("ResourceInUse", client.delete_warm_pool, AutoScalingGroupName="g")
    client.delete_warm_pool(AutoScalingGroupName="g", ForceDelete=True)
    for _ in range(6):
        cloud.advance(30)
    assert "WarmPoolConfiguration" not in look(cloud)


def test_an_instance_does_not_outlive_its_allowed_lifetime(cloud):
    [old] = ids(running(cloud, MinSize=1, MaxInstanceLifetime=86400))
    cloud.advance(hours=25)
    assert old not in ids(settle(cloud))


def test_target_tracking_shrinks_a_calm_group_to_its_minimum(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    running(cloud, MinSize=1, DesiredCapacity=3, DefaultInstanceWarmup=60)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="q", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
        "CustomizedMetricSpecification": {"Namespace": "App", "MetricName": "load", "Statistic": "Average"}, "TargetValue": 50})
    for _ in range(18):
        metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 10, "Timestamp": cloud.now}])
        cloud.advance(60)
    assert look(cloud)["DesiredCapacity"] == 1


def targets(cloud):
    elb, ec2 = cloud.client("elbv2"), cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return elb.create_target_group(Name="tg", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]


def test_instances_register_with_the_target_groups_and_leave_before_they_end(cloud):
    client, elb, arn = cloud.client("autoscaling"), cloud.client("elbv2"), targets(cloud)
    found = running(cloud, MinSize=0, DesiredCapacity=1, TargetGroupARNs=[arn])
    registered = {d["Target"]["Id"] for d in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]}
    assert registered == ids(found)
    assert [g["LoadBalancerTargetGroupARN"] for g in client.describe_load_balancer_target_groups(AutoScalingGroupName="g")["LoadBalancerTargetGroups"]] == [arn]
    assert [s["Type"] for s in client.describe_traffic_sources(AutoScalingGroupName="g")["TrafficSources"]] == ["elbv2"]
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=0)
    for _ in range(14):
        cloud.advance(60)
    assert elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] == [] and look(cloud)["Instances"] == []


@pytest.mark.parametrize("attach, detach, members", [
    ("attach_load_balancer_target_groups", "detach_load_balancer_target_groups", "TargetGroupARNs"), ("attach_traffic_sources", "detach_traffic_sources", "TrafficSources")])
def test_target_groups_come_and_go(cloud, attach, detach, members):
    client, arn = cloud.client("autoscaling"), targets(cloud)
    running(cloud, MinSize=0, DesiredCapacity=1)
    value = [arn] if members == "TargetGroupARNs" else [{"Identifier": arn, "Type": "elbv2"}]
    getattr(client, attach)(AutoScalingGroupName="g", **{members: value})
    cloud.advance(30)
    assert len(cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]) == 1
    getattr(client, detach)(AutoScalingGroupName="g", **{members: value})
    assert look(cloud)["TargetGroupARNs"] == []
    refused("ValidationError", client.detach_load_balancers, AutoScalingGroupName="g", LoadBalancerNames=["none"])
    client.attach_load_balancers(AutoScalingGroupName="g", LoadBalancerNames=["classic"])
    assert [b["LoadBalancerName"] for b in client.describe_load_balancers(AutoScalingGroupName="g")["LoadBalancers"]] == ["classic"]


def test_a_schedule_moves_real_instances(cloud):
    client = cloud.client("autoscaling")
    running(cloud, MinSize=0, DesiredCapacity=0)
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="up", DesiredCapacity=2,
                                             StartTime=datetime.datetime.fromtimestamp(cloud.now + 60, datetime.UTC))
    cloud.advance(90)
    assert len(settle(cloud)["Instances"]) == 2


def test_an_instance_launches_from_a_launch_configuration_with_its_user_data(cloud):
    client = cloud.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="lc", ImageId=image(cloud), InstanceType="t3.micro", UserData="#!/bin/sh\necho hello", AssociatePublicIpAddress=True,
                                       BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 12, "VolumeType": "gp3", "DeleteOnTermination": True}}])
    group(cloud, MinSize=1, LaunchConfigurationName="lc")
    found = settle(cloud)
    [one] = states(cloud, found).values()
    assert found["Instances"][0]["LaunchConfigurationName"] == "lc" and one["PublicIpAddress"] and one["Monitoring"]["State"] == "enabled"


def test_the_role_of_the_service_does_the_launching(cloud):
    running(cloud, MinSize=1)
    role = cloud.client("iam").get_role(RoleName="AWSServiceRoleForAutoScaling")["Role"]
    assert role["Path"] == "/aws-service-role/autoscaling.amazonaws.com/"


def test_a_group_is_no_way_to_rights_that_one_has_not(cloud):
    iam = cloud.client("iam")
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))
    iam.create_instance_profile(InstanceProfileName="admin")
    iam.add_role_to_instance_profile(InstanceProfileName="admin", RoleName="admin")
    plain, strong = template(cloud, "plain"), template(cloud, "strong", IamInstanceProfile={"Name": "admin"})
    base = {"AutoScalingGroupName": "mine", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"]}
    nobody = Person(cloud, "nobody", allow("autoscaling:*")).client("autoscaling")
    assert "not authorized to use launch template" in refused("AccessDenied", nobody.create_auto_scaling_group, **base, LaunchTemplate={"LaunchTemplateId": plain})
    runner = Person(cloud, "runner", allow(["autoscaling:*", "ec2:RunInstances", "ec2:CreateTags"])).client("autoscaling")
    refused("AccessDenied", runner.create_auto_scaling_group, **base, LaunchTemplate={"LaunchTemplateId": strong})
    runner.create_auto_scaling_group(**base, LaunchTemplate={"LaunchTemplateId": plain})
    refused("AccessDenied", runner.update_auto_scaling_group, AutoScalingGroupName="mine", LaunchTemplate={"LaunchTemplateId": strong})
    refused("AccessDenied", runner.create_launch_configuration, LaunchConfigurationName="lc", ImageId=image(cloud), InstanceType="t3.micro", IamInstanceProfile="admin")


def test_an_alarm_stops_its_instance(cloud):
    [one] = ids(running(cloud, MinSize=0, DesiredCapacity=1))
    cloud.client("autoscaling").detach_instances(InstanceIds=[one], AutoScalingGroupName="g", ShouldDecrementDesiredCapacity=True)
    metrics = cloud.client("cloudwatch")
    metrics.put_metric_alarm(AlarmName="idle", Namespace="App", MetricName="m", Dimensions=[{"Name": "InstanceId", "Value": one}], Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
                             ComparisonOperator="LessThanThreshold", AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"])
    metrics.set_alarm_state(AlarmName="idle", StateValue="ALARM", StateReason="test")
    cloud.advance(60)
    assert cloud.client("ec2").describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"


def test_an_alarm_stops_no_instance_that_its_maker_may_not_stop(cloud):
    ec2, metrics = cloud.client("ec2"), cloud.client("cloudwatch")
    one = ec2.run_instances(ImageId=image(cloud), InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    someone = Person(cloud, "someone", allow("cloudwatch:*")).client("cloudwatch")
    someone.put_metric_alarm(AlarmName="sly", Namespace="App", MetricName="m", Dimensions=[{"Name": "InstanceId", "Value": one}], Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
                             ComparisonOperator="LessThanThreshold", AlarmActions=["arn:aws:automate:us-east-1:ec2:terminate"])
    metrics.set_alarm_state(AlarmName="sly", StateValue="ALARM", StateReason="test")
    cloud.advance(30)
    assert ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
    assert "Failed to execute action" in metrics.describe_alarm_history(AlarmName="sly", HistoryItemType="Action")["AlarmHistoryItems"][0]["HistorySummary"]


def test_a_group_is_made_after_an_instance(cloud):
    ec2, client = cloud.client("ec2"), cloud.client("autoscaling")
    one = ec2.run_instances(ImageId=image(cloud), InstanceType="t3.small", MinCount=1, MaxCount=1, Placement={"AvailabilityZone": "us-east-1b"})["Instances"][0]["InstanceId"]
    client.create_auto_scaling_group(AutoScalingGroupName="g", InstanceId=one, MinSize=1, MaxSize=2)
    found = settle(cloud)
    assert (found["LaunchConfigurationName"], found["AvailabilityZones"], found["Instances"][0]["InstanceType"]) == ("g", ["us-east-1b"], "t3.small")
    assert one not in ids(found)


def test_a_template_with_interfaces_launches_in_the_groups_subnets(cloud):
    ec2 = cloud.client("ec2")
    own = ec2.create_security_group(GroupName="own", Description="own")["GroupId"]
    made = ec2.create_launch_template(LaunchTemplateName="cards", LaunchTemplateData={"ImageId": image(cloud), "InstanceType": "t3.micro", "NetworkInterfaces": [
        {"DeviceIndex": 0, "AssociatePublicIpAddress": True, "Groups": [own]}]})["LaunchTemplate"]["LaunchTemplateId"]
    group(cloud, MinSize=2, LaunchTemplate={"LaunchTemplateId": made})
    found = settle(cloud)
    assert {i["AvailabilityZone"] for i in found["Instances"]} == {"us-east-1a", "us-east-1b"}
    assert all([g["GroupId"] for g in i["SecurityGroups"]] == [own] and i["PublicIpAddress"] for i in states(cloud, found).values())


def test_a_mixed_policy_launches_its_first_override(cloud):
    made = template(cloud)
    group(cloud, MinSize=1, MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": made}, "Overrides": [{"InstanceType": "t3.large"}, {"InstanceType": "t3.small"}]}})
    found = settle(cloud)
    assert found["Instances"][0]["InstanceType"] == "t3.large" and found["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateName"] == "web"
