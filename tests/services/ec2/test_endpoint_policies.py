"""What a VPC endpoint's policy lets through: asked of the kernel as the doors in the network ask it, with the request's way."""
import asyncio

import pytest

from cloche.iam import principal
from cloche.kernel import AwsError, Call, Need, Request, authorize
from cloche.testing.people import document

from .hybrid import Net


@pytest.fixture
def net(cloud):
    return Net(cloud)


def asked(server, account, endpoint, need):
    """The decision about a request of the account's root that came by an endpoint."""
    async def decide():
        cloud = server.bell.cloud
        request = Request("GET", "/", {"host": "s3.amazonaws.com"}, b"", None, True, "10.0.0.5")
        request.via = {"aws:SourceVpce": endpoint} if endpoint else {}
        call = Call(cloud, cloud.service("s3"), account, "us-east-1", principal.root(account), "r", request)
        try:
            authorize.require(call, need)
        except AwsError as error:
            return error.message
        return ""
    return asyncio.run_coroutine_threadsafe(decide(), server._loop).result(10)


def test_a_request_through_an_endpoint_must_pass_its_policy(net, cloche_server):
    policy = document({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::mine/*"})
    vpc = net.vpc()
    narrow = net.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", PolicyDocument=policy)["VpcEndpoint"]["VpcEndpointId"]
    mine, other = (Need("s3:GetObject", f"arn:aws:s3:::{name}/key", account=net.account) for name in ("mine", "other"))
    assert asked(cloche_server, net.account, "", other) == ""
    assert asked(cloche_server, net.account, narrow, mine) == ""
    assert "because no VPC endpoint policy allows the s3:GetObject action" in asked(cloche_server, net.account, narrow, other)
    net.ec2.modify_vpc_endpoint(VpcEndpointId=narrow, ResetPolicy=True)
    assert asked(cloche_server, net.account, narrow, other) == ""
