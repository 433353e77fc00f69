"""From the text of an expression to tokens. `near` in a syntax error is the token with its neighbours, as written."""
from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from . import errors

MAX_BYTES = 4096
_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<ref>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)|(?P<int>[0-9]+)"
                    r"|(?P<sign><>|<=|>=|[=<>(),.\[\]+\-])|(?P<end>$)|(?P<bad>.))", re.DOTALL | re.ASCII)


class Token(NamedTuple):
    kind: str  # word, ref, value, int, sign, end
    text: str
    start: int
    stop: int


class Tokens:
    """The tokens of one expression and a place among them."""

    def __init__(self, kind: str, text: str) -> None:
        if not text.strip():
            raise errors.empty(kind)
        if len(text.encode()) > MAX_BYTES:
            raise errors.too_long(kind, len(text.encode()))
        self.kind, self.text, self.at = kind, text, 0
        self.all: list[Token] = []
        position, bad = 0, None
        while True:
            match = _TOKEN.match(text, position)
            assert match and match.lastgroup
            token = Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup), match.end())
            self.all.append(token)
            if token.kind == "bad" and bad is None:
                bad = len(self.all) - 1
            if token.kind == "end":
                break
            position = match.end()
        if bad is not None:
            self.at = bad
            self.fail()

    @property
    def now(self) -> Token:
        return self.all[self.at]

    def take(self) -> Token:
        token = self.all[self.at]
        self.at += 1
        return token

    def sign(self, *texts: str) -> str | None:
        """The next token if it is one of these signs."""
        token = self.all[self.at]
        if token.kind == "sign" and token.text in texts:
            self.at += 1
            return token.text
        return None

    def word(self, *words: str) -> str | None:
        """The next token if it is one of these keywords, in any case."""
        token = self.all[self.at]
        if token.kind == "word" and token.text.upper() in words:
            self.at += 1
            return token.text.upper()
        return None

    def need(self, text: str) -> None:
        if not self.sign(text):
            self.fail()

    def fail(self, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        token = self.all[at]
        first = self.all[max(0, at - 1)]
        last = self.all[min(at + 1, len(self.all) - 1)]
        near = self.text[first.start:last.stop if last.kind != "end" else self.all[at].stop if token.kind != "end" else first.stop]
        raise errors.syntax(self.kind, token.text if token.kind != "end" else "<EOF>", near.strip())
