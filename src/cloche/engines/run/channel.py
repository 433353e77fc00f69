"""The private way to our own Python runtime: length-prefixed frames over a socket pair, an invocation in one write and one read."""
from __future__ import annotations

import asyncio
import json
import struct
import time
from typing import TYPE_CHECKING, Any

from .invocation import Invocation

if TYPE_CHECKING:
    from .environment import Environment


class Channel(asyncio.Protocol):
    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, inv: Invocation) -> None:
        header: dict[str, Any] = {"id": inv.id, "arn": inv.arn, "deadline_ms": int((time.time() + inv.timeout) * 1000), "trace": inv.trace}
        if inv.client_context:
            header["client_context"] = inv.client_context
        if inv.tenant:
            header["tenant"] = inv.tenant
        if inv.cognito:
            header["cognito"] = inv.cognito
        head = json.dumps(header).encode()
        self.transport.write(struct.pack(">II", len(head), len(inv.payload)) + head + inv.payload)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 8:
            head, body = struct.unpack_from(">II", self.buffer)
            if len(self.buffer) < 8 + head + body:
                return
            said = json.loads(self.buffer[8 : 8 + head])
            payload = bytes(self.buffer[8 + head : 8 + head + body])
            del self.buffer[: 8 + head + body]
            self._heard(said, payload)

    def _heard(self, said: dict[str, Any], payload: bytes) -> None:
        env = self.environment
        env.peak_kb = max(env.peak_kb, int(said.get("memory", 0)))
        if said["kind"] == "ready":
            env.became_ready()
        elif said["kind"] == "init_error":
            env.init_failed(payload, said["type"])
        elif said["kind"] == "response":
            env.responded(payload)
        else:
            env.erred(payload, said["type"])

    def close(self) -> None:
        if self.transport:
            self.transport.abort()
