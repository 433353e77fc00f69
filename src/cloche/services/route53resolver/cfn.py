"""Resolver endpoints, rules and their associations in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, retag, steps, tag_map


def tags(r: Resource) -> Any:
    return [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()] or None


def reference(r: Resource) -> str:
    return f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"


async def create_endpoint(r: Resource) -> str:
    given = {name: value for name, value in r.properties.items() if name != "Tags"}
    answer = (await r.do("route53resolver", "CreateResolverEndpoint", **given, CreatorRequestId=reference(r), Tags=tags(r)))["ResolverEndpoint"]
    r.attributes |= {"Arn": answer["Arn"], "ResolverEndpointId": answer["Id"], "Direction": answer["Direction"], "HostVPCId": answer["HostVPCId"], "IpAddressCount": str(answer["IpAddressCount"]),
                     "Name": answer.get("Name", "")}
    return str(answer["Id"])


async def update_endpoint(r: Resource) -> None:
    if r.changed("Name"):
        await r.do("route53resolver", "UpdateResolverEndpoint", ResolverEndpointId=r.physical, Name=r.get("Name"))
    new, old = r.get("IpAddresses") or [], r.old.get("IpAddresses") or []
    for one in new:
        if one not in old:
            await r.do("route53resolver", "AssociateResolverEndpointIpAddress", ResolverEndpointId=r.physical, IpAddress=one)
    for one in old:
        if one not in new:
            await r.do("route53resolver", "DisassociateResolverEndpointIpAddress", ResolverEndpointId=r.physical, IpAddress=one)


async def create_rule(r: Resource) -> str:
    given = {name: value for name, value in r.properties.items() if name != "Tags"}
    answer = (await r.do("route53resolver", "CreateResolverRule", **given, CreatorRequestId=reference(r), Tags=tags(r)))["ResolverRule"]
    r.attributes |= {"Arn": answer["Arn"], "ResolverRuleId": answer["Id"], "DomainName": answer["DomainName"], "Name": answer.get("Name", ""), "ResolverEndpointId": answer.get("ResolverEndpointId", "")}
    return str(answer["Id"])


async def update_rule(r: Resource) -> None:
    if r.changed("Name", "TargetIps", "ResolverEndpointId"):
        config = {name: r.properties[name] for name in ("Name", "TargetIps", "ResolverEndpointId") if name in r.properties}
        await r.do("route53resolver", "UpdateResolverRule", ResolverRuleId=r.physical, Config=config)


RETAG = retag("route53resolver", "TagResource", "UntagResource", ResourceArn="{.Arn}")
TYPES = {
    "AWS::Route53Resolver::ResolverEndpoint": Type(
        create=create_endpoint, update=steps(update_endpoint, RETAG), delete=op("route53resolver", "DeleteResolverEndpoint", ResolverEndpointId="{id}"), gone=("ResourceNotFoundException",),
        replaces=("Direction", "SecurityGroupIds"), attributes=("Direction", "HostVPCId", "IpAddressCount", "Name", "Arn", "ResolverEndpointId")),
    "AWS::Route53Resolver::ResolverRule": Type(
        create=create_rule, update=steps(update_rule, RETAG), delete=op("route53resolver", "DeleteResolverRule", ResolverRuleId="{id}"), gone=("ResourceNotFoundException",),
        replaces=("DomainName", "RuleType"), attributes=("Name", "DomainName", "ResolverEndpointId")),
    "AWS::Route53Resolver::ResolverRuleAssociation": Type(
        create=op("route53resolver", "AssociateResolverRule", send=True, physical="ResolverRuleAssociation.Id", attributes={"ResolverRuleAssociationId": "ResolverRuleAssociation.Id"}),
        delete=op("route53resolver", "DisassociateResolverRule", ResolverRuleId="{ResolverRuleId}", VPCId="{VPCId}"), gone=("ResourceNotFoundException",)),
}
