"""Targets of a group: registered, deregistered (and drained), and what is known of their health.

A target of a group that no load balancer uses is `unused`; so is one in a zone the load balancer does not have, and a stopped instance. The rest follows
from health checks (`health`). One that is deregistered finishes what it has begun: it is `draining` until its delay has passed.
"""
from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import balancers, errors, limits, network, target_groups
from . import service as elbv2
from .index import index
from .target_groups import TargetGroup

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

OUTSIDE = [ipaddress.ip_network(one) for one in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")]


class Target(Record, frozen=True):
    kind = "elbv2.target"

    group: str                      # ARN
    id: str
    registered: float
    port: int = 0
    zone: str = ""                  # of the address or instance; "all" for one outside the VPC
    address: str = ""               # where it is reached: looked up at registration and at each check
    state: str = "initial"          # initial | healthy | unhealthy: what checks have found; unused: an instance that does not run
    reason: str = "Elb.RegistrationInProgress"
    said: str = ""                  # more than the reason's own sentence
    passed: int = 0                 # checks in a row
    failed: int = 0
    since: float = 0.0              # healthy since, for slow start
    draining: float = 0.0           # until when
    checking: bool = False          # a load balancer uses it and looks at it

    @property
    def key(self) -> str:
        return f"{self.group.rsplit('/', 2)[1]}/{self.id}:{self.port}"


def key(group: TargetGroup, one: Any) -> str:
    return f"{group.name}/{one['Id']}:{one.get('Port') or group.port}"


def balancer_is_target(call: Call, arn: str) -> bool:
    return any(one.id == arn for one in call.all(Target))


# -- register -----------------------------------------------------------------------------------------------------------------------

@elbv2.op(resource=target_groups.GROUP, context=target_groups.facts)
def register_targets(call: Call, req: t.RegisterTargetsInput) -> None:
    from . import health
    group = target_groups.find(call, req["TargetGroupArn"])
    wanted = {key(group, one): one for one in req["Targets"]}
    there = {one.key: one for one in index(call).targets.get(group.arn, ())}
    if group.type in ("lambda", "alb") and len({one["Id"] for one in wanted.values()} | {one.id for one in there.values() if not one.draining}) > 1:
        raise errors.one_lambda() if group.type == "lambda" else errors.one_balancer()
    if len(wanted.keys() | there.keys()) > limits.TARGETS:
        raise errors.too_many_targets()
    placed = PLACED[group.type](call, group, list(wanted.values()))
    for name, one in wanted.items():
        if name in there and not there[name].draining:
            continue                                       # it is registered already
        zone, address = placed[one["Id"]]
        port = 0 if group.type == "lambda" else one.get("Port") or group.port
        call.put(Target(group.arn, one["Id"], call.now, port, zone, address))
    health.follow(call, group)


def _instances(call: Call, group: TargetGroup, wanted: list[Any]) -> dict[str, tuple[str, str]]:
    for one in wanted:
        if not re.fullmatch(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", one["Id"]):
            raise errors.not_an_instance_id(one["Id"])
        if one.get("AvailabilityZone"):
            raise errors.validation("You cannot specify an Availability Zone for targets of type 'instance'")
    found = network.instances(call, [one["Id"] for one in wanted])
    if missing := [one["Id"] for one in wanted if one["Id"] not in found]:
        raise errors.targets_missing(missing)
    if asleep := [id_ for id_, one in found.items() if one["State"]["Name"] not in ("running", "pending")]:
        raise errors.targets_not_running(asleep)
    if elsewhere := [id_ for id_, one in found.items() if one.get("VpcId") != group.vpc]:
        raise errors.targets_elsewhere(group.vpc, elsewhere)
    return {id_: (one["Placement"]["AvailabilityZone"], one.get("PrivateIpAddress", "")) for id_, one in found.items()}


def _addresses(call: Call, group: TargetGroup, wanted: list[Any]) -> dict[str, tuple[str, str]]:
    ranges, out = network.ranges(call, group.vpc), {}
    for one in wanted:
        try:
            address = ipaddress.IPv4Address(one["Id"])
        except ValueError:
            raise errors.not_an_address(one["Id"]) from None
        asked = one.get("AvailabilityZone", "")
        if any(address in net for net in ranges if net.version == 4):
            if asked == "all":
                raise errors.not_all_for_insiders(one["Id"])
            out[one["Id"]] = (network.zone_of(call, group.vpc, one["Id"]), one["Id"])
        elif not any(address in net for net in OUTSIDE):
            raise errors.address_not_allowed(one["Id"])
        elif asked != "all":
            raise errors.all_for_outsiders(one["Id"])
        else:
            out[one["Id"]] = ("all", one["Id"])
    return out


def _functions(call: Call, group: TargetGroup, wanted: list[Any]) -> dict[str, tuple[str, str]]:
    from cloche.services.lambda_ import public as functions
    for one in wanted:
        arn = one["Id"]
        if one.get("Port"):
            raise errors.no_port_for_lambda()
        if not re.fullmatch(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?", arn):
            raise errors.not_a_function(arn)
        if not functions.exists(call, arn):
            raise errors.targets_missing([arn])
        if not functions.may_invoke(call, arn, service="elasticloadbalancing.amazonaws.com", source_arn=group.arn, source_account=call.account):
            raise errors.may_not_invoke(arn, group.arn)
    return {one["Id"]: ("all", "") for one in wanted}


def _balancers(call: Call, group: TargetGroup, wanted: list[Any]) -> dict[str, tuple[str, str]]:
    for one in wanted:
        found = balancers.find(call, one["Id"])
        if found.type != "application":
            raise errors.invalid_target(f"The load balancer '{one['Id']}' is not an Application Load Balancer")
        if found.vpc != group.vpc:
            raise errors.targets_elsewhere(group.vpc, [one["Id"]])
        if not any(listener.port == (one.get("Port") or group.port) for listener in index(call).listeners.get(found.name, ())):
            raise errors.invalid_target(f"The load balancer '{one['Id']}' must have a listener on the target's port")
    return {one["Id"]: ("all", "") for one in wanted}


PLACED = {"instance": _instances, "ip": _addresses, "lambda": _functions, "alb": _balancers}


# -- deregister ---------------------------------------------------------------------------------------------------------------------

@elbv2.op(resource=target_groups.GROUP, context=target_groups.facts)
def deregister_targets(call: Call, req: t.DeregisterTargetsInput) -> None:
    """Without a port: the target at all its ports."""
    from . import health
    group = target_groups.find(call, req["TargetGroupArn"])
    there = index(call).targets.get(group.arn, ())
    found, missing = [], []
    for one in req["Targets"]:
        mine = [target for target in there if target.id == one["Id"] and one.get("Port") in (None, target.port)]
        found += mine
        missing += [] if mine else [one["Id"]]
    if missing and group.type != "lambda":
        raise errors.not_registered(missing)
    delay = float(group.attribute("deregistration_delay.timeout_seconds") or 0)
    for target in found:
        if delay and not target.draining and health.used(call, group, target):
            call.put(target.but(draining=call.now + delay))
            call.after(delay, drained, target.key, target=target.key)
            health.stop(call, target)
        elif not target.draining:
            forget(call, target)


def forget(call: Call, target: Target) -> None:
    from . import health
    health.stop(call, target)
    call.cancel(drained, target.key)
    call.delete(target)


@elbv2.timer
def drained(call: Call, target: str) -> None:
    found = call.get(Target, target)
    if found is not None and found.draining:
        call.delete(found)
