"""CloudWatch metric math: `IF(m1 > 5, m1 / PERIOD(m1))`, parsed once and evaluated over time series.

A value is a number, a series, or a list of series. Series meet on the timestamps that both have; a list meets anything element by element.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from . import metric_functions
from .metric_functions import Invalid, Series, Value, combine

Node = tuple[Any, ...]  # ("number", x) ("text", s) ("id", name) ("list", [..]) ("call", NAME, [..]) ("binary", op, a, b) ("minus", a)
TOKEN = re.compile(r"""\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<op><=|>=|==|!=|&&|\|\||[-+*/^<>(),\[\]!]))""")
LEVELS = (("||", "OR"), ("&&", "AND"), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"), ("^",))
WORDS = {"OR": "||", "AND": "&&"}


class Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found or found.lastgroup is None:
                raise Invalid(f"Unexpected character at position {at}: '{text[at:at + 10].strip()}'")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str, str]:
        if self.at >= len(self.tokens) or (wanted and self.tokens[self.at][1] != wanted):
            raise Invalid(f"Expected '{wanted}'" if wanted else "The expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def binary(self, level: int = 0) -> Node:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.at < len(self.tokens) and self.tokens[self.at][0] != "text" and self.peek().upper() in LEVELS[level]:
            op = self.take()[1].upper()
            left = ("binary", WORDS.get(op, op), left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        if self.peek() == "-":
            self.take()
            return ("minus", self.unary())
        kind, text = self.take()
        if kind == "number":
            return ("number", float(text))
        if kind == "text":
            return ("text", re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "name":
            if self.peek() == "(":
                self.take()
                return ("call", text.upper(), self.items(")"))
            return ("id", text)
        if text == "(":
            inner = self.binary()
            self.take(")")
            return inner
        if text == "[":
            return ("list", self.items("]"))
        raise Invalid(f"Unexpected '{text}'")

    def items(self, end: str) -> list[Node]:
        found: list[Node] = []
        while self.peek() != end:
            if found:
                self.take(",")
            found.append(self.binary())
        self.take(end)
        return found


@lru_cache(2048)
def parse(text: str) -> Node:
    parser = Parser(text)
    node = parser.binary()
    if parser.at != len(parser.tokens):
        raise Invalid(f"Unexpected '{parser.peek()}'")
    check(node)
    return node


CONTEXTUAL = ("METRICS", "SEARCH", "INSIGHT_RULE_METRIC")
NOT_BUILT = ("ANOMALY_DETECTION_BAND", "SERVICE_QUOTA", "DB_PERF_INSIGHTS", "LAMBDA")


def check(node: Node) -> None:
    if node[0] == "call":
        name = node[1]
        if name in NOT_BUILT:
            raise Invalid(f"The function {name} is not built in Cloche")
        if name not in CONTEXTUAL:
            if name not in metric_functions.FUNCTIONS:
                raise Invalid(f"Unknown function {name}")
            least, most = metric_functions.FUNCTIONS[name][:2]
            if not least <= len(node[2]) <= most:
                raise Invalid(f"The function {name} does not take {len(node[2])} arguments")
        elif (name == "SEARCH" and len(node[2]) not in (2, 3)) or (name == "INSIGHT_RULE_METRIC" and len(node[2]) != 2):
            raise Invalid(f"The function {name} does not take {len(node[2])} arguments")
    for part in node[1:]:
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, tuple):
                check(one)


def ids(node: Node) -> set[str]:
    """The queries that an expression names."""
    if node[0] == "id":
        return {node[1]} - set(KEYWORDS)
    return {name for part in node[1:] for one in (part if isinstance(part, list) else [part]) if isinstance(one, tuple) for name in ids(one)}


def calls(node: Node) -> set[str]:
    found = {node[1]} if node[0] == "call" else set()
    for part in node[1:]:
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, tuple):
                found |= calls(one)
    return found


KEYWORDS = ("REPEAT", "LINEAR", "AVG", "MAX", "MIN", "SUM", "ASC", "DESC")


class World:
    """What an expression can see: the other queries by id, all metrics of the request, a search, and the time that is asked for."""

    def __init__(self, get: Callable[[str], Value], metrics: Callable[[], list[tuple[str, Series]]], search: Callable[[str, str, int | None], list[Series]], start: int, end: int, period: int,
                 rule: Callable[[str, str, int], Series] | None = None) -> None:
        self.get, self.metrics, self.search, self.start, self.end, self.period, self.rule = get, metrics, search, start, end, period, rule


def evaluate(node: Node, world: World) -> Value:
    kind = node[0]
    if kind in ("number", "text"):
        return node[1]  # type: ignore[no-any-return]
    if kind == "id":
        return node[1] if node[1] in KEYWORDS else world.get(node[1])
    if kind == "list":
        out: list[Any] = []
        for one in node[1]:
            value = evaluate(one, world)
            out += value if isinstance(value, list) else [value]
        return out
    if kind == "minus":
        return combine("-", 0.0, evaluate(node[1], world))
    if kind == "binary":
        return combine(node[1], evaluate(node[2], world), evaluate(node[3], world))
    name, arguments = node[1], node[2]
    if name == "METRICS":
        wanted = evaluate(arguments[0], world) if arguments else ""
        return [series for id_, series in world.metrics() if str(wanted) in id_]
    values = [evaluate(one, world) for one in arguments]
    if name == "SEARCH":
        return world.search(str(values[0]), str(values[1]), int(values[2]) if len(values) > 2 else None)  # type: ignore[arg-type]
    if name == "INSIGHT_RULE_METRIC" and world.rule is not None:
        return world.rule(str(values[0]), str(values[1]), world.period)
    return metric_functions.FUNCTIONS[name][2](world, *values)
