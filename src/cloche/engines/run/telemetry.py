"""The Telemetry API (2022-07-01) and the Logs API before it (2020-08-15): what happens in an environment, sent in batches to extensions that listen inside.

Until init is over what happens is kept, so that who subscribes late still hears how it began. A batch goes when it is full or old enough; the way in is a
connection that the sandbox's init makes (`Sandbox.connect`), for the server has no place in that network.
"""
from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .invocation import Invocation, Outcome, stamp

if TYPE_CHECKING:
    from .environment import Environment

SCHEMAS = {"telemetry": ("2022-07-01", "2022-12-13", "2025-01-29"), "logs": ("2020-08-15", "2021-03-18")}
TYPES = ("platform", "function", "extension")
BUFFERING = {"telemetry": {"maxItems": (1000, 1000, 10000), "maxBytes": (262144, 262144, 1048576), "timeoutMs": (1000, 25, 30000)},
             "logs": {"maxItems": (10000, 1000, 10000), "maxBytes": (262144, 262144, 1048576), "timeoutMs": (1000, 25, 30000)}}  # default, least, most
HOSTS = ("sandbox.localdomain", "sandbox")
OF_LOGS = {"platform.start", "platform.end", "platform.report", "platform.fault", "platform.extension", "platform.logsSubscription", "platform.logsDropped", "platform.runtimeDone", "function", "extension"}
KEPT = 5000
ANSWER_SECONDS = 5.0


class Refused(Exception):
    def __init__(self, status: int, kind: str, text: str) -> None:
        self.status, self.kind, self.text = status, kind, text


class Telemetry:
    def __init__(self, environment: Environment) -> None:
        self.env = environment
        self.subscribers: dict[str, Subscriber] = {}
        self.backlog: list[dict[str, Any]] | None = []  # until init is over
        self.open = True  # whether anybody listens or may yet

    def tell(self, kind: str, record: Any, moment: float | None = None) -> None:
        if not self.open:
            return
        event = {"time": stamp(moment or time.time()), "type": kind, "record": record}
        if self.backlog is not None and len(self.backlog) < KEPT:
            self.backlog.append(event)
        for subscriber in self.subscribers.values():
            subscriber.take(event)

    def line(self, kind: str, text: str) -> None:
        """What the function or an extension printed; JSON stays JSON where the function logs JSON."""
        if not self.open:
            return
        record: Any = text
        if self.env.spec.variables.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
            try:
                said = json.loads(text)
                record = said if isinstance(said, dict) else text
            except ValueError:
                pass
        self.tell(kind, record)

    def initialised(self, failed: str) -> None:
        kind = self.env.spec.variables.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        about = {"initializationType": kind, "phase": "init", "status": "failure" if failed else "success", **({"errorType": failed} if failed else {})}
        self.tell("platform.initRuntimeDone", about)
        for moment, event, record in self.env.platform:
            self.tell(event, record, moment)
        self.tell("platform.initReport", {**about, "metrics": {"durationMs": round(self.env.init_ms or 0.0, 3)}})
        self.backlog = None
        self.open = bool(self.subscribers)

    def started(self, inv: Invocation) -> None:
        self.tell("platform.start", {"requestId": inv.id, "version": self.env.spec.variables.get("AWS_LAMBDA_FUNCTION_VERSION", ""), "tracing": tracing(inv)})

    def answered(self, inv: Invocation, outcome: Outcome) -> None:
        self.tell("platform.runtimeDone", {"requestId": inv.id, "status": status(outcome), "tracing": tracing(inv), **error_type(outcome),
                                           "metrics": {"durationMs": round(outcome.duration_ms, 3), "producedBytes": len(outcome.payload)}})

    def reported(self, inv: Invocation, outcome: Outcome) -> None:
        metrics: dict[str, Any] = {"durationMs": round(outcome.duration_ms, 3), "billedDurationMs": outcome.billed_ms, "memorySizeMB": self.env.spec.memory_mb, "maxMemoryUsedMB": outcome.memory_mb}
        if outcome.init_ms is not None:
            metrics["initDurationMs"] = round(outcome.init_ms, 3)
        self.tell("platform.end", {"requestId": inv.id})
        self.tell("platform.report", {"requestId": inv.id, "status": status(outcome), "tracing": tracing(inv), **error_type(outcome), "metrics": metrics})

    def flush(self) -> None:
        for subscriber in self.subscribers.values():
            subscriber.flush()

    def subscribe(self, name: str, kind: str, body: bytes, closed: bool) -> None:
        label = kind.capitalize()
        if closed:
            raise Refused(403, f"{label}.SubscriptionClosed", f"{label} API subscription is closed already")
        if (before := self.subscribers.get(name)) and before.kind != kind:
            raise Refused(403, f"{label}.SubscriptionConflict", "An extension subscribes to either the Logs API or the Telemetry API")
        wish = read(kind, body)
        subscriber = Subscriber(self.env, kind, **wish)
        self.subscribers[name] = subscriber  # a second subscription replaces the first
        for event in self.backlog or ():
            if before is None:
                subscriber.take(event)
        record = {"name": name, "state": "Subscribed", "types": wish["types"]}
        event = "platform.telemetrySubscription" if kind == "telemetry" else "platform.logsSubscription"
        self.env.platform.append((time.time(), event, record))


def tracing(inv: Invocation) -> dict[str, str]:
    return {"type": "X-Amzn-Trace-Id", "value": inv.trace}


def status(outcome: Outcome) -> str:
    return {"failure": "failure", "vanished": "failure"}.get(outcome.status, outcome.status)


def error_type(outcome: Outcome) -> dict[str, str]:
    return {"errorType": outcome.error_type} if outcome.error_type and outcome.failed else {}


def read(kind: str, body: bytes) -> dict[str, Any]:
    """A subscription's wishes, checked; all that is wrong is said at once."""
    wrong = []
    try:
        said = json.loads(body)
        types, destination, buffering = list(said.get("types", [])), dict(said.get("destination", {})), dict(said.get("buffering", {}))
    except (ValueError, AttributeError, TypeError):
        raise Refused(400, "ValidationError", "The request body is not a subscription") from None
    if said.get("schemaVersion", SCHEMAS[kind][0]) not in SCHEMAS[kind]:
        wrong.append(f"schemaVersion should be one of {', '.join(SCHEMAS[kind])}")
    port, path, protocol = 0, "/", destination.get("protocol", "HTTP")
    if protocol == "TCP":
        port = destination.get("port", 0)
        if not isinstance(port, int) or not 0 < port < 65536:
            wrong.append("TCP port is not provided")
    elif protocol == "HTTP":
        try:
            uri = urlsplit(str(destination.get("URI", "")))
            port, path = uri.port or 0, (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
            if uri.hostname not in HOSTS:
                wrong.append(f"URI host should be {HOSTS[0]}")
        except ValueError:
            port = 0
        if not port:
            wrong.append("URI port is not provided")
    else:
        wrong.append("protocol should be HTTP or TCP")
    if not types:
        wrong.append("types should not be empty")
    wrong += [f"unknown type {one}" for one in types if one not in TYPES]
    limits = {}
    for name, (default, least, most) in BUFFERING[kind].items():
        limits[name] = buffering.get(name, default)
        if not isinstance(limits[name], int) or not least <= limits[name] <= most:
            wrong.append(f"{name} should be between {least} and {most}")
    if wrong:
        raise Refused(400, "ValidationError", "; ".join(wrong))
    return {"types": types, "protocol": protocol, "port": port, "path": path, "most_items": limits["maxItems"], "most_bytes": limits["maxBytes"], "seconds": limits["timeoutMs"] / 1000}


class Subscriber:
    """One destination inside, and what has not yet been sent there."""

    def __init__(self, environment: Environment, kind: str, types: list[str], protocol: str, port: int, path: str, most_items: int, most_bytes: int, seconds: float) -> None:
        self.env, self.kind, self.types, self.protocol, self.port, self.path = environment, kind, types, protocol, port, path
        self.most_items, self.most_bytes, self.seconds = most_items, most_bytes, seconds
        self.waiting: list[bytes] = []
        self.size = 0
        self.timer: asyncio.TimerHandle | None = None
        self.sending: asyncio.Task[None] | None = None
        self.stream: asyncio.StreamWriter | None = None  # TCP: one for all

    def take(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        known = kind in OF_LOGS if self.kind == "logs" else kind != "platform.end"
        if not known or kind.split(".")[0] not in self.types:
            return
        text = json.dumps(event, separators=(",", ":")).encode()
        self.waiting.append(text)
        self.size += len(text)
        if len(self.waiting) >= self.most_items or self.size >= self.most_bytes:
            self.flush()
        elif self.timer is None:
            self.timer = self.env.loop.call_later(self.seconds, self.flush)

    def flush(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None
        if self.waiting and (self.sending is None or self.sending.done()):
            self.sending = self.env.loop.create_task(self.send())

    async def send(self) -> None:
        while self.waiting and not self.env.dead:
            batch, self.waiting, self.size = self.waiting, [], 0
            try:
                await asyncio.wait_for(self.post(batch) if self.protocol == "HTTP" else self.pour(batch), ANSWER_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
                dropped = {"reason": f"Consumer is not reachable: {error}", "droppedRecords": len(batch), "droppedBytes": sum(map(len, batch))}
                self.take({"time": stamp(time.time()), "type": "platform.logsDropped", "record": dropped})
                return

    async def post(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]"
        reader, writer = await asyncio.open_connection(sock=await self.env.sandbox.connect(self.port))
        try:
            writer.write(f"POST {self.path} HTTP/1.1\r\nHost: {HOSTS[0]}:{self.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            line = await reader.readuntil(b"\r\n")
            if not line.split()[1:2] or not line.split()[1].startswith(b"2"):
                raise ValueError(line.decode("latin-1").strip())
        finally:
            writer.close()

    async def pour(self, batch: list[bytes]) -> None:
        """A JSON document a line."""
        if self.stream is None:
            _, self.stream = await asyncio.open_connection(sock=await self.env.sandbox.connect(self.port))
            self.env.closers.append(self.stream.close)
        self.stream.write(b"\n".join(batch) + b"\n")
        await self.stream.drain()
