"""What a tree is compiled against: the names of the request. It notes which placeholders and paths a tree uses."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from . import errors
from .paths import Path
from .reserved import WORDS

Values = Mapping[str, Any]


MAX_LEVELS = 32
MAX_REMEMBERED = 2000  # characters of names, with which a compiled expression is kept


def remember(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what was compiled, by text and names; but nobody's megabytes of names."""
    kept = lru_cache(1024)(compile_)

    def find(*texts: str, names: Mapping[str, str] | None = None) -> Any:
        if not names:
            return kept(*texts, ())
        if sum(map(len, names.values())) > MAX_REMEMBERED:
            return compile_(*texts, tuple(names.items()))
        return kept(*texts, tuple(names.items()))

    return find


class Scope:
    __slots__ = ("checks", "kind", "names", "paths", "used_names", "used_values")

    def __init__(self, kind: str, names: Mapping[str, str]) -> None:
        self.kind, self.names = kind, names
        self.used_names: set[str] = set()
        self.used_values: dict[str, None] = {}  # in order
        self.paths: list[Path] = []
        self.checks: list[Callable[[Values], None]] = []  # what depends on the types of the values, at each use

    def path(self, node: tuple[Any, ...]) -> Path:
        """The steps with their placeholders replaced. A literal path (legacy parameters) stays as it is."""
        if node[0] == "literal-path":
            self.paths.append(node[1])
            return node[1]  # type: ignore[no-any-return]
        steps: list[str | int] = []
        if len(node[1]) > MAX_LEVELS:
            raise errors.too_nested(self.kind, len(node[1]))
        for step in node[1]:
            if isinstance(step, int):
                steps.append(step)
            elif step[0] == "#":
                if step not in self.names:
                    raise errors.undefined_name(self.kind, step)
                self.used_names.add(step)
                steps.append(self.names[step])
            elif step.upper() in WORDS:
                raise errors.reserved(self.kind, step)
            else:
                steps.append(step)
        path = tuple(steps)
        self.paths.append(path)
        return path

    def value(self, name: str) -> None:
        self.used_values.setdefault(name)


class Compiled:
    """A compiled expression: `run` and what the request must be checked for before it runs."""

    __slots__ = ("checks", "kind", "names", "paths", "run", "values")

    def __init__(self, run: Callable[..., Any], scope: Scope) -> None:
        self.run, self.kind = run, scope.kind
        self.names, self.values = frozenset(scope.used_names), frozenset(scope.used_values)
        self.paths, self.checks = tuple(scope.paths), tuple(scope.checks)

    def check(self, values: Values) -> None:
        """Every value is defined, and of a type that its place allows."""
        if not self.values <= values.keys():
            raise errors.undefined_value(self.kind, min(self.values - values.keys()))
        for check in self.checks:
            check(values)

    @property
    def attributes(self) -> set[str]:
        """The top-level attributes it touches."""
        return {str(p[0]) for p in self.paths}
