"""From source to expression nodes: precedence climbing over a cursor.

`$a.b` in running text and in an expression is the same reference; in text, what does not continue it is text again.
"""
from __future__ import annotations

import re
from collections.abc import Callable

from .cursor import Cursor
from .errors import VtlError
from .tree import And, Binary, Constant, Field, Index, Interpolated, Invocation, Listing, Mapping, Negative, Node, Not, Or, Range, Reference

DOLLAR = re.compile(r"\$(!?)(\{?)([A-Za-z_](?:[\w-]*\w)?)", re.ASCII)
NAME = re.compile(r"[A-Za-z_](?:[\w-]*\w)?", re.ASCII)
PROPERTY = re.compile(r"\.([A-Za-z_](?:[\w-]*\w)?)", re.ASCII)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
QUOTED = re.compile(r'"((?:[^"]|"")*)"|' + r"'((?:[^']|'')*)'")
COMMA = re.compile(r"\s*,?\s*")
OR, AND = re.compile(r"\s*(\|\||or\b)"), re.compile(r"\s*(&&|and\b)")
EQUALITY = re.compile(r"\s*(==|!=|eq\b|ne\b)")
RELATION = re.compile(r"\s*(<=|>=|<|>|lt\b|le\b|gt\b|ge\b)")
SUM, PRODUCT = re.compile(r"\s*([+-])"), re.compile(r"\s*([*/%])")
WORDS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
DEEPEST = 60


def reference(c: Cursor) -> Reference | None:
    """The reference at `$`, or None when the dollar is only a dollar."""
    start = c.at
    head = c.take(DOLLAR)
    if head is None:
        return None
    quiet, brace, name = head.groups()
    parts: list[Node] = []
    while True:
        before = c.at
        if found := c.take(PROPERTY):
            if c.eat("("):
                parts.append(Invocation(found[1], arguments(c, ")")))
            else:
                parts.append(Field(found[1]))
        elif c.eat("["):
            try:
                c.skip()
                parts.append(Index(expression(c)))
                c.skip()
                c.expect("]")
            except VtlError:
                c.at = before                          # `$x[` in running text
                break
        else:
            break
    if brace and not c.eat("}"):
        c.at = start
        return None
    return Reference(name, parts, bool(quiet), c.source[start:c.at])


def arguments(c: Cursor, end: str) -> list[Node]:
    """Values separated by commas (or, in macro calls, only by space), up to the closing mark."""
    values: list[Node] = []
    c.skip()
    while not c.eat(end):
        if c.done():
            raise c.error(f'expected "{end}"')
        values.append(expression(c))
        c.take(COMMA)
    return values


def level(inner: Callable[[Cursor, int], Node], operators: re.Pattern[str], make: Callable[[str, Node, Node], Node]) -> Callable[[Cursor, int], Node]:
    def parse(c: Cursor, depth: int = 0) -> Node:
        left = inner(c, depth)
        while found := c.take(operators):
            c.skip()
            left = make(WORDS.get(found[1], found[1]), left, inner(c, depth))
        return left
    return parse


def unary(c: Cursor, depth: int = 0) -> Node:
    if depth > DEEPEST:
        raise c.error("too deeply nested")
    c.skip()
    if c.eat("!") or c.take(re.compile(r"not\b")):
        return Not(unary(c, depth + 1))
    if c.eat("-"):
        operand = unary(c, depth + 1)
        return Constant(-operand.constant) if isinstance(operand, Constant) and not isinstance(operand.constant, (str, bool)) else Negative(operand)
    return primary(c, depth + 1)


def primary(c: Cursor, depth: int) -> Node:
    if c.sees("$"):
        if found := reference(c):
            return found
        raise c.error("expected a reference")
    if quoted := c.take(QUOTED):
        return interpolated(quoted[1].replace('""', '"')) if quoted[1] is not None else Constant(quoted[2].replace("''", "'"))
    if number := c.take(NUMBER):
        return Constant(int(number[0]) if number[0].isdigit() else float(number[0]))
    if c.eat("("):
        inner = expression(c, depth)
        c.skip()
        c.expect(")")
        return inner
    if c.eat("["):
        return listing(c, depth)
    if c.eat("{"):
        return mapping(c, depth)
    if name := c.take(NAME):
        if name[0] in ("true", "false"):
            return Constant(name[0] == "true")
        if name[0] == "null":
            return Constant(None)
        c.at -= len(name[0])
    raise c.error("expected a value")


def interpolated(text: str) -> Node:
    if "$" not in text and "#" not in text:
        return Constant(text)
    from .parse import parse

    try:
        return Interpolated(parse(text))
    except VtlError:
        return Constant(text)                          # Velocity logs it and uses the string as it is


def listing(c: Cursor, depth: int) -> Node:
    c.skip()
    if c.eat("]"):
        return Listing([])
    first = expression(c, depth)
    c.skip()
    if c.eat(".."):
        last = expression(c, depth)
        c.skip()
        c.expect("]")
        return Range(first, last)
    items = [first]
    while not c.eat("]"):
        c.expect(",")
        c.skip()
        items.append(expression(c, depth))
        c.skip()
    return Listing(items)


def mapping(c: Cursor, depth: int) -> Node:
    pairs: list[tuple[Node, Node]] = []
    c.skip()
    while not c.eat("}"):
        if pairs:
            c.expect(",")
        key = expression(c, depth)
        c.skip()
        c.expect(":")
        pairs.append((key, expression(c, depth)))
        c.skip()
    return Mapping(pairs)


product = level(unary, PRODUCT, Binary)
total = level(product, SUM, Binary)
relation = level(total, RELATION, Binary)
equality = level(relation, EQUALITY, Binary)
conjunction = level(equality, AND, lambda _, a, b: And(a, b))
expression = level(conjunction, OR, lambda _, a, b: Or(a, b))


