"""What zones answer: TestDNSAnswer, and the lookups that others make."""
import pytest

from .conftest import alias, rr


@pytest.fixture
def zone(api):
    return api.zone()


class TestNames:
    def test_a_name_that_is_not_there(self, api, zone):
        api.create(zone, rr("a.b.example.com"))
        assert api.ask(zone, "x.example.com") == ("NXDOMAIN", [])
        assert api.ask(zone, "b.example.com") == ("NOERROR", [])       # exists: something is below it
        assert api.ask(zone, "a.b.example.com", "AAAA") == ("NOERROR", [])
        assert api.ask(zone, "www.example.org") == ("REFUSED", [])

    def test_a_wildcard_answers_for_what_is_not_there(self, api, zone):
        api.create(zone, rr("*.example.com"), rr("www.example.com", "TXT", '"x"'), rr("x.sub.example.com", "A", "192.0.2.2"))
        assert api.ask(zone, "anything.example.com") == ("NOERROR", ["192.0.2.1"])
        assert api.ask(zone, "deep.anything.example.com") == ("NOERROR", ["192.0.2.1"])
        assert api.ask(zone, "www.example.com") == ("NOERROR", [])     # it exists, with another type
        assert api.ask(zone, "y.sub.example.com") == ("NXDOMAIN", [])  # sub.example.com exists, and has no asterisk under it

    def test_cnames_are_followed_within_the_zone(self, api, zone):
        api.create(zone, rr("a.example.com", "CNAME", "b.example.com"), rr("b.example.com"), rr("out.example.com", "CNAME", "www.example.net"))
        assert api.ask(zone, "a.example.com") == ("NOERROR", ["b.example.com", "192.0.2.1"])
        assert api.ask(zone, "out.example.com") == ("NOERROR", ["www.example.net"])
        assert api.ask(zone, "a.example.com", "CNAME") == ("NOERROR", ["b.example.com"])

    def test_a_delegation_answers_with_its_servers(self, api, zone):
        api.create(zone, rr("sub.example.com", "NS", "ns.elsewhere.net"))
        assert api.ask(zone, "www.sub.example.com") == ("NOERROR", ["ns.elsewhere.net"])

    def test_the_answer_says_who_gave_it(self, api, zone):
        said = api.client.test_dns_answer(HostedZoneId=zone, RecordName="example.com", RecordType="SOA")
        assert said["Protocol"] == "UDP" and said["Nameserver"] in api.client.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]


class TestRouting:
    def test_weights(self, api, zone):
        api.create(zone, rr("w.example.com", "A", "192.0.2.1", SetIdentifier="a", Weight=3), rr("w.example.com", "A", "192.0.2.2", SetIdentifier="b", Weight=1),
                   rr("w.example.com", "A", "192.0.2.3", SetIdentifier="c", Weight=0))
        seen = [api.ask(zone, "w.example.com")[1][0] for _ in range(60)]
        assert set(seen) == {"192.0.2.1", "192.0.2.2"} and seen.count("192.0.2.1") > seen.count("192.0.2.2")

    def test_latency_takes_the_nearest_region(self, api, zone):
        api.create(zone, rr("l.example.com", "A", "192.0.2.1", SetIdentifier="a", Region="eu-west-1"), rr("l.example.com", "A", "192.0.2.2", SetIdentifier="b", Region="us-east-2"))
        assert api.ask(zone, "l.example.com") == ("NOERROR", ["192.0.2.2"])

    def test_geolocation_prefers_the_narrower_place(self, api, zone):
        places = ({"CountryCode": "*"}, {"ContinentCode": "NA"}, {"CountryCode": "US"}, {"ContinentCode": "EU"})
        for at, place in enumerate(places):
            api.create(zone, rr("g.example.com", "A", f"192.0.2.{at}", SetIdentifier=f"{at}", GeoLocation=place))
        assert api.ask(zone, "g.example.com") == ("NOERROR", ["192.0.2.2"])
        api.create(zone, rr("h.example.com", "A", "192.0.2.7", SetIdentifier="x", GeoLocation={"ContinentCode": "EU"}))
        assert api.ask(zone, "h.example.com") == ("NOERROR", [])       # nowhere else, no default

    def test_multivalue_answers_up_to_eight(self, api, zone):
        api.create(zone, *(rr("m.example.com", "A", f"192.0.2.{n}", SetIdentifier=f"{n}", MultiValueAnswer=True) for n in range(10)))
        assert len(set(api.ask(zone, "m.example.com")[1])) == 8

    def test_failover_answers_the_secondary_when_the_primary_is_ill(self, api, zone, cloud):
        # nobody lives at this address of documentation's range: Cloche asks nobody outside
        check = api.client.create_health_check(CallerReference="h", HealthCheckConfig={"Type": "TCP", "IPAddress": "203.0.114.1", "Port": 80})["HealthCheck"]["Id"]
        api.create(zone, rr("f.example.com", "A", "192.0.2.1", SetIdentifier="a", Failover="PRIMARY", HealthCheckId=check), rr("f.example.com", "A", "192.0.2.2", SetIdentifier="b", Failover="SECONDARY"))
        assert api.ask(zone, "f.example.com") == ("NOERROR", ["192.0.2.1"])
        cloud.advance(120)
        assert api.ask(zone, "f.example.com") == ("NOERROR", ["192.0.2.2"])

    def test_an_alias_may_ask_after_its_targets_health(self, api, zone, cloud):
        check = api.client.create_health_check(CallerReference="h", HealthCheckConfig={"Type": "TCP", "IPAddress": "203.0.114.1", "Port": 80, "Inverted": False})["HealthCheck"]["Id"]
        api.create(zone, rr("t.example.com", "A", "192.0.2.1", SetIdentifier="a", Weight=1, HealthCheckId=check), rr("u.example.com", "A", "192.0.2.2"))
        api.create(zone, alias("f.example.com", "t.example.com", zone, health=True, SetIdentifier="a", Failover="PRIMARY"),
                   alias("f.example.com", "u.example.com", zone, SetIdentifier="b", Failover="SECONDARY"))
        cloud.advance(120)
        assert api.ask(zone, "f.example.com") == ("NOERROR", ["192.0.2.2"])
