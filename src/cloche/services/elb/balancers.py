"""Classic Load Balancers: name, zones or subnets, listeners, instances, one health check. They have no state: what is there serves.

A zone of the default VPC stands for its default subnet.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.elbv2 import public as elbv2
from cloche.services.iam import public as iam

from . import errors
from . import service as elb

if TYPE_CHECKING:
    from cloche.shapes import elb as t

MOST, DRAINING_SECONDS = 20, 300
LIMITS = {"classic-load-balancers": MOST, "classic-listeners": 100, "classic-registered-instances": 1000}


class Listener(msgspec.Struct, frozen=True, omit_defaults=True):
    protocol: str
    port: int
    instance_protocol: str
    instance_port: int
    certificate: str = ""
    policies: tuple[str, ...] = ()


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A registered instance, and what its checks have found."""

    id: str
    registered: float
    zone: str = ""
    address: str = ""
    well: bool = False
    passed: int = 0
    failed: int = 0
    seen: bool = False              # a check has been made
    draining: float = 0.0


class LoadBalancer(Record, frozen=True):
    kind = "elb.load-balancer"

    name: str
    dns: str
    scheme: str
    vpc: str
    created: float
    zones: dict[str, str]           # subnet -> zone
    groups: tuple[str, ...]
    listeners: tuple[Listener, ...]
    check: dict[str, Any]
    members: dict[str, Member] = {}
    policies: dict[str, Any] = {}   # name -> {"type": ..., attributes}
    backends: dict[str, list[str]] = {}
    attributes: dict[str, Any] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    def setting(self, part: str) -> dict[str, Any]:
        return DEFAULTS[part] | self.attributes.get(part, {})


DEFAULTS: dict[str, dict[str, Any]] = {
    "CrossZoneLoadBalancing": {"Enabled": False}, "AccessLog": {"Enabled": False}, "ConnectionDraining": {"Enabled": False, "Timeout": DRAINING_SECONDS},
    "ConnectionSettings": {"IdleTimeout": 60}, "AdditionalAttributes": {"elb.http.desyncmitigationmode": "defensive"},
}


def find(call: Call, name: str) -> LoadBalancer:
    found = call.get(LoadBalancer, name)
    if found is None:
        raise errors.no_such_balancer(name)
    return found


def arn(call: Call, name: str) -> str:
    return call.arn(f"loadbalancer/{name}")


def by_name(call: Call, req: Any) -> Any:
    names = req.get("LoadBalancerNames")
    return [arn(call, one) for one in names] if names else arn(call, req.get("LoadBalancerName", "*"))


def facts(call: Call, req: Any) -> dict[str, Any]:
    found = call.get(LoadBalancer, req.get("LoadBalancerName") or next(iter(req.get("LoadBalancerNames") or [""]), ""))
    tags = {f"{kind}:ResourceTag/{k}": v for kind in ("aws", "elasticloadbalancing") for k, v in found.tags.items()} if found else {}
    asked: dict[str, Any] = {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in req.get("Tags") or ()}
    return tags | asked | ({"aws:TagKeys": [one["Key"] for one in req["Tags"]]} if req.get("Tags") else {})


def making(call: Call, req: Any) -> list[str]:
    return ["elasticloadbalancing:CreateLoadBalancer", *(["elasticloadbalancing:AddTags"] if req.get("Tags") else [])]


# -- make -------------------------------------------------------------------------------------------------------------------------

@elb.op(resource=by_name, action=making, context=facts)
def create_load_balancer(call: Call, req: t.CreateAccessPointInput) -> t.CreateAccessPointOutput:
    from . import listeners, nodes, tags
    name, scheme = req["LoadBalancerName"], req.get("Scheme", "internet-facing")
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?", name):
        raise errors.bad_name(name)
    if scheme not in ("internet-facing", "internal"):
        raise AwsError("InvalidScheme", f"The scheme {scheme} is not valid: it must be internal or internet-facing.")
    if bool(req.get("AvailabilityZones")) == bool(req.get("Subnets")):
        raise errors.zones_or_subnets()
    if not req["Listeners"]:
        raise errors.validation("Listeners must have at least one member")
    tagged = tags.given(req)
    found = placed(call, req.get("Subnets") or zones_as_subnets(call, req["AvailabilityZones"]))
    vpc = found[0].vpc
    if scheme == "internet-facing" and not elbv2.network.has_gateway(call, vpc):
        raise AwsError("InvalidSubnet", f"VPC {vpc} has no internet gateway")
    groups = guarded(call, req.get("SecurityGroups"), vpc)
    heard = tuple(listeners.read(call, one) for one in req["Listeners"])
    zones = {one.id: one.zone for one in found}
    old = call.get(LoadBalancer, name)
    if old is not None:
        if (old.scheme, old.zones, set(old.groups), [one.port for one in old.listeners]) != (scheme, zones, set(groups), [one.port for one in heard]):
            raise errors.duplicate(name)
        return {"DNSName": old.dns}
    if len(call.all(LoadBalancer)) >= MOST:
        raise errors.too_many()
    iam.ensure_linked(call, "elasticloadbalancing.amazonaws.com")
    front = "internal-" if scheme == "internal" else ""
    dns = f"{front}{name}-{call.pick('123456789', 1)}{call.pick('0123456789', 9)}.{call.region}.elb.amazonaws.com"
    check = {"Target": f"TCP:{heard[0].instance_port}", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10}
    made = call.put(LoadBalancer(name, dns, scheme, vpc, call.now, zones, groups, heard, check, tags=tagged))
    elbv2.enter(call, dns, name)
    nodes.changed(call, made)
    return {"DNSName": dns}


def placed(call: Call, subnets: Any) -> list[Any]:
    found = elbv2.network.subnets(call, list(dict.fromkeys(subnets)))
    if len({one.vpc for one in found}) > 1:
        raise errors.configuration("All subnets must be in the same VPC.")
    if len({one.zone for one in found}) < len(found):
        raise errors.same_zone()
    return found


def zones_as_subnets(call: Call, zones: Any) -> list[str]:
    out = []
    for zone in dict.fromkeys(zones):
        found = elbv2.network.default_subnet(call, zone)
        if found is None:
            raise errors.bad_zone(zone)
        out.append(found.id)
    return out


def guarded(call: Call, wanted: Any, vpc: str) -> tuple[str, ...]:
    if not wanted:
        return (elbv2.network.default_group(call, vpc),)
    if set(elbv2.network.groups(call, wanted).values()) != {vpc}:
        raise errors.groups_elsewhere()
    return tuple(dict.fromkeys(wanted))


# -- told -------------------------------------------------------------------------------------------------------------------------

def view(call: Call, one: LoadBalancer) -> Any:
    from . import listeners, policies
    return {
        "LoadBalancerName": one.name, "DNSName": one.dns, "CanonicalHostedZoneName": one.dns, "CanonicalHostedZoneNameID": elbv2.ZONES.get(call.region, elbv2.ZONES["us-east-1"])[0],
        "ListenerDescriptions": [listeners.view(each) for each in one.listeners], "Policies": policies.listed(one),
        "BackendServerDescriptions": [{"InstancePort": int(port), "PolicyNames": names} for port, names in one.backends.items()],
        "AvailabilityZones": sorted(one.zones.values()), "Subnets": sorted(one.zones), "VPCId": one.vpc,
        "Instances": [{"InstanceId": each.id} for each in one.members.values() if not each.draining], "HealthCheck": one.check,
        "SourceSecurityGroup": {"OwnerAlias": call.account, "GroupName": elbv2.network.group_name(call, one.groups[0])}, "SecurityGroups": list(one.groups), "CreatedTime": one.created,
        "Scheme": one.scheme,
    }


@elb.op(resource=ANY)
def describe_load_balancers(call: Call, req: t.DescribeAccessPointsInput) -> t.DescribeAccessPointsOutput:
    found = [find(call, name) for name in req["LoadBalancerNames"]] if req.get("LoadBalancerNames") else sorted(call.all(LoadBalancer), key=lambda one: one.name)
    if marker := req.get("Marker"):
        names = [one.name for one in found]
        if marker not in names:
            raise errors.bad_marker()
        found = found[names.index(marker) + 1:]
    size = req.get("PageSize") or 400
    shown = found[:size]
    return {"LoadBalancerDescriptions": [view(call, one) for one in shown], **({"NextMarker": shown[-1].name} if len(found) > size else {})}  # type: ignore[typeddict-item]


@elb.op(resource=ANY)
def describe_account_limits(call: Call, req: t.DescribeAccountLimitsInput) -> t.DescribeAccountLimitsOutput:
    return {"Limits": [{"Name": name, "Max": str(value)} for name, value in LIMITS.items()]}


# -- change -----------------------------------------------------------------------------------------------------------------------

def _zones(call: Call, one: LoadBalancer, zones: dict[str, str]) -> LoadBalancer:
    from . import nodes
    if not zones:
        raise errors.no_subnet_left()
    one = call.put(one.but(zones=zones))
    nodes.changed(call, one)
    return one


@elb.op(resource=by_name, context=facts)
def attach_load_balancer_to_subnets(call: Call, req: t.AttachLoadBalancerToSubnetsInput) -> t.AttachLoadBalancerToSubnetsOutput:
    one = find(call, req["LoadBalancerName"])
    found = placed(call, [*one.zones, *req["Subnets"]])
    return {"Subnets": sorted(_zones(call, one, {each.id: each.zone for each in found}).zones)}


@elb.op(resource=by_name, context=facts)
def detach_load_balancer_from_subnets(call: Call, req: t.DetachLoadBalancerFromSubnetsInput) -> t.DetachLoadBalancerFromSubnetsOutput:
    one = find(call, req["LoadBalancerName"])
    return {"Subnets": sorted(_zones(call, one, {k: v for k, v in one.zones.items() if k not in req["Subnets"]}).zones)}


@elb.op(resource=by_name, context=facts)
def enable_availability_zones_for_load_balancer(call: Call, req: t.AddAvailabilityZonesInput) -> t.AddAvailabilityZonesOutput:
    one = find(call, req["LoadBalancerName"])
    fresh = [zone for zone in req["AvailabilityZones"] if zone not in one.zones.values()]
    found = placed(call, [*one.zones, *zones_as_subnets(call, fresh)])
    return {"AvailabilityZones": sorted(_zones(call, one, {each.id: each.zone for each in found}).zones.values())}


@elb.op(resource=by_name, context=facts)
def disable_availability_zones_for_load_balancer(call: Call, req: t.RemoveAvailabilityZonesInput) -> t.RemoveAvailabilityZonesOutput:
    one = find(call, req["LoadBalancerName"])
    return {"AvailabilityZones": sorted(_zones(call, one, {k: v for k, v in one.zones.items() if v not in req["AvailabilityZones"]}).zones.values())}


@elb.op(resource=by_name, context=facts)
def apply_security_groups_to_load_balancer(call: Call, req: t.ApplySecurityGroupsToLoadBalancerInput) -> t.ApplySecurityGroupsToLoadBalancerOutput:
    from . import nodes
    one = find(call, req["LoadBalancerName"])
    one = call.put(one.but(groups=guarded(call, req["SecurityGroups"], one.vpc)))
    nodes.changed(call, one)
    return {"SecurityGroups": list(one.groups)}


@elb.op(resource=by_name, context=facts)
def delete_load_balancer(call: Call, req: t.DeleteAccessPointInput) -> None:
    """One that is gone already is no error."""
    from . import health, nodes
    one = call.get(LoadBalancer, req["LoadBalancerName"])
    if one is None:
        return
    for member in one.members:
        call.cancel(health.check, f"{one.name}/{member}")
    elbv2.leave(call, one.dns)
    call.delete(one)
    nodes.end(call, one)
