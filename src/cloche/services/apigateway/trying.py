"""TestInvokeMethod: a method tried without a deployment, a signature or a key, and the log of what happened."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cloche.kernel import Call, Request

from . import service as apigateway
from .access import asked
from .apis import find
from .deployments import FROZEN, Deployment
from .invoke import integrate, pipeline, refusals, validate
from .invoke.exchange import Exchange
from .invoke.live import Live
from .methods import place
from .stages import Stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t


@apigateway.op(needs=asked, partly="The log names the steps, not each header.")
async def test_invoke_method(call: Call, req: t.TestInvokeMethodRequest) -> t.TestInvokeMethodResponse:
    api = find(call, req)
    _, resource, method = place(call, req)
    verb = req["httpMethod"] if req["httpMethod"] != "ANY" else "GET"
    target = req.get("pathWithQueryString") or resource.path
    if req.get("pathWithQueryString") and "?" not in target and (multi := req.get("multiValueHeaders")) and "" in multi:
        target += "?" + urlencode(multi[""], doseq=True)
    headers = {name.lower(): value for name, value in (req.get("headers") or {}).items()} | {n.lower(): ",".join(vs) for n, vs in (req.get("multiValueHeaders") or {}).items()}
    headers.setdefault("host", f"{api.id}.execute-api.{call.region}.amazonaws.com")
    body = req.get("body") or ""
    request = Request(verb, target, headers, body.encode() if isinstance(body, str) else body, None, True, "127.0.0.1")
    x = Exchange(call, request, api.id, request.path)
    deployment = Deployment(api.id, "test", call.now, api.definition, {k: api.values[k] for k in FROZEN if k in api.values})
    x.stage = Stage(api.id, "test-invoke-stage", call.now, call.now, {"deploymentId": "test", "variables": req.get("stageVariables") or {}})
    x.variables, x.live = dict(req.get("stageVariables") or {}), Live(deployment, api.id, call.account, call.region)
    pipeline.describe(x, deployment)
    began, log = asyncio.get_running_loop().time(), [f"Execution log for request {call.request_id}", f"Starting execution for request: {call.request_id}", f"HTTP Method: {verb}, Resource Path: {request.path}"]
    try:
        pipeline.find_method(x)
        x.resource, x.spec = resource, method
        validate.check(x)
        response = await integrate.run(x)
        log.append("Successfully completed execution")
    except refusals.Refused as refused:
        log.append(refused.why or f"Execution failed: {refused.message}")
        response = refusals.response(x, refused)
    log.append(f"Method completed with status: {response.status}")
    return answer(response, log, asyncio.get_running_loop().time() - began)


def answer(response: Any, log: list[str], seconds: float) -> dict[str, Any]:
    multi: dict[str, list[str]] = {}
    for name, value in response.headers:
        multi.setdefault(name, []).append(value)
    return {"status": response.status, "body": response.body.decode("utf-8", "replace"), "headers": {n: vs[-1] for n, vs in multi.items()}, "multiValueHeaders": multi,
            "log": "\n".join(log), "latency": int(seconds * 1000)}
