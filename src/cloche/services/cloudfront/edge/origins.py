"""The way to an origin. An address of AWS, or a name of this cloud's, is answered by this very cloud; anything else is somebody's HTTP server on the network."""
from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from cloche.engines import authority
from cloche.engines.relay import upstream
from cloche.kernel import Call, Request, hosts
from cloche.services.route53 import public as route53
from cloche.wire.http import FileBody

OURS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".cloudfront.net", ".elasticbeanstalk.com")
HOPS, DEEPEST = "x-cloche-hops", 10       # not among the headers as they came: no origin sees it
STRICT = (".execute-api.", ".lambda-url.", ".s3.", ".s3-website")   # origins that go by the Host header, and know nobody's but their own
NO_BODY = (204, 304)


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]        # lower-case names
    body: bytes | AsyncIterator[bytes] | FileBody


class Trouble(Exception):
    """No answer: `status` 502 or 504 is told to the viewer, `why` in words."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Sent(NamedTuple):
    """A request as it goes to the origin."""

    method: str
    target: str
    host: str                             # the Host header
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] | None
    length: str | None                    # Content-Length of a body on its way
    tunnel: AsyncIterator[bytes] | None = None   # what the viewer says once the connection has become a websocket


class Way(NamedTuple):
    name: str                             # the origin's domain name
    port: int
    secure: bool
    attempts: int
    connect_seconds: float
    read_seconds: float
    protocols: tuple[str, ...] = ("TLSv1.2",)


async def reach(call: Call, way: Way, sent: Sent, hops: int) -> Answer:
    """Raises Trouble."""
    if hops >= DEEPEST:
        raise Trouble(502, "the distributions call each other in a circle")
    name = way.name.lower().rstrip(".")
    found = inside(call, name)
    if found is not None:
        return await within(call, way, found, sent, hops)
    return await outside(call, way, sent)


def inside(call: Call, name: str) -> str | None:
    """The name under which this cloud answers; None where it does not. Names in Route 53's public zones are followed to what they stand for."""
    for _ in range(8):
        if name.endswith(OURS) or hosts.find(call.cloud, name) is not None:
            return name
        onward = stands_for(call, name)
        if onward is None or onward == name:
            return None
        name = onward
    return None


def stands_for(call: Call, name: str) -> str | None:
    """What an alias or CNAME record leads to."""
    heard: list[str] = []

    def aws(asked: str, kind: str) -> None:
        heard.append(asked.rstrip(".").lower())

    found = route53.lookup(call, name, "A", account=call.account, outside=aws, special=lambda asked: asked.rstrip(".").endswith(OURS))
    if heard and heard[-1] != name:
        return heard[-1]
    return next((row[3].rstrip(".").lower() for row in found.records if row[1] == "CNAME"), None)


def addresses(call: Call, name: str) -> list[str]:
    """What a public zone of this cloud says of the name."""
    return [row[3] for row in route53.lookup(call, name, "A", account=call.account).records if row[1] == "A"]


async def within(call: Call, way: Way, name: str, sent: Sent, hops: int) -> Answer:
    if sent.target.startswith("/_cloche"):
        return Answer(404, [("content-type", "text/plain")], b"What begins so is Cloche's own and no origin's.\n")
    if way.secure and ".elb." in name:
        await certified(call, way, name, sent.host)
    host = sent.host.partition(":")[0].lower()
    if any(one in name for one in STRICT) and host != name and way.name.lower() != host:
        held = hosts.find(call.cloud, host)   # who goes by the Host header is asked for another's, which may be its own by another name
        if held is None or held.service == "cloudfront":
            return stranger(name)
        name = host
    headers = {"host": sent.host, HOPS: str(hops + 1)}
    for key, value in sent.headers:
        headers[key.lower()] = f"{headers[key.lower()]},{value}" if key.lower() in headers else value
    stream = None
    body = b""
    if isinstance(sent.body, bytes):
        body = sent.body
        if body or sent.method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(body))
    elif sent.body is not None:
        stream = sent.body
        if sent.length is not None:
            headers["content-length"] = sent.length
    request = Request(sent.method, sent.target, headers, body, stream, way.secure, call.source_ip or "127.0.0.1")
    if sent.tunnel is not None:
        request.tunnel = sent.tunnel
        headers |= {"upgrade": "websocket", "connection": "Upgrade"}
    request.host = name if way.port in (80, 443) and ".elb." not in name else f"{name}:{way.port}"
    request.raw = [(b"Host", sent.host.encode())] + [(key.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for key, value in sent.headers if key.lower() != "host"]
    answered = asyncio.get_running_loop().create_future()
    call.cloud.handle(request, lambda response: answered.done() or answered.set_result(response))
    try:
        async with asyncio.timeout(way.read_seconds):
            response = await answered
    except TimeoutError:
        raise Trouble(504, "the origin did not answer in time") from None
    return Answer(response.status, [(key.lower(), value) for key, value in response.headers], response.body)


def stranger(name: str) -> Answer:
    """What AWS's services say to who asks them for a host that is none of theirs."""
    if ".s3" in name:
        return Answer(404, [("content-type", "application/xml"), ("server", "AmazonS3")], b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>")
    return Answer(403, [("content-type", "application/json"), ("x-amzn-errortype", "ForbiddenException")], b'{"message":"Forbidden"}')


async def certified(call: Call, way: Way, name: str, host: str) -> None:
    """The certificate that a load balancer's listener would show: for the origin's name or the Host header's, and trusted."""
    from cloche.services.elbv2 import public as elb

    from .. import certificates
    shown = elb.shown(call, name, way.port, host)
    if shown is None:
        return                            # it says itself that nobody listens there
    arn, material, there = shown
    if not any(certificates.covers(material.names, one) for one in (way.name.lower(), host.partition(":")[0].lower())) or not certificates.trusted(there, arn, material):
        raise Trouble(502, "CloudFront does not trust the origin's certificate")


# -- the network ------------------------------------------------------------------------------------------------------------------

@lru_cache(8)
def trusting(data: str, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """Whom CloudFront believes: the authorities of this machine, and Cloche's own."""
    made = ssl.create_default_context()
    made.load_verify_locations(cadata=authority.load(Path(data)).pem.decode())
    if "TLSv1.2" not in protocols:
        made.maximum_version = ssl.TLSVersion.TLSv1_1 if "TLSv1.1" in protocols else ssl.TLSVersion.TLSv1
    return made


async def outside(call: Call, way: Way, sent: Sent) -> Answer:
    loop = asyncio.get_running_loop()
    context = await asyncio.to_thread(trusting, str(call.cloud.data), way.protocols) if way.secure else None
    trouble = Trouble(502, "the origin's name cannot be resolved")
    try:
        found = addresses(call, way.name)
        where = await loop.getaddrinfo(found[0] if found else way.name, way.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise trouble from None
    connection = None
    for attempt in range(way.attempts):
        family, _, _, _, place = where[attempt % len(where)]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            connection = await upstream.connect(sock, place[0], place[1], way.connect_seconds, context, named(way, sent))
            break
        except upstream.Failed as failed:
            trouble = Trouble(504 if failed.why == "silent" else 502, f"the origin is {failed.why}")
    if connection is None:
        raise trouble
    connection.on_free = connection.drop
    chunked = sent.body is not None and not isinstance(sent.body, bytes) and sent.length is None
    lines = [f"{sent.method} {sent.target} HTTP/1.1", f"Host: {sent.host}", *(f"{name}: {clean(value)}" for name, value in sent.headers if name.lower() not in ("host", "content-length"))]
    if isinstance(sent.body, bytes):
        if sent.body or sent.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(sent.body)}")
    elif sent.body is not None:
        lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {sent.length}")
    lines += [*(["Upgrade: websocket", "Connection: Upgrade"] if sent.tunnel is not None else ["Connection: close"]), "", ""]
    try:
        answer = await connection.ask(sent.method, "\r\n".join(lines).encode("latin-1", "replace"), sent.body, chunked, way.read_seconds)
    except upstream.Failed as failed:
        raise Trouble(504 if failed.why == "slow" else 502, f"the origin's connection is {failed.why}") from None
    headers = [(key.lower(), value) for key, value in answer.headers]
    if answer.status == 101 and sent.tunnel is not None:
        task = asyncio.ensure_future(connection.tunnel(sent.tunnel))
        call.cloud.requests.add(task)
        task.add_done_callback(call.cloud.requests.discard)
    if sent.method == "HEAD" or answer.status in NO_BODY:
        connection.drop()
        return Answer(answer.status, headers, b"")
    return Answer(answer.status, headers, parts(answer.body))


def named(way: Way, sent: Sent) -> str:
    """The name that the certificate must be for: the Host header's where it is forwarded, else the origin's."""
    return sent.host.partition(":")[0] or way.name


def clean(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


async def parts(body: Any) -> AsyncIterator[bytes]:
    try:
        async for part in body:
            yield part
    except upstream.Failed as failed:
        raise ConnectionError(f"the origin's answer is {failed.why}") from None
