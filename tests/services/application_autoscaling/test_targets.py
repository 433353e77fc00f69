"""Application Auto Scaling: targets, schedules, policies; tried on DynamoDB tables, which are here."""
import datetime

import pytest

from cloche.testing.people import Person, allow, refused

READ = {"ServiceNamespace": "dynamodb", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"}
OF = READ | {"ResourceId": "table/orders"}


def table(cloud, name="orders", read=5, write=5):
    cloud.client("dynamodb").create_table(
        TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": read, "WriteCapacityUnits": write},
        GlobalSecondaryIndexes=[{"IndexName": "byid", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
                                 "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}])
    cloud.advance(20)


def units(cloud, member="ReadCapacityUnits"):
    return cloud.client("dynamodb").describe_table(TableName="orders")["Table"]["ProvisionedThroughput"][member]


def client(cloud):
    return cloud.client("application-autoscaling")


def activities(cloud):
    return client(cloud).describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"]


def test_registering_moves_the_present_value_into_the_bounds_at_once(cloud):
    table(cloud)
    made = client(cloud).register_scalable_target(**OF, MinCapacity=10, MaxCapacity=40)
    assert made["ScalableTargetARN"].startswith(f"arn:aws:application-autoscaling:us-east-1:{cloud.account}:scalable-target/")
    assert units(cloud) == 10 and units(cloud, "WriteCapacityUnits") == 5
    [activity] = activities(cloud)
    assert (activity["Description"], activity["Cause"], activity["StatusCode"]) == ("Setting read capacity units to 10.", "minimum capacity was set to 10", "Successful")
    [target] = client(cloud).describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (10, 40) and target["ScalableTargetARN"] == made["ScalableTargetARN"]
    assert target["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable") and target["SuspendedState"]["ScheduledScalingSuspended"] is False


def test_a_value_above_the_maximum_is_brought_down(cloud):
    table(cloud, read=50)
    client(cloud).register_scalable_target(**OF, MinCapacity=1, MaxCapacity=8)
    cloud.advance(20)
    assert units(cloud) == 8


def test_an_index_of_a_table_is_a_target_of_its_own(cloud):
    table(cloud)
    client(cloud).register_scalable_target(ServiceNamespace="dynamodb", ResourceId="table/orders/index/byid", ScalableDimension="dynamodb:index:WriteCapacityUnits", MinCapacity=7, MaxCapacity=9)
    cloud.advance(20)
    [index] = cloud.client("dynamodb").describe_table(TableName="orders")["Table"]["GlobalSecondaryIndexes"]
    assert index["ProvisionedThroughput"]["WriteCapacityUnits"] == 7


def test_what_cannot_be_registered(cloud):
    table(cloud)
    register = client(cloud).register_scalable_target
    refused("ValidationException", register, **OF, MinCapacity=5, MaxCapacity=4)
    refused("ValidationException", register, **OF, MinCapacity=5)
    refused("ValidationException", register, **READ, ResourceId="table/none", MinCapacity=1, MaxCapacity=4)
    refused("ValidationException", register, **READ, ResourceId="service/a/b", MinCapacity=1, MaxCapacity=4)
    refused("ValidationException", register, ServiceNamespace="ecs", ScalableDimension="dynamodb:table:ReadCapacityUnits", ResourceId="table/orders", MinCapacity=1, MaxCapacity=4)


def test_the_bounds_change_one_at_a_time(cloud):
    table(cloud)
    client(cloud).register_scalable_target(**OF, MinCapacity=1, MaxCapacity=10)
    client(cloud).register_scalable_target(**OF, MaxCapacity=20)
    [target] = client(cloud).describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=["table/orders"], ScalableDimension=READ["ScalableDimension"])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 20)
    refused("ValidationException", client(cloud).register_scalable_target, **OF, MinCapacity=30)


def test_nothing_is_known_of_a_target_that_is_not_registered(cloud):
    table(cloud)
    c = client(cloud)
    refused("ObjectNotFoundException", c.deregister_scalable_target, **OF)
    refused("ObjectNotFoundException", c.put_scheduled_action, **OF, ScheduledActionName="x", Schedule="rate(1 hour)", ScalableTargetAction={"MinCapacity": 1})
    refused("ObjectNotFoundException", c.put_scaling_policy, **OF, PolicyName="x", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={"TargetValue": 50})
    refused("ObjectNotFoundException", c.delete_scaling_policy, **OF, PolicyName="x")
    refused("ObjectNotFoundException", c.delete_scheduled_action, **OF, ScheduledActionName="x")


def at(cloud, seconds):
    return datetime.datetime.fromtimestamp(cloud.now + seconds, datetime.UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")


def test_a_scheduled_action_sets_the_bounds_and_so_the_value(cloud):
    table(cloud)
    c = client(cloud)
    c.register_scalable_target(**OF, MinCapacity=1, MaxCapacity=10)
    c.put_scheduled_action(**OF, ScheduledActionName="morning", Schedule=at(cloud, 300), ScalableTargetAction={"MinCapacity": 20, "MaxCapacity": 30})
    [action] = c.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"]
    assert action["Timezone"] == "UTC" and action["ScalableTargetAction"] == {"MinCapacity": 20, "MaxCapacity": 30}
    cloud.advance(290)
    assert units(cloud) == 5
    cloud.advance(60)
    assert units(cloud) == 20
    assert [a["Cause"] for a in activities(cloud)] == ["scheduled action name morning was triggered"] * 2
    assert c.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"][0]["MaxCapacity"] == 30
    assert c.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"] == []


@pytest.mark.parametrize("schedule, hours", [("rate(2 hours)", 2.1), ("cron(0 0/1 * * ? *)", 1.1)])
def test_scheduled_actions_recur(cloud, schedule, hours):
    table(cloud)
    c = client(cloud)
    c.register_scalable_target(**OF, MinCapacity=1, MaxCapacity=10)
    c.put_scheduled_action(**OF, ScheduledActionName="again", Schedule=schedule, ScalableTargetAction={"MinCapacity": 9})
    cloud.advance(hours=hours)
    assert units(cloud) == 9
    c.register_scalable_target(**OF, MinCapacity=1, SuspendedState={"ScheduledScalingSuspended": True})
    cloud.client("dynamodb").update_table(TableName="orders", ProvisionedThroughput={"ReadCapacityUnits": 4, "WriteCapacityUnits": 5})
    cloud.advance(hours=hours)
    assert units(cloud) == 4
    c.delete_scheduled_action(**OF, ScheduledActionName="again")


def test_what_a_schedule_may_not_be(cloud):
    table(cloud)
    c = client(cloud)
    c.register_scalable_target(**OF, MinCapacity=1, MaxCapacity=10)
    for schedule in ("every tuesday", "cron(0 9 * * *)", "at(2020-01-01T00:00:00)"):
        refused("ValidationException", c.put_scheduled_action, **OF, ScheduledActionName="x", Schedule=schedule, ScalableTargetAction={"MinCapacity": 2})
    refused("ValidationException", c.put_scheduled_action, **OF, ScheduledActionName="x", Schedule="rate(1 hour)")
    refused("ValidationException", c.put_scheduled_action, **OF, ScheduledActionName="x", Schedule="rate(1 hour)", Timezone="Mars", ScalableTargetAction={"MinCapacity": 2})
    refused("ValidationException", c.put_scheduled_action, **OF, ScheduledActionName="x", Schedule="rate(1 hour)", ScalableTargetAction={"MinCapacity": 3, "MaxCapacity": 2})


def track(cloud, target=70, **more):
    return client(cloud).put_scaling_policy(**OF, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": target, "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}} | more)


def test_target_tracking_of_a_table_watches_what_is_consumed_and_what_is_provisioned(cloud):
    table(cloud)
    client(cloud).register_scalable_target(**OF, MinCapacity=5, MaxCapacity=100)
    made = track(cloud)
    assert made["PolicyARN"].startswith(f"arn:aws:autoscaling:us-east-1:{cloud.account}:scalingPolicy:") and made["PolicyARN"].endswith(":resource/dynamodb/table/orders:policyName/p")
    kinds = [a["AlarmName"].removeprefix("TargetTracking-table/orders-").split("-")[0] for a in made["Alarms"]]
    assert kinds == ["AlarmHigh", "AlarmLow", "ProvisionedCapacityHigh", "ProvisionedCapacityLow"]
    metrics = cloud.client("cloudwatch")
    found = {a["AlarmName"].split("-")[2]: a for a in metrics.describe_alarms(AlarmNamePrefix="TargetTracking-table/orders")["MetricAlarms"]}
    high, low, provisioned = found["AlarmHigh"], found["AlarmLow"], found["ProvisionedCapacityHigh"]
    assert (high["MetricName"], high["Statistic"], high["Threshold"], high["EvaluationPeriods"]) == ("ConsumedReadCapacityUnits", "Sum", pytest.approx(0.7 * 5 * 60), 2)
    assert (low["Threshold"], low["EvaluationPeriods"]) == (pytest.approx(0.5 * 5 * 60), 15) and (provisioned["MetricName"], provisioned["Threshold"]) == ("ProvisionedReadCapacityUnits", 5)
    client(cloud).delete_scaling_policy(**OF, PolicyName="p")
    assert metrics.describe_alarms(AlarmNamePrefix="TargetTracking-table/orders")["MetricAlarms"] == []


def test_a_busy_table_gets_more_capacity_and_its_alarms_follow(cloud):
    table(cloud)
    dynamodb = cloud.client("dynamodb")
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "body": {"S": "x" * 390_000}})
    client(cloud).register_scalable_target(**OF, MinCapacity=5, MaxCapacity=100)
    track(cloud)
    for _ in range(4):
        for _ in range(6):  # 96 units each, out of the burst
            dynamodb.get_item(TableName="orders", Key={"id": {"S": "a"}}, ConsistentRead=True)
        cloud.advance(60)
    cloud.advance(30)
    assert units(cloud) == 14  # 576 units a minute are 9.6 a second: 70 % of 13.7
    [high] = [a for a in cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-table/orders-AlarmHigh")["MetricAlarms"]]
    assert high["Threshold"] == pytest.approx(0.7 * 14 * 60)
    assert "triggered policy p" in activities(cloud)[0]["Cause"]


def test_a_policy_never_leaves_the_bounds(cloud):
    table(cloud)
    client(cloud).register_scalable_target(**OF, MinCapacity=5, MaxCapacity=6)
    client(cloud).put_scaling_policy(**OF, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 10, "CustomizedMetricSpecification": {"Namespace": "App", "MetricName": "load", "Statistic": "Average"}})
    metrics = cloud.client("cloudwatch")
    for _ in range(4):
        metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 1000, "Timestamp": cloud.now}])
        cloud.advance(60)
    assert units(cloud) == 6


def test_a_suspended_target_does_not_follow(cloud):
    table(cloud)
    client(cloud).register_scalable_target(**OF, MinCapacity=5, MaxCapacity=60, SuspendedState={"DynamicScalingOutSuspended": True})
    client(cloud).put_scaling_policy(**OF, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 10, "CustomizedMetricSpecification": {"Namespace": "App", "MetricName": "load", "Statistic": "Average"}})
    for _ in range(4):
        cloud.client("cloudwatch").put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 1000, "Timestamp": cloud.now}])
        cloud.advance(60)
    assert units(cloud) == 5


def test_what_a_policy_may_not_be(cloud):
    table(cloud)
    client(cloud).register_scalable_target(**OF, MinCapacity=5, MaxCapacity=60)
    refused("ValidationException", track, cloud, target=95)
    refused("ValidationException", client(cloud).put_scaling_policy, **OF, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={"TargetValue": 50})
    refused("ValidationException", client(cloud).put_scaling_policy, **OF, PolicyName="p", PolicyType="StepScaling", StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]})
    track(cloud)
    [policy] = client(cloud).describe_scaling_policies(ServiceNamespace="dynamodb", PolicyNames=["p"])["ScalingPolicies"]
    assert policy["PolicyType"] == "TargetTrackingScaling" and len(policy["Alarms"]) == 4
    refused("ValidationException", client(cloud).get_predictive_scaling_forecast, **OF, PolicyName="p", StartTime=cloud.now, EndTime=cloud.now + 3600)


def test_deregistering_takes_policies_alarms_and_schedules_along(cloud):
    table(cloud)
    c = client(cloud)
    c.register_scalable_target(**OF, MinCapacity=6, MaxCapacity=60)
    track(cloud)
    c.put_scheduled_action(**OF, ScheduledActionName="x", Schedule="rate(1 hour)", ScalableTargetAction={"MinCapacity": 9})
    c.deregister_scalable_target(**OF)
    assert c.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"] == [] and c.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
    assert c.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"] == []
    assert cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-table/orders")["MetricAlarms"] == []
    cloud.advance(hours=2)
    assert units(cloud) == 6


def test_targets_carry_tags(cloud):
    table(cloud)
    c = client(cloud)
    arn = c.register_scalable_target(**OF, MinCapacity=5, MaxCapacity=60, Tags={"team": "x"})["ScalableTargetARN"]
    c.tag_resource(ResourceARN=arn, Tags={"stage": "prod"})
    c.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert c.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"stage": "prod"}
    refused("ResourceNotFoundException", c.list_tags_for_resource, ResourceARN=arn + "0")


def test_a_policy_may_name_the_dimension_that_one_may_scale(cloud):
    table(cloud)
    me = Person(cloud, "me", allow("application-autoscaling:*", Condition={"StringEquals": {"application-autoscaling:scalable-dimension": READ["ScalableDimension"]}})).client("application-autoscaling")
    me.register_scalable_target(**OF, MinCapacity=5, MaxCapacity=60)
    refused("AccessDeniedException", me.register_scalable_target, ServiceNamespace="dynamodb", ResourceId="table/orders", ScalableDimension="dynamodb:table:WriteCapacityUnits", MinCapacity=5, MaxCapacity=60)


def test_provisioned_concurrency_of_an_alias_is_a_target(cloud):
    refused("ValidationException", client(cloud).register_scalable_target, ServiceNamespace="lambda", ResourceId="function:nobody:live", ScalableDimension="lambda:function:ProvisionedConcurrency",
            MinCapacity=1, MaxCapacity=2)
