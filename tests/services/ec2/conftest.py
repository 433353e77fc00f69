"""EC2's records are tried without machines, for speed; `real` is a cloud in which instances run; `net` has the few words that tests of networks need."""
import pytest
from botocore.exceptions import ClientError

from cloche.engines.world import lacking
from cloche.testing import Cloche

from .plugged import Plugged


@pytest.fixture(scope="session")
def cloche_server():
    with Cloche(compute="none") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def real_server():
    if reason := lacking():
        pytest.skip(reason)
    with Cloche() as cloud:
        yield cloud


@pytest.fixture
def real(real_server):
    return real_server.other()


class Net:
    def __init__(self, cloud):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")

    def vpc(self, cidr="10.0.0.0/16", **more):
        return self.ec2.create_vpc(CidrBlock=cidr, **more)["Vpc"]["VpcId"]

    def subnet(self, vpc, cidr="10.0.1.0/24", **more):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, **more)["Subnet"]["SubnetId"]

    def gateway(self, vpc=None):
        made = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        if vpc:
            self.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
        return made

    def table(self, vpc):
        return self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]

    def main(self, vpc):
        return self.tables(vpc, {"Name": "association.main", "Values": ["true"]})[0]

    def tables(self, vpc, *more):
        return self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, *more])["RouteTables"]

    def routes(self, table):
        return {r.get("DestinationCidrBlock") or r.get("DestinationIpv6CidrBlock") or r["DestinationPrefixListId"]: r
                for r in self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]}

    def group(self, vpc, name="g", **more):
        return self.ec2.create_security_group(GroupName=name, Description="made by a test", VpcId=vpc, **more)["GroupId"]

    def interface(self, subnet, **more):
        return self.ec2.create_network_interface(SubnetId=subnet, **more)["NetworkInterface"]["NetworkInterfaceId"]

    def address(self):
        return self.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def acl(self, vpc):
        return self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]

    def nat(self, subnet, allocation=None, **more):
        kind = {"AllocationId": allocation} if allocation else {"ConnectivityType": "private"}
        return self.ec2.create_nat_gateway(SubnetId=subnet, **kind, **more)["NatGateway"]["NatGatewayId"]

    def of(self, vpc, what):
        """What a describe operation lists of one VPC."""
        describe = getattr(self.ec2, f"describe_{what}")
        answer = describe(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        return next(value for value in answer.values() if isinstance(value, list))


@pytest.fixture
def net(cloud):
    return Net(cloud)


@pytest.fixture
def refused():
    """Call it and give back the code (or code and message) of the refusal."""
    def call(function, *args, message=False, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        said = error.value.response["Error"]
        return (said["Code"], said["Message"]) if message else said["Code"]
    return call


@pytest.fixture
def plugged(real_server, real):
    """The account's interfaces in the kernel's network."""
    made = Plugged(real_server, real)
    yield made
    made.close()
