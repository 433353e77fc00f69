"""Expressions and references: nodes that know their own value in a scope."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import java, methods
from .errors import VtlError
from .scope import LENGTH, Scope


class Node:
    __slots__ = ()

    def value(self, scope: Scope) -> Any:
        raise NotImplementedError

    def render(self, scope: Scope, out: list[str]) -> None:
        raise NotImplementedError


class Block(Node):
    """Text and directives one after the other."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def render(self, scope: Scope, out: list[str]) -> None:
        for node in self.nodes:
            node.render(scope, out)

    def constant(self) -> str | None:
        return "".join(n.text for n in self.nodes if isinstance(n, Text)) if all(isinstance(n, Text) for n in self.nodes) else None


class Text(Node):
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def render(self, scope: Scope, out: list[str]) -> None:
        out.append(self.text)


class Constant(Node):
    __slots__ = ("constant",)

    def __init__(self, constant: Any) -> None:
        self.constant = constant

    def value(self, scope: Scope) -> Any:
        return self.constant


class Interpolated(Node):
    """A string in double quotes: a template of its own."""

    __slots__ = ("block",)

    def __init__(self, block: Block) -> None:
        self.block = block

    def value(self, scope: Scope) -> str:
        scope.spend()
        out: list[str] = []
        self.block.render(scope, out)
        return methods.within("".join(out))


class Listing(Node):
    __slots__ = ("items",)

    def __init__(self, items: list[Node]) -> None:
        self.items = items

    def value(self, scope: Scope) -> list[Any]:
        scope.spend()
        return [item.value(scope) for item in self.items]


class Mapping(Node):
    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Node, Node]]) -> None:
        self.pairs = pairs

    def value(self, scope: Scope) -> dict[Any, Any]:
        scope.spend()
        return {k.value(scope): v.value(scope) for k, v in self.pairs}


class Range(Node):
    """`[1..5]`, upwards or downwards."""

    __slots__ = ("first", "last")

    def __init__(self, first: Node, last: Node) -> None:
        self.first, self.last = first, last

    def value(self, scope: Scope) -> list[int] | None:
        a, b = self.first.value(scope), self.last.value(scope)
        if not (java.number(a) and java.number(b)):
            return None
        a, b = int(a), int(b)
        scope.spend(abs(a - b))
        return list(range(a, b + 1)) if a <= b else list(range(a, b - 1, -1))


class Not(Node):
    __slots__ = ("operand",)

    def __init__(self, operand: Node) -> None:
        self.operand = operand

    def value(self, scope: Scope) -> bool:
        return not java.true(self.operand.value(scope))


class Negative(Node):
    __slots__ = ("operand",)

    def __init__(self, operand: Node) -> None:
        self.operand = operand

    def value(self, scope: Scope) -> Any:
        return java.subtract(0, self.operand.value(scope))


class And(Node):
    __slots__ = ("left", "right")

    def __init__(self, left: Node, right: Node) -> None:
        self.left, self.right = left, right

    def value(self, scope: Scope) -> bool:
        return java.true(self.left.value(scope)) and java.true(self.right.value(scope))


class Or(And):
    __slots__ = ()

    def value(self, scope: Scope) -> bool:
        return java.true(self.left.value(scope)) or java.true(self.right.value(scope))


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Only numbers are ordered; anything else is logged by Velocity and false."""
    return lambda a, b: java.number(a) and java.number(b) and compare(a, b)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": java.equal, "!=": lambda a, b: not java.equal(a, b),
    "<": ordered(lambda a, b: a < b), "<=": ordered(lambda a, b: a <= b), ">": ordered(lambda a, b: a > b), ">=": ordered(lambda a, b: a >= b),
    "+": java.add, "-": java.subtract, "*": java.multiply, "/": java.divide, "%": java.remainder,
}


class Binary(Node):
    __slots__ = ("apply", "left", "right")

    def __init__(self, operator: str, left: Node, right: Node) -> None:
        self.apply, self.left, self.right = OPERATORS[operator], left, right

    def value(self, scope: Scope) -> Any:
        scope.spend()
        result = self.apply(self.left.value(scope), self.right.value(scope))
        if isinstance(result, (str, list)) and len(result) > LENGTH:
            raise VtlError("the template makes too long a value")
        return result


class Field(Node):
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def of(self, target: Any, scope: Scope) -> Any:
        return methods.field(target, self.name)

    def set(self, target: Any, value: Any, scope: Scope) -> None:
        if isinstance(target, dict):
            target[self.name] = value


class Invocation(Node):
    __slots__ = ("args", "name")

    def __init__(self, name: str, args: list[Node]) -> None:
        self.name, self.args = name, args

    def of(self, target: Any, scope: Scope) -> Any:
        scope.spend()
        args = [arg.value(scope) for arg in self.args]
        try:
            return methods.call(target, self.name, args)
        except methods.NoMethod:
            return None

    def set(self, target: Any, value: Any, scope: Scope) -> None:
        return None


class Index(Node):
    __slots__ = ("index",)

    def __init__(self, index: Node) -> None:
        self.index = index

    def of(self, target: Any, scope: Scope) -> Any:
        return methods.item(target, self.index.value(scope))

    def set(self, target: Any, value: Any, scope: Scope) -> None:
        index = self.index.value(scope)
        if isinstance(target, dict) or (isinstance(target, list) and isinstance(index, int) and -len(target) <= index < len(target)):
            target[index] = value


class Reference(Node):
    """`$name.field.method($x)[0]`; `source` is printed when literal printing of the undefined is asked for."""

    __slots__ = ("name", "parts", "quiet", "source")

    def __init__(self, name: str, parts: list[Any], quiet: bool, source: str) -> None:
        self.name, self.parts, self.quiet, self.source = name, parts, quiet, source

    def value(self, scope: Scope) -> Any:
        scope.spend()
        value = scope.names.get(self.name)
        if isinstance(value, Definition):
            value = value.text(scope)
        for part in self.parts:
            if value is None:
                return None
            value = part.of(value, scope)
        return value

    def render(self, scope: Scope, out: list[str]) -> None:
        value = self.value(scope)
        if value is not None:
            out.append(methods.within(java.text(value)))
        elif scope.literal and not self.quiet:
            out.append(self.source)

    def assign(self, scope: Scope, value: Any) -> None:
        if not self.parts:
            scope.names[self.name] = value
            return
        target = scope.names.get(self.name)
        for part in self.parts[:-1]:
            if target is None:
                return
            target = part.of(target, scope)
        if target is not None:
            self.parts[-1].set(target, value, scope)


class Definition:
    """The content of a #define: rendered each time it is asked for."""

    def __init__(self, block: Block) -> None:
        self.block = block

    def text(self, scope: Scope) -> str:
        if scope.depth >= 20:
            raise VtlError("#define refers to itself")
        scope.depth += 1
        try:
            return Interpolated(self.block).value(scope)
        finally:
            scope.depth -= 1
