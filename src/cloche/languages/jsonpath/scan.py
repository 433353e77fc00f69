"""A place in the text of a JSONPath, and what is said when it cannot be read."""
from __future__ import annotations

import re


class InvalidPath(ValueError):
    """The text is not a JSONPath."""


SPACE = re.compile(r"\s*")
STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Scan:
    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def done(self) -> bool:
        return self.at >= len(self.text)

    def sees(self, word: str) -> bool:
        return self.text.startswith(word, self.at)

    def eat(self, word: str) -> bool:
        if self.text.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return found

    def skip(self) -> None:
        self.take(SPACE)

    def expect(self, word: str) -> None:
        if not self.eat(word):
            raise self.error(f"expected '{word}'")

    def need(self, pattern: re.Pattern[str], otherwise: str) -> re.Match[str]:
        if found := self.take(pattern):
            return found
        raise self.error(otherwise)

    def string(self) -> str:
        found = self.need(STRING, "expected a quoted name")
        inner = found[1] if found[1] is not None else found[2]
        return ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else ESCAPES.get(m[1], m[1]), inner)

    def error(self, what: str) -> InvalidPath:
        return InvalidPath(f"Could not parse path {self.text!r}: {what} at position {self.at}")
