"""Rules of security groups: given, taken away, changed and listed, each under its own id."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Need

from . import describe, errors, errors_vpc, links, names, permissions, prefix_lists, security_groups, sharing, tags
from . import service as ec2
from .security_groups import Rule, SecurityGroup

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 60  # in each direction, for IPv4 and for IPv6


def _exists(call: Call, id_: str) -> None:
    if not links.used(call, id_, "sg-"):
        raise errors_vpc.rule_not_found([id_])


tags.FINDERS["sgr"] = _exists


def shown(call: Call, group: SecurityGroup, rule: Rule) -> t.SecurityGroupRule:
    out: t.SecurityGroupRule = {
        "SecurityGroupRuleId": rule.id, "GroupId": group.id, "GroupOwnerId": call.account, "IsEgress": rule.egress, "IpProtocol": rule.protocol, "FromPort": rule.low, "ToPort": rule.high,
        "SecurityGroupRuleArn": names.arn(call, "security-group-rule", rule.id), "Tags": tags.shown(call, rule.id)}
    if rule.peer.startswith("sg-"):
        out["ReferencedGroupInfo"] = {"GroupId": rule.peer, "UserId": rule.owner}
        if rule.peering:
            out["ReferencedGroupInfo"] |= {"VpcId": rule.peer_vpc, "VpcPeeringConnectionId": rule.peering, "PeeringStatus": security_groups.peering_status(call, rule)}
    elif rule.peer.startswith("pl-"):
        out["PrefixListId"] = rule.peer
    else:
        out["CidrIpv6" if ":" in rule.peer else "CidrIpv4"] = rule.peer
    if rule.description:
        out["Description"] = rule.description
    return out


def _asks(making: bool) -> Any:
    """IAM is asked about the group, and for new rules about them too."""
    def needs(call: Call, req: Any) -> list[Need]:
        about = {"GroupId": security_groups._id(call, req), "TagSpecifications": req.get("TagSpecifications")}
        declared = names.making("security-group-rule", security_group="GroupId") if making else names.on("security-group", "GroupId")
        return declared["needs"](call, about)  # type: ignore[no-any-return]
    return needs


def _room(call: Call, rules: list[Rule]) -> None:
    """A prefix list counts for as many rules as it may have entries; what is not a range counts for both families."""
    for egress in (True, False):
        for family in (".", ":"):
            if sum(prefix_lists.weight(call, r.peer) for r in rules if r.egress == egress and (family in r.peer or r.peer[:3] in ("sg-", "pl-"))) > MOST:
                raise errors_vpc.group_rule_limit()


def _authorize(call: Call, req: Any, egress: bool) -> Any:
    group = security_groups.wanted(call, req)
    fresh = [msgspec.structs.replace(rule, id=call.id("sgr-")) for rule in permissions.read(call, group, req, egress)]
    there = {rule.meaning for rule in group.rules}
    for rule in fresh:
        if rule.meaning in there:
            raise errors_vpc.permission_duplicate(permissions.said(rule))
    _room(call, [*group.rules, *fresh])
    group = security_groups.put(call, group.but(rules=[*group.rules, *fresh]))
    for rule in fresh:
        tags.take(call, req, "security-group-rule", rule.id)
    return {"Return": True, "SecurityGroupRules": [shown(call, group, rule) for rule in fresh]}


@ec2.op(needs=_asks(True))
def authorize_security_group_ingress(call: Call, req: t.AuthorizeSecurityGroupIngressRequest) -> t.AuthorizeSecurityGroupIngressResult:
    return _authorize(call, req, False)  # type: ignore[no-any-return]


@ec2.op(needs=_asks(True))
def authorize_security_group_egress(call: Call, req: t.AuthorizeSecurityGroupEgressRequest) -> t.AuthorizeSecurityGroupEgressResult:
    return _authorize(call, req, True)  # type: ignore[no-any-return]


def _revoke(call: Call, req: Any, egress: bool) -> Any:
    """By ids or by what the rules say: all or none, but that the default VPC's groups forgive what is not there and tell what it was."""
    group = security_groups.wanted(call, req)
    unknown: list[Rule] = []
    if ids := req.get("SecurityGroupRuleIds"):
        gone = [rule for rule in group.rules if rule.id in ids and rule.egress == egress]
        if strays := [id_ for id_ in ids if id_ not in {rule.id for rule in gone}]:
            raise errors_vpc.rule_not_found(strays)
    else:
        wanted = {rule.meaning: rule for rule in permissions.read(call, group, req, egress)}
        gone = [rule for rule in group.rules if rule.meaning in wanted]
        unknown = [rule for meaning, rule in wanted.items() if meaning not in {each.meaning for each in gone}]
        if unknown and not getattr(sharing.vpc_lived_in(call, group.vpc_id), "default", False):
            raise errors_vpc.permission_not_found()
    security_groups.put(call, group.but(rules=[rule for rule in group.rules if rule not in gone]))
    answer: Any = {"Return": True, "RevokedSecurityGroupRules": [_revoked(group, rule) for rule in gone]}
    if unknown:
        answer["UnknownIpPermissions"] = security_groups.permissions(call, group.but(rules=unknown), egress)
    return answer


def _revoked(group: SecurityGroup, rule: Rule) -> t.RevokedSecurityGroupRule:
    out: t.RevokedSecurityGroupRule = {"SecurityGroupRuleId": rule.id, "GroupId": group.id, "IsEgress": rule.egress, "IpProtocol": rule.protocol, "FromPort": rule.low, "ToPort": rule.high}
    out["ReferencedGroupId" if rule.peer.startswith("sg-") else "PrefixListId" if rule.peer.startswith("pl-") else "CidrIpv6" if ":" in rule.peer else "CidrIpv4"] = rule.peer
    if rule.description:
        out["Description"] = rule.description
    return out


@ec2.op(needs=_asks(False))
def revoke_security_group_ingress(call: Call, req: t.RevokeSecurityGroupIngressRequest) -> t.RevokeSecurityGroupIngressResult:
    return _revoke(call, req, False)  # type: ignore[no-any-return]


@ec2.op(needs=_asks(False))
def revoke_security_group_egress(call: Call, req: t.RevokeSecurityGroupEgressRequest) -> t.RevokeSecurityGroupEgressResult:
    return _revoke(call, req, True)  # type: ignore[no-any-return]


def _describe_anew(call: Call, req: Any, egress: bool) -> Any:
    group = security_groups.wanted(call, req)
    if by_id := req.get("SecurityGroupRuleDescriptions"):
        if not all(one.get("SecurityGroupRuleId") for one in by_id):
            raise errors.missing("SecurityGroupRuleId")
        new: dict[Any, str] = {one.get("SecurityGroupRuleId"): permissions.described(one) for one in by_id}
        there = {rule.id for rule in group.rules if rule.egress == egress}
        if strays := [id_ for id_ in new if id_ not in there]:
            raise errors_vpc.rule_not_found(strays)
        rules = [msgspec.structs.replace(rule, description=new.get(rule.id, rule.description)) for rule in group.rules]
    else:
        new = {rule.meaning: rule.description for rule in permissions.read(call, group, req, egress)}
        if not new.keys() <= {rule.meaning for rule in group.rules}:
            raise errors_vpc.permission_not_found()
        rules = [msgspec.structs.replace(rule, description=new.get(rule.meaning, rule.description)) for rule in group.rules]
    security_groups.put(call, group.but(rules=rules))
    return {"Return": True}


@ec2.op(needs=_asks(False))
def update_security_group_rule_descriptions_ingress(call: Call, req: t.UpdateSecurityGroupRuleDescriptionsIngressRequest) -> t.UpdateSecurityGroupRuleDescriptionsIngressResult:
    return _describe_anew(call, req, False)  # type: ignore[no-any-return]


@ec2.op(needs=_asks(False))
def update_security_group_rule_descriptions_egress(call: Call, req: t.UpdateSecurityGroupRuleDescriptionsEgressRequest) -> t.UpdateSecurityGroupRuleDescriptionsEgressResult:
    return _describe_anew(call, req, True)  # type: ignore[no-any-return]


@ec2.op(needs=_asks(False))
def modify_security_group_rules(call: Call, req: t.ModifySecurityGroupRulesRequest) -> t.ModifySecurityGroupRulesResult:
    """What a rule says changes, its id and direction stay; its peer stays of the kind it was."""
    group = security_groups.find(call, req["GroupId"])
    rules = {rule.id: rule for rule in group.rules}
    if strays := [one["SecurityGroupRuleId"] for one in req["SecurityGroupRules"] if one["SecurityGroupRuleId"] not in rules]:
        raise errors_vpc.rule_not_found(strays)
    for one in req["SecurityGroupRules"]:
        old, new = rules[one["SecurityGroupRuleId"]], one.get("SecurityGroupRule") or {}
        peers = [name for name in ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId") if new.get(name)]
        if len(peers) != 1:
            raise errors.combination("Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified")
        fresh = permissions.read(call, group, {"IpPermissions": [_permission(new, peers[0])]}, old.egress)[0]
        if _kind(fresh.peer) != _kind(old.peer):
            raise errors.invalid(f"The type of the source or destination of the security group rule {old.id} cannot be changed")
        rules[old.id] = msgspec.structs.replace(fresh, id=old.id)
    if len({rule.meaning for rule in rules.values()}) < len(rules):
        raise errors_vpc.permission_duplicate(permissions.said(fresh))
    _room(call, list(rules.values()))
    security_groups.put(call, group.but(rules=list(rules.values())))
    return {"Return": True}


def _kind(peer: str) -> str:
    return peer[:3] if peer[:3] in ("sg-", "pl-") else ":" if ":" in peer else "."


def _permission(new: Any, peer: str) -> dict[str, Any]:
    said = {"Description": new["Description"]} if new.get("Description") else {}
    out = {name: new[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in new}
    where, member = {"CidrIpv4": ("IpRanges", "CidrIp"), "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"), "PrefixListId": ("PrefixListIds", "PrefixListId"),
                     "ReferencedGroupId": ("UserIdGroupPairs", "GroupId")}[peer]
    return out | {where: [{member: new[peer], **said}]}


# -- looking -----------------------------------------------------------------------------------------------------------------------------

class Row(msgspec.Struct, frozen=True):
    """A rule with its group, as filters see it."""
    group: SecurityGroup
    rule: Rule

    @property
    def key(self) -> str:
        return self.rule.id


FACETS: describe.Facets = {"group-id": lambda r: r.group.id, "security-group-rule-id": lambda r: r.rule.id}


@ec2.op(**names.LOOK)
def describe_security_group_rules(call: Call, req: t.DescribeSecurityGroupRulesRequest) -> t.DescribeSecurityGroupRulesResult:
    ids = req.get("SecurityGroupRuleIds")
    if ids:
        groups = {id_: links.used(call, id_, "sg-") for id_ in ids}
        if strays := [id_ for id_ in ids if not groups[id_]]:
            raise errors_vpc.rule_not_found(strays)
        found = [security_groups.find(call, id_) for id_ in sorted({group[0] for group in groups.values()})]
    elif named := next((one.get("Values") for one in req.get("Filters") or () if one.get("Name") == "group-id"), None):
        found = [group for id_ in named if (group := call.get(SecurityGroup, id_))] if not any("*" in v or "?" in v for v in named) else call.all(SecurityGroup)
    else:
        found = call.all(SecurityGroup)
    rows = [Row(group, rule) for group in found for rule in group.rules if not ids or rule.id in ids]
    rows = describe.matching(call, rows, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, row.group, row.rule) for row in rows], "SecurityGroupRules", ids=ids)


@ec2.op(**names.on("security-group", "GroupId"))
def describe_security_group_references(call: Call, req: t.DescribeSecurityGroupReferencesRequest) -> t.DescribeSecurityGroupReferencesResult:
    """Which VPCs at the other end of a peering connection have rules that name these groups."""
    for id_ in req["GroupId"]:
        security_groups.find(call, id_)
    seek = security_groups.PEERINGS.get("references")  # f(call, group id) -> [(referencing VPC, pcx id)]
    return {"SecurityGroupReferenceSet": [{"GroupId": id_, "ReferencingVpcId": vpc, "VpcPeeringConnectionId": pcx} for id_ in req["GroupId"] for vpc, pcx in (seek(call, id_) if seek else ())]}


@ec2.op(**names.on("vpc", "VpcId"))
def describe_stale_security_groups(call: Call, req: t.DescribeStaleSecurityGroupsRequest) -> t.DescribeStaleSecurityGroupsResult:
    """Rules that name a peer's group which is deleted, or is reached over a connection that is."""
    from . import vpcs
    vpc, out = vpcs.find(call, req["VpcId"]), []
    for group in security_groups.of_vpc(call, vpc.id):
        stale = [rule for rule in group.rules if rule.peering and (security_groups.peering_status(call, rule) == "deleted" or _gone(call, rule))]
        if stale:
            only = group.but(rules=stale)
            out.append({"GroupId": group.id, "GroupName": group.name, "Description": group.description, "VpcId": group.vpc_id,
                        "StaleIpPermissions": [_stale(one) for one in security_groups.permissions(call, only, False)],
                        "StaleIpPermissionsEgress": [_stale(one) for one in security_groups.permissions(call, only, True)]})
    return describe.page(req, out, "StaleSecurityGroupSet")  # type: ignore[no-any-return]


def _gone(call: Call, rule: Rule) -> bool:
    return call.at(rule.owner, call.region).get(SecurityGroup, rule.peer) is None


def _stale(permission: Any) -> t.StaleIpPermission:
    return {name: value for name, value in permission.items() if name in ("IpProtocol", "FromPort", "ToPort", "UserIdGroupPairs")} | {"IpRanges": [], "PrefixListIds": []}  # type: ignore[return-value]


@ec2.op(**names.on("vpc", "VpcId"))
def get_security_groups_for_vpc(call: Call, req: t.GetSecurityGroupsForVpcRequest) -> t.GetSecurityGroupsForVpcResult:
    from . import vpcs
    vpc = vpcs.find(call, req["VpcId"])
    shared = [security_groups.find(call, id_) for id_ in links.users(call, f"in:{vpc.id}", "sg-")]
    found = describe.matching(call, [*security_groups.of_vpc(call, vpc.id), *shared], req.get("Filters"), {
        "group-id": lambda g: g.id, "group-name": lambda g: g.name, "description": lambda g: g.description, "owner-id": lambda call, g: call.account, "primary-vpc-id": lambda g: g.vpc_id})
    return describe.page(req, [{"GroupId": g.id, "GroupName": g.name, "Description": g.description, "OwnerId": call.account, "PrimaryVpcId": g.vpc_id, "Tags": tags.shown(call, g.id)}
                               for g in found], "SecurityGroupForVpcs")
