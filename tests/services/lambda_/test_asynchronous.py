"""Asynchronous events: retries on the clock, dead letters, destinations."""
import json
import time

from .conftest import refused

FLAKY = """
import json
def handler(event, context):
    print('run', json.dumps(event))
    if event.get('fail'):
        raise ValueError('as asked')
    return {'got': event}
"""


def queue(bench, name):
    sqs = bench.cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(bench, url):
    found = bench.cloud.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=0).get("Messages", [])
    for message in found:
        bench.cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def soon(get):
    for _ in range(1500):
        if found := get():
            return found
        time.sleep(0.02)
    return get()


SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


def test_an_event_is_accepted_at_once_and_run_afterwards(bench):
    url, arn = queue(bench, "ok")
    bench.deploy("f", FLAKY, SEND)
    config = bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}})
    assert config["FunctionArn"].endswith(":f:$LATEST") and "MaximumRetryAttempts" not in config
    answer = bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    [message] = soon(lambda: received(bench, url))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "Success" and record["requestContext"]["requestId"] == answer["ResponseMetadata"]["RequestId"] and record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"n": 1} and record["responsePayload"] == {"got": {"n": 1}} and record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["version"] == "1.0" and record["requestContext"]["functionArn"].endswith(":function:f:$LATEST")


def test_a_failing_event_is_tried_after_one_and_two_minutes_and_then_dead_lettered(bench):
    url, arn = queue(bench, "dead")
    bench.deploy("f", FLAKY, SEND, DeadLetterConfig={"TargetArn": arn})
    answer = bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": 1}')
    bench.cloud.advance(59)
    assert received(bench, url) == []
    bench.cloud.advance(100)
    assert received(bench, url) == []
    bench.cloud.advance(30)
    [message] = received(bench, url)
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert json.loads(message["Body"]) == {"fail": 1}
    assert attributes == {"RequestID": answer["ResponseMetadata"]["RequestId"], "ErrorCode": "200", "ErrorMessage": "as asked"} and message["MessageAttributes"]["ErrorCode"]["DataType"] == "Number"


def test_on_failure_tells_how_often_it_was_tried(bench):
    url, arn = queue(bench, "failed")
    bench.deploy("f", FLAKY, SEND)
    bench.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": 1}')
    bench.cloud.advance(61)
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted" and record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled" and record["responsePayload"]["errorType"] == "ValueError"


def test_a_function_reserved_to_zero_hands_events_to_the_destination_at_once(bench):
    url, arn = queue(bench, "zero")
    bench.deploy("f", FLAKY, SEND)
    bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    [message] = soon(lambda: received(bench, url))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency" and record["requestContext"]["approximateInvokeCount"] == 0 and "responseContext" not in record


def test_throttled_events_wait_and_are_not_lost(bench):
    url, arn = queue(bench, "ok")
    bench.deploy("f", "import time\ndef handler(e, c):\n    time.sleep(e)\n    return e", SEND, Timeout=10)
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}})
    for payload in (b"0.4", b"0", b"0.01"):
        bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
    bench.cloud.advance(30)
    assert len(received(bench, url) + received(bench, url) + received(bench, url)) == 3


def test_event_invoke_configs_are_put_merged_listed_and_deleted(bench):
    bench.deploy()
    client = bench.client
    refused(client.put_function_event_invoke_config, "InvalidParameterValueException", "You must specify at least one of error handling or destination setting.", FunctionName="f")
    refused(client.get_function_event_invoke_config, "ResourceNotFoundException", f"The function arn:aws:lambda:us-east-1:{bench.cloud.account}:function:f:$LATEST doesn't have an EventInvokeConfig", FunctionName="f")
    refused(client.update_function_event_invoke_config, "ResourceNotFoundException", FunctionName="f", MaximumRetryAttempts=1)
    refused(client.put_function_event_invoke_config, "InvalidParameterValueException", "You can't specify the function as a destination for itself.", FunctionName="f",
            DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:lambda:us-east-1:{bench.cloud.account}:function:f"}})
    client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    assert client.update_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=100)["MaximumRetryAttempts"] == 1
    assert client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"][0]["MaximumEventAgeInSeconds"] == 100
    assert "MaximumRetryAttempts" not in client.put_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=100)
    client.delete_function_event_invoke_config(FunctionName="f")
    assert client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []


def test_a_destination_needs_the_roles_permission(bench):
    _, arn = queue(bench, "q")
    bench.deploy()
    refused(bench.client.put_function_event_invoke_config, "InvalidParameterValueException", "The function execution role does not have permissions to call SendMessage on SQS", FunctionName="f",
            DestinationConfig={"OnFailure": {"Destination": arn}})
    refused(bench.client.update_function_configuration, "InvalidParameterValueException", "The provided execution role does not have permissions to call SendMessage on SQS", FunctionName="f",
            DeadLetterConfig={"TargetArn": arn})


def test_an_event_too_old_is_given_up(bench):
    url, arn = queue(bench, "old")
    bench.deploy("f", FLAKY, SEND)
    bench.client.put_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=90, DestinationConfig={"OnFailure": {"Destination": arn}})
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": 1}')
    bench.cloud.advance(61)
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded" and record["requestContext"]["approximateInvokeCount"] == 2


def test_a_function_can_be_a_destination(bench):
    url, arn = queue(bench, "end")
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    bench.deploy("f", FLAKY, SEND, invoke)
    target = bench.deploy("g", Role=f"arn:aws:iam::{bench.cloud.account}:role/f-role")["FunctionArn"]
    bench.client.put_function_event_invoke_config(FunctionName="g", DestinationConfig={"OnSuccess": {"Destination": arn}})
    bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": target}})
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    [message] = soon(lambda: received(bench, url))
    assert json.loads(message["Body"])["requestPayload"]["responsePayload"] == {"got": {}}


def test_a_function_that_invokes_itself_is_stopped_after_sixteen_times(bench):
    url, _ = queue(bench, "count")
    code = "import boto3, os\ndef handler(e, c):\n    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody='x')\n    boto3.client('lambda').invoke(FunctionName=c.function_name, InvocationType='Event', Payload=b'{}')"
    bench.deploy("f", code, SEND, {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}, Environment={"Variables": {"OUT": url}}, Timeout=20)
    bench.client.invoke(FunctionName="f", InvocationType="Event")
    for _ in range(3):
        bench.cloud.advance(1)
    count = bench.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]["ApproximateNumberOfMessages"]
    assert int(count) == 16


def test_a_loop_through_a_queue_is_stopped(bench):
    from .test_mappings import left
    url, arn = queue(bench, "loop")
    out, _ = queue(bench, "count")
    code = "import boto3, os\ndef handler(e, c):\n    for q in ('OUT', 'LOOP'): boto3.client('sqs').send_message(QueueUrl=os.environ[q], MessageBody='x')"
    bench.deploy("f", code, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, Environment={"Variables": {"OUT": out, "LOOP": url}}, Timeout=20)
    bench.client.create_event_source_mapping(FunctionName="f", EventSourceArn=arn)
    bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    for _ in range(3):
        bench.cloud.advance(1)
    assert soon(lambda: left(bench, url) == 0) and left(bench, out) == 16


def test_a_throttled_event_is_tried_for_six_hours_and_then_told_to_the_destination(bench):
    from .test_concurrency import Held
    url, arn = queue(bench, "old")
    held = Held(bench)
    bench.allow("f-role", SEND)
    bench.client.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    held.hold(1)
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    bench.cloud.advance(hours=5, minutes=55)
    assert received(bench, url) == []
    bench.cloud.advance(minutes=10)
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded" and record["requestContext"]["approximateInvokeCount"] == 0
    assert record["requestPayload"] == {"n": 1} and "responseContext" not in record and "responsePayload" not in record
    held.let_go()


def destination(bench, where, arn, *statements, fail=True):
    bench.deploy("f", FLAKY, *statements)
    bench.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0, DestinationConfig={where: {"Destination": arn}})
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": 1}' if fail else b'{}')
    bench.cloud.advance(1)


def test_a_topic_can_be_a_destination(bench):
    url, arn = queue(bench, "heard")
    sns, sqs = bench.cloud.client("sns"), bench.cloud.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    destination(bench, "OnFailure", topic, {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
    [message] = soon(lambda: received(bench, url))
    assert json.loads(message["Body"])["requestContext"]["condition"] == "RetriesExhausted"


def test_a_bus_can_be_a_destination(bench):
    url, arn = queue(bench, "seen")
    events, sqs = bench.cloud.client("events"), bench.cloud.client("sqs")
    bus = events.describe_event_bus(Name="default")["Arn"]
    rule = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["lambda"]}))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})})
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    destination(bench, "OnSuccess", bus, {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}, fail=False)
    [message] = soon(lambda: received(bench, url))
    event = json.loads(message["Body"])
    assert event["source"] == "lambda" and event["detail-type"] == "Lambda Function Invocation Result - Success" and event["detail"]["requestContext"]["condition"] == "Success"
    assert event["resources"][0].endswith(":function:f:$LATEST")


def test_a_bucket_can_be_a_destination_of_failures_alone(bench):
    s3, bucket = bench.cloud.client("s3"), f"failures-{bench.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    destination(bench, "OnFailure", f"arn:aws:s3:::{bucket}", {"Effect": "Allow", "Action": ["s3:PutObject", "s3:ListBucket"], "Resource": "*"})
    [found] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    record = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert found["Key"].startswith("aws/lambda/async/f/") and record["requestContext"]["condition"] == "RetriesExhausted" and record["responsePayload"]["errorType"] == "ValueError"
    refused(bench.client.put_function_event_invoke_config, "InvalidParameterValueException", FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:s3:::{bucket}"}})


def test_a_topic_takes_dead_letters_with_the_first_kilobyte_of_the_error(bench):
    url, arn = queue(bench, "heard")
    sns, sqs = bench.cloud.client("sns"), bench.cloud.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    bench.deploy("f", "def handler(e, c): raise ValueError('x' * 3000)", {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}, DeadLetterConfig={"TargetArn": topic})
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    bench.cloud.advance(minutes=4)
    [message] = soon(lambda: received(bench, url))
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert json.loads(message["Body"]) == {"n": 1} and attributes["ErrorMessage"] == "x" * 1024 and attributes["ErrorCode"] == "200"


def test_who_waits_for_the_answer_gets_the_error_and_no_dead_letter_is_written(bench):
    url, arn = queue(bench, "dead")
    bench.deploy("f", FLAKY, SEND, DeadLetterConfig={"TargetArn": arn})
    assert bench.call("f", {"fail": 1})["errorType"] == "ValueError"
    bench.cloud.advance(minutes=10)
    assert received(bench, url) == []


def test_an_alias_has_its_own_settings(bench):
    url, arn = queue(bench, "failed")
    bench.deploy("f", FLAKY, SEND, Publish=True)
    bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    config = bench.client.put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}})
    assert config["FunctionArn"].endswith(":f:live")
    bench.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"fail": 1}')
    bench.client.invoke(FunctionName="f", Qualifier="live", InvocationType="Event", Payload=b'{"fail": 2}')
    bench.cloud.advance(1)
    [message] = soon(lambda: received(bench, url))
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"fail": 2} and record["requestContext"]["functionArn"].endswith(":f:live") and record["responseContext"]["executedVersion"] == "1"
