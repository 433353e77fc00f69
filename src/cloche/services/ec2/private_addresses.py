"""Private addresses of interfaces: taken from the subnet by name or by number, assigned and unassigned while the interface lives."""
from __future__ import annotations

import ipaddress
from typing import Any

from cloche.kernel import Call

from . import addresses, errors, errors_vpc
from .subnets import Subnet


def take(call: Call, who: str, subnet: Subnet, wanted: list[str] | int, among: tuple[str, ...] = ()) -> list[str]:
    """IPv4 addresses for `who`: these, or so many."""
    if isinstance(wanted, int):
        got = []
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
    for each in [None] * wanted if isinstance(wanted, int) else wanted:
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
    for each in [None] * wanted if isinstance(wanted, int) else wanted:
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
    for each in [None] * wanted if isinstance(wanted, int) else wanted:
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
