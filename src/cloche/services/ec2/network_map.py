"""What one account has in one region, as the values that the network is compiled and explained from.

Other modules add what they keep by SOURCES (values) and REACHES (other accounts' and regions' networks that these lead to). A value that is the same as before is the
same object: that is what makes the next compilation cheap.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cloche.engines.net import topology as net
from cloche.kernel import Call

from . import sharing
from .network_acls import NetworkAcl
from .network_interfaces import NetworkInterface
from .prefix_lists import PrefixList, own, shared
from .route_tables import Association, RouteTable
from .security_groups import SecurityGroup
from .subnets import Subnet
from .vpcs import Vpc

PROTOCOLS = {"tcp": net.TCP, "udp": net.UDP, "icmp": net.ICMP, "icmpv6": net.ICMP6}
Scope = tuple[str, str]  # account, region
Kept = dict[str, tuple[Any, Any]]  # id -> what it was made of, the value

SOURCES: list[Callable[[Call], Iterable[Any]]] = []     # f(call) -> values of engines.net.topology that this account has in this region
REACHES: list[Callable[[Call], Iterable[Scope]]] = [sharing.reach]   # f(call) -> whose networks are reached from here, by peering or transit gateway
OWNERS: dict[str, Callable[[Call, str], bool]] = {}     # "i" -> f(call, id): whether that instance is to have its network (it runs, or is about to)


def read(call: Call, kept: Kept) -> dict[str, dict[str, Any]]:
    """Kind of topology -> id -> value. `kept` remembers between readings."""
    out: dict[str, dict[str, Any]] = {kind: {} for kind in net.KINDS.values()}
    for value in _values(call, kept):
        before = kept.get(value.id)
        if before is not None and before[1] == value:
            value = before[1]
        else:
            kept[value.id] = None, value
        out[net.KINDS[type(value)]][value.id] = value
    for id_ in [id_ for id_ in kept if not any(id_ in ids for ids in out.values())]:
        del kept[id_]
    return out


def joined(parts: Iterable[dict[str, dict[str, Any]]]) -> net.Topology:
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in net.KINDS.values()}
    for part in parts:
        for kind, values in part.items():
            kinds[kind].update(values)
    return net.Topology(**kinds)


def _values(call: Call, kept: Kept) -> Iterator[Any]:
    from . import routes
    associated = {one.target: one.table_id for one in call.all(Association)}
    for vpc in call.all(Vpc):
        yield net.Vpc(vpc.id, call.account, call.region, tuple(vpc.cidrs), tuple(vpc.cidrs6), associated.get(vpc.id, ""), vpc.dns_support, vpc.dns_hostnames)
    for subnet in call.all(Subnet):
        if subnet.cidr:
            yield net.Subnet(subnet.id, subnet.vpc_id, subnet.zone, subnet.cidr, associated.get(subnet.id) or associated.get(subnet.vpc_id, ""), subnet.acl_id, subnet.cidr6,
                             call.account, call.region)
    gateways = {table: target for target, table in associated.items() if target.startswith("igw-")}
    for table in call.all(RouteTable):
        found = tuple(net.Route(one.destination, one.target, routes.alive(call, one, table.vpc_id), one.origin == "EnableVgwRoutePropagation")
                      for one in routes.all_of(call, table) if one.target != "local")
        yield net.RouteTable(table.id, table.vpc_id, found, gateways.get(table.id, ""))
    yield from _same(kept, call.all(NetworkAcl), _acl)
    yield from _same(kept, call.all(SecurityGroup), lambda one: _group(one, call.account))
    for one in (*own(call), *call.all(PrefixList), *shared(call)):
        yield net.PrefixList(one.id, tuple(one.cidrs), one.name)
    for plug in call.all(NetworkInterface):
        if plug.addresses:
            yield _interface(call, plug)
    yield from _gateways(call)
    for source in SOURCES:
        yield from source(call)


def _same(kept: Kept, records: Iterable[Any], make: Callable[[Any], Any]) -> Iterator[Any]:
    """Values that follow from their record alone are made once."""
    for record in records:
        before = kept.get(record.id)
        if before is None or before[0] is not record:
            kept[record.id] = before = record, make(record)
        yield before[1]


def _gateways(call: Call) -> Iterator[Any]:
    from .egress_only_gateways import EgressOnlyGateway
    from .internet_gateways import InternetGateway
    from .nat_gateways import LIVING, NatGateway
    for one in call.all(InternetGateway):
        yield net.Gateway(one.id, one.vpc_id)
    for out in call.all(EgressOnlyGateway):
        yield net.Gateway(out.id, out.vpc_id)
    for nat in call.all(NatGateway):
        if nat.interface and nat.state in LIVING:
            yield net.Nat(nat.id, nat.vpc_id, nat.subnet_id, nat.interface, nat.connectivity == "public")


def reaches(call: Call) -> set[Scope]:
    """Whose networks are reached from here."""
    return {scope for reach in REACHES for scope in reach(call)} - {(call.account, call.region)}


def _acl(acl: NetworkAcl) -> net.Acl:
    def entry(one: Any) -> net.Entry:
        return net.Entry(one.number, one.allow, one.cidr, int(one.protocol), one.low, one.high, one.icmp_type, one.icmp_code)
    return net.Acl(acl.id, acl.vpc_id, tuple(entry(one) for one in acl.entries if not one.egress), tuple(entry(one) for one in acl.entries if one.egress), acl.default)


def _group(group: SecurityGroup, account: str) -> net.Group:
    def rule(one: Any) -> net.Rule:
        protocol = PROTOCOLS.get(one.protocol) or int(one.protocol)
        low, high = (one.low, one.high) if protocol in PROTOCOLS.values() else (0, 65535)
        if protocol in (net.TCP, net.UDP) and low < 0:
            low, high = 0, 65535
        return net.Rule(one.peer, protocol, low, high, one.id)
    return net.Group(group.id, group.vpc_id, tuple(rule(one) for one in group.rules if not one.egress), tuple(rule(one) for one in group.rules if one.egress), group.name, account)


def _interface(call: Call, one: NetworkInterface) -> net.Interface:
    instance = one.instance_id
    up = one.attachment is not None and (instance == "" or ("i" in OWNERS and OWNERS["i"](call, instance)))
    return net.Interface(
        one.id, one.vpc_id, one.subnet_id, one.mac, tuple(net.Address(a.private, a.public) for a in one.addresses), tuple(one.addresses6), tuple(one.prefixes), tuple(one.groups),
        one.source_dest_check, one.interface_type, instance, instance or one.id, one.attachment.device if one.attachment and instance else 0, up, call.account)
