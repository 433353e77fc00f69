"""`kill -9` is an ordinary way to stop: every acknowledged write is there after the restart, and no half of one."""
import hashlib
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError


class Writers:
    """Threads that write through three services and remember what was acknowledged."""

    def __init__(self, cloud, table, queue, bucket, round_):
        self.acknowledged = {"item": {}, "message": set(), "object": {}}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(write, cloud, name, round_, i), daemon=True)
                        for i, (write, name) in enumerate([(self.item, table), (self.item, table), (self.message, queue), (self.object, bucket), (self.object, bucket)])]
        for thread in self.threads:
            thread.start()

    def run(self, write, cloud, name, round_, number):
        count = 0
        while not self.over.is_set():
            try:
                write(cloud, name, f"{round_}-{number}-{count}", count)
            except (BotoCoreError, ClientError, OSError):
                return  # the server is gone
            count += 1

    def item(self, cloud, table, key, count):
        cloud.client("dynamodb").put_item(TableName=table, Item={"k": {"S": key}, "v": {"N": str(count)}})
        self.acknowledged["item"][key] = str(count)

    def message(self, cloud, queue, key, count):
        cloud.client("sqs").send_message(QueueUrl=f"{cloud.url}/000000000000/{queue}", MessageBody=key)
        self.acknowledged["message"].add(key)

    def object(self, cloud, bucket, key, count):
        body = hashlib.sha256(key.encode()).digest() * (1 if count % 3 else 9000)  # small ones inline, large ones in files
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        self.acknowledged["object"][key] = len(body)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)


def test_every_acknowledged_write_survives_a_kill_at_any_moment(process, soak):
    cloud = process()
    cloud.client("dynamodb").create_table(TableName="things", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.client("s3").create_bucket(Bucket="bodies")
    dice = random.Random(7)
    items, objects, messages = {}, {}, set()
    for round_ in range(50 if soak else 4):
        writers = Writers(cloud, "things", "q", "bodies", round_)
        time.sleep(dice.uniform(0.05, 0.5))
        cloud.kill()
        writers.stop()
        items |= writers.acknowledged["item"]
        objects |= writers.acknowledged["object"]
        messages |= writers.acknowledged["message"]
        cloud.start()
        latest = list(writers.acknowledged["item"])[-20:] + dice.sample(sorted(items), min(20, len(items)))
        for key in latest:
            assert cloud.client("dynamodb").get_item(TableName="things", Key={"k": {"S": key}})["Item"]["v"]["N"] == items[key]
        for key in list(writers.acknowledged["object"])[-10:] + dice.sample(sorted(objects), min(10, len(objects))):
            body = cloud.client("s3").get_object(Bucket="bodies", Key=key)["Body"].read()
            assert body == hashlib.sha256(key.encode()).digest() * (objects[key] // 32)
        attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=f"{cloud.url}/000000000000/q", AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        assert int(attributes["ApproximateNumberOfMessages"]) >= len(messages)
    listed = [o["Key"] for page in cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket="bodies") for o in page.get("Contents", [])]
    assert set(objects) <= set(listed)
    assert len(items) > 10


def test_timers_go_on_after_a_crash(process):
    cloud = process()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    cloud.advance(300)
    cloud.kill()
    before = cloud.now if cloud.process.poll() is None else None
    cloud.start()
    assert before is None
    sqs, url = cloud.client("sqs"), f"{cloud.url}/000000000000/q"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    cloud.advance(301)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "later"
