"""What a function tells of its durable execution: updates of operations, checked against what they are and applied in the order they come."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import durable, errors_durable
from . import service as lambda_
from .durable import Execution, happened, put, settle
from .durable_executions import by_arn, resource
from .paging import page

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

ACTIONS = {"EXECUTION": {"SUCCEED", "FAIL"}, "CONTEXT": {"START", "SUCCEED", "FAIL"}, "STEP": {"START", "SUCCEED", "FAIL", "RETRY"}, "WAIT": {"START", "CANCEL"},
           "CALLBACK": {"START", "CANCEL"}, "CHAINED_INVOKE": {"START", "CANCEL"}}
ENDS = {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "CANCEL": "CANCELLED"}


def current(call: Call, req: Any) -> Execution:
    """The execution that the token is of, and that waits for it."""
    ex = by_arn(call, req["DurableExecutionArn"])
    if req["CheckpointToken"] != durable.token(ex) or ex.status not in durable.OPEN or not ex.invoking:
        raise errors_durable.bad_token()
    return ex


@lambda_.op(resource)
def checkpoint_durable_execution(call: Call, req: t.CheckpointDurableExecutionRequest) -> Any:
    ex = by_arn(call, req["DurableExecutionArn"])
    if req.get("ClientToken") and ex.last[:1] == [req["ClientToken"]]:
        return ex.last[1]  # it came twice
    ex = current(call, req)
    for update in req.get("Updates", []):
        apply(call, ex, update)
        if ex.status not in durable.OPEN:
            return {"NewExecutionState": {"Operations": []}}
    ex.serial += 1
    answer = {"CheckpointToken": durable.token(ex), "NewExecutionState": {"Operations": durable.changed(call, ex)}}
    ex.seen = ex.changes
    ex.last = [req["ClientToken"], answer] if req.get("ClientToken") else []
    durable.save(call, ex)
    return answer


def apply(call: Call, ex: Execution, update: Any) -> None:
    kind, action, id_ = update["Type"], update["Action"], update["Id"]
    if action not in ACTIONS[kind]:
        raise errors_durable.bad_action(action, kind)
    if kind == "EXECUTION":
        durable.end(call, ex, ENDS[action], update.get("Payload"), update.get("Error"))
        return
    op = durable.operation(call, ex, id_)
    if op and op["Type"] != kind:
        raise errors_durable.bad_action(action, op["Type"])
    if action == "START":
        if op and not (kind == "STEP" and op["Status"] in ("READY", "PENDING", "STARTED")):
            raise errors_durable.bad_operation(id_, op["Status"])
        start(call, ex, update, op)
        return
    op = op or fresh(call, update)
    if op["Status"] in durable.PAST and op["Status"] != "STARTED":
        raise errors_durable.bad_operation(id_, op["Status"])
    if action == "RETRY":
        again(call, ex, update, op)
        return
    if kind == "STEP":
        op["StepDetails"] = {"Attempt": op.get("StepDetails", {}).get("Attempt", 0) + 1}
    durable.quiet(call, ex, id_)
    more = {"ReplayChildren": True} if update.get("ContextOptions", {}).get("ReplayChildren") else {}
    settle(call, ex, op, ENDS[action], update.get("Payload"), update.get("Error"), **more)


def fresh(call: Call, update: Any) -> dict[str, Any]:
    return {"Id": update["Id"], "Type": update["Type"], "Status": "STARTED", "StartTimestamp": call.now, **{name: update[name] for name in ("ParentId", "Name", "SubType") if update.get(name)}}


def start(call: Call, ex: Execution, update: Any, before: dict[str, Any] | None) -> None:
    kind, op, details = update["Type"], before or fresh(call, update), {}
    op["Status"] = "STARTED"
    place = f"{ex.id}/{op['Id']}"
    if kind == "STEP":
        op["StepDetails"] = {"Attempt": 0, **{k: v for k, v in op.get("StepDetails", {}).items() if k != "NextAttemptTimestamp"}}
    elif kind == "WAIT":
        seconds = update.get("WaitOptions", {}).get("WaitSeconds")
        if seconds is None:
            raise errors_durable.options_missing(kind)
        op |= {"Seconds": seconds, "WaitDetails": {"ScheduledEndTimestamp": call.now + seconds}}
        details = {"Duration": seconds, "ScheduledEndTimestamp": call.now + seconds}
        call.after(seconds, durable.look, name=place, id=ex.id, operation_id=op["Id"], what="wait")
    elif kind == "CALLBACK":
        options = update.get("CallbackOptions", {})
        op["CallbackDetails"] = {"CallbackId": base64.b64encode(place.encode()).decode()}
        op["Beat"] = options.get("HeartbeatTimeoutSeconds", 0)
        details = {"CallbackId": op["CallbackDetails"]["CallbackId"], "Timeout": options.get("TimeoutSeconds", 0), "HeartbeatTimeout": op["Beat"]}
        if options.get("TimeoutSeconds"):
            call.after(options["TimeoutSeconds"], durable.look, name=place, id=ex.id, operation_id=op["Id"], what="Callback.Timeout")
        if op["Beat"]:
            call.after(op["Beat"], durable.look, name=place + "/beat", id=ex.id, operation_id=op["Id"], what="Callback.Heartbeat")
    elif kind == "CHAINED_INVOKE":
        options = update.get("ChainedInvokeOptions")
        if not options:
            raise errors_durable.options_missing(kind)
        op["Invoke"] = {"FunctionName": options["FunctionName"], "Payload": update.get("Payload") or "null", **({"TenantId": options["TenantId"]} if options.get("TenantId") else {})}
        op["ChainedInvokeDetails"] = {}
        details = {"FunctionName": options["FunctionName"], "Input": {"Payload": op["Invoke"]["Payload"], "Truncated": False}}
        call.wake(durable.chain, place)
    put(call, ex, op)
    happened(call, ex, durable.WORDS[kind] + "Started", op, **details)


def again(call: Call, ex: Execution, update: Any, op: dict[str, Any]) -> None:
    """A step that is tried once more, later."""
    seconds = update.get("StepOptions", {}).get("NextAttemptDelaySeconds", 1)
    attempt = op.get("StepDetails", {}).get("Attempt", 0) + 1
    error = update.get("Error")
    op["Status"] = "PENDING"
    op["StepDetails"] = {"Attempt": attempt, "NextAttemptTimestamp": call.now + seconds, **({"Result": update["Payload"]} if "Payload" in update else {}), **({"Error": error} if error else {})}
    put(call, ex, op)
    outcome = {"Error": {"Payload": error, "Truncated": False}} if error else {"Result": {"Truncated": False, **({"Payload": update["Payload"]} if "Payload" in update else {})}}
    happened(call, ex, "StepFailed" if error else "StepSucceeded", op, **outcome, RetryDetails={"CurrentAttempt": attempt, "NextAttemptDelaySeconds": seconds})
    call.after(seconds, durable.look, name=f"{ex.id}/{op['Id']}", id=ex.id, operation_id=op["Id"], what="retry")


@lambda_.op(resource)
def get_durable_execution_state(call: Call, req: t.GetDurableExecutionStateRequest) -> Any:
    ex = current(call, req)
    chosen, marker = page(durable.replayed(durable.operations(call, ex)), req, key=lambda op: op["Id"], most=1000)
    return {"Operations": chosen, **marker}
