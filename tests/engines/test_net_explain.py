"""A packet's way, without a kernel: which rule is about it, which route takes it, what stops it and under which of AWS's codes."""
import pytest
from msgspec import structs

from cloche.engines.net import match
from cloche.engines.net.explain import best, explain
from cloche.engines.net.match import Packet
from cloche.engines.net.topology import (
    ALL,
    ICMP,
    S3_RANGE,
    TCP,
    UDP,
    Acl,
    Attachment,
    Endpoint,
    Entry,
    Gateway,
    Group,
    Nat,
    Peering,
    PrefixList,
    Route,
    RouteTable,
    Rule,
    Subnet,
    Topology,
    TransitGateway,
    TransitRoute,
    Vpc,
)

from .networks import OPEN, WORLD, any_network, interface, some_id, two_subnets

VPC, SG, RTB1, RTB2, ACL1, ACL2 = some_id("vpc", 1), some_id("sg", 1), some_id("rtb", 1), some_id("rtb", 2), some_id("acl", 1), some_id("acl", 2)
ENI1, ENI2, NAT, IGW = some_id("eni", 1), some_id("eni", 2), some_id("nat", 1), some_id("igw", 1)
HTTPS = Packet("10.0.1.5", "10.0.2.5", TCP, 443)


def packet(text):
    """`tcp 10.0.0.1 > 10.0.0.2 443`, `icmp ... 8/0`."""
    protocol, source, _, destination, port = text.split()
    number = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "esp": 50}[protocol]
    kind, _, code = port.partition("/")
    return Packet(source, destination, number, int(kind) * 256 + int(code) if code else int(kind))


@pytest.mark.parametrize("rule,text,passes", [
    (Rule("0.0.0.0/0"), "tcp 1.2.3.4 > 10.0.2.5 443", True), (Rule("0.0.0.0/0"), "udp 1.2.3.4 > 10.0.2.5 53", True), (Rule("0.0.0.0/0"), "icmp 1.2.3.4 > 10.0.2.5 8/0", True),
    (Rule("0.0.0.0/0"), "esp 1.2.3.4 > 10.0.2.5 0", True), (Rule("10.0.0.0/8"), "tcp 1.2.3.4 > 10.0.2.5 443", False), (Rule("10.0.0.0/8"), "tcp 10.255.255.255 > 10.0.2.5 443", True),
    (Rule("10.0.0.0/8", TCP, 443, 443), "tcp 10.0.0.1 > 10.0.2.5 443", True), (Rule("10.0.0.0/8", TCP, 443, 443), "tcp 10.0.0.1 > 10.0.2.5 444", False),
    (Rule("10.0.0.0/8", TCP, 443, 443), "tcp 10.0.0.1 > 10.0.2.5 442", False), (Rule("10.0.0.0/8", TCP, 443, 443), "udp 10.0.0.1 > 10.0.2.5 443", False),
    (Rule("10.0.0.0/8", TCP, 400, 500), "tcp 10.0.0.1 > 10.0.2.5 400", True), (Rule("10.0.0.0/8", TCP, 400, 500), "tcp 10.0.0.1 > 10.0.2.5 500", True),
    (Rule("10.0.0.0/8", TCP, 400, 500), "tcp 10.0.0.1 > 10.0.2.5 501", False), (Rule("10.0.0.0/8", UDP, 53, 53), "udp 10.0.0.1 > 10.0.2.5 53", True),
    (Rule("10.0.0.0/8", ICMP, -1, -1), "icmp 10.0.0.1 > 10.0.2.5 8/0", True), (Rule("10.0.0.0/8", ICMP, 8, -1), "icmp 10.0.0.1 > 10.0.2.5 8/0", True),
    (Rule("10.0.0.0/8", ICMP, 8, 0), "icmp 10.0.0.1 > 10.0.2.5 8/0", True), (Rule("10.0.0.0/8", ICMP, 8, 1), "icmp 10.0.0.1 > 10.0.2.5 8/0", False),
    (Rule("10.0.0.0/8", ICMP, 0, -1), "icmp 10.0.0.1 > 10.0.2.5 8/0", False), (Rule("10.0.0.0/8", ICMP, 3, 4), "icmp 10.0.0.1 > 10.0.2.5 3/4", True),
    (Rule("10.0.0.0/8", ICMP, -1, -1), "tcp 10.0.0.1 > 10.0.2.5 8", False), (Rule("10.0.0.0/8", 50), "esp 10.0.0.1 > 10.0.2.5 0", True), (Rule("10.0.0.0/8", 50), "tcp 10.0.0.1 > 10.0.2.5 50", False),
    (Rule("10.0.1.5/32", TCP, 1, 9), "tcp 10.0.1.5 > 10.0.2.5 9", True), (Rule("10.0.1.5/32", TCP, 1, 9), "tcp 10.0.1.6 > 10.0.2.5 9", False),
    (Rule(SG, TCP, 1, 9), "tcp 10.0.1.5 > 10.0.2.5 9", True), (Rule(SG, TCP, 1, 9), "tcp 10.0.1.99 > 10.0.2.5 9", False), (Rule(SG, TCP, 1, 9), "tcp 198.18.0.5 > 10.0.2.5 9", False),
    (Rule("sg-none"), "tcp 10.0.1.5 > 10.0.2.5 9", False), (Rule("pl-1", TCP, 1, 9), "tcp 192.0.2.7 > 10.0.2.5 9", True), (Rule("pl-1", TCP, 1, 9), "tcp 192.0.3.7 > 10.0.2.5 9", False),
    (Rule("pl-none"), "tcp 10.0.1.5 > 10.0.2.5 9", False),
])
def test_a_groups_rule_lets_a_packet_in_or_not(rule, text, passes):
    topology = two_subnets().with_(Group("sg-in", VPC, (rule,)), PrefixList("pl-1", ("192.0.2.0/24", "198.51.100.0/24")))
    assert any(match.rules(topology, VPC, ["sg-in"], "i", packet(text))) is passes


@pytest.mark.parametrize("entries,text,number,allow", [
    ((), "tcp 10.0.0.1 > 10.0.2.5 80", None, False),
    ((OPEN,), "tcp 10.0.0.1 > 10.0.2.5 80", 100, True),
    ((Entry(90, False, "10.0.0.1/32"), OPEN), "tcp 10.0.0.1 > 10.0.2.5 80", 90, False),
    ((OPEN, Entry(90, False, "10.0.0.1/32")), "tcp 10.0.0.1 > 10.0.2.5 80", 90, False),            # numbers decide, not the order of making
    ((Entry(110, False, "10.0.0.1/32"), OPEN), "tcp 10.0.0.1 > 10.0.2.5 80", 100, True),
    ((Entry(10, True, WORLD, TCP, 80, 80),), "tcp 10.0.0.1 > 10.0.2.5 80", 10, True),
    ((Entry(10, True, WORLD, TCP, 80, 80),), "tcp 10.0.0.1 > 10.0.2.5 81", None, False),
    ((Entry(10, True, WORLD, TCP, 1024, 65535),), "tcp 10.0.0.1 > 10.0.2.5 1024", 10, True),
    ((Entry(10, True, WORLD, TCP, 1024, 65535),), "tcp 10.0.0.1 > 10.0.2.5 1023", None, False),
    ((Entry(10, True, WORLD, UDP, 53, 53),), "tcp 10.0.0.1 > 10.0.2.5 53", None, False),
    ((Entry(10, True, WORLD, ICMP),), "icmp 10.0.0.1 > 10.0.2.5 8/0", 10, True),
    ((Entry(10, True, WORLD, ICMP, kind=8),), "icmp 10.0.0.1 > 10.0.2.5 8/0", 10, True),
    ((Entry(10, True, WORLD, ICMP, kind=0),), "icmp 10.0.0.1 > 10.0.2.5 8/0", None, False),
    ((Entry(10, True, WORLD, ICMP, kind=3, code=4),), "icmp 10.0.0.1 > 10.0.2.5 3/4", 10, True),
    ((Entry(10, True, WORLD, ICMP, kind=3, code=4),), "icmp 10.0.0.1 > 10.0.2.5 3/3", None, False),
    ((Entry(10, True, WORLD, 50),), "esp 10.0.0.1 > 10.0.2.5 0", 10, True),
    ((Entry(10, True, WORLD, 50),), "tcp 10.0.0.1 > 10.0.2.5 50", None, False),
    ((Entry(10, True, "::/0"),), "tcp 10.0.0.1 > 10.0.2.5 80", None, False),
    ((Entry(10, True, "10.0.0.0/30"),), "tcp 10.0.0.4 > 10.0.2.5 80", None, False),
])
def test_an_acl_decides_by_the_first_entry_that_is_about_the_packet(entries, text, number, allow):
    found = match.entry(Acl("acl-1", VPC, entries), "i", packet(text))
    assert (found.number if found else None, bool(found and found.allow)) == (number, allow)


@pytest.mark.parametrize("destination,cidr,target", [
    ("10.0.2.5", "10.0.0.0/16", "local"), ("10.1.0.1", "10.1.0.0/16", "pcx-1"), ("10.1.2.1", "10.1.2.0/24", "pcx-2"), ("10.9.9.9", "10.0.0.0/8", "tgw-1"), ("8.8.8.8", "0.0.0.0/0", "igw-1"),
    ("10.0.7.1", "10.0.7.0/24", "eni-7"), ("198.19.1.1", S3_RANGE, "vpce-1"), ("198.19.77.1", "0.0.0.0/0", "igw-1"), ("2001:db8::1", "::/0", "eigw-1"),
])
def test_the_longest_prefix_takes_the_packet(destination, cidr, target):
    table = RouteTable("rtb-9", VPC, (Route(WORLD, "igw-1"), Route("10.1.0.0/16", "pcx-1"), Route("10.1.2.0/24", "pcx-2"), Route("10.0.0.0/8", "tgw-1"), Route("10.0.7.0/24", "eni-7"),
                                      Route("pl-1", "vpce-1"), Route("::/0", "eigw-1")))
    topology = two_subnets().with_(table, PrefixList("pl-1", (S3_RANGE,)))
    found = match.route(topology, topology.vpcs[VPC], "rtb-9", destination)
    assert (found[0], found[1].target) == (cidr, target)


def test_without_a_route_there_is_none():
    topology = two_subnets().with_(RouteTable("rtb-9", VPC))
    assert match.route(topology, topology.vpcs[VPC], "rtb-9", "8.8.8.8") is None and match.route(topology, topology.vpcs[VPC], "rtb-none", "10.0.0.1") is None


def ask(topology, text=None, source=ENI1, running=True, question=HTTPS):
    return explain(topology, topology.interfaces.get(source, source), packet(text) if text else question, running)


def codes(answer):
    return [one.code for one in answer.obstacles]


def group(ingress=(Rule(WORLD),), egress=(Rule(WORLD),), id_=SG):
    return Group(id_, VPC, ingress, egress)


EPHEMERAL = Entry(110, True, WORLD, TCP, 32768, 60999)
ONLY_HTTPS = Entry(100, True, WORLD, TCP, 443, 443)
PAIR = RouteTable(RTB2, VPC, (Route(WORLD, NAT),))


@pytest.mark.parametrize("changes,text,expected", [
    ((), "tcp 10.0.1.5 > 10.0.2.5 443", []),
    ((group(egress=()),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SG_HAS_NO_RULES"]),
    ((group(egress=(Rule(WORLD, UDP, 53, 53),)),), "tcp 10.0.1.5 > 10.0.2.5 443", ["ENI_SG_RULES_MISMATCH"]),
    ((group(ingress=()),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SG_HAS_NO_RULES"]),
    ((group(ingress=(Rule(WORLD, TCP, 80, 80),)),), "tcp 10.0.1.5 > 10.0.2.5 443", ["ENI_SG_RULES_MISMATCH"]),
    ((group((), ()),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SG_HAS_NO_RULES", "SG_HAS_NO_RULES"]),
    ((group(ingress=(Rule(SG),)),), "tcp 10.0.1.5 > 10.0.2.5 443", []),
    ((Acl(ACL1, VPC, (OPEN,), ()),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SUBNET_ACL_RESTRICTION"]),
    ((Acl(ACL1, VPC, (), (OPEN,)),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SUBNET_ACL_RESTRICTION"]),
    ((Acl(ACL2, VPC, (ONLY_HTTPS,), (ONLY_HTTPS,)),), "tcp 10.0.1.5 > 10.0.2.5 443", ["SUBNET_ACL_RESTRICTION"]),
    ((Acl(ACL2, VPC, (ONLY_HTTPS,), (EPHEMERAL,)),), "tcp 10.0.1.5 > 10.0.2.5 443", []),
    ((Acl(ACL1, VPC, (EPHEMERAL,), (ONLY_HTTPS,)), Acl(ACL2, VPC, (ONLY_HTTPS,), (EPHEMERAL,))), "tcp 10.0.1.5 > 10.0.2.5 443", []),
    ((Acl(ACL1, VPC, (ONLY_HTTPS,), (ONLY_HTTPS,)), Acl(ACL2, VPC, (ONLY_HTTPS,), (EPHEMERAL,))), "tcp 10.0.1.5 > 10.0.2.5 443", ["SUBNET_ACL_RESTRICTION"]),
    ((Acl(ACL1, VPC), Acl(ACL2, VPC)), "tcp 10.0.1.5 > 10.0.1.5 443", []),                                       # oneself
    ((Acl(ACL1, VPC),), "udp 10.0.1.5 > 10.0.0.2 53", []), ((group((), ()), Acl(ACL1, VPC)), "tcp 10.0.1.5 > 169.254.169.254 80", []),
    ((), "tcp 10.0.1.5 > 10.0.2.77 443", ["NO_POSSIBLE_DESTINATION"]),
    ((RouteTable(RTB1, VPC),), "tcp 10.0.1.5 > 198.19.200.1 443", ["NO_ROUTE_TO_DESTINATION"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, IGW, False),)),), "tcp 10.0.1.5 > 198.19.200.1 443", ["BAD_STATE_ROUTE"]),
    ((), "tcp 10.0.1.5 > 198.19.200.1 443", []),
    ((), "tcp 10.0.1.5 > 172.16.0.1 443", ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"]),
    ((), "tcp 10.0.1.5 > 192.168.9.9 443", ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"]),
    ((), "tcp 10.0.1.5 > 100.64.1.1 443", ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS"]),
    ((Gateway(IGW, ""),), "tcp 10.0.1.5 > 198.19.200.1 443", ["BAD_STATE_ATTACHMENT"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, "vgw-1"),)),), "tcp 10.0.1.5 > 192.0.2.1 443", ["BAD_STATE_VPN"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, "pcx-1"),)),), "tcp 10.0.1.5 > 192.0.2.1 443", ["BAD_STATE"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, "tgw-1"),)),), "tcp 10.0.1.5 > 192.0.2.1 443", ["BAD_STATE_ATTACHMENT"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, "vpce-1"),)),), "tcp 10.0.1.5 > 192.0.2.1 443", ["NO_POSSIBLE_DESTINATION"]),
    ((RouteTable(RTB1, VPC, (Route("10.7.0.0/16", ENI2),)),), "tcp 10.0.1.5 > 10.7.0.1 443", ["ENI_SOURCE_DEST_CHECK_RESTRICTION"]),
    ((), "tcp 10.0.1.99 > 10.0.2.5 443", ["ENI_SOURCE_DEST_CHECK_RESTRICTION", "NO_POSSIBLE_DESTINATION"]),       # a forged source is not answered either
    ((), "tcp 10.0.1.5 > 198.18.77.77 443", ["NO_POSSIBLE_DESTINATION"]),
    ((), "icmp 10.0.1.5 > 10.0.2.5 8/0", []),
    ((Acl(ACL2, VPC, (Entry(1, True, WORLD, ICMP, kind=8),), (Entry(1, True, WORLD, ICMP, kind=8),)),), "icmp 10.0.1.5 > 10.0.2.5 8/0", ["SUBNET_ACL_RESTRICTION"]),
    ((Acl(ACL2, VPC, (Entry(1, True, WORLD, ICMP, kind=8),), (Entry(1, True, WORLD, ICMP, kind=0),)),), "icmp 10.0.1.5 > 10.0.2.5 8/0", []),
])
def test_what_stops_a_packet_has_a_name(changes, text, expected):
    answer = ask(two_subnets().with_(*changes), text)
    assert codes(answer) == expected and answer.open is not bool(expected)


def test_the_way_is_told_component_by_component():
    answer = ask(two_subnets())
    one, two = some_id("i", 1), some_id("i", 2)
    assert [hop.component for hop in answer.there.hops] == [one, ENI1, SG, ACL1, RTB1, ACL2, SG, ENI2, two]
    assert [hop.component for hop in answer.back.hops] == [two, ENI2, SG, ACL2, RTB2, ACL1, SG, ENI1, one]
    assert [hop.direction for hop in answer.there.hops] == ["", "", "egress", "egress", "", "ingress", "ingress", "", ""]
    assert answer.there.hops[4].what == Route("10.0.0.0/16", "local") and answer.there.hops[4].destination == "10.0.0.0/16"
    assert answer.back.hops[2].what is None                # the answer is let through because the connection is known


def test_within_a_subnet_no_acl_and_no_route_is_asked():
    topology = two_subnets().with_(Acl(ACL1, VPC), RouteTable(RTB1, VPC), interface(4, VPC, some_id("subnet", 1), "10.0.1.6", groups=(SG,)))
    answer = ask(topology, "tcp 10.0.1.5 > 10.0.1.6 443")
    assert answer.open and not any(hop.component in (ACL1, RTB1) for hop in answer.there.hops)


def test_through_the_internet_gateway_the_source_is_public():
    answer = ask(two_subnets(), "tcp 10.0.1.5 > 198.19.200.1 443")
    assert answer.there.end == "service" and answer.there.packet.source == "198.18.0.5" and answer.there.hops[-1].component == IGW
    assert answer.back.packet == Packet("198.19.200.1", "10.0.1.5", TCP, 40000, 443)


def test_a_nat_gateway_stands_in_the_way_both_times():
    answer = ask(two_subnets(), "tcp 10.0.2.5 > 198.19.200.1 443", ENI2)
    assert answer.open and answer.there.packet.source == "198.18.0.9"
    assert [hop.component for hop in answer.there.hops if hop.component.startswith(("acl", "nat", "igw", "rtb"))] == [ACL2, RTB2, ACL1, NAT, ACL1, RTB1, IGW]
    assert NAT in [hop.component for hop in answer.back.hops]


@pytest.mark.parametrize("changes,expected", [
    ((Acl(ACL1, VPC, (OPEN,), (Entry(1, True, WORLD, TCP, 443, 443),)),), ["SUBNET_ACL_RESTRICTION"]),         # the NAT's subnet judges the answer to the client, too
    ((Acl(ACL1, VPC, (Entry(1, True, WORLD, TCP, 443, 443),), (OPEN,)),), ["SUBNET_ACL_RESTRICTION"]),
    ((RouteTable(RTB1, VPC),), ["NO_ROUTE_TO_DESTINATION"]),                                                    # a NAT gateway in a private subnet
    ((structs.replace(two_subnets().interfaces[some_id("eni", 9)], addresses=(structs.replace(two_subnets().interfaces[some_id("eni", 9)].addresses[0], public=""),)),),
     ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]),
    ((RouteTable(RTB2, VPC, (Route(WORLD, NAT, False),)),), ["BAD_STATE_ROUTE"]),
    ((RouteTable(RTB2, VPC, (Route(WORLD, "nat-none"),)),), ["BAD_STATE"]),
    ((group(egress=(Rule("10.0.0.0/8"),)),), ["ENI_SG_RULES_MISMATCH"]),
])
def test_what_stops_a_packet_on_its_way_through_a_nat_gateway(changes, expected):
    assert codes(ask(two_subnets().with_(*changes), "tcp 10.0.2.5 > 198.19.200.1 443", ENI2)) == expected


def test_nothing_enters_at_a_nat_gateways_address():
    answer = ask(two_subnets(), "tcp 10.0.1.5 > 198.18.0.9 443")
    assert codes(answer) == ["NO_POSSIBLE_DESTINATION"]
    assert codes(explain(two_subnets(), IGW, packet("tcp 192.0.2.1 > 198.18.0.9 443"))) == ["NO_POSSIBLE_DESTINATION"]


def test_from_outside_a_public_address_and_a_rule_are_needed():
    topology = two_subnets().with_(group(ingress=(Rule(SG), Rule("192.0.2.0/24", TCP, 443, 443))))
    assert explain(topology, IGW, packet("tcp 192.0.2.1 > 198.18.0.5 443")).open
    assert codes(explain(topology, IGW, packet("tcp 203.0.113.1 > 198.18.0.5 443"))) == ["ENI_SG_RULES_MISMATCH"]
    assert codes(ask(topology, "tcp 10.0.1.5 > 198.18.0.5 443")) == ["ENI_SG_RULES_MISMATCH"]     # out and in again, and a member of the group no more
    stopped = topology.with_(structs.replace(topology.interfaces[ENI1], up=False))
    assert codes(explain(stopped, IGW, packet("tcp 192.0.2.1 > 198.18.0.5 443"))) == ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"]
    assert explain(stopped, IGW, packet("tcp 192.0.2.1 > 198.18.0.5 443"), running=False).open


def test_what_does_not_run_is_only_a_fault_for_real_packets():
    topology = two_subnets()
    topology = topology.with_(structs.replace(topology.interfaces[ENI2], up=False))
    assert codes(ask(topology)) == ["BAD_STATE", "BAD_STATE"] and ask(topology, running=False).open


def test_a_client_may_use_any_ephemeral_port():
    topology = two_subnets().with_(Acl(ACL2, VPC, (OPEN,), (Entry(1, True, WORLD, TCP, 50000, 50010),)))
    assert codes(ask(topology)) == ["SUBNET_ACL_RESTRICTION"]
    found = best(topology, topology.interfaces[ENI1], HTTPS)
    assert found.open and 50000 <= found.there.packet.source_port <= 50010
    assert not best(topology.with_(Acl(ACL2, VPC, (OPEN,), (Entry(1, True, WORLD, TCP, 1024, 2000),))), topology.interfaces[ENI1], HTTPS).open


def joined(*changes):
    """The two subnets and a second VPC with one host, peered."""
    second = some_id("vpc", 2)
    return two_subnets().with_(
        Vpc(second, "2", "us-east-1", ("10.1.0.0/16",)), Subnet(some_id("subnet", 3), second, "us-east-1a", "10.1.1.0/24", some_id("rtb", 3), some_id("acl", 3)),
        RouteTable(some_id("rtb", 3), second, (Route("10.0.0.0/16", "pcx-1"),)), RouteTable(RTB1, VPC, (Route(WORLD, IGW), Route("10.1.0.0/16", "pcx-1"))),
        Acl(some_id("acl", 3), second, (OPEN,), (OPEN,), True), Group(some_id("sg", 3), second, (Rule(SG),), (Rule(WORLD),)),
        interface(3, second, some_id("subnet", 3), "10.1.1.5", groups=(some_id("sg", 3),)), Peering("pcx-1", VPC, second), *changes)


@pytest.mark.parametrize("changes,expected", [
    ((), []),
    ((Peering("pcx-1", VPC, some_id("vpc", 2), False),), ["BAD_STATE"]),
    ((Peering("pcx-1", VPC, some_id("vpc", 2), True, False),), ["ENI_SG_RULES_MISMATCH"]),                       # groups are not known in another region
    ((RouteTable(some_id("rtb", 3), some_id("vpc", 2)),), ["NO_ROUTE_TO_DESTINATION"]),
    ((RouteTable(RTB1, VPC, (Route(WORLD, IGW),)),), ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"]),
    ((RouteTable(some_id("rtb", 3), some_id("vpc", 2), (Route("10.0.0.0/16", "pcx-1", False),)),), ["BAD_STATE_ROUTE"]),
])
def test_a_peering_wants_routes_on_both_sides(changes, expected):
    answer = ask(joined(*changes), "tcp 10.0.1.5 > 10.1.1.5 443")
    assert codes(answer) == expected
    assert expected or "pcx-1" in [hop.component for hop in answer.there.hops]


def test_a_peering_leads_no_further_than_the_other_vpc():
    topology = joined(RouteTable(RTB1, VPC, (Route(WORLD, "pcx-1"),)))
    assert codes(ask(topology, "tcp 10.0.1.5 > 198.19.200.1 443")) == ["PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"]


def transit(*changes, routes=(TransitRoute("10.0.0.0/16", "tgw-attach-1"), TransitRoute("10.1.0.0/16", "tgw-attach-2")), table="tgw-rtb-1"):
    feet = (Attachment("tgw-attach-1", VPC, (), table), Attachment("tgw-attach-2", some_id("vpc", 2), (), "tgw-rtb-1"))
    return joined(Peering("pcx-1", VPC, some_id("vpc", 2), False), RouteTable(RTB1, VPC, (Route("10.0.0.0/8", "tgw-1"),)), RouteTable(some_id("rtb", 3), some_id("vpc", 2), (Route("10.0.0.0/8", "tgw-1"),)),
                  Group(some_id("sg", 3), some_id("vpc", 2), (Rule("10.0.0.0/8"),), (Rule(WORLD),)), TransitGateway("tgw-1", feet, (("tgw-rtb-1", routes),)), *changes)


@pytest.mark.parametrize("topology,expected", [
    (transit(), []), (transit(routes=(TransitRoute("10.0.0.0/16", "tgw-attach-1"),)), ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"]),
    (transit(routes=(TransitRoute("10.1.0.0/16", "tgw-attach-2"),)), ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"]),
    (transit(routes=(TransitRoute("10.1.0.0/16", "", False),)), ["TGW_RTB_BAD_STATE_ROUTE"]), (transit(table=""), ["TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"]),
    (transit(routes=(TransitRoute("10.0.0.0/8", "tgw-attach-1"), TransitRoute("10.1.0.0/16", "tgw-attach-2"))), []),
])
def test_a_transit_gateway_routes_by_its_own_tables(topology, expected):
    assert codes(ask(topology, "tcp 10.0.1.5 > 10.1.1.5 443")) == expected


def test_a_gateway_endpoint_is_reached_without_a_public_address_by_tcp():
    topology = two_subnets().with_(PrefixList("pl-1", (S3_RANGE,)), Endpoint("vpce-1", VPC, "s3", prefix_list="pl-1"), RouteTable(RTB2, VPC, (Route("pl-1", "vpce-1"),)))
    answer = ask(topology, "tcp 10.0.2.5 > 198.19.1.1 443", ENI2)
    assert answer.open and answer.there.end == "vpce-1" and answer.there.packet.source == "10.0.2.5"
    assert codes(ask(topology, "udp 10.0.2.5 > 198.19.1.1 443", ENI2)) == ["VPCE_GATEWAY_PROTOCOL_RESTRICTION"]
    assert codes(ask(topology.with_(group(egress=(Rule("pl-1", TCP, 80, 80),))), "tcp 10.0.2.5 > 198.19.1.1 443", ENI2)) == ["ENI_SG_RULES_MISMATCH"]
    assert ask(topology.with_(group(egress=(Rule("pl-1", TCP, 443, 443),))), "tcp 10.0.2.5 > 198.19.1.1 443", ENI2).open
    assert codes(ask(topology.with_(Acl(ACL2, VPC, (), (OPEN,))), "tcp 10.0.2.5 > 198.19.1.1 443", ENI2)) == ["SUBNET_ACL_RESTRICTION"]


def test_an_egress_only_gateway_lets_answers_in_and_nothing_else():
    all6, world = Entry(101, True, "::/0"), (Rule("::/0"),)
    second = some_id("vpc", 2)
    topology = joined(Gateway("eigw-1", VPC), Gateway("igw-2", second), structs.replace(two_subnets().vpcs[VPC], cidrs6=("2001:db8:1::/56",)),
                      RouteTable(RTB2, VPC, (Route("::/0", "eigw-1"),)), RouteTable(some_id("rtb", 3), second, (Route("::/0", "igw-2"),)), group(world, world),
                      Group(some_id("sg", 3), second, world, world), Acl(ACL2, VPC, (OPEN, all6), (OPEN, all6)), Acl(some_id("acl", 3), second, (OPEN, all6), (OPEN, all6)),
                      structs.replace(two_subnets().interfaces[ENI2], addresses6=("2001:db8:1::5",)))
    far = structs.replace(topology.interfaces[some_id("eni", 3)], addresses6=("2001:db8:2::5",))
    topology = topology.with_(far, Gateway(IGW, ""))
    assert ask(topology, "tcp 2001:db8:1::5 > 2001:db8:2::5 443", ENI2).open
    assert codes(ask(topology, "tcp 2001:db8:2::5 > 2001:db8:1::5 443", some_id("eni", 3))) == ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"]


@pytest.mark.parametrize("seed", range(60))
def test_every_question_about_any_network_has_an_answer(seed):
    """Open answers end at somebody, closed ones name what stops them."""
    topology = any_network(seed, vpcs=1 + seed % 3)
    for one in topology.interfaces.values():
        for to in ("10.0.1.5", "10.1.2.6", "198.18.0.5", "198.19.1.1", "10.0.9.9", "192.0.2.1"):
            answer = explain(topology, one, Packet(one.private, to, TCP, 443))
            assert answer.open is not bool(answer.obstacles)
            assert not answer.open or answer.there.end in (*topology.interfaces, *topology.endpoints, "service", "internet", "local")


def test_a_question_about_nothing_is_no_error():
    topology = Topology().with_(Nat(NAT, VPC, some_id("subnet", 1), ENI1))
    assert explain(topology, IGW, packet("tcp 192.0.2.1 > 198.18.0.5 443")).there.end == "internet" and ALL == -1
