"""One page of a list: the token is the key of the last one told, so that a list may change between two pages."""
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def page(
    things: Iterable[T], req: Any, key: Callable[[T], str], most: int, bad: Callable[[], Exception], *, size: str = "MaxResults", token: str = "NextToken",
) -> tuple[list[T], dict[str, str]]:
    """The next things, in the order they come, and {"NextToken": ...} if there are more. `bad()` is what the service says of a token it did not give."""
    rest = list(things)
    if given := req.get(token):
        try:
            last = base64.b64decode(given, altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise bad() from None
        keys = [key(thing) for thing in rest]
        if last in keys:
            rest = rest[keys.index(last) + 1:]
        elif keys == sorted(keys):  # it has gone meanwhile; in a sorted list its place is known
            rest = [thing for thing, name in zip(rest, keys) if name > last]
        else:
            raise bad()
    wanted = min(req.get(size) or most, most)
    if len(rest) <= wanted:
        return rest, {}
    return rest[:wanted], {token: base64.urlsafe_b64encode(key(rest[wanted - 1]).encode()).decode()}
