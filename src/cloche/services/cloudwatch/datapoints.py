"""Datapoints: what was said about a metric in a second or a minute, added up as it arrives.

A row is a sample count, sum, minimum, maximum, and the values with their counts (for percentiles) of one metric in one slot. Old rows
are folded into coarser slots: seconds into minutes after 3 hours, minutes into five after 15 days, those into hours after 63, gone after 455.
Services' own metrics gather in memory until their minute is over or somebody asks (see `pending.py`).
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from cloche.kernel import Call

from . import service as cloudwatch

cloudwatch.table("""CREATE TABLE IF NOT EXISTS cloudwatch_metric (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, dims TEXT NOT NULL, folded REAL NOT NULL)""")
cloudwatch.table("CREATE UNIQUE INDEX IF NOT EXISTS cloudwatch_metric_is ON cloudwatch_metric (account, region, namespace, name, dims)")
cloudwatch.table("""CREATE TABLE IF NOT EXISTS cloudwatch_point (
    metric INTEGER NOT NULL, ts INTEGER NOT NULL, res INTEGER NOT NULL, unit TEXT NOT NULL, n REAL NOT NULL, total REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL,
    vals BLOB, PRIMARY KEY (metric, ts, res, unit)) WITHOUT ROWID""")

DAY = 86_400
# what a slot of so many seconds becomes, and after how long
FOLDS = ((1, 60, 3 * 3600), (60, 300, 15 * DAY), (300, 3600, 63 * DAY))
KEPT = 455 * DAY
DISTINCT = 1_000  # values kept exactly in one slot; beyond, they are rounded to three digits

Key = tuple[str, str, str]  # namespace, name, dimensions as JSON text
encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(dict[float, float]).decode


class Cell:
    """Some values of one metric, added up. `vals` is None where only statistics are known."""

    __slots__ = ("high", "low", "n", "total", "vals")

    def __init__(self, n: float = 0.0, total: float = 0.0, low: float = float("inf"), high: float = float("-inf"), vals: dict[float, float] | None = None) -> None:
        self.n, self.total, self.low, self.high, self.vals = n, total, low, high, {} if vals is None and not n else vals

    def add(self, value: float, count: float = 1.0) -> None:
        self.n += count
        self.total += value * count
        self.low, self.high = min(self.low, value), max(self.high, value)
        if self.vals is not None:
            self.vals[value] = self.vals.get(value, 0.0) + count
            if len(self.vals) > DISTINCT:
                self.vals = coarse(self.vals)

    def merge(self, other: Cell) -> None:
        if not other.n:
            return
        if self.vals is not None and other.vals is not None:
            for value, count in other.vals.items():
                self.vals[value] = self.vals.get(value, 0.0) + count
            if len(self.vals) > DISTINCT:
                self.vals = coarse(self.vals)
        else:
            self.vals = None
        self.n, self.total, self.low, self.high = self.n + other.n, self.total + other.total, min(self.low, other.low), max(self.high, other.high)


def coarse(vals: dict[float, float]) -> dict[float, float]:
    out: dict[float, float] = {}
    for value, count in vals.items():
        rounded = float(f"{value:.3g}")
        out[rounded] = out.get(rounded, 0.0) + count
    return out


def from_set(n: float, total: float, low: float, high: float) -> Cell:
    """A statistic set has percentiles only where it can hold one value alone."""
    return Cell(n, total, low, high, {low: n} if n and (n == 1 or low == high) else None)


def dims_text(pairs: Iterable[tuple[str, str]]) -> str:
    return json.dumps(sorted(pairs), separators=(",", ":"), ensure_ascii=False)


def dims_of(dimensions: Any) -> str:
    return dims_text((d["Name"], d["Value"]) for d in dimensions or ())


def dims_list(text: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in json.loads(text)]


# -- metrics ----------------------------------------------------------------------------------------------------------

def known(call: Call, key: Key) -> int | None:
    row = call.row("SELECT id FROM cloudwatch_metric WHERE account=? AND region=? AND namespace=? AND name=? AND dims=?", call.account, call.region, *key)
    return row and row[0]


def number(call: Call, key: Key) -> int:
    """The metric's number; it is made by its first datapoint."""
    found = known(call, key)
    if found is None:
        found = call.row(
            "INSERT INTO cloudwatch_metric (account, region, namespace, name, dims, folded) VALUES (?,?,?,?,?,?) RETURNING id", call.account, call.region, *key, call.now)[0]
    return found


# -- writing ----------------------------------------------------------------------------------------------------------

def write(call: Call, key: Key, moment: float, unit: str, cell: Cell, res: int = 60) -> None:
    metric = number(call, key)
    add(call, metric, int(moment) // res * res, res, unit, cell)
    if call.cloud.memory.get("cloudwatch.streams"):
        from . import metric_streams
        metric_streams.note(call, metric, int(moment))
    folded = call.row("SELECT folded FROM cloudwatch_metric WHERE id=?", metric)[0]
    if call.now - folded > DAY:
        fold(call, metric)


def add(call: Call, metric: int, slot: int, res: int, unit: str, cell: Cell) -> None:
    row = call.row("SELECT n, total, low, high, vals FROM cloudwatch_point WHERE metric=? AND ts=? AND res=? AND unit=?", metric, slot, res, unit)
    if row is not None:
        there = Cell(*row[:4], decode(row[4]) if row[4] is not None else None)
        there.merge(cell)
        cell = there
    call.sql(
        "INSERT OR REPLACE INTO cloudwatch_point VALUES (?,?,?,?,?,?,?,?,?)", metric, slot, res, unit, cell.n, cell.total, cell.low, cell.high,
        encode(cell.vals) if cell.vals is not None else None)


def fold(call: Call, metric: int) -> None:
    """Once a day a metric that is written has its old rows made coarser; what it may answer does not depend on it."""
    call.sql("UPDATE cloudwatch_metric SET folded=? WHERE id=?", call.now, metric)
    call.sql("DELETE FROM cloudwatch_point WHERE metric=? AND ts<?", metric, int(call.now - KEPT))
    for fine, wide, age in FOLDS:
        before = int(call.now - age) // wide * wide
        for ts, unit, *numbers, vals in call.sql("SELECT ts, unit, n, total, low, high, vals FROM cloudwatch_point WHERE metric=? AND ts<? AND res=?", metric, before, fine):
            call.sql("DELETE FROM cloudwatch_point WHERE metric=? AND ts=? AND res=? AND unit=?", metric, ts, fine, unit)
            add(call, metric, ts // wide * wide, wide, unit, Cell(*numbers, decode(vals) if vals is not None else None))


# -- reading ----------------------------------------------------------------------------------------------------------

def read(call: Call, key: Key, start: int, end: int, period: int, unit: str | None = None, values: bool = False) -> dict[tuple[int, str], Cell]:
    """Per (slot, unit): the slots begin at `start` and are `period` long. Times whose rows are coarser by now than the period answer nothing."""
    metric = known(call, key)
    if metric is None:
        return {}
    start_kept = int(call.now - KEPT)
    for _, wide, age in FOLDS:
        if period % wide:
            start_kept = max(start_kept, int(call.now - age))
            break
    found: dict[tuple[int, str], Cell] = {}
    for ts, unit_, *numbers, vals in call.each(
        f"SELECT ts, unit, n, total, low, high, {'vals' if values else 'NULL'} FROM cloudwatch_point WHERE metric=? AND ts>=? AND ts<?", metric, max(start, start_kept), end):
        if unit is not None and unit_ != unit:
            continue
        slot = (start + (ts - start) // period * period, unit_)
        one = Cell(*numbers, decode(vals) if vals is not None else None)
        if slot in found:
            found[slot].merge(one)
        else:
            found[slot] = one
    return found


def next_after(call: Call, key: Key, since: int) -> int | None:
    """The first moment at or after `since` at which the metric has a datapoint."""
    metric = known(call, key)
    row = None if metric is None else call.row("SELECT min(ts) FROM cloudwatch_point WHERE metric=? AND ts>=?", metric, since)
    return row and row[0]
