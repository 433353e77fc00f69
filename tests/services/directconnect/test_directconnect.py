"""Direct Connect: connections, LAGs, virtual interfaces, gateways."""
import re

import pytest

from cloche.testing.people import Person, allow, refused

CODE = "DirectConnectClientException"


@pytest.fixture
def dx(cloud):
    return cloud.client("directconnect")


def connect(dx, **more):
    return dx.create_connection(**{"location": "EqDC2", "bandwidth": "1Gbps", "connectionName": "c"} | more)


def state(dx, id_):
    return dx.describe_connections(connectionId=id_)["connections"][0]["connectionState"]


def private(dx, connection, vlan=101, **more):
    return dx.create_private_virtual_interface(connectionId=connection, newPrivateVirtualInterface={"virtualInterfaceName": "v", "vlan": vlan, "asn": 65000, **more})


class TestConnections:
    def test_one_is_requested_then_pending_with_its_letter(self, dx, cloud):
        made = connect(dx, tags=[{"key": "a", "value": "1"}])
        assert re.fullmatch(r"dxcon-[0-9a-f]{8}", made["connectionId"]) and (made["connectionState"], made["bandwidth"], made["region"]) == ("requested", "1Gbps", "us-east-1")
        assert made["tags"] == [{"key": "a", "value": "1"}] and made["encryptionMode"] == "no_encrypt"
        assert "not available yet" in refused(CODE, dx.describe_loa, connectionId=made["connectionId"])
        cloud.advance(hours=72)
        assert state(dx, made["connectionId"]) == "pending"
        letter = dx.describe_loa(connectionId=made["connectionId"])
        assert letter["loaContentType"] == "application/pdf" and letter["loaContent"].startswith(b"%PDF-") and b"is not AWS" in letter["loaContent"]

    def test_place_and_speed_are_checked(self, dx):
        assert {x["locationCode"] for x in dx.describe_locations()["locations"]} >= {"EqDC2"}
        refused(CODE, connect, dx, location="nowhere")
        refused(CODE, connect, dx, bandwidth="3Gbps")
        refused(CODE, connect, dx, requestMACSec=True)
        assert connect(dx, bandwidth="10Gbps", requestMACSec=True)["macSecCapable"] is True

    def test_one_is_renamed_and_deleted(self, dx, cloud):
        id_ = connect(dx)["connectionId"]
        assert dx.update_connection(connectionId=id_, connectionName="other")["connectionName"] == "other"
        refused(CODE, dx.update_connection, connectionId=id_, encryptionMode="must_encrypt")
        assert dx.delete_connection(connectionId=id_)["connectionState"] == "deleting" and state(dx, id_) == "deleted"
        refused(CODE, dx.delete_connection, connectionId=id_)
        cloud.advance(hours=1, seconds=1)
        refused(CODE, state, dx, id_)

    def test_a_piece_is_hosted_for_another_account(self, dx, cloud):
        other = cloud.other()
        theirs, parent = other.client("directconnect"), connect(dx)["connectionId"]
        made = dx.allocate_hosted_connection(connectionId=parent, ownerAccount=other.account, bandwidth="500Mbps", connectionName="piece", vlan=7)
        assert made["connectionState"] == "ordering" and made["ownerAccount"] == other.account and made["vlan"] == 7
        refused(CODE, dx.allocate_hosted_connection, connectionId=parent, ownerAccount=other.account, bandwidth="500Mbps", connectionName="piece", vlan=7)
        assert theirs.confirm_connection(connectionId=made["connectionId"])["connectionState"] == "pending"
        refused(CODE, theirs.confirm_connection, connectionId=made["connectionId"])
        assert [x["connectionId"] for x in dx.describe_hosted_connections(connectionId=parent)["connections"]] == [made["connectionId"]]
        refused(CODE, dx.delete_connection, connectionId=parent)

    def test_tags_and_permission(self, dx, cloud):
        id_ = connect(dx)["connectionId"]
        arn = f"arn:aws:directconnect:us-east-1:{cloud.account}:dxcon/{id_}"
        dx.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
        dx.untag_resource(resourceArn=arn, tagKeys=["b"])
        assert dx.describe_tags(resourceArns=[arn])["resourceTags"] == [{"resourceArn": arn, "tags": [{"key": "a", "value": "1"}]}]
        refused("DuplicateTagKeysException", dx.tag_resource, resourceArn=arn, tags=[{"key": "a"}, {"key": "a"}])
        someone = Person(cloud, "someone", allow("directconnect:UpdateConnection", arn)).client("directconnect")
        someone.update_connection(connectionId=id_, connectionName="x")
        refused("AccessDeniedException", someone.delete_connection, connectionId=id_)


class TestLags:
    def test_connections_of_one_kind_act_as_one(self, dx):
        given = connect(dx)["connectionId"]
        made = dx.create_lag(numberOfConnections=2, location="EqDC2", connectionsBandwidth="1Gbps", lagName="l", connectionId=given)
        id_ = made["lagId"]
        assert made["numberOfConnections"] == 2 and given in [x["connectionId"] for x in made["connections"]] and made["lagState"] == "requested"
        more = connect(dx, lagId=id_)["connectionId"]
        assert dx.describe_lags(lagId=id_)["lags"][0]["numberOfConnections"] == 3
        refused(CODE, dx.associate_connection_with_lag, connectionId=connect(dx, bandwidth="10Gbps")["connectionId"], lagId=id_)
        assert dx.update_lag(lagId=id_, minimumLinks=3, lagName="m")["minimumLinks"] == 3
        refused(CODE, dx.disassociate_connection_from_lag, connectionId=more, lagId=id_)
        dx.update_lag(lagId=id_, minimumLinks=0)
        assert "lagId" not in dx.disassociate_connection_from_lag(connectionId=more, lagId=id_)
        assert dx.associate_connection_with_lag(connectionId=more, lagId=id_)["lagId"] == id_
        refused(CODE, dx.delete_lag, lagId=id_)
        for one in dx.describe_lags(lagId=id_)["lags"][0]["connections"]:
            dx.delete_connection(connectionId=one["connectionId"])
        assert dx.delete_lag(lagId=id_)["lagState"] == "deleting"
        refused(CODE, dx.describe_lags, lagId=id_)


class TestGateways:
    def make(self, dx, **more):
        return dx.create_direct_connect_gateway(directConnectGatewayName="g", **more)["directConnectGateway"]

    def test_one_is_of_no_region(self, dx, cloud):
        made = self.make(dx)
        assert made["amazonSideAsn"] == 64512 and made["directConnectGatewayState"] == "available"
        far = cloud.client("directconnect", region="eu-west-1")
        assert far.describe_direct_connect_gateways(directConnectGatewayId=made["directConnectGatewayId"])["directConnectGateways"][0]["directConnectGatewayName"] == "g"
        assert dx.update_direct_connect_gateway(directConnectGatewayId=made["directConnectGatewayId"], newDirectConnectGatewayName="h")["directConnectGateway"]["directConnectGatewayName"] == "h"
        for asn in (64511, 65535, 4199999999):
            refused(CODE, self.make, dx, amazonSideAsn=asn)
        assert self.make(dx, amazonSideAsn=4294967294)["amazonSideAsn"] == 4294967294

    def test_it_is_associated_with_gateways_of_any_region(self, dx, cloud):
        gateway = self.make(dx)["directConnectGatewayId"]
        for region in ("us-east-1", "eu-west-1"):
            ec2, there = cloud.client("ec2", region=region), cloud.client("directconnect", region=region)
            vgw, vpc = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"], ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            ec2.attach_vpn_gateway(VpnGatewayId=vgw, VpcId=vpc)
            assert vgw in [x["virtualGatewayId"] for x in there.describe_virtual_gateways()["virtualGateways"]]
            made = there.create_direct_connect_gateway_association(directConnectGatewayId=gateway, gatewayId=vgw)["directConnectGatewayAssociation"]
            assert made["associationState"] == "associating" and made["allowedPrefixesToDirectConnectGateway"] == [{"cidr": "10.0.0.0/16"}]
            refused(CODE, there.create_direct_connect_gateway_association, directConnectGatewayId=gateway, gatewayId=vgw)
            ec2.detach_vpn_gateway(VpnGatewayId=vgw, VpcId=vpc)
            refused("IncorrectState", ec2.delete_vpn_gateway, VpnGatewayId=vgw)
        cloud.advance(30)
        every = dx.describe_direct_connect_gateway_associations(directConnectGatewayId=gateway)["directConnectGatewayAssociations"]
        assert sorted((x["associationState"], x["associatedGateway"]["region"], x["associatedGateway"]["type"]) for x in every) == [
            ("associated", "eu-west-1", "virtualPrivateGateway"), ("associated", "us-east-1", "virtualPrivateGateway")]
        refused(CODE, dx.delete_direct_connect_gateway, directConnectGatewayId=gateway)
        changed = dx.update_direct_connect_gateway_association(associationId=every[0]["associationId"], addAllowedPrefixesToDirectConnectGateway=[{"cidr": "10.9.0.0/16"}])
        assert {"cidr": "10.9.0.0/16"} in changed["directConnectGatewayAssociation"]["allowedPrefixesToDirectConnectGateway"]
        for one in every:
            gone = dx.delete_direct_connect_gateway_association(associationId=one["associationId"])["directConnectGatewayAssociation"]
            assert gone["associationState"] == "disassociating"
            cloud.client("ec2", region=one["virtualGatewayRegion"]).delete_vpn_gateway(VpnGatewayId=one["virtualGatewayId"])
        assert dx.delete_direct_connect_gateway(directConnectGatewayId=gateway)["directConnectGateway"]["directConnectGatewayState"] == "deleting"
        refused(CODE, dx.describe_direct_connect_gateways, directConnectGatewayId=gateway)

    def test_it_has_twenty_virtual_private_gateways(self, dx, cloud):
        gateway, regions = self.make(dx)["directConnectGatewayId"], [x["RegionName"] for x in cloud.client("ec2").describe_regions()["Regions"]]

        def associate(region):
            vgw = cloud.client("ec2", region=region).create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
            cloud.client("directconnect", region=region).create_direct_connect_gateway_association(directConnectGatewayId=gateway, gatewayId=vgw)
        for n in range(20):
            associate(regions[n % 7])
        refused(CODE, associate, regions[7])

    def test_nothing_is_associated_that_is_not_there(self, dx):
        gateway = self.make(dx)["directConnectGatewayId"]
        refused(CODE, dx.create_direct_connect_gateway_association, directConnectGatewayId=gateway, gatewayId="vgw-0123456789abcdef0")
        refused(CODE, dx.describe_direct_connect_gateway_associations)
        refused(CODE, dx.delete_direct_connect_gateway_association, associationId="x")


class TestInterfaces:
    def test_a_private_one_leads_to_a_gateway_and_waits_for_a_router(self, dx, cloud):
        connection = connect(dx)["connectionId"]
        gateway = dx.create_direct_connect_gateway(directConnectGatewayName="g", amazonSideAsn=64555)["directConnectGateway"]["directConnectGatewayId"]
        made = private(dx, connection, directConnectGatewayId=gateway)
        assert (made["virtualInterfaceType"], made["virtualInterfaceState"], made["vlan"], made["asn"], made["amazonSideAsn"]) == ("private", "pending", 101, 65000, 64555)
        assert made["amazonAddress"].startswith("169.254.") and made["amazonAddress"].endswith("/30") and made["bgpPeers"][0]["bgpStatus"] == "down"
        assert f'<logical_connection id="{made["virtualInterfaceId"]}">' in made["customerRouterConfig"]
        cloud.advance(30)
        assert dx.describe_virtual_interfaces(virtualInterfaceId=made["virtualInterfaceId"])["virtualInterfaces"][0]["virtualInterfaceState"] == "down"
        assert dx.describe_direct_connect_gateway_attachments(directConnectGatewayId=gateway)["directConnectGatewayAttachments"][0]["virtualInterfaceId"] == made["virtualInterfaceId"]
        refused(CODE, dx.delete_connection, connectionId=connection)
        refused(CODE, dx.delete_direct_connect_gateway, directConnectGatewayId=gateway)
        assert dx.delete_virtual_interface(virtualInterfaceId=made["virtualInterfaceId"])["virtualInterfaceState"] == "deleting"
        dx.delete_connection(connectionId=connection)
        cloud.advance(hours=1, seconds=1)
        refused(CODE, dx.describe_virtual_interfaces, virtualInterfaceId=made["virtualInterfaceId"])

    def test_or_to_a_virtual_private_gateway(self, dx, cloud):
        connection, ec2 = connect(dx)["connectionId"], cloud.client("ec2")
        vgw = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=64600)["VpnGateway"]["VpnGatewayId"]
        made = private(dx, connection, virtualGatewayId=vgw)
        assert made["virtualGatewayId"] == vgw and made["amazonSideAsn"] == 64600
        refused("IncorrectState", ec2.delete_vpn_gateway, VpnGatewayId=vgw)
        for bad in ({}, {"virtualGatewayId": vgw, "directConnectGatewayId": "x"}, {"virtualGatewayId": "vgw-0123456789abcdef0"}, {"directConnectGatewayId": "x"}, {"virtualGatewayId": vgw, "mtu": 1600}):
            refused(CODE, private, dx, connection, 102, **bad)
        assert "VLAN 101 is already in use" in refused(CODE, private, dx, connection, 101, virtualGatewayId=vgw)
        refused(CODE, private, dx, connection, 4095, virtualGatewayId=vgw)

    def test_public_and_transit_ones(self, dx):
        connection = connect(dx)["connectionId"]
        gateway = dx.create_direct_connect_gateway(directConnectGatewayName="g")["directConnectGateway"]["directConnectGatewayId"]
        public = {"virtualInterfaceName": "p", "vlan": 5, "asn": 65000, "routeFilterPrefixes": [{"cidr": "203.0.113.0/30"}]}
        refused(CODE, dx.create_public_virtual_interface, connectionId=connection, newPublicVirtualInterface=public)
        made = dx.create_public_virtual_interface(connectionId=connection, newPublicVirtualInterface=public | {"amazonAddress": "203.0.113.1/30", "customerAddress": "203.0.113.2/30"})
        assert (made["virtualInterfaceState"], made["amazonSideAsn"], made["routeFilterPrefixes"]) == ("verifying", 7224, [{"cidr": "203.0.113.0/30"}])
        transit = dx.create_transit_virtual_interface(connectionId=connection, newTransitVirtualInterface={
            "virtualInterfaceName": "t", "vlan": 6, "asn": 65000, "mtu": 8500, "directConnectGatewayId": gateway})["virtualInterface"]
        assert transit["mtu"] == 8500 and transit["virtualInterfaceType"] == "transit"
        assert len(dx.describe_virtual_interfaces(connectionId=connection)["virtualInterfaces"]) == 2

    def test_attributes_and_peers_change(self, dx):
        connection = connect(dx)["connectionId"]
        gateway = dx.create_direct_connect_gateway(directConnectGatewayName="g")["directConnectGateway"]["directConnectGatewayId"]
        id_ = private(dx, connection, directConnectGatewayId=gateway)["virtualInterfaceId"]
        assert dx.update_virtual_interface_attributes(virtualInterfaceId=id_, mtu=9001)["mtu"] == 9001
        refused(CODE, dx.update_virtual_interface_attributes, virtualInterfaceId=id_, mtu=8500)
        more = dx.create_bgp_peer(virtualInterfaceId=id_, newBGPPeer={"asn": 65000, "addressFamily": "ipv6"})["virtualInterface"]["bgpPeers"]
        assert [x["addressFamily"] for x in more] == ["ipv4", "ipv6"]
        refused(CODE, dx.create_bgp_peer, virtualInterfaceId=id_, newBGPPeer={"asn": 65000, "addressFamily": "ipv6"})
        assert len(dx.delete_bgp_peer(virtualInterfaceId=id_, bgpPeerId=more[0]["bgpPeerId"])["virtualInterface"]["bgpPeers"]) == 1
        refused(CODE, dx.delete_bgp_peer, virtualInterfaceId=id_, bgpPeerId=more[1]["bgpPeerId"])

    def test_one_is_allocated_for_another_account_which_confirms_it(self, dx, cloud):
        other = cloud.other()
        theirs, connection = other.client("directconnect"), connect(dx)["connectionId"]
        gateway = theirs.create_direct_connect_gateway(directConnectGatewayName="g")["directConnectGateway"]["directConnectGatewayId"]
        new = {"virtualInterfaceName": "v", "vlan": 9, "asn": 65000}
        made = dx.allocate_private_virtual_interface(connectionId=connection, ownerAccount=other.account, newPrivateVirtualInterfaceAllocation=new)
        assert made["virtualInterfaceState"] == "confirming" and made["ownerAccount"] == other.account
        assert theirs.confirm_private_virtual_interface(virtualInterfaceId=made["virtualInterfaceId"], directConnectGatewayId=gateway)["virtualInterfaceState"] == "pending"
        refused(CODE, theirs.confirm_private_virtual_interface, virtualInterfaceId=made["virtualInterfaceId"], directConnectGatewayId=gateway)
        transit = dx.allocate_transit_virtual_interface(connectionId=connection, ownerAccount=other.account, newTransitVirtualInterfaceAllocation=new | {"vlan": 10})["virtualInterface"]
        assert theirs.confirm_transit_virtual_interface(virtualInterfaceId=transit["virtualInterfaceId"], directConnectGatewayId=gateway)["virtualInterfaceState"] == "pending"
        public = dx.allocate_public_virtual_interface(connectionId=connection, ownerAccount=other.account, newPublicVirtualInterfaceAllocation=new | {
            "vlan": 11, "amazonAddress": "203.0.113.1/30", "customerAddress": "203.0.113.2/30"})
        assert theirs.confirm_public_virtual_interface(virtualInterfaceId=public["virtualInterfaceId"])["virtualInterfaceState"] == "verifying"
        refused(CODE, dx.delete_connection, connectionId=connection)
