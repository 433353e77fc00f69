"""Certificates that Cloche's own authority signs once their domains are proved in Route 53."""
import json
import re
import urllib.request
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloche.testing.people import refused


@pytest.fixture
def api(cloud):
    return cloud.client("acm")


@pytest.fixture
def dns(cloud):
    """A public zone of the account's own, and records set in it."""
    client, domain = cloud.client("route53"), f"{cloud.account}.example"
    zone = client.create_hosted_zone(Name=domain, CallerReference="one")["HostedZone"]["Id"]

    def set_(record, action="UPSERT"):
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": {
            "Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}}]})
    set_.domain = domain
    return set_


def ask(api, domain, *more, **rest):
    return api.request_certificate(DomainName=domain, ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1", **({"SubjectAlternativeNames": list(more)} if more else {}), **rest)["CertificateArn"]


def told(api, arn):
    return api.describe_certificate(CertificateArn=arn)["Certificate"]


def records(api, arn):
    return [x["ResourceRecord"] for x in told(api, arn)["DomainValidationOptions"]]


class TestIssuing:
    def test_a_certificate_is_issued_once_its_record_is_there(self, api, dns, cloud, cloche_server):
        arn = ask(api, dns.domain, f"*.{dns.domain}")
        assert told(api, arn)["Status"] == "PENDING_VALIDATION"
        dns(records(api, arn)[0])
        cloud.advance(1)
        found = told(api, arn)
        assert found["Status"] == "ISSUED" and {x["ValidationStatus"] for x in found["DomainValidationOptions"]} == {"SUCCESS"}
        assert (found["Type"], found["RenewalEligibility"], found["Issuer"], found["Subject"]) == ("AMAZON_ISSUED", "INELIGIBLE", "Cloche local CA", f"CN={dns.domain}")
        assert found["SubjectAlternativeNames"] == [dns.domain, f"*.{dns.domain}"]
        got = api.get_certificate(CertificateArn=arn)
        leaf, above = (x509.load_pem_x509_certificate(got[x].encode()) for x in ("Certificate", "CertificateChain"))
        leaf.verify_directly_issued_by(above)
        assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [dns.domain, f"*.{dns.domain}"]
        assert api.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]}, CertificateStatuses=["ISSUED"])["CertificateSummaryList"][0]["CertificateArn"] == arn

    def test_it_lives_198_days(self, api, dns, cloud):
        arn = ask(api, dns.domain)
        dns(records(api, arn)[0])
        cloud.advance(1)
        found = told(api, arn)
        assert found["NotBefore"].hour == 0 and found["NotAfter"] - found["NotBefore"] == timedelta(days=198) - timedelta(seconds=1)

    def test_every_domain_is_to_be_proved(self, api, dns, cloud):
        arn = ask(api, dns.domain, f"www.{dns.domain}")
        one, other = records(api, arn)
        dns(one)
        cloud.advance(1)
        found = told(api, arn)
        assert found["Status"] == "PENDING_VALIDATION" and [x["ValidationStatus"] for x in found["DomainValidationOptions"]] == ["SUCCESS", "PENDING_VALIDATION"]
        refused("RequestInProgressException", api.get_certificate, CertificateArn=arn)
        dns(other)
        cloud.advance(1)
        assert told(api, arn)["Status"] == "ISSUED"

    def test_a_record_set_once_serves_every_later_request(self, api, dns, cloud):
        first = ask(api, dns.domain)
        dns(records(api, first)[0])
        cloud.advance(1)
        second = ask(api, dns.domain)
        cloud.advance(1)
        assert told(api, second)["Status"] == "ISSUED"

    def test_a_record_of_another_value_proves_nothing_and_three_days_end_it(self, api, dns, cloud):
        arn = ask(api, dns.domain)
        record = records(api, arn)[0]
        dns(record | {"Value": "_x.acm-validations.aws."})
        cloud.advance(hours=72)
        assert told(api, arn)["Status"] == "VALIDATION_TIMED_OUT"
        dns(record)
        cloud.advance(1)
        found = told(api, arn)
        assert found["Status"] == "VALIDATION_TIMED_OUT" and found["DomainValidationOptions"][0]["ValidationStatus"] == "FAILED"

    def test_rsa_keys_are_the_default(self, api, dns, cloud):
        arn = api.request_certificate(DomainName=dns.domain, ValidationMethod="DNS")["CertificateArn"]
        dns(records(api, arn)[0])
        cloud.advance(1)
        assert told(api, arn)["KeyAlgorithm"] == "RSA-2048" and told(api, arn)["Status"] == "ISSUED"


class TestExport:
    def test_an_exportable_certificate_leaves_with_its_key_under_a_passphrase(self, api, dns, cloud):
        arn = ask(api, dns.domain, Options={"Export": "ENABLED"})
        refused("RequestInProgressException", api.export_certificate, CertificateArn=arn, Passphrase=b"secret")
        dns(records(api, arn)[0])
        cloud.advance(1)
        got = api.export_certificate(CertificateArn=arn, Passphrase=b"secret")
        key = serialization.load_pem_private_key(got["PrivateKey"].encode(), b"secret")
        leaf = x509.load_pem_x509_certificate(got["Certificate"].encode())
        assert key.public_key() == leaf.public_key() and got["CertificateChain"]
        found = told(api, arn)
        assert found["RenewalEligibility"] == "ELIGIBLE"

    def test_another_is_not_exportable(self, api, dns, cloud):
        arn = ask(api, dns.domain)
        dns(records(api, arn)[0])
        cloud.advance(1)
        refused("ValidationException", api.export_certificate, CertificateArn=arn, Passphrase=b"secret")


class TestRenewal:
    def made(self, api, dns, cloud):
        arn = ask(api, dns.domain, Options={"Export": "ENABLED"})
        dns(records(api, arn)[0])
        cloud.advance(1)
        return arn

    def test_one_that_is_used_is_renewed_45_days_before_its_end(self, api, dns, cloud):
        arn = self.made(api, dns, cloud)
        api.export_certificate(CertificateArn=arn, Passphrase=b"secret")
        before = told(api, arn)
        cloud.advance(days=152)
        assert told(api, arn)["Serial"] == before["Serial"]
        cloud.advance(days=2)
        after = told(api, arn)
        assert after["Serial"] != before["Serial"] and after["NotAfter"] > before["NotAfter"] + timedelta(days=100)
        assert after["RenewalSummary"]["RenewalStatus"] == "SUCCESS" and after["Status"] == "ISSUED" and after["CertificateArn"] == arn

    def test_one_that_nobody_uses_expires(self, api, dns, cloud):
        arn = self.made(api, dns, cloud)
        before = told(api, arn)
        cloud.advance(days=199)
        after = told(api, arn)
        assert after["Status"] == "EXPIRED" and after["Serial"] == before["Serial"]

    def test_without_its_record_it_waits_for_it(self, api, dns, cloud):
        arn = self.made(api, dns, cloud)
        api.export_certificate(CertificateArn=arn, Passphrase=b"secret")
        record = records(api, arn)[0]
        dns(record, "DELETE")
        cloud.advance(days=155)
        assert told(api, arn)["RenewalSummary"]["RenewalStatus"] == "PENDING_VALIDATION"
        dns(record)
        cloud.advance(1)
        assert told(api, arn)["RenewalSummary"]["RenewalStatus"] == "SUCCESS"


TEMPLATE = {"Resources": {
    "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "", "HostedZoneConfig": {"Comment": "of a stack"}, "HostedZoneTags": [{"Key": "a", "Value": "1"}]}},
    "Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": {
        "DomainName": "", "ValidationMethod": "DNS", "KeyAlgorithm": "EC_prime256v1", "DomainValidationOptions": [{"DomainName": "", "HostedZoneId": {"Ref": "Zone"}}], "Tags": [{"Key": "a", "Value": "1"}]}},
    "Www": {"Type": "AWS::Route53::RecordSet", "Properties": {"HostedZoneId": {"Ref": "Zone"}, "Name": "", "Type": "A", "TTL": "60", "ResourceRecords": ["192.0.2.1"]}},
    "Group": {"Type": "AWS::Route53::RecordSetGroup", "Properties": {"HostedZoneId": {"Ref": "Zone"}, "RecordSets": [
        {"Name": "", "Type": "TXT", "TTL": 60, "ResourceRecords": ['"x"']}, {"Name": "", "Type": "A", "AliasTarget": {"DNSName": "", "HostedZoneId": {"Ref": "Zone"}}}]}, "DependsOn": "Www"},
    "Check": {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": {"Type": "TCP", "IPAddress": "203.0.114.1", "Port": 80}}}},
    "Outputs": {"Zone": {"Value": {"Ref": "Zone"}}, "Certificate": {"Value": {"Ref": "Certificate"}}, "Www": {"Value": {"Ref": "Www"}}, "Check": {"Value": {"Ref": "Check"}},
                "Servers": {"Value": {"Fn::Join": [",", {"Fn::GetAtt": ["Zone", "NameServers"]}]}}}}


class TestStacks:
    def test_a_stack_makes_a_zone_its_records_and_a_certificate_that_is_issued(self, cloud, api):
        domain, template = f"{cloud.account}.example", json.loads(json.dumps(TEMPLATE))
        resources = template["Resources"]
        resources["Zone"]["Properties"]["Name"] = domain
        resources["Certificate"]["Properties"]["DomainName"] = resources["Certificate"]["Properties"]["DomainValidationOptions"][0]["DomainName"] = domain
        resources["Www"]["Properties"]["Name"] = f"www.{domain}"
        text, alias = resources["Group"]["Properties"]["RecordSets"]
        text["Name"], alias["Name"], alias["AliasTarget"]["DNSName"] = f"t.{domain}", domain, f"www.{domain}"
        stacks, dns = cloud.client("cloudformation"), cloud.client("route53")
        stacks.create_stack(StackName="s", TemplateBody=json.dumps(template))
        cloud.advance(60)
        stack = stacks.describe_stacks(StackName="s")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.describe_stack_events(StackName="s")["StackEvents"]
        out = {x["OutputKey"]: x["OutputValue"] for x in stack["Outputs"]}
        assert told(api, out["Certificate"])["Status"] == "ISSUED" and out["Www"] == f"www.{domain}" and out["Servers"].count(",") == 3
        names = [(x["Name"], x["Type"]) for x in dns.list_resource_record_sets(HostedZoneId=out["Zone"])["ResourceRecordSets"]]
        assert {(f"{domain}.", "A"), (f"t.{domain}.", "TXT"), (f"www.{domain}.", "A")} <= set(names)
        assert dns.get_health_check(HealthCheckId=out["Check"])["HealthCheck"]["HealthCheckConfig"]["Port"] == 80
        assert dns.list_tags_for_resource(ResourceType="hostedzone", ResourceId=out["Zone"])["ResourceTagSet"]["Tags"][-1] == {"Key": "a", "Value": "1"}
        resources["Www"]["Properties"]["ResourceRecords"] = ["192.0.2.2"]
        resources["Group"]["Properties"]["RecordSets"] = [alias]
        stacks.update_stack(StackName="s", TemplateBody=json.dumps(template))
        cloud.advance(60)
        assert stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE", stacks.describe_stack_events(StackName="s")["StackEvents"]
        assert dns.test_dns_answer(HostedZoneId=out["Zone"], RecordName=domain, RecordType="A")["RecordData"] == ["192.0.2.2"]
        assert dns.test_dns_answer(HostedZoneId=out["Zone"], RecordName=f"t.{domain}", RecordType="TXT")["ResponseCode"] == "NXDOMAIN"
        record = told(api, out["Certificate"])["DomainValidationOptions"][0]["ResourceRecord"]     # the stack leaves it, as on AWS, and then cannot delete the zone
        dns.change_resource_record_sets(HostedZoneId=out["Zone"], ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": {
            "Name": record["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": record["Value"]}]}}]})
        stacks.delete_stack(StackName="s")
        cloud.advance(60)
        refused("NoSuchHostedZone", dns.get_hosted_zone, Id=out["Zone"])
        refused("ResourceNotFoundException", api.describe_certificate, CertificateArn=out["Certificate"])




def test_a_certificate_that_a_listener_shows_is_in_use(api, dns, cloud):
    arn = ask(api, dns.domain)
    dns(records(api, arn)[0])
    cloud.advance(1)
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"] for n, zone in enumerate("ab")]
    balancer = elb.create_load_balancer(Name="lb", Subnets=subnets, Scheme="internal")["LoadBalancers"][0]["LoadBalancerArn"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, Certificates=[{"CertificateArn": arn}], DefaultActions=answer)["Listeners"][0]["ListenerArn"]
    found = told(api, arn)
    assert found["InUseBy"] == [balancer] and found["RenewalEligibility"] == "ELIGIBLE"
    refused("ResourceInUseException", api.delete_certificate, CertificateArn=arn)
    elb.delete_listener(ListenerArn=listener)
    api.delete_certificate(CertificateArn=arn)


class TestMail:
    def letters(self, cloud, domain):
        return [x for x in cloud.control(f"mail?account={cloud.account}")["mail"] if x["to"] == f"admin@{domain}"]

    def visit(self, cloud, letter, method):
        code = re.search(r"code=([\w-]+)", letter["body"])[1]
        request = urllib.request.Request(f"{cloud.url}/approvals?code={code}", method=method, headers={"Host": "certificates.amazon.com"}, data=b"" if method == "POST" else None)
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    def test_postmasters_are_written_to_and_whoever_approves_proves_the_domain(self, api, cloud):
        domain = f"{cloud.account}.example"
        arn = api.request_certificate(DomainName=domain, SubjectAlternativeNames=[f"www.{domain}"], KeyAlgorithm="EC_prime256v1",
                                      DomainValidationOptions=[{"DomainName": f"www.{domain}", "ValidationDomain": domain}])["CertificateArn"]
        letters = self.letters(cloud, domain)
        assert len(letters) == 2 and letters[0]["from"] == "no-reply@certificates.amazon.com"
        assert "I Approve" in self.visit(cloud, letters[0], "GET") and told(api, arn)["Status"] == "PENDING_VALIDATION"
        assert "You have approved" in self.visit(cloud, letters[0], "POST")
        cloud.advance(1)
        assert sorted(x["ValidationStatus"] for x in told(api, arn)["DomainValidationOptions"]) == ["PENDING_VALIDATION", "SUCCESS"]
        api.resend_validation_email(CertificateArn=arn, Domain=domain, ValidationDomain=domain)
        self.visit(cloud, letters[1], "POST")
        cloud.advance(1)
        assert told(api, arn)["Status"] == "ISSUED"
        refused("InvalidStateException", api.resend_validation_email, CertificateArn=arn, Domain=domain, ValidationDomain=domain)
