"""DHCP options sets."""
import pytest


def test_every_region_has_a_default_set(cloud):
    for region, domain in (("us-east-1", "ec2.internal"), ("eu-west-1", "eu-west-1.compute.internal")):
        [found] = cloud.client("ec2", region=region).describe_dhcp_options()["DhcpOptions"]
        assert {c["Key"]: [v["Value"] for v in c["Values"]] for c in found["DhcpConfigurations"]} == {"domain-name": [domain], "domain-name-servers": ["AmazonProvidedDNS"]}


def test_a_vpc_is_given_another_set_or_none(net, refused):
    vpc = net.vpc()
    made = net.ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.com"]}, {"Key": "domain-name-servers", "Values": ["10.2.5.1", "10.2.5.2"]}])
    id_ = made["DhcpOptions"]["DhcpOptionsId"]
    net.ec2.associate_dhcp_options(DhcpOptionsId=id_, VpcId=vpc)
    assert net.ec2.describe_vpcs(Filters=[{"Name": "dhcp-options-id", "Values": [id_]}])["Vpcs"][0]["VpcId"] == vpc
    assert refused(net.ec2.delete_dhcp_options, DhcpOptionsId=id_) == "DependencyViolation"
    net.ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    assert net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == "default"
    assert [d["DhcpOptionsId"] for d in net.ec2.describe_dhcp_options(Filters=[{"Name": "value", "Values": ["example.com"]}])["DhcpOptions"]] == [id_]
    net.ec2.delete_dhcp_options(DhcpOptionsId=id_)
    assert refused(net.ec2.describe_dhcp_options, DhcpOptionsIds=[id_]) == "InvalidDhcpOptionID.NotFound"
    assert refused(net.ec2.associate_dhcp_options, DhcpOptionsId=id_, VpcId=vpc) == "InvalidDhcpOptionID.NotFound"


@pytest.mark.parametrize("options", [[{"Key": "colour", "Values": ["red"]}], [{"Key": "ntp-servers", "Values": list("12345")}], [{"Key": "netbios-node-type", "Values": ["3"]}]])
def test_options_are_of_those_that_aws_knows(net, refused, options):
    assert refused(net.ec2.create_dhcp_options, DhcpConfigurations=options) == "InvalidParameterValue"
