"""Marker and MaxItems, as IAM pages all its lists."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cloche.kernel import pages

from . import errors

T = TypeVar("T")


def page(req: Any, items: Iterable[T], key: Callable[[T], str], ordered: bool = False) -> tuple[list[T], dict[str, Any]]:
    """The items of this page, and the members that say whether there are more. `key` names and orders the items; `ordered` keeps their order."""
    found, more = pages.page(items if ordered else sorted(items, key=key), {"MaxItems": 100, **req}, key, 1000, errors.bad_marker, size="MaxItems", token="Marker")
    return found, {"IsTruncated": bool(more), **more}
