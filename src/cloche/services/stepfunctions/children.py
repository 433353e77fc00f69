"""Parallel and Map: threads that a state waits for. A distributed Map has executions of their own in their place (`map_runs.py`)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.languages.asl import paths, template
from cloche.languages.asl.failure import StateError

from . import history

if TYPE_CHECKING:
    from .engine import Run, Thread

INLINE = 40  # iterations of an inline Map under way at once


def begin(run: Run, thread: Thread, state: dict[str, Any]) -> None:
    place = [*thread.place, "States", thread.state]
    if state["Type"] == "Parallel":
        given = run.before(thread, state)
        run.note(thread, "ParallelStateStarted")
        thread.waits, thread.alive, thread.results = "children", len(state["Branches"]), {}
        for number in range(thread.alive):
            run.fork([*place, "Branches", number], given, thread, number)
        return
    if ((state.get("ItemProcessor") or {}).get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
        from . import map_runs
        map_runs.begin(run, thread, state)
        return
    thread.effective, thread.items = items_of(run, thread, state)
    run.note(thread, "MapStateStarted", length=len(thread.items))
    thread.waits, thread.alive, thread.results, thread.next = "children", 0, {}, 0
    more(run, thread, state)


def items_of(run: Run, thread: Thread, state: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The effective input, and the array that is mapped."""
    if run.jsonata(thread):
        given: Any = thread.input
        items = run.expression(thread, state["Items"], "Items") if "Items" in state else given
    else:
        given = run.selected(thread, state.get("InputPath", "$"), thread.input)
        items = paths.read(state.get("ItemsPath", "$"), run.scope(thread, given), "")
    if isinstance(items, dict) and run.jsonata(thread):
        items = [{"Key": key, "Value": value} for key, value in items.items()]
    if not isinstance(items, list):
        raise StateError("States.QueryEvaluationError" if run.jsonata(thread) else "States.Runtime", f"Reference path \"{state.get('ItemsPath', '$')}\" must point to array.")
    return given, items


def selected(run: Run, thread: Thread, state: dict[str, Any], number: int, item: Any) -> Any:
    """What the item's states are given."""
    field = "ItemSelector" if "ItemSelector" in state else "Parameters" if not run.jsonata(thread) else ""
    if field not in state:
        return item
    before, thread.item = thread.item, {"Index": number, "Value": item}
    try:
        return run.expression(thread, state[field], field) if run.jsonata(thread) else template.fill(state[field], run.scope(thread, thread.effective))
    finally:
        thread.item = before


def more(run: Run, thread: Thread, state: dict[str, Any]) -> None:
    """As many iterations as may be under way; the state is left when none is."""
    most = int(run.number(thread, state, "MaxConcurrency") or INLINE) or INLINE
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    while thread.next < len(thread.items) and thread.alive < most:
        number = thread.next
        given = selected(run, thread, state, number, thread.items[number])
        event = history.add(run.call, run.execution, thread.event, "MapIterationStarted", name=thread.state, index=number)
        child = run.fork([*thread.place, "States", thread.state, field], given, thread, number, {"Index": number, "Value": thread.items[number]})
        child.event = event
        thread.next, thread.alive = number + 1, thread.alive + 1
    if thread.next >= len(thread.items) and not thread.alive:
        run.note(thread, "MapStateSucceeded")
        run.leave(thread, [thread.results[number] for number in range(len(thread.items))])


def returned(run: Run, parent: Thread, child: Thread, output: Any) -> None:
    state = run.state(parent)
    parent.results[child.index], parent.alive = output, parent.alive - 1
    parent.event = child.event
    if state["Type"] == "Parallel":
        if not parent.alive:
            run.note(parent, "ParallelStateSucceeded")
            run.leave(parent, [parent.results[number] for number in range(len(state["Branches"]))])
        return
    run.note(parent, "MapIterationSucceeded", name=parent.state, index=child.index)
    more(run, parent, state)


def broken(run: Run, parent: Thread, child: Thread, error: StateError) -> None:
    """One has failed, and with it the whole state."""
    parent.event = child.event
    if run.state(parent)["Type"] == "Map":
        run.note(parent, "MapIterationFailed", name=parent.state, index=child.index)
        for other in run.children(parent):
            if other.id != child.id:
                history.add(run.call, run.execution, other.event, "MapIterationAborted", name=parent.state, index=other.index)
        run.note(parent, "MapStateFailed", error=error.name, cause=error.cause)
    else:
        run.note(parent, "ParallelStateFailed", error=error.name, cause=error.cause)
    run.failed(parent, error)
