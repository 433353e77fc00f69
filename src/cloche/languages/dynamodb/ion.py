"""Amazon Ion's text form of DynamoDB's values, as exports write it and imports read it: numbers are decimals, sets are annotated lists, binary is a blob.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html#S3DataExport.Output_Data
"""
from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = ("null", "true", "false", "nan")
_TOKEN = re.compile(
    r"""\s*(?:(?P<set>\$dynamodb_[SNB]S)\s*::|(?P<blob>\{\{\s*[A-Za-z0-9+/=\s]*\}\})|(?P<text>"(?:[^"\\]|\\.)*")|(?P<quoted>'(?:[^'\\]|\\.)*')"""
    r"""|(?P<number>[-+]?\d[\d.]*(?:[dDeE][-+]?\d+)?)|(?P<word>[A-Za-z_$][\w$]*(?:\.[a-z]+)?)|(?P<mark>[{}\[\],:]))""")


def text(value: dict[str, Any]) -> str:
    kind, held = next(iter(value.items()))
    if kind == "S":
        return json.dumps(held, ensure_ascii=False)
    if kind == "N":
        return number(held)
    if kind == "B":
        return "{{" + held + "}}"
    if kind == "BOOL":
        return "true" if held else "false"
    if kind == "NULL":
        return "null"
    if kind == "M":
        return "{" + ",".join(f"{_name(key)}:{text(one)}" for key, one in held.items()) + "}"
    if kind == "L":
        return "[" + ",".join(text(one) for one in held) + "]"
    return f"$dynamodb_{kind}::[" + ",".join(text({kind[0]: one}) for one in held) + "]"


def _name(key: str) -> str:
    return key if _NAME.fullmatch(key) and key not in _WORDS else "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"


def number(given: str) -> str:
    """500 is 5d2, 103 is 103., 1.5 is 1.5."""
    sign, digits, exponent = Decimal(given).normalize().as_tuple()
    shown = ("-" if sign else "") + "".join(map(str, digits))
    assert isinstance(exponent, int)
    return f"{shown}." if exponent == 0 else f"{shown}d{exponent}" if exponent > 0 or -exponent > 20 else format(Decimal(given).normalize(), "f")


class Malformed(ValueError):
    """No Ion, or a value that DynamoDB does not have."""


def read(source: str) -> dict[str, Any]:
    """One value; the version marker may stand before it."""
    tokens = _tokens(source)
    if tokens and tokens[0] == ("word", "$ion_1_0"):
        tokens = tokens[1:]
    value, at = _value(tokens, 0, 0)
    if at != len(tokens):
        raise Malformed("more than one value on a line")
    return value


def _tokens(source: str) -> list[tuple[str, str]]:
    at, out = 0, []
    end = len(source.rstrip())
    while at < end:
        found = _TOKEN.match(source, at)
        if found is None:
            raise Malformed(f"unexpected {source[at:at + 20]!r}")
        kind = found.lastgroup or ""
        out.append((kind, found[kind]))
        at = found.end()
    return out


def _value(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[dict[str, Any], int]:
    if at >= len(tokens) or depth > 40:
        raise Malformed("the value ends too early")
    kind, word = tokens[at]
    if kind == "set":
        listed, at = _list(tokens, at + 1, depth)
        wanted = word[-2]
        if any(wanted not in one for one in listed):
            raise Malformed(f"a value in a {word} is of another type")
        return {word[-2:]: [one[wanted] for one in listed]}, at
    if kind == "blob":
        return {"B": "".join(word[2:-2].split())}, at + 1
    if kind == "text":
        return {"S": _string(word)}, at + 1
    if kind == "number":
        try:
            return {"N": str(Decimal(word.replace("d", "E").replace("D", "E")))}, at + 1
        except InvalidOperation:
            raise Malformed(f"{word} is no number") from None
    if kind == "word" and word in ("true", "false"):
        return {"BOOL": word == "true"}, at + 1
    if kind == "word" and word.startswith("null"):
        return {"NULL": True}, at + 1
    if (kind, word) == ("mark", "["):
        listed, at = _list(tokens, at, depth)
        return {"L": listed}, at
    if (kind, word) == ("mark", "{"):
        return _struct(tokens, at + 1, depth)
    raise Malformed(f"unexpected {word}")


def _string(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        raise Malformed(f"{word} is no text") from None


def _list(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[list[dict[str, Any]], int]:
    if at >= len(tokens) or tokens[at] != ("mark", "["):
        raise Malformed("a list was expected")
    at, out = at + 1, []
    while at < len(tokens) and tokens[at] != ("mark", "]"):
        value, at = _value(tokens, at, depth + 1)
        out.append(value)
        if at < len(tokens) and tokens[at] == ("mark", ","):
            at += 1
    if at >= len(tokens):
        raise Malformed("a list has no end")
    return out, at + 1


def _struct(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[dict[str, Any], int]:
    out: dict[str, Any] = {}
    while at < len(tokens) and tokens[at] != ("mark", "}"):
        kind, word = tokens[at]
        if kind not in ("word", "quoted", "text") or tokens[at + 1:at + 2] != [("mark", ":")]:
            raise Malformed(f"unexpected {word}")
        name = word if kind == "word" else _string('"' + word[1:-1].replace('"', '\\"').replace("\\'", "'") + '"') if kind == "quoted" else _string(word)
        out[name], at = _value(tokens, at + 2, depth + 1)
        if at < len(tokens) and tokens[at] == ("mark", ","):
            at += 1
    if at >= len(tokens):
        raise Malformed("a struct has no end")
    return {"M": out}, at + 1
