"""Intrinsic functions: `States.Format('{} is {}', $.name, States.MathAdd($.n, 1))`.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""
from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from .failure import StateError
from .paths import Nowhere, Scope, find

_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_PATH = re.compile(r"\$[^,()\s]*(?:\[[^\]]*\][^,()\s]*)*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
MOST = 10  # nested


class Bad(ValueError):
    """The text is no call of an intrinsic function."""


Node = Callable[[Scope], Any]


def parse(text: str) -> Node:
    node, at = _call(text, 0, 0)
    if text[at:].strip():
        raise Bad(text)
    return node


def _space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\n\r":
        at += 1
    return at


def _call(text: str, at: int, depth: int) -> tuple[Node, int]:
    found = _NAME.match(text, at)
    if found is None or depth > MOST or (function := FUNCTIONS.get(found[0][7:])) is None:
        raise Bad(text)
    at = _space(text, found.end())
    if text[at:at + 1] != "(":
        raise Bad(text)
    arguments: list[Node] = []
    at = _space(text, at + 1)
    while text[at:at + 1] != ")":
        if arguments:
            if text[at:at + 1] != ",":
                raise Bad(text)
            at = _space(text, at + 1)
        node, at = _argument(text, at, depth)
        arguments.append(node)
        at = _space(text, at)
        if at >= len(text):
            raise Bad(text)
    if function in (random_, uuid_):
        return lambda scope: function(scope.dice, *(one(scope) for one in arguments)), at + 1
    return lambda scope: function(*(one(scope) for one in arguments)), at + 1


def _argument(text: str, at: int, depth: int) -> tuple[Node, int]:
    if text.startswith("States.", at):
        return _call(text, at, depth + 1)
    if text[at:at + 1] == "'":
        out, at = "", at + 1
        while at < len(text) and text[at] != "'":
            if text[at] == "\\" and at + 1 < len(text):
                at += 1
                out += text[at] if text[at] in "'\\" else "\\" + text[at]  # \{ and \} are for Format
            else:
                out += text[at]
            at += 1
        if at >= len(text):
            raise Bad(text)
        return lambda scope: out, at + 1
    if (path := _PATH.match(text, at)) is not None:
        where = path[0]

        def look(scope: Scope) -> Any:
            try:
                return find(where, scope)
            except Nowhere:
                raise StateError("States.ParameterPathFailure", f"The JsonPath argument for the field '{where}' could not be found in the input '{json.dumps(scope.input)}'") from None
        return look, path.end()
    if (number := _NUMBER.match(text, at)) is not None:
        value = json.loads(number[0])
        return lambda scope: value, number.end()
    for word, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, at):
            return (lambda scope, value=value: value), at + len(word)  # type: ignore[misc]
    raise Bad(text)


# -- the functions --------------------------------------------------------------------------------------------------------


def _wrong(what: str) -> StateError:
    return StateError("States.IntrinsicFailure", what)


def _need(test: bool, what: str) -> None:
    if not test:
        raise _wrong(what)


def _whole(value: Any, what: str) -> int:
    _need(isinstance(value, (int, float)) and not isinstance(value, bool), f"Invalid arguments in {what}: a number is expected")
    return int(value + 0.5) if isinstance(value, float) else int(value)


def _list(value: Any, what: str) -> list[Any]:
    _need(isinstance(value, list), f"Invalid arguments in {what}: an array is expected")
    return value  # type: ignore[no-any-return]


def _text(value: Any, what: str) -> str:
    _need(isinstance(value, str), f"Invalid arguments in {what}: a string is expected")
    return value  # type: ignore[no-any-return]


def format_(template: Any, *values: Any) -> str:
    text, out, at, used = _text(template, "States.Format"), "", 0, 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1:at + 2] in ("{", "}", "\\"):
            out, at = out + text[at + 1], at + 2
        elif text.startswith("{}", at):
            _need(used < len(values), "Invalid arguments in States.Format: fewer arguments than occurrences of '{}'")
            value = values[used]
            out, at, used = out + (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)), at + 2, used + 1
        else:
            out, at = out + text[at], at + 1
    _need(used == len(values), "Invalid arguments in States.Format: more arguments than occurrences of '{}'")
    return out


def string_to_json(text: Any) -> Any:
    try:
        return json.loads(_text(text, "States.StringToJson"))
    except ValueError:
        raise _wrong("Invalid arguments in States.StringToJson: the string is not valid JSON") from None


def partition(array: Any, size: Any) -> list[Any]:
    items, width = _list(array, "States.ArrayPartition"), _whole(size, "States.ArrayPartition")
    _need(width > 0, "Invalid arguments in States.ArrayPartition: the chunk size must be positive")
    return [items[i:i + width] for i in range(0, len(items), width)]


def range_(first: Any, last: Any, step: Any) -> list[int]:
    begin, end, by = (_whole(value, "States.ArrayRange") for value in (first, last, step))
    _need(by != 0, "Invalid arguments in States.ArrayRange: the increment cannot be zero")
    found = list(range(begin, end + (1 if by > 0 else -1), by))
    _need(len(found) <= 1000, "Invalid arguments in States.ArrayRange: the array cannot contain more than 1000 items")
    return found


def item(array: Any, index: Any) -> Any:
    items, at = _list(array, "States.ArrayGetItem"), _whole(index, "States.ArrayGetItem")
    _need(0 <= at < len(items), "Invalid arguments in States.ArrayGetItem: index out of bounds")
    return items[at]


def unique(array: Any) -> list[Any]:
    seen: dict[str, Any] = {}
    for one in _list(array, "States.ArrayUnique"):
        seen.setdefault(json.dumps(one, sort_keys=True), one)
    return list(seen.values())


def decode(text: Any) -> str:
    try:
        return base64.b64decode(_text(text, "States.Base64Decode"), validate=True).decode()
    except ValueError:
        raise _wrong("Invalid arguments in States.Base64Decode: the string is not Base64") from None


HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def hash_(data: Any, algorithm: Any) -> str:
    _need(algorithm in HASHES, f"Invalid arguments in States.Hash: the algorithm must be one of {', '.join(HASHES)}")
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return hashlib.new(HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    _need(isinstance(first, dict) and isinstance(second, dict), "Invalid arguments in States.JsonMerge: objects are expected")
    _need(deep is False, "Invalid arguments in States.JsonMerge: only shallow merging (false) is supported")
    return {**first, **second}


def random_(dice: random.Random, first: Any, last: Any, seed: Any = None) -> int:
    begin, end = _whole(first, "States.MathRandom"), _whole(last, "States.MathRandom")
    _need(begin < end, "Invalid arguments in States.MathRandom: the start must be less than the end")
    return (dice if seed is None else random.Random(_whole(seed, "States.MathRandom"))).randrange(begin, end)


def uuid_(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def split(text: Any, delimiters: Any) -> list[str]:
    return [one for one in re.split("[" + re.escape(_text(delimiters, "States.StringSplit")) + "]", _text(text, "States.StringSplit")) if one] if delimiters else [text]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Format": format_, "StringToJson": string_to_json, "JsonToString": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False), "Array": lambda *values: list(values),
    "ArrayPartition": partition, "ArrayContains": lambda array, value: any(json.dumps(one, sort_keys=True) == json.dumps(value, sort_keys=True) for one in _list(array, "States.ArrayContains")),
    "ArrayRange": range_, "ArrayGetItem": item, "ArrayLength": lambda array: len(_list(array, "States.ArrayLength")), "ArrayUnique": unique,
    "Base64Encode": lambda text: base64.b64encode(_text(text, "States.Base64Encode").encode()).decode(), "Base64Decode": decode, "Hash": hash_, "JsonMerge": merge, "MathRandom": random_,
    "MathAdd": lambda a, b: _whole(a, "States.MathAdd") + _whole(b, "States.MathAdd"), "StringSplit": split, "UUID": uuid_,
}


def evaluate(text: str, scope: Scope) -> Any:
    try:
        node = parse(text)
    except Bad:
        raise StateError("States.Runtime", f"The value '{text}' is not a valid intrinsic function") from None
    try:
        return node(scope)
    except TypeError:
        raise _wrong(f"Invalid number of arguments in {text.partition('(')[0]}") from None
