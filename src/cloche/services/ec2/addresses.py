"""Addresses: the private ones of every subnet, Cloche's own public ones, IPv6 ranges, MAC addresses, and the names AWS makes of them.

A public address belongs to nobody or to one holder in the whole cloud, and comes back late: the pool is used up before one that was given back is
given out again. Which private addresses are taken is a table, so that finding a free one does not read the interfaces.
"""
from __future__ import annotations

import ipaddress
from functools import lru_cache

from cloche.kernel import Call

from . import errors_vpc as errors
from . import service as ec2
from . import world

RANGES6 = ipaddress.IPv6Network("2001:db8::/32")  # documentation's range, in /56 pieces: no real network has it

ec2.table("""CREATE TABLE IF NOT EXISTS ec2_private (
    subnet TEXT, family INTEGER, address INTEGER, holder TEXT NOT NULL, PRIMARY KEY (subnet, family, address)) WITHOUT ROWID""")
ec2.table("CREATE INDEX IF NOT EXISTS ec2_private_holder ON ec2_private (holder)")
ec2.table("""CREATE TABLE IF NOT EXISTS ec2_public (
    address INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, holder TEXT, freed REAL)""")
ec2.table("CREATE INDEX IF NOT EXISTS ec2_public_freed ON ec2_public (freed) WHERE holder IS NULL")
ec2.table("CREATE TABLE IF NOT EXISTS ec2_range6 (number INTEGER PRIMARY KEY, holder TEXT)")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(4096)
def network(cidr: str) -> Network:
    """A CIDR in its canonical form; ValueError if it is none."""
    _, slash, length = cidr.partition("/")
    if not slash or not length.isdigit():
        raise ValueError(cidr)
    return ipaddress.ip_network(cidr, strict=False)


@lru_cache(4096)
def number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def number_or_none(address: str) -> int | None:
    """Of an IPv4 address in its one right form."""
    try:
        return int(ipaddress.IPv4Address(address))
    except ValueError:
        return None


# -- private -----------------------------------------------------------------------------------------------------------------

def reserved(cidr: str) -> list[int]:
    """Network, router, DNS, future use and broadcast."""
    net = network(cidr)
    first = int(net.network_address)
    return [*range(first, first + 4), first + net.num_addresses - 1]


def taken(call: Call, subnet: str) -> int:
    """How many IPv4 addresses of the subnet are in use."""
    return int(call.row("SELECT count(*) FROM ec2_private WHERE subnet=? AND family=4", subnet)[0])


def taken6(call: Call, subnet: str) -> int:
    return int(call.row("SELECT count(*) FROM ec2_private WHERE subnet=? AND family=6", subnet)[0])


def free_count(call: Call, subnet: str, cidr: str) -> int:
    return max(0, network(cidr).num_addresses - 5 - taken(call, subnet)) if cidr else 0


def _key(address: str) -> tuple[int, int]:
    """SQLite's integers have 64 bits: of an IPv6 address the half that a subnet decides upon is enough."""
    parsed = ipaddress.ip_address(address)
    return (4, int(parsed)) if parsed.version == 4 else (6, (int(parsed) & (1 << 64) - 1) - (1 << 63))


def holder(call: Call, subnet: str, address: str) -> str:
    """Who has the address; "" if nobody."""
    row = call.row("SELECT holder FROM ec2_private WHERE subnet=? AND family=? AND address=?", subnet, *_key(address))
    return row[0] if row else ""


def hold(call: Call, subnet: str, address: str, who: str) -> None:
    call.sql("INSERT INTO ec2_private VALUES (?,?,?,?)", subnet, *_key(address), who)


def drop(call: Call, subnet: str, address: str) -> None:
    call.sql("DELETE FROM ec2_private WHERE subnet=? AND family=? AND address=?", subnet, *_key(address))


def drop_all(call: Call, who: str) -> None:
    call.sql("DELETE FROM ec2_private WHERE holder=?", who)


def choose(call: Call, subnet: str, cidr: str, among: tuple[str, ...] = ()) -> str:
    """A free IPv4 address of the subnet, anywhere in it but in the reservations `among`. Raises InsufficientFreeAddressesInSubnet."""
    net = network(cidr)
    first, size, kept = int(net.network_address), net.num_addresses, [network(one) for one in among]
    for _ in range(24 if size > 256 else 0):  # a large subnet is mostly empty
        found = first + int(call.id("", 8), 16) % size
        if found not in reserved(cidr) and not _in(found, kept) and not holder(call, subnet, str(ipaddress.IPv4Address(found))):
            return str(ipaddress.IPv4Address(found))
    busy = {row[0] for row in call.sql("SELECT address FROM ec2_private WHERE subnet=? AND family=4", subnet)} | set(reserved(cidr))
    free = [one for one in range(first, first + size) if one not in busy and not _in(one, kept)]
    if not free:
        raise errors.subnet_full(subnet)
    return str(ipaddress.IPv4Address(free[int(call.id("", 8), 16) % len(free)]))


def _in(address: int, nets: list[Network]) -> bool:
    return any(int(net.network_address) <= address <= int(net.broadcast_address) for net in nets)


def choose6(call: Call, subnet: str, cidr: str) -> str:
    while True:
        found = str(network(cidr)[int(call.id("", 16), 16)])
        if int(ipaddress.ip_address(found)) & 0xFFFFFFFFFFFFFFFF > 0xFF and not holder(call, subnet, found):
            return found


def choose_prefix(call: Call, subnet: str, cidr: str) -> str:
    """A free /28 of the subnet."""
    busy = {row[0] >> 4 for row in call.sql("SELECT address FROM ec2_private WHERE subnet=? AND family=4", subnet)} | {one >> 4 for one in reserved(cidr)}
    net = network(cidr)
    first = int(net.network_address) >> 4
    for block in range(first, first + net.num_addresses // 16):
        if block not in busy:
            return f"{ipaddress.IPv4Address(block << 4)}/28"
    raise errors.subnet_full(subnet)


def hold_prefix(call: Call, subnet: str, prefix: str, who: str) -> None:
    for address in network(prefix) if ":" not in prefix else [network(prefix)[0]]:
        hold(call, subnet, str(address), who)


def drop_prefix(call: Call, subnet: str, prefix: str) -> None:
    for address in network(prefix) if ":" not in prefix else [network(prefix)[0]]:
        drop(call, subnet, str(address))


# -- public ------------------------------------------------------------------------------------------------------------------

def take_public(call: Call, who: str) -> str:
    """A public address for a holder: one never used before, else the one that has been free for longest."""
    pool = world.public_range(call)
    last = call.row("SELECT max(address) FROM ec2_public")[0] or int(pool[0])
    if last + 1 < int(pool[-1]):
        call.sql("INSERT INTO ec2_public VALUES (?,?,?,?,NULL)", last + 1, call.account, call.region, who)
        return str(ipaddress.IPv4Address(last + 1))
    row = call.row("SELECT address FROM ec2_public WHERE holder IS NULL ORDER BY freed LIMIT 1")
    if row is None:
        raise errors.no_public_addresses()
    call.sql("UPDATE ec2_public SET account=?, region=?, holder=?, freed=NULL WHERE address=?", call.account, call.region, who, row[0])
    return str(ipaddress.IPv4Address(row[0]))


def public_owner(call: Call, address: str) -> tuple[str, str] | None:
    """Account and region of who has a public address."""
    try:
        row = call.row("SELECT account, region FROM ec2_public WHERE address=? AND holder IS NOT NULL", number(address))
    except ValueError:
        return None
    return (row[0], row[1]) if row else None


def recover_public(call: Call, address: str, who: str) -> bool:
    """Take back an address that this account had, if nobody has it now."""
    row = call.row("UPDATE ec2_public SET holder=?, freed=NULL WHERE address=? AND account=? AND region=? AND holder IS NULL RETURNING address",
                   who, number(address), call.account, call.region)
    return row is not None


def pass_public(call: Call, address: str, who: str, account: str = "") -> None:
    """Another holder (of another account, when it was transferred) for an address in use."""
    call.sql("UPDATE ec2_public SET holder=?, account=? WHERE address=?", who, account or call.account, number(address))


def release_public(call: Call, address: str) -> None:
    call.sql("UPDATE ec2_public SET holder=NULL, freed=? WHERE address=?", call.now, number(address))


def public_holder(call: Call, address: str) -> tuple[str, str, str]:
    """(account, region, holder) of a public address; empty if nobody has it."""
    row = call.row("SELECT account, region, holder FROM ec2_public WHERE address=?", number(address))
    return tuple(row) if row and row[2] else ("", "", "")


def take_range6(call: Call, who: str) -> str:
    """A /56 for a VPC."""
    found = (call.row("SELECT max(number) FROM ec2_range6")[0] or 0) + 1  # 16 million of them: none comes back
    call.sql("INSERT INTO ec2_range6 VALUES (?,?)", found, who)
    return str(ipaddress.IPv6Network((int(RANGES6.network_address) + (found << 72), 56)))


# -- names -------------------------------------------------------------------------------------------------------------------

def mac(call: Call) -> str:
    """Locally administered, as AWS's are."""
    digits = call.id("0a", 10)
    return ":".join(digits[at:at + 2] for at in range(0, 12, 2))


def private_name(region: str, address: str) -> str:
    return f"ip-{address.replace('.', '-')}.{'ec2.internal' if region == 'us-east-1' else region + '.compute.internal'}"


def public_name(region: str, address: str) -> str:
    return f"ec2-{address.replace('.', '-')}.{'compute-1' if region == 'us-east-1' else region + '.compute'}.amazonaws.com"
