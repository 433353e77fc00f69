"""Other services invoke functions through `public`: each asks the function's resource policy under its own name."""
import json

from .test_asynchronous import SEND, queue, received, soon

COPY = "import boto3, json, os\ndef handler(e, c): boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(e))"


def copying(bench):
    url, _ = queue(bench, "out")
    arn = bench.deploy("f", COPY, SEND, Environment={"Variables": {"OUT": url}}, Timeout=20)["FunctionArn"]
    return url, arn


def one(bench, url):
    [message] = soon(lambda: received(bench, url))
    return json.loads(message["Body"])


def test_an_object_in_a_bucket_invokes_a_function(bench):
    url, arn = copying(bench)
    s3, bucket = bench.cloud.client("s3"), f"trigger-{bench.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    bench.client.add_permission(FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{bucket}", SourceAccount=bench.cloud.account)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
    s3.put_object(Bucket=bucket, Key="a/b.txt", Body=b"x")
    event = one(bench, url)
    assert event["Records"][0]["s3"]["object"]["key"] == "a/b.txt" and event["Records"][0]["eventSource"] == "aws:s3"


def test_a_topic_invokes_a_function_that_lets_it(bench):
    url, arn = copying(bench)
    sns = bench.cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="unheard")
    bench.client.add_permission(FunctionName="f", StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn=topic)
    sns.publish(TopicArn=topic, Message="heard", Subject="s")
    event = one(bench, url)
    assert event["Records"][0]["Sns"]["Message"] == "heard" and event["Records"][0]["EventSource"] == "aws:sns"


def test_a_schedule_invokes_a_function(bench):
    url, arn = copying(bench)
    events = bench.cloud.client("events")
    rule = events.put_rule(Name="r", ScheduleExpression="rate(30 minutes)")["RuleArn"]
    events.put_targets(Rule="r", Targets=[{"Id": "f", "Arn": arn}])
    bench.client.add_permission(FunctionName="f", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=rule)
    bench.cloud.advance(minutes=29)
    assert received(bench, url) == []
    bench.cloud.advance(minutes=2)
    event = one(bench, url)
    assert event["detail-type"] == "Scheduled Event" and event["resources"] == [rule] and event["detail"] == {}
