"""What a stage with tracing tells X-Ray of a request: its own segment, and in it the call of the integration, under which whoever is called tells the rest."""
from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cloche.services.xray import public as xray

from ..apis import RestApi
from . import functions
from .exchange import Exchange, source_ip

ORIGIN = "AWS::ApiGateway::Stage"


class Tracing:
    def __init__(self, begun: xray.Begun, id_: str, asking: str, at: float) -> None:
        self.begun, self.id, self.asking, self.at = begun, id_, asking, at
        self.asked: tuple[float, float] | None = None      # when the integration was called, and when it had answered

    @property
    def header(self) -> str:
        """For the integration: it is called by the subsegment."""
        return self.begun.header(self.asking if self.begun.sampled else self.begun.parent or self.id)


def stage_arn(x: Exchange) -> str:
    return f"arn:aws:apigateway:{x.call.region}::/restapis/{x.api}/stages/{x.stage.name}"


def begin(x: Exchange, api: RestApi) -> None:
    if x.stage.values.get("tracingEnabled"):
        begun = xray.begin(x.call, x.header("x-amzn-trace-id") or "", active=True, ServiceName=f"{api.values['name']}/{x.stage.name}", ServiceType=ORIGIN, Host=x.host, HTTPMethod=x.method,
                           URLPath=x.path, ResourceARN=stage_arn(x))
        x.traced = Tracing(begun, x.call.id(digits=16), x.call.id(digits=16), x.call.now)


def flags(status: int) -> dict[str, Any]:
    return {"fault": True} if status >= 500 else {"error": True, "throttle": True} if status == 429 else {"error": True} if status >= 400 else {}


def end(x: Exchange, api: RestApi, status: int) -> None:
    traced = x.traced
    if traced is None or not traced.begun.sampled:
        return
    call = x.call
    request = {"method": x.method, "url": f"https://{x.host}{x.prefixed}{x.path}", "client_ip": source_ip(x.request), "user_agent": x.header("user-agent") or "", "x_forwarded_for": bool(x.header("x-forwarded-for"))}
    document = traced.begun.segment(
        traced.id, f"{api.values['name']}/{x.stage.name}", ORIGIN, start=traced.at, end=call.now, http={"request": request, "response": {"status": status}}, resource_arn=stage_arn(x),
        aws={"account_id": call.account, "api_gateway": {"account_id": call.account, "rest_api_id": x.api, "stage": x.stage.name, "request_id": call.request_id}}, **flags(status))
    if traced.asked is not None:
        document["subsegments"] = [asking(x, traced)]
    with call.step():
        xray.keep(call, document)


def asking(x: Exchange, traced: Tracing) -> dict[str, Any]:
    assert traced.asked is not None
    it = x.spec["methodIntegration"]
    uri, (start, until) = it.get("uri") or "", traced.asked
    out: dict[str, Any] = {"id": traced.asking, "start_time": start, "end_time": until, "http": {"request": {"url": uri, "method": it.get("httpMethod") or x.method}}}
    if functions.URI.fullmatch(uri):
        name = functions.function_of(uri).split(":")[6]
        return out | {"name": "Lambda", "namespace": "aws", "aws": {"operation": "Invoke", "function_name": name, "region": x.call.region, "resource_names": [name]}}
    if it["type"].startswith("AWS"):
        return out | {"name": uri.split(":")[4] if uri.count(":") > 4 else "AWS", "namespace": "aws"}
    return out | {"name": urlsplit(uri).hostname or uri[:200] or "integration", "namespace": "remote"}
