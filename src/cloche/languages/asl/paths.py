"""Paths of states: `$` is the state's input, `$$` the context, `$name` a variable.

Jayway's rules hold (`languages/jsonpath`): a definite path that leads nowhere is an error, an indefinite one is a list.
"""
from __future__ import annotations

import copy
import json
import re
from typing import Any, NamedTuple

from cloche.languages import jsonpath

from .failure import StateError

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(.*)", re.S)


class Scope(NamedTuple):
    """What an expression may look at."""

    input: Any
    context: dict[str, Any]
    variables: dict[str, Any]
    dice: Any = None         # a random.Random, for States.UUID and States.MathRandom


class Nowhere(Exception):
    """The path leads to nothing."""


def find(path: str, scope: Scope) -> Any:
    """The value at a path. Raises Nowhere, or jsonpath.InvalidPath."""
    document: Any = scope.input
    if path.startswith("$$"):
        document, path = scope.context, path[1:]
    elif (named := _VARIABLE.fullmatch(path)) is not None:
        if named[1] not in scope.variables:
            raise Nowhere(path)
        document, path = scope.variables[named[1]], "$" + named[2]
    if path == "$":
        return document
    try:
        return jsonpath.compile(path).find(document)
    except jsonpath.NoSuchPath:
        raise Nowhere(path) from None


def read(path: str, scope: Scope, where: str) -> Any:
    """For InputPath, OutputPath and the `...Path` fields."""
    try:
        return find(path, scope)
    except (Nowhere, jsonpath.InvalidPath):
        raise StateError("States.Runtime", f"Invalid path '{path}': No results for path: {bracketed(path)}" if path != where else f"Invalid path '{path}'") from None


def bracketed(path: str) -> str:
    """`$.a.b` as Jayway repeats it: `$['a']['b']`."""
    try:
        return jsonpath.compile(path).normal()
    except (jsonpath.InvalidPath, AttributeError):
        return path


def put(document: Any, path: str, value: Any) -> Any:
    """ResultPath: the document with the value at a reference path."""
    if path == "$":
        return value
    try:
        return jsonpath.compile(path).put(copy.deepcopy(document), value)
    except (jsonpath.InvalidPath, TypeError, LookupError, ValueError):
        raise StateError("States.ResultPathMatchFailure", f"Unable to apply ReferencePath {path} to input {json.dumps(document)}") from None
