"""What is plugged in, in templates: security groups and their rules, network interfaces, Elastic IPs."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op

from .cfn_shared import itself, looks, only, patient, retag, retag_id, specification

# -- security groups -----------------------------------------------------------------------------------------------------------------------

PEERS = {"CidrIp": ("IpRanges", "CidrIp"), "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"), "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
         "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"), "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
         "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"), "SourceSecurityGroupName": ("UserIdGroupPairs", "GroupName")}


def permission(rule: Any) -> dict[str, Any]:
    """A rule of a template as one of IpPermissions."""
    out: dict[str, Any] = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    out["IpProtocol"] = str(out["IpProtocol"])
    given = [name for name in PEERS if rule.get(name)]
    if len(given) != 1:
        raise AwsError("ValidationError", "Exactly one of " + ", ".join(PEERS) + " must be specified and not empty")
    where, member = PEERS[given[0]]
    peer = {member: rule[given[0]]}
    if owner := rule.get("SourceSecurityGroupOwnerId"):
        peer["UserId"] = owner
    if text := rule.get("Description"):
        peer["Description"] = text
    return out | {where: [peer]}


def rules(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


EVERYTHING = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}  # what a group without outbound rules of its own lets out


async def create_group(r: Resource) -> str:
    answer = await r.do("ec2", "CreateSecurityGroup", GroupName=r.properties["GroupName"], Description=r.properties["GroupDescription"], VpcId=r.get("VpcId"),
                        TagSpecifications=specification(r, "security-group"))
    r.physical = answer["GroupId"]
    if rules(r.get("SecurityGroupEgress")):  # what the template says takes the place of what a new group lets out, IPv6 too
        there = (await r.do("ec2", "DescribeSecurityGroups", GroupIds=[r.physical]))["SecurityGroups"][0]
        await r.do("ec2", "RevokeSecurityGroupEgress", GroupId=r.physical, IpPermissions=there["IpPermissionsEgress"])
    await _rules(r, {}, r.properties)
    return str(r.physical)


async def _rules(r: Resource, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, way in (("SecurityGroupIngress", "Ingress"), ("SecurityGroupEgress", "Egress")):
        before, after = rules(old.get(name)), rules(new.get(name))
        if way == "Egress" and old:
            before, after = before or [EVERYTHING], after or [EVERYTHING]
        had, has = [permission(one) for one in before], [permission(one) for one in after]
        gone, fresh = [one for one in had if one not in has], [one for one in has if one not in had]
        bare = [_bare(one) for one in fresh]
        for one in [each for each in fresh if _bare(each) in [_bare(other) for other in gone]]:  # only the description is another
            await r.do("ec2", f"UpdateSecurityGroupRuleDescriptions{way}", GroupId=r.physical, IpPermissions=[one])
            fresh.remove(one)
        if lost := [one for one in gone if _bare(one) not in bare]:
            await r.do("ec2", f"RevokeSecurityGroup{way}", GroupId=r.physical, IpPermissions=lost)
        if fresh:
            await r.do("ec2", f"AuthorizeSecurityGroup{way}", GroupId=r.physical, IpPermissions=fresh)


def _bare(one: dict[str, Any]) -> Any:
    return {name: [{k: v for k, v in each.items() if k != "Description"} for each in value] if isinstance(value, list) else str(value) for name, value in one.items()}


async def update_group(r: Resource) -> None:
    await _rules(r, r.old, r.properties)
    await retag(r)


async def read_group(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeSecurityGroups", GroupIds=[r.physical]))["SecurityGroups"][0]
    r.attributes |= {"GroupId": r.physical, "Id": r.physical, "VpcId": there["VpcId"]}


async def live_group(r: Resource) -> dict[str, Any]:
    """A rule that says what one of the template's says is that one; others are told as a template would say them."""
    there = (await r.do("ec2", "DescribeSecurityGroups", GroupIds=[r.physical]))["SecurityGroups"][0]
    found = (await r.do("ec2", "DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [r.physical]}]))["SecurityGroupRules"]
    out = {"GroupName": there["GroupName"], "GroupDescription": there["Description"], "VpcId": there["VpcId"]}
    for name, egress in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
        wanted = rules(r.get(name))
        out[name] = [next((one for one in wanted if _alike(one, said)), said) for said in (_said(rule, egress) for rule in found if rule["IsEgress"] == egress)]
    return out


def _said(rule: Any, egress: bool) -> dict[str, Any]:
    """A rule as a template has it."""
    out = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort", "Description") if rule.get(name) is not None}
    if out["IpProtocol"] == "-1":
        out = {name: value for name, value in out.items() if not name.endswith("Port")}
    end = "Destination" if egress else "Source"
    for member, name in (("CidrIpv4", "CidrIp"), ("CidrIpv6", "CidrIpv6"), ("PrefixListId", f"{end}PrefixListId")):
        if member in rule:
            out[name] = rule[member]
    if group := rule.get("ReferencedGroupInfo"):
        out[f"{end}SecurityGroupId"] = group["GroupId"]
    return out


def _alike(wanted: Any, said: dict[str, Any]) -> bool:
    """Protocols have names and numbers, ports may be text, and -1 is all of them."""
    def plain(rule: Any) -> dict[str, str]:
        out = {name: str(value) for name, value in rule.items() if name != "SourceSecurityGroupOwnerId" and value is not None}
        out["IpProtocol"] = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}.get(out["IpProtocol"], out["IpProtocol"].lower())
        return {name: value for name, value in out.items() if not (out["IpProtocol"] == "-1" and name.endswith("Port"))}
    return plain(wanted) == plain(said)


async def delete_group(r: Resource) -> None:
    await r.do("ec2", "DeleteSecurityGroup", GroupId=r.physical)


def alone(way: str) -> Type:
    """A rule by itself: SecurityGroupIngress, SecurityGroupEgress. Its id is the rule's."""
    async def create(r: Resource) -> str:
        if not r.get("GroupId") and not r.get("GroupName"):
            raise AwsError("ValidationError", "Exactly one of GroupName and GroupId must be specified")
        if way == "Egress":
            group, everything = r.properties["GroupId"], [permission(EVERYTHING)]
            there = (await r.do("ec2", "DescribeSecurityGroups", GroupIds=[group]))["SecurityGroups"][0]
            if permission(r.properties) == everything[0] and any(one["IpProtocol"] == "-1" and {"CidrIp": "0.0.0.0/0"} in one["IpRanges"] for one in there["IpPermissionsEgress"]):
                await r.do("ec2", "RevokeSecurityGroupEgress", GroupId=group, IpPermissions=everything)
        answer = await r.do("ec2", f"AuthorizeSecurityGroup{way}", GroupId=r.get("GroupId"), GroupName=r.get("GroupName"), IpPermissions=[permission(r.properties)])
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    async def update(r: Resource) -> None:
        await r.do("ec2", f"UpdateSecurityGroupRuleDescriptions{way}", GroupId=r.get("GroupId"), GroupName=r.get("GroupName"),
                   SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": r.physical, "Description": r.get("Description", "")}])

    async def delete(r: Resource) -> None:
        await r.do("ec2", f"RevokeSecurityGroup{way}", GroupId=r.get("GroupId"), GroupName=r.get("GroupName"), SecurityGroupRuleIds=[r.physical])

    return Type(create=create, update=update, read=itself("Id"), delete=delete)


# -- interfaces ------------------------------------------------------------------------------------------------------------------------------

SENT = ("SubnetId", "Description", "PrivateIpAddress", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount", "Ipv6Addresses", "Ipv6AddressCount", "Ipv4Prefixes", "Ipv4PrefixCount",
        "Ipv6Prefixes", "Ipv6PrefixCount", "InterfaceType", "EnablePrimaryIpv6", "ConnectionTrackingSpecification")
_interface = looks("DescribeNetworkInterfaces", "NetworkInterfaceIds", "NetworkInterfaces")


async def create_interface(r: Resource) -> str:
    given = {name: r.properties[name] for name in SENT if name in r.properties}
    only(r, *SENT, "GroupSet", "SourceDestCheck")
    answer = await r.do("ec2", "CreateNetworkInterface", Groups=r.get("GroupSet"), TagSpecifications=specification(r, "network-interface"), **given)
    r.physical = answer["NetworkInterface"]["NetworkInterfaceId"]
    if "SourceDestCheck" in r.properties:
        await r.do("ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=r.physical, SourceDestCheck={"Value": r.properties["SourceDestCheck"]})
    return str(r.physical)


async def update_interface(r: Resource) -> None:
    change: list[dict[str, Any]] = []
    if r.changed("Description"):
        change.append({"Description": {"Value": r.get("Description", "")}})
    if r.changed("SourceDestCheck"):
        change.append({"SourceDestCheck": {"Value": r.get("SourceDestCheck", True)}})
    if r.changed("GroupSet") and r.get("GroupSet"):
        change.append({"Groups": r.get("GroupSet")})
    if r.changed("ConnectionTrackingSpecification") and r.get("ConnectionTrackingSpecification"):
        change.append({"ConnectionTrackingSpecification": r.get("ConnectionTrackingSpecification")})
    for one in change:
        await r.do("ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=r.physical, **one)
    if r.changed("SecondaryPrivateIpAddressCount"):
        more = int(r.get("SecondaryPrivateIpAddressCount") or 0) - int(r.old.get("SecondaryPrivateIpAddressCount") or 0)
        if more > 0:
            await r.do("ec2", "AssignPrivateIpAddresses", NetworkInterfaceId=r.physical, SecondaryPrivateIpAddressCount=more)
        elif more < 0:
            there = [one["PrivateIpAddress"] for one in (await _interface(r))["PrivateIpAddresses"] if not one["Primary"]]
            await r.do("ec2", "UnassignPrivateIpAddresses", NetworkInterfaceId=r.physical, PrivateIpAddresses=there[more:])
    await retag(r)


async def read_interface(r: Resource) -> None:
    there = await _interface(r)
    r.attributes |= {"Id": r.physical, "VpcId": there["VpcId"], "PrimaryPrivateIpAddress": there.get("PrivateIpAddress", ""),
                     "SecondaryPrivateIpAddresses": [one["PrivateIpAddress"] for one in there["PrivateIpAddresses"] if not one["Primary"]],
                     "PrimaryIpv6Address": next((one["Ipv6Address"] for one in there["Ipv6Addresses"] if one["IsPrimaryIpv6"]), "")}


async def live_interface(r: Resource) -> dict[str, Any]:
    there = await _interface(r)
    return {"SubnetId": there["SubnetId"], "Description": there["Description"], "SourceDestCheck": there["SourceDestCheck"], "GroupSet": [one["GroupId"] for one in there["Groups"]]}


async def attach(r: Resource) -> str:
    only(r, "NetworkInterfaceId", "InstanceId", "DeviceIndex", "DeleteOnTermination")
    answer = await r.do("ec2", "AttachNetworkInterface", NetworkInterfaceId=r.properties["NetworkInterfaceId"], InstanceId=r.properties["InstanceId"], DeviceIndex=r.properties["DeviceIndex"])
    r.physical = answer["AttachmentId"]
    await reattach(r)
    return str(r.physical)


async def reattach(r: Resource) -> None:
    """CloudFormation's default is that the interface goes with its instance."""
    await r.do("ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=r.properties["NetworkInterfaceId"],
               Attachment={"AttachmentId": r.physical, "DeleteOnTermination": r.get("DeleteOnTermination", True)})


# -- Elastic IPs -----------------------------------------------------------------------------------------------------------------------------

async def create_eip(r: Resource) -> str:
    only(r, "Domain", "Address", "PublicIpv4Pool", "IpamPoolId", "NetworkBorderGroup", "InstanceId")
    answer = await r.do("ec2", "AllocateAddress", Domain=r.get("Domain", "vpc"), Address=r.get("Address"), PublicIpv4Pool=r.get("PublicIpv4Pool"), IpamPoolId=r.get("IpamPoolId"),
                        NetworkBorderGroup=r.get("NetworkBorderGroup"), TagSpecifications=specification(r, "elastic-ip"))
    r.attributes |= {"AllocationId": answer["AllocationId"], "PublicIp": answer["PublicIp"]}
    if instance := r.get("InstanceId"):
        await r.do("ec2", "AssociateAddress", AllocationId=answer["AllocationId"], InstanceId=instance)
    return str(answer["PublicIp"])


async def _loose(r: Resource) -> None:
    there = (await r.do("ec2", "DescribeAddresses", AllocationIds=[r.attributes["AllocationId"]]))["Addresses"][0]
    if "AssociationId" in there:
        await r.do("ec2", "DisassociateAddress", AssociationId=there["AssociationId"])


async def update_eip(r: Resource) -> None:
    if r.changed("InstanceId"):
        if instance := r.get("InstanceId"):
            await r.do("ec2", "AssociateAddress", AllocationId=r.attributes["AllocationId"], InstanceId=instance)
        else:
            await _loose(r)
    await retag_id(r, r.attributes["AllocationId"])


async def delete_eip(r: Resource) -> None:
    if r.get("InstanceId"):
        await _loose(r)
    await r.do("ec2", "ReleaseAddress", AllocationId=r.attributes["AllocationId"])


async def associate_eip(r: Resource) -> str:
    answer = await r.do("ec2", "AssociateAddress", AllocationId=r.get("AllocationId"), PublicIp=r.get("EIP"), InstanceId=r.get("InstanceId"),
                        NetworkInterfaceId=r.get("NetworkInterfaceId"), PrivateIpAddress=r.get("PrivateIpAddress"))
    return str(answer["AssociationId"])


TYPES = {
    "AWS::EC2::SecurityGroup": Type(name="GroupName", limit=255, create=create_group, update=update_group, read=read_group, live=live_group, delete=patient(delete_group), attributes=("VpcId",)),
    "AWS::EC2::SecurityGroupIngress": alone("Ingress"),
    "AWS::EC2::SecurityGroupEgress": alone("Egress"),
    "AWS::EC2::NetworkInterface": Type(create=create_interface, update=update_interface, read=read_interface, live=live_interface, delete=patient(op("ec2", "DeleteNetworkInterface", NetworkInterfaceId="{id}"))),
    "AWS::EC2::NetworkInterfaceAttachment": Type(create=attach, update=reattach, read=itself("AttachmentId"), delete=op("ec2", "DetachNetworkInterface", AttachmentId="{id}")),
    "AWS::EC2::EIP": Type(create=create_eip, update=update_eip, delete=patient(delete_eip)),
    "AWS::EC2::EIPAssociation": Type(create=associate_eip, read=itself("Id"), delete=op("ec2", "DisassociateAddress", AssociationId="{id}")),
}
