"""Application and Network Load Balancers as the API makes, shows, changes and deletes them."""
import re

import pytest
from botocore.exceptions import ClientError

from cloche.testing.people import Person, allow

from .conftest import forward, says


def refused(code, message=""):
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


def test_an_internet_facing_balancer_is_provisioning_and_then_active(lb):
    made = lb.balancer(wait=False)
    assert made["State"] == {"Code": "provisioning"} and made["Scheme"] == "internet-facing" and made["Type"] == "application" and made["IpAddressType"] == "ipv4"
    assert re.fullmatch(r"lb-\d+\.us-east-1\.elb\.amazonaws\.com", made["DNSName"]) and made["CanonicalHostedZoneId"] == "Z35SXDOTRQ7X7K"
    assert re.fullmatch(rf"arn:aws:elasticloadbalancing:us-east-1:{lb.cloud.account}:loadbalancer/app/lb/[0-9a-f]{{16}}", made["LoadBalancerArn"])
    assert {one["SubnetId"] for one in made["AvailabilityZones"]} == {one["SubnetId"] for one in lb.subnets[:2]} and made["VpcId"] == lb.vpc
    lb.cloud.advance(60)
    assert lb.client.describe_load_balancers(Names=["lb"])["LoadBalancers"][0]["State"] == {"Code": "active"}
    role = lb.cloud.client("iam").get_role(RoleName="AWSServiceRoleForElasticLoadBalancing")["Role"]      # AWS makes it with the first one
    assert role["Path"] == "/aws-service-role/elasticloadbalancing.amazonaws.com/"


def test_an_internal_balancer_has_a_name_that_says_so(lb):
    assert lb.balancer("inside", Scheme="internal")["DNSName"].startswith("internal-inside-")


def test_a_network_balancer_has_its_id_in_its_name_and_may_have_one_subnet_and_no_groups(lb):
    made = lb.balancer("nlb", Type="network", Subnets=[lb.subnets[0]["SubnetId"]])
    id_ = made["LoadBalancerArn"].rsplit("/", 1)[1]
    assert made["DNSName"] == f"nlb-{id_}.elb.us-east-1.amazonaws.com" and "SecurityGroups" not in made and ":loadbalancer/net/nlb/" in made["LoadBalancerArn"]
    with refused("InvalidConfigurationRequest"):
        lb.client.set_security_groups(LoadBalancerArn=made["LoadBalancerArn"], SecurityGroups=[lb.open_group])


def test_gateway_load_balancers_are_refused_honestly(lb):
    with refused("NotImplemented", "GENEVE"):
        lb.client.create_load_balancer(Name="gw", Type="gateway", Subnets=[lb.subnets[0]["SubnetId"]])


def test_an_application_load_balancer_needs_two_zones(lb):
    one = lb.subnets[0]
    with refused("ValidationError", "At least two subnets in two different Availability Zones must be specified"):
        lb.balancer(Subnets=[one["SubnetId"]])
    again = lb.ec2.create_subnet(VpcId=lb.vpc, CidrBlock="172.31.240.0/24", AvailabilityZone=one["AvailabilityZone"])["Subnet"]
    with refused("InvalidConfigurationRequest", "multiple subnets in the same Availability Zone"):
        lb.balancer(Subnets=[one["SubnetId"], again["SubnetId"]])
    with refused("SubnetNotFound"):
        lb.balancer(Subnets=[one["SubnetId"], "subnet-0123456789abcdef0"])


def test_an_internet_facing_balancer_needs_an_internet_gateway(lb):
    vpc = lb.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [one["AvailabilityZone"] for one in lb.subnets[:2]]
    subnets = [lb.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"] for i, zone in enumerate(zones)]
    with refused("InvalidSubnet", f"VPC {vpc} has no internet gateway"):
        lb.client.create_load_balancer(Name="out", Subnets=subnets)
    made = lb.client.create_load_balancer(Name="in", Subnets=subnets, Scheme="internal")["LoadBalancers"][0]
    default = [one["GroupId"] for one in lb.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"] if one["GroupName"] == "default"]
    assert made["SecurityGroups"] == default                   # none named: the VPC's default group
    with refused("InvalidConfigurationRequest", "not in the same VPC"):
        lb.client.create_load_balancer(Name="mixed", Subnets=subnets, Scheme="internal", SecurityGroups=[lb.open_group])


def test_a_balancer_wants_eight_free_addresses_in_each_subnet(lb):
    vpc = lb.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [one["AvailabilityZone"] for one in lb.subnets[:2]]
    small = lb.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28", AvailabilityZone=zones[0])["Subnet"]["SubnetId"]
    large = lb.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=zones[1])["Subnet"]["SubnetId"]
    first = lb.client.create_load_balancer(Name="one", Subnets=[small, large], Scheme="internal")["LoadBalancers"][0]
    for name in ("two", "three", "four"):
        lb.client.create_load_balancer(Name=name, Subnets=[small, large], Scheme="internal")
    with refused("InvalidSubnet", "at least 8 free IP addresses"):
        lb.client.create_load_balancer(Name="five", Subnets=[small, large], Scheme="internal")
    lb.client.delete_load_balancer(LoadBalancerArn=first["LoadBalancerArn"])
    lb.client.create_load_balancer(Name="five", Subnets=[small, large], Scheme="internal")      # its addresses are free again


def test_the_same_again_is_the_same_balancer_and_other_settings_are_a_duplicate(lb):
    first = lb.balancer()
    assert lb.balancer(wait=False)["LoadBalancerArn"] == first["LoadBalancerArn"]
    with refused("DuplicateLoadBalancerName", "exists, but with different settings"):
        lb.balancer(Scheme="internal")


@pytest.mark.parametrize("name", ["-x", "x-", "internal-x", "a_b", "x" * 33])
def test_a_name_has_letters_digits_and_hyphens_in_between(lb, name):
    with refused("ValidationError"):
        lb.balancer(name)


def test_the_balancer_has_an_interface_in_each_subnet_under_its_groups(lb):
    made = lb.balancer()
    path = made["LoadBalancerArn"].split(":loadbalancer/")[1]
    found = lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"]
    assert {one["SubnetId"] for one in found} == {one["SubnetId"] for one in lb.subnets[:2]} and all(one["RequesterManaged"] and one["Status"] == "in-use" for one in found)
    assert all(one["Association"]["PublicIp"] for one in found) and {g["GroupId"] for one in found for g in one["Groups"]} == {lb.open_group}
    other = lb.ec2.create_security_group(GroupName="other", Description="other", VpcId=lb.vpc)["GroupId"]
    assert lb.client.set_security_groups(LoadBalancerArn=made["LoadBalancerArn"], SecurityGroups=[other])["SecurityGroupIds"] == [other]
    ids = [one["SubnetId"] for one in lb.subnets[1:3]]
    zones = lb.client.set_subnets(LoadBalancerArn=made["LoadBalancerArn"], Subnets=ids)["AvailabilityZones"]
    assert {one["SubnetId"] for one in zones} == set(ids)
    found = lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"]
    assert {one["SubnetId"] for one in found} == set(ids) and {g["GroupId"] for one in found for g in one["Groups"]} == {other}
    lb.client.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    assert not lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"]


def test_attributes_have_defaults_and_limits(lb):
    arn = lb.balancer()["LoadBalancerArn"]
    read = lambda: {one["Key"]: one["Value"] for one in lb.client.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    assert read()["idle_timeout.timeout_seconds"] == "60" and read()["deletion_protection.enabled"] == "false" and read()["routing.http2.enabled"] == "true"
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "30"}, {"Key": "deletion_protection.enabled", "Value": "true"}])
    assert read()["idle_timeout.timeout_seconds"] == "30"
    with refused("OperationNotPermitted", "deletion protection"):
        lb.client.delete_load_balancer(LoadBalancerArn=arn)
    for key, value in (("idle_timeout.timeout_seconds", "4001"), ("no.such.key", "1"), ("routing.http.desync_mitigation_mode", "bold")):
        with refused("ValidationError"):
            lb.client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])
    with refused("InvalidConfigurationRequest"):
        lb.client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "dns_record.client_routing_policy", "Value": "any_availability_zone"}])


def test_deleting_takes_the_listeners_along_and_leaves_the_groups_and_can_be_said_twice(lb):
    group, balancer = lb.group(), lb.balancer()
    listener = lb.listener(balancer, forward(group))
    with refused("ResourceInUse", "currently in use by a listener or a rule"):
        lb.client.delete_target_group(TargetGroupArn=group)
    for _ in range(2):
        lb.client.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    with refused("LoadBalancerNotFound", r"Load balancers '\[lb\]' not found"):
        lb.client.describe_load_balancers(Names=["lb"])
    with refused("ListenerNotFound"):
        lb.client.describe_listeners(ListenerArns=[listener])
    assert lb.client.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"] == []
    for _ in range(2):
        lb.client.delete_target_group(TargetGroupArn=group)
    with refused("TargetGroupNotFound"):
        lb.client.describe_target_groups(TargetGroupArns=[group])


def test_tags_are_put_read_and_taken_off(lb):
    arn = lb.balancer(Tags=[{"Key": "a", "Value": "1"}])["LoadBalancerArn"]
    group = lb.group()
    lb.client.add_tags(ResourceArns=[arn, group], Tags=[{"Key": "b", "Value": "2"}])
    lb.client.remove_tags(ResourceArns=[arn], TagKeys=["a"])
    told = {one["ResourceArn"]: one["Tags"] for one in lb.client.describe_tags(ResourceArns=[arn, group])["TagDescriptions"]}
    assert told == {arn: [{"Key": "b", "Value": "2"}], group: [{"Key": "b", "Value": "2"}]}
    with refused("DuplicateTagKeys"):
        lb.client.add_tags(ResourceArns=[arn], Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}])
    with refused("TooManyTags"):
        lb.client.add_tags(ResourceArns=[arn], Tags=[{"Key": f"k{i}", "Value": ""} for i in range(51)])


def test_pages_and_limits(lb):
    names = [lb.balancer(f"lb{i}", wait=False)["LoadBalancerName"] for i in range(3)]
    first = lb.client.describe_load_balancers(PageSize=2)
    rest = lb.client.describe_load_balancers(PageSize=2, Marker=first["NextMarker"])
    assert [one["LoadBalancerName"] for one in first["LoadBalancers"] + rest["LoadBalancers"]] == names and "NextMarker" not in rest
    limits = {one["Name"]: one["Max"] for one in lb.client.describe_account_limits()["Limits"]}
    assert limits["application-load-balancers"] == "50" and limits["rules-per-application-load-balancer"] == "100"


def test_set_ip_address_type_needs_ipv6_in_every_subnet(lb):
    arn = lb.balancer()["LoadBalancerArn"]
    with refused("InvalidSubnet"):
        lb.client.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="dualstack")
    assert lb.client.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"] == "ipv4"


def test_permission_is_asked_by_arn_and_tags(lb):
    arn = lb.balancer(Tags=[{"Key": "team", "Value": "a"}])["LoadBalancerArn"]
    person = Person(lb.cloud, "pat", allow(["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:CreateTargetGroup"], Condition={"StringEqualsIfExists": {"aws:ResourceTag/team": "b"}}))
    mine = person.client("elbv2")
    with refused("AccessDenied"):
        mine.delete_load_balancer(LoadBalancerArn=arn)
    mine.create_target_group(Name="mine", Protocol="HTTP", Port=80, VpcId=lb.vpc)
    with refused("AccessDenied", "elasticloadbalancing:AddTags"):
        mine.create_target_group(Name="tagged", Protocol="HTTP", Port=80, VpcId=lb.vpc, Tags=[{"Key": "a", "Value": "b"}])


def test_only_who_the_groups_admit_gets_an_answer(lb):
    import socket
    closed = lb.ec2.create_security_group(GroupName="closed", Description="closed", VpcId=lb.vpc)["GroupId"]
    balancer = lb.balancer(SecurityGroups=[closed])
    lb.listener(balancer, says("here"))
    with pytest.raises(socket.timeout):
        lb.ask(balancer, timeout=0.3)
    lb.ec2.authorize_security_group_ingress(GroupId=closed, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert lb.ask(balancer).text == "here"


def test_an_internal_balancer_is_not_reached_from_the_internet(lb):
    import socket
    balancer = lb.balancer(Scheme="internal")
    lb.listener(balancer, says("here"))
    with pytest.raises(socket.timeout):
        lb.ask(balancer, timeout=0.3)
