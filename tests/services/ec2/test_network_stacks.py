"""Networks in CloudFormation's templates."""
import json

import pytest

from tests.services.cloudformation.templates import outputs, reasons, stack, status, template
from tests.services.cloudformation.test_types import deploy, gone


def ref(name):
    return {"Ref": name}


def att(name, attribute):
    return {"Fn::GetAtt": [name, attribute]}


def one(type_, depends=None, **properties):
    return {"Type": f"AWS::EC2::{type_}", "Properties": properties, **({"DependsOn": depends} if depends else {})}


def show(**values):
    return {name: {"Value": value} for name, value in values.items()}


BASE = {
    "V": one("VPC", CidrBlock="10.0.0.0/16", EnableDnsHostnames=True, Tags=[{"Key": "Name", "Value": "v"}]),
    "Public": one("Subnet", VpcId=ref("V"), CidrBlock={"Fn::Select": [0, {"Fn::Cidr": [att("V", "CidrBlock"), 4, 8]}]}, AvailabilityZone={"Fn::Select": [0, {"Fn::GetAZs": ""}]}, MapPublicIpOnLaunch=True),
    "Private": one("Subnet", VpcId=ref("V"), CidrBlock="10.0.1.0/24", AvailabilityZone={"Fn::Select": [1, {"Fn::GetAZs": ""}]}),
    "I": one("InternetGateway"), "A": one("VPCGatewayAttachment", VpcId=ref("V"), InternetGatewayId=ref("I")),
    "PublicTable": one("RouteTable", VpcId=ref("V")), "PrivateTable": one("RouteTable", VpcId=ref("V")),
    "Out": one("Route", "A", RouteTableId=ref("PublicTable"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("I")),
    "PublicLink": one("SubnetRouteTableAssociation", SubnetId=ref("Public"), RouteTableId=ref("PublicTable")),
    "PrivateLink": one("SubnetRouteTableAssociation", SubnetId=ref("Private"), RouteTableId=ref("PrivateTable")),
    "E": one("EIP", "A", Domain="vpc"), "N": one("NatGateway", SubnetId=ref("Public"), AllocationId=att("E", "AllocationId")),
    "Through": one("Route", RouteTableId=ref("PrivateTable"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("N")),
}


@pytest.fixture
def cfn(cloud):
    return cloud.client("cloudformation")


def settle(cloud, cfn, name):
    """NAT gateways take seconds."""
    for _ in range(20):
        cloud.advance(4)
        if not status(cfn, name).endswith("IN_PROGRESS"):
            return


def test_a_network_of_two_tiers_comes_and_goes(cloud, cfn, net):
    body = template(BASE, Outputs=show(Vpc=ref("V"), Default=att("V", "DefaultSecurityGroup"), Zone=att("Public", "AvailabilityZone"), Address=ref("E"), Route=ref("Out"), Attachment=ref("A")))
    cfn.create_stack(StackName="net", TemplateBody=body)
    settle(cloud, cfn, "net")
    assert status(cfn, "net") == "CREATE_COMPLETE", reasons(cfn, "net")
    said = outputs(cfn, "net")
    vpc = said["Vpc"]
    assert net.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    subnets = {s["CidrBlock"]: s for s in net.of(vpc, "subnets")}
    assert set(subnets) == {"10.0.0.0/24", "10.0.1.0/24"} and subnets["10.0.0.0/24"]["MapPublicIpOnLaunch"] and said["Zone"] == "us-east-1a"
    [nat] = net.ec2.describe_nat_gateways()["NatGateways"]
    assert nat["State"] == "available" and nat["NatGatewayAddresses"][0]["PublicIp"] == said["Address"] and said["Attachment"] == f"IGW|{vpc}"
    tables = {r["DestinationCidrBlock"]: r for t in net.tables(vpc) if not t["Associations"][0]["Main"] for r in t["Routes"] if r.get("NatGatewayId")}
    assert tables["0.0.0.0/0"]["State"] == "active" and said["Route"].endswith("|0.0.0.0/0")
    [group] = net.ec2.describe_security_groups(GroupIds=[said["Default"]])["SecurityGroups"]
    assert group["GroupName"] == "default"
    tags = {t["Key"]: t["Value"] for t in net.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]}
    assert tags["Name"] == "v" and tags["aws:cloudformation:logical-id"] == "V"
    arn = stack(cfn, "net")["StackId"]
    cfn.delete_stack(StackName="net")
    settle(cloud, cfn, arn)
    assert status(cfn, arn) == "DELETE_COMPLETE", reasons(cfn, arn)
    assert [v["IsDefault"] for v in net.ec2.describe_vpcs()["Vpcs"]] == [True] and net.ec2.describe_addresses()["Addresses"] == []


def test_security_groups_with_rules_inside_and_beside(cfn, net):
    def body(ingress, **more):
        return template({
            "V": one("VPC", CidrBlock="10.0.0.0/16"), "Web": one("SecurityGroup", GroupDescription="web", VpcId=ref("V"), SecurityGroupIngress=ingress, **more),
            "App": one("SecurityGroup", GroupDescription="app", VpcId=ref("V"), GroupName="app", SecurityGroupEgress=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}]),
            "Rule": one("SecurityGroupIngress", GroupId=ref("App"), IpProtocol="tcp", FromPort="1337", ToPort="1337", SourceSecurityGroupId=att("Web", "GroupId"), Description="from web"),
            "Other": one("SecurityGroupEgress", GroupId=ref("Web"), IpProtocol="tcp", FromPort=1337, ToPort=1337, DestinationSecurityGroupId=ref("App"))})
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}
    ids = deploy(cfn, "groups", body([http]))
    web, app = (net.ec2.describe_security_groups(GroupIds=[ids[name]])["SecurityGroups"][0] for name in ("Web", "App"))
    assert web["GroupName"].startswith("groups-Web-") and app["GroupName"] == "app" and ids["Rule"].startswith("sgr-")
    assert [(p["FromPort"], p["UserIdGroupPairs"][0]["GroupId"], p["UserIdGroupPairs"][0]["Description"]) for p in app["IpPermissions"]] == [(1337, ids["Web"], "from web")]
    assert [p["FromPort"] for p in app["IpPermissionsEgress"]] == [443]
    assert {p["IpProtocol"] for p in web["IpPermissionsEgress"]} == {"-1", "tcp"}
    again = deploy(cfn, "groups", body([http | {"Description": "said"}, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"}],
                                       SecurityGroupEgress=[{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}]))
    web = net.ec2.describe_security_groups(GroupIds=[ids["Web"]])["SecurityGroups"][0]
    assert again["Web"] == ids["Web"] and {p["FromPort"] for p in web["IpPermissions"]} == {80, 443}
    assert next(p for p in web["IpPermissions"] if p["FromPort"] == 80)["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "said"}]
    assert {r["CidrIp"] for p in web["IpPermissionsEgress"] for r in p["IpRanges"]} == {"10.0.0.0/8"}
    gone(cfn, "groups")


def test_outbound_rules_of_a_template_take_the_place_of_the_default_ones_of_both_families(cfn, net):
    vpc = net.vpc(AmazonProvidedIpv6CidrBlock=True)
    out = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}]
    ids = deploy(cfn, "out", template({"A": one("SecurityGroup", GroupDescription="a", VpcId=vpc, SecurityGroupEgress=out), "B": one("SecurityGroup", GroupDescription="b", VpcId=vpc)}))
    a, b = (net.ec2.describe_security_groups(GroupIds=[ids[name]])["SecurityGroups"][0]["IpPermissionsEgress"] for name in ("A", "B"))
    assert [(p["FromPort"], p["Ipv6Ranges"]) for p in a] == [(443, [])] and [(p["IpProtocol"], p["Ipv6Ranges"]) for p in b] == [("-1", [{"CidrIpv6": "::/0"}])]


def test_acls_with_entries_and_their_subnets(cfn, net):
    def body(action):
        return template({
            "V": one("VPC", CidrBlock="10.0.0.0/16"), "S": one("Subnet", VpcId=ref("V"), CidrBlock="10.0.1.0/24"), "N": one("NetworkAcl", VpcId=ref("V")),
            "In": one("NetworkAclEntry", NetworkAclId=ref("N"), RuleNumber=100, Protocol=6, RuleAction=action, CidrBlock="0.0.0.0/0", PortRange={"From": 443, "To": 443}),
            "Back": one("NetworkAclEntry", NetworkAclId=ref("N"), RuleNumber=100, Protocol=6, RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0", PortRange={"From": 1024, "To": 65535}),
            "L": one("SubnetNetworkAclAssociation", SubnetId=ref("S"), NetworkAclId=ref("N"))}, Outputs=show(L=att("L", "AssociationId")))
    ids = deploy(cfn, "acls", body("allow"))
    [acl] = net.ec2.describe_network_acls(NetworkAclIds=[ids["N"]])["NetworkAcls"]
    assert acl["Associations"][0]["NetworkAclAssociationId"] == ids["L"] == outputs(cfn, "acls")["L"]
    assert {(e["RuleNumber"], e["Egress"], e["RuleAction"]) for e in acl["Entries"] if e["RuleNumber"] == 100} == {(100, False, "allow"), (100, True, "allow")}
    deploy(cfn, "acls", body("deny"))
    entries = net.ec2.describe_network_acls(NetworkAclIds=[ids["N"]])["NetworkAcls"][0]["Entries"]
    assert [e["RuleAction"] for e in entries if e["RuleNumber"] == 100 and not e["Egress"]] == ["deny"]
    gone(cfn, "acls")


def test_interfaces_with_elastic_ips(cfn, net):
    def body(description, count):
        return template({
            "V": one("VPC", CidrBlock="10.0.0.0/16"), "S": one("Subnet", VpcId=ref("V"), CidrBlock="10.0.1.0/24"), "I": one("InternetGateway"),
            "A": one("VPCGatewayAttachment", VpcId=ref("V"), InternetGatewayId=ref("I")), "G": one("SecurityGroup", GroupDescription="g", VpcId=ref("V")),
            "N": one("NetworkInterface", SubnetId=ref("S"), Description=description, GroupSet=[ref("G")], SourceDestCheck=False, SecondaryPrivateIpAddressCount=count),
            "E": one("EIP", Tags=[{"Key": "a", "Value": "b"}]), "L": one("EIPAssociation", "A", AllocationId=att("E", "AllocationId"), NetworkInterfaceId=ref("N"))},
            Outputs=show(Primary=att("N", "PrimaryPrivateIpAddress"), Address=ref("E")))
    ids = deploy(cfn, "plugs", body("one", 1))
    [found] = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[ids["N"]])["NetworkInterfaces"]
    said = outputs(cfn, "plugs")
    assert found["PrivateIpAddress"] == said["Primary"] and found["Association"]["PublicIp"] == said["Address"] == ids["E"] and not found["SourceDestCheck"]
    assert found["Association"]["AssociationId"] == ids["L"] and len(found["PrivateIpAddresses"]) == 2
    deploy(cfn, "plugs", body("two", 0))
    [found] = net.ec2.describe_network_interfaces(NetworkInterfaceIds=[ids["N"]])["NetworkInterfaces"]
    assert found["Description"] == "two" and len(found["PrivateIpAddresses"]) == 1
    gone(cfn, "plugs")
    assert net.ec2.describe_addresses()["Addresses"] == []


def test_ipv6_dhcp_options_and_prefix_lists(cfn, net):
    def body(entries):
        return template({
            "V": one("VPC", CidrBlock="10.0.0.0/16"), "B": one("VPCCidrBlock", VpcId=ref("V"), AmazonProvidedIpv6CidrBlock=True), "B2": one("VPCCidrBlock", VpcId=ref("V"), CidrBlock="10.2.0.0/16"),
            "S": one("Subnet", "B", VpcId=ref("V"), CidrBlock="10.0.1.0/24"),
            "SB": one("SubnetCidrBlock", SubnetId=ref("S"), Ipv6CidrBlock="2001:db8::/64"),
            "O": one("EgressOnlyInternetGateway", VpcId=ref("V")), "T": one("RouteTable", VpcId=ref("V")),
            "R": one("Route", RouteTableId=ref("T"), DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=ref("O")),
            "D": one("DHCPOptions", DomainName="example.com", DomainNameServers=["10.0.0.2"]), "DA": one("VPCDHCPOptionsAssociation", VpcId=ref("V"), DhcpOptionsId=ref("D")),
            "P": one("PrefixList", PrefixListName="p", AddressFamily="IPv4", MaxEntries=3, Entries=entries)}, Outputs=show(Version=att("P", "Version")))
    first = json.loads(body([{"Cidr": "10.0.0.0/8"}]))
    del first["Resources"]["SB"]
    ids = deploy(cfn, "six", json.dumps(first))
    vpc = net.ec2.describe_vpcs(VpcIds=[ids["V"]])["Vpcs"][0]
    assert vpc["DhcpOptionsId"] == ids["D"] and len(vpc["CidrBlockAssociationSet"]) == 2 and vpc["Ipv6CidrBlockAssociationSet"][0]["AssociationId"] == ids["B"]
    assert net.routes(ids["T"])["::/0"]["EgressOnlyInternetGatewayId"] == ids["O"]
    second = json.loads(body([{"Cidr": "10.0.0.0/8"}, {"Cidr": "11.0.0.0/8", "Description": "x"}]))
    second["Resources"]["SB"]["Properties"]["Ipv6CidrBlock"] = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("::/56", "::/64")
    deploy(cfn, "six", json.dumps(second))
    assert outputs(cfn, "six")["Version"] == "2" and net.of(ids["V"], "subnets")[0]["Ipv6CidrBlockAssociationSet"]
    gone(cfn, "six")


def test_a_property_that_is_not_built_fails_its_resource_instead_of_vanishing(cfn):
    cfn.create_stack(StackName="x", TemplateBody=template({"E": one("EIP", TransferAddress="198.18.0.9")}))
    assert status(cfn, "x") in ("ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS") and "TransferAddress" in str(reasons(cfn, "x"))


def test_what_was_changed_behind_the_stacks_back_is_its_drift(cloud, cfn, net):
    http = {"IpProtocol": 6, "FromPort": "80", "ToPort": 80, "CidrIp": "0.0.0.0/0"}
    ids = deploy(cfn, "drifts", template({
        "V": one("VPC", CidrBlock="10.0.0.0/16", EnableDnsHostnames=True), "S": one("Subnet", VpcId=ref("V"), CidrBlock="10.0.1.0/24", MapPublicIpOnLaunch=False),
        "I": one("InternetGateway"), "A": one("VPCGatewayAttachment", VpcId=ref("V"), InternetGatewayId=ref("I")), "T": one("RouteTable", VpcId=ref("V")),
        "R": one("Route", "A", RouteTableId=ref("T"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("I")),
        "G": one("SecurityGroup", GroupDescription="g", VpcId=ref("V"), SecurityGroupIngress=[http])}))

    def drifted():
        id_ = cfn.detect_stack_drift(StackName="drifts")["StackDriftDetectionId"]
        for _ in range(20):
            cloud.advance(1)
            if cfn.describe_stack_drift_detection_status(StackDriftDetectionId=id_)["DetectionStatus"] == "DETECTION_COMPLETE":
                break
        return {d["LogicalResourceId"]: (d["StackResourceDriftStatus"], [p["PropertyPath"] for p in d["PropertyDifferences"]])
                for d in cfn.describe_stack_resource_drifts(StackName="drifts")["StackResourceDrifts"]}
    assert {status for status, _ in drifted().values()} == {"IN_SYNC"}
    net.ec2.authorize_security_group_ingress(GroupId=ids["G"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    net.ec2.modify_subnet_attribute(SubnetId=ids["S"], MapPublicIpOnLaunch={"Value": True})
    net.ec2.modify_vpc_attribute(VpcId=ids["V"], EnableDnsHostnames={"Value": False})
    net.ec2.delete_route(RouteTableId=ids["T"], DestinationCidrBlock="0.0.0.0/0")
    found = drifted()
    assert found["G"] == ("MODIFIED", ["/SecurityGroupIngress/1"]) and found["S"] == ("MODIFIED", ["/MapPublicIpOnLaunch"]) and found["V"] == ("MODIFIED", ["/EnableDnsHostnames"])
    assert found["R"][0] == "DELETED"
