"""A session-manager-plugin in small: it opens the data channel, shakes hands, acknowledges, and talks."""
import contextlib
import json
import os
import socket
import struct
import time
import urllib.parse
import uuid

from cloche.services.ssm import agent_messages as wire
from cloche.wire import websocket


class Plugin:
    def __init__(self, started, token=None):
        url = urllib.parse.urlsplit(started["StreamUrl"])
        assert url.scheme == "ws" and url.path.endswith(started["SessionId"]) and url.query == "role=publish_subscribe"
        self.sock = socket.create_connection((url.hostname, url.port), 5)
        self.sock.sendall((f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.sock.recv(4096)
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n")[0] and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
        self.sequence, self.acknowledged, self.said, self.errors, self.closed = 0, [], b"", b"", None
        self.frame(websocket.TEXT, json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4()), "TokenValue": token or started["TokenValue"], "ClientId": str(uuid.uuid4())}).encode())

    def frame(self, kind, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes((0x80 | kind, 0x80 | size)) if size < 126 else bytes((0x80 | kind, 0x80 | 126)) + struct.pack(">H", size)
        self.sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def send(self, payload, payload_type=wire.OUTPUT):
        message = wire.Message(wire.INPUT_STREAM, payload, payload_type, self.sequence, 0, str(uuid.uuid4()), int(time.time() * 1000))
        self.sequence += 1
        self.frame(websocket.BINARY, wire.pack(message))

    def receive(self):
        """One frame: (kind, payload)."""
        while len(self.buffer) < 2 or len(self.buffer) < self.length():
            piece = self.sock.recv(65536)
            if not piece:
                return None, b""
            self.buffer += piece
        whole, start = self.length(), self.start()
        kind, payload = self.buffer[0] & 15, self.buffer[start:whole]
        self.buffer = self.buffer[whole:]
        return kind, payload

    def start(self):
        return {126: 4, 127: 10}.get(self.buffer[1], 2)

    def length(self):
        size = self.buffer[1]
        if size >= 126:
            if len(self.buffer) < self.start():
                return 1 << 30
            size = int.from_bytes(self.buffer[2:self.start()], "big")
        return self.start() + size

    def until(self, true, seconds=5):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.said
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            kind, payload = self.receive()
            if kind in (None, websocket.CLOSE):
                self.closed = self.closed or {}
                assert true(), (kind, self.said)
                return
            message = wire.unpack(payload)
            if message.type == wire.ACKNOWLEDGE:
                self.acknowledged.append(json.loads(message.payload)["AcknowledgedMessageSequenceNumber"])
            elif message.type == wire.CLOSED:
                self.closed = json.loads(message.payload)
            elif message.type == wire.OUTPUT_STREAM:
                with contextlib.suppress(OSError):  # it may have hung up after its last words
                    self.frame(websocket.BINARY, wire.pack(wire.Message(wire.ACKNOWLEDGE, wire.acknowledged(message), id=str(uuid.uuid4()))))
                self.heard(message)

    def heard(self, message):
        if message.payload_type == wire.HANDSHAKE_REQUEST:
            self.asked = json.loads(message.payload)
            done = [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None}]
            self.send(json.dumps({"ClientVersion": "1.2.0.0", "ProcessedClientActions": done, "Errors": []}).encode(), wire.HANDSHAKE_RESPONSE)
        elif message.payload_type == wire.HANDSHAKE_COMPLETE:
            self.complete = True
        elif message.payload_type == wire.STDERR:
            self.errors += message.payload
        else:
            self.said += message.payload
