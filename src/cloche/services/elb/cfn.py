"""Classic Load Balancers in templates: AWS::ElasticLoadBalancing::LoadBalancer. Its reference is its name."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, steps

SERVICE = "elb"
TAKEN = ("AvailabilityZones", "Subnets", "SecurityGroups", "Scheme", "Tags", "LoadBalancerName")
PARTS = {"AccessLoggingPolicy": "AccessLog", "ConnectionDrainingPolicy": "ConnectionDraining", "ConnectionSettings": "ConnectionSettings"}
STICKY = {"AppCookieStickinessPolicy": "CreateAppCookieStickinessPolicy", "LBCookieStickinessPolicy": "CreateLBCookieStickinessPolicy"}


def heard(listeners: Any) -> list[Any]:
    return [{k: v for k, v in one.items() if k != "PolicyNames"} for one in listeners or ()]


async def create(r: Resource) -> str:
    await r.do(SERVICE, "CreateLoadBalancer", Listeners=heard(r.get("Listeners")), **{name: r.get(name) for name in TAKEN})
    r.physical = r.properties["LoadBalancerName"]
    await settings(r)
    if r.get("Instances"):
        await r.do(SERVICE, "RegisterInstancesWithLoadBalancer", LoadBalancerName=r.physical, Instances=[{"InstanceId": one} for one in r.get("Instances")])
    return r.physical


async def settings(r: Resource) -> None:
    """Attributes, health check and policies, as far as they differ from before."""
    if r.get("HealthCheck") and r.changed("HealthCheck"):
        await r.do(SERVICE, "ConfigureHealthCheck", LoadBalancerName=r.physical, HealthCheck=r.get("HealthCheck"))
    parts: dict[str, Any] = {api: r.get(name) for name, api in PARTS.items() if r.get(name) and r.changed(name)}
    if r.changed("CrossZone"):
        parts["CrossZoneLoadBalancing"] = {"Enabled": r.get("CrossZone", False)}
    if parts:
        await r.do(SERVICE, "ModifyLoadBalancerAttributes", LoadBalancerName=r.physical, LoadBalancerAttributes=parts)
    await policies(r)


async def policies(r: Resource) -> None:
    """New ones first, then who uses them, then the old ones go."""
    names = ("Policies", *STICKY)
    if not r.changed("Listeners", *names):
        return
    before = {one["PolicyName"]: one for name in names for one in r.old.get(name) or ()}
    wanted = {one["PolicyName"]: (name, one) for name in names for one in r.get(name) or ()}
    for name, (prop, one) in wanted.items():
        if name in before:
            continue
        if prop in STICKY:
            await r.do(SERVICE, STICKY[prop], LoadBalancerName=r.physical, **one)
        else:
            given = [{"AttributeName": pair.get("Name"), "AttributeValue": pair.get("Value")} for pair in one.get("Attributes") or ()]
            await r.do(SERVICE, "CreateLoadBalancerPolicy", LoadBalancerName=r.physical, PolicyName=name, PolicyTypeName=one["PolicyType"], PolicyAttributes=given or None)
    for listener in r.get("Listeners") or ():
        port = str(listener["LoadBalancerPort"])
        used = [*(listener.get("PolicyNames") or ()), *(name for name, (_, one) in wanted.items() if port in map(str, one.get("LoadBalancerPorts") or ()))]
        was = next((one.get("PolicyNames") for one in r.old.get("Listeners") or () if str(one["LoadBalancerPort"]) == port), None)
        if used or was:
            await r.do(SERVICE, "SetLoadBalancerPoliciesOfListener", LoadBalancerName=r.physical, LoadBalancerPort=port, PolicyNames=used)
    for name, (_, one) in wanted.items():
        for port in one.get("InstancePorts") or ():
            await r.do(SERVICE, "SetLoadBalancerPoliciesForBackendServer", LoadBalancerName=r.physical, InstancePort=port, PolicyNames=[name])
    for name in before:
        if name not in wanted:
            await r.do(SERVICE, "DeleteLoadBalancerPolicy", LoadBalancerName=r.physical, PolicyName=name)


async def update(r: Resource) -> None:
    if r.changed("Listeners"):
        old, new = heard(r.old.get("Listeners")), heard(r.get("Listeners"))
        if gone := [one["LoadBalancerPort"] for one in old if one not in new]:
            await r.do(SERVICE, "DeleteLoadBalancerListeners", LoadBalancerName=r.physical, LoadBalancerPorts=gone)
        if fresh := [one for one in new if one not in old]:
            await r.do(SERVICE, "CreateLoadBalancerListeners", LoadBalancerName=r.physical, Listeners=fresh)
    for prop, add, drop in (("Subnets", "AttachLoadBalancerToSubnets", "DetachLoadBalancerFromSubnets"),
                            ("AvailabilityZones", "EnableAvailabilityZonesForLoadBalancer", "DisableAvailabilityZonesForLoadBalancer")):
        before, after = r.old.get(prop) or [], r.get(prop) or []
        if fresh := [one for one in after if one not in before]:
            await r.do(SERVICE, add, LoadBalancerName=r.physical, **{prop: fresh})
        if gone := [one for one in before if one not in after]:
            await r.do(SERVICE, drop, LoadBalancerName=r.physical, **{prop: gone})
    if r.changed("SecurityGroups") and r.get("SecurityGroups"):
        await r.do(SERVICE, "ApplySecurityGroupsToLoadBalancer", LoadBalancerName=r.physical, SecurityGroups=r.get("SecurityGroups"))
    await settings(r)
    before, after = r.old.get("Instances") or [], r.get("Instances") or []
    for operation, chosen in (("RegisterInstancesWithLoadBalancer", [one for one in after if one not in before]), ("DeregisterInstancesFromLoadBalancer", [one for one in before if one not in after])):
        if chosen:
            await r.do(SERVICE, operation, LoadBalancerName=r.physical, Instances=[{"InstanceId": one} for one in chosen])


async def untag(r: Resource) -> None:
    """RemoveTags wants keys in a shape of its own."""
    kept = {one["Key"] for one in r.get("Tags") or ()}
    if gone := [{"Key": one["Key"]} for one in r.old.get("Tags") or () if one["Key"] not in kept]:
        await r.do(SERVICE, "RemoveTags", LoadBalancerNames=[r.physical], Tags=gone)
    if r.changed("Tags") and r.get("Tags"):
        await r.do(SERVICE, "AddTags", LoadBalancerNames=[r.physical], Tags=r.get("Tags"))


async def read(r: Resource) -> None:
    one = (await r.do(SERVICE, "DescribeLoadBalancers", LoadBalancerNames=[r.physical]))["LoadBalancerDescriptions"][0]
    r.attributes |= {"DNSName": one["DNSName"], "CanonicalHostedZoneName": one["CanonicalHostedZoneName"], "CanonicalHostedZoneNameID": one["CanonicalHostedZoneNameID"],
                     "SourceSecurityGroup.GroupName": one["SourceSecurityGroup"]["GroupName"], "SourceSecurityGroup.OwnerAlias": one["SourceSecurityGroup"]["OwnerAlias"]}


TYPES = {
    "AWS::ElasticLoadBalancing::LoadBalancer": Type(
        name="LoadBalancerName", limit=32, create=create, update=steps(update, untag), read=read, delete=op(SERVICE, "DeleteLoadBalancer", LoadBalancerName="{id}")),
}
