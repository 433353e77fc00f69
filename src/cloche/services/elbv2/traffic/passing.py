"""Network Load Balancers: connections and datagrams passed on as they are, to a target chosen by the flow. TLS ends here where the listener says so."""
from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from typing import Any

from cloche.engines.relay.pipes import Datagrams, Pipe
from cloche.engines.world import WorldError
from cloche.kernel import Call

from .. import nodes
from ..balancers import LoadBalancer
from ..listeners import Listener
from ..target_groups import TargetGroup
from ..targets import Target
from . import certs, choosing, forwarding, metrics
from .state import traffic

UDP_SECONDS, CONNECT_SECONDS = 120.0, 10.0
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


async def listen(call: Call, held: Any, interface: str, private: str, listener: Listener) -> Any:
    """One listener at one node; what comes back closes it."""
    loop = asyncio.get_running_loop()
    closers: list[Any] = []
    idle = float(listener.attributes.get("tcp.idle_timeout.seconds", "350"))
    account, region, arn = call.account, call.region, listener.arn

    async def connect(client: Any, kind: str) -> tuple[Any, str, int, bytes]:
        here = call.cloud.internal(call.cloud.service("elbv2"), account, region)
        return await chosen(here, held, interface, arn, client, kind)

    if listener.protocol in ("TCP", "TLS", "TCP_UDP"):
        pipes: set[Pipe] = set()
        context = certs.context(call, listener) if listener.protocol == "TLS" else None
        onward = forwarding.to_anybody() if secure(call, listener) else None

        def ended(pipe: Pipe) -> None:
            pipes.discard(pipe)
            here = call.cloud.internal(call.cloud.service("elbv2"), account, region)
            if found := here.get(LoadBalancer, listener.balancer):
                metrics.flow(here, found, listener.protocol, pipe)

        def begin() -> Any:
            pipe = Pipe(lambda client: connect(client, "tcp"), idle, CONNECT_SECONDS, onward, ended)
            pipes.add(pipe)
            return pipe.client

        sock = await held.socket(interface, "tcp", private, listener.port)
        server = await loop.create_server(begin, sock=sock, ssl=context)
        closers += [lambda hard: server.close(), lambda hard: [pipe.abort() for pipe in list(pipes) if hard]]
    if listener.protocol in ("UDP", "TCP_UDP"):
        sock = await held.socket(interface, "udp", private, listener.port)
        _, flows = await loop.create_datagram_endpoint(lambda: Datagrams(lambda client: connect(client, "udp"), UDP_SECONDS), sock=sock)
        closers.append(lambda hard: flows.close())

    def close(hard: bool) -> None:
        for each in closers:
            each(hard)

    return close


def secure(call: Call, listener: Listener) -> bool:
    arns = [one["TargetGroupArn"] for action in listener.actions for one in action["ForwardConfig"]["TargetGroups"]]
    return any((found := call.get(TargetGroup, arn.split("/")[1])) is not None and found.protocol == "TLS" for arn in arns)


async def chosen(call: Call, held: Any, interface: str, arn: str, client: Any, kind: str) -> tuple[Any, str, int, bytes]:
    """A socket of the node's, and where it is to call; OSError if there is nobody."""
    listener = call.get(Listener, arn.split("/", 1)[1])
    balancer = call.get(LoadBalancer, listener.balancer) if listener else None
    node = next((one for one in nodes.of(call, balancer) if one.interface == interface), None) if balancer else None
    if listener is None or balancer is None or node is None:
        raise OSError("the listener is gone")
    arn = choosing.group(listener.actions[-1]["ForwardConfig"]["TargetGroups"], call.cloud.dice) or ""
    group = call.get(TargetGroup, arn.split("/")[1]) if arn else None
    target = pick(call, balancer, group, node.zone, client) if group else None
    if group is None or target is None:
        raise OSError("no target")
    address = target.address if group.type != "alb" else inner(call, target)
    try:
        sock = await held.socket(interface, kind, node.private, 0, backlog=0)
    except WorldError as error:
        raise OSError(str(error)) from None
    first = proxy_header(client, (node.private, listener.port), kind) if group.attribute("proxy_protocol_v2.enabled") == "true" else b""
    return sock, address, target.port, first


def pick(call: Call, balancer: LoadBalancer, group: TargetGroup, zone: str, client: Any) -> Target | None:
    """By the flow's hash; by the client's address alone where clients stick. Without cross-zone only targets of the node's own zone."""
    found = forwarding.candidates(call, balancer, group)
    cross = group.attribute("load_balancing.cross_zone.enabled")
    if not (cross == "true" or (cross == "use_load_balancer_configuration" and balancer.attribute("load_balancing.cross_zone.enabled") == "true")):
        found = [one for one in found if one.zone in (zone, "all", "")]
    if not found:
        return None
    found.sort(key=lambda one: one.key)
    text = str(client[0]) if group.attribute("stickiness.enabled") == "true" else f"{client[0]}:{client[1]}"
    return found[int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % len(found)]


def inner(call: Call, target: Target) -> str:
    """An address of the Application Load Balancer behind this one."""
    found = call.get(LoadBalancer, target.id.split("/")[2])
    there = nodes.of(call, found) if found else []
    if not there:
        raise OSError("the load balancer behind this one is gone")
    turns = traffic(call).turns
    turns[target.key] = turns.get(target.key, -1) + 1
    return str(there[turns[target.key] % len(there)].private)


def proxy_header(client: Any, here: tuple[str, int], kind: str) -> bytes:
    """Version 2 of the proxy protocol: who called, and whom."""
    source, target = ipaddress.ip_address(client[0]), ipaddress.ip_address(here[0])
    family = (0x10 if source.version == 4 else 0x20) | (1 if kind == "tcp" else 2)
    body = source.packed + target.packed + socket.htons(client[1]).to_bytes(2, "little") + socket.htons(here[1]).to_bytes(2, "little")
    return SIGNATURE + bytes([0x21, family]) + len(body).to_bytes(2, "big") + body



