"""Peering, endpoints and transit gateways with real packets, between interfaces without machines."""
import pytest

from cloche.engines.net import topology
from cloche.testing.people import document

from .hybrid import Net
from .plugged import Plugged


@pytest.fixture
def net(real):
    return Net(real)


@pytest.fixture
def plugged(real_server, real):
    made = Plugged(real_server, real)
    made.open = []
    yield made
    made.close()
    for interface in made.open:
        made.release(interface)


def station(net, plugged, vpc, cidr):
    """(interface, address) of something in a subnet of its own whose group lets everything in."""
    group = net.ec2.create_security_group(GroupName=f"g-{cidr}", Description="g", VpcId=vpc)["GroupId"]
    net.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    id_, private, _ = plugged.plug(net.subnet(vpc, cidr), [group])
    plugged.open.append(id_)
    return id_, private


def route(net, vpc, cidr, **target):
    net.ec2.create_route(RouteTableId=net.main(vpc), DestinationCidrBlock=cidr, **target)


def settle(plugged):
    plugged.settled()


def test_peered_vpcs_speak_once_both_have_routes_and_a_third_is_not_reached_over_them(net, plugged):
    one, two, three = (net.vpc(f"10.{n}.0.0/16") for n in (1, 2, 3))
    (a, a_ip), (b, b_ip), (c, c_ip) = (station(net, plugged, vpc, f"10.{n}.0.0/24") for n, vpc in ((1, one), (2, two), (3, three)))
    for space in (a, b, c):
        plugged.listen(space, 80)
    pcx, onward = net.ask(one, two), net.ask(two, three)
    route(net, one, "10.2.0.0/16", VpcPeeringConnectionId=pcx)
    net.accept(pcx)
    net.accept(onward)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80, patience=0.4) == ""                       # the answer finds no way back
    route(net, two, "10.1.0.0/16", VpcPeeringConnectionId=pcx)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80) == a_ip                                   # and the private address is seen as it is
    assert plugged.ask(b, a_ip, 80) == b_ip
    route(net, one, "10.3.0.0/16", VpcPeeringConnectionId=pcx)                # not transitive, whatever the tables say
    route(net, two, "10.3.0.0/16", VpcPeeringConnectionId=onward)
    for vpc in (three,):
        route(net, vpc, "10.1.0.0/16", VpcPeeringConnectionId=onward)
    settle(plugged)
    assert plugged.ask(a, c_ip, 80, patience=0.4) == ""
    net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80, patience=0.4) == ""


def test_a_peering_across_accounts_and_regions_carries_packets(net, plugged, real, real_server):
    other = real.other()
    theirs, far = Net(other, "eu-west-1"), Plugged(real_server, other, "eu-west-1")
    far.open = []
    one, two = net.vpc("10.1.0.0/16"), theirs.vpc("10.2.0.0/16")
    (a, a_ip), (b, b_ip) = station(net, plugged, one, "10.1.0.0/24"), station(theirs, far, two, "10.2.0.0/24")
    far.listen(b, 80)
    pcx = net.ask(one, two, PeerOwnerId=other.account, PeerRegion="eu-west-1")
    theirs.accept(pcx)
    route(net, one, "10.2.0.0/16", VpcPeeringConnectionId=pcx)
    route(theirs, two, "10.1.0.0/16", VpcPeeringConnectionId=pcx)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80) == a_ip
    far.close()
    far.release(b)


def test_a_transit_gateway_carries_packets_as_its_tables_say(net, plugged):
    one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
    (a, a_ip), (b, b_ip) = station(net, plugged, one, "10.1.0.0/24"), station(net, plugged, two, "10.2.0.0/24")
    plugged.listen(b, 80)
    made = net.ec2.create_transit_gateway()["TransitGateway"]
    transit, table = made["TransitGatewayId"], made["Options"]["AssociationDefaultRouteTableId"]
    for vpc, cidr in ((one, "10.1.9.0/24"), (two, "10.2.9.0/24")):
        net.ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=transit, VpcId=vpc, SubnetIds=[net.subnet(vpc, cidr)])
        route(net, vpc, "10.0.0.0/8", TransitGatewayId=transit)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80) == a_ip
    net.ec2.create_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="10.2.0.0/16", Blackhole=True)
    settle(plugged)
    assert plugged.ask(a, b_ip, 80, patience=0.4) == ""


def get(host, path="/"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def test_a_gateway_endpoint_reaches_s3_without_an_internet_gateway(net, plugged, real):
    vpc = net.vpc("10.1.0.0/16")
    a, _ = station(net, plugged, vpc, "10.1.0.0/24")
    bucket = f"b-{real.account}"
    s3 = real.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello from s3")
    host = f"{bucket}.s3.us-east-1.amazonaws.com"
    address = topology.service_address(host)
    assert plugged.ask(a, address, 80, get(host, "/k"), patience=0.4) == ""
    endpoint = net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[net.main(vpc)])["VpcEndpoint"]["VpcEndpointId"]
    settle(plugged)
    assert "403" in plugged.ask(a, address, 80, get(host, "/k")).split("\r\n")[0]
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=document({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
                                                         "Condition": {"StringEquals": {"aws:SourceVpce": endpoint}}}))
    assert plugged.ask(a, address, 80, get(host, "/k")).endswith("hello from s3")      # the bucket lets in what comes by the endpoint
    net.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=document({"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}))
    assert "403" in plugged.ask(a, address, 80, get(host, "/k")).split("\r\n")[0]      # and the endpoint's own policy lets through no more
    net.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    settle(plugged)
    assert plugged.ask(a, address, 80, get(host, "/k"), patience=0.4) == ""


def test_an_interface_endpoint_answers_at_its_own_address_under_its_groups(net, plugged):
    vpc = net.vpc("10.1.0.0/16", dns=True)
    a, _ = station(net, plugged, vpc, "10.1.0.0/24")
    group = net.ec2.create_security_group(GroupName="endpoint", Description="g", VpcId=vpc)["GroupId"]
    made = net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sqs", VpcEndpointType="Interface", SubnetIds=[net.subnet(vpc, "10.1.5.0/24")], SecurityGroupIds=[group])
    eni = made["VpcEndpoint"]["NetworkInterfaceIds"][0]
    address = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["PrivateIpAddress"]
    settle(plugged)
    assert plugged.ask(a, address, 80, get("sqs.us-east-1.amazonaws.com"), patience=0.4) == ""
    net.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}])
    settle(plugged)
    assert plugged.ask(a, address, 80, get("sqs.us-east-1.amazonaws.com")).startswith("HTTP/1.1 ")


def test_an_endpoint_leads_to_another_accounts_balancer_and_its_targets(net, plugged, real, real_server):
    other = real.other()
    theirs, far = Net(other), Plugged(real_server, other)
    far.open = []
    inner = theirs.vpc("10.9.0.0/16")
    target, target_ip = station(theirs, far, inner, "10.9.5.0/24")
    far.listen(target, 8080)
    elb = other.client("elbv2")
    balancer = elb.create_load_balancer(Name="nlb", Type="network", Scheme="internal", Subnets=[theirs.subnet(inner, "10.9.0.0/24")])["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="g", Protocol="TCP", Port=8080, VpcId=inner, TargetType="ip", HealthCheckIntervalSeconds=30, HealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": target_ip}])
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    other.advance(120)
    service = theirs.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[balancer], AcceptanceRequired=True)["ServiceConfiguration"]
    theirs.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    vpc = net.vpc("10.9.0.0/16")                                              # the same range: nothing of the networks meets
    a, _ = station(net, plugged, vpc, "10.9.7.0/24")
    firewall = net.ec2.create_security_group(GroupName="in", Description="g", VpcId=vpc)["GroupId"]
    net.ec2.authorize_security_group_ingress(GroupId=firewall, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    made = net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service["ServiceName"], VpcEndpointType="Interface", SubnetIds=[net.subnet(vpc, "10.9.8.0/24")], SecurityGroupIds=[firewall])["VpcEndpoint"]
    address = net.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]["PrivateIpAddress"]
    settle(plugged)
    assert plugged.ask(a, address, 80, patience=0.4) in ("", "refused")       # nobody accepted it
    theirs.ec2.accept_vpc_endpoint_connections(ServiceId=service["ServiceId"], VpcEndpointIds=[made["VpcEndpointId"]])
    settle(plugged)
    assert plugged.ask(a, address, 80, patience=3).startswith("10.9.0.")      # the target sees the balancer's node
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    far.close()
    far.release(target)
