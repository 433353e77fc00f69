"""Dead letters: where messages go that were received too often, and the tasks that move them back."""
from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, mailbox
from . import service as sqs
from .mailbox import Message
from .queues import Queue, by_arn, by_url, find, page, policy, url_of

if TYPE_CHECKING:
    from cloche.shapes import sqs as t

MOVED_A_SECOND = 500  # without a limit of the caller's, and the most that one may ask for
MOST_TASKS_LISTED = 10
REMEMBERED_TASKS = 10  # of one source


class MoveTask(Record, frozen=True):
    kind = "sqs.move"

    id: str
    source: str
    to_move: int
    started: float
    destination: str = ""      # "": each message back to the queue it came from
    a_second: int = 0
    status: str = "RUNNING"
    moved: int = 0
    failure: str = ""

    @property
    def key(self) -> str:
        return self.id


def bury(call: Call, queue: Queue, message: Message) -> bool:
    """Move it to the dead-letter queue. False if there is none any more: then it goes on being received."""
    dead = by_arn(call, queue.dead_letters)
    if dead is None:
        return False
    changes: dict[str, Any] = {"source": queue.arn}
    if queue.fifo:  # a standard queue's dead letter keeps its first enqueue time, and with it its age
        changes["sent"] = call.now
    mailbox.move(call, message, queue, dead, **changes)
    call.signal(("sqs", queue.dead_letters))
    return True


@sqs.op(resource=by_url, policy=policy)
def list_dead_letter_source_queues(call: Call, req: t.ListDeadLetterSourceQueuesRequest) -> t.ListDeadLetterSourceQueuesResult:
    call, queue = find(call, req["QueueUrl"])
    names, token = page(sorted(q.name for q in call.all(Queue) if q.dead_letters == queue.arn), req, 1000)
    result: t.ListDeadLetterSourceQueuesResult = {"queueUrls": [url_of(call, name) for name in names]}
    if token:
        result["NextToken"] = token
    return result


# -- moving back ------------------------------------------------------------------------------------------------------

def by_source(call: Call, req: Any) -> str:
    return str(req["SourceArn"])


def by_handle(call: Call, req: Any) -> str:
    return str(unpack(req["TaskHandle"])["sourceArn"])


def unpack(handle: str) -> Any:
    try:
        task = json.loads(base64.b64decode(handle, validate=True))
        return {"taskId": str(task["taskId"]), "sourceArn": str(task["sourceArn"])}
    except (ValueError, KeyError, TypeError):
        raise errors.invalid_value(handle, "TaskHandle", "The task handle is not valid.") from None


def handle_of(task: MoveTask) -> str:
    return base64.b64encode(json.dumps({"taskId": task.id, "sourceArn": task.source}).encode()).decode()


def tasks_of(call: Call, source: str) -> list[MoveTask]:
    return sorted((task for task in call.all(MoveTask) if task.source == source), key=lambda task: -task.started)


@sqs.op(resource=by_source)
def start_message_move_task(call: Call, req: t.StartMessageMoveTaskRequest) -> t.StartMessageMoveTaskResult:
    source = by_arn(call, req["SourceArn"])
    if source is None:
        raise errors.no_such_arn("SourceArn")
    if not any(queue.dead_letters == req["SourceArn"] for queue in call.all(Queue)):
        raise errors.not_a_dead_letter_queue()
    destination = req.get("DestinationArn") or ""
    if destination:
        if destination == req["SourceArn"]:
            raise errors.same_queue()
        target = by_arn(call, destination)
        if target is None:
            raise errors.no_such_arn("DestinationArn")
        if target.fifo != source.fifo:
            raise errors.destination_type()
    a_second = req.get("MaxNumberOfMessagesPerSecond")
    if a_second is not None and not 1 <= a_second <= MOVED_A_SECOND:
        raise errors.out_of_range(a_second, "MaxNumberOfMessagesPerSecond", 1, MOVED_A_SECOND)
    # Moving is receiving and deleting here and sending there: StartMessageMoveTask is no way around those permissions.
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
        call.require(action, req["SourceArn"], policy=policy(call, req["SourceArn"]))
    if destination:
        call.require("sqs:SendMessage", destination, policy=policy(call, destination))
    old = tasks_of(call, req["SourceArn"])
    if any(task.status == "RUNNING" for task in old):
        raise errors.task_running()
    for task in old[REMEMBERED_TASKS - 1:]:
        call.delete(task)
    task = call.put(MoveTask(call.uuid(), req["SourceArn"], mailbox.counts(call, source)[mailbox.VISIBLE], call.now, destination, a_second or 0))
    call.after(0, move_some, id=task.id)
    return {"TaskHandle": handle_of(task)}


@sqs.timer
def move_some(call: Call, id: str) -> None:
    """A second's worth of messages; again in a second while there are more."""
    task = call.get(MoveTask, id)
    if task is None or task.status != "RUNNING":
        if task is not None and task.status == "CANCELLING":
            call.put(task.but(status="CANCELLED"))
        return
    source = by_arn(call, task.source)
    messages = next_messages(call, source, task.a_second or MOVED_A_SECOND) if source else []
    if not messages:
        call.put(task.but(status="COMPLETED" if source else "FAILED", failure="" if source else "AWS.SimpleQueueService.NonExistentQueue"))
        return
    for message in messages:
        target = by_arn(call, task.destination or message.source or "")
        if target is None:
            reason = "AWS.SimpleQueueService.NonExistentQueue" if task.destination or message.source else "CouldNotDetermineMessageSource"
            call.put(task.but(status="FAILED", failure=reason))
            return
        # a redriven message is a new one, with an id and an enqueue time of its own
        mailbox.move(call, message, source, target, id=call.uuid(), sent=call.now, source=None)
        task = call.put(task.but(moved=task.moved + 1))
        call.signal(("sqs", target.arn))
    call.after(1, move_some, id=id)


def next_messages(call: Call, source: Queue, count: int) -> list[Message]:
    if not source.fifo:
        return mailbox.visible(call, source, count)
    messages: list[Message] = []
    for grp in mailbox.open_groups(call, source, count):
        messages += mailbox.in_order(call, grp, count - len(messages))
        if len(messages) >= count:
            break
    return messages


@sqs.op(resource=by_source)
def list_message_move_tasks(call: Call, req: t.ListMessageMoveTasksRequest) -> t.ListMessageMoveTasksResult:
    if by_arn(call, req["SourceArn"]) is None:
        raise errors.no_such_arn("SourceArn")
    limit = req.get("MaxResults")
    if limit is not None and not 1 <= limit <= MOST_TASKS_LISTED:
        raise errors.max_results_out_of_range(limit, MOST_TASKS_LISTED)
    return {"Results": [described(task) for task in tasks_of(call, req["SourceArn"])[:limit or 1]]}


def described(task: MoveTask) -> t.ListMessageMoveTasksResultEntry:
    entry: t.ListMessageMoveTasksResultEntry = {
        "Status": task.status, "SourceArn": task.source, "ApproximateNumberOfMessagesMoved": task.moved, "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": int(task.started * 1000),
    }
    if task.status == "RUNNING":
        entry["TaskHandle"] = handle_of(task)
    if task.destination:
        entry["DestinationArn"] = task.destination
    if task.a_second:
        entry["MaxNumberOfMessagesPerSecond"] = task.a_second
    if task.failure:
        entry["FailureReason"] = task.failure
    return entry


@sqs.op(resource=by_handle)
def cancel_message_move_task(call: Call, req: t.CancelMessageMoveTaskRequest) -> t.CancelMessageMoveTaskResult:
    task = call.get(MoveTask, unpack(req["TaskHandle"])["taskId"])
    if task is None:
        raise errors.no_such_task()
    if task.status != "RUNNING":
        raise errors.task_over()
    call.put(task.but(status="CANCELLING"))  # the next second's turn finds it so, and stops
    return {"ApproximateNumberOfMessagesMoved": task.moved}
