import pytest


@pytest.fixture
def fifo(queues):
    return queues.make("q.fifo", ContentBasedDeduplication="true")


def test_a_duplicate_is_accepted_and_not_delivered_for_five_minutes(queues, fifo, cloud):
    first = queues.send(fifo, MessageGroupId="g")
    [message] = queues.receive(fifo)
    queues.delete(fifo, message)
    again = queues.send(fifo, MessageGroupId="g")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert queues.bodies(fifo) == []
    cloud.advance(301)
    assert queues.send(fifo, MessageGroupId="g")["MessageId"] != first["MessageId"]
    assert queues.bodies(fifo) == ["x"]


def test_deduplication_by_group_lets_the_same_id_into_another_group(queues):
    url = queues.make("q.fifo", ContentBasedDeduplication="true", DeduplicationScope="messageGroup")
    queues.send(url, "x", MessageGroupId="a")
    queues.send(url, "x", MessageGroupId="b")
    queues.send(url, "x", MessageGroupId="a")
    assert queues.bodies(url) == ["x", "x"]


def test_order_holds_in_a_group_and_the_group_waits_for_what_is_out(queues, fifo):
    for body in ("1", "2", "3"):
        queues.send(fifo, body, MessageGroupId="a")
    queues.send(fifo, "other", MessageGroupId="b")
    [first] = queues.receive(fifo, MaxNumberOfMessages=1)
    assert first["Body"] == "1"
    assert queues.bodies(fifo) == ["other"]
    queues.delete(fifo, first)
    assert queues.bodies(fifo) == ["2", "3"]


def test_a_message_that_times_out_comes_again_before_its_successors(queues, fifo, cloud):
    for body in ("1", "2"):
        queues.send(fifo, body, MessageGroupId="a")
    queues.receive(fifo, MaxNumberOfMessages=1)
    cloud.advance(30)
    assert queues.bodies(fifo) == ["1", "2"]


def test_a_handle_of_a_fifo_queue_expires_with_the_visibility(queues, fifo, cloud, refused):
    queues.send(fifo, MessageGroupId="g")
    [message] = queues.receive(fifo)
    cloud.advance(31)
    handle = message["ReceiptHandle"]
    expired = ("InvalidParameterValue", f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
    assert refused(queues.delete, fifo, message) == expired
    assert refused(queues.sqs.change_message_visibility, QueueUrl=fifo, ReceiptHandle=handle, VisibilityTimeout=1) == expired


def test_sequence_numbers_have_twenty_digits_and_grow(queues, fifo):
    numbers = [queues.send(fifo, body, MessageGroupId="g")["SequenceNumber"] for body in "abc"]
    assert all(len(n) == 20 for n in numbers) and numbers == sorted(set(numbers))
    [message] = queues.receive(fifo, MaxNumberOfMessages=1, AttributeNames=["All"])
    assert message["Attributes"]["SequenceNumber"] == numbers[0] and message["Attributes"]["MessageGroupId"] == "g"
    assert len(message["Attributes"]["MessageDeduplicationId"]) == 64  # SHA-256 of the body


def test_group_and_deduplication_id_are_asked_for(queues, refused):
    url = queues.make("plain.fifo")
    assert refused(queues.send, url) == ("MissingParameter", "The request must contain the parameter MessageGroupId.")
    assert refused(queues.send, url, MessageGroupId="g") == (
        "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
    assert refused(queues.send, url, MessageGroupId="g h", MessageDeduplicationId="d")[0] == "InvalidParameterValue"
    assert refused(queues.send, url, MessageGroupId="g", MessageDeduplicationId="d" * 129)[0] == "InvalidParameterValue"
    queues.send(url, MessageGroupId="g", MessageDeduplicationId="d")


def test_a_single_message_cannot_be_delayed_but_a_whole_queue_can(queues, fifo, cloud, refused):
    assert refused(queues.send, fifo, MessageGroupId="g", DelaySeconds=5) == (
        "InvalidParameterValue", "Value 5 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.")
    url = queues.make("slow.fifo", ContentBasedDeduplication="true", DelaySeconds="10")
    queues.send(url, MessageGroupId="g")
    assert queues.bodies(url) == []
    cloud.advance(10)
    assert queues.bodies(url) == ["x"]


def test_a_fifo_queue_takes_three_hundred_calls_a_second_unless_it_is_made_for_more(queues, fifo, cloud, refused):
    fast = queues.make("fast.fifo", ContentBasedDeduplication="true", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    cloud.control("clock", {"freeze": True})
    try:
        for url in (fifo, fast):
            for _ in range(300):
                queues.send(url, MessageGroupId="g")
        queues.send(fast, MessageGroupId="g")
        assert refused(queues.send, fifo, MessageGroupId="g") == ("RequestThrottled", "The request was denied due to request throttling.")
        assert len(queues.receive(fifo)) == 1  # each kind of call has its own three hundred
    finally:
        cloud.control("clock", {"freeze": False})
    cloud.advance(1)
    queues.send(fifo, MessageGroupId="g")


def test_standard_queues_take_a_group_but_no_deduplication_id(queues, refused):
    url = queues.make()
    queues.send(url, MessageGroupId="tenant")
    [message] = queues.receive(url, AttributeNames=["MessageGroupId"])
    assert message["Attributes"] == {"MessageGroupId": "tenant"}
    assert refused(queues.send, url, MessageDeduplicationId="d")[0] == "InvalidParameterValue"


def test_a_repeated_receive_attempt_gets_the_same_messages(queues, fifo):
    for body in "ab":
        queues.send(fifo, body, MessageGroupId="g")
    first = queues.receive(fifo, ReceiveRequestAttemptId="try1")
    again = queues.receive(fifo, ReceiveRequestAttemptId="try1")
    assert [m["ReceiptHandle"] for m in first] == [m["ReceiptHandle"] for m in again]
    assert queues.receive(fifo, ReceiveRequestAttemptId="try2") == []
    queues.delete(fifo, first[0])
    assert queues.receive(fifo, ReceiveRequestAttemptId="try1") == []


def test_a_group_opens_when_its_last_message_in_flight_is_settled(queues, fifo):
    for body in "abc":
        queues.send(fifo, body, MessageGroupId="g")
    a, b = queues.receive(fifo, MaxNumberOfMessages=2)
    queues.delete(fifo, a)
    assert queues.bodies(fifo) == []
    queues.sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=b["ReceiptHandle"], VisibilityTimeout=0)
    assert queues.bodies(fifo) == ["b", "c"]
