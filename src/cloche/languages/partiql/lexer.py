"""From the text of a statement to tokens: words, "quoted names", 'strings', numbers, signs and ?."""
from __future__ import annotations

import re
from typing import NamedTuple

from . import errors

_TOKEN = re.compile(r"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_$][A-Za-z0-9_$-]*)|"(?P<name>(?:[^"]|"")+)"|'(?P<string>(?:[^']|'')*)'"""
                    r"""|(?P<sign><<|>>|<>|!=|<=|>=|[=<>(){}\[\],.:?*+\-])|(?P<end>;?\s*$)|(?P<bad>.))""", re.DOTALL | re.ASCII)


class Token(NamedTuple):
    kind: str  # word, name, string, number, sign, end
    text: str


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        assert match and match.lastgroup
        kind, content = match.lastgroup, match[match.lastgroup]
        if kind == "bad":
            raise errors.unexpected(content)
        if kind == "name":
            content = content.replace('""', '"')
        elif kind == "string":
            content = content.replace("''", "'")
        found.append(Token(kind, content))
        if kind == "end":
            return found
        at = match.end()
