"""Private REST APIs: reached through a VPC endpoint and by nothing else, and the endpoint may be asked for."""
import json

import pytest

from cloche.engines.world import lacking
from tests.services.ec2.plugged import Plugged
from tests.services.ec2.test_network_insights import Net

from .conftest import Api, call
from .test_apis import refused

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}


@pytest.fixture
def plugged(cloche_server, cloud):
    if reason := lacking():
        pytest.skip(reason)
    made = Plugged(cloche_server, cloud)
    yield made
    made.close()


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_a_private_api_needs_a_policy_and_is_closed_to_the_internet(cloud):
    api = Api(cloud, endpointConfiguration={"types": ["PRIVATE"]})
    assert api.gw.get_rest_api(restApiId=api.id)["endpointConfiguration"]["types"] == ["PRIVATE"]
    api.mock("/a", template="in")
    refused(api.gw.create_deployment, "BadRequestException", "Private REST API doesn't have a resource policy attached to it", restApiId=api.id, stageName="dev")
    api.gw.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/policy", "value": policy(ALLOW)}])
    api.deploy()
    got = api.call("/a")
    assert (got.status, got.body) == (403, b'{"message":"Forbidden"}')
    api.gw.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/endpointConfiguration/types/PRIVATE", "value": "REGIONAL"}])
    assert api.call("/a").body == b"in"


def test_a_vpc_endpoint_leads_to_private_apis_alone_and_says_which_it_is(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    net.open(80)
    one, private, _ = plugged.plug(net.subnets[0], [net.groups[0]])

    def endpoint():
        made = net.ec2.create_vpc_endpoint(VpcId=net.vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.us-east-1.execute-api", SubnetIds=[net.subnets[1]],
                                           SecurityGroupIds=[net.groups[1]], PrivateDnsEnabled=False)["VpcEndpoint"]
        plug = net.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"][0]
        return made["VpcEndpointId"], plug["PrivateIpAddress"], made["DnsEntries"][0]["DnsName"]

    (good, at, name), (bad, at_bad, _) = endpoint(), endpoint()
    cloud.advance(120)
    deny = {**ALLOW, "Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": good}}}
    api = Api(cloud, endpointConfiguration={"types": ["PRIVATE"], "vpcEndpointIds": [good]}, policy=policy(ALLOW, deny))
    api.mock("/a", template="$context.identity.vpceId $context.identity.vpcId $context.identity.sourceIp")
    api.deploy()
    public = Api(cloud)
    public.mock("/a", template="in")
    public.deploy()
    plugged.settled()

    def ask(address, host, **headers):
        more = "".join(f"{n.replace('_', '-')}: {v}\r\n" for n, v in headers.items())
        head, _, body = plugged.ask(one, address, 80, f"GET /dev/a HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n".encode()).partition("\r\n\r\n")
        return int(head.split()[1]), body

    host = f"{api.id}.execute-api.us-east-1.amazonaws.com"
    said = (200, f"{good} {net.vpc} {private}")
    assert ask(at, host) == said
    assert ask(at, name, x_apigw_api_id=api.id) == said, "at the endpoint's own name"
    assert ask(at, f"{api.id}-{good}.execute-api.us-east-1.amazonaws.com") == said
    assert ask(at, f"{api.id}-{bad}.execute-api.us-east-1.amazonaws.com")[0] == 403
    status, why = ask(at_bad, host)
    assert status == 403 and "explicit deny" in json.loads(why)["Message"]
    assert ask(at, f"{public.id}.execute-api.us-east-1.amazonaws.com") == (403, '{"message":"Forbidden"}'), "through the endpoint public APIs are out of reach"
    net.ec2.modify_vpc_endpoint(VpcEndpointId=good, PolicyDocument=policy({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:us-east-1:{cloud.account}:other/*"}))
    assert ask(at, host)[0] == 403, "the endpoint's own policy counts"
    assert call(cloud, api.id, "/dev/a").status == 403
