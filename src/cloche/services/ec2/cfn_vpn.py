"""VPN and transit gateways in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, steps

from .cfn_shared import itself, makes, only, patient, retag, specification, true

# -- VPN --------------------------------------------------------------------------------------------------------------------------------

OPTIONS = ("StaticRoutesOnly", "EnableAcceleration", "LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr", "TunnelInsideIpVersion", "OutsideIpAddressType")


async def create_connection(r: Resource) -> str:
    only(r, "Type", "CustomerGatewayId", "VpnGatewayId", "TransitGatewayId", "VpnTunnelOptionsSpecifications", *OPTIONS)
    options: dict[str, Any] = {name: r.properties[name] for name in OPTIONS if name in r.properties}
    if tunnels := r.get("VpnTunnelOptionsSpecifications"):
        options["TunnelOptions"] = tunnels
    answer = await r.do("ec2", "CreateVpnConnection", Type=r.properties["Type"], CustomerGatewayId=r.properties["CustomerGatewayId"], VpnGatewayId=r.get("VpnGatewayId"),
                        TransitGatewayId=r.get("TransitGatewayId"), Options=options or None, TagSpecifications=specification(r, "vpn-connection"))
    return str(answer["VpnConnection"]["VpnConnectionId"])


async def update_connection(r: Resource) -> None:
    if r.changed("CustomerGatewayId", "VpnGatewayId", "TransitGatewayId"):
        await r.do("ec2", "ModifyVpnConnection", VpnConnectionId=r.physical, CustomerGatewayId=r.get("CustomerGatewayId"), VpnGatewayId=r.get("VpnGatewayId"), TransitGatewayId=r.get("TransitGatewayId"))


async def create_route(r: Resource) -> str:
    await r.do("ec2", "CreateVpnConnectionRoute", VpnConnectionId=r.properties["VpnConnectionId"], DestinationCidrBlock=r.properties["DestinationCidrBlock"])
    return f"{r.properties['DestinationCidrBlock']}|{r.properties['VpnConnectionId']}"


# -- transit gateways ---------------------------------------------------------------------------------------------------------------------

SWITCHES = ("AmazonSideAsn", "AutoAcceptSharedAttachments", "DefaultRouteTableAssociation", "DefaultRouteTablePropagation", "DnsSupport", "MulticastSupport", "SecurityGroupReferencingSupport",
            "VpnEcmpSupport", "TransitGatewayCidrBlocks")
DEFAULTS = ("AssociationDefaultRouteTableId", "PropagationDefaultRouteTableId")


async def create_transit(r: Resource) -> str:
    only(r, "Description", *SWITCHES, *DEFAULTS)
    options = {name: r.properties[name] for name in SWITCHES if name in r.properties}
    answer = await r.do("ec2", "CreateTransitGateway", Description=r.get("Description"), Options=options or None, TagSpecifications=specification(r, "transit-gateway"))
    r.physical = answer["TransitGateway"]["TransitGatewayId"]
    await defaults(r)
    return str(r.physical)


async def defaults(r: Resource) -> None:
    given = {name: r.properties[name] for name in DEFAULTS if r.get(name) and r.changed(name)}
    if given:
        await r.do("ec2", "ModifyTransitGateway", TransitGatewayId=r.physical, Options=given)


async def update_transit(r: Resource) -> None:
    changed = {name: r.properties[name] for name in SWITCHES[1:] if name in r.properties and r.changed(name) and name not in ("MulticastSupport", "TransitGatewayCidrBlocks")}
    new, old = r.get("TransitGatewayCidrBlocks") or [], r.old.get("TransitGatewayCidrBlocks") or []
    changed |= {k: v for k, v in (("AddTransitGatewayCidrBlocks", [x for x in new if x not in old]), ("RemoveTransitGatewayCidrBlocks", [x for x in old if x not in new])) if v}
    if changed or r.changed("Description"):
        await r.do("ec2", "ModifyTransitGateway", TransitGatewayId=r.physical, Description=r.get("Description"), Options=changed or None)
    await defaults(r)


async def read_transit(r: Resource) -> None:
    found = (await r.do("ec2", "DescribeTransitGateways", TransitGatewayIds=[r.physical]))["TransitGateways"][0]
    r.attributes |= {"Id": r.physical, "TransitGatewayArn": found["TransitGatewayArn"], "EncryptionSupportState": "disabled"}


async def update_attachment(r: Resource) -> None:
    new, old = r.get("SubnetIds") or [], r.old.get("SubnetIds") or []
    await r.do("ec2", "ModifyTransitGatewayVpcAttachment", TransitGatewayAttachmentId=r.physical, AddSubnetIds=[x for x in new if x not in old] or None,
               RemoveSubnetIds=[x for x in old if x not in new] or None, Options=r.get("Options"))


ATTACHMENT = Type(
    create=makes("transit-gateway-attachment", "CreateTransitGatewayVpcAttachment", "TransitGatewayVpcAttachment.TransitGatewayAttachmentId", "TransitGatewayId", "VpcId", "SubnetIds", "Options"),
    update=steps(update_attachment, retag), read=itself("Id"), delete=patient(op("ec2", "DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId="{id}")),
    gone=("InvalidTransitGatewayAttachmentID.NotFound",))


async def create_transit_route(r: Resource) -> str:
    table, cidr = r.properties["TransitGatewayRouteTableId"], r.properties["DestinationCidrBlock"]
    await r.do("ec2", "CreateTransitGatewayRoute", TransitGatewayRouteTableId=table, DestinationCidrBlock=cidr, TransitGatewayAttachmentId=r.get("TransitGatewayAttachmentId"),
               Blackhole=True if true(r.get("Blackhole", False)) else None)
    return f"{cidr}|{table}"


def pair(verb: str, end: str, gone: str) -> Type:
    """An attachment and a table that are brought together."""
    both = {"TransitGatewayRouteTableId": "{TransitGatewayRouteTableId}", "TransitGatewayAttachmentId": "{TransitGatewayAttachmentId}"}
    return Type(create=op("ec2", verb, physical="{TransitGatewayAttachmentId}|{TransitGatewayRouteTableId}", **both), delete=op("ec2", end, **both),
                gone=(gone, "InvalidTransitGatewayAttachmentID.NotFound", "InvalidRouteTableID.NotFound"))


TYPES = {
    "AWS::EC2::CustomerGateway": Type(
        create=makes("customer-gateway", "CreateCustomerGateway", "CustomerGateway.CustomerGatewayId", "Type", "IpAddress", "BgpAsn", "BgpAsnExtended", "CertificateArn", "DeviceName"),
        update=retag, read=itself("CustomerGatewayId"), delete=patient(op("ec2", "DeleteCustomerGateway", CustomerGatewayId="{id}")), gone=("InvalidCustomerGatewayID.NotFound",)),
    "AWS::EC2::VPNGateway": Type(
        create=makes("vpn-gateway", "CreateVpnGateway", "VpnGateway.VpnGatewayId", "Type", "AmazonSideAsn"), update=retag, read=itself("VPNGatewayId"),
        delete=op("ec2", "DeleteVpnGateway", VpnGatewayId="{id}"), gone=("InvalidVpnGatewayID.NotFound",)),
    "AWS::EC2::VPNConnection": Type(
        create=create_connection, update=steps(update_connection, retag), read=itself("VpnConnectionId"), delete=op("ec2", "DeleteVpnConnection", VpnConnectionId="{id}"),
        gone=("InvalidVpnConnectionID.NotFound",), replaces=("VpnTunnelOptionsSpecifications",)),
    "AWS::EC2::VPNConnectionRoute": Type(
        create=create_route, delete=op("ec2", "DeleteVpnConnectionRoute", VpnConnectionId="{VpnConnectionId}", DestinationCidrBlock="{DestinationCidrBlock}"),
        gone=("InvalidRoute.NotFound", "InvalidVpnConnectionID.NotFound")),
    "AWS::EC2::TransitGateway": Type(create=create_transit, update=steps(update_transit, retag), read=read_transit, delete=op("ec2", "DeleteTransitGateway", TransitGatewayId="{id}"),
                                     gone=("InvalidTransitGatewayID.NotFound",)),
    "AWS::EC2::TransitGatewayAttachment": ATTACHMENT,
    "AWS::EC2::TransitGatewayVpcAttachment": ATTACHMENT,
    "AWS::EC2::TransitGatewayRouteTable": Type(
        create=makes("transit-gateway-route-table", "CreateTransitGatewayRouteTable", "TransitGatewayRouteTable.TransitGatewayRouteTableId", "TransitGatewayId"), update=retag,
        read=itself("TransitGatewayRouteTableId"), delete=op("ec2", "DeleteTransitGatewayRouteTable", TransitGatewayRouteTableId="{id}"), gone=("InvalidRouteTableID.NotFound",)),
    "AWS::EC2::TransitGatewayRoute": Type(
        create=create_transit_route, delete=op("ec2", "DeleteTransitGatewayRoute", TransitGatewayRouteTableId="{TransitGatewayRouteTableId}", DestinationCidrBlock="{DestinationCidrBlock}"),
        gone=("InvalidRoute.NotFound", "InvalidRouteTableID.NotFound")),
    "AWS::EC2::TransitGatewayRouteTableAssociation": pair("AssociateTransitGatewayRouteTable", "DisassociateTransitGatewayRouteTable", "InvalidAssociation.NotFound"),
    "AWS::EC2::TransitGatewayRouteTablePropagation": pair("EnableTransitGatewayRouteTablePropagation", "DisableTransitGatewayRouteTablePropagation", "TransitGatewayRouteTablePropagation.NotFound"),
}
