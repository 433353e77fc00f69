"""Executions of workflows: what is known of one, how it begins and how it ends. What happens in between is asked of deciders (`decider.py`)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import domains, errors, names, types
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

swf.table("""
CREATE TABLE IF NOT EXISTS swf_execution (run TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, domain TEXT NOT NULL, workflow TEXT NOT NULL, started REAL NOT NULL, closed REAL NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS swf_open_workflow ON swf_execution (account, region, domain, workflow) WHERE closed=0;
CREATE INDEX IF NOT EXISTS swf_started_open ON swf_execution (account, region, domain, started, run) WHERE closed=0;
CREATE INDEX IF NOT EXISTS swf_started_closed ON swf_execution (account, region, domain, started, run) WHERE closed>0;
CREATE INDEX IF NOT EXISTS swf_closed ON swf_execution (account, region, domain, closed, run) WHERE closed>0;
CREATE TABLE IF NOT EXISTS swf_open (run TEXT, kind TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (run, kind, id)) WITHOUT ROWID;
""")


class Execution(msgspec.Struct, omit_defaults=True):
    run: str
    account: str
    region: str
    domain: str
    workflow: str
    type: str
    version: str
    started: float
    task_list: str
    child_policy: str
    execution_timeout: str
    task_timeout: str
    priority: str | None = None
    role: str | None = None
    input: str | None = None
    tags: list[str] = []
    parent: dict[str, str] | None = None      # workflowId, runId
    parent_initiated: int = 0
    parent_started: int = 0
    continued_from: str | None = None
    closed: float = 0.0
    close_status: str | None = None
    cancel_requested: bool = False
    events: int = 0
    context: str | None = None
    latest_activity: float = 0.0
    # the decision task under way: scheduled, and perhaps with a decider
    scheduled: int = 0
    taken: int = 0
    token: str = ""
    unseen: bool = False                      # something happened since a decider took it
    previous: int = 0                         # DecisionTaskStarted of the last one that a decider completed
    other_list: str | None = None             # a decider's own list for what comes next, while it keeps up
    other_timeout: str | None = None

    @property
    def named(self) -> dict[str, str]:
        return {"workflowId": self.workflow, "runId": self.run}

    @property
    def typed(self) -> dict[str, str]:
        return {"name": self.type, "version": self.version}


class Open(msgspec.Struct, omit_defaults=True):
    """A thing under way in an execution: an activity, a timer, a child, a function."""
    id: str
    event: int                     # that began it
    kind: str                      # activity, timer, child, lambda
    started: int = 0
    token: str = ""
    cancel: int = 0                # the latest ActivityTaskCancelRequested
    beat: str | None = None        # the latest heartbeat's details
    given: dict[str, Any] = {}     # the event's attributes


# -- kept -------------------------------------------------------------------------------------------------------------


def load(call: Call, run: str) -> Execution | None:
    row = call.row("SELECT body FROM swf_execution WHERE run=?", run)
    return msgspec.json.decode(row[0], type=Execution) if row else None


def running(call: Call, run: str) -> Execution | None:
    one = load(call, run)
    return one if one is not None and not one.closed else None


def save(call: Call, one: Execution) -> None:
    call.sql("UPDATE swf_execution SET closed=?, body=? WHERE run=?", one.closed, msgspec.json.encode(one), one.run)


def again(call: Call, one: Execution) -> None:
    """Read what others have written into it meanwhile."""
    fresh = load(call, one.run)
    if fresh is not None:
        for field in one.__struct_fields__:
            setattr(one, field, getattr(fresh, field))


def open_of(call: Call, domain: str, workflow: str) -> Execution | None:
    row = call.row("SELECT body FROM swf_execution WHERE account=? AND region=? AND domain=? AND workflow=? AND closed=0", call.account, call.region, domain, workflow)
    return msgspec.json.decode(row[0], type=Execution) if row else None


def find(call: Call, domain: str, asked: Any) -> Execution:
    domains.find(call, domain)
    one = load(call, asked["runId"])
    if one is None or (one.account, one.region, one.domain, one.workflow) != (call.account, call.region, domain, asked["workflowId"]):
        raise errors.no_execution(asked["workflowId"], asked["runId"])
    return one


def addressed(call: Call, domain: str, workflow: str, run: str | None) -> Execution | None:
    """The open execution of a workflow; of that run, if one is named."""
    one = open_of(call, domain, workflow)
    return one if one is not None and (not run or one.run == run) else None


def begin(call: Call, one: Execution, thing: Open) -> None:
    call.sql("INSERT INTO swf_open VALUES (?,?,?,?)", one.run, thing.kind, thing.id, msgspec.json.encode(thing))


def keep(call: Call, one: Execution, thing: Open) -> None:
    call.sql("UPDATE swf_open SET body=? WHERE run=? AND kind=? AND id=?", msgspec.json.encode(thing), one.run, thing.kind, thing.id)


def under_way(call: Call, run: str, kind: str, id_: str) -> Open | None:
    row = call.row("SELECT body FROM swf_open WHERE run=? AND kind=? AND id=?", run, kind, id_)
    return msgspec.json.decode(row[0], type=Open) if row else None


def done(call: Call, one: Execution, thing: Open) -> None:
    call.sql("DELETE FROM swf_open WHERE run=? AND kind=? AND id=?", one.run, thing.kind, thing.id)


def count(call: Call, run: str, kind: str) -> int:
    return int(call.sql("SELECT COUNT(*) FROM swf_open WHERE run=? AND kind=?", run, kind)[0][0])


# -- beginning --------------------------------------------------------------------------------------------------------


CONFIGURED = {"executionStartToCloseTimeout": "defaultExecutionStartToCloseTimeout", "taskList": "defaultTaskList", "taskStartToCloseTimeout": "defaultTaskStartToCloseTimeout", "childPolicy": "defaultChildPolicy"}


def configured(kind: types.Type, given: Any) -> dict[str, Any]:
    """What the call says, else the type; raises KeyError(name of the default that lacks)."""
    found = {}
    for member, default in CONFIGURED.items():
        value = given.get(member, kind.defaults.get(default))
        if value is None:
            raise KeyError(default)
        found[member] = value
    names.duration("executionStartToCloseTimeout", found["executionStartToCloseTimeout"], endless=False, most=types.YEAR)
    names.duration("taskStartToCloseTimeout", found["taskStartToCloseTimeout"])
    found["taskPriority"] = names.priority(given.get("taskPriority", kind.defaults.get("defaultTaskPriority")))
    found["lambdaRole"] = given.get("lambdaRole", kind.defaults.get("defaultLambdaRole"))
    return found


def start(call: Call, domain: str, workflow: str, kind: types.Type, said: dict[str, Any], given: Any, **more: Any) -> Execution:
    from . import decider, history, timers
    one = Execution(call.secret(33) + "=", call.account, call.region, domain, workflow, kind.name, kind.version, call.now, said["taskList"]["name"], said["childPolicy"], said["executionStartToCloseTimeout"],
                    said["taskStartToCloseTimeout"], said["taskPriority"], said["lambdaRole"], given.get("input"), list(given.get("tagList") or ()), **more)
    call.sql("INSERT INTO swf_execution VALUES (?,?,?,?,?,?,?,?)", one.run, one.account, one.region, one.domain, one.workflow, one.started, 0.0, msgspec.json.encode(one))
    history.add(call, one, "WorkflowExecutionStarted", input=one.input, executionStartToCloseTimeout=one.execution_timeout, taskStartToCloseTimeout=one.task_timeout, childPolicy=one.child_policy,
                taskList={"name": one.task_list}, taskPriority=one.priority, workflowType=one.typed, tagList=one.tags or None, continuedExecutionRunId=one.continued_from,
                parentWorkflowExecution=one.parent, parentInitiatedEventId=one.parent_initiated, lambdaRole=one.role)
    decider.ask(call, one)
    call.after(float(one.execution_timeout), timers.execution_late, one.run, run=one.run)
    return one


@swf.op(names.in_domain, context=names.asked)
def start_workflow_execution(call: Call, req: t.StartWorkflowExecutionInput) -> t.Run:
    domains.registered(call, req["domain"])
    workflow = names.check("workflowId", req["workflowId"])
    kind = types.find(call, types.WORKFLOW, req["domain"], req["workflowType"])
    if kind.deprecated:
        raise errors.type_deprecated(kind.told)
    try:
        said = configured(kind, req)
    except KeyError as lacks:
        raise errors.default_undefined(lacks.args[0]) from None
    if said["lambdaRole"]:
        call.pass_role(said["lambdaRole"], "swf.amazonaws.com")
    if open_of(call, req["domain"], workflow) is not None:
        raise errors.already_started()
    return {"runId": start(call, req["domain"], workflow, kind, said, req).run}


# -- what is said to one ----------------------------------------------------------------------------------------------


def _open(call: Call, req: Any) -> Execution:
    domains.find(call, req["domain"])
    one = addressed(call, req["domain"], req["workflowId"], req.get("runId"))
    if one is None:
        raise errors.no_execution(req["workflowId"], req.get("runId"))
    return one


def signal(call: Call, one: Execution, name: str, given: str | None, source: Execution | None = None, event: int = 0) -> None:
    from . import history
    history.add(call, one, "WorkflowExecutionSignaled", decide=True, signalName=name, input=given, externalWorkflowExecution=source.named if source else None, externalInitiatedEventId=event)


def cancel(call: Call, one: Execution, source: Execution | None = None, event: int = 0, cause: str | None = None) -> None:
    from . import history
    one.cancel_requested = True
    history.add(call, one, "WorkflowExecutionCancelRequested", decide=True, externalWorkflowExecution=source.named if source else None, externalInitiatedEventId=event, cause=cause)


@swf.op(names.in_domain)
def signal_workflow_execution(call: Call, req: t.SignalWorkflowExecutionInput) -> None:
    signal(call, _open(call, req), req["signalName"], req.get("input"))


@swf.op(names.in_domain)
def request_cancel_workflow_execution(call: Call, req: t.RequestCancelWorkflowExecutionInput) -> None:
    cancel(call, _open(call, req))


@swf.op(names.in_domain)
def terminate_workflow_execution(call: Call, req: t.TerminateWorkflowExecutionInput) -> None:
    from . import closing
    closing.terminate(call, _open(call, req), req.get("childPolicy"), "OPERATOR_INITIATED", req.get("reason"), req.get("details"))


# -- shown ------------------------------------------------------------------------------------------------------------


def shown(one: Execution) -> Any:
    told: dict[str, Any] = {"execution": one.named, "workflowType": one.typed, "startTimestamp": one.started, "executionStatus": "CLOSED" if one.closed else "OPEN", "cancelRequested": one.cancel_requested}
    if one.closed:
        told |= {"closeTimestamp": one.closed, "closeStatus": one.close_status}
    if one.parent:
        told["parent"] = one.parent
    if one.tags:
        told["tagList"] = one.tags
    return told


@swf.op(names.in_domain)
def describe_workflow_execution(call: Call, req: t.DescribeWorkflowExecutionInput) -> t.WorkflowExecutionDetail:
    one = find(call, req["domain"], req["execution"])
    settings: dict[str, Any] = {"taskStartToCloseTimeout": one.task_timeout, "executionStartToCloseTimeout": one.execution_timeout, "taskList": {"name": one.task_list}, "childPolicy": one.child_policy}
    settings |= ({"taskPriority": one.priority} if one.priority else {}) | ({"lambdaRole": one.role} if one.role else {})
    told: Any = {"executionInfo": shown(one), "executionConfiguration": settings, "openCounts": {
        "openActivityTasks": count(call, one.run, "activity"), "openDecisionTasks": int(bool(one.scheduled)), "openTimers": count(call, one.run, "timer"),
        "openChildWorkflowExecutions": count(call, one.run, "child"), "openLambdaFunctions": count(call, one.run, "lambda")}}
    if one.latest_activity:
        told["latestActivityTaskTimestamp"] = one.latest_activity
    if one.context is not None:
        told["latestExecutionContext"] = one.context
    return told  # type: ignore[no-any-return]
