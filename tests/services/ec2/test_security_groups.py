"""Security groups and their rules."""
import pytest


def rule(low=80, high=None, cidr="0.0.0.0/0", protocol="tcp", **peer):
    out = {"IpProtocol": protocol, "FromPort": low, "ToPort": low if high is None else high}
    return out | (peer or {"IpRanges": [{"CidrIp": cidr}]})


def group(net, id_):
    return net.ec2.describe_security_groups(GroupIds=[id_])["SecurityGroups"][0]


def let(net, id_, *rules, **more):
    return net.ec2.authorize_security_group_ingress(GroupId=id_, IpPermissions=list(rules), **more)


def test_a_new_group_lets_nothing_in_and_everything_out(net):
    vpc = net.vpc()
    made = net.ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert made["SecurityGroupArn"].endswith(f":security-group/{made['GroupId']}") and made["Tags"] == [{"Key": "a", "Value": "b"}]
    found = group(net, made["GroupId"])
    assert found["IpPermissions"] == [] and found["VpcId"] == vpc and found["OwnerId"] == net.cloud.account
    assert found["IpPermissionsEgress"] == [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}]


def test_the_default_group_lets_its_members_in_and_stays(net, refused):
    [default] = net.of(net.vpc(), "security_groups")
    assert default["IpPermissions"][0]["UserIdGroupPairs"] == [{"UserId": net.cloud.account, "GroupId": default["GroupId"]}] and default["IpPermissions"][0]["IpProtocol"] == "-1"
    code, words = refused(net.ec2.delete_security_group, GroupId=default["GroupId"], message=True)
    assert code == "CannotDelete" and words == f'the specified group: "{default["GroupId"]}" name: "default" cannot be deleted by a user'


@pytest.mark.parametrize(("name", "code"), [("default", "InvalidParameterValue"), ("g", "InvalidGroup.Duplicate"), ("sg-mine", "InvalidParameterValue"), ("ü", "InvalidParameterValue"),
                                            ("x" * 256, "InvalidParameterValue")])
def test_names_are_unique_in_a_vpc_and_some_are_reserved(net, refused, name, code):
    one, two = net.vpc(), net.vpc("10.9.0.0/16")
    net.group(one)
    assert refused(net.group, one, name) == code
    net.group(two)


def test_a_group_without_a_vpc_is_the_default_vpcs(net, refused):
    id_ = net.ec2.create_security_group(GroupName="x", Description="d")["GroupId"]
    [default] = [v for v in net.ec2.describe_vpcs()["Vpcs"] if v["IsDefault"]]
    assert group(net, id_)["VpcId"] == default["VpcId"]
    assert net.ec2.describe_security_groups(GroupNames=["x"])["SecurityGroups"][0]["GroupId"] == id_
    net.ec2.delete_security_group(GroupName="x")
    assert refused(net.ec2.describe_security_groups, GroupNames=["x"]) == "InvalidGroup.NotFound"
    assert refused(net.group, "vpc-0123456789abcdef0") == "InvalidVpcID.NotFound"


def test_each_peer_of_a_permission_is_a_rule_with_an_id(net):
    id_ = net.group(net.vpc())
    made = let(net, id_, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.9/8", "Description": "all of ten"}, {"CidrIp": "1.2.3.4/32"}],
                          "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": id_}]},
               TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "k", "Value": "v"}]}])["SecurityGroupRules"]
    assert len({r["SecurityGroupRuleId"] for r in made}) == 4 and all(r["SecurityGroupRuleId"].startswith("sgr-") and r["Tags"] == [{"Key": "k", "Value": "v"}] for r in made)
    assert made[0]["CidrIpv4"] == "10.0.0.0/8" and made[0]["Description"] == "all of ten" and not made[0]["IsEgress"]
    [said] = group(net, id_)["IpPermissions"]
    assert said["IpRanges"] == [{"CidrIp": "10.0.0.0/8", "Description": "all of ten"}, {"CidrIp": "1.2.3.4/32"}] and said["UserIdGroupPairs"] == [{"GroupId": id_, "UserId": net.cloud.account}]
    found = net.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [id_]}])["SecurityGroupRules"]
    assert len(found) == 5  # the one outbound rule too
    by_id = net.ec2.describe_security_group_rules(SecurityGroupRuleIds=[made[3]["SecurityGroupRuleId"]])["SecurityGroupRules"][0]
    assert by_id["ReferencedGroupInfo"] == {"GroupId": id_, "UserId": net.cloud.account}
    assert net.ec2.describe_security_group_rules(Filters=[{"Name": "tag:k", "Values": ["v"]}])["SecurityGroupRules"][0]["GroupId"] == id_


@pytest.mark.parametrize(("one", "words"), [
    (rule(22, cidr="1.2.3.4/32"), "peer: 1.2.3.4/32, TCP, from port: 22, to port: 22, ALLOW"), ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "peer: 0.0.0.0/0, ALL, ALLOW"),
    ({"IpProtocol": "50", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "peer: 0.0.0.0/0, protocol: 50, ALLOW")])
def test_a_rule_is_not_given_twice(net, refused, one, words):
    id_ = net.group(net.vpc())
    let(net, id_, one)
    assert refused(let, net, id_, one, message=True) == ("InvalidPermission.Duplicate", f'the specified rule "{words}" already exists')
    assert refused(let, net, id_, rule(1), rule(1)) == "InvalidParameterValue"


def test_a_rule_that_is_not_there_is_not_revoked(net, refused):
    id_ = net.group(net.vpc())
    let(net, id_, rule(80), rule(81))
    assert refused(net.ec2.revoke_security_group_ingress, GroupId=id_, IpPermissions=[rule(82)]) == "InvalidPermission.NotFound"
    gone = net.ec2.revoke_security_group_ingress(GroupId=id_, IpPermissions=[rule(80)])
    assert gone["Return"] and [r["FromPort"] for r in gone["RevokedSecurityGroupRules"]] == [80]
    left = net.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [id_]}])["SecurityGroupRules"]
    ids = [r["SecurityGroupRuleId"] for r in left if not r["IsEgress"]]
    net.ec2.revoke_security_group_ingress(GroupId=id_, SecurityGroupRuleIds=ids)
    assert group(net, id_)["IpPermissions"] == []
    assert refused(net.ec2.revoke_security_group_ingress, GroupId=id_, SecurityGroupRuleIds=ids) == "InvalidSecurityGroupRuleId.NotFound"
    assert refused(net.ec2.describe_security_group_rules, SecurityGroupRuleIds=ids) == "InvalidSecurityGroupRuleId.NotFound"


def test_in_the_default_vpc_revoking_what_is_not_there_is_forgiven_and_told(net):
    id_ = net.ec2.create_security_group(GroupName="x", Description="d")["GroupId"]
    answer = net.ec2.revoke_security_group_ingress(GroupId=id_, IpPermissions=[rule(82)])
    assert answer["UnknownIpPermissions"][0]["FromPort"] == 82


def test_outbound_rules_are_independent(net, refused):
    id_ = net.group(net.vpc())
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    assert refused(net.ec2.authorize_security_group_egress, GroupId=id_, IpPermissions=everything) == "InvalidPermission.Duplicate"
    net.ec2.revoke_security_group_egress(GroupId=id_, IpPermissions=everything)
    assert group(net, id_)["IpPermissionsEgress"] == []
    assert net.ec2.authorize_security_group_egress(GroupId=id_, IpPermissions=[rule(443)])["SecurityGroupRules"][0]["IsEgress"]


@pytest.mark.parametrize(("permission", "code"), [
    ({"IpProtocol": "tcp", "FromPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "InvalidParameterValue"), (rule(80, 22), "InvalidParameterValue"), (rule(80, 70000), "InvalidParameterValue"),
    (rule(cidr="10.0.0.0"), "InvalidParameterValue"), (rule(cidr="10.0.0.0/40"), "InvalidParameterValue"), (rule(protocol="what"), "InvalidParameterValue"),
    (rule(UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}]), "InvalidGroup.NotFound"), (rule(PrefixListIds=[{"PrefixListId": "pl-01234567"}]), "InvalidPrefixListID.NotFound"),
    ({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}, "InvalidPermission.Malformed"), (rule(IpRanges=[{"CidrIp": "1.0.0.0/8", "Description": "x" * 256}]), "InvalidParameterValue")])
def test_a_rule_must_be_well_formed(net, refused, permission, code):
    assert refused(let, net, net.group(net.vpc()), permission) == code


def test_old_flat_parameters_and_numbers_of_protocols_mean_the_same(net):
    id_ = net.group(net.vpc())
    net.ec2.authorize_security_group_ingress(GroupId=id_, IpProtocol="6", FromPort=22, ToPort=22, CidrIp="1.2.3.4/32")
    assert group(net, id_)["IpPermissions"][0]["IpProtocol"] == "tcp"
    net.ec2.revoke_security_group_ingress(GroupId=id_, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="1.2.3.4/32")
    let(net, id_, rule(-1, -1, protocol="icmp"))
    assert group(net, id_)["IpPermissions"][0]["FromPort"] == -1


def test_a_rule_may_name_another_group_or_a_prefix_list_and_keeps_them(net, refused):
    vpc = net.vpc()
    web, app = net.group(vpc, "web"), net.group(vpc, "app")
    let(net, app, rule(1337, UserIdGroupPairs=[{"GroupId": web}]), rule(443, PrefixListIds=[{"PrefixListId": "pl-63a5400a"}]))
    assert refused(net.ec2.delete_security_group, GroupId=web, message=True) == ("DependencyViolation", f"resource {web} has a dependent object")
    assert [g["GroupId"] for g in net.ec2.describe_security_groups(Filters=[{"Name": "ip-permission.group-id", "Values": [web]}])["SecurityGroups"]] == [app]
    net.ec2.revoke_security_group_ingress(GroupId=app, IpPermissions=[rule(1337, UserIdGroupPairs=[{"GroupId": web}])])
    net.ec2.delete_security_group(GroupId=web)
    other = net.group(net.vpc("10.9.0.0/16"), "far")
    assert refused(let, net, app, rule(1, UserIdGroupPairs=[{"GroupId": other}])) in ("InvalidParameterValue", "InvalidGroup.NotFound")


def test_a_group_on_an_interface_stays(net, refused):
    vpc = net.vpc()
    id_ = net.group(vpc)
    interface = net.interface(net.subnet(vpc), Groups=[id_])
    assert refused(net.ec2.delete_security_group, GroupId=id_) == "DependencyViolation"
    net.ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert net.ec2.delete_security_group(GroupId=id_)["Return"]
    assert refused(net.ec2.delete_security_group, GroupId=id_) == "InvalidGroup.NotFound"


def test_a_group_has_sixty_rules_in_each_direction(net, refused):
    id_ = net.group(net.vpc())
    let(net, id_, *[rule(n) for n in range(1, 61)])
    assert refused(let, net, id_, rule(61)) == "RulesPerSecurityGroupLimitExceeded"
    net.ec2.authorize_security_group_egress(GroupId=id_, IpPermissions=[rule(61)])
    let(net, id_, rule(61, Ipv6Ranges=[{"CidrIpv6": "::/0"}]))  # the families count apart


def test_a_prefix_list_counts_for_as_many_rules_as_it_may_have_entries(net, refused):
    id_ = net.group(net.vpc())
    lists = net.ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=61, AddressFamily="IPv4")["PrefixList"]["PrefixListId"]
    assert refused(let, net, id_, rule(PrefixListIds=[{"PrefixListId": lists}])) == "RulesPerSecurityGroupLimitExceeded"


def test_rules_are_changed_in_place(net, refused):
    id_ = net.group(net.vpc())
    [made] = let(net, id_, rule(80))["SecurityGroupRules"]
    change = {"SecurityGroupRuleId": made["SecurityGroupRuleId"], "SecurityGroupRule": {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.0.0.0/8", "Description": "dns"}}
    assert net.ec2.modify_security_group_rules(GroupId=id_, SecurityGroupRules=[change])["Return"]
    [found] = net.ec2.describe_security_group_rules(SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])["SecurityGroupRules"]
    assert (found["IpProtocol"], found["FromPort"], found["CidrIpv4"], found["Description"]) == ("udp", 53, "10.0.0.0/8", "dns")
    change["SecurityGroupRule"]["CidrIpv6"] = "::/0"
    assert refused(net.ec2.modify_security_group_rules, GroupId=id_, SecurityGroupRules=[change]) == "InvalidParameterCombination"
    del change["SecurityGroupRule"]["CidrIpv4"]
    assert refused(net.ec2.modify_security_group_rules, GroupId=id_, SecurityGroupRules=[change]) == "InvalidParameterValue"


def test_descriptions_are_changed_by_rule_or_by_id(net, refused):
    id_ = net.group(net.vpc())
    [made] = let(net, id_, rule(80))["SecurityGroupRules"]
    net.ec2.update_security_group_rule_descriptions_ingress(GroupId=id_, IpPermissions=[rule(80, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "one"}])])
    assert group(net, id_)["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "one"}]
    net.ec2.update_security_group_rule_descriptions_ingress(GroupId=id_, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": made["SecurityGroupRuleId"], "Description": "two"}])
    assert group(net, id_)["IpPermissions"][0]["IpRanges"][0]["Description"] == "two"
    assert refused(net.ec2.update_security_group_rule_descriptions_egress, GroupId=id_, IpPermissions=[rule(80)]) == "InvalidPermission.NotFound"
    assert refused(net.ec2.update_security_group_rule_descriptions_egress, GroupId=id_, SecurityGroupRuleDescriptions=[{"Description": "x"}]) == "MissingParameter"


def test_an_interface_has_five_groups(net, refused):
    vpc = net.vpc()
    subnet, groups = net.subnet(vpc), [net.group(vpc, f"g{n}") for n in range(6)]
    assert refused(net.interface, subnet, Groups=groups) == "SecurityGroupsPerInterfaceLimitExceeded"
    net.interface(subnet, Groups=groups[:5])


def test_a_group_without_peers_has_no_references_and_nothing_stale(net, refused):
    vpc = net.vpc()
    id_ = net.group(vpc)
    assert net.ec2.describe_security_group_references(GroupId=[id_])["SecurityGroupReferenceSet"] == []
    assert net.ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"] == []
    assert refused(net.ec2.describe_security_group_references, GroupId=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"
    assert {g["GroupName"] for g in net.ec2.get_security_groups_for_vpc(VpcId=vpc)["SecurityGroupForVpcs"]} == {"g", "default"}


def test_groups_come_in_pages(net):
    vpc = net.vpc()
    for n in range(7):
        net.group(vpc, f"g{n}")
    pages = list(net.ec2.get_paginator("describe_security_groups").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}], PaginationConfig={"PageSize": 5}))
    assert [len(p["SecurityGroups"]) for p in pages] == [5, 3]


def test_a_group_may_be_used_in_other_vpcs_of_the_region(net, refused):
    home, other = net.vpc(), net.vpc("10.9.0.0/16")
    id_, subnet = net.group(home, "shared"), net.subnet(other, "10.9.1.0/24")
    assert net.ec2.associate_security_group_vpc(GroupId=id_, VpcId=other)["State"] == "associating"
    interface = net.interface(subnet, Groups=[id_])
    assert net.ec2.describe_security_group_vpc_associations(Filters=[{"Name": "vpc-id", "Values": [other]}])["SecurityGroupVpcAssociations"] == [
        {"GroupId": id_, "VpcId": other, "VpcOwnerId": net.cloud.account, "GroupOwnerId": net.cloud.account, "State": "associated"}]
    assert {g["PrimaryVpcId"] for g in net.ec2.get_security_groups_for_vpc(VpcId=other)["SecurityGroupForVpcs"]} == {home, other}
    assert refused(net.ec2.associate_security_group_vpc, GroupId=id_, VpcId=other) == "InvalidParameterValue"
    assert refused(net.ec2.disassociate_security_group_vpc, GroupId=id_, VpcId=other) == "DependencyViolation"
    net.ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert net.ec2.disassociate_security_group_vpc(GroupId=id_, VpcId=other)["State"] == "disassociating"
    assert refused(net.interface, subnet, Groups=[id_]) == "InvalidParameterValue"
    [default] = [g for g in net.of(home, "security_groups") if g["GroupName"] == "default"]
    assert refused(net.ec2.associate_security_group_vpc, GroupId=default["GroupId"], VpcId=other) == "UnsupportedOperation"
