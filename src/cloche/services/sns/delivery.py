"""Delivery: to queues and functions in the same step as the publish, to HTTP endpoints by a worker that keeps trying.

What cannot be delivered goes to the subscription's dead-letter queue, in the form in which it would have been delivered.
"""
from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import AwsError, Call
from cloche.languages import filter_policy
from cloche.services.cloudwatch import public as cloudwatch
from cloche.services.sqs import public as sqs

from . import encryption, envelope, retry
from . import service as sns
from .subscriptions import Subscription
from .topics import Topic

if TYPE_CHECKING:
    from .publishing import Message

ANSWER_SECONDS = 15
AT_ONCE = 10
FIREHOSE_TRIES = 50

sns.table("""
CREATE TABLE IF NOT EXISTS sns_delivery (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, subscription TEXT NOT NULL, due REAL NOT NULL, tries INTEGER NOT NULL,
    type TEXT NOT NULL, message TEXT NOT NULL, raw INTEGER NOT NULL, attributes BLOB, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sns_delivery_due ON sns_delivery (account, region, subscription, due);
""")


def count(call: Call, topic: str, metric: str, value: float = 1, unit: str = "Count") -> None:
    cloudwatch.put(call, "AWS/SNS", metric, (("TopicName", topic.rpartition(":")[2]),), value, unit)


def fan_out(call: Call, topic: Topic, message: Message) -> None:
    """Every confirmed subscription whose filter lets the message through gets its own copy."""
    count(call, topic.arn, "NumberOfMessagesPublished")
    count(call, topic.arn, "PublishSize", len(message.body), "Bytes")
    notice: envelope.Notice | None = None
    speaker = call.as_service("sns.amazonaws.com", source_arn=topic.arn, source_account=topic.owner)
    for id_ in topic.subscribers:
        subscription = call.get(Subscription, id_)
        if subscription is None or subscription.pending:
            continue
        if not passes(subscription, message):
            count(call, topic.arn, "NumberOfNotificationsFilteredOut")
            continue
        if subscription.raw:
            deliver_raw(call, speaker, topic, subscription, message)
            continue
        if notice is None:  # one signature for all: what is signed does not name the subscription
            notice = envelope.Notice(call, topic, message)
        if subscription.protocol == "lambda":
            invoke(speaker, subscription, notice.for_lambda(subscription))
        elif subscription.protocol == "sqs":
            to_queue(speaker, subscription, message, notice.text(subscription), {})
        elif subscription.protocol == "firehose":
            to_firehose(call, subscription, notice.for_firehose(subscription))
        elif subscription.protocol in ("http", "https"):
            post_later(call, subscription, "Notification", message.id, notice.text(subscription), None, topic)


@lru_cache(1024)
def compiled(text: str, scope: str) -> filter_policy.Filter:
    return filter_policy.compile_policy(text, scope)


def passes(subscription: Subscription, message: Message) -> bool:
    text = subscription.attributes.get("FilterPolicy")
    return not text or compiled(text, subscription.attributes.get("FilterPolicyScope", filter_policy.ATTRIBUTES))(message.attributes, message.body)


def deliver_raw(call: Call, speaker: Call, topic: Topic, subscription: Subscription, message: Message) -> None:
    body = message.for_protocol(subscription.protocol)
    if subscription.protocol == "sqs":
        to_queue(speaker, subscription, message, body, message.attributes)
    elif subscription.protocol == "firehose":
        to_firehose(call, subscription, body + "\n")
    else:
        post_later(call, subscription, "Notification", message.id, body, message.attributes, topic)


def to_queue(call: Call, subscription: Subscription, message: Message, body: str, attributes: dict[str, Any]) -> None:
    more: dict[str, Any] = {"MessageAttributes": attributes} if attributes else {}
    if message.group is not None:
        more["MessageGroupId"] = message.group
    if message.dedup is not None and subscription.endpoint.endswith(".fifo"):
        more["MessageDeduplicationId"] = message.dedup
    try:
        sqs.send(call, subscription.endpoint, MessageBody=body, **more)
        count(call, subscription.topic, "NumberOfNotificationsDelivered")
    except AwsError:  # no such queue, no permission: nothing that trying again would mend
        bury(call, subscription, body, attributes, message.group, message.dedup)


def to_firehose(call: Call, subscription: Subscription, body: str, tries: int = 0) -> None:
    """Under the subscription's role; a stream that has no room now is tried again, longer and longer apart."""
    try:
        role = call.as_role(subscription.attributes["SubscriptionRoleArn"], "sns", "sns.amazonaws.com")
        role.do("firehose", "PutRecord", DeliveryStreamName=subscription.endpoint.rsplit("/", 1)[1], Record={"Data": body.encode("utf-8", "surrogatepass")})
        count(call, subscription.topic, "NumberOfNotificationsDelivered")
    except AwsError as error:
        if error.code == "ServiceUnavailableException" and tries < FIREHOSE_TRIES:
            call.after(min(2.0 ** tries, 3600.0), firehose_again, subscription=subscription.id, body=body, tries=tries + 1)
        else:
            bury(call, subscription, body, {}, None, None)


@sns.timer
def firehose_again(call: Call, subscription: str, body: str, tries: int) -> None:
    found = call.get(Subscription, subscription)
    if found is not None:
        to_firehose(call, found, body, tries)


def invoke(call: Call, subscription: Subscription, event: str) -> None:
    from cloche.services.lambda_ import public as functions
    try:
        functions.enqueue(call, subscription.endpoint, event.encode(), trace=functions.trace_of(call))
        count(call, subscription.topic, "NumberOfNotificationsDelivered")
    except AwsError:
        bury(call, subscription, event, {}, None, None)


def bury(call: Call, subscription: Subscription, body: str, attributes: dict[str, Any], group: str | None, dedup: str | None) -> None:
    """To the dead-letter queue, if there is one and it lets SNS in; else it is lost, as on AWS."""
    arn = subscription.dead_letters
    count(call, subscription.topic, "NumberOfNotificationsFailed")
    if not arn:
        return
    speaker = call.as_service("sns.amazonaws.com", source_arn=subscription.topic, source_account=subscription.topic.split(":")[4])
    more: dict[str, Any] = {"MessageAttributes": attributes} if attributes else {}
    if arn.endswith(".fifo"):
        more |= {"MessageGroupId": group or subscription.id, "MessageDeduplicationId": dedup or call.uuid()}
    try:
        sqs.send(speaker, arn, MessageBody=body, **more)
    except AwsError as error:
        call.cloud.memory["sns.lost"] = (subscription.arn, error.code, call.now)


# -- confirmation -----------------------------------------------------------------------------------------------------

def ask_to_confirm(call: Call, topic: Topic, subscription: Subscription) -> None:
    """To whoever must confirm: an HTTP endpoint, or a queue in another account. Mail is not sent from here."""
    if subscription.protocol in ("http", "https"):
        text, id_ = envelope.confirmation(call, topic, subscription)
        post_later(call, subscription, "SubscriptionConfirmation", id_, text, None)
    elif subscription.protocol == "sqs":
        text, _ = envelope.confirmation(call, topic, subscription)
        try:
            sqs.send(call.as_service("sns.amazonaws.com", source_arn=topic.arn, source_account=topic.owner), subscription.endpoint, MessageBody=text)
        except AwsError as error:
            call.cloud.memory["sns.lost"] = (subscription.arn, error.code, call.now)


# -- HTTP -------------------------------------------------------------------------------------------------------------

def post_later(call: Call, subscription: Subscription, type_: str, message_id: str, body: str, attributes: dict[str, Any] | None, topic: Topic | None = None) -> None:
    account, region = subscription.topic.split(":")[4], subscription.topic.split(":")[3]
    packed, kept = msgspec.msgpack.encode(attributes) if attributes else None, body
    if topic is not None and topic.attributes.get("KmsMasterKeyId"):  # one blob: three sealed things, told apart by its being no text
        kept, packed = msgspec.msgpack.encode(encryption.close(call, topic, body.encode("utf-8", "surrogatepass"), packed)), None  # type: ignore[assignment]
    call.sql(
        "INSERT INTO sns_delivery (account, region, subscription, due, tries, type, message, raw, attributes, body) VALUES (?,?,?,?,0,?,?,?,?,?)",
        account, region, subscription.id, call.now, type_, message_id, attributes is not None, packed, kept)
    call.at(account, region).wake(post, subscription.id)


def forget(call: Call, subscription: Subscription) -> None:
    call.sql("DELETE FROM sns_delivery WHERE account=? AND region=? AND subscription=?", call.account, call.region, subscription.id)


@sns.worker
async def post(call: Call, key: str) -> None:
    """Deliver what is due to one subscription; plan the next try of what is not."""
    while True:
        where = (call.account, call.region, key)
        rows = call.sql("SELECT id, tries, type, message, raw, attributes, body FROM sns_delivery WHERE account=? AND region=? AND subscription=? AND due <= ? ORDER BY due, id LIMIT ?",
                        *where, call.now, AT_ONCE)
        subscription = call.get(Subscription, key)
        if not rows or subscription is None:
            next_due = call.row("SELECT min(due) FROM sns_delivery WHERE account=? AND region=? AND subscription=?", *where)[0]
            if next_due is not None and subscription is not None:
                with call.step():
                    call.due(next_due, try_again, name=key, key=key)
            return
        await asyncio.gather(*(try_once(call, subscription, *row) for row in rows))


@sns.timer
def try_again(call: Call, key: str) -> None:
    call.wake(post, key)


async def try_once(call: Call, subscription: Subscription, id_: int, tries: int, type_: str, message: str, raw: int, attributes: bytes | None, body: str | bytes) -> None:
    if isinstance(body, bytes):
        text, packed, wrapped = msgspec.msgpack.decode(body)
        try:
            opened, attributes = encryption.open_(call, subscription.topic, wrapped, text, packed)
        except AwsError:  # the key is closed: as long as it is, nothing can be delivered
            with call.step():
                pause = retry.pause(subscription.attributes.get("DeliveryPolicy"), tries)
                call.sql("UPDATE sns_delivery SET tries = tries + 1, due = ? WHERE id = ?", call.now + pause, id_) if pause is not None else call.sql("DELETE FROM sns_delivery WHERE id=?", id_)
            return
        body = (opened or b"").decode("utf-8", "surrogatepass")
    status = await request(subscription, type_, message, bool(raw), body)
    with call.step():
        if 200 <= status < 300:
            call.sql("DELETE FROM sns_delivery WHERE id=?", id_)
            if type_ == "Notification":
                count(call, subscription.topic, "NumberOfNotificationsDelivered")
            return
        # an endpoint that answers 4xx has understood and refuses; only what may pass by itself is tried again
        pause = retry.pause(subscription.attributes.get("DeliveryPolicy"), tries) if status >= 500 or status in (0, 429) else None
        if pause is not None:
            call.sql("UPDATE sns_delivery SET tries = tries + 1, due = ? WHERE id = ?", call.now + pause, id_)
            return
        call.sql("DELETE FROM sns_delivery WHERE id=?", id_)
        if type_ == "Notification":
            bury(call, subscription, body, msgspec.msgpack.decode(attributes) if attributes else {}, None, None)


async def request(subscription: Subscription, type_: str, message: str, raw: bool, body: str) -> int:
    """The status of the answer; 0 if there was none."""
    headers = [
        ("x-amz-sns-message-type", type_), ("x-amz-sns-message-id", message), ("x-amz-sns-topic-arn", subscription.topic),
        ("Content-Type", "text/plain; charset=UTF-8"), ("User-Agent", "Amazon Simple Notification Service Agent"), ("Accept-Encoding", "gzip,deflate"),
    ]
    if type_ == "Notification":
        headers.append(("x-amz-sns-subscription-arn", subscription.arn))
    if raw:
        headers.append(("x-amz-sns-rawdelivery", "true"))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return (await fetch("POST", subscription.endpoint, headers, body.encode())).status
    except (Unreachable, TimeoutError):
        return 0

