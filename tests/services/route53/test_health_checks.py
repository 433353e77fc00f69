"""Health checks really ask."""
import http.server
import threading

import pytest

from cloche.testing.people import refused

from .conftest import rr


@pytest.fixture
def site():
    """A web server on loopback whose answer can be changed."""
    class Answer(http.server.BaseHTTPRequestHandler):
        status, hosts = 200, []

        def do_GET(self):
            Answer.hosts.append((self.headers["Host"], self.path))
            self.send_response(Answer.status)
            self.end_headers()
            self.wfile.write(b"all is well")

        def log_message(self, *_):
            pass
    Answer.hosts = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Answer.port = server.server_address[1]
    yield Answer
    server.shutdown()
    server.server_close()


def make(api, reference="h", **config):
    return api.client.create_health_check(CallerReference=reference, HealthCheckConfig=config)["HealthCheck"]


def said(api, check):
    return {x["StatusReport"]["Status"] for x in api.client.get_health_check_status(HealthCheckId=check["Id"])["HealthCheckObservations"]}


class TestChecking:
    def test_an_endpoint_named_in_a_hosted_zone_is_asked(self, api, cloud, site):
        api.create(api.zone(f"{cloud.account}.example"), rr(f"www.{cloud.account}.example", "A", "127.0.0.1"))
        check = make(api, Type="HTTP_STR_MATCH", FullyQualifiedDomainName=f"www.{cloud.account}.example", Port=site.port, ResourcePath="/health", SearchString="well", RequestInterval=10, FailureThreshold=2)
        assert check["HealthCheckConfig"]["RequestInterval"] == 10 and check["HealthCheckVersion"] == 1
        cloud.advance(2)
        assert said(api, check) == {"Success: HTTP Status Code 200, OK"}
        assert site.hosts[0] == (f"www.{cloud.account}.example:{site.port}", "/health")
        site.status = 503
        cloud.advance(10)
        assert said(api, check) == {"Failure: HTTP Status Code 503"}
        failed = api.client.get_health_check_last_failure_reason(HealthCheckId=check["Id"])["HealthCheckObservations"]
        assert len(failed) == 8 and failed[0]["StatusReport"]["Status"] == "Failure: HTTP Status Code 503"

    def test_a_tcp_check_connects(self, api, cloud, site):
        api.create(api.zone(f"{cloud.account}.example"), rr(f"www.{cloud.account}.example", "A", "127.0.0.1"))
        check = make(api, Type="TCP", FullyQualifiedDomainName=f"www.{cloud.account}.example", Port=site.port)
        cloud.advance(2)
        assert said(api, check) == {"Success: TCP connection established."}

    def test_nothing_outside_is_asked_and_it_is_said(self, api, cloud):
        check = make(api, Type="HTTP", IPAddress="203.0.114.1")
        cloud.advance(2)
        assert said(api, check) == {"Failure: The endpoint is not a thing of this cloud, and Cloche asks nobody outside."}

    def test_an_endpoint_of_aws_is_this_clouds(self, api, cloud):
        cloud.client("s3").create_bucket(Bucket=f"health-{cloud.account}")
        check = make(api, Type="HTTP", FullyQualifiedDomainName=f"health-{cloud.account}.s3.amazonaws.com")
        cloud.advance(2)
        assert said(api, check) == {"Failure: HTTP Status Code 403"}

    def test_a_calculated_check_counts_its_children(self, api, cloud):
        zone = api.zone()
        ill = make(api, "a", Type="TCP", IPAddress="203.0.114.1", Port=1)["Id"]
        well = make(api, "b", Type="TCP", IPAddress="203.0.114.1", Port=1, Disabled=True)["Id"]
        both, any_ = (make(api, f"c{n}", Type="CALCULATED", ChildHealthChecks=[ill, well], HealthThreshold=n)["Id"] for n in (2, 1))
        cloud.advance(120)
        for name, check, answer in (("x", both, "192.0.2.2"), ("y", any_, "192.0.2.1")):
            api.create(zone, rr(f"{name}.example.com", "A", "192.0.2.1", SetIdentifier="a", Failover="PRIMARY", HealthCheckId=check),
                       rr(f"{name}.example.com", "A", "192.0.2.2", SetIdentifier="b", Failover="SECONDARY"))
            assert api.ask(zone, f"{name}.example.com") == ("NOERROR", [answer])
        refused("HealthCheckInUse", api.client.delete_health_check, HealthCheckId=ill)


class TestLife:
    def test_the_same_request_again_is_the_same_check(self, api):
        one = make(api, Type="TCP", IPAddress="203.0.114.1", Port=80)
        assert make(api, Type="TCP", IPAddress="203.0.114.1", Port=80)["Id"] == one["Id"]
        refused("HealthCheckAlreadyExists", make, api, Type="TCP", IPAddress="203.0.114.1", Port=81)
        assert api.client.get_health_check_count()["HealthCheckCount"] == 1
        assert [x["Id"] for x in api.client.list_health_checks()["HealthChecks"]] == [one["Id"]]

    def test_a_change_makes_a_new_version(self, api):
        one = make(api, Type="HTTP", IPAddress="203.0.114.1", ResourcePath="/x")
        changed = api.client.update_health_check(HealthCheckId=one["Id"], HealthCheckVersion=1, FailureThreshold=5, ResetElements=["ResourcePath"])["HealthCheck"]
        assert changed["HealthCheckVersion"] == 2 and changed["HealthCheckConfig"]["FailureThreshold"] == 5 and "ResourcePath" not in changed["HealthCheckConfig"]
        refused("HealthCheckVersionMismatch", api.client.update_health_check, HealthCheckId=one["Id"], HealthCheckVersion=1)
        api.client.change_tags_for_resource(ResourceType="healthcheck", ResourceId=one["Id"], AddTags=[{"Key": "a", "Value": "1"}])
        api.client.delete_health_check(HealthCheckId=one["Id"])
        assert refused("NoSuchHealthCheck", api.client.get_health_check, HealthCheckId=one["Id"]) == f"No health check exists with id: {one['Id']}"

    def test_what_does_not_go_together_is_refused(self, api):
        for config in ({"Type": "HTTP"}, {"Type": "TCP", "IPAddress": "203.0.114.1"}, {"Type": "HTTP", "IPAddress": "10.0.0.1"}, {"Type": "HTTP_STR_MATCH", "IPAddress": "203.0.114.1"},
                       {"Type": "HTTP", "IPAddress": "203.0.114.1", "RequestInterval": 20}, {"Type": "CALCULATED"}, {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": ["x"]}):
            refused("InvalidInput", make, api, **config)
        assert api.client.get_checker_ip_ranges()["CheckerIpRanges"]
