"""ARNs and tags, as IAM is asked of them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call


def arn(call: Call, kind: str, name: str) -> str:
    return call.arn(f"{kind}:{name}")


def named(kind: str, member: str) -> Callable[[Call, Any], str]:
    """The resource that a member of the request names; all of its kind where it names none."""
    return lambda call, req: arn(call, kind, str(req.get(member, "*")).lower())


def tags_given(req: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()}


def tags_asked(call: Call, req: Any) -> dict[str, Any]:
    tags = tags_given(req)
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})
