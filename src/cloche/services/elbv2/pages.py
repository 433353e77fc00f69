"""Pages of Describe operations: Marker in, NextMarker out."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from . import errors

T = TypeVar("T")


def page(found: list[T], req: Any, most: int, key: Callable[[T], str]) -> tuple[list[T], dict[str, str]]:
    """What follows the marker, in the order given; the marker names the last one shown."""
    start = 0
    if marker := req.get("Marker"):
        try:
            last = base64.urlsafe_b64decode(marker.encode()).decode()
        except (ValueError, binascii.Error):
            raise errors.bad_marker() from None
        keys = [key(one) for one in found]
        if last not in keys:
            raise errors.bad_marker()
        start = keys.index(last) + 1
    size = req.get("PageSize") or most
    shown = found[start : start + size]
    more = start + size < len(found)
    return shown, {"NextMarker": base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()} if more else {}
