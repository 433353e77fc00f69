"""The door for `elbv2`'s front: a request from outside for a Classic Load Balancer."""
from __future__ import annotations

from cloche.kernel import Call, Request, Response

from . import nodes, traffic
from .balancers import LoadBalancer


async def answer(call: Call, request: Request, name: str, port: int) -> Response:
    """Over the public side where there is one, else as at a node."""
    from cloche.services.elbv2 import public as elbv2
    front = elbv2.outside()
    await elbv2.listening.quiet(call, "elb.settle", name)
    one = call.get(LoadBalancer, name)
    if one is None or one.scheme == "internal":
        return await front.silence(request)
    there = nodes.of(call, one)
    node = front.pick(call, there)
    listener = next((each for each in one.listeners if each.port == port), None)
    if elbv2.listening.world(call) is not None and node is not None:
        return await front.from_outside(call, node.public, port, listener is not None and listener.protocol in ("HTTPS", "SSL"), request)
    if not elbv2.network.admits(call, one.groups, request.peer or "127.0.0.1", port):
        return await front.silence(request)
    if listener is None or listener.protocol not in ("HTTP", "HTTPS"):
        return front.refused(port)
    return await traffic.answer(call, name, node.interface if node else "", port, request)




def uses_certificate(call: Call, arn: str) -> list[str]:
    """ARNs of the Classic Load Balancers that show this certificate."""
    there = call.of("elb")
    return [there.arn(f"loadbalancer/{one.name}") for one in there.all(LoadBalancer) if any(each.certificate == arn for each in one.listeners)]


def keeps_role(call: Call) -> list[str]:
    """What keeps the service-linked role from being deleted: load balancers."""
    from .balancers import arn
    there = call.of("elb")
    return [arn(there, one.name) for one in there.all(LoadBalancer)]
