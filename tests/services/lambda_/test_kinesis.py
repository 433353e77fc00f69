"""Event source mappings of Kinesis streams. What is the same for every stream is tried with DynamoDB's (test_streams)."""
import json

import pytest

from .conftest import refused, zipped
from .test_asynchronous import queue, received, soon
from .test_mappings import bodies, wait

MAY = {"Effect": "Allow", "Action": ["kinesis:*", "sqs:*"], "Resource": "*"}
COPY = """
import base64, boto3, json, os
def handler(event, context):
    data = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(data))
    bad = [r['kinesis']['sequenceNumber'] for r, d in zip(event['Records'], data) if d == 'bad']
    if bad and os.environ.get('PARTIAL'):
        return {'batchItemFailures': [{'itemIdentifier': bad[0]}]}
    if bad:
        raise ValueError('bad')
"""
HALF = str(2**127)


@pytest.fixture(autouse=True)
def frozen(cloud):
    """A batch that failed is tried again when the test says so."""
    cloud.control("clock", {"freeze": True})
    yield
    cloud.control("clock", {"freeze": False})


class Streamed:
    def __init__(self, bench, code=COPY, shards=1, variables=None):
        self.bench, self.kinesis = bench, bench.cloud.client("kinesis")
        self.kinesis.create_stream(StreamName="s", ShardCount=shards)
        bench.cloud.advance(1)
        self.arn = f"arn:aws:kinesis:us-east-1:{bench.cloud.account}:stream/s"
        self.out, _ = queue(bench, "out")
        bench.deploy("f", code, MAY, Environment={"Variables": {"OUT": self.out, **(variables or {})}}, Timeout=20)

    def map(self, **more):
        made = self.bench.client.create_event_source_mapping(**{"EventSourceArn": self.arn, "FunctionName": "f", "StartingPosition": "TRIM_HORIZON"} | more)
        wait(self.bench, made["UUID"])
        return made["UUID"]

    def enable(self, uuid):
        self.bench.client.update_event_source_mapping(UUID=uuid, Enabled=True)
        wait(self.bench, uuid)

    def put(self, *data, **more):
        return [self.kinesis.put_record(**{"StreamName": "s", "Data": d.encode(), "PartitionKey": d} | more) for d in data]

    def seen(self):
        return bodies(self.bench, self.out)

    def seen_flat(self):
        return [d for batch in self.seen() for d in batch]


def test_records_reach_the_function_in_order_as_events(bench):
    code = "import boto3, json, os\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(e['Records']))"
    s = Streamed(bench, code)
    uuid = s.map(BatchSize=2, Enabled=False)
    made = bench.client.get_event_source_mapping(UUID=uuid)
    assert made["StartingPosition"] == "TRIM_HORIZON" and made["MaximumRetryAttempts"] == -1 and made["ParallelizationFactor"] == 1 and made["LastProcessingResult"] == "No records processed"
    put = s.put("a", "b", "c")
    s.enable(uuid)
    bench.cloud.advance(1)
    batches = s.seen()
    first, second, third = (r for batch in batches for r in batch)
    assert [len(batch) for batch in batches] == [2, 1]
    assert first["eventSource"] == "aws:kinesis" and first["eventName"] == "aws:kinesis:record" and first["eventVersion"] == "1.0" and first["awsRegion"] == "us-east-1"
    assert first["eventSourceARN"] == s.arn and first["eventID"] == f"shardId-000000000000:{put[0]['SequenceNumber']}" and first["invokeIdentityArn"].endswith(":role/f-role")
    about = first["kinesis"]
    assert isinstance(about.pop("approximateArrivalTimestamp"), float)
    assert about == {"kinesisSchemaVersion": "1.0", "partitionKey": "a", "sequenceNumber": put[0]["SequenceNumber"], "data": "YQ=="}
    assert [second["kinesis"]["partitionKey"], third["kinesis"]["partitionKey"]] == ["b", "c"]


def test_a_mapping_begins_at_the_horizon_now_or_at_a_moment(bench):
    s = Streamed(bench)
    s.put("old")
    bench.cloud.advance(60)
    moment = bench.cloud.now - 30
    s.put("middle")
    latest, at = s.map(StartingPosition="LATEST"), None
    s.put("new")
    bench.cloud.advance(1)
    assert s.seen_flat() == ["new"]
    bench.client.delete_event_source_mapping(UUID=latest)
    assert soon(lambda: bench.client.list_event_source_mappings()["EventSourceMappings"] == [])
    at = s.map(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    bench.cloud.advance(1)
    assert s.seen_flat() == ["middle", "new"]
    bench.client.update_event_source_mapping(UUID=at, Enabled=False)
    wait(bench, at)
    s.put("while disabled")
    s.enable(at)
    bench.cloud.advance(1)
    assert s.seen_flat() == ["while disabled"]


def test_a_poison_batch_blocks_its_shard_alone_until_it_is_given_up(bench):
    url, arn = queue(bench, "failed")
    s = Streamed(bench, shards=2)
    uuid = s.map(BatchSize=1, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}}, Enabled=False)
    put = s.put("bad", "late", ExplicitHashKey="0")
    s.put("other", ExplicitHashKey=HALF)
    s.enable(uuid)
    got = []  # what the mapping says of its last result is whichever shard spoke last
    assert soon(lambda: got.extend(s.seen_flat()) or sorted(got) == ["bad", "other"])
    bench.cloud.advance(10)
    assert s.seen_flat() == ["bad", "bad", "late"]
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted" and record["requestContext"]["approximateInvokeCount"] == 3 and "payload" not in record
    info = record["KinesisBatchInfo"]
    assert info["shardId"] == "shardId-000000000000" and info["batchSize"] == 1 and info["streamArn"] == s.arn
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == put[0]["SequenceNumber"] and info["approximateArrivalOfFirstRecord"].endswith("Z")


def test_a_failing_batch_is_halved_and_a_reported_failure_is_where_the_next_begins(bench):
    s = Streamed(bench)
    uuid = s.map(BatchSize=4, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, Enabled=False)
    s.put("a", "b", "bad", "c")
    s.enable(uuid)
    bench.cloud.advance(5)
    assert s.seen() == [["a", "b", "bad", "c"], ["a", "b"], ["bad", "c"], ["bad"], ["c"]]
    bench.client.delete_event_source_mapping(UUID=uuid)
    assert soon(lambda: bench.client.list_event_source_mappings()["EventSourceMappings"] == [])
    bench.client.update_function_configuration(FunctionName="f", Environment={"Variables": {"OUT": s.out, "PARTIAL": "1"}})
    bench.wait("f")
    s.map(MaximumRetryAttempts=1, FunctionResponseTypes=["ReportBatchItemFailures"])
    bench.cloud.advance(5)
    assert s.seen() == [["a", "b", "bad", "c"], ["bad", "c"]]


def test_records_too_old_are_given_up_without_a_try(bench):
    url, arn = queue(bench, "failed")
    s = Streamed(bench)
    s.put("old", "older")
    bench.cloud.advance(120)
    s.put("young")
    s.map(MaximumRecordAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": arn}})
    bench.cloud.advance(2)
    assert s.seen_flat() == ["young"]
    [message] = received(bench, url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RecordAgeExceeded" and record["KinesisBatchInfo"]["batchSize"] == 2


def test_filters_look_into_the_data(bench):
    s = Streamed(bench)
    s.map(FilterCriteria={"Filters": [{"Pattern": json.dumps({"data": {"tire_pressure": [{"numeric": [">", 30]}]}})}]})
    s.put('{"tire_pressure": 20}', '{"tire_pressure": 32}', "no json", '{"tire_pressure": 31}')
    bench.cloud.advance(1)
    assert s.seen_flat() == ['{"tire_pressure": 32}', '{"tire_pressure": 31}']


def test_after_a_split_the_children_come_after_their_parent(bench):
    s = Streamed(bench)
    uuid = s.map(BatchSize=1, MaximumRetryAttempts=1, Enabled=False)
    s.put("bad", "parent", ExplicitHashKey="0")
    s.kinesis.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    bench.cloud.advance(1)
    s.put("low", ExplicitHashKey="0")
    s.put("high", ExplicitHashKey=HALF)
    s.enable(uuid)
    assert soon(lambda: bench.client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "PROBLEM: Function call failed")
    assert s.seen_flat() == ["bad"]
    bench.cloud.advance(5)
    seen = s.seen_flat()
    assert seen[:2] == ["bad", "parent"] and sorted(seen[2:]) == ["high", "low"]
    s.kinesis.merge_shards(StreamName="s", ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002")
    bench.cloud.advance(1)
    s.put("merged")
    bench.cloud.advance(1)
    assert s.seen_flat() == ["merged"]


TOGETHER = """
import base64, boto3, json, os, time
def handler(event, context):
    data = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]
    kinesis = boto3.client('kinesis')
    kinesis.add_tags_to_stream(StreamName='t', Tags={data[0]: 'begun'})
    for _ in range(200):
        tags = {t['Key'] for t in kinesis.list_tags_for_stream(StreamName='t')['Tags']}
        if len(tags) >= int(os.environ['TOGETHER']):
            break
        time.sleep(0.02)
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps([data[0], sorted(tags)]))
"""


def test_shards_are_the_unit_of_concurrency(bench):
    s = Streamed(bench, TOGETHER, shards=3, variables={"TOGETHER": "3"})
    s.kinesis.create_stream(StreamName="t", ShardCount=1)
    bench.cloud.advance(1)
    for n in range(3):
        s.put(f"shard{n}", ExplicitHashKey=str(n * 2**128 // 3 + 1))
    s.map(BatchSize=1)
    bench.cloud.advance(1)
    seen = s.seen()
    assert sorted(one for one, _ in seen) == ["shard0", "shard1", "shard2"]
    assert all(together == ["shard0", "shard1", "shard2"] for _, together in seen), "each waited for the two others"


def test_a_parallelization_factor_runs_one_shard_several_times_at_once(bench):
    s = Streamed(bench, TOGETHER, variables={"TOGETHER": "2"})
    s.kinesis.create_stream(StreamName="t", ShardCount=1)
    bench.cloud.advance(1)
    s.put(*(f"key{n}" for n in range(12)))
    s.map(BatchSize=1, ParallelizationFactor=10)
    bench.cloud.advance(1)
    seen = s.seen()
    assert len(seen) == 12 and all(len(together) >= 2 for _, together in seen), "none was alone, not even the first"


def test_a_consumer_is_a_source_as_well(bench):
    s = Streamed(bench)
    consumer = s.kinesis.register_stream_consumer(StreamARN=s.arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    bench.cloud.advance(1)
    s.put("a")
    s.map(EventSourceArn=consumer)
    bench.cloud.advance(1)
    assert s.seen_flat() == ["a"]
    s.put("b")
    bench.cloud.advance(1)
    assert s.seen_flat() == ["b"]
    refused(bench.client.create_event_source_mapping, "InvalidParameterValueException", f"Stream not found: {consumer}1", EventSourceArn=consumer + "1", FunctionName="f", StartingPosition="LATEST")


def test_a_window_gathers_and_a_tumbling_window_carries_state(bench):
    code = """
import base64, boto3, json, os
def handler(event, context):
    seen = event['state'].get('seen', []) + [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]
    if event['isFinalInvokeForWindow']:
        boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps([*seen, event['shardId'], *(['early'] if event['isWindowTerminatedEarly'] else [])]))
    return {'state': {'seen': seen, 'rest': 'x' * (1000001 if 'big' in seen else 0)}}
"""
    s = Streamed(bench, code)
    s.map(TumblingWindowInSeconds=60, BatchSize=1)
    bench.cloud.advance(60 - bench.cloud.now % 60 + 1)
    s.put("a", "b")
    bench.cloud.advance(61)
    assert s.seen() == [["a", "b", "shardId-000000000000"]]
    s.put("big", "after")
    assert soon(s.seen) == [["big", "shardId-000000000000", "early"]]  # a megabyte of state is too much
    bench.cloud.advance(61)
    assert s.seen() == [["after", "shardId-000000000000"]]
    bench.client.update_function_code(FunctionName="f", ZipFile=zipped(COPY))
    bench.wait("f")
    [mapping] = bench.client.list_event_source_mappings()["EventSourceMappings"]
    bench.client.update_event_source_mapping(UUID=mapping["UUID"], TumblingWindowInSeconds=0, MaximumBatchingWindowInSeconds=30, BatchSize=100)
    wait(bench, mapping["UUID"])
    s.put("c")
    bench.cloud.advance(20)
    assert s.seen() == []
    s.put("d")
    bench.cloud.advance(11)
    assert s.seen() == [["c", "d"]]


def test_a_mapping_needs_a_stream_and_a_role_that_may_read_it(bench):
    s = Streamed(bench)
    req = {"EventSourceArn": s.arn, "FunctionName": "f", "StartingPosition": "LATEST"}
    create = bench.client.create_event_source_mapping
    refused(create, "InvalidParameterValueException", f"Stream not found: {s.arn}x", **req | {"EventSourceArn": s.arn + "x"})
    bench.deploy("g")
    assert refused(create, "InvalidParameterValueException", **req | {"FunctionName": "g"}).startswith(f"Cannot access stream {s.arn}. Please ensure the role can perform the GetRecords")
    uuid = s.map()
    said = refused(create, "ResourceConflictException", **req)
    assert said.startswith(f'The event source arn (" {s.arn} ") and function (" f ") provided mapping already exists.') and uuid in said
