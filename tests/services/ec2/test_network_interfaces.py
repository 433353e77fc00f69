"""Network interfaces: a card with a life of its own."""
import pytest


def one(net, id_):
    return net.ec2.describe_network_interfaces(NetworkInterfaceIds=[id_])["NetworkInterfaces"][0]


def test_a_new_interface_is_available_with_an_address_a_mac_and_the_default_group(net):
    vpc = net.vpc()
    subnet = net.subnet(vpc, AvailabilityZone="us-east-1b")
    made = net.ec2.create_network_interface(SubnetId=subnet, Description="d", TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "a", "Value": "b"}]}])["NetworkInterface"]
    assert made["Status"] == "pending" and made["TagSet"] == [{"Key": "a", "Value": "b"}]
    found = one(net, made["NetworkInterfaceId"])
    [default] = net.of(vpc, "security_groups")
    assert found["Status"] == "available" and found["SourceDestCheck"] is True and found["InterfaceType"] == "interface" and found["AvailabilityZone"] == "us-east-1b"
    assert found["Groups"] == [{"GroupId": default["GroupId"], "GroupName": "default"}] and len(found["MacAddress"]) == 17 and not found["RequesterManaged"]
    assert found["PrivateIpAddresses"][0]["Primary"] and found["PrivateIpAddress"].startswith("10.0.1.") and "Attachment" not in found and "Association" not in found


def test_addresses_may_be_named_or_counted(net, refused):
    subnet = net.subnet(net.vpc())
    named = net.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddresses=[{"PrivateIpAddress": "10.0.1.10", "Primary": True}, {"PrivateIpAddress": "10.0.1.11", "Primary": False}])["NetworkInterface"]
    assert [(a["PrivateIpAddress"], a["Primary"]) for a in named["PrivateIpAddresses"]] == [("10.0.1.10", True), ("10.0.1.11", False)]
    counted = net.ec2.create_network_interface(SubnetId=subnet, SecondaryPrivateIpAddressCount=3)["NetworkInterface"]
    assert len({a["PrivateIpAddress"] for a in counted["PrivateIpAddresses"]}) == 4
    assert refused(net.interface, subnet, PrivateIpAddress="10.0.1.10") == "InvalidIPAddress.InUse"
    assert refused(net.interface, subnet, PrivateIpAddress="10.0.2.10") == "InvalidParameterValue"
    assert refused(net.interface, subnet, PrivateIpAddress="10.0.1.999") == "InvalidParameterValue"
    assert refused(net.interface, "subnet-0123456789abcdef0") == "InvalidSubnetID.NotFound"


def test_private_names_are_shown_when_the_vpc_has_dns_hostnames(net):
    vpc = net.vpc()
    id_ = net.interface(net.subnet(vpc), PrivateIpAddress="10.0.1.10")
    assert "PrivateDnsName" not in one(net, id_)
    net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert one(net, id_)["PrivateDnsName"] == "ip-10-0-1-10.ec2.internal"


def test_private_names_outside_north_virginia_have_the_region_in_them(cloud):
    ec2 = cloud.client("ec2", region="eu-west-1")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    assert made["PrivateDnsName"] == f"ip-{made['PrivateIpAddress'].replace('.', '-')}.eu-west-1.compute.internal"


def test_secondary_addresses_come_and_go_and_may_move_with_their_elastic_ip(net, refused):
    vpc = net.vpc()
    net.gateway(vpc)
    subnet = net.subnet(vpc)
    a, b, address = net.interface(subnet), net.interface(subnet), net.address()
    got = net.ec2.assign_private_ip_addresses(NetworkInterfaceId=a, PrivateIpAddresses=["10.0.1.50"])["AssignedPrivateIpAddresses"]
    assert got == [{"PrivateIpAddress": "10.0.1.50"}]
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=a, PrivateIpAddress="10.0.1.50")
    assert refused(net.ec2.assign_private_ip_addresses, NetworkInterfaceId=b, PrivateIpAddresses=["10.0.1.50"]) == "InvalidIPAddress.InUse"
    net.ec2.assign_private_ip_addresses(NetworkInterfaceId=b, PrivateIpAddresses=["10.0.1.50"], AllowReassignment=True)
    assert len(one(net, a)["PrivateIpAddresses"]) == 1 and one(net, b)["PrivateIpAddresses"][1]["Association"]["AllocationId"] == address
    assert net.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["NetworkInterfaceId"] == b
    assert refused(net.ec2.unassign_private_ip_addresses, NetworkInterfaceId=b, PrivateIpAddresses=[one(net, b)["PrivateIpAddress"]]) == "InvalidParameterValue"
    code, words = refused(net.ec2.unassign_private_ip_addresses, NetworkInterfaceId=b, PrivateIpAddresses=["10.0.1.51"], message=True)
    assert (code, words) == ("InvalidParameterValue", f"Some of [10.0.1.51] are not assigned to interface {b}")
    net.ec2.unassign_private_ip_addresses(NetworkInterfaceId=b, PrivateIpAddresses=["10.0.1.50"])
    assert "AssociationId" not in net.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert len(net.ec2.assign_private_ip_addresses(NetworkInterfaceId=b, SecondaryPrivateIpAddressCount=2)["AssignedPrivateIpAddresses"]) == 2


def test_prefixes_take_sixteen_addresses(net):
    subnet = net.subnet(net.vpc())
    made = net.ec2.create_network_interface(SubnetId=subnet, Ipv4PrefixCount=1)["NetworkInterface"]
    [prefix] = made["Ipv4Prefixes"]
    assert prefix["Ipv4Prefix"].endswith("/28")
    assert net.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 251 - 17
    more = net.ec2.assign_private_ip_addresses(NetworkInterfaceId=made["NetworkInterfaceId"], Ipv4Prefixes=["10.0.1.208/28"])
    assert more["AssignedIpv4Prefixes"] == [{"Ipv4Prefix": "10.0.1.208/28"}]
    net.ec2.unassign_private_ip_addresses(NetworkInterfaceId=made["NetworkInterfaceId"], Ipv4Prefixes=["10.0.1.208/28"])
    assert net.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 251 - 17


def test_ipv6_addresses_are_of_the_subnets_range(net, refused):
    vpc = net.vpc(AmazonProvidedIpv6CidrBlock=True)
    piece = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("::/56", "::/64")
    subnet = net.subnet(vpc, Ipv6CidrBlock=piece)
    id_, wanted = net.interface(subnet), piece.replace("::/64", "::77")
    answer = net.ec2.assign_ipv6_addresses(NetworkInterfaceId=id_, Ipv6Addresses=[wanted])
    assert answer["AssignedIpv6Addresses"] == [wanted] and one(net, id_)["Ipv6Addresses"] == [{"Ipv6Address": wanted, "IsPrimaryIpv6": False}]
    assert refused(net.ec2.assign_ipv6_addresses, NetworkInterfaceId=id_, Ipv6Addresses=["fd00::1"]) == "InvalidParameterValue"
    assert refused(net.ec2.assign_ipv6_addresses, NetworkInterfaceId=net.interface(subnet), Ipv6Addresses=[wanted]) == "InvalidIPAddress.InUse"
    assert len(net.ec2.assign_ipv6_addresses(NetworkInterfaceId=id_, Ipv6AddressCount=2)["AssignedIpv6Addresses"]) == 2
    assert net.ec2.assign_ipv6_addresses(NetworkInterfaceId=id_, Ipv6PrefixCount=1)["AssignedIpv6Prefixes"][0].endswith("/80")
    net.ec2.unassign_ipv6_addresses(NetworkInterfaceId=id_, Ipv6Addresses=[wanted])
    assert len(one(net, id_)["Ipv6Addresses"]) == 2
    assert refused(net.ec2.assign_ipv6_addresses, NetworkInterfaceId=net.interface(net.subnet(vpc, "10.0.2.0/24")), Ipv6AddressCount=1) == "InvalidParameterValue"


def test_attributes_of_an_interface_are_read_and_changed_one_by_one(net, refused):
    vpc = net.vpc()
    id_, group = net.interface(net.subnet(vpc)), net.group(vpc)
    change, read = net.ec2.modify_network_interface_attribute, net.ec2.describe_network_interface_attribute
    change(NetworkInterfaceId=id_, SourceDestCheck={"Value": False})
    change(NetworkInterfaceId=id_, Description={"Value": "new"})
    change(NetworkInterfaceId=id_, Groups=[group])
    assert read(NetworkInterfaceId=id_, Attribute="sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    assert read(NetworkInterfaceId=id_, Attribute="description")["Description"] == {"Value": "new"}
    assert read(NetworkInterfaceId=id_, Attribute="groupSet")["Groups"] == [{"GroupId": group, "GroupName": "g"}]
    assert "Attachment" not in read(NetworkInterfaceId=id_, Attribute="attachment")
    net.ec2.reset_network_interface_attribute(NetworkInterfaceId=id_, SourceDestCheck="true")
    assert one(net, id_)["SourceDestCheck"] is True
    assert refused(change, NetworkInterfaceId=id_) == "MissingParameter"
    assert refused(change, NetworkInterfaceId=id_, Description={"Value": "x"}, SourceDestCheck={"Value": True}) == "InvalidParameterCombination"
    assert refused(change, NetworkInterfaceId=id_, Groups=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"
    assert refused(change, NetworkInterfaceId=id_, Attachment={"AttachmentId": "eni-attach-0", "DeleteOnTermination": True}) == "InvalidAttachmentID.NotFound"
    assert refused(change, NetworkInterfaceId=id_, ConnectionTrackingSpecification={"TcpEstablishedTimeout": 5}) == "InvalidParameterValue"
    change(NetworkInterfaceId=id_, ConnectionTrackingSpecification={"TcpEstablishedTimeout": 350})
    assert one(net, id_)["ConnectionTrackingConfiguration"] == {"TcpEstablishedTimeout": 350}


def test_a_group_of_another_vpc_does_not_fit(net, refused):
    far = net.group(net.vpc("10.9.0.0/16"))
    assert refused(net.interface, net.subnet(net.vpc()), Groups=[far]) == "InvalidParameterValue"


def test_instances_and_attachments_must_be_there(net, refused):
    id_ = net.interface(net.subnet(net.vpc()))
    assert refused(net.ec2.attach_network_interface, NetworkInterfaceId=id_, InstanceId="i-0123456789abcdef0", DeviceIndex=1) == "InvalidInstanceID.NotFound"
    assert refused(net.ec2.detach_network_interface, AttachmentId="eni-attach-0123456789abcdef0") == "InvalidAttachmentID.NotFound"


def test_a_services_interface_is_not_ours_to_change(net, refused):
    subnet = net.subnet(net.vpc())
    net.nat(subnet)
    [found] = net.ec2.describe_network_interfaces(Filters=[{"Name": "requester-managed", "Values": ["true"]}])["NetworkInterfaces"]
    id_, attachment = found["NetworkInterfaceId"], found["Attachment"]
    assert attachment["InstanceOwnerId"] == "amazon-aws" and "InstanceId" not in attachment
    assert refused(net.ec2.delete_network_interface, NetworkInterfaceId=id_) == "InvalidParameterValue"
    assert refused(net.ec2.detach_network_interface, AttachmentId=attachment["AttachmentId"]) == "OperationNotPermitted"
    assert refused(net.ec2.modify_network_interface_attribute, NetworkInterfaceId=id_, SourceDestCheck={"Value": False}) == "OperationNotPermitted"


def test_an_interface_made_twice_with_one_token_is_one(net, refused):
    subnet = net.subnet(net.vpc())
    assert net.interface(subnet, ClientToken="t") == net.interface(subnet, ClientToken="t")
    assert refused(net.interface, subnet, ClientToken="t", Description="other") == "IdempotentParameterMismatch"


@pytest.mark.parametrize(("name", "value"), [("description", "it"), ("private-ip-address", "10.0.1.10"), ("addresses.private-ip-address", "10.0.1.10"), ("status", "available"),
                                             ("availability-zone", "us-east-1a"), ("group-name", "default"), ("mac-address", "0a:*"), ("source-dest-check", "true")])
def test_interfaces_are_found_by_filters(net, name, value):
    vpc = net.vpc()
    id_ = net.interface(net.subnet(vpc), Description="it", PrivateIpAddress="10.0.1.10")
    found = net.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": name, "Values": [value]}])["NetworkInterfaces"]
    assert [n["NetworkInterfaceId"] for n in found] == [id_]


def test_a_deleted_interface_is_gone(net, refused):
    id_ = net.interface(net.subnet(net.vpc()))
    net.ec2.delete_network_interface(NetworkInterfaceId=id_)
    assert refused(net.ec2.describe_network_interfaces, NetworkInterfaceIds=[id_], message=True) == (
        "InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{id_}' does not exist")


def test_an_interface_has_no_more_addresses_than_any_instance_type_allows(net, refused):
    subnet = net.subnet(net.vpc(), "10.0.0.0/20")
    assert refused(net.interface, subnet, SecondaryPrivateIpAddressCount=2**31 - 1) == "PrivateIpAddressLimitExceeded"
    assert refused(net.interface, subnet, SecondaryPrivateIpAddressCount=-1) == "InvalidParameterValue"
    assert refused(net.interface, subnet, Ipv4PrefixCount=65) == "PrivateIpAddressLimitExceeded"
