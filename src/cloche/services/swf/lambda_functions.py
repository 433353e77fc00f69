"""Functions that a decider has called: Cloche itself is the worker, under the execution's own role."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.lambda_ import public as functions

from . import executions, history, timers
from . import service as swf
from .executions import Execution, Open

LONGEST = 300     # seconds, also where the decision says none


def schedule(call: Call, one: Execution, given: dict[str, Any], done: int) -> None:
    wait = given.get("startToCloseTimeout", str(LONGEST))
    event = history.add(call, one, "LambdaFunctionScheduled", id=given["id"], name=given["name"], control=given.get("control"), input=given.get("input"), startToCloseTimeout=wait, decisionTaskCompletedEventId=done)
    if one.closed:
        return
    executions.begin(call, one, Open(given["id"], event, "lambda", given={"name": given["name"], "input": given.get("input"), "wait": wait}))
    call.wake(perform, f"{one.run} {event} {given['id']}")


@swf.worker
async def perform(call: Call, key: str) -> None:
    run, event, id_ = key.split(" ", 2)
    with call.step():
        found = _still(call, run, id_, int(event))
        if found is None:
            return
        one, thing = found
        try:
            if not one.role:
                raise AwsError("AccessDenied", "The workflow execution has no Lambda role")
            caller = call.as_role(one.role, "swf", service="swf.amazonaws.com")
        except AwsError as error:
            executions.done(call, one, thing)
            history.add(call, one, "StartLambdaFunctionFailed", decide=True, scheduledEventId=thing.event, cause="ASSUME_ROLE_FAILED", message=error.message)
            return
        if not thing.started:
            thing.started = history.add(call, one, "LambdaFunctionStarted", scheduledEventId=thing.event)
            executions.keep(call, one, thing)
            call.after(float(thing.given["wait"]), timers.function_slow, f"{run} {id_}", run=run, id_=id_, event=thing.event)
    reason = details = result = None
    arn = thing.given["name"] if thing.given["name"].startswith("arn:") else caller.arn(f"function:{thing.given['name']}", service="lambda")
    try:
        answer = await functions.invoke(caller, arn, (thing.given["input"] or "").encode() or b"null")
        result = answer.payload.decode("utf-8", "replace")
        if answer.failed:
            reason, details, result = _reason(result), result, None
    except AwsError as error:
        reason, details = error.code, error.message
    with call.step():
        found = _still(call, run, id_, int(event))
        if found is None:
            return
        one, thing = found
        executions.done(call, one, thing)
        call.cancel(timers.function_slow, f"{run} {id_}")
        if reason is None:
            history.add(call, one, "LambdaFunctionCompleted", decide=True, scheduledEventId=thing.event, startedEventId=thing.started, result=result)
        else:
            history.add(call, one, "LambdaFunctionFailed", decide=True, scheduledEventId=thing.event, startedEventId=thing.started, reason=reason[:256], details=details)


def _reason(said: str) -> str:
    try:
        return str(json.loads(said).get("errorType", "Unhandled"))
    except (ValueError, AttributeError):
        return "Unhandled"


def _still(call: Call, run: str, id_: str, event: int) -> tuple[Execution, Open] | None:
    one, thing = executions.running(call, run), executions.under_way(call, run, "lambda", id_)
    return (one, thing) if one is not None and thing is not None and thing.event == event else None


def late(call: Call, run: str, id_: str, event: int) -> None:
    found = _still(call, run, id_, event)
    if found is not None:
        one, thing = found
        executions.done(call, one, thing)
        history.add(call, one, "LambdaFunctionTimedOut", decide=True, scheduledEventId=event, startedEventId=thing.started, timeoutType="START_TO_CLOSE")
