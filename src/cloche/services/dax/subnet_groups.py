"""Subnet groups: subnets of one VPC that a cluster may be put into. Clusters here listen on the loopback, whatever their subnets are."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.services.ec2 import public as ec2

from . import errors
from . import service as dax

if TYPE_CHECKING:
    from cloche.shapes import dax as t

DEFAULT = "default"
MOST = 100


class SubnetGroup(Record, frozen=True):
    kind = "dax.subnets"

    name: str
    vpc: str
    subnets: list[tuple[str, str]]  # (id, zone)
    description: str = ""

    @property
    def key(self) -> str:
        return self.name


def looked_up(call: Call, ids: list[str]) -> tuple[str, list[tuple[str, str]]]:
    try:
        return ec2.placed(call, ids)
    except AwsError:
        raise errors.bad_subnet(", ".join(ids)) from None
    except ValueError:
        raise errors.bad_subnet("all subnets of a group must be in one VPC") from None


def find(call: Call, name: str) -> SubnetGroup:
    found = call.get(SubnetGroup, name)
    if found is None and name == DEFAULT and (default := ec2.default_placed(call)) is not None:
        return SubnetGroup(DEFAULT, *default, "Default subnet group")
    if found is None:
        raise errors.no_subnet_group(name)
    return found


def describe(group: SubnetGroup) -> dict[str, Any]:
    return {"SubnetGroupName": group.name, "Description": group.description, "VpcId": group.vpc, "SupportedNetworkTypes": ["ipv4"],
            "Subnets": [{"SubnetIdentifier": id_, "SubnetAvailabilityZone": zone, "SupportedNetworkTypes": ["ipv4"]} for id_, zone in group.subnets]}


@dax.op(resource=lambda call, req: "*")
def create_subnet_group(call: Call, req: t.CreateSubnetGroupRequest) -> t.CreateSubnetGroupResponse:
    name = req["SubnetGroupName"].lower()
    if call.get(SubnetGroup, name):
        raise errors.subnet_group_exists(name)
    vpc, subnets = looked_up(call, req["SubnetIds"])
    return {"SubnetGroup": describe(call.put(SubnetGroup(name, vpc, subnets, req.get("Description", ""))))}


@dax.op(resource=lambda call, req: "*")
def describe_subnet_groups(call: Call, req: t.DescribeSubnetGroupsRequest) -> t.DescribeSubnetGroupsResponse:
    if names := req.get("SubnetGroupNames"):
        return {"SubnetGroups": [describe(find(call, name.lower())) for name in names]}
    chosen, token = page(sorted(call.all(SubnetGroup), key=lambda g: g.name), req, lambda g: g.name, MOST, errors.next_token)
    return {"SubnetGroups": [describe(g) for g in chosen], **token}


@dax.op(resource=lambda call, req: "*")
def update_subnet_group(call: Call, req: t.UpdateSubnetGroupRequest) -> t.UpdateSubnetGroupResponse:
    group = find(call, req["SubnetGroupName"].lower())
    changes: dict[str, Any] = {"description": req.get("Description", group.description)}
    if ids := req.get("SubnetIds"):
        changes["vpc"], changes["subnets"] = looked_up(call, ids)
    return {"SubnetGroup": describe(call.put(group.but(**changes)))}


@dax.op(resource=lambda call, req: "*")
def delete_subnet_group(call: Call, req: t.DeleteSubnetGroupRequest) -> t.DeleteSubnetGroupResponse:
    from .clusters import Cluster
    name = req["SubnetGroupName"].lower()
    group = call.get(SubnetGroup, name)
    if group is None:
        raise errors.no_subnet_group(name)
    if any(c.subnets == name for c in call.all(Cluster)):
        raise errors.subnet_group_in_use(name)
    call.delete(group)
    return {"DeletionMessage": f"Subnet group {name} has been deleted."}
