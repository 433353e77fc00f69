"""VPC endpoints: ways to AWS's services (and to others' endpoint services) that do not leave the VPC.

A gateway endpoint is a route in the tables it is told of. An interface endpoint is a network interface in each of its subnets; with private DNS the
service's own name leads there. Requests through it must pass its policy, which the kernel asks for (`EndpointPolicy`).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import grammar
from cloche.kernel import Call, Record

from . import (
    describe,
    endpoint_catalog,
    errors,
    errors_hybrid,
    links,
    names,
    network,
    prefix_lists,
    route_tables,
    routes,
    security_groups,
    subnets,
    tags,
    vpc_endpoint_services,
    vpcs,
)
from . import network_interfaces as interfaces
from . import service as ec2
from .endpoint_catalog import Known
from .routes import TARGETS, Target

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

FULL_ACCESS = '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'
MOST_INTERFACE, MOST_GATEWAY = 50, 20                  # per VPC, per region
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class VpcEndpoint(Record, frozen=True):
    kind = "ec2.vpc-endpoint"

    id: str
    vpc_id: str
    type: str                                          # Gateway | Interface
    service: str                                       # the service's whole name
    made: float
    policy: str = FULL_ACCESS
    tables: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    private_dns: bool = False
    state: str = "available"
    label: str = ""                                    # of its own DNS names
    ip_type: str = "ipv4"
    only_inbound: bool = False
    provider: str = ""                                 # vpce-svc-..., where it is somebody's endpoint service
    token: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def short(self) -> str:
        return self.service.split(".", 3)[3]


class EndpointPolicy(Record, frozen=True):
    """Of endpoints that do not let everything through: what the kernel asks for each request that comes by one."""
    kind = "ec2.endpoint-policy"
    scope = "cloud"

    id: str
    text: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> VpcEndpoint:
    found = call.get(VpcEndpoint, id_)
    if found is None:
        raise errors_hybrid.endpoint_not_found([id_]) if id_.startswith("vpce-") else errors_hybrid.endpoint_malformed(id_)
    return found


tags.FINDERS["vpce"] = find


def put(call: Call, one: VpcEndpoint) -> VpcEndpoint:
    """Its tables and interfaces are tied to it by themselves; itself it is tied to the VPC, its subnets and groups."""
    links.tie(call, one.id, one.vpc_id, *one.subnets, *one.groups, *one.tables)
    keep_policy(call, one.id, one.policy)
    network.changed(call)
    return call.put(one)


def keep_policy(call: Call, id_: str, text: str) -> None:
    if text != FULL_ACCESS:
        call.put(EndpointPolicy(id_, text))
    elif there := call.get(EndpointPolicy, id_):
        call.delete(there)


def of_vpc(call: Call, vpc_id: str) -> list[VpcEndpoint]:
    return [found for id_ in links.users(call, vpc_id, "vpce-") if (found := call.get(VpcEndpoint, id_))]


def service(call: Call, name: str) -> Known:
    """AWS's, or somebody's that this account may use."""
    found = endpoint_catalog.known(call.region).get(name) or vpc_endpoint_services.offered(call, name)
    if found is None:
        raise errors_hybrid.no_such_service(name)
    return found


def policy(text: str, known: Known) -> str:
    if not known.policy:
        raise errors_hybrid.endpoint_parameter(f"The service {known.name} does not support endpoint policies")
    try:
        grammar.resource(text)
    except ValueError as bad:
        raise errors_hybrid.bad_endpoint_policy(str(bad)) from None
    return text


# -- names ---------------------------------------------------------------------------------------------------------------------------

def own_names(call: Call, one: VpcEndpoint) -> list[tuple[str, tuple[str, ...]]]:
    """Its DNS names with the interfaces they lead to: the regional one, then one a zone."""
    plugs = [found for id_ in one.interfaces if (found := call.get(interfaces.NetworkInterface, id_))]
    host = one.provider or endpoint_catalog.NAMES[one.short].removeprefix("*.")
    start = ("*." if host == "s3" else "") + f"{one.id}-{one.label}"     # S3's is of buckets, access points and control
    out = [(f"{start}.{host}.{call.region}.vpce.amazonaws.com", tuple(x.private for x in plugs))]
    return out + [(f"{start}-{x.zone}.{host}.{call.region}.vpce.amazonaws.com", (x.private,)) for x in plugs]


def private_names(call: Call, one: VpcEndpoint) -> tuple[str, ...]:
    """The public names that lead to it in its VPC."""
    if not one.private_dns or one.type != "Interface" or one.state != "available":
        return ()
    return service_names(call, one)


def service_names(call: Call, one: VpcEndpoint) -> tuple[str, ...]:
    known = endpoint_catalog.known(call.region).get(one.service)
    if known is None:
        held = vpc_endpoint_services.look(call, one.provider)
        return (held.private_name,) if held and held.private_name else ()
    return known.private


def shown(call: Call, one: VpcEndpoint, state: str = "") -> t.VpcEndpoint:
    out: Any = {
        "VpcEndpointId": one.id, "VpcEndpointType": one.type, "VpcId": one.vpc_id, "ServiceName": one.service, "State": state or one.state, "PolicyDocument": one.policy,
        "RouteTableIds": [id_ for id_ in one.tables if call.get(route_tables.RouteTable, id_)], "SubnetIds": list(one.subnets), "NetworkInterfaceIds": list(one.interfaces), "PrivateDnsEnabled": one.private_dns, "RequesterManaged": False,
        "Groups": [{"GroupId": id_, "GroupName": security_groups.find(call, id_).name} for id_ in one.groups], "CreationTimestamp": one.made, "OwnerId": call.account,
        "Tags": tags.shown(call, one.id), "DnsEntries": [], "ServiceRegion": call.region, "IpAddressType": one.ip_type,
    }
    if one.type == "Interface":
        out["DnsOptions"] = {"DnsRecordIpType": one.ip_type, **({"PrivateDnsOnlyForInboundResolverEndpoint": one.only_inbound} if one.short == "s3" and not one.provider else {})}
        out["DnsEntries"] = [{"DnsName": name, "HostedZoneId": endpoint_catalog.ZONE} for name, _ in own_names(call, one)]
        out["DnsEntries"] += [{"DnsName": name, "HostedZoneId": "Z" + one.label.upper()} for name in (service_names(call, one) if one.private_dns else ())]
    return out  # type: ignore[no-any-return]


# -- made and changed ------------------------------------------------------------------------------------------------------------------

def lead(call: Call, one: VpcEndpoint, table_id: str) -> None:
    """A gateway endpoint's route in a table."""
    table, dest = route_tables.find(call, table_id), prefix_lists.own_id(call.region, one.short)
    if table.vpc_id != one.vpc_id:
        raise errors_hybrid.endpoint_parameter(f"Route table {table_id} and network {one.vpc_id} belong to different networks")
    if any(route.destination == dest for route in table.routes):
        raise errors_hybrid.endpoint_route_exists(table_id, dest)
    routes.add(call, table, dest, one.id)


def part(call: Call, one: VpcEndpoint, table_id: str) -> None:
    table = call.get(route_tables.RouteTable, table_id)
    if table:
        routes.remove(call, table, prefix_lists.own_id(call.region, one.short))


def plug(call: Call, one: VpcEndpoint, subnet_id: str, address: str = "") -> str:
    """An interface endpoint's interface in a subnet."""
    subnet = subnets.find(call, subnet_id)
    if subnet.vpc_id != one.vpc_id:
        raise errors_hybrid.endpoint_parameter(f"Subnet {subnet_id} and network {one.vpc_id} belong to different networks")
    if any(subnets.find(call, id_).zone == subnet.zone for id_ in one.subnets if id_ != subnet_id):
        raise errors_hybrid.same_zone(subnet_id)
    made = interfaces.make(call, subnet, groups=list(one.groups), private=address, description=f"VPC Endpoint Interface {one.id}", interface_type="vpc_endpoint", owner=one.id,
                           requester_managed=True, requester_id="amazon-aws")
    return interfaces.put(call, made.but(attachment=interfaces.Attachment(call.id("ela-attach-"), call.now, instance_owner="amazon-aws", device=1))).id


def unplug(call: Call, id_: str) -> None:
    if found := call.get(interfaces.NetworkInterface, id_):
        interfaces.drop(call, found)


def check_dns(call: Call, one: VpcEndpoint, known: Known) -> None:
    """Private DNS is for VPCs with both DNS attributes, and for one endpoint a name."""
    vpc = vpcs.find(call, one.vpc_id)
    if not known.private:
        raise errors_hybrid.private_dns_unsupported(known.name)
    if not (vpc.dns_support and vpc.dns_hostnames):
        raise errors_hybrid.private_dns_attributes(vpc.id)
    for other in of_vpc(call, vpc.id):
        if other.id != one.id and other.private_dns and set(service_names(call, other)) & set(known.private):
            raise errors_hybrid.private_dns_conflict(known.private[0], vpc.id)


UNBUILT = ("ServiceNetworkArn", "ResourceConfigurationArn")


@ec2.op(**names.making("vpc-endpoint", vpc="VpcId", subnet="SubnetIds", security_group="SecurityGroupIds", route_table="RouteTableIds"),
        partly="gateway load balancers, VPC Lattice resources, IPv6 and services of other regions are not built; PrivateLink carries TCP alone")
def create_vpc_endpoint(call: Call, req: t.CreateVpcEndpointRequest) -> t.CreateVpcEndpointResult:
    vpc, kind, token = vpcs.find(call, req["VpcId"]), req.get("VpcEndpointType") or "Gateway", req.get("ClientToken") or ""
    if odd := next((x for x in UNBUILT if req.get(x)), None):
        raise errors.unsupported(f"Cloche does not build endpoints with {odd}")
    if not (name := req.get("ServiceName")):
        raise errors.missing("ServiceName")
    if req.get("ServiceRegion", call.region) != call.region or req.get("IpAddressType", "ipv4") != "ipv4":
        raise errors.unsupported("Cloche does not build endpoints to other regions, nor of IPv6 addresses")
    if token and (same := next((x for x in call.all(VpcEndpoint) if x.token == token), None)):
        if (same.vpc_id, same.service, same.type) != (vpc.id, name, kind):
            raise errors.token_reused()
        return {"VpcEndpoint": shown(call, same), "ClientToken": token}
    known = service(call, name)
    if kind not in known.types:
        raise errors_hybrid.endpoint_type(kind, known.types)
    one = VpcEndpoint(call.id("vpce-"), vpc.id, kind, name, call.now, policy(req["PolicyDocument"], known) if req.get("PolicyDocument") else FULL_ACCESS, token=token,
                      label=call.pick(LETTERS, 8), provider=known.id if known.owner != "amazon" else "")
    one = _gateway(call, req, one) if kind == "Gateway" else _interface(call, req, one, known)
    put(call, one)
    tags.take(call, req, "vpc-endpoint", one.id)
    if one.provider:
        vpc_endpoint_services.connect(call, one)
    network.changed(call)
    answer = shown(call, one, "" if kind == "Gateway" or one.state != "available" else "pending")
    return {"VpcEndpoint": answer, **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


def _gateway(call: Call, req: Any, one: VpcEndpoint) -> VpcEndpoint:
    for member in ("SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled", "SubnetConfigurations"):
        if req.get(member):
            raise errors_hybrid.only_for(member, "Gateway")
    tables = tuple(dict.fromkeys(req.get("RouteTableIds") or ()))
    for table in tables:
        lead(call, one, table)
    return one.but(tables=tables)


def _interface(call: Call, req: Any, one: VpcEndpoint, known: Known) -> VpcEndpoint:
    if req.get("RouteTableIds"):
        raise errors_hybrid.only_for("RouteTableIds", "Interface")
    options = req.get("DnsOptions") or {}
    groups = security_groups.for_interface(call, one.vpc_id, req.get("SecurityGroupIds") or None)
    waits = known.acceptance
    one = one.but(groups=tuple(groups), private_dns=bool(req.get("PrivateDnsEnabled", known.owner == "amazon")), state="pendingAcceptance" if waits else "available",
                  only_inbound=bool(options.get("PrivateDnsOnlyForInboundResolverEndpoint")))
    if one.private_dns:
        check_dns(call, one, known)
    chosen = {each["SubnetId"]: each.get("Ipv4") or "" for each in req.get("SubnetConfigurations") or () if each.get("SubnetId")}
    for subnet in dict.fromkeys([*(req.get("SubnetIds") or ()), *chosen]):
        id_ = plug(call, one, subnet, chosen.get(subnet, ""))
        one = one.but(subnets=(*one.subnets, subnet), interfaces=(*one.interfaces, id_))
    return one


FACETS: describe.Facets = {
    "service-name": lambda e: e.service, "vpc-id": lambda e: e.vpc_id, "vpc-endpoint-id": lambda e: e.id, "vpc-endpoint-state": lambda e: e.state, "vpc-endpoint-type": lambda e: e.type,
    "ip-address-type": lambda e: e.ip_type, "service-region": lambda call, e: call.region,
}


@ec2.op(**names.LOOK)
def describe_vpc_endpoints(call: Call, req: t.DescribeVpcEndpointsRequest) -> t.DescribeVpcEndpointsResult:
    ids = req.get("VpcEndpointIds")
    if ids and (absent := [id_ for id_ in ids if call.get(VpcEndpoint, id_) is None]):
        raise errors_hybrid.endpoint_not_found(absent)
    found = [find(call, id_) for id_ in dict.fromkeys(ids)] if ids else call.all(VpcEndpoint)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "VpcEndpoints", least=1)


@ec2.op(**names.on("vpc-endpoint", "VpcEndpointId", subnet="AddSubnetIds", security_group="AddSecurityGroupIds", route_table="AddRouteTableIds"))
def modify_vpc_endpoint(call: Call, req: t.ModifyVpcEndpointRequest) -> t.ModifyVpcEndpointResult:
    one = find(call, req["VpcEndpointId"])
    known = service(call, one.service) if not one.provider else vpc_endpoint_services.known(call, one)
    if req.get("IpAddressType", "ipv4") != "ipv4":
        raise errors.unsupported("Cloche does not build endpoints of IPv6 addresses")
    if req.get("ResetPolicy") and req.get("PolicyDocument"):
        raise errors.combination("The parameters ResetPolicy and PolicyDocument cannot be used together")
    if req.get("ResetPolicy"):
        one = one.but(policy=FULL_ACCESS)
    elif req.get("PolicyDocument"):
        one = one.but(policy=policy(req["PolicyDocument"], known))
    one = _change_gateway(call, req, one) if one.type == "Gateway" else _change_interface(call, req, one, known)
    put(call, one)
    return {"Return": True}


def _change_gateway(call: Call, req: Any, one: VpcEndpoint) -> VpcEndpoint:
    for member in ("AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds", "PrivateDnsEnabled"):
        if req.get(member):
            raise errors_hybrid.only_for(member, "Gateway")
    for table in req.get("RemoveRouteTableIds") or ():
        if table in one.tables:
            part(call, one, table)
            one = one.but(tables=tuple(x for x in one.tables if x != table))
    for table in req.get("AddRouteTableIds") or ():
        if table not in one.tables:
            lead(call, one, table)
            one = one.but(tables=(*one.tables, table))
    return one


def _change_interface(call: Call, req: Any, one: VpcEndpoint, known: Known) -> VpcEndpoint:
    for member in ("AddRouteTableIds", "RemoveRouteTableIds"):
        if req.get(member):
            raise errors_hybrid.only_for(member, "Interface")
    gone, fresh = req.get("RemoveSecurityGroupIds") or [], req.get("AddSecurityGroupIds") or []
    if gone or fresh:
        groups = [x for x in one.groups if x not in gone] + [x for x in fresh if x not in one.groups]
        if not groups:
            raise errors_hybrid.endpoint_parameter("An interface endpoint has at least one security group")
        groups = security_groups.for_interface(call, one.vpc_id, groups)
        one = one.but(groups=tuple(groups))
        for id_ in one.interfaces:
            interfaces.put(call, interfaces.find(call, id_).but(groups=list(groups)))
    for subnet in req.get("RemoveSubnetIds") or ():
        if subnet in one.subnets:
            at = one.subnets.index(subnet)
            unplug(call, one.interfaces[at])
            one = one.but(subnets=one.subnets[:at] + one.subnets[at + 1:], interfaces=one.interfaces[:at] + one.interfaces[at + 1:])
    for subnet in req.get("AddSubnetIds") or ():
        if subnet not in one.subnets:
            id_ = plug(call, one, subnet)
            one = one.but(subnets=(*one.subnets, subnet), interfaces=(*one.interfaces, id_))
    if "PrivateDnsEnabled" in req:
        one = one.but(private_dns=bool(req["PrivateDnsEnabled"]))
        if one.private_dns:
            check_dns(call, one, known)
    return one


@ec2.op(**names.on("vpc-endpoint", "VpcEndpointIds"))
def delete_vpc_endpoints(call: Call, req: t.DeleteVpcEndpointsRequest) -> t.DeleteVpcEndpointsResult:
    unsuccessful: list[Any] = []
    for id_ in req["VpcEndpointIds"]:
        one = call.get(VpcEndpoint, id_)
        if one is None:
            bad = errors_hybrid.endpoint_not_found([id_])
            unsuccessful.append({"Error": {"Code": bad.code, "Message": bad.message}, "ResourceId": id_})
        else:
            drop(call, one)
    return {"Unsuccessful": unsuccessful}


def drop(call: Call, one: VpcEndpoint) -> None:
    for table in one.tables:
        part(call, one, table)
    for id_ in one.interfaces:
        unplug(call, id_)
    if one.provider:
        vpc_endpoint_services.disconnect(call, one)
    keep_policy(call, one.id, FULL_ACCESS)
    links.untie(call, one.id)
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)


def _check(call: Call, id_: str, table: route_tables.RouteTable) -> None:
    find(call, id_)
    raise errors_hybrid.endpoint_route()


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    one = call.get(VpcEndpoint, id_)
    return one is not None and one.vpc_id == vpc_id and one.state == "available"


TARGETS["vpce"] = Target("GatewayId", _check, _alive)
