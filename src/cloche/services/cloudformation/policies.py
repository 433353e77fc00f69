"""Stack policies: what an update may do to which resource. Once there is one, what it does not allow is denied."""
from __future__ import annotations

import fnmatch
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as cloudformation
from .records import Stack, by_stack, find
from .templates import fetch

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def parse(text: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(text)["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        if not all(isinstance(x, dict) and x.get("Effect") in ("Allow", "Deny") for x in statements):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise errors.validation("Error validating stack policy: Invalid stack policy") from None
    return statements


def verdict(text: str, logical: str, kind: str, action: str) -> str:
    """"" if allowed, or why not."""
    name, allowed = f"LogicalResourceId/{logical}", False
    for number, one in enumerate(parse(text), 1):
        if "NotResource" in one:
            hit = not any(fnmatch.fnmatchcase(name, x) for x in _list(one["NotResource"]))
        else:
            hit = any(fnmatch.fnmatchcase(name, x) for x in _list(one.get("Resource", "*")))
        if "NotAction" in one:
            hit = hit and not any(fnmatch.fnmatchcase(action.lower(), x.lower()) for x in _list(one["NotAction"]))
        else:
            hit = hit and any(fnmatch.fnmatchcase(action.lower(), x.lower()) for x in _list(one.get("Action", [])))
        for operator, tests in one.get("Condition", {}).items():
            wanted = _list(tests.get("ResourceType"))
            same = any(fnmatch.fnmatchcase(kind, x) if "Like" in operator else kind == x for x in wanted)
            hit = hit and same != ("Not" in operator)
        if hit and one["Effect"] == "Deny":
            return f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for resource [{name}]"
        allowed = allowed or hit
    return "" if allowed else f"Action denied by stack policy: no statement allows [{action}] for resource [{name}]"


def check(stack: Stack, policy: str, logical: str, kind: str, physical: str, action: str) -> None:
    if policy and (reason := verdict(policy, logical, kind, action)):
        raise errors.validation(reason)


async def text_of(call: Call, req: Any, member: str) -> str:
    """A policy given in the request, or at a URL of S3; "" if there is none."""
    body, url = req.get(f"{member}Body"), req.get(f"{member}URL")
    if body and url:
        raise errors.validation(f"You cannot specify both {member}Body and {member}URL")
    if url:
        body = await fetch(call, url)
    if body:
        parse(body)
    return body or ""


@cloudformation.op(resource=by_stack)
async def set_stack_policy(call: Call, req: t.SetStackPolicyInput) -> None:
    body = await text_of(call, req, "StackPolicy")
    if not body:
        raise errors.validation("You must specify exactly one of StackPolicyBody and StackPolicyURL")
    with call.step():
        call.put(find(call, req["StackName"]).but(policy=body))


@cloudformation.op(resource=by_stack)
def get_stack_policy(call: Call, req: t.GetStackPolicyInput) -> t.GetStackPolicyOutput:
    stack = find(call, req["StackName"])
    return {"StackPolicyBody": stack.policy} if stack.policy else {}
