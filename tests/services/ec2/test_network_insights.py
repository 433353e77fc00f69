"""Network Insights: a path is thought through on the records alone, with AWS's codes for what stands in its way."""
import pytest
from botocore.exceptions import ClientError


class Net:
    """A VPC with two subnets, a gateway and an interface in each, as a test changes it."""

    def __init__(self, cloud, cidr="10.0.0.0/16"):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")
        ec2 = self.ec2
        base = cidr.rsplit(".", 2)[0]
        self.vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        self.subnets = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"{base}.{n}.0/24")["Subnet"]["SubnetId"] for n in (1, 2)]
        self.igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)
        self.table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"][0]["RouteTableId"]
        self.acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["NetworkAcls"][0]["NetworkAclId"]
        self.groups = [ec2.create_security_group(GroupName=name, Description="-", VpcId=self.vpc)["GroupId"] for name in ("client", "server")]
        self.plugs = [ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"] for subnet, group in zip(self.subnets, self.groups)]

    def open(self, port=443):
        self.ec2.authorize_security_group_ingress(GroupId=self.groups[1], IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": self.groups[0]}]}])

    def lead(self):
        self.ec2.create_route(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.igw)

    def publish(self, plug):
        address = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=plug)
        return address["PublicIp"]

    def analyse(self, source, destination, port=443, **more):
        return analyse(self.cloud, source, destination, port, **more)


def analyse(cloud, source, destination, port=443, **more):
    ec2 = cloud.client("ec2")
    path = ec2.create_network_insights_path(Source=source, Destination=destination, Protocol="tcp", DestinationPort=port, **more)["NetworkInsightsPath"]
    started = ec2.start_network_insights_analysis(NetworkInsightsPathId=path["NetworkInsightsPathId"])["NetworkInsightsAnalysis"]
    assert started["Status"] == "running" and "NetworkPathFound" not in started
    cloud.advance(2)
    found = ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[started["NetworkInsightsAnalysisId"]])["NetworkInsightsAnalyses"][0]
    assert found["Status"] == "succeeded"
    return found


def codes(analysis):
    return [one["ExplanationCode"] for one in analysis["Explanations"]]


def test_a_path_names_every_component_in_order_there_and_back(cloud):
    net = Net(cloud)
    net.open()
    found = net.analyse(*net.plugs)
    assert found["NetworkPathFound"] is True and found["Explanations"] == []
    assert [one["Component"]["Id"] for one in found["ForwardPathComponents"]] == [net.plugs[0], net.groups[0], net.acl, net.table, net.acl, net.groups[1], net.plugs[1]]
    assert [one["Component"]["Id"] for one in found["ReturnPathComponents"]] == [net.plugs[1], net.groups[1], net.acl, net.table, net.acl, net.groups[0], net.plugs[0]]
    _, out, acl, table, _, into, _ = found["ForwardPathComponents"]
    assert [one["SequenceNumber"] for one in found["ForwardPathComponents"]] == [1, 2, 3, 4, 5, 6, 7]
    assert out["SecurityGroupRule"] == {"Cidr": "0.0.0.0/0", "Direction": "egress", "Protocol": "all"}
    assert into["SecurityGroupRule"] == {"SecurityGroupId": net.groups[0], "Direction": "ingress", "Protocol": "tcp", "PortRange": {"From": 443, "To": 443}}
    assert acl["AclRule"] == {"Cidr": "0.0.0.0/0", "Egress": True, "Protocol": "all", "RuleAction": "allow", "RuleNumber": 100} and acl["Subnet"]["Id"] == net.subnets[0]
    assert table["RouteTableRoute"] == {"DestinationCidr": "10.0.0.0/16", "GatewayId": "local", "Origin": "createroutetable", "State": "active"}
    assert into["InboundHeader"]["DestinationPortRanges"] == [{"From": 443, "To": 443}] and into["InboundHeader"]["Protocol"] == "6"


def test_a_group_without_the_rule_is_named_with_interface_and_direction(cloud):
    net = Net(cloud)
    net.open(80)
    found = net.analyse(*net.plugs)
    assert found["NetworkPathFound"] is False and codes(found) == ["ENI_SG_RULES_MISMATCH"]
    said = found["Explanations"][0]
    assert said["Direction"] == "ingress" and said["NetworkInterface"]["Id"] == net.plugs[1] and [one["Id"] for one in said["SecurityGroups"]] == [net.groups[1]]
    net.open(443)
    assert net.analyse(*net.plugs)["NetworkPathFound"] is True
    net.ec2.revoke_security_group_egress(GroupId=net.groups[0], IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    found = net.analyse(*net.plugs)
    assert codes(found) == ["SG_HAS_NO_RULES"] and found["Explanations"][0]["Direction"] == "egress"


def test_an_acl_without_ephemeral_ports_stops_the_answer(cloud):
    net = Net(cloud)
    net.open()
    acl = net.ec2.create_network_acl(VpcId=net.vpc)["NetworkAcl"]["NetworkAclId"]
    for egress in (True, False):
        net.ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Protocol="6", RuleAction="allow", Egress=egress, CidrBlock="0.0.0.0/0", PortRange={"From": 443, "To": 443})
    old = next(one["NetworkAclAssociationId"] for one in net.ec2.describe_network_acls(NetworkAclIds=[net.acl])["NetworkAcls"][0]["Associations"] if one["SubnetId"] == net.subnets[1])
    net.ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=acl)
    found = net.analyse(*net.plugs)
    assert codes(found) == ["SUBNET_ACL_RESTRICTION"]
    said = found["Explanations"][0]
    assert said["Acl"]["Id"] == acl and said["Subnet"]["Id"] == net.subnets[1] and said["Direction"] == "egress"
    net.ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Protocol="6", RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0", PortRange={"From": 1024, "To": 65535})
    assert net.analyse(*net.plugs)["NetworkPathFound"] is True


def test_the_way_out_needs_a_route_and_a_public_address(cloud):
    net = Net(cloud)
    found = net.analyse(net.plugs[0], net.igw)
    assert codes(found) == ["NO_ROUTE_TO_DESTINATION"]
    assert found["Explanations"][0]["RouteTable"]["Id"] == net.table and found["Explanations"][0]["Destination"]["Id"] == net.igw
    net.lead()
    found = net.analyse(net.plugs[0], net.igw)
    assert codes(found) == ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"] and found["Explanations"][0]["InternetGateway"]["Id"] == net.igw
    net.publish(net.plugs[0])
    found = net.analyse(net.plugs[0], net.igw)
    assert found["NetworkPathFound"] is True and found["ForwardPathComponents"][-1]["Component"]["Id"] == net.igw


def test_the_way_in_needs_a_public_address_and_a_rule(cloud):
    net = Net(cloud)
    net.lead()
    assert codes(net.analyse(net.igw, net.plugs[1])) == ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"]
    net.publish(net.plugs[1])
    assert codes(net.analyse(net.igw, net.plugs[1])) == ["SG_HAS_NO_RULES"]
    net.open()               # members of a group are known by their private addresses only
    assert codes(net.analyse(net.igw, net.plugs[1])) == ["ENI_SG_RULES_MISMATCH"]
    net.ec2.authorize_security_group_ingress(GroupId=net.groups[1], IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="203.0.113.0/24")
    found = net.analyse(net.igw, net.plugs[1])
    assert found["NetworkPathFound"] is True and found["ForwardPathComponents"][0]["Component"]["Id"] == net.igw


def test_vpcs_that_nothing_joins_are_disconnected_and_a_peering_needs_routes(cloud):
    net, far = Net(cloud), Net(cloud, "10.1.0.0/16")
    found = net.analyse(net.plugs[0], far.plugs[1])
    assert codes(found) == ["DISCONNECTED_VPCS"] and found["Explanations"][0]["SourceVpc"]["Id"] == net.vpc and found["Explanations"][0]["DestinationVpc"]["Id"] == far.vpc
    peering = net.ec2.create_vpc_peering_connection(VpcId=net.vpc, PeerVpcId=far.vpc)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    net.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    far.ec2.authorize_security_group_ingress(GroupId=far.groups[1], IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.0.0.0/8")
    assert codes(net.analyse(net.plugs[0], far.plugs[1])) == ["NO_ROUTE_TO_DESTINATION"]
    net.ec2.create_route(RouteTableId=net.table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    found = net.analyse(net.plugs[0], far.plugs[1])      # there, and no way back
    assert codes(found) == ["NO_ROUTE_TO_DESTINATION"] and found["Explanations"][0]["Vpc"]["Id"] == far.vpc
    net.ec2.create_route(RouteTableId=far.table, DestinationCidrBlock="10.0.0.0/16", VpcPeeringConnectionId=peering)
    found = net.analyse(net.plugs[0], far.plugs[1])
    assert found["NetworkPathFound"] is True and peering in [one["Component"]["Id"] for one in found["ForwardPathComponents"]]
    assert net.analyse(net.plugs[0], peering)["NetworkPathFound"] is True
    net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert codes(net.analyse(net.plugs[0], far.plugs[1])) == ["DISCONNECTED_VPCS"]


def test_filters_say_which_packet_and_which_way_is_meant(cloud):
    net = Net(cloud)
    net.open(443)
    one, two = (net.ec2.describe_network_interfaces(NetworkInterfaceIds=[plug])["NetworkInterfaces"][0]["PrivateIpAddress"] for plug in net.plugs)

    def ask(start=None, **more):
        path = net.ec2.create_network_insights_path(Source=net.plugs[0], Destination=net.plugs[1], Protocol="tcp", **more)["NetworkInsightsPath"]["NetworkInsightsPathId"]
        analysis = net.ec2.start_network_insights_analysis(NetworkInsightsPathId=path, **(start or {}))["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"]
        cloud.advance(2)
        return net.ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=[analysis])["NetworkInsightsAnalyses"][0]
    assert ask()["NetworkPathFound"] is True                            # any port that works will do
    assert ask(FilterAtSource={"SourceAddress": one, "DestinationPortRange": {"FromPort": 443, "ToPort": 443}, "SourcePortRange": {"FromPort": 5000, "ToPort": 5000}})["NetworkPathFound"] is True
    assert codes(ask(FilterAtSource={"DestinationPortRange": {"FromPort": 80, "ToPort": 80}})) == ["ENI_SG_RULES_MISMATCH"]
    assert ask(FilterAtDestination={"SourceAddress": one, "DestinationAddress": two})["NetworkPathFound"] is True
    assert codes(ask(FilterAtDestination={"SourceAddress": "10.0.1.99"})) == ["FILTER_AT_DESTINATION_SOURCE_ADDRESS"]
    table = f"arn:aws:ec2:us-east-1:{cloud.account}:route-table/{net.table}"
    assert ask({"FilterInArns": [table]})["NetworkPathFound"] is True
    assert codes(ask({"FilterOutArns": [table]})) == ["COMPONENT_FILTER_RESTRICTION"]


def test_paths_and_analyses_are_listed_and_deleted(cloud):
    net = Net(cloud)
    ec2 = net.ec2
    with pytest.raises(ClientError, match="MissingParameter"):
        ec2.create_network_insights_path(Source=net.plugs[0], Protocol="tcp")
    with pytest.raises(ClientError, match=r"InvalidNetworkInterfaceID\.NotFound"):
        ec2.create_network_insights_path(Source=net.plugs[0], Destination="eni-00000000000000000", Protocol="tcp")
    path = ec2.create_network_insights_path(Source=net.plugs[0], Destination=net.plugs[1], Protocol="udp", ClientToken="once",
                                            TagSpecifications=[{"ResourceType": "network-insights-path", "Tags": [{"Key": "a", "Value": "b"}]}])["NetworkInsightsPath"]
    assert ec2.create_network_insights_path(Source=net.plugs[0], Destination=net.plugs[1], Protocol="udp", ClientToken="once")["NetworkInsightsPath"] == path
    assert path["NetworkInsightsPathArn"] == f"arn:aws:ec2:us-east-1:{cloud.account}:network-insights-path/{path['NetworkInsightsPathId']}" and path["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [one["NetworkInsightsPathId"] for one in ec2.describe_network_insights_paths(Filters=[{"Name": "source", "Values": [net.plugs[0]]}])["NetworkInsightsPaths"]] == [path["NetworkInsightsPathId"]]
    analysis = ec2.start_network_insights_analysis(NetworkInsightsPathId=path["NetworkInsightsPathId"])["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"]
    cloud.advance(2)
    assert [one["NetworkInsightsAnalysisId"] for one in ec2.describe_network_insights_analyses(Filters=[{"Name": "path-found", "Values": ["false"]}])["NetworkInsightsAnalyses"]] == [analysis]
    with pytest.raises(ClientError, match="AnalysisExistsForNetworkInsightsPath"):
        ec2.delete_network_insights_path(NetworkInsightsPathId=path["NetworkInsightsPathId"])
    assert ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=analysis)["NetworkInsightsAnalysisId"] == analysis
    ec2.delete_network_insights_path(NetworkInsightsPathId=path["NetworkInsightsPathId"])
    for ask in (lambda: ec2.describe_network_insights_paths(NetworkInsightsPathIds=[path["NetworkInsightsPathId"]]), lambda: ec2.start_network_insights_analysis(
            NetworkInsightsPathId=path["NetworkInsightsPathId"])):
        with pytest.raises(ClientError, match=r"InvalidNetworkInsightsPathId\.NotFound"):
            ask()
    with pytest.raises(ClientError, match=r"InvalidNetworkInsightsAnalysisId\.NotFound"):
        ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=analysis)
