"""What a queue can be set to: a table of attributes, their defaults and their checks.

Values stay the strings they came as: a client gets back what it gave.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call

from . import errors

if TYPE_CHECKING:
    from .queues import Queue

NUMBERS = {  # name -> default, least, most
    "VisibilityTimeout": ("30", 0, 43_200),
    "DelaySeconds": ("0", 0, 900),
    "ReceiveMessageWaitTimeSeconds": ("0", 0, 20),
    "MaximumMessageSize": ("1048576", 1024, 1_048_576),
    "MessageRetentionPeriod": ("345600", 60, 1_209_600),
    "KmsDataKeyReusePeriodSeconds": ("300", 60, 86_400),
}
CHOICES = {
    "FifoQueue": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}
FREE = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")  # "" takes them away
ONLY_FIFO = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
DEFAULTS = {name: default for name, (default, _, _) in NUMBERS.items() if name != "KmsDataKeyReusePeriodSeconds"} | {"SqsManagedSseEnabled": "true"}
FIFO_DEFAULTS = {"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}


def check(call: Call, wanted: dict[str, str], *, fifo: bool) -> None:
    """The names and values by themselves. A refused attribute leaves the queue as it was."""
    for name, value in wanted.items():
        if name in NUMBERS:
            _, least, most = NUMBERS[name]
            if not value.isdigit() or not least <= int(value) <= most:
                raise errors.bad_attribute(name)
        elif name in CHOICES:
            if name in ONLY_FIFO and not fifo:
                raise errors.unknown_attribute(name)
            if value not in CHOICES[name]:
                raise errors.bad_attribute(name)
        elif name not in FREE:
            raise errors.unknown_attribute(name)
    if policy := wanted.get("Policy"):
        check_policy(policy)


def check_policy(text: str) -> None:
    try:
        grammar.resource(text, resource_needed=False)
    except MalformedPolicy:
        raise errors.bad_attribute("Policy") from None


def check_together(attributes: dict[str, str]) -> None:
    """What the attributes say about each other, once merged with those the queue had."""
    if attributes.get("FifoThroughputLimit") == "perMessageGroupId" and attributes.get("DeduplicationScope") != "messageGroup":
        raise errors.bad_attribute(
            "FifoThroughputLimit", "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")


def merged(old: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    attributes = old | wanted
    if wanted.get("KmsMasterKeyId"):  # one kind of encryption at a time, the one asked for last
        attributes["SqsManagedSseEnabled"] = "false"
        attributes.setdefault("KmsDataKeyReusePeriodSeconds", NUMBERS["KmsDataKeyReusePeriodSeconds"][0])
    elif wanted.get("SqsManagedSseEnabled") == "true":
        attributes.pop("KmsMasterKeyId", None)
        attributes.pop("KmsDataKeyReusePeriodSeconds", None)
    for name in FREE:
        if attributes.get(name) == "":
            del attributes[name]
    check_together(attributes)
    return attributes


def redrive(call: Call, name: str, fifo: bool, text: str, finder: object) -> tuple[str, int]:
    """The dead-letter queue's ARN, and how often a message may be received before it goes there."""
    try:
        rule = json.loads(text)
        target, limit = rule.get("deadLetterTargetArn"), rule.get("maxReceiveCount")
    except (ValueError, AttributeError):
        raise errors.bad_redrive(text, "Redrive policy is not a valid JSON map.") from None
    for attribute, value in (("maxReceiveCount", limit), ("deadLetterTargetArn", target)):
        if value is None:
            raise errors.bad_redrive(text, f"Redrive policy does not contain mandatory attribute: {attribute}.")
    if isinstance(limit, bool) or not str(limit).isdigit() or not 1 <= int(limit) <= 1000:
        raise errors.bad_redrive(text, f"Invalid value for maxReceiveCount: {limit}, valid values are from 1 to 1000 both inclusive.")
    parts = str(target).split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise errors.bad_redrive(text, "Invalid value for deadLetterTargetArn.")
    if parts[3:5] != [call.region, call.account]:
        raise errors.bad_redrive(text, "Dead letter target owned by different account or in another region is not allowed.")
    dead: Queue | None = finder(call, parts[5])  # type: ignore[operator]
    if dead is None:
        raise errors.bad_redrive(text, "Dead letter target does not exist.")
    if dead.fifo != fifo:
        raise errors.bad_redrive(text, "Dead-letter queue must be same type of queue as the source.")
    if not dead.takes_from(call.arn(name)):
        raise errors.bad_redrive(text, "Queue does not have permissions to use this dead-letter queue: its redrive allow policy forbids it.")
    return str(target), int(limit)


def check_redrive_allow(text: str) -> None:
    problem = "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format."
    try:
        rule = json.loads(text)
        permission, sources = rule["redrivePermission"], rule.get("sourceQueueArns")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.bad_redrive_allow(text, problem) from None
    if permission not in ("allowAll", "denyAll", "byQueue") or (permission == "byQueue") != (sources is not None):
        raise errors.bad_redrive_allow(text, problem)
    if sources is not None and not (isinstance(sources, list) and 1 <= len(sources) <= 10 and all(isinstance(s, str) and ":sqs:" in s for s in sources)):
        raise errors.bad_redrive_allow(text, problem)
