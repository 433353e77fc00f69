"""How an execution moves from state to state.

An execution is a tree of threads: one for the machine itself, one for each branch of a Parallel and each item of a Map under way. A thread stands in a state and either can go on
or waits: for a task, a token, a timer, its children. What a thread knows is one row; each turn (`Run`) is one step of the store, so that a crash loses nothing and repeats at most
a task whose answer had not come. Waiting is on the clock.
"""
from __future__ import annotations

import json
from typing import Any

import msgspec

from cloche.kernel import Call
from cloche.languages.asl import choice, jsonata, paths, template
from cloche.languages.asl.failure import StateError, matches
from cloche.languages.asl.paths import Scope

from . import history, machines, timers
from . import service as states
from .context import names_of
from .executions import EXPRESS, MOST_BYTES, Execution, forget, load, save, tell

states.table("""
CREATE TABLE IF NOT EXISTS sfn_thread (id TEXT PRIMARY KEY, execution TEXT NOT NULL, parent TEXT NOT NULL, token TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sfn_threads ON sfn_thread (execution);
CREATE INDEX IF NOT EXISTS sfn_children ON sfn_thread (parent);
CREATE INDEX IF NOT EXISTS sfn_tokens ON sfn_thread (token) WHERE token != '';
""")

TURN = 400          # transitions in one step of the store; then others have their turn


class Thread(msgspec.Struct, omit_defaults=True):
    id: str
    execution: str
    place: list[str | int]               # where in the definition its states are: ["States", "Each", "ItemProcessor"]
    state: str = ""
    input: Any = None
    variables: dict[str, Any] = {}
    parent: str = ""
    index: int = 0                       # of a branch or item
    item: dict[str, Any] | None = None   # $$.Map.Item
    event: int = 0                       # its last
    entered: float = 0.0
    tries: list[int] = []                # of each retrier of this state
    waits: str = ""                      # "", task, token, timer, retry, children, over
    token: str = ""                      # of the task under way: who answers must know it
    seen: bool = False                   # the state's entry is in the history
    items: list[Any] = []                # of a Map: what its children are to be given
    next: int = 0                        # the first item that has no child yet
    alive: int = 0                       # children under way
    results: dict[int, Any] = {}
    effective: Any = None                # the state's input after InputPath, Parameters
    run: str = ""                        # a distributed Map's run
    submitted: Any = None                # how what a `.sync` task has begun is asked about


class Run:
    """One turn of one execution: threads that can go on, until none can."""

    def __init__(self, call: Call, execution: Execution) -> None:
        self.call, self.execution = call.at(execution.account, execution.region), execution
        self.machine = machines.compiled(execution.definition)
        self.threads: dict[str, Thread] = {}
        self.ready: list[Thread] = []
        self.gone: set[str] = set()
        self.over = False

    # -- threads --------------------------------------------------------------------------------------------------------

    def thread(self, id_: str) -> Thread | None:
        if id_ in self.gone:
            return None
        if id_ not in self.threads:
            row = self.call.row("SELECT body FROM sfn_thread WHERE id=?", id_)
            if row is None:
                return None
            self.threads[id_] = msgspec.json.decode(row[0], type=Thread)
        return self.threads[id_]

    def fork(self, place: list[str | int], given: Any, parent: Thread | None = None, index: int = 0, item: Any = None) -> Thread:
        made = Thread(self.call.uuid(), self.execution.arn, place, input=given, variables=dict(parent.variables) if parent else {}, parent=parent.id if parent else "", index=index,
                      item=item if item is not None or parent is None else parent.item, event=parent.event if parent else 0)
        made.state = self.states(made)["StartAt"]
        self.threads[made.id] = made
        self.ready.append(made)
        return made

    def drop(self, thread: Thread) -> None:
        """A thread is over, with all below it."""
        self.cancel(thread)
        for child in self.children(thread):
            self.drop(child)
        self.gone.add(thread.id)
        self.threads.pop(thread.id, None)
        self.call.sql("DELETE FROM sfn_thread WHERE id=?", thread.id)
        if thread in self.ready:
            self.ready.remove(thread)

    def children(self, thread: Thread) -> list[Thread]:
        if thread.waits != "children":
            return []
        stored = [id_ for id_, in self.call.sql("SELECT id FROM sfn_thread WHERE parent=?", thread.id)]
        mine = dict.fromkeys([*stored, *(one.id for one in self.threads.values() if one.parent == thread.id)])
        return [found for id_ in mine if (found := self.thread(id_)) is not None]

    def cancel(self, thread: Thread) -> None:
        for timer in (timers.go_on_after, timers.task_too_late, timers.heart_stopped):
            self.call.cancel(timer, thread.id)
        if thread.waits in ("task", "token") and thread.token:
            from . import activities
            activities.withdraw(self.call, thread.token)

    def save(self) -> None:
        save(self.call, self.execution)
        for one in self.threads.values():
            self.call.sql("INSERT OR REPLACE INTO sfn_thread VALUES (?,?,?,?,?)", one.id, one.execution, one.parent, one.token, msgspec.json.encode(one))

    # -- the definition ---------------------------------------------------------------------------------------------------

    def states(self, thread: Thread) -> dict[str, Any]:
        found: Any = self.machine
        for part in thread.place:
            found = found[part]
        return found  # type: ignore[no-any-return]

    def state(self, thread: Thread) -> dict[str, Any]:
        return self.states(thread)["States"][thread.state]  # type: ignore[no-any-return]

    def jsonata(self, thread: Thread) -> bool:
        state, language = self.state(thread), self.machine.get("QueryLanguage", "JSONPath")
        found: Any = self.machine
        for part in thread.place:
            found = found[part]
            if isinstance(found, dict):
                language = found.get("QueryLanguage", language)
        return bool(state.get("QueryLanguage", language) == "JSONata")

    def names(self, thread: Thread) -> dict[str, Any]:
        return names_of(self.call, self.execution, thread)

    def inspect(self, what: str, value: Any) -> Any:
        """A value on its way through a state; who only tries one (`trying.py`) takes it down."""
        return value

    def scope(self, thread: Thread, given: Any) -> Scope:
        return Scope(given, self.names(thread), thread.variables, self.call.cloud.dice)

    def expression(self, thread: Thread, value: Any, where: str, **more: Any) -> Any:
        """A JSONata template; `more` is what `$states` has beside input and context."""
        known = {"input": thread.input, "context": self.names(thread), **more}
        return jsonata.fill(value, known, thread.variables, where)

    # -- going on ---------------------------------------------------------------------------------------------------------

    def note(self, thread: Thread, type_: str, **details: Any) -> None:
        thread.event = history.add(self.call, self.execution, thread.event, type_, **details)

    def go(self) -> None:
        """Until nothing is ready, or the turn is over."""
        left = TURN
        while self.ready and left and not self.over:
            thread = self.ready.pop(0)
            left -= 1
            if self.execution.events >= history.MOST - 1 and not self.execution.express:
                self.finish("FAILED", error="States.Runtime", cause="The execution reached the maximum number of history events (25000).")
                return
            try:
                self.attempt(thread)
            except StateError as error:
                self.failed(thread, error)
        if self.over:
            return
        self.save()
        if self.ready:
            self.call.wake(take_turn, self.execution.arn)

    def attempt(self, thread: Thread) -> None:
        from . import children, tasks
        state = self.state(thread)
        kind = state["Type"]
        thread.waits = ""
        if not thread.seen:
            thread.entered, thread.seen, thread.tries = self.call.now, True, [0] * len(state.get("Retry") or ())
            self.note(thread, f"{kind}StateEntered", name=thread.state, input=history.text(thread.input))
        if kind == "Task":
            tasks.begin(self, thread, state)
        elif kind in ("Parallel", "Map"):
            children.begin(self, thread, state)
        elif kind == "Wait":
            self.wait(thread, state)
        elif kind == "Fail":
            self.fail(thread, state)
        elif kind == "Choice":
            self.choose(thread, state)
        else:
            self.leave(thread, self.passed(thread, state), kind == "Pass")

    def before(self, thread: Thread, state: dict[str, Any], field: str = "Parameters") -> Any:
        """The state's effective input."""
        if self.jsonata(thread):
            return self.inspect("afterArguments", self.expression(thread, state["Arguments"], "Arguments") if "Arguments" in state else thread.input)
        given = self.selected(thread, state.get("InputPath", "$"), thread.input)
        return self.inspect("afterParameters", template.fill(state[field], self.scope(thread, given)) if field in state else given)

    def selected(self, thread: Thread, path: str | None, given: Any) -> Any:
        return self.inspect("afterInputPath", {} if path is None else given if path == "$" else paths.read(path, self.scope(thread, given), "InputPath"))

    def passed(self, thread: Thread, state: dict[str, Any]) -> Any:
        if state["Type"] == "Pass" and "Result" in state and not self.jsonata(thread):
            self.before(thread, state)
            return state["Result"]
        return self.before(thread, state) if state["Type"] == "Pass" else thread.input if self.jsonata(thread) else self.selected(thread, state.get("InputPath", "$"), thread.input)

    def number(self, thread: Thread, state: dict[str, Any], field: str) -> float | None:
        """A field that is a number, a path to one (`...Path`), or an expression."""
        if f"{field}Path" in state:
            value = paths.read(state[f"{field}Path"], self.scope(thread, self.selected(thread, state.get("InputPath", "$"), thread.input)), "")
        elif jsonata.is_expression(state.get(field)):
            value = self.expression(thread, state[field], field)
        else:
            value = state.get(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise StateError("States.Runtime", f"The value of {field} must be a number that is not negative")
        return float(value)

    def wait(self, thread: Thread, state: dict[str, Any]) -> None:
        moment = self.until(thread, state)
        thread.waits = "timer"
        self.call.due(moment, timers.go_on_after, thread.id, execution=self.execution.arn, thread=thread.id)

    def until(self, thread: Thread, state: dict[str, Any]) -> float:
        given = self.selected(thread, state.get("InputPath", "$"), thread.input)
        if "Timestamp" in state or "TimestampPath" in state:
            value = paths.read(state["TimestampPath"], self.scope(thread, given), "") if "TimestampPath" in state else state["Timestamp"]
            if jsonata.is_expression(value):
                value = self.expression(thread, value, "Timestamp")
            moment = choice.stamp(value)
            if moment is None:
                raise StateError("States.Runtime", f"The value '{value}' is not a timestamp")
            return moment
        return self.call.now + (self.number(thread, state, "Seconds") or 0.0)

    def fail(self, thread: Thread, state: dict[str, Any]) -> None:
        said: dict[str, str | None] = {}
        for field in ("Error", "Cause"):
            value = state.get(field)
            if f"{field}Path" in state:
                value = template.fill({"v.$": state[f"{field}Path"]}, self.scope(thread, self.selected(thread, state.get("InputPath", "$"), thread.input)))["v"]
            elif jsonata.is_expression(value):
                value = self.expression(thread, value, field)
            said[field] = value
        self.failed(thread, StateError(said["Error"] or "", said["Cause"] or ""), said["Error"] is None, said["Cause"] is None)

    def choose(self, thread: Thread, state: dict[str, Any]) -> None:
        given = thread.input if self.jsonata(thread) else self.selected(thread, state.get("InputPath", "$"), thread.input)
        for number, rule in enumerate(state["Choices"]):
            if self.jsonata(thread):
                found = self.expression(thread, rule["Condition"], f"Choices[{number}]/Condition")
                if not isinstance(found, bool):
                    raise StateError("States.QueryEvaluationError", f"The expression of Choices[{number}]/Condition must return a boolean")
            else:
                found = choice.holds(rule, self.scope(thread, given))
            if found:
                self.leave(thread, given, False, rule, rule["Next"])
                return
        if "Default" not in state:
            raise StateError("States.NoChoiceMatched", "Failed to transition out of the state. The state's Choices matched nothing, and there is no Default.", "States.Runtime")
        self.leave(thread, given, False, None, state["Default"])

    # -- leaving ----------------------------------------------------------------------------------------------------------

    def leave(self, thread: Thread, result: Any, has_result: bool = True, rule: dict[str, Any] | None = None, target: str | None = None) -> None:
        """The state is done; `has_result`: it has one of its own to put somewhere."""
        state = self.state(thread)
        kind = state["Type"]
        self.inspect("result", result)
        if self.jsonata(thread):
            source = rule if rule is not None and "Output" in rule else state
            more = {"result": result} if kind in ("Task", "Parallel", "Map") else {}
            output = self.expression(thread, source["Output"], "Output", **more) if "Output" in source else result
            assign = (rule if rule is not None and "Assign" in rule else state).get("Assign") or {}
            assigned = self.expression(thread, assign, "Assign", **more)
        else:
            if "ResultSelector" in state and kind in ("Task", "Parallel", "Map"):
                result = template.fill(state["ResultSelector"], self.scope(thread, result))
            output = self.inspect("afterResultSelector", result)
            if has_result and "ResultPath" in state:
                output = thread.input if state["ResultPath"] is None else paths.put(thread.input, state["ResultPath"], result)
            self.inspect("afterResultPath", output)
            assign = (rule if rule is not None and "Assign" in rule else state).get("Assign") or {}
            assigned = template.fill(assign, self.scope(thread, result))
            output = {} if state.get("OutputPath", "$") is None else paths.read(state["OutputPath"], self.scope(thread, output), "OutputPath") if state.get("OutputPath", "$") != "$" else output
        self.move(thread, output, assigned, target or state.get("Next"), kind)

    def move(self, thread: Thread, output: Any, assigned: dict[str, Any], target: str | None, kind: str) -> None:
        text = history.text(output)
        if len(text.encode()) > MOST_BYTES:
            raise StateError("States.DataLimitExceeded", f"The state/task '{thread.state}' returned a result with a size exceeding the maximum number of bytes service limit.")
        self.cancel(thread)
        thread.variables = {**thread.variables, **assigned}
        self.note(thread, f"{kind}StateExited", name=thread.state, output=text, assignedVariables={name: history.text(value) for name, value in assigned.items()} or None)
        thread.token, thread.seen, thread.items, thread.results, thread.next, thread.run, thread.effective, thread.submitted = "", False, [], {}, 0, "", None, None
        if target is not None:
            thread.state, thread.input, thread.waits = target, output, ""
            self.ready.append(thread)
            return
        self.ended(thread, output)

    def ended(self, thread: Thread, output: Any) -> None:
        if thread.parent:
            from . import children
            parent = self.thread(thread.parent)
            self.drop(thread)
            if parent is not None:
                try:
                    children.returned(self, parent, thread, output)
                except StateError as error:
                    self.failed(parent, error)
            return
        self.finish("SUCCEEDED", output=history.text(output), event=thread.event)

    def finish(self, status: str, *, output: str = "", error: str | None = None, cause: str | None = None, event: int = 0) -> None:
        self.over = True
        for one in self.threads.values():  # what is redriven must be there
            self.call.sql("INSERT OR REPLACE INTO sfn_thread VALUES (?,?,?,?,?)", one.id, one.execution, one.parent, "", msgspec.json.encode(one))
        end(self.call, self.execution, status, output=output, error=error, cause=cause, event=event)

    # -- failing ----------------------------------------------------------------------------------------------------------

    def failed(self, thread: Thread, error: StateError, no_name: bool = False, no_cause: bool = False) -> None:
        """Retry, catch, or hand the error to whoever waits for this thread."""
        state = self.state(thread)
        self.cancel(thread)
        if self.retrier(thread, error) is not None or self.catcher(thread, error) is not None:
            for child in self.children(thread):
                self.drop(child)
        if error.name == "States.QueryEvaluationError":
            self.note(thread, "EvaluationFailed", error=error.name, cause=error.cause, state=thread.state)
        if (number := self.retrier(thread, error)) is not None:
            rule = state["Retry"][number]
            delay = backoff(rule, thread.tries[number])
            if rule.get("JitterStrategy") == "FULL":
                delay *= self.call.cloud.dice.random()
            thread.tries[number] += 1
            thread.waits, thread.token = "retry", ""
            self.call.after(delay, timers.go_on_after, thread.id, execution=self.execution.arn, thread=thread.id)
            return
        if (caught := self.catcher(thread, error)) is not None:
            try:
                self.move(thread, *self.caught(thread, caught, error), caught["Next"], state["Type"])
                return
            except StateError as another:
                error = another
        parent = self.thread(thread.parent) if thread.parent else None
        if parent is None:
            self.finish("FAILED", error=None if no_name else error.name, cause=None if no_cause else error.cause, event=thread.event)
            return
        from . import children
        thread.waits = "over"
        children.broken(self, parent, thread, error)

    def caught(self, thread: Thread, rule: dict[str, Any], error: StateError) -> tuple[Any, dict[str, Any]]:
        """What the next state is given, and the variables."""
        said = {"Error": error.name, "Cause": error.cause}
        if self.jsonata(thread):
            return (self.expression(thread, rule["Output"], "Output", errorOutput=said) if "Output" in rule else said,
                    self.expression(thread, rule.get("Assign") or {}, "Assign", errorOutput=said))
        where = rule.get("ResultPath", "$")
        return thread.input if where is None else paths.put(thread.input, where, said), template.fill(rule.get("Assign") or {}, self.scope(thread, said))

    def retrier(self, thread: Thread, error: StateError) -> int | None:
        for number, rule in enumerate(self.state(thread).get("Retry") or ()):
            if matches(rule["ErrorEquals"], error):
                return number if thread.tries[number] < rule.get("MaxAttempts", 3) else None
        return None

    def catcher(self, thread: Thread, error: StateError) -> dict[str, Any] | None:
        return next((rule for rule in self.state(thread).get("Catch") or () if matches(rule["ErrorEquals"], error)), None)


def backoff(rule: dict[str, Any], tries: int) -> float:
    delay = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** tries
    return float(min(delay, rule.get("MaxDelaySeconds", delay)))


# -- beginning and end ----------------------------------------------------------------------------------------------------


def start(call: Call, execution: Execution) -> None:
    history.add(call, execution, 0, "ExecutionStarted", input=execution.input, roleArn=execution.role, stateMachineVersionArn=execution.version or None, stateMachineAliasArn=execution.alias or None)
    run = Run(call, execution)
    run.fork([], json.loads(execution.input))
    seconds = EXPRESS if execution.express else None
    limit = run.machine.get("TimeoutSeconds")
    if limit is not None:
        seconds = float(limit) if seconds is None else min(seconds, float(limit))
    if seconds is not None:
        call.after(seconds, timers.too_late, execution.arn, execution=execution.arn)
    run.save()
    call.wake(take_turn, execution.arn)


def end(call: Call, execution: Execution, status: str, *, output: str = "", error: str | None = None, cause: str | None = None, event: int = 0) -> None:
    """The execution is over, and whoever waits for it hears of it. Its threads stay as long as it may be redriven."""
    run = Run(call, execution)
    for id_, in call.sql("SELECT id FROM sfn_thread WHERE execution=?", execution.arn):
        thread = run.thread(id_)
        if thread is not None:
            run.cancel(thread)
            if thread.run and status != "SUCCEEDED":
                from . import map_runs
                map_runs.abort(call, thread.run)
    call.cancel(timers.too_late, execution.arn)
    execution.status, execution.stopped, execution.output, execution.error, execution.cause = status, call.now, output, error, cause
    name = {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "TIMED_OUT": "ExecutionTimedOut", "ABORTED": "ExecutionAborted"}[status]
    if status == "SUCCEEDED":
        history.add(call, execution, event or execution.events, name, output=output)
        call.sql("DELETE FROM sfn_thread WHERE execution=?", execution.arn)
    else:
        history.add(call, execution, event or execution.events, name, error=error, cause=cause)
        call.sql("UPDATE sfn_thread SET token='' WHERE execution=?", execution.arn)
    save(call, execution)
    tell(call, execution)
    from . import logging, tracing
    logging.write(call, execution)
    tracing.end(call, execution)
    if execution.map_run:
        from . import map_runs
        map_runs.returned(call, execution)
    elif execution.parent and execution.parent != "sync":
        from . import tasks
        tasks.child_ended(call, execution)
    if execution.express:
        call.sql("DELETE FROM sfn_thread WHERE execution=?", execution.arn)
        if execution.parent != "sync":
            forget(call, execution)
    call.signal(("states", execution.arn))


def resume(call: Call, execution: Execution) -> None:
    """A redrive: every thread that was stopped in the middle of a state begins that state again; what was done is not done twice."""
    run = Run(call, execution)
    ids = [id_ for id_, in call.sql("SELECT id FROM sfn_thread WHERE execution=?", execution.arn)]
    for id_ in ids:
        thread = run.thread(id_)
        if thread is not None and (thread.waits != "children" or thread.run):
            thread.waits, thread.token = "", ""
            thread.tries = [0] * len(thread.tries)
            thread.event = execution.events
            run.ready.append(thread)
    if run.machine.get("TimeoutSeconds"):
        call.after(float(run.machine["TimeoutSeconds"]), timers.too_late, execution.arn, execution=execution.arn)
    run.save()
    call.wake(take_turn, execution.arn)


@states.worker
async def take_turn(call: Call, key: str) -> None:
    """Let the threads that can go on do so. A crash repeats the turn from where it was committed."""
    while True:
        with call.step():
            execution = load(call, key)
            if execution is None or execution.status != "RUNNING":
                return
            run = Run(call, execution)
            for id_, in call.sql("SELECT id FROM sfn_thread WHERE execution=?", key):
                thread = run.thread(id_)
                if thread is not None and not thread.waits:
                    run.ready.append(thread)
            if not run.ready:
                return
            run.go()


def turn(call: Call, execution_arn: str, thread_id: str, does: Any) -> bool:
    """Do something to a thread of a running execution, and let it go on. False if there is none such any more."""
    execution = load(call, execution_arn)
    if execution is None or execution.status != "RUNNING":
        return False
    run = Run(call, execution)
    thread = run.thread(thread_id)
    if thread is None:
        return False
    try:
        does(run, thread)
    except StateError as error:
        run.failed(thread, error)
    run.go()
    return True
