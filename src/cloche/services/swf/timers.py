"""What the clock does: tasks and executions that take too long, timers that fire, what is over and forgotten."""
from __future__ import annotations

from cloche.kernel import Call

from . import service as swf


@swf.timer
def execution_late(call: Call, run: str) -> None:
    from . import closing, executions
    if (one := executions.running(call, run)) is not None:
        closing.time_out(call, one)


@swf.timer
def decision_late(call: Call, run: str, token: str, kind: str) -> None:
    from . import decider, executions
    one = executions.running(call, run)
    if one is not None and one.token == token:
        decider.late(call, one, kind)


@swf.timer
def activity_not_begun(call: Call, run: str, id_: str, event: int) -> None:
    from . import activities
    activities.late(call, run, id_, event, "SCHEDULE_TO_START")


@swf.timer
def activity_not_done(call: Call, run: str, id_: str, event: int) -> None:
    from . import activities
    activities.late(call, run, id_, event, "SCHEDULE_TO_CLOSE")


@swf.timer
def activity_slow(call: Call, run: str, id_: str, event: int) -> None:
    from . import activities
    activities.late(call, run, id_, event, "START_TO_CLOSE")


@swf.timer
def activity_silent(call: Call, run: str, id_: str, event: int) -> None:
    from . import activities
    activities.late(call, run, id_, event, "HEARTBEAT")


@swf.timer
def function_slow(call: Call, run: str, id_: str, event: int) -> None:
    from . import lambda_functions
    lambda_functions.late(call, run, id_, event)


@swf.timer
def fire(call: Call, run: str, id_: str, event: int) -> None:
    from . import executions, history
    one, timer = executions.running(call, run), executions.under_way(call, run, "timer", id_)
    if one is not None and timer is not None and timer.event == event:
        executions.done(call, one, timer)
        history.add(call, one, "TimerFired", decide=True, timerId=id_, startedEventId=event)


@swf.timer
def forget(call: Call, run: str) -> None:
    from . import closing
    closing.forget(call, run)


OF_ACTIVITY = (activity_not_begun, activity_not_done, activity_slow, activity_silent)
