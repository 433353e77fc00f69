"""NextToken and MaxResults, twenty at a time."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cloche.kernel import pages

from . import errors

T = TypeVar("T")
MOST = 20


def page(req: Any, items: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], dict[str, str]]:
    """The items of this page in the order of their keys, and NextToken if there are more."""
    return pages.page(sorted(items, key=key), req, key, MOST, errors.bad_token)
