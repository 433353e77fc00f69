"""Auto Scaling in templates: groups, launch configurations, policies, scheduled actions, hooks, warm pools."""
from __future__ import annotations

from typing import Any

from cloche.services.autoscaling import cfn_rolling
from cloche.services.cloudformation.public import Resource, Type, await_signals, op, steps

GROUP_SKIP = ("Tags", "VPCZoneIdentifier", "MetricsCollection", "NotificationConfigurations", "NotificationConfiguration", "LifecycleHookSpecificationList", "TargetGroupARNs", "LoadBalancerNames",
              "TrafficSources")


def members(r: Resource, *skip: str) -> dict[str, Any]:
    out = {("DefaultCooldown" if name == "Cooldown" else name): value for name, value in r.properties.items() if name not in (*GROUP_SKIP, *skip)}
    if subnets := r.get("VPCZoneIdentifier"):
        out["VPCZoneIdentifier"] = ",".join(subnets) if isinstance(subnets, list) else subnets
    return out


def tags(r: Resource, properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"ResourceId": r.physical or r.properties["AutoScalingGroupName"], "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True} | dict(one) for one in properties.get("Tags") or ()]


async def create_group(r: Resource) -> str:
    name = r.properties["AutoScalingGroupName"]
    more = {key: r.properties[key] for key in ("LifecycleHookSpecificationList", "TargetGroupARNs", "LoadBalancerNames", "TrafficSources") if r.get(key)}
    await r.do("autoscaling", "CreateAutoScalingGroup", **members(r), **more, Tags=tags(r, r.properties) or None)
    r.physical = name
    await extras(r)
    await_signals(r)
    return str(name)


async def extras(r: Resource) -> None:
    for one in r.get("MetricsCollection") or ():
        await r.do("autoscaling", "EnableMetricsCollection", AutoScalingGroupName=r.physical, **one)
    for one in notifications(r.properties):
        await r.do("autoscaling", "PutNotificationConfiguration", AutoScalingGroupName=r.physical, TopicARN=topic(one), NotificationTypes=one["NotificationTypes"])
    for one in notifications(r.old):
        if topic(one) not in [topic(x) for x in notifications(r.properties)]:
            await r.do("autoscaling", "DeleteNotificationConfiguration", AutoScalingGroupName=r.physical, TopicARN=topic(one))


def notifications(properties: dict[str, Any]) -> list[Any]:
    one = properties.get("NotificationConfiguration")
    return [*(properties.get("NotificationConfigurations") or ()), *([one] if one else [])]


def topic(one: Any) -> Any:
    arns = one.get("TopicARN")
    return arns[0] if isinstance(arns, list) else arns


async def update_group(r: Resource) -> None:
    stays = [x for x in ("MinSize", "MaxSize", "DesiredCapacity") if not r.changed(x)] if cfn_rolling.keeps_sizes(r) else []
    await r.do("autoscaling", "UpdateAutoScalingGroup", **members(r, "AutoScalingGroupName", "InstanceId", *stays), AutoScalingGroupName=r.physical)
    if r.changed("Tags"):
        new, old = tags(r, r.properties), tags(r, r.old)
        if gone := [one for one in old if one["Key"] not in [x["Key"] for x in new]]:
            await r.do("autoscaling", "DeleteTags", Tags=gone)
        if new:
            await r.do("autoscaling", "CreateOrUpdateTags", Tags=new)
    for prop, attach, detach in (("TargetGroupARNs", "AttachLoadBalancerTargetGroups", "DetachLoadBalancerTargetGroups"), ("LoadBalancerNames", "AttachLoadBalancers", "DetachLoadBalancers")):
        new_, old_ = r.get(prop) or [], r.old.get(prop) or []
        if gone_ := [x for x in old_ if x not in new_]:
            await r.do("autoscaling", detach, AutoScalingGroupName=r.physical, **{prop: gone_})
        if fresh := [x for x in new_ if x not in old_]:
            await r.do("autoscaling", attach, AutoScalingGroupName=r.physical, **{prop: fresh})
    await extras(r)
    await cfn_rolling.begin(r)


async def create_policy(r: Resource) -> str:
    name = f"{r.stack_name}-{r.logical}-{r.call.pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 12)}"
    answer = await r.do("autoscaling", "PutScalingPolicy", PolicyName=name, **r.properties)
    r.attributes |= {"PolicyName": name, "Arn": answer["PolicyARN"]}
    return str(answer["PolicyARN"])


async def update_policy(r: Resource) -> None:
    await r.do("autoscaling", "PutScalingPolicy", PolicyName=r.physical.rsplit("policyName/", 1)[1], **r.properties)


async def create_action(r: Resource) -> str:
    name = f"{r.stack_name[:100]}-{r.logical}-{r.call.pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 12)}"
    await r.do("autoscaling", "PutScheduledUpdateGroupAction", ScheduledActionName=name, **r.properties)
    r.attributes["ScheduledActionName"] = name
    return name


TYPES = {
    "AWS::AutoScaling::AutoScalingGroup": Type(
        name="AutoScalingGroupName", limit=255, create=create_group, update=update_group, ready=cfn_rolling.ready, renews=cfn_rolling.renews, delete=op("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName="{id}", ForceDelete=True)),
    "AWS::AutoScaling::LaunchConfiguration": Type(
        name="LaunchConfigurationName", limit=255, create=op("autoscaling", "CreateLaunchConfiguration", send=True, physical="{LaunchConfigurationName}"),
        delete=op("autoscaling", "DeleteLaunchConfiguration", LaunchConfigurationName="{id}")),
    "AWS::AutoScaling::ScalingPolicy": Type(create=create_policy, update=update_policy, delete=op("autoscaling", "DeletePolicy", PolicyName="{id}"), attributes=("Arn", "PolicyName")),
    "AWS::AutoScaling::ScheduledAction": Type(
        create=create_action, update=op("autoscaling", "PutScheduledUpdateGroupAction", send=True, ScheduledActionName="{id}"),
        delete=op("autoscaling", "DeleteScheduledAction", AutoScalingGroupName="{AutoScalingGroupName}", ScheduledActionName="{id}"), attributes=("ScheduledActionName",)),
    "AWS::AutoScaling::LifecycleHook": Type(
        name="LifecycleHookName", limit=255, create=op("autoscaling", "PutLifecycleHook", send=True, physical="{LifecycleHookName}"), update=op("autoscaling", "PutLifecycleHook", send=True),
        delete=op("autoscaling", "DeleteLifecycleHook", AutoScalingGroupName="{AutoScalingGroupName}", LifecycleHookName="{id}")),
    "AWS::AutoScaling::WarmPool": Type(
        create=steps(op("autoscaling", "PutWarmPool", send=True, physical="{AutoScalingGroupName}")), update=op("autoscaling", "PutWarmPool", send=True),
        delete=op("autoscaling", "DeleteWarmPool", AutoScalingGroupName="{id}", ForceDelete=True)),
}
