"""Projections: which parts of an item an answer shows."""
from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from . import parser
from .paths import distinct, projector
from .scope import Compiled, Scope, remember

KIND = "ProjectionExpression"


def compile(text: str, names: Mapping[str, str] | None = None) -> Compiled:
    """run(item) -> the part of it that the expression names."""
    return _compile(text, names=names)  # type: ignore[no-any-return]


@remember
def _compile(text: str, names: tuple[tuple[str, str], ...]) -> Compiled:
    scope = Scope(KIND, dict(names))
    for node in parser.projection(KIND, text):
        scope.path(node)
    distinct(KIND, scope.paths)
    return Compiled(projector(scope.paths), scope)


@lru_cache(1024)
def of_names(names: tuple[str, ...]) -> Compiled:
    """AttributesToGet: top-level names, whatever characters they have."""
    scope = Scope("AttributesToGet", {})
    scope.paths.extend((name,) for name in names)
    return Compiled(projector(scope.paths), scope)
