"""How a template's update goes through a group: in batches (AutoScalingRollingUpdate), or by a new group beside the old one (AutoScalingReplacingUpdate).

A rolling update is a stage that its resource carries while it waits to be ready: which instances are still to go, which
batch is at work and since when. Each look takes it one step on.
"""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, duration

# changes that concern the instances, not only the group
INSTANCES = ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier", "AvailabilityZones", "InstanceId")


def renews(old: dict[str, Any], new: dict[str, Any], policies: dict[str, Any]) -> bool:
    wish = policies.get("UpdatePolicy", {}).get("AutoScalingReplacingUpdate", {})
    return str(wish.get("WillReplace", "")).lower() == "true" and any(old.get(x) != new.get(x) for x in INSTANCES)


def keeps_sizes(r: Resource) -> bool:
    """Sizes that the template has not changed stay as a scheduled action left them."""
    wish = r.extra.get("UpdatePolicy", {}).get("AutoScalingScheduledAction", {})
    return str(wish.get("IgnoreUnmodifiedGroupSizeProperties", "")).lower() == "true"


async def look(r: Resource) -> dict[str, Any]:
    answer = await r.do("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[r.physical])
    found: dict[str, Any] = answer["AutoScalingGroups"][0]
    return found


async def begin(r: Resource) -> None:
    """After the group itself was changed: note who is to go, and how."""
    policy = r.extra.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate")
    if policy is None or not r.changed(*INSTANCES):
        return
    group = await look(r)
    old = [one["InstanceId"] for one in group.get("Instances", [])]
    waits = str(policy.get("WaitOnResourceSignals", "")).lower() == "true"
    plan = {"old": old, "total": len(old), "size": int(policy.get("MaxBatchSize", 1)), "least": int(policy.get("MinInstancesInService", 0)), "waits": waits,
            "pause": duration(policy.get("PauseTime", "PT5M" if waits else "PT0S")), "percent": int(policy.get("MinSuccessfulInstancesPercent", 100)), "failed": 0, "batch": 0, "since": 0.0,
            "seen": [], "sizes": [group["MinSize"], group["DesiredCapacity"]], "raised": False, "suspended": list(policy.get("SuspendProcesses", []))}
    if plan["least"] >= group["MaxSize"]:
        raise AwsError("ValidationError", f"MinInstancesInService must be less than the autoscaling group's MaxSize ({group['MaxSize']})")
    if not old:
        return
    if plan["suspended"]:
        await r.do("autoscaling", "SuspendProcesses", AutoScalingGroupName=r.physical, ScalingProcesses=plan["suspended"])
    r.say(f"Rolling update initiated. Terminating {len(old)} obsolete instance(s) in batches of {plan['size']}"
          + (f", while keeping at least {plan['least']} instance(s) in service." if plan["least"] else ".")
          + (f" Waiting on resource signals with a timeout of {policy.get('PauseTime', 'PT5M')} when new instances are added to the autoscaling group." if waits else ""))
    r.stage = json.dumps(plan)


async def ready(r: Resource) -> bool:
    if not r.stage:
        return True
    plan: dict[str, Any] = json.loads(r.stage)
    group = await look(r)
    serving = [one["InstanceId"] for one in group.get("Instances", []) if one["LifecycleState"] == "InService"]
    if plan["batch"] and not arrived(r, plan, [x for x in serving if x not in plan["old"]]):
        r.stage = json.dumps(plan)
        return False
    if plan["old"]:
        await next_batch(r, plan, group, serving)
        r.stage = json.dumps(plan)
        return False
    await done(r, plan)
    r.stage = ""
    return True


def arrived(r: Resource, plan: dict[str, Any], fresh: list[str]) -> bool:
    """Has the batch that is at work come to its end? Raises when too few of its instances are well."""
    new = [x for x in fresh if x not in plan["seen"]]
    failed = [x for x in r.signals if r.signals[x] == "FAILURE" and x not in plan["seen"]] if plan["waits"] else []
    good = [x for x in new if r.signals.get(x) == "SUCCESS"] if plan["waits"] else new
    if len(good) + len(failed) < plan["batch"]:
        if not plan["waits"] or r.call.now < plan["since"] + plan["pause"]:
            return False
        late = plan["batch"] - len(good) - len(failed)
        r.say(f"Failed to receive {late} resource signal(s) for the current batch.  Each resource signal timeout is counted as a FAILURE.")
        plan["failed"] += late
    elif not plan["waits"]:
        plan["in"] = plan.get("in") or r.call.now
        if r.call.now < plan["in"] + plan["pause"]:
            return False
    plan["failed"] += len(failed)
    if 100 * (plan["total"] - plan["failed"]) < plan["percent"] * plan["total"]:
        raise AwsError("ValidationError", f"Received {plan['failed']} FAILURE signal(s) out of {plan['total']}.  Unable to satisfy {plan['percent']}% MinSuccessfulInstancesPercent requirement")
    plan["seen"] += [*new, *failed]
    plan["batch"], plan["in"] = 0, 0.0
    return True


async def next_batch(r: Resource, plan: dict[str, Any], group: dict[str, Any], serving: list[str]) -> None:
    """Let the next ones go; where that would leave too few in service, the group is made larger for the time of the update."""
    there = {one["InstanceId"] for one in group.get("Instances", [])}
    plan["old"] = [x for x in plan["old"] if x in there]
    batch = plan["old"][: plan["size"]]
    spare = len(serving) - plan["least"]
    if spare < len(batch) and not plan["raised"]:
        wanted = min(group["MaxSize"], plan["least"] + min(plan["size"], len(plan["old"])))
        if wanted > group["DesiredCapacity"]:
            r.say(f"Temporarily setting autoscaling group MinSize and DesiredCapacity to {wanted}.")
            await r.do("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=r.physical, MinSize=wanted, DesiredCapacity=wanted)
            plan.update(raised=True, batch=wanted - group["DesiredCapacity"], since=r.call.now)
            return
    batch = batch[: max(spare, 0)]
    if not batch:
        return  # somebody is still on the way
    r.say(f"Terminating instance(s) [{','.join(batch)}]; replacing with {len(batch)} new instance(s).")
    keep = min(len(batch), max(0, group["DesiredCapacity"] - (len(there) - len(batch))))
    for one in batch:
        await r.do("autoscaling", "TerminateInstanceInAutoScalingGroup", InstanceId=one, ShouldDecrementDesiredCapacity=False)
    plan["old"] = plan["old"][len(batch):]
    r.say(f"Successfully terminated instance(s) [{','.join(batch)}] (Progress {100 * (plan['total'] - len(plan['old'])) // plan['total']}%).")
    plan.update(batch=keep, since=r.call.now)


async def done(r: Resource, plan: dict[str, Any]) -> None:
    if plan["raised"]:
        await r.do("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=r.physical, MinSize=plan["sizes"][0], DesiredCapacity=plan["sizes"][1])
    if plan["suspended"]:
        await r.do("autoscaling", "ResumeProcesses", AutoScalingGroupName=r.physical, ScalingProcesses=plan["suspended"])
