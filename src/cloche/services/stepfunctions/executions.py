"""Executions: started, described, listed, stopped, redriven. How they run is `engine.py`'s."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsEvent, Call

from . import errors, history, machines
from . import service as states

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

states.table("""
CREATE TABLE IF NOT EXISTS sfn_execution (number INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, account TEXT NOT NULL, region TEXT NOT NULL, machine TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
    status TEXT NOT NULL, started REAL NOT NULL, stopped REAL NOT NULL, definition TEXT NOT NULL, role TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL, error TEXT, cause TEXT,
    version TEXT NOT NULL, alias TEXT NOT NULL, map_run TEXT NOT NULL, events INTEGER NOT NULL, redrives INTEGER NOT NULL, redriven REAL NOT NULL, parent TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sfn_of_machine ON sfn_execution (account, region, machine, number);
CREATE INDEX IF NOT EXISTS sfn_of_run ON sfn_execution (map_run, number) WHERE map_run != '';
CREATE INDEX IF NOT EXISTS sfn_stopped ON sfn_execution (stopped) WHERE stopped > 0;
""")

COLUMNS = "number, arn, account, region, machine, name, type, status, started, stopped, definition, role, input, output, error, cause, version, alias, map_run, events, redrives, redriven, parent"
MOST_BYTES = 262_144          # of an input or output
REDRIVABLE = 14 * 86400.0
KEPT = 90 * 86400.0           # seconds that an execution is known after its end
EXPRESS = 300.0


class Execution(msgspec.Struct):
    number: int
    arn: str
    account: str
    region: str
    machine: str       # ARN of the machine, without a qualifier
    name: str
    type: str
    status: str
    started: float
    stopped: float
    definition: str
    role: str
    input: str
    output: str
    error: str | None
    cause: str | None
    version: str
    alias: str
    map_run: str
    events: int
    redrives: int
    redriven: float
    parent: str        # the thread that waits for the end: "arn thread"

    @property
    def express(self) -> bool:
        return self.type == "EXPRESS"


def load(call: Call, arn: str) -> Execution | None:
    row = call.row(f"SELECT {COLUMNS} FROM sfn_execution WHERE arn=?", arn)
    return Execution(*row) if row else None


def save(call: Call, one: Execution) -> None:
    call.sql("UPDATE sfn_execution SET status=?, stopped=?, output=?, error=?, cause=?, events=?, redrives=?, redriven=? WHERE number=?",
             one.status, one.stopped, one.output, one.error, one.cause, one.events, one.redrives, one.redriven, one.number)


def expire(call: Call) -> None:
    """What ended ninety days ago is forgotten, and its name is free again."""
    for row in call.sql(f"SELECT {COLUMNS} FROM sfn_execution WHERE stopped > 0 AND stopped < ?", call.now - KEPT):
        forget(call, Execution(*row))


def find(call: Call, arn: str) -> Execution:
    parts = arn.split(":")
    if len(parts) < 8 or parts[2] != "states" or parts[5] != "execution":
        raise errors.invalid_arn(arn)
    expire(call)
    one = load(call, arn)
    if one is None or (one.account, one.region) != (call.account, call.region):
        raise errors.no_execution(arn)
    return one


# -- beginning ------------------------------------------------------------------------------------------------------------


def readable(text: str | None) -> str:
    given = "{}" if text is None else text
    try:
        json.loads(given)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_input(str(error)) from None
    if len(given.encode()) > MOST_BYTES:
        raise errors.invalid_input("The input exceeds the limit of 262144 bytes")
    return given


def begin(call: Call, found: machines.Which, name: str, given: str, parent: str = "", map_run: str = "", definition: str = "", type_: str = "", trace: str = "") -> Execution:
    from . import engine, tracing
    machine, type_ = found.machine, type_ or found.machine.type
    if type_ == "EXPRESS":
        arn = call.arn(f"express:{machine.name}:{name}:{call.uuid()}")
    else:
        arn = call.arn(f"execution:{machine.name}{'/' + map_run.rsplit('/', 1)[1].partition(':')[0] if map_run else ''}:{name}")
    one = Execution(0, arn, call.account, call.region, machine.arn, name, type_, "RUNNING", call.now, 0.0, definition or found.definition, found.role, given, "", None, None,
                    found.version, found.alias, map_run, 0, 0, 0.0, parent)
    row = call.row(f"INSERT INTO sfn_execution ({COLUMNS[8:]}) VALUES ({','.join('?' * 22)}) RETURNING number", *(getattr(one, name) for name in COLUMNS[8:].split(", ")))
    one.number = row[0]
    tracing.begin(call, machine, one, trace)
    engine.start(call, one)
    tell(call, one)
    return one


def tell(call: Call, one: Execution) -> None:
    """EventBridge hears of Standard executions."""
    if not one.express:
        call.emit(AwsEvent("aws.states", "Step Functions Execution Status Change", {
            "executionArn": one.arn, "stateMachineArn": one.machine, "name": one.name, "status": one.status, "startDate": int(one.started * 1000),
            "stopDate": int(one.stopped * 1000) if one.stopped else None, "input": one.input, "output": one.output or None, "error": one.error, "cause": one.cause,
            "inputDetails": {"included": True}, "outputDetails": {"included": True} if one.output else None, "redriveCount": one.redrives}, [one.arn]))


def name_given(call: Call, req: Any) -> str:
    name = req.get("name") or call.uuid()
    if not machines.NAME.fullmatch(name):
        raise errors.invalid_name(name)
    return str(name)


@states.op(machines.by_arn("stateMachineArn"))
def start_execution(call: Call, req: t.StartExecutionInput) -> t.StartExecutionOutput:
    return started(call, req)


def started(call: Call, req: Any, parent: str = "") -> Any:
    found, name, given = machines.which(call, req["stateMachineArn"]), name_given(call, req), readable(req.get("input"))
    expire(call)
    if found.machine.type == "STANDARD":
        old = load(call, call.arn(f"execution:{found.machine.name}:{name}"))
        if old is not None:
            if old.status == "RUNNING" and old.input == given:
                return {"executionArn": old.arn, "startDate": old.started}
            raise errors.execution_exists(old.arn)
    one = begin(call, found, name, given, parent, trace=req.get("traceHeader", ""))
    return {"executionArn": one.arn, "startDate": one.started}


@states.op(machines.by_arn("stateMachineArn"), action="states:StartSyncExecution")
async def start_sync_execution(call: Call, req: t.StartSyncExecutionInput) -> t.StartSyncExecutionOutput:
    with call.step():
        found, name, given = machines.which(call, req["stateMachineArn"]), name_given(call, req), readable(req.get("input"))
        if found.machine.type != "EXPRESS":
            raise errors.not_for_this_type()
        one = begin(call, found, name, given, parent="sync", trace=req.get("traceHeader", ""))
    while (now := load(call, one.arn)) is not None and now.status == "RUNNING":
        await call.wait([("states", one.arn)], call.now + EXPRESS)
    assert now is not None
    with call.step():
        forget(call, now)
    took = max(int((now.stopped - now.started) * 1000), 0)
    answer: Any = {"executionArn": now.arn, "stateMachineArn": now.machine, "name": now.name, "startDate": now.started, "stopDate": now.stopped, "status": now.status, "input": now.input,
                   "inputDetails": {"included": True}, "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": -(-took // 100) * 100}}
    if now.status == "SUCCEEDED":
        return answer | {"output": now.output, "outputDetails": {"included": True}}  # type: ignore[no-any-return]
    return answer | {k: v for k, v in (("error", now.error), ("cause", now.cause)) if v is not None}  # type: ignore[no-any-return]


def forget(call: Call, one: Execution) -> None:
    """Nothing of it stays but its log."""
    call.sql("DELETE FROM sfn_execution WHERE number=?", one.number)
    call.sql("DELETE FROM sfn_thread WHERE execution=?", one.arn)
    call.sql("DELETE FROM sfn_event WHERE execution=?", one.arn)
    call.sql("DELETE FROM sfn_map_item WHERE run IN (SELECT arn FROM sfn_map_run WHERE execution=?)", one.arn)
    call.sql("DELETE FROM sfn_map_run WHERE execution=?", one.arn)


# -- looking --------------------------------------------------------------------------------------------------------------


def _by_execution(call: Call, req: Any) -> str:
    return str(req["executionArn"])


@states.op(_by_execution)
def describe_execution(call: Call, req: t.DescribeExecutionInput) -> t.DescribeExecutionOutput:
    return shown(call, find(call, req["executionArn"]))


def shown(call: Call, one: Execution) -> Any:
    status, why = redrivable(call, one)
    return {
        "executionArn": one.arn, "stateMachineArn": one.machine, "name": one.name, "status": one.status, "startDate": one.started, "input": one.input, "inputDetails": {"included": True},
        "redriveCount": one.redrives, "redriveStatus": status, **({"redriveStatusReason": why} if why else {}), **({"stopDate": one.stopped} if one.stopped else {}),
        **({"output": one.output, "outputDetails": {"included": True}} if one.output else {}), **({"error": one.error} if one.error is not None else {}),
        **({"cause": one.cause} if one.cause is not None else {}), **({"stateMachineVersionArn": one.version} if one.version else {}), **({"stateMachineAliasArn": one.alias} if one.alias else {}),
        **({"mapRunArn": one.map_run} if one.map_run else {}), **({"redriveDate": one.redriven} if one.redriven else {})}


@states.op(_by_execution)
def describe_state_machine_for_execution(call: Call, req: t.DescribeStateMachineForExecutionInput) -> t.DescribeStateMachineForExecutionOutput:
    one = find(call, req["executionArn"])
    machine = call.get(machines.Machine, one.machine.rsplit(":", 1)[1])
    return {"stateMachineArn": one.machine, "name": one.machine.rsplit(":", 1)[1], "definition": one.definition, "roleArn": one.role, "updateDate": machine.changed if machine else one.started,  # type: ignore[typeddict-item]
            "loggingConfiguration": (machine.logging if machine else None) or {"level": "OFF", "includeExecutionData": False}, "tracingConfiguration": {"enabled": bool(machine and machine.tracing)}}


@states.op(lambda call, req: req.get("stateMachineArn") or req.get("mapRunArn") or "*")
def list_executions(call: Call, req: t.ListExecutionsInput) -> t.ListExecutionsOutput:
    if ("stateMachineArn" in req) == ("mapRunArn" in req):
        raise errors.invalid("Must provide a State Machine ARN or Map Run ARN, and not both")
    expire(call)
    where, args = "map_run=?", [req.get("mapRunArn")]
    if "stateMachineArn" in req:
        found = machines.which(call, req["stateMachineArn"])
        if found.machine.type == "EXPRESS":
            raise errors.not_for_this_type()
        where, args = "account=? AND region=? AND machine=? AND map_run=''", [call.account, call.region, found.machine.arn]
        if found.version:
            where, args = where + " AND version=?", [*args, found.version]
    for member, sql in (("statusFilter", " AND status=?"),):
        if req.get(member):
            where, args = where + sql, [*args, req[member]]  # type: ignore[literal-required]
    if redrive := req.get("redriveFilter"):
        where += " AND redrives>0" if redrive == "REDRIVEN" else " AND redrives=0"
    token, most = req.get("nextToken"), min(req.get("maxResults") or 100, 1000)
    if token is not None and not token.isdigit():
        raise errors.bad_token()
    if token:
        where, args = where + " AND number<?", [*args, int(token)]
    rows = [Execution(*row) for row in call.sql(f"SELECT {COLUMNS} FROM sfn_execution WHERE {where} ORDER BY number DESC LIMIT ?", *args, most + 1)]
    answer: Any = {"executions": [
        {"executionArn": one.arn, "stateMachineArn": one.machine, "name": one.name, "status": one.status, "startDate": one.started, "redriveCount": one.redrives,
         **({"stopDate": one.stopped} if one.stopped else {}), **({"mapRunArn": one.map_run} if one.map_run else {}), **({"stateMachineVersionArn": one.version} if one.version else {}),
         **({"stateMachineAliasArn": one.alias} if one.alias else {})} for one in rows[:most]]}
    if len(rows) > most:
        answer["nextToken"] = str(rows[most - 1].number)
    return answer  # type: ignore[no-any-return]


# -- ending ---------------------------------------------------------------------------------------------------------------


@states.op(_by_execution)
def stop_execution(call: Call, req: t.StopExecutionInput) -> t.StopExecutionOutput:
    from . import engine
    one = find(call, req["executionArn"])
    if one.status == "RUNNING":
        engine.end(call, one, "ABORTED", error=req.get("error"), cause=req.get("cause"))
    return {"stopDate": one.stopped}


def redrivable(call: Call, one: Execution) -> tuple[str, str]:
    if one.status == "RUNNING":
        return "NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven"
    if one.status == "SUCCEEDED":
        return "NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven"
    if one.map_run:
        return "REDRIVABLE_BY_MAP_RUN", "Execution is a child of a Map Run, and is redriven with it"
    if call.now - one.stopped > REDRIVABLE:
        return "NOT_REDRIVABLE", "Execution's redrive period of 14 days has elapsed"
    return "REDRIVABLE", ""


@states.op(_by_execution)
def redrive_execution(call: Call, req: t.RedriveExecutionInput) -> t.RedriveExecutionOutput:
    from . import engine
    one = find(call, req["executionArn"])
    status, why = redrivable(call, one)
    if status != "REDRIVABLE":
        raise errors.not_redrivable(why)
    one.redrives, one.redriven, one.status, one.stopped, one.error, one.cause = one.redrives + 1, call.now, "RUNNING", 0.0, None, None
    history.add(call, one, one.events, "ExecutionRedriven", redriveCount=one.redrives)
    save(call, one)
    engine.resume(call, one)
    tell(call, one)
    return {"redriveDate": one.redriven}
