import hashlib

import pytest


def test_a_message_arrives_with_its_digests(queues):
    url = queues.make()
    sent = queues.send(url, "hello", MessageAttributes={
        "colour": {"DataType": "String", "StringValue": "red"}, "n": {"DataType": "Number.int", "StringValue": "5"}, "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    [message] = queues.receive(url, MessageAttributeNames=["All"])  # boto3 itself checks the digest of the body
    assert message["Body"] == "hello" and message["MessageId"] == sent["MessageId"] and message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\x01" and message["MessageAttributes"]["n"] == {"DataType": "Number.int", "StringValue": "5"}


def test_the_digest_of_attributes_is_aws_own(queues):
    """The value that AWS gave for {'test': String 'x'}: 4 bytes length and name, then type, 1, value."""
    import struct
    raw = b"".join(struct.pack(">I", len(p)) + p for p in (b"test", b"String")) + b"\x01" + struct.pack(">I", 1) + b"x"
    sent = queues.send(queues.make(), MessageAttributes={"test": {"DataType": "String", "StringValue": "x"}})
    assert sent["MD5OfMessageAttributes"] == hashlib.md5(raw).hexdigest()


def test_attributes_come_only_when_asked_for(queues):
    url = queues.make(VisibilityTimeout="0")
    queues.send(url, MessageAttributes={n: {"DataType": "String", "StringValue": "x"} for n in ("a.one", "a.two", "b")})
    [plain] = queues.receive(url)
    assert "MessageAttributes" not in plain and "Attributes" not in plain
    asked = lambda *names: sorted(queues.receive(url, MessageAttributeNames=list(names))[0].get("MessageAttributes", {}))
    assert asked(".*") == asked("All") == ["a.one", "a.two", "b"]
    assert asked("a.*") == ["a.one", "a.two"] and asked("b", "none") == ["b"] and asked("none") == []


def test_system_attributes_tell_the_life_of_a_message(queues, cloud):
    url = queues.make(VisibilityTimeout="0")
    queues.send(url, MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-x"}})
    [first] = queues.receive(url, AttributeNames=["All"])
    cloud.advance(10)
    [second] = queues.receive(url, MessageSystemAttributeNames=["All"])
    assert first["Attributes"]["ApproximateReceiveCount"] == "1" and second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert first["Attributes"]["ApproximateFirstReceiveTimestamp"] == second["Attributes"]["ApproximateFirstReceiveTimestamp"]
    assert second["Attributes"]["SentTimestamp"] == first["Attributes"]["SentTimestamp"]
    assert first["Attributes"]["AWSTraceHeader"] == "Root=1-x" and first["Attributes"]["SenderId"] == cloud.account
    assert list(queues.receive(url, AttributeNames=["SentTimestamp"])[0]["Attributes"]) == ["SentTimestamp"]


def test_an_empty_message_is_refused(queues, refused):
    assert refused(queues.send, queues.make(), "") == ("MissingParameter", "The request must contain the parameter MessageBody.")


def test_characters_outside_xml_are_refused(queues, refused):
    assert refused(queues.send, queues.make(), "a\x01b")[0] == "InvalidMessageContents"


def test_size_counts_bytes_and_attributes(queues, refused):
    url = queues.make(MaximumMessageSize="1024")
    queues.send(url, "x" * 1024)
    message = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    assert refused(queues.send, url, "x" * 1025) == ("InvalidParameterValue", message)
    assert refused(queues.send, url, "ü" * 513) == ("InvalidParameterValue", message)
    assert refused(queues.send, url, "x" * 1016, MessageAttributes={"a": {"DataType": "String", "StringValue": "xx"}}) == ("InvalidParameterValue", message)


@pytest.mark.parametrize(("attributes", "message"), [
    ({"a": {"DataType": "String", "StringValue": ""}}, "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."),
    ({"a": {"DataType": "", "StringValue": "x"}}, "The message attribute 'a' must contain non-empty message attribute type."),
    ({"a": {"DataType": "Map", "StringValue": "x"}}, "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
    ({"a": {"DataType": "Number", "StringValue": "x"}}, "Can't cast the value of message (user) attribute 'a' to a number."),
    ({f"a{i}": {"DataType": "String", "StringValue": "x"} for i in range(11)}, "Number of message attributes [11] exceeds the allowed maximum [10]."),
    ({"AWS.x": {"DataType": "String", "StringValue": "x"}},
     "The message attribute name 'AWS.x' is invalid. You can't use message attribute names beginning with 'AWS.' or 'Amazon.' because these strings are reserved for internal use."),
])
def test_a_bad_attribute_is_refused(queues, refused, attributes, message):
    assert refused(queues.send, queues.make(), MessageAttributes=attributes) == ("InvalidParameterValue", message)


def test_a_delayed_message_comes_after_its_delay(queues, cloud, refused):
    url = queues.make(DelaySeconds="100")
    queues.send(url, "late")
    queues.send(url, "soon", DelaySeconds=10)
    assert queues.bodies(url) == []
    cloud.advance(10)
    assert queues.bodies(url) == ["soon"]
    cloud.advance(90)
    assert sorted(queues.bodies(url)) == ["late", "soon"]  # and "soon" again: its visibility timeout is over
    assert refused(queues.send, url, DelaySeconds=901)[0] == "InvalidParameterValue"


def test_a_message_is_gone_after_its_retention(queues, cloud):
    url = queues.make(MessageRetentionPeriod="60")
    queues.send(url)
    cloud.advance(60)
    assert queues.attribute(url, "ApproximateNumberOfMessages") == "0"
    assert queues.bodies(url) == []


def test_a_batch_answers_entry_by_entry(queues):
    url = queues.make()
    answer = queues.sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "\x01"}, {"Id": "late", "MessageBody": "y", "DelaySeconds": 901}])
    assert [e["Id"] for e in answer["Successful"]] == ["good"]
    assert [(e["Id"], e["Code"], e["SenderFault"]) for e in answer["Failed"]] == [("bad", "InvalidMessageContents", True), ("late", "InvalidParameterValue", True)]
    assert queues.bodies(url) == ["x"]


@pytest.mark.parametrize(("ids", "code", "message"), [
    ([], "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."),
    ([str(i) for i in range(20)], "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 20."),
    (["a", "a"], "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id a repeated."),
    (["a b"], "AWS.SimpleQueueService.InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."),
])
def test_a_bad_batch_is_refused_whole(queues, refused, ids, code, message):
    url = queues.make()
    assert refused(queues.sqs.send_message_batch, QueueUrl=url, Entries=[{"Id": i, "MessageBody": "x"} for i in ids]) == (code, message)
    assert queues.bodies(url) == []


def test_a_batch_is_limited_in_its_sum(queues, refused):
    assert refused(queues.sqs.send_message_batch, QueueUrl=queues.make(), Entries=[{"Id": i, "MessageBody": "x" * 600_000} for i in "ab"]) == (
        "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.")
