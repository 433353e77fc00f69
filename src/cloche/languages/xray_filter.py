"""X-Ray's filter expressions: what a trace must be like to be shown, or to belong to a group.

`parse(text)` gives a filter: f(scope) -> bool. A scope is whatever answers for a trace, a service in it, a call between two, or an entity of a root cause:

    flag(name) -> bool              ok error throttle fault partial inferred first last remote root
    numbers(name) -> [float]        responsetime duration http.status index coverage
    texts(name) -> [str]            http.url http.method http.useragent http.clientip user name type message availabilityzone instance.id resource.arn
    annotations(key) -> [value]     texts, numbers and booleans
    services(which) / edges(a, b) / causes(kind, level) -> [scope];  group(field, value) -> bool;  matches_cause(json) -> bool

Loosest binds OR, then AND (which may be left out), then NOT or !. Keywords and operators are read in any case.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

FLAGS = ("ok", "error", "throttle", "fault", "partial", "inferred", "first", "last", "remote", "root")
NUMBERS = ("responsetime", "duration", "http.status", "index", "coverage")
TEXTS = ("http.url", "http.method", "http.useragent", "http.clientip", "user", "name", "type", "message", "availabilityzone", "instance.id", "resource.arn")
CAUSES = re.compile(r"rootcause\.(fault|error|responsetime)\.(service|entity|exception)", re.IGNORECASE)
TEXT_OPERATORS = ("=", "!=", "CONTAINS", "BEGINSWITH", "ENDSWITH")
NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
MOST_LETTERS, DEEPEST = 2000, 40


class Malformed(ValueError):
    """It is no filter expression; says where it stops being one."""


class Which(NamedTuple):
    """A service that is named; "" where nothing is said."""

    name: str = ""
    type: str = ""
    account: str = ""


class Scope(Protocol):
    def flag(self, name: str) -> bool: ...
    def numbers(self, name: str) -> list[float]: ...
    def texts(self, name: str) -> list[str]: ...
    def annotations(self, key: str) -> list[Any]: ...
    def services(self, which: Which) -> list[Any]: ...
    def edges(self, source: Which, target: Which) -> list[Any]: ...
    def causes(self, kind: str, level: str) -> list[Any]: ...
    def group(self, field: str, value: str) -> bool: ...
    def matches_cause(self, given: Any) -> bool: ...


Filter = Callable[[Any], bool]
_TOKEN = re.compile(r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|!=|\#|[()\[\]{},:=<>!]))""")


def parse(text: str) -> Filter:
    if len(text) > MOST_LETTERS:
        raise Malformed(f"the expression has more than {MOST_LETTERS} characters")
    reader = _Reader(text)
    found = reader.either(0)
    if reader.kind:
        raise reader.wrong()
    return found


def always(scope: Any) -> bool:
    return True


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.kind = self.value = ""
        self.step()

    def step(self) -> None:
        if not self.text[self.at:].strip():
            self.kind = self.value = ""
            return
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise Malformed(f"unexpected character at {self.at}: {self.text[self.at:self.at + 20].strip()!r}")
        self.began, self.at = self.at, match.end()
        self.kind = match.lastgroup or ""
        self.value = match[self.kind]

    def wrong(self) -> Malformed:
        return Malformed(f"unexpected {self.value!r} at {self.began}" if self.kind else "unexpected end of the expression")

    def sign(self, value: str) -> bool:
        if self.kind == "sign" and self.value == value:
            self.step()
            return True
        return False

    def need(self, value: str) -> None:
        if not self.sign(value):
            raise self.wrong()

    def word(self, value: str) -> bool:
        if self.kind == "word" and self.value.upper() == value:
            self.step()
            return True
        return False

    def string(self) -> str:
        if self.kind != "text":
            raise self.wrong()
        value = re.sub(r"\\(.)", r"\1", self.value[1:-1])
        self.step()
        return value

    def number(self) -> float:
        if self.kind != "number":
            raise self.wrong()
        value = float(self.value)
        self.step()
        return value

    # -- from the loosest to the tightest ---------------------------------------------------------------------------------------

    def either(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise Malformed("the expression is nested too deeply")
        parts = [self.both(depth)]
        while self.word("OR"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else lambda scope: any(part(scope) for part in parts)

    def both(self, depth: int) -> Filter:
        parts = [self.one(depth)]
        while self.word("AND") or (self.kind and not (self.kind == "sign" and self.value in ")}") and not (self.kind == "word" and self.value.upper() == "OR")):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else lambda scope: all(part(scope) for part in parts)

    def one(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise Malformed("the expression is nested too deeply")
        if self.sign("!") or self.word("NOT"):
            inner = self.one(depth + 1)
            return lambda scope: not inner(scope)
        if self.sign("("):
            inner = self.either(depth + 1)
            self.need(")")
            return inner
        if self.kind != "word":
            raise self.wrong()
        said, name = self.value, self.value.lower()
        self.step()
        if name in FLAGS:
            return self.flag(name)
        if name in NUMBERS:
            return self.numbered(lambda scope: scope.numbers(name))
        if name in TEXTS:
            return self.worded(lambda scope: scope.texts(name))
        if name == "annotation" and self.sign("["):
            key = self.string() if self.kind == "text" else self.plain()
            self.need("]")
            return self.annotated(key)
        if name.startswith("annotation.") and len(name) > len("annotation."):
            return self.annotated(said[len("annotation."):])
        if name in ("group.name", "group.arn"):
            self.need("=")
            value, field = self.string(), name.partition(".")[2]
            return lambda scope: scope.group(field, value)
        if name == "service":
            return self.service(depth)
        if name == "edge":
            return self.edge(depth)
        if name == "id":
            which = self.named()
            return lambda scope: bool(scope.services(which))
        if name == "rootcause.json":
            return self.json()
        if match := CAUSES.fullmatch(name):
            kind, level, inner = match[1], match[2], self.braces(depth)
            return lambda scope: any(inner(each) for each in scope.causes(kind, level))
        raise Malformed(f"unknown keyword {said!r}")

    def plain(self) -> str:
        if self.kind != "word":
            raise self.wrong()
        value = self.value
        self.step()
        return value

    # -- keywords -----------------------------------------------------------------------------------------------------------------

    def truth(self) -> bool:
        if self.word("TRUE"):
            return True
        if self.word("FALSE"):
            return False
        raise self.wrong()

    def flag(self, name: str) -> Filter:
        wanted = True
        if self.sign("="):
            wanted = self.truth()
        elif self.sign("!="):
            wanted = not self.truth()
        return lambda scope: scope.flag(name) is wanted

    def operator(self, known: tuple[str, ...]) -> str:
        said = self.value.upper() if self.kind in ("word", "sign") else ""
        if said in known:
            self.step()
            return said
        return ""

    def numbered(self, read: Callable[[Any], list[float]]) -> Filter:
        operator = self.operator(NUMBER_OPERATORS)
        if not operator:
            raise self.wrong()
        value = self.number()
        return lambda scope: any(compared(operator, each, value) for each in read(scope))

    def worded(self, read: Callable[[Any], list[str]]) -> Filter:
        operator = self.operator(TEXT_OPERATORS)
        if not operator:
            return lambda scope: bool(read(scope))
        value = self.string()
        return lambda scope: any(compared(operator, each, value) for each in read(scope))

    def annotated(self, key: str) -> Filter:
        operator = self.operator((*TEXT_OPERATORS, *NUMBER_OPERATORS))
        if not operator:
            return lambda scope: bool(scope.annotations(key))
        value: Any = self.string() if self.kind == "text" else self.number() if self.kind == "number" else self.truth()
        if operator not in (TEXT_OPERATORS if isinstance(value, str) else NUMBER_OPERATORS if not isinstance(value, bool) else ("=", "!=")):
            raise Malformed(f"the operator {operator} does not go with {value!r}")
        return lambda scope: any(compared(operator, each, value) for each in scope.annotations(key) if alike(each, value))

    def named(self) -> Which:
        """(name: "n", type: "t", account.id: "a")"""
        self.need("(")
        said: dict[str, str] = {}
        while not self.sign(")"):
            key = self.plain().lower()
            if key not in ("name", "type", "account.id") or key in said:
                raise Malformed(f"unknown member {key!r} of id()")
            self.need(":")
            said[key] = self.string()
            if not self.sign(",") and not (self.kind == "sign" and self.value == ")"):
                raise self.wrong()
        return Which(said.get("name", ""), said.get("type", ""), said.get("account.id", ""))

    def which(self) -> Which:
        return self.named() if self.word("ID") else Which(self.string())

    def braces(self, depth: int) -> Filter:
        if not self.sign("{"):
            return always
        inner = self.either(depth + 1)
        self.need("}")
        return inner

    def service(self, depth: int) -> Filter:
        self.need("(")
        which = Which() if self.kind == "sign" and self.value == ")" else self.which()
        self.need(")")
        inner = self.braces(depth)
        return lambda scope: any(inner(each) for each in scope.services(which))

    def edge(self, depth: int) -> Filter:
        self.need("(")
        source = self.which()
        self.sign(",")
        target = self.which()
        self.need(")")
        inner = self.braces(depth)
        return lambda scope: any(inner(each) for each in scope.edges(source, target))

    def json(self) -> Filter:
        self.need("=")
        if not (self.kind == "sign" and self.value == "#"):
            raise self.wrong()
        try:
            start = re.compile(r"\s*").match(self.text, self.at).end()  # type: ignore[union-attr]
            given, self.at = json.JSONDecoder().raw_decode(self.text, start)
        except (ValueError, RecursionError):
            raise Malformed("rootcause.json needs a JSON list") from None
        self.step()
        return lambda scope: scope.matches_cause(given)


def alike(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and isinstance(one, str) == isinstance(other, str)


def compared(operator: str, one: Any, other: Any) -> bool:
    match operator:
        case "=":
            return bool(one == other)
        case "!=":
            return bool(one != other)
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
        case ">=":
            return bool(one >= other)
        case "CONTAINS":
            return other in one
        case "BEGINSWITH":
            return bool(one.startswith(other))
        case _:
            return bool(one.endswith(other))
