"""Velocity templates as API Gateway and AppSync run them: names in, text out.

A template is parsed once (`Template(text)`) into a tree that renders itself. What a template says with `#set` is seen by
the caller in the very dictionary it gave, which is how `$context.responseOverride` comes back.
A reference to nothing renders as nothing; Velocity's own habit of printing the source is `literal=True`.
"""
from __future__ import annotations

from typing import Any

from .errors import VtlError
from .java import JsonList, Missing, Native, from_json, text
from .parse import parse
from .scope import Scope, Stop

__all__ = ["JsonList", "Missing", "Native", "Template", "VtlError", "from_json", "text"]


class Template:
    __slots__ = ("body", "constant", "source")

    def __init__(self, source: str) -> None:
        self.source, self.body = source, parse(source)
        self.constant = self.body.constant()           # the text of a template that says nothing but text

    def render(self, names: dict[str, Any], *, literal: bool = False) -> str:
        if self.constant is not None:
            return self.constant
        scope, out = Scope(names, literal), []
        try:
            self.body.render(scope, out)
        except Stop:
            pass
        except RecursionError:
            raise VtlError("the template is nested too deeply") from None
        return "".join(out)
