"""The nodes of a Classic Load Balancer: an interface in each of its subnets, and the listeners on them. As `elbv2`'s, without a state to wait for."""
from __future__ import annotations

import asyncio
import logging
from typing import Any

from cloche.engines.world import WorldError
from cloche.kernel import Call, Record
from cloche.services.ec2 import public as ec2
from cloche.services.elbv2 import public as elbv2

from . import service as elb
from .balancers import Listener, LoadBalancer

log = logging.getLogger("cloche")


class Node(Record, frozen=True):
    kind = "elb.node"

    balancer: str
    subnet: str
    zone: str
    interface: str
    private: str
    public: str = ""

    @property
    def key(self) -> str:
        return f"{self.balancer}/{self.subnet}"


def of(call: Call, one: LoadBalancer) -> list[Node]:
    return [node for subnet in one.zones if (node := call.get(Node, f"{one.name}/{subnet}"))]


def near(call: Call, one: LoadBalancer, zone: str) -> Node | None:
    there = of(call, one)
    return next((node for node in there if node.zone == zone), there[0] if there else None)


# -- the records ------------------------------------------------------------------------------------------------------------------

def changed(call: Call, one: LoadBalancer) -> None:
    """Subnets, groups, listeners or what they depend on are different now."""
    for node in [each for each in call.all(Node) if each.balancer == one.name and each.subnet not in one.zones]:
        drop(call, node)
    for subnet, zone in one.zones.items():
        node = call.get(Node, f"{one.name}/{subnet}")
        if node is None:
            made = ec2.make_interface(call.as_root(), subnet, list(one.groups), "interface", f"ELB {one.name}", owner=call.arn(f"loadbalancer/{one.name}"),
                                      public=one.scheme == "internet-facing", requester="amazon-elb", instance_owner="amazon-elb")
            call.put(Node(one.name, subnet, zone, made.id, made.private, next(iter(made.public_addresses), "")))
        elif set(ec2.interface(call, node.interface).groups) != set(one.groups):
            ec2.change_interface(call.as_root(), node.interface, list(one.groups))
    call.wake(settle, one.name)


def drop(call: Call, node: Node) -> None:
    ec2.release_interface(call.as_root(), node.interface)
    call.delete(node)


def end(call: Call, one: LoadBalancer) -> None:
    for node in [each for each in call.all(Node) if each.balancer == one.name]:
        drop(call, node)
    call.wake(settle, one.name)


@elb.boot
def again(call: Call) -> None:
    """Sockets do not outlive a process."""
    for account, region, name in call.cloud.store.run("SELECT account, region, key FROM record WHERE kind=?", (LoadBalancer.kind,)).fetchall():
        call.of("elb", account, region).wake(settle, name)


def reborn(call: Call) -> None:
    with call.step():
        again(call.of("elb"))


ec2.when_started(reborn)


# -- the world --------------------------------------------------------------------------------------------------------------------

@elb.worker
async def settle(call: Call, name: str) -> None:
    """What listens is made to match the records, read anew."""
    kept = elbv2.state.traffic(call).listeners
    opened: dict[Any, elbv2.listening.Opened] = kept.setdefault(("classic", call.account, call.region, name), {})
    one = call.get(LoadBalancer, name)
    there = of(call, one) if one is not None else []
    wanted: dict[Any, Any] = {}
    held = None
    if one is not None and there:
        try:
            held = await elbv2.listening.plugged(call, [node.interface for node in there])
        except (WorldError, LookupError, OSError) as trouble:  # deleted meanwhile, or a network that is not to be had: who changes that wakes us again
            log.warning("load balancer %s: %s", name, trouble)
            return
        idle = one.setting("ConnectionSettings")["IdleTimeout"]
        if held is not None:
            wanted = {(node.interface, each.port): (node.private, each, idle) for node in there for each in one.listeners}
    left = {key[0] for key in opened} - {node.interface for node in there}
    for key in [key for key, one_ in opened.items() if wanted.get(key) != one_.wanted]:
        opened.pop(key).close(key[0] in left)
    if left:
        elbv2.state.traffic(call).pool.leave(lambda way: way.origin in left)
    for key, wish in wanted.items():
        if key not in opened:
            try:
                opened[key] = elbv2.listening.Opened(wish, await _open(call, held, name, key[0], *wish))
            except (WorldError, OSError) as trouble:
                log.error("load balancer %s, port %s: %s", name, key[1], trouble)
    if not opened:
        kept.pop(("classic", call.account, call.region, name), None)


def policy(one: LoadBalancer, listener: Listener) -> str:
    from .policies import DEFAULT_TLS, TLS
    return next((p["Reference-Security-Policy"] for name in listener.policies if (p := one.policies.get(name)) and p["type"] == TLS and p.get("Reference-Security-Policy")), DEFAULT_TLS)


def shown(call: Call, name: str, port: int) -> Any:
    """The TLS of a listener, looked up anew at each handshake."""
    account, region = call.account, call.region

    def current() -> Any:
        here = call.cloud.internal(call.cloud.service("elb"), account, region)
        one = here.get(LoadBalancer, name)
        listener = next((each for each in one.listeners if each.port == port), None) if one else None
        found = elbv2.certs.certificates.material(here, listener.certificate) if listener else None
        return ([(listener.certificate, found)], policy(one, listener)) if found and one and listener else ([], "")

    return elbv2.certs.live(current)


async def _open(call: Call, held: Any, name: str, interface: str, private: str, listener: Listener, idle: int) -> Any:
    from . import traffic
    sock = await held.socket(interface, "tcp", private, listener.port)
    context = shown(call, name, listener.port) if listener.certificate else None
    if listener.protocol in ("HTTP", "HTTPS"):
        server = call.cloud.memory["server"]
        return await elbv2.listening.serving(server, sock, context, traffic.handler(call, name, interface, listener.port), float(idle))
    begin, pipes = traffic.piper(call, held, name, interface, listener, float(idle))
    server = await asyncio.get_running_loop().create_server(begin, sock=sock, ssl=context)

    def close(hard: bool) -> None:
        server.close()
        for pipe in [one for one in pipes if hard]:
            pipe.abort()

    return close
