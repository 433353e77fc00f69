"""What was under way when the cloud stopped goes on when it is there again."""
import json

from cloche.testing import Cloche

ANYONE = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})


def test_messages_their_visibility_and_schedules_survive_a_restart(tmp_path):
    with Cloche(tmp_path) as cloud:
        sqs, events, sns = cloud.client("sqs"), cloud.client("events"), cloud.client("sns")
        url = sqs.create_queue(QueueName="q", Attributes={"Policy": ANYONE})["QueueUrl"]
        fifo = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{cloud.account}:q"
        for body in ("out", "late"):
            sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=300 if body == "late" else 0)
        [out] = sqs.receive_message(QueueUrl=url)["Messages"]
        first = sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="g")
        events.put_rule(Name="r", ScheduleExpression="rate(10 minutes)")
        events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn, "Input": '"tick"'}])
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    with Cloche(tmp_path) as cloud:
        sqs, sns = cloud.client("sqs"), cloud.client("sns")
        url, fifo = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("q", "q.fifo"))
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        again = sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="g")
        assert again["MessageId"] == first["MessageId"]  # the deduplication memory is on disk
        second = sqs.send_message(QueueUrl=fifo, MessageBody="2", MessageGroupId="g")
        assert second["SequenceNumber"] > first["SequenceNumber"]
        assert [m["Body"] for m in sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]] == ["1", "2"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=out["ReceiptHandle"])  # a handle from before is good
        sns.publish(TopicArn=topic, Message="news")
        cloud.advance(minutes=11)
        assert sorted(m["Body"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == ['"tick"', "late", "news"]
