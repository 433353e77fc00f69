"""Distributed Maps: child executions for items in the input or in S3."""
import json

import pytest

from .test_executions import refused

OK = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "Parameters": {"n.$": "$"}, "OutputPath": "$.n", "End": True}}}
PICKY = {"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericGreaterThan": 2, "Next": "F"}], "Default": "P"}, "F": {"Type": "Fail", "Error": "Large"}, "P": {"Type": "Succeed"}}}


def distributed(inner, kind="STANDARD", **more):
    return {"M": {"Type": "Map", "ItemProcessor": {**inner, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}, "End": True, **more}}


@pytest.fixture
def bucket(cloud, states):
    states.allow("s3:*")
    name = "items-" + cloud.account
    cloud.client("s3").create_bucket(Bucket=name)

    def put(key, text):
        cloud.client("s3").put_object(Bucket=name, Key=key, Body=text)
        return name
    put.name = name
    return put


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_each_item_has_an_execution_of_its_own(cloud, states, kind):
    arn = states.start(states.machine(distributed(OK, kind, MaxConcurrency=2)), [1, 2, 3])
    assert json.loads(states.end(arn)["output"]) == [1, 2, 3]
    [run] = states.client.list_map_runs(executionArn=arn)["mapRuns"]
    found = states.client.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["maxConcurrency"], found["itemCounts"]["succeeded"], found["executionCounts"]["total"]) == ("SUCCEEDED", 2, 3, 3)
    children = states.client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert len(children) == (3 if kind == "STANDARD" else 0) and all(one["mapRunArn"] == run["mapRunArn"] for one in children)
    types = [event["type"] for event in states.history(arn)]
    assert [one for one in types if one.startswith("Map")] == ["MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"]
    assert refused(states.client.describe_map_run, mapRunArn=run["mapRunArn"] + "0") == "ResourceNotFound"


def test_items_come_in_batches(states):
    inner = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
    found = states.output(distributed(inner, ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.k"}}, ItemsPath="$.l"), {"l": [1, 2, 3], "k": "v"})
    assert found == [{"BatchInput": {"k": "v"}, "Items": [1, 2]}, {"BatchInput": {"k": "v"}, "Items": [3]}]


def test_some_failures_are_tolerated_and_more_are_not(states):
    assert states.output(distributed(PICKY, ToleratedFailureCount=1), [1, 2, 3]) == [1, 2]
    assert states.output(distributed(PICKY, ToleratedFailurePercentage=50), [1, 2, 3, 4]) == [1, 2]
    arn = states.start(states.machine(distributed(PICKY, ToleratedFailureCount=1)), [1, 3, 4])
    assert states.end(arn)["error"] == "States.ExceedToleratedFailureThreshold"
    [run] = states.client.list_map_runs(executionArn=arn)["mapRuns"]
    assert states.client.describe_map_run(mapRunArn=run["mapRunArn"])["status"] == "FAILED"


@pytest.mark.parametrize("config, text, items", [
    ({"InputType": "JSON"}, '[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]), ({"InputType": "JSONL"}, '{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, 'a,b\n1,"x,y"\n2,z\n', [{"a": "1", "b": "x,y"}, {"a": "2", "b": "z"}]),
    ({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "MaxItems": 1}, "1\n2\n", [{"a": "1"}]),
])
def test_items_are_read_from_an_object(states, bucket, config, text, items):
    bucket("items", text)
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config, "Parameters": {"Bucket.$": "$.bucket", "Key": "items"}}
    assert states.output(distributed(OK, ItemReader=reader), {"bucket": bucket.name}) == items


def test_parquet_is_read_by_itself_and_by_an_inventorys_manifest(states, bucket):
    from base64 import b64decode

    from tests.services.s3 import parquet_files
    bucket("people.parquet", b64decode(parquet_files.PEOPLE))
    bucket("manifest.json", json.dumps({"destinationBucket": f"arn:aws:s3:::{bucket.name}", "fileFormat": "Parquet", "fileSchema": "message s3.inventory {}", "files": [{"key": "people.parquet"}]}))
    for kind, key in (("PARQUET", "people.parquet"), ("MANIFEST", "manifest.json")):
        reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": kind}, "Parameters": {"Bucket": bucket.name, "Key": key}}
        found = states.output(distributed(OK, ItemReader=reader))
        assert [(one["name"], one["age"]) for one in found][:2] == [("ann", 31), ("bob", 7)] and len(found) == 3
    bucket("broken", "PAR1 nonsense")
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "PARQUET"}, "Parameters": {"Bucket": bucket.name, "Key": "broken"}}
    assert states.error(distributed(OK, ItemReader=reader)) == "States.ItemReaderFailed"


def test_objects_of_a_bucket_are_items_and_what_cannot_be_read_fails(states, bucket):
    for key in ("in/a", "in/b"):
        bucket(key, "x")
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": bucket.name, "Prefix": "in/"}}
    assert [one["Key"] for one in states.output(distributed(OK, ItemReader=reader))] == ["in/a", "in/b"]
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": bucket.name, "Key": "none"}}
    assert states.error(distributed(OK, ItemReader=reader)) == "States.ItemReaderFailed"


def test_results_are_written_to_a_bucket_with_a_manifest(cloud, states, bucket):
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket.name, "Prefix": "out"}}
    found = states.output(distributed(PICKY, ToleratedFailurePercentage=100, ResultWriter=writer), [1, 2, 3])
    s3, where = cloud.client("s3"), found["ResultWriterDetails"]
    manifest = json.loads(s3.get_object(Bucket=where["Bucket"], Key=where["Key"])["Body"].read())
    assert manifest["MapRunArn"] == found["MapRunArn"] and where["Key"].startswith("out/")
    good = json.loads(s3.get_object(Bucket=bucket.name, Key=manifest["ResultFiles"]["SUCCEEDED"][0]["Key"])["Body"].read())
    assert [one["Output"] for one in good] == ["1", "2"] and len(manifest["ResultFiles"]["FAILED"]) == 1


def test_a_run_is_aborted_with_its_execution_and_can_be_changed_meanwhile(cloud, states):
    slow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100, "End": True}}}
    arn = states.start(states.machine(distributed(slow, MaxConcurrency=1)), [1, 2, 3])
    cloud.advance(1)
    [run] = states.client.list_map_runs(executionArn=arn)["mapRuns"]
    assert states.client.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]["running"] == 1
    states.client.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=2)
    assert states.client.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]["running"] == 2
    states.client.stop_execution(executionArn=arn)
    found = states.client.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["executionCounts"]["aborted"]) == ("ABORTED", 3)


def test_a_redrive_runs_only_the_children_that_failed(cloud, states, bucket):
    states.allow("s3:*", "sqs:*")
    inner = {"StartAt": "Q", "States": {"Q": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "Parameters": {"QueueName.$": "$"}, "End": True}}}
    cloud.client("sqs").create_queue(QueueName="there")
    arn = states.start(states.machine(distributed(inner)), ["there", "later"])
    assert states.end(arn)["status"] == "FAILED"
    cloud.client("sqs").create_queue(QueueName="later")
    states.client.redrive_execution(executionArn=arn)
    found = states.end(arn)
    assert found["status"] == "SUCCEEDED" and len(json.loads(found["output"])) == 2
    [run] = states.client.list_map_runs(executionArn=arn)["mapRuns"]
    assert states.client.describe_map_run(mapRunArn=run["mapRunArn"])["redriveCount"] == 1
