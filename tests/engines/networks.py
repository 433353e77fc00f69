"""Random networks, and small ones to start from: shared by the tests of the compiler, the explainer and the kernel."""
import random

from cloche.engines.net.topology import (
    ALL,
    ICMP,
    S3_RANGE,
    TCP,
    UDP,
    Acl,
    Address,
    Endpoint,
    Entry,
    Gateway,
    Group,
    Interface,
    Nat,
    Peering,
    PrefixList,
    Route,
    RouteTable,
    Rule,
    Subnet,
    Topology,
    Vpc,
)

PORTS = (22, 80, 443, 8080)
OPEN = Entry(100, True, "0.0.0.0/0")
WORLD = "0.0.0.0/0"


def some_id(kind, number):
    return f"{kind}-{number:017x}"


def interface(number, vpc, subnet, address, *, public="", groups=(), **more):
    return Interface(some_id("eni", number), vpc, subnet, f"06:00:00:00:{number // 256:02x}:{number % 256:02x}", (Address(address, public),), groups=groups,
                     owner=more.pop("owner", some_id("i", number)), instance=more.pop("instance", some_id("i", number)), up=more.pop("up", True), **more)


def two_subnets():
    """One VPC; subnet 1 leads to the internet gateway, subnet 2 to the NAT gateway in subnet 1; everything open but what comes in from outside."""
    vpc = some_id("vpc", 1)
    one, two, group = some_id("subnet", 1), some_id("subnet", 2), some_id("sg", 1)
    return Topology().with_(
        Vpc(vpc, "1", "us-east-1", ("10.0.0.0/16",), main_table=some_id("rtb", 1)),
        Subnet(one, vpc, "us-east-1a", "10.0.1.0/24", some_id("rtb", 1), some_id("acl", 1)),
        Subnet(two, vpc, "us-east-1b", "10.0.2.0/24", some_id("rtb", 2), some_id("acl", 2)),
        RouteTable(some_id("rtb", 1), vpc, (Route(WORLD, some_id("igw", 1)),)),
        RouteTable(some_id("rtb", 2), vpc, (Route(WORLD, some_id("nat", 1)),)),
        Acl(some_id("acl", 1), vpc, (OPEN,), (OPEN,), True), Acl(some_id("acl", 2), vpc, (OPEN,), (OPEN,)),
        Group(group, vpc, (Rule("10.0.0.0/16"),), (Rule(WORLD),)),
        Gateway(some_id("igw", 1), vpc),
        Nat(some_id("nat", 1), vpc, one, some_id("eni", 9)),
        interface(1, vpc, one, "10.0.1.5", public="198.18.0.5", groups=(group,)),
        interface(2, vpc, two, "10.0.2.5", groups=(group,)),
        interface(9, vpc, one, "10.0.1.9", public="198.18.0.9", kind="nat_gateway", owner="", instance=""),
    )


class Dice(random.Random):
    def maybe(self, chance):
        return self.random() < chance

    def cidr(self):
        return self.choice((WORLD, WORLD, "10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.1.1.0/24", "198.18.0.0/16", "198.19.0.0/16", "10.0.1.5/32", "10.0.2.5/32"))

    def entries(self):
        if self.maybe(0.55):
            return (OPEN,)
        out = []
        for number in self.sample(range(1, 99), self.randint(0, 4)):
            protocol = self.choice((ALL, TCP, TCP, UDP, ICMP))
            low, high = self.ports()
            out.append(Entry(number, self.maybe(0.6), self.cidr(), protocol, low, high, *(self.choice(((-1, -1), (8, -1), (0, 0), (8, 0))) if protocol == ICMP else ())))
        if self.maybe(0.7):
            out.append(OPEN)
        if self.maybe(0.3):
            out.append(Entry(90, True, WORLD, TCP, 1024, 65535))
        return tuple(sorted({one.number: one for one in out}.values(), key=lambda one: one.number))

    def ports(self):
        return self.choice(((0, 65535), (22, 22), (80, 443), (443, 443), (1024, 65535), (32768, 60999), (8080, 8080), (79, 81)))

    def rules(self, groups, lists):
        out = []
        for _ in range(self.randint(0, 4)):
            protocol = self.choice((ALL, TCP, TCP, TCP, UDP, ICMP))
            low, high = self.choice(((-1, -1), (8, -1), (8, 0))) if protocol == ICMP else self.ports()
            peer = self.choice((self.cidr(), self.cidr(), self.choice(groups), self.choice(lists)))
            out.append(Rule(peer, protocol, low, high) if protocol != ALL else Rule(peer))
        if self.maybe(0.55):
            out.append(Rule(WORLD))
        return tuple(dict.fromkeys(out))


def any_network(seed, vpcs=2):
    """VPCs, subnets, tables, ACLs, groups, gateways, peerings at random; the ids are the same for every seed, so one network can become another."""
    dice = Dice(seed)
    topology = Topology().with_(PrefixList(some_id("pl", 1), ("10.0.1.0/24", "10.1.2.5/32")), PrefixList(some_id("pl", 2), (S3_RANGE,)))
    lists = [some_id("pl", 1), some_id("pl", 2)]
    names = [some_id("vpc", n + 1) for n in range(vpcs)]
    groups = [some_id("sg", n + 1) for n in range(3 * vpcs)]
    number = 0
    for n, vpc in enumerate(names):
        topology = topology.with_(Vpc(vpc, "1", "us-east-1", (f"10.{n}.0.0/16",)))
        if igw := dice.maybe(0.85):
            topology = topology.with_(Gateway(some_id("igw", n + 1), vpc))
        mine = groups[3 * n:3 * n + 3]
        for group in mine:
            topology = topology.with_(Group(group, vpc, dice.rules(groups, lists), dice.rules(groups, lists)))
        acls = [some_id("acl", 3 * n + k) for k in range(3)]
        for acl in acls:
            topology = topology.with_(Acl(acl, vpc, dice.entries(), dice.entries()))
        tables = [some_id("rtb", 3 * n + k) for k in range(3)]
        subnets = [some_id("subnet", 3 * n + k) for k in range(3)]
        for k, subnet in enumerate(subnets):
            topology = topology.with_(Subnet(subnet, vpc, "us-east-1a", f"10.{n}.{k + 1}.0/24", dice.choice(tables), dice.choice(acls)))
        natted = dice.maybe(0.7)
        if natted:
            number += 1
            place = dice.choice(subnets[:1])
            topology = topology.with_(Nat(some_id("nat", n + 1), vpc, place, some_id("eni", 100 + n)),
                                      interface(100 + n, vpc, place, f"10.{n}.1.9", public=f"198.18.{n}.9" if igw else "", kind="nat_gateway", owner="", instance=""))
        endpoint = some_id("vpce", n + 1)
        if dice.maybe(0.4):
            topology = topology.with_(Endpoint(endpoint, vpc, "s3", prefix_list=lists[1]))
        for table in tables:
            routes = []
            if igw and dice.maybe(0.6):
                routes.append(Route(WORLD, some_id("igw", n + 1), active=dice.maybe(0.9)))
            elif natted and dice.maybe(0.8):
                routes.append(Route(WORLD, some_id("nat", n + 1)))
            for m in range(vpcs):
                if m != n and dice.maybe(0.8):
                    routes.append(Route(f"10.{m}.0.0/16", some_id("pcx", 10 * min(n, m) + max(n, m)), active=dice.maybe(0.9)))
            if dice.maybe(0.2):
                routes.append(Route(f"10.{(n + 1) % vpcs}.2.0/24", some_id("pcx", 99), active=False))
            if endpoint in topology.endpoints and dice.maybe(0.7):
                routes.append(Route(lists[1], endpoint))
            topology = topology.with_(RouteTable(table, vpc, tuple(routes)))
        for k, subnet in enumerate(subnets):
            for host in (5, 6):
                if dice.maybe(0.85):
                    public = f"198.18.{n}.{10 * k + host}" if igw and dice.maybe(0.5) else ""
                    topology = topology.with_(interface(1000 * n + 10 * k + host, vpc, subnet, f"10.{n}.{k + 1}.{host}", public=public,
                                                        groups=tuple(dice.sample(mine, dice.randint(1, 2)))))
    for n in range(vpcs):
        for m in range(n + 1, vpcs):
            if dice.maybe(0.8):
                topology = topology.with_(Peering(some_id("pcx", 10 * n + m), names[n], names[m], dice.maybe(0.85), dice.maybe(0.7)))
    return topology
