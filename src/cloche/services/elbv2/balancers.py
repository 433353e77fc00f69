"""Load balancers: made over subnets of at least two zones (a Network Load Balancer: one), `provisioning` until their nodes really listen, then `active`.

A name is a key: it is unique among the account's load balancers of a region. Asking for the same thing again gives the same load balancer.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call, Record
from cloche.services.ce import public as ce
from cloche.services.iam import public as iam

from . import attributes, errors, limits, names, network, pages
from . import service as elbv2

if TYPE_CHECKING:
    from cloche.shapes import elbv2 as t

PROVISIONING_SECONDS = 10.0
MINIMUM_ZONES = {"application": 2, "network": 1}


class Mapping(msgspec.Struct, frozen=True, omit_defaults=True):
    """One zone of a load balancer."""

    subnet: str
    zone: str
    allocation: str = ""
    private: str = ""


class LoadBalancer(Record, frozen=True):
    kind = "elbv2.load-balancer"

    name: str
    arn: str
    type: str
    scheme: str
    vpc: str
    dns: str
    created: float
    zones: tuple[Mapping, ...]
    groups: tuple[str, ...] = ()
    ip_type: str = "ipv4"
    state: str = "provisioning"
    reason: str = ""
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """`app/NAME/ID`"""
        return self.arn.rpartition(":loadbalancer/")[2]

    def attribute(self, key: str) -> str:
        return attributes.value(attributes.BALANCER[self.type], self.attributes, key)


class Endpoint(Record, frozen=True):
    """Whose load balancer answers at a DNS name: the one thing a request without account knows. Classic ones are entered here too."""

    kind = "elbv2.endpoint"
    scope = "cloud"

    dns: str
    account: str
    region: str
    name: str
    type: str

    @property
    def key(self) -> str:
        return self.dns.lower()


def find(call: Call, arn: str) -> LoadBalancer:
    found = call.get(LoadBalancer, names.split(arn, "loadbalancer", "load balancer")[1])
    if found is None or found.arn != arn:
        raise errors.no_such_balancer(arn)
    return found


def facts(call: Call, req: Any) -> dict[str, Any]:
    arn = req.get("LoadBalancerArn") or ""
    found = call.get(LoadBalancer, arn.split("/")[2]) if arn.count("/") >= 2 else None
    return names.asked(req) | (names.tagged(found.tags) if found else {})


def facts_of_new(call: Call, req: Any) -> dict[str, Any]:
    subnets = [*req.get("Subnets", ()), *(one.get("SubnetId", "") for one in req.get("SubnetMappings", ()))]
    return names.asked(req) | {"elasticloadbalancing:Scheme": req.get("Scheme", "internet-facing"), "elasticloadbalancing:Subnet": subnets,
                               "elasticloadbalancing:SecurityGroup": list(req.get("SecurityGroups", ()))}


def arn_of_new(call: Call, req: Any) -> str:
    return call.arn(f"loadbalancer/{names.SHORT.get(req.get('Type', 'application'), 'gwy')}/{req['Name']}/*")


# -- make -------------------------------------------------------------------------------------------------------------------------

@elbv2.op(resource=arn_of_new, action=names.making("CreateLoadBalancer"), context=facts_of_new, partly="Gateway Load Balancers are not built; addresses are IPv4; targets of a Network Load Balancer see its "
          "address, not the client's (the proxy protocol tells)")
def create_load_balancer(call: Call, req: t.CreateLoadBalancerInput) -> t.CreateLoadBalancerOutput:
    from . import nodes, tags
    type_, name, scheme = req.get("Type", "application"), req["Name"], req.get("Scheme", "internet-facing")
    if type_ == "gateway":
        raise errors.gateway_not_built()
    names.check(name, "load balancer")
    tagged = tags.given(call, req)
    zones, vpc = placed(call, req, type_, scheme)
    groups = guarded(call, req.get("SecurityGroups"), vpc, type_)
    ip_type = addressed(call, req.get("IpAddressType", "ipv4"), zones, type_)
    old = call.get(LoadBalancer, name)
    if old is not None:
        if (old.type, old.scheme, set(old.zones), set(old.groups), old.ip_type) != (type_, scheme, set(zones), set(groups), ip_type):
            raise errors.duplicate_balancer(name)
        return {"LoadBalancers": [view(call, old)]}
    if sum(one.type == type_ for one in call.all(LoadBalancer)) >= limits.BALANCERS[type_]:
        raise errors.too_many_balancers()
    iam.ensure_linked(call, "elasticloadbalancing.amazonaws.com")
    id_ = call.id(digits=16)
    made = call.put(LoadBalancer(name, call.arn(f"loadbalancer/{names.SHORT[type_]}/{name}/{id_}"), type_, scheme, vpc, names.dns(call, name, id_, type_, scheme), call.now, zones, groups,
                                 ip_type, tags=tagged))
    call.put(Endpoint(made.dns, call.account, call.region, name, type_))
    ce.keep(call, "Amazon Elastic Load Balancing", "GatewayLoadBalancerUsage" if type_ == "gateway" else "LoadBalancerUsage", made.arn)
    nodes.begin(call, made)
    return {"LoadBalancers": [view(call, made)]}


def placed(call: Call, req: Any, type_: str, scheme: str, kept: tuple[Mapping, ...] = ()) -> tuple[tuple[Mapping, ...], str]:
    """The zones that a request asks for, and their VPC."""
    given = req.get("SubnetMappings") or [{"SubnetId": one} for one in req.get("Subnets", ())]
    if req.get("Subnets") and req.get("SubnetMappings"):
        raise errors.subnets_and_mappings()
    if not given:
        raise errors.two_zones() if type_ == "application" else errors.one_subnet()
    found = network.subnets(call, [one.get("SubnetId", "") for one in given])
    if len({one.vpc for one in found}) > 1:
        raise errors.several_vpcs("subnets")
    if len({one.zone for one in found}) < len({one.id for one in found}):
        raise errors.same_zone()
    if len({one.zone for one in found}) < MINIMUM_ZONES[type_]:
        raise errors.two_zones()
    before = {one.subnet: one for one in kept}
    if type_ == "application" and any(one.get(member) for one in given for member in ("AllocationId", "PrivateIPv4Address")):
        raise errors.validation("Addresses cannot be chosen for Application Load Balancers")
    if scheme == "internal" and any(one.get("AllocationId") for one in given):
        raise errors.validation("Elastic IP addresses cannot be specified for internal load balancers")
    if scheme == "internet-facing" and any(one.get("PrivateIPv4Address") for one in given):
        raise errors.validation("Private addresses cannot be specified for internet-facing load balancers")
    network.allocations(call, [one["AllocationId"] for one in given if one.get("AllocationId") and before.get(one["SubnetId"], Mapping("", "")).allocation != one["AllocationId"]])
    for one in found:
        if one.id not in before and one.free < (network.ROOM if type_ == "application" else 1):
            raise errors.no_room(one.id, network.ROOM if type_ == "application" else 1)
    if scheme == "internet-facing" and not network.has_gateway(call, found[0].vpc):
        raise errors.no_gateway(found[0].vpc)
    pairs = {one.id: Mapping(one.id, one.zone, asked.get("AllocationId", ""), asked.get("PrivateIPv4Address", "")) for one, asked in zip(found, given)}
    return tuple(sorted(pairs.values(), key=lambda one: one.zone)), found[0].vpc


def guarded(call: Call, wanted: Any, vpc: str, type_: str) -> tuple[str, ...]:
    """The security groups: those asked for, or the VPC's default group; a Network Load Balancer may have none."""
    if not wanted:
        return (network.default_group(call, vpc),) if type_ == "application" else ()
    found = network.groups(call, wanted)
    if set(found.values()) != {vpc}:
        raise errors.groups_elsewhere()
    return tuple(dict.fromkeys(wanted))


def addressed(call: Call, ip_type: str, zones: tuple[Mapping, ...], type_: str) -> str:
    if ip_type != "ipv4":
        for one in network.subnets(call, [zone.subnet for zone in zones]):
            if not one.ipv6:
                raise errors.no_ipv6(one.id)
    if ip_type == "dualstack-without-public-ipv4" and type_ != "application":
        raise errors.configuration("The IP address type 'dualstack-without-public-ipv4' is only supported for internet-facing Application Load Balancers")
    return ip_type


# -- told -------------------------------------------------------------------------------------------------------------------------

def view(call: Call, one: LoadBalancer) -> Any:
    from . import nodes
    state = {"Code": one.state} | ({"Reason": one.reason} if one.reason else {})
    out = {
        "LoadBalancerArn": one.arn, "DNSName": one.dns, "CanonicalHostedZoneId": names.zone_id(call.region, one.type), "CreatedTime": one.created, "LoadBalancerName": one.name,
        "Scheme": one.scheme, "VpcId": one.vpc, "State": state, "Type": one.type, "AvailabilityZones": zones_of(call, one), "IpAddressType": one.ip_type,
    }
    if one.groups:
        out["SecurityGroups"] = list(one.groups)
    if one.type == "network" and one.groups:
        out["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = one.attributes.get(nodes.ENFORCE, "on")
    return out


def zones_of(call: Call, one: LoadBalancer) -> list[Any]:
    from . import nodes
    out = []
    for zone in one.zones:
        addresses: list[Any] = []
        if zone.allocation:
            node = call.get(nodes.Node, nodes.key(one, zone.subnet))
            addresses = [{"AllocationId": zone.allocation} | ({"IpAddress": node.public} if node and node.public else {})]
        elif zone.private:
            addresses = [{"PrivateIPv4Address": zone.private}]
        out.append({"ZoneName": zone.zone, "SubnetId": zone.subnet, "LoadBalancerAddresses": addresses})
    return out


@elbv2.op(resource=ANY)
def describe_load_balancers(call: Call, req: t.DescribeLoadBalancersInput) -> t.DescribeLoadBalancersOutput:
    if req.get("LoadBalancerArns") and req.get("Names"):
        raise errors.name_or_arn("load balancer")
    if arns := req.get("LoadBalancerArns"):
        found = [find(call, arn) for arn in arns]
    elif wanted := req.get("Names"):
        found = []
        for name in wanted:
            one = call.get(LoadBalancer, name)
            if one is None:
                raise errors.no_such_balancer(name)
            found.append(one)
    else:
        found = sorted(call.all(LoadBalancer), key=lambda one: (one.created, one.name))
    shown, more = pages.page(found, req, 400, lambda one: one.arn)
    return {"LoadBalancers": [view(call, one) for one in shown], **more}  # type: ignore[typeddict-item]


# -- change -----------------------------------------------------------------------------------------------------------------------

BALANCER = names.member("LoadBalancerArn")


@elbv2.op(resource=BALANCER, context=facts)
def set_subnets(call: Call, req: t.SetSubnetsInput) -> t.SetSubnetsOutput:
    from . import nodes
    one = find(call, req["LoadBalancerArn"])
    zones, vpc = placed(call, req, one.type, one.scheme, one.zones)
    if vpc != one.vpc:
        raise errors.several_vpcs("subnets")
    if one.type == "network" and not {zone.subnet for zone in one.zones} <= {zone.subnet for zone in zones}:
        raise errors.configuration("Subnets cannot be removed from Network Load Balancers without security groups") if not one.groups else errors.configuration(
            "Subnet removal is not supported for Network Load Balancers. You must specify all existing subnets along with any new ones")
    ip_type = addressed(call, req.get("IpAddressType", one.ip_type), zones, one.type)
    one = call.put(one.but(zones=zones, ip_type=ip_type))
    nodes.changed(call, one)
    return {"AvailabilityZones": zones_of(call, one), "IpAddressType": one.ip_type}  # type: ignore[typeddict-item]


@elbv2.op(resource=BALANCER, context=lambda call, req: facts(call, req) | {"elasticloadbalancing:SecurityGroup": list(req.get("SecurityGroups", ()))})
def set_security_groups(call: Call, req: t.SetSecurityGroupsInput) -> t.SetSecurityGroupsOutput:
    from . import nodes
    one = find(call, req["LoadBalancerArn"])
    if one.type == "network" and not one.groups:
        raise errors.groups_missing_at_birth()
    if not req["SecurityGroups"]:
        raise errors.validation("At least one security group must be specified")
    kept = dict(one.attributes)
    if enforce := req.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"):
        kept[nodes.ENFORCE] = enforce
    one = call.put(one.but(groups=guarded(call, req["SecurityGroups"], one.vpc, one.type), attributes=kept))
    nodes.changed(call, one)
    return {"SecurityGroupIds": list(one.groups)} | ({"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": kept.get(nodes.ENFORCE, "on")} if one.type == "network" else {})  # type: ignore


@elbv2.op(resource=BALANCER, context=facts, partly="the kind is kept and its subnets are checked, but the load balancers of Cloche have IPv4 addresses only")
def set_ip_address_type(call: Call, req: t.SetIpAddressTypeInput) -> t.SetIpAddressTypeOutput:
    one = find(call, req["LoadBalancerArn"])
    one = call.put(one.but(ip_type=addressed(call, req["IpAddressType"], one.zones, one.type)))
    return {"IpAddressType": one.ip_type}  # type: ignore[typeddict-item]


@elbv2.op(resource=BALANCER, context=facts, partly="kept, but without effect: connection and health check logs, desync mitigation, HTTP/2, zonal shift, "
          "client_keep_alive, secondary addresses and the routing policy of DNS records")
def modify_load_balancer_attributes(call: Call, req: t.ModifyLoadBalancerAttributesInput) -> Any:
    from .traffic import access_logs
    one = find(call, req["LoadBalancerArn"])
    table = attributes.BALANCER[one.type]
    new = one.but(attributes=attributes.changed(table, req["Attributes"], one.attributes, "Load balancer", attributes.BALANCER))
    check = access_logs.may_write(call, one, new)
    if check is None:
        call.put(new)
        return {"Attributes": attributes.shown(table, new.attributes)}
    return _with_logs(call, new, check)


async def _with_logs(call: Call, new: LoadBalancer, check: Any) -> Any:
    """A bucket for logs is tried before it is taken."""
    await check
    with call.step():
        call.put(find(call, new.arn).but(attributes=new.attributes))
    return {"Attributes": attributes.shown(attributes.BALANCER[new.type], new.attributes)}


@elbv2.op(resource=ANY)
def describe_load_balancer_attributes(call: Call, req: t.DescribeLoadBalancerAttributesInput) -> t.DescribeLoadBalancerAttributesOutput:
    one = find(call, req["LoadBalancerArn"])
    return {"Attributes": attributes.shown(attributes.BALANCER[one.type], one.attributes)}  # type: ignore[typeddict-item]


@elbv2.op(resource=BALANCER, context=facts)
def delete_load_balancer(call: Call, req: t.DeleteLoadBalancerInput) -> None:
    """Its listeners and rules go with it; its target groups stay. One that is gone already is no error."""
    from . import listeners, nodes, targets
    one = call.get(LoadBalancer, names.split(req["LoadBalancerArn"], "loadbalancer", "load balancer")[1])
    if one is None or one.arn != req["LoadBalancerArn"]:
        return
    if one.attribute("deletion_protection.enabled") == "true":
        raise errors.protected(one.arn)
    if targets.balancer_is_target(call, one.arn):
        raise errors.in_use_as_target(one.arn)
    for listener in listeners.of(call, one):
        listeners.remove(call, listener)
    if endpoint := call.get(Endpoint, one.dns.lower()):
        call.delete(endpoint)
    ce.end(call, one.arn, dict(one.tags))
    call.delete(one)
    from cloche.services.wafv2 import public as wafv2
    wafv2.forget(call, one.arn)
    nodes.end(call, one)
