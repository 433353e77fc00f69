"""A place in the source: what every part of the parser moves forward."""
from __future__ import annotations

import re

from .errors import VtlError

SPACE = re.compile(r"\s*")


class Cursor:
    __slots__ = ("at", "source")

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0

    def done(self) -> bool:
        return self.at >= len(self.source)

    def sees(self, word: str) -> bool:
        return self.source.startswith(word, self.at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.source, self.at):
            self.at = found.end()
        return found

    def skip(self) -> None:
        self.at = SPACE.match(self.source, self.at).end()  # type: ignore[union-attr]

    def eat(self, word: str) -> bool:
        if self.source.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.eat(word):
            raise self.error(f'expected "{word}"')

    def error(self, what: str) -> VtlError:
        line = self.source.count("\n", 0, self.at) + 1
        column = self.at - self.source.rfind("\n", 0, self.at)
        seen = self.source[self.at:self.at + 20]
        return VtlError(f"{what} at line {line}, column {column}, before {seen!r}")
