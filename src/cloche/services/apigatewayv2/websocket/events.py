"""What an integration is told of a connection: `$context`, and the proxy event made of it."""
from __future__ import annotations

import base64
from typing import Any

from cloche.kernel import Call
from cloche.services.apigateway.public import clf, headers_of, last, query_of, source_ip

from .connections import Connection


class Exchange:
    """One event of a connection. The members are those that mapping templates of REST APIs ask for, too."""

    def __init__(self, call: Call, connection: Connection, stage: Any, kind: str, route: str, body: bytes = b"", binary: bool = False) -> None:
        self.call, self.connection, self.stage, self.kind, self.body, self.binary = call, connection, stage, kind, body, binary
        request = connection.request
        connecting = kind == "CONNECT"
        self.headers = headers_of(request) if connecting else {}
        self.query = query_of(request.query) if connecting else {}
        self.params: dict[str, str] = {}
        self.media = "application/json"
        self.variables = dict(stage.values.get("StageVariables") or {})
        self.route: dict[str, Any] = {}
        host = request.host.rpartition(":")[0] or request.host
        self.context: dict[str, Any] = {
            "routeKey": route, "eventType": kind, "extendedRequestId": call.request_id.replace("-", "")[:15] + "=", "requestTime": clf(call.now), "messageDirection": "IN",
            "stage": stage.name, "connectedAt": int(connection.connected * 1000), "requestTimeEpoch": int(call.now * 1000),
            "identity": {"userAgent": last(headers_of(request), "user-agent") or "", "sourceIp": source_ip(request)}, "requestId": call.request_id, "domainName": host,
            "connectionId": connection.id, "apiId": connection.api,
        }
        if kind == "MESSAGE":
            self.context["messageId"] = call.id(digits=15) + "="
        if kind == "DISCONNECT" and connection.closed is not None:
            self.context |= {"disconnectStatusCode": connection.closed[0], "disconnectReason": connection.closed[1]}
        if connection.authorizer:
            self.context["authorizer"] = connection.authorizer

    def text(self) -> str:
        return base64.b64encode(self.body).decode() if self.binary else self.body.decode("utf-8", "replace")


def proxy(x: Exchange) -> dict[str, Any]:
    event: dict[str, Any] = {}
    if x.kind != "MESSAGE":
        headers = x.headers or {"Host": [x.context["domainName"]], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""]}
        if x.kind == "CONNECT":
            headers = headers | {"X-Forwarded-For": [x.context["identity"]["sourceIp"]], "X-Forwarded-Port": ["443"], "X-Forwarded-Proto": ["https"]}
        event |= {"headers": {n: vs[-1] for n, vs in headers.items()}, "multiValueHeaders": headers}
        if x.query:
            event |= {"queryStringParameters": {n: vs[-1] for n, vs in x.query.items()}, "multiValueQueryStringParameters": x.query}
    if x.variables:
        event["stageVariables"] = x.variables
    event["requestContext"] = x.context
    if x.kind == "MESSAGE":
        event["body"] = x.text()
    return event | {"isBase64Encoded": x.binary and x.kind == "MESSAGE"}
