"""Marker and MaxItems: a marker names the last item of the page before, so that a list may change between two pages."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from . import errors

T = TypeVar("T")


def page(req: Any, items: Iterable[T], key: Callable[[T], str], ordered: bool = False) -> tuple[list[T], dict[str, Any]]:
    """The items of this page, and the members that say whether there are more. `key` names and orders the items; `ordered` keeps their order."""
    rest = list(items) if ordered else sorted(items, key=key)
    if "Marker" in req:
        try:
            last = base64.b64decode(req["Marker"], validate=True).decode()
        except (binascii.Error, ValueError):
            raise errors.bad_marker() from None
        if ordered:
            places = [i for i, item in enumerate(rest) if key(item) == last]
            if not places:
                raise errors.bad_marker()
            rest = rest[places[0] + 1:]
        else:
            rest = [item for item in rest if key(item) > last]
    most = req.get("MaxItems", 100)
    if len(rest) <= most:
        return rest, {"IsTruncated": False}
    return rest[:most], {"IsTruncated": True, "Marker": base64.b64encode(key(rest[most - 1]).encode()).decode()}
