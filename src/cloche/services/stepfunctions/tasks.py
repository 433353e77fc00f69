"""Task states: work that somebody else does, under the machine's role, and the answer that comes for it.

A task under way has a token, the thread's own: whoever answers (the worker that called the service, a child's end, SendTaskSuccess) must know it, and an answer that comes after
the task is over is nobody's.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.languages.asl.failure import StateError

from . import engine, errors, history, integrations, timers, tracing, waiting
from . import service as states
from .executions import MOST_BYTES, Execution, load
from .integrations import Target

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

    from .engine import Run, Thread

PREFIX = "AQCEAAAAKgAAAAM"


def begin(run: Run, thread: Thread, state: dict[str, Any]) -> None:
    target = integrations.parse(state["Resource"], run.execution)
    thread.token = PREFIX + run.call.secret(48)
    thread.effective = run.before(thread, state)
    seconds, beat = run.number(thread, state, "TimeoutSeconds"), run.number(thread, state, "HeartbeatSeconds")
    given = history.text(thread.effective)
    details: dict[str, Any] = {"timeoutInSeconds": int(seconds) if seconds else None}
    if target.kind == "lambda":
        run.note(thread, "LambdaFunctionScheduled", resource=target.resource, input=given, **details)
    elif target.kind == "activity":
        run.note(thread, "ActivityScheduled", resource=target.resource, input=given, heartbeatInSeconds=int(beat) if beat else None, **details)
    else:
        run.note(thread, "TaskScheduled", resourceType=target.service, resource=target.resource, region=run.execution.region, parameters=given, heartbeatInSeconds=int(beat) if beat else None, **details)
    if seconds is not None:
        run.call.after(seconds, timers.task_too_late, thread.id, execution=run.execution.arn, thread=thread.id, token=thread.token)
    if beat is not None:
        run.call.after(beat, timers.heart_stopped, thread.id, execution=run.execution.arn, thread=thread.id, token=thread.token)
    thread.waits = "task"
    if target.kind == "activity":
        from . import activities
        activities.offer(run.call, target.resource, thread.token, given)
    else:
        run.call.wake(perform, f"{run.execution.arn}\n{thread.id}\n{thread.token}")


@states.worker
async def perform(call: Call, key: str) -> None:
    """Call the service, and bring the answer home."""
    arn, id_, token = key.split("\n")
    with call.step():
        execution = load(call, arn)
        if execution is None or execution.status != "RUNNING":
            return
        run = engine.Run(call, execution)
        thread = run.thread(id_)
        if thread is None or thread.token != token or thread.waits != "task":
            return
        target, given = integrations.parse(run.state(thread)["Resource"], execution), thread.effective
        run.note(thread, "LambdaFunctionStarted" if target.kind == "lambda" else "TaskStarted", **({} if target.kind == "lambda" else _names(target)))
        run.save()
        trace = tracing.header(call, execution, thread.event)
    failure: StateError | None = None
    result: Any = None
    try:
        result = await integrations.perform(call, execution, target, given, token, trace)
    except StateError as error:
        failure = error
    with call.step():
        engine.turn(call, arn, id_, lambda run, thread: answered(run, thread, token, target, result, failure))


def _names(target: Target) -> dict[str, str]:
    return {"resourceType": target.service, "resource": target.resource}


def answered(run: Run, thread: Thread, token: str, target: Target, result: Any, failure: StateError | None) -> None:
    if thread.token != token or thread.waits != "task":
        return
    if failure is not None:
        if target.waits:
            run.note(thread, "TaskSubmitFailed", **_names(target), error=failure.name, cause=failure.cause)
        else:
            note_end(run, thread, "Failed", error=failure.name, cause=failure.cause)
        raise failure
    if target.waits:
        run.note(thread, "TaskSubmitted", **_names(target), output=history.text(result))
        thread.waits = "token"
        if target.waits == "sync":
            waiting.begin(run, thread, target, result)
        return
    succeed(run, thread, result)


def succeed(run: Run, thread: Thread, result: Any) -> None:
    text = history.text(result)
    if len(text.encode()) > MOST_BYTES:
        raise StateError("States.DataLimitExceeded", f"The state/task '{thread.state}' returned a result with a size exceeding the maximum number of bytes service limit.")
    note_end(run, thread, "Succeeded", output=text)
    run.leave(thread, result)


def note_end(run: Run, thread: Thread, how: str, **details: Any) -> None:
    target = integrations.parse(run.state(thread)["Resource"], run.execution)
    name = {"lambda": "LambdaFunction", "activity": "Activity"}.get(target.kind, "Task")
    run.note(thread, f"{name}{how}", **(_names(target) if name == "Task" else {}), **details)


def child_ended(call: Call, child: Execution) -> None:
    """An execution that a `.sync` task waits for is over."""
    arn, id_, token = child.parent.split("\n")
    parent = load(call, arn)
    if parent is None:
        return
    said = integrations.description(child)

    def does(run: Run, thread: Thread) -> None:
        if thread.token != token:
            return
        target = integrations.parse(run.state(thread)["Resource"], run.execution)
        if child.status != "SUCCEEDED":
            cause = history.text(said)
            note_end(run, thread, "Failed", error="States.TaskFailed", cause=cause)
            raise StateError("States.TaskFailed", cause)
        if target.resource.endswith(".sync:2"):
            said["Output"], said["Input"] = json.loads(child.output), json.loads(child.input)
        succeed(run, thread, said)
    engine.turn(call.at(parent.account, parent.region), arn, id_, does)


# -- answers from outside ---------------------------------------------------------------------------------------------------


def _holder(call: Call, token: str) -> tuple[str, str]:
    """(execution, thread) that the token belongs to."""
    if not token.startswith(PREFIX):
        raise errors.bad_token()
    row = call.row("SELECT execution, id FROM sfn_thread WHERE token=?", token)
    if row is None:
        raise errors.task_over()
    return row[0], row[1]


@states.op(ANY)
def send_task_success(call: Call, req: t.SendTaskSuccessInput) -> t.SendTaskSuccessOutput:
    try:
        result = json.loads(req["output"])
    except (ValueError, RecursionError):
        raise errors.invalid_output() from None
    arn, id_ = _holder(call, req["taskToken"])
    if not engine.turn(call, arn, id_, lambda run, thread: succeed(run, thread, result)):
        raise errors.task_over()
    return {}


@states.op(ANY)
def send_task_failure(call: Call, req: t.SendTaskFailureInput) -> t.SendTaskFailureOutput:
    arn, id_ = _holder(call, req["taskToken"])
    failure = StateError(req.get("error", ""), req.get("cause", ""))

    def does(run: Run, thread: Thread) -> None:
        note_end(run, thread, "Failed", error=req.get("error"), cause=req.get("cause"))
        raise failure
    if not engine.turn(call, arn, id_, does):
        raise errors.task_over()
    return {}


@states.op(ANY)
def send_task_heartbeat(call: Call, req: t.SendTaskHeartbeatInput) -> t.SendTaskHeartbeatOutput:
    arn, id_ = _holder(call, req["taskToken"])
    token = req["taskToken"]

    def does(run: Run, thread: Thread) -> None:
        beat = run.number(thread, run.state(thread), "HeartbeatSeconds")
        if beat is not None:
            run.call.after(beat, timers.heart_stopped, thread.id, execution=arn, thread=thread.id, token=token)
    if not engine.turn(call, arn, id_, does):
        raise errors.task_over()
    return {}
