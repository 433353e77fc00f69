"""What the clock does to executions: a wait that is over, a retry that is due, a task or an execution that takes too long."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call
from cloche.languages.asl.failure import StateError

from . import service as states
from .executions import load

if TYPE_CHECKING:
    from .engine import Run, Thread


@states.timer
def go_on_after(call: Call, execution: str, thread: str) -> None:
    """A Wait is over, or a retry is due."""
    def does(run: Run, one: Thread) -> None:
        if one.waits == "timer":
            run.leave(one, one.input if run.jsonata(one) else run.selected(one, run.state(one).get("InputPath", "$"), one.input), False)
        elif one.waits == "retry":
            one.waits = ""
            run.ready.append(one)
    from .engine import turn
    turn(call, execution, thread, does)


@states.timer
def too_late(call: Call, execution: str) -> None:
    one = load(call, execution)
    if one is not None and one.status == "RUNNING":
        from .engine import end
        end(call, one, "TIMED_OUT", error="States.Timeout" if one.express else None)


@states.timer
def task_too_late(call: Call, execution: str, thread: str, token: str) -> None:
    _timed_out(call, execution, thread, token, StateError("States.Timeout", ""))


@states.timer
def heart_stopped(call: Call, execution: str, thread: str, token: str) -> None:
    _timed_out(call, execution, thread, token, StateError("States.HeartbeatTimeout", "", "States.Timeout"))


def _timed_out(call: Call, execution: str, thread: str, token: str, error: StateError) -> None:
    def does(run: Run, one: Thread) -> None:
        if one.token == token:
            from . import tasks
            tasks.note_end(run, one, "TimedOut", error=error.name)
            raise error
    from .engine import turn
    turn(call, execution, thread, does)
