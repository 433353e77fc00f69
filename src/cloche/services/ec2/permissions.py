"""What a request says about a security group's rules: `IpPermissions` and the old flat members, as rules that have no ids yet."""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call

from . import addresses, errors, errors_vpc, prefix_lists, security_groups, sharing
from .security_groups import Rule, SecurityGroup

NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "icmp6": "icmpv6", "all": "-1"}
PORTS = ("tcp", "udp")
LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. _-:/()#,@[]+=&;{}!$*")


def read(call: Call, group: SecurityGroup, req: Any, egress: bool) -> list[Rule]:
    """The rules of a request, in canonical form. Raises where one is wrong or said twice."""
    asked = list(req.get("IpPermissions") or ())
    if flat := _flat(req):
        if asked:
            raise errors.combination("The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'")
        asked = [flat]
    if not asked:
        raise errors.missing("ipPermissions") if not req.get("IpProtocol") else errors_vpc.permission_malformed("No source or destination is given")
    out = [rule for each in asked for rule in _of(call, group, each, egress)]
    if len({rule.meaning for rule in out}) < len(out):
        raise errors_vpc.permission_twice()
    return out


def _flat(req: Any) -> dict[str, Any] | None:
    """CidrIp, IpProtocol, FromPort ... as one permission."""
    if not any(name in req for name in ("IpProtocol", "CidrIp", "SourceSecurityGroupName", "FromPort", "ToPort")):
        return None
    out: dict[str, Any] = {name: req[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in req}
    if name := req.get("SourceSecurityGroupName"):
        out |= {"IpProtocol": out.get("IpProtocol", "-1"), "UserIdGroupPairs": [{"GroupName": name, **({"UserId": req["SourceSecurityGroupOwnerId"]} if req.get("SourceSecurityGroupOwnerId") else {})}]}
    if "CidrIp" in req:
        out["IpRanges"] = [{"CidrIp": req["CidrIp"]}]
    return out


def _of(call: Call, group: SecurityGroup, permission: Any, egress: bool) -> list[Rule]:
    protocol, low, high = ports(permission)
    base = Rule("", egress, "", protocol, low, high)
    out = []
    for each in permission.get("IpRanges") or ():
        out.append(msgspec.structs.replace(base, peer=cidr(each.get("CidrIp") or "", 4), description=described(each)))
    for each in permission.get("Ipv6Ranges") or ():
        out.append(msgspec.structs.replace(base, peer=cidr(each.get("CidrIpv6") or "", 6), description=described(each)))
    for each in permission.get("PrefixListIds") or ():
        out.append(msgspec.structs.replace(base, peer=prefix_lists.find(call, each.get("PrefixListId") or "").id, description=described(each)))
    for each in permission.get("UserIdGroupPairs") or ():
        peer, owner, far, peering = referenced(call, group, each)
        out.append(msgspec.structs.replace(base, peer=peer, owner=owner, peer_vpc=far, peering=peering, description=described(each)))
    if not out:
        raise errors_vpc.permission_malformed("A rule needs a CIDR block, a prefix list or a security group")
    return out


def ports(permission: Any) -> tuple[str, int, int]:
    """(protocol, from, to) of one permission; for ICMP type and code."""
    given = permission.get("IpProtocol")
    if given is None:
        raise errors.missing("ipProtocol")
    protocol = NAMES.get(given.lower(), given.lower())
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if protocol in PORTS:
        if low is None or high is None:
            raise errors_vpc.ports_missing("TCP/UDP")
        if low == -1 and high == -1:
            return protocol, 0, 65535
        if not 0 <= low <= 65535 or not 0 <= high <= 65535 or low > high:
            raise errors_vpc.bad_ports(low, high)
        return protocol, low, high
    if protocol in ("icmp", "icmpv6"):
        if (low is None or high is None) and protocol == "icmp":
            raise errors_vpc.ports_missing("ICMP")
        low, high = -1 if low is None else low, -1 if high is None else high
        if not -1 <= low <= 255 or not -1 <= high <= 255 or (low == -1 and high != -1):
            raise errors.invalid(f"ICMP code ({high}) or type ({low}) out of range")
        return protocol, low, high
    if protocol != "-1" and not (protocol.isdigit() and int(protocol) <= 255):
        raise errors_vpc.bad_protocol(given)
    return protocol, -1, -1


def cidr(value: str, version: int) -> str:
    try:
        net = addresses.network(value)
    except ValueError:
        raise errors_vpc.bad_rule_cidr(value) from None
    if net.version != version:
        raise errors_vpc.bad_rule_cidr(value)
    return str(net)


def described(each: Any) -> str:
    text = each.get("Description") or ""
    if len(text) > 255 or not set(text) <= LETTERS:
        raise errors_vpc.rule_description(text)
    return text  # type: ignore[no-any-return]


def referenced(call: Call, group: SecurityGroup, pair: Any) -> tuple[str, str, str, str]:
    """(group id, owner, its VPC, peering) of a reference: within the VPC, or over a peering connection that is active."""
    id_, owner = pair.get("GroupId"), pair.get("UserId") or call.account
    if not id_:
        if not (name := pair.get("GroupName")):
            raise errors.missing("groupId")
        return security_groups.named(call, name, group.vpc_id if getattr(sharing.vpc_lived_in(call, group.vpc_id), "default", False) is False else "").id, call.account, "", ""
    there = call.get(SecurityGroup, id_)
    if there and any(security_groups.fits(there, vpc) for vpc in (group.vpc_id, *group.also)):
        return there.id, call.account, "", ""
    if owner != call.account and sharing.one_network(call, owner, group.vpc_id):      # of another that uses the same shared VPC
        far_group = call.at(owner, call.region).get(SecurityGroup, id_)
        if far_group and security_groups.fits(far_group, group.vpc_id):
            return id_, owner, "", ""
    if (over := security_groups.PEERINGS.get("group")) and (found := over(call, id_, owner, group.vpc_id)):
        owner, far, peering = found
        return id_, owner, far, peering
    if there:
        raise errors_vpc.groups_other_network()
    raise errors_vpc.group_not_found(id_) if id_.startswith("sg-") else errors_vpc.group_id_malformed(id_)


def said(rule: Rule) -> str:
    """A rule as AWS's refusals name it."""
    what = {"-1": "ALL"}.get(rule.protocol, rule.protocol.upper() if not rule.protocol.isdigit() else f"protocol: {rule.protocol}")
    if rule.protocol in PORTS:
        what += f", from port: {rule.low}, to port: {rule.high}"
    elif rule.protocol in ("icmp", "icmpv6"):
        what += f", type: {'ALL' if rule.low == -1 else rule.low}, code: {'ALL' if rule.high == -1 else rule.high}"
    return f"peer: {rule.peer}, {what}, ALLOW"
