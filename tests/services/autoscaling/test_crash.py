"""Groups and alarms after kill -9: what was begun goes on, once."""
from .help import group, ids, look, settle, template


def test_a_group_and_its_alarm_go_on_after_kill_9(process):
    cloud = process("--compute", "none")
    client, metrics = cloud.client("autoscaling"), cloud.client("cloudwatch")
    group(cloud, MaxSize=4, LaunchTemplate={"LaunchTemplateId": template(cloud)})
    arn = client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="out", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1)["PolicyARN"]
    metrics.put_metric_alarm(AlarmName="busy", Namespace="App", MetricName="load", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=50, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn])
    client.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "load", "Value": 90, "Timestamp": cloud.now}])
    cloud.kill()
    cloud.start()
    cloud.advance(60)
    assert cloud.client("cloudwatch").describe_alarms(AlarmNames=["busy"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    assert look(cloud)["DesiredCapacity"] == 3
    found = settle(cloud)
    answer = cloud.client("ec2").describe_instances(Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": ["g"]}])
    assert {i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]} == ids(found) and len(found["Instances"]) == 3
