"""Internet gateways, egress-only ones, NAT gateways."""
import pytest


def test_an_internet_gateway_can_exist_alone_and_is_of_no_zone(net):
    gateway = net.gateway()
    [found] = net.ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    assert found["Attachments"] == [] and found["OwnerId"] == net.cloud.account and not any("Zone" in name for name in found)


def test_a_gateway_has_one_vpc_and_a_vpc_one_gateway(net, refused):
    one, two, gateway = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16"), net.gateway()
    net.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=one)
    assert refused(net.ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=two) == "Resource.AlreadyAssociated"
    code, words = refused(net.ec2.attach_internet_gateway, InternetGatewayId=net.gateway(), VpcId=one, message=True)
    assert code == "InvalidParameterValue" and words == f"Network {one} already has an internet gateway attached"
    assert refused(net.ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=two) == "Gateway.NotAttached"
    assert refused(net.ec2.delete_internet_gateway, InternetGatewayId=gateway) == "DependencyViolation"
    net.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=one)
    net.ec2.delete_internet_gateway(InternetGatewayId=gateway)
    assert refused(net.ec2.describe_internet_gateways, InternetGatewayIds=[gateway]) == "InvalidInternetGatewayID.NotFound"


def test_a_region_holds_five_internet_gateways(net, refused):
    for _ in range(4):
        net.gateway()
    assert refused(net.gateway) == "InternetGatewayLimitExceeded"


def test_a_gateway_stays_while_its_vpc_has_mapped_public_addresses(net, refused):
    vpc = net.vpc()
    gateway, interface, address = net.gateway(vpc), net.interface(net.subnet(vpc)), net.address()
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)
    assert refused(net.ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "DependencyViolation"


def test_an_egress_only_gateway_is_born_attached_and_takes_ipv6_only(net, refused):
    vpc = net.vpc(AmazonProvidedIpv6CidrBlock=True)
    made = net.ec2.create_egress_only_internet_gateway(VpcId=vpc, ClientToken="t")["EgressOnlyInternetGateway"]
    id_ = made["EgressOnlyInternetGatewayId"]
    assert made["Attachments"] == [{"State": "attached", "VpcId": vpc}]
    assert net.ec2.create_egress_only_internet_gateway(VpcId=vpc, ClientToken="t")["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"] == id_
    table = net.table(vpc)
    net.ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=id_)
    assert net.routes(table)["::/0"]["State"] == "active"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", EgressOnlyInternetGatewayId=id_) == "InvalidParameterValue"
    assert refused(net.ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    assert net.ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=id_)["ReturnCode"]
    assert net.routes(table)["::/0"]["State"] == "blackhole"
    assert net.ec2.describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"] == []


@pytest.fixture
def public(net):
    """A VPC with an internet gateway, and a subnet in it."""
    vpc = net.vpc()
    net.gateway(vpc)
    return vpc, net.subnet(vpc)


def nat(net, id_):
    return net.ec2.describe_nat_gateways(NatGatewayIds=[id_])["NatGateways"][0]


def test_a_nat_gateway_becomes_available_with_an_elastic_ip_and_an_interface_that_no_group_filters(net, public):
    vpc, subnet = public
    address = net.address()
    made = net.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=[{"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "b"}]}])["NatGateway"]
    assert made["State"] == "pending" and made["ConnectivityType"] == "public" and made["Tags"] == [{"Key": "a", "Value": "b"}]
    net.cloud.advance(5)
    found = nat(net, made["NatGatewayId"])
    [said] = found["NatGatewayAddresses"]
    assert found["State"] == "available" and found["VpcId"] == vpc and said["AllocationId"] == address and said["IsPrimary"] and said["Status"] == "succeeded"
    [interface] = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[said["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert interface["InterfaceType"] == "nat_gateway" and interface["Groups"] == [] and interface["RequesterManaged"] and interface["Status"] == "in-use"
    assert interface["PrivateIpAddress"] == said["PrivateIp"] and interface["Association"]["PublicIp"] == said["PublicIp"] and interface["SubnetId"] == subnet
    [eip] = net.ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert eip["NetworkInterfaceId"] == interface["NetworkInterfaceId"]


def test_deleting_a_nat_gateway_leaves_its_route_as_a_blackhole_and_its_address_allocated(net, public, refused):
    vpc, subnet = public
    address, table = net.address(), net.table(vpc)
    id_ = net.nat(subnet, address)
    net.cloud.advance(5)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=id_)
    assert net.routes(table)["0.0.0.0/0"]["State"] == "active"
    assert refused(net.ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert net.ec2.delete_nat_gateway(NatGatewayId=id_)["NatGatewayId"] == id_
    assert nat(net, id_)["State"] == "deleting"
    net.cloud.advance(10)
    assert nat(net, id_)["State"] == "deleted" and nat(net, id_)["DeleteTime"]
    assert net.routes(table)["0.0.0.0/0"]["State"] == "blackhole"
    assert "AssociationId" not in net.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    net.ec2.delete_subnet(SubnetId=subnet)
    net.cloud.advance(hours=2)
    assert refused(net.ec2.describe_nat_gateways, NatGatewayIds=[id_]) == "NatGatewayNotFound"


def test_a_nat_gateway_fails_without_an_internet_gateway_and_vanishes_after_an_hour(net, refused):
    vpc = net.vpc()
    id_ = net.nat(net.subnet(vpc), net.address())
    assert nat(net, id_)["State"] == "pending"
    net.cloud.advance(5)
    found = nat(net, id_)
    assert (found["State"], found["FailureCode"], found["FailureMessage"]) == ("failed", "Gateway.NotAttached", f"Network {vpc} has no Internet gateway attached")
    net.cloud.advance(hours=2)
    assert refused(net.ec2.describe_nat_gateways, NatGatewayIds=[id_]) == "NatGatewayNotFound"


def test_a_nat_gateway_wants_an_elastic_ip_of_its_own(net, public, refused):
    _vpc, subnet = public
    assert refused(net.ec2.create_nat_gateway, SubnetId=subnet) == "MissingParameter"
    assert refused(net.ec2.create_nat_gateway, SubnetId=subnet, AllocationId="eipalloc-0123456789abcdef0") == "InvalidElasticIpID.NotFound"
    assert refused(net.ec2.create_nat_gateway, SubnetId="subnet-0123456789abcdef0", AllocationId=net.address()) == "InvalidSubnetID.NotFound"
    address = net.address()
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=net.interface(subnet))
    id_ = net.nat(subnet, address)
    net.cloud.advance(5)
    assert nat(net, id_)["State"] == "failed" and nat(net, id_)["FailureCode"] == "Resource.AlreadyAssociated"


def test_the_elastic_ip_of_a_nat_gateway_is_not_ours_to_move(net, public, refused):
    _, subnet = public
    address = net.address()
    net.nat(subnet, address)
    net.cloud.advance(5)
    association = net.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["AssociationId"]
    assert refused(net.ec2.disassociate_address, AssociationId=association) == "AuthFailure"
    assert refused(net.ec2.associate_address, AllocationId=address, NetworkInterfaceId=net.interface(subnet)) == "AuthFailure"
    assert refused(net.ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"


def test_a_private_nat_gateway_takes_no_elastic_ip(net, refused):
    subnet = net.subnet(net.vpc())
    assert refused(net.ec2.create_nat_gateway, SubnetId=subnet, ConnectivityType="private", AllocationId=net.address()) == "InvalidParameterCombination"
    id_ = net.nat(subnet, PrivateIpAddress="10.0.1.77")
    net.cloud.advance(5)
    found = nat(net, id_)
    assert found["State"] == "available" and found["ConnectivityType"] == "private" and found["NatGatewayAddresses"][0]["PrivateIp"] == "10.0.1.77"
    assert "PublicIp" not in found["NatGatewayAddresses"][0]
    more = net.ec2.assign_private_nat_gateway_address(NatGatewayId=id_, PrivateIpAddresses=["10.0.1.78"])["NatGatewayAddresses"]
    assert more[0]["PrivateIp"] == "10.0.1.78" and more[0]["Status"] == "assigning"
    assert refused(net.ec2.assign_private_nat_gateway_address, NatGatewayId=id_, PrivateIpAddressCount=7) == "PrivateIpAddressLimitExceeded"
    net.ec2.unassign_private_nat_gateway_address(NatGatewayId=id_, PrivateIpAddresses=["10.0.1.78"])
    assert refused(net.ec2.unassign_private_nat_gateway_address, NatGatewayId=id_, PrivateIpAddresses=["10.0.1.77"]) == "InvalidParameterValue"
    assert len(nat(net, id_)["NatGatewayAddresses"]) == 1


def test_a_public_nat_gateway_takes_a_second_elastic_ip(net, public, refused):
    _, subnet = public
    id_, second = net.nat(subnet, net.address()), net.address()
    net.cloud.advance(5)
    [said] = net.ec2.associate_nat_gateway_address(NatGatewayId=id_, AllocationIds=[second])["NatGatewayAddresses"]
    assert said["AllocationId"] == second and said["Status"] == "associating" and not said["IsPrimary"]
    assert refused(net.ec2.associate_nat_gateway_address, NatGatewayId=id_, AllocationIds=[net.address()]) == "NatGatewayAddressLimitExceeded"
    primary = nat(net, id_)["NatGatewayAddresses"][0]["AssociationId"]
    assert refused(net.ec2.disassociate_nat_gateway_address, NatGatewayId=id_, AssociationIds=[primary]) == "InvalidParameterValue"
    net.ec2.disassociate_nat_gateway_address(NatGatewayId=id_, AssociationIds=[said["AssociationId"]])
    assert len(nat(net, id_)["NatGatewayAddresses"]) == 1 and "AssociationId" not in net.ec2.describe_addresses(AllocationIds=[second])["Addresses"][0]


def test_a_nat_gateway_made_twice_with_one_token_is_one(net, public, refused):
    _, subnet = public
    address = net.address()
    first = net.nat(subnet, address, ClientToken="t")
    assert net.nat(subnet, address, ClientToken="t") == first
    assert refused(net.nat, subnet, net.address(), ClientToken="t") == "IdempotentParameterMismatch"
    assert [n["NatGatewayId"] for n in net.ec2.describe_nat_gateways(Filter=[{"Name": "subnet-id", "Values": [subnet]}, {"Name": "state", "Values": ["pending", "available"]}])["NatGateways"]] == [first]


def test_a_zone_holds_five_nat_gateways(net, refused):
    subnet = net.subnet(net.vpc())
    for _ in range(5):
        net.nat(subnet)
    assert refused(net.nat, subnet) == "NatGatewayLimitExceeded"


def test_a_nat_gateway_is_a_target_in_its_own_vpc_only(net, public, refused):
    _, subnet = public
    id_ = net.nat(subnet, net.address())
    assert refused(net.ec2.create_route, RouteTableId=net.table(net.vpc("10.9.0.0/16")), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=id_) == "InvalidParameterValue"
    assert refused(net.ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"]) == "NatGatewayNotFound"
