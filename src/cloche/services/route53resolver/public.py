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
    best = None
    for one in there.all(rules.Association):
        rule = there.get(rules.Rule, one.rule) if one.vpc == vpc else None
        if rule and (rule.domain == "." or name == rule.domain or name.endswith("." + rule.domain)) and (best is None or len(rule.domain) > len(best.domain)):
            best = rule
    if best is None or best.type != "FORWARD" or not (held := there.get(endpoints.Endpoint, best.endpoint)):
        return None
    return Forward(best.domain, tuple((x.interface, x.ip) for x in held.addresses), best.targets)


def inbound(call: Call) -> list[tuple[str, str, str]]:
    """(VPC, interface, address) of the inbound endpoints of an account in a region."""
    return [(one.vpc, x.interface, x.ip) for one in call.of("route53resolver").all(endpoints.Endpoint) if one.direction == "INBOUND" for x in one.addresses]
