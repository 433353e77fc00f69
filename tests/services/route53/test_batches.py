"""ChangeResourceRecordSets and the order records are told in."""
import pytest

from cloche.services.route53 import names, values
from cloche.testing.people import refused

from .conftest import alias, rr


@pytest.fixture
def zone(api):
    return api.zone()


def wrong(api, zone, *changes):
    said = refused("InvalidChangeBatch", api.change, zone, *changes)
    assert said.startswith("[") and said.endswith("]"), said
    return said[1:-1]


class TestChanges:
    def test_what_exists_is_not_created_again(self, api, zone):
        api.create(zone, rr("www.example.com"))
        assert wrong(api, zone, ("CREATE", rr("WWW.example.com."))) == "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists"
        api.change(zone, ("UPSERT", rr("www.example.com", "A", "192.0.2.9")))
        assert api.ask(zone, "www.example.com") == ("NOERROR", ["192.0.2.9"])

    def test_only_what_is_exactly_there_is_deleted(self, api, zone):
        api.create(zone, rr("www.example.com"))
        assert wrong(api, zone, ("DELETE", rr("ftp.example.com"))) == "Tried to delete resource record set [name='ftp.example.com.', type='A'] but it was not found"
        for other in (rr("www.example.com", ttl=60), rr("www.example.com", "A", "192.0.2.2")):
            assert wrong(api, zone, ("DELETE", other)) == "Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not match the current values"
        api.change(zone, ("DELETE", rr("www.example.com")))
        assert api.ask(zone, "www.example.com") == ("NXDOMAIN", [])

    def test_a_batch_happens_whole_or_not_at_all(self, api, zone):
        said = wrong(api, zone, ("CREATE", rr("a.example.com")), ("DELETE", rr("b.example.com")), ("DELETE", rr("c.example.com")))
        assert said.count("but it was not found") == 2
        assert api.names(zone) == [("example.com.", "NS"), ("example.com.", "SOA")]
        assert api.client.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 2

    def test_a_set_is_replaced_by_another_type_in_one_batch(self, api, zone):
        api.create(zone, rr("www.example.com", "CNAME", "other.example.net"))
        api.change(zone, ("CREATE", rr("www.example.com")), ("DELETE", rr("www.example.com", "CNAME", "other.example.net")), Comment="swap")
        assert api.ask(zone, "www.example.com") == ("NOERROR", ["192.0.2.1"])
        assert api.client.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 3

    def test_the_same_change_twice_is_no_sensible_batch(self, api, zone):
        one = ("CREATE", rr("www.example.com"))
        assert wrong(api, zone, one, one) == "The request contains an invalid set of changes for a resource record set 'A www.example.com.'"

    def test_a_cname_is_alone_and_not_at_the_apex(self, api, zone):
        api.create(zone, rr("a.example.com"), rr("c.example.com", "CNAME", "a.example.com"))
        assert wrong(api, zone, ("CREATE", rr("a.example.com", "CNAME", "x.example.com"))) == (
            "RRSet of type CNAME with DNS name a.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com.")
        assert wrong(api, zone, ("CREATE", rr("c.example.com", "TXT", '"x"'))) == (
            "RRSet of type TXT with DNS name c.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com.")
        assert wrong(api, zone, ("CREATE", rr("example.com", "CNAME", "x.example.com"))) == "RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."

    def test_names_lie_in_the_zone(self, api, zone):
        assert wrong(api, zone, ("CREATE", rr("www.example.org"))) == "RRSet with DNS name www.example.org. is not permitted in zone example.com."
        wrong(api, zone, ("CREATE", rr("notexample.com")))

    def test_a_zone_keeps_its_soa_and_ns(self, api, zone):
        ns, soa = api.client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert wrong(api, zone, ("DELETE", soa)) == "A HostedZone must contain exactly one SOA record"
        assert wrong(api, zone, ("DELETE", ns)) == "A HostedZone must contain at least one NS record for the zone itself"
        api.change(zone, ("UPSERT", ns | {"TTL": 60}))

    def test_one_way_of_answering_is_said(self, api, zone):
        both = rr("www.example.com") | {"AliasTarget": alias("x", "y", "Z1")["AliasTarget"]}
        words = "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found "
        assert refused("InvalidInput", api.create, zone, both) == words + "more than one in Change with [Action=CREATE, Name=www.example.com, Type=A, SetIdentifier=null]"
        assert refused("InvalidInput", api.create, zone, {"Name": "x.example.com", "Type": "A"}).startswith(words + "none in")
        no_ttl = rr("www.example.com")
        del no_ttl["TTL"]
        assert refused("InvalidInput", api.create, zone, no_ttl).startswith(words + "none in")

    def test_a_routing_policy_goes_with_an_identifier(self, api, zone):
        words = "Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig], but found "
        assert words + "none" in refused("InvalidInput", api.create, zone, rr("a.example.com", SetIdentifier="x"))
        assert words + "more than one" in refused("InvalidInput", api.create, zone, rr("a.example.com", SetIdentifier="x", Weight=1, Failover="PRIMARY"))
        assert "Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=a.example.com" in refused("InvalidInput", api.create, zone, rr("a.example.com", Weight=1))

    def test_sets_of_one_name_and_type_are_of_one_kind(self, api, zone):
        api.create(zone, rr("w.example.com", SetIdentifier="a", Weight=1), rr("l.example.com", SetIdentifier="a", Region="eu-west-1"), rr("s.example.com"))
        assert "other RRSets exist" in wrong(api, zone, ("CREATE", rr("w.example.com")))
        assert "because a non weighted rrset exists with the same name and type" in wrong(api, zone, ("CREATE", rr("s.example.com", SetIdentifier="b", Weight=1)))
        assert "because a non multivalue answer rrset exists" in wrong(api, zone, ("CREATE", rr("w.example.com", SetIdentifier="b", MultiValueAnswer=True)))
        assert wrong(api, zone, ("CREATE", rr("l.example.com", SetIdentifier="b", Region="eu-west-1"))) == (
            "RRSet with DNS name l.example.com., type A, SetIdentifier b, and Region Name=eu-west-1 cannot be created because a latency RRSet with the same name, type and region already exists")
        assert wrong(api, zone, ("CREATE", rr("w.example.com", SetIdentifier="a", Weight=2))) == (
            "Tried to create resource record set [name='w.example.com.', type='A', set-identifier='a'] but it already exists")
        refused("NoSuchHealthCheck", api.create, zone, rr("w.example.com", SetIdentifier="c", Weight=1, HealthCheckId="nobody"))

    def test_aliases_lead_to_what_is_there(self, api, zone):
        bare = zone.rsplit("/", 1)[1]
        api.create(zone, rr("www.example.com"), alias("example.com", "www.example.com", zone), alias("cdn.example.com", "d111111abcdef8.cloudfront.net", "Z2FDTNDATAQYW2"))
        assert api.ask(zone, "example.com") == ("NOERROR", ["192.0.2.1"])
        assert wrong(api, zone, ("CREATE", alias("a.example.com", "nothing.example.com", zone))) == (
            f"Tried to create an alias that targets nothing.example.com., type A in zone {bare}, but that target was not found")
        assert wrong(api, zone, ("CREATE", alias("a.example.com", "www.example.net", zone))) == (
            f"Tried to create an alias that targets www.example.net., type A in zone {bare}, but the alias target name does not lie within the target zone")
        assert "does not lie within the target zone" in wrong(api, zone, ("CREATE", alias("a.example.com", "x.amazonaws.com", "Z2FDTNDATAQYW2")))
        assert "that target was not found" in wrong(api, zone, ("CREATE", alias("a.example.com", "www.example.net", "Z1")))

    def test_a_batch_has_its_limits(self, api, zone):
        many = [rr(f"n{n}.example.com", "A", *(f"192.0.2.{x}" for x in range(101))) for n in range(10)]
        assert refused("InvalidChangeBatch", api.create, zone, *many) == "Number of records limit of 1000 exceeded."
        assert "Cannot have more than 400 records" in refused("InvalidChangeBatch", api.create, zone, rr("n.example.com", "A", *(f"192.0.{x // 250}.{x % 250}" for x in range(401))))
        text = '"' + "x" * 250 + '"'
        assert "32000 characters" in refused("InvalidChangeBatch", api.create, zone, *(rr(f"n{n}.example.com", "TXT", " ".join([text] * 15)) for n in range(9))).replace("limit of 32000", "32000 characters")


VALUES = [
    ("A", "192.0.2.1", ""), ("A", "192.0.2", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '192.0.2'"),
    ("A", "192.0.2.1, 192.0.2.2", "ARRDATANotSingleField (Value contains spaces) encountered with '192.0.2.1, 192.0.2.2'"),
    ("AAAA", "2001:db8::1", ""), ("AAAA", "192.0.2.1", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
    ("TXT", '"v=spf1 -all"', ""), ("TXT", '"a" "b"', ""), ("TXT", "v=spf1", "InvalidCharacterString (Value should be enclosed in quotation marks) encountered with 'v=spf1'"),
    ("TXT", '"' + "x" * 256 + '"', "CharacterStringTooLong (Value is too long)"), ("TXT", '"say \\"hi\\""', ""),
    ("CNAME", "www.example.com", ""), ("CNAME", "a..b", "DomainLabelEmpty (Domain label is empty)"), ("CNAME", "a b", "CNAMERRDATANotSingleField"),
    ("MX", "10 mail.example.com", ""), ("MX", "mail.example.com", "MXRRDATAPriorityRequired"), ("MX", "70000 mail", "MXRRDATAInvalidPriority"), ("MX", "0 .", ""),
    ("SRV", "1 10 5269 x.example.com.", ""), ("SRV", "1 10 x.example.com.", "SRVRRDATANotFourFields"), ("SRV", "1 10 99999 x", "SRVRRDATAInvalidNumber"),
    ("CAA", '0 issue "amazon.com"', ""), ("CAA", "0 issue amazon.com", "CAARRDATA"), ("CAA", '300 issue "x"', "CAARRDATAInvalidFlags"),
    ("NAPTR", '100 50 "u" "sip+E2U" "!^.*$!sip:info@bar.example.com!" .', ""), ("NAPTR", "x", "NAPTRRRDATANotSixFields"),
    ("DS", "123 4 5 1234567890abcdef", ""), ("DS", "123 4 5", "DSRRDATANot4Fields"), ("SSHFP", "2 1 123456789abcdef", ""), ("TLSA", "3 0 0 zz", "TLSARRDATAInvalidHex"),
    ("HTTPS", '1 . alpn="h2,h3"', ""), ("HTTPS", "1", "SVCBRRDATANotTwoFields"), ("SVCB", "0 x.example.com a=b", "SVCBRRDATAAliasModeWithParams"),
    ("PTR", "www.example.com", ""), ("NS", "ns1.example.com", ""), ("SPF", '"v=spf1"', ""), ("SOA", "ns. host. 1 2 3 4 5", ""), ("SOA", "ns. host. 1 2", "SOARRDATANotSevenFields"),
]


@pytest.mark.parametrize(("type_", "value", "problem"), VALUES, ids=[f"{x[0]} {x[1][:30]}" for x in VALUES])
def test_values_are_checked_by_type(type_, value, problem):
    said = values.complaint(type_, value)
    assert problem in said and bool(said) == bool(problem)


def test_a_bad_value_is_told_in_route_53s_words(api, zone):
    assert wrong(api, zone, ("CREATE", rr("www.example.com", "A", "x"))) == (
        "Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'x''")


def test_names_are_kept_in_one_form():
    assert names.full("WWW.Example.com") == names.full("www.example.com.") == "www.example.com."
    assert names.full("*.example.com") == names.full("\\052.example.com") == "\\052.example.com."
    assert names.place("www.example.com.") == "com.example.www." and names.plain("\\052.a.") == "*.a."


class TestLists:
    def test_records_come_in_the_order_of_their_labels_from_the_right(self, api, zone):
        api.create(zone, rr("www.example.com", "TXT", '"x"'), rr("www.example.com"), rr("a.www.example.com"), rr("*.example.com"), rr("b.example.com"), rr("example.com", "MX", "1 b.example.com"))
        assert api.names(zone) == [("example.com.", "MX"), ("example.com.", "NS"), ("example.com.", "SOA"), ("\\052.example.com.", "A"), ("b.example.com.", "A"), ("www.example.com.", "A"),
                                   ("www.example.com.", "TXT"), ("a.www.example.com.", "A")]

    def test_pages_begin_where_the_last_one_ended(self, api, zone):
        api.create(zone, *(rr("www.example.com", SetIdentifier=x, Weight=1) for x in "abc"))
        first = api.client.list_resource_record_sets(HostedZoneId=zone, MaxItems="3")
        assert first["IsTruncated"] and (first["NextRecordName"], first["NextRecordType"], first["NextRecordIdentifier"], first["MaxItems"]) == ("www.example.com.", "A", "b", "3")
        rest = api.client.list_resource_record_sets(HostedZoneId=zone, StartRecordName="www.example.com.", StartRecordType="A", StartRecordIdentifier="b")
        assert [x["SetIdentifier"] for x in rest["ResourceRecordSets"]] == ["b", "c"] and not rest["IsTruncated"]
        pages = api.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 2})
        assert sum(len(page["ResourceRecordSets"]) for page in pages) == 5
        refused("InvalidInput", api.client.list_resource_record_sets, HostedZoneId=zone, StartRecordType="A")
