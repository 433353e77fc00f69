"""Lists: filters by a record's own members, and pages."""
from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from cloche.kernel import pages

from . import errors


def told(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def listed(rows: list[dict[str, Any]], req: Any, member: str, key: Callable[[dict[str, Any]], str]) -> Any:
    for rule in req.get("Filters") or ():
        wanted = set(rule.get("Values") or ())
        rows = [row for row in rows if wanted & _values(row, rule.get("Name") or "")]
    shown, more = pages.page(rows, req, key, 100, errors.bad_token)
    return {member: shown, "MaxResults": req.get("MaxResults") or 100, **more}


def _values(row: dict[str, Any], name: str) -> set[str]:
    """A filter is called like a member, in its own or in capital letters (HOST_VPC_ID)."""
    plain = name.replace("_", "").lower()
    plain = {"type": "ruletype", "securitygroupid": "securitygroupids"}.get(plain, plain)
    for member, value in row.items():
        if member.lower() == plain:
            return set(map(str, value)) if isinstance(value, list) else {str(value)}
    raise errors.parameter(f"The filter {name} is not valid.", "Filters")
