"""TestInvokeMethod and TestInvokeAuthorizer: a method tried without a deployment, a signature or a key, and the log of what happened."""
from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cloche.kernel import Call, Request

from . import errors
from . import service as apigateway
from .access import asked
from .apis import find
from .authorizers import find_authorizer
from .deployments import FROZEN, Deployment
from .invoke import authorize, integrate, pipeline, refusals, validate
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


@apigateway.op(needs=asked)
async def test_invoke_authorizer(call: Call, req: t.TestInvokeAuthorizerRequest) -> t.TestInvokeAuthorizerResponse:
    """The authorizer's function asked as a method would ask it; nothing is kept."""
    api = find(call, req)
    it = find_authorizer(api, req["authorizerId"])
    if it["type"] not in ("TOKEN", "REQUEST"):
        raise errors.bad_request("Only authorizers of the types TOKEN and REQUEST can be tried.")
    headers = {name.lower(): value for name, value in (req.get("headers") or {}).items()} | {n.lower(): ",".join(vs) for n, vs in (req.get("multiValueHeaders") or {}).items()}
    headers.setdefault("host", f"{api.id}.execute-api.{call.region}.amazonaws.com")
    request = Request("GET", req.get("pathWithQueryString") or "/", headers, (req.get("body") or "").encode(), None, True, "127.0.0.1")
    x = Exchange(call, request, api.id, request.path)
    deployment = Deployment(api.id, "test", call.now, api.definition)
    x.stage = Stage(api.id, "test-invoke-stage", call.now, call.now, {"deploymentId": "test"})
    x.variables, x.live = dict(req.get("stageVariables") or {}), Live(deployment, api.id, call.account, call.region)
    x.resource, x.spec = api.definition.resources[api.root], {"authorizationType": "CUSTOM", "authorizerId": it["id"], "httpMethod": "GET"}
    pipeline.describe(x, deployment)
    began = asyncio.get_running_loop().time()
    try:
        said = await authorize.asked(x, it, authorize.identities(x, it))
    except refusals.Refused as refused:
        return {"clientStatus": refused.status, "log": refused.why or str(refused.message), "latency": int((asyncio.get_running_loop().time() - began) * 1000)}
    return {"clientStatus": 200, "principalId": str(said["principalId"]), "policy": json.dumps(said["policyDocument"]), "latency": int((asyncio.get_running_loop().time() - began) * 1000),
            "log": "Successfully completed authorizer execution"}


def answer(response: Any, log: list[str], seconds: float) -> dict[str, Any]:
    multi: dict[str, list[str]] = {}
    for name, value in response.headers:
        multi.setdefault(name, []).append(value)
    return {"status": response.status, "body": response.body.decode("utf-8", "replace"), "headers": {n: vs[-1] for n, vs in multi.items()}, "multiValueHeaders": multi,
            "log": "\n".join(log), "latency": int(seconds * 1000)}
