"""Peering connections and VPC endpoints in templates. CloudFormation accepts a peering within the account by itself."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, steps

from .cfn_shared import itself, makes, only, patient, retag, specification, true

# -- peering --------------------------------------------------------------------------------------------------------------------------

async def create_peering(r: Resource) -> str:
    only(r, "VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion")         # PeerRoleArn: what another account accepts by a role is not built
    answer = await r.do("ec2", "CreateVpcPeeringConnection", VpcId=r.properties["VpcId"], PeerVpcId=r.properties["PeerVpcId"], PeerOwnerId=r.get("PeerOwnerId"), PeerRegion=r.get("PeerRegion"),
                        TagSpecifications=specification(r, "vpc-peering-connection"))
    r.physical = answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    if str(r.get("PeerOwnerId") or r.call.account) == r.call.account:
        there = r.call.at(r.call.account, r.get("PeerRegion") or r.call.region)
        there.do("ec2", "AcceptVpcPeeringConnection", VpcPeeringConnectionId=r.physical)
    return r.physical


async def peering_ready(r: Resource) -> bool:
    found = (await r.do("ec2", "DescribeVpcPeeringConnections", VpcPeeringConnectionIds=[r.physical]))["VpcPeeringConnections"][0]
    if found["Status"]["Code"] in ("failed", "rejected", "expired", "deleted"):
        raise AwsError("NotStabilized", f"VpcPeeringConnection {r.physical} failed to stabilize: {found['Status']['Message']}")
    return bool(found["Status"]["Code"] == "active")


# -- endpoints --------------------------------------------------------------------------------------------------------------------------

ENDPOINT = ("VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled", "PolicyDocument", "IpAddressType", "DnsOptions", "ServiceRegion")
LISTS = (("RouteTableIds", "AddRouteTableIds", "RemoveRouteTableIds"), ("SubnetIds", "AddSubnetIds", "RemoveSubnetIds"), ("SecurityGroupIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"))


def document(value: Any) -> Any:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value


async def create_endpoint(r: Resource) -> str:
    """A template that says nothing of private DNS gets none, unlike the API."""
    only(r, *ENDPOINT)
    given = {name: r.properties[name] for name in ENDPOINT if name in r.properties and name not in ("PolicyDocument", "PrivateDnsEnabled")}
    if r.get("VpcEndpointType") == "Interface":
        given["PrivateDnsEnabled"] = true(r.get("PrivateDnsEnabled", False))
    answer = await r.do("ec2", "CreateVpcEndpoint", **given, PolicyDocument=document(r.get("PolicyDocument")), TagSpecifications=specification(r, "vpc-endpoint"))
    return str(answer["VpcEndpoint"]["VpcEndpointId"])


async def read_endpoint(r: Resource) -> None:
    found = (await r.do("ec2", "DescribeVpcEndpoints", VpcEndpointIds=[r.physical]))["VpcEndpoints"][0]
    r.attributes |= {"Id": r.physical, "CreationTimestamp": str(found["CreationTimestamp"]), "NetworkInterfaceIds": found["NetworkInterfaceIds"],
                     "DnsEntries": [f"{one['HostedZoneId']}:{one['DnsName']}" for one in found["DnsEntries"]]}


async def update_endpoint(r: Resource) -> None:
    change: dict[str, Any] = {}
    for name, add, remove in LISTS:
        new, old = r.get(name) or [], r.old.get(name) or []
        change |= {k: v for k, v in ((add, [x for x in new if x not in old]), (remove, [x for x in old if x not in new])) if v}
    if r.changed("PolicyDocument"):
        change |= {"PolicyDocument": document(r.properties["PolicyDocument"])} if r.get("PolicyDocument") else {"ResetPolicy": True}
    if r.changed("PrivateDnsEnabled"):
        change["PrivateDnsEnabled"] = true(r.get("PrivateDnsEnabled", False))
    if change:
        await r.do("ec2", "ModifyVpcEndpoint", VpcEndpointId=r.physical, **change)


async def delete_endpoint(r: Resource) -> None:
    await failing(r, "DeleteVpcEndpoints", VpcEndpointIds=[r.physical])


async def failing(r: Resource, operation: str, **members: Any) -> None:
    """Operations that say in the answer what they did not do."""
    for one in (await r.do("ec2", operation, **members)).get("Unsuccessful") or ():
        raise AwsError(one["Error"]["Code"], one["Error"]["Message"])


async def update_service(r: Resource) -> None:
    new, old = r.get("NetworkLoadBalancerArns") or [], r.old.get("NetworkLoadBalancerArns") or []
    private = {"PrivateDnsName": r.get("PrivateDnsName")} if r.get("PrivateDnsName") else {"RemovePrivateDnsName": True} if r.changed("PrivateDnsName") else {}
    await r.do("ec2", "ModifyVpcEndpointServiceConfiguration", ServiceId=r.physical, AcceptanceRequired=true(r.get("AcceptanceRequired", True)), **private,
               AddNetworkLoadBalancerArns=[x for x in new if x not in old] or None, RemoveNetworkLoadBalancerArns=[x for x in old if x not in new] or None)


async def delete_service(r: Resource) -> None:
    await failing(r, "DeleteVpcEndpointServiceConfigurations", ServiceIds=[r.physical])


async def permit(r: Resource) -> str:
    new, old = r.get("AllowedPrincipals") or [], r.old.get("AllowedPrincipals") or []
    await r.do("ec2", "ModifyVpcEndpointServicePermissions", ServiceId=r.properties["ServiceId"], AddAllowedPrincipals=[x for x in new if x not in old] or None,
               RemoveAllowedPrincipals=[x for x in old if x not in new] or None)
    return str(r.properties["ServiceId"])


async def forbid(r: Resource) -> None:
    if r.get("AllowedPrincipals"):
        await r.do("ec2", "ModifyVpcEndpointServicePermissions", ServiceId=r.properties["ServiceId"], RemoveAllowedPrincipals=r.properties["AllowedPrincipals"])


TYPES = {
    "AWS::EC2::VPCPeeringConnection": Type(
        create=create_peering, update=retag, read=itself("Id"), ready=peering_ready, gone=("InvalidVpcPeeringConnectionID.NotFound",),
        delete=op("ec2", "DeleteVpcPeeringConnection", VpcPeeringConnectionId="{id}")),
    "AWS::EC2::VPCEndpoint": Type(create=create_endpoint, update=steps(update_endpoint, retag), read=read_endpoint, delete=patient(delete_endpoint), gone=("InvalidVpcEndpointId.NotFound",)),
    "AWS::EC2::VPCEndpointService": Type(
        create=makes("vpc-endpoint-service", "CreateVpcEndpointServiceConfiguration", "ServiceConfiguration.ServiceId", "AcceptanceRequired", "NetworkLoadBalancerArns", "GatewayLoadBalancerArns",
                     "PrivateDnsName", "SupportedIpAddressTypes"),
        update=steps(update_service, retag), read=itself("ServiceId"), delete=delete_service, gone=("InvalidVpcEndpointServiceId.NotFound",)),
    "AWS::EC2::VPCEndpointServicePermissions": Type(create=permit, update=permit, delete=forbid, gone=("InvalidVpcEndpointServiceId.NotFound",)),
}
