"""Durable executions as their owner sees them: looked at, stopped, paused, deleted; and the callbacks that others answer."""
from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import durable, errors_durable, names
from . import service as lambda_
from .durable import ENDED, OPEN, Execution
from .paging import page
from .records import find

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

_ARN = re.compile(r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:[\w-]+:[$\w.]+/durable-execution/[\w-]+/(?P<id>[\w-]+)")


def resource(call: Call, req: Any) -> str:
    return str(req["DurableExecutionArn"])


def by_arn(call: Call, text: str) -> Execution:
    found = _ARN.fullmatch(text)
    ex = durable.load(call, found["id"]) if found and (found["account"], found["region"]) == (call.account, call.region) else None
    if ex is None or durable.arn(call, ex) != text:
        raise errors_durable.no_execution(text)
    return ex


def brief(call: Call, ex: Execution) -> dict[str, Any]:
    out = {"DurableExecutionArn": durable.arn(call, ex), "DurableExecutionName": ex.name, "FunctionArn": names.arn(call, ex.function, ex.version), "Status": ex.status, "StartTimestamp": ex.started}
    return out | ({"EndTimestamp": ex.ended} if ex.ended else {})


@lambda_.op(resource)
def get_durable_execution(call: Call, req: t.GetDurableExecutionRequest) -> Any:
    ex = by_arn(call, req["DurableExecutionArn"])
    whole = req.get("IncludeExecutionData", True)
    out = brief(call, ex) | {"Version": ex.version, "ExecutionDataIncluded": whole, "DurableConfig": {"ExecutionTimeout": ex.timeout, "RetentionPeriodInDays": ex.retention}}
    if ex.trace:
        out["TraceHeader"] = {"XAmznTraceId": ex.trace}
    if ex.status in OPEN:
        out["ExpectedExecutionTimeoutTimestamp"] = ex.ends_at
    if ex.status in ("PAUSING", "PAUSED"):
        out["PauseDetails"] = {k: v for k, v in ex.pause.items() if whole or k != "Reason"}
        if "Reason" in out["PauseDetails"]:
            out["PauseDetails"]["Reason"] = ex.pause["Reason"]["Payload"]
    if whole:
        out["InputPayload"] = ex.input
        out |= ({"Result": ex.result} if ex.result is not None else {}) | ({"Error": ex.error} if ex.error is not None else {})
    return out


@lambda_.op(resource)
def get_durable_execution_history(call: Call, req: t.GetDurableExecutionHistoryRequest) -> Any:
    ex = by_arn(call, req["DurableExecutionArn"])
    rows = call.sql(f"SELECT doc FROM lambda_durable_event WHERE execution = ? ORDER BY number {'DESC' if req.get('ReverseOrder') else 'ASC'}", ex.id)
    events = [msgspec.json.decode(durable.opened(call, row[0], f"durable/{ex.id}")) for row in rows]
    chosen, marker = page(events, req, key=lambda event: event["EventId"], most=1000 if req.get("MaxItems") else 100)
    return {"Events": [event if req.get("IncludeExecutionData") else bare(event) for event in chosen], **marker}


def bare(value: Any) -> Any:
    """Without what people sent and got."""
    return {k: bare(v) for k, v in value.items() if k not in ("Payload", "Truncated")} if isinstance(value, dict) else value


@lambda_.op(names.qualified)
def list_durable_executions_by_function(call: Call, req: t.ListDurableExecutionsByFunctionRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    order = "ASC" if req.get("ReverseOrder") else "DESC"
    rows = call.sql(f"SELECT id, version, name, status, started FROM lambda_durable WHERE account = ? AND region = ? AND function = ? AND started >= ? AND started <= ? ORDER BY started {order}, id {order}",
                    call.account, call.region, function.name, req.get("StartedAfter", 0.0), req.get("StartedBefore", 1e15))
    if name.qualifier:
        from .records import version_of
        rows = [row for row in rows if row[1] == version_of(call, name).version]
    if named := req.get("DurableExecutionName"):
        rows = [row for row in rows if row[2] == named]
    if statuses := req.get("Statuses"):
        rows = [row for row in rows if row[3] in statuses]
    chosen, marker = page(rows, req, key=lambda row: row[0], most=1000 if req.get("MaxItems") else 100)
    return {"DurableExecutions": [brief(call, ex) for row in chosen if (ex := durable.load(call, row[0]))], **marker}


@lambda_.op(resource)
def stop_durable_execution(call: Call, req: t.StopDurableExecutionRequest) -> Any:
    ex = by_arn(call, req["DurableExecutionArn"])
    if ex.status in OPEN:
        durable.end(call, ex, "STOPPED", error=dict(req.get("Error", {})) or {"ErrorType": "Execution.Stopped", "ErrorMessage": "The execution was stopped"})
    return {"StopTimestamp": ex.ended}


@lambda_.op(resource)
def pause_durable_execution(call: Call, req: t.PauseDurableExecutionRequest) -> None:
    ex = by_arn(call, req["DurableExecutionArn"])
    if ex.status in ("PAUSING", "PAUSED"):
        return
    if ex.status not in OPEN:
        raise errors_durable.wrong_status(ex.status)
    frozen = bool(req.get("ExecutionTimeoutPaused"))
    ex.pause = {"PauseRequestTimestamp": call.now, "ExecutionTimeoutPaused": frozen, **({"Reason": {"Payload": req["Reason"], "Truncated": False}} if req.get("Reason") else {})}
    ex.status = "PAUSING" if ex.invoking else "PAUSED"
    if frozen:
        call.cancel(durable.timed_out, ex.id)
    if ex.status == "PAUSED":
        durable.happened(call, ex, "ExecutionPaused", **ex.pause)
    durable.save(call, ex)
    durable.tell(call, ex)


@lambda_.op(resource)
def resume_durable_execution(call: Call, req: t.ResumeDurableExecutionRequest) -> None:
    ex = by_arn(call, req["DurableExecutionArn"])
    if ex.status == "RUNNING":
        return
    if ex.status not in OPEN:
        raise errors_durable.wrong_status(ex.status)
    if ex.pause.get("ExecutionTimeoutPaused"):
        ex.ends_at += call.now - ex.pause["PauseRequestTimestamp"]
        call.due(ex.ends_at, durable.timed_out, name=ex.id, id=ex.id)
    if ex.status == "PAUSED":
        durable.happened(call, ex, "ExecutionResumed", ResumeRequestTimestamp=call.now, **({"Reason": {"Payload": req["Reason"], "Truncated": False}} if req.get("Reason") else {}))
    ex.status, ex.pause = "RUNNING", {}
    durable.save(call, ex)
    durable.tell(call, ex)
    call.wake(durable.carry, ex.id)


@lambda_.op(resource)
def delete_durable_execution(call: Call, req: t.DeleteDurableExecutionRequest) -> Any:
    ex = by_arn(call, req["DurableExecutionArn"])
    if ex.status not in ENDED:
        raise errors_durable.wrong_status(ex.status)
    call.cancel(durable.forget, ex.id)
    durable.forget(call, ex.id)
    return {"DeletionRequestTimestamp": call.now}


# callbacks

def place(call: Call, text: str) -> tuple[Execution, str]:
    try:
        id_, _, operation_id = base64.b64decode(text, validate=True).decode().partition("/")
    except ValueError:
        raise errors_durable.bad_callback() from None
    ex = durable.load(call, id_)
    if ex is None or not operation_id:
        raise errors_durable.bad_callback()
    return ex, operation_id


def of_callback(call: Call, req: Any) -> str:
    try:
        return durable.arn(call, place(call, req["CallbackId"])[0])
    except AwsError:
        return call.arn("function:*")  # of none that is known: who may not answer any is told that first


def waiting(call: Call, req: Any) -> tuple[Execution, dict[str, Any]]:
    ex, operation_id = place(call, req["CallbackId"])
    op = durable.operation(call, ex, operation_id)
    if op is None:
        raise errors_durable.bad_callback()
    if ex.status not in OPEN or op["Status"] != "STARTED":
        raise errors_durable.callback_closed()
    return ex, op


@lambda_.op(of_callback)
def send_durable_execution_callback_success(call: Call, req: t.SendDurableExecutionCallbackSuccessRequest) -> Any:
    ex, op = waiting(call, req)
    durable.complete(call, ex, op["Id"], "SUCCEEDED", (req.get("Result") or b"").decode("utf-8", "replace"))
    return {}


@lambda_.op(of_callback)
def send_durable_execution_callback_failure(call: Call, req: t.SendDurableExecutionCallbackFailureRequest) -> Any:
    ex, op = waiting(call, req)
    durable.complete(call, ex, op["Id"], "FAILED", error=dict(req.get("Error", {})) or {"ErrorType": "CallbackError", "ErrorMessage": ""})
    return {}


@lambda_.op(of_callback)
def send_durable_execution_callback_heartbeat(call: Call, req: t.SendDurableExecutionCallbackHeartbeatRequest) -> Any:
    ex, op = waiting(call, req)
    if op.get("Beat"):
        call.after(op["Beat"], durable.look, name=f"{ex.id}/{op['Id']}/beat", id=ex.id, operation_id=op["Id"], what="Callback.Heartbeat")
    return {}
