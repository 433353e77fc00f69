"""What nobody may read: secrets lie sealed in the data directory, and do not stand in the log, in the timeline or in what an error says."""
import base64
import contextlib
import json
import stat
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from cloche.testing.people import Person, allow, keys, trusting


@pytest.fixture(scope="module")
def certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(datetime.now() - timedelta(days=1)).not_valid_after(datetime.now() + timedelta(days=30)).sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def furnish(cloud, certificate):
    """One secret of every kind; name -> the text that nobody may find."""
    secrets = {"secret": "swordfish-secret", "parameter": "swordfish-parameter", "password": "Swordfish-9-password!", "pool": "Swordfish-8-pool!"}
    cloud.client("secretsmanager").create_secret(Name="s", SecretString=secrets["secret"])
    cloud.client("ssm").put_parameter(Name="p", Type="SecureString", Value=secrets["parameter"])
    iam = cloud.client("iam")
    bob = Person(cloud, "bob", allow("*"))
    iam.create_login_profile(UserName="bob", Password=secrets["password"])
    secrets["access key"] = bob.secret
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": cloud.account}))["Role"]["Arn"]
    session = keys(bob.client("sts").assume_role(RoleArn=role, RoleSessionName="ss"))
    secrets["session secret"], secrets["session token"] = session["secret"], session["token"]
    secrets["git password"] = iam.create_service_specific_credential(UserName="bob", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]["ServicePassword"]
    secrets["mfa seed"] = iam.create_virtual_mfa_device(VirtualMFADeviceName="m")["VirtualMFADevice"]["Base32StringSeed"].decode()
    body, private = certificate
    secrets["private key"] = private.decode().splitlines()[3]
    iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body.decode(), PrivateKey=private.decode())
    cloud.client("acm").import_certificate(Certificate=body, PrivateKey=private)
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"swordfish-plaintext")
    secrets["plaintext"] = "swordfish-plaintext"
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="p")["UserPool"]["Id"]
    secrets["client secret"] = cognito.create_user_pool_client(UserPoolId=pool, ClientName="c", GenerateSecret=True)["UserPoolClient"]["ClientSecret"]
    cognito.admin_create_user(UserPoolId=pool, Username="u", TemporaryPassword=secrets["pool"], MessageAction="SUPPRESS")
    return secrets


def refusals(cloud, secrets):
    """Errors of requests that carry secrets; what they say."""
    said = []
    for client, call in (
        ("secretsmanager", lambda c: c.create_secret(Name="s", SecretString=secrets["secret"])),
        ("ssm", lambda c: c.put_parameter(Name="bad name!", Type="SecureString", Value=secrets["parameter"])),
        ("iam", lambda c: c.create_login_profile(UserName="nobody", Password=secrets["password"])),
        ("iam", lambda c: c.change_password(OldPassword=secrets["password"], NewPassword="x")),
        ("kms", lambda c: c.encrypt(KeyId="alias/none", Plaintext=secrets["plaintext"].encode())),
        ("kms", lambda c: c.encrypt(KeyId="alias/none", Plaintext=secrets["plaintext"].encode() * 400)),
        ("cognito-idp", lambda c: c.admin_set_user_password(UserPoolId="us-east-1_none", Username="u", Password=secrets["pool"])),
    ):
        with contextlib.suppress(ClientError):
            call(cloud.client(client))
            raise AssertionError(client)
    for key, secret, token in (("AKIA" + "A" * 16, secrets["access key"], None), ("ASIA" + "A" * 16, secrets["session secret"], secrets["session token"])):
        with contextlib.suppress(ClientError):
            cloud.client("sts", key=key, secret=secret, token=token).get_caller_identity()
    said.append(json.dumps(cloud.control("requests?limit=1000")))
    return said


def test_no_secret_can_be_read_without_the_master_key(process, certificate):
    cloud = process()
    secrets = furnish(cloud, certificate)
    said = refusals(cloud, secrets)
    cloud.kill()
    lying = {path: path.read_bytes() for path in cloud.data.rglob("*") if path.is_file() and path.name != "master.key"}
    secrets |= {"mfa seed's bytes": base64.b32decode(secrets["mfa seed"]).decode("latin-1")}
    found = {name: str(path.relative_to(cloud.data)) for name, text in secrets.items() for path, content in lying.items() if text.encode("latin-1") in content}
    assert not sorted(found.items())
    assert not {name for name, text in secrets.items() if any(text in line for line in [*said, cloud.log.read_text()])}


def test_the_data_directory_and_the_master_key_are_their_owners_alone(process):
    cloud = process()
    cloud.client("kms").create_key()
    assert stat.S_IMODE(cloud.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((cloud.data / "master.key").stat().st_mode) == 0o600


def test_without_its_master_key_a_cloud_opens_nothing_and_says_so(process):
    cloud = process()
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    cloud.kill()
    (cloud.data / "master.key").unlink()
    cloud.start()
    with pytest.raises(ClientError):
        cloud.client("kms").decrypt(CiphertextBlob=sealed)
