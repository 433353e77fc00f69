"""Pages of what has no order of its own in the store: the token is how far one got."""
from __future__ import annotations

import base64
from typing import Any

from . import errors


def page(req: Any, rows: list[Any], member: str, most: int) -> Any:
    size = req.get("MaxResults") or most
    try:
        start = int(base64.urlsafe_b64decode(req.get("NextToken") or "") or 0)
    except ValueError:
        raise errors.bad_token() from None
    out: Any = {member: rows[start:start + size]}
    if start + size < len(rows):
        out["NextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return out
