"""The nodes of a load balancer: one in each of its subnets, with an interface of its own under the load balancer's security groups.

Records say which nodes there are to be; the worker `settle` makes the world match: their listeners are sockets in their own namespaces. A load balancer is
`active` when all of them listen. Where this machine holds no world there are no sockets: then only clients outside reach it (through `front`), and of its
targets only functions.
"""
from __future__ import annotations

import logging

from cloche.kernel import AwsError, Call, Record
from cloche.services.ec2 import public as ec2

from . import health
from . import service as elbv2
from .balancers import PROVISIONING_SECONDS, LoadBalancer, Mapping

log = logging.getLogger("cloche")
RETRY_SECONDS, PATIENCE_SECONDS = 5.0, 60.0
ENFORCE = "elbv2.enforce"  # kept with the attributes: security groups count for PrivateLink too
KIND = {"application": "interface", "network": "network_load_balancer"}


class Node(Record, frozen=True):
    kind = "elbv2.node"

    balancer: str
    subnet: str
    zone: str
    interface: str
    private: str
    public: str = ""

    @property
    def key(self) -> str:
        return f"{self.balancer}/{self.subnet}"


def key(balancer: LoadBalancer, subnet: str) -> str:
    return f"{balancer.name}/{subnet}"


def of(call: Call, balancer: LoadBalancer) -> list[Node]:
    return [one for zone in balancer.zones if (one := call.get(Node, key(balancer, zone.subnet)))]


# -- the records ------------------------------------------------------------------------------------------------------------------

def begin(call: Call, balancer: LoadBalancer) -> None:
    for zone in balancer.zones:
        make(call, balancer, zone)
    call.after(PROVISIONING_SECONDS, provisioned, balancer.name, balancer=balancer.name)
    call.wake(settle, balancer.name)


def make(call: Call, balancer: LoadBalancer, zone: Mapping) -> Node:
    made = ec2.make_interface(call.as_root(), zone.subnet, list(balancer.groups), KIND[balancer.type], f"ELB {balancer.path}", owner=balancer.arn, private=zone.private,
                              public=balancer.scheme == "internet-facing" and not zone.allocation, allocation=zone.allocation, requester="amazon-elb", instance_owner="amazon-elb")
    return call.put(Node(balancer.name, zone.subnet, zone.zone, made.id, made.private, next(iter(made.public_addresses), "")))


def changed(call: Call, balancer: LoadBalancer) -> None:
    """Subnets, groups or listeners are different now."""
    wanted = {zone.subnet for zone in balancer.zones}
    for node in [one for one in call.all(Node) if one.balancer == balancer.name]:
        if node.subnet not in wanted:
            drop(call, node)
    for zone in balancer.zones:
        node = call.get(Node, key(balancer, zone.subnet)) or make(call, balancer, zone)
        if set(ec2.interface(call, node.interface).groups) != set(balancer.groups):
            ec2.change_interface(call.as_root(), node.interface, list(balancer.groups))
    call.wake(settle, balancer.name)


def drop(call: Call, node: Node) -> None:
    ec2.release_interface(call.as_root(), node.interface)
    call.delete(node)


def end(call: Call, balancer: LoadBalancer) -> None:
    call.cancel(provisioned, balancer.name)
    for node in [one for one in call.all(Node) if one.balancer == balancer.name]:
        drop(call, node)
    call.wake(settle, balancer.name)


@elbv2.timer
def provisioned(call: Call, balancer: str) -> None:
    call.wake(settle, balancer)


# -- the world --------------------------------------------------------------------------------------------------------------------

@elbv2.worker
async def settle(call: Call, balancer: str) -> None:
    """What listens is made to match the records, read anew."""
    from .traffic import listening
    one = call.get(LoadBalancer, balancer)
    try:
        trouble = await listening.settle(call, balancer)
    except AwsError as error:
        trouble = error.message
    if trouble:
        log.warning("load balancer %s: %s", balancer, trouble)
    if one is None or one.state != "provisioning" or call.now < one.created + PROVISIONING_SECONDS:
        return
    with call.step():
        one = call.get(LoadBalancer, balancer)
        if one is None or one.state != "provisioning":
            return
        if trouble and call.now < one.created + PATIENCE_SECONDS:
            call.after(RETRY_SECONDS, provisioned, balancer, balancer=balancer)
            return
        call.put(one.but(state="failed" if trouble else "active", reason=trouble))
        if not trouble:
            health.soon(call, one)


@elbv2.boot
def again(call: Call) -> None:
    """Sockets do not outlive a process: every load balancer listens anew."""
    for account, region, name in call.cloud.store.run("SELECT account, region, key FROM record WHERE kind=?", (LoadBalancer.kind,)).fetchall():
        call.of("elbv2", account, region).wake(settle, name)


def reborn(call: Call) -> None:
    """A new world is empty: what was open in the last one is closed, and opened anew."""
    from .traffic import listening
    listening.forget(call)
    with call.step():
        again(call.of("elbv2"))


ec2.when_started(reborn)

