"""AssumeRoleWithSAML: believed if signed by a provider that the account knows, for AWS, now, and for a role that trusts it."""
import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from cloche.testing.people import allow, document, keys, refused, trusting

ISSUER = "https://idp.example.com/saml"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"


class Idp:
    """An identity provider that writes its documents in canonical form, so that signing them is hashing their text."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
        self.certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(7)
                            .not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2049, 1, 1)).sign(self.key, hashes.SHA256()))

    def metadata(self):
        der = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        return (f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}"><md:IDPSSODescriptor '
                'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
                f'<ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService '
                f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ISSUER}"></md:SingleSignOnService></md:IDPSSODescriptor></md:EntityDescriptor>')

    def response(self, now, role, provider, signed=True, minutes=5, recipient="https://signin.aws.amazon.com/saml", session="alice", more=(), spoil=lambda text: text, **attributes):
        def at(seconds):
            return (datetime.fromtimestamp(now, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"Role": f"{role},{provider}", "RoleSessionName": session} | attributes
        rows = "".join(
            f'<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>' for name, value in said.items())
        head = f'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a1" IssueInstant="{at(0)}" Version="2.0"><saml:Issuer>{ISSUER}</saml:Issuer>'
        tail = (f'<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">a&amp;lice</saml:NameID><saml:SubjectConfirmation '
                f'Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{at(60 * minutes)}" Recipient="{recipient}">'
                f'</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{at(-60)}" NotOnOrAfter="{at(60 * minutes)}">'
                '<saml:AudienceRestriction><saml:Audience>https://signin.aws.amazon.com/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions>'
                f'<saml:AttributeStatement>{rows}</saml:AttributeStatement></saml:Assertion>')
        signature = self.signature(head + tail) if signed else ""
        text = (f'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r1" Version="2.0"><samlp:Status><samlp:StatusCode '
                f'Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>{head}{signature}{tail}</samlp:Response>')
        return base64.b64encode(spoil(text).encode()).decode()

    def signature(self, canonical):
        digest = base64.b64encode(hashlib.sha256(canonical.encode()).digest()).decode()
        info = (f'<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod><ds:SignatureMethod '
                'Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#_a1"><ds:Transforms><ds:Transform '
                f'Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="{C14N}"></ds:Transform></ds:Transforms><ds:DigestMethod '
                f'Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>')
        value = base64.b64encode(self.key.sign(info.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        inner = info.replace(' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', "", 1)
        return f'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{inner}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>'


@pytest.fixture(scope="module")
def idp():
    return Idp()


class Federation:
    def __init__(self, cloud, idp, actions="sts:AssumeRoleWithSAML", **more):
        self.cloud, self.idp, self.iam = cloud, idp, cloud.client("iam")
        self.provider = self.iam.create_saml_provider(Name="idp", SAMLMetadataDocument=idp.metadata())["SAMLProviderArn"]
        self.role = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"Federated": self.provider}, actions, **more))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(allow("iam:ListUsers"), allow(
            "iam:ListRoles", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})))
        self.sts = cloud.client("sts", config=Config(signature_version=UNSIGNED))

    def assertion(self, **more):
        return self.idp.response(self.cloud.now, self.role, self.provider, **more)

    def assume(self, assertion, **more):
        return self.sts.assume_role_with_saml(RoleArn=self.role, PrincipalArn=self.provider, SAMLAssertion=assertion, **more)


def test_a_signed_assertion_opens_a_session_of_the_role(cloud, idp):
    it = Federation(cloud, idp, Condition={"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml", "SAML:iss": ISSUER}})
    answer = it.assume(it.assertion())
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/r/alice"
    assert answer["Subject"] == "a&lice" and answer["SubjectType"] == "persistent" and answer["Issuer"] == ISSUER
    assert answer["Audience"] == "https://signin.aws.amazon.com/saml"
    assert answer["NameQualifier"] == base64.b64encode(hashlib.sha1(f"{ISSUER}{cloud.account}/idp".encode()).digest()).decode()
    assert "Users" in cloud.client("iam", **keys(answer)).list_users()


def test_what_the_assertion_said_stays_with_the_session(cloud, idp):
    it = Federation(cloud, idp)
    it.iam.put_role_policy(RoleName="r", PolicyName="subject", PolicyDocument=document(
        allow("iam:ListGroups", Condition={"StringEquals": {"saml:sub": "a&lice", "saml:sub_type": "persistent"}}), allow("iam:ListPolicies", Condition={"StringEquals": {"saml:sub": "bob"}})))
    theirs = cloud.client("iam", **keys(it.assume(it.assertion())))
    assert theirs.list_groups()["Groups"] == []
    refused("AccessDenied", theirs.list_policies)


def test_what_is_not_signed_or_was_changed_is_not_believed(cloud, idp):
    it = Federation(cloud, idp)
    refused("InvalidIdentityToken", it.assume, it.assertion(signed=False))
    refused("InvalidIdentityToken", it.assume, it.assertion(spoil=lambda text: text.replace(">alice<", ">admin<")))
    refused("InvalidIdentityToken", it.assume, it.assertion(spoil=lambda text: "<!DOCTYPE x>" + text))
    refused("InvalidIdentityToken", it.assume, base64.b64encode(b"not xml").decode())
    refused("InvalidIdentityToken", it.assume, base64.b64encode(b"<a>" * 5000 + b"</a>" * 5000).decode())
    refused("InvalidIdentityToken", it.assume, it.assertion(recipient="https://elsewhere.example.com"))
    it.idp = Idp()
    refused("InvalidIdentityToken", it.assume, it.assertion())


def test_a_second_assertion_wrapped_around_the_signed_one_is_not_seen(cloud, idp):
    it = Federation(cloud, idp)

    def wrap(text):
        start, end = text.index("<saml:Assertion"), text.index("</saml:Assertion>") + len("</saml:Assertion>")
        forged = text[start:end].replace(">alice<", ">admin<").replace('ID="_a1"', 'ID="_a2"')
        return text[:start] + forged + text[start:end] + text[end:]
    refused("InvalidIdentityToken", it.assume, it.assertion(spoil=wrap))


def test_an_assertion_is_good_for_five_minutes_on_the_virtual_clock(cloud, idp):
    it = Federation(cloud, idp)
    assertion = it.assertion()
    cloud.advance(minutes=6)
    refused("ExpiredTokenException", it.assume, assertion)


def test_the_role_must_be_offered_and_must_trust_the_provider(cloud, idp):
    it = Federation(cloud, idp)
    other = it.iam.create_role(RoleName="other", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))["Role"]["Arn"]
    said = refused("AccessDenied", it.sts.assume_role_with_saml, RoleArn=other, PrincipalArn=it.provider, SAMLAssertion=it.assertion())
    assert said == "Not authorized to perform sts:AssumeRoleWithSAML"
    refused("AccessDenied", it.sts.assume_role_with_saml, RoleArn=other, PrincipalArn=it.provider, SAMLAssertion=it.idp.response(cloud.now, other, it.provider))


def test_the_assertion_may_say_how_long_and_with_which_tags(cloud, idp):
    it = Federation(cloud, idp, ["sts:AssumeRoleWithSAML", "sts:TagSession"])
    it.iam.update_role(RoleName="r", MaxSessionDuration=7200)
    answer = it.assume(it.assertion(SessionDuration="5400", **{"PrincipalTag:team": "red"}))
    assert 5390 <= answer["Credentials"]["Expiration"].timestamp() - cloud.now <= 5400
    assert "Roles" in cloud.client("iam", **keys(answer)).list_roles()
    refused("ValidationError", it.assume, it.assertion(), DurationSeconds=7201)
    capped = it.assume(it.assertion(**{"PrincipalTag:team": "red"}), Policy=document(allow("iam:ListUsers")))
    refused("AccessDenied", cloud.client("iam", **keys(capped)).list_roles)


def test_a_saml_provider_keeps_its_metadata_and_tags(cloud, idp):
    iam = cloud.client("iam")
    refused("InvalidInput", iam.create_saml_provider, Name="bad", SAMLMetadataDocument="<x>" + " " * 1000 + "</x>")
    arn = iam.create_saml_provider(Name="idp", SAMLMetadataDocument=idp.metadata(), Tags=[{"Key": "a", "Value": "b"}])["SAMLProviderArn"]
    assert arn == f"arn:aws:iam::{cloud.account}:saml-provider/idp"
    refused("EntityAlreadyExists", iam.create_saml_provider, Name="idp", SAMLMetadataDocument=idp.metadata())
    got = iam.get_saml_provider(SAMLProviderArn=arn)
    assert got["SAMLMetadataDocument"] == idp.metadata() and got["ValidUntil"].year == 2049
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=Idp().metadata())
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_saml_provider(SAMLProviderArn=arn, TagKeys=["a"])
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert [p["Arn"] for p in iam.list_saml_providers()["SAMLProviderList"]] == [arn]
    iam.delete_saml_provider(SAMLProviderArn=arn)
    refused("NoSuchEntity", iam.get_saml_provider, SAMLProviderArn=arn)
