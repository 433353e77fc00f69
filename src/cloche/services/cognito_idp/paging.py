"""Pages: what comes after the last key seen, and a token that names it."""
from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from . import errors


def token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def after(text: str | None, what: str = "NextToken") -> str:
    if not text:
        return ""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise errors.parameter(f"Invalid {what}.") from None


def page(items: Iterable[tuple[str, Any]], text: str | None, limit: int) -> tuple[list[Any], str | None]:
    """Of (key, value) pairs: the values of one page, and the token of the next."""
    last = after(text)
    rest = sorted(((key, value) for key, value in items if key > last), key=lambda pair: pair[0])
    shown = rest[:limit]
    return [value for _, value in shown], token(shown[-1][0]) if len(rest) > limit and shown else None
