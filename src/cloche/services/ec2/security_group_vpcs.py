"""Security groups in more VPCs than their own: one set of rules for interfaces of several networks."""
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cloche.kernel import AwsError, Call

from . import describe, errors, errors_vpc, names, network_interfaces, security_groups, vpcs
from . import service as ec2
from .security_groups import SecurityGroup

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


class Row(msgspec.Struct, frozen=True):
    group: SecurityGroup
    vpc: str

    @property
    def key(self) -> str:
        return self.group.id


@ec2.op(**names.on("security-group", "GroupId", vpc="VpcId"))
def associate_security_group_vpc(call: Call, req: t.AssociateSecurityGroupVpcRequest) -> t.AssociateSecurityGroupVpcResult:
    group, vpc = security_groups.find(call, req["GroupId"]), vpcs.find(call, req["VpcId"])
    if group.name == "default" or vpc.default or vpcs.find(call, group.vpc_id).default:
        raise errors.unsupported("Default security groups, and groups of or for the default VPC, cannot be associated with other VPCs")
    if security_groups.fits(group, vpc.id):
        raise errors.invalid(f"The security group {group.id} is already associated with the VPC {vpc.id}")
    if any(other.name == group.name for other in security_groups.of_vpc(call, vpc.id)):
        raise errors_vpc.group_duplicate(group.name, vpc.id)
    security_groups.put(call, group.but(also=[*group.also, vpc.id]))
    return {"State": "associating"}


@ec2.op(**names.on("security-group", "GroupId", vpc="VpcId"))
def disassociate_security_group_vpc(call: Call, req: t.DisassociateSecurityGroupVpcRequest) -> t.DisassociateSecurityGroupVpcResult:
    group = security_groups.find(call, req["GroupId"])
    if req["VpcId"] not in group.also:
        raise AwsError("InvalidVpcID.NotFound", f"The security group {group.id} is not associated with the VPC {req['VpcId']}")
    if any(one.vpc_id == req["VpcId"] for one in network_interfaces.of(call, group.id)):
        raise errors_vpc.group_in_use(group.id)
    security_groups.put(call, group.but(also=[vpc for vpc in group.also if vpc != req["VpcId"]]))
    return {"State": "disassociating"}


FACETS: describe.Facets = {"group-id": lambda r: r.group.id, "vpc-id": lambda r: r.vpc, "state": lambda r: "associated", "group-owner-id": lambda call, r: call.account,
                           "vpc-owner-id": lambda call, r: call.account}


@ec2.op(**names.LOOK)
def describe_security_group_vpc_associations(call: Call, req: t.DescribeSecurityGroupVpcAssociationsRequest) -> t.DescribeSecurityGroupVpcAssociationsResult:
    rows = describe.matching(call, [Row(group, vpc) for group in call.all(SecurityGroup) for vpc in group.also], req.get("Filters"), FACETS)
    return describe.page(req, [{"GroupId": r.group.id, "VpcId": r.vpc, "VpcOwnerId": call.account, "GroupOwnerId": call.account, "State": "associated"} for r in rows],
                         "SecurityGroupVpcAssociations")
