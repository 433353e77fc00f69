"""What a session carries: policies that cap it and tags that describe it; together they have a size."""
from __future__ import annotations

from typing import Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call

from ..iam import public as iam
from . import errors

ALLOTTED = 2048


def policies(call: Call, req: Any, account: str) -> tuple[tuple[str, ...] | None, int]:
    """The session policies' texts (None: no cap) and the per cent of the allotted space that policies and tags take."""
    texts: list[str] = []
    size = 0
    if "Policy" in req:
        try:
            grammar.identity(req["Policy"])
        except MalformedPolicy as error:
            raise errors.bad_policy(error.message) from None
        texts.append(req["Policy"])
        size += len(req["Policy"])
    for one in req.get("PolicyArns", []):
        text = iam.managed_document(call, account, one.get("arn", ""))
        if text is None:
            raise errors.no_such_session_policy(one.get("arn", ""))
        texts.append(text)
        size += len(one["arn"])
    size += sum(len(tag["Key"]) + len(tag["Value"]) for tag in req.get("Tags", []))
    packed = -(-100 * size // ALLOTTED)
    if packed > 100:
        raise errors.packed_too_large(packed)
    return tuple(texts) if texts else None, packed


def tags(req: Any) -> dict[str, str]:
    given = req.get("Tags", [])
    if len({tag["Key"].lower() for tag in given}) < len(given):
        raise errors.duplicate_tags()
    return {tag["Key"]: tag["Value"] for tag in given}


def over(below: dict[str, str], above: dict[str, str]) -> dict[str, str]:
    """Session tags over the entity's own; keys are the same whatever their case."""
    hidden = {key.lower() for key in above}
    return {key: value for key, value in below.items() if key.lower() not in hidden} | above


def asked(req: Any) -> dict[str, Any]:
    """The condition keys that follow from the request's tags."""
    given = req.get("Tags", [])
    context: dict[str, Any] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in given}
    if given:
        context["aws:TagKeys"] = [tag["Key"] for tag in given]
    return context
