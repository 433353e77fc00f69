"""Event source mappings: of queues here, of streams in test_streams."""
import json
import time

import pytest

from .conftest import refused
from .test_asynchronous import queue, received, soon

READ = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
COPY = """
import boto3, json, os
def handler(event, context):
    bad = [r['messageId'] for r in event['Records'] if 'bad' in r['body']]
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps([r['body'] for r in event['Records']]))
    if bad and os.environ.get('PARTIAL'):
        return {'batchItemFailures': [{'itemIdentifier': i} for i in bad]}
    if bad:
        raise ValueError('bad')
"""


def mapped(bench, code=COPY, fifo=False, variables=None, **more):
    """A queue `in` mapped to a function that copies bodies to the queue `out`."""
    out, _ = queue(bench, "out")
    sqs = bench.cloud.client("sqs")
    name, attributes = ("in.fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "true"}) if fifo else ("in", {})
    url = sqs.create_queue(QueueName=name, Attributes=attributes | {"VisibilityTimeout": "30"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bench.deploy("f", code, READ, Environment={"Variables": {"OUT": out, **(variables or {})}}, Timeout=20)
    made = bench.client.create_event_source_mapping(EventSourceArn=arn, FunctionName="f", **more)
    return url, out, made


def bodies(bench, out):
    """Everything that arrived: one list of bodies for each invocation."""
    got = []
    while found := received(bench, out):
        got += [json.loads(m["Body"]) for m in found]
    return got


def left(bench, url):
    attributes = bench.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])


def test_a_message_reaches_the_function_and_is_deleted(bench):
    url, out, made = mapped(bench, "import boto3, json, os\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(e['Records'][0]))")
    assert made["State"] == "Creating" and made["BatchSize"] == 10 and made["FunctionArn"].endswith(":function:f")
    sent = bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="hello", MessageAttributes={"Colour": {"DataType": "String", "StringValue": "red"}})
    [record] = soon(lambda: bodies(bench, out))
    assert record["messageId"] == sent["MessageId"] and record["body"] == "hello" and record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == made["EventSourceArn"] and record["awsRegion"] == "us-east-1"
    assert record["messageAttributes"] == {"Colour": {"stringValue": "red", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}
    assert record["attributes"]["ApproximateReceiveCount"] == "1" and record["receiptHandle"]
    assert soon(lambda: left(bench, url) == 0)


def test_a_failed_batch_comes_back_and_ends_in_the_dead_letter_queue(bench):
    url, out, _ = mapped(bench)
    dead, dead_arn = queue(bench, "dead")
    bench.cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})})
    bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="bad")
    assert soon(lambda: bodies(bench, out)) == [["bad"]]
    bench.cloud.advance(31)
    assert bodies(bench, out) == [["bad"]]
    bench.cloud.advance(31)
    assert bodies(bench, out) == [] and [m["Body"] for m in received(bench, dead)] == ["bad"]


def test_only_reported_items_come_back(bench):
    url, out, _ = mapped(bench, variables={"PARTIAL": "1"}, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    bench.cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": b} for n, b in enumerate(("good", "bad", "fine"))])
    enable(bench)
    assert sorted(body for batch in soon(lambda: bodies(bench, out)) for body in batch) == ["bad", "fine", "good"]
    assert soon(lambda: left(bench, url) == 1)
    bench.cloud.advance(31)
    assert bodies(bench, out) == [["bad"]]


def enable(bench, on=True):
    [mapping] = bench.client.list_event_source_mappings(FunctionName="f")["EventSourceMappings"]
    wait(bench, mapping["UUID"])
    bench.client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
    wait(bench, mapping["UUID"])


def wait(bench, uuid):
    assert soon(lambda: bench.client.get_event_source_mapping(UUID=uuid)["State"] in ("Enabled", "Disabled"))


def test_a_batch_has_at_most_its_size_and_waits_for_its_window(bench):
    url, out, _ = mapped(bench, BatchSize=3, Enabled=False)
    for n in range(5):
        bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=str(n))
    enable(bench)
    bench.cloud.advance(1)
    assert sorted(map(len, bodies(bench, out))) == [2, 3]
    [mapping] = bench.client.list_event_source_mappings()["EventSourceMappings"]
    bench.client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=50, MaximumBatchingWindowInSeconds=20)
    wait(bench, mapping["UUID"])
    for n in range(12):
        bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=str(n))
    bench.cloud.advance(10)
    assert bodies(bench, out) == []
    bench.cloud.advance(11)
    assert [len(b) for b in bodies(bench, out)] == [12]


def test_messages_that_no_filter_lets_through_are_deleted(bench):
    url, out, made = mapped(bench, FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["yes"]}})}]})
    for kind in ("yes", "no"):
        bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}))
    bench.cloud.advance(1)
    assert bodies(bench, out) == [['{"kind": "yes"}']] and left(bench, url) == 0
    refused(bench.client.update_event_source_mapping, "InvalidParameterValueException", "Invalid filter pattern definition.", UUID=made["UUID"], FilterCriteria={"Filters": [{"Pattern": "nonsense"}]})


def test_a_fifo_group_arrives_in_order(bench):
    url, out, _ = mapped(bench, fifo=True, BatchSize=2)
    for n in range(5):
        bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId="g")
    bench.cloud.advance(1)
    assert [body for batch in bodies(bench, out) for body in batch] == ["0", "1", "2", "3", "4"]


def test_a_disabled_mapping_leaves_messages_alone_and_a_deleted_one_is_gone(bench):
    url, out, made = mapped(bench)
    enable(bench, False)
    assert bench.client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Disabled"
    bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    bench.cloud.advance(5)
    assert bodies(bench, out) == []
    enable(bench)
    assert soon(lambda: bodies(bench, out)) == [["x"]]
    assert bench.client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    assert soon(lambda: bench.client.list_event_source_mappings()["EventSourceMappings"] == [])
    refused(bench.client.get_event_source_mapping, "ResourceNotFoundException", UUID=made["UUID"])
    bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="y")
    bench.cloud.advance(5)
    assert left(bench, url) == 1


@pytest.mark.parametrize(("change", "text"), [
    ({"FunctionName": "nope"}, "Function does not exist"),
    ({"EventSourceArn": "arn:aws:ec2:us-east-1:123456789012:x/y"}, "Unrecognized event source."),
    ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
    ({"FilterCriteria": {"Filters": [{"Pattern": "["}]}}, "Invalid filter pattern definition."),
])
def test_a_wrong_mapping_is_refused(bench, change, text):
    _, arn = queue(bench, "q")
    bench.deploy("f", "", READ)
    refused(bench.client.create_event_source_mapping, "InvalidParameterValueException", text, **{"FunctionName": "f", "EventSourceArn": arn} | change)


def test_a_mapping_needs_a_queue_a_role_and_enough_visibility(bench):
    _, arn = queue(bench, "q")
    bench.deploy("f", "", READ, Timeout=31)
    bench.deploy("g")
    create = bench.client.create_event_source_mapping
    refused(create, "InvalidParameterValueException", "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds", FunctionName="f", EventSourceArn=arn)
    refused(create, "InvalidParameterValueException", "The function execution role does not have permissions to call ReceiveMessage on SQS", FunctionName="g", EventSourceArn=arn)
    assert refused(create, "InvalidParameterValueException", FunctionName="f", EventSourceArn=arn + "x").endswith("SQS Error Message: The specified queue does not exist.")
    bench.allow("g-role", READ)
    uuid = create(FunctionName="g", EventSourceArn=arn)["UUID"]
    text = f'An event source mapping with SQS arn (" {arn} ") and function (" g ") already exists. Please update or delete the existing mapping with UUID {uuid}'
    refused(create, "ResourceConflictException", text, FunctionName="g", EventSourceArn=arn)


@pytest.mark.parametrize(("answer", "back"), [
    ("None", 0), ("{}", 0), ("{'batchItemFailures': None}", 0), ("{'batchItemFailures': []}", 0), ("''", 0),
    ("{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}", 2), ("{'batchItemFailures': [{'itemIdentifier': ''}]}", 2), ("{'batchItemFailures': [{'itemIdentifier': None}]}", 2),
    ("{'batchItemFailures': [{'wrong': 'key'}]}", 2), ("'text'", 2), ("{'batchItemFailures': [{'itemIdentifier': e['Records'][0]['messageId']}]}", 1),
])
def test_what_a_function_reports_decides_which_messages_come_back(bench, answer, back):
    code = f"import boto3, os\ndef handler(e, c):\n    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=str(len(e['Records'])))\n    return {answer}"
    url, out, _ = mapped(bench, code, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    bench.cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(2)])
    enable(bench)
    assert soon(lambda: bodies(bench, out)) == [2]
    assert soon(lambda: left(bench, url) == back)


def test_the_answer_counts_only_where_reports_are_asked_for(bench):
    code = "import boto3, os\ndef handler(e, c):\n    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody='1')\n    return {'batchItemFailures': [{'itemIdentifier': e['Records'][0]['messageId']}]}"
    url, out, _ = mapped(bench, code)
    bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert soon(lambda: bodies(bench, out)) == [1] and soon(lambda: left(bench, url) == 0)


def test_a_group_waits_for_its_failed_batch_and_another_group_goes_on(bench):
    url, out, _ = mapped(bench, fifo=True, BatchSize=1, Enabled=False)
    sqs = bench.cloud.client("sqs")
    for group, body in (("a", "bad"), ("a", "a2"), ("b", "b1")):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    enable(bench)
    bench.cloud.advance(1)
    assert sorted(body for batch in bodies(bench, out) for body in batch) == ["b1", "bad"]
    bench.cloud.advance(31)
    assert bodies(bench, out) == [["bad"]]


def test_a_queue_of_fifo_takes_ten_at_most_and_no_window(bench):
    sqs = bench.cloud.client("sqs")
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bench.deploy("f", "", READ)
    create = bench.client.create_event_source_mapping
    refused(create, "InvalidParameterValueException", FunctionName="f", EventSourceArn=arn, BatchSize=11)
    refused(create, "InvalidParameterValueException", FunctionName="f", EventSourceArn=arn, MaximumBatchingWindowInSeconds=1)
    refused(create, "ValidationException", FunctionName="f", EventSourceArn=arn, ScalingConfig={"MaximumConcurrency": 1001})
    refused(create, "ValidationException", FunctionName="f", EventSourceArn=arn, BatchSize=10001)
    refused(create, "ValidationException", FunctionName="f", EventSourceArn=arn, MaximumBatchingWindowInSeconds=301)


def test_a_mapping_passes_through_its_states(bench):
    _, _, made = mapped(bench)
    client, uuid = bench.client, made["UUID"]
    wait(bench, uuid)
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled" and made["ResponseMetadata"]["HTTPStatusCode"] == 202
    for change, passing, then in (({"BatchSize": 5}, "Updating", "Enabled"), ({"Enabled": False}, "Disabling", "Disabled"), ({"Enabled": True}, "Enabling", "Enabled")):
        answer = client.update_event_source_mapping(UUID=uuid, **change)
        assert answer["State"] == passing and answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        wait(bench, uuid)
        assert client.get_event_source_mapping(UUID=uuid)["State"] == then
    assert client.delete_event_source_mapping(UUID=uuid)["ResponseMetadata"]["HTTPStatusCode"] == 202


def test_many_batches_run_at_once_and_no_more_than_asked(bench):
    from .test_concurrency import HELD
    code = HELD.replace("def handler(e, c):", "def handler(e, c):\n    import os; e = {'arrived': os.environ['OUT'], 'go': 'go'}")
    url, out, _ = mapped(bench, code, BatchSize=1, Enabled=False, ScalingConfig={"MaximumConcurrency": 2})
    bench.allow("f-role", {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"})
    for n in range(4):
        bench.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=str(n))
    enable(bench)
    wait_for(bench, out, 2)
    attributes = bench.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "2" and attributes["ApproximateNumberOfMessages"] == "2"
    bench.cloud.client("ssm").put_parameter(Name="go", Type="String", Value="go")
    wait_for(bench, out, 2)
    assert soon(lambda: left(bench, url) == 0)


def wait_for(bench, out, count):
    """Until so many messages have come."""
    here, end = 0, time.monotonic() + 60
    while here < count:
        assert time.monotonic() < end, here
        here += len(received(bench, out))
        time.sleep(0.02)
    return True


def test_a_mapping_counts_its_events_where_it_is_asked_to(bench):
    url, _, made = mapped(bench, FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": [{"prefix": "g"}]})}]}, MetricsConfig={"Metrics": ["EventCount"]}, Enabled=False)
    bench.cloud.client("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": b} for n, b in enumerate(("good", "great", "other"))])
    assert bench.client.get_event_source_mapping(UUID=made["UUID"])["MetricsConfig"] == {"Metrics": ["EventCount"]}
    enable(bench)
    assert soon(lambda: left(bench, url) == 0)
    bench.cloud.advance(60)
    cloudwatch = bench.cloud.client("cloudwatch")

    def total(metric):
        now = bench.cloud.now
        points = cloudwatch.get_metric_statistics(Namespace="AWS/Lambda", MetricName=metric, Dimensions=[{"Name": "EventSourceMappingUUID", "Value": made["UUID"]}],
                                                  StartTime=now - 3600, EndTime=now + 60, Period=86400, Statistics=["Sum"])["Datapoints"]
        return sum(point["Sum"] for point in points)
    assert (total("PolledEventCount"), total("FilteredOutEventCount"), total("InvokedEventCount"), total("DeletedEventCount"), total("FailedInvokeEventCount")) == (3, 1, 2, 2, 0)


def test_a_queue_may_have_provisioned_pollers_but_not_a_limit_as_well(bench):
    _, _, made = mapped(bench, ProvisionedPollerConfig={"MinimumPollers": 3})
    assert made["ProvisionedPollerConfig"] == {"MinimumPollers": 3, "MaximumPollers": 200}
    change, invalid = bench.client.update_event_source_mapping, "InvalidParameterValueException"
    assert soon(lambda: bench.client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled")
    refused(change, invalid, UUID=made["UUID"], ScalingConfig={"MaximumConcurrency": 5})
    refused(change, invalid, UUID=made["UUID"], ProvisionedPollerConfig={"MinimumPollers": 10, "MaximumPollers": 5})
    for strange in ({"DestinationConfig": {"OnFailure": {"Destination": made["EventSourceArn"]}}}, {"LoggingConfig": {"SystemLogLevel": "INFO"}}, {"MetricsConfig": {"Metrics": ["ErrorCount"]}}):
        refused(change, invalid, UUID=made["UUID"], **strange)


@pytest.mark.parametrize("source", ["arn:aws:kafka:us-east-1:123456789012:cluster/c/11111111-1111-1111-1111-111111111111-1", "arn:aws:mq:us-east-1:123456789012:broker:b:b-11111111-1111-1111-1111-111111111111",
                                    "arn:aws:rds:us-east-1:123456789012:cluster:docs"])
def test_sources_that_are_not_built_are_refused(bench, source):
    refused(bench.client.create_event_source_mapping, "InvalidParameterValueException", "Unrecognized event source.", EventSourceArn=source, FunctionName="f")
