"""VPC endpoints: gateway and interface, and PrivateLink."""
import json

import pytest

from cloche.testing.people import Person, allow, document, refused

from .hybrid import Net

S3, SQS = "com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.sqs"


@pytest.fixture
def net(cloud):
    return Net(cloud)


def make(net, vpc, service=S3, **more):
    return net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, **more)["VpcEndpoint"]


def look(net, id_):
    return net.ec2.describe_vpc_endpoints(VpcEndpointIds=[id_])["VpcEndpoints"][0]


class TestGateway:
    def test_it_is_a_route_in_the_tables_it_is_told_of(self, net):
        vpc = net.vpc()
        table = net.main(vpc)
        made = make(net, vpc, RouteTableIds=[table], TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "1"}]}])
        assert (made["VpcEndpointType"], made["State"], made["RouteTableIds"], made["ServiceName"], made["Tags"]) == ("Gateway", "available", [table], S3, [{"Key": "a", "Value": "1"}])
        assert json.loads(made["PolicyDocument"])["Statement"] == [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]
        listed = net.ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [S3]}])["PrefixLists"][0]["PrefixListId"]
        route = net.routes(table)[listed]
        assert (route["GatewayId"], route["State"]) == (made["VpcEndpointId"], "active")
        refused("InvalidParameterValue", net.ec2.delete_route, RouteTableId=table, DestinationPrefixListId=listed)
        net.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
        assert listed not in net.routes(table)
        refused("InvalidVpcEndpointId.NotFound", look, net, made["VpcEndpointId"])

    def test_a_table_has_one_of_a_service(self, net):
        vpc = net.vpc()
        make(net, vpc, RouteTableIds=[net.main(vpc)])
        assert "already has a route with destination-prefix-list-id" in refused("RouteAlreadyExists", make, net, vpc, RouteTableIds=[net.main(vpc)])
        make(net, vpc, "com.amazonaws.us-east-1.dynamodb", RouteTableIds=[net.main(vpc)])

    def test_tables_come_and_go(self, net):
        vpc = net.vpc()
        other = net.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        id_ = make(net, vpc, RouteTableIds=[net.main(vpc)])["VpcEndpointId"]
        net.ec2.modify_vpc_endpoint(VpcEndpointId=id_, AddRouteTableIds=[other], RemoveRouteTableIds=[net.main(vpc)])
        assert look(net, id_)["RouteTableIds"] == [other]
        assert any(x.startswith("pl-") for x in net.routes(other)) and not any(x.startswith("pl-") for x in net.routes(net.main(vpc)))
        net.ec2.delete_route_table(RouteTableId=other)
        assert look(net, id_)["RouteTableIds"] == []
        refused("InvalidRouteTableID.NotFound", net.ec2.modify_vpc_endpoint, VpcEndpointId=id_, AddRouteTableIds=["rtb-0123456789abcdef0"])

    def test_it_keeps_its_vpc(self, net):
        vpc = net.vpc()
        make(net, vpc)
        refused("DependencyViolation", net.ec2.delete_vpc, VpcId=vpc)

    def test_services_and_types_are_checked(self, net):
        vpc = net.vpc()
        assert refused("InvalidServiceName", make, net, vpc, "com.amazonaws.us-east-1.nothing") == "The Vpc Endpoint Service 'com.amazonaws.us-east-1.nothing' does not exist"
        refused("InvalidServiceName", make, net, vpc, "com.amazonaws.eu-west-1.s3")
        assert refused("InvalidParameter", make, net, vpc, SQS) == "Endpoint type (Gateway) does not match available service types ([Interface])."
        refused("InvalidVpcID.NotFound", make, net, "vpc-0123456789abcdef0")
        refused("InvalidParameter", make, net, vpc, SubnetIds=[net.subnet(vpc, "10.0.0.0/24")])
        refused("UnsupportedOperation", make, net, vpc, ServiceRegion="eu-west-1")

    def test_a_policy_narrows_it(self, net):
        vpc = net.vpc()
        policy = document({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"})
        id_ = make(net, vpc, PolicyDocument=policy)["VpcEndpointId"]
        assert look(net, id_)["PolicyDocument"] == policy
        net.ec2.modify_vpc_endpoint(VpcEndpointId=id_, ResetPolicy=True)
        assert json.loads(look(net, id_)["PolicyDocument"])["Statement"][0]["Action"] == "*"
        refused("InvalidPolicyDocument", net.ec2.modify_vpc_endpoint, VpcEndpointId=id_, PolicyDocument="{")
        refused("InvalidParameterCombination", net.ec2.modify_vpc_endpoint, VpcEndpointId=id_, PolicyDocument=policy, ResetPolicy=True)


class TestInterface:
    def test_it_is_an_interface_in_each_subnet(self, net):
        vpc = net.vpc(dns=True)
        one, two = net.subnet(vpc, "10.0.0.0/24", "a"), net.subnet(vpc, "10.0.1.0/24", "b")
        made = make(net, vpc, SQS, VpcEndpointType="Interface", SubnetIds=[one, two])
        assert made["State"] == "pending" and made["PrivateDnsEnabled"] is True and len(made["NetworkInterfaceIds"]) == 2
        id_ = made["VpcEndpointId"]
        found = look(net, id_)
        assert found["State"] == "available" and found["SubnetIds"] == [one, two] and found["Groups"][0]["GroupName"] == "default"
        plugs = net.ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"]
        assert {(x["InterfaceType"], x["Status"], x["Description"], x["RequesterManaged"]) for x in plugs} == {("vpc_endpoint", "in-use", f"VPC Endpoint Interface {id_}", True)}
        hosts = [x["DnsName"] for x in found["DnsEntries"]]
        assert hosts[0].startswith(f"{id_}-") and hosts[0].endswith(".sqs.us-east-1.vpce.amazonaws.com") and "-us-east-1a.sqs" in hosts[1] and hosts[-1] == "sqs.us-east-1.amazonaws.com"
        refused("DependencyViolation", net.ec2.delete_subnet, SubnetId=one)
        net.ec2.delete_vpc_endpoints(VpcEndpointIds=[id_])
        net.ec2.delete_subnet(SubnetId=one)
        net.ec2.delete_subnet(SubnetId=two)
        net.ec2.delete_vpc(VpcId=vpc)

    def test_private_dns_needs_both_attributes(self, net):
        vpc = net.vpc()
        assert refused("InvalidParameter", make, net, vpc, SQS, VpcEndpointType="Interface") == (
            f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}")
        id_ = make(net, vpc, SQS, VpcEndpointType="Interface", PrivateDnsEnabled=False)["VpcEndpointId"]
        refused("InvalidParameter", net.ec2.modify_vpc_endpoint, VpcEndpointId=id_, PrivateDnsEnabled=True)
        net.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        net.ec2.modify_vpc_endpoint(VpcEndpointId=id_, PrivateDnsEnabled=True)
        assert look(net, id_)["PrivateDnsEnabled"] is True

    def test_a_name_leads_to_one_endpoint(self, net):
        vpc = net.vpc(dns=True)
        make(net, vpc, SQS, VpcEndpointType="Interface")
        assert "conflicting DNS domain for sqs.us-east-1.amazonaws.com" in refused("InvalidParameter", make, net, vpc, SQS, VpcEndpointType="Interface")
        make(net, vpc, SQS, VpcEndpointType="Interface", PrivateDnsEnabled=False)

    def test_one_subnet_a_zone(self, net):
        vpc = net.vpc(dns=True)
        one, two = net.subnet(vpc, "10.0.0.0/24"), net.subnet(vpc, "10.0.1.0/24")
        refused("DuplicateSubnetsInSameZone", make, net, vpc, SQS, VpcEndpointType="Interface", SubnetIds=[one, two])

    def test_subnets_groups_and_addresses_change(self, net):
        vpc = net.vpc(dns=True)
        one, two = net.subnet(vpc, "10.0.0.0/24", "a"), net.subnet(vpc, "10.0.1.0/24", "b")
        group = net.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
        id_ = make(net, vpc, SQS, VpcEndpointType="Interface", SubnetConfigurations=[{"SubnetId": one, "Ipv4": "10.0.0.99"}], SubnetIds=[one])["VpcEndpointId"]
        eni = look(net, id_)["NetworkInterfaceIds"][0]
        assert net.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["PrivateIpAddress"] == "10.0.0.99"
        default = look(net, id_)["Groups"][0]["GroupId"]
        net.ec2.modify_vpc_endpoint(VpcEndpointId=id_, AddSubnetIds=[two], AddSecurityGroupIds=[group], RemoveSecurityGroupIds=[default])
        found = look(net, id_)
        assert found["SubnetIds"] == [one, two] and [x["GroupId"] for x in found["Groups"]] == [group]
        assert [x["GroupId"] for x in net.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["Groups"]] == [group]
        net.ec2.modify_vpc_endpoint(VpcEndpointId=id_, RemoveSubnetIds=[one])
        assert look(net, id_)["SubnetIds"] == [two]
        refused("InvalidNetworkInterfaceID.NotFound", net.ec2.describe_network_interfaces, NetworkInterfaceIds=[eni])
        refused("DependencyViolation", net.ec2.delete_security_group, GroupId=group)

    def test_filters_pages_tokens_and_permission(self, net, cloud):
        vpc = net.vpc(dns=True)
        one = make(net, vpc, SQS, VpcEndpointType="Interface", ClientToken="t")["VpcEndpointId"]
        assert make(net, vpc, SQS, VpcEndpointType="Interface", ClientToken="t")["VpcEndpointId"] == one
        refused("IdempotentParameterMismatch", make, net, vpc, S3, ClientToken="t")
        two = make(net, vpc)["VpcEndpointId"]
        def seen(name, value):
            return [x["VpcEndpointId"] for x in net.ec2.describe_vpc_endpoints(Filters=[{"Name": name, "Values": [value]}])["VpcEndpoints"]]
        assert seen("service-name", "*sqs") == [one] and seen("vpc-endpoint-type", "Gateway") == [two] and sorted(seen("vpc-id", vpc)) == sorted([one, two])
        assert len(net.ec2.describe_vpc_endpoints(MaxResults=1)["VpcEndpoints"]) == 1
        said = net.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0123456789abcdef0"])["Unsuccessful"]
        assert said == [{"Error": {"Code": "InvalidVpcEndpointId.NotFound", "Message": "The Vpc Endpoint Id 'vpce-0123456789abcdef0' does not exist"}, "ResourceId": "vpce-0123456789abcdef0"}]
        someone = Person(cloud, "someone", allow("ec2:ModifyVpcEndpoint", f"arn:aws:ec2:us-east-1:{cloud.account}:vpc-endpoint/{two}")).client("ec2")
        someone.modify_vpc_endpoint(VpcEndpointId=two, ResetPolicy=True)
        refused("UnauthorizedOperation", someone.modify_vpc_endpoint, VpcEndpointId=one, ResetPolicy=True)


class TestServices:
    def test_awss_services_are_told(self, net):
        said = net.ec2.describe_vpc_endpoint_services(ServiceNames=[S3, SQS])
        assert said["ServiceNames"] == [S3, SQS]
        kinds = [(x["ServiceName"], x["ServiceType"][0]["ServiceType"]) for x in said["ServiceDetails"]]
        assert kinds == [(S3, "Gateway"), (S3, "Interface"), (SQS, "Interface")]
        assert said["ServiceDetails"][2]["PrivateDnsName"] == "sqs.us-east-1.amazonaws.com" and said["ServiceDetails"][2]["Owner"] == "amazon" and len(said["ServiceDetails"][2]["AvailabilityZones"]) == 6
        gateways = net.ec2.describe_vpc_endpoint_services(Filters=[{"Name": "service-type", "Values": ["Gateway"]}])["ServiceNames"]
        assert gateways == ["com.amazonaws.us-east-1.dynamodb", S3]
        refused("InvalidServiceName", net.ec2.describe_vpc_endpoint_services, ServiceNames=["x"])

    def balancer(self, net):
        vpc = net.vpc("10.9.0.0/16")
        made = net.cloud.client("elbv2").create_load_balancer(Name="nlb", Type="network", Scheme="internal", Subnets=[net.subnet(vpc, "10.9.0.0/24")])
        return made["LoadBalancers"][0]["LoadBalancerArn"]

    def test_a_balancer_is_offered_to_another_account_that_is_let_in(self, net, cloud):
        arn, other = self.balancer(net), cloud.other()
        theirs = Net(other)
        refused("InvalidParameter", net.ec2.create_vpc_endpoint_service_configuration, NetworkLoadBalancerArns=[arn[:-1]])
        made = net.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn])["ServiceConfiguration"]
        id_, name = made["ServiceId"], made["ServiceName"]
        assert name == f"com.amazonaws.vpce.us-east-1.{id_}" and made["AcceptanceRequired"] is True and made["AvailabilityZones"] == ["us-east-1a"] and made["ServiceState"] == "Available"
        vpc = theirs.vpc()
        subnet = theirs.subnet(vpc, "10.0.0.0/24")
        refused("InvalidServiceName", make, theirs, vpc, name, VpcEndpointType="Interface", SubnetIds=[subnet])
        added = net.ec2.modify_vpc_endpoint_service_permissions(ServiceId=id_, AddAllowedPrincipals=[f"arn:aws:iam::{other.account}:root"])["AddedPrincipals"]
        assert added[0]["PrincipalType"] == "Account"
        assert [x["Principal"] for x in net.ec2.describe_vpc_endpoint_service_permissions(ServiceId=id_)["AllowedPrincipals"]] == [f"arn:aws:iam::{other.account}:root"]
        endpoint = make(theirs, vpc, name, VpcEndpointType="Interface", SubnetIds=[subnet])
        assert endpoint["State"] == "pendingAcceptance" and endpoint["PrivateDnsEnabled"] is False
        waiting = net.ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [id_]}])["VpcEndpointConnections"]
        assert [(x["VpcEndpointOwner"], x["VpcEndpointState"]) for x in waiting] == [(other.account, "pendingAcceptance")]
        assert net.ec2.accept_vpc_endpoint_connections(ServiceId=id_, VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"] == []
        assert look(theirs, endpoint["VpcEndpointId"])["State"] == "available"
        assert net.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[id_])["Unsuccessful"][0]["Error"]["Code"] == "ExistingVpcEndpointConnections"
        assert net.ec2.reject_vpc_endpoint_connections(ServiceId=id_, VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"] == []
        assert look(theirs, endpoint["VpcEndpointId"])["State"] == "rejected"
        assert name in theirs.ec2.describe_vpc_endpoint_services()["ServiceNames"]
        net.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[id_])
        refused("InvalidVpcEndpointServiceId.NotFound", net.ec2.describe_vpc_endpoint_service_configurations, ServiceIds=[id_])

    def test_a_service_changes(self, net):
        arn = self.balancer(net)
        id_ = net.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], AcceptanceRequired=False, PrivateDnsName="svc.example.com")["ServiceConfiguration"]["ServiceId"]
        refused("InvalidParameter", net.ec2.create_vpc_endpoint_service_configuration, NetworkLoadBalancerArns=[arn])      # it is taken
        refused("InvalidParameter", net.ec2.create_vpc_endpoint_service_configuration)
        held = net.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id_])["ServiceConfigurations"][0]
        assert held["PrivateDnsNameConfiguration"]["State"] == "pendingVerification" and held["PrivateDnsNameConfiguration"]["Type"] == "TXT"
        proof = held["PrivateDnsNameConfiguration"]
        dns = net.cloud.client("route53")
        zone = dns.create_hosted_zone(Name="svc.example.com", CallerReference="z")["HostedZone"]["Id"]
        dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {
            "Name": f"{proof['Name']}.svc.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": f'"{proof["Value"]}"'}]}}]})
        assert net.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id_])["ServiceConfigurations"][0]["PrivateDnsNameConfiguration"]["State"] == "verified"
        net.ec2.modify_vpc_endpoint_service_configuration(ServiceId=id_, AcceptanceRequired=True, RemovePrivateDnsName=True)
        held = net.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id_])["ServiceConfigurations"][0]
        assert held["AcceptanceRequired"] is True and "PrivateDnsName" not in held
