"""Resolver endpoints and rules, their records. (What they do to names is in tests/services/ec2/test_resolver.py.)"""
import json

import pytest

from cloche.testing.people import refused


@pytest.fixture
def api(cloud):
    return cloud.client("route53resolver")


@pytest.fixture
def net(cloud):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"] for n, zone in enumerate("ab")]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    return ec2, vpc, subnets, group


def make(api, net, direction="OUTBOUND", reference="r", **more):
    _, _, subnets, group = net
    return api.create_resolver_endpoint(CreatorRequestId=reference, Direction=direction, SecurityGroupIds=[group], IpAddresses=[{"SubnetId": x} for x in subnets], **more)["ResolverEndpoint"]


class TestEndpoints:
    def test_one_has_an_interface_in_each_subnet(self, api, net):
        ec2, vpc, _subnets, group = net
        made = make(api, net, Name="out", Tags=[{"Key": "a", "Value": "1"}])
        assert made["Id"].startswith("rslvr-out-") and made["Status"] == "CREATING" and made["HostVPCId"] == vpc and made["IpAddressCount"] == 2
        found = api.get_resolver_endpoint(ResolverEndpointId=made["Id"])["ResolverEndpoint"]
        assert found["Status"] == "OPERATIONAL" and found["SecurityGroupIds"] == [group] and api.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == [{"Key": "a", "Value": "1"}]
        addresses = api.list_resolver_endpoint_ip_addresses(ResolverEndpointId=made["Id"])["IpAddresses"]
        plugs = ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"]
        assert {x["Ip"] for x in addresses} == {x["PrivateIpAddress"] for x in plugs} and all(made["Id"] in x["Description"] for x in plugs)
        refused("ResourceExistsException", make, api, net)
        assert [x["Id"] for x in api.list_resolver_endpoints(Filters=[{"Name": "Direction", "Values": ["OUTBOUND"]}])["ResolverEndpoints"]] == [made["Id"]]
        assert api.list_resolver_endpoints(Filters=[{"Name": "HOST_VPC_ID", "Values": ["vpc-1"]}])["ResolverEndpoints"] == []
        api.tag_resource(ResourceArn=made["Arn"], Tags=[{"Key": "b", "Value": "2"}])
        api.untag_resource(ResourceArn=made["Arn"], TagKeys=["a"])
        assert api.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == [{"Key": "b", "Value": "2"}]
        assert api.delete_resolver_endpoint(ResolverEndpointId=made["Id"])["ResolverEndpoint"]["Status"] == "DELETING"
        assert ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"] == []
        refused("ResourceNotFoundException", api.get_resolver_endpoint, ResolverEndpointId=made["Id"])

    def test_its_addresses_change(self, api, net):
        id_ = make(api, net, "INBOUND")["Id"]
        assert id_.startswith("rslvr-in-") and api.update_resolver_endpoint(ResolverEndpointId=id_, Name="x")["ResolverEndpoint"]["Name"] == "x"
        first = api.list_resolver_endpoint_ip_addresses(ResolverEndpointId=id_)["IpAddresses"][0]["IpId"]
        refused("InvalidRequestException", api.disassociate_resolver_endpoint_ip_address, ResolverEndpointId=id_, IpAddress={"IpId": first})
        more = api.associate_resolver_endpoint_ip_address(ResolverEndpointId=id_, IpAddress={"SubnetId": net[2][0], "Ip": "10.1.0.77"})["ResolverEndpoint"]
        assert more["IpAddressCount"] == 3
        assert api.disassociate_resolver_endpoint_ip_address(ResolverEndpointId=id_, IpAddress={"IpId": first})["ResolverEndpoint"]["IpAddressCount"] == 2

    def test_what_cannot_be_is_refused(self, api, net):
        _, _, subnets, group = net
        refused("InvalidRequestException", make, api, net, ResolverEndpointType="IPV6")
        refused("InvalidRequestException", api.create_resolver_endpoint, CreatorRequestId="x", Direction="INBOUND", SecurityGroupIds=[group], IpAddresses=[{"SubnetId": subnets[0]}] * 7)
        refused("InvalidRequestException", api.create_resolver_endpoint, CreatorRequestId="x", Direction="INBOUND", SecurityGroupIds=[group],
                IpAddresses=[{"SubnetId": subnets[0], "Ip": "10.200.0.1"}, {"SubnetId": subnets[1]}])


class TestRules:
    def rule(self, api, reference="r", **more):
        given = {"CreatorRequestId": reference, "RuleType": "FORWARD", "DomainName": "corp.example", "TargetIps": [{"Ip": "10.9.0.5"}]} | more
        return api.create_resolver_rule(**{k: v for k, v in given.items() if v})["ResolverRule"]

    def test_a_rule_forwards_a_domain_in_the_vpcs_it_is_associated_with(self, api, net):
        endpoint, vpc = make(api, net)["Id"], net[1]
        made = self.rule(api, ResolverEndpointId=endpoint, Name="r")
        assert (made["DomainName"], made["TargetIps"], made["Status"], made["ShareStatus"]) == ("corp.example.", [{"Ip": "10.9.0.5", "Port": 53, "Protocol": "Do53"}], "COMPLETE", "NOT_SHARED")
        held = api.associate_resolver_rule(ResolverRuleId=made["Id"], VPCId=vpc)["ResolverRuleAssociation"]
        assert api.get_resolver_rule_association(ResolverRuleAssociationId=held["Id"])["ResolverRuleAssociation"]["Status"] == "COMPLETE"
        assert [x["VPCId"] for x in api.list_resolver_rule_associations(Filters=[{"Name": "ResolverRuleId", "Values": [made["Id"]]}])["ResolverRuleAssociations"]] == [vpc]
        refused("ResourceExistsException", api.associate_resolver_rule, ResolverRuleId=self.rule(api, "s", ResolverEndpointId=endpoint)["Id"], VPCId=vpc)
        refused("ResourceInUseException", api.delete_resolver_rule, ResolverRuleId=made["Id"])
        refused("ResourceInUseException", api.delete_resolver_endpoint, ResolverEndpointId=endpoint)
        changed = api.update_resolver_rule(ResolverRuleId=made["Id"], Config={"TargetIps": [{"Ip": "10.9.0.6", "Port": 5353}]})["ResolverRule"]
        assert changed["TargetIps"] == [{"Ip": "10.9.0.6", "Port": 5353, "Protocol": "Do53"}]
        api.disassociate_resolver_rule(ResolverRuleId=made["Id"], VPCId=vpc)
        refused("ResourceNotFoundException", api.disassociate_resolver_rule, ResolverRuleId=made["Id"], VPCId=vpc)
        api.delete_resolver_rule(ResolverRuleId=made["Id"])
        refused("ResourceNotFoundException", api.get_resolver_rule, ResolverRuleId=made["Id"])

    def test_the_rest_is_asked_of_the_internet_by_a_rule_of_awss(self, api):
        first = api.list_resolver_rules()["ResolverRules"][0]
        assert (first["Id"], first["DomainName"], first["RuleType"]) == ("rslvr-autodefined-rr-internet-resolver", ".", "RECURSIVE")
        assert api.get_resolver_rule(ResolverRuleId=first["Id"])["ResolverRule"] == first

    def test_what_does_not_go_together_is_refused(self, api, net):
        inbound = make(api, net, "INBOUND")["Id"]
        for bad in ({}, {"TargetIps": []}, {"RuleType": "SYSTEM"}, {"RuleType": "RECURSIVE"}, {"ResolverEndpointId": inbound}):
            refused("InvalidRequestException", self.rule, api, **bad)
        refused("InvalidParameterException", self.rule, api, TargetIps=[{"Ip": "300.1.1.1"}], ResolverEndpointId=inbound)
        refused("InvalidParameterException", api.associate_resolver_rule, ResolverRuleId=self.rule(api, "z", RuleType="SYSTEM", TargetIps=[])["Id"], VPCId="vpc-0123456789abcdef0")


def test_a_stack_makes_endpoints_rules_and_associations(cloud, api, net):
    _, vpc, subnets, group = net
    resources = {
        "Endpoint": {"Type": "AWS::Route53Resolver::ResolverEndpoint", "Properties": {
            "Direction": "OUTBOUND", "SecurityGroupIds": [group], "IpAddresses": [{"SubnetId": x} for x in subnets], "Name": "e", "Tags": [{"Key": "a", "Value": "1"}]}},
        "Rule": {"Type": "AWS::Route53Resolver::ResolverRule", "Properties": {
            "DomainName": "corp.example", "RuleType": "FORWARD", "TargetIps": [{"Ip": "10.9.0.5", "Port": "53"}], "ResolverEndpointId": {"Ref": "Endpoint"}}},
        "Held": {"Type": "AWS::Route53Resolver::ResolverRuleAssociation", "Properties": {"ResolverRuleId": {"Ref": "Rule"}, "VPCId": vpc}}}
    stacks = cloud.client("cloudformation")

    def status():
        cloud.advance(60)
        return stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]
    stacks.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    assert status() == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="s")["StackEvents"]
    rule = next(x for x in api.list_resolver_rules()["ResolverRules"] if x["RuleType"] == "FORWARD")
    assert rule["DomainName"] == "corp.example." and [x["VPCId"] for x in api.list_resolver_rule_associations()["ResolverRuleAssociations"]] == [vpc]
    resources["Rule"]["Properties"]["TargetIps"] = [{"Ip": "10.9.0.6", "Port": "53"}]
    stacks.update_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    assert status() == "UPDATE_COMPLETE" and api.get_resolver_rule(ResolverRuleId=rule["Id"])["ResolverRule"]["TargetIps"][0]["Ip"] == "10.9.0.6"
    stacks.delete_stack(StackName="s")
    cloud.advance(60)
    assert api.list_resolver_endpoints()["ResolverEndpoints"] == []
