"""What a Classic Load Balancer counts, for CloudWatch (namespace AWS/ELB), by load balancer and zone."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from .balancers import LoadBalancer

SPACE = "AWS/ELB"


def count(call: Call, entry: Any) -> None:
    name = ("LoadBalancerName", entry.balancer.name)
    for dimensions in ((name,), (("AvailabilityZone", entry.node.zone), name)) if entry.node else ((name,),):
        cloudwatch.put(call, SPACE, "RequestCount", dimensions, 1, "Count")
        if entry.own:
            cloudwatch.put(call, SPACE, f"HTTPCode_ELB_{entry.status // 100}XX", dimensions, 1, "Count")
        if entry.target_status:
            cloudwatch.put(call, SPACE, f"HTTPCode_Backend_{entry.target_status // 100}XX", dimensions, 1, "Count")
            cloudwatch.put(call, SPACE, "Latency", dimensions, max(0.0, entry.answered_at - entry.asked_at), "Seconds")
        elif entry.asked_at:
            cloudwatch.put(call, SPACE, "BackendConnectionErrors", dimensions, 1, "Count")


def hosts(call: Call, one: LoadBalancer) -> None:
    """How many instances are in service; told with every check."""
    name, there = (("LoadBalancerName", one.name),), [each for each in one.members.values() if not each.draining]
    cloudwatch.put(call, SPACE, "HealthyHostCount", name, sum(each.well for each in there), "Count")
    cloudwatch.put(call, SPACE, "UnHealthyHostCount", name, sum(not each.well for each in there), "Count")
