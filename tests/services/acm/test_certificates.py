"""Certificates through boto3, made by `cryptography`."""
from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloche.testing.people import Person, allow, refused

RSA = cache(lambda: rsa.generate_private_key(65537, 2048))


def signed(name, key, issuer="", by=None, names=(), start=2020, end=2049, authority=False):
    """(certificate, key) in PEM."""
    def called(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    made = x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer or name)).public_key(key.public_key()).serial_number(0xABCDEF)
    made = made.not_valid_before(datetime(start, 1, 1, tzinfo=UTC)).not_valid_after(datetime(end, 1, 1, tzinfo=UTC))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(x) for x in names]), False)
    made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False).add_extension(x509.BasicConstraints(authority, None), True)
    return made.sign(by or key, hashes.SHA256()).public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def api(cloud):
    return cloud.client("acm")


def bring(api, pair, **more):
    return api.import_certificate(Certificate=pair[0], PrivateKey=pair[1], **more)["CertificateArn"]


class TestImport:
    def test_a_certificate_is_brought_along_and_told_of(self, api, cloud):
        pair = signed("example.com", RSA(), names=("example.com", "www.example.com"))
        arn = bring(api, pair, Tags=[{"Key": "k", "Value": "v"}])
        assert re.fullmatch(rf"arn:aws:acm:us-east-1:{cloud.account}:certificate/[0-9a-f-]{{36}}", arn)
        found = api.describe_certificate(CertificateArn=arn)["Certificate"]
        assert (found["Type"], found["Status"], found["RenewalEligibility"], found["KeyAlgorithm"], found["SignatureAlgorithm"]) == ("IMPORTED", "ISSUED", "INELIGIBLE", "RSA-2048", "SHA256WITHRSA")
        assert (found["DomainName"], found["SubjectAlternativeNames"]) == ("example.com", ["example.com", "www.example.com"])
        assert (found["Serial"], found["Subject"], found["Issuer"]) == ("ab:cd:ef", "CN=example.com", "example.com") and found["NotAfter"].year in (2048, 2049)
        assert found["ExtendedKeyUsages"] == [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}]
        assert api.get_certificate(CertificateArn=arn)["Certificate"] == pair[0].decode()
        assert api.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
        refused("ValidationException", api.export_certificate, CertificateArn=arn, Passphrase=b"secret")
        refused("InvalidStateException", api.update_certificate_options, CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": "DISABLED"})

    def test_the_chain_must_lead_from_the_certificate(self, api):
        authority, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        top, stranger = signed("ca", authority, authority=True), signed("ca", other, authority=True)
        leaf = signed("example.com", RSA(), "ca", authority)
        arn = bring(api, leaf, CertificateChain=top[0])
        assert api.get_certificate(CertificateArn=arn)["CertificateChain"] == top[0].decode()
        assert refused("ValidationException", bring, api, leaf, CertificateChain=stranger[0]) == "Could not validate the certificate with the certificate chain."
        assert "more than one certificate" in refused("ValidationException", bring, api, (leaf[0] + top[0], leaf[1]))

    def test_nonsense_is_refused(self, api):
        good, key = signed("example.com", RSA()), signed("x", ec.generate_private_key(ec.SECP256R1()))[1]
        for pair in ((b"no", good[1]), (good[0], b"no"), (good[0], key), signed("old", RSA(), end=2021), signed("x", ec.generate_private_key(ec.SECP256K1()))):
            refused("ValidationException", bring, api, pair)

    def test_brought_again_it_keeps_its_arn(self, api):
        arn = bring(api, signed("example.com", RSA()))
        assert bring(api, signed("new.example.com", RSA()), CertificateArn=arn) == arn
        assert api.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] == "new.example.com"
        refused("InvalidParameterException", bring, api, signed("example.com", RSA()), CertificateArn=arn, Tags=[{"Key": "a"}])
        refused("ResourceNotFoundException", bring, api, signed("example.com", RSA()), CertificateArn=arn[:-4] + "0000")

    def test_a_certificate_belongs_to_its_region_and_is_deleted(self, api, cloud):
        arn = bring(api, signed("example.com", RSA()))
        refused("ResourceNotFoundException", cloud.client("acm", region="eu-west-1").describe_certificate, CertificateArn=arn)
        api.delete_certificate(CertificateArn=arn)
        refused("ResourceNotFoundException", api.describe_certificate, CertificateArn=arn)
        refused("ResourceNotFoundException", api.delete_certificate, CertificateArn=arn)

    def test_its_end_is_announced_every_day(self, api, cloud):
        now = datetime.fromtimestamp(cloud.now, UTC)
        arn = bring(api, signed("example.com", RSA(), end=now.year + 1 if now.month < 12 else now.year + 2))
        api.put_account_configuration(ExpiryEvents={"DaysBeforeExpiry": 700}, IdempotencyToken="a")
        assert api.get_account_configuration()["ExpiryEvents"] == {"DaysBeforeExpiry": 700}
        refused("ConflictException", api.put_account_configuration, ExpiryEvents={"DaysBeforeExpiry": 7}, IdempotencyToken="a")
        sqs, events = cloud.client("sqs"), cloud.client("events")
        url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})})["QueueUrl"]
        events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.acm"]}))
        events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:q"}])
        cloud.advance(days=1, seconds=1)
        told = [json.loads(x["Body"]) for x in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]
        assert told and {x["detail-type"] for x in told} == {"ACM Certificate Approaching Expiration"}
        assert told[-1]["resources"] == [arn] and told[-1]["detail"]["CommonName"] == "example.com" and told[-1]["detail"]["DaysToExpiry"] > 0
        api.delete_certificate(CertificateArn=arn)


class TestRequest:
    def test_a_request_waits_for_its_record_and_times_out_after_three_days(self, api, cloud):
        arn = api.request_certificate(DomainName="Example.com", SubjectAlternativeNames=["*.example.com", "www.example.org"], ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1")["CertificateArn"]
        found = api.describe_certificate(CertificateArn=arn)["Certificate"]
        assert (found["Status"], found["Type"], found["DomainName"], found["KeyAlgorithm"]) == ("PENDING_VALIDATION", "AMAZON_ISSUED", "example.com", "EC-prime256v1")
        assert found["SubjectAlternativeNames"] == ["example.com", "*.example.com", "www.example.org"]
        one, wild, other = (x["ResourceRecord"] for x in found["DomainValidationOptions"])
        assert one == wild and one["Type"] == "CNAME" and re.fullmatch(r"_[0-9a-f]{32}\.example\.com\.", one["Name"]) and re.fullmatch(r"_[0-9a-f]{32}\.[a-z]{10}\.acm-validations\.aws\.", one["Value"])
        assert other["Name"].endswith(".www.example.org.")
        refused("RequestInProgressException", api.get_certificate, CertificateArn=arn)
        again = api.request_certificate(DomainName="example.com", ValidationMethod="DNS")["CertificateArn"]
        assert api.describe_certificate(CertificateArn=again)["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"] == one
        cloud.advance(hours=73)
        assert api.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "VALIDATION_TIMED_OUT"

    def test_the_same_token_is_the_same_request_for_an_hour(self, api, cloud):
        def ask(**more):
            return api.request_certificate(DomainName="example.com", IdempotencyToken="token", **more)["CertificateArn"]
        first = ask()
        assert ask() == first and ask(SubjectAlternativeNames=["www.example.com"]) != first
        cloud.advance(hours=1, seconds=1)
        assert ask() != first

    def test_mail_goes_to_postmasters_of_the_domain_or_one_above(self, api):
        arn = api.request_certificate(DomainName="www.example.com", DomainValidationOptions=[{"DomainName": "www.example.com", "ValidationDomain": "example.com"}])["CertificateArn"]
        option = api.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]
        assert option["ValidationMethod"] == "EMAIL" and "admin@example.com" in option["ValidationEmails"]
        refused("InvalidDomainValidationOptionsException", api.request_certificate, DomainName="example.com", DomainValidationOptions=[{"DomainName": "example.com", "ValidationDomain": "other.com"}])
        api.update_certificate_options(CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": "DISABLED"})
        assert api.describe_certificate(CertificateArn=arn)["Certificate"]["Options"]["CertificateTransparencyLoggingPreference"] == "DISABLED"
        refused("ValidationException", bring, api, signed("www.example.com", RSA()), CertificateArn=arn)


class TestLists:
    def test_only_rsa_keys_are_listed_unless_others_are_asked_for(self, api):
        one = bring(api, signed("a.example.com", RSA()))
        two = bring(api, signed("b.example.com", ec.generate_private_key(ec.SECP384R1())))
        three = api.request_certificate(DomainName="c.example.com")["CertificateArn"]

        def arns(**more):
            return [x["CertificateArn"] for x in api.list_certificates(**more)["CertificateSummaryList"]]
        assert arns() == [one, three] and arns(Includes={"keyTypes": ["EC_secp384r1"]}) == [two]
        assert arns(CertificateStatuses=["PENDING_VALIDATION"]) == [three] and arns(SortBy="CREATED_AT", SortOrder="DESCENDING") == [three, one]
        assert arns(Includes={"extendedKeyUsage": ["TLS_WEB_SERVER_AUTHENTICATION"]}) == [one]
        page = api.list_certificates(MaxItems=1)
        assert arns(MaxItems=1, NextToken=page["NextToken"]) == [three]
        refused("ValidationException", api.list_certificates, NextToken="?")

    def test_tags_are_put_and_taken_under_either_name(self, api):
        arn = api.request_certificate(DomainName="example.com")["CertificateArn"]
        api.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        api.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "a", "Value": "other"}, {"Key": "b"}])
        api.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "3"}, {"Key": "d", "Value": "4"}])
        api.untag_resource(ResourceArn=arn, TagKeys=["d"])
        assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "c", "Value": "3"}]
        refused("InvalidTagException", api.add_tags_to_certificate, CertificateArn=arn, Tags=[{"Key": "aws:x"}])

    def test_who_may_is_up_to_iam(self, api, cloud):
        arn = api.request_certificate(DomainName="example.com")["CertificateArn"]
        bob = Person(cloud, "bob", allow("acm:DescribeCertificate", arn), allow("acm:RequestCertificate", Condition={"ForAllValues:StringLike": {"acm:DomainNames": "*.example.com"}})).client("acm")
        bob.describe_certificate(CertificateArn=arn)
        bob.request_certificate(DomainName="www.example.com")
        refused("AccessDeniedException", bob.request_certificate, DomainName="example.org")
        refused("AccessDeniedException", bob.delete_certificate, CertificateArn=arn)
