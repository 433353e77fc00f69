"""DHCP options sets: what instances are told about names and time. A set never changes; a VPC is given another one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_vpc, links, names, network, tags, vpcs
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 100
OPTIONS = ("domain-name", "domain-name-servers", "ntp-servers", "netbios-name-servers", "netbios-node-type", "ipv6-address-preferred-lease-time")
FOUR = ("domain-name-servers", "ntp-servers", "netbios-name-servers")


class DhcpOptions(Record, frozen=True):
    kind = "ec2.dhcp-options"

    id: str
    options: dict[str, list[str]]
    default: bool = False

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> DhcpOptions:
    return describe.find(call, DhcpOptions, id_, "InvalidDhcpOptionID.NotFound", "dhcpOption ID")


tags.FINDERS["dopt"] = find


def default_id(call: Call) -> str:
    return next((one.id for one in call.all(DhcpOptions) if one.default), "default")


def make_default(call: Call) -> None:
    domain = "ec2.internal" if call.region == "us-east-1" else f"{call.region}.compute.internal"
    call.put(DhcpOptions(call.id("dopt-"), {"domain-name": [domain], "domain-name-servers": ["AmazonProvidedDNS"]}, default=True))


def shown(call: Call, one: DhcpOptions) -> t.DhcpOptions:
    return {"DhcpOptionsId": one.id, "OwnerId": call.account, "Tags": tags.shown(call, one.id),
            "DhcpConfigurations": [{"Key": key, "Values": [{"Value": value} for value in values]} for key, values in one.options.items()]}


def _checked(configurations: Any) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for each in configurations or ():
        key, values = each.get("Key") or "", [v for v in each.get("Values") or () if v]
        if key not in OPTIONS:
            raise errors.invalid(f"Value ({key}) for parameter dhcpConfigurations is invalid. Invalid DHCP option key")
        if not values:
            raise errors.invalid(f"Value () for parameter {key} is invalid. A value must be given")
        if key in FOUR and len(values) > 4:
            raise errors.invalid(f"Value ({', '.join(values)}) for parameter {key} is invalid. At most 4 addresses may be given")
        if key == "netbios-node-type" and values[0] not in ("1", "2", "4", "8"):
            raise errors.invalid(f"Value ({values[0]}) for parameter netbios-node-type is invalid. The value must be 1, 2, 4, or 8")
        if key == "ipv6-address-preferred-lease-time" and not (values[0].isdigit() and 140 <= int(values[0]) <= 2147483647):
            raise errors.invalid(f"Value ({values[0]}) for parameter ipv6-address-preferred-lease-time is invalid. It must be between 140 and 2147483647 seconds")
        out[key] = values
    if not out:
        raise errors.missing("dhcpConfiguration")
    return out


@ec2.op(**names.making("dhcp-options"))
def create_dhcp_options(call: Call, req: t.CreateDhcpOptionsRequest) -> t.CreateDhcpOptionsResult:
    if len(call.all(DhcpOptions)) >= MOST:
        raise errors_vpc.dhcp_limit()
    one = call.put(DhcpOptions(call.id("dopt-"), _checked(req["DhcpConfigurations"])))
    tags.take(call, req, "dhcp-options", one.id)
    return {"DhcpOptions": shown(call, one)}


FACETS: describe.Facets = {
    "dhcp-options-id": lambda d: d.id, "key": lambda d: list(d.options), "value": lambda d: list(d.options.values()), "owner-id": lambda call, d: call.account,
}


@ec2.op(**names.LOOK)
def describe_dhcp_options(call: Call, req: t.DescribeDhcpOptionsRequest) -> t.DescribeDhcpOptionsResult:
    from . import shared_network
    ids = req.get("DhcpOptionsIds")
    mine, theirs = shared_network.rows(call, req, DhcpOptions, ids, FACETS, shown)
    found = describe.matching(call, describe.several(call, DhcpOptions, mine, "InvalidDhcpOptionID.NotFound", "dhcpOption ID") if mine != [] else (), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "DhcpOptions", ids=ids)


@ec2.op(**names.on("dhcp-options", "DhcpOptionsId", vpc="VpcId"))
def associate_dhcp_options(call: Call, req: t.AssociateDhcpOptionsRequest) -> None:
    """`default` means none: AWS names nothing to the instances then."""
    vpc = vpcs.find(call, req["VpcId"])
    id_ = req["DhcpOptionsId"]
    if id_ != "default":
        find(call, id_)
    vpcs.put(call, vpc.but(dhcp_options_id=id_))
    network.changed(call)


@ec2.op(**names.on("dhcp-options", "DhcpOptionsId"))
def delete_dhcp_options(call: Call, req: t.DeleteDhcpOptionsRequest) -> None:
    one = find(call, req["DhcpOptionsId"])
    if links.users(call, one.id, "vpc-"):
        raise errors.dependency("dhcpOptions", one.id)
    call.delete(one)
    tags.drop(call, one.id)
