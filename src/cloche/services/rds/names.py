"""ARNs and tags, as IAM is asked of them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call


def arn(call: Call, kind: str, name: str) -> str:
    return call.arn(f"{kind}:{name}")


def named(kind: str, member: str) -> Callable[[Call, Any], str]:
    """The resource that a member of the request names; all of its kind where it names none."""
    def resource(call: Call, req: Any) -> str:
        name = req.get(member, "*")
        return name if name.startswith("arn:") else arn(call, kind, name.lower() if kind in ("db", "snapshot", "subgrp", "pg", "og") else name)
    return resource


def both(*resources: Callable[[Call, Any], str]) -> Callable[[Call, Any], list[str]]:
    return lambda call, req: [resource(call, req) for resource in resources]


def tags_given(req: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()}


def tags_asked(call: Call, req: Any) -> dict[str, Any]:
    tags = tags_given(req)
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()} | {f"rds:req-tag/{key}": value for key, value in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})


def tags_shown(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
