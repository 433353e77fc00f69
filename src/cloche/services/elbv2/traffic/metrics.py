"""What a load balancer counts, for CloudWatch: AWS/ApplicationELB and AWS/NetworkELB, by load balancer, zone and target group."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.cloudwatch import public as cloudwatch

from ..balancers import LoadBalancer
from ..target_groups import TargetGroup
from .entry import Entry

APPLICATION, NETWORK = "AWS/ApplicationELB", "AWS/NetworkELB"
SPACES = {"application": APPLICATION, "network": NETWORK}


def count(call: Call, entry: Entry) -> None:
    """One request of an Application Load Balancer."""
    put, lb = cloudwatch.put, ("LoadBalancer", entry.balancer.path)
    zone = (("AvailabilityZone", entry.node.zone),) if entry.node else ()
    whole: list[tuple[tuple[str, str], ...]] = [(lb,), *([(*zone, lb)] if zone else [])]
    for dimensions in whole:
        put(call, APPLICATION, "ProcessedBytes", dimensions, entry.received + entry.sent, "Bytes")
        if entry.own:
            family = f"{entry.status // 100}XX"
            put(call, APPLICATION, f"HTTPCode_ELB_{family}_Count", dimensions, 1, "Count")
            if entry.status in (500, 502, 503, 504):
                put(call, APPLICATION, f"HTTPCode_ELB_{entry.status}_Count", dimensions, 1, "Count")
            if entry.error in ("LambdaUnhandled", "LambdaInvalidResponse", "LambdaResponseTooLarge"):
                put(call, APPLICATION, "LambdaUserError", (lb,), 1, "Count")
            if entry.asked_at and not entry.answered_at and entry.status in (502, 504) and entry.target:
                put(call, APPLICATION, "TargetConnectionErrorCount", dimensions, 1, "Count")
        if "fixed-response" in entry.done:
            put(call, APPLICATION, "HTTP_Fixed_Response_Count", dimensions, 1, "Count")
        if "redirect" in entry.done:
            put(call, APPLICATION, "HTTP_Redirect_Count", dimensions, 1, "Count")
    if "forward" not in entry.done:
        return
    group = ("TargetGroup", entry.group.rpartition(":")[2]) if entry.group else None
    answered = bool(entry.target_status)
    for dimensions in [*whole, *([(group, lb)] if group else [])]:
        put(call, APPLICATION, "RequestCount", dimensions, 1, "Count")
        if answered:
            put(call, APPLICATION, f"HTTPCode_Target_{entry.target_status // 100}XX_Count", dimensions, 1, "Count")
            put(call, APPLICATION, "TargetResponseTime", dimensions, max(0.0, entry.answered_at - entry.asked_at), "Seconds")
    if group:
        from ..index import index
        there = len(index(call).targets.get(entry.group, ())) or 1
        for dimensions in ((group,), (group, lb)):             # what target tracking by ALBRequestCountPerTarget looks at
            put(call, APPLICATION, "RequestCountPerTarget", dimensions, 1 / there, "None")


def hosts(call: Call, balancer: LoadBalancer, group: TargetGroup) -> None:
    """How many targets are well; told with every check."""
    from ..index import index
    there = [one for one in index(call).targets.get(group.arn, ()) if one.checking]
    dimensions = (("TargetGroup", group.arn.rpartition(":")[2]), ("LoadBalancer", balancer.path))
    well = sum(one.state == "healthy" for one in there)
    cloudwatch.put(call, SPACES[balancer.type], "HealthyHostCount", dimensions, well, "Count")
    cloudwatch.put(call, SPACES[balancer.type], "UnHealthyHostCount", dimensions, sum(one.state == "unhealthy" for one in there), "Count")


def flow(call: Call, balancer: LoadBalancer, protocol: str, pipe: Any) -> None:
    """One connection through a Network Load Balancer, at its end."""
    lb = (("LoadBalancer", balancer.path),)
    cloudwatch.put(call, NETWORK, "NewFlowCount", lb, 1, "Count")
    cloudwatch.put(call, NETWORK, f"NewFlowCount_{protocol}", lb, 1, "Count")
    cloudwatch.put(call, NETWORK, "ProcessedBytes", lb, pipe.received + pipe.sent, "Bytes")
