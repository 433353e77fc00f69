"""What services say of themselves, gathered in memory for the minute: a request costs a look into a dict and some additions.

It is written when its minute is over, when somebody asks, or when Cloche stops. `kill -9` loses at most the last minute: the numbers of
a minute are the only thing in Cloche that is not on disk when a call returns.
"""
from __future__ import annotations

from functools import partial
from typing import Any

from cloche.kernel import Call

from . import datapoints
from .datapoints import Cell

Place = tuple[str, str, str, str, tuple[tuple[str, str], ...], str]  # account, region, namespace, name, dimensions, unit


class Pending:
    """The cells of the running minute, those of minutes gone by, and which metrics alarms watch."""

    __slots__ = ("cells", "end", "old", "watched")

    def __init__(self) -> None:
        self.cells: dict[Place, Cell] = {}
        self.end = 0.0
        self.old: list[tuple[float, dict[Place, Cell]]] = []
        self.watched: set[tuple[str, str, str, str, str]] = set()


def of(cloud: Any) -> Pending:
    found: Pending | None = cloud.memory.get("cloudwatch")
    if found is None:
        found = cloud.memory["cloudwatch"] = Pending()
        cloud.closers.append(partial(at_end, cloud))
    return found


def turn(cloud: Any, now: float) -> None:
    """Another minute begins (time may also have been set back by nobody: minutes only come)."""
    pending = of(cloud)
    if pending.cells:
        pending.old.append((pending.end - 60, pending.cells))
        pending.cells = {}
        cloud.work.spawn(_write_soon(cloud))
    pending.end = now // 60 * 60 + 60.0


def new_cell(cloud: Any, place: Place) -> Cell:
    pending = of(cloud)
    cell = pending.cells[place] = Cell()
    if pending.watched:
        from . import gauges
        account, region, namespace, name, dims, _ = place
        text = datapoints.dims_text(dims)
        if (watch := (account, region, namespace, name, text)) in pending.watched:
            cloud.work.spawn(_tell_soon(cloud, watch))
        if level := gauges.beside(namespace):  # something happens there: who watches the levels looks as well
            for watch in pending.watched:
                if watch[:3] == (account, region, namespace) and watch[4] == text and watch[3].startswith(level):
                    cloud.work.spawn(_tell_soon(cloud, watch))
    return cell


async def _tell_soon(cloud: Any, watch: tuple[str, str, str, str, str]) -> None:
    """The first value of a minute: whoever watches looks at the minute's end."""
    from .watching import touched
    with cloud.store:
        touched(cloud.internal(cloud.service("cloudwatch"), watch[0], watch[1]), watch[2:])


async def _write_soon(cloud: Any) -> None:
    with cloud.store:
        flush(cloud.internal(cloud.service("cloudwatch"), "", ""), False)


def flush(call: Call, all_: bool = True) -> None:
    """Write what waits; inside a step. `all_`: also the minute that is not over."""
    pending = of(call.cloud)
    if all_ and pending.cells:
        pending.old.append((pending.end - 60, pending.cells))
        pending.cells = {}
    if not pending.old:
        return
    waiting, pending.old = pending.old, []
    if call.cloud.store._steps:
        call.cloud.store.on_rollback(lambda: pending.old.extend(waiting))
    for minute, cells in waiting:
        for (account, region, namespace, name, dims, unit), cell in cells.items():
            datapoints.write(call.at(account, region), (namespace, name, datapoints.dims_text(dims)), minute, unit, cell)


def at_end(cloud: Any) -> None:
    pending = of(cloud)
    if not pending.cells and not pending.old:
        return
    with cloud.store:
        flush(cloud.internal(cloud.service("cloudwatch"), "", ""))
