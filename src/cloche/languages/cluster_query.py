"""The cluster query language of ECS: which container instances (or tasks' instances) an expression selects. Pure.

    parse("attribute:ecs.instance-type =~ t3.* and runningTasksCount < 3")(facts) -> bool

`facts(subject)` gives what is known of an instance under a subject: a text, a number, a list of texts (groups of tasks), or None.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Facts = Callable[[str], Any]
Test = Callable[[Facts], bool]
SUBJECTS = ("agentConnected", "agentVersion", "ec2InstanceId", "registeredAt", "runningTasksCount", "task:group")
OPERATORS = {
    "==": "==", "equals": "==", "!=": "!=", "not_equals": "!=", ">": ">", "greater_than": ">", ">=": ">=", "greater_than_equal": ">=", "<": "<", "less_than": "<", "<=": "<=",
    "less_than_equal": "<=", "exists": "exists", "!exists": "!exists", "not_exists": "!exists", "in": "in", "!in": "!in", "not_in": "!in", "=~": "=~", "matches": "=~", "!~": "!~",
    "not_matches": "!~",
}
_TOKEN = re.compile(r"\s*(?:(?P<list>\[[^\]]*\])|(?P<mark>&&|\|\||!exists\b|!in\b|==|!=|>=|<=|=~|!~|>|<|!|\(|\))|(?P<text>\"[^\"]*\"|'[^']*')|(?P<word>[^\s()\[\]&|!<>=]+(?:[!=][^\s()\[\]&|!<>=~]+)*))")
MOST = 2000


class Invalid(ValueError):
    """It is no expression; the text says where."""


def tokens(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise Invalid(f"unexpected {text[at:at + 10]!r}")
        kind = found.lastgroup or ""
        out.append((kind, found[kind]))
        at = found.end()
        if (kind == "mark" and found[kind] in ("=~", "!~")) or (kind == "word" and found[kind] in ("matches", "not_matches")):
            rest = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|(?:\\.|\([^)]*\)|\[[^\]]*\]|[^\s)])+)").match(text, at)   # a regular expression, up to a blank
            if rest is None:
                raise Invalid("an expression is missing after " + found[kind])
            out.append(("text", rest[1]))
            at = rest.end()
    return out


def parse(text: str) -> Test:
    if not text.strip() or len(text) > MOST:
        raise Invalid("an expression is empty or too long")
    reader = Reader(tokens(text))
    test = reader.either()
    if reader.at < len(reader.rest):
        raise Invalid(f"unexpected {reader.rest[reader.at][1]!r}")
    return test


class Reader:
    def __init__(self, rest: list[tuple[str, str]]) -> None:
        self.rest, self.at, self.depth = rest, 0, 0

    def peek(self) -> str:
        return self.rest[self.at][1] if self.at < len(self.rest) else ""

    def next(self, what: str) -> tuple[str, str]:
        if self.at >= len(self.rest):
            raise Invalid(f"{what} is missing at the end")
        self.at += 1
        return self.rest[self.at - 1]

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() in ("||", "or"):
            self.at += 1
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.peek() in ("&&", "and"):
            self.at += 1
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)

    def one(self) -> Test:
        if self.peek() in ("!", "not"):
            self.at += 1
            inner = self.one()
            return lambda facts: not inner(facts)
        if self.peek() == "(":
            self.at += 1
            self.depth += 1
            if self.depth > 50:
                raise Invalid("too many parentheses")
            inner = self.either()
            if self.next("a closing parenthesis")[1] != ")":
                raise Invalid("a closing parenthesis is missing")
            self.depth -= 1
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        kind, subject = self.next("a subject")
        if kind != "word" or (subject not in SUBJECTS and not (subject.startswith("attribute:") and len(subject) > 10)):
            raise Invalid(f"unknown subject {subject!r}")
        _, said = self.next("an operator")
        operator = OPERATORS.get(said)
        if operator is None:
            raise Invalid(f"unknown operator {said!r}")
        if operator in ("exists", "!exists"):
            return lambda facts: (facts(subject) is not None) == (operator == "exists")
        kind, argument = self.next("an argument")
        if (kind == "list") != (operator in ("in", "!in")) or kind == "mark":
            raise Invalid(f"{argument!r} is no argument of {said}")
        return compared(subject, operator, argument)


def compared(subject: str, operator: str, argument: str) -> Test:
    if operator in ("in", "!in"):
        items = {bare(item) for item in argument[1:-1].split(",") if item.strip()}
        if not items:
            raise Invalid("an empty list")

        def within(facts: Facts) -> bool:
            found = facts(subject)
            return found is not None and bool(set(texts(found)) & items) == (operator == "in")
        return within
    wanted = bare(argument)
    if operator in ("=~", "!~"):
        try:
            pattern = re.compile(wanted)
        except re.error as error:
            raise Invalid(f"{wanted!r} is no regular expression: {error}") from None

        def fits(facts: Facts) -> bool:
            found = facts(subject)
            return found is not None and any(pattern.fullmatch(text) for text in texts(found)) == (operator == "=~")
        return fits
    if subject == "registeredAt":
        moment(wanted)

    def compare(facts: Facts) -> bool:
        found = facts(subject)
        if found is None:
            return False
        if operator in ("==", "!="):
            return any(same(subject, text, wanted) for text in texts(found)) == (operator == "==")
        one, two = order(subject, str(found), wanted)
        return bool({">": one > two, ">=": one >= two, "<": one < two, "<=": one <= two}[operator])
    return compare


def same(subject: str, found: str, wanted: str) -> bool:
    if subject in ("agentVersion", "registeredAt", "runningTasksCount"):
        one, two = order(subject, found, wanted)
        return bool(one == two)
    return found == wanted


def order(subject: str, found: str, wanted: str) -> tuple[Any, Any]:
    if subject == "registeredAt":
        return float(found), moment(wanted)
    try:
        return float(found), float(wanted)
    except ValueError:
        pass
    if all(re.fullmatch(r"\d+(?:\.\d+)*", text) for text in (found, wanted)):   # versions, by their parts
        return [int(part) for part in found.split(".")], [int(part) for part in wanted.split(".")]
    return found, wanted


def moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Invalid(f"{text!r} is no date") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def texts(found: Any) -> list[str]:
    if isinstance(found, bool):
        return ["true" if found else "false"]
    return [str(one) for one in found] if isinstance(found, (list, tuple, set)) else [str(found)]


def bare(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
