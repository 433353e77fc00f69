"""Network ACLs."""
import pytest


def entries(net, acl, egress=False):
    found = net.ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    return [(e["RuleNumber"], e["RuleAction"], e["Protocol"], e["CidrBlock"]) for e in found if e["Egress"] == egress]


def entry(net, acl, number, operation="create_network_acl_entry", **more):
    getattr(net.ec2, operation)(**{"NetworkAclId": acl, "RuleNumber": number, "Protocol": "6", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0",
                                   "PortRange": {"From": 443, "To": 443}} | more)


def test_the_default_acl_allows_everything_both_ways_before_the_last_rule_denies(net):
    [acl] = net.of(net.vpc(), "network_acls")
    for egress in (True, False):
        assert entries(net, acl["NetworkAclId"], egress) == [(100, "allow", "-1", "0.0.0.0/0"), (32767, "deny", "-1", "0.0.0.0/0")]


def test_a_new_acl_has_nothing_but_the_two_last_rules(net):
    acl = net.acl(net.vpc())
    assert entries(net, acl) == entries(net, acl, True) == [(32767, "deny", "-1", "0.0.0.0/0")]


def test_a_new_subnet_has_the_default_acl_and_exactly_one(net, refused):
    vpc = net.vpc()
    subnet, own = net.subnet(vpc), net.acl(vpc)
    [default] = [a for a in net.of(vpc, "network_acls") if a["IsDefault"]]
    [old] = default["Associations"]
    assert old["SubnetId"] == subnet and old["NetworkAclId"] == default["NetworkAclId"]
    new = net.ec2.replace_network_acl_association(AssociationId=old["NetworkAclAssociationId"], NetworkAclId=own)["NewAssociationId"]
    assert new != old["NetworkAclAssociationId"]
    found = net.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    assert [a["NetworkAclId"] for a in found] == [own]
    assert refused(net.ec2.replace_network_acl_association, AssociationId=old["NetworkAclAssociationId"], NetworkAclId=own) == "InvalidAssociationID.NotFound"
    second = net.subnet(vpc, "10.0.2.0/24")
    association = net.ec2.describe_network_acls(NetworkAclIds=[default["NetworkAclId"]])["NetworkAcls"][0]["Associations"][0]["NetworkAclAssociationId"]
    net.ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=own)
    assert {a["SubnetId"] for a in net.ec2.describe_network_acls(NetworkAclIds=[own])["NetworkAcls"][0]["Associations"]} == {subnet, second}


def test_entries_are_unique_by_direction_and_number_and_listed_in_order(net, refused):
    acl = net.acl(net.vpc())
    entry(net, acl, 120, RuleAction="deny", CidrBlock="203.0.113.7/24")
    entry(net, acl, 110)
    entry(net, acl, 110, Egress=True)
    assert entries(net, acl) == [(110, "allow", "6", "0.0.0.0/0"), (120, "deny", "6", "203.0.113.0/24"), (32767, "deny", "-1", "0.0.0.0/0")]
    assert refused(entry, net, acl, 110, message=True) == ("NetworkAclEntryAlreadyExists", "The network acl entry identified by 110 already exists.")
    entry(net, acl, 110, "replace_network_acl_entry", RuleAction="deny")
    assert entries(net, acl)[0] == (110, "deny", "6", "0.0.0.0/0")
    assert refused(entry, net, acl, 130, "replace_network_acl_entry") == "InvalidNetworkAclEntry.NotFound"
    net.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Egress=False)
    assert refused(net.ec2.delete_network_acl_entry, NetworkAclId=acl, RuleNumber=110, Egress=False) == "InvalidNetworkAclEntry.NotFound"
    assert entries(net, acl, True)[0][0] == 110


@pytest.mark.parametrize(("more", "code"), [
    ({"number": 32767}, "InvalidParameterValue"), ({"number": 0}, "InvalidParameterValue"), ({"CidrBlock": "x"}, "InvalidParameterValue"), ({"Protocol": "what"}, "InvalidParameterValue"),
    ({"PortRange": {"From": 443, "To": 80}}, "InvalidParameterValue"), ({"Protocol": "1", "PortRange": {}}, "MissingParameter"), ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination")])
def test_an_entry_must_be_well_formed(net, refused, more, code):
    assert refused(entry, net, net.acl(net.vpc()), **{"number": 100} | more) == code


def test_names_of_protocols_are_kept_as_numbers_and_icmp_has_type_and_code(net):
    acl = net.acl(net.vpc())
    entry(net, acl, 1, Protocol="tcp")
    entry(net, acl, 2, Protocol="icmp", PortRange={}, IcmpTypeCode={"Type": 8, "Code": -1})
    found = net.ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    assert [(e["Protocol"], e.get("PortRange"), e.get("IcmpTypeCode")) for e in found if e["RuleNumber"] < 3] == [
        ("6", {"From": 443, "To": 443}, None), ("1", None, {"Type": 8, "Code": -1})]
    assert net.ec2.describe_network_acls(Filters=[{"Name": "entry.protocol", "Values": ["icmp"]}])["NetworkAcls"][0]["NetworkAclId"] == acl


def test_an_acl_has_twenty_entries_in_each_direction(net, refused):
    acl = net.acl(net.vpc())
    for n in range(1, 21):
        entry(net, acl, n)
    assert refused(entry, net, acl, 21) == "NetworkAclEntryLimitExceeded"
    entry(net, acl, 21, Egress=True)


def test_a_vpc_has_two_hundred_acls(net, refused):
    vpc = net.vpc()
    for _ in range(199):                            # and the default one
        net.acl(vpc)
    assert refused(net.acl, vpc) == "NetworkAclLimitExceeded"


def test_an_acl_in_use_and_the_default_one_stay(net, refused):
    vpc = net.vpc()
    net.subnet(vpc)
    [default] = net.of(vpc, "network_acls")
    own = net.acl(vpc)
    new = net.ec2.replace_network_acl_association(AssociationId=default["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=own)["NewAssociationId"]
    assert refused(net.ec2.delete_network_acl, NetworkAclId=own, message=True) == ("DependencyViolation", f"The networkAcl '{own}' has dependencies and cannot be deleted.")
    assert refused(net.ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"]) == "InvalidParameterValue"
    net.ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
    net.ec2.delete_network_acl(NetworkAclId=own)
    assert refused(net.ec2.describe_network_acls, NetworkAclIds=[own]) == "InvalidNetworkAclID.NotFound"
