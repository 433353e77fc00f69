"""CloudWatch Logs filter patterns: terms, JSON (`{ $.a = 1 && $.b = "x*" }`) and space-delimited (`[ip, ..., status = 4*]`).

`compile(pattern)` gives an object whose `match(message)` is None, or the values that the pattern names (what TestMetricFilter shows).
Terms are case-sensitive parts of the message; `?a ?b` is either, and is ignored beside other terms, as AWS does.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import regex

_ABSENT: Any = object()


class Invalid(ValueError):
    """The pattern is not one; the message is AWS's."""


class Pattern(Protocol):
    def match(self, message: str) -> dict[str, str] | None: ...


@lru_cache(maxsize=1024)
def compile(pattern: str) -> Pattern:
    text = pattern.strip()
    if not text:
        return Terms([], [], [])
    if text.startswith("{"):
        if not text.endswith("}"):
            raise Invalid("Invalid filter pattern")
        return JsonPattern(text[1:-1])
    if text.startswith("["):
        if not text.endswith("]"):
            raise Invalid("Invalid filter pattern")
        return Fields(text[1:-1])
    return terms(text)


# -- terms ------------------------------------------------------------------------------------------------------------

Found = Callable[[str], bool]


class Terms:
    def __init__(self, wanted: list[Found], either: list[Found], unwanted: list[Found]) -> None:
        self.wanted, self.either, self.unwanted = wanted, [] if wanted or unwanted else either, unwanted

    def match(self, message: str) -> dict[str, str] | None:
        if not all(f(message) for f in self.wanted) or any(f(message) for f in self.unwanted):
            return None
        return None if self.either and not any(f(message) for f in self.either) else {}


_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))')


def terms(text: str) -> Terms:
    groups: dict[str, list[Found]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        m = _TERM.match(text, at)
        if m is None:
            if not text[at:].strip():
                break
            raise Invalid("Invalid filter pattern")
        sign, quoted, pattern, bare = m.groups()
        if pattern is not None:
            groups[sign].append(_searches(pattern))
        elif quoted is not None:
            groups[sign].append(_contains(re.sub(r"\\(.)", r"\1", quoted)))
        else:
            if not re.fullmatch(r"\w+", bare):
                raise Invalid(f"Invalid character(s) in term '{bare}'")
            groups[sign].append(_contains(bare))
        at = m.end()
    return Terms(groups[""], groups["?"], groups["-"])


def _contains(word: str) -> Found:
    return lambda message: word in message


def _searches(pattern: str) -> Found:
    try:
        found = regex.compile(pattern)
    except regex.error:
        raise Invalid("Invalid filter pattern") from None
    return lambda message: found.search(message, timeout=1) is not None


# -- values and comparisons, shared by JSON and fields ------------------------------------------------------------------

_OPERATORS = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
}


def _number(text: Any) -> float | None:
    if isinstance(text, bool):
        return None
    if isinstance(text, (int, float)):
        return float(text)
    return float(text) if isinstance(text, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text) else None


def comparison(operator: str, wanted: str, quoted: bool, is_regex: bool) -> Callable[[Any], bool]:
    """Is a found value (text or JSON scalar) in this relation to what the pattern says?"""
    if is_regex:
        if operator not in ("=", "!="):
            raise Invalid("Invalid filter pattern")
        search, equal = _searches(wanted), operator == "="
        return lambda value: search(_text(value)) is equal
    number = None if quoted else _number(wanted)
    if operator not in ("=", "!="):
        if number is None:
            raise Invalid("Invalid filter pattern")
        compare = _OPERATORS[operator]
        return lambda value: (n := _number(value)) is not None and compare(n, number)
    equal = operator == "="
    if "*" in wanted:
        glob = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.S)
        return lambda value: (glob.fullmatch(_text(value)) is not None) is equal
    if number is not None:
        return lambda value: ((_number(value) == number) if _number(value) is not None else _text(value) == wanted) is equal
    return lambda value: (_text(value) == wanted) is equal


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


# -- JSON ---------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.(?:\[?'[^']*'\]?|[\w\-@:/*]+)|\[(?:\d+|\*|'[^']*')\])+)|(?P<logic>&&|\|\||\(|\))|(?P<operator>!=|<=|>=|=|<|>)"""
    r"""|"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)+)%|(?P<word>[^\s()&|=<>!"]+))"""
)
_STEP = re.compile(r"\.\[?'([^']*)'\]?|\.([\w\-@:/*]+)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]")

Test = Callable[[Any], bool]


class JsonPattern:
    def __init__(self, text: str) -> None:
        self.selectors: dict[str, list[Any]] = {}
        self.tokens = list(self._scan(text))
        self.at = 0
        self.test = self._either()
        if self.at != len(self.tokens):
            raise Invalid("Invalid filter pattern")

    @staticmethod
    def _scan(text: str) -> Any:
        at = 0
        while at < len(text):
            m = _TOKEN.match(text, at)
            if m is None:
                if not text[at:].strip():
                    return
                raise Invalid("Invalid filter pattern")
            yield m.lastgroup, m[m.lastgroup]  # type: ignore[index]
            at = m.end()

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self.at += 1
        return token

    def _either(self) -> Test:
        parts = [self._both()]
        while self._peek() == ("logic", "||"):
            self.at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda value: any(p(value) for p in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._peek() == ("logic", "&&"):
            self.at += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda value: all(p(value) for p in parts)

    def _one(self) -> Test:
        kind, text = self._next()
        if (kind, text) == ("logic", "("):
            inner = self._either()
            if self._next() != ("logic", ")"):
                raise Invalid("Invalid filter pattern")
            return inner
        if kind != "selector":
            raise Invalid("Invalid filter pattern")
        path = self.selectors.setdefault(text, _path(text))
        kind, operator = self._next()
        if kind == "word":
            return self._state(path, operator.upper())
        if kind != "operator":
            raise Invalid("Invalid filter pattern")
        kind, wanted = self._next()
        if kind not in ("quoted", "regex", "word"):
            raise Invalid("Invalid filter pattern")
        quoted = kind == "quoted"
        test = comparison(operator, re.sub(r"\\(.)", r"\1", wanted) if quoted else wanted, quoted, kind == "regex")
        return lambda value: any(test(v) for v in walk(value, path) if not isinstance(v, (dict, list)) and v is not None)

    def _state(self, path: list[Any], word: str) -> Test:
        if word == "EXISTS":
            return lambda value: bool(walk(value, path))
        if word == "NOT" and self._next()[1].upper() == "EXISTS":
            return lambda value: not walk(value, path)
        if word == "IS":
            what = self._next()[1].upper()
            constant = {"NULL": None, "TRUE": True, "FALSE": False}.get(what, _ABSENT)
            if constant is not _ABSENT:
                return lambda value: any(v is constant for v in walk(value, path))
        raise Invalid("Invalid filter pattern")

    def match(self, message: str) -> dict[str, str] | None:
        if not message.lstrip().startswith(("{", "[")):
            return None
        try:
            value = json.loads(message)
        except ValueError:
            return None
        if not self.test(value):
            return None
        return {text: _text(found[0]) for text, path in self.selectors.items() if (found := walk(value, path))}


def _path(text: str) -> list[Any]:
    steps: list[Any] = []
    for name, plain, index, star, bracketed in _STEP.findall(text):
        steps.append(int(index) if index else _ABSENT if star else name or bracketed or plain)
    return steps


def selector(text: str) -> list[Any]:
    """The path of `$.a.b[0]`, for metric values."""
    return _path(text)


def walk(value: Any, path: list[Any]) -> list[Any]:
    """All values at the path; `[*]` fans out."""
    found = [value]
    for step in path:
        after = []
        for v in found:
            if step is _ABSENT:
                after += v if isinstance(v, list) else []
            elif isinstance(step, int):
                if isinstance(v, list) and step < len(v):
                    after.append(v[step])
            elif isinstance(v, dict) and step in v:
                after.append(v[step])
        found = after
    return found


# -- space-delimited ----------------------------------------------------------------------------------------------------

_SPLIT = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_CONDITION = re.compile(r'\s*(\w+)\s*(?:(!=|<=|>=|=|<|>)\s*(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s,&|()]+)))?\s*')


class Fields:
    def __init__(self, text: str) -> None:
        self.fields: list[tuple[str, Callable[[str], bool] | None] | None] = []
        for part in _commas(text):
            self.fields.append(None if part.strip() == "..." else self._field(part))
        if sum(f is None for f in self.fields) > 1 or not self.fields:
            raise Invalid("Invalid filter pattern")

    @staticmethod
    def _field(text: str) -> tuple[str, Callable[[str], bool] | None]:
        text = text.strip().removeprefix("(").removesuffix(")") if text.strip().startswith("(") else text
        pieces = re.split(r"(&&|\|\|)", text)
        name, tests, joins = "", [], pieces[1::2]
        for piece in pieces[::2]:
            m = _CONDITION.fullmatch(piece)
            if m is None or (name and m[1] != name):
                raise Invalid("Invalid filter pattern")
            name = m[1]
            if m[2]:
                wanted = m[3] if m[3] is not None else m[4] if m[4] is not None else m[5]
                tests.append(comparison(m[2], wanted, m[3] is not None, m[4] is not None))
        if not tests:
            return name, None
        if "||" in joins:
            return name, lambda value: any(t(value) for t in tests)
        return name, lambda value: all(t(value) for t in tests)

    def match(self, message: str) -> dict[str, str] | None:
        found = [a or b or c for a, b, c in _SPLIT.findall(message)]
        if None in self.fields:
            at = self.fields.index(None)
            tail = self.fields[at + 1 :]
            if len(found) < at + len(tail):
                return None
            pairs = [*zip(self.fields[:at], found), *zip(tail, found[len(found) - len(tail) :])]
        elif len(found) != len(self.fields):
            return None
        else:
            pairs = list(zip(self.fields, found))
        out = {}
        for field, text in pairs:
            name, test = field  # type: ignore[misc]
            if test is not None and not test(text):
                return None
            out[f"${name}"] = text
        return out


def _commas(text: str) -> list[str]:
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)*%|[^,"%])+', text)
