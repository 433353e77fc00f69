"""The Runtime API (2018-06-01) as the runtimes of custom and Node functions speak it, on a listener inside the environment's own network.

`next` is a long poll: it is answered when there is an invocation. A response may be streamed; its chunks go on as they come.
"""
from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING, Any

import httptools

from .invocation import STREAM_LIMIT, Credentials, Invocation

if TYPE_CHECKING:
    from .environment import Environment

PREFIX = "/2018-06-01/runtime/"
OTHERS = ("/2020-01-01/extension/", "/2022-07-01/telemetry", "/2020-08-15/logs")
CREDENTIALS = "/2021-04-23/credentials"
PHRASES = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 413: "Payload Too Large"}


class RuntimeApi:
    """All connections of one environment, and the invocation that waits to be fetched."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.pending: Invocation | None = None
        self.waiting: Connection | None = None
        self.connections: set[Connection] = set()
        self.server: asyncio.Server | None = None

    async def listen(self, sock: Any) -> None:
        self.server = await asyncio.get_running_loop().create_server(lambda: Connection(self), sock=sock)

    def send(self, inv: Invocation) -> None:
        self.pending = inv
        self.offer()

    def offer(self) -> None:
        if self.pending and self.waiting:
            inv, connection = self.pending, self.waiting
            self.pending = self.waiting = None
            headers = {"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": inv.id, "Lambda-Runtime-Invoked-Function-Arn": inv.arn,
                       "Lambda-Runtime-Deadline-Ms": str(int((time.time() + inv.timeout) * 1000))}
            if inv.trace:
                headers["Lambda-Runtime-Trace-Id"] = inv.trace
            if inv.client_context:
                headers["Lambda-Runtime-Client-Context"] = json.dumps(inv.client_context)
            if inv.tenant:
                headers["Lambda-Runtime-Aws-Tenant-Id"] = inv.tenant
            if inv.cognito:
                headers["Lambda-Runtime-Cognito-Identity"] = json.dumps(inv.cognito)
            connection.answer(200, inv.payload, headers)

    def close(self) -> None:
        if self.server:
            self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()


class Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self.api, self.env = api, api.environment
        self.transport: Any = None
        self.parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self.url, self.headers, self.body = b"", {}, bytearray()
        self.streaming = self.too_large = False
        self.streamed = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.api.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.api.connections.discard(self)
        if self.api.waiting is self:
            self.api.waiting = None
        if self.env.extensions:
            self.env.extensions.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.streaming = self.headers.get("lambda-runtime-function-response-mode") == "streaming" and self._request_id("response") == self.env.request_id

    def on_body(self, data: bytes) -> None:
        if self.streaming:
            self.streamed += len(data)
            if self.streamed > STREAM_LIMIT:
                self.too_large = True
            elif not self.env.chunk(data, self.headers.get("content-type", "")):
                self.streaming = False  # nobody wants a stream: collect it
                self.body += data
        elif len(self.body) + len(data) > STREAM_LIMIT:
            self.too_large = True
        else:
            self.body += data

    def on_message_complete(self) -> None:
        method, path = self.parser.get_method().decode(), self.url.decode("latin-1").split("?")[0]
        body, headers = bytes(self.body), self.headers
        if path == CREDENTIALS and self.env.spec.credentials:
            self._credentials(self.env.spec.credentials, headers)
        elif self.env.extensions and path.startswith(OTHERS):
            self.env.extensions.serve(self, method, path, headers, body)
        elif not path.startswith(PREFIX) or self.env.link is not self.api:  # our Python has its own way
            self.refuse(404, "NotFound", f"No such path: {path}")
        elif path == PREFIX + "invocation/next":
            if method != "GET":
                self.refuse(405, "MethodNotAllowed", "Use GET")
            else:
                self.api.waiting = self
                self.env.became_ready()
                self.api.offer()
        elif method != "POST":
            self.refuse(405, "MethodNotAllowed", "Use POST")
        elif path == PREFIX + "init/error":
            self.env.init_failed(body, headers.get("lambda-runtime-function-error-type", "Unhandled"))
            self.accept()
        elif id_ := self._request_id("response"):
            self._responded(id_, body, headers)
        elif id_ := self._request_id("error"):
            if id_ != self.env.request_id:
                self.refuse(400, "InvalidRequestID", "Invalid request ID")
            else:
                self.accept()
                self.env.erred(body, headers.get("lambda-runtime-function-error-type", "Unhandled"))
        else:
            self.refuse(404, "NotFound", f"No such path: {path}")
        self._clear()

    def _credentials(self, held: Credentials, headers: dict[str, str]) -> None:
        """For environments whose variables were set before they were: restored ones."""
        if headers.get("authorization") != held.authorization:
            return self.refuse(403, "Forbidden", "Wrong authorization token")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + held.seconds))
        said = {"AccessKeyId": held.access_key, "SecretAccessKey": held.secret, "Token": held.token, "Expiration": until}
        return self.answer(200, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _responded(self, id_: str, body: bytes, headers: dict[str, str]) -> None:
        if id_ != self.env.request_id:
            self.refuse(400, "InvalidRequestID", "Invalid request ID")
        elif self.too_large or (not self.streaming and len(body) > self.env.limit):
            self.refuse(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({self.env.limit} bytes).")
            self.env.too_large()
        elif self.streaming:
            self.accept()
            self.env.stream_ended(*trailer(headers))
        else:
            self.accept()
            self.env.responded(body, headers.get("content-type", ""))

    def _request_id(self, what: str) -> str:
        path = self.url.decode("latin-1").split("?")[0]
        if path.startswith(PREFIX + "invocation/") and path.endswith("/" + what):
            return path[len(PREFIX + "invocation/") : -len("/" + what)]
        return ""

    def accept(self) -> None:
        self.answer(202, b'{"status":"OK"}\n', {"Content-Type": "application/json"})

    def refuse(self, status: int, kind: str, text: str) -> None:
        self.answer(status, json.dumps({"errorMessage": text, "errorType": kind}).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {PHRASES[status]}", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
        self.transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def trailer(headers: dict[str, str]) -> tuple[str, bytes]:
    """An error in the middle of a stream comes in trailing headers."""
    kind = headers.get("lambda-runtime-function-error-type", "")
    return kind, base64.b64decode(headers.get("lambda-runtime-function-error-body", "")) if kind else b""
