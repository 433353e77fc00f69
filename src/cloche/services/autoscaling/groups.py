"""Groups: min <= desired <= max, what to launch, where, and when an instance counts as dead.

The group is only what is wished for; `reconciling.py` makes the instances follow.
"""
from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.iam import public as iam

from . import errors
from . import service as autoscaling

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

MOST_GROUPS, PAGE = 500, 50
COOLDOWN = 300
PROCESSES = ("Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions")
TERMINATION = ("AllocationStrategy", "ClosestToNextInstanceHour", "Default", "NewestInstance", "OldestInstance", "OldestLaunchConfiguration", "OldestLaunchTemplate")
HEALTH = ("EC2", "ELB", "EBS", "VPC_LATTICE")
# of a request, kept as they are
KEPT = (
    "LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier", "PlacementGroup", "NewInstancesProtectedFromScaleIn", "CapacityRebalance", "MaxInstanceLifetime",
    "Context", "DesiredCapacityType", "DefaultInstanceWarmup", "InstanceMaintenancePolicy", "AvailabilityZoneDistribution", "DeletionProtection", "ServiceLinkedRoleARN")
REFUSED = ("CapacityReservationSpecification", "InstanceLifecyclePolicy", "AvailabilityZoneImpairmentPolicy", "Operator")


class Group(Record, frozen=True):
    kind = "autoscaling.group"

    name: str
    arn: str
    created: float
    least: int
    most: int
    desired: int
    zones: list[str]
    config: dict[str, Any] = {}
    cooldown: int = COOLDOWN
    health: str = "EC2"
    grace: int = 0
    policies: list[str] = []
    target_groups: list[str] = []
    balancers: list[str] = []
    suspended: dict[str, str] = {}          # process -> why
    tags: dict[str, dict[str, Any]] = {}    # key -> {"value", "launch"}
    metrics: list[str] = []
    status: str = ""                        # "Delete in progress"
    cooling: float = 0.0                    # no simple scaling until then
    retry: float = 0.0                      # after a launch that failed
    failures: int = 0
    warm_pool: dict[str, Any] = {}
    subnets: dict[str, str] = {}            # subnet -> its zone
    cause: str = ""                         # why the size last changed, for activities
    rebalancing: bool = False               # one more than desired, until zones are even again

    @property
    def key(self) -> str:
        return self.name


# -- finding ----------------------------------------------------------------------------------------------------------

def arn_of(call: Call, name: str, id_: str = "*") -> str:
    return call.arn(f"autoScalingGroup:{id_}:autoScalingGroupName/{name}")


def by_name(call: Call, req: Any) -> str:
    name = req.get("AutoScalingGroupName") or "*"
    found = call.get(Group, name)
    return found.arn if found else arn_of(call, name)


def context(call: Call, req: Any) -> dict[str, Any]:
    """What conditions may ask of a request that makes or changes a group."""
    out: dict[str, Any] = {}
    for tag in req.get("Tags") or ():
        out[f"aws:RequestTag/{tag['Key']}"] = tag.get("Value", "")
    if req.get("Tags"):
        out["aws:TagKeys"] = [tag["Key"] for tag in req["Tags"]]
    for member, key in (("MinSize", "MinSize"), ("MaxSize", "MaxSize"), ("LaunchConfigurationName", "LaunchConfigurationName"), ("TargetGroupARNs", "TargetGroupARNs"),
                        ("LoadBalancerNames", "LoadBalancerNames")):
        if req.get(member) is not None:
            out[f"autoscaling:{key}"] = req[member]
    if subnets := req.get("VPCZoneIdentifier"):
        out["autoscaling:VPCZoneIdentifiers"] = [one.strip() for one in subnets.split(",")]
    return out | tags_context(call, req)


def tags_context(call: Call, req: Any) -> dict[str, Any]:
    found = call.get(Group, req.get("AutoScalingGroupName") or "")
    return {key: tag["value"] for name, tag in (found.tags if found else {}).items() for key in (f"aws:ResourceTag/{name}", f"autoscaling:ResourceTag/{name}")}


def find(call: Call, name: str) -> Group:
    found = call.get(Group, name)
    if found is None:
        raise errors.no_such_group(name)
    return found


def page(items: list[Any], req: Any, usual: int = PAGE, most: int = 100) -> tuple[list[Any], dict[str, str]]:
    token = req.get("NextToken") or "0"
    if not token.isdigit():
        raise errors.bad_token()
    start, size = int(token), min(req.get("MaxRecords") or usual, most)
    return items[start:start + size], {"NextToken": str(start + size)} if start + size < len(items) else {}


def acting(call: Call, group: Group | None = None) -> Call:
    """Auto Scaling itself, under its service-linked role (or the one that the group names)."""
    role = iam.ensure_linked(call, "autoscaling.amazonaws.com")
    arn = (group.config.get("ServiceLinkedRoleARN") if group else None) or call.arn(f"role{role.path}{role.name}", service="iam", region="")
    return call.as_role(arn, "AutoScaling", "autoscaling.amazonaws.com")


async def ask(call: Call, service: str, operation: str, **members: Any) -> Any:
    """Another service's operation, whether or not it waits for the world."""
    answer = call.do(service, operation, **members)
    return await answer if inspect.isawaitable(answer) else answer


# -- creating ---------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=context, partly="MixedInstancesPolicy launches on demand from the first override's type; capacity reservations, zonal shift and Operator are refused")
async def create_auto_scaling_group(call: Call, req: t.CreateAutoScalingGroupType) -> None:
    from . import hooks, launching, reconciling
    from .tags import merged
    name, least, most = req["AutoScalingGroupName"], req["MinSize"], req["MaxSize"]
    if call.get(Group, name):
        raise errors.group_exists(name)
    if len(call.all(Group)) >= MOST_GROUPS:
        raise errors.limit("AutoScalingGroups")
    desired = req.get("DesiredCapacity", least)
    check_sizes(least, most, desired)
    check(req)
    config = {key: req[key] for key in KEPT if key in req}  # type: ignore[literal-required]
    own: list[str] = []
    with call.step():
        acting(call)
    if "InstanceId" in req:
        like = await launching.like_instance(call, req["InstanceId"], name)
        own = like.pop("AvailabilityZones")
        config |= like
    await launching.check(call, config)
    zones, subnets = await places(call, req.get("VPCZoneIdentifier"), req.get("AvailabilityZones") or (None if req.get("VPCZoneIdentifier") else own))
    with call.step():
        if call.get(Group, name):
            raise errors.group_exists(name)
        group = Group(
            name, arn_of(call, name, call.uuid()), call.now, least, most, desired, zones, config, req.get("DefaultCooldown", COOLDOWN), req.get("HealthCheckType", "EC2"),
            req.get("HealthCheckGracePeriod", 0), list(req.get("TerminationPolicies") or ["Default"]), list(req.get("TargetGroupARNs") or ()) + sources(req, "elbv2"),
            list(req.get("LoadBalancerNames") or ()) + sources(req, "elb"), tags=merged(call, {}, req.get("Tags")), subnets=subnets,
            cause=f"a user request created an AutoScalingGroup changing the desired capacity from 0 to {desired}.")
        call.put(group)
        for hook in req.get("LifecycleHookSpecificationList") or ():
            hooks.put(call, group, hook)
        reconciling.soon(call, name)


def sources(req: Any, kind: str) -> list[str]:
    return [one["Identifier"] for one in req.get("TrafficSources") or () if one.get("Type", "elbv2" if one["Identifier"].startswith("arn:") else "elb") == kind]


def check_sizes(least: int, most: int, desired: int) -> None:
    if least < 0 or most < 0:
        raise errors.invalid("MinSize and MaxSize must not be negative.")
    if least > most:
        raise errors.min_over_max(least, most)
    if not least <= desired <= most:
        raise errors.outside(desired, least, most)


def check(req: Any) -> None:
    for name in REFUSED:
        if req.get(name):
            raise errors.not_built(f"a group with {name}")
    given = [name for name in ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy", "InstanceId") if req.get(name)]
    if "MinSize" in req and "MaxSize" in req and "AutoScalingGroupName" in req and not given and "_update" not in req:
        raise errors.no_template()
    if len(given) > 1:
        raise errors.no_template()
    for kind in (req.get("HealthCheckType") or "EC2").split(","):
        if kind not in HEALTH:
            raise errors.invalid(f"Unrecognized health check type {kind}. Valid values are {', '.join(HEALTH)}.")
        if kind in ("EBS", "VPC_LATTICE"):
            raise errors.not_built(f"health checks of {kind}")
    for policy in req.get("TerminationPolicies") or ():
        if policy.startswith("arn:"):
            raise errors.not_built("a termination policy of one's own (a function)")
        if policy not in TERMINATION:
            raise errors.invalid(f"Invalid termination policy: {policy}")
    if (life := req.get("MaxInstanceLifetime")) and not 86_400 <= life <= 31_536_000:
        raise errors.invalid("MaxInstanceLifetime must be 0, or between 86400 and 31536000 seconds.")
    for source in req.get("TrafficSources") or ():
        if source.get("Type") == "vpc-lattice":
            raise errors.not_built("VPC Lattice as a traffic source")


async def places(call: Call, subnets: str | None, zones: Any) -> tuple[list[str], dict[str, str]]:
    """The zones, and the subnets with theirs: given ones, or the default ones of the zones."""
    from cloche.kernel import AwsError
    if subnets:
        wanted = [one.strip() for one in subnets.split(",") if one.strip()]
        try:
            found = await ask(acting(call), "ec2", "DescribeSubnets", SubnetIds=wanted)
        except AwsError as error:
            raise errors.invalid(error.message) from None
    elif zones:
        found = await ask(acting(call), "ec2", "DescribeSubnets", Filters=[{"Name": "availability-zone", "Values": list(zones)}, {"Name": "default-for-az", "Values": ["true"]}])
    else:
        raise errors.no_place()
    of = {one["SubnetId"]: one["AvailabilityZone"] for one in found.get("Subnets") or ()}
    if not of:
        raise errors.invalid("No default subnet found in the Availability Zones: " + ", ".join(zones or ()) if zones else "No subnet found.")
    if zones and set(zones) - set(of.values()):
        raise errors.invalid("The availability zones of the specified subnets and the Auto Scaling group do not match")
    return sorted(set(of.values())), of


# -- changing ---------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=context, partly="MixedInstancesPolicy launches on demand from the first override's type; capacity reservations and zonal shift are refused")
async def update_auto_scaling_group(call: Call, req: t.UpdateAutoScalingGroupType) -> None:
    """A new min above, or max below, the present size takes the desired capacity along."""
    from . import launching, reconciling
    group = find(call, req["AutoScalingGroupName"])
    if group.status:
        raise errors.deleting(group.name)
    least, most = req.get("MinSize", group.least), req.get("MaxSize", group.most)
    if least > most:
        raise errors.min_over_max(least, most)
    desired = req["DesiredCapacity"] if "DesiredCapacity" in req else min(max(group.desired, least), most)
    check_sizes(least, most, desired)
    check(dict(req) | {"_update": True})
    changes = {key: req[key] for key in KEPT if key in req}  # type: ignore[literal-required]
    config = dict(group.config)
    if any(name in changes for name in ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")):
        for name in ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy"):
            config.pop(name, None)
    config |= changes
    if changes.keys() & {"LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy"}:
        await launching.check(call, config)
    zones, subnets = group.zones, group.subnets
    if req.get("VPCZoneIdentifier") or req.get("AvailabilityZones"):
        zones, subnets = await places(call, req.get("VPCZoneIdentifier"), req.get("AvailabilityZones"))
    with call.step():
        group = find(call, req["AutoScalingGroupName"])
        new = group.but(
            least=least, most=most, desired=desired, config=config, zones=zones, subnets=subnets, cooldown=req.get("DefaultCooldown", group.cooldown),
            health=req.get("HealthCheckType", group.health), grace=req.get("HealthCheckGracePeriod", group.grace), policies=list(req.get("TerminationPolicies") or group.policies), retry=0.0)
        if desired != group.desired or (least, most) != (group.least, group.most):
            new = new.but(cause=f"a user request update of AutoScalingGroup constraints to min: {least}, max: {most}, desired: {desired} changing the desired capacity from {group.desired} to {desired}.")
        call.put(new)
        reconciling.soon(call, new.name)


@autoscaling.op(resource=by_name, context=tags_context)
def set_desired_capacity(call: Call, req: t.SetDesiredCapacityType) -> None:
    from . import reconciling
    group, desired = find(call, req["AutoScalingGroupName"]), req["DesiredCapacity"]
    if desired > group.most:
        raise errors.above(desired, group.most)
    if desired < group.least:
        raise errors.below(desired, group.least)
    if req.get("HonorCooldown") and call.now < group.cooling:
        raise errors.cooling(group.name)
    resize(call, group, desired, f"a user request explicitly set group desired capacity changing the desired capacity from {group.desired} to {desired}.")
    reconciling.soon(call, group.name)


def resize(call: Call, group: Group, desired: int, cause: str) -> Group:
    if desired == group.desired:
        return group
    return call.put(group.but(desired=desired, cause=cause, retry=0.0))


# -- describing -------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=lambda call, req: "*")
def describe_auto_scaling_groups(call: Call, req: t.AutoScalingGroupNamesType) -> t.AutoScalingGroupsType:
    names = req.get("AutoScalingGroupNames")
    found = [g for g in call.all(Group) if not names or g.name in names or g.arn in names]
    for rule in req.get("Filters") or ():
        found = [g for g in found if passes(g, rule.get("Name", ""), rule.get("Values") or [])]
    shown, token = page(sorted(found, key=lambda g: g.name), req)
    return {"AutoScalingGroups": [described(call, g, req.get("IncludeInstances", True)) for g in shown]} | token


def passes(group: Group, name: str, values: list[str]) -> bool:
    if name == "tag-key":
        return any(value in group.tags for value in values)
    if name == "tag-value":
        return any(tag["value"] in values for tag in group.tags.values())
    if name.startswith("tag:"):
        return name[4:] in group.tags and group.tags[name[4:]]["value"] in values
    raise errors.invalid(f"Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>")


def described(call: Call, g: Group, instances: bool = True) -> Any:
    from .instances import brief, of_group
    from .tags import shown
    out: dict[str, Any] = {
        "AutoScalingGroupName": g.name, "AutoScalingGroupARN": g.arn, "MinSize": g.least, "MaxSize": g.most, "DesiredCapacity": g.desired, "DefaultCooldown": g.cooldown,
        "AvailabilityZones": g.zones, "LoadBalancerNames": g.balancers, "TargetGroupARNs": g.target_groups, "HealthCheckType": g.health, "HealthCheckGracePeriod": g.grace,
        "CreatedTime": g.created, "TerminationPolicies": g.policies or ["Default"], "Tags": shown(g), "NewInstancesProtectedFromScaleIn": False, "EnabledMetrics": [{"Metric": m, "Granularity": "1Minute"} for m in g.metrics],
        "SuspendedProcesses": [{"ProcessName": name, "SuspensionReason": why} for name, why in g.suspended.items()],
        "ServiceLinkedRoleARN": call.arn("role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", service="iam", region=""),
        "TrafficSources": [{"Identifier": x, "Type": "elbv2"} for x in g.target_groups] + [{"Identifier": x, "Type": "elb"} for x in g.balancers], "DeletionProtection": "none",
    } | g.config
    members = of_group(call, g.name)
    out["Instances"] = [brief(one) for one in members if not one.warm] if instances else []
    if g.status:
        out["Status"] = g.status
    if g.warm_pool:
        out |= {"WarmPoolConfiguration": g.warm_pool, "WarmPoolSize": sum(one.warm for one in members)}
    return out


@autoscaling.op(resource=lambda call, req: "*")
def describe_account_limits(call: Call, req: Any) -> t.DescribeAccountLimitsAnswer:
    from .launch_configurations import MOST, LaunchConfiguration
    return {"MaxNumberOfAutoScalingGroups": MOST_GROUPS, "MaxNumberOfLaunchConfigurations": MOST, "NumberOfAutoScalingGroups": len(call.all(Group)),
            "NumberOfLaunchConfigurations": len(call.all(LaunchConfiguration))}


# -- deleting ---------------------------------------------------------------------------------------------------------

@autoscaling.op(resource=by_name, context=tags_context)
def delete_auto_scaling_group(call: Call, req: t.DeleteAutoScalingGroupType) -> None:
    from . import reconciling
    from .instances import of_group
    group, force = find(call, req["AutoScalingGroupName"]), req.get("ForceDelete", False)
    protection = group.config.get("DeletionProtection", "none")
    if protection == "prevent-all-deletion" or (protection == "prevent-force-deletion" and force):
        raise errors.protected_from_deletion(group.name)
    members = of_group(call, group.name)
    if members and not force:
        raise errors.still_instances()
    if group.status:
        return
    if not members:
        remove(call, group)
        return
    call.put(group.but(status="Delete in progress", least=0, desired=0, cause="a user request deleted the AutoScalingGroup with its instances."))
    reconciling.soon(call, group.name)


def remove(call: Call, group: Group) -> None:
    """The group and everything that is its own."""
    from . import hooks, notifications, policies, reconciling, refreshes, schedules
    for part in (hooks, notifications, policies, refreshes, schedules):
        part.forget(call, group.name)
    call.cancel(reconciling.tick, group.name)
    call.delete(group)
