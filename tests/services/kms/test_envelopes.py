"""What services keep under a key is not readable on disk; without one it is (so these tests can fail), and kill -9 loses none of it."""
import json

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


PLACES = [in_a_queue]


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
