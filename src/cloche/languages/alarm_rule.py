"""The rule of a composite alarm: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(c))`, also TRUE and FALSE; NOT before AND before OR."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
MOST_CHILDREN = 100
TOKEN = re.compile(r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<d>(?:\\.|[^"\\])*)"|'(?P<s>(?:\\.|[^'\\])*)'|(?P<bare>[^\s()"']+))\s*\)|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<mark>[()]))""")
Rule = tuple[Any, ...]  # ("ALARM", name) ("and", a, b) ("or", a, b) ("not", a) ("const", bool)


class Invalid(ValueError):
    """No rule."""


@lru_cache(1024)
def parse(text: str) -> Rule:
    tokens = list(tokens_of(text))
    rule, at = alternatives(tokens, 0)
    if at != len(tokens):
        raise Invalid(f"unexpected {tokens[at][1]}")
    if not 1 <= len(set(names(rule))) <= MOST_CHILDREN and not constant(rule):
        raise Invalid(f"a rule may name at most {MOST_CHILDREN} alarms")
    return rule


def tokens_of(text: str) -> Iterator[tuple[str, str, str]]:
    at, text = 0, text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Invalid(f"it cannot be read at '{text[at:at + 20].strip()}'")
        at = found.end()
        if found["state"]:
            name = found["bare"] or re.sub(r"\\(.)", r"\1", found["d"] if found["d"] is not None else found["s"])
            if not name:
                raise Invalid("an alarm has no name")
            yield "state", found["state"], name
        else:
            yield "word", found["word"] or found["mark"], ""


def alternatives(tokens: list[tuple[str, str, str]], at: int) -> tuple[Rule, int]:
    left, at = conjunction(tokens, at)
    while at < len(tokens) and tokens[at][1] == "OR":
        right, at = conjunction(tokens, at + 1)
        left = ("or", left, right)
    return left, at


def conjunction(tokens: list[tuple[str, str, str]], at: int) -> tuple[Rule, int]:
    left, at = single(tokens, at)
    while at < len(tokens) and tokens[at][1] == "AND":
        right, at = single(tokens, at + 1)
        left = ("and", left, right)
    return left, at


def single(tokens: list[tuple[str, str, str]], at: int) -> tuple[Rule, int]:
    if at >= len(tokens):
        raise Invalid("it ends too early")
    kind, word, name = tokens[at]
    if kind == "state":
        return (word, name), at + 1
    if word == "NOT":
        inner, at = single(tokens, at + 1)
        return ("not", inner), at
    if word in ("TRUE", "FALSE"):
        return ("const", word == "TRUE"), at + 1
    if word == "(":
        inner, at = alternatives(tokens, at + 1)
        if at >= len(tokens) or tokens[at][1] != ")":
            raise Invalid("a parenthesis is not closed")
        return inner, at + 1
    raise Invalid(f"unexpected {word}")


def names(rule: Rule) -> list[str]:
    if rule[0] in STATES:
        return [rule[1]]
    return [name for part in rule[1:] if isinstance(part, tuple) for name in names(part)]


def constant(rule: Rule) -> bool:
    return not names(rule)


def holds(rule: Rule, state_of: Callable[[str], str]) -> bool:
    kind = rule[0]
    if kind in STATES:
        return state_of(rule[1]) == kind
    if kind == "const":
        return bool(rule[1])
    if kind == "not":
        return not holds(rule[1], state_of)
    left = holds(rule[1], state_of)
    return (left and holds(rule[2], state_of)) if kind == "and" else (left or holds(rule[2], state_of))


def state(rule: Rule, state_of: Callable[[str], str]) -> str:
    return "ALARM" if holds(rule, state_of) else "OK"
