"""What a VPC's resolver answers, asked of the records; and once with real packets from an interface's own namespace."""
import asyncio
import ipaddress

import pytest

from cloche.engines.net import dns, topology
from cloche.services.ec2 import network, resolver, world

from ...engines.test_dns import parse, query
from .hybrid import Net
from .plugged import Plugged


class Asked(Net):
    """Names looked up as from within a VPC of this account and region."""

    def __init__(self, cloud, server, region="us-east-1"):
        super().__init__(cloud, region)
        self.server = server

    def look(self, vpc, name, type_="A"):
        """(code, values)"""
        async def ask():
            cloud = self.server.bell.cloud
            return resolver.answer(cloud.internal(cloud.service("ec2"), self.account, self.region), vpc, name + ".", type_)
        reply = asyncio.run_coroutine_threadsafe(ask(), self.server._loop).result(10)
        return reply.code, [value for _, _, _, value in reply.records]

    def zone(self, name, vpc=None, **records):
        dns = self.cloud.client("route53")
        more = {"VPC": {"VPCRegion": self.region, "VPCId": vpc}} if vpc else {}
        id_ = dns.create_hosted_zone(Name=name, CallerReference=f"{name}{vpc}", **more)["HostedZone"]["Id"]
        for host, value in records.items():
            kind = "CNAME" if not value[0].isdigit() else "A"
            dns.change_resource_record_sets(HostedZoneId=id_, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {
                "Name": f"{host}.{name}", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}}]})
        return id_


@pytest.fixture
def net(cloud, cloche_server):
    return Asked(cloud, cloche_server)


def public(net, vpc, subnet):
    """An interface with an Elastic IP: (its private address, its public one, the public DNS name)."""
    gateway = net.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    net.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    eni = net.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    eip = net.ec2.allocate_address(Domain="vpc")
    net.ec2.associate_address(AllocationId=eip["AllocationId"], NetworkInterfaceId=eni["NetworkInterfaceId"])
    zone = "compute-1" if net.region == "us-east-1" else f"{net.region}.compute"
    return eni["PrivateIpAddress"], eip["PublicIp"], f"ec2-{eip['PublicIp'].replace('.', '-')}.{zone}.amazonaws.com"


class TestInstances:
    def test_private_names_need_hostnames_and_the_region(self, net, cloud, cloche_server):
        plain, named = net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16", dns=True)
        assert net.look(named, "ip-10-1-0-7.ec2.internal") == ("NOERROR", ["10.1.0.7"])
        assert net.look(named, "ip-10-0-0-7.ec2.internal") == ("NOERROR", ["10.0.0.7"])        # of another VPC of the region, too
        assert net.look(named, "ip-8-8-8-8.ec2.internal")[0] == net.look(named, "ip-10-1-0-7.eu-west-1.compute.internal")[0] == "NXDOMAIN"
        assert net.look(plain, "ip-10-0-0-7.ec2.internal")[0] == "NXDOMAIN"
        far = Asked(cloud, cloche_server, "eu-west-1")
        vpc = far.vpc("10.2.0.0/16", dns=True)
        assert far.look(vpc, "ip-10-2-0-7.eu-west-1.compute.internal") == ("NOERROR", ["10.2.0.7"]) and far.look(vpc, "ip-10-2-0-7.ec2.internal")[0] == "NXDOMAIN"

    def test_addresses_have_names(self, net):
        vpc = net.vpc("10.1.0.0/16", dns=True)
        assert net.look(vpc, "7.0.1.10.in-addr.arpa", "PTR") == ("NOERROR", ["ip-10-1-0-7.ec2.internal."])
        assert net.look(vpc, "8.8.8.8.in-addr.arpa", "PTR")[0] == "NXDOMAIN"

    def test_without_dns_support_there_is_no_answer(self, net):
        vpc = net.vpc()
        net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": False})
        assert net.look(vpc, "sqs.us-east-1.amazonaws.com") == ("SERVFAIL", [])

    def test_a_public_name_is_private_inside_and_public_outside(self, net):
        inside, outside = net.vpc("10.1.0.0/16", dns=True), net.vpc("10.2.0.0/16", dns=True)
        private, address, name = public(net, inside, net.subnet(inside, "10.1.0.0/24"))
        assert net.look(inside, name) == ("NOERROR", [private]) and net.look(outside, name) == ("NOERROR", [address])
        assert net.look(outside, name, "AAAA") == ("NOERROR", [])
        assert net.look(outside, name.replace("compute-1", "eu-west-1.compute")) == ("NOERROR", [])

    def test_a_peer_sees_the_private_address_once_it_is_allowed(self, net):
        one, two = net.vpc("10.1.0.0/16", dns=True), net.vpc("10.2.0.0/16", dns=True)
        private, address, name = public(net, one, net.subnet(one, "10.1.0.0/24"))
        pcx = net.ask(one, two)
        net.accept(pcx)
        assert net.look(two, name) == ("NOERROR", [address])
        net.ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True})
        assert net.look(two, name) == ("NOERROR", [private])
        net.ec2.modify_vpc_attribute(VpcId=two, EnableDnsHostnames={"Value": False})
        assert net.look(two, name) == ("NOERROR", [address])
        net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert net.look(two, name) == ("NOERROR", [address])


class TestZones:
    def test_a_private_zone_is_seen_by_its_vpcs_alone(self, net):
        one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
        net.zone("corp.internal", one, www="10.1.0.5", alias="www.corp.internal")
        assert net.look(one, "www.corp.internal") == ("NOERROR", ["10.1.0.5"]) and net.look(one, "alias.corp.internal") == ("NOERROR", ["www.corp.internal", "10.1.0.5"])
        assert net.look(one, "nothing.corp.internal")[0] == "NXDOMAIN" and net.look(two, "www.corp.internal")[0] == "NXDOMAIN"

    def test_the_more_specific_zone_answers_alone(self, net):
        vpc, domain = net.vpc(), f"{net.account}.example"
        net.zone(domain, www="192.0.2.1", other="192.0.2.2")
        assert net.look(vpc, f"www.{domain}") == ("NOERROR", ["192.0.2.1"])
        net.zone(domain, vpc, www="10.0.0.9")
        assert net.look(vpc, f"www.{domain}") == ("NOERROR", ["10.0.0.9"])
        assert net.look(vpc, f"other.{domain}")[0] == "NXDOMAIN"                      # the private zone hides the public one
        net.zone(f"sub.{domain}", vpc, www="10.0.0.10")
        assert net.look(vpc, f"www.sub.{domain}") == ("NOERROR", ["10.0.0.10"])

    def test_public_zones_are_reached_by_delegation(self, net):
        vpc, domain, dns = net.vpc(), f"{net.account}.example", net.cloud.client("route53")
        parent, child = net.zone(domain), net.zone(f"dev.{domain}", www="192.0.2.7")
        assert net.look(vpc, f"www.dev.{domain}")[0] == "NXDOMAIN"                    # nobody was told
        servers = dns.get_hosted_zone(Id=child)["DelegationSet"]["NameServers"]
        dns.change_resource_record_sets(HostedZoneId=parent, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {
            "Name": f"dev.{domain}", "Type": "NS", "TTL": 60, "ResourceRecords": [{"Value": x} for x in servers]}}]})
        assert net.look(vpc, f"www.dev.{domain}") == ("NOERROR", ["192.0.2.7"])

    def test_nothing_outside_is_asked(self, net):
        assert net.look(net.vpc(), "www.wikipedia.org") == ("NXDOMAIN", [])


class TestServices:
    def test_awss_names_lead_to_cloche(self, net):
        vpc = net.vpc()
        for name, where in (("sqs.us-east-1.amazonaws.com", topology.OTHER_SERVICES), ("bucket.s3.us-east-1.amazonaws.com", topology.S3_RANGE), ("s3.amazonaws.com", topology.S3_RANGE),
                            ("dynamodb.us-east-1.amazonaws.com", topology.DYNAMODB_RANGE), ("iam.amazonaws.com", topology.OTHER_SERVICES), ("abc.execute-api.eu-west-1.amazonaws.com", topology.OTHER_SERVICES),
                            ("d111.cloudfront.net", topology.OTHER_SERVICES)):
            code, found = net.look(vpc, name)
            assert code == "NOERROR" and ipaddress.ip_address(found[0]) in ipaddress.ip_network(where), name
        assert net.look(vpc, "sqs.us-east-1.amazonaws.com", "AAAA") == ("NOERROR", [])
        assert net.look(vpc, "nothing.of.the.kind.amazonaws.com")[0] == "NXDOMAIN"

    def test_private_dns_leads_to_the_endpoint_in_its_vpc(self, net):
        one, two = net.vpc("10.1.0.0/16", dns=True), net.vpc("10.2.0.0/16", dns=True)
        made = net.ec2.create_vpc_endpoint(VpcId=one, ServiceName="com.amazonaws.us-east-1.sqs", VpcEndpointType="Interface", SubnetIds=[net.subnet(one, "10.1.0.0/24")])["VpcEndpoint"]
        eni = net.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]["PrivateIpAddress"]
        assert net.look(one, "sqs.us-east-1.amazonaws.com") == ("NOERROR", [eni]) and net.look(two, "sqs.us-east-1.amazonaws.com")[1] != [eni]
        for entry in made["DnsEntries"][:2]:
            assert net.look(two, entry["DnsName"]) == ("NOERROR", [eni])
        net.ec2.modify_vpc_endpoint(VpcEndpointId=made["VpcEndpointId"], PrivateDnsEnabled=False)
        assert net.look(one, "sqs.us-east-1.amazonaws.com")[1] != [eni]

    def test_a_wildcard_service_takes_all_names_below(self, net):
        vpc = net.vpc("10.1.0.0/16", dns=True)
        made = net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.execute-api", VpcEndpointType="Interface", SubnetIds=[net.subnet(vpc, "10.1.0.0/24")])["VpcEndpoint"]
        eni = net.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]["PrivateIpAddress"]
        assert net.look(vpc, "abc123.execute-api.us-east-1.amazonaws.com") == ("NOERROR", [eni])

    def test_a_load_balancer_is_its_nodes_and_an_alias_leads_there(self, net):
        vpc = net.vpc("10.1.0.0/16")
        subnets = [net.subnet(vpc, f"10.1.{n}.0/24", zone) for n, zone in enumerate("ab")]
        made = net.cloud.client("elbv2").create_load_balancer(Name="lb", Scheme="internal", Subnets=subnets)["LoadBalancers"][0]
        code, found = net.look(vpc, made["DNSName"])
        assert code == "NOERROR" and len(found) == 2 and all(x.startswith("10.1.") for x in found)
        zone, domain = net.zone(f"{net.account}.example"), f"{net.account}.example"
        net.cloud.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {
            "Name": domain, "Type": "A", "AliasTarget": {"HostedZoneId": made["CanonicalHostedZoneId"], "DNSName": made["DNSName"], "EvaluateTargetHealth": False}}}]})
        assert sorted(net.look(vpc, domain)[1]) == sorted(found)


def test_it_is_asked_at_base_plus_two_and_at_the_link_local_address(real, real_server):
    net, plugged = Net(real), Plugged(real_server, real)
    vpc = net.vpc("10.1.0.0/16", dns=True)
    net.ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    block = net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    subnet = net.subnet(vpc, "10.1.5.0/24")
    net.ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock=block.replace("/56", "/64"))
    net.ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": True})
    eni, private, _ = plugged.plug(subnet)
    sixth = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["Ipv6Addresses"][0]["Ipv6Address"]

    async def datagram(address, name, patience=5.0):
        loop, sock = asyncio.get_running_loop(), await world.running(plugged.call).socket(eni, "udp", sixth if ":" in address else private, 0)
        try:
            sock.sendto(query(name), (address, 53))
            return parse(await asyncio.wait_for(loop.sock_recv(sock, 4096), patience))
        except (TimeoutError, OSError):
            return None
        finally:
            sock.close()

    async def stream(address, name):
        loop, sock = asyncio.get_running_loop(), await world.running(plugged.call).socket(eni, "tcp", private, 0, backlog=0)
        await asyncio.wait_for(loop.sock_connect(sock, (address, 53)), 5)
        message = query(name)
        await loop.sock_sendall(sock, len(message).to_bytes(2) + message)
        got = await asyncio.wait_for(loop.sock_recv(sock, 4096), 5)
        sock.close()
        return parse(got[2:])
    for address in ("10.1.0.2", "169.254.169.253", "fd00:ec2::253"):
        assert plugged(datagram(address, "ip-10-1-5-9.ec2.internal"))[2][0][3] == bytes([10, 1, 5, 9])
    assert plugged(datagram("10.1.5.2", "ip-10-1-5-9.ec2.internal", 0.3)) is None      # the + 2 of another subnet is reserved, and answers nothing
    assert plugged(stream("10.1.0.2", "sqs.us-east-1.amazonaws.com"))[2][0][3] == ipaddress.ip_address(topology.service_address("sqs.us-east-1.amazonaws.com")).packed
    closed = net.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    [default] = net.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
    net.ec2.replace_network_acl_association(AssociationId=default["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=closed)
    group = net.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]
    net.ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    plugged.settled()
    assert plugged(datagram("10.1.0.2", "ip-10-1-5-9.ec2.internal"))[2][0][3] == bytes([10, 1, 5, 9])       # no group and no ACL judges it
    net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": False})
    plugged(network.ready(plugged.call, eni))
    assert plugged(datagram("10.1.0.2", "sqs.us-east-1.amazonaws.com", 0.3)) is None   # DNS support is off
    plugged.release(eni)


def test_an_instance_looks_names_up_as_any_program_does(real):
    """In the default VPC: by the C library's own resolver, over UDP, and with the SDK's Python."""
    from .test_machines import launch, sh
    ec2, dns = real.client("ec2"), real.client("route53")
    id_ = launch(real)
    found = ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
    vpc = found["VpcId"]
    zone = dns.create_hosted_zone(Name="corp.internal", CallerReference="z", VPC={"VPCRegion": "us-east-1", "VPCId": vpc})["HostedZone"]["Id"]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {
        "Name": "db.corp.internal", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "172.31.9.9"}]}}]})

    efs = real.client("efs")
    fs = efs.create_file_system()["FileSystemId"]
    real.advance(60)
    mount = efs.create_mount_target(FileSystemId=fs, SubnetId=found["SubnetId"])["IpAddress"]
    real.advance(300)
    wanted = {"db.corp.internal": "172.31.9.9", found["PublicDnsName"]: found["PrivateIpAddress"], found["PrivateDnsName"]: found["PrivateIpAddress"],
              "sqs.us-east-1.amazonaws.com": topology.service_address("sqs.us-east-1.amazonaws.com"), f"{fs}.efs.us-east-1.amazonaws.com": mount, "www.wikipedia.org": "-"}
    said = sh(real, id_, f"for name in {' '.join(wanted)}; do (getent ahostsv4 $name || echo -) | head -1 | cut -d' ' -f1; done")
    assert dict(zip(wanted, said.split(), strict=True)) == wanted
    ec2.terminate_instances(InstanceIds=[id_])


def test_a_rule_asks_another_server_and_others_ask_at_an_inbound_endpoint(real, real_server):
    net, plugged = Net(real), Plugged(real_server, real)
    api, vpc = real.client("route53resolver"), net.vpc("10.1.0.0/16", dns=True)
    subnets = [net.subnet(vpc, f"10.1.{n}.0/24", zone) for n, zone in enumerate("ab")]
    group = net.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    net.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}])
    (a, a_ip, _), (server, server_ip, _) = plugged.plug(subnets[0], [group]), plugged.plug(subnets[1], [group])
    ends = {direction: api.create_resolver_endpoint(CreatorRequestId=direction, Direction=direction, SecurityGroupIds=[group], IpAddresses=[{"SubnetId": x} for x in subnets])["ResolverEndpoint"]["Id"]
            for direction in ("INBOUND", "OUTBOUND")}
    rule = api.create_resolver_rule(CreatorRequestId="r", RuleType="FORWARD", DomainName="corp.example", TargetIps=[{"Ip": server_ip}], ResolverEndpointId=ends["OUTBOUND"])["ResolverRule"]["Id"]
    plugged.settled()

    async def serve():
        held = world.running(plugged.call)
        udp, tcp = await held.socket(server, "udp", server_ip, 53), await held.socket(server, "tcp", server_ip, 53)
        return await dns.Server().serve(lambda asked, asker: dns.Reply("NOERROR", ((asked.name, "A", 5, "10.1.1.99"),)), udp, tcp)

    async def look(address, name):
        loop, sock = asyncio.get_running_loop(), await world.running(plugged.call).socket(a, "udp", a_ip, 0)
        sock.sendto(query(name), (address, 53))
        try:
            _code, flags, rows, _ = parse(await asyncio.wait_for(loop.sock_recv(sock, 4096), 6))
            return flags & 15, [row[3] for row in rows]
        finally:
            sock.close()
    other = plugged(serve())
    assert plugged(look("10.1.0.2", "www.corp.example")) == (3, [])                           # the rule is not associated yet
    api.associate_resolver_rule(ResolverRuleId=rule, VPCId=vpc)
    assert plugged(look("10.1.0.2", "www.corp.example")) == (0, [bytes([10, 1, 1, 99])])
    assert plugged(look("10.1.0.2", "www.example"))[0] == 3
    door = api.list_resolver_endpoint_ip_addresses(ResolverEndpointId=ends["INBOUND"])["IpAddresses"][0]["Ip"]
    assert plugged(look(door, "ip-10-1-0-9.ec2.internal")) == (0, [bytes([10, 1, 0, 9])])
    assert plugged(look(door, "www.corp.example")) == (0, [bytes([10, 1, 1, 99])])            # the rules of the endpoint's VPC hold for who asks there

    async def end():
        other.close()
    plugged(end())
    for interface in (a, server):
        plugged.release(interface)
