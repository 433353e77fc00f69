"""Resource policies of streams and consumers: how another account may put, read or subscribe."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.iam import grammar
from cloche.kernel import Call

from . import errors
from . import service as kinesis
from .tags import by_resource, holder

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

MOST_BYTES = 20 * 1024


@kinesis.op(resource=by_resource)
def put_resource_policy(call: Call, req: t.PutResourcePolicyInput) -> None:
    call, there = holder(call, req["ResourceARN"])
    text = req["Policy"]
    if len(text.encode()) > MOST_BYTES:
        raise errors.malformed_policy("it is larger than 20 KB.")
    try:
        grammar.resource(text)
    except ValueError as error:
        raise errors.malformed_policy(str(error)) from None
    call.put(there.but(policy=text))


@kinesis.op(resource=by_resource)
def get_resource_policy(call: Call, req: t.GetResourcePolicyInput) -> t.GetResourcePolicyOutput:
    _, there = holder(call, req["ResourceARN"])
    if not there.policy:
        raise errors.no_policy(req["ResourceARN"])
    return {"Policy": there.policy}


@kinesis.op(resource=by_resource)
def delete_resource_policy(call: Call, req: t.DeleteResourcePolicyInput) -> None:
    call, there = holder(call, req["ResourceARN"])
    if not there.policy:
        raise errors.no_policy(req["ResourceARN"])
    call.put(there.but(policy=""))
