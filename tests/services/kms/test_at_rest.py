"""Secrets stay where they belong: not in the log, not in the timeline, not in an error, not in the open on disk; and without the master key they are nobody's."""
import io
import json
import stat
import zipfile

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

SECRET = "kolibri-secret-0123456789abcdef"


def on_disk(process, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in process.data.rglob("*") if file.is_file() and file.name != "out.log")


def seed(cloud) -> list[str]:
    """A secret through every door that takes one, and what AWS gives out as one; each call also once in a way that is refused."""
    given = [SECRET]
    iam, secrets, ssm, kms, cognito = (cloud.client(name) for name in ("iam", "secretsmanager", "ssm", "kms", "cognito-idp"))
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.create_user(UserName="u")
    given.append(iam.create_access_key(UserName="u")["AccessKey"]["SecretAccessKey"])
    given.append(cloud.client("sts").get_session_token()["Credentials"]["SecretAccessKey"])
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("index.py", "def handler(event, context):\n    return 1\n")
    pool = cognito.create_user_pool(PoolName="p")["UserPool"]["Id"]
    given.append(cognito.create_user_pool_client(UserPoolId=pool, ClientName="c", GenerateSecret=True)["UserPoolClient"]["ClientSecret"])
    key = kms.create_key()["KeyMetadata"]["Arn"]
    function = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": role, "Code": {"ZipFile": code.getvalue()},
                "Environment": {"Variables": {"WORD": SECRET}}, "KMSKeyArn": key}
    calls = [
        (iam.create_login_profile, {"UserName": "u", "Password": SECRET + "A1!"}),
        (secrets.create_secret, {"Name": "s", "SecretString": SECRET}),
        (ssm.put_parameter, {"Name": "p", "Value": SECRET, "Type": "SecureString"}),
        (kms.encrypt, {"KeyId": key, "Plaintext": SECRET.encode()}),
        (cloud.client("lambda").create_function, function),
        (cognito.admin_create_user, {"UserPoolId": pool, "Username": "someone", "TemporaryPassword": SECRET + "A1!", "MessageAction": "SUPPRESS"}),
        (cognito.admin_set_user_password, {"UserPoolId": pool, "Username": "someone", "Password": SECRET + "A1!", "Permanent": True}),
    ]
    for call, arguments in calls:
        call(**arguments)
    for call, arguments in calls:  # again: most exist already
        try:
            call(**arguments)
        except ClientError as error:
            assert SECRET not in str(error)
    for call, arguments in ((secrets.create_secret, {"Name": "bad name!", "SecretString": SECRET}), (ssm.put_parameter, {"Name": "aws", "Value": SECRET, "Type": "SecureString"}),
                            (cognito.admin_create_user, {"UserPoolId": pool, "Username": "other", "TemporaryPassword": SECRET}),
                            (cloud.client("lambda").create_function, function | {"FunctionName": "g", "Environment": {"Variables": {"AWS_REGION": SECRET}}})):
        with pytest.raises(ClientError) as refused:
            call(**arguments)
        assert SECRET not in str(refused.value)
    secrets.get_secret_value(SecretId="s")
    ssm.get_parameter(Name="p", WithDecryption=True)
    return given


def test_no_secret_is_in_the_log_in_the_timeline_or_on_disk(process):
    cloud = process()
    given = seed(cloud)
    timeline = json.dumps(cloud.control("requests"))
    assert "CreateSecret" in timeline and "AdminCreateUser" in timeline  # it is the right place to look
    for text in given:
        assert text not in cloud.log.read_text() and text not in timeline
        assert not on_disk(cloud, text.encode()), text
    assert SECRET not in json.dumps(cloud.control("mail"))


def test_the_data_directory_is_its_owners_alone(process):
    cloud = process()
    cloud.client("kms").create_key()
    assert stat.S_IMODE(cloud.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(next(cloud.data.rglob("master.key")).stat().st_mode) == 0o600


def test_key_material_is_sealed_on_disk_survives_a_crash_and_is_lost_with_the_master_key(process):
    cloud = process()
    kms = cloud.client("kms")
    material = bytes(range(100, 132))
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    asked = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    wrapped = serialization.load_der_public_key(asked["PublicKey"]).encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    kms.import_key_material(KeyId=key, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    cloud.kill()
    cloud.start()
    assert not on_disk(cloud, material)
    assert cloud.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    cloud.kill()
    next(cloud.data.rglob("master.key")).unlink()
    cloud.start()
    with pytest.raises(ClientError):
        cloud.client("kms").decrypt(CiphertextBlob=blob)
