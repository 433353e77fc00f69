"""NextToken and MaxResults: the token names the last item told, so that a list may change between two pages."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from . import errors

T = TypeVar("T")
MOST = 20


def page(req: Any, items: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], dict[str, str]]:
    """The items of this page in the order of their keys, and NextToken if there are more."""
    rest = sorted(items, key=key)
    if token := req.get("NextToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, ValueError):
            raise errors.invalid("INVALID_NEXT_TOKEN", "You provided an invalid NextToken. Use the token that the previous call to this operation returned.") from None
        rest = [item for item in rest if key(item) > last]
    most = req.get("MaxResults", MOST)
    if len(rest) <= most:
        return rest, {}
    return rest[:most], {"NextToken": base64.b64encode(key(rest[most - 1]).encode()).decode()}
