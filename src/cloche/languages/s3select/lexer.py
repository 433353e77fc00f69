"""Words of the language: (kind, text, position). Kinds: name, quoted, string, number, literal (between backticks), op, end."""
from __future__ import annotations

import re

from .errors import Invalid

Token = tuple[str, str, int]
WORDS = re.compile(r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<literal>`[^`]*`)
  | (?P<op><>|!=|<=|>=|\|\||[=<>+\-*/%(),.\[\];])
""", re.VERBOSE | re.DOTALL)


def words(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = WORDS.match(text, at)
        if match is None:
            if text[at] in "'\"`":
                raise Invalid("LexerInvalidLiteral", f"The SQL expression contains an invalid literal at position {at}.")
            raise Invalid("LexerInvalidChar", f"The SQL expression contains an invalid character '{text[at]}' at position {at}.")
        kind, word = str(match.lastgroup), match[0]
        if kind in ("string", "quoted", "literal"):
            word = word[1:-1].replace(word[0] * 2, word[0]) if kind != "literal" else word[1:-1]
        if kind != "space":
            found.append((kind, word, at))
        at = match.end()
    return [*found, ("end", "", at)]
