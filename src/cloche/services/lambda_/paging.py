"""Marker and MaxItems, as every list of Lambda has them: the marker is the key of the last one told."""
from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from . import errors

MOST = 50


def page(things: list[Any], req: Any, key: Callable[[Any], Any], name: str = "NextMarker", most: int = MOST) -> tuple[list[Any], dict[str, str]]:
    """The next things (they come sorted by key) and {"NextMarker": ...} if there are more."""
    if marker := req.get("Marker"):
        try:
            after = base64.urlsafe_b64decode(marker.encode()).decode()
        except ValueError:
            raise errors.invalid("The provided marker is invalid.") from None
        keys = [str(key(thing)) for thing in things]
        things = things[keys.index(after) + 1 :] if after in keys else [thing for thing in things if str(key(thing)) > after]
    size = min(req.get("MaxItems") or most, most)
    if len(things) <= size:
        return things, {}
    return things[:size], {name: base64.urlsafe_b64encode(str(key(things[size - 1])).encode()).decode()}
