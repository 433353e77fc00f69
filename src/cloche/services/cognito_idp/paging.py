"""Pages of people, who are rows: what comes after the last key seen, and a token that names it. (Lists of records are paged by the kernel.)"""
from __future__ import annotations

import base64

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
