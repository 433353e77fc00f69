"""Firehose: what is delivered, when, where and in which form."""
import base64
import gzip
import io
import json
import re
import zipfile
from datetime import UTC, datetime

from tests.services.lambda_.conftest import Bench

from .conftest import Hose


def hour(moment):
    return datetime.fromtimestamp(moment, UTC).strftime("%Y/%m/%d/%H/")


def test_the_interval_delivers_in_an_object_named_after_stream_and_time(hose, cloud):
    hose.make()
    first = cloud.now
    hose.put("a\n", "b\n")
    cloud.advance(59)
    assert hose.objects() == {}
    hose.put("c\n")
    cloud.advance(2)
    [(key, body)] = hose.objects().items()
    assert body == b"a\nb\nc\n"
    stamp = datetime.fromtimestamp(first, UTC).strftime("%Y-%m-%d-%H-%M-%S")
    assert re.fullmatch(re.escape(hour(first)) + rf"d-1-{stamp}-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", key)


def test_the_size_delivers_before_the_interval(hose, cloud):
    hose.make()
    hose.put(b"x" * 600_000)
    cloud.advance(1)
    assert hose.objects() == {}
    hose.put(b"y" * 600_000)
    cloud.advance(1)
    assert [len(b) for b in hose.objects().values()] == [600_000]
    cloud.advance(61)
    assert sorted(b[:1] for b in hose.objects().values()) == [b"x", b"y"]


def test_no_interval_delivers_at_once(hose, cloud):
    hose.make(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0})
    hose.put("a")
    cloud.advance(0.1)
    assert list(hose.objects().values()) == [b"a"]


def test_prefixes_have_expressions(hose, cloud):
    hose.make(Prefix="year=!{timestamp:yyyy}/day=!{timestamp:yyyy-MM-dd}/!{firehose:random-string}/", ErrorOutputPrefix="bad/!{firehose:error-output-type}/", FileExtension=".json")
    hose.make("plain", Prefix="plain/")
    now = datetime.fromtimestamp(cloud.now, UTC)
    hose.put("a")
    hose.put("b", name="plain")
    cloud.advance(61)
    plain, one = sorted(hose.objects())
    assert re.fullmatch(rf"year={now:%Y}/day={now:%Y-%m-%d}/[A-Za-z0-9]{{11}}/d-1-[0-9a-f-]+\.json", one)
    assert plain.startswith(f"plain/{hour(cloud.now - 61)}plain-1-")


def test_objects_are_compressed_as_asked(hose, cloud):
    hose.make("g", CompressionFormat="GZIP")
    hose.make("z", CompressionFormat="ZIP")
    hose.put("hello", name="g")
    hose.put("world", name="z")
    cloud.advance(61)
    found = {key.rpartition(".")[2]: body for key, body in hose.objects().items()}
    assert gzip.decompress(found["gz"]) == b"hello"
    with zipfile.ZipFile(io.BytesIO(found["zip"])) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [b"world"]


def test_objects_are_encrypted_under_the_key_that_is_named(hose, cloud):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    cloud.client("iam").put_role_policy(RoleName="hose", PolicyName="k", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key}]}))
    hose.make(EncryptionConfiguration={"KMSEncryptionConfig": {"AWSKMSKeyARN": key}})
    hose.put("x")
    cloud.advance(61)
    [name] = hose.objects()
    assert hose.s3.head_object(Bucket=hose.bucket, Key=name)["SSEKMSKeyId"] == key


def test_a_bucket_that_refuses_is_tried_again_and_the_refusal_is_logged(hose, cloud):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/hose")
    role = hose.make_role("poor", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    hose.make(RoleARN=role, CloudWatchLoggingOptions={"Enabled": True, "LogGroupName": "/hose", "LogStreamName": "s3"})
    hose.put("patient")
    cloud.advance(90)
    assert hose.objects() == {}
    said = json.loads(logs.get_log_events(logGroupName="/hose", logStreamName="s3")["events"][0]["message"])
    assert said["errorCode"] == "S3.AccessDenied" and said["deliveryStreamARN"].endswith("/d")
    cloud.client("iam").put_role_policy(RoleName="poor", PolicyName="more", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}))
    cloud.advance(240)
    assert list(hose.objects().values()) == [b"patient"]


def test_a_stream_that_was_killed_delivers_what_it_had(process):
    one = process()
    hose = Hose(one)
    hose.make()
    hose.put("kept")
    one.kill()
    one.start()
    hose.s3 = one.client("s3")
    one.advance(61)
    assert list(hose.objects().values()) == [b"kept"]


# -- Kinesis as the source -----------------------------------------------------------------------------------------------------------

def test_a_kinesis_stream_is_read_from_the_moment_the_delivery_stream_is_made(hose, cloud, refused):
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    cloud.advance(1)
    arn = f"arn:aws:kinesis:us-east-1:{cloud.account}:stream/s"
    refused("InvalidArgumentException", hose.make, source=arn + "x")
    kinesis.put_record(StreamName="s", Data=b"before", PartitionKey="k")
    hose.make(source=arn)
    assert hose.about()["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == arn
    refused("InvalidArgumentException", hose.put, "x")
    kinesis.put_record(StreamName="s", Data=b"1", PartitionKey="k")
    kinesis.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    cloud.advance(1)
    kinesis.put_record(StreamName="s", Data=b"2", PartitionKey="k")
    cloud.advance(61)
    assert b"".join(hose.objects().values()) == b"12"


def test_a_delivery_stream_does_not_raise_the_capacity_of_its_source(hose, cloud):
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    cloud.advance(1)
    hose.make(source=f"arn:aws:kinesis:us-east-1:{cloud.account}:stream/s")
    failed = [kinesis.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)["FailedRecordCount"] for _ in range(3)]
    assert failed == [0, 0, 500] and kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["OpenShardCount"] == 1
    cloud.advance(61)
    assert sum(map(len, hose.objects().values())) == 1000


# -- functions, partitions, backup -------------------------------------------------------------------------------------------------------

TRANSFORM = """
import base64
def handler(event, context):
    out = []
    for r in event['records']:
        text = base64.b64decode(r['data']).decode()
        assert r['approximateArrivalTimestamp'] and event['deliveryStreamArn'] and event['invocationId'] and event['region']
        result = 'Dropped' if text.startswith('drop') else 'ProcessingFailed' if text.startswith('fail') else 'Ok'
        out.append({'recordId': r['recordId'], 'result': result, 'data': base64.b64encode(text.upper().encode()).decode()})
    return {'records': out}
"""


def processor(kind, **parameters):
    return {"Type": kind, "Parameters": [{"ParameterName": k, "ParameterValue": v} for k, v in parameters.items()]}


def test_a_function_changes_drops_and_fails_records_and_the_source_is_backed_up(hose, cloud):
    arn = Bench(cloud).deploy("f", TRANSFORM)["FunctionArn"]
    hose.make(ProcessingConfiguration={"Enabled": True, "Processors": [processor("Lambda", LambdaArn=arn)]}, S3BackupMode="Enabled",
              S3BackupConfiguration=hose.config(Prefix="source/"), Prefix="out/", ErrorOutputPrefix="errors/")
    moment = cloud.now
    hose.put("good ", "drop me", "fail me", "fine ")
    cloud.advance(61)
    found = {key.split("/")[0]: (key, body) for key, body in hose.objects().items()}
    assert found["out"][1] == b"GOOD FINE " and found["source"][1] == b"good drop mefail mefine "
    key, body = found["errors"]
    assert key.startswith(f"errors/processing-failed/{hour(moment)}d-1-")
    [record] = [json.loads(line) for line in body.splitlines()]
    assert record["errorCode"] == "Lambda.ProcessingFailedStatus" and record["attemptsMade"] == 1 and record["lambdaArn"] == arn and record["errorMessage"]
    assert base64.b64decode(record["rawData"]) == b"fail me" and record["arrivalTimestamp"] == int(moment * 1000) and record["attemptEndingTimestamp"] >= record["arrivalTimestamp"]


def test_a_function_that_raises_is_called_four_times_and_then_its_batch_has_failed(hose, cloud):
    arn = Bench(cloud).deploy("f", "def handler(event, context):\n    raise ValueError('no')\n")["FunctionArn"]
    hose.make(ProcessingConfiguration={"Enabled": True, "Processors": [processor("Lambda", LambdaArn=arn)]})
    hose.put("a", "b")
    cloud.advance(61)
    [(key, body)] = hose.objects().items()
    records = [json.loads(line) for line in body.splitlines()]
    assert key.startswith("processing-failed/") and [r["attemptsMade"] for r in records] == [4, 4] and {r["errorCode"] for r in records} == {"Lambda.FunctionError"}
    assert [base64.b64decode(r["rawData"]) for r in records] == [b"a", b"b"]


def test_records_are_partitioned_by_what_is_in_them(hose, cloud, refused):
    query = "{customer: .customer.id, kind: .kind}"
    more = {"DynamicPartitioningConfiguration": {"Enabled": True}, "Prefix": "!{partitionKeyFromQuery:customer}/!{partitionKeyFromQuery:kind}/!{timestamp:yyyy}/", "ErrorOutputPrefix": "bad/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [processor("MetadataExtraction", MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6"), processor("AppendDelimiterToRecord", Delimiter="\\n")]}}
    refused("InvalidArgumentException", hose.make, **more | {"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}})
    refused("InvalidArgumentException", hose.make, **{k: v for k, v in more.items() if k != "DynamicPartitioningConfiguration"})
    hose.make(**more)
    year = datetime.fromtimestamp(cloud.now, UTC).year
    hose.put('{"customer": {"id": "c1"}, "kind": 7}', '{"customer": {"id": "c2"}, "kind": 7}', '{"customer": {"id": "c1"}, "kind": 7, "n": 2}', "no json")
    cloud.advance(61)
    found = {"/".join(key.split("/")[:2]): (key, body) for key, body in hose.objects().items()}
    assert found["c1/7"][1] == b'{"customer": {"id": "c1"}, "kind": 7}\n{"customer": {"id": "c1"}, "kind": 7, "n": 2}\n' and found["c1/7"][0].startswith(f"c1/7/{year}/d-1-")
    assert found["c2/7"][1].endswith(b"\n") and base64.b64decode(json.loads(found["bad/metadata-extraction-failed"][1])["rawData"]) == b"no json"


def test_log_subscriptions_are_unpacked_on_the_way(hose, cloud):
    logs = cloud.client("logs")
    hose.make(ProcessingConfiguration={"Enabled": True, "Processors": [processor("Decompression", CompressionFormat="GZIP"), processor("CloudWatchLogProcessing", DataMessageExtraction="true")]})
    hose.make("raw", Prefix="raw/")
    role = hose.make_role("logs", {"Effect": "Allow", "Action": "firehose:PutRecord", "Resource": "*"}, service="logs.amazonaws.com")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    for name in ("d", "raw"):
        logs.put_subscription_filter(logGroupName="g", filterName=name, filterPattern="", destinationArn=f"arn:aws:firehose:us-east-1:{cloud.account}:deliverystream/{name}", roleArn=role)
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": int(cloud.now * 1000), "message": m} for m in ("one", "two")])
    cloud.advance(61)
    found = {key.split("/")[0] == "raw": body for key, body in hose.objects().items()}
    assert found[False] == b"one\ntwo\n"
    assert [json.loads(line)["messageType"] for line in gzip.decompress(found[True]).replace(b"}{", b"}\n{").splitlines()] == ["CONTROL_MESSAGE", "DATA_MESSAGE"]


# -- HTTP endpoints ------------------------------------------------------------------------------------------------------------------------

def http(hose, url, **more):
    hose.client.create_delivery_stream(DeliveryStreamName="d", HttpEndpointDestinationConfiguration={
        "EndpointConfiguration": {"Url": url, "Name": "mine", "AccessKey": "secret"}, "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}, "RetryOptions": {"DurationInSeconds": 30},
        "S3Configuration": hose.config(), "RoleARN": hose.role, **more})
    hose.cloud.advance(1)


def test_records_are_posted_to_an_endpoint(hose, cloud, endpoint):
    http(hose, endpoint.url, RequestConfiguration={"ContentEncoding": "GZIP", "CommonAttributes": [{"AttributeName": "a", "AttributeValue": "b"}]})
    shown = hose.about()["Destinations"][0]["HttpEndpointDestinationDescription"]
    assert shown["EndpointConfiguration"] == {"Url": endpoint.url, "Name": "mine"} and shown["S3BackupMode"] == "FailedDataOnly"
    hose.put("one", "two")
    cloud.advance(61)
    [(headers, records)] = endpoint.got
    assert records == [b"one", b"two"] and headers["X-Amz-Firehose-Protocol-Version"] == "1.0" and headers["X-Amz-Firehose-Access-Key"] == "secret"
    assert headers["X-Amz-Firehose-Source-Arn"].endswith(":deliverystream/d") and json.loads(headers["X-Amz-Firehose-Common-Attributes"]) == {"commonAttributes": {"a": "b"}}
    assert hose.objects() == {}


def test_an_endpoint_that_fails_is_tried_again_and_then_the_bucket_gets_the_records(hose, cloud, endpoint):
    http(hose, endpoint.url)
    endpoint.status = 500
    hose.put("one")
    cloud.advance(61)
    tries = len(endpoint.got)
    assert tries >= 1 and hose.objects() == {}
    cloud.advance(120)
    assert len(endpoint.got) > tries
    [(key, body)] = hose.objects().items()
    record = json.loads(body)
    assert key.startswith("http-endpoint-failed/") and base64.b64decode(record["rawData"]) == b"one" and record["errorCode"] == "HttpEndpoint.DestinationException" and record["attemptsMade"] > 1
    endpoint.status, endpoint.got = 200, []
    hose.put("two")
    cloud.advance(61)
    assert [records for _, records in endpoint.got] == [[b"two"]] and len(hose.objects()) == 1


def test_all_data_may_go_to_the_bucket_as_well(hose, cloud, endpoint, refused):
    http(hose, endpoint.url, S3BackupMode="AllData")
    hose.put("one")
    cloud.advance(61)
    assert [records for _, records in endpoint.got] == [[b"one"]] and list(hose.objects().values()) == [b"one"]
    update = {"DeliveryStreamName": "d", "DestinationId": "destinationId-000000000001", "CurrentDeliveryStreamVersionId": "1"}
    refused("InvalidArgumentException", hose.client.update_destination, **update, HttpEndpointDestinationUpdate={"EndpointConfiguration": {"Url": "https://example.com"}}, ExtendedS3DestinationUpdate={})
    hose.client.update_destination(**update, HttpEndpointDestinationUpdate={"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}})
    hose.put("two")
    cloud.advance(1)
    assert [records for _, records in endpoint.got] == [[b"one"], [b"two"]]
