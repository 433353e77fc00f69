"""Interfaces on instances: what may be plugged in where, and which addresses an instance has."""
import pytest


def launch(net, **more):
    made = net.ec2.run_instances(**{"ImageId": "ami-0c10c8e0000000001", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"} | more)["Instances"][0]["InstanceId"]
    net.cloud.advance(5)
    return made


def instance(net, id_):
    return net.ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]


def one(net, id_):
    return net.ec2.describe_network_interfaces(NetworkInterfaceIds=[id_])["NetworkInterfaces"][0]


@pytest.fixture
def public(net):
    vpc = net.vpc()
    net.gateway(vpc)
    return vpc, net.subnet(vpc)


def test_an_interface_moves_between_instances_with_its_address_mac_and_groups(net, public):
    vpc, subnet = public
    a, b, interface = launch(net, SubnetId=subnet), launch(net, SubnetId=subnet), net.interface(subnet, Groups=[net.group(vpc)])
    before = one(net, interface)
    attachment = net.ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=a, DeviceIndex=1)["AttachmentId"]
    during = one(net, interface)
    assert during["Status"] == "in-use" and during["Attachment"]["InstanceId"] == a and during["Attachment"]["DeviceIndex"] == 1 and not during["Attachment"]["DeleteOnTermination"]
    assert [n["NetworkInterfaceId"] for n in net.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [a]}, {"Name": "attachment.device-index", "Values": ["1"]}])[
        "NetworkInterfaces"]] == [interface]
    net.ec2.detach_network_interface(AttachmentId=attachment)
    assert one(net, interface)["Status"] == "available"
    net.ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=b, DeviceIndex=1)
    after = one(net, interface)
    assert all(before[name] == after[name] for name in ("MacAddress", "PrivateIpAddress", "Groups", "SourceDestCheck"))


def test_what_may_not_be_attached(net, public, refused):
    vpc, subnet = public
    a, spare = launch(net, SubnetId=subnet), net.interface(subnet)
    attach = net.ec2.attach_network_interface
    assert refused(attach, NetworkInterfaceId=spare, InstanceId=a, DeviceIndex=0) == "InvalidParameterValue"
    far = net.interface(net.subnet(vpc, "10.0.9.0/24", AvailabilityZone="us-east-1f"))
    assert refused(attach, NetworkInterfaceId=far, InstanceId=a, DeviceIndex=1) == "InvalidParameterCombination"
    attach(NetworkInterfaceId=spare, InstanceId=a, DeviceIndex=1)
    assert refused(attach, NetworkInterfaceId=spare, InstanceId=a, DeviceIndex=2) == "InvalidNetworkInterface.InUse"
    assert refused(attach, NetworkInterfaceId=net.interface(subnet), InstanceId=a, DeviceIndex=2) == "AttachmentLimitExceeded"  # t3.micro: two
    assert refused(net.ec2.delete_network_interface, NetworkInterfaceId=spare) == "InvalidParameterValue"
    assert refused(net.ec2.assign_private_ip_addresses, NetworkInterfaceId=spare, SecondaryPrivateIpAddressCount=2) == "PrivateIpAddressLimitExceeded"


def test_the_primary_interface_cannot_be_detached_and_goes_with_its_instance(net, public, refused):
    _, subnet = public
    a = launch(net, SubnetId=subnet)
    [primary] = instance(net, a)["NetworkInterfaces"]
    id_, attachment = primary["NetworkInterfaceId"], one(net, primary["NetworkInterfaceId"])["Attachment"]
    assert attachment["DeviceIndex"] == 0 and attachment["DeleteOnTermination"]
    assert refused(net.ec2.detach_network_interface, AttachmentId=attachment["AttachmentId"]) == "OperationNotPermitted"
    second = net.interface(subnet)
    net.ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=a, DeviceIndex=1)
    net.ec2.terminate_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert refused(net.ec2.describe_network_interfaces, NetworkInterfaceIds=[id_]) == "InvalidNetworkInterfaceID.NotFound"
    assert one(net, second)["Status"] == "available"


def test_whether_an_interface_goes_with_its_instance_can_be_changed(net, public, refused):
    _, subnet = public
    a, spare = launch(net, SubnetId=subnet), net.interface(subnet)
    attachment = net.ec2.attach_network_interface(NetworkInterfaceId=spare, InstanceId=a, DeviceIndex=1)["AttachmentId"]
    net.ec2.modify_network_interface_attribute(NetworkInterfaceId=spare, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True})
    assert net.ec2.describe_network_interface_attribute(NetworkInterfaceId=spare, Attribute="attachment")["Attachment"]["DeleteOnTermination"]
    net.ec2.terminate_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert refused(net.ec2.describe_network_interfaces, NetworkInterfaceIds=[spare]) == "InvalidNetworkInterfaceID.NotFound"


def test_the_subnet_lends_a_public_address_at_launch_and_amazon_owns_it(net, public):
    _, subnet = public
    assert "PublicIpAddress" not in instance(net, launch(net, SubnetId=subnet))
    net.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    a = launch(net, SubnetId=subnet)
    found = instance(net, a)
    assert found["PublicIpAddress"] and found["NetworkInterfaces"][0]["Association"]["IpOwnerId"] == "amazon"
    assert "Association" not in one(net, net.interface(subnet))  # one attached later gets none
    b = launch(net, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": False}])
    assert "PublicIpAddress" not in instance(net, b)


def test_a_stop_gives_the_lent_address_back_and_a_start_brings_another(net, public):
    _, subnet = public
    a = launch(net, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}])
    before, free = instance(net, a), net.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"]
    net.ec2.reboot_instances(InstanceIds=[a])
    net.cloud.advance(5)
    assert instance(net, a)["PublicIpAddress"] == before["PublicIpAddress"]
    net.ec2.stop_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert "PublicIpAddress" not in instance(net, a) and instance(net, a)["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert net.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == free        # its interface keeps its address
    net.ec2.start_instances(InstanceIds=[a])
    net.cloud.advance(5)
    assert instance(net, a)["PublicIpAddress"] != before["PublicIpAddress"]


def test_with_a_second_interface_a_start_brings_no_public_address(net, public):
    _, subnet = public
    a = launch(net, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}])
    net.ec2.attach_network_interface(NetworkInterfaceId=net.interface(subnet), InstanceId=a, DeviceIndex=1)
    net.ec2.stop_instances(InstanceIds=[a])
    net.cloud.advance(10)
    net.ec2.start_instances(InstanceIds=[a])
    net.cloud.advance(5)
    assert "PublicIpAddress" not in instance(net, a)


def test_an_elastic_ip_takes_the_lent_ones_place_and_survives_a_stop(net, public):
    _, subnet = public
    a, address = launch(net, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}]), net.address()
    lent = instance(net, a)["PublicIpAddress"]
    net.ec2.associate_address(AllocationId=address, InstanceId=a)
    mine = net.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert mine["InstanceId"] == a and instance(net, a)["PublicIpAddress"] == mine["PublicIp"] != lent
    net.ec2.stop_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert instance(net, a)["PublicIpAddress"] == mine["PublicIp"]
    net.ec2.start_instances(InstanceIds=[a])
    net.cloud.advance(5)
    net.ec2.disassociate_address(AssociationId=mine["AssociationId"])
    assert instance(net, a)["PublicIpAddress"] not in (mine["PublicIp"], lent)


def test_an_instance_that_loses_its_elastic_ip_to_another_is_lent_an_address_again(net, public):
    _, subnet = public
    plug = [{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}]
    a, b, address = launch(net, NetworkInterfaces=plug), launch(net, NetworkInterfaces=plug), net.address()
    net.ec2.associate_address(AllocationId=address, InstanceId=a)
    mine = instance(net, a)["PublicIpAddress"]
    net.ec2.associate_address(AllocationId=address, InstanceId=b)
    assert instance(net, b)["PublicIpAddress"] == mine and instance(net, a)["PublicIpAddress"] != mine


def test_an_instance_with_two_interfaces_wants_one_named(net, public, refused):
    vpc, subnet = public
    a, second, address, table = launch(net, SubnetId=subnet), net.interface(subnet), net.address(), net.table(vpc)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.16.0.0/12", InstanceId=a)
    route = net.routes(table)["172.16.0.0/12"]
    assert route["InstanceId"] == a and route["NetworkInterfaceId"] == instance(net, a)["NetworkInterfaces"][0]["NetworkInterfaceId"] and route["State"] == "active"
    net.ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=a, DeviceIndex=1)
    assert refused(net.ec2.associate_address, AllocationId=address, InstanceId=a) == "InvalidInstanceID"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", InstanceId=a) == "InvalidInstanceID"
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=second)


def test_a_route_to_a_stopped_or_terminated_instance_is_a_blackhole(net, public):
    vpc, subnet = public
    a, table = launch(net, SubnetId=subnet), net.table(vpc)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.16.0.0/12", InstanceId=a)
    net.ec2.stop_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert net.routes(table)["172.16.0.0/12"]["State"] == "blackhole"
    net.ec2.start_instances(InstanceIds=[a])
    net.cloud.advance(5)
    assert net.routes(table)["172.16.0.0/12"]["State"] == "active"
    net.ec2.terminate_instances(InstanceIds=[a])
    net.cloud.advance(10)
    assert net.routes(table)["172.16.0.0/12"]["State"] == "blackhole"
