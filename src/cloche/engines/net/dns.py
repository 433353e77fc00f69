"""DNS on the wire: queries read, answers written, over UDP and TCP. Values of records are texts as Route 53 has them. It knows nothing of who answers.

A resolver is a function from a Query and the asker's address to a Reply; names are lower case with a dot at the end, escapes (`\\052`) as in `services/route53/names.py`.
"""
from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35, "DS": 43, "SSHFP": 44, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "SPF": 99,
         "ANY": 255, "CAA": 257}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
PLAIN_UDP, MOST_UDP = 512, 4096                        # what an answer may have over UDP: without, and at most with EDNS
OPT, IN = 41, 1
TCP_SECONDS = 10.0
_HEAD = struct.Struct(">HHHHHH")
_QUOTED = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_OCTAL = re.compile(r"\\(\d{3}|.)")
log = logging.getLogger("cloche")
Row = tuple[str, str, int, str]                        # name, type, ttl, value


class Malformed(ValueError):
    """Not a query that can be answered."""


class Query(NamedTuple):
    id: int
    name: str
    type: str                                          # "A", or "TYPE12345"
    flags: int
    room: int                                          # bytes that fit an answer over UDP
    edns: bool


class Reply(NamedTuple):
    code: str = "NOERROR"
    records: tuple[Row, ...] = ()
    authority: tuple[Row, ...] = ()


# From a query and the address that asks; bytes are another server's answer, passed on as it is
Resolve = Callable[[Query, str], "Reply | bytes | Awaitable[Reply | bytes]"]


# -- reading --------------------------------------------------------------------------------------------------------------------------

def read(data: bytes) -> Query:
    """One question. Raises Malformed."""
    if len(data) < 12:
        raise Malformed("too short")
    id_, flags, questions, _, _, extra = _HEAD.unpack_from(data)
    if flags & 0x8000:
        raise Malformed("an answer")
    if questions != 1:
        raise Malformed("not one question")
    name, at = _name(data, 12)
    if at + 4 > len(data):
        raise Malformed("no type")
    number, _ = struct.unpack_from(">HH", data, at)
    at, room, edns = at + 4, PLAIN_UDP, False
    if extra and at + 11 <= len(data) and data[at] == 0 and struct.unpack_from(">H", data, at + 1)[0] == OPT:
        edns, room = True, min(max(struct.unpack_from(">H", data, at + 3)[0], PLAIN_UDP), MOST_UDP)
    return Query(id_, name, NAMES.get(number, f"TYPE{number}"), flags, room, edns)


def _name(data: bytes, at: int) -> tuple[str, int]:
    labels, total = [], 0
    while True:
        if at >= len(data):
            raise Malformed("a name without an end")
        size = data[at]
        at += 1
        if not size:
            return ".".join(labels) + ".", at
        if size > 63 or at + size > len(data):
            raise Malformed("a bad label")
        total += size + 1
        if total > 254:
            raise Malformed("a name too long")
        labels.append("".join(_told(byte) for byte in data[at:at + size]))
        at += size


def _told(byte: int) -> str:
    letter = chr(byte).lower()
    return letter if letter in "abcdefghijklmnopqrstuvwxyz0123456789-_" else f"\\{byte:03o}"


def ask(name: str, type_: str, id_: int) -> bytes:
    """A question for another server."""
    body = bytearray(_HEAD.pack(id_, 0x0100, 1, 0, 0, 0))
    _put_name(body, name, None)
    return bytes(body + struct.pack(">HH", TYPES.get(type_) or int(type_.removeprefix("TYPE")), IN))


# -- writing --------------------------------------------------------------------------------------------------------------------------

def write(query: Query, reply: Reply, room: int = 65535) -> bytes:
    """The answer's bytes; cut off, with the flag that says so, where they do not fit."""
    known: dict[str, int] = {}
    body = bytearray(12)
    _put_name(body, query.name, known)
    number = TYPES.get(query.type) or int(query.type.removeprefix("TYPE"))
    body += struct.pack(">HH", number, IN)
    opt = b"\0" + struct.pack(">HHIH", OPT, MOST_UDP, 0, 0) if query.edns else b""
    counts, cut = [0, 0], False
    for section, rows in enumerate((reply.records, reply.authority)):
        for row in rows:
            mark = len(body)
            try:
                _put_row(body, row, known)
            except (ValueError, KeyError, IndexError) as bad:
                log.warning("DNS: a record cannot be told: %s (%s)", row, bad)
                del body[mark:]
                continue
            if len(body) + len(opt) > room:
                del body[mark:]
                cut = cut or section == 0
                break
            counts[section] += 1
    flags = 0x8000 | (query.flags & 0x7900) | 0x0080 | CODES[reply.code] | (0x0200 if cut else 0)
    _HEAD.pack_into(body, 0, query.id, flags, 1, counts[0], counts[1], 1 if opt else 0)
    return bytes(body) + opt


def refuse(data: bytes, code: str) -> bytes:
    """An answer to what could not be read: its id and the code."""
    id_ = int.from_bytes(data[:2]) if len(data) >= 2 else 0
    return _HEAD.pack(id_, 0x8080 | CODES[code], 0, 0, 0, 0)


def labels(name: str) -> list[bytes]:
    out = []
    for label in name.rstrip(".").split(".") if name.rstrip(".") else []:
        raw = _OCTAL.sub(lambda found: chr(int(found[1], 8)) if len(found[1]) == 3 else found[1], label).encode("latin-1")
        if not 0 < len(raw) <= 63:
            raise ValueError(f"a bad label in {name}")
        out.append(raw)
    return out


def _put_name(body: bytearray, name: str, known: dict[str, int] | None) -> None:
    """With pointers to what was written before, where `known` allows it."""
    parts = labels(name)
    for at, part in enumerate(parts):
        rest = b".".join(parts[at:]).decode("latin-1").lower()
        if known is not None:
            if rest in known:
                body += struct.pack(">H", 0xC000 | known[rest])
                return
            if len(body) < 0x3FFF:
                known[rest] = len(body)
        body.append(len(part))
        body += part
    body.append(0)


def _put_row(body: bytearray, row: Row, known: dict[str, int]) -> None:
    name, type_, ttl, value = row
    _put_name(body, name, known)
    body += struct.pack(">HHIH", TYPES[type_], IN, min(ttl, 0x7FFFFFFF), 0)
    start = len(body)
    body += data(type_, value)
    struct.pack_into(">H", body, start - 2, len(body) - start)


def words(value: str) -> list[bytes]:
    """Quoted strings and plain words, in order."""
    out = []
    for found in _QUOTED.finditer(value):
        text = found[1] if found[1] is not None else found[2]
        out.append(_OCTAL.sub(lambda x: chr(int(x[1], 8)) if len(x[1]) == 3 and x[1].isdigit() else x[1], text).encode("latin-1", "replace"))
    return out


def _string(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _host(name: str) -> bytes:
    body = bytearray()
    _put_name(body, name, None)
    return bytes(body)


def data(type_: str, value: str) -> bytes:
    """A record's value in wire form. Raises ValueError where it has none."""
    parts = value.split()
    if type_ in ("A", "AAAA"):
        return ipaddress.ip_address(value.strip()).packed
    if type_ in ("NS", "CNAME", "PTR"):
        return _host(parts[0])
    if type_ in ("TXT", "SPF"):
        return b"".join(_string(text[:255]) for text in words(value))
    if type_ == "MX":
        return struct.pack(">H", int(parts[0])) + _host(parts[1])
    if type_ == "SRV":
        return struct.pack(">HHH", *map(int, parts[:3])) + _host(parts[3])
    if type_ == "SOA":
        return _host(parts[0]) + _host(parts[1]) + struct.pack(">IIIII", *map(int, parts[2:7]))
    if type_ == "CAA":
        flag, tag, rest = words(value)
        return bytes([int(flag)]) + _string(tag) + rest
    if type_ == "NAPTR":
        first, second, flags, service, expression, replacement = words(value)
        return struct.pack(">HH", int(first), int(second)) + _string(flags) + _string(service) + _string(expression) + _host(replacement.decode("latin-1"))
    if type_ == "DS":
        return struct.pack(">HBB", *map(int, parts[:3])) + bytes.fromhex("".join(parts[3:]))
    if type_ == "TLSA":
        return bytes(map(int, parts[:3])) + bytes.fromhex("".join(parts[3:]))
    if type_ == "SSHFP":
        return bytes(map(int, parts[:2])) + bytes.fromhex("".join(parts[2:]))
    if type_ in ("SVCB", "HTTPS"):
        return struct.pack(">H", int(parts[0])) + _host(parts[1]) + b"".join(sorted(_param(one) for one in parts[2:]))
    raise ValueError(f"no wire form of {type_} is known")


PARAMS = {"mandatory": 0, "alpn": 1, "no-default-alpn": 2, "port": 3, "ipv4hint": 4, "ipv6hint": 6}


def _param(text: str) -> bytes:
    key, _, value = text.partition("=")
    value = value.strip('"')
    number = PARAMS[key] if key in PARAMS else int(key.removeprefix("key"))
    listed = value.split(",") if value else []
    if number == 0:
        content = b"".join(sorted(struct.pack(">H", PARAMS[one]) for one in listed))
    elif number == 1:
        content = b"".join(_string(one.encode()) for one in listed)
    elif number == 3:
        content = struct.pack(">H", int(value))
    elif number in (4, 6):
        content = b"".join(ipaddress.ip_address(one).packed for one in listed)
    else:
        content = value.encode()
    return struct.pack(">HH", number, len(content)) + content


# -- serving ------------------------------------------------------------------------------------------------------------------------------

async def answer(resolve: Resolve, message: bytes, udp: bool, asker: str = "") -> bytes:
    """The reply to a message; b"" where none is owed."""
    try:
        query = read(message)
    except Malformed:
        return b"" if len(message) < 12 or message[2] & 0x80 else refuse(message, "FORMERR")
    if query.flags & 0x7800:
        return refuse(message, "NOTIMP")
    try:
        reply: Any = resolve(query, asker)
        if not isinstance(reply, (Reply, bytes)):
            reply = await reply
        if isinstance(reply, bytes):
            return message[:2] + reply[2:]
    except Exception:
        log.exception("DNS: %s %s", query.name, query.type)
        reply = Reply("SERVFAIL")
    return write(query, reply, query.room if udp else 65535)


class Datagrams(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, message: bytes, peer: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(message, peer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, message: bytes, peer: Any) -> None:
        if (reply := await answer(self.resolve, message, True, peer[0])) and not self.transport.is_closing():
            self.transport.sendto(reply, peer)

    def error_received(self, trouble: Exception) -> None:
        log.debug("DNS: %s", trouble)


async def converse(resolve: Resolve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One TCP connection: messages with their length before them, until the client goes or is silent."""
    peer = writer.get_extra_info("peername") or ("",)
    try:
        while True:
            async with asyncio.timeout(TCP_SECONDS):
                size = int.from_bytes(await reader.readexactly(2))
                message = await reader.readexactly(size)
            reply = await answer(resolve, message, False, peer[0])
            if not reply:
                break
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class Server:
    """A resolver at one address: its UDP and its TCP socket, served by the running loop."""

    def __init__(self) -> None:
        self.closers: list[Callable[[], None]] = []

    async def serve(self, resolve: Resolve, udp: Any, tcp: Any) -> Server:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(resolve), sock=udp)
        self.closers.append(transport.close)
        server = await asyncio.start_server(lambda reader, writer: converse(resolve, reader, writer), sock=tcp)
        self.closers.append(server.close)
        return self

    def close(self) -> None:
        for close in self.closers:
            close()
        self.closers.clear()
