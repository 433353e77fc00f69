"""Instances registered with a Classic Load Balancer, by id."""
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cloche.kernel import Call
from cloche.services.elbv2 import public as elbv2

from . import errors, health
from . import service as elb
from .balancers import LoadBalancer, Member, by_name, facts, find

if TYPE_CHECKING:
    from cloche.shapes import elb as t


@elb.op(resource=by_name, context=facts)
def register_instances_with_load_balancer(call: Call, req: t.RegisterEndPointsInput) -> t.RegisterEndPointsOutput:
    one = find(call, req["LoadBalancerName"])
    ids = list(dict.fromkeys(each.get("InstanceId", "") for each in req["Instances"]))
    found = elbv2.network.instances(call, ids)
    if missing := [id_ for id_ in ids if id_ not in found or found[id_]["State"]["Name"] in ("terminated", "shutting-down")]:
        raise errors.no_such_instance(missing)
    members = dict(one.members)
    for id_ in ids:
        if found[id_].get("VpcId") != one.vpc:
            raise errors.instance_elsewhere(id_)
        if id_ not in members or members[id_].draining:
            members[id_] = Member(id_, call.now, found[id_]["Placement"]["AvailabilityZone"], found[id_].get("PrivateIpAddress", ""))
            health.begin(call, one, id_)
    one = call.put(one.but(members=members))
    return {"Instances": [{"InstanceId": each.id} for each in one.members.values() if not each.draining]}


@elb.op(resource=by_name, context=facts)
def deregister_instances_from_load_balancer(call: Call, req: t.DeregisterEndPointsInput) -> t.DeregisterEndPointsOutput:
    """With connection draining what it has begun is finished first."""
    one = find(call, req["LoadBalancerName"])
    ids = list(dict.fromkeys(each.get("InstanceId", "") for each in req["Instances"]))
    if missing := [id_ for id_ in ids if id_ not in one.members and id_ not in elbv2.network.instances(call, [id_])]:
        raise errors.no_such_instance(missing)
    members, draining = dict(one.members), one.setting("ConnectionDraining")
    for id_ in ids:
        if id_ not in members:
            continue
        call.cancel(health.check, f"{one.name}/{id_}")
        if draining["Enabled"] and members[id_].well:
            members[id_] = msgspec.structs.replace(members[id_], draining=call.now + draining["Timeout"])
            call.after(draining["Timeout"], drained, f"{one.name}/{id_}", balancer=one.name, instance=id_)
        else:
            del members[id_]
    one = call.put(one.but(members=members))
    return {"Instances": [{"InstanceId": each.id} for each in one.members.values() if not each.draining]}


@elb.timer
def drained(call: Call, balancer: str, instance: str) -> None:
    one = call.get(LoadBalancer, balancer)
    if one is not None and instance in one.members and one.members[instance].draining:
        call.put(one.but(members={id_: each for id_, each in one.members.items() if id_ != instance}))
