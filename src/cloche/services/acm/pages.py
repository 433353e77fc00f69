"""NextToken and MaxItems: the token is the key of the last one told."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from . import errors


def page(things: list[Any], req: Any, key: Callable[[Any], str], most: int) -> tuple[list[Any], dict[str, str]]:
    """The next things, in the order they come, and {"NextToken": ...} if there are more."""
    if token := req.get("NextToken"):
        try:
            after = base64.urlsafe_b64decode(token.encode()).decode()
        except (binascii.Error, ValueError):
            raise errors.bad_token() from None
        keys = [key(thing) for thing in things]
        if after not in keys:
            raise errors.bad_token()
        things = things[keys.index(after) + 1:]
    size = min(req.get("MaxItems") or most, most)
    if len(things) <= size:
        return things, {}
    return things[:size], {"NextToken": base64.urlsafe_b64encode(key(things[size - 1]).encode()).decode()}
