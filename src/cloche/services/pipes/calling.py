"""Asking somebody under the pipe's role and waiting for the answer: a function, an Express state machine, a REST API, an API destination."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.lambda_ import public as functions

from . import errors


async def function(there: Call, arn: str, text: str) -> bytes:
    said = await functions.invoke(there, arn, text.encode())
    if said.function_error:
        raise errors.failed(f"the function failed: {said.payload[:200].decode(errors='replace')}")
    return bytes(said.payload)


async def machine(there: Call, arn: str, text: str) -> bytes:
    said = await there.do("stepfunctions", "StartSyncExecution", stateMachineArn=arn, input=text)
    if said["status"] != "SUCCEEDED":
        raise errors.failed(f"the execution {said['status']}: {said.get('error', '')} {said.get('cause', '')}")
    return str(said["output"]).encode()


async def http(call: Call, there: Call, arn: str, given: dict[str, Any], text: str) -> bytes:
    """`given`: the path's, header's and query's parameters."""
    from cloche.services.events import public as bridge
    if ":api-destination/" in arn:
        status, body = await bridge.call_destination(there, arn, given, text)
    else:
        status, body = await bridge.call_rest_api(there, arn, given, text)
    if not 200 <= status < 300:
        raise errors.failed(f"{arn} answered {status}" if status else f"{arn} could not be reached")
    return body
