"""Peering, endpoints, VPN and transit gateways in templates."""
import copy
import json

import pytest

from cloche.testing.people import refused


def ref(name):
    return {"Ref": name}


def get(name, attribute):
    return {"Fn::GetAtt": [name, attribute]}


def resource(kind, **properties):
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


NETWORK = {
    "One": resource("VPC", CidrBlock="10.1.0.0/16", EnableDnsHostnames=True), "Two": resource("VPC", CidrBlock="10.2.0.0/16"), "Subnet": resource("Subnet", VpcId=ref("One"), CidrBlock="10.1.0.0/24"),
    "Table": resource("RouteTable", VpcId=ref("One")),
}
PRIVATE = NETWORK | {
    "Peering": resource("VPCPeeringConnection", VpcId=ref("One"), PeerVpcId=ref("Two"), Tags=[{"Key": "Name", "Value": "p"}]),
    "Route": resource("Route", RouteTableId=ref("Table"), DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=ref("Peering")),
    "Gateway": resource("VPCEndpoint", VpcId=ref("One"), ServiceName={"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"}, RouteTableIds=[ref("Table")]),
    "Queue": resource("VPCEndpoint", VpcId=ref("One"), ServiceName={"Fn::Sub": "com.amazonaws.${AWS::Region}.sqs"}, VpcEndpointType="Interface", SubnetIds=[ref("Subnet")], PrivateDnsEnabled=True),
}
HYBRID = NETWORK | {
    "Customer": resource("CustomerGateway", Type="ipsec.1", IpAddress="203.0.113.5", BgpAsn=65000), "Vgw": resource("VPNGateway", Type="ipsec.1"),
    "Attached": resource("VPCGatewayAttachment", VpcId=ref("One"), VpnGatewayId=ref("Vgw")),
    "Vpn": resource("VPNConnection", Type="ipsec.1", CustomerGatewayId=ref("Customer"), VpnGatewayId=ref("Vgw"), StaticRoutesOnly=True),
    "VpnRoute": resource("VPNConnectionRoute", VpnConnectionId=ref("Vpn"), DestinationCidrBlock="192.168.0.0/16"),
    "Transit": resource("TransitGateway", Description="t", DefaultRouteTableAssociation="disable", DefaultRouteTablePropagation="disable", Tags=[{"Key": "a", "Value": "1"}]),
    "Foot": resource("TransitGatewayAttachment", TransitGatewayId=ref("Transit"), VpcId=ref("One"), SubnetIds=[ref("Subnet")]),
    "Routes": resource("TransitGatewayRouteTable", TransitGatewayId=ref("Transit")),
    "Associated": resource("TransitGatewayRouteTableAssociation", TransitGatewayAttachmentId=ref("Foot"), TransitGatewayRouteTableId=ref("Routes")),
    "Propagated": resource("TransitGatewayRouteTablePropagation", TransitGatewayAttachmentId=ref("Foot"), TransitGatewayRouteTableId=ref("Routes")),
    "Static": resource("TransitGatewayRoute", TransitGatewayRouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", Blackhole=True),
}


@pytest.fixture
def stacks(cloud):
    client = cloud.client("cloudformation")

    def run(verb, resources, **outputs):
        template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
        getattr(client, f"{verb}_stack")(StackName="s", TemplateBody=json.dumps(template))
        cloud.advance(60)
        stack = client.describe_stacks(StackName="s")["Stacks"][0]
        assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE", [(x["LogicalResourceId"], x.get("ResourceStatusReason")) for x in client.describe_stack_events(StackName="s")["StackEvents"]]
        return {x["OutputKey"]: x["OutputValue"] for x in stack.get("Outputs", ())}

    def delete():
        client.delete_stack(StackName="s")
        cloud.advance(300)
        refused("ValidationError", client.describe_stacks, StackName="s")
    run.delete = delete
    return run


def test_a_stack_peers_vpcs_and_makes_endpoints(cloud, stacks):
    ec2 = cloud.client("ec2")
    out = stacks("create", PRIVATE, Peering=ref("Peering"), Gateway=ref("Gateway"), Queue=ref("Queue"), Table=ref("Table"), Names={"Fn::Join": [" ", get("Queue", "DnsEntries")]})
    found = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[out["Peering"]])["VpcPeeringConnections"][0]
    assert found["Status"]["Code"] == "active" and {"Key": "Name", "Value": "p"} in found["Tags"]
    routes = ec2.describe_route_tables(RouteTableIds=[out["Table"]])["RouteTables"][0]["Routes"]
    assert {x.get("VpcPeeringConnectionId") or x.get("GatewayId") for x in routes} == {"local", out["Peering"], out["Gateway"]} and all(x["State"] == "active" for x in routes)
    assert "sqs.us-east-1.amazonaws.com" in out["Names"]
    changed = copy.deepcopy(PRIVATE)
    changed["Queue"]["Properties"]["PrivateDnsEnabled"] = False
    changed["Gateway"]["Properties"] |= {"RouteTableIds": [], "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:Get*", "Resource": "*"}]}}
    assert stacks("update", changed, Gateway=ref("Gateway"))["Gateway"] == out["Gateway"]
    gateway, queue = ec2.describe_vpc_endpoints(VpcEndpointIds=[out["Gateway"], out["Queue"]])["VpcEndpoints"]
    assert gateway["RouteTableIds"] == [] and "s3:Get*" in gateway["PolicyDocument"] and queue["PrivateDnsEnabled"] is False
    stacks.delete()
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[out["Gateway"]])


def test_a_stack_makes_a_vpn_and_a_transit_gateway(cloud, stacks):
    ec2 = cloud.client("ec2")
    out = stacks("create", HYBRID, Vpn=ref("Vpn"), Transit=ref("Transit"), Arn=get("Transit", "TransitGatewayArn"), Routes=ref("Routes"), Foot=ref("Foot"))
    vpn = ec2.describe_vpn_connections(VpnConnectionIds=[out["Vpn"]])["VpnConnections"][0]
    assert vpn["Options"]["StaticRoutesOnly"] is True and vpn["Routes"][0]["DestinationCidrBlock"] == "192.168.0.0/16"
    assert out["Arn"].endswith(out["Transit"])
    found = {x["DestinationCidrBlock"]: x["State"] for x in ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=out["Routes"], Filters=[{"Name": "type", "Values": ["*"]}])["Routes"]}
    assert found == {"0.0.0.0/0": "blackhole", "10.1.0.0/16": "active"}
    assert ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=out["Routes"])["Associations"][0]["TransitGatewayAttachmentId"] == out["Foot"]
    changed = copy.deepcopy(HYBRID)
    changed["Transit"]["Properties"]["Description"] = "other"
    stacks("update", changed)
    assert ec2.describe_transit_gateways(TransitGatewayIds=[out["Transit"]])["TransitGateways"][0]["Description"] == "other"
    stacks.delete()
    refused("InvalidTransitGatewayID.NotFound", ec2.describe_transit_gateways, TransitGatewayIds=[out["Transit"]])


def test_a_stack_offers_a_balancer_as_an_endpoint_service(cloud, stacks):
    resources = NETWORK | {
        "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": "network", "Scheme": "internal", "Subnets": [ref("Subnet")]}},
        "Service": resource("VPCEndpointService", NetworkLoadBalancerArns=[ref("Balancer")], AcceptanceRequired=False),
        "Permissions": resource("VPCEndpointServicePermissions", ServiceId=ref("Service"), AllowedPrincipals=["*"])}
    out = stacks("create", resources, Service=ref("Service"))
    other = cloud.other().client("ec2")
    assert f"com.amazonaws.vpce.us-east-1.{out['Service']}" in other.describe_vpc_endpoint_services()["ServiceNames"]
    stacks.delete()
