"""More ranges for a VPC and its subnets. Each IPv4 range of a VPC is a local route in all its tables, from the moment it is associated."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

from . import addresses, errors, errors_vpc, links, names, network, route_tables, subnets, vpcs
from . import service as ec2
from .vpcs import Block, Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5  # of each family
PRIVATE = [addresses.network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
RESERVED = addresses.network("198.19.0.0/16")


def _allowed(vpc: Vpc, cidr: str) -> None:
    """Private ranges of one kind do not join another's (VPC User Guide, "IPv4 CIDR block association restrictions")."""
    net, first = addresses.network(cidr), addresses.network(vpc.cidr)
    kinds = [each for each in PRIVATE if net.subnet_of(each)]  # type: ignore[arg-type]
    if (kinds and not first.subnet_of(kinds[0])) or net.subnet_of(RESERVED):  # type: ignore[arg-type]
        raise errors_vpc.restricted_block(cidr)
    for each in vpc.cidrs:
        if net.overlaps(addresses.network(each)):
            raise errors_vpc.vpc_conflict(cidr)


def _not_routed(call: Call, vpc: Vpc, cidr: str) -> None:
    net = addresses.network(cidr)
    for id_ in links.users(call, vpc.id, "rtb-"):
        for route in route_tables.find(call, id_).routes:
            if "/" in route.destination and addresses.network(route.destination).version == net.version and addresses.network(route.destination).subnet_of(net):  # type: ignore[arg-type]
                raise errors_vpc.cidr_is_routed(cidr, id_)


@ec2.op(**names.on("vpc", "VpcId"), partly="ranges out of IPAM pools or one's own IPv6 pools")
def associate_vpc_cidr_block(call: Call, req: t.AssociateVpcCidrBlockRequest) -> t.AssociateVpcCidrBlockResult:
    vpc = vpcs.find(call, req["VpcId"])
    if not req.get("CidrBlock"):
        block = vpcs.range6(call, req, vpc.id)
        if block is None:
            raise errors_vpc.no_cidr()
        if len(vpc.blocks6) >= MOST:
            raise errors_vpc.vpc_blocks_limit(vpc.id, MOST)
        vpcs.add_range6(call, vpc, block)
        network.changed(call)
        return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": vpcs.shown_block6(call, block, "associating")}
    if req.get("AmazonProvidedIpv6CidrBlock"):
        raise errors.combination("The parameters CidrBlock and AmazonProvidedIpv6CidrBlock cannot be used together")
    cidr = vpcs.range4(req["CidrBlock"])
    _allowed(vpc, cidr)
    _not_routed(call, vpc, cidr)
    if len(vpc.blocks) >= MOST:
        raise errors_vpc.vpc_blocks_limit(vpc.id, MOST)
    block = Block(call.id("vpc-cidr-assoc-"), cidr)
    vpcs.put(call, vpc.but(blocks=[*vpc.blocks, block]))
    network.changed(call)
    return {"VpcId": vpc.id, "CidrBlockAssociation": vpcs.shown_block(block, "associating")}


def _holder(call: Call, id_: str) -> Vpc | None:
    return next((vpc for vpc in call.all(Vpc) if any(block.id == id_ for block in (*vpc.blocks, *vpc.blocks6))), None)  # five at most


def _behind(call: Call, req: Any) -> list[Need]:
    vpc = _holder(call, req["AssociationId"])
    return names.on("vpc", "V")["needs"](call, {"V": vpc.id if vpc else "*"})  # type: ignore[no-any-return]


@ec2.op(needs=_behind)
def disassociate_vpc_cidr_block(call: Call, req: t.DisassociateVpcCidrBlockRequest) -> t.DisassociateVpcCidrBlockResult:
    id_ = req["AssociationId"]
    if (vpc := _holder(call, id_)) is None:
        raise errors_vpc.vpc_block_not_found(id_)
    if vpc.blocks[0].id == id_:
        raise errors_vpc.primary_block(id_)
    block = next(each for each in (*vpc.blocks, *vpc.blocks6) if each.id == id_)
    net = addresses.network(block.cidr)
    for subnet in subnets.of_vpc(call, vpc.id):
        if any(cidr and addresses.network(cidr).overlaps(net) for cidr in (subnet.cidr, *(b.cidr for b in subnet.blocks6))):
            raise errors_vpc.block_in_use(block.cidr)
    vpcs.put(call, vpc.but(blocks=[each for each in vpc.blocks if each.id != id_], blocks6=[each for each in vpc.blocks6 if each.id != id_]))
    network.changed(call)
    if ":" in block.cidr:
        return {"VpcId": vpc.id, "Ipv6CidrBlockAssociation": vpcs.shown_block6(call, block, "disassociating")}
    return {"VpcId": vpc.id, "CidrBlockAssociation": vpcs.shown_block(block, "disassociating")}


@ec2.op(**names.on("subnet", "SubnetId"), partly="ranges out of IPAM pools")
def associate_subnet_cidr_block(call: Call, req: t.AssociateSubnetCidrBlockRequest) -> t.AssociateSubnetCidrBlockResult:
    subnet = subnets.find(call, req["SubnetId"])
    if not req.get("Ipv6CidrBlock"):
        raise errors.missing("ipv6CidrBlock")
    if subnet.blocks6:
        raise errors_vpc.subnet_block_limit(subnet.id)
    block = Block(call.id("subnet-cidr-assoc-"), subnets.range6(call, vpcs.find(call, subnet.vpc_id), req["Ipv6CidrBlock"]))
    subnets.put(call, subnet.but(blocks6=[block]))
    network.changed(call)
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": subnets.shown_block6(block, "associating")}


def _subnet_of(call: Call, id_: str) -> subnets.Subnet | None:
    found = links.users(call, id_, "subnet-")
    return call.get(subnets.Subnet, found[0]) if found else None


def _behind_subnet(call: Call, req: Any) -> list[Need]:
    subnet = _subnet_of(call, req["AssociationId"])
    return names.on("subnet", "S")["needs"](call, {"S": subnet.id if subnet else "*"})  # type: ignore[no-any-return]


@ec2.op(needs=_behind_subnet)
def disassociate_subnet_cidr_block(call: Call, req: t.DisassociateSubnetCidrBlockRequest) -> t.DisassociateSubnetCidrBlockResult:
    subnet = _subnet_of(call, req["AssociationId"])
    if subnet is None:
        raise errors_vpc.subnet_block_not_found(req["AssociationId"])
    block = subnet.blocks6[0]
    if addresses.taken6(call, subnet.id):
        raise errors_vpc.block_in_use(block.cidr)
    subnets.put(call, subnet.but(blocks6=[], assign6=False))
    network.changed(call)
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": subnets.shown_block6(block, "disassociating")}


# -- the other things that change about a subnet --------------------------------------------------------------------------------------------

FLAGS = {"MapPublicIpOnLaunch": "map_public", "AssignIpv6AddressOnCreation": "assign6", "EnableDns64": "dns64", "EnableResourceNameDnsARecordOnLaunch": "a_record",
         "EnableResourceNameDnsAAAARecordOnLaunch": "aaaa_record"}
OTHERS = ("PrivateDnsHostnameTypeOnLaunch", "EnableLniAtDeviceIndex", "DisableLniAtDeviceIndex", "MapCustomerOwnedIpOnLaunch", "CustomerOwnedIpv4Pool")


@ec2.op(**names.on("subnet", "SubnetId"), partly="customer-owned addresses, which belong to Outposts")
def modify_subnet_attribute(call: Call, req: t.ModifySubnetAttributeRequest) -> None:
    """One attribute at a time."""
    subnet = subnets.find(call, req["SubnetId"])
    given = [name for name in (*FLAGS, *OTHERS) if name in req]
    if not given:
        raise errors_vpc.no_attribute()
    if len(given) > 1:
        raise errors_vpc.one_attribute()
    name = given[0]
    changes: dict[str, Any] = {}
    if name in FLAGS:
        value = bool(req[name].get("Value"))  # type: ignore[literal-required]
        if value and name in ("AssignIpv6AddressOnCreation", "EnableDns64", "EnableResourceNameDnsAAAARecordOnLaunch") and not subnet.blocks6:
            raise errors.invalid(f"Invalid value 'true' for {name[0].lower()}{name[1:]}. The subnet {subnet.id} has no IPv6 CIDR block associated with it")
        if value and name == "MapPublicIpOnLaunch" and subnet.native6:
            raise errors.invalid("Invalid value 'true' for mapPublicIpOnLaunch. The subnet is IPv6-only")
        if not value and name == "AssignIpv6AddressOnCreation" and subnet.native6:
            raise errors.invalid("Invalid value 'false' for assignIpv6AddressOnCreation. The subnet is IPv6-only")
        changes[FLAGS[name]] = value
    elif name == "PrivateDnsHostnameTypeOnLaunch":
        if subnet.native6 and req[name] == "ip-name":
            raise errors.invalid("Invalid value 'ip-name' for privateDnsHostnameTypeOnLaunch. The subnet is IPv6-only")
        changes["hostname_type"] = req[name]
    elif name == "EnableLniAtDeviceIndex":
        if not 1 <= req[name] <= 15:
            raise errors.invalid_value(req[name], "enableLniAtDeviceIndex", "Local network interfaces cannot be the primary network interface (eth0)")
        changes["lni_index"] = req[name]
    elif name == "DisableLniAtDeviceIndex":
        changes["lni_index"] = 0
    else:
        raise errors.unsupported("Cloche has no Outposts, and no customer-owned addresses")
    subnets.put(call, subnet.but(**changes))
    network.changed(call)
