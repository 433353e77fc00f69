"""AddPermission and RemovePermission: the old way to write a queue's policy, one labelled statement at a time."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as sqs
from .queues import Queue, by_url, find

if TYPE_CHECKING:
    from cloche.shapes import sqs as t

SHARED = ("*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue")
OWNERS = ("AddPermission", "RemovePermission", "CreateQueue", "DeleteQueue", "SetQueueAttributes", "ListQueues", "TagQueue", "UntagQueue", "ListQueueTags",
          "StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask")
MOST_ACTIONS = 7


def policy_of(call: Call, queue: Queue) -> dict[str, Any]:
    if text := queue.attributes.get("Policy"):
        policy: dict[str, Any] = json.loads(text)
        if not isinstance(policy["Statement"], list):
            policy["Statement"] = [policy["Statement"]]
        return policy
    return {"Version": "2012-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}


@sqs.op(resource=by_url)
def add_permission(call: Call, req: t.AddPermissionRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    label, actions, accounts = req["Label"], req["Actions"], req["AWSAccountIds"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", label):
        raise errors.invalid_value(label, "Label", "Label can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
    if not actions:
        raise errors.missing("Actions")
    if not accounts:
        raise errors.missing("AWSAccountIds")
    if len(actions) > MOST_ACTIONS:
        raise errors.too_many_actions(len(actions))
    for action in actions:
        if action in OWNERS:
            raise errors.owners_action(action)
        if action not in SHARED:
            raise errors.unknown_action(action)
    for account in accounts:
        if not re.fullmatch(r"\d{12}", account):
            raise errors.bad_principal(account)
    policy = policy_of(call, queue)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise errors.label_exists(label)
    principals, names = [f"arn:aws:iam::{account}:root" for account in accounts], [f"SQS:{action}" for action in actions]
    policy["Statement"].append({
        "Sid": label, "Effect": "Allow", "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
        "Action": names if len(names) > 1 else names[0], "Resource": queue.arn,
    })
    call.put(queue.but(attributes=queue.attributes | {"Policy": json.dumps(policy, separators=(",", ":"))}, changed=call.now))


@sqs.op(resource=by_url)
def remove_permission(call: Call, req: t.RemovePermissionRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    policy = policy_of(call, queue)
    kept = [statement for statement in policy["Statement"] if statement.get("Sid") != req["Label"]]
    if len(kept) == len(policy["Statement"]):
        raise errors.no_such_label(req["Label"])
    attributes = {name: value for name, value in queue.attributes.items() if name != "Policy"}
    if kept:
        attributes["Policy"] = json.dumps(policy | {"Statement": kept}, separators=(",", ":"))
    call.put(queue.but(attributes=attributes, changed=call.now))
