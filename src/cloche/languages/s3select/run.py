"""A query over records: every node becomes a function of the record, once; NULL and MISSING make what they touch unknown.

A record of CSV is a list of texts, one of JSON any value. Texts beside numbers count as numbers where they can be read as such: all of CSV is text.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation
from functools import lru_cache
from typing import Any

from . import functions, moments
from .errors import Invalid, bad_argument
from .functions import MISSING, number
from .moments import Moment
from .parser import Node, Query

Value = Callable[[Any], Any]
Out = Callable[[list[str], list[Any]], None]


class Run:
    """`header`: names of the columns of CSV, () where there are only numbers; None for JSON."""

    def __init__(self, query: Query, header: tuple[str, ...] | None, now: float) -> None:
        self.query, self.header, self.now = query, header, now
        self.sums: list[Sum] = []
        self.where = self.compiled(query.where) if query.where is not None else None
        self.shown = [self.compiled(node) for node, _ in query.shown]
        self.names = [name for _, name in query.shown]
        self.left = query.limit
        if header is not None and any(step != ("all", "") for step in query.source):
            raise Invalid("InvalidKeyPath", "The key path in the SQL expression is invalid: CSV has no paths.")

    @property
    def over(self) -> bool:
        """Nothing more is wanted."""
        return self.left == 0

    def take(self, record: Any, out: Out) -> None:
        for row in (record,) if self.header is not None else reached(record, self.query.source):
            if self.left == 0:
                return
            if self.where is not None and self.where(row) is not True:
                continue
            if self.sums:
                for one in self.sums:
                    one.add(row)
                continue
            if self.left is not None:
                self.left -= 1
            if self.shown:
                out(self.names, [value(row) for value in self.shown])
            else:
                out(*self.everything(row))

    def end(self, out: Out) -> None:
        if self.sums and self.query.limit != 0:
            out(self.names, [value(None) for value in self.shown])

    def everything(self, row: Any) -> tuple[list[str], list[Any]]:
        if self.header is not None:
            names = list(self.header[:len(row)])
            return names + [f"_{n}" for n in range(len(names) + 1, len(row) + 1)], row
        if isinstance(row, dict):
            return list(row), list(row.values())
        return ([], []) if row is MISSING else (["_1"], [row])

    # --- nodes to functions

    def compiled(self, node: Node) -> Value:
        kind = node[0]
        if kind == "value":
            value = node[1]
            return lambda row: value
        if kind == "missing":
            return lambda row: MISSING
        if kind == "path":
            return self.path(node[1])
        if kind == "list":
            items = [self.compiled(one) for one in node[1]]
            return lambda row: [item(row) for item in items]
        if kind == "sum":
            self.sums.append(Sum(node[1], self.compiled(node[2]) if node[2] is not None else None))
            return self.sums[-1].value
        if kind == "call":
            return self.called(node[1], [self.compiled(one) for one in node[2]])
        if kind == "case":
            branches, otherwise = [(self.compiled(when), self.compiled(then)) for when, then in node[1]], self.compiled(node[2])
            return lambda row: next((then for when, then in branches if when(row) is True), otherwise)(row)
        if kind == "IN":
            subject, items = self.compiled(node[1]), [self.compiled(one) for one in node[2]]
            return lambda row: either([compared("=", subject(row), item) for one in items for item in spread(one(row))])
        if kind == "LIKE":
            return self.like(*[self.compiled(one) if one is not None else None for one in node[1:]])
        first = self.compiled(node[1])
        if kind == "NOT":
            return lambda row: negated(first(row))
        if kind == "IS NULL":
            return lambda row: first(row) is None or first(row) is MISSING
        if kind == "IS MISSING":
            return lambda row: first(row) is MISSING
        second = self.compiled(node[2])
        if kind == "AND":
            return lambda row: both(first(row), lambda: second(row))
        if kind == "OR":
            return lambda row: either([first(row), second(row)])
        if kind == "||":
            return lambda row: joined(first(row), second(row))
        if kind in "+-*/%":
            return lambda row: reckoned(kind, first(row), second(row))
        return lambda row: compared(kind, first(row), second(row))

    def called(self, name: str, arguments: list[Value]) -> Value:
        if name == "UTCNOW":
            moment = moments.now(self.now)
            return lambda row: moment
        if name == "COALESCE":
            return lambda row: next((value for one in arguments if (value := one(row)) is not None and value is not MISSING), None)
        if name == "NULLIF":
            return lambda row: None if compared("=", arguments[0](row), arguments[1](row)) is True else arguments[0](row)
        function = functions.FUNCTIONS[name]

        def run(row: Any) -> Any:
            values = [one(row) for one in arguments]
            return None if any(value is None or value is MISSING for value in values) else function(*values)
        return run

    def like(self, subject: Any, pattern: Any, escape: Any) -> Value:
        def run(row: Any) -> Any:
            text, wanted, mark = subject(row), pattern(row), escape(row) if escape is not None else ""
            if not all(isinstance(one, str) for one in (text, wanted, mark)):
                if any(one is None or one is MISSING for one in (text, wanted, mark)):
                    return None
                raise bad_argument("LIKE")
            return wildcard(wanted, mark)(text)
        return run

    def path(self, steps: list[Any]) -> Value:
        alias, first = self.query.alias, steps[0]
        named = first[1].lower() in ({alias.lower()} if alias else {"s3object"})
        if self.header is not None:
            if named and len(steps) > 1:
                steps = steps[1:]
            elif len(steps) > 1:
                raise Invalid("InvalidTableAlias", "The SQL expression contains an invalid table alias.")
            return self.column(steps)
        rest = steps[1:] if named else steps
        if not rest:
            return lambda row: row
        if len(steps) > 1 and not named and alias and first[1].lower() == "s3object":
            raise Invalid("InvalidTableAlias", "The SQL expression contains an invalid table alias.")

        def run(row: Any) -> Any:
            for step in rest:
                row = member(row, step)
                if row is MISSING:
                    break
            return row
        return run

    def column(self, steps: list[Any]) -> Value:
        if len(steps) != 1 or steps[0][0] != "name":
            raise Invalid("InvalidKeyPath", "The key path in the SQL expression is invalid: CSV has no paths.")
        _, name, exact = steps[0]
        header = self.header or ()
        same = [n for n, one in enumerate(header) if one == name] or ([] if exact else [n for n, one in enumerate(header) if one.lower() == name.lower()])
        if len(same) > 1:
            raise Invalid("AmbiguousFieldName", f"The field name {name} matches to multiple fields in the file. Check the SQL expression and the file, and try again.")
        if not same:
            if not (name[0] == "_" and name[1:].isdigit()):
                raise Invalid("MissingHeaders", "Some headers in the query are missing from the file. Check the file and try again.")
            if name[1:].startswith("0"):
                raise Invalid("InvalidColumnIndex", "The column index in the SQL expression is invalid.")
            same = [int(name[1:]) - 1]
        [at] = same
        return lambda row: row[at] if at < len(row) else MISSING


class Sum:
    """An aggregate function over the records that were let through."""

    def __init__(self, name: str, argument: Value | None) -> None:
        self.name, self.argument, self.count = name, argument, 0
        self.total: Any = 0
        self.best: Any = None

    def add(self, row: Any) -> None:
        value = self.argument(row) if self.argument is not None else 1
        if value is None or value is MISSING:
            return
        self.count += 1
        if self.name in ("SUM", "AVG"):
            known = number(value)
            if known is None:
                raise bad_argument(self.name)
            self.total += known
        elif self.name in ("MAX", "MIN") and (self.best is None or compared(">" if self.name == "MAX" else "<", value, self.best) is True):
            self.best = value

    def value(self, _: Any) -> Any:
        if self.name == "COUNT":
            return self.count
        if not self.count:
            return None
        if self.name == "AVG":
            return plain(Decimal(self.total) / self.count)
        return self.total if self.name == "SUM" else self.best


# --- paths --------------------------------------------------------------------------------------------------------------------

def member(value: Any, step: Any) -> Any:
    if step[0] == "at":
        return value[step[1]] if isinstance(value, list) and step[1] < len(value) else MISSING
    if not isinstance(value, dict):
        return MISSING
    if step[1] in value or step[2]:
        return value.get(step[1], MISSING)
    same = [name for name in value if name.lower() == step[1].lower()]
    if len(same) > 1:
        raise Invalid("AmbiguousFieldName", f"The field name {step[1]} matches to multiple fields in the file. Check the SQL expression and the file, and try again.")
    return value[same[0]] if same else MISSING


def reached(record: Any, steps: list[Any]) -> list[Any]:
    """The rows that FROM makes of a record. The first [*] stands for the records themselves; a wildcard that finds nothing gives MISSING."""
    rows = [record]
    for step in steps[1:] if steps[:1] == [("all", "")] else steps:
        if step[0] != "all":
            rows = [member(row, step) for row in rows]
        elif step[1]:
            rows = [one for row in rows for one in (list(row.values()) if isinstance(row, dict) and row else [MISSING])]
        else:
            rows = [one for row in rows for one in (row if isinstance(row, list) and row else [MISSING])]
    return rows


# --- values -------------------------------------------------------------------------------------------------------------------

def unknown(*values: Any) -> bool:
    return any(value is None or value is MISSING for value in values)


def spread(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def negated(value: Any) -> Any:
    return (not value) if isinstance(value, bool) else None


def both(first: Any, second: Callable[[], Any]) -> Any:
    if first is False:
        return False
    other = second()
    return False if other is False else True if first is True and other is True else None


def either(values: list[Any]) -> Any:
    return True if any(value is True for value in values) else None if any(value is not False for value in values) else False


def alike(a: Any, b: Any) -> tuple[Any, Any] | None:
    """Both as one kind of thing, if they are."""
    if isinstance(a, bool) or isinstance(b, bool):
        return (a, b) if isinstance(a, bool) and isinstance(b, bool) else None
    if isinstance(a, str) and isinstance(b, str):
        return a, b
    if isinstance(a, Moment) or isinstance(b, Moment):
        try:
            return tuple(one.when if isinstance(one, Moment) else moments.read(one).when for one in (a, b))  # type: ignore[return-value]
        except (Invalid, AttributeError):
            return None
    if isinstance(a, (int, Decimal, str)) and isinstance(b, (int, Decimal, str)):
        pair = number(a), number(b)
        return None if None in pair else pair
    return (a, b) if type(a) is type(b) else None


def compared(op: str, a: Any, b: Any) -> Any:
    if unknown(a, b):
        return None
    pair = alike(a, b)
    if pair is None:
        return op == "<>"
    if op in ("=", "<>"):
        return (pair[0] == pair[1]) == (op == "=")
    try:
        return {"<": pair[0] < pair[1], ">": pair[0] > pair[1], "<=": pair[0] <= pair[1], ">=": pair[0] >= pair[1]}[op]
    except TypeError:
        return None


def joined(a: Any, b: Any) -> Any:
    if unknown(a, b):
        return None
    if not isinstance(a, str) or not isinstance(b, str):
        raise bad_argument("||")
    return a + b


def reckoned(op: str, a: Any, b: Any) -> Any:
    if unknown(a, b):
        return None
    x, y = number(a), number(b)
    if x is None or y is None:
        raise bad_argument(op)
    try:
        if op == "+":
            return plain(x + y)
        if op == "-":
            return plain(x - y)
        if op == "*":
            return plain(x * y)
        if not y:
            raise DivisionByZero
        if op == "%":
            return plain(Decimal(x) % Decimal(y))
        return int(Decimal(x) / Decimal(y)) if isinstance(x, int) and isinstance(y, int) else plain(Decimal(x) / Decimal(y))
    except (InvalidOperation, DivisionByZero, OverflowError):
        raise Invalid("EvaluatorInvalidArguments", "A number cannot be reckoned in the SQL expression (division by zero?).") from None


def plain(value: Any) -> Any:
    return value.normalize() + 0 if isinstance(value, Decimal) else value


@lru_cache(maxsize=256)
def wildcard(pattern: str, escape: str) -> Callable[[str], bool]:
    """LIKE. Between two % stands a stretch of one length, which is looked for from the left: no pattern takes long."""
    stretches: list[list[str]] = [[]]
    letters = iter(pattern)
    for letter in letters:
        if escape and letter == escape:
            following = next(letters, "")
            if following not in ("%", "_", escape):
                raise Invalid("EvaluatorLikePatternInvalidEscapeSequence", "An invalid escape sequence for LIKE was found in the SQL expression.")
            stretches[-1].append(re.escape(following))
        elif letter == "%":
            stretches.append([])
        else:
            stretches[-1].append("." if letter == "_" else re.escape(letter))
    looked = [(re.compile("".join(stretch), re.DOTALL), len(stretch)) for stretch in stretches]
    (first, size), (last, tail) = looked[0], looked[-1]
    middle = [one for one, _ in looked[1:-1]]

    def fits(text: str) -> bool:
        if first.match(text) is None:
            return False
        if len(looked) == 1:
            return len(text) == size
        at, end = size, len(text) - tail
        for one in middle:
            found = one.search(text, at, max(end, at))
            if found is None:
                return False
            at = found.end()
        return end >= at and last.match(text, end) is not None
    return fits
