"""Lent public addresses: what an instance's first interface gets from Amazon while it runs, and gives back when it stops or takes an Elastic IP."""
from __future__ import annotations

from cloche.kernel import Call

from . import addresses, links, network_interfaces
from .network_interfaces import Address, NetworkInterface


def change(call: Call, one: NetworkInterface, private: str, **fields: str) -> NetworkInterface:
    """The interface with another public side for one of its private addresses."""
    return network_interfaces.put(call, one.but(addresses=[
        Address(each.private, fields.get("public", ""), fields.get("allocation", ""), fields.get("association", "")) if each.private == private else each for each in one.addresses]))


def lend(call: Call, one: NetworkInterface) -> NetworkInterface:
    """A public address for the primary private one."""
    return change(call, one, one.private, public=addresses.take_public(call, one.id))


def start(call: Call, one: NetworkInterface) -> NetworkInterface:
    """Its instance begins to run (or lost its Elastic IP): it is lent an address if it was launched with one, is the only interface, and has none."""
    if not one.lend_public or not one.addresses or one.public_addresses or (one.instance_id and len(links.users(call, one.instance_id, "eni-")) > 1):
        return one
    return lend(call, one)


def stop(call: Call, one: NetworkInterface) -> NetworkInterface:
    """Its instance stopped: what was lent goes back, Elastic IPs stay."""
    for address in one.addresses:
        if address.public and not address.allocation:
            addresses.release_public(call, address.public)
            one = change(call, one, address.private)
    return one


def part(call: Call, one: NetworkInterface, address: Address) -> None:
    """The private address goes: a lent public one goes back, an Elastic IP is free again."""
    if not address.public:
        return
    if address.allocation:
        from . import elastic_ips
        elastic_ips.freed(call, address.allocation)
    else:
        addresses.release_public(call, address.public)
