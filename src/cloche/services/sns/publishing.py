"""Publish: one message or ten, checked, deduplicated, handed to delivery."""
from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import delivery, encryption, errors
from . import service as sns
from .topics import Topic, find, policy, topic_arn

if TYPE_CHECKING:
    from cloche.shapes import sns as t

LONGEST = 262_144
DEDUPLICATION_SECONDS = 300
FIRST_SEQUENCE = 10_000_000_000_000_000_000
_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.\-]{1,256}(?<!\.)")
_FIFO_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")

sns.table("""
CREATE TABLE IF NOT EXISTS sns_dedup (topic TEXT, scope TEXT, id TEXT, until REAL NOT NULL, message TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (topic, scope, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sns_dedup_until ON sns_dedup (until);
""")


class Message(msgspec.Struct):
    id: str
    body: str
    subject: str | None
    bodies: dict[str, str] | None  # by protocol, with MessageStructure json
    attributes: dict[str, Any]
    sent: float
    group: str | None = None
    dedup: str | None = None
    sequence: str | None = None

    def for_protocol(self, protocol: str) -> str:
        return self.body if self.bodies is None else self.bodies.get(protocol, self.body)


def target(call: Call, req: Any) -> str:
    return str(req.get("TopicArn") or req.get("TargetArn") or "*")


@sns.op(resource=target, policy=policy, partly="to topics; phone numbers and platform endpoints answer 501")
def publish(call: Call, req: t.PublishInput) -> t.PublishResponse:
    if req.get("PhoneNumber"):
        raise errors.not_built("Publish to a phone number")
    arn = req.get("TopicArn") or req.get("TargetArn")
    if not arn:
        raise errors.no_destination()
    if ":endpoint/" in arn:
        raise errors.not_built("Publish to a platform endpoint")
    at, topic = find(call, arn, "TopicArn" if req.get("TopicArn") else "TargetArn")
    return send(at, topic, req)


def send(call: Call, topic: Topic, req: Any) -> Any:
    message, dedup_scope = read(call, topic, req)
    if topic.attributes.get("KmsMasterKeyId"):
        encryption.ready(call, topic)
    if topic.fifo and (earlier := call.row("SELECT message, sequence FROM sns_dedup WHERE topic=? AND scope=? AND id=? AND until > ?", topic.arn, dedup_scope, message.dedup, call.now)):
        return {"MessageId": earlier[0], "SequenceNumber": str(FIRST_SEQUENCE + earlier[1])}
    result = {"MessageId": message.id}
    if topic.fifo:
        place = next_place(call)
        message.sequence = result["SequenceNumber"] = str(FIRST_SEQUENCE + place)
        call.sql("DELETE FROM sns_dedup WHERE until <= ?", call.now)
        call.sql("INSERT OR REPLACE INTO sns_dedup VALUES (?,?,?,?,?,?)", topic.arn, dedup_scope, message.dedup, call.now + DEDUPLICATION_SECONDS, message.id, place)
    delivery.fan_out(call, topic, message)
    return result


def next_place(call: Call) -> int:
    """Growing as time does, and by one where time stands still."""
    memory = call.cloud.memory
    memory["sns.place"] = place = max(memory.get("sns.place", 0) + 1, int(call.now * 1_000_000))
    return place


def read(call: Call, topic: Topic, req: Any) -> tuple[Message, str]:
    """The checked message, and the scope in which its deduplication id counts."""
    body, subject, attributes = req["Message"], req.get("Subject"), req.get("MessageAttributes") or {}
    if not body:
        raise errors.empty_message()
    size = len(body.encode("utf-8", "surrogatepass")) + check_attributes(attributes)
    if size > int(topic.attributes.get("MaximumMessageSize", LONGEST)):
        raise errors.too_long()
    if subject is not None and not (1 <= len(subject) <= 100 and subject.isprintable() and not subject[0].isspace()):
        raise errors.bad_subject()
    bodies, (group, dedup) = None, (req.get("MessageGroupId"), req.get("MessageDeduplicationId"))
    if structure := req.get("MessageStructure"):
        if structure != "json":
            raise errors.bad_structure()
        bodies = structured(body)
        body = bodies["default"]
    for parameter, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup)):
        if value is not None and not _FIFO_ID.fullmatch(value):
            raise errors.bad_fifo_id(parameter)
    if topic.fifo:
        if group is None:
            raise errors.no_group()
        if dedup is None:
            if topic.attributes.get("ContentBasedDeduplication") != "true":
                raise errors.no_deduplication_id()
            dedup = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
    elif dedup is not None:
        raise errors.only_for_fifo("MessageDeduplicationId")
    by_group = topic.fifo and topic.attributes.get("FifoThroughputScope", "MessageGroup") == "MessageGroup"
    return Message(call.uuid(), body, subject, bodies, attributes, call.now, group, dedup), (group or "") if by_group else ""


def structured(text: str) -> dict[str, str]:
    try:
        bodies = json.loads(text)
    except ValueError:
        raise errors.no_json() from None
    if not isinstance(bodies, dict):
        raise errors.no_json()
    if not isinstance(bodies.get("default"), str):
        raise errors.no_default()
    return {protocol: body for protocol, body in bodies.items() if isinstance(body, str)}


def check_attributes(attributes: dict[str, Any]) -> int:
    """Refuse what SNS refuses; answer how many bytes they add."""
    size = 0
    for name, attribute in attributes.items():
        if not _NAME.fullmatch(name):
            raise errors.bad_attribute_name(name)
        kind = attribute.get("DataType") or ""
        base = kind.split(".", 1)[0]
        if not kind:
            raise errors.no_attribute_type(name)
        if base not in ("String", "Number", "Binary"):
            raise errors.bad_attribute_type(name)
        value = attribute.get("BinaryValue" if base == "Binary" else "StringValue")
        if not value:
            raise errors.no_attribute_value(name, kind)
        if base == "Number":
            try:
                float(value)
            except ValueError:
                raise errors.not_a_number(name) from None
        elif kind == "String.Array":
            check_array(name, value)
        size += len(name) + len(kind) + len(value if base == "Binary" else value.encode())
    return size


def check_array(name: str, value: str) -> None:
    try:
        if not isinstance(json.loads(value), list):
            raise ValueError
    except ValueError:
        raise errors.not_an_array(name) from None


@sns.op(resource=topic_arn, policy=policy, action="sns:Publish")
def publish_batch(call: Call, req: t.PublishBatchInput) -> t.PublishBatchResponse:
    at, topic = find(call, req["TopicArn"])
    entries: Any = req["PublishBatchRequestEntries"]
    if not entries:
        raise errors.empty_batch()
    if len(entries) > 10:
        raise errors.too_many_entries()
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise errors.ids_not_distinct()
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", entry["Id"]) for entry in entries):
        raise errors.bad_entry_id()
    if sum(len(entry["Message"].encode("utf-8", "surrogatepass")) for entry in entries) > int(topic.attributes.get("MaximumMessageSize", LONGEST)):
        raise errors.batch_too_long()
    if topic.attributes.get("KmsMasterKeyId"):
        encryption.ready(at, topic)
    done: list[Any] = []
    failed: list[Any] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"]} | send(at, topic, entry))
        except AwsError as error:
            failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
    return {"Successful": done, "Failed": failed}
