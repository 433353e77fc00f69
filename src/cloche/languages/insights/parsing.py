"""From text to commands: `fields`, `display`, `filter`, `stats`, `sort`, `limit`, `parse`, `dedup`, parted by `|`.

An expression is a tuple whose first item says what it is: ("number", 1.0) ("text", "a") ("field", "@message") ("call", name, arguments) ("binary", op, a, b)
("not", a) ("like", a, pattern) ("in", a, [..]) ("star",).
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import regex

from .functions import AGGREGATES, FUNCTIONS

Node = tuple[Any, ...]
BLANK = re.compile(r"(?:\s+|#[^\n]*)+")
TOKEN = re.compile(r"""
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)|(?P<duration>\d+(?:ms|mo|[smhdwqy])\b)|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[@A-Za-z_][\w.@]*)|(?P<sign><=|>=|!=|=~|[-+*/%^=<>(),\[\]|])""", re.X)
NOT_BUILT = ("unmask", "diff", "pattern", "unnest", "anomaly", "lookup", "join", "source", "filterindex", "addtotals", "fillmissing")
RESERVED = ("by", "as", "asc", "desc", "and", "or", "not", "like", "in")


class Malformed(ValueError):
    """Not a query; `start` and `end` say where."""

    def __init__(self, message: str, start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.message, self.start, self.end = message, start, end


class Column(NamedTuple):
    name: str
    node: Node


class Command(NamedTuple):
    kind: str
    value: Any


class Query(NamedTuple):
    commands: tuple[Command, ...]

    @property
    def limit(self) -> int | None:
        return next((one.value for one in reversed(self.commands) if one.kind == "limit"), None)


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


END = "end"


class Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.token = self.read()

    def read(self) -> Token:
        if blank := BLANK.match(self.text, self.at):
            self.at = blank.end()
        if self.at >= len(self.text):
            return Token(END, "end of query", self.at, self.at)
        found = TOKEN.match(self.text, self.at)
        if found is None:
            raise Malformed(f"unexpected symbol found {self.text[self.at]}", self.at, self.at + 1)
        return Token(found.lastgroup or "", found[0], found.start(), found.end())

    def take(self, wanted: str = "") -> Token:
        taken = self.token
        if wanted and taken.text.lower() != wanted:
            raise self.unexpected()
        self.at = taken.end
        self.token = self.read()
        return taken

    def sees(self, *words: str) -> bool:
        return self.token.kind in ("word", "sign") and self.token.text.lower() in words

    def unexpected(self) -> Malformed:
        return Malformed(f"unexpected symbol found {self.token.text} at line {self.text.count(chr(10), 0, self.token.start) + 1} and position {self.token.start - self.text.rfind(chr(10), 0, self.token.start)}",
                         self.token.start, self.token.end)

    # commands
    def query(self) -> Query:
        found: list[Command] = []
        while self.sees("|"):
            self.take()
        while self.token.kind != END:
            found.append(self.command())
            if self.token.kind != END:
                self.take("|")
        if not found:
            raise Malformed("the query is empty")
        return Query(tuple(found))

    def command(self) -> Command:
        if self.token.kind != "word":
            raise self.unexpected()
        name = self.token.text.lower()
        if name in NOT_BUILT:
            raise Malformed(f"the command {name} is not built in Cloche", self.token.start, self.token.end)
        if name not in ("fields", "display", "filter", "stats", "sort", "limit", "parse", "dedup"):
            raise self.unexpected()
        self.take()
        return Command(name, getattr(self, name)())

    def fields(self) -> list[Column]:
        return self.columns()

    display = fields

    def filter(self) -> Node:
        return self.expression()

    def stats(self) -> tuple[list[Column], list[Column]]:
        start, numbers = self.token, self.columns()
        if not all(aggregated(one.node) for one in numbers):
            raise Malformed("stats takes aggregation functions only", start.start, start.end)
        keys = []
        if self.sees("by"):
            self.take()
            keys = self.columns()
        return numbers, keys

    def sort(self) -> list[tuple[Node, str, bool]]:
        """(what, its text, whether the greatest comes first)"""
        found = []
        while True:
            start = self.token.start
            node, text = self.expression(), self.text[start:self.previous_end()].strip()
            down = self.sees("desc")
            if self.sees("asc", "desc"):
                self.take()
            found.append((node, text, down))
            if not self.sees(","):
                return found
            self.take()

    def limit(self) -> int:
        if self.token.kind != "number" or not self.token.text.isdigit():
            raise self.unexpected()
        return int(self.take().text)

    def dedup(self) -> list[Column]:
        return self.columns()

    def parse(self) -> tuple[Node, regex.Pattern[str], list[str]]:
        """(what is looked at, a pattern, the names of its groups)"""
        node: Node = ("field", "@message")
        if self.token.kind not in ("text", END) and self.token.text != "/":
            node = self.primary()
        if self.sees("/"):
            pattern = self.expressed()
            names = [name for name, _ in sorted(pattern.groupindex.items(), key=lambda one: one[1])]
            if self.sees("as"):
                names = self.names()
            if not names or (len(names) != pattern.groups and not pattern.groupindex):
                raise Malformed("the groups of the pattern need names")
            return node, pattern, names
        if self.token.kind != "text":
            raise self.unexpected()
        start = self.token
        glob = unquoted(self.take().text)
        names = self.names()
        if glob.count("*") != len(names):
            raise Malformed(f"the pattern has {glob.count('*')} wildcards and {len(names)} names", start.start, start.end)
        *most, last = [re.escape(part) for part in glob.split("*")]
        text = "(.*?)".join([*most, last]) if last else "(.*?)".join(most) + "(.*)"
        return node, regex.compile(text, regex.S), names

    def names(self) -> list[str]:
        self.take("as")
        found = [self.name()]
        while self.sees(","):
            self.take()
            found.append(self.name())
        return found

    def name(self) -> str:
        if self.token.kind not in ("word", "quoted"):
            raise self.unexpected()
        return self.take().text.strip("`")

    def columns(self) -> list[Column]:
        found = [self.column()]
        while self.sees(","):
            self.take()
            found.append(self.column())
        return found

    def column(self) -> Column:
        start = self.token.start
        node = self.expression()
        name = node[1] if node[0] == "field" else self.text[start:self.previous_end()].strip()
        if self.sees("as"):
            self.take()
            name = self.name()
        return Column(name, node)

    def previous_end(self) -> int:
        """Where the last token taken ended: before the blanks in front of the present one."""
        return len(self.text[:self.token.start].rstrip())

    # expressions
    def expression(self) -> Node:
        node = self.conjunction()
        while self.sees("or"):
            self.take()
            node = ("binary", "or", node, self.conjunction())
        return node

    def conjunction(self) -> Node:
        node = self.negation()
        while self.sees("and"):
            self.take()
            node = ("binary", "and", node, self.negation())
        return node

    def negation(self) -> Node:
        if self.sees("not"):
            self.take()
            return ("not", self.negation())
        return self.comparison()

    def comparison(self) -> Node:
        node = self.sum()
        if self.sees("=", "!=", "<", "<=", ">", ">="):
            return ("binary", self.take().text, node, self.sum())
        negated = self.sees("not")
        if negated:
            self.take()
            if not self.sees("like", "in"):
                raise self.unexpected()
        if self.sees("like", "=~"):
            self.take()
            found: Node = ("like", node, self.pattern())
        elif self.sees("in"):
            self.take()
            found = ("in", node, self.items("[", "]"))
        else:
            return node
        return ("not", found) if negated else found

    def pattern(self) -> Any:
        """A regular expression, or a text that must occur."""
        if self.sees("/"):
            return self.expressed()
        if self.token.kind != "text":
            raise self.unexpected()
        return regex.compile(re.escape(unquoted(self.take().text)))

    def expressed(self) -> regex.Pattern[str]:
        start = at = self.token.start + 1
        while at < len(self.text) and self.text[at] != "/":
            at += 2 if self.text[at] == "\\" else 1
        if at >= len(self.text):
            raise Malformed("a regular expression does not end", start - 1, len(self.text))
        source = self.text[start:at].replace("\\/", "/")
        try:
            made = regex.compile(source)
        except regex.error as error:
            raise Malformed(f"invalid regular expression: {error}", start, at) from None
        self.at = at + 1
        self.token = self.read()
        return made

    def sum(self) -> Node:
        node = self.product()
        while self.sees("+", "-"):
            node = ("binary", self.take().text, node, self.product())
        return node

    def product(self) -> Node:
        node = self.power()
        while self.sees("*", "/", "%"):
            node = ("binary", self.take().text, node, self.power())
        return node

    def power(self) -> Node:
        node = self.primary()
        if self.sees("^"):
            self.take()
            return ("binary", "^", node, self.power())
        return node

    def primary(self) -> Node:
        token = self.token
        if self.sees("-"):
            self.take()
            return ("binary", "-", ("number", 0.0), self.primary())
        if self.sees("("):
            self.take()
            node = self.expression()
            self.take(")")
            return node
        match token.kind:
            case "number":
                return ("number", float(self.take().text))
            case "text":
                return ("text", unquoted(self.take().text))
            case "duration":
                return ("text", self.take().text)
            case "quoted":
                return ("field", self.take().text.strip("`"))
            case "word" if token.text.lower() not in RESERVED:
                self.take()
                return self.called(token) if self.sees("(") else ("field", token.text)
        raise self.unexpected()

    def called(self, name: Token) -> Node:
        key = name.text.lower()
        if key not in FUNCTIONS and key not in AGGREGATES:
            raise Malformed(f"unknown function {name.text}", name.start, name.end)
        arguments = self.items("(", ")")
        least, most = (FUNCTIONS.get(key) or AGGREGATES[key])[:2]
        if not least <= len(arguments) <= most:
            raise Malformed(f"the function {name.text} does not take {len(arguments)} arguments", name.start, name.end)
        return ("call", key, arguments)

    def items(self, begin: str, end: str) -> list[Node]:
        self.take(begin)
        found: list[Node] = []
        while not self.sees(end):
            if found:
                self.take(",")
            if self.sees("*"):
                self.take()
                found.append(("star",))
            else:
                found.append(self.expression())
        self.take(end)
        return found


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), text[1:-1])


def aggregated(node: Node) -> bool:
    """Is there an aggregation in it?"""
    if node[0] == "call" and node[1] in AGGREGATES:
        return True
    return any(aggregated(one) for part in node[1:] for one in (part if isinstance(part, list) else [part]) if isinstance(one, tuple))


@lru_cache(512)
def parse(text: str) -> Query:
    return Parser(text).query()
