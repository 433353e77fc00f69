"""Networks after a kill -9."""


def test_addresses_that_were_taken_are_taken_after_a_crash(process, refused):
    cloud = process()
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/28")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.1.9", ClientToken="t")["NetworkInterface"]["NetworkInterfaceId"]
    address, default = ec2.allocate_address(), ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    cloud.kill()
    cloud.start()
    ec2 = cloud.client("ec2")
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 10
    assert ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.1.9", ClientToken="t")["NetworkInterface"]["NetworkInterfaceId"] == interface
    assert refused(ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress="10.0.1.9") == "InvalidIPAddress.InUse"
    assert ec2.allocate_address()["PublicIp"] != address["PublicIp"] and ec2.describe_addresses(PublicIps=[address["PublicIp"]])["Addresses"]
    assert ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"] == default
