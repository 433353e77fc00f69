"""The filters of a JSONPath: `[?(@.price < 10 && @.tag in ['a'])]`.

A comparison of things of different kinds is false, never an error: that is what lets a filter run over mixed data.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import regex

from .scan import Scan

MISSING = object()
SECONDS = 0.2
Test = Callable[[Any, Any], Any]                        # (the item, the array around it) -> value
OPERATOR = re.compile(r"\s*(===?|!==?|<=|>=|<|>|=~|(?:in|nin|subsetof|anyof|noneof|size|empty|contains)\b)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
WORD = re.compile(r"true\b|false\b|null\b")
REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([a-zA-Z]*)")
WORDS = {"true": True, "false": False, "null": None}
DEEPEST = 40


def parse(s: Scan, path: Callable[[Scan], tuple[Callable[[Any], Any], bool]], depth: int = 0) -> Test:
    if depth > DEEPEST:
        raise s.error("too deeply nested")
    tests = [conjunction(s, path, depth)]
    while s.take(re.compile(r"\s*\|\|")):
        tests.append(conjunction(s, path, depth))
    return tests[0] if len(tests) == 1 else lambda item, around: any(t(item, around) for t in tests)


def conjunction(s: Scan, path: Any, depth: int) -> Test:
    tests = [negation(s, path, depth)]
    while s.take(re.compile(r"\s*&&")):
        tests.append(negation(s, path, depth))
    return tests[0] if len(tests) == 1 else lambda item, around: all(t(item, around) for t in tests)


def negation(s: Scan, path: Any, depth: int) -> Test:
    s.skip()
    if s.sees("!") and not s.sees("!="):
        s.eat("!")
        inner = negation(s, path, depth + 1)
        return lambda item, around: not inner(item, around)
    if s.eat("("):
        inner = parse(s, path, depth + 1)
        s.skip()
        s.expect(")")
        return inner
    return comparison(s, path)


def comparison(s: Scan, path: Any) -> Test:
    left = operand(s, path)
    found = s.take(OPERATOR)
    if found is None:
        return lambda item, around: left(item, around) is not MISSING
    s.skip()
    right = operand(s, path)
    compare = COMPARE[found[1]]
    return lambda item, around: compare(left(item, around), right(item, around))


def operand(s: Scan, path: Any) -> Test:
    s.skip()
    if s.sees("@") or s.sees("$"):
        root = s.eat("$")
        if not root:
            s.eat("@")
        find, _ = path(s)
        return (lambda item, around: find(around)) if root else (lambda item, around: find(item))
    if s.sees("'") or s.sees('"'):
        return constant(s.string())
    if found := s.take(REGEX):
        flags = regex.IGNORECASE if "i" in found[2] else 0
        try:
            return constant(regex.compile(found[1], flags))
        except regex.error:
            raise s.error("not a regular expression") from None
    if found := s.take(WORD):
        return constant(WORDS[found[0]])
    if found := s.take(NUMBER):
        return constant(float(found[0]) if not re.fullmatch(r"-?\d+", found[0]) else int(found[0]))
    if s.eat("["):
        return array(s, path)
    raise s.error("expected a value")


def array(s: Scan, path: Any) -> Test:
    items = []
    s.skip()
    while not s.eat("]"):
        items.append(operand(s, path))
        s.skip()
        if not s.sees("]"):
            s.expect(",")
        s.skip()
    return lambda item, around: [i(item, around) for i in items]


def constant(value: Any) -> Test:
    return lambda item, around: value


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(a: Any, b: Any) -> bool:
    if a is MISSING or b is MISSING:
        return False
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: ((number(a) and number(b)) or (isinstance(a, str) and isinstance(b, str))) and compare(a, b)


def matches(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, str) and isinstance(value, regex.Pattern):
        value, pattern = pattern, value
    if not isinstance(pattern, regex.Pattern) or not isinstance(value, str):
        return False
    try:
        return pattern.fullmatch(value, timeout=SECONDS) is not None
    except TimeoutError:
        return False


def inside(a: Any, b: Any) -> bool:
    return isinstance(b, list) and any(equal(a, x) for x in b)


def both_lists(test: Callable[[list[Any], list[Any]], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: isinstance(a, list) and isinstance(b, list) and test(a, b)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal, "===": equal,
    "!=": lambda a, b: a is not MISSING and not equal(a, b), "!==": lambda a, b: a is not MISSING and not equal(a, b),
    "<": ordered(lambda a, b: a < b), "<=": ordered(lambda a, b: a <= b), ">": ordered(lambda a, b: a > b), ">=": ordered(lambda a, b: a >= b),
    "=~": matches,
    "in": inside, "nin": lambda a, b: a is not MISSING and not inside(a, b),
    "subsetof": both_lists(lambda a, b: all(inside(x, b) for x in a)),
    "anyof": both_lists(lambda a, b: any(inside(x, b) for x in a)),
    "noneof": both_lists(lambda a, b: not any(inside(x, b) for x in a)),
    "size": lambda a, b: isinstance(a, (list, str)) and len(a) == b,
    "empty": lambda a, b: isinstance(a, (list, str)) and (not a) == b,
    "contains": lambda a, b: (isinstance(a, list) and inside(b, a)) or (isinstance(a, str) and isinstance(b, str) and b in a),
}
