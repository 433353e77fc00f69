"""The door from outside: requests to Cloche's own port whose Host is a load balancer's DNS name, standing for a client on the internet.

The port of the Host names the listener (80 if it has none, 443 over HTTPS). An internal load balancer is not reached so, and the security groups must admit
the client; what AWS would drop in silence is not answered here either.
"""
from __future__ import annotations

import asyncio

from cloche.kernel import Call, Request, Response

from . import network, nodes
from . import service as elbv2
from .balancers import Endpoint, LoadBalancer
from .index import index
from .listeners import Listener
from .traffic import pipeline
from .traffic.rewriting import Door

SILENT_SECONDS = 120.0


@elbv2.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    found = endpoint(call, request.host.partition(":")[0], match)
    if found is None:
        return Response(404, [("content-type", "text/plain")], f"{request.host}: no load balancer of this Cloche has that name.\n".encode())
    here = call.at(found.account, found.region)
    port = port_of(call, request)
    balancer = here.get(LoadBalancer, found.name)
    if balancer is None or balancer.state != "active" or balancer.scheme == "internal":
        return await silence(request)
    listener = next((one for one in index(here).listeners.get(balancer.name, ()) if one.port == port), None)
    if not network.admits(here, balancer.groups, client(request), port):
        return await silence(request)
    if listener is None:
        return refused(port)
    return await direct(here, balancer, listener, request)


def endpoint(call: Call, host: str, match: dict[str, str]) -> Endpoint | None:
    if found := call.get(Endpoint, host):
        return found
    if host.endswith(".elb.localhost"):
        return next((one for one in call.all(Endpoint) if one.key.startswith(match["name"] + ".")), None)
    return None


def port_of(call: Call, request: Request) -> int:
    text = request.host.rpartition(":")[2] if ":" in request.host else ""
    own = call.cloud.host.rpartition(":")[2]
    if text.isdigit() and text != own and not (request.secure and int(text) not in (80, 443)):
        return int(text)
    return 443 if request.secure else 80


def client(request: Request) -> str:
    return request.peer or "127.0.0.1"


async def silence(request: Request) -> Response:
    """Packets that are dropped: the client waits as long as it likes."""
    gone = asyncio.Event()
    if request.gone is not None:
        request.gone(gone.set)
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            await gone.wait()
    except TimeoutError:
        pass
    return Response(504, [("content-type", "text/plain")], b"Nothing answered.\n")


def refused(port: int) -> Response:
    return Response(502, [("content-type", "text/plain")], f"Connection refused: no listener at port {port}.\n".encode())


async def direct(call: Call, balancer: LoadBalancer, listener: Listener, request: Request) -> Response:
    """Without a network between: the request is answered as at a node, by the same pipeline."""
    turn = call.cloud.memory.setdefault("elbv2.turn", [0])
    turn[0] += 1
    door = Door("https" if listener.protocol in ("HTTPS", "TLS") else "http", listener.port, request.host, client(request))
    return await pipeline.answer(call, balancer, listener, request, door, nodes.any_of(call, balancer, turn[0]))
