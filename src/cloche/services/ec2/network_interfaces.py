"""Network interfaces: a virtual card with a MAC, private addresses, groups, and at most one attachment. It outlives what it was attached to.

Whoever else makes interfaces (instances, NAT gateways, endpoints, load balancers, other services) comes through `make` and `drop`.
"""
from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import addresses, describe, errors, errors_vpc, idempotency, links, names, network, security_groups, sharing, tags, zones
from . import service as ec2
from .route_tables import RouteTable
from .routes import TARGETS, Target
from .subnets import Subnet

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5000  # per region
AMAZON = "amazon"


class Owner(msgspec.Struct, frozen=True):
    """What interfaces ask of the instance they are attached to."""
    state: str
    zone: str
    type_name: str
    interfaces: int  # how many it may have
    addresses: int   # how many IPv4 addresses each of them may have


def owner(call: Call, instance: str) -> Owner:
    """Raises InvalidInstanceID.NotFound or .Malformed."""
    from . import instance_types, instances
    one = instances.find(call, instance)
    kind = instance_types.find(one.type)
    return Owner(one.state, one.zone, one.type, kind.interfaces, kind.addresses)


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A private IPv4 address and the public one that the internet gateway keeps for it."""
    private: str
    public: str = ""
    allocation: str = ""   # the Elastic IP's; "" for a lent one
    association: str = ""


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    """To an instance; or to a service's thing, which has no instance id that one could see."""
    id: str
    at: float
    instance_id: str = ""
    instance_owner: str = ""
    device: int = 0
    card: int = 0
    delete_on_termination: bool = False


class NetworkInterface(Record, frozen=True):
    kind = "ec2.network-interface"

    id: str
    vpc_id: str
    subnet_id: str
    zone: str
    mac: str
    addresses: list[Address]  # the primary one first
    addresses6: list[str] = []
    primary6: bool = False
    prefixes: list[str] = []
    prefixes6: list[str] = []
    groups: list[str] = []
    description: str = ""
    interface_type: str = "interface"
    source_dest_check: bool = True
    attachment: Attachment | None = None
    requester_id: str = ""
    requester_managed: bool = False
    operator: str = ""   # the service principal that manages it
    owner: str = ""      # what it belongs to, in Cloche's own words: nat-..., a load balancer's ARN
    tracking: dict[str, int] = {}
    made: float = 0
    lend_public: bool | None = None  # asked for at launch; None: the subnet decides

    @property
    def key(self) -> str:
        return self.id

    @property
    def private(self) -> str:
        return self.addresses[0].private if self.addresses else ""

    @property
    def public_addresses(self) -> list[str]:
        return [one.public for one in self.addresses if one.public]

    @property
    def instance_id(self) -> str:
        return self.attachment.instance_id if self.attachment else ""


def find(call: Call, id_: str) -> NetworkInterface:
    return describe.find(call, NetworkInterface, id_, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID")


tags.FINDERS["eni"] = find


def _about(call: Call, id_: str) -> dict[str, Any]:
    one = call.get(NetworkInterface, id_)
    return {"ec2:NetworkInterfaceID": id_, "ec2:Subnet": names.arn(call, "subnet", one.subnet_id), "ec2:Vpc": names.arn(call, "vpc", one.vpc_id),
            "ec2:AvailabilityZone": one.zone} if one else {}


names.ABOUT["network-interface"] = _about


def of(call: Call, id_: str) -> list[NetworkInterface]:
    """Those in a VPC or subnet, in a group, or on an instance."""
    return [find(call, each) for each in links.users(call, id_, "eni-")]


def up(call: Call, one: NetworkInterface) -> bool:
    """Does what it is attached to run?"""
    return one.attachment is not None and (not one.instance_id or owner(call, one.instance_id).state == "running")


def _check(call: Call, id_: str, table: RouteTable) -> None:
    if find(call, id_).vpc_id != table.vpc_id:
        raise errors_vpc.different_networks(table.id, id_)


def _alive(call: Call, id_: str, vpc_id: str) -> bool:
    there = call.get(NetworkInterface, id_)
    return there is not None and up(call, there)


TARGETS["eni"] = Target("NetworkInterfaceId", _check, _alive)


def put(call: Call, one: NetworkInterface) -> NetworkInterface:
    links.tie(call, one.id, one.vpc_id, one.subnet_id, *one.groups, one.instance_id, one.attachment.id if one.attachment else "")
    sharing.tie(call, one.id, one.vpc_id, one.subnet_id)
    network.changed(call)
    return call.put(one)


# -- making and ending -----------------------------------------------------------------------------------------------------------------

def make(call: Call, subnet: Subnet, *, groups: list[str] | None = None, private: str = "", secondary: list[str] | int = 0, addresses6: list[str] | int = 0,
         prefixes: list[str] | int = 0, prefixes6: list[str] | int = 0, **more: Any) -> NetworkInterface:
    """An interface in a subnet. Numbers ask for that many addresses, lists for these. `groups` None: the VPC's default one; []: none (gateways)."""
    from . import private_addresses
    id_ = call.id("eni-")
    chosen = security_groups.for_interface(call, subnet.vpc_id, groups) if groups is None or groups else []
    if addresses6 == 0 and subnet.assign6:
        addresses6 = 1
    got = private_addresses.take(call, id_, subnet, [private] if private else 0 if subnet.native6 else 1)
    got += private_addresses.take(call, id_, subnet, secondary)
    one = NetworkInterface(
        id_, subnet.vpc_id, subnet.id, subnet.zone, addresses.mac(call), [Address(each) for each in got], private_addresses.take6(call, id_, subnet, addresses6),
        prefixes=private_addresses.take_prefixes(call, id_, subnet, prefixes), prefixes6=private_addresses.take_prefixes6(call, id_, subnet, prefixes6),
        groups=chosen, made=call.now, **more)
    return put(call, one)


def drop(call: Call, one: NetworkInterface) -> None:
    """It is gone, with its addresses: a lent public one goes back, an Elastic IP becomes free."""
    from . import public_addresses
    for address in one.addresses:
        public_addresses.part(call, one, address)
    addresses.drop_all(call, one.id)
    links.untie(call, one.id)
    sharing.untie(call, one.id, one.subnet_id)
    call.delete(find(call, one.id))
    tags.drop(call, one.id)
    network.changed(call)


def attach(call: Call, one: NetworkInterface, instance_id: str, device: int, *, delete_on_termination: bool = False, card: int = 0) -> NetworkInterface:
    return put(call, one.but(attachment=Attachment(call.id("eni-attach-"), call.now, instance_id, call.account, device, card, delete_on_termination)))


def detach(call: Call, one: NetworkInterface) -> NetworkInterface:
    return put(call, find(call, one.id).but(attachment=None))


# -- what answers say -----------------------------------------------------------------------------------------------------------------------

def public_names(call: Call, one: NetworkInterface) -> bool:
    vpc = sharing.vpc_lived_in(call, one.vpc_id)
    return bool(vpc and vpc.dns_support and vpc.dns_hostnames)


def association(call: Call, one: NetworkInterface, address: Address) -> t.NetworkInterfaceAssociation:
    out: t.NetworkInterfaceAssociation = {"PublicIp": address.public, "IpOwnerId": call.account if address.allocation else AMAZON,
                                          "PublicDnsName": addresses.public_name(call.region, address.public) if public_names(call, one) else ""}
    if address.allocation:
        out |= {"AllocationId": address.allocation, "AssociationId": address.association}
    return out


def shown_groups(call: Call, one: NetworkInterface) -> list[t.GroupIdentifier]:
    return [{"GroupId": id_, "GroupName": security_groups.find(call, id_).name} for id_ in one.groups]


def private_dns(call: Call, one: NetworkInterface, address: str) -> str | None:
    return addresses.private_name(call.region, address) if public_names(call, one) else None


def shown(call: Call, one: NetworkInterface, status: str = "") -> t.NetworkInterface:
    out: Any = {
        "NetworkInterfaceId": one.id, "SubnetId": one.subnet_id, "VpcId": one.vpc_id, "AvailabilityZone": one.zone, "AvailabilityZoneId": zones.id_of(call.account, one.zone),
        "Description": one.description, "OwnerId": call.account, "RequesterManaged": one.requester_managed, "Status": status or ("in-use" if one.attachment else "available"),
        "MacAddress": one.mac, "SourceDestCheck": one.source_dest_check, "Groups": shown_groups(call, one), "InterfaceType": one.interface_type,
        "Ipv6Addresses": [{"Ipv6Address": each, "IsPrimaryIpv6": one.primary6 and not n} for n, each in enumerate(one.addresses6)],
        "PrivateIpAddresses": [_shown_address(call, one, address, not n) for n, address in enumerate(one.addresses)], "TagSet": tags.shown(call, one.id),
        "Operator": {"Managed": bool(one.operator), **({"Principal": one.operator} if one.operator else {})},
    }
    if one.addresses:
        out["PrivateIpAddress"] = one.private
        if name := private_dns(call, one, one.private):
            out["PrivateDnsName"] = name
        if one.addresses[0].public:
            out["Association"] = association(call, one, one.addresses[0])
            if public_names(call, one):
                out["PublicDnsName"] = addresses.public_name(call.region, one.addresses[0].public)
    if one.addresses6:
        out["Ipv6Address"] = one.addresses6[0]
    if not one.addresses:
        out["Ipv6Native"] = True
    if one.prefixes:
        out["Ipv4Prefixes"] = [{"Ipv4Prefix": each} for each in one.prefixes]
    if one.prefixes6:
        out["Ipv6Prefixes"] = [{"Ipv6Prefix": each} for each in one.prefixes6]
    if one.requester_id:
        out["RequesterId"] = one.requester_id
    if one.tracking:
        out["ConnectionTrackingConfiguration"] = one.tracking
    if one.attachment:
        out["Attachment"] = shown_attachment(one.attachment)
    return out  # type: ignore[no-any-return]


def shown_attachment(at: Attachment, status: str = "attached") -> t.NetworkInterfaceAttachment:
    out: t.NetworkInterfaceAttachment = {"AttachmentId": at.id, "AttachTime": at.at, "DeleteOnTermination": at.delete_on_termination, "DeviceIndex": at.device,
                                         "NetworkCardIndex": at.card, "InstanceOwnerId": at.instance_owner, "Status": status}  # type: ignore[typeddict-item]
    if at.instance_id:
        out["InstanceId"] = at.instance_id
    return out


def _shown_address(call: Call, one: NetworkInterface, address: Address, primary: bool) -> t.NetworkInterfacePrivateIpAddress:
    out: t.NetworkInterfacePrivateIpAddress = {"PrivateIpAddress": address.private, "Primary": primary}
    if name := private_dns(call, one, address.private):
        out["PrivateDnsName"] = name
    if address.public:
        out["Association"] = association(call, one, address)
    return out


# -- operations --------------------------------------------------------------------------------------------------------------------------

def _addresses(req: Any) -> tuple[str, list[str] | int]:
    """(primary, secondary ones) as the request says; "" and a number where AWS may choose."""
    first, others = req.get("PrivateIpAddress") or "", []
    for each in req.get("PrivateIpAddresses") or ():
        address = each.get("PrivateIpAddress") or ""
        if each.get("Primary"):
            if first and first != address:
                raise errors.combination("Only one primary private IP address can be specified")
            first = address
        else:
            others.append(address)
    count = req.get("SecondaryPrivateIpAddressCount")
    if count and others:
        raise errors.combination("The parameters PrivateIpAddresses and SecondaryPrivateIpAddressCount cannot be used together")
    return first, others or count or 0


def _either(req: Any, count: str, listed: str, member: str) -> list[str] | int:
    if req.get(count) and req.get(listed):
        raise errors.combination(f"The parameters {count} and {listed} cannot be used together")
    return [each.get(member) or "" for each in req.get(listed) or ()] or req.get(count) or 0


@ec2.op(**names.making("network-interface", subnet="SubnetId", security_group="Groups"))
def create_network_interface(call: Call, req: t.CreateNetworkInterfaceRequest) -> t.CreateNetworkInterfaceResult:
    subnet, token = sharing.subnet(call, req["SubnetId"]), req.get("ClientToken") or ""
    if known := call.get(NetworkInterface, idempotency.made(call, req)):
        return {"NetworkInterface": shown(call, known), "ClientToken": token}
    if len(call.all(NetworkInterface)) >= MOST:
        raise errors_vpc.interface_limit()
    first, others = _addresses(req)
    one = make(call, subnet, groups=req.get("Groups") or None, private=first, secondary=others, addresses6=_either(req, "Ipv6AddressCount", "Ipv6Addresses", "Ipv6Address"),
               prefixes=_either(req, "Ipv4PrefixCount", "Ipv4Prefixes", "Ipv4Prefix"), prefixes6=_either(req, "Ipv6PrefixCount", "Ipv6Prefixes", "Ipv6Prefix"),
               description=req.get("Description") or "", interface_type=req.get("InterfaceType") or "interface", requester_id=call.principal.id,
               primary6=bool(req.get("EnablePrimaryIpv6")), tracking=tracking(req.get("ConnectionTrackingSpecification")))
    tags.take(call, req, "network-interface", one.id)
    idempotency.remember(call, req, one.id)
    return {"NetworkInterface": shown(call, one, "pending"), **({"ClientToken": token} if token else {})}  # type: ignore[typeddict-item]


TRACKING = {"TcpEstablishedTimeout": (60, 432000), "UdpStreamTimeout": (60, 180), "UdpTimeout": (30, 60)}


def tracking(given: Any) -> dict[str, int]:
    """How long idle connections are remembered."""
    for name, seconds in (given or {}).items():
        least, most = TRACKING[name]
        if not least <= seconds <= most:
            raise errors.invalid_value(seconds, name, f"The value must be between {least} and {most} seconds")
    return dict(given or {})


def _association(read: Any) -> Any:
    return lambda call, one: [value for a in one.addresses if a.public and (value := read(call, a))]


def _attached(read: Any) -> Any:
    return lambda one: read(one.attachment) if one.attachment else None


FACETS: describe.Facets = {
    "network-interface-id": lambda n: n.id, "subnet-id": lambda n: n.subnet_id, "vpc-id": lambda n: n.vpc_id, "availability-zone": lambda n: n.zone,
    "availability-zone-id": lambda call, n: zones.id_of(call.account, n.zone), "description": lambda n: n.description, "group-id": lambda n: n.groups,
    "group-name": lambda call, n: [g["GroupName"] for g in shown_groups(call, n)], "interface-type": lambda n: n.interface_type, "mac-address": lambda n: n.mac,
    "owner-id": lambda call, n: call.account, "private-ip-address": lambda n: n.private, "private-dns-name": lambda call, n: private_dns(call, n, n.private) if n.addresses else None,
    "requester-id": lambda n: n.requester_id or None, "requester-managed": lambda n: n.requester_managed, "source-dest-check": lambda n: n.source_dest_check,
    "status": lambda n: "in-use" if n.attachment else "available", "operator.managed": lambda n: bool(n.operator), "operator.principal": lambda n: n.operator or None,
    "addresses.private-ip-address": lambda n: [a.private for a in n.addresses], "addresses.primary": lambda n: [i == 0 for i in range(len(n.addresses))],
    "addresses.association.public-ip": _association(lambda call, a: a.public), "addresses.association.owner-id": _association(lambda call, a: call.account if a.allocation else AMAZON),
    "association.allocation-id": _association(lambda call, a: a.allocation), "association.association-id": _association(lambda call, a: a.association),
    "association.ip-owner-id": _association(lambda call, a: call.account if a.allocation else AMAZON), "association.public-ip": _association(lambda call, a: a.public),
    "association.public-dns-name": _association(lambda call, a: addresses.public_name(call.region, a.public)),
    "attachment.attachment-id": _attached(lambda a: a.id), "attachment.attach-time": _attached(lambda a: wire_time(a.at)), "attachment.device-index": _attached(lambda a: a.device),
    "attachment.delete-on-termination": _attached(lambda a: a.delete_on_termination), "attachment.instance-id": _attached(lambda a: a.instance_id or None),
    "attachment.instance-owner-id": _attached(lambda a: a.instance_owner), "attachment.network-card-index": _attached(lambda a: a.card), "attachment.status": _attached(lambda a: "attached"),
    "ipv6-addresses.ipv6-address": lambda n: n.addresses6, "ipv4-prefixes.ipv4-prefix": lambda n: n.prefixes, "ipv6-prefixes.ipv6-prefix": lambda n: n.prefixes6,
}


def wire_time(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@ec2.op(**names.LOOK)
def describe_network_interfaces(call: Call, req: t.DescribeNetworkInterfacesRequest) -> t.DescribeNetworkInterfacesResult:
    from . import shared_network
    ids = req.get("NetworkInterfaceIds")
    mine, theirs = shared_network.rows(call, req, NetworkInterface, ids, FACETS, shown)
    found = describe.matching(call, describe.several(call, NetworkInterface, mine, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID") if mine != [] else (), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found] + theirs, "NetworkInterfaces", ids=ids)


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def delete_network_interface(call: Call, req: t.DeleteNetworkInterfaceRequest) -> None:
    one = find(call, req["NetworkInterfaceId"])
    if one.attachment:
        raise errors_vpc.interface_delete_in_use(one.id)
    drop(call, one)
