"""Functions in VPCs: real packets through the VPC's own network, and no other way out."""
import json
import time

import pytest

from cloche.engines.world import lacking
from tests.services.ec2.plugged import Plugged
from tests.services.ec2.test_network_insights import Net

from .conftest import refused

ENIS = {"Effect": "Allow", "Action": ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"], "Resource": "*"}
ASK = """
import os, socket, urllib.request
def handler(event, context):
    what = event["do"]
    try:
        if what == "connect":
            s = socket.create_connection((event["to"], event["port"]), timeout=event.get("patience", 3))
            return s.recv(100).decode()
        if what == "resolve":
            return socket.gethostbyname(event["name"])
        if what == "boto3":
            import boto3
            from botocore.config import Config
            return boto3.client(event["service"], config=Config(connect_timeout=event.get("patience", 3), read_timeout=3, retries={"max_attempts": 0})).list_queues().get("QueueUrls", [])
        if what == "environment":
            return dict(os.environ)
        if what == "resolvers":
            return open("/etc/resolv.conf").read()
        if what == "scratch":
            before = os.path.exists("/tmp/was-here")
            open("/tmp/was-here", "w").close()
            return before
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.fixture
def net(cloud):
    if reason := lacking():
        pytest.skip(reason)
    return Net(cloud)


@pytest.fixture
def plugged(cloche_server, cloud):
    made = Plugged(cloche_server, cloud)
    yield made
    made.close()


def inside(net, subnet=0, group=0):
    return {"SubnetIds": [net.subnets[subnet]], "SecurityGroupIds": [net.groups[group]]}


def enis(net):
    return net.ec2.describe_network_interfaces(Filters=[{"Name": "interface-type", "Values": ["lambda"]}])["NetworkInterfaces"]


def test_a_function_reaches_the_private_addresses_that_groups_admit(bench, net, plugged):
    made = bench.deploy("f", ASK, ENIS, VpcConfig=inside(net), Timeout=10, wait=False)
    assert made["State"] == "Pending" and made["VpcConfig"] == {**inside(net), "VpcId": net.vpc, "Ipv6AllowedForDualStack": False}
    assert bench.wait("f")["VpcConfig"]["VpcId"] == net.vpc
    [eni] = enis(net)
    assert eni["Description"].startswith("AWS Lambda VPC ENI-f-") and eni["RequesterManaged"] is True and eni["Status"] == "in-use"
    assert eni["SubnetId"] == net.subnets[0] and [g["GroupId"] for g in eni["Groups"]] == [net.groups[0]] and "Association" not in eni
    server, address, _ = plugged.plug(net.subnets[1], [net.groups[1]])
    plugged.listen(server, 443)
    assert "timed out" in bench.call("f", {"do": "connect", "to": address, "port": 443, "patience": 0.3})
    net.open(443)
    plugged.settled()
    assert bench.call("f", {"do": "connect", "to": address, "port": 443}) == eni["PrivateIpAddress"]
    net.ec2.revoke_security_group_egress(GroupId=net.groups[0], IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    plugged.settled()
    assert "timed out" in bench.call("f", {"do": "connect", "to": address, "port": 443, "patience": 0.3})


def test_it_reaches_aws_only_through_a_nat_gateway_not_from_a_public_subnet(bench, net, plugged):
    net.lead()
    queue = bench.cloud.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    bench.deploy("f", ASK, ENIS, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, VpcConfig=inside(net, 1), Timeout=10)
    ask = {"do": "boto3", "service": "sqs", "patience": 0.5}
    assert "timeout" in bench.call("f", ask).lower()                # a route to the internet gateway does not help: it has no public address
    address = net.ec2.allocate_address(Domain="vpc")
    nat = net.ec2.create_nat_gateway(SubnetId=net.subnets[0], AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    bench.cloud.advance(5)
    private = net.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    net.ec2.associate_route_table(RouteTableId=private, SubnetId=net.subnets[1])
    net.ec2.create_route(RouteTableId=private, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    plugged.settled()
    [found] = bench.call("f", ask)
    assert found.rsplit("/", 1)[1] == queue.rsplit("/", 1)[1]
    seen = bench.call("f", {"do": "environment"})
    assert "AWS_ENDPOINT_URL" not in seen and seen["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")


def test_names_are_resolved_by_the_vpcs_resolver(bench, net, plugged):
    net.ec2.modify_vpc_attribute(VpcId=net.vpc, EnableDnsHostnames={"Value": True})
    zone = bench.cloud.client("route53").create_hosted_zone(Name="inner.test", CallerReference="1", VPC={"VPCRegion": "us-east-1", "VPCId": net.vpc}, HostedZoneConfig={"PrivateZone": True})
    bench.cloud.client("route53").change_resource_record_sets(HostedZoneId=zone["HostedZone"]["Id"], ChangeBatch={"Changes": [
        {"Action": "CREATE", "ResourceRecordSet": {"Name": "db.inner.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.2.77"}]}}]})
    bench.deploy("f", ASK, ENIS, VpcConfig=inside(net), Timeout=10)
    assert "nameserver 10.0.0.2" in bench.call("f", {"do": "resolvers"})
    assert bench.call("f", {"do": "resolve", "name": "db.inner.test"}) == "10.0.2.77"
    assert bench.call("f", {"do": "connect", "to": "169.254.169.254", "port": 80, "patience": 0.2}) == "TimeoutError: timed out"    # there is no instance to tell of


def test_an_interface_endpoint_is_a_way_to_aws_without_nat(bench, net, plugged):
    net.ec2.modify_vpc_attribute(VpcId=net.vpc, EnableDnsHostnames={"Value": True})
    bench.cloud.client("sqs").create_queue(QueueName="q")
    net.open(443)
    net.ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=net.vpc, ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[net.subnets[1]],
                                SecurityGroupIds=[net.groups[1]], PrivateDnsEnabled=True)
    bench.cloud.advance(60)
    bench.deploy("f", ASK, ENIS, {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, VpcConfig=inside(net), Timeout=10)
    plugged.settled()
    [found] = bench.call("f", {"do": "boto3", "service": "sqs"})
    assert found.endswith("/q")


def test_functions_with_the_same_subnets_and_groups_share_an_interface(bench, net):
    role = bench.role("shared", ENIS)
    for name in ("f", "g"):
        bench.deploy(name, ASK, VpcConfig=inside(net), Role=role)
    bench.deploy("h", ASK, VpcConfig={"SubnetIds": net.subnets, "SecurityGroupIds": [net.groups[1]]}, Role=role)
    found = enis(net)
    assert sorted((e["SubnetId"], e["Groups"][0]["GroupId"]) for e in found) == sorted([(net.subnets[0], net.groups[0]), *((s, net.groups[1]) for s in net.subnets)])
    shared = next(e for e in found if e["Groups"][0]["GroupId"] == net.groups[0])
    refused(net.ec2.delete_network_interface, "InvalidParameterValue", NetworkInterfaceId=shared["NetworkInterfaceId"])
    refused(net.ec2.detach_network_interface, "OperationNotPermitted", AttachmentId=shared["Attachment"]["AttachmentId"])
    bench.client.delete_function(FunctionName="f")
    bench.cloud.advance(minutes=30)
    assert len(enis(net)) == 3                                      # g still uses it
    bench.client.delete_function(FunctionName="g")
    refused(net.ec2.delete_subnet, "DependencyViolation", SubnetId=net.subnets[0])
    bench.cloud.advance(minutes=19)
    assert len(enis(net)) == 3
    bench.cloud.advance(minutes=2)
    assert len(enis(net)) == 2
    bench.client.update_function_configuration(FunctionName="h", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert bench.wait("h")["VpcConfig"] == {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    bench.cloud.advance(minutes=21)
    assert enis(net) == [] and "AWS_ENDPOINT_URL" in bench.call("h", {"do": "environment"})


def test_a_function_moves_into_a_vpc_and_its_versions_stay_where_they_were(bench, net):
    role = bench.role("r", ENIS)
    bench.deploy("f", ASK, Role=role, Publish=True)
    assert bench.call("f", {"do": "scratch"}) is False and bench.call("f", {"do": "scratch"}) is True
    bench.client.update_function_configuration(FunctionName="f", VpcConfig=inside(net))
    bench.wait("f")
    assert bench.call("f", {"do": "scratch"}) is False              # another environment
    assert "AWS_ENDPOINT_URL" not in bench.call("f", {"do": "environment"})
    assert "AWS_ENDPOINT_URL" in bench.call("f:1", {"do": "environment"})


def test_a_custom_runtime_in_a_vpc_finds_its_runtime_api(bench, net):
    bootstrap = """#!/bin/sh
set -eu
while true; do
  HEADERS="$(mktemp)"
  EVENT=$(curl -sS -LD "$HEADERS" "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next")
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/$ID/response" -d "$EVENT" > /dev/null
done
"""
    from .conftest import zipped
    bench.deploy("f", "", ENIS, VpcConfig=inside(net), Runtime="provided.al2023", Handler="x", Code={"ZipFile": zipped({"bootstrap": bootstrap})})
    assert bench.call("f", {"a": 1}) == {"a": 1}


def test_a_vpc_config_is_checked(bench, net):
    create = bench.client.create_function
    base = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": bench.role("plain"), "Code": {"ZipFile": __import__("tests.services.lambda_.conftest", fromlist=["x"]).zipped(ASK)}}

    def no(text, **config):
        assert refused(create, "InvalidParameterValueException", VpcConfig=config, **base) == text
    good = inside(net)
    no("The provided execution role does not have permissions to call CreateNetworkInterface on EC2", **good)
    no("SubnetIds and SecurityIds must coexist or be both empty list.", SubnetIds=good["SubnetIds"])
    no("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-0123456789abcdef0' does not exist",
       SubnetIds=["subnet-0123456789abcdef0"], SecurityGroupIds=good["SecurityGroupIds"])
    no("Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-0123456789abcdef0' does not exist",
       SubnetIds=good["SubnetIds"], SecurityGroupIds=["sg-0123456789abcdef0"])
    other = Net(bench.cloud, "10.9.0.0/16")
    no("Security Groups are required to be in the same VPC as the subnets.", SubnetIds=good["SubnetIds"], SecurityGroupIds=other.groups[:1])
    assert bench.client.list_functions()["Functions"] == [] and enis(net) == []


def test_a_subnet_without_addresses_fails_the_function_with_its_code(bench, net):
    small = net.ec2.create_subnet(VpcId=net.vpc, CidrBlock="10.0.9.0/28")["Subnet"]["SubnetId"]
    for _ in range(11):
        net.ec2.create_network_interface(SubnetId=small)
    bench.deploy("f", ASK, ENIS, VpcConfig={"SubnetIds": [small], "SecurityGroupIds": net.groups[:1]}, wait=False)
    for _ in range(300):
        if (config := bench.client.get_function_configuration(FunctionName="f"))["State"] != "Pending":
            break
        time.sleep(0.01)
    assert (config["State"], config["StateReasonCode"]) == ("Failed", "SubnetOutOfIPAddresses")


def test_who_may_create_can_be_held_to_subnets_by_condition_keys(bench, net):
    user = bench.iam.create_user(UserName="dev")["User"]["UserName"]
    bench.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["lambda:CreateFunction", "iam:PassRole"], "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*", "Condition": {"ForAllValues:StringNotEquals": {"lambda:SubnetIds": net.subnets[:1]}}},
    ]}))
    key = bench.iam.create_access_key(UserName=user)["AccessKey"]
    theirs = bench.cloud.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    from .conftest import zipped
    base = {"Runtime": "python3.11", "Handler": "index.handler", "Role": bench.role("r", ENIS), "Code": {"ZipFile": zipped(ASK)}}
    refused(theirs.create_function, "AccessDeniedException", FunctionName="f", VpcConfig=inside(net, 1), **base)
    assert theirs.create_function(FunctionName="f", VpcConfig=inside(net, 0), **base)["VpcConfig"]["SubnetIds"] == net.subnets[:1]


def test_a_stack_of_a_vpc_and_its_function_goes_as_it_came(bench, net):
    template = {"Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.3.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.3.1.0/24"}},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"VpcId": {"Ref": "Vpc"}, "GroupDescription": "-"}},
        "F": {"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "Role": bench.role("r", ENIS), "Code": {"ZipFile": "def handler(e, c): return 1"},
            "VpcConfig": {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}]}}}}}
    cfn = bench.cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert len(enis(net)) == 1
    name = cfn.describe_stack_resource(StackName="s", LogicalResourceId="F")["StackResourceDetail"]["PhysicalResourceId"]
    assert bench.call(name, {}) == 1
    cfn.delete_stack(StackName="s")
    cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert enis(net) == []
