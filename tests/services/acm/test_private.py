"""Private certificates: signed by the account's own authority through ACM."""
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloche.testing.people import Person, allow, refused
from tests.services.acm_pca.test_authorities import make, root


@pytest.fixture
def acm(cloud):
    return cloud.client("acm")


def ask(cloud, acm, authority, name="in.example.internal", **more):
    arn = acm.request_certificate(DomainName=name, CertificateAuthorityArn=authority, KeyAlgorithm="EC_prime256v1", **more)["CertificateArn"]
    cloud.advance(1)          # it is issued, or has failed, when this returns
    return arn, acm.describe_certificate(CertificateArn=arn)["Certificate"]


def test_an_authority_signs_through_acm_and_the_key_may_be_exported(cloud, acm):
    authority = root(cloud.client("acm-pca"))
    arn, one = ask(cloud, acm, authority, SubjectAlternativeNames=["b.example.internal"])
    assert one["Status"] == "ISSUED" and one["Type"] == "PRIVATE" and one["CertificateAuthorityArn"] == authority and "DomainValidationOptions" not in one
    assert round((one["NotAfter"].timestamp() - cloud.now) / 86400) == 395 and one["RenewalEligibility"] == "INELIGIBLE"
    got = acm.export_certificate(CertificateArn=arn, Passphrase=b"secret")
    leaf, issuer = (x509.load_pem_x509_certificate(got[part].encode()) for part in ("Certificate", "CertificateChain"))
    leaf.verify_directly_issued_by(issuer)
    key = serialization.load_pem_private_key(got["PrivateKey"].encode(), b"secret")
    assert key.public_key() == leaf.public_key() and leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["in.example.internal", "b.example.internal"]
    before = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert before["RenewalEligibility"] == "ELIGIBLE"
    cloud.advance(days=351)
    after = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert after["NotAfter"] > before["NotAfter"] and after["RenewalSummary"]["RenewalStatus"] == "SUCCESS"


def test_who_may_not_use_the_authority_or_finds_none_gets_a_failed_certificate(cloud, acm):
    pca = cloud.client("acm-pca")
    authority, waiting = root(pca), make(pca, name="waiting")
    assert [ask(cloud, acm, arn)[1].get("FailureReason") for arn in (waiting, authority[:-4] + "0000")] == ["PCA_INVALID_STATE", "PCA_RESOURCE_NOT_FOUND"]
    ann = Person(cloud, "ann", allow("acm:*"))
    arn, one = ask(cloud, ann.client("acm"), authority)
    assert (one["Status"], one["FailureReason"]) == ("FAILED", "PCA_ACCESS_DENIED")
    refused("RequestInProgressException", acm.get_certificate, CertificateArn=arn)
    bob = Person(cloud, "bob", allow(["acm:*", "acm-pca:IssueCertificate"]))
    assert ask(cloud, bob.client("acm"), authority)[1]["Status"] == "ISSUED"
