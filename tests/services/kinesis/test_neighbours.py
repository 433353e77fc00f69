"""Kinesis: who puts records into streams of themselves, and templates."""
import gzip
import json
import time

import pytest

from tests.services.apigateway.conftest import Api


def role(cloud, service, *actions, name="r"):
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    return arn


# -- DynamoDB -----------------------------------------------------------------------------------------------------------------------

def test_a_tables_changes_go_to_a_stream(streams, cloud, refused):
    ddb, arn = cloud.client("dynamodb"), streams.make()
    ddb.create_table(TableName="tab", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    refused("ResourceNotFoundException", ddb.enable_kinesis_streaming_destination, TableName="tab", StreamArn=arn + "x")
    refused("ValidationException", ddb.disable_kinesis_streaming_destination, TableName="tab", StreamArn=arn)
    assert ddb.enable_kinesis_streaming_destination(TableName="tab", StreamArn=arn)["DestinationStatus"] == "ENABLING"
    refused("ValidationException", ddb.enable_kinesis_streaming_destination, TableName="tab", StreamArn=arn)
    cloud.advance(1)
    assert ddb.describe_kinesis_streaming_destination(TableName="tab")["KinesisDataStreamDestinations"] == [
        {"StreamArn": arn, "DestinationStatus": "ACTIVE", "ApproximateCreationDateTimePrecision": "MILLISECOND"}]
    ddb.put_item(TableName="tab", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    ddb.put_item(TableName="tab", Item={"id": {"S": "a"}, "n": {"N": "1"}})  # changes nothing
    ddb.update_item(TableName="tab", Key={"id": {"S": "a"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    ddb.delete_item(TableName="tab", Key={"id": {"S": "a"}})
    records = [json.loads(d) for d in streams.data()]
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["tableName"] == "tab" and records[1]["recordFormat"] == "application/json" and records[1]["eventSource"] == "aws:dynamodb" and records[1]["awsRegion"] == "us-east-1"
    change = records[1]["dynamodb"]
    assert change["Keys"] == {"id": {"S": "a"}} and change["OldImage"]["n"] == {"N": "1"} and change["NewImage"]["n"] == {"N": "2"}
    assert change["ApproximateCreationDateTimePrecision"] == "MILLISECOND" and abs(change["ApproximateCreationDateTime"] / 1000 - cloud.now) < 60
    assert ddb.update_kinesis_streaming_destination(TableName="tab", StreamArn=arn, UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"})["DestinationStatus"] == "UPDATING"
    cloud.advance(1)
    ddb.put_item(TableName="tab", Item={"id": {"S": "b"}})
    assert json.loads(streams.data()[-1])["dynamodb"]["ApproximateCreationDateTime"] > 1e15
    assert ddb.disable_kinesis_streaming_destination(TableName="tab", StreamArn=arn)["DestinationStatus"] == "DISABLING"
    cloud.advance(1)
    ddb.put_item(TableName="tab", Item={"id": {"S": "c"}})
    assert len(streams.data()) == 4
    assert ddb.describe_kinesis_streaming_destination(TableName="tab")["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "DISABLED"


def test_changes_wait_while_the_stream_is_full(streams, cloud):
    ddb, arn = cloud.client("dynamodb"), streams.make()
    ddb.create_table(TableName="tab", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    ddb.enable_kinesis_streaming_destination(TableName="tab", StreamArn=arn)
    for _ in range(2):
        streams.client.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
    ddb.put_item(TableName="tab", Item={"id": {"S": "a"}})
    assert len(streams.client.get_records(ShardIterator=streams.iterator())["Records"]) == 1000
    cloud.advance(3)
    assert len(streams.data()) == 1001


# -- Logs, EventBridge, API Gateway --------------------------------------------------------------------------------------------------------

def test_log_events_are_subscribed_to_by_a_stream(streams, cloud, refused):
    logs, arn = cloud.client("logs"), streams.make()
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="one")
    put = {"logGroupName": "g", "filterName": "f", "filterPattern": "ERROR", "destinationArn": arn}
    refused("InvalidParameterException", logs.put_subscription_filter, **put)
    may = role(cloud, "logs.amazonaws.com", "kinesis:PutRecord")
    bare = role(cloud, "logs.amazonaws.com", name="bare")
    said = refused("InvalidParameterException", logs.put_subscription_filter, **put, roleArn=bare)
    assert said == "Could not deliver test message to specified Kinesis stream. Check if the given Kinesis stream is in ACTIVE state."
    logs.put_subscription_filter(**put, roleArn=may)
    assert logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"][0]["roleArn"] == may
    now = int(cloud.now * 1000)
    logs.put_log_events(logGroupName="g", logStreamName="one", logEvents=[{"timestamp": now, "message": "ERROR one"}, {"timestamp": now, "message": "fine"}])
    records = streams.read()["Records"]
    control, data = (json.loads(gzip.decompress(r["Data"])) for r in records)
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert data["messageType"] == "DATA_MESSAGE" and data["logGroup"] == "g" and data["subscriptionFilters"] == ["f"] and [e["message"] for e in data["logEvents"]] == ["ERROR one"]
    assert records[1]["PartitionKey"] == "one"


def test_a_rule_puts_events_into_a_stream_by_a_key_of_theirs(streams, cloud, refused):
    events, arn = cloud.client("events"), streams.make(shards=2)
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["me"]}))
    may = role(cloud, "events.amazonaws.com", "kinesis:PutRecord")
    refused("ValidationException", events.put_targets, Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    assert events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn, "RoleArn": may, "KinesisParameters": {"PartitionKeyPath": "$.detail.id"}}])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "me", "DetailType": "t", "Detail": json.dumps({"id": "k7"})}])
    cloud.advance(1)
    records = [r for shard in streams.shards() for r in streams.read(shard["ShardId"])["Records"]]
    assert [(r["PartitionKey"], json.loads(r["Data"])["detail"]) for r in records] == [("k7", {"id": "k7"})]


def test_a_schedule_puts_its_input_into_a_stream(streams, cloud, refused):
    scheduler, arn = cloud.client("scheduler"), streams.make()
    may = role(cloud, "scheduler.amazonaws.com", "kinesis:PutRecord")
    made = {"Name": "s", "ScheduleExpression": "rate(5 minutes)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    refused("ValidationException", scheduler.create_schedule, **made, Target={"Arn": arn, "RoleArn": may, "Input": "tick"})
    scheduler.create_schedule(**made, Target={"Arn": arn, "RoleArn": may, "Input": "tick", "KinesisParameters": {"PartitionKey": "p"}})
    cloud.advance(minutes=6)
    assert set(streams.data()) == {b"tick"}


def test_an_api_puts_records_through_its_aws_integration(streams, cloud):
    streams.make()
    api = Api(cloud)
    may = role(cloud, "apigateway.amazonaws.com", "kinesis:PutRecord")
    template = '{"StreamName": "s", "Data": "$util.base64Encode($input.body)", "PartitionKey": "p"}'
    api.method("/put", "POST", integration={"type": "AWS", "integrationHttpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord", "credentials": may,
                                            "requestTemplates": {"application/json": template}})
    api.deploy()
    answer = api.call("/put", "POST", body='{"a": 1}', headers={"Content-Type": "application/json"})
    assert answer.status == 200 and answer.json["ShardId"] == "shardId-000000000000", answer.body
    assert streams.data() == [b'{"a": 1}']


# -- templates ---------------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def deploy(cloud):
    """deploy({resources}, "create" | "update", **outputs): what the outputs say."""
    cfn = cloud.client("cloudformation")

    def run(resources, verb="create", transform=False, **outputs):
        body = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}} | ({"Transform": "AWS::Serverless-2016-10-31"} if transform else {})
        getattr(cfn, f"{verb}_stack")(StackName="stack", TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        for _ in range(100):
            cloud.advance(2)
            stack = cfn.describe_stacks(StackName="stack")["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.02)
        assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName="stack")["StackEvents"]]
        return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}

    return run


def test_a_stream_has_what_its_template_says_and_follows_it(streams, cloud, deploy, refused):
    def resources(**properties):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "kinesis:PutRecord", "Resource": {"Fn::GetAtt": ["Stream", "Arn"]}}]}
        return {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": properties},
                "Consumer": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "c", "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]}}},
                "Policy": {"Type": "AWS::Kinesis::ResourcePolicy", "Properties": {"ResourceArn": {"Fn::GetAtt": ["Stream", "Arn"]}, "ResourcePolicy": policy}}}

    outputs = {"Name": {"Ref": "Stream"}, "Arn": {"Fn::GetAtt": ["Stream", "Arn"]}, "Consumer": {"Ref": "Consumer"}, "Status": {"Fn::GetAtt": ["Consumer", "ConsumerStatus"]}}
    made = deploy(resources(ShardCount=2, RetentionPeriodHours=48, StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}, Tags=[{"Key": "a", "Value": "1"}]), **outputs)
    about = streams.about(made["Name"])
    assert about["StreamARN"] == made["Arn"] and about["OpenShardCount"] == 2 and about["RetentionPeriodHours"] == 48 and about["KeyId"] == "alias/aws/kinesis" and about["ConsumerCount"] == 1
    assert made["Consumer"].startswith(f"{made['Arn']}/consumer/c:") and made["Status"] == "ACTIVE"
    assert "111111111111" in streams.client.get_resource_policy(ResourceARN=made["Arn"])["Policy"]
    again = deploy(resources(ShardCount=4, RetentionPeriodHours=24, Tags=[{"Key": "b", "Value": "2"}], MaxRecordSizeInKiB=2048, DesiredShardLevelMetrics=["IncomingBytes"]), "update", **outputs)
    about = streams.about(made["Name"])
    assert again == made and about["OpenShardCount"] == 4 and about["RetentionPeriodHours"] == 24 and about["EncryptionType"] == "NONE" and about["MaxRecordSizeInKiB"] == 2048
    assert about["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
    tags = {t["Key"]: t["Value"] for t in streams.client.list_tags_for_stream(StreamName=made["Name"])["Tags"]}
    assert tags["b"] == "2" and "a" not in tags
    cloud.client("cloudformation").delete_stack(StackName="stack")
    cloud.advance(10)
    refused("ResourceNotFoundException", streams.about, made["Name"])


def test_a_table_streams_into_a_stream_of_the_same_template(streams, cloud, deploy):
    made = deploy({
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST",
            "KinesisStreamSpecification": {"StreamArn": {"Fn::GetAtt": ["Stream", "Arn"]}}}}}, Stream={"Ref": "Stream"}, Table={"Ref": "Table"})
    cloud.client("dynamodb").put_item(TableName=made["Table"], Item={"p": {"S": "x"}})
    got = [d for shard in streams.shards(made["Stream"]) for d in streams.data(shard["ShardId"], name=made["Stream"])]
    assert [json.loads(d)["dynamodb"]["Keys"] for d in got] == [{"p": {"S": "x"}}]


def test_a_serverless_function_gets_a_streams_records(streams, cloud, deploy):
    code = "import base64, boto3, os\ndef handler(event, context):\n    for r in event['Records']: boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=base64.b64decode(r['kinesis']['data']).decode())\n"
    made = deploy({
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}, "Queue": {"Type": "AWS::SQS::Queue"},
        "Function": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": code, "Timeout": 20, "Environment": {"Variables": {"OUT": {"Ref": "Queue"}}},
            "Policies": [{"SQSSendMessagePolicy": {"QueueName": {"Fn::GetAtt": ["Queue", "QueueName"]}}}],
            "Events": {"Records": {"Type": "Kinesis", "Properties": {"Stream": {"Fn::GetAtt": ["Stream", "Arn"]}, "StartingPosition": "TRIM_HORIZON", "BatchSize": 10}}}}}},
        transform=True, Stream={"Ref": "Stream"}, Queue={"Ref": "Queue"})
    streams.put(b"through SAM", name=made["Stream"])
    cloud.advance(1)
    found = cloud.client("sqs").receive_message(QueueUrl=made["Queue"]).get("Messages", [])
    assert [m["Body"] for m in found] == ["through SAM"]
