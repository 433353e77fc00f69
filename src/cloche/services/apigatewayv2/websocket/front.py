"""The door of WebSocket APIs: the handshake, which `$connect` may refuse; then messages, each to the route that its body names."""
from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

from cloche.kernel import AwsError, Call, Request, Response
from cloche.languages import jsonpath
from cloche.services.apigateway.public import read_json, render
from cloche.services.cloudwatch import public as cloudwatch
from cloche.wire import websocket

from ..apis import Api
from ..invoke.exchange import plain
from ..stages import Deployment, Stage
from . import authorize, integrate
from .connections import Connection, opened
from .events import Exchange

log = logging.getLogger("cloche.apigateway")
DEFAULT = "$default"


async def connect(call: Call, request: Request, api_id: str, stage_name: str) -> Response:
    """The answer to a client that wants to speak WebSocket with a stage of the API."""
    api, stage = call.get(Api, api_id), call.get(Stage, f"{api_id}/{stage_name}")
    deployment = call.get(Deployment, f"{api_id}/{stage.values.get('DeploymentId')}") if stage else None
    if api is None or stage is None or deployment is None:
        return plain(403, "Forbidden")
    key = request.headers.get("sec-websocket-key", "")
    if request.tunnel is None or not key:
        return plain(400, "Bad Request") if request.tunnel is not None else plain(403, "Missing Authentication Token")
    connection = Connection(call, request, api_id, stage_name)
    speaker = Speaker(call, connection, stage, deployment.definition, api)
    meter(call, api_id, stage, "ConnectCount")
    try:
        refusal = await speaker.admit()
    except integrate.Failed as error:
        log.info("%s $connect: %s", api_id, error)
        meter(call, api_id, stage, "IntegrationError")
        refusal = plain(502, "Internal server error")
    call.cloud.timeline.add(speaker.caller, 101 if refusal is None else refusal.status, None)
    if refusal is not None:
        return refusal
    opened(call)[connection.id] = connection
    headers = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", websocket.accept(key))]
    if offered := request.headers.get("sec-websocket-protocol"):
        headers.append(("sec-websocket-protocol", offered.partition(",")[0].strip()))
    return Response(101, headers, speaker.speak(request.tunnel))


def meter(call: Call, api: str, stage: Stage, name: str) -> None:
    for dims in ((("ApiId", api),), (("ApiId", api), ("Stage", stage.name))):
        cloudwatch.put(call, "AWS/ApiGateway", name, dims, 1, "Count")


class Speaker:
    """One connection's side of the conversation."""

    def __init__(self, call: Call, connection: Connection, stage: Stage, definition: Any, api: Api) -> None:
        self.call, self.connection, self.stage, self.definition = call, connection, stage, definition
        self.caller = call
        self.selection = api.values.get("RouteSelectionExpression") or "$request.body.action"
        self.routes = {route["RouteKey"]: route for route in definition.routes.values()}

    def exchange(self, kind: str, route: str, body: bytes = b"", binary: bool = False) -> Exchange:
        here = self.call.cloud.internal(self.call.service, self.call.account, self.call.region)
        x = Exchange(here, self.connection, self.stage, kind, route, body, binary)
        x.route = self.routes.get(route, {})
        return x

    async def admit(self) -> Response | None:
        """None: the handshake goes on."""
        route = self.routes.get("$connect")
        if route is None:
            return None
        x = self.exchange("CONNECT", "$connect")
        if (refusal := await authorize.check(self, x, route)) is not None:
            return refusal
        it = self.integration(route)
        if it is None:
            return None
        answer = await integrate.run(x, self.definition, it)
        return None if 200 <= answer.status < 300 else Response(answer.status, [("content-type", "application/json")], answer.body)

    def integration(self, route: dict[str, Any]) -> dict[str, Any] | None:
        return self.definition.integrations.get((route.get("Target") or "").removeprefix("integrations/"))  # type: ignore[no-any-return]

    async def speak(self, incoming: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        listening, watching = asyncio.ensure_future(self.listen(incoming)), asyncio.ensure_future(self.connection.watch())
        try:
            while (piece := await self.connection.outgoing.get()) is not None:
                yield piece
        finally:
            opened(self.call).pop(self.connection.id, None)
            listening.cancel()
            watching.cancel()
            if self.connection.closed is None:
                self.connection.closed = 1006, ""
            if "$disconnect" in self.routes:
                self.call.cloud.work.spawn(self.tell("DISCONNECT", "$disconnect"))

    async def listen(self, incoming: AsyncIterator[bytes]) -> None:
        try:
            async for kind, payload in self.connection.messages(incoming):
                meter(self.call, self.connection.api, self.stage, "MessageCount")
                binary = kind == websocket.BINARY
                self.call.cloud.work.spawn(self.tell("MESSAGE", self.route_of(payload, binary), payload, binary))
        except (ConnectionError, websocket.Broken):
            pass  # it went away, or does not speak our language
        self.connection.outgoing.put_nowait(None)

    def route_of(self, payload: bytes, binary: bool) -> str:
        """The key that the selection expression finds in the message, if there is such a route; else `$default`."""
        if not binary:
            try:
                document = read_json(payload)
            except ValueError:
                return DEFAULT
            key = re.sub(r"\$?\{?\$?request\.body\.([\w.\-]+)\}?", lambda m: found(document, m[1]), self.selection)
            if key in self.routes and key not in ("$connect", "$disconnect"):
                return key
        return DEFAULT

    async def tell(self, kind: str, route_key: str, payload: bytes = b"", binary: bool = False) -> None:
        x = self.exchange(kind, route_key, payload, binary)
        if not x.route:
            self.fault(x, "Forbidden", "ClientError")
            return
        it = self.integration(x.route)
        if it is None:
            self.fault(x, "Internal server error", "ExecutionError")
            return
        try:
            answer = await integrate.run(x, self.definition, it)
            said = self.response(x, it, answer)
        except (integrate.Failed, AwsError) as error:
            log.info("%s %s: %s", self.connection.api, route_key, error)
            self.fault(x, "Internal server error", "IntegrationError")
            return
        if said is not None and kind == "MESSAGE" and self.connection.closed is None:
            self.connection.say(said)

    def fault(self, x: Exchange, message: str, metric: str) -> None:
        meter(self.call, self.connection.api, self.stage, metric)
        if x.kind == "MESSAGE" and self.connection.closed is None:
            said = {"message": message, "connectionId": self.connection.id, "requestId": x.context["requestId"]}
            self.connection.say(json.dumps(said, separators=(", ", ": ")).encode())

    def response(self, x: Exchange, it: dict[str, Any], answer: integrate.Answer) -> bytes | None:
        """What goes back to the client: nothing, unless the route has a response."""
        if not any(one["RouteId"] == x.route["RouteId"] and one["RouteResponseKey"] == DEFAULT for one in self.definition.route_responses.values()):
            return None
        if it["IntegrationType"] in ("AWS_PROXY", "HTTP_PROXY"):
            return answer.body
        of = [one for one in self.definition.integration_responses.values() if one["IntegrationId"] == it["IntegrationId"]]
        fitting = next((one for one in of if one["IntegrationResponseKey"] != DEFAULT and re.fullmatch(one["IntegrationResponseKey"].strip("/"), str(answer.status))), None)
        fitting = fitting or next((one for one in of if one["IntegrationResponseKey"] == DEFAULT), None)
        templates = (fitting or {}).get("ResponseTemplates") or {}
        wanted = ((fitting or {}).get("TemplateSelectionExpression") or DEFAULT).lstrip("\\")
        source = templates.get(wanted) or next(iter(templates.values()), None)
        return answer.body if source is None else render(x, source, answer.body.decode("utf-8", "replace")).encode("utf-8", "replace")


def found(document: Any, path: str) -> str:
    try:
        value = jsonpath.compile(f"$.{path}").get(document)
    except (ValueError, LookupError):
        return ""
    return value if isinstance(value, str) else json.dumps(value)
