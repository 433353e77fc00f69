"""What directs and filters in templates: route tables, routes, network ACLs, prefix lists."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, steps

from .cfn_shared import itself, looks, makes, patient, retag, true

# -- routes ----------------------------------------------------------------------------------------------------------------------------------

DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def _to(r: Resource) -> dict[str, Any]:
    return {name: r.properties[name] for name in DESTINATIONS if name in r.properties}


async def create_route(r: Resource) -> str:
    await r.do("ec2", "CreateRoute", **r.properties)
    destination = next(iter(_to(r).values()))
    r.attributes["CidrBlock"] = destination
    return f"{r.properties['RouteTableId']}|{destination}"


async def update_route(r: Resource) -> None:
    await r.do("ec2", "ReplaceRoute", **r.properties)


async def delete_route(r: Resource) -> None:
    await r.do("ec2", "DeleteRoute", RouteTableId=r.properties["RouteTableId"], **_to(r))


async def live_route(r: Resource) -> dict[str, Any]:
    """Where it leads now; gone if the table has no route to that destination."""
    there = (await r.do("ec2", "DescribeRouteTables", RouteTableIds=[r.properties["RouteTableId"]]))["RouteTables"][0]
    (member, destination), = _to(r).items()
    for route in there["Routes"]:
        if route.get(member) == destination:
            targets = {name: value for name, value in route.items() if name.endswith("Id") and name not in (*DESTINATIONS, "InstanceOwnerId")}
            named = next((name for name in r.properties if name.endswith("Id") and name not in (*DESTINATIONS, "RouteTableId")), "")
            if named == "VpcEndpointId" and "GatewayId" in targets:
                targets["VpcEndpointId"] = targets["GatewayId"]
            return {"RouteTableId": r.properties["RouteTableId"], member: destination, named: targets.get(named) or next(iter(targets.values()), "")}
    raise AwsError("InvalidRoute.NotFound", f"no route with destination {destination}")


async def propagate(r: Resource) -> str:
    old, new = (r.old or {}).get("RouteTableIds") or [], r.properties["RouteTableIds"]
    for table in new:
        if table not in old or r.changed("VpnGatewayId"):
            await r.do("ec2", "EnableVgwRoutePropagation", RouteTableId=table, GatewayId=r.properties["VpnGatewayId"])
    for table in old:
        if table not in new:
            await r.do("ec2", "DisableVgwRoutePropagation", RouteTableId=table, GatewayId=r.old["VpnGatewayId"])
    r.attributes["Id"] = r.physical or f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"
    return str(r.attributes["Id"])


async def propagate_no_more(r: Resource) -> None:
    for table in r.properties["RouteTableIds"]:
        await r.do("ec2", "DisableVgwRoutePropagation", RouteTableId=table, GatewayId=r.properties["VpnGatewayId"])


async def move_gateway_table(r: Resource) -> None:
    answer = await r.do("ec2", "ReplaceRouteTableAssociation", AssociationId=r.attributes["AssociationId"], RouteTableId=r.properties["RouteTableId"])
    r.attributes["AssociationId"] = answer["NewAssociationId"]


# -- network ACLs -----------------------------------------------------------------------------------------------------------------------------------

def entry(r: Resource) -> dict[str, Any]:
    """CloudFormation's names as EC2's."""
    names = {"Icmp": "IcmpTypeCode"}
    out = {names.get(name, name): value for name, value in r.properties.items()}
    return out | {"Egress": true(r.get("Egress", False)), "Protocol": str(r.properties["Protocol"])}


async def create_entry(r: Resource) -> str:
    await r.do("ec2", "CreateNetworkAclEntry", **entry(r))
    r.attributes["Id"] = f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"
    return str(r.attributes["Id"])


async def update_entry(r: Resource) -> None:
    await r.do("ec2", "ReplaceNetworkAclEntry", **entry(r))


async def delete_entry(r: Resource) -> None:
    await r.do("ec2", "DeleteNetworkAclEntry", NetworkAclId=r.properties["NetworkAclId"], RuleNumber=r.properties["RuleNumber"], Egress=true(r.get("Egress", False)))


async def _association(r: Resource) -> dict[str, Any]:
    """The association in force of the subnet."""
    subnet = r.properties["SubnetId"]
    acls = await r.do("ec2", "DescribeNetworkAcls", Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
    return next(one for one in acls["NetworkAcls"][0]["Associations"] if one["SubnetId"] == subnet)


async def associate_acl(r: Resource) -> str:
    answer = await r.do("ec2", "ReplaceNetworkAclAssociation", AssociationId=(await _association(r))["NetworkAclAssociationId"], NetworkAclId=r.properties["NetworkAclId"])
    r.attributes["AssociationId"] = answer["NewAssociationId"]
    return str(answer["NewAssociationId"])


async def dissociate_acl(r: Resource) -> None:
    """Back to the VPC's default ACL, unless another took the place meanwhile."""
    there = await _association(r)
    if there["NetworkAclAssociationId"] != r.physical:
        return
    vpc = (await r.do("ec2", "DescribeSubnets", SubnetIds=[r.properties["SubnetId"]]))["Subnets"][0]["VpcId"]
    default = await r.do("ec2", "DescribeNetworkAcls", Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}])
    await r.do("ec2", "ReplaceNetworkAclAssociation", AssociationId=r.physical, NetworkAclId=default["NetworkAcls"][0]["NetworkAclId"])


# -- prefix lists --------------------------------------------------------------------------------------------------------------------------------------

_list = looks("DescribeManagedPrefixLists", "PrefixListIds", "PrefixLists")


async def create_list(r: Resource) -> str:
    if "MaxEntries" not in r.properties:
        r.properties["MaxEntries"] = max(1, len(r.get("Entries") or []))
    return str(await makes("prefix-list", "CreateManagedPrefixList", "PrefixList.PrefixListId", "PrefixListName", "MaxEntries", "AddressFamily", "Entries")(r))


async def update_list(r: Resource) -> None:
    await retag(r)
    there = await _list(r)
    if r.changed("PrefixListName") or r.changed("MaxEntries"):
        await r.do("ec2", "ModifyManagedPrefixList", PrefixListId=r.physical, PrefixListName=r.get("PrefixListName"), MaxEntries=r.get("MaxEntries"))
    old, new = {one["Cidr"]: one for one in r.old.get("Entries") or []}, {one["Cidr"]: one for one in r.get("Entries") or []}
    gone, fresh = [{"Cidr": cidr} for cidr in old if cidr not in new], [one for cidr, one in new.items() if old.get(cidr) != one]
    if gone or fresh:
        await r.do("ec2", "ModifyManagedPrefixList", PrefixListId=r.physical, CurrentVersion=there["Version"], AddEntries=fresh or None, RemoveEntries=gone or None)


async def read_list(r: Resource) -> None:
    there = await _list(r)
    r.attributes |= {"PrefixListId": r.physical, "Arn": there["PrefixListArn"], "OwnerId": there["OwnerId"], "Version": there["Version"]}


TYPES = {
    "AWS::EC2::RouteTable": Type(create=makes("route-table", "CreateRouteTable", "RouteTable.RouteTableId", "VpcId"), update=retag, read=itself("RouteTableId"),
                                 delete=patient(op("ec2", "DeleteRouteTable", RouteTableId="{id}"))),
    "AWS::EC2::Route": Type(create=create_route, update=update_route, live=live_route, delete=delete_route),
    "AWS::EC2::SubnetRouteTableAssociation": Type(create=steps(op("ec2", "AssociateRouteTable", send=True, physical="AssociationId")), read=itself("Id"),
                                                  delete=op("ec2", "DisassociateRouteTable", AssociationId="{id}")),
    "AWS::EC2::GatewayRouteTableAssociation": Type(
        create=op("ec2", "AssociateRouteTable", send=True, attributes={"AssociationId": "AssociationId"}, physical="{GatewayId}"), update=move_gateway_table,
        delete=op("ec2", "DisassociateRouteTable", AssociationId="{.AssociationId}")),
    "AWS::EC2::VPNGatewayRoutePropagation": Type(create=propagate, update=propagate, delete=propagate_no_more),
    "AWS::EC2::NetworkAcl": Type(create=makes("network-acl", "CreateNetworkAcl", "NetworkAcl.NetworkAclId", "VpcId"), update=retag, read=itself("Id"),
                                 delete=patient(op("ec2", "DeleteNetworkAcl", NetworkAclId="{id}"))),
    "AWS::EC2::NetworkAclEntry": Type(create=create_entry, update=update_entry, delete=delete_entry),
    "AWS::EC2::SubnetNetworkAclAssociation": Type(create=associate_acl, delete=dissociate_acl),
    "AWS::EC2::PrefixList": Type(create=create_list, update=update_list, read=read_list, delete=patient(op("ec2", "DeleteManagedPrefixList", PrefixListId="{id}"))),
}
