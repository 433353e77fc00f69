"""Serverless templates: what a function is triggered by, and what becomes of its results."""
import json

TEMPLATE = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Consumer": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "c", "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]}}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Fn": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": "def handler(event, context): return 1", "Timeout": 10,
            "FunctionUrlConfig": {"AuthType": "NONE", "InvokeMode": "BUFFERED", "Cors": {"AllowOrigins": ["https://a.example"], "MaxAge": 60}},
            "EventInvokeConfig": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 120, "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}}},
            "Events": {
                "Flow": {"Type": "Kinesis", "Properties": {"Stream": {"Fn::GetAtt": ["Stream", "Arn"]}, "StartingPosition": "TRIM_HORIZON", "BatchSize": 5, "ParallelizationFactor": 2, "BisectBatchOnFunctionError": True,
                                                           "TumblingWindowInSeconds": 30, "FilterCriteria": {"Filters": [{"Pattern": "{\"data\":{\"a\":[1]}}"}]},
                                                           "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}}}},
                "Jobs": {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Queue", "Arn"]}, "BatchSize": 3, "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 4},
                                                       "MetricsConfig": {"Metrics": ["EventCount"]}}},
                "News": {"Type": "SNS", "Properties": {"Topic": {"Ref": "Topic"}, "SqsSubscription": True}},
            }}},
    },
}


def test_streams_queues_topics_by_a_queue_urls_and_destinations_of_a_template(bench):
    cfn = bench.cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    try:
        cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    except Exception:
        raise AssertionError([e["LogicalResourceId"] + " " + e["ResourceStatusReason"] for e in cfn.describe_stack_events(StackName="s")["StackEvents"] if "FAILED" in e["ResourceStatus"]]) from None
    made = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in cfn.describe_stack_resources(StackName="s")["StackResources"]}
    name = made["Fn"]
    mappings = {m["EventSourceArn"].split(":")[2]: m for m in bench.client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] if "News" not in m["EventSourceArn"]}
    flow, jobs = mappings["kinesis"], mappings["sqs"]
    assert (flow["BatchSize"], flow["ParallelizationFactor"], flow["BisectBatchOnFunctionError"], flow["TumblingWindowInSeconds"], flow["StartingPosition"]) == (5, 2, True, 30, "TRIM_HORIZON")
    assert flow["DestinationConfig"]["OnFailure"]["Destination"].endswith(made["Dead"].rpartition("/")[2]) and flow["FilterCriteria"]["Filters"]
    assert jobs["FunctionResponseTypes"] == ["ReportBatchItemFailures"] and jobs["ScalingConfig"] == {"MaximumConcurrency": 4} and jobs["MetricsConfig"] == {"Metrics": ["EventCount"]}
    [told] = bench.cloud.client("sns").list_subscriptions_by_topic(TopicArn=made["Topic"])["Subscriptions"]
    assert told["Protocol"] == "sqs"
    url = bench.client.get_function_url_config(FunctionName=name)
    assert url["AuthType"] == "NONE" and url["Cors"] == {"AllowOrigins": ["https://a.example"], "MaxAge": 60}
    config = bench.client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (1, 120) and config["DestinationConfig"]["OnFailure"]["Destination"].endswith(made["Dead"].rpartition("/")[2])
    cfn.delete_stack(StackName="s")
    cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    assert not bench.client.list_event_source_mappings()["EventSourceMappings"]
