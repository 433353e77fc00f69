"""Auto Scaling groups without instances: sizes, tags, schedules, policies, hooks; nothing here needs EC2's machines."""
import datetime
import json

import pytest

from cloche.languages import scaling, unix_cron
from cloche.testing.people import Person, allow, refused, trusting

from .help import configuration, group, look


def test_a_group_without_a_desired_capacity_has_its_minimum(cloud):
    group(cloud, MinSize=0, MaxSize=3)
    found = look(cloud)
    assert (found["MinSize"], found["DesiredCapacity"], found["MaxSize"], found["DefaultCooldown"], found["HealthCheckType"]) == (0, 0, 3, 300, "EC2")
    assert found["AvailabilityZones"] == ["us-east-1a", "us-east-1b"] and found["TerminationPolicies"] == ["Default"] and found["Instances"] == []
    assert found["AutoScalingGroupARN"].startswith(f"arn:aws:autoscaling:us-east-1:{cloud.account}:autoScalingGroup:") and found["AutoScalingGroupARN"].endswith(":autoScalingGroupName/g")


@pytest.mark.parametrize("sizes", [(1, 3, 4), (1, 3, 0), (3, 1, None), (2, 4, 5)])
def test_the_desired_capacity_lies_between_min_and_max(cloud, sizes):
    least, most, desired = sizes
    more = {} if desired is None else {"DesiredCapacity": desired}
    configuration(cloud)
    refused("ValidationError", group, cloud, MinSize=least, MaxSize=most, LaunchConfigurationName="lc", **more)


def test_set_desired_capacity_outside_the_bounds_is_refused(cloud):
    client = cloud.client("autoscaling")
    group(cloud, MaxSize=2)
    client.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])
    assert "above max value 2" in refused("ValidationError", client.set_desired_capacity, AutoScalingGroupName="g", DesiredCapacity=3)
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    client.update_auto_scaling_group(AutoScalingGroupName="g", MinSize=1)
    assert "below min value 1" in refused("ValidationError", client.set_desired_capacity, AutoScalingGroupName="g", DesiredCapacity=0)
    assert look(cloud)["DesiredCapacity"] == 2


def test_new_bounds_take_the_desired_capacity_along(cloud):
    client = cloud.client("autoscaling")
    group(cloud, MaxSize=10)
    client.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])
    client.update_auto_scaling_group(AutoScalingGroupName="g", MinSize=3)
    assert look(cloud)["DesiredCapacity"] == 3
    client.update_auto_scaling_group(AutoScalingGroupName="g", MinSize=0, MaxSize=1)
    assert look(cloud)["DesiredCapacity"] == 1
    refused("ValidationError", client.update_auto_scaling_group, AutoScalingGroupName="g", MinSize=2, MaxSize=1)
    refused("ValidationError", client.update_auto_scaling_group, AutoScalingGroupName="g", DesiredCapacity=5)


def test_what_a_group_needs(cloud):
    client = cloud.client("autoscaling")
    configuration(cloud)
    base = {"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 1}
    refused("ValidationError", client.create_auto_scaling_group, **base, AvailabilityZones=["us-east-1a"])
    refused("ValidationError", client.create_auto_scaling_group, **base, LaunchConfigurationName="lc")
    refused("ValidationError", client.create_auto_scaling_group, **base, LaunchConfigurationName="none", AvailabilityZones=["us-east-1a"])
    refused("ValidationError", client.create_auto_scaling_group, **base, LaunchConfigurationName="lc", VPCZoneIdentifier="subnet-0123456789abcdef0")
    refused("ValidationError", client.create_auto_scaling_group, **base, LaunchConfigurationName="lc", AvailabilityZones=["us-east-1a"], HealthCheckType="PING")
    refused("ValidationError", client.create_auto_scaling_group, **base, LaunchConfigurationName="lc", AvailabilityZones=["us-east-1a"], TerminationPolicies=["Youngest"])
    group(cloud)
    refused("AlreadyExists", group, cloud)
    refused("ValidationError", client.update_auto_scaling_group, AutoScalingGroupName="none", MinSize=0)


def test_a_group_takes_the_zones_of_its_subnets(cloud):
    subnets = {s["AvailabilityZone"]: s["SubnetId"] for s in cloud.client("ec2").describe_subnets()["Subnets"]}
    group(cloud, AvailabilityZones=["us-east-1a", "us-east-1b"], VPCZoneIdentifier=f"{subnets['us-east-1a']},{subnets['us-east-1b']}")
    found = look(cloud)
    assert found["AvailabilityZones"] == ["us-east-1a", "us-east-1b"] and set(found["VPCZoneIdentifier"].split(",")) == {subnets["us-east-1a"], subnets["us-east-1b"]}


def test_an_empty_group_is_deleted_at_once(cloud):
    client = cloud.client("autoscaling")
    group(cloud)
    client.delete_auto_scaling_group(AutoScalingGroupName="g")
    assert client.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    refused("ValidationError", client.delete_auto_scaling_group, AutoScalingGroupName="g")


def test_launch_configurations_are_fixed_and_stay_while_a_group_uses_them(cloud):
    client = cloud.client("autoscaling")
    configuration(cloud, UserData="hello", SecurityGroups=["sg-1"], AssociatePublicIpAddress=True)
    [found] = client.describe_launch_configurations()["LaunchConfigurations"]
    assert found["InstanceType"] == "t3.micro" and found["UserData"] == "aGVsbG8=" and found["InstanceMonitoring"] == {"Enabled": True}
    refused("AlreadyExists", configuration, cloud)
    refused("ValidationError", client.create_launch_configuration, LaunchConfigurationName="other", InstanceType="t3.micro")
    group(cloud)
    refused("ResourceInUse", client.delete_launch_configuration, LaunchConfigurationName="lc")
    client.delete_auto_scaling_group(AutoScalingGroupName="g")
    client.delete_launch_configuration(LaunchConfigurationName="lc")
    refused("ValidationError", client.delete_launch_configuration, LaunchConfigurationName="lc")


def test_groups_are_paged_and_found_by_their_tags(cloud):
    client = cloud.client("autoscaling")
    for name in ("a", "b", "c"):
        group(cloud, name, Tags=[{"Key": "team", "Value": name, "PropagateAtLaunch": True}])
    first = client.describe_auto_scaling_groups(MaxRecords=2)
    rest = client.describe_auto_scaling_groups(MaxRecords=2, NextToken=first["NextToken"])
    assert [g["AutoScalingGroupName"] for g in first["AutoScalingGroups"] + rest["AutoScalingGroups"]] == ["a", "b", "c"]
    assert [g["AutoScalingGroupName"] for g in client.describe_auto_scaling_groups(Filters=[{"Name": "tag:team", "Values": ["b"]}])["AutoScalingGroups"]] == ["b"]
    client.create_or_update_tags(Tags=[{"ResourceId": "a", "ResourceType": "auto-scaling-group", "Key": "stage", "Value": "prod", "PropagateAtLaunch": False}])
    client.delete_tags(Tags=[{"ResourceId": "a", "ResourceType": "auto-scaling-group", "Key": "team"}])
    assert client.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": ["a"]}])["Tags"] == [
        {"ResourceId": "a", "ResourceType": "auto-scaling-group", "Key": "stage", "Value": "prod", "PropagateAtLaunch": False}]
    refused("InvalidNextToken", client.describe_auto_scaling_groups, NextToken="x")


def test_the_words_that_the_api_can_tell(cloud):
    client = cloud.client("autoscaling")
    assert "Launch" in [p["ProcessName"] for p in client.describe_scaling_process_types()["Processes"]]
    assert len(client.describe_adjustment_types()["AdjustmentTypes"]) == 3 and "OldestInstance" in client.describe_termination_policy_types()["TerminationPolicyTypes"]
    assert len(client.describe_lifecycle_hook_types()["LifecycleHookTypes"]) == 2 and "GroupInServiceInstances" in [m["Metric"] for m in client.describe_metric_collection_types()["Metrics"]]
    assert "autoscaling:EC2_INSTANCE_LAUNCH" in client.describe_auto_scaling_notification_types()["AutoScalingNotificationTypes"]
    configuration(cloud)
    limits = client.describe_account_limits()
    assert (limits["MaxNumberOfAutoScalingGroups"], limits["NumberOfLaunchConfigurations"]) == (500, 1)


def test_processes_are_suspended_and_resumed(cloud):
    client = cloud.client("autoscaling")
    group(cloud)
    client.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch", "AZRebalance"])
    assert {p["ProcessName"] for p in look(cloud)["SuspendedProcesses"]} == {"Launch", "AZRebalance"}
    client.resume_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])
    assert {p["ProcessName"] for p in look(cloud)["SuspendedProcesses"]} == {"AZRebalance"}
    client.suspend_processes(AutoScalingGroupName="g")
    assert len(look(cloud)["SuspendedProcesses"]) == 9
    refused("ValidationError", client.suspend_processes, AutoScalingGroupName="g", ScalingProcesses=["Dance"])


# -- time -------------------------------------------------------------------------------------------------------------

def hold(cloud, **more):
    """A group that may wish but not launch."""
    group(cloud, **more)
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])


def at(cloud, seconds):
    return datetime.datetime.fromtimestamp(cloud.now + seconds, datetime.UTC)


def test_a_scheduled_action_changes_sizes_at_its_time(cloud):
    client = cloud.client("autoscaling")
    hold(cloud)
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="up", StartTime=at(cloud, 600), MinSize=1, MaxSize=6, DesiredCapacity=3)
    [one] = client.describe_scheduled_actions(AutoScalingGroupName="g")["ScheduledUpdateGroupActions"]
    assert one["DesiredCapacity"] == 3 and one["ScheduledActionARN"].endswith(":autoScalingGroupName/g:scheduledActionName/up")
    cloud.advance(570)
    assert look(cloud)["DesiredCapacity"] == 0
    cloud.advance(60)
    found = look(cloud)
    assert (found["MinSize"], found["DesiredCapacity"], found["MaxSize"]) == (1, 3, 6)
    assert client.describe_scheduled_actions(AutoScalingGroupName="g")["ScheduledUpdateGroupActions"] == []


def test_a_scheduled_action_recurs_by_five_field_cron_in_its_time_zone(cloud):
    client = cloud.client("autoscaling")
    hold(cloud)
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="office", Recurrence="0 9 * * *", DesiredCapacity=2, TimeZone="Europe/Berlin")
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="night", Recurrence="0 18 * * *", DesiredCapacity=0, TimeZone="Europe/Berlin")
    actions = {a["ScheduledActionName"]: a for a in client.describe_scheduled_actions(AutoScalingGroupName="g")["ScheduledUpdateGroupActions"]}
    for name, hour in (("office", 9), ("night", 18)):
        from zoneinfo import ZoneInfo
        assert actions[name]["StartTime"].astimezone(ZoneInfo("Europe/Berlin")).hour == hour
    seen = set()
    for _ in range(24):
        cloud.advance(hours=1)
        seen.add(look(cloud)["DesiredCapacity"])
    assert seen == {0, 2}


def test_suspended_scheduled_actions_do_nothing(cloud):
    client = cloud.client("autoscaling")
    hold(cloud)
    client.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["ScheduledActions"])
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="up", StartTime=at(cloud, 60), DesiredCapacity=3)
    cloud.advance(120)
    assert look(cloud)["DesiredCapacity"] == 0


def test_what_a_scheduled_action_may_not_be(cloud):
    client = cloud.client("autoscaling")
    hold(cloud)

    def bad(**more):
        return refused("ValidationError", client.put_scheduled_update_group_action, AutoScalingGroupName="g", ScheduledActionName="x", **more)

    assert "past" in bad(StartTime=at(cloud, -60), DesiredCapacity=1)
    bad(Recurrence="0 9 * *", DesiredCapacity=1)
    bad(Recurrence="0 9 * * *")
    bad(DesiredCapacity=1)
    bad(StartTime=at(cloud, 60), MinSize=3, MaxSize=2)
    bad(StartTime=at(cloud, 60), DesiredCapacity=1, TimeZone="Mars/Olympus")
    client.put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledActionName="a", Recurrence="0 9 * * *", DesiredCapacity=1)
    refused("AlreadyExists", client.put_scheduled_update_group_action, AutoScalingGroupName="g", ScheduledActionName="b", Recurrence="0 9 * * *", DesiredCapacity=1)
    failed = client.batch_put_scheduled_update_group_action(AutoScalingGroupName="g", ScheduledUpdateGroupActions=[
        {"ScheduledActionName": "c", "Recurrence": "0 10 * * *", "DesiredCapacity": 1}, {"ScheduledActionName": "d", "Recurrence": "nonsense", "DesiredCapacity": 1}])
    assert [f["ScheduledActionName"] for f in failed["FailedScheduledUpdateGroupActions"]] == ["d"]
    failed = client.batch_delete_scheduled_action(AutoScalingGroupName="g", ScheduledActionNames=["c", "zzz"])
    assert [f["ScheduledActionName"] for f in failed["FailedScheduledActions"]] == ["zzz"]
    client.delete_scheduled_action(AutoScalingGroupName="g", ScheduledActionName="a")
    refused("ValidationError", client.delete_scheduled_action, AutoScalingGroupName="g", ScheduledActionName="a")


@pytest.mark.parametrize("text, wanted", [
    ("*/15 * * * *", "2024-05-03T12:15"), ("0 9 * * 1-5", "2024-05-06T09:00"), ("0 9 * * SUN", "2024-05-05T09:00"), ("0 0 1 * *", "2024-06-01T00:00"), ("0 0 13 * 5", "2024-05-10T00:00"),
    ("30 12 * * *", "2024-05-03T12:30"), ("0 12 * * 0", "2024-05-05T12:00"), ("0 12 * * 7", "2024-05-05T12:00"), ("0 0 29 2 *", "2028-02-29T00:00"),
])
def test_cron_of_five_fields(text, wanted):
    friday_noon = datetime.datetime(2024, 5, 3, 12, 0, tzinfo=datetime.UTC).timestamp()
    assert datetime.datetime.fromtimestamp(unix_cron.parse(text).next(friday_noon), datetime.UTC).strftime("%Y-%m-%dT%H:%M") == wanted


# -- policies ---------------------------------------------------------------------------------------------------------

def test_a_simple_policy_changes_the_size_and_then_cools_down(cloud):
    client = cloud.client("autoscaling")
    hold(cloud, MaxSize=10)
    arn = client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="out", AdjustmentType="ChangeInCapacity", ScalingAdjustment=2)["PolicyARN"]
    assert arn.startswith(f"arn:aws:autoscaling:us-east-1:{cloud.account}:scalingPolicy:") and arn.endswith(":autoScalingGroupName/g:policyName/out")
    client.execute_policy(AutoScalingGroupName="g", PolicyName="out", HonorCooldown=True)
    assert look(cloud)["DesiredCapacity"] == 2
    refused("ScalingActivityInProgress", client.execute_policy, AutoScalingGroupName="g", PolicyName="out", HonorCooldown=True)
    client.execute_policy(PolicyName=arn, HonorCooldown=False)
    assert look(cloud)["DesiredCapacity"] == 4
    cloud.advance(300)
    client.execute_policy(AutoScalingGroupName="g", PolicyName="out", HonorCooldown=True)
    assert look(cloud)["DesiredCapacity"] == 6


def test_no_policy_leaves_the_bounds(cloud):
    client = cloud.client("autoscaling")
    hold(cloud, MinSize=0, MaxSize=3)
    for name, amount in (("up", 50), ("down", -50)):
        client.put_scaling_policy(AutoScalingGroupName="g", PolicyName=name, AdjustmentType="ChangeInCapacity", ScalingAdjustment=amount)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="exact", AdjustmentType="ExactCapacity", ScalingAdjustment=2)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="half", AdjustmentType="PercentChangeInCapacity", ScalingAdjustment=-50)
    sizes = []
    for name in ("up", "down", "exact", "half"):
        client.execute_policy(AutoScalingGroupName="g", PolicyName=name)
        sizes.append(look(cloud)["DesiredCapacity"])
    assert sizes == [3, 0, 2, 1]


@pytest.mark.parametrize("current, kind, amount, least, wanted", [
    (10, "ChangeInCapacity", 3, 0, 13), (10, "ExactCapacity", 3, 0, 3), (10, "PercentChangeInCapacity", 10, 0, 11), (10, "PercentChangeInCapacity", 25, 0, 12),
    (1, "PercentChangeInCapacity", 10, 0, 2), (10, "PercentChangeInCapacity", -25, 0, 8), (10, "PercentChangeInCapacity", -5, 0, 9), (10, "PercentChangeInCapacity", 10, 4, 14),
    (10, "PercentChangeInCapacity", -10, 3, 7), (0, "PercentChangeInCapacity", 100, 0, 0), (4, "PercentChangeInCapacity", 50, 0, 6),
])
def test_adjustments_are_rounded_as_aws_says(current, kind, amount, least, wanted):
    assert scaling.adjusted(current, kind, amount, least) == wanted


STEPS = [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1}, {"MetricIntervalLowerBound": 10, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 2},
         {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 3}]


def test_a_step_policy_answers_to_the_size_of_the_breach(cloud):
    client = cloud.client("autoscaling")
    hold(cloud, MaxSize=20)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="steps", PolicyType="StepScaling", AdjustmentType="ChangeInCapacity", StepAdjustments=STEPS)
    sizes = []
    for value in (55, 65, 95, 40):
        client.execute_policy(AutoScalingGroupName="g", PolicyName="steps", MetricValue=value, BreachThreshold=50)
        sizes.append(look(cloud)["DesiredCapacity"])
    assert sizes == [1, 3, 6, 6]
    refused("ValidationError", client.execute_policy, AutoScalingGroupName="g", PolicyName="steps")


@pytest.mark.parametrize("steps", [
    [], [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1}, {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 2}],
    [{"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1}, {"MetricIntervalLowerBound": 15, "ScalingAdjustment": 2}],
    [{"MetricIntervalLowerBound": 10, "MetricIntervalUpperBound": 5, "ScalingAdjustment": 1}]])
def test_steps_neither_overlap_nor_leave_gaps(cloud, steps):
    hold(cloud)
    refused("ValidationError", cloud.client("autoscaling").put_scaling_policy, AutoScalingGroupName="g", PolicyName="s", PolicyType="StepScaling", AdjustmentType="ChangeInCapacity", StepAdjustments=steps)


def test_a_simple_policy_follows_its_alarm(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    hold(cloud, MaxSize=10)
    arn = client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="out", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1, Cooldown=120)["PolicyARN"]
    metrics.put_metric_alarm(AlarmName="busy", Namespace="App", MetricName="load", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=50, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn])
    [policy] = client.describe_policies(AutoScalingGroupName="g")["ScalingPolicies"]
    assert [a["AlarmName"] for a in policy["Alarms"]] == ["busy"]
    sizes = []
    for _ in range(5):
        metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 90, "Timestamp": cloud.now}])
        cloud.advance(60)
        sizes.append(look(cloud)["DesiredCapacity"])
    assert sizes == [1, 1, 2, 2, 3]  # once, then not before the cooldown of two minutes is over


def test_a_step_policy_follows_its_alarm_by_the_size_of_the_breach(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    hold(cloud, MaxSize=10)
    arn = client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="s", PolicyType="StepScaling", AdjustmentType="ChangeInCapacity", StepAdjustments=STEPS)["PolicyARN"]
    metrics.put_metric_alarm(AlarmName="busy", Namespace="App", MetricName="load", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=50, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn])
    metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 75, "Timestamp": cloud.now}])
    cloud.advance(60)
    assert look(cloud)["DesiredCapacity"] == 3


def test_target_tracking_makes_two_alarms_that_go_with_it(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    hold(cloud)
    answer = client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50})
    names = [a["AlarmName"] for a in answer["Alarms"]]
    assert names[0].startswith("TargetTracking-g-AlarmHigh-") and names[1].startswith("TargetTracking-g-AlarmLow-")
    high, low = (metrics.describe_alarms(AlarmNames=[name])["MetricAlarms"][0] for name in names)
    assert (high["Threshold"], high["EvaluationPeriods"], high["Period"], high["ComparisonOperator"]) == (50, 3, 60, "GreaterThanThreshold")
    assert (low["Threshold"], low["EvaluationPeriods"], low["ComparisonOperator"]) == (45, 15, "LessThanThreshold")
    assert high["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": "g"}] and (high["Namespace"], high["MetricName"], high["Statistic"]) == ("AWS/EC2", "CPUUtilization", "Average")
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 60, "DisableScaleIn": True})
    assert [a["AlarmName"] for a in metrics.describe_alarms(AlarmNamePrefix="TargetTracking-g")["MetricAlarms"]] == names[:1]
    client.delete_policy(AutoScalingGroupName="g", PolicyName="cpu")
    assert metrics.describe_alarms(AlarmNamePrefix="TargetTracking-g")["MetricAlarms"] == []
    refused("ValidationError", client.delete_policy, AutoScalingGroupName="g", PolicyName="cpu")


def test_target_tracking_scales_out_in_proportion(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    hold(cloud, MaxSize=10)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="q", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
        "CustomizedMetricSpecification": {"Namespace": "App", "MetricName": "backlog", "Statistic": "Average"}, "TargetValue": 10})
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    sizes = []
    for _ in range(4):
        metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "backlog", "Value": 25, "Timestamp": cloud.now}])
        cloud.advance(60)
        sizes.append(look(cloud)["DesiredCapacity"])
    assert sizes[:2] == [2, 2] and sizes[2] == 5  # three minutes above the target: ceil(2 * 25 / 10)


def test_predictive_policies_are_kept(cloud):
    client = cloud.client("autoscaling")
    hold(cloud)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="p", PolicyType="PredictiveScaling", PredictiveScalingConfiguration={
        "MetricSpecifications": [{"TargetValue": 40, "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"}}], "Mode": "ForecastOnly"})
    [one] = client.describe_policies(PolicyTypes=["PredictiveScaling"])["ScalingPolicies"]
    assert one["PredictiveScalingConfiguration"]["Mode"] == "ForecastOnly"
    refused("ValidationError", client.get_predictive_scaling_forecast, AutoScalingGroupName="g", PolicyName="p", StartTime=at(cloud, 0), EndTime=at(cloud, 3600))


def test_levels_of_a_group_are_metrics_when_switched_on(cloud):
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    hold(cloud, MaxSize=7)

    def level(name):
        got = metrics.get_metric_statistics(Namespace="AWS/AutoScaling", MetricName=name, Dimensions=[{"Name": "AutoScalingGroupName", "Value": "g"}],
                                            StartTime=cloud.now - 300, EndTime=cloud.now + 60, Period=60, Statistics=["Average"])["Datapoints"]
        return got[0]["Average"] if got else None

    assert level("GroupMaxSize") is None
    client.enable_metrics_collection(AutoScalingGroupName="g", Granularity="1Minute")
    assert level("GroupMaxSize") == 7 and level("GroupInServiceInstances") == 0
    client.disable_metrics_collection(AutoScalingGroupName="g", Metrics=["GroupMinSize"])
    assert "GroupMinSize" not in [m["Metric"] for m in look(cloud)["EnabledMetrics"]]


def test_hooks_are_put_changed_and_deleted(cloud):
    client = cloud.client("autoscaling")
    group(cloud)
    client.put_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="h", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", HeartbeatTimeout=120)
    client.put_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="h", DefaultResult="CONTINUE")
    [hook] = client.describe_lifecycle_hooks(AutoScalingGroupName="g")["LifecycleHooks"]
    assert (hook["HeartbeatTimeout"], hook["DefaultResult"], hook["GlobalTimeout"]) == (120, "CONTINUE", 12000)
    refused("ValidationError", client.put_lifecycle_hook, AutoScalingGroupName="g", LifecycleHookName="x", LifecycleTransition="autoscaling:SOMETHING")
    refused("ValidationError", client.put_lifecycle_hook, AutoScalingGroupName="g", LifecycleHookName="x", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", HeartbeatTimeout=5)
    refused("ValidationError", client.complete_lifecycle_action, AutoScalingGroupName="g", LifecycleHookName="h", InstanceId="i-0123456789abcdef0", LifecycleActionResult="CONTINUE")
    client.delete_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="h")
    refused("ValidationError", client.delete_lifecycle_hook, AutoScalingGroupName="g", LifecycleHookName="h")


def test_a_hook_tries_its_queue_when_it_is_put(cloud):
    client, sqs, iam = cloud.client("autoscaling"), cloud.client("sqs"), cloud.client("iam")
    group(cloud)
    url = sqs.create_queue(QueueName="hooks")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{cloud.account}:hooks"
    role = iam.create_role(RoleName="hooks", AssumeRolePolicyDocument=trusting({"Service": "autoscaling.amazonaws.com"}))["Role"]["Arn"]
    hook = {"AutoScalingGroupName": "g", "LifecycleHookName": "h", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "NotificationTargetARN": arn, "RoleARN": role}
    refused("ValidationError", client.put_lifecycle_hook, **hook)
    iam.put_role_policy(RoleName="hooks", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:*")]}))
    client.put_lifecycle_hook(**hook)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Event"] == "autoscaling:TEST_NOTIFICATION"


def test_notifications_go_to_a_topic(cloud):
    client, sns = cloud.client("autoscaling"), cloud.client("sns")
    group(cloud)
    arn = sns.create_topic(Name="t")["TopicArn"]
    client.put_notification_configuration(AutoScalingGroupName="g", TopicARN=arn, NotificationTypes=["autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"])
    found = client.describe_notification_configurations(AutoScalingGroupNames=["g"])["NotificationConfigurations"]
    assert [n["NotificationType"] for n in found] == ["autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"]
    refused("ValidationError", client.put_notification_configuration, AutoScalingGroupName="g", TopicARN=arn, NotificationTypes=["nonsense"])
    client.delete_notification_configuration(AutoScalingGroupName="g", TopicARN=arn)
    assert client.describe_notification_configurations()["NotificationConfigurations"] == []


def test_a_policy_may_allow_groups_by_their_tag(cloud):
    group(cloud, "mine", Tags=[{"Key": "owner", "Value": "me"}])
    group(cloud, "yours", Tags=[{"Key": "owner", "Value": "you"}])
    me = Person(cloud, "me", allow("autoscaling:*", Condition={"StringEquals": {"aws:ResourceTag/owner": "me"}})).client("autoscaling")
    me.suspend_processes(AutoScalingGroupName="mine")
    refused("AccessDenied", me.suspend_processes, AutoScalingGroupName="yours")


def test_a_launch_that_fails_is_an_activity_and_is_tried_again(cloud):
    client = cloud.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="bad", ImageId="ami-0bad0bad0bad0bad0", InstanceType="t3.micro")
    group(cloud, MinSize=1, LaunchConfigurationName="bad")
    cloud.advance(5)
    [first] = client.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]
    assert first["StatusCode"] == "Failed" and "Launching EC2 instance failed" in first["StatusMessage"]
    assert "changing the desired capacity from 0 to 1" in first["Cause"] and look(cloud)["Instances"] == []
    cloud.advance(70)
    assert len(client.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]) == 2
    client.delete_auto_scaling_group(AutoScalingGroupName="g", ForceDelete=True)
