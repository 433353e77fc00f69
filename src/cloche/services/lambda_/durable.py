"""Durable executions: a function that is invoked again and again until it says that it is done, and what it had done by then is kept between.

An execution is a row, its operations (steps, waits, callbacks, invocations of others, contexts) are rows, and so is its history. The function runs when there
is news for it (`due`): at the start, when a wait ends, a retry's time comes, a callback is answered. What it tells comes as checkpoints, each good for one
token. Nothing is done twice because nothing is remembered elsewhere: timers and workers only say "look again".
"""
from __future__ import annotations

import base64
import json
from typing import Any

import msgspec

from cloche.engines.run.invocation import Outcome
from cloche.kernel import AwsError, AwsEvent, Call

from . import destinations, errors_durable, names
from . import service as lambda_
from .records import Function, Version, find, version_of
from .roles import acting

OPEN, ENDED = ("RUNNING", "PAUSING", "PAUSED"), {"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"}
SYNC_SECONDS, RETENTION_DAYS, DAY = 900, 14, 86400
TRIES = 3  # of an invocation that fails, one and two seconds apart
STATE_BYTES = 4_000_000  # of operations that are handed over with an invocation; the rest is fetched

lambda_.table("""
CREATE TABLE IF NOT EXISTS lambda_durable (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, function TEXT NOT NULL, version TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL, doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lambda_durable_function ON lambda_durable (account, region, function, started);
CREATE INDEX IF NOT EXISTS lambda_durable_name ON lambda_durable (account, region, function, name);
CREATE TABLE IF NOT EXISTS lambda_durable_operation (execution TEXT, id TEXT, number INTEGER NOT NULL, changed INTEGER NOT NULL, doc BLOB NOT NULL, PRIMARY KEY (execution, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lambda_durable_changed ON lambda_durable_operation (execution, changed);
CREATE TABLE IF NOT EXISTS lambda_durable_event (execution TEXT, number INTEGER, doc BLOB NOT NULL, PRIMARY KEY (execution, number)) WITHOUT ROWID;
""")


class Execution(msgspec.Struct):
    id: str
    function: str
    version: str
    qualifier: str
    name: str
    status: str
    started: float
    input: str
    timeout: int
    retention: int
    trace: str = ""
    ended: float = 0.0
    result: str | None = None
    error: dict[str, Any] | None = None
    due: bool = True            # there is news for the function
    invoking: bool = False
    failures: int = 0           # of its invocation, one after the other
    serial: int = 0             # of the token that the next checkpoint must bring
    changes: int = 0            # counts changes of operations
    seen: int = 0               # how many of them the function knows
    events: int = 0
    last: list[Any] = []        # ClientToken of the last checkpoint, and what was answered
    parent: list[str] = []      # the execution and operation that wait for this one
    queued: bool = False        # an event: who fails is dead-lettered
    pause: dict[str, Any] = {}
    ends_at: float = 0.0


def arn(call: Call, ex: Execution) -> str:
    return f"{names.arn(call, ex.function, ex.version)}/durable-execution/{ex.name}/{ex.id}"


def topic(call: Call, id_: str) -> tuple[str, ...]:
    return ("lambda.durable", call.account, call.region, id_)


# rows: payloads lie sealed under the master key, as events do

def close(call: Call, value: Any, where: str) -> bytes:
    return call.cloud.store.seal.close(msgspec.json.encode(value), where.encode())


def opened(call: Call, data: bytes, where: str) -> bytes:
    return call.cloud.store.seal.open(data, where.encode())


def load(call: Call, id_: str) -> Execution | None:
    row = call.row("SELECT doc FROM lambda_durable WHERE id = ? AND account = ? AND region = ?", id_, call.account, call.region)
    return msgspec.json.decode(opened(call, row[0], f"durable/{id_}"), type=Execution) if row else None


def save(call: Call, ex: Execution) -> Execution:
    call.sql("INSERT OR REPLACE INTO lambda_durable VALUES (?,?,?,?,?,?,?,?,?)", ex.id, call.account, call.region, ex.function, ex.version, ex.name, ex.status, ex.started, close(call, ex, f"durable/{ex.id}"))
    return ex


def operations(call: Call, ex: Execution) -> list[dict[str, Any]]:
    """In the order they began."""
    return [msgspec.json.decode(opened(call, row[0], f"durable/{ex.id}")) for row in call.sql("SELECT doc FROM lambda_durable_operation WHERE execution = ? ORDER BY number", ex.id)]


def operation(call: Call, ex: Execution, id_: str) -> dict[str, Any] | None:
    row = call.row("SELECT doc FROM lambda_durable_operation WHERE execution = ? AND id = ?", ex.id, id_)
    return msgspec.json.decode(opened(call, row[0], f"durable/{ex.id}")) if row else None


def put(call: Call, ex: Execution, op: dict[str, Any]) -> None:
    ex.changes += 1
    call.sql("INSERT INTO lambda_durable_operation VALUES (?,?,?,?,?) ON CONFLICT (execution, id) DO UPDATE SET changed = excluded.changed, doc = excluded.doc",
             ex.id, op["Id"], ex.changes, ex.changes, close(call, op, f"durable/{ex.id}"))


def changed(call: Call, ex: Execution) -> list[dict[str, Any]]:
    return [msgspec.json.decode(opened(call, row[0], f"durable/{ex.id}"))
            for row in call.sql("SELECT doc FROM lambda_durable_operation WHERE execution = ? AND changed > ? ORDER BY changed", ex.id, ex.seen)]


def happened(call: Call, ex: Execution, kind: str, op: dict[str, Any] | None = None, **details: Any) -> None:
    """A line of its history."""
    ex.events += 1
    event: dict[str, Any] = {"EventType": kind, "EventId": ex.events, "EventTimestamp": call.now, f"{kind}Details": details}
    event |= {name: op[name] for name in ("Id", "Name", "SubType", "ParentId") if op and name in op}
    call.sql("INSERT INTO lambda_durable_event VALUES (?,?,?)", ex.id, ex.events, close(call, event, f"durable/{ex.id}"))


def replayed(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a replay needs: not what happened inside of contexts that are over."""
    over = {op["Id"] for op in every if op["Type"] == "CONTEXT" and op["Status"] in ("SUCCEEDED", "FAILED") and not op.get("ContextDetails", {}).get("ReplayChildren")}
    out = []
    for op in every:
        if op.get("ParentId") in over:
            over.add(op["Id"])
        else:
            out.append(op)
    return out


# the life of an execution

def begin(call: Call, function: Function, version: Version, name: names.Name, payload: bytes, named: str = "", trace: str = "", parent: list[str] | None = None, queued: bool = False) -> Execution:
    """Part of the caller's step. The same name with the same input is the same execution."""
    config, text = version.config["DurableConfig"], payload.decode("utf-8", "replace")
    if named and (row := call.row("SELECT id FROM lambda_durable WHERE account = ? AND region = ? AND function = ? AND name = ?", call.account, call.region, function.name, named)):
        before = load(call, row[0])
        assert before
        if before.input != text or before.version != version.version:
            raise errors_durable.already_started(named)
        return before
    id_ = call.uuid()
    ex = Execution(id_, function.name, version.version, name.qualifier or "", named or call.uuid(), "RUNNING", call.now, text, config["ExecutionTimeout"], config["RetentionPeriodInDays"], trace,
                   parent=parent or [], queued=queued, ends_at=call.now + config["ExecutionTimeout"])
    happened(call, ex, "ExecutionStarted", Input={"Payload": text, "Truncated": False}, ExecutionTimeout=ex.timeout)
    put(call, ex, {"Id": id_, "Type": "EXECUTION", "Name": ex.name, "Status": "STARTED", "StartTimestamp": call.now, "ExecutionDetails": {"InputPayload": text}})
    call.due(ex.ends_at, timed_out, name=id_, id=id_)
    tell(call, ex)
    call.wake(carry, id_)
    return save(call, ex)


def tell(call: Call, ex: Execution) -> None:
    detail = {"durableExecutionArn": arn(call, ex), "durableExecutionName": ex.name, "functionArn": names.arn(call, ex.function, ex.version), "status": ex.status, "startTimestamp": ex.started,
              **({"endTimestamp": ex.ended} if ex.ended else {})}
    call.emit(AwsEvent("aws.lambda", "Durable Execution Status Change", detail, [arn(call, ex)]))


@lambda_.timer
def timed_out(call: Call, id: str) -> None:
    ex = load(call, id)
    if ex and ex.status in OPEN:
        end(call, ex, "TIMED_OUT", error={"ErrorType": "Execution.TimedOut", "ErrorMessage": f"The execution timed out after {ex.timeout} seconds"})


def end(call: Call, ex: Execution, status: str, result: str | None = None, error: dict[str, Any] | None = None) -> None:
    """Its last moment; part of a step."""
    ex.status, ex.ended, ex.result, ex.error, ex.due = status, call.now, result, error, False
    details = {"Result": {"Payload": result, "Truncated": False}} if status == "SUCCEEDED" else {"Error": {"Payload": error or {}, "Truncated": False}}
    happened(call, ex, {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "TIMED_OUT": "ExecutionTimedOut", "STOPPED": "ExecutionStopped"}[status], **details)
    for op in operations(call, ex):
        quiet(call, ex, op["Id"])
    call.cancel(timed_out, ex.id)
    call.after(ex.retention * DAY, forget, name=ex.id, id=ex.id)
    save(call, ex)
    tell(call, ex)
    call.signal(topic(call, ex.id))
    if ex.parent:
        waiting = load(call, ex.parent[0])
        if waiting and waiting.status in OPEN:
            complete(call, waiting, ex.parent[1], status, result, error)
    if ex.queued and status != "SUCCEEDED":
        call.wake(bury, ex.id)


def quiet(call: Call, ex: Execution, id_: str) -> None:
    for kind in ("", "/beat"):
        call.cancel(look, f"{ex.id}/{id_}{kind}")


@lambda_.timer
def forget(call: Call, id: str) -> None:
    for table, column in (("lambda_durable_operation", "execution"), ("lambda_durable_event", "execution"), ("lambda_durable", "id")):
        call.sql(f"DELETE FROM {table} WHERE {column} = ?", id)


@lambda_.worker
async def bury(call: Call, key: str) -> None:
    """An event whose execution did not succeed goes where dead letters go."""
    ex = load(call, key)
    version = call.get(Version, f"{ex.function}:{ex.version}") if ex else None
    dead = version.config.get("DeadLetterConfig", {}).get("TargetArn") if version else None
    if ex and version and dead:
        await destinations.dead_letter(call, version.role, names.arn(call, ex.function, ex.version), dead, ex.input.encode(), ex.id, 200, str((ex.error or {}).get("ErrorMessage", "")))


@lambda_.worker
async def carry(call: Call, key: str) -> None:
    """Invoke the function as long as there is news for it."""
    from . import running
    with call.step():
        if (ex := load(call, key)) and ex.invoking:  # one at a time carries it: that invocation ended with the server
            ex.due, ex.invoking = True, False
            save(call, ex)
    while True:
        with call.step():
            ex = load(call, key)
            if ex is None or ex.status != "RUNNING" or not ex.due:
                return
            ex.due, ex.invoking, ex.serial = False, True, ex.serial + 1
            payload = invocation(call, ex)
            ex.seen = ex.changes
            save(call, ex)
        began, request_id = call.now, call.uuid()
        try:
            result = await running.run(call, names.Name(call.account, call.region, ex.function, ex.version), payload, request_id=request_id, trace=ex.trace, durable=True)
        except AwsError as error:
            with call.step():
                if ex := load(call, key):
                    ex.invoking = False
                    failed(call, ex, {"ErrorType": error.code, "ErrorMessage": error.message}, final=error.status in (403, 404), patient=error.status == 429)
            continue
        with call.step():
            ex = load(call, key)
            if ex is None:
                return
            ex.invoking = False
            said = decoded(result.outcome.payload)
            wrong = {"Error": {"Payload": problem(said), "Truncated": False}} if result.failed else {}
            happened(call, ex, "InvocationCompleted", StartTimestamp=began, EndTimestamp=call.now, RequestId=request_id, **wrong)
            if ex.status not in OPEN:  # stopped, timed out, or it said so itself by a checkpoint
                save(call, ex)
                return
            if ex.status == "PAUSING":
                ex.status = "PAUSED"
                happened(call, ex, "ExecutionPaused", **ex.pause)
            if result.failed:
                failed(call, ex, problem(said))
            else:
                ex.failures = 0
                answered(call, ex, said)


def answered(call: Call, ex: Execution, said: Any) -> None:
    status = said.get("Status") if isinstance(said, dict) else None
    if status == "SUCCEEDED":
        end(call, ex, "SUCCEEDED", result=said.get("Result"))
    elif status == "FAILED":
        end(call, ex, "FAILED", error=said.get("Error") or {})
    elif status == "PENDING":
        if not ex.due and ex.status == "RUNNING" and not any(pending(op) for op in operations(call, ex)):
            end(call, ex, "FAILED", error={"ErrorType": "InvalidParameterValueException", "ErrorMessage": "Cannot return PENDING status with no pending operations."})
        else:
            save(call, ex)
    else:
        end(call, ex, "FAILED", error={"ErrorType": "InvalidParameterValueException", "ErrorMessage": "Invalid Status in invocation output."})


def failed(call: Call, ex: Execution, error: dict[str, Any], final: bool = False, patient: bool = False) -> None:
    """An invocation that did not come to an answer is tried again, a little later each time."""
    if ex.status not in OPEN:
        return
    ex.failures += 1
    if final or (ex.failures >= TRIES and not patient):
        end(call, ex, "FAILED", error=error)
        return
    ex.due = False
    save(call, ex)
    call.after(min(2.0 ** (ex.failures - 1), 300.0), retry, name=ex.id, id=ex.id)


@lambda_.timer
def retry(call: Call, id: str) -> None:
    ex = load(call, id)
    if ex and ex.status in OPEN:
        news(call, ex)


def news(call: Call, ex: Execution) -> None:
    ex.due = True
    save(call, ex)
    call.wake(carry, ex.id)


def pending(op: dict[str, Any]) -> bool:
    return op["Status"] in ("PENDING", "READY") or (op["Type"] in ("WAIT", "CALLBACK", "CHAINED_INVOKE") and op["Status"] == "STARTED")


def problem(said: Any) -> dict[str, Any]:
    """An error as functions tell it, in the words of durable executions."""
    said = said if isinstance(said, dict) else {}
    return {"ErrorType": said.get("errorType", "Unhandled"), "ErrorMessage": said.get("errorMessage", ""), **({"StackTrace": said["stackTrace"]} if said.get("stackTrace") else {})}


def decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def invocation(call: Call, ex: Execution) -> bytes:
    """What the function's SDK is given."""
    given, size, marker = [], 0, ""
    for op in replayed(operations(call, ex)):
        size += len(json.dumps(op))
        if given and size > STATE_BYTES:
            marker = base64.urlsafe_b64encode(given[-1]["Id"].encode()).decode()
            break
        given.append(in_milliseconds(op))
    return json.dumps({"DurableExecutionArn": arn(call, ex), "CheckpointToken": token(ex), "InitialExecutionState": {"Operations": given, "NextMarker": marker}}).encode()


def in_milliseconds(op: dict[str, Any]) -> dict[str, Any]:
    return {name: in_milliseconds(value) if isinstance(value, dict) else int(value * 1000) if name.endswith("Timestamp") else value for name, value in op.items()}


def token(ex: Execution) -> str:
    return base64.b64encode(f"{ex.id}/{ex.serial}".encode()).decode()


# operations that come to their end by themselves

@lambda_.timer
def look(call: Call, id: str, operation_id: str, what: str) -> None:
    ex = load(call, id)
    op = operation(call, ex, operation_id) if ex and ex.status in OPEN else None
    if ex is None or op is None or not pending(op):
        return
    if what == "retry":
        op["Status"] = "READY"
        put(call, ex, op)
        news(call, ex)
    elif what == "wait":
        complete(call, ex, operation_id, "SUCCEEDED")
    else:
        complete(call, ex, operation_id, "TIMED_OUT", error={"ErrorType": what, "ErrorMessage": "Callback timed out" if what == "Callback.Timeout" else "Callback heartbeat timed out"})


DETAILS = {"STEP": "StepDetails", "CONTEXT": "ContextDetails", "CALLBACK": "CallbackDetails", "CHAINED_INVOKE": "ChainedInvokeDetails"}
WORDS = {"STEP": "Step", "CONTEXT": "Context", "CALLBACK": "Callback", "CHAINED_INVOKE": "ChainedInvoke", "WAIT": "Wait"}
PAST = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut", "STOPPED": "Stopped", "CANCELLED": "Cancelled", "STARTED": "Started"}


def complete(call: Call, ex: Execution, id_: str, status: str, result: str | None = None, error: dict[str, Any] | None = None) -> None:
    """A wait, a callback or an invocation has come to its end; the function is told."""
    op = operation(call, ex, id_)
    if op is None or op["Status"] != "STARTED":
        return
    settle(call, ex, op, status, result, error)
    quiet(call, ex, id_)
    news(call, ex)


def settle(call: Call, ex: Execution, op: dict[str, Any], status: str, result: str | None, error: dict[str, Any] | None, **more: Any) -> None:
    op |= {"Status": status, "EndTimestamp": call.now}
    if place := DETAILS.get(op["Type"]):
        op[place] = {**op.get(place, {}), **({"Result": result} if result is not None else {}), **({"Error": error} if error else {}), **more}
    details: dict[str, Any] = {"Duration": op.get("Seconds", 0)} if op["Type"] == "WAIT" and status == "SUCCEEDED" else {}
    if error:
        details["Error"] = {"Payload": error, "Truncated": False}
    elif op["Type"] != "WAIT":
        details["Result"] = {"Truncated": False, **({"Payload": result} if result is not None else {})}
    if op["Type"] == "STEP":
        details["RetryDetails"] = {"CurrentAttempt": op["StepDetails"]["Attempt"]}
    put(call, ex, op)
    happened(call, ex, WORDS[op["Type"]] + PAST[status], op, **details)


@lambda_.worker
async def chain(call: Call, key: str) -> None:
    """Invoke another function for an execution, as its role."""
    from . import running
    id_, _, operation_id = key.partition("/")
    ex = load(call, id_)
    op = operation(call, ex, operation_id) if ex and ex.status in OPEN else None
    version = call.get(Version, f"{ex.function}:{ex.version}") if ex else None
    if ex is None or op is None or version is None or op["Status"] != "STARTED":
        return
    wish = op["Invoke"]
    try:
        name = names.parse(call, wish["FunctionName"])
        acting(call, version.role, ex.function).require("lambda:InvokeFunction", names.arn_of(call, name))
        function, target = find(call, name), version_of(call, name)
        if "DurableConfig" in target.config:
            with call.step():
                begin(call.at(name.account, name.region), function, target, name, wish["Payload"].encode(), f"{ex.id}-{operation_id}"[:64], ex.trace, parent=[ex.id, operation_id])
            return
        result = await running.run(call, name, wish["Payload"].encode(), trace=ex.trace, tenant=wish.get("TenantId", ""))
        said = decoded(result.outcome.payload)
        status, text, error = ("FAILED", None, problem(said)) if result.failed else ("SUCCEEDED", result.outcome.payload.decode("utf-8", "replace"), None)
    except AwsError as refused:
        status, text, error = "FAILED", None, {"ErrorType": refused.code, "ErrorMessage": refused.message}
    with call.step():
        if (ex := load(call, id_)) and ex.status in OPEN:
            complete(call, ex, operation_id, status, text, error)


async def run(call: Call, function: Function, version: Version, name: names.Name, payload: bytes, named: str = "", trace: str = "") -> tuple[Execution, Outcome]:
    """Begin, and wait for the end."""
    if version.config["DurableConfig"]["ExecutionTimeout"] > SYNC_SECONDS:
        raise errors_durable.too_long_to_wait()
    with call.step():
        ex = begin(call, function, version, name, payload, named, trace)
    while ex.status in OPEN:
        await call.wait(topic(call, ex.id), ex.ends_at + 1)
        found = load(call, ex.id)
        if found is None:
            break
        ex = found
    if ex.status == "SUCCEEDED":
        return ex, Outcome((ex.result or "null").encode())
    error = ex.error or {}
    said = {"errorType": error.get("ErrorType", ex.status), "errorMessage": error.get("ErrorMessage", ""), **({"stackTrace": error["StackTrace"]} if error.get("StackTrace") else {})}
    return ex, Outcome(json.dumps(said).encode(), "error", said["errorType"])
