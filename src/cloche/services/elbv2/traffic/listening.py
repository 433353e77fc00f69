"""What really listens: sockets made in the namespaces of a load balancer's interfaces and served by the one loop, and the sockets its requests leave by.

`settle` reads the records and opens, closes and changes until both agree; it takes no hints. A listener that is changed is opened anew.
"""
from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

from cloche.engines.world import WorldError
from cloche.kernel import Call, Request, Response
from cloche.services.ec2 import public as ec2

from .. import nodes
from ..balancers import LoadBalancer
from ..index import index
from ..listeners import Listener
from . import certs, pipeline, rewriting
from .rewriting import Door
from .state import traffic

QUIET_SECONDS = 5.0
log = logging.getLogger("cloche")


class Opened(NamedTuple):
    """`close(hard)`: nobody new comes in; hard: who is in is thrown out as well, for a namespace lives as long as the last socket made in it."""

    wanted: tuple[Any, ...]
    close: Any


def world(call: Call) -> Any:
    """The world, if this machine holds one and somebody has started it."""
    found = call.cloud.memory.get("world")
    return found if found is not None and found.running else None


async def outgoing(call: Call, node: Any) -> Any:
    """An unconnected socket at the node's own address; None where there is no network."""
    held = world(call)
    if held is None or node is None:
        return None
    try:
        return await held.socket(node.interface, "tcp", node.private, 0, backlog=0)
    except WorldError as trouble:
        log.warning("load balancer %s: %s", node.balancer, trouble)
        return None


async def plugged(call: Call, interfaces: list[str]) -> Any:
    """The world with these interfaces in it; None where this machine holds none."""
    try:
        return await ec2.plugged_in(call.as_root(), *interfaces)
    except ec2.Unavailable as lacking:
        log.info("load balancers are reached from outside only: %s", lacking)
        return None


async def settle(call: Call, name: str) -> str:
    """Why it cannot be done; "" if all that should listen does."""
    opened: dict[Any, Opened] = traffic(call).listeners.setdefault((call.account, call.region, name), {})
    balancer = call.get(LoadBalancer, name)
    there = nodes.of(call, balancer) if balancer is not None else []
    try:
        held = await plugged(call, [node.interface for node in there]) if there else None
    except (WorldError, LookupError, OSError) as error:
        return str(error)
    wanted: dict[Any, tuple[Any, ...]] = {}
    if balancer is not None and held is not None:
        for node in there:
            for listener in index(call).listeners.get(name, ()):
                wanted[node.interface, listener.arn] = (node.private, listener.protocol, listener.port, balancer.attributes.get("idle_timeout.timeout_seconds"))
    stay = {node.interface for node in there}
    left = {key[0] for key in opened} - stay
    for key in [key for key, one in opened.items() if wanted.get(key) != one.wanted]:
        opened.pop(key).close(key[0] in left)
    if left:
        traffic(call).pool.leave(lambda way: way.origin in left)
    trouble = ""
    for key, wish in wanted.items():
        if key in opened:
            continue
        try:
            opened[key] = Opened(wish, await _open(call, held, key[0], key[1], wish))
        except (WorldError, OSError) as error:
            trouble = str(error)
    if not opened:
        traffic(call).listeners.pop((call.account, call.region, name), None)
    return trouble


async def quiet(call: Call, worker: str, name: str) -> None:
    """Until what was asked for is listening, and the network is as it is wanted: who asks a balancer right after changing it meets the change."""
    loop, work, key = asyncio.get_running_loop(), call.cloud.work, (worker, call.account, call.region, name)
    until = loop.time() + QUIET_SECONDS
    while (key in work.awake or key in work.running) and loop.time() < until:
        soon = loop.create_future()
        loop.call_later(0.01, soon.set_result, None)
        await soon
    await ec2.settled(call)


def forget(call: Call) -> None:
    """Close everything: the world that it was in is gone."""
    for opened in traffic(call).listeners.values():
        for one in opened.values():
            one.close(True)
        opened.clear()


async def _open(call: Call, held: Any, interface: str, arn: str, wish: tuple[Any, ...]) -> Any:
    """Listen; what comes back closes it."""
    private, protocol, port, _ = wish
    listener = call.get(Listener, arn.split("/", 1)[1])
    balancer = call.get(LoadBalancer, listener.balancer) if listener else None
    if listener is None or balancer is None:
        raise OSError("the listener is gone")
    if balancer.type == "network":
        from . import passing
        return await passing.listen(call, held, interface, private, listener)
    server = call.cloud.memory["server"]
    sock = await held.socket(interface, "tcp", private, port)
    context = certs.context(call, listener) if protocol == "HTTPS" else None
    return await serving(server, sock, context, handler(call, interface, arn), float(balancer.attribute("idle_timeout.timeout_seconds")))


async def serving(server: Any, sock: Any, context: Any, handle: Any, idle: float) -> Any:
    """HTTP on a socket; what comes back closes it."""
    made = await server.listen(sock=sock, ssl=context, handle=handle, idle=idle)

    def close(hard: bool) -> None:
        server.unlisten(made)
        for connection in [one for one in server.connections if hard and one.handle is handle]:
            connection.transport.abort()

    return close


def handler(call: Call, interface: str, arn: str) -> Any:
    """What the HTTP server calls with each request of one listener."""
    account, region = call.account, call.region

    def handle(request: Request, send: Any) -> None:
        task = asyncio.ensure_future(serve(request, send))
        call.cloud.requests.add(task)
        task.add_done_callback(call.cloud.requests.discard)

    async def serve(request: Request, send: Any) -> None:
        here = call.cloud.internal(call.cloud.service("elbv2"), account, region)
        try:
            call.cloud.leave(send, await answered(here, interface, arn, request))
        except Exception:
            log.exception("load balancer's request %s %s", request.method, request.target)
            send(Response(500, *rewriting.page(500)))

    return handle


async def answered(call: Call, interface: str, arn: str, request: Request) -> Response:
    listener = call.get(Listener, arn.split("/", 1)[1])
    balancer = call.get(LoadBalancer, listener.balancer) if listener else None
    if listener is None or balancer is None:
        return Response(503, *rewriting.page(503))
    node = next((one for one in nodes.of(call, balancer) if one.interface == interface), None)
    door = Door("https" if listener.protocol == "HTTPS" else "http", listener.port, request.host, request.peer, request.port)
    return await pipeline.answer(call, balancer, listener, request, door, node)
