"""Resource types of CloudWatch, Auto Scaling and Application Auto Scaling."""
from .templates import outputs, reasons, status, template
from .test_types import deploy, gone


def test_alarms_composites_and_dashboards(cloud):
    cfn, metrics = cloud.client("cloudformation"), cloud.client("cloudwatch")

    def body(threshold):
        return template({
            "A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
                "Namespace": "App", "MetricName": "m", "Statistic": "Sum", "Period": "60", "EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{"Name": "Host", "Value": "x"}], "Tags": [{"Key": "team", "Value": "x"}]}},
            "C": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": "top", "AlarmRule": {"Fn::Sub": "ALARM(${A})"}}},
            "D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": "d", "DashboardBody": '{"widgets": []}'}},
        }, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}})

    made = deploy(cfn, "alarms", body(5))
    [alarm] = metrics.describe_alarms(AlarmNames=[made["A"]])["MetricAlarms"]
    assert alarm["Threshold"] == 5 and made["A"].startswith("alarms-A-") and outputs(cfn, "alarms")["Arn"] == alarm["AlarmArn"] and made["C"] == "top" and made["D"] == "d"
    assert {"Key": "team", "Value": "x"} in metrics.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert deploy(cfn, "alarms", body(7))["A"] == made["A"]
    assert metrics.describe_alarms(AlarmNames=[made["A"]])["MetricAlarms"][0]["Threshold"] == 7
    gone(cfn, "alarms")
    assert metrics.describe_alarms()["MetricAlarms"] == [] and metrics.list_dashboards()["DashboardEntries"] == []


def test_groups_with_all_that_hangs_on_them(cloud):
    cfn, client = cloud.client("cloudformation"), cloud.client("autoscaling")

    def body(most):
        return template({
            "T": {"Type": "AWS::SNS::Topic"},
            "L": {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}},
            "G": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {
                "MinSize": "0", "MaxSize": str(most), "Cooldown": "120", "LaunchConfigurationName": {"Ref": "L"}, "AvailabilityZones": {"Fn::GetAZs": ""}, "MetricsCollection": [{"Granularity": "1Minute"}],
                "Tags": [{"Key": "team", "Value": "x", "PropagateAtLaunch": True}],
                "NotificationConfigurations": [{"TopicARN": {"Ref": "T"}, "NotificationTypes": ["autoscaling:EC2_INSTANCE_LAUNCH"]}]}},
            "P": {"Type": "AWS::AutoScaling::ScalingPolicy", "Properties": {"AutoScalingGroupName": {"Ref": "G"}, "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1, "Cooldown": "60"}},
            "S": {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": {"AutoScalingGroupName": {"Ref": "G"}, "Recurrence": "0 9 * * *", "MinSize": 0}},
            "H": {"Type": "AWS::AutoScaling::LifecycleHook", "Properties": {"AutoScalingGroupName": {"Ref": "G"}, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}},
        })

    made = deploy(cfn, "scaling", body(3))
    [found] = client.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert found["AutoScalingGroupName"] == made["G"] and (found["MaxSize"], found["DefaultCooldown"], len(found["EnabledMetrics"])) == (3, 120, 13)
    tags = {t["Key"]: t for t in found["Tags"]}
    assert tags["team"]["PropagateAtLaunch"] is True and tags["aws:cloudformation:stack-name"]["Value"] == "scaling"
    assert made["P"].startswith("arn:aws:autoscaling:") and client.describe_policies()["ScalingPolicies"][0]["PolicyARN"] == made["P"]
    assert client.describe_notification_configurations()["NotificationConfigurations"][0]["TopicARN"] == made["T"]
    assert [h["LifecycleHookName"] for h in client.describe_lifecycle_hooks(AutoScalingGroupName=made["G"])["LifecycleHooks"]] == [made["H"]]
    assert deploy(cfn, "scaling", body(5))["G"] == made["G"]
    assert client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["MaxSize"] == 5
    gone(cfn, "scaling")
    assert client.describe_auto_scaling_groups()["AutoScalingGroups"] == [] and client.describe_launch_configurations()["LaunchConfigurations"] == []


def test_scalable_targets_and_their_policies(cloud):
    cfn, client = cloud.client("cloudformation"), cloud.client("application-autoscaling")
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}}

    def body(least):
        return template({
            "T": table,
            "R": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {
                "ServiceNamespace": "dynamodb", "ResourceId": {"Fn::Sub": "table/${T}"}, "ScalableDimension": "dynamodb:table:ReadCapacityUnits", "MinCapacity": least, "MaxCapacity": 20,
                "ScheduledActions": [{"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1}}]}},
            "P": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": {
                "PolicyName": "track", "PolicyType": "TargetTrackingScaling", "ScalingTargetId": {"Ref": "R"}, "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}}}}})

    made = deploy(cfn, "targets", body(7))
    assert made["R"] == "table/orders|dynamodb:table:ReadCapacityUnits|dynamodb"
    assert cloud.client("dynamodb").describe_table(TableName="orders")["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    assert len(client.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"]) == 1
    assert client.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"][0]["PolicyARN"] == made["P"]
    deploy(cfn, "targets", body(9))
    assert client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"][0]["MinCapacity"] == 9
    gone(cfn, "targets")
    assert client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"] == [] and cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_a_group_with_a_creation_policy_waits_for_its_signals(cloud):
    cfn = cloud.client("cloudformation")

    def body(timeout):
        return template({
            "L": {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}},
            "G": {"Type": "AWS::AutoScaling::AutoScalingGroup", "CreationPolicy": {"ResourceSignal": {"Count": 2, "Timeout": timeout}}, "Properties": {
                "MinSize": "0", "MaxSize": "2", "LaunchConfigurationName": {"Ref": "L"}, "AvailabilityZones": ["us-east-1a"]}}})

    cfn.create_stack(StackName="signals", TemplateBody=body("PT10M"))
    assert status(cfn, "signals") == "CREATE_IN_PROGRESS"
    for one in ("i-1", "i-2"):
        cfn.signal_resource(StackName="signals", LogicalResourceId="G", UniqueId=one, Status="SUCCESS")
    assert status(cfn, "signals") == "CREATE_COMPLETE"
    cfn.create_stack(StackName="late", TemplateBody=body("PT1M"))
    cloud.advance(90)
    assert status(cfn, "late") in ("ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS") and "Failed to receive 2 resource signal(s)" in reasons(cfn, "late")
