"""The history of an execution: all that happened, numbered from 1."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, executions, names
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

    from .executions import Execution

swf.table("CREATE TABLE IF NOT EXISTS swf_event (run TEXT, id INTEGER, type TEXT NOT NULL, at REAL NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (run, id)) WITHOUT ROWID")

MOST = 25_000
PAGE = 1000


def add(call: Call, one: Execution, type_: str, *, decide: bool = False, **attributes: Any) -> int:
    """Write an event, and the execution with it; its number. `decide`: a decider is to hear of it. One event too many ends the execution."""
    one.events += 1
    call.sql("INSERT INTO swf_event VALUES (?,?,?,?,?)", one.run, one.events, type_, call.now, json.dumps({k: v for k, v in attributes.items() if v is not None}))
    executions.save(call, one)
    number = one.events
    if one.events >= MOST - 1 and not one.closed:
        from . import closing
        closing.terminate(call, one, None, "EVENT_LIMIT_EXCEEDED")
    elif decide:
        from . import decider
        decider.ask(call, one)
    return number


def shown(row: Any) -> Any:
    number, type_, at, attributes = row
    return {"eventTimestamp": at, "eventType": type_, "eventId": number, f"{type_[0].lower()}{type_[1:]}EventAttributes": json.loads(attributes)}


def part(call: Call, run: str, first: int, last: int, req: Any, place: int | None) -> tuple[list[Any], int | None]:
    """Events first..last in the order asked for, from `place` on; and the place of the next page."""
    most = min(req.get("maximumPageSize") or PAGE, PAGE)
    if req.get("reverseOrder"):
        start = last if place is None else min(place, last)
        rows = call.sql("SELECT id, type, at, attributes FROM swf_event WHERE run=? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?", run, first, start, most)
        following = start - most
        return [shown(row) for row in rows], following if following >= first else None
    start = first if place is None else max(place, first)
    rows = call.sql("SELECT id, type, at, attributes FROM swf_event WHERE run=? AND id BETWEEN ? AND ? ORDER BY id LIMIT ?", run, start, last, most)
    following = start + most
    return [shown(row) for row in rows], following if following <= last else None


@swf.op(names.in_domain)
def get_workflow_execution_history(call: Call, req: t.GetWorkflowExecutionHistoryInput) -> t.History:
    one = executions.find(call, req["domain"], req["execution"])
    token = req.get("nextPageToken")
    if token is not None and not (token.isascii() and token.isdigit()):
        raise errors.invalid_token()
    events, following = part(call, one.run, 1, one.events, req, int(token) if token else None)
    answer: Any = {"events": events}
    if following is not None:
        answer["nextPageToken"] = str(following)
    return answer  # type: ignore[no-any-return]
