"""Sending: one message or ten, into a standard queue or in order into a group of a FIFO queue."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import content, encryption, errors, mailbox, metering
from . import service as sqs
from .queues import Queue, by_url, find, policy, spend

if TYPE_CHECKING:
    from cloche.shapes import sqs as t

DEDUPLICATION_SECONDS = 300
LONGEST_BATCH = 1_048_576
FIRST_SEQUENCE = 18_880_000_000_000_000_000  # twenty digits, and growing: all that AWS says of sequence numbers
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_encode = msgspec.msgpack.Encoder().encode


@sqs.op(resource=by_url, policy=policy)
def send_message(call: Call, req: t.SendMessageRequest) -> t.SendMessageResult:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    return send(call, queue, req)


def send(call: Call, queue: Queue, req: Any) -> Any:
    body, attributes, system = req["MessageBody"], req.get("MessageAttributes"), req.get("MessageSystemAttributes")
    raw = content.check_body(body)
    size = len(raw) + (content.check_attributes(attributes) if attributes else 0)
    if size > (limit := queue.seconds("MaximumMessageSize")):
        raise errors.too_long(limit)
    trace = content.check_system(system) if system else call.request.headers.get("x-amzn-trace-id") if call.request is not None else None
    md5, id_ = hashlib.md5(raw, usedforsecurity=False).hexdigest(), call.uuid()
    result = {"MessageId": id_, "MD5OfMessageBody": md5}
    if attributes:
        result["MD5OfMessageAttributes"] = content.digest(attributes)
    if system:
        result["MD5OfMessageSystemAttributes"] = content.digest(system)
    group, dedup, scope, visible_at = req.get("MessageGroupId"), req.get("MessageDeduplicationId"), "", call.now + delay(queue, req)
    if queue.fifo:
        group, dedup = fifo_ids(queue, group, dedup, raw)
        if queue.attributes["DeduplicationScope"] == "messageGroup":
            scope = group
        if earlier := mailbox.seen(call, queue, scope, dedup):
            # accepted, and the first one's answer given; it is not delivered again, even if the first is long deleted
            return result | {"MessageId": earlier[0], "SequenceNumber": sequence(earlier[1])}
    else:
        if dedup is not None:
            raise errors.not_for_this_type(dedup, "MessageDeduplicationId")
        if group is not None:  # fair queues
            content.check_fifo_id(group, "MessageGroupId")
    about, sealed = _encode(attributes) if attributes else None, None
    if encryption.key_of(queue):
        body, about, sealed = encryption.close(call, queue, raw, about)
    seq = mailbox.put(call, queue, visible_at, id_, md5, call.principal.id or call.principal.account, group, dedup, trace, about, body, sealed)
    if queue.fifo:
        mailbox.remember(call, queue, scope, dedup or "", call.now + DEDUPLICATION_SECONDS, id_, seq)
        result["SequenceNumber"] = sequence(seq)
    call.signal(("sqs", queue.arn))
    mailbox.expire_sometimes(call, queue)
    metering.sent(call, queue, size)
    return result


def delay(queue: Queue, req: Any) -> int:
    seconds = req.get("DelaySeconds")
    if seconds is None:
        return queue.seconds("DelaySeconds")
    if not 0 <= seconds <= 900:
        raise errors.invalid_value(seconds, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if queue.fifo:
        if seconds:
            raise errors.not_for_this_type(seconds, "DelaySeconds")
        return queue.seconds("DelaySeconds")
    return seconds  # type: ignore[no-any-return]


def fifo_ids(queue: Queue, group: str | None, dedup: str | None, raw: bytes) -> tuple[str, str]:
    if group is None:
        raise errors.missing("MessageGroupId")
    content.check_fifo_id(group, "MessageGroupId")
    if dedup is not None:
        return group, content.check_fifo_id(dedup, "MessageDeduplicationId")
    if queue.attributes["ContentBasedDeduplication"] == "true":  # of the body alone, not of the attributes
        return group, hashlib.sha256(raw).hexdigest()
    raise errors.no_deduplication_id()


def sequence(seq: int) -> str:
    return str(FIRST_SEQUENCE + seq * 256)


@sqs.op(resource=by_url, policy=policy, action="sqs:SendMessage")
def send_message_batch(call: Call, req: t.SendMessageBatchRequest) -> t.SendMessageBatchResult:
    call, queue = find(call, req["QueueUrl"])
    spend(call, queue)
    entries: Any = check_entries(req["Entries"], "SendMessageBatchRequestEntry")
    size = sum(len(e["MessageBody"].encode("utf-8", "surrogatepass")) + attributes_size(e.get("MessageAttributes") or {}) for e in entries)
    if size > LONGEST_BATCH:
        raise errors.batch_too_long(LONGEST_BATCH, size)
    return each(entries, lambda entry: send(call, queue, entry))  # type: ignore[return-value]


def attributes_size(attributes: content.Attributes) -> int:
    return sum(len(name) + len(a.get("DataType") or "") + len((a.get("StringValue") or "").encode()) + len(a.get("BinaryValue") or b"") for name, a in attributes.items())


# -- batches --------------------------------------------------------------------------------------------------------

def check_entries(entries: list[Any], name: str) -> list[Any]:
    if not entries:
        raise errors.empty_batch(name)
    if len(entries) > 10:
        raise errors.too_many_entries(len(entries))
    seen: set[str] = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            raise errors.bad_entry_id()
        if entry["Id"] in seen:
            raise errors.ids_not_distinct(entry["Id"])
        seen.add(entry["Id"])
    return entries


def each(entries: list[Any], act: Callable[[Any], Any]) -> dict[str, list[Any]]:
    """Every entry succeeds or fails by itself. `act` checks before it changes anything, so a failed one leaves nothing."""
    done: list[Any] = []
    failed: list[Any] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"]} | (act(entry) or {}))
        except AwsError as error:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": error.query_code or error.code, "Message": error.message})
    result = {"Successful": done} if done else {}
    return result | {"Failed": failed} if failed else result
