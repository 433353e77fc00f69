"""The API's network carries packets: what the calls say is in the kernel when the clock has settled."""
import ssl

from ...engines.test_net_kernel import echo
from .plugged import Plugged
from .test_network_insights import Net


def test_a_rule_given_is_a_rule_in_force_and_one_taken_is_out_of_it(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    (one, private, _), (two, server, _) = plugged.plug(net.subnets[0], [net.groups[0]]), plugged.plug(net.subnets[1], [net.groups[1]])
    plugged.listen(two, 443)
    assert plugged.ask(one, server, 443, patience=0.2) == ""
    net.open(443)
    plugged.settled()
    assert plugged.ask(one, server, 443) == private
    assert plugged.ask(one, server, 444, patience=0.2) == ""       # dropped, not refused
    three, newcomer, _ = plugged.plug(net.subnets[0], [net.groups[0]])
    plugged.settled()
    assert plugged.ask(three, server, 443) == newcomer             # a new member of the group that the rule names
    net.ec2.revoke_security_group_ingress(GroupId=net.groups[1], IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": net.groups[0]}]}])
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="tcp", FromPort=444, ToPort=444, CidrIp=f"{private}/32")
    plugged.settled()
    assert plugged.ask(one, server, 443, patience=0.2) == "" and plugged.ask(one, server, 444) == "refused"


def test_an_acl_is_asked_both_ways(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    net.open(443)
    (one, private, _), (two, server, _) = plugged.plug(net.subnets[0], [net.groups[0]]), plugged.plug(net.subnets[1], [net.groups[1]])
    plugged.listen(two, 443)
    assert plugged.ask(one, server, 443) == private
    net.ec2.replace_network_acl_entry(NetworkAclId=net.acl, RuleNumber=100, Protocol="6", RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0", PortRange={"From": 443, "To": 443})
    plugged.settled()
    assert plugged.ask(one, server, 443, patience=0.2) == ""       # the answer goes to an ephemeral port
    three, neighbour, _ = plugged.plug(net.subnets[1], [net.groups[0]])
    plugged.settled()
    assert plugged.ask(three, server, 443) == neighbour            # within a subnet no ACL is asked
    net.ec2.create_network_acl_entry(NetworkAclId=net.acl, RuleNumber=110, Protocol="6", RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0", PortRange={"From": 1024, "To": 65535})
    plugged.settled()
    assert plugged.ask(one, server, 443) == private


REQUEST = "GET /{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"


def test_awss_services_are_beyond_the_internet_gateway_and_cloches_controls_are_not(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    (one, _, public), (two, _, _) = plugged.plug(net.subnets[0], [net.groups[0]], public_address=True), plugged.plug(net.subnets[1], [net.groups[0]])
    host = "a-bucket-that-is-not.s3.us-east-1.amazonaws.com"
    from cloche.engines.net.topology import service_address
    at = service_address(host)
    ask = REQUEST.format("key", host).encode()
    assert plugged.ask(one, at, 80, ask, patience=0.2) == ""
    net.lead()
    plugged.settled()
    assert "<Code>NoSuchBucket</Code>" in plugged.ask(one, at, 80, ask)
    assert plugged.ask(two, at, 80, ask, patience=0.2) == ""                                          # no public address, no way out
    assert plugged.ask(one, at, 80, REQUEST.format("_cloche/health", host).encode()).startswith("HTTP/1.1 403")
    assert plugged.ask(one, "127.0.0.1", cloud.port, patience=0.2) == "refused"                       # its own loopback, not the host's
    for host_address in ("10.0.0.1", "169.254.169.254"):
        assert plugged.ask(one, host_address, cloud.port, patience=0.15) == ""
    assert public.startswith("198.18.")


def test_a_service_speaks_tls_under_the_name_that_it_is_asked_by(plugged):
    cloud = plugged.cloud
    import asyncio

    from cloche.services.ec2 import world
    net = Net(cloud)
    net.lead()
    one, _, _ = plugged.plug(net.subnets[0], [net.groups[0]], public_address=True)

    async def talk():
        loop = asyncio.get_running_loop()
        made = await world.running(plugged.call).socket(one, "tcp", "", 0, backlog=0)
        await loop.sock_connect(made, ("198.19.200.9", 443))
        trust = ssl.create_default_context(cafile=str(plugged.server.bell.data / "ca.pem"))
        reader, writer = await asyncio.open_connection(sock=made, ssl=trust, server_hostname="sqs.us-east-1.amazonaws.com")
        writer.write(REQUEST.format("", "sqs.us-east-1.amazonaws.com").encode())
        said = await asyncio.wait_for(reader.read(), 3)
        writer.close()
        return said
    assert plugged(talk()).startswith(b"HTTP/1.1 4")


def test_another_accounts_vpc_is_reached_by_its_public_side_or_a_peering_alone(real_server, plugged):
    cloud = plugged.cloud
    here, there = Net(cloud), Net(cloud.other(), "10.1.0.0/16")
    far = Plugged(real_server, there.cloud)
    here.lead()
    there.lead()
    one, private, public = plugged.plug(here.subnets[0], [here.groups[0]], public_address=True)
    two, server, published = far.plug(there.subnets[0], [there.groups[1]], public_address=True)
    there.ec2.authorize_security_group_ingress(GroupId=there.groups[1], IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    far.listen(two, 80)
    plugged.settled()
    assert plugged.ask(one, server, 80, patience=0.2) == "" and plugged.ask(one, published, 80) == public
    peering = here.ec2.create_vpc_peering_connection(VpcId=here.vpc, PeerVpcId=there.vpc, PeerOwnerId=there.cloud.account)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    there.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    here.ec2.create_route(RouteTableId=here.table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    plugged.settled()
    assert plugged.ask(one, server, 80, patience=0.2) == ""         # no way back yet
    there.ec2.create_route(RouteTableId=there.table, DestinationCidrBlock="10.0.0.0/16", VpcPeeringConnectionId=peering)
    plugged.settled()
    assert plugged.ask(one, server, 80) == private
    far.close()


def test_behind_a_nat_gateway_one_goes_out_under_its_address(plugged):
    import asyncio
    import ipaddress

    from cloche.services.ec2 import world
    cloud = plugged.cloud
    net = Net(cloud)
    net.lead()
    one, private_source, _ = plugged.plug(net.subnets[1], [net.groups[0]])
    two, server, public = plugged.plug(net.subnets[0], [net.groups[1]], public_address=True)
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    plugged.listen(two, 80)
    address = net.ec2.allocate_address(Domain="vpc")
    nat = net.ec2.create_nat_gateway(SubnetId=net.subnets[0], AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    cloud.advance(5)
    private = net.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    net.ec2.associate_route_table(RouteTableId=private, SubnetId=net.subnets[1])
    plugged.settled()
    assert plugged.ask(one, public, 80, patience=0.2) == ""
    net.ec2.create_route(RouteTableId=private, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    plugged.settled()
    assert plugged.ask(one, public, 80) == address["PublicIp"]
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="udp", FromPort=53, ToPort=53, CidrIp="0.0.0.0/0")
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="icmp", FromPort=-1, ToPort=-1, CidrIp="0.0.0.0/0")
    plugged.settled()

    async def datagrams():
        held, loop = world.running(plugged.call), asyncio.get_running_loop()
        there, here = await held.socket(two, "udp", server, 53), await held.socket(one, "udp", "", 0)
        try:
            came = loop.create_future()
            loop.add_reader(there.fileno(), lambda: came.done() or came.set_result(there.recvfrom(99)))
            here.sendto(b"question", (public, 53))
            asked, asker = await asyncio.wait_for(came, 5)
            there.sendto(asked + b" answered", asker)
            return asker, await asyncio.wait_for(loop.sock_recv(here, 99), 5)
        finally:
            loop.remove_reader(there.fileno())
            there.close()
            here.close()
    (seen, port), answer = plugged(datagrams())
    assert seen == address["PublicIp"] and 1024 <= port <= 65535 and answer == b"question answered"

    async def ping():
        loop, raw = asyncio.get_running_loop(), await world.running(plugged.call).socket(one, "raw", "", 0, protocol=1)
        try:
            raw.sendto(echo(7), (public, 0))
            async with asyncio.timeout(5):
                while (said := await loop.sock_recv(raw, 200))[20] != 0:        # an echo's answer
                    pass
            return ipaddress.ip_address(said[12:16])
        finally:
            raw.close()
    assert str(plugged(ping())) == public
    assert plugged.ask(one, server, 80) == private_source           # inside the VPC the local route takes it, and the private source is seen
    assert plugged.ask(two, address["PublicIp"], 80, patience=0.2) == ""        # nothing listens at the gateway's address
    entry = {"NetworkAclId": net.acl, "RuleNumber": 50, "Egress": False}
    net.ec2.create_network_acl_entry(**entry, Protocol="-1", RuleAction="deny", CidrBlock=f"{private_source}/32")
    plugged.settled()
    assert plugged.ask(one, public, 80, patience=0.2) == ""         # no group filters it, but the ACL of its subnet does
    net.ec2.delete_network_acl_entry(**entry)
    s3 = "198.19.1.7", 80, REQUEST.format("key", "no-such-bucket-of-ours.s3.us-east-1.amazonaws.com").encode()
    plugged.settled()
    assert "<Code>NoSuchBucket</Code>" in plugged.ask(one, *s3)
    net.ec2.delete_route(RouteTableId=net.table, DestinationCidrBlock="0.0.0.0/0")
    plugged.settled()
    assert plugged.ask(one, *s3, patience=0.2) == ""                # its subnet is not public any more
    net.lead()
    plugged.settled()
    assert plugged.ask(one, public, 80) == address["PublicIp"]
    net.ec2.delete_nat_gateway(NatGatewayId=nat)
    cloud.advance(5)
    assert plugged.ask(one, public, 80, patience=0.2) == ""         # a blackhole, not the next best route


def test_the_longest_prefix_takes_a_packet_even_into_a_blackhole(plugged):
    net = Net(plugged.cloud)
    net.lead()
    (one, private, public), (two, server, published) = (plugged.plug(subnet, [net.groups[1]], public_address=True) for subnet in net.subnets)
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    plugged.listen(two, 80)
    plugged.settled()
    assert plugged.ask(one, published, 80) == public and plugged.ask(one, server, 80) == private       # out by the gateway and in again, or inside
    net.ec2.create_route(RouteTableId=net.table, DestinationCidrBlock=f"{published}/32", NetworkInterfaceId=net.plugs[0])     # an interface of nobody
    plugged.settled()
    assert plugged.ask(one, published, 80, patience=0.2) == ""      # dropped: the shorter route is not the next best
    net.ec2.delete_route(RouteTableId=net.table, DestinationCidrBlock=f"{published}/32")
    plugged.settled()
    assert plugged.ask(one, published, 80) == public


def test_a_flow_outlives_the_rule_that_let_it_in_but_no_acl_and_no_rule_for_everybody(plugged):
    import asyncio

    from cloche.services.ec2 import world
    net = Net(plugged.cloud)
    (one, private, _), (two, server, _) = (plugged.plug(subnet, [group]) for subnet, group in zip(net.subnets, net.groups))
    loop, held = asyncio.get_running_loop, world.running(plugged.call)

    async def connected():
        listener, client = await held.socket(two, "tcp", server, 80), await held.socket(one, "tcp", "", 0, backlog=0)
        await asyncio.wait_for(loop().sock_connect(client, (server, 80)), 5)
        there, _ = await loop().sock_accept(listener)
        listener.close()
        return client, there

    async def heard(client, there, patience):
        await loop().sock_sendall(client, b"x")
        try:
            return await asyncio.wait_for(loop().sock_recv(there, 9), patience)
        except TimeoutError:
            return b""

    def rule(cidr):
        return {"GroupId": net.groups[1], "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": cidr}]}]}
    for cidr, lives in (("10.0.0.0/16", True), ("0.0.0.0/0", False)):
        net.ec2.authorize_security_group_ingress(**rule(cidr))
        plugged.settled()
        flow = plugged(connected())
        assert plugged(heard(*flow, 5)) == b"x"
        net.ec2.revoke_security_group_ingress(**rule(cidr))
        plugged.settled()
        assert (plugged(heard(*flow, 5 if lives else 0.3)) == b"x") is lives
        if lives:
            net.ec2.create_network_acl_entry(NetworkAclId=net.acl, RuleNumber=50, Egress=False, Protocol="-1", RuleAction="deny", CidrBlock=f"{private}/32")
            plugged.settled()
            assert plugged(heard(*flow, 0.3)) == b""
            net.ec2.delete_network_acl_entry(NetworkAclId=net.acl, RuleNumber=50, Egress=False)
        for end in flow:
            end.close()


def test_a_network_that_its_owner_broke_is_whole_again_when_it_boots(plugged):
    from cloche.services.ec2 import network, world
    net = Net(plugged.cloud)
    (one, private, _), (two, server, _) = plugged.plug(net.subnets[0], [net.groups[0]]), plugged.plug(net.subnets[1], [net.groups[1]])
    net.open(443)
    plugged.listen(two, 443)
    plugged.settled()
    plugged(world.running(plugged.call).run(one, ["ip", "addr", "flush", "dev", "eth0"]))
    assert "unreachable" in str(plugged(world.running(plugged.call).run(one, ["sh", "-c", f"ip route get {server} 2>&1"])))
    plugged(network.ready(plugged.call, one))
    assert plugged.ask(one, server, 443) == private


def test_the_time_server_tells_the_clouds_time(plugged):
    import asyncio
    import struct

    from cloche.services.ec2 import world
    net = Net(plugged.cloud)
    one, _, _ = plugged.plug(net.subnets[0], [net.groups[0]])

    async def ask():
        loop = asyncio.get_running_loop()
        made = await world.running(plugged.call).socket(one, "udp", "", 0)
        try:
            await loop.sock_connect(made, ("169.254.169.123", 123))
            await loop.sock_sendall(made, b"\x23" + bytes(39) + b"12345678")
            return await asyncio.wait_for(loop.sock_recv(made, 100), 2)
        finally:
            made.close()
    plugged.cloud.advance(hours=1)
    said = plugged(ask())
    assert len(said) == 48 and said[0] == 0x24 and said[24:32] == b"12345678"
    assert abs(struct.unpack("!I", said[40:44])[0] - 2208988800 - plugged.cloud.now) < 3


def test_nothing_stands_for_accounts_that_run_nothing(plugged):
    cloud = plugged.cloud
    from cloche.services.ec2 import network
    net = Net(cloud)
    assert net.vpc not in network.spaces(plugged.call)
    one, _, _ = plugged.plug(net.subnets[0], [net.groups[0]])
    assert {net.vpc, one, "internet"} <= network.spaces(plugged.call)
    plugged.release(one)
    plugged.settled()
    assert not {net.vpc, one} & network.spaces(plugged.call)
    assert (plugged.cloud.account, "us-east-1") not in network.standing(plugged.call).parts
    again, private, _ = plugged.plug(net.subnets[0], [net.groups[0]])
    plugged.listen(again, 80)
    assert plugged.ask(again, private, 80) == private
