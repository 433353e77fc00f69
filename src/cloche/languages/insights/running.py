"""Answering a query: events come in newest first, rows of (field, text) go out.

Fields of JSON messages are found by themselves (`a.b.0`), and those of Lambda's own lines (`@type`, `@duration`, `@maxMemoryUsed`, ...).
"""
from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from .functions import AGGREGATES, FUNCTIONS, Moment, number, text, truth
from .parsing import Column, Node, Query

DEFAULT_ROWS, MOST_FIELDS = 10_000, 1_000
SECONDS = 2.0      # that one regular expression may take with one text; TimeoutError ends the query
REPORT = re.compile(r"(Duration|Billed Duration|Init Duration): ([\d.]+) ms|(Memory Size|Max Memory Used): (\d+) MB")
LAMBDA = {"Duration": "@duration", "Billed Duration": "@billedDuration", "Init Duration": "@initDuration", "Memory Size": "@memorySize", "Max Memory Used": "@maxMemoryUsed"}
REQUEST = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod, "^": operator.pow}
ORDER: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Event:
    """A log event, or a row that a command has made; `found` are its fields."""

    __slots__ = ("found", "message", "ptr", "read")

    def __init__(self, found: dict[str, Any], message: str = "", ptr: str = "") -> None:
        self.found, self.message, self.ptr, self.read = found, message, ptr, False

    def get(self, name: str) -> Any:
        return self.found[name] if name in self.found else self.fields().get(name)

    def set(self, more: dict[str, Any]) -> None:
        self.found = self.found | more

    def fields(self) -> dict[str, Any]:
        """All of them; the message is read when the first is asked for that is not at hand."""
        if not self.read:
            self.read = True
            self.found = discovered(self.message) | self.found
        return self.found


def event(message: str, at: int, ingested: int, stream: str, log: str, ptr: str) -> Event:
    return Event({"@timestamp": Moment(at), "@message": message, "@ingestionTime": Moment(ingested), "@logStream": stream, "@log": log, "@ptr": ptr}, message, ptr)


def discovered(message: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    begin = message.lstrip()[:1]
    if begin == "{":
        try:
            flatten("", json.loads(message), out)
        except (ValueError, RecursionError):
            out = {}
    elif message.startswith(("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ")):
        out["@type"] = message.partition(" ")[0]
        for first, value, second, megabytes in REPORT.findall(message):
            out.setdefault(LAMBDA[first or second], float(value) if value else float(megabytes) * 1_000_000)
    if "@requestId" not in out and (found := REQUEST.search(message)):
        out["@requestId"] = found[0]
    return out


def flatten(name: str, value: Any, out: dict[str, Any]) -> None:
    if len(out) >= MOST_FIELDS:
        return
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            flatten(f"{name}.{key}" if name else str(key), one, out)
    elif value is not None:
        out[name] = value if isinstance(value, str) else text(value) if isinstance(value, bool) else repr(value)


# -- one value ----------------------------------------------------------------------------------------------------------------------

def value_of(node: Node, row: Event, now: float = 0.0) -> Any:
    match node[0]:
        case "number" | "text":
            return node[1]
        case "field":
            found = row.get(node[1])
            return {"true": "1", "false": "0"}.get(node[1]) if found is None else found
        case "not":
            return not truth(value_of(node[1], row, now))
        case "like":
            value = value_of(node[1], row, now)
            return value is not None and node[2].search(text(value), timeout=SECONDS) is not None
        case "in":
            value = value_of(node[1], row, now)
            return any(compared("=", value, value_of(one, row, now)) for one in node[2])
        case "binary":
            return binary(node[1], lambda: value_of(node[2], row, now), lambda: value_of(node[3], row, now))
        case "call":
            if node[1] == "now":
                return now
            values = [value_of(one, row, now) for one in node[2]]
            if node[1] == "bin" and len(values) == 1:
                values = [row.get("@timestamp"), *values]
            return FUNCTIONS[node[1]][2](*values) if node[1] in FUNCTIONS else None
    return None


def binary(op: str, left: Callable[[], Any], right: Callable[[], Any]) -> Any:
    if op == "and":
        return truth(left()) and truth(right())
    if op == "or":
        return truth(left()) or truth(right())
    a, b = left(), right()
    if op in ORDER:
        return compared(op, a, b)
    x, y = number(a), number(b)
    try:
        found = None if x is None or y is None else ARITHMETIC[op](x, y)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(found, complex) else found


def compared(op: str, a: Any, b: Any) -> bool:
    """As numbers, where both are; else as texts. What is not there compares with nothing."""
    if a is None or b is None:
        return False
    x, y = number(a), number(b)
    return ORDER[op](text(a), text(b)) if x is None or y is None else ORDER[op](x, y)


# -- commands -----------------------------------------------------------------------------------------------------------------------

class Answer:
    def __init__(self, rows: list[Event], now: float) -> None:
        self.rows, self.now = rows, now
        self.columns: list[str] = []           # what is shown, in this order
        self.only: list[str] | None = None     # what display names
        self.grouped = False
        self.matched = len(rows)

    def fields(self, columns: list[Column]) -> None:
        self.compute(columns)
        self.columns += [one.name for one in columns if one.name not in self.columns]

    def display(self, columns: list[Column]) -> None:
        self.compute(columns)
        self.only = [one.name for one in columns]

    def compute(self, columns: list[Column]) -> None:
        for name, node in columns:
            if node != ("field", name):
                for row in self.rows:
                    row.set({name: value_of(node, row, self.now)})

    def filter(self, node: Node) -> None:
        self.rows = [row for row in self.rows if truth(value_of(node, row, self.now))]
        if not self.grouped:
            self.matched = len(self.rows)

    def parse(self, how: tuple[Node, Any, list[str]]) -> None:
        node, pattern, names = how
        for row in self.rows:
            value = value_of(node, row, self.now)
            if value is not None and (found := pattern.search(text(value), timeout=SECONDS)):
                groups = [found[name] for name in names] if set(names) <= set(pattern.groupindex) else found.groups()
                row.set({name: part for name, part in zip(names, groups) if part is not None})

    def stats(self, what: tuple[list[Column], list[Column]]) -> None:
        numbers, keys = what
        groups: dict[tuple[Any, ...], list[Event]] = {}
        for row in self.rows:
            groups.setdefault(tuple(value_of(one.node, row, self.now) for one in keys), []).append(row)
        if not keys and not groups:
            groups[()] = []
        self.rows = [Event(dict(zip([one.name for one in keys], key)) | {one.name: aggregate(one.node, rows, self.now) for one in numbers}) for key, rows in groups.items()]
        self.columns, self.only = [one.name for one in [*keys, *numbers]], None
        self.grouped = True

    def sort(self, by: list[tuple[Node, str, bool]]) -> None:
        for node, name, down in reversed(by):
            values = {id(row): row.get(name) if row.get(name) is not None else value_of(node, row, self.now) for row in self.rows}
            there = [row for row in self.rows if values[id(row)] is not None]
            there.sort(key=functools.cmp_to_key(lambda a, b, values=values: order(values[id(a)], values[id(b)])), reverse=down)     # type: ignore[misc]
            self.rows = there + [row for row in self.rows if values[id(row)] is None]

    def dedup(self, columns: list[Column]) -> None:
        """The first of those that are alike in these fields; where a field is missing nothing is alike."""
        seen, kept = set(), []
        for row in self.rows:
            key = tuple(value_of(one.node, row, self.now) for one in columns)
            if None in key or key not in seen:
                seen.add(key)
                kept.append(row)
        self.rows = kept

    def limit(self, most: int) -> None:
        self.rows = self.rows[:most]


def order(a: Any, b: Any) -> int:
    x, y = number(a), number(b)
    if x is not None and y is not None:
        return (x > y) - (x < y)
    return (text(a) > text(b)) - (text(a) < text(b))


def aggregate(node: Node, rows: list[Event], now: float) -> Any:
    if node[0] == "call" and node[1] in AGGREGATES:
        first, *rest = node[2] or [("star",)]
        values = rows if first == ("star",) else [found for row in rows if (found := value_of(first, row, now)) is not None]
        return AGGREGATES[node[1]][2](values, *[value_of(one, Event({}), now) for one in rest])
    if node[0] == "binary":
        return binary(node[1], lambda: aggregate(node[2], rows, now), lambda: aggregate(node[3], rows, now))
    if node[0] == "call":
        return FUNCTIONS[node[1]][2](*[aggregate(one, rows, now) for one in node[2]])
    return value_of(node, rows[0] if rows else Event({}), now)


def run(query: Query, events: Iterable[Event], limit: int | None = None, now: float = 0.0) -> tuple[list[list[tuple[str, str]]], int]:
    """(rows, how many events matched). Newest first, unless the query sorts."""
    answer = Answer(list(events), now)
    for command in query.commands:
        getattr(answer, command.kind)(command.value)
    if query.limit is None:
        answer.limit(limit or DEFAULT_ROWS)
    shown = answer.only if answer.only is not None else answer.columns or ["@timestamp", "@message"]
    rows = []
    for row in answer.rows:
        found = [(name, text(value)) for name in shown if (value := row.get(name)) is not None]
        rows.append(found + ([("@ptr", row.ptr)] if row.ptr and "@ptr" not in shown else []))
    return rows, answer.matched
