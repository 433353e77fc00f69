"""What a machine with tracing tells X-Ray of an execution, once it is over: its segment, a subsegment for each state, and in it the calls that the state made.

A call's subsegment has an id that follows from the event that began it, so that the function that is called can name it before it is told.
"""
from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages.asl.failure import StateError
from cloche.services.xray import public as xray

from . import service as states

if TYPE_CHECKING:
    from .executions import Execution
    from .machines import Machine

ORIGIN, ACTION = "AWS::StepFunctions::StateMachine", "xray:PutTraceSegments"
MOST = 500               # states that are told

states.table("CREATE TABLE IF NOT EXISTS sfn_trace (execution TEXT PRIMARY KEY, root TEXT NOT NULL, parent TEXT NOT NULL, sampled INTEGER NOT NULL) WITHOUT ROWID")


def begin(call: Call, machine: Machine, one: Execution, header: str) -> None:
    if not machine.tracing:
        return
    given = header or (call.request.headers.get("x-amzn-trace-id", "") if call.request is not None else "")
    begun = xray.begin(call, given, active=True, ServiceName=machine.name, ServiceType=ORIGIN, Host=f"states.{call.region}.amazonaws.com", HTTPMethod="POST", URLPath="/", ResourceARN=machine.arn)
    call.sql("INSERT OR REPLACE INTO sfn_trace VALUES (?,?,?,?)", one.arn, begun.root, begun.parent, begun.sampled)


def of(call: Call, one: Execution) -> xray.Begun | None:
    row = call.row("SELECT root, parent, sampled FROM sfn_trace WHERE execution = ?", one.arn)
    return xray.Begun(row[0], row[1], bool(row[2])) if row else None


def id_of(one: Execution, event: int) -> str:
    return hashlib.sha256(f"{one.arn} {event}".encode()).hexdigest()[:16]


def header(call: Call, one: Execution, event: int) -> str:
    """For what the event's task calls; "" where the machine is not traced."""
    begun = of(call, one)
    return begun.header(id_of(one, event)) if begun else ""


def end(call: Call, one: Execution) -> None:
    """Within the step in which it ends."""
    from .integrations import acting
    begun = of(call, one)
    call.sql("DELETE FROM sfn_trace WHERE execution = ?", one.arn)
    if begun is None or not begun.sampled:
        return
    try:
        if not acting(call, one).allowed(ACTION, "*"):
            return
    except StateError:
        return           # the role is gone
    fault: dict[str, Any] = {} if one.status == "SUCCEEDED" else {"fault": True}
    if one.error:
        fault["cause"] = {"exceptions": [{"id": id_of(one, -1), "type": one.error, "message": one.cause or ""}]}
    xray.keep(call, begun.segment(id_of(one, 0), one.machine.split(":")[6], ORIGIN, start=one.started, end=one.stopped, resource_arn=one.machine,
                                  aws={"account_id": one.account, "execution_arn": one.arn, "state_machine_arn": one.machine}, subsegments=list(told(call, one)), **fault))


def told(call: Call, one: Execution) -> Any:
    """The states that were entered, in order."""
    rows = call.sql("SELECT id, previous, type, at, details FROM sfn_event WHERE execution = ? ORDER BY id", one.arn)
    entered: dict[int, dict[str, Any]] = {}
    outer: dict[int, int] = {}               # the state around a state
    state_at: dict[int, int] = {}            # of each event: the event that entered its state
    calls: dict[int, dict[str, Any]] = {}
    for id_, previous, type_, at, details in rows:
        where = state_at.get(previous, 0)
        if type_.endswith("StateEntered"):
            if len(entered) == MOST:
                break
            entered[id_] = {"id": id_of(one, id_), "name": json.loads(details)["name"], "start_time": at, "end_time": one.stopped, "subsegments": []}
            outer[id_], where = where, id_
        elif type_.endswith("StateExited"):
            while where and entered[where]["name"] != json.loads(details)["name"]:
                where = outer[where]
            if where:
                entered[where]["end_time"] = at
                where = outer[where]
        elif type_ in ("LambdaFunctionStarted", "TaskStarted") and where:
            about = json.loads(details)
            service = "Lambda" if type_ == "LambdaFunctionStarted" or about.get("resourceType") == "lambda" else about.get("resourceType", "AWS").removeprefix("aws-sdk:")
            calls[id_] = {"id": id_of(one, id_), "name": service, "namespace": "aws", "start_time": at, "end_time": one.stopped, "aws": {"operation": about.get("resource", "Invoke")}}
            entered[where]["subsegments"].append(calls[id_])
        elif previous in calls:
            calls[previous]["end_time"] = at
            if type_.endswith(("Failed", "TimedOut")):
                calls[previous]["fault"] = entered[where]["fault"] = True
        state_at[id_] = where
    return entered.values()
