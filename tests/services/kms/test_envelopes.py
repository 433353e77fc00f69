"""What services keep under a key is not readable on disk; without one it is (so these tests can fail), and kill -9 loses none of it."""

import http.server
import io
import json
import threading
import zipfile

import pytest


def lies(process, text: str) -> bool:
    """Does the text stand anywhere in the store's files, its write-ahead log included?"""
    return any(text.encode() in file.read_bytes() for file in process.data.rglob("*") if file.is_file() and file.name != "out.log")


def crash(process) -> None:
    process.kill()
    process.start()


def key(cloud) -> str:
    return cloud.client("kms").create_key()["KeyMetadata"]["Arn"]


def in_a_queue(cloud, sealed):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"KmsMasterKeyId": key(cloud), "VisibilityTimeout": "0"} if sealed else {"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kolibri-body", MessageAttributes={"a": {"DataType": "String", "StringValue": "kolibri-more"}})

    def read():
        sqs = cloud.client("sqs")
        [message] = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="q")["QueueUrl"], MessageAttributeNames=["All"])["Messages"]
        return message["Body"], message["MessageAttributes"]["a"]["StringValue"]
    return read, ("kolibri-body", "kolibri-more")


def in_a_table(cloud, sealed):
    ddb = cloud.client("dynamodb")
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "gsi")]
    ddb.create_table(
        TableName="items", AttributeDefinitions=attributes, KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[{"IndexName": "by-it", "KeySchema": [{"AttributeName": "gsi", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}, **({"SSESpecification": {"Enabled": True, "KMSMasterKeyId": key(cloud)}} if sealed else {}))
    ddb.update_continuous_backups(TableName="items", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    for value in ("kolibri-before", "kolibri-value"):
        ddb.put_item(TableName="items", Item={"pk": {"S": "1"}, "gsi": {"S": "g"}, "value": {"S": value}})

    def read():
        ddb, streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
        got = ddb.get_item(TableName="items", Key={"pk": {"S": "1"}})["Item"]
        [by_index] = ddb.query(TableName="items", IndexName="by-it", KeyConditionExpression="gsi = :g", ExpressionAttributeValues={":g": {"S": "g"}})["Items"]
        [scanned] = ddb.scan(TableName="items", FilterExpression="#v = :v", ExpressionAttributeNames={"#v": "value"}, ExpressionAttributeValues={":v": {"S": "kolibri-value"}})["Items"]
        assert got == by_index == scanned
        arn = ddb.describe_table(TableName="items")["Table"]["LatestStreamArn"]
        [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records = streams.get_records(ShardIterator=at)["Records"]
        return records[-1]["dynamodb"]["OldImage"]["value"]["S"], got["value"]["S"]
    return read, ("kolibri-before", "kolibri-value")


def logs_policy(cloud):
    """A key that CloudWatch Logs may use, for the log groups of this account."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
         "Resource": "*", "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:*"}}}]})


def in_a_log_group(cloud, sealed):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="g", **({"kmsKeyId": cloud.client("kms").create_key(Policy=logs_policy(cloud))["KeyMetadata"]["Arn"]} if sealed else {}))
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": int(cloud.now * 1000), "message": "kolibri-line"}])

    def read():
        logs = cloud.client("logs")
        [event] = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
        [found] = logs.filter_log_events(logGroupName="g", filterPattern='"kolibri-line"')["events"]
        assert event["message"] == found["message"]
        return (event["message"],)
    return read, ("kolibri-line",)


def in_an_outbox(cloud, sealed):
    """A message that waits for an endpoint which does not answer yet."""
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="t", Attributes={"KmsMasterKeyId": key(cloud)} if sealed else {})["TopicArn"]
    got: list = []
    status = [200]

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(status[0])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/x", Attributes={"RawMessageDelivery": "true"})
    cloud.advance(1)
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(got[-1])["Token"])
    status[0] = 500
    sns.publish(TopicArn=topic, Message="kolibri-message")
    cloud.advance(0)

    def read():
        got.clear()
        cloud.advance(25)
        return (got[-1],)
    return read, ("kolibri-message",)


def in_an_environment(cloud, sealed):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("index.py", "def handler(event, context):\n    return 1\n")
    cloud.client("lambda").create_function(FunctionName="f", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": code.getvalue()},
                                           Environment={"Variables": {"WORD": "kolibri-variable"}}, **({"KMSKeyArn": key(cloud)} if sealed else {}))
    return lambda: (cloud.client("lambda").get_function_configuration(FunctionName="f")["Environment"]["Variables"]["WORD"],), ("kolibri-variable",)


PLACES = [in_a_queue, in_a_table, in_a_log_group, in_an_outbox, in_an_environment]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_what_lies_under_a_key_is_not_readable_on_disk_and_survives_a_crash(process, place):
    closed, open_ = process(), process()
    for cloud, sealed in ((closed, True), (open_, False)):
        read, texts = place(cloud, sealed)
        assert read() == texts
        assert [lies(cloud, text) for text in texts] == [not sealed] * len(texts)
        crash(cloud)
        assert read() == texts
        assert [lies(cloud, text) for text in texts] == [not sealed] * len(texts)


def test_an_event_that_waits_for_its_function_is_not_readable_on_disk_and_survives_a_crash(process):
    cloud = process()
    iam, sqs, functions = cloud.client("iam"), cloud.client("sqs"), cloud.client("lambda")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="failing", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="failing", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}))
    url = sqs.create_queue(QueueName="failed")["QueueUrl"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("index.py", "def handler(event, context):\n    raise ValueError('no')\n")
    arn = functions.create_function(FunctionName="f", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": code.getvalue()})["FunctionArn"]
    functions.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]}})
    functions.invoke(FunctionName=arn, InvocationType="Event", Payload=b'"kolibri-event"')
    assert not lies(cloud, "kolibri-event")
    crash(cloud)
    assert not lies(cloud, "kolibri-event")
    cloud.advance(minutes=10)
    sqs = cloud.client("sqs")
    [message] = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="failed")["QueueUrl"], WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["requestPayload"] == "kolibri-event" and lies(cloud, "kolibri-event")  # the queue has no key
