"""The data channel: a websocket between the session-manager-plugin and a process in an instance, in the agent's own messages.

The plugin opens it with the session's token; Cloche plays the agent: it asks what the plugin can (a handshake), then bytes go both ways, each message
acknowledged, until the process ends, the plugin says so, or the session is terminated.
"""
from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from typing import Any

from cloche.kernel import Call, Request, Response
from cloche.services.ec2 import public as ec2
from cloche.wire import websocket

from . import agent_messages as wire
from . import managed, sessions
from . import service as ssm
from .agent_messages import Message
from .commands import stamp

TERMINAL = {"TERM": "xterm-256color"}
OPENING_SECONDS = 30.0


@ssm.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    path = request.path.rstrip("/")
    id_ = match.get("session") or (path.rpartition("/")[2] if path.startswith("/v1/data-channel/") else "")
    where = call.get(sessions.Where, id_) if id_ else None
    key = request.headers.get("sec-websocket-key", "")
    if where is None or not key or request.tunnel is None:
        return Response(404 if where is None else 400, [("content-type", "application/json")], b'{"message":"there is no such session"}')
    there = call.at(where.account, where.region)
    channel = Channel(there, sessions.find(there, id_), request.tunnel)
    return Response(101, [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", websocket.accept(key))], channel.speak())


PARTING_SECONDS = 1.0  # of real time


class Channel:
    def __init__(self, call: Call, session: sessions.Session, incoming: AsyncIterator[bytes]) -> None:
        self.call, self.session, self.incoming = call, session, incoming
        self.outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.sequence = 0
        self.heard = 0            # how many of the client's messages have been taken
        self.process: Any = None
        self.socket: Any = None
        self.shaken = False
        self.topic = f"ssm.session.{session.id}"

    async def speak(self) -> AsyncIterator[bytes]:
        """The frames to the client, until it is over."""
        listening = asyncio.ensure_future(self.listen())
        self.call.cloud.work.watch(self.topic, self.terminated)
        try:
            while (piece := await self.outgoing.get()) is not None:
                yield piece
        finally:
            self.call.cloud.work.unwatch(self.topic, self.terminated)
            listening.cancel()
            if self.process is not None:
                self.process.hang_up()
            if self.socket is not None:
                self.relaying.cancel()
                self.socket.close()

    # -- to the client ----------------------------------------------------------------------------------------------------------------

    def say(self, type_: str, payload: bytes, payload_type: int = 0) -> None:
        self.touch()
        message = Message(type_, payload, payload_type, self.sequence if type_ == wire.OUTPUT_STREAM else 0, 1 if self.sequence == 0 else 0, self.call.uuid(), int(self.call.now * 1000))
        if type_ == wire.OUTPUT_STREAM:
            self.sequence += 1
        self.outgoing.put_nowait(websocket.frame(websocket.BINARY, wire.pack(message)))

    def over(self, output: str = "") -> None:
        self.say(wire.CLOSED, wire.closed(self.session.id, self.call.uuid(), stamp(self.call.now), output))
        self.outgoing.put_nowait(websocket.frame(websocket.CLOSE, (1000).to_bytes(2, "big")))
        # The client says CLOSE as well (RFC 6455, 7.1.1); hanging up on what it is still acknowledging could lose it our last words
        asyncio.get_running_loop().call_later(PARTING_SECONDS, self.outgoing.put_nowait, None)

    def terminated(self) -> None:
        found = self.call.get(sessions.Session, self.session.id)
        if found is None or found.status == "Terminated":
            self.over()

    def touch(self) -> None:
        if self.call.now - self.session.spoke > 60 and (found := self.call.get(sessions.Session, self.session.id)):
            with self.call.step():
                self.session = found.but(spoke=self.call.now)
                self.call.put(self.session)

    # -- from the client ---------------------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        reader, opened = websocket.Reader(), False
        try:
            async for data in self.incoming:
                for kind, payload in reader.feed(data):
                    if kind == websocket.PING:
                        self.outgoing.put_nowait(websocket.frame(websocket.PONG, payload))
                    elif kind == websocket.CLOSE:
                        self.outgoing.put_nowait(None)
                        return
                    elif kind == websocket.TEXT and not opened:
                        opened = self.open(payload)
                        if not opened:
                            return
                    elif kind == websocket.BINARY and opened:
                        await self.take(wire.unpack(payload))
        except (ConnectionError, websocket.Broken, ValueError):
            pass  # it went away, or does not speak our language: the channel is over, the session may be resumed
        self.outgoing.put_nowait(None)

    def open(self, payload: bytes) -> bool:
        """The first word is the token."""
        token = json.loads(payload).get("TokenValue")
        found = self.call.get(sessions.Session, self.session.id)
        if found is None or token != found.token or found.status == "Terminated":
            self.outgoing.put_nowait(websocket.frame(websocket.CLOSE, (1008).to_bytes(2, "big")))
            self.outgoing.put_nowait(None)
            return False
        self.say(wire.OUTPUT_STREAM, wire.handshake(managed.AGENT, self.session.type, self.session.properties or None), wire.HANDSHAKE_REQUEST)
        return True

    async def take(self, message: Message) -> None:
        if message.type != wire.INPUT_STREAM:
            return
        self.say(wire.ACKNOWLEDGE, wire.acknowledged(message))
        if message.sequence < self.heard:
            return  # said again, because our acknowledgement was slow
        self.heard = message.sequence + 1
        if message.payload_type == wire.HANDSHAKE_RESPONSE and not self.shaken:
            self.shaken = True
            self.say(wire.OUTPUT_STREAM, json.dumps({"HandshakeTimeToComplete": 1_000_000, "CustomerMessage": ""}).encode(), wire.HANDSHAKE_COMPLETE)
            await self.begin()
        elif message.payload_type == wire.OUTPUT:
            self.touch()
            await self.pass_on(message.payload)
        elif message.payload_type == wire.SIZE and self.process is not None:
            size = json.loads(message.payload)
            self.process.resize(int(size["cols"]), int(size["rows"]))
        elif message.payload_type == wire.FLAG and int.from_bytes(message.payload[:4], "big") == wire.TERMINATE_SESSION:
            with self.call.step():
                sessions.end(self.call, sessions.find(self.call, self.session.id))

    async def pass_on(self, data: bytes) -> None:
        if self.process is not None:
            self.process.write(data)
        elif self.socket is not None:
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    # -- what it is about --------------------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        one = self.session
        try:
            if one.type == "Port":
                self.socket = await ec2.connected(self.call, one.target, int(one.properties.get("portNumber") or 22))
                self.relaying = asyncio.ensure_future(self.relay())
                return
            linux = one.properties.get("linux") or {}
            command = linux.get("commands") or ""
            text = "\n".join(command) if isinstance(command, list) else str(command)
            argv = ["sh", "-c", text] if text else ["sh"]
            if one.target.startswith("ecs:"):
                from cloche.services.ecs import public as ecs
                self.process = await ecs.talk(self.call.of("ecs"), one.target, shlex.split(text), terminal=True, environment=TERMINAL)
            else:
                self.process = await ec2.talk(self.call, one.target, argv, user="root" if linux.get("runAsElevated") else "ssm-user",
                                              terminal=one.type != "NonInteractiveCommands", environment=TERMINAL)
        except (ec2.MachineError, OSError, ValueError) as error:
            self.fail(str(error))
            return
        self.process.listen(self.said)
        self.process.ended.add_done_callback(lambda done: self.finish())

    def said(self, error: bool, text: bytes) -> None:
        self.say(wire.OUTPUT_STREAM, text, wire.STDERR if error else wire.OUTPUT)

    def fail(self, why: str) -> None:
        self.say(wire.OUTPUT_STREAM, why.encode(), wire.ERROR)
        self.finish()

    def finish(self) -> None:
        """The process is over, and so is the session."""
        found = self.call.get(sessions.Session, self.session.id)
        if found is not None and found.status != "Terminated":
            with self.call.step():
                sessions.end(self.call, found)

    async def relay(self) -> None:
        """What a port says."""
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self.socket, 1024):
                self.say(wire.OUTPUT_STREAM, data, wire.OUTPUT)
        except OSError:
            pass  # the connection broke: as if it had ended
        self.finish()
