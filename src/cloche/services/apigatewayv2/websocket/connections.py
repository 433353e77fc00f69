"""Open connections, in memory: they end with the process, as a client sees when its connection breaks.

A connection that is silent for ten minutes, or two hours old, is closed (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html), by the
virtual clock.
"""
from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

from cloche.kernel import Call, Request
from cloche.wire import websocket

IDLE_SECONDS, MOST_SECONDS = 600, 7200
MESSAGE_LIMIT, FRAME_LIMIT = 128 << 10, 32 << 10
PARTING_SECONDS = 1.0  # of real time
GOING_AWAY, TOO_BIG, NORMAL = 1001, 1009, 1000


class Connection:
    def __init__(self, call: Call, request: Request, api: str, stage: str) -> None:
        self.call, self.request, self.api, self.stage = call, request, api, stage
        self.id = base64.b64encode(call.cloud.dice.getrandbits(88).to_bytes(11, "big")).decode().replace("+", "-").replace("/", "_")
        self.connected = self.active = call.now
        self.authorizer: dict[str, Any] = {}
        self.outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        self.topic = f"apigatewayv2.connection.{self.id}"

    def say(self, text: bytes) -> None:
        """A message to the client: as text where it is text."""
        self.active = self.call.now
        try:
            text.decode()
            kind = websocket.TEXT
        except UnicodeDecodeError:
            kind = websocket.BINARY
        self.outgoing.put_nowait(websocket.frame(kind, text))

    def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = code, reason
            self.outgoing.put_nowait(websocket.frame(websocket.CLOSE, code.to_bytes(2, "big") + reason.encode()[:120]))
            # who speaks RFC 6455 says CLOSE as well; hanging up at once could lose it our last words
            asyncio.get_running_loop().call_later(PARTING_SECONDS, self.outgoing.put_nowait, None)

    async def messages(self, incoming: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
        """What the client says, until it is over."""
        reader = websocket.Reader()
        async for data in incoming:
            for kind, payload in reader.feed(data):
                self.active = self.call.now
                if kind == websocket.PING:
                    self.outgoing.put_nowait(websocket.frame(websocket.PONG, payload))
                elif kind == websocket.CLOSE:
                    self.closed = self.closed or (int.from_bytes(payload[:2], "big") or 1005, payload[2:].decode("utf-8", "replace"))
                    self.outgoing.put_nowait(websocket.frame(websocket.CLOSE, payload[:2]))
                    return
                elif kind in (websocket.TEXT, websocket.BINARY):
                    if len(payload) > MESSAGE_LIMIT or reader.longest > FRAME_LIMIT:
                        self.close(TOO_BIG, "Message too long")
                        return
                    yield kind, payload

    async def watch(self) -> None:
        """Close it when its time is over."""
        while self.closed is None:
            end = min(self.active + IDLE_SECONDS, self.connected + MOST_SECONDS)
            if end <= self.call.now:
                self.close(GOING_AWAY, "Going away")
                return
            await self.call.wait(self.topic, end)


def opened(call: Call) -> dict[str, Connection]:
    return call.cloud.memory.setdefault("apigatewayv2.connections", {})  # type: ignore[no-any-return]
