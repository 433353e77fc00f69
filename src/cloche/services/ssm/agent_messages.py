"""What goes through a session's data channel: the binary messages of the SSM agent and the session-manager-plugin. Pure.

Layout (big-endian), as the plugin's source on GitHub documents it: header length, type (32 bytes, padded), schema version, created (ms), sequence number,
flags, id (16 bytes, its halves exchanged), SHA-256 of the payload, payload type; then the payload's length and the payload.
"""
from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

from msgspec import Struct

HEADER = struct.Struct(">I32sIQqQ16s32sI")
OUTPUT, ERROR, SIZE, PARAMETER, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG, STDERR, EXIT_CODE = 1, 2, 3, 4, 5, 6, 7, 10, 11, 12
INPUT_STREAM, OUTPUT_STREAM, ACKNOWLEDGE, CLOSED, START, PAUSE = "input_stream_data", "output_stream_data", "acknowledge", "channel_closed", "start_publication", "pause_publication"
DISCONNECT_TO_PORT, TERMINATE_SESSION, CONNECT_TO_PORT_ERROR = 1, 2, 3


class Message(Struct, frozen=True):
    type: str
    payload: bytes
    payload_type: int = 0
    sequence: int = 0
    flags: int = 0
    id: str = ""
    created: int = 0


def pack(one: Message) -> bytes:
    raw = bytes.fromhex(one.id.replace("-", ""))
    head = HEADER.pack(HEADER.size, one.type.encode().ljust(32), 1, one.created, one.sequence, one.flags, raw[8:] + raw[:8], hashlib.sha256(one.payload).digest(), one.payload_type)
    return head + struct.pack(">I", len(one.payload)) + one.payload


def unpack(data: bytes) -> Message:
    """ValueError if it is none."""
    try:
        length, kind, _, created, sequence, flags, raw, digest, payload_type = HEADER.unpack_from(data)
        (size,) = struct.unpack_from(">I", data, length)
    except struct.error as error:
        raise ValueError(str(error)) from None
    payload = data[length + 4:length + 4 + size]
    if len(payload) < size or (payload and digest != hashlib.sha256(payload).digest()):
        raise ValueError("the payload is not what its digest says")
    return Message(kind.decode().strip(" \0"), payload, payload_type, sequence, flags, dashed((raw[8:] + raw[:8]).hex()), created)


def dashed(x: str) -> str:
    return f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}"


def acknowledged(one: Message) -> bytes:
    return json.dumps({"AcknowledgedMessageType": one.type, "AcknowledgedMessageId": one.id, "AcknowledgedMessageSequenceNumber": one.sequence, "IsSequentialMessage": True}).encode()


def handshake(version: str, kind: str, properties: Any) -> bytes:
    return json.dumps({"AgentVersion": version, "RequestedClientActions": [{"ActionType": "SessionType", "ActionParameters": {"SessionType": kind, "Properties": properties}}]}).encode()


def closed(session: str, message_id: str, created: str, output: str) -> bytes:
    return json.dumps({"MessageType": CLOSED, "MessageId": message_id, "DestinationId": "", "SessionId": session, "SchemaVersion": 1, "CreatedDate": created, "Output": output}).encode()
