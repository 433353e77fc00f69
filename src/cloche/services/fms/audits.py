"""SECURITY_GROUPS_CONTENT_AUDIT: no rule beyond those of the audit groups (ALLOW), or none that touches them (DENY). SECURITY_GROUPS_USAGE_AUDIT: no group unused, no two alike."""
from __future__ import annotations

import ipaddress
import json
from typing import Any, NamedTuple

from cloche.kernel import AwsError, Call

from . import errors, groups
from .place import LISTS, Place, Thing, meant
from .policies import GROUP, INSTANCE

ISSUE = "AWSVPC"
SIDES = (("IpPermissions", "RevokeSecurityGroupIngress"), ("IpPermissionsEgress", "RevokeSecurityGroupEgress"))


class Rule(NamedTuple):
    protocol: str
    low: int
    high: int
    whom: str                    # a range of addresses, a prefix list or a group

    def covers(self, other: Rule) -> bool:
        return self.protocol in ("-1", other.protocol) and (self.protocol == "-1" or (self.low <= other.low and other.high <= self.high)) and inside(other.whom, self.whom)

    def touches(self, other: Rule) -> bool:
        ports = "-1" in (self.protocol, other.protocol) or (self.low <= other.high and other.low <= self.high)
        return ("-1" in (self.protocol, other.protocol) or self.protocol == other.protocol) and ports and (inside(self.whom, other.whom) or inside(other.whom, self.whom))


def inside(small: str, big: str) -> bool:
    if small == big:
        return True
    try:
        a, b = ipaddress.ip_network(small), ipaddress.ip_network(big)
    except ValueError:
        return False
    return a.version == b.version and a.subnet_of(b)  # type: ignore[arg-type]


def single(permission: Any) -> list[tuple[Rule, dict[str, Any]]]:
    """A permission as rules to one range each, and each as what Revoke takes."""
    head = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
    low, high = head.get("FromPort", 0), head.get("ToPort", 65535)
    found = []
    for member, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId"), ("UserIdGroupPairs", "GroupId")):
        for one in permission.get(member) or ():
            found.append((Rule(head["IpProtocol"], 0 if low == -1 else low, 65535 if high == -1 else high, one.get(name, "")), {**head, member: [{k: v for k, v in one.items() if k in (name, "UserId")}]}))
    return found


class Content:
    ISSUE = ISSUE

    @staticmethod
    def check(call: Call, data: dict[str, Any]) -> None:
        if "preManagedOptions" in data:
            for one in data["preManagedOptions"]:
                if not one.keys() <= {"denyProtocolAllValue", "auditSgDirection"}:
                    raise errors.unbuilt(f"the managed audit rule {', '.join(one)}")
            return
        if (data.get("securityGroupAction") or {}).get("type") not in ("ALLOW", "DENY"):
            raise errors.invalid("The securityGroupAction of a content audit is ALLOW or DENY.")
        groups.primaries(call, data)

    @staticmethod
    def apply(place: Place) -> None:
        data = place.policy.data
        options: dict[str, Any] = {}
        for one in data.get("preManagedOptions") or []:
            options |= one
        audit = [] if options else groups.primaries(place.admin, data)
        for thing in audited(place):
            if any(thing.id == one["GroupId"] for one in audit):
                continue
            for member, revoke in SIDES:
                if options:
                    wanted = (options.get("auditSgDirection") or {}).get("type", "ALL")
                    bad = [shape for permission in thing.body[member] for rule, shape in single(permission) if options.get("denyProtocolAllValue") and rule.protocol == "-1"
                           and wanted in ("ALL", "INGRESS" if member == "IpPermissions" else "EGRESS")]
                else:
                    given = [rule for one in audit for permission in one[member] for rule, _ in single(permission)]
                    allow = data["securityGroupAction"]["type"] == "ALLOW"
                    bad = [shape for permission in thing.body[member] for rule, shape in single(permission)
                           if (not any(one.covers(rule) for one in given) if allow else any(one.touches(rule) for one in given))]
                if bad and place.policy.remedies:
                    place.do("ec2", revoke, GroupId=thing.id, IpPermissions=bad)
                elif bad:
                    place.accuse(thing, "RESOURCE_VIOLATES_AUDIT_SECURITY_GROUP")
                    break

    @staticmethod
    def clean(place: Place) -> None:
        """It has made nothing."""


def audited(place: Place) -> list[Thing]:
    """Groups themselves, or those on the resources that are meant."""
    if place.policy.kinds == [GROUP]:
        return place.things()
    used = {one["GroupId"] for thing in place.things() for one in (thing.body.get("SecurityGroups") if thing.kind == INSTANCE else thing.body.get("Groups")) or () if thing.kind != GROUP}
    return [one for one in LISTS[GROUP](place) if one.id in used or (GROUP in place.policy.kinds and meant(place.policy, one.tags))]


class Usage:
    ISSUE = ISSUE

    @staticmethod
    def check(call: Call, data: dict[str, Any]) -> None:
        if not data.get("deleteUnusedSecurityGroups") and not data.get("coalesceRedundantSecurityGroups"):
            raise errors.invalid("A usage audit asks for deleteUnusedSecurityGroups, coalesceRedundantSecurityGroups, or both.")
        if data.get("optionalDelayForUnusedInMinutes"):
            raise errors.unbuilt("optionalDelayForUnusedInMinutes")

    @staticmethod
    def apply(place: Place) -> None:
        """Unused is what is on no interface. Groups that are alike are told, and stay: whoever uses them may mean it."""
        data = place.policy.data
        used = {one["GroupId"] for card in place.do("ec2", "DescribeNetworkInterfaces")["NetworkInterfaces"] for one in card["Groups"]}
        alike: dict[str, str] = {}
        for thing in sorted(place.things(), key=lambda one: one.id):
            if thing.body["GroupName"] == "default":
                continue
            if data.get("deleteUnusedSecurityGroups") and thing.id not in used:
                if place.policy.remedies and deleted(place, thing.id):
                    continue
                place.accuse(thing, "SECURITY_GROUP_UNUSED")
                continue
            text = json.dumps([thing.body["VpcId"], *(sorted(json.dumps(one, sort_keys=True) for one in groups.rules(thing.body[side], thing.id, "self")) for side, _ in SIDES)])
            if data.get("coalesceRedundantSecurityGroups") and alike.setdefault(text, thing.id) != thing.id:
                place.accuse(thing, "SECURITY_GROUP_REDUNDANT", RedundantWith=alike[text])

    @staticmethod
    def clean(place: Place) -> None:
        """It has made nothing."""


def deleted(place: Place, id_: str) -> bool:
    try:
        place.do("ec2", "DeleteSecurityGroup", GroupId=id_)
    except AwsError as error:
        if error.code != "DependencyViolation":
            raise
        return False
    return True
