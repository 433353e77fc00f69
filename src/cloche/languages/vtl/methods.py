"""The methods templates call on strings, lists, maps and numbers, under the names Java gives them.

Regular expressions run under a time limit: a template comes from a user and shares the loop with everybody.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import regex

from .errors import VtlError
from .java import MISSING, Missing, Native, equal, number, text
from .scope import LENGTH

SECONDS = 0.2


class NoMethod(Exception):
    """Java would say NoSuchMethod or throw: the reference is worth nothing."""


def call(target: Any, name: str, args: list[Any]) -> Any:
    try:
        return method(target, name)(target, *args)
    except NoMethod:
        raise
    except TimeoutError:
        raise VtlError("a regular expression takes too long") from None
    except (TypeError, ValueError, LookupError, AttributeError, regex.error):
        raise NoMethod(name) from None


def method(target: Any, name: str) -> Callable[..., Any]:
    if isinstance(target, Native):
        found = target.methods.get(name)
        if found is not None:
            return lambda _, *args: found(*args)
    for kind, methods in KINDS:
        if isinstance(target, kind) and not (isinstance(target, bool) and methods is NUMBERS) and name in methods:
            return methods[name]
    if name in ANY:
        return ANY[name]
    raise NoMethod(name)


def field(target: Any, name: str) -> Any:
    """`$a.b`: a map's key, a native's property, or a getter (`$list.empty` is `isEmpty()`)."""
    if isinstance(target, dict):
        if name in target:
            return target[name]
    elif isinstance(target, Native) and name in target.fields:
        return target.fields[name]
    for getter in ("get" + name[:1].upper() + name[1:], "is" + name[:1].upper() + name[1:]):
        try:
            return call(target, getter, [])
        except NoMethod:
            continue
    return None


def item(target: Any, index: Any) -> Any:
    if isinstance(target, dict):
        return target.get(index if isinstance(index, str) else text(index))
    if isinstance(target, list) and isinstance(index, int):
        return target[index] if -len(target) <= index < len(target) else None
    return None


# strings
def expression(pattern: str) -> Any:
    return regex.compile(pattern)


def substitution(value: str) -> str:
    """Java's `$1` and `\\$` in Python's words."""
    return regex.sub(r"\\(.)|\$(\d)|\$\{(\w+)\}", lambda m: ("\\\\" if m[1] == "\\" else m[1]) if m[1] else f"\\g<{m[2] or m[3]}>", value)


def replaced(s: str, pattern: str, by: Any, count: int = 0) -> str:
    return within(expression(pattern).sub(substitution(text(by)), s, count=count, timeout=SECONDS))


def split(s: str, pattern: str, limit: int = 0) -> list[str]:
    if len(pattern) == 1 and pattern not in r".$|()[{^?*+\\":
        parts = s.split(pattern, limit - 1 if limit > 0 else -1)
    else:
        parts = [p for p in expression(pattern).split(s, maxsplit=max(limit - 1, 0), timeout=SECONDS) if p is not None]
    while limit == 0 and len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return parts


def substring(s: str, start: int, end: int | None = None) -> str:
    end = len(s) if end is None else end
    if not 0 <= start <= end <= len(s):
        raise NoMethod("substring")
    return s[start:end]


def within(s: str) -> str:
    if len(s) > LENGTH:
        raise VtlError("the template makes too long a string")
    return s


def java_hash(s: str) -> int:
    h = 0
    for ch in s:
        h = (31 * h + ord(ch)) & 0xFFFFFFFF
    return h - (1 << 32) if h >> 31 else h


STRINGS: dict[str, Callable[..., Any]] = {
    "length": len,
    "isEmpty": lambda s: s == "",
    "isBlank": lambda s: s.strip() == "",
    "charAt": lambda s, i: substring(s, i, i + 1),
    "substring": substring,
    "indexOf": lambda s, x, start=0: s.find(text(x), start),
    "lastIndexOf": lambda s, x: s.rfind(text(x)),
    "contains": lambda s, x: text(x) in s,
    "startsWith": lambda s, x: s.startswith(x),
    "endsWith": lambda s, x: s.endswith(x),
    "replace": lambda s, a, b: within(s.replace(text(a), text(b))),
    "replaceAll": replaced,
    "replaceFirst": lambda s, a, b: replaced(s, a, b, 1),
    "matches": lambda s, p: expression(p).fullmatch(s, timeout=SECONDS) is not None,
    "split": split,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": lambda s: s.strip(),
    "strip": lambda s: s.strip(),
    "concat": lambda s, x: within(s + x),
    "repeat": lambda s, n: within(s * n) if len(s) * n <= LENGTH else within("x" * (LENGTH + 1)),
    "equalsIgnoreCase": lambda s, x: s.lower() == text(x).lower(),
    "compareTo": lambda s, x: (s > x) - (s < x),
    "compareToIgnoreCase": lambda s, x: (s.lower() > x.lower()) - (s.lower() < x.lower()),
    "toCharArray": list,
    "intern": lambda s: s,
    "hashCode": java_hash,
}


# lists
def add(xs: list[Any], *args: Any) -> bool | None:
    if len(args) == 2:
        index, value = args
        if not 0 <= index <= len(xs):
            raise NoMethod("add")
        xs.insert(index, value)
        return None
    [value] = args
    xs.append(value)
    return True


def add_all(xs: list[Any], *args: Any) -> bool:
    start, values = args if len(args) == 2 else (len(xs), args[0])
    values = list(values.values()) if isinstance(values, dict) else list(values)
    if len(xs) + len(values) > LENGTH // 100:
        raise VtlError("the template makes too long a list")
    xs[start:start] = values
    return bool(values)


def at(xs: list[Any], i: int) -> Any:
    if not isinstance(i, int) or not 0 <= i < len(xs):
        raise NoMethod("get")
    return xs[i]


def set_at(xs: list[Any], i: int, value: Any) -> Any:
    old = at(xs, i)
    xs[i] = value
    return old


def remove(xs: list[Any], x: Any) -> Any:
    if isinstance(x, int) and not isinstance(x, bool):
        at(xs, x)
        return xs.pop(x)
    if x in xs:
        xs.remove(x)
        return True
    return False


def remove_all(xs: list[Any], others: list[Any]) -> bool:
    kept = [x for x in xs if x not in others]
    changed = len(kept) != len(xs)
    xs[:] = kept
    return changed


def retain_all(xs: list[Any], others: list[Any]) -> bool:
    return remove_all(xs, [x for x in xs if x not in others])


LISTS: dict[str, Callable[..., Any]] = {
    "size": len,
    "length": len,
    "isEmpty": lambda xs: not xs,
    "get": at,
    "set": set_at,
    "add": add,
    "addAll": add_all,
    "remove": remove,
    "removeAll": remove_all,
    "retainAll": retain_all,
    "clear": lambda xs: xs.clear(),
    "contains": lambda xs, x: any(equal(x, y) for y in xs),
    "containsAll": lambda xs, others: all(x in xs for x in others),
    "indexOf": lambda xs, x: xs.index(x) if x in xs else -1,
    "lastIndexOf": lambda xs, x: len(xs) - 1 - xs[::-1].index(x) if x in xs else -1,
    "subList": lambda xs, a, b: type(xs)(xs[a:b]) if 0 <= a <= b <= len(xs) else at(xs, -1),
    "iterator": list,
    "toArray": list,
}


# maps
class Entry(Native):
    """One pair of a map's entrySet."""

    def __init__(self, key: Any, value: Any) -> None:
        self.fields = {"key": key, "value": value}
        self.methods = {"getKey": lambda: key, "getValue": lambda: value}

    def __str__(self) -> str:
        return f"{text(self.fields['key'])}={text(self.fields['value'])}"


def put(m: dict[Any, Any], key: Any, value: Any) -> Any:
    old = m.get(key)
    m[key] = value
    return old


def put_if_absent(m: dict[Any, Any], key: Any, value: Any) -> Any:
    return put(m, key, value) if m.get(key) is None else m[key]


MAPS: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda m: not m,
    "get": lambda m, k: m.get(k if isinstance(k, str) else text(k), m.get(k)),
    "getOrDefault": lambda m, k, default: m.get(k, default),
    "put": put,
    "putIfAbsent": put_if_absent,
    "putAll": lambda m, other: m.update(other),
    "remove": lambda m, k: m.pop(k, None),
    "clear": lambda m: m.clear(),
    "containsKey": lambda m, k: k in m,
    "containsValue": lambda m, v: any(equal(v, x) for x in m.values()),
    "keySet": lambda m: list(m),
    "values": lambda m: list(m.values()),
    "entrySet": lambda m: [Entry(k, v) for k, v in m.items()],
}

NUMBERS: dict[str, Callable[..., Any]] = {
    "intValue": int, "longValue": int, "doubleValue": float, "floatValue": float,
    "compareTo": lambda a, b: (a > b) - (a < b),
    "isNaN": lambda a: a != a,
    "parseInt": lambda _, s: int(s), "parseDouble": lambda _, s: float(s), "valueOf": lambda _, s: int(s),
}

BOOLEANS: dict[str, Callable[..., Any]] = {"booleanValue": bool}

KINDS: list[tuple[Any, dict[str, Callable[..., Any]]]] = [(str, STRINGS), (list, LISTS), (dict, MAPS), ((int, float), NUMBERS), (bool, BOOLEANS)]

ANY: dict[str, Callable[..., Any]] = {
    "toString": lambda x: text(x),
    "equals": lambda a, b: (type(a) is type(b) and a == b) or (number(a) and number(b) and a == b) or (isinstance(a, Missing) and b == MISSING),
    "hashCode": lambda x: java_hash(text(x)),
}
