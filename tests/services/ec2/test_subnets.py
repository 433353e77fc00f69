"""Subnets: a zone, a piece of the VPC, five addresses that are AWS's."""
import pytest


def one(net, subnet):
    return net.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]


def test_a_subnet_is_in_one_zone(net, refused):
    vpc = net.vpc()
    made = net.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1c")["Subnet"]
    assert made["AvailabilityZone"] == "us-east-1c" and made["State"] == "available" and made["AvailableIpAddressCount"] == 251
    assert not made["MapPublicIpOnLaunch"] and not made["DefaultForAz"] and made["SubnetArn"].endswith(f":subnet/{made['SubnetId']}")
    by_id = net.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZoneId=made["AvailabilityZoneId"])["Subnet"]
    assert by_id["AvailabilityZone"] == "us-east-1c"
    assert refused(net.subnet, vpc, "10.0.3.0/24", AvailabilityZone="eu-west-1a") == "InvalidParameterValue"
    assert refused(net.subnet, vpc, "10.0.3.0/24", AvailabilityZoneId="euw1-az1") == "InvalidParameterValue"
    zone = one(net, net.subnet(vpc, "10.0.4.0/24"))["AvailabilityZone"]
    assert zone.startswith("us-east-1")  # AWS picks


@pytest.mark.parametrize(("cidr", "code"), [
    ("10.0.0.0/15", "InvalidSubnet.Range"), ("10.0.0.0/29", "InvalidSubnet.Range"), ("10.1.0.0/24", "InvalidSubnet.Range"), ("10.0.1.128/25", "InvalidSubnet.Conflict"),
    ("10.0.0.0/16", "InvalidSubnet.Conflict"), ("10.0.1.0", "InvalidParameterValue"), ("fd00::/64", "InvalidParameterValue")])
def test_a_subnet_is_a_piece_of_its_vpc_that_no_other_has(net, refused, cidr, code):
    vpc = net.vpc()
    net.subnet(vpc)
    assert refused(net.subnet, vpc, cidr) == code


def test_a_subnet_may_be_the_whole_vpc_and_as_small_as_a_28(net):
    vpc = net.vpc("10.16.0.0/16")
    assert one(net, net.subnet(vpc, "10.16.16.0/20"))["AvailableIpAddressCount"] == 4091
    assert one(net, net.subnet(vpc, "10.16.0.3/28"))["CidrBlock"] == "10.16.0.0/28"
    assert one(net, net.subnet(net.vpc(), "10.0.0.0/16"))["AvailableIpAddressCount"] == 65531


@pytest.mark.parametrize("last", [0, 1, 2, 3, 15])
def test_five_addresses_of_a_subnet_are_reserved(net, refused, last):
    subnet = net.subnet(net.vpc(), "10.0.1.0/28")
    assert one(net, subnet)["AvailableIpAddressCount"] == 11
    assert refused(net.interface, subnet, PrivateIpAddress=f"10.0.1.{last}") == "InvalidParameterValue"


def test_each_interface_takes_addresses_until_none_is_free(net, refused):
    subnet = net.subnet(net.vpc(), "10.0.1.0/28")
    made = [net.interface(subnet) for _ in range(10)]
    assert one(net, subnet)["AvailableIpAddressCount"] == 1
    named = next(f"10.0.1.{n}" for n in range(4, 15) if f"10.0.1.{n}" not in {i["PrivateIpAddress"] for i in net.ec2.describe_network_interfaces()["NetworkInterfaces"]})
    net.interface(subnet, PrivateIpAddress=named)
    assert refused(net.interface, subnet, PrivateIpAddress=named) == "InvalidIPAddress.InUse"
    assert refused(net.interface, subnet) == "InsufficientFreeAddressesInSubnet"
    net.ec2.delete_network_interface(NetworkInterfaceId=made[0])
    assert one(net, subnet)["AvailableIpAddressCount"] == 1


def test_attributes_of_a_subnet_change_one_at_a_time(net, refused):
    subnet = net.subnet(net.vpc())
    net.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert one(net, subnet)["MapPublicIpOnLaunch"]
    net.ec2.modify_subnet_attribute(SubnetId=subnet, PrivateDnsHostnameTypeOnLaunch="resource-name")
    net.ec2.modify_subnet_attribute(SubnetId=subnet, EnableResourceNameDnsARecordOnLaunch={"Value": True})
    assert one(net, subnet)["PrivateDnsNameOptionsOnLaunch"] == {"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True, "EnableResourceNameDnsAAAARecord": False}
    assert refused(net.ec2.modify_subnet_attribute, SubnetId=subnet, MapPublicIpOnLaunch={"Value": True}, EnableDns64={"Value": False}) == "InvalidParameterCombination"
    assert refused(net.ec2.modify_subnet_attribute, SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": True}) == "InvalidParameterValue"
    assert refused(net.ec2.modify_subnet_attribute, SubnetId="subnet-0123456789abcdef0", MapPublicIpOnLaunch={"Value": True}) == "InvalidSubnetID.NotFound"


def test_a_subnet_has_an_ipv6_range_of_its_vpcs(net, refused):
    vpc = net.vpc(AmazonProvidedIpv6CidrBlock=True)
    whole = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    piece = whole.replace("::/56", "::/64")
    subnet = net.subnet(vpc)
    made = net.ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock=piece)["Ipv6CidrBlockAssociation"]
    assert one(net, subnet)["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == piece
    assert refused(net.subnet, vpc, "10.0.2.0/24", Ipv6CidrBlock=piece) == "InvalidSubnet.Conflict"
    assert refused(net.subnet, vpc, "10.0.2.0/24", Ipv6CidrBlock="2001:db8:ffff::/64") == "InvalidSubnet.Range"
    net.ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": True})
    interface = net.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    assert len(interface["Ipv6Addresses"]) == 1
    assert refused(net.ec2.disassociate_subnet_cidr_block, AssociationId=made["AssociationId"]) == "InvalidCidr.InUse"
    net.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    net.ec2.disassociate_subnet_cidr_block(AssociationId=made["AssociationId"])
    assert one(net, subnet)["Ipv6CidrBlockAssociationSet"] == []


def test_a_subnet_of_ipv6_alone_has_no_ipv4(net, refused):
    vpc = net.vpc(AmazonProvidedIpv6CidrBlock=True)
    piece = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("::/56", "::/64")
    made = net.ec2.create_subnet(VpcId=vpc, Ipv6Native=True, Ipv6CidrBlock=piece)["Subnet"]
    assert made["Ipv6Native"] and "CidrBlock" not in made and made["AssignIpv6AddressOnCreation"] and made["AvailableIpAddressCount"] == 0
    interface = net.ec2.create_network_interface(SubnetId=made["SubnetId"])["NetworkInterface"]
    assert "PrivateIpAddress" not in interface and len(interface["Ipv6Addresses"]) == 1
    assert refused(net.ec2.create_subnet, VpcId=vpc, Ipv6Native=True) == "MissingParameter"


def test_a_subnet_with_an_interface_stays(net, refused):
    vpc = net.vpc()
    subnet = net.subnet(vpc)
    net.ec2.associate_route_table(RouteTableId=net.table(vpc), SubnetId=subnet)
    interface = net.interface(subnet)
    assert refused(net.ec2.delete_subnet, SubnetId=subnet, message=True) == ("DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted.")
    net.ec2.delete_network_interface(NetworkInterfaceId=interface)
    net.ec2.delete_subnet(SubnetId=subnet)  # the association with a table does not keep it
    assert refused(net.ec2.describe_subnets, SubnetIds=[subnet]) == "InvalidSubnetID.NotFound"
    assert all(not t["Associations"] or t["Associations"][0]["Main"] for t in net.tables(vpc))


def test_subnets_are_found_by_filters(net):
    vpc = net.vpc()
    a, b = net.subnet(vpc, "10.0.1.0/24", AvailabilityZone="us-east-1a"), net.subnet(vpc, "10.0.2.0/25", AvailabilityZone="us-east-1b")
    for name, value, wanted in (("availability-zone", "us-east-1b", b), ("cidr-block", "10.0.1.0/24", a), ("available-ip-address-count", "123", b)):
        found = net.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": name, "Values": [value]}])["Subnets"]
        assert [s["SubnetId"] for s in found] == [wanted]
    assert len(net.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]) == 6


def test_addresses_of_a_reservation_are_given_only_when_named(net, refused):
    subnet = net.subnet(net.vpc(), "10.0.1.0/28")
    made = net.ec2.create_subnet_cidr_reservation(SubnetId=subnet, Cidr="10.0.1.8/29", ReservationType="explicit", Description="kept")["SubnetCidrReservation"]
    assert made["SubnetCidrReservationId"].startswith("scr-") and made["OwnerId"] == net.cloud.account
    got = {net.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["PrivateIpAddress"] for _ in range(4)}
    assert got == {f"10.0.1.{n}" for n in range(4, 8)}
    assert refused(net.interface, subnet) == "InsufficientFreeAddressesInSubnet"
    net.interface(subnet, PrivateIpAddress="10.0.1.9")
    assert [r["Cidr"] for r in net.ec2.get_subnet_cidr_reservations(SubnetId=subnet)["SubnetIpv4CidrReservations"]] == ["10.0.1.8/29"]
    assert refused(net.ec2.create_subnet_cidr_reservation, SubnetId=subnet, Cidr="10.0.1.12/30", ReservationType="prefix") == "InvalidSubnetCidrReservation.Conflict"
    net.ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=made["SubnetCidrReservationId"])
    net.interface(subnet)
