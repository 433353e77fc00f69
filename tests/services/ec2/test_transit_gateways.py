"""Transit gateways: attachments, tables, routes."""
import pytest

from cloche.testing.people import refused

from .hybrid import Net


@pytest.fixture
def net(cloud):
    return Net(cloud)


def make(net, **options):
    return net.ec2.create_transit_gateway(Options=options)["TransitGateway"]


def attach(net, transit, cidr="10.0.0.0/16"):
    vpc = net.vpc(cidr)
    subnet = net.subnet(vpc, cidr.replace("/16", "/24"))
    return vpc, net.ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=transit, VpcId=vpc, SubnetIds=[subnet])["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]


def search(net, table, name="type", *values):
    return {x["DestinationCidrBlock"]: x for x in net.ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=[{"Name": name, "Values": list(values) or ["static", "propagated"]}])["Routes"]}


class TestGateways:
    def test_one_comes_with_a_default_table(self, net):
        made = make(net)
        assert made["State"] == "pending" and made["Options"]["AmazonSideAsn"] == 64512 and made["Options"]["DefaultRouteTableAssociation"] == "enable"
        id_, table = made["TransitGatewayId"], made["Options"]["AssociationDefaultRouteTableId"]
        assert made["Options"]["PropagationDefaultRouteTableId"] == table
        assert net.ec2.describe_transit_gateways(TransitGatewayIds=[id_])["TransitGateways"][0]["State"] == "available"
        held = net.ec2.describe_transit_gateway_route_tables(TransitGatewayRouteTableIds=[table])["TransitGatewayRouteTables"][0]
        assert held["DefaultAssociationRouteTable"] is True and held["DefaultPropagationRouteTable"] is True
        refused("IncorrectState", net.ec2.delete_transit_gateway_route_table, TransitGatewayRouteTableId=table)
        net.ec2.delete_transit_gateway(TransitGatewayId=id_)
        refused("InvalidTransitGatewayID.NotFound", net.ec2.describe_transit_gateways, TransitGatewayIds=[id_])

    def test_or_without(self, net):
        made = make(net, DefaultRouteTableAssociation="disable", DefaultRouteTablePropagation="disable")
        assert "AssociationDefaultRouteTableId" not in made["Options"]
        table = net.ec2.create_transit_gateway_route_table(TransitGatewayId=made["TransitGatewayId"])["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
        refused("IncorrectState", net.ec2.delete_transit_gateway, TransitGatewayId=made["TransitGatewayId"])
        changed = net.ec2.modify_transit_gateway(TransitGatewayId=made["TransitGatewayId"], Description="x", Options={"DefaultRouteTableAssociation": "enable", "AssociationDefaultRouteTableId": table})
        assert changed["TransitGateway"]["Options"]["AssociationDefaultRouteTableId"] == table and changed["TransitGateway"]["Description"] == "x"
        refused("InvalidParameterValue", make, net, AmazonSideAsn=1)
        refused("UnsupportedOperation", make, net, MulticastSupport="enable")


class TestAttachments:
    def test_a_vpc_is_attached_by_an_interface_in_each_zone(self, net):
        transit = make(net)["TransitGatewayId"]
        vpc, id_ = attach(net, transit)
        found = net.ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[id_])["TransitGatewayVpcAttachments"][0]
        assert (found["State"], found["VpcId"], found["Options"]["DnsSupport"], found["Options"]["ApplianceModeSupport"]) == ("available", vpc, "enable", "disable")
        plug = net.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"][0]
        assert plug["InterfaceType"] == "transit_gateway" and id_ in plug["Description"]
        whole = net.ec2.describe_transit_gateway_attachments(Filters=[{"Name": "resource-id", "Values": [vpc]}])["TransitGatewayAttachments"][0]
        assert whole["ResourceType"] == "vpc" and whole["Association"]["State"] == "associated"
        refused("DuplicateTransitGatewayAttachment", net.ec2.create_transit_gateway_vpc_attachment, TransitGatewayId=transit, VpcId=vpc, SubnetIds=[net.subnet(vpc, "10.0.1.0/24", "b")])
        refused("DependencyViolation", net.ec2.delete_vpc, VpcId=vpc)
        assert id_ in refused("IncorrectState", net.ec2.delete_transit_gateway, TransitGatewayId=transit)

    def test_subnets_change(self, net):
        transit = make(net)["TransitGatewayId"]
        vpc, id_ = attach(net, transit)
        other, same = net.subnet(vpc, "10.0.1.0/24", "b"), net.subnet(vpc, "10.0.2.0/24", "a")
        refused("DuplicateSubnetsInSameZone", net.ec2.modify_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=id_, AddSubnetIds=[same])
        first = net.ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"][0]["SubnetIds"][0]
        net.ec2.modify_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_, AddSubnetIds=[other], RemoveSubnetIds=[first], Options={"ApplianceModeSupport": "enable"})
        found = net.ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"][0]
        assert found["SubnetIds"] == [other] and found["Options"]["ApplianceModeSupport"] == "enable"

    def test_a_vpcs_route_leads_to_it_while_it_is_attached(self, net):
        transit = make(net)["TransitGatewayId"]
        vpc, id_ = attach(net, transit)
        table = net.main(vpc)
        net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=transit)
        assert net.routes(table)["10.0.0.0/8"]["State"] == "active" and net.routes(table)["10.0.0.0/8"]["TransitGatewayId"] == transit
        refused("InvalidTransitGatewayID.NotFound", net.ec2.create_route, RouteTableId=net.main(net.vpc("10.7.0.0/16")), DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=transit)
        assert net.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_)["TransitGatewayVpcAttachment"]["State"] == "deleting"
        assert net.routes(table)["10.0.0.0/8"]["State"] == "blackhole"
        refused("InvalidTransitGatewayAttachmentID.NotFound", net.ec2.describe_transit_gateway_attachments, TransitGatewayAttachmentIds=[id_])

    def test_a_vpn_is_attached_too(self, net):
        transit = make(net)["TransitGatewayId"]
        far = net.ec2.create_customer_gateway(Type="ipsec.1", PublicIp="203.0.113.9", BgpAsn=65000)["CustomerGateway"]["CustomerGatewayId"]
        vpn = net.ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=far, TransitGatewayId=transit)["VpnConnection"]
        assert vpn["TransitGatewayId"] == transit and f"<transit_gateway_id>{transit}</transit_gateway_id>" in vpn["CustomerGatewayConfiguration"]
        held = net.ec2.describe_transit_gateway_attachments(Filters=[{"Name": "resource-type", "Values": ["vpn"]}])["TransitGatewayAttachments"][0]
        assert held["ResourceId"] == vpn["VpnConnectionId"]
        net.ec2.delete_vpn_connection(VpnConnectionId=vpn["VpnConnectionId"])
        assert net.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"] == []


class TestTables:
    def test_attached_vpcs_are_propagated(self, net):
        made = make(net)
        transit, table = made["TransitGatewayId"], made["Options"]["AssociationDefaultRouteTableId"]
        (one, first), (_, second) = attach(net, transit), attach(net, transit, "10.1.0.0/16")
        found = search(net, table)
        assert found["10.0.0.0/16"] == {"DestinationCidrBlock": "10.0.0.0/16", "Type": "propagated", "State": "active", "TransitGatewayAttachments": [
            {"ResourceId": one, "TransitGatewayAttachmentId": first, "ResourceType": "vpc"}]}
        net.ec2.associate_vpc_cidr_block(VpcId=one, CidrBlock="10.2.0.0/16")
        assert set(search(net, table)) == {"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"}
        assert {x["TransitGatewayAttachmentId"] for x in net.ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)["Associations"]} == {first, second}
        net.ec2.disable_transit_gateway_route_table_propagation(TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=first)
        refused("TransitGatewayRouteTablePropagation.NotFound", net.ec2.disable_transit_gateway_route_table_propagation, TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=first)
        assert set(search(net, table)) == {"10.1.0.0/16"}
        net.ec2.enable_transit_gateway_route_table_propagation(TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=first)
        refused("TransitGatewayRouteTablePropagation.Duplicate", net.ec2.enable_transit_gateway_route_table_propagation, TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=first)
        assert len(net.ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=table)["TransitGatewayRouteTablePropagations"]) == 2
        assert net.ec2.get_transit_gateway_attachment_propagations(TransitGatewayAttachmentId=first)["TransitGatewayAttachmentPropagations"] == [{"TransitGatewayRouteTableId": table, "State": "enabled"}]

    def test_an_attachment_is_associated_with_one_table(self, net):
        made = make(net)
        transit, table = made["TransitGatewayId"], made["Options"]["AssociationDefaultRouteTableId"]
        _, id_ = attach(net, transit)
        other = net.ec2.create_transit_gateway_route_table(TransitGatewayId=transit)["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
        refused("Resource.AlreadyAssociated", net.ec2.associate_transit_gateway_route_table, TransitGatewayRouteTableId=other, TransitGatewayAttachmentId=id_)
        refused("InvalidAssociation.NotFound", net.ec2.disassociate_transit_gateway_route_table, TransitGatewayRouteTableId=other, TransitGatewayAttachmentId=id_)
        net.ec2.disassociate_transit_gateway_route_table(TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=id_)
        net.ec2.associate_transit_gateway_route_table(TransitGatewayRouteTableId=other, TransitGatewayAttachmentId=id_)
        refused("IncorrectState", net.ec2.delete_transit_gateway_route_table, TransitGatewayRouteTableId=other)

    def test_static_routes(self, net):
        made = make(net)
        transit, table = made["TransitGatewayId"], made["Options"]["AssociationDefaultRouteTableId"]
        (_, first), (_, second) = attach(net, transit), attach(net, transit, "10.1.0.0/16")
        route = net.ec2.create_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="0.0.0.0/0", TransitGatewayAttachmentId=first)["Route"]
        assert route["Type"] == "static" and route["State"] == "active"
        refused("RouteAlreadyExists", net.ec2.create_transit_gateway_route, TransitGatewayRouteTableId=table, DestinationCidrBlock="0.0.0.0/0", Blackhole=True)
        net.ec2.create_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="10.1.0.0/16", Blackhole=True)
        assert search(net, table)["10.1.0.0/16"]["State"] == "blackhole"          # a static route comes before a propagated one
        net.ec2.replace_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="0.0.0.0/0", TransitGatewayAttachmentId=second)
        assert search(net, table)["0.0.0.0/0"]["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"] == second
        assert set(search(net, table, "route-search.longest-prefix-match", "10.0.0.5")) == {"10.0.0.0/16"}
        assert set(search(net, table, "route-search.longest-prefix-match", "8.8.8.8")) == {"0.0.0.0/0"}
        assert set(search(net, table, "route-search.subnet-of-match", "10.0.0.0/8")) == {"10.0.0.0/16", "10.1.0.0/16"}
        assert set(search(net, table, "route-search.exact-match", "10.1.0.0/16")) == {"10.1.0.0/16"} and set(search(net, table, "state", "blackhole")) == {"10.1.0.0/16"}
        net.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=second)
        assert search(net, table)["0.0.0.0/0"]["State"] == "blackhole"
        assert net.ec2.delete_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock="0.0.0.0/0")["Route"]["State"] == "deleted"
        refused("InvalidRoute.NotFound", net.ec2.delete_transit_gateway_route, TransitGatewayRouteTableId=table, DestinationCidrBlock="0.0.0.0/0")


class TestPeering:
    def test_transit_gateways_of_two_regions_are_peered(self, net, cloud):
        far = Net(cloud, "eu-west-1")
        one, two = make(net), make(far)
        made = net.ec2.create_transit_gateway_peering_attachment(TransitGatewayId=one["TransitGatewayId"], PeerTransitGatewayId=two["TransitGatewayId"], PeerAccountId=net.account, PeerRegion="eu-west-1")
        made = made["TransitGatewayPeeringAttachment"]
        id_ = made["TransitGatewayAttachmentId"]
        assert made["State"] == "initiatingRequest" and made["AccepterTgwInfo"]["Region"] == "eu-west-1"
        refused("OperationNotPermitted", net.ec2.accept_transit_gateway_peering_attachment, TransitGatewayAttachmentId=id_)
        far.ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=id_)
        for side in (net, far):
            assert side.ec2.describe_transit_gateway_peering_attachments(TransitGatewayAttachmentIds=[id_])["TransitGatewayPeeringAttachments"][0]["State"] == "available"
        refused("IncorrectState", far.ec2.reject_transit_gateway_peering_attachment, TransitGatewayAttachmentId=id_)
        refused("InvalidParameterValue", net.ec2.enable_transit_gateway_route_table_propagation, TransitGatewayRouteTableId=one["Options"]["AssociationDefaultRouteTableId"], TransitGatewayAttachmentId=id_)
        net.ec2.delete_transit_gateway_peering_attachment(TransitGatewayAttachmentId=id_)
        refused("InvalidTransitGatewayAttachmentID.NotFound", far.ec2.describe_transit_gateway_peering_attachments, TransitGatewayAttachmentIds=[id_])
