"""VPC peering, its whole life."""
import pytest

from cloche.testing.people import Person, allow, refused

from .hybrid import Net

DAY = 86400


@pytest.fixture
def net(cloud):
    return Net(cloud)


class TestLife:
    def test_one_asks_the_other_accepts(self, net):
        one, two = net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16")
        made = net.ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=two, TagSpecifications=[{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "x"}]}])
        made = made["VpcPeeringConnection"]
        assert made["Status"] == {"Code": "initiating-request", "Message": f"Initiating Request to {net.account}"} and made["Tags"] == [{"Key": "Name", "Value": "x"}]
        assert (made["ExpirationTime"].timestamp() - net.cloud.now) // DAY in (6, 7)
        assert made["RequesterVpcInfo"]["CidrBlock"] == "10.0.0.0/16" and made["AccepterVpcInfo"] == {"OwnerId": net.account, "VpcId": two, "Region": "us-east-1"}
        pcx = made["VpcPeeringConnectionId"]
        assert net.pcx(pcx)["Status"] == {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {net.account}"}
        assert net.accept(pcx)["Status"]["Code"] == "provisioning"
        found = net.pcx(pcx)
        assert found["Status"] == {"Code": "active", "Message": "Active"} and found["AccepterVpcInfo"]["CidrBlock"] == "10.1.0.0/16" and "ExpirationTime" not in found
        refused("InvalidStateTransition", net.accept, pcx)

    def test_it_runs_across_accounts_and_regions(self, net, cloud):
        other = cloud.other()
        theirs = Net(other, "eu-west-1")
        pcx = net.ask(net.vpc("10.0.0.0/16"), theirs.vpc("10.1.0.0/16"), PeerOwnerId=other.account, PeerRegion="eu-west-1")
        assert net.code(pcx) == theirs.code(pcx) == "pending-acceptance"
        refused("OperationNotPermitted", net.accept, pcx)
        refused("InvalidVpcPeeringConnectionID.NotFound", Net(other).accept, pcx)      # not in that region
        theirs.accept(pcx)
        assert net.code(pcx) == theirs.code(pcx) == "active"
        assert net.pcx(pcx)["AccepterVpcInfo"] == {"OwnerId": other.account, "VpcId": theirs.pcx(pcx)["AccepterVpcInfo"]["VpcId"], "Region": "eu-west-1", "CidrBlock": "10.1.0.0/16",
                                                   "CidrBlockSet": [{"CidrBlock": "10.1.0.0/16"}], "PeeringOptions": net.pcx(pcx)["AccepterVpcInfo"]["PeeringOptions"]}
        theirs.ec2.create_tags(Resources=[pcx], Tags=[{"Key": "a", "Value": "1"}])
        assert net.pcx(pcx)["Tags"] == [] and theirs.pcx(pcx)["Tags"]                     # each side has tags of its own
        refused("InvalidVpcPeeringConnectionID.NotFound", Net(cloud.other()).pcx, pcx)

    def test_in_one_account_it_is_accepted_in_the_accepters_region(self, net, cloud):
        far = Net(cloud, "eu-west-1")
        pcx = net.ask(net.vpc("10.0.0.0/16"), far.vpc("10.1.0.0/16"), PeerRegion="eu-west-1")
        assert "can only be accepted in eu-west-1" in refused("OperationNotPermitted", net.accept, pcx)
        far.accept(pcx)
        assert net.code(pcx) == "active"

    def test_a_request_is_rejected(self, net, cloud):
        pcx = net.ask(net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16"))
        net.ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert net.pcx(pcx)["Status"]["Message"] == f"Rejected by {net.account}"
        assert "from rejected to active" in refused("InvalidStateTransition", net.accept, pcx)
        refused("InvalidStateTransition", net.ec2.delete_vpc_peering_connection, VpcPeeringConnectionId=pcx)

    def test_a_request_expires_after_a_week(self, net, cloud):
        pcx = net.ask(net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16"))
        cloud.advance(days=7)
        assert net.code(pcx) == "expired"
        refused("InvalidStateTransition", net.accept, pcx)
        cloud.advance(days=2, seconds=1)
        refused("InvalidVpcPeeringConnectionID.NotFound", net.pcx, pcx)

    def test_overlapping_ranges_fail(self, net):
        pcx = net.ask(net.vpc("10.0.0.0/16"), net.vpc("10.0.128.0/17"))
        assert net.pcx(pcx)["Status"] == {"Code": "failed", "Message": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"}
        refused("InvalidStateTransition", net.accept, pcx)

    def test_a_vpc_that_is_not_there_fails_too_or_is_not_found_in_the_same_account(self, net, cloud):
        one = net.vpc()
        assert net.code(net.ask(one, "vpc-0123456789abcdef0", PeerOwnerId=cloud.other().account)) == "failed"
        refused("InvalidVpcID.NotFound", net.ask, one, "vpc-0123456789abcdef0")
        refused("InvalidVpcID.NotFound", net.ask, "vpc-0123456789abcdef0", one)

    def test_two_vpcs_have_one_connection(self, net):
        one, two, pcx = net.peered()
        assert pcx in refused("VpcPeeringConnectionAlreadyExists", net.ask, one, two)
        refused("VpcPeeringConnectionAlreadyExists", net.ask, two, one)

    def test_the_second_of_two_requests_is_not_accepted(self, net):
        one, two = net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16")
        first, second = net.ask(one, two), net.ask(two, one)
        net.accept(first)
        refused("VpcPeeringConnectionAlreadyExists", net.accept, second)

    def test_a_vpc_has_25_requests_that_wait_and_50_connections(self, net, cloud):
        one, regions = net.vpc("10.0.0.0/16"), [x["RegionName"] for x in net.ec2.describe_regions()["Regions"]]
        fars = (Net(cloud, region) for region in regions if region != net.region)
        sides = ((far, vpc) for far in fars for vpc in [far.ec2.describe_vpcs()["Vpcs"][0]["VpcId"], *(far.vpc("10.1.0.0/16") for _ in range(4))])

        def asked():
            far, peer = next(sides)
            return far, net.ask(one, peer, PeerRegion=far.region)
        for _ in range(2):
            waiting = [asked() for _ in range(25)]
            refused("OutstandingVpcPeeringConnectionLimitExceeded", asked)
            for far, pcx in waiting:
                far.accept(pcx)
        far, pcx = asked()
        refused("ActiveVpcPeeringConnectionPerVpcLimitExceeded", far.accept, pcx)

    def test_either_side_ends_an_active_one(self, net, cloud):
        other = cloud.other()
        theirs = Net(other)
        pcx = net.ask(net.vpc("10.0.0.0/16"), theirs.vpc("10.1.0.0/16"), PeerOwnerId=other.account)
        refused("OperationNotPermitted", theirs.ec2.delete_vpc_peering_connection, VpcPeeringConnectionId=pcx)   # it may reject what is pending, not delete it
        theirs.accept(pcx)
        theirs.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert net.pcx(pcx)["Status"] == {"Code": "deleted", "Message": f"Deleted by {other.account}"}
        cloud.advance(hours=2, seconds=1)
        refused("InvalidVpcPeeringConnectionID.NotFound", theirs.pcx, pcx)
        assert net.code(pcx) == "deleted"
        cloud.advance(days=2)
        refused("InvalidVpcPeeringConnectionID.NotFound", net.pcx, pcx)

    def test_a_vpc_that_goes_takes_its_connections_along(self, net):
        _one, two, pcx = net.peered()
        net.ec2.delete_vpc(VpcId=two)
        assert net.code(pcx) == "deleted"

    def test_filters(self, net):
        one, two, pcx = net.peered()
        third = net.ask(one, net.vpc("10.2.0.0/16"))
        def seen(**filters):
            rows = net.ec2.describe_vpc_peering_connections(Filters=[{"Name": k.replace("_", "-").replace("--", "."), "Values": [v]} for k, v in filters.items()])["VpcPeeringConnections"]
            return [x["VpcPeeringConnectionId"] for x in rows]
        assert seen(status_code="active") == [pcx] and seen(status_code="pending*") == [third] and sorted(seen(requester_vpc_info__vpc_id=one)) == sorted([pcx, third])
        assert seen(accepter_vpc_info__cidr_block="10.1.0.0/16") == [pcx] and seen(accepter_vpc_info__vpc_id=two) == [pcx]

    def test_permission_names_the_connection(self, net, cloud):
        pcx = net.ask(net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16"))
        someone = Person(cloud, "someone", allow("ec2:AcceptVpcPeeringConnection", [f"arn:aws:ec2:us-east-1:{cloud.account}:vpc-peering-connection/*"])).client("ec2")
        refused("UnauthorizedOperation", someone.accept_vpc_peering_connection, VpcPeeringConnectionId=pcx)     # the VPC is asked about, too
        more = Person(cloud, "more", allow("ec2:AcceptVpcPeeringConnection", "*")).client("ec2")
        refused("DryRunOperation", more.accept_vpc_peering_connection, VpcPeeringConnectionId=pcx, DryRun=True)
        assert net.code(pcx) == "pending-acceptance"
        more.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)


class TestOptions:
    def test_each_side_lets_the_other_resolve_its_names(self, net, cloud):
        other = cloud.other()
        theirs = Net(other)
        pcx = net.ask(net.vpc("10.0.0.0/16", dns=True), theirs.vpc("10.1.0.0/16", dns=True), PeerOwnerId=other.account)
        wanted = {"AllowDnsResolutionFromRemoteVpc": True}
        assert "is not active" in refused("OperationNotPermitted", net.ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions=wanted)
        theirs.accept(pcx)
        said = net.ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions=wanted)
        assert said["RequesterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
        refused("OperationNotPermitted", net.ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=pcx, AccepterPeeringConnectionOptions=wanted)
        assert net.pcx(pcx)["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
        assert net.pcx(pcx)["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False
        refused("InvalidParameterValue", net.ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=pcx,
                RequesterPeeringConnectionOptions={"AllowEgressFromLocalClassicLinkToRemoteVpc": True})
        refused("MissingParameter", net.ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=pcx)


class TestRoutes:
    def test_a_route_is_a_blackhole_until_and_after_the_connection_is_active(self, net):
        one, two = net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16")
        pcx, table = net.ask(one, two), net.main(one)
        net.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=pcx)
        assert net.routes(table)["10.1.0.0/16"]["State"] == "blackhole"
        net.accept(pcx)
        assert net.routes(table)["10.1.0.0/16"] == {"DestinationCidrBlock": "10.1.0.0/16", "VpcPeeringConnectionId": pcx, "Origin": "CreateRoute", "State": "active"}
        assert "10.0.0.0/16" not in net.routes(net.main(two)) or net.routes(net.main(two))["10.0.0.0/16"].get("VpcPeeringConnectionId") is None    # the other side adds its own
        net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert net.routes(table)["10.1.0.0/16"]["State"] == "blackhole"
        refused("InvalidParameterValue", net.ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.1.0.0/17", VpcPeeringConnectionId=pcx)

    def test_a_table_of_a_third_vpc_leads_nowhere_over_it(self, net):
        _, _, pcx = net.peered()
        refused("InvalidParameterValue", net.ec2.create_route, RouteTableId=net.main(net.vpc("10.2.0.0/16")), DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=pcx)
        refused("InvalidVpcPeeringConnectionID.NotFound", net.ec2.create_route, RouteTableId=net.main(net.vpc("10.3.0.0/16")), DestinationCidrBlock="10.1.0.0/16",
                VpcPeeringConnectionId="pcx-0123456789abcdef0")


class TestGroups:
    def rule(self, group, owner):
        return {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group, "UserId": owner}]}]}

    def group(self, net, vpc):
        return net.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]

    def test_rules_name_groups_of_a_peer_of_the_same_region(self, net, cloud):
        other = cloud.other()
        theirs = Net(other)
        one, two = net.vpc("10.0.0.0/16"), theirs.vpc("10.1.0.0/16")
        mine, far = self.group(net, one), self.group(theirs, two)
        pcx = net.ask(one, two, PeerOwnerId=other.account)
        refused("InvalidGroup.NotFound", net.ec2.authorize_security_group_ingress, GroupId=mine, **self.rule(far, other.account))
        theirs.accept(pcx)
        net.ec2.authorize_security_group_ingress(GroupId=mine, **self.rule(far, other.account))
        pair = net.ec2.describe_security_groups(GroupIds=[mine])["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"][0]
        assert (pair["GroupId"], pair["UserId"], pair["VpcId"], pair["VpcPeeringConnectionId"], pair["PeeringStatus"]) == (far, other.account, two, pcx, "active")
        assert theirs.ec2.describe_security_group_references(GroupId=[far])["SecurityGroupReferenceSet"] == [{"GroupId": far, "ReferencingVpcId": one, "VpcPeeringConnectionId": pcx}]
        net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert [x["GroupId"] for x in net.ec2.describe_stale_security_groups(VpcId=one)["StaleSecurityGroupSet"]] == [mine]

    def test_across_regions_they_do_not(self, net, cloud):
        far = Net(cloud, "eu-west-1")
        one, two = net.vpc("10.0.0.0/16"), far.vpc("10.1.0.0/16")
        far.accept(net.ask(one, two, PeerRegion="eu-west-1"))
        refused("InvalidGroup.NotFound", net.ec2.authorize_security_group_ingress, GroupId=self.group(net, one), **self.rule(self.group(far, two), net.account))
