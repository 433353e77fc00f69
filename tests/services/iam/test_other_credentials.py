"""SSH keys, Git passwords and certificates."""
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cloche.testing.people import allow, document, refused


@pytest.fixture
def iam(cloud):
    iam = cloud.client("iam")
    iam.create_user(UserName="bob")
    return iam


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2049, 1, 1)).sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def test_an_ssh_key_is_read_and_shown_in_both_forms(iam, key):
    body = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    made = iam.upload_ssh_public_key(UserName="bob", SSHPublicKeyBody=body + " bob@host")["SSHPublicKey"]
    assert made["SSHPublicKeyId"].startswith("APKA") and made["SSHPublicKeyBody"] == body and len(made["Fingerprint"]) == 47
    refused("DuplicateSSHPublicKey", iam.upload_ssh_public_key, UserName="bob", SSHPublicKeyBody=body)
    refused("InvalidPublicKey", iam.upload_ssh_public_key, UserName="bob", SSHPublicKeyBody="ssh-rsa AAAA")
    small = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    refused("InvalidPublicKey", iam.upload_ssh_public_key, UserName="bob", SSHPublicKeyBody=small)
    id = made["SSHPublicKeyId"]
    assert iam.get_ssh_public_key(UserName="bob", SSHPublicKeyId=id, Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"].startswith("-----BEGIN PUBLIC KEY")
    iam.update_ssh_public_key(UserName="bob", SSHPublicKeyId=id, Status="Inactive")
    assert iam.list_ssh_public_keys(UserName="bob")["SSHPublicKeys"][0]["Status"] == "Inactive"
    refused("DeleteConflict", iam.delete_user, UserName="bob")
    iam.delete_ssh_public_key(UserName="bob", SSHPublicKeyId=id)
    refused("NoSuchEntity", iam.get_ssh_public_key, UserName="bob", SSHPublicKeyId=id, Encoding="SSH")


def test_git_credentials_are_two_a_user_and_shown_once(cloud, iam):
    made = iam.create_service_specific_credential(UserName="bob", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    assert made["ServiceUserName"] == f"bob-at-{cloud.account}" and made["ServicePassword"]
    second = iam.create_service_specific_credential(UserName="bob", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    assert second["ServiceUserName"] == f"bob+1-at-{cloud.account}"
    refused("LimitExceeded", iam.create_service_specific_credential, UserName="bob", ServiceName="codecommit.amazonaws.com")
    refused("NotSupportedService", iam.create_service_specific_credential, UserName="bob", ServiceName="s3.amazonaws.com")
    id = made["ServiceSpecificCredentialId"]
    again = iam.reset_service_specific_credential(UserName="bob", ServiceSpecificCredentialId=id)["ServiceSpecificCredential"]
    assert again["ServicePassword"] != made["ServicePassword"]
    iam.update_service_specific_credential(UserName="bob", ServiceSpecificCredentialId=id, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName="bob", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredentials"]
    assert sorted(one["Status"] for one in listed) == ["Active", "Inactive"] and "ServicePassword" not in listed[0]
    assert len(iam.list_service_specific_credentials(AllUsers=True)["ServiceSpecificCredentials"]) == 2
    iam.delete_service_specific_credential(UserName="bob", ServiceSpecificCredentialId=id)
    refused("NoSuchEntity", iam.reset_service_specific_credential, UserName="bob", ServiceSpecificCredentialId=id)


def test_a_server_certificate_belongs_to_its_key(cloud, iam, key, certificate):
    refused("MalformedCertificate", iam.upload_server_certificate, ServerCertificateName="c", CertificateBody="nothing", PrivateKey=pem(key))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused("KeyPairMismatch", iam.upload_server_certificate, ServerCertificateName="c", CertificateBody=certificate, PrivateKey=pem(other))
    made = iam.upload_server_certificate(ServerCertificateName="c", Path="/elb/", CertificateBody=certificate, PrivateKey=pem(key), Tags=[{"Key": "a", "Value": "b"}])
    assert made["ServerCertificateMetadata"]["Arn"] == f"arn:aws:iam::{cloud.account}:server-certificate/elb/c"
    assert made["ServerCertificateMetadata"]["Expiration"].year == 2049
    refused("EntityAlreadyExists", iam.upload_server_certificate, ServerCertificateName="c", CertificateBody=certificate, PrivateKey=pem(key))
    assert iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]["CertificateBody"] == certificate
    iam.update_server_certificate(ServerCertificateName="c", NewServerCertificateName="d", NewPath="/x/")
    assert [one["ServerCertificateName"] for one in iam.list_server_certificates(PathPrefix="/x/")["ServerCertificateMetadataList"]] == ["d"]
    iam.tag_server_certificate(ServerCertificateName="d", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_server_certificate(ServerCertificateName="d", TagKeys=["a"])
    assert iam.list_server_certificate_tags(ServerCertificateName="d")["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.delete_server_certificate(ServerCertificateName="d")
    refused("NoSuchEntity", iam.get_server_certificate, ServerCertificateName="d")


def test_signing_certificates_of_a_user(iam, certificate):
    id = iam.upload_signing_certificate(UserName="bob", CertificateBody=certificate)["Certificate"]["CertificateId"]
    refused("DuplicateCertificate", iam.upload_signing_certificate, UserName="bob", CertificateBody=certificate)
    refused("MalformedCertificate", iam.upload_signing_certificate, UserName="bob", CertificateBody="nothing")
    iam.update_signing_certificate(UserName="bob", CertificateId=id, Status="Inactive")
    assert iam.list_signing_certificates(UserName="bob")["Certificates"][0]["Status"] == "Inactive"
    iam.delete_signing_certificate(UserName="bob", CertificateId=id)
    refused("NoSuchEntity", iam.delete_signing_certificate, UserName="bob", CertificateId=id)


def test_the_policies_that_grant_access_to_a_service_are_found(cloud, iam):
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="bob")
    iam.put_group_policy(GroupName="g", PolicyName="queues", PolicyDocument=document(allow("sqs:*")))
    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    found = iam.list_policies_granting_service_access(Arn=f"arn:aws:iam::{cloud.account}:user/bob", ServiceNamespaces=["s3", "sqs", "ec2"])["PoliciesGrantingServiceAccess"]
    assert [[p["PolicyName"] for p in one["Policies"]] for one in found] == [["AmazonS3ReadOnlyAccess"], ["queues"], []]
