"""The door from outside: requests to Cloche's own port whose Host is a load balancer's DNS name, standing for a client on the internet.

The port of the Host names the listener (80 if it has none, 443 over HTTPS). An internal load balancer is not reached so, and the security groups must admit
the client; what AWS would drop in silence is not answered here either.
"""
from __future__ import annotations

import asyncio
from typing import Any

from cloche.kernel import Call, Request, Response

from . import network, nodes
from . import service as elbv2
from .balancers import Endpoint, LoadBalancer
from .index import index
from .traffic import authenticating, forwarding, listening, pipeline, rewriting
from .traffic.rewriting import Door
from .traffic.state import traffic

SILENT_SECONDS = 120.0
INTERNET, CLIENT = "internet", "198.19.64.1"  # the namespace of the public side, and the address there of whoever asks from the host


@elbv2.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if request.host.startswith("public-keys.auth.elb."):
        return authenticating.public_key(call, match["region"], request.path.strip("/"))
    found = endpoint(call, request.host.partition(":")[0], match)
    if found is None:
        return Response(404, [("content-type", "text/plain")], f"{request.host}: no load balancer of this Cloche has that name.\n".encode())
    here = call.at(found.account, found.region)
    port = port_of(call, request)
    if found.type == "classic":
        from cloche.services.elb import public as classic
        return await classic.answer(here.of("elb"), request, found.name, port)
    await listening.quiet(here, "elbv2.settle", found.name)
    balancer = here.get(LoadBalancer, found.name)
    if balancer is None or balancer.state != "active" or balancer.scheme == "internal":
        return await silence(request)
    listener = next((one for one in index(here).listeners.get(balancer.name, ()) if one.port == port), None)
    node = pick(here, nodes.of(here, balancer))
    if listening.world(here) is not None and node is not None:
        return await from_outside(here, node.public, port, listener is not None and listener.protocol in ("HTTPS", "TLS"), request)
    if not network.admits(here, balancer.groups, request.peer or "127.0.0.1", port):
        return await silence(request)
    if listener is None or balancer.type == "network":
        return refused(port)
    door = Door("https" if listener.protocol == "HTTPS" else "http", listener.port, request.host, request.peer or "127.0.0.1", request.port)
    return await pipeline.answer(here, balancer, listener, request, door, node)


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


def pick(call: Call, found: list[Any]) -> Any:
    """As the addresses of a DNS name take turns."""
    turns = traffic(call).turns
    turns["front"] = turns.get("front", -1) + 1
    return found[turns["front"] % len(found)] if found else None


class Outside:
    """What `exchange` notes; nobody reads it here."""

    asked_at = answered_at = 0.0
    target_status = 0
    own = fresh = False
    error = ""


async def from_outside(call: Call, address: str, port: int, secure: bool, request: Request) -> Response:
    """The request goes out on the public side and to the node's public address as packets: routes, ACLs and groups see to the rest."""
    held = listening.world(call)
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw] or list(request.headers.items())
    headers = [(name, value) for name, value in raw if name.lower() not in (*rewriting.HOP, "content-length", "expect")]
    seen = Outside()
    response = await forwarding.exchange(call, forwarding.Way("", address, port, secure), lambda: held.socket(INTERNET, "tcp", CLIENT, 0, backlog=0), request, request.target, headers, 4000.0,
                                         seen, seconds=SILENT_SECONDS)
    if seen.own and response.status == 502:
        return refused(port)
    return response


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
    return Response(502, [("content-type", "text/plain")], f"Connection refused: nobody listens at port {port}.\n".encode())
