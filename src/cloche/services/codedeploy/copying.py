"""A copy of an Auto Scaling group: what it launches, where, how many, how it is looked after; not its policies and schedules."""
from __future__ import annotations

import inspect
from typing import Any

from cloche.kernel import AwsError, Call

from .lifecycle import Failure

COPIED = ("MinSize", "MaxSize", "DesiredCapacity", "DefaultCooldown", "HealthCheckType", "HealthCheckGracePeriod", "PlacementGroup", "TerminationPolicies", "NewInstancesProtectedFromScaleIn",
          "CapacityRebalance", "MaxInstanceLifetime", "LaunchConfigurationName")


async def copy(role: Call, old: str, new: str) -> None:
    """A step that was taken before a crash is not taken twice."""
    found: Any = role.do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[old, new])["AutoScalingGroups"]
    by_name = {one["AutoScalingGroupName"]: one for one in found}
    if new in by_name:
        return
    if old not in by_name:
        raise Failure("AUTO_SCALING_CONFIGURATION", f"The Auto Scaling group {old} does not exist.")
    there = by_name[old]
    members = {name: there[name] for name in COPIED if there.get(name) not in (None, "", [])}
    if template := there.get("LaunchTemplate"):
        members["LaunchTemplate"] = {"LaunchTemplateId": template["LaunchTemplateId"], **({"Version": template["Version"]} if template.get("Version") else {})}
    if mixed := there.get("MixedInstancesPolicy"):
        members["MixedInstancesPolicy"] = mixed
    if there.get("VPCZoneIdentifier"):
        members["VPCZoneIdentifier"] = there["VPCZoneIdentifier"]
    else:
        members["AvailabilityZones"] = there["AvailabilityZones"]
    if tags := [{name: tag[name] for name in ("Key", "Value", "PropagateAtLaunch") if name in tag} for tag in there.get("Tags") or () if not tag["Key"].startswith("aws:")]:
        members["Tags"] = tags
    try:
        answer: Any = role.do("autoscaling", "CreateAutoScalingGroup", AutoScalingGroupName=new, **members)
        if inspect.isawaitable(answer):
            await answer
    except AwsError as error:
        if "AccessDenied" in error.code or "Unauthorized" in error.code:
            raise Failure("AUTO_SCALING_IAM_ROLE_PERMISSIONS", error.message) from None
        raise Failure("AUTO_SCALING_CONFIGURATION", error.message) from None
