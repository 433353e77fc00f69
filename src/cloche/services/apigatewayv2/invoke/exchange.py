"""One request to an HTTP API and what is known about it. Header names are lower case here, values of one name are joined."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import Call, Request, Response
from cloche.services.apigateway.public import LETTERS, clf, headers_of, query_of, source_ip

TEXT = ("application/json", "application/javascript", "application/xml")


class Refused(Exception):
    """The request ends here."""

    def __init__(self, status: int, message: str, headers: list[tuple[str, str]] | None = None, why: str = "") -> None:
        self.status, self.message, self.headers, self.why = status, message, headers or [], why


def not_found() -> Refused:
    return Refused(404, "Not Found")


def unauthorized() -> Refused:
    return Refused(401, "Unauthorized")


def forbidden(why: str = "") -> Refused:
    return Refused(403, "Forbidden", why=why)


def internal(why: str = "") -> Refused:
    return Refused(500, "Internal Server Error", why=why)


def unavailable(why: str = "") -> Refused:
    return Refused(503, "Service Unavailable", why=why)


def plain(status: int, message: str, headers: list[tuple[str, str]] | None = None) -> Response:
    return Response(status, [("Content-Type", "application/json"), *(headers or [])], json.dumps({"message": message}, separators=(",", ":")).encode())


class Exchange:
    __slots__ = ("api", "authorizer", "body", "call", "caller", "headers", "integration", "live", "method", "multi", "params", "path", "query", "raw_path", "request", "request_id", "route", "stage",
                 "started", "status", "variables")

    def __init__(self, call: Call, request: Request, api: Any, stage: Any, path: str, raw_path: str) -> None:
        self.call, self.request, self.api, self.stage = call, request, api, stage
        self.caller = call
        self.path, self.raw_path = path, raw_path              # below the stage; as the event shows it
        self.method, self.body = request.method, request.body
        self.multi, self.query = headers_of(request), query_of(request.query)
        self.headers = {n.lower(): ",".join(vs) for n, vs in self.multi.items()}
        self.params: dict[str, str] = {}
        self.variables: dict[str, str] = dict(stage.values.get("StageVariables") or {}) if stage else {}
        self.route: dict[str, Any] = {}
        self.integration: dict[str, Any] = {}
        self.authorizer: dict[str, Any] = {}
        self.live: Any = None
        self.status, self.started = 0, call.now
        self.request_id = call.pick(LETTERS, 15) + "="

    @property
    def host(self) -> str:
        return self.request.host.rpartition(":")[0] or self.request.host

    def full_headers(self) -> dict[str, str]:
        """The client's and what the door adds: an API is always https."""
        ip = source_ip(self.request)
        before = self.headers.get("x-forwarded-for")
        found = {n: v for n, v in self.headers.items() if n not in ("connection", "transfer-encoding", "expect", "keep-alive")}
        found |= {"x-forwarded-for": f"{before}, {ip}" if before else ip, "x-forwarded-port": "443", "x-forwarded-proto": "https"}
        found.setdefault("x-amzn-trace-id", f"Root=1-{int(self.started):08x}-{self.call.request_id.replace('-', '')[:24]}")
        if self.body:
            found["content-length"] = str(len(self.body))
        return dict(sorted(found.items()))

    def is_text(self) -> bool:
        media = (self.headers.get("content-type") or "text/plain").partition(";")[0].strip().lower()
        return media.startswith("text/") or media in TEXT or media.endswith(("+json", "+xml"))

    def context(self) -> dict[str, Any]:
        """`$context`, as parameter mappings, identity sources and access logs see it."""
        return {
            "accountId": self.call.account, "apiId": self.api.id, "domainName": self.host, "domainPrefix": self.host.partition(".")[0], "extendedRequestId": self.request_id,
            "httpMethod": self.method, "path": self.raw_path, "protocol": "HTTP/1.1", "requestId": self.request_id, "requestTime": clf(self.started),
            "requestTimeEpoch": str(int(self.started)), "routeKey": self.route.get("RouteKey", ""), "stage": self.stage.name if self.stage else "", "status": str(self.status or ""),
            "identity": {"sourceIp": source_ip(self.request), "userAgent": self.headers.get("user-agent", "")},
            "authorizer": self.authorizer.get("flat", {}), "error": {},
        }
