"""VPCs: ranges, attributes, the default one, and when they may go."""
import pytest


def test_every_region_of_an_account_has_a_default_vpc_from_the_first_word_on(cloud):
    for region, zones in (("us-east-1", 6), ("eu-west-1", 3)):
        ec2 = cloud.client("ec2", region=region)
        [vpc] = ec2.describe_vpcs()["Vpcs"]
        assert vpc["IsDefault"] and vpc["CidrBlock"] == "172.31.0.0/16" and vpc["State"] == "available" and vpc["OwnerId"] == cloud.account and vpc["InstanceTenancy"] == "default"
        subnets = ec2.describe_subnets()["Subnets"]
        assert len(subnets) == zones == len({s["AvailabilityZone"] for s in subnets})
        assert all(s["DefaultForAz"] and s["MapPublicIpOnLaunch"] and s["CidrBlock"].endswith("/20") for s in subnets)
        [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
        assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc["VpcId"]}]
        [table] = ec2.describe_route_tables()["RouteTables"]
        assert {r["DestinationCidrBlock"]: r["GatewayId"] for r in table["Routes"]} == {"172.31.0.0/16": "local", "0.0.0.0/0": gateway["InternetGatewayId"]}
        assert [g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]] == ["default"]
        assert [a["IsDefault"] for a in ec2.describe_network_acls()["NetworkAcls"]] == [True]
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            assert answer[attribute[0].upper() + attribute[1:]] == {"Value": True}


def test_there_is_one_default_vpc_in_a_region_and_it_can_be_made_again(cloud, net, refused):
    assert refused(net.ec2.create_default_vpc) == "DefaultVpcAlreadyExists"
    [vpc] = net.ec2.describe_vpcs()["Vpcs"]
    for subnet in net.ec2.describe_subnets()["Subnets"]:
        net.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    [gateway] = net.ec2.describe_internet_gateways()["InternetGateways"]
    net.ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"])
    net.ec2.delete_vpc(VpcId=vpc["VpcId"])
    assert net.ec2.describe_vpcs()["Vpcs"] == [] == net.ec2.describe_subnets()["Subnets"]
    assert refused(net.ec2.create_default_subnet, AvailabilityZone="us-east-1a") == "DefaultVpcDoesNotExist"
    made = net.ec2.create_default_vpc()["Vpc"]
    assert made["IsDefault"] and made["CidrBlock"] == "172.31.0.0/16" and len(net.ec2.describe_subnets()["Subnets"]) == 6
    assert refused(net.ec2.create_default_subnet, AvailabilityZone="us-east-1a") == "DefaultSubnetAlreadyExistsInAvailabilityZone"
    gone = next(s for s in net.ec2.describe_subnets()["Subnets"] if s["AvailabilityZone"] == "us-east-1c")
    net.ec2.delete_subnet(SubnetId=gone["SubnetId"])
    again = net.ec2.create_default_subnet(AvailabilityZone="us-east-1c")["Subnet"]
    assert again["DefaultForAz"] and again["CidrBlock"] == gone["CidrBlock"]


def test_a_new_vpc_is_born_with_a_main_table_an_acl_and_a_group(net):
    answer = net.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "mine"}]}])["Vpc"]
    assert answer["State"] == "pending" and not answer["IsDefault"] and answer["Tags"] == [{"Key": "Name", "Value": "mine"}]
    assert answer["CidrBlockAssociationSet"][0]["CidrBlock"] == "10.0.0.0/16" and answer["Ipv6CidrBlockAssociationSet"] == []
    vpc = answer["VpcId"]
    [table], [acl], [group] = net.tables(vpc), net.of(vpc, "network_acls"), net.of(vpc, "security_groups")
    assert [(r["DestinationCidrBlock"], r["GatewayId"], r["Origin"], r["State"]) for r in table["Routes"]] == [("10.0.0.0/16", "local", "CreateRouteTable", "active")]
    assert table["Associations"][0]["Main"] and "SubnetId" not in table["Associations"][0]
    assert acl["IsDefault"] and group["GroupName"] == "default"
    [dhcp] = net.ec2.describe_dhcp_options()["DhcpOptions"]
    assert answer["DhcpOptionsId"] == dhcp["DhcpOptionsId"]


@pytest.mark.parametrize(("cidr", "code"), [
    ("10.0.0.0/15", "InvalidVpc.Range"), ("10.0.0.0/29", "InvalidVpc.Range"), ("169.254.0.0/16", "InvalidVpc.Range"), ("10.0.0.0", "InvalidParameterValue"),
    ("10.0.0.300/16", "InvalidParameterValue"), ("2001:db8::/56", "InvalidParameterValue"), ("x", "InvalidParameterValue")])
def test_a_vpc_is_between_a_16_and_a_28(net, refused, cidr, code):
    assert refused(net.vpc, cidr) == code


def test_a_vpcs_range_is_kept_in_canonical_form(net, refused):
    assert net.ec2.create_vpc(CidrBlock="10.0.7.9/16")["Vpc"]["CidrBlock"] == "10.0.0.0/16"
    assert net.ec2.create_vpc(CidrBlock="10.0.7.9/28")["Vpc"]["CidrBlock"] == "10.0.7.0/28"  # ranges of two VPCs may overlap
    assert refused(net.ec2.create_vpc) == "MissingParameter"


def test_a_region_holds_five_vpcs(net, refused):
    for n in range(4):
        net.vpc(f"10.{n}.0.0/16")
    assert refused(net.vpc, message=True) == ("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


def test_dns_support_is_on_and_dns_hostnames_off_in_a_vpc_of_ones_own(net, refused):
    vpc = net.vpc()

    def has(name):
        return net.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)[name[0].upper() + name[1:]]["Value"]
    assert has("enableDnsSupport") and not has("enableDnsHostnames") and not has("enableNetworkAddressUsageMetrics")
    net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert has("enableDnsHostnames")
    assert refused(net.ec2.modify_vpc_attribute, VpcId=vpc) == "MissingParameter"
    assert refused(net.ec2.modify_vpc_attribute, VpcId=vpc, EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True}) == "InvalidParameterCombination"


def test_vpcs_are_found_by_filters_tags_and_pages(net, refused):
    one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
    net.ec2.create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "red"}])

    def found(**rule):
        return [v["VpcId"] for v in net.ec2.describe_vpcs(Filters=[{"Name": k.replace("_", "-"), "Values": v} for k, v in rule.items()])["Vpcs"]]
    assert found(cidr=["10.2.*"]) == [two] and found(is_default=["false"], state=["available"]) == [one, two]
    assert net.ec2.describe_vpcs(Filters=[{"Name": "tag:team", "Values": ["r?d"]}])["Vpcs"][0]["VpcId"] == one
    assert net.ec2.describe_vpcs(Filters=[{"Name": "cidr-block-association.cidr-block", "Values": ["10.1.0.0/16"]}])["Vpcs"][0]["VpcId"] == one
    assert refused(net.ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"], message=True) == ("InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist")
    assert refused(net.ec2.describe_vpcs, Filters=[{"Name": "nonsense", "Values": ["x"]}]) == "InvalidParameterValue"
    assert refused(net.cloud.client("ec2", region="eu-west-1").describe_vpcs, VpcIds=[one]) == "InvalidVpcID.NotFound"  # an id of another region is not found
    pages = list(net.ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5}))
    assert sum(len(p["Vpcs"]) for p in pages) == 3


def test_more_ranges_are_associated_and_each_is_a_local_route_of_every_table(net, refused):
    vpc = net.vpc("10.0.0.0/16")
    table = net.table(vpc)
    answer = net.ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.2.0.0/16")["CidrBlockAssociation"]
    assert answer["CidrBlockState"]["State"] == "associating"
    assert net.routes(table)["10.2.0.0/16"]["GatewayId"] == "local" == net.routes(net.main(vpc)["RouteTableId"])["10.2.0.0/16"]["GatewayId"]
    subnet = net.subnet(vpc, "10.2.1.0/24")
    assert refused(net.ec2.disassociate_vpc_cidr_block, AssociationId=answer["AssociationId"]) == "InvalidCidr.InUse"
    net.ec2.delete_subnet(SubnetId=subnet)
    assert net.ec2.disassociate_vpc_cidr_block(AssociationId=answer["AssociationId"])["CidrBlockAssociation"]["CidrBlockState"]["State"] == "disassociating"
    assert "10.2.0.0/16" not in net.routes(table)
    primary = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlockAssociationSet"][0]["AssociationId"]
    assert refused(net.ec2.disassociate_vpc_cidr_block, AssociationId=primary) == "OperationNotPermitted"
    assert refused(net.ec2.disassociate_vpc_cidr_block, AssociationId="vpc-cidr-assoc-0") == "InvalidVpcCidrBlockAssociationID.NotFound"


@pytest.mark.parametrize("cidr", ["192.168.0.0/16", "172.16.0.0/16", "198.19.0.0/16", "10.0.128.0/20"])
def test_a_vpc_of_one_private_range_takes_none_of_another_and_none_twice(net, refused, cidr):
    assert refused(net.ec2.associate_vpc_cidr_block, VpcId=net.vpc(), CidrBlock=cidr) in ("InvalidParameterValue", "InvalidVpc.Conflict")


def test_a_vpc_has_five_ipv4_ranges(net, refused):
    vpc = net.vpc()
    for n in range(2, 6):
        net.ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock=f"10.{n}.0.0/16")
    assert refused(net.ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="10.6.0.0/16") == "CidrLimitExceeded"


def test_an_ipv6_range_is_a_56_of_amazons_and_opens_the_default_rules_to_ipv6(net):
    vpc = net.vpc()
    acl_before = net.of(vpc, "network_acls")[0]
    block = net.ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    cidr = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    assert cidr.endswith("::/56") and block["Ipv6Pool"] == "Amazon"
    assert net.routes(net.main(vpc)["RouteTableId"])[cidr]["GatewayId"] == "local"
    acl, group = net.of(vpc, "network_acls")[0], net.of(vpc, "security_groups")[0]
    assert len(acl_before["Entries"]) == 4 and {(e["RuleNumber"], e["RuleAction"]) for e in acl["Entries"] if "Ipv6CidrBlock" in e} == {(101, "allow"), (32768, "deny")}
    assert group["IpPermissionsEgress"][0]["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]
    net.ec2.disassociate_vpc_cidr_block(AssociationId=block["AssociationId"])
    assert net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"] == []


def test_a_vpc_goes_when_it_is_empty_and_takes_what_was_born_with_it(net, refused):
    vpc = net.vpc()
    subnet = net.subnet(vpc)
    assert refused(net.ec2.delete_vpc, VpcId=vpc, message=True) == ("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted.")
    net.ec2.delete_subnet(SubnetId=subnet)
    for make, drop in ((net.table, lambda id_: net.ec2.delete_route_table(RouteTableId=id_)), (net.group, lambda id_: net.ec2.delete_security_group(GroupId=id_)),
                       (net.acl, lambda id_: net.ec2.delete_network_acl(NetworkAclId=id_)),
                       (net.gateway, lambda id_: net.ec2.detach_internet_gateway(InternetGatewayId=id_, VpcId=vpc))):
        made = make(vpc)
        assert refused(net.ec2.delete_vpc, VpcId=vpc) == "DependencyViolation", made
        drop(made)
    group = net.of(vpc, "security_groups")[0]["GroupId"]
    net.ec2.delete_vpc(VpcId=vpc)
    assert refused(net.ec2.delete_vpc, VpcId=vpc) == "InvalidVpcID.NotFound"
    assert refused(net.ec2.describe_security_groups, GroupIds=[group]) == "InvalidGroup.NotFound"
    assert net.tables(vpc) == [] == net.of(vpc, "network_acls")


def test_dedicated_tenancy_can_be_given_up(net):
    vpc = net.vpc(InstanceTenancy="dedicated")
    assert net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["InstanceTenancy"] == "dedicated"
    assert net.ec2.modify_vpc_tenancy(VpcId=vpc, InstanceTenancy="default")["ReturnValue"] is True
    assert net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["InstanceTenancy"] == "default"


def test_a_dry_run_of_a_creation_leaves_nothing(net, refused):
    assert refused(net.ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True) == "DryRunOperation"
    assert refused(net.ec2.create_vpc, CidrBlock="10.0.0.0/8", DryRun=True) == "InvalidVpc.Range"
    assert len(net.ec2.describe_vpcs()["Vpcs"]) == 1


def test_accounts_do_not_see_each_others_vpcs(net, refused):
    vpc = net.vpc()
    assert refused(net.cloud.other().client("ec2").describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"
