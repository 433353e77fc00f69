"""Private integrations of REST APIs: over a VPC link to what nobody outside reaches."""
from tests.services.elbv2.conftest import forward, lb  # noqa: F401 - a fixture

from .conftest import Api
from .test_apis import refused


def told(method, target, headers, body):
    low = {name.lower(): value for name, value in headers}
    return 200, [("content-type", "text/plain")], f"{method} {target} {low['host']} {body.decode()}".encode()


def link(cloud, arn):
    gw = cloud.client("apigateway")
    made = gw.create_vpc_link(name="l", targetArns=[arn], tags={"a": "b"})
    assert made["status"] == "PENDING"
    cloud.advance(15)
    return made["id"]


def private_nlb(lb, machine):  # noqa: F811
    """An internal Network Load Balancer before a machine."""
    balancer = lb.balancer(Type="network", Scheme="internal")
    group = lb.group("tcp", Protocol="TCP", TargetType="ip", HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=5)
    lb.listener(balancer, forward(group), Protocol="TCP")
    lb.register(group, machine)
    lb.cloud.advance(11)
    return balancer


def test_a_link_reaches_a_network_load_balancer(lb, cloud):  # noqa: F811
    machine = lb.machine(told)
    balancer = private_nlb(lb, machine)
    link_id = link(cloud, balancer["LoadBalancerArn"])
    api = Api(cloud)
    by_link = {"integrationHttpMethod": "ANY", "connectionType": "VPC_LINK", "connectionId": link_id}
    api.method("/p/{proxy+}", "ANY", integration={"type": "HTTP_PROXY", "uri": "http://inside.example/base/{proxy}", **by_link, "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"}},
               requestParameters={"method.request.path.proxy": True})
    api.method("/mapped", "POST", integration={"type": "HTTP", "uri": "http://inside.example/m", **by_link, "connectionId": "${stageVariables.link}", "integrationHttpMethod": "PUT",
                                               "requestTemplates": {"application/json": "made $input.path('$.a')"}})
    api.method("/closed", integration={"type": "HTTP_PROXY", "uri": "http://inside.example:81/", **by_link})
    api.deploy(variables={"link": link_id})
    got = api.call("/p/a/b?q=1", "POST", body="hi", headers={"Content-Type": "text/plain"})
    assert (got.status, got.body) == (200, b"POST /base/a/b?q=1 inside.example hi")
    assert api.call("/mapped", "POST", body='{"a": 7}').body == b"PUT /m inside.example made 7"
    got = api.call("/closed")
    assert (got.status, got.json) == (504, {"message": "Network error communicating with endpoint"}), "no listener at that port"
    told_of = refused(api.gw.delete_vpc_link, "BadRequestException", f"Cannot delete vpc link. Vpc link '{link_id}', is referenced in", vpcLinkId=link_id)
    assert "ANY:/p/{proxy+}:dev" in told_of["Error"]["Message"]
    api.gw.delete_rest_api(restApiId=api.id)
    api.gw.delete_vpc_link(vpcLinkId=link_id)
    refused(api.gw.get_vpc_link, "NotFoundException", "Invalid Vpc Link identifier specified", vpcLinkId=link_id)


def test_a_link_is_described_changed_and_fails_without_a_load_balancer(cloud):
    gw = cloud.client("apigateway")
    arn = f"arn:aws:elasticloadbalancing:us-east-1:{cloud.account}:loadbalancer/net/none/0123456789abcdef"
    one, two = link(cloud, arn), link(cloud, "nonsense")
    assert gw.get_vpc_link(vpcLinkId=one)["status"] == "FAILED" and arn in gw.get_vpc_link(vpcLinkId=one)["statusMessage"]
    assert (gw.get_vpc_link(vpcLinkId=two)["status"], gw.get_vpc_link(vpcLinkId=two)["statusMessage"]) == ("FAILED", "NLB ARN is malformed.")
    changed = gw.update_vpc_link(vpcLinkId=one, patchOperations=[{"op": "replace", "path": "/name", "value": "n"}, {"op": "replace", "path": "/description", "value": "d"}])
    assert (changed["name"], changed["description"], changed["targetArns"], changed["tags"]) == ("n", "d", [arn], {"a": "b"})
    assert {it["id"] for it in gw.get_vpc_links()["items"]} == {one, two}
    refused(gw.create_vpc_link, "BadRequestException", None, name="l", targetArns=[arn, arn])
    gw.tag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/vpclinks/{one}", tags={"c": "d"})
    assert gw.get_vpc_link(vpcLinkId=one)["tags"] == {"a": "b", "c": "d"}
    api = Api(cloud)
    where = api.mock("/a")
    by_link = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://x/", "connectionType": "VPC_LINK"}
    refused(api.gw.put_integration, "BadRequestException", None, **where, **by_link)
    refused(api.gw.put_integration, "BadRequestException", None, **where, **by_link, connectionId="zzzzzz")
    api.gw.put_integration(**where, **by_link, connectionId=one)
    api.deploy()
    assert api.call("/a").status == 504, "a link that failed leads nowhere"
