"""Decision tasks: at most one of an execution at a time. What happens while a decider thinks brings the next one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import domains, errors, executions, history, names, tasks, timers
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

    from .executions import Execution


def ask(call: Call, one: Execution) -> None:
    """Something happened on which a decider has to decide."""
    if one.closed:
        return
    if one.scheduled:
        if one.taken and not one.unseen:
            one.unseen = True
            executions.save(call, one)
        return
    list_ = one.other_list or one.task_list
    one.scheduled = one.events + 1
    one.taken, one.unseen = 0, False
    one.token = tasks.offer(call, one, "decision", list_, one.priority, "", one.scheduled)
    wait = one.other_timeout if one.other_list else None
    history.add(call, one, "DecisionTaskScheduled", taskList={"name": list_}, taskPriority=one.priority, startToCloseTimeout=one.task_timeout, scheduleToStartTimeout=wait)
    if wait and (seconds := names.seconds(wait)) is not None:
        call.after(seconds, timers.decision_late, one.run, run=one.run, token=one.token, kind="SCHEDULE_TO_START")


def over(call: Call, one: Execution) -> bool:
    """The task under way is done or lost; whether something was not seen by who had it."""
    tasks.withdraw(call, one.token)
    call.cancel(timers.decision_late, one.run)
    unseen = one.unseen
    one.scheduled, one.taken, one.token, one.unseen = 0, 0, "", False
    return unseen


def late(call: Call, one: Execution, kind: str) -> None:
    scheduled, taken = one.scheduled, one.taken
    over(call, one)
    if one.other_timeout is not None:
        one.other_list = one.other_timeout = None
    history.add(call, one, "DecisionTaskTimedOut", decide=True, timeoutType=kind, scheduledEventId=scheduled, startedEventId=taken)


@swf.op(names.in_domain, context=names.asked)
async def poll_for_decision_task(call: Call, req: t.PollForDecisionTaskInput) -> t.DecisionTask:
    """The next task with the history up to its start; after a minute one without a token."""
    if "nextPageToken" in req:
        with call.step():
            domains.find(call, req["domain"])
            token, _, place = req["nextPageToken"].partition(":")
            row = tasks.known(call, "decision", token)
            one = executions.running(call, row[0]) if row and place.isascii() and place.isdigit() else None
            if one is None:
                raise errors.invalid_token()
            return _told(call, one, req, int(place))
    until = call.now + tasks.POLL
    while True:
        with call.step():
            domains.find(call, req["domain"])
            row = tasks.take(call, req["domain"], "decision", req["taskList"]["name"])
            if row is not None:
                one = executions.running(call, row[0])
                if one is None or one.token != row[3]:
                    tasks.withdraw(call, row[3])
                    continue
                one.taken = one.events + 1
                history.add(call, one, "DecisionTaskStarted", scheduledEventId=one.scheduled, identity=req.get("identity"))
                call.cancel(timers.decision_late, one.run)
                if (seconds := names.seconds(one.task_timeout)) is not None:
                    call.after(seconds, timers.decision_late, one.run, run=one.run, token=one.token, kind="START_TO_CLOSE")
                return _told(call, one, req, None)
        if call.now >= until:
            return {"taskToken": "", "startedEventId": 0, "previousStartedEventId": 0}  # type: ignore[typeddict-item]
        await call.wait([tasks.topic(call, req["domain"], "decision", req["taskList"]["name"])], until)


def _told(call: Call, one: Execution, req: Any, place: int | None) -> Any:
    first = max(one.previous, 1) if req.get("startAtPreviousStartedEvent") else 1
    events, following = history.part(call, one.run, first, one.taken, req, place)
    answer: Any = {"taskToken": one.token, "startedEventId": one.taken, "previousStartedEventId": one.previous, "workflowExecution": one.named, "workflowType": one.typed, "events": events}
    if following is not None:
        answer["nextPageToken"] = f"{one.token}:{following}"
    return answer


@swf.op(tasks.of_token)
def respond_decision_task_completed(call: Call, req: t.RespondDecisionTaskCompletedInput) -> None:
    """All its decisions in their order; one that cannot be done leaves an event that says why."""
    from . import decisions
    row = tasks.known(call, "decision", req["taskToken"])
    one = executions.running(call, row[0]) if row else None
    if row is None or one is None or one.token != req["taskToken"]:
        raise errors.no_task("decision task", row[2] if row else None)
    made = decisions.checked(req.get("decisions") or ())
    override = req.get("taskList")
    wait = names.duration("taskListScheduleToStartTimeout", req.get("taskListScheduleToStartTimeout"))
    scheduled, taken = one.scheduled, one.taken
    unseen = over(call, one)
    one.previous, one.context = taken, req.get("executionContext", one.context)
    if override is not None:
        one.other_list, one.other_timeout = override["name"], wait
    done = history.add(call, one, "DecisionTaskCompleted", executionContext=req.get("executionContext"), scheduledEventId=scheduled, startedEventId=taken, taskList=override, taskListScheduleToStartTimeout=wait)
    decisions.carry_out(call, one, made, done, unseen)
    if unseen:
        ask(call, one)
