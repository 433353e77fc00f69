"""JSON Patch (RFC 6902) over JSON Pointers (RFC 6901): a new value, the old one untouched."""
from __future__ import annotations

import copy
from typing import Any


class PatchError(ValueError):
    """The patch is none, or does not fit the document."""


def patched(document: Any, operations: Any) -> Any:
    if not isinstance(operations, list):
        raise PatchError("a patch is an array of operations")
    out = copy.deepcopy(document)
    for one in operations:
        if not isinstance(one, dict) or "op" not in one or not isinstance(one.get("path"), str):
            raise PatchError("an operation needs op and path")
        out = _apply(out, one)
    return out


def _apply(document: Any, one: dict[str, Any]) -> Any:
    kind, path = one["op"], _steps(one["path"])
    if kind in ("add", "replace", "test") and "value" not in one:
        raise PatchError(f"{kind} needs a value")
    if kind in ("move", "copy") and not isinstance(one.get("from"), str):
        raise PatchError(f"{kind} needs from")
    if kind == "add":
        return _add(document, path, copy.deepcopy(one["value"]))
    if kind == "replace":
        _at(document, path)
        return _add(_remove(document, path), path, copy.deepcopy(one["value"])) if path else copy.deepcopy(one["value"])
    if kind == "remove":
        return _remove(document, path)
    if kind == "copy":
        return _add(document, path, copy.deepcopy(_at(document, _steps(one["from"]))))
    if kind == "move":
        source = _steps(one["from"])
        value = _at(document, source)
        return _add(_remove(document, source), path, value)
    if kind == "test":
        if _at(document, path) != one["value"]:
            raise PatchError(f"test of {one['path']} failed")
        return document
    raise PatchError(f"unknown op {kind}")


def _steps(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise PatchError(f"{pointer} is no JSON pointer")
    return [x.replace("~1", "/").replace("~0", "~") for x in pointer[1:].split("/")]


def _place(holder: list[Any], step: str, most: int) -> int:
    if not step.isdecimal() or (len(step) > 1 and step[0] == "0") or int(step) > most:
        raise PatchError(f"no element {step}")
    return int(step)


def _at(document: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_place(document, step, len(document) - 1)]
        else:
            raise PatchError(f"no member {step}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder, last = _at(document, path[:-1]), path[-1]
    if isinstance(holder, list):
        holder.insert(len(holder) if last == "-" else _place(holder, last, len(holder)), value)
    elif isinstance(holder, dict):
        holder[last] = value
    else:
        raise PatchError(f"no place for {last}")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    _at(document, path)
    holder, last = _at(document, path[:-1]), path[-1]
    del holder[int(last) if isinstance(holder, list) else last]
    return document
