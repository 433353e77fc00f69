"""What a Classic Load Balancer does with a request: to the instance in service with the fewest requests out, or to the one that its cookie names.

No instance in service: 503. There is no failing open here.
"""
from __future__ import annotations

import asyncio
import logging
from typing import Any

from cloche.engines.relay.pipes import Pipe
from cloche.engines.world import WorldError
from cloche.kernel import Call, Request, Response
from cloche.services.elbv2 import public as elbv2

from . import logs, nodes
from .balancers import Listener, LoadBalancer, Member
from .policies import APP, COOKIE, PROXY

log = logging.getLogger("cloche")
NAME = "AWSELB"


class Entry:
    """What is known of one request, for the access log."""

    def __init__(self, call: Call, one: LoadBalancer, request: Request, door: elbv2.Door, node: Any) -> None:
        self.balancer, self.request, self.door, self.node = one, request, door, node
        self.began, self.moment = asyncio.get_running_loop().time(), call.now
        self.asked_at = self.answered_at = self.ended = 0.0
        self.status = self.target_status = self.sent = 0
        self.received = len(request.body)
        self.own = self.fresh = False
        self.error = self.target = ""
        self.version, self.cipher, _, _ = elbv2.tls_of(request)


def handler(call: Call, name: str, interface: str, port: int) -> Any:
    """What the HTTP server calls with each request of one listener."""
    account, region = call.account, call.region

    def handle(request: Request, send: Any) -> None:
        task = asyncio.ensure_future(serve(request, send))
        call.cloud.requests.add(task)
        task.add_done_callback(call.cloud.requests.discard)

    async def serve(request: Request, send: Any) -> None:
        here = call.cloud.internal(call.cloud.service("elb"), account, region)
        try:
            call.cloud.leave(send, await answer(here, name, interface, port, request))
        except Exception:
            log.exception("load balancer's request %s %s", request.method, request.target)
            send(Response(500, *elbv2.rewriting.page(500)))

    return handle


async def answer(call: Call, name: str, interface: str, port: int, request: Request) -> Response:
    one = call.get(LoadBalancer, name)
    listener = next((each for each in one.listeners if each.port == port), None) if one else None
    node = next((each for each in nodes.of(call, one) if each.interface == interface), None) if one else None
    if one is None or listener is None:
        return Response(503, *elbv2.rewriting.page(503))
    door = elbv2.Door("https" if listener.protocol == "HTTPS" else "http", port, request.host, request.peer, request.port)
    entry = Entry(call, one, request, door, node)
    response = await _passed(call, one, listener, request, entry)
    entry.status = response.status
    if isinstance(response.body, bytes):
        entry.sent = len(response.body)
        logs.add(call, entry)
    else:
        response.body = counted(call, entry, response.body)
    return response


async def counted(call: Call, entry: Entry, body: Any) -> Any:
    try:
        async for part in body:
            entry.sent += len(part)
            yield part
    finally:
        logs.add(call, entry)


async def _passed(call: Call, one: LoadBalancer, listener: Listener, request: Request, entry: Entry) -> Response:
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw]
    policy = next((one.policies[name] for name in listener.policies if one.policies[name]["type"] in (APP, COOKIE)), None)
    there = ready(one, entry.node)
    if not there:
        entry.own = True
        return Response(503, [("content-length", "0")])
    given = elbv2.cookies.given(raw)
    member = stuck(call, one, policy, given, there) or fewest(call, one, there)
    kept, name = elbv2.state.traffic(call), f"classic/{call.account}/{one.name}/{member.id}"
    kept.busy[name] += 1
    headers = [pair for pair in elbv2.rewriting.forwarded(raw, entry.door, "") if pair[0].lower() != "x-amzn-trace-id"]
    way = elbv2.Way(entry.node.interface if entry.node else "", member.address, listener.instance_port, listener.instance_protocol == "HTTPS")
    entry.target = f"{member.address}:{listener.instance_port}"
    response = await elbv2.exchange(call, way, lambda: elbv2.listening.outgoing(call, entry.node), request, request.target, headers, float(one.setting("ConnectionSettings")["IdleTimeout"]),
                                    entry, elbv2.forwarding.once(lambda: kept.busy.subtract([name])))
    if not entry.own and policy:
        response.headers += cookie(call, one, policy, member, given, response.headers)
    return response


def ready(one: LoadBalancer, node: Any) -> list[Member]:
    """In service; those of the node's own zone, unless the load balancer crosses zones."""
    cross = one.setting("CrossZoneLoadBalancing")["Enabled"]
    return [each for each in one.members.values() if each.well and not each.draining and each.zone in one.zones.values() and (cross or node is None or each.zone == node.zone)]


def fewest(call: Call, one: LoadBalancer, there: list[Member]) -> Member:
    kept = elbv2.state.traffic(call)
    busy = lambda each: kept.busy.get(f"classic/{call.account}/{one.name}/{each.id}", 0)
    least = min(busy(each) for each in there)
    idle = sorted((each for each in there if busy(each) == least), key=lambda each: each.id)
    turn = f"classic/{call.account}/{one.name}"
    kept.turns[turn] = kept.turns.get(turn, -1) + 1
    return idle[kept.turns[turn] % len(idle)]


def stuck(call: Call, one: LoadBalancer, policy: Any, given: dict[str, str], there: list[Member]) -> Member | None:
    if policy is None or NAME not in given or (policy["type"] == APP and policy["CookieName"] not in given):
        return None
    said = elbv2.cookies.unseal(elbv2.state.seal(call), given[NAME])
    if not isinstance(said, list) or len(said) != 3 or said[0] != one.name or (said[2] and said[2] <= call.now):
        return None
    return next((each for each in there if each.id == said[1]), None)


def cookie(call: Call, one: LoadBalancer, policy: Any, member: Member, given: dict[str, str], answered: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The load balancer's cookie is set when it binds anew; with the application's whenever that is set."""
    seconds = int(policy.get("CookieExpirationPeriod") or 0)
    if policy["type"] == APP:
        if not elbv2.cookies.sets(answered, policy["CookieName"]):
            return []
    elif (found := stuck(call, one, policy, given, [member])) is not None and found.id == member.id:
        return []
    text = elbv2.cookies.seal(elbv2.state.seal(call), elbv2.state.nonce(call), [one.name, member.id, call.now + seconds if seconds else 0.0])
    age = f";MAX-AGE={seconds}" if seconds else ""
    return [("set-cookie", f"{NAME}={text};PATH=/{age}"), ("set-cookie", f"{NAME}CORS={text};PATH=/{age};SECURE;SAMESITE=None")]


# -- TCP and SSL ------------------------------------------------------------------------------------------------------------------

def piper(call: Call, held: Any, name: str, interface: str, listener: Listener, idle: float) -> tuple[Any, set[Pipe]]:
    """What makes the protocol of each connection that comes in, and those that stand."""
    pipes: set[Pipe] = set()
    account, region = call.account, call.region

    async def connect(client: Any) -> tuple[Any, str, int, bytes]:
        here = call.cloud.internal(call.cloud.service("elb"), account, region)
        one = here.get(LoadBalancer, name)
        node = next((each for each in nodes.of(here, one) if each.interface == interface), None) if one else None
        there = ready(one, node) if one else []
        if one is None or node is None or not there:
            raise OSError("no instance in service")
        member = fewest(here, one, there)
        try:
            sock = await held.socket(interface, "tcp", node.private, 0, backlog=0)
        except WorldError as trouble:
            raise OSError(str(trouble)) from None
        proxied = any(one.policies[each]["type"] == PROXY and one.policies[each].get("ProxyProtocol") == "true" for each in one.backends.get(str(listener.instance_port), ()))
        first = f"PROXY TCP4 {client[0]} {node.private} {client[1]} {listener.port}\r\n".encode() if proxied else b""
        return sock, member.address, listener.instance_port, first

    def begin() -> Any:
        pipe = Pipe(connect, idle, 10.0, elbv2.forwarding.to_anybody() if listener.instance_protocol == "SSL" else None, pipes.discard)
        pipes.add(pipe)
        return pipe.client

    return begin, pipes
