"""Load balancers during a deployment: an instance is taken out before it changes, and put in again when it has, under the group's role.

Both take their time (draining, health checks); who waits looks again every few seconds of the clock.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from .lifecycle import Failure
from .records import Deployment, Target

LOOK_SECONDS = 5.0


def given(one: Deployment) -> bool:
    return one.style.get("deploymentOption") == "WITH_TRAFFIC_CONTROL" and bool(names(one, "elbInfoList") or names(one, "targetGroupInfoList"))


def names(one: Deployment, member: str) -> list[str]:
    return [each["name"] for each in one.balancer.get(member) or () if each.get("name")]


def ask(role: Call, service: str, operation: str, **members: Any) -> Any:
    """Inside a step. What the load balancer refuses is the deployment's failure."""
    try:
        return role.do(service, operation, **members)
    except AwsError as error:
        if "AccessDenied" in error.code or "Unauthorized" in error.code:
            raise
        raise Failure("ELASTIC_LOAD_BALANCING_INVALID" if "NotFound" in error.code else "ELB_INVALID_INSTANCE", error.message) from None


def groups(role: Call, one: Deployment) -> list[str]:
    wanted = names(one, "targetGroupInfoList")
    return [each["TargetGroupArn"] for each in ask(role, "elbv2", "DescribeTargetGroups", Names=wanted)["TargetGroups"]] if wanted else []


def block(role: Call, one: Deployment, target: Target) -> None:
    for arn in groups(role, one):
        if state(role, arn, target.id):
            ask(role, "elbv2", "DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": target.id}])
    for name in names(one, "elbInfoList"):
        ask(role, "elb", "DeregisterInstancesFromLoadBalancer", LoadBalancerName=name, Instances=[{"InstanceId": target.id}])


def blocked(role: Call, one: Deployment, target: Target) -> bool:
    if any(state(role, arn, target.id) for arn in groups(role, one)):
        return False
    return not any(_classic(role, name, target.id) for name in names(one, "elbInfoList"))


def allow(role: Call, one: Deployment, target: Target) -> None:
    for arn in groups(role, one):
        ask(role, "elbv2", "RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": target.id}])
    for name in names(one, "elbInfoList"):
        ask(role, "elb", "RegisterInstancesWithLoadBalancer", LoadBalancerName=name, Instances=[{"InstanceId": target.id}])


def allowed(role: Call, one: Deployment, target: Target) -> bool:
    """Well where it is looked after; a target group that no load balancer uses looks after nobody."""
    if any(state(role, arn, target.id) not in ("healthy", "unused") for arn in groups(role, one)):
        return False
    return all(_classic(role, name, target.id) == "InService" for name in names(one, "elbInfoList"))


def state(role: Call, arn: str, id_: str) -> str:
    """"" once it is no target any more."""
    found = ask(role, "elbv2", "DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"]
    return next((str(each["TargetHealth"]["State"]) for each in found if each["Target"]["Id"] == id_), "")


def _classic(role: Call, name: str, id_: str) -> str:
    found = ask(role, "elb", "DescribeInstanceHealth", LoadBalancerName=name)["InstanceStates"]
    return next((str(each["State"]) for each in found if each["InstanceId"] == id_), "")
