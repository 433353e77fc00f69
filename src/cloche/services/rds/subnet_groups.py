"""Subnet groups: subnets of one VPC, in two zones at least, that instances may be put into."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.services.ec2 import public as ec2

from . import errors, names
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t


class SubnetGroup(Record, frozen=True):
    kind = "rds.subnets"

    name: str
    description: str
    vpc: str
    subnets: list[tuple[str, str]]     # (id, zone)
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def looked_up(call: Call, ids: list[str]) -> tuple[str, list[tuple[str, str]]]:
    try:
        vpc, subnets = ec2.placed(call, ids)
    except AwsError:
        raise errors.bad_subnet(f"Some input subnets in :{ids} are invalid.") from None
    except ValueError:
        raise errors.bad_subnet("Subnets are not all in the same VPC") from None
    if len({zone for _, zone in subnets}) < 2:
        raise errors.too_few_zones()
    return vpc, subnets


def find(call: Call, name: str) -> SubnetGroup:
    one = call.get(SubnetGroup, name.lower())
    if one is None and name == "default" and (default := ec2.default_placed(call)) is not None:
        return SubnetGroup("default", "default", *default)
    if one is None:
        raise errors.no_subnet_group(name)
    return one


def shown(call: Call, one: SubnetGroup) -> Any:
    return {"DBSubnetGroupName": one.name, "DBSubnetGroupDescription": one.description, "VpcId": one.vpc, "SubnetGroupStatus": "Complete", "DBSubnetGroupArn": names.arn(call, "subgrp", one.name),
            "Subnets": [{"SubnetIdentifier": id_, "SubnetAvailabilityZone": {"Name": zone}, "SubnetOutpost": {}, "SubnetStatus": "Active"} for id_, zone in one.subnets], "SupportedNetworkTypes": ["IPV4"]}


@rds.op(names.named("subgrp", "DBSubnetGroupName"), context=names.tags_asked)
def create_db_subnet_group(call: Call, req: t.CreateDBSubnetGroupMessage) -> t.CreateDBSubnetGroupResult:
    name = req["DBSubnetGroupName"].lower()
    if name == "default":
        raise errors.value("The name default is reserved")
    if call.get(SubnetGroup, name):
        raise errors.subnet_group_exists(name)
    vpc, subnets = looked_up(call, req["SubnetIds"])
    return {"DBSubnetGroup": shown(call, call.put(SubnetGroup(name, req["DBSubnetGroupDescription"], vpc, subnets, names.tags_given(req))))}


@rds.op(names.named("subgrp", "DBSubnetGroupName"))
def describe_db_subnet_groups(call: Call, req: t.DescribeDBSubnetGroupsMessage) -> t.DBSubnetGroupMessage:
    if "DBSubnetGroupName" in req:
        return {"DBSubnetGroups": [shown(call, find(call, req["DBSubnetGroupName"]))]}
    found, more = page(sorted(call.all(SubnetGroup), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"DBSubnetGroups": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@rds.op(names.named("subgrp", "DBSubnetGroupName"))
def modify_db_subnet_group(call: Call, req: t.ModifyDBSubnetGroupMessage) -> t.ModifyDBSubnetGroupResult:
    one = find(call, req["DBSubnetGroupName"])
    vpc, subnets = looked_up(call, req["SubnetIds"])
    return {"DBSubnetGroup": shown(call, call.put(one.but(vpc=vpc, subnets=subnets, description=req.get("DBSubnetGroupDescription", one.description))))}


@rds.op(names.named("subgrp", "DBSubnetGroupName"))
def delete_db_subnet_group(call: Call, req: t.DeleteDBSubnetGroupMessage) -> None:
    from .instances import Instance
    one = call.get(SubnetGroup, req["DBSubnetGroupName"].lower())
    if one is None:
        raise errors.no_subnet_group(req["DBSubnetGroupName"])
    if any(each.subnet_group == one.name for each in call.all(Instance)):
        raise errors.subnet_group_in_use(one.name)
    call.delete(one)
