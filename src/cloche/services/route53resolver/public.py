"""What a VPC's resolver asks of this service: which rule holds for a name, and where its endpoints are."""
from __future__ import annotations

from typing import NamedTuple

from cloche.kernel import Call

from . import endpoints, rules


class Forward(NamedTuple):
    domain: str
    interfaces: tuple[tuple[str, str], ...]            # (interface, its address) to ask from
    targets: tuple[tuple[str, int], ...]               # servers to ask


def forward(call: Call, vpc: str, name: str) -> Forward | None:
    """The rule that sends a name elsewhere; None if it is answered here."""
    there = call.of("route53resolver")
    best, home = None, there
    for one in there.all(rules.Association):
        found = rules.at_home(there, one) if one.vpc == vpc else None
        if found and (found[1].domain == "." or name == found[1].domain or name.endswith("." + found[1].domain)) and (best is None or len(found[1].domain) > len(best.domain)):
            home, best = found
    if best is None or best.type != "FORWARD" or not (held := home.get(endpoints.Endpoint, best.endpoint)):
        return None
    return Forward(best.domain, tuple((x.interface, x.ip) for x in held.addresses), best.targets)


def inbound(call: Call) -> list[tuple[str, str, str]]:
    """(VPC, interface, address) of the inbound endpoints of an account in a region."""
    return [(one.vpc, x.interface, x.ip) for one in call.of("route53resolver").all(endpoints.Endpoint) if one.direction == "INBOUND" for x in one.addresses]
