import threading
import time

import pytest


def test_a_received_message_is_hidden_for_its_visibility_timeout(queues, cloud):
    url = queues.make()
    queues.send(url, "hello")
    assert queues.bodies(url) == ["hello"]
    cloud.advance(28)
    assert queues.bodies(url) == []
    cloud.advance(2)
    assert queues.bodies(url) == ["hello"]


def test_a_deleted_message_does_not_come_back_and_deleting_again_succeeds(queues, cloud):
    url = queues.make()
    queues.send(url)
    [message] = queues.receive(url)
    queues.delete(url, message)
    queues.delete(url, message)
    cloud.advance(30)
    assert queues.bodies(url) == []


def test_an_old_handle_still_deletes_from_a_standard_queue(queues, cloud):
    url = queues.make()
    queues.send(url)
    [first] = queues.receive(url)
    cloud.advance(30)
    [second] = queues.receive(url)
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    queues.delete(url, first)
    cloud.advance(30)
    assert queues.bodies(url) == []


def test_garbage_is_no_receipt_handle(queues, refused):
    url = queues.make()
    assert refused(queues.sqs.delete_message, QueueUrl=url, ReceiptHandle="garbage") == ("ReceiptHandleIsInvalid", 'The input receipt handle "garbage" is not a valid receipt handle.')
    other = queues.make("other")
    queues.send(other)
    [message] = queues.receive(other)
    assert refused(queues.delete, url, message)[0] == "ReceiptHandleIsInvalid"


def test_visibility_is_changed_for_a_message_in_flight(queues, cloud, refused):
    url = queues.make()
    queues.send(url)
    [message] = queues.receive(url)
    change = lambda seconds: queues.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds)
    change(100)
    cloud.advance(99)
    assert queues.bodies(url) == []
    assert refused(change, 43_200) == (
        "InvalidParameterValue", "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
    assert refused(change, 43_201) == ("InvalidParameterValue", "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.")
    change(0)
    assert refused(change, 5)[0] == "AWS.SimpleQueueService.MessageNotInflight"
    assert len(queues.receive(url)) == 1
    queues.delete(url, message)
    assert refused(change, 5)[0] == "InvalidParameterValue"


def test_batches_delete_and_hide_entry_by_entry(queues):
    url = queues.make()
    for body in "abc":
        queues.send(url, body)
    messages = queues.receive(url)
    answer = queues.sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": messages[0]["ReceiptHandle"]}, {"Id": "1", "ReceiptHandle": "garbage"}])
    assert [e["Id"] for e in answer["Successful"]] == ["0"] and [(e["Id"], e["Code"]) for e in answer["Failed"]] == [("1", "ReceiptHandleIsInvalid")]
    answer = queues.sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for i, m in enumerate(messages)])
    assert [e["Id"] for e in answer["Successful"]] == ["1", "2"] and [e["Id"] for e in answer["Failed"]] == ["0"]
    assert sorted(queues.bodies(url)) == ["b", "c"]


def test_one_message_is_received_unless_more_are_asked_for(queues, refused):
    url = queues.make()
    for body in "abc":
        queues.send(url, body)
    assert len(queues.sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    assert len(queues.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2
    assert "Messages" not in queues.sqs.receive_message(QueueUrl=url)
    assert refused(queues.receive, url, MaxNumberOfMessages=11) == (
        "InvalidParameterValue", "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")
    assert refused(queues.receive, url, WaitTimeSeconds=21) == (
        "InvalidParameterValue", "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.")
    assert refused(queues.receive, url, AttributeNames=["Colour"]) == ("InvalidAttributeName", "Unknown Attribute Colour.")


@pytest.fixture
def waiting(queues):
    """Start a receive that waits; `.join()` gives what it got."""
    def start(url, **more):
        got = []
        thread = threading.Thread(target=lambda: got.append(queues.bodies(url, **more)))
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive(), "it did not wait"

        def join():
            thread.join(5)
            return got[0]
        return join
    return start


def test_a_long_poll_ends_when_a_message_comes(queues, waiting):
    url = queues.make()
    got = waiting(url, WaitTimeSeconds=20)
    queues.send(url, "now")
    assert got() == ["now"]


def test_a_queue_can_make_every_receive_a_long_poll_but_zero_of_the_request_wins(queues, waiting):
    url = queues.make(ReceiveMessageWaitTimeSeconds="20")
    assert queues.bodies(url, WaitTimeSeconds=0) == []
    got = waiting(url)
    queues.send(url, "now")
    assert got() == ["now"]


def test_a_long_poll_ends_when_time_makes_a_message_visible(queues, cloud, waiting):
    url = queues.make()
    queues.send(url, "later", DelaySeconds=10)
    got = waiting(url, WaitTimeSeconds=20)
    cloud.advance(10)
    assert got() == ["later"]


def test_a_long_poll_ends_empty_when_its_time_is_over(queues, cloud, waiting):
    got = waiting(queues.make(), WaitTimeSeconds=20)
    cloud.advance(20)
    assert got() == []
