"""Event patterns: which events a rule, a pipe, an SNS filter or a Lambda event source lets through.

`compile_pattern('{"source": ["aws.s3"]}')` gives a function of one event. A list is OR, an object is AND, an array in the event matches
if any element does; because an array of objects is tried element by element, two fields of one pattern object must be
satisfied by the same element (event-ruler's "array consistency"). Reasons of refusal are event-ruler's sentences:
the caller puts its own words before them ("Event pattern is not valid. Reason: ...").
"""
from __future__ import annotations

import ipaddress
import json
import operator
from collections.abc import Callable
from typing import Any

Test = Callable[[Any], bool]      # of one leaf: a string, number, boolean or null
Matcher = Callable[[Any], bool]   # of a whole event, or of the value under a key (ABSENT when there is none)

LARGEST_NUMBER = 5_000_000_000
MOST_COMBINATIONS = 1000
COMPARE = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
ABSENT = object()


class Invalid(ValueError):
    """The pattern cannot be understood; `str(error)` is AWS's reason."""


def compile_pattern(pattern: str | bytes | dict[str, Any]) -> Matcher:
    if not isinstance(pattern, dict):
        pattern = parse(pattern)
    matcher = compile_object(pattern)
    if combinations(pattern) > MOST_COMBINATIONS:
        raise Invalid("Rule is too complex - try using fewer or smaller arrays")
    return matcher


def parse(text: str | bytes) -> dict[str, Any]:
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise Invalid(f"Unable to parse the event pattern: {error}") from None
    except RecursionError:
        raise Invalid("Event pattern is nested too deeply") from None
    if not isinstance(pattern, dict):
        raise Invalid("Filter is not an object")
    return pattern


def combinations(pattern: dict[str, Any]) -> int:
    """How many rules without $or this one stands for."""
    product = 1
    for key, value in pattern.items():
        if key == "$or" and is_or(value):
            product *= sum(combinations(branch) for branch in value)
        elif isinstance(value, dict):
            product *= combinations(value)
    return product


# -- objects ------------------------------------------------------------------------------------------------------

def compile_object(pattern: dict[str, Any]) -> Matcher:
    if not pattern:
        raise Invalid("Empty objects are not allowed")
    fields: list[tuple[str, Matcher]] = []
    alternatives: list[list[Matcher]] = []
    for key, value in pattern.items():
        if key == "$or" and is_or(value):
            alternatives.append([compile_object(branch) for branch in value])
        elif isinstance(value, dict):
            fields.append((key, compile_object(value)))
        elif isinstance(value, list):
            fields.append((key, compile_leaf(value)))
        else:
            raise Invalid(f'"{key}" must be an object or an array')

    def matches(event: Any) -> bool:
        if isinstance(event, list):
            return any(matches(element) for element in event)
        if not isinstance(event, dict):
            event = {}  # nothing below a leaf or a missing key: only {"exists": false} can hold
        for key, matcher in fields:
            if not matcher(event.get(key, ABSENT)):
                return False
        return all(any(branch(event) for branch in branches) for branches in alternatives)

    return matches


def is_or(value: Any) -> bool:
    """`$or` is an operator only over two or more objects that are not themselves operators; else a field of that name."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(v, dict) and not v.keys() & OPERATORS.keys() for v in value)


# -- leaves -------------------------------------------------------------------------------------------------------

def compile_leaf(values: list[Any]) -> Matcher:
    if not values:
        raise Invalid("Empty arrays are not allowed")
    strings = frozenset(v for v in values if isinstance(v, str))
    numbers = frozenset(v for v in values if is_number(v))
    constants = [v for v in values if v is None or isinstance(v, bool)]
    tests: list[Test] = []
    present = absent = False
    for value in values:
        if isinstance(value, list):
            raise Invalid("Match value must be String, number, true, false, or null")
        if isinstance(value, dict):
            name, argument = only_pair(value)
            if name == "exists":
                if not isinstance(argument, bool):
                    raise Invalid("exists match pattern must be either true or false.")
                present, absent = present or argument, absent or not argument
            elif name in OPERATORS:
                tests.append(OPERATORS[name](argument))
            else:
                raise Invalid(f"Unrecognized match type {name}")

    def test(value: Any) -> bool:
        if isinstance(value, str):
            if value in strings:
                return True
        elif value is None or isinstance(value, bool):
            if any(value is constant for constant in constants):
                return True
        elif value in numbers:
            return True
        return present or any(t(value) for t in tests)

    def matches(value: Any) -> bool:
        if isinstance(value, str):
            return test(value)
        if value is ABSENT or isinstance(value, dict):  # an object is no leaf: as a leaf it does not exist
            return absent
        if isinstance(value, list):
            return any_leaf(value, test, absent)
        return test(value)

    return matches


def any_leaf(values: list[Any], test: Test, absent: bool) -> bool:
    leaves = [v for v in flat(values) if not isinstance(v, dict)]
    return any(map(test, leaves)) if leaves else absent


def flat(values: list[Any]) -> list[Any]:
    return [leaf for value in values for leaf in (flat(value) if isinstance(value, list) else (value,))]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def only_pair(expression: dict[str, Any]) -> tuple[str, Any]:
    if not expression:
        raise Invalid("Match expression name not found")
    if len(expression) > 1:
        raise Invalid("Only one key allowed in match expression")
    return next(iter(expression.items()))


# -- operators ----------------------------------------------------------------------------------------------------

def text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{name} match pattern must be a string")
    return value


def affix(name: str, holds: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def build(argument: Any) -> Test:
        if isinstance(argument, dict):
            inner, value = only_pair(argument)
            if inner != "equals-ignore-case":
                raise Invalid(f"Unsupported {name} pattern: {inner}")
            folded = text(value, "equals-ignore-case").lower()
            return lambda leaf: isinstance(leaf, str) and holds(leaf.lower(), folded)
        wanted = text(argument, name)
        return lambda leaf: isinstance(leaf, str) and holds(leaf, wanted)
    return build


def equals_ignore_case(argument: Any) -> Test:
    folded = text(argument, "equals-ignore-case").lower()
    return lambda leaf: isinstance(leaf, str) and leaf.lower() == folded


def numeric(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise Invalid("Value of numeric must be an array.")
    if not argument or not isinstance(argument[0], str):
        raise Invalid(f"Invalid member in numeric match: {json.dumps(argument[0]) if argument else ']'}")
    bounds: list[tuple[Callable[[Any, Any], bool], float]] = []
    for at in range(0, len(argument), 2):
        name = argument[at]
        if not isinstance(name, str) or name not in COMPARE:
            raise Invalid(f"Unrecognized numeric range operator: {name}")
        if at + 1 >= len(argument) or not is_number(argument[at + 1]):
            raise Invalid(f"Value of {name} must be numeric")
        if abs(argument[at + 1]) > LARGEST_NUMBER:
            raise Invalid("Value must be between -5.0E9 and 5.0E9, inclusive")
        bounds.append((COMPARE[name], argument[at + 1]))
    if len(bounds) > 2 or (len(bounds) == 2 and not (argument[0][0] == ">" and argument[2][0] == "<")):
        raise Invalid("Too many terms in numeric range expression")
    if len(bounds) == 2 and bounds[0][1] >= bounds[1][1]:
        raise Invalid("Bottom must be less than top")
    return lambda leaf: is_number(leaf) and all(compare(leaf, bound) for compare, bound in bounds)


def cidr(argument: Any) -> Test:
    block = text(argument, "cidr")
    if "/" not in block:
        block += "/128" if ":" in block else "/32"
    if block.count("/") != 1:
        raise Invalid("Malformed CIDR, one '/' required")
    if not block.split("/")[1].isdigit():
        raise Invalid("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(block, strict=False)
    except ValueError:
        raise Invalid(f"Malformed CIDR: {argument}") from None

    def test(leaf: Any) -> bool:
        try:
            return isinstance(leaf, str) and ipaddress.ip_address(leaf) in network
        except ValueError:
            return False
    return test


def wildcard(argument: Any) -> Test:
    """`*` is any run of characters; the pieces between are looked for one after the other, so no input is slow."""
    first, *pieces = wildcard_pieces(text(argument, "wildcard"))
    if not pieces:
        return lambda leaf: leaf == first
    *middle, last = pieces

    def test(leaf: Any) -> bool:
        if not isinstance(leaf, str) or not leaf.startswith(first):
            return False
        at = len(first)
        for piece in middle:
            found = leaf.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(leaf) - len(last) >= at and leaf.endswith(last)
    return test


def wildcard_pieces(pattern: str) -> list[str]:
    pieces, at = [""], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            if pattern[at + 1:at + 2] not in ("*", "\\"):
                raise Invalid(f"Invalid escape character at pos {at}")
            pieces[-1] += pattern[at + 1]
            at += 1
        elif char == "*":
            if pattern[at + 1:at + 2] == "*":
                raise Invalid(f"Consecutive wildcard characters at pos {at}")
            pieces.append("")
        else:
            pieces[-1] += char
        at += 1
    return pieces


def anything_but(argument: Any) -> Test:
    """True of any leaf but these; of a missing field never. A number is not a string, and so is 'anything but' it."""
    if isinstance(argument, dict):
        return anything_but_match(argument)
    values = argument if isinstance(argument, list) else [argument]
    if not values:
        raise Invalid("Empty arrays are not allowed")
    for value in values:
        if not isinstance(value, str) and not is_number(value):
            if isinstance(argument, list):
                raise Invalid("Inside anything but list, start|null|boolean is not supported.")
            raise Invalid("Value of anything-but must be an array or single string/number value.")
    if len({isinstance(value, str) for value in values}) > 1:
        raise Invalid("Inside anything but list, either all values are number or string, mixed type is not supported")
    excluded = frozenset(values)
    return lambda leaf: isinstance(leaf, bool) or leaf not in excluded


def anything_but_match(argument: dict[str, Any]) -> Test:
    if not argument:
        raise Invalid("Anything-But expression name not found")
    name, values = only_pair(argument)
    if name not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
        raise Invalid(f"Unsupported anything-but pattern: {name}")
    values = values if isinstance(values, list) else [values]
    if not values:
        raise Invalid("Empty arrays are not allowed")
    for value in values:
        if not isinstance(value, str) and not (isinstance(value, dict) and name in ("prefix", "suffix")):
            raise Invalid(f"{name} match pattern must be a string")
        if value == "":
            raise Invalid("Null prefix/suffix not allowed" if name in ("prefix", "suffix") else f"Null {name} not allowed")
    tests = [OPERATORS[name](value) for value in values]
    return lambda leaf: not any(test(leaf) for test in tests)


OPERATORS: dict[str, Callable[[Any], Test]] = {
    "prefix": affix("prefix", str.startswith),
    "suffix": affix("suffix", str.endswith),
    "equals-ignore-case": equals_ignore_case,
    "wildcard": wildcard,
    "numeric": numeric,
    "cidr": cidr,
    "anything-but": anything_but,
    "exists": lambda argument: lambda leaf: True,  # compile_leaf decides it: it is about the field, not about a leaf
}
