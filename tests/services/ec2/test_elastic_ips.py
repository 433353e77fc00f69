"""Elastic IPs, and the public addresses they come from."""
import ipaddress

import pytest


@pytest.fixture
def public(net):
    vpc = net.vpc()
    net.gateway(vpc)
    return vpc, net.subnet(vpc)


def eip(net, id_):
    return net.ec2.describe_addresses(AllocationIds=[id_])["Addresses"][0]


def test_an_address_is_allocated_from_cloches_own_range_and_belongs_to_one_account(net, refused):
    made = net.ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert ipaddress.ip_address(made["PublicIp"]) in ipaddress.ip_network("198.18.0.0/15") and made["Domain"] == "vpc" and made["PublicIpv4Pool"] == "amazon"
    assert made["NetworkBorderGroup"] == "us-east-1" and eip(net, made["AllocationId"])["Tags"] == [{"Key": "a", "Value": "b"}]
    other = net.cloud.other().client("ec2")
    assert other.allocate_address()["PublicIp"] != made["PublicIp"]
    assert refused(other.describe_addresses, PublicIps=[made["PublicIp"]], message=True) == ("InvalidAddress.NotFound", f"Address '{made['PublicIp']}' not found.")
    assert refused(other.describe_addresses, AllocationIds=[made["AllocationId"]]) == "InvalidAllocationID.NotFound"


def test_a_region_holds_five_elastic_ips(net, refused):
    for _ in range(5):
        net.address()
    assert refused(net.address, message=True) == ("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def test_an_address_given_back_comes_late_and_may_be_asked_for_again(net, refused):
    made = net.ec2.allocate_address()
    net.ec2.release_address(AllocationId=made["AllocationId"])
    assert refused(net.ec2.release_address, AllocationId=made["AllocationId"]) == "InvalidAllocationID.NotFound"
    assert net.ec2.allocate_address()["PublicIp"] != made["PublicIp"]
    again = net.ec2.allocate_address(Address=made["PublicIp"])
    assert again["PublicIp"] == made["PublicIp"] and again["AllocationId"] != made["AllocationId"]
    assert refused(net.ec2.allocate_address, Address=made["PublicIp"]) == "InvalidAddress.NotFound"


def test_an_address_needs_an_internet_gateway(net, refused):
    interface = net.interface(net.subnet(net.vpc()))
    assert refused(net.ec2.associate_address, AllocationId=net.address(), NetworkInterfaceId=interface) == "Gateway.NotAttached"


def test_an_associated_address_is_seen_from_both_sides(net, public):
    vpc, subnet = public
    interface, address = net.interface(subnet, PrivateIpAddress="10.0.1.10"), net.address()
    id_ = net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    assert not net.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["Association"].get("PublicDnsName")
    net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})        # the name appears when names are switched on
    found, ip = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0], eip(net, address)["PublicIp"]
    name = f"ec2-{ip.replace('.', '-')}.compute-1.amazonaws.com"
    assert found["Association"] == {"AllocationId": address, "AssociationId": id_, "IpOwnerId": net.cloud.account, "PublicIp": ip, "PublicDnsName": name}
    assert eip(net, address)["AssociationId"] == id_ and eip(net, address)["PrivateIpAddress"] == "10.0.1.10" and eip(net, address)["NetworkInterfaceOwnerId"] == net.cloud.account
    assert net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"] == id_  # said again, nothing changes
    for name, value in (("public-ip", ip), ("association-id", id_), ("private-ip-address", "10.0.1.10"), ("network-interface-id", interface)):
        assert len(net.ec2.describe_addresses(Filters=[{"Name": name, "Values": [value]}])["Addresses"]) == 1


def test_a_private_address_has_one_elastic_ip_and_the_second_displaces_the_first(net, public):
    _, subnet = public
    interface, first, second = net.interface(subnet), net.address(), net.address()
    net.ec2.associate_address(AllocationId=first, NetworkInterfaceId=interface)
    net.ec2.associate_address(AllocationId=second, NetworkInterfaceId=interface)
    assert "AssociationId" not in eip(net, first) and eip(net, second)["NetworkInterfaceId"] == interface


def test_an_address_moves_unless_reassociation_is_forbidden(net, public, refused):
    _, subnet = public
    a, b, address = net.interface(subnet), net.interface(subnet), net.address()
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=a)
    assert refused(net.ec2.associate_address, AllocationId=address, NetworkInterfaceId=b, AllowReassociation=False) == "Resource.AlreadyAssociated"
    net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=b)
    assert eip(net, address)["NetworkInterfaceId"] == b
    assert "Association" not in net.ec2.describe_network_interfaces(NetworkInterfaceIds=[a])["NetworkInterfaces"][0]


def test_secondary_private_addresses_have_elastic_ips_of_their_own(net, public, refused):
    _, subnet = public
    interface, first, second = net.interface(subnet, SecondaryPrivateIpAddressCount=1), net.address(), net.address()
    rows = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["PrivateIpAddresses"]
    for address, row in ((first, rows[0]), (second, rows[1])):
        net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface, PrivateIpAddress=row["PrivateIpAddress"])
    assert eip(net, first)["NetworkInterfaceId"] == eip(net, second)["NetworkInterfaceId"] == interface
    other = next(f"10.0.1.{n}" for n in (9, 10, 11) if f"10.0.1.{n}" not in {row["PrivateIpAddress"] for row in rows})
    assert refused(net.ec2.associate_address, AllocationId=first, NetworkInterfaceId=interface, PrivateIpAddress=other) == "InvalidParameterValue"


def test_an_associated_address_is_not_released(net, public, refused):
    _, subnet = public
    interface, address = net.interface(subnet), net.address()
    id_ = net.ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface)["AssociationId"]
    assert refused(net.ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    assert refused(net.ec2.release_address, PublicIp=eip(net, address)["PublicIp"]) == "InvalidParameterValue"
    net.ec2.disassociate_address(AssociationId=id_)
    assert refused(net.ec2.disassociate_address, AssociationId=id_) == "InvalidAssociationID.NotFound"
    net.ec2.release_address(AllocationId=address)


def test_an_elastic_ip_outlives_its_interface(net, public):
    _, subnet = public
    interface, address = net.interface(subnet), net.address()
    net.ec2.associate_address(PublicIp=eip(net, address)["PublicIp"], NetworkInterfaceId=interface)
    net.ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert "NetworkInterfaceId" not in eip(net, address)


@pytest.mark.parametrize(("more", "code"), [({}, "MissingParameter"), ({"AllocationId": "eipalloc-0123456789abcdef0"}, "InvalidAllocationID.NotFound"), ({"PublicIp": "203.0.113.1"}, "InvalidAddress.NotFound")])
def test_what_an_association_names_must_be_there(net, public, refused, more, code):
    assert refused(net.ec2.associate_address, NetworkInterfaceId=net.interface(public[1]), **more) == code
    assert refused(net.ec2.associate_address, AllocationId=net.address()) == "MissingParameter"
    assert refused(net.ec2.associate_address, AllocationId=net.address(), InstanceId="i-0123456789abcdef0") == "InvalidInstanceID.NotFound"


def test_a_reverse_name_is_kept_for_an_address(net):
    address = net.address()
    answer = net.ec2.modify_address_attribute(AllocationId=address, DomainName="mail.example.com")["Address"]
    assert answer["PtrRecordUpdate"]["Status"] == "PENDING"
    assert net.ec2.describe_addresses_attribute(AllocationIds=[address], Attribute="domain-name")["Addresses"][0]["PtrRecord"] == "mail.example.com."
    net.ec2.reset_address_attribute(AllocationId=address, Attribute="domain-name")
    assert "PtrRecord" not in net.ec2.describe_addresses_attribute(AllocationIds=[address], Attribute="domain-name")["Addresses"][0]


def test_nobody_brought_addresses_of_his_own(net, refused):
    assert net.ec2.describe_public_ipv4_pools()["PublicIpv4Pools"] == []
    assert refused(net.ec2.allocate_address, PublicIpv4Pool="ipv4pool-ec2-0123456789abcdef0") == "InvalidPublicIpv4PoolID.NotFound"


def test_an_address_goes_to_another_account_that_takes_it(net, refused):
    other = net.cloud.other()
    far, address = other.client("ec2"), net.ec2.allocate_address()
    offer = net.ec2.enable_address_transfer(AllocationId=address["AllocationId"], TransferAccountId=other.account)["AddressTransfer"]
    assert offer["AddressTransferStatus"] == "pending" and offer["PublicIp"] == address["PublicIp"]
    assert refused(net.ec2.accept_address_transfer, Address=address["PublicIp"]) == "InvalidTransfer.AddressNotEnabled"  # it was not offered to us
    assert far.accept_address_transfer(Address=address["PublicIp"])["AddressTransfer"]["AddressTransferStatus"] == "accepted"
    assert far.describe_addresses(PublicIps=[address["PublicIp"]])["Addresses"][0]["AllocationId"] == address["AllocationId"]
    assert net.ec2.describe_addresses()["Addresses"] == []
    assert net.ec2.describe_address_transfers()["AddressTransfers"][0]["AddressTransferStatus"] == "accepted"
    assert refused(far.accept_address_transfer, Address=address["PublicIp"]) == "InvalidTransfer.AddressNotEnabled"


def test_an_offer_is_taken_back_or_runs_out_after_a_week(net, refused):
    other = net.cloud.other()
    far, address = other.client("ec2"), net.ec2.allocate_address()
    net.ec2.enable_address_transfer(AllocationId=address["AllocationId"], TransferAccountId=other.account)
    assert net.ec2.disable_address_transfer(AllocationId=address["AllocationId"])["AddressTransfer"]["AddressTransferStatus"] == "disabled"
    assert refused(far.accept_address_transfer, Address=address["PublicIp"]) == "InvalidTransfer.AddressNotEnabled"
    assert refused(net.ec2.disable_address_transfer, AllocationId=address["AllocationId"]) == "InvalidTransfer.AddressNotEnabled"
    net.ec2.enable_address_transfer(AllocationId=address["AllocationId"], TransferAccountId=other.account)
    net.cloud.advance(hours=24 * 8)
    assert refused(far.accept_address_transfer, Address=address["PublicIp"]) == "InvalidTransfer.AddressNotEnabled"
    assert refused(net.ec2.enable_address_transfer, AllocationId=address["AllocationId"], TransferAccountId="me") == "InvalidParameterValue"
