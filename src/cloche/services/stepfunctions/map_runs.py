"""Distributed Maps: a run of child executions, one for each item or batch of items, read from the state's input or from S3.

A worker reads the items, then every child's end starts the next. Results are a list, or files in a bucket with a manifest.
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call
from cloche.kernel.pages import page
from cloche.languages.asl import template
from cloche.languages.asl.failure import StateError

from . import children, engine, errors, executions, item_reader, machines
from . import service as states
from .executions import Execution

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

    from .engine import Run, Thread

states.table("""
CREATE TABLE IF NOT EXISTS sfn_map_run (arn TEXT PRIMARY KEY, execution TEXT NOT NULL, thread TEXT NOT NULL, token TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL, stopped REAL NOT NULL,
    most INTEGER NOT NULL, tolerated INTEGER NOT NULL, percent REAL NOT NULL, next INTEGER NOT NULL, total INTEGER NOT NULL, redrives INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sfn_runs_of ON sfn_map_run (execution);
CREATE TABLE IF NOT EXISTS sfn_map_item (run TEXT, number INTEGER, items INTEGER NOT NULL, input TEXT NOT NULL, status TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sfn_map_states ON sfn_map_item (run, status);
""")

MOST = 10_000      # children at once, where the state does not say
AT_ONCE = 200      # that are really started in one step
OVER = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
COLUMNS = "arn, execution, thread, token, status, started, stopped, most, tolerated, percent, next, total, redrives"


class MapRun(msgspec.Struct):
    arn: str
    execution: str
    thread: str
    token: str
    status: str
    started: float
    stopped: float
    most: int
    tolerated: int      # children that may fail; -1: as many as `percent` says
    percent: float
    next: int
    total: int
    redrives: int


def load(call: Call, arn: str) -> MapRun | None:
    row = call.row(f"SELECT {COLUMNS} FROM sfn_map_run WHERE arn=?", arn)
    return MapRun(*row) if row else None


def save(call: Call, one: MapRun) -> None:
    call.sql("UPDATE sfn_map_run SET token=?, status=?, stopped=?, most=?, tolerated=?, percent=?, next=?, total=?, redrives=? WHERE arn=?",
             one.token, one.status, one.stopped, one.most, one.tolerated, one.percent, one.next, one.total, one.redrives, one.arn)


def begin(run: Run, thread: Thread, state: dict[str, Any]) -> None:
    """The state is entered, or entered again by a redrive, which begins only children that have not succeeded."""
    call, execution = run.call, run.execution
    thread.token, thread.waits = "run-" + call.uuid(), "task"
    old = load(call, thread.run) if thread.run else None
    if old is not None:
        old.token, old.status, old.stopped, old.next, old.redrives = thread.token, "RUNNING", 0.0, 0, old.redrives + 1
        call.sql("UPDATE sfn_map_item SET status='PENDING', said='' WHERE run=? AND status!='SUCCEEDED'", old.arn)
        save(call, old)
        run.note(thread, "MapRunRedriven", mapRunArn=old.arn, redriveCount=old.redrives)
    else:
        label = state.get("Label") or "".join(c for c in thread.state if c.isalnum() or c in "-_")[:40]
        tolerated, percent = run.number(thread, state, "ToleratedFailureCount"), run.number(thread, state, "ToleratedFailurePercentage")
        made = MapRun(f"{execution.machine.replace(':stateMachine:', ':mapRun:')}/{label}:{call.uuid()}", execution.arn, thread.id, thread.token, "RUNNING", call.now, 0.0,
                      int(run.number(thread, state, "MaxConcurrency") or 0), -1 if tolerated is None else int(tolerated), percent or 0.0, 0, 0, 0)
        call.sql(f"INSERT INTO sfn_map_run ({COLUMNS}) VALUES ({','.join('?' * 13)})", *(getattr(made, name) for name in COLUMNS.split(", ")))
        thread.run = made.arn
        run.note(thread, "MapStateStarted")
        run.note(thread, "MapRunStarted", mapRunArn=made.arn)
    call.wake(fill, thread.run)


@states.worker
async def fill(call: Call, key: str) -> None:
    """Read the items, unless that is done, and start the first children."""
    with call.step():
        found = _standing(call, key)
        if found is None:
            return
        one, execution, run, thread = found
        state, done = run.state(thread), call.row("SELECT 1 FROM sfn_map_item WHERE run=? LIMIT 1", key) is not None
    failure: StateError | None = None
    items: list[Any] = []
    if not done:
        try:
            items = await item_reader.read(call, execution, run, thread, state) if "ItemReader" in state else children.items_of(run, thread, state)[1]
        except StateError as error:
            failure = error
    with call.step():
        found = _standing(call, key)
        if found is None:
            return
        one, execution, run, thread = found
        if failure is None and not done:
            try:
                thread.effective = thread.input if run.jsonata(thread) else run.selected(thread, state.get("InputPath", "$"), thread.input)
                for number, (given, count) in enumerate(inputs(run, thread, state, items)):
                    call.sql("INSERT INTO sfn_map_item VALUES (?,?,?,?,'PENDING','')", key, number, count, json.dumps(given, separators=(",", ":")))
                    one.total = number + 1
                save(call, one)
            except StateError as error:
                failure = error
        if failure is not None:
            finish(call, one, "FAILED", failure)
        else:
            more(call, one, execution)


def _standing(call: Call, arn: str) -> tuple[MapRun, Execution, Run, Thread] | None:
    """The run, its execution, and the thread that waits for it, if all are still there."""
    one = load(call, arn)
    execution = executions.load(call, one.execution) if one is not None else None
    if one is None or one.status != "RUNNING" or execution is None or execution.status != "RUNNING":
        return None
    run = engine.Run(call, execution)
    thread = run.thread(one.thread)
    return (one, execution, run, thread) if thread is not None and thread.token == one.token else None


def inputs(run: Run, thread: Thread, state: dict[str, Any], items: list[Any]) -> list[tuple[Any, int]]:
    """What each child is given, and of how many items that is."""
    given = [children.selected(run, thread, state, number, item) for number, item in enumerate(items)]
    batcher = state.get("ItemBatcher")
    if not batcher:
        return [(one, 1) for one in given]
    most = int(run.number(thread, batcher, "MaxItemsPerBatch") or len(given) or 1)
    most_bytes = int(run.number(thread, batcher, "MaxInputBytesPerBatch") or executions.MOST_BYTES)
    common = batcher.get("BatchInput")
    if common is not None:
        common = run.expression(thread, common, "BatchInput") if run.jsonata(thread) else template.fill(common, run.scope(thread, thread.effective))
    out: list[tuple[Any, int]] = []
    batch: list[Any] = []
    size = 0
    for one in given:
        length = len(json.dumps(one, separators=(",", ":"))) + 1
        if batch and (len(batch) >= most or size + length > most_bytes):
            out.append((_batch(common, batch), len(batch)))
            batch, size = [], 0
        batch.append(one)
        size += length
    return [*out, (_batch(common, batch), len(batch))] if batch else out


def _batch(common: Any, items: list[Any]) -> dict[str, Any]:
    return {**({"BatchInput": common} if common is not None else {}), "Items": items}


def more(call: Call, one: MapRun, execution: Execution) -> None:
    """As many children as may be under way."""
    run = engine.Run(call, execution)
    thread = run.thread(one.thread)
    if thread is None:
        return
    state = run.state(thread)
    inner = dict(state.get("ItemProcessor") or state["Iterator"])
    config = inner.pop("ProcessorConfig")
    if run.jsonata(thread):
        inner.setdefault("QueryLanguage", "JSONata")
    definition = json.dumps(inner)
    machine = call.get(machines.Machine, execution.machine.rsplit(":", 1)[1])
    alive = call.row("SELECT COUNT(*) FROM sfn_map_item WHERE run=? AND status='RUNNING'", one.arn)[0]
    room = min((one.most or MOST) - alive, AT_ONCE)
    rows = call.sql("SELECT number, input FROM sfn_map_item WHERE run=? AND status='PENDING' ORDER BY number LIMIT ?", one.arn, max(room, 0))
    for number, given in rows:
        call.sql("UPDATE sfn_map_item SET status='RUNNING' WHERE run=? AND number=?", one.arn, number)
        known = machine or machines.Machine(execution.machine.rsplit(":", 1)[1], execution.machine, "STANDARD", "", execution.role, 0, 0)
        executions.begin(call, machines.Which(known, definition, execution.role), call.uuid(), given, parent=str(number), map_run=one.arn, definition=definition, type_=config["ExecutionType"])
    if not rows and not alive:
        settle(call, one)


def returned(call: Call, child: Execution) -> None:
    """A child is over."""
    one = load(call, child.map_run)
    if one is None or one.status != "RUNNING":
        return
    from .integrations import description
    said = json.dumps(description(child))
    call.sql("UPDATE sfn_map_item SET status=?, said=? WHERE run=? AND number=? AND status='RUNNING'", child.status, said, one.arn, int(child.parent))
    parent = executions.load(call, one.execution)
    if parent is None or parent.status != "RUNNING":
        return
    if too_many(call, one):
        finish(call, one, "FAILED", StateError("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"))
    else:
        more(call, one, parent)


def too_many(call: Call, one: MapRun) -> bool:
    items, bad = call.row("SELECT SUM(items), SUM(CASE WHEN status IN ('FAILED','TIMED_OUT','ABORTED') THEN items ELSE 0 END) FROM sfn_map_item WHERE run=?", one.arn)
    if not bad:
        return False
    if one.tolerated >= 0 and bad <= one.tolerated:
        return False
    return not (one.percent and bad * 100 <= one.percent * items)


def settle(call: Call, one: MapRun) -> None:
    """All children are over, and not too many have failed."""
    execution = executions.load(call, one.execution)
    assert execution is not None
    run = engine.Run(call, execution)
    thread = run.thread(one.thread)
    if thread is not None and "ResultWriter" in run.state(thread):
        call.wake(write, one.arn)
        return
    rows = call.sql("SELECT status, said FROM sfn_map_item WHERE run=? ORDER BY number", one.arn)
    finish(call, one, "SUCCEEDED", None, [json.loads(json.loads(said)["Output"]) for status, said in rows if status == "SUCCEEDED"])


@states.worker
async def write(call: Call, key: str) -> None:
    """The results go to a bucket."""
    with call.step():
        found = _standing(call, key)
        if found is None:
            return
        one, execution, run, thread = found
        state = run.state(thread)
        rows = call.sql("SELECT status, said FROM sfn_map_item WHERE run=? ORDER BY number", key)
    try:
        result, failure = await item_reader.write(call, execution, run, thread, state["ResultWriter"], one.arn, rows), None
    except StateError as error:
        result, failure = None, error
    with call.step():
        if _standing(call, key) is not None:
            finish(call, one, "SUCCEEDED" if failure is None else "FAILED", failure, result)


def finish(call: Call, one: MapRun, status: str, failure: StateError | None, result: Any = None) -> None:
    one.status, one.stopped = status, call.now
    save(call, one)
    if status != "SUCCEEDED":
        abort_children(call, one)

    def does(run: Run, thread: Thread) -> None:
        if thread.token != one.token:
            return
        if failure is not None:
            run.note(thread, "MapRunFailed", error=failure.name, cause=failure.cause)
            run.note(thread, "MapStateFailed", error=failure.name, cause=failure.cause)
            raise failure
        run.note(thread, "MapRunSucceeded")
        run.note(thread, "MapStateSucceeded")
        run.leave(thread, result)
    engine.turn(call, one.execution, one.thread, does)


def abort_children(call: Call, one: MapRun) -> None:
    for arn, in call.sql("SELECT arn FROM sfn_execution WHERE map_run=? AND status='RUNNING'", one.arn):
        child = executions.load(call, arn)
        if child is not None:
            engine.end(call, child, "ABORTED")
            call.sql("UPDATE sfn_map_item SET status='ABORTED' WHERE run=? AND number=?", one.arn, int(child.parent))
    call.sql("UPDATE sfn_map_item SET status='ABORTED' WHERE run=? AND status IN ('PENDING', 'RUNNING')", one.arn)


def abort(call: Call, arn: str) -> None:
    """The execution ended under it."""
    one = load(call, arn)
    if one is not None and one.status == "RUNNING":
        one.status, one.stopped = "ABORTED", call.now
        save(call, one)
        abort_children(call, one)


# -- operations -----------------------------------------------------------------------------------------------------------


def _find(call: Call, arn: str) -> MapRun:
    if ":mapRun:" not in arn:
        raise errors.invalid_arn(arn)
    one = load(call, arn)
    if one is None or arn.split(":")[4] != call.account:
        raise errors.not_found(arn)
    return one


def _by_arn(call: Call, req: Any) -> str:
    return str(req["mapRunArn"])


@states.op(_by_arn)
def describe_map_run(call: Call, req: t.DescribeMapRunInput) -> t.DescribeMapRunOutput:
    one = _find(call, req["mapRunArn"])
    counted = {status: (children_, items) for status, children_, items in call.sql("SELECT status, COUNT(*), SUM(items) FROM sfn_map_item WHERE run=? GROUP BY status", one.arn)}

    def counts(which: int) -> Any:
        found = {name.lower().replace("_o", "O"): counted.get(name, (0, 0))[which] for name in ("PENDING", "RUNNING", *OVER)}
        return found | {"total": sum(found.values()), "resultsWritten": counted.get("SUCCEEDED", (0, 0))[which] if one.status == "SUCCEEDED" else 0, "failuresNotRedrivable": 0, "pendingRedrive": 0}
    return {"mapRunArn": one.arn, "executionArn": one.execution, "status": one.status, "startDate": one.started, "maxConcurrency": one.most, "toleratedFailurePercentage": one.percent,  # type: ignore[typeddict-item]
            "toleratedFailureCount": max(one.tolerated, 0), "itemCounts": counts(1), "executionCounts": counts(0), "redriveCount": one.redrives, **({"stopDate": one.stopped} if one.stopped else {})}


@states.op(lambda call, req: req["executionArn"])
def list_map_runs(call: Call, req: t.ListMapRunsInput) -> t.ListMapRunsOutput:
    execution = executions.find(call, req["executionArn"])
    rows = [MapRun(*row) for row in call.sql(f"SELECT {COLUMNS} FROM sfn_map_run WHERE execution=? ORDER BY started, arn", execution.arn)]
    found, rest = page(rows, req, lambda one: one.arn, min(req.get("maxResults") or 100, 1000), errors.bad_token, size="_", token="nextToken")
    return {"mapRuns": [{"mapRunArn": one.arn, "executionArn": one.execution, "stateMachineArn": execution.machine, "startDate": one.started,
                         **({"stopDate": one.stopped} if one.stopped else {})} for one in found], **rest}  # type: ignore[typeddict-item]


@states.op(_by_arn)
def update_map_run(call: Call, req: t.UpdateMapRunInput) -> t.UpdateMapRunOutput:
    one = _find(call, req["mapRunArn"])
    if one.status != "RUNNING":
        raise errors.invalid("Map Run is not running")
    one.most = req.get("maxConcurrency", one.most)
    one.percent, one.tolerated = req.get("toleratedFailurePercentage", one.percent), req.get("toleratedFailureCount", one.tolerated)
    save(call, one)
    parent = executions.load(call, one.execution)
    if parent is not None and parent.status == "RUNNING":
        more(call, one, parent)
    return {}
