"""JSONPath as Jayway reads it: the paths of API Gateway's $input and of Step Functions.

A path is compiled once: `compile("$.a[?(@.n > 3)].b")` -> `Path`. A definite path (only names and single indexes) names one
value; an indefinite one names a list, possibly empty. `find` raises `NoSuchPath` when a definite path leads nowhere.
Indefinite paths never fail: what does not fit is left out, as Jayway does.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from . import filters
from .functions import aggregate
from .nowhere import NoSuchPath
from .scan import InvalidPath, Scan
from .steps import Step, deep, element, elements, every, filtered, named, sliced, union

__all__ = ["InvalidPath", "NoSuchPath", "Path", "compile"]

BARE = re.compile(r"[^\s.\[\]()*@,'\"?=!<>&|]+")
INTEGER = re.compile(r"-?\d+")
FUNCTION = re.compile(r"\.(length|size|min|max|avg|sum|stddev|keys|first|last|concat|append|index)\(([^)]*)\)")


class Path:
    """`parts` are the names and indexes of a reference path (what ResultPath accepts), None when it is more than that."""

    __slots__ = ("definite", "function", "parts", "steps", "text")

    def __init__(self, text: str, steps: list[Step], parts: list[str | int] | None, definite: bool, function: Callable[[Any], Any] | None) -> None:
        self.text, self.steps, self.parts, self.definite, self.function = text, steps, parts, definite, function

    def values(self, document: Any) -> Iterator[Any]:
        found: Iterator[Any] = iter((document,))
        for step in self.steps:
            found = spread(step, found)
        return found

    def find(self, document: Any) -> Any:
        if self.definite:
            found = next(self.values(document), NOTHING)
            if found is NOTHING:
                raise NoSuchPath(f"No results for path: {self.normal()}")
        else:
            found = list(self.values(document))
        return self.function(found) if self.function else found

    def get(self, document: Any, default: Any = None) -> Any:
        try:
            return self.find(document)
        except NoSuchPath:
            return default

    def normal(self) -> str:
        """`$.a.b` in brackets, as Jayway's messages print it."""
        if self.parts is None:
            return self.text
        return "$" + "".join(f"[{p}]" if isinstance(p, int) else f"['{p}']" for p in self.parts)

    def put(self, document: Any, value: Any) -> Any:
        """A copy of the document with the value at this reference path; objects on the way are made, others replaced."""
        if self.parts is None:
            raise InvalidPath(f"{self.text} is not a reference path")
        return put(document, self.parts, value)


NOTHING = object()


def spread(step: Step, values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        yield from step(value)


def put(document: Any, parts: list[str | int], value: Any) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if isinstance(first, int):
        if not isinstance(document, list) or not -len(document) <= first < len(document):
            raise NoSuchPath(f"there is no element {first}")
        copy = list(document)
        copy[first] = put(copy[first], rest, value)
        return copy
    copied = dict(document) if isinstance(document, dict) else {}
    copied[first] = put(copied.get(first), rest, value)
    return copied


@lru_cache(maxsize=4096)
def compile(text: str) -> Path:
    s = Scan(text.strip())
    if not s.eat("$"):
        raise InvalidPath(f"Path must start with $: {text}")
    steps, parts, definite, function = [], [], True, None
    while not s.done():
        if found := s.take(FUNCTION):
            function = aggregate(found[1], found[2])
            if not s.done():
                raise s.error("a function must be the last part")
            break
        step, part, single = segment(s)
        steps.append(step)
        parts.append(part)
        definite = definite and single
    whole = parts if definite and function is None and None not in parts else None
    return Path(text, steps, whole, definite, function)


def segment(s: Scan) -> tuple[Step, str | int | None, bool]:
    """One step: what it does, its plain name or index, whether it names at most one value."""
    if s.eat(".."):
        if s.sees("["):
            inner, _, _ = bracket(s)
        elif s.eat("*"):
            inner = every
        else:
            inner = named(s.need(BARE, "expected a name")[0])
        return deep(inner), None, False
    if s.eat("."):
        if s.eat("*"):
            return every, None, False
        if s.sees("["):
            return bracket(s)
        name = s.need(BARE, "expected a name")[0]
        return named(name), name, True
    if s.sees("["):
        return bracket(s)
    raise s.error("expected . or [")


def bracket(s: Scan) -> tuple[Step, str | int | None, bool]:
    s.eat("[")
    s.skip()
    if s.eat("*"):
        s.skip()
        s.expect("]")
        return every, None, False
    if s.eat("?"):
        s.skip()
        s.expect("(")
        test = filters.parse(s, compile_inner)
        s.skip()
        s.expect(")")
        s.skip()
        s.expect("]")
        return filtered(test), None, False
    if s.sees("'") or s.sees('"'):
        names = listed(s, s.string)
        return (named(names[0]), names[0], True) if len(names) == 1 else (union(names), None, False)
    if found := s.take(re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?\s*\]")):
        first, last, stride = (int(g) if g else None for g in found.groups())
        if stride == 0:
            raise s.error("a slice's step cannot be 0")
        return sliced(first, last, stride), None, False
    numbers = listed(s, lambda: int(s.need(INTEGER, "expected an index")[0]))
    return (element(numbers[0]), numbers[0], True) if len(numbers) == 1 else (elements(numbers), None, False)


def listed(s: Scan, read: Callable[[], Any]) -> list[Any]:
    items = []
    while True:
        s.skip()
        items.append(read())
        s.skip()
        if s.eat("]"):
            return items
        s.expect(",")


def compile_inner(s: Scan) -> tuple[Callable[[Any], Any], bool]:
    """A path inside a filter (`@.a.b`), up to what is no path any more."""
    steps, definite, function = [], True, None
    while s.sees(".") or s.sees("["):
        if found := s.take(FUNCTION):
            function = aggregate(found[1], found[2])
            break
        step, _, single = segment(s)
        steps.append(step)
        definite = definite and single
    path = Path("@", steps, [], definite, function)
    return lambda value: path.get(value, filters.MISSING), definite
