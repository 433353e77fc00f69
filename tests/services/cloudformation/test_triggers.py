"""Rollback triggers: alarms that call an operation off while it runs and while it is monitored."""

from .templates import events, outputs, queue, reasons, refused, resources, stack, status, template


def alarm(cloud, name="loud", threshold=0):
    metrics = cloud.client("cloudwatch")
    metrics.put_metric_alarm(AlarmName=name, Namespace="App", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=threshold,
                             ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")
    return metrics.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]


def triggers(*arns, minutes=0):
    return {"RollbackConfiguration": {"RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in arns], "MonitoringTimeInMinutes": minutes}}


def test_an_update_is_rolled_back_when_an_alarm_goes_off_while_it_is_monitored(cloud):
    cfn, metrics, sqs = cloud.client("cloudformation"), cloud.client("cloudwatch"), cloud.client("sqs")
    arn = alarm(cloud)
    cfn.create_stack(StackName="mon", TemplateBody=template({"A": queue(VisibilityTimeout=10), "Old": queue()}))
    before = resources(cfn, "mon")
    cfn.update_stack(StackName="mon", TemplateBody=template({"A": queue(VisibilityTimeout=20), "New": queue()}), **triggers(arn, minutes=10))
    assert status(cfn, "mon") == "UPDATE_IN_PROGRESS" and ("A", "UPDATE_COMPLETE") in events(cfn, "mon")
    cloud.advance(minutes=5)
    assert status(cfn, "mon") == "UPDATE_IN_PROGRESS" and before["Old"]["PhysicalResourceId"] in sqs.list_queues()["QueueUrls"]
    metrics.put_metric_data(Namespace="App", MetricData=[{"MetricName": "Errors", "Value": 3}])
    cloud.advance(minutes=2)
    assert status(cfn, "mon") == "UPDATE_ROLLBACK_COMPLETE"
    assert f"The following rollback trigger(s) are in ALARM state: [{arn}]." in reasons(cfn, "mon")
    after = resources(cfn, "mon")
    assert {k: v["PhysicalResourceId"] for k, v in after.items()} == {k: v["PhysicalResourceId"] for k, v in before.items()}
    assert sqs.get_queue_attributes(QueueUrl=after["A"]["PhysicalResourceId"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "10"


def test_an_operation_ends_well_when_no_alarm_goes_off_in_its_monitoring_time(cloud):
    cfn = cloud.client("cloudformation")
    arn = alarm(cloud)
    cfn.create_stack(StackName="quiet", TemplateBody=template({"A": queue()}, Outputs={"O": {"Value": "done"}}), **triggers(arn, minutes=3))
    assert status(cfn, "quiet") == "CREATE_IN_PROGRESS" and resources(cfn, "quiet")["A"]["ResourceStatus"] == "CREATE_COMPLETE"
    cloud.advance(minutes=2)
    assert status(cfn, "quiet") == "CREATE_IN_PROGRESS"
    cloud.advance(seconds=61)
    assert status(cfn, "quiet") == "CREATE_COMPLETE" and outputs(cfn, "quiet") == {"O": "done"}
    assert stack(cfn, "quiet")["RollbackConfiguration"] == triggers(arn, minutes=3)["RollbackConfiguration"]
    cfn.update_stack(StackName="quiet", TemplateBody=template({"A": queue(VisibilityTimeout=5)}), RollbackConfiguration={"MonitoringTimeInMinutes": 0})
    assert status(cfn, "quiet") == "UPDATE_COMPLETE"
    kept = stack(cfn, "quiet")["RollbackConfiguration"]  # what an update does not name stays
    assert [x["Arn"] for x in kept["RollbackTriggers"]] == [arn] and kept["MonitoringTimeInMinutes"] == 0
    cfn.update_stack(StackName="quiet", UsePreviousTemplate=True, RollbackConfiguration={"RollbackTriggers": []})
    assert status(cfn, "quiet") == "UPDATE_COMPLETE" and stack(cfn, "quiet")["RollbackConfiguration"].get("RollbackTriggers", []) == []


def test_a_monitoring_time_without_triggers_holds_the_clean_up_back_and_can_be_cancelled(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="hold", TemplateBody=template({"A": queue(), "Old": queue()}))
    old = resources(cfn, "hold")["Old"]["PhysicalResourceId"]
    cfn.update_stack(StackName="hold", TemplateBody=template({"A": queue()}), RollbackConfiguration={"MonitoringTimeInMinutes": 10})
    assert status(cfn, "hold") == "UPDATE_IN_PROGRESS" and old in sqs.list_queues()["QueueUrls"]
    cfn.cancel_update_stack(StackName="hold")
    assert status(cfn, "hold") == "UPDATE_ROLLBACK_COMPLETE" and old in sqs.list_queues()["QueueUrls"]


def test_a_trigger_that_is_missing_or_loud_already_fails_the_operation(cloud):
    cfn, metrics = cloud.client("cloudformation"), cloud.client("cloudwatch")
    nowhere = f"arn:aws:cloudwatch:us-east-1:{cloud.account}:alarm:nowhere"
    cfn.create_stack(StackName="miss", TemplateBody=template({"A": queue()}), **triggers(nowhere))
    assert status(cfn, "miss") == "ROLLBACK_COMPLETE" and f"The following rollback trigger(s) do not exist: [{nowhere}]." in reasons(cfn, "miss")
    arn = alarm(cloud)
    metrics.set_alarm_state(AlarmName="loud", StateValue="ALARM", StateReason="test")
    cfn.create_stack(StackName="loud", TemplateBody=template({"A": queue()}), **triggers(arn))
    assert status(cfn, "loud") == "ROLLBACK_COMPLETE" and cloud.client("sqs").list_queues().get("QueueUrls", []) == []
    assert refused(cfn.create_stack, StackName="many", TemplateBody=template({"A": queue()}), **triggers(*[f"{arn}{n}" for n in range(6)]))[0] == "ValidationError"
    odd = {"RollbackTriggers": [{"Arn": arn, "Type": "AWS::SNS::Topic"}]}
    assert refused(cfn.create_stack, StackName="odd", TemplateBody=template({"A": queue()}), RollbackConfiguration=odd)[0] == "ValidationError"
