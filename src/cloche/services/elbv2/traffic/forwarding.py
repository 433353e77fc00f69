"""Forwarding: the group by weight, the target by the group's algorithm or the client's cookie, and what it says passed back as it comes.

502 is said for a target that refuses, breaks off or talks no HTTP, 503 where there is none, 504 for one that is silent: 10 seconds for the connection, the idle
timeout for an answer.
"""
from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any, NamedTuple

from cloche.engines.relay import upstream
from cloche.engines.relay.upstream import Failed
from cloche.kernel import AwsError, Call, Request, Response
from cloche.wire.http import TooLarge

from .. import attributes
from ..balancers import LoadBalancer
from ..index import index
from ..listeners import Listener
from ..target_groups import TargetGroup
from ..targets import Target
from . import choosing, lambda_events, listening, rewriting, sticking
from .entry import Entry
from .state import traffic

CONNECT_SECONDS = 10.0


def page(entry: Entry, status: int, reason: str = "") -> Response:
    entry.own, entry.error = True, reason
    return Response(status, *rewriting.page(status))


async def forward(call: Call, balancer: LoadBalancer, listener: Listener, config: Any, transforms: list[Any], request: Request, entry: Entry) -> Response:
    sticky = sticking.Sticking(call, config, entry)
    arn = sticky.group() or choosing.group(config["TargetGroups"], call.cloud.dice)
    group = call.get(TargetGroup, arn.split("/")[1]) if arn else None
    if group is None:
        return page(entry, 503)
    entry.group = group.arn
    found = candidates(call, balancer, group)
    if not found:
        return page(entry, 503)
    target = sticky.target(group, found) or choose(call, group, found)
    if group.type == "lambda":
        response = await to_function(call, group, target, transforms, request, entry)
    else:
        response = await to_target(call, balancer, group, target, transforms, request, entry)
    if not entry.own:
        response.headers += sticky.cookies(group, target, response.headers)
    return response


def candidates(call: Call, balancer: LoadBalancer, group: TargetGroup) -> list[Target]:
    from .. import health
    there = [one for one in index(call).targets.get(group.arn, ()) if health.reachable_zone(balancer, one) and (one.checking or not group.check["HealthCheckEnabled"])]
    if group.type == "lambda":
        return there
    name = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
    percentage = group.attribute(f"{name}.percentage")
    return choosing.candidates(there, int(group.attribute(f"{name}.count")), int(percentage) if percentage.isdigit() else 0)


def choose(call: Call, group: TargetGroup, found: list[Target]) -> Target:
    kept, slow = traffic(call), float(group.attribute("slow_start.duration_seconds") or 0)
    share = lambda one: choosing.share(one.since, call.now, slow)
    return choosing.target(sorted(found, key=lambda one: one.key), group.attribute("load_balancing.algorithm.type"), kept.turns, group.arn, kept.busy, call.cloud.dice, share)  # type: ignore


# -- a function -------------------------------------------------------------------------------------------------------------------

async def to_function(call: Call, group: TargetGroup, target: Target, transforms: list[Any], request: Request, entry: Entry) -> Response:
    from cloche.services.lambda_ import public as functions
    try:
        body = await request.read(lambda_events.MOST)
    except TooLarge:
        return page(entry, 413)
    except ConnectionError:
        return page(entry, 400)
    entry.received = len(body)
    many = group.attribute("lambda.multi_value_headers.enabled") == "true"
    host, where = rewriting.transformed(transforms, request.headers.get("host", ""), request.target)
    path, _, query = where.partition("?")
    event = lambda_events.event(group.arn, request.method, path, query, headers_for(entry, host), body, many)
    entry.target, entry.asked_at = "", asyncio.get_running_loop().time()
    try:
        result = await functions.invoke(call, target.id, call.encode(event), service="elasticloadbalancing.amazonaws.com", source_arn=group.arn, source_account=call.account)
    except AwsError as error:
        return page(entry, 502, {"AccessDeniedException": "LambdaAccessDenied", "TooManyRequestsException": "LambdaThrottling", "ResourceNotFoundException": "LambdaResourceNotFound"}
                    .get(error.code, "LambdaInternalError"))
    entry.answered_at = asyncio.get_running_loop().time()
    if result.failed:
        return page(entry, 502, "LambdaUnhandled")
    try:
        said = lambda_events.answer(result.payload, many)
    except lambda_events.Malformed as trouble:
        return page(entry, 502, str(trouble))
    entry.target_status = said.status
    return Response(said.status, rewriting.answered(said.headers), said.body)


def headers_for(entry: Entry, host: str) -> list[tuple[str, str]]:
    balancer = entry.balancer
    headers = rewriting.forwarded(
        entry.headers, entry.door, entry.trace, mode=balancer.attribute("routing.http.xff_header_processing.mode"), with_port=balancer.attribute("routing.http.xff_client_port.enabled") == "true",
        drop_invalid=balancer.attribute("routing.http.drop_invalid_header_fields.enabled") == "true")
    if entry.cipher and balancer.attribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true":
        given = {attributes.REQUEST_HEADERS[key]: value for key, value in entry.listener.attributes.items() if key in attributes.REQUEST_HEADERS and value}
        headers += [(given.get("x-amzn-tls-version", "x-amzn-tls-version"), entry.version), (given.get("x-amzn-tls-cipher-suite", "x-amzn-tls-cipher-suite"), entry.cipher)]
    shown = [(name, host if name.lower() == "host" else value) for name, value in headers if not name.lower().startswith("x-amzn-oidc-")]
    return shown + entry.claims


# -- an instance or an address ------------------------------------------------------------------------------------------------------

async def to_target(call: Call, balancer: LoadBalancer, group: TargetGroup, target: Target, transforms: list[Any], request: Request, entry: Entry) -> Response:
    kept = traffic(call)
    entry.target = f"{target.address}:{target.port}"
    host, where = rewriting.transformed(transforms, request.headers.get("host", ""), request.target)
    kept.busy[target.key] += 1
    way = Way(entry.node.interface if entry.node else "", target.address, target.port, group.protocol == "HTTPS")
    return await exchange(call, way, lambda: listening.outgoing(call, entry.node), request, where, headers_for(entry, host),
                          float(balancer.attribute("idle_timeout.timeout_seconds")), entry, once(lambda: kept.busy.subtract([target.key])))


class Way(NamedTuple):
    """Whence and whither: connections that share it are kept and used again; those from "" are not."""

    origin: str
    address: str
    port: int
    secure: bool


async def exchange(call: Call, way: Way, dial: Any, request: Request, target: str, headers: list[tuple[str, str]], idle: float, entry: Any, done: Any = lambda: None,
                   seconds: float = CONNECT_SECONDS) -> Response:
    """A request passed on and its answer passed back. `dial` gives an unconnected socket; `done` is called when the answer is whole, or will not come."""
    loop = asyncio.get_running_loop()
    body, chunked, headers = outgoing(request, headers)
    head = f"{request.method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    client = Client(request)
    try:
        entry.asked_at = loop.time()
        answer, connection = await asked(call, way, dial, request, head.encode("latin-1", "replace"), body, chunked, idle, entry, seconds, client)
    except Failed as trouble:
        done()
        if trouble.why == "gone":
            return page(entry, 460)
        return page(entry, 504 if trouble.why in ("slow", "silent") else 502)
    except BaseException:
        done()
        raise
    entry.answered_at, entry.target_status = loop.time(), answer.status
    answer.body.on_end = done
    if answer.body.ended:
        done()
    if answer.status == 101 and request.tunnel is not None:
        task = asyncio.ensure_future(connection.tunnel(request.tunnel))
        call.cloud.requests.add(task)
        task.add_done_callback(call.cloud.requests.discard)
        upgrade = [(name, value) for name, value in answer.headers if name.lower() == "upgrade"]
        return Response(101, [*rewriting.answered(answer.headers), *upgrade, ("connection", "upgrade")], through(answer.body))
    headers = rewriting.answered(answer.headers)
    if request.method == "HEAD" or answer.status in upstream.NO_BODY:
        return Response(answer.status, headers)
    whole = answer.body.at_once()
    return Response(answer.status, headers, through(answer.body) if whole is None else whole)


def once(function: Any) -> Any:
    left = [function]
    return lambda: left.pop()() if left else None


async def through(body: Any) -> AsyncIterator[bytes]:
    async for part in body:
        yield part


class Client:
    """Who waits for the answer; when it hangs up, the target's connection is given up too."""

    def __init__(self, request: Request) -> None:
        self.gone, self.connection = False, None
        if request.gone is not None:
            request.gone(self._left)

    def _left(self) -> None:
        self.gone = True
        if self.connection is not None:
            self.connection.abandon("gone")

    def waits_on(self, connection: Any) -> None:
        self.connection = connection
        if self.gone:
            raise Failed("gone")


def outgoing(request: Request, headers: list[tuple[str, str]]) -> tuple[Any, bool, list[tuple[str, str]]]:
    """Body, whether it goes in chunks, and the headers that say how long it is."""
    if request.tunnel is not None:
        return None, False, [*headers, ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    if request.stream is not None:
        length = request.headers.get("content-length")
        return request.stream, length is None, [*headers, ("Content-Length", length) if length is not None else ("Transfer-Encoding", "chunked")]
    if request.body or "content-length" in request.headers:
        return request.body, False, [*headers, ("Content-Length", str(len(request.body)))]
    return None, False, headers


@lru_cache(1)
def to_anybody() -> tls.SSLContext:
    """Load balancers do not ask who their targets are."""
    context = tls.create_default_context()
    context.check_hostname = False
    context.verify_mode = tls.CERT_NONE
    return context


async def asked(call: Call, way: Way, dial: Any, request: Request, head: bytes, body: Any, chunked: bool, idle: float, entry: Any, seconds: float, client: Client) -> Any:
    """The answer's head and the connection it came on. A kept connection that was closed in its sleep is no answer: another is tried."""
    pool = traffic(call).pool
    while True:
        connection = pool.take(way) if request.tunnel is None and way.origin else None
        entry.fresh = connection is None
        if connection is None:
            sock = await dial()
            if sock is None:
                raise Failed("refused")
            connection = await upstream.connect(sock, way.address, way.port, seconds, to_anybody() if way.secure else None)
            if way.origin:
                pool.follow(way, connection)
            else:
                connection.on_free = connection.drop
        try:
            client.waits_on(connection)
            return await connection.ask(request.method, head, body, chunked, idle), connection
        except Failed as trouble:
            if trouble.why == "gone":
                connection.drop()
            if trouble.why == "closed" and connection.used > 1 and (body is None or isinstance(body, bytes)):
                continue
            raise
