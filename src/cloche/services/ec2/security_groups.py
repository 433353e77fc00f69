"""Security groups: rules that only allow, on interfaces, with a memory for connections. A rule's peer is a range, a prefix list, or the members of a group."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import describe, errors, errors_vpc, links, names, network, sharing, tags, vpcs
from . import service as ec2
from .vpcs import Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 2500  # per region
LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*")


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One peer at one set of ports. For ICMP `low` is the type and `high` the code; -1 is any. `peer`: a CIDR, pl-..., or sg-..."""
    id: str
    egress: bool
    peer: str
    protocol: str = "-1"  # tcp, udp, icmp, icmpv6, or a number
    low: int = -1
    high: int = -1
    description: str = ""
    owner: str = ""       # of a referenced group
    peer_vpc: str = ""    # where the referenced group is, when it is not here
    peering: str = ""     # and what it is reached over

    @property
    def meaning(self) -> tuple[Any, ...]:
        return self.egress, self.peer, self.protocol, self.low, self.high


class SecurityGroup(Record, frozen=True):
    kind = "ec2.security-group"

    id: str
    vpc_id: str
    name: str
    description: str
    rules: list[Rule] = []
    also: list[str] = []  # other VPCs that it is associated with

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> SecurityGroup:
    found = call.get(SecurityGroup, id_)
    if found is None:
        from . import shared_network
        shared_network.refuse(call, id_)
        raise errors_vpc.group_not_found(id_) if id_.startswith("sg-") else errors_vpc.group_id_malformed(id_)
    return found


tags.FINDERS["sg"] = find


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(SecurityGroup, id_)
    return {"ec2:SecurityGroupID": id_, "ec2:Vpc": names.arn(call, "vpc", one.vpc_id)} if one else {}


names.ABOUT["security-group"] = _about


def of_vpc(call: Call, vpc_id: str) -> list[SecurityGroup]:
    return [find(call, id_) for id_ in links.users(call, vpc_id, "sg-")]


def fits(group: SecurityGroup, vpc_id: str) -> bool:
    """Is it a group of this VPC, or associated with it?"""
    return group.vpc_id == vpc_id or vpc_id in group.also


def named(call: Call, name: str, vpc_id: str = "") -> SecurityGroup:
    """By name: in the default VPC, unless another is given."""
    vpc = (sharing.vpc_lived_in(call, vpc_id) or vpcs.find(call, vpc_id)) if vpc_id else vpcs.default(call)
    found = next((g for g in of_vpc(call, vpc.id) if g.name == name), None) if vpc else None
    if found is None:
        raise errors.AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist" + (f" in VPC '{vpc_id}'" if vpc_id else " in default VPC"))
    return found


def wanted(call: Call, req: Any) -> SecurityGroup:
    """The group that a request names by id, or by name in the default VPC."""
    if id_ := req.get("GroupId"):
        return find(call, id_)
    if name := req.get("GroupName"):
        return named(call, name)
    raise errors.AwsError("MissingParameter", "Either 'groupName' or 'groupId' should be provided.")


def put(call: Call, group: SecurityGroup) -> SecurityGroup:
    """Its rules are known by their ids, and by the groups and lists that they refer to."""
    links.tie(call, group.id, group.vpc_id, *(rule.peer for rule in group.rules if rule.peer != group.id and rule.peer[:3] in ("sg-", "pl-")),
              *(f"in:{vpc}" for vpc in group.also))
    old = call.get(SecurityGroup, group.id)
    had, has = {rule.id for rule in old.rules} if old else set(), {rule.id for rule in group.rules}
    for id_ in sorted(has - had):
        links.tie(call, id_, group.id)
    for id_ in sorted(had - has):
        links.untie(call, id_)
        tags.drop(call, id_)
    network.changed(call)
    return call.put(group)


def make_default(call: Call, vpc: Vpc) -> SecurityGroup:
    """What is in it may talk to what is in it."""
    group = SecurityGroup(call.id("sg-"), vpc.id, "default", "default VPC security group")
    return put(call, group.but(rules=[Rule(call.id("sgr-"), False, group.id, owner=call.account), *everything_out(call, vpc)]))


def everything_out(call: Call, vpc: Vpc) -> list[Rule]:
    return [Rule(call.id("sgr-"), True, cidr) for cidr in ("0.0.0.0/0", *(["::/0"] if vpc.blocks6 else []))]


def open_ipv6(call: Call, vpc: Vpc) -> None:
    """With a VPC's first IPv6 range, the groups whose outbound rules nobody changed let IPv6 out too."""
    for group in of_vpc(call, vpc.id):
        if [rule.meaning for rule in group.rules if rule.egress] == [(True, "0.0.0.0/0", "-1", -1, -1)]:
            put(call, group.but(rules=[*group.rules, Rule(call.id("sgr-"), True, "::/0")]))


def left(call: Call, vpc_id: str) -> None:
    """The VPC goes: groups of others are not associated with it any more."""
    for id_ in links.users(call, f"in:{vpc_id}", "sg-"):
        group = find(call, id_)
        put(call, group.but(also=[vpc for vpc in group.also if vpc != vpc_id]))


def drop(call: Call, id_: str) -> None:
    put(call, find(call, id_).but(rules=[]))
    links.untie(call, id_)
    call.delete(find(call, id_))
    tags.drop(call, id_)
    network.changed(call)


# -- what answers say -------------------------------------------------------------------------------------------------------------------

def permissions(call: Call, group: SecurityGroup, egress: bool) -> list[t.IpPermission]:
    """The rules of one direction, gathered by protocol and ports."""
    out: dict[Any, Any] = {}
    for rule in group.rules:
        if rule.egress != egress:
            continue
        key = (rule.protocol, rule.low, rule.high)
        if key not in out:
            out[key] = {"IpProtocol": rule.protocol, "UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
            if rule.protocol in ("tcp", "udp", "icmp", "icmpv6"):
                out[key] |= {"FromPort": rule.low, "ToPort": rule.high}
        said = {"Description": rule.description} if rule.description else {}
        if rule.peer.startswith("sg-"):
            far = {"VpcId": rule.peer_vpc, "VpcPeeringConnectionId": rule.peering, "PeeringStatus": peering_status(call, rule)} if rule.peering else {}
            out[key]["UserIdGroupPairs"].append({**said, "UserId": rule.owner, "GroupId": rule.peer, **far})
        elif rule.peer.startswith("pl-"):
            out[key]["PrefixListIds"].append({**said, "PrefixListId": rule.peer})
        elif ":" in rule.peer:
            out[key]["Ipv6Ranges"].append({**said, "CidrIpv6": rule.peer})
        else:
            out[key]["IpRanges"].append({**said, "CidrIp": rule.peer})
    return list(out.values())


PEERINGS: dict[str, Any] = {}  # "group": f(call, peer, owner, vpc_id) -> (owner, peer's VPC, pcx id) or None; "status": f(call, pcx id); peering's module fills it


def peering_status(call: Call, rule: Rule) -> str:
    return PEERINGS["status"](call, rule.peering) if "status" in PEERINGS else "deleted"


def arn(call: Call, group: SecurityGroup) -> str:
    return names.arn(call, "security-group", group.id)


def shown(call: Call, group: SecurityGroup) -> t.SecurityGroup:
    return {"GroupId": group.id, "GroupName": group.name, "Description": group.description, "VpcId": group.vpc_id, "OwnerId": call.account, "SecurityGroupArn": arn(call, group),
            "IpPermissions": permissions(call, group, False), "IpPermissionsEgress": permissions(call, group, True), "Tags": tags.shown(call, group.id)}


# -- operations ---------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("security-group", vpc="VpcId"))
def create_security_group(call: Call, req: t.CreateSecurityGroupRequest) -> t.CreateSecurityGroupResult:
    name, described = req["GroupName"], req["Description"]
    if vpc_id := req.get("VpcId"):
        vpc = sharing.vpc(call, vpc_id)
    elif (vpc_or_none := vpcs.default(call)) is None:
        raise errors_vpc.no_default_vpc_for_user()
    else:
        vpc = vpc_or_none
    if not name:
        raise errors.missing("GroupName")
    if len(name) > 255 or name.startswith("sg-") or not set(name) <= LETTERS:
        raise errors_vpc.group_name(name)
    if not described:
        raise errors.missing("GroupDescription")
    if len(described) > 255 or not set(described) <= LETTERS:
        raise errors_vpc.group_description(described)
    if name.lower() == "default":
        raise errors_vpc.group_reserved(name)
    if any(other.name == name for other in of_vpc(call, vpc.id)):
        raise errors_vpc.group_duplicate(name, vpc.id)
    if len(call.all(SecurityGroup)) >= MOST:
        raise errors_vpc.group_limit()
    group = put(call, SecurityGroup(call.id("sg-"), vpc.id, name, described, everything_out(call, vpc)))
    tags.take(call, req, "security-group", group.id)
    answer: t.CreateSecurityGroupResult = {"GroupId": group.id, "SecurityGroupArn": arn(call, group)}
    if given := tags.shown(call, group.id):
        answer["Tags"] = given
    return answer


def _rules(egress: bool, read: Any) -> Any:
    return lambda g: [value for rule in g.rules if rule.egress == egress and (value := read(rule)) is not None]


def _rule_facets(prefix: str, egress: bool) -> describe.Facets:
    return {
        f"{prefix}.cidr": _rules(egress, lambda r: r.peer if "." in r.peer else None), f"{prefix}.ipv6-cidr": _rules(egress, lambda r: r.peer if ":" in r.peer else None),
        f"{prefix}.from-port": _rules(egress, lambda r: r.low if r.protocol in ("tcp", "udp", "icmp", "icmpv6") else None),
        f"{prefix}.to-port": _rules(egress, lambda r: r.high if r.protocol in ("tcp", "udp", "icmp", "icmpv6") else None),
        f"{prefix}.protocol": _rules(egress, lambda r: r.protocol), f"{prefix}.prefix-list-id": _rules(egress, lambda r: r.peer if r.peer.startswith("pl-") else None),
        f"{prefix}.group-id": _rules(egress, lambda r: r.peer if r.peer.startswith("sg-") else None), f"{prefix}.user-id": _rules(egress, lambda r: r.owner or None),
    }


def _names_of_peers(egress: bool) -> Any:
    return lambda call, g: [there.name for rule in g.rules if rule.egress == egress and (there := call.get(SecurityGroup, rule.peer))]


FACETS: describe.Facets = {
    "group-id": lambda g: g.id, "group-name": lambda g: g.name, "description": lambda g: g.description, "vpc-id": lambda g: g.vpc_id, "owner-id": lambda call, g: call.account,
    **_rule_facets("ip-permission", False), **_rule_facets("egress.ip-permission", True),
    "ip-permission.group-name": _names_of_peers(False), "egress.ip-permission.group-name": _names_of_peers(True),
}


@ec2.op(**names.LOOK)
def describe_security_groups(call: Call, req: t.DescribeSecurityGroupsRequest) -> t.DescribeSecurityGroupsResult:
    from . import shared_network
    ids, by_name = req.get("GroupIds"), req.get("GroupNames")
    mine, theirs = shared_network.rows(call, req, SecurityGroup, ids, FACETS, shown) if ids or not by_name else (ids, [])
    if ids or by_name:
        found = list({one.id: one for one in (*(find(call, id_) for id_ in mine or ()), *(named(call, name) for name in by_name or ()))}.values())
    else:
        found = call.all(SecurityGroup)
    found = describe.matching(call, found, req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "SecurityGroups", ids=ids or by_name)


@ec2.op(needs=lambda call, req: names.on("security-group", "GroupId")["needs"](call, {"GroupId": _id(call, req)}))
def delete_security_group(call: Call, req: t.DeleteSecurityGroupRequest) -> t.DeleteSecurityGroupResult:
    group = wanted(call, req)
    if group.name == "default":
        raise errors_vpc.default_group(group.id)
    for user in links.users(call, group.id):
        if not user.startswith("sgr-") and not (user.startswith("sg-") and find(call, user).vpc_id != group.vpc_id):
            raise errors_vpc.group_in_use(group.id)
    if group.also:
        raise errors_vpc.group_in_use(group.id)
    drop(call, group.id)
    return {"Return": True, "GroupId": group.id}


def _id(call: Call, req: Any) -> str | None:
    """Whom IAM is asked about when the group is given by its name."""
    if req.get("GroupId") or not req.get("GroupName"):
        return req.get("GroupId")  # type: ignore[no-any-return]
    vpc = vpcs.default(call)
    return next((g.id for g in of_vpc(call, vpc.id) if g.name == req["GroupName"]), None) if vpc else None


def for_interface(call: Call, vpc_id: str, ids: list[str] | None, most: int = 5) -> list[str]:
    """The groups of an interface in a VPC: those asked for, else the default one. Raises where they are not there or too many."""
    if not ids:
        if call.get(vpcs.Vpc, vpc_id) is None and sharing.vpc_lived_in(call, vpc_id):
            raise errors.AwsError("InvalidGroup.NotFound", f"The security group 'default' does not exist in VPC '{vpc_id}'")  # the owner's is not for guests
        return [vpcs.find(call, vpc_id).group_id]
    for id_ in ids:
        if not fits(find(call, id_), vpc_id):
            raise errors_vpc.groups_other_network()
    unique = list(dict.fromkeys(ids))
    if len(unique) > most:
        raise errors_vpc.groups_per_interface()
    return unique
