"""From tokens to trees. A tree is tuples, and knows nothing of names and values yet:

    ("path", (step, ...))  ("value", ":v")  ("literal", {"S": "x"})  ("call", name, (operand, ...))
    ("cmp", op, left, right)  ("between", x, low, high)  ("in", x, (operand, ...))  ("and"|"or", left, right)  ("not", x)

A step is "#ref", an index (int), or a name with its reserved words still to be refused. An update is a list of
("SET", path, operand) ("REMOVE", path) ("ADD"|"DELETE", path, operand), where an operand may be ("+"|"-", left, right).
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import errors
from .lexer import Tokens

Node = tuple[Any, ...]

MAX_OPERATORS, MAX_DEPTH, MAX_INDEX = 300, 150, 2**31 - 1
CONDITIONS = frozenset(("cmp", "between", "in", "and", "or", "not"))
KEYWORDS = frozenset(("AND", "OR", "NOT", "BETWEEN", "IN"))
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


@lru_cache(1024)
def condition(kind: str, text: str) -> Node:
    parser = _Parser(kind, text)
    node = parser.disjunction()
    if parser.tokens.now.kind != "end":
        parser.tokens.fail()
    parser.judge(node)
    if parser.redundant:
        raise errors.redundant_parentheses(kind)
    return node


@lru_cache(1024)
def projection(kind: str, text: str) -> tuple[Node, ...]:
    parser = _Parser(kind, text)
    paths = [parser.path()]
    while parser.tokens.sign(","):
        paths.append(parser.path())
    if parser.tokens.now.kind != "end":
        parser.tokens.fail()
    return tuple(paths)


@lru_cache(1024)
def update(kind: str, text: str) -> tuple[Node, ...]:
    parser = _Parser(kind, text)
    tokens, actions, seen = parser.tokens, [], set()
    while tokens.now.kind != "end":
        clause = tokens.word(*CLAUSES)
        if clause is None:
            tokens.fail()
        if clause in seen:
            raise errors.clause_twice(kind, clause)
        seen.add(clause)
        actions.append(parser.action(clause))
        while tokens.sign(","):
            actions.append(parser.action(clause))
    return tuple(actions)


class _Parser:
    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.tokens = kind, Tokens(kind, text)
        self.operators, self.depth, self.redundant = 0, 0, False
        self.ends: dict[int, int] = {}  # id of an operand -> the token after it, where a lone operand is an error
        self.keep: list[Node] = []  # so that no id is used twice

    def count(self) -> None:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise errors.too_many_operators(self.kind, self.operators)

    def deeper(self) -> None:
        """Parentheses inside parentheses; 300 operators have no use for more than half as many."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise errors.too_many_operators(self.kind, self.depth)

    # -- conditions -----------------------------------------------------------------------------------------------------

    def disjunction(self) -> Node:
        left = self.conjunction()
        while self.tokens.word("OR"):
            self.count()
            left = ("or", self.judge(left), self.judge(self.conjunction()))
        return left

    def conjunction(self) -> Node:
        left = self.negation()
        while self.tokens.word("AND"):
            self.count()
            left = ("and", self.judge(left), self.judge(self.negation()))
        return left

    def negation(self) -> Node:
        if self.tokens.word("NOT"):
            self.count()
            self.deeper()
            inner = self.judge(self.negation())
            self.depth -= 1
            return ("not", inner)
        return self.comparison()

    def comparison(self) -> Node:
        left = self.primary()
        if left[0] in CONDITIONS:
            return left
        if op := self.tokens.sign("=", "<>", "<", "<=", ">", ">="):
            self.count()
            return ("cmp", op, left, self.operand())
        if self.tokens.word("BETWEEN"):
            self.count()
            low = self.operand()
            if not self.tokens.word("AND"):
                self.tokens.fail()
            return ("between", left, low, self.operand())
        if self.tokens.word("IN"):
            self.count()
            self.tokens.need("(")
            members = [self.operand()]
            while self.tokens.sign(","):
                members.append(self.operand())
            self.tokens.need(")")
            return ("in", left, tuple(members))
        return left

    def primary(self) -> Node:
        if self.tokens.sign("("):
            doubled = self.tokens.now.text == "("
            first = self.tokens.at
            self.deeper()
            node = self.disjunction()
            self.depth -= 1
            if doubled and self.closes(first, self.tokens.at - 1):
                self.redundant = True
            self.tokens.need(")")
            return node
        return self.operand()

    def closes(self, opening: int, closing: int) -> bool:
        """Whether these two tokens are one pair of parentheses."""
        depth = 0
        for at in range(opening, closing + 1):
            text = self.tokens.all[at].text
            depth += (text == "(") - (text == ")")
            if depth == 0:
                return at == closing
        return False

    def judge(self, node: Node) -> Node:
        """A condition is wanted here; a bare operand is not one, a function may be."""
        if node[0] in CONDITIONS or node[0] == "call":
            return node
        self.tokens.fail(self.ends.get(id(node)))

    # -- operands -------------------------------------------------------------------------------------------------------

    def operand(self) -> Node:
        tokens = self.tokens
        token = tokens.now
        if token.kind == "sign" and token.text == "(":
            tokens.take()
            self.deeper()
            node = self.operand()
            self.depth -= 1
            tokens.need(")")
            return node
        if token.kind == "value":
            tokens.take()
            node = ("value", token.text)
        elif token.kind == "word" and tokens.all[tokens.at + 1].text == "(" and token.text.upper() not in KEYWORDS:
            tokens.take()
            tokens.take()
            arguments = []
            self.deeper()
            if not tokens.sign(")"):
                arguments.append(self.operand())
                while tokens.sign(","):
                    arguments.append(self.operand())
                tokens.need(")")
            self.depth -= 1
            self.count()
            node = ("call", token.text, tuple(arguments))
        else:
            node = self.path()
        self.ends[id(node)] = tokens.at
        self.keep.append(node)
        return node

    def path(self) -> Node:
        tokens = self.tokens
        steps: list[str | int] = [self.name()]
        while True:
            if tokens.sign("."):
                self.count()
                steps.append(self.name())
            elif tokens.sign("["):
                if tokens.now.kind != "int":
                    tokens.fail()
                self.count()
                index = int(tokens.take().text)
                if index > MAX_INDEX:
                    raise errors.index_range(self.kind, index)
                steps.append(index)
                tokens.need("]")
            else:
                return ("path", tuple(steps))

    def name(self) -> str:
        token = self.tokens.now
        if token.kind not in ("word", "ref") or (token.kind == "word" and token.text.upper() in KEYWORDS):
            self.tokens.fail()
        self.tokens.take()
        return token.text

    # -- updates --------------------------------------------------------------------------------------------------------

    def action(self, clause: str) -> Node:
        self.count()
        path = self.path()
        if clause == "REMOVE":
            return ("REMOVE", path)
        if clause == "SET":
            self.tokens.need("=")
            left = self.operand()
            if sign := self.tokens.sign("+", "-"):
                self.count()
                left = (sign, left, self.operand())
            return ("SET", path, left)
        if self.tokens.now.kind != "value":
            self.tokens.fail()
        return (clause, path, ("value", self.tokens.take().text))
