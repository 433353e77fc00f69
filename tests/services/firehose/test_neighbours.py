"""Firehose: who puts records into delivery streams of themselves, and templates."""
import json
import time


def arn(cloud, name="d"):
    return f"arn:aws:firehose:us-east-1:{cloud.account}:deliverystream/{name}"


def may_put(hose, service):
    return hose.make_role("putter", {"Effect": "Allow", "Action": ["firehose:PutRecord", "firehose:PutRecordBatch"], "Resource": "*"}, service=service)


def test_a_topic_sends_its_messages_on(hose, cloud, refused):
    sns = cloud.client("sns")
    hose.make()
    hose.make("raw", Prefix="raw/")
    topic = sns.create_topic(Name="t")["TopicArn"]
    role = may_put(hose, "sns.amazonaws.com")
    refused("InvalidParameter", sns.subscribe, TopicArn=topic, Protocol="firehose", Endpoint=arn(cloud))
    refused("InvalidParameter", sns.subscribe, TopicArn=topic, Protocol="firehose", Endpoint="arn:aws:sqs:us-east-1:1:q", Attributes={"SubscriptionRoleArn": role})
    made = sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=arn(cloud), Attributes={"SubscriptionRoleArn": role})["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=made)["Attributes"]["SubscriptionRoleArn"] == role
    sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=arn(cloud, "raw"), Attributes={"SubscriptionRoleArn": role, "RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Subject="s", Message="hello")
    sns.publish(TopicArn=topic, Message="again")
    cloud.advance(61)
    found = {key.split("/")[0] == "raw": body for key, body in hose.objects().items()}
    first, second = (json.loads(line) for line in found[False].splitlines())
    assert first["Type"] == "Notification" and first["Message"] == "hello" and first["Subject"] == "s" and first["TopicArn"] == topic and second["Message"] == "again"
    assert found[True] == b"hello\nagain\n"


def test_a_rule_sends_events_on(hose, cloud):
    events = cloud.client("events")
    hose.make()
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["me"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn(cloud), "RoleArn": may_put(hose, "events.amazonaws.com"), "InputPath": "$.detail"}])
    events.put_events(Entries=[{"Source": "me", "DetailType": "t", "Detail": json.dumps({"n": 1})}])
    cloud.advance(61)
    assert [json.loads(body) for body in hose.objects().values()] == [{"n": 1}]


def test_a_schedule_sends_its_input_on(hose, cloud):
    hose.make()
    cloud.client("scheduler").create_schedule(Name="s", ScheduleExpression="rate(5 minutes)", FlexibleTimeWindow={"Mode": "OFF"},
                                              Target={"Arn": arn(cloud), "RoleArn": may_put(hose, "scheduler.amazonaws.com"), "Input": "tick;"})
    cloud.advance(minutes=12)
    assert set(b"".join(hose.objects().values()).split(b";")) == {b"tick", b""}


def test_flow_logs_go_to_a_stream_that_is_tagged_for_them(hose, cloud, refused):
    ec2 = cloud.client("ec2")
    hose.make()
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")  # it has an interface that is up
    refused("InvalidParameter", ec2.create_flow_logs, ResourceIds=[vpc["VpcId"]], ResourceType="VPC", TrafficType="ALL", LogDestinationType="kinesis-data-firehose", LogDestination=arn(cloud, "none"))
    made = ec2.create_flow_logs(ResourceIds=[vpc["VpcId"]], ResourceType="VPC", TrafficType="ALL", LogDestinationType="kinesis-data-firehose", LogDestination=arn(cloud), MaxAggregationInterval=60)
    assert hose.client.list_tags_for_delivery_stream(DeliveryStreamName="d")["Tags"] == [{"Key": "LogDeliveryEnabled", "Value": "true"}]
    cloud.advance(minutes=4)
    lines = [json.loads(part + "}")["message"] for body in hose.objects().values() for part in body.decode().split("}") if part]
    assert lines and all(line.endswith("- NODATA") and line.startswith(f"2 {cloud.account} eni-") for line in lines)
    [shown] = ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"]
    assert shown["LogDestinationType"] == "kinesis-data-firehose" and shown["DeliverLogsStatus"] == "SUCCESS"


def test_a_metric_stream_sends_minutes_as_they_end(hose, cloud, refused):
    watch = cloud.client("cloudwatch")
    hose.make()
    role = may_put(hose, "streams.metrics.cloudwatch.amazonaws.com")
    made = {"Name": "m", "FirehoseArn": arn(cloud), "RoleArn": role, "OutputFormat": "json"}
    refused("InvalidParameterCombination", watch.put_metric_stream, **made, IncludeFilters=[{"Namespace": "A"}], ExcludeFilters=[{"Namespace": "B"}])
    refused("NotImplemented", watch.put_metric_stream, **made | {"OutputFormat": "opentelemetry1.0"})
    stream = watch.put_metric_stream(**made, IncludeFilters=[{"Namespace": "Mine", "MetricNames": ["Wanted"]}], Tags=[{"Key": "a", "Value": "1"}],
                                     StatisticsConfigurations=[{"IncludeMetrics": [{"Namespace": "Mine", "MetricName": "Wanted"}], "AdditionalStatistics": ["p90"]}])["Arn"]
    about = watch.get_metric_stream(Name="m")
    assert about["State"] == "running" and about["IncludeFilters"] == [{"Namespace": "Mine", "MetricNames": ["Wanted"]}] and about["Arn"] == stream
    assert [s["Name"] for s in watch.list_metric_streams()["Entries"]] == ["m"] and watch.list_tags_for_resource(ResourceARN=stream)["Tags"] == [{"Key": "a", "Value": "1"}]
    moment = cloud.now // 60 * 60
    for value in (1, 3):
        watch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": name, "Value": value, "Unit": "Count", "Dimensions": [{"Name": "d", "Value": "x"}]} for name in ("Wanted", "Other")])
    cloud.advance(minutes=5)
    [line] = [json.loads(line) for body in hose.objects().values() for line in body.splitlines()]
    assert line["value"].pop("p90") > 0
    assert line == {"metric_stream_name": "m", "account_id": cloud.account, "region": "us-east-1", "namespace": "Mine", "metric_name": "Wanted", "dimensions": {"d": "x"},
                    "timestamp": int(moment * 1000), "value": {"max": 3.0, "min": 1.0, "sum": 4.0, "count": 2.0}, "unit": "Count"}
    watch.stop_metric_streams(Names=["m"])
    assert watch.get_metric_stream(Name="m")["State"] == "stopped"
    watch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "Wanted", "Value": 9}])
    cloud.advance(minutes=5)
    assert len(hose.objects()) == 1
    watch.start_metric_streams(Names=["m"])
    watch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "Wanted", "Value": 9}])
    cloud.advance(minutes=5)
    assert len(hose.objects()) == 2
    watch.delete_metric_stream(Name="m")
    refused("ResourceNotFoundException", watch.get_metric_stream, Name="m")


def test_a_delivery_stream_has_what_its_template_says_and_follows_it(hose, cloud, refused):
    cfn = cloud.client("cloudformation")

    def deploy(verb, **more):
        hose_ = {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": {
            "DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": {"KinesisStreamARN": {"Fn::GetAtt": ["Source", "Arn"]}, "RoleARN": hose.role},
            "ExtendedS3DestinationConfiguration": hose.config(**more), "Tags": [{"Key": "a", "Value": "1"}]}}
        metrics = {"Type": "AWS::CloudWatch::MetricStream", "Properties": {"FirehoseArn": {"Fn::GetAtt": ["Hose", "Arn"]}, "RoleArn": hose.role, "OutputFormat": "json"}}
        body = {"Resources": {"Source": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}, "Hose": hose_, "Metrics": metrics},
                "Outputs": {"Name": {"Value": {"Ref": "Hose"}}, "Arn": {"Value": {"Fn::GetAtt": ["Hose", "Arn"]}}, "Source": {"Value": {"Ref": "Source"}}, "State": {"Value": {"Fn::GetAtt": ["Metrics", "State"]}}}}
        getattr(cfn, f"{verb}_stack")(StackName="stack", TemplateBody=json.dumps(body))
        for _ in range(100):
            cloud.advance(2)
            stack = cfn.describe_stacks(StackName="stack")["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.02)
        assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName="stack")["StackEvents"]]
        return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}

    made = deploy("create", Prefix="one/")
    about = hose.about(made["Name"])
    assert about["DeliveryStreamARN"] == made["Arn"] and about["DeliveryStreamStatus"] == "ACTIVE" and made["State"] == "running"
    cloud.client("kinesis").put_record(StreamName=made["Source"], Data=b"x", PartitionKey="k")
    cloud.advance(61)
    assert [key.split("/")[0] for key, body in hose.objects().items() if body == b"x"] == ["one"]
    assert deploy("update", Prefix="two/") == made
    assert hose.about(made["Name"])["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"] == "two/"
    cfn.delete_stack(StackName="stack")
    cloud.advance(10)
    refused("ResourceNotFoundException", hose.about, made["Name"])
