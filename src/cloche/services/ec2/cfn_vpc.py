"""VPCs in templates: VPC, Subnet, their further ranges, gateways, NAT gateways, DHCP options."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, steps

from .cfn_shared import itself, looks, makes, patient, retag, specification, true

# -- VPC -----------------------------------------------------------------------------------------------------------------------------------

_vpc = looks("DescribeVpcs", "VpcIds", "Vpcs")


async def vpc_settings(r: Resource) -> None:
    """Switched off first hostnames then support, switched on the other way round: hostnames need support."""
    wanted = [("EnableDnsSupport", r.get("EnableDnsSupport", True), True), ("EnableDnsHostnames", r.get("EnableDnsHostnames", False), False)]
    before = {name: r.old.get(name, default) for name, _, default in wanted}
    for name, value, _ in wanted if true(wanted[0][1]) else reversed(wanted):
        if str(value).lower() != str(before[name]).lower():
            await r.do("ec2", "ModifyVpcAttribute", VpcId=r.physical, **{name: {"Value": value}})
    if r.old and r.changed("InstanceTenancy"):
        await r.do("ec2", "ModifyVpcTenancy", VpcId=r.physical, InstanceTenancy=r.get("InstanceTenancy", "default"))


async def read_vpc(r: Resource) -> None:
    there = await _vpc(r)
    groups = await r.do("ec2", "DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [r.physical]}, {"Name": "group-name", "Values": ["default"]}])
    acls = await r.do("ec2", "DescribeNetworkAcls", Filters=[{"Name": "vpc-id", "Values": [r.physical]}, {"Name": "default", "Values": ["true"]}])
    r.attributes |= {
        "VpcId": r.physical, "CidrBlock": there["CidrBlock"], "CidrBlockAssociations": [one["AssociationId"] for one in there["CidrBlockAssociationSet"]],
        "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in there["Ipv6CidrBlockAssociationSet"]], "DefaultSecurityGroup": groups["SecurityGroups"][0]["GroupId"],
        "DefaultNetworkAcl": acls["NetworkAcls"][0]["NetworkAclId"]}


async def live_vpc(r: Resource) -> dict[str, Any]:
    there = await _vpc(r)
    out = {"CidrBlock": there["CidrBlock"], "InstanceTenancy": there["InstanceTenancy"]}
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        answer = await r.do("ec2", "DescribeVpcAttribute", VpcId=r.physical, Attribute=name[0].lower() + name[1:])
        out[name] = answer[name]["Value"]
    return out


# -- Subnet ----------------------------------------------------------------------------------------------------------------------------------

_subnet = looks("DescribeSubnets", "SubnetIds", "Subnets")
SUBNET = ("VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "Ipv6CidrBlock", "Ipv6Native", "OutpostArn", "Ipv4IpamPoolId", "Ipv6IpamPoolId", "Ipv4NetmaskLength",
          "Ipv6NetmaskLength")
SETTINGS = ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64", "EnableLniAtDeviceIndex", "PrivateDnsNameOptionsOnLaunch")
NAMING = {"HostnameType": "PrivateDnsHostnameTypeOnLaunch", "EnableResourceNameDnsARecord": "EnableResourceNameDnsARecordOnLaunch",
          "EnableResourceNameDnsAAAARecord": "EnableResourceNameDnsAAAARecordOnLaunch"}


async def subnet_settings(r: Resource) -> None:
    if r.old and r.changed("Ipv6CidrBlock"):
        there = await _subnet(r)
        for block in there.get("Ipv6CidrBlockAssociationSet", []):
            await r.do("ec2", "DisassociateSubnetCidrBlock", AssociationId=block["AssociationId"])
        if cidr := r.get("Ipv6CidrBlock"):
            await r.do("ec2", "AssociateSubnetCidrBlock", SubnetId=r.physical, Ipv6CidrBlock=cidr)
    for name in ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64"):
        if r.changed(name):
            await r.do("ec2", "ModifySubnetAttribute", SubnetId=r.physical, **{name: {"Value": r.get(name, False)}})
    if r.changed("EnableLniAtDeviceIndex"):
        await r.do("ec2", "ModifySubnetAttribute", SubnetId=r.physical, EnableLniAtDeviceIndex=r.get("EnableLniAtDeviceIndex"))
    old, new = r.old.get("PrivateDnsNameOptionsOnLaunch") or {}, r.get("PrivateDnsNameOptionsOnLaunch") or {}
    for name, member in NAMING.items():
        if name in new and new[name] != old.get(name):
            await r.do("ec2", "ModifySubnetAttribute", SubnetId=r.physical, **{member: new[name] if name == "HostnameType" else {"Value": new[name]}})


async def read_subnet(r: Resource) -> None:
    there = await _subnet(r)
    acls = await r.do("ec2", "DescribeNetworkAcls", Filters=[{"Name": "association.subnet-id", "Values": [r.physical]}])
    association = next(one["NetworkAclAssociationId"] for one in acls["NetworkAcls"][0]["Associations"] if one["SubnetId"] == r.physical)
    r.attributes |= {"SubnetId": r.physical, "VpcId": there["VpcId"], "AvailabilityZone": there["AvailabilityZone"], "AvailabilityZoneId": there["AvailabilityZoneId"],
                     "CidrBlock": there.get("CidrBlock", ""), "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in there["Ipv6CidrBlockAssociationSet"]],
                     "NetworkAclAssociationId": association}


async def live_subnet(r: Resource) -> dict[str, Any]:
    there = await _subnet(r)
    return {name: there[name] for name in ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64") if name in there}


# -- further ranges ----------------------------------------------------------------------------------------------------------------------------

async def create_vpc_block(r: Resource) -> str:
    given = {name: value for name, value in r.properties.items() if name not in ("VpcId",)}
    answer = await r.do("ec2", "AssociateVpcCidrBlock", VpcId=r.properties["VpcId"], **given)
    return str((answer.get("CidrBlockAssociation") or answer["Ipv6CidrBlockAssociation"])["AssociationId"])


async def read_block(r: Resource) -> None:
    r.attributes |= {"Id": r.physical, "IpSource": "amazon", "Ipv6AddressAttribute": "public"}


# -- gateways ----------------------------------------------------------------------------------------------------------------------------------

async def attach_gateway(r: Resource) -> str:
    if bool(r.get("InternetGatewayId")) == bool(r.get("VpnGatewayId")):
        raise AwsError("ValidationError", "Exactly one of InternetGatewayId and VpnGatewayId must be specified")
    if gateway := r.get("InternetGatewayId"):
        await r.do("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=r.properties["VpcId"])
        r.attributes["AttachmentType"] = "IGW"
    else:
        await r.do("ec2", "AttachVpnGateway", VpnGatewayId=r.properties["VpnGatewayId"], VpcId=r.properties["VpcId"])
        r.attributes["AttachmentType"] = "VGW"
    return f"{r.attributes['AttachmentType']}|{r.properties['VpcId']}"


async def change_gateway(r: Resource) -> str:
    await _detach(r, r.old)
    return await attach_gateway(r)


async def _detach(r: Resource, properties: dict[str, Any]) -> None:
    if gateway := properties.get("InternetGatewayId"):
        await r.do("ec2", "DetachInternetGateway", InternetGatewayId=gateway, VpcId=properties["VpcId"])
    else:
        await r.do("ec2", "DetachVpnGateway", VpnGatewayId=properties["VpnGatewayId"], VpcId=properties["VpcId"])


async def detach_gateway(r: Resource) -> None:
    await _detach(r, r.properties)


NAT = ("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "SecondaryAllocationIds", "SecondaryPrivateIpAddresses", "SecondaryPrivateIpAddressCount", "AvailabilityMode",
       "VpcId", "AvailabilityZoneAddresses")
_nat = looks("DescribeNatGateways", "NatGatewayIds", "NatGateways")


async def live_nat(r: Resource) -> dict[str, Any]:
    there = await _nat(r)
    if there["State"] in ("deleting", "deleted"):
        raise AwsError("NatGatewayNotFound", f"NatGateway {r.physical} was not found")
    return {"SubnetId": there["SubnetId"], "ConnectivityType": there["ConnectivityType"]}


async def nat_ready(r: Resource) -> bool:
    there = await _nat(r)
    if there["State"] == "failed":
        raise AwsError(there["FailureCode"], there["FailureMessage"])
    return bool(there["State"] == "available")


async def read_nat(r: Resource) -> None:
    there = await _nat(r)
    r.attributes |= {"NatGatewayId": r.physical, "EniId": next((one["NetworkInterfaceId"] for one in there["NatGatewayAddresses"] if "NetworkInterfaceId" in one), "")}


async def update_nat(r: Resource) -> None:
    """Secondary addresses come and go; everything else that is not a tag replaces."""
    await retag(r)
    there = (await _nat(r))["NatGatewayAddresses"]
    old, new = r.old.get("SecondaryAllocationIds") or [], r.get("SecondaryAllocationIds") or []
    if gone := [one["AssociationId"] for one in there if one.get("AllocationId") in old and one["AllocationId"] not in new]:
        await r.do("ec2", "DisassociateNatGatewayAddress", NatGatewayId=r.physical, AssociationIds=gone)
    if fresh := [one for one in new if one not in old]:
        await r.do("ec2", "AssociateNatGatewayAddress", NatGatewayId=r.physical, AllocationIds=fresh)
    had, has = r.old.get("SecondaryPrivateIpAddresses") or [], r.get("SecondaryPrivateIpAddresses") or []
    if lost := [one for one in had if one not in has]:
        await r.do("ec2", "UnassignPrivateNatGatewayAddress", NatGatewayId=r.physical, PrivateIpAddresses=lost)
    if found := [one for one in has if one not in had]:
        await r.do("ec2", "AssignPrivateNatGatewayAddress", NatGatewayId=r.physical, PrivateIpAddresses=found)


async def delete_nat(r: Resource) -> None:
    """Gone only when it is: its subnet and its address wait for that."""
    there = await _nat(r)
    if there["State"] in ("pending", "available", "failed"):
        await r.do("ec2", "DeleteNatGateway", NatGatewayId=r.physical)
    if there["State"] != "deleted":
        r.not_yet()


# -- DHCP ------------------------------------------------------------------------------------------------------------------------------------------

DHCP = {"DomainName": "domain-name", "DomainNameServers": "domain-name-servers", "NtpServers": "ntp-servers", "NetbiosNameServers": "netbios-name-servers",
        "NetbiosNodeType": "netbios-node-type", "Ipv6AddressPreferredLeaseTime": "ipv6-address-preferred-lease-time"}


async def create_dhcp(r: Resource) -> str:
    options = [{"Key": key, "Values": [str(v) for v in (value if isinstance(value, list) else [value])]} for name, key in DHCP.items() if (value := r.get(name)) is not None]
    answer = await r.do("ec2", "CreateDhcpOptions", DhcpConfigurations=options, TagSpecifications=specification(r, "dhcp-options"))
    r.attributes["DhcpOptionsId"] = answer["DhcpOptions"]["DhcpOptionsId"]
    return str(r.attributes["DhcpOptionsId"])


async def associate_dhcp(r: Resource) -> str:
    await r.do("ec2", "AssociateDhcpOptions", DhcpOptionsId=r.properties["DhcpOptionsId"], VpcId=r.properties["VpcId"])
    return f"{r.properties['DhcpOptionsId']}|{r.properties['VpcId']}"


async def dissociate_dhcp(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeVpcs", VpcIds=[r.properties["VpcId"]]))["Vpcs"]
    if there[0]["DhcpOptionsId"] == r.properties["DhcpOptionsId"]:
        await r.do("ec2", "AssociateDhcpOptions", DhcpOptionsId="default", VpcId=r.properties["VpcId"])


TYPES = {
    "AWS::EC2::VPC": Type(create=steps(makes("vpc", "CreateVpc", "Vpc.VpcId", "CidrBlock", "InstanceTenancy", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl",
                                       also=("EnableDnsSupport", "EnableDnsHostnames")), vpc_settings),
                          update=steps(vpc_settings, retag), read=read_vpc, live=live_vpc, delete=patient(op("ec2", "DeleteVpc", VpcId="{id}")), attributes=("CidrBlock",)),
    "AWS::EC2::Subnet": Type(create=steps(makes("subnet", "CreateSubnet", "Subnet.SubnetId", *SUBNET, also=SETTINGS), subnet_settings), update=steps(subnet_settings, retag), read=read_subnet, live=live_subnet,
                             delete=patient(op("ec2", "DeleteSubnet", SubnetId="{id}")), attributes=("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId", "OutpostArn")),
    "AWS::EC2::VPCCidrBlock": Type(create=create_vpc_block, read=read_block, delete=patient(op("ec2", "DisassociateVpcCidrBlock", AssociationId="{id}"))),
    "AWS::EC2::SubnetCidrBlock": Type(create=op("ec2", "AssociateSubnetCidrBlock", send=True, physical="Ipv6CidrBlockAssociation.AssociationId"), read=read_block,
                                      delete=patient(op("ec2", "DisassociateSubnetCidrBlock", AssociationId="{id}"))),
    "AWS::EC2::InternetGateway": Type(create=makes("internet-gateway", "CreateInternetGateway", "InternetGateway.InternetGatewayId"), update=retag,
                                      read=itself("InternetGatewayId"),
                                      delete=patient(op("ec2", "DeleteInternetGateway", InternetGatewayId="{id}"))),
    "AWS::EC2::VPCGatewayAttachment": Type(create=attach_gateway, update=change_gateway, delete=patient(detach_gateway), gone=("Gateway.NotAttached",)),
    "AWS::EC2::EgressOnlyInternetGateway": Type(create=makes("egress-only-internet-gateway", "CreateEgressOnlyInternetGateway", "EgressOnlyInternetGateway.EgressOnlyInternetGatewayId", "VpcId"),
                                                update=retag, read=itself("Id"), delete=op("ec2", "DeleteEgressOnlyInternetGateway", EgressOnlyInternetGatewayId="{id}")),
    "AWS::EC2::NatGateway": Type(create=makes("natgateway", "CreateNatGateway", "NatGateway.NatGatewayId", *NAT, also=("MaxDrainDurationSeconds",)), update=update_nat, ready=nat_ready, read=read_nat, live=live_nat, delete=delete_nat,
                                 gone=("NatGatewayNotFound",)),
    "AWS::EC2::DHCPOptions": Type(create=create_dhcp, update=retag, delete=patient(op("ec2", "DeleteDhcpOptions", DhcpOptionsId="{id}"))),
    "AWS::EC2::VPCDHCPOptionsAssociation": Type(create=associate_dhcp, delete=dissociate_dhcp),
}
