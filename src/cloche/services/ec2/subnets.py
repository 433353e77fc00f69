"""Subnets: a piece of a VPC in one zone. Five addresses of each are AWS's; how many are free is counted from those that are taken."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.service_quotas import public as quotas

from . import addresses, describe, errors, errors_vpc, links, names, network, tags, vpcs, zones
from . import service as ec2
from .vpcs import Block, Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

QUOTA = "vpc/L-407747CB"  # per VPC


class Subnet(Record, frozen=True):
    kind = "ec2.subnet"

    id: str
    vpc_id: str
    zone: str
    cidr: str  # "" for one of IPv6 alone
    acl_id: str
    acl_association_id: str
    blocks6: list[Block] = []
    default: bool = False
    map_public: bool = False
    assign6: bool = False
    dns64: bool = False
    native6: bool = False
    hostname_type: str = "ip-name"
    a_record: bool = False
    aaaa_record: bool = False
    lni_index: int = 0

    @property
    def key(self) -> str:
        return self.id

    @property
    def cidr6(self) -> str:
        return self.blocks6[0].cidr if self.blocks6 else ""


def find(call: Call, id_: str) -> Subnet:
    """The account's own; what is shared with it (sharing.py) it may not change."""
    if call.get(Subnet, id_) is None:
        from . import sharing
        sharing.refuse(call, id_)
    return describe.find(call, Subnet, id_, "InvalidSubnetID.NotFound", "subnet ID")


tags.FINDERS["subnet"] = find


def about(call: Call, id_: str) -> dict[str, Any]:
    """What IAM may ask about a subnet."""
    one = call.get(Subnet, id_)
    return {"ec2:SubnetID": id_, "ec2:Vpc": names.arn(call, "vpc", one.vpc_id), "ec2:AvailabilityZone": one.zone} if one else {}


names.ABOUT["subnet"] = about


def of_vpc(call: Call, vpc_id: str) -> list[Subnet]:
    return [find(call, id_) for id_ in links.users(call, vpc_id, "subnet-")]


def put(call: Call, subnet: Subnet) -> Subnet:
    links.tie(call, subnet.id, subnet.vpc_id, subnet.acl_id, *(block.id for block in subnet.blocks6))
    links.tie(call, subnet.acl_association_id, subnet.id)
    return call.put(subnet)


def arn(call: Call, subnet: Subnet) -> str:
    return names.arn(call, "subnet", subnet.id)


def free(call: Call, subnet: Subnet) -> int:
    return addresses.free_count(call, subnet.id, subnet.cidr)


def shown_block6(block: Block, state: str = "associated") -> t.SubnetIpv6CidrBlockAssociation:
    return {"AssociationId": block.id, "Ipv6CidrBlock": block.cidr, "Ipv6CidrBlockState": {"State": state}, "Ipv6AddressAttribute": "public", "IpSource": "amazon"}


def shown(call: Call, subnet: Subnet) -> t.Subnet:
    out: t.Subnet = {
        "SubnetId": subnet.id, "SubnetArn": arn(call, subnet), "State": "available", "VpcId": subnet.vpc_id, "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": zones.id_of(call.account, subnet.zone), "AvailableIpAddressCount": free(call, subnet), "DefaultForAz": subnet.default,
        "MapPublicIpOnLaunch": subnet.map_public, "MapCustomerOwnedIpOnLaunch": False, "AssignIpv6AddressOnCreation": subnet.assign6, "OwnerId": call.account,
        "Ipv6CidrBlockAssociationSet": [shown_block6(block) for block in subnet.blocks6], "EnableDns64": subnet.dns64, "Ipv6Native": subnet.native6,
        "PrivateDnsNameOptionsOnLaunch": {"HostnameType": subnet.hostname_type, "EnableResourceNameDnsARecord": subnet.a_record,  # type: ignore[typeddict-item]
                                          "EnableResourceNameDnsAAAARecord": subnet.aaaa_record},
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"}, "Tags": tags.shown(call, subnet.id),
    }
    if subnet.cidr:
        out["CidrBlock"] = subnet.cidr
    if subnet.lni_index:
        out["EnableLniAtDeviceIndex"] = subnet.lni_index
    return out


# -- making ----------------------------------------------------------------------------------------------------------------------

def range4(call: Call, vpc: Vpc, cidr: str) -> str:
    """A piece of the VPC that no other subnet has."""
    try:
        net = addresses.network(cidr)
    except ValueError:
        raise errors_vpc.bad_cidr(cidr) from None
    if net.version != 4:
        raise errors_vpc.bad_cidr(cidr)
    if not 16 <= net.prefixlen <= 28 or not any(net.subnet_of(addresses.network(block)) for block in vpc.cidrs):  # type: ignore[arg-type]
        raise errors_vpc.subnet_range(cidr)
    if any(other.cidr and net.overlaps(addresses.network(other.cidr)) for other in of_vpc(call, vpc.id)):
        raise errors_vpc.subnet_conflict(cidr)
    return str(net)


def range6(call: Call, vpc: Vpc, cidr: str) -> str:
    """A /44 to /64 (in steps of four) of the VPC's IPv6 ranges."""
    try:
        net = addresses.network(cidr)
    except ValueError:
        raise errors_vpc.bad_cidr(cidr, "ipv6CidrBlock") from None
    if net.version != 6:
        raise errors_vpc.bad_cidr(cidr, "ipv6CidrBlock")
    if net.prefixlen not in range(44, 65, 4) or not any(net.subnet_of(addresses.network(block)) for block in vpc.cidrs6):  # type: ignore[arg-type]
        raise errors_vpc.subnet_range(cidr)
    if any(net.overlaps(addresses.network(block.cidr)) for other in of_vpc(call, vpc.id) for block in other.blocks6):
        raise errors_vpc.subnet_conflict(cidr)
    return str(net)


def enter(call: Call, vpc: Vpc, zone: str, cidr: str, **more: Any) -> Subnet:
    subnet = put(call, Subnet(call.id("subnet-"), vpc.id, zone, cidr, vpc.acl_id, call.id("aclassoc-"), **more))
    network.changed(call)
    return subnet


def make_default(call: Call, vpc: Vpc, zone: str) -> Subnet:
    """The first free /20 of the default VPC."""
    there = [addresses.network(one.cidr) for one in of_vpc(call, vpc.id) if one.cidr]
    cidr = next((str(net) for net in addresses.network(vpc.cidr).subnets(new_prefix=20) if not any(net.overlaps(other) for other in there)), None)
    if cidr is None:
        raise errors_vpc.subnet_conflict(vpc.cidr)
    return enter(call, vpc, zone, cidr, default=True, map_public=True)


@ec2.op(**names.making("subnet", vpc="VpcId"), partly="Outposts, and ranges out of IPAM pools")
def create_subnet(call: Call, req: t.CreateSubnetRequest) -> t.CreateSubnetResult:
    vpc = vpcs.find(call, req["VpcId"])
    native, cidr, cidr6 = bool(req.get("Ipv6Native")), req.get("CidrBlock"), req.get("Ipv6CidrBlock")
    if req.get("OutpostArn"):
        raise errors.unsupported("Cloche has no Outposts")
    for member in ("Ipv4IpamPoolId", "Ipv6IpamPoolId"):
        if pool := req.get(member):
            raise errors.AwsError("InvalidIpamPoolId.NotFound", f"The allocation pool ID '{pool}' does not exist")
    if native:
        if cidr:
            raise errors.combination("An IPv6-only subnet cannot have an IPv4 CIDR block")
        if not cidr6:
            raise errors.missing("ipv6CidrBlock")
    elif not cidr:
        raise errors_vpc.no_cidr()
    cidr = range4(call, vpc, cidr) if cidr else ""
    blocks6 = [Block(call.id("subnet-cidr-assoc-"), range6(call, vpc, cidr6))] if cidr6 else []
    if links.count(call, vpc.id, "subnet-") >= quotas.value(call, QUOTA):
        raise errors_vpc.subnet_limit()
    subnet = enter(call, vpc, _zone(call, req), cidr, blocks6=blocks6, native6=native, assign6=native, hostname_type="resource-name" if native else "ip-name")
    tags.take(call, req, "subnet", subnet.id)
    return {"Subnet": shown(call, subnet)}


def _zone(call: Call, req: Any) -> str:
    if zone := req.get("AvailabilityZone"):
        if req.get("AvailabilityZoneId"):
            raise errors.combination("AvailabilityZone and AvailabilityZoneId cannot be specified in the same request")
        return zones.checked(call, zone)
    if zone_id := req.get("AvailabilityZoneId"):
        if zone := zones.by_id(call.account, call.region, zone_id):
            return zone
        raise errors.invalid_value(zone_id, "availabilityZoneId", "Subnets can currently only be created in the following availability zones: "
                                   + ", ".join(zones.id_of(call.account, each) for each in zones.of(call.region)) + ".")
    return zones.of(call.region)[0]


@ec2.op(**names.LOOK)
def create_default_subnet(call: Call, req: t.CreateDefaultSubnetRequest) -> t.CreateDefaultSubnetResult:
    if not req.get("AvailabilityZone") and not req.get("AvailabilityZoneId"):
        raise errors.missing("AvailabilityZone")
    zone = _zone(call, req)
    vpc = vpcs.default(call)
    if vpc is None:
        raise errors_vpc.no_default_vpc()
    if there := default_of(call, vpc.id, zone):
        raise errors_vpc.default_subnet_exists(there.id, zone)
    if req.get("Ipv6Native"):
        raise errors.unsupported("Cloche makes default subnets with IPv4 only")
    return {"Subnet": shown(call, make_default(call, vpc, zone))}


def default_of(call: Call, vpc_id: str, zone: str) -> Subnet | None:
    return next((one for one in of_vpc(call, vpc_id) if one.default and one.zone == zone), None)


# -- looking and deleting ----------------------------------------------------------------------------------------------------------

FACETS: describe.Facets = {
    "subnet-id": lambda s: s.id, "vpc-id": lambda s: s.vpc_id, "state": lambda s: "available", "cidr-block": lambda s: s.cidr, "cidr": lambda s: s.cidr, "cidrBlock": lambda s: s.cidr,
    "availability-zone": lambda s: s.zone, "availabilityZone": lambda s: s.zone, "availability-zone-id": lambda call, s: zones.id_of(call.account, s.zone),
    "availabilityZoneId": lambda call, s: zones.id_of(call.account, s.zone), "available-ip-address-count": lambda call, s: free(call, s), "default-for-az": lambda s: s.default,
    "defaultForAz": lambda s: s.default, "owner-id": lambda call, s: call.account, "subnet-arn": lambda call, s: arn(call, s), "map-public-ip-on-launch": lambda s: s.map_public,
    "map-customer-owned-ip-on-launch": lambda s: False, "customer-owned-ipv4-pool": lambda s: None, "outpost-arn": lambda s: None, "enable-dns64": lambda s: s.dns64,
    "enable-lni-at-device-index": lambda s: s.lni_index or None, "ipv6-native": lambda s: s.native6, "ipv6-cidr-block-association.ipv6-cidr-block": lambda s: [b.cidr for b in s.blocks6],
    "ipv6-cidr-block-association.association-id": lambda s: [b.id for b in s.blocks6], "ipv6-cidr-block-association.state": lambda s: "associated" if s.blocks6 else None,
    "private-dns-name-options-on-launch.hostname-type": lambda s: s.hostname_type, "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": lambda s: s.a_record,
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": lambda s: s.aaaa_record,
}


@ec2.op(**names.LOOK)
def describe_subnets(call: Call, req: t.DescribeSubnetsRequest) -> t.DescribeSubnetsResult:
    ids = req.get("SubnetIds")
    from . import sharing
    guests = {one.id: (there, sharing.seen(call, there, one)) for there, one in sharing.shared(call) if not ids or one.id in ids}
    mine = [id_ for id_ in ids if id_ not in guests] if ids else None
    found = describe.matching(call, describe.several(call, Subnet, mine, "InvalidSubnetID.NotFound", "subnet ID") if mine or not ids else (), req.get("Filters"), FACETS)
    rows = [shown(call, one) for one in found]
    for there, one in guests.values():
        if not describe.asks_tags(req.get("Filters")) and describe.matching(there, [one], req.get("Filters"), FACETS):
            rows.append({**shown(there, one), "AvailabilityZoneId": zones.id_of(call.account, one.zone), "Tags": []})
    return describe.page(req, rows, "Subnets", ids=ids)


@ec2.op(**names.on("subnet", "SubnetId"))
def delete_subnet(call: Call, req: t.DeleteSubnetRequest) -> None:
    """An interface in it keeps it; the associations with a route table and an ACL go with it."""
    from . import route_tables, subnet_reservations
    subnet = find(call, req["SubnetId"])
    for user in links.users(call, subnet.id):
        if user.rpartition("-")[0] not in ("rtbassoc", "aclassoc", "scr"):
            raise errors.dependency("subnet", subnet.id)
    route_tables.forget(call, subnet.id)
    for one in subnet_reservations.of(call, subnet.id):
        subnet_reservations.drop(call, one)
    links.untie(call, subnet.id)
    links.untie(call, subnet.acl_association_id)
    call.delete(subnet)
    tags.drop(call, subnet.id)
    network.changed(call)
