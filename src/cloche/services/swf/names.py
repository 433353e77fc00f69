"""What IAM is asked: the domain, and what of the request SWF lets policies look at.

https://docs.aws.amazon.com/amazonswf/latest/developerguide/swf-dev-iam.html
"""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import errors

FORBIDDEN = re.compile(r"[:/|\x00-\x1f\x7f-\x9f]")


def domain_arn(call: Call, name: str) -> str:
    return call.arn(f"/domain/{name}")


def in_domain(call: Call, req: Any) -> str:
    return domain_arn(call, req["domain"])


def named_domain(call: Call, req: Any) -> str:
    return domain_arn(call, req["name"])


def any_domain(call: Call, req: Any) -> str:
    return domain_arn(call, "*")


def by_arn(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def asked(call: Call, req: Any) -> dict[str, Any]:
    """The condition keys of a request or of a decision's attributes."""
    found: dict[str, Any] = {}
    for member in ("activityType", "workflowType", "typeFilter", "taskList", "defaultTaskList"):
        for part in ("name", "version"):
            if (value := (req.get(member) or {}).get(part)) is not None:
                found[f"swf:{member}.{part}"] = value
    for member in ("name", "version"):
        if isinstance(req.get(member), str):
            found[f"swf:{member}"] = req[member]
    if "tagFilter" in req:
        found["swf:tagFilter.tag"] = req["tagFilter"]["tag"]
    for number, tag in enumerate(req.get("tagList") or ()):
        found[f"swf:tagList.member.{number}"] = tag
    if tags := req.get("tags"):
        found |= {f"aws:RequestTag/{one['key']}": one.get("value", "") for one in tags} | {"aws:TagKeys": [one["key"] for one in tags]}
    if "tagKeys" in req:
        found["aws:TagKeys"] = list(req["tagKeys"])
    return found


def check(what: str, value: str) -> str:
    if value != value.strip() or value == "arn" or FORBIDDEN.search(value):
        raise errors.invalid_name(what, value)
    return value


def duration(what: str, value: str | None, *, endless: bool = True, most: int | None = None) -> str | None:
    """Seconds as text, or NONE."""
    if value is None or (endless and value == "NONE"):
        return value
    if not (value.isascii() and value.isdigit()) or (most is not None and int(value) > most):
        raise errors.invalid_duration(what, value)
    return value


def seconds(value: str) -> float | None:
    return None if value == "NONE" else float(value)


def priority(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"-?[0-9]{1,10}", value):
        raise errors.invalid_duration("taskPriority", value)
    return value
