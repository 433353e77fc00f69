"""JSONata in states: `{% $states.input.a + 1 %}`. The language itself is the package jsonata-python's, a port of the reference implementation."""
from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from .failure import StateError

OPEN, CLOSE = "{%", "%}"
LONGEST, DEEPEST = 1000, 300  # milliseconds and calls within calls that one expression may take


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(OPEN) and value.endswith(CLOSE)


@lru_cache(maxsize=512)
def _checked(text: str) -> None:
    import jsonata
    jsonata.Jsonata(text)


def check(value: str) -> str | None:
    """What is wrong with an expression, if anything."""
    try:
        _checked(value[2:-2].strip())
    except Exception as error:  # the package raises its own, and whatever its parser stumbles over
        return str(error)
    return None


def fill(template: Any, states: dict[str, Any], variables: dict[str, Any], where: str) -> Any:
    """A template with its expressions evaluated; what evaluates to nothing is an error."""
    if isinstance(template, dict):
        return {name: fill(value, states, variables, f"{where}/{name}") for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, states, variables, f"{where}[{index}]") for index, value in enumerate(template)]
    return evaluate(template, states, variables, where) if is_expression(template) else template


def evaluate(text: str, states: dict[str, Any], variables: dict[str, Any], where: str) -> Any:
    body = text[2:-2].strip()
    try:
        found = _value(body, states, variables)
    except Exception as error:  # of the expression, not ours: its words are the cause
        raise StateError("States.QueryEvaluationError", f"The JSONata expression '{body}' specified for the field '{where}' threw an error during evaluation. {error}") from None
    if found is None and _value(f"$exists({body})", states, variables) is not True:  # the package says None for JSON's null and for nothing at all
        raise StateError("States.QueryEvaluationError", f"The JSONata expression '{body}' specified for the field '{where}' returned nothing (undefined).")
    return _plain(found)


def _value(body: str, states: dict[str, Any], variables: dict[str, Any]) -> Any:
    """One expression, within bounds: a user's endless recursion must not stop the loop."""
    import jsonata
    expression = jsonata.Jsonata(body)
    expression.register_lambda("parse", json.loads)
    frame = expression.create_frame()
    frame.set_runtime_bounds(LONGEST, DEEPEST)
    for name, value in {**variables, "states": states}.items():
        frame.bind(name, value)
    return expression.evaluate(None, frame)


def _plain(value: Any) -> Any:
    """As JSON has it: whole numbers are integers, lists are lists."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
