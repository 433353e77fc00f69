"""Patterns with `*` and `?`, and templates with `${variables}`.

A pattern becomes the cheapest test that decides it: always, equality, prefix, or a regular expression whose stars are atomic, so that no
pattern of any user costs more than a walk through the text.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

Test = Callable[[str], bool]

VARIABLE = re.compile(r"\$\{([^{}]*)\}")
ALWAYS: Test = lambda text: True


class Unresolved(Exception):
    """A variable has no single value in this request."""


@lru_cache(16384)
def glob(pattern: str, fold: bool = False) -> Test:
    """A test for texts that match the pattern; with `fold`, whatever their case."""
    if pattern == "*":
        return ALWAYS
    if fold:
        inner = glob(pattern.lower())
        return lambda text: inner(text.lower())
    head = pattern[:-1]
    if "*" not in head and "?" not in pattern:
        return (lambda text: text.startswith(head)) if pattern[-1:] == "*" else pattern.__eq__
    return _expression(pattern, wild=frozenset(range(len(pattern))))


def _expression(pattern: str, wild: frozenset[int] | set[int]) -> Test:
    match = re.compile(_source(pattern, wild), re.S).match
    return lambda text: match(text) is not None


def source(pattern: str) -> str:
    """The pattern as a regular expression that matches, from a text's beginning, where the pattern does."""
    return _source(pattern, frozenset(range(len(pattern))))


def _source(pattern: str, wild: frozenset[int] | set[int]) -> str:
    """`wild` says which positions hold a real wildcard: a `*` that came out of a variable is only a character."""
    pieces: list[str] = [""]                         # texts between the stars
    for i, c in enumerate(pattern):
        if c == "*" and i in wild:
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        else:
            pieces[-1] += "." if c == "?" and i in wild else re.escape(c)
    if len(pieces) == 1:
        return pieces[0] + r"\Z"
    first, *middle, last = pieces
    # the last piece must end the text: it is looked for at the end only, behind what the middle has taken
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + (f"(?=.*{last}\\Z)" if last else "")


def variables(text: str) -> list[str]:
    """The keys that `${...}` asks for, without defaults."""
    return [found.partition(",")[0].strip() for found in VARIABLE.findall(text) if found not in ("*", "?", "$")]


class Template:
    """A text with variables, to be filled for each request. Values of variables are literal, wildcards around them are not."""

    __slots__ = ("parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[tuple[str, str | None, str | None]] = []   # (literal, None, None) | ("", key, default)
        at = 0
        for found in VARIABLE.finditer(text):
            if found.start() > at:
                self.parts.append((text[at:found.start()], None, None))
            self.parts.append(_variable(found[1]))
            at = found.end()
        if at < len(text):
            self.parts.append((text[at:], None, None))

    def fill(self, context: object) -> list[tuple[str, bool]]:
        """The pieces with a flag: does this piece come from the policy (wildcards count) or from a variable (they do not)?"""
        return [(literal, True) if key is None else (_value(context, key, default), False) for literal, key, default in self.parts]

    def plain(self, context: object) -> str:
        return "".join(text for text, _ in self.fill(context))

    def test(self, context: object) -> Test:
        return _filled(tuple(self.fill(context)))


@lru_cache(4096)
def _filled(pieces: tuple[tuple[str, bool], ...]) -> Test:
    wild: set[int] = set()
    at = 0
    for text, ours in pieces:
        if ours:
            wild.update(i for i, c in enumerate(text, at) if c in "*?")
        at += len(text)
    whole = "".join(text for text, _ in pieces)
    return _expression(whole, wild) if wild else whole.__eq__


def _variable(inside: str) -> tuple[str, str | None, str | None]:
    if inside in ("*", "?", "$"):
        return "", inside, None
    key, comma, default = inside.partition(",")
    default = default.strip()
    if comma and len(default) >= 2 and default[0] == default[-1] == "'":
        return "", key.strip().lower(), default[1:-1]
    return "", key.strip().lower(), None


def _value(context: object, key: str, default: str | None) -> str:
    if key in ("*", "?", "$"):
        return key
    values = context.get(key)                        # type: ignore[attr-defined]
    if values is not None and len(values) == 1:
        return values[0]
    if default is not None and not values:
        return default
    raise Unresolved(key)
