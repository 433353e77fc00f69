"""What other services do with functions: invoke one and wait, or leave an event. The function's resource policy is asked, as at the front door.

    result = await public.invoke(call.as_service("apigateway.amazonaws.com", source_arn=...), arn, payload)
    public.enqueue(call.as_service("s3.amazonaws.com", source_arn=bucket_arn), arn, payload)      # inside a step
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import asynchronous, names, records, running
from .records import find, version_of
from .running import Result


def allowed(call: Call, arn: str, **context: Any) -> names.Name:
    """The function behind the ARN; raises ResourceNotFoundException or AccessDeniedException."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    name = names.parse(there, arn)
    there.require("lambda:InvokeFunction", arn, context, policy=records.policy(there, arn))
    find(there, name)
    return name


async def invoke(call: Call, arn: str, payload: bytes, **more: Any) -> Result:
    """Run the function now. `.failed` says that it ended in an error; `.outcome.payload` is what it said; AwsError if it was not run (429, 403, 404).

    `on_chunk(data, content_type)` receives a streamed response.
    """
    name = allowed(call, arn)
    return await running.run(call.of("lambda", name.account, name.region), name, payload, **more)


def enqueue(call: Call, arn: str, payload: bytes, trace: str = "") -> str:
    """Leave an event: durable with the caller's step, retried, dead-lettered. Gives the request id."""
    name = allowed(call, arn)
    there = call.of("lambda", name.account, name.region)
    version_of(there, name)
    return asynchronous.enqueue(there, name, payload, trace)


def may_invoke(call: Call, arn: str) -> bool:
    """Whether this call's principal could (for checks when a target is configured)."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    return there.allowed("lambda:InvokeFunction", arn, policy=records.policy(there, arn))


def exists(call: Call, arn: str) -> bool:
    parts = arn.split(":")
    return len(parts) > 6 and parts[2] == "lambda" and call.of("lambda", parts[4], parts[3]).get(records.Function, parts[6]) is not None


__all__ = ["Result", "enqueue", "exists", "invoke", "may_invoke"]
