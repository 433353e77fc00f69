"""Load balancers, listeners, rules and target groups in templates. The reference of each is its ARN."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

SERVICE = "elbv2"
tags = retag(SERVICE, "AddTags", "RemoveTags", ResourceArns="{id}")


def pairs(value: Any) -> list[Any] | None:
    """Attributes as the API wants them."""
    return [{"Key": one["Key"], "Value": str(one.get("Value", ""))} for one in value] if value else None


def undone(r: Resource, name: str, defaults: Any) -> list[Any]:
    """Attributes that a template no longer names go back to what they are by themselves."""
    kept = {one["Key"] for one in r.get(name) or ()}
    return [{"Key": one["Key"], "Value": defaults[one["Key"]]} for one in r.old.get(name) or () if one["Key"] not in kept and one["Key"] in defaults]


# -- load balancers ---------------------------------------------------------------------------------------------------------------

NOT_SENT = ("LoadBalancerAttributes", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "EnableCapacityReservationProvisionStabilize", "MinimumLoadBalancerCapacity")


async def create_balancer(r: Resource) -> str:
    if r.get("MinimumLoadBalancerCapacity"):
        await r.do(SERVICE, "ModifyCapacityReservation", LoadBalancerArn="")      # says itself that it is not built
    made = await r.do(SERVICE, "CreateLoadBalancer", **{k: v for k, v in r.properties.items() if k not in NOT_SENT})
    r.physical = made["LoadBalancers"][0]["LoadBalancerArn"]
    await attributes(r)
    return r.physical


async def attributes(r: Resource) -> None:
    from .attributes import BALANCER
    if r.changed("LoadBalancerAttributes"):
        kind = r.get("Type", "application")
        given = [*(pairs(r.get("LoadBalancerAttributes")) or []), *undone(r, "LoadBalancerAttributes", {k: v.default for k, v in BALANCER[kind].items()})]
        if given:
            await r.do(SERVICE, "ModifyLoadBalancerAttributes", LoadBalancerArn=r.physical, Attributes=given)


async def update_balancer(r: Resource) -> None:
    if r.changed("Subnets", "SubnetMappings"):
        await r.do(SERVICE, "SetSubnets", LoadBalancerArn=r.physical, Subnets=r.get("Subnets"), SubnetMappings=r.get("SubnetMappings"))
    if r.changed("SecurityGroups") and r.get("SecurityGroups"):
        await r.do(SERVICE, "SetSecurityGroups", LoadBalancerArn=r.physical, SecurityGroups=r.get("SecurityGroups"))
    if r.changed("IpAddressType"):
        await r.do(SERVICE, "SetIpAddressType", LoadBalancerArn=r.physical, IpAddressType=r.get("IpAddressType", "ipv4"))
    await attributes(r)


async def read_balancer(r: Resource) -> None:
    one = (await r.do(SERVICE, "DescribeLoadBalancers", LoadBalancerArns=[r.physical]))["LoadBalancers"][0]
    r.attributes |= {"LoadBalancerArn": r.physical, "DNSName": one["DNSName"], "CanonicalHostedZoneID": one["CanonicalHostedZoneId"], "LoadBalancerName": one["LoadBalancerName"],
                     "LoadBalancerFullName": r.physical.partition(":loadbalancer/")[2], "SecurityGroups": one.get("SecurityGroups", [])}


async def active(r: Resource) -> bool:
    one = (await r.do(SERVICE, "DescribeLoadBalancers", LoadBalancerArns=[r.physical]))["LoadBalancers"][0]
    return bool(one["State"]["Code"] != "provisioning")


# -- listeners and rules ------------------------------------------------------------------------------------------------------------

async def create_listener(r: Resource) -> str:
    made = await r.do(SERVICE, "CreateListener", **{k: v for k, v in r.properties.items() if k != "ListenerAttributes"})
    r.physical = made["Listeners"][0]["ListenerArn"]
    await listener_attributes(r)
    return r.physical


async def listener_attributes(r: Resource) -> None:
    from .attributes import LISTENER
    if r.changed("ListenerAttributes"):
        given = [*(pairs(r.get("ListenerAttributes")) or []), *undone(r, "ListenerAttributes", {k: v.default for k, v in LISTENER[r.get("Protocol", "HTTP")].items()})]
        if given:
            await r.do(SERVICE, "ModifyListenerAttributes", ListenerArn=r.physical, Attributes=given)


async def read_listener(r: Resource) -> None:
    r.attributes["ListenerArn"] = r.physical


async def create_rule(r: Resource) -> str:
    made = await r.do(SERVICE, "CreateRule", **r.properties)
    return str(made["Rules"][0]["RuleArn"])


async def update_rule(r: Resource) -> None:
    if r.changed("Conditions", "Actions", "Transforms"):
        await r.do(SERVICE, "ModifyRule", RuleArn=r.physical, Conditions=r.get("Conditions"), Actions=r.get("Actions"), Transforms=r.get("Transforms"),
                   ResetTransforms=True if r.old.get("Transforms") and not r.get("Transforms") else None)
    if r.changed("Priority"):
        await r.do(SERVICE, "SetRulePriorities", RulePriorities=[{"RuleArn": r.physical, "Priority": r.get("Priority")}])


async def read_rule(r: Resource) -> None:
    r.attributes |= {"RuleArn": r.physical, "IsDefault": False}


async def create_certificates(r: Resource) -> str:
    await r.do(SERVICE, "AddListenerCertificates", ListenerArn=r.get("ListenerArn"), Certificates=r.get("Certificates"))
    r.physical = f"{r.stack_name}-{r.logical}-{r.call.pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 12)}"
    r.attributes["Id"] = r.physical
    return r.physical


async def update_certificates(r: Resource) -> None:
    await r.do(SERVICE, "AddListenerCertificates", ListenerArn=r.get("ListenerArn"), Certificates=r.get("Certificates"))
    if gone := [one for one in r.old.get("Certificates") or () if one not in r.get("Certificates")]:
        await r.do(SERVICE, "RemoveListenerCertificates", ListenerArn=r.get("ListenerArn"), Certificates=gone)


async def delete_certificates(r: Resource) -> None:
    await r.do(SERVICE, "RemoveListenerCertificates", ListenerArn=r.get("ListenerArn"), Certificates=r.get("Certificates"))


# -- target groups ------------------------------------------------------------------------------------------------------------------

HEALTH = ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount",
          "UnhealthyThresholdCount", "Matcher")


async def create_group(r: Resource) -> str:
    made = await r.do(SERVICE, "CreateTargetGroup", **{k: v for k, v in r.properties.items() if k not in ("TargetGroupAttributes", "Targets")})
    r.physical = made["TargetGroups"][0]["TargetGroupArn"]
    await group_attributes(r)
    if r.get("Targets"):
        await r.do(SERVICE, "RegisterTargets", TargetGroupArn=r.physical, Targets=r.get("Targets"))
    return r.physical


async def group_attributes(r: Resource) -> None:
    from .attributes import GROUP
    if r.changed("TargetGroupAttributes"):
        defaults = {k: v.default for table in GROUP.values() for k, v in table.items()}
        given = [*(pairs(r.get("TargetGroupAttributes")) or []), *undone(r, "TargetGroupAttributes", defaults)]
        if given:
            await r.do(SERVICE, "ModifyTargetGroupAttributes", TargetGroupArn=r.physical, Attributes=given)


async def update_group(r: Resource) -> None:
    if r.changed(*HEALTH):
        await r.do(SERVICE, "ModifyTargetGroup", TargetGroupArn=r.physical, **{name: r.get(name) for name in HEALTH})
    await group_attributes(r)
    old, new = r.old.get("Targets") or [], r.get("Targets") or []
    if fresh := [one for one in new if one not in old]:
        await r.do(SERVICE, "RegisterTargets", TargetGroupArn=r.physical, Targets=fresh)
    if gone := [one for one in old if one not in new]:
        await r.do(SERVICE, "DeregisterTargets", TargetGroupArn=r.physical, Targets=gone)


async def read_group(r: Resource) -> None:
    one = (await r.do(SERVICE, "DescribeTargetGroups", TargetGroupArns=[r.physical]))["TargetGroups"][0]
    r.attributes |= {"TargetGroupArn": r.physical, "TargetGroupName": one["TargetGroupName"], "TargetGroupFullName": r.physical.rpartition(":")[2], "LoadBalancerArns": one["LoadBalancerArns"]}


TYPES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Type(
        name="Name", limit=32, create=create_balancer, ready=active, read=read_balancer, update=steps(update_balancer, tags), attributes=("SecurityGroups",),
        delete=op(SERVICE, "DeleteLoadBalancer", LoadBalancerArn="{id}")),
    "AWS::ElasticLoadBalancingV2::Listener": Type(
        create=create_listener, read=read_listener, delete=op(SERVICE, "DeleteListener", ListenerArn="{id}"), gone=("ListenerNotFound",),
        update=steps(op(SERVICE, "ModifyListener", send=("Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy", "MutualAuthentication"), ListenerArn="{id}"),
                     listener_attributes, tags)),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Type(
        create=create_rule, read=read_rule, update=steps(update_rule, tags), delete=op(SERVICE, "DeleteRule", RuleArn="{id}"), gone=("RuleNotFound",)),
    "AWS::ElasticLoadBalancingV2::ListenerCertificate": Type(
        create=create_certificates, update=update_certificates, delete=delete_certificates, gone=("ListenerNotFound",)),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Type(
        name="Name", limit=32, create=create_group, read=read_group, update=steps(update_group, tags), delete=op(SERVICE, "DeleteTargetGroup", TargetGroupArn="{id}")),
}
