"""Topology -> plan, without a kernel: sets that do not overlap and mean what the rules mean, chains in their order, and differences no larger than the change."""
import ipaddress
import itertools
import random

import pytest
from msgspec import structs

from cloche.engines.net import acls, groups, names, nft, plan, routes
from cloche.engines.net.compile import Compiled, compile
from cloche.engines.net.plan import Plan
from cloche.engines.net.topology import (
    ALL,
    ICMP,
    PUBLIC,
    S3_RANGE,
    SERVICES,
    TCP,
    UDP,
    Acl,
    Address,
    Endpoint,
    Entry,
    FlowLog,
    Gateway,
    Group,
    Peering,
    PrefixList,
    Route,
    RouteTable,
    Rule,
    Subnet,
    Topology,
    Vpc,
    service_address,
)

from .networks import OPEN, any_network, interface, some_id, two_subnets

VPC, SG = some_id("vpc", 1), some_id("sg", 1)


def sets(*rules, lists=()):
    """The sets of a group with these ingress rules, name without its prefix -> keys."""
    topology = Topology().with_(*lists)
    groups._made.clear()
    found = groups.sets(topology, Group(SG, VPC, rules), "i").of
    return {name.removeprefix(f"i_{SG}_"): sorted(one.elements) for name, one in found.items()}


@pytest.mark.parametrize("rules,expected", [
    ((), {}),
    ((Rule("10.0.0.0/8", TCP, 22, 22),), {"p4": ["6 . 22 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("10.0.0.1/32", TCP, 22, 25),), {"p4": ["6 . 22-25 . 10.0.0.1"]}),
    ((Rule("10.0.0.0/8"),), {"a4": ["10.0.0.0/8"]}),
    ((Rule("10.0.0.0/8"), Rule("10.1.0.0/16")), {"a4": ["10.0.0.0/8"]}),
    ((Rule("10.0.0.0/9"), Rule("10.128.0.0/9")), {"a4": ["10.0.0.0/8"]}),
    ((Rule("0.0.0.0/0", TCP, 80, 80),), {"w4": ["6 . 80"]}),
    ((Rule("0.0.0.0/0", TCP, 80, 80), Rule("0.0.0.0/0", TCP, 81, 90), Rule("0.0.0.0/0", TCP, 85, 99)), {"w4": ["6 . 80-99"]}),
    ((Rule("0.0.0.0/0"),), {"w4": ["17 . 0-65535", "6 . 0-65535"], "a4": ["0.0.0.0/0"]}),
    ((Rule("::/0", UDP, 53, 53),), {"w6": ["17 . 53"]}),
    ((Rule("2001:db8::/32", TCP, 1, 2),), {"p6": ["6 . 1-2 . 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]}),
    ((Rule("10.0.0.0/8", ICMP, -1, -1),), {"c4": ["0-255 . 0-255 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("0.0.0.0/0", ICMP, 8, -1),), {"c4": ["8 . 0-255 . 0.0.0.0-255.255.255.255"]}),
    ((Rule("10.0.0.0/8", ICMP, 3, 4),), {"c4": ["3 . 4 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("10.0.0.0/8", ICMP, 3, 4), Rule("10.0.0.0/8", ICMP, 3, -1)), {"c4": ["3 . 0-255 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("10.0.0.0/8", 50),), {"p4": ["50 . 0-65535 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("sg-2", TCP, 80, 80),), {"sg-2": ["6 . 80"]}),
    ((Rule("sg-2"),), {"sg-2": ["0-255 . 0-65535"]}),
    ((Rule("sg-2", ICMP, 8, -1),), {"sg-2_c4": ["8 . 0-255"]}),
    ((Rule("sg-2", TCP, 80, 80), Rule("sg-3", UDP, 53, 53)), {"sg-2": ["6 . 80"], "sg-3": ["17 . 53"]}),
    ((Rule("10.0.0.0/24", TCP, 80, 80), Rule("10.0.1.0/24", TCP, 80, 80)), {"p4": ["6 . 80 . 10.0.0.0-10.0.1.255"]}),
    ((Rule("10.0.0.0/8", TCP, 0, 65535), Rule("10.1.0.0/16", TCP, 22, 22)), {"p4": ["6 . 0-65535 . 10.0.0.0-10.255.255.255"]}),
    ((Rule("10.1.0.0/16", TCP, 0, 100), Rule("10.2.0.0/16", TCP, 50, 150)),
     {"p4": ["6 . 0-49 . 10.1.0.0-10.1.255.255", "6 . 101-150 . 10.2.0.0-10.2.255.255", "6 . 50-100 . 10.1.0.0-10.2.255.255"]}),
])
def test_a_groups_rules_become_sets(rules, expected):
    assert sets(*rules) == {name: sorted(keys) for name, keys in expected.items()}


def test_a_prefix_list_stands_for_its_entries_and_a_changed_one_makes_the_sets_anew():
    rule, group = Rule("pl-1", TCP, 443, 443), Group(SG, VPC, (Rule("pl-1", TCP, 443, 443),))
    assert sets(rule, lists=[PrefixList("pl-1", ("10.0.0.0/24", "10.9.0.0/24"))])["p4"] == ["6 . 443 . 10.0.0.0-10.0.0.255", "6 . 443 . 10.9.0.0-10.9.0.255"]
    one = groups.sets(Topology().with_(PrefixList("pl-1", ("10.0.0.0/24",))), group, "i")
    assert groups.sets(Topology().with_(PrefixList("pl-1", ("10.0.0.0/24",))), group, "i") is one
    assert groups.sets(Topology().with_(PrefixList("pl-1", ("10.0.0.0/25",))), group, "i") is not one


@pytest.mark.parametrize("seed", range(60))
def test_boxes_mean_what_the_rules_mean_and_do_not_overlap(seed):
    dice = random.Random(seed)
    rules = []
    for _ in range(dice.randint(1, 25)):
        low = dice.randint(0, 30)
        rules.append((dice.choice((6, 6, 17)), low, min(low + dice.choice((0, 0, 3, 20)), 33), str(ipaddress.ip_network((f"10.0.0.{dice.randint(0, 63)}", dice.choice((26, 28, 30, 32))), strict=False))))
    found = [(int(protocol), *span(ports), *(int(ipaddress.ip_address(a)) for a in (addresses.split("-") * 2)[:2]))
             for protocol, ports, addresses in (one.split(" . ") for one in groups.boxes(rules, 4))]
    meant = [(p, low, high, int(ipaddress.ip_network(cidr)[0]), int(ipaddress.ip_network(cidr)[-1])) for p, low, high, cidr in rules]
    for protocol, port, host in itertools.product((6, 17), range(35), range(0, 72)):
        address = (10 << 24) + host
        said = any(p == protocol and low <= port <= high and first <= address <= last for p, low, high, first, last in meant)
        assert sum(p == protocol and low <= port <= high and first <= address <= last for p, low, high, first, last in found) == said


def span(text):
    low, _, high = text.partition("-")
    return int(low), int(high or low)


@pytest.mark.parametrize("low,high,pieces", [
    (0, 65535, ["0-255 . 0-255"]), (8 * 256, 8 * 256, ["8 . 0"]), (8 * 256, 8 * 256 + 255, ["8 . 0-255"]), (5, 9, ["0 . 5-9"]), (250, 260, ["0 . 250-255", "1 . 0-4"]),
    (250, 1030, ["0 . 250-255", "1-3 . 0-255", "4 . 0-6"]), (256, 1023, ["1-3 . 0-255"]),
])
def test_icmp_runs_are_cut_into_types_and_codes(low, high, pieces):
    assert [groups.kind_span(*one) for one in groups.split(low, high)] == pieces


@pytest.mark.parametrize("entry,side,text", [
    (Entry(1, True, "0.0.0.0/0"), "saddr", "meta nfproto ipv4"),
    (Entry(1, True, "::/0"), "saddr", "meta nfproto ipv6"),
    (Entry(1, True, "10.0.0.0/8"), "daddr", "ip daddr 10.0.0.0/8"),
    (Entry(1, True, "2001:db8::/32"), "saddr", "ip6 saddr 2001:db8::/32"),
    (Entry(1, True, "10.0.0.0/8", TCP, 443, 443), "saddr", "ip saddr 10.0.0.0/8 tcp dport 443"),
    (Entry(1, True, "0.0.0.0/0", UDP, 1024, 65535), "saddr", "meta nfproto ipv4 udp dport 1024-65535"),
    (Entry(1, True, "0.0.0.0/0", TCP), "saddr", "meta nfproto ipv4 meta l4proto tcp"),
    (Entry(1, True, "0.0.0.0/0", ICMP), "saddr", "meta nfproto ipv4 meta l4proto 1"),
    (Entry(1, True, "0.0.0.0/0", ICMP, kind=8), "saddr", "meta nfproto ipv4 icmp type 8"),
    (Entry(1, True, "0.0.0.0/0", ICMP, kind=3, code=4), "saddr", "meta nfproto ipv4 icmp type 3 icmp code 4"),
    (Entry(1, True, "10.0.0.0/8", 50), "saddr", "ip saddr 10.0.0.0/8 meta l4proto 50"),
])
def test_an_acls_entry_is_one_match(entry, side, text):
    assert acls.match(entry, side) == text


def test_entries_are_asked_in_their_order_and_the_last_denies():
    acl = Acl("acl-1", VPC, (Entry(200, True, "0.0.0.0/0"), Entry(100, False, "10.0.0.0/8")), (Entry(5, True, "0.0.0.0/0", TCP, 80, 80),))
    assert acls.chain(acl, "i") == ("ip saddr 10.0.0.0/8 goto refused_i", "meta nfproto ipv4 return", "goto refused_i")
    assert acls.chain(acl, "o") == ("meta nfproto ipv4 tcp dport 80 return", "goto refused_o")


@pytest.mark.parametrize("entries,six,free", [
    ((OPEN,), False, True), ((OPEN,), True, False), ((OPEN, Entry(101, True, "::/0")), True, True), ((), False, False), ((Entry(90, False, "10.0.0.0/8"), OPEN), False, False),
    ((OPEN, Entry(110, False, "10.0.0.0/8")), False, True), ((Entry(100, True, "10.0.0.0/8"),), False, False), ((Entry(100, True, "0.0.0.0/0", TCP),), False, False),
    ((Entry(100, False, "0.0.0.0/0"),), False, False),
])
def test_an_acl_that_lets_all_through_costs_nothing(entries, six, free):
    assert acls.open_to_all(Acl("acl-1", VPC, entries, entries), "i", six) is free


def rules_of(topology, vpc=VPC):
    return compile(topology).plan.spaces[vpc].rules


def test_interfaces_of_the_same_groups_share_their_chains():
    topology = two_subnets()
    found = rules_of(topology)
    jumps = found.sets["groups_i"].elements
    assert len(jumps) == 2 and len(set(jumps.values())) == 1
    assert sum(name.startswith("i_") for name in found.chains) == 1
    other = rules_of(topology.with_(Group("sg-2", VPC), structs.replace(topology.interfaces[some_id("eni", 2)], groups=(SG, "sg-2"))))
    assert len(set(other.sets["groups_i"].elements.values())) == 2


def test_what_may_be_answered_to_everybody_is_not_tracked():
    def chain(ingress, egress):
        topology = two_subnets().with_(Group(SG, VPC, ingress, egress))
        return next(rules for name, rules in rules_of(topology).chains.items() if name.startswith("i_"))
    world, web = (Rule("0.0.0.0/0"),), (Rule("0.0.0.0/0", TCP, 80, 80),)
    assert f"meta nfproto ipv4 meta l4proto {{ 6, 17 }} meta l4proto . th dport @i_{SG}_w4 return" in chain(web, world)
    assert f"meta nfproto ipv4 meta l4proto . th dport @i_{SG}_w4 goto tracked_i" in chain(web, (Rule("10.0.0.0/8"),))
    assert f"meta nfproto ipv4 meta l4proto . th dport @i_{SG}_w4 goto tracked_i" in chain(web, (Rule("0.0.0.0/0", TCP, 1024, 65535),))
    assert f"ip saddr @i_{SG}_a4 goto tracked_i" in chain((Rule("10.0.0.0/8"),), world)


def test_a_gateway_without_groups_is_judged_by_none():
    found = rules_of(two_subnets())
    nat = f'"{names.link(some_id("eni", 9))}"'
    assert nat not in found.sets["groups_i"].elements and nat not in found.sets["checked"].elements and nat in found.sets["place"].elements


def test_one_rule_changed_is_one_element():
    topology = any_network(3)
    group = next(one for one in topology.groups.values() if one.vpc == VPC and any(one.id in plug.groups for plug in topology.interfaces.values()))
    topology = topology.with_(structs.replace(group, ingress=(Rule("10.0.0.0/8", TCP, 22, 22),)))
    before = compile(topology)
    after = compile(topology.with_(structs.replace(group, ingress=(Rule("10.0.0.0/8", TCP, 22, 22), Rule("192.0.2.0/24", TCP, 9000, 9000)))), before)
    steps = plan.steps(before.plan, after.plan)
    assert [(one.do, one.space, one.text) for one in steps] == [("nft", VPC, f"add element inet cloche i_{group.id}_p4 {{ 6 . 9000 . 192.0.2.0-192.0.2.255 }}\n")]


def test_a_new_member_is_one_element_of_the_members_and_what_its_link_needs():
    topology = two_subnets().with_(Group(SG, VPC, (Rule(SG),), (Rule("0.0.0.0/0"),)))
    before = compile(topology)
    after = compile(topology.with_(interface(3, VPC, some_id("subnet", 2), "10.0.2.6", groups=(SG,))), before)
    text = next(one.text for one in plan.steps(before.plan, after.plan) if one.do == "nft")
    assert f"add element inet cloche m4_{SG} {{ 10.0.2.6 }}" in text and "chain" not in text and "delete" not in text


def test_what_did_not_change_is_not_compiled_again():
    topology = any_network(5, vpcs=3)
    before = compile(topology)
    assert compile(topology, before).parts == before.parts and all(compile(topology, before).parts[vpc] is part for vpc, part in before.parts.items())
    changed = next(iter(before.parts))
    one = next(plug for plug in topology.interfaces.values() if plug.vpc == changed and plug.kind == "interface" and plug.up)
    after = compile(topology.with_(structs.replace(one, addresses=(Address("10.0.3.99"),))), before)
    assert after.parts[changed] is not before.parts[changed]
    assert plan.steps(before.plan, before.plan) == []


def test_filters_stand_before_links_and_namespaces_before_both():
    order = [one.do for one in plan.steps(Plan(), compile(two_subnets()).plan)]
    assert order.index("space") < order.index("nft") < order.index("link") < order.index("ip")
    assert max(n for n, do in enumerate(order) if do == "nft") < order.index("link")


def test_a_vpc_in_which_nothing_runs_has_no_network():
    topology = two_subnets()
    stopped = [structs.replace(one, up=False) for one in topology.interfaces.values() if one.kind == "interface"]
    assert compile(topology.with_(*stopped)).plan == Plan()           # its NAT gateway alone makes none
    assert set(compile(topology).plan.spaces) == {VPC, some_id("i", 1), some_id("i", 2), some_id("eni", 9), "internet"}


def test_the_public_side_stays_when_the_last_vpc_has_gone():
    topology = two_subnets()
    before = compile(topology)
    after = compile(topology.with_(*(structs.replace(one, up=False) for one in topology.interfaces.values())), before)
    assert set(after.plan.spaces) == {"internet"} and not after.plan.links


def test_a_stopped_instance_leaves_by_difference():
    topology = two_subnets()
    before = compile(topology)
    after = compile(topology.with_(structs.replace(topology.interfaces[some_id("eni", 2)], up=False)), before)
    steps = plan.steps(before.plan, after.plan)
    assert steps[-1] == plan.Step("drop", some_id("i", 2))
    assert any(one.do == "link" and one.space == VPC and one.text.startswith(f"link del dev {names.link(some_id('eni', 2))}\n") for one in steps)
    assert not any(f"route del 10.0.2.5/32 dev {names.link(some_id('eni', 2))}" in one.text for one in steps)     # the kernel took it with the link


def test_an_interface_moved_to_another_instance_is_a_new_link():
    topology = two_subnets()
    before = compile(topology)
    moved = structs.replace(topology.interfaces[some_id("eni", 2)], owner=some_id("i", 1), instance=some_id("i", 1), device=1)
    after = compile(topology.with_(moved), before)
    text = "".join(one.text for one in plan.steps(before.plan, after.plan) if one.space == VPC)
    link = names.link(some_id("eni", 2))
    assert text.index(f"link del dev {link}") < text.index(f"link add name {link}") < text.index(f"route add 10.0.2.5/32 dev {link}")
    inside = "".join(one.text for one in plan.steps(before.plan, after.plan) if one.space == some_id("i", 1))
    assert "rule add pref 10001 from 10.0.2.5 lookup 10001" in inside and "route add default via 10.0.2.1 dev eth1 table 10001" in inside


@pytest.mark.parametrize("kind,number", [(kind, number) for kind in ("eni", "pcx", "tgw-attach", "vpc") for number in (0, 1, 16 ** 17 - 1)])
def test_names_of_links_are_short_enough_for_the_kernel(kind, number):
    id_ = some_id(kind, number)
    assert len(names.link(id_)) <= 15 and len(names.public_side(id_, names.IGW)) <= 15 and names.public_side(id_, names.IGW) != names.public_side(id_, names.EGRESS_ONLY)


def in_force(*found, lists=()):
    topology = Topology().with_(Vpc(VPC, "1", "us-east-1", ("10.0.0.0/16",)), *lists)
    return {cidr: route.target for cidr, route in routes.in_force(topology, topology.vpcs[VPC], RouteTable("rtb-1", VPC, found)).items()}


@pytest.mark.parametrize("found,lists,expected", [
    ((), (), {"10.0.0.0/16": "local"}),
    ((Route("0.0.0.0/0", "igw-1"),), (), {"0.0.0.0/0": "igw-1", "10.0.0.0/16": "local"}),
    ((Route("10.1.0.0/16", "vgw-1", propagated=True), Route("10.1.0.0/16", "pcx-1")), (), {"10.0.0.0/16": "local", "10.1.0.0/16": "pcx-1"}),
    ((Route("10.0.0.0/16", "vgw-1", propagated=True),), (), {"10.0.0.0/16": "local"}),
    ((Route("10.0.0.0/16", "eni-1"),), (), {"10.0.0.0/16": "eni-1"}),
    ((Route("pl-1", "vpce-1"), Route("198.19.0.0/20", "igw-1")), (PrefixList("pl-1", ("198.19.0.0/20",)),), {"10.0.0.0/16": "local", "198.19.0.0/20": "igw-1"}),
    ((Route("pl-1", "vpce-1"),), (PrefixList("pl-1", ("198.19.0.0/20", "198.19.32.0/20")),), {"10.0.0.0/16": "local", "198.19.0.0/20": "vpce-1", "198.19.32.0/20": "vpce-1"}),
    ((Route("pl-9", "vpce-1"),), (), {"10.0.0.0/16": "local"}),
])
def test_the_route_in_force_is_static_before_propagated_and_a_range_before_a_list(found, lists, expected):
    assert in_force(*found, lists=lists) == expected


def route_lines(topology, table):
    number = names.table(table)
    return sorted(line.text.replace(f" table {number}", "") for line in compile(topology).plan.spaces[VPC].lines if f"table {number}" in line.text)


def test_routes_lead_to_links_and_what_is_lost_leads_nowhere():
    topology = two_subnets().with_(
        RouteTable(some_id("rtb", 1), VPC, (Route("0.0.0.0/0", some_id("igw", 1)), Route("10.7.0.0/16", some_id("pcx", 7), active=False), Route("10.8.0.0/16", "vgw-1"),
                                            Route("10.0.2.0/24", some_id("eni", 1)), Route("10.9.0.0/16", some_id("eni", 77)))))
    assert route_lines(topology, some_id("rtb", 1)) == [
        f"10.0.2.0/24 via 10.0.1.5 dev {names.link(some_id('eni', 1))} onlink", "10.7.0.0/16 dev lo", "10.8.0.0/16 dev lo", "10.9.0.0/16 dev lo",
        "default via 169.254.1.1 dev igw onlink", "throw 10.0.0.0/16"]
    assert route_lines(topology, some_id("rtb", 2)) == [f"default via 10.0.1.9 dev {names.link(some_id('eni', 9))} onlink", "throw 10.0.0.0/16"]


def test_a_gateway_endpoint_answers_in_the_router_itself():
    topology = two_subnets().with_(PrefixList("pl-1", (S3_RANGE,)), Endpoint("vpce-1", VPC, "s3", prefix_list="pl-1"), RouteTable(some_id("rtb", 2), VPC, (Route("pl-1", "vpce-1"),)))
    assert route_lines(topology, some_id("rtb", 2)) == [f"local {S3_RANGE} dev lo", "throw 10.0.0.0/16"]
    found = rules_of(topology)
    assert "ip daddr @services tcp dport { 80, 443 } goto to_service" in found.chains["input"] and found.chains["to_service"][0] == "iifname vmap @groups_o"
    assert "services" not in rules_of(two_subnets()).sets


def test_a_peering_is_a_link_when_both_sides_live():
    topology = any_network(1)
    pcx = Peering(some_id("pcx", 1), some_id("vpc", 1), some_id("vpc", 2))
    linked = {link.one.name for link in compile(topology.with_(pcx)).plan.links}
    assert names.link(pcx.id) in linked
    assert names.link(pcx.id) not in {link.one.name for link in compile(topology.with_(structs.replace(pcx, active=False))).plan.links}
    dead = [structs.replace(one, up=False) for one in topology.interfaces.values() if one.vpc == some_id("vpc", 2)]
    assert names.link(pcx.id) not in {link.one.name for link in compile(topology.with_(pcx, *dead)).plan.links}


def test_counters_exist_for_interfaces_that_a_flow_log_is_about():
    topology = two_subnets()
    assert "accept_o" not in rules_of(topology).sets and rules_of(topology).chains["refused_i"] == ("drop",)
    found = rules_of(topology.with_(FlowLog("fl-1", some_id("subnet", 2))))
    assert sorted(name for name in found.sets if "_eni-" in name) == [f"{kind}4_{some_id('eni', 2)}" for kind in ("accept_i", "accept_o", "reject_i", "reject_o")]
    assert found.chains["refused_i"] == ("oifname vmap @reject_i", "drop")


def test_the_text_of_a_table_and_its_differences_are_one_transaction_each():
    one = nft.Ruleset({"c": ("type filter hook input priority 0; policy drop;", "accept")}, {"s": nft.Set("ipv4_addr", {"10.0.0.1": ""}), "m": nft.Set("mark : verdict", {"0x1": "jump d"})})
    assert one.text().splitlines() == [
        "add table inet cloche", "add set inet cloche s { type ipv4_addr;  }", "add map inet cloche m { type mark : verdict;  }",
        "add chain inet cloche c { type filter hook input priority 0; policy drop; }", "add element inet cloche s { 10.0.0.1 }", "add element inet cloche m { 0x1 : jump d }", "add rule inet cloche c accept"]
    two = nft.Ruleset({"c": ("type filter hook input priority 0; policy drop;", "drop")}, {"s": nft.Set("ipv4_addr", {"10.0.0.2": ""})})
    assert nft.difference(one, two).splitlines() == [
        "flush chain inet cloche c", "delete element inet cloche s { 10.0.0.1 }", "add element inet cloche s { 10.0.0.2 }", "add rule inet cloche c drop", "flush map inet cloche m",
        "delete map inet cloche m"]
    assert nft.difference(one, one) == ""
    value = nft.Ruleset(one.chains, {**one.sets, "m": nft.Set("mark : verdict", {"0x1": "jump e"})})
    assert nft.difference(one, value).splitlines() == ["delete element inet cloche m { 0x1 : jump d }", "add element inet cloche m { 0x1 : jump e }"]


def test_the_same_network_compiles_to_the_same_plan_every_time():
    assert compile(any_network(9)).plan == compile(any_network(9)).plan
    assert compile(any_network(9), compile(any_network(8))).plan == compile(any_network(9)).plan


@pytest.mark.parametrize("seed", range(40))
def test_any_network_compiles_and_becomes_any_other(seed):
    """Every chain, set and table that is referred to exists, and the way back leads to nothing."""
    compiled = compile(any_network(seed, vpcs=1 + seed % 3), compile(any_network(seed + 1, vpcs=3)))
    for space in compiled.plan.spaces.values():
        for chain in space.rules.chains.values():
            for rule in chain:
                words = rule.split()
                assert all(word[1:] in space.rules.sets for word in words if word.startswith("@"))
                assert all(words[n + 1] in space.rules.chains for n, word in enumerate(words) if word in ("goto", "jump"))
        for one in space.rules.sets.values():
            assert all(value.split()[-1] in space.rules.chains for value in one.elements.values() if value.startswith(("jump", "goto")))
    for link in compiled.plan.links:
        assert {link.one.space, link.two.space} <= set(compiled.plan.spaces)
    assert {one.do for one in plan.steps(compiled.plan, Compiled().plan)} <= {"drop"}


def test_services_have_public_addresses_that_never_change():
    assert service_address("sqs.us-east-1.amazonaws.com") == service_address("sqs.us-east-1.amazonaws.com") != service_address("sns.us-east-1.amazonaws.com")
    inside = ipaddress.ip_network(S3_RANGE)
    for name in ("s3.us-east-1.amazonaws.com", "bucket.s3.us-east-1.amazonaws.com", "a.b.s3.amazonaws.com", "s3-us-west-2.amazonaws.com"):
        assert ipaddress.ip_address(service_address(name)) in inside
    assert ipaddress.ip_address(service_address("sqs.us-east-1.amazonaws.com")) not in inside
    assert not ipaddress.ip_network(PUBLIC).overlaps(ipaddress.ip_network(SERVICES))


def test_a_vpcs_ipv6_side_exists_only_with_a_range():
    topology = two_subnets()
    assert not any("fd00:ec2" in line.text for line in compile(topology).plan.spaces[VPC].lines)
    six = topology.with_(structs.replace(topology.vpcs[VPC], cidrs6=("2001:db8:1::/56",)), Gateway("eigw-1", VPC),
                         structs.replace(topology.interfaces[some_id("eni", 1)], addresses6=("2001:db8:1::5",)))
    lines = {line.text for line in compile(six).plan.spaces[VPC].lines}
    assert "fd00:ec2::253/128 dev lo" in lines and f"2001:db8:1::5/128 dev {names.link(some_id('eni', 1))}" in lines
    assert 'iifname "eigw" ct state != { established, related } drop' in rules_of(six).chains["forward"]


def test_a_subnet_without_interfaces_costs_no_rule():
    topology = two_subnets().with_(Subnet(some_id("subnet", 3), VPC, "us-east-1c", "10.0.3.0/24", some_id("rtb", 1), some_id("acl", 1)))
    assert not any(names.mark(some_id("subnet", 3)) in line.text for line in compile(topology).plan.spaces[VPC].lines)
    assert ALL == -1
