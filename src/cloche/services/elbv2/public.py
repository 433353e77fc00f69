"""What Classic Load Balancers share with the others, and what those who register targets ask.

The engine is one: sockets in the nodes' namespaces, requests passed on over kept connections, cookies that are sealed, health checks, certificates.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from cloche.kernel import Call

from . import network, nodes
from .balancers import Endpoint, LoadBalancer
from .health import Found
from .names import ZONES
from .traffic import access_logs, certs, cookies, forwarding, listening, probing, rewriting, state
from .traffic.entry import tls_of
from .traffic.forwarding import Way, exchange
from .traffic.rewriting import Door

__all__ = ["ZONES", "Door", "Endpoint", "Found", "LoadBalancer", "Way", "access_logs", "certs", "cookies", "exchange", "forwarding", "listening", "network", "probing", "rewriting", "state", "tls_of"]


def enter(call: Call, dns: str, name: str) -> None:
    """A Classic Load Balancer's DNS name is answered at the same door."""
    there = call.of("elbv2")
    there.put(Endpoint(dns, call.account, call.region, name, "classic"))


def leave(call: Call, dns: str) -> None:
    there = call.of("elbv2")
    if found := there.get(Endpoint, dns.lower()):
        there.delete(found)


def uses_certificate(call: Call, arn: str) -> list[str]:
    """ARNs of the load balancers, Classic ones too, that show this certificate."""
    from cloche.services.elb import public as classic

    from .listeners import Listener
    there = call.of("elbv2")
    names = {one.balancer for one in there.all(Listener) if arn in one.certificates}
    return sorted(found.arn for name in names if (found := there.get(LoadBalancer, name))) + classic.uses_certificate(call, arn)


def target_health(call: Call, group_arn: str) -> dict[str, str]:
    """Target's id -> state, as DescribeTargetHealth tells it: for who replaces what is unwell (Auto Scaling, ECS)."""
    told: Any = call.as_root().do("elbv2", "DescribeTargetHealth", TargetGroupArn=group_arn)
    return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in told["TargetHealthDescriptions"]}


def find(call: Call, arn: str) -> LoadBalancer | None:
    """The load balancer of an ARN: its own, or that of one of its listeners."""
    where, _, path = arn.replace(":listener/", ":loadbalancer/", 1).partition(":loadbalancer/")
    parts = path.split("/")
    found = call.of("elbv2").get(LoadBalancer, parts[1]) if len(parts) >= 3 else None
    return found if found is not None and found.arn == f"{where}:loadbalancer/{'/'.join(parts[:3])}" else None


def port_of(call: Call, listener_arn: str) -> tuple[int, str] | None:
    """A listener's port and protocol."""
    from .index import index
    found = index(call.of("elbv2")).listeners_by_arn.get(listener_arn)
    return (found.port, found.protocol) if found else None


async def doors(call: Call, balancer: LoadBalancer) -> list[nodes.Node]:
    """Its nodes, once all that was asked for is listening there."""
    there = call.of("elbv2")
    await listening.quiet(there, "elbv2.settle", balancer.name)
    return nodes.of(there, balancer)


def outside() -> Any:
    """The front's own room: how a client on the internet is stood for."""
    from . import front
    return front


def keeps_role(call: Call) -> list[str]:
    """What keeps the service-linked role from being deleted: load balancers."""
    return [one.arn for one in call.of("elbv2").all(LoadBalancer)]


class Shown(NamedTuple):
    body: str
    chain: str
    names: tuple[str, ...]


def shown(call: Call, dns: str, port: int, name: str) -> tuple[str, Shown, Call] | None:
    """(ARN, certificate, a call where it is) of what a listener shows to who asks for the name; None where nothing is listening there, or not in TLS."""
    from . import certificates
    from .index import index
    found = call.of("elbv2").get(Endpoint, dns)
    if found is None:
        return None
    there = call.of("elbv2", found.account, found.region)
    listener = next((one for one in index(there).listeners.get(found.name, ()) if one.port == port), None)
    held = [(arn, one) for arn in (listener.certificates if listener else ()) if (one := certificates.material(there, arn))]
    if not held:
        return None
    arn, one = next(((arn, one) for arn, one in held if any(certs.fits(name, pattern) for pattern in certs.names(one.body))), held[0])
    return arn, Shown(one.body, one.chain, tuple(certs.names(one.body))), there
