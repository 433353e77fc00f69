"""From tokens to statements.

`where` is a condition tree, `actions` are update actions, `item` is an item: all as `languages.dynamodb` has them.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from cloche.languages.dynamodb import values
from cloche.languages.dynamodb.values import Item, Value

from . import errors
from .lexer import tokens

Node = tuple[Any, ...]
Path = tuple[str | int, ...]

COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
FUNCTIONS = ("begins_with", "contains", "size", "attribute_type", "attribute_exists", "attribute_not_exists")
MAX_OPERATORS, MAX_DEPTH = 300, 60
STOPS = frozenset(("WHERE", "SET", "REMOVE", "RETURNING", "FROM", "ORDER", "AND", "OR", "VALUE"))


class Select(NamedTuple):
    table: str
    index: str | None
    paths: tuple[Path, ...] | None  # None: *
    where: Node | None
    order: tuple[tuple[str, bool], ...] = ()  # (attribute, descending)


class Insert(NamedTuple):
    table: str
    item: Item


class Update(NamedTuple):
    table: str
    actions: tuple[Node, ...]
    where: Node
    returning: str = ""  # "ALL OLD", "MODIFIED OLD", "ALL NEW", "MODIFIED NEW"


class Delete(NamedTuple):
    table: str
    where: Node
    returning: str = ""


class Exists(NamedTuple):
    select: Select


Statement = Select | Insert | Update | Delete | Exists


def parse(text: str, parameters: list[Value] | None = None) -> Statement:
    reader = _Reader(text, parameters or [])
    statement = reader.statement()
    if reader.now.kind != "end":
        reader.fail()
    if reader.used != len(reader.parameters):
        raise errors.parameters()
    return statement


class _Reader:
    def __init__(self, text: str, parameters: list[Value]) -> None:
        self.all, self.at = tokens(text), 0
        self.parameters, self.used = parameters, 0
        self.depth = self.terms = 0

    # -- tokens ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Any:
        return self.all[self.at]

    def fail(self) -> Any:
        raise errors.unexpected(self.now.text)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise errors.malformed("it is nested too deeply")

    def word(self, *words: str) -> str | None:
        token = self.now
        if token.kind == "word" and token.text.upper() in words:
            self.at += 1
            return str(token.text.upper())
        return None

    def sign(self, *signs: str) -> str | None:
        token = self.now
        if token.kind == "sign" and token.text in signs:
            self.at += 1
            return str(token.text)
        return None

    def need(self, text: str) -> None:
        if not (self.word(text) if text.isalpha() else self.sign(text)):
            self.fail()

    def name(self) -> str:
        token = self.now
        if token.kind == "name" or (token.kind == "word" and token.text.upper() not in STOPS):
            self.at += 1
            return str(token.text)
        return str(self.fail())

    # -- statements -----------------------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        match self.word("SELECT", "INSERT", "UPDATE", "DELETE", "EXISTS"):
            case "SELECT":
                return self.select()
            case "INSERT":
                self.need("INTO")
                table = self.name()
                self.need("VALUE")
                value = self.value()
                if "M" not in value:
                    raise errors.malformed("INSERT needs a tuple")
                return Insert(table, value["M"])
            case "UPDATE":
                return self.update()
            case "DELETE":
                self.need("FROM")
                table = self.name()
                self.need("WHERE")
                return Delete(table, self.condition(), self.returning())
            case "EXISTS":
                self.need("(")
                self.need("SELECT")
                select = self.select()
                self.need(")")
                return Exists(select)
        return self.fail()  # type: ignore[no-any-return]

    def select(self) -> Select:
        paths: tuple[Path, ...] | None = None
        if not self.sign("*"):
            found = [self.path()]
            while self.sign(","):
                found.append(self.path())
            paths = tuple(found)
        self.need("FROM")
        table = self.name()
        index = self.name() if self.sign(".") else None
        where = self.condition() if self.word("WHERE") else None
        order: list[tuple[str, bool]] = []
        if self.word("ORDER"):
            self.need("BY")
            while True:
                name = self.name()
                order.append((name, self.word("ASC", "DESC") == "DESC"))
                if not self.sign(","):
                    break
            if where is None:
                raise errors.order_without_where()
        return Select(table, index, paths, where, tuple(order))

    def update(self) -> Update:
        table = self.name()
        actions: list[Node] = []
        while clause := self.word("SET", "REMOVE"):
            while True:
                target = ("literal-path", self.path())
                if clause == "REMOVE":
                    actions.append(("REMOVE", target))
                else:
                    self.need("=")
                    actions.append(self.assignment(target))
                if not self.sign(","):
                    break
        if not actions:
            self.fail()
        returning = self.returning()
        self.need("WHERE")
        where = self.condition()
        return Update(table, tuple(actions), where, returning or self.returning())

    def assignment(self, target: Node) -> Node:
        if self.word("SET_ADD", "SET_DELETE"):
            clause = {"SET_ADD": "ADD", "SET_DELETE": "DELETE"}[self.all[self.at - 1].text.upper()]
            self.need("(")
            path = self.path()
            self.need(",")
            value = self.value()
            self.need(")")
            if path != target[1]:
                raise errors.malformed(f"{clause} must name the attribute that is set")
            return (clause, target, ("literal", value))
        left = self.operand()
        if sign := self.sign("+", "-"):
            left = (sign, left, self.operand())
        return ("SET", target, left)

    def returning(self) -> str:
        if not self.word("RETURNING"):
            return ""
        which, when = self.word("ALL", "MODIFIED"), self.word("OLD", "NEW")
        if which is None or when is None:
            self.fail()
        self.need("*")
        return f"{which} {when}"

    # -- conditions -----------------------------------------------------------------------------------------------------

    def condition(self) -> Node:
        left = self.conjunction()
        while self.word("OR"):
            left = ("or", left, self.conjunction())
        return left

    def conjunction(self) -> Node:
        left = self.negation()
        while self.word("AND"):
            left = ("and", left, self.negation())
        return left

    def negation(self) -> Node:
        self.terms += 1
        if self.terms > MAX_OPERATORS:
            raise errors.malformed("it has too many conditions")
        self.deeper()
        node = ("not", self.negation()) if self.word("NOT") else self.comparison()
        self.depth -= 1
        return node

    def comparison(self) -> Node:
        if self.sign("("):
            inner = self.condition()
            self.need(")")
            return inner
        left = self.operand()
        if op := self.sign(*COMPARISONS):
            return ("cmp", "<>" if op == "!=" else op, left, self.operand())
        if self.word("BETWEEN"):
            low = self.operand()
            self.need("AND")
            return ("between", left, low, self.operand())
        if self.word("IN"):
            closing = "]" if self.sign("[") else ")"
            if closing == ")":
                self.need("(")
            members = [self.operand()]
            while self.sign(","):
                members.append(self.operand())
            self.need(closing)
            return ("in", left, tuple(members))
        if self.word("IS"):
            negated = bool(self.word("NOT"))
            if self.word("MISSING"):
                return ("call", "attribute_exists" if negated else "attribute_not_exists", (left,))
            self.need("NULL")
            null = ("call", "attribute_type", (left, ("literal", {"S": "NULL"})))
            return ("not", null) if negated else null
        if left[0] == "call" and left[1] != "size":
            return left
        return self.fail()  # type: ignore[no-any-return]

    def operand(self) -> Node:
        token, following = self.now, self.all[min(self.at + 1, len(self.all) - 1)]
        if token.kind == "word" and following.text == "(":
            name = token.text.lower()
            if name not in FUNCTIONS and name not in ("list_append", "if_not_exists"):
                self.fail()
            self.at += 2
            self.deeper()
            arguments = [self.operand()]
            while self.sign(","):
                arguments.append(self.operand())
            self.need(")")
            self.depth -= 1
            return ("call", name, tuple(arguments))
        if token.kind == "name" or (token.kind == "word" and token.text.upper() not in ("TRUE", "FALSE", "NULL")):
            return ("literal-path", self.path())
        return ("literal", self.value())

    def path(self) -> Path:
        steps: list[str | int] = [self.name()]
        while True:
            if self.sign("."):
                steps.append(self.name())
            elif self.sign("["):
                token = self.now
                if token.kind == "number" and token.text.isdigit() and len(token.text) < 10:
                    steps.append(int(token.text))
                elif token.kind == "string":
                    steps.append(token.text)
                else:
                    self.fail()
                self.at += 1
                self.need("]")
            else:
                return tuple(steps)

    # -- values ---------------------------------------------------------------------------------------------------------

    def value(self) -> Value:
        value = self.raw()
        values.measure(value)
        return value

    def raw(self) -> Value:
        token = self.now
        self.at += 1
        match token.kind, token.text:
            case "string", text:
                return {"S": text}
            case "number", text:
                return {"N": text}
            case "sign", "-" if self.now.kind == "number":
                self.at += 1
                return {"N": "-" + self.all[self.at - 1].text}
            case "sign", "?":
                if self.used >= len(self.parameters):
                    raise errors.parameters()
                self.used += 1
                return self.parameters[self.used - 1]
            case "sign", "[":
                return {"L": self.members("]")}
            case "sign", "<<":
                members = self.members(">>")
                kinds = {values.kind_of(m) for m in members}
                if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
                    raise errors.malformed("a set has members of one type: string, number or binary")
                kind = kinds.pop()
                return {f"{kind}S": [m[kind] for m in members]}
            case "sign", "{":
                return {"M": self.tuple()}
            case "word", text if text.upper() in ("TRUE", "FALSE"):
                return {"BOOL": text.upper() == "TRUE"}
            case "word", text if text.upper() == "NULL":
                return {"NULL": True}
        self.at -= 1
        return self.fail()  # type: ignore[no-any-return]

    def members(self, closing: str) -> list[Value]:
        found: list[Value] = []
        self.deeper()
        while not self.sign(closing):
            if found:
                self.need(",")
            found.append(self.raw())
        self.depth -= 1
        return found

    def tuple(self) -> Item:
        found: Item = {}
        self.deeper()
        while not self.sign("}"):
            if found:
                self.need(",")
            token = self.now
            if token.kind not in ("string", "name"):
                self.fail()
            self.at += 1
            self.need(":")
            found[token.text] = self.raw()
        self.depth -= 1
        return found
