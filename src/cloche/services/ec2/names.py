"""Identifiers, ARNs, and which resources IAM is asked about.

`@ec2.op(**making("subnet", vpc="VpcId"))`: makes a subnet (its tags are the request's) in a VPC. `@ec2.op(**on("vpc", "VpcId"))`:
about a VPC there is. `@ec2.op(**LOOK)`: a Describe. Kinds are IAM's (Service Authorization Reference, "Amazon EC2"), and those of TagSpecifications.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import ANY, Call, Need

# prefix of an id -> kind in ARNs, TagSpecifications and DescribeTags
KINDS = {
    "vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "eigw": "egress-only-internet-gateway", "nat": "natgateway", "acl": "network-acl",
    "sg": "security-group", "sgr": "security-group-rule", "pl": "prefix-list", "eni": "network-interface", "eipalloc": "elastic-ip", "dopt": "dhcp-options",
    "pcx": "vpc-peering-connection", "vpce": "vpc-endpoint", "vpce-svc": "vpc-endpoint-service", "cgw": "customer-gateway", "vgw": "vpn-gateway", "vpn": "vpn-connection",
    "tgw": "transit-gateway", "tgw-attach": "transit-gateway-attachment", "tgw-rtb": "transit-gateway-route-table", "fl": "vpc-flow-log",
    "nip": "network-insights-path", "nia": "network-insights-analysis", "i": "instance", "ami": "image", "vol": "volume", "snap": "snapshot", "lt": "launch-template",
    "key": "key-pair", "pg": "placement-group", "sir": "spot-instances-request", "sfr": "spot-fleet-request", "fleet": "fleet", "h": "dedicated-host", "cr": "capacity-reservation",
    "eipassoc": "address-association", "rtbassoc": "route-table-association", "r": "reservation",
}
LOOK: dict[str, Any] = {"resource": ANY}
# kind -> f(call, id) giving the condition keys of that resource (`ec2:Vpc`, ...), {} where it is not there; the nouns' modules fill it
ABOUT: dict[str, Callable[[Call, str], dict[str, Any]]] = {}
# kind -> f(call, id): the account that shares it with this one, "" if it is this account's own; the nouns that RAM shares fill it
SHARED: dict[str, Callable[[Call, str], str]] = {}


def kind(id_: str) -> str:
    """`subnet-0abc` -> `subnet`; "" if it is none of EC2's."""
    return KINDS.get(prefix(id_), "")


def prefix(id_: str) -> str:
    """`tgw-attach` of `tgw-attach-0abc`; `fleet` of `fleet-01234567-89ab-...`."""
    longest = id_.rpartition("-")[0]
    return longest if longest in KINDS else id_.partition("-")[0]


def arn(call: Call, kind: str, id_: str) -> str:
    if kind in ("image", "snapshot"):  # may belong to others: no account in it
        return f"arn:aws:ec2:{call.region}::{kind}/{id_}"
    return f"arn:aws:ec2:{call.region}:{call.account}:{kind}/{id_}"


def needed(call: Call, action: str, kind: str, id_: str, context: dict[str, Any]) -> Need:
    """The question about something that is used. What another account shares has its owner's ARN, and this account's policies alone decide."""
    if kind in SHARED and id_ != "*" and (owner := SHARED[kind](call, id_)):
        return Need(action, arn(call.at(owner, call.region), kind, id_), context, account=call.account)
    return Need(action, arn(call, kind, id_), context)


def requested(req: Any) -> dict[str, dict[str, str]]:
    """The tags of a request that makes something: kind -> tags."""
    out: dict[str, dict[str, str]] = {}
    for each in req.get("TagSpecifications") or ():
        out.setdefault(each.get("ResourceType", ""), {}).update({one.get("Key", ""): one.get("Value", "") for one in each.get("Tags") or ()})
    return out


def _about(call: Call, kind: str, id_: str) -> dict[str, Any]:
    from .tags import of
    out: dict[str, Any] = {"ec2:Region": call.region}
    for key, value in of(call, id_).items():
        out[f"aws:ResourceTag/{key}"] = out[f"ec2:ResourceTag/{key}"] = value
    if more := ABOUT.get(kind.replace("_", "-")):
        out |= more(call, id_)
    return out


def _placed(call: Call, req: Any, uses: dict[str, str]) -> dict[str, Any]:
    """Where a new resource is to be: what IAM knows of its VPC, subnet and zone."""
    out: dict[str, Any] = {}
    for kind in ("subnet", "vpc"):
        member = uses.get(kind, "")
        if isinstance(id_ := req.get(member), str) and id_:
            out |= {key: value for key, value in _about(call, kind, id_).items() if key in ("ec2:Vpc", "ec2:AvailabilityZone")}
            out["ec2:Vpc" if kind == "vpc" else "ec2:Subnet"] = needed(call, "", kind, id_, {}).resource
    return out


def _uses(call: Call, req: Any, uses: dict[str, str]) -> list[Need]:
    """Members may hold one id, a list, or nothing; `a.b` looks into a structure."""
    out = []
    for used, member in uses.items():
        value: Any = req
        for part in member.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        for id_ in [value] if isinstance(value, str) else value or ():
            out.append(needed(call, f"ec2:{call.op}", used.replace("_", "-"), id_, _about(call, used, id_)))
    return out


def making(kind: str, **uses: str) -> dict[str, Any]:
    """Needs of an operation that makes one `kind` and refers to others: `making("subnet", vpc="VpcId")` (`_` for `-` in kinds)."""
    def needs(call: Call, req: Any) -> list[Need]:
        tags = requested(req)
        mine = tags.get(kind, {})
        context: dict[str, Any] = {"ec2:Region": call.region, **_placed(call, req, uses)}
        if mine:
            context |= {"aws:TagKeys": list(mine), **{f"aws:RequestTag/{k}": v for k, v in mine.items()}}
        out = [Need(f"ec2:{call.op}", arn(call, kind, "*"), context), *_uses(call, req, uses)]
        for which, given in tags.items():
            if given:
                out.append(Need("ec2:CreateTags", arn(call, which, "*"), {
                    "ec2:CreateAction": call.op, "ec2:Region": call.region, "aws:TagKeys": list(given), **{f"aws:RequestTag/{k}": v for k, v in given.items()}}))
        return out
    return {"needs": needs}


def on(kind: str, member: str, **uses: str) -> dict[str, Any]:
    """Needs of an operation about resources there are: `on("vpc", "VpcId", subnet="SubnetIds")`."""
    def needs(call: Call, req: Any) -> list[Need]:
        return _uses(call, req, {kind: member, **uses}) or [Need(f"ec2:{call.op}", arn(call, kind, "*"), {"ec2:Region": call.region})]
    return {"needs": needs}
