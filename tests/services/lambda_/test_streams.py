"""Event source mappings of DynamoDB streams: in order, from a position, with retries, halving, and a destination for what is given up."""
import json

import pytest

from .conftest import refused
from .test_asynchronous import queue, received, soon
from .test_mappings import bodies, wait

MAY = {"Effect": "Allow", "Action": ["dynamodb:*", "sqs:*"], "Resource": "*"}
COPY = """
import boto3, json, os
def handler(event, context):
    keys = [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(keys))
    bad = [r['dynamodb']['SequenceNumber'] for r in event['Records'] if r['dynamodb']['Keys']['id']['S'] == 'bad']
    if bad and os.environ.get('PARTIAL'):
        return {'batchItemFailures': [{'itemIdentifier': bad[0]}]}
    if bad:
        raise ValueError('bad')
"""


class Streamed:
    def __init__(self, bench, code=COPY, variables=None):
        self.bench, self.table = bench, bench.cloud.client("dynamodb")
        made = self.table.create_table(TableName="tab", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                                       BillingMode="PAY_PER_REQUEST", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.table.get_waiter("table_exists").wait(TableName="tab", WaiterConfig={"Delay": 0.05})
        self.arn = made["TableDescription"]["LatestStreamArn"]
        self.out, _ = queue(bench, "out")
        bench.deploy("f", code, MAY, Environment={"Variables": {"OUT": self.out, **(variables or {})}}, Timeout=20)

    def map(self, **more):
        made = self.bench.client.create_event_source_mapping(**{"EventSourceArn": self.arn, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"} | more)
        wait(self.bench, made["UUID"])
        return made["UUID"]

    def put(self, *ids):
        for id_ in ids:
            self.table.put_item(TableName="tab", Item={"id": {"S": id_}, "n": {"N": "1"}})

    def seen(self):
        return bodies(self.bench, self.out)


def test_changes_reach_the_function_in_order_with_their_images(bench):
    code = "import boto3, json, os\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(e['Records']))"
    s = Streamed(bench, code)
    s.map(BatchSize=2)
    s.put("a")
    s.table.update_item(TableName="tab", Key={"id": {"S": "a"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    s.table.delete_item(TableName="tab", Key={"id": {"S": "a"}})
    bench.cloud.advance(1)
    batches = s.seen()
    records = [r for batch in batches for r in batch]
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"] and max(map(len, batches)) <= 2
    first = records[0]
    assert first["eventSourceARN"] == s.arn and first["eventSource"] == "aws:dynamodb" and first["awsRegion"] == "us-east-1" and first["eventVersion"] == "1.1"
    assert first["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}} and first["dynamodb"]["StreamViewType"] == "NEW_AND_OLD_IMAGES" and "SequenceNumber" in first["dynamodb"]
    assert records[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"} and records[1]["dynamodb"]["NewImage"]["n"] == {"N": "2"}


def test_latest_begins_with_what_comes_and_trim_horizon_with_what_is_there(bench):
    s = Streamed(bench)
    s.put("before")
    uuid = s.map(StartingPosition="LATEST")
    s.put("after")
    bench.cloud.advance(1)
    assert s.seen() == [["after"]]
    assert bench.client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK"
    bench.client.delete_event_source_mapping(UUID=uuid)
    assert soon(lambda: bench.client.list_event_source_mappings()["EventSourceMappings"] == [])
    s.map()
    bench.cloud.advance(1)
    assert s.seen() == [["before", "after"]]


def test_a_poison_record_blocks_its_shard_until_it_is_given_up(bench):
    url, arn = queue(bench, "failed")
    s = Streamed(bench)
    uuid = s.map(BatchSize=1, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}}, Enabled=False)
    s.put("good", "bad", "late")
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert soon(lambda: bench.client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "PROBLEM: Function call failed")
    bench.cloud.advance(0.5)
    assert s.seen() == [["good"], ["bad"]]
    bench.cloud.advance(10)
    assert s.seen() == [["bad"], ["bad"], ["late"]]
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted" and record["requestContext"]["approximateInvokeCount"] == 3
    info = record["DDBStreamBatchInfo"]
    assert info["batchSize"] == 1 and info["streamArn"] == s.arn and info["startSequenceNumber"] == info["endSequenceNumber"] and info["shardId"].startswith("shardId-") and "payload" not in record


def test_a_failing_batch_is_halved_until_the_bad_record_is_alone(bench):
    s = Streamed(bench)
    uuid = s.map(BatchSize=4, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, Enabled=False)
    s.put("a", "b", "bad", "c")
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait(bench, uuid)
    bench.cloud.advance(5)
    assert s.seen() == [["a", "b", "bad", "c"], ["a", "b"], ["bad", "c"], ["bad"], ["c"]]


def test_a_reported_failure_is_where_the_next_batch_begins(bench):
    s = Streamed(bench, variables={"PARTIAL": "1"})
    uuid = s.map(MaximumRetryAttempts=1, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    s.put("a", "bad", "c")
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait(bench, uuid)
    bench.cloud.advance(5)
    assert s.seen() == [["a", "bad", "c"], ["bad", "c"]]


def test_filtered_records_are_passed_over(bench):
    s = Streamed(bench)
    s.map(FilterCriteria={"Filters": [{"Pattern": json.dumps({"dynamodb": {"Keys": {"id": {"S": [{"prefix": "x"}]}}}})}]})
    s.put("a", "x1", "b", "x2")
    bench.cloud.advance(1)
    assert [k for batch in s.seen() for k in batch] == ["x1", "x2"]


def test_a_disabled_mapping_keeps_its_place(bench):
    s = Streamed(bench)
    uuid = s.map()
    s.put("a")
    bench.cloud.advance(1)
    assert s.seen() == [["a"]]
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    wait(bench, uuid)
    s.put("b")
    bench.cloud.advance(1)
    assert s.seen() == []
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait(bench, uuid)
    bench.cloud.advance(1)
    assert s.seen() == [["b"]]


def test_shards_that_end_are_followed_by_their_children(bench):
    s = Streamed(bench)
    s.map()
    for id_ in ("a", "b", "c"):
        s.put(id_)
        bench.cloud.advance(hours=4)
    assert [k for batch in s.seen() for k in batch] == ["a", "b", "c"]


@pytest.mark.parametrize(("change", "text"), [
    ({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1}, "Unsupported starting position for arn type: "),
    ({"EventSourceArn": "another"}, "Stream not found: "),
    ({"StartingPosition": None}, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."),
])
def test_a_wrong_stream_mapping_is_refused(bench, change, text):
    s = Streamed(bench)
    change = change if change.get("EventSourceArn") is None else {"EventSourceArn": s.arn.replace("/tab/", "/other/")}
    req = {k: v for k, v in ({"EventSourceArn": s.arn, "FunctionName": "f", "StartingPosition": "LATEST"} | change).items() if v is not None}
    assert refused(bench.client.create_event_source_mapping, "InvalidParameterValueException", **req).startswith(text)


def test_a_parallelization_factor_keeps_the_order_of_a_key_and_lets_others_pass_a_poison_record(bench):
    s = Streamed(bench)
    uuid = s.map(BatchSize=1, ParallelizationFactor=4, Enabled=False)
    s.put("bad", *[f"k{n}" for n in range(8)], "k0", "k1")
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait(bench, uuid)
    assert soon(lambda: bench.client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] != "No records processed")
    bench.cloud.advance(1)
    seen = [k for batch in s.seen() for k in batch]
    assert "bad" in seen and len({k for k in seen if k != "bad"}) >= 4
    bench.client.update_event_source_mapping(UUID=uuid, ParallelizationFactor=1, MaximumRetryAttempts=0)
    wait(bench, uuid)
    bench.cloud.advance(120)
    seen += [k for batch in s.seen() for k in batch]
    assert {f"k{n}" for n in range(8)} <= set(seen)


def test_a_tumbling_window_carries_its_state_to_a_last_invocation(bench):
    code = """
import boto3, json, os
def handler(event, context):
    seen = event['state'].get('seen', []) + [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
    if event['isFinalInvokeForWindow']:
        boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps([seen, len(event['Records']), event['window']['start'][-1]]))
    return {'state': {'seen': seen}}
"""
    s = Streamed(bench, code)
    s.map(TumblingWindowInSeconds=60, BatchSize=1)
    s.put("a", "b")
    bench.cloud.advance(121)
    assert [x for batch in s.seen() for x in batch] in ([["a", "b"], 0, "Z"], [["a"], 0, "Z", ["b"], 0, "Z"])
    s.put("c")
    bench.cloud.advance(61)
    assert s.seen() == [[["c"], 0, "Z"]]


def test_a_mapping_of_a_stream_has_awss_defaults_and_no_twin(bench):
    s = Streamed(bench)
    uuid = s.map(StartingPosition="LATEST")
    made = bench.client.get_event_source_mapping(UUID=uuid)
    wanted = {"BatchSize": 100, "ParallelizationFactor": 1, "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": False, "TumblingWindowInSeconds": 0,
              "MaximumBatchingWindowInSeconds": 0, "StartingPosition": "LATEST", "LastProcessingResult": "No records processed", "State": "Enabled"}
    assert wanted.items() <= made.items()
    text = f'The event source arn (" {s.arn} ") and function (" f ") provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}'
    refused(bench.client.create_event_source_mapping, "ResourceConflictException", text, EventSourceArn=s.arn, FunctionName="f", StartingPosition="LATEST")


def test_records_too_old_are_given_up_and_told_to_a_bucket_with_what_they_were(bench):
    s3, bucket = bench.cloud.client("s3"), f"given-up-{bench.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s = Streamed(bench)
    bench.allow("f-role", {"Effect": "Allow", "Action": ["s3:PutObject", "s3:ListBucket"], "Resource": "*"})
    uuid = s.map(MaximumRecordAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}, Enabled=False)
    s.put("old")
    bench.cloud.advance(minutes=5)
    s.put("new")
    bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait(bench, uuid)
    bench.cloud.advance(1)
    assert s.seen() == [["new"]]
    [found] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    record = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert record["requestContext"]["condition"] == "RecordAgeExceeded" and record["DDBStreamBatchInfo"]["batchSize"] == 1 and record["version"] == "1.0"
    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in json.loads(record["payload"])["Records"]] == ["old"]


def test_a_disappeared_item_says_who_deleted_it(bench):
    code = "import boto3, json, os\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps([[r['eventName'], r.get('userIdentity')] for r in e['Records']]))"
    s = Streamed(bench, code)
    s.map(StartingPosition="LATEST")
    s.table.update_time_to_live(TableName="tab", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    s.table.put_item(TableName="tab", Item={"id": {"S": "a"}, "ttl": {"N": str(int(bench.cloud.now) + 600)}})
    bench.cloud.advance(days=3)
    seen = [x for batch in s.seen() for x in batch]
    assert seen == [["INSERT", None], ["REMOVE", {"principalId": "dynamodb.amazonaws.com", "type": "Service"}]]


def test_a_filter_can_choose_what_expired(bench):
    s = Streamed(bench)
    s.map(FilterCriteria={"Filters": [{"Pattern": json.dumps({"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}})}]})
    s.table.update_time_to_live(TableName="tab", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    s.table.put_item(TableName="tab", Item={"id": {"S": "expiring"}, "ttl": {"N": str(int(bench.cloud.now) + 600)}})
    s.put("other")
    s.table.delete_item(TableName="tab", Key={"id": {"S": "other"}})
    bench.cloud.advance(days=3)
    assert s.seen() == [["expiring"]]
