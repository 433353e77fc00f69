"""One request of a viewer on its way through the edge: what came, what it has become, and how it ended."""
from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cloche.kernel import Call, Request

from . import choosing, viewer_headers
from .choosing import Pairs, Rules

HOP = ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect")


class Exchange:
    def __init__(self, call: Call, one: Any, request: Request) -> None:
        self.call, self.distribution, self.config, self.request = call, one, one.config, request
        self.id = call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 54) + "=="
        self.moment = call.now
        self.client, self.port = request.peer or "127.0.0.1", request.port or 0
        said = request.headers.get("x-forwarded-proto", "").lower()
        self.scheme = "https" if request.secure or said == "https" else "http"
        self.method = request.method
        target = request.target if request.target.startswith("/") else "/" + request.target.partition("://")[2].partition("/")[2]
        path, _, self.query = target.partition("?")
        self.uri = "".join(c if 32 < ord(c) < 127 else quote(c.encode("utf-8", "surrogateescape")) for c in path)
        self.host = request.headers.get("host", "").partition(":")[0].lower()
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw] or list(request.headers.items())
        self.headers: Pairs = [(name.lower(), value) for name, value in raw if name.lower() not in HOP]
        self.own = viewer_headers.of_viewer(request.headers.get("user-agent", ""), self.scheme, self.client, self.port, request.tls if request.secure else None)
        self.behaviour: dict[str, Any] = {}
        self.rules: Rules = None  # type: ignore[assignment]
        self.result = "Miss"                      # of X-Cache: Hit, Miss, RefreshHit, Error, ...
        self.detail = ""                          # where the result has another name in the logs
        self.origin_body: bytes | None = None     # of a function that put another in its place
        self.hops = int(request.headers.get("x-cloche-hops", "0")) if request.headers.get("x-cloche-hops", "0").isdigit() else 0
        self.fle = ("-", 0)
        self.received = self.sent = 0
        self.origin_seconds = 0.0

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def cookies(self) -> dict[str, str]:
        return {name: text.partition("=")[2] for name, text in choosing.cookies(self.headers)}
