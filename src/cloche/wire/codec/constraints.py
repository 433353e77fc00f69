"""The model's constraints, compiled once per shape: required members, lengths, ranges, enums, patterns.

A shape under which nothing is constrained compiles to None and costs nothing. Types are the readers' business.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..model import Operation, Shape
from .refusal import SECRET, Fault

Check = Callable[[Any, str, list[Fault]], None]
_PENDING: Any = object()


def checker(shape: Shape) -> Check | None:
    made = shape.__dict__.get("_check", _UNMADE)
    if made is _PENDING:  # a recursive shape: look it up when it is needed
        return lambda value, path, faults: (c := shape.__dict__["_check"]) and c(value, path, faults)
    if made is _UNMADE:
        shape.__dict__["_check"] = _PENDING
        made = None if not _constrained(shape, set()) else _compile(shape)
        shape.__dict__["_check"] = made
    return made


_UNMADE: Any = object()


def _constrained(shape: Shape, seen: set[str]) -> bool:
    """Is there any constraint in the tree? Asked first, so that a recursive shape without one costs nothing."""
    if shape.name in seen:
        return False
    seen.add(shape.name)
    spec = shape.spec
    if spec.get("required") or spec.get("enum") or spec.get("pattern") or spec.get("max") is not None or spec.get("min"):
        return True
    if shape.type == "structure":
        return any(ref.get("enum") or _constrained(s, seen) for s, ref in shape.members.values())
    if shape.type == "list":
        return _constrained(shape.item, seen)
    if shape.type == "map":
        return _constrained(shape.map_key, seen) or _constrained(shape.value, seen)
    return False


def _compile(shape: Shape) -> Check | None:
    if shape.type == "structure":
        return _structure(shape)
    if shape.type == "list":
        return _list(shape)
    if shape.type == "map":
        return _map(shape)
    return _scalar(shape)


def _first_lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _structure(shape: Shape) -> Check:
    parts = [(n, _first_lower(n), c) for n, (s, _) in shape.members.items() if (c := checker(s))]
    required = [(n, _first_lower(n)) for n in shape.required if n in shape.members]

    def structure(value: Any, path: str, faults: list[Fault]) -> None:
        for name, shown in required:
            if name not in value:
                faults.append(Fault("required", f"{path}.{shown}" if path else shown, None, "Member must not be null"))
        for name, shown, check in parts:
            if name in value:
                check(value[name], f"{path}.{shown}" if path else shown, faults)

    return structure


def _list(shape: Shape) -> Check:
    low, high, inner = _bound(shape, "min"), _bound(shape, "max"), checker(shape.item)

    def many(value: Any, path: str, faults: list[Fault]) -> None:
        if high is not None and len(value) > high:
            faults.append(Fault("max", path, value, f"Member must have length less than or equal to {high}"))
        if low and len(value) < low:
            faults.append(Fault("min", path, value, f"Member must have length greater than or equal to {low}"))
        if inner:
            for i, item in enumerate(value, 1):
                if item is not None:
                    inner(item, f"{path}.{i}.member", faults)

    return many


def _map(shape: Shape) -> Check:
    low, high, inner = _bound(shape, "min"), _bound(shape, "max"), checker(shape.value)
    key_check = checker(shape.map_key)

    def mapping(value: Any, path: str, faults: list[Fault]) -> None:
        if high is not None and len(value) > high:
            faults.append(Fault("max", path, value, f"Member must have length less than or equal to {high}"))
        if low and len(value) < low:
            faults.append(Fault("min", path, value, f"Member must have length greater than or equal to {low}"))
        if key_check:
            broken: list[Fault] = []
            for key in value:
                key_check(key, path, broken)
            if broken:
                whys = ", ".join(f.why for f in broken)
                faults.append(Fault("keys", path, value, f"Map keys must satisfy constraint: [{whys}]"))
        if inner:
            for key, item in value.items():
                if item is not None:
                    inner(item, f"{path}.{key}.member", faults)

    return mapping


def _bound(shape: Shape, which: str) -> Any:
    bound = shape.spec.get(which)
    return int(bound) if bound is not None and bound == int(bound) else bound


def _scalar(shape: Shape) -> Check | None:
    spec, kind = shape.spec, shape.type
    low, high = _bound(shape, "min"), _bound(shape, "max")
    enum = spec.get("enum")
    allowed = frozenset(enum or ())
    pattern: str | None = spec.get("pattern") if kind == "string" else None
    if pattern in _EVERYTHING:
        pattern = None
    sized = kind in ("string", "blob")
    if kind in ("boolean", "timestamp") or (low is None and high is None and not enum and not pattern):
        return None
    what, secret = "length" if sized else "value", spec.get("sensitive") and kind == "string"

    def scalar(value: Any, path: str, faults: list[Fault]) -> None:
        seen = SECRET if secret else value
        if sized:
            if not isinstance(value, (str, bytes)):
                return  # a stream; its length is its reader's business
            size: Any = len(value)
        else:
            size = value
        if high is not None and size > high:
            faults.append(Fault("max", path, seen, f"Member must have {what} less than or equal to {high}"))
        if low is not None and size < low:
            faults.append(Fault("min", path, seen, f"Member must have {what} greater than or equal to {low}"))
        if pattern and (found := java_regex(pattern)) is not None and not _matches(found, value):
            faults.append(Fault("pattern", path, seen, f"Member must satisfy regular expression pattern: {pattern}"))
        if enum and value not in allowed:
            faults.append(Fault("enum", path, seen, f"Member must satisfy enum value set: [{', '.join(enum)}]"))

    return scalar


def _matches(pattern: Any, value: str) -> bool:
    """Short text is matched as it is; long text gets a second at most, since some of AWS's patterns backtrack without end."""
    if len(value) < 64 or type(pattern) is re.Pattern:
        return pattern.fullmatch(value) is not None
    try:
        return pattern.fullmatch(value, timeout=1.0) is not None
    except TimeoutError:
        return False


_EVERYTHING = {".*", r"[\s\S]*", r"[\S\s]*", r"(?s).*", r"[\s\S]+"}
_patterns: dict[str, Any] = {}


# What Java's patterns may say and the regex package says otherwise
_JAVA = [
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"), (r"\p{IsAlphabetic}", r"\p{Alphabetic}"), (r"[\p{all}]", r"[\s\S]"),
    (r"\p{LD}", r"[\p{L}\p{Nd}]"),
]
_PRINT = re.compile(r"\\p\{Print\}")
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")
# One class of characters, repeated: it cannot backtrack, and `re` reads a policy's text eight times as fast as `regex` does
_ONE_CLASS = re.compile(r"\^?\[(?![\]^])(?:[^\[\]\\&~|-]|-(?!-)|\\(?:u[0-9A-Fa-f]{4}|[wsd.+/@=_-]))+\][+*]?\$?")


def java_regex(pattern: str) -> Any:
    """AWS's patterns are Java's: `\\p{L}`, possessive quantifiers, surrogate pairs spelt out. One that cannot compile is not checked (None)."""
    found = _patterns.get(pattern, _UNMADE)
    if found is _UNMADE:
        if _ONE_CLASS.fullmatch(pattern):
            try:
                found = _patterns[pattern] = re.compile(pattern, re.ASCII)
                return found
            except re.error:  # `[\w-.]`: a range to Java's mind and to regex's, not to re's
                pass
        import regex  # 20 ms that a cloud without patterns to check need not spend

        text = pattern
        for java, ours in _JAVA:
            text = text.replace(java, ours)
        text = _PRINT.sub(lambda m: r"\x20-\x7e" if m.string.rfind("[", 0, m.start()) > m.string.rfind("]", 0, m.start()) else r"[\x20-\x7e]", text)
        text = _HEX.sub(lambda m: f"\\U{int(m[1], 16):08x}", text)
        try:
            found = regex.compile(text, regex.VERSION0 if "\\p{" in text else regex.VERSION0 | regex.ASCII)  # Java's \\w is ASCII; under the flag so would \\p{L} be
        except regex.error:
            found = None
        _patterns[pattern] = found
    return found


def faults(op: Operation, value: Any) -> list[Fault]:
    shape = op.input
    if shape is None:
        return []
    run = checker(shape)
    if run is None:
        return []
    found: list[Fault] = []
    run(value, "", found)
    return found
