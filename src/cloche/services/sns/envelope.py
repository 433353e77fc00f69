"""The forms a message takes on its way out: the signed notification, the event for a function, the request to confirm."""
from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import signing
from .subscriptions import Subscription
from .topics import Topic

if TYPE_CHECKING:
    from .publishing import Message

VERSION = "2010-03-31"


def timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def to_sign(fields: dict[str, str], names: tuple[str, ...]) -> str:
    return "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)


def unsubscribe_url(call: Call, subscription: Subscription) -> str:
    return f"{signing.base_url(call)}/?Action=Unsubscribe&Version={VERSION}&SubscriptionArn={subscription.arn}"


class Notice:
    """One message as a notification: signed once for each text, written out for each subscription."""

    def __init__(self, call: Call, topic: Topic, message: Message) -> None:
        self.call, self.topic, self.message = call, topic, message
        self.version = topic.attributes.get("SignatureVersion", "1")
        self.key = signing.current(call)
        self.attributes = {
            name: {"Type": a["DataType"], "Value": base64.b64encode(a["BinaryValue"]).decode() if a["DataType"].startswith("Binary") else a["StringValue"]}
            for name, a in message.attributes.items()
        }
        self._signed: dict[str, dict[str, Any]] = {}
        self._heads: dict[str, str] = {}  # by body: the text up to what names the subscription
        self._tail = ",\n  " + line("MessageAttributes", self.attributes) + "\n}" if self.attributes else "\n}"

    def fields(self, subscription: Subscription) -> dict[str, Any]:
        body = self.message.for_protocol(subscription.protocol)
        fields = self._signed.get(body)
        if fields is None:
            fields = self._signed[body] = self.sign(body)
        return fields

    def sign(self, body: str) -> dict[str, Any]:
        message = self.message
        fields = {"Type": "Notification", "MessageId": message.id}
        if message.sequence is not None:
            fields["SequenceNumber"] = message.sequence
        fields["TopicArn"] = self.topic.arn
        if message.subject is not None:
            fields["Subject"] = message.subject
        fields |= {"Message": body, "Timestamp": timestamp(message.sent)}
        text = to_sign(fields, ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"))
        return fields | {
            "SignatureVersion": self.version, "Signature": signing.sign(self.call, self.key, text, self.version), "SigningCertURL": signing.url(self.call, self.key),
        }

    def text(self, subscription: Subscription) -> str:
        body = self.message.for_protocol(subscription.protocol)
        head = self._heads.get(body)
        if head is None:
            head = self._heads[body] = written(self.fields(subscription))[:-2] + ",\n  "
        return f"{head}{line('UnsubscribeURL', unsubscribe_url(self.call, subscription))}{self._tail}"

    def for_firehose(self, subscription: Subscription) -> str:
        """A line of JSON, unsigned."""
        fields = {name: value for name, value in self.fields(subscription).items() if not name.startswith("Sign")} | {"UnsubscribeURL": unsubscribe_url(self.call, subscription)}
        return json.dumps(fields | ({"MessageAttributes": self.attributes} if self.attributes else {}), separators=(",", ":")) + "\n"

    def for_lambda(self, subscription: Subscription) -> str:
        fields = dict(self.fields(subscription))
        event = {
            "Type": "Notification", "MessageId": fields["MessageId"], "TopicArn": fields["TopicArn"], "Subject": fields.get("Subject"), "Message": fields["Message"],
            "Timestamp": fields["Timestamp"], "SignatureVersion": fields["SignatureVersion"], "Signature": fields["Signature"], "SigningCertUrl": fields["SigningCertURL"],
            "UnsubscribeUrl": unsubscribe_url(self.call, subscription), "MessageAttributes": self.attributes,
        }
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn, "Sns": event}
        return json.dumps({"Records": [record]}, ensure_ascii=False)


def confirmation(call: Call, topic: Topic, subscription: Subscription) -> tuple[str, str]:
    """The request to confirm, and its message id."""
    link = f"{signing.base_url(call)}/?Action=ConfirmSubscription&Version={VERSION}&TopicArn={topic.arn}&Token={subscription.token}"
    fields = {
        "Type": "SubscriptionConfirmation", "MessageId": call.uuid(), "Token": subscription.token, "TopicArn": topic.arn,
        "Message": f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.",
        "SubscribeURL": link, "Timestamp": timestamp(call.now),
    }
    key, version = signing.current(call), topic.attributes.get("SignatureVersion", "1")
    text = to_sign(fields, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"))
    fields |= {"SignatureVersion": version, "Signature": signing.sign(call, key, text, version), "SigningCertURL": signing.url(call, key)}
    return written(fields), fields["MessageId"]


def written(fields: dict[str, Any]) -> str:
    """As AWS writes it: one member a line, a space before the colon."""
    return "{\n  " + ",\n  ".join(line(name, value) for name, value in fields.items()) + "\n}"


def line(name: str, value: Any) -> str:
    return f'"{name}" : {msgspec.json.encode(value).decode()}'
