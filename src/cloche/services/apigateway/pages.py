"""Lists come in pages of 25 unless asked otherwise; `position` names the last key that was seen."""
from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from . import errors

DEFAULT, MOST = 25, 500


def page(req: dict[str, Any], items: Iterable[Any], key: Callable[[Any], str], show: Callable[[Any], Any]) -> dict[str, Any]:
    ordered = sorted(items, key=key)
    if position := req.get("position"):
        try:
            after = base64.urlsafe_b64decode(position.encode() + b"=" * (-len(position) % 4)).decode()
        except ValueError:
            raise errors.bad_request("Invalid position parameter specified") from None
        ordered = [item for item in ordered if key(item) > after]
    limit = min(req.get("limit") or DEFAULT, MOST)
    shown = ordered[:limit]
    answer: dict[str, Any] = {"items": [show(item) for item in shown]}
    if len(ordered) > limit:
        answer["position"] = base64.urlsafe_b64encode(key(shown[-1]).encode()).decode().rstrip("=")
    return answer
