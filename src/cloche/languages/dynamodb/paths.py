"""Document paths: `a.b[2]` is ("a", "b", 2). Read in an item, project from it, refuse two that overlap."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import errors
from .values import Item, Value

Path = tuple[str | int, ...]


def reader(path: Path) -> Callable[[Item], Value | None]:
    """A function from an item to the value at this path."""
    if len(path) == 1:
        name = path[0]
        return lambda item: item.get(name)  # type: ignore[arg-type]
    return lambda item: read(item, path)


def read(item: Item, path: Path) -> Value | None:
    value: Value | None = item.get(path[0])  # type: ignore[arg-type]
    for step in path[1:]:
        if value is None:
            return None
        if isinstance(step, int):
            members = value.get("L")
            value = members[step] if members is not None and step < len(members) else None
        else:
            value = value["M"].get(step) if "M" in value else None
    return value


def distinct(kind: str, paths: Iterable[Path]) -> None:
    """Two paths overlap when one begins with the other, and conflict when one makes a list of what is a map to the other."""
    tree: dict[Any, Any] = {}
    seen: list[Path] = []
    for path in paths:
        node = tree
        for depth, step in enumerate(path):
            if None in node:
                raise errors.overlap(kind, path[:depth], path)
            if node and depth and isinstance(next(iter(node)), int) != isinstance(step, int):
                raise errors.conflict(kind, next(p for p in seen if p[:depth] == path[:depth]), path)
            node = node.setdefault(step, {})
        if node:
            raise errors.overlap(kind, next(p for p in seen if p[:len(path)] == path), path)
        node[None] = True
        seen.append(path)


def projector(paths: Iterable[Path]) -> Callable[[Item], Item]:
    """A function from an item to the part of it these paths name; elements of lists close up in their order."""
    paths = list(paths)
    if all(len(p) == 1 for p in paths):
        names: list[Any] = [p[0] for p in paths]
        return lambda item: {name: item[name] for name in names if name in item}
    tree: dict[Any, Any] = {}
    for path in paths:
        node = tree
        for step in path:
            node = node.setdefault(step, {})

    def project(item: Item) -> Item:
        return {name: part for name, below in tree.items() if name in item and (part := _cut(item[name], below)) is not None}

    return project


def _cut(value: Value, tree: dict[Any, Any]) -> Value | None:
    if not tree:
        return value
    if "M" in value:
        members = value["M"]
        cut = {k: part for k, below in tree.items() if isinstance(k, str) and k in members and (part := _cut(members[k], below)) is not None}
        return {"M": cut} if cut else None
    if "L" in value:
        elements = value["L"]
        parts = [part for i, below in sorted((i, b) for i, b in tree.items() if isinstance(i, int))
                 if i < len(elements) and (part := _cut(elements[i], below)) is not None]
        return {"L": parts} if parts else None
    return None
