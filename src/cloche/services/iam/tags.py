"""Tags of IAM's entities. Keys are unique whatever their case; the last spelling stays."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call

from . import errors
from .pages import page

MOST = 50


def given(call: Call, req: Any) -> dict[str, str]:
    """The tags of a request, checked."""
    tags = req.get("Tags", [])
    if len({tag["Key"].lower() for tag in tags}) < len(tags):
        raise errors.duplicate_tags()
    for tag in tags:
        if call.reserves([tag["Key"]]):
            raise errors.invalid("Member must not begin with the prefix aws:, which is reserved for AWS use")
    return {tag["Key"]: tag["Value"] for tag in tags}


def merged(have: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    lower = {key.lower() for key in new}
    found = {key: value for key, value in have.items() if key.lower() not in lower} | new
    if len(found) > MOST:
        raise errors.too_many("TagsPerResource", MOST)
    return found


def without(have: dict[str, str], keys: list[str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in have.items() if key.lower() not in gone}


def add(call: Call, record: Any, req: Any) -> None:
    call.put(record.but(tags=merged(record.tags, given(call, req))))


def remove(call: Call, record: Any, req: Any) -> None:
    call.put(record.but(tags=without(record.tags, req["TagKeys"])))


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def listed(req: Any, tags: dict[str, str]) -> dict[str, Any]:
    found, more = page(req, pairs(tags), key=lambda tag: tag["Key"])
    return {"Tags": found, **more}


def asked(req: Any) -> dict[str, Any]:
    """The condition keys of a request that carries tags or names some."""
    context: dict[str, Any] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in req.get("Tags", [])}
    if names := [tag["Key"] for tag in req.get("Tags", [])] or list(req.get("TagKeys", [])):
        context["aws:TagKeys"] = names
    return context


def request(call: Call, req: Any) -> dict[str, Any]:
    return asked(req)


def facts(req: Any, found: Any) -> dict[str, Any]:
    """The condition keys of a request about a user or role: of the request, and of the entity if there is one."""
    context = asked(req)
    if found:
        for key, value in found.tags.items():
            context[f"aws:ResourceTag/{key}"] = context[f"iam:ResourceTag/{key}"] = value
        if found.boundary:
            context["iam:PermissionsBoundary"] = found.boundary
    if "PermissionsBoundary" in req:
        context["iam:PermissionsBoundary"] = req["PermissionsBoundary"]
    if "PolicyArn" in req:
        context["iam:PolicyARN"] = req["PolicyArn"]
    return context


def action(create: str, tag: str) -> Callable[[Any, Any], list[str]]:
    """Whoever makes something with tags needs the permission to tag, too."""
    return lambda call, req: [f"iam:{create}", f"iam:{tag}"] if req.get("Tags") else [f"iam:{create}"]
