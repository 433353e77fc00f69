"""MaxItems, which is text on the wire: how many a page may hold."""
from __future__ import annotations

from typing import Any

from . import errors


def size(req: Any, most: int) -> int:
    given = req.get("MaxItems")
    if given is None:
        return most
    try:
        wanted = int(given)
    except ValueError:
        wanted = 0
    if wanted < 1:
        raise errors.invalid_input(f"Invalid value for MaxItems: {given}")
    return min(wanted, most)
