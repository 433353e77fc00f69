"""Activities: work that a worker fetches by long polling, with four time limits."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import domains, errors, executions, history, names, tasks, timers
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

    from .executions import Execution, Open


def schedule(call: Call, one: Execution, attributes: dict[str, Any]) -> None:
    """`attributes`: the event's, complete."""
    event = history.add(call, one, "ActivityTaskScheduled", **attributes)
    if one.closed:
        return
    thing = executions.Open(attributes["activityId"], event, "activity", given={"activityType": attributes["activityType"], "input": attributes.get("input"),
                            "startToClose": attributes["startToCloseTimeout"], "heartbeat": attributes["heartbeatTimeout"]})
    thing.token = tasks.offer(call, one, "activity", attributes["taskList"]["name"], attributes.get("taskPriority"), thing.id, event)
    executions.begin(call, one, thing)
    one.latest_activity = call.now
    executions.save(call, one)
    _limit(call, one, thing, timers.activity_not_begun, attributes["scheduleToStartTimeout"])
    _limit(call, one, thing, timers.activity_not_done, attributes["scheduleToCloseTimeout"])


def _limit(call: Call, one: Execution, thing: Open, timer: Any, value: str) -> None:
    seconds = names.seconds(value)
    if seconds is not None:
        call.after(seconds, timer, f"{one.run} {thing.id}", run=one.run, id_=thing.id, event=thing.event)


def over(call: Call, one: Execution, thing: Open) -> None:
    for timer in timers.OF_ACTIVITY:
        call.cancel(timer, f"{one.run} {thing.id}")
    tasks.withdraw(call, thing.token)
    executions.done(call, one, thing)


def late(call: Call, run: str, id_: str, event: int, kind: str) -> None:
    one, thing = executions.running(call, run), executions.under_way(call, run, "activity", id_)
    if one is None or thing is None or thing.event != event:
        return
    over(call, one, thing)
    history.add(call, one, "ActivityTaskTimedOut", decide=True, timeoutType=kind, scheduledEventId=event, startedEventId=thing.started, details=thing.beat)


def request_cancel(call: Call, one: Execution, thing: Open, done: int) -> None:
    """One that no worker has is over at once; another hears of it with its next heartbeat."""
    thing.cancel = history.add(call, one, "ActivityTaskCancelRequested", decisionTaskCompletedEventId=done, activityId=thing.id)
    if thing.started:
        executions.keep(call, one, thing)
        return
    over(call, one, thing)
    history.add(call, one, "ActivityTaskCanceled", decide=True, scheduledEventId=thing.event, startedEventId=0, latestCancelRequestedEventId=thing.cancel)


@swf.op(names.in_domain, context=names.asked)
async def poll_for_activity_task(call: Call, req: t.PollForActivityTaskInput) -> t.ActivityTask:
    """The next task; after a minute one without a token."""
    until = call.now + tasks.POLL
    while True:
        with call.step():
            domains.find(call, req["domain"])
            row = tasks.take(call, req["domain"], "activity", req["taskList"]["name"])
            if row is not None:
                one, thing = executions.running(call, row[0]), executions.under_way(call, row[0], "activity", row[1])
                if one is None or thing is None or thing.token != row[3]:
                    tasks.withdraw(call, row[3])
                    continue
                thing.started = history.add(call, one, "ActivityTaskStarted", identity=req.get("identity"), scheduledEventId=thing.event)
                executions.keep(call, one, thing)
                call.cancel(timers.activity_not_begun, f"{one.run} {thing.id}")
                _limit(call, one, thing, timers.activity_slow, thing.given["startToClose"])
                _limit(call, one, thing, timers.activity_silent, thing.given["heartbeat"])
                told: Any = {"taskToken": thing.token, "activityId": thing.id, "startedEventId": thing.started, "workflowExecution": one.named, "activityType": thing.given["activityType"]}
                return told | ({"input": thing.given["input"]} if thing.given["input"] is not None else {})  # type: ignore[no-any-return]
        if call.now >= until:
            return {"taskToken": "", "startedEventId": 0}  # type: ignore[typeddict-item]
        await call.wait([tasks.topic(call, req["domain"], "activity", req["taskList"]["name"])], until)


def _held(call: Call, req: Any) -> tuple[Execution, Open]:
    row = tasks.known(call, "activity", req["taskToken"])
    one = executions.running(call, row[0]) if row else None
    thing = executions.under_way(call, row[0], "activity", row[1]) if row else None
    if one is None or thing is None or thing.token != req["taskToken"]:
        raise errors.no_task("activity", row[2] if row else None)
    return one, thing


@swf.op(tasks.of_token)
def record_activity_task_heartbeat(call: Call, req: t.RecordActivityTaskHeartbeatInput) -> t.ActivityTaskStatus:
    one, thing = _held(call, req)
    thing.beat = req.get("details")
    executions.keep(call, one, thing)
    _limit(call, one, thing, timers.activity_silent, thing.given["heartbeat"])
    return {"cancelRequested": bool(thing.cancel)}


@swf.op(tasks.of_token)
def respond_activity_task_completed(call: Call, req: t.RespondActivityTaskCompletedInput) -> None:
    one, thing = _held(call, req)
    over(call, one, thing)
    history.add(call, one, "ActivityTaskCompleted", decide=True, result=req.get("result"), scheduledEventId=thing.event, startedEventId=thing.started)


@swf.op(tasks.of_token)
def respond_activity_task_failed(call: Call, req: t.RespondActivityTaskFailedInput) -> None:
    one, thing = _held(call, req)
    over(call, one, thing)
    history.add(call, one, "ActivityTaskFailed", decide=True, reason=req.get("reason"), details=req.get("details"), scheduledEventId=thing.event, startedEventId=thing.started)


@swf.op(tasks.of_token)
def respond_activity_task_canceled(call: Call, req: t.RespondActivityTaskCanceledInput) -> None:
    one, thing = _held(call, req)
    over(call, one, thing)
    history.add(call, one, "ActivityTaskCanceled", decide=True, details=req.get("details"), scheduledEventId=thing.event, startedEventId=thing.started, latestCancelRequestedEventId=thing.cancel or None)
