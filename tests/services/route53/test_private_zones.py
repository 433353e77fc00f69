"""Private zones: which VPCs see them."""
import pytest

from cloche.testing.people import refused

from .conftest import rr


def network(cloud, region="us-east-1"):
    return {"VPCRegion": region, "VPCId": cloud.client("ec2", region=region).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]}


@pytest.fixture
def vpc(cloud):
    return network(cloud)


class TestLife:
    def test_a_zone_with_a_vpc_is_private(self, api, cloud, vpc):
        made = api.client.create_hosted_zone(Name="corp.internal", CallerReference="one", VPC=vpc)
        zone = made["HostedZone"]["Id"]
        assert made["HostedZone"]["Config"]["PrivateZone"] is True and made["VPC"] == vpc and "DelegationSet" not in made
        ns = api.client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"][0]
        assert [x["Value"] for x in ns["ResourceRecords"]] == ["ns-0.awsdns-00.com.", "ns-512.awsdns-00.net.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk."]
        assert api.client.get_hosted_zone(Id=zone)["VPCs"] == [vpc]
        assert [x["Id"] for x in api.client.list_hosted_zones(HostedZoneType="PrivateHostedZone")["HostedZones"]] == [zone]
        assert api.client.get_hosted_zone_limit(HostedZoneId=zone, Type="MAX_VPCS_ASSOCIATED_BY_ZONE")["Count"] == 1
        refused("InvalidInput", api.client.test_dns_answer, HostedZoneId=zone, RecordName="corp.internal", RecordType="NS")

    def test_a_private_zone_needs_a_vpc_that_is_there(self, api, cloud, vpc):
        refused("InvalidInput", api.zone, HostedZoneConfig={"PrivateZone": True})
        refused("InvalidVPCId", api.zone, VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-0123456789abcdef0"})
        refused("InvalidVPCId", api.zone, VPC=vpc | {"VPCRegion": "eu-west-1"})

    def test_more_vpcs_may_see_it_of_other_regions_too(self, api, cloud, vpc):
        zone, far = api.zone("corp.internal", VPC=vpc), network(cloud, "eu-west-1")
        api.client.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=far)
        assert api.client.get_hosted_zone(Id=zone)["VPCs"] == [vpc, far]
        summaries = api.client.list_hosted_zones_by_vpc(VPCId=far["VPCId"], VPCRegion="eu-west-1")["HostedZoneSummaries"]
        assert summaries == [{"HostedZoneId": zone.rsplit("/", 1)[1], "Name": "corp.internal.", "Owner": {"OwningAccount": cloud.account}}]
        api.client.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc)
        assert refused("LastVPCAssociation", api.client.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=far) == "Cannot remove last VPC association for the private zone"
        refused("VPCAssociationNotFound", api.client.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=vpc)

    def test_a_vpc_sees_one_zone_of_a_name(self, api, vpc):
        api.zone("corp.internal", VPC=vpc)
        api.zone("sub.corp.internal", VPC=vpc)
        assert "has already been associated with the hosted zone" in refused("ConflictingDomainExists", api.zone, "corp.internal", VPC=vpc)
        first = api.client.list_hosted_zones_by_vpc(VPCId=vpc["VPCId"], VPCRegion="us-east-1", MaxItems="1")
        rest = api.client.list_hosted_zones_by_vpc(VPCId=vpc["VPCId"], VPCRegion="us-east-1", NextToken=first["NextToken"])
        assert [x["Name"] for x in (*first["HostedZoneSummaries"], *rest["HostedZoneSummaries"])] == ["corp.internal.", "sub.corp.internal."]

    def test_a_public_zone_is_everybodys(self, api, vpc):
        refused("PublicZoneVPCAssociation", api.client.associate_vpc_with_hosted_zone, HostedZoneId=api.zone(), VPC=vpc)


class TestOtherAccounts:
    def test_a_vpc_of_another_account_is_authorized_by_one_and_associated_by_the_other(self, api, cloud, vpc):
        other = cloud.other()
        zone, theirs, client = api.zone("corp.internal", VPC=vpc), network(other), other.client("route53")
        assert "has not authorized" in refused("NotAuthorizedException", client.associate_vpc_with_hosted_zone, HostedZoneId=zone, VPC=theirs)
        refused("InvalidVPCId", api.client.associate_vpc_with_hosted_zone, HostedZoneId=zone, VPC=theirs)      # only its own account may
        api.client.create_vpc_association_authorization(HostedZoneId=zone, VPC=theirs)
        assert api.client.list_vpc_association_authorizations(HostedZoneId=zone)["VPCs"] == [theirs]
        client.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=theirs)
        assert api.client.get_hosted_zone(Id=zone)["VPCs"] == [vpc, theirs]
        assert client.list_hosted_zones_by_vpc(VPCId=theirs["VPCId"], VPCRegion="us-east-1")["HostedZoneSummaries"][0]["Owner"] == {"OwningAccount": cloud.account}
        api.client.delete_vpc_association_authorization(HostedZoneId=zone, VPC=theirs)
        refused("VPCAssociationAuthorizationNotFound", api.client.delete_vpc_association_authorization, HostedZoneId=zone, VPC=theirs)
        assert theirs in api.client.get_hosted_zone(Id=zone)["VPCs"]                                          # the association stays
        client.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=theirs)
        assert api.client.get_hosted_zone(Id=zone)["VPCs"] == [vpc]
        refused("AccessDenied", client.get_hosted_zone, Id=zone)
        refused("AccessDenied", client.list_hosted_zones_by_vpc, VPCId=vpc["VPCId"], VPCRegion="us-east-1")
        refused("AccessDenied", client.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=vpc)


def test_a_deleted_zone_is_seen_by_no_vpc(api, vpc):
    zone = api.zone("corp.internal", VPC=vpc)
    api.create(zone, rr("www.corp.internal"))
    api.change(zone, ("DELETE", rr("www.corp.internal")))
    api.client.delete_hosted_zone(Id=zone)
    assert api.client.list_hosted_zones_by_vpc(VPCId=vpc["VPCId"], VPCRegion="us-east-1")["HostedZoneSummaries"] == []
