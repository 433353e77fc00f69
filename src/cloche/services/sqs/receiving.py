"""Receiving, hiding longer or shorter, deleting.

A receipt handle names the queue, the message and which of its receives it is, so nothing about handles is stored.
"""
from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import content, dead_letters, encryption, errors, mailbox, metering
from . import service as sqs
from .mailbox import Message
from .messages import check_entries, each, sequence
from .queues import Queue, by_url, find, policy, spend

if TYPE_CHECKING:
    from cloche.shapes import sqs as t

LONGEST_HIDDEN = 43_200
MOST_IN_FLIGHT = {False: 120_000, True: 20_000}
ATTEMPT_SECONDS = 300
SYSTEM_ATTRIBUTES = (
    "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber", "MessageDeduplicationId", "MessageGroupId",
    "AWSTraceHeader", "DeadLetterQueueSourceArn",
)
_HANDLE = struct.Struct(">IQI16s")  # queue's checksum, message's place, which receive, message id
_decode = msgspec.msgpack.Decoder(dict[str, dict[str, Any]]).decode


@sqs.op(resource=by_url, policy=policy)
def receive_message(call: Call, req: t.ReceiveMessageRequest) -> t.ReceiveMessageResult | Coroutine[Any, Any, t.ReceiveMessageResult]:
    """One look; and if there is nothing and time to wait, a coroutine that looks again whenever something may have come."""
    call, queue = find(call, req["QueueUrl"])
    wait = check(queue, req)
    spend(call, queue)
    if messages := receive(call, queue, req):
        return {"Messages": messages}
    return keep_looking(call, queue, req, call.now + wait) if wait else {}


async def keep_looking(call: Call, queue: Queue, req: Any, until: float) -> Any:
    topic = ("sqs", queue.arn)
    while True:
        await call.wait(topic, min(until, mailbox.next_visible(call, queue) or until))
        call, queue = find(call, req["QueueUrl"])
        with call.step():
            messages = receive(call, queue, req)
        if messages:
            return {"Messages": messages}
        if call.now >= until:
            return {}


def check(queue: Queue, req: Any) -> int:
    """Refuse bad numbers; answer how many seconds to wait for a message."""
    if not 1 <= req.get("MaxNumberOfMessages", 1) <= 10:
        raise errors.count_out_of_range(req["MaxNumberOfMessages"])
    for parameter, most in (("WaitTimeSeconds", 20), ("VisibilityTimeout", LONGEST_HIDDEN)):
        if not 0 <= (value := req.get(parameter, 0)) <= most:
            raise errors.out_of_range(value, parameter, 0, most)
    for name in (*(req.get("AttributeNames") or ()), *(req.get("MessageSystemAttributeNames") or ())):
        if name != "All" and name not in SYSTEM_ATTRIBUTES:
            raise errors.unknown_attribute(name)
    wait = req.get("WaitTimeSeconds")  # that of the request wins, also 0
    return queue.seconds("ReceiveMessageWaitTimeSeconds") if wait is None else wait


def receive(call: Call, queue: Queue, req: Any) -> list[Any]:
    """One look, without waiting: what is there is hidden and handed out."""
    count, hidden = req.get("MaxNumberOfMessages", 1), req.get("VisibilityTimeout")
    until = call.now + (queue.seconds("VisibilityTimeout") if hidden is None else hidden)
    attempt = req.get("ReceiveRequestAttemptId") if queue.fifo else None
    if attempt and (again := same_again(call, queue, content.check_fifo_id(attempt, "ReceiveRequestAttemptId"), until)):
        return [shown(call, queue, message, req) for message in again]
    messages = take_in_order(call, queue, count) if queue.fifo else take_visible(call, queue, count)
    metering.received(call, queue, len(messages))
    if not messages:
        return []
    reserve(call, queue, len(messages))
    now = mailbox.take(call, messages, until)
    messages = [m._replace(receives=m.receives + 1, taken=now, first_taken=m.first_taken or now) for m in messages]
    if attempt:
        mailbox.remember_attempt(call, queue, attempt, now + ATTEMPT_SECONDS, " ".join(handle(queue, m) for m in messages))
    return [shown(call, queue, message, req) for message in messages]


def take_visible(call: Call, queue: Queue, count: int) -> list[Message]:
    while True:
        found = mailbox.visible(call, queue, count)
        kept = [m for m in found if not gone(call, queue, m)]
        if kept or not found:
            return kept


def take_in_order(call: Call, queue: Queue, count: int) -> list[Message]:
    """Several of one group, in order, before the next group's; a group with one of its messages out is closed."""
    while True:
        kept: list[Message] = []
        groups = mailbox.open_groups(call, queue, count)
        for grp in groups:
            if len(kept) == count:
                break
            kept += [m for m in mailbox.in_order(call, grp, count - len(kept)) if not gone(call, queue, m)]
        if kept or not groups:
            return kept


def gone(call: Call, queue: Queue, message: Message) -> bool:
    """Past its retention, or received too often: it leaves the queue instead of being received."""
    if message.sent <= call.now - queue.seconds("MessageRetentionPeriod"):
        mailbox.remove(call, queue, message)
        return True
    return bool(queue.most_receives) and message.receives >= queue.most_receives and dead_letters.bury(call, queue, message)


def same_again(call: Call, queue: Queue, attempt: str, until: float) -> list[Message]:
    """A receive repeated under its attempt id gets the same messages, if none of them was touched since."""
    handles = mailbox.attempt(call, queue, attempt)
    if not handles:
        return []
    found = [look_up(call, queue, text) for text in handles.split()]
    messages = [m for m, receive in found if m is not None and m.receives == receive and m.visible_at > call.now]
    if len(messages) < len(found):
        return []
    for message in messages:
        mailbox.hide(call, message, until)
    return messages


def reserve(call: Call, queue: Queue, count: int) -> None:
    """Keep the limit on messages in flight without counting them each time: what is remembered is an upper bound, counted once
    and then only added to; it is counted again when it nears the limit."""
    bounds: dict[int, int] = call.cloud.memory.setdefault("sqs.in_flight", {})
    most = MOST_IN_FLIGHT[queue.fifo]
    bound = bounds.get(queue.number)
    if bound is None or bound + count > most:
        bound = mailbox.in_flight(call, queue)
        if bound + count > most:
            raise errors.over_limit(most)
    bounds[queue.number] = bound + count


def shown(call: Call, queue: Queue, message: Message, req: Any) -> dict[str, Any]:
    body, about = message.body, message.attributes
    if message.sealed:
        body, about = encryption.open_(call, queue, body, about, message.sealed)  # type: ignore[arg-type]
    result: dict[str, Any] = {"MessageId": message.id, "ReceiptHandle": handle(queue, message), "MD5OfBody": message.md5, "Body": body}
    if wanted := [*(req.get("AttributeNames") or ()), *(req.get("MessageSystemAttributeNames") or ())]:
        known = system_attributes(queue, message)
        result["Attributes"] = known if "All" in wanted else {name: known[name] for name in wanted if name in known}
    if about and (names := req.get("MessageAttributeNames")):
        attributes = {name: value for name, value in _decode(about).items() if asked(name, names)}
        if attributes:
            result["MessageAttributes"], result["MD5OfMessageAttributes"] = attributes, content.digest(attributes)
    return result


def system_attributes(queue: Queue, message: Message) -> dict[str, str]:
    known = {
        "SenderId": message.sender, "SentTimestamp": milliseconds(message.sent), "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": milliseconds(message.first_taken),
    }
    if queue.fifo:
        known["SequenceNumber"] = sequence(message.seq)
    for name, value in (("MessageGroupId", message.group_name), ("MessageDeduplicationId", message.dedup),
                        ("AWSTraceHeader", message.trace), ("DeadLetterQueueSourceArn", message.source)):
        if value:
            known[name] = value
    return known


def milliseconds(moment: float) -> str:
    return str(int(moment * 1000))


def asked(name: str, wanted: list[str]) -> bool:
    return any(w in ("All", ".*") or w == name or (w.endswith(".*") and name.startswith(w[:-1])) for w in wanted)


# -- handles --------------------------------------------------------------------------------------------------------

def mark(queue: Queue) -> int:
    return zlib.crc32(queue.arn.encode())


def handle(queue: Queue, message: Message) -> str:
    return base64.b64encode(_HANDLE.pack(mark(queue), message.seq, message.receives, bytes.fromhex(message.id.replace("-", "")))).decode()


def read_handle(queue: Queue, text: str) -> tuple[int, int, str]:
    """The message's place, which of its receives it is, and its id."""
    try:
        owner, seq, receive, id_ = _HANDLE.unpack(base64.b64decode(text, validate=True))
    except (struct.error, binascii.Error, ValueError):
        raise errors.bad_receipt(text) from None
    if owner != mark(queue) or seq >= 1 << 63:
        raise errors.bad_receipt(text)
    x = id_.hex()
    return seq, receive, f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"


def look_up(call: Call, queue: Queue, text: str) -> tuple[Message | None, int]:
    """The message, if it is still there, and which of its receives the handle is of."""
    seq, receive, id_ = read_handle(queue, text)
    return mailbox.find(call, queue, seq, id_), receive


@sqs.op(resource=by_url, policy=policy)
def delete_message(call: Call, req: t.DeleteMessageRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    delete(call, queue, req["ReceiptHandle"])


def delete(call: Call, queue: Queue, text: str) -> None:
    """Deleting again succeeds. In a standard queue any handle that the message ever had will do."""
    if not queue.fifo:
        seq, _, id_ = read_handle(queue, text)
        mailbox.forget(call, queue, seq, id_)
        metering.deleted(call, queue)
        return
    message, receive = look_up(call, queue, text)
    if message is None:
        return
    if message.receives != receive or message.visible_at <= call.now:
        raise errors.expired_receipt(text)
    mailbox.remove(call, queue, message)
    metering.deleted(call, queue)
    call.signal(("sqs", queue.arn))  # its group may be open now


@sqs.op(resource=by_url, policy=policy, action="sqs:DeleteMessage")
def delete_message_batch(call: Call, req: t.DeleteMessageBatchRequest) -> t.DeleteMessageBatchResult:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    entries = check_entries(req["Entries"], "DeleteMessageBatchRequestEntry")
    return each(entries, lambda entry: delete(call, queue, entry["ReceiptHandle"]))  # type: ignore[return-value]


@sqs.op(resource=by_url, policy=policy)
def change_message_visibility(call: Call, req: t.ChangeMessageVisibilityRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    change_visibility(call, queue, req["ReceiptHandle"], req["VisibilityTimeout"])


def change_visibility(call: Call, queue: Queue, text: str, seconds: int) -> None:
    if not 0 <= seconds <= LONGEST_HIDDEN:
        raise errors.out_of_range(seconds, "VisibilityTimeout", 0, LONGEST_HIDDEN)
    message, receive = look_up(call, queue, text)
    if message is None:
        raise errors.not_available(text)
    if queue.fifo and (message.receives != receive or message.visible_at <= call.now):
        raise errors.expired_receipt(text)
    if message.visible_at <= call.now or not message.receives:
        raise errors.not_in_flight(text)
    if int(call.now - message.taken) + seconds > LONGEST_HIDDEN:
        raise errors.hidden_too_long(text, seconds)
    mailbox.hide(call, message, call.now + seconds)
    call.signal(("sqs", queue.arn))


@sqs.op(resource=by_url, policy=policy, action="sqs:ChangeMessageVisibility")
def change_message_visibility_batch(call: Call, req: t.ChangeMessageVisibilityBatchRequest) -> t.ChangeMessageVisibilityBatchResult:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    entries = check_entries(req["Entries"], "ChangeMessageVisibilityBatchRequestEntry")
    return each(entries, lambda e: change_visibility(call, queue, e["ReceiptHandle"], e.get("VisibilityTimeout", 0)))  # type: ignore[return-value]
