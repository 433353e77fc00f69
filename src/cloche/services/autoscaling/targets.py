"""Load balancers of a group: instances register when they come into service and leave, drained, before they end."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors
from . import service as autoscaling
from .groups import Group, acting, ask, by_name, find, page, tags_context
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t


# -- instances --------------------------------------------------------------------------------------------------------

async def join(call: Call, group: Group, members: list[Instance]) -> str:
    """Register; "" or what was refused."""
    role = acting(call, group)
    try:
        for arn in group.target_groups if members else ():
            await ask(role, "elbv2", "RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": one.id} for one in members])
        for name in group.balancers if members else ():
            await ask(role, "elb", "RegisterInstancesWithLoadBalancer", LoadBalancerName=name, Instances=[{"InstanceId": one.id} for one in members])
    except AwsError as error:
        return error.message
    return ""


async def leave(call: Call, group: Group, members: list[Instance]) -> None:
    role, gone = acting(call, group), [one for one in members if one.registered]
    try:
        for arn in group.target_groups if gone else ():
            await ask(role, "elbv2", "DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": one.id} for one in gone])
        for name in group.balancers if gone else ():
            await ask(role, "elb", "DeregisterInstancesFromLoadBalancer", LoadBalancerName=name, Instances=[{"InstanceId": one.id} for one in gone])
    except AwsError as error:
        call.cloud.memory["autoscaling.leave"] = (group.name, error.code)  # the target group is gone: nothing to leave


async def health(call: Call, group: Group) -> dict[str, list[str]]:
    """What the balancers say of each target: its states."""
    role, found = acting(call, group), {}
    for arn in group.target_groups:
        try:
            answer = await ask(role, "elbv2", "DescribeTargetHealth", TargetGroupArn=arn)
        except AwsError:
            continue  # a target group that is gone says nothing
        for one in answer.get("TargetHealthDescriptions") or ():
            found.setdefault(one["Target"]["Id"], []).append(one["TargetHealth"]["State"])
    for name in group.balancers:
        try:
            answer = await ask(role, "elb", "DescribeInstanceHealth", LoadBalancerName=name)
        except AwsError:
            continue
        for one in answer.get("InstanceStates") or ():
            found.setdefault(one["InstanceId"], []).append({"InService": "healthy", "OutOfService": "unhealthy"}.get(one["State"], "initial"))
    return found


# -- the group's --------------------------------------------------------------------------------------------------------

def attach(call: Call, name: str, targets: list[str], balancers: list[str]) -> None:
    from . import reconciling
    group = find(call, name)
    new = group.but(target_groups=list(dict.fromkeys([*group.target_groups, *targets])), balancers=list(dict.fromkeys([*group.balancers, *balancers])))
    call.put(new)
    from .instances import of_group
    for one in of_group(call, name):
        call.put(one.but(registered=False))  # they are registered again, with the new ones too
    reconciling.soon(call, name)


async def detach(call: Call, name: str, targets: list[str], balancers: list[str]) -> None:
    from .instances import of_group
    group = find(call, name)
    for arn in targets:
        if arn not in group.target_groups:
            raise errors.invalid(f"Trying to remove Target Groups that are not part of the group: {arn}")
    for balancer in balancers:
        if balancer not in group.balancers:
            raise errors.invalid(f"Trying to remove Load Balancers that are not part of the group: {balancer}")
    await leave(call, group.but(target_groups=targets, balancers=balancers), of_group(call, name))
    with call.step():
        group = find(call, name)
        call.put(group.but(target_groups=[x for x in group.target_groups if x not in targets], balancers=[x for x in group.balancers if x not in balancers]))


@autoscaling.op(resource=by_name, context=tags_context)
def attach_load_balancer_target_groups(call: Call, req: t.AttachLoadBalancerTargetGroupsType) -> None:
    attach(call, req["AutoScalingGroupName"], list(req["TargetGroupARNs"]), [])


@autoscaling.op(resource=by_name, context=tags_context)
async def detach_load_balancer_target_groups(call: Call, req: t.DetachLoadBalancerTargetGroupsType) -> None:
    await detach(call, req["AutoScalingGroupName"], list(req["TargetGroupARNs"]), [])


@autoscaling.op(resource=by_name, context=tags_context)
def attach_load_balancers(call: Call, req: t.AttachLoadBalancersType) -> None:
    attach(call, req["AutoScalingGroupName"], [], list(req["LoadBalancerNames"]))


@autoscaling.op(resource=by_name, context=tags_context)
async def detach_load_balancers(call: Call, req: t.DetachLoadBalancersType) -> None:
    await detach(call, req["AutoScalingGroupName"], [], list(req["LoadBalancerNames"]))


def split(sources: Any) -> tuple[list[str], list[str]]:
    from .groups import sources as of
    for one in sources:
        if one.get("Type") == "vpc-lattice":
            raise errors.not_built("VPC Lattice as a traffic source")
    wrapped = {"TrafficSources": sources}
    return of(wrapped, "elbv2"), of(wrapped, "elb")


@autoscaling.op(resource=by_name, context=tags_context)
def attach_traffic_sources(call: Call, req: t.AttachTrafficSourcesType) -> None:
    attach(call, req["AutoScalingGroupName"], *split(req["TrafficSources"]))


@autoscaling.op(resource=by_name, context=tags_context)
async def detach_traffic_sources(call: Call, req: t.DetachTrafficSourcesType) -> None:
    await detach(call, req["AutoScalingGroupName"], *split(req["TrafficSources"]))


def state(call: Call, group: Group) -> str:
    from .instances import of_group
    waiting = any(one.lifecycle == "InService" and not one.registered for one in of_group(call, group.name))
    return "Adding" if waiting else "InService" if "ELB" in group.health else "Added"


@autoscaling.op(resource=lambda call, req: "*")
def describe_load_balancer_target_groups(call: Call, req: t.DescribeLoadBalancerTargetGroupsRequest) -> t.DescribeLoadBalancerTargetGroupsResponse:
    group = find(call, req["AutoScalingGroupName"])
    shown, token = page(group.target_groups, req, 100)
    return {"LoadBalancerTargetGroups": [{"LoadBalancerTargetGroupARN": arn, "State": state(call, group)} for arn in shown]} | token  # type: ignore[return-value]


@autoscaling.op(resource=lambda call, req: "*")
def describe_load_balancers(call: Call, req: t.DescribeLoadBalancersRequest) -> t.DescribeLoadBalancersResponse:
    group = find(call, req["AutoScalingGroupName"])
    shown, token = page(group.balancers, req, 100)
    return {"LoadBalancers": [{"LoadBalancerName": name, "State": state(call, group)} for name in shown]} | token  # type: ignore[return-value]


@autoscaling.op(resource=lambda call, req: "*")
def describe_traffic_sources(call: Call, req: t.DescribeTrafficSourcesRequest) -> t.DescribeTrafficSourcesResponse:
    group, kind = find(call, req["AutoScalingGroupName"]), req.get("TrafficSourceType")
    every = [(x, "elbv2") for x in group.target_groups] + [(x, "elb") for x in group.balancers]
    shown, token = page([one for one in every if kind in (None, one[1])], req, 50)
    return {"TrafficSources": [{"Identifier": x, "TrafficSource": x, "Type": type_, "State": state(call, group)} for x, type_ in shown]} | token  # type: ignore[return-value]
