"""IP sets: address ranges of one version under a name."""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

MOST = 10_000


def _checked(version: str, addresses: list[str]) -> list[str]:
    if len(addresses) > MOST:
        raise errors.too_much()
    for one in addresses:
        try:
            network = ipaddress.ip_network(one)
        except ValueError:
            raise errors.bad_format("IP_ADDRESS", one) from None
        if "/" not in one or network.prefixlen == 0 or f"IPV{network.version}" != version:
            raise errors.bad_format("IP_ADDRESS", one)
    return list(dict.fromkeys(addresses))


@wafv2.op(**entities.made("ipset"))
def create_ip_set(call: Call, req: t.CreateIPSetRequest) -> t.CreateIPSetResponse:
    return entities.make(call, "ipset", req, {"IPAddressVersion": req["IPAddressVersion"], "Addresses": _checked(req["IPAddressVersion"], req["Addresses"])})  # type: ignore[return-value]


@wafv2.op(**entities.on("ipset"))
def get_ip_set(call: Call, req: t.GetIPSetRequest) -> t.GetIPSetResponse:
    one = entities.find(call, "ipset", req)
    return {"IPSet": entities.whole(one), "LockToken": one.token}  # type: ignore[typeddict-item]


@wafv2.op(ANY)
def list_ip_sets(call: Call, req: t.ListIPSetsRequest) -> t.ListIPSetsResponse:
    return entities.listed(call, "ipset", "IPSets")(req)  # type: ignore[return-value]


@wafv2.op(**entities.on("ipset"))
def update_ip_set(call: Call, req: t.UpdateIPSetRequest) -> t.UpdateIPSetResponse:
    one = entities.locked(call, "ipset", req)
    version = one.values["IPAddressVersion"]
    return entities.change(call, one, req, {**one.values, "Addresses": _checked(version, req["Addresses"])})  # type: ignore[return-value]


@wafv2.op(**entities.on("ipset"))
def delete_ip_set(call: Call, req: t.DeleteIPSetRequest) -> t.DeleteIPSetResponse:
    entities.drop(call, entities.locked(call, "ipset", req))
    return {}
