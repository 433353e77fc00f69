"""The network that is wanted, as frozen values: what compiler and explainer both read, so that they cannot disagree about the question.

All accounts and regions are in one `Topology`, for AWS's ids are unique across them. What AWS leaves implicit is said here: a subnet names the table
and the ACL that rule it (the main table, the default ACL), a route names its target by id (the prefix is its kind) and whether it is a blackhole.
An interface takes part in the kernel's network when it is `up`: its owner runs. Everything else about it is true all the time (its address is taken,
its groups count it as a member).
"""
from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

PUBLIC = "198.18.0.0/16"             # public IPv4 addresses of customers (elastic and lent ones): RFC 2544's range, which no real network routes
SERVICES = "198.19.0.0/16"           # public addresses of AWS's own services; Cloche listens at all of them
S3_RANGE = "198.19.0.0/20"           # what the AWS-managed prefix list com.amazonaws.REGION.s3 holds
DYNAMODB_RANGE = "198.19.16.0/20"    # and .dynamodb
OTHER_SERVICES = "198.19.128.0/17"
RESOLVER, METADATA, TIME = "169.254.169.253", "169.254.169.254", "169.254.169.123"
RESOLVER6, METADATA6 = "fd00:ec2::253", "fd00:ec2::254"
INTERNET = "internet"                # the name of the public side's namespace

ALL = -1
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58


def service_range(service: str) -> str:
    """Where a service's public addresses are: s3 and dynamodb have ranges of their own, for their gateway endpoints' prefix lists."""
    return {"s3": S3_RANGE, "dynamodb": DYNAMODB_RANGE}.get(service, OTHER_SERVICES)


def service_address(name: str) -> str:
    """The public address at which a service's host name (`sqs.us-east-1.amazonaws.com`) is found: the same for the same name, always."""
    import zlib
    service = name.split(".", 1)[0]
    if ".s3." in f".{name}" or ".s3-" in f".{name}":
        service = "s3"
    net = ipaddress.ip_network(service_range(service))
    return str(net[1 + zlib.crc32(name.encode()) % (net.num_addresses - 2)])


class Vpc(Struct, frozen=True):
    id: str
    account: str
    region: str
    cidrs: tuple[str, ...]               # the primary one first
    cidrs6: tuple[str, ...] = ()
    main_table: str = ""
    dns_support: bool = True
    dns_hostnames: bool = False

    @property
    def resolver(self) -> str:
        """Where Route 53 Resolver answers: base + 2 of the primary CIDR."""
        return str(ipaddress.ip_network(self.cidrs[0])[2])


class Subnet(Struct, frozen=True):
    id: str
    vpc: str
    zone: str
    cidr: str
    table: str                           # the route table in force: the one associated, else the VPC's main one
    acl: str                             # the network ACL in force
    cidr6: str = ""
    account: str = ""
    region: str = ""

    @property
    def router(self) -> str:
        return str(ipaddress.ip_network(self.cidr)[1])


class Route(Struct, frozen=True):
    """Target: "local", or an id: igw-, eigw- (egress-only), nat-, eni- (instances are named by their interface), pcx-, vpce-, tgw-, vgw-."""
    destination: str                     # CIDR (v4 or v6) or pl-...
    target: str
    active: bool = True                  # False: blackhole
    propagated: bool = False


class RouteTable(Struct, frozen=True):
    id: str
    vpc: str
    routes: tuple[Route, ...] = ()       # the local ones may be left out: they are implied by the VPC's CIDRs
    gateway: str = ""                    # the internet gateway it is associated with (ingress routing)


class Entry(Struct, frozen=True):
    """One numbered rule of a network ACL. Ports are for TCP and UDP; type and code (-1: any) for ICMP."""
    number: int
    allow: bool
    cidr: str
    protocol: int = ALL
    low: int = 0
    high: int = 65535
    kind: int = -1
    code: int = -1


class Acl(Struct, frozen=True):
    """Entries lie in the order of their numbers; the last `*` deny is implied."""
    id: str
    vpc: str
    ingress: tuple[Entry, ...] = ()
    egress: tuple[Entry, ...] = ()
    default: bool = False


class Rule(Struct, frozen=True):
    """One permission of a security group. Peer: CIDR, sg-... or pl-.... For ICMP low is the type and high the code (-1: any)."""
    peer: str
    protocol: int = ALL
    low: int = 0
    high: int = 65535
    id: str = ""                         # sgr-...


class Group(Struct, frozen=True):
    id: str
    vpc: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    name: str = ""
    account: str = ""


class PrefixList(Struct, frozen=True):
    id: str
    cidrs: tuple[str, ...]
    name: str = ""


class Address(Struct, frozen=True):
    private: str
    public: str = ""                     # the public address that the internet gateway keeps for it


class Interface(Struct, frozen=True):
    """An ENI. `owner` is the namespace it is plugged into: the instance's id, else the interface's own id."""
    id: str
    vpc: str
    subnet: str
    mac: str
    addresses: tuple[Address, ...]       # the primary one first
    addresses6: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()       # delegated prefixes, routed to it
    groups: tuple[str, ...] = ()
    source_dest_check: bool = True
    kind: str = "interface"              # EC2's InterfaceType: interface, nat_gateway, vpc_endpoint, network_load_balancer, load_balancer, lambda, efs, ...
    instance: str = ""                   # i-..., when attached to one
    owner: str = ""
    device: int = 0                      # eth0, eth1, ...
    up: bool = False                     # its owner runs: it is in the kernel's network
    account: str = ""

    @property
    def private(self) -> str:
        return self.addresses[0].private


class Gateway(Struct, frozen=True):
    """An internet gateway (igw-), an egress-only one (eigw-) or a virtual private one (vgw-), and the VPC it is attached to ("" when to none)."""
    id: str
    vpc: str = ""


class Nat(Struct, frozen=True):
    """A NAT gateway; its addresses (private and elastic) are its interface's."""
    id: str
    vpc: str
    subnet: str
    interface: str
    public: bool = True                  # connectivity type public or private


class Peering(Struct, frozen=True):
    id: str
    requester: str
    accepter: str
    active: bool = True
    same_region: bool = True             # groups may be referenced across it


class Endpoint(Struct, frozen=True):
    """A VPC endpoint. A gateway one is reached by routes of prefix lists to it, an interface one at its interfaces' addresses."""
    id: str
    vpc: str
    service: str                         # s3, dynamodb, sqs, ...
    kind: str = "Gateway"                # or Interface, GatewayLoadBalancer
    prefix_list: str = ""
    interfaces: tuple[str, ...] = ()


class Attachment(Struct, frozen=True):
    """A transit gateway's foot in a VPC."""
    id: str
    vpc: str
    subnets: tuple[str, ...] = ()
    table: str = ""                      # the tgw-rtb that it is associated with: rules what comes out of this VPC
    active: bool = True


class TransitRoute(Struct, frozen=True):
    destination: str
    attachment: str                      # "" and not active: blackhole
    active: bool = True


class TransitGateway(Struct, frozen=True):
    id: str
    attachments: tuple[Attachment, ...] = ()
    tables: tuple[tuple[str, tuple[TransitRoute, ...]], ...] = ()      # (tgw-rtb id, static and propagated routes)


class FlowLog(Struct, frozen=True):
    id: str
    resource: str                        # vpc-, subnet- or eni-
    traffic: str = "ALL"                 # ACCEPT, REJECT, ALL
    flags: bool = False                  # its lines tell TCP flags, which cost the packets more


class Topology(Struct, frozen=True, dict=True):
    vpcs: Mapping[str, Vpc] = {}
    subnets: Mapping[str, Subnet] = {}
    tables: Mapping[str, RouteTable] = {}
    acls: Mapping[str, Acl] = {}
    groups: Mapping[str, Group] = {}
    lists: Mapping[str, PrefixList] = {}
    interfaces: Mapping[str, Interface] = {}
    gateways: Mapping[str, Gateway] = {}
    nats: Mapping[str, Nat] = {}
    peerings: Mapping[str, Peering] = {}
    endpoints: Mapping[str, Endpoint] = {}
    transits: Mapping[str, TransitGateway] = {}
    logs: Mapping[str, FlowLog] = {}

    def but(self, **kinds: Mapping[str, Any]) -> Topology:
        """A changed copy."""
        return structs.replace(self, **kinds)

    def with_(self, *values: Any) -> Topology:
        """A copy that also holds these values, each replacing the one of its id."""
        changed: dict[str, dict[str, Any]] = {}
        for value in values:
            kind = KINDS[type(value)]
            changed.setdefault(kind, dict(getattr(self, kind)))[value.id] = value
        return self.but(**changed)

    # What is asked often is indexed once per topology.
    @cached_property
    def vpc_interfaces(self) -> Mapping[str, list[Interface]]:
        return _by(self.interfaces.values(), lambda one: one.vpc)

    @cached_property
    def vpc_subnets(self) -> Mapping[str, list[Subnet]]:
        return _by(self.subnets.values(), lambda one: one.vpc)

    @cached_property
    def members(self) -> Mapping[str, list[Interface]]:
        """Group id -> its member interfaces, running or not."""
        found: dict[str, list[Interface]] = defaultdict(list)
        for one in self.interfaces.values():
            for group in one.groups:
                found[group].append(one)
        return found

    @cached_property
    def vpc_gateways(self) -> Mapping[str, list[Gateway]]:
        return _by((one for one in self.gateways.values() if one.vpc), lambda one: one.vpc)

    @cached_property
    def vpc_peerings(self) -> Mapping[str, list[Peering]]:
        found: dict[str, list[Peering]] = defaultdict(list)
        for one in self.peerings.values():
            found[one.requester].append(one)
            found[one.accepter].append(one)
        return found

    @cached_property
    def vpc_transits(self) -> Mapping[str, list[tuple[TransitGateway, Attachment]]]:
        found: dict[str, list[tuple[TransitGateway, Attachment]]] = defaultdict(list)
        for transit in self.transits.values():
            for one in transit.attachments:
                found[one.vpc].append((transit, one))
        return found

    @cached_property
    def by_address(self) -> Mapping[tuple[str, str], Interface]:
        """(VPC, private address, v4 or v6) -> interface."""
        return {(one.vpc, address): one for one in self.interfaces.values() for address in (*(a.private for a in one.addresses), *one.addresses6)}

    @cached_property
    def by_public(self) -> Mapping[str, tuple[Interface, Address]]:
        """Public IPv4 address -> the interface and the pair of addresses."""
        return {a.public: (one, a) for one in self.interfaces.values() for a in one.addresses if a.public}

    def gateway(self, vpc: str, prefix: str = "igw-") -> Gateway | None:
        """The gateway of that kind attached to a VPC."""
        return next((one for one in self.vpc_gateways.get(vpc, ()) if one.id.startswith(prefix)), None)

    def cidrs(self, destination: str) -> tuple[str, ...]:
        """A route's or rule's destination as CIDRs: a prefix list's entries, else itself."""
        if destination.startswith("pl-"):
            found = self.lists.get(destination)
            return found.cidrs if found else ()
        return (destination,)

    def logged(self, interface: Interface) -> Iterator[FlowLog]:
        """The flow logs that an interface's packets belong to."""
        for one in self.logs.values():
            if one.resource in (interface.id, interface.subnet, interface.vpc):
                yield one


KINDS: dict[type, str] = {Vpc: "vpcs", Subnet: "subnets", RouteTable: "tables", Acl: "acls", Group: "groups", PrefixList: "lists", Interface: "interfaces", Gateway: "gateways", Nat: "nats",
                          Peering: "peerings", Endpoint: "endpoints", TransitGateway: "transits", FlowLog: "logs"}


def _by(values: Any, key: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in values:
        found[key(one)].append(one)
    return found
