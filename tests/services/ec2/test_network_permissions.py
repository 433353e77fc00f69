"""Who may: IAM is asked about each resource that a network operation touches, with its tags."""
import pytest
from botocore.exceptions import ClientError

from cloche.testing.people import Person, allow, deny


def denied(operation, **req):
    with pytest.raises(ClientError) as refused:
        operation(**req)
    return refused.value.response["Error"]["Code"]


def test_a_subnet_is_made_by_who_may_make_one_in_that_vpc(net):
    one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
    person = Person(net.cloud, "ann", allow("ec2:CreateSubnet", ["arn:aws:ec2:*:*:subnet/*", f"arn:aws:ec2:us-east-1:{net.cloud.account}:vpc/{one}"])).client("ec2")
    person.create_subnet(VpcId=one, CidrBlock="10.1.0.0/24")
    assert denied(person.create_subnet, VpcId=two, CidrBlock="10.2.0.0/24") == "UnauthorizedOperation"
    assert denied(person.create_subnet, VpcId=two, CidrBlock="10.2.0.0/24", DryRun=True) == "UnauthorizedOperation"
    assert denied(person.create_subnet, VpcId=one, CidrBlock="10.1.1.0/24", DryRun=True) == "DryRunOperation"
    # tags at creation need a permission of their own
    assert denied(person.create_subnet, VpcId=one, CidrBlock="10.1.1.0/24", TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]) == "UnauthorizedOperation"


def test_a_resources_tag_decides(net):
    mine, other = net.group(net.vpc(), "mine"), net.group(net.vpc("10.9.0.0/16"), "other")
    net.ec2.create_tags(Resources=[mine], Tags=[{"Key": "owner", "Value": "ann"}])
    person = Person(net.cloud, "ann", allow("ec2:*SecurityGroup*", "arn:aws:ec2:*:*:security-group/*", Condition={"StringEquals": {"aws:ResourceTag/owner": "ann"}}),
                    allow("ec2:AuthorizeSecurityGroupIngress", "arn:aws:ec2:*:*:security-group-rule/*")).client("ec2")
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "1.0.0.0/8"}
    person.authorize_security_group_ingress(GroupId=mine, **rule)
    assert denied(person.authorize_security_group_ingress, GroupId=other, **rule) == "UnauthorizedOperation"
    assert denied(person.delete_security_group, GroupId=other) == "UnauthorizedOperation"
    person.delete_security_group(GroupId=mine)


def test_who_may_only_look_changes_nothing(net):
    vpc = net.vpc()
    person = Person(net.cloud, "bob", allow("ec2:Describe*"), deny("ec2:DescribeAddresses")).client("ec2")
    assert person.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert denied(person.describe_addresses) == "UnauthorizedOperation"
    for operation, req in ((person.delete_vpc, {"VpcId": vpc}), (person.allocate_address, {}), (person.create_internet_gateway, {}),
                           (person.modify_vpc_attribute, {"VpcId": vpc, "EnableDnsSupport": {"Value": False}})):
        assert denied(operation, **req) == "UnauthorizedOperation"


def test_tags_of_every_noun_are_found_together(net):
    vpc = net.vpc()
    made = [vpc, net.subnet(vpc), net.table(vpc), net.gateway(vpc), net.group(vpc), net.acl(vpc), net.address()]
    net.ec2.create_tags(Resources=made, Tags=[{"Key": "stack", "Value": "x"}])
    rows = net.ec2.describe_tags(Filters=[{"Name": "value", "Values": ["x"]}])["Tags"]
    assert {row["ResourceId"] for row in rows} == set(made)
    assert {row["ResourceType"] for row in rows} == {"vpc", "subnet", "route-table", "internet-gateway", "security-group", "network-acl", "elastic-ip"}
    net.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "other", "Value": "x"}])
    assert [row["Key"] for row in net.ec2.describe_tags(Filters=[{"Name": "tag:other", "Values": ["x"]}])["Tags"]] == ["other"]
    net.ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "other"}])
    net.ec2.delete_tags(Resources=made, Tags=[{"Key": "stack"}])
    assert net.ec2.describe_tags()["Tags"] == []
    assert denied(net.ec2.create_vpc, CidrBlock="10.3.0.0/16", TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]) == "InvalidParameterValue"
    assert denied(net.ec2.create_tags, Resources=["subnet-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}]) == "InvalidSubnetID.NotFound"


def test_a_policy_may_be_bound_to_a_vpc(net):
    one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
    arn = f"arn:aws:ec2:us-east-1:{net.cloud.account}:vpc/{one}"
    person = Person(net.cloud, "eve", allow(["ec2:*SecurityGroup*", "ec2:*NetworkInterface", "ec2:DeleteSubnet"], Condition={"ArnEquals": {"ec2:Vpc": arn}}),
                    allow("ec2:CreateSecurityGroup", arn), allow("ec2:CreateNetworkInterface", "arn:aws:ec2:*:*:security-group/*")).client("ec2")
    mine = person.create_security_group(GroupName="g", Description="d", VpcId=one)["GroupId"]
    assert denied(person.create_security_group, GroupName="g", Description="d", VpcId=two) == "UnauthorizedOperation"
    here, there = net.subnet(one, "10.1.1.0/24"), net.subnet(two, "10.2.1.0/24")
    interface = person.create_network_interface(SubnetId=here)["NetworkInterface"]["NetworkInterfaceId"]
    assert denied(person.create_network_interface, SubnetId=there) == "UnauthorizedOperation"
    assert denied(person.delete_network_interface, NetworkInterfaceId=net.interface(there)) == "UnauthorizedOperation"
    assert denied(person.delete_subnet, SubnetId=there) == "UnauthorizedOperation"
    person.delete_network_interface(NetworkInterfaceId=interface)
    person.delete_security_group(GroupId=mine)
    person.delete_subnet(SubnetId=here)
