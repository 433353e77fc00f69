"""Requests through real load balancers to real targets: packets from the public side, listeners in the VPC, security groups in between."""
import asyncio
import gzip
import http.client
import json
import socket
import ssl
import time

import pytest

from .conftest import forward, says
from .machines import tells
from .test_listeners import imported


def test_targets_see_the_balancers_private_addresses_and_take_turns(lb):
    one, two = lb.machine(), lb.machine(zone=1)
    balancer = lb.behind(one, two)
    assert lb.health(balancer["group"]) == {one.address: ("healthy", ""), two.address: ("healthy", "")}
    said = [lb.ask(balancer, "/x?y=1", headers={"X-Mine": "yes", "User-Agent": "t"}).text for _ in range(4)]
    assert sorted(said) == ["m0", "m0", "m1", "m1"]
    method, target, headers, body = one.asked[0]
    told = dict(headers)
    assert (method, target, body) == ("GET", "/x?y=1", b"") and told["Host"] == balancer["DNSName"] and told["X-Mine"] == "yes"
    assert told["X-Forwarded-Proto"] == "http" and told["X-Forwarded-Port"] == "80" and told["X-Amzn-Trace-Id"].startswith("Root=1-") and told["X-Forwarded-For"].count(".") == 3
    path = balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    nodes = {i["PrivateIpAddress"] for i in lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"]}
    assert set(one.peers + two.peers) <= nodes


def test_the_targets_group_must_admit_the_balancers_group(lb):
    own = lb.ec2.create_security_group(GroupName="own", Description="own", VpcId=lb.vpc)["GroupId"]
    one = lb.machine(groups=[own])
    balancer = lb.behind(one)
    assert lb.health(balancer["group"]) == {one.address: ("initial", "Elb.InitialHealthChecking")}
    lb.cloud.advance(10)
    assert lb.health(balancer["group"]) == {one.address: ("unhealthy", "Target.Timeout")}
    lb.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": lb.open_group}]}])
    lb.cloud.advance(50)
    assert lb.health(balancer["group"]) == {one.address: ("healthy", "")} and lb.ask(balancer).text == "m0"


def test_a_target_is_unhealthy_after_two_failed_checks_and_healthy_after_five(lb):
    state = {"code": 200}
    one = lb.machine(lambda *_: (state["code"], [], b"x"))
    balancer = lb.behind(one)
    state["code"] = 500
    lb.cloud.advance(10)
    assert lb.health(balancer["group"])[one.address][0] == "healthy"
    lb.cloud.advance(10)
    told = lb.client.describe_target_health(TargetGroupArn=balancer["group"])["TargetHealthDescriptions"][0]["TargetHealth"]
    assert told == {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed with these codes: [500]"}
    assert lb.ask(balancer).status == 500                      # nobody is well: all are used
    state["code"] = 200
    lb.cloud.advance(40)
    assert lb.health(balancer["group"])[one.address][0] == "unhealthy"
    lb.cloud.advance(10)
    assert lb.health(balancer["group"])[one.address][0] == "healthy"


def test_an_unhealthy_target_gets_no_requests_while_others_are_well(lb):
    one, two = lb.machine(), lb.machine()
    balancer = lb.behind(one, two)
    one.stop()
    lb.cloud.advance(20)
    assert lb.health(balancer["group"]) == {one.address: ("unhealthy", "Target.FailedHealthChecks"), two.address: ("healthy", "")}
    assert {lb.ask(balancer).text for _ in range(4)} == {"m1"}


def test_502_for_who_refuses_or_talks_no_http_and_504_for_who_is_silent(lb):
    said = {"what": (200, [], b"fine")}
    one = lb.machine(lambda *_: said["what"])
    balancer = lb.behind(one)
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "1"}])
    assert lb.ask(balancer).text == "fine"
    said["what"] = b"this is no HTTP\r\n\r\n"
    assert lb.ask(balancer).status == 502
    said["what"] = b""
    assert lb.ask(balancer).status == 502                      # closed without an answer
    said["what"] = None
    began = time.monotonic()
    assert lb.ask(balancer).status == 504 and time.monotonic() - began < 3
    one.stop()
    assert lb.ask(balancer).status == 502                      # refused


def test_a_connection_to_the_target_is_kept_for_the_next_request(lb):
    one = lb.machine()
    balancer = lb.behind(one)
    one.peers.clear()
    for _ in range(6):
        assert lb.ask(balancer).text == "m0"
    assert len(one.peers) <= 2                                 # one from each node


def test_bodies_go_through_in_both_directions(lb):
    one = lb.machine(lambda method, target, headers, body: (200, [("X-Length", str(len(body)))], body))
    balancer = lb.behind(one)
    data = bytes(range(256)) * 20000                            # 5 MB: a stream, with back pressure
    said = lb.ask(balancer, "/", "POST", {"Content-Type": "application/octet-stream"}, data)
    assert said.status == 200 and said.body == data and said.headers["x-length"] == str(len(data))
    connection = http.client.HTTPConnection("127.0.0.1", lb.cloud.port, timeout=10)
    connection.request("POST", "/", iter([b"a" * 10, b"b" * 5]), {"Host": balancer["DNSName"]}, encode_chunked=True)
    assert connection.getresponse().read() == b"a" * 10 + b"b" * 5
    connection.close()
    assert lb.ask(balancer, method="HEAD").body == b""


def test_an_answer_is_passed_on_before_it_is_whole(lb):
    async def slowly(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await asyncio.sleep(0.5)
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    balancer = lb.behind(lb.machine(bare=slowly))
    connection = http.client.HTTPConnection("127.0.0.1", lb.cloud.port, timeout=10)
    connection.request("GET", "/", headers={"Host": balancer["DNSName"]})
    began = time.monotonic()
    answer = connection.getresponse()
    assert answer.read1() == b"first" and time.monotonic() - began < 0.4
    assert answer.read() == b"last"
    connection.close()


def test_a_websocket_is_passed_through(lb):
    async def echo(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"upgrade: websocket" not in head.lower():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
        while data := await reader.read(1000):
            writer.write(b"<" + data + b">")
            await writer.drain()
        writer.close()

    balancer = lb.behind(lb.machine(bare=echo))
    with socket.create_connection(("127.0.0.1", lb.cloud.port), 5) as client:
        client.sendall(f"GET /ws HTTP/1.1\r\nHost: {balancer['DNSName']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = client.recv(4000)
        assert head.startswith(b"HTTP/1.1 101") and b"Sec-WebSocket-Accept: x" in head
        client.sendall(b"hello")
        assert client.recv(100) == b"<hello>"
        client.sendall(b"again")
        assert client.recv(100) == b"<again>"


def cookie(answer, name):
    return next((one.split(";")[0] for one in answer.headers.get_all("set-cookie") or [] if one.startswith(name + "=")), None)


def test_lb_cookie_keeps_a_client_with_a_target_until_that_is_unwell(lb):
    one, two = lb.machine(), lb.machine()
    balancer = lb.behind(one, two, stickiness__enabled="true", stickiness__type="lb_cookie", stickiness__lb_cookie__duration_seconds="100")
    first = lb.ask(balancer)
    assert [c.split("=")[0] for c in first.headers.get_all("set-cookie")] == ["AWSALB", "AWSALBCORS"]
    mine = cookie(first, "AWSALB")
    assert {lb.ask(balancer, headers={"Cookie": mine}).text for _ in range(5)} == {first.text}
    assert {lb.ask(balancer).text for _ in range(4)} == {"m0", "m1"}
    (one if first.text == "m0" else two).stop()
    lb.cloud.advance(20)
    other = lb.ask(balancer, headers={"Cookie": mine})
    assert other.status == 200 and other.text != first.text and cookie(other, "AWSALB")


def test_app_cookie_goes_along_with_the_applications_own(lb):
    machines = [lb.machine(lambda m, t, h, b, name=name: (200, [("Set-Cookie", "SESSION=1")] if t == "/login" else [], name.encode())) for name in ("m0", "m1")]
    balancer = lb.behind(*machines, stickiness__enabled="true", stickiness__type="app_cookie", stickiness__app_cookie__cookie_name="SESSION")
    assert lb.ask(balancer).headers.get_all("set-cookie") is None
    login = lb.ask(balancer, "/login")
    mine = cookie(login, "AWSALBAPP-0")
    assert mine and {lb.ask(balancer, headers={"Cookie": f"SESSION=1; {mine}"}).text for _ in range(5)} == {login.text}
    assert {lb.ask(balancer, headers={"Cookie": mine}).text for _ in range(6)} == {"m0", "m1"}        # without the application's cookie it binds nobody


def test_a_draining_target_gets_nothing_new(lb):
    one, two = lb.machine(), lb.machine()
    balancer = lb.behind(one, two)
    lb.client.deregister_targets(TargetGroupArn=balancer["group"], Targets=[{"Id": one.address, "Port": 80}])
    assert lb.health(balancer["group"])[one.address] == ("draining", "Target.DeregistrationInProgress")
    assert {lb.ask(balancer).text for _ in range(4)} == {"m1"}
    lb.cloud.advance(300)
    assert list(lb.health(balancer["group"])) == [two.address]
    lb.client.deregister_targets(TargetGroupArn=balancer["group"], Targets=[{"Id": two.address}])
    assert lb.ask(balancer).status == 503


def test_who_is_inside_the_vpc_reaches_the_balancer_by_its_private_address(lb):
    one, client = lb.machine(), lb.machine(zone=2)
    balancer = lb.balancer(Scheme="internal")
    group = lb.group(TargetType="ip")
    lb.listener(balancer, forward(group))
    lb.register(group, one)
    lb.cloud.advance(31)
    path = balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    node = lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"][0]["PrivateIpAddress"]

    async def ask():
        sock = await client.world.socket(client.interface, "tcp", client.address, 0, backlog=0)
        await asyncio.get_running_loop().sock_connect(sock, (node, 80))
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(b"GET / HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n")
        said = await reader.read()
        writer.close()
        return said

    said = client.inside(ask())
    assert said.startswith(b"HTTP/1.1 200") and said.endswith(b"m0")
    assert dict(one.asked[0][2])["X-Forwarded-For"] == client.address


def test_a_network_load_balancer_passes_bytes_on_as_they_are(lb):
    one = lb.machine(tells("m0"))
    group = lb.group(TargetType="ip", Protocol="TCP", Port=80)
    balancer = lb.balancer("nlb", Type="network", Subnets=[lb.subnets[0]["SubnetId"]])
    lb.listener(balancer, forward(group), Protocol="TCP")
    lb.register(group, one)
    lb.cloud.advance(10)
    assert lb.health(group) == {one.address: ("healthy", "")}
    said = lb.ask(balancer, "/p", headers={"X-A": "b"})
    assert said.text == "m0"
    assert not [name for name, _ in one.asked[-1][2] if name.lower().startswith("x-forwarded")] and ("X-A", "b") in one.asked[-1][2]


@pytest.mark.parametrize("cross", ["false", "true"])
def test_a_node_of_a_network_load_balancer_stays_in_its_zone_unless_told_otherwise(lb, cross):
    one = lb.machine(zone=0)
    group = lb.group(TargetType="ip", Protocol="TCP", Port=80)
    balancer = lb.balancer("nlb", Type="network", Subnets=[lb.subnets[0]["SubnetId"], lb.subnets[1]["SubnetId"]])
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": cross}])
    lb.listener(balancer, forward(group), Protocol="TCP")
    lb.register(group, one)
    lb.cloud.advance(10)
    found = []
    for _ in range(4):                                         # every other request comes to the other zone's node
        try:
            found.append(lb.ask(balancer, timeout=5).status)
        except OSError:
            found.append(0)
    assert found.count(200) == (4 if cross == "true" else 2)


async def talk(client, address, port, data, context=None, name=None):
    """From a machine in the VPC: say it, and read until the end."""
    sock = await client.world.socket(client.interface, "tcp", client.address, 0, backlog=0)
    await asyncio.get_running_loop().sock_connect(sock, (address, port))
    reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name if context else None)
    writer.write(data)
    said = await reader.read()
    shown = writer.get_extra_info("ssl_object").getpeercert(True) if context else None
    writer.close()
    return said, shown


def node(lb, balancer):
    path = balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    return lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [f"ELB {path}"]}])["NetworkInterfaces"][0]["PrivateIpAddress"]


def anybody():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_https_shows_the_certificate_of_the_name_that_is_asked_for(lb):
    from cryptography import x509
    client = lb.machine()
    balancer = lb.balancer()
    listener = lb.listener(balancer, says("over TLS"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": imported(lb, "one.example")}], SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    lb.client.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": imported(lb, "two.example", "*.two.example")}])
    lb.cloud.advance(1)
    ask = lambda name, **more: client.inside(talk(client, node(lb, balancer), 443, f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode(), anybody(), name, **more))
    for name, common in (("one.example", "one.example"), ("two.example", "two.example"), ("a.two.example", "two.example"), ("other.example", "one.example")):
        said, shown = ask(name)
        assert said.endswith(b"over TLS") and x509.load_der_x509_certificate(shown).subject.rfc4514_string() == f"CN={common}"
    old = anybody()
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError, ValueError)):
        client.inside(talk(client, node(lb, balancer), 443, b"", old, "one.example"))


def test_a_tls_listener_of_a_network_load_balancer_ends_tls_and_the_proxy_protocol_says_who_called(lb):
    heard = []

    async def note(reader, writer):
        data = b""
        while b"hello" not in data and (part := await reader.read(1000)):
            data += part
        if data:
            heard.append(data)
        writer.write(b"heard")
        writer.close()

    one, client = lb.machine(bare=note, port=7000), lb.machine()
    group = lb.group(TargetType="ip", Protocol="TCP", Port=7000)
    lb.client.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "proxy_protocol_v2.enabled", "Value": "true"}])
    balancer = lb.balancer("nlb", Type="network", Subnets=[lb.subnets[0]["SubnetId"]], Scheme="internal")
    lb.listener(balancer, forward(group), Protocol="TLS", port=443, Certificates=[{"CertificateArn": imported(lb, "one.example")}])
    lb.register(group, one)
    lb.cloud.advance(10)
    address = node(lb, balancer)
    said, _ = client.inside(talk(client, address, 443, b"hello", anybody(), "one.example"))
    assert said == b"heard" and len(heard) == 1
    pack = lambda text: bytes(int(part) for part in text.split("."))
    assert heard[0].startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + pack(client.address) + pack(address)) and heard[0].endswith((443).to_bytes(2, "big") + b"hello")


def test_datagrams_through_a_network_load_balancer(lb):
    one, client = lb.machine(), lb.machine()
    lb.ec2.authorize_security_group_ingress(GroupId=lb.open_group, IpPermissions=[{"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    group = lb.group(TargetType="ip", Protocol="UDP", Port=53, HealthCheckPort="80")
    balancer = lb.balancer("nlb", Type="network", Subnets=[lb.subnets[0]["SubnetId"]], Scheme="internal")
    lb.listener(balancer, forward(group), Protocol="UDP", port=53)
    lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": one.address, "Port": 53}])
    lb.cloud.advance(10)
    assert lb.health(group)[one.address][0] == "healthy"
    address = node(lb, balancer)

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, origin):
            self.transport.sendto(data + b" answered", origin)

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data, origin):
            self.got.set_result((data, origin))

    async def main():
        loop = asyncio.get_running_loop()
        there, _ = await loop.create_datagram_endpoint(Server, sock=await one.world.socket(one.interface, "udp", one.address, 53))
        here, asker = await loop.create_datagram_endpoint(Client, sock=await client.world.socket(client.interface, "udp", client.address, 0))
        asker.got = loop.create_future()
        try:
            here.sendto(b"question", (address, 53))
            return await asyncio.wait_for(asker.got, 5)
        finally:
            there.close()
            here.close()

    assert client.inside(main()) == (b"question answered", (address, 53))


def test_a_target_starts_slowly(lb):
    one, two = lb.machine(), lb.machine()
    balancer = lb.behind(one, slow_start__duration_seconds="900")
    lb.cloud.advance(901)
    lb.register(balancer["group"], two)
    lb.cloud.advance(6)
    assert lb.health(balancer["group"])[two.address][0] == "healthy"
    said = [lb.ask(balancer).text for _ in range(40)]
    assert said.count("m1") < 15                               # an even share would be 20
    lb.cloud.advance(900)
    said = [lb.ask(balancer).text for _ in range(10)]
    assert said.count("m1") == 5


def test_the_requests_of_a_client_that_hangs_up_are_460_in_the_log(lb):
    s3, bucket = lb.cloud.client("s3"), f"gone-{lb.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    one = lb.machine(lambda method, target, headers, body: None if target == "/slow" else (200, [], b"x"))
    balancer = lb.behind(one)
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[
        {"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket}])
    with pytest.raises(TimeoutError):
        lb.ask(balancer, "/slow", timeout=0.3)
    time.sleep(0.2)
    lb.cloud.advance(minutes=5)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Key"].endswith(".gz")]
    lines = b"".join(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys).decode()
    assert " 460 - " in lines and "/slow HTTP/1.1" in lines


def test_nothing_is_left_of_a_balancer_that_is_deleted(lb):
    one = lb.machine()
    balancer = lb.behind(one)
    assert lb.ask(balancer).text == "m0"
    inside = {i["NetworkInterfaceId"] for i in lb.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": ["ELB app/*"]}])["NetworkInterfaces"]}
    assert inside <= set(one.world.names)
    lb.client.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    lb.cloud.advance(1)
    assert not inside & set(one.world.names)
    assert lb.ask(balancer).status == 404


def test_who_is_connected_stays_so_when_the_listener_is_changed(lb):
    client = lb.machine()
    balancer = lb.balancer(Scheme="internal")
    listener = lb.listener(balancer, says("before"))
    lb.cloud.advance(1)
    address = node(lb, balancer)

    async def open_():
        sock = await client.world.socket(client.interface, "tcp", client.address, 0, backlog=0)
        await asyncio.get_running_loop().sock_connect(sock, (address, 80))
        return await asyncio.open_connection(sock=sock)

    async def say(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return await reader.readexactly(length)

    pair = client.inside(open_())
    assert client.inside(say(*pair)) == b"before"
    lb.client.modify_listener(ListenerArn=listener, DefaultActions=[says("after")])
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "50"}])
    lb.cloud.advance(1)
    assert client.inside(say(*pair)) == b"after"
    client.lb.server._loop.call_soon_threadsafe(pair[1].close)


def test_targets_are_told_of_tls_and_of_the_clients_port_if_they_are_to_be(lb):
    one, client = lb.machine(), lb.machine()
    group, balancer = lb.group(TargetType="ip"), lb.balancer()
    lb.listener(balancer, forward(group), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": imported(lb, "one.example")}], SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[
        {"Key": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "Value": "true"}, {"Key": "routing.http.xff_client_port.enabled", "Value": "true"}])
    lb.register(group, one)
    lb.cloud.advance(10)
    client.inside(talk(client, node(lb, balancer), 443, b"GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n", anybody(), "one.example"))
    told = dict(one.asked[0][2])
    assert told["x-amzn-tls-version"] == "TLSv1.3" and told["x-amzn-tls-cipher-suite"].startswith("TLS_AES") and told["X-Forwarded-Proto"] == "https"
    address, _, port = told["X-Forwarded-For"].rpartition(":")
    assert address == client.address and int(port) > 1024


def test_an_address_of_a_load_balancer_is_no_target(lb):
    balancer, group = lb.balancer(), lb.group(TargetType="ip")
    lb.listener(balancer, forward(group))
    lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": node(lb, balancer)}])
    assert list(lb.health(group).values()) == [("unused", "Target.IpUnusable")]
    assert lb.ask(balancer).status == 503
