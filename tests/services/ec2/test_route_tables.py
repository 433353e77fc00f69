"""Route tables and routes."""
import pytest


def test_a_subnet_falls_back_to_the_main_table_without_an_association(net):
    vpc = net.vpc()
    subnet = net.subnet(vpc)
    assert net.tables(vpc, {"Name": "association.subnet-id", "Values": [subnet]}) == []
    table = net.table(vpc)
    id_ = net.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    [found] = net.tables(vpc, {"Name": "association.subnet-id", "Values": [subnet]})
    assert found["RouteTableId"] == table
    assert found["Associations"] == [{"Main": False, "RouteTableAssociationId": id_, "RouteTableId": table, "SubnetId": subnet, "AssociationState": {"State": "associated"}}]
    net.ec2.disassociate_route_table(AssociationId=id_)
    assert net.tables(vpc, {"Name": "association.subnet-id", "Values": [subnet]}) == []


def test_a_subnet_has_one_table_at_a_time_and_a_table_many_subnets(net, refused):
    vpc = net.vpc()
    one, two, first, second = net.subnet(vpc), net.subnet(vpc, "10.0.2.0/24"), net.table(vpc), net.table(vpc)
    id_ = net.ec2.associate_route_table(RouteTableId=first, SubnetId=one)["AssociationId"]
    net.ec2.associate_route_table(RouteTableId=first, SubnetId=two)
    assert refused(net.ec2.associate_route_table, RouteTableId=second, SubnetId=one) == "Resource.AlreadyAssociated"
    answer = net.ec2.replace_route_table_association(AssociationId=id_, RouteTableId=second)
    assert answer["NewAssociationId"] != id_ and answer["AssociationState"]["State"] == "associated"
    assert refused(net.ec2.disassociate_route_table, AssociationId=id_) == "InvalidAssociationID.NotFound"
    assert refused(net.ec2.delete_route_table, RouteTableId=second) == "DependencyViolation"
    net.ec2.disassociate_route_table(AssociationId=answer["NewAssociationId"])
    net.ec2.delete_route_table(RouteTableId=second)
    assert refused(net.ec2.describe_route_tables, RouteTableIds=[second]) == "InvalidRouteTableID.NotFound"


def test_the_main_table_stays_main_until_another_takes_its_place(net, refused):
    vpc = net.vpc()
    old, new = net.main(vpc), net.table(vpc)
    association = old["Associations"][0]["RouteTableAssociationId"]
    assert refused(net.ec2.delete_route_table, RouteTableId=old["RouteTableId"]) == "DependencyViolation"
    assert refused(net.ec2.disassociate_route_table, AssociationId=association) == "InvalidParameterValue"
    net.ec2.replace_route_table_association(AssociationId=association, RouteTableId=new)
    assert net.main(vpc)["RouteTableId"] == new
    net.ec2.delete_route_table(RouteTableId=old["RouteTableId"])


def test_a_table_of_one_vpc_is_not_for_a_subnet_of_another(net, refused):
    one, two = net.vpc("10.1.0.0/16"), net.vpc("10.2.0.0/16")
    subnet = net.subnet(two, "10.2.1.0/24")
    assert refused(net.ec2.associate_route_table, RouteTableId=net.table(one), SubnetId=subnet) == "InvalidParameterValue"
    assert refused(net.ec2.associate_route_table, RouteTableId="rtb-0123456789abcdef0", SubnetId=subnet) == "InvalidRouteTableID.NotFound"
    assert refused(net.ec2.associate_route_table, RouteTableId=net.table(one)) == "InvalidParameterCombination"


def test_the_local_route_cannot_go(net, refused):
    vpc = net.vpc()
    table = net.table(vpc)
    assert refused(net.ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16") == "InvalidParameterValue"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", GatewayId=net.gateway(vpc)) == "RouteAlreadyExists"


def test_a_route_leads_to_a_gateway_of_the_same_vpc(net, refused):
    vpc = net.vpc()
    table, gateway, alone = net.table(vpc), net.gateway(vpc), net.gateway()
    assert net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)["Return"]
    assert net.routes(table)["0.0.0.0/0"] == {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active"}
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway, message=True) == (
        "RouteAlreadyExists", "The route identified by 0.0.0.0/0 already exists.")
    code, words = refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="8.8.8.0/24", GatewayId=alone, message=True)
    assert code == "InvalidParameterValue" and words == f"route table {table} and network gateway {alone} belong to different networks"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="8.8.8.0/24", GatewayId="igw-0123456789abcdef0") == "InvalidInternetGatewayID.NotFound"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="8.8.8.0/33", GatewayId=gateway) == "InvalidParameterValue"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="8.8.8.0/24") == "MissingParameter"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="8.8.8.0/24", GatewayId=gateway, NatGatewayId="nat-1") == "InvalidParameterCombination"
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="8.8.8.9/24", GatewayId=gateway)
    assert "8.8.8.0/24" in net.routes(table)  # canonical


def test_a_route_whose_target_is_detached_or_gone_is_a_blackhole_and_stays(net, refused):
    vpc = net.vpc()
    table, gateway = net.table(vpc), net.gateway(vpc)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    net.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert net.routes(table)["0.0.0.0/0"]["State"] == "blackhole"
    net.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert net.routes(table)["0.0.0.0/0"]["State"] == "active"
    net.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    net.ec2.delete_internet_gateway(InternetGatewayId=gateway)
    assert net.routes(table)["0.0.0.0/0"]["State"] == "blackhole" and net.routes(table)["0.0.0.0/0"]["GatewayId"] == gateway
    net.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert refused(net.ec2.delete_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0") == "InvalidRoute.NotFound"


def test_a_route_to_an_interface_that_is_not_attached_is_a_blackhole(net):
    vpc = net.vpc()
    table, interface = net.table(vpc), net.interface(net.subnet(vpc))
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", NetworkInterfaceId=interface)
    route = net.routes(table)["192.168.0.0/16"]
    assert route["NetworkInterfaceId"] == interface and route["State"] == "blackhole"


def test_a_route_is_replaced_only_if_it_is_there(net, refused):
    vpc = net.vpc()
    table, gateway, interface = net.table(vpc), net.gateway(vpc), net.interface(net.subnet(vpc))
    assert refused(net.ec2.replace_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway) == "InvalidParameterValue"
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    net.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=interface)
    assert net.routes(table)["0.0.0.0/0"]["NetworkInterfaceId"] == interface
    net.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", NetworkInterfaceId=interface)
    assert net.routes(table)["10.0.0.0/16"]["NetworkInterfaceId"] == interface
    net.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16", LocalTarget=True)
    assert net.routes(table)["10.0.0.0/16"]["GatewayId"] == "local"


def test_more_specific_than_local_is_only_for_a_whole_subnet_and_toward_an_interface(net, refused):
    vpc = net.vpc()
    table, gateway, subnet = net.table(vpc), net.gateway(vpc), net.subnet(vpc)
    interface = net.interface(subnet)
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.1.0/24", GatewayId=gateway) == "InvalidParameterValue"
    assert refused(net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.0.1.0/25", NetworkInterfaceId=interface) == "InvalidParameterValue"
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.1.0/24", NetworkInterfaceId=interface)
    assert net.routes(table)["10.0.1.0/24"]["NetworkInterfaceId"] == interface


@pytest.mark.parametrize(("member", "value", "code"), [
    ("NatGatewayId", "nat-0123456789abcdef0", "InvalidNatGatewayID.NotFound"), ("NetworkInterfaceId", "eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
    ("InstanceId", "i-0123456789abcdef0", "InvalidInstanceID.NotFound"), ("EgressOnlyInternetGatewayId", "eigw-0123456789abcdef0", "InvalidGatewayID.NotFound"),
    ("VpcPeeringConnectionId", "pcx-0123456789abcdef0", "InvalidVpcPeeringConnectionID.NotFound"), ("TransitGatewayId", "tgw-0123456789abcdef0", "InvalidTransitGatewayID.NotFound")])
def test_a_target_must_be_there(net, refused, member, value, code):
    destination = {"DestinationIpv6CidrBlock": "::/0"} if value.startswith("eigw") else {"DestinationCidrBlock": "8.0.0.0/8"}
    assert refused(net.ec2.create_route, RouteTableId=net.table(net.vpc()), **destination, **{member: value}) == code


def test_a_prefix_list_is_a_destination(net, refused):
    vpc = net.vpc()
    table, gateway = net.table(vpc), net.gateway(vpc)
    lists = net.ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "8.8.8.0/24"}])["PrefixList"]["PrefixListId"]
    net.ec2.create_route(RouteTableId=table, DestinationPrefixListId=lists, GatewayId=gateway)
    assert net.routes(table)[lists]["State"] == "active"
    assert refused(net.ec2.delete_managed_prefix_list, PrefixListId=lists) == "DependencyViolation"


def test_a_table_made_twice_with_one_token_is_one(net, refused):
    vpc = net.vpc()
    first = net.ec2.create_route_table(VpcId=vpc, ClientToken="t")
    assert net.ec2.create_route_table(VpcId=vpc, ClientToken="t")["RouteTable"]["RouteTableId"] == first["RouteTable"]["RouteTableId"] and first["ClientToken"] == "t"
    assert refused(net.ec2.create_route_table, VpcId=net.vpc("10.9.0.0/16"), ClientToken="t") == "IdempotentParameterMismatch"


def test_tables_are_found_by_their_routes(net):
    vpc = net.vpc()
    table, gateway = net.table(vpc), net.gateway(vpc)
    net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for name, value in (("route.gateway-id", gateway), ("route.destination-cidr-block", "0.0.0.0/0"), ("route.origin", "CreateRoute")):
        assert [t["RouteTableId"] for t in net.tables(vpc, {"Name": name, "Values": [value]})] == [table]


def test_a_table_may_be_associated_with_an_internet_gateway(net, refused):
    vpc = net.vpc()
    table, gateway = net.table(vpc), net.gateway(vpc)
    net.ec2.associate_route_table(RouteTableId=table, GatewayId=gateway)
    assert net.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"][0]["GatewayId"] == gateway
    assert refused(net.ec2.associate_route_table, RouteTableId=table, GatewayId="nat-1") == "InvalidParameterValue"


def test_propagation_wants_a_virtual_private_gateway(net, refused):
    table = net.table(net.vpc())
    for operation in (net.ec2.enable_vgw_route_propagation, net.ec2.disable_vgw_route_propagation):
        assert refused(operation, RouteTableId=table, GatewayId="vgw-0123456789abcdef0") == "InvalidVpnGatewayID.NotFound"
