"""SECURITY_GROUPS_COMMON: replicas of the administrator's groups in every VPC that has resources in scope, and on those resources."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call

from . import errors
from .place import Place, Thing
from .policies import BALANCER, INSTANCE

ISSUE = "AWSVPC"


def primaries(call: Call, data: dict[str, Any]) -> list[dict[str, Any]]:
    ids = [one.get("id") for one in data.get("securityGroups") or [] if isinstance(one, dict)]
    if not ids:
        raise errors.invalid("A policy of security groups names at least one security group of the administrator account.")
    try:
        return call.as_root().do("ec2", "DescribeSecurityGroups", GroupIds=ids)["SecurityGroups"]  # type: ignore[no-any-return]
    except AwsError:
        raise errors.invalid(f"The security group {', '.join(map(str, ids))} does not exist in the administrator account.") from None


def check(call: Call, data: dict[str, Any]) -> None:
    primaries(call, data)


def rules(permissions: list[Any], own: str, self_: str) -> list[dict[str, Any]]:
    """Addresses, prefix lists and references to the group itself; a reference to another group means nothing in another account."""
    found = []
    for one in permissions:
        kept: dict[str, Any] = {name: one[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in one}
        kept |= {name: [dict(each) for each in one[name]] for name in ("IpRanges", "Ipv6Ranges", "PrefixListIds") if one.get(name)}
        if any(pair.get("GroupId") == own for pair in one.get("UserIdGroupPairs") or ()):
            kept["UserIdGroupPairs"] = [{"GroupId": self_}]
        if len(kept) > len([name for name in ("IpProtocol", "FromPort", "ToPort") if name in kept]):
            found.append(kept)
    return found


def same(a: list[Any], b: list[Any]) -> bool:
    return sorted(json.dumps(one, sort_keys=True) for one in a) == sorted(json.dumps(one, sort_keys=True) for one in b)


def replica(place: Place, primary: dict[str, Any], vpc: str) -> str:
    """The group's image in a VPC, made if it is not there, and as the primary is if the policy insists."""
    name, own = f"{primary['GroupId']}:{vpc}", place.mine("sg")
    found = None
    if id_ := own.get(name):
        found = next(iter(place.do("ec2", "DescribeSecurityGroups", Filters=[{"Name": "group-id", "Values": [id_]}])["SecurityGroups"]), None)
    if found is None:
        id_ = place.do("ec2", "CreateSecurityGroup", GroupName=f"FMManagedSecurityGroup{place.policy.id}-{primary['GroupId']}-{vpc}", VpcId=vpc,
                       Description=f"Security group created by FMS for policy: {place.policy.name}"[:255])["GroupId"]
        place.keep("sg", name, id_)
        found = place.do("ec2", "DescribeSecurityGroups", GroupIds=[id_])["SecurityGroups"][0]
        fresh = True
    else:
        fresh = bool(place.policy.data.get("revertManualSecurityGroupChanges"))
    for member, grant, revoke in (("IpPermissions", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"), ("IpPermissionsEgress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress")):
        wanted, there = rules(primary[member], primary["GroupId"], id_), rules(found[member], id_, id_)
        if same(wanted, there):
            continue
        if not fresh:
            place.accuse(Thing("AWS::EC2::SecurityGroup", id_, {}, found), "FMS_CREATED_SECURITY_GROUP_EDITED")
            continue
        if found[member]:
            place.do("ec2", revoke, GroupId=id_, IpPermissions=found[member])
        if wanted:
            place.do("ec2", grant, GroupId=id_, IpPermissions=wanted)
    return str(id_)


def apply(place: Place) -> None:
    data = place.policy.data
    given = primaries(place.admin, data)
    images: dict[str, list[str]] = {}
    for thing in place.things():
        vpc = thing.body.get("VpcId")
        if not vpc:
            continue
        if place.policy.remedies and vpc not in images:
            images[vpc] = [replica(place, one, vpc) for one in given]
        for holder, there in holders(thing, bool(data.get("applyToAllEC2InstanceENIs"))):
            wanted = images.get(vpc, [])
            missing = not wanted or any(one not in there for one in wanted)
            extra = bool(data.get("exclusiveResourceSecurityGroupManagement")) and bool(set(there) - set(wanted))
            if not place.policy.remedies:
                place.accuse(thing, "RESOURCE_MISSING_SECURITY_GROUP")
                break
            if missing or extra:
                put(place, thing, holder, wanted if data.get("exclusiveResourceSecurityGroupManagement") else [*there, *(one for one in wanted if one not in there)])


def holders(thing: Thing, all_: bool) -> list[tuple[str, list[str]]]:
    """What of a resource has groups: its interfaces (the first, or all), or itself."""
    if thing.kind == BALANCER:
        return [(thing.id, list(thing.body.get("SecurityGroups") or []))]
    if thing.kind == INSTANCE:
        cards = [card for card in thing.body.get("NetworkInterfaces") or [] if all_ or card["Attachment"]["DeviceIndex"] == 0]
        return [(card["NetworkInterfaceId"], [one["GroupId"] for one in card["Groups"]]) for card in cards]
    return [(thing.id, [one["GroupId"] for one in thing.body.get("Groups") or []])]


def put(place: Place, thing: Thing, holder: str, wanted: list[str]) -> None:
    if thing.kind == BALANCER:
        place.do("elbv2", "SetSecurityGroups", LoadBalancerArn=holder, SecurityGroups=wanted)
    else:
        place.do("ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=holder, Groups=wanted)


def clean(place: Place) -> None:
    """The replicas come off what they are on (which keeps at least its VPC's default group), and go."""
    own = place.mine("sg")
    gone = set(own.values())
    for thing in place.things():
        for holder, there in holders(thing, True):
            if gone & set(there):
                left = [one for one in there if one not in gone] or [default(place, thing.body["VpcId"])]
                put(place, thing, holder, left)
    for name, id_ in own.items():
        try:
            place.do("ec2", "DeleteSecurityGroup", GroupId=id_)
        except AwsError as error:
            if error.code == "DependencyViolation":
                continue                                   # somebody else has taken it for something
            if error.code != "InvalidGroup.NotFound":
                raise
        place.lose("sg", name)


def default(place: Place, vpc: str) -> str:
    return str(place.do("ec2", "DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"])
