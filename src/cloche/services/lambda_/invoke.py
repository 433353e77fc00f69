"""Invoke: wait for the answer, leave an event, or only ask whether one might; and the answer as a stream."""
from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.engines.run.invocation import STREAM_LIMIT
from cloche.kernel import Call, Need

from . import asynchronous, durable, errors, errors_durable, names, records, running
from . import service as lambda_
from .records import version_of

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

SYNC_LIMIT, ASYNC_LIMIT = 6291456, 1048576


def needs(call: Call, req: Any) -> list[Need]:
    arn = names.qualified(call, req)
    return [Need("lambda:InvokeFunction", arn, {}, records.policy(call, arn))]


def check(payload: bytes, limit: int) -> bytes:
    if len(payload) > limit:
        raise errors.payload_too_large(limit)
    if payload:
        try:
            msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            try:
                json.loads(payload)  # what msgspec does not take but Lambda does: NaN, lone surrogates
            except (ValueError, RecursionError):
                raise errors.not_json(f"{error}\n at [Source: (byte[])\"{payload[:40].decode('utf-8', 'replace')}\"; line: 1, column: 1]") from None
    return payload


@lambda_.op(needs=needs)
async def invoke(call: Call, req: t.InvocationRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    kind, payload = req.get("InvocationType", "RequestResponse"), req.get("Payload") or b""
    tenant = tenant_of(version_of(call, name), req)
    if kind == "DryRun":
        return {"StatusCode": 204}
    payload = check(payload, SYNC_LIMIT if kind == "RequestResponse" else ASYNC_LIMIT)
    if "DurableConfig" in version_of(call, name).config:
        return await invoke_durable(call, req, name, kind, payload or b"{}")
    if req.get("DurableExecutionName"):
        raise errors_durable.not_durable()
    if kind == "Event":
        with call.step():
            asynchronous.enqueue(call, name, payload or b"{}", trace=trace_of(call), tenant=tenant)
        return {"StatusCode": 202, "Payload": b""}
    result = await running.run(call, name, payload, request_id=call.request_id if call.wire else "", trace=trace_of(call), client_context=client_context(req), paced=True,
                               whole=req.get("LogType") == "Tail", tenant=tenant)
    answer: dict[str, Any] = {"StatusCode": 200, "Payload": result.outcome.payload, "ExecutedVersion": result.version}
    if result.failed:
        answer["FunctionError"] = "Unhandled"
    if req.get("LogType") == "Tail":
        answer["LogResult"] = base64.b64encode(result.log).decode()
    return answer


async def invoke_durable(call: Call, req: Any, name: names.Name, kind: str, payload: bytes) -> Any:
    """Begin a durable execution (or find the one of that name), and wait for its end unless it is an event."""
    if name.qualifier is None:
        raise errors_durable.qualifier_needed()
    there, function = call.at(name.account, name.region), records.find(call, name)
    version, named = running.choose(there, function, name), req.get("DurableExecutionName", "")
    if version.state != "Active":
        await running.settled(there, function.name)
    if kind == "Event":
        with call.step():
            ex = durable.begin(there, function, version, name, payload, named, trace_of(call), queued=True)
        return {"StatusCode": 202, "Payload": b"", "DurableExecutionArn": durable.arn(there, ex)}
    ex, outcome = await durable.run(there, function, version, name, payload, named, trace_of(call))
    answer: dict[str, Any] = {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": version.version, "DurableExecutionArn": durable.arn(there, ex)}
    return answer | ({"FunctionError": "Unhandled"} if outcome.failed else {})


def tenant_of(version: records.Version, req: Any) -> str:
    """Whom the invocation is for: functions that keep their tenants apart must be told, others must not."""
    tenant = str(req.get("TenantId", ""))
    if bool(tenant) != bool(version.config.get("TenancyConfig")):
        raise errors.tenant_needed() if not tenant else errors.no_tenants()
    return tenant


def client_context(req: Any) -> Any:
    if not req.get("ClientContext"):
        return None
    try:
        return json.loads(base64.b64decode(req["ClientContext"]))
    except ValueError:
        raise errors.invalid("Client context must be a valid Base64-encoded JSON object.") from None


def trace_of(call: Call) -> str:
    return call.request.headers.get("x-amzn-trace-id", "") if call.request is not None else ""


@lambda_.op(names.qualified, action="lambda:InvokeFunction", policy=records.policy)
def invoke_async(call: Call, req: t.InvokeAsyncRequest) -> Any:
    """Deprecated, but old clients still call it."""
    name = names.parse(call, req["FunctionName"])
    version_of(call, name)
    asynchronous.enqueue(call, name, check(req["InvokeArgs"], ASYNC_LIMIT))
    return {"Status": 202}


@lambda_.op(needs=needs)
async def invoke_with_response_stream(call: Call, req: t.InvokeWithResponseStreamRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    version = version_of(call, name)
    payload = check(req.get("Payload") or b"", SYNC_LIMIT)
    tenant = tenant_of(version, req)
    if req.get("InvocationType") == "DryRun":
        return {"StatusCode": 204}
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
    task = asyncio.ensure_future(running.run(call, name, payload, request_id=call.request_id, trace=trace_of(call), client_context=client_context(req), limit=STREAM_LIMIT, paced=True, whole=req.get("LogType") == "Tail", tenant=tenant,
                                             on_chunk=lambda data, kind: chunks.put_nowait(data)))
    task.add_done_callback(lambda _: chunks.put_nowait(None))
    first = await chunks.get()
    if first is None:
        result = await task  # a refusal is still an ordinary error answer

    async def events() -> AsyncIterator[dict[str, Any]]:
        chunk = first
        while chunk is not None:
            yield {"PayloadChunk": {"Payload": chunk}}
            chunk = await chunks.get()
        result = await task
        complete: dict[str, Any] = {}
        if result.failed:
            said = json.loads(result.outcome.payload or b"{}")
            complete |= {"ErrorCode": said.get("errorType", "Unhandled"), "ErrorDetails": result.outcome.payload.decode()}
        elif not result.outcome.streamed and result.outcome.payload:
            yield {"PayloadChunk": {"Payload": result.outcome.payload}}
        if req.get("LogType") == "Tail":
            complete["LogResult"] = base64.b64encode(result.log).decode()
        yield {"InvokeComplete": complete}

    executed = result.version if first is None else version.version
    return {"StatusCode": 200, "ExecutedVersion": executed, "ResponseStreamContentType": "application/vnd.amazon.eventstream", "EventStream": events()}
