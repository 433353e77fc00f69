"""The steps of a path: from one value to the values one step further."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]


def every(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def named(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]
    return step


def union(names: list[str]) -> Step:
    """Several names of one object give one object of these, as Jayway has it."""
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield {name: value[name] for name in names if name in value}
    return step


def element(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]
    return step


def elements(indexes: list[int]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (value[i] for i in indexes if -len(value) <= i < len(value))
    return step


def sliced(first: int | None, last: int | None, stride: int | None) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[first:last:stride]
    return step


def filtered(test: Callable[[Any, Any], bool]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (item for item in value if test(item, value))
        elif isinstance(value, dict) and test(value, value):
            yield value
    return step


def deep(inner: Step) -> Step:
    def step(value: Any) -> Iterator[Any]:
        waiting = [value]
        while waiting:                                  # documents are deep, Python's stack is not
            here = waiting.pop()
            yield from inner(here)
            if isinstance(here, dict):
                waiting.extend(v for v in reversed(here.values()) if isinstance(v, (dict, list)))
            elif isinstance(here, list):
                waiting.extend(v for v in reversed(here) if isinstance(v, (dict, list)))
    return step
