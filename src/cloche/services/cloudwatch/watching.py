"""When an alarm must look again: at the end of the minute in which one of its metrics got a datapoint, and while it still sees some.

An alarm whose metrics are silent has no timer, so a year goes by at no cost.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import pending
from . import service as cloudwatch
from .datapoints import Key

cloudwatch.table("""CREATE TABLE IF NOT EXISTS cloudwatch_watch (
    account TEXT, region TEXT, namespace TEXT, name TEXT, dims TEXT, alarm TEXT, PRIMARY KEY (account, region, namespace, name, dims, alarm)) WITHOUT ROWID""")
cloudwatch.table("CREATE INDEX IF NOT EXISTS cloudwatch_watch_alarm ON cloudwatch_watch (account, region, alarm)")

Planned = dict[tuple[str, str, str], float]


@cloudwatch.boot
def remember(call: Call) -> None:
    """Which metrics are watched is asked at each of them: it is kept at hand. (A name too many costs a look, nothing else.)"""
    pending.of(call.cloud).watched |= set(call.sql("SELECT DISTINCT account, region, namespace, name, dims FROM cloudwatch_watch"))


def watch(call: Call, alarm: str, keys: list[Key]) -> None:
    call.sql("DELETE FROM cloudwatch_watch WHERE account=? AND region=? AND alarm=?", call.account, call.region, alarm)
    for key in keys:
        call.sql("INSERT OR IGNORE INTO cloudwatch_watch VALUES (?,?,?,?,?,?)", call.account, call.region, *key, alarm)
        pending.of(call.cloud).watched.add((call.account, call.region, *key))


def forget(call: Call, alarm: str) -> None:
    call.sql("DELETE FROM cloudwatch_watch WHERE account=? AND region=? AND alarm=?", call.account, call.region, alarm)
    from .evaluating import evaluate
    call.cancel(evaluate, alarm)
    planned(call).pop((call.account, call.region, alarm), None)


def tell(call: Call, key: Key) -> None:
    """A datapoint was written."""
    if (call.account, call.region, *key) in pending.of(call.cloud).watched:
        touched(call, key)


def touched(call: Call, key: Any) -> None:
    for (alarm,) in call.sql("SELECT alarm FROM cloudwatch_watch WHERE account=? AND region=? AND namespace=? AND name=? AND dims=?", call.account, call.region, *key):
        from .alarms import Alarm
        from .evaluating import step_of
        if found := call.get(Alarm, alarm):
            soon(call, alarm, step_of(found.config))


def planned(call: Call) -> Planned:
    """What is already planned, so that a metric that is written all the time does not plan all the time."""
    return call.cloud.memory.setdefault("cloudwatch.planned", {})  # type: ignore[no-any-return]


def soon(call: Call, alarm: str, step: int) -> None:
    """At the end of the running minute (of the running ten seconds)."""
    at(call, alarm, int(call.now) // step * step + step)


def at(call: Call, alarm: str, moment: float) -> None:
    name, known = (call.account, call.region, alarm), planned(call)
    if known.get(name, moment + 1) <= moment:
        return  # also one that is due this very moment and not yet run: put off each time, it never would be
    from .evaluating import evaluate
    call.due(moment, evaluate, name=alarm, alarm=alarm)
    call.cloud.store.then(known.__setitem__, name, moment)
