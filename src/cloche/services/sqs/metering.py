"""What queues tell CloudWatch: each send, receive and delete as it happens; how many messages there are when CloudWatch asks."""
from __future__ import annotations

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from . import mailbox
from .queues import Queue


def sent(call: Call, queue: Queue, size: int) -> None:
    dims = (("QueueName", queue.name),)
    cloudwatch.put(call, "AWS/SQS", "NumberOfMessagesSent", dims, 1, "Count")
    cloudwatch.put(call, "AWS/SQS", "SentMessageSize", dims, size, "Bytes")


def received(call: Call, queue: Queue, count: int) -> None:
    dims = (("QueueName", queue.name),)
    if count:
        cloudwatch.put(call, "AWS/SQS", "NumberOfMessagesReceived", dims, count, "Count")
    else:
        cloudwatch.put(call, "AWS/SQS", "NumberOfEmptyReceives", dims, 1, "Count")


def deleted(call: Call, queue: Queue) -> None:
    cloudwatch.put(call, "AWS/SQS", "NumberOfMessagesDeleted", (("QueueName", queue.name),), 1, "Count")


def gauges(call: Call, name: str) -> list[tuple[str, float, str]]:
    """How full a queue is now: CloudWatch asks once a minute while an alarm watches, and whenever it is asked itself."""
    queue = call.get(Queue, name)
    if queue is None:
        return []
    visible, hidden, delayed = mailbox.counts(call, queue)
    return [
        ("ApproximateNumberOfMessagesVisible", visible, "Count"), ("ApproximateNumberOfMessagesNotVisible", hidden, "Count"), ("ApproximateNumberOfMessagesDelayed", delayed, "Count"),
        ("ApproximateAgeOfOldestMessage", mailbox.oldest_age(call, queue), "Seconds"),
    ]
