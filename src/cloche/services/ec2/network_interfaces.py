"""Network interfaces: a virtual card with a MAC, private addresses, groups, and at most one attachment. It outlives what it was attached to.

Whoever else makes interfaces (instances, NAT gateways, endpoints, load balancers, other services) comes through `make` and `drop`.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import addresses, describe, links, network, security_groups, tags, vpcs
from .subnets import Subnet

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5000  # per region
AMAZON = "amazon"


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
    token: str = ""
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


def of(call: Call, id_: str) -> list[NetworkInterface]:
    """Those in a VPC or subnet, in a group, or on an instance."""
    return [find(call, each) for each in links.users(call, id_, "eni-")]


def put(call: Call, one: NetworkInterface) -> NetworkInterface:
    links.tie(call, one.id, one.vpc_id, one.subnet_id, *one.groups, one.instance_id)
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
    call.delete(find(call, one.id))
    tags.drop(call, one.id)
    network.changed(call)


def attach(call: Call, one: NetworkInterface, instance_id: str, device: int, *, delete_on_termination: bool = False, card: int = 0) -> NetworkInterface:
    return put(call, one.but(attachment=Attachment(call.id("eni-attach-"), call.now, instance_id, call.account, device, card, delete_on_termination)))


def detach(call: Call, one: NetworkInterface) -> NetworkInterface:
    return put(call, find(call, one.id).but(attachment=None))


# -- what answers say -----------------------------------------------------------------------------------------------------------------------

def public_names(call: Call, one: NetworkInterface) -> bool:
    vpc = call.get(vpcs.Vpc, one.vpc_id)
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
    from . import zones
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
