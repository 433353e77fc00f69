"""What other services do with topics behind the curtain."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors, publishing
from .topics import Topic


def topic(call: Call, arn: str) -> Topic | None:
    parts = arn.split(":")
    return call.of("sns", parts[4], parts[3]).get(Topic, parts[5]) if len(parts) == 6 and parts[2] == "sns" else None


def publish(call: Call, arn: str, **req: Any) -> Any:
    """Publish as this call's principal (a service, a role); raises what SNS refuses, AuthorizationError included."""
    found = topic(call, arn)
    if found is None:
        raise errors.no_such_topic()
    parts = arn.split(":")
    inside = call.of("sns", parts[4], parts[3])
    inside.require("sns:Publish", arn, policy=found.attributes.get("Policy"))
    return publishing.send(inside, found, req)


__all__ = ["publish", "topic"]
