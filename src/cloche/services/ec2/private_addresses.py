"""Private addresses of interfaces: taken from the subnet by name or by number, assigned and unassigned while the interface lives."""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import addresses, errors, errors_vpc, names, network_interfaces, public_addresses, sharing, subnet_reservations
from . import service as ec2
from .network_interfaces import Address, NetworkInterface
from .subnets import Subnet

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


MOST = 64  # addresses, or prefixes, of one interface: no instance type has more


def counted(wanted: list[Any] | int) -> list[Any]:
    """What is named, or as many unnamed ones. Raises where they are more than an interface can have."""
    count = wanted if isinstance(wanted, int) else len(wanted)
    if count < 0:
        raise errors.invalid(f"A number of addresses cannot be negative: {count}")
    if count > MOST:
        raise errors_vpc.too_many_addresses(MOST)
    return [None] * wanted if isinstance(wanted, int) else wanted


def take(call: Call, who: str, subnet: Subnet, wanted: list[str] | int) -> list[str]:
    """IPv4 addresses for `who`: these, or so many (then none of a reserved range)."""
    counted(wanted)
    if isinstance(wanted, int):
        got: list[str] = []
        among = tuple(subnet_reservations.ranges(sharing.home(call, subnet.id), subnet.id)) if wanted else ()
        for _ in range(wanted):
            if not subnet.cidr:
                raise errors.combination(f"The subnet {subnet.id} is IPv6-only: it has no IPv4 addresses")
            got.append(addresses.choose(call, subnet.id, subnet.cidr, among))
            addresses.hold(call, subnet.id, got[-1], who)
        return got
    for address in wanted:
        free(call, subnet, address)
        addresses.hold(call, subnet.id, address, who)
    return list(wanted)


def free(call: Call, subnet: Subnet, address: str) -> None:
    """Raises unless the address is one of the subnet's and nobody's."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        raise errors_vpc.bad_address(address) from None
    if not subnet.cidr or parsed not in addresses.network(subnet.cidr):
        raise errors_vpc.address_outside(address)
    if int(parsed) in addresses.reserved(subnet.cidr):
        raise errors_vpc.address_reserved(address)
    if addresses.holder(call, subnet.id, address):
        raise errors_vpc.address_in_use(address)


def take6(call: Call, who: str, subnet: Subnet, wanted: list[str] | int) -> list[str]:
    if not wanted:
        return []
    if not subnet.cidr6:
        raise errors.invalid(f"The subnet {subnet.id} has no IPv6 CIDR block")
    got = []
    for each in counted(wanted):
        if each is None:
            address = addresses.choose6(call, subnet.id, subnet.cidr6)
        else:
            try:
                parsed = ipaddress.IPv6Address(each)
            except ValueError:
                raise errors_vpc.bad_address(each) from None
            address = str(parsed)
            if parsed not in addresses.network(subnet.cidr6):
                raise errors_vpc.address_outside(address)
            if addresses.holder(call, subnet.id, address):
                raise errors_vpc.address_in_use(address)
        addresses.hold(call, subnet.id, address, who)
        got.append(address)
    return got


def take_prefixes(call: Call, who: str, subnet: Subnet, wanted: list[str] | int) -> list[str]:
    """/28 pieces of the subnet."""
    got = []
    for each in counted(wanted):
        prefix = addresses.choose_prefix(call, subnet.id, subnet.cidr) if each is None else _piece(subnet.cidr, each, 28)
        if any(addresses.holder(call, subnet.id, str(one)) for one in addresses.network(prefix)):
            raise errors_vpc.address_in_use(prefix)
        if any(int(one) in addresses.reserved(subnet.cidr) for one in addresses.network(prefix)):
            raise errors_vpc.address_reserved(prefix)
        addresses.hold_prefix(call, subnet.id, prefix, who)
        got.append(prefix)
    return got


def take_prefixes6(call: Call, who: str, subnet: Subnet, wanted: list[str] | int) -> list[str]:
    """/80 pieces of the subnet."""
    got: list[str] = []
    for each in counted(wanted):
        if not subnet.cidr6:
            raise errors.invalid(f"The subnet {subnet.id} has no IPv6 CIDR block")
        prefix: Any = None if each is None else _piece(subnet.cidr6, each, 80)
        if prefix is None:
            start = int(addresses.network(subnet.cidr6)[0])
            while prefix is None or addresses.holder(call, subnet.id, str(addresses.network(prefix)[0])):
                prefix = str(ipaddress.IPv6Network((start + (int(call.id("", 4), 16) << 48), 80)))
        elif addresses.holder(call, subnet.id, str(addresses.network(prefix)[0])):
            raise errors_vpc.address_in_use(prefix)
        addresses.hold_prefix(call, subnet.id, prefix, who)
        got.append(prefix)
    return got


def _piece(cidr: str, given: str, length: int) -> str:
    try:
        net = addresses.network(given)
    except ValueError:
        raise errors_vpc.bad_cidr(given, "prefix") from None
    if net.prefixlen != length or not cidr or net.version != addresses.network(cidr).version or not net.subnet_of(addresses.network(cidr)):  # type: ignore[arg-type]
        raise errors_vpc.address_outside(given)
    return str(net)


# -- operations --------------------------------------------------------------------------------------------------------------------------

def _room(call: Call, one: NetworkInterface, more: int) -> None:
    """An instance's type says how many addresses each of its interfaces may have; a prefix counts as one."""
    if one.instance_id and more:
        owner = network_interfaces.owner(call, one.instance_id)
        if len(one.addresses) + len(one.prefixes) + more > owner.addresses:
            raise errors_vpc.private_address_limit(owner.type_name)


def mine(call: Call, id_: str) -> NetworkInterface:
    one = network_interfaces.find(call, id_)
    if one.requester_managed:
        raise errors_vpc.managed_interface(id_)
    return one


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def assign_private_ip_addresses(call: Call, req: t.AssignPrivateIpAddressesRequest) -> t.AssignPrivateIpAddressesResult:
    one = mine(call, req["NetworkInterfaceId"])
    subnet = sharing.subnet_lived_in(call, one.subnet_id)
    named, count = req.get("PrivateIpAddresses") or [], req.get("SecondaryPrivateIpAddressCount") or 0
    prefixes, prefix_count = req.get("Ipv4Prefixes") or [], req.get("Ipv4PrefixCount") or 0
    if sum(map(bool, (named, count, prefixes, prefix_count))) != 1:
        raise errors.combination("Exactly one of PrivateIpAddresses, SecondaryPrivateIpAddressCount, Ipv4Prefixes and Ipv4PrefixCount must be given")
    named = [address for address in named if address not in [each.private for each in one.addresses]]  # what it has already stays as it is
    _room(call, one, len(named) + count + len(prefixes) + prefix_count)
    moved = []
    if req.get("AllowReassignment"):
        for address in named:
            if addresses.number_or_none(address) is None:
                raise errors_vpc.bad_address(address)
            if holder := addresses.holder(call, subnet.id, address):
                moved.append(_leave(call, network_interfaces.find(call, holder), address))
        one = network_interfaces.find(call, one.id)
    got = take(call, one.id, subnet, [address for address in named if address not in [each.private for each in moved]] or count) if named or count else []
    for each in moved:
        addresses.hold(call, subnet.id, each.private, one.id)
        if each.allocation:
            from . import elastic_ips
            elastic_ips.put(call, elastic_ips.find(call, each.allocation).but(interface=one.id))
    fresh = take_prefixes(call, one.id, subnet, prefixes or prefix_count)
    network_interfaces.put(call, one.but(addresses=[*one.addresses, *(Address(each) for each in got), *moved], prefixes=[*one.prefixes, *fresh]))
    answer: t.AssignPrivateIpAddressesResult = {"NetworkInterfaceId": one.id}
    if got or moved:
        answer["AssignedPrivateIpAddresses"] = [{"PrivateIpAddress": each} for each in (*got, *(m.private for m in moved))]
    if fresh:
        answer["AssignedIpv4Prefixes"] = [{"Ipv4Prefix": each} for each in fresh]
    return answer


def _leave(call: Call, one: NetworkInterface, address: str) -> Address:
    """A secondary address moves to another interface; its Elastic IP goes along."""
    found = next((each for each in one.addresses[1:] if each.private == address), None)
    if found is None:
        raise errors.invalid(f"Address {address} is the primary address of interface {one.id}, or in use by AWS, and cannot be reassigned")
    addresses.drop(call, one.subnet_id, address)
    network_interfaces.put(call, one.but(addresses=[each for each in one.addresses if each != found]))
    return found


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def unassign_private_ip_addresses(call: Call, req: t.UnassignPrivateIpAddressesRequest) -> None:
    one = mine(call, req["NetworkInterfaceId"])
    named, prefixes = req.get("PrivateIpAddresses") or [], req.get("Ipv4Prefixes") or []
    if not named and not prefixes:
        raise errors.missing("privateIpAddress")
    if strays := [address for address in named if address not in [each.private for each in one.addresses]] + [each for each in prefixes if each not in one.prefixes]:
        raise errors.invalid(f"Some of [{', '.join(strays)}] are not assigned to interface {one.id}")
    if one.private in named:
        raise errors.invalid(f"The primary private IP address of network interface {one.id} cannot be unassigned")
    for address in one.addresses:
        if address.private in named:
            public_addresses.part(call, one, address)
            addresses.drop(call, one.subnet_id, address.private)
    for prefix in prefixes:
        addresses.drop_prefix(call, one.subnet_id, prefix)
    network_interfaces.put(call, one.but(addresses=[each for each in one.addresses if each.private not in named], prefixes=[each for each in one.prefixes if each not in prefixes]))


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def assign_ipv6_addresses(call: Call, req: t.AssignIpv6AddressesRequest) -> t.AssignIpv6AddressesResult:
    one = mine(call, req["NetworkInterfaceId"])
    subnet = sharing.subnet_lived_in(call, one.subnet_id)
    asked = [req.get(name) for name in ("Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount")]
    if sum(map(bool, asked)) != 1:
        raise errors.combination("Exactly one of Ipv6Addresses, Ipv6AddressCount, Ipv6Prefixes and Ipv6PrefixCount must be given")
    got = take6(call, one.id, subnet, req.get("Ipv6Addresses") or req.get("Ipv6AddressCount") or 0)
    fresh = take_prefixes6(call, one.id, subnet, req.get("Ipv6Prefixes") or req.get("Ipv6PrefixCount") or 0)
    network_interfaces.put(call, one.but(addresses6=[*one.addresses6, *got], prefixes6=[*one.prefixes6, *fresh]))
    return {"NetworkInterfaceId": one.id, "AssignedIpv6Addresses": got, "AssignedIpv6Prefixes": fresh}


def _canonical(address: str) -> str:
    try:
        return str(ipaddress.IPv6Address(address))
    except ValueError:
        raise errors_vpc.bad_address(address) from None


@ec2.op(**names.on("network-interface", "NetworkInterfaceId"))
def unassign_ipv6_addresses(call: Call, req: t.UnassignIpv6AddressesRequest) -> t.UnassignIpv6AddressesResult:
    one = mine(call, req["NetworkInterfaceId"])
    named, prefixes = [_canonical(each) for each in req.get("Ipv6Addresses") or ()], req.get("Ipv6Prefixes") or []
    if strays := [each for each in named if each not in one.addresses6] + [each for each in prefixes if each not in one.prefixes6]:
        raise errors.invalid(f"Some of [{', '.join(strays)}] are not assigned to interface {one.id}")
    for address in named:
        addresses.drop(call, one.subnet_id, address)
    for prefix in prefixes:
        addresses.drop_prefix(call, one.subnet_id, prefix)
    network_interfaces.put(call, one.but(addresses6=[each for each in one.addresses6 if each not in named], prefixes6=[each for each in one.prefixes6 if each not in prefixes]))
    return {"NetworkInterfaceId": one.id, "UnassignedIpv6Addresses": named, "UnassignedIpv6Prefixes": prefixes}
