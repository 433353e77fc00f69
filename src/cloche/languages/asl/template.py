"""Payload templates: Parameters, ResultSelector, ItemSelector, Assign. A field whose name ends in `.$` has a path or an intrinsic function as its value."""
from __future__ import annotations

import json
from typing import Any

from cloche.languages import jsonpath

from . import intrinsics
from .failure import StateError
from .paths import Nowhere, Scope, find


def fill(template: Any, scope: Scope) -> Any:
    if isinstance(template, dict):
        out: dict[str, Any] = {}
        for name, value in template.items():
            if name.endswith(".$") and isinstance(value, str):
                out[name[:-2]] = _value(name, value, scope)
            else:
                out[name] = fill(value, scope)
        return out
    return [fill(one, scope) for one in template] if isinstance(template, list) else template


def _value(name: str, text: str, scope: Scope) -> Any:
    if not text.startswith("$"):
        return intrinsics.evaluate(text, scope)
    try:
        return find(text, scope)
    except (Nowhere, jsonpath.InvalidPath):
        raise StateError("States.ParameterPathFailure", f"The JSONPath '{text}' specified for the field '{name}' could not be found in the input '{json.dumps(scope.input)}'") from None
