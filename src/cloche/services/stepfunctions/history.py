"""The history of an execution: what happened, numbered from 1, each event with the one before it on the same way."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as states

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

    from .executions import Execution

states.table("""CREATE TABLE IF NOT EXISTS sfn_event (execution TEXT, id INTEGER, previous INTEGER NOT NULL, type TEXT NOT NULL, at REAL NOT NULL, details TEXT NOT NULL,
    PRIMARY KEY (execution, id)) WITHOUT ROWID""")

MOST = 25_000
SHARED = {"StateEntered": "stateEnteredEventDetails", "StateExited": "stateExitedEventDetails"}
DATA = {"input", "output", "parameters", "cause"}  # what includeExecutionData=false leaves out


def add(call: Call, execution: Execution, previous: int, type_: str, **details: Any) -> int:
    """Write an event; its number."""
    execution.events += 1
    call.sql("INSERT INTO sfn_event VALUES (?,?,?,?,?,?)", execution.arn, execution.events, previous, type_, call.now, json.dumps({k: v for k, v in details.items() if v is not None}))
    return execution.events


def text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _member(type_: str) -> str | None:
    for end, name in SHARED.items():
        if type_.endswith(end):
            return name
    if type_.startswith("ParallelState") or type_ in ("MapStateSucceeded", "MapStateFailed", "MapStateAborted", "LambdaFunctionStarted", "MapRunSucceeded", "MapRunAborted", "ExecutionPaused"):
        return None
    return type_[0].lower() + type_[1:] + "EventDetails"


def shown(row: Any, data: bool = True) -> Any:
    number, previous, type_, at, details = row
    event: dict[str, Any] = {"id": number, "previousEventId": previous, "type": type_, "timestamp": at}
    member = _member(type_)
    if member is not None:
        found = json.loads(details)
        event[member] = found if data else {k: v for k, v in found.items() if k not in DATA}
        for name in ("input", "output"):
            if data and name in found:
                event[member][f"{name}Details"] = {"truncated": False}
    return event


@states.op(lambda call, req: req["executionArn"])
def get_execution_history(call: Call, req: t.GetExecutionHistoryInput) -> t.GetExecutionHistoryOutput:
    from .executions import find
    execution = find(call, req["executionArn"])
    backwards, most = req.get("reverseOrder", False), min(req.get("maxResults") or 100, 1000)
    token = req.get("nextToken")
    if token is not None and not token.isdigit():
        raise errors.bad_token()
    sign, order = ("<", "DESC") if backwards else (">", "ASC")
    start = int(token) if token else (execution.events + 1 if backwards else 0)
    rows = call.sql(f"SELECT id, previous, type, at, details FROM sfn_event WHERE execution=? AND id{sign}? ORDER BY id {order} LIMIT ?", execution.arn, start, most + 1)
    answer: Any = {"events": [shown(row, req.get("includeExecutionData", True)) for row in rows[:most]]}
    if len(rows) > most:
        answer["nextToken"] = str(rows[most - 1][0])
    return answer  # type: ignore[no-any-return]
