"""What flows through pipes: from queues and streams, through filters and functions, in the form that templates give it, to each kind of target."""
import json

import pytest

BUS = {"Source": "my.app", "DetailType": "$.body.kind", "Resources": ["$.body.thing"]}


def test_a_message_goes_from_queue_to_queue_as_the_event_it_is(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    bench.make(source, target)
    bench.send(url, {"n": 1}, MessageAttributes={"Colour": {"DataType": "String", "StringValue": "red"}})
    [event] = bench.got(out)
    assert event["body"] == '{"n": 1}' and event["eventSource"] == "aws:sqs" and event["eventSourceARN"] == source and event["awsRegion"] == "us-east-1"
    assert event["messageAttributes"]["Colour"]["stringValue"] == "red" and event["attributes"]["ApproximateReceiveCount"] == "1" and event["messageId"]
    assert bench.left(url) == (0, 0)


def test_a_filter_looks_into_the_body_and_what_it_leaves_out_is_deleted(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    bench.make(source, target, SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["a"], "n": [{"numeric": [">", 5]}]}})}]}})
    bench.send(url, {"kind": "a", "n": 9}, {"kind": "a", "n": 1}, {"kind": "b", "n": 9}, "text")
    assert [json.loads(e["body"])["n"] for e in bench.got(out)] == [9]
    assert bench.left(url) == (0, 0)


def test_a_template_shapes_each_event(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    template = '{"who": <$.body.name>, "text": "by <$.body.name> of <aws.pipes.pipe-name>", "all": <$.body>, "list": <$.body.tags[1]>, "from": <aws.pipes.source-arn>}'
    bench.make(source, target, TargetParameters={"InputTemplate": template})
    bench.send(url, {"name": "Ann \"A\"", "tags": ["x", "y"]})
    assert bench.got(out) == [{"who": 'Ann "A"', "text": 'by Ann "A" of pipe', "all": {"name": 'Ann "A"', "tags": ["x", "y"]}, "list": "y", "from": source}]


def test_a_fifo_target_takes_its_group_from_the_event(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    bench.make(source, target, TargetParameters={"InputTemplate": "<$.body.n>", "SqsQueueParameters": {"MessageGroupId": "$.body.group", "MessageDeduplicationId": "$.messageId"}})
    bench.send(url, {"group": "g1", "n": 1}, {"group": "g2", "n": 2})
    messages = bench.sqs.receive_message(QueueUrl=out, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])["Messages"]
    assert {(m["Body"], m["Attributes"]["MessageGroupId"]) for m in messages} == {("1", "g1"), ("2", "g2")}


def test_a_fifo_target_needs_a_group(bench, refused):
    _, source = bench.queue("in")
    _, target = bench.queue("out.fifo", FifoQueue="true")
    assert refused(bench.make, source, target) == ("ValidationException", "MessageGroupId is required for a FIFO queue.")


def test_what_cannot_be_delivered_stays_in_the_queue(bench):
    url, source = bench.queue("in", VisibilityTimeout="30")
    out, target = bench.queue("out")
    bench.make(source, target, role=bench.role("poor", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]))
    bench.send(url, "one")
    assert bench.bodies(out) == [] and bench.left(url) == (0, 1)
    bench.allow("poor", "sqs:*")
    bench.cloud.advance(31)
    assert len(bench.bodies(out)) == 1 and bench.left(url) == (0, 0)


def test_a_window_gathers_a_batch_for_a_function(bench):
    url, source = bench.queue("in", VisibilityTimeout="300")
    out, out_arn = bench.queue("out")
    copy = f"import boto3, json\ndef handler(events, c): boto3.client('sqs').send_message(QueueUrl='{out}', MessageBody=json.dumps([e['body'] for e in events]))"
    target = bench.function("copy", copy)
    bench.cloud.client("iam").put_role_policy(RoleName="copy-role", PolicyName="send", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": out_arn}]}))
    bench.make(source, target, SourceParameters={"SqsQueueParameters": {"BatchSize": 3, "MaximumBatchingWindowInSeconds": 60}})
    bench.send(url, "a", "b")
    assert bench.bodies(out) == []
    bench.cloud.advance(61)
    assert sorted(bench.got(out)[0]) == ["a", "b"]
    bench.send(url, "c", "d", "e")
    assert sorted(bench.got(out)[0]) == ["c", "d", "e"]
    assert bench.left(url) == (0, 0)


def test_a_function_may_say_which_of_the_batch_failed(bench):
    url, source = bench.queue("in", VisibilityTimeout="30")
    target = bench.function("picky", "def handler(events, c): return {'batchItemFailures': [{'itemIdentifier': e['messageId']} for e in events if e['body'] == 'bad']}")
    bench.make(source, target)
    bench.send(url, "good", "bad", "fine")
    assert bench.left(url) == (0, 1)


def test_a_function_that_fails_keeps_the_batch_unless_nobody_waits_for_it(bench):
    url, source = bench.queue("in", VisibilityTimeout="3000")
    target = bench.function("broken", "def handler(events, c): raise ValueError")
    bench.make(source, target)
    bench.send(url, "one")
    assert bench.left(url) == (0, 1)
    other, second = bench.queue("second")
    bench.make(second, target, "later", TargetParameters={"LambdaFunctionParameters": {"InvocationType": "FIRE_AND_FORGET"}})
    bench.send(other, "one")
    assert bench.left(other) == (0, 0)


def test_an_enrichment_takes_the_place_of_the_batch(bench):
    url, source = bench.queue("in")
    out, target = bench.queue("out")
    code = "def handler(events, c): return [{'doubled': e['n'] * 2, 'of': len(events)} for e in events if e['n'] != 3]"
    bench.make(source, target, Enrichment=bench.function("enrich", code), EnrichmentParameters={"InputTemplate": '{"n": <$.body.n>}'}, TargetParameters={"InputTemplate": '{"value": <$.doubled>}'})
    bench.send(url, {"n": 1}, {"n": 3}, {"n": 5})
    assert sorted(e["value"] for e in bench.got(out)) == [2, 10]
    assert bench.left(url) == (0, 0)


def test_an_enrichment_that_gives_nothing_ends_there_and_one_that_fails_does_not(bench):
    url, source = bench.queue("in", VisibilityTimeout="3000")
    out, target = bench.queue("out")
    bench.make(source, target, Enrichment=bench.function("enrich", "def handler(events, c):\n    if events[0]['body'] == 'bad': raise ValueError\n    return []"))
    bench.send(url, "fine")
    assert bench.left(url) == (0, 0)
    bench.send(url, "bad")
    assert bench.left(url) == (0, 1) and bench.bodies(out) == []


def test_a_bus_is_given_events_with_their_source_and_type(bench):
    url, source = bench.queue("in")
    out, queue = bench.queue("out", Policy=json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]}))
    events = bench.cloud.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["my.app", {"prefix": "Pipe "}]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": queue}])
    bus = f"arn:aws:events:us-east-1:{bench.cloud.account}:event-bus/default"
    bench.make(source, bus, TargetParameters={"InputTemplate": '{"n": <$.body.n>}', "EventBridgeEventBusParameters": BUS})
    bench.send(url, {"kind": "made", "thing": "arn:aws:x", "n": 7})
    [event] = bench.got(out)
    assert event["source"] == "my.app" and event["detail-type"] == "made" and event["resources"] == ["arn:aws:x"] and event["detail"] == {"n": 7}
    other, second = bench.queue("second")
    bench.make(second, bus, "plain")
    bench.send(other, {"n": 8})
    [event] = bench.got(out)
    assert event["source"] == "Pipe plain" and event["detail-type"] == "Event from aws:sqs" and event["detail"]["body"] == '{"n": 8}'


def test_topics_and_log_groups_are_targets_too(bench):
    url, source = bench.queue("in")
    out, queue = bench.queue("out", Policy=json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]}))
    sns, logs = bench.cloud.client("sns"), bench.cloud.client("logs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    bench.make(source, topic, TargetParameters={"InputTemplate": "told <$.body.n>"})
    bench.send(url, {"n": 1})
    assert bench.bodies(out) == ["told 1"]
    logs.create_log_group(logGroupName="g")
    other, second = bench.queue("second")
    bench.make(second, f"arn:aws:logs:us-east-1:{bench.cloud.account}:log-group:g", "log", TargetParameters={
        "InputTemplate": "line <$.body.n>", "CloudWatchLogsParameters": {"LogStreamName": "s-<x>".replace("<x>", "1"), "Timestamp": "$.attributes.SentTimestamp"}})
    bench.send(other, {"n": 2})
    assert [e["message"] for e in logs.get_log_events(logGroupName="g", logStreamName="s-1")["events"]] == ["line 2"]


# -- streams ------------------------------------------------------------------------------------------------------------

def stream(**more):
    return {"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", **more}}


def test_a_tables_changes_come_in_order_from_where_the_pipe_begins(bench):
    source = bench.table()
    out, target = bench.queue("out")
    late, later = bench.queue("late")
    bench.put("a", "b")
    bench.make(source, target, SourceParameters=stream(), TargetParameters={"InputTemplate": "<$.dynamodb.Keys.p.S>"})
    bench.make(source, later, "latest", SourceParameters=stream(StartingPosition="LATEST"), TargetParameters={"InputTemplate": "<$.eventName>"})
    assert bench.got(out) == ["a", "b"]
    bench.put("c")
    assert bench.got(out) == ["c"] and bench.got(late) == ["INSERT"]
    told = bench.pipes.describe_pipe(Name="pipe")["SourceParameters"]["DynamoDBStreamParameters"]
    assert told == {"StartingPosition": "TRIM_HORIZON", "BatchSize": 100, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1}


def test_a_stream_needs_a_beginning(bench, refused):
    source = bench.table()
    _, target = bench.queue("out")
    assert refused(bench.make, source, target) == ("ValidationException", "StartingPosition is required for a stream.")


def test_a_streams_records_are_filtered(bench):
    source = bench.table()
    out, target = bench.queue("out")
    bench.make(source, target, SourceParameters=stream() | {"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["x"]}}}})}]}})
    bench.put("a", kind="x")
    bench.put("b", kind="y")
    [event] = bench.got(out)
    assert event["dynamodb"]["Keys"] == {"p": {"S": "a"}} and event["eventSourceARN"] == source and event["eventSource"] == "aws:dynamodb"


def test_a_record_that_fails_holds_the_shard_until_it_is_given_up(bench):
    source = bench.table()
    out, target = bench.queue("out")
    dead, dead_arn = bench.queue("dead")
    bench.make(source, target, SourceParameters=stream(MaximumRetryAttempts=2, BatchSize=1, DeadLetterConfig={"Arn": dead_arn}),
               TargetParameters={"InputTemplate": "<$.dynamodb.Keys.p.S>", "SqsQueueParameters": {"MessageGroupId": "$.dynamodb.NewImage.group.S"}})
    bench.put("a")  # it has no group: its parameter names nothing
    bench.put("b", group="g")
    assert bench.bodies(out) == [] and bench.bodies(dead) == []
    bench.cloud.advance(30)
    assert bench.got(out) == ["b"]
    [letter] = bench.got(dead)
    assert letter["context"]["condition"] == "RetryAttemptsExhausted" and letter["DDBStreamBatchInfo"]["batchSize"] == 1 and letter["DDBStreamBatchInfo"]["streamArn"] == source


def test_a_failing_batch_is_halved_when_asked_for(bench):
    source = bench.table()
    out, out_arn = bench.queue("out")
    dead, dead_arn = bench.queue("dead")
    code = (f"import boto3, json\ndef handler(events, c):\n    keys = [e['dynamodb']['Keys']['p']['S'] for e in events]\n    if 'bad' in keys: raise ValueError\n"
            f"    boto3.client('sqs').send_message(QueueUrl='{out}', MessageBody=json.dumps(keys))")
    target = bench.function("halves", code)
    bench.cloud.client("iam").put_role_policy(RoleName="halves-role", PolicyName="send", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": out_arn}]}))
    bench.put("a", "bad", "b", "c")
    bench.make(source, target, SourceParameters=stream(MaximumRetryAttempts=0, OnPartialBatchItemFailure="AUTOMATIC_BISECT", DeadLetterConfig={"Arn": dead_arn}))
    bench.cloud.advance(30)
    assert [key for keys in bench.got(out) for key in keys] == ["a", "b", "c"]
    assert [letter["DDBStreamBatchInfo"]["batchSize"] for letter in bench.got(dead)] == [1]


@pytest.mark.parametrize("kind", ["queue", "stream"])
def test_a_pipe_goes_on_after_it_was_stopped(bench, kind):
    out, target = bench.queue("out")
    if kind == "queue":
        url, source = bench.queue("in")
        bench.make(source, target)
    else:
        source = bench.table()
        bench.make(source, target, SourceParameters=stream())
    for n, name in enumerate("abc"):
        if n == 1:
            bench.pipes.stop_pipe(Name="pipe")
            bench.cloud.advance(1)
        if kind == "queue":
            bench.send(url, name)
        else:
            bench.put(name)
    assert len(bench.bodies(out)) == 1
    bench.pipes.start_pipe(Name="pipe")
    bench.cloud.advance(1)
    assert len(bench.bodies(out)) == 2


def express(bench, name, states, kind="EXPRESS"):
    sfn, role = bench.cloud.client("stepfunctions"), f"arn:aws:iam::{bench.cloud.account}:role/machine"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    if not [r for r in bench.iam.list_roles()["Roles"] if r["RoleName"] == "machine"]:
        bench.role("machine", trust=trust)
    return sfn.create_state_machine(name=name, roleArn=role, type=kind, definition=json.dumps({"StartAt": next(iter(states)), "States": states}))["stateMachineArn"]


def test_records_of_a_stream_go_through_an_express_machine_to_a_state_machine_in_batches(bench):
    kinesis, sfn = bench.cloud.client("kinesis"), bench.cloud.client("stepfunctions")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    bench.cloud.advance(10)
    arn = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    enrich = express(bench, "enrich", {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"seen.$": "$.n"}, "End": True}}}, "End": True}})
    target = express(bench, "target", {"P": {"Type": "Pass", "End": True}}, "STANDARD")
    bench.make(arn, target, Enrichment=enrich, EnrichmentParameters={"InputTemplate": '{"n": <$.data.n>}'}, TargetParameters={"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}},
               SourceParameters={"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 2}, "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"n": [{"numeric": [">", 1]}]}}'}]}})
    kinesis.put_records(StreamName="s", Records=[{"Data": json.dumps({"n": n}).encode(), "PartitionKey": "k"} for n in (1, 2, 3, 4)])
    for _ in range(3):
        bench.cloud.advance(1)
    found = [json.loads(sfn.describe_execution(executionArn=one["executionArn"])["input"]) for one in sfn.list_executions(stateMachineArn=target)["executions"]]
    assert sorted(found, key=str) == [[{"seen": 2}], [{"seen": 3}, {"seen": 4}]]


def test_a_stream_is_a_target_with_a_key_from_the_event(bench):
    kinesis = bench.cloud.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    bench.cloud.advance(10)
    url, source = bench.queue("in")
    arn = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    bench.make(source, arn, TargetParameters={"KinesisStreamParameters": {"PartitionKey": "$.body.k"}, "InputTemplate": "<$.body.v>"})
    bench.send(url, {"k": "key", "v": "value"})
    shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
    [record] = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"])["Records"]
    assert (record["PartitionKey"], record["Data"]) == ("key", b'"value"')
