"""Private authorities: made, activated, issuing, revoked, shared, deleted."""
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloche.testing.people import Person, allow, refused

ROOT, SUB, END = (f"arn:aws:acm-pca:::template/{name}/V1" for name in ("RootCACertificate", "SubordinateCACertificate_PathLen0", "EndEntityCertificate"))
YEARS = {"Type": "YEARS", "Value": 10}


@pytest.fixture
def pca(cloud):
    return cloud.client("acm-pca")


def make(pca, kind="ROOT", name="root", **more):
    wanted = {"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA", "Subject": {"CommonName": name, "Organization": "Bell"}}
    return pca.create_certificate_authority(CertificateAuthorityConfiguration=wanted, CertificateAuthorityType=kind, **more)["CertificateAuthorityArn"]


def issue(pca, arn, csr, template=END, validity=None, **more):
    made = pca.issue_certificate(CertificateAuthorityArn=arn, Csr=csr, SigningAlgorithm="SHA256WITHECDSA", Validity=validity or {"Type": "DAYS", "Value": 30}, TemplateArn=template, **more)
    return pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made["CertificateArn"])


def root(pca, **more):
    arn = make(pca, **more)
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=issue(pca, arn, csr, ROOT, YEARS)["Certificate"])
    return arn


def request(name="www.example.com"):
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_root_signs_itself_and_then_issues_certificates_that_verify(cloud, pca):
    arn = make(pca)
    refused("InvalidStateException", pca.issue_certificate, CertificateAuthorityArn=arn, Csr=request(), SigningAlgorithm="SHA256WITHECDSA", Validity={"Type": "DAYS", "Value": 1})
    assert pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"] == "PENDING_CERTIFICATE"
    arn = root(pca)
    about = pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert about["Status"] == "ACTIVE" and about["CertificateAuthorityConfiguration"]["Subject"]["CommonName"] == "root"
    got = issue(pca, arn, request())
    leaf, above = (x509.load_pem_x509_certificate(got[name].encode()) for name in ("Certificate", "CertificateChain"))
    leaf.verify_directly_issued_by(above)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["www.example.com"]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca and above.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"].strip() == got["CertificateChain"]


def test_a_subordinate_stands_under_its_root(pca):
    top, below = root(pca), make(pca, "SUBORDINATE", "below")
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=below)["Csr"].encode()
    signed = issue(pca, top, csr, SUB, {"Type": "YEARS", "Value": 5})
    refused("InvalidRequestException", pca.import_certificate_authority_certificate, CertificateAuthorityArn=below, Certificate=signed["Certificate"])
    refused("CertificateMismatchException", pca.import_certificate_authority_certificate, CertificateAuthorityArn=below, Certificate=signed["CertificateChain"])
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=below, Certificate=signed["Certificate"], CertificateChain=signed["CertificateChain"])
    got = issue(pca, below, request())
    leaf, middle, above = [x509.load_pem_x509_certificate(got["Certificate"].encode()), *x509.load_pem_x509_certificates(got["CertificateChain"].encode())]
    leaf.verify_directly_issued_by(middle)
    middle.verify_directly_issued_by(above)


def test_what_cannot_be_issued(cloud, pca):
    arn = root(pca)
    ask = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA", "Csr": request()}
    refused("ValidationException", pca.issue_certificate, **ask, Validity={"Type": "YEARS", "Value": 20})
    refused("MalformedCSRException", pca.issue_certificate, **{**ask, "Csr": b"x"}, Validity={"Type": "DAYS", "Value": 1})
    refused("InvalidArgsException", pca.issue_certificate, **{**ask, "SigningAlgorithm": "SHA256WITHRSA"}, Validity={"Type": "DAYS", "Value": 1})
    refused("ResourceNotFoundException", pca.describe_certificate_authority, CertificateAuthorityArn=arn[:-4] + "0000")
    once, again = (pca.issue_certificate(**ask, Validity={"Type": "DAYS", "Value": 1}, IdempotencyToken="t")["CertificateArn"] for _ in range(2))
    assert once == again
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    refused("InvalidStateException", pca.issue_certificate, **ask, Validity={"Type": "DAYS", "Value": 1})
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE")
    cloud.advance(days=3660)
    assert pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"] == "EXPIRED"


def test_a_certificate_is_revoked_once(pca):
    arn = root(pca)
    serial = f"{x509.load_pem_x509_certificate(issue(pca, arn, request())['Certificate'].encode()).serial_number:x}"
    pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    refused("RequestAlreadyProcessedException", pca.revoke_certificate, CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    refused("InvalidRequestException", pca.revoke_certificate, CertificateAuthorityArn=arn, CertificateSerial="ab:cd", RevocationReason="SUPERSEDED")


def test_a_deleted_authority_can_be_restored_until_its_time_is_over(cloud, pca):
    arn = root(pca)
    refused("InvalidStateException", pca.delete_certificate_authority, CertificateAuthorityArn=arn)
    pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    assert pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"] == "DELETED"
    pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    assert pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"] == "DISABLED"
    pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    cloud.advance(days=7, seconds=1)
    refused("ResourceNotFoundException", pca.describe_certificate_authority, CertificateAuthorityArn=arn)


def test_others_issue_by_policy_or_by_a_share(cloud, pca):
    arn, other = root(pca), cloud.other()
    bob = Person(other, "bob", allow("acm-pca:*", arn)).client("acm-pca")
    refused("AccessDeniedException", issue, bob, arn, request())
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"], "Resource": arn}]}
    pca.put_policy(ResourceArn=arn, Policy=json.dumps(policy))
    assert json.loads(pca.get_policy(ResourceArn=arn)["Policy"]) == policy
    assert issue(bob, arn, request())["Certificate"]
    pca.delete_policy(ResourceArn=arn)
    refused("ResourceNotFoundException", pca.get_policy, ResourceArn=arn)
    refused("AccessDeniedException", issue, bob, arn, request())
    cloud.client("ram").create_resource_share(name="s", resourceArns=[arn], principals=[other.account])
    [invitation] = other.client("ram").get_resource_share_invitations()["resourceShareInvitations"]
    other.client("ram").accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    assert issue(bob, arn, request())["Certificate"]
    assert [one["Arn"] for one in other.client("acm-pca").list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"]] == [arn]


def test_permissions_and_tags_are_kept(pca):
    arn = make(pca, Tags=[{"Key": "a", "Value": "b"}], IdempotencyToken="one")
    assert make(pca, IdempotencyToken="one") == arn
    at = {"CertificateAuthorityArn": arn}
    pca.create_permission(**at, Principal="acm.amazonaws.com", Actions=["IssueCertificate", "GetCertificate"])
    refused("PermissionAlreadyExistsException", pca.create_permission, **at, Principal="acm.amazonaws.com", Actions=["IssueCertificate"])
    assert pca.list_permissions(**at)["Permissions"][0]["Actions"] == ["IssueCertificate", "GetCertificate"]
    pca.delete_permission(**at, Principal="acm.amazonaws.com")
    assert pca.list_permissions(**at)["Permissions"] == []
    pca.tag_certificate_authority(**at, Tags=[{"Key": "c", "Value": "d"}])
    pca.untag_certificate_authority(**at, Tags=[{"Key": "a"}])
    assert pca.list_tags(**at)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert [one["Arn"] for one in pca.list_certificate_authorities()["CertificateAuthorities"]] == [arn]


def test_an_authority_by_cloudformation(cloud, pca):
    resources = {
        "CA": {"Type": "AWS::ACMPCA::CertificateAuthority", "Properties": {"Type": "ROOT", "KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA", "Subject": {"CommonName": "stack"}}},
        "Own": {"Type": "AWS::ACMPCA::Certificate", "Properties": {"CertificateAuthorityArn": {"Ref": "CA"}, "CertificateSigningRequest": {"Fn::GetAtt": ["CA", "CertificateSigningRequest"]},
                                                                   "SigningAlgorithm": "SHA256WITHECDSA", "TemplateArn": ROOT, "Validity": YEARS}},
        "On": {"Type": "AWS::ACMPCA::CertificateAuthorityActivation", "Properties": {"CertificateAuthorityArn": {"Ref": "CA"}, "Certificate": {"Fn::GetAtt": ["Own", "Certificate"]}}},
        "May": {"Type": "AWS::ACMPCA::Permission", "Properties": {"CertificateAuthorityArn": {"Ref": "CA"}, "Principal": "acm.amazonaws.com", "Actions": ["IssueCertificate"]}},
    }
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    cloud.advance(10)
    [one] = pca.list_certificate_authorities()["CertificateAuthorities"]
    assert one["Status"] == "ACTIVE" and issue(pca, one["Arn"], request())
    cfn.delete_stack(StackName="s")
    cloud.advance(10)
    assert pca.list_certificate_authorities()["CertificateAuthorities"][0]["Status"] == "DELETED"
