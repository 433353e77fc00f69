"""What load balancers ask of EC2: subnets, groups, gateways, instances, addresses. Asked from within: AWS asks nobody's permission for it here."""
from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, NamedTuple

from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import errors

ROOM = 8  # free addresses that a load balancer wants in each subnet


class Subnet(NamedTuple):
    id: str
    vpc: str
    zone: str
    free: int
    cidr: str
    ipv6: bool


def ask(call: Call, operation: str, **req: Any) -> Any:
    return call.as_root().do("ec2", operation, **req)


def subnets(call: Call, ids: Iterable[str]) -> list[Subnet]:
    wanted = list(ids)
    try:
        found = {one["SubnetId"]: one for one in ask(call, "DescribeSubnets", SubnetIds=list(dict.fromkeys(wanted)))["Subnets"]}
    except AwsError as error:
        if error.code.startswith("InvalidSubnetI"):
            raise errors.no_such_subnet([one for one in wanted if one in error.message] or wanted) from None
        raise
    return [subnet(found[one]) for one in wanted]


def subnet(one: Any) -> Subnet:
    return Subnet(one["SubnetId"], one["VpcId"], one["AvailabilityZone"], one["AvailableIpAddressCount"], one["CidrBlock"], bool(one.get("Ipv6CidrBlockAssociationSet")))


def default_subnet(call: Call, zone: str) -> Subnet | None:
    found = ask(call, "DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}, {"Name": "availability-zone", "Values": [zone]}])["Subnets"]
    return subnet(found[0]) if found else None


def groups(call: Call, ids: Iterable[str]) -> dict[str, str]:
    """Security group -> its VPC."""
    wanted = list(dict.fromkeys(ids))
    try:
        return {one["GroupId"]: one["VpcId"] for one in ask(call, "DescribeSecurityGroups", GroupIds=wanted)["SecurityGroups"]} if wanted else {}
    except AwsError as error:
        if error.code.startswith("InvalidGroup"):
            raise errors.no_such_group([one for one in wanted if one in error.message] or wanted) from None
        raise


def default_group(call: Call, vpc: str) -> str:
    return str(ec2.vpc(call.as_root(), vpc).group_id)


def has_gateway(call: Call, vpc: str) -> bool:
    return ec2.has_internet_gateway(call, vpc)


def ranges(call: Call, vpc: str) -> list[Any]:
    """The address ranges of a VPC, IPv4 and IPv6."""
    try:
        found = ask(call, "DescribeVpcs", VpcIds=[vpc])["Vpcs"]
    except AwsError as error:
        if error.code.startswith("InvalidVpcI"):
            raise errors.no_such_vpc(vpc) from None
        raise
    four = [one["CidrBlock"] for one in found[0].get("CidrBlockAssociationSet", ())] or [found[0]["CidrBlock"]]
    return [ipaddress.ip_network(one) for one in [*four, *(x["Ipv6CidrBlock"] for x in found[0].get("Ipv6CidrBlockAssociationSet", ()))]]


def instances(call: Call, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those that there are."""
    out: dict[str, dict[str, Any]] = {}
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return out
    try:
        answer = ask(call, "DescribeInstances", Filters=[{"Name": "instance-id", "Values": wanted}])
    except AwsError as error:
        if error.code != "NotImplemented":
            raise
        return out                                             # a Cloche without instances has none
    for reservation in answer["Reservations"]:
        for one in reservation["Instances"]:
            out[one["InstanceId"]] = one
    return out


def zone_of(call: Call, vpc: str, address: str) -> str:
    """The zone of the subnet that an address lies in; "" if none."""
    where = ipaddress.ip_address(address)
    for one in ask(call, "DescribeSubnets", Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
        if where in ipaddress.ip_network(one["CidrBlock"]):
            return str(one["AvailabilityZone"])
    return ""


def allocations(call: Call, ids: Iterable[str]) -> dict[str, str]:
    """Elastic IP allocation -> public address. Refused if one is missing or in use."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    try:
        found = {one["AllocationId"]: one for one in ask(call, "DescribeAddresses", AllocationIds=wanted)["Addresses"]}
    except AwsError as error:
        if error.code.startswith("InvalidAllocationI"):
            raise errors.no_such_allocation(wanted) from None
        raise
    if taken := [one for one in wanted if found[one].get("AssociationId")]:
        raise errors.allocation_in_use(taken)
    return {one: found[one]["PublicIp"] for one in wanted}


def admits(call: Call, groups: Iterable[str], client: str, port: int, protocol: str = "tcp") -> bool:
    """Whether one of the security groups lets a client outside the VPC in at a port. No groups at all: everybody may."""
    wanted = list(groups)
    where = ipaddress.ip_address(client)
    for id_ in wanted:
        for rule in ec2.group(call, id_).rules:
            if rule.egress or rule.protocol not in ("-1", protocol) or not (rule.low <= port <= rule.high or rule.protocol == "-1"):
                continue
            if "/" in rule.peer and where in ipaddress.ip_network(rule.peer):
                return True
    return not wanted


def group_name(call: Call, id_: str) -> str:
    return str(ec2.group(call, id_).name)
