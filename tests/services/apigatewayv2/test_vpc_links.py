"""Private integrations of HTTP APIs: a VPC link has interfaces of its own, and the security groups decide what passes."""
import json

from tests.services.apigateway.test_vpc_links import told
from tests.services.elbv2.conftest import ANYWHERE, forward, lb  # noqa: F401 - a fixture

from ..apigateway.conftest import Api as RestApi
from .test_http_apis import Api, refused


def link(lb, **more):  # noqa: F811
    made = lb.cloud.client("apigatewayv2").create_vpc_link(Name="l", SubnetIds=[one["SubnetId"] for one in lb.subnets[:2]], **more)
    assert (made["VpcLinkStatus"], made["VpcLinkVersion"]) == ("PENDING", "V2")
    lb.cloud.advance(15)
    return made["VpcLinkId"]


def test_a_link_reaches_a_load_balancer_through_its_own_interfaces(lb, cloud):  # noqa: F811
    balancer = lb.behind(lb.machine(told))
    mine = lb.ec2.create_security_group(GroupName="link", Description="link", VpcId=lb.vpc)["GroupId"]
    link_id = link(lb, SecurityGroupIds=[mine])
    found = lb.ec2.describe_network_interfaces(Filters=[{"Name": "interface-type", "Values": ["api_gateway_managed"]}])["NetworkInterfaces"]
    assert len(found) == 2 and all(one["RequesterManaged"] and [g["GroupId"] for g in one["Groups"]] == [mine] for one in found)
    api = Api(cloud, stage="dev")
    private = {"ConnectionType": "VPC_LINK", "ConnectionId": link_id}
    api.proxy("ANY /{proxy+}", balancer["listener"], **private)
    api.proxy("GET /short", balancer["listener"], **private, RequestParameters={"overwrite:path": "$request.path", "append:header.x-a": "'1'", "append:querystring.more": "$context.stage"})
    got = api.call("/dev/a/b?q=1", "POST", body="hi", headers={"Content-Type": "text/plain"})
    assert (got.status, got.body.decode()) == (200, f"POST /dev/a/b?q=1 {balancer['DNSName']} hi"), "the stage is part of the path"
    assert api.call("/dev/short").body.decode() == f"GET /short?more=dev {balancer['DNSName']} "
    lb.client.set_security_groups(LoadBalancerArn=balancer["LoadBalancerArn"], SecurityGroups=[lb.open_group])
    lb.ec2.revoke_security_group_ingress(GroupId=lb.open_group, IpPermissions=ANYWHERE)
    lb.ec2.authorize_security_group_ingress(GroupId=lb.open_group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": mine}]},
                                                                                  {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": lb.open_group}]}])
    assert api.call("/dev/short").status == 200, "the load balancer lets the link's group in"
    rest = RestApi(cloud)
    rest.method("/r", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://named.example/r", "connectionType": "VPC_LINK", "connectionId": link_id,
                                   "integrationTarget": balancer["LoadBalancerArn"]})
    rest.deploy()
    assert rest.call("/r").body == b"GET /r named.example ", "a REST API goes by such a link too"
    api.gw.delete_vpc_link(VpcLinkId=link_id)
    got = api.call("/dev/short")
    assert (got.status, got.json) == (503, {"message": "Service Unavailable"})
    assert lb.ec2.describe_network_interfaces(Filters=[{"Name": "interface-type", "Values": ["api_gateway_managed"]}])["NetworkInterfaces"] == []


def test_a_link_is_described_and_changed(lb, cloud):  # noqa: F811
    gw = cloud.client("apigatewayv2")
    refused(gw.create_vpc_link, "BadRequestException", "subnet-0123456789abcdef0", Name="l", SubnetIds=["subnet-0123456789abcdef0"])
    refused(gw.create_vpc_link, "BadRequestException", "sg-0123456789abcdef0", Name="l", SubnetIds=[lb.subnets[0]["SubnetId"]], SecurityGroupIds=["sg-0123456789abcdef0"])
    assert gw.get_vpc_links()["Items"] == []
    one = link(lb, Tags={"a": "b"})
    seen = gw.get_vpc_link(VpcLinkId=one)
    assert (seen["VpcLinkStatus"], seen["Name"], seen["Tags"], seen["SubnetIds"]) == ("AVAILABLE", "l", {"a": "b"}, [s["SubnetId"] for s in lb.subnets[:2]])
    assert gw.update_vpc_link(VpcLinkId=one, Name="n")["Name"] == "n" == gw.get_vpc_links()["Items"][0]["Name"]
    gw.tag_resource(ResourceArn=f"arn:aws:apigateway:us-east-1::/vpclinks/{one}", Tags={"c": "d"})
    assert gw.get_vpc_link(VpcLinkId=one)["Tags"] == {"a": "b", "c": "d"}
    api = gw.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    kw = {"ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET", "PayloadFormatVersion": "1.0", "ConnectionType": "VPC_LINK"}
    refused(gw.create_integration, "BadRequestException", "ConnectionId", **kw, IntegrationUri="arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/a/b/c")
    refused(gw.create_integration, "BadRequestException", "listener", **kw, ConnectionId=one, IntegrationUri="http://x/")
    refused(gw.create_integration, "BadRequestException", "zzzzzz", **kw, ConnectionId="zzzzzz", IntegrationUri="arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/a/b/c")
    gw.delete_vpc_link(VpcLinkId=one)
    refused(gw.get_vpc_link, "NotFoundException", "", VpcLinkId=one)


def test_a_template_makes_links_of_both_kinds(lb, cloud):  # noqa: F811
    balancer = lb.balancer(Type="network", Scheme="internal")
    resources = {
        "Two": {"Type": "AWS::ApiGatewayV2::VpcLink", "Properties": {"Name": "two", "SubnetIds": [lb.subnets[0]["SubnetId"]], "Tags": {"a": "b"}}},
        "One": {"Type": "AWS::ApiGateway::VpcLink", "Properties": {"Name": "one", "TargetArns": [balancer["LoadBalancerArn"]]}},
    }
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="l", TemplateBody=json.dumps({"Resources": resources}))
    for _ in range(30):
        status = cfn.describe_stacks(StackName="l")["Stacks"][0]["StackStatus"]
        if status != "CREATE_IN_PROGRESS":
            break
        cloud.advance(5)
    assert status == "CREATE_COMPLETE"
    [two], [one] = cloud.client("apigatewayv2").get_vpc_links()["Items"], cloud.client("apigateway").get_vpc_links()["items"]
    assert (two["Name"], two["VpcLinkStatus"], two["Tags"]["a"], one["name"], one["status"]) == ("two", "AVAILABLE", "b", "one", "AVAILABLE")
    cfn.delete_stack(StackName="l")
    cfn.get_waiter("stack_delete_complete").wait(StackName="l", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert cloud.client("apigatewayv2").get_vpc_links()["Items"] == []
