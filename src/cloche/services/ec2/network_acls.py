"""Network ACLs: numbered entries, judged lowest first, each direction alone; the last, `*`, denies. Every subnet has exactly one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import addresses, describe, errors, errors_vpc, idempotency, links, names, network, subnets, tags, vpcs
from . import service as ec2
from .subnets import Subnet
from .vpcs import Vpc

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 200  # per VPC
MOST_ENTRIES = 20  # in each direction, of each family
LAST, LAST6 = 32767, 32768
PROTOCOLS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58", "icmp6": "58"}


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    egress: bool
    allow: bool
    cidr: str  # of either family, canonical
    protocol: str = "-1"  # a number
    low: int = 0
    high: int = 65535
    icmp_type: int = -1
    icmp_code: int = -1


class NetworkAcl(Record, frozen=True):
    """`entries` are in the order of judgement; the `*` ones are not written down."""
    kind = "ec2.network-acl"

    id: str
    vpc_id: str
    default: bool = False
    entries: list[Entry] = []

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> NetworkAcl:
    return describe.find(call, NetworkAcl, id_, "InvalidNetworkAclID.NotFound", "networkAcl ID")


tags.FINDERS["acl"] = find


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(NetworkAcl, id_)
    return {"ec2:NetworkAclID": id_, "ec2:Vpc": names.arn(call, "vpc", one.vpc_id)} if one else {}


names.ABOUT["network-acl"] = _about


def put(call: Call, acl: NetworkAcl) -> NetworkAcl:
    network.changed(call)
    links.tie(call, acl.id, acl.vpc_id)
    return call.put(acl.but(entries=sorted(acl.entries, key=lambda e: (not e.egress, e.number))))


def make_default(call: Call, vpc: Vpc) -> NetworkAcl:
    return put(call, NetworkAcl(call.id("acl-"), vpc.id, True, [Entry(100, egress, True, "0.0.0.0/0") for egress in (True, False)]))


def open_ipv6(call: Call, vpc: Vpc) -> None:
    """The default ACL lets a VPC's first IPv6 range through, if its number 101 is free."""
    acl = find(call, vpc.acl_id)
    there = {(e.egress, e.number) for e in acl.entries}
    put(call, acl.but(entries=[*acl.entries, *(Entry(101, egress, True, "::/0") for egress in (True, False) if (egress, 101) not in there)]))


def drop(call: Call, id_: str) -> None:
    call.delete(find(call, id_))
    links.untie(call, id_)
    tags.drop(call, id_)
    network.changed(call)


def associated(call: Call, acl: NetworkAcl) -> list[Subnet]:
    return [subnets.find(call, id_) for id_ in links.users(call, acl.id, "subnet-")]


def shown_entry(entry: Entry) -> t.NetworkAclEntry:
    out: t.NetworkAclEntry = {"Egress": entry.egress, "Protocol": entry.protocol, "RuleAction": "allow" if entry.allow else "deny", "RuleNumber": entry.number}
    out["Ipv6CidrBlock" if ":" in entry.cidr else "CidrBlock"] = entry.cidr
    if entry.protocol in ("6", "17"):
        out["PortRange"] = {"From": entry.low, "To": entry.high}
    elif entry.protocol in ("1", "58"):
        out["IcmpTypeCode"] = {"Type": entry.icmp_type, "Code": entry.icmp_code}
    return out


def entries(call: Call, acl: NetworkAcl) -> list[Entry]:
    """With the last ones that deny everything."""
    out = []
    for egress in (True, False):
        out += [e for e in acl.entries if e.egress == egress]
        out.append(Entry(LAST, egress, False, "0.0.0.0/0"))
        if vpcs.find(call, acl.vpc_id).blocks6:
            out.append(Entry(LAST6, egress, False, "::/0"))
    return out


def shown(call: Call, acl: NetworkAcl) -> t.NetworkAcl:
    return {
        "NetworkAclId": acl.id, "VpcId": acl.vpc_id, "IsDefault": acl.default, "OwnerId": call.account, "Tags": tags.shown(call, acl.id),
        "Entries": [shown_entry(e) for e in entries(call, acl)],
        "Associations": [{"NetworkAclAssociationId": s.acl_association_id, "NetworkAclId": acl.id, "SubnetId": s.id} for s in associated(call, acl)],
    }


# -- operations ------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("network-acl", vpc="VpcId"))
def create_network_acl(call: Call, req: t.CreateNetworkAclRequest) -> t.CreateNetworkAclResult:
    """A new one lets nothing through."""
    vpc = vpcs.find(call, req["VpcId"])
    token = req.get("ClientToken") or ""
    if known := call.get(NetworkAcl, idempotency.made(call, req)):
        return {"NetworkAcl": shown(call, known), "ClientToken": token}
    if links.count(call, vpc.id, "acl-") >= MOST:
        raise errors_vpc.acl_limit()
    acl = put(call, NetworkAcl(call.id("acl-"), vpc.id))
    tags.take(call, req, "network-acl", acl.id)
    idempotency.remember(call, req, acl.id)
    return {"NetworkAcl": shown(call, acl), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


def _of(read: Any) -> Any:
    return lambda call, acl: [value for e in entries(call, acl) if (value := read(e)) is not None]


FACETS: describe.Facets = {
    "network-acl-id": lambda a: a.id, "vpc-id": lambda a: a.vpc_id, "default": lambda a: a.default, "owner-id": lambda call, a: call.account,
    "association.association-id": lambda call, a: [s.acl_association_id for s in associated(call, a)], "association.network-acl-id": lambda call, a: a.id if associated(call, a) else None,
    "association.subnet-id": lambda call, a: [s.id for s in associated(call, a)],
    "entry.cidr": _of(lambda e: e.cidr if "." in e.cidr else None), "entry.ipv6-cidr": _of(lambda e: e.cidr if ":" in e.cidr else None), "entry.egress": _of(lambda e: e.egress),
    "entry.icmp.code": _of(lambda e: e.icmp_code if e.protocol in ("1", "58") else None), "entry.icmp.type": _of(lambda e: e.icmp_type if e.protocol in ("1", "58") else None),
    "entry.port-range.from": _of(lambda e: e.low if e.protocol in ("6", "17") else None), "entry.port-range.to": _of(lambda e: e.high if e.protocol in ("6", "17") else None),
    "entry.protocol": _of(lambda e: [e.protocol, *(name for name, number in PROTOCOLS.items() if number == e.protocol)]),
    "entry.rule-action": _of(lambda e: "allow" if e.allow else "deny"), "entry.rule-number": _of(lambda e: e.number),
}


@ec2.op(**names.LOOK)
def describe_network_acls(call: Call, req: t.DescribeNetworkAclsRequest) -> t.DescribeNetworkAclsResult:
    from . import shared_network
    ids = req.get("NetworkAclIds")
    mine, theirs = shared_network.rows(call, req, NetworkAcl, ids, FACETS, shown)
    found = describe.matching(call, describe.several(call, NetworkAcl, mine, "InvalidNetworkAclID.NotFound", "networkAcl ID") if mine != [] else (), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "NetworkAcls", ids=ids)


@ec2.op(**names.on("network-acl", "NetworkAclId"))
def delete_network_acl(call: Call, req: t.DeleteNetworkAclRequest) -> None:
    acl = find(call, req["NetworkAclId"])
    if acl.default:
        raise errors_vpc.default_acl(acl.id)
    if associated(call, acl):
        raise errors.dependency("networkAcl", acl.id)
    drop(call, acl.id)


def checked(call: Call, req: Any) -> Entry:
    number = req["RuleNumber"]
    if not 1 <= number <= 32766:
        raise errors_vpc.entry_number(number)
    cidr, cidr6 = req.get("CidrBlock"), req.get("Ipv6CidrBlock")
    if bool(cidr) == bool(cidr6):
        raise errors.missing("cidrBlock") if not cidr else errors.combination("The parameters cidrBlock and ipv6CidrBlock cannot be used together")
    member = "cidrBlock" if cidr else "ipv6CidrBlock"
    try:
        net = addresses.network(cidr or cidr6)
    except ValueError:
        raise errors_vpc.bad_cidr(cidr or cidr6, member) from None
    if (net.version == 4) != bool(cidr):
        raise errors_vpc.bad_cidr(cidr or cidr6, member)
    protocol = PROTOCOLS.get(req["Protocol"].lower(), req["Protocol"])
    if protocol != "-1" and not (protocol.isdigit() and int(protocol) <= 255):
        raise errors.invalid_value(req["Protocol"], "protocol", "Unknown protocol")
    entry = Entry(number, req["Egress"], req["RuleAction"] == "allow", str(net), protocol)
    if protocol in ("6", "17"):
        ports = req.get("PortRange") or {}
        if "From" not in ports or "To" not in ports:
            raise errors.missing("portRange")
        low, high = ports["From"], ports["To"]
        if not 0 <= low <= high <= 65535:
            raise errors.invalid_value(f"{low}-{high}", "portRange", "The port range is invalid")
        return msgspec.structs.replace(entry, low=low, high=high)
    if protocol in ("1", "58"):
        icmp = req.get("IcmpTypeCode")
        if icmp is None or "Type" not in icmp:
            raise errors.missing("icmpTypeCode.type")
        return msgspec.structs.replace(entry, icmp_type=icmp["Type"], icmp_code=icmp.get("Code", -1))
    return entry


def _place(acl: NetworkAcl, number: int, egress: bool) -> Entry | None:
    return next((e for e in acl.entries if e.number == number and e.egress == egress), None)


@ec2.op(**names.on("network-acl", "NetworkAclId"))
def create_network_acl_entry(call: Call, req: t.CreateNetworkAclEntryRequest) -> None:
    acl, entry = find(call, req["NetworkAclId"]), checked(call, req)
    if _place(acl, entry.number, entry.egress):
        raise errors_vpc.entry_exists(entry.number)
    if sum(e.egress == entry.egress and (":" in e.cidr) == (":" in entry.cidr) for e in acl.entries) >= MOST_ENTRIES:
        raise errors_vpc.acl_entry_limit()
    put(call, acl.but(entries=[*acl.entries, entry]))


@ec2.op(**names.on("network-acl", "NetworkAclId"))
def replace_network_acl_entry(call: Call, req: t.ReplaceNetworkAclEntryRequest) -> None:
    acl, entry = find(call, req["NetworkAclId"]), checked(call, req)
    if not (old := _place(acl, entry.number, entry.egress)):
        raise errors_vpc.entry_not_found(entry.number, entry.egress)
    put(call, acl.but(entries=[entry if e is old else e for e in acl.entries]))


@ec2.op(**names.on("network-acl", "NetworkAclId"))
def delete_network_acl_entry(call: Call, req: t.DeleteNetworkAclEntryRequest) -> None:
    acl, number, egress = find(call, req["NetworkAclId"]), req["RuleNumber"], req["Egress"]
    if not 1 <= number <= 32766:
        raise errors_vpc.entry_number(number)
    if not (old := _place(acl, number, egress)):
        raise errors_vpc.entry_not_found(number, egress)
    put(call, acl.but(entries=[e for e in acl.entries if e is not old]))


@ec2.op(**names.on("network-acl", "NetworkAclId"))
def replace_network_acl_association(call: Call, req: t.ReplaceNetworkAclAssociationRequest) -> t.ReplaceNetworkAclAssociationResult:
    """Another ACL for a subnet; the association is a new one."""
    there = links.used(call, req["AssociationId"], "subnet-")
    if not there or not req["AssociationId"].startswith("aclassoc-"):
        raise errors_vpc.association_not_found("association ID", req["AssociationId"])
    subnet, acl = subnets.find(call, there[0]), find(call, req["NetworkAclId"])
    if subnet.vpc_id != acl.vpc_id:
        raise errors_vpc.groups_other_network()
    links.untie(call, subnet.acl_association_id)
    subnets.put(call, subnet.but(acl_id=acl.id, acl_association_id=call.id("aclassoc-")))
    network.changed(call)
    return {"NewAssociationId": call.get(Subnet, subnet.id).acl_association_id}  # type: ignore[union-attr]
