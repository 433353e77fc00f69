"""VPN: customer gateways, virtual private gateways, connections with their two tunnels."""
import ipaddress
import re
from xml.etree import ElementTree

import pytest

from cloche.testing.people import refused

from .hybrid import Net


@pytest.fixture
def net(cloud):
    return Net(cloud)


def customer(net, address="203.0.113.7", asn=65010, **more):
    return net.ec2.create_customer_gateway(Type="ipsec.1", PublicIp=address, BgpAsn=asn, **more)["CustomerGateway"]


def gateway(net, **more):
    return net.ec2.create_vpn_gateway(Type="ipsec.1", **more)["VpnGateway"]["VpnGatewayId"]


def connect(net, static=True, near="", **options):
    far, near = customer(net)["CustomerGatewayId"], near or gateway(net)
    made = net.ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=far, VpnGatewayId=near, Options={"StaticRoutesOnly": static, **options})["VpnConnection"]
    assert made["State"] == "pending"
    return made["VpnConnectionId"], far, near


def look(net, id_):
    return net.ec2.describe_vpn_connections(VpnConnectionIds=[id_])["VpnConnections"][0]


class TestCustomerGateways:
    def test_the_same_again_is_the_same(self, net):
        one = customer(net)
        assert (one["State"], one["IpAddress"], one["BgpAsn"], one["Type"]) == ("pending", "203.0.113.7", "65010", "ipsec.1")
        assert customer(net)["CustomerGatewayId"] == one["CustomerGatewayId"] != customer(net, DeviceName="other")["CustomerGatewayId"]
        assert net.ec2.describe_customer_gateways(Filters=[{"Name": "ip-address", "Values": ["203.0.113.7"]}])["CustomerGateways"][0]["State"] == "available"
        refused("InvalidParameterValue", customer, net, "nowhere")
        refused("InvalidCustomerGatewayID.NotFound", net.ec2.describe_customer_gateways, CustomerGatewayIds=["cgw-0123456789abcdef0"])

    def test_one_in_use_stays(self, net, cloud):
        id_, far, _ = connect(net)
        refused("IncorrectState", net.ec2.delete_customer_gateway, CustomerGatewayId=far)
        net.ec2.delete_vpn_connection(VpnConnectionId=id_)
        net.ec2.delete_customer_gateway(CustomerGatewayId=far)
        assert net.ec2.describe_customer_gateways(CustomerGatewayIds=[far])["CustomerGateways"][0]["State"] == "deleted"
        cloud.advance(hours=1, seconds=1)
        refused("InvalidCustomerGatewayID.NotFound", net.ec2.describe_customer_gateways, CustomerGatewayIds=[far])


class TestGateways:
    def test_one_is_attached_to_one_vpc_which_has_one(self, net):
        vpc, one = net.vpc(), gateway(net)
        assert net.ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=one)["VpcAttachment"] == {"State": "attaching", "VpcId": vpc}
        found = net.ec2.describe_vpn_gateways(VpnGatewayIds=[one])["VpnGateways"][0]
        assert found["VpcAttachments"] == [{"State": "attached", "VpcId": vpc}] and found["AmazonSideAsn"] == 64512
        refused("InvalidVpcState", net.ec2.attach_vpn_gateway, VpcId=vpc, VpnGatewayId=gateway(net))
        refused("VpnGatewayAttachmentLimitExceeded", net.ec2.attach_vpn_gateway, VpcId=net.vpc("10.1.0.0/16"), VpnGatewayId=one)
        refused("IncorrectState", net.ec2.delete_vpn_gateway, VpnGatewayId=one)
        refused("DependencyViolation", net.ec2.delete_vpc, VpcId=vpc)
        net.ec2.detach_vpn_gateway(VpcId=vpc, VpnGatewayId=one)
        refused("InvalidVpnGatewayAttachment.NotFound", net.ec2.detach_vpn_gateway, VpcId=vpc, VpnGatewayId=one)
        net.ec2.delete_vpn_gateway(VpnGatewayId=one)
        assert net.ec2.describe_vpn_gateways(VpnGatewayIds=[one])["VpnGateways"][0]["State"] == "deleted"
        refused("InvalidVpnGatewayID.NotFound", net.ec2.attach_vpn_gateway, VpcId=vpc, VpnGatewayId=one)

    def test_its_asn_is_a_private_one(self, net):
        assert net.ec2.describe_vpn_gateways(VpnGatewayIds=[gateway(net, AmazonSideAsn=4200000000)])["VpnGateways"][0]["AmazonSideAsn"] == 4200000000
        refused("InvalidParameterValue", gateway, net, AmazonSideAsn=65535)

    def test_routes_lead_to_it_while_it_is_attached(self, net):
        vpc, one = net.vpc(), gateway(net)
        table = net.main(vpc)
        refused("InvalidParameterValue", net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=one)
        net.ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=one)
        net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=one)
        assert net.routes(table)["192.168.0.0/16"]["State"] == "active"
        net.ec2.detach_vpn_gateway(VpcId=vpc, VpnGatewayId=one)
        assert net.routes(table)["192.168.0.0/16"]["State"] == "blackhole"

    def test_propagation_waits_for_a_tunnel_that_is_up(self, net):
        id_, _, near = connect(net)
        vpc = net.vpc()
        table = net.main(vpc)
        net.ec2.create_vpn_connection_route(VpnConnectionId=id_, DestinationCidrBlock="192.168.0.0/16")
        refused("Gateway.NotAttached", net.ec2.enable_vgw_route_propagation, RouteTableId=table, GatewayId=near)
        net.ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=near)
        net.ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=near)
        assert net.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["PropagatingVgws"] == [{"GatewayId": near}]
        assert "192.168.0.0/16" not in net.routes(table)              # no device ever connected
        net.ec2.disable_vgw_route_propagation(RouteTableId=table, GatewayId=near)


class TestConnections:
    def test_a_connection_has_two_tunnels_that_are_down(self, net):
        id_, far, near = connect(net, static=False)
        found = look(net, id_)
        assert (found["State"], found["Category"], found["CustomerGatewayId"], found["VpnGatewayId"]) == ("available", "VPN", far, near)
        one, two = found["Options"]["TunnelOptions"]
        assert one["OutsideIpAddress"] != two["OutsideIpAddress"] and one["TunnelInsideCidr"] != two["TunnelInsideCidr"]
        for tunnel in (one, two):
            inside = ipaddress.ip_network(tunnel["TunnelInsideCidr"])
            assert inside.prefixlen == 30 and inside.subnet_of(ipaddress.ip_network("169.254.0.0/16")) and re.fullmatch(r"[A-Za-z0-9._]{8,64}", tunnel["PreSharedKey"])
        assert [(x["Status"], x["AcceptedRouteCount"]) for x in found["VgwTelemetry"]] == [("DOWN", 0)] * 2
        assert {x["OutsideIpAddress"] for x in found["VgwTelemetry"]} == {one["OutsideIpAddress"], two["OutsideIpAddress"]}

    def test_a_device_is_set_up_from_its_configuration(self, net):
        id_, far, near = connect(net, static=False)
        found = look(net, id_)
        root = ElementTree.fromstring(found["CustomerGatewayConfiguration"])
        assert root.attrib["id"] == id_ and root.findtext("customer_gateway_id") == far and root.findtext("vpn_gateway_id") == near
        tunnels = root.findall("ipsec_tunnel")
        assert [x.findtext("vpn_gateway/tunnel_outside_address/ip_address") for x in tunnels] == [x["OutsideIpAddress"] for x in found["Options"]["TunnelOptions"]]
        assert [x.findtext("ike/pre_shared_key") for x in tunnels] == [x["PreSharedKey"] for x in found["Options"]["TunnelOptions"]]
        assert tunnels[0].findtext("customer_gateway/tunnel_outside_address/ip_address") == "203.0.113.7" and tunnels[0].findtext("customer_gateway/bgp/asn") == "65010"
        static = ElementTree.fromstring(look(net, connect(net)[0])["CustomerGatewayConfiguration"])
        assert static.findtext("vpn_connection_attributes") == "NoBGPVPNConnection" and static.find("ipsec_tunnel/customer_gateway/bgp") is None

    def test_tunnels_may_be_wished_for(self, net):
        id_, _, near = connect(net, TunnelOptions=[{"TunnelInsideCidr": "169.254.10.0/30", "PreSharedKey": "secret_key.1", "DPDTimeoutSeconds": 40, "IKEVersions": [{"Value": "ikev2"}]}])
        first = look(net, id_)["Options"]["TunnelOptions"][0]
        assert (first["TunnelInsideCidr"], first["PreSharedKey"], first["DpdTimeoutSeconds"], first["IkeVersions"]) == ("169.254.10.0/30", "secret_key.1", 40, [{"Value": "ikev2"}])
        for bad in ({"TunnelInsideCidr": "10.0.0.0/30"}, {"TunnelInsideCidr": "169.254.0.0/30"}, {"PreSharedKey": "0starts_with_zero"}, {"PreSharedKey": "short"}, {"DPDTimeoutSeconds": 5}):
            refused("InvalidParameterValue", connect, net, near=near, TunnelOptions=[bad])
        net.ec2.modify_vpn_tunnel_options(VpnConnectionId=id_, VpnTunnelOutsideIpAddress=first["OutsideIpAddress"], TunnelOptions={"PreSharedKey": "another_key"})
        assert look(net, id_)["Options"]["TunnelOptions"][0]["PreSharedKey"] == "another_key"
        net.ec2.modify_vpn_connection_options(VpnConnectionId=id_, LocalIpv4NetworkCidr="192.168.0.0/16")
        assert look(net, id_)["Options"]["LocalIpv4NetworkCidr"] == "192.168.0.0/16"

    def test_static_routes(self, net):
        id_, _, _ = connect(net)
        net.ec2.create_vpn_connection_route(VpnConnectionId=id_, DestinationCidrBlock="192.168.0.0/16")
        assert look(net, id_)["Routes"] == [{"DestinationCidrBlock": "192.168.0.0/16", "Source": "Static", "State": "available"}]
        refused("InvalidRoute.NotFound", net.ec2.delete_vpn_connection_route, VpnConnectionId=id_, DestinationCidrBlock="10.0.0.0/8")
        net.ec2.delete_vpn_connection_route(VpnConnectionId=id_, DestinationCidrBlock="192.168.0.0/16")
        assert not look(net, id_)["Routes"]
        refused("InvalidParameterValue", net.ec2.create_vpn_connection_route, VpnConnectionId=connect(net, static=False)[0], DestinationCidrBlock="192.168.0.0/16")

    def test_its_ends_are_checked_and_may_change(self, net, cloud):
        id_, far, near = connect(net)
        other = gateway(net)
        net.ec2.modify_vpn_connection(VpnConnectionId=id_, VpnGatewayId=other)
        assert look(net, id_)["VpnGatewayId"] == other
        net.ec2.delete_vpn_gateway(VpnGatewayId=near)
        refused("IncorrectState", net.ec2.delete_vpn_gateway, VpnGatewayId=other)
        refused("MissingParameter", net.ec2.create_vpn_connection, Type="ipsec.1", CustomerGatewayId=far)
        refused("InvalidVpnGatewayID.NotFound", net.ec2.create_vpn_connection, Type="ipsec.1", CustomerGatewayId=far, VpnGatewayId=near)
        net.ec2.delete_vpn_connection(VpnConnectionId=id_)
        gone = look(net, id_)
        assert gone["State"] == "deleted" and "CustomerGatewayConfiguration" not in gone
        refused("InvalidVpnConnectionID.NotFound", net.ec2.delete_vpn_connection, VpnConnectionId=id_)
        cloud.advance(hours=1, seconds=1)
        refused("InvalidVpnConnectionID.NotFound", look, net, id_)
