"""#set #if #foreach #define #macro #break #stop: nodes that render, decide and repeat."""
from __future__ import annotations

from typing import Any

from . import java
from .errors import VtlError
from .scope import DEPTH, LOOPS, Break, Scope, Stop
from .tree import Block, Definition, Node, Reference


class Set(Node):
    """Nothing on the right leaves the left as it was (Velocity's directive.set.null.allowed=false)."""

    __slots__ = ("reference", "right")

    def __init__(self, reference: Reference, right: Node) -> None:
        self.reference, self.right = reference, right

    def render(self, scope: Scope, out: list[str]) -> None:
        scope.spend()
        value = self.right.value(scope)
        if value is not None:
            self.reference.assign(scope, value)


class If(Node):
    __slots__ = ("branches", "otherwise")

    def __init__(self, branches: list[tuple[Node, Block]], otherwise: Block | None) -> None:
        self.branches, self.otherwise = branches, otherwise

    def render(self, scope: Scope, out: list[str]) -> None:
        scope.spend()
        for condition, block in self.branches:
            if java.true(condition.value(scope)):
                block.render(scope, out)
                return
        if self.otherwise is not None:
            self.otherwise.render(scope, out)


class Loop(java.Native):
    """`$foreach` inside a loop."""

    def __init__(self, parent: Any, length: int) -> None:
        self.parent, self.length, self.index = parent, length, -1
        self.methods = {"hasNext": self.has_next, "getIndex": lambda: self.index, "getCount": lambda: self.index + 1,
                        "getHasNext": self.has_next, "isFirst": lambda: self.index == 0, "isLast": lambda: not self.has_next(),
                        "getParent": lambda: self.parent, "getTopmost": lambda: self.parent or self, "stop": self.stop}

    def has_next(self) -> bool:
        return self.index + 1 < self.length

    def stop(self) -> None:
        raise Break

    @property
    def fields(self) -> dict[str, Any]:
        return {"index": self.index, "count": self.index + 1, "hasNext": self.has_next(), "first": self.index == 0,
                "last": not self.has_next(), "parent": self.parent}


class Foreach(Node):
    __slots__ = ("block", "name", "otherwise", "over")

    def __init__(self, name: str, over: Node, block: Block, otherwise: Block | None) -> None:
        self.name, self.over, self.block, self.otherwise = name, over, block, otherwise

    def render(self, scope: Scope, out: list[str]) -> None:
        items = self.over.value(scope)
        items = list(items.values()) if isinstance(items, dict) else list(items) if isinstance(items, list) else []
        if not items:
            if self.otherwise is not None:
                self.otherwise.render(scope, out)
            return
        if len(items) > LOOPS:
            raise VtlError(f"#foreach may run {LOOPS} times")
        names = scope.names
        kept = {name: names.get(name) for name in (self.name, "foreach", "velocityCount", "velocityHasNext")}
        loop = names["foreach"] = Loop(kept["foreach"], len(items))
        try:
            for loop.index, item in enumerate(items):
                scope.spend()
                names[self.name], names["velocityCount"], names["velocityHasNext"] = item, loop.index + 1, loop.has_next()
                self.block.render(scope, out)
        except Break:
            pass
        finally:
            restore(names, kept)


def restore(names: dict[str, Any], kept: dict[str, Any]) -> None:
    for name, value in kept.items():
        if value is None:
            names.pop(name, None)
        else:
            names[name] = value


class Define(Node):
    __slots__ = ("block", "name")

    def __init__(self, name: str, block: Block) -> None:
        self.name, self.block = name, block

    def render(self, scope: Scope, out: list[str]) -> None:
        scope.names[self.name] = Definition(self.block)


class Macro(Node):
    __slots__ = ("block", "name", "parameters")

    def __init__(self, name: str, parameters: list[str], block: Block) -> None:
        self.name, self.parameters, self.block = name, parameters, block

    def render(self, scope: Scope, out: list[str]) -> None:
        scope.macros.setdefault(self.name, self)      # the first definition stays


class MacroCall(Node):
    """`#name($a $b)`, or `#@name($a) body #end` whose body is `$bodyContent`. An unknown name is only text."""

    __slots__ = ("args", "body", "name", "source")

    def __init__(self, name: str, args: list[Node], body: Block | None, source: str) -> None:
        self.name, self.args, self.body, self.source = name, args, body, source

    def render(self, scope: Scope, out: list[str]) -> None:
        macro = scope.macros.get(self.name)
        if macro is None:
            out.append(self.source)
            return
        if scope.depth >= DEPTH:
            raise VtlError(f"macros may call each other {DEPTH} deep")
        given: dict[str, Any] = {name: arg.value(scope) for name, arg in zip(macro.parameters, self.args)}
        if self.body is not None:
            given["bodyContent"] = Definition(self.body)
        kept = {name: scope.names.get(name) for name in [*macro.parameters, *given]}
        restore(scope.names, {name: given.get(name) for name in kept})
        scope.depth += 1
        try:
            macro.block.render(scope, out)
        finally:
            scope.depth -= 1
            restore(scope.names, kept)


class BreakNow(Node):
    __slots__ = ()

    def render(self, scope: Scope, out: list[str]) -> None:
        raise Break


class StopNow(Node):
    __slots__ = ()

    def render(self, scope: Scope, out: list[str]) -> None:
        raise Stop
