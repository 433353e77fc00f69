"""What is seen across a shared VPC: by a participant the tables, ACLs, gateways and options that its packets meet in the subnets shared with it; by the owner the
interfaces and groups that participants put in. Seen, and never changed; nobody sees another's tags.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cloche.kernel import AwsError, Call, Record

from . import describe, links, sharing
from .dhcp_options import DhcpOptions
from .egress_only_gateways import EgressOnlyGateway
from .internet_gateways import InternetGateway
from .network_acls import NetworkAcl
from .network_interfaces import NetworkInterface
from .route_tables import RouteTable, of_subnet
from .security_groups import SecurityGroup
from .subnets import Subnet
from .vpcs import Vpc

Seen = tuple[Call, Record]


def _acls(there: Call, vpc: Vpc, subnet: Subnet) -> list[Any]:
    return [one for id_ in links.users(there, vpc.id, "acl-") if subnet.id in links.users(there, id_, "subnet-") and (one := there.get(NetworkAcl, id_))]


def _tables(there: Call, vpc: Vpc, subnet: Subnet) -> list[Any]:
    return [of_subnet(there, subnet.id, vpc.id)]


def _tied(type_: type[Record], prefix: str) -> Callable[[Call, Vpc, Subnet], list[Any]]:
    return lambda there, vpc, subnet: [one for id_ in links.users(there, vpc.id, prefix) if (one := there.get(type_, id_))]


def _options(there: Call, vpc: Vpc, subnet: Subnet) -> list[Any]:
    found = there.get(DhcpOptions, vpc.dhcp_options_id)
    return [found] if found else []


# what is seen of an owner's network: f(owner's scope, VPC, a subnet that is shared) -> records
OWNERS: dict[type[Record], Callable[[Call, Vpc, Subnet], list[Any]]] = {
    RouteTable: _tables, NetworkAcl: _acls, DhcpOptions: _options,
    InternetGateway: lambda there, vpc, subnet: [one for one in there.all(InternetGateway) if one.vpc_id == vpc.id],
    EgressOnlyGateway: _tied(EgressOnlyGateway, "eigw-"),
}
GUESTS = {NetworkInterface: "eni-", SecurityGroup: "sg-"}


def seen(call: Call, type_: type[Record]) -> dict[str, Seen]:
    """The records of others that this account sees, with their scopes."""
    found: dict[str, Seen] = {}
    if type_ in OWNERS:
        for there, subnet in sharing.shared(call):
            if vpc := there.get(Vpc, subnet.vpc_id):
                found |= {one.key: (there, one) for one in OWNERS[type_](there, vpc, subnet)}
    elif type_ in GUESTS:
        found = {one.key: (there, one) for there, vpc_id in guests(call) for id_ in links.users(there, vpc_id, GUESTS[type_]) if (one := there.get(type_, id_))}
    return found


def guests(call: Call) -> Iterator[tuple[Call, str]]:
    """Who lives in which of this account's VPCs."""
    for guest in call.all(sharing.Guest):
        there = call.at(guest.account, call.region)
        for stay in there.all(sharing.Stay):
            if stay.owner == call.account and stay.id.startswith("vpc-"):
                yield there, stay.id


def refuse(call: Call, id_: str) -> None:
    """What is seen and not one's own, one may not change."""
    for type_ in (*OWNERS, *GUESTS):
        if id_ in seen(call, type_):
            raise AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)


def rows(call: Call, req: Any, type_: type[Record], ids: Any, facets: describe.Facets, shown: Callable[[Call, Any], Any]) -> tuple[Any, list[Any]]:
    """(the ids that are this account's own: None asks for all of them, [] for none; what it sees of others, as it sees it)."""
    others = {key: one for key, one in seen(call, type_).items() if not ids or key in ids}
    mine = [id_ for id_ in ids if id_ not in others] if ids else None
    filters = req.get("Filters") or []
    if describe.asks_tags(filters):
        return mine, []
    return mine, [_untagged(call, type_, shown(there, one)) for there, one in others.values() if describe.matching(there, [one], filters, facets)]


def _untagged(call: Call, type_: type[Record], row: Any) -> Any:
    row = {**row, "TagSet" if "TagSet" in row else "Tags": []}
    if type_ in (RouteTable, NetworkAcl):       # what else a table or list is for is not the participant's to see
        known = {subnet.id for _, subnet in sharing.shared(call)}
        row["Associations"] = [one for one in row["Associations"] if one.get("Main") or one.get("SubnetId") in known]
    return row
