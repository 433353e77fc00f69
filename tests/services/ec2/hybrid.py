"""What the tests of peering, endpoints, VPN and transit gateways share: VPCs in one line, and what is told of things."""
from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


class Net:
    """One account in one region, through boto3."""

    def __init__(self, cloud: Any, region: str = "us-east-1") -> None:
        self.cloud, self.account, self.region, self.ec2 = cloud, cloud.account, region, cloud.client("ec2", region=region)

    def vpc(self, cidr: str = "10.0.0.0/16", *, dns: bool = False) -> str:
        made = str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])
        if dns:
            self.ec2.modify_vpc_attribute(VpcId=made, EnableDnsHostnames={"Value": True})
        return made

    def subnet(self, vpc: str, cidr: str, zone: str = "a") -> str:
        return str(self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=self.region + zone)["Subnet"]["SubnetId"])

    def main(self, vpc: str) -> str:
        return str(self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}])["RouteTables"][0]["RouteTableId"])

    def routes(self, table: str) -> dict[str, Any]:
        found = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return {one.get("DestinationCidrBlock") or one.get("DestinationPrefixListId") or one["DestinationIpv6CidrBlock"]: one for one in found}

    def ask(self, vpc: str, peer: str, **more: Any) -> str:
        return str(self.ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer, **more)["VpcPeeringConnection"]["VpcPeeringConnectionId"])

    def pcx(self, id_: str) -> Any:
        return self.ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[id_])["VpcPeeringConnections"][0]

    def code(self, id_: str) -> str:
        return str(self.pcx(id_)["Status"]["Code"])

    def accept(self, id_: str) -> Any:
        return self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=id_)["VpcPeeringConnection"]

    def peered(self) -> tuple[str, str, str]:
        one, two = self.vpc("10.0.0.0/16"), self.vpc("10.1.0.0/16")
        pcx = self.ask(one, two)
        self.accept(pcx)
        return one, two, pcx


def code_of(call: Any, *args: Any, **more: Any) -> str:
    try:
        call(*args, **more)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
