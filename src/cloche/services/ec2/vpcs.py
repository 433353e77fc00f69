"""VPCs: a range of private addresses with a router in it. Each is born with a main route table, a network ACL and a security group of its own.

What is in a VPC is asked of `links`: everything in it is tied to it, and so a VPC that is not empty refuses to go.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, Record
from cloche.services.service_quotas import public as quotas

from . import addresses, describe, dhcp_options, errors, errors_vpc, links, names, network, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

QUOTA = "vpc/L-F678F1CE"  # per region, the default VPC included
DEFAULT_CIDR = "172.31.0.0/16"
GOING: list[Callable[[Call, Vpc], None]] = []  # f(call, vpc): what goes along with a VPC that is deleted (peering connections)
NEVER = tuple(addresses.network(cidr) for cidr in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"))


class Block(msgspec.Struct, frozen=True):
    """A range of the VPC: an association with an id. IPv6 ranges come from Cloche's own."""
    id: str
    cidr: str


class Vpc(Record, frozen=True):
    kind = "ec2.vpc"

    id: str
    blocks: list[Block]  # the primary one first
    dhcp_options_id: str
    blocks6: list[Block] = []
    tenancy: str = "default"
    default: bool = False
    dns_support: bool = True
    dns_hostnames: bool = False
    usage_metrics: bool = False
    acl_id: str = ""
    group_id: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def cidr(self) -> str:
        return self.blocks[0].cidr

    @property
    def cidrs(self) -> list[str]:
        return [block.cidr for block in self.blocks]

    @property
    def cidrs6(self) -> list[str]:
        return [block.cidr for block in self.blocks6]


def find(call: Call, id_: str) -> Vpc:
    """The account's own; one with a subnet that is shared with it (sharing.py) it may not change."""
    if call.get(Vpc, id_) is None:
        from . import sharing
        sharing.refuse(call, id_)
    return describe.find(call, Vpc, id_, "InvalidVpcID.NotFound", "vpc ID")


tags.FINDERS["vpc"] = find


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(Vpc, id_)
    return {"ec2:VpcID": id_, "ec2:Tenancy": one.tenancy} if one else {}


names.ABOUT["vpc"] = _about


def default(call: Call) -> Vpc | None:
    return next((vpc for vpc in call.all(Vpc) if vpc.default), None)


def put(call: Call, vpc: Vpc) -> Vpc:
    links.tie(call, vpc.id, vpc.dhcp_options_id)
    return call.put(vpc)


def range4(cidr: str, parameter: str = "cidrBlock") -> str:
    """An IPv4 range fit for a VPC, in its canonical form."""
    try:
        net = addresses.network(cidr)
    except ValueError:
        raise errors_vpc.bad_cidr(cidr, parameter) from None
    if net.version != 4:
        raise errors_vpc.bad_cidr(cidr, parameter)
    if not 16 <= net.prefixlen <= 28 or any(net.overlaps(bad) for bad in NEVER):
        raise errors_vpc.vpc_range(cidr)
    return str(net)


def shown(call: Call, vpc: Vpc, state: str = "available") -> t.Vpc:
    return {
        "VpcId": vpc.id, "State": state, "CidrBlock": vpc.cidr, "DhcpOptionsId": vpc.dhcp_options_id, "InstanceTenancy": vpc.tenancy, "IsDefault": vpc.default, "OwnerId": call.account,
        "CidrBlockAssociationSet": [shown_block(block) for block in vpc.blocks], "Ipv6CidrBlockAssociationSet": [shown_block6(call, block) for block in vpc.blocks6],
        "Tags": tags.shown(call, vpc.id), "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
    }


def shown_block(block: Block, state: str = "associated") -> t.VpcCidrBlockAssociation:
    return {"AssociationId": block.id, "CidrBlock": block.cidr, "CidrBlockState": {"State": state}}


def shown_block6(call: Call, block: Block, state: str = "associated") -> t.VpcIpv6CidrBlockAssociation:
    return {"AssociationId": block.id, "Ipv6CidrBlock": block.cidr, "Ipv6CidrBlockState": {"State": state}, "NetworkBorderGroup": call.region, "Ipv6Pool": "Amazon",
            "Ipv6AddressAttribute": "public", "IpSource": "amazon"}


# -- a life --------------------------------------------------------------------------------------------------------------------

def enter(call: Call, cidr: str, **more: Any) -> Vpc:
    """A new VPC with its main table, ACL and group."""
    from . import network_acls, route_tables, security_groups
    vpc = Vpc(call.id("vpc-"), [Block(call.id("vpc-cidr-assoc-"), cidr)], dhcp_options.default_id(call), **more)
    put(call, vpc)
    route_tables.make_main(call, vpc)
    acl = network_acls.make_default(call, vpc)
    group = security_groups.make_default(call, vpc)
    return put(call, vpc.but(acl_id=acl.id, group_id=group.id))


def make_default(call: Call) -> Vpc:
    """172.31.0.0/16 with a /20 in every zone and the way to the internet open."""
    from . import internet_gateways, routes, subnets, zones
    vpc = enter(call, DEFAULT_CIDR, default=True, dns_hostnames=True)
    gateway = internet_gateways.enter(call, vpc.id)
    routes.add_default(call, vpc.id, gateway.id)
    for zone in zones.of(call.region):
        subnets.make_default(call, vpc, zone)
    network.changed(call)
    return vpc


def range6(call: Call, req: Any, vpc_id: str) -> Block | None:
    """The IPv6 range that a request asks for."""
    for member in ("Ipv6IpamPoolId", "Ipv4IpamPoolId"):
        if pool := req.get(member):
            raise AwsError("InvalidIpamPoolId.NotFound", f"The allocation pool ID '{pool}' does not exist")
    if pool := req.get("Ipv6Pool"):
        raise AwsError("InvalidIpv6PoolID.NotFound", f"The ipv6Pool ID '{pool}' does not exist")
    if not req.get("AmazonProvidedIpv6CidrBlock"):
        if req.get("Ipv6CidrBlock"):
            raise errors.missing("Ipv6Pool")
        return None
    if req.get("Ipv6CidrBlock"):
        raise errors.combination("The parameters AmazonProvidedIpv6CidrBlock and Ipv6CidrBlock cannot be used together")
    group = req.get("Ipv6CidrBlockNetworkBorderGroup")
    if group and group != call.region:
        raise errors.invalid_value(group, "ipv6CidrBlockNetworkBorderGroup", "Unknown network border group")
    return Block(call.id("vpc-cidr-assoc-"), addresses.take_range6(call, vpc_id))


@ec2.op(**names.making("vpc"), partly="VpcEncryptionControl, and ranges out of IPAM pools or one's own IPv6 pools")
def create_vpc(call: Call, req: t.CreateVpcRequest) -> t.CreateVpcResult:
    if req.get("VpcEncryptionControl"):
        raise errors.unsupported("Cloche does not build VpcEncryptionControl")
    if not (cidr := req.get("CidrBlock")):
        range6(call, req, "")
        raise errors_vpc.no_cidr()
    cidr = range4(cidr)
    if len(call.all(Vpc)) >= quotas.value(call, QUOTA):
        raise errors_vpc.vpc_limit()
    if req.get("InstanceTenancy") == "host":
        raise errors.invalid_value("host", "instanceTenancy", "A VPC's tenancy is default or dedicated")
    vpc = enter(call, cidr, tenancy=req.get("InstanceTenancy") or "default")
    tags.take(call, req, "vpc", vpc.id)
    answer = shown(call, vpc, "pending")
    if block := range6(call, req, vpc.id):
        add_range6(call, vpc, block)
        answer["Ipv6CidrBlockAssociationSet"] = [shown_block6(call, block, "associating")]
    network.changed(call)
    return {"Vpc": answer}


def add_range6(call: Call, vpc: Vpc, block: Block) -> Vpc:
    """With its first IPv6 range, a VPC's default rules let IPv6 through as they do IPv4."""
    from . import network_acls, security_groups
    first = not vpc.blocks6
    vpc = put(call, vpc.but(blocks6=[*vpc.blocks6, block]))
    if first:
        network_acls.open_ipv6(call, vpc)
        security_groups.open_ipv6(call, vpc)
    return vpc


@ec2.op(**names.LOOK)
def create_default_vpc(call: Call, req: t.CreateDefaultVpcRequest) -> t.CreateDefaultVpcResult:
    if there := default(call):
        raise errors_vpc.default_vpc_exists(there.id)
    if len(call.all(Vpc)) >= quotas.value(call, QUOTA):
        raise errors_vpc.vpc_limit()
    return {"Vpc": shown(call, make_default(call), "pending")}


FACETS: describe.Facets = {
    "vpc-id": lambda v: v.id, "cidr": lambda v: v.cidr, "cidr-block": lambda v: v.cidr, "cidrBlock": lambda v: v.cidr, "state": lambda v: "available",
    "cidr-block-association.cidr-block": lambda v: v.cidrs, "cidr-block-association.association-id": lambda v: [b.id for b in v.blocks],
    "cidr-block-association.state": lambda v: "associated", "dhcp-options-id": lambda v: v.dhcp_options_id, "dhcpOptionsId": lambda v: v.dhcp_options_id,
    "ipv6-cidr-block-association.ipv6-cidr-block": lambda v: v.cidrs6, "ipv6-cidr-block-association.association-id": lambda v: [b.id for b in v.blocks6],
    "ipv6-cidr-block-association.ipv6-pool": lambda v: "Amazon" if v.blocks6 else None, "ipv6-cidr-block-association.state": lambda v: "associated" if v.blocks6 else None,
    "is-default": lambda v: v.default, "isDefault": lambda v: v.default, "owner-id": lambda call, v: call.account,
}


@ec2.op(**names.LOOK)
def describe_vpcs(call: Call, req: t.DescribeVpcsRequest) -> t.DescribeVpcsResult:
    ids = req.get("VpcIds")
    from . import sharing
    guests = {one.vpc_id: there for there, one in sharing.shared(call) if not ids or one.vpc_id in ids}
    mine = [id_ for id_ in ids if id_ not in guests] if ids else None
    found = describe.matching(call, describe.several(call, Vpc, mine, "InvalidVpcID.NotFound", "vpc ID") if mine or not ids else (), req.get("Filters"), FACETS)
    rows = [shown(call, vpc) for vpc in found]
    for id_, there in guests.items():
        vpc = there.get(Vpc, id_)
        if vpc and not describe.asks_tags(req.get("Filters")) and describe.matching(there, [vpc], req.get("Filters"), FACETS):
            rows.append({**shown(there, vpc), "Tags": []})
    return describe.page(req, rows, "Vpcs", ids=ids)


ATTRIBUTES = {"enableDnsSupport": ("EnableDnsSupport", "dns_support"), "enableDnsHostnames": ("EnableDnsHostnames", "dns_hostnames"),
              "enableNetworkAddressUsageMetrics": ("EnableNetworkAddressUsageMetrics", "usage_metrics")}


@ec2.op(**names.on("vpc", "VpcId"))
def describe_vpc_attribute(call: Call, req: t.DescribeVpcAttributeRequest) -> t.DescribeVpcAttributeResult:
    from . import sharing
    vpc = sharing.visible(call, req["VpcId"]) or find(call, req["VpcId"])
    member, field = ATTRIBUTES[req["Attribute"]]
    return {"VpcId": vpc.id, member: {"Value": getattr(vpc, field)}}  # type: ignore[misc]


@ec2.op(**names.on("vpc", "VpcId"))
def modify_vpc_attribute(call: Call, req: t.ModifyVpcAttributeRequest) -> None:
    vpc = find(call, req["VpcId"])
    given = {field: bool(req[member].get("Value")) for member, field in ATTRIBUTES.values() if member in req}  # type: ignore[literal-required]
    if not given:
        raise errors_vpc.no_attribute()
    if len(given) > 1:
        raise errors_vpc.one_attribute()
    vpc = vpc.but(**given)
    if given.get("dns_hostnames") and not vpc.dns_support:
        raise errors_vpc.dns_hostnames_need_support()
    put(call, vpc)
    network.changed(call)


@ec2.op(**names.on("vpc", "VpcId"))
def modify_vpc_tenancy(call: Call, req: t.ModifyVpcTenancyRequest) -> t.ModifyVpcTenancyResult:
    """One may turn dedicated tenancy off, never on."""
    vpc = find(call, req["VpcId"])
    put(call, vpc.but(tenancy=req["InstanceTenancy"]))
    return {"ReturnValue": True}


@ec2.op(**names.on("vpc", "VpcId"))
def delete_vpc(call: Call, req: t.DeleteVpcRequest) -> None:
    from . import network_acls, route_tables, security_groups
    vpc = find(call, req["VpcId"])
    main = route_tables.main(call, vpc.id)
    own = {vpc.acl_id, vpc.group_id, main.id}
    for user in links.users(call, vpc.id):
        if user not in own and user.rpartition("-")[0] not in ("rtbassoc", "pcx"):
            raise errors.dependency("vpc", vpc.id)
    for going in GOING:
        going(call, vpc)
    security_groups.left(call, vpc.id)
    route_tables.drop(call, main)
    network_acls.drop(call, vpc.acl_id)
    security_groups.drop(call, vpc.group_id)
    links.untie(call, vpc.id)
    call.delete(vpc)
    tags.drop(call, vpc.id)
    network.changed(call)
