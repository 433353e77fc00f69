"""TestState: one state tried by itself, with nothing kept. The engine runs it over a thread that is in no table; a mock stands in for whoever the state would ask.

https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.languages.asl import definition
from cloche.languages.asl.failure import StateError

from . import children, engine, errors, executions, integrations, machines, mocks
from . import service as states
from .engine import Run, Thread, backoff
from .executions import Execution

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

LONGEST = 300.0
MOCKED = ("Task", "Map", "Parallel")
ALONE = "TestedState"


class Trial(Run):
    """A run of one state. It notes what the state is given and what it makes of it, and stops where the state ends."""

    def __init__(self, call: Call, execution: Execution, machine: dict[str, Any], place: list[str | int], name: str, req: Any) -> None:
        self.call, self.execution, self.machine = call, execution, machine
        self.threads, self.ready, self.gone, self.over = {}, [], set(), False
        self.given = json.loads(req["context"]) if req.get("context") else {}
        self.one = Thread(call.uuid(), execution.arn, place, name, json.loads(execution.input), json.loads(req.get("variables") or "{}"), entered=call.now, seen=True)
        self.one.tries = [0] * len(self.state(self.one).get("Retry") or ())
        self.retries = (req.get("stateConfiguration") or {}).get("retrierRetryCount", 0)
        self.seen: dict[str, Any] = {}
        self.answer: dict[str, Any] = {}

    def names(self, thread: Thread) -> dict[str, Any]:
        from .context import names_of
        return names_of(self.call, self.execution, thread) | self.given

    def inspect(self, what: str, value: Any) -> Any:
        self.seen.setdefault(what, value) if what == "afterInputPath" else self.seen.update({what: value})
        return value

    def note(self, thread: Thread, type_: str, **details: Any) -> None:
        pass

    def cancel(self, thread: Thread) -> None:
        pass

    def move(self, thread: Thread, output: Any, assigned: dict[str, Any], target: str | None, kind: str) -> None:
        thread.variables = {**thread.variables, **assigned}
        self.answer = {"status": "SUCCEEDED", "output": text(output), **({"nextState": target} if target else {})}

    def failed(self, thread: Thread, error: StateError, no_name: bool = False, no_cause: bool = False) -> None:
        said = {**({} if no_name else {"error": error.name}), **({} if no_cause else {"cause": error.cause})}
        number = next((n for n, rule in enumerate(self.state(thread).get("Retry") or ()) if engine.matches(rule["ErrorEquals"], error)), None)
        if number is not None and self.retries < (rule := self.state(thread)["Retry"][number]).get("MaxAttempts", 3):
            self.seen["errorDetails"] = {"retryIndex": number, "retryBackoffIntervalSeconds": int(backoff(rule, self.retries))}
            self.answer = {"status": "RETRIABLE", **said}
            return
        if (caught := self.catcher(thread, error)) is not None:
            try:
                output, assigned = self.caught(thread, caught, error)
            except StateError as another:
                self.answer = {"status": "FAILED", "error": another.name, "cause": another.cause}
                return
            thread.variables = {**thread.variables, **assigned}
            self.seen["errorDetails"] = {"catchIndex": self.state(thread)["Catch"].index(caught)}
            self.answer = {"status": "CAUGHT_ERROR", "output": text(output), "nextState": caught["Next"], **said}
            return
        self.answer = {"status": "FAILED", **said}


def text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# -- the operation --------------------------------------------------------------------------------------------------------


@states.op(ANY)
async def test_state(call: Call, req: t.TestStateInput) -> t.TestStateOutput:
    with call.step():
        machine, place, name = tested(req)
        state = machine
        for part in place:
            state = state[part]  # type: ignore[index]
        state = state["States"][name]
        checked(call, req, state)
        execution = alone(call, req, machine)
        run = Trial(call, execution, machine, place, name, req)
    exchange: dict[str, Any] = {"reveal": req.get("revealSecrets", False)}
    try:
        await go(call, req, run, state, exchange)
    except StateError as error:
        run.failed(run.one, error)
    return run.answer | shown(req, run, exchange)  # type: ignore[return-value]


def tested(req: Any) -> tuple[dict[str, Any], list[str | int], str]:
    """The machine, where in it the state's own states are, and the state's name. A state given by itself gets a machine around it."""
    try:
        document = json.loads(req["definition"])
    except (ValueError, RecursionError) as error:
        raise errors.invalid_definition([f"INVALID_JSON_DESCRIPTION: {error}"]) from None
    if not isinstance(document, dict):
        raise errors.invalid_definition(["INVALID_JSON_DESCRIPTION: The definition must be a JSON object"])
    wanted, whole = req.get("stateName"), document
    if wanted is None:
        if "States" in document:
            raise errors.invalid("stateName must be given with the definition of a whole state machine")
        whole = {"StartAt": ALONE, "States": {ALONE: document, **{name: {"Type": "Succeed"} for name in definition.targets(document)}}}
    machines.checked(json.dumps(whole))
    if wanted is None:
        return whole, [], ALONE
    place = where(whole, wanted, [])
    if place is None:
        raise errors.invalid(f"State '{wanted}' does not exist in the state machine definition")
    return whole, place, wanted


def where(machine: dict[str, Any], wanted: str, place: list[str | int]) -> list[str | int] | None:
    if wanted in machine["States"]:
        return place
    for name, state in machine["States"].items():
        inner = [(field, state[field]) for field in ("ItemProcessor", "Iterator") if field in state]
        for field, each in inner:
            if (found := where(each, wanted, [*place, "States", name, field])) is not None:
                return found
        for number, each in enumerate(state.get("Branches") or ()):
            if (found := where(each, wanted, [*place, "States", name, "Branches", number])) is not None:
                return found
    return None


def checked(call: Call, req: Any, state: dict[str, Any]) -> None:
    """What may be tried, and with what."""
    mock, kind, resource = req.get("mock"), state["Type"], str(state.get("Resource", ""))
    if mock is not None:
        if kind not in MOCKED:
            raise errors.invalid(f"A mock can only be specified for Task, Map or Parallel states, not for a {kind} state")
        if ("result" in mock) == ("errorOutput" in mock):
            raise errors.invalid("A mock must have exactly one of [result, errorOutput]")
        if "result" in mock:
            try:
                json.loads(mock["result"])
            except ValueError:
                raise errors.invalid("The mocked result must be valid JSON") from None
    else:
        if req.get("context"):
            raise errors.invalid("A context can only be specified with a mock")
        if req.get("stateConfiguration"):
            raise errors.invalid("A state configuration can only be specified with a mock")
        if kind in ("Map", "Parallel") or ":activity:" in resource or resource.endswith((".sync", ".sync:2", ".waitForTaskToken")):
            raise errors.invalid(f"A mock must be specified to test {'a ' + kind + ' state' if kind in ('Map', 'Parallel') else 'the resource ' + resource}")
        if kind == "Task" and not req.get("roleArn"):
            raise errors.invalid("A roleArn must be specified to test a Task state without a mock")
    for member in ("context", "variables"):
        try:
            if not isinstance(json.loads(req.get(member) or "{}"), dict):
                raise ValueError
        except ValueError:
            raise errors.invalid(f"The {member} must be a JSON object") from None
    if req.get("roleArn"):
        machines.role_checked(call, req["roleArn"])
    if req.get("revealSecrets"):
        call.require("states:RevealSecrets", "*")


def alone(call: Call, req: Any, machine: dict[str, Any]) -> Execution:
    name = call.uuid()
    return Execution(0, call.arn(f"express:{ALONE}:{name}:{call.uuid()}"), call.account, call.region, call.arn(f"stateMachine:{ALONE}"), name, "EXPRESS", "RUNNING", call.now, 0.0,
                     json.dumps(machine), req.get("roleArn", ""), executions.readable(req.get("input")), "", None, None, "", "", "", 0, 0, 0.0, "")


async def go(call: Call, req: Any, run: Trial, state: dict[str, Any], exchange: dict[str, Any]) -> None:
    one, kind, mock = run.one, state["Type"], req.get("mock")
    if kind == "Wait":
        await waited(call, run, state)
    elif kind == "Fail":
        run.fail(one, state)
    elif kind == "Choice":
        run.choose(one, state)
    elif kind not in MOCKED:
        run.leave(one, run.passed(one, state), kind == "Pass")
    elif mock is None:
        target = integrations.parse(state["Resource"], run.execution)
        given = run.before(one, state)
        run.leave(one, await integrations.perform(call, run.execution, target, given, "", exchange=exchange))
    else:
        if kind == "Map":
            mapped(run, state, req)
        else:
            given = run.before(one, state)
        if (failure := mock.get("errorOutput")) is not None:
            raise StateError(failure.get("error", ""), failure.get("cause", ""))
        result = json.loads(mock["result"])
        mocks.check(state, result, mock.get("fieldValidationMode", "STRICT"), run)
        run.leave(one, result)


async def waited(call: Call, run: Trial, state: dict[str, Any]) -> None:
    """The wait is on the clock, for as long as a state may be tried."""
    until = run.until(run.one, state)
    end = min(until, call.now + LONGEST)
    while call.now < end:
        await call.wait([("states.tried", run.one.id)], end)
    if until > end:
        raise StateError("States.Timeout", "The state was tried for longer than 300 seconds")
    run.leave(run.one, run.one.input if run.jsonata(run.one) else run.selected(run.one, state.get("InputPath", "$"), run.one.input), False)


def mapped(run: Trial, state: dict[str, Any], req: Any) -> None:
    """What a Map makes of its input before its items are begun."""
    from . import map_runs
    one, config = run.one, req.get("stateConfiguration") or {}
    if config.get("mapItemReaderData") is not None:
        items = json.loads(config["mapItemReaderData"])
        one.effective = one.input if run.jsonata(one) else run.selected(one, state.get("InputPath", "$"), one.input)
        for part in str(((state.get("ItemReader") or {}).get("ReaderConfig") or {}).get("ItemsPointer", "")).split("/")[1:]:
            items = items[int(part)] if isinstance(items, list) else items[part]
        run.inspect("afterItemsPointer", items)
    else:
        one.effective, items = children.items_of(run, one, state)
        if not run.jsonata(one):
            run.inspect("afterItemsPath", items)
    run.inspect("afterItemSelector", [children.selected(run, one, state, number, item) for number, item in enumerate(items)])
    if "ItemBatcher" in state:
        run.inspect("afterItemBatcher", [given for given, _ in map_runs.inputs(run, one, state, items)])
    for field, member, kind in (("MaxConcurrency", "maxConcurrency", int), ("ToleratedFailureCount", "toleratedFailureCount", int), ("ToleratedFailurePercentage", "toleratedFailurePercentage", float)):
        if (value := run.number(one, state, field)) is not None:
            run.inspect(member, kind(value))
    failures, count, percent = config.get("mapIterationFailureCount"), run.seen.get("toleratedFailureCount"), run.seen.get("toleratedFailurePercentage")
    if failures is not None:
        if failures > len(items):
            raise errors.invalid("mapIterationFailureCount is greater than the number of items")
        tolerated = count if count is not None else None
        if (tolerated is not None and failures > tolerated) or (percent is not None and failures * 100 > percent * len(items)) or (count is None and percent is None and failures):
            raise StateError("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")


# -- the answer -----------------------------------------------------------------------------------------------------------

TEXTS = ("afterArguments", "afterInputPath", "afterParameters", "result", "afterResultSelector", "afterResultPath", "afterItemsPath", "afterItemSelector", "afterItemBatcher", "afterItemsPointer")
PLAIN = ("errorDetails", "toleratedFailureCount", "toleratedFailurePercentage", "maxConcurrency")


def shown(req: Any, run: Trial, exchange: dict[str, Any]) -> dict[str, Any]:
    level = req.get("inspectionLevel", "INFO")
    if level == "INFO":
        return {}
    found: dict[str, Any] = {"input": run.execution.input, **{name: text(run.seen[name]) for name in TEXTS if name in run.seen}, **{name: run.seen[name] for name in PLAIN if name in run.seen}}
    if run.state(run.one)["Type"] not in (*MOCKED, "Pass"):
        found = {name: value for name, value in found.items() if name not in ("result", "afterResultSelector", "afterResultPath")}
    if run.one.variables:
        found["variables"] = text(run.one.variables)
    if level == "TRACE":
        found |= {name: exchange[name] for name in ("request", "response") if name in exchange}
    return {"inspectionData": found}
