"""What things are called in the kernel: short, and the same every time, so that a compilation is compared and not remembered."""
from __future__ import annotations

import hashlib

# links of a VPC's namespace, beside those of its interfaces
IGW, EGRESS_ONLY, VOID = "igw", "eigw", "lo"
# the next hop on every link between routers: an address that nobody else has there
HOP, HOP6 = "169.254.1.1", "fe80::1"


def link(id: str) -> str:
    """A link's name, 15 characters at most: the kind's first letter and the end of the id."""
    return id[0] + id.rsplit("-", 1)[-1][-14:]


def public_side(vpc: str, gateway: str) -> str:
    """The internet's end of a VPC's link: v... for the internet gateway's, x... for the egress-only one's."""
    return ("v" if gateway == IGW else "x") + vpc.rsplit("-", 1)[-1][-14:]


def mark(id: str) -> str:
    """A subnet's number in marks."""
    return f"0x{int(hashlib.sha1(id.encode()).hexdigest()[:8], 16) | 1:08x}"


def table(id: str) -> str:
    """A route table's number: beyond the kernel's own."""
    return str(int(hashlib.sha1(id.encode()).hexdigest()[:7], 16) + 1000)


def mac(*what: str) -> str:
    return "02:" + hashlib.sha1(" ".join(what).encode()).digest()[:5].hex(":")
