"""The end of an execution: who hears of it, what becomes of its children, how long it is remembered.

https://docs.aws.amazon.com/amazonswf/latest/developerguide/swf-dev-adv-child-workflows.html: the child policy holds when an execution is terminated or out of time, not when it
completes, fails or is canceled.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call

from . import domains, executions, history, tasks, timers
from .executions import Execution, Open

TOLD = {"COMPLETED": "ChildWorkflowExecutionCompleted", "FAILED": "ChildWorkflowExecutionFailed", "CANCELED": "ChildWorkflowExecutionCanceled",
        "TERMINATED": "ChildWorkflowExecutionTerminated", "TIMED_OUT": "ChildWorkflowExecutionTimedOut"}


def close(call: Call, one: Execution, status: str, *, policy: str | None = None, parent: dict[str, Any] | None = None, **attributes: Any) -> None:
    """`parent`: what the parent is told beside who it was."""
    from . import decider
    children = _stop(call, one)
    if one.scheduled:
        decider.over(call, one)
    tasks.withdraw_all(call, one.run)
    call.cancel(timers.execution_late, one.run)
    one.closed, one.close_status = call.now, status
    history.add(call, one, f"WorkflowExecution{ {'COMPLETED': 'Completed', 'FAILED': 'Failed', 'CANCELED': 'Canceled', 'TERMINATED': 'Terminated', 'TIMED_OUT': 'TimedOut', 'CONTINUED_AS_NEW': 'ContinuedAsNew'}[status]}", **attributes)
    if policy is not None:
        for child in children:
            _apply(call, one, child, policy)
    if status != "CONTINUED_AS_NEW":
        _tell(call, one, status, parent or {})
    kept = domains.find(call, one.domain).kept
    if kept:
        call.after(kept, timers.forget, one.run, run=one.run)
    else:
        forget(call, one.run)


def _stop(call: Call, one: Execution) -> list[Open]:
    """What is under way in it ends with it; its children, which do not."""
    children = []
    for body, in call.sql("SELECT body FROM swf_open WHERE run=?", one.run):
        thing = msgspec.json.decode(body, type=Open)
        if thing.kind == "child":
            children.append(thing)
        elif thing.kind == "activity":
            for timer in timers.OF_ACTIVITY:
                call.cancel(timer, f"{one.run} {thing.id}")
        else:
            call.cancel(timers.fire if thing.kind == "timer" else timers.function_slow, f"{one.run} {thing.id}")
    call.sql("DELETE FROM swf_open WHERE run=?", one.run)
    return children


def _apply(call: Call, one: Execution, child: Open, policy: str) -> None:
    found = executions.running(call, child.given["runId"]) if child.started else None
    if found is None or policy == "ABANDON":
        return
    if policy == "REQUEST_CANCEL":
        executions.cancel(call, found, one, child.event, "CHILD_POLICY_APPLIED")
    else:
        terminate(call, found, None, "CHILD_POLICY_APPLIED")


def _tell(call: Call, one: Execution, status: str, more: dict[str, Any]) -> None:
    if one.parent is None:
        return
    parent, thing = executions.running(call, one.parent["runId"]), executions.under_way(call, one.parent["runId"], "child", one.workflow)
    if parent is None or thing is None or thing.event != one.parent_initiated:
        return
    executions.done(call, parent, thing)
    history.add(call, parent, TOLD[status], decide=True, workflowExecution=one.named, workflowType=one.typed, initiatedEventId=thing.event, startedEventId=thing.started, **more)


def terminate(call: Call, one: Execution, policy: str | None, cause: str, reason: str | None = None, details: str | None = None) -> None:
    policy = policy or one.child_policy
    close(call, one, "TERMINATED", policy=policy, childPolicy=policy, cause=cause, reason=reason, details=details)


def time_out(call: Call, one: Execution) -> None:
    close(call, one, "TIMED_OUT", policy=one.child_policy, parent={"timeoutType": "START_TO_CLOSE"}, timeoutType="START_TO_CLOSE", childPolicy=one.child_policy)


def forget(call: Call, run: str) -> None:
    call.sql("DELETE FROM swf_event WHERE run=?", run)
    call.sql("DELETE FROM swf_execution WHERE run=? AND closed>0", run)
