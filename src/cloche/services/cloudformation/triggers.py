"""Rollback triggers: alarms that call an operation off while it runs, and for a time after all resources are there.

Alarms are looked at when the operation begins, every ten seconds of the clock while it lasts, and at its end.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import service as cloudformation
from .records import Stack, lookup

EVERY = 10.0


def of(stack: Stack) -> list[dict[str, Any]]:
    return stack.target.rollback.get("RollbackTriggers", [])


def gone_off(stack: Stack, rights: Call) -> str:
    """Why the operation is to be rolled back; "" if no alarm says so."""
    arns = {one["Arn"]: one["Type"] for one in of(stack)}
    if not arns:
        return ""
    answer = rights.do("cloudwatch", "DescribeAlarms", AlarmNames=[arn.rpartition(":alarm:")[2] or arn for arn in arns], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    there = {one["AlarmArn"]: one["StateValue"] for one in (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ()))}
    if missing := [arn for arn in arns if arn not in there]:
        return f"The following rollback trigger(s) do not exist: [{', '.join(missing)}]. "
    if loud := [arn for arn in arns if there[arn] == "ALARM"]:
        return f"The following rollback trigger(s) are in ALARM state: [{', '.join(loud)}]. "
    return ""


def watching(call: Call, stack: Stack) -> bool:
    """All resources are there; does the monitoring time still run?"""
    operation = stack.operation
    assert operation is not None
    minutes = stack.target.rollback.get("MonitoringTimeInMinutes", 0)
    if not minutes or operation.kind == "IMPORT_STACK":
        return False
    with call.step():
        if not operation.watch_until:
            from .engine import go_on
            stack = call.put(stack.but(operation=go_on(stack, watch_until=call.now + minutes * 60)))
            call.due(call.now + minutes * 60, look, f"{stack.id}/end", stack=stack.id)
            look_later(call, stack)
            call.signal(f"cloudformation/{stack.id}")
            return True
        if call.now < operation.watch_until:
            look_later(call, stack)
            return True
        return False


def look_later(call: Call, stack: Stack) -> None:
    if of(stack):
        call.again(EVERY, look, stack.id, stack=stack.id)


def stop(call: Call, stack: Stack) -> None:
    call.cancel(look, stack.id)
    call.cancel(look, f"{stack.id}/end")


@cloudformation.timer
def look(call: Call, stack: str) -> None:
    from .engine import acting, deploy
    found = lookup(call, stack)
    if found is None or found.operation is None or found.operation.phase != "apply":
        return
    over = found.operation.watch_until and call.now >= found.operation.watch_until
    try:
        wake = over or gone_off(found, acting(call, found))
    except AwsError:
        wake = True  # who may not look, or whose role is gone: the engine says so
    if wake:
        call.wake(deploy, stack)
    else:
        look_later(call, found)
