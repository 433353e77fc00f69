"""Hosted zones."""
import re

from cloche.testing.people import Person, allow, refused

from .conftest import rr


class TestLife:
    def test_a_public_zone_has_four_name_servers_and_their_records(self, api, cloud):
        made = api.client.create_hosted_zone(Name="Example.COM", CallerReference="one", HostedZoneConfig={"Comment": "mine"})
        zone, servers = made["HostedZone"], made["DelegationSet"]["NameServers"]
        assert re.fullmatch(r"/hostedzone/Z[A-Z0-9]{20}", zone["Id"]) and made["Location"].endswith(zone["Id"])
        assert (zone["Name"], zone["Config"], zone["ResourceRecordSetCount"]) == ("example.com.", {"Comment": "mine", "PrivateZone": False}, 2)
        assert [x.split(".", 2)[2] for x in servers] == ["com", "net", "org", "co.uk"]
        assert all(int(re.match(r"ns-(\d+)", x)[1]) // 512 == at for at, x in enumerate(servers))
        found = api.client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        assert found[0] == {"Name": "example.com.", "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": f"{x}."} for x in servers]}
        assert found[1] == {"Name": "example.com.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": f"{servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}]}
        assert api.client.get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"] == servers

    def test_a_change_is_pending_and_then_in_sync(self, api, cloud):
        change = api.client.create_hosted_zone(Name="example.com", CallerReference="one")["ChangeInfo"]
        assert change["Status"] == "PENDING" and change["Id"].startswith("/change/C")
        assert api.client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "PENDING"
        cloud.advance(60)
        assert api.client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC"
        assert refused("NoSuchChange", api.client.get_change, Id="C1") == "Could not find resource with ID: C1"

    def test_a_reference_is_used_once(self, api):
        api.client.create_hosted_zone(Name="example.com", CallerReference="one")
        assert refused("HostedZoneAlreadyExists", api.client.create_hosted_zone, Name="example.org", CallerReference="one") == "A hosted zone has already been created with the specified caller reference."
        api.client.create_hosted_zone(Name="example.com", CallerReference="two")
        assert api.client.get_hosted_zone_count()["HostedZoneCount"] == 2

    def test_a_zone_with_records_of_its_own_is_not_deleted(self, api):
        zone = api.zone()
        api.create(zone, rr("www.example.com"))
        assert refused("HostedZoneNotEmpty", api.client.delete_hosted_zone, Id=zone) == "The specified hosted zone contains non-required resource record sets  and so cannot be deleted."
        api.change(zone, ("DELETE", rr("www.example.com")))
        assert api.client.delete_hosted_zone(Id=zone)["ChangeInfo"]["Status"] == "PENDING"
        bare = zone.rsplit("/", 1)[1]
        assert refused("NoSuchHostedZone", api.client.get_hosted_zone, Id=zone) == f"No hosted zone found with ID: {bare}"

    def test_names_are_checked(self, api):
        refused("InvalidDomainName", api.zone, "a..b")
        refused("InvalidDomainName", api.zone, "*.example.com")
        refused("InvalidDomainName", api.zone, "x" * 64 + ".com")
        assert api.client.get_hosted_zone(Id=api.zone("b\u00fccher.example"))["HostedZone"]["Name"] == "b\\374cher.example."

    def test_a_comment_changes(self, api):
        zone = api.zone()
        assert api.client.update_hosted_zone_comment(Id=zone, Comment="new")["HostedZone"]["Config"]["Comment"] == "new"
        assert "Comment" not in api.client.update_hosted_zone_comment(Id=zone)["HostedZone"]["Config"]

    def test_a_zone_belongs_to_its_account(self, api, cloud):
        zone = api.zone()
        refused("AccessDenied", cloud.other().client("route53").get_hosted_zone, Id=zone)

    def test_permission_is_asked_for_the_zone(self, api, cloud):
        zone = api.zone()
        someone = Person(cloud, "someone", allow("route53:GetHostedZone", f"arn:aws:route53:::hostedzone/{zone.rsplit('/', 1)[1]}")).client("route53")
        someone.get_hosted_zone(Id=zone)
        assert "route53:GetHostedZone" in refused("AccessDenied", someone.get_hosted_zone, Id=api.zone())
        refused("AccessDenied", someone.delete_hosted_zone, Id=zone)

    def test_only_permitted_names_and_actions_are_changed(self, api, cloud):
        zone = api.zone()
        someone = Person(cloud, "someone", allow("route53:ChangeResourceRecordSets", Condition={"ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["www.example.com"], "route53:ChangeResourceRecordSetsActions": ["UPSERT"]}}))
        def batch(action, name):
            return {"HostedZoneId": zone, "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": rr(name)}]}}
        client = someone.client("route53")
        client.change_resource_record_sets(**batch("UPSERT", "WWW.example.com."))
        refused("AccessDenied", client.change_resource_record_sets, **batch("UPSERT", "ftp.example.com"))
        refused("AccessDenied", client.change_resource_record_sets, **batch("DELETE", "www.example.com"))


class TestLists:
    def test_zones_come_in_pages(self, api):
        made = sorted(api.zone(f"z{n}.example") for n in range(5))
        first = api.client.list_hosted_zones(MaxItems="2")
        assert [x["Id"] for x in first["HostedZones"]] == made[:2] and first["IsTruncated"] and first["MaxItems"] == "2"
        rest = api.client.list_hosted_zones(Marker=first["NextMarker"])
        assert [x["Id"] for x in rest["HostedZones"]] == made[2:] and not rest["IsTruncated"]
        refused("InvalidInput", api.client.list_hosted_zones, MaxItems="0")
        refused("NoSuchHostedZone", api.client.list_hosted_zones, Marker="Z1")

    def test_by_name_they_come_in_the_order_of_their_labels_from_the_right(self, api):
        for name in ("example.com", "a.example.com", "example.net", "b.example.com", "zz.com"):
            api.zone(name)
        first = api.client.list_hosted_zones_by_name(MaxItems="3")
        assert [x["Name"] for x in first["HostedZones"]] == ["example.com.", "a.example.com.", "b.example.com."]
        assert first["NextDNSName"] == "zz.com."
        rest = api.client.list_hosted_zones_by_name(DNSName=first["NextDNSName"], HostedZoneId=first["NextHostedZoneId"])
        assert [x["Name"] for x in rest["HostedZones"]] == ["zz.com.", "example.net."] and rest["DNSName"] == "zz.com."
        refused("InvalidInput", api.client.list_hosted_zones_by_name, HostedZoneId=first["NextHostedZoneId"])

    def test_limits_are_told(self, api):
        zone = api.zone()
        said = api.client.get_hosted_zone_limit(HostedZoneId=zone, Type="MAX_RRSETS_BY_ZONE")
        assert (said["Limit"]["Value"], said["Count"]) == (10000, 2)
        refused("HostedZoneNotPrivate", api.client.get_hosted_zone_limit, HostedZoneId=zone, Type="MAX_VPCS_ASSOCIATED_BY_ZONE")
        said = api.client.get_account_limit(Type="MAX_HOSTED_ZONES_BY_OWNER")
        assert (said["Limit"]["Value"], said["Count"]) == (500, 1)
        assert api.client.get_account_limit(Type="MAX_HEALTH_CHECKS_BY_OWNER")["Limit"]["Value"] == 200
        assert api.client.get_dnssec(HostedZoneId=zone)["Status"]["ServeSignature"] == "NOT_SIGNING"


class TestDelegationSets:
    def test_zones_may_share_their_servers(self, api):
        held = api.client.create_reusable_delegation_set(CallerReference="one")["DelegationSet"]
        assert re.fullmatch(r"/delegationset/N[A-Z0-9]{20}", held["Id"])
        refused("DelegationSetAlreadyCreated", api.client.create_reusable_delegation_set, CallerReference="one")
        one, other = (api.zone(f"{x}.example", DelegationSetId=held["Id"]) for x in "ab")
        for zone in (one, other):
            assert api.client.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"] == held["NameServers"]
        assert len(api.client.list_hosted_zones(DelegationSetId=held["Id"])["HostedZones"]) == 2
        assert api.client.get_reusable_delegation_set_limit(DelegationSetId=held["Id"], Type="MAX_ZONES_BY_REUSABLE_DELEGATION_SET")["Count"] == 2
        refused("DelegationSetInUse", api.client.delete_reusable_delegation_set, Id=held["Id"])
        for zone in (one, other):
            api.client.delete_hosted_zone(Id=zone)
        assert len(api.client.list_reusable_delegation_sets()["DelegationSets"]) == 1
        api.client.delete_reusable_delegation_set(Id=held["Id"])
        refused("NoSuchDelegationSet", api.client.get_reusable_delegation_set, Id=held["Id"])
        refused("NoSuchDelegationSet", api.zone, DelegationSetId=held["Id"])

    def test_the_servers_of_a_zone_may_be_made_reusable(self, api):
        zone = api.zone()
        held = api.client.create_reusable_delegation_set(CallerReference="one", HostedZoneId=zone)["DelegationSet"]
        assert api.client.get_hosted_zone(Id=zone)["DelegationSet"] == held
        refused("DelegationSetAlreadyReusable", api.client.create_reusable_delegation_set, CallerReference="two", HostedZoneId=zone)


class TestTags:
    def test_zones_have_tags(self, api):
        zone = api.zone().rsplit("/", 1)[1]
        api.client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        api.client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "a", "Value": "3"}], RemoveTagKeys=["b"])
        assert api.client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)["ResourceTagSet"]["Tags"] == [{"Key": "a", "Value": "3"}]
        told = api.client.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[zone])["ResourceTagSets"]
        assert told == [{"ResourceType": "hostedzone", "ResourceId": zone, "Tags": [{"Key": "a", "Value": "3"}]}]
        refused("InvalidInput", api.client.change_tags_for_resource, ResourceType="hostedzone", ResourceId=zone)
        refused("NoSuchHostedZone", api.client.list_tags_for_resource, ResourceType="hostedzone", ResourceId="Z1")
