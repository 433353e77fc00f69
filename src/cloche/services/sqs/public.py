"""What other services do with queues behind the curtain: deliver into one, poll one. Permissions are asked as at the front door.

Arrivals in a queue are signalled under `topic(arn)`; a poller that saw nothing waits for it, until `next_visible(...)` at the latest.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors, mailbox, messages, metering, receiving
from .queues import Queue


def topic(arn: str) -> tuple[str, str]:
    return ("sqs", arn)


def url(call: Call, arn: str) -> str:
    """The queue's URL, for `call.do("sqs", ...)`."""
    account, name = arn.split(":")[4:6]
    return f"http://{call.host}/{account}/{name}"


def at(call: Call, arn: str) -> tuple[Call, Queue]:
    """The call standing in SQS where the queue lives, and the queue; raises QueueDoesNotExist."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise errors.no_such_queue()
    inside = call.of("sqs", parts[4], parts[3])
    queue = inside.get(Queue, parts[5])
    if queue is None:
        raise errors.no_such_queue()
    return inside, queue


def describe(call: Call, arn: str) -> Queue | None:
    """The queue, or None: `.fifo`, `.attributes`, `.seconds("VisibilityTimeout")`."""
    parts = arn.split(":")
    return call.of("sqs", parts[4], parts[3]).get(Queue, parts[5]) if len(parts) == 6 and parts[2] == "sqs" else None


def send(call: Call, arn: str, **req: Any) -> Any:
    """SendMessage as this call's principal (a service, a role); raises what SQS refuses, AccessDenied included."""
    inside, queue = allowed(call, arn, "sqs:SendMessage")
    return messages.send(inside, queue, req)


def allowed(call: Call, arn: str, action: str) -> tuple[Call, Queue]:
    """The queue, if this call's principal may. What the queue's policy answered to a service is remembered: only the policy decides it."""
    inside, queue = at(call, arn)
    who, policy = call.principal, queue.attributes.get("Policy")
    if who.kind != "service" or not policy:
        inside.require(action, arn, policy=policy)
        return inside, queue
    remembered: set[tuple[str, ...]] = call.cloud.memory.setdefault("sqs.allowed", set())
    question = (who.service, who.source_arn, who.source_account, action, arn, policy)
    if question not in remembered:
        inside.require(action, arn, policy=policy)
        if "time" not in policy.lower():  # aws:CurrentTime, aws:EpochTime: another time another answer
            if len(remembered) > 10_000:
                remembered.clear()
            remembered.add(question)
    return inside, queue


def receive(call: Call, arn: str, count: int, visibility: int | None = None) -> list[Any]:
    """Up to `count` (ten at most) messages with all their attributes, in the form of ReceiveMessage. Call it inside a step."""
    inside, queue = allowed(call, arn, "sqs:ReceiveMessage")
    req: dict[str, Any] = {"MaxNumberOfMessages": count, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    if visibility is not None:
        req["VisibilityTimeout"] = visibility
    return receiving.receive(inside, queue, req)


def next_visible(call: Call, arn: str) -> float | None:
    inside, queue = at(call, arn)
    return mailbox.next_visible(inside, queue)


def delete(call: Call, arn: str, handles: list[str]) -> None:
    inside, queue = allowed(call, arn, "sqs:DeleteMessage")
    for handle in handles:
        receiving.delete(inside, queue, handle)


def change_visibility(call: Call, arn: str, handle: str, seconds: int) -> None:
    inside, queue = allowed(call, arn, "sqs:ChangeMessageVisibility")
    receiving.change_visibility(inside, queue, handle, seconds)


def gauges(call: Call, name: str) -> list[tuple[str, float, str]]:
    """For CloudWatch: how many messages there are in a queue of this account and region, in what state, and how old."""
    return metering.gauges(call.of("sqs"), name)


__all__ = ["Queue", "at", "change_visibility", "delete", "describe", "gauges", "next_visible", "receive", "send", "topic", "url"]
